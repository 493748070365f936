"""Depth of a portrait's head: the default person's head laid over it, and the detected mesh of its face.

The default person's head reaches over hair, ears and the sides of the face, where a mesh of the face ends; beyond its
outline the depth falls to nothing within a neck's width, so that no seam arises: decisions of ours [D].
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...avatar.body import load_body
from ...motion.points import FACE_SLICE
from ...motion.skeleton import canonical_skeleton
from ..warping.arm_mesh import rasterized
from ..warping.head_depth import STEEPEST, HeadDepth
from ..warping.layers import Layers
from ..warping.plate import plate
from ..warping.splines import fit_spline
from .portrait_fit import default_face, pose

# All of these are decisions of ours [D].
CELLS = 48  # of the depth's grid, over the height of a face from brows to chin
HEAD_FROM = -0.1  # metres above the joint of the head, from which its surface counts; below is the neck
STIFF = 0.003  # ridge of the spline that lays the default person's head over a face
MESH_STIFF = 0.003  # ridge of the spline through what a mesh differs from it
FADE = (1.0, 1.25)  # half widths and heights of a mesh, between which it gives way to the default person's head
SOFT = 2  # cells over which depth is smoothed, twice


def head_depth(points: np.ndarray, mesh: np.ndarray | None = None) -> HeadDepth:
    """Depth of a head.

    Args:
        points: [116, 2] pixels of a portrait.
        mesh: [468, 3] pixels, the points of MediaPipe's mesh of its face with depth towards the viewer from anywhere;
            None where there is none.
    """
    face = np.asarray(points, np.float64)[FACE_SLICE]
    head, scale = pose(default_face().neutral, face)
    vertices, triangles = _default_head()
    local = vertices @ head.T * scale
    marks = default_face().neutral @ head.T * scale
    unit = max(float(np.ptp(face[:, 1])), 1.0)
    over = plate(marks[:, :2] * [1, -1], face, unit, STIFF)(local[:, :2] * [1, -1])
    cell, depth = unit / CELLS, local[:, 2]
    margin = 2 * float(depth.max()) / STEEPEST + 4 * SOFT * cell
    corner = over.min(0) - margin
    width, height = np.ceil((over.max(0) + margin - corner) / cell).astype(int)
    order = np.argsort(depth[triangles].mean(1))
    flat = np.zeros(width * height)
    at, values = rasterized((over - corner) / cell, np.stack([depth, depth], -1), triangles[order], (width, height))
    flat[at] = np.maximum(values[:, 0], 0)
    grid = flat.reshape(height, width)
    if mesh is not None:
        _blend_mesh(grid, mesh, corner, cell, unit)
    grid = _smooth(_flattened(grid, STEEPEST * cell))
    return HeadDepth(face, grid[..., None].astype(np.float32), corner, cell)


def in_depth(layers: Layers, mesh: np.ndarray | None = None) -> Layers:
    """The layers of a portrait with the depth of its head, from its points and the mesh of its face if there is one."""
    return replace(layers, head=head_depth(layers.points, mesh))


def _default_head() -> tuple[np.ndarray, np.ndarray]:
    """The default person's head: vertices [V, 3] metres from its joint, and triangles [N, 3] in the order of
    a picture with y down."""
    body, skeleton = load_body(1), canonical_skeleton()
    vertices = np.asarray(body.vertices, np.float64) - skeleton.rest_positions[skeleton.index("head")]
    chosen = body.triangles[(vertices[body.triangles][..., 1] > HEAD_FROM).all(1)]
    used, numbers = np.unique(chosen, return_inverse=True)
    return vertices[used], numbers.reshape(chosen.shape)[:, ::-1]


def _blend_mesh(grid: np.ndarray, mesh: np.ndarray, corner: np.ndarray, cell: float, unit: float) -> None:
    """Bring depths [h, w] to those of a mesh, in place."""
    places = (mesh[:, :2] - corner) / cell
    x, y = np.clip(places.astype(int), 0, np.array(grid.shape[::-1]) - 1).T
    above = mesh[:, 2] - grid[y, x]
    off = float(np.median(above))
    middle, half = (places.min(0) + places.max(0)) / 2, np.maximum(np.ptp(places, axis=0) / 2, 1.0)
    left = np.repeat((above - off)[:, None], 2, 1) / unit
    spline = fit_spline((places - middle) * cell / unit, left, ridge=MESH_STIFF)
    cells = np.moveaxis(np.mgrid[0 : grid.shape[0], 0 : grid.shape[1]][::-1] + 0.5, 0, -1)
    radius = np.linalg.norm((cells - middle) / half, axis=-1)
    share = np.clip((FADE[1] - radius) / (FADE[1] - FADE[0]), 0, 1)
    there = share > 0
    grid[there] += share[there] * spline((cells[there] - middle) * cell / unit)[:, 0] * unit


def _flattened(grid: np.ndarray, slope: float) -> np.ndarray:
    """The least depths [h, w] above given ones that change by at most ``slope`` from cell to cell."""
    result = grid.copy()
    height, width = grid.shape
    for _ in range(int(np.ptp(grid) / slope) + 2):
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
            most = slope * float(np.hypot(down, right))
            one = slice(down, None), slice(max(right, 0), width + min(right, 0))
            other = slice(0, height - down), slice(max(-right, 0), width + min(-right, 0))
            for to, of in ((one, other), (other, one)):
                np.maximum(result[to], result[of] - most, out=result[to])
    return result


def _smooth(grid: np.ndarray) -> np.ndarray:
    """Means over squares of cells, twice; the border is 0."""
    padded = np.pad(grid, 2 * SOFT)
    for axis in (0, 0, 1, 1):
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * SOFT + 1, axis)
        padded = windows.mean(-1)
    return padded
