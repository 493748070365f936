"""Emotions over time: keyframes from a file or from Python, and weights between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.arguments import number, several
from ...core.csv_files import csv_records
from ...core.deprecation import renamed_attribute
from ...core.errors import UserError
from ...core.json_files import plain_json
from ...core.limits import check_size
from ...core.timing import FPS
from ..conditioning import emotion_weights, parse_emotion

FADE = 1.2  # seconds over which one emotion becomes another [D]


@dataclass(frozen=True)
class EmotionKeyframe:
    """From a time on, an emotion, and how much of it; the rest is neutral."""

    start: float  # seconds
    emotion: str  # one of EMOTIONS, or a mixture as in joy:0.7,surprise:0.3
    strength: float = 1.0  # 0 to 1


def __getattr__(name: str) -> Any:
    if name == "Mood":
        return renamed_attribute(__name__, name, "EmotionKeyframe", EmotionKeyframe)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def requested_track(track: Any) -> tuple[EmotionKeyframe, ...]:
    """A track as keyframes: read from a file, or checked.

    Raises:
        UserError: neither the path of a file nor a sequence of keyframes, and what ``read_track`` raises.
    """
    if isinstance(track, str | Path):
        return read_track(track)
    keyframes = several(track)
    for keyframe in keyframes:
        if not isinstance(keyframe, EmotionKeyframe):
            kind = type(keyframe).__name__
            raise UserError(f"emotion_track must be a JSON or CSV file or a list of EmotionKeyframe; got {kind}")
    return checked_track(keyframes) if keyframes else ()


def read_track(path: str | Path) -> tuple[EmotionKeyframe, ...]:
    """Emotions over time out of a JSON or CSV file.

    JSON is a list of objects with start, emotion and, optionally, strength; CSV has these columns.

    Raises:
        UserError: no such file, another form, an unknown emotion, times that do not rise, or a strength
            outside 0 to 1.
    """
    path = Path(path)
    check_size(path, "text")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"no such file: {path}; give a JSON or CSV file of emotions") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}); give a JSON or CSV file of UTF-8 text") from None
    form = "give start, emotion and, optionally, strength of each, as in start,emotion,strength"
    if text.lstrip()[:1] in ("[", "{"):
        rows = plain_json(text, path, advice=form)
    else:
        rows = [row for _, row in csv_records(text, path)]
    try:
        track = tuple(map(_keyframe, rows if isinstance(rows, list) else ()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no track of emotions ({error}); {form}") from None
    if not track:
        raise UserError(f"{path} holds no emotions; {form}")
    return checked_track(track, str(path))


def _keyframe(row: Mapping[str, Any]) -> EmotionKeyframe:
    """A row of a file; an empty or missing strength is 1."""
    strength = row.get("strength")
    given = strength if isinstance(strength, int | float) else strength or 1.0
    return EmotionKeyframe(float(row["start"]), str(row["emotion"]).strip(), float(given))


def checked_track(
    track: Sequence[EmotionKeyframe], where: str = "the track of emotions"
) -> tuple[EmotionKeyframe, ...]:
    """The same keyframes. Raises UserError, see ``read_track``."""
    if not track:
        raise UserError(f"{where} holds no emotions; give at least one")
    before = -np.inf
    for keyframe in track:
        start = number(keyframe.start, f"{where}: the start of an emotion")
        text = f"{where}: the emotion at {start:g} s"
        if not np.isfinite(start) or start < 0 or start <= before:
            raise UserError(f"{text} must begin at 0 or later, and after the one before")
        if not 0.0 <= number(keyframe.strength, f"{text}: strength") <= 1.0:
            raise UserError(f"{text} has the strength {keyframe.strength:g}; give 0 to 1")
        parse_emotion(keyframe.emotion)
        before = start
    return tuple(track)


def track_weights(track: Sequence[EmotionKeyframe], frames: int, *, every: int = 1) -> np.ndarray:
    """[ceil(frames / every), 10] weights over time, thirty frames a second; emotions fade into each other.

    The first emotion counts from the beginning, whenever it starts.
    """
    times = np.arange(-(-frames // every)) * every / FPS
    neutral = emotion_weights("neutral")
    levels = [
        keyframe.strength * emotion_weights(parse_emotion(keyframe.emotion)) + (1 - keyframe.strength) * neutral
        for keyframe in track
    ]
    result = np.repeat(levels[0][None], len(times), axis=0)
    for keyframe, level in zip(track[1:], levels[1:], strict=True):
        share = np.clip((times - keyframe.start) / FADE + 0.5, 0.0, 1.0)
        share = (share * share * (3 - 2 * share))[:, None].astype(np.float32)
        result = (1 - share) * result + share * level
    return result.astype(np.float32)
