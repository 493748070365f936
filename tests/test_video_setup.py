"""The environment of the detector is installed once and completely; the commands say where things are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cli_data import fails, place, works
from cospeech.cli import main
from cospeech.core.errors import UserError
from cospeech.motion.formats.keypoints import load_keypoints
from cospeech.video.detection.keypoints import find_keypoints
from cospeech.video.detection.setup import extractor_python, keypoints_home, last_line, python_version, setup_video
from video_data import detector_calls, openpose, person, write_picture

__all__ = ["detector_calls", "fails", "place", "works"]  # fixtures


def test_without_the_environment_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("COSPEECH_KEYPOINTS_PYTHON", raising=False)
    monkeypatch.setenv("COSPEECH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(UserError, match=r"run `cospeech video setup` once, or give the points .* --points"):
        find_keypoints(write_picture(tmp_path / "ann.png"))
    monkeypatch.setenv("COSPEECH_KEYPOINTS_PYTHON", "no-such-python")
    with pytest.raises(UserError, match="COSPEECH_KEYPOINTS_PYTHON is 'no-such-python', which is no program"):
        extractor_python()
    monkeypatch.delenv("COSPEECH_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert keypoints_home() == tmp_path / "data" / "cospeech" / "keypoints"


VERSIONS = {"old": "3 8", "new": "3 13", sys.executable: "3 11"}


class Machine:
    """Stands in for the commands of a machine: which ran, which words make one fail, and the Pythons there are."""

    def __init__(self) -> None:
        self.ran: list[list[str]] = []
        self.bad: list[str] = []
        self.versions = dict(VERSIONS)

    def run(self, command, *, stdout=None, **options) -> subprocess.CompletedProcess:
        words = [str(word) for word in command]
        if "version_info" in words[-1]:
            if words[0] not in self.versions:
                raise OSError("no such program")
            return subprocess.CompletedProcess(words, 0, self.versions[words[0]], "")
        checks = options.get("capture_output", False)  # whether something can be imported
        if not checks:
            self.ran.append(words)
        failed = any(word in " ".join(words) for word in self.bad)
        if failed and stdout is not None:
            stdout.write("first\nERROR: the reason.\n[notice] a new pip\n")
        if "venv" in words:
            (Path(words[-1]) / "bin").mkdir(parents=True, exist_ok=True)
            (Path(words[-1]) / "bin" / "python").touch()
        return subprocess.CompletedProcess(words, int(failed), "", "")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Commands are noted instead of run."""
    found = Machine()
    monkeypatch.setattr("subprocess.run", found.run)
    monkeypatch.setenv("COSPEECH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("COSPEECH_KEYPOINTS_PYTHON", raising=False)
    return found


def test_setting_up_is_done_once_and_whole(machine):
    ran, bad = machine.ran, machine.bad
    bad.append("mediapipe==0.10.21")
    with pytest.raises(UserError, match=r"could not install MediaPipe \(ERROR: the reason\); check the network"):
        setup_video()
    with pytest.raises(UserError, match="is not set up"):
        extractor_python()
    bad[:] = ["import mediapipe"]
    with pytest.raises(UserError, match="could not import MediaPipe"):
        setup_video()
    with pytest.raises(UserError, match="is not set up"):
        extractor_python()
    bad.clear()
    python = setup_video()
    assert all(command[1] == "-I" for command in ran), "a module in the current folder would be run"
    assert python == extractor_python() == keypoints_home() / "python" / "bin" / "python"
    assert sorted(path.name for path in keypoints_home().iterdir()) == ["python", "ready.json"]
    done = len(ran)
    assert setup_video() == python
    assert len(ran) == done
    (keypoints_home() / "ready.json").write_text('{"needs": ["mediapipe==0.1"]}')  # of an older version
    setup_video()
    assert len(ran) > done


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path, machine):
    ran = machine.ran
    (tmp_path / "mine" / "python").mkdir(parents=True)
    with pytest.raises(UserError, match="was not created by cospeech; give another folder with --folder"):
        setup_video(tmp_path / "mine")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="give another folder with --folder"):
        setup_video(tmp_path / "file" / "below")
    assert ran == []


