"""Head and hands: skin colours, eyes, lashes and brows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.spatial import cKDTree

from build_avatar_dress import bump, neckline, paint, step
from build_avatar_lids import Eye, find_eyes, tint
from build_avatar_mesh import Part, compact, cut, fan, join, keep, normals, smooth
from build_avatar_rig import INDEX
from build_avatar_source import SHAPES, Source
from cospeech.core.rotation import axis_rotation

Array = np.ndarray

GAZE = {"Up": ("X", -18.0), "Down": ("X", 20.0), "Out": ("Y", 25.0), "In": ("Y", -25.0)}  # axis, degrees at weight 1
LASHES = 13  # of one upper lid


@dataclass(frozen=True, eq=False)
class Palette:
    """Colours of head and hands, sRGB 0 to 255; the defaults are the default person's."""

    skin: tuple[float, float, float] = (226, 178, 150)
    blush: tuple[float, float, float] = (216, 138, 120)
    lips: tuple[float, float, float] = (190, 108, 104)
    nail: tuple[float, float, float] = (236, 192, 176)
    mouth: tuple[float, float, float] = (128, 54, 54)
    throat: tuple[float, float, float] = (104, 40, 42)
    wet: tuple[float, float, float] = (222, 158, 146)
    caruncle: tuple[float, float, float] = (208, 124, 112)
    lash: tuple[float, float, float] = (84, 62, 52)
    brow: tuple[float, float, float] = (70, 50, 38)
    sclera: tuple[float, float, float] = (238, 234, 230)
    iris: tuple[float, float, float] = (86, 116, 112)
    iris_inner: tuple[float, float, float] = (128, 148, 122)
    pupil: tuple[float, float, float] = (14, 12, 12)
    brow_width: float = 1.0  # of the default person's
    grain: float = 0.006  # standard deviation of the skin's tone from vertex to vertex

    def __getitem__(self, name: str) -> Array:
        """A colour, sRGB 0 to 1."""
        return np.array(getattr(self, name)) / 255


def take(source: Source, groups: list[str], t: Array, weights: Array, morphs: Array) -> Part:
    """Groups of the source mesh as a part."""
    triangles = np.concatenate([fan(source.groups[group]) for group in groups])
    return compact(Part({"a": source.vertices, "t": t, "w": weights, "m": morphs, "uv": source.uv}, triangles))


def mask_of(source: Source, name: str, uv: Array) -> Array:
    """A mask texture of the source sampled at texture coordinates, 0 to 1."""
    image = Image.open(source.data / f"mpfb2/textures/mpfb_{name}.jpg").convert("L").resize((1024, 1024), Image.BOX)
    pixels = np.asarray(image, float) / 255
    x = np.clip(uv[:, 0] * 1024, 0, 1023).astype(int)
    y = np.clip((1 - uv[:, 1]) * 1024, 0, 1023).astype(int)
    return pixels[y, x]


