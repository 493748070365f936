"""Further views of hands: which one is chosen, when it changes, and what is drawn in its place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from cospeech.core.errors import UserError
from cospeech.motion.formats.keypoints import Keypoints
from cospeech.motion.points import HAND_SLICES, POINTS, parents
from cospeech.video.detection.keypoints import DetectedKeypoints
from cospeech.video.driving.hand_choice import DISSOLVE, HandTrack, chosen_views, dissolved, misfit
from cospeech.video.films import further_pictures
from cospeech.video.films.animate import portrait_hands, portrait_keypoints
from cospeech.video.films.further_pictures import ALIKE, chosen_frames, with_further_views
from cospeech.video.films.portrait import Portrait
from cospeech.video.films.portrait_film import portrait_frames
from cospeech.video.warping.hand_views import ShownHand, cut_view
from cospeech.video.warping.layer_warp import draw
from cospeech.video.warping.limb_geometry import hand, hand_of_arm
from portrait_data import SIDE, draw_figure, figure_points, like

BLUE, DARK = (40, 60, 230), 0.6


def other_hand(points: np.ndarray) -> np.ndarray:
    """The left hand as its mirror image, which no rotation makes of it."""
    result = points.copy()
    wrist = result[2].copy()
    own = result[HAND_SLICES[0]] - wrist
    way = own[9] / np.linalg.norm(own[9])
    along, across = own @ way, own @ [-way[1], way[0]]
    bent = np.stack([along * (1 - 0.3 * np.sign(across)), -across], -1)
    result[HAND_SLICES[0]] = wrist + bent[:, :1] * way + bent[:, 1:] * [-way[1], way[0]]
    return result


def lopsided(points: np.ndarray) -> np.ndarray:
    """The same with a left hand whose fingers differ, so that it is unlike its mirror image."""
    result = points.copy()
    wrist = result[2].copy()
    own = result[HAND_SLICES[0]] - wrist
    across = own @ [1.0, 0.3]
    result[HAND_SLICES[0]] = wrist + own * (1 + 0.04 * across)[:, None]
    return result


def pictured(points: np.ndarray, blue: bool = False, light: float = 1.0) -> Portrait:
    """A drawn person; with ``blue`` the left hand has a blue glove, in other ``light``."""
    picture, person = draw_figure(points)
    if blue:
        near = np.linalg.norm(
            np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), -1) - hand(points, "left").mean(0), axis=-1
        )
        picture = np.where((near < 6)[..., None], np.uint8(BLUE), picture)
    return Portrait((picture * light).astype(np.uint8), points, np.ones(116), person)


@pytest.fixture(scope="module")
def own() -> Portrait:
    return pictured(lopsided(figure_points("front")))


@pytest.fixture(scope="module")
def view(own):
    found = cut_view(pictured(lopsided(figure_points("up")), blue=True).layers, "left", own.layers)
    assert found is not None
    return found


def test_a_view_is_the_hand_alone(view):
    share = view.layer[..., 3]
    assert 300 < share.sum() < 900  # a disc of radius 13 and a little of the wrist
    assert not share[[0, -1]].any()
    assert not share[:, [0, -1]].any()
    assert (np.linalg.norm(view.layer[..., :3] * 255 - BLUE, axis=-1) < 60)[share > 0.5].sum() > 60


def test_colours_are_brought_to_the_light_of_the_portrait(own):
    dark = cut_view(pictured(lopsided(figure_points("up")), light=DARK).layers, "left", own.layers)
    solid = dark.layer[..., 3] > 0.9
    skin = np.median(dark.layer[solid][:, :3] * 255, axis=0)
    np.testing.assert_allclose(skin, (230, 60, 50), atol=12)


def test_a_view_takes_the_place_of_the_own_hand(own, view):
    """The blue palm is seen where the hand is, none of the red hand beside it, and nothing changes elsewhere."""
    points = own.points.copy()
    points[HAND_SLICES[0]] = points[2] + (view.points - view.points[0])
    alone = draw(own.layers, own.points).picture
    drawn = draw(own.layers, own.points, None, {"left": ShownHand(0.0, ((view, hand(points, "left"), 1.0),))})
    blue = like(drawn.picture, BLUE)
    assert blue.sum() > 60
    assert not like(alone, BLUE).any()
    np.testing.assert_allclose(drawn.seen.sum(0)[blue], 1, atol=0.05)
    far = np.linalg.norm(np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), -1) - own.points[2], axis=-1) > 60
    np.testing.assert_array_equal(drawn.picture[far], alone[far])


def test_without_views_nothing_changes(own):
    points = np.repeat(own.points[None], 3, 0)
    points[1:, HAND_SLICES[0]] += 5
    plain = list(portrait_frames(own, points, workers=1))
    np.testing.assert_array_equal(plain, list(portrait_frames(own, points, hands={}, workers=1)))
    assert portrait_hands(own, Keypoints(POINTS, parents(POINTS), 30.0, points), points) == {}


def test_misfit_ignores_place_size_and_rotation_but_not_the_side():
    shape = hand(lopsided(figure_points()), "left")
    turn = np.array([[0.0, -2.0], [2.0, 0.0]])
    assert misfit(shape, (shape @ turn + 40)[None])[0] < 1e-6
    assert misfit(shape, (shape * [-1, 1])[None])[0] > ALIKE


def test_views_change_where_the_hand_moves_and_not_for_a_moment():
    misfits = np.zeros((90, 2))
    misfits[:40, 1], misfits[40:, 0] = 0.5, 0.5
    misfits[10] = (0.6, 0.0)  # a single frame
    speed = np.zeros(90)
    speed[43:46] = 5.0
    chosen = chosen_views(misfits, speed, np.ones(90, bool))
    changes = np.flatnonzero(np.diff(chosen)) + 1
    assert list(changes) in ([43], [44], [45])
    assert not chosen_views(misfits, speed, np.zeros(90, bool)).any()


def test_one_of_two_views_is_always_opaque():
    opacities = dissolved(np.array([0] * 10 + [1] * 10 + [2] * 10), 3)
    assert opacities.max(1).min() == 1.0
    assert 0 < (np.diff(opacities[:, 0]) != 0).sum() < DISSOLVE
    np.testing.assert_array_equal(opacities[[0, 15, 29]], np.eye(3))


def test_a_film_begins_as_the_portrait_and_shows_the_view_that_fits(own, view):
    """Somebody who holds the hand as the second picture does from the beginning."""
    frames = 90
    target = lopsided(figure_points("front"))
    target[HAND_SLICES[0]] = target[2] + (view.points - view.points[0]) * [1, 1]
    moving = np.repeat(target[None], frames, 0)
    moving[:, HAND_SLICES[0]] += (8 * np.sin(np.arange(frames) / 3))[:, None, None]
    motion = Keypoints(POINTS, parents(POINTS), 30.0, moving)
    both = replace(own, views={"left": (view,)})
    points = portrait_keypoints(both, motion)
    track = portrait_hands(both, motion, points)["left"]
    assert isinstance(track, HandTrack)
    assert track.at(0) is None
    if misfit(hand(own.points, "left"), view.points[None])[0] > 2 * ALIKE:
        assert track.opacities[-1, 1] == 1
        np.testing.assert_allclose(track.points[:, 0, 0], points[:, HAND_SLICES[0]][:, 0], atol=1e-6)


def test_nothing_proximal_to_the_wrist_is_hand():
    points = figure_points("down")
    share = hand_of_arm(points, "left", (SIDE, SIDE))
    x, y = points[0:3].mean(0).astype(int)
    assert share[y, x] == 0
    x, y = hand(points, "left").mean(0).astype(int)
    assert share[y, x] == 1


# ---------------------------------------------------------------------------- pictures and films


def found(points: np.ndarray, **changes) -> DetectedKeypoints:
    return DetectedKeypoints(points[None], changes.pop("confidence", np.ones((1, 116))), None, (SIDE, SIDE), **changes)


@pytest.fixture
def detected(monkeypatch):
    """Answers of the detector by file name."""
    answers: dict[str, DetectedKeypoints] = {}
    monkeypatch.setattr(further_pictures, "find_keypoints", lambda path, cache: answers[path.name])
    monkeypatch.setattr(further_pictures, "person_matte", lambda picture, name, cache: None)
    return answers


def written(folder, name: str, portrait: Portrait):
    Image.fromarray(portrait.picture).save(folder / name)
    return folder / name


def test_a_second_picture_gives_views(own, tmp_path, detected, capsys):
    points = lopsided(figure_points("up"))
    points = other_hand(points)
    detected["two.png"] = found(points)
    path = written(tmp_path, "two.png", pictured(points, blue=True))
    both = with_further_views(own, [path])
    assert len(both.views["left"]) == 1
    assert "two.png: further views, 1 of the left hand" in capsys.readouterr().err
    again = with_further_views(own, [path, path])
    assert len(again.views["left"]) == 1


def test_what_cannot_be_used_is_refused_in_one_line(own, tmp_path, detected):
    points = figure_points("up")
    path = written(tmp_path, "two.png", pictured(points))
    detected["two.png"] = found(points, people=2)
    with pytest.raises(UserError, match=r"two\.png shows 2 people"):
        with_further_views(own, [path])
    detected["two.png"] = found(points, confidence=np.zeros((1, 116)))
    with pytest.raises(UserError, match=r"no person is found in two\.png"):
        with_further_views(own, [path])
    hidden = np.ones((1, 116))
    hidden[:, 6:48] = 0
    detected["two.png"] = found(points, confidence=hidden)
    with pytest.raises(UserError, match=r"no hand in two\.png can be used"):
        with_further_views(own, [path])


def test_of_a_film_frames_are_chosen_that_differ_and_are_sharp():
    rest, other = lopsided(figure_points("front")), other_hand(lopsided(figure_points("front")))
    points = np.concatenate([np.repeat(rest[None], 20, 0), np.repeat(other[None], 20, 0)])
    points[10:14, 6:27] += np.array([0, 25, 50, 75])[:, None, None]  # it moves fast
    seen = DetectedKeypoints(points, np.ones((40, 116)), 30.0, (SIDE, SIDE))
    chosen = chosen_frames(points, seen)
    left = [frame for frame, sides in chosen.items() if "left" in sides]
    assert len(left) == 2
    assert min(left) < 20 <= max(left)
    assert not set(left) & set(range(9, 15))
