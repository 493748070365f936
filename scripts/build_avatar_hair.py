"""The hair: a shell over the scalp, shaped in polar coordinates round the head."""

from __future__ import annotations

import numpy as np

from build_avatar_dress import bump, step
from build_avatar_mesh import Part, keep
from build_avatar_rig import INDEX

Array = np.ndarray

HAIR = np.array([66, 45, 34]) / 255


def hair(face: Part, *, around: int = 80, down: int = 24) -> Part:
    """A short side-parted cut: a shell over the scalp, shaped in polar coordinates round the head."""
    head = keep(face, (face["t"][:, 1] > 1.50) & (np.abs(face["t"][:, 0]) < 0.12) & (face["colour"][:, 1] > 0.3))
    centre = np.array([0.0, 1.668, 0.028])
    angle = np.linspace(-np.pi, np.pi, around, endpoint=False)  # 0 is the front, positive to the left
    # The hairline by angle (degrees from the front): height above the eyes, metres.
    table = np.array(
        [
            (0, 0.076),
            (20, 0.076),
            (34, 0.071),
            (47, 0.056),
            (57, 0.034),
            (65, 0.012),
            (70, -0.008),
            (76, -0.014),
            (82, 0.004),
            (90, 0.019),
            (102, 0.017),
            (112, -0.002),
            (122, -0.036),
            (138, -0.064),
            (160, -0.074),
            (180, -0.077),
        ]
    )
    line = 1.633 + np.interp(np.degrees(np.abs(angle)), table[:, 0], table[:, 1])
    corners = head["t"][head.triangles]
    # Elevation of the hairline, found where the ray meets the head at that height.
    steps = np.radians(np.linspace(-58, 90, 75))
    radius = np.stack([_radius(corners, centre, angle, np.full(around, e)) for e in steps], 1)
    radius = _without_ears(radius, angle)
    height = centre[1] + radius * np.sin(steps)
    low = np.array([steps[np.argmax(height[i] > line[i])] for i in range(around)])
    low = np.convolve(np.concatenate([low[-2:], low, low[:2]]), [0.1, 0.2, 0.4, 0.2, 0.1], "valid")
    share = np.linspace(0, 1, down) ** 0.9  # 0 crown, 1 hairline
    points, tone = [], []
    degrees = np.degrees(angle)
    for k, s in enumerate(share):
        elevation = np.pi / 2 + s * (low - np.pi / 2)
        r = np.array([np.interp(e, steps, radius[i]) for i, e in enumerate(elevation)])
        direction = np.stack(
            [np.cos(elevation) * np.sin(angle), np.sin(elevation), np.cos(elevation) * np.cos(angle)], 1
        )
        place = centre + direction * r[:, None]
        x, y, z = place.T
        # Volume: full on top and in front, close at the sides and the nape.
        top = step(y, 1.665, 1.735)
        thick = 0.0095 + 0.0125 * top + 0.005 * bump(z, 0.11, 0.05) * top
        parting = bump(x - 0.034, 0.0, 0.006) * step(z, -0.03, 0.02) * top
        thick += 0.005 * step(x, 0.03, -0.04) * top * step(z, 0.0, 0.08) - 0.009 * parting
        # Strands run down at the sides and away from the parting on top.
        strand = 0.0
        for rate, turn, size in ((31.0, 5.0, 0.5), (73.0, -9.0, 0.35), (137.0, 4.0, 0.3)):
            down_phase = rate * np.radians(degrees) * 0.57 + turn * s
            over_phase = rate * 5.2 * z + 14 * x + turn
            strand = strand + size * ((1 - top) * np.sin(down_phase) + top * np.sin(over_phase))
        thick += 0.0012 * strand * step(s * np.ones(around), 0.05, 0.3)
        edge = 1 - step(np.full(around, s), 0.72, 1.0)
        thick *= 0.22 + 0.78 * edge**0.7
        if k == down - 1:
            thick[:] = -0.004
        points.append(centre + direction * (r + thick)[:, None])
        shade = 1 + 0.22 * strand - 0.35 * parting - 0.12 * (1 - edge) + 0.12 * top
        tone.append(HAIR * np.clip(shade, 0.45, 1.6)[:, None])
    crown = points[0].mean(0)
    t = np.concatenate([[crown], *points[1:]])
    colour = np.concatenate([[HAIR], *tone[1:]])
    i = np.arange(around)
    j = (i + 1) % around
    triangles = [np.stack([0 * i, 1 + i, 1 + j], 1)]
    for k in range(down - 2):
        u, v = 1 + k * around, 1 + (k + 1) * around
        triangles += [np.stack([u + i, v + i, v + j], 1), np.stack([u + i, v + j, u + j], 1)]
    weights = np.zeros((len(t), 55))
    weights[:, INDEX["head"]] = 1
    shift = (head["a"] - head["t"])[np.argmax(head["t"][:, 1])]
    data = {
        "a": t + shift,
        "t": t,
        "w": weights,
        "m": np.zeros((len(t), 52, 3)),
        "uv": np.zeros((len(t), 2)),
        "colour": np.clip(colour, 0, 1),
        "shine": np.full(len(t), 0.35),
    }
    return Part(data, np.concatenate(triangles))


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
