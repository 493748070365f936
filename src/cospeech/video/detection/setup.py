"""The isolated environment in which MediaPipe detects keypoints: installed once, run as another process.

MediaPipe needs an older NumPy than the rest and is a hundred megabytes large, so it has a virtual environment of
its own [D]: ``COSPEECH_HOME/keypoints``, or ``XDG_DATA_HOME/cospeech/keypoints``. To use an interpreter that has
MediaPipe already, name it in ``COSPEECH_KEYPOINTS_PYTHON``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ...core.errors import UserError
from ...core.files import atomic_path
from ...core.progress import stage

NEEDS = ("mediapipe==0.10.21", "numpy<2")
# OpenCV without a user interface, for machines without a screen, where the usual one cannot be imported.
HEADLESS = ("opencv-contrib-python-headless<4.12", "numpy<2")
PYTHONS = ((3, 9), (3, 12))  # first and last version that MediaPipe exists for
INTERPRETER = "COSPEECH_KEYPOINTS_PYTHON"
HOME = "COSPEECH_HOME"
_IMPORT = "import mediapipe.python.solutions.holistic, cv2, numpy"
_PRINT_VERSION = "import sys; sys.stdout.write('%d %d' % sys.version_info[:2])"


def setup_video(folder: str | Path | None = None, *, python: str | None = None) -> Path:
    """Install the isolated environment that detects keypoints; does nothing if it is installed.

    Args:
        folder: where, about 1 GB; ``keypoints_home()`` by default. An environment elsewhere is used once
            ``COSPEECH_KEYPOINTS_PYTHON`` names its interpreter.
        python: interpreter to create it with, Python 3.9 to 3.12; the running one, or one that is found.
    Returns:
        The interpreter of the environment.
    Raises:
        UserError: no suitable Python, something else in the folder, or the last line of pip's output.
    """
    home = Path(folder).absolute() if folder else keypoints_home()
    inside, marker, started = home / "python", home / "ready.json", home / "begun.json"
    if _is_ready(home):
        return _interpreter_in(inside)
    base = _suitable_python(python)
    if inside.exists() and not (started.exists() or marker.exists()):
        raise UserError(f"{inside} exists and was not created by cospeech; give another folder with --folder")
    try:
        home.mkdir(parents=True, exist_ok=True)
        marker.unlink(missing_ok=True)
        started.write_text("{}", encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot create {home}: {error.strerror}; give another folder with --folder") from error
    stage("creating an environment for MediaPipe")
    _run(
        [*base, "-I", "-m", "venv", "--clear", str(inside)],
        "create an environment",
        "install Python's venv module, as python3-venv, or name another Python with --python",
    )
    own = _interpreter_in(inside)
    stage("installing MediaPipe, about 200 MB")
    _pip(own, *NEEDS)
    if not _imports(own):
        stage("installing OpenCV without a user interface")
        _pip(own, "--force-reinstall", "--no-deps", HEADLESS[0])
    _run([str(own), "-I", "-c", _IMPORT], "import MediaPipe", _OTHERWISE)
    with atomic_path(marker) as temporary:
        temporary.write_text(json.dumps({"needs": NEEDS}), encoding="utf-8")
    started.unlink(missing_ok=True)
    return own


def extractor_python() -> Path:
    """The interpreter that has MediaPipe.

    Raises:
        UserError: there is none, or ``COSPEECH_KEYPOINTS_PYTHON`` names no file.
    """
    named = os.environ.get(INTERPRETER)
    if named:
        found = shutil.which(named)
        if found is None:
            raise UserError(f"{INTERPRETER} is {named!r}, which is no program; name a Python that has mediapipe")
        return Path(found)
    home = keypoints_home()
    if not _is_ready(home):
        raise UserError(
            "the detector of keypoints is not set up; run `cospeech video setup` once, or give the "
            "points of another detector as JSON with --points"
        )
    return _interpreter_in(home / "python")


def keypoints_home() -> Path:
    """Default folder of the environment."""
    named = os.environ.get(HOME)
    if named:
        return Path(named).absolute() / "keypoints"
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data).absolute() / "cospeech" / "keypoints"


def clean_environment() -> dict[str, str]:
    """Variables for a process of the environment: those of this one, without those that configure Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, "GLOG_minloglevel": "2", "TF_CPP_MIN_LOG_LEVEL": "3"}


def last_line(text: str) -> str:
    """The last line of a process' output that is neither empty nor a warning, at most 200 characters."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(("[notice]", "WARNING:"))]
    return lines[-1][-200:].rstrip(".") if lines else "no output"


_OTHERWISE = "or give the points of another detector as JSON with --points"


def _is_ready(home: Path) -> bool:
    try:
        marker = json.loads((home / "ready.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return marker == {"needs": list(NEEDS)} and _interpreter_in(home / "python").exists()


def _interpreter_in(environment: Path) -> Path:
    if os.name == "nt":
        return environment / "Scripts" / "python.exe"
    return environment / "bin" / "python"


def _suitable_python(python: str | None) -> list[str]:
    """Command of a Python with which MediaPipe can be installed."""
    (least, most), wanted = PYTHONS, "Python 3.9 to 3.12"
    others = [f"python3.{minor}" for minor in range(most[1], least[1] - 1, -1)]
    for name in [python] if python else [sys.executable, *others]:
        version = python_version(name)
        if version is not None and least <= version <= most:
            return [name]
        if python:
            what = "no Python that runs" if version is None else f"Python {version[0]}.{version[1]}"
            raise UserError(f"{python} is {what}; MediaPipe needs {wanted}, name one, as in --python python3.11")
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    raise UserError(
        f"MediaPipe needs {wanted} and this is {here}; install one of them and name it, as in "
        f"--python python3.11, {_OTHERWISE}"
    )


def python_version(python: str) -> tuple[int, int] | None:
    """Major and minor version of an interpreter, None if it does not run."""
    try:
        done = subprocess.run([python, "-I", "-c", _PRINT_VERSION], capture_output=True, text=True, timeout=60)
        major, minor = done.stdout.split()
        return int(major), int(minor)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def _imports(python: Path) -> bool:
    command = [str(python), "-I", "-c", _IMPORT]
    return subprocess.run(command, capture_output=True, env=clean_environment()).returncode == 0


def _pip(python: Path, *words: str) -> None:
    command = [str(python), "-I", "-m", "pip", "install", "--disable-pip-version-check", "--quiet", *words]
    _run(command, "install MediaPipe", f"check the network, {_OTHERWISE}")


def _run(command: Sequence[str], what: str, fix: str) -> None:
    """Run a command quietly; if it fails, its last line of output goes into the error."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        failed = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=clean_environment()
        ).returncode
        if failed:
            said.seek(0)
            raise UserError(f"could not {what} ({last_line(said.read())}); {fix}")
