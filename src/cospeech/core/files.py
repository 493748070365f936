"""Outputs appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import UserError

if TYPE_CHECKING:
    import numpy as np

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_MARK = "-cospeech"  # in the names of temporary files
_RANDOM = 8  # characters that tempfile puts into a name


def data_home() -> Path:
    """The folder of what a user keeps: ``COSPEECH_HOME``, or cospeech in ``XDG_DATA_HOME``; it may not be there yet."""
    named = os.environ.get("COSPEECH_HOME")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "cospeech"


def same_file(one: str | Path, other: str | Path) -> bool:
    """Do two paths mean one file, by name or through links, whether or not it exists?"""
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    try:
        return os.path.samefile(one, other)  # hard links
    except OSError:  # one of them is not there
        return False


def check_folder(target: str | Path) -> None:
    """See whether a file can be written, by creating one beside it and removing that again.

    What a killed process left beside it is removed, too.

    Raises:
        UserError: the folder is missing or not writable, or ``target`` is a folder.
    """
    target = _followed(Path(target))
    if _is_stream(target):
        return
    _remove_leftovers(target)
    handle, temporary = _create_beside(target)
    os.unlink(temporary)
    os.close(handle)


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target``; rename it to ``target`` when the block ends well.

    The temporary file keeps the suffix, since many writers choose by it. If the block raises, the
    temporary file is removed and ``target`` stays as it was. A file that is replaced keeps its mode, and a link stays
    one; a pipe or a device gets the bytes. What a killed process left beside ``target`` is removed: as long as a
    process writes a file, it holds a lock on it.

    Raises:
        UserError: the folder is missing, not writable, or the disk is full.
    """
    target = _followed(Path(target))
    if _is_stream(target):
        with _streamed(target) as temporary:
            yield temporary
        return
    _remove_leftovers(target)
    handle, temporary = _create_beside(target)
    try:
        with _told(target):
            yield temporary
            os.chmod(temporary, _mode(target))
            with open(temporary, "rb") as written:
                os.fsync(written.fileno())
            os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(handle)


@contextmanager
def whole_folder(target: str | Path, *, kinds: Collection[str]) -> Iterator[Path]:
    """Yield a temporary folder beside ``target`` that takes its place when the block ends well.

    So no folder is left with files of two kinds, as of two models. What else lies in the old folder moves into the new
    one. If the block raises, or the process is killed, ``target`` stays as it was; the next writing removes what was
    left.

    Args:
        kinds: suffixes of the files that belong together, and go with the old folder.
    Raises:
        UserError: ``target`` is a file, or its folder cannot be written.
    """
    target = _followed(Path(target))
    if target.exists() and not target.is_dir():
        raise UserError(f"cannot write {target}: it is a file, not a folder; choose another place")
    target.parent.mkdir(parents=True, exist_ok=True)
    before = target.with_name(f".{target.name}-before{_MARK}")
    if before.is_dir() and not target.exists():  # killed between two renames
        os.rename(before, target)
    shutil.rmtree(before, ignore_errors=True)
    check_folder(target.with_name(f"{target.name}{_MARK}"))
    temporary = target.with_name(f".{target.name}-new{_MARK}")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        with _told(target):
            temporary.mkdir()
            yield temporary
            for path in sorted(target.rglob("*")) if target.is_dir() else ():
                place = temporary / path.relative_to(target)
                if path.is_file() and path.suffix not in kinds and not place.exists():
                    place.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(path, place)
            if target.exists():
                os.rename(target, before)
            os.rename(temporary, target)
    finally:
        for left in (temporary, before):
            shutil.rmtree(left, ignore_errors=True)


def write_arrays(target: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by name as a safetensors file, whole or not at all.

    The format has rows in order; arrays that lie otherwise in memory (transposed, say) are put in order first, since it
    would write them scrambled without a word.

    Raises:
        UserError: as ``atomic_path``.
    """
    import numpy as np
    from safetensors.numpy import save_file

    with atomic_path(target) as path:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)


@contextmanager
def _told(target: Path) -> Iterator[None]:
    """What the system refuses while ``target`` is written becomes a UserError."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise UserError(f"cannot write {target}: {error.strerror}; nothing was written") from error


def _followed(target: Path) -> Path:
    """Where a link leads; any other path as it is."""
    return Path(os.path.realpath(target)) if os.path.islink(target) else target


def _is_stream(target: Path) -> bool:
    """Is it a pipe or a device, which is written into and never replaced?"""
    try:
        mode = target.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextmanager
def _streamed(target: Path) -> Iterator[Path]:
    """A temporary path elsewhere, whose bytes go into a pipe or a device when the block ends well."""
    with tempfile.TemporaryDirectory(prefix="cospeech-") as folder:
        temporary = Path(folder) / f"output{target.suffix}"
        yield temporary
        try:
            with open(temporary, "rb") as source, open(target, "wb") as stream:
                shutil.copyfileobj(source, stream)
        except OSError as error:
            raise UserError(f"cannot write {target}: {error.strerror}") from error


def _mode(target: Path) -> int:
    """The mode of what is replaced, or that of a new file."""
    try:
        return stat.S_IMODE(target.stat().st_mode)
    except OSError:
        return 0o666 & ~_umask()


def _remove_leftovers(target: Path) -> None:
    """Remove temporary files of ``target`` that no process holds any more."""
    start, end = f".{_stem(target)}-", f"{_MARK}{target.suffix}"
    try:
        names = os.listdir(target.parent)
    except OSError:  # it cannot be listed, or is no folder
        return
    for name in names:
        if not (name.startswith(start) and name.endswith(end) and len(name) == len(start) + _RANDOM + len(end)):
            continue
        path = target.parent / name
        with suppress(OSError):
            handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
            try:
                _lock(handle)
                path.unlink()
            finally:
                os.close(handle)


def _stem(target: Path) -> str:
    """How temporary files of ``target`` begin: in characters that every library can write."""
    return target.stem[:32].encode("utf-8", errors="replace").decode()


def _lock(handle: int) -> None:
    """Hold an open file until it is closed. Raises OSError if another process does; nothing on Windows."""
    if fcntl is not None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _create_beside(target: Path) -> tuple[int, Path]:
    """An empty file of a name of its own in the folder of ``target``, held open and locked."""
    folder = target.parent
    if folder.exists() and not folder.is_dir():
        raise UserError(f"cannot write {target}: {folder} is a file, not a folder; choose another place")
    if not folder.is_dir():
        raise UserError(f"cannot write {target}: folder {folder} does not exist; create it first")
    try:
        if target.is_dir():  # asks the system, which may refuse the name
            raise UserError(f"cannot write {target}: it is a folder; give a file name")
        handle, name = tempfile.mkstemp(prefix=f".{_stem(target)}-", suffix=_MARK + target.suffix, dir=folder)
        with suppress(OSError):  # a file system without locks
            _lock(handle)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror}; choose another place") from error
    return handle, Path(name)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
