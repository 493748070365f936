"""Move a motion from one rig to another by a table of joint names and rest-pose correction.

Both skeletons have identity rest rotations, so what a joint does is its world rotation H(t). A canonical
joint gets ``G(t) = H(t) A`` with a constant A that takes its rest pose onto the rig's: A turns the canonical
rest direction of the bone into the rig's, and carries the twist of the joint before it. World directions of
limbs are then the rig's own, whatever the two rest poses are (arms hanging, T-pose, A-pose).

- Hips, spine, collars, neck, head and feet are upright in every rest pose and keep their orientation
  against the body (A is the rig's facing), since the slope of a short bone there is anatomy, not pose.
- Arms, legs and fingers follow their bones; a hand with knuckles follows its whole frame, palm included.
- Joints the rig lacks stay at rest; a missing middle of the spine is spread between its neighbours.
- The root's path is scaled by the ratio of leg lengths; then the lowest foot keeps its (scaled) height.

Not known here: what a rest pose leaves open. Without knuckles, the palm of a rig whose arms hang is taken
to face the thigh, and of one in T-pose to face down.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import replace
from itertools import pairwise

import numpy as np

from ..core.errors import UserError
from ..core.progress import note_once
from ..core.rotation import geodesic, matrix_to_quaternion, quaternion_to_matrix, slerp, transpose
from .kinematics import global_rotations, joint_positions, local_rotations
from .motion import Motion
from .procedural.contact import separated
from .rig_binding import LIMBS, TRUNK, Binding, bind, bind_motion, detect_table, find_table, known_tables
from .rig_recognition import recognise, remarks
from .rig_rest import rest_at
from .rigs import SPINE
from .skeleton import CANONICAL_NAMES, Skeleton, canonical_skeleton

__all__ = ["detect_table", "known_tables", "limb_directions", "rest_at", "retarget", "to_rig"]

_SAME_ROTATIONS = np.radians(0.5)  # rest poses nearer than this need no correction
_STEEP = 0.5  # sine of the slope up to which a bone of the toes may rise


def retarget(
    motion: Motion,
    *,
    table: str | None = None,
    to: Skeleton | None = None,
    keep_floor: bool = True,
    separate: bool = False,
) -> Motion:
    """A motion of a known rig on the canonical skeleton.

    Args:
        motion: on the rig's own skeleton.
        table: name of the rig ("ebmdb", "beat", "mixamo", "vrm", "ue5", ...); None looks at the names.
        to: canonical joints with other offsets; default the package's own skeleton.
        keep_floor: lift or lower the whole body so that the lowest foot keeps its height.
        separate: take hands out of the body and of each other (``procedural.contact``), where the body is wider than
            the one that was recorded. For motion that people see; data and measures need what was recorded.

    Returns:
        The motion with its face; heading and place stay, lengths scale with the legs.

    Raises:
        UserError: the table is unknown or does not fit.
    """
    to = canonical_skeleton() if to is None else to
    if to.names != CANONICAL_NAMES:
        raise UserError("retarget() goes to the canonical joints; for another rig use to_rig()")
    motion, binding, remark = bind_motion(table, motion)
    if remark:
        note_once(remark)
    source = motion.skeleton
    world = global_rotations(motion.rotations.astype(np.float64), source.parents)
    if binding.table == "canonical" and _same_rest(binding):
        order = [binding.joints[name][0] if name in binding.joints else -1 for name in to.names]
        local = np.where(np.array(order)[:, None, None] >= 0, motion.rotations[:, order], np.eye(3))
    else:
        target: dict[str, np.ndarray] = {}
        for name, indices in binding.joints.items():
            target[name] = _averaged(world, indices) @ binding.corrections[name]
        local = _fill(target, to)
    positions = joint_positions(motion.rotations, motion.translation, source)
    ratio = _size(to, _identity_joints(to)) / _size(source, binding.joints)
    translation = positions[:, binding.joints["pelvis"][0]].astype(np.float64) * ratio
    result = Motion(to, motion.fps, local, translation, face=motion.face)
    if keep_floor:
        floor = _on_floor(motion, binding, result, bind("canonical", to), ratio)
        result = replace(result, translation=translation + floor)
    return separated(result) if separate else result


def to_rig(
    motion: Motion,
    table: str | Binding,
    *,
    skeleton: Skeleton | None = None,
    keep_floor: bool = True,
    separate: bool = False,
    sole: float | None = None,
) -> Motion:
    """A canonical motion on another rig.

    Args:
        motion: on the canonical joints.
        table: name of the rig, or which joint of the skeleton is which.
        skeleton: the rig itself, in its rest pose. None makes one: the rig's joint names on the canonical
            offsets in T-pose, which its tools retarget from by name.
        keep_floor: as in ``retarget``.
        separate: likewise, for arms as long as the rig's on a trunk as wide as the avatar's, both measured in legs.
        sole: height of the soles in the rig's rest pose, metres, where more is known than its joints tell.

    Raises:
        UserError: the table is unknown, the motion is not canonical, or the skeleton does not fit.
    """
    source = motion.skeleton
    if source.names != CANONICAL_NAMES:
        raise UserError("to_rig() starts from the canonical joints; retarget() the motion first")
    if separate:
        built = source if skeleton is None else _with_arms_of(skeleton, _bound(table, skeleton), source)
        motion = replace(separated(replace(motion, skeleton=built)), skeleton=source)
    if skeleton is None:
        if isinstance(table, Binding):
            raise UserError("to_rig() needs the skeleton that the joints were matched to")
        return renamed(motion, find_table(table).rig_name)
    world = global_rotations(motion.rotations.astype(np.float64), source.parents)
    binding = _bound(table, skeleton)
    goal: dict[int, np.ndarray] = {}
    for name, indices in binding.joints.items():
        turned = world[:, source.index(name)] @ binding.corrections[name].T
        goal[indices[0]] = turned
        if len(indices) > 1 and "head" in binding.joints:  # two neck bones: the second half way to the head
            after = world[:, source.index("head")] @ binding.corrections["head"].T
            goal[indices[-1]] = _between(turned, after, 0.5)
    limbs = {
        binding.joints[start][0]: binding.joints[end][0]
        for start, end in LIMBS.items()
        if start in binding.joints and end in binding.joints
    }
    _spread_over_chain(goal, skeleton, limbs)
    result = np.empty((motion.frames, len(skeleton), 3, 3))
    for joint, parent in enumerate(skeleton.parents):
        result[:, joint] = goal.get(joint, result[:, parent] if parent >= 0 else np.eye(3))
    local = local_rotations(result, skeleton.parents)
    ratio = _size(skeleton, binding.joints) / _size(source, _identity_joints(source))
    pelvis = motion.translation.astype(np.float64) * ratio
    moved = Motion(skeleton, motion.fps, local, np.zeros_like(pelvis), face=motion.face)
    translation = pelvis - moved.positions[:, binding.joints["pelvis"][0]]
    moved = replace(moved, translation=translation)
    if not keep_floor:
        return moved
    floor = _on_floor(motion, bind("canonical", source), moved, binding, ratio, sole)
    return replace(moved, translation=translation + floor)


def _bound(table: str | Binding, skeleton: Skeleton) -> Binding:
    return table if isinstance(table, Binding) else bind(table, skeleton)


def limb_directions(motion: Motion, table: str | None = None) -> dict[str, np.ndarray]:
    """World directions [T, 3] of the limbs of a motion on a known rig, by canonical name.

    For arms and legs the direction of the bone; for pelvis, spine3, neck and head the joint's up axis.
    A retargeted motion keeps them all.
    """
    motion, binding, _ = bind_motion(table, motion)
    positions = motion.positions.astype(np.float64)
    world = global_rotations(motion.rotations.astype(np.float64), motion.skeleton.parents)
    result: dict[str, np.ndarray] = {}
    for start, end in LIMBS.items():
        if start in binding.joints and end in binding.joints:
            bone = positions[:, binding.joints[end][0]] - positions[:, binding.joints[start][0]]
            result[start] = bone / np.linalg.norm(bone, axis=-1, keepdims=True)
    for name in TRUNK:
        if name in binding.joints:
            result[name] = _averaged(world, binding.joints[name]) @ binding.facing[:, 1]
    return result


def _with_arms_of(rig: Skeleton, binding: Binding, canonical: Skeleton) -> Skeleton:
    """The canonical joints with arms as long as a rig's, at the size of the canonical legs."""
    ratio = _size(canonical, _identity_joints(canonical)) / _size(rig, binding.joints)
    offsets, rest = canonical.offsets.copy(), rig.rest_positions
    for side in ("left", "right"):
        for start, end in pairwise(f"{side}_{part}" for part in ("shoulder", "elbow", "wrist")):
            if start in binding.joints and end in binding.joints:
                bone = rest[binding.joints[end][0]] - rest[binding.joints[start][0]]
                own = offsets[canonical.index(end)]
                offsets[canonical.index(end)] = own * (ratio * np.linalg.norm(bone) / np.linalg.norm(own))
    return replace(canonical, offsets=offsets)


