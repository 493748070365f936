"""Corpora in, a dataset out: what is kept, in which split, and the same bytes again however often it "
"stops."""

from __future__ import annotations

import json
import shutil
import zlib
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from corpus_data import ACTORS, gesturing, voice
from cospeech.core.errors import UserError
from cospeech.data import pair_shards, reading, recordings
from cospeech.data import prepare as module
from cospeech.data.balance import Balance, Tally
from cospeech.data.prepare import open_dataset, prepare
from cospeech.data.readers import READERS, ebmdb, voices
from cospeech.data.readers import folder as folder_reader
from cospeech.data.readers.voices import split_of
from cospeech.data.recordings import LazyReader
from cospeech.motion.codec import Codec
from cospeech.motion.formats import FORMATS
from cospeech.motion.formats.bvh import save_bvh
from cospeech.motion.formats.smplx import save_smplx
from cospeech.motion.rigs import RIGS
from cospeech.speech.audio import write_wav
from cospeech.speech.loading import load_speech


def corpora(corpus) -> list:
    return [("ebmdb", corpus.ebmdb), ("speech", corpus.speech)]


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def shards_of(folder, kind: str) -> set[str]:
    """Names of the shards that hold a kind of samples."""
    names = json.loads((folder / "manifest.json").read_text())["shards"]
    return {f"{names[sample.shard]}.safetensors" for sample in open_dataset(folder).select(kind=kind)}


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
        prepare(corpora(mini_corpus), tmp_path / str(seed), rounds=2, seed=seed, workers=2 - seed, quiet=True)
    first, again, other = contents(mini_dataset), contents(tmp_path / "0"), contents(tmp_path / "1")
    assert first == again
    assert len(first) == len(other)
    real, synthetic = (shards_of(mini_dataset, kind) for kind in ("motion", "synthetic_pair"))
    assert all(first[name] == other[name] for name in real)  # real motion has nothing random
    assert not synthetic & other.keys()
    datasets = [open_dataset(folder) for folder in (mini_dataset, tmp_path / "0", tmp_path / "1")]
    for sample, same, changed in zip(*datasets, strict=True):
        assert sample == same
        unchanged = np.array_equal(datasets[0].motion(sample), datasets[2].motion(changed))
        assert unchanged == (sample.kind == "motion")


@pytest.mark.parametrize("stopped", ["before the manifest", "within a shard", "at the beginning", "not at all"])
def test_what_was_interrupted_goes_on_to_the_same_bytes(mini_dataset, mini_corpus, tmp_path, stopped):
    folder = tmp_path / "store"
    shutil.copytree(mini_dataset, folder)
    names = json.loads((mini_dataset / "manifest.json").read_text())["shards"]
    shards = [folder / f"{name}.safetensors" for name in names]
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
    monkeypatch.setattr(recordings, "GROUP_BYTES", 200_000)
    monkeypatch.setattr(pair_shards, "SHARD_FRAMES", 400)
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


@pytest.fixture
def copied(mini_dataset, mini_corpus, tmp_path):
    """The corpora and their finished dataset, to be changed."""
    for name in ("ebmdb", "speech"):
        shutil.copytree(getattr(mini_corpus, name), tmp_path / name)
    shutil.copytree(mini_dataset, tmp_path / "store")
    again = [("ebmdb", tmp_path / "ebmdb"), ("speech", tmp_path / "speech")]
    plan = json.loads((mini_dataset / "plan.json").read_text())
    same = [[reader, name] for (reader, _), (name, _) in zip(plan["corpora"], again, strict=True)]
    (tmp_path / "store" / "plan.json").write_text(json.dumps({**plan, "corpora": same}))
    return again, tmp_path / "store"


@pytest.fixture
def read_files(monkeypatch) -> list[str]:
    """Names of the motion and sound files that are read."""
    names: list[str] = []

    def counted(real):
        def load(path, *given, **named):
            names.append(path.name)
            return real(path, *given, **named)

        return load

    for place, loader in ((ebmdb, "load_bvh"), (voices, "recording"), (folder_reader, "recording")):
        monkeypatch.setattr(place, loader, counted(getattr(place, loader)))
    return names


def test_what_is_finished_is_not_read_again(mini_dataset, mini_corpus, tmp_path, read_files):
    folder = shutil.copytree(mini_dataset, tmp_path / "store")
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    report = prepare(corpora(mini_corpus), folder, rounds=2, quiet=True)
    assert not read_files
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert (report.clips, report.pairs) == (12, 12)


