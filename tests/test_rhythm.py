"""Time warped so that strokes meet accents: gently, in order, and not at all without a reason."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus_data import arms
from cospeech.motion.codec import Codec
from cospeech.motion.phases import strokes
from cospeech.sampling.rhythm import LEAD, MAX_STROKE_SHIFT, STRETCH, sample_frames, smooth_times, warp_times

MOMENTS = st.lists(st.floats(0.1, 9.9), max_size=14, unique=True).map(lambda times: np.array(sorted(times)))


@settings(max_examples=80, deadline=None)
@given(MOMENTS, MOMENTS, st.integers(30, 330))
def test_time_runs_forward_at_an_allowed_speed(found, accents, frames):
    times = warp_times(found, accents, frames, 30)
    end = (frames - 1) / 30
    assert times.shape == (frames,)
    assert times[0] == pytest.approx(0, abs=1e-9)
    assert times[-1] == pytest.approx(end, abs=1e-9)
    speed = np.diff(times) * 30
    assert STRETCH[0] - 1e-6 <= speed.min()
    assert speed.max() <= STRETCH[1] + 1e-6
    assert np.abs(times - np.arange(frames) / 30).max() <= MAX_STROKE_SHIFT + 0.02


def test_nothing_to_match_changes_nothing():
    plain = np.arange(90) / 30
    some = np.array([0.7, 1.5, 2.2])
    for found, accents in ((np.zeros(0), some), (some, np.zeros(0)), (some, some + LEAD), (some, some + 10)):
        np.testing.assert_allclose(warp_times(found, accents, 90, 30), plain, atol=1e-9)
    held_out = warp_times(some, some + 0.2, 90, 30, keep=np.zeros(3, dtype=bool))
    np.testing.assert_allclose(held_out, plain, atol=1e-9)
    assert warp_times(some, some, 1, 30).tolist() == [0.0]


def test_strokes_meet_their_accents():
    times = np.array([1.0, 2.1, 3.0, 4.4, 5.5, 6.8])
    accents = times + np.array([0.15, 0.1, 0.2, 0.05, 0.15, 0.0]) + LEAD
    coded = Codec().encode(arms(240, [(time, "left") for time in times]))
    warped = sample_frames(coded, warp_times(times, accents, 240, 30) * 30)
    found = np.array([stroke.time for stroke in strokes(Codec().decode(warped))])
    assert len(found) == 6
    assert np.abs(found - (accents - LEAD)).max() <= 2 / 30


def test_only_the_strokes_that_were_asked_for_are_moved():
    found = np.array([1.0, 3.0])
    times = warp_times(found, found + 0.2 + LEAD, 150, 30, keep=np.array([True, False]))
    assert times[round(1.2 * 30)] == pytest.approx(1.0, abs=0.04)
    assert times[round(3.2 * 30)] > 3.05


def test_frames_between_frames():
    rng = np.random.default_rng(0)
    motion = rng.normal(size=(20, 3)).astype(np.float32)
    np.testing.assert_allclose(sample_frames(motion, np.arange(20.0)), motion, atol=1e-6)
    t = np.arange(20.0)[:, None]
    line, square = (3 * t - 1).astype(np.float32), (0.1 * t * t).astype(np.float32)
    place = np.linspace(1, 18, 77)
    np.testing.assert_allclose(sample_frames(line, place)[:, 0], 3 * place - 1, atol=1e-4)
    np.testing.assert_allclose(sample_frames(square, place)[:, 0], 0.1 * place**2, atol=1e-3)
    np.testing.assert_allclose(sample_frames(motion, np.array([-5.0, 99.0])), motion[[0, -1]], atol=1e-6)
    assert sample_frames(motion[:1], np.array([0.0, 0.4])).shape == (2, 3)


def test_smoothing_keeps_straight_time_straight():
    np.testing.assert_allclose(smooth_times(np.arange(50) / 30, 7), np.arange(50) / 30, atol=1e-12)
    assert smooth_times(np.array([0.0, 1.0]), 7).tolist() == [0.0, 1.0]
