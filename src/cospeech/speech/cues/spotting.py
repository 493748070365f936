"""Phrases that trigger gestures, spotted in the sound without a recogniser of words.

Each phrase of ``spotted.json`` is searched in what ``hama`` (the extra ``[phones]``) thinks of the phones, as a path
through its frames that may begin and end anywhere (connectionist temporal classification, Graves et al. 2006), and is
checked where it was found against our own phone network. What both say is weighed together; each phrase has a threshold
of its own, above the best that it reached in speech where it is not said, so that all of them together are spotted
wrongly less than once a minute (docs/results.md). Short words are left out: "no", "I", "up" sound like parts of others.
The form of the score is a decision of ours; the weights are those of a logistic regression on words of other texts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import UserError
from ...core.timing import SAMPLE_RATE
from ..languages import LANGUAGES
from ..phones import hama
from ..phones.inventory import PHONE_INDEX, PHONES
from ..phones.network import PhoneSteps, hear_phones
from ..phones.of_words import pronunciations_of
from ..phones.recording import STEP
from ..speech import Speech
from .matching import Trigger
from .triggers import TriggerTable, triggers_of

FILE = Path(__file__).parent / "spotted.json"
LOOK_AHEAD = 0.2  # seconds, of the network
FLOOR = 1e-3  # probability that counts as none
WORST = -2.5  # mean score of a phone by hama below which a phrase is not looked at
APART = 0.5  # seconds between two findings of a phrase
MARGIN = 0.12  # seconds around a finding in which the network looks for it
HURRIED = 0.05  # seconds a phone, below which nobody speaks
MOST = 4  # pronunciations of a phrase
VOWELS = frozenset("AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split())


@dataclass(frozen=True)
class SpottedPhrase:
    """A phrase that was heard.

    Args:
        phrase: as ``spotted.json`` has it.
        meaning: class that it triggers.
        start, end: seconds.
        time: seconds; middle of the stressed vowel of its main word.
        score: above 0 by how much it is surer than it must be, in nats.
    """

    phrase: str
    meaning: str
    start: float
    end: float
    time: float
    score: float


@dataclass(frozen=True)
class _Phrase:
    """A phrase to look for: ``stress`` is which of its vowels is stressed, ``least`` the score that it must reach."""

    text: str
    meaning: str
    stress: int
    least: float
    ways: tuple[tuple[int, ...], ...]  # columns of phones


@dataclass(frozen=True)
class _Weights:
    """Of the log likelihood ratio by hama, by the network, of each phone, and of hurry."""

    hama: float
    network: float
    phone: float
    hurry: float
    bias: float


@cache
def table_of(language: str) -> tuple[_Weights, tuple[_Phrase, ...]]:
    """Weights of a language, and the phrases to look for."""
    content = json.loads(FILE.read_text(encoding="utf-8"))[language]
    phrases = []
    for text, (meaning, stress, least) in content["phrases"].items():
        ways = tuple(tuple(PHONE_INDEX[phone] for phone in way) for way in pronunciations_of(text, LANGUAGES[language]))
        phrases.append(_Phrase(text, meaning, stress, least, ways[:MOST]))
    return _Weights(**content["weights"]), tuple(phrases)


def spottable(language: str) -> dict[str, str]:
    """The phrases that can be spotted in a language, and the meaning of each.

    Raises:
        UserError: there are none in that language.
    """
    if language not in LANGUAGES:
        raise UserError(f"no phrases are spotted in the language {language!r}; known: {', '.join(LANGUAGES)}")
    return {phrase.text: phrase.meaning for phrase in table_of(language)[1]}


def spot_triggers(
    speech: Speech, *, language: str | None = None, triggers: TriggerTable | None = None
) -> list[Trigger]:
    """What asks for a gesture in a speech whose words are not known, by the phones that are heard.

    Args:
        language: "en" or "de"; that of ``triggers``, or the one of which more is spotted, unless given.
        triggers: meanings and their gestures; those of the language unless given.

    Returns:
        Triggers in order of time, those whose meaning the table has; none where ``hama`` is not installed.

    Raises:
        UserError: unknown language.
    """
    language = language or (triggers.language if triggers and triggers.language in LANGUAGES else None)
    if language is not None:
        spottable(language)
    if not hama.is_installed():
        return []
    samples = speech.resampled(sample_rate=SAMPLE_RATE).samples
    heard, steps = hama.phone_probabilities(samples), hear_phones(samples, look_ahead=LOOK_AHEAD)
    codes = [language] if language else list(LANGUAGES)
    found = {code: spotted_in(heard, steps, code) for code in codes}
    best = max(codes, key=lambda code: sum(one.score for one in found[code]))
    meanings = (triggers or triggers_of(best)).meanings
    return [
        Trigger(
            one.meaning,
            meanings[one.meaning].gestures,
            one.time,
            one.phrase,
            meanings[one.meaning].strength * float(1.0 - 0.5 * np.exp(-max(0.0, one.score) - 0.5)),
            source="sound",
        )
        for one in found[best]
        if one.meaning in meanings
    ]


def spotted_in(
    heard: Sequence[tuple[float, np.ndarray, np.ndarray]], steps: PhoneSteps, language: str, *, least: float = 0.0
) -> list[SpottedPhrase]:
    """Phrases in what is heard, in order of time; of several at once the surest.

    Args:
        heard: by hama (``hama.phone_probabilities``).
        steps: by the network.
        least: score that is enough; below 0 more is found, and more of it is wrong.
    """
    weights, phrases = table_of(language)
    ratios = _ratios(steps.probabilities, steps.probabilities.max(axis=1))
    found = []
    for begin, probabilities, blank in heard:
        for phrase, way, start, end, score in _candidates(phrases, probabilities, blank, begin):
            place = _in_network(way, ratios, steps.times, start - MARGIN, end + MARGIN)
            if place is None:
                continue
            total, times = place
            hurry = min(0.0, ((end - start) / len(way) - HURRIED) * 10.0)
            weighed = weights.hama * score + weights.network * total + weights.phone * len(way)
            over = float(weighed + weights.hurry * hurry + weights.bias - phrase.least)
            if over >= least:
                vowels = [k for k, column in enumerate(way) if PHONES[column] in VOWELS] or [0]
                stressed = vowels[min(phrase.stress, len(vowels) - 1)]
                middle = 0.5 * (times[stressed] + times[stressed + 1])
                found.append(SpottedPhrase(phrase.text, phrase.meaning, times[0], times[-1], middle, over))
    kept: list[SpottedPhrase] = []
    for one in sorted(found, key=lambda one: -one.score):
        if all(one.end <= other.start or one.start >= other.end for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: one.time)


def _ratios(probabilities: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Logarithms of probabilities [T, phones] over the best [T] of their frame, at most 0 or so."""
    floored = np.log(np.maximum(probabilities, FLOOR)) - np.log(np.maximum(best, FLOOR))[:, None]
    return np.asarray(floored, np.float32)


