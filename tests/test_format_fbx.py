"""FBX: out and in again through ufbx, other units and axes, the skin and the face, and what damaged files say."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cospeech.api.rig import recognise_rig
from cospeech.avatar.body import load_body
from cospeech.avatar.fbx import main_colours
from cospeech.avatar.rigging import rigged
from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_rotation, geodesic
from cospeech.motion.formats import fbx as fbx_module
from cospeech.motion.formats import load_motion, save_motion
from cospeech.motion.formats.fbx import fbx_as_gltf
from cospeech.motion.formats.fbx_binary import Int64, Record, save_records
from cospeech.motion.formats.fbx_writer import TICKS, bone_frames
from cospeech.motion.kinematics import global_rotations
from cospeech.motion.motion import Motion
from cospeech.motion.retarget import to_rig
from cospeech.motion.skeleton import Skeleton, canonical_skeleton
from format_data import canonical_motion

EYES = ("left_eye", "right_eye")  # their gaze is in the face where there is a mesh
FIXED = dict(atol=2e-6, rtol=0)


@pytest.fixture(autouse=True)
def _library():
    pytest.importorskip("ufbx")


def same_pose(motion: Motion, other: Motion, *, but: tuple[str, ...] = ()) -> None:
    """The joints of one motion stand and are turned as in another one: a micrometre, a hundredth of a degree."""
    names = [name for name in motion.skeleton.names if name not in but]
    ours, theirs = motion.skeleton.indices(names), other.skeleton.indices(names)
    np.testing.assert_allclose(other.positions[:, theirs], motion.positions[:, ours], **FIXED)
    np.testing.assert_allclose(other.skeleton.rest_positions[theirs], motion.skeleton.rest_positions[ours], **FIXED)
    a, b = (global_rotations(m.rotations.astype(float), m.skeleton.parents) for m in (motion, other))
    assert np.degrees(geodesic(a[:, ours], b[:, theirs]).max()) < 0.01


def test_the_avatar_comes_back(tmp_path):
    motion = canonical_motion(20)
    again = load_motion(save_motion(motion, tmp_path / "a.fbx", level=1))
    assert again.skeleton.names == motion.skeleton.names  # the twist helpers are no joints
    assert (again.fps, again.frames) == (30.0, 20)
    same_pose(motion, again, but=EYES)
    np.testing.assert_allclose(again.face, motion.face, atol=1e-6)


@pytest.mark.parametrize(
    ("up", "unit", "rig", "fps"), [("y", "cm", None, 24.0), ("z", "m", "mixamo", 25.0), ("z", "cm", "ue5", 60.0)]
)
def test_any_rig_unit_and_axis(tmp_path, up, unit, rig, fps):
    motion = canonical_motion(7, face=False, fps=fps)
    path = save_motion(motion, tmp_path / "a.fbx", mesh=False, up=up, unit=unit, rig=rig)
    again = load_motion(path)
    assert abs(again.fps - fps) < 0.01
    same_pose(motion if rig is None else to_rig(motion, rig), again)


def test_what_the_file_says_of_itself(tmp_path):
    import ufbx

    motion = canonical_motion(31, face=False)
    path = save_motion(motion, tmp_path / "a.fbx", mesh=False, up="z", name="wave")
    data = path.read_bytes()
    assert data[:23] == b"Kaydara FBX Binary  \0\x1a\0"
    assert struct.unpack_from("<I", data, 23) == (7400,)
    assert (len(data) - 140) % 16 == 0  # the end begins at a block, as Autodesk's SDK wants it
    scene = ufbx.load_file(str(path), strict=True)
    assert scene.settings.unit_meters == pytest.approx(0.01)
    assert scene.settings.frames_per_second == 30.0
    (stack,) = kept = list(scene.anim_stacks)
    assert (stack.name, stack.time_begin, stack.time_end) == ("wave", 0.0, 1.0)
    hips = scene.find_node("pelvis")
    np.testing.assert_allclose(hips.local_transform.translation, [0.0, -1.379, 94.493], atol=1e-9)  # cm, z up
    del kept


def test_bones_point_along_limbs():
    skeleton = canonical_skeleton()
    frames, rest = bone_frames(skeleton), skeleton.rest_positions
    np.testing.assert_allclose(frames @ frames.transpose(0, 2, 1), np.tile(np.eye(3), (55, 1, 1)), atol=1e-12)
    for start, end in (("left_shoulder", "left_elbow"), ("right_knee", "right_ankle"), ("pelvis", "spine1")):
        bone = rest[skeleton.index(end)] - rest[skeleton.index(start)]
        np.testing.assert_allclose(frames[skeleton.index(start), :, 1], bone / np.linalg.norm(bone), atol=1e-9)


def test_a_whole_turn_is_no_jump(tmp_path):
    """Angles run on beyond 180 degrees, so that what is read between two keys is between them."""
    import ufbx

    skeleton = Skeleton(("root", "tip"), (-1, 0), np.array([[0.0, 1.0, 0.0], [0.0, 0.5, 0.0]]))
    turns = np.tile(np.eye(3), (25, 2, 1, 1))
    turns[:, 0] = axis_rotation("Y", np.radians(np.arange(25) * 20.0))
    path = save_motion(Motion(skeleton, 30.0, turns, np.zeros((25, 3))), tmp_path / "a.fbx", mesh=False)
    scene = ufbx.load_file(str(path))
    curves = list(scene.anim_curves)
    spans = [curve.max_value - curve.min_value for curve in curves]
    assert max(spans) == pytest.approx(480.0, abs=1e-3)


def test_the_mesh_is_whole(tmp_path):
    body, motion = load_body(1), canonical_motion(3)
    file = fbx_as_gltf(save_motion(motion, tmp_path / "a.fbx", level=1))
    person = rigged(motion, body)
    node = next(node for node in file.items("nodes") if "mesh" in node)
    mesh = file.items("meshes")[node["mesh"]]
    first = mesh["primitives"][0]
    points = file.values(first["attributes"]["POSITION"])
    # Every vertex is there, where it is, with its joints and weights; triangles keep their side.
    order = np.lexsort(np.round(points, 5).T)
    mine = np.lexsort(np.round(body.vertices, 5).T)
    np.testing.assert_allclose(points[order], body.vertices[mine], atol=1e-5)
    joints = np.array(file.items("skins")[0]["joints"])[file.values(first["attributes"]["JOINTS_0"]).astype(int)]
    names = np.array([entry["name"] for entry in file.items("nodes")])[joints]
    weights = file.values(first["attributes"]["WEIGHTS_0"])
    at = np.array([np.abs(points - vertex).sum(1).argmin() for vertex in body.vertices[::97]])
    for k, vertex in enumerate(range(0, len(body), 97)):
        bones = np.array(person.motion.skeleton.names)[person.joints[vertex]]
        wanted = dict(zip(bones, person.weights[vertex], strict=True))
        got = dict(zip(names[at[k]], weights[at[k]], strict=True))
        assert all(abs(got.get(name, 0.0) - weight) < 1e-4 for name, weight in wanted.items() if weight > 0)
    corners = np.concatenate([file.values(part["indices"]).astype(int).reshape(-1, 3) for part in mesh["primitives"]])
    assert len(corners) == len(body.triangles)

    def volume(vertices: np.ndarray, triangles: np.ndarray) -> float:
        a, b, c = (vertices[triangles[:, k]].astype(float) for k in range(3))
        return float((a * np.cross(b, c)).sum() / 6)

    assert volume(points, corners) == pytest.approx(volume(body.vertices, np.asarray(body.triangles)), rel=1e-3)
    assert mesh["extras"]["targetNames"] == list(body.morphs.names)
    jaw = body.morphs.names.index("jawOpen")
    deltas = file.values(first["targets"][jaw]["POSITION"])
    assert np.abs(deltas).max() == pytest.approx(np.abs(body.morphs.deltas[jaw]).max(), rel=1e-3)
    # Materials are the main colours, in proportion to light.
    colours, _ = main_colours(body)
    bases = [m["pbrMetallicRoughness"]["baseColorFactor"][:3] for m in file.items("materials")]
    assert len(bases) == len(colours) > 5


def test_twist_helpers_follow_an_arm_posed_by_hand():
    """Turning the upper arm alone turns all skin of the upper arm: helpers hang below it, not below the collar."""
    person = rigged(canonical_motion(2), load_body(1))
    skeleton = person.motion.skeleton
    for helper in person.helpers:
        name = skeleton.names[helper]
        side, part = name.split("_")[0], "shoulder" if "shoulder" in name else "elbow"
        assert skeleton.names[skeleton.parents[helper]] == f"{side}_{part}"


def test_skin_of_joints_that_a_rig_lacks(tmp_path):
    motion = canonical_motion(2)
    person = rigged(motion, load_body(1), rig="ue5")
    names = person.motion.skeleton.names
    assert "upperarm_l" in names
    assert not {"jaw", "left_eye"} & set(names)
    np.testing.assert_allclose(person.weights.sum(1), 1.0, atol=1e-5)
    own = rigged(motion, load_body(1))
    jaw, head = own.motion.skeleton.index("jaw"), names.index("head")
    on_jaw = (own.joints == jaw) & (own.weights > 0)
    assert (person.joints[np.nonzero(on_jaw)[0]] == head).any(1).all()
    used = np.where(person.weights > 0, person.joints, -1 - np.arange(4))
    assert all(len(set(row)) == 4 for row in used[::53].tolist())  # no joint twice


def test_the_rig_of_a_file_without_animation(tmp_path):
    moving = save_motion(canonical_motion(2), tmp_path / "own.fbx", level=1)
    still = tmp_path / "still.fbx"
    still.write_bytes(moving.read_bytes().replace(b"AnimationStack", b"SomethingElse_"))
    with pytest.raises(UserError, match="no animation"):
        load_motion(still)
    found, moves = recognise_rig(still), recognise_rig(moving)
    assert (found.frames, found.animations) == (1, ())
    assert found.joints == moves.joints
    assert found.height == pytest.approx(moves.height, abs=0.01)


def test_several_takes_are_chosen_by_name(tmp_path):
    """Files of one take each are told from names that are not there."""
    path = save_motion(canonical_motion(5, face=False), tmp_path / "a.fbx", mesh=False, name="wave")
    assert load_motion(path, animation="wave").frames == 5
    assert load_motion(path, animation=0).frames == 5
    with pytest.raises(UserError, match=r"a\.fbx.*'bow'.*wave"):
        load_motion(path, animation="bow")


def test_fps_of_reading(tmp_path):
    motion = canonical_motion(31, face=False)
    again = load_motion(save_motion(motion, tmp_path / "a.fbx", mesh=False), fps=60)
    assert (again.fps, again.frames) == (60.0, 61)
    np.testing.assert_allclose(again.positions[::2], motion.positions, atol=1e-5)


def test_without_the_library(tmp_path, monkeypatch):
    path = save_motion(canonical_motion(2, face=False), tmp_path / "a.fbx", mesh=False)
    monkeypatch.setattr(fbx_module, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"a\.fbx: to read FBX, install its library with pip install 'cospeech\[fbx\]'"):
        load_motion(path)


def test_broken_files_are_user_errors(tmp_path):
    """Cut, overwritten, garbage, another format: one line or a sound motion; the reader's process may die of it."""
    whole = save_motion(canonical_motion(4, face=False), tmp_path / "whole.fbx", mesh=False).read_bytes()
    rng = np.random.default_rng(0)
    broken = [b"", b"\0", whole[:10], whole[:25], b"{}", b"Kaydara FBX Binary  \0\x1a\0" + b"\xff" * 500]
    broken += [whole[: int(length)] for length in rng.integers(27, len(whole), 2)]
    for _ in range(5):
        data = bytearray(whole)
        for _ in range(int(rng.integers(1, 9))):
            data[int(rng.integers(27, len(data)))] = int(rng.integers(256))
        broken.append(bytes(data))
    path = tmp_path / "broken.fbx"
    messages = []
    for data in broken:
        path.write_bytes(data)
        try:
            load_motion(path)
        except UserError as error:
            messages.append(str(error))
    assert len(messages) >= 8
    assert all(str(path) in message and "\n" not in message for message in messages)


