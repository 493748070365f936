"""When which view of a hand is shown: the portrait's own, or one of another picture that fits the motion better.

Views are compared with the motion's hand, not with the driven one, which keeps the portrait's side (``hands``). They
change where that costs least over the whole film (dynamic programming), rather while a hand moves than while it is
held, and by a short dissolve. Decisions of ours, as are the constants [D].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.timing import FPS
from ...motion.kinematics import global_rotations
from ...motion.motion import Motion
from ...motion.points import HAND_SLICES
from ...motion.retarget import on_canonical
from ..warping.hand_views import HandView, ShownHand
from ..warping.limb_geometry import SIDES, TINY
from .landmarks import landmarks_of
from .motion_directions import PICTURE, to_front

CHANGE = 1.0  # misfit, 0 to 1 a frame, that a change of views has to save in all
HELD = 4.0  # times as much where the hand is held still
MOVING = 1.5  # hand lengths a second, at which a change is least seen
MARGIN = 0.05  # misfit by which a view has to be better than the portrait's own hand
BEGINS = 0.5  # share of the motion from which views are shown: a film begins as the portrait
DISSOLVE = 5  # frames, odd
FOLLOWS = 0.7  # share of what the own hand's fingers do in what those of a view do


@dataclass(frozen=True, eq=False)
class HandTrack:
    """What is drawn of one hand in each frame."""

    views: tuple[HandView, ...]
    opacities: np.ndarray  # [T, 1 + K] of the portrait's own hand and of the views, 0 to 1
    points: np.ndarray  # [T, K, 21, 2] pixels of the views' points

    def at(self, frame: int) -> ShownHand | None:
        """In a frame; None if it is the portrait's own alone."""
        own, *others = self.opacities[frame]
        if own == 1 and not any(others):
            return None
        # What appears is laid over what disappears.
        order = sorted((k for k, opacity in enumerate(others) if opacity), key=lambda k: -others[k])
        shown = tuple((self.views[k], self.points[frame, k], float(others[k])) for k in order)
        return ShownHand(float(own), shown)

    def taken(self, frames: np.ndarray) -> HandTrack:
        """Some of its frames, by number."""
        return HandTrack(self.views, self.opacities[frames], self.points[frames])

    def shown_points(self, frame: int) -> np.ndarray | None:
        """[21, 2] pixels of the view that is seen most in a frame; None for the portrait's own hand."""
        k = int(self.opacities[frame].argmax())
        return self.points[frame, k - 1] if k else None


def motion_hands(motion: Motion) -> np.ndarray:
    """Hands [T, 2, 21, 2] of a motion as a viewer in front of the person sees them, at 30 frames a second.

    Metres, x right, y down; sides are left, right.
    """
    motion = on_canonical(motion).resample(FPS)
    world = global_rotations(motion.rotations.astype(np.float64), motion.skeleton.parents)
    front = to_front(world[:, motion.skeleton.index("spine3")])
    return seen_hands(((landmarks_of(motion) @ np.swapaxes(front, -1, -2)) * PICTURE)[..., :2])


def seen_hands(points: np.ndarray) -> np.ndarray:
    """Hands [T, 2, 21, 2] of keypoints [T, 116 or 48, 2]."""
    return np.stack([points[:, span] for span in HAND_SLICES], 1)


