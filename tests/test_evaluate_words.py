"""A model is evaluated with what a user's run gives it: the words of the speech, where the dataset has them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cospeech
from corpus_data import gesturing, voice
from cospeech.data.dataset import GestureDataset, SampleData, write_manifest, write_shard
from cospeech.evaluation.clips import EvaluationClip, Recordings, speech_clips
from cospeech.evaluation.systems import ModelSystem
from cospeech.motion.codec import Codec
from cospeech.speech.layout import LAYOUT
from cospeech.speech.speech import Speech, Word

SECONDS = 4.0
WORDS = (Word("no", 0.3, 0.6), Word("never", 0.8, 1.3), Word("two", 1.6, 1.9), Word("big", 2.2, 2.6))


@pytest.fixture(scope="module")
def speech() -> Speech:
    return replace(Speech(voice(SECONDS, seed=4)[0]), words=WORDS)


@pytest.fixture(scope="module")
def exges():
    return cospeech.load("exges")


def test_exges_is_evaluated_as_a_user_runs_it(exges, speech):
    system = ModelSystem(exges, seed=3)
    features = exges.inputs(speech, speech.frames)
    clip = EvaluationClip("x", exges.speakers[0], "joy", features, None, 0, words=speech.words)
    own = exges.generate(speech, emotion="joy", speaker=exges.speakers[0], seed=3, face=False, relaxed=False)
    evaluated = system.motion(clip)
    np.testing.assert_array_equal(evaluated.rotations, own.rotations)
    assert evaluated.extra["explain"]["used"] == own.extra["explain"]["used"]
    without = system.motion(replace(clip, words=()))
    assert without.rotations.tobytes() != evaluated.rotations.tobytes()  # the words matter


def test_clips_have_the_words_of_the_dataset(tmp_path: Path):
    encoded = Codec().encode(gesturing(SECONDS, seed=1))
    features = np.zeros((len(encoded), LAYOUT.dim), np.float32)
    said = {"words": [[word.text, word.start, word.end] for word in WORDS]}
    samples = [
        SampleData(name, "pair", "test", "Ada", None, encoded, features, info)
        for name, info in (("spoken", said), ("silent", {}))
    ]
    write_shard(tmp_path, 0, samples, LAYOUT.dim)
    write_manifest(tmp_path, {"feature_dim": LAYOUT.dim}, [0])
    dataset = GestureDataset(tmp_path)
    clips = {clip.id: clip for clip in speech_clips(dataset.select(), Recordings(dataset), synthetic_pairs=False)}
    assert clips["spoken"].words == WORDS
    assert clips["silent"].words == ()
