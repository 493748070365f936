"""Find the 68 face points (iBUG 300-W) and the ten finger tips on the default person.

    python scripts/build_landmarks.py

Writes src/cospeech/video/assets/landmarks.json: every point as three vertices of one triangle with shares,
for both levels of the body. The rules below look at the full body from the front, a tenth of a millimetre
a pixel. What is found there is looked up on either level as the surface point nearest in nine numbers: where
it is at rest, with the mouth open, and with the eyes shut, so that no point changes lips or lids.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cospeech.avatar.body import LEVELS, Body, load_body
from cospeech.avatar.raster import plane_coefficients, visibility
from cospeech.motion.points import FINGERS, SIDES
from cospeech.motion.skeleton import CANONICAL_NAMES

Array = np.ndarray

OUT = Path(__file__).parents[1] / "src/cospeech/video/assets/landmarks.json"
CELL = 1e-4  # metres a pixel
LEFT, TOP = -0.1, 1.76  # of the picture
WIDTH, HEIGHT = 2000, 3300
OPEN, SHUT = {"jawOpen": 0.5}, {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}
LIP_RED = 0.238  # red - green half way from the skin round the lips to the lips
EDGE = 0.22  # of the normal towards the viewer: the jaw's edge

EYEBALL = 221  # vertices of one on the full body
BROW = 75  # vertices of one on either level


def moved(body: Body, shapes: dict[str, float]) -> Array:
    """[V, 3] the body in T-pose with some face shapes."""
    result = body.vertices.copy()
    for name, amount in shapes.items():
        k = body.morphs.names.index(name)
        result[body.morphs.indices[k]] += amount * body.morphs.deltas[k]
    return result


@dataclass
class View:
    """Some triangles seen from the front."""

    ids: Array  # [H, W] triangle or -1
    place: Array  # [H, W, 3] metres in T-pose (of the resting face)
    normal: Array  # [H, W, 3]
    seam: Array  # [H, W] metres that a point falls when the jaw opens
    red: Array  # [H, W]


def look(body: Body, triangles: Array, points: Array) -> View:
    """See the triangles in a pose; what is told of a pixel is of the resting face."""
    screen = np.stack([(points[:, 0] - LEFT) / CELL, (TOP - points[:, 1]) / CELL, -points[:, 2]], 1)
    faces = triangles[:, ::-1]
    ids = visibility(screen, faces, WIDTH, HEIGHT)
    fall = body.vertices[:, 1] - moved(body, OPEN)[:, 1]
    red = body.colours[:, 0] - body.colours[:, 1]
    values = np.concatenate([body.vertices, body.normals, fall[:, None], red[:, None]], 1)
    plane = plane_coefficients(screen.astype(np.float32), faces, values.astype(np.float32))
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    first = screen[faces[:, 0]][ids]
    of = plane[ids]
    shown = of[..., 0, :] + of[..., 1, :] * (x - first[..., 0])[..., None]
    shown += of[..., 2, :] * (y - first[..., 1])[..., None]
    shown[ids < 0] = np.nan
    return View(ids, shown[..., :3], shown[..., 3:6], shown[..., 6], shown[..., 7])


def pixel(x: float, y: float) -> tuple[int, int]:
    """Row and column of a place."""
    return int((TOP - y) / CELL), int((x - LEFT) / CELL)


def even(path: Array, count: int) -> Array:
    """Points at equal distances along a path [N, 3], as seen from the front."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path[:, :2], axis=0), axis=1))])
    at = np.linspace(0, length[-1], count)
    return np.stack([np.interp(at, length, path[:, k]) for k in range(3)], 1)


def hole(unskinned: Array, low: tuple[float, float], high: tuple[float, float]) -> Array:
    """Pixels [N, 2] (row, column) within a rectangle of places where there is no skin [H, W]."""
    top, left = pixel(low[0], high[1])
    bottom, right = pixel(high[0], low[1])
    return np.argwhere(unskinned[top:bottom, left:right]) + [top, left]


def rim(view: View, opening: Array, shares: tuple[float, ...], step: int) -> list[Array]:
    """Skin above (step -1) or below (step 1) an opening, at shares of its width."""
    left, right = opening[:, 1].min(), opening[:, 1].max()
    result = []
    for share in shares:
        column = round(left + share * (right - left))
        rows = opening[opening[:, 1] == column, 0]
        result.append(view.place[(rows.min() if step < 0 else rows.max()) + 2 * step, column])
    return result