def _skeleton_records(duration: int) -> list[Record]:
    """A scene of one moving joint whose two keys are so many ticks apart."""
    model = Record("Model", (Int64(1), "root\0\1Model", "LimbNode"))
    stack = Record("AnimationStack", (Int64(2), "a\0\1AnimStack", ""))
    layer = Record("AnimationLayer", (Int64(3), "b\0\1AnimLayer", ""))
    node = Record("AnimationCurveNode", (Int64(4), "T\0\1AnimCurveNode", ""))
    curve = Record("AnimationCurve", (Int64(5), "\0\1AnimCurve", ""))
    for name, value in (
        ("Default", 0.0),
        ("KeyVer", 4008),
        ("KeyTime", np.array([0, duration], np.int64)),
        ("KeyValueFloat", np.array([0, 1], np.float32)),
        ("KeyAttrFlags", np.array([4], np.int32)),
        ("KeyAttrDataFloat", np.zeros(4, np.float32)),
        ("KeyAttrRefCount", np.array([2], np.int32)),
    ):
        curve.add(name, value)
    joined = [("OO", 1, 0), ("OO", 3, 2), ("OO", 4, 3), ("OP", 4, 1, "Lcl Translation"), ("OP", 5, 4, "d|X")]
    connections = Record("Connections")
    for kind, child, parent, *name in joined:
        connections.add("C", kind, Int64(child), Int64(parent), *name)
    header = Record("FBXHeaderExtension")
    header.add("FBXVersion", 7400)
    return [header, Record("Objects", (), [model, stack, layer, node, curve]), connections]