def test_other_recordings_make_other_pairs(copied):
    """A clip of motion is taken away: it is no longer in the dataset, nor in what pairs are made of."""
    again, folder = copied
    before = open_dataset(folder)
    gone = before.select(kind="motion", split="train")[0]
    table = again[0][1] / "clips.csv"
    rows = [row for row in table.read_text().splitlines() if not row.startswith(gone.id)]
    table.write_text("\n".join(rows) + "\n")
    prepare(again, folder, rounds=2, quiet=True)
    after = open_dataset(folder)
    assert [sample.id for sample in after] == [sample.id for sample in before if sample != gone]
    assert after.fingerprint != before.fingerprint
    assert not any(gone.id in str(sample.info.get("sources")) for sample in after)
    assert any(gone.id in str(sample.info.get("sources")) for sample in before)
    assert not (folder / "material").exists()
    kept = set(json.loads((folder / "manifest.json").read_text())["shards"])
    assert {path.stem for path in folder.glob("shard-*.safetensors")} == kept


def talks(folder, count: int = 6, *, seconds: float = 2.0) -> list:
    """A folder of recordings of speech with motion."""
    folder.mkdir(parents=True)
    for k in range(count):
        save_bvh(gesturing(seconds + k / 5, seed=k), folder / f"talk{k}.bvh")
        write_wav(folder / f"talk{k}.wav", voice(seconds + k / 5, seed=k)[0])
    return [("folder", folder)]


def test_a_changed_recording_is_read_again_and_no_other(tmp_path, monkeypatch, read_files):
    monkeypatch.setattr(recordings, "GROUP_BYTES", 1)  # a shard for each
    places = talks(tmp_path / "talks")
    prepare(places, tmp_path / "store", quiet=True)
    assert sorted(read_files) == [f"talk{k}.wav" for k in range(6)]
    read_files.clear()
    write_wav(tmp_path / "talks" / "talk3.wav", voice(2.4, seed=9)[0])
    save_bvh(gesturing(2.0, seed=9), tmp_path / "talks" / "talk9.bvh")
    write_wav(tmp_path / "talks" / "talk9.wav", voice(2.0, seed=9)[0])
    dataset = open_dataset(tmp_path / "store")
    before = dataset.features(dataset.items[3])
    prepare(places, tmp_path / "store", quiet=True)
    assert sorted(read_files) == ["talk3.wav", "talk9.wav"]
    after = open_dataset(tmp_path / "store")
    assert [sample.id for sample in after] == [f"talk{k}.bvh" for k in (*range(6), 9)]
    assert not np.array_equal(after.features(after.items[3])[:60], before[:60])


def test_recordings_that_were_read_before_an_interruption_are_kept(tmp_path, monkeypatch, read_files):
    monkeypatch.setattr(recordings, "GROUP_BYTES", 1)
    places = talks(tmp_path / "talks")
    prepare(places, tmp_path / "whole", quiet=True)
    read_files.clear()
    real = module.write_group

    def stop(reading, name, clips, encoders):
        if len(read_files) == 4:
            raise KeyboardInterrupt
        real(reading, name, clips, encoders)

    monkeypatch.setattr(module, "write_group", stop)
    with pytest.raises(KeyboardInterrupt):
        prepare(places, tmp_path / "cut", quiet=True)
    monkeypatch.setattr(module, "write_group", real)
    prepare(places, tmp_path / "cut", quiet=True)
    assert sorted(read_files) == [f"talk{k}.wav" for k in range(6)]
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_processes_read_as_this_one_does(tmp_path, monkeypatch):
    monkeypatch.setattr(recordings, "GROUP_BYTES", 1)
    places = talks(tmp_path / "talks", 5)
    (tmp_path / "talks" / "broken.bvh").write_text("HIERARCHY")
    shutil.copy(tmp_path / "talks" / "talk0.wav", tmp_path / "talks" / "broken.wav")
    reports = [prepare(places, tmp_path / str(count), workers=count, quiet=True) for count in (1, 2)]
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert reports[0].dropped == reports[1].dropped
    assert [one.id for one in reports[0].dropped] == ["broken.bvh"]


def load_again(load):
    """What a recording of a script calls: no other process can import this module."""
    return load()


def test_a_reader_of_a_script_is_called_where_it_was_registered(tmp_path, monkeypatch, request):
    monkeypatch.setattr(recordings, "GROUP_BYTES", 1)
    ((_, folder),) = talks(tmp_path / "talks", 3)

    def listed(folder, *, limit, quiet):
        for one in folder_reader.read.recordings(folder, limit=limit, quiet=quiet):
            yield replace(one, load=partial(load_again, one.load))

    READERS.register("mine", LazyReader(listed))
    request.addfinalizer(lambda: READERS.registered.pop("mine"))
    report = prepare([("mine", folder)], tmp_path / "data", workers=2, quiet=True)
    assert report.clips == 3
    assert not report.dropped


