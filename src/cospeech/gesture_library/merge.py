"""Several libraries into one. What is damaged is left behind, so this also saves what is left of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from ..core.arguments import several
from ..core.deprecation import renamed_keywords
from ..core.errors import UserError
from ..core.progress import note, track
from .build import Added
from .catalogue import check_place, writing
from .library import GestureLibrary
from .shards import FRAMES, KEYS, MOTION, Damaged, read_array
from .writer import Recording, Segment, Shards

_ORIGINS = "SELECT name FROM origin WHERE recording = ? ORDER BY name"


@renamed_keywords({"bases": "libraries"})
def merge_libraries(libraries: Sequence[str | Path], out: str | Path, *, quiet: bool = False) -> Added:
    """Make one gesture library of several; what two of them have is taken once.

    Shards that are damaged are left out and reported, so the merge of a single library keeps what is whole of it.

    Args:
        libraries: folders of the libraries, all of one embedding; one is enough.
        out: folder of the new library. One that is there is replaced when the new one is finished; it may be
            among ``libraries``.
        quiet: without progress and notes.
    Raises:
        UserError: a library cannot be opened, embeddings differ, two recordings have one name, nothing whole
            is left, or the folder cannot be written.
    """
    libraries = several(libraries)
    if not libraries:
        raise UserError("no library is named; name one or more, as in cospeech library merge one two -o both")
    opened, out = [GestureLibrary(folder) for folder in libraries], Path(out)
    header = opened[0].header
    for library in opened[1:]:
        if library.header != header:
            raise UserError(
                f"{library.folder} was made with the embedding {library.header.embedding}, {libraries[0]} with "
                f"{header.embedding}; build one of them again with the other's model"
            )
    check_place(out)
    added = Added()
    known: dict[str, str] = {}
    with writing(out, create=True) as change:
        change.start_anew(header)
        shards = Shards(change, header.embedding.size)
        for library in opened:
            for recording in _recordings(library, quiet):
                if recording.name not in known:
                    known[recording.name] = recording.digest
                    shards.add(recording)
                    added.count(recording)
                elif known[recording.name] == recording.digest:
                    added.there += 1
                else:
                    raise UserError(
                        f"{library.folder} and a library before it have different recordings called "
                        f"{recording.name!r}; prepare one of them under another name"
                    )
        if not added.segments:
            raise UserError(f"nothing whole is left in {', '.join(map(str, libraries))}; build the library again")
        shards.finish()
    return added


def _recordings(library: GestureLibrary, quiet: bool) -> Iterator[Recording]:
    """All recordings of a library but those of damaged shards."""
    rows = library.catalogue.execute("SELECT id, first_row, rows FROM shard ORDER BY id").fetchall()
    for shard, first, count in track(rows, f"{library.folder}", total=len(rows), quiet=quiet):
        try:
            arrays = {file.role: read_array(library.folder, file) for file in library.files if file.shard == shard}
        except Damaged as error:
            note(f"{error}; {count} segments are left out")
            continue
        yield from _of_shard(library, shard, first, count, arrays)


def _of_shard(
    library: GestureLibrary, shard: int, first: int, count: int, arrays: dict[str, np.ndarray]
) -> Iterator[Recording]:
    gesture, speech = (arrays.get(role) for role in KEYS)
    assert gesture is not None
    query = "SELECT first FROM entry WHERE row = ?"
    for name, group in groupby(library.samples(range(first, first + count)), lambda entry: entry.recording):
        entries = list(group)
        one = entries[0]
        offset = library.catalogue.execute(query, (one.row,)).fetchone()[0] - one.first
        number, frames, digest = library.catalogue.execute(
            "SELECT id, frames, digest FROM recording WHERE name = ?", (name,)
        ).fetchone()
        origins = library.catalogue.execute(_ORIGINS, (number,)).fetchall()
        yield Recording(
            name,
            one.kind,
            one.split,
            one.speaker,
            one.emotion,
            tuple(name for (name,) in origins),
            digest,
            arrays[MOTION][offset : offset + frames],
            tuple(
                Segment(
                    entry.first,
                    entry.last,
                    entry.words,
                    gesture[entry.row - first],
                    speech[entry.row - first] if entry.spoken and speech is not None else None,
                    entry.expressiveness,
                    library.frame_keys(entry) if (shard, FRAMES) in library.roles else None,
                )
                for entry in entries
            ),
        )
