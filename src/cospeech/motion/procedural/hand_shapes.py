"""Hands that take shapes: open, pointing, a precision grip ... from stroke to stroke.

The corpora at hand have no fingers, so models learned those of rules (``fingers``), which hardly change. People who
talk change the shape of their hands with almost every stroke. The shapes are authored, in shares of the way from a hand
at rest to a straight one (below 0) or to a fist (above 0). Which one comes is chance, led by what the stroke is like
(McNeill, Hand and Mind, 1992, has the kinds) and by the mood; on the way from one to another the hand relaxes a
little. Decisions of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from ...core.rotation import matrix_to_quaternion, quaternion_to_matrix, slerp
from ...core.series import minimum_jerk
from ..kinematics import global_rotations
from ..motion import Motion
from ..phases import hand_speed, strokes, wrists_in_chest
from ..skeleton import FINGERS, canonical_skeleton
from .fingers import FIST, REST_CURL, finger_rotation

Moods = Mapping[str, float | np.ndarray]  # weights of emotions by name, of all frames or [T] of each
CHANGE = 0.35  # seconds in which a hand takes another shape
RELAXING = 0.45  # share of the way to a hand at rest that it passes on the way from one shape to another
LEAD = 0.15  # seconds by which it has it before the stroke is fastest
LASTING = 1.4  # seconds after a stroke in which the shape is kept
TOGETHER = 0.5  # a hand takes part in a stroke where its speed reaches this share of the other's
ALIKE = 0.55  # share of strokes of both hands in which both take one shape
SPREAD = {"index": 7.0, "middle": 1.5, "ring": -5.0, "pinky": -12.0, "thumb": 14.0}  # degrees of a spread hand
AROUND = 0.2  # seconds before and after the fastest moment in which a stroke is looked at
OUTWARD = 0.5  # share of a stroke's way that must go in a direction for it to count as going there
FAST = 0.9  # metres a second
SMALL, LARGE = 0.13, 0.3  # metres from end to end
LOW = -0.12  # metres from the chest joint, below which a hand is low
PALM_UP = 0.25  # cosine between the palm and the vertical from which it looks up


@dataclass(frozen=True)
class HandShape:
    """Closure of each finger from -1 (straight) over 0 (at rest) to 1 (fist); spread from 0 to 1."""

    thumb: float
    index: float
    middle: float
    ring: float
    pinky: float
    spread: float = 0.0
    weight: float = 1.0  # how often it comes where nothing speaks for another


SHAPES: Mapping[str, HandShape] = {
    "relaxed": HandShape(0.0, 0.0, 0.0, 0.0, 0.0, weight=1.5),
    "open": HandShape(-0.6, -0.85, -0.85, -0.8, -0.75, spread=0.9),
    "palm": HandShape(-0.2, -0.7, -0.75, -0.75, -0.7, spread=0.2, weight=1.5),
    "bowl": HandShape(0.2, 0.15, 0.15, 0.15, 0.15, spread=0.8),
    "point": HandShape(0.45, -0.9, 0.6, 0.75, 0.75, weight=0.5),
    "precision": HandShape(0.6, 0.42, 0.35, 0.1, 0.0, spread=0.3, weight=0.8),
    "loose_fist": HandShape(0.4, 0.5, 0.55, 0.55, 0.5, weight=0.5),
    "curled": HandShape(0.2, 0.2, 0.28, 0.34, 0.36, weight=0.3),
}

# How many times as often a shape comes, by what a stroke is like and by the mood.
BY_STROKE: Mapping[str, Mapping[str, float]] = {
    "offering": {"palm": 4.0, "open": 1.5, "bowl": 1.5, "loose_fist": 0.2, "point": 0.2},
    "pointing": {"point": 3.0, "precision": 1.5},
    "beating": {"precision": 4.0, "bowl": 1.5, "open": 0.3},
    "striking": {"loose_fist": 6.0, "palm": 1.5, "relaxed": 0.3},
    "sweeping": {"open": 4.0, "palm": 2.0, "precision": 0.2, "relaxed": 0.4},
    "slow": {"relaxed": 2.0, "curled": 1.5, "loose_fist": 0.5},
}
BY_MOOD: Mapping[str, Mapping[str, float]] = {
    "anger": {"loose_fist": 4.0, "open": 2.0, "point": 2.0, "relaxed": 0.3, "bowl": 0.3},
    "disgust": {"open": 1.5, "curled": 2.0, "palm": 0.6},
    "fear": {"curled": 6.0, "loose_fist": 2.0, "palm": 0.5, "point": 0.3},
    "joy": {"open": 2.5, "palm": 1.5, "loose_fist": 0.4, "curled": 0.3},
    "amusement": {"open": 1.5, "bowl": 1.5, "loose_fist": 0.5},
    "pride": {"palm": 2.5, "open": 1.5, "curled": 0.3},
    "surprise": {"open": 3.0, "loose_fist": 0.3},
    "sadness": {"relaxed": 4.0, "curled": 2.0, "open": 0.15, "point": 0.2, "precision": 0.5},
    "shame": {"relaxed": 4.0, "curled": 3.0, "open": 0.15, "point": 0.15, "precision": 0.5},
}


@dataclass(frozen=True)
class HandStroke:
    """What one hand does in a stroke, in the frame of the chest."""

    way: np.ndarray  # [3] metres from where it comes to where it goes; the first number outwards, up, to the front
    speed: float  # metres a second where it is fastest
    height: float  # metres above the chest joint at the end
    palm_up: float  # cosine between the palm and the vertical at the end, 1 where it looks up
    alone: bool  # the other hand is still or much slower

    @property
    def kinds(self) -> list[str]:
        """What it is like, keys of BY_STROKE."""
        length = float(np.linalg.norm(self.way))
        outwards, up, ahead = self.way / max(length, 1e-6)
        like = {
            "offering": not self.alone
            and (self.palm_up > PALM_UP or outwards > OUTWARD or (self.height < LOW and up < OUTWARD)),
            "pointing": self.alone and (ahead > OUTWARD or up > OUTWARD) and self.height > LOW,
            "beating": length < SMALL and self.speed < FAST,
            "striking": up < -OUTWARD and self.speed > FAST,
            "sweeping": length > LARGE,
            "slow": self.speed < FAST / 2 and length > SMALL,
        }
        return [kind for kind, is_like in like.items() if is_like]


def chances(kinds: Sequence[str], mood: Mapping[str, float] = MappingProxyType({})) -> dict[str, float]:
    """How likely each shape is; they sum to one.

    Args:
        kinds: what the stroke is like, keys of BY_STROKE.
        mood: weights of emotions by name.
    """
    weights = {name: shape.weight for name, shape in SHAPES.items()}
    shares = [(BY_STROKE[kind], 1.0) for kind in kinds]
    shares += [(BY_MOOD[name], weight) for name, weight in mood.items() if name in BY_MOOD]
    for factors, power in shares:
        for name, factor in factors.items():
            weights[name] *= factor**power
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def shaped(motion: Motion, rest: np.ndarray, *, seed: int, mood: Moods = MappingProxyType({})) -> Motion:
    """The motion with hands that take shapes at strokes.

    Args:
        rest: [T, 2] from 0 to 1, how far the left and the right hand rest; resting hands keep their fingers.
        mood: weights of emotions by name, of all frames or [T] of each.
    """
    rng = np.random.default_rng([seed, 17])
    speed, found = hand_speed(motion), strokes(motion)
    wrists = wrists_in_chest(motion)
    times: tuple[list[float], list[float]] = ([], [])
    shapes: tuple[list[HandShape], list[HandShape]] = ([], [])
    for stroke in found:
        frame = round(stroke.time * motion.fps)
        fastest = speed[frame]
        now = {name: float(np.broadcast_to(weight, len(motion))[frame]) for name, weight in mood.items()}
        leader, alike, taken = int(fastest.argmax()), rng.random() < ALIKE, ""
        for k in (leader, 1 - leader):
            draw = rng.random()
            if fastest[k] < TOGETHER * fastest[1 - k]:
                continue
            hand = _hand_stroke(motion, wrists[:, k], stroke.time, fastest, k)
            likely = chances(hand.kinds, now)
            if not (alike and taken):
                taken = list(likely)[min(int(np.searchsorted(np.cumsum(list(likely.values())), draw)), len(likely) - 1)]
            times[k].append(stroke.time - LEAD)
            shapes[k].append(SHAPES[taken])
    rotations = motion.rotations.astype(np.float64)
    at = np.arange(len(motion)) / motion.fps
    for k, side in enumerate(("left", "right")):
        if times[k]:
            presence = _presence(at, np.array(times[k])) * (1 - rest[:, k])
            _take(rotations, side, at, times[k], shapes[k], presence)
    return replace(motion, rotations=rotations.astype(np.float32))


def at_rest(motion: Motion, share: np.ndarray) -> Motion:
    """The motion with loosely curled fingers, as those of a hand that does nothing are.

    Args:
        share: [T] from 0 to 1, how far; the rest is left to the fingers that were there.
    """
    rotations = motion.rotations.astype(np.float64)
    at = np.arange(len(motion)) / motion.fps
    for side in ("left", "right"):
        _take(rotations, side, at, [0.0], [SHAPES["relaxed"]], share)
    return replace(motion, rotations=rotations.astype(np.float32))


def _hand_stroke(motion: Motion, wrist: np.ndarray, time: float, fastest: np.ndarray, side: int) -> HandStroke:
    """A stroke of one hand, 0 the left one; its wrist [T, 3] in the frame of the chest, both hands' speeds [2]."""
    first, last = (int(np.clip(round((time + a) * motion.fps), 0, len(wrist) - 1)) for a in (-AROUND, AROUND))
    outward = np.array([1.0 if side == 0 else -1.0, 1.0, 1.0])
    return HandStroke(
        (wrist[last] - wrist[first]) * outward,
        float(fastest[side]),
        float(wrist[last, 1]),
        _palm_up(motion, last, side),
        bool(fastest[1 - side] < TOGETHER * fastest[side]),
    )


