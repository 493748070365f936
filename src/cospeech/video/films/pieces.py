"""A film written in pieces: packets that are copied, frames that are encoded again, and new frames.

Packets up to a span, and from the first key frame after it on, are copied bit by bit. Between the end of the span and
that key frame pictures depend on ones that are replaced; they are encoded again, each with at least ``LEAST_PSNR``.
New packets have parameter sets of their own, under an id that the film does not use, so that both kinds stand in one
track. Films that are no H.264 of 8 bit 4:2:0 in constant order are encoded again as a whole, likewise. Decisions of
ours [D].
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ...avatar.film import AacTrack, aac_samples
from ...core.media import opened_media
from ...core.timing import rate_fraction
from ...speech.speech import Speech
from . import h264
from .footage import CopiedSound, Footage

LEAST_PSNR = 48.0  # dB of all planes together, of every frame that is encoded again
_DB_PER_STEP, _BEST = 0.7, 1  # PSNR that a step of the rate factor brings, about; the lowest factor that is tried
_AT_ONCE = 128 * 2**20  # bytes of decoded frames that are kept in memory
_PRESET = "veryfast"


@dataclass(frozen=True)
class Piece:
    """Frames [first, end) that are written in one way."""

    first: int
    end: int
    new: bool = False
    copied: tuple[int, int] | None = None  # packets of the source, in their order


@dataclass(frozen=True, eq=False)
class Source:
    """The packets of a film that can be copied."""

    path: Path
    header: h264.Header
    frames: np.ndarray  # [n] number of the frame in each packet
    keys: tuple[int, ...]  # packets with which a closed group of pictures begins

    def packets(self, first: int, end: int) -> Iterator[Packet]:
        """The packets [first, end)."""
        for number, data in enumerate(islice(_raw_packets(self.path), end)):
            if number >= first:
                units = self.header.units(bytes(data))
                yield Packet(h264.stream(units), int(self.frames[number]), number in self.keys)


@dataclass(frozen=True)
class Encoder:
    """H.264 as new pieces are written; all pieces have the same parameter sets."""

    size: tuple[int, int]
    rate: Fraction
    colours: tuple[int, int, int]
    aspect: Fraction
    set_id: int = 0

    def encode(self, frames: Iterable[np.ndarray], first: int, quality: int) -> tuple[bytes, list[Packet]]:
        """Parameter sets, and packets, of planes [3 H / 2, W] uint8.

        Args:
            first: number of the first frame.
            quality: x264's constant rate factor.
        """
        import av

        context: Any = av.CodecContext.create("libx264", "w")
        context.width, context.height = self.size
        context.pix_fmt, context.time_base, context.framerate = "yuv420p", 1 / self.rate, self.rate
        context.colorspace, context.color_primaries, context.color_trc = self.colours
        context.sample_aspect_ratio = self.aspect
        context.flags |= int(av.codec.context.Flags.global_header)
        own = f"sps-id={self.set_id}:stitchable=1"  # the same sets whatever the quality
        context.options = {"crf": str(quality), "preset": _PRESET, "x264-params": own}
        packets: list[Packet] = []
        for index, planes in enumerate(chain(frames, [None])):
            frame = None
            if planes is not None:
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(planes), format="yuv420p")
                frame.pts, frame.time_base = index, 1 / self.rate
            packets += [Packet(bytes(one), first + one.pts, one.is_keyframe) for one in context.encode(frame)]
        return context.extradata, packets


@dataclass(frozen=True)
class Packet:
    """One encoded picture."""

    data: bytes  # H.264 byte stream
    frame: int  # of the film, in the order of showing
    key: bool


def open_source(footage: Footage) -> Source | None:
    """The packets of a film; None if they cannot stand beside new ones."""

    if not footage.exact:
        return None
    with opened_media(footage.path) as container:
        context = container.streams.video[0].codec_context
        name, extradata = context.name, bytes(context.extradata or b"")
    if name != "h264":
        return None
    try:
        header = h264.Header.read(extradata)
        shown, keys = _order(footage.path, header)
    except (ValueError, IndexError):
        return None
    if len(shown) != footage.frames or len(set(shown)) != len(shown) or keys[:1] != (0,) or header.free_id() is None:
        return None
    frames = np.argsort(np.argsort(shown))
    starts = [*keys, len(frames)]
    # Between two key frames are the pictures that are shown between them, or a group is not closed.
    closed = all(set(frames[a:b]) == set(range(a, b)) for a, b in pairwise(starts))
    return Source(footage.path, header, frames, keys) if closed else None


def _order(path: Path, header: h264.Header) -> tuple[list[int], tuple[int, ...]]:
    """When each packet is shown, and which packets are IDR. Raises ValueError for parameter sets on the way."""
    shown, keys = [], []
    for number, packet in enumerate(_raw_packets(path)):
        units = list(header.units(bytes(packet)))
        if any(h264.kind(unit) in (h264.SPS, h264.PPS) and unit not in header.sets for unit in units):
            raise ValueError("the parameter sets change")
        if packet.pts is None:
            raise ValueError("a packet has no time")
        shown.append(packet.pts)
        if any(h264.kind(unit) == h264.IDR for unit in units):
            keys.append(number)
    return shown, tuple(keys)


def _raw_packets(path: Path) -> Iterator[Any]:
    with opened_media(path) as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.size:
                yield packet


def cut_into_pieces(new: np.ndarray, source: Source | None) -> list[Piece]:
    """How every frame of a film is written.

    Args:
        new: [n] whether each frame is drawn anew.
        source: of the packets that can be copied, if any.
    """
    if source is None:
        return _runs(new, 0, len(new))
    result: list[Piece] = []
    for first, end in zip(source.keys, [*source.keys[1:], len(new)], strict=True):
        drawn = np.flatnonzero(new[first:end])
        last = _decodable(source.frames[first:end], first, int(drawn[0])) if len(drawn) else end
        if last > first:
            result.append(Piece(first, last, copied=(first, last)))
        result += _runs(new, last, end)
    return result


def _decodable(frames: np.ndarray, first: int, most: int) -> int:
    """The frame up to which a group can be cut off: as many packets as frames that are shown before it.

    Args:
        frames: of the group's packets, in their order.
        first: frame of the group's first packet.
        most: how many frames may be kept.
    """
    latest = np.maximum.accumulate(frames[:most] - first + 1)
    whole = np.flatnonzero(latest == np.arange(1, len(latest) + 1))
    return first + (int(whole[-1]) + 1 if len(whole) else 0)


def _runs(new: np.ndarray, first: int, end: int) -> list[Piece]:
    edges = [first, *(k for k in range(first + 1, end) if new[k] != new[k - 1]), end]
    return [Piece(a, b, bool(new[a])) for a, b in pairwise(edges) if a < b]


def frame_psnr(one: np.ndarray, other: np.ndarray) -> float:
    """PSNR in dB of two frames of uint8; infinite if they are the same."""
    error = float(np.mean((one.astype(np.float32) - other) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def encode_again(
    frames: Sequence[np.ndarray], first: int, encoder: Encoder, quality: int
) -> tuple[bytes, list[Packet], int]:
    """Parameter sets and packets of frames that come back with ``LEAST_PSNR``, and the rate factor that it took."""
    while True:
        sets, packets = encoder.encode(frames, first, quality)
        worst = min(frame_psnr(own, back) for own, back in zip(frames, _decoded(sets, packets), strict=True))
        if worst >= LEAST_PSNR or quality <= _BEST:
            return sets, packets, quality
        quality = max(_BEST, quality - max(1, round((LEAST_PSNR - worst) / _DB_PER_STEP)))


def _decoded(sets: bytes, packets: Sequence[Packet]) -> Iterator[np.ndarray]:
    import av

    context: Any = av.CodecContext.create("h264", "r")
    context.extradata = sets
    for packet in packets:
        coded = av.Packet(packet.data)
        coded.pts = packet.frame
        for frame in context.decode(coded):
            yield frame.to_ndarray()
    for frame in context.decode(None):
        yield frame.to_ndarray()


def write_film(
    path: Path,
    new: np.ndarray,
    frames: Iterator[np.ndarray],
    footage: Footage,
    *,
    speech: Speech | None,
    quality: int,
    metadata: Mapping[str, str],
) -> None:
    """Write a film of which some frames are new.

    Args:
        path: the file; its suffix chooses the container.
        new: [n] whether each frame of the film is new.
        frames: the new ones, planes [3 H / 2, W] uint8.
        footage: the film of the others.
        speech: the sound; None to copy that of the film.
        quality: x264's constant rate factor of the new frames.
        metadata: tags of the container.
    """
    source = open_source(footage)
    free = None if source is None else source.header.free_id()
    encoder = Encoder(footage.size, rate_fraction(footage.fps), footage.colours, footage.aspect, free or 0)
    sets = dict.fromkeys(() if source is None else source.header.sets)
    parts: list[Iterable[Packet]] = []
    order: list[int] = []
    for piece, packets, own in _encoded(cut_into_pieces(new, source), frames, footage, encoder, quality):
        if piece.copied and source is not None:
            parts.append(source.packets(*piece.copied))
            order += source.frames[slice(*piece.copied)].tolist()
        else:
            parts.append(packets)
            order += [packet.frame for packet in packets]
            sets |= dict.fromkeys(h264.Header.read(own).sets)
    header = h264.stream(sorted(sets, key=_rank))
    _mux(path, chain.from_iterable(parts), np.array(order), header, footage, speech, metadata)


def _rank(unit: bytes) -> tuple[int, int, int]:
    """SPS before PPS, those of the highest profile and level first: players look at the first one."""
    first = h264.kind(unit) == h264.SPS
    return (0, -unit[1], -unit[3]) if first else (1, 0, 0)


def _encoded(
    pieces: Sequence[Piece], frames: Iterator[np.ndarray], footage: Footage, encoder: Encoder, quality: int
) -> Iterator[tuple[Piece, list[Packet], bytes]]:
    """Pieces in turn, long ones cut up, with their packets and parameter sets, none of those that are copied."""
    again = np.zeros(footage.frames, bool)
    for piece in pieces:
        again[piece.first : piece.end] = not (piece.new or piece.copied)
    last = int(np.flatnonzero(again)[-1]) + 1 if again.any() else 0
    kept = (planes for number, planes in enumerate(footage.planes(0, last)) if again[number])
    at_once = max(1, _AT_ONCE // (footage.size[0] * footage.size[1] * 3 // 2))
    used = quality
    for piece in pieces:
        if piece.copied:
            yield piece, [], b""
        elif piece.new:
            sets, packets = encoder.encode(islice(frames, piece.end - piece.first), piece.first, quality)
            yield piece, packets, sets
        else:
            for first in range(piece.first, piece.end, at_once):
                part = Piece(first, min(first + at_once, piece.end))
                held = list(islice(kept, part.end - first))
                sets, packets, used = encode_again(held, first, encoder, used)
                yield part, packets, sets


def _mux(
    path: Path,
    packets: Iterator[Packet],
    order: np.ndarray,
    sets: bytes,
    footage: Footage,
    speech: Speech | None,
    metadata: Mapping[str, str],
) -> None:
    """Write packets, of which ``order`` has the frames, with the sound of a film or another one."""
    import av

    rate = rate_fraction(footage.fps)
    late = int((np.arange(len(order)) - order).max())  # frames by which pictures are decoded before they are shown
    first = next(packets)
    with (
        av.open(io.BytesIO(sets + first.data), format="h264") as described,
        av.open(str(path), "w", options={"movflags": "+faststart+use_metadata_tags"}) as out,
    ):
        out.metadata.update(metadata)
        video = out.add_stream_from_template(described.streams.video[0])
        video.time_base = 1 / rate
        sound: AacTrack | CopiedSound | None = None
        if speech is not None:
            sound = AacTrack(out, *aac_samples(speech, footage.frames, footage.fps))
        elif footage.sound is not None:
            sound = CopiedSound(out, footage)
        for number, packet in enumerate(chain([first], packets)):
            coded = av.Packet(packet.data)
            coded.stream, coded.time_base = video, 1 / rate
            coded.pts, coded.dts, coded.duration = packet.frame, number - late, 1
            coded.is_keyframe = packet.key
            if sound is not None:
                sound.write_until(float((number - late) / rate))
            out.mux(coded)
        if sound is not None:
            sound.finish()
