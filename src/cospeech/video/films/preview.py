"""Stick figures of driven keypoints, for a preview."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...motion.points import FACE_SLICE, HAND_SLICES, POINTS, SHOULDERS, parents

_COLOURS = ((255, 170, 60), (90, 200, 255), (255, 90, 90), (90, 230, 120), (240, 240, 240))
# Where arms (left, right), hands and the face end.
_PARTS = (SHOULDERS[1], *(span.start for span in HAND_SLICES), FACE_SLICE.start, FACE_SLICE.stop)
_LOOPS = ((36, 41), (42, 47), (48, 59), (60, 67))  # first and last of what is closed: eyes and lips


def preview(points: np.ndarray, size: tuple[int, int], *, background: np.ndarray | None = None) -> Iterator[np.ndarray]:
    """Draw frames.

    Args:
        points: [T, 116, 2] pixels.
        size: width and height, pixels.
        background: [H, W, 3] uint8 of that size; black if None.

    Yields:
        [H, W, 3] uint8 sRGB, one a frame.
    """
    from PIL import Image, ImageDraw

    lines = [(parent, point) for point, parent in enumerate(parents(POINTS)) if parent >= 0]
    lines += [(_PARTS[3] + last, _PARTS[3] + first) for first, last in _LOOPS]
    empty = Image.new("RGB", size) if background is None else Image.fromarray(background)
    for frame in np.asarray(points):
        image = empty.copy()
        draw = ImageDraw.Draw(image)
        for parent, point in lines:
            colour = _COLOURS[next(k for k, end in enumerate(_PARTS) if point < end)]
            draw.line([*frame[parent], *frame[point]], fill=colour, width=2 if point < _PARTS[1] else 1)
        yield np.asarray(image)
