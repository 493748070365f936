"""The portrait's own hands, carried along: rotated in the picture plane, fingers moved a little.

One picture of a hand cannot show its other side. So a hand keeps its shape and size, rotates as the motion's
hand appears to rotate, and opens and closes only a little: decision of ours [D], as are the limits below.
"""

from __future__ import annotations

import numpy as np

from ...core.timing import FPS
from ...motion.points import FINGERS, HAND_SIZE
from .motion_directions import soft
from .portrait_fit import Fit

FOREARM = 0.5  # weight of the forearm's direction beside the hand's: decisive if the hand's is not visible
_OWN = 0.15  # likewise of the portrait's hand, if neither is visible
_SMOOTH = 0.05  # seconds, standard deviation of the filter of rotations
_FASTEST = 7.0  # radians a second that a hand turns
_FURTHEST = 1.2  # radians that a hand turns from the portrait's
_DISTANCE, _NEAREST = 2.2, 0.1  # metres from the viewer to the shoulders, for the size of near hands; at least
_SIZES = (0.85, 1.15)  # range of a hand's size against the portrait's
_CLOSING = 0.5  # radians of closing beyond which fingers do not follow
_OPENING = -0.3  # radians: fingers lengthen by no more than for this opening
_SHORTER = 0.3  # share of its length that a finger's bone loses per radian of closing, if it points away
_BEND = 0.35  # radians that a bone of a curved finger rotates per radian of closing
_BONES = 3  # of a finger


def turns(fit: Fit, hands: np.ndarray, forearms: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Rotation of the portrait's hands in the picture.

    Args:
        fit: the person of the portrait.
        hands: [T, 2, 2] wrist -> middle knuckle, as in ``MotionDirections``.
        forearms: [T, 2, 2] elbow -> wrist, likewise.
        own: [2] 0 to 1: share of the portrait in the mean direction of either hand.

    Returns:
        [T, 2] radians, positive from x to y; small ones as they appear, larger ones compressed below 1.2.
    """
    seen = _complex(hands) + FOREARM * _complex(forearms) + _OWN * _complex(fit.pointing)
    seen = smooth(seen, _SMOOTH) / _complex(fit.pointing)
    angle = np.unwrap(np.angle(seen), axis=0)
    middle = np.angle(np.exp(1j * angle).mean(0))
    angle += 2 * np.pi * np.round((middle - angle.mean(0)) / (2 * np.pi))
    step = _FASTEST / FPS
    there, back = _limit(angle, step), _limit(angle[::-1], step)[::-1]
    return soft((smooth((there + back) / 2, _SMOOTH) - own * middle)[..., None], _FURTHEST)[..., 0]


def carry(fit: Fit, wrists: np.ndarray, turn: np.ndarray, nearer: np.ndarray, curl: np.ndarray) -> np.ndarray:
    """Keypoints of both hands.

    Args:
        fit: the person of the portrait.
        wrists: [T, 2, 2] pixels, the arms' wrists.
        turn: [T, 2] radians in the picture.
        nearer: [T, 2] metres by which a wrist is nearer to the viewer than in the portrait.
        curl: [T, 2, 5] radians that fingers close.

    Returns:
        [T, 2, 21, 2] pixels.
    """
    size = np.clip(_DISTANCE / np.maximum(_DISTANCE - nearer, _NEAREST), *_SIZES)
    shape = _complex(fit.hands) + 0j
    parts = np.broadcast_to(shape, (*turn.shape, HAND_SIZE)).copy()
    closing = _CLOSING * np.tanh(curl / _CLOSING)
    for n in range(len(FINGERS)):
        chain = 1 + 4 * n + np.arange(4)
        bones = np.diff(shape[:, chain], axis=-1)  # [2, 3]
        bent = _bend(bones)
        for k in range(_BONES):
            turned = np.exp(1j * (k + 1) / _BONES * _BEND * closing[..., n] * np.sin(bent))
            kept = 1.0 - (k + 1) / _BONES * _SHORTER * np.maximum(closing[..., n], _OPENING) * np.cos(bent)
            parts[..., chain[k + 1]] = parts[..., chain[k]] + bones[:, k] * turned * kept
    moved = parts * (size * np.exp(1j * turn))[..., None]
    return wrists[:, :, None] + np.stack([moved.real, moved.imag], -1)


def smooth(values: np.ndarray, seconds: float) -> np.ndarray:
    """Values [T, ...] filtered by a Gaussian of this standard deviation, ends held; without delay."""
    reach = int(np.ceil(3 * seconds * FPS))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (seconds * FPS)) ** 2)
    kernel /= kernel.sum()
    padded = np.concatenate([values[:1].repeat(reach, 0), values, values[-1:].repeat(reach, 0)])
    return sum(weight * padded[k : k + len(values)] for k, weight in enumerate(kernel))


def _complex(vectors: np.ndarray) -> np.ndarray:
    return vectors[..., 0] + 1j * vectors[..., 1]


def _bend(bones: np.ndarray) -> np.ndarray:
    """[2] signed angle from the first to the last bone of a finger in the picture, at most a right angle."""
    whole = bones[:, -1] * np.conj(bones[:, 0])
    return np.clip(np.angle(whole + 1e-12), -np.pi / 2, np.pi / 2)


def _limit(angle: np.ndarray, step: float) -> np.ndarray:
    """Angles [T, ...] that change by at most ``step`` a frame and follow the original ones as closely as possible."""
    result = angle.copy()
    for frame in range(1, len(angle)):
        result[frame] = result[frame - 1] + np.clip(angle[frame] - result[frame - 1], -step, step)
    return result
