"""Appearance of a drawn person as numbers, and random appearances.

All ranges are decisions of ours, set by eye so that people are plausible and portraits are half-length and from
the front [D]. Skin tones are the ten of the Monk Skin Tone Scale (Monk 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...motion.procedural.face import ARKIT_NAMES

Colour = tuple[float, float, float]  # sRGB, 0 to 1

MONK = (
    (246, 237, 228),
    (243, 231, 219),
    (247, 234, 208),
    (234, 218, 186),
    (215, 189, 150),
    (160, 126, 86),
    (130, 92, 67),
    (96, 65, 52),
    (58, 49, 42),
    (41, 36, 32),
)
# Hair: black to blond, red, grey, and some dyed.
HAIRS = (
    (24, 20, 20),
    (36, 27, 24),
    (52, 36, 28),
    (74, 50, 36),
    (104, 70, 46),
    (140, 100, 62),
    (186, 150, 98),
    (214, 184, 132),
    (134, 62, 34),
    (96, 44, 30),
    (128, 124, 120),
    (196, 194, 190),
)
STYLES = ("short", "bald", "bob", "long", "bun", "strands")
NECKS = ("crew", "scoop", "v", "collar")
PATTERNS = ("plain", "stripes", "hoops", "checks", "dots", "blotches", "panel")
# ARKit face shapes by which faces differ at rest, and their range of weights.
_TRAITS = {
    "mouthSmile": (-0.3, 0.25),
    "mouthFrown": (-0.3, 0.35),
    "cheekPuff": (-0.35, 0.5),
    "browDown": (-0.4, 0.4),
    "browInnerUp": (-0.3, 0.4),
    "browOuterUp": (-0.3, 0.5),
    "jawForward": (-0.5, 0.5),
    "mouthPucker": (-0.25, 0.25),
    "mouthRollUpper": (-0.5, 0.4),
    "mouthRollLower": (-0.5, 0.4),
    "eyeSquint": (-0.1, 0.5),
    "eyeWide": (-0.3, 0.35),
    "noseSneer": (-0.3, 0.3),
    "mouthStretch": (-0.3, 0.3),
    "mouthShrugUpper": (-0.2, 0.3),
}


@dataclass(frozen=True)
class Build:
    """Body proportions: factors on the default person's, offsets in metres, face traits as ARKit weights."""

    head: float = 1.0
    neck_length: float = 1.0
    neck_girth: float = 1.0
    shoulders: float = 1.0  # width
    chest: float = 1.0  # girth
    depth: float = 1.0  # of chest and belly, front to back
    waist: float = 0.0  # share by which it is narrower
    belly: float = 0.0  # metres forward
    bust: float = 0.0  # metres forward
    hips: float = 1.0
    trunk: float = 1.0  # length
    upper_arm: float = 1.0  # lengths
    forearm: float = 1.0
    arm_girth: float = 1.0
    hand: float = 1.0
    jaw: float = 0.0  # widths of the face, share
    cheeks: float = 0.0
    forehead: float = 0.0
    lower_face: float = 0.0  # length, share
    nose: float = 0.0  # size, share
    nose_width: float = 0.0
    chin: float = 0.0  # metres forward
    eyes: float = 0.0  # size, share
    traits: tuple[float, ...] = (0.0,) * len(ARKIT_NAMES)


@dataclass(frozen=True)
class Hair:
    """The hair of head, brows and chin."""

    style: str = "short"
    colour: Colour = (68 / 255, 47 / 255, 35 / 255)
    volume: float = 1.0
    length: float = 1.40  # metres above the floor where long hair ends
    brows: Colour = (70 / 255, 50 / 255, 38 / 255)
    beard: float = 0.0  # 0 none, 1 full
    beard_style: int = 0  # 0 all, 1 chin and lip, 2 lip


@dataclass(frozen=True)
class Cloth:
    """Colour and pattern of one garment."""

    colour: Colour
    pattern: str = "plain"
    second: Colour = (1.0, 1.0, 1.0)
    scale: float = 0.04  # metres of one repeat
    turn: float = 0.0  # radians
    seed: int = 0
    rough: float = 0.03  # weave


