"""Training pairs for refinement: a person warped to the pose of another picture of them, and that picture.

Two kinds (decision of ours, as no videos are at hand that may be used [D]):

- rendered people, whose pictures in two poses are both exact;
- portraits: one is warped by its layers to a random pose, which is the source; the portrait itself, which is real,
  is the target. So the target is always real and only the source is synthetic.

A folder of pairs has shards, safetensors files from which single pairs are read, and pairs.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.files import atomic_path, write_arrays
from ...motion.points import BODY_SLICE, CHIN, FACE_SLICE, HAND_SIZE, HAND_SLICES, MOUTH_CORNERS, NOSE_BRIDGE, SHOULDERS
from ..warping.layer_warp import draw
from ..warping.layers import Layers, cut
from ..warping.limb_geometry import INDEX, SIDES, body_scale
from ..warping.mouth_and_lids import similarity

SHARD = 32  # pairs in a file
LEAST_PSNR = 23.0  # dB that warping has to reach against the other picture of a person, to learn from [D]
FREE = 0.02  # person mask below which a pixel shows the background
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
        _bytes(_halved(layers.parts)),
        _bytes(drawn.picture),
        _bytes(_halved(drawn.seen)),
        flow.astype(np.float16),
        target,
        both.astype(np.float32),
    )


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values * 255), 0, 255).astype(np.uint8)


def _halved(masks: np.ndarray) -> np.ndarray:
    part, height, width = masks.shape
    result: np.ndarray = masks.reshape(part, height // 2, 2, width // 2, 2).mean((2, 4))
    return result


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

    They are drawn at twice the size, so that a synthetic source is as sharp as a real one. For training, the
    target is the portrait as its layers reproduce it, and the warped picture has the true background: else the
    network would learn to restore what the synthesis of the source loses of outlines and background.

    Args:
        real: the target is the portrait itself and the background is inpainted: for evaluation.
    """
    rng = np.random.default_rng(seed)
    layers = cut(picture, points, person)
    target = _half(picture / 255.0 if real else draw(layers, points).picture)
    behind = _half(layers.background)
    for _ in range(count):
        pose = random_pose(points, rng)
        drawn = draw(layers, pose)
        source, seen = _bytes(_half(drawn.picture)), _half(drawn.seen.sum(0)[..., None])[..., 0]
        again = cut(source, pose / 2, np.clip(seen, 0, 1), room=real)
        if not real:
            again = replace(again, background=behind)
        yield make_pair(again, source, _bytes(target), points / 2)


def _half(picture: np.ndarray) -> np.ndarray:
    """[2 H, 2 W, C] -> [H, W, C]: means of 2 x 2 pixels."""
    height, width, channels = picture.shape
    result: np.ndarray = picture.reshape(height // 2, 2, width // 2, 2, channels).mean((1, 3), dtype=np.float32)
    return result


def person_pairs(
    pictures: np.ndarray, points: np.ndarray, persons: np.ndarray, count: int, seed: int
) -> Iterator[Pair]:
    """Pairs of pictures [N, S, S, 3] uint8 of one person; points [N, 116, 2], masks [N, S, S] in 0 .. 1.

    The background visible in any picture is used for all. Pairs whose warped picture is far from the target are
    left out, as they teach blur only.
    """
    rng = np.random.default_rng(seed)
    free = (persons < FREE).astype(np.float32)[..., None]
    shown = (pictures * free).sum(0) / np.maximum(free.sum(0), 1) / 255
    number = len(pictures)
    found = 0
    for first in rng.permutation(number):
        near = [k for k in range(number) if k != first and alike(points[first], points[k])]
        layers = cut(pictures[first], points[first], persons[first], room=False) if near else None
        if layers is not None:
            known = np.minimum(free.sum(0), 1)
            layers = replace(layers, background=(shown * known + layers.background * (1 - known)).astype(np.float32))
        for second in rng.permutation(near)[: max(1, -(-count // number))]:
            assert layers is not None
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
        self._at = []
        for path in paths:
            shard = safe_open(path, "np")
            columns = {
                field.name: shard.get_slice(field.name)  # type: ignore[no-untyped-call]
                for field in fields(Pair)
            }
            count = columns["points"].get_shape()[0]
            self._at += [(columns, k) for k in range(count)]

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
