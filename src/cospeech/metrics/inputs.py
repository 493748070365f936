"""What goes into a metric, checked: bodies, points, rows of features. All float64.

Errors name the clip, and both sides where two do not fit together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import UserError
from ..motion.kinematics import forward, joint_positions
from ..motion.motion import Motion
from ..motion.skeleton import CANONICAL_NAMES

Body = Motion | np.ndarray  # a motion, or points [T, K, D] of any kind


def finite(values: Any, *, clip: str, what: str = "values") -> np.ndarray:
    """An array as float64. Raises UserError, naming the clip, if a number is not finite."""
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise UserError(f"clip {clip!r}: {what} hold numbers that are not finite; repair or leave out the clip")
    return array


def feature_rows(values: Any, *, clip: str, dim: int | None = None) -> np.ndarray:
    """Rows of features [N, D] as float64, checked. Raises UserError for another shape."""
    rows = finite(values, clip=clip, what="features")
    if rows.ndim != 2 or (dim is not None and rows.shape[1] != dim):
        wanted = "[rows, D]" if dim is None else f"[rows, {dim}]"
        raise UserError(f"clip {clip!r}: features must be {wanted}, got {list(rows.shape)}")
    return rows


def points(body: Body, *, clip: str, fps: float | None = None) -> np.ndarray:
    """[T, K, D] float64: the joints of a motion in the world in metres, or points as they are.

    Raises:
        UserError: another shape, no frames, a number that is not finite, or another rate.
    """
    if not isinstance(body, Motion):
        array = finite(body, clip=clip, what="points")
        if array.ndim != 3 or not array.size:
            raise UserError(f"clip {clip!r}: points must be [frames, points, axes], got {list(array.shape)}")
        return array
    if fps is not None:
        check_rate(body, fps, clip=clip)
    if not len(body):
        raise UserError(f"clip {clip!r}: the motion has no frames; leave it out")
    rotations, translation = body.rotations.astype(np.float64), body.translation.astype(np.float64)
    return np.asarray(joint_positions(rotations, translation, body.skeleton))


def in_chest(motion: Motion, joints: tuple[str, ...]) -> np.ndarray:
    """[T, K, 3] metres, float64: joints in the frame of the chest (spine3), canonical skeleton."""
    skeleton = motion.skeleton
    world, position = forward(
        motion.rotations.astype(np.float64), np.zeros((len(motion), 3)), skeleton.parents, skeleton.offsets
    )
    chest = skeleton.index("spine3")
    offset = position[:, skeleton.indices(list(joints))] - position[:, chest : chest + 1]
    local: np.ndarray = np.einsum("tji,tkj->tki", world[:, chest], offset)
    return local


def pair_of_points(
    generated: Body, real: Body, *, clip: str, fps: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Points of what was made and of the truth, of one shape. Raises UserError where they differ."""
    check_pair(generated, real, clip=clip)
    return points(generated, clip=clip, fps=fps), points(real, clip=clip, fps=fps)


def check_pair(generated: Body, real: Body, *, clip: str) -> None:
    """Raise UserError, naming both sides, if skeleton, rate, length or shape differ."""
    if isinstance(generated, Motion) and isinstance(real, Motion):
        if generated.skeleton != real.skeleton:
            sides = f"{len(generated.skeleton)} joints, {len(real.skeleton)} joints or other bone lengths"
            raise UserError(f"clip {clip!r}: made and real skeleton differ ({sides}); retarget one of them")
        if abs(generated.fps - real.fps) > 1e-3:
            rates = f"made has {generated.fps:g} frames a second, real {real.fps:g}"
            raise UserError(f"clip {clip!r}: {rates}; resample one of them")
        if len(generated) != len(real):
            raise UserError(f"clip {clip!r}: made has {len(generated)} frames, real {len(real)}; cut both alike")
    elif isinstance(generated, Motion) or isinstance(real, Motion):
        raise UserError(f"clip {clip!r}: one side is a motion, the other an array; give both alike")
    elif np.shape(generated) != np.shape(real):
        shapes = f"made has shape {list(np.shape(generated))}, real {list(np.shape(real))}"
        raise UserError(f"clip {clip!r}: {shapes}; cut both alike")


def check_rate(motion: Motion, fps: float, *, clip: str) -> None:
    """Raise UserError if a motion has another frame rate than the metric is defined at."""
    if abs(motion.fps - fps) > 1e-3:
        raise UserError(
            f"clip {clip!r}: the motion has {motion.fps:g} frames a second, the metric needs {fps:g}; "
            f"resample the motion first"
        )


def check_canonical(motion: Motion, *, clip: str) -> None:
    """Raise UserError if a motion is not on the canonical skeleton."""
    if motion.skeleton.names != CANONICAL_NAMES:
        raise UserError(
            f"clip {clip!r}: expected the canonical {len(CANONICAL_NAMES)}-joint skeleton, got one of "
            f"{len(motion.skeleton)} joints; retarget the motion first"
        )


def check_extractor(got: str, wanted: str | None) -> None:
    """Raise UserError if features of different extractors would meet."""
    if got != wanted:
        raise UserError(
            f"features of extractor {got!r} cannot be compared with those of {wanted!r}; "
            f"extract made and real motion with the same one"
        )
