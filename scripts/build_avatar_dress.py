"""The clothes: shells cut from the CC0 body suit, moved outwards, with folds, edges and colours of their own.

Cuts are made in T-pose coordinates (attribute t), shells are displaced in A-pose (attribute a).
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull, cKDTree

from build_avatar_mesh import Part, compact, cut, fan, join, keep, normals, rim, smooth, subdivide
from build_avatar_rig import INDEX, SOLE, Rig, a_pose_vertices, t_pose_vertices
from build_avatar_source import Source

Array = np.ndarray

# sRGB, 0 to 255, of the default person; other bodies have some of their own.
COLOURS = {
    "jacket": (58, 82, 112),
    "lapel": (52, 74, 102),
    "lining": (60, 70, 88),
    "button": (30, 36, 48),
    "shirt": (236, 233, 226),
    "trousers": (58, 58, 64),
    "belt": (44, 34, 30),
    "shoes": (92, 66, 50),
    "soles": (226, 222, 214),
}
# What takes a colour together, and the place in COLOURS of the one that stands for it.
REGIONS = ("jacket", "shirt", "trousers", "belt", "shoes", "soles", "hair", "surface", "lines")
PART_OF = {"lapel": "jacket", "lining": "jacket", "button": "jacket"}
Colours = dict[str, tuple[float, float, float]]


def paint(part: Part, colour: tuple[float, ...], *, shine: float = 0.0) -> Part:
    """Give a part one colour (sRGB, 0 to 255) and one shine (0 to 1)."""
    part.data["colour"] = np.tile(np.array(colour, float) / 255, (len(part), 1))
    part.data["shine"] = np.full(len(part), shine)
    return part


def region_of(part: Part, name: str) -> Part:
    """Say what the part belongs to: a name of ``REGIONS``, or of what is part of one."""
    part.data["region"] = np.full(len(part), 1 + REGIONS.index(PART_OF.get(name, name)))
    return part


def dye(part: Part, colours: Colours, name: str, *, shade: float = 1.0, shine: float = 0.0) -> Part:
    """Give a part the colour, and the region, of a piece of clothing."""
    return region_of(paint(part, tuple(shade * c for c in colours[name]), shine=shine), name)


def step(x: Array, low: float, high: float) -> Array:
    """Smoothstep from 0 at low to 1 at high."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def bump(x: Array, centre: float, width: float) -> Array:
    """A Gaussian bump of height 1."""
    return np.exp(-(((x - centre) / width) ** 2))


def body_suit(source: Source, rig: Rig, weights: Array) -> Part:
    """The suit mesh, subdivided once, with A-pose a, T-pose t, smooth normals n and weights w.

    Attribute in [V, 3] is the way from a vertex straight to the skin below it, metres.
    """
    polygons = source.groups["helper-tights"]
    used = np.unique(np.ravel(polygons))
    index = np.full(len(source.vertices), -1)
    index[used] = np.arange(len(used))
    coarse = Part({"a": source.vertices[used], "w": weights[used]}, np.zeros((0, 3), int))
    suit, _ = subdivide(coarse, [[int(index[v]) for v in polygon] for polygon in polygons])
    suit.data["w"] = smooth(suit["w"], suit.triangles, 2)
    suit.data["t"] = t_pose_vertices(rig, suit["a"], suit["w"])
    suit.data["n"] = smooth(normals(suit["a"], suit.triangles), suit.triangles, 6)
    suit.data["n"] /= np.linalg.norm(suit["n"], axis=1, keepdims=True)
    body = fan(source.groups["body"])
    normal = normals(source.vertices, body)
    bare = np.unique(body)
    _, near = cKDTree(source.vertices[bare]).query(suit["a"])
    outward = normal[bare[near]]
    suit.data["in"] = -((suit["a"] - source.vertices[bare[near]]) * outward).sum(1, keepdims=True) * outward
    return suit


def neckline(t: Array) -> Array:
    """Height of the shirt's round neckline above a point, metres: positive below it."""
    return 1.487 - 0.42 * t[:, 2] - t[:, 1] + 1.2 * t[:, 0] ** 2


