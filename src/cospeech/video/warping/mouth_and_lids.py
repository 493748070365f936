"""Mouth and lids, which warping cannot show: the inside of a mouth that opens, lids over eyes that close.

Decision of ours [D]: the mouth is dark with teeth above, lids have the colour of the skin round the eye and end in
a line of lashes. Both are painted onto the warped body.
"""

from __future__ import annotations

import numpy as np

from ...motion.points import BODY_SLICE, BROWS, EYES, FACE_SLICE, INNER_LIPS
from .layers import Layers
from .limb_geometry import TINY

# All of these are decisions of ours, set by eye [D]. Colours are sRGB in 0 .. 1.
CLOSED, CLOSED_RANGE = 0.12, 0.2  # an eye is less open than in the portrait by this share before its lid is painted
EYE_MARGIN = 0.3  # of an eye's width: what is looked at round it
EYE_GROWTH = np.array([0.12, 0.3])  # of an eye's opening across and up, to the border of what a lid covers
LASH_THICKNESS, LASH_LEAST = 0.05, 0.7  # of an eye's width, and pixels at least
LASH_START, LASH_MOST = 1.2, 0.75  # thicknesses from the lid's end, and opacity
LASH_HALF_WIDTH, LASH_END = 0.52, 0.1  # of an eye's width: where lashes end, and how softly
LASH_COLOUR = np.array([0.12, 0.08, 0.07])
BROW_SHARE = 0.3  # of the way from the upper lid to the brow: where the lid's colour is taken
CHEEK_SHARE = 1.2  # eye openings below the lower lid: where the other colour is taken
MOUTH_OPEN, MOUTH_RANGE = 0.02, 0.06  # lips open further than in the portrait, in widths of the mouth
MOUTH_MARGIN = 2  # pixels
TEETH_LOW, TEETH_FADE = 0.42, 0.12  # depth of the teeth below the upper lip, share of the opening
TEETH_SIDE, TEETH_SIDE_FADE = 0.85, 0.3  # half widths of the mouth
TEETH_OPEN, TEETH_RANGE = 0.08, 0.1  # widths of the mouth that it opens before teeth are seen
MOUTH_COLOUR, TEETH_COLOUR = np.array([0.22, 0.09, 0.09]), np.array([0.80, 0.76, 0.72])
# Within the eight inner lip points: corners, three above and the three opposite below.
CORNERS, UPPER_LIP, LOWER_LIP = [0, 4], [1, 2, 3], [7, 6, 5]


