"""Heatmaps of the edges between keypoints, in NumPy (Contextual Gesture, section 3.3, equations 4 to 7)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...motion.points import BODY_SLICE, HAND_SLICES, POINTS, parents

GROUPS = ("arms", "hands", "face")  # edges with a thickness of their own
FADED = 3.0  # thicknesses from an edge where nothing of it is seen (1e-4)


def edge_list() -> list[tuple[int, int, int]]:
    """(keypoint, keypoint, group) of every edge; edges between joints only, as in the paper, not all pairs."""
    result = []
    for point, parent in enumerate(parents(POINTS)):
        if parent >= 0:
            result.append((point, parent, 0 if point < HAND_SLICES[0].start else 1 if point < BODY_SLICE.stop else 2))
    return result


_EDGES = [np.array([(a, b) for a, b, own in edge_list() if own == group]) for group in range(len(GROUPS))]


def edge_maps(points: np.ndarray, rows: np.ndarray, columns: np.ndarray, thickness: Sequence[float]) -> np.ndarray:
    """Heatmaps [3, H, W] float32 in 0 .. 1, one for each of GROUPS.

    Args:
        points: [116, 2] where the picture is -1 .. 1.
        rows: [H] y of places.
        columns: [W] x of places.
        thickness: sigma of each group.
    """
    result = np.zeros((len(GROUPS), len(rows), len(columns)), np.float32)
    low, high = np.array([columns[0], rows[0]]), np.array([columns[-1], rows[-1]])
    for k, (edges, sigma) in enumerate(zip(_EDGES, thickness, strict=True)):
        ends = points[edges]  # [E, 2, 2]
        near = (ends.max(1) > low - FADED * sigma).all(-1) & (ends.min(1) < high + FADED * sigma).all(-1)
        if near.any():
            result[k] = np.exp(-_squared(ends[near].astype(np.float32), rows, columns) / np.float32(sigma**2))
    return result


def _squared(ends: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Least squared distance [H, W] of places to edges [E, 2, 2] (equations 5 and 6)."""
    way = ends[:, 1] - ends[:, 0]
    size = np.maximum((way * way).sum(-1), np.float32(1e-9))
    x = columns.astype(np.float32)[None, None] - ends[:, 0, 0, None, None]  # [E, 1, W]
    y = rows.astype(np.float32)[None, :, None] - ends[:, 0, 1, None, None]  # [E, H, 1]
    along = way / size[:, None]
    t = np.clip(x * along[:, 0, None, None] + y * along[:, 1, None, None], 0, 1)
    x = x - t * way[:, 0, None, None]
    y = y - t * way[:, 1, None, None]
    result: np.ndarray = (x * x + y * y).min(0)
    return result
