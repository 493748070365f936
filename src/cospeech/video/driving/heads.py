"""The portrait's face, turned and speaking: its own 68 points with the depth of the default person's.

One picture is warped, so heads turn by less than the motion's (``motion_directions``), and the motion's expression
is added to the portrait's own: decision of ours [D].
"""

from __future__ import annotations

import numpy as np

from ...motion.points import CHIN, JAW_LINE, LIPS, MOUTH_CORNERS, NOSE_BRIDGE
from ...motion.procedural.face import ARKIT_NAMES
from .portrait_fit import Fit, default_face

INNER = ((61, 67), (62, 66), (63, 65))  # pairs of the inner lips, upper and lower
_EYES = (((37, 41), (38, 40), slice(36, 42)), ((43, 47), (44, 46), slice(42, 48)))  # pairs of lids, and the eye
_MOUTH, _EYE = (0.8, 1.25), (0.4, 2.0)  # range of sizes, against the default person's, that are followed [D]
_OPEN = 0.6  # weight of jawOpen at most that an open mouth of the portrait stands for [D]
_UPPER = 0.2  # share of the upper lip in closing a mouth that is open in the portrait [D]
_OUTER_UPPER, _OUTER_LOWER = range(49, 54), range(55, 60)  # from the right to the left, and back
_CHIN = 0.5  # share of the chin in closing such a mouth [D]


def expressions(fit: Fit, face: np.ndarray) -> np.ndarray:
    """Moves of the keypoints of a portrait's face under ARKit weights.

    Args:
        fit: the person of the portrait.
        face: [T, 52] weights.

    Returns:
        [T, 68, 3] pixels in the axes of the head, y up, to be added to the portrait's face; a mouth that is open
        in the portrait closes where the weights close it.
    """
    model = default_face()
    moved = np.tensordot(np.clip(np.asarray(face, np.float64), 0.0, 1.0), model.shapes, axes=1)
    wide = _width(fit.face) / fit.face_scale / _width(model.neutral)
    moved[:, LIPS] *= np.clip(wide, *_MOUTH)
    for upper, lower, eye in _EYES:
        ratio = _height(fit.face, upper, lower) / fit.face_scale / _height(model.neutral, upper, lower)
        moved[:, eye] *= np.clip(ratio, *_EYE)
    return moved * fit.face_scale + shut(fit)


def shut(fit: Fit) -> np.ndarray:
    """Moves that close the mouth of a portrait: [68, 3] pixels in the axes of the head, y up.

    Each pair of inner lips meets, most of the way by the lower one; the outer lips and the jaw go along.
    """
    model = default_face()
    face = fit.face
    jaw = model.shapes[ARKIT_NAMES.index("jawOpen")]
    wide = _width(face) / _width(model.neutral)  # pixels a metre
    widest = _OPEN * (_gap(model.neutral + jaw) - _gap(model.neutral)) * wide
    gap = np.array([face[lower] - face[upper] for upper, lower in INNER])  # [3, 2]
    gap *= min(1.0, widest / max(_gap(face), 1e-6))
    moved = np.zeros((len(face), 2))
    for (upper, lower), apart in zip(INNER, gap, strict=True):
        moved[upper], moved[lower] = _UPPER * apart, (_UPPER - 1) * apart
    right, middle, left = gap
    moved[list(_OUTER_UPPER)] = _UPPER * np.array([right / 2, right, middle, left, left / 2])
    moved[list(_OUTER_LOWER)] = (_UPPER - 1) * np.array([left / 2, left, middle, right, right / 2])
    # The jaw line by its share of what the chin moves when the default person's jaw opens.
    moved[JAW_LINE] = -_CHIN * middle * (jaw[JAW_LINE, 1:2] / jaw[CHIN, 1])
    return np.concatenate([moved * [1, -1], np.zeros((len(face), 1))], -1) @ fit.head


def turned(fit: Fit, turn: np.ndarray, expression: np.ndarray | None) -> np.ndarray:
    """Keypoints of the face under rotations of the head.

    Args:
        fit: the person of the portrait.
        turn: [T, 3, 3] of the head, y up.
        expression: [T, 68, 3] from ``expressions``, or None.

    Returns:
        [T, 68, 2] pixels.
    """
    still = np.concatenate([fit.face, fit.depth[:, None]], -1) - fit.pivot
    still[:, 1] *= -1
    points = np.broadcast_to(still, (len(turn), *still.shape))
    if expression is not None:
        points = points + expression @ fit.head.T
    points = points @ np.swapaxes(turn, -1, -2)
    flat: np.ndarray = points[..., :2] * [1.0, -1.0] + fit.pivot[:2]
    return flat


def uncrossed(points: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Faces [T, 68, 2] whose lips and lids do not cross, or no further than in the portrait's own face [68, 2]."""
    points = points.copy()
    down = points[:, CHIN] - points[:, NOSE_BRIDGE]
    down = down / np.linalg.norm(down, axis=-1, keepdims=True)
    still = own[CHIN] - own[NOSE_BRIDGE]
    still = still / np.linalg.norm(still)
    for upper, lower in (*INNER, *(pair for eye in _EYES for pair in eye[:2])):
        least = min(0.0, float((own[lower] - own[upper]) @ still))
        gap = ((points[:, lower] - points[:, upper]) * down).sum(-1)
        over = np.maximum(least - gap, 0.0)[:, None] * down / 2
        points[:, upper] -= over
        points[:, lower] += over
    return points


def _gap(face: np.ndarray) -> float:
    """Opening of the inner lips of a face [68, n]."""
    return float(np.mean([np.linalg.norm(face[a] - face[b]) for a, b in INNER]))


def _width(face: np.ndarray) -> float:
    right, left = MOUTH_CORNERS
    return float(np.linalg.norm(face[right] - face[left]))


def _height(face: np.ndarray, *pairs: tuple[int, int]) -> float:
    """Opening of an eye, slightly above 0."""
    return float(np.mean([np.linalg.norm(face[a] - face[b]) for a, b in pairs])) + 1e-6
