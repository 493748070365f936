"""Edits of motion: which spans and joints are made anew, and how the new part joins what is kept.

The rules are decisions of ours [D]: pelvis, legs and place are never made anew, so that feet stay where
they stand; the new part is faded in and out inside its span, so that all frames outside keep their bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import numpy as np

from ..core.arguments import several
from ..core.errors import UserError
from ..core.rotation import matrix_from_6d, matrix_to_6d, matrix_to_quaternion, quaternion_to_matrix, slerp, transpose
from ..core.timing import seconds_to_frame
from ..motion.codec import BODY_JOINTS, HAND_JOINTS
from ..motion.skeleton import canonical_skeleton

FADE = 0.5  # seconds at an edge over which old becomes new; at most half a span between two edges
# Seconds: a span between two edges that is shorter goes only a part of the way. In so short a time no
# hand gets anywhere and back; without this, spans of 0.3 s had twice the acceleration of real gestures.
WHOLE = 0.6
SHORTEST = 0.3  # seconds of a span
JOINTS = (*BODY_JOINTS[1:], *HAND_JOINTS)  # all that can be made anew: what is coded, less the pelvis


def _group(side: str, parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in JOINTS if name.startswith(side) and any(part in name for part in parts))


_FINGERS = ("index", "middle", "pinky", "ring", "thumb")
_HAND = ("wrist", *_FINGERS)
_ARM = ("collar", "shoulder", "elbow", *_HAND)
GROUPS: dict[str, tuple[str, ...]] = {
    "hands": _group("", _HAND),
    "arms": _group("", _ARM),
    "left-arm": _group("left_", _ARM),
    "right-arm": _group("right_", _ARM),
    "head": ("neck", "head"),  # so the joint head is not to be had without the neck
    "torso": ("spine1", "spine2", "spine3"),
}


def joint_indices(names: str | Sequence[str]) -> list[int]:
    """Canonical indices of joints and groups by name (several in one word: "head,hands"); all if none.

    >>> joint_indices(["head"]), len(joint_indices([])), len(joint_indices(["hands,torso"]))
    ([12, 15], 43, 35)

    Raises:
        UserError: an unknown name; the message lists the known ones.
    """
    wanted: list[str] = []
    for name in (part.strip() for word in several(names) for part in str(word).split(",")):
        if name not in GROUPS and name not in JOINTS:
            raise UserError(f"unknown joint {name!r}; known: {', '.join(dict.fromkeys((*GROUPS, *JOINTS)))}")
        wanted += GROUPS.get(name, (name,))
    return sorted(set(canonical_skeleton().indices(wanted or list(JOINTS))))


Span = str | tuple[float, float]  # "START:END" or (START, END), seconds


def time_spans(spans: Span | Sequence[Span], seconds: float) -> list[tuple[float, float]]:
    """(start, end) in seconds, in order and apart; those that overlap or touch become one.

    >>> time_spans(["4:5", (1, 2.5), "2:3"], 6.0), time_spans([], 6.0)
    ([(1.0, 3.0), (4.0, 5.0)], [(0.0, 6.0)])

    Args:
        spans: "START:END" or (START, END) in seconds, or several of them; the whole motion if none.
        seconds: how long the motion is.
    Raises:
        UserError: no such span, empty, reversed, shorter than ``SHORTEST``, or not within the motion.
    """
    found: list[tuple[float, float]] = []
    for start, end in sorted(_span(span, seconds) for span in listed_spans(spans)):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found or [(0.0, seconds)]


def listed_spans(spans: Span | Sequence[Span] | None) -> tuple[Span, ...]:
    """One span or several as a tuple, not yet checked; none if None.

    >>> listed_spans((2, 4)), listed_spans("2:4"), listed_spans(["2:4", (5, 6)]), listed_spans(None)
    (((2, 4),), ('2:4',), ('2:4', (5, 6)), ())
    """
    found = () if spans is None else several(spans)
    one = len(found) == 2 and all(isinstance(part, Real) for part in found)
    return (found,) if one else found


def _span(span: str | tuple[float, float], seconds: float) -> tuple[float, float]:
    parts = span.split(":") if isinstance(span, str) else span
    try:
        start, end = (float(part) for part in parts)
    except (TypeError, ValueError):
        raise UserError(f"a span is START:END in seconds, as in 2.0:4.5; got {span!r}") from None
    text = f"span {start:g}:{end:g}"
    if not (np.isfinite(start) and np.isfinite(end)):
        raise UserError(f"{text} has times that are no numbers; give START:END in seconds, as in 2.0:4.5")
    if end <= start:
        raise UserError(f"{text} ends before it has begun; give START:END with END after START")
    if start < 0 or end > seconds + 0.01:  # lengths are told in hundredths
        raise UserError(f"{text} is not within the motion; it must be within 0:{seconds:.2f}")
    if end - start < SHORTEST - 1e-6:
        raise UserError(f"{text} lasts {end - start:.2f} s; give at least {SHORTEST:g} s")
    return start, min(end, seconds)


def span_frames(spans: Sequence[tuple[float, float]], frames: int, fps: float) -> list[tuple[int, int]]:
    """Spans in seconds as frames [first, last + 1) of a motion of ``frames`` frames."""
    bounds = [(seconds_to_frame(a, fps=fps), min(frames, seconds_to_frame(b, fps=fps))) for a, b in spans]
    return [(first, end) for first, end in bounds if first < end]


def span_weights(spans: Sequence[tuple[int, int]], frames: int, fps: float) -> np.ndarray:
    """[T] share of the new motion: 0 outside the spans, 1 inside, eased over ``FADE`` at inner edges.

    Edges where the motion itself begins or ends need no fade.

    Args:
        spans: frames, as ``span_frames`` gives them.
    """
    weights = np.zeros(frames)
    for first, end in spans:
        part = np.ones(end - first)
        both = first > 0 and end < frames
        if both:
            part *= min(1.0, len(part) / (WHOLE * fps)) ** 2
        size = min(seconds_to_frame(FADE, fps=fps), len(part) // 2 if both else len(part))
        rise = ease(np.arange(1, size + 1) / (size + 1))
        if first > 0:
            part[:size] *= rise
        if end < frames:
            part[len(part) - size :] *= rise[::-1]
        weights[first:end] = part
    return weights


def ease(t: np.ndarray) -> np.ndarray:
    """0 to 1 for t from 0 to 1, level at both ends, so that speed has no jump either."""
    eased: np.ndarray = t * t * (3 - 2 * t)
    return eased


def blend(old: np.ndarray, new: np.ndarray, weights: np.ndarray, joints: Sequence[int]) -> np.ndarray:
    """Local rotations [T, J, 3, 3] that are ``new`` by weights [T] at the joints, else ``old`` bit by bit.

    Mixed as six numbers, as the codec has them, and made orthonormal again.
    """
    result = old.copy()
    inside = np.flatnonzero(weights > 0)
    place = np.ix_(inside, np.array(joints))
    share = weights[inside, None, None]
    mixed = (1 - share) * matrix_to_6d(old[place]) + share * matrix_to_6d(new[place])
    result[place] = matrix_from_6d(mixed)
    return result


def meet_pose(
    rotations: np.ndarray, pose: np.ndarray, joints: Sequence[int], fps: float, *, last: bool, longest: int
) -> np.ndarray:
    """Local rotations [T, J, 3, 3] whose first (or last) frame has ``pose`` [J, 3, 3] at the joints.

    What is missing at that frame is turned further there and faded out over ``FADE`` seconds, or
    ``longest`` frames. The speed at the end stays as it was.
    """
    result = rotations[::-1].copy() if last else rotations.copy()
    size = max(1, min(seconds_to_frame(FADE, fps=fps), longest))
    share = 1 - ease(np.arange(size) / size)
    missing = matrix_to_quaternion(pose[joints].astype(np.float64) @ transpose(result[0, joints]))
    none = np.zeros_like(missing)
    none[:, 0] = 1.0
    turn = quaternion_to_matrix(slerp(none[None], missing[None], share[:, None]))
    result[:size, joints] = turn @ result[:size, joints]
    result[0, joints] = pose[joints]
    return result[::-1].copy() if last else result
