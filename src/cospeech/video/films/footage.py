"""An existing film, read frame by frame as YUV 4:2:0 planes, so that frames can be written unchanged.

Planes are [3 H / 2, W] uint8: Y, then U and V at half the size, 16 to 235, in PyAV's layout. Converting them to
RGB and back would change every pixel by about a level.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import UserError
from ...core.media import opened_media
from ...core.timing import FPS
from ..warping.resampling import halved

SMALLEST, LARGEST = 128, 1920  # pixels of the longer side
UNEVEN = 0.1  # seconds by which a frame may deviate from a constant frame rate
COPIED_CODECS = ("aac", "mp3", "ac3", "eac3", "alac", "flac", "opus")  # of sound that an mp4 file can hold as it is
HD_HEIGHT = 720  # pixels from which films without tags are taken for BT.709
BLACK, LUMA_RANGE, NEUTRAL, CHROMA_RANGE = 16, 219, 128, 224  # of 8 bit video, ITU-R BT.601 and BT.709
_BT709, _UNSPECIFIED, _BT601 = 1, 2, (5, 6)
# Luma weights of red and blue, of ITU-R BT.709 and BT.601.
_WEIGHTS = {"709": (0.2126, 0.0722), "601": (0.299, 0.114)}
_OF_THE_FILE = ("major_brand", "minor_version", "compatible_brands", "encoder", "creation_time")


@dataclass(frozen=True)
class Footage:
    """A film on disk, from ``open_footage``."""

    path: Path
    size: tuple[int, int]  # width and height as it is shown, pixels, even
    fps: float
    frames: int
    colours: tuple[int, int, int]  # colour space, primaries and curve by their numbers in H.264
    matrix: str  # 709 or 601: the standard of its YUV
    start: float  # seconds at which the first frame is shown
    sound: str | None  # codec of its sound, None if it has none
    about: Mapping[str, str]  # the tags of the file
    aspect: Fraction = Fraction(1)  # width of a pixel by its height
    exact: bool = True  # planes are what the decoder gives: not turned, of no other format, and not interlaced

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.frames / self.fps

    def planes(self, first: int = 0, end: int | None = None) -> Iterator[np.ndarray]:
        """The frames [first, end), [3 H / 2, W] uint8 each."""
        end = self.frames if end is None else end
        if first >= end:
            return
        for number, frame in enumerate(_decoded(self.path)):
            if number >= first:
                yield _planes(frame)
            if number + 1 == end:
                return

    def picked(self, wanted: Collection[int]) -> dict[int, np.ndarray]:
        """Some frames by number, [3 H / 2, W] uint8 each."""
        return {
            number: _planes(frame)
            for number, frame in enumerate(_decoded(self.path, last=max(wanted)))
            if number in wanted
        }


def open_footage(path: str | Path) -> Footage:
    """Read the properties of a film, decoding it from its first to its last frame.

    Raises:
        UserError: no film, damaged, too large or small, of odd size, or without a constant frame rate.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no such film: {path}; check the name")
    times, shown = [], None
    for frame in _decoded(path):
        times.append(float(frame.time) if frame.time is not None else np.nan)
        shown = frame if shown is None else shown
    if shown is None:
        raise UserError(f"{path} has no pictures in it; give a film")
    size = (shown.width, shown.height)
    if _quarters(shown) % 2:
        size = (size[1], size[0])
    if size[0] % 2 or size[1] % 2:
        raise UserError(f"{path} is {size[0]} x {size[1]} pixels; export it with an even width and height")
    if not SMALLEST <= max(size) <= LARGEST:
        raise UserError(f"{path} is {size[0]} x {size[1]} pixels; the longer side must be {SMALLEST} to {LARGEST}")
    rate, aspect, sound, about = _properties(path)
    fps = rate or float(FPS)
    _check_rate(path, np.array(times), fps)
    colours, matrix = _colours(shown)
    start = 0.0 if not np.isfinite(times[0]) else times[0]
    if _quarters(shown) % 2:
        aspect = 1 / aspect
    exact = _as_it_is(shown) and not _quarters(shown) and not getattr(shown, "interlaced_frame", False)
    return Footage(path, size, fps, len(times), colours, matrix, start, sound, about, aspect, exact)


def _check_rate(path: Path, times: np.ndarray, fps: float) -> None:
    """Raise UserError if frames are not shown at a constant rate."""
    at = times - times[0]
    if not np.isfinite(at).all():
        return
    off = float(np.abs(at - np.arange(len(at)) / fps).max())
    if off > UNEVEN:
        raise UserError(
            f"{path} has no constant frame rate, frames are up to {off:.2f} s off; "
            f"export it at {round(fps)} frames a second"
        )


def rgb_of(planes: np.ndarray, matrix: str = "709") -> np.ndarray:
    """Planes [3 H / 2, W] -> [H, W, 3] uint8 RGB; four pixels share their colour."""
    height = len(planes) * 2 // 3
    luma = (planes[:height].astype(np.float32) - BLACK) / LUMA_RANGE
    chroma = (part.astype(np.float32) - NEUTRAL for part in _chroma(planes, height))
    blue, red = (part.repeat(2, 0).repeat(2, 1) / CHROMA_RANGE for part in chroma)
    kr, kb = _WEIGHTS[matrix]
    r, b = luma + 2 * (1 - kr) * red, luma + 2 * (1 - kb) * blue
    g = (luma - kr * r - kb * b) / (1 - kr - kb)
    return np.clip(np.round(np.stack([r, g, b], -1) * 255), 0, 255).astype(np.uint8)


