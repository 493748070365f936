"""Corpora in, a dataset out: what is kept, in which split, and the same bytes again however often it "
"stops."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from corpus_data import ACTORS, gesturing, voice
from cospeech.core.errors import UserError
from cospeech.data import prepare as module
from cospeech.data.prepare import Balance, Tally, open_dataset, prepare
from cospeech.data.readers.voices import split_of
from cospeech.motion.codec import Codec
from cospeech.motion.formats.bvh import save_bvh
from cospeech.motion.formats.smplx import save_smplx
from cospeech.speech.audio import write_wav
from cospeech.speech.loading import load_speech


def corpora(corpus) -> list:
    return [("ebmdb", corpus.ebmdb), ("speech", corpus.speech)]


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_motion_and_made_pairs(mini_dataset, mini_corpus):
    dataset = open_dataset(mini_dataset)
    real, made = dataset.select(kind="motion"), dataset.select(kind="synthetic_pair")
    assert len(dataset) == len(real) + len(made)
    assert len(real) == 12
    assert len(made) == 12  # six voices, two rounds
    assert dataset.synthetic_pairs is True
    assert {item.speaker: item.split for item in real} == ACTORS
    for item in real:
        assert not dataset.features(item).any()
        assert item.info["speed"] > 0.05
    for item in made:
        assert dataset.motion(item).shape[0] == dataset.features(item).shape[0] == item.frames
        assert dataset.features(item).any()
        spoken = load_speech(mini_corpus.speech / item.id.split("#")[0]).frames
        assert spoken + 0.6 * 30 - 2 <= item.frames <= spoken + 2.4 * 30 + 2  # silence on both sides


def test_one_split_never_meets_another(mini_dataset):
    """Neither the voice nor the actor of a synthetic pair is heard or seen in another split."""
    dataset = open_dataset(mini_dataset)
    seen: dict[str, set[str]] = {}
    for item in dataset.select(kind="synthetic_pair"):
        assert split_of(item.info["voice"]) == item.split
        assert ACTORS[item.speaker] == item.split
        actors = {source.split("/")[0] for source in item.info["sources"]}
        assert actors == {item.speaker}
        for name in (item.info["voice"], *actors):
            seen.setdefault(name, set()).add(item.split)
        emotions = {source.split("_")[1] for source in item.info["sources"]}
        assert emotions == {item.emotion}
    assert all(len(splits) == 1 for splits in seen.values())
    assert {item.split for item in dataset.select(kind="synthetic_pair")} == {"train", "val", "test"}


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(mini_dataset, mini_corpus, tmp_path):
    for seed in (0, 1):
        prepare(corpora(mini_corpus), tmp_path / str(seed), rounds=2, seed=seed, quiet=True)
    first, again, other = contents(mini_dataset), contents(tmp_path / "0"), contents(tmp_path / "1")
    assert first == again
    assert first.keys() == other.keys()
    assert first["shard-00000.safetensors"] == other["shard-00000.safetensors"]  # real motion has no dice
    assert first["shard-00001.safetensors"] != other["shard-00001.safetensors"]


@pytest.mark.parametrize("stopped", ["before the manifest", "within a shard", "at the beginning", "not at all"])
def test_what_was_interrupted_goes_on_to_the_same_bytes(mini_dataset, mini_corpus, tmp_path, stopped):
    folder = tmp_path / "store"
    shutil.copytree(mini_dataset, folder)
    shards = [folder / path.name for path in sorted(mini_dataset.glob("shard-*.safetensors"))]
    assert len(shards) >= 4
    if stopped != "not at all":
        (folder / "manifest.json").unlink()
        (folder / "report.json").unlink()
    if stopped in ("within a shard", "at the beginning"):
        shards[-1].with_suffix(".json").unlink()  # its arrays were written, its description was not
        shards[-1].write_bytes(b"half of it")
    if stopped == "at the beginning":
        for path in shards[1:]:
            path.unlink()
            path.with_suffix(".json").unlink(missing_ok=True)
    untouched = {
        path: path.stat().st_mtime_ns for path in shards if path.is_file() and path.with_suffix(".json").is_file()
    }
    report = prepare(corpora(mini_corpus), folder, rounds=2, quiet=True)
    assert contents(folder) == contents(mini_dataset)
    assert all(path.stat().st_mtime_ns == time for path, time in untouched.items())  # not written again
    assert report.pairs == 12


def test_many_small_shards_hold_the_same(mini_dataset, mini_corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SHARD_FRAMES", 400)
    prepare(corpora(mini_corpus), tmp_path, rounds=2, quiet=True)
    whole, cut = open_dataset(mini_dataset), open_dataset(tmp_path)
    assert max(item.shard for item in cut) > max(item.shard for item in whole)
    assert [item.id for item in cut] == [item.id for item in whole]
    for a, b in zip(whole, cut, strict=True):
        np.testing.assert_array_equal(whole.motion(a), cut.motion(b))


def test_other_settings_need_another_folder(mini_dataset, mini_corpus):
    before = contents(mini_dataset)
    for changed in ({"rounds": 3}, {"rounds": 2, "seed": 1}, {"rounds": 2, "limit": 1}):
        with pytest.raises(UserError, match="begun with other settings"):
            prepare(corpora(mini_corpus), mini_dataset, quiet=True, **changed)
    assert contents(mini_dataset) == before


def test_other_recordings_need_another_folder(mini_dataset, mini_corpus, tmp_path):
    for name in ("ebmdb", "speech"):
        shutil.copytree(getattr(mini_corpus, name), tmp_path / name)
    shutil.copytree(mini_dataset, tmp_path / "store")
    again = [("ebmdb", tmp_path / "ebmdb"), ("speech", tmp_path / "speech")]
    plan = json.loads((mini_dataset / "plan.json").read_text())
    same = [[*entry[:1], name, entry[2]] for entry, (name, _) in zip(plan["corpora"], again, strict=True)]
    (tmp_path / "store" / "plan.json").write_text(json.dumps({**plan, "corpora": same}))
    prepare(again, tmp_path / "store", rounds=2, quiet=True)  # the same files elsewhere are no change
    next((tmp_path / "ebmdb").rglob("*.bvh")).unlink()
    with pytest.raises(UserError, match="or other recordings"):
        prepare(again, tmp_path / "store", rounds=2, quiet=True)


def test_the_report(mini_dataset, mini_corpus, tmp_path, capsys):
    told = json.loads((mini_dataset / "report.json").read_text())
    assert told["clips"] == 12
    assert told["pairs"] == 12
    assert told["dropped"] == []
    assert told["stroke_to_accent"] < told["stroke_to_accent_shuffled"]
    shutil.copytree(mini_corpus.speech, tmp_path / "speech")
    write_wav(tmp_path / "speech" / "a.wav", voice(1.0, seed=0)[0])
    write_wav(tmp_path / "speech" / "b.wav", voice(1.4, seed=0)[0])
    report = prepare([("ebmdb", mini_corpus.ebmdb), ("speech", tmp_path / "speech")], tmp_path / "s", rounds=1)
    assert [item.id for item in report.dropped] == ["a.wav", "b.wav"]
    assert "dropped 2: shorter than two seconds" in capsys.readouterr().err
    assert len(json.loads((tmp_path / "s" / "report.json").read_text())["dropped"]) == 2


def test_recordings_of_both_stay_as_they_are(tmp_path):
    """BEAT2 and a folder of one's own together: real pairs, nothing made."""
    (tmp_path / "beat2").mkdir()
    (tmp_path / "mine").mkdir()
    for k in (1, 2):
        motion = gesturing(3.0 + k, seed=k)
        save_smplx(motion, tmp_path / "beat2" / f"2_scott_0_{k}_{k}.npz")
        write_wav(tmp_path / "beat2" / f"2_scott_0_{k}_{k}.wav", voice(3.1 + k, seed=k)[0])
        save_bvh(motion, tmp_path / "mine" / f"take{k}.bvh")
        write_wav(tmp_path / "mine" / f"take{k}.wav", voice(2.9 + k, seed=k)[0])
    places = [("beat2", tmp_path / "beat2"), ("folder", tmp_path / "mine")]
    report = prepare(places, tmp_path / "store", quiet=True)
    dataset = open_dataset(tmp_path / "store")
    assert [(item.id, item.kind, item.frames) for item in dataset] == [
        ("2_scott_0_1_1", "pair", 120),
        ("2_scott_0_2_2", "pair", 150),
        ("take1.bvh", "pair", 117),
        ("take2.bvh", "pair", 147),
    ]
    assert dataset.speakers == ("mine", "scott")
    assert dataset.synthetic_pairs is False
    assert report.pairs == 4
    assert np.isnan(report.stroke_to_accent)
    for item in dataset:
        assert dataset.features(item).any()
        assert len(dataset.features(item)) == item.frames


