"""Marks in a text that say which gesture or emotion comes at which word: text for the voice, marks for the hands.

What is read is what programs and language models write::

    <expr type="gesture" label="wave"/>     <gesture name="wave" side="left"/>
    <bookmark mark='gesture.wave'/>         <mark name="gesture.wave"/>
    [animation:wave]                        [gesture: wave, size: 1.5]
    {gesture: wave}                         {gesture: point, direction: [1, 0, 0]}
    {"emotion": "joy", "motion": "wave"}    <|ACT:{"emotion": {"name": "happy", "intensity": 1}, "motion": "wave"}|>

All else in brackets, braces and tags stays in the text as it is. Which forms there are follows voice-agent projects
and Azure's avatars; that one grammar reads them all is a decision of ours. A space is left out where a mark between
two of them would leave both. ``MarkupStream`` does the same with a text that arrives in pieces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from itertools import accumulate
from typing import Any

from ...core.errors import UserError
from ..word import Word
from .cue import GestureCue
from .mark_forms import Found, NotOurs, Wait, found_at
from .parameters import Known, check_known, cue_fields
from .stress import stress_time

GESTURE, EMOTION = "gesture", "emotion"


@dataclass(frozen=True)
class Mark:
    """One mark in a text.

    Args:
        kind: "gesture" or "emotion".
        name: as it is written; of an emotion that is known its canonical name.
        at: characters of the clean text before it.
        word: index of the word of the clean text that follows, or that it stands in; the number of words if none does.
        parameters: what is said beside the name, by the names of ``GestureCue`` and "hold" in seconds; of an emotion
            its "intensity".
    """

    kind: str
    name: str
    at: int
    word: int
    parameters: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Marked:
    """A text without its marks, and the marks in order.

    Args:
        text: for the voice.
        marks: their positions are those in ``text``; of a piece of a stream, in all of its text so far.
    """

    text: str
    marks: tuple[Mark, ...] = ()

    @property
    def gestures(self) -> tuple[Mark, ...]:
        """The marks that are gestures."""
        return tuple(mark for mark in self.marks if mark.kind == GESTURE)

    @property
    def emotions(self) -> tuple[Mark, ...]:
        """The marks that are emotions."""
        return tuple(mark for mark in self.marks if mark.kind == EMOTION)


def split(text: str, *, strict: bool = True) -> Marked:
    """The clean text and the marks of a text.

    Args:
        text: what is to be said, with marks.
        strict: refuse a mark that cannot be read; else it stays in the text, as in a stream.

    Raises:
        UserError: a mark is not closed, has no name, or a parameter that is none.

    >>> split('Hello <expr type="gesture" label="wave"/> world!')
    Marked(text='Hello world!', marks=(Mark(kind='gesture', name='wave', at=6, word=1, parameters={}),))
    """
    stream = MarkupStream(strict=strict)
    parts = [stream.push(text), stream.close()]
    return Marked("".join(part.text for part in parts), tuple(mark for part in parts for mark in part.marks))


class MarkupStream:
    """Clean text and marks of a text that arrives in pieces, as a language model writes it.

    However the text is cut, what comes out is the same as of the whole. Text is handed on at once, but for what may
    become a mark; a mark inside a word or right behind it is handed on when it is known whether the word goes on.

    >>> stream = MarkupStream()
    >>> [stream.push(piece).text for piece in ("Hel", "lo [anima", "tion:wave] wor", "ld")], stream.close().text
    (['Hel', 'lo ', 'wor', 'ld'], '')
    """

    def __init__(self, *, strict: bool = False) -> None:
        """Begin a stream; ``strict`` refuses marks that cannot be read instead of leaving them in the text."""
        self._strict = strict
        self._waiting = ""
        self._read = 0  # characters of the source that are done with
        self._clean = _CleanText()

    def push(self, piece: str) -> Marked:
        """Take the next piece; return what can be said now. Raises UserError if strict, see ``split``."""
        self._waiting += piece
        return self._advance(final=False)

    def close(self) -> Marked:
        """End the stream; return what is left. Raises UserError if strict, see ``split``."""
        return self._advance(final=True)

    def _advance(self, *, final: bool) -> Marked:
        text, at = self._waiting, 0
        while at < len(text):
            opener = next((k for k in range(at, len(text)) if text[k] in "<[{"), len(text))
            self._clean.add(text[at:opener])
            at = opener
            if at == len(text):
                break
            found = found_at(text, at, final=final)
            if isinstance(found, Wait):
                break
            if isinstance(found, Found):
                self._clean.mark(found)
                at = found.end
                continue
            if self._strict and isinstance(found, NotOurs) and found.fault:
                written = text[at : at + 40].split("\n")[0]
                raise UserError(f"the mark {written!r} at character {self._read + at} of the text {found.fault}")
            self._clean.add(text[at])
            at += 1
        self._waiting = text[at:]
        self._read += at
        return self._clean.taken(final=final)


class _CleanText:
    """Text without marks as it grows, with the marks whose word is not known yet."""

    def __init__(self) -> None:
        self._piece = ""  # not handed on yet
        self._length = 0
        self._last = ""  # the last character
        self._words = 0  # that have begun
        self._inside = False  # of a word: since the last blank there was a letter or digit
        self._trims = ""  # characters that are left out behind a mark
        self._done: list[Mark] = []
        self._unsure: list[Mark] = []  # right behind a word that may go on

    def add(self, text: str) -> None:
        """Text that is no mark."""
        for character in text:
            if self._trims and character in self._trims:
                if character == "\n":
                    self._trims = ""
                continue
            self._trims = ""
            self._put(character)

    def _put(self, character: str) -> None:
        if character.isspace():
            self._settle(goes_on=False)
            self._inside = False
        elif character.isalnum():
            self._settle(goes_on=True)
            if not self._inside:
                self._words += 1
                self._inside = True
        self._piece += character
        self._length += 1
        self._last = character

    def mark(self, found: Found) -> None:
        """Marks that stand here."""
        for kind, name, parameters in found.marks:
            mark = Mark(kind, name, self._length, self._words, dict(parameters))
            (self._unsure if self._inside else self._done).append(mark)
        if not self._last or self._last.isspace():
            self._trims = " \t\r\n" if self._last in ("", "\n") else " \t"

    def _settle(self, *, goes_on: bool) -> None:
        """The marks right behind a word: whether they stand in it."""
        if self._inside:
            self._done += [replace(mark, word=mark.word - 1) for mark in self._unsure] if goes_on else self._unsure
            self._unsure = []

    def taken(self, *, final: bool) -> Marked:
        """What is new since the last call."""
        if final:
            self._settle(goes_on=False)
        piece, marks = Marked(self._piece, tuple(self._done)), self._unsure
        self._piece, self._done, self._unsure = "", [], marks
        return piece


def cues_of(marked: Marked, words: Sequence[Word], *, known: Known | None = None) -> tuple[GestureCue, ...]:
    """The gestures of a marked text as cues, once it is known when its words are said.

    A gesture falls on the middle of the word that follows its mark, of the last one behind it. The words may be
    split, spelled and punctuated otherwise than the text, as a recogniser writes them.

    Args:
        marked: the clean text and its marks.
        words: with their times, in order.
        known: names of gestures, or what tells whether one is known.

    Raises:
        UserError: there are marks but no words, or a name is not known.
    """
    gestures = marked.gestures
    if not gestures:
        return ()
    if not words:
        raise UserError("the marks of a text need the times of its words; give words with times, or a recording of it")
    places = _places(marked.text, words)
    cues = []
    for mark in gestures:
        check_known(mark.name, known, f"the mark at character {mark.at} of the text")
        word = words[places[min(mark.word, len(places) - 1)]] if places else words[0]
        time = stress_time(word)
        fields = cue_fields(mark.parameters, time)
        cues.append(GestureCue(mark.name, time, word=word.text, source="text", **fields))
    return tuple(sorted(cues, key=lambda cue: cue.time))


def _places(text: str, words: Sequence[Word]) -> list[int]:
    """Of each word of a text, the index of the word that it is among those with times."""
    written = [spelled for spelled in map(letters_of, text.split()) if spelled]
    said = [letters_of(word.text) for word in words]
    places = [0] * len(written)
    for _, first, last, begin, end in SequenceMatcher(None, written, said, autojunk=False).get_opcodes():
        if first == last:  # said, but not written
            continue
        if begin == end:  # not said: where the next word is
            places[first:last] = [min(begin, len(said) - 1)] * (last - first)
            continue
        # Words that differ, as those that are joined or split, are matched by the share of the letters before them.
        lengths = [len(word) for word in written[first:last]]
        ends = list(accumulate(len(word) or 1 for word in said[begin:end]))
        for index, before in enumerate(accumulate([0, *lengths[:-1]])):
            share = (before + 0.5) / sum(lengths) * ends[-1] if last - first != end - begin else ends[index] - 0.5
            places[first + index] = begin + next(k for k, until in enumerate(ends) if share < until)
    return places


def letters_of(word: str) -> str:
    """A word without its case and punctuation."""
    return "".join(character for character in word.casefold() if character.isalnum())


def word_at(text: str, at: int) -> int:
    """Index of the word that follows a place in a text, or that it stands in; the number of words behind the last."""
    ends = (_end_of(word) for word in re.finditer(r"\S+", text))
    return sum(end is not None and end <= at for end in ends)


def _end_of(word: re.Match[str]) -> int | None:
    """Behind the last letter or digit of a word; None if it has none."""
    return next((k + 1 for k in range(word.end() - 1, word.start() - 1, -1) if word.string[k].isalnum()), None)
