"""Installs the built extension in Blender and puts a gesture on an armature; runs with Blender's module bpy.

python blender_extension.py SETTINGS.json RESULT.json

Settings: zip, command, sound, folder (kept files), armature (a .glb, or "metarig" for the one of Rigify), what
("gesture", "cancel", "fail", "modal"), options (of the panel), hold and drop (bones).
The result says how far bones and skin are from those of the gesture's file as Blender's own importer loads it.
"""

import json
import math
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import bpy
import numpy as np
from mathutils import Matrix

ADDON = "bl_ext.user_default.cospeech"


def install(settings: dict) -> None:
    assert bpy.ops.extensions.package_install_files(
        repo="user_default", filepath=settings["zip"], enable_on_install=True
    ) == {"FINISHED"}
    bpy.context.preferences.addons[ADDON].preferences.command = settings["command"]


def load(path: str) -> list[bpy.types.Object]:
    before = set(bpy.data.objects)
    bpy.ops.import_scene.gltf(filepath=path)
    return [item for item in bpy.data.objects if item not in before]


def armature_of(settings: dict) -> bpy.types.Object:
    """The armature, active and in pose mode, moved and turned, with bones of other ways to rotate."""
    if settings["armature"] == "metarig":
        bpy.ops.preferences.addon_enable(module="rigify")
        bpy.ops.object.armature_human_metarig_add()
        armature = bpy.context.object
    else:
        armature = next(item for item in load(settings["armature"]) if item.type == "ARMATURE")
    armature.matrix_world = Matrix.Translation((0.4, -1.2, 0.1)) @ Matrix.Rotation(0.7, 4, "Z") @ armature.matrix_world
    bpy.ops.object.select_all(action="DESELECT")
    armature.select_set(True)
    bpy.context.view_layer.objects.active = armature
    bpy.context.view_layer.update()
    bpy.ops.object.mode_set(mode="POSE")
    for number, bone in enumerate(armature.pose.bones):
        bone.rotation_mode = ("QUATERNION", "XYZ", "ZXY", "AXIS_ANGLE")[number % 4]
    return armature


def evaluated_points(item: bpy.types.Object) -> np.ndarray:
    found = item.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.empty(3 * len(found.data.vertices))
    found.data.vertices.foreach_get("co", points)
    matrix = np.array(item.matrix_world)
    return points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def state(armature: bpy.types.Object, frame: float) -> tuple[dict, dict, list]:
    """Places of heads, turns against rest, and points of skin, all in the world."""
    bpy.context.scene.frame_set(math.floor(frame), subframe=frame % 1)
    places, turns = {}, {}
    for bone in armature.pose.bones:
        world = armature.matrix_world @ bone.matrix
        rest = armature.matrix_world @ bone.bone.matrix_local
        places[bone.name] = np.array(world.translation)
        turns[bone.name] = world.to_quaternion() @ rest.to_quaternion().inverted()
    return places, turns, [evaluated_points(item) for item in meshes_of(armature)]


def meshes_of(armature: bpy.types.Object) -> list[bpy.types.Object]:
    return sorted(
        (item for item in bpy.data.objects if item.type == "MESH" and item.find_armature() is armature),
        key=lambda item: item.name,
    )


def farthest(points: np.ndarray, others: np.ndarray) -> float:
    """Greatest distance of a point to the nearest of the others."""
    from mathutils.kdtree import KDTree

    tree = KDTree(len(others))
    for index, point in enumerate(others):
        tree.insert(point, index)
    tree.balance()
    return max(tree.find(point)[2] for point in points)


