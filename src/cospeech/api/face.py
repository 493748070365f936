"""Lips and a face for a motion that is there: what ``face``, ``convert`` and ``render`` add from a recording."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.arguments import file_path, number
from ..core.emotions import EMOTIONS
from ..core.errors import UserError
from ..core.files import check_folder
from ..core.progress import note
from ..core.timing import FPS
from ..loading import load
from ..methods.base import LIVELIEST_FACE
from ..methods.conditioning import AUTO, shown_emotion
from ..methods.options import GenerateOptions, options_of
from ..motion.face_shapes import ARKIT_NAMES
from ..motion.formats import FORMATS, face_suffixes
from ..motion.formats.visemes import SUFFIX as VISEMES_SUFFIX
from ..motion.motion import Motion, load_motion
from ..motion.procedural.face import face_from_speech
from ..motion.retarget import on_canonical
from ..speech.lip_track import LipTrack
from ..speech.loading import SpeechLike, load_speech
from ..speech.placed import placed
from ..speech.speech import Speech
from .inputs import DETECTOR, with_detected_emotion

CUT = 0.05  # seconds of a speech beyond the end of the motion that are cut without a word


def add_face(
    motion: str | Path | Motion,
    speech: SpeechLike,
    *,
    start: float = 0.0,
    transcript: str | Path | None = None,
    lips: str | Path | None = None,
    emotion: str | Mapping[str, float] | None = None,
    intensity: float = 1.0,
    seed: int = 0,
) -> Motion:
    """The same motion with lips and a face that speak a recording.

    Skeleton, frame rate, length, rotations [T, J, 3, 3] and translation [T, 3] keep their bits; a face that the
    motion has is replaced. Where nothing is said, before the speech and after it, the face lives on in silence. The
    face is made at 30 frames a second and brought to the rate of the motion linearly. Its gaze, which holds against
    turns of the head, is in the weights; formats with eye joints turn these as they write. (Our own decisions.)

    Args:
        motion: a motion file, or a loaded ``Motion`` of any rig.
        speech: a sound or video file, (samples, rate), or a loaded ``Speech``; what goes beyond the end of the motion
            is cut, which a note says.
        start: where in the motion the speech begins, seconds.
        transcript: captions, a recogniser's JSON, TextGrid or plain text, for the lips.
        lips: a track of lips that the mouth follows (``speech.lip_track``): ARKit CSV, visemes, Rhubarb.
        emotion: a name, a mixture, of which the strongest is shown, or "auto"; that of the speech, or neutral, if None.
        intensity: strength of expression and brows, 0.25 to 2.5; the lips keep to the sound.
        seed: of blinks, glances and brows.

    Returns:
        The motion with ``face`` [T, 52] float32, ARKit weights from 0 to 1.

    Raises:
        UserError: anything given that cannot be used, a motion without frames, or a start outside of it.
    """
    options = face_options(emotion=emotion, intensity=intensity, seed=seed)
    if not isinstance(motion, Motion):
        motion = load_motion(file_path(motion, "a motion file or a Motion"))
    recording = placed_speech(motion, load_speech(speech, transcript=transcript, lips=lips), start=start)
    if options["emotion"] == AUTO:
        options = with_detected_emotion(options, recording, load(DETECTOR))
    if options["emotion"] is not None:
        options["emotion"] = shown_emotion(options["emotion"], known=EMOTIONS)
    options["intensity"] = min(LIVELIEST_FACE, options["intensity"])
    face = face_from_speech(recording, body=_known_body(motion), **options)
    return motion.with_face(LipTrack(ARKIT_NAMES, face, float(FPS)).at_rate(motion.fps, motion.frames))


def _known_body(motion: Motion) -> Motion | None:
    """The motion on the canonical skeleton, for eyes that hold their gaze; None for a rig that is not known."""
    try:
        return on_canonical(motion)
    except UserError:
        return None


def face_options(**options: Any) -> dict[str, Any]:
    """Emotion, intensity and seed of a face, checked as those of gestures are.

    Raises:
        UserError: a value that is not allowed.
    """
    declared = options_of(GenerateOptions)
    return {name: declared[name].check(value) for name, value in options.items()}


def placed_speech(motion: Motion, speech: Speech, *, start: float = 0.0) -> Speech:
    """The speech as long as a motion, silence before and after it; a note says what is cut.

    Raises:
        UserError: the motion has no frames, or the speech would not begin within it.
    """
    if not motion.frames:
        raise UserError("the motion has no frames; a face needs one at least")
    if not 0.0 <= number(start, "start") < motion.seconds:
        raise UserError(f"the speech begins at {start:g} s of a motion of {motion.seconds:.2f} s; begin it within")
    beyond = start + speech.seconds - motion.seconds
    if beyond > CUT:
        note(f"the last {beyond:.2f} s of the speech are cut: the motion ends at {motion.seconds:.2f} s")
    return placed(speech, start=start, seconds=motion.seconds)


def check_face_target(path: str | Path) -> Path:
    """An output path whose format carries a face, and that can be written; before any work is done.

    Raises:
        UserError: another format, or a folder that is missing or cannot be written.
    """
    path = file_path(path, "where to write")
    if not carries_face(path):
        known = ", ".join((*face_suffixes(), VISEMES_SUFFIX))
        raise UserError(f"cannot write {path}: {path.suffix or 'it'} carries no face; these do: {known}")
    check_folder(path)
    return path


def carries_face(path: Path) -> bool:
    """Whether what is written under this name has a face in it."""
    suffix = path.suffix.lower()
    return path.name.lower().endswith(VISEMES_SUFFIX) or (suffix in FORMATS and FORMATS.get(suffix).face)
