"""A portrait follows its keypoints: what moves, what stays, and that odd keypoints break nothing."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from cospeech.video.warping.arm_mesh import ArmMesh
from cospeech.video.warping.body_map import body_map
from cospeech.video.warping.layer_warp import draw, driven_vertices, places_from
from cospeech.video.warping.layers import LAYERS, cut
from cospeech.video.warping.limb_geometry import PARTS
from cospeech.video.warping.matte import box
from cospeech.video.warping.mouth_and_lids import similarity
from cospeech.video.warping.resampling import bilinear
from portrait_data import (
    ARMS,
    HAND_RADIUS,
    HANDS,
    POSES,
    SHIRT,
    SKIN,
    SLEEVE,
    capsule,
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


# Mean error against the truth, of 255, that the warp with one map for each bone had, by pose.
BEFORE = {
    "down": {(10.0, 0.0): 0.394, (-7.0, -7.0): 0.330, (0.0, 10.0): 0.260, (14.0, -8.0): 0.662},
    "up": {(10.0, 0.0): 0.326, (-7.0, -7.0): 0.280, (0.0, 10.0): 0.248, (14.0, -8.0): 0.662},
    "foreshortened": {(10.0, 0.0): 0.280, (-7.0, -7.0): 0.204, (0.0, 10.0): 0.238},
}


@pytest.mark.parametrize("pose", BEFORE)
def test_no_further_from_the_truth_than_a_map_for_each_bone(pose):
    portrait = drawn_portrait(pose)
    for shift, before in BEFORE[pose].items():
        moved = moved_arm(portrait.points, "left", shift)
        if shift == (14.0, -8.0):
            moved[48:] += [4.0, 3.0]
        truth, _ = draw_figure(moved)
        assert np.abs(draw(portrait.layers, moved).picture * 255 - truth).mean() <= before, shift


@pytest.mark.parametrize("pose", ["down", "up"])
@pytest.mark.parametrize("angle", range(0, 360, 45))
def test_a_wrist_that_moves_leaves_no_hole(pose, angle):
    """By 0.12 shoulder widths: the hand is skin all over, and no wall is seen between elbow and wrist."""
    portrait = drawn_portrait(pose)
    shift = 0.12 * 84 * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    moved = portrait.points
    for side, sign in (("left", 1), ("right", -1)):
        moved = moved_arm(moved, side, tuple(shift * [sign, 1]))
    drawn = draw(portrait.layers, moved)
    at = grid(*portrait.size)
    for side, (_, elbow, wrist) in ARMS.items():
        palm = np.linalg.norm(at - moved[HANDS[side]].mean(0), axis=-1) < 0.85 * HAND_RADIUS
        assert like(drawn.picture, SKIN)[palm].mean() > 0.97, side
        bone = capsule(at, moved[elbow], moved[wrist], 4) & ~palm
        assert (like(drawn.picture, SLEEVE) | like(drawn.picture, SKIN))[bone].all(), side
        assert drawn.shares[:, bone].sum(0).min() > 0.75, side
    # Where the hands were and no longer are, nothing of them stays.
    gone = like(portrait.picture, SKIN) & ~box(shapes(moved, 256, 256)["left_hand"].astype(float), 3).astype(bool)
    gone &= ~box(shapes(moved, 256, 256)["right_hand"].astype(float), 3).astype(bool)
    assert gone.sum() > 50
    assert like(drawn.picture, SKIN)[gone].mean() < 0.02


@pytest.mark.parametrize("shift", [(3.0, -3.0), (6.0, -5.0), (-6.0, -5.0), (10.0, -14.0)])
def test_the_body_does_not_fold_round_an_arm_that_is_part_of_it(shift):
    """Nowhere is the body's map turned over, also beside the hand."""
    for pose in ("down", "front"):
        points = figure_points(pose)
        move = body_map(points, moved_arm(points, "left", shift), (256, 256), ())
        places = grid(256, 256)[::2, ::2]
        moved = move.forward(places.reshape(-1, 2)).reshape(places.shape)
        right, down = np.diff(moved, axis=1)[:-1] / 2, np.diff(moved, axis=0)[:, :-1] / 2
        assert (right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]).min() > 0.1, pose


