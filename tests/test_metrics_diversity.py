"""Diversity within clips, between clips and between takes, by hand and written out."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.metrics import FeatureDiversity, L1Div, Multimodality, PairwiseL1
from format_data import canonical_motion

ID = "net-1"


def test_l1div_by_hand_and_as_published():
    metric = L1Div()
    metric.update(np.array([[[0.0, 0.0]], [[2.0, -4.0]]]), clip="a")  # every frame is 1 + 2 from the mean
    assert metric.compute().value == 3.0
    motion = canonical_motion(50)
    place = motion.positions.reshape(50, -1).astype(np.float64)
    total = 0.0
    for frame in place:
        total += np.abs(frame - place.mean(0)).sum()
    metric.update(motion, clip="b")
    assert metric.compute().value == pytest.approx((2 * 3.0 + total) / 52, rel=1e-5)
    assert metric.compute().count == 52
    still = L1Div()
    still.update(np.ones((5, 3, 3)), clip="a")
    assert still.compute().value == 0


def test_pairwise_l1_in_groups():
    rng = np.random.default_rng(0)
    clips = rng.normal(size=(11, 6, 2, 3))
    metric = PairwiseL1(group=4)
    for k, clip in enumerate(clips):
        metric.update(clip, clip=str(k))
    gaps = [
        np.abs(clips[i] - clips[j]).mean()
        for start in (0, 4, 8)
        for i, j in combinations(range(start, min(start + 4, 11)), 2)
    ]
    value = metric.compute()
    assert value.value == pytest.approx(np.mean(gaps))
    assert (value.count, value.clips, value.left_out) == (6 + 6 + 3, 11, 0)
    assert value.interval[0] < value.value < value.interval[1]
    assert metric.compute().value == value.value  # asking changes nothing
    whole = PairwiseL1()
    for k, clip in enumerate(clips[:9]):
        metric.update(clip, clip=f"more {k}")
        whole.update(clip, clip=str(k))
    metric.update(clips[0], clip="alone")
    assert metric.compute().left_out == 1
    pairs = [np.abs(a - b).mean() for a, b in combinations(clips[:9], 2)]
    assert whole.compute().value == pytest.approx(np.mean(pairs))


def test_pairwise_l1_needs_two_clips_of_one_shape():
    metric = PairwiseL1()
    metric.update(np.zeros((4, 2, 3)), clip="a")
    with pytest.raises(UserError, match="nothing to measure"):
        metric.compute()
    with pytest.raises(UserError, match=r"'b'.*\[5, 2, 3\].*\[4, 2, 3\]"):
        metric.update(np.zeros((5, 2, 3)), clip="b")


def diversity(rows: list[np.ndarray], **options: object) -> FeatureDiversity:
    metric = FeatureDiversity(extractor=ID, **options)
    for k, values in enumerate(rows):
        metric.update(values, clip=f"clip{k}", extractor=ID)
    return metric


def test_feature_diversity_of_all_pairs():
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(n, 3)) for n in (2, 1, 3, 2, 2, 1)]
    gaps = [np.linalg.norm(x - y) for a, b in combinations(rows, 2) for x in a for y in b]
    value = diversity(rows, pairs=None).compute()
    assert value.value == pytest.approx(np.mean(gaps))
    assert value.count == len(gaps)
    assert value.interval[0] < value.value < value.interval[1]
    assert diversity([2 * r for r in rows], pairs=None).compute().value == pytest.approx(2 * value.value)


def test_fifty_pairs_are_drawn_with_a_seed_and_are_near_to_all():
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(3, 8)) for _ in range(60)]
    value = diversity(rows).compute()
    assert (value.name, value.count) == ("feature_diversity_5x10", 50)
    assert value.value == diversity(rows).compute().value
    every = diversity(rows, pairs=None).compute()
    assert value.interval[0] < every.value < value.interval[1]
    assert np.ptp(every.interval) < np.ptp(value.interval)
    # rows of one clip are never a pair
    same = [np.tile(np.eye(8)[k], (50, 1)) for k in range(3)]
    assert diversity(same).compute().value == pytest.approx(np.sqrt(2))


def test_takes_of_one_speech():
    metric = Multimodality(extractor=ID)
    metric.update([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]], clip="a", extractor=ID)  # 5, 0, 5
    metric.update([[1.0, 1.0], [1.0, 1.0]], clip="b", extractor=ID)
    assert metric.compute().value == pytest.approx((10 / 3 + 0) / 2)
    assert (metric.compute().count, metric.compute().extractor) == (2, ID)
    rng = np.random.default_rng(0)
    windows = rng.normal(size=(3, 4, 5))  # takes of several windows: window by window
    other = Multimodality(extractor=ID)
    other.update(windows, clip="a", extractor=ID)
    expected = [np.linalg.norm(a - b, axis=-1).mean() for a, b in combinations(windows, 2)]
    assert other.compute().value == pytest.approx(np.mean(expected))
    with pytest.raises(UserError, match=r"V >= 2, got \[1, 2\]"):
        metric.update([[1.0, 1.0]], clip="c", extractor=ID)


def test_extractors_never_mix():
    for metric in (FeatureDiversity(extractor=ID), Multimodality(extractor=ID)):
        with pytest.raises(UserError, match="cannot be compared"):
            metric.update(np.zeros((2, 3)), clip="a", extractor="net-2")
    metric = diversity([np.zeros((2, 3)), np.zeros((0, 3))])
    with pytest.raises(UserError, match="1 clips were left out"):
        metric.compute()
