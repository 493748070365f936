"""How the table of a rig's joint names is made; ``rigs.py`` has the tables."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeVar

from .skeleton import FINGERS

Bone = TypeVar("Bone")
GIVEN = "rig_joints"  # in motion.extra: what somebody says of a rig: by, title, table, joints (canonical -> names)
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

    def bare(self, name: str) -> str:
        """A joint's name without namespace and without what may stand before it."""
        name = re.sub(r"^.*:", "", name)
        for prefix in sorted(self.prefixes, key=len, reverse=True):
            if prefix and name.startswith(prefix):
                return name[len(prefix) :]
        return name

    def rig_name(self, canonical: str) -> str | None:
        """The rig's own name of a canonical joint, for writing; the spine is spread over its bones."""
        if canonical in SPINE:
            return spread(self.spine).get(canonical)
        name = self.joints.get(canonical)
        return name[0] if isinstance(name, tuple) else name


def spread(bones: tuple[Bone, ...] | list[Bone]) -> dict[str, Bone]:
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


def sided(body: dict[str, str], left: str, right: str) -> dict[str, str | tuple[str, ...]]:
    """Both sides of a table: ``{}`` in a rig name takes the side."""
    result: dict[str, str | tuple[str, ...]] = {}
    for canonical, rig in body.items():
        result[f"left_{canonical}"] = rig.format(left)
        result[f"right_{canonical}"] = rig.format(right)
    return result


def fingers(pattern: str, names: dict[str, str], start: int = 1) -> dict[str, str]:
    """Finger joints of one side: ``pattern`` takes the finger (F) and its number (N)."""
    return {
        f"{finger}{k}": pattern.replace("F", names[finger]).replace("N", str(k + start - 1))
        for finger in FINGERS
        for k in (1, 2, 3)
    }


CAPITAL = {"index": "Index", "middle": "Middle", "pinky": "Pinky", "ring": "Ring", "thumb": "Thumb"}
LITTLE = {**CAPITAL, "pinky": "Little"}
LOWER = {finger: finger for finger in FINGERS}
LOWER_DEF = {**LOWER, "index": "f_index", "middle": "f_middle", "pinky": "f_pinky", "ring": "f_ring"}

# The names that Mixamo shares with MotionBuilder, BEAT and ZEGGS.
HUMAN_IK = {
    "hip": "{}UpLeg",
    "knee": "{}Leg",
    "ankle": "{}Foot",
    "foot": "{}ToeBase",
    "collar": "{}Shoulder",
    "shoulder": "{}Arm",
    "elbow": "{}ForeArm",
    "wrist": "{}Hand",
    **fingers("{}HandFN", CAPITAL),
}
