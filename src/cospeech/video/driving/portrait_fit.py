"""Where the person of a portrait is, how large, and how they hold themselves.

The measures are those of the default person: pixels a metre come from the shoulders and from the face
together, so that narrow shoulders or a turned body still get arms of their size. All of it is a decision of
ours; the paper drives with points of the same person (Contextual Gesture, appendix E).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ...core.errors import UserError
from ...motion.motion import Motion
from ...motion.points import POINTS, SHOULDERS, WRISTS
from ...motion.procedural.face import ARKIT_NAMES
from ...motion.skeleton import canonical_skeleton
from .landmarks import landmarks_of

ELBOWS = (SHOULDERS[0] + 1, SHOULDERS[1] + 1)
HANDS = (slice(6, 27), slice(27, 48))
FACE = slice(48, 116)
KNUCKLE = 9  # of a hand's 21 points: the first of the middle finger
_SEEN = 0.3  # confidence from which a point counts as seen
_LEAN = 0.3  # radians; what a portrait leans more is posture and not the camera


@dataclass(frozen=True, eq=False)
class Fit:
    """The person of a portrait. Pixels, x right, y down; sides are left, right."""

    points: np.ndarray  # [116, 2] as they were given, float64
    scale: float  # pixels a metre at the arms
    centre: np.ndarray  # [2] the middle between the shoulders
    width: float  # shoulder to shoulder
    lean: float  # radians in the picture, positive where the person's left is lower
    bones: np.ndarray  # [2, 2] upper arm and forearm of either side: as long as they can look
    arms: np.ndarray  # [2, 2, 3] upper arm and forearm in lengths of the bone, z towards the viewer
    hands: np.ndarray  # [2, 21, 2] either hand from its wrist (the arm's)
    shown: np.ndarray  # [2] bool, whether the portrait shows the hand
    pointing: np.ndarray  # [2, 2] wrist -> middle knuckle, unit
    face_scale: float  # pixels a metre at the face
    head: np.ndarray  # [3, 3] turn of the head as the default person's face lies over it, y up
    pivot: np.ndarray  # [3] where the head turns, y down, z towards the viewer
    depth: np.ndarray  # [68] of the face, towards the viewer

    @property
    def face(self) -> np.ndarray:
        """[68, 2] the face's own points."""
        return self.points[FACE]


@dataclass(frozen=True, eq=False)
class Face:
    """The 68 points of the default person, in the axes of the head: metres, y up, facing +z."""

    neutral: np.ndarray  # [68, 3] from the head joint
    shapes: np.ndarray  # [52, 68, 3] what each face shape adds at weight 1


def fit(points: np.ndarray, confidence: np.ndarray, size: tuple[int, int]) -> Fit:
    """Measure the person of a portrait.

    Args:
        points: [116, 2] pixels, all of them (guessed where they are not seen).
        confidence: [116] 0 to 1.
        size: width and height of the picture, pixels.

    Raises:
        UserError: other shapes, a point that is no number, or shoulders or a face without any width.
    """
    points, confidence = np.asarray(points, np.float64), np.asarray(confidence, np.float64)
    if points.shape != (len(POINTS), 2) or confidence.shape != (len(POINTS),):
        raise UserError(
            f"a portrait has points [{len(POINTS)}, 2] and a confidence each; got {list(points.shape)} and "
            f"{list(confidence.shape)}"
        )
    if not np.isfinite(points).all():
        raise UserError("the portrait's points hold numbers that are not finite; find them again")
    shoulders = points[list(SHOULDERS)]
    across = shoulders[0] - shoulders[1]
    width, face = float(np.hypot(*across)), points[FACE]
    if min(width, *np.ptp(face, axis=0)) < 0.01 * max(size):
        raise UserError("the portrait shows no shoulders or no face; choose one that shows a person's front")
    rest = canonical_skeleton().rest_positions
    index = canonical_skeleton().index
    head, face_scale = _pose(default_face().neutral, face)
    apart = float(np.linalg.norm(rest[index("left_shoulder")] - rest[index("right_shoulder")]))
    scale = float(np.sqrt(width / apart * face_scale))

    centre = shoulders.mean(0)
    up = face.mean(0) - centre
    tilt = (np.arctan2(across[1], across[0]) + np.arctan2(up[0], -up[1])) / 2
    chains = points[[[SHOULDERS[k], ELBOWS[k], WRISTS[k]] for k in (0, 1)]]
    seen = confidence[[[SHOULDERS[k], ELBOWS[k], WRISTS[k]] for k in (0, 1)]] >= _SEEN
    bones = np.diff(chains, axis=1)
    lengths = np.linalg.norm(bones, axis=-1)
    own = [scale * np.linalg.norm(rest[index(f"left_{b}")] - rest[index(f"left_{a}")]) for a, b in _BONES]
    longest = np.maximum(np.where(seen[:, 1:] & seen[:, :-1], lengths, 0.0).max(0), own)
    longest = np.maximum(longest, lengths)
    flat = bones / longest[..., None]
    away = np.sqrt(np.clip(1.0 - (flat**2).sum(-1), 0.0, None))

    hands = np.stack([points[HANDS[k]] - points[WRISTS[k]] for k in (0, 1)])
    pointing = hands[:, KNUCKLE] - hands[:, 0]
    missing = np.linalg.norm(pointing, axis=-1, keepdims=True) < 1e-6
    pointing = np.where(missing, [[0.0, 1.0]], pointing)
    local = default_face().neutral @ head.T * face_scale
    middle = face.mean(0) - local.mean(0)[:2] * [1, -1]
    return Fit(
        points=points,
        scale=scale,
        centre=centre,
        width=width,
        lean=float(np.clip(tilt, -_LEAN, _LEAN)),
        bones=longest,
        arms=np.concatenate([flat, away[..., None]], -1),
        hands=hands,
        shown=np.array([np.median(confidence[hand]) >= _SEEN for hand in HANDS]),
        pointing=pointing / np.linalg.norm(pointing, axis=-1, keepdims=True),
        face_scale=face_scale,
        head=head,
        pivot=np.array([*middle, 0.0]),
        depth=local[:, 2],
    )


_BONES = (("shoulder", "elbow"), ("elbow", "wrist"))


@lru_cache(maxsize=1)
def default_face() -> Face:
    """The face of the default person, read off its landmarks."""
    skeleton = canonical_skeleton()
    frames = 1 + len(ARKIT_NAMES)
    weights = np.eye(len(ARKIT_NAMES), dtype=np.float32)
    still = Motion(
        skeleton,
        30.0,
        np.tile(np.eye(3, dtype=np.float32), (frames, len(skeleton), 1, 1)),
        np.tile(skeleton.offsets[0], (frames, 1)),
        np.concatenate([0 * weights[:1], weights]),
    )
    points = np.asarray(landmarks_of(still), np.float64)[:, FACE]
    return Face(points[0] - skeleton.rest_positions[skeleton.index("head")], points[1:] - points[0])


def _pose(shape: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, float]:
    """Turn [3, 3] and scale that lay a shape [68, 3], y up, over points [68, 2], y down; weak perspective."""
    flat = (seen - seen.mean(0)) * [1.0, -1.0]
    affine = np.linalg.lstsq(shape - shape.mean(0), flat, rcond=None)[0].T  # [2, 3]
    u, stretch, v = np.linalg.svd(affine, full_matrices=False)
    rows = u @ v
    return np.stack([*rows, np.cross(*rows)]), float(stretch.mean())
