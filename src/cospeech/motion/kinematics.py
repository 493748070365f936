"""Forward kinematics and what follows from it: positions, speeds, mirror images."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.rotation import transpose
from .skeleton import Skeleton


def global_rotations(rotations: Array, parents: tuple[int, ...]) -> Array:
    """Local [..., J, 3, 3] -> world [..., J, 3, 3] rotations, for NumPy and torch."""
    result: list[Array] = []
    for joint, parent in enumerate(parents):
        local = rotations[..., joint, :, :]
        result.append(local if parent < 0 else result[parent] @ local)
    world: Array = _stack(result, -3)
    return world


def local_rotations(world: np.ndarray, parents: tuple[int, ...]) -> np.ndarray:
    """World [..., J, 3, 3] -> local [..., J, 3, 3] rotations."""
    up = np.array([max(parent, 0) for parent in parents])
    local: np.ndarray = transpose(world[..., up, :, :]) @ world
    root = np.array([parent < 0 for parent in parents])
    local[..., root, :, :] = world[..., root, :, :]
    return local


def forward(rotations: Array, translation: Array, parents: tuple[int, ...], offsets: Array) -> tuple[Array, Array]:
    """World rotations [..., J, 3, 3] and world positions [..., J, 3] in metres.

    Args:
        rotations: local, [..., J, 3, 3].
        translation: root position, [..., 3] metres.
        parents: parent of every joint, -1 for the root.
        offsets: [J, 3] metres; the root's own is not used, ``translation`` stands for it.
    """
    world: list[Array] = []
    position: list[Array] = []
    for joint, parent in enumerate(parents):
        local = rotations[..., joint, :, :]
        if parent < 0:
            world.append(local)
            position.append(translation)
        else:
            world.append(world[parent] @ local)
            position.append(position[parent] + (world[parent] @ offsets[joint][..., None])[..., 0])
    return _stack(world, -3), _stack(position, -2)


def joint_positions(rotations: Array, translation: Array, skeleton: Skeleton) -> Array:
    """World positions [..., J, 3] in metres of a motion on a skeleton."""
    offsets: Any = skeleton.offsets
    if not isinstance(rotations, np.ndarray):
        offsets = rotations.new_tensor(skeleton.offsets)
    elif rotations.dtype == np.float32:
        offsets = skeleton.offsets.astype(np.float32)
    positions: Array = forward(rotations, translation, skeleton.parents, offsets)[1]
    return positions


def speed(positions: np.ndarray, fps: float) -> np.ndarray:
    """Speed [T, ...] in metres a second of points [T, ..., 3]: central differences, one-sided at the ends."""
    if len(positions) < 2:
        return np.zeros(positions.shape[:-1])
    result: np.ndarray = np.linalg.norm(np.gradient(positions, axis=0), axis=-1) * fps
    return result


def mirror_rotations(rotations: np.ndarray, mirror: tuple[int, ...]) -> np.ndarray:
    """Mirror a motion left-right (x -> -x). rotations [..., J, 3, 3], mirror: partner of every joint."""
    flip = np.diag([-1.0, 1.0, 1.0]).astype(rotations.dtype)
    mirrored: np.ndarray = flip @ rotations[..., list(mirror), :, :] @ flip
    return mirrored


def _stack(parts: list[Any], axis: int) -> Any:
    if isinstance(parts[0], np.ndarray):
        return np.stack(parts, axis)
    import sys

    return sys.modules["torch"].stack(parts, axis)
