"""BEAT2: speech and motion recorded together, SMPL-X with real fingers, words with their times.

Liu et al., EMAGE, CVPR 2024; the texts and emotions are those of BEAT (Liu et al., ECCV 2022). Expected
anywhere beneath the folder, joined by name: NAME.npz, NAME.wav and, if there, NAME.TextGrid (words) and
NAME.txt (semantic labels); so a plain folder does as well as the published layout. That is, from
PantoMatrix/PantoMatrix, scripts/EMAGE_2024/dataloaders/beat_sep.py: a folder a language
(beat_english_v2.0.0) with smplxflame_30, wave16k, textgrid, sem and train_test_split.csv.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from ...core.csv_files import csv_records, read_csv
from ...core.errors import UserError
from ...core.progress import track
from ...core.timing import FPS
from ...motion.expressions import KEY
from ...motion.formats.smplx import load_smplx
from ...motion.motion import Motion
from ..clips import Dropped
from ..recordings import LazyReader, Recording
from .beat_labels import NAME, NOT_A_NAME, emotion_of, with_semantics
from .paired_files import Few, as_stored, by_name, paired, recording
from .voices import split_of

CREDIT = "BEAT2 (Liu et al., EMAGE, CVPR 2024)"

_SPLITS = {"train": "train", "additional": "train", "val": "val", "test": "test"}


@LazyReader
def read(folder: str | Path, *, limit: int | None = None, quiet: bool = False) -> Iterator[Recording | Dropped]:
    """Clips of speech and motion, upright and facing +z, fingers as they were recorded.

    The speaker and the emotion are told by the name, ``2_scott_0_1_1``: text 1, read by scott. Contempt
    is disgust here; conversations have no emotion. The split is that of ``train_test_split.csv`` (id,
    type) where one is found, as published with the corpus ("additional" is for training); without it a
    stable hash of the name gives 80, 10 and 10 in a hundred. Semantic labels, where they are, become
    ``motion.extra["per_frame"]["semantic"]``, [T] from 0 to 1; FLAME expressions stay as they are in
    ``["smplx/expressions"]``, [T, 100].

    Args:
        folder: holds the files, in folders or not.
        limit: read only so many clips of each speaker (for trials).
    Raises:
        UserError: there is no npz file, two have one name, or the table of splits is broken.
    """
    folder = Path(folder)
    files = by_name(folder, ".npz", ".wav", ".textgrid", ".txt")
    motions = [name for name in files if ".npz" in files[name]]
    if not motions:
        raise UserError(f"{folder} is no beat2 folder: it holds no .npz files")
    splits = _splits(folder)
    few = Few(limit)
    for name in track(sorted(motions), "beat2", quiet=quiet):
        own, match = files[name], NAME.fullmatch(name)
        if match is None:
            yield Dropped(name, NOT_A_NAME)
            continue
        speaker, emotion = match["speaker"], emotion_of(match["kind"], int(match["first"]))
        if few.over(speaker):
            continue
        if ".wav" not in own:
            yield Dropped(name, "no sound of the same name (.wav)")
            continue
        text = own.get(".textgrid")
        load = partial(
            paired,
            name,
            partial(recording, own[".wav"], text=text, speaker=speaker, emotion=emotion, quiet=quiet),
            partial(_body, name, own, quiet=quiet),
            speaker=speaker,
            split=splits.get(name) or split_of(name),
            emotion=emotion,
            quiet=quiet,
        )
        yield Recording(name, tuple(own.values()), load)
    for name in sorted(name for name in files if ".wav" in files[name] and ".npz" not in files[name]):
        yield Dropped(name, "no motion of the same name (.npz)")


def _body(name: str, own: dict[str, Path], quiet: bool) -> Motion:
    recorded = load_smplx(own[".npz"]).resample(FPS)
    body = as_stored(recorded, identity=name, table="canonical", emotion=None, fingers=True).motion
    face = recorded.extra["per_frame"].get(KEY)
    if face is not None:
        body = replace(body, extra={**body.extra, "per_frame": {KEY: face.astype(np.float32)}})
    return with_semantics(body, own.get(".txt"), quiet=quiet)


def _splits(folder: Path) -> dict[str, str]:
    """Name -> split of the tables that come with the corpus, one a language; empty without any."""
    splits: dict[str, str] = {}
    for table in sorted(folder.rglob("train_test_split.csv")):
        rows = [row for _, row in csv_records(read_csv(table), table)]
        if rows and not {"id", "type"} <= rows[0].keys():
            raise UserError(f"{table} must have the columns id and type; got {', '.join(rows[0])}")
        wrong = sorted({str(row["type"]) for row in rows} - _SPLITS.keys())
        if wrong:
            raise UserError(f"{table} names the split {wrong[0]!r}; known: {', '.join(_SPLITS)}")
        splits |= {row["id"]: _SPLITS[row["type"]] for row in rows}
    return splits
