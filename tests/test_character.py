"""A user's own character: its file with our animation added, checked by forward kinematics of what was written."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from character_data import MIXAMO, RIGIFY, VRM0, VRM1, Kind, gesturing, picture, write_character
from cospeech.avatar.character.character import Character, open_character
from cospeech.avatar.character.face import drivers
from cospeech.core.errors import UserError
from cospeech.core.rotation import quaternion_to_matrix
from cospeech.motion.face_shapes import ARKIT_INDEX, ARKIT_NAMES
from cospeech.motion.formats import load_motion
from cospeech.motion.formats.gltf import GltfFile
from cospeech.motion.motion import Motion
from cospeech.motion.rig_binding import LIMBS
from cospeech.motion.skeleton import canonical_skeleton
from format_data import parts, rebuilt, shared_file

KINDS = {
    "mixamo": MIXAMO,
    "vrm1": VRM1,
    "vrm0": VRM0,
    "rigify": RIGIFY,
    "another pose": replace(MIXAMO, posed_nodes=True),
    "elsewhere": replace(RIGIFY, turned=120.0, place=(3.0, 0.5, -1.0)),
}


def worlds(path: Path, clip: int = -1) -> tuple[np.ndarray, list[str]]:
    """World positions [T, nodes, 3] of a file's animation, by nothing but what glTF says; names of the nodes."""
    file = GltfFile(path)
    nodes, animation = file.items("nodes"), file.items("animations")[clip]
    frames = max(len(file.values(sampler["input"])) for sampler in animation["samplers"])
    local = {"translation": {}, "rotation": {}, "scale": {}}
    for index, node in enumerate(nodes):
        for key, default in (("translation", [0, 0, 0]), ("rotation", [0, 0, 0, 1]), ("scale", [1, 1, 1])):
            local[key][index] = np.tile(np.array(node.get(key, default), float), (frames, 1))
    for channel in animation["channels"]:
        target, sampler = channel["target"], animation["samplers"][channel["sampler"]]
        if target["path"] != "weights":
            values = file.values(sampler["output"])
            local[target["path"]][target["node"]] = np.repeat(values, frames, 0) if len(values) == 1 else values
    parents = {child: index for index, node in enumerate(nodes) for child in node.get("children", [])}
    done: dict[int, np.ndarray] = {}

    def world(index: int) -> np.ndarray:
        if index not in done:
            matrix = np.tile(np.eye(4), (frames, 1, 1))
            turn = quaternion_to_matrix(local["rotation"][index][:, [3, 0, 1, 2]])
            matrix[:, :3, :3] = turn * local["scale"][index][:, None, :]
            matrix[:, :3, 3] = local["translation"][index]
            done[index] = world(parents[index]) @ matrix if index in parents else matrix
        return done[index]

    return np.stack([world(index)[:, :3, 3] for index in range(len(nodes))], 1), [n.get("name") for n in nodes]


def joints_of(character: Character) -> dict[str, int]:
    """Node by canonical name."""
    return {name: character.rig.nodes[at[0]] for name, at in character.rig.binding.joints.items()}


def angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    unit = [v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (a, b)]
    return np.degrees(2 * np.arcsin(np.clip(np.linalg.norm(unit[0] - unit[1], axis=-1) / 2, 0, 1)))


