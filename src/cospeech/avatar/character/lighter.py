"""A figure with fewer vertices, for films that show it small: what it loses is less than a pixel.

Half-edge collapses: a vertex goes into a neighbour, so that those that stay keep all they have: texture coordinates,
weights, colours and shapes of the face. A collapse is done where the triangles that are left give the lost vertex its
attributes again, within stated tolerances; where the surface ends, and at seams of textures, none is. Collapses that
do not touch one another are done together, in a few rounds of arrays. After Hoppe, "Progressive Meshes", 1996
(collapses), with errors of our own. [D]
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .figure import Figure

ROUNDS = 8
FAN = 9  # triangles round a vertex that may go, at most
# What may differ at a lost vertex, at most. [D]
OFF = 0.7  # pixels; of texture coordinates twice as much
TURN = 0.2  # of the unit normal
SHARE = 0.06  # of a joint's weight
TINT = 0.05  # of linear colour
OUTSIDE = -0.05  # barycentric coordinate
THIN = 0.03  # area against the longest side squared
FOLD = 0.4  # cosine between a new triangle and the normal


def lighter(figure: Figure, pixel: float) -> Figure:
    """The figure with as few vertices as look the same.

    Args:
        figure: whom.
        pixel: metres.
    """
    attributes = _attributes(figure, pixel)
    whole = figure.triangles.astype(np.int64)
    _, first = np.unique(np.sort(whole, 1), axis=0, return_index=True)  # of double-sided triangles one side
    triangles = whole[first]
    target = np.arange(len(figure))
    for attempt in range(ROUNDS):
        gone, onto = _collapses(figure, attributes, triangles, attempt % 3)
        if not len(gone):
            continue
        target[gone] = onto
        triangles = _kept(target[triangles])
    while (target[target] != target).any():
        target = target[target]
    return _subset(figure, _kept(target[whole]))


def _kept(triangles: np.ndarray) -> np.ndarray:
    a, b, c = triangles.T
    kept: np.ndarray = triangles[(a != b) & (b != c) & (c != a)]
    return kept


def _attributes(figure: Figure, pixel: float) -> list[np.ndarray]:
    """All that a vertex has, in units of what may be lost, [V, ...] float32: what rejects most collapses first."""
    count, metres = len(figure), OFF * pixel
    moved = np.zeros((count, len(figure.shapes), 3), np.float32)
    for shape, (index, delta) in enumerate(figure.shapes):
        moved[index, shape] += delta / metres
    texels = max(2 * metres * _density(figure), 1e-9)
    surface = (figure.vertices / metres, figure.normals / TURN, figure.uv / texels, figure.colours / TINT)
    return [
        np.concatenate(surface, axis=1, dtype=np.float32),
        figure.dense / np.float32(SHARE),
        moved.reshape(count, -1),
    ]


def _density(figure: Figure) -> float:
    """Texture coordinates a metre, on average over the surface."""
    a, b, c = (figure.vertices[figure.triangles[:, corner]] for corner in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()
    size = max(figure.textures.size, 1)
    return float(np.sqrt(figure.texels.sum() / size**2 / max(area, 1e-9)))


@dataclass(frozen=True, eq=False)
class _Fans:
    """The triangles round vertices. Edges opposite the vertex; -1 beyond the last."""

    vertex: np.ndarray  # [M]
    start: np.ndarray  # [M, FAN]
    stop: np.ndarray  # [M, FAN]

    def take(self, chosen: np.ndarray) -> _Fans:
        """Some of them."""
        return _Fans(self.vertex[chosen], self.start[chosen], self.stop[chosen])


def _closed_fans(triangles: np.ndarray, count: int) -> _Fans:
    """Those of vertices inside the surface that have few triangles."""
    corners = triangles.ravel()
    order = np.argsort(corners, kind="stable")
    size = np.bincount(corners, minlength=count)
    begin = np.cumsum(size) - size
    vertex = np.flatnonzero((size >= 3) & (size <= FAN))
    place = np.minimum(begin[vertex, None] + np.arange(FAN), len(order) - 1)
    there = np.arange(FAN) < size[vertex, None]
    corner = order[place]
    first = corner - corner % 3
    flat = triangles.ravel()
    start = np.where(there, flat[first + (corner + 1) % 3], -1)
    stop = np.where(there, flat[first + (corner + 2) % 3], -1)
    ring = np.sort(start, 1)
    distinct = ((ring[:, 1:] != ring[:, :-1]) | (ring[:, 1:] < 0)).all(1)
    return _Fans(vertex, start, stop).take(np.flatnonzero(distinct & (ring == np.sort(stop, 1)).all(1)))


def _collapses(
    figure: Figure, attributes: list[np.ndarray], triangles: np.ndarray, rank: int
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices that go and those that they go into; no two that go are neighbours.

    ``rank``: into the nearest neighbour (0), the second or the third.
    """
    count = len(figure)
    fans = _closed_fans(triangles, count)
    points = np.ascontiguousarray(figure.vertices.T)
    distance = sum(((one[fans.start] - one[fans.vertex, None]) ** 2 for one in points), np.zeros(fans.start.shape))
    distance[fans.start < 0] = np.inf
    onto = fans.start[np.arange(len(distance)), np.argsort(distance, 1)[:, rank]]
    corner, inside, sound = _landing(figure, fans, onto)
    some = np.flatnonzero(sound & (inside.min(1) > OUTSIDE))
    some = some[_linked(triangles, fans.take(some), onto[some], count)]
    error = np.zeros(len(some))
    for values in attributes:
        near = corner[some]
        found = inside[some, :1] * values[onto[some]] - values[fans.vertex[some]]
        found += inside[some, 1:2] * values[fans.start[some, near]]
        found += inside[some, 2:] * values[fans.stop[some, near]]
        error = np.maximum(error, np.abs(found).max(1, initial=0.0))
        some, error = some[error < 1], error[error < 1]
    cost = np.full(count + 1, np.inf)  # the last for places beyond a fan's end
    cost[fans.vertex[some]] = error + 1e-9 * fans.vertex[some]
    some = some[cost[fans.vertex[some]] < cost[fans.start[some]].min(1)]
    return fans.vertex[some], onto[some]


