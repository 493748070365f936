"""Made characters: the default body under other people's rigs, with textures, shapes of a face and springs."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cospeech.avatar.body import Body, load_body
from cospeech.avatar.pose import pose_vertices
from cospeech.core.rotation import align_vectors, axis_angle_to_matrix, axis_rotation, matrix_to_quaternion
from cospeech.motion.formats.gltf import INDICES, VERTICES, GltfWriter
from cospeech.motion.kinematics import forward
from cospeech.motion.motion import Motion
from cospeech.motion.rig_binding import find_table
from cospeech.motion.skeleton import CANONICAL_NAMES, CANONICAL_PARENTS, canonical_skeleton

NO_FACE_JOINTS = ("jaw", "left_eye", "right_eye")


@dataclass(frozen=True)
class Kind:
    """How a made character differs from the default person."""

    table: str  # whose names the joints have
    prefix: str = ""
    arms_down: float = 0.0  # degrees by which the arms hang at rest; 0 is a T-pose
    size: float = 1.0
    armature_scale: float = 1.0  # of the node above the joints, whose units are as much smaller
    armature_turn: float = 0.0  # degrees about x of that node
    turned: float = 0.0  # degrees about y that the person stands turned
    place: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rolled: bool = False  # local frames along the bones, rolled at random
    split: bool = False  # upper arms and forearms of two bones each
    loose: bool = False  # arms hang on the armature and not on the spine
    left_out: tuple[str, ...] = NO_FACE_JOINTS
    targets: Callable[[str], str] | None = None  # name of a morph target by the ARKit shape; None leaves the face out
    vrm: str | None = None
    texture: bytes = b""  # a PNG or JPEG
    posed_nodes: bool = False  # the nodes hold another pose than the skin was bound in


MIXAMO = Kind("mixamo", "mixamorig:", size=1.1, armature_scale=0.01, armature_turn=90.0, targets=lambda name: name)
VRM1 = Kind("vrm", arms_down=45.0, size=0.9, left_out=(), targets=lambda name: name, vrm="1")
VRM0 = replace(VRM1, vrm="0", arms_down=0.0, turned=180.0)
RIGIFY = Kind("rigify", arms_down=35.0, rolled=True, split=True, loose=True, size=1.2)


def picture(size: int = 64, kind: str = "PNG", *, noise: bool = False) -> bytes:
    """A texture: left half red, right half blue, or noise that no packing makes small."""
    pixels = np.zeros((size, size, 3), np.uint8)
    pixels[:, : size // 2], pixels[:, size // 2 :] = (200, 30, 30), (30, 30, 200)
    if noise:
        pixels = np.random.default_rng(0).integers(0, 256, pixels.shape, dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def rest_motion(kind: Kind) -> Motion:
    """The rest pose as a canonical motion of one frame."""
    skeleton = canonical_skeleton()
    rotations = np.tile(np.eye(3), (1, len(skeleton), 1, 1))
    for side, sign in (("left", -1.0), ("right", 1.0)):
        rotations[:, skeleton.index(f"{side}_shoulder")] = axis_rotation("Z", sign * np.radians(kind.arms_down))
    turn = axis_rotation("Y", np.radians(kind.turned))
    rotations[:, 0] = turn
    return Motion(skeleton, 30.0, rotations, skeleton.offsets[:1] @ turn.T)


def write_character(path: Path, kind: Kind) -> Path:
    """The character as a .glb or .vrm."""
    body = load_body(1)
    rest = rest_motion(kind)
    rotations = rest.rotations.astype(np.float64)
    _, places = forward(rotations, rest.translation.astype(np.float64), CANONICAL_PARENTS, canonical_skeleton().offsets)
    points = pose_vertices(body, rest)[0]
    places, points = (values * kind.size + np.array(kind.place) for values in (places[0], points))
    joints = _joints(kind, places)
    writer = GltfWriter()
    armature = _armature(kind)
    nodes = _write_nodes(writer, joints, armature)
    inverse = [np.linalg.inv(_matrix(joint.turn, joint.place / kind.armature_scale)) for joint in joints]
    matrices = np.stack(inverse).transpose(0, 2, 1).reshape(-1, 16).astype(np.float32)
    # The skin is bound in the units of the armature: the mesh is as large as its file says, and scaled by the joints.
    writer.document["skins"] = [
        {"name": "skin", "joints": nodes[1:], "inverseBindMatrices": writer.accessor(matrices, "MAT4")}
    ]
    person = _write_mesh(writer, kind, body, points / kind.armature_scale, joints)
    writer.document["scenes"][0]["nodes"] = [nodes[0], person]
    writer.document["extras"] = {"unknown": [1, {"two": 3.5}]}
    if kind.vrm:
        _write_vrm(writer, kind, joints, nodes, person)
    if kind.posed_nodes:
        arm = next(node for node, joint in zip(nodes[1:], joints, strict=True) if joint.canonical == "left_elbow")
        writer.document["nodes"][arm]["rotation"] = _quaternion(axis_rotation("Y", 0.8))
    return writer.save(path)


@dataclass
class _Joint:
    canonical: str
    name: str
    parent: int  # among the joints, -1 of a root
    place: np.ndarray  # metres, world
    turn: np.ndarray  # world


def _joints(kind: Kind, places: np.ndarray) -> list[_Joint]:
    table, rng = find_table(kind.table), np.random.default_rng(3)
    found: list[_Joint] = []
    index: dict[str, int] = {}
    for joint, canonical in enumerate(CANONICAL_NAMES):
        name = table.rig_name(canonical)
        if name is None or canonical in kind.left_out:
            continue
        parent = CANONICAL_PARENTS[joint]
        while parent >= 0 and CANONICAL_NAMES[parent] not in index:
            parent = CANONICAL_PARENTS[parent]
        above = index[CANONICAL_NAMES[parent]] if parent >= 0 else -1
        if kind.loose and canonical.endswith(("collar", "shoulder")):
            above = -1
        if kind.split and canonical.endswith(("elbow", "wrist")):
            start = found[above]
            middle = _Joint("", f"{start.name}.001", above, (start.place + places[joint]) / 2, start.turn)
            found.append(middle)
            above = len(found) - 1
        turn = np.eye(3)
        if kind.rolled:
            child = next((k for k, p in enumerate(CANONICAL_PARENTS) if p == joint), None)
            bone = places[child] - places[joint] if child is not None else np.array([0.0, 1.0, 0.0])
            turn = align_vectors(np.array([0.0, 1.0, 0.0]), bone) @ axis_rotation("Y", rng.uniform(-3, 3))
        index[canonical] = len(found)
        found.append(_Joint(canonical, kind.prefix + name, above, places[joint], turn))
    return found


def _armature(kind: Kind) -> np.ndarray:
    return _matrix(axis_rotation("X", np.radians(kind.armature_turn)) * kind.armature_scale, np.zeros(3))


def _matrix(linear: np.ndarray, place: np.ndarray) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = linear, place
    return matrix


def _quaternion(turn: np.ndarray) -> list[float]:
    return matrix_to_quaternion(turn)[[1, 2, 3, 0]].tolist()


def _write_nodes(writer: GltfWriter, joints: list[_Joint], armature: np.ndarray) -> list[int]:
    scale = float(np.cbrt(np.linalg.det(armature[:3, :3])))
    turn = armature[:3, :3] / scale
    nodes = [writer.node(name="Armature", rotation=_quaternion(turn), scale=[scale] * 3, children=[])]
    for joint in joints:
        above = joints[joint.parent] if joint.parent >= 0 else None
        origin, base = (above.place, above.turn) if above else (np.zeros(3), turn)
        local = base.T @ (joint.place - origin) / scale
        rotation = _quaternion(base.T @ joint.turn)
        nodes.append(writer.node(name=joint.name, translation=local.tolist(), rotation=rotation))
        parent = nodes[joint.parent + 1]
        writer.document["nodes"][parent].setdefault("children", []).append(nodes[-1])
    return nodes


def _write_mesh(writer: GltfWriter, kind: Kind, body: Body, points: np.ndarray, joints: list[_Joint]) -> int:
    owner = {joint.canonical: at for at, joint in enumerate(joints)}
    lookup = []
    for joint, name in enumerate(CANONICAL_NAMES):
        while name not in owner:
            joint = CANONICAL_PARENTS[joint]
            name = CANONICAL_NAMES[joint]
        lookup.append(owner[name])
    low, high = points.min(0), points.max(0)
    share = (points - low) / (high - low)
    attributes = {
        "POSITION": writer.accessor(points.astype(np.float32), "VEC3", target=VERTICES, bounds=True),
        "TEXCOORD_0": writer.accessor(
            np.stack([share[:, 0], 1 - share[:, 1]], 1).astype(np.float32), "VEC2", target=VERTICES
        ),
        "JOINTS_0": writer.accessor(np.array(lookup, np.uint8)[body.joints], "VEC4", target=VERTICES),
        "WEIGHTS_0": writer.accessor(body.weights.astype(np.float32), "VEC4", target=VERTICES),
    }
    indices = writer.accessor(body.triangles.reshape(-1).astype(np.uint16), "SCALAR", target=INDICES)
    primitive: dict[str, Any] = {"attributes": attributes, "indices": indices, "material": 0}
    mesh: dict[str, Any] = {"name": "body", "primitives": [primitive]}
    material: dict[str, Any] = {"name": "skin", "pbrMetallicRoughness": {"metallicFactor": 0.0}}
    if kind.texture:
        kind_of = "image/png" if kind.texture[:4] == b"\x89PNG" else "image/jpeg"
        writer.document["images"] = [{"bufferView": writer.bytes_view(kind.texture), "mimeType": kind_of}]
        writer.document["textures"] = [{"source": 0}]
        material["pbrMetallicRoughness"]["baseColorTexture"] = {"index": 0}
    else:
        material["pbrMetallicRoughness"]["baseColorFactor"] = [0.1, 0.5, 0.1, 1.0]
    writer.document["materials"] = [material]
    if kind.targets:
        turn = axis_rotation("Y", np.radians(kind.turned)) * kind.size / kind.armature_scale
        primitive["targets"] = [
            {"POSITION": writer.sparse(len(points), index, delta @ turn.T)}
            for index, delta in zip(body.morphs.indices, body.morphs.deltas, strict=True)
        ]
        mesh["extras"] = {"targetNames": [kind.targets(name) for name in body.morphs.names]}
    writer.document["meshes"] = [mesh]
    return writer.node(name="Body", mesh=0, skin=0)


def _write_vrm(writer: GltfWriter, kind: Kind, joints: list[_Joint], nodes: list[int], person: int) -> None:
    bones = {joint.name: nodes[at + 1] for at, joint in enumerate(joints) if joint.canonical}
    shapes = load_body(1).morphs.names

    def targets(*names: str) -> list[int]:
        return [shapes.index(name) for name in names]

    expressions = {
        "aa": targets("jawOpen"),
        "ou": targets("mouthPucker"),
        "blink": targets("eyeBlinkLeft", "eyeBlinkRight"),
    }
    for node, joint in zip(nodes[1:], joints, strict=True):
        writer.document["nodes"][node]["name"] = f"J_Bip_{joint.name}"
    if kind.vrm == "1":
        presets = {
            name: {"morphTargetBinds": [{"node": person, "index": index, "weight": 0.8} for index in indices]}
            for name, indices in expressions.items()
        }
        extension: dict[str, Any] = {
            "specVersion": "1.0",
            "meta": {"name": "made", "authors": ["nobody"], "licenseUrl": "https://vrm.dev/licenses/1.0/"},
            "humanoid": {"humanBones": {bone: {"node": node} for bone, node in bones.items()}},
            "expressions": {"preset": presets},
            "lookAt": {"type": "bone"},
        }
        springs = {"specVersion": "1.0", "springs": [{"name": "hair", "joints": [{"node": nodes[-1]}]}]}
        writer.document["extensions"] = {"VRMC_vrm": extension, "VRMC_springBone": springs}
        writer.document["extensionsUsed"] = ["VRMC_vrm", "VRMC_springBone"]
        return
    old = {"ThumbMetacarpal": "ThumbProximal", "ThumbProximal": "ThumbIntermediate"}
    listed = []
    for bone, node in bones.items():
        ending = next((end for end in old if bone.endswith(end)), None)
        listed.append({"bone": bone.removesuffix(ending) + old[ending] if ending else bone, "node": node})
    groups = [
        {
            "name": preset.upper(),
            "presetName": preset,
            "binds": [{"mesh": 0, "index": index, "weight": 80} for index in expressions[name]],
        }
        for preset, name in (("a", "aa"), ("u", "ou"), ("blink", "blink"))
    ]
    writer.document["extensions"] = {
        "VRM": {
            "specVersion": "0.0",
            "meta": {"title": "made", "author": "nobody", "licenseName": "CC0"},
            "firstPerson": {"firstPersonBone": bones["head"], "lookAtTypeName": "Bone"},
            "humanoid": {"humanBones": listed},
            "blendShapeMaster": {"blendShapeGroups": groups},
            "secondaryAnimation": {"boneGroups": [{"bones": [nodes[-1]]}]},
        }
    }
    writer.document["extensionsUsed"] = ["VRM"]


def gesturing(frames: int = 40, *, seed: int = 0, face: bool = True) -> Motion:
    """A canonical motion of a person who stands and gestures widely, with fingers and a face."""
    rng = np.random.default_rng(seed)
    skeleton = canonical_skeleton()
    t = np.linspace(0, 2 * np.pi, frames)[:, None]
    turns = 0.15 * np.sin(t[..., None] * rng.integers(1, 3, (1, 55, 3)) + rng.uniform(0, 6, (1, 55, 3)))
    legs = [skeleton.index(f"{side}_{name}") for side in ("left", "right") for name in ("hip", "knee", "ankle", "foot")]
    turns[:, legs] *= 0.1
    turns[:, 0] *= 0.2
    for side, sign in (("left", -1.0), ("right", 1.0)):
        turns[:, skeleton.index(f"{side}_shoulder"), 2] += sign * (0.9 + 0.5 * np.sin(t[:, 0]))
        turns[:, skeleton.index(f"{side}_elbow"), 1] += sign * (1.2 + 0.6 * np.cos(t[:, 0]))
        turns[:, skeleton.index(f"{side}_wrist"), 0] += sign * np.sin(t[:, 0])
    path = skeleton.offsets[0] + 0.02 * np.sin(t * [[1.0, 0.0, 2.0]])
    weights = np.zeros((frames, 52), np.float32)
    weights[:] = 0.5 + 0.5 * np.sin(t + np.arange(52))
    return Motion(skeleton, 30.0, axis_angle_to_matrix(turns), path, weights if face else None)
