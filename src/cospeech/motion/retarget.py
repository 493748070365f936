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

import re
from dataclasses import dataclass

import numpy as np

from ..errors import UserError
from ..rotation import align_vectors, geodesic, matrix_to_quaternion, quaternion_to_matrix, slerp
from .kinematics import global_rotations, joint_positions, local_rotations
from .motion import Motion
from .retarget_tables import ALIASES, SPINE, TABLES, RigTable, spread
from .skeleton import CANONICAL_NAMES, FINGERS, Skeleton, canonical_skeleton

# Canonical bones whose world directions a retargeted motion keeps: joint -> the joint its bone ends at.
LIMBS = {
    f"{side}_{start}": f"{side}_{end}"
    for side in ("left", "right")
    for start, end in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
}
TRUNK = ("pelvis", "spine3", "neck", "head")  # joints whose orientation is kept; their up axis is compared
_FINGER_BONES = {
    f"{side}_{finger}{k}": f"{side}_{finger}{k + 1}"
    for side in ("left", "right")
    for finger in FINGERS
    for k in (1, 2)
}
_SNAP = np.radians(35.0)  # a rest pose that leans less than this from an axis is meant to be upright
_SAME_REST = np.radians(20.0)


@dataclass(frozen=True)
class Binding:
    """A table matched to one skeleton."""

    table: RigTable
    joints: dict[str, tuple[int, ...]]  # canonical name -> indices in the rig
    facing: np.ndarray  # [3, 3]: the rig's (left, up, forward) in its own rest pose
    corrections: dict[str, np.ndarray]  # canonical name -> A, [3, 3]


def known_tables() -> tuple[str, ...]:
    """Names that ``table=`` takes."""
    return (*TABLES, *ALIASES)


def detect_table(skeleton: Skeleton) -> str:
    """The name of the table that fits a skeleton's joint names.

    Raises:
        UserError: none does; the message lists the known tables.
    """
    best, most = "", 0
    for name, table in TABLES.items():
        found = _names(table, skeleton)
        if all(joint in found for joint in table.signature):
            wanted = {joint for value in table.joints.values() for joint in _tuple(value)} | set(table.spine)
            score = len(wanted & set(found))
            if score > most:
                best, most = name, score
    if not best:
        raise UserError(
            f"the joints {', '.join(skeleton.names[:6])}, ... fit no known rig; known: {', '.join(TABLES)}; "
            "give table=NAME or rename the joints"
        )
    return best


def bind(table: str | RigTable | None, skeleton: Skeleton) -> Binding:
    """Match a table (None: detect it) to a skeleton and work out its rest-pose corrections.

    Raises:
        UserError: unknown table, or a rig without hips or arms of that table.
    """
    found_table = table if isinstance(table, RigTable) else _table(table or detect_table(skeleton))
    names = _names(found_table, skeleton)
    joints: dict[str, tuple[int, ...]] = {}
    for canonical, rig in found_table.joints.items():
        indices = tuple(names[joint] for joint in _tuple(rig) if joint in names)
        if indices:
            joints[canonical] = indices
    for canonical, rig in spread([bone for bone in found_table.spine if bone in names]).items():
        joints[canonical] = (names[rig],)
    missing = [name for name in ("pelvis", "left_shoulder", "right_shoulder") if name not in joints]
    if missing:
        wanted = ", ".join(str(found_table.rig_name(name)) for name in missing)
        raise UserError(f"the skeleton lacks {wanted} of the {found_table.name} rig; give another table=")
    facing = _facing(skeleton, joints)
    return Binding(found_table, joints, facing, _corrections(skeleton, joints, facing))


def retarget(
    motion: Motion, *, table: str | None = None, to: Skeleton | None = None, keep_floor: bool = True
) -> Motion:
    """A motion of a known rig on the canonical skeleton.

    Args:
        motion: on the rig's own skeleton.
        table: name of the rig ("ebmdb", "beat", "zeggs", "mixamo", "vrm", "ue5", ...); None looks at the names.
        to: canonical joints with other offsets; default the package's own skeleton.
        keep_floor: lift or lower the whole body so that the lowest foot keeps its height.

    Returns:
        The motion with its face; heading and place stay, lengths scale with the legs.

    Raises:
        UserError: the table is unknown or does not fit.
    """
    to = canonical_skeleton() if to is None else to
    if to.names != CANONICAL_NAMES:
        raise UserError("retarget() goes to the canonical joints; for another rig use to_rig()")
    source = motion.skeleton
    binding = bind(table, source)
    world = global_rotations(motion.rotations.astype(np.float64), source.parents)
    if binding.table.name == "canonical" and _same_rest(binding, to):
        order = [source.names.index(name) if name in source.names else -1 for name in to.names]
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
    if keep_floor and "left_ankle" in binding.joints and "right_ankle" in binding.joints:
        lift = _lowest(motion, binding) * ratio - _lowest(result, bind("canonical", to))
        result = Motion(to, motion.fps, local, translation + [0.0, lift, 0.0], face=motion.face)
    return result


