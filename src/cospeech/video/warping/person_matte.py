"""The matte of a person: how much of each pixel is person, from a rough mask and the colours on either side.

Decision of ours [D]: a trimap as in natural image matting (Chuang et al., CVPR 2001). Well inside the mask all is
person, well outside nothing is; in the band between a pixel goes to the side that it is nearer to along paths that
avoid edges and the other side's colours (``geodesic``), and a guided filter makes the border soft.
"""

from __future__ import annotations

import numpy as np

from .colours import change_per_pixel, colour_share
from .geodesic import geodesic_distance
from .matte import box, filled, joined, snapped
from .resampling import resized

LONGEST = 288  # pixels of the longer side in which distances are computed
SURE, FREE = 0.95, 0.05  # of the rough mask: all is person, and nothing is
# Costs of a path: over a radius of plain colours, over a radius of the other side's colours, and over an edge from
# black to white.
PLAIN_COST, COLOUR_COST, EDGE_COST = 0.3, 5.0, 8.0
SMOOTHING = 1e-5  # of the guided filter: variance of colours (0 to 1) below which it does not follow edges
APART = 0.1  # distance of the two sides' colours at which colours and the filter count alike
LEVEL_LOW, LEVEL_RANGE = 0.2, 0.7  # of the matte, so that both of its ends are reached
AROUND = 4.0  # radiuses round the places of arms whose colours are compared
LEAST_SHARE = 1e-5  # of a colour
TINY = 1e-4  # distance of colours
# A matte from a network is right to the pixel but where it misses a part, which the keypoints tell.
FOUND, HOLE = 0.5, 0.25  # matte from which what is surely person counts as found, and what lies deep in it is solid
LOST, LOST_RADIUSES = 0.15, 8  # share of sure pixels that has to be missed, within so many radiuses
OPEN_RADIUSES = 3.0  # radiuses round what it misses in which the colours decide
MATTE_LOW, MATTE_RANGE = 0.05, 0.9  # of the matte, so that both of its ends are reached


def mended_matte(
    image: np.ndarray, matte: np.ndarray, person: np.ndarray, sure: np.ndarray, likely: np.ndarray, radius: int
) -> np.ndarray:
    """The matte of a network, without what is not joined to the person, and with what it misses of them.

    Args:
        matte: [H, W] in 0 .. 1, right to the pixel where it is right.
        image, person, sure, likely, radius: as of ``person_alpha``, which finds what is missed.

    Returns:
        [H, W] float64 in 0 .. 1.
    """
    matte = np.clip((matte - MATTE_LOW) / MATTE_RANGE, 0, 1)
    sure = np.maximum(sure, box(np.clip(person, 0, 1), 2 * radius) > SURE)
    missed = (sure > SURE) & (matte < FOUND)
    # A few are keypoints beside a finger, and no finger that is missed.
    share, surely = (box(values.astype(float), LOST_RADIUSES * radius) for values in (missed, sure > SURE))
    missed &= share > LOST * surely
    if missed.any():
        around = round(OPEN_RADIUSES * radius)
        opened = np.clip(2 * box((box(missed.astype(float), around) > 0).astype(float), radius) - 0.5, 0, 1)
        rough = np.maximum(matte, opened * person)
        matte = np.maximum(matte, opened * person_alpha(image, rough, sure * opened, likely * opened, radius))
    own = box(joined(matte > FOUND, sure > SURE).astype(float), radius) > 0
    # Only an outline is soft: what lies deeper is the person, all of it.
    deep = box((own & (matte > HOLE)).astype(float), radius) > 1 - FREE
    return np.where(own, np.where(deep, 1.0, matte), 0.0)


def person_alpha(
    image: np.ndarray, person: np.ndarray, sure: np.ndarray, likely: np.ndarray, radius: int
) -> np.ndarray:
    """Share of the person in each pixel.

    Args:
        image: [H, W, 3] in 0 .. 1.
        person: [H, W] in 0 .. 1, rough.
        sure: [H, W] in 0 .. 1, what is person whatever the mask says.
        likely: [H, W] in 0 .. 1, where the person may be although the mask has nothing.
        radius: pixels; the mask's border may be wrong by as much.

    Returns:
        [H, W] float64 in 0 .. 1.
    """
    height, width = person.shape
    step = max(1, -(-max(height, width) // LONGEST))
    rough = np.maximum(np.clip(person, 0, 1), sure)
    small = resized(np.concatenate([image, np.stack([rough, sure, likely], -1)], -1), step)
    labels = _inside(small[..., :3], small[..., 3:], max(1.0, radius / step))
    hard = np.repeat(np.repeat(labels.astype(float), step, 0), step, 1)[:height, :width]
    rim = max(2, step)
    near = box(hard, rim)
    inside, outside = near > 1 - FREE, near < FREE
    fine = snapped(hard, image, rim, SMOOTHING)
    # Between the colours that are next to the border on either side, where these differ.
    fore, back = (filled(image, where.astype(float)) for where in (inside, outside))
    way = fore - back
    power = (way * way).sum(-1)
    mixed = np.clip(((image - back) * way).sum(-1) / np.maximum(power, TINY**2), 0, 1)
    trust = power / (power + APART * APART)
    fine = np.clip((trust * mixed + (1 - trust) * fine - LEVEL_LOW) / LEVEL_RANGE, 0, 1)
    result: np.ndarray = np.maximum(np.where(inside, 1.0, np.where(outside, 0.0, fine)), sure)
    return result


def _inside(image: np.ndarray, masks: np.ndarray, radius: float) -> np.ndarray:
    """[h, w] bool: the person, by masks [h, w, 3]: rough, sure and likely."""
    rough, sure, likely = np.moveaxis(masks, -1, 0)
    near = box(rough, round(radius))
    inside, outside = (near > SURE) | (sure > SURE), (near < FREE) & (likely < FREE)
    if not inside.any() or not outside.any():
        return rough > 0.5
    fore, back = (filled(image, where.astype(float)) for where in (inside, outside))
    to_fore, to_back = (np.linalg.norm(image - colour, axis=-1) + TINY for colour in (fore, back))
    ours = to_back / (to_fore + to_back)
    # Near the arms, by all colours that are seen there on either side as well.
    around = box(likely, round(AROUND * radius)) > 0
    own, other = (colour_share(image, where & around) + LEAST_SHARE for where in (inside, outside))
    ours = np.where(likely > 0, (ours + own / (own + other)) / 2, ours)
    plain = PLAIN_COST / radius + EDGE_COST * change_per_pixel(image)
    to_inside = geodesic_distance(plain + COLOUR_COST / radius * (1 - ours), inside)
    to_outside = geodesic_distance(plain + COLOUR_COST / radius * ours, outside)
    result: np.ndarray = to_inside < to_outside
    return result
