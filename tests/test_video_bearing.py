"""What a portrait bears: arms stay within its limits, move smoothly, and lose no more than they must."""

from __future__ import annotations

import numpy as np
import pytest

from cospeech.motion.points import ELBOWS, HAND_SLICES, SHOULDERS, WRISTS
from cospeech.video.driving.bearing import Bearing, bearing, borne
from portrait_data import HANDS, figure_points

SIZE, SCALE, FRAMES = (256, 256), 84.0, 150
SEEN = np.ones(116)


def gestures(pose: str = "down", *, size: float = 1.0, seed: int = 0) -> np.ndarray:
    """[T, 116, 2] pixels: arms that swing by up to ``size``, hands that turn, a body that sways."""
    rng = np.random.default_rng(seed)
    own, time = figure_points(pose), np.arange(FRAMES) / 30
    points = np.repeat(own[None], FRAMES, 0)
    for k in range(2):
        waves = [np.sin(2 * np.pi * rng.uniform(0.3, 1.2) * time + rng.uniform(0, 6)) for _ in range(5)]
        elbow, wrist = (size * SCALE * np.stack(pair, -1) for pair in ([0.1 * waves[0], 0.1 * waves[1]], waves[2:4]))
        points[:, ELBOWS[k]] += elbow
        points[:, WRISTS[k]] += 0.4 * wrist
        turn = np.exp(1j * size * waves[4])[:, None]
        shape = ((own[HAND_SLICES[k]] - own[WRISTS[k]]) @ [1, 1j]) * turn
        points[:, HAND_SLICES[k]] = points[:, WRISTS[k], None] + np.stack([shape.real, shape.imag], -1)
    points += (4 * np.sin(time)[:, None] * [1.0, 0.2])[:, None]
    points[0] = own
    return points


def limits_of(pose: str, confidence: np.ndarray = SEEN) -> Bearing:
    return bearing(figure_points(pose), confidence, SIZE)


def against(points: np.ndarray, own: np.ndarray, joints: tuple[int, int], roots: tuple[int, int], k: int) -> np.ndarray:
    """[T, 2] how far a joint moved against another."""
    return points[:, joints[k]] - points[:, roots[k]] - (own[joints[k]] - own[roots[k]])


def turned(points: np.ndarray, own: np.ndarray, k: int) -> np.ndarray:
    """[T] radians by which a hand turned, by the nearest rotation of the portrait's."""
    hands = (points[:, HAND_SLICES[k]] - points[:, WRISTS[k], None]) @ [1, 1j]
    return np.angle((hands * ((own[HAND_SLICES[k]] - own[WRISTS[k]]) @ [1, 1j]).conj()).sum(1))


