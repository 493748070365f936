"""Layers of a portrait moved to other points: one smooth map a part, laid over one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..motion.points import SHOULDERS
from .layers import PARTS, SIDES, Layers, bones, hand, unit
from .splines import Spline, fit_spline

MOUTH = range(60, 68)  # inner lips among the 68 points of the face
_END = 0.12  # shoulder widths: radius of a part of an arm that is seen from its end
_FORESHORTENED = 0.15  # shoulder widths: parts of arms shorter than that are seen from their end
SHORTEST = 0.3  # of a bone's length in the portrait: nothing is squeezed further


@dataclass(frozen=True, eq=False)
class Bone:
    """A backward map: along a bone it stretches, across it keeps the width. Pixels."""

    driven: np.ndarray  # [2, 2]
    source: np.ndarray  # [2, 2]

    @property
    def affine(self) -> tuple[np.ndarray, np.ndarray]:
        """Matrix [2, 2] and offset [2] of source = matrix @ driven + offset."""
        frames, lengths = [], []
        for bone in (self.driven, self.source):
            way = bone[1] - bone[0]
            length = max(float(np.linalg.norm(way)), 1e-6)
            axis = way / length
            frames.append(np.stack([axis, [-axis[1], axis[0]]]))
            lengths.append(length)
        stretch = lengths[1] / max(lengths[0], SHORTEST * lengths[1])
        matrix = frames[1].T @ np.diag([stretch, 1.0]) @ frames[0]
        return matrix, self.source[0] - matrix @ self.driven[0]

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """Driven pixels [..., 2] -> source pixels."""
        matrix, offset = self.affine
        return places @ matrix.T + offset


@dataclass(frozen=True, eq=False)
class Plate:
    """A similarity, and a thin-plate spline for what it leaves over. Pixels."""

    matrix: np.ndarray  # [2, 2], of driven pixels
    offset: np.ndarray  # [2]
    spline: Spline  # driven places in the unit below -> what is left over, likewise
    middle: np.ndarray  # [2] driven pixels
    size: float  # pixels that count as 1

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """Driven pixels [M, 2] -> source pixels."""
        rest = self.spline((places - self.middle) / self.size)
        return places @ self.matrix.T + self.offset + rest * self.size


def anchors(points: np.ndarray, source: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[9, 2]: places of body and hair that no point tells of, as they move with those that do.

    The trunk follows the shoulders, less and less downwards; crown and sides of the head are turned and
    moved as the face is.
    """
    scale = unit(source)
    old, new = (p[list(SHOULDERS)].mean(0) for p in (source, points))
    move = new - old
    trunk = []
    for down, share in ((0.05, 0.9), (0.7, 0.5), (1.5, 0.15)):
        for side in (-0.5, 0.5):
            if down > 0.1:
                trunk.append(old + [side * 0.9 * scale, down * scale] + share * move)
            elif side < 0:
                trunk.append(old + [0.0, down * scale] + share * move)
    matrix, offset = similarity(source[48:], points[48:])
    face = source[48:]
    low, high = face.min(0), face.max(0)
    middle, half = (low + high) / 2, (high - low) / 2
    head = middle + half * np.array([[-1.5, -1.0], [0.0, -2.2], [1.5, -1.0], [-1.5, -2.0], [1.5, -2.0]])
    return np.concatenate([np.array(trunk), head @ matrix.T + offset])


