"""One file a corpus. A reader is ``read(folder, *, limit, quiet)`` and yields clips and dropped clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

from ...core.errors import UserError
from ..clips import Dropped, GestureClip
from ..point_clips import PointClip

Reader = Callable[..., Iterator[GestureClip | PointClip | Dropped]]
PointReader = Callable[..., Iterator[PointClip | Dropped]]


def _lazy(module: str) -> Callable[[], Reader]:
    def load() -> Reader:
        read: Reader = import_module(f"{__name__}.{module}").read
        return read

    return load


READERS: dict[str, Callable[[], Reader]] = {
    "ebmdb": _lazy("ebmdb"),
    "beat": _lazy("beat"),
    "beat2": _lazy("beat2"),
    "zeggs": _lazy("zeggs"),
    "twh": _lazy("twh"),
    "ted": _lazy("ted"),
    "pats": _lazy("pats"),
    "keypoints": _lazy("keypoints"),
    "folder": _lazy("folder"),
    "speech": _lazy("voices"),
}
POINT_READERS = ("keypoints", "pats")  # of points in a picture


def read_points(
    name: str, folder: str | Path, *, limit: int | None = None, quiet: bool = False
) -> Iterator[PointClip | Dropped]:
    """Clips of a corpus of points in a picture.

    Args:
        name: of the corpus, one of POINT_READERS.
        folder: holds it.
        limit: read only so many clips of each speaker (for trials).
    Raises:
        UserError: unknown corpus, or what its reader raises.
    """
    if name not in POINT_READERS:
        raise UserError(f"unknown corpus of points {name!r}; known: {', '.join(POINT_READERS)}")
    read: PointReader = import_module(f"{__name__}.{name}").read
    return read(folder, limit=limit, quiet=quiet)