@pytest.mark.parametrize(("registry", "name", "known"), [(FORMATS, ".mine", ".bvh"), (RIGS, "mine", "canonical")])
def test_what_was_registered_in_this_process_is_read_by_it(tmp_path, monkeypatch, request, registry, name, known):
    monkeypatch.setattr(recordings, "GROUP_BYTES", 1)
    registry.register(name, registry.get(known))
    request.addfinalizer(lambda: registry.registered.pop(name))
    monkeypatch.setattr(module, "map_together", None)  # what starts processes
    assert prepare(talks(tmp_path / "talks", 2), tmp_path / "data", workers=2, quiet=True).clips == 2


def test_a_reader_that_only_yields_clips(tmp_path, monkeypatch):
    """As another package may add one: shards by length, read again when a file of the corpus changes."""
    calls = []

    def read(folder, *, limit, quiet):
        calls.append(folder)
        yield from folder_reader.read(folder, limit=limit, quiet=quiet)

    places = talks(tmp_path / "talks", 4)
    prepare(places, tmp_path / "listed", quiet=True)
    monkeypatch.setattr(module, "reader", lambda name: read)
    monkeypatch.setattr(reading, "SHARD_FRAMES", 100)
    for _ in range(2):
        prepare(places, tmp_path / "store", quiet=True)
    assert len(calls) == 1
    plain, listed = open_dataset(tmp_path / "store"), open_dataset(tmp_path / "listed")
    assert max(sample.shard for sample in plain) > max(sample.shard for sample in listed)
    for one, other in zip(plain, listed, strict=True):
        assert (one.id, one.info) == (other.id, other.info)
        np.testing.assert_array_equal(plain.motion(one), listed.motion(other))
    write_wav(tmp_path / "talks" / "talk0.wav", voice(2.2, seed=8)[0])
    prepare(places, tmp_path / "store", quiet=True)
    assert len(calls) == 2


def test_a_folder_of_an_older_version(mini_dataset, mini_corpus, tmp_path):
    """A finished dataset of format 1 is left as it is; one that was not finished is refused."""
    folder = shutil.copytree(mini_dataset, tmp_path / "store")
    plan = json.loads((folder / "plan.json").read_text())
    del plan["format"]
    for corpus, place in zip(plan["corpora"], (mini_corpus.ebmdb, mini_corpus.speech), strict=True):
        sizes = sorted((str(p.relative_to(place)), p.stat().st_size) for p in place.rglob("*") if p.is_file())
        corpus.append(f"{zlib.crc32(json.dumps(sizes).encode()):08x}")
    (folder / "plan.json").write_text(json.dumps(plan))
    before = contents(folder)
    assert prepare(corpora(mini_corpus), folder, rounds=2, quiet=True).pairs == 12
    assert contents(folder) == before
    with pytest.raises(UserError, match="begun with other settings or other recordings"):
        prepare(corpora(mini_corpus), folder, rounds=3, quiet=True)
    (folder / "manifest.json").unlink()
    with pytest.raises(UserError, match="begun by an older version"):
        prepare(corpora(mini_corpus), folder, rounds=2, quiet=True)


def test_the_report(mini_dataset, mini_corpus, tmp_path, capsys):
    summary = json.loads((mini_dataset / "report.json").read_text())
    assert summary["clips"] == 12
    assert summary["pairs"] == 12
    assert summary["dropped"] == []
    assert summary["stroke_to_accent"] < summary["stroke_to_accent_shuffled"]
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
    assert balance.synthetic.strokes / balance.synthetic.seconds == pytest.approx(0.6, rel=0.05)
    assert balance.synthetic.path / balance.synthetic.seconds == pytest.approx(0.15, rel=0.05)


def test_a_tally_counts_a_clip(mini_dataset):
    dataset = open_dataset(mini_dataset)
    for item in dataset.select(kind="synthetic_pair")[:3]:
        found = Tally.of(Codec().decode(dataset.motion(item)))
        tally = Tally(**item.info["tally"])
        assert found.seconds == tally.seconds == pytest.approx(item.frames / 30)
        assert found.path == pytest.approx(tally.path, rel=0.02)  # the dataset rounds motion
        assert 0 <= tally.still <= tally.seconds
