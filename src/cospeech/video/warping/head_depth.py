"""A head in depth: how far its places move in the picture when it turns and nods.

Under weak perspective a head that turns moves its places by an affine map and, along one direction that is the same
for all, by an amount that is proportional to their depth: the parallax. The affine map and the expression are left to
the spline of ``body_map``, which takes the driven keypoints to those that the parallax has moved. Decision of ours [D].
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .limb_geometry import TINY
from .resampling import bilinear

# Landmarks that neither jaw, lips, lids nor brows move: by the ears, nose, corners of the eyes.
RIGID = [0, 1, 15, 16, *range(27, 36), 36, 39, 42, 45]
STEEPEST = 2.0  # of depth, pixels a pixel; beside what is steeper, as a nose, it is filled, lest it folds [D]
NARROWEST = 0.35  # of what turns away: it is not compressed below that share of its width [D]
ROUNDS = 3  # of the secant method


@dataclass(frozen=True, eq=False)
class HeadDepth:
    """Depth of a head and of what is beside it: pixels of the portrait, towards the viewer from its joint."""

    face: np.ndarray  # [68, 2] landmarks of the portrait
    grid: np.ndarray  # [h, w, 1] float32, of cells, nowhere steeper than STEEPEST; 0 along the border
    corner: np.ndarray  # [2] pixels, the top left corner of the first cell
    cell: float  # pixels

    @cached_property
    def depth(self) -> np.ndarray:
        """[68] of the landmarks, as flattened as what is round them, lest far cheeks are compressed to a line."""
        return self.at(self.face)[:, 0]

    def at(self, places: np.ndarray) -> np.ndarray:
        """Depth [M, 1] of places [M, 2] pixels; 0 away from the head."""
        return bilinear(self.grid, (places - self.corner) / self.cell)

    def parallax(self, driven: np.ndarray) -> np.ndarray:
        """[2] pixels to the right and down that places move by for each pixel of their depth.

        It is fitted to the landmarks that expressions do not move, and limited to what a picture bears.

        Args:
            driven: [68, 2] pixels, where the face's landmarks move to.
        """
        known = np.concatenate([self.face, self.depth[:, None]], -1)[RIGID]
        rows = np.concatenate([known - known.mean(0), np.ones((len(known), 1))], -1)
        found = np.linalg.lstsq(rows, driven[RIGID], rcond=None)[0]
        flat = found[:2].T
        if abs(np.linalg.det(flat)) < TINY:
            return np.zeros(2)
        way = np.linalg.solve(flat, found[2])
        most = (1 - NARROWEST) / STEEPEST
        return way * min(1.0, most / max(float(np.hypot(*way)), TINY))

    def forward(self, places: np.ndarray, parallax: np.ndarray) -> np.ndarray:
        """Where places [M, 2] of the portrait go."""
        result: np.ndarray = places + self.at(places) * parallax
        return result

    def backward(self, places: np.ndarray, parallax: np.ndarray) -> np.ndarray:
        """Where places [M, 2] come from: the secant method on their depth."""
        if not np.any(parallax):
            return places
        ends = self.corner + np.array(self.grid.shape[1::-1]) * self.cell
        there = np.flatnonzero(((places > self.corner) & (places < ends)).all(-1))
        near = places[there]
        depth = self.at(near)
        left = self.at(near - depth * parallax) - depth
        step, change = left, np.full_like(left, -1.0)
        for _ in range(ROUNDS):
            depth = depth + step
            before, left = left, self.at(near - depth * parallax) - depth
            moved = np.abs(step) > TINY
            change = np.where(moved, (left - before) / np.where(moved, step, 1.0), change)
            step = -left / np.clip(change, NARROWEST - 2, -NARROWEST)
        result = np.array(places)
        result[there] = near - (depth + step) * parallax
        return result
