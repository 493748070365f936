"""The drawings of a report as SVG inside a page, without a plotting library.

Colours are classes of the page's style (page.py), so that they follow light and dark; every drawing has a
title and a description. No drawing trusts its numbers: what is not finite is not drawn, and one value far
beyond all others is cut at the edge, with an arrow, and not let squeeze the rest.
"""

from __future__ import annotations

import base64
import html
import math
import re
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .table import numbers

if TYPE_CHECKING:
    from ..metrics.base import Value
    from .report import Column, Histogram, Report, Row

OUTLIER = 20.0  # times the next largest: cut [D]
WIDENED = 3  # times the range of firm rows: what weak rows may widen it to [D]
HUGE = 1e300  # beyond it differences overflow
TINY = 1e-300  # ranges below it are none

_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def escaped(text: object) -> str:
    """For HTML and SVG, in elements and attributes; letters that XML forbids become a replacement sign."""
    return html.escape(_UNFIT.sub("\ufffd", str(text)))


def styles_of(report: Report) -> dict[str, str]:
    """Row name -> classes of its colour and dashes."""
    counts: dict[str, int] = {}
    found = {}
    for row in report.ordered:
        group = row.kind if row.kind in ("real", "baseline") else "made"
        number = counts[group] = counts.get(group, -1) + 1
        found[row.name] = f"{group} {group}{number % 8}"
    return found


def swatch(look: str) -> str:
    """A piece of a row's line, for a legend."""
    line = f'<path class="line {look}" d="M1 5H27"/>'
    return f'<svg class="swatch" viewBox="0 0 28 10" aria-hidden="true">{line}</svg>'


