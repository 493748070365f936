"""Ranks with ties, R@k, chance and medians."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from cospeech.core.errors import UserError
from cospeech.metrics import ranks, retrieval_scores
from cospeech.metrics.base import Bootstrap


def scores(speech: np.ndarray, motion: np.ndarray, **options: object) -> dict:
    return {value.name: value for value in retrieval_scores(speech, motion, extractor="net-1", **options)}


def test_ranks_are_those_of_scipy_ties_and_all():
    rng = np.random.default_rng(0)
    similarity = rng.integers(0, 6, (40, 40)).astype(float)
    expected = [scipy.stats.rankdata(-row, method="average")[k] for k, row in enumerate(similarity)]
    np.testing.assert_allclose(ranks(similarity), expected)
    np.testing.assert_allclose(ranks(np.ones((5, 5))), np.full(5, 3.0))
    column = rng.integers(0, 40, 40)
    expected = [scipy.stats.rankdata(-row)[c] for c, row in zip(column, similarity, strict=True)]
    np.testing.assert_allclose(ranks(similarity, column), expected)


def test_recall_by_hand():
    """Speech 0 finds its motion first, 1 second, 2 ties for the first place."""
    motion = np.eye(3)
    speech = np.array([[1.0, 0.2, 0.1], [0.9, 0.8, 0.1], [0.5, 0.2, 0.5]])
    found = scores(speech, motion, ks=(1, 2))
    assert found["r@1_speech_to_motion_all"].value == pytest.approx(100 / 3)
    assert found["r@2_speech_to_motion_all"].value == pytest.approx(100)
    assert found["r@1_speech_to_motion_all"].chance == pytest.approx(100 / 3)
    assert found["median_rank_speech_to_motion_all"].value == 1.5  # of 1, 1.5, 2
    assert found["median_rank_speech_to_motion_all"].chance == 2.0
    unit = speech / np.linalg.norm(speech, axis=1, keepdims=True)
    back = [scipy.stats.rankdata(-column)[k] for k, column in enumerate(unit.T)]
    assert found["r@1_motion_to_speech_all"].value == pytest.approx(100 * np.mean(np.array(back) <= 1))


def test_both_directions_change_places_with_the_sides():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(200, 8))
    b = a + rng.normal(size=a.shape)
    there, back = scores(a, b), scores(b, a)
    for k in (1, 2, 3, 5, 10):
        name, other = f"r@{k}_speech_to_motion_all", f"r@{k}_motion_to_speech_all"
        assert there[name].value == back[other].value
    assert there["r@1_speech_to_motion_all"].value < there["r@10_speech_to_motion_all"].value
    value = there["r@5_speech_to_motion_all"]
    assert value.interval[0] < value.value < value.interval[1]
    assert value.count == 200
    median = there["median_rank_speech_to_motion_all"]
    assert median.interval[0] <= median.value <= median.interval[1]


def test_perfect_pairs_and_scale():
    rng = np.random.default_rng(1)
    a = rng.normal(size=(600, 16))  # more than one block of queries
    found = scores(a, a * rng.uniform(0.1, 10, (600, 1)))
    assert all(value.value == 100 for name, value in found.items() if name.startswith("r@"))
    assert all(value.value == 1 for name, value in found.items() if name.startswith("median"))


def test_batches_are_easier_and_chance_says_by_how_much():
    rng = np.random.default_rng(2)
    a = rng.normal(size=(200, 8))
    b = a + 1.5 * rng.normal(size=a.shape)
    small, full = scores(a, b, batch=32), scores(a, b)
    assert small["r@1_speech_to_motion_batch32"].value > 2 * full["r@1_speech_to_motion_all"].value
    assert small["r@10_speech_to_motion_batch32"].chance == pytest.approx(100 * 10 / 32)
    assert small["r@1_speech_to_motion_batch32"].count == 10 * 192
    again = scores(a, b, batch=32)
    assert again["r@1_speech_to_motion_batch32"].value == small["r@1_speech_to_motion_batch32"].value
    whole = scores(a, b, batch=200, rounds=1)  # one batch of all is all
    assert whole["r@3_motion_to_speech_batch200"].value == full["r@3_motion_to_speech_all"].value


def test_strangers_are_at_chance():
    rng = np.random.default_rng(3)
    found = scores(rng.normal(size=(640, 16)), rng.normal(size=(640, 16)), batch=32, rounds=20)
    for k in (1, 5, 10):
        value = found[f"r@{k}_speech_to_motion_batch32"]
        assert value.interval[0] < value.chance < value.interval[1]


def test_rows_of_one_recording_are_resampled_together():
    rng = np.random.default_rng(4)
    good = rng.normal(size=(10, 1, 8))
    speech = np.repeat(good, 20, axis=1).reshape(200, 8) + 0.01 * rng.normal(size=(200, 8))
    apart = scores(speech, speech[::-1], bootstrap=Bootstrap(400))
    together = scores(speech, speech[::-1], clips=[f"c{k // 20}" for k in range(200)], bootstrap=Bootstrap(400))
    name = "median_rank_speech_to_motion_all"
    assert together[name].clips == 10
    assert apart[name].value == together[name].value
    assert together[name].interval != apart[name].interval


def test_what_retrieval_needs():
    rows = np.eye(4)
    with pytest.raises(UserError, match=r"\[4, 4\], motion \[3, 4\]"):
        scores(rows, rows[:3])
    with pytest.raises(UserError, match="4 pairs, and 32"):
        scores(rows, rows, batch=32)
    with pytest.raises(UserError, match="at least 2 pairs"):
        scores(rows[:1], rows[:1])
    with pytest.raises(UserError, match="embedding of motion is all zeros"):
        scores(rows, np.zeros((4, 4)))
    with pytest.raises(UserError, match="3 clip ids for 4 pairs"):
        scores(rows, rows, clips=["a", "b", "c"])
