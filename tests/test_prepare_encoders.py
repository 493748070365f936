"""Datasets with the columns of encoders: where they stand, how often speech is heard, what learns from "
"them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from corpus_data import gesturing, voice
from cospeech import cli
from cospeech.core.errors import UserError
from cospeech.data import pair_shards
from cospeech.data import recordings as listed
from cospeech.data.dataset import GestureDataset, SampleData, write_manifest, write_shard
from cospeech.data.frames import Frames
from cospeech.data.pair_shards import PairMaker, job_shards
from cospeech.data.prepare import open_dataset, prepare
from cospeech.data.reading import Voice
from cospeech.motion.formats.bvh import save_bvh
from cospeech.speech.audio import write_wav
from cospeech.speech.layout import LAYOUT
from cospeech.speech.loading import load_speech
from encoder_data import LengthEncoder, LoudnessEncoder, hearing_network, reading_network

WORDS = [("hello", 0.2, 0.6), ("gesture", 1.0, 1.5), ("a", 2.0, 2.1)]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Six takes, two of each split; all but the last have words, and the first is longer than its motion."""
    folder = tmp_path_factory.mktemp("recordings")
    splits = ("train", "train", "train", "train", "val", "test")
    for k, _ in enumerate(splits):
        save_bvh(gesturing(7.0, seed=k), folder / f"take{k}.bvh")
        write_wav(folder / f"take{k}.wav", voice(7.3 if k == 0 else 6.9, seed=k)[0])
        if k < 5:
            words = [{"word": text, "start": start, "end": end} for text, start, end in WORDS]
            (folder / f"take{k}.json").write_text(json.dumps({"segments": [{"words": words}]}))
    rows = [f"take{k}.bvh,{split},speaker{k}" for k, split in enumerate(splits)]
    (folder / "labels.csv").write_text("\n".join(["file,split,speaker", *rows]) + "\n")
    return folder


@pytest.fixture(scope="module")
def wide(recordings, tmp_path_factory):
    out = tmp_path_factory.mktemp("wide")
    prepare([("folder", recordings)], out, speech_encoder=LoudnessEncoder(), word_encoder=LengthEncoder(), quiet=True)
    return out


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_recorded_pairs_have_the_columns_of_their_speech(wide, recordings):
    dataset = open_dataset(wide)
    assert dataset.header["encoders"]["speech_encoding"] == {
        "name": "loudness",
        "layer": "last",
        "precision": "float32",
        "width": 2,
        "weights": "0000aaaa",
    }
    assert dict(dataset.slices) == {"features": slice(0, 48), "speech_encoding": slice(48, 50), "words": slice(50, 52)}
    for item in dataset:
        stem = item.id.removesuffix(".bvh")
        text = recordings / f"{stem}.json"
        speech = load_speech(recordings / f"{stem}.wav", transcript=text if text.is_file() else None)
        encoded, read = (dataset.extra(name, item) for name in ("speech_encoding", "words"))
        wanted = LoudnessEncoder().encode(speech)[: item.frames]
        np.testing.assert_allclose(encoded[: len(wanted)], wanted, rtol=1e-3)
        assert len(encoded) == len(read) == item.frames
        np.testing.assert_allclose(encoded[5:180, 1], np.arange(5, 180) / 30, rtol=1e-3)  # frame i is at i / 30 s
        wanted = np.zeros(item.frames)
        if text.is_file():
            wanted[6:18], wanted[30:45], wanted[60:63] = 5, 7, 1
        np.testing.assert_array_equal(read[:, 0], wanted)
        whole = dataset.inputs(item)
        for name, part in dataset.slices.items():
            own = dataset.features(item) if name == "features" else dataset.extra(name, item)
            np.testing.assert_array_equal(whole[:, part], own)
        np.testing.assert_array_equal(dataset.inputs(item, 20, 60), whole[20:60])
    with pytest.raises(UserError, match="frames 0:99999"):
        dataset.extra("words", dataset.items[0], 0, 99999)


