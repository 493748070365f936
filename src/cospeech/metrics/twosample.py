"""Can a classifier tell made motion from real motion? Ours, after Lopez-Paz and Oquab (2017).

A small network learns on half of the clips and is asked about the other half, and once more the other
way round. 50 % right means that it cannot tell; the features must be able to show what would be wrong,
so the value speaks for the extractor as much as for the motion.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.deprecation import renamed_keywords
from ..core.errors import UserError
from .base import DEFAULT, Bootstrap, Label, Sums, Value
from .inputs import feature_rows

LEAST = 4  # clips of either side


@renamed_keywords({"made": "generated"})
def two_sample(
    generated: Mapping[str, Any],
    real: Mapping[str, Any],
    *,
    extractor: str,
    hidden: int = 32,
    steps: int = 400,
    seed: int = 0,
    least_spread: float = 1e-12,
    bootstrap: Bootstrap = DEFAULT,
) -> tuple[Value, Value]:
    """Held-out accuracy of telling made from real: of rows, and of whole clips.

    Features are standardised by the half that is learned from. Both sides weigh the same, however many
    rows they have: accuracy is the mean of that on made and that on real. A clip is called by the mean
    of its rows' logits. Clips with one id on both sides (one speech) are in one half.

    Args:
        generated, real: clip id -> features [N, D]; clips without rows are left out.
        hidden: units of the one hidden layer; 0 is logistic regression.
        steps: steps of Adam on 256 rows.
        least_spread: features that spread less than this are only centred, so that rounding does not count.

    Returns:
        ``two_sample_rows`` with a bootstrap interval, ``two_sample_clips`` with a binomial one (Wilson
        of either side, put together by Newcombe's rule); percent.

    Raises:
        UserError: fewer than four clips on a side.
    """
    sides = [_side(rows, name) for name, rows in (("made", generated), ("real", real))]
    if sides[0][0][1].shape[1] != sides[1][0][1].shape[1]:
        raise UserError("made and real features differ in number; extract both with the same extractor")
    left_out = len(generated) + len(real) - len(sides[0]) - len(sides[1])
    halves = _halves(sides, seed)
    rows = Sums(4, bootstrap)  # right and all of made, right and all of real
    right, trials = np.zeros(2), np.zeros(2)
    for fold in (0, 1):
        learn = [[v for clip, v in side if halves[clip] != fold] for side in sides]
        model = Classifier.fit(
            np.concatenate(learn[0]),
            np.concatenate(learn[1]),
            hidden=hidden,
            steps=steps,
            seed=seed + fold,
            least_spread=least_spread,
        )
        for side, sign in ((0, 1.0), (1, -1.0)):
            for clip, values in sides[side]:
                if halves[clip] != fold:
                    continue
                logit = sign * model.logits(values)
                sums = np.zeros(4)
                sums[2 * side : 2 * side + 2] = (logit > 0).sum() + 0.5 * (logit == 0).sum(), len(logit)
                rows.add(sums, clip=clip)
                right[side] += logit.mean() > 0
                trials[side] += 1
    value, replicates = rows.figure(lambda s: 50 * (s[..., 0] / s[..., 1] + s[..., 2] / s[..., 3]))
    kind = "logistic regression" if not hidden else f"network with {hidden} hidden units"
    how = f"{kind}, held-out halves by clip, both ways, both sides weigh the same"
    count = int(trials.sum())
    by_rows = Label("two_sample_rows", "%", "rows", how, "lower", extractor).value(
        value,
        count=int(rows.total[1] + rows.total[3]),
        clips=count,
        replicates=replicates,
        left_out=left_out,
        chance=50.0,
    )
    return by_rows, _of_clips(right, trials, how, extractor, left_out)


def _of_clips(right: np.ndarray, trials: np.ndarray, how: str, extractor: str, left_out: int) -> Value:
    """The share of clips that were called rightly, of either side."""
    count = int(trials.sum())
    share, interval = mean_of_shares(right, trials)
    return Value(
        "two_sample_clips",
        100 * share,
        "%",
        count,
        "clips",
        count,
        how,
        extractor,
        (100 * interval[0], 100 * interval[1]),
        "lower",
        left_out,
        50.0,
    )


def wilson(right: float, trials: float, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95 % interval of a share.

    >>> [round(x, 3) for x in wilson(5, 10)]
    [0.237, 0.763]
    """
    share = right / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    reach = z / (1 + z * z / trials) * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return float(middle - reach), float(middle + reach)


def mean_of_shares(right: np.ndarray, trials: np.ndarray) -> tuple[float, tuple[float, float]]:
    """The mean of two independent shares and its 95 % interval (Newcombe 1998, the rule for sums)."""
    share = right / trials
    spans = np.array([wilson(r, n) for r, n in zip(right, trials, strict=True)])
    middle = float(share.mean())
    below, above = np.sqrt(((share[:, None] - spans) ** 2).sum(axis=0)) / 2
    return middle, (float(middle - below), float(middle + above))


class Classifier:
    """Two layers of plain NumPy, trained by Adam: logits above 0 say "made"."""

    def __init__(self, weights: list[np.ndarray], mean: np.ndarray, spread: np.ndarray) -> None:
        self.weights, self.mean, self.spread = weights, mean, spread

    @classmethod
    def fit(
        cls,
        generated: np.ndarray,
        real: np.ndarray,
        *,
        hidden: int,
        steps: int,
        seed: int,
        rate: float = 0.01,
        decay: float = 1e-3,
        batch: int = 128,
        least_spread: float = 1e-12,
    ) -> Classifier:
        """Learn from rows [N, D] of both sides, as many of either in every step."""
        rng = np.random.default_rng(seed)
        rows = np.concatenate([generated, real])
        mean, spread = rows.mean(axis=0), rows.std(axis=0)
        spread = np.where(spread > least_spread, spread, 1.0)
        generated, real = (generated - mean) / spread, (real - mean) / spread
        dim = rows.shape[1]
        if hidden:
            weights = [rng.normal(size=(dim, hidden)) / np.sqrt(dim), np.zeros(hidden)]
            weights += [rng.normal(size=hidden) / np.sqrt(hidden), np.zeros(1)]
        else:
            weights = [np.zeros(dim), np.zeros(1)]
        model = cls(weights, np.zeros(dim), np.ones(dim))
        first = [np.zeros_like(w) for w in weights]
        second = [np.zeros_like(w) for w in weights]
        target = np.repeat([1.0, 0.0], batch)
        for step in range(1, steps + 1):
            x = np.concatenate([side[rng.integers(len(side), size=batch)] for side in (generated, real)])
            for k, gradient in enumerate(model._gradients(x, target)):
                gradient = gradient + decay * weights[k] * (weights[k].size > 1)
                first[k] += 0.1 * (gradient - first[k])
                second[k] += 0.001 * (gradient**2 - second[k])
                size = np.sqrt(second[k] / (1 - 0.999**step)) + 1e-8
                # the rate falls to zero, so that the last steps settle
                weights[k] -= rate * (1 - step / steps) * first[k] / (1 - 0.9**step) / size
        model.mean, model.spread = mean, spread
        return model

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """[N] of rows [N, D]."""
        return self._forward((rows - self.mean) / self.spread)[0]

    def _forward(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if len(self.weights) == 2:
            return x @ self.weights[0] + self.weights[1], x
        inner = np.tanh(x @ self.weights[0] + self.weights[1])
        return inner @ self.weights[2] + self.weights[3], inner

    def _gradients(self, x: np.ndarray, target: np.ndarray) -> list[np.ndarray]:
        """Gradients of the mean cross-entropy, as the weights."""
        logit, inner = self._forward(x)
        wrong = (0.5 * (1 + np.tanh(logit / 2)) - target) / len(x)
        last = [inner.T @ wrong, np.array([wrong.sum()])]
        if len(self.weights) == 2:
            return last
        back = np.outer(wrong, self.weights[2]) * (1 - inner**2)
        return [x.T @ back, back.sum(axis=0), *last]


def _side(rows: Mapping[str, Any], name: str) -> list[tuple[str, np.ndarray]]:
    """Clips with rows, in order of their ids."""
    side: list[tuple[str, np.ndarray]] = []
    for clip in sorted(rows):
        values = feature_rows(rows[clip], clip=clip, dim=side[0][1].shape[1] if side else None)
        if len(values):
            side.append((clip, values))
    if len(side) < LEAST:
        raise UserError(f"{len(side)} {name} clips have features; give at least {LEAST}")
    return side


def _halves(sides: list[list[tuple[str, np.ndarray]]], seed: int) -> dict[str, int]:
    """Clip id -> 0 or 1: clips of both sides, of made alone, of real alone are each cut into halves."""
    rng = np.random.default_rng(seed)
    generated, real = ({clip for clip, _ in side} for side in sides)
    halves: dict[str, int] = {}
    for group in (generated & real, generated - real, real - generated):
        order = rng.permutation(sorted(group))
        halves |= {str(clip): (k + len(halves)) % 2 for k, clip in enumerate(order)}
    return halves
