"""How recordings of a dataset are divided: evenly over speakers and emotions, the same for the same seed.

Decisions of ours [D].
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from ..data.dataset import Sample


def split_halves(samples: Sequence[Sample], seed: int) -> tuple[list[Sample], list[Sample]]:
    """Two random halves with as many of each speaker and emotion; their sizes differ by one at most."""
    halves: tuple[list[Sample], list[Sample]] = ([], [])
    for number, sample in enumerate(sample for group in _groups(samples, seed) for sample in group):
        halves[number % 2].append(sample)
    return halves


def spread(samples: Sequence[Sample], most: int, seed: int) -> list[Sample]:
    """Samples that take turns over speakers and emotions, ``most`` at most."""
    queues = _groups(samples, seed)
    turns: list[Sample] = []
    while any(queues):
        turns += [queue.pop() for queue in queues if queue]
    return turns[:most]


def _groups(samples: Sequence[Sample], seed: int) -> list[list[Sample]]:
    """Samples of every speaker and emotion, in an order that depends on the seed alone."""
    rng = np.random.default_rng(seed)
    groups: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda sample: sample.id):
        groups[sample.speaker, str(sample.emotion)].append(sample)
    return [[group[k] for k in rng.permutation(len(group))] for _, group in sorted(groups.items())]
