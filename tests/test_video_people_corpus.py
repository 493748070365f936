"""A corpus of synthetic people: separate splits, reproducible from its seed, intact after an interruption."""

import json

import numpy as np
import pytest

from corpus_data import gesturing
from cospeech.core.errors import UserError
from cospeech.data.dataset import GestureDataset, SampleData, write_manifest, write_shard
from cospeech.motion.codec import Codec
from cospeech.video.synthetic import corpus
from cospeech.video.synthetic.corpus import SyntheticPeople, build_synthetic_people

CAST = {"train": ("Anna", "Bert"), "val": ("Cleo",)}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    entries = [
        SampleData(f"{name}/{k}", "motion", split, name, None, Codec().encode(gesturing(2.0, seed=k)), None)
        for split, names in CAST.items()
        for name in names
        for k in range(2)
    ]
    write_shard(folder, 0, entries, 4)
    write_manifest(folder, {"feature_dim": 4}, range(1))
    return GestureDataset(folder)


def build(dataset, out, count=3, **options):
    """A small corpus."""
    wanted = {"frames_each": 2, "size": 64, "shard": 2, "quiet": True} | options
    return build_synthetic_people(dataset, out, count=count, **wanted)


def test_what_is_written(dataset, tmp_path):
    people = SyntheticPeople(build(dataset, tmp_path / "p"))
    assert len(people) == 3
    assert [person.number for person in people.people] == [0, 1, 2]
    assert [(person.shard, person.start) for person in people.people] == [(0, 0), (0, 2), (1, 0)]
    for person, film in zip(people.people, people, strict=True):
        assert person.actor in CAST["train"]
        assert film.frames.shape == (2, 64, 64, 3)
        assert film.points.shape == (2, 116, 2)
        assert film.mask.shape == film.parts.shape == (2, 64, 64)
        assert (film.mask > 0).mean() > 0.1
        assert np.abs(film.points[0, :48] - film.points[1, :48]).max() > 3  # another pose
        np.testing.assert_array_equal(film.frames[0, 0, 0], film.frames[1, 0, 0])  # the same background


def test_splits_share_neither_people_nor_actors(dataset, tmp_path):
    first, other = (SyntheticPeople(build(dataset, tmp_path / split, split=split)) for split in ("train", "val"))
    assert {person.actor for person in other.people} == {"Cleo"}
    assert not {person.actor for person in first.people} & {person.actor for person in other.people}
    for one in first:
        for two in other:
            assert np.abs(one.frames.astype(int) - two.frames).mean() > 10


def test_goes_on_where_it_stopped(dataset, tmp_path, monkeypatch):
    whole = build(dataset, tmp_path / "whole")
    real, calls = corpus.render_person, []

    def stops(*args, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*args, **options)

    monkeypatch.setattr(corpus, "render_person", stops)
    with pytest.raises(KeyboardInterrupt):
        build(dataset, tmp_path / "cut")
    assert len(SyntheticPeople(tmp_path / "cut")) == 2  # can be read already
    assert not list((tmp_path / "cut").glob(".*"))
    calls.clear()
    monkeypatch.setattr(corpus, "render_person", lambda *args, **options: (calls.append(1), real(*args, **options))[1])
    build(dataset, tmp_path / "cut")
    assert len(calls) == 1
    for one, two in zip(SyntheticPeople(whole), SyntheticPeople(tmp_path / "cut"), strict=True):
        np.testing.assert_array_equal(one.frames, two.frames)


def test_more_people_later(dataset, tmp_path):
    build(dataset, tmp_path / "p", count=2)
    before = SyntheticPeople(tmp_path / "p").film(SyntheticPeople(tmp_path / "p").people[1])
    people = SyntheticPeople(build(dataset, tmp_path / "p", count=4))
    assert len(people) == 4
    np.testing.assert_array_equal(before.frames, people.film(people.people[1]).frames)


def test_film_is_consecutive(dataset, tmp_path):
    people = SyntheticPeople(build(dataset, tmp_path / "p", count=1, frames_each=10, film=True, actors=["Bert"]))
    film = people.film(people.people[0])
    assert people.people[0].actor == "Bert"
    steps = np.linalg.norm(np.diff(film.points[:, :6], axis=0), axis=-1)
    assert steps.max() < 4  # pixels of 64, a thirtieth of a second
    assert np.linalg.norm(film.points[0, :6] - film.points[-1, :6], axis=-1).max() > steps.min()


def test_refusals(dataset, tmp_path):
    build(dataset, tmp_path / "p", count=1)
    with pytest.raises(UserError, match="its seed is 0, requested is 1"):
        build(dataset, tmp_path / "p", count=1, seed=1)
    with pytest.raises(UserError, match="there are Anna, Bert"):
        build(dataset, tmp_path / "q", actors=["Cleo"])
    with pytest.raises(UserError, match="split 'test'"):
        build(dataset, tmp_path / "q", split="test")
    with pytest.raises(UserError, match="the longest has 60"):
        build(dataset, tmp_path / "q", frames_each=100, film=True)
    with pytest.raises(UserError, match="1 or more"):
        build(dataset, tmp_path / "q", count=0)
    with pytest.raises(UserError, match="no manifest"):
        SyntheticPeople(tmp_path)
    (tmp_path / "p" / "manifest.json").write_text(json.dumps({"format": 9}))
    with pytest.raises(UserError, match="format 9"):
        SyntheticPeople(tmp_path / "p")
