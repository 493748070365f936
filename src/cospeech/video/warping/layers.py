"""A portrait cut into layers that can move: body, upper arms, lower arms, hands, and what is behind them.

Decision of ours [D]: the paper's warp (Contextual Gesture, section 3.3) has one flow for all pixels, which tears
where an arm passes in front of the body. Here every part has pixels, a soft mask and a map of its own; what a
part hides is filled from its surroundings. The cut follows rules on the 116 keypoints, the person's mask and the
colours, so it needs no network. All thresholds below are ours, set by eye on portraits and drawn people [D].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...motion.points import SHOULDERS
from .inpaint import inpainted
from .limb_geometry import (
    PARTS,
    SIDES,
    TINY,
    along,
    body_scale,
    bones,
    face_oval,
    hand,
    hand_distance,
    pixel_grid,
    tapered_distance,
)
from .matte import box, filled, snapped

# Half widths of sleeves and arms in shoulder widths, at the two ends of a bone.
LIMB_HALF_WIDTHS = {"upper": (0.185, 0.15), "lower": (0.15, 0.085)}
SMOOTHING = 1e-4  # of the guided filter: variance of colours (0 to 1) below which it does not follow edges
MATTE_RADIUSES = 40  # parts of a shoulder width that the radius of filters is one of

# The person's mask: below 0.1 nothing, from 0.9 on all.
MASK_LOW, MASK_RANGE = 0.1, 0.8
# What surely belongs to the person: face, neck, the middle of the trunk, hands.
OVAL_SURE = 0.9  # squared radius of the face's oval
NECK_HALF_WIDTH = 0.6  # half widths of the face
TRUNK_CORE = 0.33  # shoulder widths to either side of the middle, one shoulder width down
HAND_SURE = 0.8  # half widths of a hand's lines

# Soft masks of arms, by distance in half widths (1 at the border of a limb).
LIMB_LOGIT = 9.0  # log odds that a half width makes
LIKELY_LOW, LIKELY_RANGE = 0.15, 0.7  # probability from which a pixel counts as arm, and range until it counts fully
EDGE = 0.2  # half widths over which masks fall off
HAND_END, LIMB_END, HIDDEN_END = 1.25, 1.35, 1.6  # half widths: end of a hand's and a limb's mask, of what it hides
RIM_END, RIM_FALL = 1.9, 0.3  # end of the rim, which is no part of the body, and its fall-off
ELBOW_CAP, WRIST_CAP = 1.1, 0.9  # half widths: round ends of upper and lower arm below what is in front of them
STEM = 0.85  # half widths: a limb within that is solid, also where it is foreshortened
CAP_SLOPE = 8.0  # of the borders of caps and stems, per half width
FORESHORTENED, FORESHORTENED_RANGE = 0.3, 0.15  # shoulder widths: limbs shorter than that have no direction

# The shoulder, where the arm's layer fades into the body's.
FADE_START, FADE_RANGE = 0.05, 0.3  # shares of the upper arm
FADE_SLOPE = 1.5
RIM_FADE, RIM_FADE_SLOPE = 0.8, 5.0  # fade from which the rim and what the arm hides begin
INNER_BORDER = 1.05  # half widths to the inner side of an upper arm that hangs
SHOULDER_RADIUS, SHOULDER_FALL = 0.2, 0.15  # shoulder widths of the disc that the body keeps; share of it
BELOW_SHOULDER = 0.03  # shoulder widths over which the disc ends downwards
HANGS, HANGS_SLOPE = 0.5, 4.0  # downward component of an upper arm's direction from which it hangs

# The trunk behind the arms, in shoulder widths.
TRUNK_ROWS_FROM = 0.4  # below the shoulders: rows there may tell how wide the trunk is
TRUNK_LEAST, TRUNK_MOST = 0.25, 0.8  # half widths that are believed
TRUNK_TOP, TRUNK_LOW = 0.52, 0.46  # half widths at the shoulders, and 0.6 below them, if no row tells
TRUNK_LOW_AT = 0.6
TRUNK_SLIM_BEFORE = 0.3  # above the first row that tells, if that is far down, the trunk is slim
TRUNK_EDGE, TRUNK_TOP_EDGE = 0.02, 0.05  # softness of its sides and of its top
ARM_NEAR, PERSON_SURE = 0.1, 0.5  # masks from which a pixel counts as arm, and as person

# Colours.
TRUSTED, TRUST_SLOPE = 0.85, 8.0  # mask from which a colour is surely the part's own
KEPT, KEPT_SLOPE = 0.5, 2.5  # mask from which a limb keeps the picture's pixels
GAP_GAIN, GAP_LOW = 3.0, 0.66  # closing of gaps between fingers: gain of the spread mask, level that closes
LIMB_GAIN, LIMB_MIDDLE = 2.0, 0.5  # the body's pixels end where an arm's mask passes its middle
HIDDEN_NEAR, HIDDEN_GAIN = 0.2, 5.0  # share of arm near by at which the body's colours are hidden entirely
BODY_GAIN = 2.0  # of the spread arms, which the body's colours keep away from
SURE = 0.9  # mask above which a pixel counts for a part's typical colour
BODY_SURE = 0.95  # likewise of the body, whose pattern is inpainted
BARE = 0.3  # share of skin in the visible lower arm from which it is bare; the sleeve's end is often with it
FOREARM_SEEN = 0.06  # shoulder widths: side of the square that must be visible of a lower arm to tell its colours
PATTERNED = 0.08  # contrast of a shirt with a pattern; folds of a plain one have less
PATTERN_BELOW = 0.35  # shoulder widths below the shoulders from which a pattern goes on behind the arms
PATTERN_RADIUSES = 3  # filter radiuses over which contrast is measured
DEEP = 0.8  # share of arm round a pixel from which the shirt behind it is inpainted
BACKGROUND_RADIUSES, BACKGROUND_GAIN = 1.3, 6.0  # the person's mask grows by that before the background begins
BACKGROUND_FREE = 0.01  # grown mask below which the background is seen

# Colour likelihoods: histograms of RGB.
COLOUR_BINS = 12  # a channel
INSIDE_LIMB, OUTSIDE_LIMB, OUTSIDE_END = 0.6, 1.3, 4.0  # half widths: pixels of the limb, and pixels near it
LEAST_DENSITY = 1e-5
MOST_LIKELY = 4.0  # log ratio at which likelihoods are clipped
SPREAD = ((0, 0.25), (1, 0.5), (2, 0.25))  # weights over neighbouring bins


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


@dataclass(frozen=True, eq=False)
class _Frame:
    """What all steps of a cut need."""

    image: np.ndarray  # [H, W, 3] float64 in 0 .. 1
    points: np.ndarray  # [116, 2] pixels
    size: tuple[int, int]  # width, height
    scale: float  # pixels of a shoulder width
    radius: int  # pixels of the filters


@dataclass(frozen=True, eq=False)
class _Limb:
    """Masks [H, W] of one part of an arm."""

    mask: np.ndarray  # soft
    seen: np.ndarray  # where its own colour is seen
    rim: np.ndarray  # the part and a wide rim, which is none of the body
    hides: np.ndarray  # what it hides of the body


def cut(picture: np.ndarray, points: np.ndarray, person: np.ndarray, *, room: bool = True) -> Layers:
    """Cut a portrait into layers.

    Args:
        picture: [H, W, 3] uint8 sRGB.
        points: [116, 2] pixels, complete.
        person: [H, W] soft mask of the person in 0 .. 1.
        room: False for a quicker cut, where the background comes from elsewhere.
    """
    scale = body_scale(points)
    size = picture.shape[1], picture.shape[0]
    frame = _Frame(picture.astype(np.float64) / 255, points, size, scale, max(2, round(scale / MATTE_RADIUSES)))
    person = snapped(np.clip(person, 0, 1), frame.image, frame.radius, SMOOTHING)
    person = np.maximum(np.clip((person - MASK_LOW) / MASK_RANGE, 0, 1), _sure_person(frame))
    masks, own = np.zeros((2, len(PARTS), size[1], size[0]))
    rim, hidden = np.zeros((2, *person.shape))
    for side in SIDES:
        for part, limb in _arm(frame, person, side).items():
            k = PARTS.index(f"{side}_{part}")
            masks[k], own[k] = limb.mask, limb.seen
            rim, hidden = np.maximum(rim, limb.rim), np.maximum(hidden, limb.hides)
    limbs = masks[1:].max(0)
    # Behind the arms the body goes on as far as the trunk reaches; the rim of an arm is none of it.
    masks[0] = person * np.maximum(1 - rim, _trunk(frame, person, limbs))
    own[0] = person * (1 - np.clip(box(limbs, frame.radius) * BODY_GAIN, 0, 1))
    colours = _colours(frame, masks, own, _hidden_body(limbs, hidden, frame.radius), room=room)
    return Layers(
        _background(frame, person, room=room).astype(np.float32),
        colours.astype(np.float32),
        masks.astype(np.float32),
        np.asarray(points, np.float64),
        person.astype(np.float32),
    )


def _hidden_body(limbs: np.ndarray, hidden: np.ndarray, radius: int) -> np.ndarray:
    """[H, W] where the picture does not show the body's own colours, because of arms [H, W] or their outlines."""
    # Gaps between fingers are arm as well.
    spread = box(np.clip(box(limbs, radius) * GAP_GAIN, 0, 1), radius)
    closed = np.clip((spread - GAP_LOW) * GAP_GAIN, 0, 1)
    # The body's own colours begin a little away from the arms, else their outlines would stay on the shirt.
    return np.maximum(
        np.clip((np.maximum(limbs, closed) - LIMB_MIDDLE) * LIMB_GAIN, 0, 1),
        hidden * box(limbs, radius).clip(0, HIDDEN_NEAR) * HIDDEN_GAIN,
    )


