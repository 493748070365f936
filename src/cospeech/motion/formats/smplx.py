"""SMPL-X parameters in an npz, as BEAT2 and AMASS store them.

Keys of BEAT2, in this order: betas (300) float32, poses (T, 165) float32 axis-angle in the order of the
canonical skeleton (pelvis, 21 body joints, jaw, eyes, 15 + 15 fingers, relative to the flat hand),
expressions (T, 100) float64 FLAME, trans (T, 3) float64 metres, model, gender, mocap_frame_rate int32.

The local rotations are taken as they are: SMPL-X and the canonical skeleton share names, tree and T-pose.
The model's pelvis lies ``PELVIS`` from its origin, so the root is at trans + PELVIS; the shape (betas) moves
it by a few centimetres, which only the licensed body model could tell. What a file holds beside the motion
stays in ``motion.extra``, and where rotations and root are still those that were read, the original numbers
are written back: an unmodified motion gives the same file, byte for byte.

AMASS and others also store SMPL-H (T, 156: without jaw and eyes) and SMPL (T, 72: without fingers, with two hands
that turn as a whole and count for nothing here). They are read on the same skeleton and written as SMPL-X.

A face of ARKit weights is kept beside them, as ``arkit_face`` (T, 52) float32 in the order of ``ARKIT_NAMES``, a key
that SMPL-X tools do not read; its gaze also turns the eyes in ``poses``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import UserError
from ...core.files import atomic_path
from ...core.limits import check_length, check_poses
from ...core.npz_files import read_npz
from ...core.progress import note_once
from ...core.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from ..eyes import with_eyes_in_face, with_turned_eyes
from ..face_shapes import FACE_SHAPES
from ..kinematics import global_rotations
from ..motion import Motion
from ..rig_binding import find_table
from ..skeleton import CANONICAL_NAMES, CANONICAL_PARENTS, canonical_skeleton
from . import SOURCE, Format

PELVIS = np.array([0.0031, -0.3514, 0.0120])  # metres, of the neutral mean shape
PELVIS_SMPL = np.array([-0.0018, -0.2233, 0.0282])  # likewise of SMPL and SMPL-H
_KEYS = ("betas", "poses", "expressions", "trans", "model", "gender", "mocap_frame_rate")
_RATE_KEYS = ("mocap_frame_rate", "mocap_framerate")
_PER_FRAME = ("poses", "expressions", "trans")
JOINTS = len(CANONICAL_NAMES)
_POSE = 3 * JOINTS  # axis-angle of all joints
_POSE_SMPL_H = 156  # 22 joints of the body, 30 of the fingers
_POSE_SMPL = 72  # 22 joints of the body, two hands
_POSE_BODY = 66
_BETAS, _EXPRESSIONS = 300, 100  # coefficients of shape, and of the face of FLAME
_RATE = 30.0  # frames a second of files that do not say, as in BEAT2
_HAND_TURNS = 0.05  # radians
FACE_KEY = "arkit_face"
_PREFIX = "smplx/"  # of the keys in motion.extra["per_frame"]
_Z_UP_TO_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


def load_smplx(path: str | Path, *, up: str = "auto") -> Motion:
    """Read SMPL-X parameters on the canonical skeleton.

    Args:
        path: the npz file; pickled objects in it are refused.
        up: "y" (BEAT2), "z" (AMASS) or "auto" (where the back points).

    Raises:
        UserError: broken, pickled, or not SMPL-X parameters.
    """
    path = Path(path)
    if up not in ("auto", "y", "z"):
        raise UserError(f"up is 'auto', 'y' or 'z'; got {up!r}")
    arrays = _read_arrays(path)
    _check_arrays(path, arrays)
    poses, trans, face = _whole(arrays["poses"]), arrays["trans"], arrays.pop(FACE_KEY, None)
    pelvis = PELVIS if arrays["poses"].shape[1] == _POSE else PELVIS_SMPL
    frames = len(poses)
    fps = _rate(path, arrays)
    check_length(frames, fps, path)
    check_poses(frames, JOINTS, path, given=poses.size)
    if up == "auto":
        up = "z" if _points_z(poses) else "y"
    turn = _Z_UP_TO_Y_UP if up == "z" else np.eye(3)
    rotations, translation = _forward(poses, trans, turn, pelvis)
    per_frame = {
        _PREFIX + key: arrays[key]
        for key in _PER_FRAME
        if key in arrays and arrays[key].ndim == 2 and len(arrays[key]) == frames
    }
    rest = {key: value for key, value in arrays.items() if _PREFIX + key not in per_frame}
    kept = {"arrays": rest, "order": tuple(arrays), "up": up, "pelvis": pelvis}
    source = {"up": up, "scale": 1.0, "people": (), "person": ""}
    extra: dict[str, Any] = {"per_frame": per_frame, "smplx": kept, SOURCE: source}
    return with_eyes_in_face(Motion(canonical_skeleton(), fps, rotations, translation, face, extra))


def _whole(poses: np.ndarray) -> np.ndarray:
    """Poses (T, 165) of those of SMPL-X, SMPL-H or SMPL; joints that these lack rest."""
    if poses.shape[1] == _POSE:
        return poses
    whole = np.zeros((len(poses), _POSE), poses.dtype)
    whole[:, :_POSE_BODY] = poses[:, :_POSE_BODY]
    if poses.shape[1] == _POSE_SMPL_H:
        whole[:, _POSE - (_POSE_SMPL_H - _POSE_BODY) :] = poses[:, _POSE_BODY:]
    elif np.abs(poses[:, _POSE_BODY:] - poses[:1, _POSE_BODY:]).max() > _HAND_TURNS:
        note_once("the hands of SMPL (its last two joints) move and have no place here; their movement is left out")
    return whole


def _check_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Raises UserError unless poses and trans are there in their shapes, and all parameters are finite numbers."""
    for key in ("poses", "trans"):
        if key not in arrays:
            raise UserError(f"{path}: no array {key!r}; a SMPL-X file holds {', '.join(_KEYS)}")
    poses, trans = arrays["poses"], arrays["trans"]
    frames = len(poses) if poses.ndim else 0
    shapes = [(frames, columns) for columns in (_POSE, _POSE_SMPL_H, _POSE_SMPL)]
    if frames < 1 or poses.shape not in shapes or trans.shape != (frames, 3):
        raise UserError(
            f"{path}: poses must be (T, {_POSE}), (T, {_POSE_SMPL_H}) or (T, {_POSE_SMPL}) and trans (T, 3) with "
            f"T > 0; got {poses.shape} and {trans.shape}"
        )
    if arrays.get(FACE_KEY, np.zeros((frames, FACE_SHAPES))).shape != (frames, FACE_SHAPES):
        raise UserError(f"{path}: {FACE_KEY} must be ({frames}, {FACE_SHAPES}); got {arrays[FACE_KEY].shape}")
    for key in (*_PER_FRAME, "betas", FACE_KEY):
        value = arrays.get(key)
        if value is not None and (value.dtype.kind not in "fiu" or not np.isfinite(value).all()):
            raise UserError(f"{path}: {key} must hold finite numbers")


