"""Imports a motion file into Blender, stores where every bone is, and exports it again; runs with Blender's module bpy.

python blender_joints.py FILE JOINTS.npz FPS [EXPORTED]
"""

import sys

import bpy
import numpy as np

source, target, fps, *exported = sys.argv[1:]
bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene
scene.render.fps = int(fps)
if source.endswith(".fbx"):
    bpy.ops.import_scene.fbx(filepath=source)
elif source.endswith(".bvh"):
    bpy.ops.import_anim.bvh(filepath=source, global_scale=0.01, update_scene_fps=True, update_scene_duration=True)
else:
    bpy.ops.import_scene.gltf(filepath=source)

(armature,) = [item for item in scene.objects if item.type == "ARMATURE"]
meshes = [item for item in scene.objects if item.type == "MESH" and item.vertex_groups]
first, last = (round(frame) for frame in armature.animation_data.action.frame_range)
bones = armature.pose.bones
found = {
    "names": [bone.name for bone in bones],
    "rest": [np.array(armature.matrix_world @ bone.bone.matrix_local) for bone in bones],
    "pose": [],
    "vertices": [],
    "shapes": [],
    "fps": scene.render.fps / scene.render.fps_base,
    "objects": [f"{item.type}:{item.name}" for item in scene.objects],
    "materials": [slot.material.name for mesh in meshes for slot in mesh.material_slots],
}
for frame in range(first, last + 1):
    scene.frame_set(frame)
    found["pose"].append([np.array(armature.matrix_world @ bone.matrix) for bone in bones])
    skin = []
    for mesh in meshes:
        evaluated = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
        matrix = np.array(mesh.matrix_world)
        points = np.empty(3 * len(evaluated.data.vertices))
        evaluated.data.vertices.foreach_get("co", points)
        skin.append(points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3])
        if mesh.data.shape_keys:
            found["shapes"].append([key.value for key in mesh.data.shape_keys.key_blocks][1:])
    if meshes:
        found["vertices"].append(np.concatenate(skin))
np.savez(target, **{name: np.array(value) for name, value in found.items()})

if exported:
    scene.frame_start, scene.frame_end = first, last
    for item in scene.objects:
        item.select_set(item is armature)
    bpy.context.view_layer.objects.active = armature
    if exported[0].endswith(".fbx"):
        bpy.ops.export_scene.fbx(filepath=exported[0], bake_anim_simplify_factor=0.0)
    elif exported[0].endswith(".bvh"):
        bpy.ops.export_anim.bvh(
            filepath=exported[0], global_scale=100.0, frame_start=first, frame_end=last, root_transform_only=True
        )
    else:
        bpy.ops.export_scene.gltf(filepath=exported[0], export_format="GLB")
