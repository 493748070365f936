"""Accessories that the default person lacks: long hair, a bun, and glasses.

Shapes are decisions of ours, modelled by eye on the default person's head in T-pose, metres [D].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...motion.skeleton import CANONICAL_NAMES
from .appearance import Appearance

HAIR_REGION, FRAME_REGION = 1, 10
_HEAD, _NECK, _CHEST = (CANONICAL_NAMES.index(name) for name in ("head", "neck", "spine3"))
# Cross-sections of falling hair: height, half width, half depth, middle's depth (metres, T-pose).
_FALL = np.array(
    [
        (1.712, 0.079, 0.098, 0.030),
        (1.68, 0.088, 0.106, 0.026),
        (1.63, 0.094, 0.106, 0.018),
        (1.58, 0.095, 0.098, 0.006),
        (1.53, 0.094, 0.086, -0.008),
        (1.48, 0.100, 0.072, -0.030),
        (1.43, 0.112, 0.062, -0.062),
        (1.38, 0.122, 0.050, -0.092),
        (1.33, 0.126, 0.040, -0.108),
        (1.26, 0.120, 0.034, -0.116),
    ]
)
# A strand in front of the shoulder: height, across, forward.
_STRAND = np.array(
    [
        (1.70, 0.084, 0.058),
        (1.65, 0.092, 0.060),
        (1.59, 0.094, 0.062),
        (1.54, 0.090, 0.074),
        (1.49, 0.092, 0.100),
        (1.44, 0.096, 0.134),
        (1.38, 0.094, 0.158),
        (1.32, 0.088, 0.172),
        (1.26, 0.082, 0.178),
    ]
)


@dataclass(frozen=True, eq=False)
class Accessory:
    """A piece of geometry bound to the skeleton, in the default person's T-pose."""

    vertices: np.ndarray  # [N, 3] metres
    triangles: np.ndarray  # [F, 3], counter-clockwise from outside
    joints: np.ndarray  # [N, 4]
    weights: np.ndarray  # [N, 4]
    occlusion: np.ndarray  # [N]
    region: int
    shine: float


def accessories(appearance: Appearance) -> list[Accessory]:
    """The accessories of an appearance."""
    hair, result = appearance.hair, []
    if hair.style == "bob":
        result.append(_fall(max(hair.length, 1.49), hair.volume, 112))
    elif hair.style == "long":
        result.append(_fall(hair.length, hair.volume, 104))
    elif hair.style == "strands":
        result.append(_fall(max(hair.length, 1.40), hair.volume, 100))
        result += [_strand(hair.length, side) for side in (-1, 1)]
    elif hair.style == "bun":
        high = hair.length > 1.37
        result.append(_ball((0.0, 1.795, 0.01) if high else (0.0, 1.69, -0.085), 0.042 * hair.volume))
    if appearance.clothing.glasses:
        result.append(_glasses(appearance.clothing.glasses))
    return result


def _grid(rows: int, columns: int, *, closed: bool = False) -> np.ndarray:
    """Triangles of a grid of vertices, row by row, rows going down and columns to the person's left."""
    i, j = np.mgrid[: rows - 1, : columns if closed else columns - 1]
    a, b = i * columns + j, i * columns + (j + 1) % columns
    c, d = a + columns, b + columns
    return np.stack([np.stack([a, c, b], -1), np.stack([b, c, d], -1)]).reshape(-1, 3)


