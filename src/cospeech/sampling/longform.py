"""Any length from a network of limited context: windows that hand over their last tokens."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Window:
    """A stretch of tokens; those before ``fresh`` are given by the window before."""

    start: int
    fresh: int
    end: int


def windows(length: int, size: int, overlap: int) -> list[Window]:
    """Windows of at most ``size`` tokens; all but the first begin with ``overlap`` given ones.

    The windows are of nearly equal size, so that none is left with a few tokens only.

    >>> windows(10, 6, 2)
    [Window(start=0, fresh=0, end=6), Window(start=4, fresh=6, end=10)]
    """
    if length <= size:
        return [Window(0, 0, length)]
    step = size - overlap
    count = -(-(length - overlap) // step)
    bounds = [overlap + round(k * (length - overlap) / count) for k in range(count + 1)]
    result = [Window(0, 0, bounds[1])]
    result += [Window(a - overlap, a, b) for a, b in pairwise(bounds[1:])]
    return result
