"""The motion, edit, search and portrait film of examples/hello.wav are those that were recorded.

``scripts/record_golden.py --compare`` compares all bits on the machine that recorded them; here, on any
machine, numbers are compared to 1e-4 and pixels to a few levels.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
TOLERANCE = 1e-4
PIXEL_LEVELS = 2.0  # mean difference of decoded films

sys.path.insert(0, str(ROOT / "scripts"))
import record_golden  # noqa: E402


@pytest.fixture(scope="module")
def recorded() -> dict[str, np.ndarray]:
    with np.load(record_golden.GOLDEN / "golden.npz") as stored:
        return dict(stored)


@pytest.mark.slow
def test_motions_are_those_recorded(recorded):
    for name, arrays in record_golden.generated():
        for key, array in record_golden.thinned(name, arrays).items():
            np.testing.assert_allclose(array, recorded[f"{name}/{key}"], atol=TOLERANCE, err_msg=name)


def test_a_search_finds_what_was_recorded(recorded):
    found = record_golden.searched()
    np.testing.assert_allclose(found["scores"], recorded["search/scores"], atol=TOLERANCE)
    assert found["segments"].tolist() == recorded["search/segments"].tolist()


def test_a_portrait_film_is_the_one_recorded(recorded):
    frames = record_golden.thinned("portrait", record_golden.portrait_frames())["frames"]
    expected = recorded["portrait/frames"]
    assert frames.shape == expected.shape
    assert np.abs(frames.astype(float) - expected).mean() < PIXEL_LEVELS
