"""Retrieved gestures where the voice asks for hands as lively as theirs; the flow moves the body between them.

ExGes lets retrieved gestures guide a diffusion through masks. Here they are *given* to the rectified flow, in its own
latents, part by part, so that they are seen as they are and only joins and what no gesture covers are sampled. A
retrieved gesture knows nothing of how lively the voice is at this place, so it is put where its speeds are nearest to
the activity that was drawn from the voice, and where it is fast when the voice is loud; one that fits nowhere in its
slot is left out, and one that nearly fits is made a little larger or smaller. A decision of ours
(docs/experiments.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...speech.layout import LAYOUT
from ..flow.activity import LEVELS, OCTAVE, part_speeds, to_levels
from ..flow.latents import PARTS, STACK, PartLatents
from ..flow.liveliness import MOST_ENLARGED, followed, latent_means
from ..flow.model import Plan
from .pose_mask import CELL, JOIN
from .references import SLOT, Reference, fitted

MOVED = 6  # latents by which a gesture is moved within its slot, at most
SHORTEST = 4  # latents of a gesture that is seen
APART = 2  # latents between gestures, at least
ALIKE = 2.0  # levels of activity that a gesture may be off, on average of both arms
WITH_VOICE = 2.0  # levels that its correlation with the voice's loudness is worth
LEAD = 1  # latents by which hands are faster before the voice is louder
SCALED = 0.3  # octaves by which a gesture is made larger or smaller, at most
ARMS = 2  # of PARTS


@dataclass(frozen=True)
class Placement:
    """A retrieved gesture in a motion."""

    reference: Reference
    frames: SLOT  # in which it is seen
    rate: float  # speed of playing
    size: float  # of its movements, 1 as they were retrieved


@dataclass(frozen=True)
class _Candidate:
    first: int  # latent at which it begins
    inner: slice  # of its latents that are given
    apart: float  # levels
    quieter: float  # levels by which the voice asks for more


def place_references(
    plan: Plan,
    references: Sequence[Reference],
    latents: PartLatents,
    features: np.ndarray,
    *,
    faithfulness: float,
    rng: np.random.Generator,
) -> tuple[Plan, list[Placement]]:
    """A plan whose latents and levels are those of references where these fit.

    Args:
        plan: with ``levels``; what it has given already stays.
        references: in order of time.
        features: [T, F] of the speech.
        faithfulness: share of the cells (a part for 0.4 s) that is kept, 0 (none) to 1 (all). ExGes calls this the
            stochastic mask.
    Returns:
        the plan, and where every gesture came to stand that was kept in part at least.
    """
    assert plan.levels is not None
    known, given, levels = plan.known.copy(), plan.given.copy(), plan.levels.copy()
    energy = np.pad(latent_means(LAYOUT.get(features, "energy")), (1, 1 + LEAD), mode="edge")
    asked = followed(plan.levels)
    most = SCALED + float(np.clip(np.mean(np.broadcast_to(plan.livelier, asked.shape)[:, :ARMS]), 0.0, MOST_ENLARGED))
    loud = np.convolve(energy, (0.25, 0.5, 0.25), mode="valid")[LEAD:]
    cells = -(-len(known) * STACK // CELL)
    kept = rng.random((cells, len(PARTS))) < faithfulness
    kept = np.repeat(kept, CELL // STACK, axis=0)[: len(known)]
    free, placed = 1, []
    for reference in references:
        coded, (start, end), rate = fitted(reference, STACK)
        coded = coded[: min(end, len(features)) - start]
        rows, own = latents.encode(coded), to_levels(part_speeds(coded, latents.codec))
        best = _best(own, start // STACK, free, asked, loud)
        if best is None or best.apart > ALIKE:
            continue
        here = slice(best.first + best.inner.start, best.first + best.inner.stop)
        shown = kept[here] & (given[here] == 0)
        if not shown.any():
            continue
        octaves = float(np.clip(best.quieter / OCTAVE, -SCALED, most))
        middle = rows.mean(0)
        scaled = middle + 2**octaves * (rows[best.inner] - middle)
        columns = np.repeat(shown, latents.widths, axis=1)
        known[here] = np.where(columns, scaled, known[here])
        levels[here] = np.where(shown, np.clip(own[best.inner] + octaves * OCTAVE, 0, LEVELS - 1), levels[here])
        given[here] = np.where(shown, 1.0, given[here])
        free = here.stop + APART
        placed.append(Placement(reference, (STACK * here.start, STACK * here.stop), rate, 2**octaves))
    return replace(plan, known=known, given=given, levels=levels), placed


def _best(own: np.ndarray, slot: int, free: int, levels: np.ndarray, loud: np.ndarray) -> _Candidate | None:
    """Where a gesture with levels [L, P] of its own fits best, near the latent at which its slot begins.

    Args:
        free: latent from which on there is room.
        levels: [N, P] that the voice asks for.
        loud: [N] loudness of the voice ``LEAD`` later.
    """
    join, best = -(-JOIN // STACK), None
    pace = own[:, :ARMS].max(axis=1)
    for first in range(slot - MOVED, slot + MOVED + 1):
        begin, end = max(join, free - first), min(len(own) - join, len(levels) - 1 - first)
        if end - begin < SHORTEST:
            continue
        inner = slice(begin, end)
        there = slice(first + begin, first + end)
        off = (levels[there] - own[inner])[:, :ARMS]
        apart = float(np.abs(off).mean()) - WITH_VOICE * _correlation(pace[inner], loud[there])
        if best is None or apart < best.apart:
            best = _Candidate(first, inner, apart, float(off.mean()))
    return best


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / size if size > 1e-9 else 0.0
