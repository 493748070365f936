"""Joint names of rigs that only recognising needs by name; those of corpora and of our formats are in ``rigs.py``.

Each row is a convention: pelvis, spine upwards, neck, head, then hip, knee, ankle and toes, collar, upper arm, forearm
and hand of one side, in which ``{}`` is the side. The names are those that the programs write; spaces are underscores,
as BVH files are read here.
"""

from __future__ import annotations

from .rig_tables import CAPITAL, LITTLE, LOWER, LOWER_DEF, RigTable, fingers, sided
from .skeleton import FINGERS

_PARTS = ("hip", "knee", "ankle", "foot", "collar", "shoulder", "elbow", "wrist")
_LEFT_RIGHT, _L_R, _SMALL = ("Left", "Right"), ("L", "R"), ("l", "r")
_MID = {**CAPITAL, "middle": "Mid"}


def _rig(
    name: str,
    title: str,
    trunk: str,
    neck: str,
    limbs: str,
    sides: tuple[str, str],
    *,
    hand: dict[str, str] | None = None,
    middle: dict[str, str] | None = None,
    signature: str = "",
) -> RigTable:
    """A table of words: ``trunk`` from the pelvis up to the chest, ``neck`` up to the head, ``limbs`` as in ``_PARTS``.

    Args:
        hand: finger joints of one side.
        middle: further joints that have no side, or whose side is written out.
        signature: names that tell this rig from others, beside its pelvis and the joints of its left arm.
    """
    pelvis, *spine = trunk.split()
    *necks, head = neck.split()
    body = {part: bone for part, bone in zip(_PARTS, limbs.split(), strict=True) if bone != "-"}
    joints: dict[str, str | tuple[str, ...]] = {
        "pelvis": pelvis,
        "neck": necks[0] if len(necks) == 1 else tuple(necks),
        "head": head,
        **(middle or {}),
        **sided({**body, **(hand or {})}, *sides),
    }
    arm = tuple(body[part].format(sides[0]) for part in ("shoulder", "elbow", "hip"))
    return RigTable(name, title, joints, tuple(spine), (pelvis, *arm, *signature.split()))


def _phalanges(
    pattern: str, names: dict[str, str], *, thumb: tuple[str, str, str], others: tuple[str, str, str]
) -> dict[str, str]:
    """Finger joints whose phalanges are words: ``pattern`` takes the finger (F) and the word (P)."""
    return {
        f"{finger}{k}": pattern.replace("F", names[finger]).replace("P", word)
        for finger in FINGERS
        for k, word in enumerate(thumb if finger == "thumb" else others, start=1)
    }


_UNITY_FINGERS = ("Proximal", "Intermediate", "Distal")
_ROKOKO = {"thumb": "Finger1", "index": "Finger2", "middle": "Finger3", "ring": "Finger4", "pinky": "Finger5"}
_BIPED = {
    f"{finger}{k + 1}": f"Bip01_{{}}_Finger{n}{k or ''}"
    for n, finger in enumerate(("thumb", "index", "middle", "ring", "pinky"))
    for k in range(3)
}
_SOMA = {f"{finger}{k}": f"{{}}Hand{CAPITAL[finger]}{k + (finger != 'thumb')}" for finger in FINGERS for k in (1, 2, 3)}
_RIGIFY = "thigh.{} shin.{} foot.{} toe.{} shoulder.{} upper_arm.{} forearm.{} hand.{}"
_ARMS = "{}Shoulder {}Arm {}ForeArm {}Hand"

