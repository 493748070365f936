"""Lips that others have animated: tracks of visemes and of face shapes, read from files.

Known are ARKit weights (CSV as Live Link Face writes it), weights of the fifteen Oculus visemes or of the mouth
shapes of VRM 0 and 1 (CSV, or our own JSON), timed visemes (our own JSON, and that of TalkingHead: ``visemes``,
``vtimes``, ``vdurations``), the mouth cues of Rhubarb (TSV, JSON), and phones of a TextGrid.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arguments import file_path
from ..core.errors import UserError
from .phones.inventory import PHONE_INDEX, PHONES, SILENCE, VISEMES
from .phones.track import TRACK_RATE, Phone, PhoneTrack, rasterised, rows_of
from .transcript import read_phones, read_text

DOCUMENT_FORMAT = "cospeech-visemes"

# A phone that has the shape of each viseme, mouth shape of VRM, and mouth cue of Rhubarb.
OCULUS_PHONES = dict(zip(VISEMES, "SIL M F TH D K CH S N R AA EH IH AO UW".split(), strict=True))
VRM_PHONES = {"aa": "AA", "ih": "IH", "ou": "UW", "ee": "EH", "oh": "AO"}
VRM0_NAMES = {"a": "aa", "i": "ih", "u": "ou", "e": "ee", "o": "oh"}
RHUBARB_PHONES = dict(zip("ABCDEFGHX", "M S EH AA AO UW F L SIL".split(), strict=True))
_OCULUS = re.compile(r"(?:viseme_)?(sil|pp|ff|th|dd|kk|ch|ss|nn|rr|aa|e|i|ih|o|oh|u|ou)", re.IGNORECASE)
_OCULUS_NAMES = {name.lower(): name for name in VISEMES} | {"ih": "I", "oh": "O", "ou": "U"}
FASTEST = 1000.0  # rows a second of a table
TIME_NAMES = ("time", "seconds", "t", "start")
_NO_SHAPES = {"timecode", "blendshapecount", *TIME_NAMES}


@dataclass(frozen=True, eq=False)
class LipTrack:
    """Lips over time.

    Args:
        names: of the columns: phones (``inventory.PHONES``), or ARKit shapes in their own spelling.
        weights: [T, names] float32, 0 to 1.
        fps: rows a second.
    """

    names: tuple[str, ...]
    weights: np.ndarray
    fps: float

    @property
    def is_of_phones(self) -> bool:
        """Whether the mouth is still to be made of it; ARKit weights are one already."""
        return self.names == PHONES

    def cut(self, start: float, end: float) -> LipTrack:
        """The part between two times in seconds; at least one row."""
        first = min(round(start * self.fps), len(self.weights) - 1)
        return replace(self, weights=self.weights[first : max(first + 1, round(end * self.fps) + 1)])

    def at_rate(self, fps: float, frames: int, *, start: float = 0.0) -> np.ndarray:
        """Weights [frames, names] at another rate, between its rows linearly; 0 after its end.

        Args:
            start: seconds at which the track begins; 0 before.
        """
        place = np.arange(frames) * self.fps / fps - start * self.fps
        last = len(self.weights) - 1
        below = np.clip(np.floor(place).astype(np.int64), 0, last)
        share = np.clip(place - below, 0.0, 1.0)[:, None]
        mixed = (1.0 - share) * self.weights[below] + share * self.weights[np.minimum(below + 1, last)]
        mixed[(place < 0.0) | (place > last + 1.0)] = 0.0
        return np.asarray(mixed, np.float32)

    def phone_track(self, seconds: float) -> PhoneTrack:
        """As what is spoken, silence after its end."""
        rows = rows_of(seconds)
        place = np.arange(rows) * self.fps / TRACK_RATE
        inside = place <= len(self.weights) - 1 + self.fps / TRACK_RATE
        out = np.zeros((rows, len(PHONES)), np.float32)
        out[:, PHONE_INDEX[SILENCE]] = 1.0
        nearest = np.minimum(np.round(place[inside]).astype(np.int64), len(self.weights) - 1)
        out[inside] = self.weights[nearest]
        return PhoneTrack((), out, "given")


def load_lips(path: str | Path) -> LipTrack:
    """Read a track of lips; what it is, is told by its content.

    Raises:
        UserError: no such file, or one that holds no track that is known, times backwards, unknown names, or values
            that are no finite numbers; the message names the entry.
    """
    path = file_path(path, "a track of lips")
    text = read_text(path)
    if path.suffix.lower() == ".textgrid":
        return _of_phones(path, read_phones(path))
    if text.lstrip().startswith(("{", "[")):
        return _from_json(path, text)
    lines = text.splitlines()
    if lines and re.fullmatch(r"[\d.]+\s+[A-HX]", lines[0].strip()):
        return _from_rhubarb(path, [(line.split()[0], line.split()[-1]) for line in lines if line.strip()])
    return _from_table(path, text)


def _of_phones(path: Path, phones: Sequence[Phone]) -> LipTrack:
    if not phones:
        raise UserError(f"{path} has no phones or visemes with times; give a track of lips")
    return LipTrack(PHONES, rasterised(phones, phones[-1].end), float(TRACK_RATE))


def _number(value: Any, where: str) -> float:
    """A finite number. Raises UserError."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise UserError(f"{where}: {str(value)[:40]!r} is no finite number; correct it")
    return number


