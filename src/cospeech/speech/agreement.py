"""Whether words fit a recording: what the phone network hears beside what they say."""

from __future__ import annotations

import numpy as np

from .phones.inventory import PHONE_INDEX, SILENCE, VISEME_INDEX
from .phones.of_words import phones_in_words
from .phones.recognise import recognise
from .phones.track import Phone, rasterised
from .speech import Speech
from .word import Word


def agreement(speech: Speech, words: tuple[Word, ...], *, phones: tuple[Phone, ...] | None = None) -> float:
    """Mean probability that the phone network gives to the mouth shapes that the words ask for, 0 to 1.

    Words that are neither English nor German have no phones here; their times alone are compared: 1 minus the share
    of their time in which the network hears silence.

    Args:
        phones: of the words (``phones_in_words``), where they are known already.
    """
    samples = speech.resampled().samples
    heard = recognise(samples, recogniser="network").probabilities
    said = phones_in_words(samples, words) if phones is None else phones
    if said:
        rows = rasterised(said, speech.seconds)
        classes = np.eye(max(VISEME_INDEX) + 1)[list(VISEME_INDEX)]
        spoken = rows[:, PHONE_INDEX[SILENCE]] < 0.5
        alike = ((rows @ classes) * (heard @ classes)).sum(axis=1)
        return float(alike[spoken].mean())
    rows = rasterised([Phone("AH", word.start, word.end) for word in words], speech.seconds)
    spoken = rows[:, PHONE_INDEX[SILENCE]] < 0.5
    return float(1.0 - heard[spoken, PHONE_INDEX[SILENCE]].mean()) if spoken.any() else 0.0
