"""Where colours change in a picture, and which of its parts they are typical of."""

from __future__ import annotations

import numpy as np

from .limb_geometry import TINY

LUMA = np.array([0.299, 0.587, 0.114])
BLUE_SCALE, RED_SCALE = 0.564, 0.713
BRIGHT_BINS, TINT_BINS, TINT_MOST = 8, 16, 0.25  # of the histogram, and the largest tint that it tells apart [D]
SPREAD = ((0, 0.25), (1, 0.5), (2, 0.25))  # weights over neighbouring bins [D]


def change_per_pixel(image: np.ndarray) -> np.ndarray:
    """[H, W] how much the colours of a picture [H, W, 3] change over a pixel."""
    changes = [np.gradient(image, axis=axis) for axis in (0, 1)]
    result: np.ndarray = np.sqrt(sum((change * change).sum(-1) for change in changes))
    return result


def colour_share(image: np.ndarray, where: np.ndarray) -> np.ndarray:
    """[h, w] share that the colour of every pixel of [h, w, 3] sRGB in 0 .. 1 has among those of a part [h, w] bool.

    Hue and saturation are told apart more finely than brightness, which folds and shadows change (Y, Cb and Cr of
    ITU-R BT.601).
    """
    tones = tone(image)
    code = _bin(tones[..., 0], 0.0, 1.0, BRIGHT_BINS)
    for k in (1, 2):
        code = code * TINT_BINS + _bin(tones[..., k], -TINT_MOST, TINT_MOST, TINT_BINS)
    shape = (BRIGHT_BINS, TINT_BINS, TINT_BINS)
    grid = np.bincount(code[where], minlength=int(np.prod(shape))).astype(float).reshape(shape)
    for axis in range(3):
        padded = np.pad(grid, [(1, 1) if k == axis else (0, 0) for k in range(3)])
        size = grid.shape[axis]
        grid = np.sum([padded.take(range(k, k + size), axis) * weight for k, weight in SPREAD], axis=0)
    result: np.ndarray = (grid / max(float(grid.sum()), TINY)).ravel()[code]
    return result


def tone(image: np.ndarray) -> np.ndarray:
    """[..., 3] Y, Cb and Cr (ITU-R BT.601, the last two round 0) of sRGB [..., 3] in 0 .. 1."""
    bright = image @ LUMA
    return np.stack([bright, (image[..., 2] - bright) * BLUE_SCALE, (image[..., 0] - bright) * RED_SCALE], -1)


def _bin(values: np.ndarray, low: float, high: float, count: int) -> np.ndarray:
    """Number of the histogram's bin, 0 to count - 1; what is beyond its ends counts as there."""
    return np.clip(((values - low) / (high - low) * count).astype(int), 0, count - 1)
