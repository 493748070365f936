"""Codes of a residual quantiser by a beam search, in NumPy."""

from __future__ import annotations

import numpy as np

BEAM = 8  # sums kept; measured in docs/experiments.md


def encode_residual(latent: np.ndarray, codebooks: np.ndarray, *, beam: int = BEAM) -> np.ndarray:
    """Codes [N, K] whose vectors' sum comes closest to latent [N, D], of codebooks [K, S, D].

    The nearest vector of every layer in turn (``beam`` 1) is what a quantiser is trained with and what
    generators learn to predict. A sum over many layers comes a quarter closer when the best few sums are
    kept until the end, and holds tremble less. The first layer stays the nearest vector, so that the code
    which generators read first means the same. A decision of ours [D].
    """
    count, layers = len(latent), len(codebooks)
    residual = latent[:, None].astype(np.float32)  # [N, b, D]
    codes = np.zeros((count, 1, 0), dtype=np.int64)
    for layer, codebook in enumerate(codebooks):
        distance = (residual**2).sum(-1, keepdims=True) - 2 * residual @ codebook.T + (codebook**2).sum(-1)
        size = distance.shape[-1]
        flat = distance.reshape(count, -1)
        kept = 1 if layer == 0 or layer == layers - 1 else min(beam, flat.shape[1])
        best = np.argpartition(flat, kept - 1, axis=1)[:, :kept]
        parent, chosen = best // size, best % size
        codes = np.concatenate([np.take_along_axis(codes, parent[..., None], 1), chosen[..., None]], -1)
        residual = np.take_along_axis(residual, parent[..., None], 1) - codebook[chosen]
    return codes[:, 0]
