"""An invisible watermark in the pixels of a video, which says that the video was generated.

Two pseudo-random patterns are added to every frame, one of 7 to 22 waves per picture to its brightness, one
of 2 to 10 waves to its blue: spread spectrum (Cox et al., "Secure Spread Spectrum Watermarking for
Multimedia", 1997), read without the original (Kalker et al., "A Video Watermarking System for Broadcast
Monitoring", 1999). They stand still where the picture does, so nothing flickers and H.264 keeps them, and
they are defined on the picture as a whole, so that resizing does not move them; after a crop a part of the
pattern that is the same in every video shows where the picture lay. How strong they are is found by encoding
the first frame as others would and reading it (informed embedding, Miller et al., "Applying Informed Coding
and Embedding to Design a Robust High-Capacity Watermark", 2004). Bands, strengths and code are decisions of ours,
measured by benchmarks/bench_watermark.py. The patterns are public: whoever wants to can remove or forge them. They
label; they prove nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import erfc, sqrt
from typing import Any

import numpy as np

from ...core.errors import UserError
from . import version1
from .code import PAYLOADS, code
from .crops import chance, look
from .grid import GRID, LUMA, activity, cosines, flat_planes, places
from .rehearsal import rehearsed

VERSION = 2
FALSE_ALARM = 1e-4  # a video counts as marked if chance does as much in fewer than one of 10,000

SMOOTH, BUSY = 0.55, 0.85  # grey levels (RMS) in smooth areas, of an entirely smooth picture, and of one with few
RICH = 1.7  # grey levels (RMS) at most
CALM, SLOPE = 0.2, 3.0  # activity up to which an area is smooth; more strength per unit of activity
BLUE = 0.75  # further levels of blue (RMS), per grey level in smooth areas
PEAK = 3.0  # of the patterns, in their RMS
LEAST_GAIN, MOST_GAIN = 0.8, 1.6  # by which all of this is multiplied, for that picture to be read
WANTED = 9.5  # score of the first frame after it was encoded
GROWTH = 0.75  # power of the gain with the wanted score over the one that is read
REHEARSALS = 2
LEAST_PSNR = 41.5  # dB, of the first frame
FOLLOW = 6  # frames after which the strength is fitted to the picture again
SURE = 14.0  # score of a whole picture from which crops need not be looked for
LEAD = 1.5  # by which the score in a part must be greater: it is the best of many
LEAST_SIDE = 64  # pixels of frames that can be marked


@dataclass(frozen=True)
class Reading:
    """Result of looking for a watermark.

    ``score`` is the projection on the likeliest pattern, in standard deviations of what unmarked pictures
    give for a pattern drawn at random; ``false_alarm`` bounds the chance that an unmarked video reaches it
    with any payload, in any window and by any version; ``frames`` is the number inspected; ``version`` is that of the
    mark, ``crop`` the part of the marked picture that was seen (top, bottom, left, right as shares) and ``mirrored``
    whether it was mirrored.
    """

    found: bool
    payload: int | None
    score: float
    false_alarm: float
    frames: int
    version: int | None = None
    crop: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 1.0)
    mirrored: bool = False


class Marker:
    """Marks the frames of one video.

    Args:
        payload: 0 to 4095, read back by ``read``.
        size: (width, height) of the frames, pixels.
        strength: 1 is what was measured; less is weaker.
    Raises:
        UserError: a payload out of range, frames smaller than 64 pixels, or a strength that is not in 0..2.
    """

    def __init__(self, payload: int, size: tuple[int, int], *, strength: float = 1.0) -> None:
        width, height = size
        if not 0 <= payload < PAYLOADS:
            raise UserError(f"a watermark holds a number from 0 to {PAYLOADS - 1}; got {payload}")
        if min(size) < LEAST_SIDE:
            raise UserError(
                f"frames of {LEAST_SIDE} x {LEAST_SIDE} pixels or more can be marked; got {width} x {height}"
            )
        if not 0 < strength <= 2:
            raise UserError(f"the strength of a watermark is above 0 and at most 2; got {strength}")
        self.payload, self.size, self.strength = payload, (width, height), strength
        self._grey, self._blue = _patterns(payload, width, height)
        self._rows, self._columns = (places(n) for n in (height, width))
        self._flat = self._gain = 0.0
        self._seen = 0
        self._up = self._down = np.zeros(0, np.uint8)

    def mark(self, frames: np.ndarray) -> np.ndarray:
        """Mark frames in the order of the video.

        Args:
            frames: [T, H, W, 3] or one frame [H, W, 3] uint8 sRGB; they stay as they are.
        Returns:
            Marked frames of the same shape.
        Raises:
            UserError: frames of another size or kind.
        """
        width, height = self.size
        if frames.dtype != np.uint8 or frames.ndim not in (3, 4) or frames.shape[-3:] != (height, width, 3):
            raise UserError(
                f"frames to be marked are [T, {height}, {width}, 3] uint8; got {frames.shape} {frames.dtype}"
            )
        if frames.ndim == 4:
            return np.stack([self.mark(frame) for frame in frames]) if len(frames) else frames.copy()
        if self._seen % FOLLOW == 0:
            active = activity(frames[self._rows.nearest[:, None], self._columns.nearest] @ LUMA)
            if not self._seen:
                self._find_gain(frames, active)
            self._fit(active)
        self._seen += 1
        return self._added(frames)

    def _added(self, frame: np.ndarray) -> np.ndarray:
        marked = np.minimum(frame, 255 - self._up)
        marked += self._up
        np.maximum(marked, self._down, out=marked)
        marked -= self._down
        return marked

    def _fit(self, active: np.ndarray) -> None:
        """Fit the strength to the picture's activity; where the picture is unchanged, so is the pattern."""
        wanted = self._rows.up @ (self._gain * self._wanted(active)) @ self._columns.up.T
        grey = self._grey * wanted
        change = np.empty((*grey.shape, 3), np.int16)
        change[...] = np.rint(grey)[..., None]
        change[..., 2] = np.rint(grey + (wanted + self._gain * BLUE * self._flat) * self._blue)
        self._up = np.maximum(change, 0).astype(np.uint8)
        self._down = np.maximum(-change, 0).astype(np.uint8)

    def _wanted(self, active: np.ndarray) -> np.ndarray:
        """[128, 128] grey levels (RMS) before the gain."""
        return np.clip(self._flat + SLOPE * (active - CALM), self._flat, RICH).astype(np.float32)

    def _find_gain(self, frame: np.ndarray, active: np.ndarray) -> None:
        """Find how strong the mark must be to be read after encoding, and how strong LEAST_PSNR allows."""
        self._flat = BUSY + (SMOOTH - BUSY) * float(np.mean(active < 2 * CALM))
        wanted = self._wanted(active)
        power = float(np.mean(wanted**2) + np.mean((wanted + BLUE * self._flat) ** 2) / 3)
        rounding = 1 / 12
        allowed = sqrt((255.0**2 / 10 ** (LEAST_PSNR / 10) - rounding) / power)
        most = max(LEAST_GAIN, min(MOST_GAIN, allowed))
        gain = min(1.0, most)
        for _ in range(REHEARSALS):
            self._gain = gain
            self._fit(active)
            planes = rehearsed(self._added(frame))
            if planes is None:
                break
            score = float(code().scores(code().band.numbers(planes))[self.payload])
            gain = float(np.clip(gain * (WANTED / max(score, 1.0)) ** GROWTH, LEAST_GAIN, most))
        self._gain = gain * self.strength


