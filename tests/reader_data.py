"""What the tests of the corpora's readers share."""

from __future__ import annotations

import numpy as np

from corpus_data import gesturing
from cospeech.core.rotation import axis_rotation
from cospeech.motion.motion import Motion
from cospeech.motion.retarget import limb_directions
from cospeech.motion.skeleton import LEFT_HAND, RIGHT_HAND
from format_data import smooth_rotations

HANDS = [*LEFT_HAND, *RIGHT_HAND]
LIMBS = ("left_shoulder", "left_elbow", "right_shoulder", "right_elbow", "spine3", "head")
ASKEW = 1.0  # radians by which the person below is turned to the left


def person(seconds: float, *, fps: float = 30.0, seed: int = 0) -> Motion:
    """Somebody who gestures, askew, and whose fingers wander."""
    motion = gesturing(seconds, seed=seed, fps=fps)
    rotations = motion.rotations.copy()
    rotations[:, HANDS] = smooth_rotations(motion.frames, 30, seed=seed, angle=0.3)
    rotations[:, 0] = axis_rotation("Y", ASKEW) @ rotations[:, 0]
    return Motion(motion.skeleton, fps, rotations, motion.translation)


def apart(motion: Motion, truth: Motion, *, turn: float = -ASKEW) -> dict[str, float]:
    """Degrees by which each limb differs at most from where it was, turned about y by radians."""
    mine, true = limb_directions(motion), limb_directions(truth)
    away = axis_rotation("Y", turn)
    chords = {limb: np.linalg.norm(mine[limb] - true[limb] @ away.T, axis=-1).max() for limb in LIMBS}
    return {limb: float(np.rad2deg(chord)) for limb, chord in chords.items()}


def by_id(clips) -> dict:
    """Clips and dropped ones by their id, which must be different."""
    clips = list(clips)
    found = {clip.id: clip for clip in clips}
    assert len(found) == len(clips)
    return found
