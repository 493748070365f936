"""The canonical body in solids, measured off the default avatar's mesh: what hands and forearms must not pass through.

Trunk, neck, head and thighs are slabs: all points within a radius of a flat core, which leads from one end to the other
in the y-z plane of a joint's frame and spreads to both sides along its x axis. Slabs follow the mesh within about a
centimetre, clothes included. Forearms and hands are capsules: three rays of the palm, two fingers of two parts, ring
and little finger as one, and the thumb. Slabs meet spheres on these capsules; arms meet each other exactly. [D]
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...core.rotation import transpose
from ..skeleton import Skeleton

SIDES = ("left", "right")
TINY = 1e-9


@dataclass(frozen=True)
class Slab:
    """A solid of the body; each end of its core is (y, z, radius, half width), metres, in the joint's frame."""

    joint: str
    group: str  # "trunk", "head" or "thigh"
    low: tuple[float, float, float, float]
    high: tuple[float, float, float, float]


SLABS = (
    Slab("pelvis", "trunk", (-0.045, 0.004, 0.125, 0.050), (0.075, 0.019, 0.120, 0.052)),  # hips, lower belly
    Slab("spine1", "trunk", (0.000, 0.057, 0.120, 0.052), (0.150, 0.074, 0.107, 0.040)),  # belly
    Slab("spine2", "trunk", (0.000, 0.057, 0.107, 0.040), (0.130, 0.047, 0.120, 0.045)),  # ribs
    Slab("spine3", "trunk", (0.000, 0.063, 0.120, 0.050), (0.110, 0.037, 0.085, 0.075)),  # chest
    Slab("neck", "head", (-0.023, 0.015, 0.060, 0.000), (0.067, 0.015, 0.055, 0.000)),
    Slab("head", "head", (0.000, 0.030, 0.075, 0.000), (0.085, 0.000, 0.090, 0.000)),
    Slab("left_hip", "thigh", (-0.030, 0.015, 0.090, 0.000), (-0.400, 0.033, 0.066, 0.000)),
    Slab("right_hip", "thigh", (-0.030, 0.015, 0.090, 0.000), (-0.400, 0.033, 0.066, 0.000)),
)
GROUPS = tuple(slab.group for slab in SLABS)

FOREARM_RADIUS = 0.043  # metres, sleeve included
PALM_RADIUS = 0.018
FINGER_RADIUS = 0.011
OUTER_RADIUS = 0.016  # of ring and little finger together
FLESH = -0.005  # metres from the bones to the middle of palm and fingers, along the hand's y axis
TIP = 0.023  # metres from the last joint of a finger to the middle of its tip

# Points of a hand beside the wrist: means of joints, in the order of ``hand_points``.
_POINTS = (
    *("index1", "middle1", "outer1", "index2", "index_tip", "middle2", "middle_tip", "outer2", "outer_tip"),
    *("thumb2", "thumb_tip"),
)
_WRIST, _PLACE = 0, {name: at + 1 for at, name in enumerate(_POINTS)}
# Capsules of a hand: first and last point, radius.
_CAPSULES = (
    (_WRIST, _PLACE["index1"], PALM_RADIUS),
    (_WRIST, _PLACE["middle1"], PALM_RADIUS),
    (_WRIST, _PLACE["outer1"], PALM_RADIUS),
    (_PLACE["index1"], _PLACE["index2"], FINGER_RADIUS),
    (_PLACE["index2"], _PLACE["index_tip"], FINGER_RADIUS),
    (_PLACE["middle1"], _PLACE["middle2"], FINGER_RADIUS),
    (_PLACE["middle2"], _PLACE["middle_tip"], FINGER_RADIUS),
    (_PLACE["outer1"], _PLACE["outer2"], OUTER_RADIUS),
    (_PLACE["outer2"], _PLACE["outer_tip"], OUTER_RADIUS),
    (_PLACE["thumb2"], _PLACE["thumb_tip"], FINGER_RADIUS),
)
_STARTS = np.array([first for first, _, _ in _CAPSULES])
_ENDS = np.array([last for _, last, _ in _CAPSULES])
CAPSULE_RADII = np.array([FOREARM_RADIUS, *(radius for _, _, radius in _CAPSULES)])  # of ``capsules``
FOREARM_SHARES = np.array([0.0, 0.33, 0.66, 0.95])  # places of its spheres, from elbow to wrist
_PALM = 3  # rays; their middles are probed too
PROBE_RADII = np.array(
    [
        *([FOREARM_RADIUS] * len(FOREARM_SHARES)),
        *([PALM_RADIUS] * 4),  # wrist and knuckles
        *([FINGER_RADIUS] * 4),
        *([OUTER_RADIUS] * 2),
        *([FINGER_RADIUS] * 2),
        *([PALM_RADIUS] * _PALM),
    ]
)  # of ``probes``
FOREARM_PROBES = len(FOREARM_SHARES)  # the first so many probes are of the forearm

