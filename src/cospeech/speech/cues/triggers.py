"""What triggers what: meanings, the phrases that carry them and the gestures that express them, as data.

``meanings.json`` has the meanings, which all languages share; ``en.json`` and ``de.json`` have the phrases. A file of
the user's own has the same form; docs/gestures.md describes it. Which phrase means what is a decision of ours.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from ...core.errors import UserError
from .patterns import Pattern, parse_pattern, plain_word

FOLDER = Path(__file__).parent
LANGUAGES = ("en", "de")
WEAK = 0.5  # share of its strength that a meaning has in a phrase with other uses
KINDS = ("phrases", "weak", "remove")
NEGATED = ("drop", "keep")  # or the name of a meaning, which it then has


@dataclass(frozen=True)
class Meaning:
    """A class of what is said, such as "negation" or "size.large".

    Args:
        name: of the class.
        gestures: names of the dictionary, each right for it.
        strength: 0 to 1, how much a gesture is wanted where it is said.
        negated: what becomes of it where it is negated: "drop", "keep", or the meaning that it then has.
        against: meanings that contradict it.
        modifies: it gives way to a meaning right behind it, as "very" does in "very slowly".
    """

    name: str
    gestures: tuple[str, ...]
    strength: float = 0.7
    negated: str = "drop"
    against: tuple[str, ...] = ()
    modifies: bool = False


@dataclass(frozen=True)
class Phrase:
    """A pattern that carries a meaning; none where it is an idiom, which only says that nothing is meant."""

    pattern: Pattern
    meaning: str = ""
    weak: bool = False


@dataclass(frozen=True)
class StressRules:
    """Where words of a language are stressed, where no mark says so.

    Args:
        vowels: letters that make syllables.
        silent: endings that are written and not spoken, as of "time".
        unstressed: beginnings without stress, as of "verstehen".
        stressed: endings whose first vowel has the stress, as of "Nation".
    """

    vowels: str = "aeiouyäöüàáâèéêëìíîïòóôùúûåæøœ"
    silent: tuple[str, ...] = ()
    unstressed: tuple[str, ...] = ()
    stressed: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class TriggerTable:
    """The triggers of one language.

    Args:
        language: its code, "en".
        meanings: by name.
        phrases: all of them.
        negators: words that negate what follows in their clause, patterns of one word.
        negators_after: words that negate what stands before them in their clause, as German "nicht".
        no_negators: phrases whose negator negates nothing, as "not only".
        breaks: words over which a negation does not reach, as "but".
        stress: rules of stress.
    """

    language: str
    meanings: Mapping[str, Meaning]
    phrases: tuple[Phrase, ...]
    negators: tuple[Pattern, ...] = ()
    negators_after: tuple[Pattern, ...] = ()
    no_negators: tuple[Pattern, ...] = ()
    breaks: frozenset[str] = frozenset()
    stress: StressRules = field(default_factory=StressRules)

    @cached_property
    def by_first_word(self) -> tuple[Mapping[str, tuple[Phrase, ...]], tuple[Phrase, ...]]:
        """Phrases by the words that they can begin with, and those whose first words cannot be listed."""
        known: dict[str, list[Phrase]] = {}
        others = []
        for phrase in self.phrases:
            words = phrase.pattern.first_words
            if words is None:
                others.append(phrase)
            for word in words or ():
                known.setdefault(word, []).append(phrase)
        return {word: tuple(phrases) for word, phrases in known.items()}, tuple(others)

    def contradict(self, one: str, other: str) -> bool:
        """Whether two meanings contradict each other."""
        left, right = self.meanings.get(one), self.meanings.get(other)
        return (left is not None and other in left.against) or (right is not None and one in right.against)


@cache
def triggers_of(language: str) -> TriggerTable:
    """The triggers of a language that the package has.

    Raises:
        UserError: there are none for it.
    """
    if language not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise UserError(f"no triggers for the language {language!r}; known: {known}; or give a file of your own")
    content = {**_read(language), "meanings": _read("meanings")}
    return _table(content, f"{language}.json", gestures=())


def load_triggers(path: str | Path, *, gestures: Collection[str] = ()) -> TriggerTable:
    """Triggers from a file of the user's own that extends those of its language, or replaces them.

    Args:
        path: JSON, as docs/gestures.md describes it.
        gestures: names that are known; others are refused. Any name is taken where none are given.

    Raises:
        UserError: the file cannot be read or says something that cannot be; one line that names the place.
    """
    from ...core.json_files import read_struct
    from .trigger_file import TriggerFile, content_of

    own = content_of(read_struct(path, TriggerFile))
    language = str(own["language"])
    base: dict[str, Any] = {"meanings": _read("meanings")}
    if language in LANGUAGES and not own.pop("replace", False):
        base |= _read(language)
    return _table(_merged(base, own), str(path), gestures=gestures)


# --- From files to tables -------------------------------------------------------------------------


@cache
def _read(name: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The content of one file with that of another added: dictionaries and lists grow, all else is replaced."""
    out = dict(base)
    for key, value in own.items():
        before = out.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            out[key] = _merged(before, value)
        elif isinstance(before, list) and isinstance(value, list) and key != "gestures":
            out[key] = [*before, *value]
        else:
            out[key] = value
    return out


