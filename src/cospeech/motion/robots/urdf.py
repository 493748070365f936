"""Robots as URDF files describe them: links, joints, limits. Geometry, inertia and transmissions are not read.

Axes are those of the file; by convention (REP 103) x points forward, y left and z up. Source: the URDF XML
specification of ROS (wiki.ros.org/urdf/XML/joint).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...core.arguments import file_path
from ...core.errors import UserError
from ...core.rotation import axis_rotation
from ...core.xml_files import parse_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MOST_JOINTS = 1000
LARGEST = 32 << 20  # bytes
MOVABLE = ("revolute", "continuous", "prismatic")
_KINDS = (*MOVABLE, "fixed", "floating", "planar")


@dataclass(frozen=True, eq=False)
class Mimic:
    """A joint that follows another one: ``multiplier`` times its position plus ``offset``."""

    joint: str
    multiplier: float
    offset: float


@dataclass(frozen=True, eq=False)
class Joint:
    """One joint of a robot."""

    name: str
    kind: str  # one of MOVABLE, or fixed
    parent: str  # names of links
    child: str
    rotation: np.ndarray  # [3, 3] of the joint's frame in that of its parent link
    position: np.ndarray  # [3] metres, likewise
    axis: np.ndarray  # [3] unit vector in the joint's frame
    lower: float = -math.inf  # radians, or metres of a prismatic joint
    upper: float = math.inf
    velocity: float = math.inf  # radians (metres) a second
    mimic: Mimic | None = None

    @property
    def movable(self) -> bool:
        return self.kind in MOVABLE

    @property
    def neutral(self) -> float:
        """The position nearest to 0 that its limits allow."""
        return min(max(0.0, self.lower), self.upper)


@dataclass(frozen=True, eq=False)
class Robot:
    """A tree of links and joints."""

    name: str
    root: str  # link
    joints: tuple[Joint, ...]  # in the order of the file

    @cached_property
    def by_name(self) -> dict[str, Joint]:
        return {joint.name: joint for joint in self.joints}

    @cached_property
    def above(self) -> dict[str, Joint]:
        """The joint that carries each link, but the root."""
        return {joint.child: joint for joint in self.joints}

    @cached_property
    def below(self) -> dict[str, list[Joint]]:
        """The joints on each link."""
        found: dict[str, list[Joint]] = {}
        for joint in self.joints:
            found.setdefault(joint.parent, []).append(joint)
        return found

    def path(self, link: str, *, since: str | None = None) -> list[Joint]:
        """The joints from a link, the root unless given, out to another link below it."""
        joints: list[Joint] = []
        stop = self.root if since is None else since
        while link != stop:
            if link not in self.above:
                return []
            joints.append(self.above[link])
            link = self.above[link].parent
        return joints[::-1]

    @cached_property
    def rest(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Rotation [3, 3] and position [3] of each link in the root's frame, all joints at 0."""
        placed = {self.root: (np.eye(3), np.zeros(3))}
        waiting = [self.root]
        while waiting:
            link = waiting.pop()
            rotation, position = placed[link]
            for joint in self.below.get(link, ()):
                placed[joint.child] = (rotation @ joint.rotation, position + rotation @ joint.position)
                waiting.append(joint.child)
        return placed


def load_urdf(path: str | Path) -> Robot:
    """Read a robot.

    Raises:
        UserError: no such file, no URDF (xacro must be expanded first), or joints that make no tree, have no limits
            where they must have some, or numbers that cannot be; the message names the joint.
    """
    path = file_path(path, "a URDF file")
    if not path.is_file():
        raise UserError(f"no such robot: {path}; give a URDF file")
    if path.stat().st_size > LARGEST:
        raise UserError(f"{path} has {path.stat().st_size >> 20} MiB; a URDF has {LARGEST >> 20} at most")
    root = parse_xml(path.read_text(encoding="utf-8-sig", errors="replace"), path, what="URDF file")
    if root.tag != "robot":
        raise UserError(f"{path} is no URDF file: its XML begins with <{root.tag[:40]}>, not <robot>")
    if any("xacro" in element.tag for element in root.iter()):
        raise UserError(f"{path} is a xacro file; expand it first, as in: xacro {path.name} > robot.urdf")
    found = root.findall("joint")
    if len(found) > MOST_JOINTS:
        raise UserError(f"{path} has {len(found)} joints; {MOST_JOINTS} at most are read")
    joints = tuple(_joint(element, f"{path}: joint {element.get('name', '')[:60]!r}") for element in found)
    return _with_bounds_of_mimics(_tree(root, joints, path), path)


def _numbers(text: str | None, count: int, default: Sequence[float], where: str) -> np.ndarray:
    """So many finite numbers of an attribute. Raises UserError."""
    if text is None:
        return np.array(default, float)
    try:
        values = np.array([float(part) for part in text.split()], float)
    except ValueError:
        values = np.zeros(0)
    if len(values) != count or not np.all(np.abs(values) < 1e6):
        raise UserError(f"{where} has the numbers {text[:40]!r}; {count} finite numbers belong there")
    return values


