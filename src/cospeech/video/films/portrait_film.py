"""Frames of a video in which a portrait follows its keypoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.parallel import draw_together, processors
from ..driving.hand_choice import HandTrack
from ..warping.layer_warp import draw
from ..warping.limb_geometry import hand
from ..warping.refine import NONE, open_refiner
from .portrait import Portrait

ALONE = 12  # videos of fewer frames are drawn in this process


@dataclass(frozen=True, eq=False)
class _Job:
    portrait: Portrait
    points: np.ndarray  # [T, 116, 2]
    gaze: np.ndarray | None  # [T, 2]
    refine: str
    hands: Mapping[str, HandTrack]  # by side

    @property
    def frames(self) -> int:
        return len(self.points)

    @property
    def size(self) -> tuple[int, int]:
        return self.portrait.size

    def draw(self, frames: range) -> Iterator[np.ndarray]:
        refiner = open_refiner(self.refine)
        layers = self.portrait.layers
        if refiner is not None:
            refiner.encode(layers, self.portrait.picture)
        for frame in frames:
            shown = {side: now for side, track in self.hands.items() if (now := track.at(frame)) is not None}
            drawn = draw(layers, self.points[frame], None if self.gaze is None else self.gaze[frame], shown)
            picture = drawn.picture if refiner is None else refiner(drawn, self._shown_points(frame))
            yield np.clip(np.round(picture * 255), 0, 255).astype(np.uint8)

    def _shown_points(self, frame: int) -> np.ndarray:
        """[116, 2] with the points of the views that are shown."""
        points = self.points[frame]
        for side, track in self.hands.items():
            shown = track.shown_points(frame)
            if shown is not None:
                points = points.copy()
                hand(points, side)[:] = shown
        return points


def portrait_frames(
    portrait: Portrait,
    points: np.ndarray,
    *,
    gaze: np.ndarray | None = None,
    hands: Mapping[str, HandTrack] | None = None,
    refine: str | Path = NONE,
    workers: int | None = None,
) -> Iterator[np.ndarray]:
    """Draw the portrait with its keypoints moved, one picture a frame.

    Args:
        portrait: from ``open_portrait``.
        points: [T, 116, 2] pixels of the portrait.
        gaze: [T, 2] radians by which the eyes turn, to the right of the picture and down; None for eyes at rest.
        hands: by side, of those that further views are shown of.
        refine: a network that paints what warping cannot (a model folder), or "none".
        workers: processes that draw; one for each processor by default.

    Returns:
        Iterator over [H, W, 3] uint8 sRGB.

    Raises:
        UserError: points of another shape, or no such model.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 3 or points.shape[1:] != portrait.points.shape or not len(points):
        raise UserError(f"expected keypoints [T, {len(portrait.points)}, 2]; got {list(points.shape)}")
    if not np.isfinite(points).all():
        raise UserError("keypoints must be finite numbers; complete missing ones first")
    open_refiner(refine)  # a wrong name is reported here and not by a worker
    portrait.layers  # noqa: B018 - cut once, not by every worker
    job = _Job(portrait, points, gaze, str(refine), hands or {})
    workers = processors() if workers is None else workers
    if workers < 2 or job.frames < ALONE:
        return job.draw(range(job.frames))
    return draw_together(job, min(workers, job.frames))
