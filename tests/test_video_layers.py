"""Cutting a portrait into layers: each lies where its part is, and together they reproduce the picture."""

from __future__ import annotations

import numpy as np
import pytest

from cospeech.video.warping.built_forearm import build_forearm
from cospeech.video.warping.layer_warp import draw
from cospeech.video.warping.layers import LAYERS, PATTERNED, contrast, cut
from cospeech.video.warping.limb_geometry import INDEX, PARTS, body_scale, hand, hand_distance
from cospeech.video.warping.matte import box, filled, rows_filled, snapped
from portrait_data import (
    ARMS,
    FACE,
    HANDS,
    POSES,
    SHIRT,
    SIDE,
    SKIN,
    SLEEVE,
    capsule,
    draw_figure,
    drawn_portrait,
    figure_points,
    grid,
    like,
    moved_arm,
    shapes,
)


def far_from(person: np.ndarray, pixels: int) -> np.ndarray:
    return box(person.astype(float), pixels) < 1e-9


def part(layers, name: str) -> np.ndarray:
    return layers.parts[PARTS.index(name)]


@pytest.mark.parametrize("pose", POSES)
def test_points_that_stay_give_the_portrait_back(pose):
    portrait = drawn_portrait(pose)
    drawn = draw(portrait.layers, portrait.points)
    error = np.abs(drawn.picture * 255 - portrait.picture).max(-1)
    assert error.mean() < 0.5
    assert (error > 20).mean() < 0.01
    away = far_from(portrait.person, 20)
    assert away.mean() > 0.2
    np.testing.assert_array_equal(np.round(drawn.picture * 255)[away], portrait.picture[away])


@pytest.mark.parametrize("pose", POSES)
def test_places_that_stay_come_from_themselves(pose):
    portrait = drawn_portrait(pose)
    drawn = draw(portrait.layers, portrait.points)
    np.testing.assert_allclose(drawn.source, grid(*portrait.size), atol=0.02)
    together = drawn.seen.sum(0)
    assert together.max() < 1.001
    assert together[portrait.person > 0].mean() > 0.97
    assert together[far_from(portrait.person, 8)].max() < 0.01


@pytest.mark.parametrize("pose", POSES)
def test_still_points_are_the_portrait_to_a_few_pixels(pose):
    """Sharper than the mean: outlines as well are where they were, and no pixel of the person is in no layer."""
    portrait = drawn_portrait(pose)
    layers = portrait.layers
    drawn = draw(layers, portrait.points)
    off = np.abs(drawn.picture * 255 - portrait.picture).max(-1) > 25
    assert off.mean() <= 0.002
    inside = far_from(portrait.person < 0.5, 2)  # but for its outermost pixels, where the matte is soft
    for shares in (drawn.shares, drawn.seen, layers.parts):
        assert shares.min() >= 0
        assert shares.sum(0).max() < 1.001
        assert shares.sum(0)[inside].min() > 0.5
        assert (shares.sum(0)[portrait.person > 0.5] < 0.5).mean() < 0.005
    # The parts and the background share every pixel: what is not of a part is not of the person.
    np.testing.assert_allclose(layers.parts.sum(0), layers.person, atol=1e-3)
    np.testing.assert_allclose(drawn.seen.sum(0), drawn.shares.sum(0), atol=1e-3)


def test_arms_are_cut_out_only_where_they_can_move():
    """Hands that touch, and a hand that was not found, are part of the body."""
    assert set(drawn_portrait("down").layers.meshes) == {"left", "right"}
    assert not drawn_portrait("front").layers.meshes
    portrait, unsure = drawn_portrait("down"), np.ones(116)
    unsure[HANDS["left"]] = 0.0
    layers = cut(portrait.picture, portrait.points, portrait.person, confidence=unsure)
    assert set(layers.meshes) == set(layers.forearms) == {"right"}
    assert not layers.masks[LAYERS.index("left_arm")].any()
    assert layers.masks[LAYERS.index("right_arm")].max() > 0.9
    np.testing.assert_allclose(layers.parts.sum(0), layers.person, atol=1e-3)