def _table(content: Mapping[str, Any], where: str, *, gestures: Collection[str]) -> TriggerTable:
    """The table that a file's content makes. Raises UserError."""
    meanings = {name: _meaning(name, entry, where) for name, entry in content["meanings"].items()}
    _check_meanings(meanings, where, gestures)
    lists = content.get("lists", {})

    def patterns(name: str) -> tuple[Pattern, ...]:
        return tuple(parse_pattern(text, lists, where=f"{where}: {name}: ") for text in content.get(name, ()))

    phrases = [Phrase(pattern) for pattern in patterns("idioms")]
    for name, entry in content.get("phrases", {}).items():
        if name not in meanings:
            raise UserError(f"{where}: phrases: unknown meaning {name!r}; {_near(name, meanings)}")
        removed = set(entry.get("remove", ()))
        for kind in ("phrases", "weak"):
            for text in entry.get(kind, ()):
                if text not in removed:
                    pattern = parse_pattern(text, lists, where=f"{where}: {name}: ")
                    phrases.append(Phrase(pattern, name, weak=kind == "weak"))
    rules: dict[str, Any] = {
        key: value if key == "vowels" else tuple(value) for key, value in content.get("stress", {}).items()
    }
    return TriggerTable(
        str(content["language"]),
        meanings,
        tuple(phrases),
        patterns("negators"),
        patterns("negators_after"),
        patterns("no_negators"),
        frozenset(map(plain_word, content.get("breaks", ()))),
        replace(StressRules(), **rules),
    )


def _meaning(name: str, entry: Mapping[str, Any], where: str) -> Meaning:
    if not entry.get("gestures"):
        raise UserError(f"{where}: meanings: {name!r} has no gestures; name at least one")
    given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    meaning = Meaning(name, **given)
    if not 0.0 <= meaning.strength <= 1.0:
        raise UserError(f"{where}: meanings: {name!r} has strength {meaning.strength:g}; give 0 to 1")
    return meaning


def _check_meanings(meanings: Mapping[str, Meaning], where: str, gestures: Collection[str]) -> None:
    """Names that a meaning refers to are there. Raises UserError."""
    for meaning in meanings.values():
        for other in (*meaning.against, *(() if meaning.negated in NEGATED else (meaning.negated,))):
            if other not in meanings:
                raise UserError(f"{where}: meanings: {meaning.name!r} names {other!r}; {_near(other, meanings)}")
        for gesture in meaning.gestures if gestures else ():
            if gesture not in gestures:
                raise UserError(
                    f"{where}: meanings: {meaning.name!r} has the unknown gesture {gesture!r}; "
                    f"{_near(gesture, gestures)}"
                )


def _near(name: str, known: Iterable[str]) -> str:
    """What could have been meant."""
    names: Sequence[str] = list(known)
    near = difflib.get_close_matches(name, names, 3, 0.5)
    return f"near ones: {', '.join(near)}" if near else f"known: {', '.join(names)}"
