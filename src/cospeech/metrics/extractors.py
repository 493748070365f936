"""Feature extractors: motion -> rows of numbers that distances between motions are taken in.

``kinematic-v1`` is made by hand, needs no training and says in words what each number is. Trained ones
keep the same protocol and are registered in ``EXTRACTORS`` by their id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..core.errors import UserError
from ..motion.kinematics import speed
from ..motion.motion import Motion
from .inputs import check_canonical, check_rate, in_chest


class Extractor(Protocol):
    """What a distance needs to know about features. The id changes whenever the numbers would."""

    @property
    def id(self) -> str:
        """Name and version, as in kinematic-v1."""

    @property
    def fps(self) -> float:
        """Frames a second of the motions it takes."""

    @property
    def skeleton(self) -> str:
        """The skeleton that it takes, as in canonical-55."""

    @property
    def dim(self) -> int:
        """D."""

    @property
    def window(self) -> int:
        """Frames that one row is computed from; 0 where every frame has a row of its own."""

    def features(self, motion: Motion, *, clip: str = "") -> np.ndarray:
        """[rows, D] float64; no rows for a motion that is too short."""


class KinematicExtractor:
    """Statistics of two-second windows of the upper body, 44 numbers, made by hand. [D]

    Of wrists, elbows and head in the chest's frame: means and deviations of the three coordinates (in
    units of 0.1 m), mean and deviation of the speed (0.25 m/s). Then of each wrist the mean size of its
    acceleration (2.5 m/s^2), and mean and deviation of the distance between the wrists (0.1 m). Windows
    of 60 frames follow each other every 30. Turning, leaning and walking leave all numbers as they are.
    """

    id = "kinematic-v1"
    fps = 30.0
    skeleton = "canonical-55"
    window = 60
    hop = 30
    joints = ("left_wrist", "right_wrist", "left_elbow", "right_elbow", "head")
    dim = 8 * len(joints) + 4

    def features(self, motion: Motion, *, clip: str = "") -> np.ndarray:
        """[rows, 44] float64, one row every second.

        Raises:
            UserError: the motion is not on the canonical skeleton at 30 frames a second.
        """
        check_canonical(motion, clip=clip)
        check_rate(motion, self.fps, clip=clip)
        if len(motion) < self.window:
            return np.zeros((0, self.dim))
        place = in_chest(motion, self.joints)
        velocity = np.gradient(place, axis=0) * motion.fps
        pace = speed(place, motion.fps)
        push = np.linalg.norm(np.gradient(velocity[:, :2], axis=0), axis=-1) * motion.fps
        apart = np.linalg.norm(place[:, 0] - place[:, 1], axis=-1, keepdims=True)
        coordinates = place.reshape(len(place), -1)
        means = np.concatenate([coordinates / 0.1, pace / 0.25, push / 2.5, apart / 0.1], axis=1)
        spreads = np.concatenate([coordinates / 0.1, pace / 0.25, apart / 0.1], axis=1)
        return np.concatenate([self._windows(means).mean(-1), self._windows(spreads).std(-1)], axis=1)

    def _windows(self, values: np.ndarray) -> np.ndarray:
        """[T, C] -> [rows, C, window]."""
        return sliding_window_view(values, self.window, axis=0)[:: self.hop]


EXTRACTORS: dict[str, Callable[[], Extractor]] = {KinematicExtractor.id: KinematicExtractor}


def load_extractor(name: str = KinematicExtractor.id) -> Extractor:
    """An extractor by its id. Raises UserError with the known ones."""
    if name not in EXTRACTORS:
        raise UserError(f"no feature extractor {name!r}; known: {', '.join(sorted(EXTRACTORS))}")
    return EXTRACTORS[name]()
