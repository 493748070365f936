"""Runs the detector of keypoints in its isolated environment, and caches its results."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.files import atomic_path
from ...core.progress import stage
from ...motion.points import POINTS
from .setup import clean_environment, extractor_python, last_line

PROGRAM = Path(__file__).with_name("extractor.py")
_ARRAYS = ("points", "confidence", "people", "fps", "size")


def detect(what: Path | np.ndarray, *, name: str, cache: bool = True) -> dict[str, np.ndarray]:
    """The arrays that ``extractor.py`` writes for a film, or for a picture [H, W, 3] uint8 sRGB.

    Results are cached in ``cache_folder()`` under a hash of the content and of the extractor, so that nothing is
    detected twice and no result of another extractor is used.

    Args:
        what: the film's path, or the picture.
        name: of the file, for messages.
        cache: False to detect anew and cache nothing.
    Raises:
        UserError: the environment is not set up, or fails; with the last line of its output.
    """
    cached = cache_folder() / f"{_content_hash(what)}.npz" if cache else None
    if cached is not None and (known := _read(cached)) is not None:
        return known
    python = extractor_python()
    with tempfile.TemporaryDirectory(prefix="cospeech-") as folder:
        target = Path(folder) / "points.npz"
        if isinstance(what, np.ndarray):
            source = Path(folder) / "picture.npy"
            np.save(source, what)
            arguments = ["picture", str(source)]
        else:
            arguments = ["film", str(what.resolve())]
        stage(f"detecting the person in {name}")
        _run([str(python), "-I", str(PROGRAM), *arguments, str(target)], python, name, Path(folder))
        found = _read(target)
        if found is None:
            raise UserError(
                f"could not find keypoints in {name}: {python} wrote no keypoints; run `cospeech video setup`"
            )
        if cached is not None:
            _store(target, cached)
    return found


def cache_folder() -> Path:
    """Folder of the cache: ``XDG_CACHE_HOME/cospeech/keypoints``."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "cospeech" / "keypoints"


def _content_hash(what: Path | np.ndarray) -> str:
    digest = hashlib.sha256(PROGRAM.read_bytes())
    if isinstance(what, np.ndarray):
        digest.update(repr(what.shape).encode())
        digest.update(np.ascontiguousarray(what).data)
    else:
        with open(what, "rb") as film:
            while block := film.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:32]


def _read(path: Path) -> dict[str, np.ndarray] | None:
    """The arrays of a result, or None if the file is missing, damaged or something else."""
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in (*_ARRAYS, "mask") if name in file}
    except Exception:  # zipfile, zlib and NumPy raise half a dozen types for a damaged file
        return None
    complete = all(name in found for name in _ARRAYS)
    return found if complete and _has_shapes(found) else None


def _has_shapes(found: dict[str, np.ndarray]) -> bool:
    """Whether the arrays of a result fit one another, and points and confidence are finite."""
    points, confidence = found["points"], found["confidence"]
    frames = len(points) if points.ndim else 0
    shapes = {
        "points": (frames, len(POINTS), 2),
        "confidence": (frames, len(POINTS)),
        "people": (frames,),
        "size": (2,),
        "fps": (),
    }
    if frames == 0 or any(found[name].shape != shape for name, shape in shapes.items()):
        return False
    if "mask" in found and found["mask"].shape != tuple(found["size"][::-1]):
        return False
    return bool(np.isfinite(points).all() and np.isfinite(confidence).all())


def _store(result: Path, place: Path) -> None:
    """Copy into the cache; if it cannot be written to, nothing is cached."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(place) as temporary:
            temporary.write_bytes(result.read_bytes())
    except (OSError, UserError):
        pass


def _run(command: list[str], python: Path, name: str, folder: Path) -> None:
    """Run the extractor; progress goes to the terminal, the last line of its output into the error if it fails."""
    with open(folder / "said.txt", "w+", encoding="utf-8", errors="replace") as said:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env=clean_environment(),
            )
        except OSError as error:
            raise UserError(
                f"cannot run {python} ({error.strerror}); run `cospeech video setup`, or give keypoints as JSON"
            ) from error
        try:
            assert process.stdout is not None
            for line in process.stdout:
                numbers = line.split()
                if len(numbers) == 2 and all(number.isdecimal() for number in numbers):
                    stage(f"detecting the person in {name}, frame {numbers[0]} of {numbers[1]}")
            failed = process.wait()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if failed:
            said.seek(0)
            raise UserError(
                f"could not find keypoints in {name} ({last_line(said.read())}); if the file is "
                "not the reason, run `cospeech video setup` again, or give keypoints as JSON"
            )
