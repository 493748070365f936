"""Rotated rectangles of a picture, and what networks see of it in them.

Coordinates are pixels, x to the right and y down; turns are radians, clockwise as one sees the picture. The rules by
which regions follow from points are those of MediaPipe's graphs (``mediapipe/modules``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Region:
    """A rotated rectangle."""

    x: float  # of its middle
    y: float
    width: float
    height: float
    turn: float = 0.0  # from upright

    @classmethod
    def of_picture(cls, picture: np.ndarray) -> Region:
        """All of a picture [H, W, 3]."""
        height, width = picture.shape[:2]
        return cls(width / 2, height / 2, width, height)

    @classmethod
    def of_circle(cls, middle: np.ndarray, edge: np.ndarray, turn: float) -> Region:
        """The square around a circle with a point on its edge."""
        side = 2 * float(np.linalg.norm(edge - middle))
        return cls(float(middle[0]), float(middle[1]), side, side, turn)

    @classmethod
    def of_points(cls, points: np.ndarray, turn: float = 0.0) -> Region:
        """The upright box around points [N, 2], then rotated about its middle."""
        low, high = points.min(0), points.max(0)
        x, y = (low + high) / 2
        return cls(float(x), float(y), float(high[0] - low[0]), float(high[1] - low[1]), turn)

    @classmethod
    def of_turned_points(cls, points: np.ndarray, turn: float) -> Region:
        """The smallest box around points [N, 2] with this turn."""
        upright = cls.of_points(_rotated(points, -turn))
        x, y = _rotated(np.array([upright.x, upright.y]), turn)
        return replace(upright, x=float(x), y=float(y), turn=turn)

    def squared(self, scale: float, *, down: float = 0.0) -> Region:
        """A square with the longer side times ``scale``, moved ``down`` heights along the region's own vertical."""
        x, y = np.array([self.x, self.y]) + _rotated(np.array([0.0, down * self.height]), self.turn)
        side = scale * max(self.width, self.height)
        return replace(self, x=float(x), y=float(y), width=side, height=side)

    def widened(self, aspect: float) -> Region:
        """The smallest region around this one whose width is ``aspect`` times its height."""
        return replace(self, width=max(self.width, aspect * self.height), height=max(self.height, self.width / aspect))

    def to_picture(self, shares: np.ndarray) -> np.ndarray:
        """Pixels [..., 2] of places in shares of the region's width and height, from its upper left corner."""
        return _rotated((shares - 0.5) * [self.width, self.height], self.turn) + [self.x, self.y]

    def to_shares(self, points: np.ndarray) -> np.ndarray:
        """The inverse of ``to_picture``."""
        result: np.ndarray = _rotated(points - [self.x, self.y], -self.turn) / [self.width, self.height] + 0.5
        return result


def turn_between(start: np.ndarray, end: np.ndarray, target: float) -> float:
    """The turn of a region in which the way from ``start`` to ``end`` points to ``target``.

    Args:
        target: radians, anticlockwise from right: 0 right, pi / 2 up.
    Returns:
        Radians, -pi to pi.
    """
    across, down = end - start
    angle = target - np.arctan2(-down, across)
    return float(angle - 2 * np.pi * np.floor((angle + np.pi) / (2 * np.pi)))


def cropped(picture: np.ndarray, region: Region, size: int, *, black_outside: bool = False) -> np.ndarray:
    """What is in a region, bilinearly sampled.

    As in MediaPipe's, the first pixel of the result lies on the region's corner, which the networks expect.

    Args:
        picture: [H, W, 3] uint8.
        size: pixels of the result's sides.
        black_outside: beyond the picture's border all is black, instead of like the border.
    Returns:
        [size, size, 3] float32, 0 to 255.
    """
    from PIL import Image

    corners = region.to_picture(np.array([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]))
    limit = np.array(picture.shape[1::-1])
    low, high = np.floor(corners.min(0)).astype(int) - 1, np.ceil(corners.max(0)).astype(int) + 2
    start = np.clip(low, 0, limit - 1)
    stop = np.clip(high, start + 1, limit)
    part = picture[start[1] : stop[1], start[0] : stop[0]]
    before, after = np.maximum(start - low, 0), np.maximum(high - stop, 0)
    if black_outside:  # a pixel of black to blend with; Pillow fills the rest with it
        before, after = np.minimum(before, 1), np.minimum(after, 1)
    if before.any() or after.any():
        wide = ((before[1], after[1]), (before[0], after[0]), (0, 0))
        part = np.pad(part, wide) if black_outside else np.pad(part, wide, mode="edge")
    across, down = (corners[1] - corners[0]) / size, (corners[2] - corners[0]) / size
    # Pillow takes and gives the middles of pixels, half a pixel from their corners.
    first = corners[0] - (start - before) + 0.5 - (across + down) / 2
    numbers = [value for axis in range(2) for value in (across[axis], down[axis], first[axis])]
    shown = [
        Image.fromarray(part[..., channel].astype(np.float32)).transform(
            (size, size), Image.Transform.AFFINE, numbers, Image.Resampling.BILINEAR
        )
        for channel in range(picture.shape[-1])  # as float32, as Pillow cuts off what bytes cannot hold
    ]
    return np.stack([np.asarray(channel) for channel in shown], axis=-1)


def _rotated(vectors: np.ndarray, turn: float) -> np.ndarray:
    """Vectors [..., 2] turned clockwise."""
    cos, sin = np.cos(turn), np.sin(turn)
    result: np.ndarray = vectors @ np.array([[cos, sin], [-sin, cos]])
    return result
