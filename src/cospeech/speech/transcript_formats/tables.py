"""Tables with a row for each word or phrase: Whisper's TSV and CSV, Audacity's labels, NIST's CTM."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...core.csv_files import csv_rows
from ...core.errors import UserError
from .entries import Entry, Script, clock_seconds, in_seconds
from .textgrid import SILENT

_STARTS = ("start", "begin", "onset", "from", "starttime", "begintime", "startms", "starts", "tmin", "xmin", "in")
_ENDS = ("end", "stop", "offset", "to", "endtime", "stoptime", "endms", "ends", "tmax", "xmax", "out")
_LENGTHS = ("duration", "dur", "length")
_TEXTS = ("text", "word", "words", "token", "label", "transcript", "transcription", "utterance", "sentence", "content")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_LINE_OF_LABELS = re.compile(r"[-+]?\d+(?:[.,]\d+)?\t[-+]?\d+(?:[.,]\d+)?(?:\t.*)?")
_CTM_LINE = re.compile(r"\S+\s+\S+\s+(?:\d+|\d*\.\d+)\s+(?:\d+|\d*\.\d+)\s+\S+(?:\s+[-+\d.eNA]+)?(?:\s+\S+){0,2}\s*")


def looks_like_labels(lines: Sequence[str]) -> bool:
    """Whether all lines are labels of Audacity: start, end and label, apart by tabs."""
    return all(_LINE_OF_LABELS.fullmatch(line) or line.startswith("\\\t") for line in lines)


def looks_like_table(lines: Sequence[str]) -> bool:
    """Whether the first line names columns of times and text."""
    header = [_key(name) for name in re.split(r"[\t,;]", lines[0])]
    return bool(set(header) & set(_STARTS) and set(header) & set(_TEXTS) and len(header) >= 3)


def looks_like_ctm(lines: Sequence[str]) -> bool:
    """Whether all lines are those of CTM: recording, channel, start, length, word."""
    return all(_CTM_LINE.fullmatch(line) or line.startswith(";;") for line in lines)


@dataclass(frozen=True)
class _Columns:
    """Where a table has what."""

    start: int
    end: int  # or the duration
    said: int
    lasting: bool = False  # whether ``end`` is a duration
    scale: float | None = None  # seconds in a unit of time, None where no name says


def table_script(text: str, path: Path) -> Script:
    """A table with or without names of columns, in seconds, milliseconds or clock times. Raises UserError."""
    rows = _rows(text, path)
    columns = _columns(rows, path)
    entries = []
    for number, row in rows:
        if row[0].startswith("\\"):
            continue  # frequencies of a label of Audacity
        if len(row) <= max(columns.start, columns.end):
            raise UserError(f"{path}, line {number} has {len(row)} columns; give start, end and text in each")
        where = f"{path}, line {number}"
        begin, until = _time(row[columns.start], where), _time(row[columns.end], where)
        said = row[columns.said] if len(row) > columns.said else ""
        entries.append(Entry(f"line {number}", said, begin, begin + until if columns.lasting else until))
    if columns.scale is not None:
        scale = columns.scale
        entries = [replace(entry, start=entry.start * scale, end=entry.end * scale) for entry in entries]
    elif all(row[at].strip().isdigit() for _, row in rows for at in (columns.start, columns.end) if len(row) > at):
        entries = in_seconds(entries)
    return Script([[entry] for entry in entries if entry.text.strip()])


def _rows(text: str, path: Path) -> list[tuple[int, list[str]]]:
    """Rows that hold something, with the numbers of their lines."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return []
    delimiter = max("\t,;", key=lines[0].count)
    if delimiter == "\t":
        return [(at, line.split("\t")) for at, line in enumerate(text.splitlines(), start=1) if line.strip()]
    rows = csv_rows(text, path, delimiter=delimiter)
    return [(line, row) for line, row in rows if any(cell.strip() for cell in row)]


