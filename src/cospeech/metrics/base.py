"""What every metric shares: the value it gives and its bootstrap interval.

A metric takes one clip after another by ``update(..., clip=id)`` and keeps sums only, so that a test set
may be of any size; ``compute`` gives a ``Value``. All arithmetic is float64.

Intervals are percentiles of a Poisson bootstrap over clips: in every replicate a clip counts as often
as a Poisson(1) number says that depends on the seed and on the clip's id alone. Two systems measured on
the same clips therefore have the same draws, and the interval of their difference
(``paired_difference``) is that of the differences of replicates. With few clips such intervals are a
little too narrow; below ``MIN_CLIPS`` none is given. [D]
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Protocol

import numpy as np

from ..core.errors import UserError
from .inputs import finite

Better = Literal["lower", "higher", "real"]

MIN_CLIPS = 5  # clips from which an interval is given


@dataclass(frozen=True)
class Value:
    """One measured number and all that is needed to print it honestly."""

    name: str  # with the convention in it, as in bc_threshold0.3_sigma0.3
    value: float
    unit: str  # "1" where there is none
    count: int  # samples
    counted: str  # what the samples are: frames, windows, strokes, clips
    clips: int
    convention: str  # one line
    extractor: str | None = None  # id of the feature extractor, where one was used
    interval: tuple[float, float] | None = None  # 95 %
    better: Better = "lower"  # "real": the closer to the value of real motion, the better
    left_out: int = 0  # clips that could not be measured
    chance: float | None = None  # what a coin would get, where that means anything
    real: float | None = None  # the same figure of real motion (``beside``)
    replicates: np.ndarray | None = field(default=None, repr=False, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """All fields but the replicates, for JSON."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "replicates"}

    def __str__(self) -> str:
        unit = "" if self.unit == "1" else f" {self.unit}"
        span = "" if self.interval is None else f" [{self.interval[0]:.4g}, {self.interval[1]:.4g}]"
        notes = [f"{self.count} {self.counted}" + (f" of {self.clips} clips" if self.counted != "clips" else "")]
        notes += [f"extractor {self.extractor}"] if self.extractor else []
        notes += [f"chance {self.chance:.4g}"] if self.chance is not None else []
        notes += [f"real {self.real:.4g}"] if self.real is not None else []
        notes += [f"{self.left_out} clips left out"] if self.left_out else []
        return f"{self.name} {self.value:.4g}{unit}{span} ({', '.join(notes)})"


class Metric(Protocol):
    """Takes clips one by one and gives one value at any time."""

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Take what belongs to one clip, ``clip=`` its id; most take a clip in several parts, too."""

    def compute(self) -> Value:
        """The value of all clips so far. Raises UserError when there is nothing to measure."""


class MetricSet(Protocol):
    """Takes clips one by one and gives several values that share their work."""

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Take what belongs to one clip, ``clip=`` its id."""

    def compute(self) -> tuple[Value, ...]:
        """The values of all clips so far. Raises UserError when there is nothing to measure."""


@dataclass(frozen=True)
class Bootstrap:
    """How replicates are drawn. Values are paired when seed and replicates are the same."""

    replicates: int = 200
    seed: int = 0

    def weights(self, clip: str) -> np.ndarray:
        """[replicates] float64: how often a clip counts in each replicate."""
        return clip_rng(clip, self.seed).poisson(1.0, self.replicates).astype(np.float64)


DEFAULT = Bootstrap()
FEW = Bootstrap(replicates=40)  # for metrics that keep large sums


def clip_rng(clip: str, seed: int) -> np.random.Generator:
    """A generator that depends on nothing but a clip's id and a seed."""
    digest = hashlib.blake2b(clip.encode(), digest_size=16).digest()
    return np.random.default_rng([seed, int.from_bytes(digest, "little")])


