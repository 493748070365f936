"""Position, size and posture of the person in a portrait.

Proportions are those of the default person: pixels per metre come from shoulders and face together, so that
narrow shoulders or a turned body still get arms of the right length. Decision of ours [D]; the paper drives with
keypoints of the same person (Contextual Gesture, appendix E).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ...core.errors import UserError
from ...motion.motion import Motion
from ...motion.points import ELBOWS, FACE_SLICE, HAND_SLICES, MIDDLE_KNUCKLE, POINTS, SHOULDERS, WRISTS
from ...motion.procedural.face import ARKIT_NAMES
from ...motion.skeleton import canonical_skeleton
from .landmarks import landmarks_of

_SEEN = 0.3  # confidence from which a keypoint counts as detected [D]
_LEAN = 0.3  # radians; more is posture and not the camera [D]
_LEAST_SIZE = 0.01  # of the picture: shoulders or a face below that have no width


@dataclass(frozen=True, eq=False)
class Fit:
    """The person of a portrait. Pixels, x right, y down; sides are left, right."""

    points: np.ndarray  # [116, 2] as passed in, float64
    scale: float  # pixels a metre at the arms
    centre: np.ndarray  # [2] the middle between the shoulders
    width: float  # shoulder to shoulder
    lean: float  # radians in the picture, positive where the person's left is lower
    bones: np.ndarray  # [2, 2] longest apparent length of upper arm and forearm of either side
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
        return self.points[FACE_SLICE]


@dataclass(frozen=True, eq=False)
class Face:
    """The 68 points of the default person, in the axes of the head: metres, y up, facing +z."""

    neutral: np.ndarray  # [68, 3] from the head joint
    shapes: np.ndarray  # [52, 68, 3] what each face shape adds at weight 1


def fit(points: np.ndarray, confidence: np.ndarray, size: tuple[int, int], depth: np.ndarray | None = None) -> Fit:
    """Measure the person of a portrait.

    Args:
        points: [116, 2] pixels, complete (guessed where nothing was detected).
        confidence: [116] 0 to 1.
        size: width and height of the picture, pixels.
        depth: [68] pixels of the face's landmarks, towards the viewer from where the head turns; None to take the
            default person's.

    Raises:
        UserError: other shapes, numbers that are not finite, or shoulders or a face without width.
    """
    points, confidence = np.asarray(points, np.float64), np.asarray(confidence, np.float64)
    if points.shape != (len(POINTS), 2) or confidence.shape != (len(POINTS),):
        raise UserError(
            f"a portrait has keypoints [{len(POINTS)}, 2] and a confidence each; got {list(points.shape)} and "
            f"{list(confidence.shape)}"
        )
    if not np.isfinite(points).all():
        raise UserError("the portrait's keypoints hold numbers that are not finite; detect them again")
    shoulders = points[list(SHOULDERS)]
    across = shoulders[0] - shoulders[1]
    width, face = float(np.hypot(*across)), points[FACE_SLICE]
    if min(width, *np.ptp(face, axis=0)) < _LEAST_SIZE * max(size):
        raise UserError("the portrait shows no shoulders or no face; choose one that shows a person's front")
    rest = canonical_skeleton().rest_positions
    index = canonical_skeleton().index
    head, face_scale = pose(default_face().neutral, face)
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

    hands = np.stack([points[HAND_SLICES[k]] - points[WRISTS[k]] for k in (0, 1)])
    pointing = hands[:, MIDDLE_KNUCKLE] - hands[:, 0]
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
        shown=np.array([np.median(confidence[hand]) >= _SEEN for hand in HAND_SLICES]),
        pointing=pointing / np.linalg.norm(pointing, axis=-1, keepdims=True),
        face_scale=face_scale,
        head=head,
        pivot=np.array([*middle, 0.0]),
        depth=local[:, 2] if depth is None else np.asarray(depth, np.float64),
    )


_BONES = (("shoulder", "elbow"), ("elbow", "wrist"))


@lru_cache(maxsize=1)
def default_face() -> Face:
    """The face of the default person, from its landmarks."""
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
    points = np.asarray(landmarks_of(still), np.float64)[:, FACE_SLICE]
    return Face(points[0] - skeleton.rest_positions[skeleton.index("head")], points[1:] - points[0])


def pose(shape: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, float]:
    """Rotation [3, 3] and scale that fit a shape [68, 3], y up, to points [68, 2], y down; weak perspective."""
    flat = (seen - seen.mean(0)) * [1.0, -1.0]
    affine = np.linalg.lstsq(shape - shape.mean(0), flat, rcond=None)[0].T  # [2, 3]
    u, stretch, v = np.linalg.svd(affine, full_matrices=False)
    rows = u @ v
    return np.stack([*rows, np.cross(*rows)]), float(stretch.mean())
