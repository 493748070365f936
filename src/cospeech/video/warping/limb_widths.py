"""How wide each part of an arm is in the picture, on either side of its bone.

Decision of ours [D]: rays across the bone. Where the person ends on a ray, the arm ends; where the arm lies in front of
the body, it ends at the strongest edge that runs along the bone near the width that arms usually have.
"""

from __future__ import annotations

import numpy as np

from .limb_geometry import TINY, along

STATIONS = 24  # rays of a side
FIRST, LAST = 0.15, 0.9  # shares of the bone between which rays are cast; shoulder and joints look otherwise
LEAST, MOST = 0.45, 2.2  # usual half widths between which an arm may end
FREE = 0.5  # matte below which a ray has left the person
FREE_GROWTH = 1.3  # of a width that ends at the background, where there is nothing but the arm
EDGE_SPREAD = 0.3  # usual half widths: how far from the usual width an edge is believed
EDGE_SURE = 0.03  # change of colour (0 to 1) over a pixel from which an edge counts fully
ALONG, MEDIAN = 2, 3  # stations to either side whose colours are averaged, and whose median is taken
SHORT = 8.0  # pixels: bones shorter than that have the usual widths


def half_widths(
    image: np.ndarray, alpha: np.ndarray, bone: np.ndarray, usual: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Half widths of a part of an arm.

    Args:
        image: [H, W, 3] in 0 .. 1.
        alpha: [H, W] matte of the person.
        bone: [2, 2] pixels.
        usual: half widths in pixels at the two ends, where the picture tells nothing.

    Returns:
        Shares of the bone [S], and pixels [2, S], left and right of it seen along the bone in a picture.
    """
    shares = np.linspace(FIRST, LAST, STATIONS)
    common = usual[0] + (usual[1] - usual[0]) * shares
    way = bone[1] - bone[0]
    length = float(np.linalg.norm(way))
    if length < SHORT:
        return shares, np.stack([common, common])
    aside = np.array([-way[1], way[0]]) / length
    reach = np.arange(max(2.0, LEAST * min(usual)), MOST * max(usual) + 1)
    start = bone[0] + shares[:, None] * way
    height, width = alpha.shape
    result = []
    for sign in (1.0, -1.0):
        places = start[:, None] + sign * reach[:, None] * aside
        x, y = (places[..., k].astype(int) for k in range(2))
        within = (places >= 0).all(-1) & (x < width) & (y < height)
        x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
        left = np.where(within, alpha[y, x] < FREE, False)
        left &= reach > LEAST * common[:, None]
        ends = reach[left.argmax(1)]
        free = left.any(1) & (ends < MOST * common)
        inner = _edges(image[y, x], reach, common)
        result.append(_medians(np.where(free, FREE_GROWTH * ends, inner)))
    return shares, np.stack(result)


def _edges(colours: np.ndarray, reach: np.ndarray, common: np.ndarray) -> np.ndarray:
    """[S] pixels to the strongest edge of colours [S, D, 3] on rays, near the usual widths [S]."""
    padded = np.pad(colours, ((ALONG, ALONG), (0, 0), (0, 0)), mode="edge")
    smooth = np.mean([padded[k : k + len(colours)] for k in range(2 * ALONG + 1)], axis=0)
    change = np.linalg.norm(np.gradient(smooth, axis=1), axis=-1)
    off = reach / common[:, None] - 1
    weighted = change * np.exp(-0.5 * (off / EDGE_SPREAD) ** 2)
    best = weighted.argmax(1)
    sure = np.clip(weighted.max(1) / EDGE_SURE, 0, 1)
    result: np.ndarray = common + sure * (reach[best] - common)
    return result


def _medians(values: np.ndarray) -> np.ndarray:
    """[S] running medians."""
    padded = np.pad(values, MEDIAN, mode="edge")
    result: np.ndarray = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * MEDIAN + 1), axis=-1)
    return result


def measured_distance(
    bone: np.ndarray, size: tuple[int, int], shares: np.ndarray, widths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Share of the way along a bone, as ``limb_geometry.along``, and distance to it in its own half widths [H, W].

    Args:
        bone: [2, 2] pixels.
        size: (width, height) of the picture.
        shares, widths: of ``half_widths``.
    """
    share, distance = along(bone, size)
    width, height = size
    y, x = np.mgrid[0:height, 0:width] + 0.5
    way = bone[1] - bone[0]
    across = ((y - bone[0][1]) * way[0] - (x - bone[0][0]) * way[1]) / max(float(np.linalg.norm(way)), TINY)
    # Beyond the ends of the bone the widths of the two sides meet, without a step.
    part = 0.5 + 0.5 * np.clip(across / np.maximum(distance, TINY), -1, 1)
    near = np.clip(share, 0, 1)
    one, other = (np.interp(near, shares, row) for row in widths)
    return share, distance / np.maximum(part * one + (1 - part) * other, 1.0)
