"""Several libraries into one. What is damaged is left behind, so this also saves what is left of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, groupby, islice
from pathlib import Path

import numpy as np

from ..core.arguments import several
from ..core.deprecation import renamed_keywords
from ..core.errors import UserError
from ..core.progress import note, track
from ..methods.flow.latents import STACK
from ..motion.gestures.files import FOLDER, gestures_in, save_gesture
from .build import Added, write_library
from .catalogue import MOTIONS
from .latents import FIT_FRAMES, LatentMotion, rows_of
from .library import GestureLibrary
from .shards import FRAMES, KEYS, MOTION, Damaged, packed, read_array, unpacked
from .writer import Recording, Segment

_ORIGINS = "SELECT name FROM origin WHERE recording = ? ORDER BY name"


@renamed_keywords({"bases": "libraries"})
def merge_libraries(
    libraries: Sequence[str | Path], out: str | Path, *, motion: str | None = None, quiet: bool = False
) -> Added:
    """Make one gesture library of several; what two of them have is taken once.

    Shards that are damaged are left out and reported, so the merge of a single library keeps what is whole of it. Named
    gestures come along, of two of one name that of the library that is named first.

    Args:
        libraries: folders of the libraries, all of one embedding; one is enough.
        out: folder of the new library. One that is there is replaced when the new one is finished; it may be
            among ``libraries``.
        motion: how it is kept (``build_library``): anew as frames or as latents, which differ from what was there;
            if None as it is, which all libraries must have in common.
        quiet: without progress and notes.
    Raises:
        UserError: a library cannot be opened, embeddings or motion differ, two recordings have one name, nothing whole
            is left, or the folder cannot be written.
    """
    libraries = several(libraries)
    if not libraries:
        raise UserError("no library is named; name one or more, as in cospeech library merge one two -o both")
    opened, out = [GestureLibrary(folder) for folder in libraries], Path(out)
    if motion not in (None, *MOTIONS):
        raise UserError(f"motion is {' or '.join(MOTIONS)}; got {motion!r}")
    header = opened[0].header
    for library in opened[1:]:
        if replace(library.header, bases=header.bases) != header:
            raise UserError(
                f"{library.folder} was made with the embedding {library.header.embedding}, {libraries[0]} with "
                f"{header.embedding}; build one of them again with the other's model"
            )
    if motion is None:
        _check_alike(opened)
    added = Added()
    nothing = f"nothing whole is left in {', '.join(map(str, libraries))}; build the library again"
    bases = opened[0].bases if motion is None else _fitted(opened) if motion == "latents" else None
    recordings = _once(opened, added, quiet, as_frames=motion is not None)
    named = {gesture.name: gesture for library in opened[::-1] for gesture in gestures_in(library.folder / FOLDER)}
    write_library(out, header, recordings, bases, empty=nothing)
    for gesture in named.values():
        save_gesture(out / FOLDER, gesture)
    return added


def _fitted(libraries: Sequence[GestureLibrary]) -> LatentMotion | None:
    """Bases of what is in libraries; None if nothing is."""
    query = "SELECT total(frames) FROM recording"
    frames = sum(library.catalogue.execute(query).fetchone()[0] for library in libraries)
    every = max(1, -(-int(frames) // FIT_FRAMES))
    recordings = chain.from_iterable(_recordings(library, True, as_frames=True) for library in libraries)
    motions = [unpacked(recording.motion) for recording in islice(recordings, 0, None, every)]
    return LatentMotion.fit(motions) if motions else None


def _once(libraries: Sequence[GestureLibrary], added: Added, quiet: bool, *, as_frames: bool) -> Iterator[Recording]:
    """The recordings of libraries, what two of them have once; counted."""
    known: dict[str, str] = {}
    for library in libraries:
        for recording in _recordings(library, quiet, as_frames=as_frames):
            if recording.name not in known:
                known[recording.name] = recording.digest
                added.count(recording)
                yield recording
            elif known[recording.name] == recording.digest:
                added.there += 1
            else:
                raise UserError(
                    f"{library.folder} and a library before it have different recordings called "
                    f"{recording.name!r}; prepare one of them under another name"
                )


def _check_alike(libraries: Sequence[GestureLibrary]) -> None:
    """Raises UserError if libraries keep motion in different ways, or as latents of different bases."""
    first = libraries[0]
    for library in libraries[1:]:
        if library.header.bases != first.header.bases:
            raise UserError(
                f"{library.folder} keeps motion as {_kept(library)}, {first.folder} as {_kept(first)}; keep them "
                "apart, or encode both anew with --motion frames or --motion latents"
            )


def _kept(library: GestureLibrary) -> str:
    """How motion is kept, in words."""
    header = library.header
    return header.motion if header.bases is None else f"{header.motion} ({header.bases})"


def _recordings(library: GestureLibrary, quiet: bool, *, as_frames: bool) -> Iterator[Recording]:
    """All recordings of a library but those of damaged shards; motion as it is, or as frames."""
    rows = library.catalogue.execute("SELECT id, first_row, rows FROM shard ORDER BY id").fetchall()
    for shard, first, count in track(rows, f"{library.folder}", total=len(rows), quiet=quiet):
        try:
            arrays = {file.role: read_array(library.folder, file) for file in library.files if file.shard == shard}
        except Damaged as error:
            note(f"{error}; {count} segments are left out")
            continue
        for recording in _of_shard(library, shard, first, count, arrays):
            if as_frames and library.bases is not None:
                encoded = library.bases.unpacked(recording.motion, 0, recording.frames)
                yield replace(recording, motion=packed(encoded))
            else:
                yield recording


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
        step, rows = (1, frames) if library.header.bases is None else (STACK, rows_of(frames))
        origins = library.catalogue.execute(_ORIGINS, (number,)).fetchall()
        yield Recording(
            name,
            one.kind,
            one.split,
            one.speaker,
            one.emotion,
            tuple(name for (name,) in origins),
            digest,
            frames,
            arrays[MOTION][offset // step : offset // step + rows],
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
