"""The speech object and its loader."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.speech import Speech, Word, load_speech
from cospeech.speech.audio import write_wav
from cospeech.speech.layout import LAYOUT

HELLO = Path(__file__).parents[1] / "examples" / "hello.wav"


def quiet(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * 16000), np.float32)


def test_lengths():
    speech = Speech(quiet(1.01))
    assert speech.seconds == pytest.approx(1.01)
    assert speech.frames == 31
    assert Speech(np.zeros(48000, np.float64), sample_rate=48000).frames == 30


def test_it_is_its_own_and_cannot_be_written():
    samples = quiet(1.0)
    speech = Speech(samples)
    samples[:] = 1.0
    assert not speech.samples.any()
    with pytest.raises(ValueError):
        speech.samples[0] = 1.0


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ({"samples": np.zeros((2, 9), np.float32)}, "mono"),
        ({"samples": np.zeros(0, np.float32)}, "at least one"),
        ({"samples": np.zeros(9, np.int16)}, "floats"),
        ({"samples": np.full(9, np.nan)}, "no numbers"),
        ({"samples": np.full(9, 1.5)}, "scale"),
        ({"sample_rate": 0}, "sample rate"),
        ({"emotion": "grumpy"}, "unknown emotion"),
        ({"words": (Word("late", 0.5, 1.5),)}, "word 1"),
        ({"words": (Word("b", 0.5, 0.6), Word("a", 0.1, 0.2))}, "word 2"),
        ({"words": (Word("back", 0.5, 0.4),)}, "word 1"),
    ],
)
def test_what_is_refused(kind, message):
    with pytest.raises(UserError, match=message):
        Speech(**{"samples": quiet(1.0), **kind})


def test_emotion_is_canonical():
    assert Speech(quiet(1.0), emotion="Happiness").emotion == "joy"


def test_cut_moves_and_trims_words():
    speech = Speech(quiet(3.0), words=(Word("a", 0.1, 0.4), Word("b", 0.9, 1.3), Word("c", 2.0, 2.6)))
    part = speech.cut(start=1.0, end=2.5)
    assert part.seconds == pytest.approx(1.5)
    assert [(w.text, round(w.start, 6), round(w.end, 6)) for w in part.words] == [("b", 0.0, 0.3), ("c", 1.0, 1.5)]
    with pytest.raises(UserError, match="no part"):
        speech.cut(start=5.0)


def test_resampled_keeps_length_and_words():
    speech = Speech(quiet(1.0), words=(Word("a", 0.1, 1.0),))
    other = speech.resampled(sample_rate=44100)
    assert len(other.samples) == 44100
    assert other.words == speech.words
    assert speech.resampled() is speech


def test_load_with_words(tmp_path):
    write_wav(tmp_path / "a.wav", quiet(2.0))
    (tmp_path / "a.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\nhello there\n")
    speech = load_speech(tmp_path / "a.wav", transcript=tmp_path / "a.srt", emotion="happy", speaker="anna")
    assert speech.text == "hello there"
    assert (speech.emotion, speech.speaker, speech.sample_rate) == ("joy", "anna", 16000)


def test_bad_emotion_is_told_before_the_file_is_read():
    with pytest.raises(UserError, match="unknown emotion"):
        load_speech("does-not-exist.wav", emotion="grumpy")


def test_the_greeting_is_as_promised():
    speech = load_speech(HELLO)
    assert 12.0 < speech.seconds < 16.0
    assert HELLO.stat().st_size < 500_000


def test_how_far_up_a_recorder_was_turned_is_not_heard():
    speech = load_speech(HELLO)
    for gain in (0.05, 0.5):
        quieter = Speech(speech.samples * np.float32(gain), speech.sample_rate)
        np.testing.assert_allclose(quieter.features, speech.features, atol=1e-3)


def test_what_is_hardly_there_is_not_made_a_voice():
    noise = np.random.default_rng(0).standard_normal(64000).astype(np.float32)
    for level in (0.0, 1e-5, 1e-4):
        assert LAYOUT.get(Speech(noise * np.float32(level)).features, "speech").mean() == 0
