"""Standing and sitting: the pelvis, the lower spine and the legs under a gesturing upper body.

The corpora at hand give a chest, a head and arms; hips and legs are those of a person on a chair. The
rules here (a decision of ours) put the same upper body on a standing or a seated person: the chest's
orientation in the world stays, and with it every limb above; pelvis and spine share what leads to it.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from ...core.rotation import (
    align_vectors,
    axis_angle_to_matrix,
    geodesic,
    matrix_to_quaternion,
    quaternion_to_matrix,
    slerp,
    transpose,
)
from ...core.series import hann_mean
from ..kinematics import forward, global_rotations
from ..motion import Motion
from ..skeleton import Skeleton, canonical_skeleton

# Share of the chest's turn that each joint has made when coming from below.
_SHARE = {"pelvis": 0.12, "spine1": 0.38, "spine2": 0.68}
_LEGS = ("pelvis", "left_hip", "left_knee", "right_hip", "right_knee")
_SAME_TURN = np.deg2rad(0.5)  # what a file's rounding, or another frame rate, may change of a joint's turn
_SAME_PLACE = 0.002  # metres, the same of the pelvis
STRETCH = 0.6  # metres that the pelvis sinks for each square metre between it and where a foot has it, a leg's geometry
HEEL = 350.0  # degrees by which a lifted foot points down for each metre of its lift
_REACH = 0.3  # metres from its place in rest within which a foot may stand
SINK = 0.15  # metres that the pelvis sinks for each that it moves aside
TILT = 70.0  # degrees by which it tilts for each metre
_SEAT_HEIGHT = 0.46  # metres, the pelvis' height above the floor less the seat's softness


def distribute_spine(chest: np.ndarray, pelvis_share: float = _SHARE["pelvis"]) -> dict[str, np.ndarray]:
    """Local rotations of pelvis, spine1, spine2 and spine3 that bring spine3 to ``chest``.

    Args:
        chest: world rotation of spine3, [T, 3, 3].
        pelvis_share: share of the turn that the pelvis makes, smoothed over half a second.
    """
    quaternion = matrix_to_quaternion(chest)
    identity = np.zeros_like(quaternion)
    identity[:, 0] = 1.0
    steady = _smooth_quaternions(quaternion, 31)

    def share(of: np.ndarray, amount: float) -> np.ndarray:
        return quaternion_to_matrix(slerp(identity, of, np.full(len(of), amount)))

    world = [share(steady, pelvis_share)]
    for name in ("spine1", "spine2"):
        world.append(share(quaternion, _SHARE[name]))
    world.append(chest)
    local = [world[0], *(transpose(a) @ b for a, b in pairwise(world))]
    return dict(zip(("pelvis", "spine1", "spine2", "spine3"), local, strict=True))


def stand(motion: Motion, *, shift: np.ndarray | None = None, feet: np.ndarray | None = None) -> Motion:
    """The same upper body on a standing person, feet planted where the rest pose has them unless they are moved.

    The pelvis moves a little with the chest so that the body's weight stays above the feet; the legs
    follow by inverse kinematics. World rotations from spine3 up are kept exactly.

    Args:
        shift: [T] metres to the left by which the pelvis moves onto the leg that carries; none unless given.
        feet: [T, 2, 3] metres by which the left and the right foot are away from their places; the pelvis follows.
    """
    return _rebuild(motion, seated=False, shift=shift, feet=feet)


def seat(motion: Motion) -> Motion:
    """The same upper body on a seated person: still pelvis, thighs level, feet on the floor."""
    return _rebuild(motion, seated=True)


def already_posed(motion: Motion) -> Motion | None:
    """The motion standing, if ``stand`` or ``seat`` posed it; None for any other canonical motion.

    Such a motion was given its place in the world on purpose, so its heading must not be taken out again.
    It is recognised by pelvis, hips and knees, which follow the chest by the rules above and by no others (a
    decision of ours; the median over frames counts, so cuts and ends do not matter). Where a rig
    lacked a part of the spine, or its legs had other lengths, the body is stood up once more. A standing body that
    shifts its weight is recognised by its feet, which stand level and still.
    """
    legs, spine = (canonical_skeleton().indices(list(names)) for names in (_LEGS, tuple(_SHARE)))
    standing = stand(motion)
    if _turned(motion, standing, legs) < _SAME_TURN:
        moved = np.linalg.norm(motion.translation - standing.translation, axis=-1)
        whole = _turned(motion, standing, spine) < _SAME_TURN and np.median(moved) < _SAME_PLACE
        return motion if whole else standing
    if _turned(motion, seat(motion), legs) < _SAME_TURN:
        return standing
    return motion if _is_planted(motion) else None


def _is_planted(motion: Motion) -> bool:
    """Are both feet level, still, on the floor and near where the rest pose has them, under bent knees, mostly?"""
    skeleton = canonical_skeleton()
    knees = motion.rotations[:, skeleton.indices(["left_knee", "right_knee"])]
    bent = geodesic(knees, np.broadcast_to(np.eye(3), knees.shape))
    ankles = skeleton.indices(["left_ankle", "right_ankle"])
    places = motion.positions[:, ankles].astype(np.float64)
    away = places - skeleton.rest_positions[ankles]
    still = np.linalg.norm(np.diff(places, axis=0, append=places[-1:]), axis=-1)
    world = global_rotations(motion.rotations, skeleton.parents)[:, ankles]
    turned = geodesic(world, np.broadcast_to(np.eye(3), world.shape))
    level = max(np.median(still, axis=0).max(), np.median(np.abs(away[..., 1]), axis=0).max()) < _SAME_PLACE
    near = np.linalg.norm(away, axis=-1).max() < _REACH
    planted = level and near and np.median(turned, axis=0).max() < _SAME_TURN
    return bool(planted and np.median(bent, axis=0).min() > _SAME_TURN)


def _turned(a: Motion, b: Motion, joints: list[int]) -> float:
    """Radians: the median over frames of the joint that differs most."""
    return float(np.median(geodesic(a.rotations[:, joints], b.rotations[:, joints]), axis=0).max())


def plant(motion: Motion, *, seated: bool) -> Motion:
    """The same trunk and arms on legs that are set anew, for a pelvis that was turned after ``stand``."""
    rotations = _pose_legs(motion.rotations.copy(), motion.translation, seated=seated)
    return replace(motion, rotations=rotations)


def _rebuild(
    motion: Motion, *, seated: bool, shift: np.ndarray | None = None, feet: np.ndarray | None = None
) -> Motion:
    skeleton = canonical_skeleton()
    world = global_rotations(motion.rotations, skeleton.parents)
    parts = distribute_spine(world[:, skeleton.index("spine3")], 0.0 if seated else _SHARE["pelvis"])
    rotations = motion.rotations.copy()
    for name, local in parts.items():
        rotations[:, skeleton.index(name)] = local
    translation = np.tile(skeleton.offsets[0], (len(motion), 1))
    if seated:
        translation[:, 1] = _SEAT_HEIGHT
        translation[:, 2] = -0.05
    else:
        translation += _balance(rotations, skeleton)
        if shift is not None:
            rotations, translation = _on_one_leg(rotations, translation, shift)
        if feet is not None:
            translation = _over_feet(translation, feet)
    rotations = _pose_legs(rotations, translation, seated=seated, feet=feet)
    return replace(motion, rotations=rotations.astype(np.float32), translation=translation.astype(np.float32))


def _balance(rotations: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """[T, 3] metres: the pelvis gives way against the chest's lean, within 4 cm, and sinks a little."""
    _, positions = forward(rotations, np.zeros((len(rotations), 3)), skeleton.parents, skeleton.offsets)
    chest = positions[:, skeleton.index("neck")] - (
        skeleton.rest_positions[skeleton.index("neck")] - skeleton.offsets[0]
    )
    shift = -0.35 * hann_mean(chest, 31)
    shift[:, 1] = 0.0
    shift = 0.04 * np.tanh(shift / 0.04)
    shift[:, 1] = -0.008 - 0.1 * np.linalg.norm(shift, axis=-1)
    return shift


