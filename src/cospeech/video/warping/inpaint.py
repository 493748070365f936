"""Inpainting: what a person hides is put together from patches of what is visible.

Overlapping patches vote for every hidden pixel (Wexler, Shechtman and Irani, TPAMI 2007); the most similar
visible patch of each is found by random search and from neighbours (PatchMatch: Barnes et al., SIGGRAPH 2009),
from coarse to fine. All pixels are searched at once, not one after the other, as suits NumPy [D]. It knows no
objects: half a chair may end up beside another.
"""

from __future__ import annotations

import numpy as np

from .matte import box, diffused, filled, rows_filled

SIDES = (32, 64, 128, 256)  # pixels of the longer side in which patches are compared
RADIUS = 3  # of a patch
_SIDE = 2 * RADIUS + 1
_ROUNDS = ((6, 3), (3, 3), (2, 3), (1, 4))  # votes, and searches before each, for each of SIDES
# Additional cost of a patch from the other end of the picture, across and up or down: squared difference per
# channel. Rooms are level, so what is beside a pixel resembles it more than what is above it [D].
_ACROSS, _UP = 0.05, 2.0
_FADE = 0.9  # factor on a patch's weight for every pixel that it is further from what is visible
_FEW = 8  # patches at least to choose from; with fewer, filling is smooth
_WIDE, _NARROW, _SHRINK = 2, 8, 3  # parts of the picture that random search starts with, and its divisor each time
_LEAST_ERROR = 1e-5  # squared difference that weights distinguish
_WHOLE = 0.99  # of a reduced pixel that must be known for it to count as visible
_NEAR_WEIGHTS = (1, 4, 6, 4, 1)  # of offsets near by along a row and a column, in the final copy
_RING = 2  # pixels of the visible border at which the copy is fitted to what is visible


def inpainted(picture: np.ndarray, known: np.ndarray, wanted: np.ndarray | None = None, *, seed: int = 0) -> np.ndarray:
    """Fill the unknown pixels of a picture.

    Args:
        picture: [H, W, 3] float in 0 .. 1.
        known: [H, W] bool.
        wanted: [H, W] bool, unknown pixels to be inpainted, all by default; the others are filled smoothly.
        seed: of the search; the same picture and seed give the same result.

    Returns:
        [H, W, 3] float32; known pixels are unchanged.
    """
    fill = rows_filled(picture, known) if wanted is None else filled(picture, known.astype(float))
    smooth = np.where(known[..., None], picture, fill).astype(np.float32)
    wanted = ~known if wanted is None else wanted & ~known
    longest = max(known.shape)
    rng = np.random.default_rng(seed)
    level: _Level | None = None
    for side, (votes, searches) in zip(SIDES, _ROUNDS, strict=True):
        if side > longest or not wanted.any():
            break
        small, seen = _reduced(picture, known, longest / side)
        guess = _reduced(smooth, np.ones_like(known), longest / side)[0] if level is None else level.picture
        start = np.where(seen[..., None], small, _resized(guess, seen.shape)).astype(np.float32)
        hole = ~_reduced(picture, ~wanted, longest / side)[1] & ~seen
        current = _Level(start, seen, hole, None if level is None else level.offsets(), rng)
        if len(current.sources) < _FEW:
            return smooth
        for vote in range(votes):
            current.search(searches, wide=vote == 0)
            current.vote()
        level = current
    return smooth if level is None else _seamless(smooth, known, wanted, level.offsets())


