"""Thin-plate splines: points go to points, affine maps are kept, bending is least."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import RBFInterpolator

from cospeech.video.warping.splines import RIDGE, basis, fit_spline, radial

PLACES = np.stack(np.meshgrid(np.linspace(-1.5, 1.5, 13), np.linspace(-1.5, 1.5, 13)), -1).reshape(-1, 2)


def scattered(seed: int, count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of points, the second near the first."""
    rng = np.random.default_rng(seed)
    driven = rng.uniform(-1, 1, (count, 2))
    return driven, driven + rng.normal(0, 0.1, (count, 2))


def test_radial_is_r_squared_log_r_squared():
    r = np.array([0.0, 0.3, 1.0, 2.0])
    np.testing.assert_allclose(radial(r**2)[1:], r[1:] ** 2 * np.log(r[1:] ** 2))
    assert radial(r**2)[0] == 0


@given(st.integers(0, 10_000), st.integers(3, 40))
def test_points_go_to_points(seed, count):
    driven, source = scattered(seed, count)
    nearest = np.linalg.norm(driven[:, None] - driven, axis=-1) + 9 * np.eye(count)
    if nearest.min() < 0.02:
        return
    np.testing.assert_allclose(fit_spline(driven, source, ridge=0)(driven), source, atol=1e-5)


def test_a_ridge_leaves_points_a_little_off_and_bends_less():
    driven, source = scattered(1)
    exact, soft = fit_spline(driven, source, ridge=0), fit_spline(driven, source, ridge=RIDGE)
    off = np.abs(soft(driven) - source).max()
    assert 1e-3 < off < 0.1
    assert bending(soft) < 0.9 * bending(exact)


def bending(spline) -> float:
    """The integral that thin plates make least, up to a factor: w^T K w (Bookstein 1989)."""
    count = spline.control.shape[-2]
    kernel, w = basis(spline.control, spline.control)[:, :count], spline.weights[:count]
    return float(np.trace(w.T @ kernel @ w))


@pytest.mark.parametrize("ridge", [0.0, RIDGE, 1.0])
def test_affine_maps_are_kept_everywhere(ridge):
    driven, _ = scattered(2)
    matrix, offset = np.array([[0.8, -0.5], [0.3, 1.4]]), np.array([0.2, -0.7])
    spline = fit_spline(driven, driven @ matrix.T + offset, ridge=ridge)
    np.testing.assert_allclose(spline(PLACES), PLACES @ matrix.T + offset, atol=1e-6)
    assert np.abs(spline.weights[:-3]).max() < 1e-6


@pytest.mark.parametrize("ridge", [0.0, RIDGE])
def test_side_conditions(ridge):
    """Weights neither push nor turn the plate as a whole: sum w = 0, sum w x = 0."""
    driven, source = scattered(3, 30)
    w = fit_spline(driven, source, ridge=ridge).weights[:-3]
    assert np.abs(w).max() > 0.01
    np.testing.assert_allclose(w.sum(0), 0, atol=1e-7)
    np.testing.assert_allclose(driven.T @ w, 0, atol=1e-7)


@pytest.mark.parametrize("ridge", [0.0, 0.02])
def test_as_scipy_has_it(ridge):
    """SciPy's kernel r^2 log r is half of ours, so it needs half of the ridge for the same map."""
    driven, source = scattered(4, 20)
    reference = RBFInterpolator(driven, source, kernel="thin_plate_spline", degree=1, smoothing=ridge / 2)
    np.testing.assert_allclose(fit_spline(driven, source, ridge=ridge)(PLACES), reference(PLACES), atol=1e-5)


@pytest.mark.parametrize("lift", [0.0, 1e-12, 1e-7, 1e-3])
def test_points_nearly_on_a_line_stay_finite(lift):
    """The four points of a finger; where they say nothing across it, the map does least across it."""
    line = np.stack([np.linspace(-0.2, 0.3, 4), lift * np.array([0, 1, -1, 0])], -1)
    source = line + [[0.1, 0.0], [0.1, 0.02], [0.1, 0.03], [0.1, 0.05]]
    spline = fit_spline(line, source)
    assert np.isfinite(spline(PLACES)).all()
    assert np.abs(spline(line) - source).max() < 0.05
    if lift < 1e-9:
        across = np.linalg.norm(spline(line + [0, 0.05]) - spline(line), axis=1)
        assert across.max() < 0.05


def test_points_at_one_place_stay_finite():
    same = np.full((5, 2), 0.3)
    source = same + np.random.default_rng(0).normal(0, 0.01, (5, 2))
    values = fit_spline(same, source)(PLACES)
    assert np.isfinite(values).all()
    np.testing.assert_allclose(fit_spline(same, source)(same), source.mean(0)[None].repeat(5, 0), atol=0.03)


def test_many_at_once_are_as_one_by_one():
    both = [scattered(seed) for seed in (5, 6, 7)]
    driven, source = (np.stack(values) for values in zip(*both, strict=True))
    together = fit_spline(driven, source)(np.stack([PLACES] * 3))
    for one, (a, b) in zip(together, both, strict=True):
        np.testing.assert_allclose(one, fit_spline(a, b)(PLACES), atol=1e-9)


def test_wrong_shapes_are_refused():
    four = np.zeros((4, 2))
    for driven, source in ((four, four[:3]), (four[:2], four[:2]), (np.zeros((4, 3)), np.zeros((4, 3)))):
        with pytest.raises(ValueError, match="three points or more"):
            fit_spline(driven, source)
