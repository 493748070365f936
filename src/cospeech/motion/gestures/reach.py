"""Arms whose hands are at given places: inverse kinematics over time, with elbows where they are at ease."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.rotation import align_vectors, axis_angle_to_matrix, transpose
from ..procedural.arms import FULLY_STRETCHED, TWIST_SHARE
from ..skeleton import canonical_skeleton

HANGING = np.array([0.35, -1.0, -0.35])  # outwards, up, ahead: where an elbow points that is at ease
SWIVELS = np.arange(-10.0, 61.0, 5.0)  # degrees by which it may be lifted from there
EASY_BEND, MOST_BEND = 28.0, 56.0  # degrees of a wrist: up to here nothing is against it; further it never goes
EASY_TWIST = 60.0  # degrees of a forearm
OF_BEND, OF_TWIST, OF_LIFT = 1.0, 0.5, 0.1  # what degrees beyond cost, squared
ELBOW_OUT = 0.215  # metres aside from which an elbow is free of the trunk
INSIDE = 0.35  # centimetres less than that cost as much as a degree


@dataclass(frozen=True)
class ReachingArm:
    """An arm in the frame of the chest: rotations [T, 3, 3] of upper arm, lower arm and hand."""

    upper: np.ndarray
    lower: np.ndarray
    hand: np.ndarray


def shoulder_place(side: str) -> np.ndarray:
    """[3] metres in the frame of the chest, the collar at rest."""
    skeleton = canonical_skeleton()
    return np.asarray(skeleton.offsets[skeleton.indices([f"{side}_collar", f"{side}_shoulder"])].sum(axis=0))


def easy_elbow(side: str, wrist: np.ndarray, fingers: np.ndarray, palm: np.ndarray) -> np.ndarray:
    """Degrees [K] by which elbows are lifted so that wrist and forearm are bent and twisted least.

    Args:
        wrist: [K, 3] metres in the frame of the chest.
        fingers, palm: [K, 3] where they look.
    """
    count = len(SWIVELS)
    wrists, points, looks = (np.repeat(values, count, axis=0) for values in (wrist, fingers, palm))
    swivels = np.tile(SWIVELS, len(wrist))
    arm = reaching(side, wrists, points, looks, swivels)
    bend, twist = _strain(arm)
    elbow = shoulder_place(side)[0] + arm.upper[:, 0, 0] * _upper_length(side)
    inside = 100 * np.maximum(ELBOW_OUT - _sign(side) * elbow, 0)
    costs = OF_BEND * np.maximum(bend - EASY_BEND, 0) ** 2 + OF_TWIST * np.maximum(twist - EASY_TWIST, 0) ** 2
    costs += OF_LIFT * swivels**2 + (inside / INSIDE) ** 2
    return np.asarray(SWIVELS[costs.reshape(len(wrist), count).argmin(axis=1)])


def reaching(
    side: str,
    wrist: np.ndarray,
    fingers: np.ndarray,
    palm: np.ndarray,
    lift: np.ndarray,
    *,
    shoulder: np.ndarray | None = None,
) -> ReachingArm:
    """An arm whose wrist is at a place, its hand turned as asked as far as a wrist can be.

    Args:
        wrist: [T, 3] metres in the frame of the chest; what is out of reach is approached.
        fingers, palm: [T, 3] where they point and look.
        lift: [T] degrees by which the elbow is lifted outwards from where it hangs.
        shoulder: [T, 3] metres in the frame of the chest; that of a collar at rest unless given.
    """
    skeleton, sign = canonical_skeleton(), _sign(side)
    upper, lower = (np.linalg.norm(skeleton.offsets[skeleton.index(f"{side}_{part}")]) for part in ("elbow", "wrist"))
    reach = wrist - (shoulder_place(side) if shoulder is None else shoulder)
    distance = np.linalg.norm(reach, axis=-1, keepdims=True)
    along = reach / distance
    distance = _softly(distance, float(upper + lower) * FULLY_STRETCHED)
    hang = HANGING * np.array([sign, 1.0, 1.0])
    out = _unit(hang - (along @ hang)[:, None] * along)
    out = (axis_angle_to_matrix(along * np.deg2rad(-sign * lift)[:, None]) @ out[..., None])[..., 0]
    cosine = np.clip((upper**2 + distance**2 - lower**2) / (2 * upper * distance), -1, 1)
    first = along * cosine + out * np.sqrt(1 - cosine**2)
    second = _unit(along * distance - upper * first)
    bent = _unit(second - (second * first).sum(-1, keepdims=True) * first)
    hinge = np.cross(bent, sign * first)
    above = np.stack([sign * first, hinge, bent], axis=-1)
    below = np.stack([sign * second, hinge, np.cross(sign * second, hinge)], axis=-1)
    hand = _hand(sign, fingers, palm)
    turn = align_vectors(sign * hand[..., 0], second)
    back = (turn @ hand[..., 1, None])[..., 0]  # the hand's back if the wrist were straight
    twist = np.arctan2((np.cross(hinge, back) * second).sum(-1), (hinge * back).sum(-1))
    straight = below
    below = axis_angle_to_matrix(TWIST_SHARE * twist[:, None] * second) @ below
    return ReachingArm(above, below, _bearable(hand, straight, twist, second))


def _bearable(hand: np.ndarray, straight: np.ndarray, twist: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The hand [T, 3, 3] bent at the wrist by less than ``MOST_BEND`` degrees."""
    neutral = axis_angle_to_matrix(twist[:, None] * second) @ straight
    axis = np.cross(neutral[..., 0], hand[..., 0])
    sine = np.linalg.norm(axis, axis=-1)
    bend = np.rad2deg(np.arctan2(sine, (neutral[..., 0] * hand[..., 0]).sum(-1)))
    less = _softly(bend, MOST_BEND) - bend
    turn = axis_angle_to_matrix(axis / np.maximum(sine, 1e-9)[:, None] * np.deg2rad(less)[:, None])
    return np.asarray(turn @ hand)


def _strain(arm: ReachingArm) -> tuple[np.ndarray, np.ndarray]:
    """Degrees [K] of the bend of the wrist and of the forearm's whole twist."""
    local = transpose(arm.lower) @ arm.hand
    bend = np.rad2deg(np.arccos(np.clip(local[:, 0, 0], -1, 1)))
    below = transpose(arm.upper) @ arm.lower
    aside = np.hypot(below[:, 0, 1], below[:, 2, 1])  # how far the forearm is turned against its hinge
    twist = np.rad2deg(np.arctan2(aside, below[:, 1, 1])) / TWIST_SHARE
    return bend, twist


def _hand(sign: float, fingers: np.ndarray, palm: np.ndarray) -> np.ndarray:
    """[T, 3, 3] rotation of a hand; in rest pose fingers point outwards and the palm looks down."""
    straight = _unit(fingers)
    up = -_unit(palm - (palm * straight).sum(-1, keepdims=True) * straight)
    return np.stack([sign * straight, up, np.cross(sign * straight, up)], axis=-1)


def _softly(values: np.ndarray, most: float, *, softness: float = 0.06) -> np.ndarray:
    """Values that approach ``most`` from a little below it on, without a corner."""
    soft = softness * most
    over = np.maximum(values - (most - soft), 0.0)
    return np.asarray(np.minimum(values, most - soft) + soft * np.tanh(over / soft))


def _upper_length(side: str) -> float:
    """Metres from shoulder to elbow, along the x axis of the upper arm."""
    return float(canonical_skeleton().offsets[canonical_skeleton().index(f"{side}_elbow")][0])


def _sign(side: str) -> float:
    return 1.0 if side == "left" else -1.0


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))
