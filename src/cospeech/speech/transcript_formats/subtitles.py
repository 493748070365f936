"""Subtitles and lyrics whose lines carry their times: ASS, SSA and LRC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ...core.errors import UserError
from .entries import Entry, Script, clock_seconds, until_the_next

_ASS_FIELDS = ("layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text")
_DRAWING = re.compile(r"\{[^{}]*\\p[1-9][^{}]*\}[^{]*")
_KARAOKE = re.compile(r"\{[^{}]*?\\(?:k|K|kf|ko)(\d+)[^{}]*\}")
_LRC_STAMP = re.compile(r"\s*\[((?:\d+:)?\d{1,3}:\d{1,2}(?:[.,]\d+)?)\]")
_LRC_TAG = re.compile(r"\s*\[([a-zA-Z#]+):(.*)\]\s*")
_LRC_WORD = re.compile(r"<((?:\d+:)?\d{1,3}:\d{1,2}(?:[.,]\d+)?)>")
_HUNDREDTHS = re.compile(r"([\[<])(\d+:\d\d):(\d\d)(?=[\]>])")


def ass_script(text: str, path: Path) -> Script:
    """Lines of dialogue of ASS or SSA; syllables of karaoke have their own times. Raises UserError."""
    fields = list(_ASS_FIELDS)
    section, number = "[events]", 0
    utterances: list[list[Entry]] = []
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            section = line.lower()
        kind, colon, rest = line.partition(":")
        if section != "[events]" or not colon:
            continue
        if kind.lower() == "format":
            fields = [name.strip().lower() for name in rest.split(",")]
            if not {"start", "end", "text"} <= set(fields):
                raise UserError(f"{path}: its events have the fields {rest.strip()[:60]!r}; Start, End and Text belong")
        elif kind.lower() == "dialogue":
            number += 1
            values = dict(zip(fields, rest.split(",", len(fields) - 1), strict=False))
            start, end = (clock_seconds(values.get(name, "")) for name in ("start", "end"))
            if start is None or end is None:
                raise UserError(f"{path}: line {number} of dialogue has no times such as 0:00:01.50; correct it")
            utterances.append(_ass_pieces(f"line {number}", values.get("text", ""), start, end))
    return Script([pieces for pieces in utterances if pieces], ordered=False)


def _ass_pieces(name: str, text: str, start: float, end: float) -> list[Entry]:
    text = _DRAWING.sub("", text).replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")
    parts = _KARAOKE.split(text)  # text, then centiseconds and text in turn
    if len(parts) == 1:
        return [Entry(name, text, start, end)] if text.strip() else []
    pieces: list[Entry] = []
    begin = start
    for centiseconds, part in zip(parts[1::2], parts[2::2], strict=True):
        until = min(end, begin + float(centiseconds) / 100)
        pieces.append(Entry(name, part, begin, until, joins=bool(pieces)))
        begin = until
    return pieces


def looks_like_lrc(lines: Sequence[str]) -> bool:
    """Whether lines begin with times in brackets, apart from those of metadata."""
    timed = [bool(_LRC_STAMP.match(line)) for line in lines if not _LRC_TAG.fullmatch(line)]
    return bool(timed) and all(timed)


def lrc_script(text: str, path: Path) -> Script:
    """Lines of LRC, each until the next one; words of the enhanced form have their own times. Raises UserError."""
    offset = 0.0
    lines: list[tuple[float, str, str]] = []
    text = _with_points(text)
    for number, line in enumerate(text.splitlines(), start=1):
        tag = _LRC_TAG.fullmatch(line)
        if tag is not None:
            if tag[1].lower() == "offset":
                offset = _milliseconds(tag[2], path)
            continue
        stamps, rest = [], line
        while stamp := _LRC_STAMP.match(rest):
            stamps.append(clock_seconds(stamp[1]) or 0.0)
            rest = rest[stamp.end() :]
        if not stamps and rest.strip():
            raise UserError(f"{path}, line {number} has no time such as [00:01.50]; correct it")
        lines += [(max(0.0, stamp - offset), f"line {number}", rest) for stamp in stamps]
    lines.sort(key=lambda line: line[0])
    whole = until_the_next((name, rest, start) for start, name, rest in lines)
    return Script([_lrc_pieces(entry, offset) for entry in whole])


def _with_points(text: str) -> str:
    """Times "01:02:97", where some write hundredths behind a colon, with a point."""
    if not any(int(stamp[3]) >= 60 for stamp in _HUNDREDTHS.finditer(text)):
        return text
    return _HUNDREDTHS.sub(r"\1\2.\3", text)


def _lrc_pieces(entry: Entry, offset: float) -> list[Entry]:
    parts = _LRC_WORD.split(entry.text)
    times = [(clock_seconds(part) or 0.0) - offset for part in parts[1::2]]
    if not times or times != sorted(times) or times[0] < entry.start - 1e-3:
        return [Entry(entry.name, _LRC_WORD.sub("", entry.text), entry.start, entry.end)]
    starts, texts = [entry.start, *times], parts[::2]
    ends = [*times, max(entry.end, times[-1])]
    return [Entry(entry.name, *piece, joins=at > 0) for at, piece in enumerate(zip(texts, starts, ends, strict=True))]


def _milliseconds(text: str, path: Path) -> float:
    try:
        return float(text) / 1000
    except ValueError:
        raise UserError(f"{path}: its offset is {text[:20]!r}; write milliseconds, as in [offset:+250]") from None
