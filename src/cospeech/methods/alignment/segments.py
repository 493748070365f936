"""Speech in another order: segments of a window, cut and shuffled (chronological negatives).

Contextual Gesture, section 3.1: the paper finds segments of words with Whisper-X and shuffles them with
their sound. We have features and no words, so we cut at the ends of pauses, where a cut is least to be
heard, and where there is no pause into equal parts. [D]
"""

from __future__ import annotations

import numpy as np

from ...speech.layout import LAYOUT

PAUSE = 5  # frames without speech that make a pause
SHORTEST = 15  # frames of a segment that ends at a pause
EQUAL = 4  # segments where there is no pause


def segments(features: np.ndarray) -> list[slice]:
    """Two or more segments that cover a window of speech features [T, F] in order, T >= 2."""
    frames, spoken = len(features), LAYOUT.get(features, "speech") > 0.5
    cuts, since = [0], 0
    for frame in range(frames):
        begins = spoken[frame] and since >= PAUSE
        if begins and frame - cuts[-1] >= SHORTEST and frames - frame >= SHORTEST:
            cuts.append(frame)
        since = 0 if spoken[frame] else since + 1
    if len(cuts) < 2:
        cuts = [frames * k // EQUAL for k in range(EQUAL)] if frames >= EQUAL else list(range(frames))
    return [slice(start, end) for start, end in zip(cuts, [*cuts[1:], frames], strict=True)]


def other_order(count: int, rng: np.random.Generator, given: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """An order of ``count`` (two or more) segments that is not the one given, nor the true one if None."""
    given = tuple(range(count)) if given is None else given
    while True:
        order = tuple(int(k) for k in rng.permutation(count))
        if order != given:
            return order


def frames_of(parts: list[slice], order: tuple[int, ...]) -> np.ndarray:
    """Frames [T] of the window in the order of the segments: ``features[frames_of(parts, order)]``."""
    return np.concatenate([np.arange(parts[k].start, parts[k].stop) for k in order])
