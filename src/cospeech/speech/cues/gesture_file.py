"""Gestures that a user asks for: a JSON or CSV file, dictionaries or cues, each at a time or at a word.

A file is a table with the columns of ``COLUMNS``, or JSON: a list or ``{"gestures": [...]}`` of objects::

    {"gestures": [{"time": 1.2, "gesture": "wave", "side": "right"},
                  {"word": "door", "occurrence": 2, "gesture": "point", "direction": [1, 0, 0], "duration": 2}]}

What may be in it, and that two gestures at once are refused, are decisions of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

from ...core.arguments import file_path
from ...core.csv_files import csv_rows
from ...core.errors import UserError, did_you_mean
from ...core.json_files import plain_json
from ..word import Word
from .cue import GestureCue
from .parameters import GESTURE_PARAMETERS, Known, check_known, cue_fields, number_of, parameters_of
from .stress import stress_time

COLUMNS = ("time", "word", "occurrence", "gesture", *GESTURE_PARAMETERS)
AT_ONCE = 0.05  # seconds between two strokes of one side that cannot both be made [D]
_ALIASES = {
    "name": "gesture",
    "label": "gesture",
    "animation": "gesture",
    "motion": "gesture",
    "start": "time",
    "at": "time",
    "t": "time",
    "nth": "occurrence",
    "which": "occurrence",
}
_ENOUGH = 2_000_000  # characters of a file

Given = str | Path | Iterable[GestureCue | Mapping[str, Any]]


def requested_cues(
    given: Given, *, words: Sequence[Word] = (), seconds: float, known: Known | None = None
) -> tuple[GestureCue, ...]:
    """The gestures that a file or a call asks for, in order of time.

    Args:
        given: a file (.json, .csv, .tsv), or cues and dictionaries as a file has them.
        words: of the speech, with times; only gestures at words need them.
        seconds: length of the speech.
        known: names of gestures, or what tells whether one is known.

    Raises:
        UserError: the file cannot be read, or an entry cannot be used: an unknown key or gesture, a time outside the
            speech, neither or both of time and word, a word that is not said, a parameter that is not allowed, or two
            gestures at once on the same side.
    """
    if isinstance(given, str | Path):
        path = file_path(given, "a file of gestures")
        where, source = str(path), "file"
        entries: list[tuple[str, Any]] = [*_entries_of(path)]
    else:
        entries, where, source = _listed(given), "gestures", "call"
    cues = []
    for name, entry in entries:
        place = f"{where}: {name}"
        if isinstance(entry, GestureCue):
            _check_time(entry.time, seconds, place)
            check_known(entry.gesture, known, place)
            cues.append((place, entry))
        else:
            cues.append((place, replace(_cue(entry, words, seconds, known, place), source=source)))
    cues.sort(key=lambda pair: pair[1].time)
    _check_apart(cues)
    return tuple(cue for _, cue in cues)


def _listed(given: Any) -> list[tuple[str, Any]]:
    """Entries of a call, each with its name in messages. Raises UserError."""
    if isinstance(given, GestureCue | Mapping):
        given = (given,)
    if not isinstance(given, Iterable):
        raise UserError(f"gestures are a file, or a list of cues or dictionaries; got {type(given).__name__}")
    entries = [(f"entry {index}", entry) for index, entry in enumerate(given, start=1)]
    for name, entry in entries:
        if not isinstance(entry, GestureCue | Mapping):
            raise UserError(f"gestures: {name} is {entry!r:.40}; give a GestureCue or a dictionary")
    return entries


# --- Files ----------------------------------------------------------------------------------------


def _entries_of(path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    """The entries of a file, each with its name in messages. Raises UserError."""
    from ..transcript import read_text

    suffix = path.suffix.lower()
    if suffix not in (".json", ".csv", ".tsv", ".txt", ""):
        raise UserError(f"{path} has the suffix {path.suffix}; give gestures as .json or .csv")
    text = read_text(path, what="file of gestures")
    if len(text) > _ENOUGH:
        raise UserError(f"{path} has {len(text)} characters, which no file of gestures has; check the name")
    is_json = suffix == ".json" or (suffix in (".txt", "") and text.lstrip()[:1] in ("[", "{"))
    entries = _json_entries(text, path) if is_json else _rows(text, path)
    if not entries:
        raise UserError(f"{path} has no gestures in it; give one at least, or leave the file out")
    return entries


def _json_entries(text: str, path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    document = plain_json(text, path)
    if isinstance(document, dict) and "gestures" in document:
        other = next((key for key in document if key not in ("gestures", "format", "version")), None)
        if other is not None:
            raise UserError(f"{path} has {other!r} beside 'gestures', which means nothing; remove it")
        document = document["gestures"]
    elif isinstance(document, dict):
        raise UserError(f'{path} has no \'gestures\'; write {{"gestures": [{{"time": 1.2, "gesture": "wave"}}]}}')
    if not isinstance(document, list):
        raise UserError(f'{path} is no list; write [{{"time": 1.2, "gesture": "wave"}}]')
    entries = [(f"entry {index}", entry) for index, entry in enumerate(document, start=1)]
    for name, entry in entries:
        if not isinstance(entry, dict):
            raise UserError(f'{path}: {name} is {entry!r:.40}; write {{"time": 1.2, "gesture": "wave"}}')
    return entries


def _rows(text: str, path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    """Rows of a table with a header, apart by tabs, semicolons or commas. Raises UserError."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    separator = max("\t;,", key=header.count)
    lines = [
        (number, row) for number, row in csv_rows(text, path, delimiter=separator) if any(cell.strip() for cell in row)
    ]
    if not lines:
        return []
    columns = [cell.strip().lower() for cell in lines[0][1]]
    for column in columns:
        _check_key(column, f"{path}: the first line", "column")
    entries: list[tuple[str, Mapping[str, Any]]] = []
    for number, row in lines[1:]:
        if len(row) > len(columns):
            raise UserError(f"{path}: line {number} has {len(row)} cells but the first line {len(columns)}")
        cells = {column: cell.strip() for column, cell in zip(columns, row, strict=False) if cell.strip()}
        entries.append((f"line {number}", cells))
    return entries