def ends(view: View, opening: Array) -> tuple[Array, Array]:
    """Skin at the left and the right end of an opening."""
    result = []
    for column, step in ((opening[:, 1].min(), -2), (opening[:, 1].max(), 2)):
        row = int(np.median(opening[opening[:, 1] == column, 0]))
        result.append(view.place[row, column + step])
    return result[0], result[1]


def jaw(view: View) -> Array:
    """[17, 3] from eye height before the right ear over the chin to the left: rays from the nose outwards."""
    path = []
    for angle in np.radians(np.arange(-30, 210.1, 0.5)):
        across, down = -np.cos(angle), np.sin(angle)
        reach = np.arange(0.04, 0.099, CELL)
        rows, columns = (((TOP - 1.60 + reach * down) / CELL).astype(int), ((reach * across - LEFT) / CELL).astype(int))
        facing, depth = view.normal[rows, columns, 2], view.place[rows, columns, 2]
        over = ~(facing > EDGE) | (np.abs(np.gradient(depth)) > 0.004)
        path.append(view.place[rows, columns][max(int(np.argmax(over)) - 1, 0)])
    line = np.array(path)
    return even(line[line[:, 1] < 1.634], 17)  # not above the eyes


def nose(view: View) -> list[Array]:
    """27 to 35: the bridge from between the eyes to the tip, then under the nostrils from right to left."""
    column = pixel(0.0, 0.0)[1]
    rows = np.arange(pixel(0, 1.636)[0], pixel(0, 1.575)[0])
    profile = view.place[rows, column]
    root, tip = int(np.argmin(profile[:150, 2])), int(np.argmax(profile[:, 2]))
    base = tip + int(np.argmin(profile[tip:, 2]))  # where the lip begins
    under = tip + int(np.argmin(view.normal[rows, column, 1][tip : base + 1]))
    bridge = list(even(profile[root : tip + 1 : 4], 4))
    wings = {}
    row = pixel(0, profile[base, 1] + 0.006)[0]
    for side in (-1, 1):
        columns = column + side * np.arange(80, 240)
        drop = np.gradient(view.place[row, columns, 2])
        wings[side] = columns[int(np.argmin(drop))]
    low = pixel(0, profile[base, 1] + 0.006)[0]
    middle = pixel(0, profile[under, 1])[0]
    return [
        *bridge,
        view.place[low, wings[-1]],
        view.place[(low + middle) // 2, (column + wings[-1]) // 2],
        profile[under],
        view.place[(low + middle) // 2, (column + wings[1]) // 2],
        view.place[low, wings[1]],
    ]


def lips(rest: View, opened: View) -> list[Array]:
    """48 to 67: the edge of the red of the lips, then where the lips meet, seen with the mouth open."""
    top, left = pixel(-0.032, 1.582)
    bottom, right = pixel(0.032, 1.540)
    red = np.argwhere((rest.red > LIP_RED)[top:bottom, left:right]) + [top, left]
    first, last = red[:, 1].min(), red[:, 1].max()

    def edge(share: float, step: int) -> Array:
        column = round(first + share * (last - first))
        rows = red[red[:, 1] == column, 0]
        return rest.place[rows.min() if step < 0 else rows.max(), column]

    corners = [rest.place[int(np.median(red[red[:, 1] == c, 0])), c] for c in (first, last)]
    inner = hole(opened.place[..., 2] < 0.115, (-0.03, 1.535), (0.03, 1.57))
    right_end, left_end = ends(opened, inner)
    return [
        corners[0],
        *(edge(s, -1) for s in (0.19, 0.38, 0.5, 0.62, 0.81)),
        corners[1],
        *(edge(s, 1) for s in (0.80, 0.64, 0.5, 0.36, 0.20)),
        right_end,
        *rim(opened, inner, (0.27, 0.5, 0.73), -1),
        left_end,
        *rim(opened, inner, (0.73, 0.5, 0.27), 1),
    ]


def eyes(view: View, ball: Array) -> list[Array]:
    """36 to 47: the edges of the lids, round the pixels [H, W] that are eyeball."""
    result = []
    for low, high in (((-0.055, 1.615), (-0.010, 1.655)), ((0.010, 1.615), (0.055, 1.655))):
        opening = hole(ball, low, high)
        right, left = ends(view, opening)
        result += [right, *rim(view, opening, (0.33, 0.67), -1), left, *rim(view, opening, (0.67, 0.33), 1)]
    return result


def brow(body: Body, label: Array) -> list[Array]:
    """17 to 26: the middle of the strips that are the brows."""
    result = []
    for side in (-1, 1):
        own = [k for k in np.unique(label) if (label == k).sum() == BROW]
        strip = next(body.vertices[label == k] for k in own if side * body.vertices[label == k][0, 0] > 0)
        end, start = np.abs(strip[:, 0]).max(), np.abs(strip[:, 0]).min() + 0.002
        shares = np.linspace(0, 1, 5)
        for share in shares[::-1] if side < 0 else shares:
            distance = np.abs(np.abs(strip[:, 0]) - start - share * (end - start))
            result.append(strip[distance < distance.min() + 0.002].mean(0))
    return result


def tips(body: Body) -> list[Array]:
    """The ends of the fingers: the vertex of the last bone that lies furthest along it."""
    result = []
    for side in SIDES:
        for finger in FINGERS:
            joint, before = (CANONICAL_NAMES.index(f"{side}_{finger}{k}") for k in (3, 2))
            along = body.joint_positions[joint] - body.joint_positions[before]
            own = (body.joints == joint) & (body.weights > 0.5)
            vertices = body.vertices[own.any(1)]
            result.append(vertices[int(np.argmax(vertices @ along))])
    return result


def skins(body: Body, label: Array) -> Array:
    """Triangles of the head, the hands and the brows."""
    size = np.bincount(label, minlength=len(body))[label]
    skin = (body.softness > 0.5) & (size > 400) | (size == BROW)
    return body.triangles[skin[body.triangles].all(1)]


def closest(corner: Array, point: Array) -> Array:
    """Shares of the corners of triangles [F, 3, D] at their points nearest to a point [D] (nearly)."""
    e0, e1, d = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0], point - corner[:, 0]
    a, b, c = (e0 * e0).sum(1), (e0 * e1).sum(1), (e1 * e1).sum(1)
    u, v = (e0 * d).sum(1), (e1 * d).sum(1)
    scale = 1 / np.maximum(a * c - b * b, 1e-20)
    s, t = (c * u - b * v) * scale, (a * v - b * u) * scale
    share = np.clip(np.stack([1 - s - t, s, t], 1), 0, None)
    return share / share.sum(1, keepdims=True)


def described(body: Body) -> Array:
    """[V, 9] metres: at rest, mouth open, eyes shut."""
    return np.concatenate([body.vertices, moved(body, OPEN), moved(body, SHUT)], 1).astype(np.float64)


def fit(points: Array, corners: Array) -> tuple[Array, Array]:
    """For points [P, D] the nearest of triangles [F, 3, D]: its number [P] and shares [P, 3]."""
    faces, shares = [], []
    for point in points:
        share = closest(corners, point)
        found = np.einsum("fk,fkd->fd", share, corners)
        best = int(((found - point) ** 2).sum(1).argmin())
        faces.append(best)
        shares.append(share[best])
    return np.array(faces), np.array(shares)


def main() -> None:
    """Find all points on the full body, and look them up on both levels."""
    full = load_body(0)
    label = full.pieces
    triangles = skins(full, label)
    head = triangles[(full.vertices[triangles, 1].min(1) > 1.43) & (full.softness[triangles].min(1) > 0.5)]
    size = np.bincount(label)[label]
    balls = full.triangles[size[full.triangles[:, 0]] == EYEBALL]
    rest = look(full, np.concatenate([head, balls]), full.vertices)
    opened = look(full, head, moved(full, OPEN))
    face = [*jaw(rest), *brow(full, label), *nose(rest), *eyes(rest, rest.ids >= len(head)), *lips(rest, opened)]
    places = np.array([*face, *tips(full)], dtype=np.float64)
    faces, shares = fit(places, full.vertices[triangles].astype(np.float64))
    wanted = np.einsum("pk,pkd->pd", shares, described(full)[triangles[faces]])
    table: dict[str, object] = {"format": 1}
    for level in LEVELS:
        body = load_body(level)
        own = skins(body, body.pieces)
        faces, shares = fit(wanted, described(body)[own])
        found = np.einsum("pk,pkd->pd", shares, described(body)[own[faces]])
        far = np.linalg.norm(found - wanted, axis=1)
        print(f"level {level}: off by {far.mean() * 1000:.2f} mm, at most {far.max() * 1000:.2f}")
        table[f"level{level}"] = {"vertices": own[faces].tolist(), "shares": np.round(shares, 4).tolist()}
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(table) + "\n")


if __name__ == "__main__":
    main()
