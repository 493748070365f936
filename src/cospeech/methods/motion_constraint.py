"""Motions that must be met exactly: a user's own poses and clips (ExGes, "Precision control", hard mode)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arguments import several
from ..core.deprecation import renamed_attribute
from ..core.errors import UserError
from ..core.rotation import matrix_to_quaternion, quaternion_to_matrix, slerp, transpose
from ..core.timing import FPS, seconds_to_frame
from ..motion.motion import Motion, load_motion
from ..motion.retarget import on_canonical
from ..motion.skeleton import canonical_skeleton
from ..sampling.edit import ease, joint_indices, time_spans
from .editing import canonical, in_place, onto

TRUNK = canonical_skeleton().indices(["spine1", "spine2", "spine3"])

FADE = 0.5  # seconds over which a constrained pose is let go, as an edit fades [D]


@dataclass(frozen=True, eq=False)
class MotionConstraint:
    """A motion that must be met: exactly, in a span, at some joints."""

    motion: Motion  # canonical, as long as the span at least; one frame is held
    start: float  # seconds
    end: float
    joints: tuple[str, ...] = ()  # groups and joints by name (``sampling.edit``); all if none
    source: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "joints": list(self.joints) or "all",
            "source": self.source,
        }


def __getattr__(name: str) -> Any:
    if name == "Pin":
        return renamed_attribute(__name__, name, "MotionConstraint", MotionConstraint)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def requested_constraints(given: Any) -> tuple[str | MotionConstraint, ...]:
    """One constraint or several, each a ``MotionConstraint`` or a text, not yet read.

    Raises:
        UserError: something else.
    """
    constraints = () if given is None else several(given)
    for constraint in constraints:
        if not isinstance(constraint, str | MotionConstraint):
            raise UserError(
                "constraint must be FILE@START:END, FILE@START:END:JOINTS or a MotionConstraint; "
                f"got {type(constraint).__name__}"
            )
    return constraints


def read_constraint(
    constraint: str | MotionConstraint, seconds: float, *, map: str | Path | None = None
) -> MotionConstraint:
    """A constraint as it is, or "FILE@START:END[:JOINTS]" with its motion, cut to the span.

    Args:
        seconds: how long the speech is.
        map: which joint of the file's rig is which, as ``load_motion`` takes it.
    """
    if isinstance(constraint, MotionConstraint):
        return constraint
    name, sign, rest = constraint.rpartition("@")
    start, end, joints = (*rest.split(":", 2), "", "", "")[:3]
    if not sign or not end:
        raise UserError(
            f"a constraint is FILE@START:END or FILE@START:END:JOINTS, as in wave.bvh@2.0:3.5:hands; got {constraint!r}"
        )
    ((first, last),) = time_spans([f"{start}:{end}"], seconds)
    motion = on_canonical(load_motion(name, map=map)).resample(FPS)
    frames = seconds_to_frame(last) - seconds_to_frame(first)
    if len(motion) > 1:
        if len(motion) < frames:
            raise UserError(
                f"{name} lasts {motion.seconds:.2f} s, less than the {last - first:.2f} s from {start} to "
                f"{end}; give a shorter span, or a file of one frame to hold a pose"
            )
        motion = motion[:frames]
    groups = tuple(part for part in joints.split(",") if part)
    joint_indices(groups)
    return MotionConstraint(motion, first, last, groups, Path(name).name)


def joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order; those that overlap or touch become one."""
    result: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if result and first <= result[-1][1]:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return result


def checked_constraint(constraint: MotionConstraint, seconds: float) -> MotionConstraint:
    """A constraint with its motion at 30 fps and as long as its span, one frame being held.

    Args:
        seconds: how long the speech is.
    Raises:
        UserError: an impossible span, an unknown joint, another skeleton, or a motion that is too short.
    """
    ((start, end),) = time_spans([(constraint.start, constraint.end)], seconds)
    joint_indices(constraint.joints)
    frames = max(1, seconds_to_frame(end) - seconds_to_frame(start))
    motion = canonical(constraint.motion).resample(FPS)
    if 1 < len(motion) < frames:
        raise UserError(
            f"{constraint.source or 'the constraint'} lasts {motion.seconds:.2f} s, less than the "
            f"{end - start:.2f} s from {start:g} to {end:g}; give a shorter span, or one frame to hold a pose"
        )
    held = np.zeros(frames, dtype=int) if len(motion) == 1 else np.arange(frames)
    motion = replace(
        motion, rotations=motion.rotations[held], translation=motion.translation[held], face=None, extra={}
    )
    return replace(constraint, motion=motion, start=start, end=end)


def constrained(
    motion: Motion, constraints: Sequence[MotionConstraint], *, keep_first: bool = False, keep_last: bool = False
) -> Motion:
    """The motion with the constraints' own rotations at their joints; what is left to turn fades over ``FADE``.

    Limbs have the local rotations of the constraint. A trunk is turned onto the pelvis that is there, so that the
    chest faces as it does in the constraint. A fade ends where another constraint begins.

    Args:
        constraints: checked; of two that overlap the later one holds.
        keep_first, keep_last: the first or the last frame is a pose that must stay.
    """
    rotations = motion.rotations.copy()
    fixed = np.zeros(rotations.shape[:2], dtype=bool)  # [T, J]
    fixed[0], fixed[-1] = keep_first, keep_last
    jobs = []
    for constraint in constraints:
        first = seconds_to_frame(constraint.start)
        last = min(len(motion), first + len(constraint.motion))
        joints = joint_indices(constraint.joints)
        if last <= first:
            continue
        wanted = constraint.motion[: last - first].rotations.copy()
        new = onto(in_place(constraint.motion[: last - first]), motion[first:last])
        wanted[:, TRUNK] = new[:, TRUNK]
        fixed[first:last, joints] = True
        jobs.append((first, last, joints, wanted))
    for first, last, joints, wanted in jobs:
        for edge, target, away in ((first, wanted[0], -1), (last - 1, wanted[-1], 1)):
            if 0 <= edge + away < len(motion):
                here = motion.rotations[edge + away]  # not at the edge itself, which the network was shown
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
    """Turn the frames beside a constraint's edge towards it, less and less, in place."""
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
