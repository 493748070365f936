"""Lids that close with the portrait's own skin.

The skin between brow and lashes is drawn down over the eye, with its crease and its lashes, and the lower lid's a
little up: decision of ours [D].
"""

from __future__ import annotations

import numpy as np

from ...core.series import smoothstep
from ...motion.points import BODY_SLICE, BROWS, EYES, FACE_SLICE
from .face_curves import Axes, Patch, curve
from .limb_geometry import TINY

# All of these are decisions of ours, set by eye [D]; in widths of an eye where nothing else is said.
MARGIN = 0.25  # of what is drawn anew beside an eye
SKIN_SHARE, SKIN_LEAST = 0.36, 0.2  # of the way from the upper lid to the brow that is stretched, and its least
BELOW = 0.3  # below the lower lid that is stretched
LASHES = 0.09  # above a lid's edge, that keep their height
MAKE_UP, WINGS = 0.17, 0.3  # above a lid's edge, and beside its corners, what is dark there
LASH_HALF, LASH_LEAST = 0.05, 0.6  # half the thickness of the line where lids meet, and pixels at least
LASH_MOST, LASH_ENDS = 0.95, 0.12  # its opacity, and how far from the corners it reaches it
LASH_PERCENTILE = 25.0  # of the darkest places along the lid
ROUNDED, ROUND = 0.12, 0.22  # how much darker a shut lid is towards its edge, and over what height
SKIN_BELOW = (0.6, 0.75, 0.9)  # below the lower lid, where skin has the colour that a shut lid has
SOOTHED, SOOTHED_DARK, SOOTHED_FROM = (
    0.7,
    0.87,
    0.6,
)  # share of that colour, its brightness; of the skin, where it begins
LASH_DARK = 0.75  # brightness of that line, of the darkest that the portrait has on its lid
LOWER_SHARE = 0.14  # of an eye's opening that the lower lid closes
RIM, RIM_SHARE = 0.6, 0.15  # pixels that a closing lid's edge is cut back by and laid over, and share of its fall
STILL = 0.15  # pixels that a lid moves before anything is drawn


def eye_points(points: np.ndarray, eye: range) -> np.ndarray:
    """[6, 2] of [116, 2]."""
    return points[[BODY_SLICE.stop + k for k in eye]]


def close_lids(patch: Patch, wide: np.ndarray, driven: np.ndarray, eye: range) -> None:
    """Draw the lids of one eye over it.

    Args:
        patch: of the driven picture round the eye.
        wide: [116, 2] pixels, as the picture shows the face: with eyes that are open.
        driven: [116, 2] pixels, with eyes as they are to be.
        eye: its numbers within the face.
    """
    open_eye, own = eye_points(wide, eye), eye_points(driven, eye)
    axes = Axes.of(open_eye[0], open_eye[3])
    places, local, lids = (axes.into(p) for p in (patch.places, open_eye, own))
    x, y = places[..., 0], places[..., 1]
    upper, lower = curve(local[[0, 1, 2, 3]], x), curve(local[[0, 5, 4, 3]], x)
    shut = float(np.clip(1 - _gap(lids) / max(_gap(local), TINY), 0, 1))
    low = lower - LOWER_SHARE * shut * (lower - upper)
    high = upper + (1 - LOWER_SHARE) * shut * (lower - upper)
    between = (x > local[0, 0]) & (x < local[3, 0])
    fallen, risen = (high - upper) * between, (lower - low) * between
    if max(float(fallen.max()), float(risen.max())) < STILL:
        return
    brow = axes.into(wide[FACE_SLICE][BROWS[EYES.index(eye)]])[:, 1].mean()
    skin = max(SKIN_SHARE * (float(local[[1, 2], 1].mean()) - brow), SKIN_LEAST * axes.width)
    rim = np.minimum(RIM, RIM_SHARE * fallen)  # of the white that a keypoint beside the edge may leave
    above = _stretched(y - high, fallen, skin, LASHES * axes.width) + upper - rim
    # On a lid that is shut there is skin from above the lashes, beside its corners too: these are drawn anew.
    beside = np.maximum(local[0, 0] - x, x - local[3, 0]) / (WINGS * axes.width)
    bare = smoothstep(np.array(shut)) * smoothstep(1 - beside)
    from_above = np.clip((high - y) / np.maximum(skin + fallen, TINY), 0, 1)
    above = above + bare * (upper - MAKE_UP * axes.width - from_above * (skin - MAKE_UP * axes.width) - above)
    below = lower - _stretched(low - y, risen, BELOW * axes.width, 0.0) + rim
    started = np.clip(np.maximum(fallen, risen) / STILL - 1, 0, 1)
    of_upper = np.clip(high - y + 0.5 + rim, 0, 1) * (y > upper - skin) * ((fallen > 0) | (bare > 0))
    of_lower = np.clip(y - low + 0.5 + rim, 0, 1) * (y < lower + BELOW * axes.width) * (risen > 0)
    patch.blend(of_lower * started, patch.origin(axes.out_of(x, below)))
    patch.blend(of_upper * np.maximum(started, bare), patch.origin(axes.out_of(x, above)))
    _soothed(patch, axes, local, bare * of_upper * smoothstep((y - upper) / (SOOTHED_FROM * skin) + 1))
    rounded = ROUNDED * bare * of_upper * np.exp(-(((high - y) / (ROUND * axes.width)) ** 2))
    patch.colours[:] *= (1 - rounded)[..., None].astype(np.float32)
    _lashes(patch, axes, local, (x, y - high, fallen / np.maximum(lower - upper, TINY)))