def _on_one_leg(rotations: np.ndarray, translation: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pelvis moved onto a leg, and tilted so that its hip is the higher one; the chest keeps its orientation."""
    moved = translation.copy()
    moved[:, 0] += shift
    moved[:, 1] -= SINK * np.abs(shift)
    roll = np.zeros((len(shift), 3))
    roll[:, 2] = np.deg2rad(TILT) * shift
    tilt = axis_angle_to_matrix(roll)
    tilted = rotations.copy()
    tilted[:, 0] = tilt @ rotations[:, 0]
    first = canonical_skeleton().index("spine1")
    tilted[:, first] = transpose(tilted[:, 0]) @ rotations[:, 0] @ rotations[:, first]
    return tilted, moved


def _over_feet(translation: np.ndarray, feet: np.ndarray) -> np.ndarray:
    """The pelvis [T, 3] metres moved to the middle of the feet, a second's mean of it, and low enough for both."""
    moved = translation.copy()
    ground = feet * [1.0, 0.0, 1.0]
    moved += hann_mean(ground.mean(axis=1), 31)
    apart = (moved - canonical_skeleton().offsets[0])[:, None] - ground
    moved[:, 1] -= STRETCH * (apart[..., [0, 2]] ** 2).sum(axis=(1, 2))
    return moved


def _pose_legs(
    rotations: np.ndarray, translation: np.ndarray, *, seated: bool, feet: np.ndarray | None = None
) -> np.ndarray:
    """Set hips, knees, ankles and feet: ankles at their places, knees bending forward."""
    skeleton = canonical_skeleton()
    rest = skeleton.rest_positions
    pelvis = rotations[:, 0]
    for k, side in enumerate(("left", "right")):
        hip, knee, ankle, foot = (skeleton.index(f"{side}_{part}") for part in ("hip", "knee", "ankle", "foot"))
        thigh, shin = skeleton.offsets[knee], skeleton.offsets[ankle]
        target = rest[ankle].copy()
        if seated:
            sign = np.sign(rest[hip][0])
            target = np.array([rest[ankle][0] + 0.04 * sign, rest[ankle][1], np.linalg.norm(thigh) * 0.92])
        targets = target[None] if feet is None else target + feet[:, k]
        start = translation + (pelvis @ skeleton.offsets[hip])
        upper, lower = _two_bone(start, targets, thigh, shin, toe_out=np.sign(rest[hip][0]) * 0.12)
        rotations[:, hip] = transpose(pelvis) @ upper
        rotations[:, knee] = transpose(upper) @ lower
        rotations[:, ankle] = transpose(lower)  # the foot stays level, turned as in rest
        if feet is not None:
            pitch = np.deg2rad(HEEL * feet[:, k, 1])[:, None] * [1.0, 0.0, 0.0]
            rotations[:, ankle] = rotations[:, ankle] @ axis_angle_to_matrix(pitch)
        rotations[:, foot] = np.eye(3)
    return rotations


def _two_bone(
    start: np.ndarray, target: np.ndarray, thigh: np.ndarray, shin: np.ndarray, *, toe_out: float
) -> tuple[np.ndarray, np.ndarray]:
    """World rotations [T, 3, 3] of thigh and shin that bring the ankle from ``start`` to ``target``."""
    a, b = np.linalg.norm(thigh), np.linalg.norm(shin)
    reach = target - start
    distance = np.linalg.norm(reach, axis=-1)
    # Past the leg's length the ankle would leave the floor; the pelvis is kept low enough for that.
    distance = np.minimum(distance, (a + b) * 0.9995)
    direction = reach / np.linalg.norm(reach, axis=-1, keepdims=True)
    pole = np.array([np.sin(toe_out), 0.0, np.cos(toe_out)])
    pole = pole - direction * (direction @ pole)[:, None]
    pole /= np.linalg.norm(pole, axis=-1, keepdims=True)
    cosine = np.clip((a * a + distance**2 - b * b) / (2 * a * distance), -1, 1)[:, None]
    knee = start + a * (direction * cosine + pole * np.sqrt(1 - cosine**2))
    ankle = start + direction * distance[:, None]
    return align_vectors(thigh[None], knee - start), align_vectors(shin[None], ankle - knee)


def _smooth_quaternions(quaternion: np.ndarray, width: int) -> np.ndarray:
    """Moving mean of nearby orientations, normalised; q is w >= 0 and far from half turns here."""
    mean = hann_mean(quaternion, width)
    unit: np.ndarray = mean / np.linalg.norm(mean, axis=-1, keepdims=True)
    return unit