CONVENTIONS = (
    _rig(
        "unity",
        "Unity Humanoid",
        "Hips Spine Chest UpperChest",
        "Neck Head",
        "{}UpperLeg {}LowerLeg {}Foot {}Toes {}Shoulder {}UpperArm {}LowerArm {}Hand",
        _LEFT_RIGHT,
        hand=_phalanges("{}FP", LITTLE, thumb=_UNITY_FINGERS, others=_UNITY_FINGERS),
        middle={"jaw": "Jaw", "left_eye": "LeftEye", "right_eye": "RightEye"},
    ),
    _rig(
        "vroid",
        "VRoid Studio (J_Bip)",
        "J_Bip_C_Hips J_Bip_C_Spine J_Bip_C_Chest J_Bip_C_UpperChest",
        "J_Bip_C_Neck J_Bip_C_Head",
        " ".join(
            f"J_Bip_{{}}_{part}" for part in "UpperLeg LowerLeg Foot ToeBase Shoulder UpperArm LowerArm Hand".split()
        ),
        _L_R,
        hand=fingers("J_Bip_{}_FN", LITTLE),
        middle={"left_eye": "J_Adj_L_FaceEye", "right_eye": "J_Adj_R_FaceEye"},
    ),
    _rig(
        "metarig",
        "Rigify's human metarig",
        "spine spine.001 spine.002 spine.003",
        "spine.004 spine.006",
        _RIGIFY,
        _L_R,
        hand=fingers("F.0N.{}", LOWER_DEF),
    ),
    _rig(
        "rigify-deform",
        "Rigify's generated deform bones",
        "DEF-spine DEF-spine.001 DEF-spine.002 DEF-spine.003",
        "DEF-spine.004 DEF-spine.006",
        " ".join(f"DEF-{bone}" for bone in _RIGIFY.split()),
        _L_R,
        hand=fingers("DEF-F.0N.{}", LOWER_DEF),
    ),
    _rig(
        "cmu",
        "CMU motion capture as BVH (cgspeed)",
        "Hips LowerBack Spine Spine1",
        "Neck Neck1 Head",
        f"{{}}UpLeg {{}}Leg {{}}Foot {{}}ToeBase {_ARMS}",
        _LEFT_RIGHT,
        signature="LowerBack",
    ),
    _rig(
        "vicon",
        "Vicon and Acclaim (femur, tibia, humerus, radius)",
        "root lowerback upperback thorax",
        "lowerneck upperneck head",
        "{}femur {}tibia {}foot {}toes {}clavicle {}humerus {}radius {}wrist",
        _SMALL,
    ),
    _rig(
        "daz",
        "Daz Genesis 3 and 8",
        "pelvis abdomenLower abdomenUpper chestLower chestUpper",
        "neckLower neckUpper head",
        "{}ThighBend {}Shin {}Foot {}Toe {}Collar {}ShldrBend {}ForearmBend {}Hand",
        _SMALL,
        hand=fingers("{}FN", _MID),
        middle={"jaw": "lowerJaw", "left_eye": "lEye", "right_eye": "rEye"},
    ),
    _rig(
        "daz9",
        "Daz Genesis 9",
        "pelvis spine1 spine2 spine3 spine4",
        "neck1 neck2 head",
        "{}_thigh {}_shin {}_foot {}_toes {}_shoulder {}_upperarm {}_forearm {}_hand",
        _SMALL,
        hand=fingers("{}_FN", {**LOWER, "middle": "mid"}),
    ),
    _rig(
        "poser",
        "Poser, Daz Victoria and Michael 4, Second Life",
        "hip abdomen chest",
        "neck head",
        "{}Thigh {}Shin {}Foot {}Toe {}Collar {}Shldr {}ForeArm {}Hand",
        _SMALL,
        hand=fingers("{}FN", _MID),
    ),
    _rig(
        "biovision",
        "classic Biovision",
        "Hips Chest",
        "Neck Head",
        "{}UpLeg {}LowLeg {}Foot {}Toe {}Collar {}UpArm {}LowArm {}Hand",
        _LEFT_RIGHT,
    ),
    _rig(
        "truebones",
        "Truebones and others that name joints (hip, knee, ankle; shoulder, elbow, wrist)",
        "Hips Chest",
        "Neck Head",
        "{}Hip {}Knee {}Ankle {}Toe {}Collar {}Shoulder {}Elbow {}Wrist",
        _LEFT_RIGHT,
    ),
    _rig(
        "biped",
        "3ds Max Biped",
        "Bip01_Pelvis Bip01_Spine Bip01_Spine1 Bip01_Spine2",
        "Bip01_Neck Bip01_Head",
        " ".join(f"Bip01_{{}}_{part}" for part in "Thigh Calf Foot Toe0 Clavicle UpperArm Forearm Hand".split()),
        _L_R,
        hand=_BIPED,
    ),
    _rig(
        "smpl",
        "SMPL and SMPL-H",
        "Pelvis Spine1 Spine2 Spine3",
        "Neck Head",
        "{}_Hip {}_Knee {}_Ankle {}_Foot {}_Collar {}_Shoulder {}_Elbow {}_Wrist",
        _L_R,
    ),
    _rig(
        "rokoko",
        "Rokoko (Newton)",
        "Hips Spine1 Spine2 Spine3 Spine4",
        "Neck Head",
        f"{{}}Thigh {{}}Shin {{}}Foot {{}}Toe {_ARMS}",
        _LEFT_RIGHT,
        hand=_phalanges(
            "{}FP", _ROKOKO, thumb=("Metacarpal", "Proximal", "Distal"), others=("Proximal", "Medial", "Distal")
        ),
    ),
    _rig(
        "mvn",
        "Xsens MVN segments (L5, L3, T12, T8)",
        "Pelvis L5 L3 T12 T8",
        "Neck Head",
        "{}UpperLeg {}LowerLeg {}Foot {}Toe {}Shoulder {}UpperArm {}ForeArm {}Hand",
        _LEFT_RIGHT,
    ),
    _rig(
        "neuron",
        "Perception Neuron (Axis)",
        "Hips Spine Spine1 Spine2",
        "Neck Neck1 Head",
        f"{{}}UpLeg {{}}Leg {{}}Foot - {_ARMS}",
        _LEFT_RIGHT,
        hand=fingers("{}HandFN", CAPITAL),
        signature="LeftInHandIndex",
    ),
    _rig(
        "lafan1",
        "LAFAN1",
        "Hips Spine Spine1 Spine2",
        "Neck Head",
        f"{{}}UpLeg {{}}Leg {{}}Foot {{}}Toe {_ARMS}",
        _LEFT_RIGHT,
        signature="LeftToe",
    ),
    _rig(
        "soma",
        "SOMA (Kimodo)",
        "Hips Spine1 Spine2 Chest",
        "Neck1 Neck2 Head",
        f"{{}}Leg {{}}Shin {{}}Foot {{}}ToeBase {_ARMS}",
        _LEFT_RIGHT,
        hand=_SOMA,
        middle={"jaw": "Jaw", "left_eye": "LeftEye", "right_eye": "RightEye"},
    ),
    _rig(
        "cc",
        "Reallusion Character Creator and iClone",
        "CC_Base_Pelvis CC_Base_Waist CC_Base_Spine01 CC_Base_Spine02",
        "CC_Base_NeckTwist01 CC_Base_NeckTwist02 CC_Base_Head",
        " ".join(f"CC_Base_{{}}_{part}" for part in "Thigh Calf Foot ToeBase Clavicle Upperarm Forearm Hand".split()),
        _L_R,
        hand=fingers("CC_Base_{}_FN", _MID),
        middle={"jaw": "CC_Base_JawRoot", "left_eye": "CC_Base_L_Eye", "right_eye": "CC_Base_R_Eye"},
    ),
)
