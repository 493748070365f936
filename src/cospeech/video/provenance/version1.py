"""Version 1 of the watermark, read only: videos that cospeech 0.1 marked bear it.

Each of its 4,096 payloads is a row of random signs of its own, on 6 to 26 waves of grey and 4 to 14 of blue per
picture. It is read in whole pictures only; version 2 (``watermark``) took its place because of that.
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np

from .grid import band

PAYLOADS = 1 << 12
GREY_BAND, BLUE_BAND = (12, 52), (8, 28)  # half waves per picture


def projections(planes: np.ndarray) -> np.ndarray:
    """[4096] projections of planes [2, 128, 128] on all payloads, in standard deviations of random signs."""
    numbers = band(GREY_BAND, BLUE_BAND).numbers(planes)
    numbers /= np.sqrt(np.sum(numbers**2)) + 1e-12
    return np.asarray(_signs().astype(np.float32) @ numbers.astype(np.float32), np.float64)


@cache
def _signs() -> np.ndarray:
    """[4096, N] of -1 and 1 as int8."""
    size = len(band(GREY_BAND, BLUE_BAND).rows)
    rows = []
    for payload in range(PAYLOADS):
        bits = hashlib.shake_256(f"cospeech watermark 1 {payload}".encode()).digest(-(-size // 8))
        rows.append(np.unpackbits(np.frombuffer(bits, np.uint8), count=size))
    return 1 - 2 * np.array(rows, np.int8)
