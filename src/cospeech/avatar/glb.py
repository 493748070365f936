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
from ..motion.formats import Format
from ..motion.formats.glb import Channels, add_joints, add_skin, load_glb, save_skeleton
from ..motion.formats.gltf import INDICES, VERTICES, GltfWriter
from ..motion.formats.gltf_motion import HELPER
from ..motion.motion import Motion
from ..motion.retarget import on_canonical, to_rig
from .body import BodyLike, ColoursLike, chosen_body
from .character.character import Character, open_character
from .character.glb import save_onto
from .light import srgb_to_linear
from .rigging import RiggedBody, rigged, unit_normals


def save_glb(
    motion: Motion,
    path: str | Path,
    *,
    level: int = 0,
    mesh: bool = True,
    twist: bool = True,
    rig: str | None = None,
    name: str = "gesture",
    body: BodyLike | None = None,
    colours: ColoursLike | None = None,
    onto: str | Path | Character | None = None,
) -> Path:
    """Write the avatar in motion. Other rigs are retargeted to it; without a mesh every rig stays itself.

    Args:
        motion: what to write.
        path: the file; it appears whole or not at all.
        level: detail of the default avatar, 0 full or 1 lighter.
        mesh: False writes the moving skeleton alone.
        twist: add helper joints that spread the twist of the arms.
        rig: name the joints as a named table does ("mixamo", "vrm", "ue5", ...), canonical ones if None.
        name: of the animation.
        body: "person", "woman", "mannequin", or another body bound to the canonical joints.
        colours: of its clothes, as in "jacket=#345,trousers=navy" or as a dict.
        onto: a user's own character, which is written with the animation added instead of the avatar.
    """
    if onto is not None:
        return save_onto(motion, path, open_character(onto), name=name)
    if motion.frames == 0:
        raise UserError("the motion has no frames; nothing to write")
    if not mesh:
        return save_skeleton(motion if rig is None else to_rig(on_canonical(motion), rig), path, name=name)
    person = rigged(motion, chosen_body(body, colours, level), twist=twist, rig=rig)
    motion = person.motion
    writer = GltfWriter()
    channels = Channels(writer, motion)
    nodes = add_joints(writer, motion.skeleton)
    for joint in person.helpers:
        writer.document["nodes"][nodes[joint]]["extras"] = {HELPER: True}
    channels.skeleton(nodes, motion)
    mesh_node = _add_mesh(writer, person)
    add_skin(writer, nodes, motion.skeleton.rest_positions)
    # The joints hang on the node of their mesh: Blender takes it for the armature, and would otherwise leave an empty
    # of it, as of every node whose shapes are animated. Where a skinned mesh's node stands has no meaning. [D]
    writer.document["nodes"][mesh_node]["children"] = [nodes[0]]
    writer.document["scenes"][0]["nodes"] = [mesh_node]
    if motion.face is not None:
        channels.weights(mesh_node, motion.face, person.body.morphs.names)
    channels.finish(name)
    return writer.save(Path(path))


def _add_mesh(writer: GltfWriter, person: RiggedBody) -> int:
    """The mesh with its material and shapes; the node that carries it."""
    body = person.body
    count = len(body.vertices)
    colours = getattr(body, "baked_colours", body.colours)
    rgba = np.concatenate([np.clip(srgb_to_linear(colours), 0, 1), np.ones((count, 1))], axis=1)
    normals = unit_normals(body)
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
            "JOINTS_0": writer.accessor(person.joints, "VEC4", target=VERTICES),
            "WEIGHTS_0": writer.accessor(person.weights, "VEC4", target=VERTICES),
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
    if body.name:
        mesh.setdefault("extras", {})["body"] = body.name
    writer.document["meshes"] = [mesh]
    return writer.node(name="person", mesh=0, skin=0)


FORMAT = Format(".glb", "glTF binary: avatar with animation", load_glb, save_glb, face=True)