def skin(source: Source, t: Array, weights: Array, morphs: Array, palette: Palette) -> Part:
    """Head with neck down to the shirt, and hands from within the cuffs."""
    part = take(source, ["body"], t, weights, morphs)
    eyes = find_eyes(source, t)
    socket = eyes[0].socket(part["t"]) | eyes[1].socket(part["t"])
    part = keep(part, ~socket)
    reach = np.abs(part["t"][:, 0])
    neck = np.minimum(0.016 - neckline(part["t"]), 0.105 - reach)
    part = cut(part, np.where(reach < 0.3, neck, reach - 0.637))
    t = part["t"]
    reach = np.abs(t[:, 0])
    eye = t[:, 1] - 1.633
    head = step(t[:, 1], 1.40, 1.45) * (reach < 0.3)

    def mix(colour: Array, other: Array, amount: Array) -> Array:
        return colour + amount[:, None] * (other - colour)

    colour = np.tile(palette["skin"], (len(part), 1))
    blush = palette["blush"]
    front = step(t[:, 2], 0.07, 0.12)
    cheek = bump(reach, 0.047, 0.022) * bump(eye, -0.04, 0.022) * front
    nose = bump(reach, 0.0, 0.017) * bump(eye, -0.045, 0.014) * step(t[:, 2], 0.14, 0.16)
    chin = bump(reach, 0.0, 0.018) * bump(eye, -0.118, 0.014) * front
    ear = step(reach, 0.074, 0.088) * head
    colour = mix(colour, blush, 0.34 * cheek + 0.30 * nose + 0.14 * chin + 0.35 * ear)
    shade = bump(eye, 0.008, 0.009) * bump(reach, 0.033, 0.018) * front  # lids
    colour = mix(colour, blush * 0.84, 0.35 * shade)
    lips = smooth(mask_of(source, "lips", part["uv"]), part.triangles, 3)
    colour = mix(colour, palette["lips"], 0.8 * lips * head)
    inside = mask_of(source, "inside-mouth", part["uv"]) * head
    deep = palette["mouth"] + step(-t[:, 2], -0.138, -0.100)[:, None] * (palette["throat"] - palette["mouth"])
    colour = mix(colour, palette["lips"] * 0.8 + 0.2 * palette["mouth"], step(inside, 0.2, 0.6))
    colour = mix(colour, deep, step(inside, 0.2, 0.6) * (1 - step(t[:, 2], 0.143, 0.149)))
    for own in eyes:
        share = tint(own, t)
        colour = mix(colour, palette["wet"], 0.8 * share["wet"] * head)
        colour = mix(colour, palette["caruncle"], 0.85 * share["caruncle"] * head)
        colour = mix(colour, palette["lash"], share["lash"] * head)
    hand = step(reach, 0.6, 0.65)
    knuckle = sum(
        np.exp(-((np.linalg.norm(t - place, axis=1) / 0.009) ** 2))
        for side in (1, -1)
        for place in _knuckles(t, part["w"], side)
    )
    tips = step(reach, 0.80, 0.86)
    colour = mix(colour, blush, (0.30 * np.clip(knuckle, 0, 1) + 0.22 * tips + 0.06) * hand)
    colour = mix(colour, palette["nail"], 0.8 * mask_of(source, "fingernails", part["uv"]) * hand)
    rng = np.random.default_rng(0)
    colour *= 1 + rng.normal(0, palette.grain, (len(part), 1))
    part.data["colour"] = np.clip(colour, 0, 1)
    part.data["inside"] = inside
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


def lashes(eyes: list[Eye], face: Part, palette: Palette) -> Part:
    """Single lashes along the upper lids: thin triangles that turn with the lid."""
    return paint(join([_lashes(eye, face) for eye in eyes]), palette.lash)


def _lashes(eye: Eye, face: Part) -> Part:
    azimuth = np.linspace(-27.0, 57.0, LASHES)
    upper, _ = eye.margins(azimuth)
    outward = np.linspace(0, 1, LASHES)
    middle = eye.place(np.full(LASHES, 0.0030), azimuth, upper + 0.4)
    radial = (middle - eye.centre) / np.linalg.norm(middle - eye.centre, axis=1, keepdims=True)
    along = np.cross([0.0, eye.side, 0.0], radial)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    lean = (0.5 * outward - 0.12)[:, None] * along
    direction = 0.75 * radial + lean + [0.0, 0.42, 0.0]
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    length = (0.0019 + 0.0018 * outward * (1 - 0.25 * outward))[:, None]
    half = 0.00036 * along
    data = surface(keep(face, (face["t"][:, 2] > 0.09) & (face["t"][:, 1] > 1.6)), middle)
    data.pop("n")
    rows = {key: np.concatenate([value] * 3) for key, value in data.items()}
    shift = np.concatenate([-half, half, length * direction])
    for key in ("t", "a"):
        rows[key] = rows[key] + shift
    for shape in range(52):
        # The root moves with the lid; the lash turns as far as the lid slides over the eyeball.
        if SHAPES[shape].startswith(("eyeBlink", "eyeLook", "eyeWide", "eyeSquint")):
            angle = -rows["m"][:, shape, 1] / (eye.radius + 0.003)
            turned = np.stack(
                [
                    shift[:, 0],
                    np.cos(angle) * shift[:, 1] - np.sin(angle) * shift[:, 2],
                    np.sin(angle) * shift[:, 1] + np.cos(angle) * shift[:, 2],
                ],
                1,
            )
            rows["m"][:, shape] += turned - shift
    i = np.arange(LASHES)
    triangles = np.stack([i, i + LASHES, i + 2 * LASHES], 1)
    part = Part(rows, triangles)
    return join([part, Part(part.data, triangles[:, ::-1])])


