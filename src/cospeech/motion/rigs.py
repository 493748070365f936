"""Joint names of known rigs, against the canonical ones. Data only; ``retarget.py`` has the method.

Another package adds a rig by an entry point, named as ``rig=`` and ``table=`` call it::

    [project.entry-points."cospeech.rigs"]
    myrig = "mypackage.rig:RIG"
"""

from __future__ import annotations

from ..core.registry import Registry
from .rig_conventions import CONVENTIONS
from .rig_tables import HUMAN_IK, LITTLE, LOWER, LOWER_DEF, SPINE, RigTable, fingers, sided, spread
from .skeleton import CANONICAL_NAMES, FINGERS

__all__ = ["ALIASES", "RIGS", "SPINE", "RigTable", "spread"]


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
                **sided(
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
            {"pelvis": "Hips", "neck": ("Neck", "Neck1"), "head": "Head", **sided(HUMAN_IK, "Left", "Right")},
            ("Spine", "Spine1", "Spine2", "Spine3"),
            ("Hips", "Spine3", "LeftForeFoot", "LeftHandRing"),
        ),
        RigTable(
            "zeggs",
            "ZeroEGGS (BVH, 75 joints)",
            {"pelvis": "Hips", "neck": ("Neck", "Neck1"), "head": "Head", **sided(HUMAN_IK, "Left", "Right")},
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
                **sided(
                    {
                        "eye": "b_{}_eye",
                        "hip": "b_{}_upleg",
                        "knee": "b_{}_leg",
                        "ankle": "b_{}_foot",
                        "collar": "b_{}_shoulder",
                        "shoulder": "b_{}_arm_twist",  # at the same place as b_{}_arm, and turned with it
                        "elbow": "b_{}_forearm",
                        "wrist": "b_{}_wrist",
                        **fingers("b_{}_FN", LOWER),
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
                **sided(HUMAN_IK, "Left", "Right"),
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
                **sided(
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
                            f"{finger}{k}": f"{{}}{LITTLE[finger]}{part}"
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
                **sided(
                    {
                        "hip": "thigh_{}",
                        "knee": "calf_{}",
                        "ankle": "foot_{}",
                        "foot": "ball_{}",
                        "collar": "clavicle_{}",
                        "shoulder": "upperarm_{}",
                        "elbow": "lowerarm_{}",
                        "wrist": "hand_{}",
                        **fingers("F_0N_{}", LOWER),
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
                **sided(
                    {
                        "hip": "DEF-thigh.{}",
                        "knee": "DEF-shin.{}",
                        "ankle": "DEF-foot.{}",
                        "foot": "DEF-toe.{}",
                        "collar": "DEF-shoulder.{}",
                        "shoulder": "DEF-upper_arm.{}",
                        "elbow": "DEF-forearm.{}",
                        "wrist": "DEF-hand.{}",
                        **fingers("DEF-F.0N.{}", LOWER_DEF),
                    },
                    "L",
                    "R",
                ),
            },
            ("DEF-spine.001", "DEF-spine.002", "DEF-spine.003"),
            ("DEF-upper_arm.L", "DEF-forearm.L", "DEF-spine.003"),
        ),
        *CONVENTIONS,
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
    "j_bip": "vroid",
    "kimodo": "soma",
    "newton": "rokoko",
    "smplh": "smpl",
    "cgspeed": "cmu",
    "reallusion": "cc",
    "readyplayerme": "mixamo",
    "rpm": "mixamo",
}
