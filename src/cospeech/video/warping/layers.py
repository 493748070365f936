"""A portrait cut into layers that can move: body, upper arms, lower arms, hands, and what is behind them.

Decision of ours [D]: the paper's warp (Contextual Gesture, section 3.3) has one flow for all pixels, which tears
where an arm passes in front of the body. Here every part has pixels, a soft mask and a map of its own; what a
part hides is filled from its surroundings. The cut follows rules on the 116 keypoints, the person's mask and the
colours, so it needs no network. All thresholds below are ours, set by eye on portraits and drawn people [D].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...data.point_normalization import SEEN
from ...motion.points import SHOULDERS
from .inpaint import inpainted
from .limb_geometry import (
    FINGER_HALF_WIDTH,
    INDEX,
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
)
from .limb_widths import half_widths, measured_distance
from .matte import box, connected, filled, snapped
from .person_matte import person_alpha

# Usual half widths of sleeves and arms in shoulder widths, at the two ends of a bone; the picture corrects them.
LIMB_HALF_WIDTHS = {"upper": (0.185, 0.15), "lower": (0.15, 0.085)}
SMOOTHING = 1e-4  # of the guided filter: variance of colours (0 to 1) below which it does not follow edges
MATTE_RADIUSES = 40  # parts of a shoulder width that the radius of filters is one of

# What surely belongs to the person: face, neck, the middle of the trunk, hands.
OVAL_SURE = 0.9  # squared radius of the face's oval
NECK_HALF_WIDTH = 0.6  # half widths of the face
TRUNK_CORE = 0.33  # shoulder widths to either side of the middle, one shoulder width down
HAND_SURE = 0.8  # half widths of a hand's lines

# Soft masks of arms, by distance in half widths (1 at the border of a limb).
LIMB_LOGIT = 9.0  # log odds that a half width makes
LIKELY_LOW, LIKELY_RANGE = 0.15, 0.7  # probability from which a pixel counts as arm, and range until it counts fully
EDGE = 0.2  # half widths over which masks fall off
HAND_END, LIMB_END = 1.25, 1.35  # half widths: end of a hand's and a limb's mask
RIM, RIM_LOW, RIM_GAIN = 60, 0.1, 2.0  # parts of a shoulder width that an outline is one of; spread mask, and gain
ELBOW_CAP, WRIST_CAP = 1.1, 0.9  # half widths: round ends of upper and lower arm below what is in front of them
STEM = 0.85  # half widths: a limb within that is solid, also where it is foreshortened
CAP_SLOPE = 8.0  # of the borders of caps and stems, per half width
FORESHORTENED, FORESHORTENED_RANGE = 0.3, 0.15  # shoulder widths: limbs shorter than that have no direction

# The shoulder, where the arm's layer fades into the body's.
FADE_START, FADE_RANGE = 0.05, 0.3  # shares of the upper arm
FADE_SLOPE = 1.5
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
SOLID = 0.8  # matte from which the trunk goes on behind an arm
THIN = 0.03  # shoulder widths: half of what a piece of body must be thick
LOOSE_END = 0.12  # shoulder widths beyond its border to which loose pieces belong to an arm
COVERED = 0.02  # of a pixel that must be left by what is in front, for its share to tell an opacity

# Colours.
TRUSTED, TRUST_SLOPE = 0.85, 8.0  # mask from which a colour is surely the part's own
KEPT, KEPT_SLOPE = 0.5, 2.5  # mask from which a limb keeps the picture's pixels
LIMB_GAIN, LIMB_MIDDLE = 2.0, 0.5  # the body's pixels end where an arm's mask passes its middle
BODY_GAIN = 2.0  # of the spread arms, which the body's colours keep away from
SURE = 0.9  # mask above which a pixel counts for a part's typical colour
BODY_SURE = 0.95  # likewise of the body, whose pattern is inpainted
BARE = 0.3  # share of skin in the visible lower arm from which it is bare; the sleeve's end is often with it
FOREARM_SEEN = 0.06  # shoulder widths: side of the square that must be visible of a lower arm to tell its colours
PATTERNED = 0.08  # contrast of a shirt with a pattern; folds of a plain one have less
PATTERN_BELOW = 0.35  # shoulder widths below the shoulders from which a pattern goes on behind the arms
PATTERN_RADIUSES = 3  # filter radiuses over which contrast is measured
DEEP = 0.8  # share of arm round a pixel from which the shirt behind it is inpainted
BACKGROUND_GAIN = 10.0  # of the matte, where the background is no longer the picture
BACKGROUND_FREE = 0.01  # matte below which the background is seen
BORDER_GAIN = 3.0  # of the share of background near by, to what the hole has of its border's colours
BODY_POWER, ROOM_POWER = 3, 4  # of the visible share of body and background, by which they get what is missing
REPRODUCED = 4  # rounds of giving the layers what is missing of the picture

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
    """One part of an arm, [H, W] each."""

    shape: np.ndarray  # soft mask of all of it, also where other parts are in front
    cap: np.ndarray  # what of it goes on below the parts in front of it
    beyond: np.ndarray  # shoulder widths to its border, negative within


def cut(
    picture: np.ndarray,
    points: np.ndarray,
    person: np.ndarray,
    *,
    confidence: np.ndarray | None = None,
    room: bool = True,
) -> Layers:
    """Cut a portrait into layers.

    Args:
        picture: [H, W, 3] uint8 sRGB.
        points: [116, 2] pixels, complete.
        person: [H, W] soft mask of the person in 0 .. 1.
        confidence: [116] of the points, 0 where they are imputed; without it all were found. An arm whose elbow
            or wrist was not found stays part of the body.
        room: False for a quicker cut, where the background comes from elsewhere.
    """
    scale = body_scale(points)
    size = picture.shape[1], picture.shape[0]
    frame = _Frame(picture.astype(np.float64) / 255, points, size, scale, max(2, round(scale / MATTE_RADIUSES)))
    hands = _found_hands(confidence)
    alpha = person_alpha(frame.image, person, _sure_person(frame, hands), frame.radius)
    limbs: dict[int, _Limb] = {}
    for side in _found_arms(confidence):
        for part, limb in _arm(frame, alpha, side, with_hand=side in hands).items():
            limbs[PARTS.index(f"{side}_{part}")] = limb
    visible = _partition(frame, alpha, limbs)
    masks = _masks(visible, limbs, frame, alpha)
    arms = visible[1:].sum(0)
    own = visible.copy()
    own[0] = alpha * (1 - np.clip(box(arms, frame.radius) * BODY_GAIN, 0, 1))
    colours = _colours(frame, masks, own, np.clip((arms - LIMB_MIDDLE) * LIMB_GAIN, 0, 1), room=room)
    background = _background(frame, alpha, room=room)
    _reproduce(frame.image, visible, colours, background)
    return Layers(
        background.astype(np.float32),
        colours.astype(np.float32),
        masks.astype(np.float32),
        np.asarray(points, np.float64),
        alpha.astype(np.float32),
    )


def _found_arms(confidence: np.ndarray | None) -> tuple[str, ...]:
    """Sides whose elbow and wrist were found."""
    joints = {side: [INDEX[f"{side}_{name}"] for name in ("elbow", "wrist")] for side in SIDES}
    return tuple(side for side in SIDES if confidence is None or confidence[joints[side]].min() >= SEEN)


def _found_hands(confidence: np.ndarray | None) -> tuple[str, ...]:
    """Sides of whose hand most points were found."""
    if confidence is None:
        return SIDES
    return tuple(side for side in SIDES if float(np.median(hand(confidence[:, None], side))) >= SEEN)


def _partition(frame: _Frame, alpha: np.ndarray, limbs: dict[int, _Limb]) -> np.ndarray:
    """[7, H, W] what is seen of each part in the portrait; together they are the matte [H, W].

    Parts in front take what their shape covers, those behind them the rest of theirs, and the body what is left,
    but for pieces that only an arm connects with it.
    """
    visible = np.zeros((len(PARTS), *alpha.shape))
    taken = np.zeros_like(alpha)
    for k in sorted(limbs, reverse=True):
        visible[k] = np.clip(limbs[k].shape - taken, 0, 1)
        taken = np.maximum(taken, limbs[k].shape)
    if limbs:
        parts = sorted(limbs)
        beyond = np.stack([limbs[k].beyond for k in parts])
        loose = _loose(frame, alpha, taken, beyond.min(0))
        nearest = beyond.argmin(0)
        for number, k in enumerate(parts):
            visible[k] += (alpha - taken) * loose * (nearest == number)
    visible[0] = np.maximum(alpha - visible[1:].sum(0), 0)
    return visible


def _loose(frame: _Frame, alpha: np.ndarray, arms: np.ndarray, beyond: np.ndarray) -> np.ndarray:
    """[H, W] 0 or 1: person beside an arm that nothing but the arm, or a rim of it, connects with the body."""
    x, y = pixel_grid(frame.size)
    middle = (frame.points[SHOULDERS[0]] + frame.points[SHOULDERS[1]]) / 2
    rest = (alpha > PERSON_SURE) & (arms < PERSON_SURE)
    thin = max(1, round(THIN * frame.scale))
    firm = box((~rest).astype(float), thin) < TINY
    start = firm & (np.abs(x - middle[0]) < TRUNK_CORE * frame.scale)
    kept = connected(firm, start)
    # Back to full width, and one pixel more, so that corners stay.
    body = box(kept.astype(float), 2 * thin) > TINY
    # The top of the shoulder is the body's.
    beside = (beyond < LOOSE_END) & (y > middle[1] + BELOW_SHOULDER * frame.scale)
    result: np.ndarray = ((alpha > 0) & ~body & beside).astype(float)
    return result


def _masks(visible: np.ndarray, limbs: dict[int, _Limb], frame: _Frame, alpha: np.ndarray) -> np.ndarray:
    """[7, H, W] opacities that show what is visible, laid over one another, and go on below what is in front."""
    masks = np.zeros_like(visible)
    rest = np.ones_like(alpha)
    for k in range(len(PARTS) - 1, -1, -1):
        opacity = np.where(rest > COVERED, visible[k] / np.maximum(rest, COVERED), 0.0)
        rest = rest - visible[k]
        if k in limbs:
            opacity = np.maximum(opacity, limbs[k].cap)
        masks[k] = np.clip(opacity, 0, 1)
    arms = masks[1:].max(0)
    # Behind the arms the body goes on as far as the trunk reaches.
    solid = np.clip((alpha - SOLID) / (1 - SOLID), 0, 1)
    masks[0] = np.maximum(masks[0], solid * _trunk(frame, alpha, arms) * (arms > ARM_NEAR))
    return masks


def _reproduce(image: np.ndarray, visible: np.ndarray, colours: np.ndarray, background: np.ndarray) -> None:
    """Change colours in place so that all layers together are the picture [H, W, 3].

    What is missing goes to the layers by a power of what is seen of them, rather to those in front, so that no outline
    of an arm stays on the body or of the person on the wall.
    """
    shares = [*visible, np.clip(1 - visible.sum(0), 0, 1)]
    layers = [*colours, background]
    parts = [
        share**power for share, power in zip(shares, (BODY_POWER, *[1] * (len(PARTS) - 1), ROOM_POWER), strict=True)
    ]
    whole = np.maximum(sum(share * part for share, part in zip(shares, parts, strict=True)), TINY)
    for _ in range(REPRODUCED):
        missing = image - sum(share[..., None] * layer for share, layer in zip(shares, layers, strict=True))
        for part, layer in zip(parts, layers, strict=True):
            layer += (part / whole)[..., None] * missing
            np.clip(layer, 0, 1, out=layer)


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


def _background(frame: _Frame, alpha: np.ndarray, *, room: bool) -> np.ndarray:
    """[H, W, 3] in 0 .. 1: the picture without the person; where nothing of the person is, it is the picture."""
    known = box(alpha, frame.radius // 2) < BACKGROUND_FREE
    behind = filled(frame.image, known.astype(float))
    if room:  # at its border the hole has the border's own colours
        border = np.clip(box(known.astype(float), 2 * frame.radius) * BORDER_GAIN, 0, 1)[..., None]
        behind = inpainted(frame.image, known) * (1 - border) + behind * border
    share = np.clip(alpha * BACKGROUND_GAIN, 0, 1)[..., None]
    result: np.ndarray = frame.image * (1 - share) + behind * share
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


def _sure_person(frame: _Frame, hands: tuple[str, ...]) -> np.ndarray:
    """[H, W]: face, neck, hands and the middle of the trunk, which a mask of the person may have lost."""
    points, size, scale = frame.points, frame.size, frame.scale
    x, y = pixel_grid(size)
    middle, half = face_oval(points, 1.0)
    oval = ((x - middle[0]) / half[0]) ** 2 + ((y - middle[1]) / half[1]) ** 2
    shoulders = (points[SHOULDERS[0]] + points[SHOULDERS[1]]) / 2
    neck = (np.abs(x - middle[0]) < NECK_HALF_WIDTH * half[0]) & (y > middle[1]) & (y < shoulders[1])
    core = (np.abs(x - shoulders[0]) < TRUNK_CORE * scale) & (y > shoulders[1]) & (y < shoulders[1] + scale)
    palms = [hand_distance(hand(points, side), size, scale) < HAND_SURE for side in hands]
    return np.maximum.reduce([oval < OVAL_SURE, neck, core, *palms]).astype(float)


def _arm(frame: _Frame, alpha: np.ndarray, side: str, *, with_hand: bool) -> dict[str, _Limb]:
    """Hand, lower and upper arm of a side; a hand that was not found counts as lower arm."""
    size, scale = frame.size, frame.scale
    arm = bones(frame.points, side)
    distance, share = {}, {}
    for part, bone in arm.items():
        usual = tuple(scale * half_width for half_width in LIMB_HALF_WIDTHS[part])
        shares, widths = half_widths(frame.image, alpha, bone, (usual[0], usual[1]))
        share[part], distance[part] = measured_distance(bone, size, shares, widths)
    distance["hand"] = hand_distance(hand(frame.points, side), size, scale)
    alone = _likely_limbs(frame, alpha, distance)
    whole = np.maximum.reduce(list(alone.values()))
    aside, beyond = _shoulder(frame, arm["upper"])
    # The top of the arm fades into the body, which moves nearly alike there.
    fade = np.clip((share["upper"] + FADE_START) / FADE_RANGE, 0, 1)
    top = np.maximum(np.clip(fade * FADE_SLOPE, 0, 1), beyond)
    top = top * np.where(aside < 0, np.clip((INNER_BORDER - distance["upper"]) / EDGE, 0, 1), 1.0)
    grip = alone["hand"] * np.clip((HAND_END - distance["hand"]) / EDGE, 0, 1)
    # Outlines and shadows on the body go with what they belong to.
    near = max(1, round(scale / RIM))
    result = {}
    if with_hand:
        shape = np.maximum(grip, alpha * np.clip((box(grip, near) - RIM_LOW) * RIM_GAIN, 0, 1))
        result["hand"] = _Limb(shape, np.zeros_like(grip), (distance["hand"] - 1) * FINGER_HALF_WIDTH)
    for part, cap in (("lower", WRIST_CAP), ("upper", ELBOW_CAP)):
        reached = np.hypot(*(pixel_grid(size) - arm[part][1][:, None, None])) / (scale * LIMB_HALF_WIDTHS[part][1])
        stem = (STEM - distance[part]) * (share[part] < 1.0)  # what is foreshortened is solid as well
        round_end = np.clip(np.maximum(cap - reached, stem) * CAP_SLOPE, 0, 1)
        # What points to the viewer has hardly a direction in the picture: its core alone is turned.
        length = float(np.linalg.norm(arm[part][1] - arm[part][0])) / scale
        directed = np.clip((length - FORESHORTENED) / FORESHORTENED_RANGE, 0, 1)
        own = whole * np.clip((LIMB_END - distance[part]) / EDGE, 0, 1) * (top if part == "upper" else 1.0)
        shape = own * np.maximum(directed, round_end)
        if part == "lower" and not with_hand:
            shape = np.maximum(shape, grip)
        rim = alpha * np.clip((box(shape, near) - RIM_LOW) * RIM_GAIN, 0, 1) * (top if part == "upper" else 1.0)
        past = (distance[part] - 1) * float(np.mean(LIMB_HALF_WIDTHS[part]))
        result[part] = _Limb(np.maximum(shape, rim), own * round_end, past)
    return result


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