def _jacket_edge(t: Array) -> Array:
    """Distance inside the jacket's front opening and upper edge, metres (positive: jacket)."""
    x, y, z = np.abs(t[:, 0]), t[:, 1], t[:, 2]
    opening = 0.072 * np.clip((y - 1.13) / 0.36, 0.0, 1.4) ** 0.85
    opening = np.where(y < 1.1, 0.64 * np.maximum(1.1 - y, 0.0) ** 1.5, opening)
    front = x - opening + 1.6 * np.maximum(0.028 - z, 0.0)
    top = 1.524 - 0.1 * z - y
    return np.where(
        np.abs(front - top) < 0.02,
        np.minimum(front, top) - (0.02 - np.abs(front - top)) ** 2 / 0.08,
        np.minimum(front, top),
    )


def _torso(t: Array) -> Array:
    """1 on trunk and legs, 0 on the arms."""
    return np.maximum(step(np.abs(t[:, 0]), 0.24, 0.16), step(t[:, 1], 1.2, 1.1))


def _wear(part: Part, amount: Array | float) -> Part:
    part.data["a"] = part["a"] + part["n"] * np.broadcast_to(amount, len(part))[:, None]
    return part


def _folds(part: Part) -> Array:
    """Creases of the jacket, metres outwards."""
    t = part["t"]
    reach, y, z = np.abs(t[:, 0]), t[:, 1], t[:, 2]
    sleeve = step(reach, 0.2, 0.3)
    around = np.arctan2(t[:, 1] - 1.40, z - 0.02)
    inner = 0.5 + 0.5 * np.cos(around - 0.1)
    elbow = bump(reach, 0.425, 0.06) * np.sin(2 * np.pi * reach / 0.042 + 0.9 * np.sin(2 * around)) * inner
    cuff = bump(reach, 0.61, 0.05) * np.sin(2 * np.pi * reach / 0.036 + 1.3 * np.sin(around + 0.6))
    upper = bump(reach, 0.27, 0.06) * np.sin(2 * np.pi * (reach + 0.3 * z) / 0.06)
    side = np.sign(t[:, 0])
    waist = bump(y, 1.10, 0.07) * np.sin(2 * np.pi * (y + 0.35 * np.abs(t[:, 0])) / 0.062 + 0.7 * side)
    chest = bump(y, 1.33, 0.05) * bump(reach, 0.15, 0.04) * np.sin(2 * np.pi * (y - reach) / 0.05)
    drift = np.sin(23 * t[:, 0] + 17 * y) * np.sin(19 * y - 29 * z)
    return (
        sleeve * (0.0028 * elbow + 0.0016 * cuff + 0.0016 * upper)
        + (1 - sleeve) * (0.0018 * waist * step(reach, 0.02, 0.1) + 0.0016 * chest)
        + 0.0008 * drift
    )


def _finish(
    part: Part, rig: Rig, colours: Colours, name: str, *, shine: float, thickness: float, shade: float = 1.0
) -> Part:
    if thickness:
        part = rim(part, thickness)
    part.data["t"] = t_pose_vertices(rig, part["a"], part["w"])
    return dye(part, colours, name, shade=shade, shine=shine)


