"""A standing person who does one gesture: to look at it, and to measure it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...core.timing import FPS
from ...speech.cues.cue import GestureCue
from ...speech.layout import LAYOUT, SILENCE
from ..motion import Motion
from ..procedural.hand_shapes import SHAPES
from ..procedural.idle import add_idle
from ..procedural.posture import stand
from ..procedural.resting import fingers_of, hanging_pose
from ..skeleton import canonical_skeleton
from .gesture import Gesture
from .perform import Performance, perform

FIRST, EVERY = 1.4, 3.4  # seconds of the first stroke, and from one to the next


def at_rest(seconds: float, *, seed: int = 0) -> Motion:
    """A person who stands, breathes and lets the hands hang."""
    skeleton, frames = canonical_skeleton(), round(seconds * FPS)
    rotations = np.tile(np.eye(3, dtype=np.float32), (frames, len(skeleton), 1, 1))
    for side in ("left", "right"):
        for name, turn in {**hanging_pose(side), **fingers_of(side, SHAPES["relaxed"])}.items():
            rotations[:, skeleton.index(name)] = turn
    translation = np.tile(skeleton.offsets[0].astype(np.float32), (frames, 1))
    silence = np.zeros((frames, LAYOUT.dim), np.float32)
    silence[:, LAYOUT["energy"]] = SILENCE
    return stand(add_idle(Motion(skeleton, FPS, rotations, translation), silence, seed=seed))


def demonstrated(gesture: Gesture, *, uses: int = 1, seed: int = 0, side: str | None = None) -> Performance:
    """A gesture so many times, each in another manner; with a face that does what belongs to it."""
    cues = [GestureCue(gesture.name, FIRST + EVERY * use, side=side) for use in range(uses)]
    done = perform(at_rest(EVERY * uses, seed=seed), cues, lambda _: gesture, seed=seed)
    return replace(done, motion=done.motion.with_face(done.face))
