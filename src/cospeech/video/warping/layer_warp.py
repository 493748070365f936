"""Layers of a portrait warped to other keypoints: one smooth map for each part, composed back to front."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...motion.points import FACE_SLICE, SHOULDERS
from .layers import Layers
from .limb_geometry import PARTS, SIDES, TINY, body_scale, bones, face_oval, hand
from .mouth_and_lids import eyes_open, paint_face, similarity
from .splines import Spline, fit_spline

# All of these are decisions of ours, set by eye [D].
END_RADIUS = 0.12  # shoulder widths: radius of a part of an arm that is seen from its end
FORESHORTENED = 0.15  # shoulder widths: parts of arms shorter than that are seen from their end
SHORTEST = 0.3  # of a bone's length in the portrait: nothing is squeezed further
LEAST_SCALE = 0.6  # of the ratio of their sizes, by which shapes of a hand are laid on one another
# Points of the trunk: shoulder widths below the shoulders and to the side, and share of the shoulders' move.
TRUNK_ANCHORS = (((0.0, 0.05), 0.9), ((-0.45, 0.7), 0.5), ((0.45, 0.7), 0.5), ((-0.45, 1.5), 0.15), ((0.45, 1.5), 0.15))
# Points of the head round the face, in half widths and half heights of the face from its middle.
HEAD_ANCHORS = np.array([[-1.5, -1.0], [0.0, -2.2], [1.5, -1.0], [-1.5, -2.0], [1.5, -2.0]])
BODY_RIDGE, HAND_RIDGE = 1e-5, 0.05  # of the splines, where half the picture, or a hand's radius, is 1
FINGER_MOVE = 0.33  # hand radiuses that the points of a hand move at most against the hand as a whole
RING_RADIUS = 1.7  # hand radiuses from the middle of a hand to where nothing is bent
LATTICE, FACE_LATTICE = 4, 2  # pixels between places at which splines are computed, and in the face
FACE_MARGIN = 3  # pixels round the face that are computed on the finer lattice
SEARCH_STEP = 8  # pixels between places at which a part is searched for
SEEN_MASK = 0.004  # of a part, below which it is not drawn (1/255)
FADE_OUT = 2.0  # pixels over which an arm ends beyond the portrait's border


@dataclass(frozen=True, eq=False)
class Bone:
    """A backward map in pixels: it stretches along a bone and keeps the size across it and beyond its ends."""

    driven: np.ndarray  # [2, 2]
    source: np.ndarray  # [2, 2]

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """Driven pixels [..., 2] -> source pixels."""
        ways = [bone[1] - bone[0] for bone in (self.driven, self.source)]
        new, old = (float(np.linalg.norm(way)) for way in ways)
        # A bone without length has no direction and is not rotated.
        axes = [way / length for way, length in zip(ways, (new, old), strict=True) if length > TINY]
        first, last = (axes[0], axes[-1]) if axes else (np.array([1.0, 0.0]),) * 2
        turn = np.outer(last, first) + np.outer(_aside(last), _aside(first))
        end = max(new, SHORTEST * old)  # place of the source's end along the driven bone
        offset = places - self.driven[0]
        # Only between the ends: stretching the cap of a bone that points to the viewer would make a spike.
        more = (old / max(end, TINY) - 1.0) * np.clip(offset @ first, 0.0, end)
        result: np.ndarray = offset @ turn.T
        result += self.source[0]
        result += more[..., None] * last
        return result


def _aside(way: np.ndarray) -> np.ndarray:
    """A quarter turn of [2]."""
    return np.array([-way[1], way[0]])


@dataclass(frozen=True, eq=False)
class Plate:
    """A backward map in pixels: a similarity, and a thin-plate spline for its residual."""

    matrix: np.ndarray  # [2, 2], of driven pixels
    offset: np.ndarray  # [2]
    spline: Spline  # driven places in units of ``size`` -> residual, likewise
    middle: np.ndarray  # [2] driven pixels
    size: float  # pixels that count as 1

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """Driven pixels [M, 2] -> source pixels."""
        rest = self.spline((places - self.middle) / self.size)
        return places @ self.matrix.T + self.offset + rest * self.size


def anchors(points: np.ndarray, source: np.ndarray) -> np.ndarray:
    """[10, 2] pixels: places of body and hair without a keypoint, moved with the keypoints near them.

    The trunk follows the shoulders, less and less downwards; crown and sides of the head are turned and
    moved as the face is.

    Args:
        points: [116, 2] where the keypoints move to.
        source: [116, 2] keypoints of the portrait.
    """
    scale = body_scale(source)
    old, new = (p[list(SHOULDERS)].mean(0) for p in (source, points))
    move = new - old
    trunk = [old + [across * scale, down * scale] + share * move for (across, down), share in TRUNK_ANCHORS]
    matrix, offset = similarity(source[FACE_SLICE], points[FACE_SLICE])
    middle, half = face_oval(source)
    head = middle + half * HEAD_ANCHORS
    return np.concatenate([np.array(trunk), head @ matrix.T + offset])


def _backward(driven: np.ndarray, source: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``similarity`` with a limited scale, for shapes that differ or are nearly points.

    The nearest map of unlike shapes, as of a palm and its mirror image, makes nearly a point of the source,
    which as a backward map fills the picture with one colour.
    """
    matrix, _ = similarity(driven, source)
    spread = [float(np.linalg.norm(points - points.mean(0))) for points in (driven, source)]
    ratio = np.clip(spread[1] / max(spread[0], TINY), SHORTEST, 1 / SHORTEST)
    size = float(np.hypot(*matrix[0]))
    if size < TINY:
        matrix = ratio * np.eye(2)
    else:
        matrix = matrix * (np.clip(size, LEAST_SCALE * ratio, ratio) / size)
    return matrix, source.mean(0) - matrix @ driven.mean(0)


