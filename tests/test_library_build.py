"""From a dataset to a library: what is kept, what is refused, what two libraries make together."""

from __future__ import annotations

import json
import shutil
import sqlite3
from itertools import pairwise

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.data.dataset import GestureDataset
from cospeech.gesture_library import writer
from cospeech.gesture_library.build import add_to_library, build_library
from cospeech.gesture_library.catalogue import FILE
from cospeech.gesture_library.check import check_library, library_info
from cospeech.gesture_library.library import GestureLibrary, Hit, open_library
from cospeech.gesture_library.merge import merge_libraries
from cospeech.gesture_library.sample import LibrarySample
from cospeech.motion.codec import Codec
from cospeech.motion.phases import hand_speed
from library_data import (
    WORDS,
    FakeEmbedder,
    OtherEmbedder,
    built_library,
    item,
    library_dataset,
    more_datasets,
    write_store,
)

__all__ = ["built_library", "library_dataset", "more_datasets"]  # fixtures

FAKE = FakeEmbedder()


def contents(opened: GestureLibrary) -> set[tuple]:
    """All that is in a library, whatever its rows are called."""
    gesture, speech = opened.keys("gesture").values, opened.keys("speech").values
    return {
        (
            json.dumps(entry.as_dict()),
            entry.words,
            entry.spoken,
            opened.encoded(entry).tobytes(),
            gesture[entry.row].tobytes(),
            speech[entry.row].tobytes(),
        )
        for entry in opened.samples()
    }


def of(opened: GestureLibrary, recording: str) -> list[LibrarySample]:
    return [entry for entry in opened.samples() if entry.recording == recording]


def copied(folder, to) -> str:
    shutil.copytree(folder, to)
    return to


def test_entries_are_what_the_store_holds(built_library, library_dataset):
    opened, dataset = open_library(built_library), GestureDataset(library_dataset)
    items = {one.id: one for one in dataset}
    entries = opened.samples()
    assert len(opened) == len(entries) > 15
    assert [entry.row for entry in entries] == list(range(len(entries)))
    assert {entry.recording for entry in entries} == set(items) - {"ben/short", "held out"}
    for name in {entry.recording for entry in entries}:
        parts, one = of(opened, name), items[name]
        assert (parts[0].first, parts[-1].last) == (0, one.frames)
        assert all(a.last == b.first for a, b in pairwise(parts))
        motion = Codec().decode(dataset.motion(one))
        kind = {"synthetic_pair": "made_pair"}.get(one.kind, one.kind)  # as a library calls it
        for entry in parts:
            assert (entry.kind, entry.split, entry.speaker, entry.emotion) == (kind, "train", one.speaker, one.emotion)
            assert entry.spoken == (one.kind != "motion")
            assert 1.0 <= entry.end - entry.start <= 4.0
            speeds = hand_speed(motion)[entry.first : entry.last]
            assert entry.expressiveness.speed == pytest.approx(speeds.mean())
            assert entry.expressiveness.peak == pytest.approx(speeds.max())


def test_motion_comes_back_bit_for_bit(built_library, library_dataset):
    opened, dataset = open_library(built_library), GestureDataset(library_dataset)
    items = {one.id: one for one in dataset}
    for entry in opened.samples():
        wanted = dataset.motion(items[entry.recording], entry.first, entry.last)
        np.testing.assert_array_equal(opened.encoded(entry), wanted)
    motion = opened.motion(entry)
    assert (motion.fps, len(motion)) == (30, entry.last - entry.first)
    arms = motion.skeleton.indices(["left_elbow", "right_wrist", "head"])
    np.testing.assert_array_equal(motion.rotations[:, arms], Codec().decode(wanted).rotations[:, arms])
    feet = motion.positions[:, motion.skeleton.indices(["left_ankle", "right_ankle"])]
    assert np.ptp(feet, axis=0).max() < 0.005  # metres: legs are set under it


def test_keys_are_the_embedders(built_library, library_dataset):
    opened, dataset = open_library(built_library), GestureDataset(library_dataset)
    items = {one.id: one for one in dataset}
    gesture, speech = opened.keys("gesture"), opened.keys("speech")
    assert gesture.present.all()
    for entry in opened.samples():
        one = items[entry.recording]
        coded = dataset.motion(one, entry.first, entry.last)
        np.testing.assert_array_equal(gesture.values[entry.row], FAKE.gesture(coded))
        assert speech.present[entry.row] == entry.spoken
        if entry.spoken:
            expected = FAKE.speech(dataset.features(one, entry.first, entry.last))
            np.testing.assert_array_equal(speech.values[entry.row], expected)


