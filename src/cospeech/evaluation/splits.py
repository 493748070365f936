"""How recordings of a store are dealt: by turns of their speakers and emotions, the same for the same seed.

Decisions of ours [D].
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from ..data.dataset import Item


def halves(items: Sequence[Item], seed: int) -> tuple[list[Item], list[Item]]:
    """Two halves with as many of each speaker and emotion, but for one."""
    dealt: tuple[list[Item], list[Item]] = ([], [])
    for number, item in enumerate(item for group in _groups(items, seed) for item in group):
        dealt[number % 2].append(item)
    return dealt


def spread(items: Sequence[Item], most: int, seed: int) -> list[Item]:
    """Items by turns of their speakers and emotions, ``most`` at most."""
    queues = _groups(items, seed)
    turns: list[Item] = []
    while any(queues):
        turns += [queue.pop() for queue in queues if queue]
    return turns[:most]


def _groups(items: Sequence[Item], seed: int) -> list[list[Item]]:
    """Items of every speaker and emotion, in an order that depends on the seed alone."""
    rng = np.random.default_rng(seed)
    groups: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in sorted(items, key=lambda item: item.id):
        groups[item.speaker, str(item.emotion)].append(item)
    return [[group[k] for k in rng.permutation(len(group))] for _, group in sorted(groups.items())]
