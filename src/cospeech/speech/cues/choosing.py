"""Which triggers become gestures: not every one, never the same gesture twice in a row.

The numbers are decisions of ours, set by the gestures that they leave in a minute of real speech.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.errors import UserError
from .cue import GestureCue
from .matching import Trigger

DENSITIES = ("off", "sparse", "normal", "rich")


@dataclass(frozen=True)
class Density:
    """How many gestures.

    Args:
        threshold: strength that a trigger must have.
        gap: seconds between two gestures, at least.
        ease: seconds between two gestures from which they do not crowd each other.
        crowding: weight that two gestures lose together at the least gap, less with more seconds between them.
    """

    threshold: float
    gap: float
    ease: float
    crowding: float


_DENSITIES = {
    "sparse": Density(0.7, 14.0, 25.0, 0.5),
    "normal": Density(0.66, 3.5, 9.0, 0.4),
    "rich": Density(0.2, 1.2, 4.0, 0.25),
}
LONGEST_HOLD = 3.0  # seconds behind its stroke that a hold may last, where the phrase goes on
_NEAR_ACCENT = 0.2  # seconds from an accent in which it counts for a word
_UNACCENTED, _ACCENTED = 0.8, 1.2  # factor of a word without accent, and with the strongest
_RECENT = 10.0  # seconds in which a meaning that was there counts less
_AGAIN = 0.85  # for each time
_STEEP = 2  # power by which one strong trigger is worth more than two that are half as strong
_KEPT = 3  # gestures before this one that are avoided where there are others


def choose_cues(
    triggers: Sequence[Trigger],
    *,
    density: str = "normal",
    features: np.ndarray | None = None,
    seed: int = 0,
    seconds: float | None = None,
) -> list[GestureCue]:
    """Gestures for some of the triggers.

    Those are taken that together weigh most while two are never closer than the density allows. A trigger weighs as
    much as its strength, more where the voice is strong and less where its meaning has just been.

    Args:
        triggers: in any order.
        density: "off", "sparse", "normal" or "rich".
        features: [T, 48] of the speech; where the voice is strong gestures are preferred.
        seed: chooses among gestures of one meaning; the same seed gives the same cues.
        seconds: length of the recording; nothing is placed beyond it.

    Returns:
        Cues in order of time, with ``meaning``, ``word``, ``hold_until`` and ``source`` of their triggers.

    Raises:
        UserError: unknown density.
    """
    if density not in DENSITIES:
        raise UserError(f"unknown gesture density {density!r}; known: {', '.join(DENSITIES)}")
    if density == "off":
        return []
    rule = _DENSITIES[density]
    able = [
        trigger
        for trigger in sorted(triggers, key=lambda trigger: (trigger.time, -trigger.strength, trigger.meaning))
        if trigger.strength >= rule.threshold and trigger.gestures and (seconds is None or trigger.time <= seconds)
    ]
    chosen = _heaviest(able, _weights(able, features), rule)
    cues: list[GestureCue] = []
    used: list[str] = []
    for trigger in chosen:
        gesture = _gesture(trigger, used, seed)
        if gesture is not None:
            used.append(gesture)
            cues.append(_cue(trigger, gesture, seconds))
    return cues


def _weights(triggers: Sequence[Trigger], features: np.ndarray | None) -> list[float]:
    """How much each is wanted."""
    times, strengths = np.zeros(0), np.zeros(0)
    if features is not None and len(features):
        from ..features import accents

        times, strengths = accents(features)
    weights = []
    for index, trigger in enumerate(triggers):
        weight = trigger.strength
        if features is not None:
            near = strengths[np.abs(times - trigger.time) <= _NEAR_ACCENT]
            weight *= _UNACCENTED + (_ACCENTED - _UNACCENTED) * float(near.max(initial=0.0))
        before = 0
        for other in triggers[index - 1 :: -1] if index else ():
            if trigger.time - other.time > _RECENT:
                break
            before += other.meaning == trigger.meaning
        weights.append((weight * _AGAIN**before) ** _STEEP)
    return weights


def _heaviest(triggers: Sequence[Trigger], weights: Sequence[float], rule: Density) -> list[Trigger]:
    """The triggers, in order of time, that weigh most together as far apart as the rule says (dynamic programming)."""
    times = [trigger.time for trigger in triggers]
    best: list[float] = []  # of a choice that ends with this one
    before: list[int] = []  # the one before it in that choice, -1 if there is none
    leaders: list[int] = []  # up to each, the one whose choice is best
    for index, (time, weight) in enumerate(zip(times, weights, strict=True)):
        free, able = bisect_right(times, time - rule.ease, 0, index), bisect_right(times, time - rule.gap, 0, index)
        behind = [(best[leaders[free - 1]], leaders[free - 1])] if free else []
        for near in range(free, able):
            crowded = (rule.ease - (time - times[near])) / (rule.ease - rule.gap)
            behind.append((best[near] - rule.crowding * crowded, near))
        most, last = max([(0.0, -1), *behind])
        best.append(weight + most)
        before.append(last)
        leaders.append(index if not leaders or best[index] > best[leaders[-1]] else leaders[-1])
    chosen = []
    at = leaders[-1] if leaders else -1
    while at >= 0:
        chosen.append(triggers[at])
        at = before[at]
    return chosen[::-1]


def _gesture(trigger: Trigger, used: Sequence[str], seed: int) -> str | None:
    """One of the gestures of a trigger, not the one before and rather none of the last few; None if there is none."""
    rng = np.random.default_rng([abs(seed), int(seed < 0), round(trigger.time * 1000)])
    able = [gesture for gesture in trigger.gestures if not used or gesture != used[-1]]
    fresh = [gesture for gesture in able if gesture not in used[-_KEPT:]] or able
    return str(rng.choice(fresh)) if fresh else None


def _cue(trigger: Trigger, gesture: str, seconds: float | None) -> GestureCue:
    end = trigger.phrase_end
    if end is not None:
        end = min(max(end, trigger.time), trigger.time + LONGEST_HOLD, np.inf if seconds is None else seconds)
    return GestureCue(
        gesture, trigger.time, trigger.word, trigger.meaning, trigger.source, trigger.strength, hold_until=end
    )