def _colours(frame: _Frame, masks: np.ndarray, own: np.ndarray, hidden: np.ndarray, *, room: bool) -> np.ndarray:
    """[7, H, W, 3] colours of all parts, also where they are hidden.

    Args:
        masks: [7, H, W] of the parts.
        own: [7, H, W] where the picture shows their own colours.
        hidden: [H, W] where the body is hidden.
        room: continue a patterned shirt behind the arms.
    """
    image = frame.image
    colours = np.empty((len(PARTS), *image.shape))
    forearms: dict[str, np.ndarray] = {}
    for k, part in enumerate(PARTS):
        side, _, half = part.partition("_")
        if half in ("upper", "lower"):  # what an elbow hides is like what is near it
            upper, lower, palm = (own[PARTS.index(f"{side}_{name}")] for name in ("upper", "lower", "hand"))
            if side not in forearms:
                beyond = along(bones(frame.points, side)["upper"], frame.size)[0] > 1.0
                least = (FOREARM_SEEN * frame.scale) ** 2
                forearms[side] = forearm_colours(image, upper, lower, palm, beyond, least)
            far = forearms[side]
            if half == "upper":
                sure, there = _trusted(upper), _trusted(masks[PARTS.index(f"{side}_lower")])
                far = filled(image * sure[..., None] + far * (1 - sure[..., None]), np.maximum(sure, there))
        else:
            far = filled(image, _trusted(own[k]))
        if k == 0 and room:
            far = _pattern_continued(frame, far, masks, own[0])
        keep = (np.clip((own[k] - KEPT) * KEPT_SLOPE, 0, 1) if k else 1 - hidden)[..., None]
        colours[k] = image * keep + far * (1 - keep)
    return colours


