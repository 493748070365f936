"""Arms and hands of the portrait's person, between the portrait's pose and the motion's, off the face.

Contextual Gesture starts from the source frame (appendix E). Decisions of ours [D]: the motion stays about the
portrait's own pose; hands stay beside the face, which a warped picture cannot hide; an arm whose hand is not
visible in the portrait moves little, so that no hand has to be invented.
"""

from __future__ import annotations

import numpy as np

from ...core.rotation import align_vectors
from ...core.timing import FPS
from ...motion.points import BODY_SLICE, ELBOWS, HAND_SLICES, SHOULDERS, WRISTS
from .hands import carry, smooth, turns
from .motion_directions import MotionDirections
from .portrait_fit import Fit

_LEVELS = 6  # shares of the motion that are tried if a hand is before the face
_FACE = 1.05  # size of the face's oval
_BEFORE = 0.05  # share of a hand's points that may be before the face
_UNSEEN = 0.4  # share of the motion for an arm whose hand is not in the picture
_AROUND = 0.12  # seconds, standard deviation of the filter that leads a hand past the face


class Limbs:
    """The 48 keypoints of arms and hands at any share of a motion."""

    def __init__(self, person: Fit, directions: MotionDirections, own: float) -> None:
        """``own`` is the share of the portrait in the mean pose, as in ``driver.drive``."""
        upright = leaning(person)
        arms = directions.arms.copy()
        arms[..., :2] = arms[..., :2] @ upright
        self._person, self._directions = person, directions
        self._start = person.arms.copy()  # forearms come to the viewer, upper arms go where the motion's do
        self._start[:, 0, 2] *= np.where(arms[:, :, 0, 2].mean(0) < 0.0, -1.0, 1.0)
        mean = arms.mean(0)
        mean /= np.linalg.norm(mean, axis=-1, keepdims=True) + 1e-12
        kept = np.where(person.shown, own, 1.0)
        self._follow = np.where(person.shown, 1.0, _UNSEEN)
        middle = toward(mean, self._start, np.repeat(kept[:, None], 2, axis=1))
        self._arms = (align_vectors(mean, middle) @ arms[..., None])[..., 0]
        self._turns = turns(person, directions.hands @ upright, self._arms[:, :, 1, :2], kept)

    def at(self, moved: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Keypoints at a share of the motion.

        Args:
            moved: [T, 2, 2] pixels that the shoulders move.
            share: [T, 2] of the motion for either arm, 0 the portrait's pose to 1.

        Returns:
            [T, 48, 2] pixels; no bone is longer than in ``Fit.bones``.
        """
        person, share = self._person, share * self._follow
        arms = toward(self._start, self._arms, share[..., None])
        shoulders = person.points[list(SHOULDERS)] + moved
        elbows = shoulders + person.bones[:, :1] * arms[:, :, 0, :2]
        wrists = elbows + person.bones[:, 1:] * arms[:, :, 1, :2]
        nearer = ((arms - self._start)[..., 2] * person.bones).sum(-1) / person.scale
        hands = carry(person, wrists, share * self._turns, nearer, share[..., None] * self._directions.curl)
        points = np.empty((len(share), BODY_SLICE.stop, 2))
        points[:, list(SHOULDERS)], points[:, list(ELBOWS)], points[:, list(WRISTS)] = (shoulders, elbows, wrists)
        points[:, HAND_SLICES[0]], points[:, HAND_SLICES[1]] = hands[:, 0], hands[:, 1]
        return points

    def clear(self, moved: np.ndarray, share: np.ndarray, face: np.ndarray) -> np.ndarray:
        """Factor on either arm's share [T] that keeps its hand off the face.

        Args:
            moved: as in ``at``.
            share: [T].
            face: [T, 68, 2] pixels.

        Returns:
            [T, 2] 0 to 1, smooth in time; 1 if hands are not near the face.
        """
        low, high = face.min(1)[:, None], face.max(1)[:, None]
        middle, radius = (low + high) / 2, _FACE * (high - low) / 2

        def before(part: float) -> np.ndarray:
            points = self.at(moved, part * np.repeat(share[:, None], 2, axis=1))[:, HAND_SLICES[0].start :]
            inside = (((points - middle) / radius) ** 2).sum(-1) < 1.0
            return inside.reshape(len(share), 2, -1).mean(-1)

        if before(1.0).max() <= _BEFORE:
            return np.ones((len(share), 2))
        allowed = np.zeros((len(share), 2))
        bearable = np.maximum(before(0.0), _BEFORE)
        for part in np.linspace(0.0, 1.0, _LEVELS):
            allowed = np.where(before(part) <= bearable, part, allowed)
        reach = int(np.ceil(2 * _AROUND * FPS))
        padded = np.concatenate([allowed[:1].repeat(reach, 0), allowed, allowed[-1:].repeat(reach, 0)])
        least = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0).min(-1)
        return np.minimum(smooth(least, _AROUND), 1.0)


def leaning(person: Fit) -> np.ndarray:
    """[2, 2] that rotates rows [x, y] of an upright person by the portrait's lean."""
    c, s = np.cos(person.lean), np.sin(person.lean)
    return np.array([[c, s], [-s, c]])


def toward(start: np.ndarray, end: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Unit vectors [..., 3] on the short way from one to another, at a share [...] of it."""
    angle = np.arccos(np.clip((start * end).sum(-1), -1.0, 1.0))
    sine = np.sin(angle)
    near = sine < 1e-6
    safe = np.where(near, 1.0, sine)
    before = np.where(near, 1.0 - share, np.sin((1.0 - share) * angle) / safe)
    after = np.where(near, share, np.sin(share * angle) / safe)
    return before[..., None] * start + after[..., None] * end
