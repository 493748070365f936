"""Forward kinematics: against a plain loop, its inverse, torch, mirror images, and what Motion does."""

from __future__ import annotations

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.motion.kinematics import (
    forward,
    global_rotations,
    joint_positions,
    local_rotations,
    mirror_rotations,
    speed,
)
from cospeech.motion.motion import Motion, concatenate
from cospeech.motion.skeleton import (
    CANONICAL_NAMES,
    CANONICAL_PARENTS,
    MIRROR,
    Skeleton,
    canonical_skeleton,
    mirror_name,
)
from format_data import canonical_motion, smooth_rotations


def test_forward_against_homogeneous_matrices():
    skeleton = canonical_skeleton()
    rotations = smooth_rotations(5, len(skeleton), angle=1.5)
    translation = np.random.default_rng(0).normal(size=(5, 3))
    world, positions = forward(rotations, translation, skeleton.parents, skeleton.offsets)
    for frame in range(5):
        transforms: list[np.ndarray] = []
        for joint, parent in enumerate(skeleton.parents):
            local = np.eye(4)
            local[:3, :3] = rotations[frame, joint]
            local[:3, 3] = translation[frame] if parent < 0 else skeleton.offsets[joint]
            transforms.append(local if parent < 0 else transforms[parent] @ local)
        expected = np.stack(transforms)
        np.testing.assert_allclose(world[frame], expected[:, :3, :3], atol=1e-12)
        np.testing.assert_allclose(positions[frame], expected[:, :3, 3], atol=1e-12)


def test_rest_pose_and_root_offset():
    skeleton = canonical_skeleton()
    still = np.tile(np.eye(3), (1, len(skeleton), 1, 1))
    positions = joint_positions(still, skeleton.offsets[:1], skeleton)
    np.testing.assert_allclose(positions[0], skeleton.rest_positions, atol=1e-12)


def test_world_and_local_are_inverse():
    rotations = smooth_rotations(7, 55, angle=2.0)
    world = global_rotations(rotations, CANONICAL_PARENTS)
    np.testing.assert_allclose(local_rotations(world, CANONICAL_PARENTS), rotations, atol=1e-12)


def test_bone_lengths_never_change():
    motion = canonical_motion(30)
    skeleton = motion.skeleton
    bones = motion.positions[:, 1:] - motion.positions[:, list(skeleton.parents[1:])]
    expected = np.linalg.norm(skeleton.offsets[1:], axis=-1)
    np.testing.assert_allclose(np.linalg.norm(bones, axis=-1), np.broadcast_to(expected, (30, 54)), atol=1e-5)


def test_torch_kinematics():
    torch = pytest.importorskip("torch")
    skeleton = canonical_skeleton()
    rotations, translation = smooth_rotations(4, 55), np.zeros((4, 3))
    positions = joint_positions(torch.from_numpy(rotations), torch.from_numpy(translation), skeleton)
    np.testing.assert_allclose(positions.numpy(), joint_positions(rotations, translation, skeleton), atol=1e-12)


def test_mirror_mirrors_positions_on_a_symmetric_body():
    motion = canonical_motion(12, face=False)
    flipped = mirror_rotations(motion.rotations, MIRROR)
    positions = joint_positions(flipped, motion.translation * [-1, 1, 1], motion.skeleton)
    expected = motion.positions[:, list(MIRROR)] * [-1, 1, 1]
    np.testing.assert_allclose(positions, expected, atol=1e-4)
    np.testing.assert_allclose(mirror_rotations(flipped, MIRROR), motion.rotations, atol=1e-7)


def test_mirror_names_are_an_involution():
    assert all(mirror_name(mirror_name(name)) == name for name in CANONICAL_NAMES)
    assert all(MIRROR[MIRROR[i]] == i for i in range(55))


def test_speed():
    line = np.outer(np.arange(10) / 30.0, [3.0, 4.0, 0.0])
    np.testing.assert_allclose(speed(line, 30.0), 5.0)
    assert speed(np.zeros((1, 4, 3)), 30.0).shape == (1, 4)


def test_resample_keeps_length_and_path():
    motion = canonical_motion(61)
    double = motion.resample(60)
    assert double.frames == 122
    np.testing.assert_allclose(double.positions[::2], motion.positions, atol=1e-5)


def test_extras_of_frames_follow_the_frames():
    motion = canonical_motion(20)
    extra = {"per_frame": {"a": np.arange(20.0)}, "b": "kept"}
    motion = Motion(motion.skeleton, 30.0, motion.rotations, motion.translation, extra=extra)
    part = motion[5:8]
    assert part.extra["per_frame"]["a"].tolist() == [5, 6, 7]
    assert part.extra["b"] == "kept"
    assert motion.resample(60).extra["per_frame"]["a"][1] == pytest.approx(0.5)
    assert concatenate([part, part]).extra["per_frame"]["a"].tolist() == [5, 6, 7, 5, 6, 7]
    assert len(motion.extra["per_frame"]["a"]) == 20


@pytest.mark.parametrize(
    ("names", "parents", "problem"),
    [(("a", "a"), (-1, 0), "unique"), (("a", "b"), (0, -1), "root"), (("a", "b"), (-1,), "one name")],
)
def test_bad_skeletons(names, parents, problem):
    with pytest.raises(UserError, match=problem):
        Skeleton(names, parents, np.zeros((2, 3)))


def test_numbers_that_are_not_finite_are_refused():
    motion = canonical_motion(3)
    translation = motion.translation.copy()
    translation[1, 1] = np.nan
    with pytest.raises(UserError, match="finite"):
        Motion(motion.skeleton, 30.0, motion.rotations, translation)