def to_rig(motion: Motion, table: str, *, skeleton: Skeleton | None = None) -> Motion:
    """A canonical motion on another rig.

    Args:
        motion: on the canonical joints.
        table: name of the rig.
        skeleton: the rig itself, in its rest pose. None makes one: the rig's joint names on the canonical
            offsets in T-pose, which its tools retarget from by name.

    Raises:
        UserError: the table is unknown, the motion is not canonical, or the skeleton does not fit.
    """
    source = motion.skeleton
    if source.names != CANONICAL_NAMES:
        raise UserError("to_rig() starts from the canonical joints; retarget() the motion first")
    world = global_rotations(motion.rotations.astype(np.float64), source.parents)
    if skeleton is None:
        return _renamed(motion, _table(table), world)
    binding = bind(table, skeleton)
    goal: dict[int, np.ndarray] = {}
    for name, indices in binding.joints.items():
        turned = world[:, source.index(name)] @ binding.corrections[name].T
        goal[indices[0]] = turned
        if len(indices) > 1 and "head" in binding.joints:  # two neck bones: the second half way to the head
            after = world[:, source.index("head")] @ binding.corrections["head"].T
            goal[indices[-1]] = _between(turned, after, 0.5)
    _spread_over_chain(goal, skeleton)
    result = np.empty((motion.frames, len(skeleton), 3, 3))
    for joint, parent in enumerate(skeleton.parents):
        result[:, joint] = goal.get(joint, result[:, parent] if parent >= 0 else np.eye(3))
    local = local_rotations(result, skeleton.parents)
    ratio = _size(skeleton, binding.joints) / _size(source, _identity_joints(source))
    pelvis = motion.translation.astype(np.float64) * ratio
    moved = Motion(skeleton, motion.fps, local, np.zeros_like(pelvis), face=motion.face)
    return Motion(
        skeleton, motion.fps, local, pelvis - moved.positions[:, binding.joints["pelvis"][0]], face=motion.face
    )


def limb_directions(motion: Motion, table: str | None = None) -> dict[str, np.ndarray]:
    """World directions [T, 3] of the limbs of a motion on a known rig, by canonical name.

    For arms and legs the direction of the bone; for pelvis, spine3, neck and head the joint's up axis.
    A retargeted motion keeps them all.
    """
    binding = bind(table, motion.skeleton)
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


def _table(name: str) -> RigTable:
    key = ALIASES.get(name.lower(), name.lower())
    if key not in TABLES:
        raise UserError(f"unknown rig table {name!r}; known: {', '.join(known_tables())}")
    return TABLES[key]


