"""Rest poses: whether one can be a person, and what stands for one that cannot.

Some programs write all bones along one axis and leave the pose to the frames (LAFAN1, Rokoko, Kimodo). Such a rest
pose tells nothing about which way a joint faces. In its place comes a frame of the clip in T-pose; without one the
T-pose follows from the rig [D]: trunk bones by the places of hips and shoulders in their own frames, limbs along the
canonical bones, turned about them so that elbows and knees bend as a person's do, and else as the clip does on average.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ..core.errors import UserError
from ..core.rotation import (
    align_vectors,
    axis_angle_to_matrix,
    geodesic,
    matrix_from_6d,
    matrix_to_6d,
    matrix_to_quaternion,
    transpose,
)
from .kinematics import global_rotations, local_rotations
from .motion import Motion
from .rig_names import SIDES, Joints
from .skeleton import CANONICAL_NAMES, FINGERS, Skeleton, canonical_skeleton

_TOGETHER = np.radians(60.0)  # a person's legs are further than this from the way the spine goes
_SAME_WAY = 0.8  # cosine: arms that go one way, other than down, are no person's
_UPRIGHT = np.radians(40.0)  # of a right angle between the trunk and the line of shoulders or hips
_T_POSE = np.radians(20.0)  # by which a limb in T-pose may be off
_NEAR_AXIS = np.radians(25.0)  # a bone of the trunk nearer than this to an axis lies along it
_AGREES = np.radians(40.0)  # the zero pose tells the way of the trunk if the clip's mean is nearer to it than this
_STEADY = 0.5  # length of the mean of directions that are much the same
_SHORT = 1e-5  # metres
_HINGE = 0.08  # mean sine of the bend of an elbow or knee that tells how it turns
_FRAMES = 600  # that are looked at, at most
_HANGING, _SLOPING = np.radians(35.0), np.radians(90.0)  # of the arms against the way down

_ARMS = tuple(f"{side}_{part}" for side in SIDES for part in ("shoulder", "elbow"))
_TOPS = ("neck", "head", "spine3")  # of the trunk, which of them there is
_NEXT = {"spine1": "spine2", "spine2": "spine3", "spine3": "neck", "neck": "head"}
_NEXT |= {
    f"{side}_{start}": f"{side}_{end}"
    for side in SIDES
    for start, end in (
        *(("collar", "shoulder"), ("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "middle1")),
        *(("hip", "knee"), ("knee", "ankle"), ("ankle", "foot")),
        *((f"{finger}{k}", f"{finger}{k + 1}") for finger in FINGERS for k in (1, 2)),
    )
}
# The axis about which the joint bends, in the canonical T-pose with palms down.
_BENDS = {f"{side}_{part}": np.array([1.0, 0.0, 0.0]) for side in SIDES for part in ("hip", "knee")}
_BENDS |= {f"left_{part}": np.array([0.0, -1.0, 0.0]) for part in ("shoulder", "elbow")}
_BENDS |= {f"right_{part}": np.array([0.0, 1.0, 0.0]) for part in ("shoulder", "elbow")}


@dataclass(frozen=True)
class RestPose:
    """What a rest pose looks like."""

    kind: str  # "T-pose", "A-pose", "arms hanging", "a person" or "no person"
    reason: str = ""  # why it is no person

    @property
    def is_person(self) -> bool:
        """Whether somebody could stand like this."""
        return self.kind != "no person"


def rest_pose(skeleton: Skeleton, joints: Joints) -> RestPose:
    """What the rest pose of a rig is, by its limbs against its trunk."""
    rest = skeleton.rest_positions
    body = _Body({name: rest[indices[0]] for name, indices in joints.items()})
    up = body.up()
    if up is None or not up.any():
        return RestPose("no person", "the spine has no length")
    reason = body.no_length() or body.no_legs(up) or body.no_sides(up)
    if reason:
        return RestPose("no person", reason)
    left, right = (body.way(f"{side}_shoulder", f"{side}_elbow") for side in SIDES)
    if left is None or right is None:
        return RestPose("a person")
    if left @ right > _SAME_WAY and left @ up > -0.5:
        return RestPose("no person", "both arms go the same way")
    return RestPose(_kind(left, right, up, body.way("right_shoulder", "left_shoulder")))


@dataclass(frozen=True)
class _Body:
    """Places of a body's joints, and what cannot be."""

    at: dict[str, np.ndarray]  # canonical name -> [3]

    def way(self, start: str, end: str) -> np.ndarray | None:
        """Direction from one joint to another, zeros if they are in one place; None without them."""
        return None if start not in self.at or end not in self.at else _unit(self.at[end] - self.at[start])

    def up(self) -> np.ndarray | None:
        """The way that the trunk goes."""
        top = next((name for name in _TOPS if name in self.at), "")
        return self.way("pelvis", top)

    def no_length(self) -> str:
        """Which limb has no length, in words."""
        for start in _BENDS:
            bone = self.way(start, _NEXT[start])
            if bone is not None and not bone.any():
                return f"{start} and {_NEXT[start]} are in one place"
        return ""

    def no_legs(self, up: np.ndarray) -> str:
        """Whether the legs go where no legs go, in words."""
        for side in SIDES:
            end = "ankle" if f"{side}_ankle" in self.at else "knee"
            leg = self.way(f"{side}_hip", f"{side}_{end}")
            if leg is not None and leg @ up > np.cos(_TOGETHER):
                return "the legs go the way of the spine"
        return ""

    def no_sides(self, up: np.ndarray) -> str:
        """Whether left and right are above one another, in words."""
        for part in ("shoulder", "hip"):
            across = self.way(f"right_{part}", f"left_{part}")
            if across is not None and abs(across @ up) > np.sin(_UPRIGHT):
                return f"the {part}s are above one another"
        return ""


