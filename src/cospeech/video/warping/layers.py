"""A portrait cut into layers that can move: the body, what of its arms is in front of it, and what is behind.

Decision of ours [D]: the paper's warp (Contextual Gesture, section 3.3) has one flow for all pixels, which tears
where an arm passes in front of the body. Here forearms and hands are cut out where the picture shows their outline
(``arm_segmentation``) and stay joined to the upper arm, which is part of the body, by a mesh (``arm_mesh``). Layers
are a partition of the person, and together they give the portrait back. What an arm hides is filled from its
surroundings. The cut follows rules on the 116 keypoints, the person's mask and the colours, so it needs no network.
All thresholds below are ours, set by eye on portraits and drawn people [D].
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...core.series import smoothstep
from ...motion.points import SHOULDERS
from .arm_mesh import ArmMesh, arm_mesh, hand_mesh
from .arm_segmentation import FrontArm, front_arms
from .built_forearm import Forearm, build_forearm
from .head_depth import HeadDepth
from .inpaint import inpainted
from .limb_geometry import (
    PARTS,
    SIDES,
    TINY,
    body_scale,
    bones,
    face_oval,
    found_hands,
    free_arms,
    hand,
    hand_distance,
    hand_of_arm,
    pixel_grid,
    pixel_places,
    tapered_distance,
)
from .matte import box, diffused, filled
from .person_matte import mended_matte, person_alpha

# Back to front. A hand before a sleeve is a layer of its own, a bare arm one with its hand.
LAYERS = ("body", *(f"{side}_arm" for side in SIDES), *(f"{side}_hand" for side in SIDES))
MATTE_RADIUSES = 40  # parts of a shoulder width that the radius of filters is one of

# What surely belongs to the person: face, neck, the middle of the trunk, hands.
OVAL_SURE = 0.9  # squared radius of the face's oval
NECK_HALF_WIDTH = 0.6  # half widths of the face
TRUNK_CORE = 0.33  # shoulder widths to either side of the middle, one shoulder width down
HAND_SURE = 0.45  # half widths of a hand's lines
EARS_LIKELY = np.array([1.35, 0.8])  # half widths and heights of the face within which ears are
CUFF_HALF_WIDTHS = (0.15, 0.12)  # shoulder widths, of a forearm with a wide sleeve
FOREARM_LIKELY, HAND_LIKELY = 1.6, 1.5  # half widths of forearm and hand within which a mask may have missed them

# Half widths in shoulder widths at the two ends of arms, by which a pixel is told to be of one of PARTS.
PART_HALF_WIDTHS = {"upper": (0.185, 0.15), "lower": (0.15, 0.085)}
PART_END, PART_FALL = 1.3, 0.2  # half widths at which a part ends, and over which it does
UPPER_FROM, UPPER_RANGE = 0.05, 0.3  # shares of the upper arm over which it begins

# Upper arms behind forearms and hands.
UPPER_HALF_WIDTHS, UPPER_EDGE = (0.16, 0.11), 0.15  # shoulder widths; half widths of its soft edge
SLEEVE_CORE, SLEEVE_CLEAR = 0.7, 1.3  # half widths of the arm, and beyond the hand's, where a sleeve is looked for
SLEEVE_SEEN = 0.15  # share of the upper arm above what hides it, in which its outer side is measured
OUTER_MOST, OUTER_PERCENTILE, OUTER_BESIDE = 0.3, 97.0, 2.0  # shoulder widths, percent, and half widths
SOFT_PIXELS = 2.0  # of a sleeve's outer edge
SLEEVE_BINS = 20  # parts of the upper arm
SLEEVE_BELOW, SLEEVE_EDGE = 0.15, 0.08  # shares of the upper arm that a sleeve goes on below what hides it; its edge

HEM = 0.045  # shoulder widths that a sleeve goes on behind a hand on the outer side of a bare arm
SLEEVE_UNDER = 0.1  # shoulder widths that a sleeve goes on behind the hand

# The trunk behind the arms, in shoulder widths.
TRUNK_ROWS_FROM = 0.4  # below the shoulders: rows there may tell how wide the trunk is
TRUNK_LEAST, TRUNK_MOST = 0.25, 0.8  # half widths that are believed
TRUNK_TOP, TRUNK_LOW = 0.52, 0.46  # half widths at the shoulders, and 0.6 below them, if no row tells
TRUNK_LOW_AT = 0.6
TRUNK_SLIM_BEFORE = 0.3  # above the first row that tells, if that is far down, the trunk is slim
TRUNK_EDGE, TRUNK_TOP_EDGE = 0.02, 0.05  # softness of its sides and of its top
COVERED, COVERED_RANGE = 0.4, 0.4  # mask of arms from which the body may go on behind them, and until it fully does
ARM_NEAR, PERSON_SURE = 0.1, 0.5  # masks from which a pixel counts as arm, and as person

# Colours.
CLEAR = 0.01  # share of other layers near by, below which a colour is surely the layer's own
PATTERNED = 0.08  # contrast of a shirt with a pattern; folds of a plain one have less
PATTERN_BELOW = 0.35  # shoulder widths below the shoulders from which a pattern goes on behind the arms
PATTERN_RADIUSES = 3  # filter radiuses over which contrast is measured
DEEP = 0.8  # share of arm round a pixel from which the shirt behind it is inpainted
HOLE_RADIUSES = 2  # filter radiuses round the person in which the room is filled
PLAIN, PLAIN_RANGE = 0.008, 0.012  # contrast of a plain wall, and above it until patches are copied
REVEALED = 0.3  # shoulder widths inside the hole that a moving person may reveal
DETAIL_RADIUSES = 3  # filter radiuses over which it is spread
BACKGROUND_GAIN = 2.0  # of the spread hole, to the share of the filling
UNLIKE = 0.15  # distance of the colours of an arm and of the body where it ends, from which one is before the other
BODY_SIDE = 0.2  # share of the body in a pixel beside an arm, from which on its outline is the body's
WRIST = 0.04  # shoulder widths beyond the wrist: where a hand begins that another view takes the place of
HAND_OUTLINE = 3  # pixels round a hand before a sleeve that are its outline
SLEEVE_ENDS = (0.1, 0.075)  # half widths of a forearm, shoulder widths, within which a sleeve goes on behind a view
MARGIN = 0.5  # shoulder widths round the body's mask that are drawn
SEEN_MASK = 0.004  # of a layer, below which it is not drawn (1/255)
NEAR_GAIN = 4.0  # of the share of an arm near by, to what of an outline goes with it


@dataclass(frozen=True, eq=False)
class Layers:
    """Pictures of all layers, as large as the portrait; colours are not multiplied with the masks."""

    background: np.ndarray  # [H, W, 3] float32 in 0 .. 1, the person filled away
    stacked: np.ndarray  # [5, H, W, 7] float32, in the order of LAYERS: colours, opacities and residuals
    rim: np.ndarray  # [H, W, 3] float32, added to the background next to layers as long as they do not move
    rim_shares: np.ndarray  # [5, H, W] float32 in 0 .. 1: how much of it belongs to each of LAYERS
    shade: np.ndarray  # [H, W, 3] float32, likewise added to the body
    shade_shares: np.ndarray  # [5, H, W] float32 in 0 .. 1
    parts: np.ndarray  # [7, H, W] float32: visible share of each of PARTS; together with the background 1
    meshes: dict[str, ArmMesh]  # by side, of the arms that are cut out
    hands: dict[str, ArmMesh]  # by side, of the hands that are layers of their own
    forearms: dict[str, Forearm]  # by side, what is drawn where a forearm was hidden
    points: np.ndarray  # [116, 2] pixels of this picture
    person: np.ndarray  # [H, W] float32: where the person was
    head: HeadDepth | None = None  # its depth; without it the head moves as if it were flat

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.person.shape[1], self.person.shape[0]

    @property
    def colours(self) -> np.ndarray:
        """[5, H, W, 3] float32, filled beyond the masks."""
        return self.stacked[..., :3]

    @property
    def masks(self) -> np.ndarray:
        """[5, H, W] float32 in 0 .. 1: opacities, each layer over those before it."""
        return self.stacked[..., 3]

    @property
    def residuals(self) -> np.ndarray:
        """[5, H, W, 3] float32, added after each layer: what they lack of the picture."""
        return self.stacked[..., 4:]

    @cached_property
    def drawn(self) -> np.ndarray:
        """[5, H, W] bool: where a layer has anything, or has it beside."""
        there = (self.masks > 0) | (np.abs(self.residuals).max(-1) > 0)
        return np.stack([box(one.astype(np.float32), 1) > 0 for one in there])

    @cached_property
    def shaded(self) -> np.ndarray:
        """[H, W] bool: where, or next to where, there is a shade."""
        return np.asarray(box(self.shade_shares.max(0) * np.abs(self.shade).max(-1), 1) > 0)

    @cached_property
    def places(self) -> np.ndarray:
        """[H, W, 2] float32 pixels: where every pixel is."""
        return pixel_places(self.size).astype(np.float32)

    @cached_property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns in which the body can be drawn."""
        margin = MARGIN * body_scale(self.points)
        spans = []
        for axis, size in ((1, self.size[1]), (0, self.size[0])):
            there = np.flatnonzero((self.masks[0] > SEEN_MASK).any(axis))
            first, last = (int(there[0]), int(there[-1])) if len(there) else (0, size - 1)
            # A layer that reaches the picture's border goes on beyond it.
            spans.append(slice(max(0, round(first - margin)), min(size, round(last + 1 + margin))))
        return spans[0], spans[1]

    @cached_property
    def own_hands(self) -> dict[str, np.ndarray]:
        """By side of the arms that are cut out, [H, W, 2] float32 in 0 .. 1: what another view takes the place of.

        First of the arm's opacity, then of its residual. Of a sleeve that is what goes on behind its hand, but for a
        round end.
        """
        result = {}
        for side in self.meshes:
            share = outline = hand_of_arm(self.points, side, self.size, shift=WRIST)
            if side in self.hands:
                bone, palm = bones(self.points, side)["lower"], self.masks[LAYERS.index(f"{side}_hand")]
                beside = tapered_distance(bone, pixel_places(self.size), body_scale(self.points), SLEEVE_ENDS)[1]
                share = np.clip(palm * NEAR_GAIN, 0, 1) * np.clip((beside - 1) / PART_FALL, 0, 1)
                outline = np.clip(box(palm, HAND_OUTLINE) * NEAR_GAIN, 0, 1)
            result[side] = np.stack([share, outline], -1).astype(np.float32)
        return result


