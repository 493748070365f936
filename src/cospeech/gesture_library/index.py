"""Nearest keys: exactly, in NumPy; or nearly, with faiss, for who asks a large library often.

The exact way multiplies block by block in float32, keeps whatever could be among the best, and compares
those in float64. So the answer is that of a comparison one by one, whatever the block sizes, and equal
keys have equal scores: of equals the one that stands first in the library comes first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import UserError

BLOCK = 16_384  # keys at once: 8 MB of 128 numbers, which a processor's cache can hold
FEW = 20_000  # keys among which faiss has little to gain
SPARE = 4  # times k that faiss is asked for, before the exact comparison


def nearest(
    keys: np.ndarray, query: np.ndarray, *, k: int, allowed: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The k keys of largest cosine, best first; fewer if fewer are allowed.

    Args:
        keys: [N, E] float32 of length one.
        query: [E] of length one.
        allowed: [N] bool; all if None.

    Returns:
        rows [k] int64 and scores [k] float64.
    """
    vector = np.ascontiguousarray(query, dtype=np.float32)
    slack = np.float32(keys.shape[1] * 2.0**-22)  # four times what a product in float32 can be off
    rows, scores = np.zeros(0, np.int64), np.zeros(0, np.float32)
    floor = np.float32(-2.0)
    for start in range(0, len(keys), BLOCK):
        block = keys[start : start + BLOCK]
        wanted = None if allowed is None else allowed[start : start + BLOCK]
        if wanted is not None and 4 * np.count_nonzero(wanted) < len(block):
            inside = np.flatnonzero(wanted)  # to gather more rows than that costs more than to multiply all
            values = block[inside] @ vector
            better = np.flatnonzero(values >= floor)
            found = inside[better]
        else:
            values = block @ vector
            better = found = np.flatnonzero(values >= floor if wanted is None else (values >= floor) & wanted)
        if not len(better):
            continue
        rows = np.concatenate([rows, start + found])
        scores = np.concatenate([scores, values[better]])
        if len(scores) > k:
            floor = np.partition(scores, -k)[-k] - slack
            rows, scores = rows[scores >= floor], scores[scores >= floor]
    return best(keys, vector, rows, k=k)


def best(keys: np.ndarray, query: np.ndarray, rows: np.ndarray, *, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Of the given rows the k best, compared in float64; of equals the first in the library."""
    exact = np.empty(len(rows))
    for start in range(0, len(rows), BLOCK):
        part = keys[rows[start : start + BLOCK]].astype(np.float64)
        exact[start : start + BLOCK] = (part * query.astype(np.float64)).sum(axis=1)
    order = np.lexsort((rows, -exact))[:k]
    return rows[order].astype(np.int64), exact[order]


class FaissIndex:
    """Keys of one byte a number, which faiss compares first; the best of those are compared exactly.

    Made in a second or two for a million keys. Cells of neighbours (IVF) answer faster, but learn for long
    and missed two thirds of the ten best keys where keys lie evenly spread.

    Raises:
        UserError: faiss is not installed.
    """

    def __init__(self, keys: np.ndarray, present: np.ndarray) -> None:
        """keys [N, E] float32; present [N] bool: rows that may be found."""
        faiss = _faiss()
        self._keys, self._present = keys, present
        self._index = faiss.index_factory(keys.shape[1], "SQ8", faiss.METRIC_INNER_PRODUCT)
        self._index.train(keys)
        self._index.add(keys)

    def nearest(self, query: np.ndarray, *, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """As ``nearest`` of this module, nearly."""
        faiss = _faiss()
        vector = np.ascontiguousarray(query, dtype=np.float32)
        allowed = self._present if allowed is None else allowed
        bits = np.packbits(allowed, bitorder="little")
        wanted = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))
        rows = self._index.search(vector[None], SPARE * k, params=None if allowed.all() else wanted)[1][0]
        return best(self._keys, vector, rows[rows >= 0], k=k)


def _faiss() -> Any:
    try:
        import faiss
    except ImportError:
        raise UserError(
            "an approximate search needs faiss, which is not installed; pip install 'cospeech[search]', "
            "or leave approximate=True out"
        ) from None
    return faiss
