"""The files of a report: report.json, report.html and clips.csv, together or not at all."""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..core.errors import UserError
from ..core.files import atomic_path
from .clips import EvaluationClip, clips_table
from .page import page
from .report import Report, as_json

FOLDER_MODE = 0o755


@contextmanager
def whole_folder(target: str | Path) -> Iterator[Path]:
    """Yield an empty folder beside ``target``; when the block ends well, its files move into ``target``.

    Files of the same names are replaced, others stay. If the block raises, ``target`` stays as it was.

    Raises:
        UserError: the folder cannot be created or written, or is no folder.
    """
    target = Path(target)
    if target.exists() and not target.is_dir():
        raise UserError(f"cannot write the report: {target} is a file, not a folder; choose another place")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name[:32]}-", dir=target.parent))
    except OSError as error:
        raise UserError(f"cannot create folder {target}: {error.strerror}; choose another place") from error
    try:
        yield temporary
        _move(temporary, target)
    except OSError as error:
        if error.errno is None:
            raise
        raise UserError(f"cannot write to folder {target}: {error.strerror}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _move(source: Path, target: Path) -> None:
    """Move a folder, or its files into one that is there already."""
    if not target.exists():
        source.chmod(FOLDER_MODE)
        source.rename(target)
        return
    for path in sorted(source.rglob("*")):
        own = target / path.relative_to(source)
        if path.is_dir():
            own.mkdir(exist_ok=True)
        else:
            os.replace(path, own)


def write_report(report: Report, folder: str | Path) -> Path:
    """Write report.json and report.html; the folder is created. Returns the path of the page.

    Raises:
        UserError: the folder or a file cannot be written, or a player's path is not relative.
    """
    folder = Path(folder)
    texts = {
        "report.json": json.dumps(as_json(report), allow_nan=False, default=str) + "\n",
        "report.html": page(report),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot create folder {folder}: {error.strerror}; choose another place") from error
    for name, text in texts.items():
        with atomic_path(folder / name) as path:
            path.write_text(text, encoding="utf-8", newline="\n")
    return folder / "report.html"


def write_clips(speech: Sequence[EvaluationClip], path: Path) -> None:
    """clips.csv: which clips were measured, and how files of other programs are to be named."""
    rows = clips_table(speech)
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
