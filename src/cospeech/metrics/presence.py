"""How a person stands and talks, in figures that show at a glance whether somebody seems alive.

All on the canonical skeleton. What a figure is of real people depends on who they are: measure them alike, and look at
more than the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from ..core.rotation import geodesic, transpose
from ..motion.kinematics import global_rotations
from ..motion.motion import Motion
from ..motion.phases import STILL_SPEED, hand_speed, strokes
from ..motion.skeleton import LEFT_HAND, RIGHT_HAND, canonical_skeleton
from .contact import through_share

ONE_HAND = 0.5  # a stroke is of one hand where the other's speed stays below this share of it
NEAR_STROKE = 0.2  # seconds before and after a stroke in which the other hand counts
HANGING = 0.05  # metres above the hips below which a wrist hangs


@dataclass(frozen=True)
class Presence:
    """Figures of one set of motions; means over all frames unless said otherwise."""

    seconds: float
    wrist_speed: float  # metres a second, both wrists in the frame of the chest
    still_share: float  # share of frames with both wrists below STILL_SPEED
    strokes_per_minute: float
    one_handed_share: float  # of strokes
    hanging_share: float  # of frames with both wrists less than HANGING above the hips
    chest_share: float  # of frames with a wrist higher than the middle of the spine (spine2)
    head_speed: float  # degrees a second, the head's turn in the world
    trunk_yaw: float  # degrees, deviation of the chest's heading within a motion, mean over motions
    finger_variety: float  # degrees, deviation of finger joints from their mean within a motion, mean over motions
    hand_through_share: float  # of frames with a hand through the other one or the trunk (``contact``)

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def presence(motions: Sequence[Motion]) -> Presence:
    """Figures of a set of motions together; of at least one stroke and two frames each."""
    skeleton = canonical_skeleton()
    wrists = skeleton.indices(["left_wrist", "right_wrist"])
    hips, middle = skeleton.indices(["left_hip", "right_hip"]), skeleton.index("spine2")
    speeds, still, hanging, high, heads = [], [], [], [], []
    found = one_handed = 0
    yaws, fingers, seconds = [], [], 0.0
    for motion in motions:
        speed, positions = hand_speed(motion), motion.positions
        speeds.append(speed.ravel())
        still.append((speed < STILL_SPEED).all(axis=1))
        height = positions[:, wrists, 1]
        hanging.append((height < positions[:, hips, 1].mean(axis=1, keepdims=True) + HANGING).all(axis=1))
        high.append((height > positions[:, middle, 1:2]).any(axis=1))
        own = strokes(motion)
        found += len(own)
        one_handed += sum(_is_one_handed(speed, stroke.time, motion.fps) for stroke in own)
        world = global_rotations(motion.rotations.astype(np.float64), skeleton.parents)
        head, chest = world[:, skeleton.index("head")], world[:, skeleton.index("spine3")]
        heads.append(np.rad2deg(geodesic(head[1:], head[:-1])) * motion.fps)
        yaws.append(np.rad2deg(np.unwrap(np.arctan2(chest[:, 0, 2], chest[:, 2, 2]))).std())
        fingers.append(_variety(motion.rotations[:, [*LEFT_HAND, *RIGHT_HAND]].astype(np.float64)))
        seconds += motion.seconds
    return Presence(
        seconds,
        float(np.concatenate(speeds).mean()),
        float(np.concatenate(still).mean()),
        60 * found / seconds,
        one_handed / max(found, 1),
        float(np.concatenate(hanging).mean()),
        float(np.concatenate(high).mean()),
        float(np.concatenate(heads).mean()),
        float(np.mean(yaws)),
        float(np.mean(fingers)),
        through_share(motions),
    )


def _is_one_handed(speed: np.ndarray, time: float, fps: float) -> bool:
    reach = round(NEAR_STROKE * fps)
    frame = round(time * fps)
    near = speed[max(0, frame - reach) : frame + reach + 1].max(axis=0)
    return bool(near.min() < ONE_HAND * near.max())


def _variety(rotations: np.ndarray) -> float:
    """Degrees: root mean square angle of [T, J, 3, 3] from their mean rotation, mean over joints."""
    u, _, v = np.linalg.svd(rotations.mean(axis=0))
    flip = np.ones((len(u), 3))
    flip[:, 2] = np.linalg.det(u @ v)
    mean = (u * flip[:, None]) @ v
    relative = transpose(mean)[None] @ rotations
    angle = geodesic(relative, np.broadcast_to(np.eye(3), relative.shape))
    return float(np.rad2deg(np.sqrt((angle**2).mean(axis=0))).mean())
