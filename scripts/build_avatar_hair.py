"""The hair: a shell over the scalp, shaped in polar coordinates round the head."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from build_avatar_dress import bump, region_of, step
from build_avatar_mesh import Part, keep
from build_avatar_rig import INDEX

Array = np.ndarray

CENTRE = np.array([0.0, 1.668, 0.028])  # metres, of the coordinates
# The hairline by angle (degrees from the front): height above the eyes, metres.
SHORT = (
    *((0, 0.076), (20, 0.076), (34, 0.071), (47, 0.056), (57, 0.034), (65, 0.012), (70, -0.008), (76, -0.014)),
    *((82, 0.004), (90, 0.019), (102, 0.017), (112, -0.002), (122, -0.036), (138, -0.064), (160, -0.074)),
    (180, -0.077),
)
# Where a bob ends, likewise.
BOB = (
    *((0, 0.075), (16, 0.074), (30, 0.069), (41, 0.058), (48, 0.042), (53, 0.010), (57, -0.050), (61, -0.088)),
    *((67, -0.099), (90, -0.100), (120, -0.097), (150, -0.094), (180, -0.093)),
)
Strands = tuple[Array, Array]  # thickness of the hair [A] metres and shade of its colour [A] along one row


def short_hair(face: Part, colour: tuple[float, float, float]) -> Part:
    """A short side-parted cut."""

    def strands(place: Array, angle: Array, s: float) -> Strands:
        _, y, z = place.T
        x = place[:, 0]
        # Volume: full on top and in front, close at the sides and the nape.
        top = step(y, 1.665, 1.735)
        thick = 0.0095 + 0.0125 * top + 0.005 * bump(z, 0.11, 0.05) * top
        parting = bump(x - 0.034, 0.0, 0.006) * step(z, -0.03, 0.02) * top
        thick += 0.005 * step(x, 0.03, -0.04) * top * step(z, 0.0, 0.08) - 0.009 * parting
        # Strands run down at the sides and away from the parting on top.
        strand = np.zeros(len(x))
        for rate, turn, size in ((31.0, 5.0, 0.5), (73.0, -9.0, 0.35), (137.0, 4.0, 0.3)):
            down_phase = rate * angle * 0.57 + turn * s
            over_phase = rate * 5.2 * z + 14 * x + turn
            strand = strand + size * ((1 - top) * np.sin(down_phase) + top * np.sin(over_phase))
        thick += 0.0012 * strand * step(s * np.ones(len(x)), 0.05, 0.3)
        return thick, 0.22 * strand - 0.35 * parting + 0.12 * top

    return _shell(face, np.array(SHORT), strands, colour)


def bob(face: Part, colour: tuple[float, float, float]) -> Part:
    """Hair to the jaw that covers the ears, parted at the side."""

    def strands(place: Array, angle: Array, s: float) -> Strands:
        x, y, z = place.T
        top = step(y, 1.670, 1.735)
        side = step(np.degrees(np.abs(angle)), 42.0, 64.0)
        thick = 0.0100 + 0.0090 * top + 0.0060 * side * (1 - top)
        parting = bump(x - 0.030, 0.0, 0.006) * step(z, -0.04, 0.01) * top
        thick = thick - 0.007 * parting + 0.003 * step(x, 0.03, -0.03) * top * step(z, 0.0, 0.08)
        thick = thick * (1 - 0.35 * (1 - side) * step(np.array(s), 0.45, 0.85))
        strand = np.zeros(len(x))
        for rate, turn, size in ((27.0, 2.0, 0.5), (61.0, -3.0, 0.4), (113.0, 1.0, 0.3)):
            down_phase = rate * angle * 0.57 + turn * s
            over_phase = rate * 5.2 * z + 12 * x + turn
            strand = strand + size * ((1 - top) * np.sin(down_phase) + top * np.sin(over_phase))
        low = step(y, 1.585, 1.555) * side  # turns in at the end
        return thick + 0.0011 * strand - 0.007 * low, 0.20 * strand - 0.35 * parting + 0.10 * top - 0.10 * low

    return _shell(face, np.array(BOB), strands, colour, hanging=True, around=96, down=30)


def _as_part(face: Part, t: Array, triangles: Array, shade: Array, colour: tuple[float, float, float]) -> Part:
    head = keep(face, (face["t"][:, 1] > 1.50) & (np.abs(face["t"][:, 0]) < 0.12))
    weights = np.zeros((len(t), 55))
    weights[:, INDEX["head"]] = 1
    shift = (head["a"] - head["t"])[np.argmax(head["t"][:, 1])]
    data = {
        "a": t + shift,
        "t": t,
        "w": weights,
        "m": np.zeros((len(t), 52, 3)),
        "uv": np.zeros((len(t), 2)),
        "colour": np.clip(np.array(colour) / 255 * np.clip(shade, 0.45, 1.6)[:, None], 0, 1),
        "shine": np.full(len(t), 0.35),
    }
    return region_of(Part(data, triangles), "hair")


def _rings(around: int, count: int) -> Array:
    """Triangles of a pole (vertex 0) and so many rings round it."""
    i = np.arange(around)
    j = (i + 1) % around
    triangles = [np.stack([0 * i, 1 + i, 1 + j], 1)]
    for k in range(count - 1):
        u, v = 1 + k * around, 1 + (k + 1) * around
        triangles += [np.stack([u + i, v + i, v + j], 1), np.stack([u + i, v + j, u + j], 1)]
    return np.concatenate(triangles)


def _shell(
    face: Part,
    table: Array,
    strands: Callable[[Array, Array, float], Strands],
    hue: tuple[float, float, float],
    *,
    around: int = 80,
    down: int = 24,
    hanging: bool = False,
) -> Part:
    """A shell over the scalp, shaped in polar coordinates round the head.

    Args:
        table: [N, 2] the hairline: degrees from the front, metres above the eyes.
        strands: thickness and shade of a row of points [A, 3] at angles [A] from the front (radians, positive to
            the left), whose share of the way from the crown to the hairline is the last argument.
        hue: sRGB, 0 to 255.
        around, down: numbers of points.
        hanging: the hair falls straight from where the head is widest, and is closed from below.
    """
    head = keep(face, (face["t"][:, 1] > 1.50) & (np.abs(face["t"][:, 0]) < 0.12) & (face["inside"] < 0.5))
    angle = np.linspace(-np.pi, np.pi, around, endpoint=False)  # 0 is the front, positive to the left
    line = 1.633 + np.interp(np.degrees(np.abs(angle)), table[:, 0], table[:, 1])
    corners = head["t"][head.triangles]
    # Elevation of the hairline, found where the ray meets the head at that height.
    steps = np.radians(np.linspace(-58, 90, 75))
    radius = np.stack([_radius(corners, CENTRE, angle, np.full(around, e)) for e in steps], 1)
    bare = radius = _without_ears(radius, angle)
    if hanging:
        radius = _falling(radius, angle, steps)
    height = CENTRE[1] + radius * np.sin(steps)
    low = np.array([steps[np.argmax(height[i] > line[i])] for i in range(around)])
    low = np.convolve(np.concatenate([low[-2:], low, low[:2]]), [0.1, 0.2, 0.4, 0.2, 0.1], "valid")
    share = np.linspace(0, 1, down) ** 0.9  # 0 crown, 1 hairline
    points, tone = [], []
    for k, s in enumerate(share):
        elevation = np.pi / 2 + s * (low - np.pi / 2)
        last = k == down - 1
        r = np.array([np.interp(e, steps, (bare if last else radius)[i]) for i, e in enumerate(elevation)])
        direction = np.stack(
            [np.cos(elevation) * np.sin(angle), np.sin(elevation), np.cos(elevation) * np.cos(angle)], 1
        )
        thick, shade = strands(CENTRE + direction * r[:, None], angle, float(s))
        edge = 1 - step(np.full(around, s), 0.72, 1.0)
        thick = thick * (0.22 + 0.78 * edge**0.7)
        if last:
            thick[:] = -0.004
        points.append(CENTRE + direction * (r + thick)[:, None])
        tone.append(1 + shade - 0.12 * (1 - edge))
    t = np.concatenate([[points[0].mean(0)], *points[1:]])
    return _as_part(face, t, _rings(around, down - 1), np.concatenate([[1.0], *tone[1:]]), hue)


def _falling(radius: Array, angle: Array, steps: Array) -> Array:
    """Radii [A, E] of a head whose sides and back go straight down from the elevation of the centre."""
    side = step(np.degrees(np.abs(angle)), 44.0, 58.0)[:, None]
    level = np.array([np.interp(0.0, steps, row) for row in radius])
    level = level + 0.010 * bump(np.degrees(np.abs(angle)), 92.0, 30.0)  # over the ears
    share = step(-steps, -0.45, 0.0)
    fallen = radius + share * (level[:, None] / np.cos(np.minimum(steps, 0.0)) - radius)
    return radius + side * (fallen - radius)


def _radius(corners: Array, centre: Array, angle: Array, elevation: Array) -> Array:
    """Distance from the centre to the outermost triangle along rays (Moeller-Trumbore), [R] metres."""
    direction = np.stack([np.cos(elevation) * np.sin(angle), np.sin(elevation), np.cos(elevation) * np.cos(angle)], 1)
    a = corners[:, 0]
    e1, e2 = corners[:, 1] - a, corners[:, 2] - a
    s = centre - a
    q = np.cross(s, e1)
    result = np.zeros(len(direction))
    for i, d in enumerate(direction):
        p = np.cross(d, e2)
        det = (e1 * p).sum(1)
        inverse = 1 / np.where(np.abs(det) < 1e-14, np.inf, det)
        u, v = (s * p).sum(1) * inverse, (q @ d) * inverse
        far = (e2 * q).sum(1) * inverse
        hit = (u >= -1e-6) & (v >= -1e-6) & (u + v <= 1 + 1e-6) & (far > 0)
        result[i] = far[hit].max() if hit.any() else np.nan
    return result


def _without_ears(radius: Array, angle: Array) -> Array:
    """Replace the ears' bulge by what lies before and behind them; fill holes."""
    count = len(angle)
    degrees = np.abs(np.degrees(angle))
    result = radius.copy()
    for k in range(radius.shape[1]):
        row = radius[:, k]
        good = np.isfinite(row) & ~((degrees > 78) & (degrees < 118) & (row > np.nanmedian(row) * 0.0 + 0.083))
        if good.sum() < 8:
            good = np.isfinite(row)
        if not good.any():
            result[:, k] = result[:, k - 1] if k else 0.09
            continue
        at = np.flatnonzero(good)
        wrapped = np.concatenate([at - count, at, at + count])
        result[:, k] = np.interp(np.arange(count), wrapped, np.tile(row[at], 3))
    return result
