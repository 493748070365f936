"""Points of a span of a film: the film's own at both ends, made gestures in between.

The paper keeps the tokens round a span and makes those in it anew (Contextual Gesture, "Video Gesture
Editing"); our models are of bodies and a film has points, so the new points leave the old ones and come
back to them as edits of motion do (``sampling.edit``). Decisions of ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.errors import UserError
from ...core.timing import FPS
from ...motion.points import SHOULDERS, WRISTS
from ...sampling.edit import GROUPS, ease
from ..driving.hands import smooth
from ..driving.portrait_fit import FACE, HANDS, KNUCKLE
from ..warping.layers import PARTS, SIDES

_STEADY = 0.1  # seconds, deviation of the filter over the film's shoulders that new arms hang on
_SIZES = (0.75, 1.35)  # of a hand of the film against the portrait's, for it to be alike
_UNLIKE = 0.15  # share of a hand's shape, squared, that no turning and sizing of the portrait's explains


def named_parts(joints: Sequence[str], *, spoken: bool) -> frozenset[str]:
    """What of a film is made anew: some of left-arm, right-arm, left-hand, right-hand, head, torso.

    Args:
        joints: groups by name, several in one word as in "head,hands"; if none, both arms, and with a new
            speech all.
        spoken: there is a new speech, which the face has to follow in any case.
    Raises:
        UserError: an unknown name, as that of a single joint.
    """
    wanted = {part.strip() for word in joints for part in word.split(",")}
    unknown = sorted(wanted - set(GROUPS))
    if unknown:
        raise UserError(f"unknown part of a film {unknown[0]!r}; known: {', '.join(GROUPS)}")
    if not wanted:
        wanted = {"arms", "head", "torso"} if spoken else {"arms"}
    found = {name for name in wanted if name in ("head", "torso", "left-arm", "right-arm")}
    for group, each in (("arms", "arm"), ("hands", "hand")):
        if group in wanted:
            found |= {f"{side}-{each}" for side in SIDES}
    return frozenset(found | ({"head"} if spoken else set()))


def drawn_parts(parts: frozenset[str]) -> list[int]:
    """Indices among ``layers.PARTS`` of what has to be drawn anew for parts as ``named_parts`` gives them."""
    if parts & {"head", "torso"}:
        return list(range(len(PARTS)))
    found = set()
    for side in SIDES:
        if f"{side}-arm" in parts:
            found |= {f"{side}_upper", f"{side}_lower", f"{side}_hand"}
        if f"{side}-hand" in parts:
            found |= {f"{side}_lower", f"{side}_hand"}
    return sorted(PARTS.index(part) for part in found)


def at_times(values: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Values [T, ...] at frames between them [n], by cubic splines through their neighbours (Catmull-Rom).

    Whole numbers give the values as they are; beyond the ends they stay.
    """
    at = np.clip(frames, 0, len(values) - 1)
    low = np.floor(at).astype(int)
    t = (at - low).reshape(-1, *[1] * (values.ndim - 1))
    a, b, c, d = (values[np.clip(low + k, 0, len(values) - 1)] for k in (-1, 0, 1, 2))
    curve = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    result: np.ndarray = np.where(t == 0, b, curve)
    return result


