"""What drawn people do: motion from a dataset, with faces and fingers by lot, and frames that tell much.

The corpora at hand have no faces and no fingers; a network that is to move them has to see them move in all
ways, not only in likely ones. All rules are decisions of ours.
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
# Shapes that move together, how strongly at most, and how often they are at work.
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


def _line(rng: np.random.Generator, frames: int, seconds: float, at_work: float) -> np.ndarray:
    """[frames] 0 to 1: cosine steps between levels that are 0 for most of the time."""
    count = int(frames / FPS / seconds) + 3
    levels = rng.uniform(0.1, 1.0, count) * (rng.random(count) < at_work)
    place = np.arange(frames) / FPS / seconds + rng.random()
    low = place.astype(int)
    share = (1 - np.cos(np.pi * (place - low))) / 2
    return levels[low] * (1 - share) + levels[low + 1] * share


def random_face(rng: np.random.Generator, frames: int) -> np.ndarray:
    """A face that talks, smiles, frowns, looks about and blinks, smoothly.

    Returns:
        [frames, 52] float32 ARKit weights, 0 to 1, for 30 frames a second.
    """
    face = np.zeros((frames, len(ARKIT_NAMES)), np.float32)

    def put(name: str, line: np.ndarray) -> None:
        for side in ("", "Left", "Right"):
            if name + side in ARKIT_NAMES:
                column = ARKIT_NAMES.index(name + side)
                face[:, column] = np.maximum(face[:, column], line)

    moved = np.minimum(1, 2 * _line(rng, frames, 1.2, 0.7))  # else a mouth at rest
    talking = moved * _line(rng, frames, 1.6, 0.8)
    put("jawOpen", talking * _line(rng, frames, 0.11, 0.75) * rng.uniform(0.5, 1.0))
    for names, most, at_work in _MOVES:
        quick = names[0].startswith(("mouthFunnel", "mouthPucker", "mouthStretch", "mouthPress", "mouthRoll"))
        line = most * _line(rng, frames, 0.16 if quick else 0.7, at_work)
        if names[0].startswith(("mouth", "jaw")):
            line = line * moved
        for name in names:
            put(name, line)
    across = _line(rng, frames, 0.8, 0.6) - _line(rng, frames, 0.9, 0.6)
    up = 0.6 * (_line(rng, frames, 1.0, 0.4) - _line(rng, frames, 1.0, 0.5))
    put("eyeLookUp", _GAZE * np.maximum(up, 0))
    put("eyeLookDown", _GAZE * np.maximum(-up, 0))
    for name, amount in (
        ("eyeLookOutLeft", across),
        ("eyeLookInRight", across),
        ("eyeLookInLeft", -across),
        ("eyeLookOutRight", -across),
    ):
        put(name, _GAZE * np.maximum(amount, 0))
    at = float(rng.uniform(0, 2.5))
    blink = np.zeros(frames)
    while at < frames / FPS:
        distance = np.abs(np.arange(frames) / FPS - at)
        blink = np.maximum(blink, np.clip(1.35 - distance / 0.075, 0, 1))
        at += float(rng.uniform(0.8, 4.0))
    put("eyeBlink", blink)
    return np.clip(face, 0, 1)


def random_fingers(rng: np.random.Generator, motion: Motion, *, seconds: float = 0.7) -> Motion:
    """The motion with other fingers: open, relaxed, pointing, closed, each hand and finger for itself.

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
                flat = 0.35 * rest
                curl = np.where(amount < 0, flat + rest * 4 * amount, flat + (fist - flat) * amount)
                turned = 9.0 * wide * (2 - k) / 2 if joint == 0 else np.zeros(frames)
                rotations[:, index] = finger_rotation(side, finger, index, np.maximum(curl, -6.0), turned)
    return replace(motion, rotations=rotations)


def actors_of(dataset: GestureDataset, split: str, actors: Sequence[str] | None = None) -> dict[str, list[Sample]]:
    """Recorded clips of a split by whose motion they are.

    Raises:
        UserError: there are none, or an actor is asked for that the split does not have.
    """
    dataset.need_bodies("drawing people")
    result: dict[str, list[Sample]] = {}
    for item in dataset.select(split=split, kind=KINDS):
        result.setdefault(item.speaker, []).append(item)
    if not result:
        raise UserError(f"{dataset.folder} has no recorded motion in split {split!r}; prepare one that has")
    for name in actors or ():
        if name not in result:
            raise UserError(f"no actor {name!r} in split {split!r}; there are {', '.join(sorted(result))}")
    return {name: result[name] for name in sorted(result) if not actors or name in actors}


def recorded(dataset: GestureDataset, item: Sample) -> Motion:
    """A clip of a dataset, standing."""
    return stand(Codec().decode(dataset.motion(item)))


def moments(rng: np.random.Generator, dataset: GestureDataset, items: Sequence[Sample], count: int) -> Motion:
    """``count`` single frames from several clips of one actor, each with a face and fingers of its own."""
    clips = max(1, count // 12)
    pieces = []
    for k in range(clips):
        clip = recorded(dataset, items[int(rng.integers(len(items)))])
        wanted = count // clips + (k < count % clips)
        at = np.sort(rng.integers(0, clip.frames, wanted))
        pieces.append(
            replace(clip, rotations=clip.rotations[at], translation=clip.translation[at], face=None, extra={})
        )
    motion = concatenate(pieces)
    face = random_face(rng, 40 * FPS)
    motion = motion.with_face(face[rng.integers(0, len(face), motion.frames)])
    if rng.random() < 0.7:
        motion = random_fingers(rng, motion, seconds=0.5 / FPS)
    return motion.mirror() if rng.random() < 0.5 else motion


def stretch(rng: np.random.Generator, dataset: GestureDataset, items: Sequence[Sample], frames: int) -> Motion:
    """Consecutive frames of one clip that is long enough, with a face that moves, and mostly fingers.

    Raises:
        UserError: no clip is as long.
    """
    long = [item for item in items if item.frames >= frames]
    if not long:
        raise UserError(
            f"no clip has {frames} frames, the longest has {max(item.frames for item in items)}; ask for fewer"
        )
    item = long[int(rng.integers(len(long)))]
    start = int(rng.integers(0, item.frames - frames + 1))
    motion = recorded(dataset, item)[start : start + frames].with_face(random_face(rng, frames))
    if rng.random() < 0.5:
        motion = random_fingers(rng, motion)
    return motion.mirror() if rng.random() < 0.5 else motion


def far_apart(features: np.ndarray, count: int, first: int) -> np.ndarray:
    """Indices [count] of rows [N, D] that lie far from one another, by farthest-point sampling, in order."""
    chosen = [first]
    distance = ((features - features[first]) ** 2).sum(1)
    while len(chosen) < min(count, len(features)):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, ((features - features[chosen[-1]]) ** 2).sum(1))
    return np.sort(chosen)
