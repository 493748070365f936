"""Hands take shapes at strokes, with ease, and keep their fingers at rest."""

from __future__ import annotations

import numpy as np

from corpus_data import gesturing
from cospeech.core.rotation import geodesic
from cospeech.metrics.presence import presence
from cospeech.motion.motion import Motion
from cospeech.motion.phases import strokes
from cospeech.motion.procedural.fingers import add_fingers
from cospeech.motion.procedural.hand_shapes import SHAPES, shaped
from cospeech.motion.procedural.posture import stand
from cospeech.motion.skeleton import LEFT_HAND, RIGHT_HAND

HANDS = [*LEFT_HAND, *RIGHT_HAND]
OTHERS = [joint for joint in range(55) if joint not in HANDS]
NEVER = np.zeros((600, 2))


def talking(seed: int = 0) -> Motion:
    return add_fingers(stand(gesturing(20.0, seed=seed)), seed=seed)


def test_fingers_vary_more_and_nothing_else_moves():
    motion = talking()
    assert len(strokes(motion)) > 5
    changed = shaped(motion, NEVER, seed=0)
    np.testing.assert_array_equal(changed.rotations[:, OTHERS], motion.rotations[:, OTHERS])
    assert presence([changed]).finger_variety > presence([motion]).finger_variety + 4.0
    np.testing.assert_array_equal(shaped(motion, NEVER, seed=0).rotations, changed.rotations)
    assert np.abs(shaped(motion, NEVER, seed=1).rotations - changed.rotations).max() > 0.1


def test_fingers_ease_from_shape_to_shape():
    changed = shaped(talking(1), NEVER, seed=3)
    turn = np.rad2deg(geodesic(changed.rotations[1:, HANDS], changed.rotations[:-1, HANDS])) * 30
    assert turn.max() < 700.0  # degrees a second
    assert np.abs(np.diff(turn, axis=0)).max() < 400.0  # a change without ease is one of more than 1,500


def test_a_resting_hand_keeps_its_fingers():
    motion, rest = talking(2), np.zeros((600, 2))
    rest[:, 0] = 1.0
    changed = shaped(motion, rest, seed=0)
    np.testing.assert_allclose(changed.rotations[:, LEFT_HAND], motion.rotations[:, LEFT_HAND], atol=1e-6)
    assert np.abs(changed.rotations[:, RIGHT_HAND] - motion.rotations[:, RIGHT_HAND]).max() > 0.1


def test_shapes_are_within_what_fingers_can_do():
    for shape in SHAPES.values():
        closures = (shape.thumb, shape.index, shape.middle, shape.ring, shape.pinky)
        assert all(-1.0 <= closure <= 1.0 for closure in closures)
        assert 0.0 <= shape.spread <= 1.0