@dataclass(frozen=True)
class Clothing:
    """Clothes and glasses."""

    jacket: bool = True  # an open jacket with lapels over a shirt; else one top
    neck: str = "crew"
    sleeve: float = 1.0  # share of the arm that is covered, 0.25 to 1
    tight: float = 0.0  # share by which the top is narrower
    top: Cloth = Cloth((58 / 255, 82 / 255, 112 / 255))
    lapel: float = 0.9  # brightness against the top
    inner: Cloth = Cloth((236 / 255, 233 / 255, 226 / 255))
    trousers: Cloth = Cloth((58 / 255, 58 / 255, 64 / 255))
    glasses: float = 0.0  # radius of the lenses in metres, 0 for none


@dataclass(frozen=True)
class Lamps:
    """Strengths of the lights relative to the studio's, and position of the key light."""

    side: float = -40.0  # degrees of the key from the front, positive from the picture's right
    rise: float = 36.0  # degrees above
    key: Colour = (1.0, 1.0, 1.0)
    fill: Colour = (1.0, 1.0, 1.0)
    rim: float = 1.0
    sky: Colour = (1.0, 1.0, 1.0)
    shadow: float = 0.82


@dataclass(frozen=True)
class View:
    """Camera and position of the person in the picture."""

    yaw: float = 0.0  # degrees
    pitch: float = 2.0
    distance: float = 3.0  # metres
    shoulders: float = 0.36  # width of the shoulders as share of the picture's
    across: float = 0.0  # of the person's middle from the picture's, share of the width
    shoulder_line: float = 0.47  # share of the height from the top


@dataclass(frozen=True)
class Appearance:
    """A person, the light, the background and the camera; frozen, so that it can identify a person."""

    build: Build = Build()
    skin: Colour = (226 / 255, 178 / 255, 150 / 255)
    lips: Colour = (190 / 255, 108 / 255, 104 / 255)
    iris: Colour = (86 / 255, 116 / 255, 112 / 255)
    freckles: float = 0.0
    hair: Hair = Hair()
    clothing: Clothing = Clothing()
    lamps: Lamps = Lamps()
    view: View = View()
    backdrop: int = 0  # random seed of the background
    grade: tuple[float, float, float] = (1.0, 1.0, 1.0)  # brightness, contrast, saturation
    warmth: float = 0.0  # of the whole picture, -1 cold to 1


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def _about(rng: np.random.Generator, middle: float, spread: float, reach: float = 2.2) -> float:
    return float(middle + spread * np.clip(rng.standard_normal(), -reach, reach))


def _mix(a: Colour, b: Colour, share: float) -> Colour:
    return (a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]), a[2] + share * (b[2] - a[2]))


def _colour(of: tuple[int, ...]) -> Colour:
    return (of[0] / 255, of[1] / 255, of[2] / 255)


def _hue(hue: float, saturation: float, value: float) -> Colour:
    """sRGB of a colour in HSV, all 0 to 1."""
    parts = [np.clip(abs((hue * 6 + shift) % 6 - 3) - 1, 0, 1) for shift in (0.0, 4.0, 2.0)]
    red, green, blue = (float(value * (1 - saturation * (1 - part))) for part in parts)
    return red, green, blue


