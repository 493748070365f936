"""Synthetic pairs: real gestures matched to real speech that was not recorded with them.

Hands move fastest a little before the voice is loudest, a few strokes come with the strongest accents and most accents
have none, louder and higher passages have livelier gestures, and people hold or rest in pauses. Pairs are made of
stretches of real clips that move so by themselves, as long as the clips allow; few strokes are moved in time, within
0.8 to 1.25 of the recorded speed, and the speech stays as it is. The procedure is a decision of ours (docs/design.md).
Every figure measured on its output says "synthetic pairs".
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from ..core.series import runs
from ..core.timing import FPS
from ..motion.codec import Codec
from ..motion.phases import hand_speed, strokes, wrists_in_chest
from ..sampling.rhythm import sample_frames, smooth_times
from ..speech.features import accents, pauses, prominent_accents
from ..speech.layout import LAYOUT, SILENCE
from .clips import GestureClip
from .frames import Frames
from .joins import Piece, joined

# Phrases, and where calm motion is put between them.
PAUSE = 0.35  # seconds: longer silence ends a phrase
LONGEST_PHRASE = 5.0  # seconds: longer phrases are cut at their weakest accent gap
SHORTEST_PHRASE = 0.3  # seconds: shorter stretches between pauses are no phrase
PHRASE_EDGE = 1.2  # seconds from either end of a phrase within which it is not cut
PHRASE_CUT = 0.8  # share of the longest phrase at which one without accents is cut
REST_PAUSE = 0.9  # seconds: a longer pause is filled with calm motion; gestures go on through shorter ones
BEFORE_SPEECH, AFTER_SPEECH = 0.3, 0.25  # seconds by which gestures begin before and end after the voice

# Coupling.
ENVELOPE_LEAD = 0.2  # seconds by which the hands' speed precedes the loudness
STROKE_LEAD = 0.1  # seconds by which the moments of strokes precede their accents
LOUDNESS_SMOOTHING = 0.4  # seconds over which loudness is smoothed
KEEP = 0.8  # share of the strokes with a prominent accent within reach that are brought to it
LOOSE = 0.1  # seconds: real strokes miss their accent, so ours do too (standard deviation)
STRETCH = (0.8, 1.25)  # allowed speed of the warped motion
CLOSEST_ANCHORS = 0.15  # seconds between strokes that are both brought to accents
FARTHEST_SHIFT = 0.35  # seconds by which a stroke is moved, at most
SMOOTHING = 7  # frames over which kinks of the time map are smoothed

# How lively a stretch shall be.
AROUSAL_SPAN = 3.0  # seconds of speech that say so
AROUSAL_MEAN, AROUSAL_SPREAD = -0.3, 0.3  # of the measure over such spans of read speech (deviations of the energy)
PITCH_WEIGHT = 0.15  # of pitch beside energy in it
AROUSAL_TIE = 0.7  # correlation of arousal and liveliness; the rest is chance

# Choice of a stretch.
GRID = 6  # frames between the places at which a stretch may begin
STEP = 3  # frames between the values of an envelope
LONGEST_LOOK = 80  # of those values are compared
TRIES = 200  # stretches that are compared
BEST = 5  # among so many of them chance decides
SHORTEST_STRETCH = 0.8  # seconds
ENVELOPE_WORTH = 0.7  # of a correlation of 1
LIVELY_COST = 1.0  # of a difference of ranks of 1
REPEAT_COST = 0.35  # for each earlier use of the clip
JOIN_COST = 2.0  # a metre between the poses where one stretch ends and the next one begins
LENGTH_WORTH, LONG = 0.7, 4.0  # of a stretch of so many seconds
EARLIER_ENDS = (0, 4, 8, 12, 16, 20, 24)  # frames by which a stretch may end before it has to, for a better join
BODY_WEIGHT = 0.1  # metres that count as much as a difference of 1 in the rotations (6D) of the body
VELOCITY_WEIGHT = 0.12  # seconds: metres that count as much as a metre a second

# Rests.
CALM = 0.08  # metres a second, mean of both hands: a stretch that goes on so calmly serves as the rest
HEIGHT_WEIGHT = 0.4  # (m/s) / m: how much high hands count against calm in the choice of rests
FEWEST_RESTS = 4
MIRRORED = 0.1  # share of pairs in the mirror: more variety, but people have a better hand
NULL_SHIFTS = 8  # random placements of the strokes for the distance by chance


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
    sources: tuple[str, ...]  # clips that the motion was taken from; "~" says that it is their mirror image
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


def _part(frames: np.ndarray | Frames, start: int, end: int) -> np.ndarray | Frames:
    return frames.cut(start, end) if isinstance(frames, Frames) else frames[start:end]


def _at(motion: np.ndarray | Frames, places: np.ndarray) -> np.ndarray:
    """Frames at fractional places, as ``sample_frames``; those about them alone are read."""
    places = np.clip(places, 0, len(motion) - 1)
    first = max(int(places.min()) - 1, 0)
    return sample_frames(motion[first : int(places.max()) + 3], places - first)


def phrases(features: np.ndarray) -> list[tuple[float, float]]:
    """Start and end [s] of stretches of speech between pauses, none longer than five seconds."""
    spans = _spoken(features, PAUSE)
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


def _spoken(features: np.ndarray, longest_pause: float) -> list[tuple[float, float]]:
    """Start and end [s] of what lies between pauses longer than that."""
    end = len(features) / FPS
    spans, at = [], 0.0
    for start, stop in pauses(features):
        if stop - start < longest_pause:
            continue
        if start - at > SHORTEST_PHRASE:
            spans.append((at, start))
        at = stop
    if end - at > SHORTEST_PHRASE:
        spans.append((at, end))
    return spans


def _widest_gap(times: np.ndarray) -> float:
    gaps = np.diff(times)
    k = int(gaps.argmax())
    return float((times[k] + times[k + 1]) / 2)


class _Heard:
    """What of a speech decides about gestures."""

    def __init__(self, features: np.ndarray) -> None:
        self.frames = len(features)
        self.beats, self.prominent = accents(features)[0], prominent_accents(features)[0]
        self.speech = LAYOUT.get(features, "speech") > 0.5
        self.energy, self.pitch = LAYOUT.get(features, "energy"), LAYOUT.get(features, "pitch")
        width = round(LOUDNESS_SMOOTHING * FPS)
        window = np.hanning(width + 2)[1:-1]
        padded = np.pad(self.energy, (width // 2, width - 1 - width // 2), constant_values=SILENCE)
        self.loudness = np.convolve(padded, window / window.sum(), mode="valid")

    def envelope(self, first: int, count: int) -> np.ndarray:
        """Loudness [count] that belongs to hands from a frame on, a value every ``STEP`` frames."""
        places = first + round(ENVELOPE_LEAD * FPS) + STEP * np.arange(count)
        return np.where(places < self.frames, self.loudness[np.clip(places, 0, self.frames - 1)], SILENCE)

    def arousal(self, first: int, end: int) -> float:
        """How loud and high the voice is for itself, in standard deviations of what is usual."""
        part = slice(first, max(first + 1, min(end, first + round(AROUSAL_SPAN * FPS))))
        spoken = self.speech[part]
        if not spoken.any():
            return 0.0
        level = float(self.energy[part][spoken].mean()) + PITCH_WEIGHT * float(self.pitch[part][spoken].mean())
        return (level - AROUSAL_MEAN) / AROUSAL_SPREAD

    def plan(self, features: np.ndarray) -> list[tuple[int, int, bool]]:
        """First frame, end, and whether there is speech, of all that is to be filled, in order."""
        plan: list[tuple[int, int, bool]] = []
        at = 0
        for start, stop in _spoken(features, REST_PAUSE):
            first = max(at, round((start - BEFORE_SPEECH) * FPS))
            end = min(self.frames, round((stop + AFTER_SPEECH) * FPS))
            if first > at:
                plan.append((at, first, False))
            plan.append((first, end, True))
            at = end
        if at < self.frames:
            plan.append((at, self.frames, False))
        return plan


class _Places:
    """Where stretches may begin in a list of candidates, and what they are like from there on."""

    def __init__(self, items: list[Candidate], codec: Codec) -> None:
        self.items, self.codec = items, codec
        clips, starts, rooms, poses, paces, begins = [], [], [], [], [], []
        envelopes: list[np.ndarray] = []
        offset = 0
        for k, item in enumerate(items):
            speed = item.speed[:]
            first = np.arange(0, max(1, len(speed) - round(SHORTEST_STRETCH * FPS)), GRID)
            clips.append(np.full(len(first), k))
            starts.append(first)
            rooms.append(len(speed) - first)
            poses.append(self.poses(item, first, ahead=True))
            paces.append([speed[start : start + round(LONG * FPS)].mean() for start in first])
            smooth = np.convolve(np.pad(speed, STEP // 2, mode="edge"), np.full(STEP, 1 / STEP), mode="valid")[::STEP]
            begins.append(offset + first // STEP)
            envelopes.append(smooth)
            offset += len(smooth)
        self.clip, self.start, self.room = np.concatenate(clips), np.concatenate(starts), np.concatenate(rooms)
        self.pose, self.rank = np.concatenate(poses), _ranks(np.concatenate(paces))
        self._begin, self._envelope = np.concatenate(begins), np.concatenate(envelopes)

    def poses(self, item: Candidate, frames: np.ndarray, *, ahead: bool) -> np.ndarray:
        """[N, D] metres: pose and velocity at frames, so that the distance of two says how well they join."""
        low = max(0, int(frames.min()) - 2)
        high = int(frames.max()) + 3
        wrists, motion = item.wrists[low:high].reshape(-1, 6), item.motion[low:high]
        body = BODY_WEIGHT * motion[:, self.codec.slices["body"]]
        everything = np.concatenate([wrists, body], axis=1)
        here = np.clip(frames - low, 0, len(everything) - 1)
        other = np.clip(here + (2 if ahead else -2), 0, len(everything) - 1)
        span = np.maximum(np.abs(other - here), 1)[:, None] * (1 if ahead else -1) / FPS
        velocity = (everything[other] - everything[here]) / span
        return np.concatenate([everything[here], VELOCITY_WEIGHT * velocity], axis=1)

    def likeness(self, places: np.ndarray, lengths: np.ndarray, loudness: np.ndarray) -> np.ndarray:
        """[N]: correlation of the speed of stretches of so many frames with a loudness [K]."""
        index = self._begin[places][:, None] + np.arange(len(loudness))
        inside = np.arange(len(loudness)) * STEP < lengths[:, None]
        weight = inside / np.maximum(inside.sum(axis=1, keepdims=True), 1)
        speed = self._envelope[np.minimum(index, len(self._envelope) - 1)]
        speed = speed - (speed * weight).sum(axis=1, keepdims=True)
        loud = loudness - (loudness * weight).sum(axis=1, keepdims=True)
        spread = np.sqrt((speed**2 * weight).sum(axis=1) * (loud**2 * weight).sum(axis=1))
        likeness: np.ndarray = (speed * loud * weight).sum(axis=1) / (spread + 1e-6)
        return likeness


@dataclass
class _Placed(Piece):
    """A stretch of a candidate in a pair."""

    item: Candidate
    places: np.ndarray  # [T] frames of the candidate

    def cut(self, end: int) -> None:
        super().cut(end)
        self.places = self.places[: len(self.motion)]


class Matcher:
    """Matches the candidates of one speaker and one emotion to speech."""

    def __init__(self, pool: list[Candidate], rest: list[Candidate], codec: Codec) -> None:
        """``pool``: clips to gesture with; ``rest``: calm stretches of the same speaker, for pauses."""
        self.codec = codec
        self._moving, self._calm = _Places(pool, codec), _Places(rest, codec)

    def make(self, features: np.ndarray, rng: np.random.Generator) -> SyntheticPair:
        """Motion [T, C] for speech features [T, F]."""
        heard = _Heard(features)
        used = np.zeros(len(self._moving.items))
        pieces: list[_Placed] = []
        sources: list[str] = []
        for first, end, spoken in heard.plan(features):
            at = max(first, pieces[-1].end) if pieces else first
            while at < end:
                if spoken:
                    pieces.append(self._gesture(heard, at, end, pieces, used, rng))
                    sources.append(pieces[-1].item.id)
                elif not self._goes_on(pieces, at, end):
                    pieces.append(self._rest(at, end, pieces, rng))
                at = pieces[-1].end
        motion = self.codec.orthonormal(joined(list(pieces)))
        mirrored = bool(rng.random() < MIRRORED)
        distance, shuffled = _distances(pieces, heard.beats - STROKE_LEAD, phrases(features), rng)
        return SyntheticPair(
            np.ascontiguousarray(self.codec.mirror(motion)) if mirrored else motion,  # files hold rows
            tuple(source + "~" * mirrored for source in sources),
            distance,
            shuffled,
        )

    def _gesture(
        self, heard: _Heard, at: int, end: int, pieces: list[_Placed], used: np.ndarray, rng: np.random.Generator
    ) -> _Placed:
        """The stretch that goes on from frame ``at``, or a little earlier; the one before is cut there."""
        here = self._moving
        arousal = AROUSAL_TIE * heard.arousal(at, end) + np.sqrt(1 - AROUSAL_TIE**2) * rng.normal()
        wanted = NormalDist().cdf(float(arousal))
        tries = rng.choice(len(here.clip), size=min(TRIES, len(here.clip)), replace=False)
        common = -LIVELY_COST * np.abs(here.rank[tries] - wanted) - REPEAT_COST * used[here.clip[tries]]
        firsts = self._ends(pieces, at)
        scores = []
        for first in firsts:
            lengths = np.minimum(here.room[tries], end - first)
            loudness = heard.envelope(first, min(LONGEST_LOOK, -(-(end - first) // STEP)))
            enough = np.minimum(lengths / FPS / LONG, 1.0)
            score = common + ENVELOPE_WORTH * enough * here.likeness(tries, lengths, loudness) + LENGTH_WORTH * enough
            left = end - first - lengths
            score = score - LENGTH_WORTH * ((left > 0) & (left < SHORTEST_STRETCH * FPS))
            score = score - self._join_costs(here, tries, pieces, first)
            gets_on = (first == at) | (lengths >= at - first + SHORTEST_STRETCH * FPS / 2)
            scores.append(np.where(gets_on, score, -np.inf))
        table = np.array(scores)
        best = np.argsort(-table.max(axis=0), kind="stable")[:BEST]
        choice = int(best[int(rng.integers(len(best)))])
        first, place = firsts[int(table[:, choice].argmax())], int(tries[choice])
        if pieces:
            pieces[-1].cut(first)
        used[here.clip[place]] += 1
        return self._laid(here.items[here.clip[place]], int(here.start[place]), first, end, heard, rng)

    def _ends(self, pieces: list[_Placed], at: int) -> list[int]:
        """Frames at which the last piece may end."""
        if not pieces:
            return [at]
        shortest = min(len(pieces[-1].motion), round(SHORTEST_STRETCH * FPS))
        return [at - back for back in EARLIER_ENDS if len(pieces[-1].motion) - back >= shortest]

    def _join_costs(self, here: _Places, tries: np.ndarray, pieces: list[_Placed], first: int) -> np.ndarray | float:
        """[N]: how badly the places join on what is before a frame."""
        if not pieces:
            return 0.0
        last = pieces[-1]
        frame = np.array([min(round(float(last.places[first - 1 - last.first])) + 1, len(last.item.motion) - 1)])
        costs: np.ndarray = JOIN_COST * np.linalg.norm(
            here.pose[tries] - here.poses(last.item, frame, ahead=False), axis=1
        )
        return costs

    def _laid(
        self, item: Candidate, start: int, first: int, end: int, heard: _Heard, rng: np.random.Generator
    ) -> _Placed:
        """A candidate from frame ``start`` on as it was recorded, with some strokes brought to prominent accents."""
        times = np.arange(first, end) / FPS
        began, offset = first / FPS, start / FPS
        beats = heard.prominent - STROKE_LEAD
        anchors = [(began, offset)]
        for source in item.stroke_times:
            where = anchors[-1][0] + source - anchors[-1][1]
            if source <= offset or where > times[-1] or not len(beats):
                continue
            beat = beats[np.abs(beats - where).argmin()] + rng.normal(0, LOOSE)
            before = anchors[-1]
            if rng.random() > KEEP or beat - before[0] < CLOSEST_ANCHORS or abs(beat - where) > FARTHEST_SHIFT:
                continue
            if STRETCH[0] <= (source - before[1]) / (beat - before[0]) <= STRETCH[1]:
                anchors.append((float(beat), float(source)))
        knots = np.array(anchors)
        mapped = np.interp(times, knots[:, 0], knots[:, 1])
        mapped = np.where(times > knots[-1, 0], knots[-1, 1] + times - knots[-1, 0], mapped)
        # Kinks of the time map would be seen as jerks: smooth it over a fifth of a second.
        places = smooth_times(mapped, SMOOTHING) * FPS if len(anchors) > 1 else mapped * FPS
        places = places[: max(1, int((places <= len(item.motion) - 1 + 1e-6).sum()))]
        return _Placed(first, _at(item.motion, places), item, places)

    def _goes_on(self, pieces: list[_Placed], at: int, end: int) -> bool:
        """Whether the last piece is calm to the end of a pause, or to near it; then it goes on."""
        if not pieces:
            return False
        last = pieces[-1]
        start = round(float(last.places[-1])) + 1
        speed = last.item.speed[start : start + end - at]
        count = len(speed) if not (speed >= CALM).any() else int((speed >= CALM).argmax())
        if count < min(end - at, round(SHORTEST_STRETCH * FPS)):
            return False
        places = last.places[-1] + 1 + np.arange(count)
        places = places[places <= len(last.item.motion) - 1]
        if not len(places):
            return False
        last.motion = np.concatenate([last.motion, _at(last.item.motion, places)])
        last.places = np.concatenate([last.places, places])
        return True

    def _rest(self, at: int, end: int, pieces: list[_Placed], rng: np.random.Generator) -> _Placed:
        """Calm real motion from frame ``at``, or a little earlier, on; there and back if none is long enough."""
        here = self._calm
        firsts = self._ends(pieces, at)
        everywhere = np.arange(len(here.clip))
        long = here.room >= end - firsts[-1]
        if not long.any():
            long = here.room >= np.percentile(here.room, 75)
        table = np.array(
            [np.where(long, self._join_costs(here, everywhere, pieces, first), np.inf) for first in firsts]
        )
        table = table + rng.uniform(0, 1e-6, table.shape)
        best = np.argsort(table.min(axis=0), kind="stable")[: min(BEST, int(long.sum()))]
        place = int(best[int(rng.integers(len(best)))])
        first = firsts[int(table[:, place].argmin())]
        if pieces:
            pieces[-1].cut(first)
        item, start = here.items[here.clip[place]], int(here.start[place])
        period = max(1, 2 * (len(item.motion) - 1))
        walk = (start + np.arange(end - first, dtype=np.float64)) % period
        places = np.where(walk > period / 2, period - walk, walk)
        return _Placed(first, _at(item.motion, places), item, places)


def _distances(
    pieces: list[_Placed], beats: np.ndarray, spans: list[tuple[float, float]], rng: np.random.Generator
) -> tuple[float, float]:
    """Mean distance [s] from a stroke within phrases to the nearest accent, and the same by chance."""
    found: list[float] = []
    for piece in pieces:
        times = (piece.first + np.arange(len(piece.places))) / FPS
        if len(piece.places) > 1 and piece.places[-1] > piece.places[0]:
            found += np.interp(piece.item.stroke_times * FPS, piece.places, times, left=-1, right=-1).tolist()
    moments = np.array(found)
    near: list[np.ndarray] = []
    chance: list[np.ndarray] = []
    for start, end in spans if len(beats) else ():
        inside = moments[(moments >= start) & (moments <= end)]
        near.append(inside)
        chance.append(rng.uniform(start, end, NULL_SHIFTS * len(inside)))
    if not sum(len(inside) for inside in near):
        return float("nan"), float("nan")
    distance, shuffled = (
        float(np.abs(np.concatenate(rows)[:, None] - beats[None]).min(axis=1).mean()) for rows in (near, chance)
    )
    return distance, shuffled


def calm_stretches(pool: list[Candidate], *, seconds: float = 0.8, share: float = 0.15) -> list[Candidate]:
    """The calmest windows of a speaker's clips, joined where they overlap: what a pause is filled with."""
    length = int(seconds * FPS)
    hop = length // 2
    found: list[tuple[float, int, int]] = []
    for k, item in enumerate(pool):
        speed, wrists = item.speed[:], item.wrists[:]
        for start in range(0, len(item.motion) - length, hop):
            low = wrists[start : start + length, :, 1].mean()
            found.append((float(speed[start : start + length].max()) + HEIGHT_WEIGHT * float(low), k, start))
    found.sort(key=lambda entry: entry[0])
    calm = [np.zeros(len(item.motion), dtype=bool) for item in pool]
    for _, k, start in found[: max(FEWEST_RESTS, int(len(found) * share))]:
        calm[k][start : start + length] = True
    return [
        Candidate(
            item.id,
            _part(item.motion, start, end),
            _part(item.wrists, start, end),
            _part(item.speed, start, end),
            np.zeros(0),
            np.zeros(0),
        )
        for item, mask in zip(pool, calm, strict=True)
        for start, end in runs(mask)
    ]


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 0 to 1 (a single value is 0.5)."""
    if len(values) < 2:
        return np.full(len(values), 0.5)
    return np.argsort(np.argsort(values)) / (len(values) - 1)
