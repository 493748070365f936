"""Searching: exactly what a comparison one by one finds, through every filter; and what is damaged."""

from __future__ import annotations

import shutil
import sqlite3
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus_data import gesturing, voice
from cospeech.core.deprecation import RenamedWarning
from cospeech.core.errors import UserError
from cospeech.data.dataset import GestureDataset
from cospeech.gesture_library import index
from cospeech.gesture_library.build import add_to_library, build_library
from cospeech.gesture_library.check import check_library
from cospeech.gesture_library.library import open_library
from cospeech.gesture_library.merge import merge_libraries
from cospeech.gesture_library.sample import Filters, LibrarySample, plain_text
from cospeech.gesture_library.search import search
from cospeech.motion.codec import Codec
from cospeech.speech.speech import Speech
from library_data import (
    FakeEmbedder,
    OtherEmbedder,
    built_library,
    library_dataset,
    many_kinds,
    more_datasets,
    write_store,
)

__all__ = ["built_library", "library_dataset", "more_datasets"]  # fixtures

FAKE = FakeEmbedder()


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    rows = rng.standard_normal(shape)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def one_by_one(keys: np.ndarray, query: np.ndarray, k: int, allowed: np.ndarray) -> list[int]:
    """Brute force: float64, of equals the first."""
    scores = [(-float(keys[row].astype(np.float64) @ query.astype(np.float64)), row) for row in np.flatnonzero(allowed)]
    return [row for _, row in sorted(scores)[:k]]


@given(
    st.integers(1, 400),
    st.integers(1, 30),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.02, 0.5, 1.0]),
    st.sampled_from([3, 16, 1000]),
)
def test_the_nearest_are_those_of_a_comparison_one_by_one(count, k, seed, share, block):
    rng = np.random.default_rng(seed)
    # Exact multiples, so that products one by one and all at once are the same number.
    keys = rng.integers(-3, 4, (count, 8)).astype(np.float32) / 8
    query = rng.integers(-3, 4, 8).astype(np.float32) / 8
    allowed = rng.random(count) < share
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "BLOCK", block)
        rows, scores = index.nearest(keys, query, k=k, allowed=allowed)
        everywhere = index.nearest(keys, query, k=k)[0]
    assert rows.tolist() == one_by_one(keys, query, k, allowed)
    assert everywhere.tolist() == one_by_one(keys, query, k, np.ones(count, dtype=bool))
    np.testing.assert_allclose(scores, keys[rows].astype(np.float64) @ query)


def test_it_is_exact_at_full_size_and_equals_come_in_order():
    rng = np.random.default_rng(0)
    keys = unit(rng, 40_000, 64)
    twins = rng.integers(0, 40_000, 50)
    keys[twins] = keys[7]  # in many blocks, at places that are multiplied in different ways
    rows, scores = index.nearest(keys, keys[7], k=60)
    same = sorted({7, *twins.tolist()})
    assert rows[: len(same)].tolist() == same
    assert len(set(scores[: len(same)].tolist())) == 1
    full = np.argsort(-(keys.astype(np.float64) @ keys[7].astype(np.float64)), kind="stable")
    assert set(rows[len(same) :]) <= set(full[:60])


def test_faiss_finds_nearly_the_same():
    pytest.importorskip("faiss")
    rng = np.random.default_rng(0)
    keys = unit(rng, 30_000, 32)
    present = np.ones(len(keys), dtype=bool)
    present[::7] = False
    fast = index.FaissIndex(keys, present)
    few = present & (rng.random(len(keys)) < 0.1)
    for allowed in (None, few):
        right = []
        for query in unit(rng, 20, 32):
            wanted = index.nearest(keys, query, k=10, allowed=present if allowed is None else allowed)[0]
            found, scores = fast.nearest(query, k=10, allowed=allowed)
            right.append(len(set(wanted) & set(found)))
            assert (np.diff(scores) <= 0).all()
            assert (present if allowed is None else allowed)[found].all()
        assert np.mean(right) > 9.8


