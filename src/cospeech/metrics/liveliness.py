"""How a body moves, in figures that can be set beside those of real people.

All on the canonical skeleton at 30 frames a second, float64. Wrist speeds are relative to the chest, so
that leaning and turning do not count as gesturing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from ..core.rotation import matrix_to_axis_angle
from ..motion.kinematics import global_rotations
from ..motion.motion import Motion
from ..motion.phases import STILL_SPEED, hand_speed, strokes, wrists_in_chest
from ..motion.skeleton import canonical_skeleton

# The trunk as an elliptic cylinder around the spine, half axes in metres (ours, from the avatar's mesh).
TRUNK_WIDTH, TRUNK_DEPTH = 0.135, 0.095


@dataclass(frozen=True)
class Liveliness:
    """Figures of one set of motions; means over all frames unless said otherwise."""

    seconds: float
    speed_mean: float  # metres a second, both wrists
    speed_p95: float  # metres a second
    jerk: float  # metres a second cubed, mean norm of the wrists' third difference
    strokes_per_minute: float
    still_share: float  # share of frames with both wrists below 0.06 m/s
    extent: float  # metres: mean over wrists and axes of the 5th to 95th percentile range
    trunk_share: float  # share of frames with a palm inside the trunk

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def liveliness(motions: list[Motion]) -> Liveliness:
    """Figures of a set of motions together."""
    speeds, jerks, places, inside = [], [], [], []
    found, seconds, still = 0, 0.0, 0
    for motion in motions:
        speed = hand_speed(motion, smooth=3)
        speeds.append(speed.ravel())
        smooth = hand_speed(motion)
        still += int((smooth < STILL_SPEED).all(axis=1).sum())
        wrists = wrists_in_chest(motion).astype(np.float64)
        places.append(wrists)
        jerks.append(np.linalg.norm(np.diff(wrists, n=3, axis=0), axis=-1).ravel() * motion.fps**3)
        inside.append(palm_in_trunk(motion))
        found += len(strokes(motion))
        seconds += motion.seconds
    speed = np.concatenate(speeds)
    place = np.concatenate(places)
    low, high = np.percentile(place, [5, 95], axis=0)
    return Liveliness(
        seconds,
        float(speed.mean()),
        float(np.percentile(speed, 95)),
        float(np.concatenate(jerks).mean()),
        found / seconds * 60,
        still / len(place),
        float((high - low).mean()),
        float(np.concatenate(inside).mean()),
    )


def palm_in_trunk(motion: Motion) -> np.ndarray:
    """[T] bool: is the middle of a palm inside the trunk (an elliptic cylinder from pelvis to neck)?"""
    skeleton = canonical_skeleton()
    world = global_rotations(motion.rotations, skeleton.parents)
    positions = motion.positions
    result = np.zeros(len(motion), dtype=bool)
    for side in ("left", "right"):
        palm = positions[:, skeleton.indices([f"{side}_wrist", f"{side}_middle1"])].mean(axis=1)
        for joint, top in (("pelvis", "spine2"), ("spine2", "spine3"), ("spine3", "neck")):
            index = skeleton.index(joint)
            local = np.einsum("tji,tj->ti", world[:, index], palm - positions[:, index])
            span = np.linalg.norm(positions[:, skeleton.index(top)] - positions[:, index], axis=-1)
            depth = local[:, 2] - 0.02  # the trunk's middle lies a little before the spine
            ring = (local[:, 0] / TRUNK_WIDTH) ** 2 + (depth / TRUNK_DEPTH) ** 2
            result |= (ring < 1) & (local[:, 1] > -0.05) & (local[:, 1] < span)
    return result


@dataclass(frozen=True)
class JointRanges:
    """What real people's joints do: the range of each component of the local rotation vector."""

    low: np.ndarray  # [J, 3] radians
    high: np.ndarray  # [J, 3] radians

    @classmethod
    def of(cls, motions: list[Motion], joints: list[int]) -> JointRanges:
        """Ranges over motions, from the chosen joints."""
        low, high = np.full((len(joints), 3), np.inf), np.full((len(joints), 3), -np.inf)
        for motion in motions:
            vectors = matrix_to_axis_angle(motion.rotations[:, joints].astype(np.float64))
            low, high = np.minimum(low, vectors.min(0)), np.maximum(high, vectors.max(0))
        return cls(low, high)

    def outside(self, motion: Motion, joints: list[int], *, tolerance: float = 2.0) -> float:
        """Share of (frame, joint) rotations that leave a range by more than ``tolerance`` degrees."""
        vectors = matrix_to_axis_angle(motion.rotations[:, joints].astype(np.float64))
        slack = np.deg2rad(tolerance)
        out = (vectors < self.low - slack) | (vectors > self.high + slack)
        return float(out.any(axis=-1).mean())


def stroke_to_accent(
    motion: Motion,
    accent_times: np.ndarray,
    spans: list[tuple[float, float]] | None = None,
    *,
    rng: np.random.Generator,
    shuffles: int = 20,
) -> tuple[np.ndarray, np.ndarray]:
    """Distances in seconds from each stroke to its nearest accent, and the same by chance.

    Strokes outside of speech (hands that rise before it or come to rest in a pause) have no accent to
    meet and do not count. Chance puts as many strokes anywhere into the same stretches of speech.

    Args:
        accent_times: [A] seconds.
        spans: stretches of speech, (start, end) in seconds (``data.synthetic_pairs.phrases``); all if None.

    Returns:
        distances [S] and chance distances [S * shuffles]; empty without strokes or accents.
    """
    times = np.array([stroke.time for stroke in strokes(motion)])
    if not len(times) or not len(accent_times):
        return np.zeros(0), np.zeros(0)
    real, chance = [], []
    for start, end in [(0.0, motion.seconds)] if spans is None else spans:
        inside = times[(times >= start) & (times <= end)]
        real.append(inside)
        chance.append(rng.uniform(start, end, len(inside) * shuffles))

    def distance(moments: np.ndarray) -> np.ndarray:
        gap: np.ndarray = np.abs(moments[:, None] - accent_times[None]).min(axis=1)
        return gap

    return distance(np.concatenate([np.zeros(0), *real])), distance(np.concatenate([np.zeros(0), *chance]))
