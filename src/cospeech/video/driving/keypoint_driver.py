"""What the points of a speaker do, who was seen in another picture (``acting`` for points without depth).

They are brought to the person as the networks see them (Contextual Gesture, appendix C; ``motion.points``);
how depth is guessed from the lengths of bones is a decision of ours.
"""

from __future__ import annotations

import numpy as np

from ...core.errors import UserError
from ...core.rotation import axis_rotation
from ...core.timing import FPS, seconds_to_frame
from ...motion.formats.keypoints import Keypoints
from ...motion.points import BODY_POINTS, FACE_POINTS, POINTS, SHOULDERS, WRISTS, Place
from .heads import INNER, shut
from .motion_directions import NOD, SHRUG, SWAY, Acting, from_mean, soft
from .portrait_fit import ELBOWS, HANDS, KNUCKLE, Fit

_LONGEST = 98.0  # percent of frames in which a bone looks shorter than it is
_PROPORTIONS = (0.83, 0.73)  # upper arm and forearm of the default person, shoulder widths
_CLOSING = 1.5  # radians that a finger closes as all of its length disappears
_TILT = 0.7  # share of the head's tilt in the picture
_STABLE = (0, 16, *range(27, 36), 36, 39, 42, 45)  # points that no expression moves much
_QUIET = 20.0  # percent of frames, those with the mouth least open, that show the face at rest


def at_rate(keypoints: Keypoints) -> tuple[np.ndarray, np.ndarray | None]:
    """Body [T, 48, 2] and face [T, 68, 2] in pixels at 30 frames a second; the face may be missing.

    Raises:
        UserError: points in space, other names, or none in time.
    """
    place = {name: index for index, name in enumerate(keypoints.names)}
    if keypoints.points.shape[-1] != 2 or not set(BODY_POINTS) <= set(place):
        raise UserError(
            f"a portrait is driven by the {len(POINTS)} or {len(BODY_POINTS)} points of a points model, in "
            f"pixels; got {len(place)} points of {keypoints.points.shape[-1]} numbers"
        )
    if not len(keypoints):
        raise UserError("the points have no frames; give at least one")
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


def act(body: np.ndarray, face: np.ndarray | None) -> Acting:
    """What a speaker's points do.

    Args:
        body: [T, 48, 2] pixels.
        face: [T, 68, 2] pixels, or None.

    Raises:
        UserError: the shoulders lie on one another.
    """
    place = Place.of(body)
    points = (body - [place.x, place.y]) / place.width
    chains = np.stack([points[:, [SHOULDERS[k], ELBOWS[k], WRISTS[k]]] for k in (0, 1)], 1)
    bones = np.diff(chains, axis=2)
    arms = np.concatenate([_lengths(bones, np.array(_PROPORTIONS)), np.zeros((*bones.shape[:-1], 1))], -1)
    arms[..., 2] = np.sqrt(np.clip(1.0 - (arms**2).sum(-1), 0.0, None))
    hands = np.stack([points[:, HANDS[k]] for k in (0, 1)], 1)  # [T, 2, 21, 2]
    moved = from_mean(points[:, list(SHOULDERS)])
    common = moved.mean(1, keepdims=True)
    turn = np.tile(np.eye(3), (len(body), 1, 1))
    neck = np.zeros((len(body), 2))
    if face is not None:
        centre = (face[:, _STABLE].mean(1) - [place.x, place.y]) / place.width
        neck = soft(from_mean(centre - points[:, list(SHOULDERS)].mean(1)), NOD)
        turn = axis_rotation("Z", -_TILT * _rigid(face)[1])
    return Acting(
        shoulders=soft(common, SWAY) + soft(moved - common, SHRUG),
        arms=arms,
        hands=_lengths((hands[:, :, KNUCKLE] - hands[:, :, 0])[:, :, None], np.zeros(1))[:, :, 0],
        curl=from_mean(_curl(hands)),
        turn=turn,
        neck=neck,
    )


def expressions(face: np.ndarray, person: Fit) -> np.ndarray:
    """What a speaker's face [T, 68, 2] does to a portrait's: [T, 68, 3] pixels, axes of the head, y up."""
    aligned, _ = _rigid(face)
    gap = np.mean([np.linalg.norm(aligned[:, a] - aligned[:, b], axis=-1) for a, b in INNER], axis=0)
    neutral = aligned[gap <= np.percentile(gap, _QUIET)].mean(0)
    size = _size(person.face) / _size(neutral)
    moved = (aligned - neutral) * [size, -size]
    return np.concatenate([moved, np.zeros((*moved.shape[:-1], 1))], -1) + shut(person)


def _lengths(bones: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Vectors [T, 2, n, 2] in lengths of the longest that they look, at least [n]; never above 1."""
    length = np.linalg.norm(bones, axis=-1)
    longest = np.maximum(np.percentile(length, _LONGEST, axis=(0, 1)), np.maximum(least, 1e-6))
    share = bones / longest[:, None]
    return share / np.maximum(1.0, np.linalg.norm(share, axis=-1, keepdims=True))


def _curl(hands: np.ndarray) -> np.ndarray:
    """[T, 2, 5] radians that fingers seem closed, from how far they reach for their length."""
    chains = hands[:, :, 1:].reshape(*hands.shape[:2], 5, 4, 2)
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
