"""Folds of the skin that come and go with face shapes: forehead, frown, bridge of the nose, cheeks, dimples.

Places are metres from the point between the eyes, to the left, up and forward; the skin sinks and swells along its
normals. Amounts and places are our own choice, by eye.
"""

from __future__ import annotations

import numpy as np

from build_avatar_dress import bump, step
from build_avatar_lids import SIDES, find_eyes
from build_avatar_mesh import fan, laplacian, normals
from build_avatar_shapes import refine
from build_avatar_source import Source

Array = np.ndarray

NASOLABIAL = np.array([(0.0165, -0.0405), (0.0225, -0.0475), (0.0290, -0.0575), (0.0335, -0.0680), (0.0350, -0.0790)])
FOREHEAD = (0.0355, 0.0445, 0.0535)  # metres above the eyes: the lines of raised brows
# Millimetres: depth of the fold from nose to mouth, height of the cheek beside it, and the part of its length
# (0 at the nose, 1 below the corner of the mouth) that each shape folds.
CHEEK_FOLDS = {
    "mouthSmile": (2.3, 2.8, 0.0, 0.9),
    "mouthDimple": (1.2, 1.1, 0.35, 0.95),
    "mouthStretch": (0.6, 0.5, 0.4, 1.0),
    "mouthFrown": (0.5, 0.4, 0.5, 1.0),
    "mouthUpperUp": (1.2, 1.2, 0.0, 0.55),
    "noseSneer": (1.8, 1.7, 0.0, 0.6),
    "cheekSquint": (0.4, 0.5, 0.0, 0.6),
}


def refine_folds(source: Source) -> None:
    """Lay finer rows of polygons where the skin folds."""
    middle = _middle(source)

    def forehead(a: Array, b: Array, reach: float = 0.050) -> Array:
        place, across = (a + b) / 2 - middle, np.abs(a - b)
        inside = (place[:, 0] / reach) ** 2 + ((place[:, 1] - 0.044) / (0.42 * reach)) ** 2 < 1
        return inside & (place[:, 2] > -0.045) & (across[:, 1] > np.maximum(across[:, 0], 0.0026))

    def forehead_again(a: Array, b: Array) -> Array:
        return forehead(a, b, 0.043)

    def bridge(a: Array, b: Array) -> Array:
        place, across = (a + b) / 2 - middle, np.abs(a - b)
        inside = (np.abs(place[:, 1] + 0.006) < 0.014) & (np.abs(place[:, 0]) < 0.014) & (place[:, 2] > -0.004)
        return inside & (across[:, 1] > np.maximum(across[:, 0], 0.0022))

    def brows(a: Array, b: Array) -> Array:
        place, across = (a + b) / 2 - middle, np.abs(a - b)
        inside = (np.abs(place[:, 1] - 0.017) < 0.011) & (np.abs(place[:, 0]) < 0.016) & (place[:, 2] > -0.004)
        return inside & (across[:, 0] > np.maximum(across[:, 1], 0.0022))

    def cheek(a: Array, b: Array) -> Array:
        place, across = (a + b) / 2 - middle, (b - a) * [1.0, 1.0, 0.0]
        distance, along, normal = _beside(place)
        crossing = np.abs((across[:, :2] * [1, 1] * np.where(place[:, :1] < 0, [-1, 1], [1, 1]) * normal).sum(1))
        length = np.linalg.norm(across, axis=1)
        inside = (np.abs(distance) < 0.010) & (along > 0.0) & (along < 1.0) & (place[:, 2] > -0.020)
        return inside & (length > 0.0028) & (crossing > 0.7 * length)

    for region in (forehead, forehead_again, bridge, brows, cheek):
        refine(source, region)
    _even_forehead(source, middle)


def _even_forehead(source: Source, middle: Array) -> None:
    """Smooth what the finer rows left uneven."""
    triangles = fan(source.groups["body"])
    matrix = laplacian(triangles, len(source.vertices))
    place = source.vertices - middle
    amount = step(place[:, 1], 0.020, 0.028) * (1 - step(place[:, 1], 0.070, 0.084))
    amount = amount * (1 - step(np.abs(place[:, 0]), 0.056, 0.066)) * step(place[:, 2], -0.060, -0.040)
    free = np.ones(len(amount))
    free[np.setdiff1d(np.arange(len(amount)), triangles)] = 0
    for _ in range(9):
        change = matrix @ source.vertices - source.vertices
        normal = normals(source.vertices, triangles)
        along = (change * normal).sum(1) * amount * free
        source.vertices = source.vertices + 0.6 * along[:, None] * normal


