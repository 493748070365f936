"""Seconds, frames and samples: nothing drifts, nothing is lost, and every conversion has its way back."""

from __future__ import annotations

import doctest
from fractions import Fraction
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cospeech.core.timing import (
    FPS,
    SAMPLE_RATE,
    frame_times,
    frame_to_sample,
    frame_to_seconds,
    frames_in,
    rate_fraction,
    seconds_to_frame,
)

HOURS = st.integers(0, 10 * 3600 * FPS)
RATES = st.sampled_from([8000, 16000, 22050, 44100, 48000])


@given(frame=HOURS, rate=RATES)
def test_a_frame_begins_at_its_time_however_late(frame, rate):
    """The first sample of frame i is the last one at or before i / 30 s: never a whole sample off."""
    late = Fraction(frame, FPS) - Fraction(frame_to_sample(frame, sample_rate=rate), rate)
    assert 0 <= late < Fraction(1, rate)


@given(frame=HOURS, rate=RATES)
def test_sound_up_to_a_frame_is_that_many_frames(frame, rate):
    assert frames_in(frame_to_sample(frame, sample_rate=rate), sample_rate=rate) == frame


@given(samples=st.integers(1, 10 * 3600 * SAMPLE_RATE), rate=RATES)
def test_frames_cover_the_sound_and_none_is_idle(samples, rate):
    frames = frames_in(samples, sample_rate=rate)
    assert frame_to_sample(frames, sample_rate=rate) >= samples
    assert frame_to_sample(frames - 1, sample_rate=rate) < samples


@given(frame=HOURS, fps=st.sampled_from([24.0, 25.0, 29.97, 30.0, 60.0, 120.0]))
def test_a_frames_time_leads_back_to_the_frame(frame, fps):
    assert seconds_to_frame(frame_to_seconds(frame, fps=fps), fps=fps) == frame


def test_halves_go_up():
    assert [seconds_to_frame(s, fps=2) for s in (0.0, 0.24, 0.25, 0.74, 0.75)] == [0, 0, 1, 1, 2]


def test_an_hour_of_hops_does_not_drift():
    """What rounding a hop to whole samples (533) would lose: more than two seconds an hour."""
    frames = 3600 * FPS
    assert frame_to_sample(frames) == 3600 * SAMPLE_RATE
    assert 3600 * SAMPLE_RATE - 533 * frames > 2 * SAMPLE_RATE
    assert frame_times(frames + 1)[-1] == 3600.0
    steps = {frame_to_sample(i + 1) - frame_to_sample(i) for i in range(3000)}
    assert steps == {533, 534}


def test_times_are_exact_not_added_up():
    np.testing.assert_array_equal(frame_times(1000), np.array([i / 30 for i in range(1000)]))
    assert frame_times(0).shape == (0,)
    assert frame_times(3, fps=60).tolist() == [0, 1 / 60, 2 / 60]


@pytest.mark.parametrize(
    ("fps", "exact"),
    [
        (30, (30, 1)),
        (25, (25, 1)),
        (23.976, (24000, 1001)),
        (29.97, (30000, 1001)),
        (59.94, (60000, 1001)),
        (119.88, (120000, 1001)),
        (12.5, (25, 2)),
    ],
)
def test_video_rates_are_exact_fractions(fps, exact):
    assert rate_fraction(fps) == Fraction(*exact)


@pytest.mark.parametrize(
    "module",
    [
        "core.timing",
        "core.emotions",
        "sampling.longform",
        "sampling.masked",
        "motion.skeleton",
        "data.readers.beat",
        "data.readers.beat_labels",
        "evaluation.plots",
        "evaluation.table",
        "metrics.retrieval",
        "metrics.twosample",
    ],
)
def test_examples_in_the_docs_hold(module):
    result = doctest.testmod(import_module(f"cospeech.{module}"))
    assert result.attempted > 0
    assert result.failed == 0
