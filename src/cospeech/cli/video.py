"""The commands of portrait video: cospeech video with commands of its own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from ..errors import UserError
from ..progress import note
from .annotations import (
    Count,
    MaybeEmotion,
    MaybeFile,
    MaybeFolder,
    MaybeName,
    Model,
    Recording,
)
from .outputs import done, not_over

PictureOrFilm = Annotated[Path, arg(metavar="PICTURE|FILM")]
PointsFile = Annotated[Path, arg(aliases=["-o"], metavar="FILE.json")]
MaybePython = Annotated[str | None, arg(metavar="PYTHON", help_behavior_hint="")]


def setup(*, folder: MaybeFolder = None, python: MaybePython = None) -> None:
    """Make the environment that finds a person's points in pictures, once: MediaPipe, about 1 GB.

    Args:
        folder: where; a folder of the user's data unless given. One elsewhere has to be named afterwards
            with COSPEECH_KEYPOINTS_PYTHON.
        python: what to make it with, Python 3.9 to 3.12; the running one, or one that is found.
    """
    began = time.monotonic()
    from .. import api
    from ..video.setup import INTERPRETER

    found = api.setup_video(folder, python=python)
    what = f"set {INTERPRETER}={found}" if folder else "cospeech video keypoints PICTURE -o points.json"
    note(f"MediaPipe is ready in {found.parents[2]} after {time.monotonic() - began:.0f} s; next: {what}")


def keypoints(
    path: Positional[PictureOrFilm],
    /,
    *,
    out: PointsFile,
    points: MaybeFile = None,
    cache: Annotated[bool, arg(help_behavior_hint="")] = True,
) -> None:
    """Find the points of the one person in a picture or film, and fill in what is not seen.

    Args:
        path: a picture (PNG, JPEG, WebP) or a film.
        out: where to write: 116 points in pixels, with how sure each is.
        points: JSON of another detector (MMPose, DWPose, OpenPose), which is read instead of looking.
        cache: look up what was found before; --no-cache to look anew and keep nothing.
    """
    began = time.monotonic()
    from .. import api
    from ..files import check_folder

    if out.suffix.lower() != ".json":
        raise UserError(f"points in a picture go into .json files; got {out}, name a .json file")
    check_folder(out)
    not_over(out, path, points)
    found = api.video_keypoints(path, points=points, cache=cache)
    found.save(out)
    done((out,), began, f"{found.frames} frame{'s' if found.frames > 1 else ''} of {len(found.names)} points")


def animate(
    portrait: Positional[Annotated[Path, arg(metavar="PORTRAIT")]],
    speech: Positional[Recording],
    /,
    *,
    out: Annotated[Path | None, arg(aliases=["-o"], metavar="FILE.mp4", help_behavior_hint="")] = None,
    motion: MaybeFile = None,
    points: MaybeFile = None,
    emotion: MaybeEmotion = None,
    intensity: Annotated[float, arg(metavar="X")] = 1.0,
    speaker: MaybeName = None,
    transcript: MaybeFile = None,
    seed: Count = 0,
    model: Model = "contextual",
    size: Annotated[int, arg(metavar="PIXELS")] = 512,
    strength: Annotated[float, arg(metavar="X")] = 1.0,
    refine: Annotated[str, arg(metavar="NAME|FOLDER|none")] = "portrait",
    mark: Annotated[bool, arg(help_behavior_hint="")] = True,
) -> None:
    """Turn a portrait and a recording into a film of that person who gestures and speaks.

    Args:
        portrait: a picture of one person from head to waist, facing the camera (PNG, JPEG, WebP).
        speech: a sound file (wav, flac, mp3, ogg, m4a, webm), or a video with sound.
        out: the film to write, *.mp4; named after the speech unless given.
        motion: what to move as, a motion file or points in a picture (.json), instead of generating.
        points: JSON of the portrait's points from another detector (MMPose, DWPose, OpenPose).
        emotion: as of generate: a name, a mixture, or auto, for what the voice sounds like.
        intensity: liveliness, 0.25 to 2.5; 1.0 is usual.
        speaker: whose manner of gesturing; a wrong name lists the right ones.
        transcript: what is said: TextGrid, SRT, VTT, Whisper JSON or plain text; it helps the lips.
        seed: another one gives another take.
        model: a shipped model (contextual, emotion, exges) or a model folder.
        size: of the longer side, pixels.
        strength: 0 (still) to 1 of the gestures.
        refine: the network that paints what warping cannot: a shipped one, a model folder, or none.
        mark: carry the watermark and the record that tell it is made; --no-mark to leave them out.
    """
    began = time.monotonic()
    from .. import api
    from ..speech.speech import load_speech

    target = out or Path(f"{speech.stem}.mp4")
    if out is None and target.exists() and target.samefile(speech):
        target = Path(f"{speech.stem}-animated.mp4")
    not_over(target, portrait, speech, motion, points)
    heard = load_speech(speech, transcript=transcript)
    api.animate(
        portrait, heard, target, motion=motion, points=points, emotion=emotion, intensity=intensity,
        speaker=speaker, seed=seed, model=model, size=size, strength=strength, refine=refine, mark=mark,
    )  # fmt: skip
    done((target,), began, f"{heard.seconds:.1f} s of film")


VIDEO_COMMANDS: dict[str, Any] = {
    "animate": animate,
    "video setup": setup,
    "video keypoints": keypoints,
}
