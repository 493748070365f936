"""Gaze: where a speaker looks, and how the eyes get there.

Speakers look away where a thought begins and back where it ends (Kendon 1967, "Some functions of gaze-direction in
social interaction"). The shares are those of Cassell, Torres and Prevost 1999 ("Turn taking vs. discourse structure"):
away at a beginning in .7, back at an end in .73, always where the turn ends. In between people look at each other for
some 3 s and away for .9 s while they talk, and away less often while they are silent (Lee, Badler and Badler 2002,
"Eyes alive", section 4: times, directions and amplitudes). Ruhland et al. 2015 survey such models.

A saccade of A degrees takes 21 ms + 2.2 ms times A, along half a cosine, whose peak speed is that of the main sequence
(Carpenter 1988, "Movements of the eyes"; Bahill, Clark and Stark 1975). Between saccades the gaze holds its place in
the world while the head moves: the eyes turn against it (the vestibulo-ocular reflex), as far as they turn in a head
(Stahl 1999: within 20 to 25 degrees of the middle).

The head is given, so it does not follow the gaze: the gaze goes before the head. Who looks away does so to where the
head is going to turn, when it begins to, with a lead of 100 to 200 ms (Freedman and Sparks 1997; Pejsa et al. 2015).
That, and what the moods change, is a decision of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...core.series import runs
from ...core.timing import FPS
from ...speech.features import LAYOUT, pauses
from ..eyes import DOWN, SIDE, UP

AT_LISTENER = 5.0  # degrees from straight ahead within which a gaze meets the listener
LATENCY, PER_DEGREE = 0.021, 0.0022  # seconds of a saccade, and seconds a degree of it
LEAD = (0.1, 0.2)  # seconds by which the eyes go before the head
AWAY_AT_BEGINNING, BACK_AT_END = 0.7, 0.73  # Cassell, Torres and Prevost 1999
TURN = 0.8  # seconds of silence after which a thought begins; a shorter pause is a hesitation
_DWELL = {"talking": (3.1, 0.93), "silent": (4.5, 0.7)}  # mean seconds at the listener and away
_SPREAD = 2.0  # shape of the gamma distribution of these times
_SHARE = 0.66  # of the time at the listener, to which chance is steered
_AVERTED = 0.2  # less of it, for eyes that are cast down
_STEER = 0.12  # surplus of it that shortens the next look at the listener to 1/e
_THINKS = 0.35  # of hesitations, with eyes that search for a word
_LISTENER, _AWAY, _THINKING = 1, 2, 3
# "Eyes alive", table 1: shares of the directions of saccades, from the person's left by 45 degrees upwards.
_DIRECTIONS = np.array([15.54, 6.46, 17.69, 7.44, 16.80, 7.89, 20.38, 7.79])
_CAST_DOWN = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.3, 0.4, 0.3])
_NEAREST, _MEAN, _FURTHEST = 7.0, 5.0, 19.0  # degrees away from the listener: least, mean beyond it, most
_FACE = (1.2, 0.4)  # degrees, half the distance of the listener's eyes, and their height
_MOUTH = 2.2  # degrees below, where a listener's mouth is at 1.5 m
_LOWERED = 1.8  # degrees by which eyes that are cast down meet a listener lower
_FIXATION = (0.3, 0.9)  # seconds: least of a fixation, and mean beyond it
_TREMBLE = 0.25  # degrees of the saccades within a fixation
_TURNED = 4.0  # degrees from which a turn of the head is looked along
_NEAR_TURN = 1.5  # seconds by which a look away moves to a turn of the head
_STRAIN = 20.0  # degrees of the head from the listener beyond which the eyes go with it
_SOFT = 0.7  # share of the range of the eyes from which on they turn less and less


@dataclass(frozen=True)
class Fixation:
    """A place that is looked at, from a time on: degrees from the listener, yaw to the person's left, pitch down."""

    time: float  # seconds
    yaw: float
    pitch: float
    away: bool
    thinking: bool = False  # away in a hesitation


@dataclass(frozen=True)
class Saccade:
    """A movement of the gaze."""

    start: float  # seconds
    duration: float  # seconds
    amplitude: float  # degrees


