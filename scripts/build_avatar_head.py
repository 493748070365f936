"""Head and hands: skin colours, eyes, teeth, tongue, lashes and brows."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy.spatial import cKDTree

from build_avatar_dress import bump, neckline, paint, step
from build_avatar_mesh import Part, compact, cut, fan, join, keep, normals
from build_avatar_rig import INDEX
from build_avatar_source import Source

Array = np.ndarray

SKIN = np.array([226, 178, 150]) / 255
BLUSH = np.array([216, 138, 120]) / 255
LIPS = np.array([190, 108, 104]) / 255
NAIL = np.array([236, 192, 176]) / 255
MOUTH = np.array([92, 34, 36]) / 255
TONGUE = (186, 96, 98)
TEETH = (238, 232, 222)
LASH = (38, 28, 26)
BROW = np.array([70, 50, 38]) / 255
SCLERA = np.array([238, 234, 230]) / 255
IRIS = np.array([86, 116, 112]) / 255
IRIS_INNER = np.array([128, 148, 122]) / 255
PUPIL = np.array([14, 12, 12]) / 255


def take(source: Source, groups: list[str], t: Array, weights: Array, morphs: Array) -> Part:
    """Groups of the source mesh as a part."""
    triangles = np.concatenate([fan(source.groups[group]) for group in groups])
    return compact(Part({"a": source.vertices, "t": t, "w": weights, "m": morphs, "uv": source.uv}, triangles))


def _mask(source: Source, name: str, uv: Array) -> Array:
    """A mask texture of the source sampled at texture coordinates, 0 to 1."""
    image = Image.open(source.data / f"mpfb2/textures/mpfb_{name}.jpg").convert("L").resize((1024, 1024), Image.BOX)
    pixels = np.asarray(image, float) / 255
    x = np.clip(uv[:, 0] * 1024, 0, 1023).astype(int)
    y = np.clip((1 - uv[:, 1]) * 1024, 0, 1023).astype(int)
    return pixels[y, x]


def skin(source: Source, t: Array, weights: Array, morphs: Array) -> Part:
    """Head with neck down to the shirt, and hands from within the cuffs."""
    part = take(source, ["body"], t, weights, morphs)
    reach = np.abs(part["t"][:, 0])
    neck = np.minimum(0.016 - neckline(part["t"]), 0.105 - reach)
    part = cut(part, np.where(reach < 0.3, neck, reach - 0.637))
    t = part["t"]
    reach = np.abs(t[:, 0])
    eye = t[:, 1] - 1.633
    head = step(t[:, 1], 1.40, 1.45) * (reach < 0.3)

    def mix(colour: Array, other: Array, amount: Array) -> Array:
        return colour + amount[:, None] * (other - colour)

    colour = np.tile(SKIN, (len(part), 1))
    front = step(t[:, 2], 0.07, 0.12)
    cheek = bump(reach, 0.047, 0.022) * bump(eye, -0.04, 0.022) * front
    nose = bump(reach, 0.0, 0.017) * bump(eye, -0.045, 0.014) * step(t[:, 2], 0.14, 0.16)
    chin = bump(reach, 0.0, 0.018) * bump(eye, -0.118, 0.014) * front
    ear = step(reach, 0.074, 0.088) * head
    colour = mix(colour, BLUSH, 0.34 * cheek + 0.30 * nose + 0.14 * chin + 0.35 * ear)
    shade = bump(eye, 0.008, 0.009) * bump(reach, 0.033, 0.018) * front  # lids
    colour = mix(colour, BLUSH * 0.84, 0.35 * shade)
    lips = _mask(source, "lips", part["uv"])
    colour = mix(colour, LIPS, 0.8 * lips * head)
    inside = _mask(source, "inside-mouth", part["uv"]) * head
    colour = mix(colour, MOUTH, step(inside, 0.2, 0.6))
    hand = step(reach, 0.6, 0.65)
    knuckle = sum(
        np.exp(-((np.linalg.norm(t - place, axis=1) / 0.009) ** 2))
        for side in (1, -1)
        for place in _knuckles(t, part["w"], side)
    )
    tips = step(reach, 0.80, 0.86)
    colour = mix(colour, BLUSH, (0.30 * np.clip(knuckle, 0, 1) + 0.22 * tips + 0.06) * hand)
    colour = mix(colour, NAIL, 0.8 * _mask(source, "fingernails", part["uv"]) * hand)
    rng = np.random.default_rng(0)
    colour *= 1 + rng.normal(0, 0.006, (len(part), 1))
    part.data["colour"] = np.clip(colour, 0, 1)
    shine = 0.22 + 0.12 * bump(reach, 0.0, 0.03) * step(eye, -0.05, 0.02) + 0.25 * lips - 0.2 * inside
    part.data["shine"] = np.clip(np.where(hand > 0.5, 0.18, shine), 0, 1)
    return part


def _knuckles(t: Array, weights: Array, side: int) -> list[Array]:
    """Middle joints of the fingers, estimated where the weights of two bones meet."""
    name = "left" if side > 0 else "right"
    result = []
    for finger in ("index", "middle", "ring", "pinky"):
        for k in (1, 2):
            a, b = (INDEX[f"{name}_{finger}{n}"] for n in (k, k + 1))
            both = weights[:, a] * weights[:, b]
            if both.max() > 0:
                result.append((t * both[:, None]).sum(0) / both.sum() + [0, 0.006, 0])
    return result


def mouth(source: Source, t: Array, weights: Array, morphs: Array) -> Part:
    """Teeth and tongue."""
    parts = []
    for group, shift, colour in (
        ("helper-upper-teeth", (0.0, -0.0030, 0.001), TEETH),
        ("helper-lower-teeth", (0.0, 0.0, 0.0), TEETH),
        ("helper-tongue", (0.0, -0.0035, -0.004), TONGUE),
    ):
        part = take(source, [group], t, weights, morphs)
        for name in ("a", "t"):
            part.data[name] = part[name] + shift
        parts.append(paint(part, colour, shine=0.25))
    return join(parts)


def lashes(source: Source, t: Array, weights: Array, morphs: Array) -> Part:
    """Lash lines: the lash strips, drawn in to a third of their length."""
    parts = []
    for side in "lr":
        for row, length in ((2, 0.45),):
            part = take(source, [f"helper-{side}-eyelashes-{row}"], t, weights, morphs)
            lid = np.unique(np.ravel(source.groups["body"]))
            tree = cKDTree(t[lid])
            distance, _ = tree.query(part["t"])
            # Root vertices lie on the lid; every other follows its nearest root.
            root = distance < 0.0022
            _, own = cKDTree(part["t"][root]).query(part["t"])
            own = np.flatnonzero(root)[own]
            for name in ("t", "a"):
                part.data[name] = part[name][own] + length * (part[name] - part[name][own])
            part.data["m"] = part["m"][own] + length * (part["m"] - part["m"][own])
            parts.append(part)
    part = join(parts)
    back = Part(part.data, part.triangles[:, ::-1])
    return paint(join([part, back]), LASH)


def eyes(source: Source, t: Array, morphs: Array, *, sides: int = 20) -> Part:
    """Eyeballs as spheres of rings round the line of sight; gaze shapes turn them."""
    parts = []
    rings = (
        (0.0, PUPIL),
        (8.0, PUPIL),
        (9.2, IRIS_INNER * 0.8),
        (14.0, IRIS_INNER),
        (20.0, IRIS),
        (22.3, IRIS * 0.45),
        (24.2, IRIS * 0.55),
        (25.8, SCLERA * 0.93),
        (40.0, SCLERA),
        (62.0, SCLERA * 0.95),
        (85.0, SCLERA * [0.86, 0.78, 0.76]),
        (110.0, SCLERA * [0.8, 0.68, 0.66]),
    )
    for side, letter in (("left", "l"), ("right", "r")):
        ball = np.unique(np.ravel(source.groups[f"helper-{letter}-eye"]))
        low, high = t[ball].min(0), t[ball].max(0)
        centre = (low + high) / 2
        radius = (high - low).mean() / 2
        points, colours, shine = [], [], []
        angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
        for k, (degrees, colour) in enumerate(rings):
            theta = np.radians(degrees)
            swell = 1 + 0.028 * step(np.array(-degrees), -30.0, -14.0)  # the cornea
            count = 1 if k == 0 else sides
            phi = angle[:count] + 0.5 * (k % 2) * (2 * np.pi / sides)
            r = radius * swell
            points.append(
                np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta) + 0 * phi], 1) * r
            )
            streak = 1 + (0.12 * np.sin(phi * 9 + k) if 9 < degrees < 21 else 0 * phi)
            colours.append(np.clip(np.array(colour) * streak[:, None], 0, 1))
            shine.append(np.full(count, 1.0 if degrees < 26 else 0.7))
        triangles = [(0, 1 + i, 1 + (i + 1) % sides) for i in range(sides)]
        for k in range(1, len(rings) - 1):
            u, v = 1 + (k - 1) * sides, 1 + k * sides
            for i in range(sides):
                j = (i + 1) % sides
                if k % 2:
                    triangles += [(u + i, v + i, u + j), (u + j, v + i, v + j)]
                else:
                    triangles += [(u + i, v + i, v + j), (u + i, v + j, u + j)]
        local = np.concatenate(points)
        # A fixed glint up and to the side of the key light.
        glint = _glint(radius, len(local))
        local, triangles = np.concatenate([local, glint[0]]), np.array(triangles + glint[1])
        colours.append(np.ones((len(glint[0]), 3)))
        shine.append(np.ones(len(glint[0])))
        delta = np.zeros((len(local), 52, 3))
        for shape in range(52):
            moved = morphs[ball, shape]
            if np.abs(moved).max() > 1e-5:
                about = t[ball] - centre
                turn = _best_turn(about, about + moved - moved.mean(0))
                delta[:, shape] = local @ turn.T - local
        weights = np.zeros((len(local), 55))
        weights[:, INDEX[f"{side}_eye"]] = 1
        data = {
            "a": centre + local,
            "t": centre + local,
            "w": weights,
            "m": delta,
            "uv": np.zeros((len(local), 2)),
            "colour": np.concatenate(colours),
            "shine": np.concatenate(shine),
        }
        parts.append(Part(data, np.array(triangles)))
    return join(parts)


def _glint(radius: float, start: int) -> tuple[Array, list[tuple[int, int, int]]]:
    direction = np.array([0.17, 0.2, 1.0])
    direction /= np.linalg.norm(direction)
    u = np.cross([0, 1, 0], direction)
    u /= np.linalg.norm(u)
    v = np.cross(direction, u)
    angle = np.linspace(0, 2 * np.pi, 6, endpoint=False)
    ring = 0.0011 * (np.cos(angle)[:, None] * u + np.sin(angle)[:, None] * v)
    points = np.concatenate([[0 * u], ring]) + direction * radius * 1.034
    return points, [(start, start + 1 + i, start + 1 + (i + 1) % 6) for i in range(6)]


def _best_turn(a: Array, b: Array) -> Array:
    u, _, vt = np.linalg.svd(b.T @ a)
    return u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt


def surface(part: Part, points: Array) -> dict[str, Array]:
    """All attributes of a part at its surface points nearest to points (and n, the normal)."""
    corners = part["t"][part.triangles]
    _, near = cKDTree(corners.mean(1)).query(points, k=12)
    normal = normals(part["t"], part.triangles)
    best: list[tuple[float, int, Array]] = []
    for point, candidates in zip(points, near, strict=True):
        found = (np.inf, -1, np.zeros(3))
        for face in candidates:
            share = _closest(corners[face], point)
            distance = float(np.linalg.norm(share @ corners[face] - point))
            if distance < found[0]:
                found = (distance, int(face), share)
        best.append(found)
    faces = np.array([face for _, face, _ in best])
    shares = np.array([share for _, _, share in best])
    index = part.triangles[faces]
    data = dict(part.data) | {"n": normal}
    return {name: np.einsum("pk,pk...->p...", shares, value[index]) for name, value in data.items()}


def _closest(corner: Array, point: Array) -> Array:
    """Barycentric shares of the point of a (small) triangle nearest to a point."""
    e0, e1 = corner[1] - corner[0], corner[2] - corner[0]
    d = point - corner[0]
    matrix = np.array([[e0 @ e0, e0 @ e1], [e0 @ e1, e1 @ e1]])
    u, v = np.linalg.solve(matrix + 1e-14 * np.eye(2), [e0 @ d, e1 @ d])
    share = np.clip([1 - u - v, u, v], 0, None)
    return share / share.sum()


def brows(face: Part) -> Part:
    """Eyebrows as thin strips that ride on the forehead and move with it."""
    parts = []
    s = np.linspace(0, 1, 13)
    for side in (1, -1):
        x = 0.0135 + 0.0385 * s
        y = 1.633 + 0.0212 + 0.0050 * np.sin(np.pi * np.clip(s * 0.78, 0, 1)) - 0.0055 * step(s, 0.55, 1.0)
        half = 0.0034 * (1 - 0.75 * step(s, 0.35, 1.0)) * (0.75 + 0.25 * step(s, 0.0, 0.12))
        rows = []
        for k in (-1, 0, 1):
            lean = 0.002 * k * (1 - s)
            rows.append(np.stack([side * (x - lean), y + k * half, np.full_like(s, 0.17)], 1))
        points = np.concatenate(rows)
        # Drop each point on to the forehead from the front.
        front = face["t"][:, 2] > 0.09
        region = keep(face, front)
        for _ in range(8):
            spot = surface(region, points)
            points = np.stack([points[:, 0], points[:, 1], spot["t"][:, 2]], 1)
        data = surface(region, points)
        lift = np.repeat([0.0004, 0.0016, 0.0004], len(s))[:, None]
        data["t"] = data["t"] + lift * data["n"]
        data["a"] = data["a"] + lift * data["n"]
        n = len(s)
        triangles = []
        for r in (0, 1):
            for i in range(n - 1):
                a, b, c, d = r * n + i, r * n + i + 1, (r + 1) * n + i, (r + 1) * n + i + 1
                triangles += [(a, b, d), (a, d, c)] if side > 0 else [(a, d, b), (a, c, d)]
        part = Part({name: value for name, value in data.items() if name != "n"}, np.array(triangles))
        colour = np.tile(BROW, (3 * n, 1))
        edge = np.clip(np.repeat([0.5, 0.08, 0.5], n) + 0.35 * np.tile(1 - step(s, 0.0, 0.2), 3), 0, 1)[:, None]
        under = data["colour"]
        part.data["colour"] = colour * (1 - edge) + under * edge
        part.data["shine"] = np.full(3 * n, 0.05)
        parts.append(part)
    return join(parts)
