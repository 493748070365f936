"""Face shapes of our own making, and repairs of the source's: symmetry, brows, lips that meet.

Everything here changes ``Source.vertices`` and ``Source.morphs`` before parts are cut from them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial import cKDTree

from build_avatar_dress import bump, step
from build_avatar_lids import SIDES, find_eyes, open_lids, shape_lids
from build_avatar_mesh import fan, laplacian
from build_avatar_source import Source
from cospeech.avatar.raster import visibility

Array = np.ndarray

MOUTH_SHAPES = ("jaw", "mouth", "cheek", "nose", "tongue")
SMOOTHING = 3  # steps of Laplacian smoothing of the shapes of the lower face
CELL = 0.0002  # metres, one sample of the view in which the slit between the lips is measured
CONTACT = 0.00025  # metres by which lips that touch overlap
OPENING = 0.24  # of jawOpen, what tongueOut opens the mouth by itself
CLOSED = (
    *("mouthShrugUpper", "mouthShrugLower", "mouthStretch", "mouthSmile", "mouthFrown", "mouthDimple", "mouthPress"),
    *("mouthRollLower", "mouthRollUpper", "mouthPucker", "mouthLeft", "mouthRight", "cheekPuff"),
    *("jawForward", "jawLeft", "jawRight"),
)
STRONGER = {"noseSneer": 1.5, "mouthSmile": 0.9, "mouthLowerDown": 0.9}


def mend_face(source: Source, inside: Array, add_folds: Callable[[Source], None]) -> None:
    """All of it, in order.

    Args:
        source: is changed.
        inside: [V] share of a vertex that lines the mouth.
        add_folds: folds the skin in the shapes.
    """
    body = np.unique(np.concatenate([np.ravel(face) for face in source.groups["body"]]))
    middle = np.mean([eye.centre for eye in find_eyes(source, source.vertices)], 0)
    head = body[(source.vertices[body, 1] > middle[1] - 0.22) & (np.abs(source.vertices[body, 0]) < 0.12)]
    triangles = fan(source.groups["body"])
    mask = np.zeros(len(source.vertices), bool)
    mask[head] = True
    triangles = triangles[mask[triangles].all(1)]
    _smooth(source, triangles, middle)
    for name, factor in STRONGER.items():
        for side, _, _ in SIDES:
            source.morphs[f"{name}{side}"] = source.morphs[f"{name}{side}"] * factor
    _tear_trough(source, triangles)
    open_lids(source, body)
    shape_lids(source)
    _round_opening(source, middle, inside)
    follow = _follow_jaw(source)
    _funnel(source, middle, follow)
    _brows(source, middle)
    _press(source, middle, inside)
    _sneer(source, middle, follow)
    add_folds(source)
    helpers = np.setdiff1d(np.arange(len(source.vertices)), body)  # eyes, teeth and tongue have shapes of their own
    for name in source.morphs:
        if name.startswith(("eye", "brow", "cheekSquint", "mouthPress", "mouthFunnel")):
            source.morphs[name][helpers] = 0
    _mirror(source, head)
    # The slit is closed at rest, in shapes that do not open it, and where mouthClose shuts it under a hanging jaw.
    lips = Lips(source, triangles, inside, middle)
    source.vertices = source.vertices + lips.sealing(source.vertices)
    for name in CLOSED:
        _seal(source, lips, name)
    opened = source.vertices + source.morphs["jawOpen"]
    for _ in range(2):
        source.morphs["mouthClose"] = source.morphs["mouthClose"] + lips.sealing(opened + source.morphs["mouthClose"])
    source.morphs["tongueOut"] = source.morphs["tongueOut"] + OPENING * source.morphs["jawOpen"]


def _seal(source: Source, lips: Lips, name: str) -> None:
    """Shut the lips in a shape; one with two sides is shut where both are full, and each side takes its half."""
    names = [own for own in (name, f"{name}Left", f"{name}Right") if own in source.morphs]
    shut = lips.sealing(source.vertices + sum(source.morphs[own] for own in names))
    left = step(source.vertices[:, 0], -0.012, 0.012)
    for own in names:
        share = {"Left": left, "Right": 1 - left}.get(own.removeprefix(name), np.ones(len(left)))
        source.morphs[own] = source.morphs[own] + share[:, None] * shut


def _follow_jaw(source: Source) -> Array:
    """[V] share of the jaw's movement that a vertex takes in jawOpen; its other movements get the same."""
    teeth = np.unique(np.ravel(source.groups["helper-lower-teeth"]))
    v = source.vertices

    def rigid(name: str) -> Array:
        matrix, shift = affine(v[teeth], source.morphs[name][teeth])
        return v @ matrix + shift

    whole, own = rigid("jawOpen"), source.morphs["jawOpen"]
    share = np.clip((own * whole).sum(1) / np.maximum((whole**2).sum(1), 1e-8), 0, 1)
    share[np.linalg.norm(own, axis=1) < 1e-4] = 0
    body = np.unique(np.concatenate([np.ravel(face) for face in source.groups["body"]]))
    for name in ("jawForward", "jawLeft", "jawRight"):
        source.morphs[name][body] = share[body, None] * rigid(name)[body]
    return share