@dataclass(frozen=True, eq=False)
class _Frame:
    """What all steps of a cut need."""

    image: np.ndarray  # [H, W, 3] float64 in 0 .. 1
    points: np.ndarray  # [116, 2] pixels
    size: tuple[int, int]  # width, height
    scale: float  # pixels of a shoulder width
    radius: int  # pixels of the filters

    @cached_property
    def places(self) -> np.ndarray:
        """[H, W, 2] pixels."""
        return pixel_places(self.size)

    @cached_property
    def palms(self) -> dict[str, np.ndarray]:
        """By side, distance to the hand [H, W] in its half widths."""
        return {side: hand_distance(hand(self.points, side), self.places, self.scale) for side in SIDES}


def cut(
    picture: np.ndarray,
    points: np.ndarray,
    person: np.ndarray,
    *,
    confidence: np.ndarray | None = None,
    matte: np.ndarray | None = None,
    behind: np.ndarray | None = None,
    room: bool = True,
) -> Layers:
    """Cut a portrait into layers.

    Args:
        picture: [H, W, 3] uint8 sRGB.
        points: [116, 2] pixels, complete.
        person: [H, W] soft mask of the person in 0 .. 1.
        matte: [H, W] in 0 .. 1, the same by a matting network, right to the pixel.
        confidence: [116] of the points, 0 where they are imputed; without it all were found.
        behind: [H, W, 4] in 0 .. 1, what is known of the background, and its reliability.
        room: False for a quicker cut, where the background comes from elsewhere.
    """
    scale = body_scale(points)
    size = picture.shape[1], picture.shape[0]
    frame = _Frame(picture.astype(np.float64) / 255, points, size, scale, max(2, round(scale / MATTE_RADIUSES)))
    alpha = _alpha(frame, person, matte, found_hands(confidence))
    arms = front_arms(frame.image, points, alpha, free_arms(points, confidence, size), frame.radius)
    seen = _seen(alpha, arms)
    front = seen[1:].sum(0)
    sleeved = tuple(side for side, arm in arms.items() if not arm.bare)
    skin = np.any([arm.bare_upper for arm in arms.values()], axis=0) if arms else np.zeros(alpha.shape, bool)
    ends = {side: _sleeve_end(frame, seen, skin, side, sleeved) for side in SIDES}
    uppers = {side: _upper_arm(frame, side, seen, skin, ends[side], in_sleeve=side in sleeved) for side in SIDES}
    solid = np.max([_trunk(frame, alpha, front), *uppers.values()], axis=0)
    masks = _opacities(seen, front, solid, round(SLEEVE_UNDER * scale))
    background = _background(frame, alpha, behind, room=room)
    colours = np.stack([_colours(frame, k, seen, masks, room=room) for k in range(len(LAYERS))])
    meshes = {
        side: arm_mesh(arm.mask, points, side, scale) for side, arm in arms.items() if arm.mask.max() > PERSON_SURE
    }
    hand_meshes = {
        side: hand_mesh(arm.hand) for side, arm in arms.items() if side in meshes and arm.hand.max() > PERSON_SURE
    }
    parts = _parts(frame, seen)
    residuals, rim, shade = _residuals(frame, seen, colours, background)
    forearms = {}
    for side in meshes:
        sleeve = np.maximum(uppers[side], parts[PARTS.index(f"{side}_upper")])
        bare_from = min(1.0, ends[side] - SLEEVE_BELOW)
        forearms[side] = build_forearm(frame.image, arms[side].mask, points, frame.palms[side], side, sleeve, bare_from)
    return Layers(
        background.astype(np.float32),
        np.concatenate([colours, masks[..., None], residuals], -1, dtype=np.float32, casting="same_kind"),
        *rim,
        *shade,
        parts.astype(np.float32),
        meshes,
        hand_meshes,
        forearms,
        np.array(points, np.float64),
        alpha.astype(np.float32),
    )