def planes_of(rgb: np.ndarray, matrix: str = "709") -> np.ndarray:
    """[H, W, 3] uint8 RGB -> planes [3 H / 2, W] float32, not rounded."""
    r, g, b = np.moveaxis(rgb.astype(np.float32) / 255, -1, 0)
    kr, kb = _WEIGHTS[matrix]
    luma = kr * r + (1 - kr - kb) * g + kb * b
    chroma = [halved((part - luma) / (2 * (1 - k))) * CHROMA_RANGE + NEUTRAL for part, k in ((b, kb), (r, kr))]
    width = rgb.shape[1]
    return np.concatenate([luma * LUMA_RANGE + BLACK, *(part.reshape(-1, width) for part in chroma)])


def mixed(planes: np.ndarray, rgb: np.ndarray, share: np.ndarray, matrix: str = "709") -> np.ndarray:
    """Planes with a picture laid over them.

    Args:
        planes: [3 H / 2, W] uint8; where ``share`` is 0 they keep their bits.
        rgb: [H, W, 3] uint8.
        share: [H, W] 0 to 1.
    """
    part = halved(share).reshape(-1, share.shape[1])
    whole = np.concatenate([share, part, part])
    below = planes.astype(np.float32)
    result = np.round(below + (planes_of(rgb, matrix) - below) * whole)
    return np.clip(result, 0, 255).astype(np.uint8)


class CopiedSound:
    """The sound of a film, written along with other pictures without encoding it again."""

    def __init__(self, container: Any, footage: Footage) -> None:

        with opened_media(footage.path) as original:
            source = original.streams.audio[0]
            self._container, self._stream = container, container.add_stream_from_template(source)
            late = round(footage.start / source.time_base) if source.time_base else 0
            self._waiting: list[Any] = [packet for packet in original.demux(source) if packet.dts is not None]
        for packet in self._waiting:
            packet.dts, packet.pts = packet.dts - late, packet.pts - late
        self._waiting.reverse()

    def write_until(self, seconds: float) -> None:
        """Write what is heard up to some seconds."""
        while self._waiting and float(self._waiting[-1].dts * self._waiting[-1].time_base) <= seconds:
            packet = self._waiting.pop()
            packet.stream = self._stream
            self._container.mux(packet)

    def finish(self) -> None:
        """Write the rest."""
        self.write_until(float("inf"))


def _properties(path: Path) -> tuple[float, Fraction, str | None, dict[str, str]]:
    """Frames a second (0 if unknown), the aspect of pixels, the codec of the sound, and the tags of a film."""

    with opened_media(path) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        sound = container.streams.audio[0].codec_context.name if container.streams.audio else None
        tags = {name: text for name, text in container.metadata.items() if name not in _OF_THE_FILE}
    return rate, aspect, sound, tags


def _decoded(path: Path, last: int | None = None) -> Iterator[Any]:
    """Frames up to number ``last``. Raises UserError if it cannot be read."""
    import av

    try:
        with opened_media(path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for number, frame in enumerate(container.decode(stream)):
                yield frame
                if number == last:
                    return
    except (av.error.FFmpegError, OSError, IndexError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is no film that can be read ({reason}); export it as MP4") from None


def _quarters(frame: Any) -> int:
    """Counterclockwise quarter turns with which a frame is shown."""
    return round(getattr(frame, "rotation", 0) / 90) % 4


def _planes(frame: Any) -> np.ndarray:
    turn = _quarters(frame)
    if not _as_it_is(frame):
        from av.video.reformatter import ColorRange, Colorspace

        frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
    planes: np.ndarray = frame.to_ndarray()
    if not turn:
        return planes
    height = len(planes) * 2 // 3
    parts = [np.rot90(part, turn) for part in (planes[:height], *_chroma(planes, height))]
    width = parts[0].shape[1]
    return np.concatenate([part.reshape(-1, width) for part in parts])


def _as_it_is(frame: Any) -> bool:
    """Whether a frame is 8 bit 4:2:0 between 16 and 235, in a known colour space."""
    known = (_BT709, _UNSPECIFIED, *_BT601)
    return bool(frame.format.name == "yuv420p" and frame.color_range != 2 and frame.colorspace in known)


def _colours(frame: Any) -> tuple[tuple[int, int, int], str]:
    """Colour tags of a film, and its matrix; large films without tags are taken for BT.709."""
    if not _as_it_is(frame) or frame.colorspace == _BT709:
        return (1, 1, 1), "709"
    stated = (frame.colorspace, getattr(frame, "color_primaries", 2), getattr(frame, "color_trc", 2))
    plain = frame.colorspace == _UNSPECIFIED and frame.height >= HD_HEIGHT
    return tuple(int(number) for number in stated), "709" if plain else "601"  # type: ignore[return-value]


def _chroma(planes: np.ndarray, height: int) -> tuple[np.ndarray, np.ndarray]:
    """U and V [H / 2, W / 2]."""
    width, rows = planes.shape[1] // 2, height // 2
    parts = planes[height:].reshape(2, rows, width)
    return parts[0], parts[1]
