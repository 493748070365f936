"""A triangle rasteriser in NumPy: which triangle is seen at every pixel, and colours across it.

Triangles become horizontal spans, spans become fragments, all at once in arrays; no loop runs over
triangles. The fill rule (pixel centres, half-open spans and rows) gives neighbouring triangles no
gap and no overlap. Screen space: x to the right, y down, in pixels; a pixel's centre is at +0.5;
depth grows away from the viewer.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Solid = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]  # faces, x, y [N] -> whether anything is there
Colour = Callable[[np.ndarray, np.ndarray], np.ndarray]  # faces [N], values [N, C] -> [N, 3]


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
    points = np.ascontiguousarray(points, dtype=np.float32)
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    buffer = np.full(height * width, -1, np.int32)

    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    xa, xb, xc = x[a], x[b], x[c]
    ya, yb, yc = y[a], y[b], y[c]
    area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
    top, bottom = np.minimum(np.minimum(ya, yb), yc), np.maximum(np.maximum(ya, yb), yc)
    left, right = np.minimum(np.minimum(xa, xb), xc), np.maximum(np.maximum(xa, xb), xc)
    first = np.maximum(np.ceil(top - 0.5), 0.0)
    rows = np.minimum(np.ceil(bottom - 0.5), float(height)) - first
    kept = np.flatnonzero((area > 1e-9) & (rows > 0) & (right > 0) & (left < width))
    if not len(kept):
        return buffer.reshape(height, width)
    # Far triangles first, so that later, nearer writes are mostly right at once.
    depth = (z[a] + z[b] + z[c])[kept]
    kept = kept[np.argsort(-depth)]

    p, q, _, long, upper, lower = _edges(points, triangles[kept])
    slope_x, slope_y = depth_slopes(points, triangles[kept])

    # Spans: one row of one triangle each.
    count = rows[kept].astype(np.int32)
    owner = np.repeat(np.arange(len(kept), dtype=np.int32), count)
    row = (
        np.arange(len(owner), dtype=np.int32)
        - np.repeat(np.cumsum(count, dtype=np.int32) - count, count)
        + first[kept].astype(np.int32)[owner]
    )
    centre = row + np.float32(0.5)
    py, px = p[owner, 1], p[owner, 0]
    qy = q[owner, 1]
    edge = px + (centre - py) * long[owner]
    above = centre < qy
    other = np.where(above, px + (centre - py) * upper[owner], q[owner, 0] + (centre - qy) * lower[owner])
    start = np.ceil(np.minimum(edge, other) - 0.5)
    stop = np.ceil(np.maximum(edge, other) - 0.5)
    np.clip(start, 0, width, out=start)
    np.clip(stop, 0, width, out=stop)
    length = (stop - start).astype(np.int32)
    kept_spans = np.flatnonzero(length > 0)
    if not len(kept_spans):
        return buffer.reshape(height, width)
    length, start, owner = length[kept_spans], start[kept_spans], owner[kept_spans]
    row, centre = row[kept_spans], centre[kept_spans]

    offset = np.cumsum(length, dtype=np.int32) - length
    base = (
        p[owner, 2]
        + slope_y[owner] * (centre - p[owner, 1])
        + slope_x[owner] * (start + np.float32(0.5) - p[owner, 0] - offset)
    )
    first_pixel = row * np.int32(width) + start.astype(np.int32) - offset
    pixel, fragment_depth = _fragments(first_pixel, base.astype(np.float32), slope_x[owner], length)
    face = np.repeat(kept[owner].astype(np.int32), length)
    if solid is not None:
        there = np.flatnonzero(solid(face, pixel % width + np.float32(0.5), pixel // width + np.float32(0.5)))
        pixel, fragment_depth, face = pixel[there], fragment_depth[there], face[there]
    winner = _nearest(pixel, fragment_depth, height * width)
    covered = np.flatnonzero(winner >= 0)
    buffer[covered] = face.take(winner.take(covered))
    return buffer.reshape(height, width)


def _fragments(
    pixel: np.ndarray, depth: np.ndarray, slope: np.ndarray, length: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """One pixel of one span each: pixel [N] and depth [N]. Of each span they are given less the pixels before it."""
    running = np.arange(int(length.sum()), dtype=np.int32)
    pixels, depths = np.repeat(pixel, length), np.repeat(depth, length)
    pixels += running
    depths += np.repeat(slope, length) * running
    return pixels, depths


def _edges(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, ...]:
    """Corners p, q, r of triangles by height, top first, [F, 3] each; x a row along p-r, p-q and q-r, [F] each."""
    order = np.argsort(points[:, 1][triangles], axis=1, kind="stable")
    corners = np.take_along_axis(triangles, order, 1)
    p, q, r = points[corners[:, 0]], points[corners[:, 1]], points[corners[:, 2]]
    with np.errstate(divide="ignore", invalid="ignore"):
        long = (r[:, 0] - p[:, 0]) / (r[:, 1] - p[:, 1])
        upper = np.where(q[:, 1] > p[:, 1], (q[:, 0] - p[:, 0]) / (q[:, 1] - p[:, 1]), 0.0)
        lower = np.where(r[:, 1] > q[:, 1], (r[:, 0] - q[:, 0]) / (r[:, 1] - q[:, 1]), 0.0)
    return p, q, r, long, upper, lower


def _nearest(pixel: np.ndarray, depth: np.ndarray, pixels: int) -> np.ndarray:
    """[pixels] int32 index of the nearest fragment of every pixel, -1 where there is none.

    The last write to a pixel stands; whoever is nearer than it tries again, until nobody is.
    """
    winner = np.full(pixels, -1, np.int32)
    winner[pixel] = np.arange(len(pixel), dtype=np.int32)
    challengers = np.flatnonzero(depth < depth.take(winner.take(pixel)))
    while len(challengers):
        places = pixel.take(challengers)
        winner[places] = challengers
        better = depth.take(challengers) < depth.take(winner.take(places))
        challengers = challengers[better]
    return winner


def depth_slopes(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Change of depth per pixel to the right and per pixel down, [F] each, for points [V, 3]."""
    slopes = plane_coefficients(points, triangles, points[:, 2:])
    return slopes[:, 1, 0], slopes[:, 2, 0]