@pytest.mark.parametrize("pose", ["down", "up", "foreshortened"])
@pytest.mark.parametrize("size", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("seed", range(3))
def test_limits_are_kept(pose, size, seed):
    own, limits, asked = figure_points(pose), limits_of(pose), gestures(pose, size=size, seed=seed)
    found = borne(asked, own, limits).points
    assert limits.free.all()
    for k in range(2):
        wrist = np.linalg.norm(against(found, own, WRISTS, SHOULDERS, k), axis=1)
        assert wrist.max() <= limits.elbow[k] + limits.relative[k] + 1e-9
        assert np.linalg.norm(against(found, own, ELBOWS, SHOULDERS, k), axis=1).max() <= limits.elbow[k] + 1e-9
        assert np.linalg.norm(against(found, own, WRISTS, ELBOWS, k), axis=1).max() <= limits.relative[k] + 1e-9
        assert abs(turned(found, own, k)).max() <= limits.turn[k] + 1e-9
        assert wrist.max() > 0.3 * (limits.elbow[k] + limits.relative[k])  # and yet they move
    # Shoulders, face and all else are as they were.
    np.testing.assert_array_equal(found[:, list(SHOULDERS)], asked[:, list(SHOULDERS)])
    np.testing.assert_array_equal(found[:, 48:], asked[:, 48:])


def test_the_longer_a_forearm_is_seen_the_further_its_hand_moves():
    short, long = limits_of("foreshortened"), limits_of("down")
    assert (short.relative < long.relative).all()
    assert (short.turn < long.turn).all()
    assert (long.relative <= 0.14 * SCALE).all()


@pytest.mark.parametrize("size", [0.3, 1.0, 4.0])
def test_it_is_no_faster_than_what_was_asked(size):
    own = figure_points()
    asked = gestures(size=size)[1:]
    found = borne(np.concatenate([own[None], asked]), own, limits_of("down")).points[1:]
    for k in range(2):
        steps = [np.linalg.norm(np.diff(against(p, own, WRISTS, SHOULDERS, k), axis=0), axis=1) for p in (found, asked)]
        assert steps[0].max() <= steps[1].max()
        turns = [abs(np.diff(np.unwrap(turned(p, own, k)))) for p in (found, asked)]
        assert turns[0].max() <= turns[1].max()


def test_it_follows_what_was_asked():
    own, asked = figure_points(), gestures(size=1.0)
    found = borne(asked, own, limits_of("down"))
    for k in range(2):
        there, ours = (against(p, own, WRISTS, SHOULDERS, k)[30:] for p in (asked, found.points))
        assert np.corrcoef((there - there.mean(0)).ravel(), (ours - ours.mean(0)).ravel())[0, 1] > 0.9
    assert ((found.kept > 0.2) & (found.kept < 0.9)).all()
    small = borne(gestures(size=0.05), own, limits_of("down"))
    np.testing.assert_array_equal(small.kept, 1)  # what the portrait bears is not reduced
    assert 0 < small.damage < found.damage < 1


@pytest.mark.parametrize("pose", ["down", "front"])
def test_it_begins_as_the_portrait_and_stays_one_that_does_not_move(pose):
    own = figure_points(pose)
    found = borne(gestures(pose, size=2.0), own, limits_of(pose)).points
    np.testing.assert_allclose(found[0], own, atol=1e-9)
    still = borne(np.repeat(own[None], 40, 0), own, limits_of(pose))
    np.testing.assert_allclose(still.points, np.repeat(own[None], 40, 0), atol=1e-9)
    assert still.damage == 0
    np.testing.assert_array_equal(still.kept, 1)
    assert borne(own[None], own, limits_of(pose)).points.shape == (1, 116, 2)


def test_folded_hands_move_as_one():
    own, limits = figure_points("front"), limits_of("front")
    assert limits.folded
    found = borne(gestures("front", size=2.0), own, limits)
    moves = []
    for k in range(2):
        sway = (found.points[:, SHOULDERS[k]] - own[SHOULDERS[k]])[:, None]
        moves.append(found.points[:, HAND_SLICES[k]] - own[HAND_SLICES[k]] - sway)
        np.testing.assert_allclose(moves[k], moves[k][:, :1] + np.zeros((21, 1)), atol=1e-9)  # neither turns nor bends
    np.testing.assert_allclose(moves[0], moves[1], atol=1e-9)
    assert 0 < np.linalg.norm(moves[0], axis=-1).max() <= 0.02 * SCALE + 1e-9
    assert found.damage == 0


def test_an_unseen_arm_goes_with_the_body():
    unseen = SEEN.copy()
    unseen[HANDS["left"]] = 0.0
    own, limits = figure_points(), limits_of("down", unseen)
    np.testing.assert_array_equal(limits.free, [False, True])
    assert not limits.folded
    found = borne(gestures(size=2.0), own, limits).points
    np.testing.assert_allclose(turned(found, own, 0), 0, atol=1e-9)
    for joints in (ELBOWS, WRISTS):
        assert np.linalg.norm(against(found, own, joints, SHOULDERS, 0), axis=1).max() <= 0.02 * SCALE + 1e-9
    assert np.linalg.norm(against(found, own, WRISTS, ELBOWS, 0), axis=1).max() < 1e-9
    both = borne(gestures(size=2.0), own, limits_of("down")).points
    np.testing.assert_allclose(found[:, HANDS["right"]], both[:, HANDS["right"]], atol=1e-9)
