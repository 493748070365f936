"""Edits of what is there: a motion, or the person in a film."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.arguments import several
from ..core.emotions import EMOTIONS
from ..core.errors import UserError
from ..loading import load
from ..methods.base import GestureModel
from ..methods.conditioning import heard_mixture
from ..motion.motion import Motion, load_motion
from ..motion.retarget import on_canonical
from ..sampling.edit import Span, listed_spans
from ..speech.loading import SpeechLike, load_speech
from .inputs import AUTO, hear_emotion, mood

FILMS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")


def edit(
    motion: str | Path | Motion,
    *,
    speech: SpeechLike | None = None,
    out: str | Path | None = None,
    span: Span | Sequence[Span] = (),
    joints: str | Sequence[str] = (),
    emotion: str | Mapping[str, float] | None = None,
    intensity: float = 1.0,
    speaker: str | None = None,
    seed: int = 0,
    model: str | Path | GestureModel = "contextual",
    points: str | Path | None = None,
    refine: str | Path = "none",
    mark: bool = True,
) -> Motion | Path:
    """Other gestures in a part of a motion, or of a film of one person; all else stays.

    Of a motion, every frame and joint that is not named keeps its bits; that of a known rig is retargeted
    first, and pelvis, legs, place and face are always kept. A film is written to ``out``: frames outside of
    the spans go to the encoder as they were decoded (``video.films.edit_film``).

    Args:
        motion: a motion file, a loaded ``Motion``, or a film.
        speech: the sound that goes with it, as of ``generate``, as long as it within 0.1 s; of a film its own
            sound if None, and another speech is heard, and followed by the face, within the spans.
        out: where a film is written to, *.mp4; of motion nothing is written.
        span: what to make anew, "START:END" or (START, END) in seconds, or several; everything if none.
        joints: which joints, by name or group: hands, arms, left-arm, right-arm, head, torso. If none, all of
            a motion; of a film the arms, and with another speech all. A film knows the groups alone.
        emotion: of the new gestures, as in ``generate``.
        intensity: liveliness, 1.0 is usual; 0.25 to 2.5.
        speaker: whose manner, a name that the model knows.
        seed: another one gives another take.
        model: a shipped model's name, a model folder or a loaded model.
        points: of a film: JSON of its points from another detector, instead of looking for them.
        refine: of a film: a network that paints what warping cannot (a model folder), or "none".
        mark: of a film: carry the watermark, in the frames made anew, and the record.

    Returns:
        The motion, or the path of the film.

    Raises:
        UserError: anything given that cannot be used.
    """
    emotion = mood(emotion)
    film = None if isinstance(motion, Motion) or not is_film(motion) else Path(motion)
    if film is None and (out is not None or points is not None):
        raise UserError("out and points are for films; leave them out, or give a film to edit")
    if film is None and speech is None:
        raise UserError("no speech is given; give the sound that goes with the motion with --speech")
    if film is not None and out is None:
        raise UserError(f"the edit of {film} has to be written; name the film with out, as in out.mp4")
    loaded = load(model) if isinstance(model, str | Path) else model
    moved = None
    if film is None:
        moved = on_canonical(motion if isinstance(motion, Motion) else load_motion(motion))
    if speech is not None:
        speech = load_speech(speech)
    if emotion == AUTO:
        heard = speech or load_speech(film or "")
        known = getattr(loaded, "emotions", EMOTIONS)
        emotion = heard_mixture(hear_emotion(heard, model=loaded), known=known)
    wishes: dict[str, Any] = {
        "span": listed_spans(span),
        "joints": several(joints),
        "emotion": emotion,
        "intensity": intensity,
        "speaker": speaker,
        "seed": seed,
    }
    if film is not None and out is not None:
        from ..video.films.edit_film import edit_film

        return edit_film(film, out, speech=speech, model=loaded, points=points, refine=refine, mark=mark, **wishes)
    assert moved is not None
    assert speech is not None
    return loaded.edit(moved, speech, **wishes)


def is_film(source: object) -> bool:
    """Is this the name of a film?"""
    return isinstance(source, str | Path) and Path(source).suffix.lower() in FILMS
