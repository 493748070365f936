"""A mesh over forearm and hand, skinned to body, forearm and hand, so that no joint can tear.

Linear blend skinning with harmonic weights over the pixels of the arm (Joshi et al., SIGGRAPH 2007), which follow the
arm's shape in the picture: 0 where it leaves the sleeve or the upper arm, 1 at the hand. Sizes are decisions of
ours [D].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.series import smoothstep
from .limb_geometry import bones, hand, hand_distance, tapered_distance
from .matte import box

CELLS = 64  # of the picture's longer side
SEEN = 0.02  # mask from which a cell is part of the mesh
ELBOW_HALF_WIDTHS = (0.15, 0.13)  # shoulder widths of the upper arm at shoulder and elbow
HELD_FROM, HELD_UNTIL, HELD_REACH = 0.6, 1.05, 1.3  # shares of the upper arm, and half widths, where an arm is held
HAND_REACH, HAND_CLEAR = 1.0, 1.2  # half widths of a hand: what moves with it, and what surely does not
HELD_BEYOND = 0.65  # of the distance from the wrist to the furthest place that is held
SOLID = 0.4  # mean mask round a vertex from which the arm is held there
LOOSE = 1e-3  # conductance of a cell without person, against 1
HELD, CARRIED = 0.35, 0.65  # of the harmonic function: up to where the body, and from where the hand has a share


@dataclass(frozen=True, eq=False)
class ArmMesh:
    """A mesh over a front arm of a portrait."""

    vertices: np.ndarray  # [V, 2] pixels
    triangles: np.ndarray  # [N, 3] numbers of vertices
    along: np.ndarray  # [V] 0 where the arm is held to 1 at the hand, harmonic between
    weights: np.ndarray  # [V, 3] of body, forearm and hand, sum 1


def arm_mesh(mask: np.ndarray, points: np.ndarray, side: str, scale: float) -> ArmMesh:
    """Build the mesh of an arm.

    Args:
        mask: [H, W] in 0 .. 1, of forearm and hand.
        points: [116, 2] pixels.
        side: "left" or "right".
        scale: pixels of a shoulder width.
    """
    vertices, triangles, corners, share = _cells(mask)
    held, carried = _ends(vertices, points, side, scale)
    held &= _mean_of_cells(len(vertices), corners, share) > SOLID
    # Only the far part of the forearm is held, so that what is between it and the hand bends.
    far = np.linalg.norm(vertices - bones(points, side)["lower"][1], axis=1)
    held &= far > HELD_BEYOND * far.max(where=held, initial=0.0)
    along = _harmonic(len(vertices), corners, share + LOOSE, held, carried)
    at_body, at_hand = 1 - smoothstep(along / HELD), smoothstep((along - CARRIED) / (1 - CARRIED))
    weights = np.stack([at_body, 1 - at_body - at_hand, at_hand], -1)
    order = np.argsort(along[triangles].mean(1), kind="stable")  # the hand is drawn over the forearm
    return ArmMesh(vertices, triangles[order], along, weights)


def hand_mesh(mask: np.ndarray) -> ArmMesh:
    """A mesh over a hand [H, W] in 0 .. 1 that is a layer of its own: all of it moves with the hand."""
    vertices, triangles, _, _ = _cells(mask)
    weights = np.tile([0.0, 0.0, 1.0], (len(vertices), 1))
    return ArmMesh(vertices, triangles, np.ones(len(vertices)), weights)


def _cells(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A grid over a mask: vertices [V, 2] pixels, triangles [N, 3], corners [M, 4] of cells and their shares [M]."""
    height, width = mask.shape
    cell = max(2, round(max(width, height) / CELLS))
    rows, columns = -(-height // cell), -(-width // cell)
    padded = np.pad(mask, ((0, rows * cell - height), (0, columns * cell - width)), mode="edge")
    filled = padded.reshape(rows, cell, columns, cell).mean((1, 3))
    # One cell beyond the mask, also beyond the picture's border.
    filled = np.pad(filled, 1)
    cells = box((filled > SEEN / cell).astype(float), 1) > 0
    cells_y, cells_x = np.nonzero(cells)
    corner = np.zeros((rows + 3, columns + 3), int)
    for dy in (0, 1):
        for dx in (0, 1):
            corner[cells_y + dy, cells_x + dx] = 1
    vertex_y, vertex_x = np.nonzero(corner)
    number = np.full(corner.shape, -1)
    number[vertex_y, vertex_x] = np.arange(len(vertex_y))
    a, b = number[cells_y, cells_x], number[cells_y, cells_x + 1]
    c, d = number[cells_y + 1, cells_x], number[cells_y + 1, cells_x + 1]
    triangles = np.concatenate([np.stack([a, b, c], -1), np.stack([b, d, c], -1)])
    vertices = np.stack([vertex_x - 1, vertex_y - 1], -1).astype(float) * cell
    return vertices, triangles, np.stack([a, b, d, c], -1), filled[cells_y, cells_x]


def _ends(vertices: np.ndarray, points: np.ndarray, side: str, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """[V] bool: vertices at the upper arm, and at the hand."""
    arm = bones(points, side)
    share, beside = tapered_distance(arm["upper"], vertices, scale, ELBOW_HALF_WIDTHS)
    palm = hand_distance(hand(points, side), vertices, scale)
    carried = palm < HAND_REACH
    held = (share > HELD_FROM) & (share < HELD_UNTIL) & (beside < HELD_REACH) & (palm > HAND_CLEAR)
    return held, carried


def _mean_of_cells(count: int, corners: np.ndarray, share: np.ndarray) -> np.ndarray:
    """[V] mean of the shares [M] of the cells that meet at a vertex."""
    at = corners.ravel()
    cells = np.maximum(np.bincount(at, minlength=count), 1)
    return np.asarray(np.bincount(at, np.repeat(share, 4), count) / cells)


def _harmonic(count: int, corners: np.ndarray, share: np.ndarray, held: np.ndarray, carried: np.ndarray) -> np.ndarray:
    """[V] solution of Laplace's equation: 0 where held, 1 where carried, by the cells' conductances [M]."""
    if not held.any() or not carried.any():
        return np.full(count, float(carried.any() or not held.any()))
    matrix = np.zeros((count, count))
    for k in range(4):
        i, j = corners[:, k], corners[:, (k + 1) % 4]
        for one, other in ((i, j), (j, i)):
            np.add.at(matrix, (one, one), share)
            np.add.at(matrix, (one, other), -share)
    fixed = held | carried
    right = carried.astype(float)
    free = np.flatnonzero(~fixed)
    result = right.copy()
    if len(free):
        inner = matrix[np.ix_(free, free)] + 1e-9 * np.eye(len(free))
        result[free] = np.linalg.solve(inner, -matrix[np.ix_(free, np.flatnonzero(fixed))] @ right[fixed])
    return np.clip(result, 0, 1)


def rasterized(
    vertices: np.ndarray, source: np.ndarray, triangles: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Which pixels a moved mesh covers, and where in the portrait they come from.

    Args:
        vertices: [V, 2] pixels of the driven picture.
        source: [V, 2] pixels of the portrait.
        triangles: [N, 3]; later ones cover earlier ones, and those turned over are left out.
        size: (width, height).

    Returns:
        Rows times width plus columns [M] of covered pixels, each once, and source pixels [M, 2] float32.
    """
    width, height = size
    corners = vertices[triangles]
    first, one, other = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]
    low = np.ceil(np.clip(corners.min(1), -1, [width + 1, height + 1]) - 0.5).astype(int)
    high = np.floor(np.clip(corners.max(1), -1, [width + 1, height + 1]) - 0.5).astype(int)
    low, high = np.maximum(low, 0), np.minimum(high, [width - 1, height - 1])
    extent = (high - low).max(1) + 1
    fine = (area > 1e-6) & (high >= low).all(1)
    if not fine.any():
        return np.zeros(0, np.intp), np.zeros((0, 2), np.float32)
    corner = low[fine].min(0)
    wide, tall = high[fine].max(0) - corner + 1
    came = np.empty((tall * wide, 2), np.float32)
    order = np.full(tall * wide, -1)
    side = 4
    left = fine.copy()
    while left.any():
        chosen = np.flatnonzero(left & (extent <= side))
        left[chosen] = False
        if len(chosen):
            pixels, inside, places = _covered(chosen, low, high, first, one, other, area, side)
            which, u, v = chosen[inside[0]], *(share[inside][:, None] for share in places)
            x, y = (pixels[inside] - corner).T
            at, start = y * wide + x, source[triangles[which]]
            value = start[:, 0] + u * (start[:, 1] - start[:, 0]) + v * (start[:, 2] - start[:, 0])
            above = which >= order[at]
            at, value, which = at[above], value[above], which[above]
            order[at], came[at] = which, value  # within a call triangles are in order, so the last one stays
        side += side // 4
    covered = np.flatnonzero(order >= 0)
    y, x = np.divmod(covered, wide)
    return (y + corner[1]) * width + x + corner[0], came[covered]


def _covered(
    chosen: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    first: np.ndarray,
    one: np.ndarray,
    other: np.ndarray,
    area: np.ndarray,
    side: int,
) -> tuple[np.ndarray, tuple[np.ndarray, ...], tuple[np.ndarray, np.ndarray]]:
    """Pixels [K, side^2, 2] beside chosen triangles, indices of those inside, and their barycentric shares."""
    y, x = np.divmod(np.arange(side * side), side)
    pixels = low[chosen, None] + np.stack([x, y], -1)
    offset = pixels + 0.5 - first[chosen, None]
    a, b, size = one[chosen, None], other[chosen, None], area[chosen, None]
    u = (offset[..., 0] * b[..., 1] - offset[..., 1] * b[..., 0]) / size
    v = (a[..., 0] * offset[..., 1] - a[..., 1] * offset[..., 0]) / size
    slack = 1e-6
    within = (x <= (high - low)[chosen, :1]) & (y <= (high - low)[chosen, 1:])
    inside = np.nonzero((u >= -slack) & (v >= -slack) & (u + v <= 1 + slack) & within)
    return pixels, inside, (u, v)
