"""Curves of eyes and lips through their keypoints, and pixels in the axes of an eye or a mouth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .layers import Layers
from .limb_geometry import TINY
from .resampling import bilinear

LEAST_STEP = 0.05  # of a curve's width, between its points [D]


@dataclass(frozen=True, eq=False)
class Axes:
    """Axes of an eye or a mouth: x from one corner to the other, to the right of the picture; y down the face."""

    middle: np.ndarray  # [2] pixels, between the corners
    across: np.ndarray  # [2] unit
    width: float  # pixels between the corners

    @classmethod
    def of(cls, first: np.ndarray, last: np.ndarray) -> Axes:
        """Axes between two corners [2], pixels."""
        way = last - first
        width = max(float(np.hypot(*way)), TINY)
        return cls((first + last) / 2, way / width, width)

    def into(self, places: np.ndarray) -> np.ndarray:
        """Pixels [..., 2] of the picture -> these axes, in pixels."""
        offset, (c, s) = places - self.middle, self.across
        return np.stack([offset[..., 0] * c + offset[..., 1] * s, offset[..., 1] * c - offset[..., 0] * s], -1)

    def out_of(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """These axes -> pixels [..., 2] of the picture."""
        c, s = self.across
        return np.stack([x * c - y * s, x * s + y * c], -1) + self.middle


def curve(points: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Heights at x [...] of a smooth curve through points [N, 2], level beyond the ends.

    x ascends; points that are not well after the one before, as odd keypoints may be, are moved.
    """
    height = points[:, 1]
    least = max(LEAST_STEP * float(np.ptp(points[:, 0])), TINY)
    apart = least * np.arange(len(points))
    at = np.maximum.accumulate(points[:, 0] - apart) + apart
    slope = np.gradient(height, at)
    place = np.clip(x, at[0], at[-1])
    k = np.clip(np.searchsorted(at, place) - 1, 0, len(at) - 2)
    step = at[k + 1] - at[k]
    t = (place - at[k]) / step
    first, last = slope[k] * step, slope[k + 1] * step
    rise = height[k + 1] - height[k]
    result: np.ndarray = height[k] + t * (first + t * (3 * rise - 2 * first - last + t * (first + last - 2 * rise)))
    return result


@dataclass(frozen=True, eq=False)
class Patch:
    """A rectangle of the warped body that is drawn anew, and where its pixels came from."""

    layers: Layers
    colours: np.ndarray  # [h, w, 3] float32, a view of the driven picture
    came: np.ndarray  # [h, w, 2] float32 pixels of the portrait, a view
    places: np.ndarray  # [h, w, 2] pixels of the driven picture
    corner: np.ndarray  # [2] pixels, of the whole window of which ``all_came`` holds the places
    all_came: np.ndarray  # [H, W, 2] float32

    @classmethod
    def around(
        cls,
        layers: Layers,
        colours: np.ndarray,
        came: np.ndarray,
        window: tuple[slice, slice],
        low: np.ndarray,
        high: np.ndarray,
    ) -> Patch | None:
        """The part of a window from ``low`` to ``high`` (pixels [2]); None if there is none."""
        corner = np.array([window[1].start, window[0].start])
        first = np.maximum(np.floor(low).astype(int) - corner, 0)
        last = np.minimum(np.ceil(high).astype(int) - corner, [colours.shape[1], colours.shape[0]])
        if (last <= first).any():
            return None
        part = slice(first[1], last[1]), slice(first[0], last[0])
        x, y = (np.arange(first[k], last[k]) + corner[k] + 0.5 for k in (0, 1))
        return cls(layers, colours[part], came[part], np.stack(np.meshgrid(x, y), -1), corner, came)

    def from_portrait(self, places: np.ndarray) -> np.ndarray:
        """Colours [..., 3] of the portrait at its pixels [..., 2]."""
        stacked = self.layers.stacked[0]
        got = bilinear(stacked, places)
        return got[..., :3] + got[..., 4:]

    def origin(self, places: np.ndarray) -> np.ndarray:
        """Pixels [..., 2] of the portrait that pixels [..., 2] of the window came from."""
        return bilinear(self.all_came, places - self.corner)

    def blend(self, share: np.ndarray, origin: np.ndarray) -> None:
        """Lay pixels of the portrait [h, w, 2] over the patch, by shares [h, w]."""
        where = np.nonzero(share > 0)
        part = share[where].astype(np.float32)[:, None]
        got = self.from_portrait(origin[where])
        self.colours[where] += part * (got - self.colours[where])
        solid = tuple(index[part[:, 0] > 0.5] for index in where)
        self.came[solid] = origin[solid]
