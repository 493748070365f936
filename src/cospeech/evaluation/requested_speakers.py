"""Whose manner was asked for: the people that a model knows, where it does not know those it is measured on.

A model gestures in the manner of people it has learned. If the people of the evaluated split are others,
a distance to their motion says how far one person is from another, and little of whether the model does
what it was asked. So the same distances are measured against recordings of the people who were asked
for as well. A decision of ours [D].
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..data.dataset import GestureDataset, Sample, held_out
from ..metrics.base import MIN_CLIPS
from .splits import halves
from .systems import ModelSystem, System, TestClip


@dataclass(frozen=True)
class Asked:
    """The people who were asked for and their recordings in a dataset, in two parts that do not meet."""

    speakers: tuple[str, ...]  # sorted
    row: tuple[Sample, ...]  # recordings that are measured, as the floor of these distances
    reference: tuple[Sample, ...]  # recordings that rows are measured against; none if ``why_not``
    why_not: str = ""  # why there is no such distance; empty where there is one


def asked_for(
    dataset: GestureDataset, split: str, systems: Sequence[System], clips: Sequence[TestClip], seed: int
) -> Asked:
    """Who was asked for, and their recordings outside of the evaluated split.

    Where no model is among the systems, the people of the training split take their place. The row has
    the recordings that the emotion classifier did not learn from, if they are enough, else one half.
    """
    recorded = dataset.select(kind=("motion", "pair"))
    elsewhere = [item for item in recorded if item.split != split]
    models = [system for system in systems if isinstance(system, ModelSystem)]
    speakers = {system.speaker(clip) for system in models for clip in clips}
    speakers = speakers or _people(item for item in elsewhere if item.split == "train")
    names = tuple(sorted(speakers))
    own = [item for item in elsewhere if item.speaker in speakers]
    missing = sorted(speakers - _people(own))
    why_not = ""
    if not speakers:
        why_not = "nobody was asked for"
    elif speakers == _people(item for item in recorded if item.split == split):
        why_not = "those who were asked for are the people of the split"
    elif missing:
        why_not = f"the dataset has no recorded motion of {', '.join(missing)} outside of the split"
    elif len(own) < 2 * MIN_CLIPS:
        why_not = f"those who were asked for have {len(own)} recordings, {2 * MIN_CLIPS} are needed"
    if why_not:
        return Asked(names, (), (), why_not)
    unseen = [item for item in own if held_out(item)]
    known = [item for item in own if not held_out(item)]
    enough = min(len(unseen), len(known)) >= 2 * MIN_CLIPS
    row, reference = (unseen, known) if enough else halves(own, seed)
    return Asked(names, tuple(row), tuple(reference))


def _people(items: Iterable[Sample]) -> set[str]:
    return {item.speaker for item in items}
