"""Does motion repeat itself? How near every gesture is to the most similar other one within a minute.

A loop has a perfect repeat, real people have none. All is in the frame of the chest, on the canonical skeleton. Ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..motion.motion import Motion
from ..motion.phases import wrists_in_chest
from .base import DEFAULT, Bootstrap, Label, Sums, Value
from .figures import quantile
from .inputs import check_canonical

WINDOW = 1.5  # seconds of motion that are compared
WITHIN = 60.0  # seconds around a window in which a repeat is looked for
HOP = 0.5  # seconds between windows whose repeats are looked for; repeats may begin at any frame
RATE = 10.0  # samples a second of a window
LEAST_AMPLITUDE = 0.05  # metres: windows that move less are no gesture
BIN, TOP = 0.01, 5.0  # of the histogram of distances over amplitude; what is greater counts as the top


@dataclass(frozen=True, eq=False)
class GestureWindows:
    """Windows of one motion, one from every frame on."""

    paths: np.ndarray  # [W, D] metres, scaled so that the Euclidean distance of rows is a root mean square over time
    means: np.ndarray  # [W, D] the mean place of every window, scaled alike
    amplitude: np.ndarray  # [W] metres, root mean square deviation of both wrists from their mean place
    fps: float

    @classmethod
    def of(cls, motion: Motion) -> GestureWindows:
        """Windows of ``WINDOW`` seconds of both wrists; none of a shorter motion."""
        length, step = round(WINDOW * motion.fps), max(1, round(motion.fps / RATE))
        wrists = wrists_in_chest(motion).astype(np.float64).reshape(len(motion), 6)
        if len(wrists) < length:
            return cls(np.zeros((0, 0)), np.zeros((0, 0)), np.zeros(0), motion.fps)
        cut = sliding_window_view(wrists, length, axis=0)[:, :, ::step]  # [W, 6, samples]
        cut = cut / np.sqrt(cut.shape[2])
        means = np.broadcast_to(cut.mean(axis=2, keepdims=True), cut.shape)
        amplitude = np.sqrt(((cut - means) ** 2).sum(axis=(1, 2)))
        return cls(cut.reshape(len(cut), -1), means.reshape(len(cut), -1), amplitude, motion.fps)

    def asked(self) -> np.ndarray:
        """Indices of the windows whose repeats are looked for: those of gestures, one every ``HOP``."""
        every = np.arange(0, len(self.amplitude), max(1, round(HOP * self.fps)))
        return every[self.amplitude[every] >= LEAST_AMPLITUDE]


def nearest_repeats(
    windows: GestureWindows, *, others: GestureWindows | None = None, in_place: bool = True
) -> np.ndarray:
    """Distance to the nearest repeat of every gesture over the gesture's own amplitude, [Q]; 0 is a perfect repeat.

    The distance of two windows is the root mean square over time of that of both wrists, x_t and y_t in R^6::

        d = sqrt(mean_t |x_t - y_t|^2),   amplitude = sqrt(mean_t |x_t - mean(x)|^2),   figure = min_y d / amplitude

    Candidates y begin at any frame, do not overlap with x and lie within ``WITHIN`` seconds of it.

    Args:
        others: take candidates from this motion instead, as many as there would be of the own one: what a stranger's
            gestures get. Fewer if it is shorter.
        in_place: a repeat at another place is none. Otherwise both windows are moved to their mean place, so that a
            loop that drifts is found as well.
    """
    source = windows if others is None else others
    own = windows.paths if in_place else windows.paths - windows.means
    candidates = source.paths if in_place else source.paths - source.means
    length, reach = round(WINDOW * windows.fps), round(WITHIN * windows.fps)
    sizes = (candidates**2).sum(axis=1)
    places = np.arange(len(own))
    found = []
    for index in windows.asked():
        gap = np.abs(places - index)
        allowed = np.flatnonzero((gap >= length) & (gap <= reach))
        if others is not None:
            allowed = np.arange(min(len(allowed), len(candidates)))
        if len(allowed):
            squared = sizes[allowed] - 2 * candidates[allowed] @ own[index] + (own[index] ** 2).sum()
            found.append(np.sqrt(max(float(squared.min()), 0.0)) / windows.amplitude[index])
    return np.array(found, dtype=np.float64)


class NearestRepeat:
    """Median of ``nearest_repeats`` over all gestures: in place, and wherever it is. Ours. [D]

    Beside it, as chance, the same with candidates from the clip before, as many of them. Real people are at 0.93 to
    1.3 in place, a looped motion near 0. The longer a clip (up to a minute), the more candidates a gesture has: compare
    clips of one length.
    """

    def __init__(self, *, bootstrap: Bootstrap = DEFAULT) -> None:
        bins = round(TOP / BIN)
        self.sums = [Sums(2 * bins, bootstrap) for _ in range(2)]
        self.before: GestureWindows | None = None
        self.left_out = 0
        how = f"{WINDOW:g} s windows of both wrists, nearest other within {WITHIN:g} s, over own amplitude, median"
        self.labels = (
            Label("nearest_repeat", "1", "gestures", f"{how}; chance: another clip's windows", "real"),
            Label("nearest_repeat_anywhere", "1", "gestures", f"{how}, both moved to their mean place", "real"),
        )

    def update(self, motion: Motion, *, clip: str) -> None:
        """Take a clip on the canonical skeleton; one without gestures, or of less than two windows, is left out."""
        check_canonical(motion, clip=clip)
        windows = GestureWindows.of(motion)
        before, self.before = self.before, windows if len(windows.amplitude) else self.before
        for number, sums in enumerate(self.sums):
            own = nearest_repeats(windows, in_place=not number)
            if not len(own):
                self.left_out += not number
                continue
            others = np.zeros(0) if before is None else nearest_repeats(windows, others=before, in_place=not number)
            sums.add(np.concatenate([_counts(own), _counts(others)]), clip=clip)

    def compute(self) -> tuple[Value, ...]:
        """Both figures of all clips so far. Raises UserError without any gesture."""
        values = []
        for label, sums in zip(self.labels, self.sums, strict=True):
            half = sums.total.shape[0] // 2
            if not sums.total[:half].sum():
                raise label.nothing(self.left_out)
            value, replicates = sums.figure(lambda s: BIN * quantile(s[..., : s.shape[-1] // 2], 0.5))
            chance = BIN * float(quantile(sums.total[half:], 0.5)) if sums.total[half:].any() else None
            values.append(
                label.value(
                    value,
                    count=int(sums.total[:half].sum()),
                    clips=len(sums.clips),
                    replicates=replicates,
                    left_out=self.left_out,
                    chance=chance,
                )
            )
        return tuple(values)


def _counts(values: np.ndarray) -> np.ndarray:
    """Histogram of distances over amplitude, [TOP / BIN]."""
    bins = round(TOP / BIN)
    return np.bincount(np.minimum((values / BIN).astype(int), bins - 1), minlength=bins).astype(np.float64)
