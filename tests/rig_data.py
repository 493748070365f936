"""Made rigs: a known performance on the skeleton of any convention, in any rest pose, unit, up axis and facing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from cospeech.core.rotation import axis_angle_to_matrix, axis_rotation, matrix_to_quaternion
from cospeech.motion.formats.bvh import save_bvh
from cospeech.motion.formats.gltf import GltfWriter
from cospeech.motion.kinematics import global_rotations, local_rotations
from cospeech.motion.motion import Motion
from cospeech.motion.skeleton import Skeleton

FINGERS = ("Thumb", "Index", "Middle", "Ring", "Pinky")
UNITS = {"m": 1.0, "cm": 0.01, "in": 0.0254, "cmu": 0.0564}  # metres
RESTS = ("T", "A", "along x", "rolled")
LEG, ARM = ("hip", "knee", "ankle", "foot"), ("collar", "shoulder", "elbow", "wrist")
CORE = ("pelvis", "head", *(f"{s}_{p}" for s in ("left", "right") for p in (*LEG[:3], *ARM[1:])))
LIMBS = tuple(
    (f"{side}_{start}", f"{side}_{end}")
    for side in ("left", "right")
    for start, end in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
)


@dataclass(frozen=True)
class Convention:
    """Names of a rig as programs write them. ``{}`` is the side; ``+`` marks joints that are no person's.

    A ``+`` joint stands where the joint before it does, ``~`` half way along the bone.
    """

    above: str  # joints over the hips
    trunk: str  # hips and spine
    neck: str  # neck bones and head
    leg: str
    arm: str
    sides: tuple[str, str] = ("Left", "Right")
    finger: str = ""  # pattern with the finger (F) and the number (N)
    fingers: tuple[str, ...] = FINGERS
    first: int = 1  # number of a finger's first joint
    ends: str = ""  # pattern of a leaf on head, toes: "HeadTop_End {}Toe_End"
    twist: str = ""  # leaves on upper arm and forearm


_ARM = "{}Shoulder {}Arm {}ForeArm {}Hand"
_L_R, _SMALL = ("L", "R"), ("l", "r")


def _mixamo(prefix: str, suffix: str = "", ends: bool = False) -> Convention:
    def named(names: str) -> str:
        return " ".join(f"{prefix}{name}{suffix}" for name in names.split())

    return Convention(
        "",
        named("Hips Spine Spine1 Spine2"),
        named("Neck Head"),
        named("{}UpLeg {}Leg {}Foot {}ToeBase"),
        named(_ARM),
        finger=f"{prefix}{{}}HandFN{suffix}",
        ends=named("HeadTop_End {}Toe_End") if ends else "",
    )


def _rigify(prefix: str) -> Convention:
    def named(names: str) -> str:
        return " ".join(f"{prefix}{name}" for name in names.split())

    return Convention(
        "",
        named("spine spine.001 spine.002 spine.003"),
        named("spine.004 spine.005 spine.006"),
        named("thigh.{} shin.{} foot.{} toe.{}"),
        named("shoulder.{} upper_arm.{} forearm.{} hand.{}"),
        _L_R,
        finger=f"{prefix}F.0N.{{}}",
        fingers=("thumb", "f_index", "f_middle", "f_ring", "f_pinky"),
    )


CONVENTIONS: dict[str, Convention] = {
    "mixamo": _mixamo("mixamorig:", ends=True),
    "mixamo, no colon": _mixamo("mixamorig"),
    "mixamo, digit": _mixamo("mixamorig1:", ends=True),
    "mixamo, digit, no colon": _mixamo("mixamorig5"),
    "mixamo, Blender's .001": _mixamo("mixamorig:", ".001"),
    "mixamo, no prefix (Ready Player Me)": _mixamo("", ends=True),
    "mixamo, a name before": _mixamo("Guard_01_"),
    "vrm": Convention(
        "Root",
        "hips spine chest upperChest",
        "neck head",
        "{}UpperLeg {}LowerLeg {}Foot {}Toes",
        "{}Shoulder {}UpperArm {}LowerArm {}Hand",
        ("left", "right"),
    ),
    "vroid": Convention(
        "Root",
        "J_Bip_C_Hips J_Bip_C_Spine J_Bip_C_Chest J_Bip_C_UpperChest",
        "J_Bip_C_Neck J_Bip_C_Head",
        "J_Bip_{}_UpperLeg J_Bip_{}_LowerLeg J_Bip_{}_Foot J_Bip_{}_ToeBase",
        "J_Bip_{}_Shoulder J_Bip_{}_UpperArm J_Bip_{}_LowerArm J_Bip_{}_Hand",
        _L_R,
        finger="J_Bip_{}_FN",
        fingers=("Thumb", "Index", "Middle", "Ring", "Little"),
    ),
    "unity": Convention(
        "",
        "Hips Spine Chest UpperChest",
        "Neck Head",
        "{}UpperLeg {}LowerLeg {}Foot {}Toes",
        "{}Shoulder {}UpperArm {}LowerArm {}Hand",
    ),
    "ue4": Convention(
        "root",
        "pelvis spine_01 spine_02 spine_03",
        "neck_01 head",
        "thigh_{} calf_{} foot_{} ball_{}",
        "clavicle_{} upperarm_{} lowerarm_{} hand_{}",
        _SMALL,
        finger="F_0N_{}",
        fingers=("thumb", "index", "middle", "ring", "pinky"),
        twist="upperarm_twist_01_{} lowerarm_twist_01_{}",
    ),
    "ue5": Convention(
        "root",
        "pelvis spine_01 spine_02 spine_03 spine_04 spine_05",
        "neck_01 neck_02 head",
        "thigh_{} calf_{} foot_{} ball_{}",
        "clavicle_{} upperarm_{} lowerarm_{} hand_{}",
        _SMALL,
        finger="F_0N_{}",
        fingers=("thumb", "index", "middle", "ring", "pinky"),
        twist="upperarm_twist_01_{} lowerarm_twist_01_{}",
    ),
    "cmu": Convention(
        "",
        "Hips +LowerBack Spine Spine1",
        "Neck Neck1 Head",
        "+{}HipJoint {S}UpLeg {S}Leg {S}Foot {S}ToeBase",
        "{S}Shoulder {S}Arm {S}ForeArm {S}Hand",
        _L_R,
    ),
    "daz": Convention(
        "hip",
        "pelvis abdomenLower abdomenUpper chestLower chestUpper",
        "neckLower neckUpper head",
        "{}ThighBend ~{}ThighTwist {}Shin {}Foot +{}Metatarsals {}Toe",
        "{}Collar {}ShldrBend ~{}ShldrTwist {}ForearmBend ~{}ForearmTwist {}Hand",
        _SMALL,
        finger="{}FN",
        fingers=("Thumb", "Index", "Mid", "Ring", "Pinky"),
    ),
    "daz 9": Convention(
        "hip",
        "pelvis spine1 spine2 spine3 spine4",
        "neck1 neck2 head",
        "{}_thigh {}_shin {}_foot {}_toes",
        "{}_shoulder {}_upperarm {}_forearm {}_hand",
        _SMALL,
        twist="{}_upperarmtwist1 {}_forearmtwist1",
    ),
    "poser": Convention(
        "", "hip abdomen chest", "neck head", "{}Thigh {}Shin {}Foot {}Toe", "{}Collar {}Shldr {}ForeArm {}Hand", _SMALL
    ),
    "biovision": Convention(
        "", "Hips Chest", "Neck Head", "{}UpLeg {}LowLeg {}Foot -", "{}Collar {}UpArm {}LowArm {}Hand"
    ),
    "biovision, hip and knee": Convention(
        "", "Hips Chest", "Neck Head", "{}Hip {}Knee {}Ankle -", "{}Collar {}Shoulder {}Elbow {}Wrist"
    ),
    "truebones": Convention(
        "", "Hips Chest Chest2", "Neck Head", "{}Hip {}Knee {}Ankle {}Toe", "{}Collar {}Shoulder {}Elbow {}Wrist"
    ),
    "biped": Convention(
        "Bip01",
        "Bip01_Pelvis Bip01_Spine Bip01_Spine1 Bip01_Spine2",
        "Bip01_Neck Bip01_Head",
        "Bip01_{}_Thigh Bip01_{}_Calf Bip01_{}_Foot Bip01_{}_Toe0",
        "Bip01_{}_Clavicle Bip01_{}_UpperArm Bip01_{}_Forearm Bip01_{}_Hand",
        _L_R,
        finger="Bip01_{}_FN",
        fingers=("Finger0", "Finger1", "Finger2", "Finger3", "Finger4"),
        ends="Bip01_HeadNub Bip01_{}_Toe0Nub",
    ),
    "biped, 001": Convention(
        "Bip001",
        "Bip001_Pelvis Bip001_Spine Bip001_Spine1",
        "Bip001_Neck Bip001_Head",
        "Bip001_{}_Thigh Bip001_{}_Calf Bip001_{}_Foot Bip001_{}_Toe0",
        "Bip001_{}_Clavicle Bip001_{}_UpperArm Bip001_{}_Forearm Bip001_{}_Hand",
        _L_R,
    ),
    "smpl": Convention(
        "",
        "Pelvis Spine1 Spine2 Spine3",
        "Neck Head",
        "{}_Hip {}_Knee {}_Ankle {}_Foot",
        "{}_Collar {}_Shoulder {}_Elbow {}_Wrist",
        _L_R,
        twist="- -",
    ),
    "smpl, avg": Convention(
        "",
        "m_avg_Pelvis m_avg_Spine1 m_avg_Spine2 m_avg_Spine3",
        "m_avg_Neck m_avg_Head",
        "m_avg_{}_Hip m_avg_{}_Knee m_avg_{}_Ankle m_avg_{}_Foot",
        "m_avg_{}_Collar m_avg_{}_Shoulder m_avg_{}_Elbow m_avg_{}_Wrist",
        _L_R,
    ),
    "smplx": Convention(
        "",
        "pelvis spine1 spine2 spine3",
        "neck head",
        "{}_hip {}_knee {}_ankle {}_foot",
        "{}_collar {}_shoulder {}_elbow {}_wrist",
        ("left", "right"),
        finger="{}_FN",
        fingers=("thumb", "index", "middle", "ring", "pinky"),
    ),
    "rokoko newton": Convention(
        "",
        "Hips Spine1 Spine2 Spine3 Spine4",
        "Neck Head",
        "{}Thigh {}Shin {}Foot {}Toe",
        _ARM,
        ends="HeadTip {}ToeTip",
    ),
    "rokoko studio": Convention("Root", "Hips Spine Spine1 Spine2", "Neck Head", "{}UpLeg {}Leg {}Foot {}Toe", _ARM),
    "xsens": Convention(
        "Reference",
        "Hips Chest Chest2 Chest3 Chest4",
        "Neck Head",
        "{}Hip {}Knee {}Ankle {}Toe",
        "{}Collar {}Shoulder {}Elbow {}Wrist",
    ),
    "xsens segments": Convention(
        "",
        "Pelvis L5 L3 T12 T8",
        "Neck Head",
        "{}UpperLeg {}LowerLeg {}Foot {}Toe",
        "{}Shoulder {}UpperArm {}ForeArm {}Hand",
    ),
    "perception neuron": Convention(
        "", "Hips Spine Spine1 Spine2 Spine3", "Neck Head", "{}UpLeg {}Leg {}Foot -", _ARM, finger="{}HandFN"
    ),
    "perception neuron, robot": Convention(
        "",
        "Robot_Hips Robot_Spine Robot_Spine1 Robot_Spine2",
        "Robot_Neck Robot_Neck1 Robot_Head",
        "Robot_{}UpLeg Robot_{}Leg Robot_{}Foot -",
        "Robot_{}Shoulder Robot_{}Arm Robot_{}ForeArm Robot_{}Hand",
    ),
    "vicon": Convention(
        "",
        "root lowerback upperback thorax",
        "lowerneck upperneck head",
        "+{}hipjoint {}femur {}tibia {}foot {}toes",
        "{}clavicle {}humerus {}radius {}wrist",
        _SMALL,
    ),
    "vicon shogun": Convention(
        "", "Hips Spine Spine1 Spine2 Spine3", "Neck Neck1 Head", "{}UpLeg {}Leg {}Foot {}ToeBase", _ARM
    ),
    "zeggs": Convention(
        "",
        "Hips Spine Spine1 Spine2 Spine3",
        "Neck Neck1 Head",
        "{}UpLeg {}Leg {}Foot {}ToeBase",
        _ARM,
        finger="{}HandFN",
        ends="HeadEnd {}ToeBaseEnd",
    ),
    "lafan1": Convention("", "Hips Spine Spine1 Spine2", "Neck Head", "{}UpLeg {}Leg {}Foot {}Toe", _ARM),
    "soma": Convention(
        "Root",
        "Hips Spine1 Spine2 Chest",
        "Neck1 Neck2 Head",
        "{}Leg {}Shin {}Foot {}ToeBase",
        _ARM,
        ends="HeadEnd {}ToeEnd",
    ),
    "rigify metarig": _rigify(""),
    "rigify deform": _rigify("DEF-"),
    "rigify, mesh2motion": Convention(
        "root",
        "DEF-hips DEF-spine.001 DEF-spine.002 DEF-spine.003",
        "DEF-neck DEF-head",
        "DEF-thigh.{} DEF-shin.{} DEF-foot.{} DEF-toe.{}",
        "DEF-shoulder.{} DEF-upper_arm.{} DEF-forearm.{} DEF-hand.{}",
        _L_R,
    ),
    "reallusion cc": Convention(
        "RL_BoneRoot CC_Base_Hip",
        "CC_Base_Pelvis ^CC_Base_Waist CC_Base_Spine01 CC_Base_Spine02",
        "CC_Base_NeckTwist01 CC_Base_NeckTwist02 CC_Base_Head",
        "CC_Base_{}_Thigh CC_Base_{}_Calf CC_Base_{}_Foot CC_Base_{}_ToeBase",
        "CC_Base_{}_Clavicle CC_Base_{}_Upperarm CC_Base_{}_Forearm CC_Base_{}_Hand",
        _L_R,
        finger="CC_Base_{}_FN",
        fingers=("Thumb", "Index", "Mid", "Ring", "Pinky"),
        twist="CC_Base_{}_UpperarmTwist01 CC_Base_{}_ForearmTwist01",
    ),
}


@dataclass
class _Build:
    names: list[str] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    places: list[np.ndarray] = field(default_factory=list)  # in T-pose, metres, y up, facing +z
    part: list[str] = field(default_factory=list)  # canonical name, "" for none
    moves_with: list[str] = field(default_factory=list)  # canonical joint whose rotation it has
    tips: dict[int, np.ndarray] = field(default_factory=dict)

    def add(self, name: str, parent: int, place: np.ndarray, part: str, moves_with: str = "") -> int:
        self.names.append(name)
        self.parents.append(parent)
        self.places.append(np.asarray(place, float))
        self.part.append(part)
        self.moves_with.append(part or moves_with)
        return len(self.names) - 1


@dataclass(frozen=True)
class MadeRig:
    """A performance on a made rig, and what is known of it."""

    motion: Motion  # as its file has it, but in metres
    truth: dict[str, str]  # canonical name -> the rig's joint
    directions: dict[str, np.ndarray]  # limb -> [T, 3], y up
    unit: str
    names: tuple[str, ...]

    def save(self, path: Path) -> Path:
        """As BVH or GLB, by the suffix."""
        if path.suffix == ".bvh":
            return save_bvh(self.motion, path, unit=UNITS[self.unit])
        return _save_glb(self.motion, path, UNITS[self.unit])


def _person(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Places of the joints of a person in T-pose, of some build."""
    size = 1.0 + 0.06 * rng.standard_normal()
    leg, arm, wide = (1.0 + 0.05 * rng.standard_normal() for _ in range(3))
    thigh, shin, upper, fore = 0.43 * leg, 0.41 * leg, 0.28 * arm, 0.25 * arm
    hips = thigh + shin + 0.09 + 0.03
    places = {"pelvis": (0, hips, 0), "neck": (0, hips + 0.56, 0), "head": (0, hips + 0.66, 0.02)}
    chest = hips + 0.44
    for side, x in (("left", 1.0), ("right", -1.0)):
        at = (0.09 * wide * x, hips - 0.03, 0.0)
        places[f"{side}_hip"] = at
        places[f"{side}_knee"] = (at[0], at[1] - thigh, 0.01)
        places[f"{side}_ankle"] = (at[0], at[1] - thigh - shin, -0.015)
        places[f"{side}_foot"] = (at[0], 0.025, 0.12)
        places[f"{side}_toe_tip"] = (at[0], 0.01, 0.19)
        places[f"{side}_collar"] = (0.03 * x, chest + 0.08, 0.01)
        places[f"{side}_shoulder"] = (0.17 * wide * x, chest + 0.08, 0.0)
        places[f"{side}_elbow"] = ((0.17 * wide + upper) * x, chest + 0.08, -0.005)
        places[f"{side}_wrist"] = ((0.17 * wide + upper + fore) * x, chest + 0.08, 0.0)
        wrist = np.array(places[f"{side}_wrist"])
        places[f"{side}_hand_tip"] = wrist + [0.17 * x, -0.01, 0]
        for k, (out, front) in enumerate(((0.03, 0.03), (0.09, 0.03), (0.095, 0.01), (0.09, -0.012), (0.08, -0.03))):
            step = np.array([0.025 * x, -0.004, 0.022]) if k == 0 else np.array([0.033 * x, 0.0, front / 20])
            for n in range(4):
                places[f"{side}_finger{k}{n}"] = wrist + [out * x, 0, front] + n * step
    places["chest"] = (0, chest, 0.0)
    return {name: np.array(place) * size for name, place in places.items()}


