"""A layer of finger motion for recordings that have none.

Rules (a decision of ours, with resting curls read off CC0 idle animations): relaxed fingers, curled a
little more from index to little finger; they open as the hand gathers speed and close again after it;
anger and fear close them, surprise and joy open them; they lag behind the wrist and are never quite
still. Recordings with real fingers do not pass through here.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...core.rotation import axis_angle_to_matrix, matrix_to_axis_angle, transpose
from ..kinematics import global_rotations
from ..motion import Motion
from ..phases import hand_speed
from ..skeleton import FINGERS, canonical_skeleton

# Resting flexion of the three joints, degrees.
REST_CURL = {
    "index": (16.0, 26.0, 14.0),
    "middle": (22.0, 30.0, 16.0),
    "ring": (27.0, 34.0, 18.0),
    "pinky": (28.0, 36.0, 18.0),
    "thumb": (8.0, 10.0, 14.0),
}
FIST = {  # fully closed, degrees
    "index": (82.0, 95.0, 55.0),
    "middle": (84.0, 98.0, 55.0),
    "ring": (84.0, 98.0, 55.0),
    "pinky": (82.0, 95.0, 55.0),
    "thumb": (26.0, 32.0, 38.0),
}
_SPREAD = {"index": 5.0, "middle": 1.0, "ring": -3.5, "pinky": -9.0, "thumb": 10.0}  # degrees, opened hand
_CLOSURE = {"anger": 0.34, "fear": 0.22, "disgust": 0.14, "pride": 0.06, "shame": 0.16, "sadness": 0.06}
_OPENNESS = {"surprise": 0.25, "joy": 0.12, "amusement": 0.08}
_LAG = 0.09  # seconds: time constant of the fingers' spring
_OPEN_SPEED = 0.9  # metres a second at which the hand has opened to about three quarters


def add_fingers(motion: Motion, *, emotion: str | None = None, seed: int = 0) -> Motion:
    """A canonical motion with the finger joints set by the rules above; the same seed, the same fingers."""
    rng = np.random.default_rng([seed, 41])
    skeleton = canonical_skeleton()
    rotations = motion.rotations.copy()
    speeds = hand_speed(motion, smooth=7)
    world = global_rotations(motion.rotations[:, :22], skeleton.parents[:22])
    frames = len(motion)
    shared = _drift(rng, frames, motion.fps, period=3.0)
    for k, side in enumerate(("left", "right")):
        wrist = skeleton.index(f"{side}_wrist")
        opening = np.tanh(_spring(speeds[:, k], motion.fps) / _OPEN_SPEED) + _OPENNESS.get(emotion or "", 0.0)
        closing = _CLOSURE.get(emotion or "", 0.0) * (1 + 0.5 * shared)
        swing = _spring(_flexion_speed(world[:, wrist], side, motion.fps), motion.fps)
        for finger in FINGERS:
            own = 0.22 * _drift(rng, frames, motion.fps, period=2.2) + 0.12 * shared
            open_now = np.clip(opening + own, -0.3, 1.0)
            for joint in range(3):
                rest, fist = REST_CURL[finger][joint], FIST[finger][joint]
                curl = rest * (1 - 0.75 * open_now) + (fist - rest) * np.clip(closing * (1 - 0.6 * open_now), 0, 1)
                curl = curl + np.clip(swing * 0.035, -9, 9) * (joint + 1) / 3
                spread = _SPREAD[finger] * np.clip(open_now, 0, 1) if joint == 0 else np.zeros(frames)
                index = skeleton.index(f"{side}_{finger}{joint + 1}")
                rotations[:, index] = finger_rotation(side, finger, index, np.maximum(curl, -4.0), spread)
    return replace(motion, rotations=rotations)


def finger_rotation(side: str, finger: str, index: int, curl: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Local rotation [T, 3, 3]: flexion by ``curl`` and abduction by ``spread`` degrees."""
    offsets = canonical_skeleton().offsets
    # The finger's direction: from its first joint to its second.
    first = index - (int(canonical_skeleton().names[index][-1]) - 1)
    direction = offsets[first + 1] / np.linalg.norm(offsets[first + 1])
    inward = np.array([0.0, -1.0, 0.0])
    if finger == "thumb":  # it folds across the palm
        inward = np.array([0.35 * np.sign(direction[0]), -0.55, -0.75])
    axis = np.cross(direction, inward)
    axis /= np.linalg.norm(axis)
    # Abduction turns about the palm's normal, towards the thumb's side (+z) when positive.
    normal = np.array([0.0, -np.sign(direction[0]), 0.0])
    turn = np.deg2rad(curl)[:, None] * axis
    if not spread.any():
        return axis_angle_to_matrix(turn)
    turned: np.ndarray = axis_angle_to_matrix(np.deg2rad(spread)[:, None] * normal) @ axis_angle_to_matrix(turn)
    return turned


def _flexion_speed(wrist: np.ndarray, side: str, fps: float) -> np.ndarray:
    """[T] degrees a second: how fast the hand turns about its flexion axis (back of the hand leading)."""
    if len(wrist) < 2:
        return np.zeros(len(wrist))
    step = matrix_to_axis_angle(transpose(wrist[:-1]) @ wrist[1:])
    axis = np.array([0.0, 0.0, 1.0 if side == "left" else -1.0])
    rate = np.rad2deg(step @ axis) * fps
    return np.concatenate([rate[:1], rate])


def _spring(values: np.ndarray, fps: float) -> np.ndarray:
    """Critically damped lag (two first-order lags in a row) with the fingers' time constant."""
    keep = float(np.exp(-1 / (fps * _LAG / 2)))
    out = values.astype(np.float64)
    for _ in range(2):
        state, result = out[0], np.empty_like(out)
        for i, value in enumerate(out):
            state = keep * state + (1 - keep) * value
            result[i] = state
        out = result
    return out


def _drift(rng: np.random.Generator, frames: int, fps: float, *, period: float) -> np.ndarray:
    """[T] slow smooth noise of about unit size: cosine interpolation between random knots."""
    knots = rng.standard_normal(int(frames / fps / period) + 3)
    place = np.arange(frames) / fps / period + rng.random()
    low = place.astype(int)
    t = (1 - np.cos(np.pi * (place - low))) / 2
    values: np.ndarray = knots[low] * (1 - t) + knots[low + 1] * t
    return values
