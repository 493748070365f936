"""Joint angles of a humanoid robot from a motion: directions of the limbs are matched within limits and speeds.

Arms keep their direction against the trunk, whether or not the robot has a waist; the waist takes what it can of the
trunk's rotation against the pelvis, the neck of the head's against the trunk. Legs, lifts and wheels stay at rest: who
balances the robot moves them. What is matched and with which weights is a decision of ours [D].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...core.errors import UserError
from ..kinematics import global_rotations
from ..motion import Motion
from ..retarget import on_canonical
from .chain_solver import Aim, Chain, within_speed
from .robot_map import SIDES, RobotMap, fingers_of
from .urdf import Joint, Robot

_INSIDE = 1e-6  # radians by which limits are kept from within, more than a file rounds
_SLOWER = 1e-5  # radians a second, likewise
CUT = np.radians(1.0)  # a smaller cut is not told
MISSED = np.radians(3.0)  # nor is a limit, where directions differ by less
PALM = 0.1  # weight of the palm against the limbs
UP = 0.5  # weight of the crown of head and trunk against where they face
_SHORTEST = 0.02  # metres between the ends of a direction


@dataclass(frozen=True)
class Cut:
    """What a limit took from a joint."""

    joint: str
    by: str  # "limit" or "speed"
    start: float  # seconds
    end: float
    most: float  # radians


@dataclass(frozen=True)
class DirectionError:
    """How far a direction is off, degrees."""

    name: str
    median: float
    most_of: float  # 95th percentile
    largest: float


@dataclass(frozen=True, eq=False)
class RobotMotion:
    """A robot's joints over time.

    Args:
        joints: that move, in the order of the URDF; positions [T, J] are radians, metres of prismatic ones.
        moved: names of the joints that follow the motion; the others rest.
    """

    robot: str
    joints: tuple[Joint, ...]
    positions: np.ndarray
    fps: float
    moved: tuple[str, ...]
    errors: tuple[DirectionError, ...]
    cuts: tuple[Cut, ...]
    found_by: str = "names"


def robot_motion(motion: Motion, robot: Robot, parts: RobotMap) -> RobotMotion:
    """The positions of a robot's joints for a motion, frame by frame at its rate.

    Args:
        motion: on any rig that is known.
        parts: which joints are what (``map_robot``).
    Raises:
        UserError: the motion's rig is not known, or an arm has no length.
    """
    body = _Body(on_canonical(motion, separate=False))
    frame = _frame_of(robot, parts)
    limbs = _limbs(robot, parts, body, frame)
    wanted, cuts = _wanted(robot, parts, limbs, body, motion.fps)
    moving = [joint for joint in robot.joints if joint.name in wanted]
    lower, upper = np.array([_inner(joint) for joint in moving]).T
    values = np.clip(np.stack([wanted[joint.name] for joint in moving], 1), lower, upper)
    slowed = within_speed(values, np.array([max(joint.velocity - _SLOWER, 0.0) for joint in moving]), motion.fps)
    final = dict(zip((joint.name for joint in moving), slowed.T, strict=True))
    for name, amount in zip(final, np.abs(slowed - values).T, strict=True):
        cuts += _spans(name, "speed", amount, CUT, motion.fps)
    joints = tuple(joint for joint in robot.joints if joint.movable)
    return RobotMotion(
        robot.name,
        joints,
        np.stack([_position(joint, final, robot, len(values)) for joint in joints], 1),
        motion.fps,
        tuple(final),
        tuple(error for limb in limbs for error in _errors(limb, final)),
        tuple(sorted(cuts, key=lambda cut: cut.start)),
        parts.found_by,
    )


def _limbs(robot: Robot, parts: RobotMap, body: _Body, frame: np.ndarray) -> list[_Limb]:
    arms = [_arm(robot, parts, side, body, frame) for side in SIDES]
    others = (_waist(robot, parts, body, frame), _head(robot, parts, body, frame))
    return arms + [limb for limb in others if limb is not None]


def _wanted(
    robot: Robot, parts: RobotMap, limbs: Sequence[_Limb], body: _Body, fps: float
) -> tuple[dict[str, np.ndarray], list[Cut]]:
    """Positions [T] of the joints that match the motion best within their limits, and what these cut."""
    wanted: dict[str, np.ndarray] = {}
    cuts: list[Cut] = []
    for side in SIDES:
        fingers, too_far = _fingers(robot, parts, side, body, fps)
        wanted |= fingers
        cuts += too_far
    for limb in limbs:
        solved = limb.chain.solve(limb.aims)
        cuts += _cuts_by_limits(limb, solved, fps)
        wanted |= {joint.name: solved[:, k] for k, joint in enumerate(limb.chain.solved)}
    return wanted, cuts


def _inner(joint: Joint) -> tuple[float, float]:
    """Limits a little inside those of a joint, so that rounding in a file keeps them."""
    inside = min(_INSIDE, 0.25 * (joint.upper - joint.lower))
    return joint.lower + inside, joint.upper - inside


def _position(joint: Joint, final: dict[str, np.ndarray], robot: Robot, count: int) -> np.ndarray:
    """[T] of a joint that is solved for, that follows another one, or that rests."""
    if joint.name in final:
        return final[joint.name]
    if joint.mimic is not None:
        leader = robot.by_name[joint.mimic.joint]
        return _position(leader, final, robot, count) * joint.mimic.multiplier + joint.mimic.offset
    return np.full(count, np.clip(joint.neutral, *_inner(joint)))


# --- What the person does -------------------------------------------------------------------------


class _Body:
    """Directions of a canonical motion, in the frames of chest and pelvis (x to the left, y up, z forward)."""

    def __init__(self, motion: Motion) -> None:
        self._skeleton = motion.skeleton
        self._world = global_rotations(np.asarray(motion.rotations, float), motion.skeleton.parents)
        self._positions = np.asarray(motion.positions, float)
        self._local = np.asarray(motion.rotations, float)
        self.chest, self.pelvis = self.rotation("spine3"), self.rotation("pelvis")

    def rotation(self, joint: str) -> np.ndarray:
        return np.asarray(self._world[:, self._skeleton.index(joint)])

    def along(self, start: str, end: str) -> np.ndarray:
        """[T, 3] direction between two joints, in the chest's frame."""
        vector = self._positions[:, self._skeleton.index(end)] - self._positions[:, self._skeleton.index(start)]
        vector = np.einsum("tji,tj->ti", self.chest, vector)
        return np.asarray(vector / np.linalg.norm(vector, axis=1, keepdims=True))

    def palm(self, side: str) -> np.ndarray:
        """[T, 3] where the palm looks, in the chest's frame; down in T-pose."""
        return np.asarray(-np.einsum("tji,tj->ti", self.chest, self.rotation(f"{side}_wrist")[:, :, 1]))

    def curl(self, joint: str) -> np.ndarray:
        """[T] how far a joint of a finger is bent from a flat hand, radians."""
        cosine = 0.5 * (np.trace(self._local[:, self._skeleton.index(joint)], axis1=1, axis2=2) - 1.0)
        return np.asarray(np.arccos(np.clip(cosine, -1.0, 1.0)))


