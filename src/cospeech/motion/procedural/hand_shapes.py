"""Hands that take shapes: open, pointing, a precision grip ... from stroke to stroke.

The corpora at hand have no fingers, so models learned those of rules (``fingers``), which hardly change. People who
talk change the shape of their hands with almost every stroke. The shapes are authored, in shares of the way from a hand
at rest to a straight one (below 0) or to a fist (above 0); which one comes is chance. Decisions of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ...core.rotation import matrix_to_quaternion, quaternion_to_matrix, slerp
from ...core.series import minimum_jerk
from ..motion import Motion
from ..phases import hand_speed, strokes
from ..skeleton import FINGERS, canonical_skeleton
from .fingers import FIST, REST_CURL, finger_rotation

CHANGE = 0.35  # seconds in which a hand takes another shape
LEAD = 0.15  # seconds by which it has it before the stroke is fastest
LASTING = 1.4  # seconds after a stroke in which the shape is kept
SHARE = 0.85  # of the shape, beside the fingers that were there
TOGETHER = 0.5  # a hand takes part in a stroke where its speed reaches this share of the other's
SPREAD = {"index": 7.0, "middle": 1.5, "ring": -5.0, "pinky": -12.0, "thumb": 14.0}  # degrees of a spread hand


@dataclass(frozen=True)
class HandShape:
    """Closure of each finger from -1 (straight) over 0 (at rest) to 1 (fist); spread from 0 to 1."""

    thumb: float
    index: float
    middle: float
    ring: float
    pinky: float
    spread: float = 0.0
    weight: float = 1.0  # how often it comes


SHAPES: Mapping[str, HandShape] = {
    "relaxed": HandShape(0.0, 0.0, 0.0, 0.0, 0.0, weight=1.5),
    "open": HandShape(-0.6, -0.85, -0.85, -0.8, -0.75, spread=0.9),
    "palm": HandShape(-0.2, -0.7, -0.75, -0.75, -0.7, spread=0.2, weight=1.5),
    "bowl": HandShape(0.2, 0.15, 0.15, 0.15, 0.15, spread=0.8),
    "point": HandShape(0.45, -0.9, 0.6, 0.75, 0.75, weight=0.5),
    "precision": HandShape(0.6, 0.42, 0.35, 0.1, 0.0, spread=0.3, weight=0.8),
    "loose_fist": HandShape(0.4, 0.5, 0.55, 0.55, 0.5, weight=0.5),
}


def shaped(motion: Motion, rest: np.ndarray, *, seed: int) -> Motion:
    """The motion with hands that take shapes at strokes.

    Args:
        rest: [T, 2] from 0 to 1, how far the left and the right hand rest; resting hands keep their fingers.
    """
    rng = np.random.default_rng([seed, 17])
    names, weights = list(SHAPES), np.array([shape.weight for shape in SHAPES.values()])
    speed, found = hand_speed(motion), strokes(motion)
    rotations = motion.rotations.astype(np.float64)
    at = np.arange(len(motion)) / motion.fps
    for k, side in enumerate(("left", "right")):
        times, shapes = [], []
        for stroke in found:
            own, other = speed[round(stroke.time * motion.fps), [k, 1 - k]]
            if own >= TOGETHER * other:
                times.append(stroke.time - LEAD)
                shapes.append(SHAPES[names[rng.choice(len(names), p=weights / weights.sum())]])
        if times:
            presence = _presence(at, np.array(times)) * (1 - rest[:, k]) * SHARE
            _take(rotations, side, at, times, shapes, presence)
    return replace(motion, rotations=rotations.astype(np.float32))


def _take(
    rotations: np.ndarray, side: str, at: np.ndarray, times: list[float], shapes: list[HandShape], presence: np.ndarray
) -> None:
    """Blend the fingers of a hand into its shapes, in place."""
    skeleton = canonical_skeleton()
    spread = _stepped(at, times, [shape.spread for shape in shapes])
    for finger in FINGERS:
        closure = _stepped(at, times, [getattr(shape, finger) for shape in shapes])
        for joint in range(3):
            low, high = REST_CURL[finger][joint], FIST[finger][joint]
            curl = low * (1 + np.minimum(closure, 0)) + (high - low) * np.maximum(closure, 0)
            apart = SPREAD[finger] * spread if joint == 0 else np.zeros_like(spread)
            index = skeleton.index(f"{side}_{finger}{joint + 1}")
            target = matrix_to_quaternion(finger_rotation(side, finger, index, curl, apart))
            own = matrix_to_quaternion(rotations[:, index])
            rotations[:, index] = quaternion_to_matrix(slerp(own, target, presence))


def _stepped(at: np.ndarray, times: list[float], values: list[float]) -> np.ndarray:
    """[T] from value to value, eased over ``CHANGE`` before each time."""
    result = np.full(len(at), values[0], dtype=np.float64)
    for time, before, after in zip(times[1:], values[:-1], values[1:], strict=True):
        result += (after - before) * minimum_jerk((at - time) / CHANGE + 1)
    return result


def _presence(at: np.ndarray, times: np.ndarray) -> np.ndarray:
    """[T] from 0 to 1: 1 from a stroke until ``LASTING`` after it, with eases."""
    presence = np.zeros(len(at))
    for time in times:
        rising, falling = minimum_jerk((at - time) / CHANGE + 1), minimum_jerk((time + LASTING - at) / CHANGE + 1)
        presence = np.maximum(presence, np.minimum(rising, falling))
    return presence
