"""Windows over any length: every token once, each window of a size, what is handed over exact."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cospeech.sampling.longform import Window, windows


@st.composite
def settings(draw):
    size = draw(st.integers(2, 80))
    return draw(st.integers(1, 3000)), size, draw(st.integers(0, size - 1))


@given(settings())
def test_every_token_is_made_once_and_overlaps_are_exact(case):
    length, size, overlap = case
    found = windows(length, size, overlap)
    made = [token for window in found for token in range(window.fresh, window.end)]
    assert made == list(range(length))
    assert found[0].start == found[0].fresh == 0
    for before, after in pairwise(found):
        assert after.start == after.fresh - overlap == before.end - overlap
    for window in found:
        assert 0 <= window.start <= window.fresh < window.end
        assert window.end - window.start <= size


@given(settings())
def test_no_window_is_left_with_a_few_tokens(case):
    length, size, overlap = case
    sizes = [window.end - window.start for window in windows(length, size, overlap)]
    assert max(sizes) - min(sizes) <= 1


@given(settings())
def test_no_window_too_many(case):
    length, size, overlap = case
    least = 1 if length <= size else -(-(length - overlap) // (size - overlap))
    assert len(windows(length, size, overlap)) == least


def test_short_speech_is_one_window():
    assert windows(1, 56, 8) == [Window(0, 0, 1)]
    assert windows(56, 56, 8) == [Window(0, 0, 56)]
    assert [(w.start, w.fresh, w.end) for w in windows(57, 56, 8)] == [(0, 0, 32), (24, 32, 57)]


@pytest.mark.slow
def test_ten_minutes_move_at_the_seams_as_they_do_inside():
    """The shipped model: jerk of the wrists where one window hands over to the next."""
    from corpus_data import voice
    from cospeech.loading import load
    from cospeech.motion.phases import wrists_in_chest
    from cospeech.speech.features import speech_features

    model = load("contextual").with_sampling(rhythm=False)  # the warp of time would move the seams
    minute = speech_features(np.concatenate([voice(20.0, seed=k)[0] for k in range(3)]))
    features = np.tile(minute, (10, 1))
    motion = model.from_features(features, emotion="joy")
    assert len(motion) == len(features) >= 17_900
    settings, step = model.sampling, model.networks.downsample
    found = windows(-(-len(motion) // step), settings.window, settings.overlap)
    seams = np.array([window.fresh * step for window in found[1:]])
    wrists = wrists_in_chest(motion).astype(np.float64)
    jerk = np.linalg.norm(np.diff(wrists, n=3, axis=0), axis=-1).mean(1)
    apart = np.abs(np.arange(len(jerk))[:, None] + 1.5 - seams).min(1)
    assert len(seams) > 80
    assert jerk[apart <= 4].mean() < 1.15 * jerk[apart > 12].mean()
    assert np.percentile(jerk[apart <= 4], 99) < 1.5 * np.percentile(jerk[apart > 12], 99)
