"""Lids: blinks, and how they go with the eyes.

People blink 15 to 25 times a minute, more while they talk (Bentivoglio et al. 1997), often where a phrase ends
(Nakano and Kitazawa 2010) and with shifts of gaze, the more the larger (Evinger et al. 1994). A lid comes down in
80 to 100 ms and needs about twice as long to rise, fast at first (Evinger, Manning and Sibony 1991; VanderWerf et al.
2003). The upper lid follows the eyes up and down (Becker and Fuchs 1988). The intervals are a decision of ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.series import minimum_jerk
from ...core.timing import FPS

CLOSING, SHUT, OPENING = 0.09, 0.02, 0.17  # seconds
_INTERVAL = 3.15  # seconds, median between blinks of someone who talks
_SILENT = 1.15  # times as long in silence
_SPREAD = 0.33  # of the logarithm of the intervals
_SHORTEST, _LONGEST = 2.0, 6.0  # seconds
_EARLIER, _LATER = 1.2, 0.7  # seconds by which a blink moves to an occasion
_AT_END = 0.6  # of the ends of phrases are occasions
_LARGE = 6.0, 25.0  # degrees of a shift of gaze that is never, and always, an occasion
LID_DOWN, LID_UP = 0.35, 0.3  # weight of eyeBlink with eyeLookDown, of eyeWide with eyeLookUp


def blinks(
    spoken: np.ndarray, ends: np.ndarray, shifts: Sequence[tuple[float, float]], rng: np.random.Generator
) -> np.ndarray:
    """How far blinks shut the lids, [T] 0 to 1, 30 frames a second.

    Args:
        spoken: [T] bool, whether someone speaks.
        ends: of phrases, seconds.
        shifts: of the gaze, (seconds, degrees).
    """
    frames = len(spoken)
    least, most = _LARGE
    occasions = [float(end) + 0.05 for end in ends if rng.random() < _AT_END]
    occasions += [time + CLOSING for time, size in shifts if rng.random() < (size - least) / (most - least)]
    occasions.sort()
    line = np.zeros(frames)
    last, due = -_SHORTEST, float(rng.uniform(0.6, 3.0))
    while due < frames / FPS:
        earliest = max(due - _EARLIER, last + _SHORTEST)
        at = next((time for time in occasions if earliest <= time <= due + _LATER), due)
        top = round(at * FPS) / FPS  # on a frame, so that the lids are seen to close
        _add_blink(line, top, float(rng.uniform(0.9, 1.1)))
        silent = not spoken[max(0, round(top * FPS) - FPS) : round(top * FPS) + FPS].any()
        median = _INTERVAL * (_SILENT if silent else 1.0)
        interval = float(np.clip(median * np.exp(rng.normal(0.0, _SPREAD)), _SHORTEST, _LONGEST - _LATER))
        last, due = top, top + interval
    return line


def _add_blink(line: np.ndarray, top: float, pace: float) -> None:
    """A blink that is shut at ``top`` seconds."""
    first, last = (round((top + away * pace) * FPS) for away in (-CLOSING, SHUT + OPENING))
    frames = np.arange(max(first, 0), min(last + 2, len(line)))
    time = frames / FPS - top
    down = minimum_jerk(1.0 + time / (CLOSING * pace))
    up = 1.0 - minimum_jerk(np.clip((time - SHUT) / (OPENING * pace), 0.0, 1.0) ** 0.8)
    line[frames] = np.maximum(line[frames], np.where(time < 0.0, down, up))