def _above_lips(v: Array, middle: Array) -> Array:
    """[V] metres above the line on which the lips meet, which rises towards the corners."""
    height: Array = v[:, 1] - (middle[1] - 0.0682 + 4.6 * v[:, 0] ** 2)
    return height


def _funnel(source: Source, middle: Array, follow: Array) -> None:
    """mouthFunnel: the corners come in, the lips part in the middle and turn outwards."""
    v = source.vertices
    x = v[:, 0]
    height = _above_lips(v, middle)
    front = step(v[:, 2], middle[2] - 0.010, middle[2] + 0.012)
    ring = bump(height, 0, 0.017) * (1 - step(np.abs(x), 0.022, 0.046)) * front
    red = bump(height, 0, 0.011) * (1 - step(np.abs(x), 0.014, 0.030)) * front
    part = np.clip(1 - (x / 0.023) ** 2, 0, 1) * red
    lower = step(follow, 0.30, 0.55)
    flare = bump(np.abs(height), 0.0065, 0.0040) * (1 - step(np.abs(x), 0.010, 0.026)) * front
    y = part * (0.0042 - lower * 0.0092) + 0.0012 * np.sign(height) * flare
    source.morphs["mouthFunnel"] = np.stack([-0.34 * x * ring, y, 0.0076 * red + 0.0022 * ring + 0.0016 * flare], 1)


def refine_lips(source: Source) -> None:
    """Halve the columns of polygons across the lips, which are 6 mm wide."""
    middle = np.mean([eye.centre for eye in find_eyes(source, source.vertices)], 0)

    def near(v: Array) -> Array:
        line = middle[1] - 0.0685 + 4.6 * v[:, 0] ** 2
        return (np.abs(v[:, 1] - line) < 0.0185) & (v[:, 2] > middle[2] + 0.004) & (np.abs(v[:, 0]) < 0.0262)

    def columns(a: Array, b: Array) -> Array:
        across = np.abs(a - b)
        return near(a) & near(b) & (across[:, 0] > np.maximum(0.0028, across[:, 1]))

    refine(source, columns)


