"""Keypoints of a span of a film: the film's own at both ends, generated gestures in between.

The paper keeps the tokens round a span and generates those in it anew (Contextual Gesture, "Video Gesture
Editing"). Our models generate bodies and a film has keypoints, so the new keypoints leave the film's and return
to them as edits of motion do (``sampling.edit``). Decision of ours [D].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.errors import UserError
from ...core.timing import FPS
from ...motion.points import FACE_SLICE, HAND_SLICES, MIDDLE_KNUCKLE, SHOULDERS, WRISTS
from ...sampling.edit import GROUPS, ease
from ..driving.hands import smooth
from ..warping.limb_geometry import PARTS, SIDES

_STEADY = 0.1  # seconds, standard deviation of the filter over the film's shoulders, from which new arms hang
_SIZES = (0.75, 1.35)  # range of a hand's size in the film against the portrait's, to count as the same shape
_UNLIKE = 0.15  # share of a hand's squared shape that no rotation and scaling of the portrait's hand explains


def edited_parts(joints: Sequence[str], *, new_speech: bool) -> frozenset[str]:
    """Parts of the person to be replaced: some of left-arm, right-arm, left-hand, right-hand, head, torso.

    Args:
        joints: names of groups, or several with commas as in "head,hands"; both arms if none, and all with a
            new speech.
        new_speech: there is a new speech, which the face follows in any case.
    Raises:
        UserError: an unknown name, such as that of a single joint.
    """
    wanted = {part.strip() for word in joints for part in word.split(",")}
    unknown = sorted(wanted - set(GROUPS))
    if unknown:
        raise UserError(f"unknown part of a film {unknown[0]!r}; known: {', '.join(GROUPS)}")
    if not wanted:
        wanted = {"arms", "head", "torso"} if new_speech else {"arms"}
    found = {name for name in wanted if name in ("head", "torso", "left-arm", "right-arm")}
    for group, each in (("arms", "arm"), ("hands", "hand")):
        if group in wanted:
            found |= {f"{side}-{each}" for side in SIDES}
    return frozenset(found | ({"head"} if new_speech else set()))


def edited_layers(parts: frozenset[str]) -> list[int]:
    """Indices among ``limb_geometry.PARTS`` of the layers to be drawn for parts from ``edited_parts``."""
    if parts & {"head", "torso"}:
        return list(range(len(PARTS)))
    found = set()
    for side in SIDES:
        if f"{side}-arm" in parts:
            found |= {f"{side}_upper", f"{side}_lower", f"{side}_hand"}
        if f"{side}-hand" in parts:
            found |= {f"{side}_lower", f"{side}_hand"}
    return sorted(PARTS.index(part) for part in found)


def interpolate_frames(values: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Values [T, ...] at fractional frames [n], by cubic splines through their neighbours (Catmull-Rom).

    Whole numbers give the values unchanged; beyond the ends the first or last value stays.
    """
    at = np.clip(frames, 0, len(values) - 1)
    low = np.floor(at).astype(int)
    t = (at - low).reshape(-1, *[1] * (values.ndim - 1))
    a, b, c, d = (values[np.clip(low + k, 0, len(values) - 1)] for k in (-1, 0, 1, 2))
    curve = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    result: np.ndarray = np.where(t == 0, b, curve)
    return result


