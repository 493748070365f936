"""A motion becomes the points of the person in a portrait, frame by frame.

Contextual Gesture drives its generator of pictures with points of the person in the source frame, and
begins with that frame (appendix E). Our motions are of the default person or of a speaker elsewhere, so
arms point where the motion's point, with the lengths that they have in the portrait, and hands and face are
the portrait's own, carried along (``hands``, ``heads``): decisions of ours, for one picture to bear it.
"""

from __future__ import annotations

import numpy as np

from ...core.errors import UserError
from ...core.timing import FPS
from ...motion.formats.keypoints import Keypoints
from ...motion.motion import Motion
from ...motion.points import POINTS
from ...motion.retarget import on_canonical
from . import keypoint_driver as speakers
from .heads import expressions, turned
from .limbs import Limbs, leaning
from .motion_directions import Acting, act
from .portrait_fit import FACE, Fit, fit

_NECK = 0.8  # share of the way of the shoulders' middle that the head goes along


def drive(
    motion: Motion,
    portrait_points: np.ndarray,
    confidence: np.ndarray,
    size: tuple[int, int],
    *,
    strength: float = 1.0,
    ease: float = 0.5,
    own: float = 0.5,
) -> np.ndarray:
    """The points of a portrait's person who does what a motion does.

    Args:
        motion: on the canonical skeleton or one that is recognised; without a face, the face only turns.
        portrait_points: [116, 2] pixels, all of them (guessed where they are not seen).
        confidence: [116] 0 to 1.
        size: width and height of the portrait, pixels.
        strength: 0, the portrait stays as it is, to 1, the motion's own poses.
        ease: seconds from the portrait's pose, in which the film begins, into the motion.
        own: 0, arms and hands are where the motion has them on average, to 1, where the portrait has them;
            they move by as much about that. Where the portrait shows no hand, an arm keeps to its pose.

    Returns:
        [T, 116, 2] pixels at 30 frames a second; T = motion.frames if the motion has that rate.

    Raises:
        UserError: options out of range, no frames, or a portrait that cannot be measured (``fit``).
    """
    person = fit(portrait_points, confidence, size)
    motion = on_canonical(motion).resample(FPS)
    expression = None if motion.face is None else expressions(person, motion.face)
    return _assemble(person, act(motion), expression, strength, ease, own)


def drive_points(
    keypoints: Keypoints,
    portrait_points: np.ndarray,
    confidence: np.ndarray,
    size: tuple[int, int],
    *,
    face: np.ndarray | None = None,
    strength: float = 1.0,
    ease: float = 0.5,
    own: float = 0.5,
) -> np.ndarray:
    """The same for points that a model made in a picture.

    Args:
        keypoints: pixels, with the 116 names of motion.points or the 48 of the body.
        portrait_points: as in ``drive``.
        confidence: as in ``drive``.
        size: as in ``drive``.
        face: [T, 52] ARKit weights at 30 frames a second, as ``lips`` gives them; they take the place of
            the points' own face. Without either the face is still.
        strength: as in ``drive``.
        ease: as in ``drive``.
        own: as in ``drive``.

    Returns:
        [T, 116, 2] pixels at 30 frames a second.

    Raises:
        UserError: other points, another number of frames of ``face``, or as ``drive``.
    """
    person = fit(portrait_points, confidence, size)
    body, seen = speakers.at_rate(keypoints)
    if face is not None and np.shape(face) != (len(body), 52):
        raise UserError(f"face must be [{len(body)}, 52] ARKit weights; got {list(np.shape(face))}")
    expression = None if seen is None else speakers.expressions(seen, person)
    if face is not None:
        expression = expressions(person, face)
    return _assemble(person, speakers.act(body, seen), expression, strength, ease, own)


def _assemble(
    person: Fit, acting: Acting, expression: np.ndarray | None, strength: float, ease: float, own: float
) -> np.ndarray:
    """[T, 116, 2] pixels: the face over the shoulders, then arms that keep off it."""
    if not 0.0 <= strength <= 1.0:
        raise UserError(f"strength goes from 0 (still) to 1 (as the motion); got {strength}")
    if not 0.0 <= own <= 1.0:
        raise UserError(f"own goes from 0 (the motion's mean pose) to 1 (the portrait's pose); got {own}")
    if not ease >= 0.0:
        raise UserError(f"ease is a time in seconds, 0 or more; got {ease}")
    frames = len(acting.arms)
    share = strength * _rise(np.arange(frames) / FPS / max(ease, 1e-9))
    upright = leaning(person)
    shoulders = share[:, None, None] * person.width * (acting.shoulders @ upright)
    neck = person.width * (acting.neck @ upright)
    points = np.empty((frames, len(POINTS), 2))
    face = turned(person, acting.turn, expression)
    points[:, FACE] = person.face + share[:, None, None] * (face - person.face + neck[:, None])
    points[:, FACE] += _NECK * shoulders.mean(1)[:, None]
    poses = Limbs(person, acting, own)
    points[:, :48] = poses.at(shoulders, share[:, None] * poses.clear(shoulders, share, points[:, FACE]))
    points[share == 0.0] = person.points
    return points


def _rise(time: np.ndarray) -> np.ndarray:
    """From 0 to 1 with neither speed nor acceleration at either end."""
    t = np.clip(time, 0.0, 1.0)
    return t**3 * (10.0 - 15.0 * t + 6.0 * t * t)
