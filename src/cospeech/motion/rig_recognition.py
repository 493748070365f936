"""Which joint of a rig is which of the canonical ones: by the user's word, a file's, by names, or by geometry.

Names are read twice: against the tables of known conventions (``rigs.py``), and word by word (``rig_names.py``). What
they say has to hang together: the joints of a limb below one another, both sides alike, bones as long as a person's.
Where it does not, or where names say nothing, geometry decides (``rig_geometry.py``). Every answer has a confidence;
above 0.8 it may be relied on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise, permutations, product
from typing import Any

import numpy as np

from ..core.errors import UserError
from ..core.rotation import geodesic
from .motion import Motion
from .rig_geometry import joints_by_geometry, sampled_poses, sides_exchanged
from .rig_names import SIDES, Joints, Tree, joints_by_name, parsed_name, parsed_names
from .rig_rest import rest_pose
from .rig_tables import GIVEN, RigTable, spread
from .rigs import RIGS
from .skeleton import CANONICAL_NAMES, FINGERS, Skeleton, mirror_name

RELIABLE = 0.8  # confidence from which no word is lost about a rig
LEAST = 0.3  # confidence below which a rig is not known

_EXCHANGED = 0.5  # confidence in names whose left is on the right
_HEIGHT = 1.17  # of the default avatar, in lengths of a leg to the ankle and a trunk to the head
_MOVES = np.radians(2.0)  # a joint that turns less stays
_FRAMES = 120  # that are looked at
_SHOWN = 8  # names in a remark
_HELPERS = {"twist", "roll", "helper", "end", "nub", "tip"}

_LIMBS = (("collar", "shoulder", "elbow", "wrist"), ("hip", "knee", "ankle", "foot"))
_CHAINS = (  # each joint hangs on the one before it; the spine may stand beside the pelvis
    *(tuple(f"{side}_{part}" for part in parts) for side in SIDES for parts in _LIMBS),
    ("spine1", "spine2", "spine3", "neck", "head"),
    *(("spine3", f"{side}_shoulder") for side in SIDES),
    *((f"{side}_wrist", *(f"{side}_{finger}{k}" for k in (1, 2, 3))) for side in SIDES for finger in FINGERS),
)
_LEGS = ("hip", "knee", "ankle")  # which many rigs of upper bodies lack
_NEEDED = ("pelvis", "left_shoulder", "right_shoulder")  # without which there is no body
_NOT_ADDED = ("eye", "jaw", "neck")  # to the table of a rig that is known
_CORE = ("pelvis", "head", *(f"{s}_{p}" for s in SIDES for p in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")))
_BODY = tuple(name for name in CANONICAL_NAMES if not name[-1].isdigit() or name.startswith("spine"))
_ONE_SIZE = 1.3  # by which the bones of the two sides differ at most
# Bones whose ratio of lengths is that of a person within these limits, wide enough for characters.
_PROPORTIONS = (
    (("shoulder", "elbow"), ("elbow", "wrist"), 0.4, 3.0),
    (("hip", "knee"), ("knee", "ankle"), 0.4, 2.5),
    (("hip", "ankle"), ("shoulder", "wrist"), 0.6, 4.0),
)


@dataclass(frozen=True)
class Recognition:
    """What the joints of a rig are."""

    table: str  # name of the convention; "" if it is none that is known
    title: str  # the same in words
    by: str  # "names", "geometry", "the file" or "the map"
    joints: Joints  # canonical name -> indices in the rig; several are averaged
    confidence: float  # 0 to 1
    doubts: tuple[str, ...] = ()  # what speaks against it

    @property
    def missing(self) -> tuple[str, ...]:
        """Joints of the body that were not found, collars and toes aside, which many rigs lack."""
        return tuple(name for name in _CORE if name not in self.joints)


def recognise(motion: Motion) -> Recognition:
    """Which joint of a motion's rig is which.

    Args:
        motion: on any rig; ``extra[GIVEN]`` has what the file or the user says, which goes before all else.

    Raises:
        UserError: no body can be made out; the message says what to do.
    """
    given: Mapping[str, Any] = motion.extra.get(GIVEN, {})
    found = _recognised(motion)
    if given:
        found = _as_given(motion.skeleton, given, found)
    if found is None or found.confidence < LEAST:
        names = motion.skeleton.names
        raise UserError(
            f"the joints {', '.join(names[:6])}{', ...' if len(names) > 6 else ''} fit no known rig, and they do not "
            f"look like a person; known: {', '.join(RIGS)}; say which joint is which with --map names.json"
        )
    return found


def recognised(motion: Motion) -> Recognition | None:
    """As ``recognise``, without a word where no body can be made out."""
    try:
        return recognise(motion)
    except UserError:
        return None


def recognise_skeleton(skeleton: Skeleton) -> Recognition | None:
    """The same by names and rest pose alone, for skeletons without motion; None if that is not enough."""
    still = Motion(skeleton, 30.0, np.tile(np.eye(3), (1, len(skeleton), 1, 1)), skeleton.offsets[:1])
    return _recognised(still)


def _recognised(motion: Motion) -> Recognition | None:
    """By names if they hold, else by geometry, whichever is surer."""
    by_name = _by_names(motion.skeleton)
    if by_name is not None and rest_pose(motion.skeleton, by_name.joints).is_person | (motion.frames > 1):
        if sides_exchanged(sampled_poses(motion), by_name.joints):
            doubts = (*by_name.doubts, "feet and knees point backwards: left and right are exchanged")
            by_name = replace(by_name, confidence=min(by_name.confidence, _EXCHANGED), doubts=doubts)
    if by_name is not None and by_name.confidence > RELIABLE:
        return by_name
    guess = joints_by_geometry(motion)
    by_shape = guess and Recognition("", "told by geometry", "geometry", guess.joints, guess.confidence)
    return max((r for r in (by_name, by_shape) if r), key=lambda r: r.confidence, default=None)


def _by_names(skeleton: Skeleton) -> Recognition | None:
    """By the table that fits, what it lacks filled in word by word; else word by word alone."""
    spoken = joints_by_name(skeleton)
    table, joints, exact = _best_table(skeleton)
    if table is not None and not contradictions(skeleton, joints) and len(_core(joints)) >= len(_core(spoken)):
        filled = joints | _left_out(joints, spoken, exact)
        filled = _mirrored(skeleton, filled)
        if contradictions(skeleton, filled):
            filled = joints
        return _rated(skeleton, Recognition(table.name, table.title, "names", filled, 0.98 if exact else 0.95))
    if not spoken or contradictions(skeleton, spoken):
        return None
    title = "names that say what the joints are"
    return _rated(skeleton, Recognition("", title, "names", _mirrored(skeleton, spoken), 0.92))


def _mirrored(skeleton: Skeleton, joints: Joints) -> Joints:
    """Joints that only one side's names tell on the other side as well: as far above the next one of their limb."""
    tree, result = Tree(skeleton.parents), dict(joints)
    for (side, other), parts in product(permutations(SIDES), _LIMBS):
        for below, part in pairwise(reversed(parts)):
            lower, there, above = (result.get(k) for k in (f"{side}_{below}", f"{other}_{below}", f"{other}_{part}"))
            if f"{side}_{part}" in result or not (lower and there and above):
                continue
            steps = len(tree.between(above[0], there[0]))
            line = tree.lines[lower[0]]
            if 0 < steps < len(line) and line[-1 - steps] not in {i for used in result.values() for i in used}:
                result[f"{side}_{part}"] = (line[-1 - steps],)
    return result