def _key(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _index(header: Sequence[str], names: Sequence[str]) -> int | None:
    """The column of the first of these names that there is."""
    return next((header.index(name) for name in names if name in header), None)


def _columns(rows: list[tuple[int, list[str]]], path: Path) -> _Columns:
    """The columns of a table by their names, or by their order; takes the row of names away. Raises UserError."""
    if not rows:
        raise UserError(f"{path} has no words in it; give a transcript with words, or none")
    names = rows[0][1]
    header = [_key(name) for name in names]
    start, end, length, said = (_index(header, those) for those in (_STARTS, _ENDS, _LENGTHS, _TEXTS))
    until = length if end is None else end
    if start is not None and said is not None and until is not None:
        unit = 0.001 if header[start].endswith("ms") or re.search(r"\(ms|msec|milli", names[start]) else None
        del rows[0]
        return _Columns(start, until, said, lasting=end is None, scale=unit)
    if len(names) >= 2 and any(_is_time(cell) for cell in names[:2]):
        return _Columns(0, 1, _text_column([row for _, row in rows if not row[0].startswith("\\")], path))
    raise UserError(
        f"{path} has the columns {', '.join(names)[:60]!r}; name them start, end and text, or give start, end and "
        "text in this order"
    )


def _text_column(rows: list[list[str]], path: Path) -> int:
    """The column of text in a table without names: the one that says most, beside those of speakers and numbers."""
    width = max(len(row) for row in rows)
    cells = {at: [row[at].strip() for row in rows if len(row) > at] for at in range(2, width)}
    words = {
        at: column for at, column in cells.items() if sum(bool(_NUMBER.fullmatch(c)) for c in column) < len(column)
    }
    if not words:
        raise UserError(f"{path} has no column of text; give start, end and text in this order")
    said = {at: (len(set(column)), sum(map(len, column))) for at, column in words.items()}
    best = max(said, key=lambda at: said[at])
    if list(said.values()).count(said[best]) > 1:
        raise UserError(f"{path} has more than one column that may be the text; name the columns in its first line")
    return best


def _is_time(cell: str) -> bool:
    return bool(_NUMBER.fullmatch(cell.strip())) or clock_seconds(cell) is not None


def _time(cell: str, where: str) -> float:
    cell = cell.strip()
    if _NUMBER.fullmatch(cell):
        return float(cell)
    seconds = clock_seconds(cell)
    if seconds is None:
        raise UserError(f"{where} has the time {cell[:30]!r}; times must be seconds or 00:00:01.500")
    return seconds


def ctm_script(text: str, path: Path) -> Script:
    """Words of NIST's CTM: recording, channel, start, length, word and confidence. Raises UserError."""
    lines = _of_one_recording(
        [
            (number, line.split())
            for number, line in enumerate(text.splitlines(), start=1)
            if line.strip() and not line.startswith(";;")
        ],
        path,
    )
    entries = []
    for number, row in lines:
        where = f"{path}, line {number}"
        if len(row) < 5:
            raise UserError(f"{where} has {len(row)} columns; give recording, channel, start, length and word")
        if row[2] == "*" or row[4].lower() in SILENT:
            continue  # "*" begins and ends alternatives
        begin, length = _time(row[2], where), _time(row[3], where)
        if length < 0:
            raise UserError(f"{where} has the length {row[3][:30]}; it cannot be negative, correct it")
        entries.append(Entry(f"line {number}", row[4].replace("_", " "), begin, begin + length))
    channels = {row[1] for _, row in lines}
    return Script([[entry] for entry in entries], ordered=len(channels) < 2)


def _of_one_recording(lines: list[tuple[int, list[str]]], path: Path) -> list[tuple[int, list[str]]]:
    """The lines of the recording that the file is named after, if there are several. Raises UserError."""
    recordings = {row[0] for _, row in lines}
    if len(recordings) < 2:
        return lines
    if path.stem not in recordings:
        names = ", ".join(sorted(recordings)[:4])
        raise UserError(f"{path} holds {len(recordings)} recordings ({names[:80]}); give the lines of one of them")
    return [(number, row) for number, row in lines if row[0] == path.stem]
