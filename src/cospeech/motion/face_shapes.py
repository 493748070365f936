"""The 52 face shapes of ARKit: their names, and the mirror image of their weights."""

from __future__ import annotations

import re

import numpy as np

# The blend shapes of ARFaceAnchor.BlendShapeLocation in the order of Apple's documentation.
ARKIT_NAMES: tuple[str, ...] = (
    *("eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft"),
    *("eyeSquintLeft", "eyeWideLeft"),
    *("eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight"),
    *("eyeSquintRight", "eyeWideRight"),
    *("jawForward", "jawLeft", "jawRight", "jawOpen"),
    *("mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight"),
    *("mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight"),
    *("mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight"),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *("mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight"),
    *("mouthUpperUpLeft", "mouthUpperUpRight"),
    *("browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    *("cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight"),
    "tongueOut",
)
ARKIT_INDEX = {name: index for index, name in enumerate(ARKIT_NAMES)}
FACE_SHAPES = len(ARKIT_NAMES)  # 52


def mirror_face(face: np.ndarray) -> np.ndarray:
    """The mirror image of ARKit weights [T, 52]: left and right change places.

    >>> face = np.zeros((1, 52))
    >>> face[0, ARKIT_NAMES.index("jawLeft")] = 1.0
    >>> ARKIT_NAMES[int(mirror_face(face)[0].argmax())]
    'jawRight'
    """
    swapped = {"Left": "Right", "Right": "Left"}
    partners = [re.sub("Left|Right", lambda side: swapped[side[0]], name) for name in ARKIT_NAMES]
    return face[:, [ARKIT_INDEX[name] for name in partners]]