def _hang(part: Part, rig: Rig, suit: Part) -> None:
    """Let the jacket fall straight from the hips: move it out to a round profile of its own, in T-pose."""
    centre, rows, turns = 0.01, np.arange(1.08, 0.80, -0.01), 72
    t = suit["t"]
    trunk = np.abs(t[:, 0]) < 0.3
    angle = np.arctan2(t[:, 0], t[:, 2] - centre)
    column = ((angle / (2 * np.pi) + 0.5) * turns).astype(int) % turns
    radius = np.hypot(t[:, 0], t[:, 2] - centre)
    profile = np.zeros((len(rows), turns))
    for k, y in enumerate(rows):
        near = trunk & (np.abs(t[:, 1] - y) < 0.018)
        np.maximum.at(profile[k], column[near], radius[near])
        filled = np.flatnonzero(profile[k] > 0)
        wrapped = np.concatenate([filled - turns, filled, filled + turns])
        profile[k] = np.interp(np.arange(turns), wrapped, np.tile(profile[k, filled], 3))
    kernel = np.exp(-(np.arange(-6, 7) ** 2) / 12)
    kernel /= kernel.sum()
    for _ in range(3):  # round, no dents
        wide = np.concatenate([profile[:, -6:], profile, profile[:, :6]], 1)
        even = np.stack([np.convolve(row, kernel, "valid") for row in wide])
        profile = np.maximum(profile, even)
    wide = np.concatenate([profile[:, -6:], profile, profile[:, :6]], 1)
    profile = np.stack([np.convolve(row, kernel, "valid") for row in wide])
    profile = np.maximum.accumulate(profile, 0) + 0.013 + 0.006 * step(rows, 1.0, 0.85)[:, None]
    own = t_pose_vertices(rig, part["a"], part["w"])
    angle = np.arctan2(own[:, 0], own[:, 2] - centre)
    place = (angle / (2 * np.pi) + 0.5) * turns - 0.5
    low = np.floor(place).astype(int)
    share = place - low
    at = np.clip((rows[0] - own[:, 1]) / 0.01, 0, len(rows) - 1.001)
    above = at.astype(int)
    down = at - above
    upper = profile[above, low % turns] * (1 - share) + profile[above, (low + 1) % turns] * share
    lower = profile[above + 1, low % turns] * (1 - share) + profile[above + 1, (low + 1) % turns] * share
    target = upper * (1 - down) + lower * down
    amount = step(own[:, 1], 1.07, 0.96) * (np.abs(own[:, 0]) < 0.3)
    scale = 1 + amount * (target / np.maximum(np.hypot(own[:, 0], own[:, 2] - centre), 0.03) - 1)
    own[:, 0] *= scale
    own[:, 2] = centre + (own[:, 2] - centre) * scale
    part.data["w"] = part["w"] + amount[:, None] * (smooth(part["w"], part.triangles, 16) - part["w"])
    part.data["a"] = a_pose_vertices(rig, own, part["w"])


def jacket(suit: Part, rig: Rig, colours: Colours) -> Part:
    """An unlined jacket, open at the neck: body and sleeves, lapels with collar, buttons, cuffs."""
    bare, suit = suit, suit.copy()
    t = suit["t"]
    torso = _torso(t)
    suit.data["a"] = smooth(suit["a"], suit.triangles, 10, amount=0.5 * torso)
    hem = step(t[:, 1], 1.02, 0.86)
    sleeve = step(np.abs(t[:, 0]), 0.22, 0.34)
    armpit = bump(np.abs(t[:, 0]), 0.165, 0.035) * bump(t[:, 1], 1.30, 0.05)
    amount = 0.011 + 0.012 * hem - 0.002 * sleeve - 0.004 * armpit + 0.004 * step(np.abs(t[:, 0]), 0.5, 0.66)
    collar = np.clip(_jacket_edge(t), 0.0, 0.05)
    amount = amount + 0.004 * np.clip(1 - collar / 0.04, 0, 1) * step(t[:, 1], 1.40, 1.48)
    _wear(suit, amount + _folds(suit))
    _hang(suit, rig, bare)
    reach = np.abs(suit["t"][:, 0])
    body = cut(suit, suit["t"][:, 1] - 0.885)
    body = cut(body, 0.653 - np.abs(body["t"][:, 0]))
    body = cut(body, _jacket_edge(body["t"]))
    lapel = cut(body, 0.35 - np.abs(body["t"][:, 0]))
    lapel = cut(lapel, lapel["t"][:, 1] - 1.13)
    lapel = cut(lapel, _lapel_width(lapel["t"]) - _jacket_edge(lapel["t"]), snap=0.05)
    edge = _jacket_edge(lapel["t"])
    _wear(lapel, 0.0045 + 0.003 * step(edge, 0.0, 0.05))
    lining = body.copy()
    lining = keep(lining, np.abs(lining["t"][:, 0]) < 0.3)
    _wear(lining, -0.005)
    lining.triangles = lining.triangles[:, ::-1].copy()
    cuff = cut(suit, reach - 0.61)
    cuff = cut(cuff, 0.664 - np.abs(cuff["t"][:, 0]))
    _wear(cuff, -0.0055)
    parts = [
        _finish(body, rig, colours, "jacket", shine=0.06, thickness=0.009),
        _finish(lapel, rig, colours, "lapel", shine=0.06, thickness=0.005),
        _finish(lining, rig, colours, "lining", shine=0.1, thickness=0.0),
        _finish(cuff, rig, colours, "shirt", shine=0.03, thickness=0.011),
    ]
    return join(parts + _buttons(parts[0], colours))