_SPINE = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")


@dataclass(frozen=True, eq=False)
class Limbs:
    """Joints of both arms (left, right) in the world: rotations [T, 2, 3, 3], positions [T, 2, 3] metres."""

    collar_turn: np.ndarray
    shoulder_turn: np.ndarray
    elbow_turn: np.ndarray
    wrist_turn: np.ndarray
    shoulder: np.ndarray
    elbow: np.ndarray
    wrist: np.ndarray

    def __getitem__(self, frames: np.ndarray) -> Limbs:
        return Limbs(*(getattr(self, name)[frames] for name in self.__dataclass_fields__))


@dataclass(frozen=True, eq=False)
class Cores:
    """Cores of the slabs in the world."""

    low: np.ndarray  # [T, K, 3] metres
    along: np.ndarray  # [T, K, 3] metres, from the low end to the high one
    across: np.ndarray  # [T, K, 3], unit
    front: np.ndarray  # [T, K, 3], unit

    def __getitem__(self, frames: np.ndarray) -> Cores:
        return Cores(self.low[frames], self.along[frames], self.across[frames], self.front[frames])


def placed(rotations: np.ndarray, skeleton: Skeleton) -> tuple[Limbs, Cores]:
    """Arms and slabs of a body in the world, seen from the pelvis.

    Args:
        rotations: [T, J, 3, 3] local, float64, on the canonical joints.
    """
    offsets = skeleton.offsets
    turn: dict[str, np.ndarray] = {"pelvis": rotations[:, 0]}
    place: dict[str, np.ndarray] = {"pelvis": np.zeros((len(rotations), 3))}
    for before, name in (*pairwise(_SPINE), ("pelvis", "left_hip"), ("pelvis", "right_hip")):
        joint = skeleton.index(name)
        turn[name] = turn[before] @ rotations[:, joint]
        place[name] = place[before] + turn[before] @ offsets[joint]
    turns, places = [turn["spine3"][:, None]], [place["spine3"][:, None]]
    for part in ("collar", "shoulder", "elbow", "wrist"):
        joints = [skeleton.index(f"{side}_{part}") for side in SIDES]
        places.append(places[-1] + (turns[-1] @ offsets[joints][:, :, None])[..., 0])
        turns.append(turns[-1] @ rotations[:, joints])
    limbs = Limbs(*turns[1:], *places[2:])
    frames = np.stack([turn[slab.joint] for slab in SLABS], axis=1)
    origins = np.stack([place[slab.joint] for slab in SLABS], axis=1)
    low, high = (np.array([[0.0, *end[:2]] for end in ends]) for ends in _ends())
    start = origins + (frames @ low[:, :, None])[..., 0]
    along = (frames @ (high - low)[:, :, None])[..., 0]
    return limbs, Cores(start, along, frames[..., 0], frames[..., 2])


def _ends() -> tuple[list[tuple[float, ...]], list[tuple[float, ...]]]:
    return [slab.low for slab in SLABS], [slab.high for slab in SLABS]