def between(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Gestures about the pose before a span, which become those about the pose after it on the way.

    Args:
        before, after: [n, 116, 2] pixels.

    Returns:
        Them [n, 116, 2], and both again with hands that point the same way.
    """
    share = ease(np.arange(1, len(before) + 1) / (len(before) + 1))
    both = before + share[:, None, None] * (after - before)
    alike = [before.copy(), after.copy()]
    for hand, wrist in zip(HANDS, WRISTS, strict=True):
        shapes = [_about(points, hand, wrist) for points in alike]
        angle = _turn(*(shape[:, [KNUCKLE]] for shape in shapes))
        for points, shape, part in zip(alike, shapes, (share, share - 1), strict=True):
            turned = shape * np.exp(1j * part * angle)[:, None]
            points[:, hand] = points[:, wrist, None] + _flat(turned)
    return both, alike


def handed_over(
    own: np.ndarray, made: np.ndarray, weights: np.ndarray, parts: frozenset[str], *, fps: float
) -> np.ndarray:
    """The points of a span, its hands as they are in the film (``with_hands`` makes them anew).

    Arms and head that are made anew hang on the shoulders of the film, unless those are made anew as well.

    Args:
        own: [n, 116, 2] pixels of the film, complete.
        made: [n, 116, 2] pixels of the new gestures.
        weights: [n] share of the new ones, as ``sampling.edit.span_weights`` gives them.
        parts: as ``named_parts`` gives them.
        fps: frames a second.

    Returns:
        [n, 116, 2] pixels; the film's own where the weights are 0.
    """
    share = weights[:, None, None]
    pair = list(SHOULDERS)
    result, shoulders = own.copy(), own[:, pair]
    if "torso" in parts:
        shoulders = (1 - share) * shoulders + share * made[:, pair]
    moved = shoulders - own[:, pair]
    for k in (0, 1):
        result[:, [*range(3 * k, 3 * k + 3), *range(HANDS[k].start, HANDS[k].stop)]] += moved[:, k : k + 1]
    result[:, FACE] += moved.mean(1, keepdims=True)
    spread = _STEADY * fps / FPS
    hung = smooth(shoulders - made[:, pair], spread)
    if "head" in parts:
        face = made[:, FACE] + hung.mean(1, keepdims=True)
        result[:, FACE] = (1 - share) * result[:, FACE] + share * face
    for k, side in enumerate(SIDES):
        if f"{side}-arm" in parts:
            arm, wrist = [SHOULDERS[k] + 1, WRISTS[k]], result[:, WRISTS[k]].copy()
            result[:, arm] = (1 - share) * result[:, arm] + share * (made[:, arm] + hung[:, k : k + 1])
            result[:, HANDS[k]] += (result[:, WRISTS[k]] - wrist)[:, None]
    return result


def with_hands(
    points: np.ndarray,
    own: np.ndarray,
    made: np.ndarray,
    portrait: np.ndarray,
    weights: np.ndarray,
    parts: frozenset[str],
    *,
    after: bool,
) -> np.ndarray:
    """Points of a span with hands that one portrait can show.

    A picture of a hand shows one side of it and one shape, so hands are those of the portrait: turned and
    sized as the film's until those are too unlike it, then as the new gestures have them.

    Args:
        points: [n, 116, 2] from ``handed_over``.
        own: [n, 116, 2] of the film.
        made: [n, 116, 2] gestures for this portrait.
        portrait: [116, 2].
        weights: [n] share of the new gestures.
        parts: as ``named_parts`` gives them.
        after: the portrait is the frame after the span and not the one before it.
    """
    result = points.copy()
    for k, side in enumerate(SIDES):
        wrist, hand = WRISTS[k], HANDS[k]
        new = bool(parts & {f"{side}-arm", f"{side}-hand"})
        still = _about(portrait, hand, wrist)
        turn = _followed(_about(own, hand, wrist), still, after)
        shape = still * turn[:, None]
        if new:
            shape = turned_between(shape, _about(made, hand, wrist), weights)
        result[:, hand] = result[:, wrist, None] + _flat(shape)
    return result


def turned_between(old: np.ndarray, new: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Shapes [n, P] of complex numbers from old to new by weights [n]: turned and mixed, so none shrinks."""
    share, turn = weights[:, None], np.exp(1j * _turn(old, new)[:, None])
    mix: np.ndarray = (1 - share) * old * turn**share + share * new * turn ** (share - 1)
    return mix


def _turn(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """[n] radians from shapes [n, P] to others, without jumps, the short way for most of the time."""
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


def _followed(own: np.ndarray, still: np.ndarray, after: bool) -> np.ndarray:
    """[n] turn and size (complex) of a hand [n, 21] against one at rest [21].

    Beginning at the rest's side of the span, up to the first frame in which it has another shape; from there
    on it keeps the last one.
    """
    power = max(float((abs(still) ** 2).sum()), 1e-9)
    turn = (own @ still.conj()) / power
    left = (abs(own - turn[:, None] * still) ** 2).sum(-1) / power
    unlike = (left > _UNLIKE) | (abs(turn) < _SIZES[0]) | (abs(turn) > _SIZES[1])
    order = slice(None, None, -1) if after else slice(None)
    turn, unlike = turn[order].copy(), unlike[order]
    first = int(np.argmax(unlike)) if unlike.any() else len(turn)
    turn[first:] = turn[first - 1] if first else 1.0
    return turn[order]
