"""Windows over any length: every token once, each window of a size, what is handed over exact."""

from __future__ import annotations

from itertools import pairwise

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