def save_smplx(motion: Motion, path: str | Path, *, rig: str | None = None, up: str | None = None) -> Path:
    """Write a BEAT2-style npz; other rigs are retargeted first. ARKit weights are added as ``arkit_face``.

    Betas and expressions are those the motion was read with, zeros for a generated one.

    Args:
        motion: what to write.
        path: the file; it appears whole or not at all.
        rig: the canonical one under any of its names ("smplx", ...); the format has no other.
        up: "y" (BEAT2) or "z" (AMASS); that of the file the motion was read from, or y, if None.

    Raises:
        UserError: another rig or axis.
    """
    _check_options(path, rig, up)
    path = Path(path)
    if motion.skeleton.names != CANONICAL_NAMES:
        from ..retarget import retarget

        motion = retarget(motion)
    motion = with_turned_eyes(motion)
    frames = motion.frames
    kept = motion.extra.get("smplx", {})
    per_frame = {
        key.removeprefix(_PREFIX): value
        for key, value in motion.extra.get("per_frame", {}).items()
        if key.startswith(_PREFIX) and len(value) == frames
    }
    turn = _Z_UP_TO_Y_UP if (up or kept.get("up")) == "z" else np.eye(3)
    stored: dict[str, np.ndarray] = {
        key: value for key, value in kept.get("arrays", {}).items() if key not in _PER_FRAME
    }
    poses, trans = _backward(motion, per_frame.get("poses"), per_frame.get("trans"), turn, kept.get("pelvis", PELVIS))
    rate = np.array(motion.fps, dtype=np.int32 if float(motion.fps).is_integer() else np.float64)
    arrays: dict[str, np.ndarray] = {
        "betas": np.zeros(_BETAS, dtype=np.float32),
        "model": np.array("smplx2020"),
        "gender": np.array("neutral"),
        "mocap_frame_rate": rate,
        "expressions": per_frame.get("expressions", np.zeros((frames, _EXPRESSIONS))),
        **stored,
        "poses": poses,
        "trans": trans,
    }
    if motion.face is not None:
        arrays[FACE_KEY] = motion.face
    for key in _RATE_KEYS:
        if key in arrays and float(arrays[key]) != motion.fps:
            arrays[key] = rate
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **{key: arrays[key] for key in _order(arrays, kept.get("order", ()))})  # type: ignore[arg-type]
    return path


