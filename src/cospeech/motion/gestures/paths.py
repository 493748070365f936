"""The way of a hand through the keys of a gesture: smooth curves of place, direction and shape over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from ...core.rotation import matrix_to_quaternion, transpose
from ..procedural.fingers import finger_rotation
from ..procedural.hand_shapes import SPREAD, HandShape, finger_curl
from ..skeleton import canonical_skeleton
from .gesture import HandKey, TurnKey, direction
from .manner import Manner
from .reach import easy_elbow, reaching
from .recorded import fingers_of_side

LOWEST = -10.0  # degrees: further in an elbow meets the ribs
_SHAPE = tuple(field.name for field in fields(HandShape) if field.name != "weight")


@dataclass(frozen=True)
class HandPath:
    """One hand through a gesture; times are seconds of the motion, x is to the left."""

    side: str
    times: np.ndarray  # [K]
    wrist: np.ndarray  # [K, 3] metres in the frame of the chest
    fingers: np.ndarray  # [K, 3]
    palm: np.ndarray  # [K, 3]
    lift: np.ndarray  # [K] degrees
    shape: np.ndarray  # [K, 6]

    @property
    def first(self) -> float:
        """Seconds: the beginning of the stroke."""
        return float(self.times[0])

    @property
    def last(self) -> float:
        """Seconds: the end of what it does, before it is held."""
        return float(self.times[-1])

    def turns(self, at: np.ndarray, collar: np.ndarray, alive: np.ndarray) -> np.ndarray:
        """Local rotations [T, 18, 4] of shoulder, elbow, wrist and fingers.

        Args:
            at: [T] seconds.
            collar: [T, 3, 3] the collar's local rotation, which is kept.
            alive: [T, 3] metres by which the wrist is moved away from its path.
        """
        skeleton = canonical_skeleton()
        wrist, fingers, palm, lift, shape = self.at(at)
        offsets = skeleton.offsets[skeleton.indices([f"{self.side}_collar", f"{self.side}_shoulder"])]
        shoulder = offsets[0] + collar @ offsets[1]
        arm = reaching(self.side, wrist + alive, fingers, palm, lift, shoulder=shoulder)
        turns = (transpose(collar) @ arm.upper, transpose(arm.upper) @ arm.lower, transpose(arm.lower) @ arm.hand)
        return np.concatenate([matrix_to_quaternion(np.stack(turns, axis=1)), _finger_turns(self.side, shape)], axis=1)

    def at(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Wrist, fingers, palm, lift and shape at times [T]; before and after the keys as at the first and last one."""
        table = np.concatenate([self.wrist, self.fingers, self.palm, self.lift[:, None], self.shape], axis=1)
        values = through(self.times, table, times)
        return values[:, :3], values[:, 3:6], values[:, 6:9], values[:, 9], values[:, 10:]


def hand_path(keys: Sequence[HandKey], side: str, stroke: float, manner: Manner, *, leads: bool) -> HandPath:
    """The path of a hand in a use of a gesture.

    Args:
        side: of the hand, "left" or "right".
        stroke: seconds at which the stroke is fastest.
        leads: whether it is the hand that leads; the other one is a little later and elsewhere.
    """
    outwards = np.array([1.0 if side == "left" else -1.0, 1.0, 1.0])
    place = np.array([key.at for key in keys], dtype=np.float64)
    middle = place.mean(axis=0)
    size = manner.size * (1.0 if leads else manner.less)
    wrist = middle + size * (place - middle) + manner.place + (0.0 if leads else manner.apart)
    wrist *= outwards
    fingers, palm = (
        np.array([direction(getattr(key, name)) for key in keys]) * outwards for name in ("fingers", "palm")
    )
    lift = easy_elbow(side, wrist, fingers, palm) + np.array([key.lift for key in keys])
    lift = np.maximum(lift + manner.lift, LOWEST)
    shape = np.array([[getattr(key.hand_shape, name) for name in _SHAPE] for key in keys])
    times = np.array([key.time for key in keys]) * manner.tempo + stroke + (0.0 if leads else manner.later)
    return HandPath(side, times, wrist, fingers, palm, lift, shape)


def turn_path(keys: Sequence[TurnKey], stroke: float, manner: Manner, hold: float) -> tuple[np.ndarray, np.ndarray]:
    """Times [K] in seconds and angles [K, 3] (pitch, yaw to the left, roll to the left; degrees), from and to none.

    Args:
        hold: seconds for which the last key is held.
    """
    sign = 1.0 if manner.side == "left" else -1.0
    angles = np.array([(key.pitch, sign * key.yaw, sign * key.roll) for key in keys]) * manner.size
    times = np.array([key.time for key in keys]) * manner.tempo + stroke
    eased, rest = 0.3 * manner.tempo, np.zeros((1, 3))
    ends = [times[-1] + hold] if hold > 0.05 else []
    held = [angles[-1:]] if hold > 0.05 else []
    late = (ends or [times[-1]])[0] + 1.5 * eased
    return (np.array([times[0] - eased, *times, *ends, late]), np.concatenate([rest, angles, *held, rest]))


def through(times: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """A curve with continuous acceleration through values [K, C] at times [K], at rest at both ends, held beyond.

    A cubic spline whose slopes at the ends are zero.
    """
    count = len(times)
    if count == 1:
        return np.repeat(values, len(at), axis=0)
    step = np.diff(times)
    rise = np.diff(values, axis=0) / step[:, None]
    matrix, right = np.eye(count), np.zeros_like(values)
    for k in range(1, count - 1):  # equal second derivatives on both sides of a key
        matrix[k, k - 1 : k + 2] = 1 / step[k - 1], 2 / step[k - 1] + 2 / step[k], 1 / step[k]
        right[k] = 3 * (rise[k - 1] / step[k - 1] + rise[k] / step[k])
    slopes = np.linalg.solve(matrix, right)
    part = np.clip(np.searchsorted(times, at, side="right") - 1, 0, count - 2)
    s = np.clip((at - times[part]) / step[part], 0, 1)[:, None]
    width = step[part][:, None]
    low, high = values[part], values[part + 1]
    curve: np.ndarray = (
        (1 + 2 * s) * (1 - s) ** 2 * low
        + s * (1 - s) ** 2 * width * slopes[part]
        + s**2 * (3 - 2 * s) * high
        + s**2 * (s - 1) * width * slopes[part + 1]
    )
    return curve


def _finger_turns(side: str, shape: np.ndarray) -> np.ndarray:
    """Local rotations [T, 15, 4] of the fingers of a hand in shapes [T, 6]."""
    turns, closures = [], dict(zip(_SHAPE, shape.T, strict=True))
    still = np.zeros(len(shape))
    for index in fingers_of_side(side):
        finger, joint = canonical_skeleton().names[index].split("_")[1][:-1], int(canonical_skeleton().names[index][-1])
        apart = SPREAD[finger] * closures["spread"] if joint == 1 else still
        turns.append(finger_rotation(side, finger, index, finger_curl(finger, joint - 1, closures[finger]), apart))
    return np.asarray(matrix_to_quaternion(np.stack(turns, axis=1)))