def _joint(element: Element, where: str) -> Joint:
    name, kind = element.get("name", ""), element.get("type", "")
    if not name or kind not in _KINDS:
        raise UserError(f"{where} has the type {kind[:20]!r}; known are {', '.join(_KINDS)}, each with a name")
    ends = [found.get("link", "") if (found := element.find(end)) is not None else "" for end in ("parent", "child")]
    if not all(ends):
        raise UserError(f"{where} has no parent or no child; name both links")
    origin, axis = element.find("origin"), element.find("axis")
    placed = {} if origin is None else origin.attrib
    roll, pitch, yaw = _numbers(placed.get("rpy"), 3, (0, 0, 0), where)
    direction = _numbers(None if axis is None else axis.get("xyz"), 3, (1, 0, 0), where)
    length = float(np.linalg.norm(direction))
    if length < 1e-9:
        raise UserError(f"{where} has an axis without a direction; give a unit vector")
    joint = Joint(
        name,
        kind if kind in MOVABLE else "fixed",
        parent=ends[0],
        child=ends[1],
        rotation=axis_rotation("z", yaw) @ axis_rotation("y", pitch) @ axis_rotation("x", roll),
        position=_numbers(placed.get("xyz"), 3, (0, 0, 0), where),
        axis=direction / length,
    )
    return _with_limits(joint, element, where) if joint.movable else joint


def _with_limits(joint: Joint, element: Element, where: str) -> Joint:
    limit, mimic = element.find("limit"), element.find("mimic")
    lower, upper, velocity = -math.inf, math.inf, math.inf
    if limit is not None:
        lower, upper = (float(_numbers(limit.get(key), 1, (0,), where)[0]) for key in ("lower", "upper"))
        speed = float(_numbers(limit.get("velocity"), 1, (0,), where)[0])
        velocity = speed if speed > 0 else math.inf
    if joint.kind == "continuous":
        lower, upper = -math.inf, math.inf
    elif limit is None:
        raise UserError(f"{where} is {joint.kind} and has no <limit>; give lower and upper, or make it continuous")
    if lower > upper:
        raise UserError(f"{where} has the limits {lower:g} to {upper:g}; lower comes first")
    follows = None
    if mimic is not None:
        factor, offset = (_numbers(mimic.get(k), 1, (d,), where)[0] for k, d in (("multiplier", 1), ("offset", 0)))
        follows = Mimic(mimic.get("joint", ""), float(factor), float(offset))
    return replace(joint, lower=lower, upper=upper, velocity=velocity, mimic=follows)


def _tree(root: Element, joints: tuple[Joint, ...], path: Path) -> Robot:
    """The robot, if its joints make one tree. Raises UserError."""
    children = [joint.child for joint in joints]
    for names, what in ((children, "link"), ([joint.name for joint in joints], "joint")):
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise UserError(
                f"{path}: the {what} {twice[:60]!r} is there twice, or hangs on two joints; a URDF is a tree"
            )
    roots = {joint.parent for joint in joints} - set(children)
    if len(roots) != 1:
        listed = ", ".join(sorted(roots))[:80] or "none"
        raise UserError(f"{path} has {len(roots)} links without a parent ({listed}); a URDF is one tree")
    robot = Robot(root.get("name", "robot"), roots.pop(), joints)
    if len(robot.rest) != len(joints) + 1:
        raise UserError(f"{path} has joints in a circle; a URDF is a tree")
    return robot


def _with_bounds_of_mimics(robot: Robot, path: Path) -> Robot:
    """Joints that others follow keep the limits and speeds of those, too. Raises UserError."""
    joints = robot.by_name
    for joint in robot.joints:
        if joint.mimic is None:
            continue
        leader = joints.get(joint.mimic.joint)
        if leader is None or leader.mimic is not None or not leader.movable:
            raise UserError(
                f"{path}: joint {joint.name!r} follows {joint.mimic.joint[:60]!r}, which moves not by itself"
            )
        factor, offset = joint.mimic.multiplier, joint.mimic.offset
        if abs(factor) < 1e-9:
            continue
        first, last = sorted(((joint.lower - offset) / factor, (joint.upper - offset) / factor))
        lower, upper = max(leader.lower, first), min(leader.upper, last)
        if lower > upper:
            raise UserError(f"{path}: joint {joint.name!r} follows {leader.name!r} beyond its limits; widen them")
        velocity = min(leader.velocity, joint.velocity / abs(factor))
        joints = {**joints, leader.name: replace(leader, lower=lower, upper=upper, velocity=velocity)}
    return replace(robot, joints=tuple(joints[joint.name] for joint in robot.joints))