def _palm_up(motion: Motion, frame: int, side: int) -> float:
    """Cosine between a palm and the vertical, 1 where it looks up; a palm looks down in rest pose."""
    skeleton = canonical_skeleton()
    world = global_rotations(motion.rotations[frame : frame + 1, :22], skeleton.parents[:22])
    return float(-world[0, skeleton.index(("left_wrist", "right_wrist")[side]), 1, 1])


def _take(
    rotations: np.ndarray, side: str, at: np.ndarray, times: list[float], shapes: list[HandShape], presence: np.ndarray
) -> None:
    """Blend the fingers of a hand into its shapes, in place."""
    skeleton = canonical_skeleton()
    taking = presence > 0
    now, joints, targets = at[taking], [], []
    kept = 1 - _relaxing(now, times, shapes)
    spread = kept * _stepped(now, times, [shape.spread for shape in shapes])
    for finger in FINGERS:
        closure = kept * _stepped(now, times, [getattr(shape, finger) for shape in shapes])
        for joint in range(3):
            curl = finger_curl(finger, joint, closure)
            apart = SPREAD[finger] * spread if joint == 0 else np.zeros_like(spread)
            joints.append(skeleton.index(f"{side}_{finger}{joint + 1}"))
            targets.append(finger_rotation(side, finger, joints[-1], curl, apart))
    place = np.ix_(np.flatnonzero(taking), np.array(joints))
    own, target = (matrix_to_quaternion(matrices) for matrices in (rotations[place], np.stack(targets, axis=1)))
    rotations[place] = quaternion_to_matrix(slerp(own, target, presence[taking, None]))


