"""Where the eyes look: ARKit weights and rotations of the eyes, one gaze in all formats.

A motion that is generated carries its gaze in the weights ``eyeLook*`` alone; the eye joints stay at rest. What
writes a format that has rotations of the eyes takes them from ``eye_angles``: the joints of BVH, npz and a bare
skeleton, ``lookAt`` of VRMA, the columns of a Live Link Face CSV. ARKit does not say by how much an eye turns at
weight 1; the angles are those of the default avatar's shapes. [D]
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..core.rotation import euler_to_matrix, geodesic, matrix_to_euler
from .face_shapes import ARKIT_INDEX, FACE_SHAPES
from .motion import Motion
from .skeleton import CANONICAL_NAMES

SIDE, UP, DOWN = 25.0, 18.0, 20.0  # degrees by which an eye turns at weight 1
LOOKS = tuple(index for name, index in ARKIT_INDEX.items() if name.startswith("eyeLook"))
EYES = ("left_eye", "right_eye")
_REST = 1e-4  # of a rotation matrix that a file has rounded
_ALIKE = np.radians(0.5)  # rotations closer than this are the same gaze


def eye_angles(face: np.ndarray) -> np.ndarray:
    """Yaw and pitch of both eyes against the head, from ARKit weights.

    Args:
        face: [T, 52].

    Returns:
        [T, 2, 2] degrees: left and right eye; yaw to the person's left, pitch down.

    >>> face = np.zeros((1, 52))
    >>> face[0, ARKIT_INDEX["eyeLookOutLeft"]] = face[0, ARKIT_INDEX["eyeLookInRight"]] = 0.4
    >>> eye_angles(face)[0].tolist()
    [[10.0, 0.0], [10.0, 0.0]]
    """

    def weight(look: str, side: str) -> np.ndarray:
        return np.asarray(face[:, ARKIT_INDEX[f"eyeLook{look}{side}"]], np.float64)

    angles = np.empty((len(face), 2, 2))
    for eye, (side, left, right) in enumerate((("Left", "Out", "In"), ("Right", "In", "Out"))):
        angles[:, eye, 0] = SIDE * (weight(left, side) - weight(right, side))
        angles[:, eye, 1] = DOWN * weight("Down", side) - UP * weight("Up", side)
    return angles


def look_weights(angles: np.ndarray) -> np.ndarray:
    """ARKit weights [T, 52] of eyes that are turned by [T, 2, 2] degrees, as ``eye_angles`` has them; others zero."""
    face = np.zeros((len(angles), FACE_SHAPES), np.float32)
    for eye, (side, left, right) in enumerate((("Left", "Out", "In"), ("Right", "In", "Out"))):
        yaw, pitch = angles[:, eye, 0], angles[:, eye, 1]
        for look, turn in ((left, yaw / SIDE), (right, -yaw / SIDE), ("Down", pitch / DOWN), ("Up", -pitch / UP)):
            face[:, ARKIT_INDEX[f"eyeLook{look}{side}"]] = np.clip(turn, 0.0, 1.0)
    return face


def eye_rotations(face: np.ndarray) -> np.ndarray:
    """Rotations [T, 2, 3, 3] of the left and the right eye in the head, ``Ry(yaw) Rx(pitch)``, from ARKit weights."""
    return euler_to_matrix(np.radians(eye_angles(face)), "YX")


def angles_of(rotations: np.ndarray) -> np.ndarray:
    """Yaw and pitch [..., 2] in degrees of rotations [..., 3, 3] of an eye; what rolls it is left out."""
    angles: np.ndarray = np.degrees(matrix_to_euler(rotations, "YXZ")[..., :2])
    return angles


def with_turned_eyes(motion: Motion) -> Motion:
    """A canonical motion whose eye joints carry the gaze of its face; as it is where they move already."""
    if motion.face is None or motion.skeleton.names != CANONICAL_NAMES or not _looks(motion) or not eyes_rest(motion):
        return motion
    rotations = motion.rotations.copy()
    rotations[:, motion.skeleton.indices(EYES)] = eye_rotations(motion.face)
    return replace(motion, rotations=rotations)


def with_eyes_in_face(motion: Motion) -> Motion:
    """A canonical motion whose eye joints rest where they only repeat the gaze of its face."""
    if motion.face is None or motion.skeleton.names != CANONICAL_NAMES or not _looks(motion):
        return motion
    joints = motion.skeleton.indices(EYES)
    apart = geodesic(motion.rotations[:, joints].astype(np.float64), eye_rotations(motion.face))
    return motion if apart.max() > _ALIKE else _with_resting_eyes(motion)


def one_gaze(motion: Motion) -> Motion:
    """A motion whose eyes are turned once, for what draws joints and ARKit weights together: by the weights."""
    moved = motion.face is not None and _looks(motion) and set(EYES) <= set(motion.skeleton.names)
    return _with_resting_eyes(motion) if moved else motion


def _looks(motion: Motion) -> bool:
    return motion.face is not None and bool(motion.face[:, LOOKS].any())


def eyes_rest(motion: Motion) -> bool:
    """Whether the eye joints of a canonical motion never move."""
    return np.allclose(motion.rotations[:, motion.skeleton.indices(EYES)], np.eye(3), atol=_REST)


def _with_resting_eyes(motion: Motion) -> Motion:
    rotations = motion.rotations.copy()
    rotations[:, motion.skeleton.indices(EYES)] = np.eye(3, dtype=np.float32)
    return replace(motion, rotations=rotations)
