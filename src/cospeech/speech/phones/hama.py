"""Phones of a whole recording in many languages, heard by the package ``hama`` (the extra ``[phones]``).

Its network is a sequence recogniser: it is sure which phones there are, and 70 ms late and vague about when. So the
times come from pocketsphinx, which searches the phones in the order that was heard.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from ...core.timing import SAMPLE_RATE
from ..pocketsphinx_search import LATE, align_phones, sound_of
from .inventory import PHONE_INDEX, PHONES, phones_of_ipa
from .track import Phone

LONGEST = 20.0  # seconds heard at once; the package takes 30 at most
SLACK = 5.0  # seconds before that in which the quietest moment is looked for
QUIET = 0.1  # seconds of the window in which it is measured
DELAY, LIP_DELAY = 0.07, 0.09  # seconds from the beginning of a phone, and of p, b and m, to its peak
_SHORTEST = 0.1  # seconds of sound that are worth hearing
_USUAL = 0.12  # seconds that a phone lasts at most, where pocketsphinx does not find it


def is_installed() -> bool:
    """Whether the package is there; a folder of that name is none."""
    spec = find_spec("hama")
    return spec is not None and spec.origin is not None


@cache
def _model() -> Any:
    from hama import ASRModel

    return ASRModel()


def phones_by_hama(samples: np.ndarray) -> tuple[Phone, ...]:
    """Phones of a recording [N] (float, mono, 16 kHz), in order of time."""
    out: list[Phone] = []
    for first, last in pieces(samples):
        begin = first / SAMPLE_RATE
        part = samples[first:last]
        if len(part) < _SHORTEST * SAMPLE_RATE:
            continue
        heard = _heard(part)
        found = align_phones(sound_of(part), [phone.name for phone in heard]) if heard else None
        if found is None:
            out += [Phone(p.name, p.start + begin, p.end + begin, p.probability) for p in heard]
            continue
        out += [
            Phone(place.text, place.start + begin + LATE, place.end + begin + LATE, phone.probability)
            for phone, place in zip(heard, found, strict=True)
        ]
    return tuple(out)


def pieces(samples: np.ndarray) -> list[tuple[int, int]]:
    """First and last samples of pieces of at most ``LONGEST`` seconds, cut where it is quiet."""
    longest, slack, width = (round(seconds * SAMPLE_RATE) for seconds in (LONGEST, SLACK, QUIET))
    out, first = [], 0
    while len(samples) - first > longest:
        late = samples[first + longest - slack : first + longest].astype(np.float64)
        power = np.convolve(late**2, np.ones(width), "valid")
        last = first + longest - slack + int(np.argmin(power)) + width // 2
        out.append((first, last))
        first = last
    return [*out, (first, len(samples))]


def _heard(part: np.ndarray) -> list[Phone]:
    """What the package hears in a piece, with its own times brought forward."""
    model = _model()
    result = model.transcribe_waveform(np.asarray(part, np.float32), SAMPLE_RATE)
    out: list[Phone] = []
    for span in model.phoneme_spans(result):
        names = phones_of_ipa(span.phoneme)
        for k, name in enumerate(names):
            delay = LIP_DELAY if name in ("P", "B", "M") else DELAY
            start, end = span.start_ms / 1000, min(span.end_ms / 1000, span.start_ms / 1000 + _USUAL)
            step = (end - start) / len(names)
            at = max(0.0, start + k * step - delay)
            out.append(Phone(name, at, at + step))
    return out


def phone_probabilities(samples: np.ndarray) -> list[tuple[float, np.ndarray, np.ndarray]]:
    """What the package thinks of each of its frames, 20 ms apart, of the pieces of a recording [N].

    Returns:
        Of each piece its first moment in seconds, probabilities of phones [T, phones] with columns as
        ``inventory.PHONES``, and of a blank, which stands between phones, or a word's end, [T].
    """
    model, out = _model(), []
    tokens = model.decoder_tokens
    columns = np.zeros((len(tokens), len(PHONES)), np.float32)
    for index, token in enumerate(tokens):
        names = phones_of_ipa(token) if not token.startswith("<") else ()
        if names:
            columns[index, PHONE_INDEX[names[0]]] = 1.0
    blanks = [tokens.index("<blank>"), tokens.index("<wb>")]
    for first, last in pieces(samples):
        part = np.asarray(samples[first:last], np.float32)[None]
        if part.shape[1] < _SHORTEST * SAMPLE_RATE:
            continue
        wanted = [model._log_probs_output_name, model._out_lengths_output_name]
        given = {
            model._waveform_input_name: part,
            model._waveform_lengths_input_name: np.array([part.shape[1]], np.int64),
        }
        logs, lengths = model.session.run(wanted, given)
        count = int(np.asarray(lengths).reshape(-1)[0])
        found = np.exp(np.asarray(logs, np.float32).reshape(-1, len(tokens))[:count])
        out.append((first / SAMPLE_RATE, found @ columns, found[:, blanks].sum(axis=1)))
    return out