def random_build(rng: np.random.Generator, female: float) -> Build:
    """Random proportions of a body; ``female`` 0 to 1 shifts their means."""
    heavy = _about(rng, 0.0, 1.0, 2.0)  # slim below 0
    traits = np.zeros(len(ARKIT_NAMES))
    for name, (low, high) in _TRAITS.items():
        amount = _between(rng, low, high) * _between(rng, 0.3, 1.0)
        for side in ("", "Left", "Right"):
            if name + side in ARKIT_NAMES:
                traits[ARKIT_NAMES.index(name + side)] = amount
    girth = 1.0 - 0.10 * female + (0.075 if heavy > 0 else 0.045) * heavy
    return Build(
        head=_about(rng, 1.06 + 0.05 * female, 0.05),
        neck_length=_about(rng, 0.98, 0.10),
        neck_girth=_about(rng, 1.0 - 0.16 * female + 0.03 * heavy, 0.05),
        shoulders=_about(rng, 0.99 - 0.13 * female + 0.02 * heavy, 0.05),
        chest=girth * _about(rng, 1.0, 0.03),
        depth=girth * _about(rng, 1.0, 0.04),
        waist=0.12 * female * _between(rng, 0.2, 1.3) - 0.06 * max(heavy, 0.0),
        belly=max(0.0, 0.03 * heavy * _between(rng, 0.3, 1.4)),
        bust=female * _between(rng, 0.008, 0.04),
        hips=_about(rng, 1.0 + 0.05 * female, 0.04),
        trunk=_about(rng, 0.99, 0.04),
        upper_arm=_about(rng, 0.97, 0.05),
        forearm=_about(rng, 0.97, 0.05),
        arm_girth=_about(rng, 1.0 - 0.16 * female + 0.08 * heavy, 0.06),
        hand=_about(rng, 1.02 - 0.06 * female, 0.05),
        jaw=_about(rng, 0.02 - 0.06 * female + 0.03 * heavy, 0.035),
        cheeks=_about(rng, 0.01 * heavy, 0.03),
        forehead=_about(rng, 0.0, 0.025),
        lower_face=_about(rng, -0.03 * female, 0.05),
        nose=_about(rng, -0.06 * female, 0.13),
        nose_width=_about(rng, 0.0, 0.14),
        chin=_about(rng, 0.0, 0.004),
        eyes=_about(rng, 0.04 * female, 0.05),
        traits=tuple(float(v) for v in traits),
    )


def random_cloth(rng: np.random.Generator, *, plain: float) -> Cloth:
    """Random colour and pattern of a garment; ``plain`` is the probability of no pattern."""
    kind = rng.random()
    if kind < 0.4:  # greys, black, white
        value = _between(rng, 0.06, 0.95)
        colour = _hue(_between(rng, 0, 1), _between(rng, 0.0, 0.1), value)
    elif kind < 0.85:  # muted
        colour = _hue(_between(rng, 0, 1), _between(rng, 0.15, 0.55), _between(rng, 0.2, 0.9))
    else:
        colour = _hue(_between(rng, 0, 1), _between(rng, 0.55, 0.95), _between(rng, 0.3, 0.95))
    pattern = "plain" if rng.random() < plain else str(rng.choice(PATTERNS[1:]))
    light = (1.0, 1.0, 1.0) if sum(colour) < 1.5 else (0.05, 0.05, 0.07)
    second = _mix(colour, light, _between(rng, 0.35, 0.9))
    if rng.random() < 0.4:
        second = _hue(_between(rng, 0, 1), _between(rng, 0.2, 0.9), _between(rng, 0.2, 0.95))
    scale = float(np.exp(_between(rng, np.log(0.02), np.log(0.11))))
    return Cloth(
        colour, pattern, second, scale, _between(rng, -0.4, 0.4), int(rng.integers(1 << 30)), _between(rng, 0.004, 0.03)
    )


def _random_hair(rng: np.random.Generator, female: float, skin: int) -> Hair:
    dark = skin >= 5 or rng.random() < 0.4
    shade = _colour(HAIRS[int(rng.integers(0, 3 if dark else len(HAIRS)))])
    shade = _mix(shade, (0.5, 0.45, 0.4), _between(rng, 0.0, 0.15))
    if rng.random() < 0.03:
        shade = _hue(_between(rng, 0, 1), 0.6, 0.7)
    chances = (0.22, 0.01, 0.17, 0.27, 0.17, 0.16) if female > 0.5 else (0.78, 0.11, 0.03, 0.03, 0.03, 0.02)
    bearded = female < 0.5 and rng.random() < 0.45
    return Hair(
        style=str(rng.choice(STYLES, p=chances)),
        colour=shade,
        volume=_between(rng, 0.96, 1.12),
        length=_between(rng, 1.28, 1.46),
        brows=_mix(shade, (0.12, 0.08, 0.06), _between(rng, 0.2, 0.8)),
        beard=_between(rng, 0.15, 1.0) if bearded else 0.0,
        beard_style=int(rng.integers(0, 3)),
    )


