"""Phones heard in sound: the inventory, the network as a stream, labels and training."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.speech import Speech, Word, load_speech
from cospeech.speech.phones import hama
from cospeech.speech.phones.inventory import PHONES, VISEME_INDEX, VISEME_OF, VISEMES, phones_of_ipa
from cospeech.speech.phones.network import PhoneStream, hear_phones
from cospeech.speech.phones.recognise import recognise
from cospeech.speech.phones.track import Phone, decoded, rasterised
from cospeech.speech.transcript import read_phones

ROOT = Path(__file__).parents[1]
BEAT2 = Path(os.environ.get("COSPEECH_SHARED", ROOT.parent / "shared")) / "data" / "beat2"


@pytest.fixture(scope="module")
def hello():
    return load_speech(ROOT / "examples" / "hello.wav")


@pytest.mark.parametrize(
    ("ipa", "phones"),
    [
        ("ˈmæp", ("M", "AE", "P")),
        ("t͡ʃaɪ", ("CH", "AY")),
        ("tʃ", ("CH",)),
        ("ʃøːn", ("SH", "UH", "N")),
        ("ç", ("HH",)),
        ("ɔ̃", ("AO",)),
        ("t͈", ("T",)),
        ("", ()),
    ],
)
def test_other_alphabets(ipa, phones):
    assert phones_of_ipa(ipa) == phones


def test_every_phone_has_a_mouth_shape():
    assert set(VISEME_OF) == set(PHONES)
    assert len(PHONES) == 40
    assert sorted(set(VISEME_INDEX)) == list(range(len(VISEMES)))


@pytest.mark.parametrize("look_ahead", [0.0, 0.08, 0.2])
def test_a_stream_says_what_a_whole_file_does(hello, look_ahead):
    samples = hello.samples[:48000]
    whole = hear_phones(samples, look_ahead=look_ahead)
    stream = PhoneStream(look_ahead=look_ahead)
    rng = np.random.default_rng(0)
    parts, at = [], 0
    while at < len(samples):
        size = int(rng.integers(1, 3000))
        parts.append(stream.push(samples[at : at + size]))
        at += size
        # Nothing is said of what is nearer than the look-ahead.
        if len(parts[-1].times):
            assert parts[-1].times[-1] <= min(at, len(samples)) / 16000 - look_ahead + 1e-9
    parts.append(stream.flush())
    said = np.concatenate([part.probabilities for part in parts])[: len(whole.times)]
    np.testing.assert_allclose(said, whole.probabilities, atol=1e-4)
    np.testing.assert_allclose(whole.probabilities.sum(axis=1), 1.0, atol=1e-5)
    assert whole.times[0] >= 0.0
    assert whole.times[-1] > 2.9


def test_an_unknown_look_ahead_is_refused():
    with pytest.raises(UserError, match=r"0, 0\.08, 0\.2"):
        PhoneStream(look_ahead=0.5)
    with pytest.raises(UserError, match="unknown recogniser"):
        recognise(np.zeros(16000, np.float32), recogniser="whisper")


def test_the_network_is_fast(hello):
    hear_phones(hello.samples[:16000])
    began = time.process_time()
    hear_phones(hello.samples)
    assert (time.process_time() - began) / hello.seconds < 0.04  # .007 on a free machine


def test_silence_has_no_phones():
    track = recognise(np.zeros(32000, np.float32), recogniser="network")
    assert track.phones == ()
    assert track.probabilities[:, 0].min() == 1.0


def test_quiet_speech_is_heard_as_loud_speech_is(hello):
    visemes = np.asarray(VISEME_INDEX)
    loud = visemes[hear_phones(hello.samples).probabilities.argmax(1)]
    quiet = visemes[hear_phones(0.1 * hello.samples).probabilities.argmax(1)]
    assert (loud == quiet).mean() > 0.8


def test_what_is_given_goes_first(hello):
    given = (Phone("M", 0.5, 0.6),)
    assert recognise(hello.samples, phones=given, words=(Word("map", 0.4, 0.8),)).source == "given"
    assert recognise(hello.samples, words=(Word("hello", 0.3, 0.8),)).source == "words"
    assert recognise(hello.samples, recogniser="network").source == "network"
    assert Speech(hello.samples, phones=given).phone_track.phones == given


def test_words_that_are_not_english_are_heard_instead(hello):
    words = tuple(Word(text, k * 0.5, k * 0.5 + 0.4) for k, text in enumerate("привет как дела сегодня".split()))
    assert recognise(hello.samples, words=words, recogniser="network").source == "network"


def test_phones_of_words_stand_in_their_words(hello):
    text = (ROOT / "examples" / "hello.txt").read_text()
    from cospeech.speech.forced_alignment import align

    words = align(hello, text=text)
    track = recognise(hello.samples, words=words)
    for word in words:
        inside = [p for p in track.phones if word.start - 0.1 <= 0.5 * (p.start + p.end) <= word.end + 0.1]
        assert inside, word
    assert all(a.start <= b.start for a, b in zip(track.phones, track.phones[1:], strict=False))


def test_the_likeliest_sequence_does_not_flicker():
    times = np.arange(50) * 0.02
    probabilities = rasterised([Phone("AA", 0.0, 0.5), Phone("M", 0.5, 1.0)], 1.0)[::2][:50]
    probabilities[10] = rasterised([Phone("AH", 0.0, 1.0)], 1.0)[0] * 0.6 + 0.4 * probabilities[10]
    phones = decoded(times, probabilities)
    assert [phone.name for phone in phones] == ["AA", "M"]
    assert abs(phones[1].start - 0.5) < 0.03


def test_the_network_hears_a_voice_that_it_was_not_trained_on():
    if not BEAT2.exists():
        pytest.skip("the shared data are not here")
    path = BEAT2 / "2_scott_0_1_1.TextGrid"
    speech = load_speech(path.with_suffix(".wav"))
    truth = rasterised(read_phones(path), speech.seconds)
    heard = recognise(speech.samples, recogniser="network").probabilities
    classes = np.asarray(VISEME_INDEX)
    assert (classes[heard.argmax(1)] == classes[truth.argmax(1)]).mean() > 0.5


@pytest.mark.skipif(not hama.is_installed(), reason="the extra [phones] is not installed")
def test_hama_hears_the_phones_of_a_whole_file(hello):
    track = recognise(hello.samples)
    assert track.source == "recogniser"
    assert len(track.phones) > 60
    pieces = hama.pieces(np.tile(hello.samples, 4))
    assert all(last - first <= 20 * 16000 for first, last in pieces)


@pytest.mark.skipif(hama.is_installed(), reason="the extra [phones] is installed")
def test_without_the_extra_it_says_how_to_install_it(hello):
    with pytest.raises(UserError, match=r"cospeech\[phones\]"):
        recognise(hello.samples, recogniser="hama")
    assert recognise(hello.samples).source == "network"


def test_training_resumes_and_is_exported(tmp_path):
    pytest.importorskip("torch")
    from cospeech.methods.phones.dataset import write_phone_dataset
    from cospeech.methods.phones.export import export_phones
    from cospeech.methods.phones.train import fit_phones
    from cospeech.speech.phones.network import PhoneNetwork

    rng = np.random.default_rng(0)
    clips = [
        (
            {"name": f"{k}", "speaker": f"{k}", "language": "en", "source": "text", "split": split},
            0.1 * rng.standard_normal(48000).astype(np.float32),
            (Phone("AA", 0.5, 1.0), Phone("M", 1.0, 1.2)),
        )
        for k, split in enumerate(("train", "train", "val"))
    ]
    dataset = write_phone_dataset(tmp_path / "sounds", clips)
    assert dataset.phones(dataset.clips[0])[[10, 70, 110]].tolist() == [0, PHONES.index("AA"), PHONES.index("M")]
    fit_phones(tmp_path / "sounds", tmp_path / "run", preset="tiny")
    fit_phones(tmp_path / "sounds", tmp_path / "run", preset="tiny")  # a finished run is left as it is
    out = export_phones(tmp_path / "run", tmp_path / "model")
    steps = hear_phones(dataset.sound(dataset.clips[0]), network=PhoneNetwork(out))
    assert steps.probabilities.shape[1] == 40
    with pytest.raises(UserError, match="unknown preset"):
        fit_phones(tmp_path / "sounds", tmp_path / "other", preset="huge")
    with pytest.raises(UserError, match="no folder of labelled sounds"):
        fit_phones(tmp_path / "none", tmp_path / "other", preset="tiny")


@pytest.mark.slow
def test_recordings_with_transcripts_train_a_network(tmp_path):
    pytest.importorskip("torch")
    import shutil

    from cospeech.data.readers.voices import split_of
    from cospeech.methods.phones.dataset import PhoneDataset
    from cospeech.methods.phones.run import train_phones

    folder = tmp_path / "speech"
    folder.mkdir()
    name = next(name for name in "abcdefgh" if split_of(f"{name}.wav") == "train")
    for suffix in (".wav", ".txt"):
        shutil.copy(ROOT / "examples" / f"hello{suffix}", folder / f"{name}{suffix}")
    model = train_phones(folder, tmp_path / "out", preset="tiny", steps=2)
    assert (model / "network.safetensors").is_file()
    clip = PhoneDataset(tmp_path / "out" / "sounds").clips[0]
    assert (clip.source, clip.split) == ("text", "train")
