"""Where a person is in a picture, from keypoints and colours, where no detector gave a mask.

Decision of ours [D]: what lies on the keypoints is surely person, what lies far from them surely is not, and the
colours of both decide about the rest, twice, with borders that follow the picture's edges. Distances are in half
widths of the body's parts, 1 at about the person's border; all thresholds were set by eye [D].
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ...motion.points import FINGERS, SHOULDERS
from ..warping.limb_geometry import (
    SIDES,
    body_scale,
    bones,
    face_oval,
    finger_chain,
    hand,
    pixel_grid,
    pixel_places,
    tapered_distance,
)
from ..warping.matte import box, snapped

BINS = 16  # of a colour channel
ROUNDS = 2  # of learning colours and masking
MATTE_RADIUSES = 25  # parts of a shoulder width that the guided filter's radius is one of
SMOOTHING = 1e-4  # of the guided filter
# Half widths: pixels whose colours count as the person's, surely or if the mask has them, and as the background's.
INSIDE, INSIDE_IF_MASKED, OUTSIDE, OUTSIDE_IF_FREE = 0.8, 1.4, 2.2, 1.3
MASKED, FREE = 0.7, 0.3  # mask above which a pixel is taken for the person, and below which for the background
BORDER, LOGIT = 1.35, 5.0  # half widths at which place alone is undecided; log odds that a half width makes
COLOUR_LOGIT = 3.0  # log odds at most that a colour makes
ALWAYS, NEVER = 0.7, 2.6  # half widths: within, all is person; beyond, nothing is
MASK_LOW, MASK_RANGE = 0.2, 0.6  # mask that becomes 0, and the range that becomes 0 to 1
LEAST_COUNT, LEAST_DENSITY = 0.5, 1e-5  # of a colour

# Half axes of the head, in half sizes of the face, and how far above its middle the head's middle is.
HEAD_HALF_WIDTH, HEAD_HALF_HEIGHT, HEAD_RISE = 1.25, 1.65, 0.55
# Half widths at the two ends of lines, in shoulder widths.
NECK, SHOULDER_LINE, TRUNK = (0.17, 0.2), (0.12, 0.12), (0.2, 0.2)
UPPER_ARM, LOWER_ARM, FINGER = (0.15, 0.12), (0.12, 0.08), (0.05, 0.04)
TRUNK_LINES, TRUNK_TOP, TRUNK_LENGTH = (-0.3, 0.0, 0.3), 0.05, 3.0  # across, below the shoulders, and their length


def person_mask(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Mask the person of a picture.

    Args:
        picture: [H, W, 3] uint8 sRGB.
        points: [116, 2] pixels, complete.

    Returns:
        [H, W] float32, soft, 0 (background) to 1 (person).
    """
    size = picture.shape[1], picture.shape[0]
    scale = body_scale(points)
    near = _distance(points, size, scale)
    image = picture.astype(np.float64) / 255
    code = colour_codes(image)
    mask = (near < 1.0).astype(float)
    radius = max(2, round(scale / MATTE_RADIUSES))
    for _ in range(ROUNDS):
        inside = (near < INSIDE) | ((near < INSIDE_IF_MASKED) & (mask > MASKED))
        outside = (near > OUTSIDE) | ((near > OUTSIDE_IF_FREE) & (mask < FREE))
        counts = [np.bincount(code[where], minlength=BINS**3) + LEAST_COUNT for where in (inside, outside)]
        ratio = np.log(colour_density(counts[0]) / colour_density(counts[1])).ravel()
        # Colours count on the way from sure to surely not; place counts beyond.
        logit = LOGIT * (BORDER - near) + np.clip(ratio[code], -COLOUR_LOGIT, COLOUR_LOGIT)
        mask = np.clip(snapped(1 / (1 + np.exp(-logit)), image, radius, SMOOTHING), 0, 1)
        mask = np.where(near < ALWAYS, 1.0, np.where(near > NEVER, 0.0, mask))
    return np.clip((mask - MASK_LOW) / MASK_RANGE, 0, 1).astype(np.float32)


def _distance(points: np.ndarray, size: tuple[int, int], scale: float) -> np.ndarray:
    """[H, W]: distance to the person's bones in their half widths; 1 at about the border."""
    left, right = points[SHOULDERS[0]], points[SHOULDERS[1]]
    middle = (left + right) / 2
    centre, half = face_oval(points, 1.0)
    x, y = pixel_grid(size)
    crown = centre - [0.0, HEAD_RISE * half[1]]
    best = np.hypot((x - crown[0]) / (HEAD_HALF_WIDTH * half[0]), (y - crown[1]) / (HEAD_HALF_HEIGHT * half[1]))
    lines = [(centre, middle, NECK), (left, right, SHOULDER_LINE)]
    for across in TRUNK_LINES:
        start = middle + [across * scale, TRUNK_TOP * scale]
        lines.append((start, start + [0.0, TRUNK_LENGTH * scale], TRUNK))
    for side in SIDES:
        arm = bones(points, side)
        lines += [(*arm["upper"], UPPER_ARM), (*arm["lower"], LOWER_ARM)]
        shape = hand(points, side)
        for finger in range(len(FINGERS)):
            lines += [(shape[a], shape[b], FINGER) for a, b in pairwise(finger_chain(finger))]
    places = pixel_places(size)
    for start, end, half_widths in lines:
        best = np.minimum(best, tapered_distance(np.stack([start, end]), places, scale, half_widths)[1])
    return best


def colour_codes(image: np.ndarray) -> np.ndarray:
    """[H, W] number of the histogram's bin, 0 to BINS^3 - 1, of every pixel of a picture [H, W, 3] in 0 .. 1."""
    bins = np.minimum((image * BINS).astype(int), BINS - 1)
    result: np.ndarray = (bins[..., 0] * BINS + bins[..., 1]) * BINS + bins[..., 2]
    return result


def colour_density(counts: np.ndarray) -> np.ndarray:
    """[BINS, BINS, BINS] share of every colour, spread to those next to it, of counts [BINS^3]."""
    grid = box(counts.reshape(BINS, BINS, BINS).astype(float), 1)
    grid = box(grid.transpose(2, 0, 1).reshape(BINS, BINS * BINS)[:, None], 1)
    grid = grid.reshape(BINS, BINS, BINS).transpose(1, 2, 0)
    result: np.ndarray = grid / grid.sum() + LEAST_DENSITY
    return result
