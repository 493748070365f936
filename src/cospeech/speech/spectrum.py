"""One frame at a time: power spectrum, mel levels and pitch of a 64 ms window.

Pitch is the autocorrelation of the windowed frame divided by that of the window (Boersma, 1993,
"Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a
sampled sound"), but of the magnitude spectrum in place of the power spectrum (the generalised
autocorrelation of Tolonen and Karjalainen, 2000): a strong formant or a tilted microphone then pulls
less. On our clips that halves the octave errors.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..core.timing import FPS, SAMPLE_RATE, frames_in

MEL_BANDS = 40
WINDOW = 1024  # samples, 64 ms
FFT = 2 * WINDOW  # zero-padded, so that the autocorrelation does not wrap round
BOTTOM = -115.0  # dBFS of digital silence
PITCH_RANGE = (60.0, 450.0)  # Hz


def frame_samples(first: int, last: int) -> np.ndarray:
    """First samples of frames first .. last - 1, [T] int64: timing.frame_to_sample of an array."""
    return np.arange(first, last, dtype=np.int64) * SAMPLE_RATE // FPS


@cache
def _window() -> np.ndarray:
    """Hann window [WINDOW], scaled so that the power spectrum sums to the mean square."""
    hann = np.hanning(WINDOW + 1)[:-1]
    return hann * math.sqrt(2.0 / (FFT * np.sum(hann**2)))


def power(samples: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Power spectra of the windows that begin at ``starts`` [T]; [T, FFT // 2 + 1]."""
    frames = sliding_window_view(samples, WINDOW)[starts] * _window()
    spectrum = np.fft.rfft(frames, n=FFT, axis=1)
    return spectrum.real**2 + spectrum.imag**2


def _mel_edges() -> np.ndarray:
    """Edges and centres of the mel bands over 60 to 7000 Hz, [MEL_BANDS + 2] Hz."""
    low, high = (2595.0 * math.log10(1.0 + f / 700.0) for f in (60.0, 7000.0))
    return 700.0 * (10.0 ** (np.linspace(low, high, MEL_BANDS + 2) / 2595.0) - 1.0)


BAND_HERTZ = _mel_edges()[1:-1]  # [MEL_BANDS] centres of the mel bands


@cache
def _filters() -> np.ndarray:
    """[FFT // 2 + 1, 41]: forty mel triangles over 60 to 7000 Hz, then the band of the energy."""
    hertz = np.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT
    edges = _mel_edges()
    rise = (hertz[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    fall = (edges[2:] - hertz[:, None]) / np.diff(edges)[1:]
    triangles = np.clip(np.minimum(rise, fall), 0.0, None)
    energy = (hertz >= 100.0) & (hertz <= 4000.0)
    return np.concatenate([triangles, energy[:, None].astype(np.float64)], axis=1)


def band_levels(power: np.ndarray) -> np.ndarray:
    """Levels [T, 41] in dBFS: mel bands, then energy; never below BOTTOM."""
    levels: np.ndarray = 10.0 * np.log10(power @ _filters() + 10.0 ** (BOTTOM / 10.0))
    return levels


_LAGS_FFT = FFT // 2  # the autocorrelation is taken at 8 kHz: nothing above 2.2 kHz enters it
_LAG_RATE = SAMPLE_RATE * _LAGS_FFT // FFT


@cache
def _pitch_constants() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weight of each bin [B], autocorrelation of the window [L], octave cost [L]."""
    hertz = np.arange(_LAGS_FFT // 2 + 1) * SAMPLE_RATE / FFT
    weight = np.clip((hertz - 50.0) / 20.0, 0.0, 1.0) * np.clip((2200.0 - hertz) / 500.0, 0.0, 1.0)
    window = np.fft.irfft(np.abs(np.fft.rfft(_window(), n=FFT)))[:: FFT // _LAGS_FFT]
    lags = np.arange(_LAGS_FFT // 2)
    # Equation 26 of Boersma (1993): a small bonus for short periods, against octave errors downward.
    cost = 0.06 * np.log2(np.maximum(lags, 1) * PITCH_RANGE[0] / _LAG_RATE)
    return weight, window[: _LAGS_FFT // 2] / window[0], cost


def pitch(power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Best pitch [T] in Hz and its strength [T] (0 .. 1) of power spectra [T, FFT // 2 + 1]."""
    weight, window, cost = _pitch_constants()
    short, long = int(_LAG_RATE / PITCH_RANGE[1]), math.ceil(_LAG_RATE / PITCH_RANGE[0])
    correlation = np.fft.irfft(np.sqrt(power[:, : len(weight)]) * weight, n=_LAGS_FFT, axis=1)
    zero = np.maximum(correlation[:, :1], 1e-10)
    correlation = correlation[:, short - 1 : long + 2] / (zero * window[short - 1 : long + 2])
    before, here, after = correlation[:, :-2], correlation[:, 1:-1], correlation[:, 2:]
    # Parabola through three lags: without it short periods lose to their multiples.
    slope, curve = 0.5 * (before - after), np.minimum(before - 2.0 * here + after, -1e-9)
    peak = (here >= before) & (here >= after) & (here > 0.0)
    height = np.minimum(here - 0.5 * slope**2 / curve, 1.0)
    best = np.argmax(np.where(peak, height - cost[short : long + 1], -1.0), axis=1)
    chosen = (np.arange(len(power)), best)
    lag = best + short + np.clip(slope[chosen] / curve[chosen], -0.5, 0.5)
    return _LAG_RATE / lag, np.where(peak[chosen], height[chosen], 0.0)


def pitch_track(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Raw pitch of a recording, frame by frame, before any gate or normalisation.

    Args:
        samples: [N] float, mono, 16 kHz.

    Returns:
        f0 [T] float64 in Hz (the best candidate, voiced or not) and the normalised autocorrelation
        at its period [T] float64, 0 .. 1.
    """
    samples = np.asarray(samples, dtype=np.float64)
    frames = frames_in(len(samples))
    padded = np.pad(samples, (WINDOW // 2, WINDOW))
    f0, strength = np.zeros(frames), np.zeros(frames)
    block = 10 * FPS
    for first in range(0, frames, block):
        last = min(first + block, frames)
        starts = frame_samples(first, last)
        f0[first:last], strength[first:last] = pitch(power(padded, starts))
    return f0, strength