def test_keys_a_year_apart_take_no_memory(tmp_path):
    path = save_records(_skeleton_records(365 * 86400 * TICKS), tmp_path / "long.fbx")
    with pytest.raises(UserError, match=r"long\.fbx.* s; 14400 are allowed"):
        load_motion(path)
    short = load_motion(save_records(_skeleton_records(TICKS), tmp_path / "short.fbx"))
    assert short.frames == 25  # without settings, FBX counts 24 frames a second


def test_nothing_to_write(tmp_path):
    with pytest.raises(UserError, match="no frames"):
        save_motion(canonical_motion(2)[:0], tmp_path / "a.fbx")
    for options, words in (
        ({"up": "x"}, "up is 'y' or 'z'"),
        ({"unit": "mile"}, "unknown unit"),
        ({"rig": "no"}, "no"),
    ):
        with pytest.raises(UserError, match=words):
            save_motion(canonical_motion(2), tmp_path / "a.fbx", **options)
    assert not list(Path(tmp_path).iterdir())


def test_sliding_joints_are_kept(tmp_path):
    motion = canonical_motion(5, face=False)
    slides = motion.skeleton.offsets[12] + np.linspace(0, 0.02, 5)[:, None]
    motion = replace(motion, extra={"per_frame": {"bvh_position/neck": slides}})
    import ufbx

    scene = ufbx.load_file(str(save_motion(motion, tmp_path / "a.fbx", mesh=False)))
    stacks = list(scene.anim_stacks)
    anim, neck, spine = stacks[0].anim, scene.find_node("neck"), scene.find_node("spine3")
    moved = [ufbx.evaluate_transform(anim, neck, k / 30).translation for k in range(5)]
    assert np.linalg.norm(np.subtract(moved[4], moved[0])) == pytest.approx(2.0 * 3**0.5, abs=1e-4)  # cm
    assert spine is not None


def test_an_fbx_as_a_character(tmp_path):
    """Our own person, read back from FBX, moves as we wrote it; what comes out is glTF with both animations."""
    motion = canonical_motion(6, face=False)
    rotations = motion.rotations.copy()
    rotations[:, motion.skeleton.indices(["jaw", *EYES])] = np.eye(3)
    motion = replace(motion, rotations=rotations)
    own = save_motion(motion, tmp_path / "own.fbx", level=1)
    path = save_motion(motion, tmp_path / "onto.glb", onto=own)
    before, after = load_motion(path, animation=0), load_motion(path, animation=1)
    same_pose(motion, before)
    ours, theirs = (
        motion.skeleton.indices(motion.skeleton.names[:22]),
        after.skeleton.indices(motion.skeleton.names[:22]),
    )
    np.testing.assert_allclose(after.positions[:, theirs], motion.positions[:, ours], atol=1e-4)