@pytest.mark.parametrize("pose", POSES)
def test_small_moves_hardly_fold_an_arm(pose):
    """Triangles that the arm covers keep their sense of rotation, wherever its wrist goes, but for one in fifty."""
    portrait = drawn_portrait(pose)
    for angle in np.radians(np.arange(0, 360, 60)):
        moved = moved_arm(portrait.points, "left", tuple(0.12 * 84 * np.array([np.cos(angle), np.sin(angle)])))
        body = body_map(portrait.points, moved, portrait.size, tuple(portrait.layers.meshes))
        for side, mesh in portrait.layers.meshes.items():
            found, _ = driven_vertices(mesh, body, portrait.points, moved, side)
            middles = np.clip(mesh.vertices[mesh.triangles].mean(1).astype(int), 0, 255)
            own = [LAYERS.index(f"{side}_{part}") for part in ("arm", "hand")]
            shown = portrait.layers.masks[own][:, middles[:, 1], middles[:, 0]].sum(0) > 0.5
            a, b, c = np.moveaxis(found[mesh.triangles[shown]], 1, 0)
            area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
            assert len(area) > 60
            assert (area <= 0).mean() < 0.02, side


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
    points = case("eyes and lips whose points lie on a circle in another order")
    around = np.linspace(0, 2 * np.pi, 51, endpoint=False)
    points[48 + 17 :] = [128.0, 62.0] + np.stack([18 * np.cos(around), 15 * np.sin(around)], -1)
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
def test_the_inside_of_the_mouth_is_seen_as_the_lips_open(opened):
    """Over as many rows as the lips are apart; what it looks like is tested with the face."""
    moved = STILL.points.copy()
    moved[48:] = face_points((128.0, 62.0), opened)
    picture = draw(STILL.layers, moved).picture
    x, y = 128, 62 + 15
    lips = STILL.picture[y, x - 2 : x + 3].mean() / 255
    column = picture[y - 12 : y + 13, x - 2 : x + 3].mean(1)
    rows = np.abs(column - STILL.picture[y, x] / 255).max(-1) > 0.08
    assert rows.sum() == pytest.approx(opened, abs=1.5)
    beside = picture[y - 14 : y - 9, x - 12 : x + 12]
    assert np.abs(beside.mean() - lips) < 0.1


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
    window = (slice(3, 250), slice(5, 256))
    places = grid(256, 256)[window]
    fine = (slice(20, 110), slice(90, 170))
    # An arm that is part of the body is not moved as far.
    for cut_out, shift in ((("left", "right"), (10.0, -14.0)), (("right",), (6.0, -5.0)), ((), (6.0, -5.0))):
        moved = moved_arm(portrait.points, "left", shift)
        moved[48:] = face_points((131.0, 64.0), 2.0)
        moved[HANDS["left"]][::3] += 1.5  # fingers bend
        move = body_map(portrait.points, moved, (256, 256), cut_out)
        whole = move(places.reshape(-1, 2)).reshape(places.shape)
        found = places_from(move, window, fine)
        shown = np.abs(whole - 128).max(-1) < 160  # of places that lie in the portrait
        assert np.abs(found - whole)[shown].max() < (0.5 if len(cut_out) == 2 else 1.5), cut_out


@pytest.mark.parametrize("cut_out", [("left", "right"), ()])
def test_the_bodys_map_there_and_back(cut_out):
    moved = moved_arm(STILL.points, "left", (6.0, -5.0))
    moved[1] += [3.0, -3.0]
    moved[[0, 3]] += [2.0, -1.0]
    moved[48:] += [4.0, 1.0]
    move = body_map(STILL.points, moved, (256, 256), cut_out)
    places = grid(256, 256)[::8, ::8].reshape(-1, 2)
    np.testing.assert_allclose(move.forward(move(places)), places, atol=0.2)
    joints = [0, 1, 3, 4] if cut_out else [0, 1, 2, 3, 4, 5]
    np.testing.assert_allclose(move.forward(STILL.points[joints]), moved[joints], atol=0.6)


