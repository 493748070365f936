"""Resampling between pictures of any size and the square that the networks of portrait video see.

The networks take pictures of ``SIDE`` x ``SIDE`` pixels; masks, flows and heatmaps have half that side,
``MAP_SIDE``. Coordinates within the square are -1 .. 1, x right and y down.
"""

from __future__ import annotations

import numpy as np

from .matte import box

SIDE = 256  # pixels of the pictures that the networks take
MAP_SIDE = SIDE // 2  # of masks, flows and heatmaps


def planes(values: np.ndarray) -> np.ndarray:
    """[H, W, C] -> [1, C, H, W] float32."""
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None], dtype=np.float32)


def network_flow(source: np.ndarray) -> np.ndarray:
    """Places [H, W, 2] pixels that pixels came from, as the networks take them: [128, 128, 2], -1 .. 1.

    What lies beyond the picture, in the square that it is laid in, moves as its border does.
    """
    height, width = source.shape[:2]
    side = max(height, width)
    middles = (np.arange(MAP_SIDE) + 0.5) * side / (MAP_SIDE)
    rows, columns = (np.minimum(middles.astype(int), size - 1) for size in (height, width))
    # One pixel is taken of those that become one, and its place moved to the middle of them all.
    beside = np.stack(np.meshgrid(middles - columns - 0.5, middles - rows - 0.5), -1)
    result: np.ndarray = ((source[rows][:, columns] + beside) / (side / 2) - 1).astype(np.float32)
    return result


def to_square(values: np.ndarray, side: int = SIDE) -> np.ndarray:
    """[H, W, C] at the top left of a square, resampled to ``side`` pixels: [side, side, C] float32."""
    height, width, channels = values.shape
    whole = max(height, width)
    if height != width:
        values = np.pad(values, ((0, whole - height), (0, whole - width), (0, 0)), mode="edge")
    if whole == side:
        return values.astype(np.float32)
    if whole % side == 0:
        step = whole // side
        cut = values.reshape(side, step, side, step, channels)
        return cut.mean((1, 3), dtype=np.float32)
    return enlarge(_blurred(values, whole / side), side)


def _blurred(values: np.ndarray, step: float) -> np.ndarray:
    """Averaged over about ``step`` pixels, before every step-th one is taken."""
    radius = int(step // 2)
    return box(values.astype(np.float32), radius) if radius else values


def enlarge(values: np.ndarray, side: int) -> np.ndarray:
    """[S, S, C] -> [side, side, C], bilinear."""
    size = len(values)
    if size == side:
        return values
    place = np.clip((np.arange(side) + 0.5) * size / side - 0.5, 0, size - 1)
    low = np.minimum(place.astype(int), size - 2)
    share = (place - low).astype(np.float32)
    values = values[low] * (1 - share)[:, None, None] + values[low + 1] * share[:, None, None]
    result: np.ndarray = values[:, low] * (1 - share)[:, None] + values[:, low + 1] * share[:, None]
    return result


def resized(values: np.ndarray, step: int) -> np.ndarray:
    """[H, W, C] -> means of squares of ``step`` pixels [ceil(H / step), ceil(W / step), C]; borders are repeated."""
    if step == 1:
        return values
    height, width, channels = values.shape
    padded = np.pad(values, ((0, -height % step), (0, -width % step), (0, 0)), mode="edge")
    rows, columns = padded.shape[0] // step, padded.shape[1] // step
    result: np.ndarray = padded.reshape(rows, step, columns, step, channels).mean((1, 3))
    return result


def halved(values: np.ndarray, first: int = 0) -> np.ndarray:
    """Means of 2 x 2 pixels; rows are axis ``first``, columns the next, and an odd last one of either is left out."""
    before, (height, width), after = values.shape[:first], values.shape[first : first + 2], values.shape[first + 2 :]
    even = values[(slice(None),) * first + (slice(height // 2 * 2), slice(width // 2 * 2))]
    blocks = even.reshape(*before, height // 2, 2, width // 2, 2, *after)
    result: np.ndarray = blocks.mean((first + 1, first + 3))
    return result


def bilinear(picture: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Values [..., C] of a picture [H, W, C] at pixels [..., 2]; beyond the border they go on."""
    height, width = picture.shape[:2]
    x, y = np.clip(places[..., 0] - 0.5, 0, width - 1.001), np.clip(places[..., 1] - 0.5, 0, height - 1.001)
    i, j = x.astype(np.intp), y.astype(np.intp)
    u, v = (x - i)[..., None].astype(np.float32), (y - j)[..., None].astype(np.float32)
    flat, at = picture.reshape(-1, picture.shape[2]), j * width + i
    top, low = (_between(flat, at + row, u) for row in (0, width))
    low -= top
    low *= v
    low += top
    return low


def _between(flat: np.ndarray, at: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Values between pixels ``at`` and the ones after them; of a picture [N, C]."""
    first, second = flat.take(at, 0), flat.take(at + 1, 0)
    second -= first
    second *= share
    second += first
    return second
