"""The pictures of a span: the person as it was just before and just after it, warped to the same points.

Both pictures are warped to the points of each frame and one gives way to the other on the way, so that
either end looks as the frame beside it. Only what was made anew is laid over the film's own frame: the arms
where they are now and where they were. Face, clothes and room stay the film's. Decisions of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...motion.points import WRISTS
from ...sampling.edit import ease
from ..driving.portrait_fit import HANDS
from ..warping.layer_warp import draw, sample
from ..warping.layers import PARTS, SIDES, Layers, along, bones, hand, hand_distance, unit
from ..warping.matte import box
from ..warping.refine import METHOD, Refiner, open_refiner
from .portrait import Portrait
from .portrait_film import ALONE

CHANGE = 0.2  # seconds in which the picture from before gives way to the one from after
COVER = 0.1  # seconds at either end in which what is laid over the film comes and goes
_COARSE = 4  # pixels between places at which it is looked whether an old arm was there
_GONE = 0.12  # shoulder widths that an arm moves until nothing of what drawing lost round it is put back
_HAND = 2.0  # of a hand's half width, as far as a hand may be from where it was found
_WIDE = {"upper": (0.22, 0.19), "lower": (0.19, 0.12)}  # of arms with their sleeves, shoulder widths


@dataclass(frozen=True, eq=False)
class Patch:
    """A span to be drawn. Pictures come with their shares below them, [2 H, W, 3], as one file of bytes."""

    sides: tuple[Portrait | None, Portrait | None]  # the frames beside the span, with their points
    points: tuple[np.ndarray, np.ndarray]  # [n, 116, 2] where they shall be, with the hands of either side
    own: np.ndarray  # [n, 116, 2] where they are in the film
    change: np.ndarray  # [n] share of the second picture
    cover: np.ndarray  # [n] how much is laid over the film, 0 to 1
    parts: tuple[int, ...]  # of layers.PARTS, what is laid over
    refine: str = METHOD

    @property
    def frames(self) -> int:
        """n."""
        return len(self.own)

    @property
    def size(self) -> tuple[int, int]:
        """Of the picture with its shares."""
        shown = self.sides[0] or self.sides[1]
        assert shown is not None
        return shown.size[0], 2 * shown.size[1]

    def draw(self, frames: range) -> Iterator[np.ndarray]:
        """Pictures and shares of some frames."""
        sides = [None if portrait is None else _Side(portrait, self.refine) for portrait in self.sides]
        for frame in frames:
            amounts = 1 - self.change[frame], self.change[frame]
            picture, share = np.zeros(()), np.zeros(())
            for side, points, amount in zip(sides, self.points, amounts, strict=True):
                if side is not None and amount > 0:
                    drawn, seen = side.at(points[frame], self.parts)
                    picture, share = picture + amount * drawn, np.maximum(share, seen)
            before = arms_at(self.own[frame], (self.size[0], self.size[1] // 2), self.parts)
            share = self.cover[frame] * widened(np.maximum(share, before), unit(self.own[frame]))
            both = np.concatenate([picture, np.repeat(share[..., None], 3, axis=2)])
            yield np.clip(np.round(both * 255), 0, 255).astype(np.uint8)


class _Side:
    """One portrait, drawn at other points so that at its own it is itself, bit by bit."""

    def __init__(self, portrait: Portrait, refine: str | Path) -> None:
        self._layers: Layers = portrait.layers
        self._refiner: Refiner | None = open_refiner(refine)
        if self._refiner is not None:
            self._refiner.see(self._layers, portrait.picture)
        drawn, _, _ = self._drawn(portrait.points)
        self._lost = portrait.picture.astype(np.float32) / 255 - drawn
        # What is lost at the border of an arm would stay behind as its outline when the arm goes.
        every = tuple(range(1, len(PARTS)))
        round_arms = widened(arms_at(portrait.points, portrait.size, every), unit(portrait.points))
        self._left = self._lost * (1 - round_arms[..., None])

    def at(self, points: np.ndarray, parts: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Picture [H, W, 3] in 0 .. 1, and how much of each pixel [H, W] some parts are."""
        picture, seen, source = self._drawn(points)
        own = self._layers.points
        moved = np.linalg.norm((points - own)[: HANDS[1].stop], axis=-1).max() / unit(own)
        lost = self._left + np.clip(1 - moved / _GONE, 0, 1) * (self._lost - self._left)
        lost = sample(lost, source.reshape(-1, 2)).reshape(picture.shape)
        return np.clip(picture + lost, 0, 1), np.minimum(seen[list(parts)].sum(0), 1)

    def _drawn(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        drawn = draw(self._layers, points)
        picture = drawn.picture if self._refiner is None else self._refiner(drawn, points)
        return picture, drawn.seen, drawn.source


def arms_at(points: np.ndarray, size: tuple[int, int], parts: tuple[int, ...]) -> np.ndarray:
    """[H, W] 1 where the arms and hands among some of layers.PARTS may be, by points [116, 2] alone."""
    small = -(-size[0] // _COARSE), -(-size[1] // _COARSE)
    near, scale = points / _COARSE, unit(points) / _COARSE
    found = np.zeros(small[::-1], bool)
    for side in SIDES:
        for part, bone in bones(near, side).items():
            if PARTS.index(f"{side}_{part}") in parts:
                share, distance = along(bone, small)
                first, last = _WIDE[part]
                found |= distance < scale * (first + (last - first) * np.clip(share, 0, 1))
        if PARTS.index(f"{side}_hand") in parts:
            found |= hand_distance(hand(near, side), small, scale) < _HAND
    large = found.repeat(_COARSE, 0).repeat(_COARSE, 1)[: size[1], : size[0]]
    return large.astype(float)


def widened(share: np.ndarray, scale: float) -> np.ndarray:
    """Shares [H, W] with a soft border outside of what they are, of a few hundredths of shoulder widths."""
    radius = max(1, round(scale / 40))
    grown = np.clip(box(share, radius) * 6, 0, 1)
    return box(grown, radius)


def changing(points: np.ndarray, fps: float) -> np.ndarray:
    """[n] share of the picture from after the span: it comes while the hands [n, 116, 2] are at their
    fastest in the middle half, where an eye sees least of it."""
    frames = len(points)
    size = max(1, min(round(CHANGE * fps), frames // 2))
    speed = np.linalg.norm(np.gradient(points[:, list(WRISTS)], axis=0), axis=-1).sum(-1)
    low, high = frames // 4, max(frames // 4 + 1, frames - frames // 4)
    middle = low + int(np.argmax(np.convolve(speed, np.ones(size) / size, "same")[low:high]))
    return ease(np.clip((np.arange(frames) - middle) / size + 0.5, 0, 1))


def covering(frames: int, fps: float, *, starts: bool, ends: bool) -> np.ndarray:
    """[n] how much is laid over the film: all but near the ends at which the film goes on."""
    size = max(1, min(round(COVER * fps), frames // 3))
    rise = ease(np.arange(1, size + 1) / (size + 1))
    cover = np.ones(frames)
    if starts:
        cover[:size] *= rise
    if ends:
        cover[frames - size :] *= rise[::-1]
    return cover


def drawn_patches(patch: Patch, workers: int | None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures [H, W, 3] uint8 and shares [H, W] 0 to 1, frame by frame.

    Raises:
        UserError: there is no such network to refine them.
    """
    from ...core.parallel import draw_together, processors

    open_refiner(patch.refine)  # a wrong name is told here and not by a worker
    for portrait in patch.sides:
        if portrait is not None:
            portrait.layers  # noqa: B018 - cut once, not by every worker
    count = processors() if workers is None else workers
    alone = count < 2 or patch.frames < ALONE
    pictures = patch.draw(range(patch.frames)) if alone else draw_together(patch, min(count, patch.frames))
    for both in pictures:
        height = len(both) // 2
        yield both[:height], both[height:, :, 0].astype(np.float32) / 255
