"""Synthetic pairs: as long as the speech, hands a little ahead of the voice, quiet in its pauses."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from corpus_data import gesturing, stresses, voice
from cospeech.core.rotation import axis_angle_to_matrix, matrix_from_6d, matrix_to_axis_angle
from cospeech.core.timing import SAMPLE_RATE, frames_in
from cospeech.data.clips import GestureClip
from cospeech.data.synthetic_pairs import (
    LONGEST_PHRASE,
    PAUSE,
    STRETCH,
    Candidate,
    Matcher,
    SyntheticPair,
    calm_stretches,
    candidate,
    phrases,
)
from cospeech.metrics.liveliness import stroke_to_accent
from cospeech.motion.codec import Codec
from cospeech.motion.motion import Motion
from cospeech.motion.phases import hand_speed, strokes
from cospeech.speech.features import accents, pauses, speech_features
from cospeech.speech.layout import LAYOUT

CODEC = Codec()


def clip(seconds: float, seed: int) -> GestureClip:
    """Several seconds of beats, with a calm second at the end."""
    moving = gesturing(seconds, seed=seed)
    calm = np.repeat(moving.rotations[-1:], 40, axis=0), np.repeat(moving.translation[-1:], 40, axis=0)
    rotations = np.concatenate([moving.rotations, calm[0]])
    motion = Motion(moving.skeleton, 30.0, rotations, np.concatenate([moving.translation, calm[1]]))
    return GestureClip(f"clip{seed}", "anna", "train", "neutral", None, motion)


@pytest.fixture(scope="module")
def pool() -> list[Candidate]:
    return [candidate(clip(7.0 + k % 3, seed=k), CODEC) for k in range(16)]


@pytest.fixture(scope="module")
def matcher(pool) -> Matcher:
    return Matcher(pool, calm_stretches(pool), CODEC)


@pytest.fixture(scope="module")
def lively_and_calm() -> Matcher:
    """Clips of the same person, from hardly moving to wide beats."""
    items = [
        candidate(GestureClip(f"c{k}", "anna", "train", motion=scaled(gesturing(7.0, seed=k), 0.2 + 0.06 * k)), CODEC)
        for k in range(14)
    ]
    return Matcher(items, calm_stretches(items), CODEC)


def scaled(motion: Motion, share: float) -> Motion:
    """Motion whose rotations go only a share of the way from the first frame."""
    change = motion.rotations[:1].swapaxes(-1, -2) @ motion.rotations
    part = axis_angle_to_matrix(share * matrix_to_axis_angle(change.astype(np.float64)))
    return replace(motion, rotations=(motion.rotations[:1] @ part).astype(motion.rotations.dtype))


def smoothed(values: np.ndarray, width: int) -> np.ndarray:
    return np.convolve(values, np.full(width, 1 / width), mode="same")


def sparse_voice(seconds: float, seed: int, pause: tuple[float, float] | None = None) -> np.ndarray:
    """Features [T, 48] of speech whose accents lie half a second and more apart."""
    return speech_features(stresses(seconds, seed=seed, pause=pause)[0])


@pytest.fixture(scope="module")
def made(matcher) -> list[tuple[np.ndarray, SyntheticPair]]:
    """Pairs for voices of odd lengths, each with a long pause."""
    result = []
    for seed in range(8):
        features = sparse_voice(11.0 + 0.719 * seed, seed, pause=(5.0, 7.0))
        result.append((features, matcher.make(features, np.random.default_rng(seed))))
    return result


def test_every_pair_has_exactly_the_frames_of_the_speech(matcher, made):
    for features, pair in made:
        assert pair.motion.shape == (len(features), CODEC.channels)
        assert pair.motion.dtype == np.float32
        assert np.isfinite(pair.motion).all()
    for samples in (1, 533, 8001, 48000, 70001):  # down to a single frame
        features = speech_features(voice(6.0, seed=1)[0][:samples])
        assert len(matcher.make(features, np.random.default_rng(0)).motion) == frames_in(samples)


def test_silence_is_rest(matcher):
    features = speech_features(np.zeros(64001, np.float32))
    pair = matcher.make(features, np.random.default_rng(0))
    assert len(pair.motion) == len(features)
    assert pair.sources == ()
    assert np.isnan(pair.distance)
    assert hand_speed(CODEC.decode(pair.motion)).mean() < 0.05


def test_strokes_lie_nearer_to_accents_than_by_chance(made):
    """By the matcher's own count, and by one that knows nothing of it; but not as near as a metronome's."""
    assert np.nanmean([pair.distance for _, pair in made]) < 0.9 * np.nanmean([p.shuffled for _, p in made])
    on, null = [], []
    for seed, (features, pair) in enumerate(made):
        near, chance = stroke_to_accent(
            CODEC.decode(pair.motion), accents(features)[0], phrases(features), rng=np.random.default_rng(seed)
        )
        on.append(near)
        null.append(chance)
    assert len(np.concatenate(on)) > 50
    assert 0.5 < np.concatenate(on).mean() / np.concatenate(null).mean() < 0.91


def test_strokes_come_with_the_accent_or_a_little_before_it(made):
    """Of all shifts of the strokes against the accents, the one that fits best is a lead, as in real recordings."""
    shifts = np.arange(-0.3, 0.31, 0.05)
    rng, fits = np.random.default_rng(0), np.zeros(len(shifts))
    for features, pair in made:
        motion, spans, times = CODEC.decode(pair.motion), phrases(features), accents(features)[0]
        for k, shift in enumerate(shifts):
            fits[k] += stroke_to_accent(motion, times + shift, spans, rng=rng)[0].mean()
    assert -0.26 < shifts[fits.argmin()] < 0.01


def test_hands_are_fastest_before_the_voice_is_loudest(made):
    """The correlation of hand speed with loudness is greatest where the hands lead by a tenth to three tenths."""
    lags = np.arange(-18, 19)
    sums = np.zeros(len(lags))
    for features, pair in made:
        speed = smoothed(hand_speed(CODEC.decode(pair.motion)).max(axis=1), 5)
        loud = smoothed(LAYOUT.get(features, "energy"), 12)
        inside = slice(18, len(loud) - 18)
        sums += [np.corrcoef(loud[inside], np.roll(speed, -lag)[inside])[0, 1] for lag in lags]
    assert -0.34 < lags[sums.argmax()] / 30 < -0.09
    assert sums.max() / len(made) > 0.2


def test_most_accents_have_no_stroke(made):
    marked = []
    for features, pair in made:
        moments = np.array([stroke.time for stroke in strokes(CODEC.decode(pair.motion))])
        marked += [np.abs(moments - time + 0.1).min() < 0.1 for time in accents(features)[0]]
    assert 0.1 < np.mean(marked) < 0.5


def test_loud_passages_have_livelier_gestures(lively_and_calm):
    """Four seconds at full voice, four at 15 dB less, in turn: the hands are at least 1.3 times as fast."""
    loud, quiet = [], []
    for seed in range(6):
        samples = voice(24.0, seed=seed)[0]
        full = (np.arange(len(samples)) // (4 * SAMPLE_RATE) + seed) % 2 == 0
        features = speech_features(np.where(full, samples, samples * 10 ** (-15 / 20)).astype(np.float32))
        pair = lively_and_calm.make(features, np.random.default_rng(seed))
        speed = hand_speed(CODEC.decode(pair.motion)).mean(axis=1)
        heard = full[np.minimum((np.arange(len(speed)) + 6) * SAMPLE_RATE // 30, len(full) - 1)]
        loud.append(speed[8 * 30 :][heard[8 * 30 :]].mean())
        quiet.append(speed[8 * 30 :][~heard[8 * 30 :]].mean())
    assert np.mean(loud) > 1.3 * np.mean(quiet)


def test_a_clip_goes_on_as_long_as_it_lasts(made):
    """Few joins: twelve seconds of speech in two phrases take hardly more clips than their length asks for."""
    assert np.mean([len(pair.sources) for _, pair in made]) < 4.5


def test_hands_are_quiet_in_a_long_pause(made):
    inside, outside = [], []
    for features, pair in made:
        speed = hand_speed(CODEC.decode(pair.motion)).mean(axis=1)
        start, end = next((a, b) for a, b in pauses(features) if b - a > 1.0)
        inside.append(speed[int((start + 0.7) * 30) : int((end - 0.7) * 30)].mean())
        outside.append(speed[30 : int((start - 0.5) * 30)].mean())
    assert np.mean(inside) < 0.35 * np.mean(outside)
    assert np.median(inside) < 0.06  # metres a second: what counts as still


def test_motion_is_smooth_where_it_was_joined(made, pool):
    """No jump at a seam, and rotations stay rotations."""
    real = max(hand_speed(CODEC.decode(item.motion), smooth=0).max() for item in pool)
    for _, pair in made:
        assert hand_speed(CODEC.decode(pair.motion), smooth=0).max() < 1.5 * real
        sixd = pair.motion[:, : CODEC.slices["hands"].stop].reshape(len(pair.motion), -1, 6)
        r = matrix_from_6d(sixd).astype(np.float64)
        np.testing.assert_allclose(np.linalg.norm(sixd[..., :3], axis=-1), 1, atol=1e-5)
        np.testing.assert_allclose(r[..., 0], sixd[..., :3], atol=1e-5)


def test_the_same_dice_give_the_same_pair(matcher):
    features = sparse_voice(9.0, 3)
    first, again, other = (matcher.make(features, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.motion, again.motion)
    assert first.sources == again.sources
    assert (first.motion != other.motion).any()


def test_the_speech_is_untouched_and_motion_is_warped_within_bounds(pool):
    """The root's channels tell which source frame is shown: their slope is the speed of playing."""
    marked = []
    for item in pool:
        motion = item.motion.copy()
        motion[:, CODEC.slices["root"]] = np.arange(len(motion))[:, None] / 1000
        marked.append(replace(item, motion=motion))
    matcher = Matcher(marked, calm_stretches(marked), CODEC)
    slopes = []
    for seed in range(4):
        features = sparse_voice(12.0, seed)
        before = features.copy()
        pair = matcher.make(features, np.random.default_rng(seed))
        np.testing.assert_array_equal(features, before)
        slope = np.diff(pair.motion[:, -1]) * 1000
        for start, end in phrases(features):
            slopes.append(slope[int((start + 0.5) * 30) : int((end - 0.5) * 30)])
    inside = np.concatenate(slopes)
    running = inside[inside > 0.01]  # a clip that has run out shows its last frame
    assert len(running) > 0.8 * len(inside)
    assert STRETCH[0] - 0.02 < running.min()
    assert running.max() < STRETCH[1] + 0.02


