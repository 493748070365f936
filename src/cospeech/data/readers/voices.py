"""A folder of speech alone: sound files, with an optional ``manifest.csv`` that names the speakers.

``talk.wav`` may have a transcript ``talk.TextGrid`` (.srt, .json, .txt and others) beside it, or what is said
in it, in English, in the column ``transcript`` of the manifest (``language``, if there is one, must be en).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from ...core.csv_files import csv_records, read_csv
from ...core.errors import UserError
from ...core.progress import note, track
from ...speech.forced_alignment import align
from ...speech.speech import Speech
from ...speech.transcript import SUFFIXES_BESIDE
from ..clips import Dropped, GestureClip
from ..recordings import LazyReader, Recording
from .paired_files import recording

SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".m4a", ".webm")
SHORTEST = 2.0  # seconds of a speech that is kept


@LazyReader
def read(folder: str | Path, *, limit: int | None = None, quiet: bool = False) -> Iterator[Recording | Dropped]:
    """Speech clips; a tenth of the speakers each is kept for validation and for test, by a stable hash.

    Raises:
        UserError: the folder holds no sound files.
    """
    folder = Path(folder)
    rows = manifest(folder)
    files = sorted(folder.rglob("*"))
    paths = [path for path in files if path.suffix.lower() in SUFFIXES]
    texts = {
        (path.with_suffix(""), path.suffix.lower()): path for path in files if path.suffix.lower() in SUFFIXES_BESIDE
    }
    if not paths:
        raise UserError(f"{folder} holds no sound files ({', '.join(SUFFIXES)})")
    for path in track(paths[:limit], "speech", quiet=quiet):
        name = path.relative_to(folder).as_posix()
        row = rows.get(name, {})
        own = (texts.get((path.with_suffix(""), suffix)) for suffix in SUFFIXES_BESIDE)
        text = next(filter(None, own), None)
        said = row.get("transcript") if text is None and row.get("language", "en") == "en" else None
        load = partial(_clip, path, name, row.get("speaker") or name, text=text, said=said, quiet=quiet)
        yield Recording(name, (path,) if text is None else (path, text), load)


def manifest(folder: Path) -> dict[str, dict[str, str]]:
    """Rows of ``manifest.csv`` by the file that they describe; none if there is no such file."""
    path = folder / "manifest.csv"
    if not path.is_file():
        return {}
    rows = [row for _, row in csv_records(read_csv(path), path)]
    if rows and "file" not in rows[0]:
        raise UserError(f"{path} must have the column file; got {', '.join(rows[0])}")
    return {row["file"]: row for row in rows}


def _clip(
    path: Path, name: str, speaker: str, *, text: Path | None, said: str | None, quiet: bool
) -> GestureClip | Dropped:
    """The speech of a file, with the words of its transcript ``text``, or those that are ``said``."""
    try:
        speech = recording(path, text=text, speaker=speaker, emotion=None, quiet=quiet)
        if said:
            speech = _with_words(speech, said, path, quiet=quiet)
    except UserError as error:
        return Dropped(name, str(error))
    if speech.seconds < SHORTEST:
        return Dropped(name, f"shorter than two seconds ({speech.seconds:.1f} s)")
    return GestureClip(name, speaker, split_of(speaker), None, speech, None)


def _with_words(speech: Speech, text: str, path: Path, *, quiet: bool) -> Speech:
    """The same speech with the words of a text; without them, and that is told, if they cannot be found."""
    try:
        return replace(speech, words=align(speech, text=text))
    except UserError as error:
        if not quiet:
            note(f"{path.stem}: read without words: {error}")
        return speech


def split_of(speaker: str) -> str:
    """train, val or test by a hash of the speaker's name: 80, 10 and 10 in a hundred."""
    bucket = zlib.crc32(speaker.encode()) % 10
    return {0: "test", 1: "val"}.get(bucket, "train")