def _kind(left: np.ndarray, right: np.ndarray, up: np.ndarray, across: np.ndarray | None) -> str:
    """A name for the pose of the arms."""
    below = [float(np.arccos(np.clip(-arm @ up, -1.0, 1.0))) for arm in (left, right)]
    sides = [0.0, 0.0] if across is None else [float(left @ across), float(-right @ across)]
    if max(below) < _HANGING:
        return "arms hanging"
    if min(sides) > np.cos(_T_POSE):
        return "T-pose"
    return "A-pose" if min(sides) > 0.3 and max(below) < _SLOPING else "a person"


def with_person_rest(motion: Motion, joints: Joints) -> tuple[Motion, str]:
    """The motion with a rest pose that can be a person's, and what was done, in words; "" if nothing.

    World positions stay.

    Raises:
        UserError: neither a T-pose in the clip nor the rig tells what could stand for its rest pose.
    """
    pose = rest_pose(motion.skeleton, joints)
    if pose.is_person:
        return motion, ""
    frame = t_pose_frame(motion, joints)
    if frame is not None:
        return _facing_front(rest_at(motion, frame), joints), (
            f"the rig's rest pose cannot be a person's ({pose.reason}); frame {frame}, in T-pose, stands for it"
        )
    world = known_t_pose(motion, joints)
    if world is not None:
        posed = with_rest(motion, world)
        if rest_pose(posed.skeleton, joints).is_person:
            return posed, (
                f"the rig's rest pose cannot be a person's ({pose.reason}) and no frame is in T-pose; one that "
                "follows from its bones stands for it"
            )
    raise UserError(
        f"the rig's rest pose cannot be a person's ({pose.reason}), and neither a frame in T-pose nor its bones tell "
        "what it should be; put a T-pose into the first frame"
    )


