"""A portrait follows its keypoints: what moves, what stays, and that odd keypoints break nothing."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from cospeech.video.warping.layer_warp import Bone, draw, maps, places_from, sample
from cospeech.video.warping.layers import cut
from cospeech.video.warping.limb_geometry import PARTS
from cospeech.video.warping.matte import box
from cospeech.video.warping.mouth_and_lids import similarity
from portrait_data import (
    HANDS,
    SHIRT,
    SKIN,
    SLEEVE,
    centroid,
    draw_figure,
    drawn_portrait,
    face_points,
    figure_points,
    grid,
    like,
    moved_arm,
    shapes,
)

STILL = drawn_portrait()


def skin_of(picture: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Where the hand is whose points [21, 2] are near."""
    around = np.linalg.norm(grid(*picture.shape[1::-1]) - near.mean(0), axis=-1) < 24
    return like(picture, SKIN) & around


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("shift", [(12, -6), (-10, -10), (10, -40), (-24, 4)])
def test_a_hand_goes_where_its_points_go(side, shift):
    shift = (shift[0] if side == "left" else -shift[0], shift[1])
    moved = moved_arm(STILL.points, side, shift)
    before = centroid(skin_of(STILL.picture, STILL.points[HANDS[side]]))
    after = skin_of(draw(STILL.layers, moved).picture, moved[HANDS[side]])
    assert np.linalg.norm(centroid(after) - before - shift) < 2
    assert after.sum() == pytest.approx(skin_of(STILL.picture, STILL.points[HANDS[side]]).sum(), rel=0.15)


def test_a_hand_turns_with_its_points():
    portrait = drawn_portrait("up")
    hand = HANDS["left"]
    moved = portrait.points.copy()
    moved[hand] = (moved[hand] - moved[hand][0]) @ np.array([[0.0, 1.0], [-1.0, 0.0]]) + moved[hand][0]
    after = centroid(skin_of(draw(portrait.layers, moved).picture, moved[hand]))
    assert np.linalg.norm(after - moved[hand].mean(0)) < 2
    assert np.linalg.norm(after - portrait.points[hand].mean(0)) > 10


def test_what_is_drawn_is_near_the_truth():
    """The same person, drawn at the other points, against the warped portrait and the portrait."""
    for pose in ("down", "up"):
        portrait = drawn_portrait(pose)
        moved = moved_arm(portrait.points, "left", (14.0, -8.0))
        moved[48:] += [4.0, 3.0]
        truth, _ = draw_figure(moved)
        warped = np.abs(draw(portrait.layers, moved).picture * 255 - truth).mean()
        still = np.abs(portrait.picture.astype(float) - truth).mean()
        assert warped < 0.5 * still


def test_far_from_the_person_pixels_keep_their_bits():
    moved = moved_arm(STILL.points, "left", (15.0, -30.0))
    moved[48:] += [2.0, 1.0]
    _, there = draw_figure(moved)
    away = box(np.maximum(STILL.person, there), 20) < 1e-9
    assert away.mean() > 0.2
    found = np.round(draw(STILL.layers, moved).picture * 255)
    np.testing.assert_array_equal(found[away], STILL.picture[away])


def test_the_same_points_give_the_same_bits():
    moved = moved_arm(STILL.points, "right", (-5.0, -5.0))
    np.testing.assert_array_equal(draw(STILL.layers, moved).picture, draw(STILL.layers, moved).picture)


def odd_points() -> dict[str, np.ndarray]:
    """Points that no motion should give, or hardly."""
    result = {}

    def case(name: str) -> np.ndarray:
        result[name] = STILL.points.copy()
        return result[name]

    points = case("a hand is one point")
    points[HANDS["left"]] = points[HANDS["left"]][0]
    points = case("a hand seen from its other side")
    points[HANDS["left"]] = (points[HANDS["left"]] - points[2]) * [-1, 1] + points[2]
    points = case("a hand points back")
    points[HANDS["left"]] = (points[HANDS["left"]] - points[2]) * [1, -1] + points[2]
    points = case("a forearm without length")
    points[HANDS["left"]] += points[1] - points[2]
    points[2] = points[1]
    points = case("an upper arm without length")
    points[1] = points[0]
    points = case("an arm is one point")
    points[:3] = points[0]
    points[HANDS["left"]] = points[0]
    points = case("a face without size")
    points[48:] = points[48:].mean(0)
    points = case("lips without width, open")
    points[48 + 60 :] = [128.0, 77.0]
    points[48 + 65 :] += [0.0, 6.0]
    points = case("an arm out of the picture")
    points[1:3] += [400.0, -300.0]
    points[HANDS["left"]] += [400.0, -300.0]
    case("everything is one point")[:] = 100.0
    points = case("everything out of the picture")
    points += [900.0, 0.0]
    return result