def read(frames: Iterable[np.ndarray]) -> Reading:
    """Look for a watermark.

    Args:
        frames: [H, W, 3] uint8 sRGB each, of a video or a part of one, or a single picture; the more the surer.
    Returns:
        What was found. Without frames nothing is.
    """
    total, count = np.zeros((2, GRID, GRID)), 0
    for frame in frames:
        total += flat_planes(frame)
        count += 1
    if np.ptp(total) <= 1e-3:  # rounding
        return Reading(False, None, 0.0, 1.0, count)
    whole = _whole(total, count)
    if whole.score >= SURE:
        return whole
    cropped = _cropped(total, count)
    if whole.found:  # of a slight crop something is seen in the whole picture too, often with a wrong payload
        return cropped if cropped.found and cropped.score > whole.score + LEAD else whole
    return min(whole, cropped, key=lambda reading: reading.false_alarm)


def _judged(score: float, false_alarm: float, payload: int, count: int, **where: Any) -> Reading:
    """A reading of the likeliest payload. Whole and cropped pictures each get half of the false alarms."""
    false_alarm = min(1.0, 2 * false_alarm)
    if false_alarm > FALSE_ALARM:
        return Reading(False, None, score, false_alarm, count)
    return Reading(True, payload, score, false_alarm, count, **where)


def _whole(planes: np.ndarray, count: int) -> Reading:
    """The likeliest mark of a picture that was not cropped."""
    found = []

    def judge(scores: np.ndarray, version: int, mirrored: bool = False) -> None:
        payload = int(np.argmax(scores))
        score = float(scores[payload])
        false_alarm = 3 * PAYLOADS * erfc(score / sqrt(2)) / 2  # of two versions, and of the mirrored picture
        found.append(_judged(score, false_alarm, payload, count, version=version, mirrored=mirrored))

    for mirrored in (False, True):
        judge(code().scores(code().band.numbers(_turned(planes, mirrored))), VERSION, mirrored)
    if not any(reading.found for reading in found):
        judge(version1.projections(planes), 1)
    return max(found, key=lambda reading: reading.score)


def _cropped(planes: np.ndarray, count: int) -> Reading:
    """The likeliest mark of a picture of which parts are missing at the sides."""
    sightings = [look(_turned(planes, mirrored)) for mirrored in (False, True)]
    mirrored = sightings[1].score > sightings[0].score
    best = sightings[mirrored]
    false_alarm = len(sightings) * PAYLOADS * chance(best.score)
    window = best.window
    crop = (float(window.top), float(window.bottom), float(window.left), float(window.right))
    return _judged(best.score, false_alarm, best.payload, count, version=VERSION, crop=crop, mirrored=mirrored)


def _turned(planes: np.ndarray, mirrored: bool) -> np.ndarray:
    return planes[:, :, ::-1] if mirrored else planes


def _patterns(payload: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """For grey and for blue, [H, W] float32 of mean square 1 and without peaks."""
    where, numbers = code().band, np.zeros((2, GRID, GRID), np.float32)
    numbers[where.channel, where.rows, where.columns] = code().signs(payload)
    grey, blue = cosines(height) @ numbers @ cosines(width).T
    return _bounded(grey), _bounded(blue)


def _bounded(pattern: np.ndarray) -> np.ndarray:
    return np.clip(pattern / np.sqrt(np.mean(pattern**2)), -PEAK, PEAK).astype(np.float32)
