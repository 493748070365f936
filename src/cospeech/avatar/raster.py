"""A triangle rasteriser in NumPy: which triangle is seen at every pixel, and colours across it.

Triangles become horizontal spans, spans become fragments, all at once in arrays; no loop runs over
triangles. The fill rule (pixel centres, half-open spans and rows) gives neighbouring triangles no
gap and no overlap. Screen space: x to the right, y down, in pixels; a pixel's centre is at +0.5;
depth grows away from the viewer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from itertools import combinations

import numpy as np

BAND = 24  # rows that are filled at once
PIECE = 16384  # pixels that are coloured at once

Solid = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]  # faces, x, y [N] -> whether anything is there
Colour = Callable[[np.ndarray, np.ndarray], np.ndarray]  # faces [N], values [C, N] -> [3, N]


def visibility(
    points: np.ndarray, triangles: np.ndarray, width: int, height: int, *, solid: Solid | None = None
) -> np.ndarray:
    """The nearest triangle at every pixel.

    Args:
        points: [V, 3] screen x, y in pixels and depth.
        triangles: [F, 3] vertex indices; those clockwise on screen (y down) face the viewer, the
            others are dropped.
        width: pixels.
        height: pixels.
        solid: for triangles with holes, whether a place of one is not a hole.

    Returns:
        [height, width] int32 triangle index, -1 where there is none.
    """
    x, y, z = np.ascontiguousarray(np.asarray(points, np.float32).T)
    buffer = np.full(height * width, -1, np.int32)

    a, b, c = np.ascontiguousarray(triangles.T, np.intp)
    xa, xb, xc = x.take(a), x.take(b), x.take(c)
    ya, yb, yc = y.take(a), y.take(b), y.take(c)
    area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
    top, bottom = np.minimum(np.minimum(ya, yb), yc), np.maximum(np.maximum(ya, yb), yc)
    left, right = np.minimum(np.minimum(xa, xb), xc), np.maximum(np.maximum(xa, xb), xc)
    first = np.maximum(np.ceil(top - 0.5), 0.0)
    rows = np.minimum(np.ceil(bottom - 0.5), float(height)) - first
    kept = np.flatnonzero((area > 1e-9) & (rows > 0) & (right > 0) & (left < width))
    if not len(kept):
        return buffer.reshape(height, width)
    # Far triangles first, so that later, nearer writes are mostly right at once.
    a, b, c = a.take(kept), b.take(kept), c.take(kept)
    order = np.argsort(-(z.take(a) + z.take(b) + z.take(c)))
    kept, a, b, c = kept.take(order), a.take(order), b.take(order), c.take(order)
    spans = _spans((x, y, z), (a, b, c), (first.take(kept), rows.take(kept)), width)
    if not len(spans.length):
        return buffer.reshape(height, width)

    # Band by band of rows, so that arrays stay in the processor's cache.
    band = spans.row // BAND
    spans = spans.take(np.argsort(band.astype(np.int16), kind="stable"))
    ends = np.cumsum(np.bincount(band)).tolist()
    faces = kept.take(spans.owner)
    for index, (start, stop) in enumerate(zip([0, *ends], ends, strict=False)):
        part = slice(start, stop)
        winner = _nearest(spans.take(part), faces[part], index * BAND, width, solid)
        covered = np.flatnonzero(winner >= 0)
        buffer[index * BAND * width + covered] = faces[part].take(winner.take(covered))
    return buffer.reshape(height, width)


@dataclass(frozen=True, eq=False)
class _Spans:
    """Rows of triangles, [N] each: pixels side by side in one row of the screen that one triangle covers."""

    owner: np.ndarray  # place of the triangle among those given
    row: np.ndarray  # int64
    start: np.ndarray  # int64, first pixel
    length: np.ndarray  # int64, at least 1
    depth: np.ndarray  # float32, at the first pixel
    slope: np.ndarray  # float32, change of depth per pixel

    def take(self, chosen: np.ndarray | slice) -> _Spans:
        """Some of them."""
        return _Spans(*(getattr(self, field.name)[chosen] for field in fields(self)))


def _spans(
    points: tuple[np.ndarray, ...], corners: tuple[np.ndarray, ...], rows: tuple[np.ndarray, np.ndarray], width: int
) -> _Spans:
    """Spans of triangles.

    Args:
        points: x, y and depth, [V] each.
        corners: [F] vertex indices, three times.
        rows: first row and how many, [F] each.
        width: pixels.
    """
    x, y, z = points
    first, count = rows[0].astype(np.int64), rows[1].astype(np.int64)
    p, q, r = _by_height(y, *corners)
    px, qx, rx, py, qy, ry = x.take(p), x.take(q), x.take(r), y.take(p), y.take(q), y.take(r)
    with np.errstate(divide="ignore", invalid="ignore"):
        long = (rx - px) / (ry - py)
        upper = np.where(qy > py, (qx - px) / (qy - py), np.float32(0.0))
        lower = np.where(ry > qy, (rx - qx) / (ry - qy), np.float32(0.0))
    owner = np.repeat(np.arange(len(p)), count)
    row = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count - first, count)
    centre = row.astype(np.float32) + np.float32(0.5)
    down = centre - py.take(owner)
    edge = px.take(owner) + down * long.take(owner)
    below = centre - qy.take(owner)
    other = np.where(below < 0, px.take(owner) + down * upper.take(owner), qx.take(owner) + below * lower.take(owner))
    start = np.clip(np.ceil(np.minimum(edge, other) - 0.5), 0, width)
    length = (np.clip(np.ceil(np.maximum(edge, other) - 0.5), 0, width) - start).astype(np.int64)
    some = np.flatnonzero(length > 0)
    owner, start = owner.take(some), start.take(some)
    slopes = _slopes(points, (p, q, r))
    across = slopes[0].take(owner)
    depth = z.take(p).take(owner) + slopes[1].take(owner) * down.take(some)
    depth += across * (start + np.float32(0.5) - px.take(owner))
    return _Spans(owner, row.take(some), start.astype(np.int64), length.take(some), depth, across)


def _by_height(y: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Corners of triangles, [F] vertex indices each, top first."""
    a, b = _higher(y, a, b)
    b, c = _higher(y, b, c)
    a, b = _higher(y, a, b)
    return a, b, c


