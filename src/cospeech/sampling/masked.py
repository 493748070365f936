"""Sampling of masked tokens in a few steps (MaskGIT, MoMask), in NumPy over any network.

The network is a plain callable, so a torch module in evaluation and an ONNX session in use run the
same loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Logits = Callable[[np.ndarray], np.ndarray]  # codes [N] with the mask id where open -> logits [N, S]


@dataclass(frozen=True)
class MaskedSampling:
    """Settings of the sampler."""

    steps: int = 7  # the paper has 5; chosen on validation (docs/experiments.md)
    temperature: float = 1.0
    top_k: int = 0  # 0: all codes
    # How random the order is in which tokens are settled. At 0 the most certain come first, which
    # draws motion into the commonest pose, rest; large values settle them in random order. [D]
    order_noise: float = 14.0


def masked_count(step: int, steps: int, length: int) -> int:
    """Tokens still masked after a step: round(cos(pi t / 2) length) with t = (step + 1) / steps.

    >>> [masked_count(s, 5, 100) for s in range(5)]
    [95, 81, 59, 31, 0]
    """
    if step + 1 >= steps:
        return 0
    return round(float(np.cos(np.pi / 2 * (step + 1) / steps)) * length)


def sample_masked(
    network: Logits, codes: np.ndarray, mask_id: int, rng: np.random.Generator, settings: MaskedSampling
) -> np.ndarray:
    """Fill the masked places of ``codes`` [N]; the others stay as they are."""
    codes = codes.copy()
    open_ = codes == mask_id
    total = int(open_.sum())
    for step in range(settings.steps):
        if not open_.any():
            break
        logits = network(codes)
        drawn, certainty = draw(logits, rng, settings.temperature, settings.top_k)
        left = masked_count(step, settings.steps, total)
        noise = settings.order_noise * (1 - (step + 1) / settings.steps)
        score = np.log(certainty + 1e-20) + noise * rng.gumbel(size=len(codes))
        score[~open_] = np.inf
        again = np.zeros(len(codes), dtype=bool)
        if left:
            again[np.argpartition(score, left - 1)[:left]] = True
        settled = open_ & ~again
        codes[settled] = drawn[settled]
        open_ = again
    return codes


def draw(
    logits: np.ndarray, rng: np.random.Generator, temperature: float, top_k: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a code for every row of logits [N, S]: codes [N] and their probabilities [N].

    Temperature 0 takes the most likely code.
    """
    if temperature <= 0:
        codes = logits.argmax(-1)
        return codes, np.take_along_axis(softmax(logits), codes[:, None], -1)[:, 0]
    scaled = logits / temperature
    if 0 < top_k < logits.shape[-1]:
        bound = np.partition(scaled, -top_k, axis=-1)[:, -top_k, None]
        scaled = np.where(scaled < bound, -np.inf, scaled)
    probability = softmax(scaled)
    cumulative = probability.cumsum(-1)
    uniform = rng.random((len(logits), 1)) * cumulative[:, -1:]
    codes = np.minimum((cumulative < uniform).sum(-1), logits.shape[-1] - 1)
    return codes, np.take_along_axis(probability, codes[:, None], -1)[:, 0]


def softmax(x: np.ndarray) -> np.ndarray:
    """Probabilities along the last axis."""
    e = np.exp(x - x.max(-1, keepdims=True))
    probability: np.ndarray = e / e.sum(-1, keepdims=True)
    return probability
