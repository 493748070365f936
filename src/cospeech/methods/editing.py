"""Motion from anywhere as the models know it, a body that faces +z and stands, and back again.

On the way back the trunk is turned onto the pelvis that the motion has. Both are decisions of ours [D].
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core.errors import UserError
from ..core.rotation import axis_rotation, transpose
from ..core.timing import FPS, frame_times
from ..motion.codec import Codec
from ..motion.kinematics import global_rotations
from ..motion.motion import Motion
from ..motion.procedural.posture import distribute_spine, stand
from ..motion.procedural.standing import lowered
from ..motion.skeleton import canonical_skeleton

TURNED = np.deg2rad(45.0)  # a pose that faces further aside than this is turned to the front [D]

Span = tuple[int, int]  # frames [first, last + 1) at 30 a second


@dataclass(frozen=True)
class StepWindow:
    """Steps of a network, several frames each, of a span to sample anew and of what is read round it."""

    low: int  # first step that the span touches
    high: int  # one after the last
    start: int  # first step that is read
    stop: int

    @classmethod
    def around(cls, span: Span, frames: int, step: int, context: int) -> StepWindow:
        """The window of a span in so many frames, with ``context`` steps on either side where there are any."""
        low, high = span[0] // step, -(-span[1] // step)
        return cls(low, high, max(0, low - context), min(frames // step, high + context))

    @property
    def inside(self) -> slice:
        """Steps of the span, counted from ``start``."""
        return slice(self.low - self.start, self.high - self.start)

    def frames(self, step: int) -> slice:
        """Frames that are read."""
        return slice(self.start * step, self.stop * step)

    def of_span(self, span: Span, step: int) -> slice:
        """Frames of the span, counted from the first one that is read."""
        return slice(span[0] - self.start * step, span[1] - self.start * step)


def padded(values: np.ndarray, step: int) -> np.ndarray:
    """[T, ...] whose last row is repeated until T is a multiple of ``step``."""
    fill = -len(values) % step
    return np.pad(values, ((0, fill), *[(0, 0)] * (values.ndim - 1)), mode="edge")


def encoded_pose(pose: Motion) -> np.ndarray:
    """[T, C] of canonical poses as the models know people, whatever their rate is."""
    return Codec().encode(stand(lowered(replace(pose, fps=FPS, face=None, extra={}))))


def in_place(motion: Motion) -> Motion:
    """Canonical motion as the model knows it: 30 fps, the pelvis facing +z at all times, standing.

    Raises:
        UserError: the motion is on another skeleton.
    """
    motion = canonical(motion).resample(FPS)
    rotations = motion.rotations.copy()
    rotations[:, 0] = transpose(heading(rotations[:, 0])) @ rotations[:, 0]
    return stand(replace(motion, rotations=rotations, face=None, extra={}))


def onto(new: Motion, motion: Motion) -> np.ndarray:
    """Local rotations [T, J, 3, 3] of ``new``, which is in place, for the pelvis and frames of ``motion``.

    Chest and all above it look where they looked, seen from where the pelvis is heading; the spine
    leads there.
    """
    skeleton = canonical_skeleton()
    if len(new) != len(motion) or abs(motion.fps - FPS) > 1e-3:
        new = new.warp(frame_times(len(motion), fps=motion.fps))
    rotations = new.rotations.copy()
    chest = skeleton.index("spine3")
    world = global_rotations(rotations[:, : chest + 1], skeleton.parents[: chest + 1])[:, chest]
    pelvis = motion.rotations[:, 0]
    turn = transpose(pelvis) @ heading(pelvis) @ world
    for name, local in distribute_spine(turn, 0.0).items():
        rotations[:, skeleton.index(name)] = local
    return rotations


def canonical(motion: Motion) -> Motion:
    """The same motion. Raises UserError if it is on another skeleton."""
    if motion.skeleton != canonical_skeleton():
        raise UserError(
            f"expected the canonical {len(canonical_skeleton())}-joint skeleton, got another one of "
            f"{len(motion.skeleton)} joints; retarget the motion first"
        )
    return motion


def without_origin(extra: dict[str, Any]) -> dict[str, Any]:
    """What goes with a motion, without the explanation of its gestures, which an edit makes untrue."""
    return {name: value for name, value in extra.items() if name != "explain"}


def heading(pelvis: np.ndarray) -> np.ndarray:
    """[..., 3, 3] turn about y of the direction in which a pelvis [..., 3, 3] faces."""
    return axis_rotation("Y", _aside(pelvis))


def _aside(pelvis: np.ndarray) -> np.ndarray:
    angle: np.ndarray = np.arctan2(pelvis[..., 0, 2], pelvis[..., 2, 2])
    return angle


def facing_front(pose: Motion) -> Motion:
    """A canonical pose that faces far aside, turned to the front; any other one as it is.

    Raises:
        UserError: the pose is on another skeleton.
    """
    pelvis = canonical(pose).rotations[:, 0]
    if np.abs(_aside(pelvis)).max() <= TURNED:
        return pose
    rotations = pose.rotations.copy()
    rotations[:, 0] = transpose(heading(pelvis)) @ pelvis
    return replace(pose, rotations=rotations)
