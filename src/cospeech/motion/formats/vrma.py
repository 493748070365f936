"""VRM animation (.vrma): a glTF with the extension VRMC_vrm_animation 1.0, for any VRM avatar.

Written: the humanoid bones in T-pose with rotations and the hips' path, expressions as the x of their nodes,
and the gaze as the rotation of the lookAt node in head space (as three-vrm reads it; the draft of the
specification spoke of a point). Eyes are no bones in this format.

ARKit shapes have no place among VRM's presets. ``expressions="preset"`` maps those that have a counterpart
(``PRESETS``), which every avatar shows; ``"arkit"`` writes all 52 as custom expressions by their ARKit names,
for avatars with "perfect sync"; both at once would double the blinks.

What both eyes do is ``blink``, what one does beyond that ``blinkLeft`` or ``blinkRight``: avatars that have all
three add them, and avatars of ``blink`` alone blink as well. Moods of a whole face (``angry``, ``surprised``) are
as strong as the weakest of their shapes, so that a frown or raised brows while speaking are no mood. ``relaxed``
has no counterpart, ``neutral`` is no shape, and the looks of the eyes are forbidden here: the gaze is ``lookAt``.
[D]
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import UserError
from ...core.rotation import matrix_to_quaternion, quaternion_to_matrix, slerp
from ..eyes import EYES, LOOKS, angles_of, eyes_rest, look_weights, with_turned_eyes
from ..face_shapes import ARKIT_NAMES
from ..motion import Motion
from ..skeleton import CANONICAL_NAMES
from . import Format
from .glb import Channels, add_joints
from .gltf import GltfFile, GltfWriter, foreign
from .gltf_motion import Animation, read_animation, read_motion

EXTENSION = "VRMC_vrm_animation"
EXPRESSIONS = ("preset", "arkit", "none")

# VRM preset -> the ARKit shapes it stands for: their mean, or the least of them, is written; on reading each gets it.
PRESETS: dict[str, tuple[str, ...]] = {
    "aa": ("jawOpen",),  # what of it ``mouthClose`` does not shut again
    "ih": ("mouthDimpleLeft", "mouthDimpleRight"),
    "ou": ("mouthPucker",),
    "oh": ("mouthFunnel",),
    "ee": ("mouthStretchLeft", "mouthStretchRight"),
    "blink": ("eyeBlinkLeft", "eyeBlinkRight"),
    "blinkLeft": ("eyeBlinkLeft",),
    "blinkRight": ("eyeBlinkRight",),
    "happy": ("mouthSmileLeft", "mouthSmileRight"),
    "sad": ("mouthFrownLeft", "mouthFrownRight"),
    "angry": ("browDownLeft", "browDownRight", "noseSneerLeft", "noseSneerRight"),
    "surprised": ("browOuterUpLeft", "browOuterUpRight", "eyeWideLeft", "eyeWideRight"),
}
_LEAST = ("blink", "angry", "surprised")  # as strong as the weakest of their shapes


def save_vrma(motion: Motion, path: str | Path, *, expressions: str = "preset", name: str = "gesture") -> Path:
    """Write a VRM animation; other rigs are retargeted first.

    Args:
        motion: what to write.
        path: the file; it appears whole or not at all.
        expressions: "preset", "arkit" (custom expressions) or "none".
        name: of the animation.
    """
    from ..retarget import retarget, to_rig

    if expressions not in EXPRESSIONS:
        raise UserError(f"expressions is 'preset', 'arkit' or 'none'; got {expressions!r}")
    if motion.frames == 0:
        raise UserError("the motion has no frames; nothing to write")
    if motion.skeleton.names != CANONICAL_NAMES:
        motion = retarget(motion)
    motion = with_turned_eyes(motion)
    rig = _without_eyes(to_rig(motion, "vrm"))
    writer = GltfWriter()
    channels = Channels(writer, rig)
    nodes = add_joints(writer, rig.skeleton)
    channels.skeleton(nodes, rig)
    bones = {bone: {"node": nodes[i]} for i, bone in enumerate(rig.skeleton.names)}
    extension: dict[str, Any] = {"specVersion": "1.0", "humanoid": {"humanBones": bones}}
    scene = [nodes[0]]
    if motion.face is not None and expressions != "none":
        if expressions == "arkit":
            kind, weights = "custom", _arkit(motion.face)
        else:
            kind, weights = "preset", _blinks_once(preset_weights(motion.face))
        entries = {}
        for label, values in weights.items():
            node = writer.node(name=label)
            shift = np.zeros((motion.frames, 3), np.float32)
            shift[:, 0] = np.clip(values, 0.0, 1.0)
            channels.add(node, "translation", shift, "VEC3")
            entries[label] = {"node": node}
            scene.append(node)
        extension["expressions"] = {kind: entries}
    gaze = _gaze(motion)
    if gaze is not None:
        node = writer.node(name="lookAt")
        head = nodes[rig.skeleton.index("head")]
        writer.document["nodes"][head].setdefault("children", []).append(node)
        channels.rotation(node, gaze, rest=True)
        eyes = motion.skeleton.offsets[motion.skeleton.indices(EYES)].mean(0)
        extension["lookAt"] = {"node": node, "offsetFromHeadBone": eyes.tolist()}
    writer.document["scenes"][0]["nodes"] = scene
    writer.document["extensionsUsed"] = [EXTENSION]
    writer.document["extensions"] = {EXTENSION: extension}
    channels.finish(name)
    return writer.save(Path(path))


def load_vrma(path: str | Path, *, animation: str | int | None = None, fps: float | None = None) -> Motion:
    """Read a VRM animation: a motion on VRM's bones, its expressions and its gaze as ARKit weights.

    Args:
        path: the file.
        animation: name or index; the first if None.
        fps: sample at this rate; None keeps the file's own where its keys are even, else 30.

    Raises:
        UserError: damaged, or no VRM animation.
    """
    with foreign(path):
        file = GltfFile(path)
        extension = file.document.get("extensions", {}).get(EXTENSION)
        if not isinstance(extension, dict):
            raise UserError(f"{path}: no {EXTENSION} in it; not a VRM animation (a plain .glb is read as .glb)")
        tracks = read_animation(file, animation, fps)
        bones = extension.get("humanoid", {}).get("humanBones", {})
        joints = {}
        for bone, entry in bones.items():
            file.item("nodes", entry["node"])
            joints[entry["node"]] = str(bone)
        if "hips" not in joints.values():
            raise UserError(f"{path}: names no hips among its bones; damaged")
        motion = read_motion(file, tracks, joints)
        face = _read_face(tracks, extension.get("expressions", {}), motion.frames)
        return motion.with_face(_with_gaze(face, tracks, extension.get("lookAt", {}), motion.frames))


def _without_eyes(motion: Motion) -> Motion:
    from ..skeleton import Skeleton

    skeleton = motion.skeleton
    keep = [i for i, name in enumerate(skeleton.names) if not name.endswith("Eye")]
    place = {joint: i for i, joint in enumerate(keep)}
    shorter = Skeleton(
        tuple(skeleton.names[i] for i in keep),
        tuple(place.get(skeleton.parents[i], -1) for i in keep),
        skeleton.offsets[keep],
    )
    return Motion(shorter, motion.fps, motion.rotations[:, keep], motion.translation)


def _gaze(motion: Motion) -> np.ndarray | None:
    """Mean rotation of the eyes [T, 3, 3] in head space; None if they never move."""
    if eyes_rest(motion):
        return None
    left, right = (motion.rotations[:, joint] for joint in motion.skeleton.indices(EYES))
    a, b = matrix_to_quaternion(left.astype(np.float64)), matrix_to_quaternion(right.astype(np.float64))
    return quaternion_to_matrix(slerp(a, b, np.full(len(a), 0.5)))


def _with_gaze(face: np.ndarray | None, tracks: Animation, look_at: dict[str, Any], frames: int) -> np.ndarray | None:
    """The face [T, 52] with the gaze of ``lookAt``, unless its own weights say where it looks."""
    track = tracks.tracks.get((look_at["node"], "rotation")) if "node" in look_at else None
    if track is None or (face is not None and face[:, LOOKS].any()):
        return face
    turns = quaternion_to_matrix(track.at(tracks.times)[:, [3, 0, 1, 2]].astype(np.float64))
    looks = look_weights(np.repeat(angles_of(turns)[:, None], 2, axis=1))
    return looks if face is None else face + looks


def _arkit(face: np.ndarray) -> dict[str, np.ndarray]:
    return {name: face[:, i] for i, name in enumerate(ARKIT_NAMES)}


def preset_weights(face: np.ndarray) -> dict[str, np.ndarray]:
    """Weights [T] of VRM's presets by name, from ARKit weights [T, 52]."""
    shapes = _arkit(face)
    presets = {
        preset: (np.min if preset in _LEAST else np.mean)([shapes[name] for name in names], axis=0)
        for preset, names in PRESETS.items()
    }
    return {**presets, "aa": np.maximum(shapes["jawOpen"] - shapes["mouthClose"], 0.0)}


