"""Gesture phases from hand motion: strokes, preparations, retractions, holds and rests.

Kendon's phases (Gesture, 2004), found from the speed of the wrists relative to the chest; thresholds
are a decision of ours, stated below and fitted on no particular corpus.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..core.series import hann_mean
from .kinematics import global_rotations, speed
from .motion import Motion
from .skeleton import canonical_skeleton

STILL_SPEED = 0.06  # metres a second: below it a wrist holds or rests
STROKE_SPEED = 0.25  # metres a second: a peak above it is a stroke
STROKE_GAP = 0.2  # seconds between two strokes of one hand at the least
REST_DROP = 0.62  # a hand rests below this share of the way from shoulder height to the hanging hand


@dataclass(frozen=True)
class Stroke:
    """The moment of greatest speed of one gesture."""

    time: float  # seconds
    strength: float  # peak speed of the wrist relative to the chest, metres a second
    side: str  # "left" or "right"


@dataclass(frozen=True)
class Phase:
    """One stretch of a gesture unit of one hand."""

    start: float  # seconds
    end: float  # seconds
    kind: str  # preparation, stroke, hold, retraction or rest
    side: str  # "left" or "right"
    strength: float  # peak speed within, metres a second


def wrists_in_chest(motion: Motion) -> np.ndarray:
    """[T, 2, 3] metres: left and right wrist in the frame of the chest (spine3), canonical skeleton."""
    skeleton = canonical_skeleton()
    chest = skeleton.index("spine3")
    world = global_rotations(motion.rotations[:, : chest + 1], skeleton.parents[: chest + 1])[:, chest]
    wrists = motion.positions[:, skeleton.indices(["left_wrist", "right_wrist"])]
    local: np.ndarray = np.einsum("tji,tkj->tki", world, wrists - motion.positions[:, chest : chest + 1])
    return local


def hand_speed(motion: Motion, *, smooth: int = 5) -> np.ndarray:
    """[T, 2] metres a second: speed of left and right wrist relative to the chest, Hann-smoothed."""
    values = speed(wrists_in_chest(motion), motion.fps)
    if smooth < 2 or len(values) < smooth:
        return values
    return hann_mean(values, smooth)


def peaks(values: np.ndarray, *, height: float, distance: int, prominence: float = 0.0) -> np.ndarray:
    """Indices of local maxima of [T] at least ``height`` high, ``distance`` frames apart, the higher kept.

    A peak must also rise by ``prominence`` above the lowest value on its way to any higher peak.
    """
    if len(values) < 3:
        return np.zeros(0, dtype=int)
    middle = values[1:-1]
    found = np.flatnonzero((middle > values[:-2]) & (middle >= values[2:]) & (middle >= height)) + 1
    kept: list[int] = []
    for index in found[np.argsort(-values[found], kind="stable")]:
        if any(abs(index - other) < distance for other in kept):
            continue
        valley_deep_enough = all(
            values[min(index, other) : max(index, other) + 1].min() <= values[index] - prominence for other in kept
        )
        if valley_deep_enough:
            kept.append(int(index))
    return np.array(sorted(kept), dtype=int)


def strokes(motion: Motion) -> list[Stroke]:
    """The strokes of both hands in order of time.

    A stroke is a peak of the smoothed wrist speed of at least 0.25 m/s that stands out by a third of
    its height; peaks of the two hands within 0.2 s are one stroke of the faster hand.
    """
    speeds = hand_speed(motion)
    distance = max(1, round(STROKE_GAP * motion.fps))
    both = speeds.max(axis=1)
    found = [index for index in peaks(both, height=STROKE_SPEED, distance=distance) if _stands_out(both, index, 1 / 3)]
    return [Stroke(i / motion.fps, float(both[i]), ("left", "right")[int(speeds[i].argmax())]) for i in found]


def _stands_out(values: np.ndarray, index: int, share: float) -> bool:
    """Does the speed fall by ``share`` of the peak on both sides before it rises above the peak?"""
    level = values[index] * (1 - share)
    for side in (values[:index][::-1], values[index + 1 :]):
        higher = np.flatnonzero(side > values[index])
        stretch = side[: higher[0]] if len(higher) else side
        if len(stretch) and stretch.min() > level and len(higher):
            return False
    return True


def still_share(motion: Motion) -> float:
    """Share of frames in which both wrists are slower than 0.06 m/s relative to the chest."""
    return float((hand_speed(motion) < STILL_SPEED).all(axis=1).mean())


def phases(motion: Motion) -> list[Phase]:
    """All phases of both hands, each hand's covering the whole motion without gaps."""
    speeds = hand_speed(motion)
    wrists = wrists_in_chest(motion)
    low = _rest_height()
    result: list[Phase] = []
    for k, side in enumerate(("left", "right")):
        result += _phases_of(speeds[:, k], wrists[:, k, 1] < low, side, motion.fps)
    return sorted(result, key=lambda phase: (phase.start, phase.side))


def _rest_height() -> float:
    """Height in the chest's frame below which a hand is at rest (hanging or in the lap)."""
    skeleton = canonical_skeleton()
    rest = skeleton.rest_positions
    shoulder = rest[skeleton.index("left_shoulder")][1] - rest[skeleton.index("spine3")][1]
    arm = rest[skeleton.index("left_wrist")][0] - rest[skeleton.index("left_shoulder")][0]
    return float(shoulder - REST_DROP * arm)


def _phases_of(speeds: np.ndarray, low: np.ndarray, side: str, fps: float) -> list[Phase]:
    moving = speeds >= STILL_SPEED
    edges = np.flatnonzero(np.diff(moving.astype(int))) + 1
    bounds = [0, *edges.tolist(), len(speeds)]
    result = []
    for start, end in pairwise(bounds):
        if end <= start:
            continue
        top = float(speeds[start:end].max())
        if not moving[start]:
            result.append(Phase(start / fps, end / fps, "rest" if low[start:end].mean() > 0.5 else "hold", side, top))
        else:
            result += _movement(speeds, low, start, end, side, fps)
    return result


def _movement(speeds: np.ndarray, low: np.ndarray, start: int, end: int, side: str, fps: float) -> list[Phase]:
    """Split one movement at its speed minima: up from rest is preparation, down to rest retraction."""
    inside = peaks(speeds[start:end], height=STILL_SPEED, distance=max(1, round(STROKE_GAP * fps))) + start
    cuts = [a + int(speeds[a : b + 1].argmin()) for a, b in pairwise(inside)]
    bounds = [start, *cuts, end]
    last = len(bounds) - 2
    result = []
    for i, (a, b) in enumerate(pairwise(bounds)):
        if b <= a:
            continue
        top = float(speeds[a:b].max())
        if i == 0 and low[a] and last > 0:
            kind = "preparation"
        elif i == last and low[b - 1] and (last > 0 or not low[a]):
            kind = "retraction"
        elif top >= STROKE_SPEED:
            kind = "stroke"
        else:
            kind = "rest" if low[a:b].mean() > 0.5 else "hold"
        result.append(Phase(a / fps, b / fps, kind, side, top))
    return result