def add_folds(source: Source) -> None:
    """Fold the skin in the shapes; before they are made symmetric."""
    body = np.unique(np.concatenate([np.ravel(face) for face in source.groups["body"]]))
    normal = np.zeros_like(source.vertices)
    normal[body] = normals(source.vertices, fan(source.groups["body"]))[body]
    place = source.vertices - _middle(source)
    for side, _, sign in SIDES:
        own = place * [sign, 1.0, 1.0]
        half = step(own[:, 0], -0.004, 0.004)
        for shape, depth in (_cheeks(own) | _brow_folds(own) | _nose(own)).items():
            source.morphs[f"{shape}{side}"] = source.morphs[f"{shape}{side}"] + (half * depth)[:, None] * normal
    lines = _lines(place) * (1 - step(np.abs(place[:, 0]), 0.014, 0.040))
    source.morphs["browInnerUp"] = source.morphs["browInnerUp"] + lines[:, None] * normal


def _middle(source: Source) -> Array:
    return np.mean([eye.centre for eye in find_eyes(source, source.vertices)], 0)


def _beside(place: Array) -> tuple[Array, Array, Array]:
    """Of points [V, 3]: distance from the fold (outwards positive), share of its length, normal [V, 2]."""
    flat = np.stack([np.abs(place[:, 0]), place[:, 1]], 1)
    start, edge = NASOLABIAL[:-1], np.diff(NASOLABIAL, axis=0)
    length = np.linalg.norm(edge, axis=1)
    offset = flat[:, None] - start
    share = (offset * edge).sum(2) / length**2
    inner = np.clip(share, 0, 1)
    away = np.linalg.norm(offset - inner[..., None] * edge, axis=2)
    nearest = away.argmin(1)
    row = np.arange(len(flat))
    outward = np.stack([-edge[:, 1], edge[:, 0]], 1) / length[:, None]
    sign = np.sign((offset[row, nearest] * outward[nearest]).sum(1))
    begin = np.concatenate([[0], np.cumsum(length)[:-1]])
    along = (begin[nearest] + share[row, nearest] * length[nearest]) / length.sum()
    return sign * away[row, nearest], along, outward[nearest]


def _cheeks(place: Array) -> dict[str, Array]:
    """[V] metres along the normal: the fold from nose to mouth with the cheek that rolls over it, and the dimple."""
    distance, along, _ = _beside(place)
    front = step(place[:, 2], -0.030, -0.008) * (place[:, 0] > 0)
    result = {}
    for shape, (depth, swell, low, high) in CHEEK_FOLDS.items():
        part = step(along, low - 0.18, low + 0.18) * (1 - step(along, high - 0.18, high + 0.18)) * front
        groove = -depth * bump(distance, -0.0006, 0.0030) + swell * bump(distance, 0.0085, 0.0070)
        result[shape] = 0.001 * part * groove
    pit = np.linalg.norm((place - [0.0335, -0.0655, 0.0])[:, :2], axis=1)
    hollow = 0.001 * front * (-2.5 * bump(pit, 0, 0.0036) + 0.7 * bump(pit, 0.0075, 0.0032))
    result["mouthDimple"] = result["mouthDimple"] + hollow
    result["mouthSmile"] = result["mouthSmile"] + 0.12 * hollow
    apple = bump(place[:, 0], 0.037, 0.015) * bump(place[:, 1], -0.040, 0.013) * front
    result["mouthSmile"] = result["mouthSmile"] + 0.0016 * apple
    return result


def _lines(place: Array) -> Array:
    """[V] metres along the normal: the lines of the forehead."""
    x, height = np.abs(place[:, 0]), place[:, 1]
    wave = height - 0.0025 * np.sin(np.pi * np.clip(x / 0.050, 0, 1))
    grooves = sum(-0.8 * bump(wave, line, 0.0020) for line in FOREHEAD)
    ridges = sum(0.45 * bump(wave, line + 0.0045, 0.0030) for line in (FOREHEAD[0] - 0.009, *FOREHEAD))
    return 0.001 * (grooves + ridges) * step(place[:, 2], -0.045, -0.020)


def _brow_folds(place: Array) -> dict[str, Array]:
    x, height = place[:, 0], place[:, 1]
    outer = _lines(place) * step(x, 0.006, 0.030) * (1 - step(x, 0.040, 0.056))
    # Between the brows: an upright crease at either side of the middle, and one across the root of the nose.
    upright = -1.1 * bump(x, 0.0068, 0.0023) + 0.4 * bump(x, 0.0, 0.0034)
    frown = upright * bump(height, 0.0165, 0.0095) - 0.8 * bump(height, 0.0040, 0.0022) * bump(x, 0, 0.009)
    return {"browOuterUp": outer, "browDown": 0.001 * frown * step(place[:, 2], -0.010, 0.0)}


def _nose(place: Array) -> dict[str, Array]:
    """Wrinkles of a sneer: lines that run from the bridge of the nose down to its sides."""
    x, height = np.abs(place[:, 0]), place[:, 1]
    line = height + 0.35 * x
    wrinkles = sum(
        -0.75 * bump(line, at, 0.0015) + 0.35 * bump(line, at + 0.0026, 0.0016) for at in (0.003, -0.004, -0.011)
    )
    return {"noseSneer": 0.001 * wrinkles * (1 - step(x, 0.008, 0.015)) * step(place[:, 2], -0.004, 0.004)}
