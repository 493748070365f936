"""Praat TextGrid, long and short form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...core.errors import UserError
from ...core.progress import note
from .entries import Entry, Script, likely_words, not_readable

Tiers = dict[str, list[tuple[float, float, str]]]

# Praat reads numbers, quoted strings and <flags> that stand free, and takes all else for comment, and what follows a
# free "!" up to the end of its line (melder_readtext.cpp); so one reader serves the long form and the short one.
_TOKEN = re.compile(r'![^\n]*|("[^"]*(?:""[^"]*)*"|<[^<>\s]*>|[-+]?\d[^\s!]*)(?=[\s!]|$)|\S+')
_NUMBER = re.compile(r"([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(%?)")  # what follows it in its word is no matter
_WORD_TIERS = ("words", "word", "wrd", "orthography", "ortho", "transcript", "transcription", "text")
_CLASSES = ('"IntervalTier"', '"TextTier"')
SILENT = {"", "sp", "sil", "spn", "pau", "brth", "#", "_", "<eps>"}


def textgrid_script(text: str, path: Path) -> Script:
    """The intervals of the tier of words. Raises UserError."""
    tiers = tiers_of(text, path)
    if not tiers:
        raise UserError(f"{path} has no interval tier; give a TextGrid with a tier of words")
    return tier_script(tiers)


def tier_script(tiers: Mapping[str, Sequence[tuple[float, float, str]]], what: str = "interval") -> Script:
    """The labels of the tier of words, without those of silence."""
    tier = _word_tier(tiers)
    entries = [
        [Entry(f"{what} {index} of tier {tier!r}", label, start, end)]
        for index, (start, end, label) in enumerate(tiers[tier], start=1)
        if label.strip().lower() not in SILENT
    ]
    return Script(entries, captions=False)


class _Tokens:
    """The numbers, strings and flags of a file, taken one by one."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        for match in _TOKEN.finditer(text):
            if match[1] is not None:
                self._tokens.append(match[1])
            elif match[0].startswith('"'):
                raise ValueError("a string that does not end")
        self._at = 0

    def peek(self) -> str:
        """The next token; empty at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def take(self) -> str:
        token = self.peek()
        if not token:
            raise ValueError("the text ends early")
        self._at += 1
        return token

    def number(self) -> float:
        match = _NUMBER.match(self.take())
        if match is None:
            raise ValueError("no number where one belongs")
        return float(match[1]) / (100 if match[2] else 1)

    def string(self) -> str:
        token = self.take()
        if not token.startswith('"'):
            raise ValueError("no string where one belongs")
        return token[1:-1].replace('""', '"')


def tiers_of(text: str, path: Path) -> Tiers:
    """Interval tiers by name: [(start, end, label), ...].

    Where a tier or the file holds more or fewer entries than it says, those that are there are read and a note says so.
    (Praat 6.4 takes a count at its word and then refuses what follows.)

    Raises:
        UserError: the file is no TextGrid.
    """
    try:
        tokens = _Tokens(text)
        if tokens.string() != "ooTextFile" or not re.fullmatch(r"TextGrid( \d+)?", tokens.string()):
            raise ValueError
        tokens.number(), tokens.number()
        if tokens.take() != "<exists>":
            return {}
        return _read_tiers(tokens, path)
    except (ValueError, OverflowError) as error:
        raise not_readable(path, "TextGrid") from error


def _read_tiers(tokens: _Tokens, path: Path) -> Tiers:
    tiers: Tiers = {}
    said, held = int(tokens.number()), 0
    while tokens.peek():
        kind, name = tokens.string(), tokens.string()
        if f'"{kind}"' not in _CLASSES:
            raise ValueError
        held += 1
        tokens.number(), tokens.number()
        count = int(tokens.number())
        rows = []
        while tokens.peek() and tokens.peek() not in _CLASSES:
            start = tokens.number()
            end = tokens.number() if kind == "IntervalTier" else start
            rows.append((start, end, tokens.string()))
        if len(rows) != count:
            note(f"{path}: tier {name!r} says {count} entries and holds {len(rows)}; all of these are read")
        if kind == "IntervalTier":
            while name in tiers:
                name += "'"
            tiers[name] = rows
    if held != said:
        note(f"{path} says {said} tiers and holds {held}; all of these are read")
    return tiers


def _word_tier(tiers: Mapping[str, Sequence[tuple[float, float, str]]]) -> str:
    """The tier of words: by its name, or the one whose labels look most like words."""
    for wanted in _WORD_TIERS:
        for name in tiers:
            if re.split(r"\s*[-_/:@]\s*", name.strip().lower())[-1] == wanted:
                return name

    def likeness(name: str) -> tuple[bool, float]:
        labels = [label.strip() for _, _, label in tiers[name] if label.strip().lower() not in SILENT]
        return likely_words(name, labels)

    return max(tiers, key=likeness)
