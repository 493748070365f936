"""The watermark's code, version 2: which signs carry which payload, and how well a picture agrees with them.

A number of 12 bits is carried by the numbers of the cosine transform: number i has the sign s_i (-1)^(g_i . payload),
with s_i and the 12 bits g_i drawn once and for all (a random linear code, so that one Hadamard transform compares with
all payloads). A third of the numbers has g_i = 0: they are the same in every video, and by them a picture
that was cropped is put back in its place before the payload is read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

import numpy as np

from .grid import Band, band

BITS = 12
PAYLOADS = 1 << BITS
GREY_BAND, BLUE_BAND = (14, 44), (4, 20)  # half waves per picture
PILOT_BELOW = 36  # half waves: of the longer ones every second is a pilot; short ones would need a finer search
LIMIT = 1.0  # larger numbers, in standard deviations, are edges rather than marks, and count less
_NAME = b"cospeech watermark 2"


@dataclass(frozen=True)
class Code:
    """What is drawn for each number of the band."""

    band: Band
    sign: np.ndarray  # [N] -1 or 1
    bits: np.ndarray  # [N] 0 to 4095; 0 in pilots

    @property
    def pilots(self) -> np.ndarray:
        """[P] places of the pilots."""
        return np.flatnonzero(self.bits == 0)

    def signs(self, payload: int) -> np.ndarray:
        """[N] of -1 and 1, the pattern of a payload."""
        return np.asarray(self.sign * (1 - 2 * (_ones(self.bits & payload) & 1)))

    def scores(self, numbers: np.ndarray) -> np.ndarray:
        """[4096] agreement of numbers [N] with each payload, in standard deviations of random signs."""
        sums = np.bincount(self.bits, self.sign * normalised(numbers), PAYLOADS)
        half = _hadamard(BITS // 2)
        return np.asarray((half @ sums.reshape(half.shape) @ half).reshape(-1))


@cache
def _hadamard(bits: int) -> np.ndarray:
    """[2^bits, 2^bits]: -1 to the number of ones that row and column have in common."""
    matrix = np.ones((1, 1))
    for _ in range(bits):
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix


def limited(numbers: np.ndarray) -> np.ndarray:
    """Equalised numbers with the largest held back."""
    return np.asarray(numbers / np.sqrt(LIMIT**2 + numbers**2))


def normalised(numbers: np.ndarray) -> np.ndarray:
    """Limited numbers of which a sum with random signs has the standard deviation 1."""
    numbers = limited(numbers)
    return np.asarray(numbers / (np.sqrt(np.sum(numbers**2)) + 1e-12))


@cache
def code() -> Code:
    """Fixed for ever: from SHAKE-256, not from a generator that a library may change."""
    where = band(GREY_BAND, BLUE_BAND)
    count = len(where.rows)
    drawn = np.frombuffer(hashlib.shake_256(_NAME).digest(2 * count), ">u2").astype(int)
    low = where.rows**2 + where.columns**2 < PILOT_BELOW**2
    pilot = low & (drawn >> (BITS + 1) & 1 == 1)
    return Code(where, 1 - 2 * (drawn >> BITS & 1), np.where(pilot, 0, drawn % PAYLOADS))


def _ones(values: np.ndarray) -> np.ndarray:
    return np.asarray(sum(values >> bit & 1 for bit in range(BITS)))
