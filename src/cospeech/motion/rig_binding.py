"""A table of joint names matched to a skeleton, and the rest-pose corrections that follow.

For every canonical joint that the rig has, a constant rotation A such that ``G(t) = H(t) A`` puts what the
rig's joint does (its world rotation H) on the canonical joint; ``retarget.py`` tells the method.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..core.errors import UserError
from ..core.rotation import align_vectors, geodesic
from .motion import Motion
from .rig_recognition import LEAST, Recognition, recognise, recognise_skeleton, table_joints
from .rig_rest import with_person_rest
from .rigs import ALIASES, RIGS, RigTable
from .skeleton import CANONICAL_NAMES, FINGERS, Skeleton, canonical_skeleton

# Canonical bones whose world directions a retargeted motion keeps: joint -> the joint its bone ends at.
LIMBS = {
    f"{side}_{start}": f"{side}_{end}"
    for side in ("left", "right")
    for start, end in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
}
TRUNK = ("pelvis", "spine3", "neck", "head")  # joints whose orientation is kept; their up axis is compared
_FINGER_BONES = {
    f"{side}_{finger}{k}": f"{side}_{finger}{k + 1}" for side in ("left", "right") for finger in FINGERS for k in (1, 2)
}
_BONES = LIMBS | _FINGER_BONES
_SNAP = np.radians(35.0)  # a rest pose that leans less than this from an axis is meant to be upright
_ASKEW = np.radians(8.0)  # a rest pose that faces further than this beside an axis is meant to
SAME_REST = np.radians(20.0)  # rest poses nearer than this count as one


RestPosition = Callable[[str], np.ndarray | None]  # rest position of a canonical joint on the rig
Own = Callable[[str], np.ndarray]  # the same on the canonical skeleton


@dataclass(frozen=True)
class Binding:
    """The canonical joints matched to one skeleton."""

    joints: dict[str, tuple[int, ...]]  # canonical name -> indices in the rig
    facing: np.ndarray  # [3, 3]: the rig's (left, up, forward) in its own rest pose
    corrections: dict[str, np.ndarray]  # canonical name -> A, [3, 3]
    table: str = ""  # name of the rig's convention, "" if it is none that is known


def known_tables() -> tuple[str, ...]:
    """Names that ``table=`` takes."""
    return (*RIGS, *ALIASES)


def detect_table(skeleton: Skeleton) -> str:
    """The name of the table that fits a skeleton's joint names.

    Raises:
        UserError: none does; the message lists the known tables.
    """
    found = _detected(skeleton)
    if not found.table:
        raise _unknown(skeleton)
    return found.table


def _detected(skeleton: Skeleton) -> Recognition:
    found = recognise_skeleton(skeleton)
    if found is None or found.confidence < LEAST:
        raise _unknown(skeleton)
    return found


def _unknown(skeleton: Skeleton) -> UserError:
    return UserError(
        f"the joints {', '.join(skeleton.names[:6])}, ... fit no known rig; known: {', '.join(RIGS)}; "
        "say which joint is which with --map FILE (map=), or rename the joints"
    )


def bind(table: str | RigTable | None, skeleton: Skeleton) -> Binding:
    """Match a table (None: recognise the rig) to a skeleton and work out its rest-pose corrections.

    Raises:
        UserError: unknown table or rig, or a rig without hips or arms of that table.
    """
    if table is None:
        found = _detected(skeleton)
        return bind_joints(found.joints, skeleton, table=found.table)
    found_table = table if isinstance(table, RigTable) else find_table(table)
    joints = table_joints(found_table, skeleton)
    missing = [name for name in ("pelvis", "left_shoulder", "right_shoulder") if name not in joints]
    if missing:
        wanted = ", ".join(str(found_table.rig_name(name)) for name in missing)
        raise UserError(
            f"the skeleton lacks {wanted} of the {found_table.name} rig; say which joint that is with --map FILE (map=)"
        )
    return bind_joints(joints, skeleton, table=found_table.name)


def bind_joints(joints: dict[str, tuple[int, ...]], skeleton: Skeleton, *, table: str = "") -> Binding:
    """The rest-pose corrections of a skeleton whose joints are known."""
    facing = _facing(skeleton, joints)
    return Binding(joints, facing, _corrections(skeleton, joints, facing), table)


def bind_motion(table: str | None, motion: Motion) -> tuple[Motion, Binding, str]:
    """A motion with a rest pose that can be a person's, its binding, and what was done to the rest pose, if anything.

    Args:
        table: name of the rig; None recognises it, by whatever the file, its names and its bones tell.

    Raises:
        UserError: unknown table, no body to be made out, or a rest pose that says nothing.
    """
    if table is None:
        found = recognise(motion)
        joints, name = found.joints, found.table
    else:
        bound = bind(table, motion.skeleton)
        joints, name = bound.joints, bound.table
    posed, remark = with_person_rest(motion, joints)
    return posed, bind_joints(joints, posed.skeleton, table=name), remark


def find_table(name: str) -> RigTable:
    """A table by its name or alias. Raises UserError with the known names."""
    key = ALIASES.get(name.lower(), name.lower())
    if key not in RIGS:
        raise UserError(f"unknown rig table {name!r}; known: {', '.join(known_tables())}")
    return RIGS.get(key)


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
    for top in ("head", "neck", "spine3"):
        up = between("pelvis", top)
        if up is not None:
            break
    if left is None or up is None or np.linalg.norm(np.cross(up, left)) < 0.2:
        return np.eye(3)
    forward = np.cross(left, up)
    forward /= np.linalg.norm(forward)
    frame = np.stack([np.cross(up, forward), up, forward], axis=1)
    axes = np.round(frame)
    upright = np.abs(np.linalg.det(axes) - 1) < 1e-9 and np.abs(axes).sum() == 3
    if not upright or geodesic(frame, axes) >= _SNAP:
        return frame
    turned = left - axes[:, 1] * (left @ axes[:, 1])  # about the upright axis: which way the body faces
    turned /= np.linalg.norm(turned)
    if turned @ axes[:, 0] > np.cos(_ASKEW):
        return axes
    return np.stack([turned, axes[:, 1], np.cross(turned, axes[:, 1])], axis=1)


def _corrections(skeleton: Skeleton, joints: dict[str, tuple[int, ...]], facing: np.ndarray) -> dict[str, np.ndarray]:
    """A of every mapped canonical joint, from the root outwards."""
    canonical = canonical_skeleton()
    rest, goal = canonical.rest_positions, skeleton.rest_positions
    result: dict[str, np.ndarray] = {}
    turns: dict[str, np.ndarray] = {}  # also of joints the rig lacks, to pass the twist on

    def place(name: str) -> np.ndarray | None:
        return goal[joints[name][0]] if name in joints else None

    def own(name: str) -> np.ndarray:
        position: np.ndarray = rest[canonical.index(name)]
        return position

    def bone(name: str, child: str, carried: np.ndarray) -> np.ndarray:
        start, end = place(name), place(child)
        if start is None or end is None or np.linalg.norm(end - start) < 1e-5:
            return carried
        turned: np.ndarray = align_vectors(carried @ (own(child) - own(name)), end - start) @ carried
        return turned

    for index, name in enumerate(CANONICAL_NAMES):
        parent = canonical.parents[index]
        carried = turns[CANONICAL_NAMES[parent]] if parent >= 0 else facing
        if name in _BONES:
            turn = bone(name, _BONES[name], carried)
        elif name.endswith("_wrist"):
            hand = _hand(name.removesuffix("_wrist"), place, own)
            turn = _hand_by_tip(skeleton, joints, name, own, carried) if hand is None else hand
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


def _hand(side: str, place: RestPosition, own: Own) -> np.ndarray | None:
    """The hand's whole frame from wrist and knuckles, where the rig has them."""
    names = [f"{side}_wrist", f"{side}_index1", f"{side}_pinky1"]
    points = [point for name in names if (point := place(name)) is not None]
    if len(points) < 3:
        return None

    def frame(points: list[np.ndarray]) -> np.ndarray:
        wrist, index, pinky = points
        along = (index + pinky) / 2 - wrist
        across = index - pinky
        along = along / np.linalg.norm(along)
        across = across - along * (across @ along)
        across = across / np.linalg.norm(across)
        return np.stack([along, across, np.cross(along, across)], axis=1)

    with np.errstate(invalid="ignore", divide="ignore"):
        turn = frame(points) @ frame([own(name) for name in names]).T
    return turn if np.isfinite(turn).all() else None


def _hand_by_tip(
    skeleton: Skeleton, joints: dict[str, tuple[int, ...]], name: str, own: Own, carried: np.ndarray
) -> np.ndarray:
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
    if direction @ tips[0] > np.cos(SAME_REST) * np.linalg.norm(direction) * np.linalg.norm(tips[0]):
        return carried
    turned: np.ndarray = align_vectors(direction, tips[0]) @ carried
    return turned
