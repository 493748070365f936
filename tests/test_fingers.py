"""The layer of finger motion: its seed, its reach, and what opens and closes a hand."""

from __future__ import annotations

import numpy as np
import pytest

from corpus_data import arms, gesturing
from cospeech.core.rotation import matrix_to_axis_angle
from cospeech.motion.motion import Motion
from cospeech.motion.procedural.fingers import add_fingers
from cospeech.motion.skeleton import FINGERS, LEFT_HAND, RIGHT_HAND, canonical_skeleton

HANDS = [*LEFT_HAND, *RIGHT_HAND]
SKELETON = canonical_skeleton()


@pytest.fixture(scope="module")
def motion() -> Motion:
    return gesturing(8.0, seed=2)


def curl(motion: Motion, side: str, finger: str = "middle") -> np.ndarray:
    """[T] degrees: the turn of a finger's three joints together."""
    joints = SKELETON.indices([f"{side}_{finger}{k}" for k in (1, 2, 3)])
    turns = np.linalg.norm(matrix_to_axis_angle(motion.rotations[:, joints].astype(np.float64)), axis=-1)
    return np.rad2deg(turns).sum(axis=1)


def closed(motion: Motion) -> float:
    """Mean curl over all fingers but the thumbs."""
    fingers = [f for f in FINGERS if f != "thumb"]
    return float(np.mean([curl(motion, side, f).mean() for side in ("left", "right") for f in fingers]))


def test_the_same_seed_gives_the_same_fingers(motion):
    first, again, other = (add_fingers(motion, seed=seed).rotations for seed in (7, 7, 8))
    np.testing.assert_array_equal(first, again)
    assert (first[:, HANDS] != other[:, HANDS]).any()


def test_only_fingers_move(motion):
    made = add_fingers(motion, emotion="anger", seed=1)
    others = [i for i in range(55) if i not in HANDS]
    np.testing.assert_array_equal(made.rotations[:, others], motion.rotations[:, others])
    np.testing.assert_array_equal(made.translation, motion.translation)
    r = made.rotations[:, HANDS].astype(np.float64)
    np.testing.assert_allclose(r @ r.swapaxes(-1, -2), np.broadcast_to(np.eye(3), r.shape), atol=1e-5)


def test_fingers_are_never_quite_still_and_never_break():
    made = add_fingers(arms(300, []), seed=0)
    for side in ("left", "right"):
        for finger in FINGERS:
            turn = curl(made, side, finger)
            assert turn.std() > 0.2
            assert turn.max() < 260  # a fist
            assert np.abs(np.diff(turn)).max() * 30 < 900  # degrees a second over three joints


@pytest.mark.parametrize("side", ["left", "right"])
def test_relaxed_fingers_bend_towards_the_palm_more_to_the_little_finger(side):
    made = add_fingers(arms(600, []), seed=0)
    index, middle, pinky = (curl(made, side, finger).mean() for finger in ("index", "middle", "pinky"))
    assert index < middle < pinky
    pose = np.tile(np.eye(3), (600, 55, 1, 1))  # the T-pose, palms down, with these fingers
    pose[:, HANDS] = made.rotations[:, HANDS]
    positions = Motion(SKELETON, 30.0, pose, np.zeros((600, 3))).positions
    for finger in ("index", "middle", "ring", "pinky"):
        knuckle, tip = (positions[:, SKELETON.index(f"{side}_{finger}{k}")] for k in (1, 3))
        rest = SKELETON.rest_positions
        straight = rest[SKELETON.index(f"{side}_{finger}3")] - rest[SKELETON.index(f"{side}_{finger}1")]
        assert ((tip - knuckle)[:, 1] < straight[1]).mean() > 0.95


def test_a_moving_hand_opens():
    busy = add_fingers(arms(300, [(0.5 + 0.4 * k, "left") for k in range(23)]), seed=3)
    assert curl(busy, "left").mean() < curl(busy, "right").mean() - 10


def test_anger_and_fear_close_the_hand_surprise_and_joy_open_it(motion):
    feelings = (None, "anger", "fear", "joy", "surprise")
    by = {name: closed(add_fingers(motion, emotion=name, seed=5)) for name in feelings}
    assert by["anger"] > by["fear"] > by[None] > by["joy"] > by["surprise"]
    assert closed(add_fingers(motion, emotion="neutral", seed=5)) == by[None]


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_few_frames_are_enough(frames):
    assert np.isfinite(add_fingers(arms(frames, []), seed=0).rotations).all()
