"""The command that reads the marks of generated videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from ..core.progress import say


def verify(video: Positional[Annotated[Path, arg(metavar="FILE")]], /) -> None:
    """Say whether a video or picture is marked as generated; status 0 if it is, 1 if no mark can be read.

    Args:
        video: a file, as it was written or encoded again, or a picture of one frame (PNG or JPEG).
    """
    from ..video.provenance.record import verify as read_marks

    verdict = read_marks(video)
    say("\n".join(verdict.lines()))
    if not verdict.marked:
        raise SystemExit(1)


VERIFY_COMMANDS: dict[str, Any] = {"verify": verify}
