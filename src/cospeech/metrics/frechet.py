"""Distances between two sets of features: Frechet (FGD and all others) and kernel (KID).

The same two serve per-frame latents, one row a window, and video features: only the rows differ.
Values from different extractors, rates or skeletons mean different things, so every row comes with the
id of its extractor and a metric refuses all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.deprecation import renamed_keywords
from ..core.errors import UserError
from ..core.files import atomic_path
from .base import DEFAULT, FEW, Bootstrap, Label, Sums, Value, clip_rng
from .inputs import check_extractor, feature_rows

BUDGET = 2**28  # bytes of replicates at most; fewer replicates are drawn for very wide features


@dataclass(frozen=True, eq=False)
class Reference:
    """What is known of real features: computed once, kept in a file."""

    extractor: str
    mean: np.ndarray  # [D]
    covariance: np.ndarray  # [D, D], over rows, divided by rows - 1
    rows: int
    clips: int

    @classmethod
    def of(cls, features: Iterable[tuple[str, np.ndarray]], *, extractor: str) -> Reference:
        """From (clip id, rows [N, D]) of every real clip.

        Raises:
            UserError: fewer than D + 1 rows, or numbers that are not finite.
        """
        moments: Moments | None = None
        for clip, values in features:
            rows = feature_rows(values, clip=clip, dim=None if moments is None else len(moments.shift))
            if not len(rows):
                continue
            moments = moments or Moments(rows.mean(axis=0), Bootstrap(0))
            moments.add(rows, clip=clip)
        if moments is None:
            raise UserError("no features of real clips; give clips at least as long as the extractor's window")
        mean, covariance, count = moments.statistics(moments.sums.total)
        check_rows(count, len(mean), "real")
        return cls(extractor, mean, covariance, count, len(moments.sums.clips))

    def save(self, path: str | Path) -> Path:
        """Write to an .npz file."""
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(
                file,
                extractor=np.array(self.extractor),
                mean=self.mean,
                covariance=self.covariance,
                rows=self.rows,
                clips=self.clips,
            )
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> Reference:
        """Read what ``save`` wrote. Raises UserError if the file is missing or damaged."""
        try:
            with np.load(path) as data:
                return cls(
                    str(data["extractor"]), data["mean"], data["covariance"], int(data["rows"]), int(data["clips"])
                )
        except (OSError, KeyError, ValueError) as error:
            raise UserError(f"{path} holds no reference statistics ({error}); compute them again") from None


class Moments:
    """Running sums of rows, of their squares and their number, with replicates."""

    def __init__(self, shift: np.ndarray, bootstrap: Bootstrap) -> None:
        dim = len(shift)
        self.shift = shift  # near the mean, so that the squares do not swallow the spread
        size = 1 + dim + dim * dim
        most = BUDGET // (8 * size)
        self.sums = Sums(size, Bootstrap(min(bootstrap.replicates, most), bootstrap.seed))

    def add(self, rows: np.ndarray, *, clip: str) -> None:
        """Add rows [N, D] of a clip."""
        near = rows - self.shift
        self.sums.add(np.concatenate([[len(near)], near.sum(axis=0), (near.T @ near).ravel()]), clip=clip)

    def statistics(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
        """Mean [D], covariance [D, D] and number of rows from one vector of sums."""
        dim, count = len(self.shift), sums[0]
        mean = sums[1 : 1 + dim] / count
        covariance = (sums[1 + dim :].reshape(dim, dim) - count * np.outer(mean, mean)) / (count - 1)
        return mean + self.shift, covariance, int(count)


def check_rows(count: int, dim: int, side: str) -> None:
    """Raise UserError if a covariance of D features cannot be estimated."""
    if count < dim + 1:
        raise UserError(
            f"{count} rows of {side} features cannot give a covariance of {dim} features; "
            f"give at least {dim + 1} rows, better ten times as many, or a smaller extractor"
        )


def factor(covariance: np.ndarray) -> np.ndarray:
    """[D, D] L with L L^T = covariance, from its eigen-decomposition; tiny negative eigenvalues are 0."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    if values[0] < -1e-6 * max(values[-1], 1e-6):  # of rows all alike nothing but rounding is left
        raise UserError("a covariance must have no negative eigenvalues; compute the statistics again")
    root: np.ndarray = vectors * np.sqrt(np.maximum(values, 0.0))
    return root


