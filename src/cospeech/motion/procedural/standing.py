"""A standing speaker from a seated one: trunk and head upright, hands that hang when they rest, weight that shifts.

The actors of the corpus at hand sat and read: the trunk is bent, the head is down, hands that rest hover over a lap.
People who stand and talk hold the head level, let their hands hang when these have nothing to do, change the leg that
carries them between phrases and turn a little to and fro. The rules here are a decision of ours; the numbers are those
of standing speakers that could be measured (docs/design.md). They are applied to the gesturing upper body, before
``posture.stand`` puts it on legs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from ...core.rotation import axis_angle_to_matrix, matrix_to_quaternion, quaternion_to_matrix, slerp, transpose
from ...core.series import hann_mean, minimum_jerk, runs
from ..kinematics import global_rotations, speed
from ..motion import Motion
from ..phases import wrists_in_chest
from ..skeleton import canonical_skeleton
from .arms import Arm, tempered
from .hand_shapes import Moods, at_rest, shaped
from .resting import resting, rests

CHEST_RAISED = 4.0  # degrees by which the chest is straightened
HEAD_RAISED = 10.0  # degrees by which the head is raised beyond that
LAP_HEIGHT = 0.32  # metres above the pelvis: a slow hand below it rests
LAP_SPEED = 0.15  # metres a second: slower than that it rests
SHORTEST_REST = 1.6  # seconds
STIRRED = 0.9  # seconds that a low hand moves between two rests; less is no gesture
SHORTEST_AT_ENDS = 3  # frames of a rest with which a motion begins or ends
POSE_SECONDS = 1.5  # from a given pose until hands hang as elsewhere
EASE = 0.9  # seconds in which a hand goes down, and comes up again; not so fast as to outdo the strokes
EASE_AT_ENDS = 0.72  # the same where the motion begins and ends, which it does nearly still
EASE_LEAD = 0.45  # seconds by which the way down begins before the rest, and the way up ends after it
HOLD_HEIGHT = 0.38  # metres above the pelvis: hands that both stay slow below it for long rest as well
LONG_HOLD = 2.5  # seconds

FREE_SHARE = 0.22  # of phrases whose hands stay apart: one of them hangs while the other gestures
FREE_AGAIN = 0.45  # of the phrases that follow such a one: the same hand goes on hanging
FREE_RAISED = 0.9  # seconds after the phrase, when the next one has begun, until the hand is up again
ALIKE_PATHS = 1e-3  # metres by which a hand's way must be shorter to count as that which moves less
FREE_APART = 0.2  # metres between the wrists: hands that come nearer do something together
LED_SHARE = 0.5  # of the other phrases: one hand leads, the other one does less and comes later
LED_LESS = (0.2, 0.5)  # how far it hangs, least and most
LED_LATER = (0.04, 0.13)  # seconds by which it comes later, least and most
NOD_SHARE = 0.45  # of accents that the head marks
NOD = (2.0, 5.0)  # degrees of a nod, least and most
NOD_SECONDS = 0.45  # from level to level; the lowest point is on the accent
TILT = 2.5  # degrees, deviation of the head's slow tilt to either side
TILT_SECONDS = 2.2  # of a tilt
TURN_DEVIATION = 5.5  # degrees by which the trunk turns to either side, standard deviation
TURN_EVERY = 3.5  # seconds between turns, at least
TURN_SECONDS = 1.4  # of a turn
HEAD_STAYS = 0.7  # share of a turn that the head does not follow: it goes on facing the listener
SHIFT = 0.028  # metres to either side that the pelvis moves onto the leg that carries
SHIFT_EVERY = 6.0  # seconds between shifts of weight, at least
SHIFT_SECONDS = 1.1  # of a shift
STEP_EVERY = 8.0  # seconds between small steps, at least; a step comes with a shift, by the leg that is free
STEP_SECONDS = 0.55  # of a step
STEP_LENGTH = (0.05, 0.13)  # metres, least and most
STEP_LIFT = (0.02, 0.035)  # metres by which the foot is lifted, least and most
STEP_AWAY = 0.12  # metres: no foot goes further from its place
STANCE = (-0.06, 0.12)  # metres by which feet are wider apart than at rest, least and most
STAGGER = 0.12  # metres that one foot is before the other, most
STEP_TRIES = 12  # places that are tried


@dataclass(frozen=True)
class Sway:
    """Slow movements of a standing body."""

    yaw: np.ndarray  # [T] degrees, the turn of the trunk about the vertical, to the left
    shift: np.ndarray  # [T] metres, the pelvis to the left
    feet: np.ndarray  # [T, 2, 3] metres, the left and the right foot away from where they stood at first


def sway(frames: int, fps: float, phrase_ends: np.ndarray, *, seed: int, steps: bool = True) -> Sway:
    """Turns, shifts of weight and small steps at the ends of phrases, a random choice of them.

    Args:
        phrase_ends: [P] seconds.
        steps: False where feet shall stay.
    """
    rng = np.random.default_rng([seed, 7])
    seconds = frames / fps
    turns = _spaced(phrase_ends, seconds, TURN_EVERY, rng)
    shifts = _spaced(phrase_ends, seconds, SHIFT_EVERY, rng)
    leg = SHIFT * rng.choice([-1.0, 1.0])
    sides = leg * (-1.0) ** np.arange(len(shifts) + 1) * rng.uniform(0.6, 1.0, len(shifts) + 1)
    angles = rng.normal(0.0, TURN_DEVIATION, len(turns) + 1)
    feet = _feet(frames, fps, shifts, sides[1:], seed=seed) if steps else np.zeros((frames, 2, 3))
    yaw, shift = (
        _stepwise(frames, fps, turns, angles, TURN_SECONDS),
        _stepwise(frames, fps, shifts, sides, SHIFT_SECONDS),
    )
    return Sway(yaw, shift, feet)


def _feet(frames: int, fps: float, shifts: list[float], sides: np.ndarray, *, seed: int) -> np.ndarray:
    """[frames, 2, 3] metres: after some shifts the leg that is free takes a small step.

    Args:
        shifts: seconds.
        sides: the place of the pelvis after each, positive to the left.
    """
    rng = np.random.default_rng([seed, 29])
    feet, place, at = np.zeros((frames, 2, 3)), np.zeros((2, 3)), np.arange(frames) / fps
    ready = rng.uniform(0.0, 0.7) * STEP_EVERY
    for shift, side in zip(shifts, sides, strict=True):
        begin = shift + SHIFT_SECONDS / 2
        foot = 1 if side > 0 else 0
        target = _next_place(place, foot, rng)
        if shift < ready or begin + STEP_SECONDS > frames / fps or target is None:
            continue
        way = np.clip((at - begin) / STEP_SECONDS, 0, 1)
        feet[:, foot] += minimum_jerk(way)[:, None] * (target - place[foot])
        feet[:, foot, 1] += rng.uniform(*STEP_LIFT) * 64 * (way * (1 - way)) ** 3
        place[foot], ready = target, begin + STEP_EVERY
    return feet


def _next_place(place: np.ndarray, foot: int, rng: np.random.Generator) -> np.ndarray | None:
    """[3] metres where a foot may go, or None if chance found nothing: near its own place and not far from the other.

    Args:
        place: [2, 3] metres where the feet are, away from where they stood at first.
        foot: 0 the left one, 1 the right one.
    """
    for _ in range(STEP_TRIES):
        length, angle = rng.uniform(*STEP_LENGTH), rng.uniform(0, 2 * np.pi)
        after = place.copy()
        after[foot] += length * np.array([np.cos(angle), 0.0, np.sin(angle)])
        wider, _, before = after[0] - after[1]
        if np.linalg.norm(after[foot]) < STEP_AWAY and STANCE[0] < wider < STANCE[1] and abs(before) < STAGGER:
            target: np.ndarray = after[foot]
            return target
    return None


def _spaced(times: np.ndarray, seconds: float, gap: float, rng: np.random.Generator) -> list[float]:
    """Some of the times, at least ``gap`` apart; others where there is none for twice as long."""
    result: list[float] = []
    at = rng.uniform(0.3, 1.0) * gap
    while at < seconds:
        later = times[(times >= at) & (times < at + gap)]
        result.append(float(later[0]) if len(later) else at + rng.uniform(0, gap))
        at = result[-1] + gap
    return result


def _stepwise(frames: int, fps: float, times: list[float], values: np.ndarray, seconds: float) -> np.ndarray:
    """[frames] that go from one value to the next within ``seconds`` about each time."""
    at = np.arange(frames) / fps
    result = np.full(frames, values[0])
    for time, before, after in zip(times, values[:-1], values[1:], strict=True):
        result += (after - before) * minimum_jerk((at - time) / seconds + 0.5)
    return result


def nodding(motion: Motion, phrase_ends: np.ndarray, accents: np.ndarray, *, seed: int) -> Motion:
    """The head nods at some accents, and tilts a little from phrase to phrase."""
    rng = np.random.default_rng([seed, 13])
    frames, at = len(motion), np.arange(len(motion)) / motion.fps
    pitch = np.zeros(frames)
    for time in accents:
        if rng.random() < NOD_SHARE:
            way = np.clip((at - time) / NOD_SECONDS + 0.5, 0, 1)
            pitch += rng.uniform(*NOD) * np.sin(np.pi * way) ** 2
    times = _spaced(phrase_ends, frames / motion.fps, TILT_SECONDS, rng)
    roll = _stepwise(frames, motion.fps, times, rng.normal(0.0, TILT, len(times) + 1), TILT_SECONDS)
    vectors = np.deg2rad(np.stack([pitch, np.zeros(frames), roll], axis=-1)) / 2
    half, rotations = axis_angle_to_matrix(vectors), motion.rotations.astype(np.float64)
    for joint in canonical_skeleton().indices(["neck", "head"]):
        rotations[:, joint] = rotations[:, joint] @ half
    return replace(motion, rotations=rotations.astype(np.float32))


def turned(motion: Motion, yaw: np.ndarray) -> Motion:
    """The trunk turned by ``yaw`` [T] degrees to the left; the head follows in part."""
    skeleton = canonical_skeleton()
    rotations = motion.rotations.astype(np.float64)
    world = global_rotations(rotations, skeleton.parents)
    head, neck = skeleton.index("head"), skeleton.index("neck")
    rotations[:, 0] = _about_y(yaw) @ rotations[:, 0]
    new_neck = _about_y(yaw * (1 - HEAD_STAYS / 2)) @ world[:, neck]
    new_chest = _about_y(yaw) @ world[:, skeleton.parents[neck]]
    rotations[:, neck] = transpose(new_chest) @ new_neck
    rotations[:, head] = transpose(new_neck) @ _about_y(yaw * (1 - HEAD_STAYS)) @ world[:, head]
    return replace(motion, rotations=rotations.astype(np.float32))


def at_ease(
    motion: Motion,
    phrase_ends: np.ndarray,
    accents: np.ndarray,
    *,
    seed: int,
    shape_hands: bool = True,
    posed: tuple[bool, bool] = (False, False),
    mood: Moods = MappingProxyType({}),
) -> tuple[Motion, Sway]:
    """The upper body of a standing speaker from that of a seated one, and how ``posture.stand`` shall move its legs.

    Args:
        phrase_ends: [P] seconds.
        accents: [A] seconds.
        shape_hands: fingers take shapes at strokes; False where they are those of a recording, or learned from such.
        posed: whether the motion begins, and ends, in a pose that is given; hands near it are left as they are, and
            feet stay.
        mood: weights of emotions by name, of all frames or [T] of each, for the shapes of the hands.
    """
    moves = sway(len(motion), motion.fps, phrase_ends, seed=seed, steps=not any(posed))
    away = _away_from_poses(len(motion), motion.fps, posed)
    lead = leading(motion, phrase_ends, seed=seed)
    raised = tempered(delayed(upright(motion), lead.later * away[:, None]), away)
    weights = np.maximum(rest_weights(raised), free_hands(raised, phrase_ends, seed=seed))
    weights = np.maximum(weights, lead.less) * away[:, None]
    if shape_hands:
        raised = at_rest(raised, away)
    relaxed = resting(raised, weights, rests(weights, motion.fps, seed=seed), seed=seed)
    if shape_hands:
        relaxed = shaped(relaxed, weights, seed=seed, mood=mood)
    relaxed = nodding(relaxed, phrase_ends, accents, seed=seed)
    return turned(relaxed, moves.yaw), moves


def _away_from_poses(frames: int, fps: float, posed: tuple[bool, bool]) -> np.ndarray:
    """[frames] from 0 at an end in a given pose to 1 after ``POSE_SECONDS``."""
    at = np.arange(frames) / fps
    result = np.ones(frames)
    for seconds, given in zip((at, at[::-1]), posed, strict=True):
        if given:
            result = np.minimum(result, minimum_jerk(seconds / POSE_SECONDS))
    return result


def upright(motion: Motion, *, chest: float = CHEST_RAISED, head: float = HEAD_RAISED) -> Motion:
    """Trunk and head raised by constant angles in degrees, so that who bows in sadness still bows more than others."""
    skeleton = canonical_skeleton()
    rotations = motion.rotations.astype(np.float64)
    rotations[:, 0] = _about_x(-chest) @ rotations[:, 0]
    world = global_rotations(rotations, skeleton.parents)
    neck_joint, head_joint = skeleton.index("neck"), skeleton.index("head")
    neck = _about_x(-head / 2) @ world[:, neck_joint]
    rotations[:, neck_joint] = transpose(world[:, skeleton.parents[neck_joint]]) @ neck
    rotations[:, head_joint] = transpose(neck) @ _about_x(-head) @ world[:, head_joint]
    return replace(motion, rotations=rotations.astype(np.float32))


def lowered(motion: Motion) -> Motion:
    """The inverse of ``upright``: a standing person as the models know people, bent and looking down."""
    return upright(motion, chest=-CHEST_RAISED, head=-HEAD_RAISED)


def hanging(motion: Motion, weights: np.ndarray | None = None) -> Motion:
    """Hands that rest in the lap hang instead, each by itself, with eases on either side.

    Args:
        weights: [T, 2] from 0 to 1, how far the left and the right hand hang; ``rest_weights`` unless given.
    """
    return resting(motion, rest_weights(motion) if weights is None else weights, [], seed=0)


def rest_weights(motion: Motion) -> np.ndarray:
    """[T, 2] from 0 to 1: how far the left and the right hand hang."""
    skeleton = canonical_skeleton()
    height = motion.positions[:, skeleton.indices(["left_wrist", "right_wrist"]), 1] - motion.positions[:, :1, 1]
    pace = speed(wrists_in_chest(motion), motion.fps)
    fps = motion.fps
    ease, lead, shortest = round(EASE * fps), round(EASE_LEAD * fps), round(SHORTEST_REST * fps)
    between, at_ends = round(STIRRED * fps), round(EASE_AT_ENDS * fps)
    weights = np.zeros_like(pace)
    slow = hann_mean(pace, 5) < LAP_SPEED
    held = np.zeros(len(pace), dtype=bool)
    for first, last in runs((slow & (height < HOLD_HEIGHT)).all(axis=1), shortest=round(LONG_HOLD * fps)):
        held[first:last] = True
    for side in range(2):
        low = height[:, side] < LAP_HEIGHT
        still = low & slow[:, side] | held
        for edge in (slice(SHORTEST_AT_ENDS), slice(-SHORTEST_AT_ENDS, None)):
            still[edge] |= low[edge].all()  # gestures begin and end with hands that hang
        for first, last in hand_rests(still, low, shortest, between):
            sooner, later = at_ends if last == len(pace) else lead, at_ends if first == 0 else lead
            weights[:, side] = np.maximum(weights[:, side], _within(first, last, len(pace), ease, sooner, later))
    return weights


def hand_rests(still: np.ndarray, low: np.ndarray, shortest: int, between: int) -> list[tuple[int, int]]:
    """First frame and one after the last of the rests of a hand, two of them joined where it only stirs between.

    Args:
        still, low: [T] bool.
        shortest: frames of a rest within the motion.
        between: frames of a movement of a low hand that is more than that.
    """
    result: list[tuple[int, int]] = []
    for first, last in runs(still, shortest=SHORTEST_AT_ENDS):
        if last - first < shortest and 0 < first and last < len(still):
            continue
        if result and first - result[-1][1] < between and low[result[-1][1] : first].all():
            first = result.pop()[0]
        result.append((first, last))
    return result


def _within(first: int, last: int, frames: int, ease: int, lead: int = 0, lag: int = 0) -> np.ndarray:
    """[frames] from 0 to 1 in ``ease`` frames and back; full at the ends.

    Args:
        lead: frames before ``first`` from which on.
        lag: frames after ``last`` until which.
    """
    at = np.arange(frames)
    begin = first - lead if first else -ease
    end = last + lag if last < frames else frames + ease
    return minimum_jerk(np.minimum((at - begin) / ease, (end - at) / ease))


def free_hands(motion: Motion, phrase_ends: np.ndarray, *, seed: int) -> np.ndarray:
    """[T, 2] from 0 to 1: how far a hand hangs because the other one gestures alone, in some phrases.

    The actors hardly ever let one hand rest; people who stand do. It is the hand that moves less, in a random choice of
    phrases throughout which the hands are apart, sometimes several in a row. The hand comes up when the voice goes on:
    a hand that moves in pauses would loosen the tie of hands and voice.
    """
    rng = np.random.default_rng([seed, 11])
    frames, ease, raised = len(motion), round(EASE * motion.fps), round(FREE_RAISED * motion.fps)
    spans: list[tuple[int, int, int]] = []  # first frame, one after the last, side
    for phrase in _phrases(motion, phrase_ends):
        again = bool(spans) and spans[-1][1] == phrase.first
        if rng.random() < (FREE_AGAIN if again else FREE_SHARE) and phrase.apart:
            first, _, side = spans.pop() if again else (phrase.first, 0, phrase.quieter)
            spans.append((first, phrase.last, side))
    weights = np.zeros((frames, 2))
    for first, last, side in spans:
        weights[:, side] = np.maximum(weights[:, side], _within(first, last, frames, ease, lag=raised))
    return weights


@dataclass(frozen=True)
class Lead:
    """One hand leads in some phrases; the other one does less and comes later."""

    less: np.ndarray  # [T, 2] from 0 to 1, how far the left and the right hand hang
    later: np.ndarray  # [T, 2] seconds


def leading(motion: Motion, phrase_ends: np.ndarray, *, seed: int) -> Lead:
    """A random choice of phrases throughout which the hands are apart; the actors move both hands alike."""
    rng = np.random.default_rng([seed, 31])
    frames, ease = len(motion), round(EASE * motion.fps)
    less, later = np.zeros((frames, 2)), np.zeros((frames, 2))
    for phrase in _phrases(motion, phrase_ends):
        chosen, share, delay = rng.random() < LED_SHARE, rng.uniform(*LED_LESS), rng.uniform(*LED_LATER)
        if chosen and phrase.apart:
            within = _within(phrase.first, phrase.last, frames, ease)
            less[:, phrase.quieter] = np.maximum(less[:, phrase.quieter], share * within)
            later[:, phrase.quieter] = np.maximum(later[:, phrase.quieter], delay * within)
    return Lead(less, later)


@dataclass(frozen=True)
class _Phrase:
    first: int  # frame
    last: int  # one after the last frame
    apart: bool  # the hands are apart throughout, and there is time to move one of them alone
    quieter: int  # the hand that moves less: 0 the left one, 1 the right one


def _phrases(motion: Motion, phrase_ends: np.ndarray) -> Iterator[_Phrase]:
    wrists = np.stack([Arm.of(motion.rotations, side).wrist for side in ("left", "right")], axis=1)
    frames = len(motion)
    between = np.linalg.norm(wrists[:, 0] - wrists[:, 1], axis=-1)
    path = np.linalg.norm(np.diff(wrists, axis=0, prepend=wrists[:1]), axis=-1)
    edges = [0, *(round(end * motion.fps) for end in phrase_ends if 0 < end * motion.fps < frames), frames]
    for first, last in pairwise(edges):
        long = last - first >= 2 * round(EASE * motion.fps)
        apart = long and bool(np.percentile(between[first:last], 10) >= FREE_APART)
        left, right = path[first:last].sum(axis=0)
        yield _Phrase(first, last, apart, int(right < left - ALIKE_PATHS))


def delayed(motion: Motion, later: np.ndarray) -> Motion:
    """Arms that do what they do ``later`` [T, 2] seconds later, left and right; fingers stay with the time."""
    skeleton, frames = canonical_skeleton(), len(motion)
    rotations = motion.rotations.astype(np.float64)
    for side, late in zip(("left", "right"), later.T, strict=True):
        moved = np.flatnonzero(late > 0)
        place = np.clip(moved - late[moved] * motion.fps, 0, frames - 1)
        before = place.astype(int)
        after = np.minimum(before + 1, frames - 1)
        for part in ("collar", "shoulder", "elbow", "wrist"):
            joint = skeleton.index(f"{side}_{part}")
            own = matrix_to_quaternion(motion.rotations[:, joint].astype(np.float64))
            rotations[moved, joint] = quaternion_to_matrix(slerp(own[before], own[after], place - before))
    return replace(motion, rotations=rotations.astype(np.float32))


def _about_x(degrees: float) -> np.ndarray:
    return axis_angle_to_matrix(np.array([np.deg2rad(degrees), 0.0, 0.0]))


def _about_y(degrees: np.ndarray) -> np.ndarray:
    vectors = np.zeros((len(degrees), 3))
    vectors[:, 1] = np.deg2rad(degrees)
    return axis_angle_to_matrix(vectors)