def _bound(height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joints and weights of hair at a height: head, then neck, then chest."""
    head = np.clip((height - 1.50) / 0.08, 0, 1)
    chest = np.clip((1.50 - height) / 0.10, 0, 1)
    chest = np.minimum(chest, 1 - head)
    weights = np.stack([head, 1 - head - chest, chest, 0 * head], 1)
    return np.tile([_HEAD, _NECK, _CHEST, _HEAD], (len(height), 1)), weights


def _two_sided(vertices: np.ndarray, triangles: np.ndarray, occlusion: np.ndarray, shine: float) -> Accessory:
    """A hair sheet seen from both sides, darker inside."""
    count = len(vertices)
    both = np.concatenate([vertices, vertices])
    joints, weights = _bound(both[:, 1])
    faces = np.concatenate([triangles, triangles[:, ::-1] + count])
    shade = np.concatenate([occlusion, 0.45 * occlusion])
    return Accessory(both, faces, joints, weights, shade, HAIR_REGION, shine)


def _fall(end: float, volume: float, reach: float) -> Accessory:
    """Hair round the back and the sides of the head down to a height, ``reach`` degrees to either side."""
    heights = np.linspace(_FALL[0, 0], end, 15)
    order = _FALL[::-1]
    wide, deep, middle = (np.interp(heights, order[:, 0], order[:, k]) for k in (1, 2, 3))
    angle = np.radians(np.linspace(-reach, reach, 25))
    ripple = 1 + 0.018 * np.sin(angle * 17) + 0.012 * np.sin(angle * 31 + 1)
    x = np.sin(angle) * (wide * volume)[:, None] * ripple
    z = middle[:, None] - np.cos(angle) * (deep * volume)[:, None] * ripple
    y = np.repeat(heights[:, None], len(angle), 1)
    y[-1] += 0.012 * np.sin(angle * 9)
    points = np.stack([x, y, z], -1).reshape(-1, 3)
    occlusion = np.repeat(np.linspace(1.0, 0.75, len(heights)), len(angle))
    return _two_sided(points, _grid(len(heights), len(angle))[:, ::-1], occlusion, 0.3)


def _strand(end: float, side: int) -> Accessory:
    """A lock that falls before the shoulder, a flat tube."""
    heights = np.linspace(_STRAND[0, 0], end, 14)
    order = _STRAND[::-1]
    across, forward = (np.interp(heights, order[:, 0], order[:, k]) for k in (1, 2))
    share = np.linspace(0, 1, len(heights))
    half = 0.024 * np.minimum(1, 0.35 + 2 * share) * np.minimum(1, 0.25 + 3 * (1 - share))
    angle = np.linspace(0, 2 * np.pi, 10, endpoint=False)
    x = side * across[:, None] + np.cos(angle) * half[:, None]
    z = forward[:, None] + np.sin(angle) * 0.011
    y = np.repeat(heights[:, None], len(angle), 1)
    points = np.stack([x, y, z], -1).reshape(-1, 3)
    triangles = _grid(len(heights), len(angle), closed=True)
    joints, weights = _bound(points[:, 1])
    return Accessory(points, triangles[:, ::-1], joints, weights, np.full(len(points), 0.9), HAIR_REGION, 0.3)


def _ball(centre: tuple[float, float, float], radius: float) -> Accessory:
    """A knot of hair."""
    polar = np.linspace(0.02, np.pi - 0.02, 9)
    angle = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    x = np.sin(polar)[:, None] * np.sin(angle)
    y = np.repeat(np.cos(polar)[:, None], len(angle), 1) * 0.85
    z = np.sin(polar)[:, None] * np.cos(angle)
    points = np.array(centre) + radius * np.stack([x, y, z], -1).reshape(-1, 3)
    joints = np.tile([_HEAD, 0, 0, 0], (len(points), 1))
    weights = np.tile([1.0, 0, 0, 0], (len(points), 1))
    return Accessory(points, _grid(9, 14, closed=True), joints, weights, np.full(len(points), 0.95), HAIR_REGION, 0.3)


def _glasses(radius: float) -> Accessory:
    """Two rims, a bridge, and temples to the ears."""
    points: list[np.ndarray] = []
    triangles: list[np.ndarray] = []

    def ribbon(line: np.ndarray, width: np.ndarray) -> None:
        """A strip along a line [N, 3], ``width`` [N, 3] to either side, seen from both sides."""
        start = sum(len(p) for p in points)
        points.append(np.concatenate([line - width, line + width]))
        faces = _grid(2, len(line)) + start
        triangles.extend([faces, faces[:, ::-1]])

    angle = np.linspace(0, 2 * np.pi, 21)
    for side in (-1, 1):
        ring = np.stack([np.cos(angle) * 1.15, np.sin(angle) * 0.92, 0 * angle], 1)
        bend = np.array([side * 0.0315, 1.631, 0.153]) + radius * ring
        bend[:, 2] -= 1.5 * np.maximum(np.abs(bend[:, 0]) - 0.02, 0) ** 2 / 0.06
        ribbon(bend, 0.0013 * ring)
        temple = np.array([(side * (0.0315 + 1.15 * radius), 1.637, 0.138), (side * 0.079, 1.640, 0.05)])
        ribbon(temple, np.tile([0.0, 0.0017, 0.0], (2, 1)))
    bridge = np.stack([np.linspace(-0.011, 0.011, 5), 1.636 + 0 * np.arange(5), 0.155 + 0 * np.arange(5)], 1)
    ribbon(bridge, np.tile([0.0, 0.0013, 0.0], (5, 1)))
    vertices = np.concatenate(points)
    joints = np.tile([_HEAD, 0, 0, 0], (len(vertices), 1))
    weights = np.tile([1.0, 0, 0, 0], (len(vertices), 1))
    return Accessory(vertices, np.concatenate(triangles), joints, weights, np.ones(len(vertices)), FRAME_REGION, 0.3)
