"""Hands, forearms and trunk push each other out, so that no hand passes through the body or through the other hand.

Models learn from people of other builds, and rules turn trunks and lower hands without looking, so arms end up inside
of what they should rest on. Here wrists are moved until the solids of ``body_solids`` touch and no more: two hands that
meet share the way, arms follow by inverse kinematics that keep the plane of the elbow, hands keep their orientation in
the world, and an elbow that is in the trunk swings out about the line from shoulder to wrist. A correction is spread
over time by a smooth window, so nothing pops. Where nothing is near contact every bit stays. Decisions of ours. [D]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...core.rotation import transpose
from ...core.series import hann_mean, runs, widest
from ..motion import Motion
from ..skeleton import canonical_skeleton
from .body_solids import (
    CAPSULE_RADII,
    FOREARM_PROBES,
    FOREARM_RADIUS,
    FOREARM_SHARES,
    GROUPS,
    PROBE_RADII,
    SIDES,
    Cores,
    Limbs,
    capsule_depth,
    capsules,
    hand_points,
    placed,
    probes,
    slab_depth,
)

TOLERANCE = 0.01  # metres by which flesh and cloth give way: what is no deeper touches, and does not pass through
TOUCH = 0.004  # metres of depth that remain where a correction is at work
START = 0.007  # metres of depth from which one is
SPREAD = 0.2  # seconds by which a correction starts to grow before it is needed, twice over
ROUNDS = 12  # of pushing, at most
STRAIGHT = 0.9995  # of an arm's length that it reaches at most, unless it was longer out before
LEAST_BEND = 1e-4  # metres: the side to which an elbow points is the anatomical one where it is straighter
MOST_SWING = 1.0  # radians that an elbow swings
LEVER = 2.0  # times as far as the wrist an elbow may move with it
ARM = 0.3  # metres that an elbow moves, or less, where it swings by a radian
ARC = 0.15  # metres: a swing by a radian is as costly as a wrist that moves so far
UPPER = 0.4  # share of a forearm, from the elbow, that leaves the trunk by a swing alone
ASIDE = 0.3  # how far arms prefer to leave each other to their own sides
LEAST_GAP = 0.01  # metres between middle lines, below which their direction counts less
STIFF = 0.1  # damping of the response of a forearm, whose place depends on wrist and elbow
HAND_REACH, HAND_EXTENT = 0.095, 0.13  # metres: a sphere round a hand, for the first, coarse look
CHUNK = 512  # frames that are looked at together


@dataclass(frozen=True, eq=False)
class Depths:
    """How deep bodies are in each other in every frame, metres; 0 where they are apart. Last axis: left, right."""

    hands: np.ndarray  # [T] one hand in the other
    hand_trunk: np.ndarray  # [T, 2] pelvis, belly, chest
    hand_head: np.ndarray  # [T, 2] head and neck
    hand_thigh: np.ndarray  # [T, 2]
    hand_forearm: np.ndarray  # [T, 2] in the other arm's forearm
    forearm_trunk: np.ndarray  # [T, 2] the part next to the hand; elbows lean on the waist
    forearms: np.ndarray  # [T] one forearm in the other

    @property
    def hand(self) -> np.ndarray:
        """[T] the deepest that a hand is in the other one or in the trunk, thighs included."""
        body = np.maximum(self.hand_trunk, self.hand_thigh).max(axis=1)
        return np.asarray(np.maximum(self.hands, body))


def penetration(motion: Motion) -> Depths:
    """How deep hands and forearms are in each other and in the body, on the canonical joints."""
    skeleton = motion.skeleton
    parts = []
    for start in range(0, max(len(motion), 1), CHUNK):
        rotations = motion.rotations[start : start + CHUNK].astype(np.float64)
        limbs, cores = placed(rotations, skeleton)
        hand = hand_points(rotations, limbs.wrist_turn, skeleton)
        parts.append(_depths(limbs, cores, hand))
    return Depths(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _depths(limbs: Limbs, cores: Cores, hand: np.ndarray) -> tuple[np.ndarray, ...]:
    """The fields of ``Depths``, in order."""
    points = probes(limbs.elbow, limbs.wrist, hand).reshape(len(hand), -1, 3)
    body = slab_depth(points, np.tile(PROBE_RADII, 2), cores)[0].reshape(len(hand), len(GROUPS), 2, -1)
    arms = capsule_depth(*capsules(limbs.elbow, limbs.wrist, hand), CAPSULE_RADII)[0]
    of_group = {name: np.array([group == name for group in GROUPS]) for name in GROUPS}

    def deepest(part: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        return np.asarray(np.maximum(part.max(axis=axes), 0.0))

    hands = body[..., FOREARM_PROBES:]
    return (
        deepest(arms[:, 1:, 1:], (1, 2)),
        *(deepest(hands[:, of_group[name]], (1, 3)) for name in ("trunk", "head", "thigh")),
        np.stack([deepest(arms[:, 1:, 0], (1,)), deepest(arms[:, 0, 1:], (1,))], axis=1),
        deepest(body[:, of_group["trunk"]][..., 1:FOREARM_PROBES], (1, 3)),
        np.maximum(arms[:, 0, 0], 0.0),
    )


def separated(motion: Motion, *, weights: np.ndarray | None = None, sides: tuple[bool, bool] = (True, True)) -> Motion:
    """The motion with hands and forearms pushed out of each other and of the body.

    Only shoulders, elbows and wrists change, and only within ``2 * SPREAD`` seconds of a contact.

    Args:
        motion: on the canonical joints.
        weights: [T] from 0 to 1, how far frames may be corrected; those of weight 0 keep their bits. All unless given.
        sides: whether the left, and the right arm may move.
    """
    if not len(motion) or not any(sides):
        return motion
    rotations = motion.rotations.astype(np.float64)
    limbs, cores = placed(rotations, motion.skeleton)
    near = np.flatnonzero(_near(limbs, cores) if weights is None else _near(limbs, cores) & (weights > 0))
    if not len(near):
        return motion
    allowed = np.ones(len(motion)) if weights is None else np.asarray(weights, dtype=np.float64)
    arms = _Arms(rotations, limbs, cores, motion, allowed[:, None] * np.array(sides))
    moves = arms.resolved(near)
    moved = np.flatnonzero((moves != 0).any(axis=(1, 2)))
    if not len(moved):
        return motion
    result = motion.rotations.copy()
    turns = _solved(limbs[moved], moves[moved])
    for k, side in enumerate(SIDES):
        own = (moves[moved, k] != 0).any(axis=1)
        for part, turn in zip(("shoulder", "elbow", "wrist"), turns, strict=True):
            result[moved[own], motion.skeleton.index(f"{side}_{part}")] = turn[own, k]
    return replace(motion, rotations=result)


def movable_arms(joints: Sequence[int]) -> tuple[bool, bool]:
    """Whether shoulder, elbow and wrist of the left, and of the right arm are among canonical joints."""
    skeleton = canonical_skeleton()
    left, right = (
        set(skeleton.indices([f"{side}_{part}" for part in ("shoulder", "elbow", "wrist")])) <= set(joints)
        for side in SIDES
    )
    return left, right


def _near(limbs: Limbs, cores: Cores) -> np.ndarray:
    """[T] bool: frames in which a forearm, or a sphere round a hand, meets the body or the other arm."""
    ahead = np.array([[HAND_REACH, 0.0, 0.0], [-HAND_REACH, 0.0, 0.0]])
    hand = limbs.wrist + (limbs.wrist_turn @ ahead[:, :, None])[..., 0]
    forearm = limbs.elbow[:, :, None] + FOREARM_SHARES[:, None] * (limbs.wrist - limbs.elbow)[:, :, None]
    points = np.concatenate([forearm, hand[:, :, None]], axis=2).reshape(len(hand), -1, 3)
    radii = np.tile([*([FOREARM_RADIUS] * len(FOREARM_SHARES)), HAND_EXTENT], 2)
    body = slab_depth(points, radii, cores)[0].max(axis=(1, 2)) > 0
    arms = capsule_depth(limbs.elbow[:, :, None], hand[:, :, None], np.array([HAND_EXTENT]))[0]
    near: np.ndarray = body | (arms[:, 0, 0] > 0)
    return near


class _Arms:
    """Both arms of a motion, and how they are taken apart.

    Moves are [T, 2, 4]: how far wrists are moved (three axes, metres) and elbows swing (radians).
    """

    def __init__(self, rotations: np.ndarray, limbs: Limbs, cores: Cores, motion: Motion, allowed: np.ndarray) -> None:
        self.rotations, self.limbs, self.cores = rotations, limbs, cores
        self.skeleton, self.pose = motion.skeleton, _Pose.of(limbs)
        self.allowed = allowed[:, :, None]  # [T, 2, 1]
        self.reach = max(1, round(SPREAD * motion.fps))
        self.ways = np.zeros((len(rotations), 3))  # how far the left arm was pushed from the right one so far
        self.slack = np.zeros(len(rotations))  # metres that every part of a frame may still move without contact

    def resolved(self, near: np.ndarray) -> np.ndarray:
        """Moves that take the arms apart, from frames in which they may touch something."""
        moves = np.zeros((len(self.rotations), 2, 4))
        for _ in range(ROUNDS):
            pushes = np.zeros_like(moves)
            for start in range(0, len(near), CHUNK):
                part = near[start : start + CHUNK]
                pushes[part] = self._pushes(part, moves[part])
            pushes *= self.allowed
            if not pushes.any():
                break
            steps = _spread(pushes, self.reach) * self.allowed
            moves += steps
            moves[..., 3] = np.clip(moves[..., 3], -MOST_SWING, MOST_SWING)
            way = LEVER * _length(steps[..., :3]) + ARM * np.abs(steps[..., 3])
            self.slack -= way.sum(axis=1)
            near = np.flatnonzero((way > 0).any(axis=1) & (self.slack < 0))
        return moves

    def _pushes(self, frames: np.ndarray, moves: np.ndarray) -> np.ndarray:
        """[n, 2, 4] what would take the deepest contacts of the frames apart."""
        cores, pose = self.cores[frames], self.pose[frames]
        hand = hand_points(self.rotations[frames], self.limbs.wrist_turn[frames], self.skeleton)
        upper, lower, normal = pose.bones(moves)
        elbow = pose.shoulder + upper
        wrist = elbow + lower
        tangent = _cross(_unit(upper + lower, normal), upper)  # metres that an elbow moves for each radian
        points = probes(elbow, wrist, hand).reshape(len(frames), -1, 3)
        depth, share, aside = slab_depth(points, np.tile(PROBE_RADII, 2), cores)
        result = np.zeros((len(frames), 2, 4))
        pressed = np.zeros((len(frames), 2, 3))  # the body's normal where it touches a hand
        count = len(PROBE_RADII)
        for k in range(2):
            columns = slice(k * count + FOREARM_PROBES, (k + 1) * count)
            rows, normal, _, excess = _body_contact(depth, share, aside, points, cores, columns)
            pressed[rows, k] = normal
            result[rows, k, :3] = normal * excess[:, None]
            columns = slice(k * count, k * count + FOREARM_PROBES)
            rows, normal, probe, excess = _body_contact(depth, share, aside, points, cores, columns)
            place = FOREARM_SHARES[probe]
            excess = np.maximum(excess - place * (result[rows, k, :3] * normal).sum(-1), 0)  # the hand takes it along
            result[rows, k] += _response(normal * excess[:, None], place, tangent[rows, k])
        before = self.ways[frames]
        allowed = self.allowed[frames, :, 0] > 0
        arms, self.ways[frames] = _add_arms(result, elbow, wrist, hand, tangent, pressed, cores, before, allowed)
        self.slack[frames] = -np.maximum(depth.max(axis=(1, 2)), arms)
        return result


def _body_contact(
    depth: np.ndarray, share: np.ndarray, aside: np.ndarray, points: np.ndarray, cores: Cores, columns: slice
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The deepest contact of some probes with the body: frames, normals [n, 3], probes and metres beyond ``TOUCH``."""
    found = _deepest(depth[:, :, columns])
    rows, slab, probe = found.rows, found.first, found.second
    place = (rows, slab, probe + columns.start)
    middle = cores.low[rows, slab] + share[place][:, None] * cores.along[rows, slab]
    middle += aside[place][:, None] * cores.across[rows, slab]
    normal = _unit(points[rows, probe + columns.start] - middle, cores.front[rows, slab])
    return rows, normal, probe, found.excess


