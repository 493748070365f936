"""Signs of life that no gesture model gives: breathing, and looking around while nobody speaks.

Small rules of ours: a breath every four seconds or so lifts the chest and the collars by about a
degree; in silence longer than a second and a half the head turns slowly from place to place.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...core.rotation import euler_to_matrix
from ...core.series import hann_mean, wander
from ...speech.speech import Speech
from ..motion import Motion
from ..skeleton import canonical_skeleton

BREATH = 4.0  # seconds
CHEST = 0.8  # degrees, pitch of the chest over a breath
COLLAR = 0.7  # degrees, lift of the collars
GAZE = (14.0, 5.0)  # degrees, yaw and pitch of the head when looking around
QUIET = 1.5  # seconds of silence before the eyes wander


def add_idle(motion: Motion, speech: Speech | np.ndarray, *, seed: int = 0) -> Motion:
    """A canonical motion that breathes throughout and looks around in long silences.

    ``speech``: a Speech, or its features [T, F] where they are at hand already.
    """
    rng = np.random.default_rng([seed, 97])
    skeleton = canonical_skeleton()
    frames, fps = len(motion), motion.fps
    rotations = motion.rotations.copy()
    pace = 1 + 0.12 * wander(rng, frames, fps, period=5.0)
    phase = rng.uniform(0, 2 * np.pi) + np.cumsum(2 * np.pi / (BREATH * fps) * pace)
    breath = 0.5 - 0.5 * np.cos(phase)
    zero = np.zeros(frames)
    pitch = -np.deg2rad(CHEST) * breath
    chest, neck = skeleton.index("spine3"), skeleton.index("neck")
    turn = euler_to_matrix(np.stack([pitch, zero, zero], -1), "XYZ")
    rotations[:, chest] = rotations[:, chest] @ turn
    back = euler_to_matrix(np.stack([-0.7 * pitch, zero, zero], -1), "XYZ")  # the head stays level
    rotations[:, neck] = back @ rotations[:, neck]
    for side, sign in (("left", 1.0), ("right", -1.0)):
        lift = euler_to_matrix(np.stack([zero, zero, sign * np.deg2rad(COLLAR) * breath], -1), "XYZ")
        collar = skeleton.index(f"{side}_collar")
        shoulder = skeleton.index(f"{side}_shoulder")
        rotations[:, collar] = lift @ rotations[:, collar]
        rotations[:, shoulder] = np.swapaxes(lift, -1, -2) @ rotations[:, shoulder]
    quiet = quiet_share(speech, frames, fps)
    yaw = np.deg2rad(GAZE[0]) * wander(rng, frames, fps, period=2.8, hold=0.6) * quiet
    nod = np.deg2rad(GAZE[1]) * wander(rng, frames, fps, period=3.7, hold=0.6) * quiet
    head = skeleton.index("head")
    half = euler_to_matrix(np.stack([yaw / 2, nod / 2, zero], -1), "YXZ")
    rotations[:, neck] = rotations[:, neck] @ half
    rotations[:, head] = rotations[:, head] @ half
    return replace(motion, rotations=rotations.astype(np.float32))


def quiet_share(speech: Speech | np.ndarray, frames: int, fps: float) -> np.ndarray:
    """[T] 0 to 1: one inside silences longer than ``QUIET`` seconds, eased over half a second."""
    from ...speech.features import pauses

    mask = np.zeros(frames)
    for start, end in pauses(speech if isinstance(speech, np.ndarray) else speech.resampled().samples):
        if end - start >= QUIET:
            mask[round((start + 0.5) * fps) : max(0, round((end - 0.3) * fps))] = 1.0
    return hann_mean(mask, round(0.8 * fps))
