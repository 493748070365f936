"""What a library is asked with: a speech or a motion, cut into segments and turned into keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ..core.errors import UserError
from ..core.timing import FPS, seconds_to_frame
from ..data.readers.paired_files import upright
from ..motion.codec import Codec
from ..motion.formats import FORMATS
from ..motion.motion import Motion, load_motion
from ..motion.phases import hand_speed
from ..motion.procedural.fingers import add_fingers
from ..motion.retarget import on_canonical
from ..motion.skeleton import LEFT_HAND, RIGHT_HAND
from ..sampling.edit import Span, listed_spans, time_spans
from ..speech.loading import SpeechLike, load_speech
from ..speech.speech import Speech
from .embedder import Embedder
from .segments import loudness, segments, speech_breaks

_STILL = 1e-3  # entries of a rotation: fingers that change less all through were not recorded


@dataclass(frozen=True)
class Question:
    """One segment of what is asked with."""

    start: float  # seconds
    end: float
    key: np.ndarray  # [E]


def load_query(
    query: SpeechLike | Motion, transcript: str | Path | None = None, reading: Mapping[str, Any] = MappingProxyType({})
) -> Speech | Motion:
    """What a file holds, by its suffix: motion, or else sound.

    Args:
        query: a file, or loaded.
        transcript: of a speech.
        reading: options of ``load_motion``, for motion files.
    Raises:
        UserError: it cannot be read, a transcript is given for a motion, or options of motion files for another.
    """
    suffix = Path(query).suffix.lower() if isinstance(query, str | Path) else ""
    of_motion = suffix in FORMATS and FORMATS.get(suffix).content != "picture"
    if reading and not of_motion:
        raise UserError(f"only a motion file takes {', '.join(reading)}; leave it out")
    if isinstance(query, Speech | Motion):
        loaded: Speech | Motion = query
    elif not isinstance(query, str | Path) or not of_motion:
        return load_speech(query, transcript=transcript)
    elif FORMATS.get(suffix).read is None or FORMATS.get(suffix).content != "body":
        raise UserError(f"{query} holds no motion of a body; ask with a sound file or .bvh .npz .glb .fbx .vrma")
    else:
        loaded = load_motion(query, **reading)
    if transcript is not None:
        raise UserError("a transcript goes with a sound file; leave it out")
    return loaded


def questions(query: Speech | Motion, span: Span | Sequence[Span] | None, embedder: Embedder) -> list[Question]:
    """Keys of the segments, which are cut as those of a library; of a span in one piece.

    Raises:
        UserError: an impossible span, a rig that is not known, or too short.
    """
    spans = listed_spans(span)
    if isinstance(query, Speech):
        features = query.features
        pieces = (
            segments(loudness(features), speech_breaks(features, query.words))
            if not spans
            else [_frames(spans, query.seconds)]
        )
        return [Question(first / FPS, last / FPS, embedder.speech(features[first:last])) for first, last in pieces]
    motion = as_stored(query)
    coded = Codec().encode(motion)
    pieces = segments(hand_speed(motion).max(axis=1)) if not spans else [_frames(spans, motion.seconds)]
    return [Question(first / FPS, last / FPS, embedder.gesture(coded[first:last])) for first, last in pieces]


def as_stored(motion: Motion) -> Motion:
    """Motion of any known rig as a dataset keeps it: canonical, 30 fps, upright, with fingers."""
    standing = upright(on_canonical(motion, separate=False))
    fingers = standing.rotations[:, [*LEFT_HAND, *RIGHT_HAND]]
    if np.abs(fingers - fingers[:1]).max() < _STILL:
        return add_fingers(standing, emotion=None, seed=0)
    return standing


def _frames(spans: tuple[Span, ...], seconds: float) -> tuple[int, int]:
    if len(spans) > 1:
        raise UserError(f"a search asks with one span; got {len(spans)}, ask once for each")
    ((start, end),) = time_spans(spans, seconds)
    return seconds_to_frame(start), seconds_to_frame(end)