def _candidates(
    phrases: Sequence[_Phrase], probabilities: np.ndarray, blank: np.ndarray, begin: float
) -> list[tuple[_Phrase, tuple[int, ...], float, float, float]]:
    """Where hama may hear a phrase: the phrase, its phones, start and end in seconds, and the score."""
    items = [(phrase, way) for phrase in phrases for way in phrase.ways]
    scores, starts = _paths([way for _, way in items], probabilities, blank)
    found, first = [], 0
    width = round(APART / STEP)
    for phrase in phrases:
        columns = slice(first, first + len(phrase.ways))
        lengths = np.array([len(way) for way in phrase.ways])
        means = scores[:, columns] / lengths
        choice = means.argmax(axis=1)
        best = means[np.arange(len(means)), choice]
        taken = np.zeros(len(best), bool)
        for frame in np.argsort(-best):
            if best[frame] < WORST:
                break
            if taken[max(0, frame - width) : frame + width].any():
                continue
            taken[frame] = True
            way = int(choice[frame])
            start = begin + starts[frame, first + way] * STEP - hama.DELAY
            end = begin + frame * STEP - 0.5 * hama.DELAY
            found.append((phrase, phrase.ways[way], start, end, float(scores[frame, first + way])))
        first += len(phrase.ways)
    return found