def test_without_faiss_it_says_how_to_get_it(built_library, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    monkeypatch.setattr(index, "FEW", 1)
    opened = open_library(built_library)
    with pytest.raises(UserError, match=r"pip install 'cospeech\[search\]'"):
        opened.nearest(opened.keys("gesture").values[0], role="gesture", approximate=True)


# ---------------------------------------------------------------------------- filters


def rows(opened, **filters) -> list[int]:
    allowed = opened.allowed(Filters(**filters))
    return list(range(len(opened))) if allowed is None else np.flatnonzero(allowed).tolist()


FILTERS = [
    ({}, lambda e: True),
    ({"speaker": "ben"}, lambda e: e.speaker == "ben"),
    ({"emotion": "anger"}, lambda e: e.emotion == "anger"),
    ({"emotion": "Happiness"}, lambda e: e.emotion == "joy"),
    ({"emotion": "sadness"}, lambda e: False),
    ({"words": "hello there"}, lambda e: " hello there " in plain_text(e.text or "")),
    ({"words": "HELLO,  There!"}, lambda e: " hello there " in plain_text(e.text or "")),
    ({"words": "there hello"}, lambda e: False),
    ({"words": "ell"}, lambda e: False),
    ({"min_speed": 0.12}, lambda e: e.expressiveness.speed >= 0.12),
    ({"max_speed": 0.12}, lambda e: e.expressiveness.speed <= 0.12),
    ({"min_peak": 1.108}, lambda e: e.expressiveness.peak >= 1.108),
    ({"min_extent": 0.19988}, lambda e: e.expressiveness.extent >= 0.19988),
    ({"min_strokes": 3}, lambda e: e.expressiveness.strokes >= 3),
    (
        {"speaker": "anna", "emotion": "joy", "min_speed": 0.1, "max_speed": 0.14},
        lambda e: e.speaker == "anna" and e.emotion == "joy" and 0.1 <= e.expressiveness.speed <= 0.14,
    ),
    ({"exclude": ("talk",)}, lambda e: e.recording != "talk"),
]


def _id(value: object) -> str:
    """A name that is the same in every process."""
    return "" if callable(value) else str(value or "none")


@pytest.mark.parametrize(("filters", "fits"), FILTERS, ids=_id)
def test_filters_let_through_what_they_say(built_library, filters, fits):
    opened = open_library(built_library)
    wanted = [entry for entry in opened.samples() if fits(entry)]
    assert rows(opened, **filters) == [entry.row for entry in wanted]
    assert rows(opened, **filters) == rows(opened, **filters)
    hits = opened.nearest(opened.keys("gesture").values[0], role="gesture", k=99, filters=Filters(**filters))
    assert {hit.sample.row for hit in hits} == {entry.row for entry in wanted}
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))


def test_filters_are_tested_where_they_make_a_difference(built_library):
    entries = open_library(built_library).samples()
    for filters, fits in FILTERS[1:]:
        if filters.get("emotion") != "sadness" and filters.get("words") not in ("there hello", "ell"):
            assert 0 < sum(map(fits, entries)) < len(entries), filters


def test_leaving_out_a_recording_leaves_out_what_shares_an_original(built_library):
    opened = open_library(built_library)

    def left_out(*names: str) -> set[str]:
        kept = {entry.recording for entry in opened.samples(rows(opened, exclude=names))}
        return {entry.recording for entry in opened.samples()} - kept

    assert left_out("quiet talk") == {"quiet talk"}
    assert left_out("anna/clip1") == {"anna/clip1", "a.wav#0"}  # the synthetic pair has its motion
    assert left_out("anna/clip2") == {"anna/clip2", "a.wav#0", "b.wav#0"}
    # The other pair of this speech, its clips, and the other pair with one of these clips.
    assert left_out("a.wav#0") == {"a.wav#0", "a.wav#1", "anna/clip1", "anna/clip2", "b.wav#0"}
    assert left_out("a.wav") == {"a.wav#0", "a.wav#1"}
    assert left_out("talk", "b.wav#0") == {"talk", "b.wav#0", "anna/clip2", "a.wav#0"}
    assert left_out("unknown") == set()


def test_words_are_compared_without_case_and_punctuation():
    assert plain_text("Don’t — stop, now!") == " don't stop now "
    assert plain_text("...") == ""


# ---------------------------------------------------------------------------- questions


def nearest_by_hand(opened, key: np.ndarray, role: str) -> list[int]:
    keys = opened.keys(role)
    return one_by_one(keys.values, key, 5, keys.present)


def test_a_speech_finds_gestures_and_a_motion_speeches(built_library):
    opened = open_library(built_library)
    speech = Speech(voice(2.4, seed=70)[0])
    motion = gesturing(2.4, seed=71)
    for query, by, side, role in (
        (speech, None, "motion", "gesture"),
        (speech, "speech", "speech", "speech"),
        (motion, None, "speech", "speech"),
        (motion, "motion", "motion", "gesture"),
    ):
        found = search(query, library=built_library, by=by, model=FAKE, span=(0.0, 2.4))
        assert found.by == side
        (part,) = found.found
        assert (part.start, part.end) == (0.0, pytest.approx(2.4))
        assert len(part.hits) == 5
        scores = [hit.score for hit in part.hits]
        assert scores == sorted(scores, reverse=True)
        again = search(query, library=opened, by=by, model=FAKE, span="0:2.4")
        assert again.as_dict() == found.as_dict()
        keys = opened.keys(role)
        best = keys.values[part.hits[0].sample.row].astype(np.float64)
        assert all(scores[0] >= score for score in scores)
        assert np.linalg.norm(best) == pytest.approx(1.0, abs=1e-6)


