"""BEAT2: speech and motion recorded together, SMPL-X with real fingers, words with their times.

Liu et al., EMAGE, CVPR 2024; the texts and emotions are those of BEAT (Liu et al., ECCV 2022). Expected
anywhere beneath the folder, joined by name: NAME.npz, NAME.wav and, if there, NAME.TextGrid; so a plain
folder does as well as the published layout (smplxflame_30, wave16k, textgrid).
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ...errors import UserError
from ...motion.formats.smplx import load_smplx
from ...progress import note, track
from ...speech.speech import Speech, load_speech
from ..clips import Dropped, GestureClip
from .together import as_long_as_each_other, upright
from .voices import split_of

CREDIT = "BEAT2 (Liu et al., EMAGE, CVPR 2024)"

_NAME = re.compile(r"(?P<number>\d+)_(?P<speaker>[^_]+)_(?P<kind>\d)_(?P<first>\d+)_(?P<last>\d+)")
_SPEECHES = "0246"  # English, Chinese, Spanish, Japanese; the odd kinds are conversations
# The emotion goes with the number of the text: 1 to 64 neutral, 65 to 72 happiness, ...
_LAST_TEXT = (
    (64, "neutral"), (72, "joy"), (80, "anger"), (86, "sadness"), (94, "disgust"),
    (102, "surprise"), (110, "fear"), (118, "disgust"),
)  # fmt: skip
_SPLITS = {"train": "train", "additional": "train", "val": "val", "test": "test"}


def read(
    folder: str | Path, *, limit: int | None = None, quiet: bool = False
) -> Iterator[GestureClip | Dropped]:
    """Clips of speech and motion, upright and facing +z, fingers as they were recorded.

    The speaker and the emotion are told by the name, ``2_scott_0_1_1``: text 1, read by scott. Contempt
    is disgust here; conversations have no emotion. The split is that of ``train_test_split.csv`` (id,
    type) where one is found, as published with the corpus ("additional" is for training); without it a
    stable hash of the name gives 80, 10 and 10 in a hundred.

    Args:
        folder: holds the files, in folders or not.
        limit: read only so many clips of each speaker (for trials).
    Raises:
        UserError: there is no npz file, two have one name, or the table of splits is broken.
    """
    folder = Path(folder)
    motions, sounds, texts = (_by_name(folder, suffix) for suffix in (".npz", ".wav", ".textgrid"))
    if not motions:
        raise UserError(f"{folder} is no beat2 folder: it holds no .npz files")
    splits = _splits(folder)
    counts: Counter[str] = Counter()
    for name, path in track(sorted(motions.items()), "beat2", quiet=quiet):
        match = _NAME.fullmatch(name)
        if match is None:
            yield Dropped(name, "the name is not NUMBER_SPEAKER_KIND_FIRST_LAST (as in 2_scott_0_1_1)")
            continue
        speaker = match["speaker"]
        counts[speaker] += 1
        if limit is not None and counts[speaker] > limit:
            continue
        if name not in sounds:
            yield Dropped(name, "no sound of the same name (.wav)")
            continue
        emotion = emotion_of(match["kind"], int(match["first"]))
        try:
            speech = _speech(sounds[name], texts.get(name), speaker, emotion, quiet)
            motion = upright(load_smplx(path))
        except UserError as error:
            yield Dropped(name, str(error))
            continue
        fitted = as_long_as_each_other(name, speech, motion, quiet=quiet)
        if isinstance(fitted, Dropped):
            yield fitted
            continue
        yield GestureClip(name, speaker, splits.get(name) or split_of(name), emotion, *fitted)
    for name in sorted(sounds.keys() - motions.keys()):
        yield Dropped(name, "no motion of the same name (.npz)")


def emotion_of(kind: str, text: int) -> str | None:
    """The emotion that a recording of BEAT was to show; None for conversations and unknown texts.

    >>> emotion_of("0", 1), emotion_of("0", 73), emotion_of("1", 1)
    ('neutral', 'anger', None)
    """
    if kind not in _SPEECHES or text < 1:
        return None
    return next((emotion for last, emotion in _LAST_TEXT if text <= last), None)


def _speech(sound: Path, text: Path | None, speaker: str, emotion: str | None, quiet: bool) -> Speech:
    """The recording with its words; without them if the TextGrid is broken."""
    try:
        return load_speech(sound, transcript=text, speaker=speaker, emotion=emotion)
    except UserError as error:
        speech = load_speech(sound, speaker=speaker, emotion=emotion)  # raises if it was the sound
        if not quiet:
            note(f"{sound.stem}: read without words: {error}")
        return speech


def _by_name(folder: Path, suffix: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() != suffix:
            continue
        if path.stem in found:
            raise UserError(f"two files are called {path.name} beneath {folder}; keep one of them")
        found[path.stem] = path
    return found


def _splits(folder: Path) -> dict[str, str]:
    """Name -> split of the table that comes with the corpus; empty without one."""
    tables = sorted(folder.rglob("train_test_split.csv"))
    if not tables:
        return {}
    with open(tables[0], newline="") as file:
        rows = list(csv.DictReader(file))
    if rows and not {"id", "type"} <= rows[0].keys():
        raise UserError(f"{tables[0]} must have the columns id and type; got {', '.join(rows[0])}")
    wrong = sorted({row["type"] for row in rows} - _SPLITS.keys())
    if wrong:
        raise UserError(f"{tables[0]} names the split {wrong[0]!r}; known: {', '.join(_SPLITS)}")
    return {row["id"]: _SPLITS[row["type"]] for row in rows}