def _timed(path: Path, entries: Sequence[tuple[Any, Any, Any]], phone_of: Callable[[str], str | None]) -> LipTrack:
    """A track of (start, end, name); names that ``phone_of`` does not know are refused."""
    phones: list[Phone] = []
    before = 0.0
    for index, (start, end, name) in enumerate(entries, start=1):
        where = f"{path}, entry {index}"
        first, last = _number(start, where), _number(end, where)
        if first < before - 1e-6 or last < first:
            raise UserError(f"{where} is at {first:g} to {last:g} s, after one at {before:g} s; put times in order")
        phone = phone_of(str(name))
        if phone is None:
            raise UserError(f"{where}: unknown name {str(name)[:40]!r}; known: {', '.join(VISEMES)}, or A-H and X")
        before = first
        if phone != SILENCE and last > first:
            phones.append(Phone(phone, first, last))
    return _of_phones(path, phones)


def _viseme_phone(name: str) -> str | None:
    """The phone of an Oculus viseme; None for another name."""
    match = _OCULUS.fullmatch(name.strip())
    return OCULUS_PHONES[_OCULUS_NAMES[match[1].lower()]] if match else None


def _from_rhubarb(path: Path, cues: Sequence[tuple[Any, Any]]) -> LipTrack:
    """A track of (start, A to X), each until the next one."""
    entries = [(start, cues[k + 1][0] if k + 1 < len(cues) else start, value) for k, (start, value) in enumerate(cues)]
    return _timed(path, entries, lambda name: RHUBARB_PHONES.get(name.strip().upper()))


def _from_json(path: Path, text: str) -> LipTrack:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UserError(f"{path} is no JSON that can be read ({error}); save the track again") from None
    if isinstance(data, dict):
        for read in (_weights_of, _cues_of, _timed_visemes_of):
            found = read(path, data)
            if found is not None:
                return found
    raise UserError(f"{path} holds no track of lips that is known; give visemes, mouthCues or weights")


def _lists(data: dict[str, Any], *names: str) -> list[list[Any]] | None:
    """Lists of these names; None unless all are there."""
    found = [data.get(name) for name in names]
    return [one for one in found if isinstance(one, list)] if all(isinstance(one, list) for one in found) else None


def _weights_of(path: Path, data: dict[str, Any]) -> LipTrack | None:
    found = _lists(data, "names", "weights")
    if found is None:
        return None
    names, rows = found
    if not rows or not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        raise UserError(f"{path}: every row of weights must have {len(names)} numbers")
    values = [[_number(value, f"{path}, row {k}") for value in row] for k, row in enumerate(rows, start=1)]
    return _weights(path, [str(name) for name in names], values, _rate(path, data.get("fps", 30)))


def _cues_of(path: Path, data: dict[str, Any]) -> LipTrack | None:
    cues = data.get("mouthCues")
    if not isinstance(cues, list) or not all(isinstance(cue, dict) for cue in cues):
        return None
    entries = [(cue.get("start"), cue.get("end"), cue.get("value")) for cue in cues]
    return _timed(path, entries, lambda name: RHUBARB_PHONES.get(name.strip().upper()))


def _timed_visemes_of(path: Path, data: dict[str, Any]) -> LipTrack | None:
    found = _lists(data, "visemes", "vtimes", "vdurations")
    if found is not None:
        visemes, times, lengths = found
        if not len(visemes) == len(times) == len(lengths):
            raise UserError(f"{path}: visemes, vtimes and vdurations differ in length; they belong together")
        starts, lasting = ([_number(ms, str(path)) / 1000 for ms in column] for column in (times, lengths))
        spans = [(at, at + length, name) for at, length, name in zip(starts, lasting, visemes, strict=True)]
        return _timed(path, spans, _viseme_phone)
    visemes = data.get("visemes") or []
    if "visemes" not in data or not all(isinstance(one, dict) for one in visemes):
        return None
    return _timed(path, [(one.get("start"), one.get("end"), one.get("viseme")) for one in visemes], _viseme_phone)


