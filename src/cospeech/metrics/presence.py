"""How a person stands and talks, in figures that show at a glance whether somebody seems alive.

All on the canonical skeleton. What a figure is of real people depends on who they are: measure them alike, and look at
more than the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np

from ..core.rotation import geodesic, transpose
from ..core.timing import FPS
from ..motion.kinematics import global_rotations
from ..motion.motion import Motion
from ..motion.phases import STILL_SPEED, hand_speed, strokes
from ..motion.skeleton import LEFT_HAND, RIGHT_HAND, canonical_skeleton
from .base import DEFAULT, Bootstrap, Label, Sums, Value
from .contact import through_share
from .inputs import check_canonical, check_rate

ONE_HAND = 0.5  # a stroke is of one hand where the other's speed stays below this share of it
NEAR_STROKE = 0.2  # seconds before and after a stroke in which the other hand counts
HANGING = 0.05  # metres above the hips below which a wrist hangs
STRETCH = 3.0  # seconds: deviations of trunk and fingers are those within stretches of this length

_FIGURES: tuple[tuple[str, str, str, str], ...] = (
    (
        "one_handed_share",
        "1",
        "strokes",
        f"strokes where the slower wrist stays below {ONE_HAND:g} of the faster one's greatest speed within "
        f"{NEAR_STROKE:g} s; chance: the other hand's speed half a clip later",
    ),
    ("hanging_share", "1", "frames", f"frames with both wrists lower than {HANGING:g} m above the middle of the hips"),
    ("chest_share", "1", "frames", "frames with a wrist higher than the middle of the spine"),
    ("head_speed", "degrees/s", "frames", "mean angle between orientations of the head in the world, a frame apart"),
    ("trunk_yaw_3s", "degrees", "stretches", f"mean deviation of the chest's heading within {STRETCH:g} s"),
    ("finger_variety_3s", "degrees", "stretches", f"mean deviation of 30 finger joints within {STRETCH:g} s"),
)


@dataclass(frozen=True)
class Presence:
    """Figures of one set of motions; means over all frames unless said otherwise."""

    seconds: float
    wrist_speed: float  # metres a second, both wrists in the frame of the chest
    still_share: float  # share of frames with both wrists below STILL_SPEED
    strokes_per_minute: float
    one_handed_share: float  # of strokes
    hanging_share: float  # of frames with both wrists less than HANGING above the hips
    chest_share: float  # of frames with a wrist higher than the middle of the spine (spine2)
    head_speed: float  # degrees a second, the head's turn in the world
    trunk_yaw: float  # degrees, deviation of the chest's heading within a motion, mean over motions
    finger_variety: float  # degrees, deviation of finger joints from their mean within a motion, mean over motions
    hand_through_share: float  # of frames with a hand through the other one or the trunk (``contact``)

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def presence(motions: Sequence[Motion]) -> Presence:
    """Figures of a set of motions together; of at least one stroke and two frames each."""
    speeds, still, hanging, high, heads = [], [], [], [], []
    found = one_handed = 0
    yaws, fingers, seconds = [], [], 0.0
    for motion in motions:
        speed = hand_speed(motion)
        speeds.append(speed.ravel())
        still.append((speed < STILL_SPEED).all(axis=1))
        low, raised = _heights(motion)
        hanging.append(low)
        high.append(raised)
        own = strokes(motion)
        found += len(own)
        one_handed += sum(_is_one_handed(speed, stroke.time, motion.fps) for stroke in own)
        head, heading = _turns(motion)
        heads.append(head)
        yaws.append(heading.std())
        fingers.append(_variety(motion.rotations[:, [*LEFT_HAND, *RIGHT_HAND]].astype(np.float64)))
        seconds += motion.seconds
    return Presence(
        seconds,
        float(np.concatenate(speeds).mean()),
        float(np.concatenate(still).mean()),
        60 * found / seconds,
        one_handed / max(found, 1),
        float(np.concatenate(hanging).mean()),
        float(np.concatenate(high).mean()),
        float(np.concatenate(heads).mean()),
        float(np.mean(yaws)),
        float(np.mean(fingers)),
        through_share(motions),
    )


class PresenceFigures:
    """The figures of ``presence`` that rules of standing bodies set, clip by clip: measure finished bodies.

    Deviations of trunk and fingers grow with the length of a motion, so here they are those within stretches of 3 s.
    As chance of ``one_handed_share`` stands what hands that know nothing of each other would have.
    """

    def __init__(self, *, fps: float = FPS, bootstrap: Bootstrap = DEFAULT) -> None:
        self.fps, self.sums = fps, Sums(2 * (len(_FIGURES) + 1), bootstrap)
        self.left_out = 0

    def update(self, motion: Motion, *, clip: str) -> None:
        """Take a clip on the canonical skeleton; one of less than two frames is left out."""
        check_canonical(motion, clip=clip)
        check_rate(motion, self.fps, clip=clip)
        whole = len(motion) >= 2
        self.left_out += not whole
        if whole:
            self.sums.add(_sums(motion), clip=clip)

    def compute(self) -> tuple[Value, ...]:
        """Those of which there is something to measure. Raises UserError without any clip."""
        values, total = [], self.sums.total
        for k, (name, unit, counted, convention) in enumerate(_FIGURES):
            label = Label(name, unit, counted, convention, "real")
            if not self.sums.clips:
                raise label.nothing(self.left_out)
            if not total[2 * k + 1]:
                continue
            value, replicates = self.sums.figure(partial(_ratio, k=k))
            values.append(
                label.value(
                    value,
                    count=int(total[2 * k + 1]),
                    clips=len(self.sums.clips),
                    replicates=replicates,
                    left_out=self.left_out,
                    chance=None if k else float(_ratio(total, len(_FIGURES))),
                )
            )
        return tuple(values)


def _sums(motion: Motion) -> np.ndarray:
    """Of every figure its sum and of how much, then those of chance."""
    speed, own = hand_speed(motion), strokes(motion)
    apart = [np.stack([speed[:, side], np.roll(speed[:, 1 - side], len(speed) // 2)], axis=1) for side in (0, 1)]
    alone = [_is_one_handed(speed, stroke.time, motion.fps) for stroke in own]
    by_chance = [_is_one_handed(apart[stroke.side == "right"], stroke.time, motion.fps) for stroke in own]
    head, heading = _turns(motion)
    low, raised = _heights(motion)
    length = round(STRETCH * motion.fps)
    stretches = [slice(start, start + length) for start in range(0, len(motion) - length + 1, length)]
    joints = motion.rotations[:, [*LEFT_HAND, *RIGHT_HAND]].astype(np.float64)
    yaws, fingers = [heading[part].std() for part in stretches], [_variety(joints[part]) for part in stretches]
    samples = (alone, low, raised, head, yaws, fingers, by_chance)
    return np.array([(np.sum(values), len(values)) for values in samples], dtype=np.float64).ravel()


def _ratio(sums: np.ndarray, k: int) -> np.ndarray:
    ratio: np.ndarray = sums[..., 2 * k] / sums[..., 2 * k + 1]
    return ratio


def _heights(motion: Motion) -> tuple[np.ndarray, np.ndarray]:
    """[T] whether both wrists hang, and whether one is up."""
    skeleton, positions = canonical_skeleton(), motion.positions
    height = positions[:, skeleton.indices(["left_wrist", "right_wrist"]), 1]
    hips = positions[:, skeleton.indices(["left_hip", "right_hip"]), 1].mean(axis=1, keepdims=True)
    middle = skeleton.index("spine2")
    raised = height > positions[:, middle : middle + 1, 1]
    return np.asarray((height < hips + HANGING).all(axis=1)), np.asarray(raised.any(axis=1))


def _turns(motion: Motion) -> tuple[np.ndarray, np.ndarray]:
    """[T - 1] degrees a second of the head, [T] degrees of the chest's heading, both in the world."""
    skeleton = canonical_skeleton()
    world = global_rotations(motion.rotations.astype(np.float64), skeleton.parents)
    head, chest = world[:, skeleton.index("head")], world[:, skeleton.index("spine3")]
    heading: np.ndarray = np.rad2deg(np.unwrap(np.arctan2(chest[:, 0, 2], chest[:, 2, 2])))
    pace: np.ndarray = np.rad2deg(geodesic(head[1:], head[:-1])) * motion.fps
    return pace, heading


def _is_one_handed(speed: np.ndarray, time: float, fps: float) -> bool:
    reach = round(NEAR_STROKE * fps)
    frame = round(time * fps)
    near = speed[max(0, frame - reach) : frame + reach + 1].max(axis=0)
    return bool(near.min() < ONE_HAND * near.max())


def _variety(rotations: np.ndarray) -> float:
    """Degrees: root mean square angle of [T, J, 3, 3] from their mean rotation, mean over joints."""
    u, _, v = np.linalg.svd(rotations.mean(axis=0))
    flip = np.ones((len(u), 3))
    flip[:, 2] = np.linalg.det(u @ v)
    mean = (u * flip[:, None]) @ v
    relative = transpose(mean)[None] @ rotations
    angle = geodesic(relative, np.broadcast_to(np.eye(3), relative.shape))
    return float(np.rad2deg(np.sqrt((angle**2).mean(axis=0))).mean())
