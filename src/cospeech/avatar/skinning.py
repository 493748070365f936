"""Linear blend skinning on the canonical skeleton, with helpers that spread twist along the arms.

A wrist turned by 90 degrees would wring the skin at the wrist like a sweet's wrapper, and an upper
arm rolled at the shoulder would wring the shoulder. Real forearms and upper arms twist along their
length. So eight helper transforms, which no file and no motion knows of, carry none, half or all of
the twist, and the weight of shoulder and elbow is shared among them by the place along the bone.
"""

from __future__ import annotations

import numpy as np

from ..core.rotation import matrix_to_quaternion, quaternion_to_matrix
from ..motion.kinematics import forward
from ..motion.skeleton import CANONICAL_NAMES, CANONICAL_PARENTS

JOINTS = len(CANONICAL_NAMES)
HELPERS = 8  # a side: shoulder without twist, with half of it; elbow with half, with all of the wrist's twist

_ARMS = tuple(
    tuple(CANONICAL_NAMES.index(f"{side}_{name}") for name in ("shoulder", "elbow", "wrist"))
    for side in ("left", "right")
)


def dense_weights(joints: np.ndarray, weights: np.ndarray, vertices: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Skin weights over joints and helpers.

    Args:
        joints: [V, 4] joint indices.
        weights: [V, 4], sum 1.
        vertices: [V, 3] metres, T-pose.
        rest: [55, 3] metres, joint positions in T-pose.

    Returns:
        [V, 55 + 8] float32, sum 1.
    """
    count = len(joints)
    dense = np.zeros((count, JOINTS + HELPERS), np.float32)
    np.add.at(dense, (np.arange(count)[:, None], joints.astype(np.int64)), weights.astype(np.float32))
    reach = np.abs(vertices[:, 0])
    for side, (shoulder, elbow, wrist) in enumerate(_ARMS):
        helper = JOINTS + 4 * side
        a, b, c = (abs(rest[joint, 0]) for joint in (shoulder, elbow, wrist))
        along = np.clip((reach - a) / (0.8 * (b - a)), 0.0, 1.0)
        none, half, full = _hats(along)
        weight = dense[:, shoulder].copy()
        dense[:, helper], dense[:, helper + 1], dense[:, shoulder] = (none * weight, half * weight, full * weight)
        along = np.clip((reach - b) / (c - b) * 1.15 - 0.15, 0.0, 1.0)
        none, half, full = _hats(along)
        weight = dense[:, elbow].copy()
        dense[:, elbow], dense[:, helper + 2], dense[:, helper + 3] = (none * weight, half * weight, full * weight)
    return dense


def _hats(along: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    none = np.clip(1 - 2 * along, 0, 1)
    full = np.clip(2 * along - 1, 0, 1)
    return none, 1 - none - full, full


def twist_about_x(rotation: np.ndarray, share: float) -> np.ndarray:
    """The share of a rotation [..., 3, 3] that turns about x (swing-twist), as [..., 3, 3]."""
    q = matrix_to_quaternion(rotation)
    angle = share * 2 * np.arctan2(q[..., 1], q[..., 0])
    angle = share * _wrap(angle / share)
    zero = np.zeros_like(angle)
    return quaternion_to_matrix(np.stack([np.cos(angle / 2), np.sin(angle / 2), zero, zero], -1))


def _wrap(angle: np.ndarray) -> np.ndarray:
    return (angle + np.pi) % (2 * np.pi) - np.pi


def joint_transforms(rotations: np.ndarray, translation: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """What every joint and helper does to a point of the T-pose.

    Args:
        rotations: [T, 55, 3, 3] local.
        translation: [T, 3] root position, metres.
        rest: [55, 3] metres, joint positions in T-pose.

    Returns:
        [T, 55 + 8, 3, 4] float32: rotation and translation, ``x' = A[:, :3] x + A[:, 3]``.
    """
    parents = np.array(CANONICAL_PARENTS)
    offsets = rest - np.where(parents[:, None] >= 0, rest[parents], 0.0)
    rotations = np.asarray(rotations, np.float64)
    world, position = forward(rotations, np.asarray(translation, np.float64), CANONICAL_PARENTS, offsets)
    turns, places, origins = [world], [position], [rest]
    for shoulder, elbow, wrist in _ARMS:
        whole = twist_about_x(rotations[:, shoulder], 1.0)
        swing = world[:, shoulder] @ np.swapaxes(whole, -1, -2)
        half = swing @ twist_about_x(rotations[:, shoulder], 0.5)
        turned = world[:, elbow] @ twist_about_x(rotations[:, wrist], 1.0)
        halfway = world[:, elbow] @ twist_about_x(rotations[:, wrist], 0.5)
        turns.append(np.stack([swing, half, halfway, turned], 1))
        pair = [shoulder, shoulder, elbow, elbow]
        places.append(position[:, pair])
        origins.append(rest[pair])
    turn = np.concatenate(turns, 1)
    place, origin = np.concatenate(places, 1), np.concatenate(origins, 0)
    shift = place - np.einsum("tjab,jb->tja", turn, origin)
    return np.concatenate([turn, shift[..., None]], -1).astype(np.float32)


def blend_matrices(dense: np.ndarray, transforms: np.ndarray) -> np.ndarray:
    """Weighted transforms of every vertex: [V, K] and [K, 3, 4] -> [V, 3, 4] float32."""
    blended: np.ndarray = (dense @ transforms.reshape(len(transforms), 12)).reshape(-1, 3, 4)
    return blended
