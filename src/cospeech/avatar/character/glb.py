"""A character's file with our animation added; all that was in it stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.progress import note
from ...core.rotation import transpose
from ...motion.formats import Format
from ...motion.formats.glb import Channels, load_glb
from ...motion.formats.gltf import foreign
from ...motion.formats.gltf_append import GltfAppender
from ...motion.formats.vrma import save_vrma
from ...motion.motion import Motion
from ...motion.retarget import on_canonical
from .character import Character, Posed, open_character
from .face import weights_of
from .nodes import as_trs

_STILL = 1e-6  # of a rotation matrix: a joint that stays as its file has it needs no track


def save_onto(motion: Motion, path: str | Path, character: Character, *, name: str = "gesture") -> Path:
    """Write a character with an animation of its own nodes; of a VRM a .vrma beside it as well.

    Args:
        motion: on the canonical joints or any known rig.
        path: the file, .glb or .vrm; it appears whole or not at all.
        character: whose file it is.
        name: of the animation; a number is added where the file has one of that name.

    Raises:
        UserError: an empty motion, or what cannot be written.
    """
    path = Path(path)
    with foreign(character.path):
        posed = character.pose(motion)
        writer = GltfAppender(character.file)
        channels = Channels(writer, posed)
        _add_joints(writer, channels, character, posed)
        if posed.drivers is not None:
            for shapes in character.face.meshes:
                channels.shapes(shapes.node, weights_of(shapes, posed.drivers))
        taken = [str(entry.get("name")) for entry in character.file.items("animations")]
        unique, count = name, 2
        while unique in taken:
            unique, count = f"{name}.{count}", count + 1
        channels.finish(unique)
        writer.save(path)
    if taken:
        note(f"{path.name} keeps its {len(taken)} animation{'s' * (len(taken) > 1)}; {unique!r} is added after them")
    if character.vrm is not None:
        beside = path.with_suffix(".vrma")
        expressions = "arkit" if character.perfect_sync else "preset"
        save_vrma(on_canonical(motion, separate=False), beside, expressions=expressions, name=name)
        note(f"wrote {beside.name} as well: VRM viewers play that, and not the animation within a VRM")
    return path


def save_vrm(
    motion: Motion, path: str | Path, *, onto: str | Path | Character | None = None, name: str = "gesture"
) -> Path:
    """Write a VRM with the animation added, and a .vrma beside it.

    Args:
        motion: on the canonical joints or any known rig.
        path: the file; it appears whole or not at all.
        onto: the VRM; there is none of our own.
        name: of the animation.

    Raises:
        UserError: no character, or one that is no VRM.
    """
    if onto is None:
        raise UserError(f"{path}: a .vrm is somebody's avatar; name it with onto, or write .vrma for any of them")
    character = open_character(onto)
    if character.vrm is None:
        raise UserError(f"{path}: {character.path.name} is no VRM; write .glb")
    return save_onto(motion, path, character, name=name)


def _add_joints(writer: GltfAppender, channels: Channels, character: Character, posed: Posed) -> None:
    """Tracks of the joints that move: rotations, and the paths of the hips and of what hangs on no joint."""
    rig, tree = character.rig, character.tree
    place = {node: joint for joint, node in enumerate(rig.nodes)}
    world = posed.turns @ rig.turns[list(rig.nodes)]
    for joint, node in enumerate(rig.nodes):
        parent = tree.parents[node]
        above = place.get(parent)
        if above is not None:
            turn, linear = world[:, above], posed.turns[:, above] @ rig.linear[parent]
            origin = posed.places[:, above]
        elif parent >= 0:
            turn, linear, origin = rig.turns[parent], rig.linear[parent], rig.places[parent]
        else:
            turn, linear, origin = np.eye(3), np.eye(3), np.zeros(3)
        local = transpose(turn) @ world[:, joint]
        if np.abs(local - tree.rotations[node]).max() > _STILL:
            as_trs(writer.document["nodes"][node])
            channels.rotation(node, local, rest=True)
        if joint == 0 or joint in rig.attached:
            as_trs(writer.document["nodes"][node])
            shift = posed.places[:, joint] - origin
            path = (np.linalg.inv(linear) @ shift[..., None])[..., 0]
            channels.add(node, "translation", path, "VEC3", full=joint == 0)


FORMAT = Format(".vrm", "VRM avatar of your own (with onto)", load_glb, save_vrm, face=True, needs="onto")
