"""Smooth maps of the picture plane: a similarity, and a thin-plate spline for what it leaves over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .limb_geometry import TINY
from .mouth_and_lids import similarity
from .splines import Spline, fit_spline

SHORTEST = 0.3  # sizes are squeezed no further, and stretched by no more than its reciprocal [D]
LEAST_SCALE = 0.6  # of the ratio of their sizes, by which unlike shapes are laid on one another [D]
HAND_RIDGE = 0.05  # of a hand's spline, where its radius is 1 [D]
FINGER_MOVE = 0.33  # hand radiuses that the points of a hand move at most against the hand as a whole [D]
RING_RADIUS = 1.7  # hand radiuses from the middle of a hand to where nothing is bent [D]
RING = np.stack([np.cos(np.arange(12) * np.pi / 6), np.sin(np.arange(12) * np.pi / 6)], -1)


@dataclass(frozen=True, eq=False)
class Plate:
    """A map in pixels: a similarity, and a thin-plate spline for its residual."""

    matrix: np.ndarray  # [2, 2], of places
    offset: np.ndarray  # [2]
    spline: Spline  # places in units of ``size`` -> residual, likewise
    middle: np.ndarray  # [2] pixels
    size: float  # pixels that count as 1

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """Pixels [M, 2] -> pixels."""
        rest = self.spline((places - self.middle) / self.size)
        return places @ self.matrix.T + self.offset + rest * self.size

    def start(self, values: np.ndarray) -> np.ndarray:
        """Places [M, 2] that the similarity alone takes to values [M, 2]."""
        result: np.ndarray = np.linalg.solve(self.matrix, (values - self.offset).T).T
        return result


def plate(first: np.ndarray, second: np.ndarray, unit: float, ridge: float) -> Plate:
    """The map that takes points [N, 2] pixels to others; ``unit`` pixels count as 1 for the ridge."""
    matrix, offset = _similar(first, second)
    middle = first.mean(0)
    left = second - (first @ matrix.T + offset)
    return Plate(matrix, offset, fit_spline((first - middle) / unit, left / unit, ridge=ridge), middle, unit)


def hand_plate(first: np.ndarray, second: np.ndarray) -> Plate:
    """The map of a hand [21, 2]: rotated and moved as a whole, fingers bent a little, far from it nothing bent.

    One picture of a hand shows one side of it, so a map to any other shape would tear it: fingers move by at
    most a third of the hand's radius [D].
    """
    matrix, offset = _similar(first, second)
    middle = first.mean(0)
    radius = max(float(np.linalg.norm(first - middle, axis=1).max()), 1.0)
    left = (second - (first @ matrix.T + offset)) / radius
    size = np.linalg.norm(left, axis=1, keepdims=True)
    left *= np.minimum(1.0, FINGER_MOVE / np.maximum(size, TINY))
    control = np.concatenate([(first - middle) / radius, RING_RADIUS * RING])
    rest = np.concatenate([left, np.zeros_like(RING)])
    return Plate(matrix, offset, fit_spline(control, rest, ridge=HAND_RIDGE), middle, radius)


def _similar(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``similarity`` with a limited scale, for shapes that differ or are nearly points.

    The nearest map of unlike shapes, as of a palm and its mirror image, makes nearly a point of them.
    """
    matrix, _ = similarity(first, second)
    spread = [float(np.linalg.norm(points - points.mean(0))) for points in (first, second)]
    ratio = np.clip(spread[1] / max(spread[0], TINY), SHORTEST, 1 / SHORTEST)
    size = float(np.hypot(*matrix[0]))
    if size < TINY:
        matrix = ratio * np.eye(2)
    else:
        matrix = matrix * (np.clip(size, LEAST_SCALE * ratio, ratio) / size)
    return matrix, second.mean(0) - matrix @ first.mean(0)
