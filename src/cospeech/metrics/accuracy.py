"""How near made motion is to the truth, frame by frame: PCM, SRGR, errors of places, turns and faces.

Another gesture than the recorded one may be as good, so these judge reconstruction, and of generation
only the face. Both sides must have one skeleton, rate and length; what differs is an error.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..core.errors import UserError
from ..core.rotation import geodesic
from ..core.timing import FPS
from ..motion.motion import Motion
from .base import DEFAULT, Bootstrap, Label, MeanMetric
from .inputs import Body, check_pair, finite, pair_of_points

SRGR_FULL = 0.165  # mean semantic score of BEAT, by which the public code divides


class PCM(MeanMetric):
    """Percent of correct motion parameters: the share of points nearer to the truth than delta.

    Called PCK for key points (Euclidean distance, strictly below delta, as in DiffSHEG). For other
    parameters give them as points of one axis, [T, P, 1].

    Args:
        delta: in units of the input (metres for motions), or of the box.
        normalise: "none", or "box": distances in units of the longer side of the box around all real
            points of the clip, as for the 2D key points of Contextual Gesture (at 0.05, 0.1, 0.2). [D]
    """

    def __init__(
        self, delta: float = 0.1, *, normalise: Literal["none", "box"] = "none", bootstrap: Bootstrap = DEFAULT
    ) -> None:
        if normalise not in ("none", "box"):
            raise UserError(f"normalise must be none or box, got {normalise!r}")
        self.delta, self.normalise = delta, normalise
        unit = "of the longer side of the real clip's box" if normalise == "box" else "units of the points"
        label = Label(
            f"pcm_delta{delta:g}" + ("_box" if normalise == "box" else ""),
            "1",
            "frames",
            f"share of points within {delta:g} {unit} of the truth",
            "higher",
        )
        super().__init__(label, bootstrap)

    def update(self, generated: Body, real: Body, *, clip: str) -> None:
        """Take a clip of both sides: motions, or points [T, K, D]."""
        a, b = pair_of_points(generated, real, clip=clip)
        delta = self.delta * (_box(b, clip) if self.normalise == "box" else 1.0)
        near = np.linalg.norm(a - b, axis=-1) < delta
        self.add(float(near.mean(axis=1).sum()), len(near), clip=clip)


class SRGR(MeanMetric):
    """Semantic-relevant gesture recall (BEAT): PCK with every frame weighted by its semantic score.

    sum_t s_t (share of joints within delta) / sum_t s_t, so that a perfect clip has 1. With ``compat``
    as in the public code: the scores are divided by 0.165, their mean in BEAT, and then by the number
    of frames, so that a perfect clip of another corpus has more or less than 1.
    """

    def __init__(self, delta: float = 0.1, *, compat: bool = False, bootstrap: Bootstrap = DEFAULT) -> None:
        self.delta, self.compat = delta, compat
        within = f"share of joints within {delta:g} of the truth (L2), weighted by semantic score"
        label = Label(f"srgr_delta{delta:g}", "1", "frames", within, "higher")
        super().__init__(label.as_in_public_code(compat, " / 0.165, over frames, as in public code"), bootstrap)

    def update(self, generated: Body, real: Body, semantic: Any, *, clip: str) -> None:
        """Take a clip of both sides and its semantic scores [T], 0 or more.

        A clip without any score above 0 has no weight (with ``compat`` it counts as frames missed).
        """
        a, b = pair_of_points(generated, real, clip=clip)
        score = finite(semantic, clip=clip, what="semantic scores")
        if score.shape != (len(a),) or (score < 0).any():
            raise UserError(
                f"clip {clip!r}: semantic scores must be [{len(a)}] and not below 0, got {list(score.shape)}"
            )
        share = (np.linalg.norm(a - b, axis=-1) < self.delta).mean(axis=1)
        weight = len(a) * SRGR_FULL if self.compat else float(score.sum())
        if not weight:
            self.left_out += 1
            return
        self.add(float(score @ share), weight, clip=clip, count=len(a))


class MSE(MeanMetric):
    """Mean squared error over all coordinates: face vertices, expression coefficients, key points."""

    def __init__(self, *, bootstrap: Bootstrap = DEFAULT) -> None:
        label = Label("mse", "unit^2", "frames", "mean over frames and coordinates of (made - real)^2")
        super().__init__(label, bootstrap)

    def update(self, generated: Any, real: Any, *, clip: str) -> None:
        """Take a clip of both sides: [T, ...] of one shape."""
        a, b = _pair(generated, real, clip)
        self.add(float(((a - b) ** 2).mean(axis=1).sum()), len(a), clip=clip)


class LVD(MeanMetric):
    """Face velocity error of BEAT2: mean |difference of frame-to-frame changes| over coordinates.

    Of vertices or coefficients, in their unit a frame. With ``compat`` the sum is divided by T frames
    and not by the T - 1 changes that there are, as in the public code.
    """

    def __init__(self, *, compat: bool = False, bootstrap: Bootstrap = DEFAULT) -> None:
        self.compat = compat
        mean = "mean over changes and coordinates of |change made - change real|"
        label = Label("lvd", "unit/frame", "frames", mean)
        super().__init__(label.as_in_public_code(compat, ", divided by T instead of T - 1"), bootstrap)

    def update(self, generated: Any, real: Any, *, clip: str) -> None:
        """Take a clip of both sides: [T, ...] of one shape; one of a single frame is left out."""
        a, b = _pair(generated, real, clip)
        if len(a) < 2:
            self.left_out += 1
            return
        gap = np.abs(np.diff(a, axis=0) - np.diff(b, axis=0)).mean(axis=1).sum()
        self.add(float(gap), len(a) if self.compat else len(a) - 1, clip=clip, count=len(a))


class MPJPE(MeanMetric):
    """Mean per joint position error: mean distance of joints from the truth, metres for motions.

    Args:
        root_relative: subtract the first joint of either side first.
    """

    def __init__(self, *, root_relative: bool = False, bootstrap: Bootstrap = DEFAULT) -> None:
        self.root_relative = root_relative
        label = Label(
            "mpjpe" + ("_root" if root_relative else ""),
            "m",
            "frames",
            "mean distance of joints " + ("relative to the root" if root_relative else "in the world"),
        )
        super().__init__(label, bootstrap)

    def update(self, generated: Body, real: Body, *, clip: str) -> None:
        """Take a clip of both sides: motions, or points [T, K, D]."""
        a, b = pair_of_points(generated, real, clip=clip)
        if self.root_relative:
            a, b = a - a[:, :1], b - b[:, :1]
        self.add(float(np.linalg.norm(a - b, axis=-1).mean(axis=1).sum()), len(a), clip=clip)


class MPJRE(MeanMetric):
    """Mean per joint rotation error: geodesic angle between local rotations, degrees.

    Args:
        joints: indices of the joints; all if None.
    """

    def __init__(self, *, joints: list[int] | None = None, bootstrap: Bootstrap = DEFAULT) -> None:
        self.joints = joints
        which = "all joints" if joints is None else f"{len(joints)} joints"
        label = Label("mpjre", "degrees", "frames", f"geodesic angle of local rotations, {which}")
        super().__init__(label, bootstrap)

    def update(self, generated: Motion, real: Motion, *, clip: str) -> None:
        """Take a clip of both sides."""
        check_pair(generated, real, clip=clip)
        joints = slice(None) if self.joints is None else self.joints
        angle = geodesic(
            generated.rotations[:, joints].astype(np.float64), real.rotations[:, joints].astype(np.float64)
        )
        self.add(float(np.degrees(angle).mean(axis=1).sum()), len(angle), clip=clip)


class MAJE(MeanMetric):
    """Mean absolute joint error (Yoon et al. 2020): mean |made - real| over coordinates."""

    def __init__(self, *, bootstrap: Bootstrap = DEFAULT) -> None:
        super().__init__(Label("maje", "m", "frames", "mean |made - real| over coordinates"), bootstrap)

    def update(self, generated: Body, real: Body, *, clip: str) -> None:
        """Take a clip of both sides: motions, or points [T, K, D]."""
        a, b = pair_of_points(generated, real, clip=clip)
        self.add(float(np.abs(a - b).mean(axis=(1, 2)).sum()), len(a), clip=clip)


class DerivativeError(MeanMetric):
    """Mean absolute difference of velocity (order 1) or acceleration (order 2, the MAD of papers).

    Mean over coordinates of |n-th difference made - real| x fps^n. Papers leave the rate out and give
    it a frame; divide by fps^n to compare.
    """

    def __init__(self, order: int = 2, *, fps: float = FPS, bootstrap: Bootstrap = DEFAULT) -> None:
        if order not in (1, 2):
            raise UserError(f"order must be 1 (velocity) or 2 (acceleration), got {order}")
        self.order, self.fps = order, fps
        label = Label(
            ("velocity_error", "mad")[order - 1],
            ("m/s", "m/s^2")[order - 1],
            "frames",
            f"mean |difference of order {order}, made - real| x fps^{order}, {fps:g} frames a second",
        )
        super().__init__(label, bootstrap)

    def update(self, generated: Body, real: Body, *, clip: str) -> None:
        """Take a clip of both sides; one with too few frames is left out."""
        a, b = pair_of_points(generated, real, clip=clip, fps=self.fps)
        gap = np.diff(a - b, n=self.order, axis=0)
        if not len(gap):
            self.left_out += 1
            return
        self.add(float(np.abs(gap).mean(axis=(1, 2)).sum()) * self.fps**self.order, len(gap), clip=clip)


def _box(real: np.ndarray, clip: str) -> float:
    """The longer side of the box around points [T, K, D]."""
    side = float((real.max(axis=(0, 1)) - real.min(axis=(0, 1))).max())
    if not side > 0:
        raise UserError(f"clip {clip!r}: all real points are one point, so there is no box; leave it out")
    return side


def _pair(generated: Any, real: Any, clip: str) -> tuple[np.ndarray, np.ndarray]:
    """Arrays [T, ...] of one shape as [T, C]."""
    check_pair(np.asarray(generated), np.asarray(real), clip=clip)
    a, b = finite(generated, clip=clip), finite(real, clip=clip)
    if a.ndim < 2 or not a.size:
        raise UserError(f"clip {clip!r}: expected [frames, coordinates ...], got {list(a.shape)}")
    return a.reshape(len(a), -1), b.reshape(len(b), -1)