# --- What the robot can ---------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Limb:
    name: str
    chain: Chain
    aims: list[Aim]


def _frame_of(robot: Robot, parts: RobotMap) -> np.ndarray:
    """[3, 3] whose columns are left, up and forward of the robot at rest, in the root's frame."""
    shoulders = [robot.rest[parts.arms[side][0].child][1] for side in SIDES]
    left = shoulders[0] - shoulders[1]
    up = np.array([0.0, 0.0, 1.0])
    left = left - up * (left @ up)
    if np.linalg.norm(left) < _SHORTEST:
        raise UserError(
            f"the arms of robot {robot.name[:60]!r} begin at one place; name them in a map file: --robot-map"
        )
    left /= np.linalg.norm(left)
    return np.stack([left, up, np.cross(left, up)], axis=1)


def _arm(robot: Robot, parts: RobotMap, side: str, body: _Body, frame: np.ndarray) -> _Limb:
    arm = parts.arms[side]
    chain = Chain(robot.path(arm[-1].child, since=parts.torso), arm)
    places = {joint.name: robot.rest[joint.child][1] for joint in arm}
    shoulder, elbow, wrist = _shoulder_elbow_wrist(robot, parts, side, places)
    to_torso = robot.rest[parts.torso][0].T @ frame
    points = [(chain.index(name), np.zeros(3)) for name in (shoulder, elbow, wrist)]
    last = len(chain.joints) - 1
    aims = [
        Aim(
            f"{side} upper arm", body.along(f"{side}_shoulder", f"{side}_elbow") @ to_torso.T, 1.0, points[1], points[0]
        ),
        Aim(f"{side} forearm", body.along(f"{side}_elbow", f"{side}_wrist") @ to_torso.T, 1.0, points[2], points[1]),
    ]
    hand, palm = _hand_at_rest(robot, parts, side, places[wrist] - places[elbow], frame)
    carried = robot.rest[chain.joints[last].child][0].T
    beyond = [j for j in chain.solved if np.linalg.norm(places[j.name] - places[elbow]) >= _SHORTEST]
    turning = [j for j in beyond if arm.index(j) > arm.index(robot.by_name[elbow])]
    if len(turning) >= 2:  # one joint alone turns the forearm
        aims.append(
            Aim(
                f"{side} hand", body.along(f"{side}_wrist", f"{side}_middle1") @ to_torso.T, 0.7, (last, carried @ hand)
            )
        )
    aims.append(Aim(f"{side} palm", body.palm(side) @ to_torso.T, PALM, (last, carried @ palm)))
    return _Limb(f"{side} arm", chain, aims)


