"""A motion without its body: directions of arms and hands, curl of fingers, turns of the head.

Directions have the picture's axes: x right, y down, z towards the viewer, who stands in front of the person.
Contextual Gesture drives the picture with keypoints of the same person (appendix E). Decision of ours [D]: a body
that turns or steps aside is brought back to the front, and movements are limited as below.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.errors import UserError
from ...core.rotation import axis_angle_to_matrix, axis_rotation, matrix_to_axis_angle, transpose
from ...motion.kinematics import global_rotations, joint_positions
from ...motion.motion import Motion
from ...motion.points import FINGERS, SIDES

PICTURE = np.array([1.0, -1.0, 1.0])  # metres, y up -> axes of the picture
_YAW = 0.2  # radians at most that the body turns
SWAY, SHRUG, NOD = 0.03, 0.025, 0.03  # shoulder widths at most that shoulders, one of them, and the head move
_TURN = 0.3  # radians that the head turns at most
_HEAD = np.array([0.5, 0.5, 0.7])  # shares of nodding, turning and tilting that a warped picture can show


@dataclass(frozen=True, eq=False)
class MotionDirections:
    """T frames; sides are left, right. Means are over the whole motion."""

    shoulders: np.ndarray  # [T, 2, 2] shoulder widths from their mean place
    arms: np.ndarray  # [T, 2, 2, 3] upper arm and forearm in lengths of the bone, at most 1
    hands: np.ndarray  # [T, 2, 2] wrist -> middle knuckle in units of its length, short if it points to the viewer
    curl: np.ndarray  # [T, 2, 5] radians that fingers close more than on average
    turn: np.ndarray  # [T, 3, 3] of the head from its mean, y up
    neck: np.ndarray  # [T, 2] shoulder widths: the head joint from its mean, as seen from the shoulders


def motion_directions(motion: Motion) -> MotionDirections:
    """Directions and turns of a canonical motion; raises UserError if it has no frames."""
    if not len(motion):
        raise UserError("the motion has no frames; give one with at least one")
    skeleton = motion.skeleton
    at = skeleton.indices
    rotations = motion.rotations.astype(np.float64)
    world = global_rotations(rotations, skeleton.parents)
    places = joint_positions(rotations, motion.translation.astype(np.float64), skeleton)
    front = to_front(world[:, skeleton.index("spine3")])
    world = front[:, None] @ world
    root = places[:, :1].mean(0, keepdims=True)
    places = ((places - root) @ transpose(front)) * PICTURE

    shoulders = places[:, at([f"{side}_shoulder" for side in SIDES])]
    width = float(np.linalg.norm(shoulders[:, 0] - shoulders[:, 1], axis=-1).mean())
    chains = np.stack(
        [places[:, at([f"{s}_{j}" for j in ("shoulder", "elbow", "wrist", "middle1")])] for s in SIDES], 1
    )
    bones = np.diff(chains, axis=2)
    bones /= np.linalg.norm(bones, axis=-1, keepdims=True)
    middle = shoulders.mean(1)
    neck = (places[:, skeleton.index("head")] - middle)[:, :2] / width
    head = world[:, skeleton.index("head")]
    moved = from_mean(shoulders[..., :2] / width)
    common = moved.mean(1, keepdims=True)
    return MotionDirections(
        shoulders=soft(common, SWAY) + soft(moved - common, SHRUG),
        arms=bones[:, :, :2],
        hands=bones[:, :, 2, :2],
        curl=from_mean(_curl(motion, places)),
        turn=_small(head @ transpose(mean_rotation(head))),
        neck=soft(from_mean(neck), NOD),
    )


def soft(values: np.ndarray, limit: float) -> np.ndarray:
    """Vectors [..., n] compressed below a limit: small ones hardly change, all keep their direction."""
    size = np.linalg.norm(values, axis=-1, keepdims=True) / limit
    return values * np.where(size > 1e-6, np.tanh(size) / np.maximum(size, 1e-6), 1.0)


def from_mean(values: np.ndarray) -> np.ndarray:
    """Values [T, ...] less their mean over time."""
    return values - values.mean(0, keepdims=True)


def to_front(chest: np.ndarray) -> np.ndarray:
    """Rotations about the vertical [T, 3, 3] that turn the chest to the viewer, up to a small remainder."""
    facing = chest[..., 2]
    yaw = np.unwrap(np.arctan2(facing[:, 0], facing[:, 2]))
    kept = soft(from_mean(yaw)[:, None], _YAW)[:, 0]
    return axis_rotation("Y", kept - yaw)


def _curl(motion: Motion, places: np.ndarray) -> np.ndarray:
    """[T, 2, 5] radians between the palm and the middle of each finger, in the order of points.FINGERS."""
    result = np.zeros((len(motion), 2, len(FINGERS)))
    for k, side in enumerate(SIDES):
        for n, finger in enumerate(FINGERS):
            joints = motion.skeleton.indices([f"{side}_wrist", *(f"{side}_{finger}{j}" for j in (1, 2, 3))])
            wrist, first, second, third = np.moveaxis(places[:, joints], 1, 0)
            palm, part = first - wrist, third - second
            cosine = (palm * part).sum(-1) / (np.linalg.norm(palm, axis=-1) * np.linalg.norm(part, axis=-1) + 1e-12)
            result[:, k, n] = np.arccos(np.clip(cosine, -1.0, 1.0))
    return result


def mean_rotation(rotations: np.ndarray) -> np.ndarray:
    """The rotation [3, 3] nearest to all of [T, 3, 3]."""
    u, _, v = np.linalg.svd(rotations.mean(0))
    return u @ np.diag([1.0, 1.0, np.linalg.det(u @ v)]) @ v


def _small(turn: np.ndarray) -> np.ndarray:
    """Rotations [T, 3, 3] reduced and limited."""
    return axis_angle_to_matrix(soft(matrix_to_axis_angle(turn) * _HEAD, _TURN))
