"""Joint angles of robots: forward kinematics of a test's own says where hands and elbows are."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import cospeech
from cospeech.cli import main
from cospeech.core.errors import UserError
from cospeech.core.rotation import align_vectors, axis_rotation
from cospeech.motion.kinematics import local_rotations
from cospeech.motion.motion import Motion
from cospeech.motion.robots.chain_solver import within_speed
from cospeech.motion.robots.robot_files import save_robot_motion
from cospeech.motion.robots.robot_map import map_robot
from cospeech.motion.robots.urdf import load_urdf
from cospeech.motion.skeleton import canonical_skeleton
from format_data import canonical_motion
from robot_data import X, Y, Z, five, joint, seven, urdf

LIMBS = ("upper arm", "forearm")
FRAMES = 45


def unit(vector) -> np.ndarray:
    vector = np.asarray(vector, float)
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def arms_moving(
    *, fold: float = 1.2, chest_turn: float = 0.0, seconds: float = 2.0
) -> tuple[Motion, dict[str, np.ndarray]]:
    """A person whose arms are raised in front and aside with bent elbows, and directions [T, 3] against the chest."""
    skeleton = canonical_skeleton()
    phase = np.linspace(0.0, 2 * np.pi, FRAMES)
    world = np.repeat(np.eye(3)[None, None], FRAMES, 0).repeat(len(skeleton), 1)
    turn = np.stack([axis_rotation("y", chest_turn * np.sin(t)) for t in phase])
    wanted = {}
    for name in skeleton.names:
        at, parent = skeleton.index(name), skeleton.parents[skeleton.index(name)]
        if parent >= 0:
            world[:, at] = world[:, parent]
        if name == "spine3":
            world[:, at] = turn
    for side, s in (("left", 1.0), ("right", -1.0)):
        lift = 0.3 + 0.35 * (1 - np.cos(phase))
        upper = unit(np.stack([s * (0.35 + 0.2 * np.sin(phase)), -np.cos(lift), np.sin(lift)], 1))
        aside = unit(
            np.cross(upper, unit(np.stack([s * np.ones(FRAMES), 0.3 * np.sin(phase), -0.2 * np.ones(FRAMES)], 1)))
        )
        bend = fold * (0.6 - 0.4 * np.cos(phase))[:, None]
        fore = np.cos(bend) * upper + np.sin(bend) * aside * np.sign(aside[:, 2:])
        wanted |= {f"{side} upper arm": upper, f"{side} forearm": fore}
        for joints, direction in ((["shoulder"], upper), (["elbow", "wrist"], fore)):
            turned = align_vectors(np.tile([s, 0.0, 0.0], (FRAMES, 1)), direction)
            for one in joints:
                world[:, skeleton.index(f"{side}_{one}")] = turn @ turned
        for name in skeleton.names:
            if name.startswith(side) and skeleton.index(name) > 24:
                world[:, skeleton.index(name)] = world[:, skeleton.parents[skeleton.index(name)]]
    rotations = local_rotations(world, skeleton.parents).astype(np.float32)
    place = np.tile(skeleton.offsets[0], (FRAMES, 1))
    return Motion(skeleton, FRAMES / seconds, rotations, place), wanted


def robot_links(path, table: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Rotations [T, 3, 3] and positions [T, 3] of links in the base frame, straight from the URDF's text."""
    count = len(table["time"])
    links = {"base": (np.repeat(np.eye(3)[None], count, 0), np.zeros((count, 3)))}
    waiting = list(ElementTree.parse(path).getroot().iter("joint"))
    while waiting:
        element = waiting.pop(0)
        parent = element.find("parent").get("link")
        if parent not in links:
            waiting.append(element)
            continue
        rotation, position = links[parent]
        origin = element.find("origin")
        roll, pitch, yaw = map(float, origin.get("rpy").split())
        fixed = axis_rotation("z", yaw) @ axis_rotation("y", pitch) @ axis_rotation("x", roll)
        position = position + rotation @ np.array(list(map(float, origin.get("xyz").split())))
        rotation = rotation @ fixed
        if element.get("type") != "fixed":
            axis = {X: "x", Y: "y", Z: "z"}[element.find("axis").get("xyz")]
            rotation = rotation @ np.stack([axis_rotation(axis, angle) for angle in table[element.get("name")]])
        links[element.find("child").get("link")] = (rotation, position)
    return links


def read_table(path) -> dict[str, np.ndarray]:
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    return dict(zip(rows[0], np.array(rows[1:], float).T, strict=True))


