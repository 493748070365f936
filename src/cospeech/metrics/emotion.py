"""Emotion accuracy (EA): does a frozen classifier read the wanted emotion from made motion?

The figure means nothing without the same classifier's accuracy on real held-out motion: an emotion that
nobody can read in real gestures cannot be missed in made ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np

from ..core.emotions import EMOTIONS, canonical_emotion
from ..core.errors import UserError
from ..motion.motion import Motion
from .base import DEFAULT, Bootstrap, Label, Sums, Value
from .inputs import check_extractor, finite


class EmotionClassifier(Protocol):
    """Any callable with an id."""

    @property
    def id(self) -> str:
        """Name and version."""

    def __call__(self, motion: Motion) -> np.ndarray:
        """Probabilities [10] in the order of EMOTIONS."""


class EmotionAccuracy:
    """Accuracy, balanced accuracy, accuracy of every emotion, and the confusion matrix.

    Measure real held-out motion with one of these and made motion with another, and put the first
    beside the second: ``made.compute(real)``. Chance is one in ten, the classifier's choice, whatever
    emotions were asked for.
    """

    def __init__(self, classifier: EmotionClassifier, *, bootstrap: Bootstrap = DEFAULT) -> None:
        self.classifier = classifier
        self.sums = Sums(len(EMOTIONS) ** 2, bootstrap)

    def update(self, motion: Motion, emotion: str, *, clip: str) -> None:
        """Take a clip and the emotion that was wanted (or acted), by name or alias.

        Raises:
            UserError: the name is unknown, or the classifier gives other than ten finite numbers.
        """
        wanted = EMOTIONS.index(canonical_emotion(emotion))
        seen = finite(self.classifier(motion), clip=clip, what="probabilities")
        if seen.shape != (len(EMOTIONS),):
            raise UserError(
                f"clip {clip!r}: classifier {self.classifier.id} gave {list(seen.shape)}, expected "
                f"[{len(EMOTIONS)}] probabilities"
            )
        counts = np.zeros((len(EMOTIONS), len(EMOTIONS)))
        counts[wanted, int(seen.argmax())] = 1
        self.sums.add(counts.ravel(), clip=clip)

    @property
    def confusion(self) -> np.ndarray:
        """[10, 10] int: motions by wanted emotion (row) and read emotion (column)."""
        return self.sums.total.reshape(len(EMOTIONS), -1).astype(int)

    def compute(self, real: EmotionAccuracy | None = None) -> tuple[Value, ...]:
        """Accuracy, balanced accuracy, and one value for each emotion asked for, in percent.

        Args:
            real: the same of real held-out motion, whose figures then stand in ``Value.real``.

        Raises:
            UserError: nothing was measured, or ``real`` is from another classifier.
        """
        counts = self.confusion.sum(axis=1)
        requested = np.flatnonzero(counts)
        values = [
            self._value("", "share of motions", _accuracy, int(counts.sum())),
            self._value("_balanced", f"mean of the shares of {len(requested)} emotions", _balanced, int(counts.sum())),
        ]
        for k in requested.tolist():
            name = EMOTIONS[k]
            values.append(self._value(f"_{name}", f"share in {name}", partial(_recall_of, k=k), int(counts[k])))
        if real is None:
            return tuple(values)
        check_extractor(real.classifier.id, self.classifier.id)
        known = {value.name: value.value for value in real.compute()}
        return tuple(replace(value, real=known.get(value.name)) for value in values)

    def _value(self, name: str, what: str, figure: Callable[[np.ndarray], np.ndarray], count: int) -> Value:
        label = Label(
            f"emotion_accuracy{name}",
            "%",
            "motions",
            f"{what} in which the classifier's likeliest emotion is the wanted one",
            "higher",
            self.classifier.id,
        )
        if not count:
            raise label.nothing(0)
        size = len(EMOTIONS)
        value, replicates = self.sums.figure(lambda sums: 100 * figure(sums.reshape(*sums.shape[:-1], size, size)))
        clips = min(len(self.sums.clips), count)
        return label.value(value, count=count, clips=clips, replicates=replicates, chance=100 / size)


def _accuracy(counts: np.ndarray) -> np.ndarray:
    """[..., E, E] -> [...]."""
    right: np.ndarray = np.trace(counts, axis1=-2, axis2=-1) / counts.sum(axis=(-2, -1))
    return right


def _recall(counts: np.ndarray) -> np.ndarray:
    """[..., E, E] -> [..., E]; nan for an emotion nobody asked for."""
    right: np.ndarray = np.diagonal(counts, axis1=-2, axis2=-1) / counts.sum(axis=-1)
    return right


def _recall_of(counts: np.ndarray, k: int) -> np.ndarray:
    return _recall(counts)[..., k]


def _balanced(counts: np.ndarray) -> np.ndarray:
    """[..., E, E] -> [...]: the mean over emotions asked for."""
    recall = _recall(counts)
    there = np.isfinite(recall)
    mean: np.ndarray = np.where(there, recall, 0.0).sum(axis=-1) / there.sum(axis=-1)
    return mean
