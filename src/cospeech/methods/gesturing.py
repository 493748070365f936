"""Which named gestures a speech gets: those that are asked for, and those that its words call for; and why.

What is asked for comes first (``gestures`` of the options, marks in the text); a gesture that words call for is left
out where one that was asked for is near. Decisions of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..motion.gestures.lookup import GestureDictionary
from ..motion.gestures.perform import Performance
from ..motion.phases import strokes
from ..speech.cues.choosing import choose_cues
from ..speech.cues.cue import GestureCue
from ..speech.cues.gesture_file import requested_cues
from ..speech.cues.matching import find_triggers
from ..speech.cues.spotting import spot_triggers
from ..speech.cues.triggers import load_triggers
from ..speech.features import accents
from ..speech.speech import Speech
from ..speech.word import Word

if TYPE_CHECKING:
    from .options import BodyOptions

NEAR = 1.2  # seconds from a gesture that was asked for within which words call for none
WITH_ACCENT = 0.25  # seconds between a stroke and the accent that it goes with


def cues_of(speech: Speech, options: BodyOptions, dictionary: GestureDictionary) -> list[GestureCue]:
    """The gestures of a speech, in order of time.

    Raises:
        UserError: gestures that are asked for and cannot be made: unknown names, times outside the speech.
    """
    asked = [*speech.cues]
    if options.gestures:
        asked += requested_cues(options.gestures, words=speech.words, seconds=speech.seconds, known=dictionary)
    for cue in asked:
        dictionary[cue.gesture]
    called = called_for(speech, options, dictionary)
    free = [cue for cue in called if all(abs(cue.time - other.time) > NEAR for other in asked)]
    return sorted([*asked, *free], key=lambda cue: cue.time)


def called_for(speech: Speech, options: BodyOptions, dictionary: GestureDictionary) -> list[GestureCue]:
    """The gestures that the words of a speech call for; without words, the phrases that are spotted in its sound."""
    if options.gesture_density == "off" or not options.relaxed:
        return []  # who wants the body as the networks give it gets no gestures of rules
    table = None if options.triggers is None else load_triggers(options.triggers, gestures=dictionary)
    if speech.words:
        # Phones that are not given are not looked for: the words' own times tell the stressed syllable well enough.
        found = find_triggers(speech.words, triggers=table, phones=speech.phones)
    else:
        found = spot_triggers(speech, triggers=table)
    return choose_cues(
        found, density=options.gesture_density, features=speech.features, seed=options.seed, seconds=speech.seconds
    )


def explanation(
    words: Sequence[Word], features: np.ndarray, performance: Performance, sampled: Mapping[str, Any] | None, about: Any
) -> dict[str, Any]:
    """Where the gestures of a motion come from, for JSON: named ones with their words, strokes with their accents.

    Args:
        words: of the speech, with times.
        sampled: what the method says of its own.
        about: "method" and "model" by name.
    """
    named = [placed.as_dict() for placed in performance.placed]
    return {
        **about,
        **(sampled or {}),
        "gestures": named,
        "left_out": [left.as_dict() for left in performance.left_out],
        "strokes": _strokes(performance, accents(features)[0], words),
    }


def _strokes(performance: Performance, times: np.ndarray, words: Sequence[Word]) -> list[dict[str, Any]]:
    """Every stroke of the hands with what it goes with: a named gesture, an accent of the voice, or nothing heard."""
    result = []
    for stroke in strokes(performance.motion):
        entry: dict[str, Any] = {"time": round(stroke.time, 3), "side": stroke.side, "speed": round(stroke.strength, 2)}
        named = [
            placed
            for placed in performance.placed
            if placed.start <= stroke.time <= placed.end and placed.side in (stroke.side, "both")
        ]
        near = times[np.abs(times - stroke.time) <= WITH_ACCENT]
        if named:
            entry["gesture"] = named[-1].gesture
        if len(near):
            entry["accent"] = round(float(near[np.abs(near - stroke.time).argmin()]), 3)
        word = next((word.text for word in words if word.start - 0.1 <= stroke.time <= word.end + 0.1), "")
        if word:
            entry["word"] = word
        result.append(entry)
    return result
