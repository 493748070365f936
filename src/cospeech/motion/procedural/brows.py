"""Brows as signals of conversation: with accents, questions, and while a word is searched; and a small life.

Brows rise with some accents ("batons" and "underliners"; Ekman 1979, "About brows"; Cave et al. 1996), a little before
the accent of the voice (Flecha-Garcia 2010: 60 ms), with both heads of the muscle (AU 1 with 2), never the inner alone,
which looks worried. Who is angry draws them down instead (AU 4). They rise over the end of a question, if the words or
the pitch say that it is one, and draw together while a word is searched (Ekman 1979; Goodwin and Goodwin 1986, the
"thinking face"). Sizes and chances are decisions of ours. [D]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...core.series import hann_mean, minimum_jerk, wander
from ...core.timing import FPS
from ...speech.features import LAYOUT, accents
from ...speech.word import Word
from ..face_shapes import FACE_SHAPES
from .lips import shape_columns

RAISED = {"browInnerUp": 0.75, "browOuterUp": 0.8, "eyeWide": 0.15}
DRAWN = {"browDown": 0.6}
THINKING = {"browDown": 0.3, "eyeSquint": 0.2, "browInnerUp": 0.1}
_LEAD = 0.06  # seconds before an accent
_RISE, _FALL = 0.2, 0.35  # seconds
_APART = 0.8  # seconds between raised brows, at least
_ACCENT, _QUESTION = 0.5, 0.42  # weights
_QUESTION_SECONDS = 0.7
_FINAL = 0.35  # seconds at the end of a phrase whose pitch tells
_RISING, _HIGH = 0.35, 0.6  # deviations of pitch, by which it rises in these, and where it ends
_TREMBLE: tuple[Mapping[str, float], ...] = (
    {"browOuterUp": 0.05, "browInnerUp": 0.04},
    {"eyeSquint": 0.1},
    {"cheekSquint": 0.06},
    {"eyeWide": 0.03},
)
_TREMBLE_KNOTS = 1.0  # seconds
_FLASH, _FLASH_EVERY = 0.14, 7.0  # weight of a small movement of the brows in silence, and seconds between them


def brows(features: np.ndarray, questions: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Brows that go with accents and questions.

    Args:
        features: [T, 48].
        questions: times at which questions end, seconds.

    Returns:
        [T, 52] of brows that rise, and [T, 52] of the same accents with brows drawn down (anger, disgust).
    """
    times, strengths = accents(features)
    line = np.zeros(len(features))
    last = -9.0
    for time, strength, chance in zip(times, strengths, rng.random(len(times)), strict=True):
        if time - last > _APART and chance < 1.6 * (strength - 0.4):
            last = float(time)
            hill(line, time - _LEAD - 0.1, _RISE, _FALL, _ACCENT * float(strength) * (0.6 + 0.4 * chance))
    asked = np.zeros(len(features))
    for end in questions.tolist():
        hill(asked, end - _QUESTION_SECONDS, 0.3, 0.5, _QUESTION, hold=0.5)
    return _put(np.maximum(line, asked), RAISED), _put(line, DRAWN)


def thinking(searching: np.ndarray) -> np.ndarray:
    """Brows [T, 52] that draw together while someone searches for a word, [T] bool."""
    eased = hann_mean(searching.astype(np.float64), round(0.4 * FPS))
    return _put(eased, THINKING)


def small_life(spoken: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What a face does without meaning anything, [T, 52]: a little in lids and cheeks; brows that move in silence."""
    frames = len(spoken)
    face = np.zeros((frames, FACE_SHAPES), np.float32)
    for weights in _TREMBLE:
        face += _put(0.5 + 0.5 * wander(rng, frames, FPS, period=_TREMBLE_KNOTS), weights)
    line, time = np.zeros(frames), float(rng.exponential(_FLASH_EVERY))
    while time < frames / FPS:
        size = _FLASH * float(rng.uniform(0.4, 1.0))
        if not spoken[round(time * FPS) : round(time * FPS) + FPS].any():
            hill(line, time, 0.25, 0.5, size)
        time += 1.0 + float(rng.exponential(_FLASH_EVERY))
    face += _put(line, RAISED)
    return face


def question_ends(features: np.ndarray, ends: np.ndarray, words: Sequence[Word]) -> np.ndarray:
    """Times [K] at which questions end: those of the words if they have marks, else where pitch rises to the end.

    Args:
        features: [T, 48].
        ends: of phrases, seconds.
        words: with their punctuation, if it is known.
    """
    text = "".join(word.text for word in words)
    if any(mark in text for mark in ".?!\u3002\uff1f"):
        return np.array([word.end for word in words if word.text.rstrip("\"')\u201d").endswith(("?", "\uff1f"))])
    pitch, voicing = LAYOUT.get(features, "pitch"), LAYOUT.get(features, "voicing")
    found = []
    for end in ends.tolist():
        part = slice(max(0, round((end - _FINAL) * FPS)), round(end * FPS))
        voiced = np.flatnonzero((voicing[part] > 0.4) & (pitch[part] != 0.0))
        if len(voiced) >= FPS // 8:
            tune = pitch[part][voiced]
            half = len(tune) // 2
            if tune[half:].mean() - tune[:half].mean() > _RISING and tune[half:].mean() > _HIGH:
                found.append(end)
    return np.array(found, np.float64)


def hill(line: np.ndarray, start: float, rise: float, fall: float, height: float, *, hold: float = 0.0) -> None:
    """Lay a smooth hill over a line [T]; the greater of the two stays. Times in seconds."""
    first, last = max(0, int(np.ceil(start * FPS))), min(len(line), int((start + rise + hold + fall) * FPS) + 1)
    time = np.arange(first, last) / FPS - start
    way = np.minimum(time / rise, (rise + hold + fall - time) / fall)
    line[first:last] = np.maximum(line[first:last], height * minimum_jerk(way))


def _put(line: np.ndarray, weights: Mapping[str, float]) -> np.ndarray:
    """[T, 52] with a line [T] in some shapes."""
    face = np.zeros((len(line), FACE_SHAPES), np.float32)
    for name, weight in weights.items():
        face[:, shape_columns(name)] = (weight * line)[:, None]
    return face