def _left_out(joints: Joints, spoken: Joints, exact: bool) -> Joints:
    """What a table leaves out and the words tell; of a rig that is known to the letter, of the body alone."""
    known = {joint for indices in joints.values() for joint in indices}
    added = {name: indices for name, indices in spoken.items() if name not in joints and not known & set(indices)}
    if not exact:
        return added
    return {name: value for name, value in added.items() if name in _BODY and not name.endswith(_NOT_ADDED)}


def _core(joints: Joints) -> list[str]:
    return [name for name in _CORE if name in joints]


def table_joints(table: RigTable, skeleton: Skeleton) -> Joints:
    """Indices of a table's joints in a skeleton: by the same name, else by one that differs in spelling alone."""
    bare: dict[str, int] = {}
    for index, name in enumerate(skeleton.names):
        bare.setdefault(table.bare(name), index)
    loose: dict[object, int] = {}
    for index, parsed in enumerate(parsed_names(skeleton.names)):
        loose.setdefault(parsed.key, index)

    def index_of(name: str) -> int | None:
        return bare[name] if name in bare else loose.get(parsed_name(name).key)

    joints: Joints = {}
    for canonical, rig in table.joints.items():
        indices = tuple(dict.fromkeys(i for name in _tuple(rig) if (i := index_of(name)) is not None))
        if indices:
            joints[canonical] = indices
    spine = list(dict.fromkeys(i for bone in table.spine if (i := index_of(bone)) is not None))
    joints |= {canonical: (index,) for canonical, index in spread(spine).items()}
    return joints


