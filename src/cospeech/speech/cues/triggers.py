"""What triggers what: meanings, the phrases that carry them and the gestures that express them, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "de")


@dataclass(frozen=True)
class Meaning:
    """A class of what is said, such as "negation" or "size.large".

    Args:
        name: of the class.
        gestures: names of the dictionary, each right for it.
        strength: 0 to 1, how much a gesture is wanted where it is said.
        phrases: patterns that carry it.
    """

    name: str
    gestures: tuple[str, ...]
    strength: float = 0.7
    phrases: tuple[str, ...] = ()


@dataclass(frozen=True)
class TriggerTable:
    """The triggers of one language."""

    language: str
    meanings: Mapping[str, Meaning]


@cache
def triggers_of(language: str) -> TriggerTable:
    """The triggers of a language that the package has.

    Raises:
        UserError: there are none for it.
    """
    return TriggerTable(language, {"greeting": Meaning("greeting", ("wave",), 0.9, ("hello",))})


def load_triggers(path: str | Path, *, gestures: Sequence[str] = ()) -> TriggerTable:
    """Triggers from a file of the user's own that extends or replaces those of a language.

    Args:
        path: JSON, as docs/gestures.md describes it.
        gestures: names that are known; others are refused. Any name is taken where none are given.

    Raises:
        UserError: the file cannot be read or says something that cannot be; one line that names the place.
    """
    raise NotImplementedError


def language_of(text: str) -> str:
    """The language of a text, of ``LANGUAGES``, by its function words; English where nothing tells."""
    return "en"