def _alpha(frame: _Frame, person: np.ndarray, matte: np.ndarray | None, hands: tuple[str, ...]) -> np.ndarray:
    """[H, W] in 0 .. 1: the person, by the mask and, if there is one, a matte."""
    known = person, _sure_person(frame, hands), _likely_person(frame, hands), frame.radius
    return person_alpha(frame.image, *known) if matte is None else mended_matte(frame.image, matte, *known)


def _seen(alpha: np.ndarray, arms: dict[str, FrontArm]) -> np.ndarray:
    """[5, H, W] in 0 .. 1: what is seen of each of LAYERS; together they are the person."""
    result = np.zeros((len(LAYERS), *alpha.shape))
    for side, arm in arms.items():
        result[LAYERS.index(f"{side}_arm")] = arm.mask - arm.hand
        result[LAYERS.index(f"{side}_hand")] = arm.hand
    result[0] = alpha - result[1:].sum(0)
    return result


def _opacities(seen: np.ndarray, front: np.ndarray, solid: np.ndarray, under: int) -> np.ndarray:
    """[5, H, W] opacities that show what is seen, laid over one another.

    Behind the arms, whose masks together are ``front`` [H, W], the body goes on where it is ``solid`` [H, W], and
    sleeves behind the hands for ``under`` pixels.
    """
    masks = seen.copy()
    # What the arms do not hide entirely shows the body through them.
    masks[0] = np.where(front < 1, seen[0] / np.maximum(1 - front, TINY), 0.0)
    hidden = np.clip((front - COVERED) / COVERED_RANGE, 0, 1)
    masks[0] = np.clip(np.maximum(masks[0], solid * hidden), 0, 1)
    for side in SIDES:  # behind a hand its sleeve goes on a little
        arm, palm = LAYERS.index(f"{side}_arm"), LAYERS.index(f"{side}_hand")
        if seen[palm].any():
            before = np.where(seen[palm] < 1, seen[arm] / np.maximum(1 - seen[palm], TINY), 0.0)
            near = box((seen[arm] > PERSON_SURE).astype(float), under) > 0
            masks[arm] = np.clip(np.maximum(before, near * np.clip((seen[palm] - COVERED) / COVERED_RANGE, 0, 1)), 0, 1)
    return masks