def _rate(path: Path, value: Any) -> float:
    rate = _number(value, f"{path}, fps")
    if not 0.0 < rate <= FASTEST:
        raise UserError(f"{path}: fps is {rate:g}; it must be between 0 and {FASTEST:g}")
    return rate


def _from_table(path: Path, text: str) -> LipTrack:
    """A CSV whose first line names the columns."""
    try:
        table = [row for row in csv.reader(text.splitlines()) if row]
    except csv.Error as error:
        raise UserError(f"{path} is no CSV table ({error}); save the track again") from None
    if len(table) < 2:
        raise UserError(f"{path} holds no track of lips that is known; give CSV, TSV, JSON or TextGrid")
    header = [name.strip() for name in table[0]]
    times = next((k for k, name in enumerate(header) if name.lower() in TIME_NAMES), None)
    columns = [k for k, name in enumerate(header) if name.lower() not in _NO_SHAPES]
    fps = _timecode_rate(header, table) if times is None else _frame_rate(path, [row[times] for row in table[1:]])
    return _weights(path, [header[k] for k in columns], _rows(path, table, columns), fps)


def _rows(path: Path, table: Sequence[Sequence[str]], columns: Sequence[int]) -> list[list[float]]:
    """Numbers of the columns; a row that Live Link Face left empty, where it lost the face, is as the one before."""
    rows: list[list[float]] = []
    for line, row in enumerate(table[1:], start=2):
        if len(row) > 2 and not any(cell.strip() for cell in row[2:]):
            rows.append(list(rows[-1]) if rows else [0.0] * len(columns))
        elif len(row) < len(table[0]):
            raise UserError(f"{path}, line {line} has {len(row)} cells of {len(table[0])}; save the track again")
        else:
            rows.append([_number(row[k] or 0, f"{path}, line {line}") for k in columns])
    return rows


def _frame_rate(path: Path, cells: Sequence[str]) -> float:
    """Rows a second of a column of times. Raises UserError where times run backwards."""
    stamps = [_number(cell, f"{path}, line {line}") for line, cell in enumerate(cells, start=2)]
    steps = np.diff(stamps)
    if len(steps) and steps.min() <= 0.0:
        line = int(np.argmin(steps)) + 3
        raise UserError(f"{path}, line {line}: the time runs backwards; put the rows in order of time")
    return _rate(path, 1.0 / float(np.median(steps))) if len(steps) else 30.0


def _timecode_rate(header: Sequence[str], table: Sequence[Sequence[str]]) -> float:
    """Rows a second by the frame numbers of time codes; 60, as Live Link Face has it, where they do not tell."""
    place = next((k for k, name in enumerate(header) if name.lower() == "timecode"), None)
    if place is None:
        return 30.0
    seconds = [match[1] for row in table[1:] if (match := re.match(r"(\d+:\d+:\d+)", row[place]))]
    changes = [k for k in range(1, len(seconds)) if seconds[k] != seconds[k - 1]]
    return float(np.median(np.diff(changes))) if len(changes) > 1 else (30.0 if len(changes) else 60.0)


def _weights(path: Path, names: Sequence[str], rows: Sequence[Sequence[float]], fps: float) -> LipTrack:
    """A track of columns of weights: Oculus visemes, shapes of VRM, or ARKit shapes, told by their names."""
    values = np.clip(np.asarray(rows, np.float64), 0.0, 1.0)
    lower = [name.lower() for name in names]
    vrm = {**{name: name for name in VRM_PHONES}, **VRM0_NAMES}
    if all(name in vrm for name in lower):
        phones: list[str | None] = [VRM_PHONES[vrm[name]] for name in lower]
    elif all(_OCULUS.fullmatch(name) for name in lower):
        phones = [_viseme_phone(name) for name in lower]
    elif any(name in ("jawopen", "mouthclose") for name in lower):
        return LipTrack(tuple(names), values.astype(np.float32), fps)
    else:
        odd = next((name for name in names if not _OCULUS.fullmatch(name)), names[0])
        raise UserError(f"{path}: unknown name {odd[:40]!r}; known are ARKit shapes, Oculus visemes and shapes of VRM")
    out = np.zeros((len(values), len(PHONES)), np.float32)
    for column, phone in enumerate(phones):
        assert phone is not None
        out[:, PHONE_INDEX[phone]] += values[:, column]
    spoken = out.copy()
    spoken[:, PHONE_INDEX[SILENCE]] = 0.0
    total = spoken.sum(axis=1, keepdims=True)
    spoken /= np.maximum(total, 1.0)
    spoken[:, PHONE_INDEX[SILENCE]] = 1.0 - spoken.sum(axis=1)
    return LipTrack(PHONES, spoken, fps)
