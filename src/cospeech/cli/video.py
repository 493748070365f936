"""The commands of portrait video: cospeech video with commands of its own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from ..errors import UserError
from ..progress import note
from .annotations import MaybeFile, MaybeFolder
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


VIDEO_COMMANDS: dict[str, Any] = {
    "video setup": setup,
    "video keypoints": keypoints,
}