def similarity(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn, scale and move (matrix [2, 2], offset [2]) that take points [N, 2] nearest to others."""
    a, b = source - source.mean(0), target - target.mean(0)
    power = max(float((a * a).sum()), 1e-9)
    real, imaginary = (a * b).sum() / power, (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / power
    matrix = np.array([[real, -imaginary], [imaginary, real]])
    return matrix, target.mean(0) - matrix @ source.mean(0)


def maps(source: np.ndarray, driven: np.ndarray, size: tuple[int, int]) -> list[Plate | Bone]:
    """The backward map of every part, in the order of PARTS, for points [116, 2] pixels."""
    result: dict[str, Plate | Bone] = {}
    new, old = (
        np.concatenate([p[list(SHOULDERS)], p[48:], anchors(p, source, size)]) for p in (driven, source)
    )
    result["body"] = plate(new, old, max(size) / 2, 1e-5)
    scale = unit(source)
    for side in SIDES:
        after, before = bones(driven, side), bones(source, side)
        for part in ("upper", "lower"):
            result[f"{side}_{part}"] = _limb(after[part], before[part], scale)
        result[f"{side}_hand"] = _hand_plate(hand(driven, side), hand(source, side))
    return [result[part] for part in PARTS]


def _limb(driven: np.ndarray, source: np.ndarray, scale: float) -> Bone:
    """The map of a part of an arm. One that points to the viewer in the portrait shows its end, which is
    stretched as a whole: by its few pixels of length it would be drawn out without end."""
    length = float(np.linalg.norm(source[1] - source[0])) / scale
    beyond = _END * scale * float(np.clip(2.0 - length / _FORESHORTENED, 0, 1))
    ends = []
    for bone in (driven, source):
        way = bone[1] - bone[0]
        step = way / max(float(np.linalg.norm(way)), 1e-6) * beyond
        ends.append(np.stack([bone[0] - step, bone[1] + step]))
    return Bone(*ends)


def plate(driven: np.ndarray, source: np.ndarray, unit: float, ridge: float) -> Plate:
    """The map that takes points [N, 2] pixels to others; ``unit`` pixels count as 1 for the ridge."""
    matrix, offset = similarity(driven, source)
    middle = driven.mean(0)
    left = source - (driven @ matrix.T + offset)
    return Plate(matrix, offset, fit_spline((driven - middle) / unit, left / unit, ridge=ridge), middle, unit)


RING = np.stack([np.cos(np.arange(12) * np.pi / 6), np.sin(np.arange(12) * np.pi / 6)], -1)


def _hand_plate(driven: np.ndarray, source: np.ndarray) -> Plate:
    """A hand is turned and moved as a whole, its fingers bend a little; far from it nothing is bent.

    One picture of a hand shows one side of it, so a map that reached any other shape would tear it (a
    decision of ours): fingers move by at most a third of the hand's radius.
    """
    matrix, offset = similarity(driven, source)
    middle = driven.mean(0)
    radius = max(float(np.linalg.norm(driven - middle, axis=1).max()), 1.0)
    left = (source - (driven @ matrix.T + offset)) / radius
    size = np.linalg.norm(left, axis=1, keepdims=True)
    left *= np.minimum(1.0, 0.33 / np.maximum(size, 1e-6))
    control = np.concatenate([(driven - middle) / radius, 1.7 * RING])
    rest = np.concatenate([left, np.zeros_like(RING)])
    return Plate(matrix, offset, fit_spline(control, rest, ridge=0.05), middle, radius)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A portrait whose points are at other places."""

    picture: np.ndarray  # [H, W, 3] float32 in 0 .. 1
    seen: (
        np.ndarray
    )  # [7, H, W] float32: how much of each pixel each part of PARTS is; the rest is background
    source: np.ndarray  # [H, W, 2] float32 pixels of the portrait that each pixel came from


def draw(layers: Layers, driven: np.ndarray) -> Drawn:
    """The portrait with its points [116, 2] pixels at other places (``layers`` is from ``cut``)."""
    width, height = layers.size
    grid = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), -1).astype(np.float32)
    picture, source = layers.background.copy(), grid.copy()
    seen = np.zeros((len(PARTS), height, width), np.float32)
    for k, move in enumerate(maps(layers.points, driven, layers.size)):
        window = _window(layers.masks[k], move, layers.size, grid)
        if window is None:
            continue
        places = grid[window].reshape(-1, 2)
        came = places_from(move, window, _face(driven) if k == 0 else None).reshape(-1, 2)
        stacked = np.concatenate([layers.colours[k], layers.masks[k][..., None]], -1)
        got = sample(stacked, came).reshape(*grid[window].shape[:2], 4)
        share = got[..., 3:]
        if k:  # an arm ends where the portrait cut it off; the body goes on below
            beyond = np.maximum(np.maximum(-came, came - [width, height]).max(-1), 0).reshape(share.shape)
            share = share * np.clip(1 - beyond.astype(np.float32) / 2, 0, 1)
        if k == 0:
            got[..., :3] = _mouth(got[..., :3], driven, layers, places).reshape(got[..., :3].shape)
        picture[window] = got[..., :3] * share + picture[window] * (1 - share)
        source[window] = np.where(share > 0.5, came.reshape(source[window].shape), source[window])
        seen[(slice(None), *window)] *= 1 - share[None, ..., 0]
        seen[(k, *window)] = share[..., 0]
    return Drawn(picture, seen, source)