def test_a_result_has_its_fields_by_their_old_names(built_library):
    found = search(gesturing(2.4, seed=71), library=built_library, model=FAKE)
    assert (found.query, found.by) == ("motion", "speech")
    assert found.library.folder == built_library
    for old, new in (("base", "library"), ("asked", "query")):
        with pytest.warns(RenamedWarning, match=rf"SearchResult\.{old} is now called SearchResult\.{new}"):
            assert getattr(found, old) is getattr(found, new)
    assert (found.as_dict()["base"], found.as_dict()["asked"]) == (str(built_library), "motion")


def test_a_segment_finds_itself(built_library, library_dataset, tmp_path):
    opened, dataset = open_library(built_library), GestureDataset(library_dataset)
    whole = Codec().decode(dataset.motion(next(one for one in dataset if one.id == "anna/clip2")))
    saved = whole.save(tmp_path / "clip.bvh")
    for entry in (entry for entry in opened.samples() if entry.recording == "anna/clip2"):
        for query in (whole, saved):
            found = search(query, library=opened, by="motion", model=FAKE, span=(entry.start, entry.end))
            assert found.best.sample == entry
            assert found.best.score > 0.999
            others = search(
                query,
                library=built_library,
                by="motion",
                model=FAKE,
                span=(entry.start, entry.end),
                exclude=["anna/clip2"],
            )
            assert others.best.score < found.best.score
            assert others.best.sample.recording not in ("anna/clip2", "a.wav#0", "b.wav#0")
    again = found.motion(found.best)
    np.testing.assert_array_equal(Codec().encode(again)[:, :-3], store_rows(dataset, entry)[:, :-3])


def store_rows(dataset: GestureDataset, entry: LibrarySample) -> np.ndarray:
    item = next(one for one in dataset if one.id == entry.recording)
    return Codec().encode(Codec().decode(dataset.motion(item, entry.first, entry.last)))


def test_long_questions_are_cut_as_a_base_is(built_library):
    opened = open_library(built_library)
    for query in (Speech(voice(9.0, seed=5, pause=(3.0, 3.8))[0]), gesturing(9.0, seed=4)):
        found = search(query, library=opened, model=FAKE, k=2).found
        assert found[0].start == 0
        assert found[-1].end == pytest.approx(9.0)
        assert all(a.end == b.start for a, b in pairwise(found))
        assert all(1.0 <= part.end - part.start <= 4.0 and len(part.hits) == 2 for part in found)


def test_what_search_refuses(built_library, tmp_path, more_datasets):
    motion = gesturing(2.0, seed=1)
    for filters, message in (
        ({"speaker": "zoe"}, "unknown speaker 'zoe'; the library has anna, ben, carla"),
        ({"emotion": "bored"}, "unknown emotion 'bored'; known: neutral"),
        ({"emotion": "sadness", "min_speed": 9.0}, "none of 2"),
        ({"min_speed": 9.0, "by": "motion"}, "segments fits (min speed 9.0); ask for less"),
        ({"words": "?!"}, "words must hold a word; got '?!'"),
        ({"exclude": ("nobody",)}, "has nothing of a recording 'nobody'"),
        ({"by": "gesture"}, "by is speech or motion; got 'gesture'"),
        ({"k": 0}, "k must be 1 or more; got 0"),
        ({"span": (1.0, 9.0)}, "span 1:9"),
        ({"span": "1-2"}, "a span is START:END in seconds"),
        ({"transcript": "x.srt"}, "a transcript goes with a sound file"),
        ({"model": OtherEmbedder()}, "was made with the embedding fake (f00d, 16 numbers), this is"),
    ):
        with pytest.raises(UserError) as caught:
            search(motion, **{"library": built_library, "model": FAKE, **filters})
        assert message in str(caught.value), filters
        assert "\n" not in str(caught.value)
    (tmp_path / "face.csv").touch()
    for name, message in (("face.csv", "holds no motion of a body"), ("none.wav", "no such file")):
        with pytest.raises(UserError, match=message):
            search(tmp_path / name, library=built_library, model=FAKE)
    silent = [entry for entry in many_kinds() if entry.kind == "motion"]
    build_library(write_store(tmp_path / "store", silent), tmp_path / "silent", model=FAKE, quiet=True)
    with pytest.raises(UserError, match="has no speech that can be compared; ask by motion"):
        search(motion, library=tmp_path / "silent", model=FAKE)
    assert search(motion, library=tmp_path / "silent", model=FAKE, by="motion").best


