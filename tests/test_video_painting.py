"""Paintings and drawings are told from photographs, and a portrait of that kind is noted but not refused."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from cospeech.video.detection.keypoints import DetectedKeypoints
from cospeech.video.detection.painting import looks_painted
from cospeech.video.films import portrait as portraits
from portrait_data import SIDE, draw_figure, figure_points


def scene(seed: int) -> np.ndarray:
    """[512, 512, 3] uint8: detail of every size, blurred and with noise as by a lens and a sensor."""
    rng = np.random.default_rng(seed)
    total = np.zeros((512, 512, 3))
    for octave in range(2, 9):
        coarse = rng.normal(0, 1, (2**octave, 2**octave, 3))
        layers = [Image.fromarray(coarse[..., k].astype(np.float32)).resize((512, 512)) for k in range(3)]
        total += np.stack([np.asarray(layer) for layer in layers], -1) * 40 / octave
    image = Image.fromarray(np.clip(128 + total, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1.2))
    return np.clip(np.asarray(image) + rng.normal(0, 2, total.shape), 0, 255).astype(np.uint8)


def flat(image: np.ndarray) -> np.ndarray:
    """The same in few flat colours with sharp borders."""
    smooth = np.asarray(Image.fromarray(image).filter(ImageFilter.MedianFilter(9)), float)
    return (np.round(smooth / 48) * 48).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(3))
def test_flat_colours_look_painted_and_detail_does_not(seed):
    assert not looks_painted(scene(seed))
    assert looks_painted(flat(scene(seed)))


def test_a_small_picture_and_a_grey_one_are_judged_too():
    small = np.asarray(Image.fromarray(scene(4)).resize((200, 150)))
    assert not looks_painted(small)
    assert not looks_painted(np.repeat(scene(4).mean(-1, keepdims=True), 3, -1).astype(np.uint8))


@pytest.mark.parametrize("painted", [True, False])
def test_a_portrait_that_looks_painted_is_noted_and_opens(painted, tmp_path, monkeypatch, capsys):
    picture, person = draw_figure(figure_points())
    Image.fromarray(picture).save(tmp_path / "ann.png")
    mask = (person * 255).astype(np.uint8)
    seen = DetectedKeypoints(figure_points()[None], np.ones((1, 116)), None, (SIDE, SIDE), mask)
    monkeypatch.setattr(portraits, "find_keypoints", lambda path, points, cache: seen)
    monkeypatch.setattr(portraits, "person_matte", lambda picture, name, cache: None)
    monkeypatch.setattr(portraits, "looks_painted", lambda picture: painted)
    opened = portraits.open_portrait(tmp_path / "ann.png", size=128)
    assert opened.size == (128, 128)
    lines = [line for line in capsys.readouterr().err.splitlines() if "painting or drawing" in line]
    assert len(lines) == painted
    assert all(line.startswith("ann.png looks like") for line in lines)