def _identity_joints(skeleton: Skeleton) -> dict[str, tuple[int, ...]]:
    return {name: (index,) for index, name in enumerate(skeleton.names)}


def _same_rest(binding: Binding) -> bool:
    """Whether a rig with canonical names also stands in the canonical rest pose, so that its rotations are ours."""
    return all(
        geodesic(correction, np.eye(3)) < _SAME_ROTATIONS
        for name, correction in binding.corrections.items()
        if name in LIMBS or name in TRUNK
    )


def _averaged(world: np.ndarray, indices: tuple[int, ...]) -> np.ndarray:
    """World rotation [T, 3, 3] of one joint, or the middle of two."""
    if len(indices) == 1:
        return world[:, indices[0]]
    return _between(world[:, indices[0]], world[:, indices[-1]], 0.5)


def _between(a: np.ndarray, b: np.ndarray, t: float) -> np.ndarray:
    return quaternion_to_matrix(slerp(matrix_to_quaternion(a), matrix_to_quaternion(b), np.full(len(a), t)))


def _fill(world: dict[str, np.ndarray], to: Skeleton) -> np.ndarray:
    """Local rotations [T, 55, 3, 3] from the world rotations that are known."""
    frames = len(world["pelvis"])
    chain = ["pelvis", *SPINE]
    known = [i for i, name in enumerate(chain) if name in world]
    for low, high in pairwise(known):
        for i in range(low + 1, high):
            world[chain[i]] = _between(world[chain[low]], world[chain[high]], (i - low) / (high - low))
    result = np.empty((frames, len(to), 3, 3))
    for joint, parent in enumerate(to.parents):
        result[:, joint] = world.get(to.names[joint], result[:, max(parent, 0)])
    local = local_rotations(result, to.parents)
    local[:, [joint for joint, name in enumerate(to.names) if name not in world]] = np.eye(3)
    return local


