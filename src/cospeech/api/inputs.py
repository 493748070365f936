"""What a user gives beside the speech - poses, constraints, moods - as the methods take it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..core.arguments import file_path
from ..core.errors import UserError
from ..core.timing import FPS, seconds_to_frame
from ..methods.base import GestureModel
from ..methods.conditioning import emotion_weights, parse_emotion
from ..methods.exges.motion_constraint import Pin
from ..motion.motion import Motion, load_motion
from ..motion.retarget import on_canonical
from ..sampling.edit import joint_indices, time_spans
from ..speech.speech import Speech

AUTO = "auto"
LISTENER = "emotion"  # the shipped model that hears moods


def mood(emotion: str | Mapping[str, float] | None) -> str | dict[str, float] | None:
    """A name, a mixture as in "joy:0.7,surprise:0.3", or weights, checked; "auto" and None stay.

    Raises:
        UserError: an unknown emotion; the message lists the known ones.
    """
    if emotion is None or emotion == AUTO:
        return emotion
    if isinstance(emotion, str):
        weights = parse_emotion(emotion)
        return next(iter(weights)) if list(weights.values()) == [1.0] else weights
    emotion_weights(emotion)
    return dict(emotion)


def hear_emotion(speech: Speech, *, model: GestureModel | None = None) -> dict[str, float]:
    """How likely a voice is in each of the ten emotions, by name; they sum to one.

    What is shipped learned it from synthetic voices (``data.prosody``): take it as a guess.

    Args:
        model: a model that can hear; the shipped one of that kind if None or if it cannot.
    """
    if not hasattr(model, "hear"):
        from ..loading import load

        model = load(LISTENER)
    assert model is not None
    heard: dict[str, float] = model.hear(speech)  # type: ignore[attr-defined]
    return heard


def pin(text: str, seconds: float) -> Pin:
    """FILE@START:END[:JOINTS] with its motion, cut to the span."""
    name, sign, rest = str(text).rpartition("@")
    start, end, joints = (*rest.split(":", 2), "", "", "")[:3]
    if not sign or not end:
        raise UserError(
            f"a constraint is FILE@START:END or FILE@START:END:JOINTS, as in wave.bvh@2.0:3.5:hands; got {text!r}"
        )
    ((first, last),) = time_spans([f"{start}:{end}"], seconds)
    motion = on_canonical(load_motion(name)).resample(FPS)
    wanted = seconds_to_frame(last) - seconds_to_frame(first)
    if len(motion) > 1:
        if len(motion) < wanted:
            raise UserError(
                f"{name} lasts {motion.seconds:.2f} s, less than the {last - first:.2f} s from {start} to "
                f"{end}; give a shorter span, or a file of one frame to hold a pose"
            )
        motion = motion[:wanted]
    groups = tuple(part for part in joints.split(",") if part)
    joint_indices(groups)
    return Pin(motion, first, last, groups, Path(name).name)


def pose(source: str | Path | Motion | None, *, last: bool = False, before: int = 0) -> Motion | None:
    """One frame, canonical: of a motion, of a file, or of FILE@SECONDS.

    Args:
        last: without a moment it is the last frame, else the first.
        before: so many frames that lead to the moment come along, where there are any; a motion that is given
            as such is then taken as what leads to its last frame.
    Raises:
        UserError: no such file or moment.
    """
    if source is None:
        return None
    if isinstance(source, Motion):
        return on_canonical(source if before else source[-1:] if last else source[:1])
    file_path(source, "a pose as a motion file or FILE@SECONDS")
    name, sign, moment = str(source).rpartition("@")
    if not sign or Path(source).exists():
        motion = load_motion(source)
        return on_canonical(motion[-1:] if last else motion[:1])
    motion = load_motion(name)
    try:
        frame = seconds_to_frame(float(moment), fps=motion.fps)
    except (ValueError, OverflowError):
        raise UserError(f"a pose is FILE or FILE@SECONDS, as in talk.bvh@2.5; got {source}") from None
    if not 0 <= frame <= len(motion):
        raise UserError(f"{name} lasts {motion.seconds:.2f} s; it has no pose at {moment} s")
    place = min(frame, len(motion) - 1)
    return on_canonical(motion[max(0, place - round(before * motion.fps / FPS)) : place + 1])
