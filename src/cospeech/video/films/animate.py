"""A portrait and a voice become a film: gestures, their points in the portrait, pictures, sound, marks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ...avatar.film import write_video
from ...core.arguments import file_path
from ...core.errors import UserError
from ...core.files import atomic_path, check_folder
from ...core.progress import stage, track
from ...core.timing import FPS, seconds_to_frame
from ...motion.formats.keypoints import Keypoints, load_keypoints
from ...motion.motion import Motion, load_motion
from ...motion.points import FACE_POINTS
from ...motion.retarget import on_canonical
from ...speech.speech import Speech
from ..driving.driver import drive, drive_points
from ..driving.lips import lips
from ..provenance.record import Record, fingerprint, marked
from ..warping.refine import NONE
from .portrait import Portrait
from .portrait_film import film_frames

SUFFIXES = (".mp4", ".m4v", ".mov")


def check_film(path: str | Path) -> Path:
    """Where a film is written to. Raises UserError for another suffix or a folder that is not there."""
    path = file_path(path, "where to write a film")
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"a film is written as {', '.join(SUFFIXES)}; got {path.name}")
    check_folder(path)
    return path


def open_driver(path: str | Path) -> Motion | Keypoints:
    """What drives a portrait: a motion file, or points in a picture (.json). Raises UserError if neither."""
    path = file_path(path, "a motion file or points in a picture")
    return load_keypoints(path) if path.suffix.lower() == ".json" else on_canonical(load_motion(path))


def portrait_points(
    portrait: Portrait, motion: Motion | Keypoints, speech: Speech | None = None, *, strength: float = 1.0
) -> np.ndarray:
    """Points [T, 116, 2] pixels of a portrait that moves as a motion does, at 30 frames a second.

    Args:
        motion: a body, or points in another picture.
        speech: what moves the lips where the motion has no face.
        strength: 0 (still) to 1 of the gestures.
    Raises:
        UserError: a motion that cannot drive a portrait.
    """
    if isinstance(motion, Motion):
        motion = on_canonical(motion).resample(FPS)
        if motion.face is None and speech is not None:
            motion = replace(motion, face=lips(speech, motion.frames))
        return drive(motion, portrait.points, portrait.confidence, portrait.size, strength=strength)
    face = None
    if speech is not None and not set(FACE_POINTS) <= set(motion.names):
        face = lips(speech, max(1, seconds_to_frame(motion.seconds)))
    return drive_points(motion, portrait.points, portrait.confidence, portrait.size, face=face, strength=strength)


def animate_portrait(
    portrait: Portrait,
    motion: Motion | Keypoints,
    path: str | Path,
    *,
    speech: Speech | None = None,
    strength: float = 1.0,
    refine: str | Path = NONE,
    mark: bool = True,
    model: str = "motion",
    quality: int = 20,
    workers: int | None = None,
    quiet: bool = False,
) -> Path:
    """Write a film in which a portrait moves, exactly as long as the speech, or else as the motion.

    Args:
        portrait: from ``open_portrait``.
        motion: of a body, or of points in a picture.
        path: the film, *.mp4; it appears whole or not at all.
        speech: its sound goes along; a motion of a few frames more or less is cut, or stands still.
        strength: 0 (still) to 1 of the gestures.
        refine: a network that paints what warping cannot (a model folder), or "none".
        mark: carry the watermark and the record that tell it is made (docs/responsible-use.md).
        model: what made the motion, for the record.
        quality: x264's constant rate factor, 0 to 51.
        workers: processes that draw; by default one a processor.
        quiet: no progress bar.
    Raises:
        UserError: something that cannot be drawn or written.
    """
    path = check_film(path)
    if speech is not None and abs(speech.seconds - motion.seconds) > 0.1:
        raise UserError(
            f"the motion is {motion.seconds:.2f} s long and the speech {speech.seconds:.2f} s; give a motion "
            "of the same speech"
        )
    points = portrait_points(portrait, motion, speech, strength=strength)
    if speech is not None:
        points = points[np.minimum(np.arange(speech.frames), len(points) - 1)]
    frames = film_frames(portrait, points, refine=refine, workers=workers)
    metadata: dict[str, str] = {}
    if mark:
        inputs = {"portrait": fingerprint(portrait.picture)}
        if speech is not None:
            inputs["speech"] = fingerprint(speech.samples)
        frames, metadata = marked(frames, portrait.size, Record("portrait", inputs, model))
    stage(f"drawing {len(points)} frames of {portrait.size[0]} x {portrait.size[1]}")
    with atomic_path(path) as temporary:
        shown = track(frames, "drawing", total=len(points), quiet=quiet)
        write_video(
            temporary, shown, len(points), float(FPS), portrait.size, speech=speech, quality=quality, metadata=metadata
        )
    return path
