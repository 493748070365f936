"""Edits of what is there: a motion, or the person in a video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from ..core.arguments import file_path, several
from ..core.errors import UserError
from ..methods.base import GestureModel
from ..methods.conditioning import AUTO
from ..methods.options import EditKeywords, with_declared
from ..motion.formats.keypoints import Keypoints, load_keypoints
from ..motion.motion import Motion, load_motion
from ..motion.retarget import on_canonical
from ..sampling.edit import Span, listed_spans
from ..speech.loading import SpeechLike, load_speech
from ..speech.speech import Speech
from .inputs import ModelLike, checked_options, open_model, with_detected_emotion

FILMS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")
POINTS = ".json"


@with_declared("edit")
def edit(
    motion: str | Path | Motion | Keypoints,
    *,
    speech: SpeechLike | None = None,
    transcript: str | Path | None = None,
    lips: str | Path | None = None,
    out: str | Path | None = None,
    span: Span | Sequence[Span] = (),
    joints: str | Sequence[str] = (),
    model: ModelLike = "contextual",
    points: str | Path | None = None,
    refine: str | Path = "none",
    mark: bool = True,
    **options: Unpack[EditKeywords],
) -> Motion | Keypoints | Path:
    """Other gestures in a part of a motion, or of a video of one person; all else stays.

    Of a motion, every frame and joint that is not named keeps its bits; that of a known rig is retargeted
    first, and pelvis, legs, place and face are always kept. Keypoints in a picture are edited by a model of
    keypoints, which keeps the tokens round a span. A video is written to ``out``: frames outside of the spans are
    copied or look the same (``video.films.edit_film``).

    Args:
        motion: a motion file, keypoints (.json), a video, or a loaded ``Motion`` or ``Keypoints``.
        speech: the sound that goes with it, as of ``generate``, as long as it within 0.1 s; of a video its own
            sound if None, and another speech is heard, and followed by the face, within the spans.
        transcript, lips: of that speech, as of ``generate``.
        out: where a video is written to, *.mp4; of motion nothing is written.
        span: what to generate again, "START:END" or (START, END) in seconds, or several; everything if none.
        joints: which joints, by name or group: hands, arms, left-arm, right-arm, head, torso. If none, all of
            a motion; of a video the arms, and with another speech all. A video knows the groups alone.
        model: a shipped model's name, a model folder or a loaded model.
        points: of a video: JSON of its keypoints from another detector, instead of looking for them.
        refine: of a video: a network that paints what warping cannot (a model folder), or "none".
        mark: of a video: add the watermark, in the frames that are generated, and the record.
        options: of the new gestures, as the method declares them.

    Returns:
        The motion, the keypoints, or the path of the video.

    Raises:
        UserError: anything given that cannot be used, or an option that the method does not take.
    """
    if not isinstance(motion, Motion | Keypoints):
        file_path(motion, "a motion file, keypoints, a video or a loaded Motion")
    check_goes_with(speech, transcript, lips)
    what: dict[str, Any] = {"span": listed_spans(span), "joints": several(joints)}
    if isinstance(motion, Motion | Keypoints) or not is_film(motion):
        if out is not None or points is not None:
            raise UserError("out and points are for videos; leave them out, or give a video to edit")
        if speech is None:
            raise UserError("no speech is given; give the sound that goes with the motion with --speech")
        return _edit_motion(motion, load_speech(speech, transcript=transcript, lips=lips), model, options, what)
    if out is None:
        raise UserError(f"the edit of {motion} has to be written; name the video with out, as in out.mp4")
    from ..video.films.edit_film import edit_film

    recording = None if speech is None else load_speech(speech, transcript=transcript, lips=lips)
    loaded, checked = _opened(model, options, recording or Path(motion))
    return edit_film(
        Path(motion), out, speech=recording, model=loaded, points=points, refine=refine, mark=mark, **checked, **what
    )


def _edit_motion(
    motion: str | Path | Motion | Keypoints,
    speech: Speech,
    model: ModelLike,
    options: Mapping[str, object],
    what: dict[str, Any],
) -> Motion | Keypoints:
    """``edit`` of a motion, or of keypoints."""
    loaded, checked = _opened(model, options, speech)
    edited = motion if isinstance(motion, Motion | Keypoints) else load_edited(motion)
    generated = getattr(loaded, "representation", None)  # methods of other packages may leave it out: bodies
    of_points = generated is not None and generated.name == "points"
    if of_points is not isinstance(edited, Keypoints):
        wanted = "keypoints in a picture (.json)" if of_points else "the motion of a body"
        got = "keypoints in a picture" if isinstance(edited, Keypoints) else "the motion of a body"
        raise UserError(f"{loaded.described} edits {wanted}; got {got}, name another model with --model")
    if isinstance(edited, Motion):
        edited = on_canonical(edited)
    edit_any: Any = loaded.edit
    result: Motion | Keypoints = edit_any(edited, speech, **checked, **what)
    return result


def load_edited(path: str | Path, **reading: Any) -> Motion | Keypoints:
    """A motion file, or keypoints (.json), to be edited. Raises UserError if it is neither.

    Args:
        reading: options of ``load_motion``, for motion files.
    """
    return load_keypoints(path) if Path(path).suffix.lower() == POINTS else load_motion(path, **reading)


def _opened(
    model: ModelLike, options: Mapping[str, object], voice: Speech | Path
) -> tuple[GestureModel, dict[str, Any]]:
    """The model, and its options with the emotion that the voice (a speech or a video) has, if "auto" is asked."""
    loaded, _ = open_model(model, {})
    checked = checked_options(loaded, "edit", options)
    if checked["emotion"] == AUTO:
        checked = with_detected_emotion(checked, voice if isinstance(voice, Speech) else load_speech(voice), loaded)
    return loaded, checked


def check_goes_with(speech: object, transcript: object, lips: object) -> None:
    """Raises UserError if a transcript or lips are given and no speech that they are of."""
    if speech is None and (transcript is not None or lips is not None):
        raise UserError("a transcript and lips go with a speech; give that with --speech")


def is_film(source: object) -> bool:
    """Whether this is the name of a video."""
    return isinstance(source, str | Path) and Path(source).suffix.lower() in FILMS