def _upper_arm(
    frame: _Frame, side: str, seen: np.ndarray, skin: np.ndarray, end: float, *, in_sleeve: bool
) -> np.ndarray:
    """[H, W] in 0 .. 1: an upper arm to a share of its length, ``end``.

    Its outer side is as far from the bone as where it is last seen.
    """
    bone = bones(frame.points, side)["upper"]
    share, beside = tapered_distance(bone, frame.places, frame.scale, UPPER_HALF_WIDTHS)
    way = (bone[1] - bone[0]) / max(float(np.linalg.norm(bone[1] - bone[0])), TINY)
    outward = np.array([-way[1], way[0]])
    middle = frame.points[list(SHOULDERS)].mean(0)
    outward = outward * (1.0 if (bone[0] - middle) @ outward > 0 else -1.0)
    across = (frame.places - bone[0]) @ outward / frame.scale
    outer_half = (across > 0) & (across < OUTER_MOST) & (share > 0)
    hidden = outer_half & (seen[1:].sum(0) > PERSON_SURE)
    first = min(1.0, float(share[hidden].min())) if hidden.any() else 1.0
    own = outer_half & (share > first - SLEEVE_SEEN) & (share < first) & (seen[0] > PERSON_SURE)
    outer = float(np.percentile(across[own], OUTER_PERCENTILE)) if own.any() else 0.0
    outside = np.clip((outer - across) * frame.scale / SOFT_PIXELS + 0.5, 0, 1) * (across > 0)
    if not in_sleeve:  # a bare arm is narrower than the sleeve that it comes from
        outside = outside * (share < first + SLEEVE_BELOW) * _hem(frame, side, (seen[0] > PERSON_SURE) & ~skin, seen)
    inside = np.maximum(np.clip((1 - beside) / UPPER_EDGE, 0, 1), outside)
    result: np.ndarray = inside * (beside < OUTER_BESIDE) * np.clip((end - share) / SLEEVE_EDGE, 0, 1) * (share > 0)
    return result


