"""Motions that must be met exactly: a user's own poses and clips (ExGes, "Precision control", hard mode)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...core.errors import UserError
from ...core.rotation import matrix_to_quaternion, quaternion_to_matrix, slerp, transpose
from ...core.timing import FPS, seconds_to_frame
from ...motion.motion import Motion
from ...motion.skeleton import canonical_skeleton
from ...sampling.edit import ease, joint_indices, time_spans
from ..editing import canonical, in_place, onto

TRUNK = canonical_skeleton().indices(["spine1", "spine2", "spine3"])

FADE = 0.5  # seconds over which a pinned pose is let go, as an edit fades [D]


@dataclass(frozen=True, eq=False)
class Pin:
    """A motion that must be met: exactly, in a span, at some joints."""

    motion: Motion  # canonical, as long as the span at least; one frame is held
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


def checked(pin: Pin, seconds: float) -> Pin:
    """A pin with its motion at 30 fps and as long as its span, one frame being held.

    Args:
        seconds: how long the speech is.
    Raises:
        UserError: an impossible span, an unknown joint, another skeleton, or a motion that is too short.
    """
    ((start, end),) = time_spans([(pin.start, pin.end)], seconds)
    joint_indices(pin.joints)
    frames = max(1, seconds_to_frame(end) - seconds_to_frame(start))
    motion = canonical(pin.motion).resample(FPS)
    if 1 < len(motion) < frames:
        raise UserError(
            f"{pin.source or 'the constraint'} lasts {motion.seconds:.2f} s, less than the "
            f"{end - start:.2f} s from {start:g} to {end:g}; give a shorter span, or one frame to hold a pose"
        )
    held = np.zeros(frames, dtype=int) if len(motion) == 1 else np.arange(frames)
    motion = replace(
        motion, rotations=motion.rotations[held], translation=motion.translation[held], face=None, extra={}
    )
    return replace(pin, motion=motion, start=start, end=end)


def pinned(motion: Motion, pins: Sequence[Pin], *, begun: bool = False, ended: bool = False) -> Motion:
    """The motion with the pins' own rotations at their joints; what is left to turn fades over ``FADE``.

    Limbs have the local rotations of the pin. A trunk is turned onto the pelvis that is there, so that the
    chest looks where it does in the pin. A fade ends where another pin begins.

    Args:
        pins: checked; of two that overlap the later one holds.
        begun, ended: the first or the last frame is a pose that must stay.
    """
    rotations = motion.rotations.copy()
    fixed = np.zeros(rotations.shape[:2], dtype=bool)  # [T, J]
    fixed[0], fixed[-1] = begun, ended
    jobs = []
    for pin in pins:
        first = seconds_to_frame(pin.start)
        last = min(len(motion), first + len(pin.motion))
        joints = joint_indices(pin.joints)
        if last <= first:
            continue
        wanted = pin.motion[: last - first].rotations.copy()
        new = onto(in_place(pin.motion[: last - first]), motion[first:last])
        wanted[:, TRUNK] = new[:, TRUNK]
        fixed[first:last, joints] = True
        jobs.append((first, last, joints, wanted))
    for first, last, joints, wanted in jobs:
        for edge, target, away in ((first, wanted[0], -1), (last - 1, wanted[-1], 1)):
            if 0 <= edge + away < len(motion):
                here = motion.rotations[edge + away]  # not at the edge itself, where the network was told
                _fade(rotations, here, target, joints, edge, away, fixed)
    for first, last, joints, wanted in jobs:
        rotations[first:last, joints] = wanted[:, joints]
    return replace(motion, rotations=rotations)


def _fade(
    rotations: np.ndarray,
    here: np.ndarray,
    target: np.ndarray,
    joints: Sequence[int],
    edge: int,
    away: int,
    fixed: np.ndarray,
) -> None:
    """Turn the frames beside a pin's edge towards it, less and less, in place."""
    turn = matrix_to_quaternion(target[joints].astype(np.float64) @ transpose(here[joints]))
    none = np.zeros_like(turn)
    none[:, 0] = 1.0
    for n, joint in enumerate(joints):
        beside = fixed[edge + away :: away, joint]
        room = int(beside.argmax()) if beside.any() else len(beside)
        size = min(seconds_to_frame(FADE), room + 1)
        frames = edge + away * np.arange(1, min(size, room + 1))
        if not len(frames):
            continue
        share = 1 - ease(np.arange(1, len(frames) + 1) / size)
        part = quaternion_to_matrix(slerp(none[n][None], turn[n][None], share))
        rotations[frames, joint] = part @ rotations[frames, joint]
