"""Keypoints of a film without the jitter of a detector, which sees every frame by itself.

Hands jitter most: where a wrist is hidden, it is found tens of pixels off in every other frame, while the middle of
the hand stays where it is. So the middle of a hand and its shape about the middle are smoothed by themselves.
Robust local regression after Cleveland 1979 (LOESS), quadratic, so that turns of a fast hand keep their place;
widths and what is smoothed are decisions of ours [D].
"""

from __future__ import annotations

import numpy as np

from ...motion.points import BODY_SLICE, HAND_SLICES, WRISTS

ARM_WIDTH, SHAPE_WIDTH = 0.05, 0.1  # seconds, standard deviation of the weights: middles of hands and arms; shapes
_REACH = 2.5  # standard deviations beyond which frames have no weight
_ROUNDS, _OUTLIER = 3, 6.0  # of reweighting; median deviations from which a frame has no weight
_LEAST_CONFIDENCE = 0.05  # weight of a keypoint that was not detected
_ROUNDING = 0.25  # pixels by which a detection is off at least


def steady(points: np.ndarray, confidence: np.ndarray, fps: float) -> np.ndarray:
    """Keypoints whose arms and hands are smoothed over time; those of the face stay, since lips are fast.

    Args:
        points: [T, 116, 2] pixels, complete.
        confidence: [T, 116] 0 (imputed) to 1.
        fps: frames a second.
    """
    result = np.array(points, np.float64)
    sure = np.maximum(confidence, _LEAST_CONFIDENCE)
    arms = slice(BODY_SLICE.start, HAND_SLICES[0].start)
    result[:, arms] = smoothed(result[:, arms], sure[:, arms], ARM_WIDTH * fps)
    for hand, wrist in zip(HAND_SLICES, WRISTS, strict=True):
        weights = sure[:, hand]
        middle = np.median(points[:, hand], axis=1, keepdims=True)
        shape = smoothed(points[:, hand] - middle, weights, SHAPE_WIDTH * fps)
        # Measured with the steady shape, the middle does not depend on which points jump.
        middle = np.median(points[:, hand] - shape, axis=1, keepdims=True)
        middle = smoothed(middle, weights.mean(1, keepdims=True), ARM_WIDTH * fps)
        result[:, hand] = middle + shape
        result[:, wrist] = result[:, hand.start]
    return result


def smoothed(values: np.ndarray, weights: np.ndarray, width: float) -> np.ndarray:
    """Local quadratic regression of values [T, P, 2] in time, without outliers.

    Args:
        weights: [T, P] above 0.
        width: frames, standard deviation of the weights of neighbours.
    """
    frames, reach = len(values), int(np.ceil(_REACH * width))
    offsets = np.arange(-reach, reach + 1)
    near = np.exp(-0.5 * (offsets / width) ** 2)
    at = np.arange(frames)[:, None] + offsets
    inside = (at >= 0) & (at < frames)
    at = np.clip(at, 0, frames - 1)
    basis = (offsets / width)[:, None] ** np.arange(3)
    trust, fitted = weights, values
    for _ in range(_ROUNDS):
        share = (near * inside)[..., None] * trust[at]  # [T, K, P]
        left = np.einsum("tkp,ki,kj->tpij", share, basis, basis) + 1e-6 * np.eye(3)
        right = np.einsum("tkp,ki,tkpx->tpix", share, basis, values[at])
        fitted = np.linalg.solve(left, right)[..., 0, :]
        apart = np.linalg.norm(values - fitted, axis=-1)
        usual = np.median(apart, axis=0) + _ROUNDING
        trust = weights * np.clip(1 - (apart / (_OUTLIER * usual)) ** 2, _LEAST_CONFIDENCE, 1) ** 2
    result: np.ndarray = fitted
    return result