def refine(source: Source, wanted: Callable[[Array, Array], Array]) -> None:
    """Halve edges along smooth curves (four-point rule), and the polygons beside them.

    Args:
        source: whose body is refined.
        wanted: which edges [E], from where they start and where they end, [E, 3] metres.
    """
    v = source.vertices
    polygons = source.groups["body"]
    beside: dict[int, dict[int, set[int]]] = {}
    for number, polygon in enumerate(polygons):
        for a, b in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            beside.setdefault(a, {}).setdefault(b, set()).add(number)
            beside.setdefault(b, {}).setdefault(a, set()).add(number)
    edges = np.array([(a, b) for a, around in beside.items() for b in around if a < b])
    edges = edges[wanted(v[edges[:, 0]], v[edges[:, 1]])]
    split: dict[tuple[int, int], int] = {}
    rows = []
    for a, b in edges.tolist():
        split[a, b] = len(v) + len(rows)
        rows.append((_beyond(beside, b, a), a, b, _beyond(beside, a, b)))
    before, a, b, after = np.array(rows).T

    def insert(values: Array, *, curved: bool) -> Array:
        straight = (values[a] + values[b]) / 2
        bend = (values[a] + values[b] - values[before] - values[after]) / 16 if curved else 0.0
        return np.concatenate([values, straight + bend])

    flat = insert(v, curved=False)
    source.vertices = insert(v, curved=True)
    source.uv = insert(source.uv, curved=False)
    source.morphs = {name: insert(delta, curved=True) for name, delta in source.morphs.items()}
    source.weights = {name: insert(column, curved=False) for name, column in source.weights.items()}
    source.groups["body"] = [part for polygon in polygons for part in _split_polygon(polygon, split, flat)]


def _beyond(beside: dict[int, dict[int, set[int]]], a: int, b: int) -> int:
    """The vertex that continues the edge a-b behind b in a mesh of quads; a itself where none does."""
    own = beside[b][a]
    found = [c for c, faces in beside[b].items() if c != a and not faces & own]
    return found[0] if len(found) == 1 and len(beside[b]) == 4 else a


def _split_polygon(polygon: list[int], split: dict[tuple[int, int], int], points: Array) -> list[list[int]]:
    """A polygon some of whose edges have a new vertex in the middle, as polygons without; points [V, 3]."""
    whole, new = [], []
    for a, b in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        whole.append(a)
        middle = split.get((min(a, b), max(a, b)))
        if middle is not None:
            new.append(len(whole))
            whole.append(middle)
    if not new:
        return [whole]
    if len(new) == 2:
        first, second = new
        halves = [whole[first : second + 1], whole[second:] + whole[: first + 1]]
        if min(_thinnest(half, points) for half in halves) > 1e-3:
            return halves
    return [max((whole[k:] + whole[:k] for k in range(len(whole))), key=lambda turned: _thinnest(turned, points))]


def _thinnest(polygon: list[int], points: Array) -> float:
    """Least area of the triangles between the first corner and the others', of the square of their longest edge."""
    corner = points[polygon]
    u, v = corner[1:-1] - corner[0], corner[2:] - corner[0]
    longest = np.maximum((u * u).sum(1), np.maximum((v * v).sum(1), ((u - v) ** 2).sum(1)))
    return float((np.linalg.norm(np.cross(u, v), axis=1) / longest).min())


def _smooth(source: Source, triangles: Array, middle: Array) -> None:
    """Even out the shapes of the lower face, whose lips came to a point."""
    matrix = laplacian(triangles, len(source.vertices))
    used = np.unique(triangles)
    low = 1 - step(source.vertices[:, 1], middle[1] - 0.030, middle[1] - 0.018)
    amount = np.zeros(len(source.vertices))
    amount[used] = 0.5 * low[used]
    for name, delta in source.morphs.items():
        if name.startswith(MOUTH_SHAPES):
            for _ in range(SMOOTHING):
                delta = delta + amount[:, None] * (matrix @ delta - delta)
            source.morphs[name] = delta


def _tear_trough(source: Source, triangles: Array) -> None:
    """Even out a dent of the source below the inner corners of the eyes."""
    matrix = laplacian(triangles, len(source.vertices))
    used = np.zeros(len(source.vertices))
    used[np.unique(triangles)] = 1
    for eye in find_eyes(source, source.vertices):
        clearance, azimuth, elevation = eye.polar(source.vertices)
        amount = bump(azimuth, -60, 14) * bump(elevation, -24, 24) * step(clearance, 0.0016, 0.0030) * (azimuth < -46)
        amount = 0.6 * amount * (1 - step(clearance, 0.012, 0.018)) * used
        for _ in range(14):
            source.vertices = source.vertices + amount[:, None] * (matrix @ source.vertices - source.vertices)


