"""Arms that are moved a little: hands reach where they are asked to, wings fold, the mouth stays free."""

from __future__ import annotations

import numpy as np
import pytest

from corpus_data import gesturing
from cospeech.core.rotation import euler_to_matrix
from cospeech.motion.motion import Motion
from cospeech.motion.phases import wrists_in_chest
from cospeech.motion.procedural.arms import Arm, posed_arm, tempered
from cospeech.motion.procedural.posture import stand
from cospeech.motion.skeleton import canonical_skeleton

SKELETON = canonical_skeleton()
SIDES = ("left", "right")


def posed(frames: int, **angles: np.ndarray | tuple[float, float, float]) -> Motion:
    """The T-pose with joints turned by [T, 3] or [3] degrees about x, y and z."""
    rotations = np.tile(np.eye(3, dtype=np.float32), (frames, 55, 1, 1))
    for joint, turn in angles.items():
        degrees = np.broadcast_to(np.asarray(turn, dtype=float), (frames, 3))
        rotations[:, SKELETON.index(joint)] = euler_to_matrix(np.deg2rad(degrees), "XYZ")
    return Motion(SKELETON, 30.0, rotations, np.tile(SKELETON.offsets[0].astype(np.float32), (frames, 1)))


def whole(motion: Motion) -> Motion:
    return tempered(motion, np.ones(len(motion)))


@pytest.mark.parametrize("side", SIDES)
def test_a_hand_reaches_where_it_is_asked_to_and_bones_keep_their_lengths(side):
    motion = gesturing(4.0, seed=0)
    arm = Arm.of(motion.rotations, side)
    np.testing.assert_allclose(arm.wrist, wrists_in_chest(motion)[:, SIDES.index(side)], atol=1e-5)
    moved = np.array([-0.04 * arm.sign, -0.03, 0.02])
    after = arm.reaching(np.broadcast_to(moved, arm.wrist.shape))
    np.testing.assert_allclose(after.wrist, arm.wrist + moved, atol=1e-3)
    rotations = motion.rotations.astype(np.float64)
    after.write(rotations)
    np.testing.assert_allclose(Arm.of(rotations, side).wrist, after.wrist, atol=1e-5)


def test_a_straight_arm_bends_as_elbows_do():
    arm = Arm.of(posed(1).rotations, "left")
    after = arm.reaching(np.array([[-0.1, 0.0, 0.0]]))
    forwards = after.wrist - (after.shoulder + after.elbow) / 2
    assert after.elbow[0, 2] < after.wrist[0, 2] - 0.02  # the elbow behind, the hand in front
    assert forwards[0, 0] > 0


def test_arms_do_not_spread_like_wings_and_come_there_smoothly():
    wide = whole(posed(2))  # the T-pose
    positions = wide.positions[0]
    for side, sign in (("left", 1.0), ("right", -1.0)):
        upper = positions[SKELETON.index(f"{side}_elbow")] - positions[SKELETON.index(f"{side}_shoulder")]
        aside = np.rad2deg(np.arcsin(upper[0] * sign / np.linalg.norm(upper)))
        assert 15.0 < aside < 55.0  # of 90
        assert 0.3 < positions[SKELETON.index(f"{side}_wrist"), 0] * sign < 0.5
    raising = np.zeros((91, 3))
    raising[:, 2] = np.linspace(-90.0, 30.0, 91)  # from hanging to above the shoulder
    motion = posed(91, left_shoulder=raising)
    way = np.linalg.norm(np.diff(whole(motion).positions[:, SKELETON.index("left_wrist")], axis=0), axis=-1)
    assert way.max() < 0.06
    assert np.abs(np.diff(way)).max() < 0.01


def test_fingers_leave_the_mouth_free():
    """The right hand is led from the belly up to the eyes before the face."""
    shoulder, elbow = np.zeros((120, 3)), np.zeros((120, 3))
    shoulder[:, 2], shoulder[:, 1] = 60.0, 30.0
    elbow[:, 1] = np.linspace(60.0, 140.0, 120)
    shoulder[:, 0] = np.linspace(20.0, -70.0, 120)
    motion = posed(120, right_shoulder=shoulder, right_elbow=elbow)

    def nearest(motion: Motion) -> float:
        mouth = motion.positions[:, SKELETON.index("head")] + [0.0, 0.01, 0.1]
        return float(np.linalg.norm(motion.positions[:, SKELETON.index("right_middle1")] - mouth, axis=-1).min())

    assert nearest(motion) < 0.1
    assert nearest(whole(motion)) > max(0.12, nearest(motion) + 0.04)


def test_the_elbow_of_a_low_hand_is_drawn_in_and_the_hand_stays_about_where_it_is():
    local = posed_arm(
        "left",
        np.array([0.12, -0.25, 0.25]),
        elbow=np.array([1.0, 0.2, 0.0]),
        fingers=np.array([-0.5, 0.0, 1.0]),
        palm=np.array([0.0, -1.0, 0.0]),
    )
    motion = posed(2)
    for joint, rotation in local.items():
        motion.rotations[:, SKELETON.index(joint)] = rotation
    before, after = (Arm.of(m.rotations, "left") for m in (motion, whole(motion)))
    assert after.elbow[0, 0] < before.elbow[0, 0] - 0.04
    np.testing.assert_allclose(after.wrist, before.wrist, atol=0.05)


@pytest.mark.parametrize("side", SIDES)
def test_a_posed_arm_has_its_hand_where_it_is_said_to_be(side):
    sign = 1.0 if side == "left" else -1.0
    wrist, fingers, palm = np.array([0.1 * sign, -0.25, 0.2]), np.array([-sign, 0.0, 0.0]), np.array([0.0, 0.0, -1.0])
    local = posed_arm(side, wrist, elbow=np.array([sign, -1.0, -1.0]), fingers=fingers, palm=palm)
    motion = posed(1)
    for joint, rotation in local.items():
        assert np.linalg.det(rotation) == pytest.approx(1.0)
        motion.rotations[:, SKELETON.index(joint)] = rotation
    arm = Arm.of(motion.rotations, side)
    np.testing.assert_allclose(arm.wrist[0], wrist, atol=1e-6)
    np.testing.assert_allclose(arm.hand[0] @ [sign, 0, 0], fingers, atol=1e-6)
    np.testing.assert_allclose(arm.hand[0] @ [0, -1, 0], palm, atol=1e-6)
    assert arm.elbow[0, 0] * sign > 0.15


def test_nothing_moves_where_nothing_shall():
    motion = stand(gesturing(4.0, seed=1))
    np.testing.assert_allclose(tempered(motion, np.zeros(len(motion))).rotations, motion.rotations, atol=1e-5)
