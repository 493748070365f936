"""Random backgrounds: walls, boards, shelves, windows, plants and lights, mostly out of focus.

They consist of simple shapes, so that a network learns that a background can be anything. The user's own
pictures can replace them. All ranges are decisions of ours, set by eye [D].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .appearance import random_cloth

SCALE = 2  # shapes are drawn at twice the size and averaged, for soft edges
OWN = 0.5  # chance of a crop of the user's own pictures, if there are any
BARE = 0.25  # chance of a wall with nothing on it
BLURS = {0.0: 0.1, 0.004: 0.2, 0.010: 0.3, 0.022: 0.25, 0.05: 0.15}  # radius, share of the picture -> chance
GRAIN = 1.6  # deviation of the noise at most, of 255
FALLOFF = 0.45  # share of the light that a corner loses at most


def backdrop(seed: int, size: int, pictures: Sequence[np.ndarray] = ()) -> np.ndarray:
    """Draw a random background.

    Args:
        seed: of the random generator.
        size: pixels, width and height.
        pictures: [H, W, 3] uint8 sRGB of the user's own; with any, half of the backgrounds are crops of them.

    Returns:
        [size, size, 3] float32 sRGB, 0 to 255.
    """
    rng = np.random.default_rng([seed, 7])
    if pictures and rng.random() < OWN:
        return _cut(rng, pictures[int(rng.integers(len(pictures)))], size)
    canvas = _wall(rng, SCALE * size)
    kind = rng.random()
    if kind > BARE:
        for _ in range(int(rng.integers(1, 4))):
            piece = (_board, _shelf, _window, _blobs, _boxes, _desk, _plant)[int(rng.integers(7))]
            piece(rng, canvas)
    blur = float(rng.choice(list(BLURS), p=list(BLURS.values())))
    small = np.stack([canvas[y::SCALE, x::SCALE] for y in range(SCALE) for x in range(SCALE)]).mean(0)
    small = _soften(small, round(blur * size)) * _falloff(rng, size)
    grain = rng.standard_normal((size, size, 1)) * rng.uniform(0, GRAIN)
    return np.clip(small * 255 + grain, 0, 255).astype(np.float32)


def _cut(rng: np.random.Generator, picture: np.ndarray, size: int) -> np.ndarray:
    """A random square of a picture, resampled."""
    side = int(min(picture.shape[:2]) * rng.uniform(0.6, 1.0))
    top = int(rng.integers(0, picture.shape[0] - side + 1))
    left = int(rng.integers(0, picture.shape[1] - side + 1))
    square = picture[top : top + side, left : left + side].astype(np.float32) / 255
    square = _soften(square, max(0, side // size // 2))
    at = ((np.arange(size) + 0.5) * side / size).astype(int)
    square = square[at][:, at]
    return (square[:, ::-1] if rng.random() < 0.5 else square) * 255


def _tint(rng: np.random.Generator) -> np.ndarray:
    """A colour, mostly a muted one."""
    colour = np.array(random_cloth(rng, plain=1.0).colour, np.float32)
    return colour + (colour.mean() - colour) * np.float32(rng.uniform(0.0, 0.9))


def _grid(side: int) -> tuple[np.ndarray, np.ndarray]:
    """x [1, side] and y [side, 1], 0 to 1."""
    line = ((np.arange(side) + 0.5) / side).astype(np.float32)
    return line[None], line[:, None]


def _wall(rng: np.random.Generator, side: int) -> np.ndarray:
    x, y = _grid(side)
    low, high = _tint(rng), _tint(rng)
    if rng.random() < 0.7:
        high = low + rng.uniform(-0.2, 0.2, 3).astype(np.float32)
    turn = rng.uniform(-0.6, 0.6)
    share = np.clip(y * np.cos(turn) + (x - 0.5) * np.sin(turn), 0, 1)[..., None]
    canvas = low + share * (high - low)
    if rng.random() < 0.3:  # a skirting, or where a wall meets another
        at = rng.uniform(0.1, 0.9)
        line = x if rng.random() < 0.5 else y
        canvas = canvas * np.where(line < at, 1.0, rng.uniform(0.75, 1.15))[..., None]
    if rng.random() < 0.35:
        period, amount = rng.uniform(0.03, 0.2), rng.uniform(0.02, 0.12)
        line = x if rng.random() < 0.6 else y
        canvas = canvas * (1 + amount * np.sign(np.sin(2 * np.pi * line / period)))[..., None]
    return np.clip(np.broadcast_to(canvas, (side, side, 3)), 0, 1).astype(np.float32).copy()


def _box(canvas: np.ndarray, left: float, top: float, width: float, height: float, colour: np.ndarray) -> None:
    side = len(canvas)
    a, b = max(0, round(top * side)), max(0, round((top + height) * side))
    c, d = max(0, round(left * side)), max(0, round((left + width) * side))
    canvas[a:b, c:d] = np.clip(colour, 0, 1)


def _board(rng: np.random.Generator, canvas: np.ndarray) -> None:
    """A black, green or white board with writing."""
    left, top = rng.uniform(-0.3, 0.5), rng.uniform(-0.1, 0.3)
    width, height = rng.uniform(0.4, 1.0), rng.uniform(0.25, 0.5)
    plain = np.array([(0.10, 0.28, 0.22), (0.13, 0.13, 0.14), (0.90, 0.91, 0.92)][int(rng.integers(3))])
    frame = _tint(rng)
    _box(canvas, left - 0.015, top - 0.015, width + 0.03, height + 0.03, frame)
    _box(canvas, left, top, width, height, plain)
    ink = np.full(3, 0.8) if plain.mean() < 0.5 else rng.uniform(0.05, 0.4, 3)
    for row in np.arange(top + 0.04, top + height - 0.03, rng.uniform(0.04, 0.07)):
        at = left + 0.03
        while at < left + width - 0.08 and rng.random() < 0.93:
            word = rng.uniform(0.01, 0.06)
            _box(canvas, at, row + rng.uniform(-0.004, 0.004), word, rng.uniform(0.005, 0.02), ink)
            at += word + rng.uniform(0.008, 0.03)


def _shelf(rng: np.random.Generator, canvas: np.ndarray) -> None:
    """Books on boards."""
    left, width = rng.uniform(-0.3, 0.7), rng.uniform(0.3, 0.9)
    wood = _tint(rng)
    _box(canvas, left, 0, width, 1, wood * 0.45)
    step = rng.uniform(0.16, 0.28)
    for top in np.arange(rng.uniform(-0.2, 0), 1, step):
        at = left
        while at < left + width:
            thick = rng.uniform(0.012, 0.045)
            height = step * rng.uniform(0.5, 0.9)
            if rng.random() < 0.85:
                _box(canvas, at, top + step - height, thick, height, _tint(rng))
            at += thick
        _box(canvas, left, top + step, width, 0.018, wood)


def _window(rng: np.random.Generator, canvas: np.ndarray) -> None:
    """A bright window with a cross."""
    left, top = rng.uniform(-0.2, 0.7), rng.uniform(-0.2, 0.2)
    width, height = rng.uniform(0.2, 0.6), rng.uniform(0.3, 0.8)
    sky = np.array([0.88, 0.94, 1.0]) * rng.uniform(0.8, 1.1)
    side = len(canvas)
    _box(canvas, left - 0.02, top - 0.02, width + 0.04, height + 0.04, rng.uniform(0.3, 0.9) * np.ones(3))
    _box(canvas, left, top, width, height, sky)
    green = np.array([0.35, 0.5, 0.28]) * rng.uniform(0.6, 1.5)
    _box(canvas, left, top + height * rng.uniform(0.4, 0.9), width, 0, green)
    _box(canvas, left, top + 0.65 * height, width, 0.35 * height, green)
    for share in np.linspace(0, 1, int(rng.integers(2, 5))):
        _box(canvas, left + share * width - 0.008, top, 0.016, height, np.full(3, 0.85))
    _box(canvas, left, top + 0.5 * height, width, 4 / side, np.full(3, 0.85))


def _ellipse(canvas: np.ndarray, x: float, y: float, a: float, b: float, colour: np.ndarray, cover: float) -> None:
    side = len(canvas)
    top, bottom = max(0, int((y - b) * side)), min(side, int((y + b) * side) + 1)
    left, right = max(0, int((x - a) * side)), min(side, int((x + a) * side) + 1)
    if top >= bottom or left >= right:
        return
    u = ((np.arange(left, right) + 0.5) / side - x) / a
    v = ((np.arange(top, bottom) + 0.5) / side - y) / b
    inside = (u[None] ** 2 + v[:, None] ** 2 < 1)[..., None] * cover
    canvas[top:bottom, left:right] += inside * (np.clip(colour, 0, 1) - canvas[top:bottom, left:right])


def _blobs(rng: np.random.Generator, canvas: np.ndarray) -> None:
    """Lights and colours far out of focus."""
    for _ in range(int(rng.integers(5, 40))):
        radius = rng.uniform(0.01, 0.09)
        tint = np.clip(_tint(rng) + rng.uniform(0, 0.5), 0, 1)
        _ellipse(canvas, rng.random(), rng.random(), radius, radius, tint, rng.uniform(0.2, 0.9))


def _plant(rng: np.random.Generator, canvas: np.ndarray) -> None:
    """Leaves."""
    x, y, reach = rng.random(), rng.uniform(0.2, 0.9), rng.uniform(0.08, 0.3)
    green = np.array([0.2, 0.42, 0.18]) + rng.uniform(-0.1, 0.2, 3)
    for _ in range(int(rng.integers(20, 90))):
        a, b = x + reach * rng.standard_normal() * 0.6, y + reach * rng.standard_normal()
        tint = green * rng.uniform(0.4, 1.5)
        _ellipse(canvas, a, b, rng.uniform(0.008, 0.04), rng.uniform(0.008, 0.04), tint, 0.9)


def _boxes(rng: np.random.Generator, canvas: np.ndarray) -> None:
    """Cupboards, posters, screens."""
    for _ in range(int(rng.integers(1, 7))):
        width, height = rng.uniform(0.05, 0.4), rng.uniform(0.05, 0.5)
        left, top = rng.uniform(-0.1, 1), rng.uniform(-0.1, 0.9)
        tint = _tint(rng)
        _box(canvas, left, top, width, height, tint)
        if rng.random() < 0.5:
            inner = tint + rng.uniform(-0.3, 0.3, 3)
            _box(canvas, left + 0.1 * width, top + 0.1 * height, 0.8 * width, 0.8 * height, inner)


def _desk(rng: np.random.Generator, canvas: np.ndarray) -> None:
    """Tables and chairs behind."""
    top = rng.uniform(0.55, 0.85)
    wood = _tint(rng)
    _box(canvas, 0, top, 1, 1, wood * 0.6)
    for left in np.arange(rng.uniform(-0.3, 0), 1, rng.uniform(0.2, 0.5)):
        _box(canvas, left, top + rng.uniform(-0.06, 0.05), rng.uniform(0.12, 0.4), 0.03, wood)
        _box(canvas, left + 0.05, top + 0.03, 0.015, 0.4, wood * 0.4)
        if rng.random() < 0.5:
            _box(canvas, left + 0.1, top - rng.uniform(0.03, 0.1), rng.uniform(0.03, 0.1), 0.1, _tint(rng))


def _soften(canvas: np.ndarray, radius: int) -> np.ndarray:
    """Box blur, three times, both ways; the edges hold."""
    if radius < 1:
        return canvas.astype(np.float32)
    for _ in range(3):
        for axis in (0, 1):
            pad = [(0, 0)] * 3
            pad[axis] = (radius + 1, radius)
            total = np.cumsum(np.pad(canvas, pad, mode="edge"), axis=axis, dtype=np.float32)
            high = np.take(total, np.arange(2 * radius + 1, total.shape[axis]), axis=axis)
            low = np.take(total, np.arange(total.shape[axis] - 2 * radius - 1), axis=axis)
            canvas = ((high - low) / (2 * radius + 1)).astype(np.float32)
    return canvas


def _falloff(rng: np.random.Generator, side: int) -> np.ndarray:
    """Light that falls off to the corners, or to one side."""
    x, y = _grid(side)
    centre, amount = rng.uniform(0.2, 0.8, 2), rng.uniform(0, FALLOFF)
    return (1 - amount * np.clip((x - centre[0]) ** 2 + (y - centre[1]) ** 2, 0, 1))[..., None].astype(np.float32)