def with_rest(motion: Motion, world: np.ndarray) -> Motion:
    """The same motion with the pose of joint rotations ``world`` [J, 3, 3] as rest pose; world positions stay."""
    skeleton = motion.skeleton
    turned = global_rotations(motion.rotations.astype(np.float64), skeleton.parents)
    offsets = [
        world[parent] @ offset if parent >= 0 else offset
        for parent, offset in zip(skeleton.parents, skeleton.offsets, strict=True)
    ]
    ends = tuple((joint, tuple((world[joint] @ np.array(tip)).tolist())) for joint, tip in skeleton.ends)
    posed = replace(skeleton, offsets=np.array(offsets), ends=ends)
    local = local_rotations(turned @ transpose(world), skeleton.parents)
    return replace(motion, skeleton=posed, rotations=local, extra={})


def rest_at(motion: Motion, frame: int) -> Motion:
    """The same motion with the pose of one frame as rest pose.

    For rigs whose own rest pose says nothing (all bones along one axis), where a clip holds a frame in
    T-pose. World positions stay.

    Raises:
        UserError: there is no such frame.
    """
    if not -motion.frames <= frame < motion.frames:
        raise UserError(f"no frame {frame}; the motion has {motion.frames}")
    world = global_rotations(motion.rotations[[frame]].astype(np.float64), motion.skeleton.parents)[0]
    return with_rest(motion, world)


def _facing_front(motion: Motion, joints: Joints) -> Motion:
    """The same with a rest pose that is turned about the vertical so that it faces +z."""
    rest = motion.skeleton.rest_positions
    across = sum(
        rest[joints[f"left_{part}"][0]] - rest[joints[f"right_{part}"][0]]
        for part in ("shoulder", "hip")
        if f"left_{part}" in joints and f"right_{part}" in joints
    )
    turn = axis_angle_to_matrix(np.array([0.0, np.arctan2(across[2], across[0]), 0.0]))
    return with_rest(motion, np.repeat(turn[None], len(motion.skeleton), axis=0))


