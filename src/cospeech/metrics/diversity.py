"""How different gestures are: within a clip, between clips, between takes of one speech.

Papers say the more the better; but noise is diverse, so the value of real motion is the mark. None of
these compares between skeletons, rates, clip lengths or extractors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import UserError
from .base import DEFAULT, Bootstrap, Label, MeanMetric, Sums, Value
from .inputs import Body, check_extractor, feature_rows, finite, points


class L1Div(MeanMetric):
    """L1 diversity of BEAT: sum over coordinates of |x - mean of the clip|, mean over all frames.

    On joint positions in the world in metres, translation included, as in the public code: it grows
    with the number of joints and the length of clips.
    """

    def __init__(self, *, bootstrap: Bootstrap = DEFAULT) -> None:
        label = Label("l1div", "m", "frames", "sum over joints and axes of |x - clip mean|, a frame", "real")
        super().__init__(label, bootstrap)

    def update(self, body: Body, *, clip: str) -> None:
        """Take a whole clip: a motion, or points [T, K, D]. A clip must come in one piece."""
        place = points(body, clip=clip)
        self.add(float(np.abs(place - place.mean(axis=0)).sum()), len(place), clip=clip)


class PairwiseL1:
    """Mean absolute difference between clips, over all pairs within groups of 50 in order of arrival.

    The diversity of DiffSHEG and its parents: mean over frames and coordinates of |a - b|, then over
    pairs. The last group may be smaller; one clip that is left alone counts as left out. All clips must
    have one shape, so cut windows of one length.
    """

    def __init__(self, *, group: int = 50, bootstrap: Bootstrap = DEFAULT) -> None:
        self.group, self.bootstrap = group, bootstrap
        self.waiting: list[np.ndarray] = []
        self.weights: list[np.ndarray] = []
        self.names: list[str] = []
        self.total, self.drawn = np.zeros(2), np.zeros((bootstrap.replicates, 2))
        self.label = Label(
            f"pairwise_l1_groups{group}",
            "m",
            "pairs",
            f"mean |a - b| over frames and coordinates, all pairs in groups of {group} clips",
            "real",
        )

    def update(self, body: Body, *, clip: str) -> None:
        """Take one clip: a motion, or points [T, K, D].

        Raises:
            UserError: the shape is not that of the first clip.
        """
        place = points(body, clip=clip)
        if self.waiting and place.shape != self.waiting[0].shape:
            shapes = f"shape {list(place.shape)}, the clips before it {list(self.waiting[0].shape)}"
            raise UserError(f"clip {clip!r}: {shapes}; cut all clips to one length")
        if len(self.waiting) == self.group:
            self._close(self.total, self.drawn)
            self.waiting, self.weights = [], []
        self.waiting.append(place)
        self.weights.append(self.bootstrap.weights(clip))
        self.names.append(clip)

    def _close(self, total: np.ndarray, drawn: np.ndarray) -> None:
        """Add the pairs of the waiting group to sums (in place)."""
        flat = np.stack(self.waiting).reshape(len(self.waiting), -1)
        weights = np.array(self.weights)
        for i in range(len(flat) - 1):
            gaps = np.abs(flat[i + 1 :] - flat[i]).mean(axis=1)
            total += [gaps.sum(), len(gaps)]
            both = weights[i] * weights[i + 1 :]  # [pairs, replicates]
            drawn += np.stack([gaps @ both, both.sum(axis=0)], axis=1)

    def compute(self) -> Value:
        """The mean over all pairs so far. Raises UserError with fewer than two clips."""
        total, drawn = self.total.copy(), self.drawn.copy()
        if self.waiting:
            self._close(total, drawn)
        alone = int(len(self.waiting) == 1)
        if not total[1]:
            raise self.label.nothing(alone)
        with np.errstate(invalid="ignore"):
            replicates = drawn[:, 0] / drawn[:, 1]
        return self.label.value(
            total[0] / total[1], count=int(total[1]), clips=len(set(self.names)), replicates=replicates, left_out=alone
        )


class FeatureDiversity:
    """Mean L2 distance between features of clips drawn by chance: 5 pairs, 10 times over.

    As published (Lee et al. 2019 and after), the two rows of a pair from different clips; fifty pairs
    are few, and the interval, over pairs, says so. With ``pairs=None`` all pairs of rows of different
    clips count, once, which is steadier. [D]
    """

    def __init__(
        self, *, extractor: str, pairs: int | None = 5, repeats: int = 10, bootstrap: Bootstrap = DEFAULT
    ) -> None:
        self.pairs, self.repeats, self.bootstrap = pairs, repeats, bootstrap
        self.rows: list[np.ndarray] = []
        self.clips: list[str] = []
        self.left_out = 0
        self.label = Label(
            "feature_diversity" + ("_all" if pairs is None else f"_{pairs}x{repeats}"),
            "1",
            "pairs",
            "mean L2 distance of features, "
            + ("all pairs of rows of different clips" if pairs is None else f"{pairs} pairs x {repeats}"),
            "real",
            extractor,
        )

    def update(self, rows: Any, *, clip: str, extractor: str) -> None:
        """Take features [N, D] of a clip; a clip without rows is left out."""
        check_extractor(extractor, self.label.extractor)
        values = feature_rows(rows, clip=clip, dim=self.rows[0].shape[1] if self.rows else None)
        if not len(values):
            self.left_out += 1
            return
        self.rows.append(values)
        self.clips.append(clip)

    def compute(self) -> Value:
        """The mean over the pairs drawn. Raises UserError with fewer than two clips."""
        if len(set(self.clips)) < 2:
            raise self.label.nothing(self.left_out)
        rows = np.concatenate(self.rows)
        names = np.repeat(np.array(self.clips), [len(part) for part in self.rows])
        count, value, replicates = (self._all if self.pairs is None else self._drawn)(rows, names)
        return self.label.value(
            value, count=count, clips=len(set(self.clips)), replicates=replicates, left_out=self.left_out
        )

    def _drawn(self, rows: np.ndarray, names: np.ndarray) -> tuple[int, float, np.ndarray]:
        rng = np.random.default_rng(self.bootstrap.seed)
        sums = Sums(2, self.bootstrap)
        for number in range((self.pairs or 0) * self.repeats):
            first = int(rng.integers(len(rows)))
            others = np.flatnonzero(names != names[first])
            second = int(others[rng.integers(len(others))])
            gap = float(np.linalg.norm(rows[first] - rows[second]))
            sums.add([gap, 1.0], clip=f"pair {number}")
        value, replicates = sums.figure(lambda s: s[..., 0] / s[..., 1])
        return int(sums.total[1]), value, replicates

    def _all(self, rows: np.ndarray, names: np.ndarray) -> tuple[int, float, np.ndarray]:
        known, number = np.unique(names, return_inverse=True)
        order = np.argsort(number, kind="stable")
        rows, first = rows[order], np.searchsorted(number[order], np.arange(len(known)))
        gaps = np.zeros((len(known), len(known)))  # sums over the rows of two clips
        for k in range(len(known) - 1):
            after = first[k + 1]
            way = _distances(rows[first[k] : after], rows[after:]).sum(axis=0)
            gaps[k, k + 1 :] = np.add.reduceat(way, first[k + 1 :] - after)
        sizes = np.bincount(number)
        pairs = np.triu(np.outer(sizes, sizes), 1)
        weights = np.stack([self.bootstrap.weights(str(name)) for name in known])  # [clips, replicates]
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = (weights * (gaps @ weights)).sum(axis=0) / (weights * (pairs @ weights)).sum(axis=0)
        return int(pairs.sum()), float(gaps.sum() / pairs.sum()), drawn


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[N, M] L2 distances between rows [N, D] and [M, D]."""
    square = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * a @ b.T
    distances: np.ndarray = np.sqrt(np.maximum(square, 0.0))
    return distances


class Multimodality(MeanMetric):
    """Mean L2 distance between features of several takes for one speech, then over speeches.

    All pairs of takes, where the text-to-motion papers draw ten of them. [D]
    """

    def __init__(self, *, extractor: str, bootstrap: Bootstrap = DEFAULT) -> None:
        label = Label("multimodality", "1", "speeches", "mean L2 distance over all pairs of takes", "real", extractor)
        super().__init__(label, bootstrap)

    def update(self, takes: Any, *, clip: str, extractor: str) -> None:
        """Take features [V, D], or [V, rows, D], of V takes for one speech, ``clip`` its id.

        Raises:
            UserError: fewer than two takes, or another extractor.
        """
        check_extractor(extractor, self.label.extractor)
        values = finite(takes, clip=clip, what="features")
        if values.ndim not in (2, 3) or len(values) < 2:
            raise UserError(
                f"clip {clip!r}: takes must be [V, D] or [V, rows, D] with V >= 2, got {list(values.shape)}"
            )
        i, j = np.triu_indices(len(values), 1)
        self.add(float(np.linalg.norm(values[i] - values[j], axis=-1).mean()), 1, clip=clip)
