"""Phones with their times, and how likely each is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .inventory import PHONE_INDEX, PHONES, SILENCE

TRACK_RATE = 100  # rows of a track a second


@dataclass(frozen=True)
class Phone:
    """One phone as it was spoken.

    Args:
        name: one of ``inventory.PHONES``, other than silence.
        start, end: seconds; end is not before start.
        probability: how sure the recogniser is, 0 to 1; 1 where a person or a text says so.
    """

    name: str
    start: float
    end: float
    probability: float = 1.0


@dataclass(frozen=True, eq=False)
class PhoneTrack:
    """What is spoken when in a recording.

    Args:
        phones: in order of time, without silence.
        probabilities: [T, phones] float32, row i at i / ``TRACK_RATE`` seconds, columns as ``inventory.PHONES``;
            each row sums to 1.
        source: how it is known: given, words, recogniser or network.
    """

    phones: tuple[Phone, ...]
    probabilities: np.ndarray
    source: str

    def placed(self, start: float, seconds: float) -> PhoneTrack:
        """The track as it lies in so many seconds of silence, from ``start`` on; what goes beyond them is cut."""
        rows, first = rows_of(seconds), round(start * TRACK_RATE)
        silence = rasterised((), seconds)
        heard = self.probabilities[: max(0, rows - first)]
        probabilities = np.concatenate([silence[:first], heard, silence[first + len(heard) :]])
        return PhoneTrack(cut(shifted(self.phones, start), 0.0, seconds), probabilities, self.source)


def shifted(phones: Iterable[Phone], seconds: float) -> tuple[Phone, ...]:
    """The same phones later by so many seconds; none begins before 0."""
    return tuple(replace(p, start=max(0.0, p.start + seconds), end=max(0.0, p.end + seconds)) for p in phones)


def cut(phones: Iterable[Phone], start: float, end: float) -> tuple[Phone, ...]:
    """What of the phones lies between two times, its times counted from the first."""
    inside = (replace(p, start=max(p.start, start) - start, end=min(p.end, end) - start) for p in phones)
    return tuple(p for p in inside if p.end > p.start)


def rows_of(seconds: float) -> int:
    """Rows of a track that covers so many seconds."""
    return int(np.ceil(seconds * TRACK_RATE)) + 1


def rasterised(phones: Sequence[Phone], seconds: float) -> np.ndarray:
    """[T, phones] probabilities of phones with times, silence where there is none; each has one row at least."""
    rows = rows_of(seconds)
    out = np.zeros((rows, len(PHONES)), np.float32)
    for phone in phones:
        first = round(phone.start * TRACK_RATE)
        last = max(first + 1, round(phone.end * TRACK_RATE))
        out[first:last, PHONE_INDEX[phone.name]] = phone.probability
    total = out.sum(axis=1, keepdims=True)
    out /= np.maximum(total, 1.0)
    out[:, PHONE_INDEX[SILENCE]] = 1.0 - out.sum(axis=1)
    return out


_SWITCH = 2.5  # cost of another phone, in nats: flicker of the probabilities is no phone
_FLOOR = 1e-4


def decoded(times: np.ndarray, probabilities: np.ndarray) -> tuple[Phone, ...]:
    """The most likely sequence of phones (Viterbi) of probabilities [T, phones] at times [T], evenly apart."""
    if not len(times):
        return ()
    scores = np.log(probabilities + _FLOOR)
    best = scores[0].copy()
    back = np.empty(scores.shape, np.int16)
    here = np.arange(len(PHONES))
    for index, row in enumerate(scores):
        leader = int(best.argmax())
        stay = best >= best[leader] - _SWITCH
        back[index] = np.where(stay, here, leader)
        best = np.where(stay, best, best[leader] - _SWITCH) + (row if index else 0.0)
    path = np.empty(len(times), np.int64)
    state = int(best.argmax())
    for index in range(len(times) - 1, -1, -1):
        path[index] = state
        state = int(back[index][state])
    step = float(times[1] - times[0]) if len(times) > 1 else 1.0 / TRACK_RATE
    edges = np.flatnonzero(np.diff(path)) + 1
    found = []
    for first, last in zip([0, *edges], [*edges, len(path)], strict=True):
        if path[first] != PHONE_INDEX[SILENCE]:
            sure = float(probabilities[first:last, path[first]].mean())
            start, end = float(times[first]) - step / 2, float(times[last - 1]) + step / 2
            found.append(Phone(PHONES[path[first]], max(0.0, start), end, min(1.0, sure)))
    return tuple(found)
