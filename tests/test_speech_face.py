"""The face: as long as the speech, still in silence, moved by the sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cospeech.core.emotions import EMOTIONS
from cospeech.core.errors import UserError
from cospeech.motion.procedural.face import ARKIT_NAMES, face_from_speech
from cospeech.speech import Speech, Word, load_speech
from cospeech.speech.features import LAYOUT, pauses, speech_features

COLUMN = {name: index for index, name in enumerate(ARKIT_NAMES)}
MOUTH = [index for name, index in COLUMN.items() if name.startswith(("mouth", "jaw"))]


@pytest.fixture(scope="module")
def hello():
    return load_speech(Path(__file__).parents[1] / "examples" / "hello.wav")


def test_the_names_are_apples():
    assert len(ARKIT_NAMES) == len(set(ARKIT_NAMES)) == 52
    assert (ARKIT_NAMES[0], ARKIT_NAMES[17], ARKIT_NAMES[-1]) == ("eyeBlinkLeft", "jawOpen", "tongueOut")


@pytest.mark.parametrize("samples", [3200, 16001, 40007])
def test_exactly_as_long_as_the_speech(samples):
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, samples)
    for rate in (16000, 22050, 48000):
        speech = Speech(noise, sample_rate=rate)
        face = face_from_speech(speech)
        assert face.shape == (speech.frames, 52)
        assert face.dtype == np.float32


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_in_range_and_the_same_by_seed(hello, emotion):
    face = face_from_speech(hello, seed=5, emotion=emotion, intensity=2.0)
    assert face.min() >= 0.0
    assert face.max() <= 1.0
    np.testing.assert_array_equal(face, face_from_speech(hello, seed=5, emotion=emotion, intensity=2.0))
    assert np.abs(face - face_from_speech(hello, seed=6, emotion=emotion, intensity=2.0)).max() > 0.1


def test_silence_is_a_closed_still_mouth_and_living_eyes():
    face = face_from_speech(Speech(np.zeros(16000 * 30, np.float32)))
    assert np.ptp(face[:, MOUTH], axis=0).max() < 1e-6
    assert face[:, COLUMN["jawOpen"]].max() == 0.0
    blinks = np.flatnonzero(np.diff((face[:, COLUMN["eyeBlinkLeft"]] > 0.8).astype(int)) == 1) / 30
    assert 4 <= len(blinks) <= 16
    assert 1.9 <= np.diff(blinks).min()
    assert np.diff(blinks).max() <= 6.1


def test_the_mouth_shuts_in_pauses(hello):
    face = face_from_speech(hello)
    for start, end in pauses(hello.samples):
        inside = slice(round(start * 30) + 9, round(end * 30) - 5)  # lips part before the first sound
        if start > 0 and inside.stop > inside.start:
            assert face[inside, COLUMN["jawOpen"]].max() < 0.02
            assert face[inside, COLUMN["mouthPressLeft"]].min() > 0.05


def test_the_jaw_follows_the_sound(hello):
    jaw = face_from_speech(hello)[:, COLUMN["jawOpen"]]
    energy = LAYOUT.get(speech_features(hello.samples), "energy")
    assert np.corrcoef(jaw, energy)[0, 1] > 0.7
    assert 0.25 < jaw.max() < 0.8


def test_lips_meet_on_b_and_m_when_the_words_are_known():
    time = np.arange(48000) / 16000
    sound = 0.3 * sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 15)) / 2
    sound *= np.abs(np.sin(2 * np.pi * 1.5 * time)) ** 0.3
    words = (Word("mamma", 1.0, 1.5),)
    plain = face_from_speech(Speech(sound))
    worded = face_from_speech(Speech(sound, words=words))
    inside = slice(30, 45)
    press = COLUMN["mouthPressLeft"]
    assert worded[inside, press].max() > plain[inside, press].max() + 0.15
    assert worded[inside, COLUMN["jawOpen"]].min() < 0.5 * plain[inside, COLUMN["jawOpen"]].min() + 0.05


def test_emotions_differ_and_intensity_scales(hello):
    joy = face_from_speech(hello, emotion="joy")
    sad = face_from_speech(hello, emotion="sadness")
    smile, frown = COLUMN["mouthSmileLeft"], COLUMN["mouthFrownLeft"]
    assert joy[:, smile].mean() > sad[:, smile].mean() + 0.2
    assert sad[:, frown].mean() > joy[:, frown].mean() + 0.2
    more = face_from_speech(hello, emotion="joy", intensity=1.5)
    assert more[:, smile].mean() > 1.3 * joy[:, smile].mean()
    np.testing.assert_allclose(more[:, COLUMN["jawOpen"]], joy[:, COLUMN["jawOpen"]])


def test_the_emotion_of_the_speech_is_the_default(hello):
    happy = Speech(hello.samples, emotion="joy")
    np.testing.assert_array_equal(face_from_speech(happy), face_from_speech(hello, emotion="joy"))


def test_what_is_refused(hello):
    with pytest.raises(UserError, match="unknown emotion"):
        face_from_speech(hello, emotion="grumpy")
    with pytest.raises(UserError, match="intensity"):
        face_from_speech(hello, intensity=3.0)
