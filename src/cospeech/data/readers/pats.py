"""PATS: 25 people of television and lectures as points in the picture, with words.

Ahuja et al., Style Transfer for Co-Speech Gesture Animation, ECCV 2020. Expected, as published:
``cmu_intervals_df.csv``, ``missing_intervals.h5`` and ``processed/oliver/INTERVAL.h5``, and where the sound
was fetched ``raw/oliver_cropped/INTERVAL.mp3``. Needs the package h5py (the extra [corpora]).

Where the layout is from, all in chahuja/pats: folders and keys in README.md, columns of the table in
youtube2croppedaudio/youtube2audio.py and data/dataUtils.py (``dataset`` is the split), names and parents of
the points and 15 frames a second in data/skeleton.py, all x before all y in dataloader_tutorial.ipynb, as are
``text/meta`` (Word, start_frame, end_frame) and its being a frame of pandas. That the neck is in the picture,
all else relative to it, and that confidence is there twice, is in the preprocessing that mix-stage's
skeleton.py kept. The layout of a pandas frame inside was looked at in a file that pandas wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...core.csv_files import csv_records, read_csv
from ...core.errors import UserError
from ...core.progress import note, track
from ...speech.loading import load_speech
from ...speech.speech import Speech, Word
from ..clips import Dropped
from ..point_clips import PointClip
from ..recordings import LazyReader, Recording
from . import reads_points
from .paired_files import Few, unlike, words_within
from .safe_pickle import need, unpickle

CREDIT = "PATS (Ahuja et al., ECCV 2020)"

FPS = 15.0
_SPLITS = {"train": "train", "dev": "val", "test": "test"}
_TABLE = "cmu_intervals_df.csv"
_COLUMNS = ("interval_id", "speaker", "dataset")
_FINGERS = ("Thumb", "Index", "Middle", "Ring", "Little")
NAMES = (
    *("Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist", "Nose", "REye", "LEye"),
    *(
        f"{side}Hand{part}"
        for side in ("L", "R")
        for part in ("Root", *(f"{finger}{k}" for finger in _FINGERS for k in (1, 2, 3, 4)))
    ),
)
PARENTS = (
    *(-1, 0, 1, 2, 0, 4, 5, 0, 7, 7),
    *(  # a hand's root hangs from the wrist, each finger from the hand's root
        joint
        for wrist, root in ((6, 10), (3, 31))
        for joint in (wrist, *(root if k == 0 else root + 4 * f + k for f in range(5) for k in range(4)))
    ),
)


@reads_points
@LazyReader
def read(folder: str | Path, *, limit: int | None = None, quiet: bool = False) -> Iterator[Recording | Dropped]:
    """Clips of points in the picture, in pixels, with words and, where it is there, the sound.

    The split is the table's (dev is val). People whose folder was not fetched are passed over; intervals
    that the corpus itself lists as incomplete are dropped. The log-mel features are not read: they are not
    ours.

    Args:
        folder: holds the table (or has it in ``data``).
        limit: read only so many intervals of each speaker (for trials).
    Raises:
        UserError: h5py is not installed, or the table is missing or broken.
    """
    folder = Path(folder)
    folder = folder if (folder / _TABLE).is_file() else folder / "data"
    rows = _rows(folder)
    need("h5py", "pats")
    incomplete = _incomplete(folder / "missing_intervals.h5")
    few = Few(limit)
    there = {row["speaker"]: (folder / "processed" / row["speaker"]).is_dir() for row in rows}
    for row in track([row for row in rows if there[row["speaker"]]], "pats", quiet=quiet):
        identity, speaker, split = (row[column].strip() for column in _COLUMNS)
        if few.over(speaker):
            continue
        path = folder / "processed" / speaker / f"{identity}.h5"
        sound = folder / "raw" / f"{speaker}_cropped" / f"{identity}.mp3"
        if identity in incomplete:
            yield Dropped(identity, "listed in missing_intervals.h5")
        elif split not in _SPLITS:
            yield Dropped(identity, f"the table has no split for it ({split!r})")
        elif not path.is_file():
            yield Dropped(identity, "no h5 file of that interval")
        else:
            files = tuple(filter(Path.is_file, (path, sound)))
            load = partial(_clip, path, sound, identity, speaker, _SPLITS[split], quiet=quiet)
            yield Recording(identity, files, load)
    if not quiet and not all(there.values()):
        note(f"pats: no folder of {', '.join(sorted(name for name, here in there.items() if not here))}")


def _rows(folder: Path) -> list[dict[str, str]]:
    """Intervals of the table. Raises UserError if there is none, or without its columns."""
    table = folder / _TABLE
    if not table.is_file():
        raise UserError(f"{folder.parent} is no pats folder: it has no {_TABLE}")
    rows = [row for _, row in csv_records(read_csv(table), table)]
    if rows and not set(_COLUMNS) <= rows[0].keys():
        raise UserError(f"{table} must have the columns {', '.join(_COLUMNS)}; got {', '.join(rows[0])}")
    return rows


def _clip(path: Path, sound: Path, identity: str, speaker: str, split: str, *, quiet: bool) -> PointClip | Dropped:
    h5py = need("h5py", "pats")
    try:
        with h5py.File(path, "r") as file:
            points, confidence = _points(file, path)
            words = _words(file, len(points) / FPS, identity, quiet)
        clip = PointClip(identity, speaker, split, FPS, NAMES, PARENTS, points, confidence, words=words)
    except (UserError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        return Dropped(identity, " ".join(str(error).split()))
    return _with_sound(clip, sound, quiet)


def _points(file: Any, path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels [T, 52, 2], and confidence [T, 52] where it is there."""
    if "pose/data" not in file:
        raise UserError(f"{path} has no pose/data")
    data = np.asarray(file["pose/data"], dtype=np.float64)
    if data.ndim != 2 or data.shape[1] != 2 * len(NAMES) or not len(data):
        raise UserError(f"pose/data must be [T, {2 * len(NAMES)}]; got {list(data.shape)}")
    points = data.reshape(len(data), 2, len(NAMES)).transpose(0, 2, 1).copy()
    points[:, 1:] += points[:, :1]
    if "pose/confidence" not in file:
        return points, None
    confidence = np.asarray(file["pose/confidence"], dtype=np.float32)
    return points, confidence[:, : len(NAMES)] if confidence.shape == data.shape else None