def written(tmp_path: Path, kind: Kind, motion: Motion, suffix: str = ".glb") -> tuple[Character, Path]:
    source = write_character(tmp_path / f"me{suffix}", kind)
    return open_character(source), motion.save(tmp_path / f"out{suffix}", onto=source)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_character_does_what_the_source_does(tmp_path, kind):
    """Directions of arms, legs and fingers within a degree, wrists within a millimetre; feet on its own floor."""
    motion = gesturing()
    character, path = written(tmp_path, kind, motion)
    places, _ = worlds(path)
    nodes, heading = joints_of(character), character.rig.heading
    source = motion.positions.astype(float)
    index = motion.skeleton.index
    fingers = {
        f"{side}_{f}{k}": f"{side}_{f}{k + 1}" for side in ("left", "right") for f in ("index", "thumb") for k in (1, 2)
    }
    for start, end in (LIMBS | fingers).items():
        own = places[:, nodes[end]] - places[:, nodes[start]]
        wanted = (source[:, index(end)] - source[:, index(start)]) @ heading.T
        assert angle(own, wanted).max() < 0.1, start
    rest = character.rig.skeleton.rest_positions
    joints = character.rig.binding.joints
    for side in ("left", "right"):
        chain = [f"{side}_{name}" for name in ("shoulder", "elbow", "wrist")]
        expected = places[:, nodes[chain[0]]].copy()
        for start, end in pairwise(chain):
            length = np.linalg.norm(rest[joints[end][0]] - rest[joints[start][0]])
            bone = (source[:, index(end)] - source[:, index(start)]) @ heading.T
            expected += bone * (length / np.linalg.norm(bone, axis=1, keepdims=True))
        np.testing.assert_allclose(places[:, nodes[chain[-1]]], expected, atol=2e-4)
    # The hips go as far as its legs are long, from where it stands; feet are as far from its floor as at the source.
    moved, wanted = places[:, nodes["pelvis"]], source[:, 0] @ heading.T
    np.testing.assert_allclose(np.ptp(moved, axis=0), np.ptp(wanted, axis=0) * kind.size, atol=2e-3)
    np.testing.assert_allclose(moved.mean(0)[[0, 2]], np.array(kind.place)[[0, 2]], atol=0.08)
    low = min(places[:, nodes[f"{side}_foot"], 1].min() for side in ("left", "right")) - kind.place[1]
    ours = min(source[:, index(f"{side}_foot"), 1].min() for side in ("left", "right"))
    assert abs(low - ours * kind.size) < 0.012


def test_a_split_upper_arm_stays_straight(tmp_path):
    character, path = written(tmp_path, RIGIFY, gesturing())
    places, names = worlds(path)
    nodes = joints_of(character)
    for part, start, end in (("upper_arm", "shoulder", "elbow"), ("forearm", "elbow", "wrist")):
        middle = places[:, names.index(f"DEF-{part}.L.001")]
        halfway = (places[:, nodes[f"left_{start}"]] + places[:, nodes[f"left_{end}"]]) / 2
        assert np.linalg.norm(middle - halfway, axis=1).max() < 5e-4


def test_our_own_person_as_a_character(tmp_path):
    """Its helpers hang below the joints of the arms, which they follow without tracks of their own."""
    motion = gesturing(20)
    own = motion.save(tmp_path / "own.glb", level=1)
    character = open_character(own)
    assert character.rig.rolls == ()
    path = motion.save(tmp_path / "again.glb", onto=character)
    clips = GltfFile(path).items("animations")
    assert [clip["name"] for clip in clips] == ["gesture", "gesture.2"]
    (before, names), (after, _) = worlds(path, 0), worlds(path, 1)
    joints = [names.index(name) for name in canonical_skeleton().names]
    np.testing.assert_allclose(after[:, joints], before[:, joints], atol=1e-4)
    helpers = [names.index(f"{side}_shoulder_twist0") for side in ("left", "right")]
    shoulders = [names.index(f"{side}_shoulder") for side in ("left", "right")]
    np.testing.assert_allclose(after[:, helpers], after[:, shoulders], atol=1e-6)


def test_helpers_beside_the_limbs(tmp_path):
    """Helpers that hang from the collar, as in files of before, and carry skin of the upper arms, go with the arm."""
    motion = gesturing(20)
    path = motion.save(tmp_path / "own.glb", level=1)
    document, binary = parts(path)
    nodes = {node["name"]: node for node in document["nodes"]}
    index = {node["name"]: k for k, node in enumerate(document["nodes"])}
    for side in ("left", "right"):
        for helper in (f"{side}_shoulder_twist0", f"{side}_shoulder_twist1"):
            nodes[f"{side}_shoulder"]["children"].remove(index[helper])
            nodes[f"{side}_collar"]["children"].append(index[helper])
            nodes[helper]["translation"] = nodes[f"{side}_shoulder"]["translation"]
    character = open_character(rebuilt(tmp_path / "before.glb", document, binary))
    assert len(character.rig.rolls) == 4
    posed = character.pose(motion)
    for helper, limb in character.rig.rolls:
        bone = np.array([1.0, 0.0, 0.0]) * np.sign(character.rig.skeleton.rest_positions[limb, 0])
        assert angle(posed.turns[:, helper] @ bone, posed.turns[:, limb] @ bone).max() < 0.1