def _higher(y: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    swapped = y.take(b) < y.take(a)
    return np.where(swapped, b, a), np.where(swapped, a, b)


def _slopes(points: tuple[np.ndarray, ...], corners: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Change of depth per pixel to the right and per pixel down, [F] each; arguments as of ``_spans``."""
    a, b, c = corners
    xa, ya, za = (values.take(a) for values in points)
    ux, uy, uz = (values.take(b) - first for values, first in zip(points, (xa, ya, za), strict=True))
    vx, vy, vz = (values.take(c) - first for values, first in zip(points, (xa, ya, za), strict=True))
    area = ux * vy - vx * uy
    inverse = np.float32(1.0) / np.where(np.abs(area) < 1e-9, np.float32(1.0), area)
    return (uz * vy - vz * uy) * inverse, (vz * ux - uz * vx) * inverse


def _nearest(spans: _Spans, faces: np.ndarray, top: int, width: int, solid: Solid | None) -> np.ndarray:
    """[BAND * width] index of the span that is nearest at every pixel of a band, -1 where there is none.

    The last write to a pixel stands; whoever is nearer than it tries again, until nobody is.
    """
    # Fragments: one pixel of one span each.
    span = np.repeat(np.arange(len(faces)), spans.length)
    line = (spans.row - top) * width
    pixel = np.repeat(line + spans.start - (np.cumsum(spans.length) - spans.length), spans.length)
    pixel += np.arange(len(pixel))
    if solid is not None:
        row, column = np.divmod(pixel, width)
        there = solid(faces.take(span), column + np.float32(0.5), row + np.float32(top + 0.5))
        span, pixel = span[there], pixel[there]
    winner = np.full(BAND * width, -1)
    winner[pixel] = span
    base = spans.depth - spans.slope * spans.start.astype(np.float32)  # at the left edge of the screen
    lost = np.flatnonzero(winner.take(pixel) != span)
    span, pixel = span.take(lost), pixel.take(lost)
    across = (pixel - line.take(span)).astype(np.float32)
    depth = base.take(span) + spans.slope.take(span) * across
    while len(pixel):
        holder = winner.take(pixel)
        better = np.flatnonzero(depth < base.take(holder) + spans.slope.take(holder) * across)
        span, pixel, depth, across = span.take(better), pixel.take(better), depth.take(better), across.take(better)
        winner[pixel] = span
    return winner


def plane_coefficients(points: np.ndarray, triangles: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values as a linear function of the screen over each triangle.

    Args:
        points: [V, 2 or 3] screen x and y in pixels.
        triangles: [F, 3].
        values: [V, C] at the vertices.

    Returns:
        [F, 3, C] float32: value at the first corner, change per pixel in x, change per pixel in y.
    """
    a, b, c = np.ascontiguousarray(triangles.T, np.intp)
    x, y = np.ascontiguousarray(points[:, :2].T)
    xa, ya = x.take(a), y.take(a)
    ux, uy, vx, vy = x.take(b) - xa, y.take(b) - ya, x.take(c) - xa, y.take(c) - ya
    area = ux * vy - vx * uy
    inverse = 1.0 / np.where(np.abs(area) < 1e-9, 1.0, area)
    result = np.empty((3, values.shape[1], len(a)), np.float32)
    for channel, value in enumerate(np.ascontiguousarray(values.T)):
        first = value.take(a)
        u, v = value.take(b) - first, value.take(c) - first
        result[0, channel] = first
        result[1, channel] = (u * vy - v * uy) * inverse
        result[2, channel] = (v * ux - u * vx) * inverse
    return result.transpose(2, 0, 1)


def resolve(
    ids: np.ndarray,
    points: np.ndarray,
    triangles: np.ndarray,
    values: np.ndarray,
    picture: np.ndarray,
    *,
    colour: Colour | None = None,
) -> None:
    """Draw vertex values over a picture, four samples a pixel.

    Samples of a pixel that see the same triangle are one: values are linear across it, so that the value in their
    middle is their mean. (With ``colour`` this is multisampling: a texture is read once a triangle and pixel.)

    Args:
        ids: [2 H, 2 W] from ``visibility``, of the samples.
        points: [V, 3] screen points in samples, as ``visibility`` had them.
        triangles: [F, 3].
        values: [V, C] float32, linear across each triangle.
        picture: [H, W, 3] float32, changed in place; samples that no triangle covers show it.
        colour: makes colours of values; without it values are colours.
    """
    width = picture.shape[1]
    quarter = [np.ascontiguousarray(ids[y::2, x::2]).ravel() for y in (0, 1) for x in (0, 1)]
    same = (quarter[0] == quarter[1]) & (quarter[0] == quarter[2]) & (quarter[0] == quarter[3])
    shade = _Shader(ids, points, triangles, values, colour)
    flat = picture.reshape(-1, 3)
    # Whole pixels of one triangle.
    for pixels in _pieces(np.flatnonzero(same & (quarter[0] >= 0))):
        y, x = _places(pixels, width)
        flat[pixels] = shade(quarter[0].take(pixels), x + np.float32(1), y + np.float32(1)).T
    # Pixels where triangles meet, or end.
    for pixels in _pieces(np.flatnonzero(~same)):
        y, x = _places(pixels, width)
        corners = [one.take(pixels) for one in quarter]
        alike = np.zeros(len(pixels), np.intp)
        for bit, (j, k) in enumerate(_PAIRS):
            alike += (corners[j] == corners[k]).astype(np.intp) << bit
        total = np.zeros((3, len(pixels)), np.float32)
        covered = np.zeros(len(pixels), np.float32)
        for first, corner in enumerate(corners):
            share = _SHARES[first].take(alike)
            some = np.flatnonzero((corner >= 0) & (share > 0))
            share, kind = share.take(some), alike.take(some)
            right, down = x.take(some) + _ACROSS[first].take(kind), y.take(some) + _DOWN[first].take(kind)
            drawn = shade(corner.take(some), right, down, clipped=True)
            for channel in range(3):
                total[channel][some] += drawn[channel] * share
            covered[some] += share
        flat[pixels] = total.T + flat[pixels] * (1 - covered)[:, None]


def _pieces(pixels: np.ndarray) -> list[np.ndarray]:
    """In pieces whose arrays stay in the processor's cache."""
    return [pixels[start : start + PIECE] for start in range(0, len(pixels), PIECE)]


def _places(pixels: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """y and x [N] float32 of pixels, in samples."""
    y, x = np.divmod(pixels.astype(np.int32), np.int32(width))
    return (2 * y).astype(np.float32), (2 * x).astype(np.float32)


_PAIRS = tuple(combinations(range(4), 2))  # of a pixel's samples: bits that say which see the same triangle
_SAMPLES = np.array([[0.5, 0.5], [1.5, 0.5], [0.5, 1.5], [1.5, 1.5]], np.float32)  # x, y of each


def _merged_samples() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each sample and bits of ``_PAIRS``: its share of the pixel with those like it, and their middle's x and y.

    The share is 0 for a sample that is like one before it.
    """
    share, middle = np.zeros((4, 64), np.float32), np.zeros((2, 4, 64), np.float32)
    for bits in range(64):
        alike = np.eye(4, dtype=bool)
        for bit, (j, k) in enumerate(_PAIRS):
            alike[j, k] = alike[k, j] = bits >> bit & 1
        for first in range(4):
            if not alike[first, :first].any():
                share[first, bits] = alike[first].sum() / 4
                middle[:, first, bits] = _SAMPLES[alike[first]].mean(0)
    return share, middle[0], middle[1]


_SHARES, _ACROSS, _DOWN = _merged_samples()


class _Shader:
    """Values across the triangles that are seen, channel by channel, as NumPy is slow along short rows."""

    def __init__(
        self, ids: np.ndarray, points: np.ndarray, triangles: np.ndarray, values: np.ndarray, colour: Colour | None
    ) -> None:
        seen = np.zeros(len(triangles) + 1, bool)
        seen[ids.ravel()] = True
        seen[-1] = False
        used = np.flatnonzero(seen)
        self._compact = np.zeros(len(triangles), np.intp)
        self._compact[used] = np.arange(len(used))
        corners = triangles[used]
        plane = plane_coefficients(points, corners, values)
        # Fold the first corner's place into the constant: value = constant + across * x + down * y.
        self._constant, self._across, self._down = plane.transpose(1, 2, 0)
        x, y = points[corners[:, 0], :2].T
        self._constant -= self._across * x + self._down * y
        self._low, self._high = values.min(0), values.max(0)
        self._colour = colour

    def __call__(self, faces: np.ndarray, x: np.ndarray, y: np.ndarray, *, clipped: bool = False) -> np.ndarray:
        """[3, N] of places [N] of triangles; ``clipped`` where slivers may run away."""
        at = self._compact.take(faces)
        result = np.empty((len(self._constant), len(at)), np.float32)
        for channel, value in enumerate(result):
            np.multiply(self._across[channel].take(at), x, out=value)
            value += self._constant[channel].take(at)
            down = self._down[channel].take(at)
            down *= y
            value += down
            if clipped:
                np.clip(value, self._low[channel], self._high[channel], out=value)
        return result if self._colour is None else self._colour(faces, result)
