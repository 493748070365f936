"""Which phones are spoken when: the best that can be known of a recording, by one call.

In this order: phones that are given (a tier of a TextGrid, a track of visemes), those of the words, those that
``hama`` hears where it is installed together with the network's probabilities, and the network alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...core.errors import UserError
from ...core.timing import SAMPLE_RATE
from . import hama
from .inventory import PHONE_INDEX, SILENCE
from .network import DEFAULT_LOOK_AHEAD, PhoneSteps, hear_phones
from .of_words import lip_phones_in_words
from .track import TRACK_RATE, Phone, PhoneTrack, decoded, rasterised, rows_of

if TYPE_CHECKING:
    from ..word import Word

RECOGNISERS = ("best", "network", "hama")
UNLIKELY, LIKELY = 0.15, 0.75  # probability of speech below which there is none, and above which there is
SHARE = 0.35  # of what hama hears, beside the network
UNSURE, SURE = 0.4, 0.7  # probability that the network gives to a closure that hama did not hear, not taken and taken
LIPS = tuple(PHONE_INDEX[phone] for phone in ("P", "B", "M", "F", "V"))  # phones that lips make visible beyond doubt


def recognise(
    samples: np.ndarray,
    *,
    phones: Sequence[Phone] = (),
    words: Sequence[Word] = (),
    recogniser: str = "best",
    look_ahead: float = DEFAULT_LOOK_AHEAD,
) -> PhoneTrack:
    """Phones of a recording.

    Args:
        samples: [N] float, mono, 16 kHz.
        phones: that are known already; nothing is heard then.
        words: what is said, with times; their phones are found in the sound. Words that are not English are passed
            over.
        recogniser: where neither is known: network, hama (the extra [phones]), or the best that is installed.
        look_ahead: of the network, 0, 0.08 or 0.2 seconds.

    Raises:
        UserError: unknown recogniser, one that is not installed, or unknown look-ahead.
    """
    seconds = len(samples) / SAMPLE_RATE
    if recogniser not in RECOGNISERS:
        raise UserError(f"unknown recogniser {recogniser!r}; known: {', '.join(RECOGNISERS)}")
    if recogniser == "hama" and not hama.is_installed():
        raise UserError("the recogniser hama is not installed; install cospeech[phones], or use network")
    if phones:
        return PhoneTrack(tuple(phones), rasterised(phones, seconds), "given")
    if words:
        found = lip_phones_in_words(samples, words)
        if found:
            return PhoneTrack(found, rasterised(found, seconds), "words")
    steps = hear_phones(samples, look_ahead=look_ahead)
    probabilities = on_the_grid(steps, rows_of(seconds))
    if recogniser == "network" or not hama.is_installed():
        return PhoneTrack(decoded(steps.times, steps.probabilities), probabilities, "network")
    heard = hama.phones_by_hama(samples)
    return PhoneTrack(heard, _combined(rasterised(heard, seconds), probabilities), "recogniser")


def on_the_grid(steps: PhoneSteps, rows: int) -> np.ndarray:
    """Probabilities [rows, phones] at the rate of a track, from those of the network, linearly."""
    out = np.zeros((rows, steps.probabilities.shape[1]), np.float32)
    if not len(steps.times):
        out[:, PHONE_INDEX[SILENCE]] = 1.0
        return out
    place = np.clip(np.interp(np.arange(rows) / TRACK_RATE, steps.times, np.arange(len(steps.times))), 0, None)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, len(steps.times) - 1)
    share = (place - below)[:, None].astype(np.float32)
    out[:] = (1.0 - share) * steps.probabilities[below] + share * steps.probabilities[above]
    return _certain(out)


def _certain(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities whose share of speech is 0 where speech is unlikely and 1 where it is likely."""
    silent = PHONE_INDEX[SILENCE]
    speech = 1.0 - probabilities[:, silent]
    wanted = np.clip((speech - UNLIKELY) / (LIKELY - UNLIKELY), 0.0, 1.0)
    out = probabilities * (wanted / np.maximum(speech, 1e-6))[:, None]
    out[:, silent] = 1.0 - wanted
    return np.asarray(out, np.float32)


def _combined(heard: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The mean of both, but lips shut and bite wherever one of them is sure of it."""
    out = SHARE * heard + (1.0 - SHARE) * probabilities
    sure = np.maximum(heard[:, LIPS], np.clip((probabilities[:, LIPS] - UNSURE) / (SURE - UNSURE), 0.0, 1.0))
    sure /= np.maximum(sure.sum(axis=1, keepdims=True), 1.0)
    out[:, LIPS] = 0.0
    left = 1.0 - sure.sum(axis=1, keepdims=True)
    out *= left / np.maximum(out.sum(axis=1, keepdims=True), 1e-6)
    out[:, LIPS] = sure
    return np.asarray(out, np.float32)
