"""Lips that others have animated: tracks of visemes and of face shapes, read from files.

Known are ARKit weights (CSV as Live Link Face writes it), weights of the fifteen Oculus visemes or of the mouth
shapes of VRM 0 and 1 (CSV, or our own JSON), timed visemes (our own JSON, and that of TalkingHead: ``visemes``,
``vtimes``, ``vdurations``), the mouth cues of Rhubarb (TSV, JSON), and phones of a TextGrid.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arguments import file_path
from ..core.csv_files import csv_rows
from ..core.errors import UserError
from ..core.json_files import plain_json
from ..core.timecodes import checked_rate
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
USUAL = 30.0  # rows a second where a table does not tell
FASTEST = 1000.0  # rows a second of a table
LONGEST = 4 * 3600.0  # seconds of a track
LARGEST = 256 * 2**20  # bytes of a file
OVERLAP = 0.15  # seconds by which an entry may begin before the one above it ends, which is cut there (Rhubarb: 0.12)
ORDER = 0.02  # seconds by which an entry may begin before the one above it begins (Rhubarb: 0.01)
TIME_NAMES = ("time", "seconds", "t", "start")
_NO_SHAPES = {"timecode", "blendshapecount", "", *TIME_NAMES}
_ARKIT = re.compile(r"(eye|jaw|mouth|cheek|brow|nose|tongue|head|lefteye|righteye)[a-z]+", re.IGNORECASE)
_OF_THE_MOUTH = ("jaw", "mouth", "tongue")
_CUE = re.compile(r"([-+]?[\d.]+(e[-+]?\d+)?|[-+]?(nan|inf\w*))\s+\S+", re.IGNORECASE)  # a line of Rhubarb


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
        UserError: no such file, or one that holds no track that is known, times that are negative, run backwards or
            overlap, unknown names, rows of another length, or values that are no finite numbers; the message names the
            entry. Or more than ``LARGEST`` bytes or ``LONGEST`` seconds.
    """
    path = file_path(path, "a track of lips")
    if path.is_file() and path.stat().st_size > LARGEST:
        raise UserError(
            f"{path} has {path.stat().st_size / 2**20:.0f} MiB; a track of lips has {LARGEST >> 20} at most"
        )
    text = read_text(path, what="track of lips")
    if not text.strip():
        raise UserError(f"{path} is empty; give a track of lips")
    if path.suffix.lower() == ".textgrid":
        return _of_phones(path, read_phones(path, strict=True))
    if text.lstrip().startswith(("{", "[")):
        return _from_json(path, text)
    lines = [line for line in text.splitlines() if line.strip()]
    if path.suffix.lower() == ".tsv" or _CUE.fullmatch(lines[0].strip()):
        return _from_rhubarb_lines(path, lines)
    return _from_table(path, text)


def _of_phones(path: Path, phones: Sequence[Phone]) -> LipTrack:
    if not phones:
        raise UserError(f"{path} has no phones or visemes with times; give a track of lips")
    end = max(phone.end for phone in phones)
    _check_length(path, end)
    return LipTrack(PHONES, rasterised(phones, end), float(TRACK_RATE))


def _check_length(path: Path, seconds: float) -> None:
    if seconds > LONGEST:
        raise UserError(f"{path} ends at {seconds:g} s; a track of lips lasts {LONGEST:g} s at most, in seconds")


