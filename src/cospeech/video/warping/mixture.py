"""The paper's warp of a portrait, for comparison: many splines mixed softly over the whole picture.

Contextual Gesture, section 3.3 and appendix J: 116 points in 29 groups of four, a thin-plate spline for each,
and the identity for the background; a network weighs them at every pixel. Here the weights are fixed: a
soft-max of squared distances of the pixel to the groups' nearest points. Spread and background are those of
twelve tried that came nearest to held-out pictures. So it stands for the design, not for what a trained
network would make of it. Videos are drawn by ``layer_warp``.
"""

from __future__ import annotations

import numpy as np

from ...motion.points import BODY_SLICE, FACE_POINTS, FINGERS, HAND_SLICES, SHOULDERS
from .resampling import bilinear, enlarge
from .splines import fit_spline

SPREAD = 0.03  # of the weights, where the picture is 2 wide
BACKGROUND = 3.0  # spreads from the nearest point where the background weighs as much as a group
_STEP = 2  # pixels between the places at which maps are computed
GROUP = 4  # points of a group
SPLINES = 29  # groups
FLOW_SIDE = 32  # of the maps that dense motion takes, which are smooth
FARTHEST = 1.5  # where the picture is -1 .. 1: no map leads further out
FACE_GROUPS = len(FACE_POINTS) // GROUP
BANDS = 4  # of the body, for centroids
LEAST_AREA = 1e-3  # share of the picture from which a part counts as seen


def groups() -> np.ndarray:
    """[29, 4] indices of points: 17 groups of the face, each spread over it, and 6 of either arm and hand.

    Shoulder, elbow, wrist and palm are one; the others take four fingers at four joints each, so that no
    group lies on a line.
    """
    face, fingers = BODY_SLICE.stop, len(FINGERS)
    rows = [[face + k + FACE_GROUPS * j for j in range(GROUP)] for k in range(FACE_GROUPS)]
    for arm, span in zip(SHOULDERS, HAND_SLICES, strict=True):
        hand = span.start
        rows.append([arm, arm + 1, arm + 2, hand])
        rows += [[hand + 1 + 4 * ((first + k) % fingers) + k for k in range(GROUP)] for first in range(fingers)]
    return np.array(rows)


def mixture_places(source: np.ndarray, driven: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Where every pixel comes from, [H, W, 2] pixels of the source.

    Args:
        source, driven: [116, 2] pixels.
        size: (width, height), even.
    """
    half = max(size) / 2
    chosen = groups()
    old, new = (points[chosen] / half - 1 for points in (source, driven))  # [29, 4, 2]
    places = _grid(size) / half - 1
    flat = places.reshape(-1, 2)
    # Moves and not places: across a line of points, where they say nothing, the smallest move is none.
    maps = flat + fit_spline(new, old - new)(np.broadcast_to(flat, (len(chosen), *flat.shape)))
    squared = ((flat[None, :, None] - new[:, None]) ** 2).sum(-1).min(-1)  # [29, M]
    logits = -0.5 * np.concatenate([squared / SPREAD**2, np.full((1, len(flat)), BACKGROUND**2)])
    weights = np.exp(logits - logits.max(0))
    weights /= weights.sum(0)
    mixed = (weights[:-1, :, None] * maps).sum(0) + weights[-1, :, None] * flat
    return _whole(((mixed + 1) * half).reshape(places.shape), size)


def spline_flows(source: np.ndarray, driven: np.ndarray) -> np.ndarray:
    """Where places come from by each group's spline, [29, 32, 32, 2] float32, of points [116, 2]; all in -1 .. 1."""
    chosen = groups()
    old, new = source[chosen].astype(np.float64), driven[chosen].astype(np.float64)
    at = (np.arange(FLOW_SIDE) + 0.5) / (FLOW_SIDE / 2) - 1
    flat = np.stack(np.meshgrid(at, at), -1).reshape(-1, 2)
    maps = flat + fit_spline(new, old - new)(np.broadcast_to(flat, (SPLINES, *flat.shape)))
    result: np.ndarray = np.clip(maps, -FARTHEST, FARTHEST).astype(np.float32)
    return result.reshape(SPLINES, FLOW_SIDE, FLOW_SIDE, 2)


def spline_places(source: np.ndarray, driven: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The same by one spline over the whole picture, of points [N, 2] pixels; the picture's border stays."""
    half = max(size) / 2
    width, height = size
    border = np.array([(x * width, y * height) for x in (0, 0.5, 1) for y in (0, 0.5, 1) if (x, y) != (0.5, 0.5)])
    old, new = (np.concatenate([points, border]) / half - 1 for points in (source, driven))
    places = _grid(size) / half - 1
    flat = places.reshape(-1, 2)
    came = flat + fit_spline(new, old - new)(flat)
    return _whole(((came + 1) * half).reshape(places.shape), size)


def warped(picture: np.ndarray, places: np.ndarray) -> np.ndarray:
    """A picture [H, W, 3] uint8 looked up at places [H, W, 2] pixels, bilinear, uint8."""
    values = bilinear(picture.astype(np.float32), places.reshape(-1, 2))
    return np.clip(np.round(values), 0, 255).astype(np.uint8).reshape(picture.shape)


def centroids(parts: np.ndarray) -> np.ndarray:
    """[10, 2] pixels: the middles of arms and hands, and of four bands of the body, each a quarter of it.

    They say where parts are and nothing of joints, like keypoints that a network learned without labels.

    Args:
        parts: [7, H, W] in 0 .. 1, what is visible of each of ``limb_geometry.PARTS``.

    Returns:
        NaN for a part that is not seen.
    """
    _, height, width = parts.shape
    y, x = np.mgrid[0:height, 0:width] + 0.5
    share = np.cumsum(parts[0].sum(1))
    share /= max(float(share[-1]), 1e-9)
    bands = [parts[0] * ((share > k / BANDS) & (share <= (k + 1) / BANDS))[:, None] for k in range(BANDS)]
    result = np.full((len(parts) - 1 + BANDS, 2), np.nan)
    for k, mask in enumerate([*parts[1:], *bands]):
        total = float(mask.sum())
        if total > LEAST_AREA * height * width:
            result[k] = (mask * x).sum() / total, (mask * y).sum() / total
    return result


def _grid(size: tuple[int, int]) -> np.ndarray:
    """[H / 2, W / 2, 2]: middles of blocks of pixels."""
    width, height = size
    x, y = np.meshgrid(np.arange(0, width, _STEP) + _STEP / 2, np.arange(0, height, _STEP) + _STEP / 2)
    return np.stack([x, y], -1)


def _whole(places: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Places on the grid -> at every pixel, [H, W, 2] float32."""
    moves = places - _grid(size)
    width, height = size
    side = max(moves.shape[:2])
    padded = np.pad(moves, ((0, side - moves.shape[0]), (0, side - moves.shape[1]), (0, 0)), mode="edge")
    spread = enlarge(padded.astype(np.float32), _STEP * side)[:height, :width]
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    result: np.ndarray = (spread + np.stack([x, y], -1)).astype(np.float32)
    return result
