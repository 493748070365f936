"""Hands and voice: a known lead is found, chance stands beside it, and answers to loudness and intensity are seen."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from corpus_data import arms, gesturing
from cospeech.core.errors import UserError
from cospeech.core.timing import FPS
from cospeech.metrics import HandLead, StrokeAccent
from cospeech.metrics.response import IntensityResponse, later_over_earlier, loudness_response, mean_wrist_speed
from cospeech.motion.motion import Motion
from cospeech.speech.layout import FEATURE_DIM, LAYOUT
from cospeech.speech.speech import Speech

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from sounds import SOUNDS, joined, louder

SECONDS = 24


def moments(seed: int, *, seconds: float = SECONDS) -> np.ndarray:
    """Times of strokes, about every second."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.7, 1.6, int(seconds)))
    return times[times < seconds - 1.5]


def voice(times: np.ndarray, *, seconds: float = SECONDS, seed: int = 0) -> np.ndarray:
    """Features of a voice that is loud at times, with noise."""
    features = np.zeros((round(seconds * FPS), FEATURE_DIM), np.float32)
    at = np.arange(len(features)) / FPS
    bumps = np.exp(-0.5 * ((at[:, None] - times[None]) / 0.12) ** 2).sum(axis=1)
    features[:, LAYOUT["energy"]] = bumps[:, None]
    features[:, LAYOUT["energy"]] += np.random.default_rng(seed).normal(0, 0.3, (len(features), 1))
    return features


def body(times: np.ndarray, *, seconds: float = SECONDS) -> Motion:
    return arms(round(seconds * FPS), [(float(time), ("left", "right")[k % 2]) for k, time in enumerate(times)])


@pytest.mark.parametrize("lead", [0.3, 0.1, -0.2])
def test_a_known_lead_is_found(lead):
    metric = HandLead()
    for seed in range(6):
        times = moments(seed)
        metric.update(body(times), voice(times + lead, seed=seed), clip=f"clip{seed}")
    found, size = metric.compute()
    assert found.value == pytest.approx(lead, abs=0.04)
    assert found.interval[0] <= found.value <= found.interval[1]
    assert size.value > 0.4
    assert size.chance < size.value - 0.25
    assert (found.unit, found.count, found.clips) == ("s", 6 * SECONDS * FPS, 6)


def test_hands_that_do_not_hear_are_at_chance():
    metric = HandLead()
    for seed in range(6):
        metric.update(body(moments(seed)), voice(moments(100 + seed), seed=seed), clip=f"clip{seed}")
    size = metric.compute()[1]
    assert size.value < size.chance + 0.1


def test_a_loud_clip_with_lively_hands_proves_nothing():
    """Between clips, level and liveliness go together; within them nothing does."""
    metric = HandLead()
    for seed in range(6):
        quick = moments(seed)
        features = voice(moments(100 + seed), seed=seed)
        features[:, LAYOUT["energy"]] += 5.0 * (seed % 2)
        metric.update(body(quick if seed % 2 else quick[::3]), features, clip=f"clip{seed}")
    size = metric.compute()[1]
    assert size.value < size.chance + 0.1


def test_clips_that_are_too_short_are_left_out():
    metric = HandLead()
    metric.update(body(moments(0, seconds=4), seconds=4), voice(moments(0, seconds=4), seconds=4), clip="short")
    with pytest.raises(UserError, match="1 clips were left out"):
        metric.compute()


def test_a_statue_has_no_lead():
    metric = HandLead()
    metric.update(body(np.zeros(0)), voice(moments(0)), clip="statue")
    assert metric.compute()[1].value < 0.2


def test_strokes_on_prominent_accents_alone_are_nearer_to_those():
    rng = np.random.default_rng(0)
    accents = np.sort(rng.uniform(0.5, SECONDS - 1, 50))
    prominent = accents[::3]
    prominent = prominent[np.concatenate([[True], np.diff(prominent) > 0.45])]
    own, all_of_them = StrokeAccent(prominent=True), StrokeAccent()
    own.update(body(prominent), prominent, clip="a")
    all_of_them.update(body(prominent + 0.25), accents, clip="a")
    value = own.compute()
    assert value.name == "stroke_prominent_accent_ratio"
    assert "prominent accent" in value.convention
    assert value.value < 0.4
    assert all_of_them.compute().name == "stroke_accent_ratio"
    assert all_of_them.compute().value > 0.6


