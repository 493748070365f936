"""Where a person is in a picture, from their points and the colours, where no detector gave a mask.

A decision of ours: what lies on the points is sure to be person, what lies far from them is sure not to
be, and colours of both decide about the rest, twice, with borders that follow the picture's edges.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ...motion.points import SHOULDERS
from ..warping.layers import SIDES, along, bones, hand, unit
from ..warping.matte import box, snapped

BINS = 16


def person_mask(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Soft mask [H, W] float32 of a picture [H, W, 3] uint8 with complete points [116, 2] pixels."""
    size = picture.shape[1], picture.shape[0]
    scale = unit(points)
    near = _distance(points, size, scale)
    image = picture.astype(np.float64) / 255
    code = _codes(image)
    mask = (near < 1.0).astype(float)
    radius = max(2, round(scale / 25))
    for _ in range(2):
        inside = np.bincount(code[(near < 0.8) | ((near < 1.4) & (mask > 0.7))], minlength=BINS**3) + 0.5
        outside = np.bincount(code[(near > 2.2) | ((near > 1.3) & (mask < 0.3))], minlength=BINS**3) + 0.5
        ratio = np.log(_smooth(inside) / _smooth(outside)).ravel()
        # Colours count on the way from sure to surely not; place counts beyond.
        logit = 5 * (1.35 - near) + np.clip(ratio[code], -3, 3)
        mask = np.clip(snapped(1 / (1 + np.exp(-logit)), image, radius, 1e-4), 0, 1)
        mask = np.where(near < 0.7, 1.0, np.where(near > 2.6, 0.0, mask))
    return np.clip((mask - 0.2) / 0.6, 0, 1).astype(np.float32)


def _distance(points: np.ndarray, size: tuple[int, int], scale: float) -> np.ndarray:
    """[H, W]: distance to the person's bones in their half widths; 1 at about the border."""
    left, right = points[SHOULDERS[0]], points[SHOULDERS[1]]
    middle = (left + right) / 2
    face = points[48:]
    low, high = face.min(0), face.max(0)
    centre, half = (low + high) / 2, np.maximum((high - low) / 2, 1.0)
    y, x = np.mgrid[0 : size[1], 0 : size[0]] + 0.5
    crown = centre - [0.0, 0.55 * half[1]]
    best = np.hypot((x - crown[0]) / (1.25 * half[0]), (y - crown[1]) / (1.65 * half[1]))
    lines = [(centre, middle, 0.17, 0.2), (left, right, 0.12, 0.12)]
    for across in (-0.3, 0.0, 0.3):
        start = middle + [across * scale, 0.05 * scale]
        lines.append((start, start + [0.0, 3.0 * scale], 0.2, 0.2))
    for side in SIDES:
        arm = bones(points, side)
        lines += [(*arm["upper"], 0.15, 0.12), (*arm["lower"], 0.12, 0.08)]
        shape = hand(points, side)
        for finger in range(5):
            chain = [0, *range(1 + 4 * finger, 5 + 4 * finger)]
            lines += [(shape[a], shape[b], 0.05, 0.04) for a, b in pairwise(chain)]
    for start, end, first, last in lines:
        share, distance = along(np.stack([start, end]), size)
        wide = scale * (first + (last - first) * np.clip(share, 0, 1))
        best = np.minimum(best, distance / wide)
    return best


def _codes(image: np.ndarray) -> np.ndarray:
    bins = np.minimum((image * BINS).astype(int), BINS - 1)
    result: np.ndarray = (bins[..., 0] * BINS + bins[..., 1]) * BINS + bins[..., 2]
    return result


def _smooth(counts: np.ndarray) -> np.ndarray:
    """Share of every colour, spread to those next to it."""
    grid = box(counts.reshape(BINS, BINS, BINS).astype(float), 1)
    grid = box(grid.transpose(2, 0, 1).reshape(BINS, BINS * BINS)[:, None], 1)
    grid = grid.reshape(BINS, BINS, BINS).transpose(1, 2, 0)
    result: np.ndarray = grid / grid.sum() + 1e-5
    return result