@dataclass(frozen=True, eq=False)
class Gaze:
    """A gaze over time, 30 frames a second.

    Args:
        target: [T, 2] degrees, yaw and pitch from the listener, in the world.
        eyes: [T, 2] degrees, yaw to the person's left and pitch down, of both eyes in the head.
        saccades: all of them, in order.
        fixations: where they lead.
    """

    target: np.ndarray
    eyes: np.ndarray
    saccades: tuple[Saccade, ...]
    fixations: tuple[Fixation, ...]

    @property
    def thinking(self) -> np.ndarray:
        """[T] bool: looking away in a hesitation."""
        times = np.array([fixation.time for fixation in self.fixations])
        place = np.searchsorted(times, np.arange(len(self.eyes)) / FPS, side="right") - 1
        return np.array([fixation.thinking for fixation in self.fixations])[np.maximum(place, 0)]


def gaze(
    features: np.ndarray, rng: np.random.Generator, *, head: np.ndarray | None = None, downcast: float = 0.0
) -> Gaze:
    """Where a speaker looks.

    Args:
        features: of the speech, [T, 48].
        rng: decides what rules leave open.
        head: [T, 3, 3] of the head in axes whose z points to the listener; still if None.
        downcast: 0 to 1, how far someone looks away more, and down: shame, sadness.

    Returns:
        The gaze, T frames.
    """
    frames = len(features)
    turns = np.tile(np.eye(3), (frames, 1, 1)) if head is None else np.asarray(head, np.float64)
    plan = _Plan(features, rng, _angles(turns[:, :, 2]), downcast)
    fixations = plan.fixations()
    target, saccades = _moved(fixations, np.arange(frames) / FPS)
    return Gaze(target, _in_head(target, turns), saccades, fixations)


def saccade_seconds(amplitude: float) -> float:
    """Duration of a saccade, by the main sequence."""
    return LATENCY + PER_DEGREE * amplitude


def sampled(fixations: tuple[Fixation, ...], times: np.ndarray) -> np.ndarray:
    """[N, 2] degrees of the gaze at times [N] in seconds, rising, at any rate."""
    return _moved(fixations, times)[0]


def directions(angles: np.ndarray) -> np.ndarray:
    """Unit vectors [..., 3] of yaw and pitch [..., 2] in degrees; zero looks along z."""
    yaw, pitch = np.moveaxis(np.radians(angles), -1, 0)
    vectors: np.ndarray = np.stack([np.sin(yaw) * np.cos(pitch), -np.sin(pitch), np.cos(yaw) * np.cos(pitch)], -1)
    return vectors


