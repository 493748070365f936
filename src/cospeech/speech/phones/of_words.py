"""Phones of words whose times are known, found in the sound.

Pieces of at most ``LONGEST`` seconds, cut in pauses between words, are searched by pocketsphinx. A word that is
found far from where it should be keeps its time, and its phones are laid evenly over it. Both are decisions of ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import numpy as np

from ...core.timing import SAMPLE_RATE
from ..languages import ENGLISH, Language, Pronunciations, reading_of
from ..pocketsphinx_search import LATE, Found, phones_of_words, sound_of
from ..word import Word
from .track import Phone

LONGEST = 20.0  # seconds of a piece
SHORTEST = 8.0  # seconds after which a pause may end a piece
MARGIN = 0.3  # seconds of sound before the first word of a piece and after its last, at most
FAR = 0.35  # seconds from its time at which a word is not believed
OF_PHRASES = 1.5  # the same, where the times are those of captions: of phrases, whose words share them by length
TIMED = 0.6  # share of the words that are found less than ``FAR`` away, if their times are their own
KNOWN = 0.5  # share of the words that the dictionary has, if a text is English


def lip_phones_in_words(samples: np.ndarray, words: Sequence[Word]) -> tuple[Phone, ...]:
    """Phones of English words, for lips, as ``phones_in_words``; none of other languages.

    The phones of German words lie where the words are, but the English model finds their places in them less well than
    the network hears them: of the time on the right mouth shape, .53 to .70 against .65 (docs/results.md).
    """
    return phones_in_words(samples, words) if reading_of(word.text for word in words) is ENGLISH else ()


def phones_in_words(samples: np.ndarray, words: Sequence[Word]) -> tuple[Phone, ...]:
    """Phones of the words of a recording, English or German.

    Args:
        samples: [N] float in [-1, 1], mono, 16 kHz.
        words: in order of time.

    Returns:
        Phones in order of time; empty if the words are neither English nor German.
    """
    language = reading_of(word.text for word in words)
    tokens = [language.spoken(word.text) for word in words]
    if language is ENGLISH and not is_english([token for word in tokens for token in word]):
        return ()
    out: list[Phone] = []
    for first, last in _pieces(words):
        begin, end = _edges(words, first, last, len(samples) / SAMPLE_RATE)
        sound = samples[round(begin * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
        out += _phones_in_piece(sound, begin, words[first:last], tokens[first:last], language)
    return tuple(sorted(out, key=lambda phone: phone.start))


def _phones_in_piece(
    samples: np.ndarray, begin: float, words: Sequence[Word], tokens: Sequence[Sequence[str]], language: Language
) -> list[Phone]:
    """Phones of the words of one piece of sound, which begins at ``begin`` seconds."""
    said = [token for word in tokens for token in word]
    found = iter(phones_of_words(sound_of(samples), said, language=language) or [[] for _ in said])
    heard = [[_at(phone, begin + LATE) for _ in spelled for phone in next(found)] for spelled in tokens]
    near = [_away(word, phones) <= FAR for word, phones in zip(words, heard, strict=True) if phones]
    far = FAR if sum(near) >= TIMED * len(near) else OF_PHRASES
    out: list[Phone] = []
    for word, spelled, phones in zip(words, tokens, heard, strict=True):
        out += phones if phones and _away(word, phones) <= far else _even(word, spelled, language)
    return out


def is_english(tokens: Sequence[str]) -> bool:
    """Whether half of the tokens, at least, are in the pronouncing dictionary."""
    known = _dictionary()
    return bool(tokens) and sum(token in known for token in tokens) >= KNOWN * len(tokens)


@cache
def _dictionary() -> Mapping[str, Pronunciations]:
    """Words of the pronouncing dictionary, and the ways in which each is said."""
    from pocketsphinx import get_model_path

    found: dict[str, Pronunciations] = {}
    with open(get_model_path("en-us/cmudict-en-us.dict"), encoding="utf-8") as file:
        for line in file:
            name, *phones = line.split()
            word = name.partition("(")[0]
            found[word] = (*found.get(word, ()), tuple(phones))
    return found


def pronunciations_of(phrase: str, language: Language) -> Pronunciations:
    """The ways in which a phrase may be said, the usual one first: every combination of those of its words."""
    ways: Pronunciations = ((),)
    for word in phrase.split():
        for token in language.spoken(word):
            known = _dictionary().get(token, ()) if language.dictionary else ()
            ways = tuple((*way, *more) for way in ways for more in known or language.pronunciations(token))
    return tuple(dict.fromkeys(ways))


def _pieces(words: Sequence[Word]) -> Iterator[tuple[int, int]]:
    """Runs of words, (first, last), each cut at the longest pause between ``SHORTEST`` and ``LONGEST`` seconds."""
    first = 0
    while first < len(words):
        start = words[first].start
        inside = [k for k in range(first + 1, len(words)) if words[k].end - start <= LONGEST]
        last = inside[-1] + 1 if inside else first + 1
        if last < len(words):
            late = [k for k in range(first + 1, last + 1) if words[k - 1].end - start >= SHORTEST]
            if late:
                last = max(late, key=lambda k: words[k].start - words[k - 1].end)
        yield first, last
        first = last


def _edges(words: Sequence[Word], first: int, last: int, seconds: float) -> tuple[float, float]:
    """Where the sound of a piece begins and ends: in the pauses around it."""
    begin, end = words[first].start - MARGIN, words[last - 1].end + MARGIN
    if first > 0:
        begin = max(begin, 0.5 * (words[first - 1].end + words[first].start))
    if last < len(words):
        end = min(end, 0.5 * (words[last - 1].end + words[last].start))
    return max(0.0, min(begin, words[first].start)), min(seconds, max(end, words[last - 1].end))


def _at(found: Found, begin: float) -> Phone:
    """A phone with its times in the recording."""
    return Phone(found.text, found.start + begin, found.end + begin)


def _away(word: Word, phones: Sequence[Phone]) -> float:
    """How many seconds the phones begin or end away from the word's own times, whichever is more."""
    return max(abs(phones[0].start - word.start), abs(phones[-1].end - word.end))


def _even(word: Word, tokens: Sequence[str], language: Language) -> list[Phone]:
    """The phones that rules give the word, each as long as the others."""
    names = [name for token in tokens for name in language.pronunciations(token)[0]]
    step = (word.end - word.start) / max(1, len(names))
    return [Phone(name, word.start + k * step, word.start + (k + 1) * step) for k, name in enumerate(names)]
