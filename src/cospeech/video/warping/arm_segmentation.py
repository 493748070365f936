"""Which pixels of a portrait are forearms and hands in front of the body.

Decision of ours [D]: from seeds on the keypoints, every pixel goes to the seeds that it is nearest to along paths
that avoid edges and unlike colours (``geodesic``). So an arm is cut where the picture shows its outline, and not at
a width from a table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...motion.points import SHOULDERS
from .colours import change_per_pixel, colour_share, tone
from .geodesic import geodesic_distance
from .limb_geometry import (
    FOREARM_HALF_WIDTHS,
    SIDES,
    TINY,
    body_scale,
    bones,
    face_oval,
    hand,
    hand_distance,
    pixel_places,
    tapered_distance,
)
from .matte import box, joined, snapped
from .resampling import resized

LONGEST = 288  # pixels of the longer side in which distances are computed
UNIT = 0.05  # shoulder widths that a path over plain colours counts as 1
EDGE_COST = 6.0  # of a path over an edge from black to white
COLOUR_COST = 4.0  # of a unit over colours that only the others have
UPPER_HALF_WIDTHS = (0.16, 0.13)  # shoulder widths at shoulder and elbow
HAND_SEED, FOREARM_SEED, UPPER_SEED, ELBOW_SEED = (
    0.75,
    0.6,
    0.55,
    0.6,
)  # half widths within which a pixel surely belongs to a part
FOREARM_FROM, ELBOW_FROM, UPPER_UNTIL = 0.2, 0.65, 0.5  # shares of the bones from and until which they are seeds
SHORT = 0.15  # shoulder widths: a forearm shorter than that points to the viewer, its line is no seed
HAND_CLEAR = 1.6  # half widths of a hand, within which no upper arm is a seed
BODY_BEYOND, FOREARM_BEYOND = 3.2, 1.6  # half widths of hand and forearm beyond which the body is surely seen
HAND_CORE, HAND_ALIKE = 0.5, 0.25  # half widths of a hand whose colours are surely skin; likeness of a hand's seeds
BODY_SURELY, BODY_FAR, BODY_ALIKE = 6.0, 12.0, 0.6  # half widths of a hand, and likeness below which it is body
HAND_BESIDE, SLEEVE_ALIKE = 0.8, 0.3  # half widths of a hand from which, and likeness below which, it is sleeve
LEAST_SLEEVE = 0.1  # pixels of a sleeve, against those of the hand, from which the two are told apart
HEAD, HEAD_CLEAR = np.array([1.1, 1.3]), 1.6  # half sizes of a face, and half widths of a hand that may be before it
CHEST = (0.25, 0.3)  # shoulder widths: half the side of a square, and how far its middle is below the shoulders
HEM_ALIKE = 0.25  # likeness to an arm, below which a pixel beside the body is cloth
THIN, SLIVER_NEAR = 0.035, 4.0  # shoulder widths, half of what the body is thick at least; half widths of a hand
BARE_UNTIL = 0.85  # share of the upper arm to which a bare one is part of the body
HALF, BARE = 0.5, 0.3  # likeness to skin of a pixel, and share of such pixels from which a forearm is bare
SAME = 0.08  # distance of tones up to which what is worn at the upper arms is their skin
WORN = 0.3  # share of an arm beside its hand that is like clothes, from which the hand is a layer of its own
TIP = 2.0  # half widths of a forearm, within which what looks like skin is its elbow
BRIGHTNESS = 0.1  # weight of brightness against tint, where a forearm is told to be bare
NEAR = 20.0  # half widths of a hand: the body's colours are taken within
PERSON = 0.5  # matte from which a pixel can be a seed
LEAST_SHARE = 1e-5  # of a colour
SOLID, OUTLINE = 0.9, 3  # matte of what is no outline, and pixels that an outline is wide at most
SMOOTHING = 1e-4  # of the guided filter
STEEPNESS, MIDDLE = 2.5, 0.5  # of the filtered mask


@dataclass(frozen=True, eq=False)
class FrontArm:
    """An arm in front of the body."""

    mask: np.ndarray  # [H, W] in 0 .. 1, of forearm and hand
    bare: bool  # the forearm is not in a sleeve
    bare_upper: np.ndarray  # [H, W] bool: where upper arms are bare, which are not part of the mask
    hand: np.ndarray  # [H, W] in 0 .. 1: what of the mask is a hand before a sleeve; nothing if there is none


def front_arms(
    image: np.ndarray, points: np.ndarray, person: np.ndarray, sides: tuple[str, ...], radius: int
) -> dict[str, FrontArm]:
    """Find forearm and hand of some sides.

    Args:
        image: [H, W, 3] in 0 .. 1.
        points: [116, 2] pixels.
        person: [H, W] matte in 0 .. 1.
        sides: whose arms are looked for.
        radius: pixels, of the filter that brings the masks to the picture's edges.

    Returns:
        By side; masks add up to at most 1. Where nobody is they are 0.
    """
    if not sides:
        return {}
    height, width = person.shape
    step = max(1, -(-max(height, width) // LONGEST))
    small = resized(np.concatenate([image, person[..., None]], -1), step)
    places = points / step
    labels, seeds = _labels(small[..., :3], places, small[..., 3], sides)

    def enlarged(label: np.ndarray) -> np.ndarray:
        return np.repeat(np.repeat(label, step, 0), step, 1)[:height, :width]

    solid = (person > SOLID).astype(float)
    inside = np.maximum(box(solid, OUTLINE), TINY)

    def fine(label: np.ndarray) -> np.ndarray:
        sharp = np.clip(
            (snapped(enlarged(label.astype(float)), image, max(radius, step), SMOOTHING) - MIDDLE) * STEEPNESS + MIDDLE,
            0,
            1,
        )
        # A soft outline is of what it is the outline of.
        beside = box(sharp * solid, OUTLINE) / inside
        return np.where((solid > 0) | (inside <= TINY), sharp, beside)

    masks = [fine(labels == 1 + k) * person for k in range(len(sides))]
    total = np.maximum(np.sum(masks, 0), 1.0)
    result = {}
    for k, (side, mask, naked) in enumerate(zip(sides, masks, seeds.bare, strict=True)):
        palm = _before_sleeve(small[..., :3], places, labels == 1 + k, small[..., 3], side)
        shown = mask / total
        before = np.zeros_like(mask) if palm is None else fine(palm) * shown
        result[side] = FrontArm(shown, naked, enlarged(seeds.bare_upper), before)
    return result


def _plain_cost(image: np.ndarray, unit: float) -> np.ndarray:
    """[h, w] cost of a path per pixel, whatever its colours; ``unit`` pixels without edges cost 1."""
    result: np.ndarray = (1 + EDGE_COST * unit * change_per_pixel(image)) / unit
    return result


def _before_sleeve(
    image: np.ndarray, points: np.ndarray, arm: np.ndarray, person: np.ndarray, side: str
) -> np.ndarray | None:
    """[h, w] bool: the hand of an arm [h, w] bool before its sleeve; None if no sleeve is seen beside it."""
    arm = arm & (person > PERSON)
    scale = body_scale(points)
    palm = hand_distance(hand(points, side), pixel_places((arm.shape[1], arm.shape[0])), scale)
    core, beside = arm & (palm < HAND_CORE), arm & (palm > HAND_BESIDE)
    if not core.any() or _is_bare(image, beside, core, [~arm & (person > PERSON)], least=1 - WORN):
        return None
    skin = colour_share(image, core) + LEAST_SHARE
    cloth = colour_share(image, arm & (palm > HAND_CLEAR)) + LEAST_SHARE
    alike = skin / (skin + cloth)
    inside = arm & (palm < HAND_SEED) & (alike > HALF)
    sleeve = arm & (palm > HAND_BESIDE) & (alike < SLEEVE_ALIKE)
    if sleeve.sum() < inside.sum() * LEAST_SLEEVE:
        return None
    unit = UNIT * scale
    plain = _plain_cost(image, unit)
    to_hand = geodesic_distance(plain + COLOUR_COST / unit * (1 - alike), inside)
    to_sleeve = geodesic_distance(plain + COLOUR_COST / unit * alike, sleeve)
    result: np.ndarray = arm & (to_hand < to_sleeve)
    return result


@dataclass(frozen=True, eq=False)
class _Seeds:
    hands: list[np.ndarray]  # [h, w] bool for each side
    forearms: list[np.ndarray]  # likewise
    body: np.ndarray  # [h, w] bool
    near: np.ndarray  # [h, w] half widths to the nearest arm
    bare: list[bool]  # for each side
    bare_upper: np.ndarray  # [h, w] bool: a bare upper arm


def _labels(
    image: np.ndarray, points: np.ndarray, person: np.ndarray, sides: tuple[str, ...]
) -> tuple[np.ndarray, _Seeds]:
    """[h, w] int: 0 the body, 1 and on the sides' arms; and what that follows from."""
    unit = UNIT * body_scale(points)
    seeds = _seeds(image, points, person, sides)
    hands: np.ndarray = np.any(seeds.hands, axis=0)
    forearms: np.ndarray = np.any(seeds.forearms, axis=0)
    # Each colour is judged as a share of the part that has most of it: few pixels of a sleeve are seen beside a hand.
    ours = np.maximum(colour_share(image, hands), colour_share(image, forearms))
    others = colour_share(image, seeds.body & (seeds.near < NEAR))
    likely = (ours + LEAST_SHARE) / (ours + others + 2 * LEAST_SHARE)
    # A bare upper arm has the colours of the hand before it: the outlines alone decide.
    likely = np.where(seeds.bare_upper, HALF, likely)
    plain = _plain_cost(image, unit)
    distances = [geodesic_distance(plain + COLOUR_COST / unit * likely, seeds.body)]
    for palm, forearm in zip(seeds.hands, seeds.forearms, strict=True):
        distances.append(geodesic_distance(plain + COLOUR_COST / unit * (1 - likely), palm | forearm))
    labels = np.argmin(distances, axis=0)
    body = (labels == 0) & (person > PERSON)
    # A hem beside a bare hand has the colours of the clothes and holds together with them.
    for k, naked in enumerate(seeds.bare, 1):
        if naked:
            hem = (labels == k) & (person > PERSON) & (box(likely, 1) < HEM_ALIKE)
            labels[hem & joined(body | hem, body)] = 0
    # Slivers of the body beside an arm belong to it: its outline, the far side of a cuff.
    body = (labels == 0) & (person > PERSON)
    half = max(1, round(THIN * body_scale(points)))
    core = box((~body).astype(float), half) < TINY
    sliver = body & (box(core.astype(float), half) < TINY) & (seeds.near < SLIVER_NEAR)
    labels[sliver] = 1 + np.argmin([distance[sliver] for distance in distances[1:]], axis=0)
    return labels, seeds


