"""Strokes brought to accents by a gentle warp of time.

A stroke comes on or just before the accented syllable. A generator that works in steps of a tenth of a
second places it roughly; here the motion is played a little faster or slower, within 0.75 to 1.33 of its
speed and never more than 0.25 s off, so that strokes meet the accents nearest to them. A decision of ours;
real coupling is looser (docs/design.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEAD = 0.1  # seconds by which a stroke's peak precedes its accent
STRETCH = (0.75, 1.33)  # allowed speed of the warped motion
MAX_STROKE_SHIFT = 0.25  # seconds: a stroke is moved no further
MOVED = 0.4  # of the worth of a match, lost at that distance
SPAN = 6.0  # seconds: how far back a match looks for the one before it


@dataclass(frozen=True)
class RhythmSettings:
    """What the sampling settings of every method have in common."""

    rhythm: bool = True  # bring strokes to accents


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
    anchors = _best_matches(strokes, accents - LEAD, end, keep)
    knots = np.array(anchors)
    mapped = np.interp(np.arange(frames) / fps, knots[:, 0], knots[:, 1])
    return smooth_times(mapped, 7)


def _best_matches(
    strokes: np.ndarray, targets: np.ndarray, end: float, keep: np.ndarray | None
) -> list[tuple[float, float]]:
    """(target, source) of the matched strokes, both ends included: the most matches, least moved.

    Dynamic programming over pairs of a stroke and an accent within reach; two pairs may follow one
    another if the speed between them is allowed.
    """
    nodes = _pairs_within_reach(strokes, targets, end, keep)
    best = [0.0] + [-np.inf] * (len(nodes) - 1)
    before = [-1] * len(nodes)
    for i in range(1, len(nodes)):
        target, source, worth = nodes[i]
        for j in range(i - 1, -1, -1):
            step, span = target - nodes[j][0], source - nodes[j][1]
            if span > SPAN and j > 0 and best[i] > -np.inf:
                break  # further back only skips matches
            allowed = step > 0.1 and span > 0 and STRETCH[0] <= span / step <= STRETCH[1]
            if allowed and best[j] + worth > best[i]:
                best[i], before[i] = best[j] + worth, j
    if before[-1] < 0:
        return [(0.0, 0.0), (end, end)]
    chain, i = [], len(nodes) - 1
    while i >= 0:
        chain.append(nodes[i][:2])
        i = before[i]
    return chain[::-1]


def _pairs_within_reach(
    strokes: np.ndarray, targets: np.ndarray, end: float, keep: np.ndarray | None
) -> list[tuple[float, float, float]]:
    """(target, source, worth) of strokes and accents that may be matched, by time, and of both ends."""
    nodes = [
        (float(target), float(source), 1.0 - MOVED * abs(target - source) / MAX_STROKE_SHIFT)
        for source in (strokes if keep is None else strokes[np.asarray(keep, dtype=bool)])
        for target in targets[np.abs(targets - source) <= MAX_STROKE_SHIFT]
        if 0 < target < end
    ]
    nodes.sort(key=lambda node: (node[1], node[0]))
    return [(0.0, 0.0, 0.0), *nodes, (end, end, 0.0)]


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
    rows: np.ndarray = curve.astype(np.float32)
    return rows
