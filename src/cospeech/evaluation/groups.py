"""The metrics that ``evaluate`` knows by name, those of other packages among them; a light module.

A name stands for one figure or a group of figures that belong together: ``evaluate --metrics fgd beats``.
Another package adds one by a class and an entry point of the group ``cospeech.metrics``; its figures then
stand in the table, the report and the paired differences like all others (docs/extending/metric.md)::

    # mypackage/handheight.py
    from cospeech.metrics import Label, MeanMetric

    class HandHeight(MeanMetric):
        \"\"\"Mean height of the hands above the pelvis, metres.\"\"\"

        def __init__(self, real):
            super().__init__(Label("hand_height", "m", "frames", "mean of both wrists above the pelvis", "real"))

        def update(self, motion, clip):
            hands = motion.skeleton.indices(["left_wrist", "right_wrist"])
            height = motion.positions[:, hands, 1].mean(1) - motion.positions[:, 0, 1]
            self.add(height.sum(), len(height), clip=clip.id)

    # pyproject.toml
    [project.entry-points."cospeech.metrics"]
    hand_height = "mypackage.handheight:HandHeight"
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

from ..core.errors import UserError
from ..core.registry import Registry

if TYPE_CHECKING:
    from ..metrics.base import Value
    from ..motion.motion import Motion
    from .clips import EvaluationClip
    from .real_motion import RealMotion


class EvaluationMetric(Protocol):
    """One figure, or a group of figures, of one row. Every row has an instance of its own."""

    def update(self, motion: Motion, clip: EvaluationClip) -> None:
        """Take one clip: the motion of the row, and what is known of the clip.

        ``clip`` has ``id``, ``speaker``, ``emotion`` (or None), ``features`` (of the speech, [T, 48]; [0, 0]
        where the row has no speech) and ``recorded``, the recorded motion of the same speech or None. A clip
        that the metric cannot measure is left alone.
        """

    def compute(self) -> Value | tuple[Value, ...]:
        """The figures of all clips so far.

        Raises:
            UserError: there was nothing to measure; the row then lacks these figures.
        """


class EvaluationMetricClass(Protocol):
    """What is registered: a class, or anything that is called with the real motion and gives a metric."""

    def __call__(self, real: RealMotion, /) -> EvaluationMetric:
        """A metric for one row. ``real`` is what real motion of the dataset is like."""


METRICS: Final[Registry[EvaluationMetricClass]] = Registry(
    "metric",
    "cospeech.metrics",
    {
        # Distances between distributions of features: FGD of frames and of windows, KID.
        "fgd": "cospeech.evaluation.metric_groups:Distances",
        # Whether a classifier can tell it from real motion.
        "two_sample": "cospeech.evaluation.metric_groups:TwoSample",
        # The same by named features of movement: holds, asymmetry, head, trunk. Shapes of strokes, and repeats.
        "movement": "cospeech.evaluation.metric_groups:Movement",
        # Whether finished bodies can be told from recordings that went through the same layers.
        "movement_finished": "cospeech.evaluation.metric_groups:MovementFinished",
        # One hand alone, hanging hands, turns of head and trunk, fingers: of finished bodies.
        "presence": "cospeech.evaluation.metric_groups:PresenceGroup",
        # Speed, strokes, stillness, extent.
        "liveliness": "cospeech.evaluation.metric_groups:LivelinessGroup",
        "diversity": "cospeech.evaluation.metric_groups:Diversity",
        "beats": "cospeech.evaluation.metric_groups:Beats",
        # How hands lead the loudness of the voice, and meet its prominent accents.
        "coupling": "cospeech.evaluation.metric_groups:Coupling",
        "smoothness": "cospeech.evaluation.metric_groups:Smoothness",
        # Joint limits, self-intersection, hands through hands or the trunk.
        "plausibility": "cospeech.evaluation.metric_groups:Plausibility",
        # Accuracy of the frozen classifier.
        "emotion": "cospeech.evaluation.metric_groups:EmotionRecognition",
        # Distance from the recorded motion of the same speech, where there is one.
        "accuracy": "cospeech.evaluation.metric_groups:Accuracy",
    },
)
GROUPS = tuple(METRICS.builtin)


def requested_metrics(names: Sequence[str] | None) -> tuple[str, ...]:
    """Names of metrics, checked; all known ones for None.

    Raises:
        UserError: a name is unknown, or none is named.
    """
    if names is None:
        return METRICS.names
    known = ", ".join(METRICS.names)
    unknown = [name for name in names if name not in METRICS]
    if unknown:
        raise UserError(f"unknown metrics {unknown[0]!r}; known: {known}")
    if not names:
        raise UserError(f"no metrics are named; known: {known}")
    return tuple(dict.fromkeys(names))
