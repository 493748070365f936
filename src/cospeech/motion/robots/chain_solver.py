"""Inverse kinematics of a chain of joints for all frames at once: directions are matched within limits.

Damped least squares (Wampler 1986; Nakamura and Hanafusa 1986) with joints at their limits taken out while they are
pushed outwards, coupled in time by a weak pull to the mean of the neighbouring frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .urdf import Joint

ITERATIONS = 60
_CONVERGED = 3e-5  # radians
_TRIED = 15  # iterations by which starts are compared
_DAMPING = 1e-4
_COUPLING = 0.02  # weight of a frame's difference from its neighbours
_RESTING = 1e-4  # weight of the difference from the resting pose, where a target leaves a joint free
_LARGEST_STEP = 0.3  # radians an iteration
_STARTS = 5
_SAMPLED = 24  # frames on which starts are compared


@dataclass(frozen=True, eq=False)
class Aim:
    """A direction of the chain that should be as given.

    Args:
        name: for reports.
        target: [T, 3] unit vectors in the frame of the link that carries the chain.
        weight: of its difference.
        start: place on the chain, (joint, point in the frame of its child link) where the direction begins; None for
            a direction that is fixed to a link.
        end: where it ends; or that link's joint and the direction in its frame.
    """

    name: str
    target: np.ndarray
    weight: float
    end: tuple[int, np.ndarray]
    start: tuple[int, np.ndarray] | None = None


@dataclass(frozen=True, eq=False)
class Pose:
    """A chain in T frames, in the frame of the link that carries it."""

    origins: np.ndarray  # [T, J, 3] of the joints
    axes: np.ndarray  # [T, J, 3]
    links: np.ndarray  # [T, J, 3, 3] rotations of their child links


class Chain:
    """Joints of which each carries the next one; those of ``moving`` are solved for, the others stay as they are."""

    def __init__(self, joints: Sequence[Joint], moving: Sequence[Joint]) -> None:
        self.joints = tuple(joints)
        self.moving = [at for at, joint in enumerate(joints) if joint in moving and joint.kind != "prismatic"]
        self.solved = [joint for joint in (self.joints[at] for at in self.moving) if joint.mimic is None]
        own = [joint.name for joint in self.solved]
        self._gain, self._offset = self._linear(own)
        self.lower = np.array([joint.lower for joint in self.solved])
        self.upper = np.array([joint.upper for joint in self.solved])
        self.rest = np.array([joint.neutral for joint in self.solved])

    def _linear(self, own: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Positions of all joints by those that are solved for, [J, solved] and what is added [J]: mimics follow."""
        gain = np.zeros((len(self.joints), len(own)))
        offset = np.array([joint.neutral if joint.movable else 0.0 for joint in self.joints])
        for at in self.moving:
            joint = self.joints[at]
            if joint.mimic is None:
                gain[at, own.index(joint.name)], offset[at] = 1.0, 0.0
            elif joint.mimic.joint in own:
                gain[at, own.index(joint.mimic.joint)] = joint.mimic.multiplier
                offset[at] = joint.mimic.offset
        return gain, offset

    def index(self, name: str) -> int:
        """The place of a joint in the chain."""
        return next(at for at, joint in enumerate(self.joints) if joint.name == name)

    def pose(self, angles: np.ndarray) -> Pose:
        """Forward kinematics of [T, solved] positions."""
        values = angles @ self._gain.T + self._offset
        count = len(angles)
        rotation, position = np.broadcast_to(np.eye(3), (count, 3, 3)), np.zeros((count, 3))
        origins, axes, links = [], [], []
        for at, joint in enumerate(self.joints):
            position = position + rotation @ joint.position
            rotation = rotation @ joint.rotation
            origins.append(position)
            axes.append(rotation @ joint.axis)
            if joint.kind == "prismatic":
                position = position + axes[-1] * values[:, at, None]
            elif joint.movable:
                rotation = rotation @ _turned(joint.axis, values[:, at])
            links.append(rotation)
        return Pose(np.stack(origins, 1), np.stack(axes, 1), np.stack(links, 1))

    def directions(self, pose: Pose, aim: Aim) -> np.ndarray:
        """[T, 3] unit vectors of an aim."""
        vector, _ = self._vector(pose, aim)
        return np.asarray(vector / np.linalg.norm(vector, axis=-1, keepdims=True))

    def _point(self, pose: Pose, at: int, local: np.ndarray) -> np.ndarray:
        return np.asarray(pose.origins[:, at] + pose.links[:, at] @ local)

    def _vector(self, pose: Pose, aim: Aim) -> tuple[np.ndarray, np.ndarray]:
        """The vector [T, 3] of an aim and its derivative [T, 3, J] by the positions of all joints."""
        at, local = aim.end
        before = np.arange(len(self.joints))
        if aim.start is None:
            vector = pose.links[:, at] @ local
            change = np.cross(pose.axes, vector[:, None]) * (before <= at)[:, None]
            return vector, np.moveaxis(change, 1, 2)
        first, begin = aim.start
        tip, base = self._point(pose, at, local), self._point(pose, first, begin)
        change = np.cross(pose.axes, tip[:, None] - pose.origins) * (before <= at)[:, None]
        change = change - np.cross(pose.axes, base[:, None] - pose.origins) * (before <= first)[:, None]
        return tip - base, np.moveaxis(change, 1, 2)

    def _system(self, angles: np.ndarray, aims: Sequence[Aim], frames: slice) -> tuple[np.ndarray, np.ndarray]:
        """Differences [T, 3 A] of the aims and their derivatives [T, 3 A, solved]."""
        pose = self.pose(angles)
        differences, slopes = [], []
        for aim in aims:
            vector, change = self._vector(pose, aim)
            length = np.linalg.norm(vector, axis=-1, keepdims=True)
            unit = vector / length
            change = (change - unit[:, :, None] * np.einsum("ti,tij->tj", unit, change)[:, None]) / length[:, :, None]
            differences.append(aim.weight * (unit - aim.target[frames]))
            slopes.append(aim.weight * change @ self._gain)
        return np.concatenate(differences, 1), np.concatenate(slopes, 1)

    def solve(self, aims: Sequence[Aim], *, start: np.ndarray | None = None, bounded: bool = True) -> np.ndarray:
        """Positions [T, solved] that match the aims best.

        Args:
            start: [T, solved] to begin from; the best of some poses without it.
            bounded: keep the limits.
        """
        count = len(aims[0].target)
        if start is None:
            start = np.repeat(self._best_start(aims)[None], count, 0)
        return self._iterate(start, aims, slice(None), ITERATIONS, bounded=bounded)[0]

    def _best_start(self, aims: Sequence[Aim]) -> np.ndarray:
        """The pose from which some frames are matched best: the resting one, or one within the limits [D]."""
        chance = np.random.default_rng(0)
        low, high = np.maximum(self.lower, -np.pi), np.minimum(self.upper, np.pi)
        more = _STARTS if len(self.solved) > 3 else 0
        starts = [self.rest, 0.5 * (low + high), *(chance.uniform(low, high) for _ in range(more))]
        step = max(1, len(aims[0].target) // _SAMPLED)
        frames = slice(None, None, step)
        count = len(aims[0].target[frames])
        tried = [self._iterate(np.repeat(one[None], count, 0), aims, frames, _TRIED, coupled=False) for one in starts]
        errors = [
            float(np.mean(error)) + 0.01 * float(np.abs(np.diff(x, axis=0)).mean() if count > 1 else 0)
            for x, error in tried
        ]
        return np.asarray(np.median(tried[int(np.argmin(errors))][0], axis=0))

    def _iterate(
        self,
        angles: np.ndarray,
        aims: Sequence[Aim],
        frames: slice,
        iterations: int,
        *,
        bounded: bool = True,
        coupled: bool = True,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Positions after so many steps, and the squared error of each frame."""
        size = angles.shape[1]
        coupling = _COUPLING if coupled and len(angles) > 2 else 0.0
        lower, upper = (self.lower, self.upper) if bounded else (np.full(size, -2 * np.pi), np.full(size, 2 * np.pi))
        error = np.zeros(len(angles))
        for _ in range(iterations):
            difference, slope = self._system(angles, aims, frames)
            error = np.einsum("ti,ti->t", difference, difference)
            gradient = np.einsum("tij,ti->tj", slope, difference) + _RESTING * (angles - self.rest)
            gradient += coupling * (angles - _neighbours(angles))
            stuck = ((angles <= lower + 1e-9) & (gradient > 0)) | ((angles >= upper - 1e-9) & (gradient < 0))
            slope = np.where(stuck[:, None], 0.0, slope)
            normal = np.einsum("tij,tik->tjk", slope, slope) + (_DAMPING + _RESTING + coupling) * np.eye(size)
            step = np.linalg.solve(normal, -np.where(stuck, 0.0, gradient)[..., None])[..., 0]
            longest = np.abs(step).max(axis=1, keepdims=True)
            step *= np.minimum(1.0, _LARGEST_STEP / np.maximum(longest, 1e-12))
            angles = np.clip(angles + step, lower, upper)
            if longest.max() < _CONVERGED:
                break
        return angles, error


def _neighbours(values: np.ndarray) -> np.ndarray:
    """The mean of the frames before and after each one; ends keep their own value."""
    mean = values.copy()
    mean[1:-1] = 0.5 * (values[:-2] + values[2:])
    return mean


def _turned(axis: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """[T, 3, 3] rotations about one axis (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    sine, versine = np.sin(angles)[:, None, None], (1.0 - np.cos(angles))[:, None, None]
    return np.asarray(np.eye(3) + sine * cross + versine * (cross @ cross))


def within_speed(values: np.ndarray, speed: np.ndarray, fps: float) -> np.ndarray:
    """The nearest curves [T, J] whose speed keeps a limit, without lag.

    Mean of the largest curve below and of the smallest one above that keep the limit: the best one in the largest
    deviation, and the values themselves where these keep it. It never leaves their range.

    >>> within_speed(np.array([[0.0], [1.0], [0.0]]), np.array([10.0]), 30.0).ravel().round(3).tolist()
    [0.333, 0.667, 0.333]
    """
    if not len(values):
        return values
    finite = np.where(np.isfinite(speed), speed, 0.0)
    slope = np.arange(len(values))[:, None] * finite / fps

    def envelope(curve: np.ndarray) -> np.ndarray:
        there = np.minimum.accumulate(curve - slope, axis=0) + slope
        return np.asarray(np.minimum.accumulate((there + slope)[::-1], axis=0)[::-1] - slope)

    limited = 0.5 * (envelope(values) - envelope(-values))
    kept = np.all(np.abs(np.diff(values, axis=0)) * fps <= finite + 1e-12, axis=0)
    return np.where(np.isfinite(speed) & ~kept, limited, values)
