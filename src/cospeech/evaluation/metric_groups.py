"""The groups of figures that come with ``evaluate``: metrics of ``cospeech.metrics``, fed clip by clip."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np

from ..core.emotions import EMOTIONS
from ..core.errors import UserError
from ..data.synthetic_pairs import phrases
from ..metrics.accuracy import MPJPE, MPJRE, PCM
from ..metrics.base import MeanMetric, Metric, MetricSet, Value
from ..metrics.beats import BeatAlignment, BeatConstancy, StrokeAccent, onsets
from ..metrics.collisions import SelfIntersection
from ..metrics.contact import HandThrough
from ..metrics.coupling import HandLead
from ..metrics.diversity import FeatureDiversity, L1Div
from ..metrics.emotion import EmotionAccuracy
from ..metrics.figures import LivelinessFigures, SpeedDistance
from ..metrics.frechet import FrechetDistance, KernelDistance, Reference
from ..metrics.liveliness import stroke_to_accent
from ..metrics.movement_features import EXTRACTOR, LEAST_SPREAD, movement_features, without_texture
from ..metrics.presence import PresenceFigures
from ..metrics.quality import DerivativeSize, JointLimits, Sparc
from ..metrics.repetition import NearestRepeat
from ..metrics.stroke_shapes import StrokeShapes
from ..metrics.twosample import two_sample
from ..motion.motion import Motion
from ..sampling.rhythm import LEAD
from ..speech.features import accents, prominent_accents
from .clips import EvaluationClip
from .finished import finished_recordings
from .real_motion import RealMotion, coded_joints

WINDOW = "window"  # rows that KID, the two-sample test and the diversity of features are taken over
REQUESTED = "requested"  # ends the names of distances to the speakers that systems imitate
PCM_DELTA = 0.1  # metres
BC_THRESHOLDS = (0.3, 0.1)  # of BEAT2's release of 2024, and of its later evaluation package
ACCELERATION = 2  # order of the derivative


def measured(computes: Iterable[Callable[[], Value | tuple[Value, ...]]]) -> tuple[Value, ...]:
    """Values of several metrics, without those that have nothing to measure or too few rows."""
    values: list[Value] = []
    for compute in computes:
        try:
            value = compute()
        except UserError:
            continue
        values += value if isinstance(value, tuple) else [value]
    return tuple(values)


class MotionMetrics:
    """Metrics that need the motion alone. The base of several groups."""

    def __init__(self, *metrics: Metric | MetricSet) -> None:
        self.metrics = metrics

    def update(self, motion: Motion, clip: EvaluationClip) -> None:
        for metric in self.metrics:
            metric.update(motion, clip=clip.id)

    def compute(self) -> tuple[Value, ...]:
        return measured(metric.compute for metric in self.metrics)


class LivelinessGroup(MotionMetrics):
    """Speed, jerk, strokes, stillness and extent of the hands; how far speeds are from real ones."""

    def __init__(self, real: RealMotion) -> None:
        super().__init__(LivelinessFigures(), SpeedDistance(real.speeds))


class Smoothness(MotionMetrics):
    """Acceleration of the wrists, and spectral arc length of their movements."""

    def __init__(self, real: RealMotion) -> None:
        super().__init__(DerivativeSize(ACCELERATION), Sparc())


class Plausibility(MotionMetrics):
    """Joint limits, self-intersection, and hands that pass through hands or the trunk."""

    def __init__(self, real: RealMotion) -> None:
        super().__init__(JointLimits(real.ranges, coded_joints()), SelfIntersection(), HandThrough())


class WindowRows:
    """Features of windows, clip by clip; none where the extractor has no windows. The base of several groups."""

    def __init__(self, real: RealMotion) -> None:
        self.real = real
        self.windows: dict[str, np.ndarray] = {}

    def update(self, motion: Motion, clip: EvaluationClip) -> None:
        if WINDOW in self.real.extractors:
            self.windows[clip.id] = self.real.rows(WINDOW, motion, clip=clip.id)

    def fed(self, metric: KernelDistance | FeatureDiversity) -> Value:
        """The value of a metric of rows over all clips."""
        extractor = self.real.extractors[WINDOW].id
        for clip, rows in self.windows.items():
            metric.update(rows, clip=clip, extractor=extractor)
        return metric.compute()


class Distances(WindowRows):
    """Distances between distributions of features: FGD of frames and of windows, and KID.

    FGD is measured once more against the speakers that systems imitate, if they are others than those of the
    evaluated split; the names of these distances end in ``_requested``.
    """

    def __init__(self, real: RealMotion) -> None:
        super().__init__(real)
        self.frechet = [_frechet(kind, reference) for kind, reference in real.references.items()]
        self.frechet += [_requested(_frechet(k, reference)) for k, reference in real.requested_references.items()]

    def update(self, motion: Motion, clip: EvaluationClip) -> None:
        super().update(motion, clip)
        for kind, metric in self.frechet:
            rows = self.real.rows(kind, motion, clip=clip.id)
            metric.update(rows, clip=clip.id, extractor=self.real.extractors[kind].id)

    def compute(self) -> tuple[Value, ...]:
        values = measured(metric.compute for _, metric in self.frechet)
        return values + (measured([self._kernel]) if WINDOW in self.real.extractors else ())

    def _kernel(self) -> Value:
        real = np.concatenate(list(self.real.features[WINDOW].values()))
        return self.fed(KernelDistance(real, extractor=self.real.extractors[WINDOW].id))


def _frechet(kind: str, reference: Reference) -> tuple[str, FrechetDistance]:
    return kind, FrechetDistance(reference, rows=kind)


def _requested(named: tuple[str, FrechetDistance]) -> tuple[str, FrechetDistance]:
    """A distance to the requested speakers, called so."""
    kind, metric = named
    convention = f"{metric.label.convention} of the requested speakers"
    metric.label = replace(metric.label, name=f"{metric.label.name}_{REQUESTED}", convention=convention)
    return kind, metric


class TwoSample(WindowRows):
    """Whether a classifier can tell the windows from real ones."""

    def compute(self) -> tuple[Value, ...]:
        if WINDOW not in self.real.extractors:
            return ()
        extractor = self.real.extractors[WINDOW].id
        return measured([lambda: two_sample(self.windows, self.real.features[WINDOW], extractor=extractor)])


class Movement:
    """How people move: what a classifier sees by features that name it, how many shapes strokes have, what repeats.

    Real windows are those of the speakers that systems imitate, where these are others than those of the evaluated
    split; once without and once with the texture of raw jerk (``metrics.movement_features``). Shapes are counted over
    clusters of the training split's strokes (``metrics.stroke_shapes``), if it has enough of them.
    """

    def __init__(self, real: RealMotion) -> None:
        self.real = real
        self.windows: dict[str, np.ndarray] = {}
        clusters = real.stroke_clusters
        self.own: list[Metric | MetricSet] = [NearestRepeat()]
        if clusters is not None:
            self.own.append(StrokeShapes(clusters))

    def update(self, motion: Motion, clip: EvaluationClip) -> None:
        self.windows[clip.id] = movement_features(motion)
        for metric in self.own:
            metric.update(motion, clip=clip.id)

    def compute(self) -> tuple[Value, ...]:
        values = measured([lambda: movement_two_sample(self.windows, self.real.movement, "movement_two_sample")])
        return values + measured(metric.compute for metric in self.own)


class FinishedBodies(ABC):
    """Finished bodies, as users see them, and recordings as finished bodies. The base of several groups.

    Rows of recordings go through the layers as the reference does (``evaluation.finished``).
    """

    def __init__(self, real: RealMotion) -> None:
        self.real = real
        self.recorded: list[tuple[EvaluationClip, Motion]] = []

    def update(self, motion: Motion, clip: EvaluationClip) -> None:
        if clip.finish is None:
            self.recorded.append((clip, motion))
            return
        body = clip.finish()
        if body is not None:
            self.take(body, clip.id)

    def finish(self) -> None:
        """Take the recordings, which wait until all are there."""
        for passage, body in finished_recordings(self.recorded, self.real.speeches):
            self.take(body, passage)
        self.recorded.clear()

    @abstractmethod
    def take(self, body: Motion, clip: str) -> None:
        """Take one body, or a piece of it."""


class MovementFinished(FinishedBodies):
    """Whether a classifier can tell finished bodies from recordings as finished bodies; rows of these are the null."""

    def __init__(self, real: RealMotion) -> None:
        super().__init__(real)
        self.windows: dict[str, list[np.ndarray]] = defaultdict(list)

    def take(self, body: Motion, clip: str) -> None:
        self.windows[clip].append(movement_features(body))

    def compute(self) -> tuple[Value, ...]:
        return measured([self._told])

    def _told(self) -> tuple[Value, ...]:
        self.finish()
        windows = {clip: np.concatenate(rows) for clip, rows in self.windows.items()}
        return movement_two_sample(windows, self.real.finished_movement, "movement_finished_two_sample")


class PresenceGroup(FinishedBodies):
    """Hands that gesture alone, hang or are up, turns of head and trunk, variety of fingers: of finished bodies."""

    def __init__(self, real: RealMotion) -> None:
        super().__init__(real)
        self.figures = PresenceFigures()

    def take(self, body: Motion, clip: str) -> None:
        self.figures.update(body, clip=clip)

    def compute(self) -> tuple[Value, ...]:
        return measured([self._figures])

    def _figures(self) -> tuple[Value, ...]:
        self.finish()
        return self.figures.compute()


def movement_two_sample(
    generated: Mapping[str, np.ndarray], real: Mapping[str, np.ndarray], name: str
) -> tuple[Value, Value]:
    """The two-sample test by features of movement: without the texture of raw jerk, and (``_texture``) with it.

    Raises:
        UserError: see ``two_sample``.
    """
    seen = [{clip: without_texture(rows) for clip, rows in side.items()} for side in (generated, real)]
    values = (
        two_sample(*sides, extractor=EXTRACTOR, least_spread=LEAST_SPREAD)[0] for sides in (seen, (generated, real))
    )
    without, texture = values
    return replace(without, name=name), replace(texture, name=f"{name}_texture")


class Diversity(WindowRows):
    """How much poses differ within a clip, and windows between clips."""

    def __init__(self, real: RealMotion) -> None:
        super().__init__(real)
        self.poses = L1Div()

    def update(self, motion: Motion, clip: EvaluationClip) -> None:
        super().update(motion, clip)
        self.poses.update(motion, clip=clip.id)

    def compute(self) -> tuple[Value, ...]:
        values = measured([self.poses.compute])
        return values + (measured([self._features]) if WINDOW in self.real.extractors else ())

    def _features(self) -> Value:
        return self.fed(FeatureDiversity(extractor=self.real.extractors[WINDOW].id, pairs=None))


class Beats:
    """Whether motion keeps time with the voice: published beat scores, and strokes against accents."""

    def __init__(self, real: RealMotion) -> None:
        self.scores = [BeatConstancy(real.mean_speed, threshold=t) for t in BC_THRESHOLDS] + [BeatAlignment()]
        self.strokes = [StrokeAccent(), StrokeAccent(ratio=False)]
        self.distances: list[np.ndarray] = []  # seconds from strokes to the nearest accent, a clip each
        self.by_chance: list[np.ndarray] = []

    def update(self, motion: Motion, clip: EvaluationClip) -> None:
        if not len(clip.features):
            return
        voice = onsets(clip.features)
        for score in self.scores:
            score.update(motion, voice, clip=clip.id)
        times, spans = accents(clip.features)[0] - LEAD, phrases(clip.features)
        for metric in self.strokes:
            metric.update(motion, times, spans, clip=clip.id)
        distances, chance = stroke_to_accent(motion, times, spans, rng=np.random.default_rng(clip.number))
        self.distances.append(distances)
        self.by_chance.append(chance)

    def compute(self) -> tuple[Value, ...]:
        return measured(metric.compute for metric in (*self.scores, *self.strokes))


class Coupling:
    """Whether hands go with the voice: how they lead its loudness, and whether strokes meet prominent accents."""

    def __init__(self, real: RealMotion) -> None:
        self.lead = HandLead()
        self.strokes = [StrokeAccent(prominent=True), StrokeAccent(prominent=True, ratio=False)]

    def update(self, motion: Motion, clip: EvaluationClip) -> None:
        if not len(clip.features):
            return
        self.lead.update(motion, clip.features, clip=clip.id)
        times, spans = prominent_accents(clip.features)[0] - LEAD, phrases(clip.features)
        for metric in self.strokes:
            metric.update(motion, times, spans, clip=clip.id)

    def compute(self) -> tuple[Value, ...]:
        return measured([self.lead.compute, *(metric.compute for metric in self.strokes)])


class EmotionRecognition:
    """How often the frozen classifier recognises the emotion of a clip."""

    def __init__(self, real: RealMotion) -> None:
        self.accuracy = EmotionAccuracy(real.classifier)

    def update(self, motion: Motion, clip: EvaluationClip) -> None:
        if clip.emotion in EMOTIONS:
            self.accuracy.update(motion, clip.emotion, clip=clip.id)

    def compute(self) -> tuple[Value, ...]:
        """Accuracy and balanced accuracy; those of single emotions stand in the confusion matrix."""
        return self.accuracy.compute()[:2]


class Accuracy:
    """How near motion is to the recorded motion of the same speech, where there is one."""

    def __init__(self, real: RealMotion) -> None:
        self.metrics: list[MeanMetric] = [MPJPE(), MPJRE(), PCM(PCM_DELTA)]

    def update(self, motion: Motion, clip: EvaluationClip) -> None:
        if clip.recorded is not None:
            for metric in self.metrics:
                metric.update(motion, clip.recorded, clip=clip.id)

    def compute(self) -> tuple[Value, ...]:
        return measured(metric.compute for metric in self.metrics)
