"""A folder of speech alone: sound files, with an optional ``manifest.csv`` that names the speakers.

``talk.wav`` may have a transcript ``talk.TextGrid`` (.srt, .vtt, .json, .txt) beside it.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from pathlib import Path

from ...errors import UserError
from ...progress import track
from ..clips import Dropped, GestureClip
from .together import recording

SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".m4a", ".webm")
TRANSCRIPTS = (".textgrid", ".srt", ".vtt", ".json", ".txt")


def read(
    folder: str | Path, *, limit: int | None = None, quiet: bool = False
) -> Iterator[GestureClip | Dropped]:
    """Speech clips; a tenth of the speakers each is kept for validation and for test, by a stable hash.

    Raises:
        UserError: the folder holds no sound files.
    """
    folder = Path(folder)
    speakers: dict[str, str] = {}
    if (folder / "manifest.csv").is_file():
        with open(folder / "manifest.csv", newline="") as file:
            speakers = {row["file"]: row.get("speaker") or row["file"] for row in csv.DictReader(file)}
    files = sorted(folder.rglob("*"))
    paths = [path for path in files if path.suffix.lower() in SUFFIXES]
    texts = {
        (path.with_suffix(""), path.suffix.lower()): path
        for path in files
        if path.suffix.lower() in TRANSCRIPTS
    }
    if not paths:
        raise UserError(f"{folder} holds no sound files ({', '.join(SUFFIXES)})")
    for path in track(paths[:limit], "speech", quiet=quiet):
        name = path.relative_to(folder).as_posix()
        speaker = speakers.get(name, name)
        try:
            own = (texts.get((path.with_suffix(""), suffix)) for suffix in TRANSCRIPTS)
            text = next(filter(None, own), None)
            speech = recording(path, text=text, speaker=speaker, emotion=None, quiet=quiet)
        except UserError as error:
            yield Dropped(name, str(error))
            continue
        if speech.seconds < 2.0:
            yield Dropped(name, f"shorter than two seconds ({speech.seconds:.1f} s)")
            continue
        yield GestureClip(name, speaker, split_of(speaker), None, speech, None)


def split_of(speaker: str) -> str:
    """train, val or test by a hash of the speaker's name: 80, 10 and 10 in a hundred."""
    bucket = zlib.crc32(speaker.encode()) % 10
    return {0: "test", 1: "val"}.get(bucket, "train")