def _landing(figure: Figure, fans: _Fans, onto: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where a vertex lies when it has gone into another.

    Returns:
        Which edge of the fan makes the triangle that it lies in [M], barycentric coordinates there (of ``onto``, the
        edge's start and its stop) [M, 3], and whether all new triangles are sound [M].
    """
    real = (fans.start >= 0) & (fans.start != onto[:, None]) & (fans.stop != onto[:, None])
    points, normals = figure.vertices, figure.normals
    p, q, w, n = [], [], [], []
    for axis in range(3):
        values = np.ascontiguousarray(points[:, axis])
        origin = values[onto][:, None]
        p.append(values[fans.start] - origin)
        q.append(values[fans.stop] - origin)
        w.append(values[fans.vertex][:, None] - origin)
        n.append(normals[fans.vertex, axis][:, None])
    pp, pq, qq = _dot(p, p), _dot(p, q), _dot(q, q)
    wp, wq = _dot(w, p), _dot(w, q)
    square = pp * qq - pq * pq
    safe = np.where(square > 1e-24, square, 1.0)
    s, t = (qq * wp - pq * wq) / safe, (pp * wq - pq * wp) / safe
    least = np.where(real & (square > 1e-24), np.minimum(np.minimum(s, t), 1 - s - t), -np.inf)
    corner = np.argmax(least, 1)
    rows = np.arange(len(onto))
    inside = np.stack([1 - s - t, s, t], -1)[rows, corner]
    inside[~np.isfinite(least[rows, corner])] = -1.0
    area = np.sqrt(np.maximum(square, 0))
    facing = (
        n[0] * (p[1] * q[2] - p[2] * q[1]) + n[1] * (p[2] * q[0] - p[0] * q[2]) + n[2] * (p[0] * q[1] - p[1] * q[0])
    )
    longest = np.maximum(np.maximum(pp, qq), pp + qq - 2 * pq)
    sound = ~real | ((facing > FOLD * area) & (area > THIN * longest))
    return corner, inside.astype(np.float32), sound.all(1)


def _dot(a: list[np.ndarray], b: list[np.ndarray]) -> np.ndarray:
    result: np.ndarray = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    return result


def _linked(triangles: np.ndarray, fans: _Fans, onto: np.ndarray, count: int) -> np.ndarray:
    """[M] whether a vertex and the one that it goes into have two neighbours in common, so that nothing is folded."""
    a, b, c = triangles.T
    edges = np.sort(np.concatenate([i * count + j for i, j in ((a, b), (b, c), (c, a), (b, a), (c, b), (a, c))]))
    wanted = np.where(fans.start >= 0, fans.start * count + onto[:, None], -1)
    at = np.minimum(np.searchsorted(edges, wanted), len(edges) - 1)
    linked: np.ndarray = (edges[at] == wanted).sum(1) == 2
    return linked


def _subset(figure: Figure, triangles: np.ndarray) -> Figure:
    """The figure with other triangles, and with the vertices that these have."""
    used = np.unique(triangles)
    place = np.full(len(figure), -1)
    place[used] = np.arange(len(used))
    shapes = tuple((place[index[place[index] >= 0]], delta[place[index] >= 0]) for index, delta in figure.shapes)
    names = ("vertices", "normals", "joints", "weights", "colours", "uv", "layer", "cutoff")
    lists = {name: getattr(figure, name)[used] for name in names}
    return replace(figure, triangles=np.ascontiguousarray(place[triangles], np.int32), shapes=shapes, **lists)