def t_pose_frame(motion: Motion, joints: Joints) -> int | None:
    """The frame that is nearest to a T-pose: arms straight to the sides, legs straight down; None if none is near."""
    step = max(1, motion.frames // _FRAMES)
    points = motion[::step].positions.astype(np.float64)
    body = {name: points[:, indices[0]] for name, indices in joints.items()}
    top = next((name for name in _TOPS if name in body), None)
    limbs = tuple(name for name in _BENDS if {name, _NEXT[name]} <= set(body))
    arms = tuple(filter(_ARMS.__contains__, limbs))
    if top is None or len(arms) < len(_ARMS):
        return None
    up, across = _unit(body[top] - body["pelvis"]), _unit(body["left_shoulder"] - body["right_shoulder"])
    goals = {name: across if name.startswith("left") else -across for name in arms}
    off = [_angle(_unit(body[_NEXT[name]] - body[name]), goals.get(name, -up)) for name in limbs]
    off.append(_angle(up, np.array([0.0, 1.0, 0.0])))
    near = np.max(off, axis=0) < _T_POSE
    return int(np.argmin(np.where(near, np.sum(off, axis=0), np.inf))) * step if near.any() else None


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle between unit vectors [..., 3], radians."""
    angle: np.ndarray = np.arccos(np.clip((a * b).sum(-1), -1.0, 1.0))
    return angle


def known_t_pose(motion: Motion, joints: Joints) -> np.ndarray | None:
    """World rotations [J, 3, 3] that bring a rig into T-pose, from its bones in their own frames; None if they lack."""
    skeleton = motion.skeleton
    rig = _Frames(motion, joints)
    trunk = rig.trunk()
    if trunk is None:
        return None
    at = {indices[0]: name for name, indices in joints.items()}
    world = np.empty((len(skeleton), 3, 3))
    placed = [False] * len(skeleton)  # whether a joint is the body's or hangs on one that is
    for joint, parent in enumerate(skeleton.parents):
        name = at.get(joint)
        placed[joint] = name is not None or (parent >= 0 and placed[parent])
        if name is not None:
            world[joint] = rig.turn(name, parent, world, trunk)
        else:
            above, turn = (parent, world[parent]) if placed[joint] else (joints["pelvis"][0], trunk["pelvis"])
            world[joint] = rig.turned_with(joint, above, turn)
    return world


class _Frames:
    """The bones of a rig in the frames of their joints, and what the clip does with them."""

    def __init__(self, motion: Motion, joints: Joints) -> None:
        step = max(1, motion.frames // _FRAMES)
        self.skeleton, self.joints = motion.skeleton, joints
        self.moved = global_rotations(motion.rotations[::step].astype(np.float64), motion.skeleton.parents)
        self.points = motion[::step].positions.astype(np.float64)
        self.rest = motion.skeleton.rest_positions
        own = canonical_skeleton()
        self.own = {name: own.rest_positions[i] for i, name in enumerate(CANONICAL_NAMES)}

    def bone(self, start: str, end: str) -> np.ndarray | None:
        """Direction of a bone in the frame of the joint that it begins at; None if it has no length."""
        if start not in self.joints or end not in self.joints:
            return None
        vector = self.rest[self.joints[end][0]] - self.rest[self.joints[start][-1]]
        return _unit(vector) if np.linalg.norm(vector) > _SHORT else None

    def way(self, frame: str, start: str, end: str) -> np.ndarray | None:
        """Mean direction over the clip from one joint to another in the frame of a third; None if there is none.

        Of joints that hang stiffly on the third it is exact, whatever axes those between have.
        """
        if not {frame, start, end} <= set(self.joints):
            return None
        bones = self.points[:, self.joints[end][0]] - self.points[:, self.joints[start][0]]
        mean = (transpose(self.moved[:, self.joints[frame][0]]) @ _unit(bones)[..., None])[..., 0].mean(0)
        return _unit(mean) if np.linalg.norm(mean) > _STEADY else None

    def up(self, start: str, end: str) -> np.ndarray | None:
        """Direction of a part of the trunk: as the zero pose has it, unless the clip says something else."""
        mean, still = self.way(start, start, end), self.bone(start, end)
        if mean is None or (still is not None and still @ mean > np.cos(_AGREES)):
            return still
        return mean

    def turned_with(self, joint: int, other: int, turn: np.ndarray) -> np.ndarray:
        """The rotation with which a joint that is no person's is turned as another one is, on average over the clip."""
        turned = self.moved[:, other] @ turn.T
        mean = (transpose(turned) @ self.moved[:, joint]).mean(0)
        return matrix_from_6d(matrix_to_6d(mean))

    def trunk(self) -> dict[str, np.ndarray] | None:
        """Rotations of pelvis and chest into the canonical axes, by hips and shoulders in their frames."""
        top = next((name for name in _TOPS if name in self.joints), "")
        up, chest_up = self.up("pelvis", top), self.up("spine3", "neck")
        hips, shoulders = self.way("pelvis", "right_hip", "left_hip"), self.way("spine3", "right_collar", "left_collar")
        if shoulders is None:
            shoulders = self.way("spine3", "right_shoulder", "left_shoulder")
        if up is None:
            return None
        pelvis = _axes(shoulders if hips is None else hips, up)
        chest = _axes(hips if shoulders is None else shoulders, up if chest_up is None else chest_up)
        return None if pelvis is None or chest is None else {"pelvis": pelvis, "chest": chest}

    def turn(self, name: str, parent: int, world: np.ndarray, trunk: dict[str, np.ndarray]) -> np.ndarray:
        """The rotation that brings one joint into T-pose."""
        if name == "pelvis":
            return trunk["pelvis"]
        if name == "spine3":
            return trunk["chest"]
        if name.startswith("spine") or name == "head":
            return self._nearest((trunk["pelvis"], trunk["chest"]), name, parent, world)
        above = world[parent]
        end = _NEXT.get(name)
        bone = None if end is None else self.bone(name, end)
        if bone is None:
            return self._levelled(above, name, parent, world, None)
        own = _unit(self.own[str(end)] - self.own[name])
        aligned = align_vectors(above @ bone, own) @ above
        bend = self._bend(name)
        if bend is not None:
            return _rolled(aligned, own, aligned @ bend, _BENDS[name])
        return self._levelled(aligned, name, parent, world, own)

    def _bend(self, name: str) -> np.ndarray | None:
        """The axis about which the joint's limb bends in the clip, in the joint's frame; None if it stays straight."""
        if name not in _BENDS:
            return None
        side, part = name.split("_")
        chain = {"shoulder": "arm", "elbow": "arm"}.get(part, "leg")
        parts = ("shoulder", "elbow", "wrist") if chain == "arm" else ("hip", "knee", "ankle")
        if not all(f"{side}_{p}" in self.joints for p in parts):
            return None
        upper, lower = (self.bone(f"{side}_{a}", f"{side}_{b}") for a, b in pairwise(parts))
        if upper is None or lower is None:
            return None
        first, second = (self.moved[:, self.joints[f"{side}_{p}"][0]] for p in parts[:2])
        own = first if part == parts[0] else second
        axes = np.cross(first @ upper, second @ lower)
        axis: np.ndarray = (transpose(own) @ axes[..., None])[..., 0].mean(0)
        return axis / np.linalg.norm(axis) if np.linalg.norm(axis) > _HINGE else None

    def _levelled(
        self, turn: np.ndarray, name: str, parent: int, world: np.ndarray, about: np.ndarray | None
    ) -> np.ndarray:
        """The rotation turned about its bone so that the joint is not twisted against its parent on average."""
        if about is None:
            own = self.own[name] - self.own[CANONICAL_NAMES[canonical_skeleton().parents[CANONICAL_NAMES.index(name)]]]
            about = _unit(own)
        against = transpose(self.moved[:, parent] @ world[parent].T) @ (self.moved[:, self.joints[name][0]] @ turn.T)
        q = matrix_to_quaternion(against)
        twist = 2 * np.arctan2(q[:, 1:] @ about, q[:, 0])
        mean = float(np.angle(np.exp(1j * twist).mean()))
        result: np.ndarray = axis_angle_to_matrix(about * mean) @ turn
        return result

    def _nearest(self, turns: Sequence[np.ndarray], name: str, parent: int, world: np.ndarray) -> np.ndarray:
        """Of several rotations the one with which the joint is turned least against its parent in the clip."""
        above = self.moved[:, parent] @ world[parent].T
        own = self.moved[:, self.joints[name][0]]
        return min(turns, key=lambda turn: float(np.mean(geodesic(above, own @ turn.T))))


def _axes(left: np.ndarray | None, up: np.ndarray) -> np.ndarray | None:
    """The rotation that takes local directions left and up to +x and +y; they lie along axes if near them."""
    if left is None:
        return None
    up = _snapped(up)
    left = _snapped(_unit(left - up * (left @ up))) if abs(left @ up) < np.cos(_NEAR_AXIS) else np.zeros(3)
    if not left.any():
        return None
    left = _unit(left - up * (left @ up))
    result: np.ndarray = np.stack([left, up, np.cross(left, up)])
    return result


def _snapped(vector: np.ndarray) -> np.ndarray:
    axis = np.zeros(3)
    longest = int(np.argmax(np.abs(vector)))
    axis[longest] = np.sign(vector[longest])
    return axis if vector @ axis > np.cos(_NEAR_AXIS) else vector


def _rolled(turn: np.ndarray, about: np.ndarray, axis: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """A rotation turned about a direction so that ``axis`` comes as near to ``goal`` as it can."""
    a, b = (v - about * (v @ about) for v in (axis, goal))
    if min(np.linalg.norm(a), np.linalg.norm(b)) < 1e-3:
        return turn
    angle = np.arctan2(np.cross(a, b) @ about, a @ b)
    result: np.ndarray = axis_angle_to_matrix(about * angle) @ turn
    return result


def _unit(vectors: np.ndarray) -> np.ndarray:
    result: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return result