def places_from(
    move: Plate | Bone, window: tuple[slice, slice], fine: tuple[slice, slice] | None = None
) -> np.ndarray:
    """Source pixels [h, w, 2] float32 of a window of the driven picture.

    Splines are computed on every 4th pixel and in between bilinearly; within ``fine`` on every 2nd.
    """
    rows, columns = window
    if isinstance(move, Bone):
        grid = np.stack(np.meshgrid(_centres(columns), _centres(rows)), -1)
        return move(grid).astype(np.float32)
    result = _coarse(move, window, 4)
    if fine is not None:
        top, low = max(rows.start, fine[0].start), min(rows.stop, fine[0].stop)
        left, right = max(columns.start, fine[1].start), min(columns.stop, fine[1].stop)
        if low > top and right > left:
            part = _coarse(move, (slice(top, low), slice(left, right)), 2)
            result[top - rows.start : low - rows.start, left - columns.start : right - columns.start] = part
    return result


def _centres(span: slice) -> np.ndarray:
    return np.arange(span.start, span.stop) + 0.5


def _coarse(move: Plate, window: tuple[slice, slice], step: int) -> np.ndarray:
    knots = []
    for span in window:
        count = max(2, -(-(span.stop - span.start) // step) + 1)
        knots.append(span.start + 0.5 + step * np.arange(count))
    y, x = np.meshgrid(*knots, indexing="ij")
    values = move(np.stack([x, y], -1).reshape(-1, 2)).reshape(*x.shape, 2).astype(np.float32)
    for axis, span in enumerate(window):
        place = np.arange(span.stop - span.start) / step
        low = np.minimum(place.astype(int), values.shape[axis] - 2)
        share = (place - low).astype(np.float32).reshape([-1 if k == axis else 1 for k in range(3)])
        values = values.take(low, axis) * (1 - share) + values.take(low + 1, axis) * share
    return values


def _face(points: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns round the face of [116, 2]."""
    low, high = np.floor(points[48:].min(0)).astype(int) - 3, np.ceil(points[48:].max(0)).astype(int) + 3
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _window(
    mask: np.ndarray, move: Plate | Bone, size: tuple[int, int], grid: np.ndarray
) -> tuple[slice, slice] | None:
    """The rectangle of the driven picture outside of which a part is not; looked for on every 8th pixel."""
    step = 8
    coarse = grid[step // 2 :: step, step // 2 :: step]
    came = move(coarse.reshape(-1, 2))
    spread = np.pad(mask, step)
    hit = np.zeros(len(came), bool)
    x = np.clip(came[:, 0].astype(int) + step, 0, spread.shape[1] - 1)
    y = np.clip(came[:, 1].astype(int) + step, 0, spread.shape[0] - 1)
    for dx in (-step + 1, 0, step - 1):
        for dy in (-step + 1, 0, step - 1):
            hit |= (
                spread[np.clip(y + dy, 0, spread.shape[0] - 1), np.clip(x + dx, 0, spread.shape[1] - 1)]
                > 0.004
            )
    found = hit.reshape(coarse.shape[:2])
    if not found.any():
        return None
    rows, columns = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    return (
        slice(max(0, (rows[0] - 1) * step), min(size[1], (rows[-1] + 2) * step)),
        slice(max(0, (columns[0] - 1) * step), min(size[0], (columns[-1] + 2) * step)),
    )


def sample(picture: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Bilinear values of [H, W, C] at pixels [M, 2]; beyond the border the mask is 0 and colours go on."""
    height, width = picture.shape[:2]
    x, y = places[:, 0] - 0.5, places[:, 1] - 0.5
    # The portrait is cut off at its own border, so what lies below it is thought to go on.
    x, y = np.clip(x, 0, width - 1.001), np.clip(y, 0, height - 1.001)
    i, j = x.astype(int), y.astype(int)
    u, v = (x - i)[:, None].astype(np.float32), (y - j)[:, None].astype(np.float32)
    flat = picture.reshape(-1, picture.shape[2])
    at = j * width + i
    top = flat[at] * (1 - u) + flat[at + 1] * u
    low = flat[at + width] * (1 - u) + flat[at + width + 1] * u
    result: np.ndarray = top * (1 - v) + low * v
    return result


def _mouth(colours: np.ndarray, driven: np.ndarray, layers: Layers, places: np.ndarray) -> np.ndarray:
    """Inside of the mouth, as far as the lips open further than in the portrait: dark, with teeth above."""
    inner, before = driven[48:][list(MOUTH)], layers.points[48:][list(MOUTH)]
    flat = colours.reshape(-1, 3).copy()
    gap = np.linalg.norm(inner[[1, 2, 3]] - inner[[7, 6, 5]], axis=1).mean()
    own = np.linalg.norm(before[[1, 2, 3]] - before[[7, 6, 5]], axis=1).mean()
    wide = float(np.linalg.norm(inner[4] - inner[0]))
    opened = (gap - own) / max(wide, 1e-6)
    if opened <= 0.02:
        return flat
    low, high = inner.min(0) - 2, inner.max(0) + 2
    near = np.flatnonzero(((places > low) & (places < high)).all(1))
    if not len(near):
        return flat
    share = _inside(places[near], inner) * min(1.0, (opened - 0.02) / 0.06)
    upper = np.interp(places[near, 0], *_sorted(inner[[0, 1, 2, 3, 4]]))
    lower = np.interp(places[near, 0], *_sorted(inner[[0, 7, 6, 5, 4]]))
    depth = (places[near, 1] - upper) / np.maximum(lower - upper, 1e-6)
    across = np.abs(places[near, 0] - inner[[0, 4], 0].mean()) / (wide / 2)
    teeth = np.clip((0.42 - depth) / 0.12, 0, 1) * np.clip((0.85 - across) / 0.3, 0, 1)
    teeth *= np.clip((opened - 0.08) / 0.1, 0, 1)
    dark, bone = np.array([0.22, 0.09, 0.09]), np.array([0.80, 0.76, 0.72])
    inside = dark + (bone - dark) * teeth[:, None]
    flat[near] = flat[near] * (1 - share[:, None]) + inside * share[:, None]
    return flat


def _sorted(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(points[:, 0])
    return points[order, 0], points[order, 1]


def _inside(places: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """[M] 1 within a closed outline [N, 2], 0 outside, soft over a pixel."""
    after = np.roll(outline, -1, axis=0)
    way = after - outline
    offset = places[:, None] - outline[None]
    share = np.clip((offset * way).sum(-1) / np.maximum((way * way).sum(-1), 1e-9), 0, 1)
    distance = np.linalg.norm(offset - share[..., None] * way, axis=-1).min(1)
    between = (outline[None, :, 1] > places[:, None, 1]) != (after[None, :, 1] > places[:, None, 1])
    slope = np.where(np.abs(way[:, 1]) < 1e-9, 1e-9, way[:, 1])
    cross = outline[None, :, 0] + (places[:, None, 1] - outline[None, :, 1]) * way[:, 0] / slope
    within = (between & (places[:, None, 0] < cross)).sum(1) % 2 == 1
    return np.clip(np.where(within, distance, -distance) + 0.5, 0, 1)