def compare(armature: bpy.types.Object, settings: dict) -> dict:
    """The armature beside the gesture's file, as Blender's importer has it, at five moments."""
    scene = bpy.context.scene
    file = str(Path(settings["folder"]) / settings.get("file", "gesture.glb"))
    imported = load(file)
    other = next(item for item in imported if item.type == "ARMATURE")
    theirs_action = other.animation_data.nla_tracks[-1].strips[0].action
    other.animation_data.use_nla = False
    other.animation_data.action = theirs_action
    action = armature.animation_data.action
    first, last = action.frame_range
    their_first, their_last = theirs_action.frame_range  # not at the scene's rate where that is a fraction (4.5)
    found = {
        "seconds": (last - first) / (scene.render.fps / scene.render.fps_base),
        "first": first,
        "mm": 0.0,
        "degrees": 0.0,
        "skin_mm": 0.0,
        "moved_m": 0.0,
    }
    rest = state(armature, first)[0]
    for share in (0.0, 0.21, 0.5, 0.77, 1.0):
        frame = round(share * (last - first))
        ours = state(armature, first + frame)
        theirs = state(other, their_first + frame * (their_last - their_first) / (last - first))
        for name, place in ours[0].items():
            found["mm"] = max(found["mm"], 1000 * float(np.linalg.norm(place - theirs[0][name])))
            angle = ours[1][name].rotation_difference(theirs[1][name]).angle
            found["degrees"] = max(found["degrees"], math.degrees(min(angle, 2 * math.pi - angle)))
            found["moved_m"] = max(found["moved_m"], float(np.linalg.norm(place - rest[name])))
        for points, others in zip(ours[2], theirs[2], strict=False):
            found["skin_mm"] = max(found["skin_mm"], 1000 * farthest(points[::7], others))
    found["meshes"] = len(meshes_of(armature))
    keys = [item.data.shape_keys for item in meshes_of(armature) if item.data.shape_keys]
    faces = [one.animation_data.action for one in keys if one.animation_data]
    found["face"] = [action.name for action in faces]
    found["face_seconds"] = [
        (action.frame_range[1] - action.frame_range[0]) / (scene.render.fps / scene.render.fps_base) for action in faces
    ]
    found["jaw"] = 0.0
    for one in keys:
        if "jawOpen" in one.key_blocks:
            for frame in range(int(first), int(last)):
                scene.frame_set(frame)
                found["jaw"] = max(found["jaw"], one.key_blocks["jawOpen"].value)
    if settings.get("picture"):
        for item in imported:
            item.hide_render = True
        picture(settings["picture"], armature, first + round(settings.get("at", 0.5) * (last - first)))
    return found


def picture(path: str, armature: bpy.types.Object, frame: float) -> None:
    sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
    from client_blender import draw

    bpy.context.scene.frame_set(round(frame))
    draw(bpy.context.scene, path)


def contents() -> dict:
    """How much of everything the file holds."""
    kinds = ("objects", "meshes", "armatures", "actions", "materials", "images", "collections", "sounds")
    return {kind: sorted(item.name for item in getattr(bpy.data, kind)) for kind in kinds}


def pose_of(armature: bpy.types.Object) -> list:
    return [[list(row) for row in bone.matrix_basis] for bone in armature.pose.bones]


def cancelled(armature: bpy.types.Object, settings: dict) -> dict:
    """The gesture is stopped while it is generated: by the operator, as the panel's button does it."""
    addon = sys.modules[ADDON]
    before = contents(), pose_of(armature), bpy.context.scene.render.fps
    gesture = addon.Gesture(bpy.context, armature, addon._settings(bpy.context, ""))
    addon._running = gesture
    assert not bpy.ops.cospeech.gesture.poll()
    end = time.monotonic() + 60
    while not gesture.command.stage.startswith("generating") and time.monotonic() < end:
        assert not gesture.poll()
        time.sleep(0.01)
    told, folder, process = gesture.command.stage, gesture.folder, gesture.command.process
    was_there = folder.is_dir()
    assert bpy.ops.cospeech.stop() == {"FINISHED"}
    return {
        "stage": told,
        "was_there": was_there,
        "folder_left": folder.exists(),
        "running": process.poll() is None,
        "changed": (contents(), pose_of(armature), bpy.context.scene.render.fps) != before,
        "mode": bpy.context.mode,
        "selected": armature.select_get(),
        "again": bpy.ops.cospeech.gesture.poll(),
    }


def drawn(addon) -> list[str]:
    """Labels of what the panel draws, on a layout that takes only what Blender's has."""
    texts = []
    rna = bpy.types.UILayout.bl_rna
    layout = MagicMock(spec=[*rna.functions.keys(), *rna.properties.keys()])
    layout.column.return_value = layout.box.return_value = layout

    def prop(data: object, name: str, **_: object) -> None:
        texts.append(data.bl_rna.properties[name].name)

    layout.prop.side_effect = prop
    layout.label.side_effect = lambda text, icon: texts.append(text)
    layout.operator.side_effect = lambda name, icon: texts.append(name)
    layout.progress.side_effect = lambda factor, text: texts.append(f"{factor:.2f} {text}")
    addon.COSPEECH_PT_panel.draw(SimpleNamespace(layout=layout), bpy.context)
    return texts


class Windowed:
    """Blender's context, or its window manager, without the part that needs a window's event loop."""

    def __init__(self, real: object, **other: object) -> None:
        self.__dict__.update(other, real=real)

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)


