"""Finds what asks for a gesture in words with times.

Phrases match within a sentence. Of phrases that overlap the longer one counts, and an idiom counts above others; so
"on the other hand" is no hand, and "small talk" is not small. A negated meaning is dropped, kept or turned, as the
data say. All of it is a decision of ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..languages import language_of
from ..phones.track import Phone
from ..word import Word
from .patterns import Pattern, TokenPattern, plain_word
from .stress import stress_time
from .triggers import WEAK, Meaning, Phrase, TriggerTable, triggers_of

CLAUSE_PAUSE = 0.3  # seconds between words that end a clause
SENTENCE_PAUSE = 0.8  # seconds between words that end a sentence
NEGATION_REACH = 4  # words before a phrase in which a negator negates it
NEGATION_REACH_AFTER = 6  # the same behind it
SPECIFIC = 0.06  # share by which each further word of a phrase makes it stronger
MOST_SPECIFIC = 4  # words
_CLOSING = "\"'”’»«)]"


@dataclass(frozen=True)
class Trigger:
    """A phrase that asks for a gesture.

    Args:
        meaning: class of what is said, such as "negation".
        gestures: names of the dictionary that express it, any of them.
        time: seconds; middle of the stressed syllable of its main word.
        word: the main word, as it is written.
        strength: 0 to 1.
        phrase_end: seconds; the end of the phrase it stands in: punctuation, a pause, or the last word.
        first, last: indices of the words that carry it, last included; -1 where it was spotted in sound.
        source: "words" or "sound".
    """

    meaning: str
    gestures: tuple[str, ...]
    time: float
    word: str = ""
    strength: float = 0.7
    phrase_end: float | None = None
    first: int = -1
    last: int = -1
    source: str = "words"


def find_triggers(
    words: Sequence[Word],
    *,
    language: str | None = None,
    triggers: TriggerTable | None = None,
    phones: Sequence[Phone] = (),
) -> list[Trigger]:
    """What asks for a gesture in words with times.

    Args:
        words: in order of time, punctuation on them where it is known.
        language: "en" or "de"; recognised by function words where it is not given.
        triggers: of the user's own; those of the language otherwise.
        phones: of the words, with times, where they are known; stress is placed more exactly with them.

    Returns:
        Triggers in order of time, at most one for each main word and meaning. They may be close to each other or
        overlap; ``choose_cues`` chooses.

    Raises:
        UserError: unknown language.
    """
    table = triggers or triggers_of(language or language_of(word.text for word in words))
    text = _Text(words)
    found = _resolved([match for first in range(len(words)) for match in _matches_at(text, first, table)])
    out: dict[tuple[int, str], Trigger] = {}
    for match in found:
        trigger = _trigger(match, text, table, phones)
        if trigger is None:
            continue
        key = (match.main, trigger.meaning)
        if key not in out or trigger.strength > out[key].strength:
            out[key] = trigger
    begun = {trigger.first for trigger in out.values() if not table.meanings[trigger.meaning].modifies}
    kept = (t for t in out.values() if not (table.meanings[t.meaning].modifies and t.last + 1 in begun))
    return sorted(kept, key=lambda trigger: (trigger.time, trigger.meaning))


class _Text:
    """Words without their punctuation, and where sentences and clauses end."""

    def __init__(self, words: Sequence[Word]) -> None:
        self.words = words
        self.plain = [plain_word(word.text) for word in words]
        self.clause: list[int] = []  # of each word
        self.sentence: list[int] = []
        self.mark: dict[int, str] = {}  # of a sentence
        clause = sentence = 0
        for index, word in enumerate(words):
            self.clause.append(clause)
            self.sentence.append(sentence)
            end = word.text.rstrip(_CLOSING)[-1:]
            gap = words[index + 1].start - word.end if index + 1 < len(words) else 0.0
            numeral = end == "." and (self.plain[index].isdigit() or len(self.plain[index]) == 1)
            if (end in (".", "!", "?", "…", ":", ";") and end and not numeral) or gap >= SENTENCE_PAUSE:
                self.mark[sentence] = end
                sentence += 1
                clause += 1
            elif (end in (",", "–", "—", "-") and end) or gap >= CLAUSE_PAUSE:
                clause += 1

    def __len__(self) -> int:
        return len(self.words)

    def begins_clause(self, index: int) -> bool:
        return index == 0 or self.clause[index - 1] != self.clause[index]

    def closes_clause(self, index: int) -> bool:
        return index + 1 >= len(self) or self.clause[index + 1] != self.clause[index]

    def same_sentence(self, one: int, other: int) -> bool:
        return self.sentence[one] == self.sentence[other]

    def phrase_end(self, index: int) -> float:
        """Seconds at which the clause of a word ends."""
        while not self.closes_clause(index):
            index += 1
        return self.words[index].end


@dataclass(frozen=True)
class _Match:
    phrase: Phrase
    first: int
    last: int
    taken: tuple[int, ...]  # indices of its words, those left out that any word could be
    main: int
    stress: int | None

    @property
    def rank(self) -> tuple[int, bool, bool]:
        """Which of two that overlap counts: the one of more words, the idiom, the sure one."""
        return len(self.taken), not self.phrase.meaning, not self.phrase.weak


def _matches_at(text: _Text, first: int, table: TriggerTable) -> Iterator[_Match]:
    """Phrases that begin at a word; idioms within a clause."""
    known, others = table.by_first_word
    for phrase in (*known.get(text.plain[first], ()), *others):
        pattern = phrase.pattern
        if pattern.begins and not text.begins_clause(first):
            continue
        if pattern.mark and text.mark.get(text.sentence[first], "") != pattern.mark:
            continue
        ends = _ends(text, pattern, first)
        if ends is not None and (phrase.meaning or text.clause[first] == text.clause[ends[-1] - 1]):
            starts = (first, *ends)
            spans = zip(pattern.tokens, starts, ends, strict=False)
            taken = tuple(k for token, start, end in spans if not token.anything for k in range(start, end))
            main = ends[pattern.main] - 1
            yield _Match(
                phrase, first, ends[-1] - 1, taken, main, pattern.tokens[pattern.main].stress_of(text.plain[main])
            )


def _ends(text: _Text, pattern: Pattern, first: int, *, token: int = 0, at: int = -1) -> tuple[int, ...] | None:
    """Index behind the last word that each token from ``token`` on takes, from word ``at`` on; None if they do not.

    ``first`` is the first word of the phrase, which stays in its sentence. A word that may be missing is taken where
    it is there; a gap is as short as it can be.
    """
    at = first if at < 0 else at
    if token == len(pattern.tokens):
        return None if pattern.closes and not text.closes_clause(at - 1) else ()
    wanted = pattern.tokens[token]
    counts = range(wanted.least, _most(text, wanted, first, at) + 1)
    for count in counts if wanted.most > 1 else reversed(counts):
        rest = _ends(text, pattern, first, token=token + 1, at=at + count)
        if rest is not None:
            return (at + count, *rest)
    return None


def _most(text: _Text, wanted: TokenPattern, first: int, at: int) -> int:
    """How many words a token takes at most, from word ``at`` on, in the sentence of word ``first``."""
    count = 0
    while count < wanted.most and at + count < len(text):
        index = at + count
        if not text.same_sentence(index, first):
            break
        if not wanted.takes(text.plain[index]) or (wanted.stops and not text.closes_clause(index)):
            break
        count += 1
    return count


def _resolved(matches: Sequence[_Match]) -> list[_Match]:
    """Those whose main word no better one has taken; of equals that mean something all are kept."""
    owners: dict[int, _Match] = {}
    kept = []
    for match in sorted(matches, key=lambda match: match.rank, reverse=True):
        owner = owners.get(match.main)
        if owner is None or (len(owner.taken) == len(match.taken) and owner.phrase.meaning and match.phrase.meaning):
            kept.append(match)
            for index in match.taken:
                owners.setdefault(index, match)
    return [match for match in kept if match.phrase.meaning]


def _trigger(match: _Match, text: _Text, table: TriggerTable, phones: Sequence[Phone]) -> Trigger | None:
    """What a match asks for, negation considered; None if nothing."""
    meaning = table.meanings[match.phrase.meaning]
    main, stress = match.main, match.stress
    negator = None if meaning.negated == "keep" else _negator_of(match, text, table)
    strength = _strength(meaning, match)
    if negator is not None:
        if meaning.negated == "drop":
            return None
        # A meaning that is turned is that of the negator: "I don't agree" shakes the head at "don't".
        meaning, main, stress = table.meanings[meaning.negated], negator, None
        strength = min(strength, meaning.strength)
    word = text.words[main]
    time = stress_time(word, at=stress, rules=table.stress, phones=phones)
    end = text.phrase_end(match.last)
    return Trigger(meaning.name, meaning.gestures, time, word.text, strength, end, match.first, match.last)


def _strength(meaning: Meaning, match: _Match) -> float:
    """Of a meaning where it is said: less in a phrase with other uses, more in one of several words."""
    share = WEAK if match.phrase.weak else 1.0
    return min(1.0, meaning.strength * share * (1.0 + SPECIFIC * (min(max(len(match.taken), 1), MOST_SPECIFIC) - 1)))


def _negator_of(match: _Match, text: _Text, table: TriggerTable) -> int | None:
    """Index of the word of its clause that negates a phrase; None if none does."""
    first, last = match.first, match.last
    clause = text.clause[first]
    for index in range(first - 1, max(-1, first - 1 - NEGATION_REACH), -1):
        if text.clause[index] != clause or text.plain[index] in table.breaks:
            break
        if _is_one_of(text.plain[index], table.negators) and not _starts(text, index, table.no_negators):
            return index
    for index in range(last + 1, min(len(text), last + 1 + NEGATION_REACH_AFTER)):
        if text.clause[index] != clause or text.plain[index] in table.breaks:
            break
        if _is_one_of(text.plain[index], table.negators_after) and not _starts(text, index, table.no_negators):
            return index
    return None


@lru_cache(maxsize=4096)
def _is_one_of(word: str, patterns: tuple[Pattern, ...]) -> bool:
    return any(pattern.tokens[0].takes(word) for pattern in patterns)


def _starts(text: _Text, index: int, patterns: Sequence[Pattern]) -> bool:
    """Whether one of the patterns matches from a word on."""
    return any(_ends(text, pattern, index) is not None for pattern in patterns)
