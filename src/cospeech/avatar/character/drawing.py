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
from .textures import WHITE

_SHARPER = 0.5  # levels of a texture that are taken less than its size on the screen asks for
_LINEAR = srgb_to_linear(np.arange(WHITE + 1, dtype=np.float32) / WHITE).astype(np.float32)  # of sampled channels


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
    blend = columns.T @ figure.dense.T  # [12, V]
    rest, facing = np.ascontiguousarray(points.T), figure.normals.T
    posed, normals = blend[9:], np.zeros((3, len(points)), np.float32)
    for axis in range(3):
        column = blend[3 * axis : 3 * axis + 3]
        posed += column * rest[axis]
        normals += column * facing[axis]
    normals /= np.sqrt((normals * normals).sum(0)) + np.float32(1e-12)
    return np.ascontiguousarray(posed.T), np.ascontiguousarray(normals.T)


def draw_figure(studio: Studio, figure: Figure, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """One frame, [H, W, 3] uint8 sRGB; see ``scene.draw``."""
    factor, added = shade(figure, points, normals, studio.camera, STUDIO).terms()
    added = added.mean(1, keepdims=True)  # highlights are white, and rims nearly so
    values = np.concatenate([factor * figure.colours, added, figure.uv], axis=1).astype(np.float32)
    return paint(studio, figure.triangles, points, values, _Textured(figure))


class _Textured:
    """The base colour of a figure, pixel by pixel. Values are light times colour (3), added light (1) and uv (2)."""

    def __init__(self, figure: Figure) -> None:
        self._figure = figure

    def prepare(self, screen: np.ndarray, faces: np.ndarray) -> Solid | None:
        """See ``scene.Surface``; the screen is in samples."""
        figure = self._figure
        if not len(figure.textures):
            return None
        samples = np.abs(_areas(screen, faces))
        ratio = 4 * figure.texels / np.maximum(samples, 1e-3)  # texels a pixel
        level = 0.5 * np.log2(np.maximum(ratio, 1.0)) - _SHARPER
        self._first, self._side = figure.textures.levels(figure.face_layer, level)
        holes = figure.holes
        if not holes.any():
            return None
        plane = plane_coefficients(screen, faces, figure.uv)
        first = screen[faces[:, 0], :2]

        def solid(face: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
            there = np.ones(len(face), bool)
            some = np.flatnonzero(holes[face])
            at = face[some]
            across, down = x[some] - first[at, 0], y[some] - first[at, 1]
            u, v = (plane[at, 0, k] + plane[at, 1, k] * across + plane[at, 2, k] * down for k in (0, 1))
            alpha = figure.textures.sample(self._first[at], self._side[at], u, v)[:, 3]
            there[some] = alpha >= WHITE * figure.cutoff[faces[at, 0]]
            return there

        return solid

    def colour(self, faces: np.ndarray, values: np.ndarray) -> np.ndarray:
        """See ``scene.Surface``."""
        result = values[:3]
        texels = None
        if len(self._figure.textures):
            texels = self._figure.textures.sample(self._first.take(faces), self._side.take(faces), *values[4:6])
        for channel, light in enumerate(result):
            if texels is not None:
                light *= _LINEAR.take(texels[:, channel])
            light += values[3]
            light[:] = tone(light)
            light *= np.float32(255)
        return result


def _areas(places: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """[F] twice the signed areas of triangles of places [V, 2 or more]."""
    x, y = np.ascontiguousarray(places[:, :2].T)
    a, b, c = np.ascontiguousarray(faces.T, np.intp)
    xa, ya = x.take(a), y.take(a)
    area: np.ndarray = (x.take(b) - xa) * (y.take(c) - ya) - (x.take(c) - xa) * (y.take(b) - ya)
    return area


def framed_person(figure: Figure, moved: FigureMotion, motion: Motion) -> Person:
    """Where the figure's canonical joints are, for a camera; ``motion`` is what it does, on the canonical joints."""
    stride = max(1, moved.frames // FRAMED)
    order = [figure.names.index(name) for name in CANONICAL_NAMES]
    turns = global_rotations(motion.rotations[::stride].astype(np.float64), CANONICAL_PARENTS)
    return Person(moved.places[::stride, order], turns, figure.crown)