def test_words_come_along(built_library):
    opened = open_library(built_library)
    parts = of(opened, "talk")
    assert [word.text for entry in parts for word in entry.words] == [text for text, _, _ in WORDS]
    for entry in parts:
        for word in entry.words:
            start = next(start for text, start, _ in WORDS if text == word.text)
            assert entry.start + word.start == pytest.approx(start, abs=1e-3)
            assert 0 <= (word.start + word.end) / 2 <= entry.end - entry.start
    assert all(entry.words is None and entry.text is None for entry in of(opened, "quiet talk"))


def test_the_same_store_gives_the_same_files(built_library, library_dataset, tmp_path):
    build_library(library_dataset, tmp_path / "again", model=FAKE, quiet=True)
    names = sorted(path.name for path in built_library.iterdir())
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == names
    for name in names:
        if name != FILE:
            assert (tmp_path / "again" / name).read_bytes() == (built_library / name).read_bytes()


def test_what_was_done_is_told(library_dataset, tmp_path, capfd):
    added = build_library(library_dataset, tmp_path / "base", model=FAKE)
    assert "3 synthetic pairs: their speech and motion were never recorded together" in capfd.readouterr().err
    assert (added.recordings, added.synthetic_pairs, added.short, added.there) == (8, 3, 1, 0)
    assert "8 recordings, 3 of them synthetic pairs; 1 shorter than a second were left out" in str(added)
    info = library_info(tmp_path / "base")
    assert info.segments == added.segments == len(open_library(tmp_path / "base"))
    assert info.recordings == {"pair": 2, "motion": 3, "made_pair": 3}
    assert info.seconds == pytest.approx(added.seconds)
    assert info.splits == ("train",)
    assert set(info.speakers) == {"anna", "ben", "carla"}
    assert set(info.emotions) == {"joy", "anger", "neutral", "none"}
    assert 0 < info.with_words < info.spoken < info.segments
    text = "\n".join(info.lines())
    assert "recorded together 2, motion only 3, synthetic pairs 3" in text
    assert "fake (f00d, 16 numbers)" in text
    only = build_library(library_dataset, tmp_path / "motion", model=FAKE, kinds=("motion",), quiet=True)
    assert (only.recordings, only.synthetic_pairs) == (3, 0)
    assert "never recorded" not in capfd.readouterr().err
    both = build_library(library_dataset, tmp_path / "both", model=FAKE, split=("train", "test"), quiet=True)
    assert both.recordings == 9
    assert library_info(tmp_path / "both").splits == ("train", "test")


def test_shards_fill_up_and_hold_whole_recordings(library_dataset, tmp_path, monkeypatch, built_library):
    monkeypatch.setattr(writer, "SHARD_FRAMES", 300)
    build_library(library_dataset, tmp_path / "base", model=FAKE, quiet=True)
    opened = open_library(tmp_path / "base")
    shards = opened.catalogue.execute("SELECT count(*) FROM shard").fetchone()[0]
    assert shards > 3
    query = "SELECT max(n) FROM (SELECT count(DISTINCT shard) AS n FROM entry GROUP BY recording)"
    assert opened.catalogue.execute(query).fetchone()[0] == 1
    assert contents(opened) == contents(open_library(built_library))
    assert not check_library(tmp_path / "base").problems


def test_adding_is_like_building_of_both(built_library, library_dataset, more_datasets, tmp_path):
    grown = copied(built_library, tmp_path / "grown")
    before = contents(open_library(grown))
    added = add_to_library(grown, more_datasets[0], model=FAKE, quiet=True)
    assert added.recordings == 2
    after = contents(open_library(grown))
    assert before < after
    assert len(after) == len(before) + added.segments
    again = add_to_library(grown, more_datasets[0], model=FAKE, quiet=True)
    assert (again.recordings, again.there) == (0, 2)
    assert contents(open_library(grown)) == after
    build_library(more_datasets[0], tmp_path / "other", model=FAKE, quiet=True)
    merged = merge_libraries([built_library, tmp_path / "other"], tmp_path / "merged", quiet=True)
    assert merged.segments == len(after)
    assert contents(open_library(tmp_path / "merged")) == after
    assert not check_library(tmp_path / "merged").problems


