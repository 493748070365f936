"""Where the eyes of a portrait turn, so that they look where the motion's do.

A portrait's head turns by less than the motion's, so the eyes turn by what is left to the place that is looked at.
What is looked at most of the time is the viewer, at whom the portrait's eyes look at rest: decisions of ours [D].
"""

from __future__ import annotations

import numpy as np

from ...core.rotation import transpose
from ...motion.eyes import LOOKS, eye_angles
from ...motion.kinematics import global_rotations
from ...motion.motion import Motion
from ...motion.procedural.gaze import directions
from .motion_directions import mean_rotation, motion_directions


def gaze(motion: Motion) -> np.ndarray | None:
    """Turns of a portrait's eyes from their rest.

    Args:
        motion: on the canonical skeleton, with a face.

    Returns:
        [T, 2] radians, to the right of the picture and down; None for a motion whose eyes do not move.
    """
    if motion.face is None or not len(motion) or not motion.face[:, list(LOOKS)].any():
        return None
    eyes = directions(eye_angles(motion.face).mean(1))
    world = global_rotations(motion.rotations.astype(np.float64), motion.skeleton.parents)
    head = world[:, motion.skeleton.index("head")]
    seen = np.einsum("ji,tjk,tk->ti", mean_rotation(head), head, eyes)  # in the axes of the head's mean
    yaw, pitch = np.arctan2(seen[:, 0], seen[:, 2]), -np.arcsin(np.clip(seen[:, 1], -1, 1))
    target = np.degrees(np.stack([yaw - np.median(yaw), pitch - np.median(pitch)], -1))
    local = np.einsum("tij,tj->ti", transpose(motion_directions(motion).turn), directions(target))
    return np.stack([np.arctan2(local[:, 0], local[:, 2]), -np.arcsin(np.clip(local[:, 1], -1, 1))], -1)
