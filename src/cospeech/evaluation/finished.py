"""Finished bodies on both sides: recordings through the layers that make a standing person of what networks give.

Users see a person who stands, lets hands hang, nods, turns and breathes, whose hands keep out of the body
(``methods.postprocessing``). Recordings of seated people would be told from such a person at once, so they go through
the same layers. These follow the voice and need time: who stands turns once in a few seconds. Recordings without a
voice of their own are therefore put one after the other, those of one speaker in one emotion, until they are as long
as one of the speeches that systems gesture to, and go through the layers with it. Windows that are measured lie within
a recording. A decision of ours [D].
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, pairwise

import numpy as np

from ..core.emotions import EMOTIONS
from ..core.errors import UserError
from ..core.timing import FPS
from ..methods.conditioning import emotion_weights
from ..methods.postprocessing import embodied
from ..metrics.movement_features import WINDOW, movement_features
from ..motion.codec import Codec
from ..motion.motion import Motion
from .clips import EvaluationClip
from .systems import ModelSystem, System

Recorded = tuple[EvaluationClip, Motion]  # a recording as ``Recordings.clip`` gives it


@dataclass(frozen=True, eq=False)
class Passage:
    """Recordings of one speaker in one emotion, one after the other, and the speech that the layers hear."""

    id: str
    emotion: str | None
    encoded: np.ndarray  # [T, C]
    features: np.ndarray  # [T, F]
    edges: tuple[int, ...]  # frames at which recordings begin, and the end


def finished(encoded: np.ndarray, features: np.ndarray, *, clip: str, emotion: str | None) -> Motion:
    """Encoded motion [T, C] as the person whom users see, who hears speech features [T, F]; without a face.

    Args:
        clip: an id, of which the seed of the layers is made, so that a clip is finished alike wherever it stands.
    """
    mood = dict(zip(EMOTIONS, emotion_weights(emotion, known=EMOTIONS).tolist(), strict=True))
    return embodied(encoded, features, seed=zlib.crc32(clip.encode()), seated=False, start=None, end=None, mood=mood)


def finished_by(system: System, clip: EvaluationClip) -> Motion | None:
    """The finished body that a system has for a clip; None if it has none.

    A model finishes its bodies itself. Files go through the layers whatever they hold, since recordings that somebody
    stood up look like bodies that are finished; name the model itself to measure what it finishes.
    """
    if isinstance(system, ModelSystem):
        return system.finished(clip)
    motion = system.motion(clip)
    if motion is None:
        return None
    return finished(Codec().encode(motion), clip.features, clip=clip.id, emotion=clip.emotion)


def passages(recorded: Iterable[Recorded], speeches: Sequence[np.ndarray]) -> Iterator[Passage]:
    """Recordings as passages: those with a voice of their own each by itself, others to ``speeches`` [T, F] in turn.

    Raises:
        UserError: recordings without a voice, and no speech that is as long as a window.
    """
    codec, numbers = Codec(), count()
    silent: dict[tuple[str, str], list[Recorded]] = defaultdict(list)
    for clip, motion in recorded:
        if len(clip.features):
            yield Passage(clip.id, clip.emotion, codec.encode(motion), clip.features, (0, len(motion)))
        else:
            silent[clip.speaker, str(clip.emotion)].append((clip, motion))
    long = [features for features in speeches if len(features) >= WINDOW * FPS]
    if silent and not long:
        raise UserError(f"no speech is as long as {WINDOW:g} s; recordings without a voice cannot be finished")
    for group in silent.values():
        encoded = np.concatenate([codec.encode(motion) for _, motion in group])
        starts = np.cumsum([0, *(len(motion) for _, motion in group)])
        first = 0
        while first < len(encoded):
            number = next(numbers)
            features = long[number % len(long)]
            last = min(first + len(features), len(encoded))
            inner = starts[(starts > first) & (starts < last)] - first
            edges = (0, *(int(edge) for edge in inner), last - first)
            own = features[: last - first]
            begun = group[int(np.searchsorted(starts, first, side="right")) - 1][0]
            yield Passage(f"{begun.id}, passage {number}", begun.emotion, encoded[first:last], own, edges)
            first = last


def finished_recordings(recorded: Iterable[Recorded], speeches: Sequence[np.ndarray]) -> Iterator[tuple[str, Motion]]:
    """Recordings as finished bodies, piece by piece, each with the id of its passage.

    Raises:
        UserError: see ``passages``.
    """
    for passage in passages(recorded, speeches):
        motion = finished(passage.encoded, passage.features, clip=passage.id, emotion=passage.emotion)
        for first, last in pairwise(passage.edges):
            yield passage.id, motion[first:last]


def finished_windows(recorded: Iterable[Recorded], speeches: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Passage -> features [W, D] of windows of finished recordings (``metrics.movement_features``).

    Raises:
        UserError: see ``passages``.
    """
    rows: dict[str, list[np.ndarray]] = defaultdict(list)
    for passage, motion in finished_recordings(recorded, speeches):
        rows[passage].append(movement_features(motion))
    return {passage: np.concatenate(windows) for passage, windows in rows.items()}
