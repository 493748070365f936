"""Second-level segments: where a recording is cut, so that no stroke of the hands is cut in half.

ExGes, section "Gesture library construction": speech and motion are cut together by words and prosody, and
segments are bounded in length [P]. The numbers and the way the cuts are found are decisions of ours [D]:
a break of speech is a word with punctuation or a pause over 0.3 s; it is moved to the nearest valley of
hand speed within 0.3 s; of all ways to cut into 1 to 4 s the cheapest one is taken, which keeps the
breaks that can be kept and cuts elsewhere only where a stretch is too long.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ..core.timing import FPS, seconds_to_frame
from ..motion.phases import STILL_SPEED, STROKE_SPEED
from ..speech.features import pauses
from ..speech.layout import LAYOUT, SILENCE
from ..speech.speech import Word

SHORTEST, LONGEST = 1.0, 4.0  # seconds of a segment
PAUSE = 0.3  # seconds between two words that make a break
MAX_BREAK_SHIFT = 0.3  # seconds by which a break is moved at most
LONG_PAUSE = 1.5  # seconds: a longer pause has two cuts, one at either end
AROUND = 30  # frames on either side of a minimum in which a faster movement is looked for
MARGIN = 0.25  # seconds of a long pause that stay with the speech
AIM = 2.0  # seconds that a segment is to have where nothing else decides

# What a cut costs. Only differences count; each of the first two stands above all sums of what follows.
_NO_MINIMUM = 1e8
_NO_VALLEY = 1e4
_UNASKED = 4.0  # in a valley, where speech goes on
_BREAK = -3.0
_LENGTH = 0.25  # a second squared, off AIM
_FASTEST = 2.0  # stroke speeds from which a hand is as bad as any faster one

_PUNCTUATION = tuple(".,;:!?…。、，！？；")
_CLOSING = "\"'”’»)]"

Break = tuple[float, float]  # seconds at which the words before end and the words after begin


def word_breaks(words: Sequence[Word], seconds: float) -> list[Break]:
    """Breaks between the words of a recording: after punctuation, and silences over 0.3 s.

    >>> word_breaks([Word("Well,", 0.1, 0.4), Word("no", 0.4, 0.6), Word("thanks.", 1.0, 1.5)], 2.0)
    [(0.4, 0.4), (0.6, 1.0), (1.5, 2.0)]
    """
    ends = [("", 0.0), *((word.text, word.end) for word in words)]
    begins = [*(word.start for word in words), seconds]
    return [
        (end, max(end, start))
        for (text, end), start in zip(ends, begins, strict=True)
        if start - end > PAUSE or (start < seconds and text.rstrip(_CLOSING).endswith(_PUNCTUATION))
    ]


def speech_breaks(features: np.ndarray, words: Sequence[Word] | None = None) -> list[Break]:
    """Breaks of a recording: between its words, or its pauses if no words are known.

    Args:
        features: speech features [T, 48].
        words: of the transcript, in order; None or none at all means the pauses.
    """
    return word_breaks(words, len(features) / FPS) if words else pauses(features)


def loudness(features: np.ndarray) -> np.ndarray:
    """[T] how loud speech [T, 48] is, in the place of hand speed where there is no motion.

    0 in silence, ``STROKE_SPEED`` at the usual level, smoothed over five frames.
    """
    level = (LAYOUT.get(features, "energy").astype(np.float64) - SILENCE) / -SILENCE * STROKE_SPEED
    window = np.hanning(7)[1:-1]
    smooth = np.convolve(np.pad(np.maximum(level, 0.0), 2, mode="edge"), window / window.sum(), mode="valid")
    return smooth[: len(level)]


def minima(activity: np.ndarray) -> np.ndarray:
    """[T] bool: is a frame no faster than the two beside it? Ends are none."""
    result = np.zeros(len(activity), dtype=bool)
    if len(activity) > 2:
        middle = activity[1:-1]
        result[1:-1] = (middle <= activity[:-2]) & (middle <= activity[2:])
    return result


def valleys(activity: np.ndarray) -> np.ndarray:
    """[T] bool: minima between two movements, and not a dip within one stroke.

    The hand is still there, or on both sides it gets half as fast again before it gets slower, which is
    how far a stroke stands out (``motion.phases.strokes``).
    """
    result = minima(activity)
    for frame in np.flatnonzero(result & (activity >= STILL_SPEED)):
        for side in (activity[max(0, frame - AROUND) : frame][::-1], activity[frame + 1 : frame + 1 + AROUND]):
            slower = np.flatnonzero(side < activity[frame])
            top = side[: slower[0] if len(slower) else None].max(initial=0.0)
            result[frame] &= activity[frame] <= top * 2 / 3
    return result


def segments(activity: np.ndarray, breaks: Sequence[Break] | None = None) -> list[tuple[int, int]]:
    """Cut a recording: frames (first, last + 1) of segments that cover it in order without overlap.

    Every segment lasts 1 to 4 s, unless the whole recording is shorter. Cuts are ``valleys`` of activity;
    if 1 to 4 s do not allow it, as few as possible are other minima; and as few as possible no minima.

    Args:
        activity: [T] metres a second at 30 fps, the faster hand's speed (``motion.phases.hand_speed``), or
            ``loudness`` where there is only speech.
        breaks: where speech breaks, seconds; None if there is no speech, and the minima alone decide.
    """
    frames = len(activity)
    shortest, longest = round(SHORTEST * FPS), round(LONGEST * FPS)
    if frames < 2 * shortest:
        return [(0, frames)] if frames else []
    cost = _costs(activity, breaks)
    lengths = np.arange(longest + 1) / FPS
    length_cost = _LENGTH * (lengths - AIM) ** 2
    # best[t]: the least cost of all ways to cut what comes before frame t.
    best = np.full(frames + 1, np.inf)
    before = np.zeros(frames + 1, dtype=np.int64)
    best[0] = 0.0
    for end in range(shortest, frames + 1):
        first = max(0, end - longest)
        total = best[first : end - shortest + 1] + length_cost[end - first : shortest - 1 : -1]
        choice = int(total.argmin())
        before[end] = first + choice
        best[end] = total[choice] + (cost[end] if end < frames else 0.0)
    bounds = [frames]
    while bounds[-1] > 0:
        bounds.append(int(before[bounds[-1]]))
    return list(pairwise(bounds[::-1]))


def _costs(activity: np.ndarray, breaks: Sequence[Break] | None) -> np.ndarray:
    """[T] what a cut before each frame costs."""
    low, between = minima(activity), valleys(activity)
    base = 0.0 if breaks is None else _UNASKED
    speed = np.minimum(activity / STROKE_SPEED, _FASTEST)
    cost: np.ndarray = np.select([between, low], [base, base + _NO_VALLEY], base + _NO_MINIMUM) + speed
    places = np.flatnonzero(between)
    for time in _break_times(breaks or (), len(activity) / FPS):
        frame = seconds_to_frame(time)
        near = places[np.abs(places - frame) <= round(MAX_BREAK_SHIFT * FPS)]
        if len(near):
            moved = near[np.abs(near - frame).argmin()]
            cost[moved] = _BREAK + speed[moved]
    return cost


def _break_times(breaks: Sequence[Break], seconds: float) -> list[float]:
    """Times of the cuts that breaks ask for: the middle, and of long ones both ends."""
    times: list[float] = []
    for start, end in breaks:
        if end - start < LONG_PAUSE:
            times.append((start + end) / 2)
        else:
            times += [start + MARGIN, end - MARGIN]
    return [time for time in times if 0.0 < time < seconds]
