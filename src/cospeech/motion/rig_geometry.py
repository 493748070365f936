"""The joints of a body told by the tree, lengths and movement of a rig alone, without its names. [D]

A person is two pairs of equal chains on a trunk: legs and arms, and beyond the arms a head. Bone lengths and the tree
do not depend on the pose, so they come first: of each chain the three joints whose two long bones are as long as those
of people are hip, knee and ankle, or shoulder, elbow and wrist. Which side is left follows from where the body faces,
which feet, knees and elbows tell in the poses that the motion holds. How sure each step was makes the confidence.

Not known here: a body that is cut at the waist, one that never stands or sits with its trunk up, four-legged ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .motion import Motion
from .rig_names import Joints, Tree
from .rig_tables import spread

SUREST = 0.9  # what geometry alone can say at best
_FRAMES = 16  # that are looked at
_ALIKE = 0.08  # of their length, by which the two sides of a body differ at most
_LIMB = 0.45  # of the longest chain: shorter pairs are eyes, ears, toes
_NOTHING = 0.02  # of the longest chain: a bone of no length
# Ratios of people's bones, and by how much (logarithm) they spread among people and characters.
_THIGH_TO_SHIN, _UPPER_ARM_TO_FOREARM, _RATIO_SPREAD = 1.03, 1.12, 0.22
_FOOT_SHARE, _HAND_SHARE, _SHARE_SPREAD = 0.2, 0.3, 0.12  # of the two long bones, what lies beyond ankle or wrist
_ANKLE_BEND = np.radians(50.0)  # between shin and foot at least
_HEADLESS = 0.7  # of confidence, for a body without a head
_SIDE_PARTS = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
_CLEAR = 0.25  # mean agreement on where the front is that leaves no doubt


@dataclass(frozen=True)
class Guess:
    """A body that geometry found."""

    joints: Joints
    confidence: float  # 0 to SUREST


@dataclass(frozen=True)
class _Limb:
    """Three joints of a chain with their fit to an arm or a leg; higher is better, 0 is a person's."""

    joints: tuple[int, int, int]
    fit: float


class _Shape:
    """Lengths and poses of a rig, by which its parts are looked for."""

    def __init__(self, motion: Motion) -> None:
        skeleton = motion.skeleton
        self.skeleton = skeleton
        self.tree = Tree(skeleton.parents)
        self.children = skeleton.children
        self.length = np.linalg.norm(skeleton.offsets, axis=1)
        tips = np.zeros(len(skeleton))
        for joint, tip in skeleton.ends:
            tips[joint] = max(tips[joint], float(np.linalg.norm(tip)))
        self.tips = tips
        self.reach = tips.copy()  # of each joint, along the longest chain of bones below it
        self.size = np.ones(len(skeleton), int)  # joints of the tree below, itself included
        for joint in range(len(skeleton) - 1, 0, -1):
            parent = skeleton.parents[joint]
            self.reach[parent] = max(self.reach[parent], self.length[joint] + self.reach[joint])
            self.size[parent] += self.size[joint]
        self.poses = sampled_poses(motion)

    def chain(self, joint: int) -> list[int]:
        """From a joint outwards, always along the longer branch."""
        line = [joint]
        while self.children[line[-1]]:
            line.append(max(self.children[line[-1]], key=lambda child: self.length[child] + self.reach[child]))
        return line

    def between(self, start: int, end: int) -> float:
        """Length along the bones."""
        return float(sum(self.length[joint] for joint in self.tree.between(start, end)))

    def bend(self, a: int, b: int, c: int) -> float:
        """Mean angle by which the way from a over b to c bends at b, radians."""
        into, out = self.poses[:, b] - self.poses[:, a], self.poses[:, c] - self.poses[:, b]
        with np.errstate(invalid="ignore", divide="ignore"):
            cosine = (into * out).sum(-1) / np.linalg.norm(into, axis=-1) / np.linalg.norm(out, axis=-1)
        cosine = cosine[np.isfinite(cosine)]
        return float(np.arccos(np.clip(cosine, -1, 1)).mean()) if len(cosine) else 0.0

    def alike(self, a: int, b: int) -> bool:
        """Whether two branches could be the two sides of one body."""
        sizes = self.length[[a, b]], self.reach[[a, b]]
        return all(abs(x - y) <= _ALIKE * max(x, y, 1e-9) for x, y in sizes) and (
            min(self.size[[a, b]]) >= 0.7 * max(self.size[[a, b]])
        )