@pytest.mark.parametrize("pose", ["down", "front", "up"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_hands_lie_on_the_hands(pose, side):
    portrait = drawn_portrait(pose)
    mask, hands = part(portrait.layers, f"{side}_hand"), shapes(portrait.points, *portrait.size)
    own, other = hands[f"{side}_hand"], hands[f"{'right' if side == 'left' else 'left'}_hand"]
    own = own & like(portrait.picture, SKIN)
    assert mask[own].mean() > 0.8
    assert mask[~own & ~box(own.astype(float), 6).astype(bool)].max() < 0.05
    assert mask[other & ~own].mean() < 0.3


@pytest.mark.parametrize("pose", ["down", "up"])
def test_parts_are_kept_apart(pose):
    """Of what is seen; below what is in front of it a part goes on."""
    portrait = drawn_portrait(pose)
    layers, points = portrait.layers, portrait.points
    seen = dict(zip(PARTS, draw(layers, points).seen, strict=True))
    at = grid(*portrait.size)
    for side, (shoulder, elbow, wrist) in ARMS.items():
        # Well inside one bone.
        for name, (start, end), radius in (("upper", (shoulder, elbow), 5), ("lower", (elbow, wrist), 4)):
            way = points[end] - points[start]
            core = capsule(at, points[start] + 0.4 * way, points[start] + 0.5 * way, radius)
            assert seen[f"{side}_{name}"][core].min() > 0.8, name
            for other in set(PARTS) - {f"{side}_{name}"}:
                assert seen[other][core].max() < 0.2, (name, other)
    face = shapes(points, *portrait.size)["face"]
    assert LAYERS[0] == "body"
    assert layers.masks[0][face].mean() > 0.95
    assert layers.masks[1:, face].max() < 0.05


@pytest.mark.parametrize("pose", POSES)
def test_the_background_holds_nobody(pose):
    portrait = drawn_portrait(pose)
    behind = portrait.layers.background
    for colour in (SHIRT, SLEEVE, SKIN, FACE):
        assert like(portrait.picture, colour).any()
        assert not like(behind, colour).any()
    empty, _ = draw_figure(figure_points() + 10_000.0)
    assert np.abs(behind * 255 - empty).mean() < 4


def test_hands_before_the_body_leave_the_body_behind_them():
    portrait = drawn_portrait("front")
    moved = portrait.points.copy()
    for side, sign in (("left", 1), ("right", -1)):
        moved = moved_arm(moved, side, (sign * 75.0, -60.0))
    picture = draw(portrait.layers, moved).picture
    hands = shapes(portrait.points, *portrait.size)
    freed = hands["left_hand"] | hands["right_hand"]
    assert like(portrait.picture, SKIN)[freed].mean() > 0.95
    assert like(picture, SHIRT)[freed].mean() > 0.8
    assert like(picture, SKIN)[freed].mean() < 0.02


def test_a_forearm_that_points_to_the_viewer():
    """Elbow near wrist: parts are found, and stretching the arm later makes no spike."""
    portrait = drawn_portrait("foreshortened")
    assert np.isfinite(portrait.layers.masks).all()
    moved = moved_arm(portrait.points, "left", (20.0, 40.0))
    picture = draw(portrait.layers, moved).picture
    at = grid(*portrait.size)
    arm = capsule(at, moved[1], moved[2], 26) | capsule(at, moved[0], moved[1], 20)
    for side in ARMS:
        arm |= shapes(portrait.points, *portrait.size)[f"{side}_arm"]
    assert like(picture, SLEEVE)[~arm].mean() < 1e-4


@pytest.mark.parametrize("apart", [0.0, 1e-9, 0.5])
def test_joints_on_one_another(apart):
    points = figure_points()
    points[2] = points[1] + [apart, 0]
    points[HANDS["left"]] += points[2] - points[HANDS["left"]][0]
    picture, person = draw_figure(points)
    layers = cut(picture, points, person)
    for values in (layers.masks, layers.parts, layers.colours, layers.residuals, layers.background):
        assert np.isfinite(values).all()
    again = draw(layers, points).picture
    assert np.abs(again * 255 - picture).mean() < 1


def test_a_face_without_a_size_is_cut_without_a_warning():
    points = figure_points()
    points[48:] = points[48:].mean(0)
    picture, person = draw_figure(points)
    with np.errstate(all="raise"):
        assert np.isfinite(cut(picture, points, person).masks).all()


@pytest.mark.parametrize("size", [(256, 256), (192, 256), (255, 241), (256, 130), (131, 250)])
def test_sizes(size):
    portrait = drawn_portrait("down", size=size)
    drawn = draw(portrait.layers, portrait.points)
    assert drawn.picture.shape == (size[1], size[0], 3)
    assert drawn.seen.shape == (7, size[1], size[0])
    assert drawn.source.shape == (size[1], size[0], 2)
    assert np.abs(drawn.picture * 255 - portrait.picture).mean() < 1


def test_the_scale_is_the_shoulders_or_the_face():
    points = figure_points()
    assert body_scale(points) == pytest.approx(84.0)
    points[3] = points[0] - [10.0, 0.0]  # from the side
    assert body_scale(points) == pytest.approx(1.4 * np.ptp(points[48:, 1]))


# ---------------------------------------------------------------------------- masks and filling


def test_box_is_the_mean_of_what_is_inside():
    values = np.random.default_rng(0).random((7, 9, 2))
    found = box(values, 2)
    for y in range(7):
        for x in range(9):
            near = values[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
            np.testing.assert_allclose(found[y, x], near.mean((0, 1)))


def test_filling_keeps_what_is_known_and_stays_between_it():
    rng = np.random.default_rng(0)
    picture, known = rng.random((33, 50, 3)), rng.random((33, 50)) < 0.3
    result = filled(np.where(known[..., None], picture, 99.0), known.astype(float))
    np.testing.assert_allclose(result[known], picture[known])
    assert 0 <= result.min() <= result.max() <= 1


@pytest.mark.parametrize("size", [(4, 64), (64, 4), (1, 40), (128, 16)])
def test_filling_reaches_all_of_a_long_picture(size):
    known = np.zeros(size)
    known[:1, :1] = 1
    np.testing.assert_allclose(filled(np.full((*size, 3), 0.7), known), 0.7)


def test_rows_go_on_behind_what_hides_them():
    picture = np.zeros((40, 40, 1))
    picture[20:] = 1.0
    known = np.ones((40, 40), bool)
    known[5:35, 12:28] = False
    hidden = np.where(known[..., None], picture, 0.5)
    np.testing.assert_allclose(rows_filled(hidden, known), picture)


def test_borders_follow_the_picture():
    picture = np.zeros((60, 60, 3))
    picture[:, 30:] = [0.9, 0.5, 0.2]
    rough = np.zeros((60, 60))
    rough[:, 34:] = 1  # four pixels beside the edge
    result = snapped(rough, picture, 8, 1e-4)
    assert rough[30, 31] == 0
    assert result[30, 31] - result[30, 28] > 0.4


@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize("seen", [200, 30])
def test_a_hidden_forearm_has_the_colours_that_are_seen_of_it(bare, seen):
    sleeve, skin = np.array([0.2, 0.4, 0.8]), np.array([0.8, 0.6, 0.5])
    portrait = drawn_portrait()
    points, places = portrait.points, grid(256, 256)
    palm = hand_distance(hand(points, "left"), places, body_scale(points))
    elbow, wrist = points[[1, 2]]
    on_hand = palm < 0.85
    forearm = capsule(places, elbow, wrist, 8) & ~on_hand
    image = np.full((256, 256, 3), 0.1)
    image[forearm], image[on_hand] = 0.8 * (skin if bare else sleeve), skin
    shown = forearm & (np.cumsum(forearm).reshape(256, 256) <= seen)
    mask = np.maximum(on_hand, shown).astype(float)
    made = build_forearm(image, mask, points, palm, "left", np.zeros((256, 256)), 1.0)
    for hidden in made.colours:
        assert np.linalg.norm(hidden - (skin if bare else sleeve)) < 0.25
        assert np.linalg.norm(hidden - (sleeve if bare else skin)) > 0.3
    assert 0 < made.half_widths[1] <= made.half_widths[0] < 0.15  # shoulder widths


def test_the_shoulder_that_stays_is_round():
    portrait = drawn_portrait()
    points, body = portrait.points, part(portrait.layers, "body")
    shoulder = points[INDEX["left_shoulder"]]
    y, x = np.mgrid[0:256, 0:256] + 0.5
    outward = (x > shoulder[0] + 3) & (y > shoulder[1] + 4) & (y < shoulder[1] + 40)
    far = np.hypot(x - shoulder[0], y - shoulder[1]) > 0.26 * body_scale(points)
    assert body[outward & far].max() < 0.1


def test_patterns_are_distinguished_from_plain_cloth():
    y, x = np.mgrid[0:64, 0:64]
    where = np.ones((64, 64), bool)
    plain = 0.5 + 0.05 * np.sin(x / 9)[..., None] * np.ones(3)
    striped = np.where((y // 5 % 2)[..., None] == 0, [0.9, 0.9, 0.8], [0.2, 0.3, 0.5])
    assert contrast(plain, where, 6) < PATTERNED < contrast(striped, where, 6)
    assert contrast(striped, ~where, 6) == 0


def test_a_face_beside_a_hand_of_its_colour_stays_with_the_body():
    points = figure_points("down")
    face = points[48:].mean(0)
    wrist = face + [62.0, 30.0]
    points[HANDS["left"]] += wrist - points[2] - [0.0, 12.0]
    points[2] = wrist
    picture, person = draw_figure(points)
    parts = shapes(points, SIDE, SIDE)
    for part in ("face", "neck", "left_hand", "right_hand"):
        picture[parts[part]] = FACE
    layers = cut(picture, points, person)
    assert "left" in layers.meshes
    inside = parts["face"] & ~parts["left_hand"] & ~parts["left_arm"]
    assert inside.sum() > 1000
    assert layers.masks[1:, inside].max() < 0.05
    assert layers.masks[1:, parts["left_hand"]].max(0).mean() > 0.8
