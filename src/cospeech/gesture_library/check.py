"""What is in a library, and whether it is whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.deprecation import renamed_keywords
from ..core.timing import FPS
from ..methods.flow.latents import STACK
from ..motion.codec import Codec
from ..motion.gestures.files import FOLDER as GESTURES
from ..motion.gestures.files import gestures_in
from .catalogue import FILE, KINDS
from .embedder import Embedding
from .library import GestureLibrary
from .shards import FRAMES, KEYS, MOTION, Damaged, ShardFile, leftovers, read_array, read_frame_keys


@dataclass(frozen=True)
class LibraryInfo:
    """What is in a library."""

    folder: Path
    segments: int
    seconds: float
    recordings: dict[str, int]  # by kind
    splits: tuple[str, ...]
    speakers: dict[str, int]  # segments of each
    emotions: dict[str, int]  # likewise; "none" of those without
    spoken: int  # segments with a key of their speech
    with_words: int  # segments whose words are known
    embedding: Embedding
    motion: str  # how it is kept, see ``build_library``
    shards: int
    bytes: int  # on disk
    named: tuple[str, ...] = ()  # gestures that were added by name

    def lines(self) -> list[str]:
        """In words."""
        mean = self.seconds / max(1, self.segments)

        def counted(counts: dict[str, int]) -> str:
            return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"

        return [
            f"gesture library {self.folder}",
            f"segments    {self.segments:,} of {self.seconds / 3600:.2f} h, {mean:.2f} s each",
            f"recordings  {counted({KINDS.get(k, k): n for k, n in self.recordings.items()})}",
            f"splits      {', '.join(self.splits) or 'none'}",
            f"speakers    {counted(self.speakers)}",
            f"emotions    {counted(self.emotions)}",
            f"speech      known of {self.spoken:,} segments, words of {self.with_words:,}",
            f"named       {', '.join(self.named) or 'none'}",
            f"embedding   {self.embedding}",
            f"motion      kept as {self.motion}",
            f"on disk     {self.bytes / 1e6:.1f} MB in {self.shards} shards",
        ]


@dataclass(frozen=True)
class LibraryCheck:
    """What ``check_base`` found."""

    folder: Path
    segments: int
    usable: int  # segments of which everything is whole
    problems: tuple[str, ...]  # one line each
    leftovers: int  # files of a writing that was killed, or goes on just now; they do no harm

    def lines(self) -> list[str]:
        """In words, without the problems."""
        result = [f"{self.usable:,} of {self.segments:,} segments of {self.folder} are whole"]
        if self.leftovers:
            result.append(
                f"{self.leftovers} files belong to a writing that goes on or was killed; the next one removes them"
            )
        return result

    def complaint(self) -> str:
        """The problems in one line, with what to do."""
        return (
            f"{self.folder} is damaged in {len(self.problems)} places and {self.segments - self.usable:,} "
            f"of {self.segments:,} segments are lost; build it again, or keep the rest with `cospeech library "
            f"merge {self.folder} -o NEW`"
        )


@renamed_keywords({"base": "library"})
def library_info(library: str | Path) -> LibraryInfo:
    """What is in a gesture library.

    Args:
        library: folder of the library.
    Raises:
        UserError: there is none, or it cannot be opened.
    """
    opened = GestureLibrary(library)

    def all_of(query: str) -> list[tuple[Any, ...]]:
        return opened.catalogue.execute(query).fetchall()

    def by(column: str) -> dict[str, int]:
        return dict(
            all_of(
                f"SELECT coalesce({column}, 'none'), count(*) FROM entry JOIN recording "
                "ON recording.id = recording GROUP BY 1 ORDER BY 1"
            )
        )

    frames, spoken, words = all_of("SELECT total(end - start), total(spoken), count(words) FROM entry")[0]
    return LibraryInfo(
        folder=opened.folder,
        segments=len(opened),
        seconds=frames / FPS,
        recordings=dict(all_of("SELECT kind, count(*) FROM recording GROUP BY kind ORDER BY kind DESC")),
        splits=tuple(name for (name,) in all_of("SELECT DISTINCT split FROM recording ORDER BY split DESC")),
        speakers=by("speaker"),
        emotions=by("emotion"),
        spoken=int(spoken),
        with_words=words,
        embedding=opened.header.embedding,
        motion=opened.header.motion,
        shards=all_of("SELECT count(*) FROM shard")[0][0],
        bytes=sum(file.bytes for file in opened.files) + (opened.folder / FILE).stat().st_size,
        named=tuple(gesture.name for gesture in gestures_in(opened.folder / GESTURES)),
    )


@renamed_keywords({"base": "library"})
def check_library(library: str | Path) -> LibraryCheck:
    """Read everything and compare it with the catalogue.

    Args:
        library: folder of the library.
    Raises:
        UserError: there is none, or it cannot be opened at all.
    """
    opened = GestureLibrary(library)
    problems = [f"{opened.folder / FILE}: {text}" for text in _catalogue_problems(opened.catalogue)]
    usable = 0
    whole = True
    try:
        bases = opened.bases
    except Damaged as error:
        whole, bases = False, None
        problems.append(str(error))
    files: dict[int, list[ShardFile]] = {}
    for file in opened.files:
        files.setdefault(file.shard, []).append(file)
    query = "SELECT id, first_row, rows, frames FROM shard ORDER BY id"
    for shard, first, rows, frames in opened.catalogue.execute(query).fetchall():
        shape = (frames, Codec().channels) if bases is None else (frames // STACK, bases.parts.size)
        found = list(_shard_problems(opened, files.get(shard, []), rows, shape if whole else None))
        last = opened.catalogue.execute(
            "SELECT count(*), max(first + end - start) FROM entry WHERE shard = ? AND row BETWEEN ? AND ?",
            (shard, first, first + rows - 1),
        ).fetchone()
        if last[0] != rows or last[1] > frames:
            found.append(f"{opened.folder / FILE}: the rows of shard {shard} do not fit it")
        problems += found
        usable += rows if whole and not found else 0
    known = {file.name for file in opened.files}
    return LibraryCheck(opened.folder, len(opened), usable, tuple(problems), len(leftovers(opened.folder, known)))


def _catalogue_problems(catalogue: sqlite3.Connection) -> Iterator[str]:
    for (text,) in catalogue.execute("PRAGMA integrity_check"):
        if text != "ok":
            yield str(text)
    rows, highest = catalogue.execute("SELECT count(*), max(row) FROM entry").fetchone()
    covered = catalogue.execute("SELECT total(rows) FROM shard").fetchone()[0]
    if rows and (highest != rows - 1 or covered != rows):
        yield "its rows are not numbered without gaps"
    query = "SELECT count(*) FROM entry WHERE recording NOT IN (SELECT id FROM recording)"
    if catalogue.execute(query).fetchone()[0]:
        yield "it has segments of no recording"


def _shard_problems(
    library: GestureLibrary, files: list[ShardFile], rows: int, motion: tuple[int, int] | None
) -> Iterator[str]:
    """``motion``: shape that it must have; None if that is not known."""
    for role in {MOTION, KEYS[0]} - {file.role for file in files}:
        yield f"{library.folder / FILE}: a shard has no file of its {role}"
    for file in files:
        wanted = motion if file.role == MOTION else (rows, library.header.embedding.size)
        try:
            array = read_array(library.folder, file)
            if file.role == FRAMES and len(read_frame_keys(library.folder, file)[1]) != rows:
                yield f"{library.folder / file.name} has keys of another number of segments"
        except Damaged as error:
            yield str(error)
            continue
        if file.role in (MOTION, *KEYS) and wanted is not None and array.shape != wanted:
            yield f"{library.folder / file.name} has the shape {list(array.shape)}"
