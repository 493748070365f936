"""Formats by suffix, whole-or-nothing writing, and broken files of every kind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from cospeech import Speech, Word, convert
from cospeech.core.errors import UserError
from cospeech.motion import motion as motion_module
from cospeech.motion.formats import FORMATS, Format, known_suffixes, load_motion, save_motion
from cospeech.motion.formats.keypoints import load_keypoints
from cospeech.motion.retarget import to_rig
from format_data import canonical_motion

READABLE = known_suffixes("read")
DRAWN = known_suffixes("write", content="picture")
WRITTEN = [suffix for suffix in FORMATS if not FORMATS.get(suffix).needs]
MOTION_FILES = [suffix for suffix in WRITTEN if suffix not in DRAWN]
OPTIONS = {".glb": {"mesh": False}, ".fbx": {"mesh": False}, ".html": {"level": 1}, ".mp4": {"size": 64, "quiet": True}}


def saved(folder: Path, suffix: str, frames: int = 6) -> Path:
    return save_motion(canonical_motion(frames), folder / f"whole{suffix}", **OPTIONS.get(suffix, {}))


def read(path: Path):
    return load_keypoints(path) if path.suffix == ".json" else load_motion(path)


def test_formats_are_complete():
    assert set(FORMATS) == {".bvh", ".npz", ".glb", ".fbx", ".vrma", ".vrm", ".csv", ".json", ".html", ".mp4"}
    for suffix in FORMATS:
        form = FORMATS.get(suffix)
        assert form.suffix == suffix
        assert form.title
        assert form.read or form.write
    assert DRAWN == (".html", ".mp4")


@pytest.mark.parametrize("suffix", WRITTEN)
def test_every_format_through_the_motion_itself(tmp_path, suffix):
    motion = canonical_motion(6)
    path = motion.save(tmp_path / f"a{suffix.upper()}", **OPTIONS.get(suffix, {}))
    assert path.is_file()
    if suffix in READABLE:
        assert motion_module.load_motion(path).frames == 6


def test_unknown_suffixes_and_options(tmp_path):
    motion = canonical_motion(2)
    with pytest.raises(UserError, match=r"unknown suffix '\.usd'; to write there are \.bvh, \.npz, \.glb"):
        save_motion(motion, tmp_path / "a.usd")
    with pytest.raises(
        UserError, match=r"unknown suffix '\.usd'; to read there are \.bvh, \.npz, \.glb, \.fbx, \.vrma, \.vrm, \.csv"
    ):
        load_motion(tmp_path / "a.usd")
    with pytest.raises(UserError, match=r"unknown suffix ''"):
        save_motion(motion, tmp_path / "a")
    with pytest.raises(UserError, match=r"\.bvh takes no option 'level'; it takes unit, order, rig"):
        save_motion(motion, tmp_path / "a.bvh", level=1)
    with pytest.raises(UserError, match=r"\.npz takes no option 'level'"):
        save_motion(motion, tmp_path / "a.npz", level=1)
    assert not list(tmp_path.iterdir())


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        load_motion(tmp_path / "missing.bvh")
    (tmp_path / "folder.bvh").mkdir()
    with pytest.raises(UserError, match="is no file"):
        load_motion(tmp_path / "folder.bvh")
    for suffix in WRITTEN:
        with pytest.raises(UserError, match="does not exist"):
            saved(tmp_path / "no" / "where", suffix)


@pytest.mark.parametrize("suffix", WRITTEN)
def test_a_failed_write_leaves_the_old_file(tmp_path, suffix, monkeypatch):
    path = saved(tmp_path, suffix)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UserError, match="No space left on device; nothing was written"):
        saved(tmp_path, suffix, frames=9)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", WRITTEN)
def test_same_motion_same_bytes(tmp_path, suffix):
    assert saved(tmp_path, suffix).read_bytes() == saved(tmp_path, suffix).read_bytes()


@pytest.mark.parametrize("suffix", [suffix for suffix in MOTION_FILES if suffix != ".fbx"])  # test_format_fbx has it
def test_broken_files_are_user_errors(tmp_path, suffix):
    """Cut anywhere, overwritten, garbage, empty: a one-line UserError or a sound motion, nothing else."""
    whole = saved(tmp_path, suffix).read_bytes()
    rng = np.random.default_rng(0)
    broken = [b"", b"\0", b"\n", whole[:1], bytes(rng.integers(0, 256, 500, dtype=np.uint8)), b"{}", b"[" * 100_000]
    broken += [whole[: int(length)] for length in rng.integers(1, len(whole), 12)]
    broken += [whole[: int(length)] for length in rng.integers(1, min(len(whole), 2000), 12)]
    for _ in range(50):
        data = bytearray(whole)
        reach = len(data) if rng.random() < 0.5 else min(len(data), 3000)
        for _ in range(int(rng.integers(1, 6))):
            data[int(rng.integers(reach))] = int(rng.integers(256))
        broken.append(bytes(data))
    for other in MOTION_FILES:  # the right bytes under the wrong name
        if other != suffix:
            broken.append(saved(tmp_path, other).read_bytes())
    path = tmp_path / f"broken{suffix}"
    messages = []
    for data in broken:
        path.write_bytes(data)
        try:
            read(path)
        except UserError as error:
            messages.append(str(error))
    assert len(messages) > 25
    assert all(str(path) in message and "\n" not in message for message in messages)


@pytest.mark.parametrize("suffix", DRAWN)
def test_drawn_motion_is_not_read_back(tmp_path, suffix):
    with pytest.raises(UserError, match=rf"\{suffix} holds drawn motion; to read there are \.bvh"):
        load_motion(saved(tmp_path, suffix))


def test_pictures_take_the_speech_and_other_rigs(tmp_path):
    speech = Speech(np.zeros(4800, dtype=np.float32), 16000, words=(Word("hello", 0.0, 0.2),))
    rig = to_rig(canonical_motion(6), "mixamo")
    page = rig.save(tmp_path / "a.html", speech=speech, level=1).read_text(encoding="utf-8")
    assert '"hello"' in page
    rig.save(tmp_path / "a.mp4", speech=speech, size=64, quiet=True)
    with av.open(str(tmp_path / "a.mp4")) as film:
        assert (len(film.streams.video), len(film.streams.audio)) == (1, 1)


def test_a_script_adds_a_format(tmp_path, monkeypatch):
    def write(motion, path, *, digits: int = 3):
        path.write_text(f"{round(motion.seconds, digits)} {motion.skeleton.names[0]}")
        return path

    monkeypatch.setitem(FORMATS.registered, ".length", Format(".length", "how long it lasts", write=write))
    path = tmp_path / "a.length"
    canonical_motion(6).save(path, digits=1)
    assert path.read_text() == "0.2 pelvis"
    convert(saved(tmp_path, ".bvh"), path)
    assert path.read_text() == "0.2 pelvis"
    with pytest.raises(UserError, match=r"\.length takes no option 'unit'; it takes digits"):
        canonical_motion(6).save(path, unit=1)
    with pytest.raises(UserError, match=r"to write there are .*\.mp4, \.length"):
        canonical_motion(6).save(tmp_path / "a.usd")
    with pytest.raises(UserError, match=r"\.length holds no full motion"):
        load_motion(path)


def test_importing_formats_is_quick_and_light():
    code = (
        "import time, sys, numpy; t = time.perf_counter(); import cospeech.motion.formats;"
        "t = time.perf_counter() - t; heavy = {'torch', 'scipy', 'onnxruntime', 'PIL'} & set(sys.modules);"
        "print(t, heavy); sys.exit(bool(heavy) or t > 1.0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
