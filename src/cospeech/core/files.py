"""Outputs appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import UserError

if TYPE_CHECKING:
    import numpy as np


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

    Raises:
        UserError: the folder is missing or not writable, or ``target`` is a folder.
    """
    os.unlink(_create_beside(Path(target)))


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target``; rename it to ``target`` when the block ends well.

    The temporary file keeps the suffix, since many writers choose by it. If the block raises, the
    temporary file is removed and ``target`` stays as it was.

    Raises:
        UserError: the folder is missing, not writable, or the disk is full.
    """
    target = Path(target)
    temporary = _create_beside(target)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, target)
    except OSError as error:
        if error.errno is None:
            raise
        raise UserError(f"cannot write {target}: {error.strerror}; nothing was written") from error
    finally:
        temporary.unlink(missing_ok=True)


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


def _create_beside(target: Path) -> Path:
    """An empty file of a name of its own in the folder of ``target``."""
    folder = target.parent
    if folder.exists() and not folder.is_dir():
        raise UserError(f"cannot write {target}: {folder} is a file, not a folder; choose another place")
    if not folder.is_dir():
        raise UserError(f"cannot write {target}: folder {folder} does not exist; create it first")
    try:
        if target.is_dir():  # asks the system, which may refuse the name
            raise UserError(f"cannot write {target}: it is a folder; give a file name")
        handle, name = tempfile.mkstemp(prefix=f".{target.stem[:32]}-", suffix=target.suffix, dir=folder)
        os.close(handle)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror}; choose another place") from error
    return Path(name)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