def _svg(key: str, width: float, height: float, title: str, said: str, body: Iterable[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" '
        f'aria-labelledby="{key}-t {key}-d"><title id="{key}-t">{escaped(title)}</title>'
        f'<desc id="{key}-d">{escaped(said)}</desc>{"".join(body)}</svg>'
    )


def _text(x: float, y: float, text: str, look: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{look}" text-anchor="{anchor}">{escaped(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, look: str) -> str:
    return f'<path class="{look}" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>'


def _short(text: str, size: int) -> str:
    return text if len(text) <= size else text[: size - 1] + "…"


def ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Round numbers from low to high, at most about ``most``.

    >>> ticks(0.0, 0.93)
    [0.0, 0.25, 0.5, 0.75]
    """
    span = high - low
    raw = span / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * k for k in (1, 2, 2.5, 5, 10) if power * k >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [(first + k) * step for k in range(int((high - first * step) / step + 1e-9) + 1)]


def shown_range(firm: Iterable[Sequence[float]], weak: Iterable[Sequence[float]] = ()) -> tuple[float, float]:
    """The range that an axis shows, with zero in it: the numbers of all firm rows, but for rows far
    beyond the others (``OUTLIER``), and of weak ones that widen it to no more than three times. [D]"""
    rows, others = (_bounded(values) for values in (firm, weak))
    top = _top(rows if any(rows) else others)
    shown = [v for row in rows for v in row if abs(v) <= top]
    shown += [v for row in others for v in row if abs(v) <= (WIDENED * top or HUGE)]
    low, high = min([0.0, *shown]), max([0.0, *shown])
    return (low, high) if high - low > TINY else (0.0, 1.0)


def _bounded(rows: Iterable[Sequence[float]]) -> list[list[float]]:
    """Finite values alone, none beyond ``HUGE``."""
    return [[min(max(v, -HUGE), HUGE) for v in row if math.isfinite(v)] for row in rows]


def _top(rows: list[list[float]]) -> float:
    """The largest size that is no outlier."""
    sizes = sorted({max(map(abs, row), default=0.0) for row in rows} - {0.0})
    while len(sizes) > 1 and sizes[-1] > OUTLIER * sizes[-2]:
        sizes.pop()
    return sizes[-1] if sizes else 0.0


# ---------------------------------------------------------------------------- figures with intervals

_NAME, _BAR, _NUMBER, _ROW = 112, 118, 158, 21  # widths of a row's name, bar and number; height of a row
_TOP, _FOOT = 6, 18  # room above the first row and below the last
_MARGIN = 0.04  # of the range, beyond its ends


@dataclass(frozen=True)
class _Axis:
    """Where values of a bar chart stand."""

    low: float
    high: float

    def __call__(self, value: float) -> float:
        return _NAME + _BAR * (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)


def bars(report: Report, column: Column, key: str) -> str:
    """One metric: a bar and an interval a row, the interval of real motion as a band, chance dotted."""
    rows = [row for row in report.ordered if row.name in column.values]
    values, marks, look = column.values, report.marks(column), styles_of(report)
    axis, bottom = _bar_axis(report, column, rows), _TOP + _ROW * len(rows)
    body = []
    for tick in ticks(axis.low, axis.high):
        body.append(_line(axis(tick), 4, axis(tick), bottom, "rule"))
        body.append(_text(axis(tick), bottom + 13, f"{tick:.4g}", "small", "middle"))
    body += _real_band(report, column, rows, axis, bottom)
    said = []
    for number, row in enumerate(rows):
        text, span = numbers(values[row.name].value, values[row.name].interval)
        said.append(f"{row.name}: {text} {span}".rstrip())
        y = _TOP + _ROW * number
        body += _row_texts(row, marks.get(row.name, ""), y, text, span)
        body += _bar(values[row.name], look[row.name], y, axis)
    title = f"{column.title}{f', {column.unit}' if column.unit else ''}, {column.direction}"
    return _svg(key, _NAME + _BAR + _NUMBER, bottom + _FOOT, title, "; ".join(said), body)


def _bar_axis(report: Report, column: Column, rows: Sequence[Row]) -> _Axis:
    values, target = column.values, report.target(column)
    ends = {row.name: [values[row.name].value, *(values[row.name].interval or ())] for row in rows}
    firm = [ends[row.name] for row in rows if row.kind != "baseline"]
    firm += [[v] for v in (target, *(value.chance for value in values.values())) if v is not None]
    low, high = shown_range(firm, [ends[row.name] for row in rows if row.kind == "baseline"])
    margin = _MARGIN * (high - low)
    return _Axis(low - margin * (low < 0), high + margin * (high > 0))


def _real_band(report: Report, column: Column, rows: Sequence[Row], axis: _Axis, bottom: float) -> list[str]:
    """The interval of the first real row that has the figure, and the line of its value."""
    values, body = column.values, []
    real = next((row for row in rows if row.kind == "real" and math.isfinite(values[row.name].value)), None)
    band = values[real.name].interval if real else None
    if band and all(map(math.isfinite, band)):
        left, right = axis(band[0]), axis(band[1])
        size = max(right - left, 1)
        body.append(f'<rect class="band" x="{left:.1f}" y="4" width="{size:.1f}" height="{bottom - 4}"/>')
    target = report.target(column)
    if target is not None:
        body.append(_line(axis(target), 4, axis(target), bottom, "line real thin"))
    return body


def _row_texts(row: Row, mark: str, y: float, text: str, span: str) -> list[str]:
    """A row's name, and its value with mark and interval."""
    faint = " faint" if row.kind == "baseline" else ""
    look = f"number{faint}{' best' * mark.startswith(('*', '+'))}"
    return [
        _text(_NAME - 8, y + 14, _short(row.name, 18), f"name{faint}", "end"),
        f'<text x="{_NAME + _BAR + 8}" y="{y + 14}" class="{look}">{escaped(text + mark)} '
        f'<tspan class="small">{escaped(span)}</tspan></text>',
    ]


def _bar(value: Value, look: str, y: float, axis: _Axis) -> list[str]:
    """The bar of one value, with chance, and its interval or an arrow where it is cut."""
    body = []
    if value.chance is not None and math.isfinite(value.chance):
        body.append(_line(axis(value.chance), y - 2, axis(value.chance), y + _ROW - 2, "chance"))
    if not math.isfinite(value.value):
        return body
    left, right = sorted((axis(0.0), axis(value.value)))
    size = max(right - left, 1)
    body.append(f'<rect class="bar {look}" x="{left:.1f}" y="{y + 4}" width="{size:.1f}" height="{_ROW - 9}"/>')
    if not axis.low <= value.value <= axis.high:
        tip, back = (right, -6) if value.value > axis.high else (left, 6)
        body.append(f'<path class="cut" d="M{tip:.1f} {y + 10}l{back} -6v12z"/>')
    elif value.interval and all(map(math.isfinite, value.interval)):
        one, two, middle = axis(value.interval[0]), axis(value.interval[1]), y + 4 + (_ROW - 9) / 2
        drawn = f"M{one:.1f} {middle}H{two:.1f}M{one:.1f} {middle - 3}v6M{two:.1f} {middle - 3}v6"
        body.append(f'<path class="whisker" d="{drawn}"/>')
    return body


# ---------------------------------------------------------------------------- how figures are spread


def _cumulative(own: Histogram) -> tuple[np.ndarray, np.ndarray]:
    edges = np.asarray(own.edges, dtype=np.float64)
    mass = np.nan_to_num(np.asarray(own.density, dtype=np.float64), posinf=0, neginf=0).clip(0) * np.diff(edges)
    return edges, np.concatenate([[0.0], np.cumsum(mass)])


@dataclass(frozen=True)
class Curve:
    """One density of a plot."""

    name: str
    look: str  # classes of the style
    histogram: Histogram

    @property
    def baseline(self) -> bool:
        return "baseline" in self.look


_LEFT, _BOTTOM, _RIM = 46.0, 34.0, 8.0  # room of the labels, and above the plot
_DECADES = 3  # of logarithmic heights
_MOST_BINS = 60
_SHOWN_SHARE = 0.995  # of every row but the baselines
_HEADROOM = 1.06


@dataclass(frozen=True)
class _Plot:
    """Where values and heights of densities stand."""

    width: float
    height: float
    low: float
    high: float
    top: float
    log: bool

    @property
    def right(self) -> float:
        return self.width - 10

    @property
    def floor(self) -> float:
        return self.height - _BOTTOM

    def x(self, value: float) -> float:
        return _LEFT + (self.right - _LEFT) * (value - self.low) / (self.high - self.low)

    def y(self, value: float) -> float:
        share = min(value, self.top) / self.top
        if self.log and share > 0:
            share = max(math.log10(share) / _DECADES + 1, 0)
        return _RIM + (self.floor - _RIM) * (1 - share)

    def grid(self, unit: str) -> list[str]:
        """Lines and labels of both axes."""
        body = []
        for tick in ticks(self.low, self.high, 6):
            body.append(_line(self.x(tick), _RIM, self.x(tick), self.floor, "rule"))
            body.append(_text(self.x(tick), self.floor + 14, f"{tick:.4g}", "small", "middle"))
        decade = math.floor(math.log10(self.top))
        for tick in [10.0 ** (decade - k) for k in range(_DECADES)] if self.log else ticks(0, self.top, 3):
            body.append(_line(_LEFT, self.y(tick), self.right, self.y(tick), "rule"))
            body.append(_text(_LEFT - 5, self.y(tick) + 4, f"{tick:.3g}", "small", "end"))
        body.append(_text(self.right, self.floor + 25, unit, "small", "end"))
        return body


def spread(curves: Sequence[Curve], unit: str, key: str, title: str, *, width: float = 620, log: bool = False) -> str:
    """Densities as lines over one axis.

    The axis ends where 99.5 % of every row but the baselines lie. Bins finer than can be seen are merged. A
    baseline may rise out of the top: a frozen body is a needle. ``log`` heights end at a thousandth of the top,
    and what is less lies at the bottom.
    """
    edges = _shared_edges(curves)
    heights = [_heights(curve.histogram, edges) for curve in curves]
    tops: dict[bool, list[list[float]]] = {True: [], False: []}
    for values, curve in zip(heights, curves, strict=True):
        tops[curve.baseline].append([float(values.max())])
    top = _HEADROOM * shown_range(tops[False], tops[True])[1]
    plot = _Plot(width, width * 0.42, float(edges[0]), float(edges[-1]), top, log)
    body, said = plot.grid(unit), []
    for curve, values in zip(curves, heights, strict=True):
        steps = "".join(
            f"{'L' if k else 'M'}{plot.x(edges[k]):.1f} {plot.y(v):.1f}H{plot.x(edges[k + 1]):.1f}"
            for k, v in enumerate(values)
        )
        body.append(f'<path class="line {curve.look}" d="{steps}"><title>{escaped(curve.name)}</title></path>')
        middle = float(np.interp(0.5, np.cumsum(values * np.diff(edges)), edges[1:]))
        said.append(f"{curve.name}: half below about {middle:.3g} {unit}")
    return _svg(key, plot.width, plot.height, title, "; ".join(said), body)


def _shared_edges(curves: Sequence[Curve]) -> np.ndarray:
    """Edges of bins that all densities are drawn with."""
    firm = [curve for curve in curves if not curve.baseline] or curves
    sums = [_cumulative(curve.histogram) for curve in firm]
    low = min(edges[0] for edges, _ in sums)
    high = max(float(np.interp(_SHOWN_SHARE * total[-1], total, edges)) for edges, total in sums)
    high = high if high > low else float(sums[0][0][-1])
    finest = max(float(np.diff(_cumulative(curve.histogram)[0]).max()) for curve in curves)
    bins = int(min(max((high - low) / finest, 1), _MOST_BINS))
    return np.linspace(low, high, bins + 1)


def _heights(own: Histogram, edges: np.ndarray) -> np.ndarray:
    """Densities of a histogram in other bins, as shares of the whole."""
    grid, total = _cumulative(own)
    share = total / total[-1] if total[-1] > 0 else total
    heights: np.ndarray = np.diff(np.interp(edges, grid, share)) / np.diff(edges)
    return heights


# ---------------------------------------------------------------------------- emotions, hands


def confusion(row: Row, labels: Sequence[str], key: str) -> str:
    """Percent of each wanted emotion (rows) that was recognised as each emotion (columns)."""
    counts = np.nan_to_num(np.asarray(row.confusion, dtype=np.float64))
    clips = counts.sum(axis=1, keepdims=True)
    share = 100 * np.divide(counts, clips, out=np.zeros_like(counts), where=clips > 0)
    cell, left, head = 25, 92, 74
    body = []
    for k, label in enumerate(labels):
        middle = cell * (k + 0.5)
        body.append(_text(left - 6, head + middle + 4, _short(label, 14), "small", "end"))
        body.append(
            f'<text class="small" transform="translate({left + middle + 4:.1f} {head - 6}) rotate(-55)">'
            f"{escaped(_short(label, 14))}</text>"
        )
        for j, other in enumerate(labels):
            title = f"{label} taken for {other}: {counts[k, j]:g} of {clips[k, 0]:g}"
            body.append(
                f'<rect class="cell" x="{left + cell * j}" y="{head + cell * k}" '
                f'width="{cell}" height="{cell}" fill-opacity="{0.85 * share[k, j] / 100:.3f}">'
                f"<title>{escaped(title)}</title></rect>"
            )
            if round(share[k, j]):
                body.append(
                    _text(left + cell * (j + 0.5), head + middle + 4, f"{share[k, j]:.0f}", "cellnumber", "middle")
                )
    body += [
        f'<rect class="right" x="{left + cell * k}" y="{head + cell * k}" width="{cell}" height="{cell}"/>'
        for k in range(len(labels))
    ]
    total = counts.sum()
    right = 100 * float(np.trace(counts)) / total if total > 0 else math.nan
    said = f"{numbers(right)[0]} % of {total:g} recognised as wanted; " + "; ".join(
        f"{label} {share[k, k]:.0f} %" for k, label in enumerate(labels) if clips[k, 0]
    )
    size = cell * len(labels)
    return _svg(key, left + size + 46, head + size + 6, f"Emotions recognised in {row.name}, percent", said, body)


def heat_ceiling(rows: Iterable[Row]) -> float:
    """The share of time that is drawn strongest: only two in a hundred of the cells where a wrist ever is
    have more, in rows that are no baselines. One place of rest would leave all others pale. [D]"""
    found: dict[bool, list[np.ndarray]] = {True: [], False: []}
    for row in rows:
        for shares in (row.heat or {}).values():
            share = np.nan_to_num(np.asarray(shares, dtype=np.float64))
            found[row.kind == "baseline"].append(share[share > 0])
    cells = [np.concatenate(some) for some in (found[False], found[True]) if some]
    return next((float(np.percentile(some, 98)) for some in cells if len(some)), 0.0)


def heat(row: Row, ceiling: float, key: str) -> str:
    """Where both wrists were, as one sees the person from the front: the right hand is on the left."""
    maps, (x0, x1, y0, y1) = row.heat or {}, row.heat_extent or (-1.0, 1.0, -1.0, 1.0)
    width, foot = 250.0, 20.0
    scale = width / (x1 - x0)
    height = min((y1 - y0) * scale, 2 * width)
    body = [f'<rect class="frame" x="0" y="0" width="{width:g}" height="{height:.1f}"/>']
    said = []
    for side, shares in maps.items():
        share = np.nan_to_num(np.asarray(shares, dtype=np.float64)).clip(0)
        alpha = np.sqrt(np.minimum(share / ceiling, 1)) if ceiling > 0 else 0 * share
        body.append(
            f'<image href="{_png(alpha[::-1], side)}" x="0" y="0" width="{width:g}" height="{height:.1f}" '
            'preserveAspectRatio="none"/>'
        )
        if share.sum() > 0:
            up = float(share.sum(axis=1) @ (np.arange(len(share)) + 0.5) / share.sum() / len(share))
            out = float(share.sum(axis=0) @ (np.arange(share.shape[1]) + 0.5) / share.sum() / share.shape[1])
            said.append(f"{side} wrist on average at x {x0 + out * (x1 - x0):.2f} m, y {y0 + up * (y1 - y0):.2f} m")
    for tick in ticks(x0, x1):
        body.append(_line((tick - x0) * scale, height, (tick - x0) * scale, height - 4, "axis"))
        body.append(_text(min(max((tick - x0) * scale, 10), width - 10), height + 13, f"{tick:.3g}", "small", "middle"))
    for tick in ticks(y0, y1):
        y = (y1 - tick) / (y1 - y0) * height
        body.append(_line(0, y, 4, y, "axis"))
        if 8 < y < height - 8:
            body.append(_text(7, y + 4, f"{tick:.3g}", "small"))
    if x0 <= 0 <= x1 and y0 <= 0 <= y1:
        x, y = -x0 * scale, y1 / (y1 - y0) * height
        body.append(f'<path class="axis" d="M{x - 6:.1f} {y:.1f}h12M{x:.1f} {y - 6:.1f}v12"/>')
        body.append(_text(x + 8, y - 4, "chest", "small"))
    title = f"Where the wrists of {row.name} are, seen from the front, metres from the chest"
    return _svg(key, width, height + foot, title, "; ".join(said) or "no time", body)


_SIDES = {"left": (64, 128, 250), "right": (238, 106, 24)}


def _png(alpha: np.ndarray, side: str) -> str:
    """[H, W] in 0 .. 1 as a data address: one colour, more or less of it."""
    picture = np.empty((*alpha.shape, 4), dtype=np.uint8)
    picture[..., :3], picture[..., 3] = _SIDES[side], np.round(255 * alpha)
    raw = b"".join(b"\0" + line.tobytes() for line in picture)

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", alpha.shape[1], alpha.shape[0], 8, 6, 0, 0, 0)
    file = b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(raw, 9)) + part(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(file).decode("ascii")