def hand_points(rotations: np.ndarray, wrist_turn: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """[T, 2, P, 3] metres in the world, from the wrist: the wrist itself, then knuckles, middles and tips of fingers.

    Args:
        rotations: [T, J, 3, 3] local.
        wrist_turn: [T, 2, 3, 3] in the world.
    """
    fingers = ("index", "middle", "ring", "pinky", "thumb")
    turn, place = np.eye(3), np.zeros(3)
    places: list[np.ndarray] = []
    for level in (1, 2, 3):
        joints = np.array([skeleton.indices([f"{side}_{finger}{level}" for finger in fingers]) for side in SIDES])
        offsets = skeleton.offsets[joints]  # [2, 5, 3]
        place = place + (turn @ offsets[..., None])[..., 0]
        turn = turn @ rotations[:, joints]
        places.append(np.broadcast_to(place, (len(rotations), *offsets.shape)))
    reach = offsets / np.linalg.norm(offsets, axis=-1, keepdims=True) * TIP
    first, second, tip = places[0], places[1], place + (turn @ reach[..., None])[..., 0]
    outer = [part[:, :, 2:4].mean(axis=2) for part in (first, second, tip)]
    rows = [np.zeros_like(outer[0]), first[:, :, 0], first[:, :, 1], outer[0], second[:, :, 0], tip[:, :, 0]]
    rows += [second[:, :, 1], tip[:, :, 1], outer[1], outer[2], second[:, :, 4], tip[:, :, 4]]
    result = np.stack(rows, axis=2)
    result[..., 1] += FLESH
    turned: np.ndarray = result @ transpose(wrist_turn)
    return turned


def capsules(elbow: np.ndarray, wrist: np.ndarray, hand: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends [T, 2, C, 3] of forearm and hand capsules, from elbows and wrists [T, 2, 3] and ``hand_points``."""
    points = wrist[:, :, None] + hand
    first = np.concatenate([elbow[:, :, None], points[:, :, _STARTS]], axis=2)
    last = np.concatenate([wrist[:, :, None], points[:, :, _ENDS]], axis=2)
    return first, last


def probes(elbow: np.ndarray, wrist: np.ndarray, hand: np.ndarray) -> np.ndarray:
    """Middles [T, 2, Q, 3] of spheres on forearms and hands; the other arguments as of ``capsules``."""
    points = wrist[:, :, None] + hand
    forearm = elbow[:, :, None] + FOREARM_SHARES[:, None] * (wrist - elbow)[:, :, None]
    palm = (points[:, :, _STARTS[:_PALM]] + points[:, :, _ENDS[:_PALM]]) / 2
    return np.concatenate([forearm, points, palm], axis=2)


def slab_depth(points: np.ndarray, radii: np.ndarray, cores: Cores) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How deep spheres are in slabs, and where the nearest places of the cores are.

    Args:
        points: [T, Q, 3] metres, middles of spheres.
        radii: [Q] metres.
    Returns:
        depth [T, K, Q] metres, negative where apart; shares [T, K, Q] of the cores' lengths and metres across them.
    """
    low, high = (np.array(ends) for ends in _ends())
    low, high, radii = (values.astype(np.float32) for values in (low, high, radii))
    points = points.astype(np.float32)
    cores = Cores(*(getattr(cores, name).astype(np.float32) for name in ("low", "along", "across", "front")))
    flat, start = points.transpose(0, 2, 1), cores.low
    along = cores.along @ flat - (cores.along * start).sum(-1)[..., None]
    across = cores.across @ flat - (cores.across * start).sum(-1)[..., None]
    length = (cores.along**2).sum(-1)[..., None]
    square = (points**2).sum(-1)[:, None] - 2 * (start @ flat) + (start**2).sum(-1)[..., None]
    share = np.clip(along / length, 0, 1)
    radius = low[:, 2, None] + share * (high[:, 2] - low[:, 2])[:, None]
    half = low[:, 3, None] + share * (high[:, 3] - low[:, 3])[:, None]
    aside = np.clip(across, -half, half)
    distance = square - 2 * (share * along + aside * across) + share**2 * length + aside**2
    return radius + radii - np.sqrt(np.maximum(distance, 0)), share, aside


def capsule_depth(first: np.ndarray, last: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How deep each capsule of the left arm is in each of the right arm, and where their middle lines are nearest.

    Ericson, Real-Time Collision Detection (2005), 5.1.9.

    Args:
        first, last: ends [T, 2, C, 3] metres.
        radii: [C] metres.
    Returns:
        depth [T, C, C] metres, negative where apart; shares [T, C, C] of the left and of the right capsule's length.
    """
    first, last, radii = (values.astype(np.float32) for values in (first, last, radii))
    a, c = first[:, 0], first[:, 1]
    u, v = last[:, 0] - a, last[:, 1] - c
    uu, vv = (u * u).sum(-1)[:, :, None] + TINY, (v * v).sum(-1)[:, None, :] + TINY
    uv = u @ transpose(v)
    ur = (u * a).sum(-1)[:, :, None] - u @ transpose(c)
    vr = a @ transpose(v) - (v * c).sum(-1)[:, None, :]
    rr = (a * a).sum(-1)[:, :, None] + (c * c).sum(-1)[:, None, :] - 2 * (a @ transpose(c))
    square = uu * vv - uv * uv
    parallel = square < 1e-6 * uu * vv
    s = np.where(
        parallel, np.float32(0.5), np.clip((uv * vr - ur * vv) / np.where(parallel, np.float32(1), square), 0, 1)
    )
    t = np.clip((uv * s + vr) / vv, 0, 1)
    s = np.clip((uv * t - ur) / uu, 0, 1)
    distance = rr + s * s * uu + t * t * vv + 2 * (s * ur - t * vr - s * t * uv)
    return radii[:, None] + radii - np.sqrt(np.maximum(distance, 0)), s, t
