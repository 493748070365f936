"""How lively motion is, and synthetic pairs that are as lively as the clips they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..motion.motion import Motion
from ..motion.phases import STILL_SPEED, hand_speed, strokes

RATE_UNIT = 0.1  # share of a rate that counts as a distance of 1
STILL_UNIT = 0.05  # share of the time that counts as a distance of 1
LEAST_STROKES, LEAST_SPEED = 0.1, 0.01  # strokes a second, metres a second: rates below count as these


@dataclass
class Tally:
    """How lively motion is, summed over clips."""

    seconds: float = 0.0
    strokes: float = 0.0
    path: float = 0.0  # metres, mean of both wrists
    still: float = 0.0  # seconds with both hands still

    @classmethod
    def of(cls, motion: Motion) -> Tally:
        """The tally of one clip."""
        speed = hand_speed(motion)
        still = float((speed < STILL_SPEED).all(axis=1).mean())
        return cls(motion.seconds, len(strokes(motion)), float(speed.mean()) * motion.seconds, still * motion.seconds)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.seconds + other.seconds, self.strokes + other.strokes, self.path + other.path, self.still + other.still
        )

    def distance(self, other: Tally) -> float:
        """How far two tallies' rates are apart: 1 is ten per cent or five points in one of them."""
        a, b = self, other
        return float(
            ((a.strokes / a.seconds) / max(b.strokes / b.seconds, LEAST_STROKES) / RATE_UNIT - 1 / RATE_UNIT) ** 2
            + ((a.path / a.seconds) / max(b.path / b.seconds, LEAST_SPEED) / RATE_UNIT - 1 / RATE_UNIT) ** 2
            + ((a.still / a.seconds - b.still / b.seconds) / STILL_UNIT) ** 2
        )


class Balance:
    """Keeps synthetic pairs as lively as the clips they come from, for each speaker and emotion.

    The choice of stretches of motion for a speech favours some of them. Therefore a few pairs are
    drawn for each speech, and the one is kept that brings the sum of all pairs so far closest to the real clips in
    strokes a minute, hand speed and share of stillness. A decision of ours [D].
    """

    def __init__(self, real: Tally) -> None:
        self.real, self.synthetic = real, Tally()

    def choose(self, drawn: Sequence[Tally]) -> int:
        """Index of the drawn pair to keep; it is added to the sum."""
        best = min(range(len(drawn)), key=lambda k: (self.synthetic + drawn[k]).distance(self.real))
        self.synthetic = self.synthetic + drawn[best]
        return best
