"""Phrases as patterns of words, without parts of speech.

A pattern is words with a blank between, in lower case:

=================  ==========================================================================
``big|large``      one of these words
``door(s)``        the word with or without the ending; ``walk(s|ed|ing)`` has several
``enorm*``         words that begin so; ``*hoch`` end so; ``*`` alone is any one word
``really?``        a word that may be missing
``...``            up to three words between
``@much``          one of a list of words that the file names
``toˈgether``      marks the main word, on which the stroke falls, and its stressed syllable
``no,``            a comma, a full stop or a pause has to follow
``< why``          begins a clause; ``so >`` ends one
``why ?``          the sentence ends with a question mark; ``stop !`` with an exclamation mark
=================  ==========================================================================

Without a mark the main word is the longest that has to be there, of equals the last. The form is a decision of ours.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ...core.errors import UserError

STRESS = "ˈ"
GAP = 3  # words that ``...`` may stand for


@lru_cache(maxsize=4096)
def plain_word(text: str) -> str:
    """A word as patterns have it: lower case, ``ss`` for ß, no punctuation around it.

    >>> plain_word("„Große,"), plain_word("DON’T!"), plain_word("so-called")
    ('grosse', "don't", 'so-called')
    """
    text = unicodedata.normalize("NFC", text).casefold().replace("’", "'").replace("‘", "'").replace("‑", "-")
    first, last = 0, len(text)
    while first < last and not text[first].isalnum():
        first += 1
    while last > first and not text[last - 1].isalnum():
        last -= 1
    return text[first:last]


@dataclass(frozen=True, eq=False)
class TokenPattern:
    """What one word of a phrase may be.

    Args:
        exact: forms, and where each is stressed (index of a letter; None by rule).
        starts, ends: the same for the beginning and the end of words; of an end the index counts from the back.
        most: words that it takes at most, 1, or ``GAP`` for ``...``.
        least: 0 where it may be missing.
        anything: any word will do.
        stops: punctuation or a pause has to follow.
    """

    exact: Mapping[str, int | None]
    starts: tuple[tuple[str, int | None], ...] = ()
    ends: tuple[tuple[str, int | None], ...] = ()
    most: int = 1
    least: int = 1
    anything: bool = False
    stops: bool = False

    @property
    def length(self) -> int:
        """Letters of the first of its forms."""
        forms = [*self.exact, *(form for form, _ in (*self.starts, *self.ends))]
        return len(forms[0]) if forms else 0

    def takes(self, word: str) -> bool:
        """Whether it takes a word, plain."""
        if self.anything or word in self.exact:
            return True
        if any(word.startswith(start) for start, _ in self.starts):
            return True
        return any(word.endswith(end) for end, _ in self.ends)

    def stress_of(self, word: str) -> int | None:
        """Index of the letter of a word that it takes at which the stressed syllable begins; None by rule."""
        if word in self.exact:
            return self.exact[word]
        for start, at in self.starts:
            if word.startswith(start):
                return at
        for end, at in self.ends:
            if word.endswith(end):
                return None if at is None else len(word) - len(end) + at
        return None


@dataclass(frozen=True, eq=False)
class Pattern:
    """A phrase. ``main`` is the index of the token that the stroke falls on."""

    text: str
    tokens: tuple[TokenPattern, ...]
    main: int
    begins: bool = False
    closes: bool = False
    mark: str = ""  # "?" or "!" that has to end the sentence

    @property
    def words(self) -> int:
        """How many words it has, those that may be missing not counted."""
        return sum(token.least for token in self.tokens)

    @property
    def first_words(self) -> frozenset[str] | None:
        """Words that it can begin with; None where they cannot be listed."""
        words: set[str] = set()
        for token in self.tokens:
            if token.anything or token.starts or token.ends:
                return None
            words.update(token.exact)
            if token.least:
                return frozenset(words)
        return None

    def plain_phrases(self) -> list[tuple[tuple[str, ...], int]]:
        """The phrases that it stands for, as words, and the index of the main word in each; wild ones left out."""
        if any(token.anything or token.starts or token.ends for token in self.tokens if token.least):
            return []
        required = [(index, token) for index, token in enumerate(self.tokens) if token.least]
        main = next((place for place, (index, _) in enumerate(required) if index == self.main), None)
        if main is None:
            return []
        return [(forms, main) for forms in itertools.product(*(token.exact for _, token in required))]


def parse_pattern(text: str, lists: Mapping[str, Sequence[str]], *, where: str = "") -> Pattern:
    """A pattern from what is written.

    Args:
        lists: words that ``@name`` stands for.
        where: begins the message of an error.

    Raises:
        UserError: it is no pattern.
    """
    parts = text.split()
    begins = parts[:1] == ["<"]
    parts = parts[begins:]
    mark = parts.pop() if parts[-1:] in (["?"], ["!"]) else ""
    closes = parts[-1:] == [">"]
    parts = parts[: len(parts) - closes]
    try:
        tokens = tuple(_token(part, _listed(part, lists)) for part in parts)
        main = _main(tokens, [index for index, part in enumerate(parts) if STRESS in part])
    except ValueError as error:
        raise UserError(f"{where}phrase {text!r} {error}") from None
    return Pattern(text, tokens, main, begins, closes, mark)


def _main(tokens: Sequence[TokenPattern], marked: Sequence[int]) -> int:
    """Index of the token that the stroke falls on. Raises ValueError."""
    if len(marked) > 1:
        raise ValueError(f"marks {len(marked)} words with {STRESS}; mark the main word alone")
    able = [index for index, token in enumerate(tokens) if token.least and not token.anything]
    if marked:
        return marked[0]
    if not able:
        raise ValueError("has no word that must be there; write at least one, or mark the main word")
    return max(able, key=lambda index: (tokens[index].length, index))


def _listed(part: str, lists: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Words of the list that a token names; none where it names none. Raises ValueError."""
    name = part.strip(f"{STRESS}?,")
    if not name.startswith("@"):
        return ()
    if name[1:] not in lists:
        raise ValueError(f"names the list {name[1:]!r}, which is not there; there are: {', '.join(lists) or 'none'}")
    return tuple(lists[name[1:]])


