"""What a portrait bears: movements of arms brought within what one picture can show, smoothly.

Decision of ours [D]: a forearm that points to the viewer cannot get a new length, a hand no other side. So arms move
about the portrait's own pose, hands as far as the forearm that is seen allows, and the larger a gesture the more it is
reduced. An arm that is not seen whole, and hands that are folded, go with the body.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.series import minimum_jerk
from ...core.timing import FPS
from ...motion.points import ELBOWS, HAND_SLICES, SHOULDERS, WRISTS
from ..warping.limb_geometry import SIDES, TINY, body_scale, free_arms
from .hands import smooth
from .motion_directions import soft

# Shoulder widths. The longer the forearm in the picture, the further its hand may move against the elbow.
RELATIVE, RELATIVE_A_FOREARM, LEAST_RELATIVE, MOST_RELATIVE = 0.015, 0.2, 0.03, 0.09
ELBOW = 0.045  # that an elbow moves
FOLDED = 0.02  # that both hands move if they are folded
TURN, TURN_A_RELATIVE = 0.08, 1.2  # radians that a hand turns, and more for each shoulder width it may move
SIZES = (0.95, 1.06)  # of a hand
USUAL = 95.0  # percentile of a motion's extent that is brought to the limit
SLOW = 1.5  # seconds, standard deviation of the mean pose that movements are about
EASE = 0.5  # seconds in which a film gets from the portrait's pose into the motion
FINGERS = 0.7  # share of the bending of fingers


@dataclass(frozen=True, eq=False)
class Bearing:
    """Limits of a portrait's arms; sides are left, right; pixels and radians."""

    free: np.ndarray  # [2] bool: the arm moves by itself
    elbow: np.ndarray  # [2] furthest move of the elbow
    relative: np.ndarray  # [2] furthest move of the wrist against it
    turn: np.ndarray  # [2] furthest turn of the hand
    folded: bool  # both hands move as one


def bearing(points: np.ndarray, confidence: np.ndarray, size: tuple[int, int]) -> Bearing:
    """Limits for the arms of a portrait.

    Args:
        points: [116, 2] pixels, complete.
        confidence: [116] 0 to 1.
        size: (width, height) of the picture.
    """
    scale = body_scale(points)
    sides = free_arms(points, confidence, size)
    free = np.array([side in sides for side in SIDES])
    length = np.linalg.norm(points[list(WRISTS)] - points[list(ELBOWS)], axis=1) / scale
    relative = np.clip(RELATIVE + RELATIVE_A_FOREARM * length, LEAST_RELATIVE, MOST_RELATIVE)
    return Bearing(
        free=free,
        elbow=np.where(free, ELBOW, FOLDED) * scale,
        relative=np.where(free, relative, 0.0) * scale,
        turn=np.where(free, TURN + TURN_A_RELATIVE * relative, 0.0),
        folded=not free.any(),
    )


@dataclass(frozen=True, eq=False)
class Borne:
    """A motion within what a portrait bears."""

    points: np.ndarray  # [T, 116, 2] pixels
    kept: np.ndarray  # [2] share of the motion that is left to either arm
    damage: float  # mean squared move of free wrists against their elbows, of the furthest; what drawing must stretch


def borne(driven: np.ndarray, portrait: np.ndarray, limits: Bearing, shown: np.ndarray | None = None) -> Borne:
    """Bring arms within the limits of a portrait.

    Args:
        driven: [T, 116, 2] pixels, what the motion asks for.
        portrait: [116, 2] pixels.
        limits: of the portrait.
        shown: [T] share of the movements within the limits that is shown, 0 to 1; without it they begin within
            ``EASE`` seconds.
    """
    result = driven.copy()
    share = (minimum_jerk(np.arange(len(driven)) / FPS / EASE) if shown is None else shown)[:, None]
    asked = [_moves(driven, portrait, k, WRISTS) for k in range(2)]
    if limits.folded:
        asked = [np.mean(asked, axis=0)] * 2
    kept, damages = np.ones(2), []
    for k in range(2):
        shoulder = driven[:, SHOULDERS[k]] - portrait[SHOULDERS[k]]
        furthest = limits.elbow[k] + limits.relative[k]
        wanted = _about_mean(asked[k])
        usual = float(np.percentile(np.linalg.norm(wanted, axis=1), USUAL))
        kept[k] = min(1.0, furthest / max(usual, TINY))
        wrist = share * soft(kept[k] * wanted, furthest)
        elbow = wrist * limits.elbow[k] / furthest
        result[:, ELBOWS[k]] = portrait[ELBOWS[k]] + shoulder + elbow
        result[:, WRISTS[k]] = portrait[WRISTS[k]] + shoulder + wrist
        if limits.free[k]:
            damages.append(float(((wrist / furthest) ** 2).sum(1).mean()))
        moved = result[:, WRISTS[k]] - portrait[WRISTS[k]]
        result[:, HAND_SLICES[k]] = _hand(driven, portrait, k, limits.turn[k], share) + moved[:, None]
    return Borne(result, kept, float(np.mean(damages)) if damages else 0.0)


def _moves(driven: np.ndarray, portrait: np.ndarray, k: int, joints: tuple[int, int]) -> np.ndarray:
    """[T, 2] how far a joint moves against its shoulder."""
    result: np.ndarray = driven[:, joints[k]] - driven[:, SHOULDERS[k]] - (portrait[joints[k]] - portrait[SHOULDERS[k]])
    return result


def _about_mean(values: np.ndarray) -> np.ndarray:
    """Values [T, ...] less their slow mean."""
    return values - smooth(values, SLOW)


def _hand(driven: np.ndarray, portrait: np.ndarray, k: int, furthest: float, share: np.ndarray) -> np.ndarray:
    """[T, 21, 2] the portrait's hand, turned and bent about its wrist as far as it may be."""
    own = (portrait[HAND_SLICES[k]] - portrait[WRISTS[k]]) @ [1, 1j]
    asked = (driven[:, HAND_SLICES[k]] - driven[:, WRISTS[k], None]) @ [1, 1j]
    power = max(float((abs(own) ** 2).sum()), TINY)
    factor = (asked * own.conj()).sum(1) / power
    size = np.maximum(abs(factor), TINY)
    factor = np.where(abs(factor) < TINY, 1.0, factor)
    bent = FINGERS * (asked / factor[:, None] - own) if furthest else np.zeros_like(asked)
    angle = _about_mean(np.unwrap(np.angle(factor))[:, None])
    usual = float(np.percentile(abs(angle), USUAL))
    angle = share * soft(min(1.0, furthest / max(usual, TINY)) * angle, furthest) if furthest else 0 * angle
    sizes = 1 + share * (np.clip(size, *SIZES)[:, None] - 1) if furthest else np.ones_like(angle)
    turned = (own + share * bent) * sizes * np.exp(1j * angle)
    result: np.ndarray = np.stack([turned.real, turned.imag], -1) + portrait[WRISTS[k]]
    return result
