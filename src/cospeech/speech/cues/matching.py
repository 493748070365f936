"""Finds what triggers a gesture in words with times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..phones.track import Phone
from ..word import Word
from .triggers import TriggerTable, triggers_of


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
        Triggers in order of time. They may overlap; ``choose_cues`` chooses.

    Raises:
        UserError: unknown language.
    """
    table = triggers or triggers_of(language or "en")
    found = []
    for index, word in enumerate(words):
        said = word.text.lower().strip(".,;:!?")
        for meaning in table.meanings.values():
            if said in meaning.phrases:
                time = (word.start + word.end) / 2
                found.append(
                    Trigger(
                        meaning.name,
                        meaning.gestures,
                        time,
                        word.text,
                        meaning.strength,
                        words[-1].end,
                        first=index,
                        last=index,
                    )
                )
    return found
