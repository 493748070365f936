"""Recordings of a corpus that have not been read yet, so that they can be read in any process and order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import partial, update_wrapper
from pathlib import Path
from typing import Any

from .clips import Dropped, GestureClip
from .point_clips import PointClip

Clip = GestureClip | PointClip | Dropped
GROUP_BYTES = 48_000_000  # of source files that make a shard, about: 3 to 30 minutes of recordings
_HASHES = 2**64


@dataclass(frozen=True)
class Recording:
    """A recording that is read when ``load`` is called."""

    id: str
    files: tuple[Path, ...]  # what ``load`` reads; a change of one makes the recording a new one
    load: Callable[[], Clip | Iterable[Clip]]  # can be pickled; its arguments say what is read and how
    size: int | None = None  # bytes of the files that are this recording's; their whole size if None

    def clips(self) -> Iterator[Clip]:
        """Read it."""
        found = self.load()
        if isinstance(found, Clip):
            yield found
        else:
            yield from found

    @property
    def bytes(self) -> int:
        """Size of what is read."""
        return sum(path.stat().st_size for path in self.files) if self.size is None else self.size

    def identity(self, folder: Path) -> list[Any]:
        """What the clips depend on, as JSON: the files with size and time of change, and how they are read.

        Args:
            folder: of the corpus; the same files elsewhere have the same identity.
        """
        stats = [(_plain(path, folder), path.stat()) for path in self.files]
        files = [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]
        return [self.id, files, _plain(self.load, folder)]


class LazyReader:
    """A corpus reader whose recordings can be read one by one: decorates what lists them.

    Called as any reader, ``read(folder, limit=..., quiet=...)``, it yields the clips of the recordings in order.
    """

    def __init__(self, recordings: Callable[..., Iterator[Recording | Dropped]]) -> None:
        self.recordings = recordings
        update_wrapper(self, recordings)

    def __call__(self, folder: str | Path, *, limit: int | None = None, quiet: bool = False) -> Iterator[Any]:
        for found in self.recordings(folder, limit=limit, quiet=quiet):
            if isinstance(found, Dropped):
                yield found
            else:
                yield from found.clips()


def groups(recordings: Sequence[Recording | Dropped]) -> list[list[Recording | Dropped]]:
    """Recordings in order, cut into what makes a shard each: ``GROUP_BYTES`` on average.

    A recording ends a group by a hash of its name, the likelier the larger it is. So where groups are cut depends
    on the recordings there, not on those before, and a recording that is added or changed touches its group alone.
    """
    result: list[list[Recording | Dropped]] = [[]]
    for found in recordings:
        result[-1].append(found)
        size = 0 if isinstance(found, Dropped) else found.bytes
        chance = int.from_bytes(hashlib.sha256(found.id.encode()).digest()[:8]) / _HASHES
        if chance < size / GROUP_BYTES:
            result.append([])
    return [group for group in result if group]


def _plain(value: Any, folder: Path) -> Any:
    """A call's function and arguments as JSON: what ``quiet`` says is left out, paths are those in the corpus."""
    if isinstance(value, partial):
        own = {name: _plain(part, folder) for name, part in sorted(value.keywords.items()) if name != "quiet"}
        return [_plain(value.func, folder), [_plain(part, folder) for part in value.args], own]
    if isinstance(value, Path):
        return value.relative_to(folder).as_posix() if value.is_relative_to(folder) else value.name
    if isinstance(value, dict):
        return {str(name): _plain(part, folder) for name, part in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [_plain(part, folder) for part in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name), folder) for field in fields(value)}
    if callable(value):
        return f"{value.__module__}.{value.__qualname__}"
    return value