def test_a_model_takes_the_columns_it_learned_with(wide):
    dataset = open_dataset(wide)
    item, own = dataset.items[0], dataset.encoders
    words = dataset.inputs(item, encoders={"words": own["words"]})
    np.testing.assert_array_equal(words, np.concatenate([dataset.features(item), dataset.extra("words", item)], 1))
    np.testing.assert_array_equal(dataset.inputs(item, encoders={}), dataset.features(item))
    moved = replace(own["words"], name="somewhere/else")
    np.testing.assert_array_equal(dataset.inputs(item, encoders={"words": moved}), words)
    with pytest.raises(UserError, match="with length, layer last, weights 0000bbbb; wanted is length, layer 3,"):
        dataset.inputs(item, encoders={"words": replace(own["words"], layer="3")})


def test_a_store_without_encoders_is_as_it_was(recordings, wide, tmp_path):
    prepare([("folder", recordings)], tmp_path, quiet=True)
    plain, dataset = open_dataset(tmp_path), open_dataset(wide)
    assert "encoders" not in plain.header
    assert "encoders" not in json.loads((tmp_path / "plan.json").read_text())
    for one, other in zip(plain, dataset, strict=True):
        np.testing.assert_array_equal(plain.features(one), dataset.features(other))
        np.testing.assert_array_equal(plain.inputs(one), plain.features(one))
        np.testing.assert_array_equal(plain.motion(one), dataset.motion(other))
    with pytest.raises(UserError, match="holds no words; run `cospeech prepare`"):
        plain.extra("words", plain.items[0])
    with pytest.raises(UserError, match="holds no words; run `cospeech prepare`"):
        plain.inputs(plain.items[0], encoders={"words": dataset.encoders["words"]})


def test_another_encoder_is_another_store(recordings, wide, tmp_path):
    with pytest.raises(UserError, match="begun with other settings"):
        prepare([("folder", recordings)], wide, quiet=True)
    with pytest.raises(UserError, match="begun with other settings"):
        prepare(
            [("folder", recordings)],
            wide,
            speech_encoder=LoudnessEncoder("1111aaaa"),
            word_encoder=LengthEncoder(),
            quiet=True,
        )
    marks = {open_dataset(wide).fingerprint}
    for number, options in enumerate(
        [{}, {"speech_encoder": LoudnessEncoder()}, {"speech_encoder": LoudnessEncoder("1111aaaa")}]
    ):
        prepare([("folder", recordings)], tmp_path / str(number), quiet=True, **options)
        marks.add(open_dataset(tmp_path / str(number)).fingerprint)
    assert len(marks) == 4


def test_a_speech_of_many_pairs_is_heard_once(mini_corpus, tmp_path):
    corpora = [("ebmdb", mini_corpus.ebmdb), ("speech", mini_corpus.speech)]
    encoder = LoudnessEncoder()
    prepare(corpora, tmp_path / "store", rounds=3, speech_encoder=encoder, quiet=True)
    dataset = open_dataset(tmp_path / "store")
    made = dataset.select(kind="synthetic_pair")
    assert len(made) == 18
    assert encoder.calls == 6
    assert not (tmp_path / "store" / "heard").exists()
    for item in dataset.select(kind="motion"):
        assert not dataset.extra("speech_encoding", item).any()
    starts = set()
    for item in made:
        rows, energy = dataset.extra("speech_encoding", item), LAYOUT.get(dataset.features(item), "energy")
        time = rows[:, 1].astype(np.float64)
        np.testing.assert_allclose(np.diff(time)[10:-10].mean(), 1 / 30, rtol=1e-2)
        starts.add(round(float(np.median(time - np.arange(len(time)) / 30)), 2))
        loud = {lag: np.corrcoef(rows[4:-4, 0], np.roll(energy, lag)[4:-4])[0, 1] for lag in range(-3, 4)}
        assert max(loud, key=lambda lag: loud[lag]) == 0  # the columns tell of the same moments
    assert len(starts) > 10  # a silence of another length before each
    assert all(0 <= start <= 0.9 for start in starts)


