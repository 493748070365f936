"""Points of the TED corpora in space, turned into rotations of the canonical skeleton.

Points do not say how a limb is turned about itself, so this is a decision of ours: every limb swings the
short way from where its parent carries it to the direction that was seen, beginning with the chest's frame
(shoulders and spine). Hands whose knuckles are there take their whole frame from wrist, index and little
finger; so does the head from ears and nose. Lengths are the canonical skeleton's own. Lean of the chest and
nod of the head are measured against the mean poses that the corpora's loaders carry, which count as upright.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.errors import UserError
from ...core.rotation import align_vectors, axis_rotation, matrix_to_quaternion, quaternion_to_matrix, slerp, transpose
from ...motion.kinematics import local_rotations
from ...motion.motion import Motion
from ...motion.skeleton import CANONICAL_NAMES, CANONICAL_PARENTS, FINGERS, canonical_skeleton

GAP = 0.3  # seconds without a body that are bridged
_TINY = 1e-4  # metres: a bone shorter than this was not seen

# What the joints of the canonical skeleton are called here, beside its own names.
_GESTURE = (
    "spine",
    "neck",
    "nose",
    "top",
    *(f"{side}_{joint}" for side in ("left", "right") for joint in ("shoulder", "elbow", "wrist")),
)
_EXPRESSIVE = (
    "spine",
    "neck",
    *(f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist") for side in ("left", "right")),
    *(f"{side}_{finger}{k}" for side in ("left", "right") for finger in FINGERS for k in (1, 2, 3)),
    "nose",
    "right_eye",
    "left_eye",
    "right_ear",
    "left_ear",
)


@dataclass(frozen=True)
class Layout:
    """One corpus' points."""

    names: tuple[str, ...]
    axes: tuple[float, float, float]  # what x, y and z are multiplied with, to be ours
    lean: float  # degrees by which the chest of the mean pose leans forward
    nod: float  # degrees by which its head does


# By the number of points. Axes from the mean poses: y is down in both; TED Gesture faces +z with its left at
# -x, TED Expressive -z with its left at +x. Leans from the same (spine to neck; neck to top of the head, and
# ears to nose).
LAYOUTS = {
    10: Layout(_GESTURE, (-1.0, -1.0, 1.0), lean=-4.2, nod=3.4),
    43: Layout(_EXPRESSIVE, (1.0, -1.0, -1.0), lean=6.3, nod=15.8),
}


