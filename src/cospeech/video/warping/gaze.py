"""Irises that move within the eyes of a portrait.

The iris is moved as it is in the picture, and the white beside it is stretched and pressed together: decision of
ours [D], which bears a few pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ...core.series import smoothstep
from ...motion.points import EYES, FACE_SLICE
from .face_curves import Axes, Patch, curve
from .layers import Layers
from .resampling import bilinear

# Sizes of an eye, millimetres: between its corners, radius of iris and of eyeball.
EYE_WIDTH, IRIS_RADIUS, BALL_RADIUS = 30.0, 5.9, 12.0
# All of these are decisions of ours, set by eye [D].
IRIS_OFF = 0.22  # widths of an eye from its middle, within which an iris is looked for
STEPS = 23  # places across that are tried
CONTRAST = 0.05  # by which an iris is darker than the rest of its eye, at least (0 .. 1)
LEAST_OPENING = 2.5  # pixels, of eyes whose irises move
PRESSED = 0.35  # of the white between iris and corner that stays
VERTICAL_MOST = 0.06  # widths of an eye that an iris moves up or down
RIM = 0.05  # widths of an eye, of the lids' inner rims, which stay
BESIDE = 1.6  # radiuses of the iris from its middle at which nothing moves up or down
LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Iris:
    """An iris in the axes of its eye, in widths of the eye."""

    x: float
    y: float


@lru_cache(maxsize=2)
def irises(layers: Layers) -> tuple[Iris | None, ...]:
    """Irises of the portrait's right and left eye; None where none is seen."""
    face = layers.points[FACE_SLICE]
    return tuple(_iris(layers, face[list(eye)]) for eye in EYES)


def _iris(layers: Layers, eye: np.ndarray) -> Iris | None:
    """The disc within an eye [6, 2] that is darker than what is beside it."""
    axes = Axes.of(eye[0], eye[3])
    local = axes.into(eye)
    steps = np.linspace(-0.5, 0.5, 41) * axes.width
    x, y = np.meshgrid(steps, steps)
    upper, lower = curve(local[[0, 1, 2, 3]], x), curve(local[[0, 5, 4, 3]], x)
    if float((lower - upper).max()) < LEAST_OPENING:
        return None
    inset = RIM * axes.width
    inside = (y > upper + inset) & (y < lower - inset)
    light = bilinear(layers.colours[0], axes.out_of(x, y)) @ LUMA
    radius = IRIS_RADIUS / EYE_WIDTH * axes.width
    best, found = CONTRAST, None
    for off in np.linspace(-IRIS_OFF, IRIS_OFF, STEPS):
        centre = off * axes.width
        middle = float(
            (curve(local[[0, 1, 2, 3]], np.array(centre)) + curve(local[[0, 5, 4, 3]], np.array(centre))) / 2
        )
        disc = (x - centre) ** 2 + (y - middle) ** 2 < radius**2
        within, beside = inside & disc, inside & ~disc
        if not within.any() or not beside.any():
            continue
        darker = float(light[beside].mean() - light[within].mean())
        if darker > best:
            best, found = darker, Iris(off, middle / axes.width)
    return found


def look(patch: Patch, eye: np.ndarray, iris: Iris, angles: np.ndarray) -> None:
    """Turn one eye.

    Args:
        patch: of the driven picture round the eye.
        eye: [6, 2] pixels, as it is drawn there.
        iris: of the portrait.
        angles: [2] radians, to the right of the picture and down.
    """
    axes = Axes.of(eye[0], eye[3])
    local, places = axes.into(eye), axes.into(patch.places)
    x, y = places[..., 0], places[..., 1]
    width = axes.width
    first, last = local[0, 0], local[3, 0]
    radius, centre = IRIS_RADIUS / EYE_WIDTH * width, iris.x * width
    reach = np.sin(angles) * BALL_RADIUS / EYE_WIDTH * width
    free = np.maximum(np.array([centre - radius - first, last - centre - radius]), 0) * (1 - PRESSED)
    across = float(np.clip(reach[0], -free[0], free[1]))
    down = float(np.clip(reach[1], -VERTICAL_MOST * width, VERTICAL_MOST * width))
    now = [first, centre + across - radius, centre + across + radius, last]
    before_x = np.interp(x, now, [first, centre - radius, centre + radius, last])
    upper, lower = curve(local[[0, 1, 2, 3]], x), curve(local[[0, 5, 4, 3]], x)
    near = smoothstep((BESIDE - np.abs(x - centre - across) / radius) / (BESIDE - 1))
    rim = np.minimum(RIM * width, (lower - upper) / 2)
    upper_before, lower_before = curve(local[[0, 1, 2, 3]], before_x), curve(local[[0, 5, 4, 3]], before_x)
    before_y = np.clip(y - down * near, upper_before + rim, np.maximum(lower_before - rim, upper_before + rim))
    share = np.clip(np.minimum(y - upper, lower - y) - rim / 2, 0, 1) * ((x > first) & (x < last))
    patch.blend(share, patch.origin(axes.out_of(before_x, before_y)))