def _paths(
    ways: Sequence[tuple[int, ...]], probabilities: np.ndarray, blank: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of each frame and sequence of phones the best path that ends there: its log likelihood ratio, and its start.

    Returns:
        Scores [T, sequences], at most 0, and first frames [T, sequences].
    """
    longest = 2 * max(map(len, ways)) - 1  # phones, and blanks between them
    columns = np.full((len(ways), longest), len(PHONES), np.int64)  # the column behind the phones is the blank
    blocked = np.ones((len(ways), longest), bool)  # a phone that cannot follow the one before without a blank
    for index, way in enumerate(ways):
        columns[index, : 2 * len(way) : 2] = way
        blocked[index, 2 : 2 * len(way) : 2] = [a == b for a, b in pairwise(way)]
    both = np.concatenate([probabilities, blank[:, None]], axis=1)
    ratios = _ratios(both, both.max(axis=1))
    last = np.array([2 * len(way) - 2 for way in ways])
    rows, never = np.arange(len(ways)), np.float32(-1e9)
    value = np.full((len(ways), longest), never, np.float32)
    start = np.zeros((len(ways), longest), np.int64)
    scores = np.empty((len(ratios), len(ways)), np.float32)
    starts = np.empty((len(ratios), len(ways)), np.int64)
    for frame, ratio in enumerate(ratios):
        step, from_step = np.roll(value, 1, axis=1), np.roll(start, 1, axis=1)
        step[:, 0], from_step[:, 0] = 0.0, frame
        leap, from_leap = np.roll(value, 2, axis=1), np.roll(start, 2, axis=1)
        leap[:, :2] = never
        leap[blocked] = never
        steps = step > value
        value, start = np.where(steps, step, value), np.where(steps, from_step, start)
        leaps = leap > value
        value, start = np.where(leaps, leap, value), np.where(leaps, from_leap, start)
        value = np.maximum(value + ratio[columns], never)
        scores[frame], starts[frame] = value[rows, last], start[rows, last]
    return scores, starts


def _in_network(
    way: tuple[int, ...], ratios: np.ndarray, times: np.ndarray, begin: float, end: float
) -> tuple[float, list[float]] | None:
    """The best path of phones through the network's frames between two times.

    Returns:
        Its log likelihood ratio, and the times at which each phone begins and the last one ends; None if there is no
        room for it.
    """
    first, last = np.searchsorted(times, [begin, end])
    part = ratios[first:last, way]
    if len(part) < len(way):
        return None
    value = np.full(len(way), -1e9, np.float32)
    back = np.zeros(part.shape, bool)
    ends = np.empty(len(part), np.float32)
    for frame, row in enumerate(part):
        before = np.concatenate([[0.0], value[:-1]])
        back[frame] = before > value
        value = np.where(back[frame], before, value) + row
        ends[frame] = value[-1]
    frame = len(ends) - 1 - int(ends[::-1].argmax())  # the last of equals: a phone lasts as long as it is heard
    edges = [frame + 1]
    at, phone = frame, len(way) - 1
    while phone >= 0 and at >= 0:
        if back[at, phone]:
            edges.append(at)
            phone -= 1
        at -= 1
    if phone >= 0:
        return None
    moments: Any = times[first] + STEP * (np.array(edges[::-1]) - 0.5)
    return float(ends[frame]), [float(moment) for moment in moments]
