"""Further views of a person's hands, cut from other pictures, and drawn in place of those of a portrait.

One picture of a hand shows one side of it, and a warp can show no other. So a hand of another picture is laid over the
wrist, in the portrait's light and size, while the portrait's own is left out (``driving.hand_choice`` says when).
Decisions of ours, as are the sizes below [D].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.series import smoothstep
from .arm_mesh import ArmMesh, hand_mesh
from .layers import LAYERS, WRIST, Layers
from .limb_geometry import PARTS, TINY, body_scale, face_oval, hand, hand_distance, hand_of_arm, pixel_places

WRIST_FALL = 0.9  # half widths of the palm over which a view begins at the wrist
CUFF_FALL, FIRST = 0.03, 2.0  # of a hand's norm over which it begins at a cuff; percent of its pixels before that
SKIN = 0.6  # half widths of a hand, and of a face, within which skin is measured
GAIN = (0.5, 2.0)  # range of the change of a view's colours
ROOM = 1.25  # by which it may differ from that of the faces: palms are lighter than backs of hands
SIZES = (0.8, 1.25)  # range of a hand's size by its own bones against that by the shoulders
BORDER = 2  # pixels round a view without anything
OPAQUE = 0.5


@dataclass(frozen=True, eq=False)
class HandView:
    """A hand of another picture, in the size and the light of a portrait."""

    layer: np.ndarray  # [h, w, 4] float32 in 0 .. 1: colours, filled beyond the hand, and opacity
    points: np.ndarray  # [21, 2] pixels of it
    mesh: ArmMesh  # of its outline
    size: float  # by which it is enlarged when it is drawn, so that its bones are as long as the portrait's
    shift: float  # of its norm (``upright``), that it is moved to the wrist, so that no gap is left to the cuff


@dataclass(frozen=True, eq=False)
class ShownHand:
    """What is drawn of a hand in a frame."""

    own: float  # opacity of the portrait's own, 0 to 1
    views: tuple[tuple[HandView, np.ndarray, float], ...]  # each with its points [21, 2] pixels and its opacity


def cut_view(layers: Layers, side: str, like: Layers) -> HandView | None:
    """The hand of a picture as a view for a portrait.

    Args:
        layers: of the picture, in which a shoulder width has as many pixels as in the portrait.
        side: "left" or "right".
        like: of the portrait.

    Returns:
        None if the arm is not cut out, as one that is hidden, cut off or folded with the other.
    """
    if side not in layers.meshes or side not in like.meshes:
        return None
    k = LAYERS.index(f"{side}_hand" if side in layers.hands else f"{side}_arm")
    bare = side not in like.hands
    begins = {"fall": WRIST_FALL} if bare else {"shift": WRIST}
    alpha = layers.masks[k] * hand_of_arm(layers.points, side, layers.size, **begins)
    if alpha.max() < OPAQUE:
        return None
    points, shift = hand(layers.points, side), 0.0
    if not bare:  # before a sleeve a view begins where the portrait's hand does
        cuff = _begins(like.masks[LAYERS.index(f"{side}_hand")], hand(like.points, side))
        along = upright(pixel_places(layers.size), points).real
        alpha = alpha * smoothstep(0.5 + (along - cuff) / CUFF_FALL)
        shift = max(_begins(alpha, points) - cuff, 0.0)
    rows, columns = (np.flatnonzero((alpha > 0).any(axis)) for axis in (1, 0))
    top, left = max(rows[0] - BORDER, 0), max(columns[0] - BORDER, 0)
    window = slice(top, rows[-1] + 1 + BORDER), slice(left, columns[-1] + 1 + BORDER)
    colours = np.clip(layers.colours[(k, *window)] * _gain(layers, like, side), 0, 1)
    layer = np.concatenate([colours, alpha[window][..., None]], -1).astype(np.float32)
    ratio = hand_length(hand(like.points, side)) / max(hand_length(points), TINY)
    by_shoulders = body_scale(like.points) / body_scale(layers.points)
    size = by_shoulders * float(np.clip(ratio / by_shoulders, *SIZES))
    return HandView(layer, points - [left, top], hand_mesh(layer[..., 3]), size, shift)


def _begins(alpha: np.ndarray, shape: np.ndarray) -> float:
    """Where a hand [21, 2] of opacity [H, W] begins, of its norm from the wrist (``upright``)."""
    y, x = np.nonzero(alpha >= OPAQUE)
    return float(np.percentile(upright(np.stack([x, y], -1) + 0.5, shape).real, FIRST)) if len(x) else 0.0


def upright(places: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Places [..., 2] pixels as complex numbers from the wrist of a hand, which points along the real axis.

    The unit is the norm of the hand [21, 2]: the root of the summed squared distances of its points from the wrist.
    """
    from_wrist = shape - shape[0]
    way = from_wrist.mean(0)
    length = float(np.linalg.norm(way)) * float(np.linalg.norm(from_wrist))
    offset = places - shape[0]
    z, direction = offset[..., 0] + 1j * offset[..., 1], way[0] - 1j * way[1]
    return z * direction / max(length, TINY)


def hand_length(points: np.ndarray) -> float:
    """Pixels of the longest finger with its palm, along the bones of a hand [21, 2]."""
    chains = np.concatenate([np.broadcast_to(points[:1], (5, 1, 2)), points[1:].reshape(5, 4, 2)], 1)
    return float(np.linalg.norm(np.diff(chains, axis=1), axis=-1).sum(1).max())


def _gain(layers: Layers, like: Layers, side: str) -> np.ndarray:
    """[3] by which colours of a picture are multiplied to be as in the portrait, by its hand and its face."""
    faces, hands = (_skin(like, part) / np.maximum(_skin(layers, part), TINY) for part in ("face", side))
    return np.clip(np.clip(hands, faces / ROOM, faces * ROOM), *GAIN)


def _skin(layers: Layers, part: str) -> np.ndarray:
    """[3] median colour of the face or of the hand of a side."""
    places = pixel_places(layers.size)
    if part == "face":
        middle, half = face_oval(layers.points, 1.0)
        where = (np.linalg.norm((places - middle) / half, axis=-1) < SKIN) & (layers.masks[0] > OPAQUE)
        colours = layers.colours[0]
    else:
        palm = hand_distance(hand(layers.points, part), places, body_scale(layers.points))
        where = (palm < SKIN) & (layers.parts[PARTS.index(f"{part}_hand")] > OPAQUE)
        colours = layers.colours[LAYERS.index(f"{part}_hand" if part in layers.hands else f"{part}_arm")]
    return np.median(colours[where], axis=0) if where.any() else np.full(3, OPAQUE)
