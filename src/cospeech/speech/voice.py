"""Whether what sounds is a voice, or music: a linear detector over statistics of the features.

The features tell sound from silence, and count music as speech. Syllables come and go, their pitch glides, hisses lie
between them; notes are held, and begin all at once. A logistic regression over means, deviations and changes of the
last one and three seconds knows that (a decision of ours; ``scripts/build_voice_detector.py`` fits it).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from ..core.timing import FPS
from .layout import LAYOUT
from .spectrum import MEL_BANDS

WEIGHTS = Path(__file__).with_name("voice.npz")
SPANS = (1.0, 3.0)  # seconds
VOICE_MEMORY = round(SPANS[-1] * FPS)  # frames before one that its log odds depend on
ENOUGH = 1.0  # seconds of sound within the longest span after which the detector is sure of itself
CEPSTRA = 8  # numbers for the shape of the spectrum
PERIODIC = 0.5  # voicing from which a frame has a pitch
LEVEL = 0.1  # change of pitch below which it is held
_BANDS = np.cos(np.pi / MEL_BANDS * (np.arange(MEL_BANDS) + 0.5)[:, None] * np.arange(CEPSTRA)) / 6


def voice_log_odds(features: np.ndarray) -> np.ndarray:
    """[T] log odds that what sounds is a voice, singing and talking over music among it; causal.

    They are near 0 where little was heard lately.

    Args:
        features: [T, F] of ``speech_features``; columns beyond are not read.
    """
    weights, bias = _weights()
    sounding = _trailing_sum(LAYOUT.get(features, "speech")[:, None].astype(np.float64), round(SPANS[-1] * FPS))[:, 0]
    odds: np.ndarray = (voice_statistics(features) @ weights + bias) * np.minimum(sounding / (ENOUGH * FPS), 1.0)
    return odds


def voice_statistics(features: np.ndarray) -> np.ndarray:
    """[T, 102] of features [T, F]: means, deviations and mean changes of 17 columns over the last ``SPANS``."""
    columns = _columns(features)
    change = np.abs(np.diff(columns, axis=0, prepend=columns[:1]))
    return np.concatenate([part for span in SPANS for part in _moments(columns, change, round(span * FPS))], axis=1)


def _columns(features: np.ndarray) -> np.ndarray:
    """[T, 17]"""
    voicing, glide = LAYOUT.get(features, "voicing"), np.abs(LAYOUT.get(features, "pitch_delta"))
    named = [LAYOUT.get(features, name) for name in ("energy", "voicing", "pitch", "onset", "accent", "speech")]
    periodic = voicing > PERIODIC
    shape = LAYOUT.get(features, "mel").astype(np.float64) @ _BANDS
    return np.column_stack([shape, *named, periodic, glide, periodic & (glide < LEVEL)])


def _moments(columns: np.ndarray, change: np.ndarray, span: int) -> list[np.ndarray]:
    mean = _trailing_mean(columns, span)
    spread = np.sqrt(np.maximum(_trailing_mean(columns**2, span) - mean**2, 0.0))
    return [mean, spread, _trailing_mean(change, span)]


def _trailing_mean(values: np.ndarray, span: int) -> np.ndarray:
    """[T, C]: of the last ``span`` rows, or of all there are."""
    means: np.ndarray = _trailing_sum(values, span) / np.minimum(np.arange(len(values)) + 1, span)[:, None]
    return means


def _trailing_sum(values: np.ndarray, span: int) -> np.ndarray:
    sums = np.cumsum(np.concatenate([np.zeros((1, values.shape[1])), values]), axis=0)
    last = np.arange(len(values)) + 1
    total: np.ndarray = sums[last] - sums[np.maximum(last - span, 0)]
    return total


@cache
def _weights() -> tuple[np.ndarray, float]:
    with np.load(WEIGHTS) as arrays:
        return arrays["weights"], float(arrays["bias"])
