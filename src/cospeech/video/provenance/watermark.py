"""An invisible watermark in the pixels of a video, which says that the video was generated.

Two pseudo-random patterns are added to every frame, one of 6 to 26 waves per picture to its brightness, one
of 4 to 14 waves to its blue: spread spectrum (Cox et al., "Secure Spread Spectrum Watermarking for
Multimedia", 1997), read without the original (Kalker et al., "A Video Watermarking System for Broadcast
Monitoring", 1999). They stand still where the picture does, so nothing flickers and H.264 keeps them, and
they are defined on the picture as a whole, so that resizing does not move them. Bands, strengths and code
are decisions of ours, measured by benchmarks/bench_watermark.py. The patterns are public: whoever wants to
can remove or forge them. They label; they prove nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from math import erfc, sqrt

import numpy as np

from ...core.errors import UserError

VERSION = 1
PAYLOADS = 1 << 12
FALSE_ALARM = 1e-4  # a video counts as marked if chance does as much in fewer than one of 10,000

GRID = 128  # the picture is read at this size, whatever its shape
GREY_BAND, BLUE_BAND = (12, 52), (8, 28)  # half waves per picture, over both directions: from, below
SMOOTH, BUSY = 0.5, 0.85  # grey levels (RMS) in smooth areas, of an entirely smooth picture, and of one with few
RICH = 3.0  # grey levels (RMS) at most
CALM, SLOPE = 0.2, 3.0  # activity up to which an area is smooth; more strength per unit of activity
BLUE = 1.75  # levels of blue (RMS) everywhere, per grey level in smooth areas
LEAST_PSNR = 42.5  # dB, of the first frame
FOLLOW = 6  # frames after which the strength is fitted to the picture again
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of BT.709
# Flattening before reading, of grey and of blue: widths of the filters in grid pixels, and floor of the spread.
FLATTEN_GREY, FLATTEN_BLUE = (9, 9, 0.6), (17, 17, 0.8)
LEAST_SIDE = 64  # pixels of frames that can be marked
RING_WIDTH = 5  # half waves, of the rings within which amplitudes are equalised


@dataclass(frozen=True)
class Reading:
    """Result of looking for a watermark.

    ``score`` is the projection on the likeliest pattern, in standard deviations of what unmarked pictures
    give for a pattern drawn at random; ``false_alarm`` bounds the chance that an unmarked video reaches it
    with any payload; ``frames`` is the number inspected.
    """

    found: bool
    payload: int | None
    score: float
    false_alarm: float
    frames: int


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
        grey, blue = _patterns(payload, width, height)
        self._grey, self._blue = strength * grey, strength * blue
        self._rows, self._columns = (_places(n) for n in (height, width))
        self._limits: tuple[float, float] | None = None
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
            self._fit(frames)
        self._seen += 1
        marked = np.minimum(frames, 255 - self._up)
        marked += self._up
        np.maximum(marked, self._down, out=marked)
        marked -= self._down
        return marked

    def _fit(self, frame: np.ndarray) -> None:
        """Fit the strength to the picture's activity; where the picture is unchanged, so is the pattern."""
        activity = _activity(frame[self._rows.nearest[:, None], self._columns.nearest] @ LUMA)
        if self._limits is None:
            self._limits = self._find_limits(activity)
        flat, most = self._limits
        wanted = np.clip(flat + SLOPE * (activity - CALM), flat, most).astype(np.float32)
        grey = self._grey * (self._rows.up @ wanted @ self._columns.up.T)
        change = np.empty((*grey.shape, 3), np.int16)
        change[...] = np.rint(grey)[..., None]
        change[..., 2] = np.rint(grey + BLUE * flat * self._blue)
        self._up = np.maximum(change, 0).astype(np.uint8)
        self._down = np.maximum(-change, 0).astype(np.uint8)

    def _find_limits(self, activity: np.ndarray) -> tuple[float, float]:
        """Least strength (smaller in smooth pictures, which show it) and the largest that LEAST_PSNR allows."""
        flat = BUSY + (SMOOTH - BUSY) * float(np.mean(activity < 2 * CALM))
        allowed = 255.0**2 / 10 ** (LEAST_PSNR / 10) - 1 / 12  # less what rounding adds
        allowed = allowed / self.strength**2 - (BLUE * flat) ** 2 / 3
        most = RICH
        while most > flat and np.mean(np.clip(flat + SLOPE * (activity - CALM), flat, most) ** 2) > allowed:
            most *= 0.97
        return flat, max(flat, most)


def read(frames: Iterable[np.ndarray]) -> Reading:
    """Look for a watermark.

    Args:
        frames: [H, W, 3] uint8 sRGB each, of a video or a part of one; the more the surer.
    Returns:
        What was found. Without frames nothing is.
    """
    total, count = np.zeros((2, GRID, GRID)), 0
    for frame in frames:
        rows, columns = (_places(n) for n in frame.shape[:2])
        small = rows.down @ frame.reshape(len(frame), -1).astype(np.float32)
        small = columns.down @ small.reshape(GRID, -1, 3)
        grey = small @ LUMA
        total += _flattened(grey, *FLATTEN_GREY), _flattened(small[..., 2] - grey, *FLATTEN_BLUE)
        count += 1
    score, payload = 0.0, 0
    if np.ptp(total) > 1e-3:  # more than rounding
        projections = _projections(total)
        payload = int(np.argmax(projections))
        score = float(projections[payload])
    false_alarm = min(1.0, PAYLOADS * erfc(score / sqrt(2)) / 2)
    found = false_alarm <= FALSE_ALARM
    return Reading(found, payload if found else None, score, false_alarm, count)


