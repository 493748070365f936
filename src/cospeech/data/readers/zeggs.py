"""ZeroEGGS: one actress, 19 styles, 60 fps with fingers.

Ghorbani et al., ZeroEGGS: Zero-shot Example-based Gesture Generation from Speech, Computer Graphics Forum
2023. Expected: ``clean/001_Neutral_0_x_1_0.bvh`` and .wav of one name, and ``info.csv`` in the folder or the
one above it.

Where the layout is from, all in ubisoft/ubisoft-laforge-ZeroEGGS: README.md (``clean`` is aligned with its
sound and free of other voices, ``original`` is not), data/info.csv (columns, split), ZEGGS/data_pipeline.py
(names: ``_mirror`` is the mirror image, ``_x_0_9`` is played at that length; its output is
``trimmed/train`` and ``trimmed/valid``), data/processed_v1/data_definition.json (joints).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from ...core.csv_files import csv_records, read_csv
from ...core.errors import UserError
from ...core.progress import track
from ...motion.motion import Motion
from ..clips import Dropped
from ..recordings import LazyReader, Recording
from .paired_files import Few, bvh_body, by_name, paired, recording
from .voices import split_of

CREDIT = "ZeroEGGS (Ghorbani et al., Computer Graphics Forum 2023)"

SPEAKER = "zeggs"  # one actress, who has no name in the corpus
STYLES = {
    "Neutral": "neutral",
    "Angry": "anger",
    "Happy": "joy",
    "Sad": "sadness",
    "Scared": "fear",
    "Laughing": "amusement",
}

_NAME = re.compile(r"(?P<take>\d+_(?P<style>[A-Za-z]+)_\d+)(?P<mirror>_mirror)?(?P<cut>_x_\d+_\d+)?")


@LazyReader
def read(folder: str | Path, *, limit: int | None = None, quiet: bool = False) -> Iterator[Recording | Dropped]:
    """Clips of speech and motion, upright and facing +z, fingers as they were recorded.

    The style, told by the name, is ``motion.extra["style"]``; six of them are emotions, the others have
    none. What info.csv marks as validation is for validation, all else for training; there is no test part.
    Without info.csv a folder called ``valid`` or ``train`` tells, or a stable hash of the take gives 80, 10
    and 10 in a hundred (its mirror image always goes with it). There are no words. Raw files (``original``)
    are passed over where the aligned ones are at hand, and dropped otherwise.

    Args:
        folder: holds the files, in folders or not.
        limit: read only so many recordings (for trials).
    Raises:
        UserError: there is no BVH file, two files have one name, or info.csv is broken.
    """
    folder = Path(folder)
    files = by_name(folder, ".bvh", ".wav")
    motions = [name for name in files if ".bvh" in files[name]]
    if not motions:
        raise UserError(f"{folder} is no zeggs folder: it holds no .bvh files")
    held_out = _held_out(folder)
    few = Few(limit)
    for name in track(sorted(motions), "zeggs", quiet=quiet):
        own, match = files[name], _NAME.fullmatch(name)
        if match is None:
            yield Dropped(name, "the name is not NUMBER_STYLE_TAKE_x_1_0 (as in 001_Neutral_0_x_1_0)")
            continue
        if match["cut"] is None:
            if f"{name}_x_1_0" not in files:
                yield Dropped(name, "not aligned with its sound; use the files of the folder clean")
            continue
        if few.over(SPEAKER):
            continue
        if ".wav" not in own:
            yield Dropped(name, "no sound of the same name (.wav)")
            continue
        emotion = STYLES.get(match["style"])
        load = partial(
            paired,
            name,
            partial(recording, own[".wav"], speaker=SPEAKER, emotion=emotion, quiet=quiet),
            partial(_body, own[".bvh"], name, emotion, match["style"]),
            speaker=SPEAKER,
            split=_split(match, own[".bvh"], held_out),
            emotion=emotion,
            quiet=quiet,
        )
        yield Recording(name, tuple(own.values()), load)
    for name in sorted(name for name in files if ".bvh" not in files[name]):
        yield Dropped(name, "no motion of the same name (.bvh)")


def _body(path: Path, name: str, emotion: str | None, style: str) -> Motion:
    motion = bvh_body(path, identity=name, table="zeggs", emotion=emotion)
    return replace(motion, extra={**motion.extra, "style": style})


def _split(match: re.Match[str], path: Path, held_out: dict[str, bool]) -> str:
    original = match["take"] + (match["mirror"] or "")
    if original in held_out:
        return "val" if held_out[original] else "train"
    folder_split = {"valid": "val", "train": "train"}.get(path.parent.name)
    return folder_split or split_of(match["take"])


def _held_out(folder: Path) -> dict[str, bool]:
    """Name of a recording -> whether info.csv has it for validation; empty without one."""
    tables = [*sorted(folder.rglob("info.csv")), folder.resolve().parent / "info.csv"]
    if not tables[0].is_file():
        return {}
    rows = [row for _, row in csv_records(read_csv(tables[0]), tables[0])]
    if rows and not {"anim_bvh", "validation"} <= rows[0].keys():
        raise UserError(f"{tables[0]} must have the columns anim_bvh and validation; got {', '.join(rows[0])}")
    return {Path(row["anim_bvh"].strip()).stem: row["validation"].strip().upper() == "TRUE" for row in rows}
