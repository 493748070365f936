"""Words in a dataset: when they are spoken, in recorded and in synthetic pairs, and that a library finds "
"them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from corpus_data import gesturing, voice, write_ebmdb, write_speech
from cospeech.data.encoder_features import word_info
from cospeech.data.prepare import open_dataset, prepare
from cospeech.gesture_library.build import build_library, words_of
from cospeech.gesture_library.library import open_library
from cospeech.motion.formats.bvh import save_bvh
from cospeech.speech.audio import write_wav
from cospeech.speech.features import speech_features
from cospeech.speech.layout import LAYOUT
from cospeech.speech.loading import load_speech
from cospeech.speech.speech import Word
from encoder_data import noise
from library_data import FakeEmbedder

WORDS = [("hello", 0.4, 0.9), ("there.", 1.0, 1.6), ("A", 2.4, 2.5), ("gesture", 4.3, 5.0)]


def transcript(path) -> None:
    """Words of a sound, beside it."""
    words = [{"word": text, "start": start, "end": end} for text, start, end in WORDS]
    path.with_suffix(".json").write_text(json.dumps({"segments": [{"words": words}]}))


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """Motion without sound, speech without motion (one speech has no words), and both together."""
    folder = tmp_path_factory.mktemp("worded")
    write_ebmdb(folder / "ebmdb", clips=2)
    write_speech(folder / "speech", train=2, others=1)
    sounds = sorted((folder / "speech").glob("*.wav"))
    for path in sounds[1:]:
        transcript(path)
    (folder / "talks").mkdir()
    save_bvh(gesturing(4.8, seed=5), folder / "talks" / "talk.bvh")
    write_wav(folder / "talks" / "talk.wav", voice(5.1, seed=5)[0])
    transcript(folder / "talks" / "talk.wav")
    return [("ebmdb", folder / "ebmdb"), ("speech", folder / "speech"), ("folder", folder / "talks")]


@pytest.fixture(scope="module")
def dataset(corpora, tmp_path_factory):
    out = tmp_path_factory.mktemp("store")
    prepare(corpora, out, rounds=2, quiet=True)
    return open_dataset(out)


def test_words_of_a_recording_end_with_it(dataset):
    (item,) = dataset.select(kind="pair")
    assert item.frames == 144  # the motion is shorter than the sound
    *whole, last = words_of(item)
    assert [(word.text, word.start, word.end) for word in whole] == WORDS[:3]
    assert (last.text, last.start, last.end) == ("gesture", 4.3, 4.8)
    assert not any("words" in item.info for item in dataset.select(kind="motion"))


def test_words_of_made_pairs_come_when_they_are_heard(dataset, corpora):
    made, folder = dataset.select(kind="synthetic_pair"), corpora[1][1]
    without = {item.id.rpartition("#")[0] for item in made if words_of(item) is None}
    assert without == {sorted(path.name for path in folder.glob("*.wav"))[0]}
    later = set()
    for item in made:
        words = words_of(item)
        if words is None:
            continue
        speech = load_speech(folder / item.id.rpartition("#")[0])
        alone = LAYOUT.get(speech_features(speech.samples), "onset")
        onsets = LAYOUT.get(dataset.features(item), "onset")
        lag = int(np.correlate(onsets - onsets.mean(), alone - alone.mean(), "valid").argmax())
        shifts = [word.start - start for word, (_, start, _) in zip(words, WORDS, strict=True)]
        assert np.ptp(shifts) < 2e-3  # the speech keeps its pace
        assert [word.text for word in words] == [text for text, _, _ in WORDS]
        assert shifts[0] == pytest.approx(lag / 30, abs=0.04)
        assert 0 <= words[0].start <= words[-1].end <= item.frames / 30
        later.add(words[0].start)
    assert len(later) > 4  # every pair has a silence of its own before it


def test_words_change_neither_the_plan_nor_the_fingerprint(dataset, tmp_path):
    plan = json.loads((dataset.folder / "plan.json").read_text())
    assert set(plan) == {"format", "corpora", "rounds", "seed", "limit"}
    manifest = json.loads((dataset.folder / "manifest.json").read_text())
    for sample in manifest["items"]:  # as an older version left them
        sample["info"].pop("words", None)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    old = open_dataset(tmp_path)
    assert old.fingerprint == dataset.fingerprint
    assert any(words_of(sample) for sample in dataset)
    assert not any(words_of(sample) for sample in old)


def test_a_base_of_the_store_has_the_words(dataset, tmp_path):
    build_library(dataset.folder, tmp_path / "base", kinds=("pair", "made_pair"), model=FakeEmbedder(), quiet=True)
    entries = open_library(tmp_path / "base").samples()
    for item in dataset.select(split="train", kind=("pair", "synthetic_pair")):
        own = [entry for entry in entries if entry.recording == item.id]
        words = words_of(item)
        assert own
        if words is None:
            assert all(entry.words is None for entry in own)
            continue
        found = [(entry.start + word.start, word.text) for entry in own for word in entry.words]
        assert [text for _, text in found] == [word.text for word in words]
        np.testing.assert_allclose([start for start, _ in found], [word.start for word in words], atol=2e-3)
        assert " ".join(entry.text for entry in own).split() == [word.text for word in words]


def test_what_is_said():
    speech = noise(3.0, words=(Word("one", 0.5, 1.0), Word("two", 1.0, 2.0), Word("three", 2.5, 2.9)))
    assert word_info(speech, 60)["words"] == [("one", 0.5, 1.0), ("two", 1.0, 2.0)]
    assert word_info(speech, 45, before=0.25)["words"] == [("one", 0.75, 1.25), ("two", 1.25, 1.5)]
    assert word_info(noise(3.0), 60) == {}
