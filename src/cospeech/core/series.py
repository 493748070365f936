"""Small operations on series over time."""

from __future__ import annotations

import numpy as np


def minimum_jerk(share: np.ndarray) -> np.ndarray:
    """The way from 0 to 1 with least jerk (Flash and Hogan 1985), at shares of its time; held outside 0 to 1."""
    way = np.clip(share, 0, 1)
    eased: np.ndarray = way**3 * (10 - 15 * way + 6 * way**2)
    return eased


def smoothstep(share: np.ndarray) -> np.ndarray:
    """From 0 to 1 for shares from 0 to 1, level at both ends; held outside."""
    share = np.clip(share, 0, 1)
    result: np.ndarray = share * share * (3 - 2 * share)
    return result


def runs(mask: np.ndarray, *, shortest: int = 1) -> list[tuple[int, int]]:
    """First index and one after the last of every run of true in [T] that is at least so long.

    >>> runs(np.array([True, False, True, True]), shortest=2)
    [(2, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= shortest]


def wander(rng: np.random.Generator, frames: int, fps: float, *, period: float, hold: float = 0.0) -> np.ndarray:
    """[T] smooth chance in [-1, 1], from knot to knot; it stays at each for a share ``hold`` of the time.

    Args:
        period: seconds from one knot to the next.
    """
    knots = rng.uniform(-1, 1, int(frames / fps / period) + 3)
    place = np.arange(frames) / fps / period + rng.random()
    low = place.astype(int)
    t = minimum_jerk((place - low) / max(1e-6, 1 - hold))
    values: np.ndarray = knots[low] * (1 - t) + knots[low + 1] * t
    return values


def hann_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Moving mean of [T] or [T, C] along time, weighted by a Hann window of so many places; edges are held.

    >>> hann_mean(np.array([0.0, 0.0, 4.0, 0.0, 0.0]), 3)
    array([0., 1., 2., 1., 0.])
    """
    window = np.hanning(width + 2)[1:-1]
    window /= window.sum()
    columns = values.reshape(len(values), -1).T
    padded = np.pad(columns, ((0, 0), (width // 2, width - 1 - width // 2)), mode="edge")
    means = np.stack([np.convolve(column, window, mode="valid") for column in padded], axis=-1)
    return means.reshape(values.shape)


def widest(values: np.ndarray, reach: int) -> np.ndarray:
    """[T] the largest of the values [T] within so many places of each.

    >>> widest(np.array([0, 0, 3, 0, 1]), 1)
    array([0, 3, 3, 3, 1])
    """
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, reach, mode="edge"), 2 * reach + 1)
    largest: np.ndarray = windows.max(axis=-1)
    return largest