class _Level:
    """One scale: the target pixels, whose patch holds something hidden, and the visible patch chosen for each."""

    def __init__(
        self,
        picture: np.ndarray,
        seen: np.ndarray,
        hole: np.ndarray,
        offsets: np.ndarray | None,
        rng: np.random.Generator,
    ) -> None:
        self.picture, self._hole, self._rng = picture, hole, rng
        height, width = self.shape = seen.shape
        covered = _any_near(hole)
        whole = np.zeros_like(seen)
        whole[RADIUS : height - RADIUS, RADIUS : width - RADIUS] = True
        self._usable = (~_any_near(~seen) & whole).ravel()
        self.sources = np.flatnonzero(self._usable)
        self.targets = np.flatnonzero(covered.ravel())
        self._number = np.full(height * width, -1)
        self._number[self.targets] = np.arange(len(self.targets))
        self._y, self._x = np.divmod(self.targets, width)
        self._far = np.array([_UP / height**2, _ACROSS / width**2])
        self._weight = _FADE ** _depth(seen).ravel()[self.targets]
        self.best = np.full(len(self.targets), -1)
        if offsets is not None:
            own = _resized(offsets, self.shape)[self._y, self._x] * [height, width]
            self.best = self._place(self._y + own[:, 0], self._x + own[:, 1])
        lost = self.best < 0
        if len(self.sources):
            self.best[lost] = self.sources[rng.integers(len(self.sources), size=int(lost.sum()))]
        self._patches = _patches(picture)
        self._error = np.zeros(len(self.targets))

    def _place(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Flat indices of pixels, -1 where no patch may be taken."""
        rows, columns = np.round(y).astype(int), np.round(x).astype(int)
        within = (rows >= 0) & (rows < self.shape[0]) & (columns >= 0) & (columns < self.shape[1])
        number = np.where(within, rows * self.shape[1] + columns, 0)
        return np.where(within & self._usable[number], number, -1)

    def _cost(self, places: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Cost of the patches at ``places`` for the chosen targets: squared difference per channel."""
        difference = self._patches[places] - self._patches[self.targets[chosen]]
        apart = np.stack(np.divmod(places, self.shape[1]), -1) - np.stack([self._y[chosen], self._x[chosen]], -1)
        alike = np.einsum("nk,nk->n", difference, difference) / difference.shape[1]
        result: np.ndarray = alike + (apart * apart) @ self._far
        return result

    def _offer(self, places: np.ndarray) -> None:
        chosen = np.flatnonzero((places >= 0) & (places != self.best))
        found = self._cost(places[chosen], chosen)
        better = found < self._error[chosen]
        self.best[chosen[better]] = places[chosen[better]]
        self._error[chosen[better]] = found[better]

    def search(self, turns: int, *, wide: bool) -> None:
        """Try the neighbours' choices, and random pixels round the best one; far from it as well if ``wide``."""
        self._patches = _patches(self.picture)
        self._error = self._cost(self.best, np.arange(len(self.targets)))
        for turn in range(turns):
            for reach in (1, 4) if turn == 0 else (1 + turn % 2,):
                for dy, dx in ((0, reach), (0, -reach), (reach, 0), (-reach, 0)):
                    self._try_neighbour(dy, dx)
            reach = max(self.shape) / (_WIDE if wide else _NARROW)
            while reach >= 1:
                y, x = np.divmod(self.best, self.shape[1])
                jump = self._rng.uniform(-reach, reach, (2, len(self.best)))
                self._offer(self._place(y + jump[0], x + jump[1]))
                reach /= _SHRINK

    def _try_neighbour(self, dy: int, dx: int) -> None:
        """Try the choice of the neighbour at an offset, moved back by the offset."""
        y, x = self._y + dy, self._x + dx
        within = (y >= 0) & (y < self.shape[0]) & (x >= 0) & (x < self.shape[1])
        neighbour = np.where(within, self._number[np.where(within, y * self.shape[1] + x, 0)], -1)
        rows, columns = np.divmod(self.best[np.maximum(neighbour, 0)], self.shape[1])
        self._offer(np.where(neighbour >= 0, self._place(rows - dy, columns - dx), -1))

    def vote(self) -> None:
        """Hidden pixels become the weighted mean of all patches over them; similar patches weigh more."""
        height, width = self.shape
        typical = max(float(np.median(self._error)), _LEAST_ERROR)
        trust = self._weight * np.exp(-self._error / (2 * typical))
        sums = np.zeros((height + 2 * RADIUS, width + 2 * RADIUS, 4))
        votes = self._patches[self.best].reshape(len(self.best), 3, _SIDE, _SIDE)
        weighted = np.concatenate([votes * trust[:, None, None, None], np.ones_like(votes[:, :1])], 1)
        weighted[:, 3] *= trust[:, None, None]
        for dy in range(_SIDE):
            for dx in range(_SIDE):  # a pixel is a target only once, so plain indexing adds all
                sums[self._y + dy, self._x + dx] += weighted[:, :, dy, dx]
        sums = sums[RADIUS : RADIUS + height, RADIUS : RADIUS + width]
        mean = sums[..., :3] / np.maximum(sums[..., 3:], 1e-9)
        self.picture = np.where(self._hole[..., None], mean, self.picture).astype(np.float32)

    def offsets(self) -> np.ndarray:
        """[H, W, 2] rows and columns from each pixel to its source, in heights and widths."""
        height, width = self.shape
        result = np.zeros((height, width, 2), np.float32)
        rows, columns = np.divmod(self.best, width)
        result[self._y, self._x, 0] = (rows - self._y) / height
        result[self._y, self._x, 1] = (columns - self._x) / width
        return result


def _reduced(picture: np.ndarray, known: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """A picture at 1 / scale, means of what is known; a pixel is visible if all of it is known."""
    height, width = (max(_SIDE + 1, round(side / scale)) for side in known.shape)
    rows, columns = (np.arange(old) * new // old for old, new in zip(known.shape, (height, width), strict=True))
    place = (rows[:, None] * width + columns).ravel()
    weight = known.ravel().astype(float)
    sure = np.bincount(place, weight, height * width)
    sums = [np.bincount(place, picture[..., c].ravel() * weight, height * width) for c in range(3)]
    mean = (np.stack(sums, -1) / np.maximum(sure, 1e-9)[:, None]).reshape(height, width, 3)
    count = np.bincount(place, minlength=height * width)
    return mean.astype(np.float32), ((count > 0) & (sure >= _WHOLE * count)).reshape(height, width)


def _resized(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The nearest of [h, w, C] for every pixel of a larger shape."""
    rows, columns = (np.arange(new) * old // new for new, old in zip(shape[:2], values.shape[:2], strict=True))
    result: np.ndarray = values[rows][:, columns]
    return result


def _patches(picture: np.ndarray) -> np.ndarray:
    """[H, W, 3] -> [H W, 3 _SIDE^2]: the patch round each pixel, borders repeated."""
    padded = np.pad(picture, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_SIDE, _SIDE), (0, 1))
    return np.ascontiguousarray(windows.reshape(picture.shape[0] * picture.shape[1], -1))


def _any_near(mask: np.ndarray) -> np.ndarray:
    """[H, W] whether the patch round each pixel holds any pixel of a mask."""
    padded = np.pad(mask, RADIUS)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_SIDE, _SIDE))
    return np.asarray(windows.any((2, 3)))


def _depth(seen: np.ndarray) -> np.ndarray:
    """[H, W] int: pixels from every hidden one to what is visible."""
    depth = np.zeros(seen.shape, int)
    left = np.logical_not(seen)
    while left.any() and not left.all():
        depth += left
        padded = np.pad(left, 1, mode="edge")
        left = left & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return depth


def _seamless(smooth: np.ndarray, known: np.ndarray, wanted: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The copy, with what it lacks at the visible border spread over the hole (Perez et al., SIGGRAPH 2003).

    So the gradients inside are those of the copied patches, and the border has no seam.
    """
    ring = known & (box(wanted.astype(float), _RING) > 0)
    copy = _copied(smooth, known, wanted | ring, offsets)
    lacking = diffused(np.where(ring[..., None], smooth - copy, 0.0), ring | ~(wanted | ring))
    return np.where(wanted[..., None], copy + lacking, smooth).astype(np.float32)


def _copied(smooth: np.ndarray, known: np.ndarray, wanted: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Pixels in full size: weighted mean of what the offsets near by point to."""
    size = np.array(known.shape)
    places = np.argwhere(wanted)
    coarse = places * offsets.shape[:2] // size
    sums, weights = np.zeros((len(places), 3)), np.zeros(len(places))
    for dy, down in enumerate(_NEAR_WEIGHTS, -(len(_NEAR_WEIGHTS) // 2)):
        for dx, across in enumerate(_NEAR_WEIGHTS, -(len(_NEAR_WEIGHTS) // 2)):
            y, x = np.clip(coarse + [dy, dx], 0, np.array(offsets.shape[:2]) - 1).T
            come = np.round(places + offsets[y, x] * size).astype(int)
            within = ((come >= 0) & (come < size)).all(1)
            rows, columns = np.where(within[:, None], come, 0).T
            weight = within * known[rows, columns] * (down * across)
            sums += smooth[rows, columns] * weight[:, None]
            weights += weight
    result = smooth.copy()
    found = weights > 0
    result[tuple(places[found].T)] = sums[found] / weights[found, None]
    return result
