"""Your own recordings: a folder of BVH files and sound files of the same names.

``talk.bvh`` goes with ``talk.wav`` (or .flac, .mp3, .ogg, .m4a, .webm) beside it, and with a transcript
``talk.TextGrid`` (.srt, .json, .txt and others) if there is one. Folders within the folder are speakers.
``labels.csv`` may say more: file (as in ``anna/talk.bvh``), and any of emotion, speaker and split; what
a row leaves empty is as without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ...core.csv_files import csv_records, csv_rows, read_csv
from ...core.emotions import canonical_emotion
from ...core.errors import UserError
from ...core.progress import track
from ...speech.transcript import SUFFIXES_BESIDE
from ..clips import Dropped
from ..recordings import LazyReader, Recording
from .paired_files import Few, bvh_body, paired, recording
from .voices import SUFFIXES, split_of

COLUMNS = ("file", "emotion", "speaker", "split")
FEW = 10  # recordings: fewer than this are not split, all are for training


@dataclass(frozen=True)
class Label:
    """A row of labels.csv; None where it says nothing."""

    emotion: str | None = None
    speaker: str | None = None
    split: str | None = None


@LazyReader
def read(folder: str | Path, *, limit: int | None = None, quiet: bool = False) -> Iterator[Recording | Dropped]:
    """Clips of speech and motion on the canonical skeleton, upright and facing +z.

    The rig is recognised by its joint names (see ``motion.retarget``). Fingers stay as recorded; a rig
    without them, or whose fingers never move, gets those of ``motion.procedural.fingers``. Sound and motion
    begin together; what one of them is longer is cut. Unless labels.csv says otherwise the speaker is the
    sub-folder (the folder itself without one), there is no emotion, and a stable hash of the name gives 80,
    10 and 10 in a hundred to train, val and test; fewer than ten recordings are all for training.

    Args:
        folder: holds the recordings.
        limit: read only so many of each speaker (for trials).
    Raises:
        UserError: there is no BVH file, or labels.csv is broken.
    """
    folder = Path(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    motions = [path for path in files if path.suffix.lower() == ".bvh"]
    if not motions:
        raise UserError(f"{folder} holds no .bvh files; give a folder of BVH and sound of the same names")
    beside = of_one_name(files)
    for one in named(folder, motions, limit=limit, suffix=".bvh", what="folder", quiet=quiet):
        name, speaker, own = one.name, one.speaker, beside[one.path.with_suffix("")]
        sound = first_of(own, SUFFIXES)
        if sound is None:
            yield Dropped(name, f"no sound of the same name ({', '.join(SUFFIXES)})")
            continue
        text = first_of(own, SUFFIXES_BESIDE)
        load = partial(
            paired,
            name,
            partial(recording, sound, text=text, speaker=speaker, emotion=one.emotion, quiet=quiet),
            partial(bvh_body, one.path, identity=name, emotion=one.emotion),
            speaker=speaker,
            split=one.split,
            emotion=one.emotion,
            quiet=quiet,
        )
        yield Recording(name, (one.path, sound, *([] if text is None else [text])), load)
    for stem, own in beside.items():
        if ".bvh" not in own and own.keys() & set(SUFFIXES):
            yield Dropped(stem.relative_to(folder).as_posix(), "no motion of the same name (.bvh)")


@dataclass(frozen=True)
class Named:
    """A recording of a folder, with what its place and labels.csv say of it."""

    path: Path
    name: str  # beneath the folder
    speaker: str
    split: str
    emotion: str | None


def named(
    folder: Path, paths: list[Path], *, limit: int | None, suffix: str, what: str, quiet: bool
) -> Iterator[Named]:
    """The recordings of a folder, no more than ``limit`` of a speaker.

    Raises:
        UserError: labels.csv is broken.
    """
    labels, few = read_labels(folder, paths, suffix=suffix), Few(limit)
    for path in track(paths, what, quiet=quiet):
        name = path.relative_to(folder).as_posix()
        label, parts = labels.get(name, Label()), path.relative_to(folder).parts
        speaker = label.speaker or (parts[0] if len(parts) > 1 else folder.resolve().name)
        if few.over(speaker):
            continue
        split = label.split or (split_of(name) if len(paths) >= FEW else "train")
        yield Named(path, name, speaker, split, label.emotion)


def of_one_name(files: list[Path]) -> dict[Path, dict[str, Path]]:
    """Path without suffix -> suffix -> file."""
    beside: dict[Path, dict[str, Path]] = {}
    for path in files:
        beside.setdefault(path.with_suffix(""), {})[path.suffix.lower()] = path
    return beside


def first_of(own: dict[str, Path], suffixes: Iterable[str]) -> Path | None:
    """The file of the first suffix that there is."""
    return next((own[suffix] for suffix in suffixes if suffix in own), None)


def read_labels(folder: Path, motions: list[Path], *, suffix: str = ".bvh") -> dict[str, Label]:
    """labels.csv by the motion's path; empty without one.

    Args:
        suffix: of the motion files, for the message.
    Raises:
        UserError: unknown columns or splits, or rows without a motion file.
    """
    table = folder / "labels.csv"
    if not table.is_file():
        return {}
    known = {path.relative_to(folder).with_suffix("").as_posix(): path for path in motions}
    text = read_csv(table)
    columns = next((tuple(row) for _, row in csv_rows(text, table, spaces=True)), ())
    wrong = [column for column in columns if column not in COLUMNS]
    if "file" not in columns or wrong:
        raise UserError(
            f"{table} must have the column file and may have emotion, speaker and split; "
            f"got {', '.join(columns) or 'nothing'}"
        )
    labels: dict[str, Label] = {}
    for number, row in csv_records(text, table):
        where = f"{table}, line {number}"
        stem = row["file"].strip().replace("\\", "/")
        path = known.get(stem) or known.get(Path(stem).with_suffix("").as_posix() if stem else "")
        if path is None:
            raise UserError(f"{where}: {row['file']!r} has no {suffix} file; correct or delete the line")
        name = path.relative_to(folder).as_posix()
        if name in labels:
            raise UserError(f"{where}: {name} is there twice; delete one of the lines")
        labels[name] = _label(row, where)
    return labels


def _label(row: dict[str, str], where: str) -> Label:
    """What a line says of its recording. Raises UserError, which begins with ``where``."""
    emotion, speaker, split = ((row.get(column) or "").strip() or None for column in COLUMNS[1:])
    if split not in (None, "train", "val", "test"):
        raise UserError(f"{where}: unknown split {split!r}; known: train, val, test")
    try:
        return Label(emotion and canonical_emotion(emotion), speaker, split)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
