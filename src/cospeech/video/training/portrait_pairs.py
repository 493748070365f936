"""Pairs to learn refinement from: a person warped to the pose of another picture of them, and that picture.

Two kinds (a decision of ours, as no films are at hand that may be used):

- rendered people, whose pictures in two poses are both true;
- portraits. One is moved by its layers to a random pose, and this picture is the source; the portrait itself,
  which is real, is the target. So what has to be painted is always true, only the source is made.

A folder of pairs has shards, safetensors files of which single pairs are read, and pairs.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.files import atomic_path
from ...motion.points import SHOULDERS
from ..warping.layer_warp import draw
from ..warping.layers import INDEX, SIDES, Layers, cut, unit
from ..warping.mouth_and_lids import similarity

SHARD = 32  # pairs
LEAST = 23.0  # dB by which warping has to reach another picture of a person


@dataclass(frozen=True, eq=False)
class Pair:
    """What the generator learns from; S is the side of the pictures, H half of it. Also a batch of them."""

    source: np.ndarray  # [S, S, 3] uint8 sRGB
    masks: np.ndarray  # [7, H, H] uint8: parts of the source
    warped: np.ndarray  # [S, S, 3] uint8
    seen: np.ndarray  # [7, H, H] uint8: parts of the warped picture
    flow: np.ndarray  # [H, H, 2] float16: where in the source each pixel came from, -1 .. 1
    target: np.ndarray  # [S, S, 3] uint8
    points: np.ndarray  # [2, 116, 2] float32: of source and target, -1 .. 1


def make_pair(layers: Layers, source: np.ndarray, target: np.ndarray, points: np.ndarray) -> Pair:
    """Warp a cut picture to the points [116, 2] pixels of another one of the same person, both [S, S, 3]."""
    drawn = draw(layers, points)
    side = len(source)
    flow = (drawn.source[1::2, 1::2] - 0.5) / (side / 2) - 1
    both = np.stack([layers.points, points]) / (side / 2) - 1
    return Pair(
        source,
        _bytes(_halved(layers.masks)),
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
    """Points [116, 2] pixels of a person who moves as speakers do: arms, hands, head, lips, shoulders."""
    result = points.astype(np.float64).copy()
    scale = unit(points)
    for side, sign in zip(SIDES, (-1.0, 1.0), strict=True):
        shoulder, elbow, wrist = (INDEX[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist"))
        first = INDEX[f"{side}_hand"]
        hand = list(range(first, first + 21))
        for joint, moved, spread in (
            (shoulder, [elbow, wrist, *hand], 0.35),
            (elbow, [wrist, *hand], 0.8),
            (wrist, hand, 0.35),
        ):
            turn = sign * rng.normal(0.1, spread)
            result[moved] = _turned(result[moved], result[joint], turn)
        # Lengths in the picture change as arms point to the viewer.
        for start, end, moved in ((shoulder, elbow, [elbow, wrist, *hand]), (elbow, wrist, [wrist, *hand])):
            way = result[end] - result[start]
            wanted = np.clip(np.exp(rng.normal(0, 0.25)), 0.5, 1.7)
            longest = 0.85 * scale / max(float(np.linalg.norm(way)), 1e-6)
            result[moved] += way * (min(wanted, max(longest, 1.0)) - 1)
        result[hand] = _turned(result[hand], result[hand[0]], 0.0, np.exp(rng.normal(0, 0.06)))
    shift = rng.normal(0, 0.02, 2) * scale
    result[:48] += shift * [1.0, 0.5]
    result[list(SHOULDERS)] += rng.normal(0, 0.01, (2, 2)) * scale
    face = slice(48, 116)
    base = result[face].mean(0) + [0.0, 0.35 * scale]
    result[face] = _turned(result[face] + shift * 1.5, base, rng.normal(0, 0.07))
    result[face] += rng.normal(0, 0.012, 2) * scale
    _speak(result[face], rng)
    return result


def _speak(face: np.ndarray, rng: np.random.Generator) -> None:
    """Open or close mouth and eyes of [68, 2] in place."""
    wide = float(np.linalg.norm(face[54] - face[48]))
    down = face[8] - face[27]
    down /= max(float(np.linalg.norm(down)), 1e-6)
    opened = max(0.0, rng.normal(0.12, 0.15)) * wide
    for point, share in zip((55, 56, 57, 58, 59, 65, 66, 67), (0.6, 0.9, 1, 0.9, 0.6, 0.9, 1, 0.9), strict=True):
        face[point] += down * opened * share
    for point in range(3, 14):
        face[point] += down * opened * max(0.0, 1 - abs(point - 8) / 5.5)
    if rng.random() < 0.25:  # a blink
        for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
            face[upper] += (face[lower] - face[upper]) * 0.8


def _turned(points: np.ndarray, centre: np.ndarray, angle: float, size: float = 1.0) -> np.ndarray:
    c, s = np.cos(angle) * size, np.sin(angle) * size
    result: np.ndarray = (points - centre) @ np.array([[c, s], [-s, c]]) + centre
    return result


def portrait_pairs(
    picture: np.ndarray, points: np.ndarray, person: np.ndarray, count: int, seed: int, *, real: bool = False
) -> Iterator[Pair]:
    """Pairs of side S of one portrait [2 S, 2 S, 3] uint8 with points [116, 2] pixels and mask [2 S, 2 S].

    Drawn in twice the size, so that a source that is made is as sharp as one that is not. To learn from, the
    target is the portrait as its layers show it, and what is behind the person is known to the warped
    picture: else the network would paint again and again what making a source loses of outlines and room.

    Args:
        real: the target is the portrait itself and the room is not known: to measure.
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

    What any picture shows of what is behind the person is known to all of them. Pairs that warping misses by
    far are left out, as nothing can be learned from them but to blur.
    """
    rng = np.random.default_rng(seed)
    free = (persons < 0.02).astype(np.float32)[..., None]
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
            if _decibels(pair) < LEAST:
                continue
            yield pair
            found += 1
            if found == count:
                return


def _decibels(pair: Pair) -> float:
    """PSNR of what warping alone makes."""
    error = (pair.warped.astype(np.float32) - pair.target) / 255
    return float(-10 * np.log10(max(float((error * error).mean()), 1e-10)))


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether one picture of a person can be warped to another: face and hands show nearly the same side.

    What a turn, a scale and a move in the picture leave over of face and hands [D].
    """
    for span, most in ((slice(48, 116), 0.2), (slice(6, 27), 0.6), (slice(27, 48), 0.6)):
        a, b = one[span], other[span]
        matrix, offset = similarity(a, b)
        radius = max(float(np.linalg.norm(b - b.mean(0), axis=1).mean()), 1.0)
        if float(np.linalg.norm(a @ matrix.T + offset - b, axis=1).mean()) > most * radius:
            return False
    return True


