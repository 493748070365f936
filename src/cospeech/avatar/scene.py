"""Draw the person without a graphics card: studio, shadow on the floor, frames."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from .body import Body, vertex_normals
from .camera import Camera
from .light import light_vertices
from .raster import Solid, resolve, visibility

SAMPLES = 2  # per pixel and axis, as raster.resolve has it
WALL_TOP = np.array([0.60, 0.66, 0.73])
WALL_LOW = np.array([0.86, 0.88, 0.90])
FLOOR = np.array([0.80, 0.82, 0.845])

FLOOR_CELL = 0.03  # metres
FLOOR_SIZE = 144


@dataclass(frozen=True)
class Studio:
    """A camera, a picture size, and what in the picture never changes."""

    camera: Camera
    width: int
    height: int

    @cached_property
    def backdrop(self) -> np.ndarray:
        """[H, W, 3] uint8 sRGB: a wall that runs into the floor without an edge."""
        x = (np.arange(self.width) + 0.5) / self.width * 2 - 1
        y = (np.arange(self.height) + 0.5) / self.height
        glow = np.exp(-((x[None, :] / 1.1) ** 2) - ((y[:, None] - 0.45) / 0.55) ** 2)
        tone = 0.25 * y[:, None] + 0.75 * glow
        picture = WALL_TOP + tone[..., None] * (WALL_LOW - WALL_TOP)
        spot = self._floor_points
        near = np.clip(-spot[..., 2] / 6.0 + 0.9, 0, 1)[..., None] * self._on_floor[..., None]
        picture = picture + near * 0.55 * (FLOOR - picture)
        corner = 1 - 0.10 * np.clip(x[None, :] ** 2 + (2 * y[:, None] - 1) ** 2 - 0.6, 0, None)
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, picture.shape)  # no banding in 8 bits
        result: np.ndarray = np.clip(np.round(picture * corner[..., None] * 255 + noise), 0, 255).astype(np.uint8)
        return result

    @cached_property
    def _rays(self) -> np.ndarray:
        camera = self.camera
        scale = camera.height / self.height / camera.distance
        x = (np.arange(self.width) + 0.5 - self.width / 2) * scale
        y = (self.height / 2 - np.arange(self.height) - 0.5) * scale
        local = np.stack(np.broadcast_arrays(x[None, :], y[:, None], -1.0), -1)
        rays: np.ndarray = local @ camera.axes
        return rays

    @cached_property
    def _floor_points(self) -> np.ndarray:
        """[H, W, 3] relative to the target's foot point: where each pixel's ray meets the floor."""
        origin, rays = self.camera.position, self._rays
        down = np.minimum(rays[..., 1], -1e-4)
        point = origin + rays * (-origin[1] / down)[..., None]
        local = (point - np.asarray(self.camera.target)) @ self.camera.axes.T
        return np.stack([local[..., 0], 0 * local[..., 0], local[..., 2]], -1)

    @cached_property
    def _on_floor(self) -> np.ndarray:
        horizon = np.clip(0.5 - self._rays[..., 1] / 0.25, 0, 1)
        return horizon * horizon * (3 - 2 * horizon)

    @cached_property
    def _floor_pixels(self) -> tuple[np.ndarray, np.ndarray]:
        """Flat pixels whose floor lies in the shadow grid, and their cells there (float x, y)."""
        spot = self._floor_points
        cell = spot[..., [0, 2]] / FLOOR_CELL + FLOOR_SIZE / 2
        inside = (self._rays[..., 1] < -1e-3) & (cell > 1).all(-1) & (cell < FLOOR_SIZE - 2).all(-1)
        pixels = np.flatnonzero(inside)
        return pixels, cell.reshape(-1, 2)[pixels].astype(np.float32)

    def _floor_shadow(self, points: np.ndarray) -> np.ndarray | None:
        """[P] share of light left at the floor pixels; None when no floor is in the picture."""
        pixels, cell = self._floor_pixels
        if not len(pixels):
            return None
        local = points - np.asarray(self.camera.target, np.float32)
        axes = self.camera.axes.astype(np.float32)
        x, z = local @ axes[0], local @ axes[2]
        height = np.maximum(points[:, 1], 0)
        total = np.zeros((FLOOR_SIZE, FLOOR_SIZE), np.float32)
        for lean, fall, blur, strength in ((0.0, 0.10, 1, 0.5), (0.5, 0.9, 3, 0.26)):
            u = (x + lean * height * 0.6) / FLOOR_CELL + FLOOR_SIZE / 2
            v = (z - lean * height * 0.8) / FLOOR_CELL + FLOOR_SIZE / 2
            inside = (u > 1) & (u < FLOOR_SIZE - 2) & (v > 1) & (v < FLOOR_SIZE - 2)
            index = v[inside].astype(np.int32) * FLOOR_SIZE + u[inside].astype(np.int32)
            weight = np.exp(-height[inside] / fall)
            grid = np.bincount(index, weight, FLOOR_SIZE * FLOOR_SIZE).reshape(FLOOR_SIZE, FLOOR_SIZE)
            grid = np.minimum(grid, 1.5)
            for _ in range(3):
                grid = _blur(_blur(grid, blur).T, blur).T
            total += strength * (1 - np.exp(-4.0 * grid)).astype(np.float32)
        left = np.clip(1 - total, 0.15, 1)
        i = cell.astype(np.int32)
        f = cell - i
        at = i[:, 1] * FLOOR_SIZE + i[:, 0]
        flat = left.ravel()
        low = flat[at] * (1 - f[:, 0]) + flat[at + 1] * f[:, 0]
        high = flat[at + FLOOR_SIZE] * (1 - f[:, 0]) + flat[at + FLOOR_SIZE + 1] * f[:, 0]
        shadow: np.ndarray = low * (1 - f[:, 1]) + high * f[:, 1]
        return shadow

    def background(self, points: np.ndarray) -> np.ndarray:
        """[H, W, 3] uint8, the caller's own: the backdrop with the body's shadow on the floor."""
        picture = self.backdrop.copy()
        shadow = self._floor_shadow(points)
        if shadow is not None:
            flat, pixels = picture.reshape(-1, 3), self._floor_pixels[0]
            flat[pixels] = (flat[pixels] * shadow[:, None] + 0.5).astype(np.uint8)
        return picture


def _blur(grid: np.ndarray, radius: int) -> np.ndarray:
    """Box blur along the first axis."""
    padded = np.concatenate([np.zeros_like(grid[: radius + 1]), grid, np.zeros_like(grid[:radius])])
    total = np.cumsum(padded, axis=0)
    blurred: np.ndarray = (total[2 * radius + 1 :] - total[: -2 * radius - 1]) / (2 * radius + 1)
    return blurred


def draw(studio: Studio, body: Body, points: np.ndarray) -> np.ndarray:
    """One frame.

    Args:
        studio: camera and picture size.
        body: triangles and colours.
        points: [V, 3] float32 metres, from ``pose_vertices``.

    Returns:
        [H, W, 3] uint8 sRGB.
    """
    normals = vertex_normals(points[None], body.triangles)[0]
    colours = light_vertices(body, points, normals, studio.camera) * np.float32(255)
    return paint(studio, body.triangles, points, colours)


class Surface(Protocol):
    """What the pixels of a mesh look like, where that is more than a blend of its vertices."""

    def prepare(self, screen: np.ndarray, faces: np.ndarray) -> Solid | None:
        """Take a frame's screen points [V, 3] and triangles [F, 3]; what tells holes, if there are any."""

    def colour(self, faces: np.ndarray, values: np.ndarray) -> np.ndarray:
        """[N, 3] sRGB, 0 to 255, of values [N, C]."""


