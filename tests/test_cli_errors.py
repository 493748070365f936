"""Bad input: one line that says what was wrong and what to do, status 2, never a half-written file."""

from __future__ import annotations

import errno
import io
import os
import resource
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from tyro.conf import Positional

from cli_data import (
    HELLO,
    ROOT,
    SHIPPED,
    config_only,
    fails,
    motion_file,
    needs_model,
    not_a_number,
    place,
    srt,
    tone,
    write_wav,
)
from cospeech.cli import COMMANDS, main
from cospeech.core.emotions import EMOTIONS

__all__ = ["fails", "place"]  # fixtures

FORMATS = (".bvh", ".npz", ".glb", ".fbx", ".vrma", ".csv", ".json", ".html", ".mp4")


@pytest.fixture
def model(tmp_path_factory) -> Path:
    return config_only(tmp_path_factory.mktemp("model"))


# ---------------------------------------------------------------------------- speech


def test_recordings_that_cannot_be_used(place, fails, model):
    (place / "text.wav").write_text("Hello! I am a text file.\n")
    (place / "empty.wav").touch()
    (place / "folder.wav").mkdir()
    write_wav(place / "silent.wav", tone(0.0))
    write_wav(place / "short.wav", tone(0.1))
    not_a_number(place / "nan.wav")
    (place / "cut.wav").write_bytes(HELLO.read_bytes()[:30])
    for name, message in {
        "missing.wav": "no such file: missing.wav; check the name",
        "text.wav": "text.wav is no recording that can be read; give wav, flac,",
        "empty.wav": "empty.wav is empty (0 bytes); give a recording of speech",
        "folder.wav": "folder.wav is a folder; give one recording in it",
        "silent.wav": "silent.wav holds no sound",
        "short.wav": "short.wav lasts 0.100 s; give a recording of at least 0.2 s",
        "nan.wav": "nan.wav holds values that are no numbers (first at 0.500 s); export it again",
        "cut.wav": "cut.wav is no recording that can be read",
    }.items():
        assert message in fails("generate", name, "--model", model, "-o", "out.bvh")
        motion = motion_file(place / "motion.bvh")
        assert message in fails("render", motion, "--audio", name, "-o", "out.html")


def test_transcripts_that_cannot_be_used(place, fails, model):
    speech = write_wav(place / "talk.wav", tone(2.0))
    srt(place / "late.srt", (0.1, 0.5), (7.0, 8.0))
    srt(place / "unordered.srt", (1.0, 1.5), (0.1, 0.4))
    srt(place / "backward.srt", (1.5, 0.5))
    (place / "empty.txt").touch()
    (place / "broken.TextGrid").write_text('File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n')
    (place / "broken.json").write_text('{"segments": [')
    (place / "sound.txt").write_bytes(speech.read_bytes())
    for name, message in {
        "missing.srt": "no such transcript: missing.srt",
        "late.srt": "cue 2 ('word2') is at 7.000 to 8.000 s but the recording lasts 2.000 s",
        "unordered.srt": "before the entry above it",
        "backward.srt": "before its start",
        "empty.txt": "empty.txt is empty",
        "broken.TextGrid": "broken.TextGrid is no TextGrid that can be read",
        "broken.json": "broken.json is no JSON that can be read",
        "sound.txt": "sound.txt is no text file",
    }.items():
        words = ("--transcript", name, "--model", model, "-o", "out.bvh")
        assert message in fails("generate", "talk.wav", *words), name


# ---------------------------------------------------------------------------- wishes


def test_unknown_emotion_lists_the_known_ones(place, fails, model):
    message = fails("generate", HELLO, "--emotion", "bored", "--model", model)
    assert f"unknown emotion 'bored'; known: {', '.join(EMOTIONS)}" in message


def test_unknown_speaker_lists_the_known_ones(place, fails, model):
    message = fails("generate", HELLO, "--speaker", "Zoe", "--model", model)
    assert "unknown speaker 'Zoe'; this model knows Ada, Ben" in message


@pytest.mark.parametrize("value", ["0", "-1", "9", "nan", "inf"])
def test_impossible_intensity(place, fails, model, value):
    message = fails("generate", HELLO, f"--intensity={value}", "--model", model)
    assert "intensity must be from 0.25 to 2.5" in message


# ---------------------------------------------------------------------------- models


def test_model_folders_that_cannot_be_used(place, fails):
    (place / "empty").mkdir()
    damaged = place / "damaged"
    damaged.mkdir()
    (damaged / "config.json").write_text('{"format": 1,')
    other = place / "other"
    other.mkdir()
    (other / "config.json").write_text("[1, 2]")
    for name, message in {
        "missing": "no model 'missing': give a model folder or a shipped one",
        "../contextual": "no model '../contextual'",
        "empty": "empty is no model folder: it has no config.json",
        "damaged": "config.json is no JSON that can be read",
        "other": "config.json lacks format, method",
        config_only(place / "future", format=99): "has model format 99, this version reads 1; export it again",
        config_only(place / "method", method="magic"): "names the method 'magic'; known: contextual",
        config_only(place / "styles", styles=None): "export the model again",
        config_only(place / "config", config=None): "export the model again",
        config_only(place / "wrong", config=7): "export the model again",
        config_only(place / "sampling", sampling={"speed": 3}): "export the model again",
        config_only(place / "graphs"): "export the model again",
    }.items():
        assert message in fails("generate", HELLO, "--model", name, "-o", "out.bvh"), name


