"""Which triggers become gestures."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.speech.cues.choosing import DENSITIES, choose_cues
from cospeech.speech.cues.matching import Trigger, find_triggers
from cospeech.speech.cues.triggers import triggers_of
from cospeech.speech.layout import LAYOUT
from cospeech.speech.word import Word


def trigger(time, meaning="size.large", gestures=("big", "wide"), strength=0.8, **rest):
    return Trigger(meaning, gestures, time, "word", strength, time + 0.5, **rest)


def many(count=200, seed=3):
    """Triggers of the package's own meanings at random times, two a second."""
    rng = np.random.default_rng(seed)
    known = list(triggers_of("en").meanings.values())
    times = np.sort(rng.uniform(0, count / 2, count))
    picks = [known[k] for k in rng.integers(0, len(known), count)]
    return [trigger(float(t), m.name, m.gestures, m.strength) for t, m in zip(times, picks, strict=True)]


def test_off_is_off_and_more_density_gives_more():
    counts = [len(choose_cues(many(), density=density)) for density in DENSITIES]
    assert counts[0] == 0
    assert counts == sorted(set(counts))


def test_an_unknown_density_is_refused():
    with pytest.raises(UserError, match="unknown gesture density 'lots'; known: off, sparse, normal, rich"):
        choose_cues([], density="lots")


@pytest.mark.parametrize("density", DENSITIES[1:])
@pytest.mark.parametrize("seed", range(5))
def test_never_the_same_gesture_twice_in_a_row(density, seed):
    cues = choose_cues(many(seed=seed), density=density, seed=seed)
    assert cues
    assert all(one.gesture != other.gesture for one, other in pairwise(cues))
    assert all(other.time > one.time for one, other in pairwise(cues))


def test_one_gesture_alone_is_not_repeated():
    again = [trigger(float(t), "roll", ("roll",)) for t in (1, 10, 20)]
    assert len(choose_cues(again, density="rich")) == 1


def test_the_same_seed_gives_the_same_and_seeds_differ():
    triggers = many()
    assert choose_cues(triggers, seed=1) == choose_cues(triggers, seed=1)
    names = {tuple(cue.gesture for cue in choose_cues(triggers, seed=seed)) for seed in range(4)}
    assert len(names) == 4
    assert choose_cues(triggers, seed=-1)


def test_what_comes_later_does_not_change_the_choice_of_gestures():
    triggers = many()
    whole = choose_cues(triggers, density="rich")
    part = choose_cues(triggers[:100], density="rich")
    shared = [cue for cue in part if cue.time < triggers[90].time]
    assert [cue.gesture for cue in shared] == [cue.gesture for cue in whole[: len(shared)]]


def test_the_stronger_of_two_that_are_close_is_taken():
    (cue,) = choose_cues([trigger(1.0, "a", ("x",), 0.5), trigger(1.5, "b", ("y",), 0.9)], density="rich")
    assert cue.gesture == "y"
    weak = [trigger(1.0, "a", ("x",), 0.45), trigger(1.9, "b", ("y",), 0.8), trigger(2.8, "c", ("z",), 0.45)]
    assert [cue.gesture for cue in choose_cues(weak, density="rich")] == ["y"]


def test_a_strong_voice_decides_between_equals():
    features = np.zeros((90, 48), np.float32)
    features[45, LAYOUT["accent"]] = 1.0  # 1.5 s
    pair = [trigger(0.8, "a", ("x",), 0.6), trigger(1.5, "b", ("y",), 0.6)]
    (cue,) = choose_cues(pair, density="rich", features=features)
    assert cue.gesture == "y"
    features = np.roll(features, -21, axis=0)  # to 0.8 s
    (cue,) = choose_cues(pair, density="rich", features=features)
    assert cue.gesture == "x"


def test_a_cue_says_where_it_comes_from_and_how_long_it_may_hold():
    (cue,) = choose_cues([trigger(2.0, source="sound")], seconds=2.3)
    assert (cue.meaning, cue.word, cue.source, cue.strength) == ("size.large", "word", "sound", 0.8)
    assert cue.hold_until == pytest.approx(2.3)
    assert choose_cues([trigger(2.0)], seconds=1.0) == []
    (cue,) = choose_cues([Trigger("a", ("x",), 1.0, phrase_end=60.0)])
    assert cue.hold_until <= 5.0  # where a phrase never ends


def test_real_words_give_a_few_gestures_a_minute():
    text = (
        "Hello everybody. I want to tell you about a house. The house was huge, and it stood over there behind the "
        "hill. Nobody knew who had built it. Perhaps it was a rich man, perhaps a king. The windows were tiny. "
        "On the one hand it looked friendly, on the other hand something was wrong. Prices were falling, and so on. "
    ) * 6
    words = [Word(word, 0.4 * k, 0.4 * k + 0.35) for k, word in enumerate(text.split())]
    minutes = words[-1].end / 60
    counts = {density: len(choose_cues(find_triggers(words), density=density)) / minutes for density in DENSITIES}
    assert counts["sparse"] < counts["normal"] < counts["rich"] <= 60 / 1.2
    assert counts["normal"] <= 60 / 3.5


def test_a_long_recording_takes_time_in_proportion():
    import time

    def seconds(count):
        triggers = many(count)
        begin = time.perf_counter()
        choose_cues(triggers, density="rich")
        return time.perf_counter() - begin

    seconds(200)
    assert seconds(4000) < 40 * seconds(400) + 0.05