def eyes(source: Source, t: Array, palette: Palette, *, sides: int = 20) -> Part:
    """Eyeballs as spheres of rings round the line of sight; gaze shapes turn them."""
    parts = []
    sclera = palette["sclera"]
    rings = (
        (0.0, palette["pupil"]),
        (8.0, palette["pupil"]),
        (9.2, palette["iris_inner"] * 0.8),
        (14.0, palette["iris_inner"]),
        (20.0, palette["iris"]),
        (22.3, palette["iris"] * 0.45),
        (24.2, palette["iris"] * 0.55),
        (25.8, sclera * 0.93),
        (40.0, sclera),
        (62.0, sclera * 0.95),
        (85.0, sclera * [0.86, 0.78, 0.76]),
        (110.0, sclera * [0.8, 0.68, 0.66]),
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
            shine.append(np.full(count, 0.25 if degrees < 9 else 0.8 if degrees < 26 else 0.6))
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
        for look, (axis, degrees) in GAZE.items():
            # Out is towards the ear, so it and In turn the two eyes opposite ways.
            turn = axis_rotation(axis, np.radians(degrees * (-1 if axis == "Y" and side == "right" else 1)))
            delta[:, SHAPES.index(f"eyeLook{look}{side.title()}")] = local @ turn.T - local
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
    direction = np.array([-0.16, 0.13, 1.0])
    direction /= np.linalg.norm(direction)
    u = np.cross([0, 1, 0], direction)
    u /= np.linalg.norm(u)
    v = np.cross(direction, u)
    angle = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    ring = 0.0010 * (np.cos(angle)[:, None] * u + np.sin(angle)[:, None] * v)
    points = np.concatenate([[0 * u], ring]) + direction * radius * 1.034
    return points, [(start, start + 1 + i, start + 1 + (i + 1) % 8) for i in range(8)]


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


def brows(face: Part, palette: Palette) -> Part:
    """Eyebrows as soft strips that ride on the forehead and move with it; level, a little arched."""
    parts = []
    s = np.linspace(0, 1, 15)
    rows = np.array([-1.0, -0.45, 0.0, 0.45, 1.0])
    n = len(s)
    for side in (1, -1):
        x = 0.0125 + 0.0385 * s
        y = 1.633 + 0.0198 + 0.0012 * s + 0.0042 * np.sin(np.pi * s**1.25)
        half = 0.0041 * palette.brow_width * (1 - 0.62 * step(s, 0.30, 1.0)) * (0.72 + 0.28 * step(s, 0.0, 0.2))
        lean = 0.0016 * (1 - s)
        points = np.concatenate(
            [np.stack([side * (x - lean * k), y + k * half, np.full_like(s, 0.17)], 1) for k in rows]
        )
        # Drop each point on to the forehead from the front.
        front = face["t"][:, 2] > 0.09
        region = keep(face, front)
        for _ in range(8):
            spot = surface(region, points)
            points = np.stack([points[:, 0], points[:, 1], spot["t"][:, 2]], 1)
        data = surface(region, points)
        # Hair is dense in the middle and thins out towards every edge, most at the inner end.
        dense = np.repeat([0.0, 0.72, 0.92, 0.72, 0.0], n)
        dense *= np.tile(step(s, 0.0, 0.34) * (1 - step(s, 0.80, 1.02)), len(rows))
        stroke = np.tile(np.where(np.arange(n) % 2, 0.94, 1.06), len(rows))
        dense = np.clip(dense * stroke, 0, 1)[:, None]
        for key in ("t", "a"):
            data[key] = data[key] + (0.0003 + 0.0008 * dense) * data["n"]
        triangles = []
        for r in range(len(rows) - 1):
            for i in range(n - 1):
                a, b, c, d = r * n + i, r * n + i + 1, (r + 1) * n + i, (r + 1) * n + i + 1
                triangles += [(a, b, d), (a, d, c)] if side > 0 else [(a, d, b), (a, c, d)]
        part = Part({name: value for name, value in data.items() if name != "n"}, np.array(triangles))
        part.data["colour"] = data["colour"] + dense * (palette["brow"] - data["colour"])
        part.data["shine"] = data["shine"] * (1 - dense[:, 0])
        part.data["softness"] = 1 - dense[:, 0]
        parts.append(part)
    return join(parts)
