"""Values, bootstrap intervals and checks of what goes into a metric."""

from __future__ import annotations

import json

import numpy as np
import pytest

import cospeech.metrics as metrics
from corpus_data import arms
from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_rotation
from cospeech.metrics.base import (
    MIN_CLIPS,
    Bootstrap,
    Label,
    MeanMetric,
    Metric,
    MetricSet,
    Sums,
    beside,
    paired_difference,
)
from cospeech.metrics.inputs import check_extractor, check_pair, feature_rows, finite, in_chest, points
from cospeech.motion.motion import Motion
from cospeech.motion.phases import wrists_in_chest
from cospeech.motion.skeleton import Skeleton
from format_data import canonical_motion

FIXED = [1.0, 0.0, 2.0, 4.0, 2.0, 1.0, 2.0, 0.0]  # Bootstrap(8).weights("clip")
LABEL = Label("mean", "m", "samples", "a plain mean")


class Plain(MeanMetric):
    def update(self, values: np.ndarray, *, clip: str) -> None:
        self.add(values.sum(), len(values), clip=clip)


def mean_of(samples: dict[str, np.ndarray], **options: object) -> MeanMetric:
    metric = Plain(LABEL, Bootstrap(**options))
    for clip, values in samples.items():
        metric.update(values, clip=clip)
    return metric


def clips(rng: np.random.Generator, count: int = 40, *, size: int = 3, shift: float = 0.0) -> dict:
    return {f"clip{k}": rng.normal(shift, 1.0, size) for k in range(count)}


def test_a_value_says_what_it_is():
    value = mean_of(clips(np.random.default_rng(0))).compute()
    shown = value.as_dict()
    assert "replicates" not in shown
    assert json.loads(json.dumps(shown))["count"] == 120
    assert shown["clips"] == 40
    text = str(value)
    assert "120 samples of 40 clips" in text
    assert f"[{value.interval[0]:.4g}, {value.interval[1]:.4g}]" in text
    assert "extractor" not in text
    assert "extractor net-1" in str(Label("x", "1", "rows", "", extractor="net-1").value(1.0, count=1, clips=1))


def test_the_mean_is_that_of_all_samples_whatever_the_parts():
    rng = np.random.default_rng(1)
    samples = {f"c{k}": rng.normal(size=rng.integers(1, 9)) for k in range(12)}
    whole = mean_of(samples).compute()
    assert whole.value == pytest.approx(np.concatenate(list(samples.values())).mean())
    parts = Plain(LABEL)
    for clip, values in reversed(samples.items()):
        for value in values:
            parts.add(value, 1, clip=clip)
    np.testing.assert_allclose(parts.compute().replicates, whole.replicates)
    assert parts.compute().interval == pytest.approx(whole.interval)


def test_weights_hang_on_clip_and_seed_alone():
    weights = Bootstrap(1000).weights("a")
    np.testing.assert_array_equal(weights, Bootstrap(1000).weights("a"))
    assert (weights != Bootstrap(1000).weights("b")).any()
    assert (weights != Bootstrap(1000, seed=1).weights("a")).any()
    assert weights.mean() == pytest.approx(1.0, abs=0.1)
    assert weights.var() == pytest.approx(1.0, abs=0.15)
    # A fixed point: other machines and other days must draw the same.
    assert Bootstrap(8).weights("clip").tolist() == FIXED


def test_intervals_cover_the_mean_of_a_gaussian():
    covered, widths = 0, []
    for trial in range(120):
        rng = np.random.default_rng(trial)
        low, high = mean_of(clips(rng, 60, size=1, shift=3.0), seed=trial).compute().interval
        covered += low <= 3.0 <= high
        widths.append(high - low)
    assert 0.88 <= covered / 120 <= 0.985
    assert np.mean(widths) == pytest.approx(2 * 1.96 / np.sqrt(60), rel=0.1)


def test_clips_are_resampled_not_samples():
    """A hundred copies of a sample tell no more than one."""
    rng = np.random.default_rng(2)
    single = {f"c{k}": rng.normal(size=1) for k in range(50)}
    copied = {clip: np.repeat(values, 100) for clip, values in single.items()}
    assert mean_of(copied).compute().interval == pytest.approx(mean_of(single).compute().interval)


def test_paired_intervals_are_narrower():
    rng = np.random.default_rng(3)
    first = clips(rng, 80, size=1)
    second = {clip: values + 0.2 + 0.1 * rng.normal(size=1) for clip, values in first.items()}
    b, a = mean_of(first).compute(), mean_of(second).compute()
    difference, (low, high) = paired_difference(a, b)
    assert difference == pytest.approx(a.value - b.value)
    assert 0 < low < 0.2 < high
    loose = mean_of(second, seed=9).compute()
    _, (low_loose, high_loose) = paired_difference(loose, b)
    assert high - low < 0.3 * (high_loose - low_loose)
    assert high_loose - low_loose == pytest.approx(np.hypot(*(np.ptp(v.interval) for v in (a, b))), rel=0.25)


