"""As many shapes are counted as there are, whichever hand makes them and however many strokes there are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from corpus_data import ease
from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_angle_to_matrix
from cospeech.core.timing import FPS
from cospeech.metrics import StrokeClusters, StrokeShapes
from cospeech.metrics.stroke_shapes import CLUSTERS, SAMPLES, perplexity, stroke_paths
from cospeech.motion.motion import Motion
from cospeech.motion.skeleton import MIRROR, canonical_skeleton

KINDS = CLUSTERS // 2  # every stroke is followed by its way back, which has another shape


def beating(kinds: list[int], *, seed: int = 0) -> Motion:
    """The left arm strokes in the directions of the given kinds and back, a stroke a second."""
    skeleton, rng = canonical_skeleton(), np.random.default_rng(seed)
    frames = round((2 * len(kinds) + 1) * FPS)
    time, turn = np.arange(frames) / FPS, np.zeros((frames, 3))
    for number, kind in enumerate(kinds):
        angle, size = 2 * np.pi * kind / KINDS, 0.7 + 0.02 * rng.normal()
        axis = np.array([0.0, np.cos(angle), np.sin(angle)])
        turn += (ease(time, 2 * number + 1.0) - ease(time, 2 * number + 2.0))[:, None] * size * axis
    rotations = np.tile(np.eye(3), (frames, len(skeleton), 1, 1))
    rotations[:, skeleton.index("left_shoulder")] = axis_angle_to_matrix(turn)
    return Motion(skeleton, FPS, rotations.astype(np.float32), np.zeros((frames, 3), np.float32))


@pytest.fixture(scope="module")
def clusters() -> StrokeClusters:
    return StrokeClusters.of([beating(list(range(KINDS)), seed=seed) for seed in range(6)])


def shapes(clusters: StrokeClusters, *motions: Motion) -> float:
    metric = StrokeShapes(clusters)
    for number, motion in enumerate(motions):
        metric.update(motion, clip=str(number))
    return metric.compute().value


def test_a_path_is_where_both_hands_go():
    paths = stroke_paths(beating([0, 7]))
    assert paths.shape == (4, SAMPLES * 6)
    both = paths.reshape(4, SAMPLES, 2, 3)
    np.testing.assert_allclose(both[:, 0], 0, atol=1e-9)
    assert (np.linalg.norm(both[:, -1, 0], axis=-1) > 0.15).all()
    np.testing.assert_allclose(both[:, :, 1], 0, atol=1e-6)  # the other hand stays
    np.testing.assert_allclose(both[0, -1, 0], -both[1, -1, 0], atol=0.03)  # there, and back


@pytest.mark.parametrize("known", [1, 3, 10])
def test_as_many_shapes_are_counted_as_there_are(clusters, known):
    kinds = np.linspace(0, KINDS, known, endpoint=False).round().astype(int).tolist()
    found = shapes(clusters, *(beating(kinds * (12 // known + 1), seed=seed) for seed in (10, 11)))
    assert found == pytest.approx(2 * known, rel=0.2)


def test_more_of_the_same_are_no_more_shapes(clusters):
    few, many = (shapes(clusters, *(beating([0, 9, 18] * 3, seed=s) for s in range(10, 10 + n))) for n in (2, 12))
    assert many == pytest.approx(few, rel=0.15)


def test_the_mirror_image_has_the_same_shapes(clusters):
    motion = beating([0, 5, 11])
    flip = np.diag([-1.0, 1.0, 1.0]).astype(np.float32)
    image = replace(motion, rotations=flip @ motion.rotations[:, MIRROR] @ flip)
    np.testing.assert_allclose(stroke_paths(motion), stroke_paths(image), atol=1e-4)
    assert shapes(clusters, motion, image) == pytest.approx(shapes(clusters, motion))


def test_clusters_are_the_same_each_time(clusters):
    paths = stroke_paths(beating(list(range(KINDS)), seed=1))
    paths = np.concatenate([paths, 1.1 * paths])
    once, again = StrokeClusters.fit(paths), StrokeClusters.fit(paths)
    np.testing.assert_array_equal(once.centres, again.centres)
    assert len(np.unique(clusters.nearest(stroke_paths(beating(list(range(KINDS)), seed=9))))) > 0.7 * CLUSTERS


def test_perplexity_is_the_number_of_equal_kinds():
    assert perplexity(np.array([[4, 4, 4, 0], [12, 0, 0, 0]])) == pytest.approx([3.0, 1.0])


def test_too_few_strokes_are_refused(clusters):
    with pytest.raises(UserError, match="60 clusters of strokes need as many strokes, got 2"):
        StrokeClusters.of([beating([0])])
    metric = StrokeShapes(clusters)
    metric.update(beating([]), clip="nobody")
    with pytest.raises(UserError, match="nothing to measure; 1 clips were left out"):
        metric.compute()