@dataclass(frozen=True)
class _Band:
    """Numbers of the cosine transform that carry the mark: grey ones, then blue ones."""

    channel: np.ndarray  # [N] 0 grey, 1 blue
    rows: np.ndarray  # [N] half waves down
    columns: np.ndarray  # [N] half waves across
    ring: np.ndarray  # [N] those of like length in the same channel have the same number


@cache
def _band() -> _Band:
    channel, rows, columns = np.indices((2, GRID, GRID)).reshape(3, -1)
    square = rows**2 + columns**2
    low, high = (np.array(pair)[channel] for pair in zip(GREY_BAND, BLUE_BAND, strict=True))
    inside = (square >= low**2) & (square < high**2)
    channel, rows, columns, square = (part[inside] for part in (channel, rows, columns, square))
    return _Band(channel, rows, columns, channel * GRID + (np.sqrt(square) / RING_WIDTH).astype(int))


def _signs(payload: int) -> np.ndarray:
    """[N] of -1 and 1, fixed for ever: from SHAKE-256, not from a generator that a library may change."""
    size = len(_band().rows)
    name = f"cospeech watermark {VERSION} {payload}".encode()
    bits = np.frombuffer(hashlib.shake_256(name).digest(-(-size // 8)), np.uint8)
    return 1 - 2 * np.unpackbits(bits)[:size].astype(np.int8)


def _patterns(payload: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """For grey and for blue, [H, W] float32 of mean square 1."""
    band, numbers = _band(), np.zeros((2, GRID, GRID), np.float32)
    numbers[band.channel, band.rows, band.columns] = _signs(payload)
    grey, blue = _cosines(height) @ numbers @ _cosines(width).T
    return grey / np.sqrt(np.mean(grey**2)), blue / np.sqrt(np.mean(blue**2))


def _projections(total: np.ndarray) -> np.ndarray:
    """[4096] projections on the patterns of all payloads, in standard deviations of the random signs."""
    band = _band()
    numbers = (_cosines(GRID).T @ total @ _cosines(GRID))[band.channel, band.rows, band.columns]
    power = np.bincount(band.ring, numbers**2) / np.maximum(np.bincount(band.ring), 1)
    numbers /= np.sqrt(power[band.ring]) + 1e-12  # pictures have more of the longer waves
    numbers /= np.sqrt(np.sum(numbers**2))
    return np.array([_signs(payload) @ numbers for payload in range(PAYLOADS)])


def _flattened(plane: np.ndarray, width: int, reach: int, floor: float) -> np.ndarray:
    """A picture without its slow changes, with edges attenuated so that they do not mask the pattern."""
    blur, wide = _blur(width), _blur(reach)
    detail = plane - blur @ plane @ blur.T
    spread = np.sqrt(np.maximum(wide @ (detail * detail) @ wide.T, 0))
    return detail * (floor + 0.15 * spread) / (floor**2 + spread**2)


def _activity(grey: np.ndarray) -> np.ndarray:
    """[128, 128] local activity round each place of a picture, grey levels; low beside an edge."""
    near = _blur(3)
    detail = grey - near @ grey @ near.T
    spread = np.sqrt(np.maximum(near @ (detail * detail) @ near.T, 0))
    for axis in (0, 1):
        padded = np.pad(spread, [(3, 3) if axis == k else (0, 0) for k in (0, 1)], mode="edge")
        spread = np.min([np.take(padded, range(k, k + GRID), axis) for k in range(7)], axis=0)
    wide = _blur(5)
    return wide @ spread @ wide.T


@dataclass(frozen=True)
class _Places:
    """One direction of a picture and the grid: nearest pixels [128], means over pixels, and back."""

    nearest: np.ndarray
    down: np.ndarray  # [128, N]
    up: np.ndarray  # [N, 128]


@cache
def _places(pixels: int) -> _Places:
    edges = np.linspace(0, pixels, GRID + 1)
    pixel = np.arange(pixels)
    down = np.clip(np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel), 0, None)
    at = np.clip((pixel + 0.5) * GRID / pixels - 0.5, 0, GRID - 1)
    up = np.clip(1 - np.abs(at[:, None] - np.arange(GRID)), 0, None)
    nearest = ((np.arange(GRID) + 0.5) * pixels / GRID).astype(int)
    return _Places(nearest, (down / down.sum(1, keepdims=True)).astype(np.float32), up.astype(np.float32))


@cache
def _cosines(pixels: int) -> np.ndarray:
    """[N, 128] float32: the basis of the cosine transform at the middles of pixels."""
    middle = (np.arange(pixels) + 0.5) / pixels
    return np.cos(np.pi * middle[:, None] * np.arange(GRID)).astype(np.float32)


@cache
def _blur(width: int) -> np.ndarray:
    """[128, 128] float32: a mean over ``width`` neighbours, mirrored at the border."""
    weights = np.hanning(width + 2)[1:-1]
    at = np.arange(GRID)[:, None] + np.arange(width) - width // 2
    at = np.where(at < 0, -at, np.where(at >= GRID, 2 * (GRID - 1) - at, at))
    matrix = np.zeros((GRID, GRID))
    np.add.at(matrix, (np.arange(GRID)[:, None], at), weights / weights.sum())
    return matrix.astype(np.float32)