def test_what_differs_is_not_compared():
    rng = np.random.default_rng(4)
    value = mean_of(clips(rng)).compute()
    other = Label("median", "m", "samples", "")
    few = mean_of(clips(rng), replicates=50).compute()
    alone = mean_of(clips(rng, MIN_CLIPS - 1)).compute()
    assert alone.interval is None
    assert mean_of(clips(rng, MIN_CLIPS)).compute().interval is not None
    with pytest.raises(UserError, match="same metric"):
        paired_difference(value, other.value(1.0, count=1, clips=1))
    with pytest.raises(UserError, match="200 and 50 bootstrap replicates"):
        paired_difference(value, few)
    with pytest.raises(UserError, match="200 and 0 bootstrap replicates"):
        paired_difference(value, alone)
    assert beside(value, few).real == few.value
    with pytest.raises(UserError, match="cannot stand beside"):
        beside(value, Label("mean", "m", "", "", extractor="x").value(1.0, count=1, clips=1))


def test_a_mean_must_say_what_it_takes_of_a_clip():
    with pytest.raises(TypeError, match="update"):
        MeanMetric(LABEL)


def test_nothing_measured_is_an_error_and_what_was_left_out_is_said():
    metric = Plain(LABEL)
    metric.left_out = 3
    with pytest.raises(UserError, match="3 clips were left out"):
        metric.compute()
    metric.add(1.0, 1, clip="a")
    assert metric.compute().left_out == 3
    assert "3 clips left out" in str(metric.compute())


def test_numbers_that_are_not_finite_name_their_clip():
    with pytest.raises(UserError, match="'talk7'"):
        Sums(2).add([1.0, np.nan], clip="talk7")
    with pytest.raises(UserError, match=r"'talk7'.*not finite"):
        finite([np.inf], clip="talk7")
    with pytest.raises(UserError, match="'talk7'"):
        points(np.full((3, 2, 2), np.nan), clip="talk7")


def test_both_sides_are_named_where_they_differ():
    motion = canonical_motion(30)
    skeleton = motion.skeleton
    longer = Skeleton(skeleton.names, skeleton.parents, skeleton.offsets * 1.1)
    with pytest.raises(UserError, match="30 frames, real 29"):
        check_pair(motion, motion[:29], clip="a")
    with pytest.raises(UserError, match="30 frames a second, real 25"):
        check_pair(motion, motion.resample(25.0), clip="a")
    with pytest.raises(UserError, match="skeleton differ"):
        check_pair(motion, Motion(longer, 30.0, motion.rotations, motion.translation), clip="a")
    with pytest.raises(UserError, match="one side is a motion"):
        check_pair(motion, motion.positions, clip="a")
    with pytest.raises(UserError, match=r"\[4, 2, 3\], real \[5, 2, 3\]"):
        check_pair(np.zeros((4, 2, 3)), np.zeros((5, 2, 3)), clip="a")
    with pytest.raises(UserError, match=r"features must be \[rows, 3\], got \[2, 4\]"):
        feature_rows(np.zeros((2, 4)), clip="a", dim=3)
    with pytest.raises(UserError, match="'a-1' cannot be compared with those of 'b-1'"):
        check_extractor("a-1", "b-1")
    with pytest.raises(UserError, match="25 frames a second, the metric needs 30"):
        points(motion.resample(25.0), clip="a", fps=30)
    with pytest.raises(UserError, match="no frames"):
        points(motion[:0], clip="a")


def test_points_are_world_positions_and_the_chest_is_a_frame_of_its_own():
    motion = canonical_motion(20, seed=3)
    np.testing.assert_allclose(points(motion, clip="a"), motion.positions, atol=1e-5)
    place = in_chest(motion, ("left_wrist", "right_wrist"))
    np.testing.assert_allclose(place, wrists_in_chest(motion), atol=1e-5)
    rotations = motion.rotations.copy()
    rotations[:, 0] = axis_rotation("Y", np.linspace(0, 3, 20)) @ rotations[:, 0]
    turned = Motion(motion.skeleton, 30.0, rotations, motion.translation + 5)
    np.testing.assert_allclose(in_chest(turned, ("left_wrist", "right_wrist")), place, atol=1e-5)


def test_public_names_are_there_and_metrics_are_metrics():
    assert len(metrics.__all__) == len(set(metrics.__all__))
    for name in metrics.__all__:
        assert getattr(metrics, name).__name__ == name
    with pytest.raises(AttributeError):
        _ = metrics.fid
    single: list[Metric] = [metrics.L1Div(), metrics.Sparc(), metrics.StrokeAccent()]
    several: list[MetricSet] = [metrics.LivelinessFigures()]
    for metric in single[:2]:
        metric.update(arms(90, [(1.0, "left")]), clip="a")
        assert isinstance(metric.compute(), metrics.Value)
    several[0].update(arms(90, [(1.0, "left")]), clip="a")
    assert all(isinstance(value, metrics.Value) for value in several[0].compute())