def joints_by_geometry(motion: Motion) -> Guess | None:
    """The canonical joints of a body whatever its joints are called; None if there is none to be seen."""
    if motion.frames == 0 or len(motion.skeleton) < 8:
        return None
    shape = _Shape(motion)
    pairs = _limb_pairs(shape)
    if len(pairs) < 2:
        return None
    certainty = 1.0 if len(pairs) == 2 else 0.85
    best = max(
        (_as_legs_and_arms(shape, a, b) for a, b in combinations(pairs, 2)), key=lambda found: found[2], default=None
    )
    if best is None or best[2] < -6.0:
        return None
    legs, arms, fit, doubt = best
    certainty *= doubt * float(np.exp(0.06 * min(fit, 0.0)))
    joints, sure = _body(shape, legs, _same_side(shape, legs, arms))
    if joints is None:
        return None
    left, seen = _left(shape.poses, joints)
    named = joints if left == "a" else _swapped(joints)
    certainty *= sure * min(1.0, 0.3 + 0.7 * seen / _CLEAR)
    renamed = {name.replace("a_", "left_", 1).replace("b_", "right_", 1): value for name, value in named.items()}
    return Guess(renamed, round(SUREST * certainty, 3))


def _swapped(joints: Joints) -> Joints:
    other = {"a_": "b_", "b_": "a_"}
    return {other.get(name[:2], name[:2]) + name[2:]: value for name, value in joints.items()}


def _limb_pairs(shape: _Shape) -> list[tuple[int, int]]:
    """Pairs of long branches of one joint, or of two joints of no length apart, that are alike."""
    longest = 0.0
    found: list[tuple[int, int]] = []
    for children in shape.children:
        for a, b in combinations(children, 2):
            if shape.alike(a, b) and len(shape.chain(a)) >= 3:
                found.append((a, b))
                longest = max(longest, shape.reach[a] + shape.length[a])
    found = [pair for pair in found if shape.reach[pair[0]] + shape.length[pair[0]] >= _LIMB * longest]
    return [pair for pair in found if not any(shape.tree.below(other, pair[0]) for others in found for other in others)]


def _as_legs_and_arms(
    shape: _Shape, first: tuple[int, int], second: tuple[int, int]
) -> tuple[tuple[_Limb, _Limb], tuple[_Limb, _Limb], float, float]:
    """Two pairs as legs and arms, whichever way round fits better; the fit; how sure that is, 0 to 1."""
    options = []
    for low, high in ((first, second), (second, first)):
        legs = _alike_limbs(shape, low, leg=True)
        arms = _alike_limbs(shape, high, leg=False)
        fit = legs[0].fit + arms[0].fit
        leg, arm = (shape.between(pair[0].joints[0], pair[0].joints[2]) for pair in (legs, arms))
        fit -= 2.0 * max(0.0, np.log(1.2 * arm / max(leg, 1e-9)) / 0.2)  # legs are longer than arms
        above = shape.tree.below(shape.skeleton.parents[low[0]], high[0])
        beyond = shape.tree.below(shape.skeleton.parents[high[0]], low[0])
        fit -= 3.0 * (beyond and not above)  # trees grow from the hips
        fit += 2.0 * (_branches(shape, arms[0].joints[2]) - _branches(shape, legs[0].joints[2]))
        options.append((legs, arms, fit))
    options.sort(key=lambda option: -option[2])
    lead = options[0][2] - options[1][2]
    return (*options[0], float(np.clip(0.55 + 0.15 * lead, 0.0, 1.0)))


def _branches(shape: _Shape, joint: int) -> bool:
    """Whether fingers hang on a joint: three chains or more of two joints, perhaps one joint further."""
    return sum(bool(shape.children[child]) for child in shape.children[joint]) >= 3


def _alike_limbs(shape: _Shape, pair: tuple[int, int], *, leg: bool) -> tuple[_Limb, _Limb]:
    """The three joints of a limb, the same on either side where the chains have as many joints."""
    a, b = (shape.chain(joint) for joint in pair)
    one = _limb(shape, a, leg=leg)
    places = [a.index(joint) for joint in one.joints]
    if len(a) == len(b):
        return one, _Limb((b[places[0]], b[places[1]], b[places[2]]), one.fit)
    return one, _limb(shape, b, leg=leg)


