"""From an encoder's own steps and words to our frames, and how long input is cut. NumPy alone.

All of it are decisions of ours [D]; the papers concatenate features of one rate and say no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.timing import frame_times, frames_within, seconds_to_frame
from ..speech import Word


@dataclass(frozen=True)
class Steps:
    """When the steps of a convolutional front end are: step k hears samples k * hop to k * hop + span - 1.

    >>> steps = Steps.of((10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2))  # wav2vec 2.0, HuBERT, WavLM
    >>> steps.hop, steps.span, steps.count(16000), steps.seconds(0)
    (320, 400, 49, 0.01246875)
    """

    hop: int  # samples from step to step
    span: int  # samples that a step hears, without the network above
    sample_rate: int = 16_000

    @classmethod
    def of(cls, kernels: Sequence[int], strides: Sequence[int], *, sample_rate: int = 16_000) -> Steps:
        """Of unpadded convolutions, one after the other."""
        hop, span = 1, 1
        for kernel, stride in zip(kernels, strides, strict=True):
            span += (kernel - 1) * hop
            hop *= stride
        return cls(hop, span, sample_rate)

    def count(self, samples: int) -> int:
        """Steps of so many samples."""
        return max(0, (samples - self.span) // self.hop + 1)

    def seconds(self, step: float) -> float:
        """Time of the middle of what a step hears."""
        return (step * self.hop + (self.span - 1) / 2) / self.sample_rate

    def at_frames(self, states: np.ndarray, *, count: int, start: float = 0.0) -> np.ndarray:
        """States [S, W] of the steps -> [count, W] float32 at frames, the first of them at ``start`` s.

        Between the middles of two steps it is interpolated; before the first and after the last one, those
        are held.
        """
        place = (frame_times(count) + start - self.seconds(0)) * self.sample_rate / self.hop
        place = np.clip(place, 0, len(states) - 1)
        low = np.minimum(place.astype(np.int64), max(0, len(states) - 2))
        high = np.minimum(low + 1, len(states) - 1)
        share = (place - low).astype(np.float32)[:, None]
        mixed: np.ndarray = states[low].astype(np.float32) * (1 - share) + states[high].astype(np.float32) * share
        return mixed


def chunks(steps: int, *, core: int, context: int) -> list[tuple[int, int, int, int]]:
    """Cut steps into chunks with context: (first heard, first kept, end of kept, end of heard) each.

    The kept parts follow one another; what fits into ``core + 2 * context`` stays whole.

    >>> chunks(50, core=20, context=5)
    [(0, 0, 20, 25), (15, 20, 40, 45), (35, 40, 50, 50)]
    """
    if steps <= core + 2 * context:
        return [(0, 0, steps, steps)]
    return [
        (max(0, at - context), at, min(at + core, steps), min(at + core + context, steps))
        for at in range(0, steps, core)
    ]


def word_windows(tokens: Sequence[int], capacity: int) -> list[tuple[int, int, int, int]]:
    """Cut words into windows: (first read, first kept, end of kept, end of read) each.

    Args:
        tokens: tokens of every word, none above ``capacity``.
        capacity: tokens of a window at most. It keeps half of them; the rest is context, a quarter before
            at most. What fits at once is one window.

    >>> word_windows([1] * 10, 4)
    [(0, 0, 2, 4), (1, 2, 4, 5), (3, 4, 6, 7), (5, 6, 8, 9), (7, 8, 10, 10)]
    """
    ends = np.concatenate([[0], np.cumsum(tokens)])  # tokens before each word, and of all
    total = len(tokens)
    if ends[-1] <= capacity:
        return [(0, 0, total, total)]
    windows, at = [], 0
    while at < total:
        kept = max(at + 1, int(np.searchsorted(ends, ends[at] + capacity // 2, "right")) - 1)
        before = min(capacity // 4, capacity - int(ends[kept] - ends[at]))
        first = int(np.searchsorted(ends, ends[at] - before, "left"))
        last = int(np.searchsorted(ends, ends[first] + capacity, "right")) - 1
        windows.append((first, at, kept, last))
        at = kept
    return windows


def words_at_frames(vectors: np.ndarray, words: Sequence[Word], *, count: int, start: float = 0.0) -> np.ndarray:
    """Vectors [n, W] of words -> [count, W] float32 at frames, the first of them at ``start`` s.

    A frame has the vector of the word that is being spoken, of the later one where two overlap, and zeros
    where there is none. A word between two frames is put onto the nearest one if that is free.
    """
    placed = np.zeros((count, vectors.shape[1]), np.float32)
    taken = np.zeros(count, dtype=bool)
    missed = []
    for number, word in enumerate(words):
        within = frames_within(word.start - start, word.end - start)
        part = slice(max(0, within.start), max(0, min(count, within.stop)))
        placed[part], taken[part] = vectors[number], True
        if not within:
            missed.append(number)
    for number in missed:
        frame = seconds_to_frame((words[number].start + words[number].end) / 2 - start)
        if 0 <= frame < count and not taken[frame]:
            placed[frame], taken[frame] = vectors[number], True
    return placed
