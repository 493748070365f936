"""The face: as long as the speech, still in silence, moved by the sound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cospeech.core.emotions import EMOTIONS
from cospeech.core.errors import UserError
from cospeech.motion.motion import Motion
from cospeech.motion.points import FACE_SLICE
from cospeech.motion.procedural.brows import question_ends
from cospeech.motion.procedural.face import ARKIT_NAMES, face_from_speech
from cospeech.motion.procedural.mood_faces import MOODS
from cospeech.motion.skeleton import canonical_skeleton
from cospeech.speech import Speech, Word, load_speech
from cospeech.speech.features import LAYOUT, pauses, speech_features
from cospeech.speech.phones.track import Phone
from cospeech.video.driving.heads import INNER
from cospeech.video.driving.landmarks import landmarks_of

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


# Moods, brows, lids --------------------------------------------------------------------------------------------------

MIME = "AA M AA P AA B IY M UW P EH B F AA V IY UW M AA".split()
PARTING = (
    "jawOpen",
    "mouthUpperUpLeft",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthFunnel",
    "mouthStretchLeft",
)


def spelled(speech, length=0.15):
    """The same sound with phones that are known."""
    phones = tuple(Phone(name, 0.5 + length * k, 0.5 + length * (k + 1)) for k, name in enumerate(MIME))
    return replace(speech, phones=phones, words=(), lips=None), phones


def frames_of(phone):
    return slice(int(np.ceil(phone.start * 30)), int(phone.end * 30) + 1)


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("intensity", [1.0, 2.0])
def test_lips_shut_in_every_mood_as_without_one(hello, mood, intensity):
    speech, phones = spelled(hello)
    plain = face_from_speech(speech, emotion="neutral")
    felt = face_from_speech(speech, emotion=mood, intensity=intensity)
    apart = [face[:, COLUMN["jawOpen"]] - face[:, COLUMN["mouthClose"]] for face in (plain, felt)]
    assert apart[0].max() > 0.1
    talking = slice(round(phones[0].start * 30), round(phones[-1].end * 30))
    np.testing.assert_allclose(apart[1][talking], apart[0][talking], atol=1e-6)
    for phone in phones:
        inside = frames_of(phone)
        if phone.name in ("P", "B", "M"):
            assert apart[1][inside].max() < 0.01
            for name in PARTING:
                assert felt[inside, COLUMN[name]].max() <= plain[inside, COLUMN[name]].max() + 0.02, name
        elif phone.name in ("F", "V"):
            roll = COLUMN["mouthRollLower"]
            np.testing.assert_allclose(felt[inside, roll], plain[inside, roll], atol=0.1)
            lower = COLUMN["mouthLowerDownLeft"]
            assert felt[inside, lower].max() < 0.05 + plain[inside, lower].max()
        elif phone.name == "UW":
            assert felt[inside, COLUMN["mouthPucker"]].max() >= plain[inside, COLUMN["mouthPucker"]].max() - 1e-6
            assert felt[inside, COLUMN["mouthSmileLeft"]].max() < 0.6


@pytest.mark.parametrize("mood", ["amusement", "disgust", "fear", "sadness", "surprise"])
def test_the_avatars_lips_meet_in_every_mood(hello, mood):
    """Measured between the inner lips of the mesh, where a mood could part what the weights of the jaw shut."""
    speech, phones = spelled(hello)
    shut = np.unique(np.concatenate([np.r_[frames_of(phone)] for phone in phones if phone.name in ("P", "B", "M")]))

    def gap(face):
        skeleton = canonical_skeleton()
        rest = np.tile(np.eye(3, dtype=np.float32), (len(face), len(skeleton), 1, 1))
        motion = Motion(skeleton, 30.0, rest, np.tile(skeleton.offsets[0], (len(face), 1)), face=face)
        heights = landmarks_of(motion)[:, FACE_SLICE, 1].astype(float)
        return np.mean([heights[:, upper] - heights[:, lower] for upper, lower in INNER], axis=0)

    plain = face_from_speech(speech, emotion="neutral")
    felt = face_from_speech(speech, emotion=mood, intensity=2.0)
    assert (gap(felt[shut]) <= gap(plain[shut]) + 0.0005).all()


def test_moods_come_and_wax_and_are_no_masks(hello):
    smile = face_from_speech(hello, emotion="joy")[:, [COLUMN["mouthSmileLeft"], COLUMN["mouthSmileRight"]]]
    first = next(start for start in np.flatnonzero(LAYOUT.get(hello.features, "speech") >= 0.5))
    assert smile[: max(1, first - 6)].mean() < 0.8 * smile[first + 30 : first + 90].max()
    assert 0.03 < smile.std() < 0.25
    assert np.abs(np.diff(smile.mean(axis=1))).max() < 0.2
    lopsided = np.abs(smile[:, 0] - smile[:, 1]).mean() / smile.mean()
    assert 0.005 < lopsided < 0.15


@pytest.mark.parametrize("mood", ["joy", "amusement"])
def test_smiles_that_are_felt_reach_the_eyes(hello, mood):
    felt = face_from_speech(hello, emotion=mood)
    plain = face_from_speech(hello, emotion="neutral")
    cheeks = [COLUMN["cheekSquintLeft"], COLUMN["cheekSquintRight"]]
    assert felt[:, cheeks].mean() > plain[:, cheeks].mean() + 0.2


@pytest.mark.parametrize("mood", ["neutral", "conversation"])
def test_brows_rest_where_nothing_is_felt(hello, mood):
    """Raised inner brows alone look worried."""
    face = face_from_speech(hello, emotion=mood)
    inner = face[:, COLUMN["browInnerUp"]]
    outer = face[:, [COLUMN["browOuterUpLeft"], COLUMN["browOuterUpRight"]]].mean(axis=1)
    assert np.median(inner) < 0.04
    assert (inner - outer).max() < 0.05


def test_brows_rise_over_questions():
    sound = load_speech(Path(__file__).parents[1] / "examples" / "hello.wav").cut(end=4.0).samples
    asked, said = (Speech(sound, words=(Word("You", 1.0, 1.4), Word(f"know{mark}", 1.4, 2.0))) for mark in "?.")
    rise = face_from_speech(asked)[:, COLUMN["browOuterUpLeft"]] - face_from_speech(said)[:, COLUMN["browOuterUpLeft"]]
    assert rise[round(1.5 * 30) : round(2.0 * 30)].max() > 0.15
    np.testing.assert_allclose(rise[round(2.6 * 30) :], 0.0, atol=1e-6)


def test_a_voice_that_rises_to_its_end_asks():
    features = np.zeros((90, LAYOUT.dim), np.float32)
    features[:60, [LAYOUT["speech"].start, LAYOUT["voicing"].start]] = 1.0
    features[:60, LAYOUT["pitch"]] = 0.1
    assert question_ends(features, np.array([2.0]), ()).size == 0
    features[50:60, LAYOUT["pitch"]] = np.linspace(0.2, 1.6, 10)[:, None]
    assert question_ends(features, np.array([2.0]), ()).tolist() == [2.0]


def test_blinks_are_those_of_people(hello):
    """15 to 25 a minute; down in 80 to 100 ms, up in about twice the time."""
    count = seconds = 0.0
    for seed in range(6):
        lid = face_from_speech(hello, seed=seed)[:, COLUMN["eyeBlinkLeft"]]
        tops = np.flatnonzero((lid[1:-1] > 0.95) & (lid[1:-1] >= lid[:-2]) & (lid[1:-1] > lid[2:])) + 1
        tops = tops[(tops > 8) & (tops < len(lid) - 12)]
        count, seconds = count + len(tops), seconds + (len(lid) - 20) / 30
        for top in tops:
            down = next(k for k in range(1, 8) if lid[top - k] < 0.5)
            up = next(k for k in range(1, 12) if lid[top + k] < 0.5)
            assert down <= 2  # half way within 67 ms
            assert down <= up <= 5
    assert 15 <= 60 * count / seconds <= 25


def test_lids_follow_the_eyes(hello):
    faces = [face_from_speech(hello, seed=seed) for seed in range(3)]
    face = np.concatenate(faces)
    down, lid = face[:, COLUMN["eyeLookDownLeft"]], face[:, COLUMN["eyeBlinkLeft"]]
    open_eyes = lid < 0.5
    assert lid[open_eyes & (down > 0.4)].min() > 0.1
    assert np.median(lid[down == 0.0]) < 0.05


def test_silence_is_alive():
    face = face_from_speech(Speech(np.zeros(16000 * 30, np.float32)), seed=2)
    change = np.abs(np.diff(face, axis=0)).max(axis=1)
    assert (change < 0.0005).mean() < 0.15
    brow = face[:, COLUMN["browOuterUpLeft"]]
    assert np.ptp(brow) > 0.05
    assert np.ptp(face[:, COLUMN["eyeLookOutLeft"]]) > 0.1


def test_moods_may_be_mixed_and_change(hello):
    half = np.linspace(0.0, 1.0, hello.frames)
    face = face_from_speech(hello, emotion={"joy": half, "sadness": 1.0 - half})
    third = hello.frames // 3
    frown, smile = COLUMN["mouthFrownLeft"], COLUMN["mouthSmileLeft"]
    assert face[:third, frown].mean() > face[-third:, frown].mean() + 0.1
    assert face[-third:, smile].mean() > face[:third, smile].mean() + 0.1
    whole, mild = (face_from_speech(hello, emotion={"joy": share}) for share in (1.0, 0.5))
    np.testing.assert_array_equal(whole, face_from_speech(hello, emotion="happy"))
    assert 0.3 < mild[:, smile].mean() / whole[:, smile].mean() < 0.7


def test_a_mixture_is_as_mixed_as_its_shares(hello):
    """All of the face, eyes and lids as well."""
    joy, anger, neutral = (face_from_speech(hello, emotion=name) for name in ("joy", "anger", "neutral"))
    mixed = face_from_speech(hello, emotion={"joy": 0.6, "anger": 0.4})
    np.testing.assert_allclose(mixed, 0.6 * joy + 0.4 * anger, atol=1e-5)
    np.testing.assert_allclose(face_from_speech(hello, emotion={"joy": 0.6}), 0.6 * joy + 0.4 * neutral, atol=1e-5)
