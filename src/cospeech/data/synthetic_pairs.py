"""Synthetic pairs: real gestures matched to real speech that was not recorded with them.

People place the stroke on or just before the accented syllable, move larger and faster when they speak louder and
higher, and hold or rest in pauses. Pairs match that rhythm phrase by phrase. Only the motion is warped in time,
within 0.8 to 1.25 of its speed; the speech stays as it is. The procedure is a decision of ours (docs/design.md).
Every figure measured on its output says "synthetic pairs".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..core.series import minimum_jerk
from ..core.timing import FPS
from ..motion.codec import Codec
from ..motion.phases import hand_speed, strokes, wrists_in_chest
from ..sampling.rhythm import LEAD, sample_frames, smooth_times
from ..speech.features import accents, pauses
from ..speech.layout import LAYOUT
from .clips import GestureClip
from .frames import Frames

STRETCH = (0.8, 1.25)  # allowed speed of the warped motion
PAUSE = 0.35  # seconds: longer silence ends a phrase
LONGEST_PHRASE = 5.0  # seconds: longer phrases are cut at their weakest accent gap
LOOSE = 0.05  # seconds: real strokes miss their accent, so ours do too (standard deviation)
KEEP = 0.85  # share of strokes that are brought to their accent at all
BLEND = 0.45  # seconds of cross-fade between two segments
REST_PAUSE = 0.5  # seconds: a longer pause gets a hold or a rest
SHORTEST_PHRASE = 0.3  # seconds: shorter stretches between pauses are no phrase
PHRASE_EDGE = 1.2  # seconds from either end of a phrase within which it is not cut
PHRASE_CUT = 0.8  # share of the longest phrase at which one without accents is cut
NEAR_PHRASE = 0.2  # seconds outside of a phrase in which accents still count for it
NULL_SHIFTS = 8  # random placements of the strokes for the distance by chance

# Choice of a window for a phrase.
RATES = (0.87, 1.0, 1.15)  # speeds at which it may be played
TRIES = 200  # windows that are compared
BEST = 4  # among so many of them chance decides
SLACK = 0.6  # seconds by which a window may be too short
RANK_COST = 0.5  # for a window that is less lively than the phrase, or more
REPEAT_COST = 0.35  # for each earlier use of the clip
JUMP_COST = 0.8  # a metre between the wrists where the last window ends and this one begins
NEAR_ACCENT = 0.12  # seconds: deviation of the bell curve that says how well a stroke meets an accent
STROKE_SHARE, ACCENT_SHARE = 0.6, 0.4  # of the fit: strokes that meet an accent, accents that meet a stroke

# Time map of a window.
CLOSEST_ANCHORS = 0.15  # seconds between strokes that are both brought to accents
FARTHEST_SHIFT = 0.3  # seconds by which a stroke is moved, at most
SMOOTHING = 7  # frames over which kinks of the time map are smoothed

# Rests.
REST_RATE = 0.9  # speed at which calm motion is played
HEIGHT_WEIGHT = 0.4  # (m/s) / m: how much high hands count against calm in the choice of rests
FEWEST_RESTS = 4
PITCH_WEIGHT = 0.5  # of pitch beside energy in how aroused a phrase is


@dataclass(frozen=True)
class Candidate:
    """One real clip, ready to be matched; its frames are arrays, or are read from a file when they are needed."""

    id: str
    motion: np.ndarray | Frames  # [T, C] encoded
    wrists: np.ndarray | Frames  # [T, 2, 3] metres, in the chest's frame
    speed: np.ndarray | Frames  # [T] metres a second, mean of both hands
    stroke_times: np.ndarray  # [S] seconds
    stroke_strengths: np.ndarray  # [S]


@dataclass(frozen=True)
class SyntheticPair:
    """Motion matched to one speech."""

    motion: np.ndarray  # [T, C]
    sources: tuple[str, ...]  # clips that the motion was taken from
    distance: float  # mean distance from a stroke to the nearest accent, seconds
    shuffled: float  # the same after shifting the strokes at random within the phrase (the null)


def candidate(clip: GestureClip, codec: Codec, *, motion: np.ndarray | None = None) -> Candidate:
    """Prepare a clip for matching; ``motion``: its encoded motion, if that is known."""
    assert clip.motion is not None
    found = strokes(clip.motion)
    return Candidate(
        clip.id,
        codec.encode(clip.motion) if motion is None else motion,
        wrists_in_chest(clip.motion),
        hand_speed(clip.motion).mean(axis=1),
        np.array([stroke.time for stroke in found]),
        np.array([stroke.strength for stroke in found]),
    )


def mirrored(item: Candidate, codec: Codec) -> Candidate:
    """The mirror image of a candidate."""
    return Candidate(
        item.id + "~",
        _of_frames(item.motion, codec.mirror),
        _of_frames(item.wrists, _swapped),
        item.speed,
        item.stroke_times,
        item.stroke_strengths,
    )


def _swapped(wrists: np.ndarray) -> np.ndarray:
    """Both wrists [T, 2, 3] in a mirror."""
    swapped: np.ndarray = wrists[:, ::-1] * np.array([-1.0, 1.0, 1.0])
    return swapped


def _of_frames(frames: np.ndarray | Frames, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray | Frames:
    return frames.map(function) if isinstance(frames, Frames) else function(frames)


def _part(frames: np.ndarray | Frames, start: int, end: int) -> np.ndarray | Frames:
    return frames.cut(start, end) if isinstance(frames, Frames) else frames[start:end]


def _at(motion: np.ndarray | Frames, places: np.ndarray) -> np.ndarray:
    """Frames at fractional places, as ``sample_frames``; those about them alone are read."""
    places = np.clip(places, 0, len(motion) - 1)
    first = max(int(places.min()) - 1, 0)
    return sample_frames(motion[first : int(places.max()) + 3], places - first)


def phrases(features: np.ndarray) -> list[tuple[float, float]]:
    """Start and end [s] of stretches of speech between pauses, none longer than five seconds."""
    end = len(features) / FPS
    spans, at = [], 0.0
    for start, stop in pauses(features):
        if stop - start < PAUSE:
            continue
        if start - at > SHORTEST_PHRASE:
            spans.append((at, start))
        at = stop
    if end - at > SHORTEST_PHRASE:
        spans.append((at, end))
    times, _ = accents(features)
    result = []
    while spans:
        start, stop = spans.pop(0)
        if stop - start <= LONGEST_PHRASE:
            result.append((start, stop))
            continue
        inside = times[(times > start + PHRASE_EDGE) & (times < stop - PHRASE_EDGE)]
        inside = inside[inside < start + LONGEST_PHRASE]
        cut = start + LONGEST_PHRASE * PHRASE_CUT if len(inside) < 2 else _widest_gap(inside)
        result.append((start, cut))
        spans.insert(0, (cut, stop))
    return result


def _widest_gap(times: np.ndarray) -> float:
    gaps = np.diff(times)
    k = int(gaps.argmax())
    return float((times[k] + times[k + 1]) / 2)


class Matcher:
    """Matches the candidates of one speaker and one emotion to speech."""

    def __init__(self, pool: list[Candidate], rest: list[Candidate], codec: Codec) -> None:
        """``pool``: clips to gesture with; ``rest``: calm stretches of the same speaker, for pauses."""
        self.pool, self.rest, self.codec = pool, rest, codec
        self._clip, self._start, self._room, pace, here = (np.concatenate(rows) for rows in _windows(pool))
        self._rank, self._here = _ranks(pace), here

    def make(self, features: np.ndarray, rng: np.random.Generator) -> SyntheticPair:
        """Motion [T, C] for speech features [T, F]."""
        frames = len(features)
        times, strengths = accents(features)
        spans = phrases(features)
        arousal = _ranks(np.array([_arousal(features, span) for span in spans]))
        used = np.zeros(len(self.pool))
        segments: list[tuple[int, np.ndarray]] = []  # (first frame, encoded motion with context)
        sources: list[str] = []
        distances: list[float] = []
        nulls: list[float] = []
        previous: np.ndarray | None = None
        for span, wanted in zip(spans, arousal, strict=True):
            inside = (times >= span[0] - NEAR_PHRASE) & (times <= span[1] + NEAR_PHRASE)
            beats, weights = times[inside] - LEAD, strengths[inside]
            choice, rate = self._choose(span, beats, weights, wanted, used, previous, rng)
            item, offset = self.pool[self._clip[choice]], self._start[choice]
            used[self._clip[choice]] += 1
            piece, first, moved = self._lay(item, offset, rate, span, beats, frames, rng)
            segments.append((first, piece))
            sources.append(item.id)
            last = min(len(item.motion) - 1, int((offset + (span[1] - span[0]) * rate) * FPS))
            previous = item.wrists[last]
            if len(beats) and len(moved):
                distances += [float(np.abs(beats - t).min()) for t in moved]
                loose = rng.uniform(span[0], span[1], (NULL_SHIFTS, len(moved)))
                nulls += [float(np.abs(beats - t).min()) for t in loose.ravel()]
        motion = self._assemble(segments, frames, rng)
        return SyntheticPair(
            motion,
            tuple(sources),
            float(np.mean(distances)) if distances else float("nan"),
            float(np.mean(nulls)) if nulls else float("nan"),
        )

    def _choose(
        self,
        span: tuple[float, float],
        beats: np.ndarray,
        weights: np.ndarray,
        wanted: float,
        used: np.ndarray,
        previous: np.ndarray | None,
        rng: np.random.Generator,
    ) -> tuple[int, float]:
        """The candidate window that fits a phrase, and the speed at which it is played."""
        length = span[1] - span[0]
        tries = rng.choice(len(self._clip), size=min(TRIES, len(self._clip)), replace=False)
        # Fitting alone would favour windows full of strokes. So chance says how many strokes there
        # shall be, as real windows of this length have them, and the fit chooses among those.
        counts = np.array([self._count(choice, length) for choice in tries])
        fitting = np.flatnonzero(self._room[tries] >= length * RATES[0] - SLACK)
        if len(fitting):
            wanted_count = counts[fitting[int(rng.integers(len(fitting)))]]
            tries = tries[fitting[counts[fitting] == wanted_count]]
        best: list[tuple[float, int, float]] = []
        for choice in tries:
            item = self.pool[self._clip[choice]]
            for rate in RATES:
                if self._room[choice] < length * rate - SLACK:
                    continue
                score = self._fit(item, self._start[choice], rate, span, beats, weights)
                score -= RANK_COST * abs(self._rank[choice] - wanted)
                score -= REPEAT_COST * used[self._clip[choice]]
                if previous is not None:
                    far = np.linalg.norm(self._here[choice] - previous, axis=-1)
                    score -= JUMP_COST * float(far.mean())
                best.append((score, int(choice), rate))
        if not best:  # no clip is long enough: the longest one, slowed down as far as allowed
            choice = int(self._room.argmax())
            return choice, max(STRETCH[0], min(1.0, float(self._room[choice]) / length))
        best.sort(reverse=True)
        top = best[:BEST]
        _, choice, rate = top[int(rng.integers(len(top)))]
        return choice, rate

    def _count(self, choice: int, length: float) -> int:
        """Strokes within ``length`` seconds from a start."""
        times, start = self.pool[self._clip[choice]].stroke_times, self._start[choice]
        return int(((times >= start) & (times <= start + length)).sum())

    def _fit(
        self,
        item: Candidate,
        offset: float,
        rate: float,
        span: tuple[float, float],
        beats: np.ndarray,
        weights: np.ndarray,
    ) -> float:
        """How well strokes meet accents, both ways, 0 to 1."""
        moved = span[0] + (item.stroke_times - offset) / rate
        inside = (moved >= span[0]) & (moved <= span[1])
        moved, strong = moved[inside], item.stroke_strengths[inside]
        if not len(beats):
            return 1.0 if not len(moved) else 1.0 / (1 + len(moved))
        if not len(moved):
            return 0.0
        gap = np.abs(moved[:, None] - beats[None])
        near = np.exp(-0.5 * (gap / NEAR_ACCENT) ** 2)
        return float(
            STROKE_SHARE * (near.max(axis=1) * strong).sum() / strong.sum()
            + ACCENT_SHARE * (near.max(axis=0) * weights).sum() / weights.sum()
        )

    def _lay(
        self,
        item: Candidate,
        offset: float,
        rate: float,
        span: tuple[float, float],
        beats: np.ndarray,
        frames: int,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, int, np.ndarray]:
        """Warp a candidate so that strokes meet accents; with real context for the cross-fades.

        Returns: encoded motion, its first frame, and where the strokes are then (seconds).
        """
        source = item.stroke_times
        target = span[0] + (source - offset) / rate
        anchors = [(span[0], offset)]
        for where, origin in zip(target, source, strict=True):
            if not span[0] <= where <= span[1] or not len(beats):
                continue
            beat = beats[np.abs(beats - where).argmin()] + rng.normal(0, LOOSE)
            before = anchors[-1]
            if rng.random() > KEEP or beat - before[0] < CLOSEST_ANCHORS or abs(beat - where) > FARTHEST_SHIFT:
                continue
            slope = (origin - before[1]) / (beat - before[0])
            if STRETCH[0] <= slope <= STRETCH[1]:
                anchors.append((float(beat), float(origin)))
        first = max(0, int(np.ceil((span[0] - BLEND) * FPS)))
        last = min(frames, int((span[1] + BLEND) * FPS) + 1)
        at = np.arange(first, last) / FPS
        knots = np.array(anchors)
        mapped = np.interp(at, knots[:, 0], knots[:, 1])
        mapped = np.where(at < knots[0, 0], knots[0, 1] + (at - knots[0, 0]) * rate, mapped)
        mapped = np.where(at > knots[-1, 0], knots[-1, 1] + (at - knots[-1, 0]) * rate, mapped)
        # Kinks of the time map would be seen as jerks: smooth it over a fifth of a second.
        mapped = smooth_times(mapped, SMOOTHING)
        moved = np.interp(source, mapped, at, left=np.nan, right=np.nan)
        moved = moved[(moved >= span[0]) & (moved <= span[1])]
        return _at(item.motion, mapped * FPS), first, moved

    def _assemble(self, segments: list[tuple[int, np.ndarray]], frames: int, rng: np.random.Generator) -> np.ndarray:
        """Join segments; gaps between them are filled with a hold or a rest."""
        pieces = self._with_rests(segments, frames, rng)
        channels = pieces[0][1].shape[1]
        out = np.zeros((frames, channels), dtype=np.float32)
        filled = 0
        for first, piece in pieces:
            end = min(frames, first + len(piece))
            piece = piece[: end - first]
            if end <= filled:
                continue
            overlap = max(0, filled - first)
            if overlap:
                ramp = (np.arange(overlap) + 1) / (overlap + 1)
                weight = minimum_jerk(ramp)[:, None].astype(np.float32)
                out[first:filled] = out[first:filled] * (1 - weight) + piece[:overlap] * weight
            out[max(first, filled) : end] = piece[overlap:]
            filled = end
        return self.codec.orthonormal(out)

    def _with_rests(
        self, segments: list[tuple[int, np.ndarray]], frames: int, rng: np.random.Generator
    ) -> list[tuple[int, np.ndarray]]:
        margin = int(BLEND * FPS)
        pieces: list[tuple[int, np.ndarray]] = []
        covered = 0
        for first, piece in segments:
            gap = first - covered
            if gap > -margin // 2 and (gap + 2 * margin) / FPS > REST_PAUSE:
                self._rest(pieces, max(0, covered - margin), first + margin, rng)
            pieces.append((first, piece))
            covered = first + len(piece)
        if covered < frames:
            self._rest(pieces, max(0, covered - margin), frames, rng)
        if not pieces:
            self._rest(pieces, 0, frames, rng)
        return pieces

    def _rest(self, pieces: list[tuple[int, np.ndarray]], first: int, end: int, rng: np.random.Generator) -> None:
        """Append calm real motion from frame ``first`` to ``end``, there and back if it is too short."""
        length = end - first
        item = self.rest[int(rng.integers(len(self.rest)))]
        start = int(rng.integers(max(1, len(item.motion) - length)))
        walk = np.arange(length) * REST_RATE + start
        period = 2 * (len(item.motion) - 1)
        place = walk % period
        place = np.where(place > period / 2, period - place, place)
        pieces.append((first, _at(item.motion, place)))


def _windows(pool: list[Candidate]) -> list[list[np.ndarray]]:
    """Of every quarter of a second at which a candidate may begin, one array for each candidate: its index, the
    start and what is left of it in seconds, the mean speed from there on, the wrists [2, 3] there."""
    rows: list[list[np.ndarray]] = [[], [], [], [], []]
    for k, item in enumerate(pool):
        speed, wrists = item.speed[:], item.wrists[:]
        starts = np.array([start / FPS for start in range(0, max(1, len(item.motion) - FPS), FPS // 4)])
        first = [int(start * FPS) for start in starts]
        parts = (
            np.full(len(starts), k),
            starts,
            len(item.motion) / FPS - starts,
            np.array([speed[frame:].mean() for frame in first]),
            wrists[first],
        )
        for row, part in zip(rows, parts, strict=True):
            row.append(part)
    return rows


def calm_stretches(pool: list[Candidate], *, seconds: float = 0.8, share: float = 0.12) -> list[Candidate]:
    """The calmest windows of a speaker's clips: what a pause is filled with."""
    length = int(seconds * FPS)
    found: list[tuple[float, Candidate, int]] = []
    for item in pool:
        speed, wrists = item.speed[:], item.wrists[:]
        for start in range(0, len(item.motion) - length, length // 2):
            low = wrists[start : start + length, :, 1].mean()
            found.append((float(speed[start : start + length].max()) + HEIGHT_WEIGHT * float(low), item, start))
    found.sort(key=lambda entry: entry[0])
    kept = found[: max(FEWEST_RESTS, int(len(found) * share))]
    return [
        Candidate(
            item.id,
            _part(item.motion, start, start + length),
            _part(item.wrists, start, start + length),
            _part(item.speed, start, start + length),
            np.zeros(0),
            np.zeros(0),
        )
        for _, item, start in kept
    ]


def _arousal(features: np.ndarray, span: tuple[float, float]) -> float:
    part = features[int(span[0] * FPS) : max(int(span[0] * FPS) + 1, int(span[1] * FPS))]
    return float(part[:, LAYOUT["energy"]].mean() + PITCH_WEIGHT * np.abs(part[:, LAYOUT["pitch"]]).mean())


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 0 to 1 (a single value is 0.5)."""
    if len(values) < 2:
        return np.full(len(values), 0.5)
    return np.argsort(np.argsort(values)) / (len(values) - 1)