def _tuple(names: str | tuple[str, ...]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names


def _names(table: RigTable, skeleton: Skeleton) -> dict[str, int]:
    """Joint index by the table's own spelling: namespaces and prefixes taken off."""
    result: dict[str, int] = {}
    for index, name in enumerate(skeleton.names):
        bare = re.sub(r"^.*:", "", name)
        for prefix in sorted(table.prefixes, key=len, reverse=True):
            if prefix and bare.startswith(prefix):
                bare = bare[len(prefix) :]
                break
        result.setdefault(bare, index)
    return result


def _identity_joints(skeleton: Skeleton) -> dict[str, tuple[int, ...]]:
    return {name: (index,) for index, name in enumerate(skeleton.names)}


def _facing(skeleton: Skeleton, joints: dict[str, tuple[int, ...]]) -> np.ndarray:
    """[3, 3] columns (left, up, forward) of the rig in rest pose, snapped to the axes if near them."""
    rest = skeleton.rest_positions

    def between(start: str, end: str) -> np.ndarray | None:
        if start not in joints or end not in joints:
            return None
        vector = rest[joints[end][0]] - rest[joints[start][0]]
        length = float(np.linalg.norm(vector))
        return vector / length if length > 1e-6 else None

    left = between("right_shoulder", "left_shoulder")
    for start, end in (("pelvis", "head"), ("pelvis", "neck"), ("pelvis", "spine3"), ("left_ankle", "left_hip")):
        up = between(start, end)
        if up is not None:
            break
    if left is None or up is None or np.linalg.norm(np.cross(up, left)) < 0.2:
        return np.eye(3)
    forward = np.cross(left, up)
    forward /= np.linalg.norm(forward)
    frame = np.stack([np.cross(up, forward), up, forward], axis=1)
    axes = np.round(frame)
    upright = np.abs(np.linalg.det(axes) - 1) < 1e-9 and np.abs(axes).sum() == 3
    return axes if upright and geodesic(frame, axes) < _SNAP else frame


def _corrections(
    skeleton: Skeleton, joints: dict[str, tuple[int, ...]], facing: np.ndarray
) -> dict[str, np.ndarray]:
    """A of every mapped canonical joint, from the root outwards."""
    canonical = canonical_skeleton()
    rest, goal = canonical.rest_positions, skeleton.rest_positions
    result: dict[str, np.ndarray] = {}
    turns: dict[str, np.ndarray] = {}  # also of joints the rig lacks, to pass the twist on

    def place(name: str) -> np.ndarray | None:
        return goal[joints[name][0]] if name in joints else None

    def own(name: str) -> np.ndarray:
        return rest[canonical.index(name)]

    def bone(name: str, child: str, carried: np.ndarray) -> np.ndarray:
        start, end = place(name), place(child)
        if start is None or end is None or np.linalg.norm(end - start) < 1e-5:
            return carried
        return align_vectors(carried @ (own(child) - own(name)), end - start) @ carried

    for index, name in enumerate(CANONICAL_NAMES):
        parent = canonical.parents[index]
        carried = turns[CANONICAL_NAMES[parent]] if parent >= 0 else facing
        if name in LIMBS:
            turn = bone(name, LIMBS[name], carried)
        elif name in _FINGER_BONES:
            turn = bone(name, _FINGER_BONES[name], carried)
        elif name.endswith("_wrist"):
            turn = _hand(name.removesuffix("_wrist"), place, own, carried)
            if turn is None:
                turn = _hand_by_tip(skeleton, joints, name, own, carried)
        elif name.endswith(("_ankle", "_foot")):
            upright = carried[:, 1] @ facing[:, 1] > np.cos(_SNAP)
            turn = facing if upright else carried
        elif name.endswith(("1", "2", "3")) and not name.startswith("spine"):
            turn = carried
        else:
            turn = facing
        turns[name] = turn
        if name in joints:
            result[name] = turn
    return result


def _hand(side: str, place, own, carried: np.ndarray) -> np.ndarray | None:  # type: ignore[no-untyped-def]
    """The hand's whole frame from wrist and knuckles, where the rig has them."""
    names = [f"{side}_wrist", f"{side}_index1", f"{side}_pinky1"]
    if any(place(name) is None for name in names):
        return None

    def frame(point) -> np.ndarray:  # type: ignore[no-untyped-def]
        wrist, index, pinky = (point(name) for name in names)
        along = (index + pinky) / 2 - wrist
        across = index - pinky
        along = along / np.linalg.norm(along)
        across = across - along * (across @ along)
        across = across / np.linalg.norm(across)
        return np.stack([along, across, np.cross(along, across)], axis=1)

    with np.errstate(invalid="ignore", divide="ignore"):
        turn = frame(place) @ frame(own).T
    return turn if np.isfinite(turn).all() else None


def _hand_by_tip(
    skeleton: Skeleton, joints: dict[str, tuple[int, ...]], name: str, own, carried: np.ndarray
) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Without knuckles: the direction of the hand's end site or only child, else the forearm's correction."""
    if name not in joints:
        return carried
    joint = joints[name][0]
    tips = [np.array(tip) for owner, tip in skeleton.ends if owner == joint]
    tips += [skeleton.offsets[child] for child in skeleton.children[joint]]
    if len(tips) != 1 or np.linalg.norm(tips[0]) < 1e-5:
        return carried
    side = name.removesuffix("_wrist")
    direction = carried @ (own(f"{side}_middle1") - own(name))
    # The hand's own bend in the canonical rest pose is anatomy: only a different pose is corrected.
    if direction @ tips[0] > np.cos(_SAME_REST) * np.linalg.norm(direction) * np.linalg.norm(tips[0]):
        return carried
    return align_vectors(direction, tips[0]) @ carried


def _same_rest(binding: Binding, to: Skeleton) -> bool:
    """Whether a rig with canonical names also stands in the canonical rest pose."""
    return all(
        geodesic(correction, np.eye(3)) < _SAME_REST
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
    for low, high in zip(known[:-1], known[1:], strict=True):
        for i in range(low + 1, high):
            world[chain[i]] = _between(world[chain[low]], world[chain[high]], (i - low) / (high - low))
    result = np.empty((frames, len(to), 3, 3))
    for joint, parent in enumerate(to.parents):
        result[:, joint] = world.get(to.names[joint], result[:, max(parent, 0)])
    return local_rotations(result, to.parents)


def _spread_over_chain(goal: dict[int, np.ndarray], skeleton: Skeleton) -> None:
    """Give unmapped joints between two mapped ones a share of the turn between them."""
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
        for step, middle in enumerate(reversed(chain), start=1):
            goal[middle] = _between(goal[parent], goal[joint], step / (len(chain) + 1))


def _renamed(motion: Motion, table: RigTable, world: np.ndarray) -> Motion:
    source = motion.skeleton
    kept = [i for i, name in enumerate(source.names) if table.rig_name(name)]
    place = {joint: at for at, joint in enumerate(kept)}
    rest = source.rest_positions
    parents, offsets = [], []
    for joint in kept:
        parent = source.parents[joint]
        while parent >= 0 and parent not in place:
            parent = source.parents[parent]
        parents.append(place.get(parent, -1))
        offsets.append(rest[joint] - (rest[parent] if parent >= 0 else 0.0))
    names = tuple(str(table.rig_name(source.names[joint])) for joint in kept)
    ends = tuple((place[joint], tip) for joint, tip in source.ends if joint in place)
    skeleton = Skeleton(names, tuple(parents), np.array(offsets), ends)
    local = local_rotations(world[:, kept], skeleton.parents)
    return Motion(skeleton, motion.fps, local, motion.translation, face=motion.face)


def _size(skeleton: Skeleton, joints: dict[str, tuple[int, ...]]) -> float:
    """Length of the legs from pelvis height to the ankle; of the arms for a rig without legs. Metres."""
    rest = skeleton.rest_positions

    def length(*names: str) -> float:
        if any(name not in joints for name in names):
            return 0.0
        points = [rest[joints[name][0]] for name in names]
        return sum(float(np.linalg.norm(b - a)) for a, b in zip(points[:-1], points[1:], strict=True))

    legs = [length(f"{side}_hip", f"{side}_knee", f"{side}_ankle") for side in ("left", "right")]
    arms = [length(f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist") for side in ("left", "right")]
    size = sum(legs) or 1.5 * sum(arms)
    if size < 1e-6:
        raise UserError("the skeleton has neither legs nor arms of any length; its size cannot be told")
    return size / 2


def _lowest(motion: Motion, binding: Binding) -> float:
    """Height of the lowest foot point over the motion (1st percentile), metres."""
    skeleton = motion.skeleton
    ankles = [binding.joints[f"{side}_ankle"][0] for side in ("left", "right")]
    feet = set(ankles)
    for joint, parent in enumerate(skeleton.parents):
        if parent in feet:
            feet.add(joint)
    world = global_rotations(motion.rotations.astype(np.float64), skeleton.parents)
    heights = [motion.positions[:, joint, 1] for joint in sorted(feet)]
    for joint, tip in skeleton.ends:
        if joint in feet:
            heights.append(motion.positions[:, joint, 1] + (world[:, joint] @ np.array(tip))[:, 1])
    if not any(joint in feet for joint, _ in skeleton.ends):  # soles: straight below in rest pose
        rest = skeleton.rest_positions
        sole = rest[sorted(feet), 1].min() - 0.02 if skeleton.names != CANONICAL_NAMES else 0.0
        for joint in sorted(feet):
            drop = binding.facing[:, 1] * (sole - rest[joint, 1])
            heights.append(motion.positions[:, joint, 1] + (world[:, joint] @ drop)[:, 1])
    return float(np.percentile(np.min(heights, axis=0), 1))