def finger_curl(finger: str, joint: int, closure: np.ndarray) -> np.ndarray:
    """[T] degrees of flexion of a joint (0 to 2) of a finger from its closure [T], as ``HandShape`` has it."""
    low, high = REST_CURL[finger][joint], FIST[finger][joint]
    curl: np.ndarray = low * (1 + np.minimum(closure, 0)) + (high - low) * np.maximum(closure, 0)
    return curl


def _stepped(at: np.ndarray, times: list[float], values: list[float]) -> np.ndarray:
    """[T] from value to value, eased over ``CHANGE`` before each time."""
    result = np.full(len(at), values[0], dtype=np.float64)
    for time, before, after in zip(times[1:], values[:-1], values[1:], strict=True):
        result += (after - before) * minimum_jerk((at - time) / CHANGE + 1)
    return result


def _relaxing(at: np.ndarray, times: list[float], shapes: list[HandShape]) -> np.ndarray:
    """[T] from 0 to ``RELAXING``: how far a hand relaxes midway from one shape to another."""
    result = np.zeros(len(at))
    for time, before, after in zip(times[1:], shapes[:-1], shapes[1:], strict=True):
        if before != after:
            way = np.clip((at - time) / CHANGE + 1, 0, 1)
            result = np.maximum(result, RELAXING * 64 * (way * (1 - way)) ** 3)
    return result


def _presence(at: np.ndarray, times: np.ndarray) -> np.ndarray:
    """[T] from 0 to 1: 1 from a stroke until ``LASTING`` after it, with eases."""
    presence = np.zeros(len(at))
    for time in times:
        rising, falling = minimum_jerk((at - time) / CHANGE + 1), minimum_jerk((time + LASTING - at) / CHANGE + 1)
        presence = np.maximum(presence, np.minimum(rising, falling))
    return presence
