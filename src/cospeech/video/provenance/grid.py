"""The grid on which watermarks are made and read: 128 x 128 cells, whatever the picture's size and shape."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

GRID = 128
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of BT.709
# Flattening before reading, of grey and of blue: widths of the filters in cells, and floor of the spread.
FLATTEN_GREY, FLATTEN_BLUE = (9, 9, 0.6), (17, 17, 0.8)
TEXTURE_KEPT = 0.15  # of the spread beyond the floor
RING_WIDTH = 5  # half waves, of the rings within which amplitudes are equalised
NARROW, WIDE, REACH = 3, 5, 7  # cells: filters of the activity, and how far from an edge it counts


@dataclass(frozen=True)
class Places:
    """One direction of a picture and the grid: nearest pixels [128], means over pixels, and back."""

    nearest: np.ndarray
    down: np.ndarray  # [128, N]
    up: np.ndarray  # [N, 128]


@cache
def places(pixels: int) -> Places:
    """How ``pixels`` in a row or column lie on the grid."""
    edges = np.linspace(0, pixels, GRID + 1)
    pixel = np.arange(pixels)
    down = np.clip(np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel), 0, None)
    at = np.clip((pixel + 0.5) * GRID / pixels - 0.5, 0, GRID - 1)
    up = np.clip(1 - np.abs(at[:, None] - np.arange(GRID)), 0, None)
    nearest = ((np.arange(GRID) + 0.5) * pixels / GRID).astype(int)
    return Places(nearest, (down / down.sum(1, keepdims=True)).astype(np.float32), up.astype(np.float32))


@cache
def cosines(pixels: int) -> np.ndarray:
    """[N, 128] float32: the basis of the cosine transform at the middles of pixels."""
    return cosines_at((np.arange(pixels) + 0.5) / pixels)


def cosines_at(position: np.ndarray, waves: int = GRID) -> np.ndarray:
    """[..., waves] float32: cosines of 0, 1, ... half waves at positions (0 to 1 across the picture)."""
    return np.cos(np.pi * position[..., None] * np.arange(waves)).astype(np.float32)


@cache
def blur(width: int) -> np.ndarray:
    """[128, 128] float32: a mean over ``width`` neighbours, mirrored at the border."""
    weights = np.hanning(width + 2)[1:-1]
    at = np.arange(GRID)[:, None] + np.arange(width) - width // 2
    at = np.where(at < 0, -at, np.where(at >= GRID, 2 * (GRID - 1) - at, at))
    matrix = np.zeros((GRID, GRID))
    np.add.at(matrix, (np.arange(GRID)[:, None], at), weights / weights.sum())
    return matrix.astype(np.float32)


def reduced(picture: np.ndarray) -> np.ndarray:
    """[128, 128, 3] float32 of a picture [H, W, 3]: means over the cells."""
    rows, columns = (places(n) for n in picture.shape[:2])
    small = rows.down @ picture.reshape(len(picture), -1).astype(np.float32)
    return np.asarray(columns.down @ small.reshape(GRID, -1, 3))


def flat_planes(picture: np.ndarray) -> np.ndarray:
    """[2, 128, 128]: grey and blue of a picture [H, W, 3], flattened, as both versions of the mark are read."""
    small = reduced(picture)
    grey = small @ LUMA
    return np.stack([_flattened(grey, *FLATTEN_GREY), _flattened(small[..., 2] - grey, *FLATTEN_BLUE)])


def _flattened(plane: np.ndarray, width: int, reach: int, floor: float) -> np.ndarray:
    """A picture without its slow changes, with edges attenuated so that they do not mask the pattern."""
    near, wide = blur(width), blur(reach)
    detail = plane - near @ plane @ near.T
    spread = np.sqrt(np.maximum(wide @ (detail * detail) @ wide.T, 0))
    return np.asarray(detail * (floor + TEXTURE_KEPT * spread) / (floor**2 + spread**2))


def activity(grey: np.ndarray) -> np.ndarray:
    """[128, 128] local activity round each place of a picture, grey levels; low beside an edge."""
    near, wide = blur(NARROW), blur(WIDE)
    detail = grey - near @ grey @ near.T
    spread = np.sqrt(np.maximum(near @ (detail * detail) @ near.T, 0))
    for axis in (0, 1):
        padded = np.pad(spread, [(REACH // 2, REACH // 2) if axis == k else (0, 0) for k in (0, 1)], mode="edge")
        spread = np.min([np.take(padded, range(k, k + GRID), axis) for k in range(REACH)], axis=0)
    return np.asarray(wide @ spread @ wide.T)


@dataclass(frozen=True)
class Band:
    """Numbers of the cosine transform that carry a mark: grey ones, then blue ones."""

    channel: np.ndarray  # [N] 0 grey, 1 blue
    rows: np.ndarray  # [N] half waves down
    columns: np.ndarray  # [N] half waves across
    ring: np.ndarray  # [N] those of like length in the same channel have the same number

    def equalised(self, numbers: np.ndarray) -> np.ndarray:
        """[N] with the mean square 1 in each ring: pictures have more of the longer waves."""
        power = np.bincount(self.ring, numbers**2) / np.maximum(np.bincount(self.ring), 1)
        return np.asarray(numbers / (np.sqrt(power[self.ring]) + 1e-12))

    def numbers(self, planes: np.ndarray) -> np.ndarray:
        """[N] of planes [2, 128, 128], equalised."""
        transformed = cosines(GRID).T @ planes @ cosines(GRID)
        return self.equalised(transformed[self.channel, self.rows, self.columns])


@cache
def band(grey: tuple[int, int], blue: tuple[int, int]) -> Band:
    """Numbers of ``grey`` and of ``blue`` half waves per picture, over both directions: from, below."""
    channel, rows, columns = np.indices((2, GRID, GRID)).reshape(3, -1)
    square = rows**2 + columns**2
    low, high = (np.array(pair)[channel] for pair in zip(grey, blue, strict=True))
    inside = (square >= low**2) & (square < high**2)
    channel, rows, columns, square = (part[inside] for part in (channel, rows, columns, square))
    return Band(channel, rows, columns, channel * GRID + (np.sqrt(square) / RING_WIDTH).astype(int))