def _round_opening(source: Source, middle: Array, inside: Array) -> None:
    """jawOpen draws the lower lip down in a round curve, where the source's comes to a point."""
    v, delta = source.vertices, source.morphs["jawOpen"]
    reach = np.abs(v[:, 0])
    line = middle[1] - 0.0685 + 4.6 * v[:, 0] ** 2
    below = line - v[:, 1]
    front = step(v[:, 2], middle[2] - 0.004, middle[2] + 0.012) * (reach < 0.030)
    lip = (front > 0.5) & (inside < 0.5) & (below > 0.0005) & (below < 0.009)
    even = np.stack([reach[lip] ** k for k in (0, 2, 4)], 1)
    have = np.linalg.lstsq(even, -delta[lip, 1], rcond=None)[0]
    u = np.clip(reach / 0.026, 0, 1)
    drop = np.stack([(0.026 * u) ** k for k in (0, 2, 4)], 1) @ have
    end = float(drop[u >= 1].min())
    wanted = end + (have[0] - end) * (1 - u**2.4)
    factor = np.clip(wanted / drop, 1.0, 1.3)
    share = front * step(below, -0.002, 0.001) * (1 - step(below, 0.012, 0.030))
    for name in ("jawOpen", "mouthClose"):
        source.morphs[name] = source.morphs[name] * (1 + share * (factor - 1))[:, None]


def _mirror(source: Source, head: Array) -> None:
    """Make the head's shapes symmetric: the right side's are the left's in the mirror."""
    points = source.vertices[head]
    _, partner = cKDTree(points).query(points * [-1, 1, 1])
    swap = {"Left": "Right", "Right": "Left"}
    old = source.morphs
    new = {}
    for name, delta in old.items():
        end = next((side for side in swap if name.endswith(side)), "")
        other = old[name.removesuffix(end) + swap[end]] if end else delta
        delta = delta.copy()
        delta[head] = (delta[head] + other[head][partner] * [-1, 1, 1]) / 2
        new[name] = delta
    source.morphs = new


def _brows(source: Source, middle: Array) -> None:
    """browDown, browInnerUp and browOuterUp: the forehead slides over the bone."""
    v = source.vertices
    height = v[:, 1] - middle[1]
    front = step(v[:, 2], middle[2] - 0.035, middle[2])
    # Between the eyes the skin gives way further down than over the lids.
    rows = (
        step(height, -0.008 + 0.014 * step(np.abs(v[:, 0]), 0.009, 0.020), 0.020)
        * (1 - step(height, 0.024, 0.066))
        * front
    )
    for side, _, sign in SIDES:
        x = sign * v[:, 0]
        own = step(x, -0.006, 0.007)
        inner = own * (1 - step(x, 0.012, 0.046))
        outer = step(x, 0.004, 0.038) * (1 - step(x, 0.060, 0.078))
        down = rows * (inner + 0.35 * outer)
        bulge = rows * bump(x, 0.010, 0.009) * bump(height, 0.019, 0.009)
        source.morphs[f"browDown{side}"] = np.stack(
            [-sign * 0.0026 * rows * inner * step(x, 0.002, 0.012), -0.0062 * down, 0.0010 * bulge], 1
        )
        source.morphs[f"browOuterUp{side}"] = np.stack([0 * x, 0.0058 * rows * outer, 0 * x], 1)
    x = np.abs(v[:, 0])
    lift = rows * (1 - step(x, 0.018, 0.046))
    source.morphs["browInnerUp"] = np.stack(
        [-0.0006 * np.sign(v[:, 0]) * lift * step(x, 0, 0.01), 0.0068 * lift, 0 * x], 1
    )


def _sneer(source: Source, middle: Array, follow: Array) -> None:
    """noseSneer and mouthUpperUp draw the upper lip further up beside the middle."""
    v = source.vertices
    height = _above_lips(v, middle)
    front = step(v[:, 2], middle[2] - 0.004, middle[2] + 0.012)
    upper = bump(height, 0.003, 0.012) * (1 - step(follow, 0.10, 0.35)) * front
    for side, _, sign in SIDES:
        lift = upper * bump(sign * v[:, 0], 0.0105, 0.0125)
        for name, amount in (("noseSneer", 0.0019), ("mouthUpperUp", 0.0012)):
            delta = np.stack([0 * lift, amount * lift, 0.0008 * lift], 1)
            source.morphs[f"{name}{side}"] = source.morphs[f"{name}{side}"] + delta


