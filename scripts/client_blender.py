"""Load a file in Blender and say where its bones are. A development tool.

Runs in an environment of its own: ``pip install 'bpy==4.5.*' 'numpy<2'`` (370 MB, Python 3.11).

    python scripts/client_blender.py out.glb --frames 0 15 30 [--picture out.png]

Prints one JSON object {places: {bone: [[x, y, z] a frame]}, actions: [...]}. Places are those of glTF: y up, metres.
The last animation of the file is played.
"""

import argparse
import json
import os
import sys

import bpy


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--frames", type=int, nargs="+", default=[0])
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--picture")
    arguments = parser.parse_args()
    said = os.dup(1)
    os.dup2(2, 1)  # what Blender prints must not stand before the result
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = arguments.fps
    bpy.ops.import_scene.gltf(filepath=arguments.file)
    armature = next(one for one in scene.objects if one.type == "ARMATURE")
    tracks = armature.animation_data.nla_tracks
    played = tracks[last_animation(arguments.file)]  # Blender has the file's first last
    for track in tracks:
        track.is_solo = False
        track.mute = track != played
    armature.animation_data.action = None  # the tracks play
    start = round(played.strips[0].frame_start)
    places: dict[str, list[list[float]]] = {}
    for frame in arguments.frames:
        scene.frame_set(start + frame)
        for bone in armature.pose.bones:
            x, y, z = armature.matrix_world @ bone.head
            places.setdefault(bone.name, []).append([x, z, -y])
    actions = [track.name for track in tracks]
    if arguments.picture:
        draw(scene, arguments.picture)
    os.write(said, json.dumps({"places": places, "actions": actions}).encode() + b"\n")


def last_animation(path: str) -> str:
    """Its name in a .glb."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(20)[12:16], "little")
        return str(json.loads(file.read(length))["animations"][-1]["name"])


def draw(scene: bpy.types.Scene, path: str) -> None:
    """The scene from the front, by the workbench."""
    from mathutils import Vector

    corners = [one.matrix_world @ Vector(c) for one in scene.objects if one.type == "MESH" for c in one.bound_box]
    low, high = (Vector(f(c[k] for c in corners) for k in range(3)) for f in (min, max))
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    middle = (low + high) / 2
    camera.location = middle + Vector((0, -2.6 * (high.z - low.z), 0))
    camera.rotation_euler = (1.5708, 0, 0)
    scene.camera = camera
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.device = 8, "CPU"
    scene.world = bpy.data.worlds.new("world")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs[1].default_value = 1.5
    scene.render.resolution_x, scene.render.resolution_y = 360, 480
    scene.render.filepath = path
    bpy.ops.render.render(write_still=True)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
