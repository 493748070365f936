"""The background of a film from a still camera, put together over its frames; and whether the camera is still.

All thresholds are decisions of ours [D].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..detection.person_mask import person_mask
from ..warping.matte import box
from .camera import Registration, camera_motion

SIDE = 128  # pixels of the longer side of the copies that are compared
INSPECTED = 8  # frames of a span that are inspected
AROUND = 4.0  # seconds on either side of a span in which more of the background may be visible
MOST_CHANGED = 0.12  # share of the background that may change
_CHANGE = 0.1  # of full brightness, in any of the three colours
_ENOUGH_BACKGROUND = 0.03  # of the picture: a smaller background shows nothing reliably
_STRIP = 64  # rows that are processed at once
_RADIUS, _FREE = 3, 0.02  # pixels by which the person grows, and grown mask below which nobody is
_SOFTNESS = 128  # parts of the width that the radius of the soft border is one of


def evenly_spread(first: int, end: int, most: int = INSPECTED) -> list[int]:
    """At most ``most`` frame numbers within [first, end), evenly spread."""
    return sorted({round(frame) for frame in np.linspace(first, end - 1, min(most, end - first))})


@dataclass(frozen=True, eq=False)
class Backdrop:
    """Frames of a film, and where nobody is in them."""

    pictures: Sequence[np.ndarray]  # [H, W, 3] uint8 each
    free: np.ndarray  # [K, h, w] bool, small
    small: np.ndarray  # [K, h, w, 3] uint8

    def change(self, chosen: Sequence[int]) -> float:
        """Share of the background's pixels that change within the chosen frames, 0 to 1."""
        behind: np.ndarray = np.all(self.free[list(chosen)], axis=0)
        return 0.0 if behind.mean() < _ENOUGH_BACKGROUND else float(self._changed(chosen, chosen, behind).max())

    def camera(self, chosen: Sequence[int]) -> Registration:
        """How far the camera moves within the chosen frames."""
        return camera_motion([self.pictures[k] for k in chosen], [self.free[k] for k in chosen])

    def alike(self, chosen: Sequence[int]) -> list[int]:
        """Numbers of the frames whose background is that of the chosen ones, those included."""
        every = list(range(len(self.pictures)))
        behind: np.ndarray = np.all(self.free, axis=0)
        if behind.mean() < _ENOUGH_BACKGROUND:
            return list(chosen)
        changed = self._changed(every, chosen, behind)
        return [frame for frame in every if changed[frame] <= MOST_CHANGED or frame in chosen]

    def behind(self, chosen: Sequence[int]) -> np.ndarray:
        """[H, W, 4] float32 in 0 .. 1: median background of the chosen frames, and 1 where they show any."""
        from PIL import Image

        height, width = self.pictures[0].shape[:2]
        result = np.zeros((height, width, 4), np.float32)
        open_ = [
            np.asarray(Image.fromarray(self.free[k]).resize((width, height), Image.Resampling.NEAREST)) for k in chosen
        ]
        for top in range(0, height, _STRIP):
            rows = slice(top, top + _STRIP)
            seen = np.stack([self.pictures[k][rows] for k in chosen]).astype(np.float32) / 255
            free = np.stack([part[rows] for part in open_])
            count = free.sum(0)
            order = np.sort(np.where(free[..., None], seen, np.inf), axis=0)
            low, high = (np.maximum(count - 1, 0) // 2, count // 2)
            pair = [np.take_along_axis(order, at[None, ..., None], 0)[0] for at in (low, high)]
            result[rows, :, :3] = np.where(count[..., None] > 0, (pair[0] + pair[1]) / 2, 0)
            result[rows, :, 3] = count > 0
        sure = np.clip(box(result[..., 3], max(1, width // _SOFTNESS)) * 2 - 1, 0, 1) * result[..., 3]
        return np.concatenate([result[..., :3], sure[..., None]], -1).astype(np.float32)

    def _changed(self, frames: Sequence[int], against: Sequence[int], behind: np.ndarray) -> np.ndarray:
        seen = self.small[:, behind].astype(np.float32) / 255
        usual = np.median(seen[list(against)], axis=0)
        apart: np.ndarray = (np.abs(seen[list(frames)] - usual).max(-1) > _CHANGE).mean(1)
        return apart


def open_backdrop(pictures: Sequence[np.ndarray], points: np.ndarray) -> Backdrop:
    """Find the background in K frames of a film.

    Args:
        pictures: [H, W, 3] uint8 each.
        points: [K, 116, 2] pixels, complete.
    """
    from PIL import Image

    height, width = pictures[0].shape[:2]
    scale = SIDE / max(height, width)
    size = max(2, round(width * scale)), max(2, round(height * scale))
    ratio = np.array(size) / [width, height]
    small = [np.asarray(Image.fromarray(one).resize(size, Image.Resampling.BOX)) for one in pictures]
    free = [box(person_mask(one, places * ratio), _RADIUS) < _FREE for one, places in zip(small, points, strict=True)]
    return Backdrop(pictures, np.stack(free), np.stack(small))
