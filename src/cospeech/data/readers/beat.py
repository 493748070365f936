"""BEAT, the release of 2022: speech and motion of 30 people, with fingers, faces and words.

Liu et al., BEAT: A Large-Scale Semantic and Emotional Multi-Modal Dataset for Conversational Gestures
Synthesis, ECCV 2022. Expected anywhere beneath the folder, joined by name (as in ``2/2_scott_0_1_1.bvh`` of
beat_english_v0.2.1): NAME.bvh (120 fps, 75 joints), NAME.wav, and if there NAME.TextGrid (words), NAME.json
(face), NAME.csv (emotion), NAME.txt (semantic labels).

Where the layout is from, all in PantoMatrix/PantoMatrix, scripts/BEAT_2022: names, rates, numbers of the
emotions and the split in readme_beat.md; joints, the face file (``names``, ``frames`` with ``weights`` and
``time``) and where the halved recordings are cut in dataloaders/preprocessing.ipynb; the columns of the
label files in dataloaders/beat.py. Faces have 51 shapes, ARKit's without the tongue (issue 43). Rest poses
differed from person to person before v0.2.1 (issue 77); ``retarget`` sees to that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from ...core.csv_files import csv_rows, read_csv
from ...core.emotions import canonical_emotion
from ...core.errors import UserError
from ...core.json_files import read_struct
from ...core.progress import note, track
from ...core.timing import FPS, frame_times
from ...motion.face_shapes import ARKIT_NAMES
from ...motion.motion import Motion
from ..clips import Dropped, GestureClip
from ..recordings import LazyReader, Recording
from .beat_labels import NAME, NOT_A_NAME, emotion_of, with_semantics
from .paired_files import Few, bvh_body, by_name, paired, recording
from .voices import split_of

CREDIT = "BEAT (Liu et al., ECCV 2022)"

EMOTIONS = dict(enumerate(("neutral", "happiness", "anger", "sadness", "contempt", "surprise", "fear", "disgust")))
LONG = (1, 2, 3, 4, 6, 7, 8, 9, 11, 21)  # numbers of those who spoke for four hours; the others for one

# The published split of English: texts of speech, and conversations. What is not named is for training.
_FIRST = (65, 73, 81, 87, 95, 103, 111)  # first text of each emotion but neutral
_LAST = (72, 80, 86, 94, 102, 110, 118)  # last
_LONG_SPLIT = {"test": {"0": {*range(1, 9), *_FIRST}, "1": {1}}, "val": {"0": {*range(57, 65), *_LAST}, "1": {12}}}
_SHORT_SPLIT = {"test": {"0": {*range(1, 5), *_FIRST}, "1": {1}}, "val": {"0": {*range(5, 9)}, "1": set[int]()}}
# Of those who spoke for one hour, these are cut: the first half is for test, the second for validation.
_HALVED = {"0": (set(_FIRST), 30), "1": ({1}, 300)}  # kind -> texts, seconds of the cut


@LazyReader
def read(folder: str | Path, *, limit: int | None = None, quiet: bool = False) -> Iterator[Recording | Dropped]:
    """Clips of speech and motion, upright and facing +z, with fingers, faces and words as recorded.

    The name tells the speaker. The emotion is that of the csv file, for most of the time, or without it the
    one that goes with the text's number (conversations then have none); contempt is disgust here. English
    recordings have the published split; recordings that it halves come as two clips, ``5_stewart_0_65_a``
    and ``_b``. A file of several texts (older releases) goes where the most held out of them goes. Other
    languages have no published split: a stable hash of the name gives 80, 10 and 10 in a hundred.

    ``motion.procedural.face`` has the ARKit weights (a missing tongue is 0),
    ``motion.extra["per_frame"]["semantic"]`` the semantic labels, [T] from 0 to 1.

    Args:
        folder: holds the files, in folders or not.
        limit: read only so many recordings of each speaker (for trials).
    Raises:
        UserError: there is no BVH file, or two files have one name.
    """
    folder = Path(folder)
    files = by_name(folder, ".bvh", ".wav", ".textgrid", ".json", ".csv", ".txt")
    motions = [name for name in files if ".bvh" in files[name]]
    if not motions:
        raise UserError(f"{folder} is no beat folder: it holds no .bvh files")
    few = Few(limit)
    for name in track(sorted(motions), "beat", quiet=quiet):
        own, match = files[name], NAME.fullmatch(name)
        if match is None:
            yield Dropped(name, NOT_A_NAME)
            continue
        if few.over(match["speaker"]):
            continue
        if ".wav" not in own:
            yield Dropped(name, "no sound of the same name (.wav)")
            continue
        yield Recording(name, tuple(own.values()), partial(_clips, name, own, quiet=quiet))
    for name in sorted(name for name in files if ".wav" in files[name] and ".bvh" not in files[name]):
        yield Dropped(name, "no motion of the same name (.bvh)")


def _clips(name: str, own: dict[str, Path], *, quiet: bool) -> Iterator[GestureClip | Dropped]:
    match = NAME.fullmatch(name)
    assert match is not None
    number, speaker, kind = int(match["number"]), match["speaker"], match["kind"]
    first, last = int(match["first"]), int(match["last"])
    emotion = _labelled_emotion(own.get(".csv"), quiet=quiet) or emotion_of(kind, first)
    text = own.get(".textgrid")
    clip = paired(
        name,
        partial(recording, own[".wav"], text=text, speaker=speaker, emotion=emotion, quiet=quiet),
        partial(_body, name, own, emotion, quiet),
        speaker=speaker,
        split=split(number, kind, first, last) or split_of(name),
        emotion=emotion,
        quiet=quiet,
    )
    texts, cut = _HALVED.get(kind, (set[int](), 0))
    if isinstance(clip, Dropped) or number in LONG or first != last or first not in texts:
        yield clip
    else:
        yield from _halves(clip, f"{number}_{speaker}_{kind}_{first}", cut)


def split(number: int, kind: str, first: int, last: int) -> str | None:
    """The published split of a speaker's (number) texts first to last; None where nothing is published.

    Halved recordings count as test here.

    >>> split(2, "0", 9, 9), split(2, "0", 64, 64), split(2, "0", 1, 8), split(2, "2", 1, 1)
    ('train', 'val', 'test', None)
    """
    if kind not in _HALVED:
        return None
    rules = _LONG_SPLIT if number in LONG else _SHORT_SPLIT
    texts = set(range(first, last + 1))
    return next((name for name in ("test", "val") if texts & rules[name][kind]), "train")


def _halves(clip: GestureClip, name: str, seconds: int) -> Iterator[GestureClip | Dropped]:
    """The two parts of a clip that is for test before and for validation after a time."""
    assert clip.speech is not None
    assert clip.motion is not None
    at = seconds * FPS
    before, after = clip.motion[:at], clip.motion[at:]
    yield replace(clip, id=f"{name}_a", split="test", speech=clip.speech.cut(end=seconds), motion=before)
    if after.frames < FPS:
        yield Dropped(f"{name}_b", f"shorter than a second ({after.frames} frames)")
        return
    yield replace(clip, id=f"{name}_b", split="val", speech=clip.speech.cut(start=seconds), motion=after)


def _body(name: str, own: dict[str, Path], emotion: str | None, quiet: bool) -> Motion:
    motion = bvh_body(own[".bvh"], identity=name, table="beat", emotion=emotion)
    motion = with_semantics(motion, own.get(".txt"), quiet=quiet)
    if ".json" not in own:
        return motion
    try:
        return motion.with_face(face_weights(own[".json"], motion.frames))
    except UserError as error:
        if not quiet:
            note(f"{name}: read without its face: {error}")
        return motion


class _FaceFrame(msgspec.Struct):
    """One frame of a face file."""

    time: float  # seconds
    weights: list[float]  # one of each name


class _FaceFile(msgspec.Struct):
    """A face file of BEAT; other keys are not read."""

    names: list[str]
    frames: list[_FaceFrame]


def face_weights(path: Path, frames: int) -> np.ndarray:
    """A face file at 30 frames a second, [T, 52] from 0 to 1, columns as
    ``motion.face_shapes.ARKIT_NAMES``.

    Raises:
        UserError: not a face file, or broken.
    """
    column = {name.lower(): index for index, name in enumerate(ARKIT_NAMES)}
    document = read_struct(path, _FaceFile)
    names = [name.lower() for name in document.names]
    times = np.array([frame.time for frame in document.frames])
    if any(len(frame.weights) != len(names) for frame in document.frames):
        raise UserError(f"{path} has frames without a weight for each of its {len(names)} names of shapes")
    weights = np.array([frame.weights for frame in document.frames]).reshape(len(times), len(names))
    if not len(times) or not column.keys() & set(names):
        raise UserError(f"{path} has {len(times)} frames of {len(names)} shapes, none of them of ARKit")
    if not (np.isfinite(weights).all() and (np.diff(times) > 0).all()):
        raise UserError(f"{path} has weights that are no numbers, or times out of order")
    face = np.zeros((frames, len(column)), dtype=np.float32)
    for index, name in enumerate(names):
        if name in column:
            face[:, column[name]] = np.interp(frame_times(frames), times, weights[:, index])
    return np.clip(face, 0.0, 1.0, out=face)


def _labelled_emotion(path: Path | None, *, quiet: bool) -> str | None:
    """The emotion that a csv file (name, start, end, duration, number) gives for most of the time."""
    if path is None:
        return None
    seconds: dict[str, float] = defaultdict(float)
    try:
        for _, row in csv_rows(read_csv(path), path):
            _, start, end, _, number = row[:5]
            seconds[EMOTIONS[int(float(number))]] += float(end) - float(start)
    except (ValueError, LookupError, OverflowError):  # UserError is a ValueError
        if not quiet:
            note(f"{path.stem}: the emotion file cannot be read; the emotion is that of the text's number")
        return None
    return canonical_emotion(max(seconds, key=seconds.__getitem__)) if seconds else None