def maps(source: np.ndarray, driven: np.ndarray, size: tuple[int, int]) -> list[Plate | Bone]:
    """The backward map of every part, in the order of PARTS, for points [116, 2] pixels."""
    result: dict[str, Plate | Bone] = {}
    awake = eyes_open(source, driven)
    new, old = (np.concatenate([p[list(SHOULDERS)], p[FACE_SLICE], anchors(p, source)]) for p in (awake, source))
    result["body"] = plate(new, old, max(size) / 2, BODY_RIDGE)
    scale = body_scale(source)
    for side in SIDES:
        after, before = bones(driven, side), bones(source, side)
        for part in ("upper", "lower"):
            result[f"{side}_{part}"] = _limb(after[part], before[part], scale)
        result[f"{side}_hand"] = _hand_plate(hand(driven, side), hand(source, side))
    return [result[part] for part in PARTS]


def _limb(driven: np.ndarray, source: np.ndarray, scale: float) -> Bone:
    """The map of a part of an arm.

    A bone that points to the viewer in the portrait shows its end, which is stretched as a whole: its few pixels
    of length alone would be stretched without limit.
    """
    length = float(np.linalg.norm(source[1] - source[0])) / scale
    beyond = END_RADIUS * scale * float(np.clip(2.0 - length / FORESHORTENED, 0, 1))
    ends = []
    for bone in (driven, source):
        way = bone[1] - bone[0]
        step = way / max(float(np.linalg.norm(way)), TINY) * beyond
        ends.append(np.stack([bone[0] - step, bone[1] + step]))
    return Bone(*ends)


def plate(driven: np.ndarray, source: np.ndarray, unit: float, ridge: float) -> Plate:
    """The map that takes driven points [N, 2] pixels to source points; ``unit`` pixels count as 1 for the ridge."""
    matrix, offset = _backward(driven, source)
    middle = driven.mean(0)
    left = source - (driven @ matrix.T + offset)
    return Plate(matrix, offset, fit_spline((driven - middle) / unit, left / unit, ridge=ridge), middle, unit)


RING = np.stack([np.cos(np.arange(12) * np.pi / 6), np.sin(np.arange(12) * np.pi / 6)], -1)


