"""Posing: identity is rest, rigid stays rigid, face shapes move the face, twist is spread."""

import numpy as np
import pytest

from cospeech.avatar.body import load_body
from cospeech.avatar.pose import pose_vertices
from cospeech.avatar.skinning import dense_weights, joint_transforms, twist_about_x
from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_angle_to_matrix, axis_rotation
from cospeech.motion.motion import Motion
from cospeech.motion.procedural.face import ARKIT_NAMES
from cospeech.motion.skeleton import Skeleton, canonical_skeleton

SKELETON = canonical_skeleton()
BODY = load_body(1)


def still(frames=1, *, face=None, **joints):
    rotations = np.tile(np.eye(3, dtype=np.float32), (frames, 55, 1, 1))
    for name, vector in joints.items():
        rotations[:, SKELETON.index(name)] = axis_angle_to_matrix(np.radians(np.array(vector, float)))
    return Motion(SKELETON, 30, rotations, np.tile(SKELETON.offsets[0], (frames, 1)), face)


def shape(name, weight=1.0):
    face = np.zeros((1, 52), np.float32)
    face[0, ARKIT_NAMES.index(name)] = weight
    return face


def test_identity_is_rest():
    np.testing.assert_allclose(pose_vertices(BODY, still())[0], BODY.vertices, atol=2e-5)


def test_rigid_root_moves_everything_rigidly():
    turn = axis_angle_to_matrix(np.array([0.3, -0.8, 0.4]))
    motion = still()
    rotations = motion.rotations.copy()
    rotations[0, 0] = turn
    place = np.array([[0.4, 1.1, -0.3]])
    points = pose_vertices(BODY, Motion(SKELETON, 30, rotations, place))[0]
    expected = (BODY.vertices - SKELETON.offsets[0]) @ turn.T + place
    np.testing.assert_allclose(points, expected, atol=5e-5)


def test_frames_and_batches_agree():
    rng = np.random.default_rng(0)
    rotations = axis_angle_to_matrix(rng.normal(0, 0.2, (5, 55, 3)))
    motion = Motion(SKELETON, 30, rotations, np.zeros((5, 3)), rng.uniform(0, 1, (5, 52)))
    whole = pose_vertices(BODY, motion)
    np.testing.assert_allclose(pose_vertices(BODY, motion, frames=slice(1, 5, 2)), whole[1::2], atol=1e-6)


def test_jaw_open_moves_the_chin_down():
    rest, opened = pose_vertices(BODY, still())[0], pose_vertices(BODY, still(face=shape("jawOpen")))[0]
    front = np.abs(rest[:, 0]) < 0.02
    front &= (rest[:, 2] > 0.11) & (rest[:, 1] > 1.50) & (rest[:, 1] < 1.54)
    assert front.sum() > 5
    assert (opened - rest)[front, 1].mean() < -0.015
    assert np.abs(opened - rest)[rest[:, 1] < 1.4].max() == 0


def test_blink_lowers_the_upper_lid():
    delta = pose_vertices(BODY, still(face=shape("eyeBlinkLeft")))[0] - BODY.vertices
    moved = np.abs(delta).max(1) > 0.004
    assert moved.any()
    assert np.quantile(BODY.vertices[moved, 0], 0.1) > 0.01  # the left eye only
    assert delta[moved, 1].mean() < -0.003


def test_wrist_twist_is_spread_along_the_forearm():
    """A wrist turned by 90 degrees must not pinch the forearm."""
    rest, turned = BODY.vertices, pose_vertices(BODY, still(left_wrist=(90, 0, 0)))[0]
    axis = SKELETON.rest_positions[SKELETON.index("left_wrist"), 1:]
    elbow, wrist = (SKELETON.rest_positions[SKELETON.index(f"left_{n}"), 0] for n in ("elbow", "wrist"))
    for low, high in ((0.2, 0.5), (0.5, 0.8), (0.8, 1.0)):
        part = (rest[:, 0] > elbow + low * (wrist - elbow)) & (rest[:, 0] < elbow + high * (wrist - elbow))
        before = np.linalg.norm(rest[part, 1:] - axis, axis=1).mean()
        after = np.linalg.norm(turned[part, 1:] - axis, axis=1).mean()
        assert after > 0.88 * before


def test_skin_weights_over_helpers_sum_to_one():
    dense = dense_weights(BODY.joints, BODY.weights, BODY.vertices, BODY.joint_positions)
    np.testing.assert_allclose(dense.sum(1), 1, atol=1e-5)
    assert (dense >= -1e-7).all()


def test_twist_is_extracted_exactly():
    twist = axis_rotation("X", np.array(0.9))
    np.testing.assert_allclose(twist_about_x(twist[None], 1.0)[0], twist, atol=1e-9)
    np.testing.assert_allclose(twist_about_x(twist[None], 0.5)[0], axis_rotation("X", np.array(0.45)), atol=1e-9)
    swing = axis_rotation("Z", np.array(-1.2))
    np.testing.assert_allclose(twist_about_x(swing[None], 1.0)[0], np.eye(3), atol=1e-9)


def test_joint_transforms_of_rest_are_identity():
    transforms = joint_transforms(still().rotations, still().translation, BODY.joint_positions)
    np.testing.assert_allclose(transforms[..., :3], np.broadcast_to(np.eye(3), (1, 63, 3, 3)), atol=1e-6)
    np.testing.assert_allclose(transforms[..., 3], 0, atol=2e-5)


def test_other_order_of_joints_is_understood():
    names = ("pelvis", "spine1", "left_hip", "right_hip", *SKELETON.names[4:])
    order = [SKELETON.index(name) for name in names]
    parents = tuple(-1 if p < 0 else names.index(SKELETON.names[p]) for p in (SKELETON.parents[i] for i in order))
    other = Skeleton(names, parents, SKELETON.offsets[order])
    motion = still(spine1=(10, 0, 0))
    moved = Motion(other, 30, motion.rotations[:, order], motion.translation)
    np.testing.assert_allclose(pose_vertices(BODY, moved), pose_vertices(BODY, motion), atol=1e-5)


def test_other_skeletons_are_refused():
    other = Skeleton(("root", "a"), (-1, 0), np.zeros((2, 3)))
    motion = Motion(other, 30, np.tile(np.eye(3), (1, 2, 1, 1)), np.zeros((1, 3)))
    with pytest.raises(UserError, match="retarget"):
        pose_vertices(BODY, motion)
