"""A portrait cut into layers that can move: body, upper arms, lower arms, hands, and what is behind.

A decision of ours: the paper's warp has one flow for all pixels, which tears where an arm passes in front of
the body. Here every part has pixels, a soft mask and a map of its own; what a part hides is filled from what
is round it. The cut is by rules from the 116 points, the person's mask and the colours, so it needs no
network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...motion.points import FINGERS, POINTS, SHOULDERS
from .inpaint import inpainted
from .matte import box, filled, snapped

SIDES = ("left", "right")
PARTS = ("body", *(f"{side}_{part}" for part in ("upper", "lower", "hand") for side in SIDES))  # back to front
INDEX = {name: k for k, name in enumerate(POINTS)}
# Half widths of sleeves and arms in shoulder widths, at the two ends of a bone.
_WIDTHS = {"upper": (0.185, 0.15), "lower": (0.15, 0.085)}
_FINGER, _PALM = 0.038, 0.05
_ROUND = 0.2  # shoulder widths: radius of the shoulder, within which the body keeps what is outward
_BARE = 0.3  # share of skin in what is seen of a lower arm that is bare; the sleeve's end is often with it
_PATTERNED = 0.08  # contrast of a shirt with a pattern; folds of a plain one have less
_SEEN = 0.06  # shoulder widths: side of the square that has to be seen of a part to tell its colours


@dataclass(frozen=True, eq=False)
class Layers:
    """Pictures of all parts, as large as the portrait; colours are not multiplied with the masks."""

    background: np.ndarray  # [H, W, 3] float32 in 0 .. 1, the person filled away
    colours: np.ndarray  # [7, H, W, 3] float32, filled beyond the masks
    masks: np.ndarray  # [7, H, W] float32 in 0 .. 1, in the order of PARTS
    points: np.ndarray  # [116, 2] pixels of this picture
    person: np.ndarray  # [H, W] float32: where the person was

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.person.shape[1], self.person.shape[0]


def unit(points: np.ndarray) -> float:
    """Shoulder width of [116, 2], at least 1.4 face heights for somebody who stands sideways, pixels."""
    left, right = points[SHOULDERS[0]], points[SHOULDERS[1]]
    face = points[48:]
    height = float(np.ptp(face[:, 1]))
    return max(float(np.linalg.norm(left - right)), 1.4 * height, 1.0)


def bones(points: np.ndarray, side: str) -> dict[str, np.ndarray]:
    """Upper and lower arm, [2, 2] pixels: from shoulder to elbow, and from elbow to wrist."""
    shoulder, elbow, wrist = (points[INDEX[f"{side}_{name}"]] for name in ("shoulder", "elbow", "wrist"))
    return {"upper": np.stack([shoulder, elbow]), "lower": np.stack([elbow, wrist])}


def hand(points: np.ndarray, side: str) -> np.ndarray:
    """The 21 points of a hand [..., 21, 2]."""
    first = INDEX[f"{side}_hand"]
    return points[..., first : first + 21, :]


def along(bone: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Share of the way along a bone at every pixel (not cut), and distance to the bone in pixels; [H, W]."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width] + 0.5
    start, way = bone[0], bone[1] - bone[0]
    share = ((x - start[0]) * way[0] + (y - start[1]) * way[1]) / max(float(way @ way), 1e-6)
    near = np.clip(share, 0.0, 1.0)
    distance = np.hypot(x - start[0] - near * way[0], y - start[1] - near * way[1])
    return share, distance


def cut(picture: np.ndarray, points: np.ndarray, person: np.ndarray, *, room: bool = True) -> Layers:
    """Cut a portrait.

    Args:
        picture: [H, W, 3] uint8 sRGB.
        points: [116, 2] pixels, complete.
        person: [H, W] soft mask of the person in 0 .. 1.
        room: False for a quicker cut, where what is behind the person comes from elsewhere.
    """
    image = picture.astype(np.float64) / 255
    size = picture.shape[1], picture.shape[0]
    scale = unit(points)
    radius = max(2, round(scale / 40))
    person = snapped(np.clip(person, 0, 1), image, radius, 1e-4)
    person = np.maximum(np.clip((person - 0.1) / 0.8, 0, 1), _sure(points, size, scale))
    masks, own = np.zeros((2, len(PARTS), size[1], size[0]))
    rim, hidden = np.zeros((2, *person.shape))
    for side in SIDES:
        for part, (mask, sure, edge, hide) in _arm(image, points, person, side, size, scale, radius).items():
            k = PARTS.index(f"{side}_{part}")
            masks[k], own[k] = mask, sure
            rim, hidden = np.maximum(rim, edge), np.maximum(hidden, hide)
    limbs = masks[1:].max(0)
    # Behind the arms the body goes on as far as the trunk reaches; the rim of an arm is none of it.
    masks[0] = person * np.maximum(1 - rim, _trunk(points, person, limbs, size, scale))
    # Gaps between fingers are arm as well.
    closed = np.clip((box(np.clip(box(limbs, radius) * 3, 0, 1), radius) - 0.66) * 3, 0, 1)
    # The body's own colours begin a little away from them, else their outlines would stay on the shirt.
    hidden = np.maximum(
        np.clip((np.maximum(limbs, closed) - 0.5) * 2, 0, 1), hidden * box(limbs, radius).clip(0, 0.2) * 5
    )
    own[0] = person * (1 - np.clip(box(limbs, radius) * 2, 0, 1))
    colours = np.empty((len(PARTS), *image.shape))
    forearms: dict[str, np.ndarray] = {}
    for k, part in enumerate(PARTS):
        side, _, half = part.partition("_")
        if half in ("upper", "lower"):  # what an elbow hides is like what is near it
            upper, lower, palm = (own[PARTS.index(f"{side}_{name}")] for name in ("upper", "lower", "hand"))
            if side not in forearms:
                beyond = along(bones(points, side)["upper"], size)[0] > 1.0
                forearms[side] = _forearm(image, upper, lower, palm, beyond, (_SEEN * scale) ** 2)
            far = forearms[side]
            if half == "upper":
                sure, there = (
                    np.clip((trust - 0.85) * 8, 0, 1) for trust in (upper, masks[PARTS.index(f"{side}_lower")])
                )
                far = filled(image * sure[..., None] + far * (1 - sure[..., None]), np.maximum(sure, there))
        else:
            far = filled(image, np.clip((own[k] - 0.85) * 8, 0, 1))
        if k == 0 and room:  # a patterned shirt goes on behind the arms, but for the sleeves' tops
            below = _grid(size)[1] > points[list(SHOULDERS), 1].max() + 0.35 * scale
            if _contrast(image, (own[0] > 0.95) & below, 3 * radius) > _PATTERNED:
                deep = (masks[0] > 0) & (box(limbs, radius) > 0.8) & below
                far = np.where(deep[..., None], inpainted(image, own[0] > 0.95, deep), far)
        keep = (np.clip((own[k] - 0.5) * 2.5, 0, 1) if k else 1 - hidden)[..., None]
        colours[k] = image * keep + far * (1 - keep)
    grown = np.clip(box(person, round(1.3 * radius)) * 6, 0, 1)
    known = grown < 0.01
    behind = inpainted(image, known) if room else filled(image, known.astype(float))
    background = image * (1 - grown[..., None]) + behind * grown[..., None]
    return Layers(
        background.astype(np.float32),
        colours.astype(np.float32),
        masks.astype(np.float32),
        np.asarray(points, np.float64),
        person.astype(np.float32),
    )


def _trunk(
    points: np.ndarray, person: np.ndarray, limbs: np.ndarray, size: tuple[int, int], scale: float
) -> np.ndarray:
    """[H, W]: what the body surely has behind the arms, from the shoulders down.

    Its sides are those of the person where no arm is near them, and straight lines between such rows.
    """
    x, y = _grid(size)
    ends = points[SHOULDERS[0]], points[SHOULDERS[1]]
    middle = (ends[0] + ends[1]) / 2
    inside = np.ones(person.shape)
    for sign in (-1.0, 1.0):
        away = sign * (x - middle[0])
        free = ((limbs > 0.1) & (away > 0)).sum(1) == 0
        reach = np.where((person > 0.5) & (away > 0), away, 0).max(1)
        rows = y[:, 0]
        known = free & (rows > middle[1] + 0.4 * scale) & (reach > 0.25 * scale) & (reach < 0.8 * scale)
        at, wide = [middle[1], middle[1] + 0.6 * scale], [0.52 * scale, 0.46 * scale]
        if known.any():
            first = int(np.flatnonzero(known)[0])
            at, wide = [at[0], *rows[known]], [wide[0], *reach[known]]
            if rows[first] > middle[1] + scale:  # a long way behind the arms: rather slim than wide
                at, wide = [at[0], rows[first] - 0.3 * scale, *at[1:]], [wide[0], 0.46 * scale, *wide[1:]]
        half = np.interp(rows, at, wide)
        inside = np.minimum(inside, np.clip((half[:, None] - away) / (0.02 * scale) + 0.5, 0, 1))
    return inside * np.clip((y - middle[1]) / (0.05 * scale) + 1.0, 0, 1)


def _sure(points: np.ndarray, size: tuple[int, int], scale: float) -> np.ndarray:
    """[H, W]: the face, the neck and the middle of the trunk, which a mask of the person may have lost."""
    x, y = _grid(size)
    face = points[48:]
    low, high = face.min(0), face.max(0)
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1.0)
    oval = ((x - middle[0]) / half[0]) ** 2 + ((y - middle[1]) / half[1]) ** 2
    shoulders = (points[SHOULDERS[0]] + points[SHOULDERS[1]]) / 2
    neck = (np.abs(x - middle[0]) < 0.6 * half[0]) & (y > middle[1]) & (y < shoulders[1])
    core = (np.abs(x - shoulders[0]) < 0.33 * scale) & (y > shoulders[1]) & (y < shoulders[1] + scale)
    hands = [hand_distance(hand(points, side), size, scale) < 0.8 for side in SIDES]
    return np.maximum.reduce([oval < 0.9, neck, core, *hands]).astype(float)


def _arm(
    image: np.ndarray,
    points: np.ndarray,
    person: np.ndarray,
    side: str,
    size: tuple[int, int],
    scale: float,
    radius: int,
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Of hand, lower and upper arm, [H, W] each: soft mask, where its colour is seen, wide rim, rim."""
    result, reach = {}, {}
    for part, bone in bones(points, side).items():
        share, distance = along(bone, size)
        first, last = _WIDTHS[part]
        result[part] = distance / (scale * (first + (last - first) * np.clip(share, 0, 1)))
        reach[part] = share
    shape = hand(points, side)
    result["hand"] = hand_distance(shape, size, scale)
    # A bare arm under a sleeve: colours are compared for each part by itself.
    ahead = np.minimum(result["lower"], result["hand"])
    alone = {}
    for name, own, other in (
        ("upper", result["upper"], ahead),
        ("lower", ahead, result["upper"]),
        ("hand", result["hand"], None),
    ):
        near = own if other is None else np.minimum(own, other)
        alike = _like(image, own, near, person)
        likely = snapped(1 / (1 + np.exp(-(9 * (1 - own) + alike))), image, radius, 1e-4)
        alone[name] = np.clip((likely - 0.15) / 0.7, 0, 1) * person
    whole = np.maximum.reduce(list(alone.values()))
    # What is in front keeps its pixels; the part behind it goes on under it as a round cap at the joint.
    arm = bones(points, side)
    # The top of the arm fades into the body, which moves nearly alike there.
    fade = np.clip((reach["upper"] + 0.05) / 0.3, 0, 1)
    aside, beyond = _shoulder(arm["upper"], points, size, scale)
    inner = np.clip((1.05 + aside / (scale * _WIDTHS["upper"][0])) / 0.2, 0, 1)
    masks = {"hand": alone["hand"] * np.clip((1.25 - result["hand"]) / 0.2, 0, 1)}
    covers = {"hand": np.zeros_like(whole)}
    for part, front, cap in (("lower", ("hand",), 0.9), ("upper", ("hand", "lower"), 1.1)):
        covers[part] = np.max([masks[other] for other in front], axis=0)
        reached = np.hypot(*(_grid(size) - arm[part][1][:, None, None])) / (scale * _WIDTHS[part][1])
        stem = (0.85 - result[part]) * (reach[part] < 1.0)  # what is foreshortened is solid as well
        round_end = np.clip(np.maximum(cap - reached, stem) * 8, 0, 1)
        own = np.clip((1.35 - result[part]) / 0.2, 0, 1)
        # What points to the viewer has hardly a direction in the picture: its core alone is turned.
        length = float(np.linalg.norm(arm[part][1] - arm[part][0])) / scale
        told = np.clip((length - 0.3) / 0.15, 0, 1)
        masks[part] = whole * own * np.maximum((1 - covers[part]) * told, round_end)
        if part == "upper":
            masks[part] = masks[part] * np.maximum(np.clip(fade * 1.5, 0, 1), beyond) * inner
    edges = {part: np.clip((1.9 - result[part]) / 0.3, 0, 1) for part in masks}
    edges["upper"] = edges["upper"] * np.maximum(np.clip((fade - 0.8) * 5, 0, 1), beyond)
    sure = {part: whole * np.clip((1.35 - result[part]) / 0.2, 0, 1) * (1 - covers[part]) for part in masks}
    sure["hand"] = masks["hand"]
    hides = {part: np.clip((1.6 - result[part]) / 0.2, 0, 1) for part in masks}
    hides["upper"] = hides["upper"] * np.clip((fade - 0.8) * 5, 0, 1)
    return {part: (masks[part], sure[part], edges[part], hides[part]) for part in masks}


