"""Smoothness, planted feet, joint ranges and figures, on motion whose figures are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from corpus_data import arms, gesturing
from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_rotation
from cospeech.metrics import (
    DerivativeSize,
    FootSkate,
    JointLimits,
    JointRanges,
    LivelinessFigures,
    Sparc,
    SpeedDistance,
    SpeedHistogram,
    sparc,
)
from cospeech.metrics.base import paired_difference
from cospeech.metrics.figures import quantile, speed_counts
from cospeech.metrics.liveliness import liveliness
from cospeech.metrics.quality import movements
from cospeech.motion.kinematics import speed
from cospeech.motion.motion import Motion
from cospeech.motion.phases import wrists_in_chest
from cospeech.motion.skeleton import canonical_skeleton

SKELETON = canonical_skeleton()
FOREARM = float(np.linalg.norm(SKELETON.offsets[SKELETON.index("left_wrist")]))


def standing(translation: np.ndarray, *, fps: float = 30.0) -> Motion:
    """A body in rest pose whose root goes along [T, 3] from its place."""
    rotations = np.tile(np.eye(3), (len(translation), 55, 1, 1))
    return Motion(SKELETON, fps, rotations, SKELETON.offsets[0] + translation)


def circling(rate: float, *, fps: float = 30.0, frames: int = 90) -> Motion:
    """The left forearm turns at ``rate`` radians a second about an axis square to it."""
    rotations = np.tile(np.eye(3), (frames, 55, 1, 1))
    rotations[:, SKELETON.index("left_elbow")] = axis_rotation("Y", rate * np.arange(frames) / fps)
    return Motion(SKELETON, fps, rotations, np.tile(SKELETON.offsets[0], (frames, 1)))


def once(metric, motion: Motion):
    metric.update(motion, clip="a")
    return metric.compute()


@pytest.mark.parametrize(("order", "name"), [(2, "acceleration"), (3, "jerk")])
@pytest.mark.parametrize("fps", [30.0, 120.0])
def test_a_wrist_on_a_circle(order, name, fps):
    """Radius x rate^order, but for what finite steps leave; the right wrist is still."""
    rate = 3.0
    value = once(DerivativeSize(order, joints=("left_wrist",), fps=fps), circling(rate, fps=fps))
    step = rate / fps
    expected = FOREARM * rate**order * (2 * np.sin(step / 2) / step) ** order
    assert value.value == pytest.approx(expected, rel=2e-3)
    assert (value.name, value.unit) == (f"{name}_chest", f"m/s^{order}")
    both = once(DerivativeSize(order, fps=fps), circling(rate, fps=fps))
    assert both.value == pytest.approx(value.value / 2, rel=0.02)


def test_frames_of_reference_and_too_short_clips():
    """Walking jerkily is jerk in the world and none in the chest's frame."""
    steps = np.zeros((60, 3))
    steps[:, 2] = 0.1 * np.sin(np.arange(60))
    motion = standing(steps)
    expected = np.abs(np.diff(steps[:, 2], n=3)).mean() * 27000
    assert once(DerivativeSize(frame="world"), motion).value == pytest.approx(expected, rel=1e-3)
    assert once(DerivativeSize(), motion).value < 0.05
    with pytest.raises(UserError, match="nothing to measure"):
        once(DerivativeSize(3), motion[:3])
    with pytest.raises(UserError, match="order must be 2 or 3"):
        DerivativeSize(1)


def sparc_written_out(movement: np.ndarray, fps: float, fc: float = 10.0) -> float:
    """The authors' definition, frequency by frequency."""
    size = int(2 ** (np.ceil(np.log2(len(movement))) + 4))
    f = np.arange(size) * fps / size
    m = np.array(
        [abs(np.sum(movement * np.exp(-2j * np.pi * k * np.arange(len(movement)) / size))) for k in range(size)]
    )
    m = m / m.max()
    kept = np.flatnonzero(f <= fc)
    loud = np.flatnonzero(m[kept] >= 0.05)
    f, m = f[loud[0] : loud[-1] + 1], m[loud[0] : loud[-1] + 1]
    return -sum(np.hypot((f[k + 1] - f[k]) / (f[-1] - f[0]), m[k + 1] - m[k]) for k in range(len(f) - 1))


def test_sparc_as_its_authors_define_it():
    time = np.arange(-1, 1, 0.01)
    bell = np.exp(-5 * time**2)
    assert sparc(bell, 100.0) == pytest.approx(-1.41403, abs=1e-5)  # their own example
    rng = np.random.default_rng(0)
    for length in (9, 40):
        pace = np.abs(rng.normal(size=length))
        assert sparc(pace, 30.0) == pytest.approx(sparc_written_out(pace, 30.0))


def test_sparc_knows_neither_size_nor_unit_but_roughness():
    time = np.linspace(0, 1, 40)
    bell = time**2 * (1 - time) ** 2
    assert sparc(1000 * bell, 30.0) == pytest.approx(sparc(bell, 30.0))
    two = bell * (1 + 0.8 * np.cos(6 * np.pi * time))
    assert sparc(two, 30.0) < sparc(bell, 30.0) - 0.1
    with pytest.raises(UserError, match="lower cutoff"):
        sparc(bell, 15.0)
    with pytest.raises(UserError, match="some speed"):
        sparc(np.zeros(9), 30.0)