def _trusted(mask: np.ndarray) -> np.ndarray:
    """Trust in 0 .. 1 in the colours of pixels that a mask [H, W] gives to a part."""
    return np.clip((mask - TRUSTED) * TRUST_SLOPE, 0, 1)


def _pattern_continued(frame: _Frame, far: np.ndarray, masks: np.ndarray, own: np.ndarray) -> np.ndarray:
    """The body's colours [H, W, 3], with the pattern of a shirt continued behind the arms below the sleeves' tops."""
    below = pixel_grid(frame.size)[1] > frame.points[list(SHOULDERS), 1].max() + PATTERN_BELOW * frame.scale
    visible = own > BODY_SURE
    if contrast(frame.image, visible & below, PATTERN_RADIUSES * frame.radius) <= PATTERNED:
        return far
    deep = (masks[0] > 0) & (box(masks[1:].max(0), frame.radius) > DEEP) & below
    return np.where(deep[..., None], inpainted(frame.image, visible, deep), far)


def _background(frame: _Frame, person: np.ndarray, *, room: bool) -> np.ndarray:
    """[H, W, 3] in 0 .. 1: the picture without the person."""
    grown = np.clip(box(person, round(BACKGROUND_RADIUSES * frame.radius)) * BACKGROUND_GAIN, 0, 1)
    known = grown < BACKGROUND_FREE
    behind = inpainted(frame.image, known) if room else filled(frame.image, known.astype(float))
    result: np.ndarray = frame.image * (1 - grown[..., None]) + behind * grown[..., None]
    return result


