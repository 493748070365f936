"""Your own films as points in the picture: a folder of detections and sound files of the same names.

``talk.json`` (``detections.py`` says which layouts are read) goes with ``talk.wav`` (or .flac, .mp3, .ogg,
.m4a, .webm) beside it, and with a transcript ``talk.TextGrid`` (.srt, .txt and others) if there is one. Folders
within the folder are speakers, and ``labels.csv`` may say more, as in the reader ``folder``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ...core.errors import UserError
from ...motion.points import POINTS, parents
from ...speech.transcript import SUFFIXES_BESIDE
from ..clips import Dropped
from ..point_clips import PointClip
from ..recordings import LazyReader, Recording
from . import reads_points
from .detections import load_detections
from .folder import first_of, named, of_one_name
from .paired_files import recording, unlike
from .voices import SUFFIXES

RATES = (15.0, 20.0, 24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 48.0, 50.0, 60000 / 1001, 60.0)
SLACK = 0.02  # share of its length by which a film may differ from its sound where the rate is not told


@reads_points
@LazyReader
def read(folder: str | Path, *, limit: int | None = None, quiet: bool = False) -> Iterator[Recording | Dropped]:
    """Clips of the 116 points of ``motion.points``, in pixels, with sound.

    Detections and sound begin together. The frame rate is the file's ``fps``; where it says none, it is
    the usual rate at which the frames last as long as the sound (a decision of ours [D]).

    Args:
        folder: holds the recordings.
        limit: read only so many of each speaker (for trials).
    Raises:
        UserError: there is no .json file, or labels.csv is broken.
    """
    folder = Path(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    detections = [path for path in files if path.suffix.lower() == ".json"]
    if not detections:
        raise UserError(f"{folder} holds no .json files; give a folder of detected points and sound")
    beside = of_one_name(files)
    for one in named(folder, detections, limit=limit, suffix=".json", what="keypoints", quiet=quiet):
        own = beside[one.path.with_suffix("")]
        load = partial(_load, one.path, one.name, own, one.speaker, one.split, one.emotion, quiet=quiet)
        yield Recording(one.name, tuple(own.values()), load)


def _load(
    path: Path, name: str, own: dict[str, Path], speaker: str, split: str, emotion: str | None, *, quiet: bool
) -> PointClip | Dropped:
    try:
        return _clip(path, name, own, speaker, split, emotion, quiet)
    except UserError as error:
        return Dropped(name, str(error))


def _clip(
    path: Path, name: str, own: dict[str, Path], speaker: str, split: str, emotion: str | None, quiet: bool
) -> PointClip | Dropped:
    sound = first_of(own, SUFFIXES)
    if sound is None:
        return Dropped(name, f"no sound of the same name ({', '.join(SUFFIXES)})")
    points, confidence, fps = load_detections(path)
    text = first_of(own, (suffix for suffix in SUFFIXES_BESIDE if suffix != ".json"))
    speech = recording(sound, text=text, speaker=speaker, emotion=emotion, quiet=quiet)
    if fps is None:
        fps = min(RATES, key=lambda rate: abs(len(points) / rate - speech.seconds))
        if abs(len(points) / fps - speech.seconds) > SLACK * speech.seconds:
            return Dropped(
                name,
                'no usual frame rate fits frames and sound; give the rate as "fps" in the file '
                f"({len(points)} frames, {speech.seconds:.1f} s)",
            )
    reason = unlike(name, speech.seconds, len(points) / fps, quiet=quiet)
    if reason:
        return Dropped(name, reason)
    return PointClip(
        name, speaker, split, fps, POINTS, parents(POINTS), points, confidence, speech, speech.words, emotion
    )
