"""Frames of a figure by the software rasteriser: posed, lit as our person is, with textures and cut-outs."""

from __future__ import annotations

import numpy as np

from ...motion.kinematics import global_rotations
from ...motion.motion import Motion
from ...motion.skeleton import CANONICAL_NAMES, CANONICAL_PARENTS
from ..camera import FRAMED, Person
from ..light import STUDIO, shade, srgb_to_linear, tone
from ..raster import Solid, plane_coefficients
from ..scene import Studio, paint
from .figure import Figure, FigureMotion

_SHARPER = 0.5  # levels of a texture that are taken less than its size on the screen asks for
_LINEAR = srgb_to_linear(np.linspace(0.0, 1.0, 1021)).astype(np.float32)  # by quarters of a byte


def pose_figure(figure: Figure, moved: FigureMotion, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Points [V, 3] metres and unit normals [V, 3], float32, of a frame."""
    turns, places = moved.turns[frame], moved.places[frame]
    shift = places - np.einsum("jab,jb->ja", turns, figure.rest)
    columns = np.concatenate([turns.transpose(0, 2, 1).reshape(-1, 9), shift], axis=1).astype(np.float32)
    points = figure.vertices
    if moved.weights[frame].any():
        points = points.copy()
        for (index, delta), weight in zip(figure.shapes, moved.weights[frame], strict=True):
            if weight > 0:
                points[index] += (weight * delta).astype(np.float32)
    blend = figure.dense @ columns  # [V, 12]
    posed, normals = blend[:, 9:].copy(), np.zeros_like(points)
    for axis in range(3):
        column = blend[:, 3 * axis : 3 * axis + 3]
        posed += column * points[:, axis, None]
        normals += column * figure.normals[:, axis, None]
    normals /= np.sqrt((normals * normals).sum(1, keepdims=True)) + np.float32(1e-12)
    return posed, normals


def draw_figure(studio: Studio, figure: Figure, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """One frame, [H, W, 3] uint8 sRGB; see ``scene.draw``."""
    factor, added = shade(figure, points, normals, studio.camera, STUDIO).terms()
    values = np.concatenate([factor * figure.colours, added, figure.uv], axis=1).astype(np.float32)
    return paint(studio, figure.triangles, points, values, _Textured(figure))


class _Textured:
    """The base colour of a figure, pixel by pixel. Values are light times colour (3), added light (3) and uv (2)."""

    def __init__(self, figure: Figure) -> None:
        self._figure = figure

    def prepare(self, screen: np.ndarray, faces: np.ndarray) -> Solid | None:
        """See ``scene.Surface``; the screen is in samples."""
        figure = self._figure
        self._layer = figure.layer[faces[:, 0]].astype(np.int32)
        if not len(figure.textures):
            return None
        a, b, c = (figure.uv[faces[:, k]] * figure.textures.size for k in range(3))
        p, q, r = (screen[faces[:, k], :2] for k in range(3))
        texels, samples = np.abs(_cross(b - a, c - a)), np.abs(_cross(q - p, r - p))
        ratio = 4 * texels / np.maximum(samples, 1e-3)  # texels a pixel
        self._level = 0.5 * np.log2(np.maximum(ratio, 1.0)) - _SHARPER
        cutoff = figure.cutoff[faces[:, 0]]
        holes = (cutoff > 0) & (self._layer >= 0)
        if not holes.any():
            return None
        plane = plane_coefficients(screen, faces, figure.uv)
        first = screen[faces[:, 0], :2]

        def solid(face: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
            there = np.ones(len(face), bool)
            some = np.flatnonzero(holes[face])
            at = face[some]
            across, down = x[some] - first[at, 0], y[some] - first[at, 1]
            uv = plane[at, 0] + plane[at, 1] * across[:, None] + plane[at, 2] * down[:, None]
            alpha = figure.textures.sample(self._layer[at], uv, self._level[at])[:, 3]
            there[some] = alpha >= 255 * cutoff[at]
            return there

        return solid

    def colour(self, faces: np.ndarray, values: np.ndarray) -> np.ndarray:
        """See ``scene.Surface``."""
        albedo = values[:, :3]
        layer = self._layer[faces]
        some = np.flatnonzero(layer >= 0)
        if len(some):
            texel = self._figure.textures.sample(layer[some], values[some, 6:8], self._level[faces[some]])
            albedo[some] *= _LINEAR[np.round(texel[:, :3] * 4).astype(np.int32)]
        colour: np.ndarray = tone(albedo + values[:, 3:6]) * np.float32(255)
        return colour


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    area: np.ndarray = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return area


def framed_person(figure: Figure, moved: FigureMotion, motion: Motion) -> Person:
    """Where the figure's canonical joints are, for a camera; ``motion`` is what it does, on the canonical joints."""
    stride = max(1, moved.frames // FRAMED)
    order = [figure.names.index(name) for name in CANONICAL_NAMES]
    turns = global_rotations(motion.rotations[::stride].astype(np.float64), CANONICAL_PARENTS)
    return Person(moved.places[::stride, order], turns, figure.crown)