def plane_coefficients(points: np.ndarray, triangles: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values as a linear function of the screen over each triangle.

    Args:
        points: [V, 2 or 3] screen x and y in pixels.
        triangles: [F, 3].
        values: [V, C] at the vertices.

    Returns:
        [F, 3, C] float32: value at the first corner, change per pixel in x, change per pixel in y.
    """
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    x, y = points[:, 0], points[:, 1]
    ux, uy = x[b] - x[a], y[b] - y[a]
    vx, vy = x[c] - x[a], y[c] - y[a]
    area = ux * vy - vx * uy
    inverse = 1.0 / np.where(np.abs(area) < 1e-9, 1.0, area)
    va = values[a]
    u, v = values[b] - va, values[c] - va
    across = (u * vy[:, None] - v * uy[:, None]) * inverse[:, None]
    down = (v * ux[:, None] - u * vx[:, None]) * inverse[:, None]
    return np.stack([va, across, down], 1).astype(np.float32)


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

    Args:
        ids: [2 H, 2 W] from ``visibility``, of the samples.
        points: [V, 3] screen points in samples, as ``visibility`` had them.
        triangles: [F, 3].
        values: [V, C] float32, linear across each triangle.
        picture: [H, W, C] float32, changed in place; samples that no triangle covers show it.
        colour: makes colours of values, before they are averaged; the picture has its channels then.
    """
    width = picture.shape[1]
    quarter = [ids[y::2, x::2] for y in (0, 1) for x in (0, 1)]
    same = (quarter[0] == quarter[1]) & (quarter[0] == quarter[2]) & (quarter[0] == quarter[3])
    seen = np.zeros(len(triangles) + 1, bool)
    seen[ids.ravel()] = True
    seen[-1] = False
    used = np.flatnonzero(seen)
    compact = np.zeros(len(triangles), np.int32)
    compact[used] = np.arange(len(used), dtype=np.int32)
    corners = triangles[used]
    plane = plane_coefficients(points, corners, values)
    # Fold the first corner's place into the constant: value = constant + across * x + down * y.
    first = points[corners[:, 0]]
    plane[:, 0] -= plane[:, 1] * first[:, :1] + plane[:, 2] * first[:, 1:2]
    channels = values.shape[1]
    low, high = values.min(0), values.max(0)

    def shade(faces: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        rows = plane.reshape(len(plane), -1).take(compact.take(faces), axis=0)
        result = rows[:, channels : 2 * channels]
        result *= x[:, None]
        result += rows[:, :channels]
        rows[:, 2 * channels :] *= y[:, None]
        result += rows[:, 2 * channels :]
        np.clip(result, low, high, out=result)  # slivers may run away
        return result if colour is None else colour(faces, result)

    flat = picture.reshape(-1, picture.shape[2])
    # Whole pixels of one triangle: the mean of the samples is the value in the middle.
    pixels = np.flatnonzero(same & (quarter[0] >= 0))
    y, x = np.divmod(pixels.astype(np.int32), np.int32(width))
    faces = quarter[0].ravel()[pixels]
    flat[pixels] = shade(faces, (2 * x + 1).astype(np.float32), (2 * y + 1).astype(np.float32))
    # Pixels where triangles meet, or end: sample by sample.
    pixels = np.flatnonzero(~same)
    y, x = np.divmod(pixels.astype(np.int32), np.int32(width))
    total = np.zeros((len(pixels), picture.shape[2]), np.float32)
    covered = np.zeros(len(pixels), np.float32)
    for k, (dy, dx) in enumerate(((0.5, 0.5), (0.5, 1.5), (1.5, 0.5), (1.5, 1.5))):
        faces = quarter[k].ravel()[pixels]
        hit = np.flatnonzero(faces >= 0)
        total[hit] += shade(faces[hit], 2 * x[hit] + np.float32(dx), 2 * y[hit] + np.float32(dy))
        covered[hit] += 1
    flat[pixels] = total * np.float32(0.25) + flat[pixels] * (1 - 0.25 * covered)[:, None]
