"""Seconds <-> frames <-> samples. The only module that rounds times.

Frame i is at i / fps seconds. The first sample of frame i is ``(i * rate) // fps`` computed in
integers, so nothing drifts however long the recording is.
"""

from __future__ import annotations

from collections.abc import Sized
from fractions import Fraction

import numpy as np

FPS = 30  # frames a second of everything inside the package
SAMPLE_RATE = 16_000  # mono samples a second inside the package


def frame_to_sample(frame: int, *, sample_rate: int = SAMPLE_RATE, fps: int = FPS) -> int:
    """Index of the first sample of a frame.

    >>> frame_to_sample(1)
    533
    >>> frame_to_sample(30 * 3600)
    57600000
    """
    return (int(frame) * sample_rate) // fps


def frames_in(samples: int, *, sample_rate: int = SAMPLE_RATE, fps: int = FPS) -> int:
    """Number of frames that cover a number of samples: the last frame may be begun only.

    >>> frames_in(16000), frames_in(16001), frames_in(0)
    (30, 31, 0)
    """
    return -((-int(samples) * fps) // sample_rate)


def seconds_to_frame(seconds: float, *, fps: float = FPS) -> int:
    """Nearest frame to a time (halves go up).

    >>> seconds_to_frame(0.1), seconds_to_frame(1.0)
    (3, 30)
    """
    return int(np.floor(seconds * fps + 0.5))


def frame_to_seconds(frame: int, *, fps: float = FPS) -> float:
    """Time of a frame in seconds."""
    return frame / fps


def frames_within(start: float, end: float, *, fps: float = FPS) -> range:
    """Frames whose times are in [start, end) seconds; none if no frame's time is.

    >>> frames_within(0.1, 0.2), frames_within(0.11, 0.12)
    (range(3, 6), range(4, 4))
    """
    first, stop = (int(np.ceil(seconds * fps - 1e-6)) for seconds in (start, end))
    return range(first, stop)


def frame_times(frames: int, *, fps: float = FPS) -> np.ndarray:
    """Times of all frames, [T] float64 seconds."""
    return np.arange(frames, dtype=np.float64) / fps


def rate_fraction(fps: float) -> Fraction:
    """A frame rate as an exact fraction (29.97 becomes 30000/1001), for video containers.

    >>> rate_fraction(29.97), rate_fraction(30)
    (Fraction(30000, 1001), Fraction(30, 1))
    """
    for base in (24, 30, 60, 120):
        if abs(fps - base * 1000 / 1001) < 5e-3:
            return Fraction(base * 1000, 1001)
    return Fraction(fps).limit_denominator(1000)


def standard_rate(fps: float) -> float:
    """The rate that was meant by a measured one: the nearest whole or film rate within two thousandths, else itself.

    >>> standard_rate(30.002), round(standard_rate(29.9698), 5), standard_rate(27.3)
    (30.0, 29.97003, 27.3)
    """
    meant = (float(round(fps)), *(base * 1000 / 1001 for base in (24, 30, 60, 120)))
    nearest = min(meant, key=lambda rate: abs(rate - fps))
    return nearest if abs(nearest - fps) < 2e-3 * fps else fps


class FrameSeries(Sized):
    """What has frames at a constant rate: needs ``__len__`` (frames) and ``fps`` (frames a second)."""

    fps: float

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self)

    @property
    def seconds(self) -> float:
        """Length in seconds: frames / fps."""
        return len(self) / self.fps