def body_of(points: np.ndarray, fps: float) -> Motion:
    """A motion on the canonical skeleton, at the points' own rate; the hips have the chest's turn.

    Args:
        points: [T, 10, 3] of TED Gesture or [T, 43, 3] of TED Expressive.
        fps: frames a second.

    Raises:
        UserError: another shape, or too long without a body.
    """
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 3 or points.shape[1] not in LAYOUTS or points.shape[2] != 3 or len(points) < 2:
        raise UserError(f"expected points [T, 10, 3] or [T, 43, 3]; got {list(points.shape)}")
    layout = LAYOUTS[points.shape[1]]
    points = _bridged(points * layout.axes, layout, fps)
    place = {name: points[:, index] for index, name in enumerate(layout.names)}
    world = dict.fromkeys(CANONICAL_NAMES, _chest(place, layout))
    rest = dict(zip(CANONICAL_NAMES, canonical_skeleton().rest_positions, strict=True))

    def swing(name: str, child: str, carried: np.ndarray) -> np.ndarray:
        turned: np.ndarray = align_vectors(carried @ (rest[child] - rest[name]), place[child] - place[name]) @ carried
        return turned

    world["head"] = _head(place, layout, world["spine3"])
    world["neck"] = _between(world["spine3"], world["head"])
    for side in ("left", "right"):
        shoulder, elbow, wrist = (f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist"))
        world[shoulder] = swing(shoulder, elbow, world["spine3"])
        world[elbow] = swing(elbow, wrist, world[shoulder])
        fingers = f"{side}_index1" in place
        world[wrist] = _hand(side, place) @ transpose(_hand(side, rest)) if fingers else world[elbow]
        for finger in FINGERS:
            carried = world[wrist]
            for k in (1, 2, 3):
                name = f"{side}_{finger}{k}"
                if fingers and k < 3:
                    carried = swing(name, f"{side}_{finger}{k + 1}", carried)
                world[name] = carried
    for name in ("jaw", "left_eye", "right_eye"):
        world[name] = world["head"]
    stacked = np.stack([world[name] for name in CANONICAL_NAMES], axis=1)
    translation = np.tile(rest["pelvis"], (len(points), 1))
    return Motion(canonical_skeleton(), fps, local_rotations(stacked, CANONICAL_PARENTS), translation)


def _chest(place: dict[str, np.ndarray], layout: Layout) -> np.ndarray:
    """[T, 3, 3]: the shoulders' line to the left, the spine up."""
    left = place["left_shoulder"] - place["right_shoulder"]
    frame = _frame(left, place["neck"] - place["spine"])
    upright: np.ndarray = frame @ axis_rotation("X", np.deg2rad(-layout.lean))
    return upright


def _head(place: dict[str, np.ndarray], layout: Layout, chest: np.ndarray) -> np.ndarray:
    """[T, 3, 3]: from ears and nose, or the tilt alone from neck and top of the head."""
    nod = axis_rotation("X", np.deg2rad(layout.nod))
    if "left_ear" in place:
        ahead = place["nose"] - (place["left_ear"] + place["right_ear"]) / 2
        left = place["left_ear"] - place["right_ear"]
        turned: np.ndarray = _frame(left, np.cross(ahead, left)) @ transpose(nod)
        return turned
    tilted: np.ndarray = align_vectors(chest @ nod[:, 1], place["top"] - place["neck"]) @ chest
    return tilted


def _hand(side: str, place: dict[str, np.ndarray]) -> np.ndarray:
    """[..., 3, 3]: along the hand, across the knuckles, and square to both."""
    index, pinky = place[f"{side}_index1"], place[f"{side}_pinky1"]
    along = (index + pinky) / 2 - place[f"{side}_wrist"]
    return _frame(along, index - pinky)


def _frame(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """[..., 3, 3] of the directions x and, as far as it is square to x, y."""
    x = x / np.linalg.norm(x, axis=-1, keepdims=True)
    z = np.cross(x, y)
    z /= np.maximum(np.linalg.norm(z, axis=-1, keepdims=True), 1e-12)
    return np.stack([x, np.cross(z, x), z], axis=-1)


def _between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return quaternion_to_matrix(slerp(matrix_to_quaternion(a), matrix_to_quaternion(b), np.full(len(a), 0.5)))


def _bridged(points: np.ndarray, layout: Layout, fps: float) -> np.ndarray:
    """Points with short gaps filled in a straight line; without a body all is one spot, or no numbers."""
    at = {name: points[:, index] for index, name in enumerate(layout.names)}
    bones = [("spine", "neck"), ("left_shoulder", "right_shoulder")]
    bones += [
        (f"{s}_{a}", f"{s}_{b}") for s in ("left", "right") for a, b in (("shoulder", "elbow"), ("elbow", "wrist"))
    ]
    with np.errstate(invalid="ignore"):
        seen = np.isfinite(points).all(axis=(1, 2))
        for start, end in bones:
            seen &= np.linalg.norm(at[end] - at[start], axis=-1) > _TINY
    known = np.flatnonzero(seen)
    longest = np.diff(np.concatenate([[-1], known, [len(points)]])).max() - 1
    if not len(known) or longest > GAP * fps:
        raise UserError(f"no body for {longest / fps:.2f} s (allowed {GAP})")
    if len(known) == len(points):
        return points
    flat = points.reshape(len(points), -1)
    frames = np.arange(len(points))
    filled = [np.interp(frames, known, column[known]) for column in flat.T]
    return np.stack(filled, axis=-1).reshape(points.shape)
