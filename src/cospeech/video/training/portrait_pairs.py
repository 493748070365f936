"""Training pairs for refinement: a person warped to the pose of another picture of them, and that picture.

Two kinds (decision of ours, as no videos are at hand that may be used [D]):

- rendered people, whose pictures in two poses are both exact;
- portraits: the layers move one to a random pose, which is the source; the source is cut anew, by keypoints and a
  mask that are as inexact as detected ones, and warped back; the portrait itself, which is real, is the target. So
  the warped picture has the faults of films: traces of the person on the room, torn hems and fingertips, blurred arms.

A folder of pairs has shards, safetensors files from which single pairs are read, and pairs.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import UserError
from ...core.files import atomic_path, write_arrays
from ...motion.points import BODY_SLICE, CHIN, FACE_SLICE, HAND_SIZE, HAND_SLICES, MOUTH_CORNERS, NOSE_BRIDGE, SHOULDERS
from ..driving.head_shape import in_depth
from ..warping.layer_warp import draw
from ..warping.layers import Layers, cut
from ..warping.limb_geometry import INDEX, SIDES, body_scale
from ..warping.matte import box
from ..warping.mouth_and_lids import similarity
from ..warping.resampling import halved

SHARD = 32  # pairs in a file
LEAST_PSNR = 20.0  # dB that warping has to reach against the other picture of a person, to learn from [D]
TARGETS = 10  # pictures that one cut picture is warped to
# Mean distance of keypoints after the best similarity, in their mean distance from the middle, up to which two
# pictures show the same side of a face or of a hand [D].
FACE_ALIKE, HAND_ALIKE = 0.2, 0.6

# Random poses: standard deviations, radians for turns and shoulder widths for moves [D].
TURNS = {"shoulder": 0.35, "elbow": 0.8, "wrist": 0.35}
OUTWARD = 0.1  # radians that joints turn outward on average
LENGTH_SPREAD, LENGTH_RANGE, LONGEST = 0.25, (0.5, 1.7), 0.85  # log factor of a bone, its limits, its length at most
HAND_SPREAD = 0.06  # log factor of a hand's size
SWAY, SWAY_UP, SHRUG = 0.02, 0.5, 0.01  # of the body, share of it upwards, of single shoulders
HEAD_TURN, HEAD_MOVE, HEAD_FOLLOWS = 0.07, 0.012, 1.5  # and how much more than the body the head sways
NECK_BELOW = 0.35  # from the face's middle to where the head turns
MOUTH_MEAN, MOUTH_SPREAD = 0.12, 0.15  # opening in widths of the mouth
BLINKS, BLINK = 0.25, 0.8  # chance of a blink, and share of the lids' gap that it closes
# Points below the mouth's opening and the share of it that they move down.
LOWER_LIPS = {55: 0.6, 56: 0.9, 57: 1, 58: 0.9, 59: 0.6, 65: 0.9, 66: 1, 67: 0.9}
JAW_POINTS, JAW_WIDTH = range(3, 14), 5.5  # points of the jaw that move, and points from the chin to where none does
LIDS = ((37, 41), (38, 40), (43, 47), (44, 46))  # upper, lower

# How inexactly the source of a pair is cut: deviations in shoulder widths, and the person's mask [D].
LEAST_MOVE = 0.1  # share of a random pose that a source moves at least
ARM_OFF, HAND_OFF, FACE_OFF, POINT_OFF = 0.02, 0.012, 0.004, 0.003  # of joints, of whole hands and faces, of points
MASK_BLUR = 0.012  # shoulder widths, of the filter with which a mask is grown or shrunk
MASK_LEVELS, MASK_EDGE = (0.2, 0.8), 0.3  # where the mask's new outline lies, in the filtered one; its softness


@dataclass(frozen=True, eq=False)
class Pair:
    """One training pair, or a batch of them; S is the side of the pictures, H half of it."""

    source: np.ndarray  # [S, S, 3] uint8 sRGB
    masks: np.ndarray  # [7, H, H] uint8: parts of the source
    warped: np.ndarray  # [S, S, 3] uint8
    seen: np.ndarray  # [7, H, H] uint8: parts of the warped picture
    flow: np.ndarray  # [H, H, 2] float16: where in the source each pixel came from, -1 .. 1
    target: np.ndarray  # [S, S, 3] uint8
    points: np.ndarray  # [2, 116, 2] float32: of source and target, -1 .. 1


def make_pair(layers: Layers, source: np.ndarray, target: np.ndarray, points: np.ndarray) -> Pair:
    """Warp a cut picture to the keypoints of another picture of the same person.

    Args:
        layers: of the source.
        source, target: [S, S, 3] uint8.
        points: [116, 2] pixels of the target.
    """
    drawn = draw(layers, points)
    side = len(source)
    flow = (drawn.source[1::2, 1::2] - 0.5) / (side / 2) - 1
    both = np.stack([layers.points, points]) / (side / 2) - 1
    return Pair(
        source,
        _bytes(halved(layers.parts, 1)),
        _bytes(drawn.picture),
        _bytes(halved(drawn.seen, 1)),
        flow.astype(np.float16),
        target,
        both.astype(np.float32),
    )


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values * 255), 0, 255).astype(np.uint8)


def random_pose(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random keypoints [116, 2] in pixels, moved as speakers move: arms, hands, head, lips, shoulders."""
    result = points.astype(np.float64).copy()
    scale = body_scale(points)
    for side, sign in zip(SIDES, (-1.0, 1.0), strict=True):
        shoulder, elbow, wrist = (INDEX[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist"))
        first = INDEX[f"{side}_hand"]
        hand = list(range(first, first + HAND_SIZE))
        for joint, moved, spread in (
            (shoulder, [elbow, wrist, *hand], TURNS["shoulder"]),
            (elbow, [wrist, *hand], TURNS["elbow"]),
            (wrist, hand, TURNS["wrist"]),
        ):
            turn = sign * rng.normal(OUTWARD, spread)
            result[moved] = _turned(result[moved], result[joint], turn)
        # Lengths in the picture change as arms point to the viewer.
        for start, end, moved in ((shoulder, elbow, [elbow, wrist, *hand]), (elbow, wrist, [wrist, *hand])):
            way = result[end] - result[start]
            wanted = np.clip(np.exp(rng.normal(0, LENGTH_SPREAD)), *LENGTH_RANGE)
            longest = LONGEST * scale / max(float(np.linalg.norm(way)), 1e-6)
            result[moved] += way * (min(wanted, max(longest, 1.0)) - 1)
        result[hand] = _turned(result[hand], result[hand[0]], 0.0, np.exp(rng.normal(0, HAND_SPREAD)))
    shift = rng.normal(0, SWAY, 2) * scale
    result[BODY_SLICE] += shift * [1.0, SWAY_UP]
    result[list(SHOULDERS)] += rng.normal(0, SHRUG, (2, 2)) * scale
    base = result[FACE_SLICE].mean(0) + [0.0, NECK_BELOW * scale]
    result[FACE_SLICE] = _turned(result[FACE_SLICE] + shift * HEAD_FOLLOWS, base, rng.normal(0, HEAD_TURN))
    result[FACE_SLICE] += rng.normal(0, HEAD_MOVE, 2) * scale
    _speak(result[FACE_SLICE], rng)
    return result


def _speak(face: np.ndarray, rng: np.random.Generator) -> None:
    """Open or close mouth and eyes of [68, 2] in place."""
    right, left = MOUTH_CORNERS
    wide = float(np.linalg.norm(face[left] - face[right]))
    down = face[CHIN] - face[NOSE_BRIDGE]
    down /= max(float(np.linalg.norm(down)), 1e-6)
    opened = max(0.0, rng.normal(MOUTH_MEAN, MOUTH_SPREAD)) * wide
    for point, share in LOWER_LIPS.items():
        face[point] += down * opened * share
    for point in JAW_POINTS:
        face[point] += down * opened * max(0.0, 1 - abs(point - CHIN) / JAW_WIDTH)
    if rng.random() < BLINKS:
        for upper, lower in LIDS:
            face[upper] += (face[lower] - face[upper]) * BLINK


def _turned(points: np.ndarray, centre: np.ndarray, angle: float, size: float = 1.0) -> np.ndarray:
    c, s = np.cos(angle) * size, np.sin(angle) * size
    result: np.ndarray = (points - centre) @ np.array([[c, s], [-s, c]]) + centre
    return result


def portrait_pairs(
    picture: np.ndarray, points: np.ndarray, person: np.ndarray, count: int, seed: int, *, real: bool = False
) -> Iterator[Pair]:
    """Pairs of side S of one portrait [2 S, 2 S, 3] uint8 with points [116, 2] pixels and mask [2 S, 2 S].

    They are drawn at twice the size, so that a synthetic source is as sharp as a real one.

    Args:
        real: whole random poses and an exact cut: for evaluation.
    """
    rng = np.random.default_rng(seed)
    layers = cut(picture, points, person)
    target = _bytes(halved(picture / 255.0))
    for _ in range(count):
        moved = 1.0 if real else rng.uniform(LEAST_MOVE, 1)
        pose = points + moved * (random_pose(points, rng) - points)
        drawn = draw(layers, pose)
        source, mask = _bytes(halved(drawn.picture)), halved(drawn.shares.sum(0)[..., None])[..., 0]
        off = np.zeros(points.shape) if real else inexact(pose / 2, rng)
        if not real:
            mask = inexact_mask(mask, body_scale(pose / 2), rng)
        yield make_pair(cut(source, pose / 2 + off, np.clip(mask, 0, 1)), source, target, points / 2 + off)


def inexact(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random errors [116, 2] in pixels, as detected keypoints have them: of joints, hands, the face, single points."""
    scale = body_scale(points)
    result = rng.normal(0, POINT_OFF, points.shape)
    result[: HAND_SLICES[0].start] += rng.normal(0, ARM_OFF, (HAND_SLICES[0].start, 2))
    for span, off in ((HAND_SLICES[0], HAND_OFF), (HAND_SLICES[1], HAND_OFF), (FACE_SLICE, FACE_OFF)):
        result[span] += rng.normal(0, off, 2)
    return result * scale


def inexact_mask(mask: np.ndarray, scale: float, rng: np.random.Generator) -> np.ndarray:
    """A person's mask [H, W] in 0 .. 1 grown or shrunk by up to a filter's radius."""
    blurred = box(mask.astype(np.float64), max(1, round(MASK_BLUR * scale)))
    result: np.ndarray = np.clip((blurred - rng.uniform(*MASK_LEVELS)) / MASK_EDGE + 0.5, 0, 1)
    return result


def person_pairs(
    pictures: np.ndarray, points: np.ndarray, persons: np.ndarray, count: int, seed: int, *, every: bool = False
) -> Iterator[Pair]:
    """Pairs of pictures [N, S, S, 3] uint8 of one person; points [N, 116, 2], masks [N, S, S] in 0 .. 1.

    A picture is cut alone, as a portrait is, and warped to several others. Pairs whose warped picture is far from the
    target are left out, as they teach blur only.

    Args:
        every: also pairs whose hands or faces show different sides, which drawn people bear: their points are exact.
    """
    rng = np.random.default_rng(seed)
    number = len(pictures)
    found = 0
    for first in rng.permutation(number):
        others = [k for k in rng.permutation(number) if k != first and (every or alike(points[first], points[k]))]
        if not others:
            continue
        layers = in_depth(cut(pictures[first], points[first], persons[first]))
        for second in others[:TARGETS]:
            pair = make_pair(layers, pictures[first], pictures[second], points[second])
            if _decibels(pair) < LEAST_PSNR:
                continue
            yield pair
            found += 1
            if found == count:
                return


def _decibels(pair: Pair) -> float:
    """PSNR of the warped picture, dB."""
    error = (pair.warped.astype(np.float32) - pair.target) / 255
    return float(-10 * np.log10(max(float((error * error).mean()), 1e-10)))


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether one picture of a person can be warped to another: face and hands show nearly the same side.

    Decided by the residual of face and hands after the best similarity [D].
    """
    for span, most in ((FACE_SLICE, FACE_ALIKE), *((span, HAND_ALIKE) for span in HAND_SLICES)):
        a, b = one[span], other[span]
        matrix, offset = similarity(a, b)
        radius = max(float(np.linalg.norm(b - b.mean(0), axis=1).mean()), 1.0)
        if float(np.linalg.norm(a @ matrix.T + offset - b, axis=1).mean()) > most * radius:
            return False
    return True


def write_shard(folder: Path, number: int, pairs: list[Pair]) -> Path:
    """Write pairs as one shard; it appears whole or not at all."""
    path = folder / f"shard-{number:05d}.safetensors"
    stacked = {field.name: np.stack([getattr(pair, field.name) for pair in pairs]) for field in fields(Pair)}
    write_arrays(path, stacked)
    return path


class Pairs:
    """All shards of one or several folders, as one sequence of pairs."""

    def __init__(self, *folders: Path) -> None:
        """Raises UserError if there are none."""
        from safetensors import safe_open

        paths = [path for folder in folders for path in sorted(Path(folder).glob("shard-*.safetensors"))]
        if not paths:
            raise UserError(f"no pairs in {', '.join(map(str, folders))}; create them first")
        self._at: list[tuple[dict[str, Any], int]] = []
        sides: dict[int, list[int]] = {}
        for path in paths:
            shard = safe_open(path, "np")
            columns = {
                field.name: shard.get_slice(field.name)  # type: ignore[no-untyped-call]
                for field in fields(Pair)
            }
            count = columns["points"].get_shape()[0]
            sides.setdefault(columns["source"].get_shape()[1], []).extend(range(len(self._at), len(self._at) + count))
            self._at += [(columns, k) for k in range(count)]
        self.sides = {side: np.array(numbers) for side, numbers in sides.items()}  # of pictures -> pairs of that size

    def __len__(self) -> int:
        return len(self._at)

    def batch(self, numbers: np.ndarray) -> Pair:
        """The pairs of these numbers, stacked."""
        rows = [self._at[int(number)] for number in numbers]
        return Pair(*(np.stack([shard[field.name][k : k + 1][0] for shard, k in rows]) for field in fields(Pair)))


def write_settings(folder: Path, settings: dict[str, object]) -> None:
    """Write pairs.json of a folder."""
    with atomic_path(folder / "pairs.json") as temporary:
        temporary.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