def _random_clothing(rng: np.random.Generator, female: float) -> Clothing:
    jacket = bool(rng.random() < 0.3)
    length = str(rng.choice(["short", "half", "long"], p=[0.5, 0.15, 0.35]))
    sleeve = {"short": _between(rng, 0.28, 0.46), "half": _between(rng, 0.5, 0.8), "long": 1.0}[length]
    return Clothing(
        jacket=jacket,
        neck=str(rng.choice(NECKS, p=[0.4, 0.2, 0.2, 0.2])),
        sleeve=1.0 if jacket and rng.random() < 0.85 else sleeve,
        tight=_between(rng, 0.0, 0.06 + 0.05 * female),
        top=random_cloth(rng, plain=0.5),
        lapel=_between(rng, 0.7, 1.15),
        inner=random_cloth(rng, plain=0.75),
        trousers=random_cloth(rng, plain=0.9),
        glasses=_between(rng, 0.019, 0.025) if rng.random() < 0.18 else 0.0,
    )


def _random_lamps(rng: np.random.Generator) -> Lamps:
    def tint(strength: float, spread: float) -> Colour:
        warm = _about(rng, 0.0, spread)
        return strength * (1 + warm), strength, strength * (1 - warm)

    key = float(np.exp(_about(rng, 0.0, 0.22)))
    return Lamps(
        side=_between(rng, -75, 75),
        rise=_between(rng, 5, 65),
        key=tint(key, 0.06),
        fill=tint(float(np.exp(_about(rng, 0.1, 0.5))), 0.08),
        rim=_between(rng, 0.0, 1.3),
        sky=tint(float(np.exp(_about(rng, 0.15, 0.3))), 0.05),
        shadow=_between(rng, 0.35, 0.85),
    )


def random_appearance(rng: np.random.Generator) -> Appearance:
    """A random appearance: body, face, skin, hair, clothes, light, background and camera."""
    female = float(np.clip(_about(rng, 1.0 if rng.random() < 0.5 else 0.0, 0.12), 0, 1))
    tone = int(rng.choice(len(MONK) - 1, p=[0.1, 0.12, 0.14, 0.15, 0.15, 0.12, 0.09, 0.07, 0.06]))
    skin = _mix(_colour(MONK[tone]), _colour(MONK[tone + 1]), _between(rng, 0, 1) if tone < 8 else 0.0)
    if tone < 5:  # the lightest would be overexposed, and chalky without the warm tone of the default skin
        skin = _mix(skin, Appearance.skin, _between(rng, 0.35, 0.95))
    skin = _mix(skin, (0.75, 0.42, 0.36), _between(rng, 0.03, 0.16))
    rosy = (0.72, 0.22, 0.24) if rng.random() < 0.25 * female else (0.62, 0.34, 0.32)
    irises = ((86, 116, 112), (70, 96, 130), (96, 84, 50), (70, 46, 30), (48, 32, 24), (104, 128, 96))
    return Appearance(
        build=random_build(rng, female),
        skin=skin,
        lips=_mix(skin, rosy, _between(rng, 0.35, 0.6 + 0.3 * female)),
        iris=_colour(irises[int(rng.integers(3 if tone > 5 else 0, 5 if tone > 5 else 6))]),
        freckles=_between(rng, 0.1, 0.5) if rng.random() < 0.1 else 0.0,
        hair=_random_hair(rng, female, tone),
        clothing=_random_clothing(rng, female),
        lamps=_random_lamps(rng),
        view=View(
            yaw=_about(rng, 0.0, 8.0, 2.4),
            pitch=_about(rng, 2.0, 3.0),
            distance=_between(rng, 1.8, 4.5),
            shoulders=_between(rng, 0.33, 0.44),
            across=_about(rng, 0.0, 0.035),
            shoulder_line=_about(rng, 0.47, 0.03),
        ),
        backdrop=int(rng.integers(1 << 31)),
        grade=(_about(rng, 1.0, 0.08), _about(rng, 1.0, 0.08), _between(rng, 0.75, 1.2)),
        warmth=_about(rng, 0.0, 0.25),
    )
