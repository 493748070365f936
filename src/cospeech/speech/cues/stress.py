"""When the stressed syllable of a word is spoken.

From phones where they are known, else from the word's own span, shared out by its letters. The weights are a decision
of ours, fitted by eye to a synthesiser's times; ``benchmarks/bench_cues.py`` measures the error.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

from ..phones.track import Phone
from ..word import Word
from .patterns import plain_word
from .triggers import StressRules

VOWELS = frozenset("AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split())
_LONG, _SHORT, _WEAK = 1.9, 1.4, 1.0  # parts of a word's time: stressed vowels before one consonant or none, others
_CONSONANT = 1.0
_ONE_SOUND = re.compile(r"sch|tch|ch|ck|sh|th|ph|ng|qu|wh|([^aeiouy])\1")


def stress_time(
    word: Word, *, at: int | None = None, rules: StressRules | None = None, phones: Sequence[Phone] = ()
) -> float:
    """The middle of the vowel of a word's stressed syllable, in seconds.

    Args:
        at: index of the letter at which the stressed syllable begins, of the word as ``plain_word`` has it; None
            leaves it to the rules.
        phones: of the recording, in order of time, where they are known.
    """
    rules = rules or StressRules()
    share, index, count = _place(plain_word(word.text), at, rules)
    guess = word.start + share * (word.end - word.start)
    inside = _vowels_in(word, phones)
    if not inside:
        return guess
    middles = [(phone.start + phone.end) / 2 for phone in inside]
    if len(inside) == count:
        return middles[index]
    return min(middles, key=lambda time: abs(time - guess))


def _vowels_in(word: Word, phones: Sequence[Phone]) -> list[Phone]:
    """Vowels whose middle lies in the word."""
    first = bisect_left(phones, word.start - 0.5, key=lambda phone: phone.start)
    found = []
    for phone in phones[first:]:
        if phone.start > word.end:
            break
        if phone.name in VOWELS and word.start <= (phone.start + phone.end) / 2 <= word.end:
            found.append(phone)
    return found


@lru_cache(maxsize=4096)
def _place(word: str, at: int | None, rules: StressRules) -> tuple[float, int, int]:
    """Of the stressed vowel: its middle as a share of the word's time, its index among the vowels; their number."""
    groups = _vowel_groups(word, rules)
    if not groups:
        return 0.5, 0, 0
    stressed = _stressed_group(word, groups, at, rules)
    total = middle = 0.0
    place = 0
    for number, (first, last) in enumerate(groups):
        total += _CONSONANT * _sounds(word[place:first])
        weight = _WEAK
        if number == stressed:
            after = re.match(rf"[^{rules.vowels}]*", word[last:])
            open_syllable = last - first > 1 or _sounds(after[0] if after else "") <= 1
            weight = _LONG if open_syllable else _SHORT
            middle = total + weight / 2
        total += weight
        place = last
    total += _CONSONANT * _sounds(word[place:])
    return middle / total, stressed, len(groups)


def _vowel_groups(word: str, rules: StressRules) -> list[tuple[int, int]]:
    """First letter and end of each group of vowels that is spoken."""
    groups = [match.span() for match in re.finditer(rf"[{rules.vowels}]+", word)]
    # A y or u before another vowel at the start is a consonant: "you", "question".
    groups = [(first + 1, last) if word[first] == "y" and last > first + 1 else (first, last) for first, last in groups]
    for ending in rules.silent:
        if len(groups) > 1 and word.endswith(ending) and groups[-1][0] == len(word) - len(ending):
            return groups[:-1]
    return groups


def _stressed_group(word: str, groups: Sequence[tuple[int, int]], at: int | None, rules: StressRules) -> int:
    """Index of the group of vowels that has the stress."""
    if at is None:
        at = 0
        for ending in rules.stressed:
            if word.endswith(ending) and len(word) > len(ending):
                at = len(word) - len(ending)
        if not at and len(groups) > 1:
            for start in rules.unstressed:
                if word.startswith(start) and len(word) > len(start) + 2 and groups[-1][0] >= len(start):
                    at = len(start)
                    break
    return next((number for number, (_, last) in enumerate(groups) if last > at), len(groups) - 1)


def _sounds(consonants: str) -> int:
    """How many consonants are spoken."""
    return len(_ONE_SOUND.sub("x", consonants.replace("'", "").replace("-", "")))
