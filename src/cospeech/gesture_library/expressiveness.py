"""How expressive a segment is: the speed, reach and strokes of its hands, relative to the chest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.timing import seconds_to_frame
from ..motion.motion import Motion
from ..motion.phases import hand_speed, strokes, wrists_in_chest


@dataclass(frozen=True)
class Expressiveness:
    """Figures of one segment. The set is a decision of ours after ExGes' "expressive poses" [D]."""

    speed: float  # metres a second, mean of both wrists
    peak: float  # metres a second, the faster wrist's highest
    extent: float  # metres, diagonal of the box around the path of the wrist that goes further
    strokes: int  # peaks of hand speed, see ``motion.phases.strokes``


class Hands:
    """The hands of one recording, measured once for all of its segments."""

    def __init__(self, motion: Motion) -> None:
        """``motion``: canonical, 30 fps."""
        self.speeds = hand_speed(motion)  # [T, 2] metres a second
        self._wrists = wrists_in_chest(motion)  # [T, 2, 3] metres
        self._strokes = np.array([seconds_to_frame(stroke.time) for stroke in strokes(motion)], dtype=int)

    @property
    def activity(self) -> np.ndarray:
        """[T] metres a second: the faster hand."""
        fastest: np.ndarray = self.speeds.max(axis=1)
        return fastest

    def of(self, start: int, end: int) -> Expressiveness:
        """Figures of the frames from ``start`` to before ``end``."""
        speeds = self.speeds[start:end]
        box = np.ptp(self._wrists[start:end], axis=0)
        return Expressiveness(
            speed=float(speeds.mean()),
            peak=float(speeds.max()),
            extent=float(np.linalg.norm(box, axis=-1).max()),
            strokes=int(((self._strokes >= start) & (self._strokes < end)).sum()),
        )