def _lapel_width(t: Array) -> Array:
    y, z = t[:, 1], t[:, 2]
    lower = 0.082 * np.clip((y - 1.13) / 0.24, 0.0, 1.0)
    notch = 0.082 - 0.034 * step(y, 1.385, 1.40)
    front = np.where(y < 1.385, lower, notch)
    return np.where(z < 0.02, 0.044, front)


def _buttons(body: Part, colours: Colours) -> list[Part]:
    """Two discs on the front, fixed to the nearest vertex of the jacket."""
    result = []
    for height, across in ((1.105, 0.006),):
        front = np.where(body["t"][:, 2] > 0, 0.0, 1.0)
        distance = (body["t"][:, 0] - across) ** 2 + (body["t"][:, 1] - height) ** 2 + front
        nearest = int(np.argmin(distance))
        centre = np.array([across, height, body["t"][nearest, 2] + 0.004])
        angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        ring = centre + 0.009 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1)
        points = np.concatenate([[centre + [0, 0, 0.0025]], ring, ring - [0, 0, 0.006]])
        i = np.arange(12)
        j = (i + 1) % 12
        triangles = np.concatenate(
            [
                np.stack([0 * i, 1 + i, 1 + j], 1),
                np.stack([1 + i, 13 + i, 13 + j], 1),
                np.stack([1 + i, 13 + j, 1 + j], 1),
            ]
        )
        weights = np.tile(body["w"][nearest], (len(points), 1))
        part = Part({"a": points, "t": points, "n": points, "w": weights}, triangles)
        result.append(dye(part, colours, "button", shine=0.3))
    return result


def _drape(part: Part, slope: float) -> None:
    """Let the front fall from the chest: no point lies behind a line that falls from any point above it."""
    a, front = part["a"], np.flatnonzero(part["n"][:, 2] > 0.2)
    column = np.round(np.abs(a[front, 0]) / 0.02)
    depth = a[:, 2].copy()
    for own in (front[column == c] for c in np.unique(column)):
        order = own[np.argsort(-a[own, 1])]
        depth[order] = np.maximum.accumulate(a[order, 2] - slope * a[order, 1]) + slope * a[order, 1]
    moved = smooth(depth - a[:, 2], part.triangles, 5) * step(a[:, 1], 1.44, 1.38) * step(a[:, 1], 0.95, 1.08)
    part.data["a"] = a + moved[:, None] * np.array([0.0, 0.0, 1.0])


def shirt(suit: Part, rig: Rig, colours: Colours) -> Part:
    """The front of a round-necked shirt, as far as the jacket lets it be seen."""
    part = suit.copy()
    torso = _torso(part["t"])
    part.data["a"] = smooth(part["a"], part.triangles, 24, amount=0.5 * torso)
    _wear(part, 0.006 - 0.006 * step(part["t"][:, 1], 1.44, 1.48))
    for _ in range(4):
        _drape(part, 0.04)
    part = cut(part, neckline(part["t"]))
    part = cut(part, part["t"][:, 1] - 0.955)
    part = cut(part, 0.02 - _jacket_edge(part["t"]) + 0.12 * step(part["t"][:, 1], 1.45, 1.475))
    part = cut(part, 0.15 - np.abs(part["t"][:, 0]))
    band = cut(part, 0.014 - neckline(part["t"]), snap=0.02)
    _wear(band, 0.003 * step(0.014 - neckline(band["t"]), 0.0, 0.003))
    return join(
        [
            _finish(part, rig, colours, "shirt", shine=0.03, thickness=0.0),
            _finish(band, rig, colours, "shirt", shade=0.95, shine=0.03, thickness=0.0),
        ]
    )


