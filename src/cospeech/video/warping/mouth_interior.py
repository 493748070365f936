"""The inside of a mouth: teeth and tongue, drawn by rules.

Upper teeth are fixed to the skull, lower ones and the tongue to the jaw. Teeth are sprites that are computed once;
their widths are those of textbooks of dental anatomy, flattened as an arch is seen from the front. All else is a
decision of ours, set by eye [D]. Colours are sRGB in 0 .. 1, sizes millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ...core.series import smoothstep
from .resampling import bilinear

# From the middle to one side: width as seen from the front, length, how much higher it ends, brightness.
UPPER = (
    (8.4, 10.0, 0.0, 1.0),
    (6.3, 9.0, 0.7, 0.97),
    (6.0, 9.8, 0.2, 0.88),
    (4.4, 8.2, 0.9, 0.72),
    (3.4, 7.5, 1.3, 0.56),
    (2.6, 7.0, 1.6, 0.4),
)
LOWER = (
    (5.2, 8.0, 0.2, 0.74),
    (5.6, 8.0, 0.2, 0.71),
    (5.8, 9.0, 0.0, 0.65),
    (4.4, 8.0, 0.6, 0.53),
    (3.4, 7.5, 1.0, 0.41),
    (2.6, 7.0, 1.2, 0.3),
)
HALF_WIDTH, HEIGHT = 32.0, 16.0  # of a sprite
FINE = 12.0  # places a millimetre at which teeth are drawn, before they are averaged to pixels
ROUND = 1.3  # radius of a tooth's corners
BETWEEN, BETWEEN_SHADE = 0.35, 0.62  # half width of the dark between two teeth, and its brightness
ENAMEL, ENAMEL_NECK = np.array([0.90, 0.87, 0.81]), np.array([0.80, 0.73, 0.62])
GUM = np.array([0.62, 0.34, 0.33])
CAVITY, CAVITY_DEEP = np.array([0.27, 0.09, 0.09]), np.array([0.07, 0.025, 0.03])
TONGUE, TONGUE_DEEP = np.array([0.60, 0.30, 0.29]), np.array([0.30, 0.11, 0.11])
TONGUE_OVER, TONGUE_HALF, TONGUE_FALL = 5.5, 19.0, 6.0  # over the lower teeth; half width; fall to its sides
TONGUE_EDGE, TONGUE_SHADE = 2.0, 7.0  # softness of its back, and over how much it is in the shade of the mouth
GROOVE, GROOVE_DEPTH = 1.6, 0.12
LIP_SHADOW, LIP_SHADE = 3.5, 0.6  # below the upper lip, and how bright it is just there
LOW_SHADOW, LOW_SHADE = 2.0, 0.72  # above the lower lip
SIDE_SHADE, SIDE_POWER = 0.6, 2.5  # darker towards the corners
NARROW_POWER = 2.0  # darker behind lips that are pushed forward
LIT, LIT_RANGE = 0.62, (0.5, 1.12)  # brightness of a face in ordinary light, and of teeth against it


@dataclass(frozen=True, eq=False)
class Cavity:
    """Places within a mouth, [M] each, in millimetres; x from the middle of the teeth, y down."""

    x: np.ndarray
    above: np.ndarray  # below the edge of the upper teeth
    below: np.ndarray  # below the edge of the lower teeth
    lip: np.ndarray  # below the upper lip
    chin: np.ndarray  # above the lower lip
    side: np.ndarray  # from the middle of the mouth to its corners, 0 to 1
    narrow: float  # width of the mouth, of its width at rest


def interior(cavity: Cavity, pixels: float, light: float) -> np.ndarray:
    """Colours [M, 3] of what is seen between the lips.

    Args:
        cavity: places.
        pixels: of a millimetre.
        light: brightness of the face, 0 to 1.
    """
    lit = float(np.clip(light / LIT, *LIT_RANGE))
    deep = smoothstep(cavity.lip / (cavity.lip + cavity.chin + 1e-6) * 1.2)[:, None]
    colours = CAVITY_DEEP + (CAVITY - CAVITY_DEEP) * deep * deep
    # How far a place is below the back of the tongue.
    tongue = cavity.below + TONGUE_OVER - TONGUE_FALL * (cavity.x / TONGUE_HALF) ** 2
    share = smoothstep(tongue / TONGUE_EDGE)[:, None]
    flesh = TONGUE_DEEP + (TONGUE - TONGUE_DEEP) * smoothstep(tongue / TONGUE_SHADE)[:, None]
    flesh = flesh * (1 - GROOVE_DEPTH * np.exp(-((cavity.x / GROOVE) ** 2)))[:, None]
    colours += share * (flesh - colours)
    for upper, edge in ((False, -cavity.below), (True, cavity.above)):
        scale = round(2 * pixels) / 2 if pixels > 1 else max(round(8 * pixels) / 8, 0.25)
        sprite = teeth(upper, scale)
        # Rows of a sprite count from the gum to the teeth's edge and a little beyond.
        at = np.stack([(cavity.x + HALF_WIDTH) * scale, (edge + HEIGHT - MARGIN) * scale], -1)
        got = bilinear(sprite, at) * ((at[:, 1] > 0) & (at[:, 1] < len(sprite)))[:, None]
        colours = colours * (1 - got[:, 3:]) + got[:, :3]
    shade = LIP_SHADE + (1 - LIP_SHADE) * smoothstep(cavity.lip / LIP_SHADOW)
    shade = shade * (LOW_SHADE + (1 - LOW_SHADE) * smoothstep(cavity.chin / LOW_SHADOW))
    shade = shade * (1 - SIDE_SHADE * np.clip(cavity.side, 0, 1) ** SIDE_POWER)
    shade = shade * min(1.0, cavity.narrow) ** NARROW_POWER
    result: np.ndarray = np.clip(colours * (lit * shade)[:, None], 0, 1)
    return result


MARGIN = 1.5  # of a sprite beyond the teeth's edge


@lru_cache(maxsize=8)
def teeth(upper: bool, scale: float) -> np.ndarray:
    """A row of teeth with its gum, [rows, columns, 4] float32: colours times opacity, and opacity.

    Args:
        upper: True for upper teeth; the edge of either is below, 1.5 mm from the last row.
        scale: pixels a millimetre.
    """
    step = max(1, round(FINE / scale))
    columns, rows = (round(size * scale) * step for size in (2 * HALF_WIDTH, HEIGHT))
    x = (np.arange(columns) + 0.5) / (step * scale) - HALF_WIDTH
    y = ((np.arange(rows) + 0.5) / (step * scale) - HEIGHT + MARGIN)[:, None]  # below the edge of the first tooth
    fine = np.zeros((rows, columns, 4), np.float32)
    gone = 0.0
    row = UPPER if upper else LOWER
    for width, length, higher, bright in row:
        off = np.abs(np.abs(x) - gone - width / 2)[None]  # from the tooth's middle
        gone += width
        over = -y - higher  # above its edge
        corner = np.hypot(np.maximum(off - width / 2 + ROUND, 0), np.maximum(ROUND - over, 0)) <= ROUND
        tooth = (off <= width / 2) & (over >= 0) & corner
        crown = tooth & (over <= length - 0.18 * width * (2 * off / width) ** 2)
        neck = np.clip((over / length - 0.35) / 0.65, 0, 1)[..., None]
        seam = 1 - (1 - BETWEEN_SHADE) * np.clip(1 - (width / 2 - off) / (2 * BETWEEN), 0, 1)
        enamel = (ENAMEL + (ENAMEL_NECK - ENAMEL) * neck) * (bright * seam)[..., None]
        gum = (off <= width / 2) & (over > length / 2) & ~crown
        fine[gum] = [*(GUM * bright), 1]
        fine[crown, :3], fine[crown, 3] = np.broadcast_to(enamel, (*crown.shape, 3))[crown], 1
    sprite: np.ndarray = fine.reshape(rows // step, step, columns // step, step, 4).mean((1, 3), dtype=np.float32)
    return sprite
