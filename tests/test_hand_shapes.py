"""Hands take shapes at strokes, with ease, and keep their fingers at rest."""

from __future__ import annotations

import numpy as np
import pytest

from corpus_data import gesturing
from cospeech.core.rotation import geodesic
from cospeech.metrics.presence import presence
from cospeech.motion.motion import Motion
from cospeech.motion.phases import strokes
from cospeech.motion.procedural.fingers import add_fingers
from cospeech.motion.procedural.hand_shapes import SHAPES, HandStroke, chances, shaped
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


def stroke(**changed) -> HandStroke:
    """A stroke of one hand of middle size, level to the front of the other side, unless said otherwise."""
    usual = {"way": np.array([-0.2, 0.0, 0.05]), "speed": 0.7, "height": 0.0, "palm_up": -0.5, "alone": True}
    return HandStroke(**{**usual, **changed})


@pytest.mark.parametrize(
    ("kind", "favourite", "changed"),
    [
        ("offering", "palm", {"way": np.array([0.2, -0.05, 0.1]), "alone": False}),
        ("offering", "palm", {"palm_up": 0.6, "alone": False}),
        ("pointing", "point", {"way": np.array([0.0, 0.1, 0.2])}),
        ("beating", "precision", {"way": np.array([0.0, -0.05, 0.0])}),
        ("striking", "loose_fist", {"way": np.array([0.0, -0.25, 0.0]), "speed": 1.4}),
        ("sweeping", "open", {"way": np.array([-0.4, 0.1, 0.1])}),
        ("slow", "relaxed", {"speed": 0.3}),
    ],
)
def test_what_a_stroke_is_like_leads_the_choice(kind, favourite, changed):
    assert stroke().kinds == []
    assert kind in stroke(**changed).kinds
    led, plain = chances([kind]), chances([])
    assert led[favourite] > 1.5 * plain[favourite]
    assert sum(led.values()) == pytest.approx(1.0)
    assert min(led.values()) > 0.0
    assert led["point"] < 0.3  # pointing stays rare


def test_nobody_points_or_offers_with_the_other_kind_of_stroke():
    forwards = np.array([0.0, 0.1, 0.2])
    assert "pointing" not in stroke(way=forwards, alone=False).kinds
    assert "offering" not in stroke(palm_up=0.6).kinds
    assert "striking" not in stroke(way=np.array([0.0, -0.25, 0.0]), speed=0.5).kinds


def test_moods_choose_shapes():
    plain = chances([])
    more = {"anger": ("loose_fist", "open"), "fear": ("curled",), "sadness": ("relaxed",), "shame": ("relaxed",)}
    more |= {"pride": ("palm",), "joy": ("open",), "surprise": ("open",)}
    for mood, names in more.items():
        assert all(chances([], {mood: 1.0})[name] > 1.3 * plain[name] for name in names), mood
        half = chances([], {mood: 0.5, "neutral": 0.5})
        assert plain[names[0]] < half[names[0]] < chances([], {mood: 1.0})[names[0]]
    assert chances([], {"neutral": 1.0}) == plain
    motion = talking(4)
    curl = {}
    for mood in ("anger", "surprise"):
        changed = [shaped(motion, NEVER, seed=k, mood={mood: 1.0}).rotations[:, HANDS] for k in range(4)]
        curl[mood] = np.mean([geodesic(made, np.broadcast_to(np.eye(3), made.shape)).mean() for made in changed])
    assert curl["anger"] > 1.15 * curl["surprise"]


def test_hands_are_often_alike_and_often_not():
    """Fingers of both hands mirror each other where both take one shape."""
    changed = shaped(stand(gesturing(20.0, seed=5)), NEVER, seed=1)
    curls = [
        geodesic(made, np.broadcast_to(np.eye(3), made.shape)).mean(axis=1)
        for made in (changed.rotations[:, hand].astype(np.float64) for hand in (LEFT_HAND, RIGHT_HAND))
    ]
    assert np.rad2deg(np.abs(curls[0] - curls[1])).max() > 8.0


def test_shapes_are_within_what_fingers_can_do():
    for shape in SHAPES.values():
        closures = (shape.thumb, shape.index, shape.middle, shape.ring, shape.pinky)
        assert all(-1.0 <= closure <= 1.0 for closure in closures)
        assert 0.0 <= shape.spread <= 1.0
