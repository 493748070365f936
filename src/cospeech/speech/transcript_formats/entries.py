"""What every reader of transcripts returns: timed pieces of speech in their utterances, and the units of times."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...core.errors import UserError

LETTER = 0.07  # seconds that a letter takes where a file does not tell [D]; about 14 letters a second
LONGEST_LETTER = 0.2  # seconds a letter, beyond which a line no longer lasts until the next one [D]
SHOWN = 3.0  # seconds that a line lasts until the next one, however short it is [D]
_SLOWEST = 0.3  # letters a second; times of whole numbers that make fewer are milliseconds [D]
_CLOCK = re.compile(r"(?:(?:(\d{1,6}):)?(\d{1,6}):)?(\d{1,9})(?:[.,](\d+))?")


@dataclass(frozen=True)
class Entry:
    """One timed piece of a file, as it is written there."""

    name: str  # how to call it in a message: "interval 12"
    text: str
    start: float  # seconds
    end: float
    joins: bool = False  # goes on with the word of the piece before it, where there is no space between them


@dataclass(frozen=True)
class Script:
    """A transcript as it is written: utterances of one or more pieces.

    Args:
        utterances: pieces that follow one another in one utterance; lines of a cue are apart by a line break.
        ordered: whether the file must list them in order of time. Others are put in order without a word.
        captions: whether brackets and speakers are those of captions; False for labels of a tier.
    """

    utterances: list[list[Entry]]
    ordered: bool = True
    captions: bool = True


def clock_seconds(text: str) -> float | None:
    """Seconds of a time, "90", "1:30.5" or "00:01:30,500"; None if it is none.

    >>> clock_seconds("1:30.5"), clock_seconds("01:00:00,25"), clock_seconds("12.5"), clock_seconds("-1")
    (90.5, 3600.25, 12.5, None)
    """
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds, fraction = match.groups()
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + int(seconds) + float(f"0.{fraction or 0}")


def in_seconds(entries: Sequence[Entry]) -> list[Entry]:
    """Entries whose times are whole numbers of an unknown unit, in seconds.

    They are milliseconds where, taken as seconds, nobody would speak so slowly.
    """
    letters = sum(len(entry.text) for entry in entries)
    spoken = math.fsum(entry.end - entry.start for entry in entries if entry.end > entry.start)
    if not math.isfinite(spoken) or letters >= _SLOWEST * spoken:
        return list(entries)
    return [replace(entry, start=entry.start / 1000, end=entry.end / 1000) for entry in entries]


def until_the_next(starts: Iterable[tuple[str, str, float]], *, last: float | None = None) -> list[Entry]:
    """Lines that have a start alone, (name, text, start) in order of time; each lasts until the next one.

    A line lasts no longer than its letters could, ``SHOWN`` seconds at least; the last one as long as letters usually
    do, or until ``last``. Lines without text only end the one before.
    """
    lines = list(starts)
    entries = []
    until, here = last, math.inf
    for name, text, start in reversed(lines):
        if start < here < math.inf:
            until = here
        here = start
        length = max(SHOWN, LONGEST_LETTER * len(text))
        end = start + LETTER * len(text.strip()) if until is None else min(until, start + length)
        if text.strip():
            entries.append(Entry(name, text, start, end))
    return entries[::-1]


def filled(
    items: Sequence[tuple[str, str, float | None, float | None]], span: tuple[float | None, float | None], where: str
) -> list[Entry]:
    """Words of an utterance, (name, text, start, end), some of them without times, which fill the gap they stand in.

    Before the first word with times and after the last one they take as long as their letters do, within the utterance.

    Args:
        span: start and end of the utterance, None where they are not known.
    Raises:
        UserError: no word has times, and the utterance has none either.
    """
    entries: list[Entry] = []
    waiting: list[tuple[str, str]] = []
    last = span[0]

    def fill(until: float | None) -> None:
        if not waiting:
            return
        name, text = waiting[0][0], " ".join(text.strip() for _, text in waiting)
        need = LETTER * len(text)
        start = last if last is not None else None if until is None else max(0.0, until - need)
        if start is None:
            raise UserError(f"{where} ({text[:30]!r}) has no times; save the transcript with timestamps")
        entries.append(Entry(name, text, start, start + need if until is None else until))
        waiting.clear()

    for name, text, start, end in items:
        if start is None or end is None:
            if text.strip():
                waiting.append((name, text))
            continue
        fill(start)
        entries.append(Entry(name, text, start, end, joins=True))
        last = end
    fill(span[1])
    return joined_as_written(entries)


def joined_as_written(entries: list[Entry]) -> list[Entry]:
    """Pieces join where the file writes words with a space before them, " un", "known"; else none does."""
    spaced = sum(entry.text[:1].isspace() for entry in entries[1:])
    if 2 * spaced >= len(entries) - 1 > 0 and all(len(entry.text.split()) == 1 for entry in entries):
        return entries
    return [replace(entry, joins=False) for entry in entries]


def likely_words(name: str, labels: Sequence[str]) -> tuple[bool, float]:
    """How much labels of a tier look like words, to compare tiers: one word a label beats a sentence a label."""
    if not labels:
        return False, -99.0
    short = sum(len(label) <= 3 for label in labels) / len(labels)
    phones = short > 0.8 or bool(re.search(r"phone|segment|mau", name.lower()))
    return not phones, -statistics.fmean(len(label.split()) for label in labels)


def not_readable(path: Path, what: str) -> UserError:
    """The error for a file that is not what its suffix says."""
    return UserError(f"{path} is no {what} that can be read; save the transcript again")
