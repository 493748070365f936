"""Strokes brought to accents by a gentle warp of time.

A stroke comes on or just before the accented syllable. A generator that works in steps of a tenth of a
second places it roughly; here the motion is played a little faster or slower, within 0.8 to 1.25 of its
speed and never more than 0.3 s off, so that strokes meet the accents nearest to them. Pairs for training
are made with the same rule. A decision of ours; real coupling is looser (docs/design.md).
"""

from __future__ import annotations

import numpy as np

LEAD = 0.05  # seconds by which a stroke's peak precedes its accent
STRETCH = (0.8, 1.25)  # allowed speed of the warped motion
REACH = 0.3  # seconds: a stroke is moved no further


def warp_times(
    strokes: np.ndarray, accents: np.ndarray, frames: int, fps: float, *, keep: np.ndarray | None = None
) -> np.ndarray:
    """Source time in seconds of every output frame, [frames]; begins and ends where it was.

    Args:
        strokes: [S] seconds, rising.
        accents: [A] seconds, rising.
        keep: [S] bool, false for strokes that stay unmatched (real ones often do); all are matched if None.
    """
    end = (frames - 1) / fps
    anchors = [(0.0, 0.0)]  # (target, source)
    for number, source in enumerate(strokes):
        if not len(accents) or (keep is not None and not keep[number]):
            continue
        target_now, source_now = anchors[-1]
        expected = target_now + (source - source_now)
        target = float(accents[np.abs(accents - LEAD - expected).argmin()]) - LEAD
        step = target - target_now
        if step < 0.15 or abs(target - source) > REACH or not 0 < target < end:
            continue
        rest = end - target
        if rest < 0.3 or not STRETCH[0] <= (end - source) / rest <= STRETCH[1]:
            continue
        if STRETCH[0] <= (source - source_now) / step <= STRETCH[1]:
            anchors.append((target, float(source)))
    anchors.append((end, end))
    knots = np.array(anchors)
    mapped = np.interp(np.arange(frames) / fps, knots[:, 0], knots[:, 1])
    return smooth_times(mapped, 7)


def smooth_times(times: np.ndarray, width: int) -> np.ndarray:
    """A time map [T] without kinks, which would be seen as jerks; both ends go on as they were heading."""
    if len(times) < 3:
        return times
    window = np.hanning(width + 2)[1:-1]
    window /= window.sum()
    half = width // 2
    before = times[0] - (times[1] - times[0]) * np.arange(half, 0, -1)
    after = times[-1] + (times[-1] - times[-2]) * np.arange(1, half + 1)
    return np.convolve(np.concatenate([before, times, after]), window, mode="valid")


def sample_frames(motion: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Rows of [T, C] at fractional indices, by Catmull-Rom curves (straight lines would notch the speed)."""
    last = len(motion) - 1
    place = np.clip(place, 0, last)
    low = np.minimum(place.astype(int), max(last - 1, 0))
    t = (place - low)[:, None].astype(np.float32)
    p0, p1 = motion[np.maximum(low - 1, 0)], motion[low]
    p2, p3 = motion[np.minimum(low + 1, last)], motion[np.minimum(low + 2, last)]
    curve = p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))
    return curve.astype(np.float32)
