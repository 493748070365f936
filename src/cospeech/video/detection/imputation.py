"""Imputation of undetected keypoints, so that all 116 are there. Decision of ours [D].

Lengths are those of a body (Drillis and Contini 1966, as shares of its height: upper arm 0.186, forearm
0.146, hand 0.108), over the width of the shoulders as detectors place them, which is 0.227 of the height:
with that, upper arms that hang in half-body portraits come out at their measured 0.82. A person who stands
sideways has narrow shoulders in the picture; then the face gives the scale: 0.40 shoulder widths from the bridge
of the nose to the chin.
"""

from __future__ import annotations

import numpy as np

from ...core.errors import UserError
from ...data.point_normalization import SEEN
from ...motion.points import (
    CHIN,
    ELBOWS,
    FACE_SLICE,
    HAND_SIZE,
    HAND_SLICES,
    NOSE_BRIDGE,
    POINTS,
    SHOULDERS,
    SIDES,
    WRISTS,
    parents,
)

UPPER_ARM, FOREARM, HAND = 0.82, 0.64, 0.476  # shoulder widths
FACE_HEIGHT = 0.40  # shoulder widths, nose bridge to chin
ARM = dict(zip(SIDES, zip(SHOULDERS, ELBOWS, WRISTS, strict=True), strict=True))
HAND_POINTS = dict(zip(SIDES, HAND_SLICES, strict=True))
ENOUGH_OF_HAND = 11  # of 21 points, for a hand to count as found
ENOUGH_OF_FACE = 45  # of 68
_BRIDGE, _CHIN = FACE_SLICE.start + NOSE_BRIDGE, FACE_SLICE.start + CHIN
_PLAUSIBLE = (0.35, 1.35)  # of the expected length: range of a bone to a keypoint of low confidence
_FACE_TRUST, _LEAST_SCALE = 0.8, 0.02  # factor on the scale by the face; least scale, share of the picture
_OUTWARD, _FALLING = 0.12, 1.5  # of an upper arm that hangs, across over down; pull of a forearm downwards
_SHORT = 0.15  # shoulder widths: a forearm below has no direction
# A hand at rest, seen from its back: along the forearm and towards the thumb, in lengths of the hand.
_RELAXED = np.array(
    [
        (0.00, 0.00),
        (0.16, 0.12),
        (0.32, 0.19),
        (0.45, 0.22),
        (0.56, 0.22),
        (0.48, 0.13),
        (0.69, 0.14),
        (0.80, 0.13),
        (0.88, 0.10),
        (0.50, 0.03),
        (0.73, 0.035),
        (0.86, 0.025),
        (0.95, 0.00),
        (0.47, -0.06),
        (0.68, -0.06),
        (0.80, -0.065),
        (0.88, -0.075),
        (0.42, -0.13),
        (0.56, -0.15),
        (0.65, -0.155),
        (0.72, -0.155),
    ]
)


