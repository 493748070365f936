"""Which joints of a robot are waist, head, arms and fingers: by names, else by the shape of its tree, or by a map.

Names are those of common humanoids: NAO and Pepper (LShoulderPitch), Unitree G1 and H1 (left_shoulder_pitch_joint),
GR-1 and Reachy (l_shoulder_pitch, l_arm_yaw), iCub (l_wrist_prosup), TIAGo (arm_left_1_joint), Poppy (bust_y).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.json_files import read_struct
from .urdf import Joint, Robot

SIDES = ("left", "right")
FINGER_NAMES = {
    "index": "index",
    "middle": "middle",
    "ring": "ring",
    "pinky": "pinky",
    "little": "pinky",
    "thumb": "thumb",
}
_SIDE = {
    "left": re.compile(r"^L(?=[A-Z])|^l_|^left|_left_|_l_|_left$|_l$|Left"),
    "right": re.compile(r"^R(?=[A-Z])|^r_|^right|_right_|_r_|_right$|_r$|Right"),
}
_ARM = re.compile(r"shoulder|elbow|wrist|forearm|(?<![a-z])arm|upperarm", re.IGNORECASE)
_HEAD = re.compile(r"head|neck", re.IGNORECASE)
_NO_BODY = re.compile(r"finger|thumb|index|middle|ring|pinky|little|hand|gripper|eye|jaw|camera|antenna", re.IGNORECASE)
_LEAST_ARM = 4  # joints of an arm
_MOST_ARM = 7  # of one that only its shape tells; what follows are fingers
_MOST_NECK = 4
_SAME = 0.03  # metres: how far symmetric places may differ
_KEYS = ("waist", "head", "left_arm", "right_arm", "left_elbow", "right_elbow", "left_palm", "right_palm")


@dataclass(frozen=True, eq=False)
class RobotMap:
    """The parts of a robot, each a list of joints from the body outwards."""

    torso: str  # the link that carries both arms
    waist: list[Joint]
    head: list[Joint]
    arms: dict[str, list[Joint]]  # by side
    elbows: dict[str, str] = field(default_factory=dict)  # names of the joints where forearms begin, if they are named
    palms: dict[str, tuple[float, float, float]] = field(
        default_factory=dict
    )  # directions in the root's frame, at rest
    found_by: str = "names"


def map_robot(robot: Robot, path: str | Path | None = None) -> RobotMap:
    """The parts of a robot.

    Args:
        path: a JSON file that names them (docs/robots.md); found by themselves without it.
    Raises:
        UserError: no two arms are found, or the map file names what is not there.
    """
    if path is not None:
        return _from_file(robot, Path(path))
    arms = {side: _named_arm(robot, side) for side in SIDES}
    found_by = "names"
    if not all(arms.values()):
        arms, found_by = _symmetric_arms(robot), "shape"
    if not all(arms.values()):
        raise UserError(
            f"robot {robot.name[:60]!r} has no two arms of {_LEAST_ARM} joints or more that are recognised; name them "
            "in a map file: --robot-map"
        )
    return _completed(robot, arms, found_by)


def _completed(robot: Robot, arms: dict[str, list[Joint]], found_by: str) -> RobotMap:
    """With torso, waist and head of a robot whose arms are known."""
    torso, arms = _torso_of(robot, arms)
    waist = [joint for joint in robot.path(torso) if joint.movable]
    return RobotMap(torso, waist, _head(robot, torso), arms, found_by=found_by)


def _torso_of(robot: Robot, arms: dict[str, list[Joint]]) -> tuple[str, dict[str, list[Joint]]]:
    """The last link that carries both arms, and the arms from there on."""
    paths = {side: robot.path(arms[side][-1].child) for side in SIDES}
    shared = [a for a, b in zip(paths["left"], paths["right"], strict=False) if a is b]
    torso = shared[-1].child if shared else robot.root
    return torso, {side: [j for j in paths[side][len(shared) :] if j.kind != "fixed"] for side in SIDES}


def _plain(name: str) -> str:
    """A name without its side."""
    for pattern in _SIDE.values():
        name = pattern.sub("_", name)
    return name


def _named_arm(robot: Robot, side: str) -> list[Joint]:
    """Joints of the arm of one side by their names, from the body out; none if there are too few."""
    own = [joint for joint in robot.joints if joint.movable and _SIDE[side].search(joint.name)]
    own = [j for j in own if _ARM.search(_plain(j.name)) and not _NO_BODY.search(_plain(j.name).replace("forearm", ""))]
    if not own:
        return []
    path = max((robot.path(joint.child) for joint in own), key=lambda p: sum(j in own for j in p))
    arm = [joint for joint in path if joint in own]
    return arm if len(arm) >= _LEAST_ARM else []


def _symmetric_arms(robot: Robot) -> dict[str, list[Joint]]:
    """The highest pair of limbs that mirror each other."""
    leaves = [link for link in robot.rest if link not in robot.below]
    limbs = [(robot.rest[link][1], [j for j in robot.path(link) if _turns(j)]) for link in leaves]
    best, height = {side: list[Joint]() for side in SIDES}, -np.inf
    for (a, first), (b, second) in combinations(limbs, 2):
        if not _mirrored(a, b):
            continue
        own = _apart(first, second) if a[1] > b[1] else _apart(second, first)
        if min(map(len, own)) < _LEAST_ARM:
            continue
        shoulder = float(robot.rest[own[0][0].child][1][2])
        if shoulder > height + _SAME:
            best, height = {"left": own[0][:_MOST_ARM], "right": own[1][:_MOST_ARM]}, shoulder
    return best


def _apart(left: list[Joint], right: list[Joint]) -> tuple[list[Joint], list[Joint]]:
    """Two limbs without the joints that they share."""
    return [joint for joint in left if joint not in right], [joint for joint in right if joint not in left]


def _turns(joint: Joint) -> bool:
    return joint.kind in ("revolute", "continuous")


def _mirrored(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two places lie on either side of the middle, alike in height and depth."""
    apart = abs(a[1] - b[1]) >= 2 * _SAME and abs(a[1] + b[1]) <= _SAME
    return bool(apart and np.abs((a - b)[[0, 2]]).max() <= _SAME)


