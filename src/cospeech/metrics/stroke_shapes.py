"""How many different shapes strokes have: perplexity over clusters of the paths of real strokes.

Averages of speed and size are reached by one gesture over and over; this counts gestures. All is in the frame of the
chest, on the canonical skeleton. Ours, after the perplexity of codebooks (van den Oord and others 2017).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..core.errors import UserError
from ..motion.motion import Motion
from ..motion.phases import hand_speed, strokes, wrists_in_chest
from .base import DEFAULT, Bootstrap, Label, Sums, Value, clip_rng
from .inputs import check_canonical

CLUSTERS = 60
SAMPLES = 12  # of a path, evenly in time from its beginning to its end
EDGE = 1 / 3  # of its greatest speed: below it the stroke has not begun, or has ended
LONGEST = 0.6  # seconds before and after the greatest speed that belong to a stroke at most
COUNTED = 500  # strokes of which the perplexity is given: it grows with their number
DRAWS = 20  # random choices of so many strokes, averaged
ROUNDS = 40  # of k-means at most
EXTRACTOR = "stroke-paths-1"  # changes with the paths


def stroke_paths(motion: Motion) -> np.ndarray:
    """[S, SAMPLES * 6] metres: the paths of both wrists in the chest's frame during every stroke.

    A stroke lasts from where the stroking hand has a third of its greatest speed to where it has fallen to that again.
    Each hand's path is relative to where it begins, sampled evenly in time: first the stroking hand, then the other.
    Strokes of the right hand are mirrored, so that a gesture and its mirror image have one shape.
    """
    wrists, speed = wrists_in_chest(motion).astype(np.float64), hand_speed(motion)
    reach, frames = round(LONGEST * motion.fps), np.arange(len(motion))
    paths = []
    for stroke in strokes(motion):
        side = ("left", "right").index(stroke.side)
        peak = round(stroke.time * motion.fps)
        slow = speed[:, side] <= EDGE * speed[peak, side]
        before, after = np.flatnonzero(slow[:peak]), np.flatnonzero(slow[peak:]) + peak
        first = max(before[-1] if len(before) else 0, peak - reach)
        last = min(after[0] if len(after) else len(motion) - 1, peak + reach)
        at = np.linspace(first, last, SAMPLES)
        order = [side, 1 - side]
        columns = [np.interp(at, frames, wrists[:, hand, axis]) for hand in order for axis in range(3)]
        path = np.stack(columns, axis=-1).reshape(SAMPLES, 2, 3)
        path = (path - path[:1]) * ([-1.0, 1.0, 1.0] if side else [1.0, 1.0, 1.0])
        paths.append(path.ravel())
    return np.array(paths, dtype=np.float64).reshape(-1, SAMPLES * 6)


@dataclass(frozen=True, eq=False)
class StrokeClusters:
    """Clusters of the paths of real strokes."""

    centres: np.ndarray  # [CLUSTERS, D] metres
    strokes: int  # that they were fitted on

    @classmethod
    def fit(cls, paths: np.ndarray, *, seed: int = 0) -> StrokeClusters:
        """k-means on paths [S, D], begun as k-means++ does (Arthur and Vassilvitskii 2007); the same for one seed.

        Raises:
            UserError: fewer strokes than clusters.
        """
        if len(paths) < CLUSTERS:
            raise UserError(f"{CLUSTERS} clusters of strokes need as many strokes, got {len(paths)}; give more motion")
        rng = np.random.default_rng(seed)
        centres = [paths[rng.integers(len(paths))]]
        gaps = ((paths - centres[0]) ** 2).sum(axis=1)
        for _ in range(CLUSTERS - 1):
            total = gaps.sum()
            share = gaps / total if total > 0 else np.full(len(paths), 1 / len(paths))
            centres.append(paths[rng.choice(len(paths), p=share)])
            gaps = np.minimum(gaps, ((paths - centres[-1]) ** 2).sum(axis=1))
        found = cls(np.array(centres), len(paths))
        labels = found.nearest(paths)
        for _ in range(ROUNDS):
            moved = [
                paths[labels == k].mean(axis=0) if (labels == k).any() else found.centres[k] for k in range(CLUSTERS)
            ]
            found = cls(np.array(moved), len(paths))
            before, labels = labels, found.nearest(paths)
            if (before == labels).all():
                break
        return found

    @classmethod
    def of(cls, motions: Iterable[Motion], *, seed: int = 0) -> StrokeClusters:
        """Clusters of the strokes of motions. Raises UserError if there are too few."""
        return cls.fit(np.concatenate([np.zeros((0, SAMPLES * 6)), *map(stroke_paths, motions)]), seed=seed)

    def nearest(self, paths: np.ndarray) -> np.ndarray:
        """[S] the cluster of each of the paths [S, D]."""
        gaps = (self.centres**2).sum(axis=1) - 2 * paths @ self.centres.T
        nearest: np.ndarray = gaps.argmin(axis=1)
        return nearest


def perplexity(counts: np.ndarray) -> np.ndarray:
    """exp of the entropy of counts [..., K]: how many kinds there would be if all were as frequent. [...]

    >>> float(perplexity(np.array([5, 5, 0, 0])).round(6))
    2.0
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = counts / counts.sum(axis=-1, keepdims=True)
        terms = np.where(shares > 0, shares * np.log(shares), 0.0)
    result: np.ndarray = np.exp(-terms.sum(axis=-1))
    return result


class StrokeShapes:
    """Perplexity of stroke shapes: exp(-sum_k p_k log p_k), p_k the share of cluster k, 1 to 60. Ours. [D]

    Of ``counted`` strokes drawn from all, the mean of ``DRAWS`` draws, since it grows with their number; of fewer if
    there are fewer, and then compare only with the same number. Real motion of the same number of people stands
    beside it: one person has fewer shapes than four.
    """

    def __init__(self, clusters: StrokeClusters, *, counted: int = COUNTED, bootstrap: Bootstrap = DEFAULT) -> None:
        self.clusters, self.counted = clusters, counted
        self.sums = Sums(CLUSTERS, bootstrap)
        self.left_out = 0
        how = f"perplexity over {CLUSTERS} clusters of {clusters.strokes} real strokes, of {counted} strokes at most"
        self.label = Label("stroke_shapes", "1", "strokes", how, "real", EXTRACTOR)

    def update(self, motion: Motion, *, clip: str) -> None:
        """Take a clip on the canonical skeleton; one without strokes is left out."""
        check_canonical(motion, clip=clip)
        paths = stroke_paths(motion)
        if not len(paths):
            self.left_out += 1
            return
        self.sums.add(np.bincount(self.clusters.nearest(paths), minlength=CLUSTERS), clip=clip)

    def compute(self) -> Value:
        """The figure of all clips so far. Raises UserError without strokes."""
        counts = self.sums.total.astype(np.int64)
        found = int(counts.sum())
        if not found:
            raise self.label.nothing(self.left_out)
        rng = clip_rng("strokes", self.sums.bootstrap.seed)
        drawn = rng.multivariate_hypergeometric(counts, min(found, self.counted), size=DRAWS)
        return self.label.value(
            float(perplexity(drawn).mean()),
            count=min(found, self.counted),
            clips=len(self.sums.clips),
            replicates=self.sums.figure(perplexity)[1],
            centred=True,
            left_out=self.left_out,
        )
