"""The form of a file of triggers that a user writes."""

from __future__ import annotations

from typing import Any

import msgspec


class MeaningEntry(msgspec.Struct, forbid_unknown_fields=True):
    """A meaning; of one that is there already, what is given replaces what it had."""

    gestures: list[str] | None = None
    strength: float | None = None
    negated: str | None = None
    against: list[str] | None = None
    modifies: bool | None = None


class PhrasesEntry(msgspec.Struct, forbid_unknown_fields=True):
    """Phrases of a meaning."""

    phrases: list[str] = []
    weak: list[str] = []
    remove: list[str] = []


class StressEntry(msgspec.Struct, forbid_unknown_fields=True):
    """Rules of stress."""

    vowels: str | None = None
    silent: list[str] | None = None
    unstressed: list[str] | None = None
    stressed: list[str] | None = None


class TriggerFile(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file."""

    language: str
    replace: bool = False
    meanings: dict[str, MeaningEntry] = {}
    phrases: dict[str, PhrasesEntry | list[str]] = {}
    idioms: list[str] = []
    negators: list[str] = []
    negators_after: list[str] = []
    no_negators: list[str] = []
    breaks: list[str] = []
    lists: dict[str, list[str]] = {}
    stress: StressEntry | None = None


def content_of(file: TriggerFile) -> dict[str, Any]:
    """The file as dictionaries and lists, without what it leaves open; phrases in their long form."""
    content: dict[str, Any] = msgspec.to_builtins(file)
    phrases = content["phrases"]
    content["phrases"] = {
        name: {"phrases": entry} if isinstance(entry, list) else entry for name, entry in phrases.items()
    }
    content["meanings"] = {name: _given(entry) for name, entry in content["meanings"].items()}
    content = _given(content)
    content["stress"] = _given(content.get("stress", {}))
    return content


def _given(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if value is not None}
