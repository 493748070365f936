"""Pictures of a span: the person as just before and just after it, warped to the same keypoints.

Both pictures are warped to the keypoints of each frame and cross-faded, so that either end looks like the frame
beside it. Only replaced parts are laid over the film's own frame: the arms where they are now and where they
were. Face, clothes and room stay the film's. Decisions of ours, set by eye [D].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...motion.points import BODY_SLICE, WRISTS
from ...sampling.edit import ease
from ..warping.layer_warp import draw
from ..warping.layers import Layers
from ..warping.limb_geometry import PARTS, SIDES, along, body_scale, bones, hand, hand_distance, pixel_places
from ..warping.matte import box
from ..warping.refine import METHOD, Refiner, open_refiner
from ..warping.resampling import bilinear
from .portrait import Portrait
from .portrait_film import ALONE

CROSSFADE = 0.2  # seconds over which the picture from before is cross-faded with the one from after
FADE_IN = 0.034  # seconds at either end over which what is laid over the film appears and disappears: one frame
_COARSE = 4  # pixels between the places at which the film's own arms are searched for
_GONE = 0.12  # shoulder widths that an arm moves until nothing of what drawing lost round it is put back
_HAND = 2.0  # half widths of a hand's lines within which a detected hand may lie
SOFT_RADIUSES, GROWTH = 40, 6  # parts of a shoulder width that a border's radius is one of; gain of its growth
_HALF_WIDTHS = {"upper": (0.22, 0.19), "lower": (0.19, 0.12)}  # of arms with their sleeves, shoulder widths


@dataclass(frozen=True, eq=False)
class SpanFrames:
    """A span to be drawn. Pictures and opacities come as one array, the opacity below the picture: [2 H, W, 3]."""

    sides: tuple[Portrait | None, Portrait | None]  # the frames beside the span, with their points
    points: tuple[np.ndarray, np.ndarray]  # [n, 116, 2] new keypoints, with the hands of either side
    own: np.ndarray  # [n, 116, 2] keypoints in the film
    change: np.ndarray  # [n] share of the second picture
    cover: np.ndarray  # [n] opacity over the film, 0 to 1
    parts: tuple[int, ...]  # of limb_geometry.PARTS: the layers that are laid over the film
    refine: str = METHOD

    @property
    def frames(self) -> int:
        """n."""
        return len(self.own)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the picture with its opacity below it."""
        shown = self.sides[0] or self.sides[1]
        assert shown is not None
        return shown.size[0], 2 * shown.size[1]

    def draw(self, frames: range) -> Iterator[np.ndarray]:
        """Pictures and opacities of some frames, [2 H, W, 3] uint8 each."""
        sides = [None if portrait is None else _Side(portrait, self.refine) for portrait in self.sides]
        for frame in frames:
            amounts = 1 - self.change[frame], self.change[frame]
            picture, share = np.zeros(()), np.zeros(())
            for side, points, amount in zip(sides, self.points, amounts, strict=True):
                if side is not None and amount > 0:
                    drawn, seen = side.at(points[frame], self.parts)
                    picture, share = picture + amount * drawn, np.maximum(share, seen)
            before = arm_region(self.own[frame], (self.size[0], self.size[1] // 2), self.parts)
            share = self.cover[frame] * widened(np.maximum(share, before), body_scale(self.own[frame]))
            both = np.concatenate([picture, np.repeat(share[..., None], 3, axis=2)])
            yield np.clip(np.round(both * 255), 0, 255).astype(np.uint8)


class _Side:
    """One portrait, drawn at other keypoints; at its own keypoints it is reproduced to the bit."""

    def __init__(self, portrait: Portrait, refine: str | Path) -> None:
        self._layers: Layers = portrait.layers
        self._refiner: Refiner | None = open_refiner(refine)
        if self._refiner is not None:
            self._refiner.encode(self._layers, portrait.picture)
        drawn, _, _ = self._drawn(portrait.points)
        self._lost = portrait.picture.astype(np.float32) / 255 - drawn
        # What is lost at the border of an arm would stay behind as its outline when the arm goes.
        every = tuple(range(1, len(PARTS)))
        round_arms = widened(arm_region(portrait.points, portrait.size, every), body_scale(portrait.points))
        self._left = self._lost * (1 - round_arms[..., None])

    def at(self, points: np.ndarray, parts: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Picture [H, W, 3] in 0 .. 1, and share of each pixel [H, W] that belongs to some parts."""
        picture, seen, source = self._drawn(points)
        own = self._layers.points
        moved = np.linalg.norm((points - own)[BODY_SLICE], axis=-1).max() / body_scale(own)
        lost = self._left + np.clip(1 - moved / _GONE, 0, 1) * (self._lost - self._left)
        lost = bilinear(lost, source)
        return np.clip(picture + lost, 0, 1), np.minimum(seen[list(parts)].sum(0), 1)

    def _drawn(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        drawn = draw(self._layers, points)
        picture = drawn.picture if self._refiner is None else self._refiner(drawn, points)
        return picture, drawn.seen, drawn.source


def arm_region(points: np.ndarray, size: tuple[int, int], parts: tuple[int, ...]) -> np.ndarray:
    """[H, W] 1 where arms and hands may be.

    Args:
        points: [116, 2] pixels.
        size: (width, height) of the picture.
        parts: indices among limb_geometry.PARTS.
    """
    places = pixel_places((-(-size[0] // _COARSE), -(-size[1] // _COARSE)))
    near, scale = points / _COARSE, body_scale(points) / _COARSE
    found = np.zeros(places.shape[:2], bool)
    for side in SIDES:
        for part, bone in bones(near, side).items():
            if PARTS.index(f"{side}_{part}") in parts:
                share, distance = along(bone, places)
                first, last = _HALF_WIDTHS[part]
                found |= distance < scale * (first + (last - first) * np.clip(share, 0, 1))
        if PARTS.index(f"{side}_hand") in parts:
            found |= hand_distance(hand(near, side), places, scale) < _HAND
    large = found.repeat(_COARSE, 0).repeat(_COARSE, 1)[: size[1], : size[0]]
    return large.astype(float)


def widened(share: np.ndarray, scale: float) -> np.ndarray:
    """Shares [H, W] with a soft border added outside, a few hundredths of a shoulder width (``scale``) wide."""
    radius = max(1, round(scale / SOFT_RADIUSES))
    grown = np.clip(box(share, radius) * GROWTH, 0, 1)
    return box(grown, radius)


def crossfade(points: np.ndarray, fps: float) -> np.ndarray:
    """[n] share of the picture from after the span.

    The cross-fade lies where the wrists of the keypoints [n, 116, 2] move fastest within the middle half, where
    it is least visible.
    """
    frames = len(points)
    size = max(1, min(round(CROSSFADE * fps), frames // 2))
    speed = np.linalg.norm(np.gradient(points[:, list(WRISTS)], axis=0), axis=-1).sum(-1)
    low, high = frames // 4, max(frames // 4 + 1, frames - frames // 4)
    middle = low + int(np.argmax(np.convolve(speed, np.ones(size) / size, "same")[low:high]))
    return ease(np.clip((np.arange(frames) - middle) / size + 0.5, 0, 1))


def span_opacity(frames: int, fps: float, *, starts: bool, ends: bool) -> np.ndarray:
    """[n] opacity over the film: 1 but near the ends at which the film continues.

    Args:
        starts: the film continues before the span.
        ends: it continues after the span.
    """
    size = max(1, min(round(FADE_IN * fps), frames // 3))
    rise = ease(np.arange(1, size + 1) / (size + 1))
    cover = np.ones(frames)
    if starts:
        cover[:size] *= rise
    if ends:
        cover[frames - size :] *= rise[::-1]
    return cover


def drawn_span(span: SpanFrames, workers: int | None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures [H, W, 3] uint8 and opacities [H, W] 0 to 1, frame by frame.

    Raises:
        UserError: there is no such network to refine them.
    """
    from ...core.parallel import draw_together, processors

    open_refiner(span.refine)  # a wrong name is reported here and not by a worker
    for portrait in span.sides:
        if portrait is not None:
            portrait.layers  # noqa: B018 - cut once, not by every worker
    count = processors() if workers is None else workers
    alone = count < 2 or span.frames < ALONE
    pictures = span.draw(range(span.frames)) if alone else draw_together(span, min(count, span.frames))
    for both in pictures:
        height = len(both) // 2
        yield both[:height], both[height:, :, 0].astype(np.float32) / 255