@pytest.mark.parametrize("kept", [True, False])
def test_what_was_interrupted_goes_on_to_the_same_bytes(mini_corpus, tmp_path, monkeypatch, kept):
    corpora = [("ebmdb", mini_corpus.ebmdb), ("speech", mini_corpus.speech)]
    prepare(corpora, tmp_path / "whole", rounds=2, speech_encoder=LoudnessEncoder(), quiet=True)
    calls, real = [], PairMaker.pair

    def stop(maker, voice, number):
        calls.append(voice)
        if len(calls) == 11:  # within the last of three splits
            raise KeyboardInterrupt
        return real(maker, voice, number)

    monkeypatch.setattr(PairMaker, "pair", stop)
    with pytest.raises(KeyboardInterrupt):
        prepare(corpora, tmp_path / "cut", rounds=2, speech_encoder=LoudnessEncoder(), quiet=True)
    monkeypatch.setattr(PairMaker, "pair", real)
    cached = list((tmp_path / "cut" / "heard").iterdir())
    assert cached
    if not kept:
        shutil.rmtree(tmp_path / "cut" / "heard")
    again = LoudnessEncoder()
    prepare(corpora, tmp_path / "cut", rounds=2, speech_encoder=again, quiet=True)
    assert again.calls < 6  # finished shards are not heard again
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_recorded_speech_of_finished_shards_is_not_heard_again(recordings, tmp_path, monkeypatch):
    monkeypatch.setattr(listed, "GROUP_BYTES", 1)  # a shard for each
    first, again = LoudnessEncoder(), LoudnessEncoder()
    prepare([("folder", recordings)], tmp_path, speech_encoder=first, quiet=True)
    before = contents(tmp_path)
    assert first.calls == 6
    dataset = open_dataset(tmp_path)
    assert len({sample.shard for sample in dataset}) == 6
    shard = json.loads((tmp_path / "manifest.json").read_text())["shards"][dataset.items[2].shard]
    (tmp_path / f"{shard}.safetensors").unlink()
    prepare([("folder", recordings)], tmp_path, speech_encoder=again, quiet=True)
    assert again.calls == 1
    assert contents(tmp_path) == before


def test_shards_of_pairs_stay_small(monkeypatch):
    def jobs(count: int, frames: int) -> list:
        return [(0, Voice(str(k), "a", "train", frames, 16_000, (), Frames(None, 0))) for k in range(count)]

    assert [len(own) for own in job_shards(jobs(130, 60))] == [60, 60, 10]
    monkeypatch.setattr(pair_shards, "SHARD_FRAMES", 1000)
    shards = job_shards(jobs(130, 60))
    assert max(len(own) for own in shards) == 16
    assert [voice.id for own in shards for _, voice in own] == [str(k) for k in range(130)]
    assert [len(own) for own in job_shards(jobs(3, 5000))] == [1, 1, 1]


def test_no_words_for_a_word_encoder(mini_corpus, recordings, tmp_path, capsys):
    corpora = [("ebmdb", mini_corpus.ebmdb), ("speech", mini_corpus.speech)]
    with pytest.raises(UserError, match="no recording has words for the word encoder; add transcripts"):
        prepare(corpora, tmp_path / "a", rounds=1, word_encoder=LengthEncoder(), quiet=True)
    prepare([("folder", recordings)], tmp_path / "b", word_encoder=LengthEncoder())
    assert "5 of 6 recordings have words" in capsys.readouterr().err


def test_numbers_beyond_half_precision_are_clipped(tmp_path, recordings):
    class Loud(LoudnessEncoder):
        def states(self, speech):
            return super().states(speech) * np.float32(1e7)

    prepare([("folder", recordings)], tmp_path, speech_encoder=Loud(), limit=1, quiet=True)
    dataset = open_dataset(tmp_path)
    assert np.isfinite(dataset.extra("speech_encoding", dataset.items[0])).all()


def test_a_store_that_is_mixed_up_is_told(wide, tmp_path):
    folder = shutil.copytree(wide, tmp_path / "store")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "encoders": {"words": {"name": "x"}}}))
    with pytest.raises(UserError, match=r"manifest.json: encoders.words must give name"):
        GestureDataset(folder)
    other = {**manifest["encoders"]["words"], "width": 3}
    (folder / "manifest.json").write_text(json.dumps({**manifest, "encoders": {"words": other}}))
    with pytest.raises(UserError, match="is mixed up"):
        GestureDataset(folder).extra("words", GestureDataset(folder).items[0])
    entry = SampleData("a", "pair", "train", "x", None, np.zeros((9, 4), np.float32), np.zeros((9, 48), np.float32))
    write_shard(tmp_path, 0, [entry], 48)
    write_manifest(tmp_path, {"feature_dim": 48, "encoders": manifest["encoders"]}, [0])
    with pytest.raises(UserError, match="is mixed up"):
        GestureDataset(tmp_path).inputs(GestureDataset(tmp_path).items[0])


# ---------------------------------------------------------------------------- what is trained on it


