"""Colours of a figure: skin, hair and cloth of each vertex, and textures computed for every sample of a picture.

Textures are functions of the position on the default person in T-pose, so they stay on the cloth as it moves and
are as sharp as the picture. Decision of ours [D], as are patterns and their sizes (metres).
"""

from __future__ import annotations

import numpy as np

from ...avatar.light import srgb_to_linear
from .appearance import Appearance, Cloth, Colour
from .figure import BROW, CUFF, EYE, FRAME, HAIR, INNER, LAPEL, OTHER, SKIN, TOP, TROUSERS, Figure, hem_of, step

# Of scripts/build_avatar_head.py and build_avatar_hair.py.
_SKIN = np.array([226, 178, 150]) / 255
_HAIR = np.array([68, 47, 35]) / 255
_BROW = np.array([70, 50, 38]) / 255
_IRIS = np.array([86, 116, 112]) / 255
_LIP_RED = 0.235  # red - green of a lip on the default person
_SKIN_RED, _LIP_BLEND = 0.2, 0.04  # red - green where skin ends; what is added to that of a full lip
_INSIDE_GREEN = 0.3  # green below which what belongs to the skin is the inside of mouth or nose
# Where the lips are on the default person, metres: half width, from and to in height, from in depth.
_MOUTH_HALF, _MOUTH_BOTTOM, _MOUTH_TOP, _MOUTH_FRONT = 0.032, 1.538, 1.583, 0.11
_NOISE_SIZE = 0.045  # metres: stains of cloth, mottling of skin, strands
_SLEEVE = 0.205  # metres from the middle from which a top is sleeve
_ARM_HEIGHT, _ARM_DEPTH, _ARM_RADIUS = 1.40, 0.02, 0.05  # of the arms, round which patterns are laid
_PATTERN_TURN = 0.35  # radians that a cloth's turn of 1 is
_STRIPE, _HOOP, _CHECK = 0.38, 0.42, 0.4  # share of a period that has the second colour
_DOT = 0.075  # square of a dot's radius, in periods
_CHEST, _YOKE, _YOKE_STEP, _BAND, _RAGLAN = 1.29, 1.33, 0.04, 1.28, 0.185  # metres: where panels are
_NECK_WIDTH, _NECK_FRONT = 0.12, 0.03  # metres: half of a neckline at most, and the depth from which it is open
_BEARD_BOTTOM, _BEARD_WIDTH = 1.50, 0.085  # metres: below and beside is no beard
_BEARD_COVER = 0.85  # share of the skin's colour under a full beard that is hidden
_MOTTLED = (0.012, 0.02, 0.02)  # deviation of the skin's red, green and blue
_FRECKLE_SIZE, _FRECKLE_COLOUR = 0.0035, (0.4, 0.8, 1.0)  # metres; what full freckles take of red, green, blue
_STRANDS = 0.10  # deviation of brightness from strand to strand


def vertex_colours(figure: Figure, appearance: Appearance) -> np.ndarray:
    """[V, 5] float32: sRGB of skin, hair and eyes, 1 where lips are, and smooth noise of unit size."""
    base = figure.body.colours.astype(np.float64)
    region = np.full(len(base), OTHER)
    region[figure.body.triangles] = figure.region[:, None]
    v = figure.rest
    result = base.copy()
    skin = region == SKIN
    mouth = (
        skin
        & (np.abs(v[:, 0]) < _MOUTH_HALF)
        & (v[:, 1] > _MOUTH_BOTTOM)
        & (v[:, 1] < _MOUTH_TOP)
        & (v[:, 2] > _MOUTH_FRONT)
    )
    red = base[:, 0] - base[:, 1]
    lip = mouth * np.clip((red - _SKIN_RED) / (_LIP_RED + _LIP_BLEND - _SKIN_RED), 0, 1)
    inside = skin & (base[:, 1] < _INSIDE_GREEN)
    tone, lips = np.array(appearance.skin), np.array(appearance.lips)
    dark = np.clip(1 - tone.mean() / 0.5, 0, 1)
    relief = 1 + (base / _SKIN - 1) * (1 - 0.4 * dark)
    shaded = tone * relief
    shaded = shaded * (1 - lip[:, None]) + lips * lip[:, None]
    result[skin & ~inside] = shaded[skin & ~inside]
    hair = region == HAIR
    own = np.arange(len(base)) < figure.own
    result[hair] = np.array(appearance.hair.colour)
    result[hair & own] *= (base / _HAIR)[hair & own]
    brow = region == BROW
    share = np.clip((base[:, :1] - _BROW[0]) / (_SKIN[0] - _BROW[0]), 0, 1)
    result[brow] = (np.array(appearance.hair.brows) * (1 - share) + tone * share)[brow]
    iris = (region == EYE) & (figure.body.shine > 0.75) & (base.max(1) < 0.75) & (base.max(1) > 0.1)
    result[iris] *= np.array(appearance.iris) / _IRIS
    noise = waves(v, appearance.clothing.top.seed + 1, _NOISE_SIZE)
    return np.concatenate([np.clip(result, 0, 1), lip[:, None], noise[:, None]], 1).astype(np.float32)


