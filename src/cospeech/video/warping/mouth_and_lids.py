"""What warping cannot show of a face: the inside of a mouth that opens, lids over eyes that close.

Rules of ours: the mouth is dark with teeth above, lids have the colour of the skin round the eye and end in a
line of lashes. Both are painted onto the warped body.
"""

from __future__ import annotations

import numpy as np

from .layers import Layers

MOUTH = range(60, 68)  # inner lips among the 68 points of the face
EYES = (range(36, 42), range(42, 48))  # corner, two of the upper lid, corner, two of the lower lid
CLOSED = 0.12  # an eye is less open than in the portrait by this share before its lid is painted


def similarity(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn, scale and move (matrix [2, 2], offset [2]) that take points [N, 2] nearest to others."""
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
    """Driven points [116, 2] whose eyes are at least as open as the portrait's: warping cannot close them."""
    result = driven.copy()
    matrix, offset = similarity(source[48:], driven[48:])
    for eye in EYES:
        points = [48 + k for k in eye]
        if _gap(driven[points]) < _gap(source[points]) * np.sqrt(abs(np.linalg.det(matrix))):
            middle = driven[[points[0], points[3]]].mean(0)
            own = source[points] @ matrix.T + offset
            result[points] = own + middle - own[[0, 3]].mean(0)
    return result


def _gap(eye: np.ndarray) -> float:
    """How far an eye of [6, 2] is open, pixels."""
    return float(np.linalg.norm(eye[[1, 2]] - eye[[5, 4]], axis=1).mean())


def _lids(flat: np.ndarray, layers: Layers, driven: np.ndarray, places: np.ndarray) -> None:
    """Skin over the part of each eye that the driven lid covers, with lashes at its end."""
    awake = eyes_open(layers.points, driven)
    for eye in EYES:
        points = [48 + k for k in eye]
        wide, own = awake[points], driven[points]
        gap = _gap(wide)
        shut = 1 - _gap(own) / max(gap, 1e-6)
        if shut <= CLOSED or gap < 1:
            continue
        size = float(np.linalg.norm(wide[3] - wide[0]))
        low, high = wide.min(0) - 0.3 * size, wide.max(0) + 0.3 * size
        near = np.flatnonzero(((places > low) & (places < high)).all(1))
        if not len(near):
            continue
        here = places[near]
        x = here[:, 0]
        grown = wide + (wide - wide.mean(0)) * [0.12, 0.3]
        lid = np.interp(x, *_sorted(own[[0, 1, 2, 3]]))  # where the upper lid ends now
        inside = _inside(here, grown) * np.clip(lid - here[:, 1] + 0.5, 0, 1) * min(1.0, (shut - CLOSED) / 0.2)
        shown = min(1.0, (shut - CLOSED) / 0.2)
        skin = _skin(layers, eye)
        shade = np.clip((here[:, 1] - grown[:, 1].min()) / np.ptp(grown[:, 1]), 0, 1)[:, None]
        colour = skin[0] * (1 - shade) + skin[1] * shade
        flat[near] = flat[near] * (1 - inside[:, None]) + colour * inside[:, None]
        thick = max(0.7, 0.05 * size)
        across = np.clip((0.52 * size - np.abs(x - wide[[0, 3], 0].mean())) / (0.1 * size), 0, 1)
        lash = np.clip(1.2 - np.abs(here[:, 1] - lid) / thick, 0, 0.75) * across
        lash = lash * shown
        flat[near] = flat[near] * (1 - lash[:, None]) + np.array([0.12, 0.08, 0.07]) * lash[:, None]


def _skin(layers: Layers, eye: range) -> np.ndarray:
    """[2, 3] colours of the portrait's skin: above the eye, below the brow, and below the eye."""
    face = layers.points[48:]
    points = face[list(eye)]
    brow = face[17:22] if eye.start == 36 else face[22:27]
    height, width = layers.person.shape
    result = []
    top = points[[1, 2]].mean(0)
    above = top + 0.3 * (brow.mean(0) - top)
    low = points[[4, 5]].mean(0)
    below = low + 1.2 * (low - top)
    for place in (above, below):
        x, y = int(np.clip(place[0], 1, width - 2)), int(np.clip(place[1], 1, height - 2))
        result.append(layers.colours[0, y - 1 : y + 2, x - 1 : x + 2].mean((0, 1)))
    return np.array(result)


def _mouth(flat: np.ndarray, driven: np.ndarray, layers: Layers, places: np.ndarray) -> None:
    """Inside of the mouth, as far as the lips open further than in the portrait: dark, with teeth above."""
    inner, before = driven[48:][list(MOUTH)], layers.points[48:][list(MOUTH)]
    gap = np.linalg.norm(inner[[1, 2, 3]] - inner[[7, 6, 5]], axis=1).mean()
    own = np.linalg.norm(before[[1, 2, 3]] - before[[7, 6, 5]], axis=1).mean()
    wide = float(np.linalg.norm(inner[4] - inner[0]))
    opened = (gap - own) / max(wide, 1e-6)
    if opened <= 0.02:
        return
    low, high = inner.min(0) - 2, inner.max(0) + 2
    near = np.flatnonzero(((places > low) & (places < high)).all(1))
    if not len(near):
        return
    share = _inside(places[near], inner) * min(1.0, (opened - 0.02) / 0.06)
    upper = np.interp(places[near, 0], *_sorted(inner[[0, 1, 2, 3, 4]]))
    lower = np.interp(places[near, 0], *_sorted(inner[[0, 7, 6, 5, 4]]))
    depth = (places[near, 1] - upper) / np.maximum(lower - upper, 1e-6)
    across = np.abs(places[near, 0] - inner[[0, 4], 0].mean()) / max(wide / 2, 1e-6)
    teeth = np.clip((0.42 - depth) / 0.12, 0, 1) * np.clip((0.85 - across) / 0.3, 0, 1)
    teeth *= np.clip((opened - 0.08) / 0.1, 0, 1)
    dark, bone = np.array([0.22, 0.09, 0.09]), np.array([0.80, 0.76, 0.72])
    inside = dark + (bone - dark) * teeth[:, None]
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
