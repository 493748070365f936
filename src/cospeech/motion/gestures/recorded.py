"""Gestures of a user's own: a motion with a marked stroke, whose arms and fingers are played."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.rotation import matrix_to_quaternion, slerp
from ..motion import Motion
from ..phases import hand_speed, wrists_in_chest
from ..skeleton import FINGERS, canonical_skeleton

TAKES_PART = 0.08  # metres that a wrist moves, from which its arm is part of a gesture
PARTS = ("shoulder", "elbow", "wrist")


@dataclass(frozen=True, eq=False)
class Recording:
    """A recorded gesture: its motion on the canonical joints, and when its stroke is fastest."""

    motion: Motion
    stroke: float  # seconds

    @property
    def sides(self) -> tuple[str, ...]:
        """The arms that take part, that which moves more first."""
        moved = np.ptp(wrists_in_chest(self.motion), axis=0)
        ways = dict(zip(("left", "right"), np.linalg.norm(moved, axis=-1).tolist(), strict=True))
        by_way = sorted(ways, key=lambda side: -ways[side])
        return tuple(side for side in by_way if side == by_way[0] or ways[side] > TAKES_PART)


@dataclass(frozen=True, eq=False)
class RecordedPath:
    """One arm of a recorded gesture in its place; times are seconds of the motion."""

    side: str
    first: float  # seconds: where the recording begins
    last: float
    tempo: float  # times as long as it was recorded
    quaternions: np.ndarray  # [K, 18, 4] local: shoulder, elbow, wrist, fingers
    ends: np.ndarray  # [2, 3] metres in the frame of the chest: the wrist at first and at last
    fps: float

    @property
    def wrist(self) -> np.ndarray:
        """[2, 3] metres in the frame of the chest, at first and at last."""
        return self.ends

    def turns(self, at: np.ndarray, collar: np.ndarray, alive: np.ndarray) -> np.ndarray:
        """Local rotations [T, 18, 4] of shoulder, elbow, wrist and fingers at times [T]."""
        place = np.clip((at - self.first) / self.tempo * self.fps, 0, len(self.quaternions) - 1)
        low = np.minimum(place.astype(int), max(len(self.quaternions) - 2, 0))
        high = np.minimum(low + 1, len(self.quaternions) - 1)
        return np.asarray(slerp(self.quaternions[low], self.quaternions[high], (place - low)[:, None]))


def recorded_path(recording: Recording, side: str, stroke: float, tempo: float) -> RecordedPath:
    """An arm of a recording whose stroke comes at ``stroke`` seconds."""
    motion, skeleton = recording.motion, canonical_skeleton()
    joints = skeleton.indices([f"{side}_{part}" for part in PARTS]) + fingers_of_side(side)
    wrist = wrists_in_chest(motion)[:, 0 if side == "left" else 1]
    return RecordedPath(
        side,
        stroke - recording.stroke * tempo,
        stroke + (motion.seconds - 1 / motion.fps - recording.stroke) * tempo,
        tempo,
        matrix_to_quaternion(motion.rotations[:, joints].astype(np.float64)),
        wrist[[0, -1]],
        motion.fps,
    )


def fingers_of_side(side: str) -> list[int]:
    """The 15 joints of a hand's fingers, in the order of the skeleton's names."""
    return canonical_skeleton().indices([f"{side}_{finger}{joint}" for finger in FINGERS for joint in (1, 2, 3)])


def fastest_moment(motion: Motion) -> float:
    """Seconds at which a hand of a motion is fastest: the stroke, where none is marked."""
    return float(hand_speed(motion).max(axis=1).argmax() / motion.fps)


def mirrored(recording: Recording) -> Recording:
    """The recording with left and right exchanged."""
    return Recording(recording.motion.mirror(), recording.stroke)