def write_shard(folder: Path, number: int, pairs: list[Pair]) -> Path:
    """Write pairs as one shard; it appears whole or not at all."""
    from safetensors.numpy import save_file

    path = folder / f"shard-{number:05d}.safetensors"
    stacked = {field.name: np.stack([getattr(pair, field.name) for pair in pairs]) for field in fields(Pair)}
    with atomic_path(path) as temporary:
        save_file(stacked, temporary)
    return path


class Pairs:
    """All shards of one or several folders, as one sequence of pairs."""

    def __init__(self, *folders: Path) -> None:
        """Raises UserError if there are none."""
        from safetensors import safe_open

        paths = [path for folder in folders for path in sorted(Path(folder).glob("shard-*.safetensors"))]
        if not paths:
            raise UserError(f"no pairs in {', '.join(map(str, folders))}; make them first")
        self._at = []
        for path in paths:
            shard = safe_open(path, "np")
            columns = {field.name: shard.get_slice(field.name) for field in fields(Pair)}
            count = columns["points"].get_shape()[0]
            self._at += [(columns, k) for k in range(count)]

    def __len__(self) -> int:
        return len(self._at)

    def batch(self, numbers: np.ndarray) -> Pair:
        """The pairs of these numbers, stacked."""
        rows = [self._at[int(number)] for number in numbers]
        return Pair(*(np.stack([shard[field.name][k : k + 1][0] for shard, k in rows]) for field in fields(Pair)))


def write_settings(folder: Path, settings: dict[str, object]) -> None:
    """pairs.json of a folder."""
    with atomic_path(folder / "pairs.json") as temporary:
        temporary.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
