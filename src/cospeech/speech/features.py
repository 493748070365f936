"""What the networks hear: 48 numbers for each frame, thirty frames a second.

Frame i is centred on sample ``timing.frame_to_sample(i)`` and sees 64 ms of sound around it. All is
in NumPy, and all normalisation is *causal*: a frame depends on what came before it and on the next
0.099 s (``LOOK_AHEAD``), never on the rest of the recording. So a live stream, a file cut into
chunks and a whole file give the same frames.

The set of features and their normalisation are decisions of ours. The parts are well known: mel
bands, pitch by autocorrelation (spectrum.py), spectral flux for onsets.

What it does not know: who speaks (two voices share one running pitch), and whether a steady sound
that lasts longer than three seconds is a sung vowel or a fan (it reads as background).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..core.timing import FPS, SAMPLE_RATE, frame_to_sample, frames_in
from .layout import FEATURE_DIM, LAYOUT, SILENCE, FeatureLayout
from .normaliser import AHEAD, Normaliser
from .spectrum import WINDOW, band_levels, frame_samples, pitch, power

__all__ = [
    "ACCENT_FLOOR",
    "ACCENT_GAP",
    "FEATURE_DIM",
    "LAYOUT",
    "LOOK_AHEAD",
    "PAUSE",
    "PROMINENT_RATE",
    "PROMINENT_REACH",
    "SILENCE",
    "FeatureExtractor",
    "FeatureLayout",
    "accents",
    "at_usual_level",
    "pauses",
    "phrase_ends",
    "prominent_accents",
    "speech_features",
]

LOOK_AHEAD = (WINDOW // 2 + AHEAD * SAMPLE_RATE / FPS) / SAMPLE_RATE  # 0.0987 seconds
BLOCK = 10 * FPS  # frames worked on at once: bounds the memory

USUAL_LEVEL = -18.0  # dBFS: the median of recordings of readers and of the voices that train
USUAL_SHARE = 95  # percent of a recording's frames that are fainter than its level
MOST_GAIN = 25.0  # dB: what is fainter is noise

ACCENT_GAP = 0.15  # seconds between accents, at least
ACCENT_FLOOR = 0.25  # cue from which a peak is an accent
PAUSE = 0.3  # seconds of silence that make a pause
PROMINENT_RATE = 1.0  # prominent accents a second of speech
PROMINENT_REACH = 1.5  # seconds before and after an accent in which it is compared with others


def speech_features(samples: np.ndarray) -> np.ndarray:
    """Features of a whole recording.

    Args:
        samples: [N] float in [-1, 1], mono, 16 kHz.

    Returns:
        [frames_in(N), 48] float32; columns as in ``LAYOUT``.

    Raises:
        ValueError: ``samples`` is not one-dimensional.
    """
    extractor = FeatureExtractor()
    return np.concatenate([extractor.push(samples), extractor.flush()])


def at_usual_level(samples: np.ndarray) -> np.ndarray:
    """A whole recording [N] made as loud as recordings usually are, so that how far up a recorder was turned is not
    heard: samples [N] float64, beyond [-1, 1] where it has to be.

    The running statistics forget a recording's level within its first words, but where the first sound begins they
    do not know it yet. A decision of ours.
    """
    samples = samples.astype(np.float64)
    step = SAMPLE_RATE // FPS
    frames = samples[: len(samples) // step * step].reshape(-1, step)
    loud = np.percentile(np.square(frames).mean(axis=1), USUAL_SHARE) if len(frames) else 0.0
    if loud <= 0.0:
        return samples
    gain = min(USUAL_LEVEL - 10.0 * math.log10(loud), MOST_GAIN)
    return np.asarray(samples * 10.0 ** (gain / 20.0))


class FeatureExtractor:
    """Features of a stream: the same frames whatever the sizes of the chunks.

    >>> extractor = FeatureExtractor()
    >>> ready = extractor.push(np.zeros(16000, np.float32))
    >>> rest = extractor.flush()
    >>> ready.shape, rest.shape
    ((28, 48), (2, 48))
    """

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._pending = np.zeros(WINDOW // 2)  # samples not yet used up; the first stands at _origin
        self._origin = -(WINDOW // 2)
        self._received = 0
        self._measured = 0  # frames whose spectrum has been taken
        self._normaliser = Normaliser()

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Take the next samples [n] (float, mono, 16 kHz); return the frames now ready, [t, 48]."""
        samples = np.asarray(samples)
        if samples.ndim != 1:
            raise ValueError(f"samples have shape {samples.shape}; give mono samples of shape [N]")
        out = [np.zeros((0, FEATURE_DIM), np.float32)]
        step = BLOCK * SAMPLE_RATE // FPS
        for start in range(0, len(samples), step):
            part = samples[start : start + step].astype(np.float64)
            self._received += len(part)
            self._pending = np.concatenate([self._pending, part])
            # Frame i is ready when its last sample, frame_to_sample(i) + WINDOW / 2 - 1, is here.
            ready = ((self._received - WINDOW // 2 + 1) * FPS - 1) // SAMPLE_RATE + 1
            out.append(self._measure(max(ready, 0)))
        return np.concatenate(out)

    def flush(self) -> np.ndarray:
        """End the stream; return the last frames [t, 48]. The next push starts a new recording."""
        self._pending = np.concatenate([self._pending, np.zeros(WINDOW)])
        out = np.concatenate([self._measure(frames_in(self._received)), self._normaliser.finish()])
        self._reset()
        return out

    def _measure(self, until: int) -> np.ndarray:
        """Take frames up to ``until`` (excluded) from the pending samples."""
        if until <= self._measured:
            return np.zeros((0, FEATURE_DIM), np.float32)
        starts = frame_samples(self._measured, until) - WINDOW // 2 - self._origin
        spectra = power(self._pending, starts)
        self._measured = until
        used = frame_to_sample(until) - WINDOW // 2 - self._origin
        self._pending = self._pending[used:]
        self._origin += used
        return self._normaliser.push(band_levels(spectra), *pitch(spectra))


def accents(speech: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Accents of a recording: the peaks of the accent cue.

    Args:
        speech: features [T, 48] (columns beyond are not read), or samples [N] (mono, 16 kHz).

    Returns:
        Times [K] float64 in seconds, rising, at least ACCENT_GAP apart; strengths [K] float64,
        ACCENT_FLOOR .. 1. A decision of ours.
    """
    cue = np.pad(LAYOUT.get(_features_of(speech), "accent").astype(np.float64), 1)
    middle = cue[1:-1]
    dip = sliding_window_view(np.pad(middle, (6, 0)), 7).min(axis=1)
    peak = (middle > cue[:-2]) & (middle >= cue[2:]) & (middle >= ACCENT_FLOOR) & (middle - dip >= 0.1)
    order = np.flatnonzero(peak)
    order = order[np.argsort(-middle[order], kind="stable")]
    gap = math.ceil(ACCENT_GAP * FPS)
    free = np.ones(len(middle), dtype=bool)
    kept = []
    for frame in order.tolist():
        if free[frame]:
            kept.append(frame)
            free[max(0, frame - gap + 1) : frame + gap] = False
    frames = np.sort(np.asarray(kept, dtype=np.int64))
    return frames / FPS, middle[frames]


def prominent_accents(speech: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The accents that stand out from those around them, about one a second of speech.

    An accent is prominent if fewer than n accents within ``PROMINENT_REACH`` seconds of it are stronger, where n is
    ``PROMINENT_RATE`` times the seconds of speech in that window, rounded, at least 1. So equal accents are prominent
    together. Most gesture strokes belong to accents of phrases rather than of syllables; the window and the rate are
    a decision of ours.

    Args:
        speech: features [T, 48] (columns beyond are not read), or samples [N] (mono, 16 kHz).

    Returns:
        Times and strengths [K] as ``accents`` gives them, a subset of those.
    """
    features = _features_of(speech)
    times, strengths = accents(features)
    spoken = np.concatenate([[0], np.cumsum(LAYOUT.get(features, "speech") >= 0.5)]) / FPS
    frames = np.round(times * FPS).astype(np.int64)
    reach = round(PROMINENT_REACH * FPS)
    seconds = spoken[np.minimum(frames + reach, len(features))] - spoken[np.maximum(frames - reach, 0)]
    allowed = np.maximum(np.round(PROMINENT_RATE * seconds), 1)
    near = np.abs(frames[:, None] - frames[None]) <= reach
    stronger = (near & (strengths[None] > strengths[:, None])).sum(axis=1)
    return times[stronger < allowed], strengths[stronger < allowed]


def pauses(speech: np.ndarray) -> list[tuple[float, float]]:
    """Silences of at least PAUSE seconds, (start, end) in seconds, in order.

    Args:
        speech: features [T, 48] (columns beyond are not read), or samples [N] (mono, 16 kHz).
    """
    silent = LAYOUT.get(_features_of(speech), "speech") < 0.5
    edges = np.flatnonzero(np.diff(np.pad(silent.astype(np.int8), 1)))
    runs = [(start / FPS, end / FPS) for start, end in edges.reshape(-1, 2).tolist()]
    return [(start, end) for start, end in runs if end - start >= PAUSE - 1e-9]


def phrase_ends(speech: np.ndarray) -> np.ndarray:
    """Times [K] float64 in seconds at which a phrase ends: a pause begins, or the recording ends.

    Args:
        speech: features [T, 48] (columns beyond are not read), or samples [N] (mono, 16 kHz).
    """
    features = _features_of(speech)
    ends = [start for start, _ in pauses(features) if start > 0.0]
    if len(features) and LAYOUT.get(features, "speech")[-1] >= 0.5:
        ends.append(len(features) / FPS)
    return np.asarray(ends, dtype=np.float64)


def _features_of(speech: np.ndarray) -> np.ndarray:
    """Features as they are, without columns that follow them; samples turned into features."""
    if speech.ndim == 2 and speech.shape[1] >= FEATURE_DIM:
        return speech[:, :FEATURE_DIM]
    if speech.ndim == 1:
        return speech_features(speech)
    raise ValueError(f"shape {speech.shape}; give features [T, {FEATURE_DIM}] or samples [N]")
