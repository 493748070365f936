"""Eyelids: where their margins lie round the eyeball, and how they close on it without a gap.

Coordinates round an eye are angles seen from its centre (azimuth, positive towards the ear, and elevation) and
the clearance above the eyeball. A lid that closes keeps the clearance, so it slides over the ball.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from build_avatar_dress import bump, step
from build_avatar_source import Source

Array = np.ndarray

SIDES = (("Left", "l", 1.0), ("Right", "r", -1.0))
INNER, OUTER = (-41.0, -8.5), (58.0, -5.0)  # degrees: azimuth and elevation of the corners of the eye
SAG = 5.5  # degrees by which the closed slit hangs below the line from corner to corner
OVERLAP = 1.2  # degrees by which the upper lid passes the lower one
FOLD = 42.0  # degrees above the margin that unfold when the upper lid closes
GAZE_LIDS = {"Up": (5.0, 2.5), "Down": (-9.0, -5.0)}  # degrees by which the upper and the lower lid follow the eye
OPENER = 2.5  # degrees by which the upper lid is higher than the source's
SQUINT = (-3.0, 6.2)  # degrees by which the upper and the lower lid go in eyeSquint
WIDE = (6.5, -2.5)  # in eyeWide
CHEEK = (0.0, 3.2)  # in cheekSquint
LIDS_REST = 1.0, 2.4  # of the ellipse round the opening: where the lids end, where the cheek and the brow are free
UPPER_CLEARANCE, LOWER_CLEARANCE = 0.0036, 0.0021  # metres, skin of the closed lids above the eyeball
STILL_LIDS = ("nose", "cheek", "mouth", "eyeLookIn", "eyeLookOut")  # the source's shapes that must not move lids
POCKET = 0.0016  # metres above the eyeball, below which the mesh is its socket


@dataclass(frozen=True)
class Eye:
    """One eyeball and the margins of the lids before it."""

    centre: Array  # [3] metres
    radius: float  # metres
    side: float  # 1 left, -1 right
    azimuth: Array  # [N] degrees, rising
    upper: Array  # [N] degrees, lowest elevation of the upper lid's skin
    lower: Array  # [N] degrees, highest elevation of the lower lid's skin

    def polar(self, points: Array) -> tuple[Array, Array, Array]:
        """Clearance above the ball in metres, azimuth and elevation in degrees of points [V, 3]."""
        clearance, azimuth, elevation = _polar(points, self.centre, self.radius, self.side)
        return clearance, azimuth, elevation

    def place(self, clearance: Array, azimuth: Array, elevation: Array) -> Array:
        """Points [V, 3] from what ``polar`` gives."""
        az, el = np.radians(azimuth), np.radians(elevation)
        flat = np.cos(el)
        unit = np.stack([self.side * flat * np.sin(az), np.sin(el), flat * np.cos(az)], -1)
        return self.centre + unit * (self.radius + np.asarray(clearance))[..., None]

    def margins(self, azimuth: Array) -> tuple[Array, Array]:
        """Elevation of the upper and the lower margin, degrees."""
        return np.interp(azimuth, self.azimuth, self.upper), np.interp(azimuth, self.azimuth, self.lower)

    def socket(self, points: Array) -> Array:
        """[V] whether a point belongs to the hidden pocket behind the lids."""
        clearance, azimuth, elevation = self.polar(points)
        outside = ((azimuth - 12) / 60) ** 2 + ((elevation + 4) / 24) ** 2 > 1.06
        return (clearance < POCKET) & outside


def _polar(points: Array, centre: Array, radius: float, side: float) -> tuple[Array, Array, Array]:
    local = (points - centre) * [side, 1.0, 1.0]
    distance = np.linalg.norm(local, axis=1)
    azimuth = np.degrees(np.arctan2(local[:, 0], local[:, 2]))
    return distance - radius, azimuth, np.degrees(np.arcsin(local[:, 1] / np.maximum(distance, 1e-9)))


def _chord(azimuth: Array) -> Array:
    """Elevation of the line from corner to corner, degrees."""
    return np.interp(azimuth, [INNER[0], OUTER[0]], [INNER[1], OUTER[1]])


def _slit(azimuth: Array) -> Array:
    """Elevation at which closed lids meet, degrees."""
    middle, half = (INNER[0] + OUTER[0]) / 2, (OUTER[0] - INNER[0]) / 2
    return _chord(azimuth) - SAG * np.clip(1 - ((azimuth - middle) / half) ** 2, 0, 1)


def find_eyes(source: Source, vertices: Array) -> list[Eye]:
    """Both eyes, left first; ``vertices`` are those of the source in the pose that matters."""
    body = np.unique(np.concatenate([np.ravel(face) for face in source.groups["body"]]))
    eyes = []
    for _, letter, side in SIDES:
        ball = vertices[np.unique(np.ravel(source.groups[f"helper-{letter}-eye"]))]
        low, high = ball.min(0), ball.max(0)
        centre, radius = (low + high) / 2, float((high - low).mean() / 2)
        clearance, azimuth, elevation = _polar(vertices[body], centre, radius, side)
        skin = (clearance > POCKET) & (clearance < 0.0046) & (np.abs(elevation) < 30)
        above = skin & (elevation > _chord(azimuth))
        below = skin & (elevation < _chord(azimuth))
        samples = np.arange(INNER[0], OUTER[0] + 1, 3.0)
        upper = _envelope(samples, azimuth[above], elevation[above], 1.0)
        lower = _envelope(samples, azimuth[below], elevation[below], -1.0)
        eyes.append(Eye(centre, radius, side, samples, upper, lower))
    return eyes


def _envelope(samples: Array, azimuth: Array, elevation: Array, sign: float) -> Array:
    """The margin as a smooth function of azimuth, through the lowest (sign 1) or highest (-1) vertices of a lid."""
    picked = set()
    for sample in samples:
        near = np.flatnonzero(np.abs(azimuth - sample) < 8.0)
        if len(near):
            picked.add(int(near[np.argmin(sign * elevation[near])]))
    order = sorted(picked, key=lambda vertex: azimuth[vertex])
    values = np.interp(samples, azimuth[order], elevation[order])
    wide = np.concatenate([values[:1], values, values[-1:]])
    return np.convolve(wide, [0.25, 0.5, 0.25], "valid")


def open_lids(source: Source, body: Array) -> None:
    """Lift the upper lids of the resting face a little; ``body`` holds the vertices that may move."""
    for eye in find_eyes(source, source.vertices):
        source.vertices[body] += _slide(eye, source.vertices[body], OPENER * _width(eye, source.vertices[body]), 0.0)


def shape_lids(source: Source) -> None:
    """Shapes in which both lids slide over the eyeball; blinks go on until they meet."""
    for (name, _, _), eye in zip(SIDES, find_eyes(source, source.vertices), strict=True):
        v = source.vertices
        clearance, azimuth, elevation = eye.polar(v)
        upper, lower = eye.margins(azimuth)
        slit = _slit(azimuth)
        fall, rise = np.clip(upper - slit + OVERLAP, 0, None), np.clip(slit - lower, 0, None)
        source.morphs[f"eyeBlink{name}"] = _slide(eye, v, -fall, rise, flat=1.0)
        width = _width(eye, v)
        turns = {f"eyeLook{look}": turn for look, turn in GAZE_LIDS.items()}
        for shape, (above, below) in (turns | {"eyeSquint": SQUINT, "eyeWide": WIDE}).items():
            source.morphs[f"{shape}{name}"] = _slide(eye, v, above * width, below * width)
        pouch = bump(elevation, lower - 12, 9) * bump(azimuth, 8, 38) * (1 - step(clearance, 0.008, 0.020))
        # Where a squint goes with a blink, the lower lid's edge slides behind the upper lid.
        edge = bump(elevation, lower, 5) * width * step(clearance, 0.0012, 0.0022) * (1 - step(clearance, 0.005, 0.010))
        behind = (eye.centre - v) * (0.0011 * edge / (eye.radius + clearance))[:, None]
        source.morphs[f"eyeSquint{name}"] += behind + np.outer(0.0008 * pouch, [0, 0, 1])
        for other in source.morphs:
            if other.startswith(STILL_LIDS):
                source.morphs[other] = source.morphs[other] * _free(eye, v)[:, None]
        source.morphs[f"cheekSquint{name}"] = _cheek(eye, v) + _slide(eye, v, CHEEK[0] * width, CHEEK[1] * width)
        source.morphs[f"cheekSquint{name}"] += 0.6 * behind


def _width(eye: Eye, points: Array) -> Array:
    """[V] 0 at the corners of the eye, 1 in its middle."""
    _, azimuth, _ = eye.polar(points)
    upper, lower = eye.margins(azimuth)
    return np.clip((upper - lower) / 30, 0, 1)


def _free(eye: Eye, points: Array) -> Array:
    """[V] 0 on the lids, 1 away from them."""
    clearance, azimuth, elevation = eye.polar(points)
    away = ((azimuth - 10) / 58) ** 2 + ((elevation + 4) / 24) ** 2
    return np.maximum(step(away, *LIDS_REST), step(clearance, 0.012, 0.024))


def _cheek(eye: Eye, points: Array) -> Array:
    """[V, 3] metres: the cheek rises and bulges below the eye."""
    local = (points - eye.centre) * [eye.side, 1.0, 1.0]
    front = step(local[:, 2], -0.034, -0.010) * _free(eye, points)
    up = bump(local[:, 0], 0.008, 0.024) * bump(local[:, 1], -0.033, 0.015) * front
    full = bump(local[:, 0], 0.008, 0.017) * bump(local[:, 1], -0.024, 0.010) * front
    return np.stack([eye.side * 0.0006 * up, 0.0042 * up, 0.0010 * up + 0.0016 * full], 1)


def _slide(eye: Eye, points: Array, upper_turn: Array, lower_turn: Array, *, flat: float = 0.0) -> Array:
    """[V, 3] metres: the lids' margins turn about the centre of the eye by so many degrees, the skin round them less.

    flat: share by which what hangs over the ball is stretched flat on to it.
    """
    clearance, azimuth, elevation = eye.polar(points)
    upper, lower = eye.margins(azimuth)
    near = (1 - step(clearance, 0.008, 0.020)) * (azimuth > -85) * (azimuth < 95)
    near = near * (1 - np.maximum(step(azimuth, OUTER[0], OUTER[0] + 16), step(-azimuth, -INNER[0], -INNER[0] + 14)))
    above = elevation > (upper + lower) / 2
    fold = 1 - step(elevation, upper + 5, upper + 5 + FOLD)
    bag = 1 - step(-elevation, 5 - lower, 35 - lower)
    turn = np.where(above, upper_turn * fold, lower_turn * bag) * near
    share = flat * np.abs(turn) / max(float(np.abs(turn).max()), 1e-9)
    target = np.where(above, UPPER_CLEARANCE, LOWER_CLEARANCE)
    moved = eye.place(clearance + share * np.minimum(target - clearance, 0), azimuth, elevation + turn) - points
    moved[np.abs(turn) < 1e-3] = 0
    return moved


def tint(eye: Eye, points: Array) -> dict[str, Array]:
    """[V] shares of colours round an eye: lash (root line), wet (inner edge), caruncle."""
    clearance, azimuth, elevation = eye.polar(points)
    upper, lower = eye.margins(azimuth)
    within = step(azimuth, INNER[0] + 4, INNER[0] + 14) * (1 - step(azimuth, OUTER[0] - 1, OUTER[0] + 6))
    skin = step(clearance, 0.0012, 0.0019) * (1 - step(clearance, 0.0034, 0.0046))
    root = np.maximum(0.52 * bump(elevation, upper + 0.4, 2.2), 0.12 * bump(elevation, lower - 0.5, 1.6)) * skin
    wet = (1 - step(clearance, 0.0012, 0.0022)) * (clearance > -0.004) * (np.abs(elevation) < 34) * (azimuth < 80)
    inner = (1 - step(azimuth, INNER[0] + 1, INNER[0] + 9)) * step(azimuth, INNER[0] - 8, INNER[0] - 3)
    caruncle = inner * bump(elevation, INNER[1], 8.0) * (1 - step(clearance, 0.0022, 0.0036))
    return {"lash": root * within, "wet": wet * (azimuth > -50), "caruncle": caruncle}
