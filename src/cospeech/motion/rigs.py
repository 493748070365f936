"""Joint names of known rigs, against the canonical ones. Data only; ``retarget.py`` has the method.

Another package adds a rig by an entry point, named as ``rig=`` and ``table=`` call it::

    [project.entry-points."cospeech.rigs"]
    myrig = "mypackage.rig:RIG"
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..core.registry import Registry
from .skeleton import CANONICAL_NAMES, FINGERS

SPINE = ("spine1", "spine2", "spine3")


@dataclass(frozen=True)
class RigTable:
    """How a rig names the canonical joints."""

    name: str
    title: str
    joints: dict[str, str | tuple[str, ...]]  # canonical -> rig; several rig joints are averaged
    spine: tuple[str, ...]  # the rig's spine bones between hips and neck, upwards
    signature: tuple[str, ...]  # joints whose presence tells the rig from the others
    prefixes: tuple[str, ...] = field(default=("",))  # what may stand before every name

    def rig_name(self, canonical: str) -> str | None:
        """The rig's own name of a canonical joint, for writing; the spine is spread over its bones."""
        if canonical in SPINE:
            return spread(self.spine).get(canonical)
        name = self.joints.get(canonical)
        return name[0] if isinstance(name, tuple) else name


def spread(bones: tuple[str, ...] | list[str]) -> dict[str, str]:
    """Which of a rig's spine bones stand for the canonical three: the ends first, then the middle.

    >>> spread(["a", "b", "c", "d"])
    {'spine1': 'a', 'spine2': 'c', 'spine3': 'd'}
    >>> spread(["a"])
    {'spine3': 'a'}
    """
    if not bones:
        return {}
    if len(bones) == 1:
        return {"spine3": bones[0]}
    middle = {"spine2": bones[len(bones) // 2]} if len(bones) > 2 else {}
    return {"spine1": bones[0], **middle, "spine3": bones[-1]}


def _sided(body: dict[str, str], left: str, right: str) -> dict[str, str | tuple[str, ...]]:
    """Both sides of a table: ``{}`` in a rig name takes the side."""
    result: dict[str, str | tuple[str, ...]] = {}
    for canonical, rig in body.items():
        result[f"left_{canonical}"] = rig.format(left)
        result[f"right_{canonical}"] = rig.format(right)
    return result


def _fingers(pattern: str, names: dict[str, str], start: int = 1) -> dict[str, str]:
    """Finger joints of one side: ``pattern`` takes the finger (F) and its number (N)."""
    return {
        f"{finger}{k}": pattern.replace("F", names[finger]).replace("N", str(k + start - 1))
        for finger in FINGERS
        for k in (1, 2, 3)
    }


_CAPITAL = {"index": "Index", "middle": "Middle", "pinky": "Pinky", "ring": "Ring", "thumb": "Thumb"}
_LITTLE = {**_CAPITAL, "pinky": "Little"}
_LOWER = {finger: finger for finger in FINGERS}
_LOWER_DEF = {**_LOWER, "index": "f_index", "middle": "f_middle", "pinky": "f_pinky", "ring": "f_ring"}

# The names that Mixamo shares with MotionBuilder, BEAT and ZEGGS.
_HUMAN_IK = {
    "hip": "{}UpLeg",
    "knee": "{}Leg",
    "ankle": "{}Foot",
    "foot": "{}ToeBase",
    "collar": "{}Shoulder",
    "shoulder": "{}Arm",
    "elbow": "{}ForeArm",
    "wrist": "{}Hand",
    **_fingers("{}HandFN", _CAPITAL),
}

_BUILT_IN = {
    table.name: table
    for table in (
        RigTable(
            "canonical",
            "SMPL-X joint names: BEAT2, AMASS, this package",
            {name: name for name in CANONICAL_NAMES if name not in SPINE},
            SPINE,
            ("pelvis", "left_collar", "left_wrist", "spine3"),
        ),
        RigTable(
            "ebmdb",
            "MPI Emotional Body Expressions Database (Xsens): arms hang in rest pose",
            {
                "pelvis": "Hips",
                "neck": "Neck",
                "head": "Head",
                **_sided(
                    {
                        "hip": "{}Hip",
                        "knee": "{}Knee",
                        "ankle": "{}Ankle",
                        "foot": "{}Toe",
                        "collar": "{}Collar",
                        "shoulder": "{}Shoulder",
                        "elbow": "{}Elbow",
                        "wrist": "{}Wrist",
                    },
                    "Left",
                    "Right",
                ),
            },
            ("Chest", "Chest2", "Chest3", "Chest4"),
            ("Hips", "Chest4", "LeftCollar", "LeftElbow"),
        ),
        RigTable(
            "beat",
            "BEAT (BVH, 75 joints)",
            {"pelvis": "Hips", "neck": ("Neck", "Neck1"), "head": "Head", **_sided(_HUMAN_IK, "Left", "Right")},
            ("Spine", "Spine1", "Spine2", "Spine3"),
            ("Hips", "Spine3", "LeftForeFoot", "LeftHandRing"),
        ),
        RigTable(
            "zeggs",
            "ZeroEGGS (BVH, 75 joints)",
            {"pelvis": "Hips", "neck": ("Neck", "Neck1"), "head": "Head", **_sided(_HUMAN_IK, "Left", "Right")},
            ("Spine", "Spine1", "Spine2", "Spine3"),
            ("Hips", "Spine3", "LeftForeArm"),
        ),
        RigTable(
            "twh",
            "Talking With Hands 16.2M as of the GENEA challenges (BVH, 83 joints, T-pose)",
            {
                "pelvis": "b_root",
                "neck": "b_neck0",
                "head": "b_head",
                "jaw": "b_jaw",
                **_sided(
                    {
                        "eye": "b_{}_eye",
                        "hip": "b_{}_upleg",
                        "knee": "b_{}_leg",
                        "ankle": "b_{}_foot",
                        "collar": "b_{}_shoulder",
                        "shoulder": "b_{}_arm_twist",  # at the same place as b_{}_arm, and turned with it
                        "elbow": "b_{}_forearm",
                        "wrist": "b_{}_wrist",
                        **_fingers("b_{}_FN", _LOWER),
                    },
                    "l",
                    "r",
                ),
            },
            ("b_spine0", "b_spine1", "b_spine2", "b_spine3"),
            ("b_root", "b_spine0", "b_l_arm_twist", "b_l_forearm"),
        ),
        RigTable(
            "mixamo",
            "Mixamo, with or without its prefix",
            {
                "pelvis": "Hips",
                "neck": "Neck",
                "head": "Head",
                "left_eye": "LeftEye",
                "right_eye": "RightEye",
                **_sided(_HUMAN_IK, "Left", "Right"),
            },
            ("Spine", "Spine1", "Spine2"),
            ("Hips", "Spine2", "LeftForeArm", "LeftArm"),
            ("", "mixamorig:", "mixamorig_", "mixamorig"),
        ),
        RigTable(
            "vrm",
            "VRM 1.0 humanoid bones",
            {
                "pelvis": "hips",
                "neck": "neck",
                "head": "head",
                "jaw": "jaw",
                "left_eye": "leftEye",
                "right_eye": "rightEye",
                **_sided(
                    {
                        "hip": "{}UpperLeg",
                        "knee": "{}LowerLeg",
                        "ankle": "{}Foot",
                        "foot": "{}Toes",
                        "collar": "{}Shoulder",
                        "shoulder": "{}UpperArm",
                        "elbow": "{}LowerArm",
                        "wrist": "{}Hand",
                        **{
                            f"{finger}{k}": f"{{}}{_LITTLE[finger]}{part}"
                            for finger in FINGERS
                            for k, part in enumerate(
                                ("Metacarpal", "Proximal", "Distal")
                                if finger == "thumb"
                                else ("Proximal", "Intermediate", "Distal"),
                                start=1,
                            )
                        },
                    },
                    "left",
                    "right",
                ),
            },
            ("spine", "chest", "upperChest"),
            ("hips", "spine", "leftUpperArm", "leftLowerArm"),
        ),
        RigTable(
            "ue5",
            "Unreal Engine mannequins (UE5 Manny and Quinn, UE4)",
            {
                "pelvis": "pelvis",
                "neck": ("neck_01", "neck_02"),
                "head": "head",
                **_sided(
                    {
                        "hip": "thigh_{}",
                        "knee": "calf_{}",
                        "ankle": "foot_{}",
                        "foot": "ball_{}",
                        "collar": "clavicle_{}",
                        "shoulder": "upperarm_{}",
                        "elbow": "lowerarm_{}",
                        "wrist": "hand_{}",
                        **_fingers("F_0N_{}", _LOWER),
                    },
                    "l",
                    "r",
                ),
            },
            ("spine_01", "spine_02", "spine_03", "spine_04", "spine_05"),
            ("pelvis", "spine_01", "upperarm_l", "lowerarm_l"),
        ),
        RigTable(
            "rigify",
            "Rigify deform bones, as in the mesh2motion library",
            {
                "pelvis": "DEF-hips",
                "neck": "DEF-neck",
                "head": "DEF-head",
                **_sided(
                    {
                        "hip": "DEF-thigh.{}",
                        "knee": "DEF-shin.{}",
                        "ankle": "DEF-foot.{}",
                        "foot": "DEF-toe.{}",
                        "collar": "DEF-shoulder.{}",
                        "shoulder": "DEF-upper_arm.{}",
                        "elbow": "DEF-forearm.{}",
                        "wrist": "DEF-hand.{}",
                        **_fingers("DEF-F.0N.{}", _LOWER_DEF),
                    },
                    "L",
                    "R",
                ),
            },
            ("DEF-spine.001", "DEF-spine.002", "DEF-spine.003"),
            ("DEF-upper_arm.L", "DEF-forearm.L", "DEF-spine.003"),
        ),
    )
}
RIGS: Registry[RigTable] = Registry("rig", "cospeech.rigs", _BUILT_IN)
ALIASES = {
    "smplx": "canonical",
    "beat2": "canonical",
    "xsens": "ebmdb",
    "mesh2motion": "rigify",
    "unreal": "ue5",
    "ue4": "ue5",
    "genea": "twh",
}
