"""What the phone network hears: 64 mel levels every 10 ms, relative to a running level.

Everything is causal: a frame depends on its own 25 ms of sound and on what came before, so a stream and a
whole file give the same numbers. The running level rises quickly with the voice and sinks slowly, which makes a
quiet microphone sound like a loud one, and does not sink below ``LEVEL_FLOOR``, so that silence stays quiet.
Window, hop and number of bands are those of common speech recognisers; the level is a decision of ours.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ...core.timing import SAMPLE_RATE

BANDS = 64
HOP = 160  # samples, 10 ms
WINDOW = 400  # samples, 25 ms
LOWEST, HIGHEST = 50.0, 7600.0  # Hz
LEVEL_FLOOR = -55.0  # dB of full scale
LEVEL_RISE = 0.3  # share of the way to a higher level in a frame
LEVEL_FALL = 0.03  # dB a frame, 3 dB a second
_FFT = 512
_SILENCE = 1e-10  # power; -100 dB
_CENTRE, _SCALE, _LIMIT = -20.0, 20.0, 3.0  # dB from the running level to 0, dB of one unit, largest number


@cache
def filterbank(warp: float = 1.0) -> np.ndarray:
    """Mel triangles [257, 64] float32; ``warp`` above 1 lowers all formants, as a longer vocal tract does."""
    low, high = (2595.0 * np.log10(1.0 + hertz / 700.0) for hertz in (LOWEST, HIGHEST))
    edges = 700.0 * (10.0 ** (np.linspace(low, high, BANDS + 2) / 2595.0) - 1.0)
    edges = np.minimum(edges / warp, SAMPLE_RATE / 2)
    hertz = np.arange(_FFT // 2 + 1) * SAMPLE_RATE / _FFT
    width = np.maximum(np.diff(edges), SAMPLE_RATE / _FFT)  # low bands are narrower than a bin of the spectrum
    rise = (hertz[:, None] - edges[1:-1] + width[:-1]) / width[:-1]
    fall = (edges[1:-1] + width[1:] - hertz[:, None]) / width[1:]
    triangles = np.clip(np.minimum(rise, fall), 0.0, None)
    return np.asarray(triangles / np.maximum(triangles.sum(axis=0), 1e-9), np.float32)


@cache
def _window() -> np.ndarray:
    hann = np.hanning(WINDOW + 1)[:-1]
    return np.asarray(hann * np.sqrt(2.0 / (_FFT * np.sum(hann**2) / 2)), np.float32)


def mel_levels(samples: np.ndarray, *, warp: float = 1.0) -> np.ndarray:
    """Levels in dB of full scale, [(N - 400) // 160 + 1, 64] float32, of samples [N] at 16 kHz."""
    if len(samples) < WINDOW:
        return np.zeros((0, BANDS), np.float32)
    frames = sliding_window_view(np.asarray(samples, np.float32), WINDOW)[::HOP] * _window()
    spectrum = np.fft.rfft(frames, n=_FFT, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    return np.asarray(10.0 * np.log10(power @ filterbank(warp) + _SILENCE), np.float32)


def running_level(levels: np.ndarray, start: float = LEVEL_FLOOR) -> np.ndarray:
    """The running level of each frame, [T, ...] dB, from levels of the voice [T, ...] and the level before them."""
    out = np.empty_like(levels)
    level = np.full(levels.shape[1:], start, np.float32)
    for index, now in enumerate(levels):
        level = np.maximum(level - LEVEL_FALL, LEVEL_FLOOR)
        level = np.where(now > level, level + LEVEL_RISE * (now - level), level)
        out[index] = level
    return out


def voice_level(levels: np.ndarray) -> np.ndarray:
    """Level of the voice [..., T] in dB, of mel levels [..., T, 64]."""
    level: np.ndarray = 10.0 * np.log10(np.mean(10.0 ** (levels / 10.0), axis=-1))
    return level.astype(np.float32)


def normalised(levels: np.ndarray, running: np.ndarray) -> np.ndarray:
    """What the network sees, [..., T, 64] float32 of about -3 .. 3, from mel levels and the running level [..., T]."""
    relative = (levels - running[..., None] - _CENTRE) / _SCALE
    return np.asarray(np.clip(relative, -_LIMIT, _LIMIT), np.float32)