class Sums:
    """Sums of K numbers over clips, plain and as bootstrap replicates."""

    def __init__(self, size: int, bootstrap: Bootstrap = DEFAULT) -> None:
        self.bootstrap = bootstrap
        self.total = np.zeros(size)  # [K]
        self.drawn = np.zeros((bootstrap.replicates, size))  # [replicates, K]
        self.clips: set[str] = set()

    def add(self, values: Any, *, clip: str) -> None:
        """Add [K] numbers of a clip. Raises UserError, naming the clip, if one is not finite."""
        values = finite(values, clip=clip)
        self.total += values
        weights = self.bootstrap.weights(clip)
        hit = weights > 0
        self.drawn[hit] += weights[hit, None] * values
        self.clips.add(clip)

    def figure(self, of: Callable[[np.ndarray], Any]) -> tuple[float, np.ndarray]:
        """A figure of sums [..., K] -> [...]: its value and its replicates [replicates]."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(of(self.total)), np.asarray(of(self.drawn), dtype=np.float64)


@dataclass(frozen=True)
class Label:
    """What a metric says about itself; see ``Value`` for the fields."""

    name: str
    unit: str
    counted: str
    convention: str
    better: Better = "lower"
    extractor: str | None = None

    def as_in_public_code(self, compat: bool, difference: str) -> Label:
        """The same, or for ``compat`` the label of public code's variant, with what that does otherwise."""
        if not compat:
            return self
        return replace(self, name=f"{self.name}_compat", convention=self.convention + difference)

    def value(
        self,
        value: float,
        *,
        count: int,
        clips: int,
        replicates: np.ndarray | None = None,
        centred: bool = False,
        left_out: int = 0,
        chance: float | None = None,
    ) -> Value:
        """A Value with its interval.

        Args:
            centred: move the replicates so that their mean is the value. For figures that
                resampling itself makes larger, as distances between distributions.
        """
        if replicates is not None and (clips < MIN_CLIPS or np.isfinite(replicates).sum() < 20):
            replicates = None
        if replicates is not None and centred:
            replicates = replicates + (value - replicates[np.isfinite(replicates)].mean())
        return Value(
            self.name,
            float(value),
            self.unit,
            int(count),
            self.counted,
            clips,
            self.convention,
            self.extractor,
            None if replicates is None else percentiles(replicates),
            self.better,
            left_out,
            chance,
            None,
            replicates,
        )

    def nothing(self, left_out: int) -> UserError:
        """The error of a metric that has seen nothing it could measure."""
        return UserError(
            f"{self.name}: nothing to measure; {left_out} clips were left out and none remains, so give "
            f"longer or other clips"
        )


class MeanMetric(ABC):
    """A mean over samples of many clips: a sum over a sum. The base of most metrics."""

    def __init__(self, label: Label, bootstrap: Bootstrap = DEFAULT, *, chance: float | None = None) -> None:
        self.label = label
        self.chance = chance
        self.sums = Sums(2, bootstrap)
        self.count = 0
        self.left_out = 0

    @abstractmethod
    def update(self, *args: Any, **kwargs: Any) -> None:
        """Take what belongs to one clip; every metric has its own."""

    def add(self, total: float, weight: float, *, clip: str, count: int | None = None) -> None:
        """Add a clip's sum and weight (``count`` samples, by default as many as the weight)."""
        self.sums.add([total, weight], clip=clip)
        self.count += int(weight if count is None else count)

    def compute(self) -> Value:
        """The mean over all clips so far.

        Raises:
            UserError: there was nothing to measure.
        """
        if not self.sums.total[1] > 0:
            raise self.label.nothing(self.left_out)
        value, replicates = self.sums.figure(lambda sums: sums[..., 0] / sums[..., 1])
        return self.label.value(
            value,
            count=self.count,
            clips=len(self.sums.clips),
            replicates=replicates,
            left_out=self.left_out,
            chance=self.chance,
        )


def percentiles(replicates: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of replicates; those that could not be computed do not count."""
    low, high = np.percentile(replicates[np.isfinite(replicates)], [2.5, 97.5])
    return float(low), float(high)


def paired_difference(a: Value, b: Value) -> tuple[float, tuple[float, float]]:
    """a - b and its 95 % interval, for two systems measured on the same clips with the same seed.

    Raises:
        UserError: the values are not of one metric and one extractor, or have no or other replicates.
    """
    if a.name != b.name or a.extractor != b.extractor:
        raise UserError(
            f"cannot compare {a.name} ({a.extractor or 'no extractor'}) with {b.name} "
            f"({b.extractor or 'no extractor'}); measure both with the same metric and extractor"
        )
    if a.replicates is None or b.replicates is None or len(a.replicates) != len(b.replicates):
        counts = [0 if v.replicates is None else len(v.replicates) for v in (a, b)]
        raise UserError(
            f"{a.name}: the values have {counts[0]} and {counts[1]} bootstrap replicates; measure both "
            f"on the same clips, at least {MIN_CLIPS}, with the same Bootstrap"
        )
    difference = a.value - b.value
    return difference, percentiles(a.replicates - b.replicates)


def beside(value: Value, real: Value) -> Value:
    """The value with the same figure of real motion beside it.

    Raises:
        UserError: the two are not of one metric and one extractor.
    """
    if value.name != real.name or value.extractor != real.extractor:
        raise UserError(
            f"{real.name} ({real.extractor or 'no extractor'}) cannot stand beside {value.name} "
            f"({value.extractor or 'no extractor'}); measure both alike"
        )
    return replace(value, real=real.value)