def waves(places: np.ndarray, seed: int, size: float, count: int = 5) -> np.ndarray:
    """Smooth noise of about unit size: [N] at places [N, 3], features of about ``size`` metres."""
    rng = np.random.default_rng(seed)
    total = np.zeros(len(places), np.float32)
    for _ in range(count):
        direction = rng.standard_normal(3)
        direction *= rng.uniform(0.7, 1.5) * np.pi / size / np.linalg.norm(direction)
        total += np.sin(places @ direction.astype(np.float32) + np.float32(rng.uniform(0, 2 * np.pi)))
    return total * np.float32((2 / count) ** 0.5)


def _woven(places: np.ndarray, cloth: Cloth, noise: np.ndarray) -> np.ndarray:
    """sRGB [N, 3] of cloth at places [N, 3] on the default person; ``noise`` [N] stains it a little."""
    colour = np.array(cloth.colour, np.float32)
    if cloth.pattern != "plain":
        share = _drawn(places, cloth)[:, None].astype(np.float32)
        colour = colour + share * (np.array(cloth.second, np.float32) - colour)
    x, y, z = places.T
    stain = 0.7 * noise + 0.4 * np.sin(210 * x + 90 * z) * np.sin(240 * y - 60 * x)
    return colour * (1 + cloth.rough * stain)[:, None]


def _drawn(places: np.ndarray, cloth: Cloth) -> np.ndarray:
    """[N] 0 to 1: share of the second colour in the pattern."""
    x, y, z = places.T
    sleeve = np.abs(x) > _SLEEVE
    around = np.where(sleeve, np.arctan2(y - _ARM_HEIGHT, z - _ARM_DEPTH) * _ARM_RADIUS, x)
    along = np.where(sleeve, np.abs(x), y)
    cos, sin = np.float32(np.cos(cloth.turn * _PATTERN_TURN)), np.float32(np.sin(cloth.turn * _PATTERN_TURN))
    u, v = (around * cos + along * sin) / cloth.scale, (along * cos - around * sin) / cloth.scale
    if cloth.pattern == "stripes":
        return (u % 1) < _STRIPE
    if cloth.pattern == "hoops":
        return (v % 1) < _HOOP
    if cloth.pattern == "checks":
        return 0.5 * ((u % 1) < _CHECK) + 0.5 * ((v % 1) < _CHECK)
    if cloth.pattern == "dots":
        shifted = u + 0.5 * (np.floor(v) % 2)
        return ((shifted % 1) - 0.5) ** 2 + ((v % 1) - 0.5) ** 2 < _DOT
    if cloth.pattern == "blotches":
        return step(waves(places, cloth.seed, 0.5 * cloth.scale + 0.012), 0.1, 0.5)
    return _panel(places, cloth)


