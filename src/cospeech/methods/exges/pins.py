"""Motions that must be met exactly: a user's own poses and clips (ExGes, "Precision control", hard mode)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...motion.motion import Motion
from ...rotation import matrix_to_quaternion, quaternion_to_matrix, slerp, transpose
from ...sampling.edit import ease, joint_indices
from ...timing import seconds_to_frame

FADE = 0.5  # seconds over which a pinned pose is let go, as an edit fades [D]


@dataclass(frozen=True, eq=False)
class Pin:
    """A motion that must be met: exactly, in a span, at some joints."""

    motion: Motion  # canonical, 30 fps, as long as the span; one frame is held
    start: float  # seconds
    end: float
    joints: tuple[str, ...] = ()  # groups and joints by name (``sampling.edit``); all if none
    source: str = ""


def joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order; those that overlap or touch become one."""
    result: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if result and first <= result[-1][1]:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return result


def pinned(motion: Motion, pin: Pin, span: tuple[int, int]) -> Motion:
    """The motion with a pin's own rotations at its joints; what is left to turn fades over ``FADE``."""
    first, last = span
    joints = joint_indices(pin.joints)
    wanted = pin.motion.rotations
    wanted = np.repeat(wanted, last - first, 0) if len(wanted) == 1 else wanted[: last - first]
    rotations = motion.rotations.copy()
    size = seconds_to_frame(FADE)
    for edge, target, away in ((first, wanted[0], -1), (last - 1, wanted[-1], 1)):
        missing = target[joints].astype(np.float64) @ transpose(motion.rotations[edge, joints])
        turn = matrix_to_quaternion(missing)
        none = np.zeros_like(turn)
        none[:, 0] = 1.0
        for k in range(1, size):
            frame = edge + away * k
            if 0 <= frame < len(motion):
                share = np.full(len(joints), 1 - ease(np.array(k / size)))
                part = quaternion_to_matrix(slerp(none, turn, share))
                rotations[frame, joints] = part @ rotations[frame, joints]
    rotations[first:last][:, joints] = wanted[:, joints]
    return replace(motion, rotations=rotations)
