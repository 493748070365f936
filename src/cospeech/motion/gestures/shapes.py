"""Shapes of hands for named gestures: those of talking hands, and those that mean something."""

from __future__ import annotations

from collections.abc import Mapping

from ..procedural.hand_shapes import SHAPES as TALKING
from ..procedural.hand_shapes import HandShape

SHAPES: Mapping[str, HandShape] = {
    **{name: TALKING[name] for name in ("relaxed", "open", "palm", "bowl", "precision", "loose_fist", "curled")},
    "flat": HandShape(0.05, -1.0, -1.0, -1.0, -1.0, spread=-0.7),
    "pressed": HandShape(-0.7, -1.0, -1.0, -1.0, -1.0, spread=-0.7),  # against the other palm
    "blade": HandShape(0.3, -1.0, -1.0, -1.0, -1.0, spread=-0.7),  # thumb at the palm
    "spread": HandShape(-1.0, -1.0, -1.0, -1.0, -1.0, spread=1.0),
    "fist": HandShape(0.85, 1.0, 1.0, 1.0, 1.0),
    "index": HandShape(0.8, -1.0, 0.95, 1.0, 1.0),
    "thumb": HandShape(-1.0, 0.95, 1.0, 1.0, 1.0),
    "two": HandShape(0.85, -1.0, -1.0, 0.95, 1.0, spread=1.0),
    "three": HandShape(-1.0, -1.0, -1.0, 0.9, 1.0, spread=0.9),  # thumb, index, middle finger
    "two_thumb": HandShape(-1.0, -1.0, 0.95, 1.0, 1.0),  # thumb and index, as two is counted in Germany
    "four": HandShape(0.8, -1.0, -1.0, -1.0, -1.0, spread=0.9),
    "ring": HandShape(0.97, 0.44, -0.5, -0.75, -0.85, spread=1.0),  # thumb and index meet
    "pinch": HandShape(0.97, 0.44, 0.55, 0.65, 0.7, spread=0.8),
    "measure": HandShape(0.45, 0.25, 0.75, 0.85, 0.85),  # between thumb and index
    "phone": HandShape(-1.0, 1.0, 1.0, 1.0, -1.0, spread=0.4),
    "cup": HandShape(0.15, 0.3, 0.32, 0.34, 0.34),  # round a glass
    "claw": HandShape(0.1, 0.3, 0.3, 0.3, 0.3, spread=1.0),
    "beak": HandShape(1.15, 0.45, 0.47, 0.48, 0.5, spread=0.4),
    "crossed": HandShape(0.85, -0.8, -0.95, 1.0, 1.0, spread=-2.4),
    "hooks": HandShape(0.7, -0.1, 0.0, 0.95, 1.0, spread=0.5),  # index and middle bent, as marks of quotation
    "straight_hooks": HandShape(0.7, -0.9, -0.8, 0.95, 1.0, spread=0.5),
    "rub": HandShape(1.05, 0.4, 0.44, 0.7, 0.8, spread=0.6),
    "key": HandShape(0.55, 0.72, 0.9, 0.95, 0.95),
    "pen": HandShape(1.0, 0.44, 0.48, 0.75, 0.8, spread=0.6),
}
