"""Motion of a library kept as latents of body parts: near what it was, small, merged, checked, refused in one line."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.data.dataset import GestureDataset
from cospeech.gesture_library import writer
from cospeech.gesture_library.build import add_to_library, build_library
from cospeech.gesture_library.catalogue import FILE
from cospeech.gesture_library.check import check_library, library_info
from cospeech.gesture_library.library import GestureLibrary, open_library
from cospeech.gesture_library.merge import merge_libraries
from cospeech.gesture_library.shards import Damaged
from cospeech.motion.codec import Codec
from cospeech.motion.phases import wrists_in_chest
from library_data import built_library, item, library_dataset, more_datasets, write_store
from test_library_frames import FrameEmbedder

__all__ = ["built_library", "library_dataset", "more_datasets"]  # fixtures

EMBEDDER = FrameEmbedder()


@pytest.fixture(scope="module")
def frames(library_dataset, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("frames") / "library"
    build_library(library_dataset, out, model=EMBEDDER, quiet=True)
    return out


@pytest.fixture(scope="module")
def latents(library_dataset, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("latents") / "library"
    build_library(library_dataset, out, model=EMBEDDER, motion="latents", quiet=True)
    return out


def wrists(library: GestureLibrary, row: int) -> np.ndarray:
    return wrists_in_chest(Codec().decode(library.encoded(library.samples([row])[0])))


def wrist_error(one: GestureLibrary, other: GestureLibrary) -> float:
    """Mean distance of the wrists of two libraries of the same samples, metres."""
    found = [np.linalg.norm(wrists(one, row) - wrists(other, row), axis=-1).ravel() for row in range(len(one))]
    return float(np.concatenate(found).mean())


def role_bytes(folder: Path, role: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(f"{role}-*.safetensors"))


def motions(library: GestureLibrary) -> dict[str, bytes]:
    return {sample.id: library.encoded(sample).tobytes() for sample in library.samples()}


def refused(what: str, call, *args, **options) -> None:
    with pytest.raises(UserError) as caught:
        call(*args, **options)
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrists_come_back_within_a_centimetre(frames, latents):
    exact, small = open_library(frames), open_library(latents)
    assert [sample.as_dict() for sample in small.samples()] == [sample.as_dict() for sample in exact.samples()]
    for row, sample in enumerate(exact.samples()):
        assert small.encoded(sample).shape == exact.encoded(sample).shape
        assert np.linalg.norm(wrists(small, row) - wrists(exact, row), axis=-1).mean() < 0.01
    assert 0 < wrist_error(small, exact) < 0.005
    assert len(small.motion(sample)) == sample.last - sample.first


def test_segments_are_decoded_as_in_the_whole_recording(latents, library_dataset):
    """Segments begin anywhere in a latent, and those of one recording join without a jump."""
    small = open_library(latents)
    assert any(sample.first % 4 for sample in small.samples())
    for one in GestureDataset(library_dataset).select(split="train"):
        parts = [small.encoded(sample) for sample in small.samples() if sample.recording == one.id]
        if parts:
            motion = GestureDataset(library_dataset).motion(one)
            whole = small.bases.unpacked(small.bases.packed(motion), 0, len(motion))
            off = np.abs(np.concatenate(parts) - whole)
            # A latent half way between two bytes may become either one, by how a machine multiplies matrices.
            assert (off > 1e-4).mean() < 0.005
            assert off.max() < 0.01


def test_it_is_small(frames, latents):
    """Budget of the shipped library, 3,000 segments of 2.2 s in 12 MB, of files that grow with the segments."""
    info = library_info(latents)
    assert info.motion == "latents"
    assert "motion      kept as latents" in info.lines()
    seconds = info.seconds / info.segments
    assert role_bytes(latents, "motion") < role_bytes(frames, "motion") / 20
    assert role_bytes(latents, "gesture") < role_bytes(frames, "gesture") / 2
    # Per second of motion, and of the keys of one segment: as many bytes as numbers, besides a header of each file.
    opened = open_library(latents)
    header = 200
    rows = sum(-(-frames // 4) for (frames,) in opened.catalogue.execute("SELECT frames FROM recording"))
    assert role_bytes(latents, "motion") <= 84 * rows + header
    assert role_bytes(latents, "gesture") <= EMBEDDER.embedding * info.segments + header
    keys = sum(len(opened.frame_keys(sample)) for sample in opened.samples())
    assert role_bytes(latents, "frames") <= EMBEDDER.fine * keys + 8 * info.segments + header
    assert 3000 * (84 * (2.2 * 30 / 4 + 1) + 2 * 128 + 64 * 2.2 * 30 / 4) + role_bytes(latents, "parts") < 10e6
    assert seconds > 1


def test_scores_hardly_change(frames, latents):
    exact, small = open_library(frames), open_library(latents)
    for role in ("gesture", "speech"):
        ours, theirs = small.keys(role), exact.keys(role)
        np.testing.assert_array_equal(ours.present, theirs.present)
        np.testing.assert_allclose(np.linalg.norm(ours.values[ours.present], axis=1), 1, atol=1e-6)
        assert np.abs(ours.values @ theirs.values.T - theirs.values @ theirs.values.T).max() < 0.01
    question = exact.frame_keys(exact.samples([3])[0])
    query = exact.keys("gesture").values[3]
    found = [
        {hit.sample.id: hit.score for hit in one.rerank(one.nearest(query, role="gesture", k=99), question)}
        for one in (exact, small)
    ]
    assert max(abs(found[0][name] - found[1][name]) for name in found[0]) < 0.01


def test_adding_keeps_the_bases(latents, more_datasets, tmp_path):
    grown = shutil.copytree(latents, tmp_path / "grown")
    before = motions(open_library(grown))
    add_to_library(grown, more_datasets[0], model=EMBEDDER, quiet=True)
    build_library(more_datasets[0], tmp_path / "exact", model=EMBEDDER, quiet=True)
    opened, exact = open_library(grown), open_library(tmp_path / "exact")
    assert opened.header.bases == open_library(latents).header.bases
    after = motions(opened)
    assert after.items() >= before.items()
    assert len(after) == len(before) + len(exact)
    assert not check_library(grown).problems
    added = {sample.id: sample for sample in opened.samples()}
    for sample in exact.samples():
        ours = wrists(opened, added[sample.id].row)
        assert np.linalg.norm(ours - wrists(exact, sample.row), axis=-1).mean() < 0.03


def test_merging_takes_latents_as_they_are(latents, more_datasets, tmp_path, monkeypatch):
    grown = shutil.copytree(latents, tmp_path / "grown")
    add_to_library(grown, more_datasets[0], model=EMBEDDER, quiet=True)
    monkeypatch.setattr(writer, "SHARD_FRAMES", 300)
    added = merge_libraries([latents, grown], tmp_path / "both", quiet=True)
    assert added.there == 8
    both = open_library(tmp_path / "both")
    assert motions(both) == motions(open_library(grown))
    np.testing.assert_allclose(both.keys("gesture").values, open_library(grown).keys("gesture").values, atol=1e-6)
    assert not check_library(tmp_path / "both").problems


def test_other_bases_are_refused_or_encoded_anew(frames, latents, more_datasets, tmp_path):
    build_library(more_datasets[0], tmp_path / "other", model=EMBEDDER, motion="latents", quiet=True)
    for others in (tmp_path / "other", frames):
        refused("keeps motion as", merge_libraries, [latents, others], tmp_path / "both")
        refused("encode both anew with --motion frames", merge_libraries, [latents, others], tmp_path / "both")
    assert not (tmp_path / "both").exists()
    merge_libraries([latents, tmp_path / "other"], tmp_path / "both", motion="latents", quiet=True)
    both = open_library(tmp_path / "both")
    assert len(both) == len(open_library(latents)) + len(open_library(tmp_path / "other"))
    assert not check_library(tmp_path / "both").problems
    merge_libraries([frames], tmp_path / "small", motion="latents", quiet=True)
    assert wrist_error(open_library(tmp_path / "small"), open_library(frames)) < 0.005
    merge_libraries([latents], tmp_path / "large", motion="frames", quiet=True)
    large = open_library(tmp_path / "large")
    assert large.header.bases is None
    assert wrist_error(large, open_library(latents)) < 0.0005
    refused("motion is frames or latents; got 'bytes'", merge_libraries, [frames], tmp_path / "no", motion="bytes")
    refused("motion is frames or latents; got 'bytes'", build_library, frames, tmp_path / "no", motion="bytes")


def test_libraries_of_frames_have_the_format_of_before(frames, latents, library_dataset, tmp_path):
    """What a version that knows format 1 alone opens is a library of frames; it refuses latents by their number."""
    place = shutil.copytree(latents, tmp_path / "library")
    for folder, number in ((frames, 1), (latents, 2)):
        with sqlite3.connect(folder / FILE) as catalogue:
            assert catalogue.execute("PRAGMA user_version").fetchone() == (number,)
            names = {name for (name,) in catalogue.execute("SELECT name FROM base")}
            assert ("bases" in names) == (number == 2)
    build_library(library_dataset, place, model=EMBEDDER, quiet=True)  # in the place of the other kind
    with sqlite3.connect(place / FILE) as catalogue:
        assert catalogue.execute("PRAGMA user_version").fetchone() == (1,)
    assert not list(place.glob("parts-*"))


@pytest.mark.parametrize("how", ["missing", "noise"])
def test_damaged_bases_are_told(latents, tmp_path, how):
    place = shutil.copytree(latents, tmp_path / "library")
    (path,) = place.glob("parts-*.safetensors")
    if how == "missing":
        path.unlink()
    else:
        whole = bytearray(path.read_bytes())
        whole[len(whole) // 2] ^= 1
        path.write_bytes(whole)
    opened = open_library(place)
    assert opened.nearest(opened.keys("gesture").values[0], role="gesture", k=1)[0].score > 0.99  # keys are whole
    with pytest.raises(Damaged, match="parts-"):
        opened.encoded(opened.samples([0])[0])
    found = check_library(place)
    assert any("parts-" in problem for problem in found.problems)
    assert found.usable == 0
    refused("parts-", merge_libraries, [place], tmp_path / "saved", quiet=True)
    assert not (tmp_path / "saved").exists()


def test_a_damaged_shard_costs_its_own_recordings(library_dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "SHARD_FRAMES", 300)
    place = tmp_path / "library"
    build_library(library_dataset, place, model=EMBEDDER, motion="latents", quiet=True)
    before = motions(open_library(place))
    path = sorted(place.glob("motion-*.safetensors"))[0]
    path.write_bytes(path.read_bytes()[:-8])
    found = check_library(place)
    assert 0 < found.usable < found.segments
    merge_libraries([place], tmp_path / "saved", quiet=True)
    saved = motions(open_library(tmp_path / "saved"))
    assert len(saved) == found.usable
    assert saved.items() <= before.items()


def test_rows_that_do_not_fit_are_seen(latents, tmp_path):
    place = shutil.copytree(latents, tmp_path / "library")
    with sqlite3.connect(place / FILE) as catalogue:
        catalogue.execute("UPDATE shard SET frames = frames + 4")
    assert any("has the shape" in problem for problem in check_library(place).problems)


def test_motion_beyond_the_bases_is_held_within_bytes(latents, tmp_path):
    """A recording far livelier than what the bases were fitted to is limited, not wrapped round."""
    lively = item("lively", "motion", 4.0, seed=50)
    encoded = lively.motion.copy()
    encoded[:, : 6 * 14] *= np.random.default_rng(0).choice([-1.0, 1.0], size=(len(encoded), 1))
    store = write_store(tmp_path / "store", [type(lively)(**{**vars(lively), "motion": encoded})])
    grown = shutil.copytree(latents, tmp_path / "grown")
    add_to_library(grown, store, model=EMBEDDER, quiet=True)
    opened = open_library(grown)
    found = [sample for sample in opened.samples() if sample.recording == "lively"]
    assert all(np.isfinite(opened.encoded(sample)).all() for sample in found)
    assert json.dumps(found[0].as_dict())
