"""Pairs from films, and the training material of a run."""

from __future__ import annotations

import shutil
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cospeech.avatar.film import write_video
from cospeech.core.errors import UserError
from cospeech.video.detection.keypoints import DetectedKeypoints
from portrait_data import FACE, HANDS, SKIN, draw_figure, figure_points, grid, like, moved_arm

torch = pytest.importorskip("torch")
train = import_module("cospeech.video.training.train")
pairs = import_module("cospeech.video.training.portrait_pairs")


def write_film(path: Path, frames: list[np.ndarray], fps: float = 2.0) -> Path:
    height, width = frames[0].shape[:2]
    write_video(path, iter(frames), len(frames), fps, (width, height), quality=5)
    return path


def turned_by_a_tag(path: Path) -> Path:
    """The film as a telephone writes it that was held upright: to be shown turned to the right."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44  # the matrix, of ISO 14496-12, section 8.3.2
    one = 1 << 16
    matrix = (0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    data[at : at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(bytes(data))
    return path


def test_a_film_gives_pairs_of_its_frames(tmp_path, monkeypatch):
    """256 x 192, and made so of a film twice as large: points come along."""
    points = np.stack([moved_arm(figure_points("up"), "left", (x, y)) for x, y in ((0, 0), (-6, 9), (4, 26))])
    frames = [draw_figure(one * 2, 512, 384)[0] for one in points]
    path = write_film(tmp_path / "ann.mp4", frames)
    seen = DetectedKeypoints(points * 2, np.ones(points.shape[:2]), 2.0, (512, 384))
    monkeypatch.setattr(train, "find_keypoints", lambda path: seen)
    made = list(train.film_pairs(path, seed=1, count=2))
    assert len(made) == 2
    small = [draw_figure(one, 256, 192)[0].astype(float) for one in points]
    for pair in made:
        found = []
        for picture in (pair.source, pair.target):
            assert picture.shape == (256, 256, 3)
            errors = [np.abs(picture[:192] - other).mean() for other in small]
            assert min(errors) < 4
            found.append(int(np.argmin(errors)))
        assert found[0] != found[1]
        for k in (0, 1):
            np.testing.assert_allclose(pair.points[k], points[found[k]] / 128 - 1, atol=1e-5)
        hand = np.linalg.norm(grid(256, 256) - points[found[1]][HANDS["left"]].mean(0), axis=-1) < 6
        assert like(pair.warped, SKIN)[hand].mean() > 0.8


def test_frames_are_far_enough_apart(tmp_path, monkeypatch):
    """Every twelfth of a film at 30 a second."""
    requested = []
    points = np.stack([figure_points()] * 40)
    seen = DetectedKeypoints(points, np.ones(points.shape[:2]), 30.0, (256, 256))
    monkeypatch.setattr(train, "find_keypoints", lambda path: seen)
    monkeypatch.setattr(train, "upright_frames", lambda path, chosen: requested.extend(chosen) or iter(()))
    path = write_film(tmp_path / "ann.mp4", [np.zeros((64, 64, 3), np.uint8)] * 2)
    assert not list(train.film_pairs(path))
    assert requested == [0, 12, 24, 36]


def test_a_film_that_is_turned_by_a_tag_is_seen_upright(tmp_path):
    picture, _ = draw_figure(figure_points())
    path = turned_by_a_tag(write_film(tmp_path / "upright.mp4", [np.rot90(picture)] * 2))
    frames = [frame for _, frame in train.upright_frames(path, range(2))]
    assert len(frames) == 2
    for frame in frames:
        assert like(frame, FACE)[30:90, 110:146].mean() > 0.9
        assert np.abs(frame.astype(float) - picture).mean() < 6


# ---------------------------------------------------------------------------- sources of a run


@pytest.fixture
def stubs(monkeypatch):
    """Training without training: what would have been learned from, by folder, and what was called."""
    calls: list[str] = []

    def fit_perceptual_encoder(read, folder, *, config, training):
        calls.append("looks")
        from safetensors.numpy import save_file

        folder.mkdir(exist_ok=True)
        save_file({}, folder / "model.safetensors", {"step": str(training.steps)})

    def make(path, poses, seed, *, side):
        calls.append(str(path))
        blank = {"source": (4, 4, 3), "masks": (7, 2, 2), "warped": (4, 4, 3), "seen": (7, 2, 2)}
        blank |= {"flow": (2, 2, 2), "target": (4, 4, 3), "points": (2, 116, 2)}
        pair = pairs.Pair(*(np.full(shape, len(calls), np.uint8) for shape in blank.values()))
        return iter([pair] * poses)

    def fit_video(read, folder, **options):
        calls.append(f"learned from {len(read)}")

    monkeypatch.setattr(train, "fit_perceptual_encoder", fit_perceptual_encoder)
    monkeypatch.setattr(train, "load_perceptual_encoder", lambda folder: None)
    monkeypatch.setattr(train, "fit_video", fit_video)
    monkeypatch.setattr(train, "pairs_of_portrait", make)
    monkeypatch.setattr(train, "export_portrait", lambda run, out, **options: out)
    return calls


def picture(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)
    return path


def test_pictures_of_the_same_name_are_all_learned_from(tmp_path, stubs):
    paths = [picture(tmp_path / folder / "face.png") for folder in ("ann", "ben", "cy")]
    options = {"portraits": paths, "preset": "tiny", "start": "none", "looks": "own"}
    train.train_video(tmp_path / "run", **options)
    assert stubs == [*map(str, paths), "looks", "learned from 6"]
    stubs.clear()
    train.train_video(tmp_path / "run", **options)  # once more: everything is there
    assert stubs == ["learned from 6"]


def test_progress_is_told_from_the_first_pair(tmp_path, stubs, capsys):
    paths = [picture(tmp_path / folder / "face.png") for folder in ("ann", "ben")]
    train.train_video(tmp_path / "run", portraits=paths, preset="tiny", start="none")
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("creating up to 4 training pairs")
    assert told[1] == "pair 1 of 4, 0 min left"
    assert told[-1] == "training the refinement on 4 pairs: 2 steps"
    train.train_video(tmp_path / "run", portraits=paths, preset="tiny", start="none")
    assert not any(line.startswith("pair ") for line in capsys.readouterr().err.splitlines())


def test_a_run_that_was_stopped_in_the_midst_begins_where_it_can(tmp_path, stubs):
    from safetensors.numpy import save_file

    path, out = picture(tmp_path / "in" / "face.png"), tmp_path / "run"
    options = {"portraits": [path], "preset": "tiny", "start": "none", "looks": "own"}
    train.train_video(out, **options)
    stubs.clear()
    folder = out / "pairs" / "portrait-face"
    (folder / "pairs.json").unlink()  # pairs were being made, of another preset
    for shard in (1, 2):
        shutil.copy(folder / "shard-00000.safetensors", folder / f"shard-0000{shard}.safetensors")
    save_file({}, out / "looks" / "model.safetensors", {"step": "1"})  # of two steps
    train.train_video(out, **options)
    assert stubs == [str(path), "looks", "learned from 2"]


def test_pictures_of_a_folder(tmp_path):
    wanted = [picture(tmp_path / "in" / name) for name in ("b.png", "a.jpg")]
    picture(tmp_path / "in" / "more" / "c.png")
    (tmp_path / "in" / "notes.txt").write_text("none")
    single = picture(tmp_path / "d.png")
    assert train.pictures_of([tmp_path / "in", single]) == [*sorted(wanted), single]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no picture in"):
        train.pictures_of([tmp_path / "empty"])