def misfit(shape: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """[T] 0 to 1: how unlike a hand [21, 2] others [T, 21, 2] are.

    All are laid over one another by their wrists, and rotated and scaled so that they point the same way and are of
    one size, as a view is when it is drawn. So palms and backs of hands differ, and open and closed ones.
    """
    a, b = _upright(shape), _upright(seen)
    result: np.ndarray = np.linalg.norm(a - b, axis=-1) / 2
    return result


def chosen_views(misfits: np.ndarray, speed: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """[T] number of the view in each frame, 0 for the portrait's own hand.

    Args:
        misfits: [T, 1 + K] of each view.
        speed: [T] hand lengths a second.
        allowed: [T] bool, whether another than the own hand may be shown.
    """
    cost = misfits + MARGIN * (np.arange(misfits.shape[1]) > 0)
    cost[~allowed, 1:] = np.inf
    change = CHANGE * (1 + (HELD - 1) * np.clip(1 - speed / MOVING, 0, 1))
    total, came = cost[0].copy(), np.zeros(misfits.shape, int)
    for frame in range(1, len(cost)):
        best = int(total.argmin())
        moved = total[best] + change[frame]
        came[frame] = np.where(total <= moved, np.arange(len(total)), best)
        total = np.minimum(total, moved) + cost[frame]
    result = np.zeros(len(cost), int)
    result[-1] = total.argmin()
    for frame in range(len(cost) - 1, 0, -1):
        result[frame - 1] = came[frame, result[frame]]
    return result


def dissolved(chosen: np.ndarray, count: int) -> np.ndarray:
    """[T, count] opacities of views by their number [T].

    Both are opaque in the middle of a change, so that what is behind them is never seen through them.
    """
    one = (chosen[:, None] == np.arange(count)).astype(float)
    reach = DISSOLVE // 2
    padded = np.pad(one, ((reach, reach), (0, 0)), mode="edge")
    share = np.stack([padded[k : k + len(one)] for k in range(DISSOLVE)]).mean(0)
    result: np.ndarray = np.clip(2 * share, 0, 1)
    return result


def hand_track(
    views: Sequence[HandView], side: str, hands: np.ndarray, own: np.ndarray, driven: np.ndarray, share: np.ndarray
) -> HandTrack:
    """Choose among a portrait's hand and further views of it.

    Args:
        views: of the hand.
        side: "left" or "right".
        hands: [T, 2, 21, 2] of the motion.
        own: [116, 2] pixels of the portrait.
        driven: [T, 116, 2] pixels, what the portrait is driven to.
        share: [T] of the motion that is shown, 0 to 1.
    """
    k = SIDES.index(side)
    seen = hands[:, k]
    shapes = [own[HAND_SLICES[k]], *(view.points for view in views)]
    misfits = np.stack([misfit(shape, seen) for shape in shapes], 1)
    chosen = chosen_views(misfits, _speed(seen), share >= BEGINS)
    points = [_carried(view, own[HAND_SLICES[k]], driven[:, HAND_SLICES[k]]) for view in views]
    return HandTrack(tuple(views), dissolved(chosen, len(shapes)), np.stack(points, 1))


def _carried(view: HandView, own: np.ndarray, driven: np.ndarray) -> np.ndarray:
    """[T, 21, 2] pixels: a view that moves as the own hand [21, 2] does, which is driven to [T, 21, 2]."""
    turned, length = _pointing(driven), _norm(driven) / max(float(_norm(own)), TINY)
    closing = _upright(driven) - _upright(own)
    shape = _upright(view.points)
    # A view of the other side is mirrored, and so is what its fingers do.
    shape = shape + FOLLOWS * (closing if _side(own) * _side(view.points) >= 0 else closing.conj())
    placed = (shape - view.shift) * (turned * length)[:, None] * float(_norm(view.points)) * view.size
    return np.stack([placed.real, placed.imag], -1) + driven[:, :1]


def _speed(hands: np.ndarray) -> np.ndarray:
    """[T] hand lengths a second that the points of hands [T, 21, 2] move."""
    if len(hands) < 2:
        return np.zeros(len(hands))
    step = np.linalg.norm(np.gradient(hands, axis=0), axis=-1).mean(1) * FPS
    return step / max(float(np.median(_size(hands))), TINY)


def _size(hands: np.ndarray) -> np.ndarray:
    """[T] root of the summed squared distances of the points of hands [T, 21, 2] from their middle."""
    return np.linalg.norm(hands - hands.mean(1, keepdims=True), axis=(1, 2))


def _from_wrist(hands: np.ndarray) -> np.ndarray:
    """Points of hands [..., 21, 2] from their wrists as complex numbers."""
    points = hands - hands[..., :1, :]
    result: np.ndarray = points[..., 0] + 1j * points[..., 1]
    return result


def _norm(hands: np.ndarray) -> np.ndarray:
    """[...] root of the summed squared distances of the points of hands [..., 21, 2] from their wrists, pixels."""
    return np.linalg.norm(_from_wrist(hands), axis=-1)


def _pointing(hands: np.ndarray) -> np.ndarray:
    """[...] complex numbers of length 1: from the wrists of hands [..., 21, 2] to their middle."""
    way = _from_wrist(hands).mean(-1)
    return np.where(np.abs(way) > TINY, way / np.maximum(np.abs(way), TINY), 1.0)


def _upright(hands: np.ndarray) -> np.ndarray:
    """Points of hands [..., 21, 2] from their wrists, pointing along the real axis, of norm 1."""
    return _from_wrist(hands) / _pointing(hands)[..., None] / np.maximum(_norm(hands), TINY)[..., None]


def _side(hand: np.ndarray) -> float:
    """Of which sign the palm's turn from the first to the last knuckle is, of a hand [21, 2]."""
    first, last = _from_wrist(hand)[[5, 17]]
    return float(np.sign((first.conj() * last).imag))
