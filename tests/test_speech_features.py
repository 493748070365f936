"""The features: independent of chunks, loudness and rate; right about tones, silence and syllables."""

from __future__ import annotations

import numpy as np
import pytest

from cospeech.core.timing import SAMPLE_RATE, frame_to_sample, frames_in
from cospeech.speech.features import (
    ACCENT_GAP,
    FEATURE_DIM,
    LAYOUT,
    LOOK_AHEAD,
    SILENCE,
    FeatureExtractor,
    accents,
    pauses,
    phrase_ends,
    prominent_accents,
    speech_features,
)
from cospeech.speech.spectrum import frame_samples, pitch_track


def syllables(seconds: float, *, strong: int = 3, gap: tuple[float, float] | None = None, seed: int = 0):
    """A voice-like train of syllables, every ``strong``-th louder and higher; times of the strong ones."""
    rng = np.random.default_rng(seed)
    sound = 1e-4 * rng.standard_normal(round(seconds * SAMPLE_RATE))
    times = []
    for index, start in enumerate(np.arange(0.4, seconds - 0.3, 0.22)):
        if gap and gap[0] - 0.2 < start < gap[1]:
            continue
        heavy = index % strong == 0
        time = np.arange(round(0.16 * SAMPLE_RATE)) / SAMPLE_RATE
        pitch = 187.0 if heavy else rng.uniform(140.0, 160.0)
        voice = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 20))
        first = round(start * SAMPLE_RATE)
        sound[first : first + len(time)] += (0.35 if heavy else 0.1) * np.hanning(len(time)) ** 0.5 * voice
        if heavy:
            times.append(start + 0.08)
    return (sound / np.max(np.abs(sound)) * 0.7).astype(np.float32), np.asarray(times)


@pytest.fixture(scope="module")
def voice():
    return syllables(13.3, gap=(6.0, 7.2))[0]


def test_layout_covers_every_column_once():
    columns = np.concatenate([np.arange(FEATURE_DIM)[part] for part in LAYOUT.slices.values()])
    assert columns.tolist() == list(range(FEATURE_DIM))
    assert LOOK_AHEAD <= 0.1


@pytest.mark.parametrize("samples", [0, 1, 532, 533, 534, 16000, 16001, 12345, 160001])
def test_as_many_frames_as_timing_says(samples):
    assert speech_features(np.zeros(samples, np.float32)).shape == (frames_in(samples), FEATURE_DIM)


def test_frames_stand_where_timing_says():
    assert frame_samples(7, 4000).tolist() == [frame_to_sample(i) for i in range(7, 4000)]


@pytest.mark.parametrize("seed", range(4))
def test_chunks_make_no_difference(voice, seed):
    rng = np.random.default_rng(seed)
    whole = speech_features(voice)
    extractor, parts, at = FeatureExtractor(), [], 0
    while at < len(voice):
        size = int(rng.choice([1, 3, 160, 533, 534, 4096, 50000]))
        parts.append(extractor.push(voice[at : at + size]))
        at = min(at + size, len(voice))
        late = at / SAMPLE_RATE - sum(map(len, parts)) / 30
        assert late <= LOOK_AHEAD + 1 / 30
    parts.append(extractor.flush())
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)
    np.testing.assert_allclose(np.concatenate([extractor.push(voice), extractor.flush()]), whole, atol=1e-5)


def test_the_future_beyond_the_look_ahead_makes_no_difference(voice):
    changed = voice.copy()
    changed[80000:] = 0.5
    settled = int((80000 / SAMPLE_RATE - LOOK_AHEAD) * 30)
    np.testing.assert_array_equal(speech_features(voice)[:settled], speech_features(changed)[:settled])


@pytest.mark.parametrize("gain", [0.1, 0.3, 1.4])
def test_loudness_makes_little_difference(voice, gain):
    change = np.abs(speech_features(voice * np.float32(gain)) - speech_features(voice))
    assert change.mean() < 0.02
    assert change[:, LAYOUT["speech"]].mean() < 0.01
    assert change[:, LAYOUT["accent"]].max() < 0.1


def test_rate_makes_little_difference(voice):
    soxr = pytest.importorskip("soxr")
    there = soxr.resample(voice, 16000, 48000)
    back = soxr.resample(there, 48000, 16000)[: len(voice)]
    assert np.abs(speech_features(back) - speech_features(voice)).mean() < 0.01


@pytest.mark.parametrize("level", [0.0, 1e-4, 1e-2, 0.3])
def test_silence_and_steady_noise_are_silent(level):
    noise = (level * np.random.default_rng(0).standard_normal(6 * SAMPLE_RATE)).astype(np.float32)
    features = speech_features(noise)
    assert not features[:, LAYOUT["speech"]].any()
    assert (features[:, LAYOUT["mel"]] == SILENCE).all()
    assert not LAYOUT.get(features, "accent").any()
    assert LAYOUT.get(features, "pause")[-1] == 1.0
    assert len(accents(features)[0]) == 0
    assert pauses(features) == [(0.0, 6.0)]
    assert len(phrase_ends(features)) == 0