# --- Entries --------------------------------------------------------------------------------------


def _check_key(key: str, where: str, kind: str) -> str:
    """The name that we have for a key. Raises UserError if it is unknown."""
    name = key.strip().lower().replace("-", "_")
    name = _ALIASES.get(name, name)
    if name not in COLUMNS:
        try:
            parameters_of({key: None}, where)
        except UserError:
            near = did_you_mean(name, COLUMNS)
            known = "" if near.startswith("known") else f" known: {', '.join(COLUMNS)}"
            raise UserError(f"{where} has the {kind} {key!r}, which means nothing; {near}{known}") from None
    return name


def _cue(
    given: Mapping[str, Any], words: Sequence[Word], seconds: float, known: Known | None, where: str
) -> GestureCue:
    """One entry. Raises UserError, see ``requested_cues``."""
    entry: dict[str, Any] = {}
    for key, value in given.items():
        name = _check_key(str(key), where, "key")
        if name in entry:
            raise UserError(f"{where} has {name} twice; give it once")
        if value is not None and value != "":
            entry[name] = value
    gesture = entry.pop("gesture", None)
    if not isinstance(gesture, str) or not gesture.strip():
        raise UserError(f"{where} has no gesture; name one, as in wave")
    check_known(gesture, known, where)
    time, word, occurrence = entry.pop("time", None), entry.pop("word", None), entry.pop("occurrence", None)
    if (time is None) == (word is None):
        what = "neither a time nor a word" if time is None else "both a time and a word"
        raise UserError(f"{where} has {what}; give one of them")
    if word is None:
        if occurrence is not None:
            raise UserError(f"{where} has an occurrence but no word; give the word, or leave the occurrence out")
        begin, text = number_of(time), ""
        if begin is None:
            raise UserError(f"{where} has the time {time!r}; give seconds")
    else:
        begin, text = _at_word(str(word), occurrence, words, where)
    _check_time(begin, seconds, where)
    fields = cue_fields(parameters_of(entry, where), begin, end=seconds)
    return GestureCue(gesture.strip(), begin, word=text, **fields)


def _at_word(word: str, occurrence: Any, words: Sequence[Word], where: str) -> tuple[float, str]:
    """Time and spelling of a word or phrase that is said; of a phrase of its last word. Raises UserError."""
    from .markup import letters_of

    if not words:
        raise UserError(f"{where} is at the word {word!r}, but the words are not known; give a transcript, or a time")
    number = 1.0 if occurrence is None else number_of(occurrence) or 0.0
    if number < 1 or number != int(number):
        raise UserError(f"{where} has the occurrence {occurrence!r}; give a whole number from 1 on")
    said = [letters_of(one.text) for one in words]
    wanted = list(filter(None, map(letters_of, word.split())))
    size = max(1, len(wanted))
    ends = [k + size - 1 for k in range(len(said) - size + 1) if said[k : k + size] == wanted]
    if not ends:
        near = did_you_mean(letters_of(word), sorted(set(filter(None, said))))
        hint = near if near.startswith("did") else "check the transcript"
        raise UserError(f"{where} is at the word {word!r}, which is not said; {hint}")
    if number > len(ends):
        times = "once" if len(ends) == 1 else f"{len(ends)} times"
        raise UserError(f"{where} is at occurrence {int(number)} of {word!r}, which is said {times}")
    found = words[ends[int(number) - 1]]
    return stress_time(found), found.text


def _check_time(time: float, seconds: float, where: str) -> None:
    if not 0.0 <= time <= seconds:
        raise UserError(f"{where} is at {time:g} s, outside the speech of {seconds:.3f} s")


def _check_apart(cues: Sequence[tuple[str, GestureCue]]) -> None:
    """Raise UserError if two gestures of the same side are at once, or one is there twice."""
    for (_, first), (place, second) in combinations(cues, 2):
        if second.time - first.time >= AT_ONCE:
            continue
        sides = {first.side, second.side}
        if first.gesture == second.gesture if None in sides else sides != {"left", "right"}:
            raise UserError(
                f"{place} ({second.gesture}) is at {second.time:.2f} s, as {first.gesture} is; move one of them, "
                "or give one the left side and the other the right"
            )
