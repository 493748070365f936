"""Arms at rest: hanging, one hand in the other, loosely clasped, one hand on the other forearm.

People who stand have a few ways to keep their hands and return to them. The poses are authored in the frame of the
chest, so that hands meet wherever the trunk turns; the hand that lies outside comes after the other one and goes
before it, so that neither passes through the other. Decisions of ours, the numbers by looking.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from ...core.rotation import align_vectors, matrix_to_quaternion, quaternion_to_matrix, slerp
from ...core.series import minimum_jerk, runs
from ..motion import Motion
from ..skeleton import FINGERS, canonical_skeleton
from .arms import posed_arm
from .fingers import finger_rotation
from .hand_shapes import HandShape, finger_curl

HANG_SPREAD = 9.0  # degrees of the hanging upper arm from the vertical, outwards
HANG_FORWARD = 4.0  # degrees of it to the front
HANG_ELBOW = 14.0  # degrees by which a hanging elbow is bent
HANG = "hang"
KINDS: Mapping[str, float] = {HANG: 0.44, "belly": 0.27, "clasp": 0.22, "forearm": 0.07}  # how often each is chosen
SAME_AGAIN = 0.6  # share of rests in which people return to how they rested before
SHORTEST_TOGETHER = 1.0  # seconds for which both hands must rest before they meet
MEET = 0.85  # seconds in which hands meet, and part
OUTER_LATER = 0.22  # seconds by which the outer hand comes later, and goes sooner
HEIGHT = 0.02  # metres, deviation of a person's own height of belly and clasped hands


@dataclass(frozen=True)
class RestingHand:
    """Where a hand rests, of somebody whose right hand is the outer one; the other way round it is mirrored."""

    wrist: tuple[float, float, float]  # metres from the chest joint
    elbow: tuple[float, float, float]  # where the elbow points
    fingers: tuple[float, float, float]  # where the fingers point
    palm: tuple[float, float, float]  # where the palm looks
    shape: HandShape

    def pose(self, side: str, *, mirrored: bool, height: float) -> dict[str, np.ndarray]:
        """Local rotations [3, 3] of arm and fingers."""
        flip = np.array([-1.0 if mirrored else 1.0, 1.0, 1.0])
        wrist, elbow, fingers, palm = (
            np.array(vector) * flip for vector in (self.wrist, self.elbow, self.fingers, self.palm)
        )
        wrist[1] += height
        return {**posed_arm(side, wrist, elbow=elbow, fingers=fingers, palm=palm), **fingers_of(side, self.shape)}


# The inner hand (left), which lies at the body, and the outer one (right), which covers it.
PLACES: Mapping[str, tuple[RestingHand, RestingHand]] = {
    "belly": (
        RestingHand(
            (0.1, -0.25, 0.226),
            (0.75, -0.53, -0.39),
            (-0.83, -0.06, 0.26),
            (0.06, 0.34, -0.93),
            HandShape(0.1, 0.12, 0.14, 0.16, 0.18),
        ),
        RestingHand(
            (-0.094, -0.247, 0.282),
            (-0.83, -0.58, -0.52),
            (0.88, 0.03, 0.29),
            (0.05, -0.21, -0.87),
            HandShape(0.1, 0.1, 0.15, 0.2, 0.2),
        ),
    ),
    "clasp": (
        RestingHand(
            (0.089, -0.36, 0.228),
            (1.13, 0.01, -0.34),
            (-0.72, -0.54, 0.14),
            (-0.36, 0.09, -0.94),
            HandShape(0.15, 0.2, 0.22, 0.25, 0.25),
        ),
        RestingHand(
            (-0.087, -0.364, 0.27),
            (-0.57, -0.14, -0.29),
            (0.7, -0.77, 0.26),
            (0.15, -0.08, -0.96),
            HandShape(0.15, 0.2, 0.25, 0.3, 0.3),
        ),
    ),
    "forearm": (
        RestingHand(
            (0.157, -0.376, 0.185),
            (0.78, -0.16, -0.6),
            (-0.1, -0.87, 0.18),
            (-0.82, 0.01, -0.19),
            HandShape(0.0, 0.0, 0.02, 0.04, 0.05),
        ),
        RestingHand(
            (0.062, -0.236, 0.246),
            (-0.7, -0.45, 0.34),
            (0.7, -0.22, -0.26),
            (0.58, 0.16, -0.73),
            HandShape(0.1, 0.15, 0.2, 0.22, 0.25),
        ),
    ),
}


@cache
def fingers_of(side: str, shape: HandShape) -> dict[str, np.ndarray]:
    """Local rotations [3, 3] of the fingers of a hand in a shape."""
    result = {}
    for finger in FINGERS:
        closure = np.array([getattr(shape, finger)])
        for joint in range(3):
            name = f"{side}_{finger}{joint + 1}"
            curl = finger_curl(finger, joint, closure)
            result[name] = finger_rotation(side, finger, canonical_skeleton().index(name), curl, np.zeros(1))[0]
    return result


def hanging_pose(side: str) -> dict[str, np.ndarray]:
    """Local rotations [3, 3] of collar, shoulder, elbow and wrist of an arm that hangs."""
    skeleton = canonical_skeleton()
    sign = 1.0 if side == "left" else -1.0
    upper = skeleton.offsets[skeleton.index(f"{side}_elbow")]
    lower = skeleton.offsets[skeleton.index(f"{side}_wrist")]
    spread, forward = np.deg2rad(HANG_SPREAD), np.deg2rad(HANG_FORWARD)
    down = np.array([sign * np.sin(spread), -np.cos(spread), np.sin(forward)])
    shoulder = align_vectors(upper[None], down[None] / np.linalg.norm(down))[0]
    bend = np.deg2rad(HANG_ELBOW)
    fore = np.array([sign * np.sin(spread) * 0.6, -np.cos(bend), np.sin(bend) + np.sin(forward)])
    elbow = shoulder.T @ align_vectors(lower[None], fore[None] / np.linalg.norm(fore))[0]
    return {
        f"{side}_collar": np.eye(3),
        f"{side}_shoulder": shoulder,
        f"{side}_elbow": elbow,
        f"{side}_wrist": np.eye(3),
    }


@dataclass(frozen=True)
class Rest:
    """A stretch in which both hands rest."""

    first: int  # frame
    last: int  # one after the last frame
    kind: str  # one of KINDS
    outer: str  # the side of the hand that lies outside


def rests(weights: np.ndarray, fps: float, *, seed: int) -> list[Rest]:
    """Where both hands rest long enough to meet, and how: a random choice, mostly the one before.

    Args:
        weights: [T, 2] from 0 to 1, how far the left and the right hand rest.
    """
    rng = np.random.default_rng([seed, 19])
    outer = "left" if rng.random() < 0.5 else "right"
    names, chances = list(KINDS), np.array(list(KINDS.values()))
    kind, result = "", []
    for first, last in runs(weights.min(axis=1) > 0.5, shortest=round(SHORTEST_TOGETHER * fps)):
        again, other = rng.random() < SAME_AGAIN, names[rng.choice(len(names), p=chances / chances.sum())]
        kind = kind if again and kind else other
        result.append(Rest(first, last, kind, outer))
    return result


def resting(motion: Motion, weights: np.ndarray, chosen: list[Rest], *, seed: int) -> Motion:
    """Hands that rest go where they rest, each by itself, with eases on either side.

    Args:
        weights: [T, 2] from 0 to 1, how far the left and the right hand rest.
        chosen: where hands meet; elsewhere they hang.
    """
    height = float(np.clip(np.random.default_rng([seed, 23]).normal(), -2, 2)) * HEIGHT
    rotations = motion.rotations.astype(np.float64)
    for side, weight in zip(("left", "right"), weights.T, strict=True):
        if not weight.any():
            continue
        poses = _poses(side, chosen, len(motion), motion.fps, height=height)
        hanging = hanging_pose(side)
        moved = np.ix_(weight > 0.0, canonical_skeleton().indices(list(hanging)))
        target = np.broadcast_to(_quaternions(hanging, list(hanging)), (*rotations[moved].shape[:2], 4))
        for pose, share in poses:
            target = slerp(target, _quaternions(pose, list(hanging)), share[weight > 0.0, None])
        own = matrix_to_quaternion(rotations[moved])
        rotations[moved] = quaternion_to_matrix(slerp(own, target, weight[weight > 0.0, None]))
        for pose, share in poses:
            fingers, touching = sorted(pose.keys() - hanging.keys()), share * weight
            near = np.ix_(touching > 0.0, canonical_skeleton().indices(fingers))
            own = matrix_to_quaternion(rotations[near])
            closed = slerp(own, _quaternions(pose, fingers), touching[touching > 0.0, None])
            rotations[near] = quaternion_to_matrix(closed)
    return replace(motion, rotations=rotations.astype(np.float32))


def _quaternions(pose: Mapping[str, np.ndarray], joints: list[str]) -> np.ndarray:
    """[1, J, 4]"""
    return matrix_to_quaternion(np.stack([pose[joint] for joint in joints]))[None]


def _poses(
    side: str, chosen: list[Rest], frames: int, fps: float, *, height: float
) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
    """The poses of an arm in the rests in which it does not hang, each with how far it has reached it [T]."""
    at, ease, result = np.arange(frames), MEET * fps, []
    for rest in chosen:
        if rest.kind == HANG:
            continue
        mirrored = rest.outer == "left"
        hand = PLACES[rest.kind][1 if side == rest.outer else 0]
        late = OUTER_LATER * fps if side == rest.outer else 0.0
        begin = rest.first - ease / 2 + late if rest.first else -ease
        end = rest.last + ease / 2 - late if rest.last < frames else frames + ease
        share = minimum_jerk(np.minimum((at - begin) / ease, (end - at) / ease))
        result.append((hand.pose(side, mirrored=mirrored, height=height), share))
    return result
