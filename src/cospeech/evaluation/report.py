"""The report of an evaluation as data: rows, columns, marks, and report.json. It knows no rendering.

A report holds what was measured and what it may be held against: real motion measured alike, baselines
that know nothing of the speech, intervals, and paired differences. What is marked, and how:

- ``*`` is the best row that is not real: the lowest or highest value, or, where real motion is the mark,
  the value closest to that of the real row. Baselines take part: a figure that a frozen pose wins proves
  nothing. Rows of the same value share the mark; with one row, or all the same, nothing is marked. [D]
- ``+``, where a baseline is best, is the best row that is neither real nor a baseline. [D]
- ``~`` is a row that the test clips do not tell from a best one: the interval of their paired difference
  (of their distances from real motion, where that is the mark) holds zero: ``Difference.better`` is
  ``NO_DIFFERENCE``. Without a difference in the report nothing is claimed. [D]
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from ..core.errors import UserError
from ..core.json_files import read_json
from ..metrics.base import Better, Value

FORMAT = 1  # of report.json
NO_DIFFERENCE = "no difference"
HISTOGRAMS = ("hand_speed", "beat_distance", "beat_distance_by_chance")

Kind = Literal["real", "baseline", "model", "folder"]


@dataclass(frozen=True, eq=False)
class Histogram:
    """How a figure is spread."""

    edges: np.ndarray  # [N + 1] rising: m/s of hand_speed, s of beat distances
    density: np.ndarray  # [N] share of samples per unit of the edges

    def __post_init__(self) -> None:
        edges, density = np.asarray(self.edges), np.asarray(self.density)
        if edges.ndim != 1 or len(edges) < 2 or density.shape != (len(edges) - 1,):
            raise UserError(
                f"a histogram has edges [N + 1] and density [N], got {list(edges.shape)} and {list(density.shape)}"
            )
        if not (np.isfinite(edges).all() and (np.diff(edges) > 0).all()):
            raise UserError("the edges of a histogram must be finite and rising")


@dataclass(frozen=True, eq=False)
class Row:
    """What was measured of one system, of real motion or of a baseline."""

    name: str
    kind: Kind
    values: tuple[Value, ...] = ()  # rows of a report need not have the same
    emotions: dict[str, dict[str, float]] = field(default_factory=dict)  # emotion -> figure -> value
    confusion: np.ndarray | None = None  # [E, E] counts: wanted (rows), recognised (columns)
    histograms: dict[str, Histogram] = field(default_factory=dict)  # any of HISTOGRAMS
    # "left", "right" -> [H, W] share of time that wrist is there, in the frame of the chest: rows
    # upward (y), columns along x, towards the person's left.
    heat: dict[str, np.ndarray] | None = None
    heat_extent: tuple[float, float, float, float] | None = None  # metres: x low, high, y low, high
    seconds: float = 0.0
    clips: int = 0
    left_out: dict[str, int] = field(default_factory=dict)  # reason -> clips

    def __post_init__(self) -> None:
        _one_of(self.kind, get_args(Kind), f"kind of row {self.name!r}")
        for name in self.histograms:
            _one_of(name, HISTOGRAMS, f"histogram of row {self.name!r}")
        for side, shares in (self.heat or {}).items():
            _one_of(side, ("left", "right"), f"heat map of row {self.name!r}")
            if np.ndim(shares) != 2 or not np.size(shares):
                raise UserError(f"row {self.name!r}: a heat map is [H, W], got {list(np.shape(shares))}")
        if self.heat and not (
            self.heat_extent
            and np.isfinite(self.heat_extent).all()
            and self.heat_extent[0] < self.heat_extent[1]
            and self.heat_extent[2] < self.heat_extent[3]
        ):
            raise UserError(
                f"row {self.name!r}: heat maps need heat_extent, metres (x low, x high, y low, y high), got "
                f"{self.heat_extent}"
            )
        keys = [(value.name, value.extractor) for value in self.values]
        for name, extractor in keys:
            if keys.count((name, extractor)) > 1:
                raise UserError(f"row {self.name!r} has {name} ({extractor or 'no extractor'}) twice; give one")


@dataclass(frozen=True)
class Difference:
    """One figure of two rows on the same clips (``base.paired_difference``)."""

    a: str  # row names
    b: str
    metric: str
    difference: float  # a - b, in the metric's unit
    interval: tuple[float, float]  # 95 %
    # The name of the better row. NO_DIFFERENCE where the clips do not tell: the interval holds zero or,
    # where real motion is the mark, that of how much farther from it one row is than the other.
    better: str
    extractor: str | None = None  # None: of any

    def __post_init__(self) -> None:
        _one_of(self.better, (self.a, self.b, NO_DIFFERENCE), f"better row in {self.metric}")


@dataclass(frozen=True)
class Player:
    """Pages on which rows gesture to the same speech."""

    title: str
    pages: dict[str, str]  # row name -> path of an HTML file, relative to the report's folder


@dataclass(frozen=True, eq=False)
class Report:
    """An evaluation, whole. ``table.facts`` says which names in ``data`` it knows."""

    title: str
    data: dict[str, Any]  # dataset, fingerprint, split, clips, seconds, speakers, synthetic_pairs: bool
    settings: dict[str, Any] = field(default_factory=dict)  # whatever JSON can hold
    rows: tuple[Row, ...] = ()
    differences: tuple[Difference, ...] = ()
    labels: tuple[str, ...] = ()  # emotions, in the order of the confusion matrices
    players: tuple[Player, ...] = ()
    notes: tuple[str, ...] = ()
    version: str = ""  # of the package that measured

    def __post_init__(self) -> None:
        names = [row.name for row in self.rows]
        for name in names:
            if names.count(name) > 1:
                raise UserError(f"two rows are called {name!r}; give every row a name of its own")
        size = len(self.labels)
        for row in self.rows:
            if row.confusion is not None and np.shape(row.confusion) != (size, size):
                raise UserError(
                    f"row {row.name!r}: {size} emotions need a confusion matrix [{size}, {size}], got "
                    f"{list(np.shape(row.confusion))}"
                )
        for kind, given in (
            ("difference", [n for d in self.differences for n in (d.a, d.b)]),
            ("player", [n for p in self.players for n in p.pages]),
        ):
            for name in given:
                _one_of(name, tuple(names), f"row of a {kind}")

    @property
    def ordered(self) -> tuple[Row, ...]:
        """Rows as they are shown: baselines, real motion, then what was made."""
        order = {"baseline": 0, "real": 1}
        return tuple(sorted(self.rows, key=lambda row: order.get(row.kind, 2)))

    @property
    def columns(self) -> tuple[Column, ...]:
        """Every metric of any row, in the order in which rows name them, the one with most values first."""
        found: dict[tuple[str, str | None], dict[str, Value]] = {}
        for row in sorted(self.rows, key=lambda row: -len(row.values)):
            for value in row.values:
                found.setdefault((value.name, value.extractor), {})[row.name] = value
        names = [name for name, _ in found]
        return tuple(
            Column(name, extractor, values, name + f" [{extractor}]" * (names.count(name) > 1))
            for (name, extractor), values in found.items()
        )

    def marks(self, column: Column) -> dict[str, str]:
        """Row name -> ``*``, ``+``, ``~`` or ``+~``; see the head of this module."""
        distances = self._distances(column)
        best = _least(distances)
        marks = dict.fromkeys(best, "*")
        baselines = {row.name for row in self.rows if row.kind == "baseline"}
        if baselines & set(best):
            others = _least({name: value for name, value in distances.items() if name not in baselines})
            marks = {**dict.fromkeys(others, "+"), **marks}
        return self._with_undecided(marks, column, distances)

    def _distances(self, column: Column) -> dict[str, float]:
        """Row name -> a number that is least for the best row; rows that are not real alone."""
        real = {row.name for row in self.rows if row.kind == "real"}
        values = {n: v.value for n, v in column.values.items() if math.isfinite(v.value) and n not in real}
        if column.better != "real":
            sign = -1 if column.better == "higher" else 1
            return {name: sign * value for name, value in values.items()}
        target = self.target(column)
        return {} if target is None else {name: abs(value - target) for name, value in values.items()}

    def _with_undecided(self, marks: dict[str, str], column: Column, distances: dict[str, float]) -> dict[str, str]:
        """The marks, with ``~`` on rows that the clips do not tell from a marked one."""
        found = dict(marks)
        for d in self.differences:
            if d.better != NO_DIFFERENCE or not column.holds(d):
                continue
            for name, other in ((d.a, d.b), (d.b, d.a)):
                if name in marks and marks.get(other) not in ("*", marks[name]) and other in distances:
                    found[other] = marks.get(other, "") + "~"
        return found

    def target(self, column: Column) -> float | None:
        """The column's value of real motion: that of the first real row, else what a value has beside it."""
        real = [row.name for row in self.rows if row.kind == "real"]
        known = [column.values[name].value for name in real if name in column.values]
        known += [value.real for value in column.values.values() if value.real is not None]
        return next((value for value in known if math.isfinite(value)), None)

    def baseline_wins(self, column: Column) -> bool:
        """Whether a baseline is among the best, so that the figure by itself says little."""
        marks = self.marks(column)
        return any(row.kind == "baseline" and marks.get(row.name) == "*" for row in self.rows)

    @property
    def synthetic_pairs(self) -> bool:
        """Whether voices and motion of the test clips were recorded apart."""
        return bool(self.data.get("synthetic_pairs", self.data.get("made_pairs")))


