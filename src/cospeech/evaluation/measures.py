"""One row of an evaluation, gathered clip by clip: its figures, histograms, heat maps and counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..core.emotions import EMOTIONS
from ..metrics.base import Value
from ..metrics.liveliness import liveliness
from ..motion.motion import Motion
from ..motion.phases import hand_speed, wrists_in_chest
from .clips import EvaluationClip
from .groups import METRICS, EvaluationMetric
from .metric_groups import REQUESTED, Beats, EmotionRecognition, measured
from .real_motion import RealMotion
from .report import Histogram, Kind, Row

HEAT = (-0.7, 0.7, -0.75, 0.5)  # metres about the chest: x low and high, y low and high
CELL = 0.05  # metres
SPEED_EDGES = np.linspace(0, 2, 41)  # metres a second
FASTEST = 1.999  # metres a second; what is faster counts in the last bin
BEAT_EDGES = np.linspace(0, 0.6, 25)  # seconds
EMOTION_FIGURES = ("speed_mean", "speed_p95", "extent", "strokes_per_minute", "still_share")


class Measures:
    """Takes clips with their motion and gives a row of figures."""

    def __init__(self, real: RealMotion, names: Sequence[str], *, copies: bool = False) -> None:
        """``names`` are those of ``groups.METRICS``.

        Args:
            copies: the row plays back recordings that may be those of the requested speakers; distances to
                them say so.
        """
        self.real, self.copies = real, copies
        self.metrics: list[EvaluationMetric] = [METRICS.get(name)(real) for name in names]
        self.left_out: dict[str, int] = defaultdict(int)
        self.clips, self.seconds = 0, 0.0
        self.by_emotion: dict[str, list[Motion]] = defaultdict(list)
        self.heat: dict[str, np.ndarray] = {}
        self.hand_speeds = np.zeros(len(SPEED_EDGES) - 1)

    def update(self, clip: EvaluationClip, motion: Motion | None) -> None:
        """Take one clip; without motion it is left out."""
        if motion is None:
            self.left_out["no motion"] += 1
            return
        self.clips += 1
        self.seconds += motion.seconds
        for metric in self.metrics:
            metric.update(motion, clip)
        for kind in self.real.loaded_extractors:
            rows = self.real.rows(kind, motion, clip=clip.id)
            self.left_out[f"shorter than a {kind} of the extractor"] += not len(rows)
        if clip.emotion in EMOTIONS:
            self.by_emotion[clip.emotion].append(motion)
        self.hand_speeds += np.histogram(np.minimum(hand_speed(motion, smooth=3), FASTEST), SPEED_EDGES)[0]
        self._add_heat(motion)

    def _add_heat(self, motion: Motion) -> None:
        wrists = wrists_in_chest(motion)
        x, y = (np.arange(HEAT[k], HEAT[k + 1] + CELL / 2, CELL) for k in (0, 2))
        for k, side in enumerate(("left", "right")):
            counts = np.histogram2d(wrists[:, k, 1], wrists[:, k, 0], (y, x))[0]
            self.heat[side] = self.heat.get(side, 0) + counts

    def row(self, name: str, kind: Kind) -> Row:
        """The row of all clips so far; figures that could not be measured are left away."""
        confusion = next((m.accuracy.confusion for m in self.metrics if isinstance(m, EmotionRecognition)), None)
        heat = {side: counts / max(counts.sum(), 1) for side, counts in self.heat.items()}
        return Row(
            name,
            kind,
            self._values(),
            emotions=self._emotions(confusion),
            confusion=confusion,
            histograms=self._histograms(),
            heat=heat or None,
            heat_extent=HEAT if heat else None,
            seconds=round(self.seconds, 2),
            clips=self.clips,
            left_out={reason: n for reason, n in self.left_out.items() if n},
        )

    def _values(self) -> tuple[Value, ...]:
        values = measured(metric.compute for metric in self.metrics)
        if not self.copies:
            return values
        return tuple(
            replace(value, convention=f"{value.convention}, which this row plays back")
            if value.name.endswith(f"_{REQUESTED}")
            else value
            for value in values
        )

    def _histograms(self) -> dict[str, Histogram]:
        found = {}
        if self.clips:
            density = self.hand_speeds / max(self.hand_speeds.sum(), 1) / np.diff(SPEED_EDGES)
            found["hand_speed"] = Histogram(SPEED_EDGES, density)
        for metric in self.metrics:
            if isinstance(metric, Beats) and any(len(distances) for distances in metric.distances):
                found["beat_distance"] = _density(np.concatenate(metric.distances), BEAT_EDGES)
                found["beat_distance_by_chance"] = _density(np.concatenate(metric.by_chance), BEAT_EDGES)
        return found

    def _emotions(self, confusion: np.ndarray | None) -> dict[str, dict[str, float]]:
        """Speed, extent and strokes of every emotion, and how often it is recognised."""
        table: dict[str, dict[str, float]] = {}
        for number, emotion in enumerate(EMOTIONS):
            if not self.by_emotion[emotion]:
                continue
            figures = liveliness(self.by_emotion[emotion]).as_dict()
            table[emotion] = {name: figures[name] for name in EMOTION_FIGURES}
            if confusion is not None:
                table[emotion]["recognised"] = float(confusion[number, number] / confusion[number].sum())
        return table


def _density(values: np.ndarray, edges: np.ndarray) -> Histogram:
    """Share of all values a unit of the edges; those beyond the last edge count in the whole."""
    return Histogram(edges, np.histogram(values, edges)[0] / max(len(values), 1) / np.diff(edges))
