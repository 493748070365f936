"""A video of a portrait that speaks: from motion to keypoints, pictures, sound and marks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...avatar.film import write_video
from ...core.arguments import file_path
from ...core.errors import UserError
from ...core.files import atomic_path, check_folder
from ...core.progress import stage, track
from ...core.timing import FPS, seconds_to_frame
from ...methods.conditioning import LENGTH_SLACK
from ...motion.formats.keypoints import Keypoints, load_keypoints
from ...motion.motion import Motion, load_motion
from ...motion.points import FACE_POINTS
from ...motion.retarget import on_canonical
from ...speech.speech import Speech
from ..detection.keypoints import video_keypoints
from ..driving.bearing import bearing, borne
from ..driving.driver import drive, drive_keypoints, eased
from ..driving.gaze import gaze
from ..driving.hand_choice import HandTrack, hand_track, motion_hands, seen_hands
from ..driving.keypoint_driver import at_rate
from ..driving.lips import lips
from ..provenance.record import Record, fingerprint, marked, sign
from ..warping.refine import NONE
from .portrait import Portrait
from .portrait_film import portrait_frames

SUFFIXES = (".mp4", ".m4v", ".mov")
FILMS = (*SUFFIXES, ".mkv", ".webm", ".avi")


def check_film(path: str | Path) -> Path:
    """The path of a video to be written. Raises UserError for another suffix or a missing folder."""
    path = file_path(path, "where to write a video")
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"a video is written as {', '.join(SUFFIXES)}; got {path.name}")
    check_folder(path)
    return path


def open_driver(path: str | Path, **reading: Any) -> Motion | Keypoints:
    """Read what drives a portrait: a motion file, keypoints (.json), or a film, of the person in it.

    Args:
        path: one of them.
        reading: options of ``load_motion``, for motion files.
    Raises:
        UserError: it is none of them, a film as ``video_keypoints`` refuses it, or options for another file.
    """
    path = file_path(path, "a motion file, keypoints or a film")
    suffix = path.suffix.lower()
    if reading and suffix in (*FILMS, ".json"):
        raise UserError(f"{path.name} has no rig; leave out {', '.join(reading)}, which motion files take")
    if suffix in FILMS:
        return video_keypoints(path)
    return load_keypoints(path) if suffix == ".json" else on_canonical(load_motion(path, **reading))


def portrait_keypoints(
    portrait: Portrait,
    motion: Motion | Keypoints,
    speech: Speech | None = None,
    *,
    strength: float = 1.0,
    bounded: bool = True,
) -> np.ndarray:
    """Keypoints [T, 116, 2] in pixels of a portrait that follows a motion, at 30 frames a second.

    Args:
        motion: a body, or keypoints of another picture.
        speech: moves the lips if the motion has no face.
        strength: of the gestures, 0 (still) to 1.
        bounded: keep arms within what the portrait bears.
    Raises:
        UserError: a motion that cannot drive a portrait.
    """
    own, depth = (portrait.points, portrait.confidence, portrait.size), portrait.head.depth
    if isinstance(motion, Motion):
        return drive(_with_face(motion, speech), *own, depth=depth, strength=strength, bounded=bounded)
    face = None
    if speech is not None and not set(FACE_POINTS) <= set(motion.names):
        face = lips(speech, max(1, seconds_to_frame(motion.seconds)))
    return drive_keypoints(motion, *own, face=face, depth=depth, strength=strength, bounded=bounded)


def portrait_gaze(
    motion: Motion | Keypoints, speech: Speech | None = None, *, strength: float = 1.0
) -> np.ndarray | None:
    """Turns of the eyes that belong to ``portrait_keypoints``, [T, 2] radians; None for eyes at rest."""
    if not isinstance(motion, Motion):
        return None
    turns = gaze(_with_face(motion, speech))
    return None if turns is None else turns * eased(len(turns), strength)[:, None]


def portrait_hands(
    portrait: Portrait, motion: Motion | Keypoints, points: np.ndarray, *, strength: float = 1.0
) -> dict[str, HandTrack]:
    """Which views of hands are shown, by side; of those alone of which the portrait has further views.

    Args:
        portrait: from ``open_portrait``.
        motion: as of ``portrait_keypoints``.
        points: [T, 116, 2] pixels, from ``portrait_keypoints``.
        strength: of the gestures, 0 (still) to 1.
    """
    if not portrait.views:
        return {}
    seen = motion_hands(motion) if isinstance(motion, Motion) else seen_hands(at_rate(motion)[0])
    share = eased(len(points), strength)
    return {
        side: hand_track(views, side, seen, portrait.points, points, share) for side, views in portrait.views.items()
    }


def _with_face(motion: Motion, speech: Speech | None) -> Motion:
    """A motion at the rate of films, whose face is made from the speech if it has none."""
    motion = on_canonical(motion).resample(FPS)
    if motion.face is None and speech is not None:
        motion = replace(motion, face=lips(speech, motion.frames))
    return motion


def estimated_damage(portrait: Portrait, motion: Motion | Keypoints, *, strength: float = 1.0) -> float:
    """How badly a portrait bears a motion, 0 (as it is) to 2: gestures that are lost, and arms that are stretched.

    Takes of the same speech are chosen by it; it sees keypoints and no pixels [D].

    Args:
        portrait: from ``open_portrait``.
        motion: of a body, or keypoints of a picture.
        strength: of the gestures, 0 (still) to 1.
    Raises:
        UserError: a motion that cannot drive a portrait.
    """
    asked = portrait_keypoints(portrait, motion, strength=strength, bounded=False)
    within = borne(asked, portrait.points, bearing(portrait.points, portrait.confidence, portrait.size))
    return float(1 - within.kept.mean()) + within.damage


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
    """Write a video in which a portrait moves, exactly as long as the speech, or else as the motion.

    Args:
        portrait: from ``open_portrait``.
        motion: of a body, or keypoints of a picture.
        path: the video, *.mp4; it appears whole or not at all.
        speech: the sound; a motion of a few frames more is cut, one of a few frames less stands still at its end.
        strength: of the gestures, 0 (still) to 1.
        refine: a network that paints what warping cannot (a model folder), or "none".
        mark: add the watermark and the record that say it is generated (docs/responsible-use.md).
        model: name of the model that generated the motion, for the record.
        quality: x264's constant rate factor, 0 to 51.
        workers: processes that draw; one for each processor by default.
        quiet: no progress bar.
    Raises:
        UserError: something that cannot be drawn or written.
    """
    path = check_film(path)
    if speech is not None and abs(speech.seconds - motion.seconds) > LENGTH_SLACK:
        raise UserError(
            f"the motion is {motion.seconds:.2f} s long and the speech {speech.seconds:.2f} s; give a motion "
            "of the same speech"
        )
    points = portrait_keypoints(portrait, motion, speech, strength=strength)
    turns = portrait_gaze(motion, speech, strength=strength)
    hands = portrait_hands(portrait, motion, points, strength=strength)
    if speech is not None:
        held = np.minimum(np.arange(speech.frames), len(points) - 1)
        points, turns = points[held], None if turns is None else turns[held]
        hands = {side: track.taken(held) for side, track in hands.items()}
    frames = portrait_frames(portrait, points, gaze=turns, hands=hands, refine=refine, workers=workers)
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
        sign(temporary, metadata)
    return path
