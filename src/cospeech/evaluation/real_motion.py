"""What real motion of a dataset is like: the common reference of all rows of an evaluation.

Distances are measured against the reference half of the evaluated split; ranges of joints and mean speeds are
those of the training split. Each part is computed once, when a metric first reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from ..core.errors import UserError
from ..data.dataset import Sample
from ..methods.evaluators.model import load_classifier, load_extractors
from ..metrics.beats import mean_speeds
from ..metrics.emotion import EmotionClassifier
from ..metrics.extractors import Extractor
from ..metrics.figures import SpeedHistogram
from ..metrics.frechet import Reference
from ..metrics.liveliness import JointRanges
from ..metrics.movement_features import movement_features
from ..metrics.stroke_shapes import StrokeClusters
from ..motion.codec import Codec
from ..motion.motion import Motion
from ..motion.skeleton import canonical_skeleton
from .clips import EvaluationClip
from .finished import finished_windows


def coded_joints() -> list[int]:
    """The body joints that models generate."""
    return canonical_skeleton().indices(list(Codec().body))


class RealMotion:
    """Recordings of the reference half and of the training split, and statistics of both."""

    def __init__(
        self,
        motion: Callable[[Sample], Motion],
        reference: Sequence[Sample],
        training: Sequence[Sample],
        *,
        requested: Sequence[Sample] = (),
        speeches: Sequence[np.ndarray] = (),
        features: Callable[[Sample], np.ndarray] | None = None,
        extractor: str | Path | Mapping[str, Extractor] = "extractor",
        classifier: str | Path | EmotionClassifier = "emotion-classifier",
    ) -> None:
        """Recordings are read when a metric first needs them.

        Args:
            motion: the recorded motion of a sample.
            reference: the half of the evaluated split that distances are measured against.
            training: recordings of the training split; the reference stands in where there are none.
            requested: recordings of the speakers that systems imitate, if those are others.
            speeches: features [T, F] of those that systems gesture to.
            features: those of the speech of a sample that was recorded with it.
            extractor, classifier: shipped ones by name, folders, or loaded ones (extractors by what a row is).
        """
        self._motion, self._reference, self._training = motion, reference, training or reference
        self._requested, self._extractor, self._classifier = requested, extractor, classifier
        self.speeches, self._features_of = speeches, features
        self._latest: dict[str, tuple[Motion, np.ndarray]] = {}

    @cached_property
    def extractors(self) -> Mapping[str, Extractor]:
        """Feature extractors by what a row of features is: "frame", "window" or both."""
        chosen = self._extractor
        return chosen if isinstance(chosen, Mapping) else load_extractors(chosen)

    @property
    def loaded_extractors(self) -> Mapping[str, Extractor]:
        """The extractors if a metric has read them, else none."""
        return self.extractors if "extractors" in self.__dict__ else {}

    @cached_property
    def classifier(self) -> EmotionClassifier:
        """The frozen classifier of emotions."""
        chosen = self._classifier
        return load_classifier(chosen) if isinstance(chosen, str | Path) else chosen

    def rows(self, kind: str, motion: Motion, *, clip: str) -> np.ndarray:
        """Features [N, D] of a motion by the extractor of ``kind``.

        Those of the latest motion are kept, since several metrics read them.
        """
        known = self._latest.get(kind)
        if known is None or known[0] is not motion:
            known = self._latest[kind] = motion, self.extractors[kind].features(motion, clip=clip)
        return known[1]

    @cached_property
    def _reference_motions(self) -> list[tuple[str, Motion]]:
        return [(sample.id, self._motion(sample)) for sample in self._reference]

    @cached_property
    def _training_motions(self) -> list[Motion]:
        return [self._motion(sample) for sample in self._training]

    @cached_property
    def features(self) -> dict[str, dict[str, np.ndarray]]:
        """What a row is -> clip -> features of the reference half."""
        return self._features(self._reference_motions)

    def _features(self, motions: Iterable[tuple[str, Motion]]) -> dict[str, dict[str, np.ndarray]]:
        found: dict[str, dict[str, np.ndarray]] = {kind: {} for kind in self.extractors}
        for clip, motion in motions:
            for kind, extractor in self.extractors.items():
                found[kind][clip] = extractor.features(motion, clip=clip)
        return found

    @cached_property
    def references(self) -> dict[str, Reference]:
        """What a row is -> statistics of the reference half.

        Raises:
            UserError: too few recordings for a covariance.
        """
        return {
            kind: Reference.of(clips.items(), extractor=self.extractors[kind].id)
            for kind, clips in self.features.items()
        }

    @cached_property
    def requested_references(self) -> dict[str, Reference]:
        """The same of the requested speakers, for every kind of row of which there are enough for a covariance."""
        motions = ((sample.id, self._motion(sample)) for sample in self._requested)
        return {
            kind: Reference.of(clips.items(), extractor=self.extractors[kind].id)
            for kind, clips in self._features(motions).items()
            if sum(map(len, clips.values())) > self.extractors[kind].dim
        }

    @cached_property
    def movement(self) -> dict[str, np.ndarray]:
        """Clip -> features of movement of the requested speakers, or of the reference half where there are none."""
        samples = self._requested or self._reference
        return {sample.id: movement_features(self._motion(sample)) for sample in samples}

    @cached_property
    def finished_movement(self) -> Mapping[str, np.ndarray]:
        """The same of finished bodies, passage by passage (``evaluation.finished``).

        Raises:
            UserError: recordings without a voice, and no speech for them that is as long as a window.
        """
        return finished_windows(
            (self._recorded(sample) for sample in self._requested or self._reference), self.speeches
        )

    def _recorded(self, sample: Sample) -> tuple[EvaluationClip, Motion]:
        """A recording as a clip, with its own speech if it has one."""
        heard = self._features_of if sample.kind == "pair" else None
        features = np.zeros((0, 0)) if heard is None else heard(sample)
        return EvaluationClip(sample.id, sample.speaker, sample.emotion, features, None, 0), self._motion(sample)

    @cached_property
    def stroke_clusters(self) -> StrokeClusters | None:
        """Clusters of the paths of the training split's strokes; None if there are too few strokes."""
        try:
            return StrokeClusters.of(self._training_motions)
        except UserError:
            return None

    @cached_property
    def speeds(self) -> SpeedHistogram:
        """How fast hands are in the reference half."""
        return SpeedHistogram.of(motion for _, motion in self._reference_motions)

    @cached_property
    def mean_speed(self) -> np.ndarray:
        """[J] metres a second: mean speed of every joint in the training split."""
        return mean_speeds(self._training_motions)

    @cached_property
    def ranges(self) -> JointRanges:
        """How far body joints turn in the training split (``coded_joints``)."""
        return JointRanges.of(self._training_motions, coded_joints())