def _hand_plate(driven: np.ndarray, source: np.ndarray) -> Plate:
    """The map of a hand: rotated and moved as a whole, fingers bent a little, far from it nothing bent.

    One picture of a hand shows one side of it, so a map to any other shape would tear it: fingers move by at
    most a third of the hand's radius [D].
    """
    matrix, offset = _backward(driven, source)
    middle = driven.mean(0)
    radius = max(float(np.linalg.norm(driven - middle, axis=1).max()), 1.0)
    left = (source - (driven @ matrix.T + offset)) / radius
    size = np.linalg.norm(left, axis=1, keepdims=True)
    left *= np.minimum(1.0, FINGER_MOVE / np.maximum(size, TINY))
    control = np.concatenate([(driven - middle) / radius, RING_RADIUS * RING])
    rest = np.concatenate([left, np.zeros_like(RING)])
    return Plate(matrix, offset, fit_spline(control, rest, ridge=HAND_RIDGE), middle, radius)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A portrait warped to other keypoints."""

    picture: np.ndarray  # [H, W, 3] float32 in 0 .. 1
    seen: np.ndarray  # [7, H, W] float32: visible share of each of PARTS in each pixel; the rest is background
    source: np.ndarray  # [H, W, 2] float32 pixels of the portrait that each pixel came from


def draw(layers: Layers, driven: np.ndarray) -> Drawn:
    """Warp a portrait.

    Args:
        layers: from ``layers.cut``.
        driven: [116, 2] pixels, where its keypoints move to.
    """
    width, height = layers.size
    grid = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), -1).astype(np.float32)
    picture, source = layers.background.copy(), grid.copy()
    seen = np.zeros((len(PARTS), height, width), np.float32)
    for k, move in enumerate(maps(layers.points, driven, layers.size)):
        window = _window(layers.masks[k], move, layers.size, grid, goes_on=not k)
        if window is None:
            continue
        came = places_from(move, window, _face(driven) if k == 0 else None).reshape(-1, 2)
        stacked = np.concatenate([layers.colours[k], layers.masks[k][..., None]], -1)
        got = sample(stacked, came).reshape(*grid[window].shape[:2], 4)
        share = got[..., 3:]
        if k:  # an arm ends at the portrait's border; the body continues below it
            beyond = np.maximum(np.maximum(-came, came - [width, height]).max(-1), 0).reshape(share.shape)
            share = share * np.clip(1 - beyond.astype(np.float32) / FADE_OUT, 0, 1)
        if k == 0:
            paint_face(got[..., :3], layers, driven, window)
        picture[window] = got[..., :3] * share + picture[window] * (1 - share)
        source[window] = np.where(share > 0.5, came.reshape(source[window].shape), source[window])
        seen[(slice(None), *window)] *= 1 - share[None, ..., 0]
        seen[(k, *window)] = share[..., 0]
    return Drawn(picture, seen, source)


def places_from(
    move: Plate | Bone, window: tuple[slice, slice], detail: tuple[slice, slice] | None = None
) -> np.ndarray:
    """Source pixels [h, w, 2] float32 of a window of the driven picture.

    Splines are computed on every 4th pixel and interpolated bilinearly; within ``detail`` on every 2nd.
    """
    rows, columns = window
    if isinstance(move, Bone):
        grid = np.stack(np.meshgrid(_centres(columns), _centres(rows)), -1)
        return move(grid).astype(np.float32)
    result = _coarse(move, window, LATTICE)
    if detail is not None:
        top, low = max(rows.start, detail[0].start), min(rows.stop, detail[0].stop)
        left, right = max(columns.start, detail[1].start), min(columns.stop, detail[1].stop)
        if low > top and right > left:
            part = _coarse(move, (slice(top, low), slice(left, right)), FACE_LATTICE)
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
    face = points[FACE_SLICE]
    low = np.floor(face.min(0)).astype(int) - FACE_MARGIN
    high = np.ceil(face.max(0)).astype(int) + FACE_MARGIN
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _window(
    mask: np.ndarray, move: Plate | Bone, size: tuple[int, int], grid: np.ndarray, *, goes_on: bool
) -> tuple[slice, slice] | None:
    """The rectangle of the driven picture that holds a part, None if it is not visible; found on every 8th pixel.

    Args:
        goes_on: the part continues beyond the portrait's border (``sample``).
    """
    step = SEARCH_STEP
    coarse = grid[step // 2 :: step, step // 2 :: step]
    came = move(coarse.reshape(-1, 2))
    if goes_on:
        came = np.clip(came, 0, np.array(size) - 1)
    spread = np.pad(mask, step)
    hit = np.zeros(len(came), bool)
    x = np.clip(came[:, 0].astype(int) + step, 0, spread.shape[1] - 1)
    y = np.clip(came[:, 1].astype(int) + step, 0, spread.shape[0] - 1)
    for dx in (-step + 1, 0, step - 1):
        for dy in (-step + 1, 0, step - 1):
            hit |= spread[np.clip(y + dy, 0, spread.shape[0] - 1), np.clip(x + dx, 0, spread.shape[1] - 1)] > SEEN_MASK
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
    # The portrait ends at its border, and what lies below it is assumed to continue.
    x, y = np.clip(x, 0, width - 1.001), np.clip(y, 0, height - 1.001)
    i, j = x.astype(int), y.astype(int)
    u, v = (x - i)[:, None].astype(np.float32), (y - j)[:, None].astype(np.float32)
    flat = picture.reshape(-1, picture.shape[2])
    at = j * width + i
    top = flat[at] * (1 - u) + flat[at + 1] * u
    low = flat[at + width] * (1 - u) + flat[at + width + 1] * u
    result: np.ndarray = top * (1 - v) + low * v
    return result