def test_nothing_of_the_file_changes(tmp_path):
    """Every byte of its buffer and every key of its JSON is there again; new things come after."""
    kind = replace(VRM1, texture=picture())
    source = write_character(tmp_path / "me.vrm", kind)
    document, binary = parts(source)
    document["nodes"][3]["extras"] = {"mine": {"kept": [True, None]}}
    document["animations"] = [{"name": "gesture", "channels": [], "samplers": []}]
    document["weird"] = {"a": [1.25, "ü"]}
    rebuilt(source, document, binary)
    gesturing().save(tmp_path / "out.vrm", onto=source)
    after, bytes_after = parts(tmp_path / "out.vrm")
    assert bytes_after[: len(binary)] == binary
    for key in (
        "nodes",
        "meshes",
        "materials",
        "skins",
        "textures",
        "images",
        "scenes",
        "extensions",
        "weird",
        "extras",
    ):
        assert after[key] == document[key], key
    for key in ("accessors", "bufferViews", "animations"):
        assert after[key][: len(document[key])] == document[key]
    assert [clip["name"] for clip in after["animations"]] == ["gesture", "gesture.2"]
    assert (tmp_path / "out.vrma").is_file()
    assert load_motion(tmp_path / "out.vrma").frames == 40


def test_a_matrix_becomes_its_parts_where_a_node_moves(tmp_path):
    source = write_character(tmp_path / "me.glb", MIXAMO)
    document, binary = parts(source)
    node = document["nodes"][1]
    before = open_character(source).rig.places
    x, y, z, w = node.pop("rotation")
    matrix = np.eye(4)
    matrix[:3, :3] = quaternion_to_matrix(np.array([w, x, y, z]))
    matrix[:3, 3] = node.pop("translation")
    node["matrix"] = matrix.T.reshape(-1).tolist()
    character = open_character(rebuilt(source, document, binary))
    np.testing.assert_allclose(character.rig.places, before, atol=1e-6)
    path = gesturing().save(tmp_path / "out.glb", onto=character)
    assert "matrix" not in parts(path)[0]["nodes"][1]
    assert np.isfinite(worlds(path)[0]).all()


def test_compressed_meshes_pass_through(tmp_path):
    source = write_character(tmp_path / "me.glb", MIXAMO)
    document, binary = parts(source)
    primitive = document["meshes"][0]["primitives"][0]
    for index in primitive["attributes"].values():
        document["accessors"][index].pop("bufferView")
    primitive["extensions"] = {"KHR_draco_mesh_compression": {"bufferView": 0, "attributes": {"POSITION": 0}}}
    document["extensionsUsed"] = document["extensionsRequired"] = ["KHR_draco_mesh_compression"]
    path = gesturing().save(tmp_path / "out.glb", onto=rebuilt(source, document, binary))
    after, bytes_after = parts(path)
    assert after["meshes"] == document["meshes"]
    assert bytes_after[: len(binary)] == binary
    assert after["extensionsRequired"] == ["KHR_draco_mesh_compression"]


@pytest.mark.parametrize("embedded", [False, True])
def test_a_gltf_with_files_beside_it_becomes_one_glb(tmp_path, embedded):
    source = write_character(tmp_path / "me.glb", replace(MIXAMO, texture=picture()))
    document, binary = parts(source)
    view = document["bufferViews"][document["images"][0]["bufferView"]]
    start = view.get("byteOffset", 0)
    if embedded:
        document["buffers"][0]["uri"] = "data:application/octet-stream;base64," + base64.b64encode(binary).decode()
    else:
        (tmp_path / "my skin.png").write_bytes(binary[start : start + view["byteLength"]])
        document["images"] = [{"uri": "my%20skin.png"}]
        (tmp_path / "me.bin").write_bytes(binary)
        document["buffers"][0]["uri"] = "me.bin"
    (tmp_path / "me.gltf").write_text(json.dumps(document))
    path = gesturing().save(tmp_path / "out.glb", onto=tmp_path / "me.gltf")
    after, bytes_after = parts(path)
    assert bytes_after[: len(binary)] == binary
    assert "uri" not in after["buffers"][0]
    file = GltfFile(path)
    assert file.view(after["images"][0]["bufferView"]) == picture()
    alone = gesturing().save(tmp_path / "alone.glb", onto=source)
    np.testing.assert_allclose(worlds(path)[0], worlds(alone)[0], atol=1e-6)