def _shoulder_elbow_wrist(
    robot: Robot, parts: RobotMap, side: str, places: dict[str, np.ndarray]
) -> tuple[str, str, str]:
    """Joints where upper arm, forearm and hand begin; the elbow by its name or in the middle of the chain."""
    names = [joint.name for joint in parts.arms[side]]
    way = np.cumsum([0.0, *(float(np.linalg.norm(places[b] - places[a])) for a, b in pairwise(names))])
    elbow = parts.elbows.get(side) or _elbow(names, way)
    at = names.index(elbow)
    # Axes of a shoulder lie around its centre; those that lie along the upper arm only turn it.
    shoulder = next((names[k] for k in range(min(2, at), -1, -1) if way[at] - way[k] >= 0.6 * way[at]), names[0])
    wrist = next((n for n in names[at + 1 :][::-1] if np.linalg.norm(places[n] - places[elbow]) >= _SHORTEST), elbow)
    lengths = [float(np.linalg.norm(places[b] - places[a])) for a, b in pairwise((shoulder, elbow, wrist))]
    if min(lengths) < _SHORTEST:
        raise UserError(
            f"no upper arm and forearm are told apart in the {side} arm of robot {robot.name[:60]!r} "
            f"({', '.join(names)[:200]}); name the joints, and the elbow, in a map file: --robot-map"
        )
    return shoulder, elbow, wrist


def _elbow(names: Sequence[str], way: np.ndarray) -> str:
    """The first joint called elbow that lies away from the shoulder, else the one in the middle of the way."""
    middle = names[int(np.argmin(np.abs(way - 0.5 * way[-1])))]
    return next((n for n, w in zip(names, way, strict=True) if "elbow" in n.lower() and w >= 0.2 * way[-1]), middle)