def similarity(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The similarity (matrix [2, 2], offset [2]) that takes points [N, 2] nearest to others (least squares)."""
    a, b = source - source.mean(0), target - target.mean(0)
    power = max(float((a * a).sum()), 1e-9)
    real, imaginary = (a * b).sum() / power, (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / power
    matrix = np.array([[real, -imaginary], [imaginary, real]])
    return matrix, target.mean(0) - matrix @ source.mean(0)


def paint_face(colours: np.ndarray, layers: Layers, driven: np.ndarray, window: tuple[slice, slice]) -> None:
    """Paint mouth and lids onto the warped body, in place.

    Args:
        colours: [h, w, 3] float32 in 0 .. 1, a window of the driven picture.
        layers: of the portrait.
        driven: [116, 2] pixels.
        window: its rows and columns.
    """
    grid = np.stack(np.meshgrid(*(np.arange(span.start, span.stop) + 0.5 for span in (window[1], window[0]))), -1)
    places, flat = grid.reshape(-1, 2), colours.reshape(-1, 3)
    _lids(flat, layers, driven, places)
    _mouth(flat, driven, layers, places)
    colours[:] = flat.reshape(colours.shape)


def eyes_open(source: np.ndarray, driven: np.ndarray) -> np.ndarray:
    """Driven keypoints [116, 2] with eyes at least as open as the portrait's, as warping cannot close them."""
    result = driven.copy()
    matrix, offset = similarity(source[FACE_SLICE], driven[FACE_SLICE])
    for eye in EYES:
        points = [BODY_SLICE.stop + k for k in eye]
        if _gap(driven[points]) < _gap(source[points]) * np.sqrt(abs(np.linalg.det(matrix))):
            middle = driven[[points[0], points[3]]].mean(0)
            own = source[points] @ matrix.T + offset
            result[points] = own + middle - own[[0, 3]].mean(0)
    return result


def _gap(eye: np.ndarray) -> float:
    """Opening of an eye [6, 2], pixels."""
    return float(np.linalg.norm(eye[[1, 2]] - eye[[5, 4]], axis=1).mean())


def _lids(flat: np.ndarray, layers: Layers, driven: np.ndarray, places: np.ndarray) -> None:
    """Skin over the part of each eye that the driven lid covers, with lashes at its end."""
    awake = eyes_open(layers.points, driven)
    for eye in EYES:
        points = [BODY_SLICE.stop + k for k in eye]
        wide, own = awake[points], driven[points]
        gap = _gap(wide)
        shut = 1 - _gap(own) / max(gap, TINY)
        if shut <= CLOSED or gap < 1:
            continue
        size = float(np.linalg.norm(wide[3] - wide[0]))
        low, high = wide.min(0) - EYE_MARGIN * size, wide.max(0) + EYE_MARGIN * size
        near = np.flatnonzero(((places > low) & (places < high)).all(1))
        if not len(near):
            continue
        here = places[near]
        x = here[:, 0]
        grown = wide + (wide - wide.mean(0)) * EYE_GROWTH
        lid = np.interp(x, *_sorted(own[[0, 1, 2, 3]]))  # where the upper lid ends now
        shown = min(1.0, (shut - CLOSED) / CLOSED_RANGE)
        inside = _inside(here, grown) * np.clip(lid - here[:, 1] + 0.5, 0, 1) * shown
        skin = _skin(layers, eye)
        shade = np.clip((here[:, 1] - grown[:, 1].min()) / np.ptp(grown[:, 1]), 0, 1)[:, None]
        colour = skin[0] * (1 - shade) + skin[1] * shade
        flat[near] = flat[near] * (1 - inside[:, None]) + colour * inside[:, None]
        thick = max(LASH_LEAST, LASH_THICKNESS * size)
        off = np.abs(x - wide[[0, 3], 0].mean())
        across = np.clip((LASH_HALF_WIDTH * size - off) / (LASH_END * size), 0, 1)
        lash = np.clip(LASH_START - np.abs(here[:, 1] - lid) / thick, 0, LASH_MOST) * across
        lash = lash * shown
        flat[near] = flat[near] * (1 - lash[:, None]) + LASH_COLOUR * lash[:, None]


def _skin(layers: Layers, eye: range) -> np.ndarray:
    """[2, 3] colours of the portrait's skin: above the eye, below the brow, and below the eye."""
    face = layers.points[FACE_SLICE]
    points = face[list(eye)]
    brow = face[BROWS[EYES.index(eye)]]
    height, width = layers.person.shape
    result = []
    top = points[[1, 2]].mean(0)
    above = top + BROW_SHARE * (brow.mean(0) - top)
    low = points[[4, 5]].mean(0)
    below = low + CHEEK_SHARE * (low - top)
    for place in (above, below):
        x, y = int(np.clip(place[0], 1, width - 2)), int(np.clip(place[1], 1, height - 2))
        result.append(layers.colours[0, y - 1 : y + 2, x - 1 : x + 2].mean((0, 1)))
    return np.array(result)


def _mouth(flat: np.ndarray, driven: np.ndarray, layers: Layers, places: np.ndarray) -> None:
    """Inside of the mouth, as far as the lips open further than in the portrait: dark, with teeth above."""
    inner, before = driven[FACE_SLICE][list(INNER_LIPS)], layers.points[FACE_SLICE][list(INNER_LIPS)]
    gap = np.linalg.norm(inner[UPPER_LIP] - inner[LOWER_LIP], axis=1).mean()
    own = np.linalg.norm(before[UPPER_LIP] - before[LOWER_LIP], axis=1).mean()
    wide = float(np.linalg.norm(inner[4] - inner[0]))
    opened = (gap - own) / max(wide, TINY)
    if opened <= MOUTH_OPEN:
        return
    low, high = inner.min(0) - MOUTH_MARGIN, inner.max(0) + MOUTH_MARGIN
    near = np.flatnonzero(((places > low) & (places < high)).all(1))
    if not len(near):
        return
    share = _inside(places[near], inner) * min(1.0, (opened - MOUTH_OPEN) / MOUTH_RANGE)
    upper = np.interp(places[near, 0], *_sorted(inner[[0, 1, 2, 3, 4]]))
    lower = np.interp(places[near, 0], *_sorted(inner[[0, 7, 6, 5, 4]]))
    depth = (places[near, 1] - upper) / np.maximum(lower - upper, TINY)
    across = np.abs(places[near, 0] - inner[CORNERS, 0].mean()) / max(wide / 2, TINY)
    teeth = np.clip((TEETH_LOW - depth) / TEETH_FADE, 0, 1) * np.clip((TEETH_SIDE - across) / TEETH_SIDE_FADE, 0, 1)
    teeth *= np.clip((opened - TEETH_OPEN) / TEETH_RANGE, 0, 1)
    inside = MOUTH_COLOUR + (TEETH_COLOUR - MOUTH_COLOUR) * teeth[:, None]
    flat[near] = flat[near] * (1 - share[:, None]) + inside * share[:, None]


def _sorted(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(points[:, 0])
    return points[order, 0], points[order, 1]


def _inside(places: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """[M] 1 within a closed outline [N, 2], 0 outside, soft over a pixel."""
    after = np.roll(outline, -1, axis=0)
    way = after - outline
    offset = places[:, None] - outline[None]
    share = np.clip((offset * way).sum(-1) / np.maximum((way * way).sum(-1), 1e-9), 0, 1)
    distance = np.linalg.norm(offset - share[..., None] * way, axis=-1).min(1)
    between = (outline[None, :, 1] > places[:, None, 1]) != (after[None, :, 1] > places[:, None, 1])
    slope = np.where(np.abs(way[:, 1]) < 1e-9, 1e-9, way[:, 1])
    cross = outline[None, :, 0] + (places[:, None, 1] - outline[None, :, 1]) * way[:, 0] / slope
    within = (between & (places[:, None, 0] < cross)).sum(1) % 2 == 1
    return np.clip(np.where(within, distance, -distance) + 0.5, 0, 1)