# ---------------------------------------------------------------------------- the face


def named(tmp_path: Path, names: list[str], vrm: str | None = None) -> Character:
    source = write_character(tmp_path / "me.glb", MIXAMO)
    document, binary = parts(source)
    mesh = document["meshes"][0]
    mesh["primitives"][0]["targets"] = mesh["primitives"][0]["targets"][: len(names)]
    mesh["extras"]["targetNames"] = names
    return open_character(rebuilt(source, document, binary))


def drive(character: Character, **weights: float) -> np.ndarray:
    """Weights of all morph targets for ARKit weights."""
    face = np.zeros((1, 52), np.float32)
    for name, value in weights.items():
        face[0, ARKIT_INDEX[name]] = value
    (shapes,) = character.face.meshes
    return (drivers(face, eyes=True) @ shapes.matrix)[0]


SPELLINGS = {
    "camel": lambda name: name,
    "capital": lambda name: name[0].upper() + name[1:],
    "sides by letter": lambda name: name.replace("Left", "_L").replace("Right", "_R"),
    "snake": lambda name: "".join(f"_{c.lower()}" if c.isupper() else c for c in name),
    "maya": lambda name: f"blendShape1.{name}",
    "numbered": lambda name: f"A{ARKIT_INDEX[name] % 99:02d}_" + name[0].upper() + name[1:],
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_arkit_in_every_spelling(tmp_path, spell):
    character = named(tmp_path, [spell(name) for name in ARKIT_NAMES])
    assert character.face.count == 52
    np.testing.assert_allclose(drive(character, jawOpen=0.5, eyeBlinkRight=1.0)[[ARKIT_INDEX["jawOpen"], 7]], [0.5, 1])
    assert np.isclose(drive(character, mouthLeft=0.25).sum(), 0.25)


def test_visemes_beside_arkit_stay_still(tmp_path):
    """Ready Player Me has both; one mouth is moved once."""
    names = [*ARKIT_NAMES[:40], "viseme_aa", "viseme_PP", "viseme_O", "mouthOpen"]
    weights = drive(named(tmp_path, names), jawOpen=0.6, mouthPucker=0.8)
    assert not weights[40:].any()
    assert weights[ARKIT_INDEX["jawOpen"]] == pytest.approx(0.6)


def test_oculus_visemes_alone(tmp_path):
    names = ["viseme_sil", "viseme_PP", "viseme_FF", "viseme_aa", "viseme_O", "viseme_U", "eyesClosed"]
    character = named(tmp_path, names)
    assert character.face.family == "Oculus visemes and mouth shapes and blinks"
    for shape, weights in (
        ("viseme_aa", {"jawOpen": 0.6}),
        ("viseme_PP", {"mouthRollUpper": 0.2, "mouthRollLower": 0.25}),
        ("viseme_U", {"mouthPucker": 0.8}),
        ("viseme_O", {"mouthPucker": 0.8, "jawOpen": 0.6}),
        ("eyesClosed", {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}),
    ):
        result = drive(character, **weights)
        assert names[int(result.argmax())] == shape
        assert result.max() == pytest.approx(1.0)


def test_reallusion(tmp_path):
    names = ["Brow_Drop_L", "Eye_Blink_L", "Eye_Blink_R", "Mouth_Smile_L", "Mouth_Smile_R", "Jaw_Open", "Mouth_Close"]
    names += ["Mouth_Pucker_Up_L", "Mouth_Pucker_Up_R", "Mouth_Funnel_Up_L", "Eye_L_Look_L", "Eye_R_Look_L", "V_Open"]
    character = named(tmp_path, names)
    assert character.face.family == "Reallusion shapes"
    at = drive(character, mouthPucker=0.5, jawOpen=0.3, eyeLookOutLeft=0.4, eyeLookInRight=0.2)
    found = {name: value for name, value in zip(names, at, strict=True) if value}
    assert found == pytest.approx(
        {"Jaw_Open": 0.3, "Mouth_Pucker_Up_L": 0.5, "Mouth_Pucker_Up_R": 0.5, "Eye_L_Look_L": 0.4, "Eye_R_Look_L": 0.2}
    )


@pytest.mark.parametrize("kind", [VRM0, VRM1], ids=["vrm0", "vrm1"])
def test_expressions_of_a_vrm(tmp_path, kind):
    """Names of morph targets that say nothing: the VRM's own expressions tell."""
    character, path = written(
        tmp_path, replace(kind, targets=lambda name: f"x{ARKIT_INDEX[name]}"), gesturing(), ".vrm"
    )
    assert character.face.family == "VRM expressions"
    at = drive(character, jawOpen=0.5, mouthPucker=1.0, eyeBlinkLeft=1.0, eyeBlinkRight=1.0)
    order = [ARKIT_INDEX[name] for name in ("jawOpen", "mouthPucker", "eyeBlinkLeft", "eyeBlinkRight")]
    names = parts(path)[0]["meshes"][0]["extras"]["targetNames"]
    values = dict(zip(names, at, strict=True))
    assert [values[f"x{k}"] for k in order] == pytest.approx([0.4, 0.8, 0.8, 0.8])
    clip = parts(path)[0]["animations"][-1]
    weights = [channel for channel in clip["channels"] if channel["target"]["path"] == "weights"]
    assert len(weights) == 1


def test_weights_that_nothing_drives_stay(tmp_path):
    source = write_character(tmp_path / "me.glb", replace(MIXAMO, targets=lambda name: name))
    document, binary = parts(source)
    mesh = document["meshes"][0]
    names = mesh["extras"]["targetNames"]
    names[names.index("tongueOut")] = "fat"
    mesh["weights"] = [0.7 if name == "fat" else 0.0 for name in names]
    path = gesturing().save(tmp_path / "out.glb", onto=rebuilt(source, document, binary))
    file = GltfFile(path)
    clip = file.items("animations")[-1]
    channel = next(channel for channel in clip["channels"] if channel["target"]["path"] == "weights")
    values = file.values(clip["samplers"][channel["sampler"]]["output"]).reshape(40, 52)
    assert np.allclose(values[:, names.index("fat")], 0.7)
    np.testing.assert_allclose(
        values[:, names.index("jawOpen")], gesturing().face[:, ARKIT_INDEX["jawOpen"]], atol=1e-6
    )


def test_eyes_turn_once(tmp_path):
    """By their bones where there are, and then not by shapes as well."""
    motion = gesturing()
    character, _ = written(tmp_path, VRM1, motion)
    posed = character.pose(motion)
    assert np.ptp(posed.turns[:, character.rig.binding.joints["left_eye"][0]], axis=0).max() > 0.05
    assert not posed.drivers[:, [k for k, name in enumerate(ARKIT_NAMES) if "Look" in name]].any()
    without = open_character(write_character(tmp_path / "b.glb", MIXAMO)).pose(motion)
    assert without.drivers[:, ARKIT_INDEX["eyeLookUpLeft"]].any()


def test_a_jaw_opens_where_no_shape_does(tmp_path):
    kind = replace(VRM1, vrm=None, targets=None)
    character, _ = written(tmp_path, kind, gesturing())
    assert character.lacks() == "shapes of a face (the jaw opens)"
    turns = character.pose(gesturing()).turns
    jaw, head = (turns[:, character.rig.binding.joints[name][0]] for name in ("jaw", "head"))
    nod = np.degrees(np.arcsin(np.clip((head.transpose(0, 2, 1) @ jaw)[:, 2, 1], -1, 1)))
    assert 3 < nod.max() < 17  # the chin goes down


# ---------------------------------------------------------------------------- what cannot be used


def changed(path: Path, change) -> Path:
    document, binary = parts(path)
    change(document)
    return rebuilt(path, document, binary)


def test_what_is_no_character_ends_in_one_line(tmp_path):
    def refused(path: Path, words: str, **options) -> None:
        with pytest.raises(UserError, match=words) as caught:
            open_character(path, **options)
        assert "\n" not in str(caught.value)

    def fresh(kind: Kind = MIXAMO) -> Path:
        return write_character(tmp_path / "me.glb", kind)

    refused(tmp_path / "none.glb", "no such file")
    refused(tmp_path / "me.obj", "no character is read from .obj")
    refused(gesturing(3).save(tmp_path / "clip.bvh"), "no character is read from .bvh")

    def without_shape(document: dict) -> None:
        for k, node in enumerate(document["nodes"]):
            node.update(name=f"b{k}", translation=[0, 0.1, 0])

    refused(changed(fresh(), lambda d: d.pop("skins")), "no skin")
    refused(changed(fresh(), without_shape), "me.glb: ")

    def without_elbows(document: dict) -> None:
        skin, names = document["skins"][0], [node["name"] for node in document["nodes"]]
        skin["joints"] = [joint for joint in skin["joints"] if "ForeArm" not in names[joint]]

    refused(changed(fresh(), without_elbows), "me.glb: ")
    refused(changed(fresh(), lambda d: d["nodes"][1].update(children=[1])), "two parents|circle")
    refused(changed(fresh(), lambda d: d["skins"][0].update(joints=[900])), "900")
    whole = fresh().read_bytes()
    (tmp_path / "cut.glb").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / "cut.glb", "cut off")


