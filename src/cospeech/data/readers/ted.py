"""TED Gesture and TED Expressive: talks filmed from the front, bodies estimated from the film.

Yoon et al., Speech Gesture Generation from the Trimodal Context, SIGGRAPH Asia 2020 (10 points); Liu et al.,
Learning Hierarchical Cross-Modal Association for Co-Speech Gesture Generation, CVPR 2022 (43 points, with
fingers). Expected: LMDB folders ``lmdb_train``, ``lmdb_val`` and ``lmdb_test``, or ``train``, ``val`` and
``test``, one record a film. Needs the package lmdb (the extra [corpora]).

Where the layout is from: of ai4r/Gesture-Generation-from-Trimodal-Context, folders and mean pose in
config/multimodal_context.yml; keys of records and clips, that words have the film's time, sound at 16 kHz,
and that the points' rate is frames over seconds in scripts/data_loader/data_preprocessor.py; the order of the
points in scripts/utils/data_utils.py; which side is left in scripts/data_loader/motion_preprocessor.py. Of
alvinliu0/HA2G, the 43 points in scripts/utils/data_utils_expressive.py, the mean pose in
config_expressive/hierarchy.yml, how records are made in dataset_script/script/make_ted_dataset.py.

Records were written with ``pyarrow.serialize``, which pyarrow 12 took out; pyarrow 11 needs NumPy 1. So
docs/formats.md has the lines that turn them into pickles once. Pickles are read without running code.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import UserError
from ...core.progress import track
from ...core.timing import SAMPLE_RATE
from ...motion.motion import Motion
from ...motion.procedural.fingers import add_fingers
from ...speech.speech import Speech
from ..clips import Dropped, GestureClip
from ..recordings import LazyReader, Recording
from .ebmdb import seed_of
from .paired_files import paired, upright, words_within
from .safe_pickle import need, unpickle
from .ted_body import body_of

CREDIT = "TED Gesture (Yoon et al., SIGGRAPH Asia 2020); TED Expressive (Liu et al., CVPR 2022)"


@LazyReader
def read(folder: str | Path, *, limit: int | None = None, quiet: bool = False) -> Iterator[Recording | Dropped]:
    """Clips of speech and motion, upright and facing +z, with words.

    Points become rotations as ``ted_body`` says: limbs keep their directions, how they are turned about
    themselves is made up. TED Gesture has no fingers and gets those of ``motion.procedural.fingers``. The
    speaker is the film; the split is the folder's. There are no emotions.

    Args:
        folder: holds the LMDB folders.
        limit: read only so many clips of each film (for trials).
    Raises:
        UserError: lmdb is not installed, there is no LMDB folder, it is damaged, or its records have to be
            converted first.
    """
    folder = Path(folder)
    places = {
        split: place
        for split in ("train", "val", "test")
        for place in (folder / f"lmdb_{split}", folder / split)
        if (place / "data.mdb").is_file()
    }
    if not places:
        raise UserError(f"{folder} is no ted folder: it has no LMDB folder lmdb_train, lmdb_val or lmdb_test")
    need("lmdb", "ted")
    for split, place in places.items():
        for key, size in track(_records(place), f"ted {split}", quiet=quiet):
            name = f"{split}/{key.decode('ascii', 'replace')}"
            load = partial(_clips, place, key.hex(), name, split, limit, quiet=quiet)
            yield Recording(name, (place / "data.mdb",), load, size)


def _clips(
    place: Path, key: str, name: str, split: str, limit: int | None, *, quiet: bool
) -> Iterator[GestureClip | Dropped]:
    """Clips of the film under a key, no more than ``limit``."""
    try:
        film = _film(_record(place, bytes.fromhex(key)), place)
    except _Damaged as error:
        yield Dropped(name, str(error))
        return
    speaker = str(film["vid"])
    for number, clip in enumerate(film["clips"][:limit]):
        yield _clip(clip, f"{speaker}_{_number(clip, number)}", speaker, split, quiet)


class _Damaged(UserError):
    """One record that cannot be read; the others may."""


def _records(place: Path) -> list[tuple[bytes, int]]:
    """Key of every record, and its size in bytes."""
    lmdb = need("lmdb", "ted")
    try:
        with lmdb.open(str(place), readonly=True, lock=False) as env, env.begin(buffers=True) as transaction:
            return [(bytes(key), len(value)) for key, value in transaction.cursor()]
    except lmdb.Error as error:
        raise UserError(f"{place} is no LMDB that can be read: {error}") from error


def _record(place: Path, key: bytes) -> bytes:
    lmdb = need("lmdb", "ted")
    try:
        with lmdb.open(str(place), readonly=True, lock=False) as env, env.begin() as transaction:
            return bytes(transaction.get(key))
    except lmdb.Error as error:
        raise UserError(f"{place} is no LMDB that can be read: {error}") from error


def _film(value: bytes, place: Path) -> dict[str, Any]:
    """A record: a pickle (it begins with 0x80), or what an old pyarrow wrote."""
    if value[:1] == b"\x80":
        try:
            film = unpickle(value)
        except UserError as error:
            raise _Damaged(str(error)) from error
    else:
        try:
            import pyarrow  # type: ignore[import-untyped, import-not-found, unused-ignore]

            film = pyarrow.deserialize(value)
        except (ImportError, AttributeError):
            raise UserError(
                f"{place} holds records of an old pyarrow, which is not installed; turn them into pickles "
                "once, as docs/formats.md says under TED"
            ) from None
        except Exception as error:  # pyarrow raises a dozen types on broken records
            raise _Damaged(f"a record of pyarrow is damaged ({type(error).__name__})") from error
    if not isinstance(film, dict) or "vid" not in film or not isinstance(film.get("clips"), list):
        raise _Damaged("a record is no film with vid and clips; give the folder of films, not a cache of it")
    return film


def _number(clip: Any, number: int) -> str:
    """What tells a clip from the others of its film: its first frame, or its place in the record."""
    first = clip.get("start_frame_no") if isinstance(clip, dict) else None
    return str(int(first)) if isinstance(first, int | np.integer) else f"clip{number}"


def _clip(clip: Any, identity: str, speaker: str, split: str, quiet: bool) -> GestureClip | Dropped:
    keys = ("skeletons_3d", "audio_raw", "words", "start_time", "end_time")
    missing = [key for key in keys if not isinstance(clip, dict) or key not in clip]
    if missing:
        return Dropped(identity, f"no {missing[0]} in the record (points in the picture alone are not read)")
    return paired(
        identity,
        partial(_speech, clip, speaker),
        partial(_body, clip, identity),
        speaker=speaker,
        split=split,
        emotion=None,
        quiet=quiet,
    )


def _speech(clip: dict[str, Any], speaker: str) -> Speech:
    samples = np.asarray(clip["audio_raw"], dtype=np.float32)
    peak = float(np.abs(samples).max(initial=0.0))
    samples = samples / peak if 1.0 < peak < np.inf else samples
    try:
        start = float(clip["start_time"])
        entries = [
            (str(text), float(first) - start, float(last) - start)
            for text, first, last in clip["words"]
            if any(letter.isalnum() for letter in str(text))  # the others are punctuation
        ]
    except (TypeError, ValueError):
        entries = []  # words are not worth a clip
    return Speech(samples, words=words_within(entries, len(samples) / SAMPLE_RATE), speaker=speaker)


def _body(clip: dict[str, Any], identity: str) -> Motion:
    try:
        points = np.asarray(clip["skeletons_3d"], dtype=np.float64)
        seconds = float(clip["end_time"]) - float(clip["start_time"])
    except (TypeError, ValueError) as error:
        raise UserError(f"points or times of the record are damaged ({error})") from error
    if not 0 < seconds < 1e5:
        raise UserError(f"the clip's times make {seconds:g} s")
    motion = upright(body_of(points, len(points) / seconds))
    return motion if points.shape[1] == 43 else add_fingers(motion, seed=seed_of(identity))
