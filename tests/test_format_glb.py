"""GLB: out and in again, against other readers, and what a damaged file says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_angle_to_matrix, axis_rotation, geodesic, matrix_to_quaternion
from cospeech.motion.eyes import one_gaze
from cospeech.motion.formats import load_motion, save_motion
from cospeech.motion.formats.gltf import GltfFile, GltfWriter
from cospeech.motion.motion import Motion
from cospeech.motion.retarget import to_rig
from cospeech.motion.skeleton import canonical_skeleton
from format_data import canonical_motion, parts, rebuilt, shared_file, smooth_rotations


def default_body():
    try:
        from cospeech.avatar.body import load_body

        return load_body(1)
    except (ImportError, UserError) as error:
        pytest.skip(f"the default avatar is not built yet: {error}")


@pytest.mark.parametrize("suffix", ["glb", "fbx"])
@pytest.mark.parametrize("fps", [24000 / 1001, 30000 / 1001, 30.0, 60000 / 1001, 27.3])
def test_film_rates_stay_what_they_are(tmp_path, suffix, fps):
    motion = canonical_motion(90, face=False, fps=fps)
    again = load_motion(motion.save(tmp_path / f"a.{suffix}", mesh=False))
    assert again.fps == pytest.approx(fps, rel=1e-5)
    assert again.frames == 90


def test_skeleton_alone_comes_back(tmp_path):
    motion = canonical_motion(33, face=False, fps=25.0)
    again = load_motion(save_motion(motion, tmp_path / "a.glb", mesh=False))
    assert again.skeleton == motion.skeleton
    assert again.fps == 25.0
    assert again.face is None
    assert geodesic(again.rotations.astype(float), motion.rotations.astype(float)).max() < 1e-5
    np.testing.assert_array_equal(again.translation, motion.translation)


def test_any_rig_without_a_mesh(tmp_path):
    rig = to_rig(canonical_motion(9), "ue5")
    again = load_motion(save_motion(rig, tmp_path / "a.glb", mesh=False))
    assert again.skeleton == rig.skeleton
    np.testing.assert_allclose(again.positions, rig.positions, atol=1e-5)


def test_still_tracks_shrink_and_lose_nothing(tmp_path):
    motion = canonical_motion(200, face=False)
    rotations = np.tile(np.eye(3, dtype=np.float32), (200, 55, 1, 1))
    rotations[:, 16] = axis_rotation("Z", -1.0)
    still = replace(motion, rotations=rotations, translation=np.tile(motion.translation[:1], (200, 1)))
    moving = replace(still, translation=motion.translation)
    for motion in (still, moving):
        path = save_motion(motion, tmp_path / "a.glb", mesh=False)
        document, _ = parts(path)
        assert len(document["animations"][0]["channels"]) == 2
        again = load_motion(path)
        np.testing.assert_allclose(again.positions[0], motion.positions[0], atol=1e-6)
    assert again.frames == 200
    np.testing.assert_allclose(again.positions, moving.positions, atol=1e-6)


def test_avatar_comes_back(tmp_path):
    body = default_body()
    motion = canonical_motion(20)
    path = save_motion(motion, tmp_path / "a.glb", level=1)
    again = load_motion(path)
    assert again.skeleton == motion.skeleton  # the twist helpers are no joints
    np.testing.assert_allclose(again.positions, motion.positions, atol=1e-5)
    np.testing.assert_allclose(again.face, motion.face, atol=1e-5)
    document, _ = parts(path)
    mesh = document["meshes"][0]
    assert mesh["extras"]["targetNames"] == list(body.morphs.names)
    assert len(mesh["primitives"][0]["targets"]) == 52
    assert all("uri" not in buffer for buffer in document["buffers"])
    smooth = save_motion(replace(motion, face=None), tmp_path / "b.glb", level=1, twist=False)
    assert load_motion(smooth).face is None
    assert len(parts(smooth)[0]["skins"][0]["joints"]) == 55


@pytest.mark.parametrize("twist", [False, True])
def test_another_reader_sees_the_posed_mesh(tmp_path, twist):
    """pygltflib's accessors, skinned here, against the avatar's own skinning."""
    pygltflib = pytest.importorskip("pygltflib")
    body = default_body()
    from cospeech.avatar.skinning import dense_weights, joint_transforms

    motion = one_gaze(canonical_motion(5))  # the weights turn the eyes
    path = save_motion(motion, tmp_path / "a.glb", level=1, twist=twist)
    gltf = pygltflib.GLTF2().load(str(path))
    blob = gltf.binary_blob()

    def read(index: int) -> np.ndarray:
        accessor = gltf.accessors[index]
        view = gltf.bufferViews[accessor.bufferView]
        kind = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}[accessor.componentType]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}[accessor.type]
        start = (view.byteOffset or 0) + (accessor.byteOffset or 0)
        return np.frombuffer(blob, kind, accessor.count * width, start).reshape(accessor.count, width)

    frame = 3
    local = {}
    for index, node in enumerate(gltf.nodes):
        matrix = np.eye(4)
        matrix[:3, 3] = node.translation or [0, 0, 0]
        local[index] = matrix
    for channel in gltf.animations[0].channels:
        values = read(gltf.animations[0].samplers[channel.sampler].output)
        value = values[min(frame, len(values) - 1)].astype(float)
        if channel.target.path == "rotation":
            from cospeech.core.rotation import quaternion_to_matrix

            local[channel.target.node][:3, :3] = quaternion_to_matrix(value[[3, 0, 1, 2]])
        elif channel.target.path == "translation":
            local[channel.target.node][:3, 3] = value
    world = {}

    def visit(node: int, above: np.ndarray) -> None:
        world[node] = above @ local[node]
        for child in gltf.nodes[node].children or []:
            visit(child, world[node])

    for root in gltf.scenes[0].nodes:
        visit(root, np.eye(4))
    inverse = read(gltf.skins[0].inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1)
    bones = np.stack([world[node] @ m for node, m in zip(gltf.skins[0].joints, inverse, strict=True)])
    moved = np.isin(body.triangles, np.concatenate(body.morphs.indices)).any(1)
    posed = np.full((len(body.vertices), 3), np.inf)
    for mesh, own in zip(gltf.meshes, (moved, ~moved), strict=True):  # the face, and the rest of the body
        attributes = mesh.primitives[0].attributes
        joints, weights = read(attributes.JOINTS_0), read(attributes.WEIGHTS_0)
        np.testing.assert_allclose(weights.sum(1), 1.0, atol=1e-5)
        blend = np.einsum("vk,vkab->vab", weights, bones[joints])
        points = np.c_[read(attributes.POSITION), np.ones(len(joints))]
        corners = read(mesh.primitives[0].indices)[:, 0]
        posed[body.triangles[own].reshape(-1)] = np.einsum("vab,vb->va", blend, points)[corners, :3]

    rest = canonical_skeleton().rest_positions
    dense = dense_weights(body.joints, body.weights, body.vertices, rest)
    if not twist:
        dense[:] = 0.0
        np.add.at(dense, (np.arange(len(dense))[:, None], body.joints.astype(int)), body.weights)
    transforms = joint_transforms(motion.rotations, motion.translation, rest)[frame]
    matrices = np.einsum("vj,jab->vab", dense, transforms)
    expected = np.einsum("vab,vb->va", matrices[:, :, :3], body.vertices) + matrices[:, :, 3]
    error = np.linalg.norm(posed - expected, axis=1)
    assert error.mean() < (1e-4 if twist else 1e-6)
    assert error.max() < (0.02 if twist else 1e-5)  # a vertex of five helpers keeps the strongest four


def validator() -> list[str]:
    """The command that runs the Khronos validator; skips where Node or the package is missing."""
    node = shutil.which("node")
    script = Path(__file__).parents[1] / "scripts" / "validate_glb.mjs"
    if node is None:
        pytest.skip("needs node for the Khronos validator")
    if subprocess.run([node, str(script)], capture_output=True, env=os.environ).returncode == 3:
        pytest.skip("needs gltf-validator on NODE_PATH; see scripts/validate_glb.mjs")
    return [node, str(script)]


def test_khronos_validator_finds_no_errors(tmp_path):
    command = validator()
    default_body()
    motion = canonical_motion(12)
    files = [
        save_motion(motion, tmp_path / "avatar.glb", level=1),
        save_motion(replace(motion, face=None), tmp_path / "faceless.glb", level=1, twist=False),
        save_motion(motion, tmp_path / "bones.glb", mesh=False),
        save_motion(motion[:1], tmp_path / "one.glb", level=1),
        save_motion(motion, tmp_path / "preset.vrma"),
        save_motion(motion, tmp_path / "arkit.vrma", expressions="arkit"),
    ]
    done = subprocess.run([*command, *map(str, files)], capture_output=True, text=True)
    reports = json.loads(done.stdout)
    assert len(reports) == len(files)
    for name, report in reports.items():
        assert report["errors"] == report["warnings"] == 0, (name, report["messages"][:5])


def test_corpus_of_game_animations():
    path = shared_file("mesh2motion/animations.glb")
    motion = load_motion(path, animation="Sitting_Talking_Loop")
    assert motion.fps == 24.0
    assert load_motion(path, animation="Sitting_Talking_Loop", fps=60).fps == 60.0
    assert load_motion(path, animation=0).frames == load_motion(path).frames
    assert abs(motion.skeleton.rest_positions[motion.skeleton.index("DEF-head"), 1] - 1.57) < 0.01
    with pytest.raises(UserError, match=r"no animation 'Teapot'; it has A_TPose, Crouch_Fwd_Loop"):
        load_motion(path, animation="Teapot")
    with pytest.raises(UserError, match="no animation 99"):
        load_motion(path, animation=99)


def test_rest_rotations_scales_and_armatures_drop_out(tmp_path):
    """One body under a turned and scaled armature, joints with rest rotations: world positions stay."""
    motion = canonical_motion(15, face=False)
    skeleton = motion.skeleton
    rng = np.random.default_rng(0)
    own = axis_angle_to_matrix(rng.normal(size=(55, 3)))  # rest rotation of every joint, world
    writer = GltfWriter()
    size = 100.0  # the armature shrinks centimetres to metres and turns z-up to y-up
    turn = axis_rotation("X", -np.pi / 2)
    from cospeech.motion.kinematics import global_rotations

    world = global_rotations(motion.rotations.astype(float), skeleton.parents)
    rest = skeleton.rest_positions
    nodes = []

    def xyzw(matrix: np.ndarray) -> np.ndarray:
        return matrix_to_quaternion(matrix)[..., [1, 2, 3, 0]]

    times = writer.accessor((np.arange(15) / 30).astype(np.float32), "SCALAR", bounds=True)
    samplers, channels = [], []
    for joint, parent in enumerate(skeleton.parents):
        frame = own[parent] if parent >= 0 else turn.T
        origin = rest[parent] if parent >= 0 else np.zeros(3)
        above = world[:, parent] @ own[parent] if parent >= 0 else np.tile(turn.T.T, (15, 1, 1))
        if parent < 0:
            frame = turn
        shift = (frame.T @ (rest[joint] - origin)) * size
        nodes.append(
            writer.node(
                name=skeleton.names[joint], translation=shift.tolist(), rotation=xyzw(frame.T @ own[joint]).tolist()
            )
        )
        local = np.swapaxes(above, -1, -2) @ world[:, joint] @ own[joint]
        output = writer.accessor(xyzw(local).astype(np.float32), "VEC4")
        samplers.append({"input": times, "output": output})
        channels.append({"sampler": len(samplers) - 1, "target": {"node": nodes[-1], "path": "rotation"}})
    path_values = (motion.translation @ turn * size).astype(np.float32)
    samplers.append({"input": times, "output": writer.accessor(path_values, "VEC3")})
    channels.append({"sampler": len(samplers) - 1, "target": {"node": nodes[0], "path": "translation"}})
    for joint, children in enumerate(skeleton.children):
        if children:
            writer.document["nodes"][joint]["children"] = list(children)
    bind = np.tile(np.eye(4), (55, 1, 1))
    bind[:, :3, :3] = turn.T @ own
    bind[:, :3, 3] = rest @ turn * size
    inverse = np.linalg.inv(bind).transpose(0, 2, 1).reshape(55, 16).astype(np.float32)
    armature = writer.node(name="Armature", children=[0], scale=[1 / size] * 3, rotation=xyzw(turn).tolist())
    writer.document["skins"] = [{"joints": nodes, "inverseBindMatrices": writer.accessor(inverse, "MAT4")}]
    writer.document["scenes"][0]["nodes"] = [armature]
    writer.document["animations"] = [{"channels": channels, "samplers": samplers}]
    again = load_motion(writer.save(tmp_path / "a.glb"))
    np.testing.assert_allclose(again.skeleton.offsets, skeleton.offsets, atol=1e-4)
    np.testing.assert_allclose(again.positions, motion.positions, atol=1e-4)
    assert geodesic(again.rotations.astype(float), motion.rotations.astype(float)).max() < 1e-3


@pytest.mark.parametrize("kind", ["LINEAR", "STEP", "CUBICSPLINE"])
def test_interpolations(tmp_path, kind):
    writer = GltfWriter()
    child = writer.node(name="b", translation=[0, 1, 0])
    root = writer.node(name="a", children=[child])
    times = writer.accessor(np.array([0.0, 0.5, 1.0], np.float32), "SCALAR", bounds=True)
    keys = np.array([[0, 0, 0], [1, 0, 0], [3, 0, 0]], np.float32)
    values = np.stack([np.full((3, 3), [2, 0, 0]), keys, np.full((3, 3), [2, 0, 0])], 1)
    values = (values if kind == "CUBICSPLINE" else keys).reshape(-1, 3).astype(np.float32)
    output = writer.accessor(values, "VEC3")
    turn = writer.accessor(np.tile(np.float32([0, 0, 0, 1]), (len(values), 1)), "VEC4")
    writer.document["animations"] = [
        {
            "channels": [
                {"sampler": 0, "target": {"node": root, "path": "translation"}},
                {"sampler": 1, "target": {"node": child, "path": "rotation"}},
            ],
            "samplers": [
                {"input": times, "output": output, "interpolation": kind},
                {"input": times, "output": turn, "interpolation": kind},
            ],
        }
    ]
    writer.document["scenes"][0]["nodes"] = [root]
    motion = load_motion(writer.save(tmp_path / "a.glb"), fps=8)
    x = motion.translation[:, 0]
    assert len(x) == 9
    np.testing.assert_allclose(x[[0, 4, 8]], [0, 1, 3], atol=1e-6)
    if kind == "LINEAR":
        np.testing.assert_allclose(x[[2, 6]], [0.5, 2.0], atol=1e-6)
    elif kind == "STEP":
        np.testing.assert_allclose(x[[2, 3, 5]], [0, 0, 1], atol=1e-6)
    else:  # Hermite by hand at the middle: (a + b) / 2 + (out - in) * step / 8
        np.testing.assert_allclose(x[[2, 6]], [0.5, 2.0], atol=1e-6)
        assert x[1] == pytest.approx(0.15625 * 1 + 0.140625 - 0.046875, abs=1e-6)


def test_embedded_buffers_and_missing_files(tmp_path):
    import base64

    motion = canonical_motion(4, face=False)
    document, binary = parts(save_motion(motion, tmp_path / "a.glb", mesh=False))
    text = base64.b64encode(binary).decode()
    document["buffers"][0]["uri"] = f"data:application/octet-stream;base64,{text}"
    (tmp_path / "b.glb").write_text(json.dumps(document))
    np.testing.assert_allclose(load_motion(tmp_path / "b.glb").positions, motion.positions, atol=1e-5)
    document["buffers"][0]["uri"] = "body.bin"
    (tmp_path / "c.glb").write_text(json.dumps(document))
    with pytest.raises(UserError, match=r"needs the file 'body\.bin'"):
        load_motion(tmp_path / "c.glb")


def mutations():
    def animation(d):
        return d["animations"][0]

    return {
        "no animations": lambda d: d.pop("animations"),
        "animation without channels": lambda d: animation(d).update(channels=[]),
        "sampler out of range": lambda d: animation(d)["channels"][0].update(sampler=999),
        "node out of range": lambda d: animation(d)["channels"][0]["target"].update(node=999),
        "node no number": lambda d: animation(d)["channels"][0]["target"].update(node="x"),
        "unknown interpolation": lambda d: animation(d)["samplers"][0].update(interpolation="MAGIC"),
        "accessor out of range": lambda d: animation(d)["samplers"][0].update(output=-1),
        "huge accessor": lambda d: d["accessors"][0].update(count=10**12),
        "negative count": lambda d: d["accessors"][0].update(count=-1),
        "bad component": lambda d: d["accessors"][0].update(componentType=1),
        "bad type": lambda d: d["accessors"][0].update(type="VEC9"),
        "view past the end": lambda d: d["bufferViews"][0].update(byteLength=10**9, byteOffset=10**8),
        "negative offset": lambda d: d["accessors"][0].update(byteOffset=-8),
        "tiny stride": lambda d: d["bufferViews"][0].update(byteStride=1),
        "nodes no list": lambda d: d.update(nodes={}),
        "nodes of numbers": lambda d: d.update(nodes=[1, 2]),
        "a circle": lambda d: d["nodes"][54].update(children=[0]),
        "two parents": lambda d: d["nodes"][54].update(children=[3]),
        "child out of range": lambda d: d["nodes"][54].update(children=[99]),
        "skin joint out of range": lambda d: d["skins"][0].update(joints=[999]),
        "no asset": lambda d: d.pop("asset"),
        "translation too short": lambda d: d["nodes"][0].update(translation=[1.0]),
        "translation no numbers": lambda d: d["nodes"][0].update(translation=["a", "b", "c"]),
        "no quaternion": lambda d: d["nodes"][5].update(rotation=[0.0, 0.0, 0.0, 0.0]),
        "extras no object": lambda d: d["nodes"][5].update(extras=[1]),
    }


@pytest.mark.parametrize("name", list(mutations()))
def test_damaged_documents_are_user_errors(tmp_path, name):
    document, binary = parts(save_motion(canonical_motion(4, face=False), tmp_path / "a.glb", mesh=False))
    mutations()[name](document)
    with pytest.raises(UserError) as caught:
        load_motion(rebuilt(tmp_path / "b.glb", document, binary))
    assert "\n" not in str(caught.value)


def test_accessors_in_every_shape(tmp_path):
    writer = GltfWriter()
    signed = np.array([[127, -128, 0], [64, -64, 1]], np.int8)
    index = writer.accessor(np.c_[signed, [[0], [0]]].astype(np.int8), "VEC4", normalized=True)
    sparse = writer.sparse(70000, np.array([69999, 3]), np.array([[1.0, 2, 3], [4, 5, 6]]))
    empty = writer.sparse(4, np.array([], int), np.zeros((0, 3)))
    file = GltfFile(writer.save(tmp_path / "a.glb"))
    np.testing.assert_allclose(file.values(index)[0, :3], [1.0, -1.0, 0.0])
    values = file.values(sparse)
    assert values.shape == (70000, 3)
    np.testing.assert_array_equal(values[[3, 69999]], [[4, 5, 6], [1, 2, 3]])
    assert np.count_nonzero(values) == 6
    assert not file.values(empty).any()


def test_empty_motion_is_refused(tmp_path):
    empty = Motion(canonical_skeleton(), 30.0, smooth_rotations(0, 55), np.zeros((0, 3)))
    for name in ("a.glb", "a.vrma"):
        with pytest.raises(UserError, match="no frames"):
            save_motion(empty, tmp_path / name)
    assert not list(tmp_path.iterdir())