def _trunk(frame: _Frame, person: np.ndarray, limbs: np.ndarray) -> np.ndarray:
    """[H, W]: what the body surely has behind the arms, from the shoulders down.

    Its sides are those of the person where no arm is near them, and straight lines between such rows.
    """
    points, scale = frame.points, frame.scale
    x, y = pixel_grid(frame.size)
    middle = (points[SHOULDERS[0]] + points[SHOULDERS[1]]) / 2
    inside = np.ones(person.shape)
    for sign in (-1.0, 1.0):
        away = sign * (x - middle[0])
        free = ((limbs > ARM_NEAR) & (away > 0)).sum(1) == 0
        reach = np.where((person > PERSON_SURE) & (away > 0), away, 0).max(1)
        rows = y[:, 0]
        known = free & (rows > middle[1] + TRUNK_ROWS_FROM * scale)
        known &= (reach > TRUNK_LEAST * scale) & (reach < TRUNK_MOST * scale)
        at, wide = [middle[1], middle[1] + TRUNK_LOW_AT * scale], [TRUNK_TOP * scale, TRUNK_LOW * scale]
        if known.any():
            first = int(np.flatnonzero(known)[0])
            at, wide = [at[0], *rows[known]], [wide[0], *reach[known]]
            if rows[first] > middle[1] + scale:  # a long way behind the arms: rather slim than wide
                slim_at = rows[first] - TRUNK_SLIM_BEFORE * scale
                at, wide = [at[0], slim_at, *at[1:]], [wide[0], TRUNK_LOW * scale, *wide[1:]]
        half = np.interp(rows, at, wide)
        inside = np.minimum(inside, np.clip((half[:, None] - away) / (TRUNK_EDGE * scale) + 0.5, 0, 1))
    return inside * np.clip((y - middle[1]) / (TRUNK_TOP_EDGE * scale) + 1.0, 0, 1)


def _sure_person(frame: _Frame) -> np.ndarray:
    """[H, W]: face, neck, hands and the middle of the trunk, which a mask of the person may have lost."""
    points, size, scale = frame.points, frame.size, frame.scale
    x, y = pixel_grid(size)
    middle, half = face_oval(points, 1.0)
    oval = ((x - middle[0]) / half[0]) ** 2 + ((y - middle[1]) / half[1]) ** 2
    shoulders = (points[SHOULDERS[0]] + points[SHOULDERS[1]]) / 2
    neck = (np.abs(x - middle[0]) < NECK_HALF_WIDTH * half[0]) & (y > middle[1]) & (y < shoulders[1])
    core = (np.abs(x - shoulders[0]) < TRUNK_CORE * scale) & (y > shoulders[1]) & (y < shoulders[1] + scale)
    hands = [hand_distance(hand(points, side), size, scale) < HAND_SURE for side in SIDES]
    return np.maximum.reduce([oval < OVAL_SURE, neck, core, *hands]).astype(float)


