"""When the phone network says what: its steps, and the time that each of its heads speaks of."""

from __future__ import annotations

import numpy as np

from ...core.timing import SAMPLE_RATE
from .mel import HOP, WINDOW

STRIDE = 2  # mel frames a step of the network
STEP = STRIDE * HOP / SAMPLE_RATE  # seconds, 0.02
LOOK_AHEADS = (0.0, 0.08, 0.2)  # seconds of sound after a moment that are heard before its phone is named


def step_times(first: int, last: int, look_ahead: float) -> np.ndarray:
    """Moments [last - first] in seconds that steps ``first`` to ``last`` (excluded) speak of; some may be negative."""
    ends = (np.arange(first, last) * STRIDE + STRIDE - 1) * HOP + WINDOW
    return ends / SAMPLE_RATE - look_ahead