def trousers(suit: Part, rig: Rig, colours: Colours) -> Part:
    """Straight trousers with a belt."""
    part = suit.copy()
    t = part["t"]
    leg = step(t[:, 1], 0.9, 0.75)
    part.data["a"] = smooth(part["a"], part.triangles, 12, amount=0.5 * step(t[:, 1], 0.3, 0.5))
    ankle = step(t[:, 1], 0.5, 0.12)
    knee = bump(t[:, 1], 0.5, 0.08)
    crease = np.sin(2 * np.pi * t[:, 1] / 0.05 + 3 * t[:, 0]) * (bump(t[:, 1], 0.47, 0.06) + bump(t[:, 1], 0.13, 0.05))
    hips = 0.25 + 0.75 * np.maximum(
        step(np.abs(t[:, 0]), 0.0, 0.05), step(t[:, 1], 0.88, 0.93)
    )  # little between the legs
    flat = part["n"] * np.where(step(t[:, 1], 0.3, 0.15)[:, None] > 0, [1.0, 0.0, 1.0], 1.0)
    part.data["n"] = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    instep = step(t[:, 1], 0.2, 0.1) * step(t[:, 2], 0.03, 0.08)
    _wear(
        part, 0.007 * hips + 0.004 * leg * hips + (0.014 - 0.02 * instep) * ankle - 0.003 * knee + 0.0015 * crease * leg
    )
    part = cut(part, 0.975 - part["t"][:, 1])
    part = cut(part, part["t"][:, 1] - 0.09)
    belt = cut(part, part["t"][:, 1] - 0.937)
    belt = cut(belt, belt["t"][:, 2] - 0.07)
    hidden = step(part["t"][:, 2], 0.07, 0.03) * 0.06  # under the jacket
    part = cut(part, 0.965 - hidden - part["t"][:, 1])
    part = cut(part, 0.975 - part["t"][:, 1])
    _wear(belt, 0.003)
    return join(
        [
            _finish(part, rig, colours, "trousers", shine=0.03, thickness=0.006),
            _finish(belt, rig, colours, "belt", shine=0.25, thickness=0.004),
        ]
    )


def shoes(suit: Part, rig: Rig, colours: Colours) -> Part:
    """Leather shoes on light rubber soles."""
    part = suit.copy()
    part = cut(part, 0.125 - part["t"][:, 1])
    part.data["a"] = smooth(part["a"], part.triangles, 6)
    _wear(part, 0.007)
    part.data["t"] = t_pose_vertices(rig, part["a"], part["w"])
    low = part["t"][:, 1] < 0.02
    part.data["t"][low, 1] = 0.02
    upper = dye(compact(part), colours, "shoes", shine=0.3)
    soles = []
    for side in (1.0, -1.0):
        own = upper["t"][(upper["t"][:, 0] * side > 0) & (upper["t"][:, 1] < 0.05)][:, [0, 2]]
        outline = own[ConvexHull(own).vertices]
        outline = _resample(np.concatenate([outline, outline[:1]]), 40)
        centre = outline.mean(0)
        outward = outline - centre
        outward /= np.linalg.norm(outward, axis=1, keepdims=True)
        rows = []
        for grow, height in ((-0.004, SOLE + 0.012), (0.003, SOLE + 0.010), (0.004, 0.004), (0.0, 0.0)):
            ring = outline + grow * outward
            lift = 0.012 * step(ring[:, 1], 0.17, 0.26)  # the toe springs up
            rows.append(np.stack([ring[:, 0], height + lift * (height < 0.01), ring[:, 1]], 1))
        rows.append(np.array([[centre[0], 0.0, centre[1]]]))
        points = np.concatenate(rows)
        n = len(outline)
        i = np.arange(n)
        j = (i + 1) % n
        bands = [
            np.concatenate(
                [
                    np.stack([r * n + i, r * n + n + j, r * n + n + i], 1),
                    np.stack([r * n + i, r * n + j, r * n + n + j], 1),
                ]
            )
            for r in range(3)
        ]
        bands.append(np.stack([3 * n + i, 3 * n + j, np.full(n, 4 * n)], 1))
        triangles = np.concatenate(bands)
        face = np.cross(
            points[triangles[:, 1]] - points[triangles[:, 0]], points[triangles[:, 2]] - points[triangles[:, 0]]
        )
        middle = points[triangles].mean(1) - points.mean(0)
        if (face * middle).sum() < 0:
            triangles = triangles[:, ::-1]
        weights = np.zeros((len(points), 55))
        toe = step(points[:, 2], 0.11, 0.18)
        name = "left" if side > 0 else "right"
        weights[:, INDEX[f"{name}_foot"]] = toe
        weights[:, INDEX[f"{name}_ankle"]] = 1 - toe
        sole = Part({"a": points, "t": points, "n": points, "w": weights}, triangles)
        soles.append(dye(sole, colours, "soles", shine=0.1))
    return join([upper, *soles])


def _resample(path: Array, count: int) -> Array:
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    at = np.linspace(0, length[-1], count, endpoint=False)
    return np.stack([np.interp(at, length, path[:, k]) for k in (0, 1)], 1)
