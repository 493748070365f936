"""What of a picture a film shows: all of it, the upper half of a person who is far away, or head and shoulders.

Decision of ours [D]: where neither arm can move, because hands are hidden or outside the picture, head and shoulders
are the better film.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.errors import UserError
from ...motion.points import FACE_SLICE, HAND_SLICES, SHOULDERS
from ..warping.limb_geometry import SIDES, body_scale, face_oval, folded_hands, found_hands, free_arms

CROPS = ("auto", "bust", "half")
SMALL = 0.2  # of the picture's longer side: people with narrower shoulders are brought nearer
CROWN = 1.9  # half heights of the face from its middle to the top of the hair
ABOVE = 0.3  # shoulder widths above the hair
HALF_WIDTH, HALF_BELOW = 1.35, 2.1  # shoulder widths to either side of a person, and below the shoulders
BUST_WIDTH, BUST_BELOW = 0.85, 0.75  # likewise of head and shoulders


@dataclass(frozen=True)
class Crop:
    """A part of a picture."""

    box: tuple[int, int, int, int]  # left, top, right, bottom, pixels
    reason: str  # why it is not the whole picture; "" if it is, or if it was asked for


def choose_crop(points: np.ndarray, confidence: np.ndarray, size: tuple[int, int], crop: str = "auto") -> Crop:
    """What of a portrait a film shows.

    Args:
        points: [116, 2] pixels, complete.
        confidence: [116] 0 to 1.
        size: (width, height) of the picture.
        crop: "bust" for head and shoulders, "half" for as much as there is of the person, "auto" to choose.

    Raises:
        UserError: another word.
    """
    if crop not in CROPS:
        raise UserError(f"crop is one of {', '.join(CROPS)}; got {crop!r}")
    whole = (0, 0, *size)
    scale = body_scale(points)
    if crop == "bust" or (crop == "auto" and not _arms_shown(points, confidence, size)):
        reason = ""
        if crop == "auto":
            reason = "no hand can be shown moving, so the film shows head and shoulders; --crop half shows all"
        return Crop(_around(points, size, BUST_WIDTH, BUST_BELOW), reason)
    if scale < SMALL * max(size):
        return Crop(
            _around(points, size, HALF_WIDTH, HALF_BELOW),
            "the person is small in the picture, so the film shows a part",
        )
    return Crop(whole, "")


def _arms_shown(points: np.ndarray, confidence: np.ndarray, size: tuple[int, int]) -> bool:
    """Whether an arm can move, or hands are folded in the picture."""
    if free_arms(points, confidence, size):
        return True
    hands = [points[part] for part in HAND_SLICES]
    inside = all(bool(((hand > 0) & (hand < size)).all()) for hand in hands)
    return folded_hands(points) and inside and len(found_hands(confidence)) == len(SIDES)


def _around(points: np.ndarray, size: tuple[int, int], wide: float, below: float) -> tuple[int, int, int, int]:
    """A box round a person, moved into the picture where that is large enough."""
    scale = body_scale(points)
    face, half = face_oval(points, 1.0)
    shoulders = points[list(SHOULDERS)].mean(0)
    middle = (points[FACE_SLICE].mean(0)[0] + shoulders[0]) / 2
    top = face[1] - CROWN * half[1] - ABOVE * scale
    bottom = shoulders[1] + below * scale
    left, right = _within(middle - wide * scale, middle + wide * scale, size[0])
    top, bottom = max(0.0, top), min(float(size[1]), bottom)
    return round(left), round(top), round(right), round(bottom)


def _within(low: float, high: float, most: int) -> tuple[float, float]:
    """A span moved, and if need be shortened, to lie within 0 and ``most``."""
    if high - low >= most:
        return 0.0, float(most)
    shift = max(0.0, -low) - max(0.0, high - most)
    return low + shift, high + shift