def _order(arrays: dict[str, np.ndarray], before: tuple[str, ...]) -> list[str]:
    """Keys in the order of the file that was read, or in that of BEAT2; a rate is not added to the former."""
    order = [key for key in before if key in arrays]
    order += [key for key in (*_KEYS, *arrays) if key not in order and not (order and key in _RATE_KEYS)]
    return list(dict.fromkeys(order))


def _check_options(path: str | Path, rig: str | None, up: str | None) -> None:
    """Raises UserError for what ``save_smplx`` does not write."""
    if rig is not None and find_table(rig).name != "canonical":
        raise UserError(f"{path}: an npz holds the joints of SMPL-X, not of {rig}; write .bvh, .fbx or .glb for these")
    if up not in (None, "y", "z"):
        raise UserError(f"up is 'y' or 'z'; got {up!r}")


def _forward(
    poses: np.ndarray, trans: np.ndarray, turn: np.ndarray, pelvis: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Local rotations [T, 55, 3, 3] and root positions [T, 3], float32, of SMPL-X parameters."""
    rotations = axis_angle_to_matrix(poses.reshape(len(poses), JOINTS, 3).astype(np.float64))
    rotations[:, 0] = turn @ rotations[:, 0]
    translation = (trans.astype(np.float64) + pelvis) @ turn.T
    return rotations.astype(np.float32), translation.astype(np.float32)


def _backward(
    motion: Motion, old_poses: np.ndarray | None, old_trans: np.ndarray | None, turn: np.ndarray, pelvis: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """SMPL-X parameters of a motion; the original ones wherever they still give the same motion."""
    frames = motion.frames
    rotations = motion.rotations.astype(np.float64)
    rotations[:, 0] = turn.T @ rotations[:, 0]
    poses = matrix_to_axis_angle(rotations).reshape(frames, _POSE)
    trans = motion.translation.astype(np.float64) @ turn - PELVIS  # what is written is SMPL-X
    poses = poses.astype(np.float32 if old_poses is None else old_poses.dtype)
    trans = trans if old_trans is None else trans.astype(old_trans.dtype)
    if old_poses is not None and old_trans is not None and old_poses.shape == poses.shape:
        before, root = _forward(old_poses, old_trans, turn, pelvis)
        same = (before == motion.rotations).all((-1, -2))
        poses = np.where(np.repeat(same, 3, axis=1), old_poses, poses)
        trans = np.where((root == motion.translation).all(-1)[:, None], old_trans, trans)
    return poses, trans


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        return read_npz(path, (*_KEYS, *_RATE_KEYS, FACE_KEY))
    except UserError:
        raise
    except Exception as error:  # numpy, zipfile and zlib raise a dozen types on broken files
        if "pickle" in str(error):
            raise UserError(
                f"{path}: holds pickled Python objects or is no npz; pickles can run code and are refused"
            ) from error
        raise UserError(f"{path}: not a readable npz ({type(error).__name__}); cut off or damaged") from error


def _rate(path: Path, arrays: dict[str, np.ndarray]) -> float:
    for key in _RATE_KEYS:
        if key in arrays:
            value = arrays[key]
            if value.size != 1 or value.dtype.kind not in "fiu" or not 0 < float(value.reshape(())) < 1e5:
                raise UserError(f"{path}: {key} must be a positive number of frames a second")
            return float(value.reshape(()))
    note_once(f"{path} does not say how many frames a second it has; taken as {_RATE:.0f}")
    return _RATE


def _points_z(poses: np.ndarray) -> bool:
    """Whether the back (spine3's up axis) points along +z rather than +y, on average."""
    some = poses[:: max(1, len(poses) // 16)].reshape(-1, JOINTS, 3).astype(np.float64)
    up = global_rotations(axis_angle_to_matrix(some), CANONICAL_PARENTS)[:, 9, :, 1].mean(0)
    return bool(up[2] > 1.5 * abs(up[1]))


FORMAT = Format(".npz", "SMPL-X parameters as in BEAT2", load_smplx, save_smplx, face=True)
