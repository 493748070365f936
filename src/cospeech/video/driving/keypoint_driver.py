"""Directions and turns from the keypoints of a speaker in another picture, which have no depth.

Keypoints are normalised to the person as for the networks (Contextual Gesture, appendix C; ``motion.points``);
depth is inferred from the apparent lengths of bones: decision of ours, as are the constants below [D].
"""

from __future__ import annotations

import numpy as np

from ...core.errors import UserError
from ...core.rotation import axis_rotation
from ...core.timing import FPS, seconds_to_frame
from ...motion.formats.keypoints import Keypoints
from ...motion.points import (
    BODY_POINTS,
    ELBOWS,
    FACE_POINTS,
    FINGERS,
    HAND_SLICES,
    MIDDLE_KNUCKLE,
    POINTS,
    SHOULDERS,
    WRISTS,
    ShoulderFrame,
)
from .heads import INNER, shut
from .motion_directions import NOD, SHRUG, SWAY, MotionDirections, from_mean, soft
from .portrait_fit import Fit

_LONGEST = 98.0  # percentile of a bone's apparent length that is taken for its length
_PROPORTIONS = (0.83, 0.73)  # upper arm and forearm of the default person, shoulder widths
_CLOSING = 1.5  # radians that a finger is closed when none of its length is visible
_TILT = 0.7  # share of the head's tilt in the picture
_STABLE = (0, 16, *range(27, 36), 36, 39, 42, 45)  # face keypoints that expressions hardly move
_QUIET = 20.0  # percent of frames, those with the most closed mouth, that show the face at rest


def at_rate(keypoints: Keypoints) -> tuple[np.ndarray, np.ndarray | None]:
    """Body [T, 48, 2] and face [T, 68, 2] in pixels at 30 frames a second; the face may be None.

    Raises:
        UserError: 3D points, other names, or no frames.
    """
    place = {name: index for index, name in enumerate(keypoints.names)}
    if keypoints.points.shape[-1] != 2 or not set(BODY_POINTS) <= set(place):
        raise UserError(
            f"a portrait is driven by the {len(POINTS)} or {len(BODY_POINTS)} keypoints of a keypoint model, in "
            f"pixels; got {len(place)} keypoints of {keypoints.points.shape[-1]} numbers"
        )
    if not len(keypoints):
        raise UserError("the keypoints have no frames; give at least one")
    points = np.asarray(keypoints.points, np.float64)
    if abs(keypoints.fps - FPS) > 1e-6:
        frames = max(1, seconds_to_frame(keypoints.seconds, fps=FPS))
        at = np.clip(np.arange(frames) * keypoints.fps / FPS, 0, len(points) - 1)
        low = np.minimum(at.astype(int), max(len(points) - 2, 0))
        part = (at - low)[:, None, None]
        points = points[low] * (1 - part) + points[np.minimum(low + 1, len(points) - 1)] * part
    body = points[:, [place[name] for name in BODY_POINTS]]
    if not set(FACE_POINTS) <= set(place):
        return body, None
    return body, points[:, [place[name] for name in FACE_POINTS]]


