"""Mesh tools of build_avatar: parts with any vertex attributes are cut, subdivided, smoothed, joined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

Array = np.ndarray


@dataclass
class Part:
    """A triangle mesh whose vertices carry attributes: a (A-pose [V, 3]), w (weights [V, 55]),
    m (morphs [V, 52, 3]), uv [V, 2], colour ([V, 3] sRGB 0 to 1), shine ([V] 0 to 1), and more on the way."""

    data: dict[str, Array]
    triangles: Array  # [F, 3], counter-clockwise seen from outside

    def __len__(self) -> int:
        return len(self.data["a"])

    def __getitem__(self, name: str) -> Array:
        return self.data[name]

    def copy(self) -> Part:
        return Part({name: value.copy() for name, value in self.data.items()}, self.triangles.copy())


def fan(polygons: list[list[int]]) -> Array:
    """Polygons as triangles."""
    return np.array([(p[0], p[k], p[k + 1]) for p in polygons for k in range(1, len(p) - 1)])


def compact(part: Part) -> Part:
    """Without vertices that no triangle uses."""
    used = np.unique(part.triangles)
    index = np.full(len(part), -1)
    index[used] = np.arange(len(used))
    return Part({name: value[used] for name, value in part.data.items()}, index[part.triangles])


def join(parts: list[Part]) -> Part:
    """Several parts as one (attributes that all of them have)."""
    names = set.intersection(*(set(part.data) for part in parts))
    start = np.cumsum([0] + [len(part) for part in parts[:-1]])
    return Part(
        {name: np.concatenate([part[name] for part in parts]) for name in names},
        np.concatenate([part.triangles + s for part, s in zip(parts, start, strict=True)]),
    )


def keep(part: Part, mask: Array) -> Part:
    """The triangles all of whose corners are in the vertex mask."""
    return compact(Part(part.data, part.triangles[mask[part.triangles].all(1)]))


def cut(part: Part, field: Array, *, snap: float = 0.12) -> Part:
    """The part where field > 0; triangles across the border are cut, so the edge is clean.

    snap: where the border passes a vertex closer than this share of the edge, it goes through it.
    """
    f = np.array(field, dtype=float)
    edges = np.unique(np.sort(part.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1), axis=0)
    crossing = edges[f[edges[:, 0]] * f[edges[:, 1]] < 0]
    t = f[crossing[:, 0]] / (f[crossing[:, 0]] - f[crossing[:, 1]])
    f[crossing[t < snap, 0]] = 0.0
    f[crossing[t > 1 - snap, 1]] = 0.0
    crossing = edges[f[edges[:, 0]] * f[edges[:, 1]] < 0]
    t = f[crossing[:, 0]] / (f[crossing[:, 0]] - f[crossing[:, 1]])
    middle = {tuple(edge): len(part) + i for i, edge in enumerate(crossing.tolist())}
    data = {}
    for name, value in part.data.items():
        shape = (-1,) + (1,) * (value.ndim - 1)
        new = value[crossing[:, 0]] * (1 - t).reshape(shape) + value[crossing[:, 1]] * t.reshape(shape)
        data[name] = np.concatenate([value, new])
    triangles = []
    for corner in part.triangles.tolist():
        inside = [f[v] > 0 for v in corner]
        if not any(inside):
            continue
        polygon = []
        for k in range(3):
            u, v = corner[k], corner[(k + 1) % 3]
            if f[u] >= 0:
                polygon.append(u)
            edge = (min(u, v), max(u, v))
            if edge in middle:
                polygon.append(middle[edge])
        triangles += [(polygon[0], polygon[k], polygon[k + 1]) for k in range(1, len(polygon) - 1)]
    return compact(Part(data, np.array(triangles)))


def subdivide(part: Part, polygons: list[list[int]]) -> tuple[Part, list[list[int]]]:
    """One step of Catmull-Clark on every attribute (positions smoothed, the rest likewise)."""
    count = len(part)
    edge_faces: dict[tuple[int, int], list[int]] = {}
    for i, polygon in enumerate(polygons):
        for u, v in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            edge_faces.setdefault((min(u, v), max(u, v)), []).append(i)
    faces, edges = len(polygons), list(edge_faces)
    rows, columns, values = [], [], []

    def add(row: int, column: int, value: float) -> None:
        rows.append(row), columns.append(column), values.append(value)

    face_row, edge_row = count, count + faces
    for i, polygon in enumerate(polygons):
        for v in polygon:
            add(face_row + i, v, 1 / len(polygon))
    border: dict[int, list[int]] = {}
    valence: dict[int, int] = {}
    for k, (u, v) in enumerate(edges):
        beside = edge_faces[u, v]
        valence[u], valence[v] = valence.get(u, 0) + 1, valence.get(v, 0) + 1
        if len(beside) == 2:
            for w in (u, v):
                add(edge_row + k, w, 0.25)
            for i in beside:
                for w in polygons[i]:
                    add(edge_row + k, w, 0.25 / len(polygons[i]))
        else:
            add(edge_row + k, u, 0.5)
            add(edge_row + k, v, 0.5)
            border.setdefault(u, []).append(v)
            border.setdefault(v, []).append(u)
    around: dict[int, list[int]] = {}
    for i, polygon in enumerate(polygons):
        for v in polygon:
            around.setdefault(v, []).append(i)
    for v in range(count):
        if v in border or v not in around:
            add(v, v, 0.75 if v in border else 1.0)
            for u in border.get(v, []):
                add(v, u, 0.125 * 2 / len(border[v]))
    for (u, v), beside in edge_faces.items():
        if len(beside) == 2:
            for p, q in ((u, v), (v, u)):
                if p not in border:  # 2 R / n, R the mean of edge middles
                    n = valence[p]
                    add(p, p, 1 / n / n)
                    add(p, q, 1 / n / n)
    for v, own in around.items():
        if v not in border:
            n = valence[v]
            add(v, v, (n - 3) / n)
            for i in own:
                for w in polygons[i]:
                    add(v, w, 1 / n / n / len(polygons[i]))
    matrix = sparse.csr_matrix((values, (rows, columns)), shape=(edge_row + len(edges), count))
    number = {edge: edge_row + k for k, edge in enumerate(edges)}
    quads = []
    for i, polygon in enumerate(polygons):
        n = len(polygon)
        for k in range(n):
            before, here, after = polygon[k - 1], polygon[k], polygon[(k + 1) % n]
            quads.append(
                [
                    here,
                    number[min(here, after), max(here, after)],
                    face_row + i,
                    number[min(here, before), max(here, before)],
                ]
            )
    data = {name: apply(matrix, value) for name, value in part.data.items()}
    return Part(data, fan(quads)), quads


def apply(matrix: sparse.csr_matrix, value: Array) -> Array:
    """A sparse matrix on the first axis of an attribute of any shape."""
    return (matrix @ value.reshape(len(value), -1)).reshape((matrix.shape[0], *value.shape[1:]))


def normals(points: Array, triangles: Array) -> Array:
    """Vertex normals [V, 3], weighted by area."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    total = np.zeros_like(points)
    for k in range(3):
        np.add.at(total, triangles[:, k], face)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def laplacian(triangles: Array, count: int) -> sparse.csr_matrix:
    """Row-normalised adjacency: every vertex becomes the mean of its neighbours."""
    u = triangles[:, [0, 1, 2, 1, 2, 0]].ravel()
    v = triangles[:, [1, 2, 0, 0, 1, 2]].ravel()
    matrix = sparse.csr_matrix((np.ones(len(u)), (u, v)), shape=(count, count))
    matrix.data[:] = 1.0
    degree = np.maximum(np.asarray(matrix.sum(1)).ravel(), 1.0)
    return sparse.diags(1 / degree) @ matrix


