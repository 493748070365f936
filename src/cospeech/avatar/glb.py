"""glTF binary: the avatar with its animation in one file that every viewer opens.

Written: two skinned meshes with vertex colours, ``face`` of all that moves with an expression and ``body`` of the rest,
on the face 52 ARKit morph targets with their names in ``mesh.extras.targetNames``, their weights, and the joints as
``motion.formats.glb`` writes them. Eight helper joints carry the twist of the arms, marked in their nodes' extras.

Morph targets are dense, since Godot misreads sparse ones; on the face alone they take 2.4 MB instead of 9 [D].
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
    meshes = _add_meshes(writer, person)
    add_skin(writer, nodes, motion.skeleton.rest_positions)
    # Beside one another: Godot hangs on joints below the node of their mesh, with which Blender leaves no empty. [D]
    writer.document["scenes"][0]["nodes"] = [writer.node(name="person", children=[nodes[0], *meshes.values()])]
    if motion.face is not None and "face" in meshes:
        channels.weights(meshes["face"], motion.face, person.body.morphs.names)
    channels.finish(name)
    return writer.save(Path(path))


def _add_meshes(writer: GltfWriter, person: RiggedBody) -> dict[str, int]:
    """The meshes with their material and shapes; their nodes by name."""
    triangles, morphs = np.asarray(person.body.triangles), person.body.morphs
    moved = np.zeros(len(person.body.vertices), bool)
    for index in morphs.indices:
        moved[index] = True
    of_face = moved[triangles].any(1)
    writer.document["materials"] = [
        {"name": "body", "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.8}}
    ]
    parts = {"face": triangles[of_face], "body": triangles[~of_face]}
    meshes = [_mesh(writer, person, name, part) for name, part in parts.items() if len(part)]
    for mesh in meshes if person.body.name else ():
        mesh.setdefault("extras", {})["body"] = person.body.name
    writer.document["meshes"] = meshes
    return {mesh["name"]: writer.node(name=mesh["name"], mesh=k, skin=0) for k, mesh in enumerate(meshes)}


def _mesh(writer: GltfWriter, person: RiggedBody, name: str, triangles: np.ndarray) -> dict[str, Any]:
    """Some triangles [N, 3] of the body as a mesh, with shapes if it is the face."""
    body = person.body
    own, indices = np.unique(triangles, return_inverse=True)
    colours = getattr(body, "baked_colours", body.colours)[own]
    rgba = np.concatenate([np.clip(srgb_to_linear(colours), 0, 1), np.ones((len(own), 1))], axis=1)
    small = np.uint16 if len(own) <= 65535 else np.uint32
    attributes = {
        "POSITION": writer.accessor(np.asarray(body.vertices[own], np.float32), "VEC3", target=VERTICES, bounds=True),
        "NORMAL": writer.accessor(unit_normals(body)[own], "VEC3", target=VERTICES),
        "COLOR_0": writer.accessor(np.round(rgba * 65535).astype(np.uint16), "VEC4", target=VERTICES, normalized=True),
        "JOINTS_0": writer.accessor(person.joints[own], "VEC4", target=VERTICES),
        "WEIGHTS_0": writer.accessor(person.weights[own], "VEC4", target=VERTICES),
    }
    surface = writer.accessor(indices.reshape(-1).astype(small), "SCALAR", target=INDICES)
    primitive: dict[str, Any] = {"attributes": attributes, "indices": surface, "material": 0}
    mesh: dict[str, Any] = {"name": name, "primitives": [primitive]}
    if name == "face":
        dense = np.zeros((len(body.morphs.names), len(body.vertices), 3), np.float32)
        for shape, index, delta in zip(dense, body.morphs.indices, body.morphs.deltas, strict=True):
            shape[index] = delta
        primitive["targets"] = [
            {"POSITION": writer.accessor(shape[own], "VEC3", target=VERTICES, bounds=True)} for shape in dense
        ]
        mesh["weights"] = [0.0] * len(dense)
        mesh["extras"] = {"targetNames": list(body.morphs.names)}
    return mesh


FORMAT = Format(".glb", "glTF binary: avatar with animation", load_glb, save_glb, face=True)