def _limb(shape: _Shape, chain: Sequence[int], *, leg: bool) -> _Limb:
    """The three joints of a chain that fit a leg or an arm best."""
    ratio, share = (_THIGH_TO_SHIN, _FOOT_SHARE) if leg else (_UPPER_ARM_TO_FOREARM, _HAND_SHARE)
    total = shape.length[chain[0]] + shape.reach[chain[0]]
    best = _Limb((chain[0], chain[0], chain[0]), -np.inf)
    for start, middle, end in combinations(chain[:12], 3):
        upper, lower = shape.between(start, middle), shape.between(middle, end)
        if min(upper, lower) < 0.12 * total:
            continue
        rest = shape.reach[end] / (upper + lower)
        before = shape.between(chain[0], start) / (upper + lower) if start != chain[0] else 0.0
        fit = -((np.log(upper / lower / ratio) / _RATIO_SPREAD) ** 2) - ((rest - share) / _SHARE_SPREAD) ** 2 / 2
        fit -= (max(0.0, before - 0.35) / 0.1) ** 2
        fit -= 0.4 * _kinks(shape, start, middle) + 0.4 * _kinks(shape, middle, end)
        after = shape.children[end]
        if leg and after:
            toe = max(after, key=lambda child: shape.length[child])
            fit += 1.5 * (shape.length[toe] > 0 and shape.bend(middle, end, toe) > _ANKLE_BEND)
        if not leg and _branches(shape, end):
            fit += 3.0
        # A chain of twist bones: the limb bends where its bones meet.
        fit += 1.0 * min(1.0, shape.bend(start, middle, end) / 0.3)
        if fit > best.fit:
            best = _Limb((start, middle, end), float(fit))
    return best


def _kinks(shape: _Shape, start: int, end: int) -> float:
    """By how much a bone that is made of several bends within, radians."""
    line = [start, *shape.tree.between(start, end)]
    return sum(shape.bend(*three) for three in zip(line, line[1:], line[2:], strict=False)) / 0.1


def _same_side(shape: _Shape, legs: tuple[_Limb, _Limb], arms: tuple[_Limb, _Limb]) -> tuple[_Limb, _Limb]:
    """The arms in the order of the legs: across the hips and across the shoulders is the same way."""
    hips, shoulders = (shape.poses[:, pair[0].joints[0]] - shape.poses[:, pair[1].joints[0]] for pair in (legs, arms))
    return arms if float((_unit(hips) * _unit(shoulders)).sum(-1).mean()) > 0 else (arms[1], arms[0])


def _body(shape: _Shape, legs: tuple[_Limb, _Limb], arms: tuple[_Limb, _Limb]) -> tuple[Joints | None, float]:
    """Joints with sides "a" and "b", and how sure the trunk is, 0 to 1."""
    tree = shape.tree
    joints: Joints = {}
    for side, leg, arm in zip("ab", legs, arms, strict=True):
        joints |= {f"{side}_{p}": (joint,) for p, joint in zip(("hip", "knee", "ankle"), leg.joints, strict=True)}
        joints |= {f"{side}_{p}": (joint,) for p, joint in zip(("shoulder", "elbow", "wrist"), arm.joints, strict=True)}
        joints |= _toes(shape, side, leg.joints[2]) | _fingers(shape, side, arm.joints[2])
    shoulders = [joints[f"{side}_shoulder"][0] for side in "ab"]
    pelvis, chest = tree.fork([joints[f"{side}_hip"][0] for side in "ab"]), tree.fork(shoulders)
    if pelvis < 0 or chest < 0 or pelvis == chest:
        return None, 0.0
    joints["pelvis"] = (pelvis,)
    spine = [joint for joint in tree.lines[chest] if not tree.above(joint, pelvis)]
    joints |= {name: (joint,) for name, joint in spread(spine).items()}
    joints |= _collars(shape, chest, shoulders)
    head, certain = _neck_and_head(shape, chest, shoulders)
    return joints | head, certain


def _collars(shape: _Shape, chest: int, shoulders: Sequence[int]) -> Joints:
    """The last joint between the chest and each upper arm."""
    joints: Joints = {}
    for side, shoulder in zip("ab", shoulders, strict=True):
        between = [joint for joint in shape.tree.between(chest, shoulder)[:-1] if shape.reach[joint] > 0]
        if between:
            joints[f"{side}_collar"] = (between[-1],)
    return joints


def _neck_and_head(shape: _Shape, chest: int, shoulders: Sequence[int]) -> tuple[Joints, float]:
    """The longest branch of the chest that is no arm, and how sure it is which of its joints is the head."""
    heads = [c for c in shape.children[chest] if not any(shape.tree.above(c, shoulder) for shoulder in shoulders)]
    if not heads:
        return {}, _HEADLESS
    line = shape.chain(max(heads, key=lambda child: shape.length[child] + shape.reach[child]))
    place, certain = _head(shape, line)
    joints: Joints = {"head": (line[place],)}
    if place:
        joints["neck"] = tuple(dict.fromkeys((line[0], line[place - 1])))
    return joints, certain