def _head(robot: Robot, torso: str) -> list[Joint]:
    """Joints of neck and head: by their names, else those of the limb that ends highest in the middle."""
    paths = [robot.path(joint.child, since=torso) for joint in robot.joints if joint.movable and _is_of_head(joint)]
    longest = max(paths, key=len, default=[])
    if longest:
        return [joint for joint in longest if joint.movable]
    base = robot.rest[torso][1][2] + _SAME
    ends = [(place, link) for link, (_, place) in robot.rest.items() if link not in robot.below]
    middle = [(float(place[2]), link) for place, link in ends if abs(place[1]) < _SAME and place[2] > base]
    joints = robot.path(max(middle)[1], since=torso) if middle else []
    turning = list(filter(_turns, joints))
    return turning if len(turning) <= _MOST_NECK else []


def _is_of_head(joint: Joint) -> bool:
    return bool(_HEAD.search(joint.name)) and not _NO_BODY.search(_HEAD.sub("", joint.name))


def fingers_of(robot: Robot, wrist: Joint) -> dict[str, list[Joint]]:
    """Joints of the fingers below a wrist that move by themselves, by our names of fingers, from the palm outwards."""
    found: dict[str, list[Joint]] = {}
    waiting = list(robot.below.get(wrist.child, ()))
    while waiting:
        joint = waiting.pop(0)
        waiting += robot.below.get(joint.child, ())
        name = next((ours for theirs, ours in FINGER_NAMES.items() if theirs in joint.name.lower()), None)
        if name is not None and joint.kind == "revolute" and joint.mimic is None:
            found.setdefault(name, []).append(joint)
    return found


def _from_file(robot: Robot, path: Path) -> RobotMap:
    document = read_struct(path, dict[str, list[str | float] | str])
    unknown = sorted(set(document) - set(_KEYS))
    if unknown:
        raise UserError(f"{path} has the key {unknown[0][:40]!r}; known: {', '.join(_KEYS)}")
    found = {key: _named(robot, document.get(key, []), f"{path}, {key}") for key in _KEYS if "palm" not in key}
    arms = {side: found[f"{side}_arm"] for side in SIDES}
    for side, arm in arms.items():
        _check_chain(robot, arm, f"{path}, {side}_arm")
    completed = _completed(robot, arms, "the map file")
    return replace(
        completed,
        waist=found["waist"] if "waist" in document else completed.waist,
        head=found["head"] if "head" in document else completed.head,
        arms=arms,
        elbows={side: joints[0].name for side in SIDES if (joints := found[f"{side}_elbow"])},
        palms=_palms(document, path),
    )


def _palms(document: Mapping[str, object], path: Path) -> dict[str, tuple[float, float, float]]:
    """Directions of the palms that are given, by side. Raises UserError."""
    given = {side: document[f"{side}_palm"] for side in SIDES if f"{side}_palm" in document}
    return {side: _direction(value, f"{path}, {side}_palm") for side, value in given.items()}


def _check_chain(robot: Robot, arm: list[Joint], where: str) -> None:
    """Raises UserError unless the joints of an arm lie on one chain, in its order."""
    along = robot.path(arm[-1].child) if arm else []
    if len(arm) < 2 or [joint for joint in along if joint in arm] != arm:
        raise UserError(f"{where}: name the joints of one chain from the shoulder to the wrist, 2 at least")


def _named(robot: Robot, value: object, where: str) -> list[Joint]:
    """Joints by their names. Raises UserError if one is not there."""
    names = [str(name) for name in value] if isinstance(value, list) else [str(value)]
    missing = next((name for name in names if name not in robot.by_name or not robot.by_name[name].movable), None)
    if missing is not None:
        raise UserError(f"{where}: no joint {missing[:60]!r} that moves; there are {_few(robot.by_name)}")
    return [robot.by_name[name] for name in names]


def _direction(value: object, where: str) -> tuple[float, float, float]:
    if not isinstance(value, list) or len(value) != 3 or not all(isinstance(v, int | float) for v in value):
        raise UserError(f"{where}: give the direction of the palm at rest as three numbers")
    if not any(value):
        raise UserError(f"{where}: three numbers that are 0 are no direction; give one")
    return float(value[0]), float(value[1]), float(value[2])


def _few(names: Iterable[str]) -> str:
    """Some names for a message."""
    names = list(names)
    return ", ".join(names[:12]) + (" ..." if len(names) > 12 else "")