def blend_gestures(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Blend gestures that start from the pose before a span into gestures that end at the pose after it.

    Args:
        before, after: [n, 116, 2] pixels, the same gestures for either portrait.

    Returns:
        The blend [n, 116, 2], and both inputs with hands rotated to point the same way.
    """
    share = ease(np.arange(1, len(before) + 1) / (len(before) + 1))
    both = before + share[:, None, None] * (after - before)
    alike = [before.copy(), after.copy()]
    for hand, wrist in zip(HAND_SLICES, WRISTS, strict=True):
        shapes = [_about(points, hand, wrist) for points in alike]
        angle = _turn(*(shape[:, [MIDDLE_KNUCKLE]] for shape in shapes))
        for points, shape, part in zip(alike, shapes, (share, share - 1), strict=True):
            turned = shape * np.exp(1j * part * angle)[:, None]
            points[:, hand] = points[:, wrist, None] + _flat(turned)
    return both, alike


def transition_points(
    own: np.ndarray, new: np.ndarray, weights: np.ndarray, parts: frozenset[str], *, fps: float
) -> np.ndarray:
    """Keypoints of a span, with hands as they are in the film (``with_hands`` replaces them).

    New arms and a new head hang on the shoulders of the film, unless those are replaced as well.

    Args:
        own: [n, 116, 2] pixels of the film, complete.
        new: [n, 116, 2] pixels of the new gestures.
        weights: [n] share of the new gestures, from ``sampling.edit.span_weights``.
        parts: from ``edited_parts``.
        fps: frames a second.

    Returns:
        [n, 116, 2] pixels; the film's own where the weights are 0.
    """
    share = weights[:, None, None]
    pair = list(SHOULDERS)
    result, shoulders = own.copy(), own[:, pair]
    if "torso" in parts:
        shoulders = (1 - share) * shoulders + share * new[:, pair]
    moved = shoulders - own[:, pair]
    for k in (0, 1):
        result[:, [*range(3 * k, 3 * k + 3), *range(HAND_SLICES[k].start, HAND_SLICES[k].stop)]] += moved[:, k : k + 1]
    result[:, FACE_SLICE] += moved.mean(1, keepdims=True)
    spread = _STEADY * fps / FPS
    hung = smooth(shoulders - new[:, pair], spread)
    if "head" in parts:
        face = new[:, FACE_SLICE] + hung.mean(1, keepdims=True)
        result[:, FACE_SLICE] = (1 - share) * result[:, FACE_SLICE] + share * face
    for k, side in enumerate(SIDES):
        if f"{side}-arm" in parts:
            arm, wrist = [SHOULDERS[k] + 1, WRISTS[k]], result[:, WRISTS[k]].copy()
            result[:, arm] = (1 - share) * result[:, arm] + share * (new[:, arm] + hung[:, k : k + 1])
            result[:, HAND_SLICES[k]] += (result[:, WRISTS[k]] - wrist)[:, None]
    return result


def with_hands(
    points: np.ndarray,
    own: np.ndarray,
    new: np.ndarray,
    portrait: np.ndarray,
    weights: np.ndarray,
    parts: frozenset[str],
    *,
    after: bool,
) -> np.ndarray:
    """Keypoints of a span with hands that one portrait can show.

    A picture of a hand shows one side and one shape of it, so the hands are those of the portrait: rotated and
    scaled as the film's hands until those have another shape, then as in the new gestures.

    Args:
        points: [n, 116, 2] from ``transition_points``.
        own: [n, 116, 2] of the film.
        new: [n, 116, 2] new gestures for this portrait.
        portrait: [116, 2] keypoints of the portrait.
        weights: [n] share of the new gestures.
        parts: from ``edited_parts``.
        after: the portrait is the frame after the span, not the one before it.
    """
    result = points.copy()
    for k, side in enumerate(SIDES):
        wrist, hand = WRISTS[k], HAND_SLICES[k]
        replaced = bool(parts & {f"{side}-arm", f"{side}-hand"})
        still = _about(portrait, hand, wrist)
        turn, root = _followed(_about(own, hand, wrist), still, after)
        kept = 1 - weights if f"{side}-arm" in parts else np.ones(len(points))
        result[:, wrist] += _flat(kept * root)
        shape = still * turn[:, None]
        if replaced:
            shape = turned_between(shape, _about(new, hand, wrist), weights)
        result[:, hand] = result[:, wrist, None] + _flat(shape)
    return result


def with_common_middles(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints [n, 116, 2] for both portraits of a span, moved so that the middles of their hands are the same.

    Pictures that are cross-faded show one hand then, and not two side by side, although the portraits have their
    wrists at other places of the hand. The first frame stays as it is of the portrait before, the last one of the
    portrait after.
    """
    share = ease(np.arange(1, len(before) + 1) / (len(before) + 1))[:, None]
    result = before.copy(), after.copy()
    for hand, wrist in zip(HAND_SLICES, WRISTS, strict=True):
        middles = [points[:, hand].mean(1) for points in result]
        common = middles[0] + share * (middles[1] - middles[0])
        for points, middle in zip(result, middles, strict=True):
            points[:, [wrist, *range(hand.start, hand.stop)]] += (common - middle)[:, None]
    return result


def turned_between(old: np.ndarray, new: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Shapes [n, P] of complex numbers from old to new by weights [n]: rotated and mixed, so that none shrinks."""
    share, turn = weights[:, None], np.exp(1j * _turn(old, new)[:, None])
    mix: np.ndarray = (1 - share) * old * turn**share + share * new * turn ** (share - 1)
    return mix


def _turn(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """[n] radians that turn shapes [n, P] into others, without jumps, the short way for most of the time."""
    angle = np.unwrap(np.angle((new * old.conj()).sum(-1) + 1e-12))
    result: np.ndarray = angle - 2 * np.pi * np.round(np.median(angle) / (2 * np.pi))
    return result


def _about(points: np.ndarray, hand: slice, wrist: int) -> np.ndarray:
    """A hand [..., 21] about its wrist as complex numbers."""
    shape: np.ndarray = (points[..., hand, :] - points[..., wrist, None, :]) @ np.array([1, 1j])
    return shape


def _flat(shape: np.ndarray) -> np.ndarray:
    """Complex numbers [...] -> [..., 2]."""
    return np.stack([shape.real, shape.imag], -1)


def _followed(own: np.ndarray, still: np.ndarray, after: bool) -> tuple[np.ndarray, np.ndarray]:
    """How a hand [n, 21] of the film moves against one at rest [21], seen from its wrist: complex numbers.

    It is followed from the portrait's end of the span up to the first frame in which it has another shape; from
    there on the last value stays. All of the hand counts, and not its wrist, which detectors often misplace.

    Returns:
        [n] rotation and scale, and [n] where the hand at rest then has its wrist.
    """
    middle, rest = own.mean(1), still.mean()
    shape, own = still - rest, own - middle[:, None]
    power = max(float((abs(shape) ** 2).sum()), 1e-9)
    turn = (own @ shape.conj()) / power
    left = (abs(own - turn[:, None] * shape) ** 2).sum(-1) / power
    unlike = (left > _UNLIKE) | (abs(turn) < _SIZES[0]) | (abs(turn) > _SIZES[1])
    order = slice(None, None, -1) if after else slice(None)
    first = int(np.argmax(unlike[order])) if unlike.any() else len(turn)
    turn, root = turn[order].copy(), (middle - turn * rest)[order]
    turn[first:], root[first:] = (turn[first - 1], root[first - 1]) if first else (1.0, 0.0)
    return turn[order], root[order]
