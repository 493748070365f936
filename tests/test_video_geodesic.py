"""Geodesic distances are shortest paths: against Dijkstra's algorithm on the same grids."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from cospeech.video.warping.geodesic import geodesic_distance


def shortest(cost: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """[H, W] the same by a graph: a step into a pixel costs what the pixel costs, a diagonal one more."""
    height, width = cost.shape
    number = np.arange(height * width).reshape(height, width)
    from_, to, weights = [], [], []
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            if (dy, dx) == (0, 0):
                continue
            here = number[max(0, -dy) : height - max(0, dy), max(0, -dx) : width - max(0, dx)]
            there = number[max(0, dy) : height - max(0, -dy), max(0, dx) : width - max(0, -dx)]
            from_.append(here.ravel())
            to.append(there.ravel())
            weights.append(cost.ravel()[there.ravel()] * np.hypot(dy, dx))
    graph = coo_array((np.concatenate(weights), (np.concatenate(from_), np.concatenate(to))), (cost.size,) * 2)
    found = dijkstra(graph.tocsr(), indices=np.flatnonzero(seeds), min_only=True)
    return np.asarray(found).reshape(height, width)


@pytest.mark.parametrize("seed", range(8))
def test_it_is_the_shortest_path(seed):
    rng = np.random.default_rng(seed)
    size = tuple(rng.integers(1, 24, 2))
    cost, seeds = rng.uniform(0.1, 3.0, size), rng.random(size) < 0.03
    seeds[tuple(rng.integers(0, size))] = True
    before = cost.copy(), seeds.copy()
    np.testing.assert_allclose(geodesic_distance(cost, seeds), shortest(cost, seeds), rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(cost, before[0])
    np.testing.assert_array_equal(seeds, before[1])


def test_plain_ground_has_distances_of_kings():
    distance = geodesic_distance(np.full((9, 12), 2.0), np.pad([[True]], ((4, 4), (3, 8))))
    y, x = np.abs(np.mgrid[0:9, 0:12] - np.array([4, 3])[:, None, None])
    np.testing.assert_allclose(distance, 2 * (np.maximum(x, y) + (np.sqrt(2) - 1) * np.minimum(x, y)))


def test_it_goes_round_walls():
    cost = np.ones((30, 30))
    cost[:25, 8] = cost[5:, 16] = cost[:25, 24] = 1000.0
    seeds = np.zeros((30, 30), bool)
    seeds[0, 0] = True
    found = geodesic_distance(cost, seeds)
    np.testing.assert_allclose(found, shortest(cost, seeds))
    assert found[0, 29] > 70  # down, up and down again, and not through


def test_no_seeds_are_infinitely_far():
    assert np.isinf(geodesic_distance(np.ones((4, 5)), np.zeros((4, 5), bool))).all()
    np.testing.assert_array_equal(geodesic_distance(np.ones((4, 5)), np.ones((4, 5), bool)), 0)