def test_nothing_usable_is_told(tmp_path, mini_corpus):
    with pytest.raises(UserError, match="no usable motion"):
        prepare([("speech", mini_corpus.speech)], tmp_path / "a", quiet=True)
    with pytest.raises(UserError, match="unknown corpus"):
        prepare([("nothing", tmp_path)], tmp_path / "b", quiet=True)


def test_a_limit_reads_a_few(tmp_path, mini_corpus):
    report = prepare(corpora(mini_corpus), tmp_path, rounds=1, limit=1, quiet=True)
    assert report.clips == 4


def test_a_balance_keeps_pairs_as_lively_as_the_clips():
    rng = np.random.default_rng(0)
    real = Tally(seconds=100.0, strokes=60.0, path=15.0, still=40.0)

    def drawn() -> Tally:  # too lively by a quarter on the whole
        lively = rng.uniform(0.75, 1.75)
        return Tally(10.0, 6.0 * lively, 1.5 * lively, 4.0 / lively)

    unbalanced = sum((drawn() for _ in range(200)), Tally())
    balance = Balance(real)
    for _ in range(200):
        balance.choose([drawn() for _ in range(4)])
    assert unbalanced.strokes / unbalanced.seconds > 1.2 * 0.6
    assert balance.made.strokes / balance.made.seconds == pytest.approx(0.6, rel=0.05)
    assert balance.made.path / balance.made.seconds == pytest.approx(0.15, rel=0.05)


def test_a_tally_counts_a_clip(mini_dataset):
    dataset = open_dataset(mini_dataset)
    for item in dataset.select(kind="synthetic_pair")[:3]:
        found = Tally.of(Codec().decode(dataset.motion(item)))
        told = Tally(**item.info["tally"])
        assert found.seconds == told.seconds == pytest.approx(item.frames / 30)
        assert found.path == pytest.approx(told.path, rel=0.02)  # the dataset rounds motion
        assert 0 <= told.still <= told.seconds
