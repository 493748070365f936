"""The shard store: what is written comes back, and damage is told instead of read."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from corpus_data import gesturing
from cospeech.core.errors import UserError
from cospeech.data.clips import Dropped, GestureClip
from cospeech.data.dataset import GestureDataset, SampleData, write_manifest, write_shard
from cospeech.motion.codec import Codec

CODEC = Codec()


def entry(name: str, frames: int = 60, *, seed: int = 0, **changes) -> SampleData:
    rng = np.random.default_rng(seed)
    motion = CODEC.encode(gesturing(frames / 30, seed=seed))
    motion[:, CODEC.slices["root"]] += rng.normal(0, 0.05, (frames, 3)).astype(np.float32)
    features = rng.normal(size=(frames, 4)).astype(np.float32)
    made = SampleData(name, "pair", "train", "anna", "joy", motion, features, {"speed": 0.25})
    return replace(made, **changes)


@pytest.fixture
def entries() -> list[SampleData]:
    return [
        entry("a", 61, seed=1),
        entry("b", 45, seed=2, kind="motion", features=None, split="val", speaker="ben", emotion=None),
        entry("c", 70, seed=3, kind="synthetic_pair", split="test", info={"sources": ["a"], "far": float("nan")}),
    ]


@pytest.fixture
def folder(tmp_path, entries):
    write_shard(tmp_path, 0, entries[:2], 4)
    write_shard(tmp_path, 1, entries[2:], 4)
    write_manifest(tmp_path, {"feature_dim": 4, "made_pairs": True}, range(2))
    return tmp_path


def test_everything_comes_back(folder, entries):
    dataset = GestureDataset(folder)
    assert len(dataset) == 3
    assert [item.id for item in dataset] == ["a", "b", "c"]
    assert dataset.header == {"feature_dim": 4, "synthetic_pairs": True}
    assert dataset.synthetic_pairs is True
    for item, written in zip(dataset, entries, strict=True):
        for name in ("id", "kind", "split", "speaker", "emotion"):
            assert getattr(item, name) == getattr(written, name)
        assert item.frames == len(written.motion)
        np.testing.assert_allclose(dataset.motion(item), written.motion, atol=0.5 / 32767 + 1e-7)
        features = np.zeros((item.frames, 4)) if written.features is None else written.features
        np.testing.assert_allclose(dataset.features(item), features, rtol=1e-3, atol=1e-4)
        assert dataset.motion(item).dtype == dataset.features(item).dtype == np.float32
    assert dataset.items[0].info == {"speed": 0.25}
    assert np.isnan(dataset.items[2].info["far"])


def test_rounding_is_as_fine_as_the_docs_say(folder, entries):
    """Half of the space of float32 for a few thousandths of a degree and hundredths of a millimetre."""
    dataset = GestureDataset(folder)
    for item, written in zip(dataset, entries, strict=True):
        old, new = CODEC.decode(written.motion), CODEC.decode(dataset.motion(item))
        chord = np.linalg.norm(old.rotations.astype(np.float64) - new.rotations, axis=(-2, -1))
        assert np.rad2deg(chord / np.sqrt(2)).max() < 0.005
        assert np.abs(old.translation - new.translation).max() < 3e-5
        assert np.linalg.norm(old.positions - new.positions, axis=-1).max() < 1e-3


def test_any_frames_of_an_item(folder, entries):
    dataset = GestureDataset(folder)
    for item in dataset:
        whole, inputs = dataset.motion(item), dataset.features(item)
        for start, end in ((0, 0), (0, 7), (13, 29), (item.frames - 1, item.frames)):
            np.testing.assert_array_equal(dataset.motion(item, start, end), whole[start:end])
            np.testing.assert_array_equal(dataset.features(item, start, end), inputs[start:end])
        for start, end in ((-1, 5), (5, 4), (0, item.frames + 1)):
            with pytest.raises(UserError, match=f"outside of sample '{item.id}'"):
                dataset.motion(item, start, end)


def test_what_is_out_of_range_is_clipped_not_wrapped(tmp_path, entries):
    far = entries[0].motion.copy()
    far[:, CODEC.slices["root"]] = [1.5, -2.0, 0.25]
    write_shard(tmp_path, 0, [replace(entries[0], motion=far)], 4)
    write_manifest(tmp_path, {}, [0])
    dataset = GestureDataset(tmp_path)
    root = dataset.motion(dataset.items[0])[:, CODEC.slices["root"]]
    np.testing.assert_allclose(root, np.tile([1.0, -1.0, 0.25], (61, 1)), atol=1e-4)


def test_select_by_split_and_kind(folder):
    dataset = GestureDataset(folder)
    assert [item.id for item in dataset.select(split="val")] == ["b"]
    assert [item.id for item in dataset.select(split=("train", "test"))] == ["a", "c"]
    assert [item.id for item in dataset.select(kind=("motion", "pair"))] == ["a", "b"]
    assert dataset.select(split="val", kind="synthetic_pair") == []
    assert len(dataset.select()) == 3
    assert dataset.speakers == ("anna", "ben")


def test_the_fingerprint_changes_with_the_items(folder, tmp_path, entries):
    before = GestureDataset(folder).fingerprint
    assert before == GestureDataset(folder).fingerprint
    write_shard(folder, 1, [replace(entries[2], id="d")], 4)
    write_manifest(folder, {}, range(2))
    assert GestureDataset(folder).fingerprint != before


def test_the_same_entries_are_the_same_bytes(folder, entries, tmp_path_factory):
    other = tmp_path_factory.mktemp("again")
    write_shard(other, 0, entries[:2], 4)
    for suffix in ("safetensors", "json"):
        name = f"shard-00000.{suffix}"
        assert (other / name).read_bytes() == (folder / name).read_bytes()


def test_safetensors_itself_reads_a_shard(folder, entries):
    from safetensors.numpy import load_file

    arrays = load_file(folder / "shard-00000.safetensors")
    assert arrays["motion"].dtype == np.int16
    assert arrays["motion"].shape == (61 + 45, CODEC.channels)
    assert arrays["features"].dtype == np.float16


def damage(folder, how: str) -> None:
    path = folder / "shard-00001.safetensors"
    whole = path.read_bytes()
    if how == "missing":
        path.unlink()
        return
    path.write_bytes(
        {
            "empty": b"",
            "cut": whole[: len(whole) // 2],
            "cut by a byte": whole[:-1],
            "cut in the header": whole[:20],
            "noise": np.random.default_rng(0).bytes(4000),
            "text": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n",
            "header of another kind": (2).to_bytes(8, "little") + b"[]" + whole,
            "without motion": whole.replace(b'"motion"', b'"mOtion"'),
            "of another type": whole.replace(b'"I16"', b'"I64"'),
        }[how]
    )


@pytest.mark.parametrize(
    "how",
    [
        "missing",
        "empty",
        "cut",
        "cut by a byte",
        "cut in the header",
        "noise",
        "text",
        "header of another kind",
        "without motion",
        "of another type",
    ],
)
def test_a_damaged_shard_is_told_in_one_line(folder, how):
    damage(folder, how)
    dataset = GestureDataset(folder)  # opening reads the manifest alone
    with pytest.raises(UserError, match=r"shard-00001\.safetensors cannot be read") as caught:
        dataset.motion(dataset.items[2])
    assert "\n" not in str(caught.value)
    assert "prepare" in str(caught.value)
    assert dataset.motion(dataset.items[0]).shape == (61, CODEC.channels)  # the other shard is still good


def test_a_shard_of_another_run_is_told(folder, entries):
    write_shard(folder, 1, [entry("c", 20)], 4)
    dataset = GestureDataset(folder)
    with pytest.raises(UserError, match="shard 1 ends before 'c' does"):
        dataset.motion(dataset.items[2])


@pytest.mark.parametrize(
    ("change", "place"), [({"frames": "60"}, "[0].frames"), ({"start": None}, "[0].start"), ({"color": 1}, "'color'")]
)
def test_a_sample_of_wrong_values_is_told(folder, change, place):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["items"][0] |= change
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match=r"manifest\.json is damaged") as caught:
        GestureDataset(folder)
    assert place in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"format": 1}', '{"format": 1, "items": [{"id": "a"}]}', '{"format": 1, "items": 5}']
)
def test_a_damaged_manifest_is_told(folder, text):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(UserError, match=r"manifest\.json is damaged") as caught:
        GestureDataset(folder)
    assert "\n" not in str(caught.value)


def test_no_store_and_a_store_of_the_future(folder, tmp_path_factory):
    with pytest.raises(UserError, match="is no dataset"):
        GestureDataset(tmp_path_factory.mktemp("empty"))
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": 3}))
    with pytest.raises(UserError, match="has dataset format 3, this version reads 1 and 2"):
        GestureDataset(folder)


def test_clips_say_what_they_are():
    clip = GestureClip("a", "anna", "train", motion=gesturing(1.0, seed=0))
    assert clip.speech is None
    assert clip.emotion is None
    assert Dropped("b", "too short").reason == "too short"
