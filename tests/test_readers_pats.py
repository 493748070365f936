"""PATS: what the reader finds in files laid out as the corpus is; clips of points."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest

from corpus_data import voice
from cospeech.core.errors import UserError
from cospeech.data.clips import Dropped
from cospeech.data.point_clips import PointClip
from cospeech.data.readers import pats, read_points
from cospeech.speech.audio import write_wav
from reader_data import by_id


def write_interval(path, frames: int = 45, *, words: bool = True, confidence: bool = True) -> np.ndarray:
    """One interval; returns its points [T, 52, 2] in pixels."""
    h5py = pytest.importorskip("h5py")
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(frames)
    points = np.array([600.0, 250.0]) + rng.normal(size=(frames, 52, 2)) * 80
    relative = np.concatenate([points[:, :1], points[:, 1:] - points[:, :1]], axis=1)
    with h5py.File(path, "w") as file:
        file["pose/data"] = np.concatenate([relative[..., 0], relative[..., 1]], axis=1)
        file["pose/normalize"] = np.zeros((frames, 104))
        if confidence:
            file["pose/confidence"] = np.tile(rng.random((frames, 52)), 2)
        file["audio/log_mel_400"] = np.zeros((frames, 64))
        if words:
            texts = np.array([["so"], ["what"], ["now"]], dtype=object)
            meta = file.create_group("text/meta")
            meta["block0_items"] = np.array([b"Word"])
            values = meta.create_dataset("block0_values", (1,), dtype=h5py.vlen_dtype(np.uint8))
            values[0] = np.frombuffer(pickle.dumps(texts), np.uint8)
            meta["block1_items"] = np.array([b"start_frame", b"end_frame"])
            meta["block1_values"] = np.array([[3.0, 6.0], [6.0, 15.0], [40.0, 60.0]])
    return points


def write_table(folder, *rows: tuple[str, str, str]) -> None:
    """cmu_intervals_df.csv of (interval, speaker, dataset)."""
    folder.mkdir(parents=True, exist_ok=True)
    head = "dataset,delta_time,end_time,interval_id,speaker,start_time,video_fn,video_link\n"
    lines = [f"{own},3.0,0:00:05,{name},{who},0:00:02,a.mp4,http://x\n" for name, who, own in rows]
    (folder / "cmu_intervals_df.csv").write_text(head + "".join(lines))


class TestPats:
    """The table, and an h5 file an interval."""

    def test_intervals(self, tmp_path, capsys):
        h5py = pytest.importorskip("h5py")
        rows = [("1", "oliver", "train"), ("2", "oliver", "dev"), ("3", "oliver", "test"), ("4", "maher", "dev")]
        write_table(tmp_path / "data", *rows)
        own = tmp_path / "data" / "processed" / "oliver"
        truth = write_interval(own / "1.h5")
        write_interval(own / "2.h5", 60, words=False, confidence=False)
        write_interval(own / "3.h5", 50)
        with h5py.File(tmp_path / "data" / "missing_intervals.h5", "w") as file:
            file["intervals"] = np.array([b"3", b"99"])
        clips = by_id(read_points("pats", tmp_path))
        assert clips.pop("3") == Dropped("3", "listed in missing_intervals.h5")
        assert {name: (clip.speaker, clip.split) for name, clip in clips.items()} == {
            "1": ("oliver", "train"),
            "2": ("oliver", "val"),
        }
        assert "no folder of maher" in capsys.readouterr().err
        clip = clips["1"]
        assert (clip.fps, clip.frames, clip.seconds, clip.speech) == (15.0, 45, 3.0, None)
        assert clip.points.dtype == np.float32
        np.testing.assert_allclose(clip.points, truth, atol=1e-3)
        assert clip.confidence.shape == (45, 52)
        said = [(word.text, word.start, word.end) for word in clip.words]
        assert said == [("so", 0.2, 0.4), ("what", 0.4, 1.0), ("now", pytest.approx(40 / 15), 3.0)]
        assert clips["2"].words == ()
        assert clips["2"].confidence is None
        assert [clip.id for clip in pats.read(tmp_path / "data", limit=1, quiet=True)] == ["1"]

    def test_bones(self):
        """data/skeleton.py: arms from the neck, hands from the wrists."""
        bones = {pats.NAMES[k]: pats.NAMES[p] if p >= 0 else "" for k, p in enumerate(pats.PARENTS)}
        assert len(bones) == 52
        wanted = {
            "Neck": "",
            "RShoulder": "Neck",
            "LWrist": "LElbow",
            "Nose": "Neck",
            "REye": "Nose",
            "LHandRoot": "LWrist",
            "RHandRoot": "RWrist",
            "LHandThumb1": "LHandRoot",
            "RHandLittle4": "RHandLittle3",
            "RHandIndex1": "RHandRoot",
        }
        assert {name: bones[name] for name in wanted} == wanted

    def test_sound_that_was_fetched(self, tmp_path, capsys):
        write_table(tmp_path, *((name, "oliver", "train") for name in "1234"))
        for name in "1234":
            write_interval(tmp_path / "processed" / "oliver" / f"{name}.h5")
        sound = tmp_path / "raw" / "oliver_cropped"
        sound.mkdir(parents=True)
        for name, seconds in (("1", 3.02), ("2", 2.8), ("3", 9.0)):
            write_wav(sound / f"{name}.wav", voice(seconds, seed=1)[0])
            (sound / f"{name}.wav").rename(sound / f"{name}.mp3")  # what is in it counts
        (sound / "4.mp3").write_bytes(b"nothing")
        clips = by_id(pats.read(tmp_path))
        assert "sound and motion differ" in clips["3"].reason
        assert clips["4"].speech is None
        assert "4: read without sound" in capsys.readouterr().err
        assert (clips["1"].frames, clips["2"].frames) == (45, 42)
        for name in "12":
            clip = clips[name]
            assert isinstance(clip, PointClip)
            assert clip.speech.seconds == pytest.approx(clip.seconds, abs=1e-4)
            assert clip.speech.words == clip.words
        assert clips["2"].words[-1].end == pytest.approx(2.8)
        assert len(clips["2"].confidence) == 42

    def test_what_is_broken(self, tmp_path, capsys):
        h5py = pytest.importorskip("h5py")
        with pytest.raises(UserError, match=r"no pats folder: it has no cmu_intervals_df\.csv"):
            list(pats.read(tmp_path))
        own = tmp_path / "processed" / "oliver"
        write_table(tmp_path, *((name, "oliver", "train") for name in "12345"), ("6", "oliver", ""))
        write_interval(own / "6.h5")
        (own / "1.h5").write_bytes(b"nothing")
        for name, key, value in (
            ("2", "pose/data", np.zeros((9, 100))),
            ("3", "pose/other", np.zeros(3)),
            ("4", "pose/data", np.full((9, 104), np.nan)),
        ):
            with h5py.File(own / f"{name}.h5", "w") as file:
                file[key] = value
        reasons = {name: clip.reason for name, clip in by_id(pats.read(tmp_path, quiet=True)).items()}
        assert reasons.pop("1")
        assert reasons.pop("2") == "pose/data must be [T, 104]; got [9, 100]"
        assert "has no pose/data" in reasons.pop("3")
        assert "must be finite numbers" in reasons.pop("4")
        assert reasons.pop("5") == "no h5 file of that interval"
        assert reasons.pop("6") == "the table has no split for it ('')"
        assert not reasons
        write_table(tmp_path, ("6", "oliver", "train"))
        with h5py.File(own / "6.h5", "a") as file:
            del file["text/meta/block0_items"]
        (clip,) = pats.read(tmp_path)
        assert clip.words == ()
        assert "6: read without words" in capsys.readouterr().err
        (tmp_path / "missing_intervals.h5").write_bytes(b"nothing")
        with pytest.raises(UserError, match=r"missing_intervals\.h5 is no HDF5 file"):
            list(pats.read(tmp_path, quiet=True))
        (tmp_path / "cmu_intervals_df.csv").write_text("speaker,video\noliver,1\n")
        with pytest.raises(UserError, match="must have the columns interval_id, speaker, dataset; got speaker"):
            list(pats.read(tmp_path, quiet=True))

    def test_where_it_is_read(self, tmp_path, monkeypatch):
        with pytest.raises(UserError, match="unknown corpus of points 'ted'; known: keypoints, pats"):
            read_points("ted", tmp_path)
        write_table(tmp_path, ("1", "oliver", "train"))
        monkeypatch.setitem(sys.modules, "h5py", None)
        with pytest.raises(UserError, match=r"reading pats needs h5py, which is not installed; pip install 'co"):
            list(pats.read(tmp_path))


def test_point_clips():
    def clip(points, confidence=None, fps: float = 15.0) -> PointClip:
        return PointClip("a", "b", "train", fps, ("Neck", "Nose"), (-1, 0), points, confidence)

    own = clip(np.zeros((30, 2, 2)), np.ones((30, 2)))
    assert (own.frames, own.seconds, own.points.dtype, own.confidence.dtype) == (30, 2.0, np.float32, np.float32)
    for points in (np.zeros((30, 3, 2)), np.zeros((30, 2, 3)), np.full((30, 2, 2), np.nan)):
        with pytest.raises(UserError, match=r"finite numbers \[T, 2, 2\]"):
            clip(points)
    with pytest.raises(UserError, match="confidence must be"):
        clip(np.zeros((30, 2, 2)), np.ones((29, 2)))
    with pytest.raises(UserError, match="fps"):
        clip(np.zeros((30, 2, 2)), fps=0.0)