def test_a_clip_shorter_than_every_phrase_still_serves(pool):
    short = candidate(GestureClip("s", "anna", "train", motion=gesturing(1.2, seed=0)), CODEC)
    pair = Matcher([short], calm_stretches(pool), CODEC).make(sparse_voice(9.0, 1), np.random.default_rng(0))
    assert np.isfinite(pair.motion).all()
    assert set(pair.sources) == {"s"}


def test_some_pairs_are_mirrored_as_a_whole(matcher, pool, monkeypatch):
    features = sparse_voice(9.0, 3)
    dice = [np.random.default_rng(seed) for seed in range(80)]
    mirrored = [all(source.endswith("~") for source in matcher.make(features, one).sources) for one in dice]
    assert 2 < sum(mirrored) < 30  # people have a better hand: fewer than half
    monkeypatch.setattr("cospeech.data.synthetic_pairs.MIRRORED", 0.0)
    plain = matcher.make(features, np.random.default_rng(1))
    monkeypatch.setattr("cospeech.data.synthetic_pairs.MIRRORED", 1.0)
    flipped = matcher.make(features, np.random.default_rng(1))
    assert flipped.sources == tuple(source + "~" for source in plain.sources)
    np.testing.assert_allclose(flipped.motion, CODEC.mirror(plain.motion), atol=1e-6)
    assert flipped.motion.flags.c_contiguous  # a file of tensors would hold it askew otherwise
    expected = CODEC.decode(plain.motion).mirror()
    np.testing.assert_allclose(CODEC.decode(flipped.motion).rotations, expected.rotations, atol=1e-5)


def test_phrases_are_what_lies_between_pauses():
    features = sparse_voice(30.0, 5, pause=(9.0, 11.0))
    found = phrases(features)
    assert all(0 < end - start <= LONGEST_PHRASE for start, end in found)
    assert all(before[1] <= after[0] for before, after in pairwise(found))
    assert found[-1][1] <= len(features) / 30
    for start, end in [(a, b) for a, b in pauses(features) if b - a > PAUSE]:
        assert not any(a < end - 0.05 and b > start + 0.05 for a, b in found)
    spoken = 30.0 - sum(end - start for start, end in pauses(features))
    assert sum(end - start for start, end in found) > 0.9 * spoken


def test_calm_stretches_are_calm(pool):
    calm = calm_stretches(pool)
    assert len(calm) >= 4
    assert max(item.speed.max() for item in calm) < 0.1
    assert all(len(item.motion) == len(item.wrists) == len(item.speed) for item in calm)
