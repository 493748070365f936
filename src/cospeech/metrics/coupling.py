"""Do hands go with the voice? When they are fastest beside when it is loudest, and how closely they follow it.

The tie of real people is weak from syllable to syllable and steady as an envelope: hands are fastest a little before
the voice is loudest. All is in the frame of the chest, on the canonical skeleton, beside the features of the speech.
"""

from __future__ import annotations

import math

import numpy as np

from ..core.timing import FPS
from ..motion.kinematics import speed
from ..motion.motion import Motion
from ..motion.phases import wrists_in_chest
from ..speech.layout import LAYOUT
from .base import DEFAULT, Bootstrap, Label, Sums, Value
from .beats import gaussian_smooth
from .inputs import check_canonical, check_rate

CUTOFF = 5.0  # hertz: where the low-pass of the wrists has half the power
LOUDNESS_SPREAD = 0.1  # seconds, deviation of the bell that smooths the energy
REACH = 1.0  # seconds of lead and of lag that are tried
STRETCH = 10.0  # seconds: stretches of speech that are compared about their own means
SHORTEST = 5.0  # seconds of a stretch, at least
SHIFTS = 8  # of the loudness against the hands, for what chance gives
LEAST_SHIFT = 2.0  # seconds


def faster_wrist(motion: Motion) -> np.ndarray:
    """[T] metres a second: speed of the faster wrist in the chest's frame, below ``CUTOFF``."""
    wrists = wrists_in_chest(motion).astype(np.float64)
    spread = math.sqrt(math.log(2)) / (2 * math.pi * CUTOFF) * motion.fps
    smooth = np.stack([gaussian_smooth(column, spread) for column in wrists.reshape(len(wrists), 6).T], axis=-1)
    fastest: np.ndarray = speed(smooth.reshape(wrists.shape), motion.fps).max(axis=1)
    return fastest


def loudness(features: np.ndarray, *, fps: float) -> np.ndarray:
    """[T] the energy of speech features [T, 48] (log, in running deviations), smoothed over a syllable."""
    return gaussian_smooth(LAYOUT.get(features, "energy").astype(np.float64), LOUDNESS_SPREAD * fps)


class HandLead:
    """By how much hands lead the voice, and how closely they follow it. Ours. [D]

    ``hand_lead_r`` is the greatest correlation, over lags of -1 to 1 s, of the faster wrist's speed at t with the
    loudness at t + lag; ``hand_lead`` is that lag in seconds, above 0 where the hand comes first::

        r(lag) = sum (v_t - mean v)(e_{t+lag} - mean e) / sqrt(sum (v_t - mean v)^2 sum (e_{t+lag} - mean e)^2)

    Sums run over stretches of 10 s, each about its own means, and over all clips; so neither a lively speaker nor the
    length of a speech counts. As chance of r stands the mean of what the same gives where the loudness of every clip
    is shifted by eight other times (in a circle, at least 2 s): the greatest of many lags is above 0 without any tie.
    The lag means nothing where r is not above that.
    """

    def __init__(self, *, fps: float = FPS, bootstrap: Bootstrap = DEFAULT) -> None:
        self.fps = fps
        self.lags = np.arange(-round(REACH * fps), round(REACH * fps) + 1)
        self.sums = Sums((1 + SHIFTS) * 3 * len(self.lags), bootstrap)
        self.frames, self.left_out = 0, 0
        how = f"faster wrist's speed below {CUTOFF:g} Hz with smoothed energy, within {REACH:g} s, over {STRETCH:g} s"
        self.labels = (
            Label(
                "hand_lead", "s", "frames", f"lag of the greatest correlation, above 0 the hand first: {how}", "real"
            ),
            Label("hand_lead_r", "1", "frames", f"greatest correlation: {how}; chance: loudness shifted", "real"),
        )

    def update(self, motion: Motion, features: np.ndarray, *, clip: str) -> None:
        """Take a clip and its speech features [T, 48]; one of less than five seconds is left out."""
        check_canonical(motion, clip=clip)
        check_rate(motion, self.fps, clip=clip)
        frames = min(len(motion), len(features))
        if frames < SHORTEST * self.fps:
            self.left_out += 1
            return
        pace, loud = faster_wrist(motion)[:frames], loudness(features[:frames], fps=self.fps)
        least = round(LEAST_SHIFT * self.fps)
        shifts = [0, *np.linspace(least, frames - least, SHIFTS).round().astype(int).tolist()]
        self.sums.add(np.concatenate([self._products(pace, np.roll(loud, shift)) for shift in shifts]), clip=clip)
        self.frames += frames

    def _products(self, pace: np.ndarray, loud: np.ndarray) -> np.ndarray:
        """[lags * 3] sums of products and of both squares, at every lag, over the stretches of a clip."""
        parts = max(1, round(len(pace) / (STRETCH * self.fps)))
        found = np.zeros((len(self.lags), 3))
        for own, other in zip(np.array_split(pace, parts), np.array_split(loud, parts), strict=True):
            for row, lag in zip(found, self.lags.tolist(), strict=True):
                v = own[max(0, -lag) : len(own) - max(0, lag)]
                e = other[max(0, lag) : len(other) - max(0, -lag)]
                v, e = v - v.mean(), e - e.mean()
                row += v @ e, v @ v, e @ e
        return found.ravel()

    def _curves(self, sums: np.ndarray) -> np.ndarray:
        """Correlations [..., 1 + SHIFTS, lags] of sums; 0 where nothing moves."""
        products, hand, voice = np.moveaxis(sums.reshape(*sums.shape[:-1], 1 + SHIFTS, len(self.lags), 3), -1, 0)
        size = np.sqrt(hand * voice)
        curves: np.ndarray = np.divide(products, size, out=np.zeros_like(products), where=size > 0)
        return curves

    def compute(self) -> tuple[Value, ...]:
        """Lag and correlation of all clips so far. Raises UserError without any clip."""
        if not self.frames:
            raise self.labels[0].nothing(self.left_out)
        lead = self.sums.figure(lambda sums: self.lags[self._curves(sums)[..., 0, :].argmax(axis=-1)] / self.fps)
        size = self.sums.figure(lambda sums: self._curves(sums)[..., 0, :].max(axis=-1))
        chance = float(self._curves(self.sums.total)[1:].max(axis=-1).mean())
        return tuple(
            label.value(
                value,
                count=self.frames,
                clips=len(self.sums.clips),
                replicates=replicates,
                left_out=self.left_out,
                chance=beside,
            )
            for label, (value, replicates), beside in zip(self.labels, (lead, size), (None, chance), strict=True)
        )
