"""Emotion as a user says it: a mixture in words, a course over time, or what the voice says."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.timing import FPS
from ..conditioning import emotion_weights, parse_emotion

FADE = 1.2  # seconds over which one mood becomes another [D]


@dataclass(frozen=True)
class Mood:
    """From a moment on, an emotion, and how much of it; the rest is neutral."""

    start: float  # seconds
    emotion: str  # one of EMOTIONS, or a mixture as in joy:0.7,surprise:0.3
    strength: float = 1.0  # 0 to 1


def read_track(path: str | Path) -> tuple[Mood, ...]:
    """Moods over time out of a JSON or CSV file.

    JSON is a list of objects with start, emotion and, if you like, strength; CSV has these columns.

    Raises:
        UserError: no such file, another form, an unknown emotion, times that do not rise, or a strength
            outside 0 to 1.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"no such file: {path}; give a JSON or CSV file of moods") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}); give a JSON or CSV file of UTF-8 text") from None
    form = "give start, emotion and, if you like, strength of each mood, as in start,emotion,strength"
    try:
        if text.lstrip()[:1] in ("[", "{"):
            rows = json.loads(text)
        else:
            rows = list(csv.DictReader(io.StringIO(text), skipinitialspace=True))
        if not isinstance(rows, list) or not rows:
            raise UserError(f"{path} holds no moods; {form}")
        moods = tuple(
            Mood(float(row["start"]), str(row["emotion"]).strip(), float(row.get("strength") or 1.0))
            if not isinstance(row.get("strength"), int | float)
            else Mood(float(row["start"]), str(row["emotion"]).strip(), float(row["strength"]))
            for row in rows
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no track of emotions ({error}); {form}") from None
    return checked(moods, str(path))


def checked(moods: Sequence[Mood], where: str = "the track of emotions") -> tuple[Mood, ...]:
    """The same moods. Raises UserError, see ``read_track``."""
    if not moods:
        raise UserError(f"{where} holds no moods; give at least one")
    before = -np.inf
    for mood in moods:
        text = f"{where}: the mood at {mood.start:g} s"
        if not np.isfinite(mood.start) or mood.start < 0 or mood.start <= before:
            raise UserError(f"{text} must begin at 0 or later, and after the one before")
        if not 0.0 <= mood.strength <= 1.0:
            raise UserError(f"{text} has the strength {mood.strength:g}; give 0 to 1")
        parse_emotion(mood.emotion)
        before = mood.start
    return tuple(moods)


def track_weights(moods: Sequence[Mood], frames: int, *, every: int = 1) -> np.ndarray:
    """[ceil(frames / every), 10] weights over time, thirty frames a second; moods fade into each other.

    The first mood counts from the beginning, whenever it starts.
    """
    times = np.arange(-(-frames // every)) * every / FPS
    neutral = emotion_weights(None)
    levels = [
        mood.strength * emotion_weights(parse_emotion(mood.emotion)) + (1 - mood.strength) * neutral for mood in moods
    ]
    result = np.repeat(levels[0][None], len(times), axis=0)
    for mood, level in zip(moods[1:], levels[1:], strict=True):
        share = np.clip((times - mood.start) / FADE + 0.5, 0.0, 1.0)
        share = (share * share * (3 - 2 * share))[:, None].astype(np.float32)
        result = (1 - share) * result + share * level
    return result.astype(np.float32)