def _forearm(
    image: np.ndarray, upper: np.ndarray, lower: np.ndarray, palm: np.ndarray, beyond: np.ndarray, least: float
) -> np.ndarray:
    """[H, W, 3] colours of a lower arm, also where its hand hides it.

    A bare arm is like the hand, a sleeve like the upper arm: what is seen of it past the elbow (``beyond``)
    tells which. If less than ``least`` pixels are seen, all of it has the hand's or the upper arm's colour.
    """
    sure = [mask > 0.9 for mask in (upper, lower, palm)]
    if not all(mask.any() for mask in sure):
        return filled(image, np.clip((np.maximum(lower, upper) - 0.85) * 8, 0, 1))
    means = [np.median(image[mask], 0) for mask in (sure[0], sure[2])]
    to_sleeve, to_skin = (np.linalg.norm(image - mean, axis=-1) for mean in means)
    skin = to_skin < to_sleeve
    told = sure[1] & beyond
    told = told if told.sum() >= least / 2 else sure[1]
    bare = bool(skin[told].mean() > _BARE)
    alike = lower * (skin if bare else ~skin)
    if (alike > 0.9).sum() < least:
        return np.broadcast_to(means[1 if bare else 0], image.shape)
    return filled(image, np.clip((alike - 0.85) * 8, 0, 1))