def _toes(shape: _Shape, side: str, ankle: int) -> Joints:
    """The joint of the toes: the longest branch below an ankle."""
    branches = [child for child in shape.children[ankle] if shape.reach[child] + shape.length[child] > 0]
    longest = max(branches, key=lambda child: shape.length[child] + shape.reach[child], default=None)
    return {} if longest is None else {f"{side}_foot": (longest,)}


def _head(shape: _Shape, line: list[int]) -> tuple[int, float]:
    """Which joint of the chain beyond the shoulders is the head, and how sure that is."""
    for place, joint in enumerate(line):
        if len(shape.children[joint]) >= 2:  # eyes, a jaw, hair
            return place, 0.97
    last = len(line) - 1
    if last == 0:
        return 0, 0.9
    if shape.tips[line[-1]] > shape.length[line[-1]]:  # an end site as long as a head
        return last, 0.97
    longer = last > 1 and shape.length[line[-1]] > 1.2 * shape.length[line[1:-1]].mean()
    return (last - 1, 0.88) if longer else (last, 0.93)


def _fingers(shape: _Shape, side: str, wrist: int) -> Joints:
    """Five chains of three joints below a wrist: the thumb is the nearest, the others in their order from it."""
    chains = [shape.chain(child) for child in shape.children[wrist] if shape.reach[child] > 0]
    chains = [line for line in chains if len(line) >= 3]
    if len(chains) != 5:
        return {}
    bases = [shape.poses[0, line[0]] for line in chains]
    centre = shape.poses[0, wrist]
    order = sorted(range(5), key=lambda k: float(np.linalg.norm(bases[k] - centre)))
    thumb = order[0]
    others = sorted(order[1:], key=lambda k: float(np.linalg.norm(bases[k] - bases[thumb])))
    result: Joints = {}
    for finger, k in zip(("thumb", "index", "middle", "ring", "pinky"), (thumb, *others), strict=True):
        result |= {f"{side}_{finger}{n}": (joint,) for n, joint in enumerate(chains[k][:3], start=1)}
    return result


def sampled_poses(motion: Motion) -> np.ndarray:
    """World positions [F, J, 3] of some frames, all through a motion."""
    some = motion[:: max(1, motion.frames // _FRAMES)]
    return some.positions.astype(np.float64)


def sides_exchanged(poses: np.ndarray, joints: Joints) -> bool:
    """Whether a body, were its left what it is called, would clearly walk backwards."""
    renamed = {name.replace("left_", "a_", 1).replace("right_", "b_", 1): value for name, value in joints.items()}
    if not all(f"{side}_{part}" in renamed for side in "ab" for part in _SIDE_PARTS):
        return False
    left, seen = _left(poses, renamed)
    return left == "b" and seen > _CLEAR


def _left(poses: np.ndarray, joints: Joints) -> tuple[str, float]:
    """Which of the sides "a" and "b" is the left one, and how clearly the body shows it, 0 or more.

    If "a" were left, feet would point to the front, knees bend to it and forearms swing to it.
    """

    def point(name: str) -> np.ndarray:
        return poses[:, joints[name][0]]

    up = _unit(point(_top(joints)) - (point("a_hip") + point("b_hip")) / 2)
    left = _unit(point("a_shoulder") - point("b_shoulder") + point("a_hip") - point("b_hip"))
    front = np.cross(left, up)
    votes, weights = [], []
    for side in "ab":
        if f"{side}_foot" in joints:
            foot = _unit(point(f"{side}_foot") - point(f"{side}_ankle"))
            votes.append((foot * front).sum(-1))
            weights.append(1.0)
        hip, knee, ankle = (point(f"{side}_{part}") for part in ("hip", "knee", "ankle"))
        shoulder, elbow, wrist = (point(f"{side}_{part}") for part in ("shoulder", "elbow", "wrist"))
        for out, sign, weight in (
            (knee - (hip + ankle) / 2, 1.0, 4.0),
            (wrist - elbow - np.linalg.norm(wrist - elbow, axis=-1, keepdims=True) * _unit(elbow - shoulder), 1.0, 0.5),
        ):
            size = np.linalg.norm(knee - hip if weight > 1 else wrist - elbow, axis=-1)
            votes.append(sign * (out * front).sum(-1) / np.maximum(size, 1e-9))
            weights.append(weight)
    vote = float(np.average([np.mean(v) for v in votes], weights=weights))
    return ("a" if vote > 0 else "b"), abs(vote)


def _top(joints: Joints) -> str:
    """The name of the highest joint of the trunk that is known."""
    return next(name for name in ("neck", "head", "spine3", "a_shoulder") if name in joints)


def _unit(vectors: np.ndarray) -> np.ndarray:
    unit: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return unit