def _words(file: Any, seconds: float, identity: str, quiet: bool) -> tuple[Word, ...]:
    """Words of the frame ``text/meta``; none, and that is told, if it cannot be read."""
    if "text/meta" not in file:
        return ()
    try:
        frame = _frame(file["text/meta"])
        columns = (frame[name] for name in ("Word", "start_frame", "end_frame"))
        entries = [(str(text), float(a) / FPS, float(b) / FPS) for text, a, b in zip(*columns, strict=True)]
        return words_within(entries, seconds)
    except (UserError, OSError, LookupError, ValueError, TypeError, AttributeError) as error:
        if not quiet:
            note(f"{identity}: read without words: {' '.join(str(error).split())}")
        return ()


def _frame(group: Any) -> dict[str, list[Any]]:
    """Columns of a frame that pandas wrote in its fixed format: blocks of columns of one type."""
    columns: dict[str, list[Any]] = {}
    number = 0
    while f"block{number}_items" in group:
        names = [bytes(name).decode() for name in group[f"block{number}_items"][()]]
        values = group[f"block{number}_values"][()]
        if values.dtype == object:  # a pickle of texts, as bytes
            values = np.asarray(unpickle(bytes(values[0])))
        values = values.reshape(-1, len(names))
        columns |= {name: values[:, index].tolist() for index, name in enumerate(names)}
        number += 1
    return columns


def _with_sound(clip: PointClip, sound: Path, quiet: bool) -> PointClip | Dropped:
    """The clip with its sound, both cut to the shorter; without, and that is told, if it cannot be read."""
    if not sound.is_file():
        return clip
    try:
        speech: Speech = load_speech(sound, speaker=clip.speaker)
    except UserError as error:
        if not quiet:
            note(f"{clip.id}: read without sound: {error}")
        return clip
    reason = unlike(clip.id, speech.seconds, clip.seconds, quiet=quiet)
    if reason:
        return Dropped(clip.id, reason)
    frames = min(clip.frames, int(speech.seconds * FPS + 1e-6))
    if frames < clip.frames:
        confidence = None if clip.confidence is None else clip.confidence[:frames]
        words = words_within(((w.text, w.start, w.end) for w in clip.words), frames / FPS)
        clip = replace(clip, points=clip.points[:frames], confidence=confidence, words=words)
    return replace(clip, speech=replace(speech.cut(end=clip.seconds), words=clip.words))


def _incomplete(path: Path) -> set[str]:
    """Intervals that the corpus lists as incomplete."""
    if not path.is_file():
        return set()
    h5py = need("h5py", "pats")
    try:
        with h5py.File(path, "r") as file:
            names = file["intervals"][()] if "intervals" in file else []
            return {name.decode() if isinstance(name, bytes) else str(name) for name in names}
    except OSError as error:
        raise UserError(f"{path} is no HDF5 file that can be read; fetch it again") from error
