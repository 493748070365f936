"""Where recordings are cut: everything is covered, 1 to 4 s long, and no stroke is cut in half."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus_data import arms, voice
from cospeech.core.timing import FPS
from cospeech.gesture_library.expressiveness import Hands
from cospeech.gesture_library.segments import (
    LONGEST,
    MAX_BREAK_SHIFT,
    SHORTEST,
    loudness,
    minima,
    segments,
    speech_breaks,
    valleys,
    word_breaks,
)
from cospeech.motion.phases import STILL_SPEED, hand_speed, strokes
from cospeech.speech.features import pauses, speech_features
from cospeech.speech.layout import FEATURE_DIM, LAYOUT
from cospeech.speech.speech import Word

LOW, HIGH = round(SHORTEST * FPS), round(LONGEST * FPS)


@st.composite
def speeds(draw) -> np.ndarray:
    """[T] hand speeds: smooth or rough, with rests, or all the same."""
    frames = draw(st.integers(1, 600))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    width = draw(st.sampled_from([1, 5, 15, 60]))
    values = np.abs(np.convolve(rng.normal(0, 0.5, frames + width - 1), np.ones(width) / width, "valid"))
    rest = draw(st.sampled_from([0.0, 0.05, 0.3]))
    return np.where(values < rest, 0.0, values) if draw(st.booleans()) else np.sort(values)


breaks = st.one_of(
    st.none(),
    st.lists(st.tuples(st.floats(0, 20), st.floats(0, 3)), max_size=8).map(
        lambda found: [(start, start + length) for start, length in sorted(found)]
    ),
)


def feasible(frames: int, places: np.ndarray) -> bool:
    """Can a recording be cut into 1 to 4 s at these frames alone?"""
    good = set(places.tolist()) | {frames}

    @cache
    def from_(start: int) -> bool:
        ends = range(start + LOW, min(start + HIGH, frames) + 1)
        return start == frames or any(end in good and from_(end) for end in ends)

    return from_(0)


@given(speeds(), breaks)
def test_segments_cover_the_recording_and_last_1_to_4_s(activity, found):
    parts = segments(activity, found)
    assert parts[0][0] == 0
    assert parts[-1][1] == len(activity)
    assert all(a[1] == b[0] for a, b in pairwise(parts))
    if len(activity) >= LOW:
        assert all(LOW <= end - start <= HIGH for start, end in parts)
    else:
        assert len(parts) == 1
    assert segments(activity, found) == parts


@given(speeds(), breaks)
def test_cuts_are_where_the_hands_are_slow(activity, found):
    cuts = [start for start, _ in segments(activity, found)[1:]]
    for places in (valleys(activity), minima(activity)):  # valleys if they will do, else minima
        if len(activity) >= LOW and feasible(len(activity), np.flatnonzero(places)):
            assert places[cuts].all()
            break


@given(speeds())
def test_a_valley_has_a_faster_movement_on_either_side(activity):
    for frame in np.flatnonzero(valleys(activity)):
        assert activity[frame] <= min(activity[frame - 1], activity[frame + 1])
        if activity[frame] >= STILL_SPEED:
            around = activity[max(0, frame - 30) : frame], activity[frame + 1 : frame + 31]
            assert all(side.max() >= 1.5 * activity[frame] - 1e-12 for side in around)


def test_no_recording_has_no_segments():
    assert segments(np.zeros(0)) == []


def test_no_stroke_is_cut_in_half():
    rng = np.random.default_rng(0)
    for seed in range(4):
        moments = np.cumsum(rng.uniform(0.7, 1.6, 14))
        sides = rng.choice(["left", "right"], len(moments))
        motion = arms(500, list(zip(moments.tolist(), sides.tolist(), strict=True)))
        activity = Hands(motion).activity
        cuts = [start for start, _ in segments(activity)[1:]]
        peaks = np.array([stroke.time * FPS for stroke in strokes(motion)])
        assert len(cuts) >= 4, seed
        assert min(np.abs(peaks - cut).min() for cut in cuts) > 4, seed  # a stroke lasts nine frames
        assert activity[cuts].max() < 0.25, seed


def test_breaks_of_speech_decide_where_the_hands_allow_it():
    activity = 0.3 + 0.3 * np.sin(np.arange(300) * 2 * np.pi / 12 + np.pi / 2)  # a valley every 0.4 s
    found = [(2.2, 2.6), (5.0, 5.4), (7.5, 7.5)]
    cuts = [start / FPS for start, _ in segments(activity, found)[1:]]
    for time in (2.4, 5.2, 7.5):
        assert min(abs(cut - time) for cut in cuts) <= MAX_BREAK_SHIFT + 0.02
    # Nothing says where to cut: as few cuts as 4 s allow, whatever the many valleys are.
    assert len(segments(activity, [])) == 3
    assert len(segments(activity)) > 3  # no speech: two seconds each, or so


def test_a_break_without_a_valley_near_is_none():
    activity = np.full(240, 1.0)
    activity[[60, 120, 180]] = 0.0
    assert segments(activity, [(2.6, 3.2)]) == segments(activity, [])
    assert (120, 180) in [(a, b) for a, b in segments(activity, [(3.9, 4.1), (5.7, 6.0)])]


def test_a_long_pause_is_cut_at_both_ends():
    activity = np.zeros(360)  # every frame is a valley
    cuts = [start / FPS for start, _ in segments(activity, [(3.0, 6.0)])[1:]]
    for time in (3.25, 5.75):
        assert min(abs(cut - time) for cut in cuts) < 0.02
    assert not any(3.3 < cut < 5.7 for cut in cuts)


def test_breaks_between_words():
    words = [Word("Well,", 0.4, 0.8), Word("hello", 1.0, 1.4), Word("there.”", 1.4, 1.9), Word("Hm", 2.3, 2.5)]
    assert word_breaks(words, 2.6) == [(0.0, 0.4), (0.8, 1.0), (1.9, 2.3)]
    assert word_breaks(words, 3.0)[-1] == (2.5, 3.0)
    assert word_breaks([Word("no", 0.0, 0.4), Word("stop", 0.6, 1.0)], 1.0) == []
    features = speech_features(voice(6.0, seed=1, pause=(2.0, 3.0))[0])
    assert speech_breaks(features) == pauses(features)
    assert any(abs(start - 2.0) < 0.3 and abs(end - 3.0) < 0.3 for start, end in speech_breaks(features))
    assert speech_breaks(features, words)[0] == (0.0, 0.4)


def test_loudness_is_zero_in_silence_and_high_in_speech():
    samples = voice(6.0, seed=1, pause=(2.0, 3.5))[0]
    level = loudness(speech_features(samples))
    assert level.shape == (180,)
    assert level[70:95].max() < 0.1 < np.median(level[100:170])
    cut = [start for start, _ in segments(level, pauses(speech_features(samples)))[1:]]
    assert any(60 <= frame <= 105 for frame in cut)
    assert loudness(np.full((2, FEATURE_DIM), 0.0)).shape == (2,)
    assert LAYOUT["energy"]


def test_figures_of_a_segment():
    motion = arms(150, [(1.0, "left"), (2.0, "left"), (4.0, "right")])
    hands = Hands(motion)
    np.testing.assert_array_equal(hands.speeds, hand_speed(motion))
    whole, first, calm = hands.of(0, 150), hands.of(0, 45), hands.of(80, 100)
    assert whole.strokes == 3
    assert first.strokes == 1
    assert calm.strokes == 0
    assert calm.speed < 0.05 < first.speed < first.peak
    assert whole.peak == pytest.approx(hands.activity.max())
    # A forearm of 0.24 to 0.27 m turned by 50 degrees.
    assert 0.15 < first.extent < 0.3
    assert calm.extent < 0.05
