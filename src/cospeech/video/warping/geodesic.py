"""Geodesic segmentation: which of several seeds every pixel is nearest to, along paths that avoid edges.

After Bai and Sapiro (IJCV 2009); distances by raster scans as Toivanen (Pattern Recognition Letters 1996).
"""

from __future__ import annotations

import numpy as np

SCANS = 3  # there and back; paths that turn more often than that are rare in shapes of people [D]
DIAGONAL = float(np.sqrt(2.0))


def geodesic_distance(cost: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Cost of the cheapest path from any seed to every pixel.

    Args:
        cost: [H, W] above 0, of a step into each pixel.
        seeds: [H, W] bool.

    Returns:
        [H, W] float64; infinite if there are no seeds.
    """
    far = float(cost.sum()) + 1.0
    distance = np.where(seeds, 0.0, far)
    for _ in range(SCANS):
        for turned in (slice(None), slice(None, None, -1)):
            _scan_down(cost[turned], distance[turned])
            _scan_down(cost.T[turned], distance.T[turned])
    return np.where(distance >= far, np.inf, distance)


def _scan_down(cost: np.ndarray, distance: np.ndarray) -> None:
    """Paths that go on from row to row, then along the row both ways; changes ``distance`` in place."""
    for row in range(len(cost)):
        step, best = cost[row], distance[row]
        if row:
            above = distance[row - 1]
            np.minimum(best, above + step, out=best)
            np.minimum(best[1:], above[:-1] + DIAGONAL * step[1:], out=best[1:])
            np.minimum(best[:-1], above[1:] + DIAGONAL * step[:-1], out=best[:-1])
        for way in (slice(None), slice(None, None, -1)):
            total = np.cumsum(step[way])
            best[way] = np.minimum.accumulate(best[way] - total) + total
