"""What a motion shall be like, joint by joint and frame by frame: retrieved gestures and a user's own.

ExGes, section "Precision control": a *partial* mask chooses body parts and frames, a *stochastic* one keeps
a random part of the retrieved keypoints. Here the dice fall for cells of a body part and 0.4 s, because a
joint that is known in every second frame is known altogether [D].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...motion.codec import Codec
from ...sampling.edit import GROUPS
from .references import SLOT, Reference, fitted

CELL = 12  # frames of a cell, 0.4 s
JOIN = 6  # frames at either end of a reference that are left to the network, 0.2 s
_PARTS = ("left-arm", "right-arm", "head", "torso")


@dataclass(frozen=True)
class Constraint:
    """Wanted poses of a motion of T frames; arrays may be written to."""

    pose: np.ndarray  # [T, C] coded motion, of account where the mask is
    mask: np.ndarray  # [T, J] float32 0 or 1: what the network is shown
    hard: np.ndarray  # [T, J] bool: what must be exactly so

    @classmethod
    def none(cls, frames: int) -> Constraint:
        """Nothing is wanted."""
        codec = Codec()
        joints = len(codec.joints) + 1
        return cls(
            np.zeros((frames, codec.channels), dtype=np.float32),
            np.zeros((frames, joints), dtype=np.float32),
            np.zeros((frames, joints), dtype=bool),
        )

    def insist(self, coded: np.ndarray, first: int, columns: Sequence[int]) -> None:
        """Want coded motion [L, C] exactly, from a frame on, at the columns of some joints."""
        part = slice(first, first + len(coded))
        chosen = np.isin(owner(), list(columns))
        self.pose[part, chosen] = coded[: len(self.pose[part]), chosen]
        self.mask[part, list(columns)] = 1.0
        self.hard[part, list(columns)] = True


def owner() -> np.ndarray:
    """[C] which column of a mask a channel of the codec belongs to: the joints in order, then the root."""
    joints = len(Codec().joints)
    return np.array([*np.repeat(np.arange(joints), 6), *[joints] * 3])


def columns_of(indices: Sequence[int]) -> list[int]:
    """Columns of a mask for canonical joints; those that are not coded are left out."""
    place = {joint: k for k, joint in enumerate(Codec().joints)}
    return [place[joint] for joint in indices if joint in place]


def cells() -> np.ndarray:
    """[J] which body part a column of a mask belongs to; the root and pelvis go with the torso."""
    codec = Codec()
    names = [*codec.body, *codec.hands, "root"]
    parts = [next((k for k, part in enumerate(_PARTS) if name in GROUPS[part]), 3) for name in names]
    return np.array(parts)


def propose(
    constraint: Constraint, references: Sequence[Reference], *, faithfulness: float, step: int, rng: np.random.Generator
) -> list[tuple[Reference, SLOT, float]]:
    """Write references into a constraint, as hints that the network may leave.

    Args:
        faithfulness: share of the cells that are kept, 0 (none) to 1 (all).
        step: frames a step of the network.
    Returns:
        every reference with the frames it came to stand at and its speed.
    """
    parts, placed = cells(), []
    frames = len(constraint.pose)
    # One die a cell, whatever the share: what is kept at 0.3 is kept at 0.6 as well.
    uniform = rng.random((-(-frames // CELL), len(_PARTS)))
    for reference in references:
        coded, (first, last), rate = fitted(reference, step)
        last = min(last, frames)
        placed.append((reference, (first, last), rate))
        place = np.arange(first, last)
        inside = (place >= first + JOIN) & (place < last - JOIN)
        shown = (uniform[place // CELL][:, parts] < faithfulness) & inside[:, None]
        shown &= ~constraint.hard[first:last]
        chosen = shown[:, owner()]
        constraint.pose[first:last] = np.where(chosen, coded[: last - first], constraint.pose[first:last])
        constraint.mask[first:last] = np.maximum(constraint.mask[first:last], shown)
    return placed