def _arm(frame: _Frame, person: np.ndarray, side: str) -> dict[str, _Limb]:
    """Hand, lower and upper arm of a side."""
    size, scale = frame.size, frame.scale
    arm = bones(frame.points, side)
    distance, share = {}, {}
    for part, bone in arm.items():
        share[part], distance[part] = tapered_distance(bone, size, scale, LIMB_HALF_WIDTHS[part])
    distance["hand"] = hand_distance(hand(frame.points, side), size, scale)
    alone = _likely_limbs(frame, person, distance)
    whole = np.maximum.reduce(list(alone.values()))
    # The top of the arm fades into the body, which moves nearly alike there.
    fade = np.clip((share["upper"] + FADE_START) / FADE_RANGE, 0, 1)
    aside, beyond = _shoulder(frame, arm["upper"])
    inner = np.clip((INNER_BORDER + aside / (scale * LIMB_HALF_WIDTHS["upper"][0])) / EDGE, 0, 1)
    masks = {"hand": alone["hand"] * np.clip((HAND_END - distance["hand"]) / EDGE, 0, 1)}
    covers = {"hand": np.zeros_like(whole)}
    # What is in front keeps its pixels; the part behind it goes on under it as a round cap at the joint.
    for part, front, cap in (("lower", ("hand",), WRIST_CAP), ("upper", ("hand", "lower"), ELBOW_CAP)):
        covers[part] = np.max([masks[other] for other in front], axis=0)
        reached = np.hypot(*(pixel_grid(size) - arm[part][1][:, None, None])) / (scale * LIMB_HALF_WIDTHS[part][1])
        stem = (STEM - distance[part]) * (share[part] < 1.0)  # what is foreshortened is solid as well
        round_end = np.clip(np.maximum(cap - reached, stem) * CAP_SLOPE, 0, 1)
        own = np.clip((LIMB_END - distance[part]) / EDGE, 0, 1)
        # What points to the viewer has hardly a direction in the picture: its core alone is turned.
        length = float(np.linalg.norm(arm[part][1] - arm[part][0])) / scale
        directed = np.clip((length - FORESHORTENED) / FORESHORTENED_RANGE, 0, 1)
        masks[part] = whole * own * np.maximum((1 - covers[part]) * directed, round_end)
        if part == "upper":
            masks[part] = masks[part] * np.maximum(np.clip(fade * FADE_SLOPE, 0, 1), beyond) * inner
    rims = {part: np.clip((RIM_END - distance[part]) / RIM_FALL, 0, 1) for part in masks}
    rims["upper"] = rims["upper"] * np.maximum(np.clip((fade - RIM_FADE) * RIM_FADE_SLOPE, 0, 1), beyond)
    seen = {part: whole * np.clip((LIMB_END - distance[part]) / EDGE, 0, 1) * (1 - covers[part]) for part in masks}
    seen["hand"] = masks["hand"]
    hides = {part: np.clip((HIDDEN_END - distance[part]) / EDGE, 0, 1) for part in masks}
    hides["upper"] = hides["upper"] * np.clip((fade - RIM_FADE) * RIM_FADE_SLOPE, 0, 1)
    return {part: _Limb(masks[part], seen[part], rims[part], hides[part]) for part in masks}


