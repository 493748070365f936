"""Other people's rigs: recognised by names, by geometry or by a map, put upright, and never silently wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cospeech
from cospeech import cli
from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_rotation, geodesic
from cospeech.methods.conditioning import read_pose
from cospeech.methods.motion_constraint import read_constraint
from cospeech.motion.formats.bvh import load_bvh, save_bvh
from cospeech.motion.kinematics import global_rotations
from cospeech.motion.motion import load_motion
from cospeech.motion.retarget import on_canonical, retarget
from cospeech.motion.rig_names import parsed_name
from cospeech.motion.rig_recognition import RELIABLE, recognise, remarks
from cospeech.motion.rig_rest import rest_pose, with_rest
from cospeech.motion.skeleton import CANONICAL_NAMES
from format_data import SHARED, canonical_motion, parts, rebuilt, write
from rig_check import Outcome, direction_error, limb_error, mutated, outcome, wrong_joints
from rig_data import CONVENTIONS, make_rig, renamed

CASES = SHARED / "cases" / "rigs"
DEGREE = 1.0


@pytest.mark.parametrize("name", list(CONVENTIONS))
def test_conventions_are_recognised_by_their_names(name):
    made = make_rig(name, frames=2)
    found = recognise(made.motion)
    assert found.by == "names"
    assert found.confidence > RELIABLE
    assert not wrong_joints(made, found)
    assert remarks(made.motion, found) == [] or "no place" in remarks(made.motion, found)[0]


@pytest.mark.parametrize("name", list(CONVENTIONS)[::4])
@pytest.mark.parametrize("rest", ["T", "A", "along x"])
def test_without_names_geometry_decides(name, rest):
    made = make_rig(name, rest=rest, shuffled=True, seed=3)
    found = recognise(made.motion)
    assert found.by == "geometry"
    assert not wrong_joints(made, found)
    assert direction_error(made, retarget(made.motion)) < DEGREE


@pytest.mark.parametrize(
    ("name", "options", "suffix"),
    [
        ("mixamo", {"unit": "in", "up": "z", "facing": 90.0}, ".bvh"),
        ("ue5", {"rest": "A", "unit": "m", "facing": -37.0}, ".glb"),
        ("daz", {"rest": "rolled", "unit": "m", "up": "z"}, ".glb"),
        ("cmu", {"unit": "cmu", "facing": 180.0}, ".bvh"),
        ("lafan1", {"rest": "along x"}, ".bvh"),
        ("rokoko newton", {"rest": "along x", "t_pose": True, "unit": "m", "up": "z"}, ".bvh"),
        ("soma", {"rest": "along x", "facing": 30.0}, ".bvh"),
        ("reallusion cc", {"rest": "along x"}, ".bvh"),
        ("rigify deform", {"facing": 143.0, "up": "z"}, ".bvh"),
        ("vroid", {"rest": "A", "unit": "m", "up": "z", "facing": 20.0}, ".glb"),
    ],
)
def test_limbs_keep_their_directions(tmp_path, name, options, suffix):
    made = make_rig(name, seed=1, **options)
    assert limb_error(made, made.save(tmp_path / f"made{suffix}")) < DEGREE


@pytest.mark.parametrize("t_pose", [True, False])
def test_a_rest_pose_that_is_no_persons_is_replaced(t_pose):
    """Not limbs alone: chest, head and upper arms are turned as in the same performance on a rig in T-pose."""
    made, plain = (make_rig("lafan1", rest=rest, t_pose=t_pose, seed=2, frames=60) for rest in ("along x", "T"))
    pose = rest_pose(made.motion.skeleton, recognise(made.motion).joints)
    assert (pose.kind, pose.reason) == ("no person", "the legs go the way of the spine")
    a, b = (
        global_rotations(retarget(m.motion).rotations.astype(float), retarget(m.motion).skeleton.parents)
        for m in (made, plain)
    )
    for name, most in (("pelvis", 1), ("spine3", 1), ("head", 1), ("left_shoulder", 12), ("right_knee", 8)):
        joint = CANONICAL_NAMES.index(name)
        # Twists follow from how elbows and knees bend, and no motion bends them quite as a hinge.
        assert np.degrees(geodesic(a[:, joint], b[:, joint]).max()) < most, name


def test_a_rest_pose_without_an_answer_is_refused():
    made = make_rig("lafan1", rest="along x", frames=1)
    offsets = made.motion.skeleton.offsets.copy()
    offsets[made.names.index("LeftForeArm")] = 0.0
    stunted = replace(made.motion, skeleton=replace(made.motion.skeleton, offsets=offsets))
    with pytest.raises(UserError, match=r"rest pose cannot be a person's .* put a T-pose into the first frame"):
        retarget(stunted, table="lafan1")


def test_left_and_right_that_are_exchanged_are_noticed():
    made = make_rig("unity", seed=4)
    swapped = renamed(
        made,
        {
            name: name.replace("Left", "*").replace("Right", "Left").replace("*", "Right")
            for name in made.motion.skeleton.names
        },
    )
    found = recognise(swapped.motion)
    assert found.by == "geometry"
    assert not wrong_joints(swapped, found)


def test_a_moving_joint_without_a_place_is_named(capsys):
    made = make_rig("unity", frames=8)
    tail = replace(made.motion.skeleton, names=tuple(n.replace("LeftToes", "Tail") for n in made.motion.skeleton.names))
    moving = replace(made.motion, skeleton=tail)
    rotations = moving.rotations.copy()
    rotations[4:, tail.index("Tail")] = axis_rotation("X", 0.5)
    on_canonical(replace(moving, rotations=rotations))
    assert "joints that move and have no place on the body: Tail; their movement is left out" in capsys.readouterr().err


def test_a_map_goes_before_names(tmp_path, capsys):
    made = renamed(make_rig("unity"), {"LeftLowerArm": "Gadget", "Neck": "Stalk"})
    path = made.save(tmp_path / "rig.bvh")
    names = write(tmp_path / "names.json", json.dumps({"leftLowerArm": "Gadget", "neck": ["Stalk"], "left_foot": None}))
    report = cospeech.recognise_rig(path, map=names)
    assert report.recognised_by == "the map"
    assert report.joints["left_elbow"] == ("Gadget",)
    assert "left_foot" not in report.joints
    assert report.joints["right_hip"] == ("RightUpperLeg",)
    cli.main(["convert", str(path), "--map", str(names), "-o", str(tmp_path / "out.npz")])
    assert direction_error(made, load_motion(tmp_path / "out.npz")) < 30  # hands may be taken out of the body
    for content, problem in (
        ('{"left_foo": "x"}', "'left_foo' is no joint of a person; perhaps left_foot"),
        ('{"left_foot": "LeftToe"}', "the rig has no joint 'LeftToe'; perhaps LeftToes"),
        ('{"left_foot": 3}', "left_foot is a joint's name"),
        ('{"left_knee": "RightFoot"}', "the map cannot be right: left_knee does not hang on left_hip"),
        ("[]", "a map is an object"),
        ("{", "no JSON that can be read"),
    ):
        with pytest.raises(UserError, match=problem) as caught:
            recognise(load_motion(path, map=write(tmp_path / "wrong.json", content)))
        assert "\n" not in str(caught.value)


def test_files_of_poses_and_constraints_take_a_map(tmp_path):
    """As the motion that is edited or converted does."""
    made = make_rig("unity", frames=60)
    sides = {f"{side}LowerArm": f"{side}Gadget" for side in ("Left", "Right")}
    path = renamed(made, sides).save(tmp_path / "rig.bvh")
    names = write(tmp_path / "names.json", json.dumps({"left_elbow": "LeftGadget", "right_elbow": "RightGadget"}))
    wanted = on_canonical(load_motion(path, map=names), separate=False)
    for pose, frame in ((read_pose(path, map=names), 0), (read_pose(f"{path}@1", map=names), round(wanted.fps))):
        np.testing.assert_allclose(pose.rotations[0], wanted.rotations[frame], atol=1e-6)
    held = read_constraint(f"{path}@0:1", 2.0, map=names).motion
    assert held.skeleton.names == CANONICAL_NAMES
    wrong = write(tmp_path / "wrong.json", '{"left_elbow": "Elbow"}')
    for reads in (lambda: read_pose(path, map=wrong), lambda: read_constraint(f"{path}@0:1", 2.0, map=wrong)):
        with pytest.raises(UserError, match="the rig has no joint 'Elbow'"):
            reads()


def test_several_people_in_a_bvh(tmp_path, capsys):
    first, second = (make_rig(name, seed=k) for k, name in enumerate(("mixamo, no prefix (Ready Player Me)", "unity")))
    texts = [made.save(tmp_path / f"{k}.bvh").read_text().split("MOTION") for k, made in enumerate((first, second))]
    rows = [text[1].strip().splitlines() for text in texts]
    frames = [f"{a} {b}" for a, b in zip(rows[0][2:], rows[1][2:], strict=True)]
    both = texts[0][0] + texts[1][0].removeprefix("HIERARCHY\n") + "\n".join(["MOTION", *rows[0][:2], *frames]) + "\n"
    path = write(tmp_path / "both.bvh", both)
    assert set(load_bvh(path).skeleton.names) == set(first.names)
    assert "holds 2 people: Hips, Hips; Hips is read, choose with --person" in capsys.readouterr().err
    assert limb_error(second, tmp_path / "1.bvh") < DEGREE
    other = load_bvh(path, person="1")
    assert set(other.skeleton.names) == set(second.names)
    assert direction_error(second, on_canonical(other, separate=False)) < DEGREE
    with pytest.raises(UserError, match="no person '7'; it has Hips, Hips"):
        load_bvh(path, person="7")


def test_several_animations_and_armatures_in_a_glb(tmp_path, capsys):
    made = make_rig("mixamo", unit="m")
    document, binary = parts(made.save(tmp_path / "one.glb"))
    document["animations"].append({**document["animations"][0], "name": "other"})
    two = rebuilt(tmp_path / "two.glb", document, binary)
    report = cospeech.recognise_rig(two)
    assert report.animations == ("made", "other")
    assert "holds 2 animations: made, other; made is read, choose with --animation" in capsys.readouterr().err
    assert cospeech.recognise_rig(two, animation="1").animation == "other"
    count = len(document["nodes"])
    document, binary = parts(tmp_path / "one.glb")
    copies = [{**node, "children": [c + count for c in node.get("children", [])]} for node in document["nodes"]]
    document["nodes"] += [{k: v for k, v in node.items() if v != []} for node in copies]
    document["nodes"] += [{"name": "Anna", "children": [0]}, {"name": "Ben", "children": [count]}]
    document["scenes"][0]["nodes"] = [2 * count, 2 * count + 1]
    skin = document["skins"][0]
    document["skins"].append({**skin, "joints": [joint + count for joint in skin["joints"]]})
    people = rebuilt(tmp_path / "people.glb", document, binary)
    assert cospeech.recognise_rig(people).people == ("Anna", "Ben")
    assert "holds 2 people: Anna, Ben; Anna is read, choose with --person" in capsys.readouterr().err
    assert cospeech.recognise_rig(people, person="Ben").person == "Ben"


@pytest.mark.parametrize("version", [0, 1])
def test_vrm_names_its_bones(tmp_path, version):
    """The humanoid of the file goes before names, which say nothing here; a VRM without animation has a rest pose."""
    made = make_rig("vroid", shuffled=True, unit="m")
    document, binary = parts(made.save(tmp_path / "a.glb"))
    index = {node["name"]: k for k, node in enumerate(document["nodes"])}
    vrm = {"pelvis": "hips", "spine3": "chest", "head": "head", "neck": "neck"}
    for side in ("left", "right"):
        vrm |= {f"{side}_hip": f"{side}UpperLeg", f"{side}_knee": f"{side}LowerLeg", f"{side}_ankle": f"{side}Foot"}
        vrm |= {
            f"{side}_shoulder": f"{side}UpperArm",
            f"{side}_elbow": f"{side}LowerArm",
            f"{side}_wrist": f"{side}Hand",
        }
    bones = {bone: index[made.truth[part]] for part, bone in vrm.items()}
    if version == 0:
        entries = [{"bone": bone, "node": node} for bone, node in bones.items()]
        document["extensions"] = {"VRM": {"humanoid": {"humanBones": entries}}}
    else:
        named = {bone: {"node": node} for bone, node in bones.items()}
        document["extensions"] = {"VRMC_vrm": {"specVersion": "1.0", "humanoid": {"humanBones": named}}}
    path = rebuilt(tmp_path / "a.vrm", document, binary)
    found = recognise(load_motion(path))
    assert (found.by, found.table) == ("the file", "vrm")
    assert not wrong_joints(made, found)
    assert limb_error(made, path) < DEGREE
    del document["animations"]
    assert cospeech.recognise_rig(rebuilt(tmp_path / "still.vrm", document, binary)).frames == 1
    with pytest.raises(UserError, match="holds no animation"):
        load_motion(tmp_path / "still.vrm")


def test_units_follow_from_the_persons_height(tmp_path, capsys):
    made = make_rig("mixamo", seed=5)
    heights = []
    for unit in (1.0, 0.1, 0.01, 0.001, 0.0254, 0.0564):
        motion = load_bvh(save_bvh(made.motion, tmp_path / "a.bvh", unit=unit))
        heights.append(cospeech.recognise_rig(motion).height)
    assert np.ptp(heights[:5]) < 1e-3
    assert heights[-1] == pytest.approx(1.7)
    assert "no height of people in any unit; taken as 1.7 m" in capsys.readouterr().err
    huge = replace(made, unit="m", motion=with_rest(made.motion, np.tile(np.eye(3), (len(made.names), 1, 1))))
    path = replace(huge, unit="cm").save(tmp_path / "huge.glb")  # centimetres where glTF has metres
    assert load_motion(path).skeleton.rest_positions.max() < 3
    assert "its unit is taken as cm" in capsys.readouterr().err


def test_an_end_site_that_points_up_does_not_lift_the_body(tmp_path):
    motion = canonical_motion(3)
    still = replace(
        motion, rotations=np.tile(np.eye(3), (3, 55, 1, 1)), translation=np.tile(motion.skeleton.offsets[0], (3, 1))
    )
    ends = tuple((CANONICAL_NAMES.index(f"{side}_foot"), (0.0, 0.1558, 0.0)) for side in ("left", "right"))
    up = replace(still, skeleton=replace(still.skeleton, offsets=still.skeleton.offsets * 1.00001, ends=ends))
    result = retarget(load_bvh(save_bvh(up, tmp_path / "a.bvh")))
    np.testing.assert_allclose(result.translation[:, 1], motion.skeleton.offsets[0, 1], atol=2e-3)


@pytest.mark.parametrize("columns", [156, 72])
def test_smpl_and_smpl_h(tmp_path, columns):
    poses = np.zeros((4, columns))
    poses[:, 16 * 3 + 2] = -1.2  # left upper arm down
    arrays = {"poses": poses, "trans": np.zeros((4, 3)), "mocap_framerate": np.array(120.0), "betas": np.zeros(16)}
    if columns == 156:
        poses[:, 66 + 2] = 0.5  # left_index1
    np.savez(tmp_path / "a.npz", **arrays)
    motion = load_motion(tmp_path / "a.npz")
    assert motion.fps == 120
    turns = geodesic(np.eye(3), motion.rotations[0])
    moved = {CANONICAL_NAMES[j] for j in np.flatnonzero(turns > 0.1)}
    assert moved == ({"left_shoulder", "left_index1"} if columns == 156 else {"left_shoulder"})
    again = load_motion(motion.save(tmp_path / "b.npz"))
    np.testing.assert_allclose(again.positions, motion.positions, atol=1e-6)


def test_the_command_shows_what_was_recognised(tmp_path, capsys):
    path = make_rig("lafan1", rest="along x", t_pose=True).save(tmp_path / "a.bvh")
    cli.main(["rig", str(path)])
    said = capsys.readouterr().out
    assert "LAFAN1 (lafan1), told by names, confidence 0.98" in said
    assert "no person: the rig's rest pose cannot be a person's" in said
    cli.main(["rig", str(path), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["joints"]["left_foot"] == ["LeftToe"]
    assert report["up"] == "y"
    assert report["confidence"] > RELIABLE


def test_names_are_read_as_words():
    for name in ("mixamorig:LeftArm", "J_Bip_L_Arm", "arm_l", "l_arm", "leftArm", "Bip01 L Arm", "DEF-arm.L", "LArm"):
        assert parsed_name(name).key == ("left", "arm", ()), name
    assert parsed_name("L5").side == ""
    assert parsed_name("CC_Base_R_Mid1").key == ("right", "mid", (1,))


def test_mutated_rigs_are_never_silently_wrong(tmp_path):
    """Renamed, permuted, cut, stretched, with tails and wings; the benchmark makes a thousand."""
    kinds = [outcome(*mutated(seed), tmp_path) for seed in range(24)]
    assert {found.kind for found in kinds} <= set(Outcome.KINDS)
    assert [found for found in kinds if found.kind == "silently wrong"] == []
    assert sum(found.kind == "right" for found in kinds) > 12


def case(name: str) -> Path:
    path = CASES / name
    if not path.is_file():
        pytest.skip(f"needs {path}; set COSPEECH_SHARED to the folder that holds cases/")
    return path


@pytest.mark.parametrize(
    "name",
    [
        *("amass_smplh_156.npz", "blender_glb_to_bvh.bvh", "blender_vrm_J_Bip.bvh", "cmu_cgspeed.bvh"),
        *("mixamo1_nocolon.bvh", "mixamo_001.bvh", "mixamo_zup.glb", "rest_along_x.bvh", "rigify_def_spine.bvh"),
        *("rigify_metarig.bvh", "thigh_shin.bvh", "two_actions.glb", "unity_humanoid.bvh"),
    ],
)
def test_cases_that_were_read_wrongly(name):
    motion = load_motion(case(name))
    found = recognise(motion)
    assert found.confidence > RELIABLE
    result = on_canonical(motion, separate=False)
    for side in ("left", "right"):
        for start, end in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle")):
            ends = [f"{side}_{part}" for part in (start, end)]
            a, b = (
                np.diff(m.positions[:, [joints[e] for e in ends]].astype(float), axis=1)[:, 0]
                for m, joints in (
                    (motion, {e: found.joints[e][0] for e in ends}),
                    (result, {e: CANONICAL_NAMES.index(e) for e in ends}),
                )
            )
            cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
            assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < DEGREE
    chest = global_rotations(result.rotations.astype(float), result.skeleton.parents)[0, 9]
    assert chest[1, 1] > 0.95  # upright
    feet = [CANONICAL_NAMES.index(f"{side}_foot") for side in ("left", "right")]
    assert 0.0 < result.positions[:, feet, 1].min() < 0.09