def halves(first: float, second: float) -> Motion:
    """Strokes of so many degrees in the first half, of others in the second."""
    times = np.arange(1.0, SECONDS - 1, 1.0)
    early, late = (arms(SECONDS * FPS, [(t, "left") for t in times], degrees=degrees) for degrees in (first, second))
    rotations = early.rotations.copy()
    rotations[len(early) // 2 :] = late.rotations[len(early) // 2 :]
    return Motion(early.skeleton, FPS, rotations, early.translation)


def test_a_livelier_second_half_is_seen():
    assert later_over_earlier([halves(40, 40)]) == pytest.approx(1.0, abs=0.1)
    found = loudness_response([halves(40, 30)], [halves(40, 60)], [halves(40, 30)], [halves(40, 30)])
    assert found.louder_half == pytest.approx(2.0, rel=0.1)
    assert found.another_seed == pytest.approx(1.0)
    assert (found.constant_gain, found.constant_gain_moved) == (1.0, 0.0)
    moved = loudness_response([halves(40, 30)], [halves(40, 30)], [halves(50, 37.5)], [halves(40, 60)])
    assert moved.louder_half == pytest.approx(1.0)
    assert moved.constant_gain == pytest.approx(1.25, rel=0.05)
    assert moved.constant_gain_moved > 0.005
    assert moved.another_seed > 1.5


def test_lists_that_do_not_belong_together_are_refused():
    with pytest.raises(UserError, match="as many motions of each kind"):
        loudness_response([halves(40, 40)], [], [], [])
    with pytest.raises(UserError, match="nothing moves"):
        later_over_earlier([body(np.zeros(0))])


def test_intensity_that_falls_is_noticed():
    speeds = {"neutral": (0.1, 0.2, 0.4), "joy": (0.2, 0.2, 0.3), "anger": (0.3, 0.4, 0.3)}
    found = IntensityResponse(speeds)
    assert found.rising == 1
    assert found.ratios == pytest.approx({"neutral": 2.0, "joy": 1.5, "anger": 0.75})


def test_the_speed_of_nobody_is_zero():
    assert mean_wrist_speed([body(np.zeros(0))]) == pytest.approx(0.0, abs=1e-6)
    assert mean_wrist_speed([gesturing(5.0, seed=0)]) > 0.1


def test_speech_gets_louder_with_its_own_spectrum():
    rng = np.random.default_rng(0)
    speech = Speech((0.3 * rng.uniform(-1, 1, 32000)).astype(np.float32))
    low, half, all_of_it = louder(speech, 15.0)
    middle = len(speech.samples) // 2
    np.testing.assert_array_equal(half.samples[:middle], low.samples[:middle])
    np.testing.assert_allclose(half.samples[middle:], 10 ** (15 / 20) * low.samples[middle:], rtol=1e-5)
    np.testing.assert_allclose(all_of_it.samples, 10 ** (15 / 20) * low.samples, rtol=1e-5)
    assert np.abs(all_of_it.samples).max() == pytest.approx(0.99, abs=1e-3)


@pytest.mark.parametrize("name", ["white_noise", "pink_noise", "music"])
def test_made_sounds_are_sound(name):
    sound = SOUNDS[name](6.0, 1)
    assert sound.shape == (96000,)
    assert np.abs(sound).max() <= 1
    assert np.sqrt((sound**2).mean()) == pytest.approx(0.1, rel=0.1)
    assert not np.array_equal(sound, SOUNDS[name](6.0, 2))
    power = np.abs(np.fft.rfft(sound)) ** 2
    low, high = power[: len(power) // 16].sum(), power[len(power) // 2 :].sum()
    assert {"white_noise": low < high, "pink_noise": low > high, "music": low > 10 * high}[name]


def test_short_speeches_make_long_ones():
    speeches = [Speech(np.full(16000 * 5, 0.1, np.float32)) for _ in range(5)]
    found = joined(speeches, 12.0)
    assert [len(speech.samples) for speech in found] == [12 * 16000]
    assert not SOUNDS["silence"](1.0, 0).any()