def paint(
    studio: Studio, triangles: np.ndarray, points: np.ndarray, values: np.ndarray, surface: Surface | None = None
) -> np.ndarray:
    """A lit mesh in its studio.

    Args:
        studio: camera and picture size.
        triangles: [F, 3].
        points: [V, 3] float32 metres.
        values: [V, 3] float32 sRGB, 0 to 255, or what ``surface`` makes colours of.
        surface: of textures and holes.

    Returns:
        [H, W, 3] uint8 sRGB.
    """
    screen = studio.camera.project(points, studio.width, studio.height)
    picture = studio.background(points)
    # Only the rectangle round the person is drawn.
    low = np.clip(np.floor(screen[:, :2].min(0)), 0, None).astype(int)
    high = np.minimum(np.ceil(screen[:, :2].max(0)), [studio.width, studio.height]).astype(int)
    width, height = (high - low).tolist()
    if width > 0 and height > 0:
        screen[:, :2] = (screen[:, :2] - low) * SAMPLES
        faces = triangles[:, ::-1]
        solid = None if surface is None else surface.prepare(screen, faces)
        ids = visibility(screen, faces, width * SAMPLES, height * SAMPLES, solid=solid)
        region = picture[low[1] : high[1], low[0] : high[0]].astype(np.float32)
        colour = None if surface is None else surface.colour
        resolve(ids, screen, faces, values, region, colour=colour)
        picture[low[1] : high[1], low[0] : high[0]] = np.clip(region + 0.5, 0, 255).astype(np.uint8)
    return picture