def _hand_at_rest(
    robot: Robot, parts: RobotMap, side: str, forearm: np.ndarray, frame: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where fingers and palm point at rest: from the last joint to the farthest link, else along the forearm; the palm
    inwards, or down if the arm points to the side [D]."""
    arm = parts.arms[side]
    tip = robot.rest[arm[-1].child][1]
    ends = [robot.rest[link][1] for link in _links_below(robot, arm[-1].child)]
    hand = max((end - tip for end in ends), key=lambda v: float(np.linalg.norm(v)), default=forearm)
    if np.linalg.norm(hand) < _SHORTEST:
        hand = forearm
    hand = hand / np.linalg.norm(hand)
    inwards = -frame[:, 0] if side == "left" else frame[:, 0]
    palm = inwards if abs(hand @ inwards) < 0.7 else -frame[:, 1]
    if side in parts.palms:
        palm = np.array(parts.palms[side])
    palm = palm - hand * (palm @ hand)
    if np.linalg.norm(palm) < 1e-3:
        raise UserError(f"the palm of the {side} hand looks along its fingers; give another direction in the map file")
    return hand, palm / np.linalg.norm(palm)


def _links_below(robot: Robot, link: str) -> list[str]:
    found, waiting = [], [link]
    while waiting:
        children = [joint.child for joint in robot.below.get(waiting.pop(), ())]
        found += children
        waiting += children
    return found


def _turning(
    name: str, robot: Robot, joints: Sequence[Joint], since: str, rotation: np.ndarray, frame: np.ndarray
) -> _Limb | None:
    """A chain whose last link turns against ``since`` as ``rotation`` [T, 3, 3] says, in our axes."""
    joints = [joint for joint in joints if joint.kind != "prismatic" and joint.mimic is None]
    if not joints:
        return None
    chain = Chain(robot.path(joints[-1].child, since=since), joints)
    base = robot.rest[since][0].T @ frame
    carried = robot.rest[joints[-1].child][0].T @ frame
    last = len(chain.joints) - 1
    aims = [
        Aim(f"{name}, {what}", rotation[:, :, axis] @ base.T, weight, (last, carried[:, axis]))
        for what, axis, weight in (("facing", 2, 1.0), ("upright", 1, UP))
    ]
    return _Limb(name, chain, aims)


def _waist(robot: Robot, parts: RobotMap, body: _Body, frame: np.ndarray) -> _Limb | None:
    turned = np.einsum("tji,tjk->tik", body.pelvis, body.chest)
    return _turning("trunk", robot, parts.waist, robot.root, turned, frame)


def _head(robot: Robot, parts: RobotMap, body: _Body, frame: np.ndarray) -> _Limb | None:
    turned = np.einsum("tji,tjk->tik", body.chest, body.rotation("head"))
    return _turning("head", robot, parts.head, parts.torso, turned, frame)


def _fingers(
    robot: Robot, parts: RobotMap, side: str, body: _Body, fps: float
) -> tuple[dict[str, np.ndarray], list[Cut]]:
    """Joints of the fingers bend as far as ours, towards their wider side; the last one of a finger as the mean of the
    rest."""
    found: dict[str, np.ndarray] = {}
    cuts: list[Cut] = []
    for finger, joints in fingers_of(robot, parts.arms[side][-1]).items():
        bends = [body.curl(f"{side}_{finger}{k}") for k in (1, 2, 3)]
        for k, joint in enumerate(joints[:3]):
            wanted = bends[k] if k + 1 < min(3, len(joints)) else np.sum(bends[k:], axis=0) / (3 - k)
            closing = 1.0 if abs(joint.upper) >= abs(joint.lower) else -1.0
            lower, upper = _inner(joint)
            found[joint.name] = np.clip(closing * wanted, lower, upper)
            cuts += _spans(joint.name, "limit", np.abs(closing * wanted - found[joint.name]), CUT, fps)
    return found, cuts


# --- What came of it ------------------------------------------------------------------------------


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[T] radians between unit vectors."""
    return np.asarray(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), np.einsum("ti,ti->t", a, b)))


def _off(limb: _Limb, angles: np.ndarray) -> dict[str, np.ndarray]:
    """[T] radians by which each aim is missed."""
    pose = limb.chain.pose(angles)
    return {aim.name: _angle(limb.chain.directions(pose, aim), aim.target) for aim in limb.aims}


def _errors(limb: _Limb, final: dict[str, np.ndarray]) -> list[DirectionError]:
    angles = np.stack([final[joint.name] for joint in limb.chain.solved], 1)
    return [
        DirectionError(name, *(float(np.degrees(np.percentile(off, share))) for share in (50, 95, 100)))
        for name, off in _off(limb, angles).items()
    ]


def _cuts_by_limits(limb: _Limb, angles: np.ndarray, fps: float) -> list[Cut]:
    """Where a direction is missed and joints are at their limits: how much further they would have gone."""
    chain = limb.chain
    missed = np.max([off for name, off in _off(limb, angles).items() if not name.endswith("palm")], axis=0) > MISSED
    stuck = ((angles <= chain.lower + 1e-6) | (angles >= chain.upper - 1e-6)) & missed[:, None]
    if not stuck.any():
        return []
    free = chain.solve(limb.aims, start=angles, bounded=False)
    over = np.maximum(chain.lower - free, free - chain.upper)
    over = np.where(stuck, np.maximum(over, 0.0), 0.0)
    return [cut for k, joint in enumerate(chain.solved) for cut in _spans(joint.name, "limit", over[:, k], CUT, fps)]


def _spans(joint: str, by: str, amount: np.ndarray, least: float, fps: float) -> list[Cut]:
    """Stretches in which an amount is more than the least one; those less than a fifth of a second apart are one."""
    frames = np.flatnonzero(amount > least)
    if not len(frames):
        return []
    groups = np.split(frames, np.flatnonzero(np.diff(frames) > max(1.0, 0.2 * fps)) + 1)
    return [
        Cut(
            joint,
            by,
            float(group[0] / fps),
            float((group[-1] + 1) / fps),
            float(amount[group[0] : group[-1] + 1].max()),
        )
        for group in groups
    ]