def test_merging_takes_everything_once(built_library, more_datasets, tmp_path):
    build_library(more_datasets[0], tmp_path / "one", model=FAKE, quiet=True)
    add_to_library(tmp_path / "one", more_datasets[1], model=FAKE, quiet=True)
    build_library(more_datasets[1], tmp_path / "two", model=FAKE, quiet=True)
    merged = merge_libraries([tmp_path / "one", tmp_path / "two", tmp_path / "one"], tmp_path / "new", quiet=True)
    assert (merged.recordings, merged.there) == (4, 6)
    assert contents(open_library(tmp_path / "new")) == contents(open_library(tmp_path / "one"))
    merge_libraries([tmp_path / "one", built_library], tmp_path / "one", quiet=True)  # onto one of them
    both = contents(open_library(tmp_path / "one"))
    assert both == contents(open_library(tmp_path / "new")) | contents(open_library(built_library))
    assert len(list((tmp_path / "one").iterdir())) == 1 + 3  # what was replaced is gone
    exact = open_library(tmp_path / "one")
    hit = exact.nearest(exact.keys("gesture").values[5], role="gesture", k=1)[0]
    assert isinstance(hit, Hit)
    assert (hit.rank, hit.sample.row) == (1, 5)


def test_building_over_a_base_replaces_it(built_library, more_datasets, tmp_path):
    place = copied(built_library, tmp_path / "base")
    build_library(more_datasets[0], place, model=OtherEmbedder(), quiet=True)  # also by another embedding
    opened = open_library(place)
    assert {entry.recording for entry in opened.samples()} == {"more0", "more0.wav"}
    assert opened.header.embedding.fingerprint == "beef"
    assert len(list(place.iterdir())) == 1 + 3
    assert not check_library(place).problems


# ---------------------------------------------------------------------------- refused


def refused(what: str, call, *args, **options) -> None:
    with pytest.raises(UserError) as caught:
        call(*args, **options)
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_embedding_is_refused_with_the_fix(built_library, library_dataset, more_datasets, tmp_path):
    before = sorted(path.name for path in built_library.iterdir())
    theirs = "was made with the embedding fake (f00d, 16 numbers), this is fake (beef, 16 numbers)"
    refused(theirs, add_to_library, built_library, more_datasets[0], model=OtherEmbedder())
    refused(
        "again with `cospeech library build DATASET -o",
        add_to_library,
        built_library,
        more_datasets[0],
        model=OtherEmbedder(),
    )
    build_library(more_datasets[0], tmp_path / "other", model=OtherEmbedder(), quiet=True)
    refused(
        "build one of them again with the other's model",
        merge_libraries,
        [built_library, tmp_path / "other"],
        tmp_path / "both",
    )
    assert not (tmp_path / "both").exists()
    assert sorted(path.name for path in built_library.iterdir()) == before


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("body", ["pelvis", "head"], "another skeleton (32 joints, this version codes 44); prepare"),
        ("fps", 60.0, "motion at 60 frames a second, expected 30; prepare its corpora again"),
        ("features", 80, "was made from 80 speech features, this version has 48; prepare"),
        ("embedding", {"size": 3}, "catalogue.sqlite is damaged"),
        ("hands", None, "catalogue.sqlite is damaged (no 'hands'); remove that file and build the library again"),
    ],
)
def test_a_base_of_another_kind_is_refused_with_the_fix(built_library, tmp_path, name, value, message):
    place = copied(built_library, tmp_path / "base")
    with sqlite3.connect(place / FILE) as catalogue:
        if value is None:
            catalogue.execute("DELETE FROM base WHERE name = ?", (name,))
        else:
            catalogue.execute("UPDATE base SET value = ? WHERE name = ?", (json.dumps(value), name))
    for call in (open_library, library_info, check_library):
        refused(message, call, place)
    refused(f"cospeech library build DATASET -o {place}", open_library, place)