def test_hands_are_cut_where_they_rest():
    pace = np.zeros(60)
    pace[5:20], pace[30:33], pace[40:55] = 0.5, 0.5, 0.1
    assert movements(pace, 30.0) == [(5, 20)]  # the second is too short, the third too slow
    moments = [(1.0, "left"), (2.0, "right"), (3.0, "left")]
    value = once(Sparc(), arms(120, moments))
    assert (value.count, value.counted) == (3, "movements")
    hands = speed(wrists_in_chest(arms(120, moments)).astype(float), 30.0)
    single = hands[20:42, 0]
    (first, last), *rest = movements(single, 30.0)
    assert not rest
    assert value.value == pytest.approx(sparc(single[first:last], 30.0), abs=0.02)
    metric = Sparc()
    metric.update(arms(60, []), clip="still")
    with pytest.raises(UserError, match="1 clips were left out"):
        metric.compute()


def test_feet_that_slide():
    time = np.arange(60)[:, None] / 30
    slide = once(FootSkate(), standing(time * [0.3, 0.0, 0.4]))
    assert slide.value == pytest.approx(0.5, rel=1e-4)
    assert slide.count == 120  # both feet, all frames
    assert once(FootSkate(), standing(time * 0.0)).value == 0
    jump = np.zeros((60, 3))
    jump[20:40, 1] = 0.2
    jump[20:40, 0] = 5.0  # in the air a foot may be anywhere
    landed = once(FootSkate(), standing(jump))
    assert landed.count < 2 * 42
    assert landed.value < 0.01


def test_feet_without_a_floor():
    time = np.arange(60)[:, None] / 30
    high = standing(time * [0.5, 0, 0] + [0, 3.0, 0])
    metric = FootSkate()
    metric.update(high, clip="flying")
    with pytest.raises(UserError, match="1 clips were left out"):
        metric.compute()
    assert once(FootSkate(floor=None), high).value == pytest.approx(0.5, rel=1e-3)


def test_joint_limits_are_a_share_of_rotations():
    joints = SKELETON.indices(["left_elbow", "neck"])
    seen = [gesturing(6.0, seed=k) for k in range(3)]
    ranges = JointRanges.of(seen, joints)
    odd = seen[0].rotations.copy()
    odd[:45, joints[0]] = axis_rotation("Y", np.deg2rad(25.0))
    metric = JointLimits(ranges, joints)
    metric.update(replace(seen[0], rotations=odd), clip="a")
    metric.update(seen[1], clip="b")
    assert metric.compute().value == pytest.approx(45 / (2 * 360))
    assert metric.compute().count == 2 * 360
    with pytest.raises(UserError, match="ranges of 2 joints for 1"):
        JointLimits(ranges, joints[:1])


def test_figures_are_those_of_liveliness():
    motions = [gesturing(6.0 + k, seed=k) for k in range(6)] + [arms(200, [(1.0, "left")])]
    metric = LivelinessFigures()
    for k, motion in enumerate(motions):
        metric.update(motion, clip=str(k))
    metric.update(motions[0][:4], clip="short")
    found = {value.name: value for value in metric.compute()}
    expected = liveliness(motions).as_dict()
    assert set(found) == set(expected) - {"seconds"}
    for name in ("speed_mean", "strokes_per_minute", "still_share", "trunk_share"):
        assert found[name].value == pytest.approx(expected[name], rel=1e-5, abs=1e-6)
    assert found["jerk"].value == pytest.approx(expected["jerk"], rel=0.02)
    assert found["speed_p95"].value == pytest.approx(expected["speed_p95"], abs=0.002)
    assert found["extent"].value == pytest.approx(expected["extent"], abs=0.0025)
    for value in found.values():
        assert (value.better, value.left_out) == ("real", 1)
        assert value.interval[0] <= value.value <= value.interval[1]
    with pytest.raises(UserError, match="nothing to measure"):
        LivelinessFigures().compute()


def test_quantiles_of_counts():
    values = np.random.default_rng(0).gamma(2.0, 0.4, 5000)
    counts = np.stack([speed_counts(values), speed_counts(values[:100])])
    for share in (0.05, 0.5, 0.95):
        place = 0.002 * quantile(counts, share)
        assert place[0] == pytest.approx(np.quantile(values, share), abs=0.004)
        assert place[1] == pytest.approx(np.quantile(values[:100], share), abs=0.06)


def paces(motions: list[Motion]) -> np.ndarray:
    return np.concatenate([speed(wrists_in_chest(m).astype(float), 30.0).ravel() for m in motions])


def test_speed_distance_is_that_of_scipy():
    real = [gesturing(8.0, seed=k) for k in range(4)]
    made = [gesturing(8.0, seed=10 + k) for k in range(5)] + [arms(240, [])]
    metric = SpeedDistance(SpeedHistogram.of(real))
    same = SpeedDistance(SpeedHistogram.of(real))
    for k, motion in enumerate(made):
        metric.update(motion, clip=f"clip{k}")
    for k, motion in enumerate(real):
        same.update(motion, clip=f"clip{k}")
    expected = scipy.stats.wasserstein_distance(paces(made), paces(real))
    value = metric.compute()
    assert value.value == pytest.approx(expected, abs=0.001)
    assert expected > 0.02
    assert value.interval[0] < value.value < value.interval[1]
    assert same.compute().value == 0
    assert same.compute().interval is None
    with pytest.raises(UserError, match="0 bootstrap replicates"):
        paired_difference(value, same.compute())
    with pytest.raises(UserError, match="no real motion"):
        SpeedHistogram.of([])


def test_other_skeletons_and_rates_are_refused():
    slow = arms(90, [(1.0, "left")]).resample(25.0)
    real = SpeedHistogram.of([arms(90, [(1.0, "left")])])
    for metric in (DerivativeSize(), Sparc(), FootSkate(), LivelinessFigures(), SpeedDistance(real)):
        with pytest.raises(UserError, match="25 frames a second, the metric needs 30"):
            metric.update(slow, clip="a")
