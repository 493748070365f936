"""What a report says in letters: numbers, phrases, and the table on the terminal."""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..metrics.base import Value
    from .report import Column, Report

# Names of earlier versions in a report's ``data``.
OLD_KEYS = {"store": "dataset", "asked": "requested_speakers", "made_pairs": "synthetic_pairs"}
LEAST_WIDTH = 40  # letters of a terminal
NAME_WIDTH, GAP = 28, 2

SYNTHETIC_PAIRS = (
    "Synthetic pairs: the voice and the motion of these clips were recorded apart and put together. "
    "Figures that "
    "hold a motion against that of its clip, or against its voice, rest on such pairs."
)
BASELINE_WINS = "a baseline is best here, so a good value alone proves nothing"
LEGEND = (
    "* best of the rows that are not real",
    "+ best but for baselines",
    "~ not told from a best one by these clips (paired difference)",
    "[low, high] 95 % interval",
    "- not measured",
)


def numbers(value: float, interval: tuple[float, float] | None = None) -> tuple[str, str]:
    """A value and its interval as text, with as many digits as the width of the interval justifies, four
    at most.

    >>> numbers(0.51234, (0.48, 0.5511))
    ('0.512', '[0.480, 0.551]')
    >>> numbers(12345.6), numbers(float("nan"))
    (('12346', ''), ('-', ''))
    """
    if not math.isfinite(value):
        return "-" if math.isnan(value) else str(value), ""
    if interval is None or not all(map(math.isfinite, interval)):
        return _plain(value), ""
    low, high = interval
    width, size = high - low, max(map(abs, (value, low, high)))
    if not 0 < width < math.inf or not 1e-3 <= size < 1e6:
        return _plain(value), f"[{_plain(low)}, {_plain(high)}]"
    digits = max(min(1 - math.floor(math.log10(width)), 3 - math.floor(math.log10(size))), 0)
    # Adding zero makes -0 a 0.
    one, two, three = (f"{round(x, digits) + 0.0:.{digits}f}" for x in (value, low, high))
    return one, f"[{two}, {three}]"


def _plain(value: float) -> str:
    size = abs(value)
    return f"{value:.0f}" if 1e4 <= size < 1e6 else f"{value + 0.0:.4g}" if size < 1e4 else f"{value:.3g}"


def visible(text: str) -> str:
    """Without letters that would move the cursor or turn the line around."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def facts(report: Report) -> list[str]:
    """What was measured on, as short phrases: dataset, fingerprint, split, clips, seconds, speakers (a
    number, or names), requested_speakers (names), and whatever else ``data`` holds."""
    data = dict(report.data)
    for old, new in OLD_KEYS.items():
        if old in data:
            data.setdefault(new, data.pop(old))
    data.pop("synthetic_pairs", None)
    found = _dataset_facts(data)
    if "speakers" in data:
        people = data.pop("speakers")
        people = len(people) if isinstance(people, list | tuple | set | frozenset) else people
        found.append(f"{people} speaker{'' if people == 1 else 's'}")
    requested = data.pop("requested_speakers", None)
    if requested:
        found.append(f"in the style of {', '.join(map(str, requested))}")
    return found + [f"{name} {value}" for name, value in data.items()]


def _dataset_facts(data: dict[str, Any]) -> list[str]:
    """Dataset, split, clips and length, taken out of ``data``."""
    found = []
    dataset, mark = data.pop("dataset", None), data.pop("fingerprint", None)
    if dataset is not None or mark is not None:
        found.append(f"dataset {'?' if dataset is None else dataset}" + ("" if mark is None else f" ({mark})"))
    if "split" in data:
        found.append(f"{data.pop('split')} split")
    if "clips" in data:
        found.append(f"{data.pop('clips')} clips")
    if isinstance(data.get("seconds"), int | float) and math.isfinite(data["seconds"]):
        found.append(duration(data.pop("seconds")))
    return found


def duration(seconds: float) -> str:
    """Of 0 seconds and more, in whole seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def details(column: Column) -> list[str]:
    """Extractor, convention, samples, chance and what was left out, a phrase each.

    Numbers that differ between rows are given from the least to the largest. The convention is that of
    most rows; others follow with the names of their rows (real motion is held against one half of itself).
    """
    values = column.values.values()
    phrases = [f"extractor {column.extractor}"] if column.extractor else []
    said: dict[str, list[str]] = {}
    for name, value in column.values.items():
        said.setdefault(value.convention, []).append(name)
    for k, (text, names) in enumerate(sorted(said.items(), key=lambda item: -len(item[1]))):
        phrases.append(f"{', '.join(names)}: {text}" if k else text)
    counted = " or ".join(dict.fromkeys(value.counted for value in values))
    phrases.append(f"{_span([v.count for v in values])} {counted} of {_span([v.clips for v in values])} clips")
    chances = [value.chance for value in values if value.chance is not None]
    phrases += [f"chance {_span(chances)}"] if chances else []
    return phrases + _left_out(column)