def smooth(values: Array, triangles: Array, steps: int, *, amount: Array | float = 0.5) -> Array:
    """Laplacian smoothing of a vertex attribute; amount a number or [V]."""
    matrix = laplacian(triangles, len(values))
    amount = np.broadcast_to(amount, len(values)).reshape((-1,) + (1,) * (values.ndim - 1))
    for _ in range(steps):
        values = values + amount * (apply(matrix, values) - values)
    return values


def boundary_loops(triangles: Array) -> list[list[int]]:
    """Open edges as vertex loops, in the direction of their triangles."""
    directed = {tuple(edge) for edge in triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).tolist()}
    following = {u: v for u, v in directed if (v, u) not in directed}
    loops = []
    while following:
        start, vertex = next(iter(following.items()))
        loop = [start]
        del following[start]
        while vertex != start and vertex in following:
            loop.append(vertex)
            vertex = following.pop(vertex)
        loops.append(loop)
    return loops


def rim(part: Part, depth: float, *, only: Callable[[Array], bool] | None = None) -> Part:
    """Turn open edges inwards by ``depth`` metres, so that cloth shows its thickness.

    only: keep to loops whose mean A-pose position fulfils this.
    """
    normal = part.data.get("n")
    normal = normals(part["a"], part.triangles) if normal is None else normal
    data = {name: [value] for name, value in part.data.items()}
    triangles, count = [part.triangles], len(part)
    for loop in boundary_loops(part.triangles):
        if len(loop) < 3 or (only is not None and not only(part["a"][loop].mean(0))):
            continue
        n = len(loop)
        # A double of the edge keeps the fold sharp, the second row goes in.
        for step in (0.0, depth):
            for name, value in part.data.items():
                data[name].append(value[loop] - step * normal[loop] if name == "a" else value[loop])
        outer, inner = np.arange(count, count + n), np.arange(count + n, count + 2 * n)
        count += 2 * n
        following = np.roll(np.arange(n), -1)
        triangles.append(np.stack([outer[following], outer, inner], 1))
        triangles.append(np.stack([outer[following], inner, inner[following]], 1))
    return Part({name: np.concatenate(rows) for name, rows in data.items()}, np.concatenate(triangles))
