"""All figures of one row of an evaluation, gathered clip by clip, on one common ground."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core.emotions import EMOTIONS
from ..core.errors import UserError
from ..data.synthetic_pairs import phrases
from ..methods.evaluators.model import TrainedClassifier, TrainedExtractor
from ..metrics.accuracy import MPJPE, MPJRE, PCM
from ..metrics.base import Metric, Value
from ..metrics.beats import BeatAlignment, BeatConstancy, StrokeAccent, mean_speeds, onsets
from ..metrics.collisions import SelfIntersection
from ..metrics.diversity import FeatureDiversity, L1Div
from ..metrics.emotion import EmotionAccuracy
from ..metrics.figures import LivelinessFigures, SpeedDistance, SpeedHistogram
from ..metrics.frechet import FrechetDistance, KernelDistance, Reference
from ..metrics.liveliness import JointRanges, liveliness, stroke_to_accent
from ..metrics.quality import DerivativeSize, JointLimits, Sparc
from ..metrics.twosample import two_sample
from ..motion.codec import Codec
from ..motion.motion import Motion
from ..motion.phases import hand_speed, wrists_in_chest
from ..motion.skeleton import canonical_skeleton
from ..sampling.rhythm import LEAD
from ..speech.features import accents
from .report import Histogram, Kind, Row
from .systems import TestClip

HEAT = (-0.7, 0.7, -0.75, 0.5)  # metres about the chest: x low and high, y low and high
CELL = 0.05  # metres
ASKED = "asked"  # ends the names of distances to those whose manner was asked for
SPEED_EDGES = np.linspace(0, 2, 41)  # metres a second
BEAT_EDGES = np.linspace(0, 0.6, 25)  # seconds


@dataclass(frozen=True, eq=False)
class Ground:
    """What real motion is, computed once: the reference half and the training split."""

    features: dict[str, dict[str, np.ndarray]]  # kind of row -> clip -> features of the reference
    references: dict[str, Reference]  # kind of row -> statistics
    asked: dict[str, Reference]  # the same of the people whose manner was asked for; empty without
    extractors: dict[str, TrainedExtractor]
    classifier: TrainedClassifier | None
    speeds: SpeedHistogram
    mean_speed: np.ndarray  # [J] of the training split, for beat constancy
    ranges: JointRanges

    @classmethod
    def of(
        cls,
        reference: Sequence[tuple[str, Motion]],
        training: Sequence[Motion],
        *,
        extractors: dict[str, TrainedExtractor],
        classifier: TrainedClassifier | None,
        asked: Iterable[tuple[str, Motion]] = (),
    ) -> Ground:
        """From the reference half (clip id, motion) and the training split's motion.

        Args:
            asked: recordings (clip id, motion) of the people whose manner was asked for, if they are
                others; their motion is not kept.
        """
        features = {
            kind: {clip: extractor.features(motion, clip=clip) for clip, motion in reference}
            for kind, extractor in extractors.items()
        }
        manner: dict[str, list[tuple[str, np.ndarray]]] = {kind: [] for kind in extractors}
        for clip, motion in asked:
            for kind, extractor in extractors.items():
                manner[kind].append((clip, extractor.features(motion, clip=clip)))
        return cls(
            features,
            {k: Reference.of(f.items(), extractor=extractors[k].id) for k, f in features.items()},
            _references(manner, extractors),
            extractors,
            classifier,
            SpeedHistogram.of(motion for _, motion in reference),
            mean_speeds(training),
            JointRanges.of(list(training), coded_joints()),
        )


def _references(
    features: dict[str, list[tuple[str, np.ndarray]]], extractors: dict[str, TrainedExtractor]
) -> dict[str, Reference]:
    """Of every kind of row of which there are enough for a covariance."""
    found = {}
    for kind, clips in features.items():
        if sum(len(rows) for _, rows in clips) > extractors[kind].dim:
            found[kind] = Reference.of(clips, extractor=extractors[kind].id)
    return found


def coded_joints() -> list[int]:
    """The body joints that models make."""
    return canonical_skeleton().indices(list(Codec().body))


class Measures:
    """Takes clips with their motion and gives a row of figures."""

    def __init__(self, ground: Ground, groups: Sequence[str], *, copies: bool = False) -> None:
        """copies: the row plays back recordings that may be in the second reference; its figures say so."""
        self.ground, self.groups, self.copies = ground, groups, copies
        self.features: dict[str, dict[str, np.ndarray]] = {kind: {} for kind in ground.extractors}
        self.left_out: dict[str, int] = defaultdict(int)
        self.clips, self.seconds = 0, 0.0
        self.by_emotion: dict[str, list[Motion]] = defaultdict(list)
        self.heat: dict[str, np.ndarray] = {}
        self.pace = np.zeros(len(SPEED_EDGES) - 1)
        self.gaps: list[np.ndarray] = []
        self.chance: list[np.ndarray] = []
        self._on_motion = self._motion_metrics()
        self.accuracy = [MPJPE(), MPJRE(), PCM(0.1)] if "accuracy" in groups else []
        self.judged = EmotionAccuracy(ground.classifier) if "emotion" in groups and ground.classifier else None
        beats = "beats" in groups
        self.constancy = [BeatConstancy(ground.mean_speed, threshold=t) for t in (0.3, 0.1)] if beats else []
        self.alignment = [BeatAlignment()] if beats else []
        self.accents = [StrokeAccent(), StrokeAccent(ratio=False)] if beats else []

    def _motion_metrics(self) -> list:  # type: ignore[type-arg]
        """Metrics that need the motion alone."""
        chosen: list = []  # type: ignore[type-arg]
        if "liveliness" in self.groups:
            chosen += [LivelinessFigures(), SpeedDistance(self.ground.speeds)]
        if "diversity" in self.groups:
            chosen += [L1Div()]
        if "smoothness" in self.groups:
            chosen += [DerivativeSize(2), Sparc()]
        if "plausibility" in self.groups:
            chosen += [JointLimits(self.ground.ranges, coded_joints()), SelfIntersection()]
        return chosen

    def update(self, clip: TestClip, motion: Motion | None) -> None:
        """Take one clip; without motion it is left out."""
        if motion is None:
            self.left_out["no motion"] += 1
            return
        self.clips += 1
        self.seconds += motion.seconds
        for metric in self._on_motion:
            metric.update(motion, clip=clip.id)
        for kind, extractor in self.ground.extractors.items():
            rows = extractor.features(motion, clip=clip.id)
            self.features[kind][clip.id] = rows
            self.left_out[f"shorter than a {kind} of the extractor"] += not len(rows)
        if clip.emotion in EMOTIONS:
            self.by_emotion[clip.emotion].append(motion)
            if self.judged:
                self.judged.update(motion, clip.emotion, clip=clip.id)
        if clip.motion is not None:
            for truth in self.accuracy:
                truth.update(motion, clip.motion, clip=clip.id)
        if len(clip.features):
            self._beats(clip, motion)
        self._pictures(motion)

    def _beats(self, clip: TestClip, motion: Motion) -> None:
        if not self.accents:
            return
        heard = onsets(clip.features)
        for metric in (*self.constancy, *self.alignment):
            metric.update(motion, heard, clip=clip.id)
        times, spans = accents(clip.features)[0] - LEAD, phrases(clip.features)
        for accent in self.accents:
            accent.update(motion, times, spans, clip=clip.id)
        gaps, chance = stroke_to_accent(motion, times, spans, rng=np.random.default_rng(clip.number))
        self.gaps.append(gaps)
        self.chance.append(chance)

    def _pictures(self, motion: Motion) -> None:
        self.pace += np.histogram(np.minimum(hand_speed(motion, smooth=3), 1.999), SPEED_EDGES)[0]
        wrists = wrists_in_chest(motion)
        x, y = (np.arange(HEAT[k], HEAT[k + 1] + CELL / 2, CELL) for k in (0, 2))
        for k, side in enumerate(("left", "right")):
            counts = np.histogram2d(wrists[:, k, 1], wrists[:, k, 0], (y, x))[0]
            self.heat[side] = self.heat.get(side, 0) + counts

    def row(self, name: str, kind: Kind) -> Row:
        """The row of all clips so far; figures that could not be measured are left away."""
        values: list[Value] = []
        computed: list[Callable[[], Value | tuple[Value, ...]]] = []
        if "fgd" in self.groups:
            computed += [self._frechet(rows) for rows in self.ground.extractors]
            computed += [self._frechet(rows, asked=True) for rows in self.ground.asked]
        windows = "window" in self.ground.extractors
        if "fgd" in self.groups and windows:
            computed += [self._kernel]
        if "two_sample" in self.groups and windows:
            computed += [self._two_sample]
        computed += [metric.compute for metric in self._on_motion]
        if "diversity" in self.groups and windows:
            computed += [self._diversity]
        late: list[Metric] = [*self.constancy, *self.alignment, *self.accents, *self.accuracy]
        computed += [metric.compute for metric in late]
        if self.judged:
            computed += [lambda: self.judged.compute()[:2]]  # type: ignore[union-attr]
        for compute in computed:
            try:
                value = compute()
            except UserError:  # too few rows for a covariance, or nothing to measure: no number then
                continue
            values += value if isinstance(value, tuple) else [value]
        density = self.pace / max(self.pace.sum(), 1) / np.diff(SPEED_EDGES)
        histograms = {"hand_speed": Histogram(SPEED_EDGES, density)} if self.clips else {}
        if self.gaps and sum(map(len, self.gaps)):
            for label, parts in (("beat_distance", self.gaps), ("beat_distance_by_chance", self.chance)):
                histograms[label] = _density(np.concatenate(parts), BEAT_EDGES)
        heat = {side: counts / max(counts.sum(), 1) for side, counts in self.heat.items()}
        return Row(
            name,
            kind,
            tuple(values),
            emotions=self._emotions(),
            confusion=self.judged.confusion if self.judged else None,
            histograms=histograms,
            heat=heat or None,
            heat_extent=HEAT if heat else None,
            seconds=round(self.seconds, 2),
            clips=self.clips,
            left_out={reason: n for reason, n in self.left_out.items() if n},
        )

    def _frechet(self, rows: str, *, asked: bool = False) -> Callable[[], Value]:
        def compute() -> Value:
            extractor = self.ground.extractors[rows]
            reference = self.ground.asked if asked else self.ground.references
            metric = FrechetDistance(reference[rows], rows=rows)
            if asked:
                whose = " of those whose manner was asked for"
                whose += ", which this row plays back" if self.copies else ""
                named, convention = f"{metric.label.name}_{ASKED}", metric.label.convention + whose
                metric.label = replace(metric.label, name=named, convention=convention)
            for clip, features in self.features[rows].items():
                metric.update(features, clip=clip, extractor=extractor.id)
            return metric.compute()

        return compute

    def _kernel(self) -> Value:
        extractor = self.ground.extractors["window"]
        real = np.concatenate(list(self.ground.features["window"].values()))
        metric = KernelDistance(real, extractor=extractor.id)
        for clip, features in self.features["window"].items():
            metric.update(features, clip=clip, extractor=extractor.id)
        return metric.compute()

    def _two_sample(self) -> tuple[Value, ...]:
        extractor = self.ground.extractors["window"]
        return two_sample(self.features["window"], self.ground.features["window"], extractor=extractor.id)

    def _diversity(self) -> Value:
        extractor = self.ground.extractors["window"]
        metric = FeatureDiversity(extractor=extractor.id, pairs=None)
        for clip, features in self.features["window"].items():
            metric.update(features, clip=clip, extractor=extractor.id)
        return metric.compute()

    def _emotions(self) -> dict[str, dict[str, float]]:
        """Speed, extent and strokes of every emotion, and how often it is recognised."""
        table: dict[str, dict[str, float]] = {}
        for emotion in EMOTIONS:
            if not self.by_emotion[emotion]:
                continue
            figures = liveliness(self.by_emotion[emotion])
            table[emotion] = {
                "speed_mean": figures.speed_mean,
                "speed_p95": figures.speed_p95,
                "extent": figures.extent,
                "strokes_per_minute": figures.strokes_per_minute,
                "still_share": figures.still_share,
            }
            if self.judged:
                counts = self.judged.confusion[EMOTIONS.index(emotion)]
                table[emotion]["recognised"] = float(counts[EMOTIONS.index(emotion)] / counts.sum())
        return table


def _density(values: np.ndarray, edges: np.ndarray) -> Histogram:
    """Share of all values a unit of the edges; those beyond the last edge count in the whole."""
    return Histogram(edges, np.histogram(values, edges)[0] / max(len(values), 1) / np.diff(edges))