def _tuple(names: str | tuple[str, ...]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names


def _best_table(skeleton: Skeleton) -> tuple[RigTable | None, Joints, bool]:
    """The table that fits a skeleton best, its joints, and whether the names are the table's to the letter."""
    best: tuple[tuple[int, int, int], RigTable, Joints, bool] | None = None
    keys = {name.key for name in parsed_names(skeleton.names)}
    for name in RIGS:
        table = RIGS.get(name)
        joints = table_joints(table, skeleton)
        if not set(_NEEDED) <= set(joints):
            continue
        bare = {table.bare(joint) for joint in skeleton.names}
        exact = all(joint in bare for joint in table.signature)
        wanted = {joint for value in table.joints.values() for joint in _tuple(value)} | set(table.spine)
        alike = all(parsed_name(joint).key in keys for joint in table.signature)
        score = (len([j for j in joints if j in _BODY]), exact + alike, len(wanted & bare))
        if best is None or score > best[0]:
            best = score, table, joints, exact
    return (None, {}, False) if best is None else best[1:]


def _rated(skeleton: Skeleton, found: Recognition) -> Recognition:
    """The same with what speaks against it: joints that are missing, sides or bones unlike a person's."""
    doubts = list(disproportions(skeleton, found.joints))
    confidence = found.confidence - 0.25 * len(doubts)
    missing = found.missing
    legs = [name for name in missing if name.endswith(("hip", "knee", "ankle"))]
    arms = [name for name in missing if name.endswith(("elbow", "wrist"))]
    if legs and len(legs) < 6:
        confidence -= 0.1 * len([n for n in legs if not n.endswith("ankle")])
    confidence -= 0.1 * len([name for name in arms if name.endswith("elbow")])
    return replace(found, confidence=round(max(confidence, 0.0), 3), doubts=tuple(doubts))


def contradictions(skeleton: Skeleton, joints: Joints) -> list[str]:
    """Where joints do not hang on one another as those of a body do, or one joint has two places."""
    tree = Tree(skeleton.parents)
    wrong = []
    for chain in _CHAINS:
        known = [name for name in chain if name in joints]
        wrong += [
            f"{below} does not hang on {above}"
            for above, below in pairwise(known)
            if _apart(tree, joints[above][-1], joints[below][0])
        ]
    wrong += [
        f"{two}_{part} hangs on {one}_{part}"
        for one, two in permutations(SIDES)
        for part in ("hip", "shoulder")
        if _hangs(tree, joints.get(f"{one}_{part}"), joints.get(f"{two}_{part}"))
    ]
    uses = Counter(index for indices in joints.values() for index in indices)
    return wrong + [f"{skeleton.names[index]} has two places" for index, count in uses.items() if count > 1]


def _apart(tree: Tree, above: int, below: int) -> bool:
    """Whether a joint does not hang on another one of its tree."""
    return tree.together(above, below) and not tree.below(above, below)


def _hangs(tree: Tree, first: tuple[int, ...] | None, second: tuple[int, ...] | None) -> bool:
    return bool(first and second and tree.below(first[0], second[0]))


def disproportions(skeleton: Skeleton, joints: Joints) -> list[str]:
    """Bones that are not as long as those of a person, measured along the tree, whatever the pose."""
    tree = Tree(skeleton.parents)
    length = np.linalg.norm(skeleton.offsets, axis=1)

    def bone(side: str, ends: tuple[str, str]) -> float:
        start, end = (joints.get(f"{side}_{part}") for part in ends)
        if not start or not end or not tree.above(start[0], end[0]):
            return np.nan
        return float(sum(length[list(tree.between(start[0], end[0]))]))

    doubts = []
    for ends in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle")):
        left, right = (bone(side, ends) for side in SIDES)
        if max(left, right) > _ONE_SIZE * min(left, right):
            doubts.append(f"the left and right {ends[0]} are not alike")
        if min(left, right) < 1e-6:
            doubts.append(f"the bone below the {ends[0]} has no length")
    for upper, lower, low, high in _PROPORTIONS:
        for side in SIDES:
            ratio = bone(side, upper) / max(bone(side, lower), 1e-9)
            if np.isfinite(ratio) and not low <= ratio <= high:
                doubts.append(f"{side} {upper[0]} and {lower[0]} are {ratio:.1f} to 1 in length")
    return doubts


def _as_given(skeleton: Skeleton, given: Mapping[str, Any], found: Recognition | None) -> Recognition:
    """What is said goes before what was found; joints that it uses are taken from their other places."""
    by = given.get("by", "the map")
    said = _said(skeleton, given["joints"])
    used = {index for indices in said.values() for index in indices}
    others = {} if found is None or found.confidence < LEAST else found.joints
    kept = {k: v for k, v in others.items() if k not in given["joints"] and not used & set(v)}
    joints = {**kept, **said}
    if contradictions(skeleton, joints) and set(_NEEDED) <= set(said):
        joints = said
    _check_given(skeleton, joints, by)
    table = given.get("table", "") or ("" if found is None else found.table)
    return _rated(skeleton, Recognition(table, given.get("title", ""), by, joints, 1.0))


def _check_given(skeleton: Skeleton, joints: Joints, by: str) -> None:
    """Raises UserError if joints that are said contradict the tree, or do not make a body."""
    wrong = contradictions(skeleton, joints)
    if wrong:
        raise UserError(f"{by} cannot be right: {wrong[0]}")
    lacking = [name for name in _NEEDED if name not in joints]
    if lacking:
        raise UserError(f"{by} has no joint for {', '.join(lacking)}, and the names do not tell; add them")


def _said(skeleton: Skeleton, names: Mapping[str, tuple[str, ...]]) -> Joints:
    """Indices of the joints that a map or a file names, those without a place left out."""
    there = {name: tuple(skeleton.index(j) for j in joints if j in skeleton.names) for name, joints in names.items()}
    return {name: indices for name, indices in there.items() if indices}


def body_height(skeleton: Skeleton, joints: Joints) -> float | None:
    """How tall a person is, in the rig's unit, by the bones of legs and trunk whatever the pose; None without them."""
    tree, length = Tree(skeleton.parents), np.linalg.norm(skeleton.offsets, axis=1)

    def along(start: str, end: str) -> float:
        ends = joints.get(start), joints.get(end)
        if ends[0] is None or ends[1] is None:
            return np.nan
        return float(sum(length[list(tree.between(ends[0][0], ends[1][-1]))]))

    leg = np.mean([along(f"{side}_hip", f"{side}_ankle") for side in SIDES])
    height = _HEIGHT * (leg + along("pelvis", "head" if "head" in joints else "neck"))
    return float(height) if np.isfinite(height) and height > 0 else None


def remarks(motion: Motion, found: Recognition) -> list[str]:
    """What to tell a user of a rig that was recognised: doubts, and movement that is lost."""
    result = []
    if found.confidence <= RELIABLE:
        how = "by its geometry, not by names" if found.by == "geometry" else f"by {found.by}"
        doubts = f" ({'; '.join(found.doubts)})" if found.doubts else ""
        result.append(
            f"the rig was recognised {how}, with confidence {found.confidence:.2f}{doubts}; look at the result, and "
            "say which joint is which with --map names.json if it is wrong"
        )
    moving = unplaced(motion, found.joints)
    missing = [
        name for name in found.missing if not name.endswith(_LEGS) or moving or mirror_name(name) in found.joints
    ]
    if missing:
        result.append(f"no joint was found for {', '.join(missing)}; it stays at rest")
    if moving:
        shown = ", ".join(moving[:_SHOWN]) + (f" and {len(moving) - _SHOWN} more" if len(moving) > _SHOWN else "")
        result.append(f"joints that move and have no place on the body: {shown}; their movement is left out")
    return result


def unplaced(motion: Motion, joints: Joints) -> tuple[str, ...]:
    """Names of joints that move and are none of the body, nor between two of them, outwards from the root.

    Helpers that carry the twist of a limb are left out: the limb has it.
    """
    skeleton = motion.skeleton
    used = {index for indices in joints.values() for index in indices}
    carries = [joint in used for joint in range(len(skeleton))]
    for joint in range(len(skeleton) - 1, 0, -1):
        carries[skeleton.parents[joint]] |= carries[joint]
    step = max(1, motion.frames // _FRAMES)
    some = motion.rotations[::step]
    return tuple(
        name
        for joint, name in enumerate(skeleton.names)
        if not carries[joint]
        and not set(parsed_name(name).words) & _HELPERS
        and geodesic(some[:, joint], some[:1, joint]).max() > _MOVES
    )
