"""The figures of ``liveliness`` as metrics with intervals, and how far hand speeds are from real ones.

Means are sums over sums. Percentiles come from histograms with bins of 2 mm (2 mm/s), straight within a
bin, so that a test set may be of any length and the values are those of ``liveliness`` but for a part
of a bin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..core.errors import UserError
from ..core.timing import FPS
from ..motion.kinematics import speed
from ..motion.motion import Motion
from ..motion.phases import STILL_SPEED, hand_speed, strokes
from .base import DEFAULT, Bootstrap, Label, Sums, Value
from .inputs import check_canonical, check_rate, in_chest
from .liveliness import palm_in_trunk
from .quality import WRISTS

SPEED_BIN, SPEED_TOP = 0.002, 10.0  # metres a second; what is faster counts as the top
POSITION_BIN, POSITION_RANGE = 0.002, 1.2  # metres from the chest, farther than an arm reaches

_MEANS: tuple[tuple[str, str, str, str], ...] = (
    ("speed_mean", "m/s", "frames", "mean speed of the wrists, Hann-smoothed over 3 frames"),
    ("jerk", "m/s^3", "frames", "mean norm of the wrists' third difference x fps^3"),
    ("strokes_per_minute", "1/min", "strokes", "strokes of phases.strokes a minute"),
    ("still_share", "1", "frames", f"share of frames with both wrists below {STILL_SPEED:g} m/s"),
    ("trunk_share", "1", "frames", "share of frames with a palm inside the trunk"),
)


class LivelinessFigures:
    """All figures of ``liveliness``: real ones are the mark, so measure real motion alike."""

    def __init__(self, *, fps: float = FPS, bootstrap: Bootstrap = DEFAULT) -> None:
        self.fps = fps
        self.means = Sums(2 * len(_MEANS), bootstrap)
        self.speeds = Sums(round(SPEED_TOP / SPEED_BIN), bootstrap)
        self.places = Sums(6 * round(2 * POSITION_RANGE / POSITION_BIN), bootstrap)
        self.frames = 0
        self.left_out = 0

    def update(self, motion: Motion, *, clip: str) -> None:
        """Take a clip on the canonical skeleton; one of less than five frames is left out."""
        check_canonical(motion, clip=clip)
        check_rate(motion, self.fps, clip=clip)
        frames = len(motion)
        if frames < 5:
            self.left_out += 1
            return
        pace = hand_speed(motion, smooth=3)
        place = in_chest(motion, WRISTS)
        jerk = np.linalg.norm(np.diff(place, n=3, axis=0), axis=-1) * motion.fps**3
        still = (hand_speed(motion) < STILL_SPEED).all(axis=1)
        pairs = (
            (pace.sum(), pace.size),
            (jerk.sum(), jerk.size),
            (len(strokes(motion)), motion.seconds / 60),
            (still.sum(), frames),
            (palm_in_trunk(motion).sum(), frames),
        )
        self.means.add(np.array(pairs, dtype=np.float64).ravel(), clip=clip)
        self.speeds.add(speed_counts(pace), clip=clip)
        bins = round(2 * POSITION_RANGE / POSITION_BIN)
        cell = np.clip(((place.reshape(frames, 6) + POSITION_RANGE) / POSITION_BIN).astype(int), 0, bins - 1)
        counts = [np.bincount(column, minlength=bins) for column in cell.T]
        self.places.add(np.concatenate(counts), clip=clip)
        self.frames += frames

    def compute(self) -> tuple[Value, ...]:
        """speed_mean, jerk, strokes_per_minute, still_share, trunk_share, speed_p95, extent."""
        values = []
        for k, (name, unit, counted, convention) in enumerate(_MEANS):
            label = Label(name, unit, counted, f"{convention}, {self.fps:g} frames a second", "real")
            if not self.frames:
                raise label.nothing(self.left_out)
            count = self.means.total[2 * k] if counted == "strokes" else self.frames
            values.append(self._value(label, self.means, partial(_ratio, k=k), int(count)))
        label = Label("speed_p95", "m/s", "frames", "95th percentile of the speed of speed_mean", "real")
        values.append(self._value(label, self.speeds, lambda s: SPEED_BIN * quantile(s, 0.95), self.frames))
        label = Label("extent", "m", "frames", "mean over wrists and axes of the 5th to 95th percentile range", "real")
        values.append(self._value(label, self.places, _extent, self.frames))
        return tuple(values)

    def _value(self, label: Label, sums: Sums, figure: Callable[[np.ndarray], np.ndarray], count: int) -> Value:
        value, replicates = sums.figure(figure)
        return label.value(value, count=count, clips=len(sums.clips), replicates=replicates, left_out=self.left_out)


def speed_counts(pace: np.ndarray) -> np.ndarray:
    """Histogram of speeds in metres a second: [SPEED_TOP / SPEED_BIN] counts."""
    bins = round(SPEED_TOP / SPEED_BIN)
    cell = np.minimum((np.ravel(pace) / SPEED_BIN).astype(int), bins - 1)
    return np.bincount(cell, minlength=bins).astype(np.float64)


def quantile(counts: np.ndarray, share: float) -> np.ndarray:
    """Place, in bins, below which a share of counts [..., B] lies; straight within a bin."""
    rising = counts.cumsum(axis=-1)
    wanted = share * rising[..., -1:]
    cell = np.minimum((rising < wanted).sum(axis=-1), counts.shape[-1] - 1)[..., None]
    inside = np.take_along_axis(counts, cell, -1)
    before = np.take_along_axis(rising, cell, -1) - inside
    with np.errstate(divide="ignore", invalid="ignore"):
        place: np.ndarray = (cell + (wanted - before) / inside)[..., 0]
    return place


def _ratio(sums: np.ndarray, k: int) -> np.ndarray:
    ratio: np.ndarray = sums[..., 2 * k] / sums[..., 2 * k + 1]
    return ratio


def _extent(sums: np.ndarray) -> np.ndarray:
    counts = sums.reshape(*sums.shape[:-1], 6, -1)
    extent: np.ndarray = POSITION_BIN * (quantile(counts, 0.95) - quantile(counts, 0.05)).mean(axis=-1)
    return extent


@dataclass(frozen=True, eq=False)
class SpeedHistogram:
    """How fast real hands are: shares of frames and wrists in bins of 2 mm/s."""

    shares: np.ndarray
    frames: int
    clips: int

    @classmethod
    def of(cls, motions: Iterable[Motion], *, fps: float = FPS) -> SpeedHistogram:
        """From real motions on the canonical skeleton. Raises UserError without any."""
        counts, frames, clips = np.zeros(round(SPEED_TOP / SPEED_BIN)), 0, 0
        for number, motion in enumerate(motions):
            check_canonical(motion, clip=f"real {number}")
            check_rate(motion, fps, clip=f"real {number}")
            counts += speed_counts(speed(in_chest(motion, WRISTS), motion.fps))
            frames += len(motion)
            clips += 1
        if not frames:
            raise UserError("no real motion to take hand speeds from; give at least one clip")
        return cls(counts / counts.sum(), frames, clips)


class SpeedDistance:
    """Wasserstein-1 distance between made and real wrist speeds, metres a second.

    The mean amount by which speeds would have to change to be spread as real ones are. (Papers give a
    Hellinger distance of histograms, which has no unit and hangs on the bins.) Relative to the chest,
    not smoothed. The interval covers the made clips; its replicates are centred, since resampling adds
    to any distance.
    """

    def __init__(self, real: SpeedHistogram, *, fps: float = FPS, bootstrap: Bootstrap = DEFAULT) -> None:
        self.real, self.fps = real, fps
        self.sums = Sums(len(real.shares), bootstrap)
        self.frames, self.left_out = 0, 0
        self.label = Label(
            "speed_distance",
            "m/s",
            "frames",
            f"Wasserstein-1 of wrist speeds in the chest's frame, bins of {SPEED_BIN:g} m/s, {fps:g} frames "
            f"a second, against {real.frames} real frames of {real.clips} clips",
        )

    def update(self, motion: Motion, *, clip: str) -> None:
        """Take a clip on the canonical skeleton; one of a single frame is left out."""
        check_canonical(motion, clip=clip)
        check_rate(motion, self.fps, clip=clip)
        if len(motion) < 2:
            self.left_out += 1
            return
        self.sums.add(speed_counts(speed(in_chest(motion, WRISTS), motion.fps)), clip=clip)
        self.frames += len(motion)

    def compute(self) -> Value:
        """The distance over all clips so far. Raises UserError without any."""
        if not self.frames:
            raise self.label.nothing(self.left_out)
        value, replicates = self.sums.figure(self._distance)
        return self.label.value(
            value,
            count=self.frames,
            clips=len(self.sums.clips),
            replicates=replicates,
            centred=True,
            left_out=self.left_out,
        )

    def _distance(self, counts: np.ndarray) -> np.ndarray:
        shares = counts / counts.sum(axis=-1, keepdims=True)
        gap: np.ndarray = np.abs((shares - self.real.shares).cumsum(axis=-1)).sum(axis=-1) * SPEED_BIN
        return gap