def forearm_of(vertices: list[tuple[float, float]], stretched: float) -> np.ndarray:
    """Where vertices of the left forearm move to as its wrist moves along it; places: along and across, pixels."""
    elbow, wrist = STILL.points[[1, 2]]
    length = np.linalg.norm(wrist - elbow)
    way = (wrist - elbow) / length
    frame = np.stack([way, [-way[1], way[0]]])
    places = elbow + np.array(vertices) * [length, 1.0] @ frame
    weights = np.tile([0.0, 1.0, 0.0], (len(places), 1))
    mesh = ArmMesh(places, np.zeros((0, 3), int), np.full(len(places), 0.5), weights)
    moved = moved_arm(STILL.points, "left", tuple((stretched - 1) * (wrist - elbow)))
    body = body_map(STILL.points, moved, STILL.size, ("left", "right"))
    found, chain = driven_vertices(mesh, body, STILL.points, moved, "left")
    np.testing.assert_allclose(chain, moved[:3], atol=0.05)
    return (found - elbow) @ frame.T / [length, 1.0]


def test_a_forearm_stretches_along_itself_alone():
    found = forearm_of([(0.0, 0.0), (1.0, 0.0), (0.5, 3.0), (0.5, -3.0)], 1.25)
    np.testing.assert_allclose(found, [[0, 0], [1.25, 0], [0.625, 3], [0.625, -3]], atol=0.01)
    # Beyond its ends nothing is stretched.
    np.testing.assert_allclose(forearm_of([(-0.2, 0.0), (1.3, 0.0)], 1.25), [[-0.2, 0], [1.55, 0]], atol=0.01)


def test_a_forearm_is_not_squeezed_to_nothing():
    found = forearm_of([(0.0, 0.0), (0.5, 0.0), (1.0, 0.0)], 0.02)
    assert np.diff(found[:, 0]).min() > 0.2
    assert np.ptp(forearm_of([(0.0, 0.0), (1.0, 0.0)], 5.0)[:, 0]) < 2.5  # nor stretched without end


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
    found = bilinear(picture, np.array([[0.5, 0.5], [2.0, 1.0], [1.5, 1.5], [-50.0, 1.5], [3.5, 90.0]]))
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


def test_layers_and_parts_are_counted():
    layers = STILL.layers
    drawn = draw(layers, STILL.points)
    assert len(LAYERS) == len(layers.masks) == len(layers.colours) == len(drawn.shares) == len(drawn.came) == 5
    assert len(PARTS) == len(layers.parts) == len(drawn.seen) == 7
    assert PARTS[0] == LAYERS[0] == "body"


def test_a_body_that_rises_shows_nothing_of_what_the_border_cut_off():
    """Stripes at the lower border of a chest: the last one is not drawn out to a streak."""
    points = figure_points("down")
    picture, person = draw_figure(points, 256, 136)
    trunk = shapes(points, 256, 136)["trunk"]
    stripes = np.broadcast_to(np.where(np.arange(136) // 4 % 2, 180, 60)[:, None, None], picture.shape)
    picture[trunk] = stripes[trunk]
    layers = cut(picture, points, person)
    points = points.copy()
    points[:6] -= [0.0, 24.0]
    points[48:] -= [0.0, 24.0]
    column = draw(layers, points).picture[-40:, 128, 0]
    changes = [*np.flatnonzero(np.diff((column > 120 / 255).astype(int))), len(column) - 1]
    assert np.diff(changes).max() <= 15, "stripes of 4 pixels; without stretching the last one is 23 long"
