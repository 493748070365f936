"""Make a mesh lighter: quadric error edge collapse (Garland and Heckbert 1997) over several poses at once.

A vertex is always moved on to a neighbour (half-edge collapse), so that skin weights, morphs and
colours are those of vertices that exist. Vertices at the same place, as at sharp edges, are collapsed
together, so no cracks open.
"""

from __future__ import annotations

import numpy as np

from build_avatar_mesh import Part, compact

Array = np.ndarray


def reduce(part: Part, target: int, *, importance: Array, poses: list[Array], colour_weight: float = 2e-5) -> Part:
    """A lighter part.

    Args:
        part: the mesh.
        target: number of vertices to reach (welded places are counted once).
        importance: [V], multiplies the error of removing a vertex.
        poses: positions [V, 3] in which the shape is to be kept.
        colour_weight: square metres of error that a full change of colour is worth.
    """
    _, weld = np.unique(np.round(part["t"] * 1e6).astype(int), axis=0, return_inverse=True)
    weld = weld.ravel()
    count = weld.max() + 1
    first = np.zeros(count, int)
    first[weld[::-1]] = np.arange(len(weld))[::-1]
    weight = np.zeros(count)
    np.maximum.at(weight, weld, importance)
    positions = np.stack([pose[first] for pose in poses], 0)  # [P, N, 3]
    colour = part["colour"][first]
    triangles = part.triangles[_proper(weld[part.triangles])]
    corners = weld[triangles]
    quadrics = _quadrics(positions, corners)  # [P, N, 4, 4]
    area = np.zeros(count)
    face_area = np.linalg.norm(_cross(positions[0], corners), axis=1) / 2
    for k in range(3):
        np.add.at(area, corners[:, k], face_area / 3)
    alive = count
    while alive > target:
        corners = weld[triangles]
        directed = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
        pairs, number = np.unique(np.sort(directed, 1), axis=0, return_counts=True)
        border = np.zeros(count, bool)
        border[pairs[number == 1].ravel()] = True
        both = np.concatenate([pairs, pairs[:, ::-1]])
        on_border = np.concatenate([number == 1] * 2)
        allowed = ~border[both[:, 0]] | on_border
        both = both[allowed]
        cost = _cost(quadrics, positions, both)
        cost += colour_weight * area[both[:, 0]] / 1e-4 * ((colour[both[:, 0]] - colour[both[:, 1]]) ** 2).sum(1) * 1e-2
        length = ((positions[0][both[:, 0]] - positions[0][both[:, 1]]) ** 2).sum(1)
        cost = (cost + 1e-9 * length) * weight[both[:, 0]]
        order = np.argsort(cost, kind="stable")
        limit = cost[order[min(len(order) - 1, max(400, len(order) // 8))]]
        incident: list[list[int]] = [[] for _ in range(count)]
        for i, corner in enumerate(corners.tolist()):
            for v in corner:
                incident[v].append(i)
        busy = np.zeros(count, bool)
        done = 0
        new = triangles.copy()
        gone = np.zeros(len(triangles), bool)
        for index in order:
            if cost[index] > limit or alive - done <= target:
                break
            u, v = both[index].tolist()
            if busy[u] or busy[v]:
                continue
            mapping = _collapse(u, v, incident, corners, triangles, positions)
            if mapping is None:
                continue
            ring = {w for i in incident[u] for w in corners[i].tolist()}
            if any(busy[w] for w in ring):
                continue
            for i in incident[u]:
                if v in corners[i]:
                    gone[i] = True
                else:
                    k = int(np.flatnonzero(corners[i] == u)[0])
                    new[i, k] = mapping[int(triangles[i, k])]
            quadrics[:, v] += quadrics[:, u]
            area[v] += area[u]
            busy[list(ring)] = True
            done += 1
        if not done:
            break
        triangles = new[~gone]
        alive -= done
    return compact(Part(part.data, triangles))


def _proper(corners: Array) -> Array:
    return (corners[:, 0] != corners[:, 1]) & (corners[:, 1] != corners[:, 2]) & (corners[:, 2] != corners[:, 0])


def _cross(points: Array, corners: Array) -> Array:
    a, b, c = (points[corners[:, k]] for k in range(3))
    return np.cross(b - a, c - a)


def _quadrics(positions: Array, corners: Array) -> Array:
    result = np.zeros((*positions.shape[:2], 4, 4))
    _, inverse, number = np.unique(
        np.sort(corners[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1), axis=0, return_inverse=True, return_counts=True
    )
    edge_face = np.repeat(np.arange(len(corners)), 3)
    open_edge = number[inverse.ravel()] == 1
    for p, points in enumerate(positions):
        cross = _cross(points, corners)
        size = np.linalg.norm(cross, axis=1, keepdims=True)
        normal = cross / np.maximum(size, 1e-15)
        plane = np.concatenate([normal, -(normal * points[corners[:, 0]]).sum(1, keepdims=True)], 1)
        outer = plane[:, :, None] * plane[:, None, :] * (size / 2)[:, :, None]
        for k in range(3):
            np.add.at(result[p], corners[:, k], outer)
        ends = corners[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)[open_edge]
        along = points[ends[:, 1]] - points[ends[:, 0]]
        side = np.cross(along, normal[edge_face[open_edge]])
        length = np.linalg.norm(side, axis=1, keepdims=True)
        side /= np.maximum(length, 1e-15)
        plane = np.concatenate([side, -(side * points[ends[:, 0]]).sum(1, keepdims=True)], 1)
        outer = plane[:, :, None] * plane[:, None, :] * (25 * length**2)[:, :, None]
        for k in range(2):
            np.add.at(result[p], ends[:, k], outer)
    return result


def _cost(quadrics: Array, positions: Array, both: Array) -> Array:
    total = np.zeros(len(both))
    for q, points in zip(quadrics, positions, strict=True):
        at = np.concatenate([points[both[:, 1]], np.ones((len(both), 1))], 1)
        total += np.einsum("ei,eij,ej->e", at, q[both[:, 0]] + q[both[:, 1]], at)
    return np.maximum(total, 0)


def _collapse(
    u: int, v: int, incident: list[list[int]], corners: Array, triangles: Array, positions: Array
) -> dict[int, int] | None:
    """Where the corners of u go when u moves on to v; None if that would spoil the mesh."""
    around_u = {w for i in incident[u] for w in corners[i].tolist()} - {u}
    around_v = {w for i in incident[v] for w in corners[i].tolist()} - {v}
    shared = [i for i in incident[u] if v in corners[i]]
    if len((around_u & around_v) - {u, v}) != len(shared):
        return None
    mapping: dict[int, int] = {}
    for i in shared:
        a = int(triangles[i, np.flatnonzero(corners[i] == u)[0]])
        b = int(triangles[i, np.flatnonzero(corners[i] == v)[0]])
        if mapping.setdefault(a, b) != b:
            return None
    kept = [i for i in incident[u] if i not in shared]
    for i in kept:
        if int(triangles[i, np.flatnonzero(corners[i] == u)[0]]) not in mapping:
            return None
    if not kept:
        return None
    before = corners[kept]
    after = np.where(before == u, v, before)
    for points in positions:
        m, n = _cross(points, before), _cross(points, after)
        lm, ln = np.linalg.norm(m, axis=1), np.linalg.norm(n, axis=1)
        if ((m * n).sum(1) < 0.35 * lm * ln).any() or (ln < 1e-10).any():
            return None
    return mapping
