"""Sound and video files, opened with PyAV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .errors import UserError

if TYPE_CHECKING:
    from av.container import InputContainer


def open_media(path: Path, refusal: str) -> InputContainer:
    """Open a sound or video file.

    Args:
        path: the file.
        refusal: one line that says what the file is not and what is allowed.

    Raises:
        UserError: the refusal, if it cannot be opened.
    """
    import av

    try:
        return av.open(str(path))
    except (av.FFmpegError, ValueError, OSError) as error:
        raise UserError(refusal) from error
