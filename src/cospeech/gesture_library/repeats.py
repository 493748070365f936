"""What was shown lately, so that the next gesture is another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..core.timing import FPS
from ..metrics.repetition import LEAST_AMPLITUDE, RATE, WINDOW, WITHIN, GestureWindows
from ..motion.codec import Codec

_STEP = round(FPS / RATE)  # frames between those of a path
_LEAST = round(WINDOW * RATE)  # of those in a window


@dataclass
class Shown:
    """Gestures that were shown within the last ``WITHIN`` seconds."""

    ids: list[str] = field(default_factory=list)  # of segments
    _ends: list[int] = field(default_factory=list)  # frames at which they ended
    _paths: list[np.ndarray] = field(default_factory=list)  # [W, D] windows of each

    def forget(self, frame: int) -> None:
        """Forget what ended more than ``WITHIN`` seconds before a frame."""
        while self._ends and self._ends[0] < frame - WITHIN * FPS:
            for kept in (self.ids, self._ends, self._paths):
                kept.pop(0)

    def add(self, segment: str, end: int, encoded: np.ndarray) -> None:
        """A segment is shown, as encoded motion [L, C], up to a frame."""
        self.ids.append(segment)
        self._ends.append(end)
        self._paths.append(windows(encoded).paths)

    def fresh(self, ids: Sequence[str]) -> set[str]:
        """Segments that may come next: those that were not shown; if all were, the half that was longest ago."""
        never = set(ids) - set(self.ids)
        if never:
            return never
        order = sorted(set(ids), key={name: place for place, name in enumerate(self.ids)}.__getitem__)
        return set(order[: (len(order) + 1) // 2])

    def likeness(self, encoded: np.ndarray) -> float:
        """How far encoded motion [L, C] repeats what was shown, 0 to 1.

        1 less the figure of ``metrics.repetition.nearest_repeats`` (distance of wrist paths over amplitude) of the
        window that is nearest to one that was shown; 0 where nothing in it is a gesture.
        """
        own = windows(encoded)
        paths, amplitude = own.paths[own.amplitude >= LEAST_AMPLITUDE], own.amplitude[own.amplitude >= LEAST_AMPLITUDE]
        if not self._paths or not len(paths):
            return 0.0
        others = np.concatenate(self._paths)
        squared = (paths**2).sum(1)[:, None] - 2 * paths @ others.T + (others**2).sum(1)
        nearest = np.sqrt(np.maximum(squared.min(axis=1), 0.0)) / amplitude
        return float(max(0.0, 1.0 - nearest.min()))


def windows(encoded: np.ndarray) -> GestureWindows:
    """Windows of encoded motion [L, C] at ``RATE``; what is shorter than one is held at its end."""
    path = encoded[::_STEP]
    path = np.pad(path, ((0, max(0, _LEAST - len(path))), (0, 0)), mode="edge")
    return GestureWindows.of(replace(Codec().decode(path), fps=RATE))
