"""Distances from the truth, by hand, and where public code does otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_rotation
from cospeech.metrics import LVD, MAJE, MPJPE, MPJRE, MSE, PCM, SRGR, DerivativeError
from cospeech.motion.motion import Motion
from format_data import canonical_motion

REAL = canonical_motion(40)


def once(metric, *sides):
    metric.update(*sides, clip="a")
    return metric.compute()


def moved(offset: list[float]) -> Motion:
    return Motion(REAL.skeleton, 30.0, REAL.rotations, REAL.translation + np.float32(offset))


def test_pcm_is_the_share_of_points_nearer_than_delta():
    real = np.zeros((2, 2, 2))
    made = np.array([[[0.06, 0.0], [0.1, 0.0]], [[0.06, 0.08], [0.05, 0.05]]])  # 0.06, 0.1, 0.1, 0.07
    assert once(PCM(0.1), made, real).value == 0.5  # strictly nearer
    assert once(PCM(0.065), made, real).value == 0.25
    assert once(PCM(0.1), made, real).name == "pcm_delta0.1"
    assert once(PCM(0.1), moved([0.0, 0.099, 0.0]), REAL).value == 1
    assert once(PCM(0.1), moved([0.0, 0.101, 0.0]), REAL).value == 0


def test_pcm_in_units_of_the_box():
    """Pixels or metres, near or far from the camera: the same share."""
    rng = np.random.default_rng(0)
    real = rng.uniform(0, 1, (30, 20, 2)) * [2.0, 1.0]
    made = real + rng.normal(0, 0.1, real.shape)
    side = max(np.ptp(real[..., 0]), np.ptp(real[..., 1]))
    expected = (np.linalg.norm(made - real, axis=-1) < 0.05 * side).mean()
    value = once(PCM(0.05, normalise="box"), made, real)
    assert value.value == pytest.approx(expected)
    assert 0.1 < expected < 0.9
    assert once(PCM(0.05, normalise="box"), 640 * made + 100, 640 * real + 100).value == pytest.approx(expected)
    assert value.name == "pcm_delta0.05_box"
    with pytest.raises(UserError, match="no box"):
        once(PCM(normalise="box"), np.zeros((3, 2, 2)), np.ones((3, 2, 2)))
    with pytest.raises(UserError, match="none or box"):
        PCM(normalise="head")


def test_srgr_weighs_frames_by_meaning():
    real, made = np.zeros((4, 2, 3)), np.zeros((4, 2, 3))
    made[0, 0] = made[3] = 1.0
    semantic = np.array([0.3, 0.0, 0.1, 0.2])
    shares = np.array([0.5, 1, 1, 0])
    value = once(SRGR(), made, real, semantic)
    assert value.value == pytest.approx((semantic @ shares) / semantic.sum())
    assert value.count == 4
    assert once(SRGR(), real, real, semantic).value == pytest.approx(1)
    # as in public code: scores over 0.165, mean over frames; a perfect clip has the mean score / 0.165
    public = np.mean(shares * semantic / 0.165)
    assert once(SRGR(compat=True), made, real, semantic).value == pytest.approx(public)
    assert once(SRGR(compat=True), real, real, semantic).value == pytest.approx(0.15 / 0.165)


def test_srgr_needs_scores():
    real = np.zeros((4, 2, 3))
    metric = SRGR()
    metric.update(real, real, np.zeros(4), clip="quiet")
    with pytest.raises(UserError, match="1 clips were left out"):
        metric.compute()
    for wrong in (np.ones(3), -np.ones(4)):
        with pytest.raises(UserError, match=r"semantic scores must be \[4\]"):
            metric.update(real, real, wrong, clip="a")


def test_face_errors_and_the_divisor_of_public_code():
    rng = np.random.default_rng(0)
    made, real = rng.normal(size=(2, 9, 5, 3))
    flat_made, flat_real = made.reshape(9, -1), real.reshape(9, -1)
    assert once(MSE(), made, real).value == pytest.approx(np.mean((flat_made - flat_real) ** 2))
    change = np.abs((flat_made[1:] - flat_made[:-1]) - (flat_real[1:] - flat_real[:-1]))
    assert once(LVD(), made, real).value == pytest.approx(change.mean())
    assert once(LVD(compat=True), made, real).value == pytest.approx(change.sum() / (9 * 15))
    assert once(LVD(), made + 3, made).value == pytest.approx(0)  # a face that is elsewhere moves alike
    with pytest.raises(UserError, match="nothing to measure"):
        once(LVD(), made[:1], real[:1])
    with pytest.raises(UserError, match="expected"):
        once(MSE(), np.zeros(4), np.zeros(4))


def test_joint_errors():
    assert once(MPJPE(), moved([0.03, 0.0, 0.04]), REAL).value == pytest.approx(0.05, abs=1e-6)
    assert once(MPJPE(root_relative=True), moved([0.03, 0.0, 0.04]), REAL).value < 1e-6
    assert once(MAJE(), moved([0.03, 0.0, 0.06]), REAL).value == pytest.approx(0.03, abs=1e-6)
    other = canonical_motion(40, seed=1)
    gap = other.positions.astype(float) - REAL.positions
    assert once(MPJPE(), other, REAL).value == pytest.approx(np.sqrt((gap**2).sum(-1)).mean(), rel=1e-5)
    assert once(MAJE(), other, REAL).value == pytest.approx(np.abs(gap).mean(), rel=1e-5)


def test_rotation_error_is_the_angle_in_degrees():
    rotations = REAL.rotations.copy()
    elbow = REAL.skeleton.index("left_elbow")
    rotations[:20, elbow] = rotations[:20, elbow] @ axis_rotation("X", np.deg2rad(30.0))
    bent = Motion(REAL.skeleton, 30.0, rotations, REAL.translation)
    assert once(MPJRE(joints=[elbow]), bent, REAL).value == pytest.approx(15.0, abs=1e-3)
    assert once(MPJRE(), bent, REAL).value == pytest.approx(15.0 / 55, abs=1e-3)
    trace = np.einsum("tij,tij->t", bent.rotations[:20, elbow], REAL.rotations[:20, elbow])
    assert np.rad2deg(np.arccos((trace - 1) / 2)).mean() == pytest.approx(30.0, abs=0.01)


def test_velocity_and_acceleration_errors():
    time = np.arange(30)[:, None, None] / 30
    real = np.zeros((30, 1, 1))
    assert once(DerivativeError(1), 2.0 * time, real).value == pytest.approx(2.0)
    assert once(DerivativeError(2), 2.0 * time, real).value == pytest.approx(0.0, abs=1e-9)
    assert once(DerivativeError(2), 1.5 * time**2, real).value == pytest.approx(3.0)
    assert once(DerivativeError(2, fps=60), 1.5 * (time / 2) ** 2, real).value == pytest.approx(3.0)
    with pytest.raises(UserError, match="order must be"):
        DerivativeError(3)
    with pytest.raises(UserError, match="nothing to measure"):
        once(DerivativeError(2), real[:2], real[:2])
    with pytest.raises(UserError, match="the metric needs 25"):
        once(DerivativeError(fps=25), REAL, REAL)


def test_clips_weigh_by_their_frames():
    metric = MPJPE()
    metric.update(np.ones((10, 1, 1)), np.zeros((10, 1, 1)), clip="long")
    metric.update(np.full((5, 1, 1), 4.0), np.zeros((5, 1, 1)), clip="short")
    assert metric.compute().value == pytest.approx(2.0)
    assert metric.compute().count == 15


@pytest.mark.parametrize("metric", [PCM(), MPJPE(), MAJE(), MPJRE(), DerivativeError()], ids=lambda m: m.label.name)
def test_sides_that_differ_are_refused(metric):
    with pytest.raises(UserError, match="40 frames, real 39"):
        metric.update(REAL, REAL[:39], clip="a")
