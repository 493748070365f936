"""The networks that detect keypoints: fetched once from MediaPipe's wheel on PyPI, 21 MB of its 36.

They are run by onnxruntime, which is installed with the package; nothing else of MediaPipe is kept [D]. They lie in
``COSPEECH_HOME/keypoints``, or ``XDG_DATA_HOME/cospeech/keypoints``. Environments that earlier versions installed,
and interpreters with MediaPipe that ``COSPEECH_KEYPOINTS_PYTHON`` names, have the same networks in them and are used
as well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ...core.errors import UserError
from ...core.files import atomic_path, data_home
from ...core.progress import note, stage
from .networks import NETWORKS, RELEASE, check_network, is_complete

INTERPRETER = "COSPEECH_KEYPOINTS_PYTHON"
FOLDER = "COSPEECH_KEYPOINTS"
# The wheel whose networks are taken; which system it is for does not matter. Pinned by its content.
WHEEL_HASH = "956eb1ebc275c629e61b085b2cab89c3a5b9e93bad1bb107348d98dafb5a4bb5"
WHEEL_KIND = (
    "--platform",
    "manylinux_2_28_x86_64",
    "--python-version",
    "3.12",
    "--implementation",
    "cp",
    "--abi",
    "cp312",
)
_IN_WHEEL = "mediapipe/modules/"
_OTHERWISE = "or give the points of another detector as JSON with --points"
_PRINT_FOLDER = (
    "import importlib.util, sys; found = importlib.util.find_spec('mediapipe'); "
    "sys.stdout.write(found.submodule_search_locations[0] if found else '')"
)


def setup_video(
    folder: str | Path | None = None, *, python: str | None = None, wheel: str | Path | None = None
) -> Path:
    """Fetch the networks that detect keypoints; does nothing if they are there.

    Args:
        folder: where, 21 MB; ``keypoints_home()`` by default. One elsewhere is used once ``COSPEECH_KEYPOINTS`` names
            it.
        python: interpreter whose pip downloads; the running one, or one that is found.
        wheel: MediaPipe's wheel, of version 0.10.21 and any system, instead of a download.
    Returns:
        The folder of the networks.
    Raises:
        UserError: no pip, no network, another wheel, or a folder that cannot be written to; in one line.
    """
    home = Path(folder).absolute() if folder else keypoints_home()
    target = home / "networks"
    if is_complete(target):
        return target
    earlier = _earlier_networks(home)
    if wheel is not None:
        _copy_from_wheel(Path(wheel), target)
    elif earlier is not None:
        stage("taking the networks out of the environment of before")
        _store(target, lambda place: (earlier / place).read_bytes(), f"{earlier}")
        note(f"the environment in {home / 'python'} is not needed any more; delete it to free about 1 GB")
    else:
        with tempfile.TemporaryDirectory(prefix="cospeech-") as temporary:
            stage("downloading the networks, 36 MB")
            _copy_from_wheel(_download(Path(temporary), python), target)
    return target


def networks_folder() -> Path:
    """The folder with the networks.

    Raises:
        UserError: there is none, or a variable names something else.
    """
    named = os.environ.get(FOLDER)
    if named:
        if not is_complete(Path(named) / "networks"):
            raise UserError(f"{FOLDER} is {named!r}, which lacks networks; run `cospeech video setup --folder {named}`")
        return Path(named).absolute() / "networks"
    if os.environ.get(INTERPRETER):
        return _networks_of(os.environ[INTERPRETER])
    home = keypoints_home()
    found = home / "networks" if is_complete(home / "networks") else _earlier_networks(home)
    if found is None:
        raise UserError(
            "the detector of keypoints is not set up; run `cospeech video setup` once, or give the "
            "points of another detector as JSON with --points"
        )
    return found


def keypoints_home() -> Path:
    """Default folder of the networks."""
    return data_home().absolute() / "keypoints"


def last_line(text: str) -> str:
    """The last line of a process' output that is neither empty nor a warning, at most 200 characters."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(("[notice]", "WARNING:"))]
    return lines[-1][-200:].rstrip(".") if lines else "no output"


def _earlier_networks(home: Path) -> Path | None:
    """Those of the environment that versions before this one installed, if it is there."""
    patterns = ("lib/python3*/site-packages", "Lib/site-packages")
    found = (place for pattern in patterns for place in (home / "python").glob(f"{pattern}/mediapipe/modules"))
    return next((place for place in found if is_complete(place)), None)


def _networks_of(interpreter: str) -> Path:
    """Those of the MediaPipe that an interpreter has."""
    program = shutil.which(interpreter)
    if program is None:
        raise UserError(f"{INTERPRETER} is {interpreter!r}, which is no program; name a Python that has mediapipe")
    command = [program, "-I", "-c", _PRINT_FOLDER]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, env=_clean_environment()).stdout
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    modules = Path(said.strip()) / "modules"
    if not said.strip() or not is_complete(modules):
        raise UserError(f"{INTERPRETER} is {interpreter!r}, which lacks {RELEASE}; install it there, or unset it")
    return modules


def _download(folder: Path, python: str | None) -> Path:
    """MediaPipe's wheel, downloaded by pip into a folder."""
    program = _python_with_pip(python)
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{RELEASE} --hash=sha256:{WHEEL_HASH}\n", encoding="utf-8")
    options = ("--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", *WHEEL_KIND)
    command = [program, "-I", "-m", "pip", "download", "--disable-pip-version-check", *options]
    run_quietly([*command, "--dest", str(folder), "-r", str(wanted)], "download MediaPipe's networks", _OTHERWISE)
    return next(folder.glob("*.whl"))


def _python_with_pip(python: str | None) -> str:
    for program in [python] if python else [sys.executable, "python3", "python"]:
        command = [program, "-I", "-m", "pip", "--version"]
        try:
            done = subprocess.run(command, capture_output=True, env=_clean_environment(), timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return program
    raise UserError(
        f"{python or 'this Python'} has no pip; name one that has, as in --python python3, or download the wheel of "
        f"{RELEASE} and give it with --wheel, {_OTHERWISE}"
    )


def _copy_from_wheel(wheel: Path, target: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as file:
            _store(target, lambda place: file.read(_IN_WHEEL + place), wheel.name)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split()).strip("'\"")
        raise UserError(f"{wheel} is no wheel of {RELEASE} ({reason}); download that one") from None


def _store(target: Path, read: Callable[[str], bytes], source: str) -> None:
    """Copy all networks, each checked before any is written."""
    held = {}
    for place in NETWORKS:
        held[place] = read(place)
        check_network(place, held[place], f"{source}: {place}")
    try:
        for place, data in held.items():
            (target / place).parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(target / place) as temporary:
                temporary.write_bytes(data)
    except OSError as error:
        raise UserError(f"cannot write {target} ({error.strerror}); give another folder with --folder") from error


def _clean_environment() -> dict[str, str]:
    """Variables for another Python: those of this one, without those that configure Python."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def run_quietly(command: Sequence[str], what: str, otherwise: str) -> None:
    """Run a command quietly; if it fails, its last line of output goes into the error."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        done = subprocess.run(command, env=_clean_environment(), stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        if done.returncode:
            said.seek(0)
            reason = last_line(said.read())
            raise UserError(f"could not {what} ({reason}); check the network, {otherwise}")
