"""The matte of a person: how much of each pixel is person, from a rough mask and the colours on either side.

Decision of ours [D]: a trimap as in natural image matting (Chuang et al., CVPR 2001). Well inside the mask all is
person, well outside nothing is, and in the band between each pixel is compared with the colours of both sides.
"""

from __future__ import annotations

import numpy as np

from .matte import box, filled, snapped

SMOOTHING = 1e-4  # of the guided filter: variance of colours (0 to 1) below which it does not follow edges
MASK_LOW, MASK_RANGE = 0.1, 0.8  # of the rough mask: below 0.1 nothing, from 0.9 on all
INSIDE, OUTSIDE = 0.98, 0.02  # mean mask of a square above and below which its middle is sure
APART = 0.12  # distance of the two sides' colours at which colours and the mask count alike
LEVEL_LOW, LEVEL_RANGE = 0.1, 0.8  # of the matte, so that both of its ends are reached
UNLIKE, UNLIKE_RANGE = (0.04, 0.1)  # distance from the colours behind from which a pixel is none of them
BESIDE_GAIN = 3.0  # of the spread matte: what is beside the person


def person_alpha(image: np.ndarray, person: np.ndarray, sure: np.ndarray, radius: int) -> np.ndarray:
    """Share of the person in each pixel.

    Args:
        image: [H, W, 3] in 0 .. 1.
        person: [H, W] in 0 .. 1, rough.
        sure: [H, W] in 0 .. 1, what is person whatever the mask says.
        radius: pixels, of the filters; the mask's border may be wrong by as much.

    Returns:
        [H, W] float64 in 0 .. 1.
    """
    rough = snapped(np.clip(person, 0, 1), image, radius, SMOOTHING)
    rough = np.maximum(np.clip((rough - MASK_LOW) / MASK_RANGE, 0, 1), sure)
    near = box(rough, radius)
    inside, outside = near > INSIDE, near < OUTSIDE
    fore, back = (filled(image, where.astype(float)) for where in (inside, outside))
    way = fore - back
    power = (way * way).sum(-1)
    along = np.clip(((image - back) * way).sum(-1) / np.maximum(power, 1e-6), 0, 1)
    trust = power / (power + APART * APART)
    mixed = np.where(inside, 1.0, np.where(outside, 0.0, trust * along + (1 - trust) * rough))
    fine = snapped(mixed, image, max(1, radius // 2), SMOOTHING)
    fine = np.where(inside, 1.0, np.where(outside, 0.0, np.clip((fine - LEVEL_LOW) / LEVEL_RANGE, 0, 1)))
    # An outline, a shadow or hair that is like neither side goes with the person, else it would stay behind as a line.
    unlike = np.clip((np.linalg.norm(image - back, axis=-1) - UNLIKE) / UNLIKE_RANGE, 0, 1)
    beside = np.clip(box(fine, radius) * BESIDE_GAIN, 0, 1) * ~outside
    result: np.ndarray = np.maximum.reduce([fine, sure, unlike * beside])
    return result