def _seeds(image: np.ndarray, points: np.ndarray, person: np.ndarray, sides: tuple[str, ...]) -> _Seeds:
    places, scale = pixel_places((person.shape[1], person.shape[0])), body_scale(points)
    there = person > PERSON
    near = np.full(person.shape, np.inf)
    upper_arms = np.zeros(person.shape, bool)
    palms, cores, elbows, forearms, uppers, tips = [], [], [], [], [], []
    for side in SIDES:
        arm = bones(points, side)
        along, lower = tapered_distance(arm["lower"], places, scale, FOREARM_HALF_WIDTHS)
        along_upper, upper = tapered_distance(arm["upper"], places, scale, UPPER_HALF_WIDTHS)
        palm = hand_distance(hand(points, side), places, scale)
        upper_arms |= (upper < UPPER_SEED) & (along_upper < UPPER_UNTIL) & (palm > HAND_CLEAR)
        if side in sides:
            core = (lower < FOREARM_SEED) & (along > FOREARM_FROM) & (along < 1.0)
            directed = float(np.linalg.norm(arm["lower"][1] - arm["lower"][0])) > SHORT * scale
            palms.append(palm)
            cores.append(core & directed & there)
            elbows.append((upper < ELBOW_SEED) & (along_upper > ELBOW_FROM) & (along_upper < 1.0) & (palm > HAND_CLEAR))
            uppers.append((upper < 1.0) & (along_upper > 0) & (along_upper < BARE_UNTIL) & (palm > HAND_CLEAR) & there)
            tips.append(lower < TIP)
            forearms.append((lower < 1.0) & (palm > HAND_CLEAR) & there)
            beside = np.where(along > TINY, lower * (BODY_BEYOND / FOREARM_BEYOND), np.inf)
            near = np.minimum(near, np.minimum(palm, beside))
    # What has the colour of the hands' middle is no body near them, and what has not is no hand.
    shown = (np.min(palms, axis=0) < HAND_CORE) & there
    skin = colour_share(image, shown)
    trunk = (near > BODY_SURELY) & there & (near < NEAR)
    cloth = colour_share(image, trunk | (upper_arms & there & (near < NEAR)))
    alike = (skin + LEAST_SHARE) / (skin + cloth + 2 * LEAST_SHARE)
    # A sleeve goes on past the elbow without a border, so all of it is cut out, and the mesh joins it to the body.
    bare = [_is_bare(image, forearm, shown, [trunk, upper_arms & there]) for forearm in forearms]
    bare_upper = np.zeros(person.shape, bool)
    elbow_tip = np.zeros(person.shape, bool)
    for core, elbow, upper, tip, naked in zip(cores, elbows, uppers, tips, bare, strict=True):
        if naked:
            bare_upper |= upper & (alike > HALF)
            elbow_tip |= tip & (alike > HALF)
        else:
            core |= elbow & there
    hands = [((palm < HAND_SEED) & (alike > HAND_ALIKE)) & there for palm in palms]
    arms: np.ndarray = np.any(hands, axis=0) | np.any(cores, axis=0)
    body = ((near > BODY_BEYOND) | upper_arms) & ((alike < BODY_ALIKE) | (near > BODY_FAR))
    body = ((body & ~elbow_tip) | (bare_upper & _deep(bare_upper))) & ~arms & there
    # Cloth that hangs from an arm is beyond it, but is no body: that holds together with the shoulders.
    middle = points[list(SHOULDERS)].mean(0)
    from_chest = np.abs(places - middle - [0.0, CHEST[1] * scale]).max(-1) / scale
    # A face has the colours of hands, and may be near them.
    centre, half = face_oval(points, 1.0)
    from_face = (places - centre) / (half * HEAD)
    head = (np.linalg.norm(from_face, axis=-1) < 1) & there & ~arms & (near > HEAD_CLEAR)
    body = joined(body | head, upper_arms | (from_chest < CHEST[0]) | head)
    return _Seeds(hands, cores, body, near, bare, bare_upper)


def _is_bare(
    image: np.ndarray, forearm: np.ndarray, skin: np.ndarray, cloths: list[np.ndarray], least: float = BARE
) -> bool:
    """Whether at least a share of a forearm [h, w] bool is more like hands than clothes; so is one that is not seen."""
    tones = tone(image) * [BRIGHTNESS, 1.0, 1.0]
    typical = [np.median(tones[part], axis=0) for part in (skin, *cloths) if part.any()]
    if not (forearm.any() and skin.any() and len(typical) > 1):
        return True
    worn = [colour for colour in typical[1:] if np.linalg.norm(colour - typical[0]) > SAME] or typical[1:]
    to_hands, *to_worn = (np.linalg.norm(tones[forearm] - colour, axis=-1) for colour in (typical[0], *worn))
    return float((to_hands < np.min(to_worn, axis=0)).mean()) >= least


def _deep(inside: np.ndarray) -> np.ndarray:
    """[h, w] bool: further than a pixel from the border of a part."""
    result: np.ndarray = box(inside.astype(float), 2) > 1 - TINY
    return result
