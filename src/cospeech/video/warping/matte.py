"""Soft masks and filling, in NumPy, for cutting a portrait into layers.

Guided filtering after He, Sun and Tang (TPAMI 2013); filling by pull and push over a pyramid after
Gortler et al. (SIGGRAPH 1996).
"""

from __future__ import annotations

import numpy as np

DIFFUSIONS = 60  # rounds; colours of a border reach about 8 pixels far [D]
LEAST_KNOWN = 8  # pixels of a row from which the rest of it is filled
TRUST_GAIN = 4.0  # of a pixel's weight from one level of the pyramid to the next, saturating at 1


def box(values: np.ndarray, radius: int) -> np.ndarray:
    """Mean over a square of side 2 radius + 1, cut at the borders; [H, W, ...] float."""
    for axis in (0, 1):
        size = values.shape[axis]
        total = np.concatenate([np.zeros_like(values.take([0], axis)), np.cumsum(values, axis)], axis)
        high = np.minimum(np.arange(size) + radius + 1, size)
        low = np.maximum(np.arange(size) - radius, 0)
        count = (high - low).reshape([-1 if k == axis else 1 for k in range(values.ndim)])
        values = (total.take(high, axis) - total.take(low, axis)) / count
    return values


def joined(part: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """[H, W] bool: the pixels of a part from which a way within it leads to the seeds."""
    reached = part & seeds
    grown = reached
    while grown.any():
        # Along rows and columns as far as they go, and again from what that reached.
        before = reached
        for axis in (0, 1):
            for turn in (1, -1):
                reached = reached | _carried(reached, part, axis, turn)
        grown = reached & ~before
    return reached


def _carried(reached: np.ndarray, part: np.ndarray, axis: int, turn: int) -> np.ndarray:
    """What is reached along an axis in one direction, within a part."""
    order = (slice(None),) * axis + (slice(None, None, turn),)
    inside, start = part[order], reached[order]
    number = np.arange(inside.shape[axis]).reshape([-1 if k == axis else 1 for k in range(2)])
    last_start = np.maximum.accumulate(np.where(start, number, -1), axis)
    last_gap = np.maximum.accumulate(np.where(inside, -1, number), axis)
    return np.asarray((inside & (last_start > last_gap))[order])


def snapped(mask: np.ndarray, picture: np.ndarray, radius: int, smooth: float = 1e-3) -> np.ndarray:
    """A mask whose border follows the edges of a picture (guided filter).

    Args:
        mask: [H, W] in 0 .. 1.
        picture: [H, W, 3] in 0 .. 1.
        radius: pixels.
        smooth: variance of colours below which edges are not followed.
    """
    guide = picture.astype(np.float64)
    mean, target = box(guide, radius), box(mask.astype(np.float64), radius)
    cross = box(guide * mask[..., None], radius) - mean * target[..., None]
    pairs = guide[..., :, None] * guide[..., None, :]
    variance = box(pairs, radius) - mean[..., :, None] * mean[..., None, :] + smooth * np.eye(3)
    slope = np.linalg.solve(variance, cross[..., None])[..., 0]
    offset = target - (slope * mean).sum(-1)
    result: np.ndarray = (box(slope, radius) * guide).sum(-1) + box(offset, radius)
    return np.clip(result, 0.0, 1.0)


def filled(picture: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fill unknown pixels smoothly from their surroundings; fully known pixels stay exact.

    Args:
        picture: [H, W, C] float.
        known: [H, W] trust in 0 .. 1.
    """
    weight = np.clip(known, 0.0, 1.0)[..., None].astype(np.float64)
    return _filled(picture * weight, weight)


def diffused(picture: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fill unknown pixels as ``filled``, and let them flow to the colours at their border (Laplace's equation, Jacobi).

    Args:
        picture: [H, W, C] float.
        known: [H, W] bool; these pixels stay exact.
    """
    result = np.where(known[..., None], picture, filled(picture, known.astype(float))).astype(np.float32)
    rows, columns = np.nonzero(~known)
    if not len(rows):
        return result
    last = [size - 1 for size in known.shape]
    around = [
        (np.clip(rows + dy, 0, last[0]), np.clip(columns + dx, 0, last[1]))
        for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0))
    ]
    for _ in range(DIFFUSIONS):
        result[rows, columns] = np.mean([result[place] for place in around], axis=0)
    return result


def rows_filled(picture: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fill unknown pixels of every row from the known ones to the left and right, so that boards and tables go on.

    Args:
        picture: [H, W, C] float.
        known: [H, W] bool.
    """
    result = filled(picture, known.astype(float))
    places = np.arange(picture.shape[1])
    for y, row in enumerate(known):
        if not row.all() and row.sum() >= LEAST_KNOWN:
            at = places[row]
            for channel in range(picture.shape[2]):
                result[y, ~row, channel] = np.interp(places[~row], at, picture[y, row, channel])
    return result


def _filled(weighted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Pull: halve until a place is left; push: fill unknown pixels from the coarser picture."""
    mean = weighted / np.maximum(weight, 1e-6)
    height, width = weight.shape[:2]
    if max(height, width) <= 1 or weight.min() >= 1.0:
        return mean
    above = _halved(weighted), _halved(weight)
    scale = np.maximum(above[1], 1e-6)
    # Trust saturates, so that a hole is filled by what is near and not by what is large.
    trust = np.minimum(above[1] * TRUST_GAIN, 1.0)
    coarse = _filled(above[0] / scale * trust, trust)
    back = _doubled(coarse, height, width)
    return mean * weight + back * (1.0 - weight)


def _halved(values: np.ndarray) -> np.ndarray:
    height, width = values.shape[:2]
    values = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return 0.25 * (values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2])


def _doubled(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear, twice as large."""
    for axis, size in ((0, height), (1, width)):
        place = (np.arange(size) + 0.5) / 2 - 0.5
        low = np.clip(np.floor(place).astype(int), 0, values.shape[axis] - 1)
        high = np.minimum(low + 1, values.shape[axis] - 1)
        share = np.clip(place - low, 0.0, 1.0).reshape([-1 if k == axis else 1 for k in range(3)])
        values = values.take(low, axis) * (1 - share) + values.take(high, axis) * share
    return values