@lru_cache(maxsize=16384)
def _token(part: str, listed: tuple[str, ...]) -> TokenPattern:
    """One token; ``listed`` are the words of the list that it names. Raises ValueError."""
    if part.isalpha() and STRESS not in part:
        return TokenPattern({unicodedata.normalize("NFC", part).casefold(): None})
    if part in ("...", "…"):
        return TokenPattern({}, most=GAP, least=0, anything=True)
    least, stops = int(not part.endswith("?")), part.endswith(",")
    body = part.rstrip("?,")
    if body.lstrip(STRESS) == "*":
        return TokenPattern({}, least=least, anything=True, stops=stops)
    exact: dict[str, int | None] = {}
    starts, ends = [], []
    for form in listed or _alternatives(body):
        word, at = _stressed(form)
        if word.endswith("*"):
            starts.append((word[:-1], at))
        elif word.startswith("*"):
            ends.append((word[1:], None if at is None else max(0, at - 1)))
        else:
            exact[word] = at
    return TokenPattern(exact, tuple(starts), tuple(ends), least=least, stops=stops)


def _stressed(form: str) -> tuple[str, int | None]:
    """A form without its mark, and the index of the letter that the mark stood before. Raises ValueError."""
    before, mark, after = form.partition(STRESS)
    fold = unicodedata.normalize("NFC", before).casefold()
    word = fold + unicodedata.normalize("NFC", after).casefold()
    if "*" in word.strip("*") or not any(character.isalnum() for character in word):
        raise ValueError(f"has {form!r}, which is no word; write letters, with * at the end or the start at most")
    return word.replace("’", "'"), len(fold) if mark else None


def _alternatives(body: str) -> list[str]:
    """``a|b(s)`` as a, b, bs."""
    forms: list[str] = []
    for piece in re.split(r"\|(?![^()]*\))", body):
        match = re.fullmatch(r"([^()]+)(?:\(([^()]+)\))?([^()]*)", piece)
        if not match or not piece:
            raise ValueError(f"has {piece!r}, which cannot be read; write words as big|large, endings as door(s)")
        stem, endings, rest = match.groups()
        forms += [stem + ending + rest for ending in ("", *(endings.split("|") if endings else ()))]
    return list(dict.fromkeys(forms))
