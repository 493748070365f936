"""Sound and video files, opened with PyAV: by an open file, never by a name, and by the readers of files alone.

FFmpeg takes many names for something else than a file (``http:/...``, ``concat:...``, a name with a colon), and some of
its formats are lists of other files. So it gets an open file, and formats that hold what they say.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from .errors import UserError
from .limits import check_limit, limit

if TYPE_CHECKING:
    from av.container import InputContainer

STANDARD_INPUT = "-"

_FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,eac3,flac,flv,gif,h264,hevc,ivf,m4v,matroska,mov,mp3,mp4,mpeg,"
    "mpegts,mpegvideo,mxf,nut,ogg,rm,tta,voc,w64,wav,webm,wv"
)
_BUFFER = 1 << 18  # bytes read at once
_CHUNK = 1 << 20
# How files of sound and video begin, at byte 0, or at byte 4 (MP4).
_BEGINNINGS: tuple[bytes, ...] = (
    b"RIFF",
    b"RF64",
    b"fLaC",
    b"OggS",
    b"ID3",
    b"\xff",
    b"\x1aE\xdf\xa3",
    b"FORM",
    b"caff",
    b".snd",
)
_BEGINNINGS += (b"riff", b"0&\xb2u", b"G", b"\x00\x00\x01\xba", b"FLV", b"#!AMR")
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")


def opened_media(path: Path) -> InputContainer:
    """Open a sound or video file.

    Raises:
        av.FFmpegError, OSError, ValueError: it cannot be opened, or is of another format.
        UserError: its pictures are too large; a ValueError.
    """
    import av

    file = open(path, "rb")
    try:
        options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
        container: InputContainer = av.open(file, mode="r", options=options, buffer_size=_BUFFER)
        for stream in container.streams.video:
            context = stream.codec_context
            check_limit("pixels", (context.width or 0) * (context.height or 0) if context else 0, path)
        return container
    except BaseException:
        file.close()
        raise


def open_media(path: Path, refusal: str) -> InputContainer:
    """``opened_media``, with one line for what cannot be opened.

    Args:
        path: the file.
        refusal: one line that says what the file is not and what is allowed.

    Raises:
        UserError: the refusal, if it cannot be opened; or its pictures are too large.
    """
    import av

    try:
        return opened_media(path)
    except UserError:
        raise
    except (av.FFmpegError, ValueError, OSError) as error:
        raise UserError(refusal) from error


@contextmanager
def seekable(path: Path) -> Iterator[Path]:
    """A recording as a file that can be read more than once, as long as the block lasts.

    A file is itself. What a pipe, ``<(...)`` or, for ``-``, standard input brings is stored.

    Raises:
        UserError: a device, what does not begin as a recording, or more than the limit of a pipe.
    """
    named = str(path) != STANDARD_INPUT
    mode = os.stat(path).st_mode if named else stat.S_IFIFO
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        yield path
        return
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        raise UserError(f"{path} is a device; give a recording, or a pipe that brings one")
    with tempfile.NamedTemporaryFile(prefix="cospeech-", suffix=".sound") as stored:
        if named:
            with open(path, "rb") as source:
                _store(source, stored, path)
        elif sys.stdin is None:
            raise UserError("standard input is closed; name a recording")
        else:
            _store(sys.stdin.buffer, stored, path)
        stored.flush()
        yield Path(stored.name)


def _store(source: IO[bytes], target: IO[bytes], path: Path) -> None:
    size, most = 0, limit("pipe") * 2**20
    while data := source.read(_CHUNK):
        if not size and not (data.startswith(_BEGINNINGS) or data[4:8] in _BOXES):
            raise UserError(f"{path} brings no recording that can be read; give wav, flac, mp3, ogg, m4a or webm")
        size += len(data)
        if size > most:
            check_limit("pipe", size / 2**20, path)
        target.write(data)
