"""Curves through keypoints of eyes and lips: smooth, through the points, and finite for odd ones."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from cospeech.video.warping.face_curves import curve


def test_a_curve_goes_through_its_points_and_is_level_beyond():
    points = np.array([[-10.0, 0.0], [-3.0, -4.0], [4.0, -4.5], [10.0, 1.0]])
    np.testing.assert_allclose(curve(points, points[:, 0]), points[:, 1], atol=1e-9)
    np.testing.assert_allclose(curve(points, np.array([-50.0, 50.0])), [0.0, 1.0], atol=1e-9)
    fine = np.linspace(-10, 10, 2001)
    slopes = np.diff(curve(points, fine)) / np.diff(fine)
    assert np.abs(np.diff(slopes)).max() < 0.02  # no kink


@pytest.mark.parametrize(
    "x", [(0.0, 5.0, 3.0, 8.0), (0.0, 0.0, 0.0, 0.0), (5.0, 5.0, 5.0, 9.0), (8.0, 6.0, 3.0, 0.0), (0.0, 9.0, 9.0, 8.0)]
)
def test_points_out_of_order_give_a_finite_curve(x):
    points = np.stack([x, [0.0, -3.0, 4.0, 1.0]], -1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = curve(points, np.linspace(-5, 15, 101))
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 40
