"""What an evaluation takes from a dataset: recordings to measure, recordings to measure against, and speech."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import UserError
from ..data.dataset import GestureDataset, Sample, held_out
from ..metrics.base import MIN_CLIPS
from ..metrics.emotion import EmotionClassifier
from ..metrics.extractors import Extractor
from ..motion.motion import Motion
from .clips import EvaluationClip, Recordings, speech_clips
from .metric_groups import REQUESTED
from .real_motion import RealMotion
from .requested_speakers import RequestedSpeakers
from .splits import split_halves, spread

FLOOR = "real (other half)"
OTHERS = "real, other people"
SYNTHETIC = "synthetic pairs of real motion"


@dataclass(frozen=True)
class Material:
    """What a dataset's split gives to an evaluation."""

    dataset: GestureDataset
    split: str
    measured: list[Sample]  # recorded motion: the row "real (other half)"
    reference: list[Sample]  # recorded motion that distances are measured against
    speech: list[Sample]  # what systems gesture to
    synthetic_pairs: bool  # speech and motion were recorded apart


def choose(dataset: GestureDataset, split: str, *, clips: int, seed: int) -> Material:
    """The two random halves of recorded motion, and the speech to gesture to.

    Raises:
        UserError: the split has too little recorded motion, or no speech.
    """
    recorded = dataset.select(split=split, kind=("motion", "pair"))
    if len(recorded) < 2 * MIN_CLIPS:
        raise UserError(
            f"split {split} of {dataset.folder} has {len(recorded)} clips of recorded motion; at least "
            f"{2 * MIN_CLIPS} are needed for two halves"
        )
    measured, reference = split_halves(recorded, seed)
    speech = [sample for sample in measured if sample.kind == "pair"]
    synthetic = not speech
    if synthetic:
        speech = dataset.select(split=split, kind="synthetic_pair")
    if not speech:
        raise UserError(f"split {split} of {dataset.folder} has no speech; prepare it with speech")
    return Material(dataset, split, measured, reference, spread(speech, clips, seed), synthetic)


def training_recordings(dataset: GestureDataset) -> list[Sample]:
    """Recorded motion of the training split."""
    return dataset.select(split="train", kind=("motion", "pair"))


def _unseen(dataset: GestureDataset) -> list[Sample]:
    """Recordings of the training split, those that the classifier did not learn from if they are enough."""
    recorded = training_recordings(dataset)
    unseen = [sample for sample in recorded if held_out(sample)]
    return unseen if len(unseen) >= 2 * MIN_CLIPS else recorded


def speech_of(material: Material, recordings: Recordings) -> list[EvaluationClip]:
    """The clips that systems gesture to."""
    return speech_clips(material.speech, recordings, synthetic_pairs=material.synthetic_pairs)


def real_motion(
    material: Material,
    recordings: Recordings,
    *,
    requested: RequestedSpeakers | None = None,
    speech: Sequence[EvaluationClip] = (),
    extractor: str | Path | Mapping[str, Extractor] = "extractor",
    classifier: str | Path | EmotionClassifier = "emotion-classifier",
) -> RealMotion:
    """The common reference of all rows: the reference half, and the training split's ranges and speeds.

    Args:
        requested: whose recordings are a second reference of Frechet distances.
        speech: the clips that systems gesture to.
    """
    return RealMotion(
        recordings.motion,
        material.reference,
        training_recordings(material.dataset),
        requested=requested.reference if requested else (),
        speeches=[clip.features for clip in speech],
        features=recordings.dataset.features,
        extractor=extractor,
        classifier=classifier,
    )


@dataclass(frozen=True)
class RealRow:
    """A row of recorded motion."""

    name: str
    count: int  # of clips
    clips: Iterable[tuple[EvaluationClip, Motion]]


def real_rows(
    material: Material,
    requested: RequestedSpeakers,
    speech: Sequence[EvaluationClip],
    recordings: Recordings,
    *,
    clips: int,
    seed: int,
) -> Iterator[RealRow]:
    """Rows of recorded motion that stand beside systems."""
    paired, measured = not material.synthetic_pairs, material.measured
    yield RealRow(
        FLOOR, len(measured), (recordings.clip(sample, number, speech=paired) for number, sample in enumerate(measured))
    )
    others = spread(requested.measured or _unseen(material.dataset), clips, seed)
    if others and material.split != "train":
        yield RealRow(
            OTHERS,
            len(others),
            (recordings.clip(sample, n, speech=sample.kind == "pair") for n, sample in enumerate(others)),
        )
    if material.synthetic_pairs:
        pairs = zip(speech, material.speech, strict=True)
        yield RealRow(SYNTHETIC, len(speech), ((clip, recordings.motion(sample)) for clip, sample in pairs))


def notes(material: Material, requested: RequestedSpeakers) -> list[str]:
    """What a reader of the report must know of its rows."""
    others = "the requested speakers" if requested.measured else "the training split"
    found = [
        f"Distances are measured against {len(material.reference)} recorded clips of the split; "
        f"'{FLOOR}' is {len(material.measured)} others of the same people, the floor of a perfect system.",
        f"'{OTHERS}' is recorded motion of {others}: what it costs to be somebody else; of clips that the "
        "emotion classifier did not learn from, where there are enough.",
    ]
    if material.synthetic_pairs:
        found.append(
            f"The corpus has no sound with its motion. Systems gesture to other people's speech; '{SYNTHETIC}' is "
            "recorded motion laid on that speech by matching strokes and accents, not a truth."
        )
    return found


def notes_on_requested(requested: RequestedSpeakers, left_out: Sequence[str]) -> list[str]:
    """What distances to the requested speakers mean; ``left_out`` names those that could not be measured."""
    if requested.why_not:
        return [f"There is no distance to the requested speakers: {requested.why_not}."]
    return [
        f"Distances that end in _{REQUESTED} are measured against {len(requested.reference)} recordings of the "
        f"requested speakers ({', '.join(requested.names)}); '{OTHERS}' is others of theirs, the floor. Models may "
        "have learned from these recordings, and baselines that play recordings of the training split back may play "
        "these: such a distance is a measure of style, not of motion that is new.",
        *(f"{name} is left out: these recordings are too short or too few for it." for name in left_out),
    ]
