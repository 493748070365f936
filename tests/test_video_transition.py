"""Parts of editing films: planes that keep their bits, keypoints of the transition, the background."""

from __future__ import annotations

import av
import numpy as np

from cospeech.video.films.background import open_backdrop
from cospeech.video.films.footage import mixed, open_footage, planes_of, rgb_of
from cospeech.video.films.span_frames import crossfade, span_opacity
from cospeech.video.films.steady import steady
from cospeech.video.films.transition import (
    edited_layers,
    edited_parts,
    interpolate_frames,
    transition_points,
    turned_between,
    with_common_middles,
    with_hands,
)
from cospeech.video.warping.limb_geometry import PARTS
from video_data import drawn, swinging

SIDE = 160


def test_planes_keep_their_bits():
    picture = drawn(swinging(1, SIDE)[0])
    for matrix in ("709", "601"):
        planes = np.round(planes_of(picture, matrix)).astype(np.uint8)
        again = planes_of(rgb_of(planes, matrix), matrix)
        assert np.abs(again - planes)[:SIDE].max() <= 1.5
        share = np.zeros((SIDE, SIDE))
        np.testing.assert_array_equal(mixed(planes, 255 - picture, share, matrix), planes)
        share[40:80, 40:80] = 1
        laid = mixed(planes, 255 - picture, share, matrix)
        assert (laid[:SIDE][share == 0] == planes[:SIDE][share == 0]).all()
        assert np.abs(planes_of(255 - picture, matrix)[40:80, 40:80] - laid[40:80, 40:80]).max() <= 0.5


def test_turned_films_and_other_colours(tmp_path):
    """Full range of a webcam becomes 16 to 235."""
    path = tmp_path / "full.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 160, 128, "yuvj420p"
        for _ in range(3):
            flat = np.concatenate([np.full((128, 160), 255, np.uint8), np.full((64, 160), 128, np.uint8)])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(flat, format="yuvj420p")))
        container.mux(stream.encode(None))
    footage = open_footage(path)
    assert footage.size == (160, 128)
    planes = next(footage.planes())
    assert planes.shape == (192, 160)
    assert abs(int(planes[:128].max()) - 235) <= 2


def test_points_between_frames():
    time = np.arange(20.0)
    curve = np.sin(time / 4)[:, None]
    np.testing.assert_array_equal(interpolate_frames(curve, time), curve)
    at = np.arange(1.0, 17.0, 1.2)
    np.testing.assert_allclose(interpolate_frames(curve, at)[:, 0], np.sin(at / 4), atol=5e-4)
    np.testing.assert_array_equal(interpolate_frames(curve, np.array([-3.0, 40.0])), curve[[0, -1]])


def test_hands_turn_and_do_not_shrink():
    rng = np.random.default_rng(0)
    hand = rng.normal(size=21) + 1j * rng.normal(size=21)
    old = np.repeat(hand[None], 11, 0)
    new = old * np.exp(2.5j)
    blend_gestures = turned_between(old, new, np.linspace(0, 1, 11))
    np.testing.assert_allclose(abs(blend_gestures), abs(old), atol=1e-9)
    np.testing.assert_allclose(blend_gestures[0], old[0], atol=1e-9)
    np.testing.assert_allclose(blend_gestures[-1], new[-1], atol=1e-9)


def test_only_edited_parts_leave_the_film():
    own = swinging(30, SIDE)
    made = own + [9.0, -5.0]
    made[:, [1, 2, 4, 5]] += [4.0, 4.0]
    weights = np.r_[0.0, np.ones(28), 0.0]
    for joints, free in ((("left-arm",), [1, 2, *range(6, 27)]), (("head",), [*range(48, 116)])):
        got = transition_points(own, made, weights, edited_parts(joints, new_speech=False), fps=30)
        kept = [k for k in range(116) if k not in free]
        np.testing.assert_array_equal(got[:, kept], own[:, kept])
        np.testing.assert_array_equal(got[[0, -1]], own[[0, -1]])
    arm = transition_points(own, made, weights, edited_parts(("arms",), new_speech=False), fps=30)
    np.testing.assert_allclose(arm[1:-1, 1] - own[1:-1, 1], np.tile([4.0, 4.0], (28, 1)), atol=0.2)
    body = transition_points(own, made, weights, edited_parts(("torso",), new_speech=False), fps=30)
    np.testing.assert_allclose(body[1:-1, [0, 3]] - own[1:-1, [0, 3]], np.tile([9.0, -5.0], (28, 2, 1)))


def test_parts_that_are_replaced():
    assert edited_parts((), new_speech=False) == {"left-arm", "right-arm"}
    assert edited_parts((), new_speech=True) == {"left-arm", "right-arm", "head", "torso"}
    assert edited_parts(("hands",), new_speech=True) == {"left-hand", "right-hand", "head"}
    names = [PARTS[k] for k in edited_layers(frozenset({"left-arm"}))]
    assert names == ["left_upper", "left_lower", "left_hand"]
    assert len(edited_layers(frozenset({"head"}))) == len(PARTS)