@pytest.mark.parametrize("name", odd_points())
def test_odd_points_break_nothing(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = draw(STILL.layers, odd_points()[name])
    for values in (drawn.picture, drawn.seen, drawn.source):
        assert np.isfinite(values).all()
    assert 0 <= drawn.picture.min() <= drawn.picture.max() <= 1.001
    # No part may cover more than it could: the picture is not painted with the colour of one pixel.
    for colour in (SKIN, SLEEVE):
        assert like(drawn.picture, colour).mean() < 2 * like(STILL.picture, colour).mean()


# ---------------------------------------------------------------------------- the mouth


@pytest.mark.parametrize("opened", [0.0, 6.0, 12.0])
def test_the_mouth_is_dark_inside_as_the_lips_open(opened):
    moved = STILL.points.copy()
    moved[48:] = face_points((128.0, 62.0), opened)
    picture = draw(STILL.layers, moved).picture
    x, y = 128, 62 + 15
    inside = picture[int(y + opened / 4), x - 2 : x + 3].mean()  # below the teeth
    lips = STILL.picture[y, x - 2 : x + 3].mean() / 255
    if opened:
        assert inside < 0.35 * lips
        beside = picture[y - 14 : y - 9, x - 12 : x + 12]
        assert np.abs(beside.mean() - lips) < 0.1
    else:
        assert inside == pytest.approx(lips, abs=0.02)


def test_a_mouth_that_is_open_in_the_portrait_stays_as_it_is():
    points = figure_points()
    points[48:] = face_points((128.0, 62.0), 8.0)
    picture, person = draw_figure(points)
    again = draw(cut(picture, points, person), points).picture
    assert np.abs(again * 255 - picture)[60:100, 110:146].max() < 3


# ---------------------------------------------------------------------------- maps


@pytest.mark.parametrize("pose", ["down", "up"])
def test_the_lattice_is_as_the_map_itself(pose):
    portrait = drawn_portrait(pose)
    moved = moved_arm(portrait.points, "left", (10.0, -14.0))
    moved[48:] = face_points((131.0, 64.0), 2.0)
    moved[HANDS["left"]][::3] += 1.5  # fingers bend
    window = (slice(3, 250), slice(5, 256))
    places = grid(256, 256)[window]
    for k, move in enumerate(maps(portrait.points, moved, (256, 256))):
        whole = move(places.reshape(-1, 2)).reshape(places.shape)
        fine = (slice(20, 110), slice(90, 170)) if k == 0 else None
        found = places_from(move, window, fine)
        shown = np.abs(whole - 128).max(-1) < 160  # of places that lie in the portrait
        assert np.abs(found - whole)[shown].max() < 0.5, PARTS[k]


def test_a_bone_stretches_along_itself_alone():
    bone = Bone(np.array([[10.0, 20.0], [10.0, 60.0]]), np.array([[100.0, 50.0], [120.0, 50.0]]))
    np.testing.assert_allclose(bone(bone.driven), bone.source)
    np.testing.assert_allclose(bone(np.array([[13.0, 40.0], [7.0, 40.0]])), [[110, 47], [110, 53]])
    # Beyond its ends nothing is stretched.
    np.testing.assert_allclose(bone(np.array([[10.0, 15.0], [10.0, 66.0]])), [[95, 50], [126, 50]])


def test_a_bone_is_not_squeezed_to_nothing():
    bone = Bone(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 0.0], [100.0, 0.0]]))
    found = bone(np.array([[30.0, 0.0], [15.0, 0.0]]))
    np.testing.assert_allclose(found, [[100, 0], [50, 0]], atol=1e-9)


def test_the_nearest_similarity():
    rng = np.random.default_rng(0)
    points = rng.normal(0, 30, (21, 2))
    turn = 1.3 * np.array([[np.cos(0.6), -np.sin(0.6)], [np.sin(0.6), np.cos(0.6)]])
    matrix, offset = similarity(points, points @ turn.T + [5, -7])
    np.testing.assert_allclose(matrix, turn, atol=1e-12)
    np.testing.assert_allclose(offset, [5, -7], atol=1e-10)
    target = rng.normal(0, 30, (21, 2))
    matrix, offset = similarity(points, target)
    best = ((points @ matrix.T + offset - target) ** 2).sum()
    for _ in range(20):
        change = rng.normal(0, 0.05, 2)
        other = matrix + [[change[0], -change[1]], [change[1], change[0]]]
        assert ((points @ other.T + offset - target) ** 2).sum() > best


def test_values_between_pixels():
    picture = np.arange(12.0).reshape(3, 4, 1).astype(np.float32)
    found = sample(picture, np.array([[0.5, 0.5], [2.0, 1.0], [1.5, 1.5], [-50.0, 1.5], [3.5, 90.0]]))
    np.testing.assert_allclose(found[:, 0], [0, 3.5, 5, 4, 11], atol=0.01)


def test_a_body_that_is_lifted_goes_on_below_the_picture():
    """A portrait cut off below the shoulders: who shrugs shows no wall under the shirt."""
    points = figure_points()
    picture, person = (values[:136] for values in draw_figure(points))
    layers = cut(picture, points, person)
    moved = points.copy()
    moved[[0, 3]] -= [0.0, 30.0]
    moved[48:] -= [0.0, 20.0]
    found = draw(layers, moved).picture
    middle = shapes(points, 256, 136)["trunk"] & (np.abs(grid(256, 136)[..., 0] - 128) < 25)
    assert like(found, SHIRT)[middle][-25:].all()
    assert like(found[-12:, 105:150], SHIRT).all()


def test_parts_have_a_map_each():
    assert len(maps(STILL.points, STILL.points, STILL.size)) == len(STILL.layers.masks) == 7
    assert PARTS[0] == "body"
