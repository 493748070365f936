"""Where colours change in a picture, and which of its parts they are typical of."""

from __future__ import annotations

import numpy as np

from .limb_geometry import TINY

COLOUR_BINS = 12  # a channel of the histogram [D]
SPREAD = ((0, 0.25), (1, 0.5), (2, 0.25))  # weights over neighbouring bins [D]


def change_per_pixel(image: np.ndarray) -> np.ndarray:
    """[H, W] how much the colours of a picture [H, W, 3] change over a pixel."""
    changes = [np.gradient(image, axis=axis) for axis in (0, 1)]
    result: np.ndarray = np.sqrt(sum((change * change).sum(-1) for change in changes))
    return result


def colour_share(image: np.ndarray, where: np.ndarray) -> np.ndarray:
    """[h, w] share that the colour of every pixel has among those of a part [h, w] bool."""
    bins = np.minimum((image * COLOUR_BINS).astype(int), COLOUR_BINS - 1)
    code = (bins[..., 0] * COLOUR_BINS + bins[..., 1]) * COLOUR_BINS + bins[..., 2]
    grid = np.bincount(code[where], minlength=COLOUR_BINS**3).astype(float).reshape([COLOUR_BINS] * 3)
    for axis in range(3):
        padded = np.pad(grid, [(1, 1) if k == axis else (0, 0) for k in range(3)])
        size = grid.shape[axis]
        grid = np.sum([padded.take(range(k, k + size), axis) * weight for k, weight in SPREAD], axis=0)
    result: np.ndarray = (grid / max(float(grid.sum()), TINY)).ravel()[code]
    return result