def check_limits(path, table: dict[str, np.ndarray]) -> None:
    """Limits and speeds are kept in every frame of the file."""
    step = np.diff(table["time"]).mean()
    for element in ElementTree.parse(path).getroot().iter("joint"):
        limit = element.find("limit")
        if limit is None:
            continue
        values = table[element.get("name")]
        assert values.min() >= float(limit.get("lower")), element.get("name")
        assert values.max() <= float(limit.get("upper")), element.get("name")
        assert np.abs(np.diff(values)).max() <= float(limit.get("velocity")) * step + 1e-6, element.get("name")


def degrees_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos(np.clip(np.einsum("ti,ti->t", unit(a), unit(b)), -1.0, 1.0)))


def moved(tmp_path, text: str, motion: Motion, **options):
    path = tmp_path / "robot.urdf"
    path.write_text(text)
    result = cospeech.to_robot(motion, path, **options)
    table = read_table(save_robot_motion(result, tmp_path / "out.csv"))
    check_limits(path, table)
    return result, robot_links(path, table), table


PLACES = {
    "seven": ("torso", {"upper arm": ("{side}_s2", "{side}_e"), "forearm": ("{side}_e", "{side}_w3")}),
    "five": ("base", {"upper arm": ("{S}Shoulder", "{S}Elbow"), "forearm": ("{S}Elbow", "{S}Wrist")}),
}


@pytest.mark.parametrize(("text", "kind"), [(seven(), "seven"), (five(), "five")], ids=["seven", "five"])
@pytest.mark.parametrize("chest_turn", [0.0, 0.4])
def test_elbows_and_hands_point_as_the_person_s(tmp_path, text, kind, chest_turn):
    motion, wanted = arms_moving(fold=1.1, chest_turn=chest_turn)
    result, links, _ = moved(tmp_path, text, motion)
    torso, places = PLACES[kind]
    for side in ("left", "right"):
        for limb in LIMBS:
            start, end = (name.format(side=side, S=side[0].upper()) for name in places[limb])
            along = np.einsum("tji,tj->ti", links[torso][0], links[end][1] - links[start][1])
            ours = wanted[f"{side} {limb}"]
            off = degrees_between(along, ours[:, [2, 0, 1]])  # x forward, y left, z up
            assert off.max() < 3.0, (side, limb, off.max())
            said = next(error for error in result.errors if error.name == f"{side} {limb}")
            assert said.largest == pytest.approx(off.max(), abs=0.05)
    if kind == "seven":
        forward = links["torso"][0][:, :, 0]
        turn = np.degrees(np.arctan2(forward[:, 1], forward[:, 0]))
        assert np.abs(turn).max() == pytest.approx(np.degrees(chest_turn), abs=1.0)


def test_a_fold_beyond_the_limit_is_told(tmp_path):
    """Forearms point forward at 0, so a bend of more than 90 degrees is a negative angle."""
    motion, _ = arms_moving(fold=2.2)
    free, _, _ = moved(tmp_path, seven(), motion)
    assert not [cut for cut in free.cuts if "elbow" in cut.joint]
    tight, _, table = moved(tmp_path, seven(elbow=(-0.2, 2.1)), motion)
    cuts = [cut for cut in tight.cuts if cut.joint == "left_elbow_joint"]
    assert cuts
    assert all(cut.by == "limit" for cut in cuts)
    assert table["left_elbow_joint"].min() == pytest.approx(-0.2, abs=1e-4)
    index = [one.name for one in free.joints].index("left_elbow_joint")
    over = -0.2 - free.positions[:, index].min()
    assert max(cut.most for cut in cuts) == pytest.approx(over, abs=0.15)
    frames = np.flatnonzero(free.positions[:, index] < -0.25)
    assert cuts[0].start <= frames[0] / motion.fps + 0.1
    assert cuts[-1].end >= frames[-1] / motion.fps - 0.1


def test_speeds_are_kept_without_lag_and_told(tmp_path):
    motion, _ = arms_moving(fold=1.5, seconds=1.0)
    free, _, fast = moved(tmp_path, seven(), motion)
    slow, _, table = moved(tmp_path, seven(velocity=1.2), motion)
    assert [cut for cut in slow.cuts if cut.by == "speed" and cut.joint == "left_elbow_joint"]
    assert not [cut for cut in free.cuts if cut.by == "speed"]
    a, b = (values["left_elbow_joint"] - values["left_elbow_joint"].mean() for values in (fast, table))
    lags = [float(np.sum(a[5 + lag : FRAMES - 5 + lag] * b[5 : FRAMES - 5])) for lag in range(-5, 6)]
    assert abs(int(np.argmax(lags)) - 5) <= 1


