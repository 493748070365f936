"""How recordings of a dataset are dealt: by turns of their speakers and emotions, the same for the same seed.

Decisions of ours [D].
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from ..data.dataset import Sample


def halves(items: Sequence[Sample], seed: int) -> tuple[list[Sample], list[Sample]]:
    """Two halves with as many of each speaker and emotion, but for one."""
    dealt: tuple[list[Sample], list[Sample]] = ([], [])
    for number, item in enumerate(item for group in _groups(items, seed) for item in group):
        dealt[number % 2].append(item)
    return dealt


def spread(items: Sequence[Sample], most: int, seed: int) -> list[Sample]:
    """Items by turns of their speakers and emotions, ``most`` at most."""
    queues = _groups(items, seed)
    turns: list[Sample] = []
    while any(queues):
        turns += [queue.pop() for queue in queues if queue]
    return turns[:most]


def _groups(items: Sequence[Sample], seed: int) -> list[list[Sample]]:
    """Items of every speaker and emotion, in an order that depends on the seed alone."""
    rng = np.random.default_rng(seed)
    groups: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for item in sorted(items, key=lambda item: item.id):
        groups[item.speaker, str(item.emotion)].append(item)
    return [[group[k] for k in rng.permutation(len(group))] for _, group in sorted(groups.items())]
