"""The matte of a person: how much of each pixel is person, from a rough mask and the colours on either side.

Decision of ours [D]: a trimap as in natural image matting (Chuang et al., CVPR 2001). Well inside the mask all is
person, well outside nothing is; in the band between a pixel goes to the side that it is nearer to along paths that avoid
edges and the other side's colours (``geodesic``), and a guided filter makes the border soft.
"""

from __future__ import annotations

import numpy as np

from .geodesic import change_per_pixel, geodesic_distance
from .matte import box, filled, snapped
from .resampling import resized

LONGEST = 288  # pixels of the longer side in which distances are computed
SURE, FREE = 0.95, 0.05  # of the rough mask: all is person, and nothing is
AROUND = 1.75  # radiuses beyond the mask within which the person may be, for masks rather miss a hand than add one
EDGE_COST = 8.0  # of a path over an edge from black to white, where a radius over plain colours counts as 1
COLOUR_COST = 3.0  # of a radius over the other side's colours
SMOOTHING = 1e-5  # of the guided filter: variance of colours (0 to 1) below which it does not follow edges
APART = 0.1  # distance of the two sides' colours at which colours and the filter count alike
LEVEL_LOW, LEVEL_RANGE = 0.2, 0.7  # of the matte, so that both of its ends are reached
TINY = 1e-4  # distance of colours


def person_alpha(image: np.ndarray, person: np.ndarray, sure: np.ndarray, radius: int) -> np.ndarray:
    """Share of the person in each pixel.

    Args:
        image: [H, W, 3] in 0 .. 1.
        person: [H, W] in 0 .. 1, rough.
        sure: [H, W] in 0 .. 1, what is person whatever the mask says.
        radius: pixels; the mask's border may be wrong by as much.

    Returns:
        [H, W] float64 in 0 .. 1.
    """
    height, width = person.shape
    step = max(1, -(-max(height, width) // LONGEST))
    rough = np.maximum(np.clip(person, 0, 1), sure)
    small = resized(np.concatenate([image, rough[..., None]], -1), step)
    labels = _inside(small[..., :3], small[..., 3], max(1.0, radius / step))
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


def _inside(image: np.ndarray, rough: np.ndarray, radius: float) -> np.ndarray:
    """[h, w] bool: the person."""
    inside, outside = box(rough, round(radius)) > SURE, box(rough, round(AROUND * radius)) < FREE
    if not inside.any() or not outside.any():
        return rough > 0.5
    fore, back = (filled(image, where.astype(float)) for where in (inside, outside))
    to_fore, to_back = (np.linalg.norm(image - colour, axis=-1) + TINY for colour in (fore, back))
    likely = to_back / (to_fore + to_back)
    plain = 1 / radius + EDGE_COST * change_per_pixel(image)
    ours = geodesic_distance(plain + COLOUR_COST / radius * (1 - likely), inside)
    others = geodesic_distance(plain + COLOUR_COST / radius * likely, outside)
    result: np.ndarray = ours < others
    return result
