"""What of a picture a film shows, and that a portrait is opened so."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from cospeech.core.errors import UserError
from cospeech.video.films.cropping import CROPS, choose_crop
from cospeech.video.films.portrait import open_portrait
from portrait_data import HANDS, draw_figure, figure_points
from video_data import openpose

SIZE, SEEN = (256, 256), np.ones(116)


def without(*sides: str) -> np.ndarray:
    """Confidence with hands that were not found."""
    confidence = SEEN.copy()
    for side in sides:
        confidence[HANDS[side]] = 0.0
    return confidence


@pytest.mark.parametrize("pose", ["down", "up", "front"])
def test_all_is_shown_of_whom_the_hands_are_seen(pose):
    """Also of hands that are folded."""
    for confidence in (SEEN, without("left")) if pose != "front" else (SEEN,):
        shown = choose_crop(figure_points(pose), confidence, SIZE)
        assert shown.box == (0, 0, 256, 256)
        assert shown.reason == ""


def test_head_and_shoulders_of_whom_no_hand_is_seen():
    points = figure_points()
    shown = choose_crop(points, without("left", "right"), SIZE)
    left, top, right, bottom = shown.box
    assert "head and shoulders" in shown.reason
    assert "--crop half" in shown.reason
    assert bottom < 200  # no hand is in it
    for spots in (points[48:], points[[0, 3]]):
        assert ((spots > (left, top)) & (spots < (right, bottom))).all()
    below = points.copy()
    for side, span in HANDS.items():
        below[span] += [0.0, 100.0]  # found, but outside the picture
        assert side
    assert choose_crop(below, SEEN, SIZE).box == shown.box
    assert choose_crop(points, without("left", "right"), SIZE, "half").box == (0, 0, 256, 256)


def test_head_and_shoulders_if_they_are_asked_for():
    shown = choose_crop(figure_points(), SEEN, SIZE, "bust")
    assert shown.reason == ""
    assert shown.box == choose_crop(figure_points(), without("left", "right"), SIZE).box


def test_who_is_far_away_is_brought_nearer():
    points = figure_points() * 0.5 + [300.0, 200.0]
    for crop in ("auto", "half"):
        shown = choose_crop(points, SEEN, (1000, 600), crop)
        left, top, right, bottom = shown.box
        assert "small" in shown.reason
        assert (right - left) * (bottom - top) < 0.2 * 1000 * 600
        assert ((points > (left, top)) & (points < (right, bottom))).all()


@pytest.mark.parametrize("seed", range(20))
def test_the_box_lies_in_the_picture(seed):
    rng = np.random.default_rng(seed)
    size = tuple(int(side) for side in rng.integers(130, 900, 2))
    points = figure_points() * rng.uniform(0.1, 3.0)
    points += rng.uniform(0, 1, 2) * size - points[48:].mean(0)  # the face is in the picture
    for crop in CROPS:
        for confidence in (SEEN, without("left", "right")):
            left, top, right, bottom = choose_crop(points, confidence, size, crop).box
            assert 0 <= left < right <= size[0]
            assert 0 <= top < bottom <= size[1]


def test_another_word_is_refused_in_one_line():
    with pytest.raises(UserError, match="crop is one of auto, bust, half; got 'face'") as caught:
        choose_crop(figure_points(), SEEN, SIZE, "face")
    assert "\n" not in str(caught.value)


def test_a_portrait_is_opened_as_it_is_shown(tmp_path, capsys):
    """The picture and its points are of the same part, in any size."""
    points = figure_points(scale=2.0)
    picture, _ = draw_figure(points, 512, 512)
    Image.fromarray(picture).save(tmp_path / "ann.png")
    (tmp_path / "ann.json").write_text(json.dumps({"people": [openpose(points, SEEN)]}))
    opened = {
        crop: open_portrait(tmp_path / "ann.png", points=tmp_path / "ann.json", size=256, crop=crop) for crop in CROPS
    }
    np.testing.assert_array_equal(opened["auto"].picture, opened["half"].picture)
    left, top, right, bottom = choose_crop(points, SEEN, (512, 512), "bust").box
    bust = opened["bust"]
    assert max(bust.size) == 256
    assert bust.size[0] % 2 == bust.size[1] % 2 == 0
    assert bust.person.shape == bust.picture.shape[:2]
    np.testing.assert_allclose(
        bust.points, (points - [left, top]) * np.array(bust.size) / [right - left, bottom - top], atol=0.01
    )
    x, y = bust.points[48 + 30].astype(int)  # the nose is on the face
    assert np.abs(bust.picture[y, x].astype(int) - (225, 170, 140)).max() < 12
    assert bust.person[y, x] > 0.9
    hidden = json.dumps({"people": [openpose(points, without("left", "right"))]})
    (tmp_path / "ann.json").write_text(hidden)
    capsys.readouterr()
    alone = open_portrait(tmp_path / "ann.png", points=tmp_path / "ann.json", size=256, crop="auto")
    assert "head and shoulders" in capsys.readouterr().err
    np.testing.assert_array_equal(alone.picture, bust.picture)