# ---------------------------------------------------------------------------- damage


@pytest.fixture
def several(library_dataset, tmp_path, monkeypatch):
    """A library of several shards, and one recording for each of them."""
    monkeypatch.setattr("cospeech.gesture_library.writer.SHARD_FRAMES", 350)
    build_library(library_dataset, tmp_path / "several", model=FAKE, quiet=True)
    return tmp_path / "several"


def spoil(folder, role: str, how: str) -> tuple[str, set[int]]:
    """Damage the second shard's file of a role; its name and the rows of the shard."""
    opened = open_library(folder)
    file = next(file for file in opened.files if (file.shard, file.role) == (1, role))
    path = folder / file.name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(data[:-9] if how == "cut" else data)
    first, count = opened.catalogue.execute("SELECT first_row, rows FROM shard WHERE id = 1").fetchone()
    return file.name, set(range(first, first + count))


@pytest.mark.parametrize("how", ["one bit", "cut", "missing"])
def test_damaged_keys_are_told_and_the_rest_stays_usable(several, how, capfd):
    whole = open_library(several)
    query = whole.keys("gesture").values[0]
    before = [hit.sample for hit in whole.nearest(query, role="gesture", k=99)]
    name, lost = spoil(several, "gesture", how)
    assert [hit.sample for hit in whole.nearest(query, role="gesture", k=99)] == before  # read before
    opened = open_library(several)
    hits = [hit.sample for hit in opened.nearest(query, role="gesture", k=99)]
    assert hits == [entry for entry in before if entry.row not in lost]
    err = capfd.readouterr().err
    assert name in err
    assert f"{len(lost)} of {len(whole)} segments are left out" in err
    found = check_library(several)
    (problem,) = found.problems
    assert name in problem
    assert found.usable == len(whole) - len(lost)
    assert f"{len(lost)} of {len(whole)} segments are lost; build it again, or keep the rest" in found.complaint()


@pytest.mark.parametrize("how", ["one bit", "cut", "missing"])
def test_damaged_motion_is_told_and_the_rest_stays_usable(several, how, tmp_path, library_dataset, capfd):
    whole = open_library(several)
    motion = {entry.id: whole.encoded(entry) for entry in whole.samples()}
    name, lost = spoil(several, "motion", how)
    opened = open_library(several)
    hits = opened.nearest(opened.keys("gesture").values[0], role="gesture", k=99)
    assert len(hits) == len(whole)  # they can be found all the same
    for hit in hits:
        if hit.sample.row in lost:
            with pytest.raises(UserError, match=name) as caught:
                opened.encoded(hit.sample)
            assert "cospeech library check" in str(caught.value)
        else:
            np.testing.assert_array_equal(opened.encoded(hit.sample), motion[hit.sample.id])
    assert len(check_library(several).problems) == 1
    merge_libraries([several], tmp_path / "rest", quiet=True)
    assert name in capfd.readouterr().err
    rest = open_library(tmp_path / "rest")
    assert {entry.id for entry in rest.samples()} == {entry.id for entry in whole.samples() if entry.row not in lost}
    assert not check_library(tmp_path / "rest").problems
    add_to_library(tmp_path / "rest", library_dataset, model=FAKE, quiet=True)  # and what was lost is there again
    again = open_library(tmp_path / "rest")
    assert {entry.id: again.encoded(entry).tobytes() for entry in again.samples()} == {
        name: value.tobytes() for name, value in motion.items()
    }


def test_checking_sees_rows_that_do_not_fit(several, tmp_path):
    for number, change in enumerate(
        (
            "UPDATE entry SET first = 999999 WHERE row = 3",
            "DELETE FROM entry WHERE row = 3",
            "UPDATE shard SET rows = rows + 1 WHERE id = 1",
            "DELETE FROM file WHERE role = 'motion' AND shard = 1",
            "DELETE FROM recording WHERE id = 2",
            "UPDATE file SET bytes = bytes + 1 WHERE shard = 0",
        )
    ):
        place = shutil.copytree(several, tmp_path / f"changed{number}")
        with sqlite3.connect(place / "catalogue.sqlite") as catalogue:
            catalogue.execute(change)
        assert check_library(place).problems, change
    assert not check_library(several).problems
    assert isinstance(open_library(several).samples([2])[0], LibrarySample)
