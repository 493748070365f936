"""Retrieved gestures as a model takes them: which real gesture is proposed for which part of a speech.

A method may not know of the library of gestures, which lies above it; it asks for ``Library``, and
``gesture_library.references`` is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ...motion.gestures.gesture import Gesture
from ...sampling.rhythm import sample_frames
from ...speech.cues.cue import GestureCue
from ...speech.word import Word

SLOWEST, FASTEST = 0.8, 1.25  # [D] how much a retrieved gesture may be stretched or hurried
SLOT = tuple[int, int]  # frames [first, last + 1) of a speech at 30 a second


@dataclass(frozen=True)
class Reference:
    """A gesture that is proposed for a slot of a speech."""

    slot: SLOT
    coded: np.ndarray  # [L, C] float32, at the speed it was recorded at
    id: str  # of the segment: recording and frames
    score: float  # how well it goes with the speech, cosine of its key
    info: dict[str, Any]  # speaker, emotion, words and the like, for who asks why

    def as_dict(self, rate: float, frames: SLOT) -> dict[str, Any]:
        """For JSON, times in seconds; ``rate`` its speed of playing, ``frames`` where it came to stand."""
        return {
            "start": round(self.slot[0] / 30, 3),
            "end": round(self.slot[1] / 30, 3),
            "segment": self.id,
            "used_from": round(frames[0] / 30, 3),
            "used_to": round(frames[1] / 30, 3),
            "speed": round(rate, 3),
            "score": round(self.score, 4),
            **self.info,
        }


class Library(Protocol):
    """What gives references."""

    name: str
    folder: Path

    def references(
        self,
        features: np.ndarray,
        words: tuple[Any, ...],
        *,
        speaker: str | None,
        emotion: str | None,
        liveliness: float,
        seed: int,
        rule: str,
    ) -> list[Reference]:
        """A gesture for each part of a speech [T, 48] that is spoken, in order of time."""
        ...

    def answered(
        self, cues: Sequence[GestureCue], words: Sequence[Word], features: np.ndarray
    ) -> tuple[list[GestureCue], list[Gesture]]:
        """Cues of which some name recorded gestures that answer them better; and those gestures."""
        ...


def fitted(reference: Reference, step: int) -> tuple[np.ndarray, SLOT, float]:
    """A reference brought to the length of its slot.

    It is played 0.8 to 1.25 times as fast; what is then still too long is cut where the hands are calmest,
    and what is too short stands in the middle of the slot [D].

    Args:
        step: frames to which the place is rounded.
    Returns:
        coded motion [L, C], the frames of the speech that it takes, and its speed.
    """
    first, last = reference.slot
    room, length = last - first, len(reference.coded)
    rate = float(np.clip(length / room, SLOWEST, FASTEST))
    frames = min(room, max(2, int(length / rate)))
    start = 0.0
    spare = length - 1 - rate * (frames - 1)
    if spare > 1:
        change = np.abs(np.diff(reference.coded, axis=0)).mean(1)
        ends = [
            change[int(a)] + change[min(len(change) - 1, int(a + rate * (frames - 1)))] for a in np.arange(0, spare)
        ]
        start = float(np.argmin(ends))
    place = np.clip(start + rate * np.arange(frames), 0, length - 1)
    offset = (room - frames) // 2 // step * step
    return sample_frames(reference.coded, place), (first + offset, first + offset + frames), rate