@dataclass(frozen=True)
class Column:
    """One metric, with one extractor, of all rows that have it."""

    name: str
    extractor: str | None
    values: dict[str, Value]  # by row name
    title: str  # the name, with the extractor where several columns share the name

    def holds(self, difference: Difference) -> bool:
        """Whether a difference is one of this metric."""
        return difference.metric == self.name and difference.extractor in (None, self.extractor)

    @property
    def any(self) -> Value:
        """A value that speaks for what all have in common."""
        return next(iter(self.values.values()))

    @property
    def unit(self) -> str:
        """Of all values; empty where there is none."""
        return "" if self.any.unit == "1" else self.any.unit

    @property
    def better(self) -> Better:
        """lower, higher or real."""
        return self.any.better

    @property
    def direction(self) -> str:
        """``better`` in words."""
        return "near real is best" if self.better == "real" else f"{self.better} is better"


def _least(values: dict[str, float]) -> list[str]:
    """Names of the least value; none if all are the same."""
    if len(set(values.values())) < 2:
        return []
    least = min(values.values())
    return [name for name, value in values.items() if value == least]


# ---------------------------------------------------------------------------- files


def as_json(report: Report) -> dict[str, Any]:
    """The report as JSON can hold it, without replicates.

    Numbers that are not finite are the texts "nan", "inf" and "-inf".
    """
    return {"format": FORMAT, **_plain(report)}