def test_silence_does_not_move_the_statistics_of_speech(voice):
    quiet = np.zeros(20 * SAMPLE_RATE, np.float32)
    alone = speech_features(np.concatenate([voice, voice]))
    apart = speech_features(np.concatenate([voice, quiet, voice]))
    late = slice(frames_in(len(voice)) + 60, None)  # the second time, once it has begun
    mel = LAYOUT["mel"]
    assert np.abs(alone[late, mel] - apart[600:][late, mel]).mean() < 0.02


@pytest.mark.parametrize("hertz", [75, 100, 150, 220, 300, 440])
@pytest.mark.parametrize("harmonics", [range(1, 2), range(1, 12), range(3, 12)])
def test_pitch_of_tones_is_within_two_percent(hertz, harmonics):
    if hertz < 100 and len(harmonics) == 1:
        pytest.skip("a lone sine below 100 Hz has three periods in a window; no voice is one")
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    sound = sum(0.1 * np.cos(2 * np.pi * hertz * k * time) for k in harmonics if hertz * k < 7000)
    f0, strength = pitch_track(sound)
    inside = slice(2, -2)
    assert np.abs(f0[inside] / hertz - 1.0).max() < 0.02
    assert strength[inside].min() > 0.9


def test_noise_has_no_pitch():
    assert pitch_track(np.random.default_rng(1).standard_normal(5 * SAMPLE_RATE))[1].max() < 0.4


def test_pitch_is_that_of_the_speaker():
    low, _ = syllables(10.0)
    features = speech_features(low)
    voiced = LAYOUT.get(features, "pitch")[LAYOUT.get(features, "voicing") > 0.5]
    assert abs(np.median(voiced)) < 0.6
    assert voiced.max() > 0.8  # the strong syllables stand out


def test_accents_are_the_strong_syllables():
    sound, times = syllables(9.0)
    found, strength = accents(sound)
    assert np.diff(found).min() >= ACCENT_GAP
    strongest = np.sort(found[np.argsort(-strength)[: len(times)]])
    assert np.abs(strongest[1:] - times[1:]).max() < 0.07
    weak = np.array([s for t, s in zip(found, strength, strict=True) if np.abs(times - t).min() > 0.1])
    assert np.median(strength[strength > 0.8]) > weak.mean() + 0.2


def test_prominent_accents_are_the_strongest_nearby():
    sound, strong = syllables(20.0, strong=6, gap=(9.0, 11.0))
    times, strengths = accents(sound)
    found, kept = prominent_accents(sound)
    assert set(zip(found, kept, strict=True)) < set(zip(times, strengths, strict=True))
    spoken = (LAYOUT.get(speech_features(sound), "speech") >= 0.5).mean() * 20.0
    assert 0.6 < len(found) / spoken < 1.4
    assert len(times) / spoken > 1.6
    near = np.abs(strong[:, None] - found[None]).min(axis=1) < 0.07
    assert near[1:].mean() > 0.8  # a strong syllable is one of them, seldom a weak one
    by_chance = np.abs(strong[:, None] - times[None]).min(axis=0) < 0.07
    assert (np.abs(strong[:, None] - found[None]).min(axis=0) < 0.07).mean() > by_chance.mean() + 0.2


def test_prominence_is_relative_to_what_is_near():
    """A quiet passage has as many prominent accents as a loud one."""
    features = speech_features(syllables(24.0)[0])
    accent = LAYOUT["accent"]
    quiet = features.copy()
    quiet[len(quiet) // 2 :, accent] *= 0.7
    found = prominent_accents(quiet)[0]
    loud, soft = (found < 11).sum(), (found > 13).sum()
    assert loud >= 8
    assert abs(int(loud) - int(soft)) <= 3
    assert len(prominent_accents(np.zeros(16000, np.float32))[0]) == 0


def test_pauses_and_phrase_ends(voice):
    inner = [pause for pause in pauses(voice) if 5 < pause[0] < 8]
    assert len(inner) == 1
    assert abs(inner[0][0] - 6.0) < 0.3
    assert abs(inner[0][1] - 7.2) < 0.3
    assert np.abs(phrase_ends(voice) - inner[0][0]).min() == 0.0
    features = speech_features(voice)
    assert pauses(features) == pauses(voice)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="mono"):
        speech_features(np.zeros((2, 100)))
    with pytest.raises(ValueError, match="features"):
        accents(np.zeros((3, 7)))
