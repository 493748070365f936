"""The speakers that a model imitates, where it does not know those it is measured on.

A model gestures in the style of speakers it has learned. If the speakers of the evaluated split are others,
a distance to their motion says how far one person is from another, and little of whether the model does what
was requested. So the same distances are measured against recordings of the requested speakers as well. A
decision of ours [D].
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..data.dataset import GestureDataset, Sample, held_out
from ..metrics.base import MIN_CLIPS
from .clips import EvaluationClip
from .splits import split_halves
from .systems import ModelSystem, System


@dataclass(frozen=True)
class RequestedSpeakers:
    """The requested speakers and their recordings in a dataset, in two disjoint parts."""

    names: tuple[str, ...]  # sorted
    measured: tuple[Sample, ...]  # recordings of the row that is the floor of these distances
    reference: tuple[Sample, ...]  # recordings that rows are measured against; none if ``why_not``
    why_not: str = ""  # why there is no such distance; empty where there is one


def requested_speakers(
    dataset: GestureDataset, split: str, systems: Sequence[System], clips: Sequence[EvaluationClip], seed: int
) -> RequestedSpeakers:
    """The speakers that systems imitate, and their recordings outside of the evaluated split.

    Where no model is among the systems, the speakers of the training split take their place. The measured
    recordings are those that the emotion classifier did not learn from, if they are enough, else one half.
    """
    recorded = dataset.select(kind=("motion", "pair"))
    elsewhere = [sample for sample in recorded if sample.split != split]
    speakers = _imitated(systems, clips) or _speakers(sample for sample in elsewhere if sample.split == "train")
    own = [sample for sample in elsewhere if sample.speaker in speakers]
    why_not = _why_not(speakers, _speakers(sample for sample in recorded if sample.split == split), own)
    names = tuple(sorted(speakers))
    if why_not:
        return RequestedSpeakers(names, (), (), why_not)
    measured, reference = _divided(own, seed)
    return RequestedSpeakers(names, tuple(measured), tuple(reference))


def _imitated(systems: Sequence[System], clips: Sequence[EvaluationClip]) -> set[str]:
    """The speakers that models are asked to imitate."""
    models = [system for system in systems if isinstance(system, ModelSystem)]
    return {system.speaker(clip) for system in models for clip in clips}


def _divided(own: Sequence[Sample], seed: int) -> tuple[list[Sample], list[Sample]]:
    """Recordings to measure and to measure against."""
    unseen = [sample for sample in own if held_out(sample)]
    known = [sample for sample in own if not held_out(sample)]
    enough = min(len(unseen), len(known)) >= 2 * MIN_CLIPS
    return (unseen, known) if enough else split_halves(own, seed)


def _why_not(speakers: set[str], evaluated: set[str], own: Sequence[Sample]) -> str:
    """Why there is no distance to the speakers, whose recordings are ``own``; empty where there is one."""
    missing = sorted(speakers - _speakers(own))
    if not speakers:
        return "no speaker is requested"
    if speakers == evaluated:
        return "the requested speakers are those of the split"
    if missing:
        return f"the dataset has no recorded motion of {', '.join(missing)} outside of the split"
    if len(own) < 2 * MIN_CLIPS:
        return f"the requested speakers have {len(own)} recordings, {2 * MIN_CLIPS} are needed"
    return ""


def _speakers(samples: Iterable[Sample]) -> set[str]:
    return {sample.speaker for sample in samples}