def test_the_speed_filter_is_the_nearest_curve():
    rng = np.random.default_rng(0)
    values = np.cumsum(rng.normal(size=(200, 3)), axis=0)
    limited = within_speed(values, np.array([6.0, 30.0, np.inf]), 30.0)
    assert np.abs(np.diff(limited[:, 0])).max() <= 6.0 / 30 + 1e-9
    assert np.array_equal(limited[:, 2], values[:, 2])
    worst = np.abs(limited - values).max(axis=0)
    gap = np.abs(values[:, None, 0] - values[None, :, 0]) - 0.2 * np.abs(np.arange(200)[:, None] - np.arange(200))
    assert worst[0] == pytest.approx(max(0.0, gap.max() / 2))  # no curve of that speed is nearer
    assert within_speed(limited, np.array([6.0, 30.0, 1.0]), 30.0)[:, 0] == pytest.approx(limited[:, 0])


def test_joints_are_found_by_shape_and_by_a_map(tmp_path):
    motion, _ = arms_moving()
    scrambled = ("shoulder", "elbow", "wrist", "waist_yaw", "waist_roll", "waist_pitch", "neck", "head", "hip", "knee")
    words = {word: f"part{k}" for k, word in enumerate(scrambled)}
    text = seven(rename=words.__getitem__)
    by_shape, _, _ = moved(tmp_path, text, motion)
    assert by_shape.found_by == "shape"
    assert max(error.median for error in by_shape.errors if "arm" in error.name) < 1.0
    names = [f"left_{words[w]}_joint" for w in ("elbow",)]
    arms = {
        side: [j.name for j in map_robot(load_urdf(tmp_path / "robot.urdf")).arms[side]] for side in ("left", "right")
    }
    assert names[0] in arms["left"]
    (tmp_path / "map.json").write_text(
        json.dumps({"left_arm": arms["left"][:5], "right_arm": arms["right"], "left_elbow": names[0], "head": []})
    )
    mapped, _, _ = moved(tmp_path, text, motion, robot_map=tmp_path / "map.json")
    assert mapped.found_by == "the map file"
    assert not [name for name in mapped.moved if words["neck"] in name]
    for wrong, message in (
        ({"left_arm": ["nose"], "right_arm": []}, "no joint 'nose'"),
        ({"arm": []}, "has the key 'arm'"),
        ({"left_arm": arms["left"]}, "right_arm: name the joints"),
        ({"left_arm": arms["left"], "right_arm": arms["right"], "left_palm": [0, 0, 0]}, "no direction"),
    ):
        (tmp_path / "map.json").write_text(json.dumps(wrong))
        with pytest.raises(UserError, match=message):
            cospeech.to_robot(motion, tmp_path / "robot.urdf", robot_map=tmp_path / "map.json")


@pytest.mark.parametrize(
    ("names", "side_arm"),
    [
        (("LShoulderPitch", "LShoulderRoll", "LElbowYaw", "LElbowRoll"), "NAO, Pepper"),
        (
            ("left_shoulder_pitch_joint", "left_shoulder_roll_joint", "left_shoulder_yaw_joint", "left_elbow_joint"),
            "Unitree",
        ),
        (("l_shoulder_pitch", "l_shoulder_roll", "l_arm_yaw", "l_elbow_pitch"), "Reachy"),
        (("l_shoulder_pitch", "l_shoulder_roll", "l_shoulder_yaw", "l_elbow", "l_wrist_prosup"), "iCub, GR-1"),
        (("arm_left_1_joint", "arm_left_2_joint", "arm_left_3_joint", "arm_left_4_joint", "arm_left_5_joint"), "TIAGo"),
        (("l_shoulder_y", "l_shoulder_x", "l_arm_z", "l_elbow_y"), "Poppy"),
    ],
)
def test_names_of_common_humanoids(tmp_path, names, side_arm):
    joints = [joint("head_1_joint", "base", "head", Z)]
    for s, swap in (
        (1, str),
        (-1, lambda n: n.replace("left", "right").replace("l_", "r_", 1) if n[0] != "L" else "R" + n[1:]),
    ):
        parent = "base"
        for k, name in enumerate(names):
            own = swap(name)
            joints.append(
                joint(
                    own, parent, f"{own}_link", (Y, X, Z, Y, X)[k], f"0 {0.1 * s if not k else 0} {-0.1 if k else 0.3}"
                )
            )
            parent = f"{own}_link"
    (tmp_path / "a.urdf").write_text(urdf(joints))
    parts = map_robot(load_urdf(tmp_path / "a.urdf"))
    assert [one.name for one in parts.arms["left"]] == list(names), side_arm
    assert len(parts.arms["right"]) == len(names)
    assert parts.found_by == "names"
    assert [one.name for one in parts.head] == ["head_1_joint"]


