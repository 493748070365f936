"""An armature out to a glTF binary at rest, and a clip of that file back onto its bones and shape keys as actions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from .clip import Clip

_Z_UP = np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]], np.float64)  # from glTF's axes
_STILL = 1e-5  # of a matrix: a bone that departs less from its rest pose gets no keys
_STILL_SHAPE = 1e-4
_SAME_PLACE = 1e-3  # of the armature's extent, by which a rest pose may differ from the one that was written
_EXPORT = {
    "export_format": "GLB",
    "use_selection": True,
    "export_yup": True,
    "export_apply": False,
    "export_animations": False,
    "export_cameras": False,
    "export_lights": False,
    "export_extras": False,
    "export_def_bones": False,
    "export_rest_position_armature": True,
    "export_skins": True,
    "export_all_influences": True,
    "export_morph": True,
    "export_morph_normal": False,
    "export_try_sparse_sk": True,
    "export_materials": "NONE",
    "export_texcoords": False,
    "export_normals": False,
}


class ArmatureError(Exception):
    """In one line why an armature cannot get a gesture."""


@dataclass
class Put:
    """What became of a clip."""

    actions: list[bpy.types.Action] = field(default_factory=list)
    bones: int = 0
    shapes: int = 0
    held: list[str] = field(default_factory=list)  # bones and shapes that constraints or drivers hold


def save_at_rest(context: bpy.types.Context, armature: bpy.types.Object, path: Path) -> None:
    """Write an armature in its rest pose with its meshes, without materials. The scene stays as it is.

    An armature that no mesh is bound to gets one for the file, of a triangle a bone.
    """
    meshes = [item for item in _meshes(armature) if item.visible_get(view_layer=context.view_layer)]
    known = bpy.ops.export_scene.gltf.get_rna_type().properties.keys()
    options = {name: value for name, value in _EXPORT.items() if name in known}  # names differ between versions
    with _selection(context), _triangles(context, armature, needed=not any(map(_is_bound, meshes))) as more:
        bpy.ops.object.select_all(action="DESELECT")
        for item in (armature, *meshes, *more):
            item.hide_select = False
            item.select_set(True)
        context.view_layer.objects.active = armature
        bpy.ops.export_scene.gltf(filepath=str(path), **options)


def _meshes(armature: bpy.types.Object) -> list[bpy.types.Object]:
    """Meshes that move with an armature."""
    return [
        item
        for item in bpy.data.objects
        if item.type == "MESH"
        and (
            item.parent is armature or any(one.type == "ARMATURE" and one.object is armature for one in item.modifiers)
        )
    ]


def _is_bound(item: bpy.types.Object) -> bool:
    return bool(item.vertex_groups) and any(one.type == "ARMATURE" for one in item.modifiers)


@contextmanager
def _selection(context: bpy.types.Context) -> Iterator[None]:
    """Object mode within the block; mode, selection and active object are as before after it."""
    layer = context.view_layer
    active, mode = layer.objects.active, context.mode
    selected = [item for item in layer.objects if item.select_get(view_layer=layer)]
    unselectable = [item for item in layer.objects if item.hide_select]
    if mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    try:
        yield
    finally:
        for item in layer.objects:
            item.select_set(item in selected, view_layer=layer)
        for item in unselectable:
            item.hide_select = True
        layer.objects.active = active
        if mode != "OBJECT" and active is not None:
            bpy.ops.object.mode_set(mode="EDIT" if mode.startswith("EDIT") else mode)


@contextmanager
def _triangles(
    context: bpy.types.Context, armature: bpy.types.Object, *, needed: bool
) -> Iterator[list[bpy.types.Object]]:
    """A mesh of a triangle a bone, bound to the armature, where one is needed; it goes after the block."""
    if not needed:
        yield []
        return
    bones = armature.data.bones
    corners = [
        point for bone in bones for point in (bone.head_local, bone.tail_local, bone.matrix_local @ bone.vector.yzx)
    ]
    mesh = bpy.data.meshes.new("cospeech")
    mesh.from_pydata(corners, [], [(k, k + 1, k + 2) for k in range(0, len(corners), 3)])
    item = bpy.data.objects.new("cospeech", mesh)
    item.parent = armature
    for index, bone in enumerate(bones):
        item.vertex_groups.new(name=bone.name).add(range(3 * index, 3 * index + 3), 1.0, "REPLACE")
    item.modifiers.new("armature", "ARMATURE").object = armature
    context.scene.collection.objects.link(item)
    context.view_layer.update()
    try:
        yield [item]
    finally:
        bpy.data.objects.remove(item)
        bpy.data.meshes.remove(mesh)
        context.view_layer.update()


def put_on(armature: bpy.types.Object, clip: Clip, name: str, *, first: float, fps: float, assign: bool = True) -> Put:
    """Make actions of a clip, and let the armature and its shape keys play them.

    Bones below those that move go to rest where they do not move themselves; bones above them, which place the person,
    keep their pose. Actions that were played before are kept.

    Args:
        name: of the action; that of face shapes gets " face" added.
        first: the frame at which the clip begins.
        fps: frames a second of the scene.
        assign: play the actions; otherwise they are only made.

    Raises:
        ArmatureError: the armature's rest pose is not that of the clip's file.
    """
    frames = _whole(first + clip.times * fps)
    poses = _poses(armature, clip)
    put = Put()
    moved = _moved(armature, poses)
    if moved:
        action = bpy.data.actions.new(name)
        curves = _curves(action, armature)
        for bone, bases in moved.items():
            _key_bone(curves, bone, bases, frames)
        put.bones = len(moved)
        _take(put, action, armature, assign=assign)
        if assign:
            _rest_below(armature, moved)
        put.held = [bone.name for bone in moved if any(not one.mute and one.influence > 0 for one in bone.constraints)]
    for item in _meshes(armature):
        _put_shapes(item, clip, name, frames, put, assign=assign)
    return put


def _whole(frames: np.ndarray) -> np.ndarray:
    """Frames that differ from whole ones by rounding are whole."""
    near = np.round(frames)
    return np.where(np.abs(frames - near) < 1e-3, near, frames)


def _poses(armature: bpy.types.Object, clip: Clip) -> dict[str, np.ndarray]:
    """[T, 4, 4] matrices of bones in the armature's space, by name.

    What a joint does in the world between rest and pose is done to the bone, whatever axes the exporter gave the joint.
    """
    bones = armature.data.bones
    missing = [bone.name for bone in bones if bone.name not in clip.names]
    if missing:
        raise ArmatureError(f"the gesture's file lacks {len(missing)} bones ({missing[0]} ...): edited meanwhile?")
    place = np.array(armature.matrix_world, np.float64)
    back = np.linalg.inv(place)
    index = {name: joint for joint, name in enumerate(clip.names)}
    order = [index[bone.name] for bone in bones]
    own = np.stack([np.array(bone.matrix_local, np.float64) for bone in bones])
    written = back @ _Z_UP @ clip.rest[order]
    apart = np.linalg.norm(written[:, :3, 3] - own[:, :3, 3], axis=1).max()
    if apart > _SAME_PLACE * max(np.ptp(own[:, :3, 3], axis=0).max(), 1e-9):
        raise ArmatureError(
            f"{armature.name} has another rest pose or place than when its gesture was begun; try again"
        )
    moves = clip.world[:, order] @ np.linalg.inv(clip.rest[order])
    found = back @ _Z_UP @ moves @ _Z_UP.T @ place @ own
    return {bone.name: found[:, joint] for joint, bone in enumerate(bones)}


def _moved(armature: bpy.types.Object, poses: dict[str, np.ndarray]) -> dict[bpy.types.PoseBone, list[Matrix]]:
    """What bones do against their rest pose below their parents, of those that do anything."""
    found = {}
    scale = max(bone.length for bone in armature.data.bones)
    for pose_bone in armature.pose.bones:
        bone, parent = pose_bone.bone, pose_bone.bone.parent
        above = poses[parent.name] if parent else None
        bases = [
            bone.convert_local_to_pose(Matrix(matrix), bone.matrix_local, invert=True)
            if above is None
            else bone.convert_local_to_pose(
                Matrix(matrix),
                bone.matrix_local,
                parent_matrix=Matrix(above[frame]),
                parent_matrix_local=parent.matrix_local,
                invert=True,
            )
            for frame, matrix in enumerate(poses[bone.name])
        ]
        away = np.abs(np.array(bases) - np.eye(4))
        if away[:, :3, :3].max() > _STILL or away[:, :3, 3].max() > _STILL * scale:
            found[pose_bone] = bases
    return found


def _key_bone(curves: object, bone: bpy.types.PoseBone, bases: list[Matrix], frames: np.ndarray) -> None:
    """Keys in the way that the bone is rotated in; a path where it has one."""
    parts = [base.decompose() for base in bases]
    path = bone.path_from_id()
    if bone.rotation_mode == "QUATERNION":
        turns = np.array([part[1] for part in parts])
        turns[1:] *= np.cumprod(np.where((turns[1:] * turns[:-1]).sum(1) < 0, -1.0, 1.0))[:, None]
        _key(curves, f"{path}.rotation_quaternion", turns, frames, bone.name)
    elif bone.rotation_mode == "AXIS_ANGLE":
        turns = np.array([(angle, *axis) for axis, angle in (part[1].to_axis_angle() for part in parts)])
        _key(curves, f"{path}.rotation_axis_angle", turns, frames, bone.name)
    else:
        angles = [parts[0][1].to_euler(bone.rotation_mode)]
        for part in parts[1:]:
            angles.append(part[1].to_euler(bone.rotation_mode, angles[-1]))
        _key(curves, f"{path}.rotation_euler", np.array(angles), frames, bone.name)
    shifts = np.array([part[0] for part in parts])
    if np.abs(shifts).max() > _STILL * bone.length:
        _key(curves, f"{path}.location", shifts, frames, bone.name)
    else:
        bone.location = (0.0, 0.0, 0.0)
    bone.scale = (1.0, 1.0, 1.0)


def _put_shapes(item: bpy.types.Object, clip: Clip, name: str, frames: np.ndarray, put: Put, *, assign: bool) -> None:
    """An action of the shape keys of a mesh, where the clip moves any."""
    keys, shapes = item.data.shape_keys, clip.shapes.get(item.name)
    if (
        keys is None
        or shapes is None
        or any(
            action.name.startswith(f"{name} face") and keys.animation_data and keys.animation_data.action is action
            for action in put.actions
        )
    ):
        return
    moved = [
        (label, weights)
        for label, weights, base in zip(shapes.names, shapes.weights.T, shapes.base, strict=True)
        if label in keys.key_blocks and np.abs(weights - base).max() > _STILL_SHAPE
    ]
    if not moved:
        return
    action = bpy.data.actions.new(f"{name} face")
    curves = _curves(action, keys)
    driven = {driver.data_path for driver in (keys.animation_data.drivers if keys.animation_data else ())}
    for label, weights in moved:
        path = f'key_blocks["{bpy.utils.escape_identifier(label)}"].value'
        _key(curves, path, weights[:, None], frames, "")
        if path in driven:
            put.held.append(label)
    put.shapes += len(moved)
    _take(put, action, keys, assign=assign)


def _curves(action: bpy.types.Action, owner: bpy.types.ID) -> object:
    """Where curves of an owner go: since 4.4 actions have layers, and a slot for each thing that they move."""
    if not hasattr(action, "slots"):
        return action.fcurves
    slot = action.slots.new(owner.id_type, owner.name)
    strip = action.layers.new("Layer").strips.new(type="KEYFRAME")
    return strip.channelbag(slot, ensure=True).fcurves


def _key(curves: object, path: str, values: np.ndarray, frames: np.ndarray, group: str) -> None:
    """A straight curve for each column of values [T, K]."""
    linear = bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items["LINEAR"].value
    for index, column in enumerate(values.T):
        curve = curves.new(path, index=index)
        curve.keyframe_points.add(len(frames))
        curve.keyframe_points.foreach_set("co", np.stack([frames, column], axis=1).ravel().astype(np.float32))
        curve.keyframe_points.foreach_set("interpolation", [linear] * len(frames))
        curve.update()


def _take(put: Put, action: bpy.types.Action, owner: bpy.types.ID, *, assign: bool) -> None:
    """Let an owner play an action; what it played before is kept in the file."""
    put.actions.append(action)
    if not assign:
        action.use_fake_user = True
        return
    data = owner.animation_data or owner.animation_data_create()
    if data.action is not None:
        data.action.use_fake_user = True
    data.action = action
    if hasattr(data, "action_slot"):
        data.action_slot = action.slots[0]


def _rest_below(armature: bpy.types.Object, moved: Iterable[bpy.types.PoseBone]) -> None:
    """Bones below those that move, and that do not move themselves, go to rest."""
    moved = set(moved)
    for bone in armature.pose.bones:
        if bone not in moved and not moved.isdisjoint(bone.parent_recursive):
            bone.matrix_basis = Matrix.Identity(4)


def frame_rate(scene: bpy.types.Scene) -> float:
    """Frames a second."""
    return scene.render.fps / scene.render.fps_base


def add_sound(scene: bpy.types.Scene, path: str, first: int) -> bpy.types.Strip:
    """Put a sound into the scene's sequencer, on the first channel that is empty; play in step with it."""
    editor = scene.sequence_editor or scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences  # its name since 4.4
    taken = {strip.channel for strip in strips}
    channel = next(number for number in count(1) if number not in taken)
    strip = strips.new_sound(Path(path).stem, path, channel, first)
    scene.sync_mode = "AUDIO_SYNC"
    return strip