def _left_out(column: Column) -> list[str]:
    """How many clips of which rows could not be measured, in a phrase; none if all could."""
    counts = {name: value.left_out for name, value in column.values.items() if value.left_out}
    if not counts:
        return []
    if len(counts) == len(column.values) > 1 and len(set(counts.values())) == 1:
        return [f"{next(iter(counts.values()))} clips of every row left out"]
    return [f"left out: {', '.join(f'{count} clips ({name})' for name, count in counts.items())}"]


def _span(values: Sequence[float]) -> str:
    low, high = (f"{value}" if isinstance(value, int) else f"{value:.4g}" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


# ---------------------------------------------------------------------------- the terminal


def table(report: Report, width: int = 100) -> str:
    """The report for a terminal that is ``width`` letters wide (at least 40): a line a row, metrics as columns,
    in several blocks if need be, and below them what each column is. No line is longer."""
    width = max(width, LEAST_WIDTH)
    lines = _wrapped(report.title, width)
    lines += _wrapped(", ".join(facts(report)), width)
    if report.synthetic_pairs:
        lines += _wrapped(SYNTHETIC_PAIRS, width)
    for block in _blocks(report, width):
        lines += ["", *block]
    if not report.columns:
        return "\n".join([*lines, "", "No figures."]) + "\n"
    lines += ["", *_wrapped("; ".join(LEGEND), width), ""]
    for column in report.columns:
        head = f"{column.title} ({', '.join(filter(None, (column.unit, column.direction)))}): "
        lines += _wrapped(head + "; ".join(details(column)), width, "  ")
    won = [column.title for column in report.columns if report.baseline_wins(column)]
    if won:
        lines += ["", *_wrapped(f"In {', '.join(won)} {BASELINE_WINS}.", width)]
    lines.append("")
    for row in report.ordered:
        if row.left_out:
            reasons = ", ".join(f"{reason} {count}" for reason, count in row.left_out.items())
            lines += _wrapped(f"{row.name}: {sum(row.left_out.values())} clips left out ({reasons})", width, "  ")
    for note in report.notes:
        lines += _wrapped(f"Note: {note}", width, "  ")
    return "\n".join(lines) + "\n"


def _blocks(report: Report, width: int) -> list[list[str]]:
    """The lines of every block of columns that fits beside the names."""
    kinds = [row.kind for row in report.ordered]
    names = [visible(row.name) for row in report.ordered]
    first = min(max([4, *map(_cells, names)]), NAME_WIDTH, width // 3)
    head = [_fit(name, first) + "  " + _fit(kind, 8) for name, kind in zip(names, kinds, strict=True)]
    room = width - first - GAP - 8
    columns = [_column(report, column, room - GAP) for column in report.columns]
    blocks: list[list[list[str]]] = []
    used = room + 1
    for column in columns:
        size = GAP + len(column[0])
        if used + size > room:
            blocks.append([])
            used = 0
        blocks[-1].append(column)
        used += size
    rows = len(head)
    return [_side_by_side(block, head, rows) for block in blocks]


def _side_by_side(block: list[list[str]], head: list[str], rows: int) -> list[str]:
    tall = max(map(len, block))
    filled = [[" " * len(column[0])] * (tall - len(column)) + column for column in block]
    first = [" " * len(head[0]) if head else ""] * (tall - rows) + head
    return [(" " * GAP).join(line).rstrip() for line in zip(first, *filled, strict=True)]


def _column(report: Report, column: Column, room: int) -> list[str]:
    """Head and one cell a row, all of one width that is at most ``room``."""
    marks = report.marks(column)
    cells = [_cell(column.values.get(row.name), marks.get(row.name, "")) for row in report.ordered]
    size = max(map(len, cells))
    if size > room:  # a narrow terminal: no intervals
        cells = [cell.split(" [")[0] for cell in cells]
        size = max(map(len, cells))
    words = [column.unit or "no unit", column.direction]
    size = min(max(size, 12, *map(len, words)), room)
    title = visible(column.title)
    lines = [title]
    if len(title) > size:  # breaks after underscores
        lines = [line.replace("_ ", "_") for line in textwrap.wrap(title.replace("_", "_ "), size)]
    return [_fit(line, size) for line in [*lines, *words, "-" * size, *cells]]


def _cell(value: Value | None, mark: str) -> str:
    if value is None:
        return "-"
    text, span = numbers(value.value, value.interval)
    return f"{text}{mark or ' ' * bool(span)} {span}".rstrip()


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    text = visible(" ".join(text.split()))
    lines = textwrap.wrap(text, width, subsequent_indent=indent)
    if all(_cells(line) <= width for line in lines):
        return lines
    return textwrap.wrap(text, width // 2, subsequent_indent=indent)  # letters two cells wide


def _fit(text: str, size: int) -> str:
    """Padded or cut to ``size`` cells of the terminal."""
    if _cells(text) > size:
        while _cells(text) > size - 2:
            text = text[:-1]
        text += ".."
    return text + " " * (size - _cells(text))


def _cells(text: str) -> int:
    """How wide a terminal draws a text: 2 for letters of East Asia, 0 for accents that combine."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )
