"""Keypoints of the person in a portrait who does what a motion does, frame by frame.

Contextual Gesture drives its picture generator with keypoints of the person in the source frame, and starts
from that frame (appendix E). Our motions are of the default person or of another speaker, so arms take the
motion's directions with the portrait's lengths, and hands and face are the portrait's own, carried along
(``hands``, ``heads``): decisions of ours, so that one picture suffices [D].
"""

from __future__ import annotations

import numpy as np

from ...core.errors import UserError
from ...core.series import minimum_jerk
from ...core.timing import FPS
from ...motion.formats.keypoints import Keypoints
from ...motion.motion import Motion
from ...motion.points import BODY_SLICE, FACE_SLICE, POINTS
from ...motion.procedural.face import ARKIT_NAMES
from ...motion.retarget import on_canonical
from . import keypoint_driver as speakers
from .bearing import EASE, Bearing, bearing, borne
from .heads import expressions, turned, uncrossed
from .limbs import Limbs, leaning
from .motion_directions import MotionDirections, motion_directions
from .portrait_fit import Fit, fit

_NECK = 0.8  # share of the shoulders' mean movement that the head follows [D]


def drive(
    motion: Motion,
    portrait_keypoints: np.ndarray,
    confidence: np.ndarray,
    size: tuple[int, int],
    *,
    depth: np.ndarray | None = None,
    strength: float = 1.0,
    ease: float = EASE,
    own: float = 0.5,
    bounded: bool = True,
) -> np.ndarray:
    """Keypoints of a portrait's person who does what a motion does.

    Args:
        motion: on the canonical skeleton or one that is recognised; without face weights the face only turns.
        portrait_keypoints: [116, 2] pixels, complete (guessed where nothing was detected).
        confidence: [116] 0 to 1.
        size: width and height of the portrait, pixels.
        depth: [68] pixels, of the face's landmarks towards the viewer (``HeadDepth.depth``); without it they have the
            default person's.
        strength: from 0 (the portrait's pose) to 1 (the motion's poses).
        ease: seconds from the portrait's pose, with which the video starts, into the motion.
        own: mean pose of arms and hands, from 0 (the motion's) to 1 (the portrait's); they move about it. An arm
            whose hand the portrait does not show keeps the portrait's pose.
        bounded: keep arms within what the portrait bears (``bearing``); otherwise all is as the motion asks.

    Returns:
        [T, 116, 2] pixels at 30 frames a second; T = motion.frames if the motion has that rate.

    Raises:
        UserError: options out of range, no frames, or a portrait that cannot be measured (``fit``).
    """
    person = fit(portrait_keypoints, confidence, size, depth)
    limits = bearing(person.points, np.asarray(confidence), size) if bounded else None
    motion = on_canonical(motion).resample(FPS)
    expression = None if motion.face is None else expressions(person, motion.face)
    return _assemble(person, motion_directions(motion), expression, strength, ease, own, limits)


def drive_keypoints(
    keypoints: Keypoints,
    portrait_keypoints: np.ndarray,
    confidence: np.ndarray,
    size: tuple[int, int],
    *,
    face: np.ndarray | None = None,
    depth: np.ndarray | None = None,
    strength: float = 1.0,
    ease: float = EASE,
    own: float = 0.5,
    bounded: bool = True,
) -> np.ndarray:
    """Like ``drive``, for keypoints that a model generated or a detector found in another picture.

    Args:
        keypoints: pixels, with the 116 names of ``motion.points.POINTS`` or the 48 of the body.
        portrait_keypoints: as in ``drive``.
        confidence: as in ``drive``.
        size: as in ``drive``.
        face: [T, 52] ARKit weights at 30 frames a second, as ``lips`` returns them; they replace
            the keypoints' own face. Without either the face is still.
        depth: as in ``drive``.
        strength: as in ``drive``.
        ease: as in ``drive``.
        own: as in ``drive``.
        bounded: as in ``drive``.

    Returns:
        [T, 116, 2] pixels at 30 frames a second.

    Raises:
        UserError: other keypoints, another number of frames of ``face``, or as ``drive``.
    """
    person = fit(portrait_keypoints, confidence, size, depth)
    limits = bearing(person.points, np.asarray(confidence), size) if bounded else None
    body, seen = speakers.at_rate(keypoints)
    if face is not None and np.shape(face) != (len(body), len(ARKIT_NAMES)):
        raise UserError(f"face must be [{len(body)}, {len(ARKIT_NAMES)}] ARKit weights; got {list(np.shape(face))}")
    expression = None if seen is None else speakers.expressions(seen, person)
    if face is not None:
        expression = expressions(person, face)
    return _assemble(person, speakers.keypoint_directions(body, seen), expression, strength, ease, own, limits)


def _assemble(
    person: Fit,
    directions: MotionDirections,
    expression: np.ndarray | None,
    strength: float,
    ease: float,
    own: float,
    limits: Bearing | None,
) -> np.ndarray:
    """[T, 116, 2] pixels: the face over the shoulders, then arms that keep off the face."""
    if not 0.0 <= strength <= 1.0:
        raise UserError(f"strength goes from 0 (still) to 1 (as the motion); got {strength}")
    if not 0.0 <= own <= 1.0:
        raise UserError(f"own goes from 0 (the motion's mean pose) to 1 (the portrait's pose); got {own}")
    if not ease >= 0.0:
        raise UserError(f"ease is a time in seconds, 0 or more; got {ease}")
    frames = len(directions.arms)
    share = eased(frames, strength, ease)
    upright = leaning(person)
    shoulders = share[:, None, None] * person.width * (directions.shoulders @ upright)
    neck = person.width * (directions.neck @ upright)
    points = np.empty((frames, len(POINTS), 2))
    face = turned(person, directions.turn, expression)
    moved = person.face + share[:, None, None] * (face - person.face + neck[:, None])
    points[:, FACE_SLICE] = uncrossed(moved + _NECK * shoulders.mean(1)[:, None], person.face)
    poses = Limbs(person, directions, own)
    # Within limits, arms are shown by their share of what the portrait bears, else of what the motion asks for.
    asked = share if limits is None else np.ones(frames)
    points[:, BODY_SLICE] = poses.at(shoulders, asked[:, None] * poses.clear(shoulders, asked, points[:, FACE_SLICE]))
    if limits is not None:
        points = borne(points, person.points, limits, share).points
    points[share == 0.0] = person.points
    return points


def eased(frames: int, strength: float, ease: float = EASE) -> np.ndarray:
    """[frames] shares of the motion that are shown, from 0 to ``strength`` within ``ease`` seconds."""
    share: np.ndarray = strength * minimum_jerk(np.arange(frames) / FPS / max(ease, 1e-9))
    return share
