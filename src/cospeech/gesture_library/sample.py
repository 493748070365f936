"""What a library knows of a segment, and which segments a search may find."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..core.timing import FPS
from ..speech.speech import Word
from .expressiveness import Expressiveness

_WORD = re.compile(r"\w+(?:['’]\w+)*")


@dataclass(frozen=True)
class LibrarySample:
    """One segment of a library."""

    row: int  # place in the library, which a merge may change
    recording: str
    kind: str  # "motion" (no speech), "pair" (recorded together), "made_pair" (matched by us), "generated"
    split: str
    speaker: str  # whose motion
    emotion: str | None
    first: int  # first frame in the recording, 30 a second
    last: int  # the frame after the last one
    words: tuple[Word, ...] | None  # seconds from the segment's start; None: not known
    spoken: bool  # has it a key of its speech?
    expressiveness: Expressiveness

    @property
    def id(self) -> str:
        """Recording and frames."""
        return f"{self.recording}:{self.first}-{self.last}"

    @property
    def start(self) -> float:
        """Seconds in the recording."""
        return self.first / FPS

    @property
    def end(self) -> float:
        """Seconds in the recording."""
        return self.last / FPS

    @property
    def text(self) -> str | None:
        """The words, one space between."""
        return None if self.words is None else " ".join(word.text for word in self.words)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: times in seconds, figures in metres and seconds."""
        figures = self.expressiveness
        return {
            "id": self.id,
            "recording": self.recording,
            "start": round(self.start, 4),
            "end": round(self.end, 4),
            "kind": self.kind,
            "split": self.split,
            "speaker": self.speaker,
            "emotion": self.emotion,
            "words": self.text,
            "speed": round(figures.speed, 4),
            "peak": round(figures.peak, 4),
            "extent": round(figures.extent, 4),
            "strokes": figures.strokes,
        }


@dataclass(frozen=True)
class Filters:
    """Which segments a search may find; None and () let everything through."""

    speaker: str | None = None  # whose motion
    emotion: str | None = None  # canonical name
    words: str | None = None  # said in the segment, next to each other; case and punctuation do not count
    min_speed: float | None = None  # metres a second, see ``Expressiveness``
    max_speed: float | None = None
    min_peak: float | None = None
    min_extent: float | None = None  # metres
    min_strokes: int | None = None
    # Recordings, or originals (``build.origins``), that are left out, and with them whatever is made of the
    # same originals: the other synthetic pairs of the same speech, and those with motion of the same clip.
    exclude: Sequence[str] = ()

    def __str__(self) -> str:
        given = {name: value for name, value in vars(self).items() if value not in (None, ())}
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in given.items())


def plain_text(text: str) -> str:
    """Words as they are compared: small letters, no punctuation, a space on either side of each.

    >>> plain_text("Well, don't!")
    " well don't "
    """
    found = _WORD.findall(text.casefold().replace("’", "'"))
    return f" {' '.join(found)} " if found else ""
