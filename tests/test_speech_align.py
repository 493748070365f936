"""Word times from plain text, checked against times made by hand and by the maker of a data set."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.speech import Speech, load_speech
from cospeech.speech import forced_alignment as align_module
from cospeech.speech.features import pauses
from cospeech.speech.forced_alignment import align
from cospeech.speech.g2p import number_words, pronounce, spoken
from cospeech.speech.transcript import read_transcript

pytest.importorskip("pocketsphinx")

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("COSPEECH_SHARED", ROOT.parent / "shared")) / "data"


@pytest.fixture(scope="module")
def hello():
    return load_speech(ROOT / "examples" / "hello.wav")


@pytest.fixture(scope="module")
def text():
    return (ROOT / "examples" / "hello.txt").read_text()


@pytest.fixture
def notes(monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(align_module, "note", said.append)
    return said


def test_the_greeting(hello, text, notes):
    words = align(hello, text=text)
    assert [word.text for word in words] == text.split()
    assert not notes
    # Every phrase of the text begins where a pause of the sound ends.
    ends = np.array([end for _, end in pauses(hello.samples)])
    for first in ("Look", "When", "You"):
        start = next(word.start for word in words if word.text == first)
        assert np.abs(ends - start).min() < 0.1
    assert align(hello, text=text) == words


def test_words_out_of_the_dictionary_numbers_and_signs(hello, text, notes):
    odd = text.replace("hands", "hænds").replace("Hello!", "“Hello!” —")
    words = align(hello, text=odd)
    assert [word.text for word in words] == [w for w in odd.split() if w != "—"]
    assert not notes


def test_a_long_recording_is_taken_in_windows(hello, text, notes):
    times = 3  # 47 s: two windows
    long = Speech(np.tile(hello.samples, times))
    words = align(long, text=" ".join([text] * times))
    single = align(hello, text=text)
    expected = np.array([word.start + k * hello.seconds for k in range(times) for word in single])
    assert np.abs(np.array([word.start for word in words]) - expected).max() < 0.25
    assert not notes


def test_a_text_in_another_script_is_spread_over_the_speech(hello, notes):
    words = align(hello, text="привет " * 30)
    assert len(words) == 30
    assert len(notes) == 1
    for start, end in pauses(hello.samples):
        assert all(word.end <= start + 1e-6 or word.start >= end - 1e-6 for word in words)


def test_a_wrong_text_is_noticed(hello, notes):
    align(hello, text="the quick brown fox jumps over every lazy dog that sleeps by the river " * 3)
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("said", "message"), [("word " * 500, "has 500 words"), ("so it is", "has 3 words"), ("... !", "no words")]
)
def test_what_cannot_be_the_text_is_refused(hello, said, message):
    long = Speech(np.tile(hello.samples, 2))
    with pytest.raises(UserError, match=message):
        align(long, text=said)


def test_onsets_match_a_transcript_made_by_others(notes):
    path = DATA / "beat2" / "2_scott_0_1_1.TextGrid"
    if not path.exists():
        pytest.skip("the shared data are not here")
    truth = read_transcript(path)
    speech = load_speech(path.with_suffix(".wav"))
    words = align(speech, text=" ".join(word.text for word in truth))
    errors = np.abs([a.start - b.start for a, b in zip(words, truth, strict=True)])
    assert errors.mean() < 0.03
    assert np.median(errors) < 0.015
    assert not notes


@pytest.mark.slow
def test_clips_of_many_speakers(notes):
    folder = DATA / "speech"
    if not (folder / "manifest.csv").exists():
        pytest.skip("the shared data are not here")
    with open(folder / "manifest.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["transcript"]][::20]
    for row in rows:
        speech = load_speech(folder / row["file"])
        words = align(speech, text=row["transcript"])
        assert len(words) == len(row["transcript"].split())
    assert not notes


def test_pronunciation():
    assert pronounce("cospeech") == ("K", "OW", "S", "P", "IY", "CH")
    assert pronounce("made") == ("M", "EY", "D")
    assert pronounce("bbc")[:2] == ("B", "IY")
    assert pronounce("'") == ()
    assert spoken("well-known,") == ["well", "known"]
    assert spoken("3.5%") == ["three", "point", "five", "percent"]
    assert spoken("1,205") == ["one", "thousand", "two", "hundred", "five"]
    assert spoken("1905") == ["nineteen", "oh", "five"]
    assert spoken("Don’t!") == ["don't"]
    assert number_words(2_000_019) == ["two", "million", "nineteen"]


def test_rules_are_near_the_dictionary():
    from pocketsphinx import get_model_path

    with open(get_model_path("en-us/cmudict-en-us.dict")) as file:
        lines = [line.split() for line in file]
    sample = [line for line in lines if line[0].isalpha() and line[0].isascii()][::97]
    wrong = total = 0
    for word, *phones in sample:
        row = list(range(len(phones) + 1))
        for i, said in enumerate(pronounce(word), start=1):
            new = [i]
            for j, meant in enumerate(phones, start=1):
                new.append(min(row[j] + 1, new[-1] + 1, row[j - 1] + (said != meant)))
            row = new
        wrong, total = wrong + row[-1], total + len(phones)
    assert wrong / total < 0.22
