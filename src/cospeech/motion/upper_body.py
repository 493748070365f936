"""What judges of motion see: the upper body, without fingers, pelvis and legs."""

from __future__ import annotations

import numpy as np

from ..core.errors import UserError
from ..core.rotation import matrix_to_6d
from ..core.timing import FPS
from .kinematics import forward
from .motion import Motion
from .skeleton import canonical_skeleton

JOINTS = (
    "neck",
    "head",
    "left_collar",
    "right_collar",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
)
POINTS = ("left_elbow", "right_elbow", "left_wrist", "right_wrist")
CHANNELS = 6 * (1 + len(JOINTS)) + 3 * len(POINTS)  # 78


def upper_body(motion: Motion) -> np.ndarray:
    """[T, 78] float32: the chest's (spine3) rotation in the world and the local rotations of ten joints
    in 6D, then elbows and wrists in the chest's frame in metres. [D]

    Raises:
        UserError: not the canonical skeleton, or not 30 frames a second.
    """
    skeleton = canonical_skeleton()
    if motion.skeleton != skeleton or abs(motion.fps - FPS) > 1e-3:
        raise UserError(
            f"expected motion on the canonical skeleton at {FPS} frames a second, got "
            f"{len(motion.skeleton)} joints at {motion.fps:g}; retarget and resample it first"
        )
    still = np.zeros((len(motion), 3), dtype=np.float32)
    world, places = forward(motion.rotations, still, skeleton.parents, skeleton.offsets)
    chest = skeleton.index("spine3")
    local = motion.rotations[:, skeleton.indices(list(JOINTS))]
    turned = np.concatenate([world[:, chest : chest + 1], local], axis=1)
    offset = places[:, skeleton.indices(list(POINTS))] - places[:, chest : chest + 1]
    inside = np.einsum("tji,tkj->tki", world[:, chest], offset)
    parts = [matrix_to_6d(turned).reshape(len(motion), -1), inside.reshape(len(motion), -1)]
    return np.concatenate(parts, axis=1).astype(np.float32)
