"""A voice is told from music, causally, and music moves no hands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cospeech.core.timing import FPS, SAMPLE_RATE
from cospeech.methods.flow.liveliness import QUIET_LEVEL, SURELY_MUSIC, VoiceGate, gated
from cospeech.speech.features import speech_features
from cospeech.speech.loading import load_speech
from cospeech.speech.voice import voice_log_odds

HELLO = Path(__file__).parents[1] / "examples" / "hello.wav"


def organ(seconds: float) -> np.ndarray:
    """Chords of four notes that change every 0.8 s, each begun anew."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    chords = ((196, 247, 294, 392), (220, 262, 330, 440), (175, 220, 262, 349))
    out = np.zeros(len(time))
    for number in range(int(seconds / 0.8) + 1):
        inside = (time >= 0.8 * number) & (time < 0.8 * (number + 1))
        own = time[inside] - 0.8 * number
        for note in chords[number % 3]:
            out[inside] += np.exp(-2 * own) * sum(np.sin(2 * np.pi * note * k * own) / k for k in (1, 2, 3))
    return (0.1 * out / out.std()).astype(np.float32)


@pytest.fixture(scope="module")
def talk() -> np.ndarray:
    return load_speech(HELLO).samples


def test_speech_is_a_voice_and_music_is_not(talk: np.ndarray) -> None:
    assert (voice_log_odds(speech_features(talk)) > SURELY_MUSIC).all()
    music = voice_log_odds(speech_features(organ(10.0)))
    assert (music[2 * FPS :] < SURELY_MUSIC).mean() > 0.95


def test_who_talks_over_music_is_heard(talk: np.ndarray) -> None:
    music = organ(len(talk) / SAMPLE_RATE)[: len(talk)]
    mixed = talk + 0.2 * music * talk.std() / music.std()
    assert (voice_log_odds(speech_features(mixed.astype(np.float32))) > SURELY_MUSIC).mean() > 0.97


def test_the_past_alone_counts(talk: np.ndarray) -> None:
    features = speech_features(talk)
    np.testing.assert_allclose(voice_log_odds(features[:200]), voice_log_odds(features)[:200], atol=1e-9)


def test_nothing_is_said_of_silence() -> None:
    assert np.abs(voice_log_odds(speech_features(np.zeros(5 * SAMPLE_RATE, np.float32)))).max() < 1e-9


def test_hands_rest_in_music_and_before_anyone_speaks(talk: np.ndarray) -> None:
    lively = np.full((60, 3), 9.0)
    music = speech_features(organ(8.0))
    assert gated(lively, VoiceGate().push(music))[15:].max() == QUIET_LEVEL
    late = speech_features(np.concatenate([np.zeros(2 * SAMPLE_RATE, np.float32), talk[: 6 * SAMPLE_RATE]]))
    levels = gated(lively, VoiceGate().push(late))
    assert levels[:14].max() == QUIET_LEVEL
    assert levels[20:].max() == 9.0


def test_the_gate_is_the_same_bit_by_bit(talk: np.ndarray) -> None:
    features = speech_features(np.concatenate([organ(4.0), talk[: 5 * SAMPLE_RATE], np.zeros(2 * SAMPLE_RATE)]))
    gate = VoiceGate()
    parts = [gate.push(features[first : first + 7]) for first in range(0, len(features), 7)]
    np.testing.assert_array_equal(np.concatenate(parts), VoiceGate().push(features))
