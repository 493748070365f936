"""Emotion accuracy with a classifier whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from corpus_data import arms
from cospeech.core.emotions import EMOTIONS
from cospeech.core.errors import UserError
from cospeech.metrics import EmotionAccuracy
from cospeech.motion.motion import Motion


class Reader:
    """Reads an emotion off the number of frames."""

    id = "reader-1"

    def __call__(self, motion: Motion) -> np.ndarray:
        return np.eye(10)[len(motion) % 10]


def clip(emotion: str) -> Motion:
    return arms(10 + EMOTIONS.index(emotion), [])


def measured(requested: list[tuple[str, str]], reader: Reader | None = None) -> EmotionAccuracy:
    """Pairs of wanted and shown emotion."""
    metric = EmotionAccuracy(reader or Reader())
    for k, (wanted, shown) in enumerate(requested):
        metric.update(clip(shown), wanted, clip=f"clip{k}")
    return metric


REQUESTED = [("joy", "joy")] * 6 + [("joy", "anger")] * 2 + [("fear", "fear")] + [("fear", "joy")]


def test_shares_by_hand():
    metric = measured(REQUESTED)
    found = {value.name: value for value in metric.compute()}
    assert list(found) == [
        "emotion_accuracy",
        "emotion_accuracy_balanced",
        "emotion_accuracy_fear",
        "emotion_accuracy_joy",
    ]
    assert found["emotion_accuracy"].value == pytest.approx(70)
    assert found["emotion_accuracy_balanced"].value == pytest.approx((75 + 50) / 2)
    assert found["emotion_accuracy_joy"].value == pytest.approx(75)
    assert (found["emotion_accuracy_joy"].count, found["emotion_accuracy_fear"].count) == (8, 2)
    assert found["emotion_accuracy"].chance == 10
    assert found["emotion_accuracy"].extractor == "reader-1"
    low, high = found["emotion_accuracy"].interval
    assert 30 < low < 70 < high <= 100
    assert found["emotion_accuracy_fear"].interval is None  # two clips
    joy, anger, fear = (EMOTIONS.index(name) for name in ("joy", "anger", "fear"))
    expected = np.zeros((10, 10), int)
    expected[joy, joy], expected[joy, anger], expected[fear, fear], expected[fear, joy] = 6, 2, 1, 1
    np.testing.assert_array_equal(metric.confusion, expected)


def test_real_motion_stands_beside():
    real = measured([("joy", "joy")] * 9 + [("joy", "fear")])
    values = {value.name: value for value in measured(REQUESTED).compute(real)}
    assert values["emotion_accuracy"].real == pytest.approx(90)
    assert values["emotion_accuracy_joy"].real == pytest.approx(90)
    assert values["emotion_accuracy_fear"].real is None  # none was acted

    class Other(Reader):
        id = "reader-2"

    with pytest.raises(UserError, match="'reader-2' cannot be compared with those of 'reader-1'"):
        measured(REQUESTED).compute(measured(REQUESTED, Other()))


def test_aliases_are_known_and_nonsense_is_not():
    assert measured([("Happiness", "joy")]).compute()[0].value == 100
    with pytest.raises(UserError, match="unknown emotion 'hunger'"):
        measured([("hunger", "joy")])


def test_a_classifier_must_give_ten_numbers():
    class Short(Reader):
        def __call__(self, motion: Motion) -> np.ndarray:
            return np.ones(3)

    with pytest.raises(UserError, match=r"reader-1 gave \[3\], expected \[10\]"):
        measured([("joy", "joy")], Short())


def test_nothing_asked_is_nothing_measured():
    with pytest.raises(UserError, match="nothing to measure"):
        measured([]).compute()
