"""One training at a time in a run folder."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..core.errors import UserError


@contextmanager
def lock_run(folder: Path) -> Iterator[None]:
    """Hold a run folder, which is created if need be, while the block runs.

    The system drops the lock with the process, so a killed run leaves none behind.

    Raises:
        UserError: another process trains in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "lock"
    descriptor = _locked(path)
    try:
        os.truncate(path, 0)
        os.write(descriptor, f"process {os.getpid()} on {platform.node()}".encode())
        yield
    finally:
        with suppress(OSError):  # Windows does not remove what is open
            path.unlink()
        os.close(descriptor)


def _locked(path: Path) -> int:
    """Descriptor of the lock file, locked."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if not _lock(descriptor):
            holder = os.read(descriptor, 200).decode(errors="replace") or "another process"
            os.close(descriptor)
            raise UserError(f"{path.parent} is being trained by {holder}; wait for it, or choose another folder")
        with suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        os.close(descriptor)  # the holder before removed the file meanwhile


def _lock(descriptor: int) -> bool:
    """Whether the file could be locked, or lies on a file system without locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True
