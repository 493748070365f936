"""How a voice sounds, in absolute numbers: what an emotion is heard by.

The features that drive gestures (``speech.features``) are relative to the running voice, on purpose: who
speaks, how loud and how high must not matter for rhythm. Emotion is heard by just that: the level of the
pitch and its range, loudness, the slope of the spectrum. So it has columns of its own.
"""

from __future__ import annotations

import numpy as np

from ..core.timing import FPS, frames_in
from .spectrum import BOTTOM, MEL_BANDS, WINDOW, band_levels, frame_samples, pitch, power

DECIBELS = 20.0  # of one unit of a level
OCTAVE = 100.0  # Hz at which the pitch is 0; one unit is an octave
VOICED = 0.45  # periodicity from which a frame has a pitch
DIM = MEL_BANDS + 2

MEL = slice(0, MEL_BANDS)
PITCH = MEL_BANDS
VOICING = MEL_BANDS + 1


def acoustics(samples: np.ndarray) -> np.ndarray:
    """Absolute levels and pitch of a recording, thirty frames a second.

    Args:
        samples: [N] float in [-1, 1], mono, 16 kHz.

    Returns:
        [frames_in(N), 42] float32: forty mel bands over 60 to 7000 Hz in units of 20 dB below full scale
        (digital silence is -5.75), the pitch in octaves above 100 Hz (0 where it is not voiced), and the
        periodicity, 0 to 1. Frame i as in ``speech_features``. The choice of columns is ours. [D]
    """
    samples = np.asarray(samples, dtype=np.float64)
    frames = frames_in(len(samples))
    padded = np.pad(samples, (WINDOW // 2, WINDOW))
    out = np.zeros((frames, DIM), dtype=np.float32)
    block = 10 * FPS
    for first in range(0, frames, block):
        last = min(first + block, frames)
        spectra = power(padded, frame_samples(first, last))
        f0, strength = pitch(spectra)
        out[first:last, MEL] = band_levels(spectra)[:, :MEL_BANDS] / DECIBELS
        out[first:last, PITCH] = np.where(strength >= VOICED, np.log2(f0 / OCTAVE), 0.0)
        out[first:last, VOICING] = strength
    return out


def silence(frames: int) -> np.ndarray:
    """Acoustics [frames, 42] of digital silence."""
    out = np.zeros((frames, DIM), dtype=np.float32)
    out[:, MEL] = BOTTOM / DECIBELS
    return out