def frechet_distance(
    mean_a: np.ndarray, covariance_a: np.ndarray, mean_b: np.ndarray, covariance_b: np.ndarray
) -> float:
    """Squared Frechet distance of two Gaussians (Dowson and Landau 1982).

    ||ma - mb||^2 + Tr(Ca + Cb - 2 (Ca Cb)^(1/2)). The trace of the root is the sum of singular values
    of La^T Lb with Ca = La La^T: no square root of a product that is not symmetric is ever taken, so
    nothing imaginary has to be cut off, singular covariances are no trouble, and equal sets give 0.
    """
    root = np.linalg.svd(factor(covariance_a).T @ factor(covariance_b), compute_uv=False).sum()
    distance = ((mean_a - mean_b) ** 2).sum() + np.trace(covariance_a) + np.trace(covariance_b) - 2 * root
    return max(float(distance), 0.0)


class FrechetDistance:
    """Frechet distance between made and real features; FGD when the features are of gestures.

    It is biased upward with few rows, by an amount that depends on the features, so compare systems on
    equally many rows (``KernelDistance`` has no such bias). The interval covers the made clips, not the
    real ones; its replicates are centred, since resampling adds the same bias once more. Rows of one
    clip are not independent, which is why clips are resampled and not rows.

    Args:
        reference: statistics of real features.
        rows: what a row is, "frame" (per-time-step latents, BEAT2 practice) or "window" (Trimodal).
        scale: factor of the value; papers print 10. It is part of the name.
        name: what the distance is called: fgd, fvd, fmd.
    """

    def __init__(
        self,
        reference: Reference,
        *,
        rows: str = "window",
        scale: float = 1.0,
        name: str = "fgd",
        bootstrap: Bootstrap = FEW,
    ) -> None:
        check_rows(reference.rows, len(reference.mean), "real")
        self.reference, self.scale = reference, scale
        self.moments = Moments(reference.mean, bootstrap)
        self.left_out = 0
        self.label = Label(
            f"{name}_{rows}" + ("" if scale == 1 else f"_x{scale:g}"),
            "1",
            f"{rows}s",
            f"squared Frechet distance over {rows}s times {scale:g}, {len(reference.mean)} features, "
            f"against {reference.rows} {rows}s of {reference.clips} real clips",
            extractor=reference.extractor,
        )

    def update(self, rows: Any, *, clip: str, extractor: str) -> None:
        """Take features [N, D] of a made clip; a clip without rows is left out.

        Raises:
            UserError: the features are from another extractor than the reference.
        """
        check_extractor(extractor, self.reference.extractor)
        values = feature_rows(rows, clip=clip, dim=len(self.reference.mean))
        if not len(values):
            self.left_out += 1
            return
        self.moments.add(values, clip=clip)

    def compute(self) -> Value:
        """The distance over all clips so far.

        Raises:
            UserError: fewer rows than features + 1, which give no covariance.
        """
        sums = self.moments.sums
        check_rows(int(sums.total[0]), len(self.reference.mean), "made")
        return self.label.value(
            self._distance(sums.total),
            count=int(sums.total[0]),
            clips=len(sums.clips),
            replicates=np.array([self._distance(drawn) for drawn in sums.drawn]),
            centred=True,
            left_out=self.left_out,
        )

    def _distance(self, sums: np.ndarray) -> float:
        if sums[0] <= len(self.reference.mean):
            return float("nan")
        mean, covariance, _ = self.moments.statistics(sums)
        return self.scale * frechet_distance(mean, covariance, self.reference.mean, self.reference.covariance)


@renamed_keywords({"made": "generated"})
def frechet_infinite(
    generated: Mapping[str, Any],
    reference: Reference,
    *,
    extractor: str,
    rows: str = "window",
    sizes: int = 8,
    draws: int = 4,
    seed: int = 0,
) -> Value:
    """The Frechet distance that endlessly many made clips would have, extrapolated.

    The distance falls with 1 / clips towards its limit (Chong and Forsyth 2020); a straight line
    through subsets of 50 to 100 % of the clips gives it. The line is a model, the reference stays as
    small as it is, and there is no interval: to compare sets of different size, not to print alone.

    Args:
        generated: clip id -> features [N, D].

    Raises:
        UserError: fewer than ten clips with rows, or too few rows in half of them for a covariance.
    """
    check_extractor(extractor, reference.extractor)
    dim = len(reference.mean)
    clips = {clip: feature_rows(values, clip=clip, dim=dim) for clip, values in sorted(generated.items())}
    parts = [values for values in clips.values() if len(values)]
    if len(parts) < 10:
        raise UserError(f"{len(parts)} clips have features; give at least 10 to extrapolate from")
    rng = np.random.default_rng(seed)
    inverse, distances = [], []
    for size in np.linspace(len(parts) / 2, len(parts), sizes).astype(int):
        for _ in range(draws):
            some = np.concatenate([parts[k] for k in rng.permutation(len(parts))[:size]])
            check_rows(len(some), dim, "made")
            covariance = np.cov(some, rowvar=False).reshape(dim, dim)
            distances.append(frechet_distance(some.mean(axis=0), covariance, reference.mean, reference.covariance))
            inverse.append(1 / size)
    label = Label(
        f"fgd_{rows}_infinite",
        "1",
        f"{rows}s",
        f"straight line over 1 / clips to endless clips, {dim} features",
        extractor=extractor,
    )
    return label.value(
        float(np.polynomial.Polynomial.fit(inverse, distances, 1)(0.0)),
        count=sum(map(len, parts)),
        clips=len(parts),
        left_out=len(clips) - len(parts),
    )


