"""Any recording to mono samples at one rate, and back to a wav file.

Sound files (wav, flac, mp3, ogg and what else libsndfile knows) go through soundfile; all else (m4a,
webm, the sound of a video) through PyAV. Channels are averaged: a voice on one of two channels comes
out at half its level, which nothing later minds. Two channels of opposite sign cancel; that is not
looked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import UserError
from ..core.files import atomic_path
from ..core.limits import check_limit
from ..core.media import STANDARD_INPUT, open_media, seekable
from ..core.timing import SAMPLE_RATE

SHORTEST = 0.2  # seconds
RATES = (1000, 1_000_000)  # samples a second of a recording
_BLOCK = 1 << 18  # samples decoded at once, of all channels
_ENDLESS = 1 << 62  # sample frames of a file that does not say how many it has

# A stream of sound: its rate, then its blocks, [n] float32 mono.
_Decoded = tuple[int, Iterator[np.ndarray]]


def decode(path: str | Path, *, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Read the sound of a file.

    Args:
        path: any audio or video file.
        sample_rate: samples a second to resample to.

    Returns:
        [N] float32, mono, within [-1, 1]. What would go beyond is scaled down as a whole, not
        clipped.

    Raises:
        UserError: no such file, a folder, no sound in it, shorter than SHORTEST, or not finite.
    """
    path = Path(path)
    _check(path)
    with seekable(path) as stored:
        rate, blocks = _open_sound(stored, path) or _open_container(stored, path)
        samples = _resample(_checked(blocks, path, rate), rate, sample_rate)
    seconds = len(samples) / sample_rate
    if not len(samples):
        raise UserError(f"{path} holds no sound: it has no samples; give a recording of speech")
    if seconds < SHORTEST:
        raise UserError(f"{path} lasts {seconds:.3f} s; give a recording of at least {SHORTEST} s")
    peak = float(np.max(np.abs(samples)))
    return samples / np.float32(peak) if peak > 1.0 else samples


def write_wav(path: str | Path, samples: np.ndarray, *, sample_rate: int = SAMPLE_RATE) -> None:
    """Write mono samples [N] as a 16-bit wav file; louder than [-1, 1] is scaled down as a whole.

    Raises:
        UserError: the name does not end in .wav, or the file cannot be written.
        ValueError: samples are not one-dimensional or not finite.
    """
    path = Path(path)
    if path.suffix.lower() != ".wav":
        raise UserError(f"cannot write sound to {path}; give a name that ends in .wav")
    samples = np.asarray(samples, dtype=np.float32)
    if samples.ndim != 1 or not np.isfinite(samples).all():
        raise ValueError(f"samples of shape {samples.shape}; give finite mono samples [N]")
    peak = float(np.max(np.abs(samples), initial=0.0))
    if peak > 1.0:
        samples = samples / np.float32(peak)
    import soundfile

    with atomic_path(path) as temporary:
        soundfile.write(temporary, samples, sample_rate, subtype="PCM_16")


