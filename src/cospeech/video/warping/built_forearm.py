"""A forearm that the picture does not show, drawn between elbow and wrist where a moving hand would leave a gap.

Decision of ours [D]: a tapered, shaded limb in the colours of what is seen of the arm, or of the hand, behind the
sleeve and before the trunk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .limb_geometry import TINY, body_scale, bones, pixel_places, tapered_distance

WIDEST, NARROWEST = (0.1, 0.07), (0.045, 0.04)  # half widths at elbow and wrist, shoulder widths
TRIED = 6  # widths between these
COVERED = 0.92  # share of the limb that the arm must hide in the portrait itself, so that nothing is changed there
PALM = 0.9  # half widths of a hand's lines: colours further out are the forearm's
FEW = 12  # pixels of a forearm that tell its colours
DARKER = 0.9  # a hidden forearm's colour, against the hand's
SHADED = 0.22  # how much darker a limb is at its sides
SOFT = 1.5  # pixels of its edge


@dataclass(frozen=True, eq=False)
class Forearm:
    """How a hidden forearm looks."""

    colours: np.ndarray  # [2, 3] in 0 .. 1, at elbow and wrist
    half_widths: tuple[float, float]  # shoulder widths, likewise
    sleeve: np.ndarray  # [H, W] float32 in 0 .. 1: what of the body hides it
    hidden: np.ndarray  # [H, W] float32 in 0 .. 1: where it may be, as the picture shows nothing else there
    bare_from: float  # share of the upper arm from which the limb is drawn, at most 1


def build_forearm(
    image: np.ndarray,
    mask: np.ndarray,
    points: np.ndarray,
    palm: np.ndarray,
    side: str,
    sleeve: np.ndarray,
    bare_from: float,
) -> Forearm:
    """Choose colours and widths from what the picture shows.

    Args:
        image: [H, W, 3] in 0 .. 1.
        mask: [H, W] in 0 .. 1 of forearm and hand.
        points: [116, 2] pixels.
        palm: [H, W] distance to the hand in its half widths.
        side: "left" or "right".
        sleeve: [H, W] in 0 .. 1, the upper arm.
        bare_from: share of the upper arm from which it is drawn as well.
    """
    places = pixel_places((mask.shape[1], mask.shape[0]))
    bone = bones(points, side)["lower"]
    scale = body_scale(points)
    share = np.clip(tapered_distance(bone, places, scale, WIDEST)[0], 0, 1)
    own = (mask > COVERED) & (palm > PALM)
    on_hand = (mask > COVERED) & (palm < PALM)
    skin = np.median(image[on_hand], axis=0) if on_hand.any() else np.full(3, 0.5)
    colours = []
    for end in (own & (share < 0.5), own & (share >= 0.5)):
        colours.append(np.median(image[end], axis=0) if end.sum() >= FEW else None)
    known = [colour for colour in colours if colour is not None]
    other = known[0] if known else DARKER * skin
    found = np.stack([other if colour is None else colour for colour in colours])
    for part in np.linspace(0.0, 1.0, TRIED):
        widths = tuple(wide + part * (narrow - wide) for wide, narrow in zip(WIDEST, NARROWEST, strict=True))
        inside = tapered_distance(bone, places, scale, (widths[0], widths[1]))[1] < 1
        inside &= sleeve < 0.5
        if not inside.any() or mask[inside].mean() > COVERED:
            break
    hidden = np.maximum(mask, sleeve).astype(np.float32)
    return Forearm(found, (widths[0], widths[1]), sleeve.astype(np.float32), hidden, bare_from)


def paint_forearm(
    picture: np.ndarray, forearm: Forearm, chain: np.ndarray, source: np.ndarray, came: np.ndarray, scale: float
) -> tuple[tuple[slice, slice], np.ndarray] | None:
    """Paint a forearm onto a driven picture, in place.

    Args:
        picture: [H, W, 3] in 0 .. 1.
        forearm: of the portrait.
        chain: [3, 2] pixels, driven shoulder, elbow and wrist.
        source: [3, 2] likewise in the portrait.
        came: [H, W, 2] where the body's pixels come from.
        scale: pixels of a shoulder width.

    Returns:
        Rows and columns that may have changed and the limb's share [h, w] there; None if it is not in the picture.
    """
    height, width = picture.shape[:2]
    start = chain[0] + forearm.bare_from * (chain[1] - chain[0])
    corners = np.stack([start, *chain[1:]])
    reach = max(forearm.half_widths) * scale + SOFT
    low = np.maximum(np.floor(corners.min(0) - reach).astype(int), 0)
    high = np.minimum(np.ceil(corners.max(0) + reach).astype(int), [width, height])
    if (high <= low).any():
        return None
    window = (slice(low[1], high[1]), slice(low[0], high[0]))
    places = pixel_places((high[0] - low[0], high[1] - low[1])) + low
    share, distance = tapered_distance(corners[1:], places, scale, forearm.half_widths)
    if forearm.bare_from < 1:
        wide = (forearm.half_widths[0],) * 2
        distance = np.minimum(distance, tapered_distance(corners[:2], places, scale, wide)[1])
    x, y = np.clip(came[window].astype(int), 0, [width - 1, height - 1]).transpose(2, 0, 1)
    alpha = np.clip((1 - distance) * min(forearm.half_widths) * scale / SOFT, 0, 1)
    # Where in the portrait the same place of the limb is.
    bone, way = chain[2] - chain[1], source[2] - source[1]
    length = max(float(np.linalg.norm(bone)), TINY)
    across = (places - chain[1]) @ np.array([-bone[1], bone[0]]) / length
    normal = np.array([-way[1], way[0]]) / max(float(np.linalg.norm(way)), TINY)
    before = source[1] + share[..., None] * way + across[..., None] * normal
    upper = share < 0
    before[upper] = (places + source[1] - chain[1])[upper]
    u, v = np.clip(before.astype(int), 0, [width - 1, height - 1]).transpose(2, 0, 1)
    alpha = alpha * forearm.hidden[v, u] * (1 - forearm.sleeve[y, x])
    along = np.clip(share, 0, 1)[..., None]
    colour = forearm.colours[0] * (1 - along) + forearm.colours[1] * along
    colour = colour * (1 - SHADED * np.clip(distance, 0, 1) ** 2)[..., None]
    picture[window] += (alpha[..., None] * (colour - picture[window])).astype(np.float32)
    return window, alpha.astype(np.float32)
