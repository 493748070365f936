"""Motion of a library as latents of body parts, one byte a number, and keys of one byte a number.

A frame of encoded motion takes 534 bytes as int16, a latent of four frames 72 (84 with fingers). The bases are fitted
to the library's own recordings and kept in it once (role ``parts``); each column of the latents is rounded to
``LEVELS`` steps on either side of 0. Keys have length one, so only their direction is kept: the largest
number becomes ``LEVELS``.
Ours. [D]
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..methods.flow.latents import STACK, PartLatents
from ..motion.codec import Codec

PARTS = "parts"  # role of the bases: tensors of ``PartLatents``, and "step" [size], a latent's unit of each column
LEVELS = 127  # largest absolute value of a byte
HEADROOM = 1.25  # columns may go so much further than in what the bases were fitted to, for recordings added later
FINGERS_RANK = 6  # more numbers of an arm where fingers move: in generated motion they follow a few rules
FIT_FRAMES = 100_000  # frames that bases are fitted to at most, of recordings evenly over the dataset
_AROUND = 2  # latents on either side on which a decoded frame depends
_STEP = "step"


@dataclass(frozen=True)
class LatentMotion:
    """Encoded motion [T, C] <-> rows [ceil(T / STACK), size] int8."""

    parts: PartLatents
    step: np.ndarray  # [size] float32

    @classmethod
    def fit(cls, motions: Iterable[np.ndarray]) -> LatentMotion:
        """Bases and steps of encoded motions [T, C], which are iterated over several times."""
        parts = PartLatents.fit(motions, Codec(), fingers_rank=FINGERS_RANK)
        largest = np.max([np.abs(parts.encode(motion)).max(axis=0) for motion in motions], axis=0)
        return cls(parts, (np.maximum(largest, 1.0) * HEADROOM / LEVELS).astype(np.float32))

    @classmethod
    def of(cls, tensors: Mapping[str, np.ndarray]) -> LatentMotion:
        """Out of what ``tensors`` gave. Raises KeyError if something lacks, ValueError if it does not fit together."""
        found = cls(
            PartLatents({name: array for name, array in tensors.items() if name != _STEP}, Codec()), tensors[_STEP]
        )
        rest = found.unpacked(np.zeros((1, found.parts.size), dtype=np.int8), 0, 1)
        if found.step.shape != (found.parts.size,) or not np.isfinite(rest).all():
            raise ValueError("its bases do not fit together")
        return found

    def tensors(self) -> dict[str, np.ndarray]:
        """As the file of role ``PARTS`` keeps it."""
        return {**self.parts.arrays, _STEP: self.step}

    @cached_property
    def fingerprint(self) -> str:
        """Changes with any number: latents of two fingerprints cannot be mixed."""
        digest = hashlib.sha256()
        for name, array in sorted(self.tensors().items()):
            digest.update(name.encode() + np.ascontiguousarray(array, dtype=np.float32).tobytes())
        return digest.hexdigest()[:12]

    def packed(self, encoded: np.ndarray) -> np.ndarray:
        """Encoded motion [T, C] -> [ceil(T / STACK), size] int8."""
        rows: np.ndarray = np.clip(np.round(self.parts.encode(encoded) / self.step), -LEVELS, LEVELS).astype(np.int8)
        return rows

    def unpacked(self, rows: np.ndarray, first: int, frames: int) -> np.ndarray:
        """Rows [N, size] int8 -> encoded motion [frames, C] float32 from frame ``first`` of the rows on."""
        return self.parts.decode(rows.astype(np.float32) * self.step)[first : first + frames]


def rows_of(frames: int) -> int:
    """Rows that so many frames take."""
    return -(-frames // STACK)


def rows_around(first: int, frames: int, rows: int) -> tuple[int, int]:
    """Rows [start, stop) of a recording of so many rows from which frames are decoded as they would be from all."""
    return max(0, first // STACK - _AROUND), min(rows, rows_of(first + frames) + _AROUND)


def packed_keys(keys: np.ndarray) -> np.ndarray:
    """Keys [n, E] of length one, or zeros where there is none -> int8."""
    largest = np.abs(keys).max(axis=1, keepdims=True, initial=0.0)
    return np.round(LEVELS * keys / np.where(largest > 0, largest, 1.0)).astype(np.int8)


def unpacked_keys(keys: np.ndarray) -> np.ndarray:
    """int8 [n, E] -> keys of length one, float32; zeros stay zeros."""
    values = keys.astype(np.float32)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return values / np.where(lengths > 0, lengths, 1.0)