def keypoint_directions(body: np.ndarray, face: np.ndarray | None) -> MotionDirections:
    """Directions of arms and hands, curl of fingers and turn of the head, from keypoints.

    Args:
        body: [T, 48, 2] pixels.
        face: [T, 68, 2] pixels, or None.

    Raises:
        UserError: both shoulders are at one place.
    """
    shoulder_frame = ShoulderFrame.of(body)
    points = (body - [shoulder_frame.x, shoulder_frame.y]) / shoulder_frame.width
    chains = np.stack([points[:, [SHOULDERS[k], ELBOWS[k], WRISTS[k]]] for k in (0, 1)], 1)
    bones = np.diff(chains, axis=2)
    arms = np.concatenate([_lengths(bones, np.array(_PROPORTIONS)), np.zeros((*bones.shape[:-1], 1))], -1)
    arms[..., 2] = np.sqrt(np.clip(1.0 - (arms**2).sum(-1), 0.0, None))
    hands = np.stack([points[:, HAND_SLICES[k]] for k in (0, 1)], 1)  # [T, 2, 21, 2]
    moved = from_mean(points[:, list(SHOULDERS)])
    common = moved.mean(1, keepdims=True)
    turn = np.tile(np.eye(3), (len(body), 1, 1))
    neck = np.zeros((len(body), 2))
    if face is not None:
        centre = (face[:, _STABLE].mean(1) - [shoulder_frame.x, shoulder_frame.y]) / shoulder_frame.width
        neck = soft(from_mean(centre - points[:, list(SHOULDERS)].mean(1)), NOD)
        turn = axis_rotation("Z", -_TILT * _rigid(face)[1])
    return MotionDirections(
        shoulders=soft(common, SWAY) + soft(moved - common, SHRUG),
        arms=arms,
        hands=_lengths((hands[:, :, MIDDLE_KNUCKLE] - hands[:, :, 0])[:, :, None], np.zeros(1))[:, :, 0],
        curl=from_mean(_curl(hands)),
        turn=turn,
        neck=neck,
    )


def expressions(face: np.ndarray, person: Fit) -> np.ndarray:
    """Moves of a portrait's face that follow a speaker's face [T, 68, 2]: [T, 68, 3] pixels, head axes, y up."""
    aligned, _ = _rigid(face)
    gap = np.mean([np.linalg.norm(aligned[:, a] - aligned[:, b], axis=-1) for a, b in INNER], axis=0)
    neutral = aligned[gap <= np.percentile(gap, _QUIET)].mean(0)
    size = _size(person.face) / _size(neutral)
    moved = (aligned - neutral) * [size, -size]
    return np.concatenate([moved, np.zeros((*moved.shape[:-1], 1))], -1) + shut(person)


def _lengths(bones: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Vectors [T, 2, n, 2] in units of their longest apparent length, which is at least [n]; at most 1 long."""
    length = np.linalg.norm(bones, axis=-1)
    longest = np.maximum(np.percentile(length, _LONGEST, axis=(0, 1)), np.maximum(least, 1e-6))
    share = bones / longest[:, None]
    return share / np.maximum(1.0, np.linalg.norm(share, axis=-1, keepdims=True))


def _curl(hands: np.ndarray) -> np.ndarray:
    """[T, 2, 5] radians that fingers seem closed, from the distance of their ends over their length."""
    chains = hands[:, :, 1:].reshape(*hands.shape[:2], len(FINGERS), 4, 2)
    whole = np.linalg.norm(np.diff(chains, axis=3), axis=-1).sum(-1)
    reach = np.linalg.norm(chains[..., 3, :] - chains[..., 0, :], axis=-1)
    return -_CLOSING * reach / np.maximum(whole, 1e-6)


def _rigid(face: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Faces [T, 68, 2] laid over the median face, and their turns [T] in the picture, radians, x to y."""
    points = face[..., 0] + 1j * face[..., 1]
    stable = points[:, _STABLE] - points[:, _STABLE].mean(1, keepdims=True)
    reference = np.median(stable.real, 0) + 1j * np.median(stable.imag, 0)
    # The similarity nearest to the reference: z -> factor z.
    factor = (stable * reference.conj()).sum(1) / (abs(reference) ** 2).sum()
    factor = np.where(abs(factor) < 1e-9, 1.0, factor)
    laid = (points - points[:, _STABLE].mean(1, keepdims=True)) / factor[:, None]
    return np.stack([laid.real, laid.imag], -1), np.angle(factor)


def _size(face: np.ndarray) -> float:
    """Spread of the stable points."""
    stable = face[list(_STABLE)]
    return float(np.sqrt(((stable - stable.mean(0)) ** 2).sum(-1).mean()))
