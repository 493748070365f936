"""The map of the body's layer: the parallax of the head, a spline through face, shoulders and trunk, and arms that
bend it.

Decision of ours [D]: upper arms are part of the body, and cloth near an arm goes with it, less and less with the
distance. A rotation of an arm that one picture can show is small, so places move linearly along a bone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.series import smoothstep
from ...motion.points import FACE_SLICE, SHOULDERS
from .head_depth import HeadDepth
from .limb_geometry import FINGER_HALF_WIDTH, INDEX, SIDES, TINY, along, body_scale, face_oval, hand, hand_distance
from .mouth_and_lids import similarity, unfolded
from .plate import Plate, plate

# All of these are decisions of ours, set by eye [D].
# Points of the trunk: shoulder widths below the shoulders and to the side, and share of the shoulders' move.
TRUNK_ANCHORS = (((0.0, 0.05), 0.9), ((-0.45, 0.7), 0.5), ((0.45, 0.7), 0.5), ((-0.45, 1.5), 0.15), ((0.45, 1.5), 0.15))
# Points of the head round the face, in half widths and half heights of the face from its middle.
HEAD_ANCHORS = np.array([[-1.5, -1.0], [0.0, -2.2], [1.5, -1.0], [-1.5, -2.0], [1.5, -2.0]])
BODY_RIDGE = 1e-5  # of the spline, where half the picture is 1
UPPER_HALF_WIDTH, LOWER_HALF_WIDTH = 0.15, 0.11  # shoulder widths
GO_WITH = 0.2  # shoulder widths beyond an arm over which cloth goes with it, at least
STEEPEST = 1.8  # of these, for each that an elbow or a wrist moves, so that nothing folds
FURTHEST = 0.4  # shoulder widths that an elbow or a wrist moves at most
FIRST = 0.1  # share of the upper arm from which it moves
STEPS = 8  # of the fixed-point iterations that turn a map round, at most
CLOSE = 0.01  # pixels by which the last of them moves a place


@dataclass(frozen=True, eq=False)
class Bend:
    """How an arm that is part of the body displaces places; pixels, before and after."""

    chain: np.ndarray  # [N, 2] shoulder, elbow, and wrist if it is part of the body too, before
    moves: np.ndarray  # [N, 2] displacement of each
    palm: np.ndarray | None  # [21, 2] the hand that goes with the wrist, before
    scale: float  # of a shoulder width

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """Displacements [M, 2] of places [M, 2] before."""
        if not np.any(self.moves):
            return np.zeros_like(places)
        moved, nearness, nearest = np.zeros_like(places), np.zeros((len(places), 1)), np.full(len(places), np.inf)
        for k, half_width in zip(range(len(self.chain) - 1), (UPPER_HALF_WIDTH, LOWER_HALF_WIDTH), strict=False):
            share, distance = along(self.chain[k : k + 2], places)
            if k == 0:
                share = (share - FIRST) / (1 - FIRST)
            share = np.clip(share, 0, 1)[:, None]
            beyond = np.maximum(distance / self.scale - half_width, 0)
            weight = (1 / (distance / self.scale + half_width) ** 4)[:, None]
            moved = moved + weight * ((1 - share) * self.moves[k] + share * self.moves[k + 1])
            nearness = nearness + weight
            nearest = np.minimum(nearest, beyond)
        if self.palm is not None:
            distance = hand_distance(self.palm, places, 1.0) / self.scale
            weight = (1 / (np.maximum(distance - 1, 0) + 0.5) ** 4)[:, None]
            moved, nearness = moved + weight * self.moves[-1], nearness + weight
            nearest = np.minimum(nearest, np.maximum(distance - 1, 0) * FINGER_HALF_WIDTH)
        reach = max(GO_WITH, STEEPEST * float(np.linalg.norm(self.moves, axis=1).max()) / self.scale)
        result: np.ndarray = smoothstep(1 - nearest / reach)[:, None] * moved / nearness
        return result


@dataclass(frozen=True, eq=False)
class BodyMap:
    """A backward map in pixels, and the same forward."""

    spline: Plate
    bends: tuple[Bend, ...]
    head: HeadDepth | None
    parallax: np.ndarray  # [2] of the head

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """Driven pixels [M, 2] -> source pixels."""
        before = places
        for _ in range(STEPS):
            last, before = before, places - self._bent(before)
            if np.abs(before - last).max(initial=0) < CLOSE:
                break
        came = self.spline(before)
        return came if self.head is None else self.head.backward(came, self.parallax)

    def forward(self, places: np.ndarray) -> np.ndarray:
        """Source pixels [M, 2] -> driven pixels."""
        if self.head is not None:
            places = self.head.forward(places, self.parallax)
        before = turned_round(self.spline, places)
        return before + self._bent(before)

    def _bent(self, places: np.ndarray) -> np.ndarray:
        result = np.zeros_like(places)
        for bend in self.bends:
            result += bend(places)
        return result


def turned_round(backward: Plate, source: np.ndarray) -> np.ndarray:
    """Driven pixels [M, 2] that a smooth backward map takes to source pixels."""
    driven = backward.start(source)
    inverse = np.linalg.inv(backward.matrix)
    for _ in range(STEPS):
        move = (backward(driven) - source) @ inverse.T
        driven = driven - move
        if np.abs(move).max(initial=0) < CLOSE:
            break
    return driven


def anchors(points: np.ndarray, source: np.ndarray, own: np.ndarray) -> np.ndarray:
    """[10, 2] pixels: places of body and hair without a keypoint, moved with the keypoints near them.

    The trunk follows the shoulders, less and less downwards; crown and sides of the head are turned and
    moved as the face is.

    Args:
        points: [116, 2] where the keypoints move to.
        source: [116, 2] keypoints of the portrait, moved by the parallax of the head.
        own: [116, 2] keypoints of the portrait.
    """
    scale = body_scale(own)
    old, new = (p[list(SHOULDERS)].mean(0) for p in (source, points))
    move = new - old
    trunk = [old + [across * scale, down * scale] + share * move for (across, down), share in TRUNK_ANCHORS]
    matrix, offset = similarity(source[FACE_SLICE], points[FACE_SLICE])
    middle, half = face_oval(own)
    head = middle + half * HEAD_ANCHORS
    return np.concatenate([np.array(trunk), head @ matrix.T + offset])


def body_map(
    source: np.ndarray,
    driven: np.ndarray,
    size: tuple[int, int],
    cut_out: tuple[str, ...],
    head: HeadDepth | None = None,
) -> BodyMap:
    """The map of the body's layer.

    Args:
        source: [116, 2] keypoints of the portrait, pixels.
        driven: [116, 2] where they move to.
        size: (width, height).
        cut_out: sides whose forearm and hand are layers of their own.
        head: its depth; None to move it as if it were flat.
    """
    awake = unfolded(source, driven)
    parallax, own = np.zeros(2), source
    if head is not None:
        parallax = head.parallax(driven[FACE_SLICE])
        source = head.forward(own, parallax)
    new, old = (np.concatenate([p[list(SHOULDERS)], p[FACE_SLICE], anchors(p, source, own)]) for p in (awake, source))
    spline = plate(new, old, max(size) / 2, BODY_RIDGE)
    scale = body_scale(own)
    bends = []
    for side in SIDES:
        joints = ("shoulder", "elbow") if side in cut_out else ("shoulder", "elbow", "wrist")
        at = [INDEX[f"{side}_{joint}"] for joint in joints]
        before = turned_round(spline, source[at])
        moves = driven[at] - before
        moves[0] = 0.0
        length = np.linalg.norm(moves, axis=1, keepdims=True)
        moves = moves * np.minimum(1.0, FURTHEST * scale / np.maximum(length, TINY))
        palm = None if side in cut_out else hand(own, side) + (before[2] - source[at[2]])
        bends.append(Bend(before, moves, palm, scale))
    return BodyMap(spline, tuple(bends), head, parallax)