def _spread_over_chain(goal: dict[int, np.ndarray], skeleton: Skeleton, limbs: dict[int, int]) -> None:
    """Give unmapped joints between two mapped ones a share of the turn between them.

    Within a limb (joint -> the joint its bone ends at) that is a share of the twist about the bone alone, which
    stays straight.
    """
    for joint in sorted(goal):
        chain: list[int] = []
        parent = skeleton.parents[joint]
        while parent >= 0 and parent not in goal:
            chain.append(parent)
            parent = skeleton.parents[parent]
        if parent < 0:
            continue
        if any(len(skeleton.children[middle]) > 1 for middle in chain):
            continue
        end = goal[joint]
        if limbs.get(parent) == joint:
            bone = skeleton.rest_positions[joint] - skeleton.rest_positions[parent]
            end = goal[parent] @ twist_about(transpose(goal[parent]) @ end, bone)
        for step, middle in enumerate(reversed(chain), start=1):
            goal[middle] = _between(goal[parent], end, step / (len(chain) + 1))


def twist_about(rotations: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """The part of rotations [T, 3, 3] that turns about an axis [3] (swing-twist decomposition)."""
    q = matrix_to_quaternion(rotations)
    unit = axis / np.linalg.norm(axis)
    along = q[:, 1:] @ unit
    twist = np.concatenate([q[:, :1], along[:, None] * unit], axis=1)
    twist[np.linalg.norm(twist, axis=1) < 1e-6] = (1.0, 0.0, 0.0, 0.0)  # a half turn about another axis has none
    return quaternion_to_matrix(twist / np.linalg.norm(twist, axis=1, keepdims=True))


def renamed(motion: Motion, name_of: Callable[[str], str | None]) -> Motion:
    """The motion with other joint names; joints without one are left out, and those below them keep their place.

    Rest offsets and world rotations of the joints that stay are the same as before.
    """
    source = motion.skeleton
    names = [name_of(name) for name in source.names]
    kept = [joint for joint, name in enumerate(names) if name]
    place = {joint: at for at, joint in enumerate(kept)}
    rest = source.rest_positions
    parents, offsets = [], []
    for joint in kept:
        parent = kept_ancestor(source, joint, place)
        parents.append(place.get(parent, -1))
        offsets.append(rest[joint] - (rest[parent] if parent >= 0 else 0.0))
    ends = tuple((place[joint], tip) for joint, tip in source.ends if joint in place)
    skeleton = Skeleton(tuple(str(names[joint]) for joint in kept), tuple(parents), np.array(offsets), ends)
    world = global_rotations(motion.rotations.astype(np.float64), source.parents)
    local = local_rotations(world[:, kept], skeleton.parents)
    return Motion(skeleton, motion.fps, local, motion.translation, face=motion.face)


def kept_ancestor(skeleton: Skeleton, joint: int, kept: Container[int]) -> int:
    """The nearest joint above one that is among those that stay; -1 if none is."""
    parent = skeleton.parents[joint]
    while parent >= 0 and parent not in kept:
        parent = skeleton.parents[parent]
    return parent


def _size(skeleton: Skeleton, joints: dict[str, tuple[int, ...]]) -> float:
    """Length of the legs from pelvis height to the ankle; of the arms for a rig without legs. Metres."""
    rest = skeleton.rest_positions

    def length(*names: str) -> float:
        if any(name not in joints for name in names):
            return 0.0
        points = [rest[joints[name][0]] for name in names]
        return sum(float(np.linalg.norm(b - a)) for a, b in pairwise(points))

    legs = [length(f"{side}_hip", f"{side}_knee", f"{side}_ankle") for side in ("left", "right")]
    arms = [length(f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist") for side in ("left", "right")]
    size = sum(legs) or 1.5 * sum(arms)
    if size < 1e-6:
        raise UserError("the skeleton has neither legs nor arms of any length; its size cannot be told")
    return size / 2


def _on_floor(
    source: Motion, rig: Binding, moved: Motion, moved_rig: Binding, ratio: float, sole: float | None = None
) -> tuple[float, float, float]:
    """What to add to the translation so that the lowest sole keeps its height, scaled by ``ratio``."""
    if not all(f"{side}_ankle" in binding.joints for side in ("left", "right") for binding in (rig, moved_rig)):
        return (0.0, 0.0, 0.0)
    return (0.0, _lowest_sole(source, rig) * ratio - _lowest_sole(moved, moved_rig, sole), 0.0)


def _lowest_sole(motion: Motion, binding: Binding, sole: float | None = None) -> float:
    """Height of the lowest point of the soles over the motion (1st percentile), metres; ``sole`` in rest pose."""
    skeleton, up = motion.skeleton, binding.facing[:, 1]
    depth = _below_ankles(skeleton, binding)
    rest = skeleton.rest_positions @ up
    if sole is None:
        sole = _rest_sole(skeleton, binding, depth)
    world = global_rotations(motion.rotations.astype(np.float64), skeleton.parents)
    heights = [
        motion.positions[:, joint, 1] + (world[:, joint] @ (up * (sole - rest[joint])))[:, 1] for joint in sorted(depth)
    ]
    return float(np.percentile(np.min(heights, axis=0), 1))


def _below_ankles(skeleton: Skeleton, binding: Binding) -> dict[int, int]:
    """Joints of the feet, and how many joints each stands below its ankle."""
    depth = {binding.joints[f"{side}_ankle"][0]: 0 for side in ("left", "right")}
    for joint, parent in enumerate(skeleton.parents):
        if parent in depth:
            depth[joint] = depth[parent] + 1
    return depth


def _rest_sole(skeleton: Skeleton, binding: Binding, depth: dict[int, int]) -> float:
    """Height of the soles in rest pose as the joints tell it, metres."""
    up = binding.facing[:, 1]
    rest = skeleton.rest_positions @ up
    # Of the toes; ends that point up are those of programs that make bones stand (Blender), not of feet.
    bones = [(rest[skeleton.parents[joint]], skeleton.offsets[joint]) for joint in depth if depth[joint] >= 2]
    bones += [(rest[joint], np.array(tip)) for joint, tip in skeleton.ends if depth.get(joint, 0) >= 1]
    tips = [start + bone @ up for start, bone in bones if bone @ up <= _STEEP * np.linalg.norm(bone)]
    if tips:
        return float(min([*tips, *(rest[joint] for joint in depth)]))  # the tips of the toes are on the floor
    own = canonical_skeleton()
    height = own.rest_positions[own.index("left_ankle"), 1]
    size = _size(skeleton, binding.joints) / _size(own, _identity_joints(own))
    return float(min(rest[joint] for joint in depth if depth[joint] == 0) - height * size)


def on_canonical(motion: Motion, *, separate: bool = True) -> Motion:
    """The motion on the canonical skeleton: as it is, or retargeted from a rig that is recognised.

    What is doubtful about the rig, and joints that move and have no place on the canonical body, are said.

    Args:
        separate: as in ``retarget``; a motion that is canonical already stays as it is.
    """
    if motion.skeleton == canonical_skeleton():
        return motion
    found = recognise(motion)
    for remark in remarks(motion, found):
        note_once(remark)
    return retarget(motion, separate=separate)