def modal(armature: bpy.types.Object, settings: dict) -> dict:
    """What a window would do: invoke, look at every tick, and escape while it is at work the second time."""
    addon = sys.modules[ADDON]
    operator = addon.COSPEECH_OT_gesture
    own = {name: value for name, value in vars(operator).items() if callable(value)}
    manager = Windowed(bpy.context.window_manager, modal_handler_add=lambda _: True)
    context = Windowed(bpy.context, window_manager=manager)
    found = {"idle": drawn(addon), "shares": [], "before": contents()}
    for escape in (False, True):
        one = type("Operator", (), own | {"folder": "", "report": lambda *_: None})()
        started = one.invoke(context, None)
        assert started == {"RUNNING_MODAL"}, started
        assert not operator.poll(bpy.context)
        end = time.monotonic() + 60
        result = {"PASS_THROUGH"}
        while result == {"PASS_THROUGH"} and time.monotonic() < end:
            assert one.modal(context, SimpleNamespace(type="MOUSEMOVE")) == {"PASS_THROUGH"}
            shown = bpy.context.window_manager.cospeech
            if escape and shown.stage.startswith("generating"):
                result = one.modal(context, SimpleNamespace(type="ESC"))
                break
            result = one.modal(context, SimpleNamespace(type="TIMER"))
            if not escape and result == {"PASS_THROUGH"}:
                found["shares"].append(shown.share)
                found["busy"] = drawn(addon)
            time.sleep(0.02)
        found["escaped" if escape else "result"] = sorted(result)
        found["after escape" if escape else "after"] = contents()
    return found | {"said": drawn(addon)}


def failed(armature: bpy.types.Object, settings: dict) -> dict:
    """What is said where there is no gesture."""
    before = contents()
    try:
        result = bpy.ops.cospeech.gesture()
        reported = str(result)
    except RuntimeError as error:  # how a script hears of a report of kind ERROR
        reported = str(error)
    shown = bpy.context.window_manager.cospeech
    return {
        "reported": reported,
        "message": shown.message,
        "failed": shown.failed,
        "changed": contents() != before,
        "again": bpy.ops.cospeech.gesture.poll(),
    }


def gestured(armature: bpy.types.Object, settings: dict) -> dict:
    before = contents()
    armature.animation_data_create().action = bpy.data.actions.new("walk")
    assert bpy.ops.cospeech.gesture(folder=settings["folder"]) == {"FINISHED"}
    scene, after = bpy.context.scene, contents()
    strips = scene.sequence_editor.strips if scene.sequence_editor else ()
    found = {
        "message": bpy.context.window_manager.cospeech.message,
        "failed": bpy.context.window_manager.cospeech.failed,
        "fps": scene.render.fps / scene.render.fps_base,
        "frame_end": scene.frame_end,
        "new": {kind: sorted(set(after[kind]) - set(before[kind])) for kind in after},
        "kept": bpy.data.actions["walk"].use_fake_user,
        "plays": armature.animation_data.action.name,
        "strips": [[strip.name, strip.frame_start, strip.frame_final_duration] for strip in strips],
        "mode": bpy.context.mode,
        "interpolation": sorted({key.interpolation for curve in curves_of(armature) for key in curve.keyframe_points}),
    }
    return found | compare(armature, settings)


def curves_of(armature: bpy.types.Object) -> list:
    action = armature.animation_data.action
    return list(action.layers[0].strips[0].channelbags[0].fcurves)


def main() -> None:
    settings = json.loads(Path(sys.argv[1]).read_text())
    os.dup2(2, 1)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = settings.get("scene_fps", [24, 1.0])
    install(settings)
    armature = armature_of(settings)
    scene.cospeech.sound = settings["sound"]
    for name, value in settings.get("options", {}).items():
        setattr(scene.cospeech, name, value)
    for name in settings.get("hold", ()):
        armature.pose.bones[name].constraints.new("LIMIT_ROTATION")  # without limits
    for name in settings.get("drop", ()):
        bpy.ops.object.mode_set(mode="EDIT")
        for bone in [bone for bone in armature.data.edit_bones if name in bone.name]:
            armature.data.edit_bones.remove(bone)
        bpy.ops.object.mode_set(mode="OBJECT")
    result = {"gesture": gestured, "cancel": cancelled, "fail": failed, "modal": modal}[settings["what"]](
        armature, settings
    )
    bpy.ops.preferences.addon_disable(module=ADDON)
    assert not hasattr(bpy.types.Scene, "cospeech")
    Path(sys.argv[2]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
