"""Phrases spotted in the sound: in phones that are made up, and where hama and espeak-ng are installed in speech."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.speech.cues import spotting
from cospeech.speech.cues.matching import find_triggers
from cospeech.speech.cues.spotting import FILE, spot_triggers, spottable, spotted_in
from cospeech.speech.cues.triggers import triggers_of
from cospeech.speech.languages import LANGUAGES
from cospeech.speech.phones import hama
from cospeech.speech.phones.inventory import PHONE_INDEX, PHONES
from cospeech.speech.phones.network import PhoneSteps
from cospeech.speech.phones.of_words import pronunciations_of
from cospeech.speech.speech import Speech
from cospeech.speech.word import Word

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import espeak

STEP = 0.02


def heard_as(text, language="en", *, start=0.5, phone=0.08, seconds=4.0, sure=0.9):
    """What hama and the network would give for a text that they hear well, spoken evenly."""
    phones = [PHONE_INDEX[name] for name in pronunciations_of(text, LANGUAGES[language])[0]]
    frames = round(seconds / STEP)
    by_hama = np.full((frames, len(PHONES)), (1 - sure) / len(PHONES), np.float32)
    blank = np.full(frames, sure, np.float32)
    by_network = np.full((frames, len(PHONES)), (1 - sure) / len(PHONES), np.float32)
    by_network[:, 0] = sure
    for index, column in enumerate(phones):
        first, last = (round((start + k * phone) / STEP) for k in (index, index + 1))
        by_network[first:last, 0] = (1 - sure) / len(PHONES)
        by_network[first:last, column] = sure
        peak = first + round(hama.DELAY / STEP)  # in one frame, and late
        blank[peak], by_hama[peak, column] = 1 - sure, sure
    times = np.arange(frames) * STEP
    return [(0.0, by_hama, blank)], PhoneSteps(times, by_network)


@pytest.mark.parametrize(
    ("language", "phrase", "meaning"),
    [
        ("en", "i'm not sure", "doubt"),
        ("en", "on the other hand", "other_hand"),
        ("en", "yesterday", "time.past"),
        ("de", "vielen dank", "thanks"),
        ("de", "andererseits", "other_hand"),
    ],
)
def test_a_phrase_that_is_heard_well(language, phrase, meaning):
    (found,) = spotted_in(*heard_as(phrase, language), language)
    assert (found.phrase, found.meaning) == (phrase, meaning)
    phones = pronunciations_of(phrase, LANGUAGES[language])[0]
    assert found.start == pytest.approx(0.5, abs=0.05)
    assert found.end == pytest.approx(0.5 + 0.08 * len(phones), abs=0.05)
    vowels = [k for k, name in enumerate(phones) if name in spotting.VOWELS]
    stressed = vowels[json.loads(FILE.read_text())[language]["phrases"][phrase][1]]
    assert found.time == pytest.approx(0.5 + 0.08 * (stressed + 0.5), abs=0.05)


def test_where_it_is_within_other_words():
    heard, steps = heard_as("we went there yesterday with him", seconds=5.0)
    assert [one.phrase for one in spotted_in(heard, steps, "en")] == ["yesterday"]
    later = [(2.0, *heard[0][1:])]
    moved = PhoneSteps(steps.times + 2.0, steps.probabilities)
    (found,) = spotted_in(later, moved, "en")
    assert found.time == pytest.approx(spotted_in(heard, steps, "en")[0].time + 2.0)


def test_other_words_and_noise_are_none():
    assert spotted_in(*heard_as("the carpenter builds a cupboard of wood"), "en") == []
    heard, _ = heard_as("yesterday")
    _, steps = heard_as("carpenter")  # what the network hears counts as well
    agreed, doubted = (spotted_in(heard, one, "en", least=-20.0)[0].score for one in (heard_as("yesterday")[1], steps))
    assert doubted < agreed - 3.0
    nothing = np.zeros((0, len(PHONES)), np.float32)
    assert spotted_in([], PhoneSteps(np.zeros(0), nothing), "en") == []


def test_of_several_at_once_the_surest():
    found = spotted_in(*heard_as("absolutely right"), "en")
    assert [one.phrase for one in found] == ["absolutely right"]


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_phrases(language):
    known = triggers_of(language).meanings
    assert {"yesterday", "gestern"} & spottable(language).keys()
    for text, (meaning, stress, least) in json.loads(FILE.read_text())[language]["phrases"].items():
        assert meaning in known, text
        words = tuple(Word(word, 0.3 * k, 0.3 * k + 0.25) for k, word in enumerate(text.split()))
        assert meaning in {trigger.meaning for trigger in find_triggers(words, language=language)}, text
        ways = pronunciations_of(text, LANGUAGES[language])
        assert len(ways[0]) >= 3, f"{text} is too short to be spotted"
        vowels = sum(name in spotting.VOWELS for name in ways[0])
        assert 0 <= stress < vowels, text
        assert least > spotting_lowest(), text
    for short in ("no", "i", "up", "ja", "ich"):
        assert short not in spottable(language)


def spotting_lowest():
    import bench_spotting

    return bench_spotting.LOWEST - 1e-6


def test_without_hama(monkeypatch):
    monkeypatch.setattr(hama, "is_installed", lambda: False)
    speech = Speech(np.zeros(16000, np.float32))
    assert spot_triggers(speech) == []
    with pytest.raises(UserError, match="no phrases are spotted in the language 'fr'; known: en, de"):
        spot_triggers(speech, language="fr")


def test_triggers(monkeypatch):
    monkeypatch.setattr(hama, "is_installed", lambda: True)
    heard, steps = heard_as("vielen dank", "de")
    monkeypatch.setattr(hama, "phone_probabilities", lambda samples: heard)
    monkeypatch.setattr(spotting, "hear_phones", lambda samples, look_ahead: steps)
    speech = Speech(np.zeros(4 * 16000, np.float32))
    (trigger,) = spot_triggers(speech)  # the language of which more is spotted
    assert (trigger.meaning, trigger.word, trigger.source) == ("thanks", "vielen dank", "sound")
    meaning = triggers_of("de").meanings["thanks"]
    assert trigger.gestures == meaning.gestures
    assert 0.5 * meaning.strength < trigger.strength <= meaning.strength
    assert spot_triggers(speech, language="en") == []


@pytest.mark.skipif(
    not espeak.is_installed() or importlib.util.find_spec("hama") is None, reason="espeak-ng or hama is not installed"
)
def test_in_speech():
    spoken = espeak.say(
        "Yesterday we bought an enormous table, and on the other hand we sold everything.", voice="en-us"
    )
    found = spot_triggers(spoken.speech, language="en")
    assert {"time.past", "size.large", "other_hand"} <= {trigger.meaning for trigger in found}
    word = next(word for word in spoken.speech.words if word.text == "Yesterday")
    first = next(trigger for trigger in found if trigger.meaning == "time.past")
    assert word.start < first.time < word.end
