"""Clips -> samples of a dataset: which representation fits them, and how they are encoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.errors import UserError
from ..core.progress import note
from ..motion.codec import Codec
from ..motion.expressions import KEY, ExpressionCodec
from ..motion.phases import hand_speed
from ..motion.representation import Representation, representation
from ..speech.acoustics import acoustics
from .clips import Dropped, GestureClip
from .dataset import SampleData
from .encoder_features import EncoderFeatures, word_info
from .point_clips import PointClip
from .point_normalization import NormalizedClip, normalized


def representation_name(name: str | None, readers: Sequence[str]) -> str:
    """The requested representation, or the one that fits the corpora. Raises UserError if it does not fit them."""
    from .readers import is_point_reader

    points = [name for name in readers if is_point_reader(name)]
    bodies = [name for name in readers if not is_point_reader(name)]
    if points and bodies:
        raise UserError(f"{points[0]} has points in a picture and {bodies[0]} bodies; make a dataset of each")
    if name is None:
        return "points" if points else "body"
    representation(name)
    if readers and (name == "points") != bool(points):
        fits = "points" if points else "body or smplx"
        raise UserError(f"{readers[0]} goes into a dataset of {fits}; got the representation {name!r}")
    return name


def _with_face(clip: GestureClip | PointClip | Dropped) -> GestureClip | Dropped:
    """A clip that has what the representation ``smplx`` needs, or why it has not."""
    if isinstance(clip, Dropped):
        return clip
    assert isinstance(clip, GestureClip)
    if clip.motion is None:
        return Dropped(clip.id, "speech alone; pairs are made for bodies without a face only")
    face = clip.motion.extra.get("per_frame", {}).get(KEY)
    if face is None or face.shape[1] != ExpressionCodec().slices["expressions"].stop:
        return Dropped(clip.id, "no FLAME expressions, as BEAT2 has")
    return clip if np.ptp(face, axis=0).any() else Dropped(clip.id, "the face never moves")


def _normalized(clip: GestureClip | PointClip | Dropped) -> NormalizedClip | Dropped:
    assert not isinstance(clip, GestureClip)
    return clip if isinstance(clip, Dropped) else normalized(clip)


def _as_it_is(clip: GestureClip | PointClip | Dropped) -> GestureClip | Dropped:
    assert not isinstance(clip, PointClip)
    return clip


CHECKS: dict[str, Callable[..., GestureClip | NormalizedClip | Dropped]] = {
    "body": _as_it_is,
    "smplx": _with_face,
    "points": _normalized,
}


def representation_of(name: str, faces: Sequence[bool], *, quiet: bool) -> Representation:
    """The representation with the modalities that all samples have; ``faces``: whether each has a face."""
    if name != "points":
        return representation(name)
    if any(faces) and not all(faces) and not quiet:
        note(f"{sum(faces)} of {len(faces)} recordings have faces; the dataset holds bodies alone")
    return representation(name, ("body", "face") if all(faces) else ("body",))


def seconds_of(clip: GestureClip | NormalizedClip) -> float:
    """Length of a clip that has motion, in seconds."""
    if isinstance(clip, NormalizedClip):
        return clip.seconds
    assert clip.motion is not None
    return clip.motion.seconds


def encoded(
    clip: GestureClip | NormalizedClip, representation: Representation, encoders: EncoderFeatures | None
) -> SampleData:
    """A clip as a sample; without ``encoders`` it lacks their columns."""
    info: dict[str, Any]
    if isinstance(clip, NormalizedClip):
        parts = [clip.body, *([clip.face] if clip.face is not None and "face" in representation.names else [])]
        info = {"speed": clip.speed, "place": [clip.shoulder_frame.x, clip.shoulder_frame.y, clip.shoulder_frame.width]}
    else:
        assert clip.motion is not None
        parts = [Codec().encode(clip.motion)]
        if "face" in representation.names:
            parts.append(ExpressionCodec().encode(clip.motion))
        info = {"speed": float(hand_speed(clip.motion).mean())}
    motion = np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]
    features: np.ndarray | None = None
    extra: dict[str, np.ndarray] = {}
    if clip.speech is not None:
        features = fitted(clip.speech.features, len(motion))
        info |= word_info(clip.speech, len(motion))
        extra = {"acoustics": fitted(acoustics(clip.speech.samples), len(motion))}
        extra |= {} if encoders is None else encoders.recorded(clip.speech, len(motion))
    kind = "motion" if features is None else "pair"
    return SampleData(clip.id, kind, clip.split, clip.speaker, clip.emotion, motion, features, info, extra)


def fitted(features: np.ndarray, frames: int) -> np.ndarray:
    """Cut features to the motion's length, or repeat the last frame."""
    if len(features) >= frames:
        return features[:frames]
    return np.pad(features, ((0, frames - len(features)), (0, 0)), mode="edge")