def _angles(vectors: np.ndarray) -> np.ndarray:
    """Yaw and pitch [..., 2] in degrees of directions [..., 3]."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    angles: np.ndarray = np.degrees(np.stack([np.arctan2(x, z), -np.arctan2(y, np.hypot(x, z))], -1))
    return angles


def _moved(fixations: tuple[Fixation, ...], times: np.ndarray) -> tuple[np.ndarray, tuple[Saccade, ...]]:
    """The gaze [N, 2] at times [N], and the saccades that lead from fixation to fixation."""
    place = np.array([fixations[0].yaw, fixations[0].pitch])
    target = np.tile(place, (len(times), 1))
    saccades = []
    for fixation in fixations[1:]:
        goal = np.array([fixation.yaw, fixation.pitch])
        amplitude = float(np.hypot(*(goal - place)))
        duration = saccade_seconds(amplitude)
        first, last = np.searchsorted(times, (fixation.time, fixation.time + duration))
        way = 0.5 - 0.5 * np.cos(np.pi * (times[first:last] - fixation.time) / duration)
        target[first:last] = place + way[:, None] * (goal - place)
        target[last:] = goal
        saccades.append(Saccade(fixation.time, duration, amplitude))
        place = goal
    return target, tuple(saccades)


def _in_head(target: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """[T, 2] degrees of the eyes in a turned head [T, 3, 3] that look at a target [T, 2], as far as eyes turn."""
    local = _angles(np.einsum("tji,tj->ti", turns, directions(target)))
    yaw = _limited(local[:, 0], SIDE, SIDE)
    return np.stack([yaw, _limited(local[:, 1], UP, DOWN)], -1)


def _limited(angle: np.ndarray, negative: float, positive: float) -> np.ndarray:
    """Angles [T] that come near the end of a range, and never leave it."""
    limit = np.where(angle < 0, negative, positive)
    free = _SOFT * limit
    over = np.maximum(np.abs(angle) - free, 0.0)
    rest = limit - free
    eased: np.ndarray = np.sign(angle) * (np.minimum(np.abs(angle), free) + rest * np.tanh(over / rest))
    return eased


class _Plan:
    """Decides where to look and when."""

    def __init__(self, features: np.ndarray, rng: np.random.Generator, head: np.ndarray, downcast: float) -> None:
        self.rng, self.head, self.downcast = rng, head, downcast
        self.spoken = LAYOUT.get(features, "speech") >= 0.5
        self.pauses = pauses(features)
        self.onsets = _departures(head)
        self.share = _SHARE - _AVERTED * downcast

    def fixations(self) -> tuple[Fixation, ...]:
        """All of them, from the first frame on."""
        states = self._states()
        edges = [0, *(np.flatnonzero(np.diff(states)) + 1).tolist(), len(states)]
        found: list[Fixation] = []
        for first, last in pairwise(edges):
            start = (first - float(self.rng.random()) * (first > 0)) / FPS  # between two frames
            if states[first] == _LISTENER:
                found += self._at_listener(start, last / FPS)
            else:
                found += self._away(start, last / FPS, thinking=states[first] == _THINKING)
        found.sort(key=lambda fixation: fixation.time)
        return tuple(found) or (Fixation(0.0, 0.0, 0.0, away=False),)

    def _states(self) -> np.ndarray:
        """[T] what is looked at: what discourse and head ask for, chance where they ask for nothing."""
        asked = self._asked()
        states = np.full(len(asked), _LISTENER)
        state, until, seen = _LISTENER, 0, 0  # until which frame a state lasts that nothing asked for
        for frame, wanted in enumerate(asked.tolist()):
            if wanted:
                state, until = wanted, 0
            elif frame >= until:
                stays = until == 0 and state == _LISTENER
                state = _LISTENER if stays or state != _LISTENER else _AWAY
                until = frame + self._dwell(frame, state, seen / frame if frame > 3 * FPS else self.share)
            states[frame] = state
            seen += state == _LISTENER
        return states

    def _dwell(self, frame: int, state: int, share: float) -> int:
        """Frames for which a state lasts; shorter for one that has had more than its share of the time."""
        near = self.spoken[max(0, frame - FPS // 2) : frame + FPS // 2]
        mean = _DWELL["talking" if near.any() else "silent"][0 if state == _LISTENER else 1]
        surplus = (share - self.share) / _STEER * (1.0 if state == _LISTENER else -0.5)
        seconds = float(np.clip(self.rng.gamma(_SPREAD, mean * np.exp(-surplus) / _SPREAD), 0.4, 3.0 * mean))
        if state != _LISTENER:
            return round(seconds * FPS)
        end = frame + round(seconds * FPS)
        near_turns = self.onsets[np.abs(self.onsets - end) < _NEAR_TURN * FPS]
        if len(near_turns):  # looks away just before the head turns away, if it does so about then
            lead = round(float(self.rng.uniform(*LEAD)) * FPS)
            end = int(near_turns[np.abs(near_turns - end).argmin()]) - lead
        return max(end - frame, FPS // 3)

    def _asked(self) -> np.ndarray:
        """[T] what the head and, over that, the discourse ask for; 0 where they leave it open."""
        frames = len(self.spoken)
        asked = np.zeros(frames, np.int64)
        requests = []
        for first, stop in runs(np.hypot(*self.head.T) > _STRAIN, shortest=FPS // 3):
            requests.append((first / FPS - LEAD[1], (stop - first) / FPS, _AWAY))
        silences = self.pauses if self.pauses and self.pauses[0][0] == 0.0 else [(0.0, 0.0), *self.pauses]
        requests += [request for start, end in silences for request in self._around_pause(start, end)]
        if self.spoken[-FPS // 2 :].any():
            requests.append((frames / FPS - float(self.rng.uniform(0.5, 0.9)), 1.0, _LISTENER))
        for start, seconds, state in requests:
            asked[max(0, round(start * FPS)) : max(0, round((start + seconds) * FPS))] = state
        return asked

    def _around_pause(self, start: float, end: float) -> list[tuple[float, float, int]]:
        """What a pause asks for, as (seconds, for so long, state): at the end of what was said, and before the next."""
        rng, length = self.rng, end - start
        ends, thinks, begins = rng.random(3)
        last = end >= len(self.spoken) / FPS - 0.5
        hesitates = start > 0.0 and length < TURN and not last
        asked = []
        if hesitates and thinks < _THINKS:
            asked.append((start + 0.1, length + float(rng.uniform(0.0, 0.4)), _THINKING))
        elif start > 0.0 and (not hesitates or ends < BACK_AT_END):
            asked.append((start - float(rng.uniform(0.3, 0.6)), 0.9, _LISTENER))
        if not hesitates and not last and begins < AWAY_AT_BEGINNING:
            lead = min(end, float(rng.uniform(-0.2, 0.25)))
            asked.append((end - lead, float(np.clip(rng.gamma(4.0, 0.3), 0.5, 2.5)), _AWAY))
        return asked

    def _at_listener(self, start: float, end: float) -> list[Fixation]:
        """Fixations on eyes and mouth of the listener, with the small saccades within them."""
        found, now = [], start
        while now < end:
            eye = self.rng.random() < 0.75
            yaw = float(self.rng.choice([-1.0, 1.0])) * _FACE[0] if eye else 0.0
            pitch = (-_FACE[1] if eye else _MOUTH) + _LOWERED * self.downcast
            stop = min(now + _FIXATION[0] + float(self.rng.exponential(_FIXATION[1])), end)
            found += self._trembling(now, stop, yaw, pitch, away=False)
            now = stop
        return found

    def _away(self, start: float, end: float, *, thinking: bool) -> list[Fixation]:
        """A look away, to where the head turns; long ones wander."""
        found, now = [], start
        yaw, pitch = self._aside(start, end, thinking)
        while now < end:
            stop = min(now + 0.35 + float(self.rng.exponential(0.8)), end)
            stop = end if end - stop < 0.25 else stop
            found += self._trembling(now, stop, yaw, pitch, away=True, thinking=thinking)
            yaw, pitch = yaw + float(self.rng.normal(0.0, 1.5)), pitch + float(self.rng.normal(0.0, 1.0))
            now = stop
        return found

    def _aside(self, start: float, end: float, thinking: bool) -> tuple[float, float]:
        """Yaw and pitch of a look away."""
        rng = self.rng
        shares = _DIRECTIONS.copy()
        if thinking:  # up and aside, as people do who search for a word (Goodwin and Goodwin 1986)
            shares *= (1.0, 3.0, 1.5, 3.0, 1.0, 0.3, 0.2, 0.3)
        shares = shares / shares.sum() * (1.0 - self.downcast) + self.downcast * _CAST_DOWN
        angle = np.pi / 4 * (rng.choice(8, p=shares / shares.sum()) + rng.uniform(-0.4, 0.4))
        reach = min(_NEAREST + float(rng.exponential(_MEAN)), _FURTHEST)
        yaw, pitch = reach * float(np.cos(angle)), -0.8 * reach * float(np.sin(angle))
        first, last = (round(time * FPS) for time in (start + LEAD[0], max(end, start + 0.5)))
        head = self.head[first : last + 1]
        if len(head) and np.hypot(*head.mean(axis=0)) > _TURNED:
            ahead = head.mean(axis=0)
            further = 1.0 + float(rng.uniform(3.0, 8.0)) / float(np.hypot(*ahead))
            yaw, pitch = (float(x) for x in ahead * further)
        return yaw, pitch

    def _trembling(
        self, start: float, end: float, yaw: float, pitch: float, *, away: bool, thinking: bool = False
    ) -> list[Fixation]:
        """One fixation, with saccades of less than a degree within it (Martinez-Conde, Macknik and Hubel 2004)."""
        found, now = [], start
        while now < end:
            x, y = self.rng.normal(0.0, _TREMBLE, 2)
            found.append(Fixation(now, yaw + float(x), pitch + float(y), away, thinking))
            now += 0.4 + float(self.rng.exponential(0.6))
        return found


def _departures(head: np.ndarray) -> np.ndarray:
    """Frames [K] at which a head [T, 2] begins to turn away from the listener."""
    away = np.hypot(*head.T)
    soon = np.concatenate([away[FPS // 2 :], np.repeat(away[-1:], min(FPS // 2, len(away)))])[: len(away)]
    return np.array([first for first, _ in runs(soon - away > _TURNED, shortest=3)], np.int64)


def downcast_share(moods: Mapping[str, np.ndarray]) -> float:
    """How far moods, with their shares [T], cast the eyes down: shame most, then sadness."""
    lowered = {"shame": 1.0, "sadness": 0.6, "fear": 0.15}
    return float(sum(lowered.get(mood, 0.0) * float(np.mean(share)) for mood, share in moods.items()))
