"""A job that workers of core.parallel can import."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Flags:
    """Pictures [T, H, W, 3] uint8, drawn with 1 added in place."""

    pictures: np.ndarray
    told: bool = False  # each begins with "private N", bytes of memory that no file gave
    broken: bool = False

    @property
    def frames(self) -> int:
        return len(self.pictures)

    @property
    def size(self) -> tuple[int, int]:
        return self.pictures.shape[2], self.pictures.shape[1]

    def draw(self, frames: range) -> Iterator[np.ndarray]:
        if self.broken:
            raise ValueError("this cannot be drawn")
        if self.told:
            self.pictures.sum()  # every page is read
        for frame in frames:
            picture = self.pictures[frame]
            if self.told:
                text = f"private {_own()}".encode().ljust(32)
                picture = picture.copy()
                picture.reshape(-1)[: len(text)] = np.frombuffer(text, np.uint8)
            else:
                picture += 1
            yield picture


def _own() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous"))
