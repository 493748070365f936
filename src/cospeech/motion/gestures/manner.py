"""How a gesture is done this time: larger or smaller, quicker, higher, with the other hand; never twice alike.

People repeat no gesture exactly. Each use of a gesture in a motion takes the next point of a sequence that fills its
ranges evenly (Roberts' R sequence, 2018), so that uses that follow one another are far apart in all of them. The
ranges are decisions of ours, by looking.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...speech.cues.cue import GestureCue
from .gesture import Gesture

SIZE = (0.82, 1.28)  # times the movement
TEMPO = (0.9, 1.22)  # times the time that it takes
PLACE = (0.07, 0.06, 0.05)  # metres outwards, up and ahead of where it is, to either side
LIFT = 12.0  # degrees by which an elbow is lifted more or less
HOLD = (0.6, 1.5)  # times its hold
LATER = (0.0, 0.05)  # seconds by which the other hand is later
LESS = (0.86, 1.04)  # times the movement of the other hand
APART = 0.02  # metres by which the other hand is elsewhere
SIZES = (0.2, 2.2)  # times the movement, at least and at most, whatever is asked for: arms reach no further
QUICKEST = 0.4  # times the time that it takes, at least
EXACT = 0.3  # share of these ranges for what touches or counts
LEFT_SHARE = 0.3  # of uses of a free hand that are of the left one
_STEPS = 13  # numbers of a use


@dataclass(frozen=True)
class Manner:
    """How a gesture is done in one use."""

    side: str  # of the hand that leads
    size: float
    tempo: float
    place: np.ndarray  # [3] metres outwards, up, ahead
    lift: float  # degrees
    hold: float  # times
    repeats: int
    later: float  # seconds
    less: float
    apart: np.ndarray  # [3] metres


def manner_of(gesture: Gesture, cue: GestureCue, use: int, rng: np.random.Generator) -> Manner:
    """The manner of the use number ``use`` (from 0) of a gesture.

    Args:
        rng: seeded by the motion and the gesture, so that the sequence starts elsewhere in each motion.
    """
    # The generalised golden ratio g solves g^(d + 1) = g + 1; its powers are far from rational together.
    golden = 2.0
    for _ in range(40):
        golden = (1 + golden) ** (1 / (_STEPS + 1))
    steps = golden ** -np.arange(1.0, _STEPS + 1)
    # Most such steps are close to 1 or to 1/2, where every second use would be alike.
    steps = np.where(np.arange(_STEPS) % 2, 0.382, 0.618) + 0.21 * (steps - steps.mean())
    drawn = (rng.random(_STEPS) + use * steps) % 1.0
    share = EXACT if gesture.exact else 1.0
    place = np.array(PLACE) * share * (2 * drawn[:3] - 1)
    if gesture.exact and gesture.hands == "both":
        place[0] = 0.0  # hands that meet go on meeting
    size = float(np.clip(_within(SIZE, drawn[3], share) * cue.size, *SIZES))
    repeats = gesture.repeats + (int(drawn[7] * 3) - 1 if gesture.cycle is not None and gesture.repeats > 1 else 0)
    return Manner(
        side=_side(gesture, cue, float(drawn[8])),
        size=size,
        tempo=max(QUICKEST, _within(TEMPO, drawn[4], share) / cue.speed),
        place=place + np.array([0.0, 0.0 if gesture.exact else cue.height, 0.0]),
        lift=LIFT * share * (2 * drawn[5] - 1),
        hold=_within(HOLD, drawn[6], 1.0),
        repeats=max(1, repeats) if cue.repeats is None else cue.repeats,
        later=_within(LATER, drawn[9], share),
        less=_within(LESS, drawn[10], share),
        apart=APART * share * (2 * drawn[10:13] - 1),
    )


def _within(bounds: tuple[float, float], share: float, width: float) -> float:
    """A number between bounds, or between those that are ``width`` as far from 1."""
    low, high = (1 + width * (bound - 1) if bounds[0] > 0 else width * bound for bound in bounds)
    return float(low + share * (high - low))


def _side(gesture: Gesture, cue: GestureCue, drawn: float) -> str:
    if cue.side in ("left", "right") and (gesture.side == "free" or gesture.recording is not None):
        return str(cue.side)
    if gesture.side != "free":
        return gesture.side
    if gesture.aims and cue.direction is not None and abs(cue.direction[0]) > 0.2:
        return "left" if cue.direction[0] > 0 else "right"
    return "left" if drawn < LEFT_SHARE else "right"
