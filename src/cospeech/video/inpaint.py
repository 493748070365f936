"""What a person hid is put together from patches of what is seen.

Patches that overlap vote for every hidden pixel (Wexler, Shechtman and Irani, TPAMI 2007), the most alike seen
patch of each is found by random search and by asking neighbours (PatchMatch: Barnes et al., SIGGRAPH 2009), from
coarse to fine. All places are searched at once instead of one after the other, which is what NumPy can do well
[D]. Not known: what things are; half a chair may be put beside another.
"""

from __future__ import annotations

import numpy as np

from .matte import rows_filled

SIDE = 256  # pixels of the longer side in which patches are compared
RADIUS = 3  # of a patch
COARSEST = 32
# What a patch from the other end of the picture costs more, across and up or down: squared difference a pixel and
# channel. Rooms are level, so what is beside a place tells more of it than what is above it [D].
_ACROSS, _UP = 0.05, 2.0
_FADE = 0.9  # of a patch's say for every place that it is further from what is seen
_ROUNDS = ((6, 3), (3, 3), (2, 3), (1, 4))  # of votes, and of searches before each; coarse to fine
_STEPS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def inpainted(picture: np.ndarray, known: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Fill the places of a picture that are not known.

    Args:
        picture: [H, W, 3] float in 0 .. 1.
        known: [H, W] bool.
        seed: of the search; the same picture gives the same result.

    Returns:
        [H, W, 3] float32; known places are as they were.
    """
    height, width = known.shape
    smooth = rows_filled(picture, known)
    scales = [max(height, width) / side for side in (COARSEST, 64, 128, SIDE) if side <= max(height, width)]
    if known.all() or not scales:
        return np.where(known[..., None], picture, smooth).astype(np.float32)
    rng = np.random.default_rng(seed)
    field: np.ndarray | None = None
    guess: np.ndarray | None = None
    for scale, rounds in zip(scales, _ROUNDS, strict=False):
        small, seen = _reduced(picture, known, scale)
        before = _reduced(smooth, np.ones_like(known), scale)[0] if guess is None else _larger(guess, seen.shape)
        found = _level(np.where(seen[..., None], small, before).astype(np.float32), seen, field, rounds, rng)
        if found is None:  # too little is seen to take patches from
            return np.where(known[..., None], picture, smooth).astype(np.float32)
        guess, field = found
    assert field is not None
    return _copied(picture, known, smooth, field)


def _reduced(picture: np.ndarray, known: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """A picture at 1 / scale, by means of what is known; a place is known if most of it is."""
    height, width = (max(2 * RADIUS + 2, round(side / scale)) for side in known.shape)
    rows, columns = (
        np.minimum((np.arange(old) * new) // old, new - 1)
        for old, new in zip(known.shape, (height, width), strict=True)
    )
    place = (rows[:, None] * width + columns).ravel()
    weight = known.ravel().astype(float)
    count = np.bincount(place, minlength=height * width)
    sure = np.bincount(place, weight, height * width)
    sums = [np.bincount(place, picture[..., c].ravel() * weight, height * width) for c in range(3)]
    mean = np.stack(sums, -1) / np.maximum(sure, 1e-9)[:, None]
    return (
        mean.reshape(height, width, 3).astype(np.float32),
        (sure >= 0.99 * np.maximum(count, 1)).reshape(height, width),
    )


def _larger(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    rows, columns = (np.minimum(np.arange(n) * o // n, o - 1) for n, o in zip(shape, picture.shape, strict=False))
    result: np.ndarray = picture[rows][:, columns]
    return result


def _patches(picture: np.ndarray) -> np.ndarray:
    """[H, W, 3] -> [H W, (2 RADIUS + 1)^2 3]: the patch round each place, borders repeated."""
    padded = np.pad(picture, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * RADIUS + 1,) * 2, (0, 1))
    return np.ascontiguousarray(windows.reshape(picture.shape[0] * picture.shape[1], -1))


def _level(
    picture: np.ndarray, seen: np.ndarray, field: np.ndarray | None, rounds: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray] | None:  # fmt: skip
    """One scale: the picture with its hidden places filled, and for each place [H, W, 2] where it is taken from."""
    height, width = seen.shape
    covered = _any_near(~seen)
    inside = np.zeros_like(seen)
    inside[RADIUS : height - RADIUS, RADIUS : width - RADIUS] = True
    sources = np.flatnonzero((~covered & inside).ravel())
    if len(sources) < 8:
        return None
    targets = np.flatnonzero(covered.ravel())
    number = np.full(height * width, -1)
    number[targets] = np.arange(len(targets))
    usable = np.zeros(height * width, bool)
    usable[sources] = True
    y, x = np.divmod(targets, width)
    if field is None:
        best = sources[rng.integers(len(sources), size=len(targets))]
    else:
        coarse = _larger(field, (height, width))  # offsets in units of the side
        best = _usable(y + coarse[y, x, 0] * height, x + coarse[y, x, 1] * width, usable, (height, width))
        lost = best < 0
        best[lost] = sources[rng.integers(len(sources), size=int(lost.sum()))]
    far = np.array([_UP / height**2, _ACROSS / width**2])
    depth = _depth(seen)

    for vote in range(rounds[0]):
        patches = _patches(picture)
        own = patches[targets]

        def cost(places: np.ndarray, chosen: np.ndarray, patches: np.ndarray = patches, own: np.ndarray = own) -> np.ndarray:
            difference = patches[places] - own[chosen]
            apart = np.stack(np.divmod(places, width), -1) - np.stack([y[chosen], x[chosen]], -1)
            result: np.ndarray = np.einsum("nk,nk->n", difference, difference) / difference.shape[1]
            return result + (apart * apart) @ far

        everyone = np.arange(len(targets))
        error = cost(best, everyone)

        def offer(places: np.ndarray, error: np.ndarray = error, cost=cost) -> None:  # type: ignore[no-untyped-def]
            chosen = np.flatnonzero((places >= 0) & (places != best))
            found = cost(places[chosen], chosen)
            better = found < error[chosen]
            best[chosen[better]], error[chosen[better]] = places[chosen[better]], found[better]

        for turn in range(rounds[1]):
            for dy, dx in _STEPS:
                for reach in (1, 4) if turn == 0 else (1 + turn % 2,):
                    ny, nx = y + dy * reach, x + dx * reach
                    within = (ny >= 0) & (ny < height) & (nx >= 0) & (nx < width)
                    neighbour = np.where(within, number[np.where(within, ny * width + nx, 0)], -1)
                    there = best[np.maximum(neighbour, 0)]
                    there = np.where(neighbour >= 0, there, -1)
                    by, bx = np.divmod(np.maximum(there, 0), width)
                    moved = _usable(by - dy * reach, bx - dx * reach, usable, (height, width))
                    offer(np.where(there >= 0, moved, -1))
            reach = max(height, width) / 2 if vote == 0 else max(height, width) / 8
            while reach >= 1:
                by, bx = np.divmod(best, width)
                jump = rng.uniform(-reach, reach, (2, len(best)))
                offer(_usable(by + jump[0], bx + jump[1], usable, (height, width)))
                reach /= 3
        picture = _voted(picture, seen, patches, targets, best, error, _FADE ** depth.ravel()[targets])
    offsets = np.zeros((height, width, 2), np.float32)
    by, bx = np.divmod(best, width)
    offsets[y, x, 0], offsets[y, x, 1] = (by - y) / height, (bx - x) / width
    return picture, offsets


def _usable(y: np.ndarray, x: np.ndarray, usable: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Numbers of places, -1 where no patch may be taken."""
    rows, columns = np.round(y).astype(int), np.round(x).astype(int)
    within = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    number = np.where(within, rows * shape[1] + columns, 0)
    result: np.ndarray = np.where(within & usable[number], number, -1)
    return result


def _any_near(mask: np.ndarray) -> np.ndarray:
    """Whether a patch round each place holds any place of a mask."""
    padded = np.pad(mask, RADIUS)
    rows = np.lib.stride_tricks.sliding_window_view(padded, 2 * RADIUS + 1, 0).any(-1)
    result: np.ndarray = np.lib.stride_tricks.sliding_window_view(rows, 2 * RADIUS + 1, 1).any(-1)
    return result


def _depth(seen: np.ndarray) -> np.ndarray:
    """[H, W] int: how many places every hidden one is away from what is seen, in square rings."""
    depth = np.zeros(seen.shape, int)
    left = ~seen
    while left.any() and not left.all():
        depth += left
        padded = np.pad(left, 1, mode="edge")
        left = left & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return depth


def _voted(
    picture: np.ndarray, seen: np.ndarray, patches: np.ndarray, targets: np.ndarray, best: np.ndarray,
    error: np.ndarray, say: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Hidden places as the mean of what all patches over them say; alike patches count more."""
    height, width = seen.shape
    side = 2 * RADIUS + 1
    sums, weights = np.zeros((height + 2 * RADIUS, width + 2 * RADIUS, 3)), np.zeros((height + 2 * RADIUS, width + 2 * RADIUS))
    trust = say * np.exp(-error / (2 * max(float(np.median(error)), 1e-5)))
    y, x = np.divmod(targets, width)
    told = patches[best].reshape(len(best), 3, side, side)
    for dy in range(side):
        for dx in range(side):
            # A target is there once only, so that plain indexing adds all.
            sums[y + dy, x + dx] += told[:, :, dy, dx] * trust[:, None]
            weights[y + dy, x + dx] += trust
    inner = slice(RADIUS, RADIUS + height), slice(RADIUS, RADIUS + width)
    mean = sums[inner] / np.maximum(weights[inner], 1e-9)[..., None]
    return np.where(seen[..., None], picture, mean).astype(np.float32)


def _copied(picture: np.ndarray, known: np.ndarray, smooth: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Hidden places in full size: the mean of what the nine nearest places of the field point to."""
    height, width = known.shape
    y, x = np.nonzero(~known)
    sums, weights = np.zeros((len(y), 3)), np.zeros(len(y))
    rows, columns = y * field.shape[0] // height, x * field.shape[1] // width
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            r, c = np.clip(rows + dy, 0, field.shape[0] - 1), np.clip(columns + dx, 0, field.shape[1] - 1)
            offset = field[r, c]
            from_y, from_x = (
                np.round(place + share * side).astype(int)
                for place, share, side in ((y, offset[:, 0], height), (x, offset[:, 1], width))
            )
            within = (from_y >= 0) & (from_y < height) & (from_x >= 0) & (from_x < width)
            from_y, from_x = np.where(within, from_y, 0), np.where(within, from_x, 0)
            weight = within * known[from_y, from_x] * (2.0 if dy == dx == 0 else 1.0)
            sums += picture[from_y, from_x] * weight[:, None]
            weights += weight
    result = np.where(known[..., None], picture, smooth)
    told = weights > 0
    result[y[told], x[told]] = sums[told] / weights[told, None]
    return result.astype(np.float32)