def _likely_limbs(frame: _Frame, person: np.ndarray, distance: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """[H, W] in 0 .. 1 for upper and lower arm and hand, by distance and colour, each without regard to the others.

    A bare arm may stick out of a sleeve, so colours are compared for each part by itself.
    """
    ahead = np.minimum(distance["lower"], distance["hand"])
    result = {}
    for name, own, other in (
        ("upper", distance["upper"], ahead),
        ("lower", ahead, distance["upper"]),
        ("hand", distance["hand"], None),
    ):
        near = own if other is None else np.minimum(own, other)
        alike = _colour_likelihood(frame.image, own, near, person)
        likely = snapped(1 / (1 + np.exp(-(LIMB_LOGIT * (1 - own) + alike))), frame.image, frame.radius, SMOOTHING)
        result[name] = np.clip((likely - LIKELY_LOW) / LIKELY_RANGE, 0, 1) * person
    return result


def forearm_colours(
    image: np.ndarray, upper: np.ndarray, lower: np.ndarray, palm: np.ndarray, beyond: np.ndarray, least: float
) -> np.ndarray:
    """[H, W, 3] colours of a lower arm, also where its hand hides it.

    A bare arm is like the hand, a sleeve like the upper arm: what is visible of it past the elbow decides which.

    Args:
        image: [H, W, 3] in 0 .. 1.
        upper, lower, palm: [H, W] where upper arm, lower arm and hand show their own colours.
        beyond: [H, W] bool, past the elbow.
        least: pixels; if fewer are visible, all of it has the hand's or the upper arm's typical colour.
    """
    sure = [mask > SURE for mask in (upper, lower, palm)]
    if not all(mask.any() for mask in sure):
        return filled(image, _trusted(np.maximum(lower, upper)))
    means = [np.median(image[mask], 0) for mask in (sure[0], sure[2])]
    to_sleeve, to_skin = (np.linalg.norm(image - mean, axis=-1) for mean in means)
    skin = to_skin < to_sleeve
    visible = sure[1] & beyond
    visible = visible if visible.sum() >= least / 2 else sure[1]
    bare = bool(skin[visible].mean() > BARE)
    alike = lower * (skin if bare else ~skin)
    if (alike > SURE).sum() < least:
        return np.broadcast_to(means[1 if bare else 0], image.shape)
    return filled(image, _trusted(alike))


def contrast(image: np.ndarray, where: np.ndarray, radius: int) -> float:
    """Mean standard deviation of colours in squares within a part of a picture, 0 to 1.

    Args:
        image: [H, W, 3] in 0 .. 1.
        where: [H, W] bool.
        radius: pixels, of the squares.
    """
    if not where.any():
        return 0.0
    share = where[..., None].astype(float)
    near = np.maximum(box(share, radius), TINY)
    mean, power = box(image * share, radius) / near, box(image * image * share, radius) / near
    return float(np.sqrt(np.maximum(power - mean * mean, 0)).mean(-1)[where].mean())


def _shoulder(frame: _Frame, bone: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels outward of an upper arm that hangs (else 0), and what of it no round shoulder covers.

    The body keeps a disc at the shoulder, which looks alike whichever way the arm turns; both [H, W].
    """
    x, y = pixel_grid(frame.size)
    way = bone[1] - bone[0]
    way = way / max(float(np.linalg.norm(way)), TINY)
    middle = (frame.points[SHOULDERS[0]] + frame.points[SHOULDERS[1]]) / 2
    outward = np.array([way[1], -way[0]]) * (1.0 if bone[0][0] > middle[0] else -1.0)
    hangs = float(np.clip((way[1] - HANGS) * HANGS_SLOPE, 0, 1))
    aside = hangs * ((x - bone[0][0]) * outward[0] + (y - bone[0][1]) * outward[1])
    far = np.hypot(x - bone[0][0], y - bone[0][1]) / (SHOULDER_RADIUS * frame.scale)
    below = (x - bone[0][0]) * way[0] + (y - bone[0][1]) * way[1]
    uncovered = np.clip((far - 1) / SHOULDER_FALL, 0, 1) * (aside > 0)
    return aside, uncovered * np.clip(below / (BELOW_SHOULDER * frame.scale), 0, 1)


def _colour_likelihood(image: np.ndarray, own: np.ndarray, nearest: np.ndarray, person: np.ndarray) -> np.ndarray:
    """[H, W] log ratio, clipped, of how often a colour stands inside a part and outside of it near by."""
    bins = np.minimum((image * COLOUR_BINS).astype(int), COLOUR_BINS - 1)
    code = (bins[..., 0] * COLOUR_BINS + bins[..., 1]) * COLOUR_BINS + bins[..., 2]
    inside = (own < INSIDE_LIMB) & (person > PERSON_SURE)
    outside = (nearest > OUTSIDE_LIMB) & (nearest < OUTSIDE_END)
    densities = []
    for where in (inside, outside):
        grid = np.bincount(code[where], minlength=COLOUR_BINS**3).astype(float).reshape([COLOUR_BINS] * 3)
        for axis in range(3):
            padded = np.pad(grid, [(1, 1) if k == axis else (0, 0) for k in range(3)])
            size = grid.shape[axis]
            grid = np.sum([padded.take(range(k, k + size), axis) * weight for k, weight in SPREAD], axis=0)
        densities.append(grid / max(grid.sum(), 1e-9) + LEAST_DENSITY)
    ratio = np.log(densities[0] / densities[1]).ravel()
    result: np.ndarray = np.clip(ratio, -MOST_LIKELY, MOST_LIKELY)[code]
    return result