def _add_arms(
    result: np.ndarray,
    elbow: np.ndarray,
    wrist: np.ndarray,
    hand: np.ndarray,
    tangent: np.ndarray,
    pressed: np.ndarray,
    cores: Cores,
    ways: np.ndarray,
    allowed: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Add what takes the arms out of each other; who is pressed against the body leaves the way to the other.

    Args:
        ways: [n, 3] how far the left arm was pushed from the right one before; it goes on to that side.
        allowed: [n, 2] whether the left and the right arm may move.
    Returns:
        [n] metres, how deep they are in each other, negative where apart; and the ways with what was added.
    """
    first, last = capsules(elbow, wrist, hand)
    depth, *shares = capsule_depth(first, last, CAPSULE_RADII)
    found = _deepest(depth)
    rows = found.rows
    way, places = _apart(first[rows], last[rows], depth[rows], [share[rows] for share in shares])
    aside = cores.across[rows, 0]
    normal = _unit(way + ASIDE * aside + _unit(ways[rows], np.zeros(3)), aside)
    ways = ways.copy()
    ways[rows] += normal * found.excess[:, None]
    blocked = [
        ((pressed[rows, k] * normal).sum(-1) * sign < 0) | ~allowed[rows, k] for k, sign in enumerate((1.0, -1.0))
    ]
    left = np.where(blocked[0] == blocked[1], 0.5, np.where(blocked[0], 0.0, 1.0))
    for k, (part, sign) in enumerate(((left, 1.0), (1 - left, -1.0))):
        push = normal * (sign * part * found.excess)[:, None]
        result[rows, k] += _response(push, places[k], tangent[rows, k], upper=0.0)
    return depth.max(axis=(1, 2)), ways


def _apart(
    first: np.ndarray, last: np.ndarray, depth: np.ndarray, shares: list[np.ndarray]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The way from the right arm to the left, and where on either arm; of all contacts, the deeper the more.

    Returns:
        [n, 3] of length 1 where all contacts agree, and [n] from elbow (0) to hand (1) of both arms.
    """
    deep = np.maximum(depth - TOUCH, 0) ** 2
    weight = deep / np.maximum(CAPSULE_RADII[:, None] + CAPSULE_RADII - depth, LEAST_GAP)
    way, places, total = np.zeros((len(first), 3)), [], deep.sum(axis=(1, 2))
    for k, (axis, sign) in enumerate(((2, 1.0), (1, -1.0))):
        ends = first[:, k], last[:, k] - first[:, k]
        for values, amount in zip(ends, (weight, weight * shares[k]), strict=True):
            way += sign * (amount.sum(axis=axis)[..., None] * values).sum(axis=1)
        on_forearm = [(deep * amount).sum(axis=axis)[:, 0] for amount in (1, shares[k])]
        places.append(1 - (on_forearm[0] - on_forearm[1]) / total)
    return way / total[:, None], places


@dataclass(frozen=True, eq=False)
class _Deepest:
    """The deepest contact of each frame that has one."""

    rows: np.ndarray  # frames
    first: np.ndarray  # indices of the two solids
    second: np.ndarray
    excess: np.ndarray  # metres beyond TOUCH


def _deepest(depth: np.ndarray) -> _Deepest:
    flat = depth.reshape(len(depth), -1)
    best = flat.argmax(axis=1)
    deepest = flat[np.arange(len(flat)), best]
    rows = np.flatnonzero(deepest > START)
    first, second = np.divmod(best[rows], depth.shape[2])
    return _Deepest(rows, first, second, deepest[rows] - TOUCH)


def _response(push: np.ndarray, place: np.ndarray, tangent: np.ndarray, *, upper: float = UPPER) -> np.ndarray:
    """[n, 4] move of wrist and elbow that moves an arm by ``push`` [n, 3] at ``place`` [n].

    The smallest one (weighted least squares); place 1 is the hand, which goes with the wrist, and 0 the elbow. Up to
    ``upper`` from the elbow it leaves the wrist where it is.
    """
    size = _length(push)
    swing = (1 - place) * (push * tangent).sum(-1) / np.maximum(size, 1e-12) / ARC
    wrist = np.clip((place - upper) / (1 - upper), 0, 1) * place
    scale = swing**2 + place * wrist
    scale = np.where(place < 1, scale + STIFF, scale)
    return np.concatenate([push * (wrist / scale)[:, None], (size * swing / scale / ARC)[:, None]], axis=-1)


def _spread(pushes: np.ndarray, reach: int) -> np.ndarray:
    """Pushes [T, 2, 4] as a smooth series, nowhere less than they are; wrists and swings each by themselves."""
    result = np.zeros_like(pushes)
    for k in range(pushes.shape[1]):
        for part in (slice(0, 3), slice(3, 4)):
            size = _length(pushes[:, k, part])
            if not size.any():
                continue
            held = widest(size, reach)
            one_way = pushes[:, k, part].copy()
            for first, last in runs(held > 0):
                one_way[first:last] = _one_way(one_way[first:last], size[first:last])
            way = hann_mean(one_way, 2 * 2 * reach + 1)
            result[:, k, part] = _unit(way, np.zeros(way.shape[1])) * hann_mean(held[:, None], 2 * reach + 1)
    return result


def _one_way(pushes: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Pushes of one contact, all to one side: hands that pass each other must not change sides on the way."""
    total = pushes.sum(axis=0)
    length = np.linalg.norm(total)
    against = pushes @ total < 0
    if not against.any() or length < 1e-9:
        return pushes
    return np.where(against[:, None], size[:, None] * total / length, pushes)


def _length(vectors: np.ndarray) -> np.ndarray:
    length: np.ndarray = np.sqrt((vectors * vectors).sum(-1))
    return length


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """As ``np.cross`` of vectors [..., 3], in a quarter of the time."""
    result = np.empty(np.broadcast_shapes(a.shape, b.shape))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        result[..., i] = a[..., j] * b[..., k] - a[..., k] * b[..., j]
    return result


def _unit(vectors: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    length = _length(vectors)[..., None]
    unit: np.ndarray = np.where(length > 1e-9, vectors / np.maximum(length, 1e-9), otherwise)
    return unit


@dataclass(frozen=True, eq=False)
class _Pose:
    """Arms [T, 2] as two bones in a plane: what stays when wrists are moved."""

    shoulder: np.ndarray  # [T, 2, 3] metres
    wrist: np.ndarray
    upper: np.ndarray  # [T, 2] metres
    lower: np.ndarray
    reach: np.ndarray  # [T, 2] metres from shoulder to wrist, at most
    line: np.ndarray  # [T, 2, 3] unit, from shoulder to wrist
    pole: np.ndarray  # [T, 2, 3] unit, square to it, to the side of the elbow

    @classmethod
    def of(cls, limbs: Limbs) -> _Pose:
        upper, span = limbs.elbow - limbs.shoulder, limbs.wrist - limbs.shoulder
        line = _unit(span, np.array([0.0, -1.0, 0.0]))
        back = -limbs.shoulder_turn[..., 2]  # where an elbow points that bends
        bend = upper + LEAST_BEND * back
        pole = _unit(bend - line * (bend * line).sum(-1, keepdims=True), back)
        lengths = _length(upper), _length(limbs.wrist - limbs.elbow)
        reach = np.maximum(STRAIGHT * (lengths[0] + lengths[1]), _length(span))
        return cls(limbs.shoulder, limbs.wrist, *lengths, reach, line, pole)

    def __getitem__(self, frames: np.ndarray) -> _Pose:
        return _Pose(*(getattr(self, name)[frames] for name in self.__dataclass_fields__))

    def bones(self, moves: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Upper arms and forearms [T, 2, 3] of moved arms, metres, and the normals of their planes."""
        span = self.wrist + moves[..., :3] - self.shoulder
        distance = np.maximum(_length(span), LEAST_BEND)[..., None]
        line, distance = span / distance, np.minimum(distance, self.reach[..., None])
        pole, swing = _carried(self.pole, self.line, line), moves[..., 3:]
        normal = _cross(line, pole)
        if swing.any():
            pole, normal = (
                pole * np.cos(swing) + normal * np.sin(swing),
                normal * np.cos(swing) - pole * np.sin(swing),
            )
        a, b = self.upper[..., None], self.lower[..., None]
        cosine = np.clip((a * a + distance**2 - b * b) / (2 * a * distance), -1, 1)
        upper = a * (line * cosine + pole * np.sqrt(1 - cosine**2))
        return upper, line * distance - upper, normal


def _carried(vectors: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Vectors turned by the smallest rotation that takes the unit vectors ``before`` to ``after``."""
    axis, cosine = _cross(before, after), (before * after).sum(-1, keepdims=True)
    along = (axis * vectors).sum(-1, keepdims=True)
    return np.asarray(vectors * cosine + _cross(axis, vectors) + axis * along / np.maximum(1 + cosine, 1e-6))


def _solved(limbs: Limbs, moves: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Local rotations [n, 2, 3, 3] of shoulders, elbows and wrists of moved arms; hands as they were in the world."""
    pose = _Pose.of(limbs)
    frames = []
    for move in (np.zeros_like(moves), moves):
        upper, lower, normal = pose.bones(move)
        frames.append((_frame(upper, normal), _frame(lower, normal)))
    first, second = (
        after @ transpose(before) @ turn
        for before, after, turn in zip(*frames, (limbs.shoulder_turn, limbs.elbow_turn), strict=True)
    )
    return transpose(limbs.collar_turn) @ first, transpose(first) @ second, transpose(second) @ limbs.wrist_turn


def _frame(direction: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """[..., 3, 3] a right-handed frame whose first column is the direction and whose second is square to it."""
    first = _unit(direction, normal)
    second = _unit(normal - first * (first * normal).sum(-1, keepdims=True), normal)
    return np.stack([first, second, _cross(first, second)], axis=-1)
