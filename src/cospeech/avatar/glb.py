"""glTF binary: the avatar with its animation in one file that every viewer opens.

Written: a skinned mesh with vertex colours, 52 ARKit morph targets as sparse accessors with their names in
``mesh.extras.targetNames``, their weights, and the joints as ``motion.formats.glb`` writes them. Eight helper
joints carry the twist of the arms, marked in their nodes' extras.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import UserError
from ..core.rotation import transpose
from ..motion.expressions import one_jaw
from ..motion.eyes import one_gaze
from ..motion.formats import Format
from ..motion.formats.glb import Channels, add_joints, add_skin, load_glb, save_skeleton
from ..motion.formats.gltf import INDICES, VERTICES, GltfWriter
from ..motion.formats.gltf_motion import HELPER
from ..motion.motion import Motion
from ..motion.retarget import retarget
from ..motion.skeleton import CANONICAL_NAMES, Skeleton, canonical_skeleton
from .body import Body, load_body
from .character.character import Character, open_character
from .character.glb import save_onto
from .skinning import dense_weights, twist_about_x


def save_glb(
    motion: Motion,
    path: str | Path,
    *,
    level: int = 0,
    mesh: bool = True,
    twist: bool = True,
    name: str = "gesture",
    body: Body | None = None,
    onto: str | Path | Character | None = None,
) -> Path:
    """Write the avatar in motion. Other rigs are retargeted to it; without a mesh every rig stays itself.

    Args:
        motion: what to write.
        path: the file; it appears whole or not at all.
        level: detail of the default avatar, 0 full or 1 lighter.
        mesh: False writes the moving skeleton alone.
        twist: add helper joints that spread the twist of the arms.
        name: of the animation.
        body: another body bound to the canonical joints.
        onto: a user's own character, which is written with the animation added instead of the avatar.
    """
    if onto is not None:
        return save_onto(motion, path, open_character(onto), name=name)
    if motion.frames == 0:
        raise UserError("the motion has no frames; nothing to write")
    if not mesh:
        return save_skeleton(motion, path, name=name)
    if motion.skeleton.names != CANONICAL_NAMES:
        motion = retarget(motion, separate=True)
    motion = one_gaze(one_jaw(motion))
    if body is None:
        body = load_body(level)
    writer = GltfWriter()
    channels = Channels(writer, motion)
    skeleton = _skeleton(body)
    nodes = add_joints(writer, skeleton)
    channels.skeleton(nodes, motion)
    joints, weights = _influences(body.joints, body.weights)
    rest = skeleton.rest_positions
    bones = nodes
    if twist:
        helpers, rest, joints, weights = _add_helpers(writer, channels, nodes, body, motion, rest)
        bones = [*nodes, *helpers]
    person = _add_mesh(writer, body, joints, weights)
    add_skin(writer, bones, rest)
    writer.document["scenes"][0]["nodes"] = [nodes[0], person]
    if motion.face is not None:
        channels.weights(person, motion.face, body.morphs.names)
    channels.finish(name)
    return writer.save(Path(path))


def _skeleton(body: Body) -> Skeleton:
    """The skeleton the body is bound to: the canonical one, or its own offsets where they differ."""
    own, rest = canonical_skeleton(), np.asarray(body.joint_positions, np.float64)
    if np.abs(own.rest_positions - rest).max() < 1e-3:
        return own
    parents = np.array(own.parents)
    return Skeleton(own.names, own.parents, rest - np.where(parents[:, None] >= 0, rest[parents], 0.0))


def _influences(joints: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joints [V, 4] and weights as glTF wants them: sum 1, joint 0 where the weight is 0."""
    weights = np.asarray(weights, np.float32)
    weights = weights / weights.sum(1, keepdims=True)
    return np.where(weights > 0, joints, 0).astype(np.uint8), weights


