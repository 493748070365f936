"""Where a cropped picture lay in the one that was marked: the pilots are looked for in many windows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import erfc, exp, pi, sqrt

import numpy as np

from .code import PILOT_BELOW, code, limited, normalised
from .grid import GRID, cosines, cosines_at

MOST = 0.105  # of the picture that may be missing at each side
STEP = 0.0175  # of the search; the pilots' longest wave is 15 times, their shortest twice as long
LIKELY = 128  # windows in which the pilots are found best, and all payloads are compared
KEPT = 6  # of these, that are looked at closer
FINE = (0.007, 0.0035, 0.00175)  # steps by which they are shifted


@dataclass(frozen=True)
class Window:
    """Part of the marked picture that is seen: from, to, as shares of its height and width."""

    top: float
    bottom: float
    left: float
    right: float

    def moved(self, side: int, by: float) -> Window:
        """With one of the four sides moved."""
        sides = [self.top, self.bottom, self.left, self.right]
        sides[side] = float(np.clip(sides[side] + by, 0, 1))
        return Window(*sides)


@cache
def _edges() -> np.ndarray:
    """[E, 2] beginnings and ends that are searched, of the height or of the width."""
    cut = np.arange(0, MOST + 1e-9, STEP)
    return np.array([(first, 1 - last) for first in cut for last in cut])


@cache
def _waves() -> np.ndarray:
    """[E, 128, W] the long waves, seen through each of the edges."""
    return np.stack([_seen(first, last, PILOT_BELOW) for first, last in _edges()])


def _seen(first: float, last: float, waves: int) -> np.ndarray:
    middle = (np.arange(GRID) + 0.5) / GRID
    return cosines_at(first + (last - first) * middle, waves)


def _evened(planes: np.ndarray) -> np.ndarray:
    """[2, 128, 128] of planes of the same shape: only the band of the mark, equalised and limited."""
    where = code().band
    numbers = np.zeros((2, GRID, GRID), np.float32)
    numbers[where.channel, where.rows, where.columns] = limited(where.numbers(planes))
    return np.asarray(cosines(GRID) @ numbers @ cosines(GRID).T)


def _numbers(planes: np.ndarray, window: Window) -> np.ndarray:
    """[N] equalised numbers of the marked picture, of which the planes show a window."""
    where = code().band
    waves = int(max(where.rows.max(), where.columns.max())) + 1
    down, across = _seen(window.top, window.bottom, waves), _seen(window.left, window.right, waves)
    transformed = down.T @ planes @ across
    return where.equalised(transformed[where.channel, where.rows, where.columns])


@dataclass(frozen=True)
class Sighting:
    """The likeliest mark: its score, payload and window."""

    score: float
    payload: int
    window: Window


def look(planes: np.ndarray) -> Sighting:
    """Find the mark in planes [2, 128, 128] of which up to a tenth may be missing at each side."""
    planes, drawn = _evened(planes), code()
    agreed, edges = _search(planes), _edges()
    likely = zip(*np.unravel_index(np.argsort(-agreed.ravel())[:LIKELY], agreed.shape), strict=True)
    seen: list[tuple[float, int, Window]] = []
    for row, column in likely:
        window = Window(*edges[row], *edges[column])
        scores = drawn.scores(_numbers(planes, window))
        payload = int(np.argmax(scores))
        seen.append((float(scores[payload]), payload, window))
    seen.sort(key=lambda one: -one[0])
    best = max((_refined(planes, *one) for one in seen[:KEPT]), key=lambda one: one[0])
    return Sighting(*best)


def chance(score: float) -> float:
    """How many windows in which one payload reaches a score, beyond their neighbours', are expected without a mark.

    Windows are refined where they fit best, so that those within reach count and not those that are tried. Over the
    four sides of the window the score is a smooth normal field of variance 1; this is the expected Euler
    characteristic of its part above the score (Adler and Taylor, Random Fields and Geometry, 2007, theorem 12.4.1), a
    close bound of the chance that there is one. That different waves are independent is an approximation.
    """
    where = code().band
    reach = MOST + sum(FINE)
    # Half waves k turn the derivatives by a side and its opposite into (pi k)^2 [[1/3, 1/6], [1/6, 1/3]].
    sides = [reach * sqrt(pi**2 * float(np.mean(waves**2.0)) / sqrt(12)) for waves in (where.rows, where.columns)]
    volumes = np.poly(-np.repeat(sides, 2))  # of the box's parts of 0 to 4 dimensions
    falls = exp(-(score**2) / 2)
    hermite = (1, score, score**2 - 1, score**3 - 3 * score)
    densities = [erfc(score / sqrt(2)) / 2, *(h * falls / (2 * pi) ** (d / 2 + 1) for d, h in enumerate(hermite))]
    return float(volumes @ densities)


def _search(planes: np.ndarray) -> np.ndarray:
    """[E, E] agreement with the pilots in all windows, in standard deviations."""
    drawn = code()
    where, pilots = drawn.band, drawn.pilots
    sums = np.zeros((len(_edges()), len(_edges())))
    squares = np.zeros_like(sums)
    for channel in (0, 1):
        chosen = pilots[where.channel[pilots] == channel]
        rows, columns = where.rows[chosen], where.columns[chosen]
        waves = int(max(rows.max(), columns.max())) + 1
        signs = np.zeros((waves, waves), np.float32)
        signs[rows, columns] = drawn.sign[chosen]
        seen = _waves()[:, :, :waves]
        down = np.swapaxes(seen, 1, 2).reshape(-1, GRID) @ planes[channel]
        across = np.moveaxis(seen, 1, 0).reshape(GRID, -1)
        numbers = (down @ across).reshape(len(seen), waves, len(seen), waves)
        sums += np.einsum("ahbw,hw->ab", numbers, signs)
        squares += np.einsum("ahbw,ahbw,hw->ab", numbers, numbers, np.abs(signs))
    return np.asarray(sums / (np.sqrt(squares) + 1e-12))


def _refined(planes: np.ndarray, score: float, payload: int, window: Window) -> tuple[float, int, Window]:
    signs = code().signs(payload)
    for step in FINE:
        for side in range(4):
            for by in (-step, step):
                other = window.moved(side, by)
                agreed = float(signs @ normalised(_numbers(planes, other)))
                if agreed > score:
                    score, window = agreed, other
    return score, payload, window
