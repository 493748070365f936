"""Corpus readers, one file each: ``read(folder, *, limit, quiet)`` yields clips and dropped clips.

Another package adds a reader by an entry point, named as ``cospeech prepare NAME=FOLDER`` calls it::

    [project.entry-points."cospeech.readers"]
    mycorpus = "mypackage.mycorpus:read"
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar, cast

from ...core.errors import UserError
from ...core.registry import Registry
from ..clips import Dropped, GestureClip
from ..point_clips import PointClip

Reader = Callable[..., Iterator[GestureClip | PointClip | Dropped]]
PointReader = Callable[..., Iterator[PointClip | Dropped]]
R = TypeVar("R", bound=Callable[..., Iterator[PointClip | Dropped]])

READERS: Registry[Reader] = Registry(
    "corpus",
    "cospeech.readers",
    {
        "beat": f"{__name__}.beat:read",
        "beat2": f"{__name__}.beat2:read",
        "ebmdb": f"{__name__}.ebmdb:read",
        "folder": f"{__name__}.folder:read",
        "keypoints": f"{__name__}.keypoints:read",
        "pats": f"{__name__}.pats:read",
        "speech": f"{__name__}.voices:read",
        "ted": f"{__name__}.ted:read",
        "twh": f"{__name__}.twh:read",
        "zeggs": f"{__name__}.zeggs:read",
    },
)


def reads_points(read: R) -> R:
    """Decorator of a reader whose clips are points in a picture, ``PointClip``; others yield ``GestureClip``."""
    read.yields_points = True  # type: ignore[attr-defined]
    return read


def is_point_reader(name: str) -> bool:
    """Whether a corpus has points in a picture. Raises UserError if there is no such corpus."""
    return getattr(READERS.get(name), "yields_points", False)


def read_points(
    name: str, folder: str | Path, *, limit: int | None = None, quiet: bool = False
) -> Iterator[PointClip | Dropped]:
    """Clips of a corpus of points in a picture.

    Args:
        name: of the corpus, one whose reader is marked by ``reads_points``.
        folder: holds it.
        limit: read only so many clips of each speaker (for trials).
    Raises:
        UserError: unknown corpus, or what its reader raises.
    """
    if name not in READERS or not is_point_reader(name):
        known = ", ".join(sorted(name for name in READERS if is_point_reader(name)))
        raise UserError(f"unknown corpus of points {name!r}; known: {known}")
    return cast(PointReader, READERS.get(name))(folder, limit=limit, quiet=quiet)