def _number(value: Any, where: str) -> float:
    """A finite number. Raises UserError."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise UserError(f"{where}: {str(value)[:40]!r} is no finite number; correct it")
    return number


def _timed(path: Path, entries: Sequence[tuple[Any, Any, Any]], phone_of: Callable[[str], str | None]) -> LipTrack:
    """A track of (start, end, name); names that ``phone_of`` does not know are refused."""
    phones: list[Phone] = []
    before = until = 0.0
    for index, (start, end, name) in enumerate(entries, start=1):
        where = f"{path}, entry {index}"
        first, last = _number(start, where), _number(end, where)
        if first < 0.0:
            raise UserError(f"{where} begins at {first:g} s; times count from 0")
        if first < before - ORDER or last < first:
            raise UserError(f"{where} is at {first:g} to {last:g} s, after one at {before:g} s; put times in order")
        if first < until - OVERLAP:
            raise UserError(
                f"{where} begins at {first:g} s, before the one above it ends ({until:g} s); cut that short"
            )
        phone = phone_of(str(name))
        if phone is None:
            raise UserError(f"{where}: unknown name {str(name)[:40]!r}; known: {', '.join(VISEMES)}, or A-H and X")
        first = max(first, before)
        if phones and phones[-1].end > first:
            phones[-1] = replace(phones[-1], end=first)
        before, until = first, max(until, last)
        if phone != SILENCE and last > first:
            phones.append(Phone(phone, first, last))
    return _of_phones(path, phones)


def _viseme_phone(name: str) -> str | None:
    """The phone of an Oculus viseme; None for another name."""
    match = _OCULUS.fullmatch(name.strip())
    return OCULUS_PHONES[_OCULUS_NAMES[match[1].lower()]] if match else None


def _from_rhubarb_lines(path: Path, lines: Sequence[str]) -> LipTrack:
    """A track of lines "start A-X", each until the next one."""
    cues = [line.split() for line in lines]
    for index, cue in enumerate(cues, start=1):
        if len(cue) != 2:
            raise UserError(f"{path}, entry {index} has {len(cue)} columns; a line is a time and a name, A-H or X")
    starts = [_number(start, f"{path}, entry {k}") for k, (start, _) in enumerate(cues, start=1)]
    for index, (one, following) in enumerate(pairwise(starts), start=2):
        if following < one:
            raise UserError(f"{path}, entry {index} is at {following:g} s, after one at {one:g} s; put times in order")
    entries = [
        (start, end, name) for start, end, (_, name) in zip(starts, [*starts[1:], starts[-1]], cues, strict=True)
    ]
    return _timed(path, entries, _rhubarb_phone)


def _rhubarb_phone(name: str) -> str | None:
    """The phone of a mouth cue; None for another name."""
    return RHUBARB_PHONES.get(name.strip().upper())


def _from_json(path: Path, text: str) -> LipTrack:
    data = plain_json(text, path, advice="save the track again")
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
    phones = _phones_of(path, [str(name) for name in names])
    values = [[_number(value, f"{path}, row {k}") for value in row] for k, row in enumerate(rows, start=1)]
    return _weights(path, [str(name) for name in names], phones, np.asarray(values), _rate(path, data.get("fps", 30)))


def _cues_of(path: Path, data: dict[str, Any]) -> LipTrack | None:
    cues = data.get("mouthCues")
    if not isinstance(cues, list) or not all(isinstance(cue, dict) for cue in cues):
        return None
    return _timed(path, [(cue.get("start"), cue.get("end"), cue.get("value")) for cue in cues], _rhubarb_phone)


def _timed_visemes_of(path: Path, data: dict[str, Any]) -> LipTrack | None:
    found = _lists(data, "visemes", "vtimes", "vdurations")
    if found is not None:
        visemes, times, lengths = found
        if not len(visemes) == len(times) == len(lengths):
            raise UserError(f"{path}: visemes, vtimes and vdurations differ in length; they belong together")
        starts, lasting = ([_number(ms, str(path)) / 1000 for ms in column] for column in (times, lengths))
        spans = [(at, at + length, name) for at, length, name in zip(starts, lasting, visemes, strict=True)]
        return _timed(path, spans, _viseme_phone)
    timed = data.get("visemes")
    if not isinstance(timed, list) or not all(isinstance(one, dict) for one in timed):
        return None
    return _timed(path, [(one.get("start"), one.get("end"), one.get("viseme")) for one in timed], _viseme_phone)


def _rate(path: Path, value: Any) -> float:
    rate = _number(value, f"{path}, fps")
    if not 0.0 < rate <= FASTEST:
        raise UserError(f"{path}: fps is {rate:g}; it must be between 0 and {FASTEST:g}")
    return rate


@dataclass(frozen=True)
class _Table:
    """A CSV table: names of its columns as they are written, and its rows with the lines they stand in."""

    path: Path
    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    def column(self, *names: str) -> int | None:
        """The first column of one of these names, in any case."""
        return next((k for k, name in enumerate(self.header) if name.lower() in names), None)

    def where(self, row: int) -> str:
        return f"{self.path}, line {self.lines[row]}"


def _from_table(path: Path, text: str) -> LipTrack:
    """A CSV whose first line names the columns, with times, with time codes, or 30 rows a second."""
    table = _read_table(path, text)
    columns = [k for k, name in enumerate(table.header) if name.lower() not in _NO_SHAPES]
    if not table.rows or not columns:
        raise UserError(f"{path} holds no track of lips that is known; give CSV, TSV, JSON or TextGrid")
    names = [table.header[k] for k in columns]
    phones = _phones_of(path, names)
    times, codes = table.column(*TIME_NAMES), table.column("timecode")
    values, fps = _cells(table, columns, may_be_lost=codes is not None), USUAL
    if times is not None:
        values, fps = _evenly(table, values, times)
    elif codes is not None:
        fps = checked_rate([row[codes] if codes < len(row) else "" for row in table.rows], table.where)
    return _weights(path, names, phones, values, fps)


def _read_table(path: Path, text: str) -> _Table:
    numbered = list(csv_rows(text, path))
    header = [name.strip() for name in numbered[0][1]]
    return _Table(path, header, [row for _, row in numbered[1:]], [line for line, _ in numbered[1:]])


def check_cells(path: Path, line: int, row: Sequence[str], count: int) -> None:
    """Raises UserError if a row of a table has fewer cells than the header, or more that hold something."""
    if len(row) < count or any(cell.strip() for cell in row[count:]):
        raise UserError(f"{path}, line {line} has {len(row)} cells of {count}; save the table again")


def _cells(table: _Table, columns: Sequence[int], *, may_be_lost: bool) -> np.ndarray:
    """[rows, columns] numbers; a row that Live Link Face left empty, where it lost the face, is as the one before."""
    values = np.zeros((len(table.rows), len(columns)), np.float32)
    for at, row in enumerate(table.rows):
        if may_be_lost and not any(cell.strip() for cell in row[2:]):
            values[at] = values[at - 1] if at else 0.0
            continue
        check_cells(table.path, table.lines[at], row, len(table.header))
        values[at] = np.clip([_number(row[k].strip() or 0, table.where(at)) for k in columns], 0.0, 1.0)
    return values


def _evenly(table: _Table, values: np.ndarray, column: int) -> tuple[np.ndarray, float]:
    """Rows at the times of a column, brought to an even rate from 0 s on (0 before the first); and that rate.

    Raises:
        UserError: times that are negative or do not grow, or rows closer than ``FASTEST`` allows.
    """
    stamps = [_number(row[column], table.where(at)) for at, row in enumerate(table.rows)]
    if stamps[0] < 0.0:
        raise UserError(f"{table.where(0)} is at {stamps[0]:g} s; times count from 0")
    steps = np.diff(stamps)
    if len(steps) and steps.min() <= 0.0:
        late = int(np.argmin(steps)) + 1
        raise UserError(f"{table.where(late)}: the time runs backwards; put the rows in order of time")
    _check_length(table.path, stamps[-1])
    rate = min(_rate(table.path, 1.0 / float(np.median(steps))), float(TRACK_RATE)) if len(steps) else USUAL
    grid = np.arange(round(stamps[-1] * rate) + 1) / rate
    even = np.stack([np.interp(grid, stamps, one, left=0.0) for one in values.T], axis=1)
    return even.astype(np.float32), rate


def _phones_of(path: Path, names: Sequence[str]) -> list[str] | None:
    """A phone for each column: visemes of Oculus or shapes of VRM, told by their names. None: shapes of ARKit.

    Raises:
        UserError: a name that is none of these, or twice there.
    """
    lower = [name.lower() for name in names]
    twice = next((name for k, name in enumerate(names) if name.lower() in lower[:k]), None)
    if twice is not None:
        raise UserError(f"{path} names {twice[:40]!r} twice; name every column once")
    for known in (_vrm_phone, _viseme_phone):
        phones = [phone for phone in map(known, names) if phone is not None]
        if names and len(phones) == len(names):
            return phones
    odd = _stranger(names)
    if odd is None:
        return None
    raise UserError(f"{path}: unknown name {odd[:40]!r}; known are ARKit shapes, Oculus visemes and shapes of VRM")


def _stranger(names: Sequence[str]) -> str | None:
    """The name that keeps these from being ARKit shapes of a face with a mouth; None if they are."""
    strangers = [name for name in names if not _ARKIT.fullmatch(name)]
    if not strangers and any(name.lower().startswith(_OF_THE_MOUTH) for name in names):
        return None
    if len(strangers) == len(names):  # visemes, then, but for some
        strangers = [name for name in names if _viseme_phone(name) is None]
    return [*strangers, *names, ""][0]


def _vrm_phone(name: str) -> str | None:
    """The phone of a mouth shape of VRM 0 or 1; None for another name."""
    name = name.lower()
    return VRM_PHONES.get(VRM0_NAMES.get(name, name))


def _weights(path: Path, names: Sequence[str], phones: Sequence[str] | None, rows: np.ndarray, fps: float) -> LipTrack:
    """A track of columns of weights, [rows, names]."""
    _check_length(path, len(rows) / fps)
    values = np.clip(rows, 0.0, 1.0)
    if phones is None:
        return LipTrack(tuple(names), values.astype(np.float32), fps)
    spoken = np.zeros((len(values), len(PHONES)), np.float32)
    for column, phone in enumerate(phones):
        spoken[:, PHONE_INDEX[phone]] += values[:, column]
    spoken[:, PHONE_INDEX[SILENCE]] = 0.0
    spoken /= np.maximum(spoken.sum(axis=1, keepdims=True), 1.0)
    spoken[:, PHONE_INDEX[SILENCE]] = 1.0 - spoken.sum(axis=1)
    return LipTrack(PHONES, spoken, fps)