def _press(source: Source, middle: Array, inside: Array) -> None:
    """mouthPress: the red of both lips is pressed flat and in, the corners tighten."""
    v = source.vertices
    x = v[:, 0]
    height = _above_lips(v, middle)
    front = step(v[:, 2], middle[2] - 0.004, middle[2] + 0.012)
    red = bump(height, 0, 0.0095) * (1 - step(np.abs(x), 0.020, 0.032)) * front
    thin = bump(height, 0, 0.0145) * (1 - step(np.abs(x), 0.020, 0.034)) * front
    skin = bump(np.abs(height), 0.014, 0.006) * (1 - step(np.abs(x), 0.016, 0.034)) * front
    for side, _, sign in SIDES:
        own = step(sign * x, -0.012, 0.012)
        y = -0.68 * height * thin * (1 - inside)
        z = -0.0040 * red + 0.0016 * skin
        source.morphs[f"mouthPress{side}"] = own[:, None] * np.stack([0 * x, y, z], 1)


class Lips:
    """The slit between the lips as seen from the front, and the movement that shuts it."""

    def __init__(self, source: Source, triangles: Array, inside: Array, middle: Array) -> None:
        self.corner = np.array([-0.030, middle[1] - 0.105])  # of the view
        self.size = (round(0.060 / CELL), round(0.060 / CELL))
        near = (source.vertices[:, 2] > middle[2] - 0.06)[triangles].all(1)
        self.triangles = triangles[near]
        self.inside = inside[self.triangles].mean(1) > 0.5
        self.depth = middle[2]

    def slit(self, points: Array) -> tuple[Array, Array]:
        """Height of the gap in every column of the view, and its middle, metres (NaN where it is shut)."""
        width, height = self.size
        screen = np.empty_like(points)
        screen[:, 0] = (points[:, 0] - self.corner[0]) / CELL
        screen[:, 1] = height - (points[:, 1] - self.corner[1]) / CELL
        screen[:, 2] = -points[:, 2]
        ids = visibility(screen, self.triangles[:, ::-1], width, height)
        hole = (ids < 0) | self.inside[ids]
        gap = hole.sum(0) * CELL
        rows = self.corner[1] + (height - np.arange(height) - 0.5) * CELL
        with np.errstate(invalid="ignore", divide="ignore"):
            centre = (hole * rows[:, None]).sum(0) / hole.sum(0)
        return gap, centre

    def sealing(self, points: Array) -> Array:
        """[V, 3] metres that shut the lips of a posed face."""
        total = np.zeros_like(points)
        columns = self.corner[0] + (np.arange(self.size[0]) + 0.5) * CELL
        for _ in range(6):
            now = points + total
            gap, centre = self.slit(now)
            open_ = np.flatnonzero(gap > 0)
            if not len(open_):
                break
            kernel = np.hanning(13) / np.hanning(13).sum()
            wide = np.where(gap > 0, gap + CONTACT, 0)
            wide = np.maximum(np.convolve(wide, kernel, "same"), wide)
            x = now[:, 0]
            amount = np.interp(x, columns, wide, left=0, right=0)
            height = now[:, 1] - np.interp(x, columns[open_], centre[open_])
            reach = bump(height, 0, 0.006) * step(now[:, 2], self.depth - 0.01, self.depth + 0.012)
            total[:, 1] -= 0.5 * np.sign(height) * amount * reach
        return total


def affine(points: Array, delta: Array) -> tuple[Array, Array]:
    """Least squares of ``delta = points @ matrix + shift``: the rigid movement of a jaw, made linear."""
    solution, *_ = np.linalg.lstsq(np.c_[points, np.ones(len(points))], delta, rcond=None)
    return solution[:3], solution[3]
