"""Captions in cues: SRT, VTT and SBV, also those of video sites that roll their lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import UserError
from .cleaning import plain
from .entries import Entry, Script, clock_seconds

_CLOCK = r"(?:\d+:)?\d{1,3}:\d{1,2}(?:[.,]\d+)?"
_CUE = re.compile(rf"\s*\[?({_CLOCK})\s*-->\s*({_CLOCK})(?![\d:.,])\]?(.*)")
_SBV_CUE = re.compile(r"\s*(\d+:\d\d?:\d\d?\.\d+),(\d+:\d\d?:\d\d?\.\d+)\s*")
_STAMP = re.compile(rf"<({_CLOCK})>")
_COMMENT = re.compile(r"(NOTE|STYLE|REGION)\b")
_ADJACENT = 0.1  # seconds between a cue and the next one that repeats its line
_FLASH = 0.05  # seconds; a cue so short only repeats the one before it
_BRACKETED = re.compile(rf"\s*\[{_CLOCK}\s*-->\s*{_CLOCK}\]")


@dataclass
class _Cue:
    name: str
    start: float
    end: float
    lines: list[str]


def looks_like_captions(text: str) -> bool:
    """Whether a text has times of cues."""
    return "-->" in text and any(_CUE.match(line) for line in text.splitlines())


def captions_script(text: str, path: Path) -> Script:
    """Cues of SRT, VTT or SBV; times inside a VTT cue (<00:01.500>) are used where they stand. Raises UserError."""
    cues = _cues(text, path)
    _leave_out_repeats(cues, stamped=bool(_STAMP.search(text)))
    return Script([pieces for cue in cues if (pieces := _pieces(cue, path))])


def _times_of(line: str, path: Path, number: int) -> tuple[float, float, str] | None:
    """Start, end and text of a line of times; None if the line has none. Raises UserError."""
    match = _CUE.match(line) or _SBV_CUE.fullmatch(line)
    if match is None:
        if "-->" not in line:
            return None
        raise UserError(f"{path}: cue {number} has times {line.strip()[:60]!r}; write 00:00:01,000 --> 00:00:02,000")
    start, end = clock_seconds(match[1]), clock_seconds(match[2])
    if start is None or end is None:
        return None
    return start, end, match[3].strip() if _BRACKETED.match(line) else ""


def _cues(text: str, path: Path) -> list[_Cue]:
    """The cues with their lines. A line of spaces does not end a cue; what stands above times may be its name."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    vtt = text.lstrip("\ufeff \n\r").startswith("WEBVTT")
    cues: list[_Cue] = []
    commented = False
    for at, line in enumerate(lines):
        if not line:
            commented = False
            continue
        blank_before = at == 0 or not lines[at - 1].strip()
        if vtt and blank_before and _COMMENT.match(line):
            commented = True
        times = None if commented and "-->" not in line else _times_of(line, path, len(cues) + 1)
        if times is not None:
            if cues and at > 0:
                _drop_name(cues[-1].lines, lines, at)
            cues.append(_Cue(f"cue {len(cues) + 1}", times[0], times[1], [times[2]] if times[2] else []))
        elif cues and not commented:
            cues[-1].lines.append(line)
    return cues


def _drop_name(body: list[str], lines: Sequence[str], at: int) -> None:
    """Takes the number or name of the next cue, which stands right above its times, off the cue before."""
    above = lines[at - 1]
    if body and body[-1] == above and above.strip():
        if above.strip().isdigit() or at < 2 or not lines[at - 2].strip():
            body.pop()


def _leave_out_repeats(cues: Sequence[_Cue], *, stamped: bool) -> None:
    """Rolling captions show a line again while the next one is spoken, or a line as it grows; what is new stays."""
    shown = [list(filter(None, map(plain_line, cue.lines))) for cue in cues]
    repeats, grows = [0] * len(cues), [False] * len(cues)
    for at in range(1, len(cues)):
        if cues[at].start <= cues[at - 1].end + _ADJACENT:
            repeats[at] = _repeated(shown[at - 1], shown[at])
            grows[at] = not repeats[at] and _grown(shown[at - 1], shown[at])
    habit = 2 * sum(map(bool, repeats)) >= len(cues) - 1
    growing = 2 * sum(grows) >= len(cues) - 1
    for at, cue in enumerate(cues):
        again = repeats[at]
        sure = habit or len(" ".join(shown[at][:again]).split()) >= 2
        rolls = len(shown[at]) > again or cue.end - cue.start <= _FLASH
        if again and (stamped or (rolls and sure)):
            cue.lines = _behind(cue.lines, again)
        elif grows[at] and growing:
            cue.lines = [shown[at][-1][len(shown[at - 1][-1]) :]]


def _repeated(before: Sequence[str], now: Sequence[str]) -> int:
    """How many lines at the end of a cue stand at the beginning of the next one."""
    return next((k for k in range(min(len(before), len(now)), 0, -1) if before[-k:] == now[:k]), 0)


def _grown(before: Sequence[str], now: Sequence[str]) -> bool:
    """Whether the last line of a cue is that of the one before with more words."""
    if not before or len(before) != len(now) or before[:-1] != now[:-1]:
        return False
    return now[-1].startswith(f"{before[-1]} ")


def _behind(lines: Sequence[str], count: int) -> list[str]:
    """Lines behind so many that show something."""
    for at, line in enumerate(lines):
        if count == 0:
            return list(lines[at:])
        count -= bool(plain_line(line))
    return []


def plain_line(line: str) -> str:
    """A line as it is shown, to compare lines."""
    return " ".join(plain(_STAMP.sub("", line)).split())


def _pieces(cue: _Cue, path: Path) -> list[Entry]:
    """A cue cut at the times inside it."""
    body = "\n".join(cue.lines)
    pieces: list[Entry] = []
    begin, last = cue.start, 0
    for stamp in _STAMP.finditer(body):
        time = clock_seconds(stamp[1])
        if time is None or not begin <= time <= cue.end:
            raise UserError(f"{path}: {cue.name} has the time {stamp[1]} within it, which is not in order; correct it")
        pieces.append(Entry(cue.name, body[last : stamp.start()], begin, time, joins=last > 0))
        begin, last = time, stamp.end()
    pieces.append(Entry(cue.name, body[last:], begin, cue.end, joins=last > 0))
    return pieces if body.strip() else []
