"""Version 1 of the watermark, read only: videos that were marked up to cospeech 0.x bear it.

Each of its 4,096 payloads is a row of random signs of its own, on 6 to 26 waves of grey and 4 to 14 of blue per
picture. It is read in whole pictures only; version 2 (``watermark``) took its place because of that.
"""

from __future__ import annotations

import hashlib

import numpy as np

from .grid import band

PAYLOADS = 1 << 12
GREY_BAND, BLUE_BAND = (12, 52), (8, 28)  # half waves per picture


def projections(planes: np.ndarray) -> np.ndarray:
    """[4096] projections of planes [2, 128, 128] on all payloads, in standard deviations of random signs."""
    numbers = band(GREY_BAND, BLUE_BAND).numbers(planes)
    numbers /= np.sqrt(np.sum(numbers**2)) + 1e-12
    return np.array([_signs(payload) @ numbers for payload in range(PAYLOADS)])


def _signs(payload: int) -> np.ndarray:
    size = len(band(GREY_BAND, BLUE_BAND).rows)
    name = f"cospeech watermark 1 {payload}".encode()
    bits = np.frombuffer(hashlib.shake_256(name).digest(-(-size // 8)), np.uint8)
    return 1 - 2 * np.unpackbits(bits)[:size].astype(np.int8)
