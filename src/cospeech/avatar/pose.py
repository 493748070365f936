"""Pose the body: face shapes, then linear blend skinning, many frames at once."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..core.errors import UserError
from ..motion.expressions import one_jaw
from ..motion.eyes import one_gaze
from ..motion.motion import Motion
from ..motion.skeleton import CANONICAL_NAMES
from .body import Body
from .skinning import dense_weights, joint_transforms


def pose_vertices(body: Body, motion: Motion, *, frames: slice = slice(None)) -> np.ndarray:
    """The mesh in every frame of a motion.

    Args:
        body: from ``load_body``.
        motion: on the canonical joints (in any order); its own bone lengths are not used, its root
            height is scaled to the body's.
        frames: which frames.

    Returns:
        [T, V, 3] float32 metres, y up.

    Raises:
        UserError: the motion is on another skeleton.
    """
    rotations, translation, face = canonical_motion(body, motion, frames)
    transforms = joint_transforms(rotations, translation, body.joint_positions)
    # Columns first, so that each product below runs over rows of three.
    columns = np.ascontiguousarray(np.swapaxes(transforms, 2, 3)).reshape(len(transforms), -1, 12)
    dense = _dense(body)
    result = np.empty((len(transforms), len(body), 3), np.float32)
    shapes = _shapes(body) if face is not None else None
    for frame, matrices in enumerate(columns):
        points = body.vertices
        if shapes is not None and face is not None:
            moved, table = shapes
            points = points.copy()
            points[moved] += (face[frame] @ table).reshape(-1, 3)
        blend = dense @ matrices  # [V, 12]
        posed = result[frame]
        posed[:] = blend[:, 9:]
        for axis in range(3):
            posed += blend[:, 3 * axis : 3 * axis + 3] * points[:, axis, None]
    return result


def canonical_motion(body: Body, motion: Motion, frames: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Rotations [T, 55, 3, 3], root positions [T, 3] fitted to the body, face weights [T, 52] or None."""
    motion, skeleton = one_gaze(one_jaw(motion)), motion.skeleton
    missing = [name for name in CANONICAL_NAMES[:22] if name not in skeleton.names]
    if missing:
        raise UserError(
            f"the avatar moves on the canonical skeleton; this motion has no {', '.join(missing[:4])}"
            f"{' ...' if len(missing) > 4 else ''}; retarget it first (cospeech convert)"
        )
    rotations, translation = motion.rotations[frames], motion.translation[frames]
    if skeleton.names != CANONICAL_NAMES:
        whole = np.broadcast_to(np.eye(3, dtype=np.float32), (len(rotations), len(CANONICAL_NAMES), 3, 3)).copy()
        for joint, name in enumerate(CANONICAL_NAMES):
            if name in skeleton.names:
                whole[:, joint] = rotations[:, skeleton.index(name)]
        rotations = whole
    height = float(skeleton.offsets[0, 1])
    if height > 0.1:
        translation = translation * np.float32(body.joint_positions[0, 1] / height)
    face = None if motion.face is None else np.clip(motion.face[frames], 0.0, 1.0)
    return rotations, translation, face


@lru_cache(maxsize=4)
def _dense(body: Body) -> np.ndarray:
    return dense_weights(body.joints, body.weights, body.vertices, body.joint_positions)


@lru_cache(maxsize=4)
def _shapes(body: Body) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the vertices that move [M], and deltas [52, M * 3] in the order of ``Motion.face``."""
    from ..motion.face_shapes import ARKIT_NAMES

    moved = body.morphs.moved
    dense = body.morphs.dense(len(body))[:, moved]
    order = [body.morphs.names.index(name) for name in ARKIT_NAMES]
    return moved, np.ascontiguousarray(dense[order].reshape(len(order), -1))
