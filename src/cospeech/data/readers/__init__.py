"""One file a corpus. A reader is ``read(folder, *, limit, quiet)`` and yields clips and dropped clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module

from ..clips import Dropped, GestureClip

Reader = Callable[..., Iterator[GestureClip | Dropped]]


def _lazy(module: str) -> Callable[[], Reader]:
    def load() -> Reader:
        read: Reader = import_module(f"{__name__}.{module}").read
        return read

    return load


READERS: dict[str, Callable[[], Reader]] = {
    "ebmdb": _lazy("ebmdb"),
    "beat2": _lazy("beat2"),
    "folder": _lazy("folder"),
    "speech": _lazy("voices"),
}
