"""Beat scores: written out, in the public variants with their errors, and strokes against chance."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

from corpus_data import arms, gesturing, voice
from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_rotation, matrix_to_6d
from cospeech.metrics import (
    BeatAlignment,
    BeatConstancy,
    EmotionGestureBeats,
    StrokeAccent,
    mean_speeds,
    offset_histogram,
    onsets,
    stroke_offsets,
)
from cospeech.metrics.beats import beat_score, gaussian_smooth, local_minima
from cospeech.metrics.liveliness import stroke_to_accent
from cospeech.motion.kinematics import speed
from cospeech.motion.motion import Motion
from cospeech.motion.skeleton import UPPER_BODY, canonical_skeleton
from cospeech.speech.features import speech_features
from format_data import canonical_motion

ELBOW = canonical_skeleton().index("left_elbow")
MEAN = mean_speeds([canonical_motion(300, seed=seed) for seed in range(3)])


def slow_score(beats: np.ndarray, onsets: np.ndarray, sigma: float) -> float:
    """The score as the public code writes it."""
    total = 0.0
    for onset in onsets:
        nearest = min((abs(beat - onset) for beat in beats), default=math.inf)
        total += math.exp(-(nearest**2) / (2 * sigma**2))
    return total / len(onsets)


def test_minima_are_those_of_scipy():
    rng = np.random.default_rng(0)
    for order in (1, 2, 7):
        for values in (rng.normal(size=80), rng.integers(0, 5, 80).astype(float)):
            expected = scipy.signal.argrelextrema(values, np.less, order=order)[0]
            np.testing.assert_array_equal(local_minima(values, order), expected)


def test_smoothing_is_that_of_scipy():
    values = np.random.default_rng(0).normal(size=90)
    np.testing.assert_allclose(gaussian_smooth(values, 5.0), scipy.ndimage.gaussian_filter(values, 5.0))


def test_a_score_by_hand():
    beats, onsets = np.array([2.0, 1.0]), np.array([1.0, 1.3, 5.0])
    expected = (1 + math.exp(-0.5) + math.exp(-50)) / 3
    assert beat_score(beats, onsets, 0.3) == pytest.approx(expected)
    assert beat_score(np.zeros(0), onsets, 0.3) == 0
    rng = np.random.default_rng(1)
    beats, onsets = rng.uniform(0, 9, 20), rng.uniform(0, 9, 30)
    assert beat_score(beats, onsets, 0.1) == pytest.approx(slow_score(beats, onsets, 0.1))


def test_onsets_are_where_syllables_begin():
    samples, _ = voice(8.0, seed=1, pause=(3.0, 4.5))
    found = onsets(samples)
    np.testing.assert_array_equal(found, onsets(speech_features(samples)))
    assert 20 <= len(found) <= 32
    assert np.diff(found).min() >= 0.1 - 1e-9
    assert abs(found[0] - 0.3) < 0.05
    assert not ((found > 3.2) & (found < 4.4)).any()
    assert len(onsets(np.zeros(16_000, np.float32))) == 0


def public_bc(motion, onsets: np.ndarray, threshold: float, skip: int, *, cropped_mask: bool) -> float:
    """BC in the words of the public code, its mask cropped or not."""
    velocity = speed(motion.positions.astype(np.float64), 30.0) / MEAN
    scores = []
    for joint in UPPER_BODY:
        inner = velocity[skip : len(motion) - skip, joint]
        mask = np.flatnonzero((inner if cropped_mask else velocity[:, joint]) > threshold)
        minima = scipy.signal.argrelextrema(inner, np.less, order=7)[0]
        beats = np.array([i for i in minima if i in mask]) / 30
        scores.append(slow_score(beats, onsets - skip / 30, 0.3))
    return float(np.mean(scores))


@pytest.mark.parametrize("threshold", [0.3, 0.10])
def test_beat_constancy_right_and_as_published(threshold):
    motions = [canonical_motion(300, seed=seed) for seed in range(4)]
    rng = np.random.default_rng(0)
    right, compat = (BeatConstancy(MEAN, threshold=threshold, compat=flag) for flag in (False, True))
    expected: dict[bool, list[float]] = {True: [], False: []}
    for k, motion in enumerate(motions):
        cut = motion[: 300 - 30 * k]
        inside = np.sort(rng.uniform(2.0, len(cut) / 30 - 2.0, 12))
        onsets = np.concatenate([[0.5], inside, [len(cut) / 30 - 0.1]])  # the outer two are skipped
        for metric in (right, compat):
            metric.update(cut, onsets, clip=str(k))
        for flag, scores in expected.items():
            scores.append(public_bc(cut, inside, threshold, 60, cropped_mask=flag))
    frames = [180, 150, 120, 90]
    assert right.compute().value == pytest.approx(np.average(expected[True], weights=frames))
    assert compat.compute().value == pytest.approx(np.average(expected[False], weights=frames))
    assert right.compute().value != pytest.approx(compat.compute().value, abs=1e-4)
    assert right.compute().name == f"bc_threshold{threshold:g}_sigma0.3"
    assert compat.compute().name == right.compute().name + "_compat"
    assert right.compute().count == sum(frames)


def waving(first: float, last: float) -> Motion:
    """Ten seconds; the left forearm turns, slowest at 0.25 s, 0.75 s, ...; but for first to last, hardly."""
    motion = arms(300, [])
    time = np.arange(300) / 30
    size = np.where((time >= first) & (time < last), 1.5, 0.02)
    rate = size * (1 + 0.6 * np.cos(4 * np.pi * time))
    rotations = motion.rotations.astype(np.float64)
    rotations[:, ELBOW] = axis_rotation("Y", np.cumsum(rate) / 30)
    return Motion(motion.skeleton, 30.0, rotations, motion.translation)


def test_the_uncropped_mask_is_what_compat_means():
    """The public code asks two seconds too early whether a joint moves."""
    onsets = np.arange(2.25, 8.0, 0.5)
    late, early = waving(2.0, 10.0), waving(0.0, 2.0)
    scores = {}
    for name, motion in (("late", late), ("early", early)):
        for compat in (False, True):
            metric = BeatConstancy(np.full(55, 0.3), joints=(20,), threshold=0.1, sigma=0.05, compat=compat)
            metric.update(motion, onsets, clip="a")
            scores[name, compat] = metric.compute().value
    assert scores["late", False] > 0.9
    assert scores["late", True] == pytest.approx(scores["late", False] * 2 / 3, abs=0.05)
    assert scores["early", False] == 0
    assert scores["early", True] > 0  # trembling of a still arm passes for beats


def test_clips_that_cannot_be_measured_are_counted():
    motion = canonical_motion(300)
    metric = BeatConstancy(MEAN)
    for given in (np.zeros(0), np.array([0.1, 9.9])):
        metric.update(motion, given, clip=f"quiet{len(given)}")
    metric.update(motion[:120], np.array([2.0]), clip="short")
    with pytest.raises(UserError, match="3 clips were left out"):
        metric.compute()
    metric.update(motion, np.array([5.0]), clip="good")
    assert metric.compute().left_out == 3
    assert metric.compute().clips == 1
    for other in (BeatAlignment(), EmotionGestureBeats(fps=30)):
        other.update(motion, np.zeros(0), clip="quiet")
        other.update(motion, np.array([5.0]), clip="good")
        assert (other.compute().left_out, other.compute().count) == (1, 1)


def test_a_still_body_meets_nothing():
    metric = BeatConstancy(np.ones(55))
    metric.update(arms(300, []), np.array([4.0, 5.0]), clip="a")
    assert metric.compute().value == 0


def test_what_beat_constancy_needs():
    with pytest.raises(UserError, match="mean speeds"):
        BeatConstancy(np.zeros(55))
    with pytest.raises(UserError, match="25 frames a second, the metric needs 30"):
        BeatConstancy(MEAN).update(canonical_motion(300).resample(25), np.array([4.0]), clip="a")
    with pytest.raises(UserError, match="55 joints, the mean speeds 54"):
        BeatConstancy(np.ones(54)).update(canonical_motion(300), np.array([4.0]), clip="a")
    with pytest.raises(UserError, match="not finite"):
        BeatConstancy(MEAN).update(canonical_motion(300), np.array([np.nan]), clip="a")
    with pytest.raises(UserError, match="mean speeds from"):
        mean_speeds([])


def test_mean_speeds_weigh_frames():
    calm, busy = arms(300, []), arms(100, [(t, "left") for t in np.arange(0.5, 3, 0.4)])
    alone = mean_speeds([busy])
    np.testing.assert_allclose(mean_speeds([calm, busy]), alone / 4, atol=1e-6)
    assert alone[20] > 0.3
    assert alone[21] == pytest.approx(0, abs=1e-5)


def test_bailando_written_out_in_frames():
    rng = np.random.default_rng(0)
    score = BeatAlignment(fps=30)
    expected = []
    for k in range(3):
        place = np.cumsum(scipy.ndimage.gaussian_filter1d(rng.normal(size=(200, 5, 2)), 3, axis=0), axis=0)
        way = np.mean(np.sqrt(np.sum((place[1:] - place[:-1]) ** 2, axis=2)), axis=1)
        beats = scipy.signal.argrelextrema(scipy.ndimage.gaussian_filter(way, 5), np.less)[0]
        onsets = rng.integers(0, 200, 9)
        expected.append(np.mean([np.exp(-np.min((beats - frame) ** 2) / 2 / 9) for frame in onsets]))
        score.update(place, onsets / 30, clip=str(k))
    value = score.compute()
    assert value.value == pytest.approx(np.mean(expected))
    assert (value.name, value.counted) == ("bas_sigma0.1", "clips")
    assert BeatAlignment(fps=25).label.name == "bas_sigma0.12"


def test_emotiongesture_and_its_clock():
    """The compat onsets are early by 0.274 of their time: what is on the beat falls off it."""
    motion = canonical_motion(600, seed=1).resample(15.0)
    turned = matrix_to_6d(motion.rotations[:, motion.skeleton.index("right_wrist")].astype(float))
    pace = np.linalg.norm(turned[1:] - turned[:-1], axis=-1)
    beats = scipy.signal.argrelextrema(pace, np.less, order=2)[0] / 15
    assert len(beats) > 3
    right, compat = (EmotionGestureBeats(sigma=0.1, compat=flag) for flag in (False, True))
    for metric in (right, compat):
        metric.update(motion, beats, clip="a")
    assert right.compute().value == pytest.approx(1.0)
    assert compat.compute().value == pytest.approx(slow_score(beats, beats * 16000 / 22050, 0.1))
    assert compat.compute().value < 0.9
    assert (right.compute().name, compat.compute().name) == (
        "bc_emotiongesture_sigma0.1",
        "bc_emotiongesture_sigma0.1_compat",
    )


def test_strokes_on_accents_beat_chance():
    near, loose, seconds = StrokeAccent(), StrokeAccent(), StrokeAccent(ratio=False)
    for k in range(6):
        rng = np.random.default_rng(k)
        times = np.cumsum(rng.uniform(0.6, 1.4, 12))
        motion = arms(round(times[-1] * 30) + 40, [(t, "left") for t in times])
        elsewhere = np.sort(rng.uniform(0.3, times[-1], 12))
        near.update(motion, times, clip=str(k))
        seconds.update(motion, times, clip=str(k))
        loose.update(motion, elsewhere, clip=str(k))
    assert near.compute().interval[1] < 0.3
    assert loose.compute().interval[0] < 1 < loose.compute().interval[1] + 0.2
    assert near.compute().chance == 1
    measured = seconds.compute()
    assert measured.value <= 2 / 30
    assert measured.value / measured.chance == pytest.approx(near.compute().value)
    assert measured.count == 72


def test_stroke_accent_is_that_of_liveliness_and_has_a_seed_of_its_own():
    motion, accents = gesturing(12.0, seed=3), np.arange(0.7, 11, 0.9)
    once, again = (StrokeAccent(ratio=False) for _ in range(2))
    for metric in (once, again):
        metric.update(motion, accents, [(1.0, 8.0)], clip="a")
        metric.update(arms(60, []), accents, clip="still")
    gaps, _ = stroke_to_accent(motion, accents, [(1.0, 8.0)], rng=np.random.default_rng(0))
    assert once.compute().value == pytest.approx(gaps.mean())
    assert once.compute().chance == again.compute().chance
    assert once.compute().left_out == 1
    with pytest.raises(UserError, match="nothing to measure"):
        StrokeAccent().compute()


def test_offsets_have_a_sign_and_a_histogram():
    motion = arms(200, [(1.0, "left"), (3.0, "right"), (5.0, "left")])
    offsets = stroke_offsets(motion, np.array([1.2, 2.9, 6.5]))
    np.testing.assert_allclose(offsets, [-0.2, 0.1, -1.5], atol=2 / 30)
    spread = offset_histogram(np.array([-0.2, 0.1, 0.12, -1.5]), reach=0.5, step=0.25)
    np.testing.assert_allclose(spread.shares, [0, 0.25, 0.5, 0])
    assert (spread.outside, spread.count) == (0.25, 4)
    assert len(stroke_offsets(motion, np.zeros(0))) == 0
    with pytest.raises(UserError, match="no offsets"):
        offset_histogram(np.zeros(0))