def two_people(tmp_path: Path) -> Path:
    source = write_character(tmp_path / "me.glb", MIXAMO)
    document, binary = parts(source)
    count = len(document["nodes"])
    for node in json.loads(json.dumps(document["nodes"])):
        node["children"] = [child + count for child in node.get("children", [])]
        node |= {"skin": 1} if "skin" in node else {}
        node["name"] = node["name"].replace("Armature", "Anna")
        if not node["children"]:
            del node["children"]
        document["nodes"].append(node)
    document["nodes"][count]["translation"] = [2.0, 0.0, 0.0]
    skin = dict(document["skins"][0], joints=[joint + count for joint in document["skins"][0]["joints"]])
    document["skins"].append(skin)
    document["scenes"][0]["nodes"] += [index + count for index in document["scenes"][0]["nodes"]]
    return rebuilt(source, document, binary)


def test_one_of_two_people_is_chosen(tmp_path):
    source = two_people(tmp_path)
    with pytest.raises(UserError, match="holds 2 people: Armature, Anna"):
        open_character(source)
    with pytest.raises(UserError, match="no person 'Bob'"):
        open_character(source, person="Bob")
    anna = open_character(source, person="Anna")
    path = gesturing().save(tmp_path / "out.glb", onto=anna)
    moved = {channel["target"]["node"] for channel in parts(path)[0]["animations"][0]["channels"]}
    assert moved <= set(range(len(parts(source)[0]["nodes"]) // 2, len(parts(source)[0]["nodes"])))
    places, _ = worlds(path)
    assert abs(places[:, joints_of(anna)["pelvis"], 0].mean() - 2.0) < 0.05


@pytest.mark.parametrize("name", ["mesh2motion/animations.glb", "mesh2motion/animations-extra.glb"])
def test_real_characters(tmp_path, name):
    character = open_character(shared_file(name))
    motion = gesturing(12)
    before = len(GltfFile(character.path).items("animations"))
    path = motion.save(tmp_path / "out.glb", onto=character)
    assert len(GltfFile(path).items("animations")) == before + 1
    places, _ = worlds(path)
    nodes, index = joints_of(character), canonical_skeleton().index
    source = motion.positions.astype(float)
    for start, end in LIMBS.items():
        own = places[:, nodes[end]] - places[:, nodes[start]]
        assert angle(own, source[:, index(end)] - source[:, index(start)]).max() < 0.2
    assert abs(min(places[:, nodes[f"{side}_foot"], 1].min() for side in ("left", "right"))) < 0.06


def test_a_motion_of_another_rig(tmp_path):
    """A recording of a BVH goes onto the character as its own bones point."""
    motion = gesturing(8)
    bvh = motion.save(tmp_path / "dance.bvh")
    source = write_character(tmp_path / "me.glb", RIGIFY)
    one = load_motion(bvh).save(tmp_path / "a.glb", onto=source)
    two = replace(motion, face=None).save(tmp_path / "b.glb", onto=source)
    np.testing.assert_allclose(worlds(one)[0], worlds(two)[0], atol=2e-4)