def resample(samples: np.ndarray, *, rate: int, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Samples [N] at ``rate`` as float32 at ``sample_rate``; the length is the nearest to exact."""
    return _resample(iter([np.asarray(samples, dtype=np.float32)]), rate, sample_rate)


def _check(path: Path) -> None:
    if str(path) == STANDARD_INPUT:
        return
    if path.is_dir():
        raise UserError(f"{path} is a folder; give one recording in it")
    if not path.exists():
        raise UserError(f"no such file: {path}; check the name")
    if not path.is_file():  # a pipe
        return
    try:
        with open(path, "rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check its permissions") from error
    if empty:
        raise UserError(f"{path} is empty (0 bytes); give a recording of speech")


def _check_sound(path: Path, rate: int, seconds: float) -> None:
    """Raises UserError for a rate that no recording has, or too many seconds."""
    if not RATES[0] <= rate <= RATES[1]:
        raise UserError(
            f"{path} has {rate} samples a second; {RATES[0]} to {RATES[1]} are allowed, export it again as wav"
        )
    check_limit("seconds", seconds, path)


def _open_sound(stored: Path, path: Path) -> _Decoded | None:
    """Open with soundfile; None if it does not know the format. Messages call the file ``path``."""
    import soundfile

    try:
        file = soundfile.SoundFile(os.fsencode(stored))  # also a name that is no UTF-8
    except (soundfile.SoundFileError, TypeError):  # TypeError: raw data without a header
        return None
    try:
        _check_sound(path, file.samplerate, file.frames / max(file.samplerate, 1) if file.frames < _ENDLESS else 0.0)
    except UserError:
        file.close()
        raise
    at_once = max(1, _BLOCK // file.channels)

    def blocks() -> Iterator[np.ndarray]:
        with closing(file):
            try:
                # Not file.blocks: of a file cut short it returns what the header promised.
                while len(block := file.read(at_once, dtype="float32", always_2d=True)):
                    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused later
                        mono = block.mean(axis=1)
                    yield mono
            except soundfile.SoundFileError as error:
                raise UserError(f"{path} is damaged: {_line(error)}; export it again") from error

    return file.samplerate, blocks()


def _open_container(stored: Path, path: Path) -> _Decoded:
    """Open with PyAV. Messages call the file ``path``."""
    import av

    container = open_media(
        stored, f"{path} is no recording that can be read; give wav, flac, mp3, ogg, m4a, webm or a video"
    )
    if not container.streams.audio:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        container.close()
        raise UserError(f"{path} has no sound in it, only {kinds}; give a file with an audio stream")
    stream = container.streams.audio[0]
    rate = int(stream.codec_context.sample_rate or 0) if stream.codec_context else 0
    if rate <= 0:
        container.close()
        raise UserError(f"{path} has a sound stream without a codec or a sample rate; export it again as wav")
    try:
        _check_sound(path, rate, (container.duration or 0) / av.time_base)
    except UserError:
        container.close()
        raise

    def blocks() -> Iterator[np.ndarray]:
        resampler: Any = None
        with closing(container):
            try:
                for frame in container.decode(stream):
                    if resampler is None:
                        # Same rate and channels: only the number format changes, to floats by channel.
                        resampler = av.AudioResampler(format="fltp", layout=frame.layout, rate=rate)
                    for part in resampler.resample(frame):
                        yield part.to_ndarray().mean(axis=0, dtype=np.float32)
                if resampler is not None:
                    for part in resampler.resample(None):
                        yield part.to_ndarray().mean(axis=0, dtype=np.float32)
            except av.FFmpegError as error:
                raise UserError(f"{path} is damaged: {_line(error)}; export it again") from error

    return rate, blocks()


def _checked(blocks: Iterator[np.ndarray], path: Path, rate: int) -> Iterator[np.ndarray]:
    """Pass blocks on; refuse what is not finite."""
    done = 0
    for block in blocks:
        bad = np.flatnonzero(~np.isfinite(block))
        if len(bad):
            where = (done + int(bad[0])) / rate
            raise UserError(f"{path} holds values that are no numbers (first at {where:.3f} s); export it again")
        done += len(block)
        check_limit("seconds", done / rate, path)
        yield block


def _resample(blocks: Iterator[np.ndarray], rate: int, sample_rate: int) -> np.ndarray:
    """All blocks at the new rate, [N] float32."""
    if rate == sample_rate:
        parts = list(blocks)
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)
    import soxr

    stream = soxr.ResampleStream(rate, sample_rate, 1, dtype="float32", quality="HQ")
    parts, taken = [], 0
    for block in blocks:
        taken += len(block)
        parts.append(stream.resample_chunk(np.ascontiguousarray(block)))
    parts.append(stream.resample_chunk(np.zeros(0, np.float32), last=True))
    out = np.concatenate(parts)
    wanted = (taken * sample_rate + rate // 2) // rate
    return np.pad(out[:wanted], (0, max(0, wanted - len(out))))


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