def test_one_picture_gives_way_to_the_other_once():
    points = swinging(40, SIDE)
    share = crossfade(points, 30.0)
    assert share[0] == 0
    assert share[-1] == 1
    assert (np.diff(share) >= 0).all()
    assert ((share > 0) & (share < 1)).sum() <= 7
    cover = span_opacity(40, 30.0, starts=True, ends=False)
    assert 0 < cover[0] < cover[1] <= 1
    assert cover[-1] == 1


def test_what_is_behind_is_seen_in_other_frames():
    """Where the arms were in one frame, another one shows the wall."""
    points = swinging(40, SIDE)[[0, 10, 30]]
    for k in (1, 2):  # the figure steps aside
        points[k, :, 0] += (-22, 22)[k - 1]
    backdrop = open_backdrop([drawn(one) for one in points], points)
    behind = backdrop.behind([0, 1, 2])
    wall = drawn(points[0] + 900.0).astype(float) / 255
    sure = behind[..., 3] > 0.99
    own = open_backdrop([drawn(points[0])], points[:1]).behind([0])[..., 3] > 0.99
    assert sure.mean() > own.mean() + 0.04
    assert np.abs(behind[..., :3] - wall)[sure].mean() < 0.02
    assert backdrop.change([0, 1, 2]) < 0.05
    moved = open_backdrop([drawn(points[0], pan=pan) for pan in (0.0, 0.0, 8.0)], points[[0, 0, 0]])
    assert moved.change([0, 1]) == 0
    assert moved.change([0, 1, 2]) > 0.3
    assert moved.alike([0, 1]) == [0, 1]


def test_hands_are_those_of_the_portrait():
    """A film shows the other side of a hand: it is followed no further, and never drawn as a mirror image."""
    own = swinging(30, SIDE)
    portrait = own[0].copy()
    middle = own[10:, 2, None]
    own[10:, 6:27] = middle + (own[10:, 6:27] - middle) * [1, -1]
    got = with_hands(own, own, own, portrait, np.zeros(30), frozenset({"right-arm"}), after=False)
    np.testing.assert_allclose(got[0], portrait, atol=1e-9)
    still = (portrait[6:27] - portrait[2]) @ [1, 1j]
    for frame in range(30):
        shape = (got[frame, 6:27] - got[frame, 2]) @ [1, 1j]
        turn = (shape @ still.conj()) / (abs(still) ** 2).sum()
        np.testing.assert_allclose(shape, turn * still, atol=1e-9)
        assert 0.75 < abs(turn) < 1.35
    np.testing.assert_allclose(got[:, :6], own[:, :6], atol=1e-9)


def test_points_of_a_film_do_not_jitter():
    """Wrists that jump, and single frames that are wrong, are smoothed; gestures keep their speed and place."""
    true, rng = swinging(80, SIDE), np.random.default_rng(0)
    seen = true + rng.normal(0, 0.3, true.shape)
    for wrist in (2, 5):
        seen[:, wrist] += rng.choice([-8, 0, 8], (80, 2))
        seen[:, 6 + 21 * (wrist == 5)] = seen[:, wrist]
    seen[33, 6:27] += 25
    got = steady(seen, np.ones(seen.shape[:2]), 30.0)
    for hand, wrist in ((slice(6, 27), 2), (slice(27, 48), 5)):
        off = np.linalg.norm((got - true)[:, [wrist, *range(48)[hand]]], axis=-1)
        assert np.median(off) < 0.5
        assert off[:, 2:].max() < 2
        jumps = [np.abs(np.diff(points[:, wrist], 2, axis=0)).mean() for points in (got, seen)]
        assert jumps[0] < 0.2 * jumps[1]
    np.testing.assert_allclose(got[:, [0, 1, 3, 4]], true[:, [0, 1, 3, 4]], atol=1.5)
    np.testing.assert_array_equal(got[:, 48:], seen[:, 48:])


def test_hands_of_both_portraits_lie_on_each_other():
    """Their wrists are at different places of the hand, and yet a cross-fade shows one hand."""
    before = swinging(30, SIDE)
    after = before.copy()
    after[:, 6:27] += [7, -4]
    one, other = with_common_middles(before, after)
    np.testing.assert_allclose(one[:, 6:27].mean(1), other[:, 6:27].mean(1), atol=1e-9)
    assert np.abs(one[0] - before[0]).max() < 0.1
    assert np.abs(other[-1] - after[-1]).max() < 0.1
    np.testing.assert_array_equal(one[:, 27:], before[:, 27:])
