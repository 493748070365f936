"""Does speech find its own motion, and motion its speech, among others: R@k and the median rank.

Contextual Gesture after TMR: over the whole test set, and in batches of 32 drawn by chance. One speech
suits many gestures, so R@1 of 100 % is not to be had; chance stands beside every value.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..core.errors import UserError
from .base import DEFAULT, Bootstrap, Label, Sums, Value
from .inputs import feature_rows

RANKS = (1, 2, 3, 5, 10)
BLOCK = 512  # queries worked on at once: bounds the memory


def ranks(similarity: np.ndarray, wanted: np.ndarray | None = None) -> np.ndarray:
    """Rank of the right answer of every query, from 1; ties are averaged.

    Args:
        similarity: [Q, N], larger is nearer.
        wanted: [Q] column of the right answer; the diagonal if None.

    >>> ranks(np.array([[0.9, 0.1, 0.1], [0.5, 0.5, 0.5], [0.2, 0.8, 0.2]]))
    array([1. , 2. , 2.5])
    """
    rows = np.arange(len(similarity))
    right = similarity[rows, rows if wanted is None else wanted][:, None]
    result: np.ndarray = 1 + (similarity > right).sum(axis=1) + ((similarity == right).sum(axis=1) - 1) / 2
    return result


def retrieval_scores(
    speech: Any,
    motion: Any,
    *,
    extractor: str,
    clips: list[str] | None = None,
    ks: tuple[int, ...] = RANKS,
    batch: int | None = None,
    rounds: int = 10,
    seed: int = 0,
    bootstrap: Bootstrap = DEFAULT,
) -> tuple[Value, ...]:
    """R@k in percent for every k, and the median rank, in both directions.

    Similarity is the cosine. R@k is the share of queries with rank <= k, ties averaged: with two equal
    best answers the rank is 1.5 and counts for R@2 (TMR's code counts it for R@1). Intervals are over
    the clips that ask; the others stay as they are.

    Args:
        speech, motion: [N, D] embeddings of pairs, row by row.
        extractor: id of the model that embeds.
        clips: ids of the recordings that rows are cut from; each row its own if None.
        batch: None for all N at once; else the set is dealt into batches of this size, ``rounds``
            times over, and what is left of a round is left out of it.

    Returns:
        names ``r@1_speech_to_motion_all`` ... ``median_rank_motion_to_speech_batch32``.

    Raises:
        UserError: the sides differ in shape, or there are fewer rows than a batch.
    """
    a, b = feature_rows(speech, clip="speech"), feature_rows(motion, clip="motion")
    if a.shape != b.shape:
        raise UserError(f"speech has shape {list(a.shape)}, motion {list(b.shape)}; give one row a pair")
    size = len(a) if batch is None else batch
    if size < 2 or len(a) < size:
        raise UserError(f"{len(a)} pairs, and {size} are to choose from; give at least {max(size, 2)} pairs")
    names = [str(k) for k in range(len(a))] if clips is None else clips
    if len(names) != len(a):
        raise UserError(f"{len(names)} clip ids for {len(a)} pairs; give one id a pair")
    a, b = _unit(a, "speech"), _unit(b, "motion")
    groups = _batches(len(a), batch, rounds, seed)
    queries = np.concatenate(groups)
    how = "all" if batch is None else f"batch{batch}"
    values: list[Value] = []
    for direction, asks, answers in (("speech_to_motion", a, b), ("motion_to_speech", b, a)):
        places = np.concatenate([_ranks_within(asks[group], answers[group]) for group in groups])
        values += _values(places, [names[q] for q in queries], direction, how, size, ks, extractor, bootstrap)
    return tuple(values)


def _batches(count: int, batch: int | None, rounds: int, seed: int) -> list[np.ndarray]:
    """Indices of pairs that are ranked together: all, or random batches of one size."""
    if batch is None:
        return [np.arange(count)]
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(count)[: count // batch * batch] for _ in range(rounds)]
    return [group for order in orders for group in order.reshape(-1, batch)]


def _values(
    places: np.ndarray,
    names: list[str],
    direction: str,
    how: str,
    size: int,
    ks: tuple[int, ...],
    extractor: str,
    bootstrap: Bootstrap,
) -> list[Value]:
    """Values of one direction from ranks [Q] and the clips that asked."""
    known, number = np.unique(np.array(names), return_inverse=True)
    sums = Sums(len(ks) + 1, bootstrap)
    for k, clip in enumerate(known):
        own = places[number == k]
        sums.add([*((own <= limit).sum() for limit in ks), len(own)], clip=str(clip))
    values = []
    among = f"cosine, among {size}, ties averaged"
    for k, limit in enumerate(ks):
        value, replicates = sums.figure(partial(_percent, column=k))
        label = Label(f"r@{limit}_{direction}_{how}", "%", "queries", among, "higher", extractor)
        chance = 100 * min(limit / size, 1.0)
        values.append(label.value(value, count=len(places), clips=len(known), replicates=replicates, chance=chance))
    order = np.argsort(places, kind="stable")
    weights = np.stack([bootstrap.weights(str(clip)) for clip in known])[number[order]]
    medians = _medians(places[order], weights)
    label = Label(f"median_rank_{direction}_{how}", "1", "queries", among, "lower", extractor)
    values.append(
        label.value(
            float(np.median(places)), count=len(places), clips=len(known), replicates=medians, chance=(size + 1) / 2
        )
    )
    return values


def _percent(sums: np.ndarray, column: int) -> np.ndarray:
    percent: np.ndarray = 100 * sums[..., column] / sums[..., -1]
    return percent


def _medians(ordered: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted medians [R] of values [Q] in rising order with weights [Q, R]; nan without weight."""
    rising = weights.cumsum(axis=0)
    half = rising[-1] / 2
    low = ordered[np.minimum((rising < half).sum(axis=0), len(ordered) - 1)]
    high = ordered[np.minimum((rising <= half).sum(axis=0), len(ordered) - 1)]
    return np.where(half > 0, (low + high) / 2, np.nan)


def _ranks_within(asks: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Ranks of the pairs of two sets [N, D] of unit rows, some queries at a time."""
    parts = []
    for start in range(0, len(asks), BLOCK):
        block = asks[start : start + BLOCK]
        parts.append(ranks(block @ answers.T, np.arange(start, start + len(block))))
    return np.concatenate(parts)


def _unit(rows: np.ndarray, side: str) -> np.ndarray:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (length > 0).all():
        raise UserError(f"an embedding of {side} is all zeros and has no direction; leave that pair out")
    unit: np.ndarray = rows / length
    return unit