class KernelDistance:
    """Squared maximum mean discrepancy with a cubic kernel (KID, Binkowski et al. 2018), unbiased.

    k(x, y) = (x.y / D + 1)^3 on features divided by their real standard deviations (a decision of ours,
    so that no unit decides). Small sets give it no bias, only spread; it may come out below zero when
    there is nothing to tell apart. ``most`` rows of either side enter, drawn by clip id and seed.

    Args:
        real: real features [N, D].
        extractor: their extractor's id.
    """

    def __init__(
        self, real: Any, *, extractor: str, rows: str = "window", most: int = 2000, bootstrap: Bootstrap = DEFAULT
    ) -> None:
        values = feature_rows(real, clip="real")
        if len(values) < 2:
            raise UserError(f"{len(values)} rows of real features; give at least 2")
        if len(values) > most:
            values = values[np.random.default_rng(bootstrap.seed).permutation(len(values))[:most]]
        spread = values.std(axis=0)
        self.spread = np.where(spread > 0, spread, 1.0)
        self.real = values / self.spread
        kernel, n = _kernel(self.real, self.real), len(values)
        self.within = (kernel.sum() - np.trace(kernel)) / (n * (n - 1))
        self.most, self.bootstrap, self.left_out = most, bootstrap, 0
        self.rows = np.zeros((0, values.shape[1]))
        self.keys = np.zeros(0)  # random; the rows with the smallest stay
        self.clips: dict[str, int] = {}  # clip id -> rows so far, in order of arrival
        self.of = np.zeros(0, dtype=int)  # clip of every row
        self.label = Label(
            f"kid_{rows}",
            "1",
            f"{rows}s",
            f"unbiased MMD^2, cubic kernel, features over their real deviations, {len(values)} real {rows}s",
            extractor=extractor,
        )

    def update(self, rows: Any, *, clip: str, extractor: str) -> None:
        """Take features [N, D] of a made clip; a clip without rows is left out."""
        check_extractor(extractor, self.label.extractor)
        values = feature_rows(rows, clip=clip, dim=self.real.shape[1])
        if not len(values):
            self.left_out += 1
            return
        seen = self.clips.setdefault(clip, 0)
        rng = clip_rng(f"{clip} from {seen}", self.bootstrap.seed)
        self.clips[clip] = seen + len(values)
        number = list(self.clips).index(clip)
        keys = np.concatenate([self.keys, rng.random(len(values))])
        stay = np.argsort(keys, kind="stable")[: self.most]
        self.keys = keys[stay]
        self.rows = np.concatenate([self.rows, values / self.spread])[stay]
        self.of = np.concatenate([self.of, np.full(len(values), number)])[stay]

    def compute(self) -> Value:
        """The distance over all clips so far. Raises UserError with fewer than two rows."""
        if len(self.rows) < 2:
            raise self.label.nothing(self.left_out)
        own = _kernel(self.rows, self.rows)
        np.fill_diagonal(own, 0.0)
        across = _kernel(self.rows, self.real).mean(axis=1)

        def distance(weights: np.ndarray) -> np.ndarray:  # [rows, R] -> [R]
            with np.errstate(divide="ignore", invalid="ignore"):
                pairs = weights.sum(axis=0) ** 2 - (weights**2).sum(axis=0)
                within: np.ndarray = (weights * (own @ weights)).sum(axis=0) / pairs
                result: np.ndarray = within + self.within - 2 * (across @ weights) / weights.sum(axis=0)
                return result

        draws = np.stack([self.bootstrap.weights(clip) for clip in self.clips])
        return self.label.value(
            float(distance(np.ones((len(self.rows), 1)))[0]),
            count=sum(self.clips.values()),
            clips=len(self.clips),
            replicates=distance(draws[self.of]),
            left_out=self.left_out,
        )


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    kernel: np.ndarray = (a @ b.T / a.shape[1] + 1) ** 3
    return kernel