def _blinks_once(presets: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights with what one eye does beyond both in ``blinkLeft`` and ``blinkRight``: players add up all three."""
    beyond = {name: presets[name] - presets["blink"] for name in ("blinkLeft", "blinkRight")}
    return {**presets, **beyond}


def _read_face(tracks: Animation, expressions: dict[str, Any], frames: int) -> np.ndarray | None:
    """ARKit weights [T, 52]: custom expressions by ARKit name; presets where there are none."""
    column = {name.lower(): i for i, name in enumerate(ARKIT_NAMES)}
    face = np.zeros((frames, len(ARKIT_NAMES)), np.float32)
    found = False

    def weight(entry: dict[str, Any]) -> np.ndarray | None:
        track = tracks.tracks.get((entry["node"], "translation"))
        return None if track is None else np.clip(track.at(tracks.times)[:, 0], 0.0, 1.0)

    for name, entry in expressions.get("custom", {}).items():
        values = weight(entry)
        if values is not None and name.lower() in column:
            face[:, column[name.lower()]] = values
            found = True
    if found:
        return face
    presets = expressions.get("preset", {})
    for preset, names in PRESETS.items():
        values = weight(presets[preset]) if preset in presets else None
        if values is not None:
            columns = [column[name.lower()] for name in names]
            face[:, columns] = np.clip(face[:, columns] + values[:, None], 0.0, 1.0)  # blinks add up
            found = True
    return face if found else None


FORMAT = Format(".vrma", "VRM animation", load_vrma, save_vrma, face=True)