@needs_model
def test_the_shipped_model_with_a_file_missing_or_cut(place, fails, tmp_path_factory):
    speech = write_wav(place / "talk.wav", tone(1.0))
    for name in sorted(path.name for path in SHIPPED.iterdir() if path.suffix in (".onnx", ".safetensors")):
        if name == "encoder.onnx":
            continue  # for editing only
        for cut in (None, 0, 200):
            folder = tmp_path_factory.mktemp("broken")
            shutil.copytree(SHIPPED, folder, dirs_exist_ok=True)
            data = (folder / name).read_bytes()
            (folder / name).unlink()
            if cut is not None:
                (folder / name).write_bytes(data[:cut])
            assert name in fails("generate", speech, "--model", folder, "-o", "out.bvh")


# ---------------------------------------------------------------------------- motion


def test_motion_files_that_cannot_be_used(place, fails):
    good = motion_file(place / "good.bvh").read_text()
    (place / "cut.bvh").write_text(good[: len(good) // 3])
    (place / "words.bvh").write_text(good[:-200] + " oops oops\n")
    (place / "empty.bvh").touch()
    (place / "text.npz").write_text("no zip")
    np.savez(place / "lacking.npz", poses=np.zeros((4, 165)))
    np.savez(place / "shape.npz", poses=np.zeros((4, 12)), trans=np.zeros((4, 3)), betas=np.zeros(300))
    (place / "cut.glb").write_bytes(motion_file(place / "good.glb").read_bytes()[:900])
    (place / "folder.bvh").mkdir()
    for name in ("cut.bvh", "words.bvh", "empty.bvh", "text.npz", "lacking.npz", "shape.npz", "cut.glb"):
        assert name in fails("convert", name, "-o", "out.vrma")
        assert name in fails("render", name, "-o", "out.html")
    assert "missing.bvh: no such file" in fails("convert", "missing.bvh", "-o", "out.glb")
    assert "folder.bvh is no file" in fails("convert", "folder.bvh", "-o", "out.glb")
    assert "unknown suffix '.usd'" in fails("convert", "dance.usd", "-o", "out.glb")


# ---------------------------------------------------------------------------- targets


@pytest.fixture
def source(place) -> Path:
    return motion_file(place / "motion.glb")


@pytest.mark.parametrize("command", ["generate", "convert", "render"])
def test_targets_that_cannot_be_written(place, fails, source, model, command):
    (place / "folder.html").mkdir()
    (place / "file").touch()
    words = {
        "generate": ("generate", HELLO, "--model", model),
        "convert": ("convert", source),
        "render": ("render", source),
    }[command]
    pictures = ".html, .mp4"
    known = pictures if command == "render" else f".bvh, .npz, .glb, .fbx, .vrma, .vrm, .csv, .json, {pictures}"
    for target, message in {
        "out.docx": f"unknown suffix '.docx'; known: {known}",
        "out": "unknown suffix ''",
        "no/where/out.html": "folder no/where does not exist; create it first",
        "file/out.html": "file is a file, not a folder",
        "folder.html": "it is a folder; give a file name",
    }.items():
        assert message in fails(*words, "-o", target)
        assert message in fails(*words, "-o", "first.html", target)  # nor is the good one written
    if Path("/proc/self").is_dir():  # not even root may create a file there
        assert "choose another place" in fails(*words, "-o", "/proc/out.html")


def test_names_that_are_too_long(place, fails, source):
    assert "File name too long" in fails("convert", source, "-o", "x" * 300 + ".bvh")


def test_nothing_is_written_over_what_is_read(place, fails, model):
    speech = shutil.copy(HELLO, place / "talk.mp4")
    assert "it is what is read" in fails("generate", speech, "--model", model, "-o", "./talk.mp4")
    motion = motion_file(place / "dance.bvh")
    assert "it is what is read" in fails("convert", motion, "-o", "x.npz", "dance.bvh")
    assert "it is what is read" in fails("render", motion, "--audio", speech, "-o", "talk.mp4")


@contextmanager
def full_disk(room: int):
    """Files grow to ``room`` bytes and no further."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def face_or(source: Path, suffix: str) -> Path:
    """What has a face, for the format that holds nothing else."""
    return motion_file(source.with_name("face.csv")) if suffix == ".csv" else source


@pytest.mark.parametrize(("suffix", "room"), [*((s, 1000) for s in FORMATS), (".html", 50_000), (".mp4", 20_000)])
def test_a_full_disk(place, fails, source, suffix, room):
    source = face_or(source, suffix)
    with full_disk(room):
        message = fails("convert", source, "-o", f"out{suffix}")
    assert f"cannot write out{suffix}: " in message
    assert "nothing was written" in message
    (place / f"out{suffix}").write_text("an older file")
    with full_disk(room):
        fails("convert", source, "-o", f"out{suffix}")  # which also sees that the older file stays


# ---------------------------------------------------------------------------- training


def test_corpora_stores_and_runs_that_cannot_be_used(place, fails):
    (place / "empty").mkdir()
    (place / "file").touch()
    assert "no corpus is named" in fails("prepare", "-o", "store")
    assert "expected READER=FOLDER, as in folder=recordings; got 'empty'" in fails("prepare", "empty", "-o", "store")
    assert "unknown corpus 'magic'; known: beat, beat2, ebmdb, folder, keypoints, pats, speech, ted, twh" in fails(
        "prepare", "magic=empty", "-o", "store"
    )
    for reader in ("ebmdb", "beat2", "folder", "speech"):
        for folder in ("empty", "missing", "file"):
            assert folder in fails("prepare", f"{reader}={folder}", "-o", "store"), (reader, folder)
            shutil.rmtree("store", ignore_errors=True)
    assert "file" in fails("prepare", "speech=empty", "-o", "file")
    pytest.importorskip("torch")
    assert "empty is no dataset" in fails("train", "empty", "-o", "run")
    assert "unknown preset 'huge'; known: tiny, default, large" in fails(
        "train", "empty", "-o", "run", "--preset", "huge"
    )
    assert "unknown stage 'last'" in fails("train", "empty", "-o", "run", "--stage", "last")
    assert "empty is no dataset" in fails("export", "empty", "--dataset", "empty", "-o", "model")


def test_training_without_torch_says_how_to_get_it(place, fails, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install 'cospeech[train]'" in fails("train", "store", "-o", "run")


# ---------------------------------------------------------------------------- usage


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["dance"],
        ["--fast"],
        ["generate"],
        ["generate", "talk.wav", "--fast"],
        ["generate", "talk.wav", "--seed", "one"],
        ["generate", "talk.wav", "-o"],
        ["generate", "talk.wav", "other.wav"],
        ["render", "motion.bvh", "--audio"],
        ["train", "store"],
    ],
)
def test_wrong_usage_ends_with_status_2(place, capfd, words):
    with pytest.raises(SystemExit) as end:
        main(words)
    out, err = capfd.readouterr()
    assert end.value.code == 2
    assert out == ""
    assert err.strip()
    assert "Traceback" not in err


def test_a_real_process_ends_with_status_2(place):
    done = subprocess.run(
        [sys.executable, "-m", "cospeech", "convert", "none.bvh", "-o", "out.bvh"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "cospeech: cannot read none.bvh: no such file\n"


def test_stopping_leaves_nothing(place, source, monkeypatch, capfd):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", stop)
    with pytest.raises(SystemExit) as end:
        main(["convert", str(source), "-o", "out.npz"])
    assert end.value.code == 130
    assert "Traceback" not in capfd.readouterr().err
    assert [path.name for path in place.iterdir()] == ["motion.glb"]


# ---------------------------------------------------------------------------- the words themselves


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "generate a.wav --emotoin joy",
            "unrecognized options: --emotoin, joy; perhaps --emotion; see cospeech generate --help",
        ),
        ("generate a.wav --seed one", "error parsing --seed: "),
        ("generate a.wav --seed", "missing value for argument '--seed'"),
        ("generate", "missing from cospeech generate: SPEECH; see cospeech generate --help"),
        ("gestures a.wav", "unrecognized options: gestures, a.wav; known: generate, "),
        ("gesture a.wav", "unrecognized options: a.wav; known: list, "),
        ("", "expected one of {generate, "),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])  # without box characters the parser draws otherwise
def test_words_that_are_no_command(fails, monkeypatch, words, message, encoding):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert message in fails(*words.split())


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EACCES, "change its permissions"),
        (errno.EMFILE, "close other programs"),
        (errno.EIO, None),
    ],
)
def test_errors_of_the_machine_say_what_is_true_of_each(place, capfd, monkeypatch, number, advice):
    def broken(video: Positional[Path], /) -> None:
        """Fail.

        Args:
            video: a file.
        """
        raise OSError(number, os.strerror(number), str(video))

    monkeypatch.setitem(COMMANDS, "verify", broken)
    with pytest.raises(SystemExit) as end:
        main(["verify", "x.mp4"])
    assert end.value.code == 2
    line = capfd.readouterr().err
    assert line.startswith(f"cospeech: cannot go on: x.mp4 {os.strerror(number)}")
    assert (advice in line) if advice else ";" not in line
    assert ("space" in line) == (number == errno.ENOSPC)