def test_pythons_that_fit(machine):
    ran = machine.ran
    for name, what in {"old": "Python 3.8", "new": "Python 3.13", "none": "no Python that runs"}.items():
        with pytest.raises(UserError, match=f"{name} is {what}; MediaPipe needs Python 3.9 to 3.12"):
            setup_video(python=name)
    machine.versions = {sys.executable: "3 13", "python3.10": "3 10"}
    setup_video()
    assert ran[0][0] == "python3.10"
    machine.versions = {sys.executable: "3 13"}
    (keypoints_home() / "ready.json").unlink()
    with pytest.raises(UserError, match=r"as in --python python3\.11"):
        setup_video()


def test_versions_and_last_lines():
    assert python_version(sys.executable) == sys.version_info[:2]
    assert python_version("no-such-python") is None
    assert last_line("first\n\nERROR:  the   reason.\n[notice] a new pip\n\n") == "ERROR: the reason"
    assert last_line(" \n") == "no output"


# ---------------------------------------------------------------------------- the commands


def test_the_commands(place, works, detector_calls, machine, capfd, monkeypatch):
    write_picture(place / "ann.png")
    monkeypatch.setenv("COSPEECH_KEYPOINTS_PYTHON", str(place / "python-stand-in"))
    line = works("video", "keypoints", "ann.png", "-o", "ann.json")
    assert line.startswith("wrote ann.json (1 frame of 116 points) in ")
    np.testing.assert_allclose(load_keypoints("ann.json").points[0], person(), atol=0.006)
    assert len(detector_calls()) == 1
    confidence = np.ones(116)
    confidence[6:27] = 0
    Path("theirs.json").write_text(json.dumps({"people": [openpose(person(), confidence)]}))
    main(["video", "keypoints", "ann.png", "--points", "theirs.json", "-o", "filled.json"])
    note, line = capfd.readouterr().err.splitlines()
    assert note == "ann.png: the left hand is not found; it moves as the wrist does"
    filled = load_keypoints("filled.json")
    assert filled.confidence is not None
    assert not filled.confidence[0, 6:27].any()
    assert filled.confidence[0, 27:].all()
    np.testing.assert_allclose(filled.points[0, 6], person()[2], atol=0.01)
    main(["video", "keypoints", "ann.png", "-o", "again.json", "--no-cache"])
    assert len(detector_calls()) == 2
    capfd.readouterr()
    main(["video", "setup", "--folder", "there"])
    err = capfd.readouterr().err
    assert err.startswith(f"MediaPipe is ready in {place / 'there'} after ")
    assert err.endswith(f"next: set COSPEECH_KEYPOINTS_PYTHON={place / 'there' / 'python' / 'bin' / 'python'}\n")
    main(["video", "setup"])
    assert "next: cospeech video keypoints PICTURE -o points.json" in capfd.readouterr().err


def test_commands_that_fail(place, fails, detector_calls, monkeypatch):
    write_picture(place / "ann.png")
    for words, message in {
        "video keypoints ann.png -o ann.npz": "points in a picture go into .json files; got ann.npz",
        "video keypoints ann.png -o missing/ann.json": "folder missing does not exist",
        "video keypoints missing.png -o ann.json": "no such file: missing.png",
        "video keypoints ann.png": "missing from cospeech video keypoints: -o FILE.json",
        "video animat": "known: people, setup, keypoints",
        "video setup --python no-such-python": "no-such-python is no Python that runs; MediaPipe needs",
    }.items():
        monkeypatch.setenv("COSPEECH_HOME", str(place / "home"))
        assert message in fails(*words.split()), words
    monkeypatch.setenv("STAND_IN", "two")
    monkeypatch.setenv("STAND_IN_CALLS", "/dev/null")
    assert "ann.png shows 2 people; crop it" in fails("video", "keypoints", "ann.png", "-o", "ann.json", "--no-cache")