@pytest.mark.slow
def test_the_alignment_learns_from_all_columns(wide, tmp_path):
    torch = pytest.importorskip("torch")
    from cospeech.methods.alignment.model import load_aligned
    from cospeech.methods.alignment.network import AlignConfig
    from cospeech.methods.alignment.train import AlignmentWindows, fit_alignment, load_alignment_run
    from cospeech.methods.training_runs import export
    from cospeech.training.loop import ProcessInfo, TrainConfig

    dataset = GestureDataset(wide)
    windows = AlignmentWindows(dataset, batch_size=4, seed=1)
    batch = windows(0, ProcessInfo())
    assert {name: value.shape[2:] for name, value in batch.items()} == {
        "features": (50,),
        "motion": (267,),
        "shuffled": (50,),
        "same": (),
        "words": (2,),
        "shuffled_words": (2,),
    }
    # Sound and words are put in one same other order: their rows are those of the dataset, still together.
    for sound, words in (("features", "words"), ("shuffled", "shuffled_words")):
        joined = torch.cat([batch[sound], batch[words]], -1)[0].numpy()
        assert any(
            np.array_equal(np.sort(joined, 0), np.sort(dataset.inputs(item, start, start + 144), 0))
            for item in windows.samples
            for start in range(item.frames - 143)
        )
    config = AlignConfig(width=32, hidden=64, heads=2, embedding=16)
    training = TrainConfig(steps=3, batch_size=4, warmup=1, log_every=1, validate_every=3, save_every=3)
    before = fit_alignment(dataset, tmp_path / "run", config=config, training=training)
    assert (before.config.features, before.config.words) == (50, 2)
    _, described = load_alignment_run(tmp_path / "run")
    assert described["encoders"] == dataset.header["encoders"]
    assert described["store"] == dataset.fingerprint
    model = load_aligned(export(tmp_path / "run", tmp_path / "model"))
    assert model.folder.config["encoders"] == dataset.header["encoders"]
    item, parts = dataset.items[0], dataset.slices
    rows = dataset.inputs(item)
    sound, words = rows[:, : parts["words"].start], rows[:, parts["words"]]
    near = model.speech(sound, words)
    assert near.shape == (16,)
    assert not np.allclose(near, model.speech(sound), atol=1e-5)  # words count


@pytest.mark.slow
def test_the_command_line_from_recordings_to_a_trained_alignment(recordings, tmp_path, capsys):
    pytest.importorskip("transformers", reason="pip install 'cospeech[train]'")
    hears, reads = hearing_network(tmp_path / "hears"), reading_network(tmp_path / "reads")
    dataset = tmp_path / "store"
    cli.main(
        [
            "prepare",
            f"folder={recordings}",
            "-o",
            str(dataset),
            "--speech-encoder",
            str(hears),
            "--speech-layer",
            "mean:2",
            "--word-encoder",
            str(reads),
        ]
    )
    opened = open_dataset(dataset)
    assert {name: (own.width, own.layer) for name, own in opened.encoders.items()} == {
        "speech_encoding": (32, "mean:2"),
        "words": (24, "last"),
    }
    item = opened.items[0]
    assert opened.inputs(item).shape == (item.frames, 48 + 32 + 24)
    words = opened.extra("words", item)
    assert np.flatnonzero(words.any(1)).tolist() == [*range(6, 18), *range(30, 45), *range(60, 63)]
    run = tmp_path / "run"
    cli.main(["train", str(dataset), "-o", str(run), "--method", "alignment", "--preset", "tiny", "--steps", "2"])
    cli.main(["export", str(run), "-o", str(tmp_path / "model")])
    from cospeech.speech.encoders.inputs import SpeechInputs

    config = json.loads((tmp_path / "model" / "config.json").read_text())
    inputs = SpeechInputs.of_model(config, tmp_path / "model")
    speech = load_speech(recordings / "take1.wav", transcript=recordings / "take1.json")
    (item,) = (item for item in opened if item.id == "take1.bvh")
    np.testing.assert_allclose(inputs(speech, item.frames), opened.inputs(item), atol=5e-3)
    capsys.readouterr()
    with pytest.raises(SystemExit):
        cli.main(["prepare", f"folder={recordings}", "-o", str(dataset), "--speech-encoder", str(reads)])
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "which hears no samples as they are" in printed