def test_formats_of_the_future_and_what_is_no_base(built_library, library_dataset, tmp_path):
    place = copied(built_library, tmp_path / "base")
    with sqlite3.connect(place / FILE) as catalogue:
        catalogue.execute("PRAGMA user_version = 3")
    refused("has gesture library format 3, this version reads 1 and 2; update cospeech", open_library, place)
    before = (place / FILE).read_bytes()
    refused("has gesture library format 3", add_to_library, place, library_dataset, model=FAKE)
    refused("has gesture library format 3", build_library, library_dataset, place, model=FAKE)
    assert (place / FILE).read_bytes() == before
    with sqlite3.connect(place / FILE) as catalogue:
        catalogue.execute("PRAGMA application_id = 7")
    refused("is no catalogue of a gesture library", open_library, place)
    refused(
        "missing is no gesture library: it has no finished catalogue.sqlite; make one with `cospeech "
        "library build DATASET -o",
        open_library,
        tmp_path / "missing",
    )
    (tmp_path / "empty").mkdir()
    refused("empty is no gesture library", open_library, tmp_path / "empty")
    (tmp_path / "empty" / FILE).touch()
    refused("empty is no gesture library", open_library, tmp_path / "empty")
    (tmp_path / "empty" / FILE).write_text("no database, but some text that is long enough to be read as one")
    refused("catalogue.sqlite is damaged (file is not a database)", open_library, tmp_path / "empty")


@pytest.mark.parametrize("how", ["cut", "noise", "header"])
def test_a_damaged_catalogue_is_told(built_library, library_dataset, tmp_path, how):
    place = copied(built_library, tmp_path / "base")
    whole = (place / FILE).read_bytes()
    noise, end = np.random.default_rng(0).bytes(6000), len(whole) - 8192
    changed = {"cut": whole[:5000], "noise": whole[:end] + noise + whole[end + 6000 :], "header": noise + whole}
    (place / FILE).write_bytes(changed[how])
    refused("catalogue.sqlite is damaged", check_library, place)
    if how == "header":
        refused("is damaged", build_library, library_dataset, place, model=FAKE)
        (place / FILE).unlink()  # as the message says
        build_library(library_dataset, place, model=FAKE, quiet=True)
        assert contents(open_library(place)) == contents(open_library(built_library))


def test_stores_that_do_not_fit(built_library, library_dataset, tmp_path):
    entries = [item("x", "motion", 3.0, seed=1)]
    for name, value in (("codec", {"body": ["head"]}), ("fps", 25), ("feature_dim", 12)):
        dataset = write_store(tmp_path / name, entries, **{name: value})
        for call, args in ((build_library, (dataset, tmp_path / "new")), (add_to_library, (built_library, dataset))):
            refused("of another skeleton or rate, or other speech features", call, *args, model=FAKE)
    nothing = "has no motion or pair or made_pair or generated in val"
    refused(nothing, build_library, library_dataset, tmp_path / "new", model=FAKE, split=("val",))
    refused(
        "unknown split 'trian'; known: train, val, test",
        build_library,
        library_dataset,
        tmp_path / "new",
        model=FAKE,
        split=("trian",),
    )
    refused(
        "unknown kind 'pairs'; known: motion, pair, made_pair",
        add_to_library,
        built_library,
        library_dataset,
        model=FAKE,
        kinds=("pairs",),
    )
    short = write_store(tmp_path / "short", [item("x", "motion", 0.5, seed=1)])
    refused("is a second long; nothing was written", build_library, short, tmp_path / "new", model=FAKE)
    words = write_store(tmp_path / "words", [item("x", "pair", 3.0, seed=1, info={"words": ["hello"]})])
    refused("the words of 'x' are no list of [text, start, end]", build_library, words, tmp_path / "new", model=FAKE)
    refused("is no dataset", build_library, tmp_path, tmp_path / "new", model=FAKE)
    refused("no model 'nothing'", build_library, library_dataset, tmp_path / "new", model="nothing")
    assert not (tmp_path / "new").exists()


def test_places_that_are_something_else(library_dataset, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "note.txt").touch()
    (tmp_path / "file").touch()
    for name in ("notes", "file"):
        refused(
            f"{name} is no gesture library and holds something else",
            build_library,
            library_dataset,
            tmp_path / name,
            model=FAKE,
        )
    refused("no library is named", merge_libraries, [], tmp_path / "new")
    assert [path.name for path in (tmp_path / "notes").iterdir()] == ["note.txt"]


def test_two_recordings_of_one_name_are_refused(built_library, tmp_path):
    dataset = write_store(tmp_path / "store", [item("talk", "pair", 5.0, seed=99)])
    place = copied(built_library, tmp_path / "base")
    before = contents(open_library(place))
    refused("the library has another recording called 'talk'", add_to_library, place, dataset, model=FAKE)
    assert contents(open_library(place)) == before
    build_library(dataset, tmp_path / "other", model=FAKE, quiet=True)
    refused("different recordings called 'talk'", merge_libraries, [place, tmp_path / "other"], tmp_path / "new")
    assert not (tmp_path / "new").exists()