def _add_helpers(
    writer: GltfWriter, channels: Channels, nodes: list[int], body: Body, motion: Motion, rest: np.ndarray
) -> tuple[list[int], np.ndarray, np.ndarray, np.ndarray]:
    """Helper joints of the arms: their nodes, all bones' rest positions, and the skin over all bones."""
    dense = dense_weights(body.joints, body.weights, body.vertices, rest)
    top = np.argsort(-dense, axis=1, kind="stable")[:, :4]
    joints, weights = _influences(top, np.take_along_axis(dense, top, axis=1))
    helpers, places = [], []
    for side in ("left", "right"):
        collar, shoulder, elbow, wrist = (
            CANONICAL_NAMES.index(f"{side}_{part}") for part in ("collar", "shoulder", "elbow", "wrist")
        )
        arm = motion.rotations[:, shoulder].astype(np.float64)
        hand = motion.rotations[:, wrist].astype(np.float64)
        swing = arm @ transpose(twist_about_x(arm, 1.0))
        for parent, joint, turn, label in (
            (collar, shoulder, swing, "shoulder_twist0"),
            (collar, shoulder, swing @ twist_about_x(arm, 0.5), "shoulder_twist1"),
            (elbow, elbow, twist_about_x(hand, 0.5), "elbow_twist1"),
            (elbow, elbow, twist_about_x(hand, 1.0), "elbow_twist2"),
        ):
            shift = rest[joint] - rest[parent]
            node = writer.node(name=f"{side}_{label}", translation=shift.tolist(), extras={HELPER: True})
            writer.document["nodes"][nodes[parent]]["children"].append(node)
            channels.rotation(node, turn)
            helpers.append(node)
            places.append(rest[joint])
    return helpers, np.concatenate([rest, np.array(places)]), joints, weights


def _add_mesh(writer: GltfWriter, body: Body, joints: np.ndarray, weights: np.ndarray) -> int:
    """The mesh with its material and shapes; the node that carries it."""
    count = len(body.vertices)
    colours = getattr(body, "baked_colours", body.colours)
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)  # sRGB
    rgba = np.concatenate([np.clip(linear, 0, 1), np.ones((count, 1))], axis=1)
    normals = np.asarray(body.normals, np.float32)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.where(length > 1e-6, normals / np.maximum(length, 1e-6), [0.0, 1.0, 0.0]).astype(np.float32)
    indices = np.asarray(body.triangles).reshape(-1).astype(np.uint16 if count <= 65535 else np.uint32)
    writer.document["materials"] = [
        {"name": "body", "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.8}}
    ]
    primitive: dict[str, Any] = {
        "attributes": {
            "POSITION": writer.accessor(np.asarray(body.vertices, np.float32), "VEC3", target=VERTICES, bounds=True),
            "NORMAL": writer.accessor(normals, "VEC3", target=VERTICES),
            "COLOR_0": writer.accessor(
                np.round(rgba * 65535).astype(np.uint16), "VEC4", target=VERTICES, normalized=True
            ),
            "JOINTS_0": writer.accessor(joints, "VEC4", target=VERTICES),
            "WEIGHTS_0": writer.accessor(weights, "VEC4", target=VERTICES),
        },
        "indices": writer.accessor(indices, "SCALAR", target=INDICES),
        "material": 0,
    }
    mesh: dict[str, Any] = {"name": "body", "primitives": [primitive]}
    if body.morphs.names:
        primitive["targets"] = [
            {"POSITION": writer.sparse(count, index, delta)}
            for index, delta in zip(body.morphs.indices, body.morphs.deltas, strict=True)
        ]
        mesh["weights"] = [0.0] * len(body.morphs.names)
        mesh["extras"] = {"targetNames": list(body.morphs.names)}
    writer.document["meshes"] = [mesh]
    return writer.node(name="body", mesh=0, skin=0)


FORMAT = Format(".glb", "glTF binary: avatar with animation", load_glb, save_glb, face=True)