def complete_keypoints(points: np.ndarray, confidence: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Impute the keypoints that were not detected; they may lie outside the picture.

    Keypoints detected in some frames of a film are interpolated linearly in time, hands relative to their wrist.
    Those detected in no frame follow from proportions: a keypoint of low confidence stays if it makes a bone of
    a plausible length; else an elbow hangs below its shoulder, as far as a known wrist allows, a wrist hangs
    below its elbow, and a relaxed hand continues the forearm. Single points of a hand are fitted to the same
    relaxed hand, those of a face are interpolated between their neighbours.

    Args:
        points: [T, 116, 2] or [116, 2] pixels, y down.
        confidence: [T, 116] or [116], detected from ``SEEN`` on, 0 for nothing at all.
        size: width and height of the picture, pixels.

    Returns:
        Points like ``points``, float64, all finite.

    Raises:
        UserError: no shoulders or no face in any frame, or shapes that do not fit.
    """
    detected = np.asarray(points, dtype=np.float64)
    sure = np.asarray(confidence, dtype=np.float64)
    if detected.shape[-2:] != (len(POINTS), 2) or detected.ndim not in (2, 3) or sure.shape != detected.shape[:-1]:
        raise UserError(
            f"expected keypoints [T, {len(POINTS)}, 2] and confidence [T, {len(POINTS)}]; got "
            f"{list(detected.shape)} and {list(sure.shape)}"
        )
    whole = detected.reshape(-1, len(POINTS), 2).copy()
    score = sure.reshape(-1, len(POINTS))
    found = (score >= SEEN) & np.isfinite(whole).all(-1)
    hand_found = {side: found[:, part].sum(1) >= ENOUGH_OF_HAND for side, part in HAND_POINTS.items()}
    for side, (_, _, wrist) in ARM.items():
        root = HAND_POINTS[side].start
        taken = ~found[:, wrist] & hand_found[side] & found[:, root]
        whole[taken, wrist] = whole[taken, root]
        found[taken, wrist] = True
    if not found[:, list(SHOULDERS)].any(0).all() or found[:, FACE_SLICE].sum(1).max(initial=0) < ENOUGH_OF_FACE:
        raise UserError("shoulders and a face must be found; give a picture of the upper body from the front")
    unsure = np.where((score > 0)[..., None] & np.isfinite(whole).all(-1, keepdims=True), whole, np.nan)
    for point in (*range(HAND_SLICES[0].start), *range(FACE_SLICE.start, FACE_SLICE.stop)):
        whole[:, point] = _in_time(whole[:, point], found[:, point])
    ever: np.ndarray = np.any(found, axis=0)
    _fill_face(whole, ever)
    unit = _unit(whole, size)
    for side in ARM:
        _fill_arm(whole, unsure, ever, side, unit)
        _fill_hand(whole, found, hand_found[side], side, unit)
    return whole.reshape(detected.shape)


def hand_at_rest(elbow: np.ndarray, wrist: np.ndarray, *, side: str, unit: float) -> np.ndarray:
    """A relaxed hand that continues the forearm, with the thumb on the inner side if the arm hangs.

    Args:
        elbow, wrist: [..., 2] pixels, y down.
        side: left or right, the person's own.
        unit: width of the shoulders, pixels.

    Returns:
        [..., 21, 2] pixels.
    """
    along = _direction(wrist - elbow)
    thumb = np.stack([-along[..., 1], along[..., 0]], axis=-1) * (1.0 if side == "left" else -1.0)
    spread = _RELAXED[:, :1] * along[..., None, :] + _RELAXED[:, 1:] * thumb[..., None, :]
    return np.asarray(wrist)[..., None, :] + HAND * unit * spread


def _in_time(track: np.ndarray, found: np.ndarray) -> np.ndarray:
    """[T, 2] with undetected frames interpolated linearly; unchanged if it is detected in no frame."""
    if not found.any() or found.all():
        return track
    frames, known = np.arange(len(track)), np.flatnonzero(found)
    return np.stack([np.interp(frames, known, track[known, axis]) for axis in range(2)], axis=-1)


def _unit(whole: np.ndarray, size: tuple[int, int]) -> float:
    """Width of the shoulders as if seen from the front, pixels; the median over the clip."""
    width = np.linalg.norm(whole[:, SHOULDERS[0]] - whole[:, SHOULDERS[1]], axis=-1)
    height = np.linalg.norm(whole[:, _BRIDGE] - whole[:, _CHIN], axis=-1)
    return max(float(np.median(np.maximum(width, _FACE_TRUST * height / FACE_HEIGHT))), _LEAST_SCALE * max(size))


def _fill_face(whole: np.ndarray, ever: np.ndarray) -> None:
    """Keypoints never detected lie between those before and after them on their line of the face."""
    lines = parents(POINTS)
    start = FACE_SLICE.start
    while start < FACE_SLICE.stop:
        stop = start + 1
        while stop < FACE_SLICE.stop and lines[stop] == stop - 1:
            stop += 1
        run = np.arange(start, stop)
        known = run[ever[run]]
        if not len(known):  # a whole line: where the face is
            whole[:, run] = whole[:, FACE_SLICE][:, ever[FACE_SLICE]].mean(1, keepdims=True)
        for point in run[~ever[run]] if len(known) else ():
            above = known[known > point][:1]
            below = known[known < point][-1:]
            near = np.concatenate([below, above])
            share = (point - below[0]) / (above[0] - below[0]) if len(near) == 2 else 0.0
            whole[:, point] = whole[:, near[0]] + share * (whole[:, near[-1]] - whole[:, near[0]])
        start = stop


def _fill_arm(whole: np.ndarray, unsure: np.ndarray, ever: np.ndarray, side: str, unit: float) -> None:
    shoulder, elbow, wrist = ARM[side]
    outward = np.sign(np.mean(whole[:, shoulder, 0] - whole[:, list(SHOULDERS), 0].mean(1))) or 1.0
    hanging = _direction(np.array([_OUTWARD * outward, 1.0]))
    top = whole[:, shoulder]
    have_elbow, have_wrist = bool(ever[elbow]), bool(ever[wrist])
    if not have_elbow and _plausible(unsure[:, elbow], top, UPPER_ARM * unit):
        whole[:, elbow], have_elbow = unsure[:, elbow], True
    if not have_elbow and have_wrist:
        whole[:, elbow] = _bent(top, whole[:, wrist], hanging, unit)
    elif not have_elbow:
        whole[:, elbow] = top + UPPER_ARM * unit * hanging
    if have_wrist:
        return
    if have_elbow and _plausible(unsure[:, wrist], whole[:, elbow], FOREARM * unit):
        whole[:, wrist] = unsure[:, wrist]
    else:  # between how the upper arm points and straight down
        falls = _direction(_direction(whole[:, elbow] - top) + [0.0, _FALLING])
        whole[:, wrist] = whole[:, elbow] + FOREARM * unit * falls


def _plausible(track: np.ndarray, start: np.ndarray, length: float) -> bool:
    """Whether a keypoint of low confidence is, in all frames, about a bone's length from the joint."""
    away = np.linalg.norm(track - start, axis=-1) / length
    return bool(np.isfinite(away).all() and (away > _PLAUSIBLE[0]).all() and (away < _PLAUSIBLE[1]).all())


def _bent(shoulder: np.ndarray, wrist: np.ndarray, hanging: np.ndarray, unit: float) -> np.ndarray:
    """The elbow [T, 2] of a known wrist: as near to where it hangs as the lengths of the arm allow.

    Seen from the front an arm may look shorter than it is and never longer, so the elbow lies in two
    circles, around the shoulder and around the wrist.
    """
    upper, fore = UPPER_ARM * unit, FOREARM * unit
    rest = shoulder + upper * hanging
    reach = wrist - shoulder
    away = np.maximum(np.linalg.norm(reach, axis=-1, keepdims=True), 1e-6)
    pulled = wrist + _direction(rest - wrist) * np.minimum(_length(rest - wrist), fore)
    along = reach / away
    part = (upper**2 - fore**2 + away**2) / (2 * away)
    across = np.stack([-along[:, 1], along[:, 0]], axis=-1)
    across *= np.where(((rest - shoulder) * across).sum(-1, keepdims=True) < 0, -1.0, 1.0)
    corner = shoulder + part * along + np.sqrt(np.maximum(upper**2 - part**2, 0.0)) * across
    elbow = np.where(_length(pulled - shoulder) <= upper * 1.000001, pulled, corner)
    return np.where(away >= upper + fore, shoulder + reach * upper / (upper + fore), elbow)


def _fill_hand(whole: np.ndarray, found: np.ndarray, seen: np.ndarray, side: str, unit: float) -> None:
    part, (shoulder, elbow, wrist) = HAND_POINTS[side], ARM[side]
    if not seen.any():
        start = whole[:, elbow].copy()
        short = np.linalg.norm(whole[:, wrist] - start, axis=-1) < _SHORT * unit
        start[short] = whole[short, shoulder]  # a forearm that points at the camera has no direction
        whole[:, part] = hand_at_rest(start, whole[:, wrist], side=side, unit=unit)
        return
    for frame in np.flatnonzero(seen):
        if not found[frame, part].all():
            whole[frame, part] = _fitted(whole[frame, part], found[frame, part])
    apart = whole[:, part] - whole[:, wrist, None]
    for point in range(HAND_SIZE):
        apart[:, point] = _in_time(apart[:, point], seen)
    whole[:, part] = whole[:, wrist, None] + apart


def _fitted(hand: np.ndarray, found: np.ndarray) -> np.ndarray:
    """A hand [21, 2] with undetected points from the relaxed hand, fitted to the others (least squares).

    The relaxed hand is rotated, scaled and, if that fits better, mirrored.
    """
    best: np.ndarray | None = None
    least = np.inf
    for mirror in (1.0, -1.0):
        shape = (_RELAXED * [1.0, mirror]) @ [1, 1j]
        flat = hand @ [1, 1j]
        sources = np.stack([shape[found], np.ones(found.sum())], axis=1)
        turn, *_ = np.linalg.lstsq(sources, flat[found], rcond=None)
        placed = turn[0] * shape + turn[1]
        error = float(np.abs(placed[found] - flat[found]).sum())
        if error < least:
            best, least = np.stack([placed.real, placed.imag], axis=-1), error
    assert best is not None
    return np.where(found[:, None], hand, best)


def _direction(vector: np.ndarray) -> np.ndarray:
    """Unit vectors; straight down where the length is 0."""
    length = _length(vector)
    return np.where(length > 1e-9, vector / np.maximum(length, 1e-9), [0.0, 1.0])


def _length(vector: np.ndarray) -> np.ndarray:
    """[..., 1]"""
    return np.linalg.norm(vector, axis=-1, keepdims=True)
