"""The 116 keypoints of ``motion.points`` on the default person: joints, finger tips and face landmarks.

The face's 68 landmarks and the finger tips are attached to the skin, each to one triangle;
scripts/build_landmarks.py found them by rules on the mesh. The other keypoints are joints of the skeleton.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np

from ...avatar.body import Body, load_body
from ...avatar.camera import Camera
from ...avatar.pose import canonical_motion, pose_vertices
from ...avatar.skinning import joint_transforms
from ...core.errors import UserError
from ...motion.motion import Motion
from ...motion.points import BODY_POINTS, FACE_POINTS, FINGERS, POINTS, SIDES
from ...motion.skeleton import CANONICAL_NAMES

TABLE = Path(__file__).parents[1] / "assets" / "landmarks.json"
FORMAT = 1
CHUNK = 64  # frames posed at once


def _joint_of(name: str) -> str | None:
    """The joint at a body keypoint; None for a finger tip."""
    side, _, rest = name.partition("_")
    if rest == "hand":
        return f"{side}_wrist"
    return None if rest.endswith("4") else name


_JOINTS = [_joint_of(name) for name in BODY_POINTS]
_AT_JOINT = np.array([k for k, name in enumerate(_JOINTS) if name is not None])
_JOINT = np.array([CANONICAL_NAMES.index(name) for name in _JOINTS if name is not None])
_TIPS = np.array([BODY_POINTS.index(f"{side}_{finger}4") for side in SIDES for finger in FINGERS])


@lru_cache(maxsize=1)
def _table() -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """By number of vertices of a level: vertices [78, 3] and their weights [78, 3], face then finger tips."""
    if not TABLE.is_file():
        raise UserError("the table of keypoints is missing from the installation; install cospeech again")
    stored = json.loads(TABLE.read_text())
    if stored["format"] != FORMAT:
        raise UserError(f"the table of keypoints has format {stored['format']}, this version reads {FORMAT}")
    return {
        len(load_body(level)): (
            np.array(stored[f"level{level}"]["vertices"]),
            np.array(stored[f"level{level}"]["shares"], dtype=np.float32),
        )
        for level in (0, 1)
    }


def landmarks_3d(body: Body, posed_vertices: np.ndarray, joint_places: np.ndarray) -> np.ndarray:
    """Keypoints of a posed person.

    Args:
        body: the default person at one of its levels, or one with other vertices in the same order.
        posed_vertices: [T, V, 3] metres.
        joint_places: [T, 55, 3] metres, of the canonical joints.

    Returns:
        [T, 116, 3] float32 metres, in the order of ``motion.points.POINTS``.

    Raises:
        UserError: the body has another number of vertices than either level of the default person.
    """
    tables = _table()
    if len(body) not in tables:
        allowed = " or ".join(map(str, tables))
        raise UserError(f"keypoints are known on bodies of {allowed} vertices; got one of {len(body)}")
    vertices, shares = tables[len(body)]
    on_skin = np.einsum("tpkc,pk->tpc", posed_vertices[:, vertices], shares)
    result = np.empty((len(posed_vertices), len(POINTS), 3), np.float32)
    result[:, len(BODY_POINTS) :] = on_skin[:, : len(FACE_POINTS)]
    result[:, _TIPS] = on_skin[:, len(FACE_POINTS) :]
    result[:, _AT_JOINT] = joint_places[:, _JOINT]
    return result


def joint_places(body: Body, motion: Motion, *, frames: slice = slice(None)) -> np.ndarray:
    """Positions of the body's joints [T, 55, 3] float32, metres; raises UserError as ``pose_vertices``."""
    rotations, translation, _ = canonical_motion(body, motion, frames)
    transforms = joint_transforms(rotations, translation, body.joint_positions)[:, : len(CANONICAL_NAMES)]
    return np.einsum("tjab,jb->tja", transforms[..., :3], body.joint_positions) + transforms[..., 3]


def landmarks_of(motion: Motion, *, level: int = 1) -> np.ndarray:
    """Keypoints of the default person in every frame of a motion.

    Args:
        motion: on the canonical joints; its face, if there is one, moves the points of the face.
        level: of the body, 0 full or 1 lighter; the points differ by fractions of a millimetre.

    Returns:
        [T, 116, 3] float32 metres, y up.

    Raises:
        UserError: the motion is on another skeleton.
    """
    body = load_body(level)
    result = np.empty((motion.frames, len(POINTS), 3), np.float32)
    for start in range(0, motion.frames, CHUNK):
        span = slice(start, min(start + CHUNK, motion.frames))
        posed = pose_vertices(body, motion, frames=span)
        result[span] = landmarks_3d(body, posed, joint_places(body, motion, frames=span))
    return result


def project(points: np.ndarray, camera: Camera, width: int, height: int) -> np.ndarray:
    """World [..., 3] metres -> pixels [..., 2] float32, x right, y down, from the top left corner."""
    return camera.project(np.asarray(points, np.float32), width, height)[..., :2]
