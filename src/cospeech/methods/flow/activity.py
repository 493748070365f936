"""The activity of body parts over time, and noise on its clock.

A part's activity is how fast it moves: the wrist in the frame of the chest, or the turn of head and chest together.
It is a condition of the flow and also the clock of its noise: where a part is still its noise stands still, so that
holds are holds (a decision of ours; docs/experiments.md).
"""

from __future__ import annotations

import numpy as np

from ...core.rotation import geodesic
from ...core.timing import FPS
from ...motion.codec import Codec
from ...motion.kinematics import global_rotations
from ...motion.phases import wrists_in_chest
from ...motion.skeleton import canonical_skeleton
from .latents import STACK

LEVELS = 16
ARM_SPEEDS = (0.02, 2.0)  # metres a second of the wrist: level 0 and the last
TRUNK_SPEEDS = (1.0, 120.0)  # degrees a second of head and chest
ARM_CLOCK = 0.35  # metres a second at which noise is renewed with every latent
TRUNK_CLOCK = 30.0  # degrees a second
SLOWEST_CLOCK = 0.01  # renewals a latent where a part is still
FASTEST_CLOCK = 1.5
OCTAVE = (LEVELS - 1) * np.log(2) / np.log(ARM_SPEEDS[1] / ARM_SPEEDS[0])  # levels to double a speed
_LOW = np.array([ARM_SPEEDS[0], ARM_SPEEDS[0], TRUNK_SPEEDS[0]])
_HIGH = np.array([ARM_SPEEDS[1], ARM_SPEEDS[1], TRUNK_SPEEDS[1]])
_CLOCK = np.array([ARM_CLOCK, ARM_CLOCK, TRUNK_CLOCK])


def part_speeds(encoded: np.ndarray, codec: Codec) -> np.ndarray:
    """Encoded motion [T, C] -> [ceil(T / STACK), 3]: mean speed of left arm and right arm (m/s) and trunk (deg/s)."""
    encoded = np.pad(encoded, ((0, -len(encoded) % STACK), (0, 0)), mode="edge")
    motion = codec.decode(encoded)
    wrists = wrists_in_chest(motion).astype(np.float64)
    skeleton = canonical_skeleton()
    world = global_rotations(motion.rotations.astype(np.float64), skeleton.parents)
    parts = world[:, skeleton.indices(["head", "spine3"])]
    turn = np.rad2deg(geodesic(parts[:-1], parts[1:])).mean(1) * FPS
    step = np.linalg.norm(np.diff(wrists, axis=0), axis=-1) * FPS
    frames = np.concatenate([step, turn[:, None]], axis=1)
    frames = np.concatenate([frames[:1], frames]) if len(frames) else np.zeros((len(encoded), 3))
    means: np.ndarray = frames.reshape(-1, STACK, 3).mean(1)
    return means


def to_levels(speeds: np.ndarray) -> np.ndarray:
    """Speeds [..., 3] -> [..., 3] from 0 (still) to LEVELS - 1, on a logarithmic scale, not rounded."""
    share = np.log(np.maximum(speeds, 1e-6) / _LOW) / np.log(_HIGH / _LOW)
    levels: np.ndarray = np.clip(share, 0.0, 1.0) * (LEVELS - 1)
    return levels


def to_speeds(levels: np.ndarray) -> np.ndarray:
    """The inverse of ``to_levels``."""
    speeds: np.ndarray = _LOW * (_HIGH / _LOW) ** (levels / (LEVELS - 1))
    return speeds


def renewals(levels: np.ndarray) -> np.ndarray:
    """Levels [N, 3] -> [N, 3] how often the noise is renewed in each latent."""
    rate: np.ndarray = np.clip(to_speeds(levels) / _CLOCK, SLOWEST_CLOCK, FASTEST_CLOCK)
    rate[levels < 0.5] = SLOWEST_CLOCK
    return rate


def clock(levels: np.ndarray) -> np.ndarray:
    """Levels [N, 3] -> [N, 3] time of the noise, in renewals since the first latent."""
    return np.cumsum(renewals(levels), axis=0)


def noise_at(times: np.ndarray, knots: np.ndarray, *, first: int = 0) -> np.ndarray:
    """Noise [N, D] of unit variance at times [N] among independent ``knots`` [K, D] that lie one renewal apart.

    Args:
        first: time of the first knot.
    """
    index = np.minimum(np.floor(times).astype(int), first + len(knots) - 2)
    share = (times - index)[:, None]
    mixed = (1 - share) * knots[index - first] + share * knots[index - first + 1]
    noise: np.ndarray = (mixed / np.sqrt((1 - share) ** 2 + share**2)).astype(np.float32)
    return noise


class PartNoise:
    """Noise of one part, latent after latent, on the clock of its activity."""

    def __init__(self, width: int, rng: np.random.Generator) -> None:
        """``width``: numbers of the part in a latent."""
        self._rng, self._width = rng, width
        self._time: float | None = None  # of the clock at the last latent
        self._origin = self._offset = 0.0
        self._knots, self._first = np.zeros((0, width)), 0

    def push(self, rate: np.ndarray, *, keep: int | None = None) -> np.ndarray:
        """Renewals [N] (``renewals``) of the next latents -> their noise [N, D] float32.

        Args:
            keep: latents after which the next push goes on; the noise of the others is drawn ahead. All if None.
        """
        if self._time is None:
            self._offset, self._origin = self._rng.random(), float(rate[0])
        times = np.cumsum(rate) if self._time is None else np.cumsum(np.concatenate([[self._time], rate]))[1:]
        own = times - self._origin + self._offset
        missing = int(own[-1]) + 3 - self._first - len(self._knots)
        if missing > 0:
            self._knots = np.concatenate([self._knots, self._rng.standard_normal((missing, self._width))])
        noise = noise_at(own, self._knots, first=self._first)
        last = len(rate) - 1 if keep is None else keep - 1
        self._time = float(times[last])
        passed = int(own[last]) - self._first
        self._knots, self._first = self._knots[passed:], self._first + passed
        return noise