def _hem(frame: _Frame, side: str, cloth: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """[H, W] bool: cloth that is seen, and what a hand hides next to it; not what is behind the arm that it ends at."""
    reached, hidden = cloth, (seen[1:].sum(0) > COVERED) & (frame.palms[side] < SLEEVE_CLEAR)
    for _ in range(round(HEM * frame.scale)):
        reached = cloth | (hidden & (box(reached.astype(np.float32), 1) > 0))
    return reached


def _sleeve_end(frame: _Frame, seen: np.ndarray, skin: np.ndarray, side: str, sleeved: tuple[str, ...]) -> float:
    """Share of the upper arm to which the body's layer reaches, a little below what hides it.

    Args:
        frame: of the portrait.
        seen: [5, H, W] what is seen of each of LAYERS.
        skin: [H, W] bool, bare upper arms.
        side: "left" or "right".
        sleeved: sides whose forearm is in a sleeve, which therefore reaches at least to the elbow.
    """
    if side in sleeved:
        return 1 + SLEEVE_BELOW
    bone = bones(frame.points, side)["upper"]
    share, beside = tapered_distance(bone, frame.places, frame.scale, UPPER_HALF_WIDTHS)
    palm = frame.palms[side]
    core = (beside < SLEEVE_CORE) & (share > 0)
    sleeve = core & (seen[0] > PERSON_SURE) & ~skin
    bare = core & ((seen[1:].sum(0) > PERSON_SURE) | skin) & (palm > SLEEVE_CLEAR)
    count = [np.histogram(share[where], SLEEVE_BINS, (0.0, 1.0))[0] for where in (sleeve, bare)]
    covered = np.flatnonzero((count[0] > 0) & (count[0] >= count[1]))
    last = (covered[-1] + 1) / SLEEVE_BINS if len(covered) else 0.0
    return last + SLEEVE_BELOW


def _parts(frame: _Frame, seen: np.ndarray) -> np.ndarray:
    """[7, H, W] visible share of each of PARTS, by the layers [5, H, W] and the places of the bones."""
    places = frame.places
    result = np.zeros((len(PARTS), *seen.shape[1:]))
    result[0] = seen[0]
    for side in SIDES:
        arm = bones(frame.points, side)
        palm = _within(frame.palms[side])
        lower = _within(tapered_distance(arm["lower"], places, frame.scale, PART_HALF_WIDTHS["lower"])[1])
        along, beside = tapered_distance(arm["upper"], places, frame.scale, PART_HALF_WIDTHS["upper"])
        upper = _within(beside) * np.clip((along - UPPER_FROM) / UPPER_RANGE, 0, 1)
        front = seen[LAYERS.index(f"{side}_arm")] + seen[LAYERS.index(f"{side}_hand")]
        whole = not front.any()  # an arm that is not cut out is part of the body's layer
        rest = result[0].copy() if whole else front
        for name, share in (("hand", palm), ("lower", lower if whole else np.ones_like(palm))):
            result[PARTS.index(f"{side}_{name}")] = rest * share
            rest = rest * (1 - share)
        if whole:
            result[0] = rest
        result[PARTS.index(f"{side}_upper")] = result[0] * upper
        result[0] = result[0] * (1 - upper)
    return result


def _within(distance: np.ndarray) -> np.ndarray:
    """Share in 0 .. 1 of a part, by distance in its half widths."""
    return np.clip((PART_END - distance) / PART_FALL, 0, 1)


def _residuals(
    frame: _Frame, seen: np.ndarray, colours: np.ndarray, background: np.ndarray
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """What is to be added so that all layers together are the picture.

    An outline goes with the arm or the person that it is of. What is missing beside it is there only as long as
    nothing moves: of the room, shadows and what the matte has lost; of the body, shadows and pieces of the arm.

    Returns:
        [5, H, W, 3] after each layer; of the background, and then of the body, [H, W, 3] and the shares [5, H, W] of
        the layers that it is next to.
    """
    free = np.clip(1 - seen.sum(0), 0, 1)
    missing = frame.image - sum(share[..., None] * layer for share, layer in zip(seen, colours, strict=True))
    missing = missing - free[..., None] * background
    beside = filled(frame.image, (free > 1 - CLEAR).astype(float))
    # Of the background, before the layers are drawn over it; the rest is of the layers.
    of_room = np.where(free[..., None] > 1 - CLEAR, missing / np.maximum(free, CLEAR)[..., None], beside - background)
    missing = missing - free[..., None] * of_room
    left = np.ones(seen.shape[1:])
    own, rims, shades = np.zeros(colours.shape), np.zeros(seen.shape), np.zeros(seen.shape)
    for k in reversed(range(len(seen))):
        near = np.clip(box(seen[k], frame.radius) * NEAR_GAIN, 0, 1) * left if k else left
        unlike = np.clip(np.linalg.norm(colours[k] - colours[0], axis=-1) / UNLIKE, 0, 1)  # no joint, but a border
        on_body = unlike * smoothstep((seen[0] - BODY_SIDE) / (1 - 2 * BODY_SIDE))
        rims[k], shades[k] = near, near * on_body
        own[k] = (near * (1 - on_body))[..., None] * missing
        left = left - near
    return own, _small(of_room, rims), _small(missing, shades)


def _small(values: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values.astype(np.float32), shares.astype(np.float32)


def _colours(frame: _Frame, k: int, seen: np.ndarray, masks: np.ndarray, *, room: bool) -> np.ndarray:
    """[H, W, 3] colours of a layer, also where it is hidden; what is not surely its own is filled from what is."""
    others = 1 - seen[k]
    known = box(others, frame.radius // 2) < CLEAR
    if not known.any():
        known = seen[k] > PERSON_SURE
    far = filled(frame.image, known.astype(float))
    return _pattern_continued(frame, far, masks, seen[0]) if k == 0 and room else far


def _pattern_continued(frame: _Frame, far: np.ndarray, masks: np.ndarray, own: np.ndarray) -> np.ndarray:
    """The body's colours [H, W, 3], with the pattern of a shirt continued behind the arms below the sleeves' tops."""
    below = pixel_grid(frame.size)[1] > frame.points[list(SHOULDERS), 1].max() + PATTERN_BELOW * frame.scale
    visible = own > 1 - CLEAR
    if contrast(frame.image, visible & below, PATTERN_RADIUSES * frame.radius) <= PATTERNED:
        return far
    deep = (masks[0] > 0) & (box(masks[1:].max(0), frame.radius) > DEEP) & below
    return np.where(deep[..., None], inpainted(frame.image, visible, deep), far)


def _background(frame: _Frame, alpha: np.ndarray, known: np.ndarray | None, *, room: bool) -> np.ndarray:
    """[H, W, 3] in 0 .. 1: the picture without the person; some way off the person, it is the picture.

    What is known of it, [H, W, 4], stays by its reliability.

    What is next to an outline has its glow and its shadow, so that the hole is wider than the person.
    """
    free = box(alpha, frame.radius) < CLEAR
    behind = diffused(frame.image, free)
    if room:  # a plain wall goes on smoothly, and only where there is something to see patches are copied
        detail = _detail(frame.image, free, frame.radius)
        shown = (detail > 0) & (box(free.astype(float), round(REVEALED * frame.scale)) > 0)
        behind = behind + detail[..., None] * (inpainted(frame.image, free, shown) - behind)
    glow = box((alpha > CLEAR).astype(float), max(1, frame.radius // 2))
    share = np.clip(BACKGROUND_GAIN * glow, 0, 1)[..., None]
    result: np.ndarray = frame.image * (1 - share) + behind * share
    return result if known is None else result + known[..., 3:] * (known[..., :3] - result)


def _detail(image: np.ndarray, known: np.ndarray, radius: int) -> np.ndarray:
    """[H, W] in 0 .. 1: how much there is to see in the room, also near what is not known of it."""
    share = known.astype(float)
    near = np.maximum(box(share, radius), TINY)
    mean = box(image * share[..., None], radius) / near[..., None]
    contrast = np.abs(image - mean).max(-1) * share
    around = filled(box(contrast, radius)[..., None] / near[..., None], box(share, radius))[..., 0]
    spread = box(around, DETAIL_RADIUSES * radius)
    return np.clip((spread - PLAIN) / PLAIN_RANGE, 0, 1)


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
    points, scale = frame.points, frame.scale
    x, y = pixel_grid(frame.size)
    middle, half = face_oval(points, 1.0)
    oval = ((x - middle[0]) / half[0]) ** 2 + ((y - middle[1]) / half[1]) ** 2
    shoulders = (points[SHOULDERS[0]] + points[SHOULDERS[1]]) / 2
    neck = (np.abs(x - middle[0]) < NECK_HALF_WIDTH * half[0]) & (y > middle[1]) & (y < shoulders[1])
    core = (np.abs(x - shoulders[0]) < TRUNK_CORE * scale) & (y > shoulders[1]) & (y < shoulders[1] + scale)
    palms = [frame.palms[side] < HAND_SURE for side in hands]
    return np.maximum.reduce([oval < OVAL_SURE, neck, core, *palms]).astype(float)


def _likely_person(frame: _Frame, hands: tuple[str, ...]) -> np.ndarray:
    """[H, W] 0 or 1: round hands and forearms, of which masks of a person miss most, and ears."""
    middle, half = face_oval(frame.points, 1.0)
    from_ears = (frame.places - middle) / (half * EARS_LIKELY)
    result = (np.linalg.norm(from_ears, axis=-1) < 1).astype(float)
    for side in hands:
        lower = tapered_distance(bones(frame.points, side)["lower"], frame.places, frame.scale, CUFF_HALF_WIDTHS)[1]
        palm = frame.palms[side]
        result[(lower < FOREARM_LIKELY) | (palm < HAND_LIKELY)] = 1
    return result


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