def test_fingers_and_mimics(tmp_path):
    motion = canonical_motion(30)
    result, _, table = moved(tmp_path, seven(), motion)
    assert "left_index_0_joint" in result.moved
    assert np.ptp(table["left_index_0_joint"]) > 0.01
    assert table["left_index_0_joint"].min() >= 0.0
    assert table["right_index_0_joint"].max() <= 0.0  # its limits lie on the other side
    np.testing.assert_allclose(table["left_index_1_joint"], 0.5 * table["left_index_0_joint"], atol=2e-7)
    assert np.all(table["left_hip_pitch_joint"] == 0.0)
    assert np.all(table["left_knee_joint"] == pytest.approx(0.1, abs=1e-5))  # legs rest, within their limits


BODY = [joint("a", "base", "x", Y), joint("b", "x", "y", Y)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<robot>", "no URDF file that can be read"),
        ("<sdf/>", "begins with <sdf>"),
        ('<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><robot>&b;</robot>', "document type"),
        ('<robot xmlns:xacro="http://www.ros.org/wiki/xacro"><xacro:include filename="a"/></robot>', "xacro"),
        (urdf([*BODY, joint("b", "x", "z", Y)]), "joint 'b' is there twice"),
        (urdf([*BODY, joint("c", "base", "y", Y)]), "link 'y' is there twice"),
        (urdf([*BODY, joint("c", "p", "q", Y)]), "2 links without a parent"),
        (urdf([*BODY, joint("c", "q", "p", Y), joint("d", "p", "q", Y)]), "circle"),
        (urdf([joint("a", "base", "x", "0 0 0")]), "axis without a direction"),
        (urdf([joint("a", "base", "x", Y, "1 2")]), "3 finite numbers"),
        (urdf([joint("a", "base", "x", Y, "nan 0 0")]), "3 finite numbers"),
        (urdf([joint("a", "base", "x", Y, limits=(1.0, -1.0))]), "lower comes first"),
        (urdf([joint("a", "base", "x", Y, kind="ball")]), "type 'ball'"),
        (urdf([joint("a", "base", "x", Y, extra='<mimic joint="z"/>')]), "follows 'z'"),
        (urdf([*BODY]).replace("<limit", "<other"), "has no <limit>"),
        (urdf(BODY), "no two arms"),
        (five().replace('"0 0.098 0.1"', '"0 0 0.1"').replace('"0 -0.098 0.1"', '"0 0 0.1"'), "begin at one place"),
    ],
)
def test_robots_that_cannot_be_used(tmp_path, text, message):
    (tmp_path / "a.urdf").write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        cospeech.to_robot(canonical_motion(3), tmp_path / "a.urdf")
    assert "\n" not in str(caught.value)


def test_the_command_writes_csv_and_json(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arms_moving(fold=2.2)[0].save("talk.npz")
    (tmp_path / "robot.urdf").write_text(seven(elbow=(-0.2, 2.1)))
    main(["convert", "talk.npz", "-o", "talk.csv", "talk.json", "--robot", "robot.urdf"])
    said = capsys.readouterr().err
    assert "joints move, recognised by names" in said
    assert "left_elbow_joint is cut by its limit" in said
    table = read_table("talk.csv")
    document = json.loads((tmp_path / "talk.json").read_text())
    names = [one["name"] for one in document["joints"]]
    assert ["time", *names] == list(table)
    np.testing.assert_allclose(np.array(document["positions"]).T, [table[name] for name in names], atol=1e-7)
    assert {cut["by"] for cut in document["cut"]} >= {"limit"}
    assert document["joints"][0]["velocity"] == 20.0
    written = (tmp_path / "talk.csv").read_text()
    assert cospeech.convert("talk.npz", "again.csv", robot="robot.urdf").read_text() == written
    for words, message in (
        (["-o", "talk.csv", "--robot", "robot.urdf", "--speech", "a.wav"], "neither a face nor a skin"),
        (["-o", "talk.bvh", "--robot", "robot.urdf"], "written as .csv or .json"),
        (["-o", "talk.csv", "--robot-map", "robot.urdf"], "give its URDF with --robot"),
        (["-o", "talk.csv", "--robot", "none.urdf"], "no such robot"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["convert", "talk.npz", *words])
        assert ended.value.code == 2
        assert message in capsys.readouterr().err
