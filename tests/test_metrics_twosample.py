"""A classifier that tells what can be told and no more."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
import scipy.stats

from cospeech.core.errors import UserError
from cospeech.metrics import two_sample
from cospeech.metrics.twosample import Classifier, mean_of_shares, wilson


def clips(seed: int, *, count: int = 20, rows: int = 12, shift: float = 0.0, spread: float = 1.0) -> dict:
    rng = np.random.default_rng(seed)
    return {f"clip{k}": shift + spread * rng.normal(size=(rows, 4)) for k in range(count)}


def test_equal_sets_cannot_be_told_apart():
    shares = []
    for seed in range(6):
        rows, whole = two_sample(clips(seed), clips(100 + seed), extractor="net-1", seed=seed)
        shares.append(rows.value)
        assert whole.interval[0] < 50 < whole.interval[1]
        assert rows.chance == whole.chance == 50
    assert abs(np.mean(shares) - 50) < 2.5


def test_shifted_sets_can():
    rows, whole = two_sample(clips(0, shift=0.4), clips(1), extractor="net-1")
    best = 100 * scipy.stats.norm.cdf(0.4)  # a shift of 0.4 along four axes is one of 0.8: half of it
    assert 55 < rows.value < best + 4
    assert rows.interval[0] > 50
    assert whole.value > rows.value  # twelve rows say more than one
    assert whole.interval[0] > 50
    assert (rows.counted, rows.count, whole.counted, whole.count) == ("rows", 480, "clips", 40)


def test_the_hidden_layer_sees_what_a_line_cannot():
    wide, narrow = clips(0, count=40, spread=2.5), clips(1, count=40)
    line, _ = two_sample(wide, narrow, extractor="net-1", hidden=0)
    net, _ = two_sample(wide, narrow, extractor="net-1")
    assert line.value < 60
    assert net.value > 75


def test_sides_of_unequal_size_weigh_the_same():
    rows, whole = two_sample(clips(0, count=40, rows=30), clips(1, count=8, rows=4), extractor="net-1")
    assert 30 < rows.value < 70  # calling all of them made would be 50 and not 97
    assert whole.count == 48


def test_no_clip_teaches_about_itself():
    """Every speech has a mark of its own: remembered, it would tell all; held out, it tells nothing."""
    rng = np.random.default_rng(0)
    marks = {f"clip{k}": 20 * rng.normal(size=4) for k in range(30)}
    made = {clip: mark + 0.01 * rng.normal(size=(20, 4)) for clip, mark in marks.items()}
    real = {clip: mark + 0.01 * rng.normal(size=(20, 4)) for clip, mark in marks.items()}
    rows, _ = two_sample(made, real, extractor="net-1")
    assert 40 < rows.value < 60


def test_the_same_seed_gives_the_same():
    first = two_sample(clips(0), clips(1), extractor="net-1", seed=3)
    again = two_sample(dict(reversed(clips(0).items())), clips(1), extractor="net-1", seed=3)
    assert first[0].value == again[0].value
    assert first[1].interval == again[1].interval


def test_gradients_are_those_of_the_loss():
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(7, 4)), np.array([1.0, 0, 1, 1, 0, 0, 1])
    for hidden in (0, 3):
        model = Classifier.fit(x, x + 1, hidden=hidden, steps=3, seed=0)
        sizes = [w.size for w in model.weights]

        def loss(flat: np.ndarray, model=model, sizes=sizes) -> float:
            parts = np.split(flat, np.cumsum(sizes)[:-1])
            model.weights = [p.reshape(w.shape) for p, w in zip(parts, model.weights, strict=True)]
            logit = model._forward(x)[0]
            return float(np.mean(np.logaddexp(0, logit) - target * logit))

        flat = np.concatenate([w.ravel() for w in model.weights])
        exact = np.concatenate([g.ravel() for g in model._gradients(x, target)])
        np.testing.assert_allclose(scipy.optimize.approx_fprime(flat, loss, 1e-6), exact, atol=1e-5)


def test_logistic_regression_finds_the_best_line():
    """Near to what Newton's method gives on the same rows."""
    rng = np.random.default_rng(0)
    made, real = rng.normal(size=(400, 3)) + [1.0, 0.5, 0.0], rng.normal(size=(400, 3))
    model = Classifier.fit(made, real, hidden=0, steps=800, seed=0)
    rows = np.concatenate([made, real])
    target = np.repeat([1.0, 0.0], 400)
    scaled = np.column_stack([(rows - rows.mean(0)) / rows.std(0), np.ones(800)])

    def loss(w: np.ndarray) -> float:
        logit = scaled @ w
        return float(np.mean(np.logaddexp(0, logit) - target * logit) + 0.5e-3 * (w[:3] ** 2).sum())

    best = scipy.optimize.minimize(loss, np.zeros(4)).x
    np.testing.assert_allclose(np.concatenate(model.weights), best, atol=0.12)


def test_intervals_of_shares():
    for right, trials in ((0, 12), (5, 10), (40, 40)):
        expected = scipy.stats.binomtest(right, trials).proportion_ci(method="wilson")
        np.testing.assert_allclose(wilson(right, trials), [expected.low, expected.high], atol=1e-4)
    share, (low, high) = mean_of_shares(np.array([30.0, 10.0]), np.array([40.0, 40.0]))
    assert share == pytest.approx(0.5)
    reach = 1.96 * np.sqrt(0.75 * 0.25 / 40 * 2) / 2
    assert (high - low) / 2 == pytest.approx(reach, rel=0.1)


def test_what_is_needed():
    with pytest.raises(UserError, match="3 made clips"):
        two_sample(clips(0, count=3), clips(1), extractor="net-1")
    empty = {f"short{k}": np.zeros((0, 4)) for k in range(2)}
    rows, _ = two_sample(clips(0) | empty, clips(1), extractor="net-1")
    assert rows.left_out == 2
    narrow = {clip: values[:, :3] for clip, values in clips(1).items()}
    with pytest.raises(UserError, match="differ in number"):
        two_sample(clips(0), narrow, extractor="net-1")