def _contrast(image: np.ndarray, where: np.ndarray, radius: int) -> float:
    """Mean standard deviation of colours in squares within a part of a picture, 0 to 1."""
    if not where.any():
        return 0.0
    share = where[..., None].astype(float)
    near = np.maximum(box(share, radius), 1e-6)
    mean, power = box(image * share, radius) / near, box(image * image * share, radius) / near
    return float(np.sqrt(np.maximum(power - mean * mean, 0)).mean(-1)[where].mean())


def _shoulder(
    bone: np.ndarray, points: np.ndarray, size: tuple[int, int], scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels outward of an upper arm that hangs (else 0), and what of it no round shoulder covers.

    The body keeps a disc at the shoulder, which looks alike whichever way the arm turns; both [H, W].
    """
    x, y = _grid(size)
    way = bone[1] - bone[0]
    way = way / max(float(np.linalg.norm(way)), 1e-6)
    middle = (points[SHOULDERS[0]] + points[SHOULDERS[1]]) / 2
    outward = np.array([way[1], -way[0]]) * (1.0 if bone[0][0] > middle[0] else -1.0)
    hangs = float(np.clip((way[1] - 0.5) * 4, 0, 1))
    aside = hangs * ((x - bone[0][0]) * outward[0] + (y - bone[0][1]) * outward[1])
    far = np.hypot(x - bone[0][0], y - bone[0][1]) / (_ROUND * scale)
    below = (x - bone[0][0]) * way[0] + (y - bone[0][1]) * way[1]
    return aside, np.clip((far - 1) / 0.15, 0, 1) * (aside > 0) * np.clip(below / (0.03 * scale), 0, 1)


def _grid(size: tuple[int, int]) -> np.ndarray:
    """[2, H, W]: x and y of the middle of every pixel."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]] + 0.5
    return np.stack([x, y])


def hand_distance(shape: np.ndarray, size: tuple[int, int], scale: float) -> np.ndarray:
    """[H, W] distance to a hand of [21, 2], 1 at its border: fingers as lines, the palm as a fan of lines."""
    lines = []
    for finger in range(len(FINGERS)):
        chain = [0, *range(1 + 4 * finger, 5 + 4 * finger)]
        lines += [(chain[k], chain[k + 1], _PALM if k == 0 else _FINGER) for k in range(4)]
    lines += [(a, b, _PALM) for a, b in ((5, 9), (9, 13), (13, 17), (2, 5), (1, 17), (2, 9))]
    best = np.full((size[1], size[0]), np.inf)
    for a, b, wide in lines:
        best = np.minimum(best, along(np.stack([shape[a], shape[b]]), size)[1] / (wide * scale))
    return best


def _like(image: np.ndarray, own: np.ndarray, nearest: np.ndarray, person: np.ndarray) -> np.ndarray:
    """[H, W] log ratio, cut to +-4, of a colour inside a part and outside of it near by (histograms)."""
    bins = np.minimum((image * 12).astype(int), 11)
    code = (bins[..., 0] * 12 + bins[..., 1]) * 12 + bins[..., 2]
    inside = np.bincount(code[(own < 0.6) & (person > 0.5)], minlength=1728).astype(float)
    outside = np.bincount(code[(nearest > 1.3) & (nearest < 4.0)], minlength=1728).astype(float)
    blurred = []
    for counts in (inside, outside):
        grid = counts.reshape(12, 12, 12)
        for axis in range(3):
            padded = np.pad(grid, [(1, 1) if k == axis else (0, 0) for k in range(3)])
            size = grid.shape[axis]
            grid = sum(padded.take(range(k, k + size), axis) * w for k, w in ((0, 0.25), (1, 0.5), (2, 0.25)))  # type: ignore[assignment]
        blurred.append(grid / max(grid.sum(), 1e-9) + 1e-5)
    ratio = np.log(blurred[0] / blurred[1]).ravel()
    result: np.ndarray = np.clip(ratio, -4, 4)[code]
    return result
