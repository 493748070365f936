"""Windows of a dataset: the same for a seed, step and process, as they are in the dataset, and lazily read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.data import dataset as module
from cospeech.data.dataset import GestureDataset, SampleData, write_manifest, write_shard
from cospeech.data.windows import PAIRS, RECORDED, Moments, SampleArrays, WindowSampler, select_samples

CHANNELS, FEATURES = 267, 4


def data(name: str, frames: int, *, kind: str = "pair", split: str = "train") -> SampleData:
    rng = np.random.default_rng(frames)
    motion = rng.uniform(-1, 1, (frames, CHANNELS)).astype(np.float32)
    return SampleData(name, kind, split, "anna", "joy", motion, rng.normal(size=(frames, FEATURES)).astype(np.float32))


@pytest.fixture
def folder(tmp_path):
    """Five shards of one sample each; one sample is shorter than a window."""
    lengths = {"a": 90, "b": 200, "c": 20, "d": 150, "e": 120}
    for number, (name, frames) in enumerate(lengths.items()):
        kind = {"d": "motion", "e": "synthetic_pair"}.get(name, "pair")
        write_shard(tmp_path, number, [data(name, frames, kind=kind)], FEATURES)
    write_manifest(tmp_path, {"feature_dim": FEATURES}, range(len(lengths)))
    return tmp_path


def sampler(folder, **changes) -> WindowSampler:
    dataset = GestureDataset(folder)
    samples = select_samples(dataset, kinds=("motion", *PAIRS))
    return WindowSampler(dataset, samples, **{"batch_size": 8, "window": 32, "seed": 3} | changes)


def test_windows_are_frames_of_their_samples(folder):
    windows = sampler(folder)
    seen = set()
    for step in range(12):
        batch = windows(step)
        for row in range(8):
            sample, start = windows.samples[int(batch["index"][row])], int(batch["start"][row])
            seen.add(sample.id)
            count = min(32, sample.frames)
            assert batch["valid"][row].sum() == count
            whole = windows.dataset.motion(sample)
            np.testing.assert_array_equal(batch["motion"][row, :count], whole[start : start + count])
            whole = windows.dataset.inputs(sample)
            np.testing.assert_array_equal(batch["speech"][row, :count], whole[start : start + count])
            assert not batch["motion"][row, count:].any()
    assert seen == set("abcde")


def test_a_batch_depends_on_seed_step_and_process_alone(folder):
    first, again = sampler(folder), sampler(folder)
    again(7)
    for name, values in first(4, rank=1, world_size=2).items():
        np.testing.assert_array_equal(values, again(4, rank=1, world_size=2)[name])
        assert len(values) == 4
    others = [
        again(5, rank=1, world_size=2),
        again(4, rank=0, world_size=2),
        sampler(folder, seed=4)(4, rank=1, world_size=2),
    ]
    assert all((other["motion"] != first(4, rank=1, world_size=2)["motion"]).any() for other in others)


def test_weights_and_augmentation(folder):
    def louder(arrays, sample, rng):
        return {**arrays, "speech": arrays["speech"] * rng.uniform(2, 3)}

    plain, changed = (sampler(folder, weights=[0, 1, 0, 0, 0], augment=hook) for hook in (None, louder))
    one, other = plain(0), changed(0)
    assert set(one["index"]) == {1}
    assert one["start"][0] == other["start"][0]
    assert (np.abs(other["speech"][0]) >= 2 * np.abs(one["speech"][0])).all()


def test_no_more_shards_are_open_than_allowed(folder, monkeypatch):
    whole = [values for values in map(GestureDataset(folder).motion, GestureDataset(folder).items)]
    monkeypatch.setattr(module, "OPEN_SHARDS", 2)
    dataset = GestureDataset(folder)
    rng = np.random.default_rng(0)
    for index in rng.integers(len(whole), size=40):
        np.testing.assert_array_equal(dataset.motion(dataset.items[index], 3, 17), whole[index][3:17])
    maps = Path("/proc/self/maps").read_text().splitlines() if Path("/proc/self/maps").exists() else []
    assert sum(str(folder) in line for line in maps) <= 2


def test_samples_of_nothing_are_reported(folder):
    dataset = GestureDataset(folder)
    assert [s.id for s in select_samples(dataset, kinds=RECORDED, keep=lambda s: s.frames >= 100)] == ["b", "d"]
    with pytest.raises(UserError, match="has no speech with motion in val, test; prepare more"):
        select_samples(dataset, splits=("val", "test"), what="speech with motion")


def test_a_dataset_of_format_1_opens(folder):
    """Numbered shards, synthetic pairs by their old name, as versions before wrote it."""
    manifest = json.loads((folder / "manifest.json").read_text())
    before = GestureDataset(folder)
    items = [{**item, "kind": item["kind"].replace("synthetic", "made")} for item in manifest["items"]]
    header = {"feature_dim": FEATURES, "made_pairs": True}
    (folder / "manifest.json").write_text(json.dumps({"format": 1, **header, "items": items}))
    dataset = GestureDataset(folder)
    assert dataset.fingerprint == before.fingerprint
    assert dataset.synthetic_pairs is True
    for one, other in zip(dataset, before, strict=True):
        assert one == other
        np.testing.assert_array_equal(dataset.motion(one), before.motion(other))
    assert [s.id for s in dataset.select(kind="made_pair")] == [s.id for s in dataset.select(kind="synthetic_pair")]
    assert [s.id for s in dataset.select(kind="made_pair")] == ["e"]


def test_arrays_of_samples_are_computed_once(folder, tmp_path):
    dataset, computed = GestureDataset(folder), []

    def compute(sample):
        computed.append(sample.id)
        return dataset.motion(sample)[::4, :7].astype(np.float16)

    for _ in range(2):
        arrays = SampleArrays(tmp_path / "latents", dataset.items, compute, key="x")
        assert computed == list("abcde")
        assert arrays.lengths.tolist() == [23, 50, 5, 38, 30]
        for index, sample in enumerate(dataset):
            np.testing.assert_array_equal(arrays[index], dataset.motion(sample)[::4, :7].astype(np.float16))
    SampleArrays(tmp_path / "latents", dataset.items, compute, key="y")
    assert len(computed) == 10


def test_moments_are_those_of_all_rows(folder):
    dataset, moments = GestureDataset(folder), Moments()
    for sample in dataset:
        moments.add(dataset.motion(sample))
    rows = np.concatenate([dataset.motion(sample) for sample in dataset]).astype(np.float64)
    np.testing.assert_allclose(moments.mean, rows.mean(0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(moments.variance, rows.var(0), rtol=1e-9)
    np.testing.assert_allclose(moments.deviation, rows.std(0), rtol=1e-9)
