"""The networks of the detector are fetched once, whole and checked; the commands say where things are."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cli_data import fails, place, works
from cospeech.cli import main
from cospeech.core.errors import UserError
from cospeech.motion.formats.keypoints import load_keypoints
from cospeech.video.detection import networks
from cospeech.video.detection.keypoints import find_keypoints
from cospeech.video.detection.networks import Networks
from cospeech.video.detection.setup import keypoints_home, last_line, networks_folder, setup_video
from video_data import detector_calls, openpose, person, write_picture

__all__ = ["detector_calls", "fails", "place", "works"]  # fixtures

CONTENT = {"a/one.tflite": b"the first network", "b/two.tflite": b"the second"}


def write_wheel(path: Path, content: dict[str, bytes] = CONTENT) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, data in content.items():
            file.writestr(f"mediapipe/modules/{name}", data)
        file.writestr("mediapipe/__init__.py", "raise RuntimeError")
    return path


def write_modules(folder: Path) -> Path:
    """A folder of networks as MediaPipe has it."""
    for name, data in CONTENT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


class Machine:
    """Stands in for the commands of a machine: which ran, and what is wrong with it."""

    def __init__(self) -> None:
        self.ran: list[list[str]] = []
        self.pips = {sys.executable}
        self.offline = False
        self.mediapipe = ""

    def run(self, command, *, stdout=None, env=None, **options) -> subprocess.CompletedProcess:
        words = [str(word) for word in command]
        assert words[1] == "-I", "a module in the current folder would be run"
        assert not [name for name in env if name.startswith("PYTHON")]
        if "--version" in words:
            return subprocess.CompletedProcess(words, int(words[0] not in self.pips))
        if "-c" in words:
            return subprocess.CompletedProcess(words, 0, self.mediapipe)
        self.ran.append(words)
        if self.offline:
            stdout.write("first\nERROR: No matching distribution.\n[notice] a new pip\n")
            return subprocess.CompletedProcess(words, 1)
        (wanted,) = Path(words[words.index("-r") + 1]).read_text().splitlines()
        assert wanted.startswith("mediapipe==0.10.21 --hash=sha256:")
        write_wheel(Path(words[words.index("--dest") + 1]) / "mediapipe-0.10.21-cp312-none-any.whl")
        return subprocess.CompletedProcess(words, 0)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Commands are noted instead of run, and two small files are the networks."""
    found = Machine()
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in CONTENT.items()}
    monkeypatch.setattr("subprocess.run", found.run)
    monkeypatch.setattr("cospeech.video.detection.matting_setup.setup_matting", lambda folder, package: None)
    for module in ("networks", "setup"):
        monkeypatch.setattr(f"cospeech.video.detection.{module}.NETWORKS", hashes)
    monkeypatch.setenv("COSPEECH_HOME", str(tmp_path / "home"))
    for name in ("COSPEECH_KEYPOINTS", "COSPEECH_KEYPOINTS_PYTHON"):
        monkeypatch.delenv(name, raising=False)
    return found


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_without_the_networks_it_says_what_to_do(tmp_path, machine, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(UserError, match=r"run `cospeech video setup` once, or give the points .* --points"):
        find_keypoints(write_picture(tmp_path / "ann.png"))
    monkeypatch.delenv("COSPEECH_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert keypoints_home() == tmp_path / "data" / "cospeech" / "keypoints"


def test_setting_up_is_done_once_and_whole(machine):
    machine.offline = True
    with pytest.raises(UserError) as error:
        setup_video()
    assert str(error.value).startswith(
        "could not download MediaPipe's networks (ERROR: No matching distribution); check the network, or give"
    )
    with pytest.raises(UserError, match=r"is not set up"):
        networks_folder()
    machine.offline = False
    found = setup_video()
    assert found == networks_folder() == keypoints_home() / "networks"
    assert files_in(keypoints_home()) == {f"networks/{name}": data for name, data in CONTENT.items()}
    done = len(machine.ran)
    assert setup_video() == found
    assert len(machine.ran) == done
    (found / "b" / "two.tflite").unlink()
    with pytest.raises(UserError, match=r"is not set up"):
        networks_folder()
    setup_video()
    assert files_in(found) == CONTENT


def test_networks_other_than_those_wanted_are_refused(tmp_path, machine):
    wheel = write_wheel(tmp_path / "mediapipe.whl", {**CONTENT, "b/two.tflite": b"another"})
    with pytest.raises(UserError, match=r"mediapipe.whl: b/two.tflite is damaged or not that of mediapipe==0.10.21"):
        setup_video(wheel=wheel)
    assert not keypoints_home().exists()
    write_wheel(wheel, {"a/one.tflite": CONTENT["a/one.tflite"]})
    with pytest.raises(UserError, match=r"mediapipe.whl is no wheel of mediapipe==0.10.21 \(There is no item named"):
        setup_video(wheel=wheel)
    for path in (write_picture(tmp_path / "ann.png"), tmp_path / "missing.whl"):
        with pytest.raises(UserError, match=r"is no wheel of mediapipe==0.10.21"):
            setup_video(wheel=path)
    assert files_in(setup_video(wheel=write_wheel(wheel))) == CONTENT
    assert machine.ran == []
    (networks_folder() / "a" / "one.tflite").write_bytes(b"changed")
    with pytest.raises(UserError, match=r"one.tflite is damaged or .*; delete it and run `cospeech video setup`"):
        Networks(networks_folder()).run("one", np.zeros((8, 8, 3)))
    (networks_folder() / "a" / "one.tflite").write_bytes(CONTENT["a/one.tflite"])
    with pytest.raises(UserError, match=r"one is no network that can be read"):
        Networks(networks_folder()).run("one", np.zeros((8, 8, 3)))


def test_a_folder_that_cannot_be_written_to(tmp_path, machine):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write .*file/below/networks .*; give another folder with --folder"):
        setup_video(tmp_path / "file" / "below")


def test_a_folder_elsewhere_is_named_by_a_variable(tmp_path, machine, monkeypatch):
    found = setup_video(tmp_path / "there")
    with pytest.raises(UserError, match=r"is not set up"):
        networks_folder()
    monkeypatch.setenv("COSPEECH_KEYPOINTS", str(tmp_path / "there"))
    assert networks_folder() == found == tmp_path / "there" / "networks"
    monkeypatch.setenv("COSPEECH_KEYPOINTS", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"which lacks networks; run `cospeech video setup --folder .*nowhere`"):
        networks_folder()


def test_environments_of_before_keep_working(machine, capfd):
    modules = keypoints_home() / "python" / "lib" / "python3.11" / "site-packages" / "mediapipe" / "modules"
    write_modules(modules)
    assert networks_folder() == modules
    assert files_in(setup_video()) == CONTENT
    assert machine.ran == []
    assert f"the environment in {keypoints_home() / 'python'} is not needed any more" in capfd.readouterr().err
    assert networks_folder() == keypoints_home() / "networks"


def test_an_interpreter_with_mediapipe_keeps_working(tmp_path, machine, monkeypatch):
    monkeypatch.setenv("COSPEECH_KEYPOINTS_PYTHON", "no-such-python")
    with pytest.raises(UserError, match=r"COSPEECH_KEYPOINTS_PYTHON is 'no-such-python', which is no program"):
        networks_folder()
    monkeypatch.setenv("COSPEECH_KEYPOINTS_PYTHON", sys.executable)
    with pytest.raises(UserError, match=r"which lacks mediapipe==0.10.21; install it there, or unset it"):
        networks_folder()
    machine.mediapipe = f"{tmp_path / 'mediapipe'}"
    modules = write_modules(tmp_path / "mediapipe" / "modules")
    assert networks_folder() == modules


def test_a_python_with_pip_is_found(machine):
    machine.pips = {"python3"}
    with pytest.raises(UserError, match=r"no-such-python has no pip; name one that has, .* give it with --wheel"):
        setup_video(python="no-such-python")
    setup_video()
    assert machine.ran[0][0] == "python3"


def test_last_lines():
    assert last_line("first\n\nERROR:  the   reason.\n[notice] a new pip\n\n") == "ERROR: the reason"
    assert last_line(" \n") == "no output"


def test_the_hashes_are_of_files_that_the_pipeline_names():
    stems = [Path(name).stem for name in networks.NETWORKS]
    assert len(set(stems)) == len(stems) == 9
    assert all(len(digest) == 64 for digest in networks.NETWORKS.values())


# ---------------------------------------------------------------------------- the commands


def test_the_commands(place, works, detector_calls, machine, capfd):
    write_picture(place / "ann.png")
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
    assert err.startswith(f"the networks are ready in {place / 'there' / 'networks'} after ")
    assert err.endswith(f"next: set COSPEECH_KEYPOINTS={place / 'there'}\n")
    main(["video", "setup"])
    assert "next: cospeech video keypoints PICTURE -o points.json" in capfd.readouterr().err


def test_commands_that_fail(place, fails, detector_calls, machine):
    write_picture(place / "ann.png")
    for words, message in {
        "video keypoints ann.png -o ann.npz": "points in a picture go into .json files; got ann.npz",
        "video keypoints ann.png -o missing/ann.json": "folder missing does not exist",
        "video keypoints missing.png -o ann.json": "no such file: missing.png",
        "video keypoints ann.png": "missing from cospeech video keypoints: -o FILE.json",
        "video animat": "known: people, setup, keypoints",
        "video setup --python no-such-python": "no-such-python has no pip; name one that has",
        "video setup --wheel ann.png": "ann.png is no wheel of mediapipe==0.10.21",
    }.items():
        assert message in fails(*words.split()), words
    detector_calls.mode = "two"
    assert "ann.png shows 2 people; crop it" in fails("video", "keypoints", "ann.png", "-o", "ann.json", "--no-cache")
