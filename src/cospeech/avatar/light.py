"""Light: the colour of every vertex under a studio key, fill and rim, with cast and contact shadows."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

import numpy as np

from .body import Body
from .camera import Camera
from .raster import plane_coefficients, visibility


class Lit(Protocol):
    """A mesh that light falls on; its fields are as ``Body`` has them."""

    @property
    def triangles(self) -> np.ndarray:
        """[F, 3]."""

    @property
    def occlusion(self) -> np.ndarray:
        """[V]."""

    @property
    def shine(self) -> np.ndarray:
        """[V]."""

    @property
    def softness(self) -> np.ndarray:
        """[V]."""


@dataclass(frozen=True, eq=False)
class Light:
    """A studio: directions to the lights as (right, up, towards the viewer), and their linear colours."""

    key: np.ndarray = field(default_factory=lambda: np.array([-0.55, 0.62, 0.66]))
    key_colour: np.ndarray = field(default_factory=lambda: np.array([1.62, 1.52, 1.40]))
    fill: np.ndarray = field(default_factory=lambda: np.array([0.85, 0.10, 0.52]))
    fill_colour: np.ndarray = field(default_factory=lambda: np.array([0.30, 0.34, 0.40]))
    rims: np.ndarray = field(default_factory=lambda: np.array([[0.75, 0.45, -0.62], [-0.80, 0.30, -0.60]]))
    rim_colours: np.ndarray = field(default_factory=lambda: np.array([[0.85, 0.92, 1.05], [0.45, 0.44, 0.42]]))
    sky: np.ndarray = field(default_factory=lambda: np.array([0.56, 0.60, 0.66]))
    ground: np.ndarray = field(default_factory=lambda: np.array([0.30, 0.27, 0.25]))
    shadow: float = 0.82  # share of the key light that is lost in a cast shadow


STUDIO = Light()
EXPOSURE = np.float32(0.72)
TONE_STEPS, BRIGHTEST = 4096, 8  # of the table of tones: steps up to 1, and the light where it ends

SHADOW_CELL = 0.0125  # metres
SHADOW_SIZE = 176


def srgb_to_linear(colour: np.ndarray) -> np.ndarray:
    """[...] 0 to 1."""
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(colour: np.ndarray) -> np.ndarray:
    """[...] linear, clipped to 0 to 1 -> [...] sRGB."""
    table = _encode_table()
    encoded: np.ndarray = table[np.clip(colour * 4095, 0, 4095).astype(np.int32)]
    return encoded


@lru_cache(maxsize=1)
def _encode_table() -> np.ndarray:
    x = np.linspace(0, 1, 4096)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055).astype(np.float32)


@lru_cache(maxsize=4)
def _albedo(body: Body) -> np.ndarray:
    return srgb_to_linear(body.colours.astype(np.float64)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Shading:
    """What light does to each vertex; ``colour`` joins it with what the vertex is made of."""

    diffuse: np.ndarray  # [V, 3] float32, light that the surface scatters
    gloss: np.ndarray  # [V] float32, highlights, white
    rims: tuple[np.ndarray, ...]  # [V] float32, each rim light's share
    light: Light

    def colour(self, albedo: np.ndarray) -> np.ndarray:
        """Linear [V, 3] albedo -> [V, 3] float32 sRGB, 0 to 1."""
        colour = albedo * self.diffuse * EXPOSURE
        colour += self.gloss[:, None]
        for amount, strength in zip(self.rims, self.light.rim_colours, strict=True):
            colour += amount[:, None] * (strength.astype(np.float32) * (0.03 + 0.55 * albedo))
        return tone(colour)

    def terms(self) -> tuple[np.ndarray, np.ndarray]:
        """(factor, added), [V, 3] each, so that ``colour`` is ``tone(factor * albedo + added)``."""
        factor, added = self.diffuse * EXPOSURE, np.repeat(self.gloss[:, None], 3, 1)
        for amount, strength in zip(self.rims, self.light.rim_colours, strict=True):
            share = amount[:, None] * strength.astype(np.float32)
            factor = factor + np.float32(0.55) * share
            added = added + np.float32(0.03) * share
        return factor, added


def light_vertices(
    body: Body, points: np.ndarray, normals: np.ndarray, camera: Camera, light: Light = STUDIO
) -> np.ndarray:
    """Lit colours of a posed mesh.

    Args:
        body: colours, shine and occlusion.
        points: [V, 3] metres.
        normals: [V, 3] unit.
        camera: the lights turn with it.
        light: the studio's, if no other.

    Returns:
        [V, 3] float32 sRGB, 0 to 1.
    """
    return shade(body, points, normals, camera, light).colour(_albedo(body))


def shade(body: Lit, points: np.ndarray, normals: np.ndarray, camera: Camera, light: Light) -> Shading:
    """The light on a posed mesh, whatever its colours; arguments as ``light_vertices`` has them."""
    axes = camera.axes
    occlusion = body.occlusion
    key = _direction(light.key, axes)
    shadow = 1 - light.shadow * cast_shadow(body.triangles, points, normals, key)
    view = camera.position.astype(np.float32) - points
    view /= np.sqrt((view * view).sum(1, keepdims=True))
    facing = np.einsum("va,va->v", normals, view)

    # Key: light wraps a little round the form, on skin redder and further (scattering under the skin).
    lambert = normals @ key
    wrap = np.float32(0.08) + body.softness[:, None] * np.array([0.28, 0.10, 0.05], np.float32)
    diffuse = np.clip((lambert[:, None] + wrap) / (1 + wrap), 0, None) ** 1.1
    ambient = 0.35 + 0.65 * occlusion
    total = diffuse * (light.key_colour.astype(np.float32) * (shadow * (0.4 + 0.6 * occlusion))[:, None])
    fill = np.clip(normals @ _direction(light.fill, axes) * 0.7 + 0.3, 0, None) * ambient
    total += fill[:, None] * light.fill_colour.astype(np.float32)
    up = 0.5 + 0.5 * normals[:, 1:2]
    total += (light.ground + up * (light.sky - light.ground)).astype(np.float32) * (occlusion * occlusion)[:, None]

    # Highlights: Blinn-Phong, a broad one on skin and hair, and the rims against the backdrop.
    half = view + key
    half /= np.sqrt((half * half).sum(1, keepdims=True))
    gloss = np.clip(np.einsum("va,va->v", normals, half), 0, 1)
    gloss = 0.30 * gloss**18 + 0.35 * gloss**60
    gloss = (body.shine * gloss * shadow * np.clip(lambert * 4, 0, 1) * occlusion) * np.float32(0.8)
    edge = (1 - np.clip(facing, 0, 1)) ** 2
    rims = tuple(np.clip(normals @ _direction(direction, axes), 0, None) * edge * occlusion for direction in light.rims)
    return Shading(total, gloss, rims, light)


def tone(colour: np.ndarray) -> np.ndarray:
    """Linear light of any strength -> sRGB, 0 to 1, highlights rolled off; float32 of the same shape."""
    toned: np.ndarray = _tone_table().take((colour * np.float32(TONE_STEPS)).astype(np.intp), mode="clip")
    return toned


@lru_cache(maxsize=1)
def _tone_table() -> np.ndarray:
    light = np.arange(TONE_STEPS * BRIGHTEST) / TONE_STEPS
    rolled = _shoulder(light)
    return np.where(rolled <= 0.0031308, 12.92 * rolled, 1.055 * rolled ** (1 / 2.4) - 0.055).astype(np.float32)


def _shoulder(x: np.ndarray) -> np.ndarray:
    """Leave dark and middle tones, roll highlights off towards 1."""
    knee = np.float32(0.62)
    over = np.maximum(x - knee, 0)
    rolled: np.ndarray = np.minimum(x, knee) + (1 - knee) * over / (over + (1 - knee))
    return rolled


def _direction(local: np.ndarray, axes: np.ndarray) -> np.ndarray:
    direction = local @ axes
    unit: np.ndarray = (direction / np.linalg.norm(direction)).astype(np.float32)
    return unit


def cast_shadow(triangles: np.ndarray, points: np.ndarray, normals: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Share of the light that other parts of the body take from each vertex, [V] (a small shadow map)."""
    side = np.cross([0.0, 1.0, 0.0], light)
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(light, side), light]).astype(np.float32)
    local = points @ axes.T
    centre = (local[:, :2].max(0) + local[:, :2].min(0)) / 2
    reach = float((local[:, :2].max(0) - local[:, :2].min(0)).max()) / 2
    cell = max(SHADOW_CELL, 2 * reach / (SHADOW_SIZE - 4))
    screen = np.empty_like(local)
    screen[:, 0] = (local[:, 0] - centre[0]) / cell + SHADOW_SIZE / 2
    screen[:, 1] = SHADOW_SIZE / 2 - (local[:, 1] - centre[1]) / cell
    screen[:, 2] = -local[:, 2]
    ids = visibility(screen, triangles[:, ::-1], SHADOW_SIZE, SHADOW_SIZE).ravel()
    depth = np.full(SHADOW_SIZE * SHADOW_SIZE, np.float32(1e9))
    hit = np.flatnonzero(ids >= 0)
    # Where the triangle is in the middle of the cell; its mean would cast shadows of large triangles on themselves.
    faces = triangles[ids[hit]]
    corner = screen[:, 2][faces]
    plane = plane_coefficients(screen, faces, screen[:, 2:])[:, :, 0]
    row, column = np.divmod(hit, SHADOW_SIZE)
    right, down = column + np.float32(0.5) - screen[faces[:, 0], 0], row + np.float32(0.5) - screen[faces[:, 0], 1]
    place = plane[:, 0] + plane[:, 1] * right + plane[:, 2] * down
    depth[hit] = np.clip(place, corner.min(1), corner.max(1))
    facing = normals @ axes.T  # right, up and towards the light
    lifted = screen[:, 2] - (np.float32(0.022) + np.float32(0.012) * (1 - np.clip(facing[:, 2], 0, 1)))
    # How the depth of the vertex's own surface changes a cell to the right and down, so that it is no shadow.
    slope = np.float32(cell) / np.maximum(facing[:, 2], np.float32(0.3))
    right, down = facing[:, 0] * slope, -facing[:, 1] * slope
    total = np.zeros(len(points), np.float32)
    x = np.clip(screen[:, 0].astype(np.int32), 2, SHADOW_SIZE - 3)
    y = np.clip(screen[:, 1].astype(np.int32), 2, SHADOW_SIZE - 3)
    at = y * SHADOW_SIZE + x
    taps = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (2, 0), (-2, 0), (0, 2), (0, -2))
    for across, along in taps:
        total += depth.take(at + (along * SHADOW_SIZE + across)) < lifted + across * right + along * down
    return total / len(taps)
