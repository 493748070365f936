"""Frechet and kernel distances against closed forms, scipy and sums written out."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from cospeech.core.errors import UserError
from cospeech.metrics import FrechetDistance, KernelDistance, Reference, frechet_infinite, paired_difference
from cospeech.metrics.base import Bootstrap
from cospeech.metrics.frechet import frechet_distance

ID = "net-1"


def covariance(rng: np.random.Generator, dim: int) -> np.ndarray:
    root = rng.normal(size=(dim, 2 * dim))
    return root @ root.T / dim


def features(
    seed: int, *, clips: int = 30, rows: int = 40, dim: int = 6, shift: float = 0.0, scale: float = 1.0
) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {f"clip{k}": shift + scale * rng.normal(size=(rows, dim)) for k in range(clips)}


def reference(rows: dict[str, np.ndarray], extractor: str = ID) -> Reference:
    return Reference.of(rows.items(), extractor=extractor)


def distance(made: dict[str, np.ndarray], real: Reference, **options: object) -> FrechetDistance:
    metric = FrechetDistance(real, **options)
    for clip, values in made.items():
        metric.update(values, clip=clip, extractor=real.extractor)
    return metric


@pytest.mark.parametrize("dim", [1, 4, 50])
def test_two_gaussians_as_scipy_has_it(dim):
    rng = np.random.default_rng(dim)
    a, b = covariance(rng, dim), covariance(rng, dim)
    m, n = rng.normal(size=dim), rng.normal(size=dim)
    root = scipy.linalg.sqrtm(a @ b).real
    expected = ((m - n) ** 2).sum() + np.trace(a + b - 2 * root)
    assert frechet_distance(m, a, n, b) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(n, b, m, a) == pytest.approx(expected, rel=1e-6)


def test_closed_forms():
    """Diagonal covariances: sum of (difference of deviations)^2; equal sets: nothing, to the last digit."""
    one, four = np.eye(3), 4.0 * np.eye(3)
    zero = np.zeros(3)
    assert frechet_distance(zero, one, zero, four) == pytest.approx(3.0)
    assert frechet_distance(np.array([3.0, 0, 4.0]), one, zero, one) == pytest.approx(25.0)
    own = covariance(np.random.default_rng(0), 40)
    assert frechet_distance(np.zeros(40), own, np.zeros(40), own) < 1e-12 * np.trace(own)


def test_singular_covariances_are_no_trouble():
    flat = np.diag([1.0, 1.0, 0.0, 0.0])
    other = np.diag([0.0, 4.0, 1.0, 0.0])
    zero = np.zeros(4)
    # only the second axis is shared: 1 + (1 - 2)^2 + 1
    assert frechet_distance(zero, flat, zero, other) == pytest.approx(3.0, abs=1e-7)
    with pytest.raises(UserError, match="negative eigenvalues"):
        frechet_distance(zero, np.diag([1.0, 1, 1, -1]), zero, other)


def test_streamed_sums_are_those_of_the_whole():
    real, made = features(0), features(1, shift=0.3, scale=1.4)
    ref = reference(real)
    a, b = (np.concatenate(list(rows.values())) for rows in (made, real))
    np.testing.assert_allclose(ref.covariance, np.cov(b, rowvar=False), atol=1e-12)
    expected = frechet_distance(a.mean(0), np.cov(a, rowvar=False), b.mean(0), np.cov(b, rowvar=False))
    value = distance(made, ref, rows="frame").compute()
    assert value.value == pytest.approx(expected, rel=1e-9)
    assert (value.name, value.count, value.clips, value.extractor) == ("fgd_frame", 1200, 30, ID)
    parts = FrechetDistance(ref, rows="frame")
    for clip, rows in made.items():
        parts.update(rows[:7], clip=clip, extractor=ID)
        parts.update(rows[7:], clip=clip, extractor=ID)
    np.testing.assert_allclose(parts.compute().replicates, value.replicates)
    assert distance(real, ref).compute().value < 1e-9


def test_far_from_zero_the_spread_is_kept():
    """Sums of squares of features near 10^6 would swallow a spread of 1."""
    near, far = features(0), features(0, shift=1e6)
    moved = distance(features(1, shift=1e6 + 0.5), reference(far)).compute().value
    assert moved == pytest.approx(distance(features(1, shift=0.5), reference(near)).compute().value, rel=1e-6)


def test_the_scale_is_in_the_name():
    real, made = features(0), features(1, shift=0.5)
    plain, ten = (distance(made, reference(real), scale=scale).compute() for scale in (1.0, 10.0))
    assert ten.value == pytest.approx(10 * plain.value)
    assert (plain.name, ten.name) == ("fgd_window", "fgd_window_x10")
    with pytest.raises(UserError, match="same metric"):
        paired_difference(plain, ten)


def test_intervals_hold_the_value_and_pairs_tell_systems_apart():
    ref = reference(features(0, clips=200))
    made = features(1, shift=0.3)
    better = {clip: rows - 0.01 for clip, rows in made.items()}
    a, b = distance(made, ref).compute(), distance(better, ref).compute()
    assert a.interval[0] < a.value < a.interval[1]
    assert a.interval[0] < b.value  # alone the two cannot be told apart
    gap, (low, _) = paired_difference(a, b)
    assert gap > low > 0


def test_bias_of_small_sets_is_extrapolated_away():
    ref = reference(features(0, clips=400))
    true = distance(features(2, clips=400), ref).compute().value
    sets = [features(seed, clips=16, rows=8) for seed in range(3, 11)]
    biased = np.array([distance(some, ref).compute().value for some in sets])
    endless = [frechet_infinite(some, ref, extractor=ID) for some in sets]
    assert biased.min() > 4 * true
    assert abs(np.mean([value.value for value in endless]) - true) < 0.3 * (biased.mean() - true)
    assert endless[0].interval is None
    with pytest.raises(UserError, match="at least 10"):
        frechet_infinite(features(1, clips=9), ref, extractor=ID)


def test_too_few_rows_are_an_error_and_no_number():
    real = reference(features(0))
    with pytest.raises(UserError, match="6 rows of real features cannot give a covariance of 6"):
        reference(features(0, clips=1, rows=6))
    metric = distance(features(1, clips=1, rows=6), real)
    with pytest.raises(UserError, match="6 rows of made features"):
        metric.compute()
    metric.update(np.zeros((1, 6)), clip="more", extractor=ID)
    assert metric.compute().interval is None
    metric.update(np.zeros((0, 6)), clip="short", extractor=ID)
    assert metric.compute().left_out == 1


def test_extractors_never_mix():
    real = reference(features(0))
    for metric in (FrechetDistance(real), KernelDistance(np.eye(6), extractor=ID)):
        with pytest.raises(UserError, match="'net-2' cannot be compared with those of 'net-1'"):
            metric.update(np.zeros((9, 6)), clip="a", extractor="net-2")
        with pytest.raises(UserError, match=r"\[rows, 6\], got \[9, 5\]"):
            metric.update(np.zeros((9, 5)), clip="a", extractor=ID)
    with pytest.raises(UserError, match="cannot be compared"):
        frechet_infinite(features(1), real, extractor="net-2")


def test_a_reference_is_kept_in_a_file(tmp_path):
    real = reference(features(0))
    back = Reference.load(real.save(tmp_path / "real.npz"))
    np.testing.assert_array_equal(back.covariance, real.covariance)
    assert (back.extractor, back.rows, back.clips) == (ID, 1200, 30)
    (tmp_path / "bad.npz").write_bytes(b"nothing")
    for name in ("bad.npz", "absent.npz"):
        with pytest.raises(UserError, match="no reference statistics"):
            Reference.load(tmp_path / name)
    with pytest.raises(UserError, match="no features"):
        Reference.of([("a", np.zeros((0, 4)))], extractor=ID)


def kernel(rows: dict[str, np.ndarray], real: np.ndarray, **options: object) -> KernelDistance:
    metric = KernelDistance(real, extractor=ID, **options)
    for clip, values in rows.items():
        metric.update(values, clip=clip, extractor=ID)
    return metric


def test_kernel_distance_written_out():
    real = np.concatenate(list(features(0, clips=4, rows=5).values()))
    made = features(1, clips=3, rows=4, shift=0.4)
    rows = np.concatenate(list(made.values())) / real.std(axis=0)
    truth = real / real.std(axis=0)

    def k(x: np.ndarray, y: np.ndarray) -> float:
        return (x @ y / 6 + 1) ** 3

    def within(x: np.ndarray) -> float:
        return np.mean([k(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j])

    expected = within(rows) + within(truth) - 2 * np.mean([[k(x, y) for y in truth] for x in rows])
    assert kernel(made, real).compute().value == pytest.approx(expected)


def test_kernel_distance_has_no_bias_and_sees_a_shift():
    real = np.concatenate(list(features(0, clips=10).values()))
    values = [kernel(features(seed, clips=6, rows=5), real).compute().value for seed in range(1, 60)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values)) + 0.01
    assert min(values) < 0
    far = kernel(features(1, shift=0.5), real).compute()
    assert far.interval[0] > 0.1
    assert far.interval[0] < far.value < far.interval[1]


def test_kernel_distance_keeps_a_bounded_draw_that_hangs_on_clips_alone():
    real = np.concatenate(list(features(0).values()))
    made = features(1, shift=0.3)
    full = kernel(made, real).compute()
    few = kernel(made, real, most=300)
    back = kernel(dict(reversed(made.items())), real, most=300)
    assert len(few.rows) == 300
    assert few.compute().value == pytest.approx(back.compute().value)
    assert few.compute().value == pytest.approx(full.value, abs=0.1)
    assert few.compute().count == full.count == 1200
    with pytest.raises(UserError, match="at least 2"):
        KernelDistance(real[:1], extractor=ID)
    with pytest.raises(UserError, match="nothing to measure"):
        kernel({}, real).compute()


def test_wide_features_take_fewer_replicates():
    metric = FrechetDistance(Reference(ID, np.zeros(300), np.eye(300), 1000, 10), bootstrap=Bootstrap(replicates=2000))
    assert 2**27 < metric.moments.sums.drawn.nbytes <= 2**28
