"""Teeth, gums and tongue. The upper teeth stay with the skull, lower teeth and tongue follow the jaw."""

from __future__ import annotations

import numpy as np

from build_avatar_dress import step
from build_avatar_mesh import Part, join
from build_avatar_rig import INDEX
from build_avatar_shapes import OPENING, affine
from build_avatar_source import SHAPES, Source

Array = np.ndarray

IVORY = np.array([236, 228, 212]) / 255
ROOT = np.array([218, 196, 168]) / 255
GROOVE = np.array([150, 118, 100]) / 255
GUM = np.array([196, 108, 108]) / 255
BACK = np.array([120, 92, 82]) / 255
TONGUE = np.array([202, 108, 110]) / 255
THROAT = np.array([96, 36, 40]) / 255

# Millimetres, from the middle to the back: width, how far the edge lies above (upper) or below (lower) the
# middle tooth's, and length of the crown.
UPPER = ((8.4, 0.0, 9.6), (6.6, 0.7, 8.4), (7.4, 0.1, 9.2), (6.8, 0.9, 7.8), (6.6, 1.3, 7.2), (9.5, 1.6, 6.6))
LOWER = ((5.3, 0.0, 8.2), (5.8, 0.2, 8.4), (6.7, -0.2, 9.2), (6.9, 0.5, 8.0), (7.0, 1.0, 7.4), (10.0, 1.4, 6.8))
JAW_SHAPES = ("jawOpen", "jawForward", "jawLeft", "jawRight")


def teeth_and_tongue(source: Source, eye_height: float, *, detail: int) -> Part:
    """All that is behind the lips, in T-pose coordinates.

    Args:
        source: for the way its lower teeth go.
        eye_height: metres, of the eyes' centres in T-pose.
        detail: 0 fine, 1 light.
    """
    lift = eye_height - _eye_height(source)
    ids = np.unique(np.ravel(source.groups["helper-lower-teeth"]))
    own = source.vertices[ids] + [0, lift, 0]
    moves = {name: affine(own, source.morphs[name][ids]) for name in JAW_SHAPES}
    upper = _arch(UPPER, np.array([0.0, eye_height - 0.0718, 0.1030]), (0.0265, 0.0395), 1.0, detail)
    lower = _arch(LOWER, np.array([0.0, eye_height - 0.07185, 0.1020]), (0.0245, 0.0362), -1.0, detail)
    for part in (upper, lower):
        part.data["m"] = np.zeros((len(part), 52, 3))
    _with_jaw(lower, moves)
    tongue = _tongue(eye_height, moves, detail)
    out = SHAPES.index("tongueOut")
    lower["m"][:, out] = OPENING * lower["m"][:, SHAPES.index("jawOpen")]
    for part, joint in ((upper, "head"), (lower, "jaw"), (tongue, "jaw")):
        weights = np.zeros((len(part), 55))
        weights[:, INDEX[joint]] = 1
        part.data |= {"w": weights, "a": part["t"] - [0, lift, 0], "uv": np.zeros((len(part), 2))}
    return join([upper, lower, tongue])


def _eye_height(source: Source) -> float:
    ball = source.vertices[np.unique(np.ravel(source.groups["helper-l-eye"]))]
    return float((ball[:, 1].min() + ball[:, 1].max()) / 2)


def _with_jaw(part: Part, moves: dict[str, tuple[Array, Array]]) -> None:
    for name, (matrix, shift) in moves.items():
        part["m"][:, SHAPES.index(name)] = part["t"] @ matrix + shift


