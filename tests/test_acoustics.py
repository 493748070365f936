"""How voices sound in absolute numbers, and what the made moods do to them."""

from __future__ import annotations

import numpy as np
import pytest

from corpus_data import voice
from cospeech.core.emotions import EMOTIONS
from cospeech.core.timing import FPS, SAMPLE_RATE, frames_in
from cospeech.data.prosody import PROFILES, Profile, other_voice, synthetic_voice, with_prosody, with_rate
from cospeech.speech.acoustics import DIM, MEL, PITCH, VOICED, VOICING, acoustics, silence
from cospeech.speech.spectrum import BAND_HERTZ

INNER = slice(5, -5)  # frames whose windows lie within the recording


def buzz(hertz: float, *, seconds: float = 2.0, size: float = 0.02) -> np.ndarray:
    """A steady tone with overtones."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return size * np.sum([np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 9)], axis=0)


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """Acoustics of a voice with a pause."""
    return acoustics(voice(9.0, seed=3, pause=(3.0, 4.5))[0])


def voiced(sound: np.ndarray) -> np.ndarray:
    return sound[:, VOICING] >= VOICED


# ------------------------------------------------------------------------ acoustics


@pytest.mark.parametrize("hertz", [80.0, 100.0, 141.4, 200.0, 330.0, 400.0])
def test_pitch_counts_octaves_over_100_hertz(hertz):
    made = acoustics(buzz(hertz))[INNER]
    assert (made[:, VOICING] > 0.9).all()
    np.testing.assert_allclose(made[:, PITCH], np.log2(hertz / 100.0), atol=0.02)


def test_ten_times_the_sound_is_one_unit_in_every_band():
    """Twenty decibels; nothing is relative to the running voice."""
    quiet, loud = (acoustics(buzz(150.0, size=size))[INNER] for size in (0.02, 0.2))
    audible = quiet[:, MEL] > -4.0  # well above the floor
    assert audible.mean() > 0.3
    np.testing.assert_allclose((loud[:, MEL] - quiet[:, MEL])[audible], 1.0, atol=0.01)
    np.testing.assert_allclose(loud[:, MEL.stop :], quiet[:, MEL.stop :], atol=1e-3)


def test_a_tone_is_in_its_own_band():
    for band in (3, 17, 30):
        time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
        made = acoustics(0.1 * np.sin(2 * np.pi * BAND_HERTZ[band] * time))[INNER]
        assert (made[:, MEL].argmax(1) == band).all()
        # Near -23 dB, the mean square of the tone, in units of 20 dB; a triangle takes a little off.
        np.testing.assert_allclose(made[:, band], 10 * np.log10(0.1**2 / 2) / 20, atol=0.08)


def test_silence_has_no_pitch_and_the_lowest_level():
    made = acoustics(np.zeros(SAMPLE_RATE))
    np.testing.assert_allclose(made[:, MEL], -5.75, atol=1e-6)
    assert not made[:, PITCH].any()
    assert not made[:, VOICING].any()
    np.testing.assert_allclose(silence(30), made, atol=1e-6)


def test_noise_has_no_pitch():
    rng = np.random.default_rng(0)
    made = acoustics(0.1 * rng.standard_normal(3 * SAMPLE_RATE))
    rough = ~voiced(made)
    assert rough.mean() > 0.95
    assert not made[rough, PITCH].any()


@pytest.mark.parametrize("samples", [0, 1, 533, 534, 16000, 16001, 160_001, 333_333])
def test_there_is_a_frame_for_every_frame_of_the_speech(samples):
    made = acoustics(np.zeros(samples))
    assert made.shape == (frames_in(samples), DIM)
    assert made.dtype == np.float32


def test_a_frame_knows_only_its_own_moment():
    """Long recordings are taken in blocks of ten seconds; that must not be seen."""
    samples = voice(21.0, seed=5)[0]
    whole = acoustics(samples)
    later = acoustics(samples[9 * SAMPLE_RATE :])
    np.testing.assert_array_equal(whole[9 * FPS + 1 : 20 * FPS], later[1 : 11 * FPS])


# ------------------------------------------------------------------------ made moods


def test_level_moves_the_pitch_by_semitones_and_nothing_else(sound):
    made = with_prosody(sound, Profile(level=3.0))
    speaks = voiced(sound)
    assert 20 < speaks.sum() < len(sound) - 20
    np.testing.assert_allclose(made[speaks, PITCH] - sound[speaks, PITCH], 0.25, atol=1e-6)
    assert not made[~speaks, PITCH].any()
    np.testing.assert_array_equal(np.delete(made, PITCH, 1), np.delete(sound, PITCH, 1))


def test_range_widens_the_pitch_about_its_median(sound):
    speaks = voiced(sound)
    made = with_prosody(sound, Profile(range=1.5))
    before, after = sound[speaks, PITCH], made[speaks, PITCH]
    assert before.std() > 0.05
    assert np.median(after) == pytest.approx(np.median(before), abs=1e-6)
    np.testing.assert_allclose(after - np.median(after), 1.5 * (before - np.median(before)), atol=1e-5)
    assert not made[~speaks, PITCH].any()


def test_loudness_lifts_speech_alike_in_all_bands_and_leaves_silence(sound):
    made = with_prosody(sound, Profile(loudness=8.0))
    change = 20 * (made[:, MEL] - sound[:, MEL])
    np.testing.assert_allclose(change, np.repeat(change[:, :1], 40, 1), atol=1e-4)
    level = 20 * sound[:, MEL].mean(1)
    quiet = level <= np.quantile(level, 0.1)
    speech = level > np.quantile(level, 0.1) + 15
    assert quiet.any()
    assert speech.any()
    np.testing.assert_allclose(change[quiet], 0.0, atol=1e-6)
    np.testing.assert_allclose(change[speech], 8.0, atol=1e-4)
    assert change.min() >= 0
    np.testing.assert_array_equal(made[:, MEL.stop :], sound[:, MEL.stop :])


def test_tilt_lifts_what_is_above_a_kilohertz_by_the_octave(sound):
    made = with_prosody(sound, Profile(tilt=2.0))
    loudest = sound[:, MEL].mean(1).argmax()
    change = 20 * (made[loudest, MEL] - sound[loudest, MEL])
    low = BAND_HERTZ <= 1000
    np.testing.assert_array_equal(change[low], 0.0)
    np.testing.assert_allclose(change[~low], 2.0 * np.log2(BAND_HERTZ[~low] / 1000), atol=1e-4)
    assert change.max() > 5.0  # at seven kilohertz


def test_no_speech_at_all_is_left_alone():
    for made in (silence(40), silence(0)):
        np.testing.assert_array_equal(with_prosody(made, PROFILES["anger"]), made)


def test_what_is_given_is_not_changed(sound):
    before = sound.copy()
    with_prosody(sound, PROFILES["joy"])
    other_voice(sound, np.random.default_rng(0))
    synthetic_voice(sound, "fear", np.random.default_rng(0))
    np.testing.assert_array_equal(sound, before)


@pytest.mark.parametrize("rate", [0.7, 0.83, 1.0, 1.2, 1.4])
def test_rate_shortens_and_repeats_frames_without_mixing(sound, rate):
    made = with_rate(sound, rate)
    assert len(made) == round(len(sound) / rate)
    known = {frame.tobytes() for frame in sound}
    assert all(frame.tobytes() in known for frame in made)
    # In order, from the first to (nearly) the last frame.
    numbered = with_rate(np.arange(len(sound))[:, None], rate)[:, 0]
    assert numbered[0] == 0
    assert (np.diff(numbered) >= 0).all()
    assert numbered[-1] >= len(sound) - 1 - 2 * rate
    if rate == 1.0:
        np.testing.assert_array_equal(made, sound)


def test_a_single_frame_has_a_rate_too():
    assert with_rate(np.ones((1, 3)), 1.4).shape == (1, 3)


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_strength_nought_and_neutral_leave_the_voice_calm(sound, emotion):
    made, rate = synthetic_voice(sound, emotion, np.random.default_rng(0), strength=0.0)
    np.testing.assert_allclose(made, sound, atol=1e-6)
    assert rate == 1.0
    moved, rate = synthetic_voice(sound, emotion, np.random.default_rng(0))
    if emotion == "neutral":
        np.testing.assert_allclose(moved, sound, atol=1e-6)
        assert rate == 1.0
    else:
        assert np.abs(moved - sound).max() > 0.02
        assert 0.7 <= rate <= 1.4


def figures(sound: np.ndarray) -> dict[str, float]:
    """What listeners judge by, measured on the loud and the voiced frames."""
    level = sound[:, MEL].mean(1)
    loud = sound[level > np.quantile(level, 0.7)][:, MEL]
    pitch = sound[voiced(sound), PITCH]
    return {
        "loudness": float(loud.mean()),
        "brightness": float(loud[:, BAND_HERTZ > 2500].mean() - loud[:, BAND_HERTZ < 800].mean()),
        "pitch": float(pitch.mean()),
        "range": float(pitch.std()),
    }


@pytest.mark.parametrize(
    ("more", "less", "which"),
    [
        ("anger", "sadness", "loudness brightness pitch range"),
        ("joy", "sadness", "loudness brightness pitch range"),
        ("joy", "neutral", "loudness pitch range"),
        ("neutral", "sadness", "loudness brightness pitch range"),
        ("neutral", "shame", "loudness brightness"),
        ("anger", "fear", "loudness brightness range"),
        ("fear", "anger", "pitch"),
        ("surprise", "neutral", "pitch range"),
    ],
)
def test_moods_differ_as_the_literature_says(sound, more, less, which):
    """In the mean over forty voices, measured on what comes out and not in the table."""
    rng = np.random.default_rng(1)
    one, other = (
        {
            name: np.mean([figures(synthetic_voice(sound, mood, rng)[0])[name] for _ in range(40)])
            for name in which.split()
        }
        for mood in (more, less)
    )
    for name in which.split():
        assert one[name] > other[name], name


def test_sad_voices_are_slow_and_fearful_ones_fast(sound):
    rng = np.random.default_rng(2)
    rates = {
        mood: np.mean([synthetic_voice(sound[:30], mood, rng)[1] for _ in range(60)])
        for mood in ("sadness", "fear", "anger")
    }
    assert rates["sadness"] < 0.95
    assert rates["fear"] > 1.05
    assert rates["anger"] > 1.02


def test_no_two_voices_are_angry_alike_but_a_seed_is(sound):
    first, again, other = (synthetic_voice(sound, "anger", np.random.default_rng(k))[0] for k in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


def test_another_voice_keeps_what_is_voiced_and_moves_pitch_and_gain_as_one(sound):
    made = other_voice(sound, np.random.default_rng(7))
    speaks = voiced(sound)
    assert not made[~speaks, PITCH].any()
    np.testing.assert_array_equal(made[:, VOICING], sound[:, VOICING])
    shift = made[speaks, PITCH] - sound[speaks, PITCH]
    np.testing.assert_allclose(shift, shift[0], atol=1e-6)
    assert abs(shift[0]) > 1e-3
    gain = made[:, MEL] - sound[:, MEL]  # by band, and the same all through
    np.testing.assert_allclose(gain, np.repeat(gain[:1], len(gain), 0), atol=1e-5)
    assert gain[0].std() > 1e-3


def test_each_mood_has_a_profile():
    assert tuple(PROFILES) == EMOTIONS
