"""The bodies that can be chosen: shape, face, colours, hair and clothes of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from build_avatar_dress import COLOURS, REGIONS, Colours, dye, jacket, neckline, region_of, shirt, shoes, step, trousers
from build_avatar_hair import bob, short_hair
from build_avatar_head import Palette
from build_avatar_mesh import Part, cut, join, smooth
from build_avatar_rig import Rig, t_pose_vertices

Array = np.ndarray
Rgb = tuple[float, float, float]
LINE = 0.0014  # metres, half the width of the mannequin's lines


def outfit(suit: Part, rig: Rig, colours: Colours) -> Part:
    """Jacket, shirt, trousers and shoes."""
    return join([wear(suit, rig, colours) for wear in (jacket, shirt, trousers, shoes)])


def _joint_lines(t: Array) -> list[Array]:
    """[V] metres from each of the lines that divide a mannequin, on either side of them with another sign."""
    reach, y = np.minimum(np.abs(t[:, 0]), 0.75), t[:, 1]
    thigh = y - 0.785 - 0.5 * np.minimum(reach, 0.25)
    joints = [0.205 - reach, 0.432 - reach, y - 1.075, thigh, y - 0.505, y - 0.118]
    return [*joints, neckline(t) - 0.008, 0.645 - reach]


def mannequin_suit(suit: Part, rig: Rig, colours: Colours) -> Part:
    """A smooth surface from neck to wrists and ankles, divided by fine lines, and feet without toes."""
    feet = shoes(suit, rig, colours)
    upper = feet["region"] == 1 + REGIONS.index("shoes")
    feet.data["region"] = np.where(upper, 1 + REGIONS.index("surface"), feet["region"])
    part = suit.copy()
    t = part["t"]
    trunk = np.maximum(step(np.abs(t[:, 0]), 0.24, 0.16), step(t[:, 1], 1.2, 1.1))
    part.data["a"] = smooth(part["a"], part.triangles, 16, amount=0.5 * trunk)
    # It lies on the skin where it ends.
    free = step(neckline(t), 0.004, 0.060) * step(0.653 - np.abs(t[:, 0]), 0.004, 0.070)
    part.data["a"] = part["a"] + 0.004 * free[:, None] * part["n"]
    part.data["a"] = part["a"] + (1 - free)[:, None] * (suit["in"] + 0.0008 * suit["n"] + (suit["a"] - part["a"]))
    part = cut(part, neckline(part["t"]))
    part = cut(part, 0.653 - np.abs(part["t"][:, 0]))
    part = cut(part, part["t"][:, 1] - 0.095)
    lines = []
    for k in range(len(_joint_lines(part["t"]))):
        band = cut(part, _joint_lines(part["t"])[k] + LINE, snap=0.02)
        lines.append(cut(band, LINE - _joint_lines(band["t"])[k], snap=0.02))
        above = cut(part, _joint_lines(part["t"])[k] - LINE, snap=0.02)
        below = cut(part, -_joint_lines(part["t"])[k] - LINE, snap=0.02)
        part = join([above, below])
    marks = join(lines)
    for own in (part, marks):
        own.data["t"] = t_pose_vertices(rig, own["a"], own["w"])
    return join([dye(part, colours, "surface", shine=0.10), dye(marks, colours, "lines"), feet])


@dataclass(frozen=True, eq=False)
class Design:
    """One body that can be chosen."""

    phenotype: dict[str, float] = field(default_factory=dict)  # anny's sliders, where they differ from the person's
    face: dict[str, float] | None = None  # anny's local changes, instead of the person's
    palette: Palette = field(default_factory=Palette)
    colours: Colours = field(default_factory=lambda: dict(COLOURS))
    clothes: Callable[[Part, Rig, Colours], Part] = outfit
    hair: Callable[[Part, Rgb], Part] | None = short_hair
    hair_colour: Rgb = (66, 45, 34)
    own_skin: bool = True  # False: head and hands are of one colour with the surface
    smile: float = 0.22  # of the resting face

    def colour_of(self, region: str) -> Rgb:
        """The colour that stands for a region, sRGB 0 to 255."""
        return self.hair_colour if region == "hair" else self.colours[region]


DESIGNS = {
    "person": Design(),
    "woman": Design(
        phenotype={
            "gender": 1.0,
            "age": 0.52,
            "muscle": 0.45,
            "weight": 0.42,
            "cupsize": 0.4,
            "firmness": 0.7,
            "proportions": 0.85,
            "african": 0.5,
            "asian": 0.4,
            "caucasian": 0.5,
        },
        face={
            "l-eye-scale-incr": 0.35,
            "r-eye-scale-incr": 0.35,
            "mouth-angles-up": 0.35,
            "nose-scale-horiz-incr": -0.3,
            "forehead-temple-incr": 0.2,
        },
        palette=Palette(
            skin=(204, 150, 118),
            blush=(190, 108, 92),
            lips=(172, 82, 84),
            nail=(216, 150, 140),
            caruncle=(196, 112, 100),
            wet=(206, 142, 128),
            lash=(46, 34, 30),
            brow=(46, 34, 30),
            iris=(84, 56, 38),
            iris_inner=(118, 80, 50),
            brow_width=0.8,
        ),
        colours=COLOURS
        | {
            "jacket": (118, 58, 74),
            "lapel": (108, 52, 67),
            "lining": (92, 56, 66),
            "button": (60, 30, 40),
            "shirt": (242, 234, 222),
            "trousers": (46, 50, 62),
            "shoes": (48, 42, 44),
            "soles": (70, 64, 64),
        },
        hair=bob,
        hair_colour=(48, 34, 29),
    ),
    "mannequin": Design(
        phenotype={},
        palette=Palette(
            skin=(190, 193, 198),
            blush=(186, 189, 194),
            lips=(158, 161, 167),
            nail=(190, 193, 198),
            mouth=(60, 68, 84),
            throat=(44, 50, 60),
            wet=(180, 183, 188),
            caruncle=(178, 181, 186),
            lash=(98, 101, 107),
            brow=(112, 115, 121),
            sclera=(240, 241, 243),
            iris=(96, 102, 110),
            iris_inner=(122, 128, 136),
            pupil=(18, 19, 22),
            grain=0.0,
        ),
        colours={
            "surface": (190, 193, 198),
            "lines": (128, 131, 137),
            "shoes": (190, 193, 198),
            "soles": (138, 141, 147),
        },
        clothes=mannequin_suit,
        hair=None,
        own_skin=False,
        smile=0.0,
    ),
}


def grey(part: Part) -> None:
    """Take the hue out of the colours of teeth and tongue; what is darker gets darker still."""
    part.data["colour"] = np.repeat((part["colour"] @ np.array([[0.3], [0.59], [0.11]])) ** 1.6, 3, axis=1)


def as_surface(part: Part) -> None:
    """Let a part take the colour of the mannequin's surface."""
    region_of(part, "surface")
