"""A standing speaker from a seated one: trunk and head upright, hands that hang when they rest, weight that shifts.

The actors of the corpus at hand sat and read: the trunk is bent, the head is down, hands that rest hover over a lap.
People who stand and talk hold the head level, let their hands hang when these have nothing to do, change the leg that
carries them between phrases and turn a little to and fro. The rules here are a decision of ours; the numbers are those
of standing speakers that could be measured (docs/design.md). They are applied to the gesturing upper body, before
``posture.stand`` puts it on legs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ...core.rotation import (
    align_vectors,
    axis_angle_to_matrix,
    matrix_to_quaternion,
    quaternion_to_matrix,
    slerp,
    transpose,
)
from ...core.series import minimum_jerk, runs
from ..kinematics import global_rotations, speed
from ..motion import Motion
from ..phases import wrists_in_chest
from ..skeleton import canonical_skeleton
from .hand_shapes import shaped

CHEST_RAISED = 4.0  # degrees by which the chest is straightened
HEAD_RAISED = 10.0  # degrees by which the head is raised beyond that
LAP_HEIGHT = 0.32  # metres above the pelvis: a slow hand below it rests
LAP_SPEED = 0.15  # metres a second: slower than that it rests
SHORTEST_REST = 1.2  # seconds
SHORTEST_AT_ENDS = 3  # frames of a rest with which a motion begins or ends
POSE_SECONDS = 1.5  # from a given pose until hands hang as elsewhere
EASE = 0.55  # seconds in which a hand goes down, and comes up again
EASE_LEAD = 0.33  # seconds by which the way down begins before the rest, and the way up ends after it
HANG_SPREAD = 9.0  # degrees of the hanging upper arm from the vertical, outwards
HANG_FORWARD = 4.0  # degrees of it to the front
HANG_ELBOW = 14.0  # degrees by which a hanging elbow is bent


FREE_SHARE = 0.22  # of phrases whose hands stay apart: one of them hangs while the other gestures
FREE_APART = 0.2  # metres between the wrists: hands that come nearer do something together
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


@dataclass(frozen=True)
class Sway:
    """Slow movements of a standing body."""

    yaw: np.ndarray  # [T] degrees, the turn of the trunk about the vertical, to the left
    shift: np.ndarray  # [T] metres, the pelvis to the left


def sway(frames: int, fps: float, phrase_ends: np.ndarray, *, seed: int) -> Sway:
    """Turns and shifts of weight at the ends of phrases, a random choice of them.

    Args:
        phrase_ends: [P] seconds.
    """
    rng = np.random.default_rng([seed, 7])
    seconds = frames / fps
    turns = _spaced(phrase_ends, seconds, TURN_EVERY, rng)
    shifts = _spaced(phrase_ends, seconds, SHIFT_EVERY, rng)
    leg = SHIFT * rng.choice([-1.0, 1.0])
    sides = leg * (-1.0) ** np.arange(len(shifts) + 1) * rng.uniform(0.6, 1.0, len(shifts) + 1)
    angles = rng.normal(0.0, TURN_DEVIATION, len(turns) + 1)
    return Sway(_steps(frames, fps, turns, angles, TURN_SECONDS), _steps(frames, fps, shifts, sides, SHIFT_SECONDS))


def _spaced(times: np.ndarray, seconds: float, gap: float, rng: np.random.Generator) -> list[float]:
    """Some of the times, at least ``gap`` apart; others where there is none for twice as long."""
    result: list[float] = []
    at = rng.uniform(0.3, 1.0) * gap
    while at < seconds:
        later = times[(times >= at) & (times < at + gap)]
        result.append(float(later[0]) if len(later) else at + rng.uniform(0, gap))
        at = result[-1] + gap
    return result


def _steps(frames: int, fps: float, times: list[float], values: np.ndarray, seconds: float) -> np.ndarray:
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
    roll = _steps(frames, motion.fps, times, rng.normal(0.0, TILT, len(times) + 1), TILT_SECONDS)
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
) -> tuple[Motion, np.ndarray]:
    """The upper body of a standing speaker from that of a seated one, and the shift of weight for ``posture.stand``.

    Args:
        phrase_ends: [P] seconds.
        accents: [A] seconds.
        shape_hands: fingers take shapes at strokes; False where they are those of a recording, or learned from such.
        posed: whether the motion begins, and ends, in a pose that is given; hands near it are left as they are.
    """
    moves = sway(len(motion), motion.fps, phrase_ends, seed=seed)
    raised = upright(motion)
    weights = np.maximum(rest_weights(raised), free_hands(raised, phrase_ends, seed=seed))
    weights *= _away_from_poses(len(motion), motion.fps, posed)[:, None]
    relaxed = hanging(raised, weights)
    if shape_hands:
        relaxed = shaped(relaxed, weights, seed=seed)
    relaxed = nodding(relaxed, phrase_ends, accents, seed=seed)
    return turned(relaxed, moves.yaw), moves.shift


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
    weights = rest_weights(motion) if weights is None else weights
    skeleton = canonical_skeleton()
    rotations = motion.rotations.astype(np.float64)
    for side, weight in zip(("left", "right"), weights.T, strict=True):
        moved = weight > 0.0
        if not moved.any():
            continue
        for joint, target in hanging_pose(side).items():
            index = skeleton.index(joint)
            own = matrix_to_quaternion(rotations[moved, index])
            other = np.broadcast_to(matrix_to_quaternion(target[None]), own.shape)
            rotations[moved, index] = quaternion_to_matrix(slerp(own, other, weight[moved]))
    return replace(motion, rotations=rotations.astype(np.float32))


def rest_weights(motion: Motion) -> np.ndarray:
    """[T, 2] from 0 to 1: how far the left and the right hand hang."""
    skeleton = canonical_skeleton()
    height = motion.positions[:, skeleton.indices(["left_wrist", "right_wrist"]), 1] - motion.positions[:, :1, 1]
    pace = speed(wrists_in_chest(motion), motion.fps)
    fps = motion.fps
    ease, lead, shortest = round(EASE * fps), round(EASE_LEAD * fps), round(SHORTEST_REST * fps)
    weights = np.zeros_like(pace)
    for side in range(2):
        low = height[:, side] < LAP_HEIGHT
        resting = low & (_smooth(pace[:, side], 5) < LAP_SPEED)
        for edge in (slice(SHORTEST_AT_ENDS), slice(-SHORTEST_AT_ENDS, None)):
            resting[edge] |= low[edge].all()  # gestures begin and end with hands that hang
        for first, last in runs(resting, shortest=SHORTEST_AT_ENDS):
            if last - first < shortest and 0 < first and last < len(pace):
                continue
            begin = first - lead if first else -ease
            end = last + lead if last < len(pace) else len(pace) + ease
            at = np.arange(len(pace))
            way = np.minimum((at - begin) / ease, (end - at) / ease)
            weights[:, side] = np.maximum(weights[:, side], minimum_jerk(way))
    return weights


def free_hands(motion: Motion, phrase_ends: np.ndarray, *, seed: int) -> np.ndarray:
    """[T, 2] from 0 to 1: how far a hand hangs because the other one gestures alone, in some phrases.

    The actors hardly ever let one hand rest; people who stand do. It is the hand that moves less, in a random choice of
    phrases throughout which the hands are apart.
    """
    rng = np.random.default_rng([seed, 11])
    wrists, frames = wrists_in_chest(motion), len(motion)
    apart = np.linalg.norm(wrists[:, 0] - wrists[:, 1], axis=-1)
    path = np.linalg.norm(np.diff(wrists, axis=0, prepend=wrists[:1]), axis=-1)
    ease, weights = round(EASE * motion.fps), np.zeros((frames, 2))
    edges = [0, *(round(end * motion.fps) for end in phrase_ends if 0 < end * motion.fps < frames), frames]
    at = np.arange(frames)
    for first, last in pairwise(edges):
        chosen = rng.random() < FREE_SHARE
        if last - first < 2 * ease or np.percentile(apart[first:last], 10) < FREE_APART or not chosen:
            continue
        side = int(path[first:last].sum(axis=0).argmin())
        begin = first if first else -ease
        end = last if last < frames else frames + ease
        way = np.minimum((at - begin) / ease, (end - at) / ease)
        weights[:, side] = np.maximum(weights[:, side], minimum_jerk(way))
    return weights


def hanging_pose(side: str) -> dict[str, np.ndarray]:
    """Local rotations [3, 3] of collar, shoulder, elbow and wrist of an arm that hangs."""
    skeleton = canonical_skeleton()
    sign = 1.0 if side == "left" else -1.0
    upper = skeleton.offsets[skeleton.index(f"{side}_elbow")]
    lower = skeleton.offsets[skeleton.index(f"{side}_wrist")]
    spread, forward = np.deg2rad(HANG_SPREAD), np.deg2rad(HANG_FORWARD)
    down = np.array([sign * np.sin(spread), -np.cos(spread), np.sin(forward)])
    shoulder = align_vectors(upper[None], down[None] / np.linalg.norm(down))[0]
    bend = np.deg2rad(HANG_ELBOW)
    fore = np.array([sign * np.sin(spread) * 0.6, -np.cos(bend), np.sin(bend) + np.sin(forward)])
    elbow = shoulder.T @ align_vectors(lower[None], fore[None] / np.linalg.norm(fore))[0]
    return {
        f"{side}_collar": np.eye(3),
        f"{side}_shoulder": shoulder,
        f"{side}_elbow": elbow,
        f"{side}_wrist": np.eye(3),
    }


def _about_x(degrees: float) -> np.ndarray:
    return axis_angle_to_matrix(np.array([np.deg2rad(degrees), 0.0, 0.0]))


def _about_y(degrees: np.ndarray) -> np.ndarray:
    vectors = np.zeros((len(degrees), 3))
    vectors[:, 1] = np.deg2rad(degrees)
    return axis_angle_to_matrix(vectors)


def _smooth(values: np.ndarray, width: int) -> np.ndarray:
    window = np.hanning(width + 2)[1:-1]
    padded = np.pad(values, width // 2, mode="edge")
    return np.convolve(padded, window / window.sum(), mode="valid")[: len(values)]
