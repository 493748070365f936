"""Clips of points in a picture: what a corpus of two-dimensional keypoints yields.

There is no way from them to joint rotations that would not make the third dimension up, so they stay as they
are (a decision of ours). ``readers.read_points`` reads such corpora, and ``point_normalization.normalized`` turns
a clip into what a dataset of the representation ``points`` holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..core.errors import UserError
from ..core.timing import FrameSeries

if TYPE_CHECKING:
    from ..speech.speech import Speech, Word


@dataclass(frozen=True, eq=False)
class PointClip(FrameSeries):
    """One recording of a person's points in the picture, at the frame rate of its corpus.

    Raises:
        UserError: the arrays are not of the shapes below, or hold values that are no numbers.
    """

    id: str  # unique within its corpus
    speaker: str
    split: str  # train, val or test
    fps: float
    names: tuple[str, ...]  # of the P points
    parents: tuple[int, ...]  # [P] index of the point a bone comes from, -1 for the root
    points: np.ndarray  # [T, P, 2] float32, pixels from the top left, y down
    confidence: np.ndarray | None = None  # [T, P] float32, 0 to 1, of the detector
    speech: Speech | None = None  # None where the sound is not at hand
    words: tuple[Word, ...] = ()  # seconds; there without the sound too
    emotion: str | None = None

    def __post_init__(self) -> None:
        points = np.asarray(self.points, dtype=np.float32)
        if points.ndim != 3 or points.shape[1:] != (len(self.names), 2) or not np.isfinite(points).all():
            raise UserError(f"points must be finite numbers [T, {len(self.names)}, 2]; got {list(points.shape)}")
        if len(self.parents) != len(self.names) or not self.fps > 0:
            raise UserError(f"got {len(self.parents)} parents for {len(self.names)} points, {self.fps} fps")
        object.__setattr__(self, "points", points)
        if self.confidence is not None:
            confidence = np.asarray(self.confidence, dtype=np.float32)
            if confidence.shape != points.shape[:2]:
                raise UserError(f"confidence must be {list(points.shape[:2])}; got {list(confidence.shape)}")
            object.__setattr__(self, "confidence", confidence)

    def __len__(self) -> int:
        return len(self.points)
