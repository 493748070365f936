"""Joins of stretches of motion that were not recorded one after the other: no jump, no blur.

A cross-fade of two movements is slower than either of them. Here each side keeps its own movement up to the join;
what lies between the two, in pose and in velocity, is spread over a short time before and after it. A decision of ours,
after inertialization in games (Bollo, GDC 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.series import minimum_jerk
from ..core.timing import FPS

SHORTEST, LONGEST = 0.2, 0.7  # seconds on either side over which a join is spread
SECONDS_PER_UNIT = 0.2  # a greater distance in the channels is spread over more time
SPEED_FRAMES = 2  # frames from which the velocity at a join is taken


@dataclass
class Piece:
    """Motion from frame ``first`` on."""

    first: int
    motion: np.ndarray  # [T, C]

    @property
    def end(self) -> int:
        """The frame after its last."""
        return self.first + len(self.motion)

    def cut(self, end: int) -> None:
        """Let it end earlier."""
        self.motion = self.motion[: max(0, end - self.first)]


def joined(pieces: list[Piece]) -> np.ndarray:
    """Pieces [T, C] that follow one another without a gap, as one motion; rotations in it have to be made so again."""
    if len(pieces) == 1:
        return pieces[0].motion
    parts = [piece.motion.astype(np.float64) for piece in pieces]
    moved = [part.copy() for part in parts]
    for k in range(len(parts) - 1):
        before, after = parts[k], parts[k + 1]
        speed_before, speed_after = _velocity(before[-SPEED_FRAMES - 1 :]), _velocity(after[: SPEED_FRAMES + 1])
        jump = after[0] - (before[-1] + speed_before)
        kink = speed_after - speed_before
        spread = _spread(jump)
        reach = min(spread, len(before) // 2), min(spread, len(after) // 2)
        if min(reach) < 1:
            continue
        left = np.arange(reach[0]) / reach[0]  # the join itself is the first frame of the piece after
        moved[k][len(before) - reach[0] :] += _way(left, jump, kink * reach[0])
        right = 1 - np.arange(reach[1]) / reach[1]
        moved[k + 1][: reach[1]] -= _way(right, jump, -kink * reach[1])
    return np.concatenate(moved).astype(np.float32)


def _way(share: np.ndarray, jump: np.ndarray, kink: np.ndarray) -> np.ndarray:
    """[T, C]: half of the jump and half of the change of velocity, reached at a share of 1 without jerk."""
    bend = share**3 * (-4 + 7 * share - 3 * share**2)  # 0 with slope 1 at the end, without curvature
    way: np.ndarray = minimum_jerk(share)[:, None] * jump / 2 + bend[:, None] * kink / 2
    return way


def _spread(jump: np.ndarray) -> int:
    """Frames on either side."""
    seconds = np.clip(float(np.linalg.norm(jump)) * SECONDS_PER_UNIT, SHORTEST, LONGEST)
    return round(float(seconds) * FPS)


def _velocity(frames: np.ndarray) -> np.ndarray:
    """Mean change [C] from frame to frame of [T, C]."""
    velocity: np.ndarray = np.diff(frames, axis=0).mean(axis=0) if len(frames) > 1 else np.zeros(frames.shape[1])
    return velocity
