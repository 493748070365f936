"""From what a network decodes to a person: on the beat, breathing, upright or seated, meeting given poses.

At last hands are taken out of the body and of each other (``motion.procedural.contact``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from ..core.series import minimum_jerk
from ..core.timing import FPS
from ..motion.codec import Codec
from ..motion.motion import Motion
from ..motion.phases import strokes
from ..motion.procedural.contact import separated
from ..motion.procedural.hand_shapes import Moods
from ..motion.procedural.idle import add_idle
from ..motion.procedural.posture import plant, seat, stand
from ..motion.procedural.standing import at_ease
from ..sampling.edit import meet_pose
from ..sampling.rhythm import sample_frames, warp_times
from ..speech.features import accents, phrase_ends, prominent_accents

LEAST = 15  # frames of a stretch that is worth bringing to the beat
POSE_SECONDS = 0.4  # from a given pose, which stays as it is, until hands are taken out of the body in full


def on_the_beat(coded: np.ndarray, features: np.ndarray, *, fixed: Sequence[tuple[int, int]] = ()) -> np.ndarray:
    """Coded motion [T, C] warped in time so that strokes near a prominent accent meet it (``sampling.rhythm``).

    Most accents have no stroke in real recordings, and most strokes belong to phrases; so only the accents that stand
    out, about one a second, attract those near them. [D]

    Args:
        fixed: frames [first, last + 1) in which time must not be touched, in order and apart.
    """
    edges = [0, *(edge for span in fixed for edge in span), len(coded)]
    result = coded.copy()
    for first, last in list(pairwise(edges))[::2]:
        if last - first >= (1 if not fixed else LEAST):
            part = coded[first:last]
            found = np.array([stroke.time for stroke in strokes(Codec().decode(part))])
            times = warp_times(found, prominent_accents(features[first:last])[0], len(part), FPS)
            result[first:last] = sample_frames(part, times * FPS)
    return result


def embodied(
    coded: np.ndarray,
    features: np.ndarray,
    *,
    seed: int,
    seated: bool,
    start: Motion | None,
    end: Motion | None,
    relaxed: bool = True,
    shape_hands: bool = True,
    mood: Moods = MappingProxyType({}),
) -> Motion:
    """Coded motion [T, C] as a person without a face.

    Args:
        features: [T, F] of the speech, for the breath.
        start, end: canonical poses of one frame that the first and the last frame shall have.
        relaxed: who stands stands as people do (``standing.at_ease``), not as the seated actors would, whose hands,
            as in recordings, pass through a body that is not theirs.
        shape_hands: then fingers take shapes at strokes; False where they were learned from recorded ones.
        mood: weights of emotions by name, of all frames or [T] of each, for those shapes.
    """
    motion, moves = Codec().decode(coded), None
    if relaxed and not seated:
        motion, moves = at_ease(
            motion,
            phrase_ends(features),
            accents(features)[0],
            seed=seed,
            shape_hands=shape_hands,
            posed=(start is not None, end is not None),
            mood=mood,
        )
    motion = add_idle(motion, features, seed=seed)
    if seated:
        motion = seat(motion)
    else:
        motion = stand(motion) if moves is None else stand(motion, shift=moves.shift, feet=moves.feet)
    if start is not None or end is not None:
        motion = _meeting(motion, start, end, seated=seated)
    if not relaxed and not seated:
        return motion
    return separated(motion, weights=_away_from(len(motion), motion.fps, start is not None, end is not None))


def _meeting(motion: Motion, start: Motion | None, end: Motion | None, *, seated: bool) -> Motion:
    """The motion with given poses at its ends."""
    rotations, joints = motion.rotations, Codec().joints
    longest = len(motion) if start is None or end is None else len(motion) // 2
    for pose in (start, end):
        if pose is not None:
            rotations = meet_pose(rotations, pose.rotations[0], joints, motion.fps, last=pose is end, longest=longest)
    return plant(replace(motion, rotations=rotations), seated=seated)


def _away_from(frames: int, fps: float, start: bool, end: bool) -> np.ndarray:
    """[T] from 0 at an end that has a given pose to 1 after ``POSE_SECONDS``."""
    at = np.arange(frames) / fps
    weights = np.ones(frames)
    for seconds, given in ((at, start), (at[::-1], end)):
        if given:
            weights = np.minimum(weights, minimum_jerk(seconds / POSE_SECONDS))
    return weights