def _soothed(patch: Patch, axes: Axes, local: np.ndarray, share: np.ndarray) -> None:
    """Bring a shut lid near the colour of the skin below the eye, by shares [h, w].

    The skin below a brow lies in its shade and in folds; stretched over an eye it looks like a plate.
    """
    along = np.linspace(0.2, 0.8, 9) * (local[3, 0] - local[0, 0]) + local[0, 0]
    below = curve(local[[0, 5, 4, 3]], along) + np.array(SKIN_BELOW)[:, None] * axes.width
    skin = patch.from_portrait(patch.origin(axes.out_of(np.broadcast_to(along, below.shape), below)))
    colour = SOOTHED_DARK * np.median(skin.reshape(-1, 3), 0)
    patch.colours[:] += (SOOTHED * share)[..., None].astype(np.float32) * (colour - patch.colours)


def _gap(eye: np.ndarray) -> float:
    """Opening of an eye [6, 2] in its own axes."""
    return float((eye[[5, 4], 1] - eye[[1, 2], 1]).mean())


def _stretched(above: np.ndarray, moved: np.ndarray, skin: float, kept: float) -> np.ndarray:
    """Where skin comes from that lies at heights [h, w] beside a lid's edge (negative on the skin), against the edge
    before; ``kept`` next to the edge keeps its height, and what is ``skin`` from the old edge stays."""
    share = (skin - kept) / np.maximum(skin - kept + moved, TINY)
    result: np.ndarray = np.where(above > -kept, above, -kept + (above + kept) * share)
    return result


def _lashes(patch: Patch, axes: Axes, local: np.ndarray, at: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """A dark line where the upper lid ends, from the portrait's own lashes; ``at``: x, below the end, share shut."""
    x, below, shut = at
    along = np.linspace(0.15, 0.85, 15) * (local[3, 0] - local[0, 0]) + local[0, 0]
    edge = curve(local[[0, 1, 2, 3]], along)
    near = np.stack([edge + off * axes.width for off in (-0.06, -0.03, 0.0)])
    own = patch.from_portrait(patch.origin(axes.out_of(np.broadcast_to(along, near.shape), near)))
    darkest = own[own.sum(-1).argmin(0), np.arange(len(along))]
    colour = LASH_DARK * np.percentile(darkest, LASH_PERCENTILE, axis=0)
    thick = max(LASH_HALF * axes.width, LASH_LEAST)
    share = LASH_MOST * smoothstep(shut) * np.exp(-((below / thick) ** 2) / 2)
    beyond = np.maximum(local[0, 0] - x, x - local[3, 0]) / (LASH_ENDS * axes.width)
    share = share * smoothstep(-beyond)
    patch.colours[:] += share[..., None].astype(np.float32) * (colour - patch.colours)