def _plain(value: Any) -> Any:
    """What JSON can hold."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Value):
        return _plain(value.as_dict())
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {str(name): _plain(own) for name, own in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(own) for own in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def read_report(folder: str | Path) -> Report:
    """The report that ``write_report`` wrote; values come without replicates.

    Raises:
        UserError: there is none, it is damaged, has keys that are not known, or is of another format.
    """
    path = Path(folder) / "report.json"
    if not path.is_file():
        raise UserError(f"{folder} holds no report.json; give the folder that an evaluation wrote")
    try:
        raw = read_json(path, limit="file")
        version = raw.pop("format")
        if version != FORMAT:
            raise UserError(f"{path} has format {version}, this version reads {FORMAT}; evaluate again")
        report: Report = _read(Report, raw)
        return report
    except UserError as error:
        raise error if str(path) in str(error) else UserError(f"{path}: {error}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is damaged ({type(error).__name__}: {error}); evaluate again") from None


def _read(kind: Any, raw: Any) -> Any:
    """What ``_plain`` made of a value of a type: dataclasses, and all that their fields are made of."""
    if is_dataclass(kind):
        return _read_fields(kind, raw)
    if get_origin(kind) is not None:
        return _read_generic(get_origin(kind), get_args(kind), raw)
    if kind is np.ndarray:
        array = np.asarray(_is(list, raw))
        return array if array.dtype.kind in "iuf" else array.astype(np.float64)
    if kind is float:
        return float(raw if raw in ("nan", "inf", "-inf") else _is(int | float, raw))
    return raw if kind is Any else _is(kind, raw)


def _read_generic(origin: Any, inner: tuple[Any, ...], raw: Any) -> Any:
    """A value of a union with None, a tuple, a dictionary or a choice of words."""
    if origin in (Union, UnionType):
        return None if raw is None and NoneType in inner else _read(inner[0], raw)
    if origin is tuple:
        kinds = inner[:1] * len(raw) if inner[-1] is Ellipsis else inner
        return tuple(_read(own, item) for own, item in zip(kinds, _is(list, raw), strict=True))
    if origin is dict:
        return {name: _read(inner[1], item) for name, item in _is(dict, raw).items()}
    return _one_of(raw, inner, "word")


def _read_fields(kind: Any, raw: Any) -> Any:
    hints = get_type_hints(kind)
    names = {f.name for f in fields(kind)} - {"replicates"}
    unknown, missing = sorted(set(_is(dict, raw)) - names), sorted(names - set(raw))
    if unknown or missing:
        what = f"unknown key {unknown[0]!r}" if unknown else f"no key {missing[0]!r}"
        raise UserError(f"{what} in a {kind.__name__}; this version knows {', '.join(sorted(names))}")
    return kind(**{name: _read(hints[name], raw[name]) for name in names})


def _is(kind: Any, raw: Any) -> Any:
    if not isinstance(raw, kind) or (isinstance(raw, bool) and kind is not bool):
        raise TypeError(f"{raw!r:.40} where {getattr(kind, '__name__', kind)} belongs")
    return raw


def _one_of(got: Any, allowed: tuple[str, ...], what: str) -> Any:
    if got not in allowed:
        raise UserError(f"{what}: {got!r}; allowed are {', '.join(allowed) or 'none'}")
    return got