def _panel(places: np.ndarray, cloth: Cloth) -> np.ndarray:
    """Sleeves, a yoke, or a print on the chest in the second colour."""
    x, y, z = places.T
    kind = cloth.seed % 4
    if kind == 0:
        return (np.abs(x) > _RAGLAN).astype(np.float32)
    if kind == 1:
        return (y > _YOKE + _YOKE_STEP * (cloth.seed // 4 % 3)).astype(np.float32)
    if kind == 2:
        return (np.abs(y - _BAND) < 0.03 + cloth.scale / 3).astype(np.float32)
    wide, high = 0.03 + 0.6 * cloth.scale, 0.02 + 0.5 * cloth.scale
    inside = (np.abs(x) < wide) & (np.abs(y - _CHEST) < high) & (z > 0)
    return (inside & (waves(places, cloth.seed, 0.016) > 0)).astype(np.float32)


def open_neck(places: np.ndarray, neck: str) -> np.ndarray:
    """[N] bool: what a deeper neckline uncovers."""
    x, y, z = places.T
    if neck == "scoop":
        edge = 1.425 + 3.2 * x * x
    elif neck == "v":
        edge = 1.365 + 1.55 * np.abs(x)
    else:
        return np.zeros(len(places), bool)
    return (y > edge) & (z > _NECK_FRONT) & (np.abs(x) < _NECK_WIDTH)


def _beard(places: np.ndarray, appearance: Appearance) -> np.ndarray:
    """[N] 0 to 1: share of the skin that the beard covers."""
    x, y, z = places.T
    reach = np.abs(x)
    line = 1.570 + 0.062 * (reach / 0.072) ** 2
    cheek = step(line - y, -0.004, 0.006) * step(y, 1.508, 1.520) * step(z, 0.02, 0.05)
    lip = step(0.031 - reach, -0.003, 0.004) * step(y, 1.571, 1.574) * step(1.587 - y, -0.003, 0.003)
    lip = lip * step(z, 0.12, 0.13)
    chin = step(0.030 - reach, -0.004, 0.004) * cheek
    style = appearance.hair.beard_style
    amount = np.maximum(cheek, lip) if style == 0 else np.maximum(chin, lip) if style == 1 else lip
    return amount * appearance.hair.beard * np.clip(0.85 + 0.2 * waves(places, 5, 0.006), 0, 1)


def albedo(region: np.ndarray, places: np.ndarray, base: np.ndarray, appearance: Appearance) -> np.ndarray:
    """Albedo of samples of a figure.

    Args:
        region: [N] of the samples' triangles.
        places: [N, 3] on the default person, metres.
        base: [N, 5] from ``vertex_colours``, interpolated.
        appearance: colours and clothes.

    Returns:
        [N, 3] float32 linear.
    """
    clothing = appearance.clothing
    region = region.copy()
    result = base[:, :3].copy()
    reach = np.abs(places[:, 0])
    arm = (region == TOP) & (reach > hem_of(clothing.sleeve)) & (places[:, 1] > 1.3)
    if not clothing.jacket:
        region[region == INNER] = TOP
        waist = (region == TROUSERS) & (places[:, 1] > 0.87) & (reach < 0.3)
        region[waist] = TOP  # visible below the jacket's open front
        arm |= (region == TOP) & open_neck(places, clothing.neck)
    else:
        deep = "crew" if clothing.neck == "collar" else clothing.neck
        arm |= (region == INNER) & open_neck(places, deep)
    tone = np.array(appearance.skin, np.float32)
    result[arm] = tone
    region[arm] = SKIN
    lapel = np.float32(1.0 if not clothing.jacket else clothing.lapel)
    for number, cloth, bright in (
        (TOP, clothing.top, 1.0),
        (LAPEL, clothing.top, lapel),
        (INNER, clothing.inner, 1.0),
        (CUFF, clothing.inner if clothing.jacket else clothing.top, 1.0),
        (TROUSERS, clothing.trousers, 1.0),
    ):
        at = np.flatnonzero(region == number)
        if len(at):
            result[at] = _woven(places[at], cloth, base[at, 4]) * np.float32(bright)
    at = np.flatnonzero(region == SKIN)
    here = places[at]
    mottled = 1 + base[at, 4:] * np.array(_MOTTLED, np.float32)
    if appearance.freckles:
        spots = step(waves(here, 12, _FRECKLE_SIZE), 0.9, 1.4) * (here[:, 2] > 0.05)
        mottled = mottled * (1 - appearance.freckles * 0.5 * spots[:, None] * np.array(_FRECKLE_COLOUR, np.float32))
    result[at] *= mottled
    if appearance.hair.beard:
        near = np.flatnonzero((here[:, 1] > _BEARD_BOTTOM) & (reach[at] < _BEARD_WIDTH))
        cover = _beard(here[near], appearance) * (1 - base[at[near], 3]) * (base[at[near], 1] > 0.1)
        shade = np.array(appearance.hair.colour, np.float32) * 0.9 + 0.1 * tone
        result[at[near]] += (_BEARD_COVER * cover[:, None]).astype(np.float32) * (shade - result[at[near]])
    at = np.flatnonzero(region == HAIR)
    if len(at):
        here = places[at]
        turn = np.arctan2(here[:, 0], here[:, 2] - 0.03)
        lines = np.sin(turn * 47 + 5 * base[at, 4]) + np.sin(turn * 83 + 40 * here[:, 1])
        result[at] *= (1 + _STRANDS * lines)[:, None]
    result[region == FRAME] = _frame_colour(appearance)
    return _linear(result)


def _frame_colour(appearance: Appearance) -> Colour:
    light = appearance.clothing.top.seed % 3
    return ((0.05, 0.05, 0.06), (0.30, 0.20, 0.12), (0.55, 0.50, 0.42))[light]


_TO_LINEAR = srgb_to_linear(np.linspace(0, 1, 1024)).astype(np.float32)


def _linear(colour: np.ndarray) -> np.ndarray:
    """sRGB clipped to 0 to 1 -> linear."""
    return _TO_LINEAR[np.clip(colour * 1023 + 0.5, 0, 1023).astype(np.int32)]
