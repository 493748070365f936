"""Poses of synthetic people: motion from a dataset, with random faces and fingers.

The corpora at hand have neither faces nor fingers; a network that is to move them has to see them move in all
ways, not only in likely ones. All rules and ranges are decisions of ours [D].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...core.errors import UserError
from ...core.timing import FPS
from ...data.dataset import GestureDataset, Sample
from ...motion.codec import Codec
from ...motion.motion import Motion, concatenate
from ...motion.procedural.face import ARKIT_NAMES
from ...motion.procedural.fingers import FIST, REST_CURL, finger_rotation
from ...motion.procedural.posture import stand
from ...motion.skeleton import FINGERS, canonical_skeleton

KINDS = ("motion", "pair")
# Face shapes that move together, their largest weight, and how often they are active.
_MOVES: tuple[tuple[tuple[str, ...], float, float], ...] = (
    (("mouthSmile",), 0.9, 0.35),
    (("mouthFrown",), 0.5, 0.15),
    (("mouthFunnel",), 0.8, 0.3),
    (("mouthPucker",), 0.9, 0.25),
    (("mouthStretch",), 0.6, 0.25),
    (("mouthPress",), 0.6, 0.15),
    (("mouthRollLower", "mouthRollUpper"), 0.5, 0.15),
    (("mouthLowerDown",), 0.7, 0.3),
    (("mouthUpperUp",), 0.7, 0.25),
    (("mouthShrugLower",), 0.4, 0.1),
    (("mouthDimple",), 0.4, 0.1),
    (("mouthLeft",), 0.4, 0.06),
    (("mouthRight",), 0.4, 0.06),
    (("jawLeft",), 0.4, 0.05),
    (("jawRight",), 0.4, 0.05),
    (("browDown",), 0.9, 0.2),
    (("browInnerUp",), 0.9, 0.25),
    (("browOuterUp",), 0.9, 0.25),
    (("eyeSquint",), 0.7, 0.2),
    (("eyeWide",), 0.7, 0.15),
    (("cheekSquint",), 0.6, 0.15),
    (("cheekPuff",), 0.5, 0.06),
    (("noseSneer",), 0.6, 0.1),
)
_GAZE = 0.55  # of a full turn of the eyes
# Seconds from one level to the next, and the chance that a level is not 0 (``_line``).
_MOVING, _TALKING, _SYLLABLE = (1.2, 0.7), (1.6, 0.8), (0.11, 0.75)
_QUICK, _SLOW = 0.16, 0.7  # seconds, of shapes of speech and of all others
_GAZE_UP = 0.6  # of the gaze across
_FIRST_BLINK, _BLINK_GAP = 2.5, (0.8, 4.0)  # seconds: at most; from one to the next
_BLINK_PEAK, _BLINK_FALL = 1.35, 0.075  # lids are closed while above 1; seconds in which that falls by 1
_FLAT = 0.35  # of the curl at rest, of an open hand
_FAN = 9.0  # degrees between neighbouring fingers that are spread
_STRAIGHT = -6.0  # degrees that a finger bends backwards at most
_SPEAKING_SECONDS = 40  # of the face that single poses are taken from
_CLIP_FRAMES = 12  # single poses taken from one sample
_FINGERS_MOVE = 0.7, 0.5  # chance of random fingers: of single poses, of clips


def _line(rng: np.random.Generator, frames: int, seconds: float, active: float) -> np.ndarray:
    """[frames] 0 to 1: cosine steps between levels that are 0 for most of the time."""
    count = int(frames / FPS / seconds) + 3
    levels = rng.uniform(0.1, 1.0, count) * (rng.random(count) < active)
    place = np.arange(frames) / FPS / seconds + rng.random()
    low = place.astype(int)
    share = (1 - np.cos(np.pi * (place - low))) / 2
    return levels[low] * (1 - share) + levels[low + 1] * share


def random_face(rng: np.random.Generator, frames: int) -> np.ndarray:
    """A random face that talks, smiles, frowns, looks about and blinks, smoothly.

    Returns:
        [frames, 52] float32 ARKit weights, 0 to 1, for 30 frames a second.
    """
    face = np.zeros((frames, len(ARKIT_NAMES)), np.float32)

    def put(name: str, line: np.ndarray) -> None:
        for side in ("", "Left", "Right"):
            if name + side in ARKIT_NAMES:
                column = ARKIT_NAMES.index(name + side)
                face[:, column] = np.maximum(face[:, column], line)

    moved = np.minimum(1, 2 * _line(rng, frames, *_MOVING))  # else a mouth at rest
    talking = moved * _line(rng, frames, *_TALKING)
    put("jawOpen", talking * _line(rng, frames, *_SYLLABLE) * rng.uniform(0.5, 1.0))
    for names, most, active in _MOVES:
        quick = names[0].startswith(("mouthFunnel", "mouthPucker", "mouthStretch", "mouthPress", "mouthRoll"))
        line = most * _line(rng, frames, _QUICK if quick else _SLOW, active)
        if names[0].startswith(("mouth", "jaw")):
            line = line * moved
        for name in names:
            put(name, line)
    across = _line(rng, frames, 0.8, 0.6) - _line(rng, frames, 0.9, 0.6)
    up = _GAZE_UP * (_line(rng, frames, 1.0, 0.4) - _line(rng, frames, 1.0, 0.5))
    put("eyeLookUp", _GAZE * np.maximum(up, 0))
    put("eyeLookDown", _GAZE * np.maximum(-up, 0))
    for name, amount in (
        ("eyeLookOutLeft", across),
        ("eyeLookInRight", across),
        ("eyeLookInLeft", -across),
        ("eyeLookOutRight", -across),
    ):
        put(name, _GAZE * np.maximum(amount, 0))
    at = float(rng.uniform(0, _FIRST_BLINK))
    blink = np.zeros(frames)
    while at < frames / FPS:
        distance = np.abs(np.arange(frames) / FPS - at)
        blink = np.maximum(blink, np.clip(_BLINK_PEAK - distance / _BLINK_FALL, 0, 1))
        at += float(rng.uniform(*_BLINK_GAP))
    put("eyeBlink", blink)
    return np.clip(face, 0, 1)


def random_fingers(rng: np.random.Generator, motion: Motion, *, seconds: float = 0.7) -> Motion:
    """The motion with random fingers: open, relaxed, pointing, closed, each hand and finger by itself.

    Args:
        motion: canonical.
        seconds: from one shape of a hand to the next; with less than a frame every frame has its own.
    """
    rotations = motion.rotations.copy()
    skeleton = canonical_skeleton()
    frames = motion.frames
    steps = max(2, int(frames / FPS / seconds) + 3)
    place = np.minimum(np.arange(frames) / FPS / seconds, steps - 2)
    low = place.astype(int)
    share = (1 - np.cos(np.pi * (place - low))) / 2
    for side in ("left", "right"):
        closed = np.clip(rng.normal(0.12, 0.30, (steps, 1)), -0.12, 0.95)
        own = np.clip(closed + rng.normal(0, 0.12, (steps, 5)), -0.15, 1.0)
        pointing = rng.random(steps) < 0.12
        own[pointing] = np.clip(rng.normal(0.6, 0.2, (int(pointing.sum()), 5)), 0, 1)
        own[pointing, FINGERS.index("index")] = 0.0
        spread = rng.uniform(-0.2, 1.0, steps)
        for k, finger in enumerate(FINGERS):
            amount = own[low, k] * (1 - share) + own[low + 1, k] * share
            wide = (spread[low] * (1 - share) + spread[low + 1] * share) * np.clip(1 - 2 * amount, 0, 1)
            for joint in range(3):
                index = skeleton.index(f"{side}_{finger}{joint + 1}")
                rest, fist = REST_CURL[finger][joint], FIST[finger][joint]
                flat = _FLAT * rest
                curl = np.where(amount < 0, flat + rest * 4 * amount, flat + (fist - flat) * amount)
                turned = _FAN * wide * (2 - k) / 2 if joint == 0 else np.zeros(frames)
                rotations[:, index] = finger_rotation(side, finger, index, np.maximum(curl, _STRAIGHT), turned)
    return replace(motion, rotations=rotations)


def actors_of(dataset: GestureDataset, split: str, actors: Sequence[str] | None = None) -> dict[str, list[Sample]]:
    """Recorded samples of a split by actor.

    Raises:
        UserError: there are none, or an actor is requested that the split does not have.
    """
    dataset.need_bodies("drawing people")
    result: dict[str, list[Sample]] = {}
    for sample in dataset.select(split=split, kind=KINDS):
        result.setdefault(sample.speaker, []).append(sample)
    if not result:
        raise UserError(f"{dataset.folder} has no recorded motion in split {split!r}; prepare one that has")
    for name in actors or ():
        if name not in result:
            raise UserError(f"no actor {name!r} in split {split!r}; there are {', '.join(sorted(result))}")
    return {name: result[name] for name in sorted(result) if not actors or name in actors}


def recorded(dataset: GestureDataset, sample: Sample) -> Motion:
    """The motion of a sample, standing."""
    return stand(Codec().decode(dataset.motion(sample)))


def sampled_poses(rng: np.random.Generator, dataset: GestureDataset, samples: Sequence[Sample], count: int) -> Motion:
    """``count`` single frames from several samples of one actor, each with its own face and fingers."""
    clips = max(1, count // _CLIP_FRAMES)
    pieces = []
    for k in range(clips):
        clip = recorded(dataset, samples[int(rng.integers(len(samples)))])
        wanted = count // clips + (k < count % clips)
        at = np.sort(rng.integers(0, clip.frames, wanted))
        pieces.append(
            replace(clip, rotations=clip.rotations[at], translation=clip.translation[at], face=None, extra={})
        )
    motion = concatenate(pieces)
    face = random_face(rng, _SPEAKING_SECONDS * FPS)
    motion = motion.with_face(face[rng.integers(0, len(face), motion.frames)])
    if rng.random() < _FINGERS_MOVE[0]:
        motion = random_fingers(rng, motion, seconds=0.5 / FPS)
    return motion.mirror() if rng.random() < 0.5 else motion


def sampled_clip(rng: np.random.Generator, dataset: GestureDataset, samples: Sequence[Sample], frames: int) -> Motion:
    """Consecutive frames of one sample that is long enough, with a random face and, half of the time, fingers.

    Raises:
        UserError: no sample is as long.
    """
    long = [sample for sample in samples if sample.frames >= frames]
    if not long:
        raise UserError(
            f"no sample has {frames} frames, the longest has {max(sample.frames for sample in samples)}; ask for fewer"
        )
    sample = long[int(rng.integers(len(long)))]
    start = int(rng.integers(0, sample.frames - frames + 1))
    motion = recorded(dataset, sample)[start : start + frames].with_face(random_face(rng, frames))
    if rng.random() < _FINGERS_MOVE[1]:
        motion = random_fingers(rng, motion)
    return motion.mirror() if rng.random() < 0.5 else motion


def far_apart(features: np.ndarray, count: int, first: int) -> np.ndarray:
    """Indices [count], in order, of rows [N, D] that are far apart (farthest-point sampling from ``first``)."""
    chosen = [first]
    distance = ((features - features[first]) ** 2).sum(1)
    while len(chosen) < min(count, len(features)):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, ((features - features[chosen[-1]]) ** 2).sum(1))
    return np.sort(chosen)