def _arch(
    teeth: tuple[tuple[float, float, float], ...], edge: Array, radii: tuple[float, float], up: float, detail: int
) -> Part:
    """One row of teeth on an elliptic arch with its gum.

    Args:
        teeth: width, set-back of the edge, length in millimetres.
        edge: [3] metres: height of the middle teeth's edge, depth of the arch's centre.
        radii: metres, half width and depth of the arch.
        up: 1 where the roots are above, -1 below.
        detail: 0 fine, 1 light.
    """
    marks = (0.0, 0.22, 0.78) if detail == 0 else (0.0, 0.5)
    along, groove, back, crown = [], [], [], []
    at = 0.0
    for width, set_back, length in teeth:
        for mark in marks:
            along.append(at + mark * width)
            groove.append(mark == 0.0)
            back.append(set_back)
            crown.append(length)
        at += width
    along.append(at)
    groove.append(True), back.append(teeth[-1][1]), crown.append(teeth[-1][2])
    mirror = [np.concatenate([-np.array(along[:0:-1]), along])]
    mirror += [np.concatenate([np.array(values[:0:-1]), values]) for values in (groove, back, crown)]
    s, groove_, back_, crown_ = mirror
    angle = _arc_angle(s / 1000, radii)
    x, z = radii[0] * np.sin(angle), edge[2] + radii[1] * np.cos(angle)
    normal = np.stack([np.sin(angle) / radii[0], 0 * angle, np.cos(angle) / radii[1]], 1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    in_groove = groove_.astype(float)
    # Rows from the gum over the face of the teeth and round their edge: height from the edge, how far out, colour.
    shape = [
        (crown_ + 6.5, 0.6, GUM * 0.85),
        (crown_ + 1.4, 0.9, GUM),
        (crown_ - 1.4 * in_groove, 0.2 - 0.3 * in_groove, ROOT),
        (0.45 * crown_, 0.8 - 1.0 * in_groove, IVORY),
        (0.5 + 0.3 * in_groove, 0.0 - 0.7 * in_groove, IVORY * [0.97, 0.98, 1.0]),
        (0.0 + 0.35 * in_groove, -1.2, IVORY * 0.9),
        (0.5 * crown_, -3.6, BACK),
    ]
    points, colours = [], []
    for height, out, colour in shape:
        place = np.stack([x, edge[1] + up * (height + back_) / 1000, z], 1)
        points.append(place + normal * np.broadcast_to(out, len(x))[:, None] / 1000)
        tooth = np.tile(colour, (len(x), 1))
        if colour is not shape[0][2] and colour is not shape[1][2]:
            tooth = tooth + 0.55 * in_groove[:, None] * (GROOVE - tooth)
        # Darker towards the corners of the mouth.
        colours.append(tooth * (1 - 0.45 * step(np.abs(x), 0.010, 0.026))[:, None])
    n, rows = len(x), len(shape)
    i = np.arange(n - 1)
    triangles = []
    for r in range(rows - 1):
        a, b, c, d = r * n + i, r * n + i + 1, (r + 1) * n + i, (r + 1) * n + i + 1
        triangles += [np.stack([a, c, d], 1), np.stack([a, d, b], 1)]
    faces = np.concatenate(triangles)
    data = {"t": np.concatenate(points), "colour": np.clip(np.concatenate(colours), 0, 1)}
    data["shine"] = np.repeat([0.3, 0.35, 0.6, 0.7, 0.6, 0.3, 0.0], n)
    return Part(data | {"a": data["t"]}, faces if up > 0 else faces[:, ::-1])


def _arc_angle(length: Array, radii: tuple[float, float]) -> Array:
    """Angle on an ellipse (0 in front) at a signed arc length from the front."""
    angle = np.linspace(0, 1.75, 400)
    speed = np.hypot(radii[0] * np.cos(angle), radii[1] * np.sin(angle))
    path = np.concatenate([[0], np.cumsum((speed[1:] + speed[:-1]) / 2 * np.diff(angle))])
    return np.sign(length) * np.interp(np.abs(length), path, angle)


def _tongue(eye_height: float, moves: dict[str, tuple[Array, Array]], detail: int) -> Part:
    """The tongue as rings along a line from the throat to the tip."""
    stations, around = (10, 12) if detail == 0 else (7, 8)
    s = 1 - (1 - np.linspace(0, 1, stations)) ** 1.7  # closer towards the tip
    rest = _line(s, eye_height, ((0.074, -0.082), (0.094, -0.0748), (0.116, -0.0732), (0.1345, -0.0742)))
    out = _line(s, eye_height, ((0.080, -0.084), (0.112, -0.0755), (0.148, -0.0765), (0.167, -0.0870)))
    points = _tube(s, rest, around)
    # tongueOut opens the mouth too; the jaw's share is part of where the tongue ends.
    part = Part({"t": points, "a": points, "m": np.zeros((len(points), 52, 3))}, _tube_faces(stations, around))
    _with_jaw(part, moves)
    part["m"][:, SHAPES.index("tongueOut")] = _tube(s, out, around, flat=0.75, narrow=0.76) - points
    share = np.repeat(np.concatenate([s, [1.0]]), [around] * stations + [1])
    part.data["colour"] = THROAT + step(share, 0.1, 0.75)[:, None] * (TONGUE - THROAT)
    ring = np.tile(np.cos(np.linspace(0, 2 * np.pi, around, endpoint=False)), stations)
    furrow = np.concatenate([np.clip(ring, 0, 1) ** 8, [0.0]])
    part.data["colour"] = part["colour"] * (1 - 0.14 * furrow)[:, None]
    part.data["shine"] = np.full(len(points), 0.4)
    return part


def _line(s: Array, eye_height: float, knots: tuple[tuple[float, float], ...]) -> Array:
    """[N, 2] depth and height of the middle of the tongue, a Catmull-Rom-like smooth curve through knots."""
    at = np.linspace(0, 1, len(knots))
    z, y = np.array(knots).T
    curve = [np.polyval(np.polyfit(at, values, 3), s) for values in (z, y + eye_height)]
    return np.stack(curve, 1)


def _tube(s: Array, line: Array, around: int, *, flat: float = 1.0, narrow: float = 1.0) -> Array:
    """Rings round a line, [N * around + 1, 3]: broad, flat on top with a furrow, closed by the tip."""
    half = 0.0212 * np.sqrt(np.clip(1.06 - s**2.8, 0, 1)) * (0.92 + 0.08 * np.sin(np.pi * s)) * narrow
    thick = 0.0085 * np.sqrt(np.clip(1.06 - s**1.6, 0, 1)) * flat
    turn = np.linspace(0, 2 * np.pi, around, endpoint=False)
    slope = np.gradient(line, s, axis=0)
    slope /= np.linalg.norm(slope, axis=1, keepdims=True)
    up = np.stack([-slope[:, 1], slope[:, 0]], 1)  # (z, y) turned by a right angle: away from the floor
    x = half[:, None] * np.sin(turn)
    top = np.cos(turn)
    profile = np.where(top > 0, np.sqrt(np.abs(top)) * (1 - 0.22 * np.clip(top, 0, 1) ** 8), -0.8 * np.abs(top))
    rise = thick[:, None] * profile
    z = line[:, :1] + up[:, :1] * rise
    y = line[:, 1:] + up[:, 1:] * rise
    rings = np.stack([x, y, z], -1).reshape(-1, 3)
    tip = np.array([[0.0, line[-1, 1] + slope[-1, 1] * 0.0010, line[-1, 0] + slope[-1, 0] * 0.0010]])
    return np.concatenate([rings, tip])


def _tube_faces(stations: int, around: int) -> Array:
    i = np.arange(around)
    j = (i + 1) % around
    triangles = []
    for k in range(stations - 1):
        u, v = k * around, (k + 1) * around
        triangles += [np.stack([u + i, v + i, v + j], 1), np.stack([u + i, v + j, u + j], 1)]
    last = (stations - 1) * around
    triangles.append(np.stack([last + i, np.full(around, last + around), last + j], 1))
    return np.concatenate(triangles)