def _performance(frames: int, seed: int) -> dict[str, np.ndarray]:
    """World rotations [T, 3, 3] against T-pose of the joints that move; elbows and knees bend as people's do."""
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 2 * np.pi, frames)

    def wave(least: float, most: float) -> np.ndarray:
        phase, times = rng.uniform(0, 2 * np.pi), rng.integers(1, 4)
        return least + (most - least) * (0.5 + 0.5 * np.sin(times * t + phase))

    def turn(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        return axis_angle_to_matrix(np.radians(np.stack([x, y, z], -1)))

    world = {"pelvis": turn(wave(-6, 6), wave(-15, 15), wave(-4, 4))}
    world["chest"] = world["pelvis"] @ turn(wave(-8, 12), wave(-15, 15), wave(-5, 5))
    world["head"] = world["chest"] @ turn(wave(-10, 15), wave(-25, 25), wave(-8, 8))
    for side, x in (("left", 1.0), ("right", -1.0)):
        world[f"{side}_hip"] = world["pelvis"] @ turn(wave(-40, 10), wave(-8, 8), x * wave(-2, 12))
        world[f"{side}_knee"] = world[f"{side}_hip"] @ turn(wave(5, 60), 0 * t, 0 * t)
        world[f"{side}_ankle"] = world[f"{side}_knee"] @ turn(wave(-15, 10), wave(-5, 5), 0 * t)
        world[f"{side}_collar"] = world["chest"] @ turn(0 * t, x * wave(-5, 5), x * wave(-3, 8))
        lowered = axis_rotation("Z", np.full(frames, -np.radians(60.0) * x))
        world[f"{side}_shoulder"] = world[f"{side}_collar"] @ turn(wave(-30, 20), x * wave(-50, 0), 0 * t) @ lowered
        world[f"{side}_elbow"] = world[f"{side}_shoulder"] @ turn(wave(-20, 20), x * wave(-100, -15), 0 * t)
        world[f"{side}_wrist"] = world[f"{side}_elbow"] @ turn(wave(-20, 20), wave(-10, 10), wave(-20, 20))
    return world


def make_rig(
    convention: str,
    *,
    rest: str = "T",
    unit: str = "cm",
    up: str = "y",
    facing: float = 0.0,
    seed: int = 0,
    frames: int = 30,
    t_pose: bool = False,
    shuffled: bool = False,
) -> MadeRig:
    """A performance on the rig of a convention.

    Args:
        rest: "T", "A", "along x" (every bone along the x axis of its joint) or "rolled" (T-pose, of which a GLB's
            joints have arbitrary axes).
        unit: of the file, as in ``UNITS``.
        up: axis, "y" or "z".
        facing: degrees by which rest pose and motion are turned about the vertical.
        t_pose: the first frame is in T-pose.
        shuffled: names say nothing, and branches have another order.
    """
    rng = np.random.default_rng(seed)
    build = _built(CONVENTIONS[convention], _person(rng))
    if shuffled:
        build = _shuffled(build, rng)
    world = _performance(frames, seed)
    if t_pose:
        for value in world.values():
            value[0] = np.eye(3)
    turned = np.stack([_rotation(world, name) for name in build.moves_with], axis=1)  # [T, J, 3, 3] against T-pose
    own = _axes_of(build, rest, rng)  # [J, 3, 3]: of each joint in T-pose
    places = np.array(build.places)
    parents = tuple(build.parents)
    offsets = np.array([places[j] if p < 0 else own[p].T @ (places[j] - places[p]) for j, p in enumerate(parents)])
    ends = tuple((j, tuple((own[j].T @ tip).tolist())) for j, tip in build.tips.items())
    root = 0.05 * np.stack([np.sin(np.linspace(0, 3, frames)), 0 * np.ones(frames), np.linspace(0, 1, frames)], -1)
    stood = axis_rotation("X", np.radians(90.0 if up == "z" else 0.0))
    turn = stood @ axis_rotation("Y", np.radians(facing))
    moved = turn @ (turned @ own) @ (turn.T if rest != "along x" else np.eye(3))
    offsets = offsets @ turn.T if rest != "along x" else offsets
    if rest != "along x":
        ends = tuple((j, tuple((turn @ np.array(tip)).tolist())) for j, tip in ends)
    skeleton = Skeleton(tuple(build.names), parents, offsets, ends)
    motion = Motion(skeleton, 30.0, local_rotations(moved, parents), (places[0] + root) @ turn.T)
    truth = {part: build.names[j] for j, part in enumerate(build.part) if part}
    positions = motion.positions.astype(float) @ stood
    directions = {}
    for start, end in LIMBS:
        bone = positions[:, build.part.index(end)] - positions[:, build.part.index(start)]
        directions[start] = bone / np.linalg.norm(bone, axis=-1, keepdims=True)
    return MadeRig(motion, truth, directions, unit, tuple(build.names))


def _rotation(world: dict[str, np.ndarray], name: str) -> np.ndarray:
    while name not in world:
        name = _ABOVE.get(name, name.rsplit("_", 1)[0] + "_wrist" if "_finger" in name else "chest")
    return world[name]


_ABOVE = {"spine_low": "pelvis", "neck": "chest", "": "pelvis"}
_ABOVE |= {f"{side}_foot": f"{side}_ankle" for side in ("left", "right")}


def _built(names: Convention, person: dict[str, np.ndarray]) -> _Build:
    build, at = _Build(), -1
    for name in names.above.split():
        at = build.add(name, at, person["pelvis"], "", "pelvis")
    hips, *spine = names.trunk.split()
    above, pelvis = at, build.add(hips, at, person["pelvis"], "pelvis")
    at = pelvis
    for k, name in enumerate(spine, start=1):
        beside, name = name.startswith("^"), name.lstrip("^")
        share = k / len(spine)
        place = person["pelvis"] * (1 - share) + person["chest"] * share
        last = k == len(spine)
        if name.startswith("+"):
            at = build.add(name[1:], at, person["pelvis"] + [0, 0.02, 0], "", "pelvis")
            continue
        at = build.add(name, above if beside else at, place, "spine3" if last else "", "chest" if last else "pelvis")
        build.moves_with[at] = "chest" if last else "spine_low"
    chest = at
    *necks, head = names.neck.split()
    for k, name in enumerate(necks):
        place = person["neck"] + (person["head"] - person["neck"]) * k / len(necks)
        at = build.add(name, at, place, "neck" if k == 0 else "", "neck")
    at = build.add(head, at, person["head"], "head")
    build.tips[at] = np.array([0.0, 0.18, 0.0])
    ends = names.ends.split()
    if ends:
        build.add(ends[0], at, person["head"] + [0, 0.19, 0], "", "head")
        build.tips.pop(at)
    for side, letter, word in zip(("left", "right"), names.sides, ("Left", "Right"), strict=True):
        _limb(build, names.leg, side, letter, word, LEG, pelvis, person)
        wrist = _limb(build, names.arm, side, letter, word, ARM, chest, person)
        if ends and f"{side}_foot" in build.part:
            toe = build.part.index(f"{side}_foot")
            build.add(ends[1].format(letter), toe, person[f"{side}_toe_tip"], "", f"{side}_foot")
            build.tips.pop(toe, None)
        for k, finger in enumerate(names.fingers if names.finger else ()):
            at = wrist
            for n in range(3):
                number = str(n + names.first) if "Finger" not in finger else (str(n) if n else "")
                name = names.finger.replace("F", finger).replace("N", number).format(letter)
                name = name if "Finger" not in finger else names.finger.format(letter)[:-2] + finger + number
                at = build.add(name, at, person[f"{side}_finger{k}{n}"], "", f"{side}_wrist")
            build.tips[at] = person[f"{side}_finger{k}3"] - person[f"{side}_finger{k}2"]
            build.tips.pop(wrist, None)
        for name, part in zip(names.twist.replace("- -", "").split(), ("shoulder", "elbow"), strict=False):
            start, end = (person[f"{side}_{p}"] for p in ARM[ARM.index(part) : ARM.index(part) + 2])
            joint = build.part.index(f"{side}_{part}")
            build.add(name.format(letter), joint, (start + end) / 2, "", f"{side}_{part}")
    return build


def _limb(
    build: _Build,
    names: str,
    side: str,
    letter: str,
    word: str,
    parts: tuple[str, ...],
    root: int,
    person: dict[str, np.ndarray],
) -> int:
    """Joints of one limb; the last one that was added."""
    at, left, part = root, list(parts), ""
    words = names.split()
    for name in words:
        spelled = name.lstrip("+~").replace("{S}", word).format(letter)
        if name == "-":
            left.pop(0)
        elif name[0] in "+~":
            here = build.places[at]
            ahead = person[f"{side}_{left[0]}"]
            place = (here + ahead) / 2 if name[0] == "~" else here * 0.97 + ahead * 0.03
            at = build.add(spelled, at, place, "", f"{side}_{part}" if part else build.moves_with[root])
        else:
            part = left.pop(0)
            at = build.add(spelled, at, person[f"{side}_{part}"], f"{side}_{part}")
    if part in ("ankle", "foot"):
        build.tips[at] = person[f"{side}_toe_tip"] - build.places[at]
    else:
        build.tips[at] = person[f"{side}_hand_tip"] - build.places[at]
    return at


def _axes_of(build: _Build, rest: str, rng: np.random.Generator) -> np.ndarray:
    """World axes [J, 3, 3] of each joint in T-pose, against which its file's rotations are."""
    count = len(build.names)
    own = np.tile(np.eye(3), (count, 1, 1))
    if rest == "A":
        for j, name in enumerate(build.moves_with):
            side = name.split("_")[0]
            if name.endswith(("shoulder", "elbow", "wrist")) or "_finger" in name:
                x = 1.0 if side == "left" else -1.0
                own[j] = axis_rotation("Z", np.radians(45.0) * x)  # the rest pose lowers the arms by as much
    elif rest == "along x":
        places = np.array(build.places)
        for j in range(count):
            below = [k for k, parent in enumerate(build.parents) if parent == j]
            trunk = [k for k in below if build.moves_with[k] in ("spine_low", "chest", "neck", "head")]
            chosen = (trunk or below)[:1]
            bone = places[chosen[0]] - places[j] if chosen else build.tips.get(j, np.zeros(3))
            if np.linalg.norm(bone) < 1e-6:
                own[j] = own[build.parents[j]] if build.parents[j] >= 0 else np.eye(3)
                continue
            x = bone / np.linalg.norm(bone)
            across = np.array([0.0, 0.0, 1.0]) if abs(x[0]) > 0.9 else np.array([1.0, 0.0, 0.0])
            z = across - x * (across @ x)
            z /= np.linalg.norm(z)
            own[j] = np.stack([x, np.cross(z, x), z], axis=1)
    return own


def _shuffled(build: _Build, rng: np.random.Generator) -> _Build:
    """The same rig with names that say nothing and its branches in another order."""
    children: dict[int, list[int]] = {}
    for joint, parent in enumerate(build.parents):
        children.setdefault(parent, []).append(joint)
    order: list[int] = []

    def walk(joint: int) -> None:
        order.append(joint)
        below = list(children.get(joint, []))
        rng.shuffle(below)
        for child in below:
            walk(child)

    walk(0)
    place = {joint: k for k, joint in enumerate(order)}
    letters = np.array(list("bcdfghjkmnpqstvwxz"))
    result = _Build()
    for joint in order:
        parent = build.parents[joint]
        name = "".join(rng.choice(letters, 6)) + f"_{len(result.names)}"
        result.add(name, place[parent] if parent >= 0 else -1, build.places[joint], build.part[joint])
        result.moves_with[-1] = build.moves_with[joint]
    result.tips = {place[joint]: tip for joint, tip in build.tips.items()}
    return result


def _save_glb(motion: Motion, path: Path, unit: float) -> Path:
    """A skinned GLB whose joints have axes of their own; the bind pose is the rest pose."""
    writer, skeleton = GltfWriter(), motion.skeleton
    rng = np.random.default_rng(len(skeleton))
    axes = axis_angle_to_matrix(rng.normal(size=(len(skeleton), 3)))  # world, in rest
    world = global_rotations(motion.rotations.astype(float), skeleton.parents) @ axes
    local, still = local_rotations(world, skeleton.parents), local_rotations(axes[None], skeleton.parents)[0]
    rest = skeleton.rest_positions
    nodes, channels, samplers = [], [], []
    times = writer.accessor((np.arange(motion.frames) / motion.fps).astype(np.float32), "SCALAR", bounds=True)
    for joint, parent in enumerate(skeleton.parents):
        shift = skeleton.offsets[joint] if parent < 0 else axes[parent].T @ skeleton.offsets[joint]
        q = matrix_to_quaternion(still[joint])[[1, 2, 3, 0]]
        nodes.append(writer.node(name=skeleton.names[joint], rotation=q.tolist(), translation=(shift / unit).tolist()))
        samplers.append(
            writer.accessor(matrix_to_quaternion(local[:, joint])[:, [1, 2, 3, 0]].astype(np.float32), "VEC4")
        )
        channels.append({"sampler": joint, "target": {"node": nodes[-1], "path": "rotation"}})
    for joint, below in enumerate(skeleton.children):
        if below:
            writer.document["nodes"][nodes[joint]]["children"] = [nodes[k] for k in below]
    path_keys = writer.accessor((motion.translation / unit).astype(np.float32), "VEC3")
    channels.append({"sampler": len(samplers), "target": {"node": nodes[0], "path": "translation"}})
    samplers.append(path_keys)
    bind = np.tile(np.eye(4), (len(skeleton), 1, 1))
    bind[:, :3, :3], bind[:, :3, 3] = axes, rest / unit
    inverse = np.linalg.inv(bind).transpose(0, 2, 1).reshape(-1, 16).astype(np.float32)
    matrices = writer.accessor(inverse, "MAT4")
    writer.document["skins"] = [{"joints": nodes, "inverseBindMatrices": matrices}]
    writer.document["animations"] = [
        {"name": "made", "channels": channels, "samplers": [{"input": times, "output": s} for s in samplers]}
    ]
    writer.document["scenes"][0]["nodes"] = [nodes[0]]
    return writer.save(path)


def renamed(made: MadeRig, names: dict[str, str]) -> MadeRig:
    """The same rig with some of its joints called otherwise."""
    skeleton = made.motion.skeleton
    new = tuple(names.get(name, name) for name in skeleton.names)
    truth = {part: names.get(name, name) for part, name in made.truth.items()}
    return replace(made, motion=replace(made.motion, skeleton=replace(skeleton, names=new)), truth=truth, names=new)
