"""Is it good motion by itself: smoothness, planted feet, possible joints, and figures like real ones.

Smooth is not good: a frozen body has no jerk. Where real motion has a value of its own, that is the
mark (``Value.better`` is "real") and its figure belongs beside the made one (``base.beside``). Wrists
are measured relative to the chest, so that leaning and turning do not count as gesturing.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..core.errors import UserError
from ..core.timing import FPS
from ..motion.kinematics import speed
from ..motion.motion import Motion
from ..motion.phases import STILL_SPEED, STROKE_SPEED
from .base import DEFAULT, Bootstrap, Label, MeanMetric
from .inputs import check_canonical, check_rate, in_chest, points
from .liveliness import JointRanges

WRISTS = ("left_wrist", "right_wrist")
MOVEMENT = 0.2  # seconds that a movement lasts at least


class DerivativeSize(MeanMetric):
    """Mean size of acceleration (order 2) or jerk (order 3): n-th differences x fps^n.

    Measured motion is never smoothed first, so these show trembling and depend on the rate.

    Args:
        order: 2 for metres a second squared, 3 for metres a second cubed.
        joints: names; the wrists by default.
        frame: "chest" (relative to spine3, canonical skeleton) or "world".
    """

    def __init__(
        self,
        order: int = 3,
        *,
        joints: tuple[str, ...] = WRISTS,
        frame: Literal["chest", "world"] = "chest",
        fps: float = FPS,
        bootstrap: Bootstrap = DEFAULT,
    ) -> None:
        if order not in (2, 3) or frame not in ("chest", "world"):
            raise UserError(f"order must be 2 or 3 and frame chest or world, got {order} and {frame!r}")
        self.order, self.joints, self.frame, self.fps = order, joints, frame, fps
        label = Label(
            f"{('acceleration', 'jerk')[order - 2]}_{frame}",
            f"m/s^{order}",
            "frames",
            f"mean norm of difference {order} x fps^{order} of {', '.join(joints)} in the {frame}'s frame, "
            f"{fps:g} frames a second",
            "real",
        )
        super().__init__(label, bootstrap)

    def update(self, motion: Motion, *, clip: str) -> None:
        """Take a clip; one of too few frames is left out."""
        check_rate(motion, self.fps, clip=clip)
        if self.frame == "chest":
            place = in_chest(motion, self.joints)
        else:
            place = points(motion, clip=clip)[:, motion.skeleton.indices(list(self.joints))]
        steps = np.linalg.norm(np.diff(place, n=self.order, axis=0), axis=-1)
        if not len(steps):
            self.left_out += 1
            return
        self.add(float(steps.mean(axis=1).sum()) * self.fps**self.order, len(steps), clip=clip)


def sparc(pace: np.ndarray, fps: float, *, padlevel: int = 4, cutoff: float = 10.0, threshold: float = 0.05) -> float:
    """Spectral arc length of one movement (SPARC, Balasubramanian et al. 2015): below 0, smoother near 0.

    The length of the curve of the magnitude spectrum, divided by its largest value, over frequency
    divided by the band kept: up to the last frequency below ``cutoff`` at which it is ``threshold``.
    Neither the size of the movement nor its unit matters.

    Args:
        pace: [T] speed of one movement from rest to rest.
        padlevel: zeros are added up to 2^padlevel times the next power of two.
        cutoff: Hz.

    Raises:
        UserError: the speed is zero throughout, or the rate too low for the cutoff.
    """
    if fps < 2 * cutoff:
        raise UserError(f"{fps:g} frames a second hold nothing up to {cutoff:g} Hz; give a lower cutoff")
    if len(pace) < 2 or not np.any(pace):
        raise UserError("a movement needs two frames and some speed; leave still stretches out")
    size = 2 ** (int(np.ceil(np.log2(len(pace)))) + padlevel)
    frequency = np.arange(size // 2 + 1) * fps / size
    magnitude = np.abs(np.fft.rfft(pace, size))
    magnitude = (magnitude / magnitude.max())[frequency <= cutoff]
    last = np.flatnonzero(magnitude >= threshold)[-1]
    if not last:
        return 0.0
    return float(-np.hypot(np.diff(magnitude[: last + 1]), 1 / last).sum())


def movements(pace: np.ndarray, fps: float) -> list[tuple[int, int]]:
    """Movements of one hand, (first, end) frames: speed [T] over 0.06 m/s for 0.2 s, over 0.25 once. [D]"""
    edges = np.flatnonzero(np.diff(np.pad((pace >= STILL_SPEED).astype(int), 1))).reshape(-1, 2)
    return [(int(a), int(b)) for a, b in edges if b - a >= MOVEMENT * fps and pace[a:b].max() >= STROKE_SPEED]


class Sparc(MeanMetric):
    """Mean spectral arc length of the movements of both hands; below 0, smoother near 0.

    SPARC is defined for one movement from rest to rest, and its value grows with length where there is
    more than one; so hands are cut where they are slower than 0.06 m/s (``movements``), and movements
    weigh alike. Speeds are relative to the chest and not smoothed.
    """

    def __init__(self, *, cutoff: float = 10.0, fps: float = FPS, bootstrap: Bootstrap = DEFAULT) -> None:
        self.cutoff, self.fps = cutoff, fps
        label = Label(
            "sparc",
            "1",
            "movements",
            f"hand speed, padding level 4, cutoff {cutoff:g} Hz, threshold 0.05, cut below 0.06 m/s",
            "real",
        )
        super().__init__(label, bootstrap)

    def update(self, motion: Motion, *, clip: str) -> None:
        """Take a clip; one in which no hand moves is left out."""
        check_rate(motion, self.fps, clip=clip)
        pace = speed(in_chest(motion, WRISTS), motion.fps)
        lengths = [
            sparc(hand[a:b], self.fps, cutoff=self.cutoff) for hand in pace.T for a, b in movements(hand, self.fps)
        ]
        if not lengths:
            self.left_out += 1
            return
        self.add(float(np.sum(lengths)), len(lengths), clip=clip)


class FootSkate(MeanMetric):
    """Mean horizontal speed of planted feet, metres a second. [D]

    A foot is planted in a frame if its ball (the joint ``left_foot`` or ``right_foot``) is less than
    ``height`` above where it is in rest pose on the floor and moves up or down by less than
    ``lift``. Feet that slide fast are still planted; feet that are lifted are not.

    Args:
        floor: height of the floor, metres; the canonical one is 0. None: as low as the lower foot ever
            comes in the clip, for recordings whose floor is unknown.
    """

    def __init__(
        self,
        *,
        height: float = 0.03,
        lift: float = 0.15,
        floor: float | None = 0.0,
        fps: float = FPS,
        bootstrap: Bootstrap = DEFAULT,
    ) -> None:
        self.height, self.lift, self.floor, self.fps = height, lift, floor, fps
        ground = "the lowest foot of the clip" if floor is None else f"a floor at {floor:g} m"
        label = Label(
            "foot_skate",
            "m/s",
            "planted feet (foot x frame)",
            f"horizontal speed of feet within {height:g} m of {ground} and slower than {lift:g} m/s upward",
        )
        super().__init__(label, bootstrap)

    def update(self, motion: Motion, *, clip: str) -> None:
        """Take a clip on the canonical skeleton; one without a planted foot is left out."""
        check_canonical(motion, clip=clip)
        check_rate(motion, self.fps, clip=clip)
        skeleton = motion.skeleton
        feet = skeleton.indices(["left_foot", "right_foot"])
        place = points(motion, clip=clip)[:, feet]
        if len(place) < 2:
            self.left_out += 1
            return
        above = place[..., 1] - (
            place[..., 1].min() if self.floor is None else self.floor + skeleton.rest_positions[feet, 1]
        )
        velocity = np.gradient(place, axis=0) * motion.fps
        planted = (above < self.height) & (np.abs(velocity[..., 1]) < self.lift)
        if not planted.any():
            self.left_out += 1
            return
        sliding = np.hypot(velocity[..., 0], velocity[..., 2])[planted]
        self.add(float(sliding.sum()), len(sliding), clip=clip)


class JointLimits(MeanMetric):
    """Share of joint rotations outside of what real people's joints do (``liveliness.JointRanges``).

    Args:
        ranges: from real motions that are not measured here.
        joints: indices of the joints that the ranges are of.
        tolerance: degrees.
    """

    def __init__(
        self, ranges: JointRanges, joints: list[int], *, tolerance: float = 2.0, bootstrap: Bootstrap = DEFAULT
    ) -> None:
        if len(ranges.low) != len(joints):
            raise UserError(f"ranges of {len(ranges.low)} joints for {len(joints)} joints; give the same ones")
        self.ranges, self.joints, self.tolerance = ranges, joints, tolerance
        label = Label(
            "joint_limits",
            "1",
            "rotations (joint x frame)",
            f"share with a component of the rotation vector over {tolerance:g} degrees out of real ranges, "
            f"{len(joints)} joints",
        )
        super().__init__(label, bootstrap)

    def update(self, motion: Motion, *, clip: str) -> None:
        """Take a clip."""
        count = len(motion) * len(self.joints)
        if not count:
            self.left_out += 1
            return
        share = self.ranges.outside(motion, self.joints, tolerance=self.tolerance)
        self.add(share * count, count, clip=clip)
