"""The 116 keypoints of a person, as arrays, from the points that MediaPipe's networks find in a picture or film.

Hands whose palm is turned aside are missed; in pictures they are searched for again, in an enlarged part around the
wrist [D]. Where a hand is detected, its root is the wrist, too: the wrist of the pose lies up to a fifth of the
shoulders' width off [D].
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ...motion.points import FACE_SLICE, HAND_SLICES, POINTS, WRISTS
from .boxes import FACES_FAR, Detection, detections
from .face_mesh import MESH
from .holistic import ARMS, Person, Tracker, hands_in, person_mask_of
from .networks import Networks
from .regions import Region

LARGE = 0.5  # of the widest face: smaller faces do not count as people
ASTRAY = 0.45  # shoulder widths that a hand may lie off the wrist of the pose
AROUND = 0.65  # shoulder widths from the wrist to the edge of where a hand is searched for again
SURE_WRIST = 0.5  # confidence of a wrist from which its hand is searched for again
LEAST_SHOULDERS = 16  # pixels: with narrower shoulders no hand is searched for again
TAKEN = 0.15  # shoulder widths within which a hand is the other one
EVERY = 10  # frames between reports of progress
_POSE_WRISTS = (15, 16)


def picture_arrays(networks: Networks, picture: np.ndarray) -> dict[str, np.ndarray]:
    """Keypoints in a picture.

    Args:
        picture: [H, W, 3] uint8 sRGB.
    Returns:
        points [1, 116, 2] in pixels, confidence [1, 116], people [1] (large faces, see ``count_people``), fps (0),
        size (width, height), mask [H, W] uint8 (255 where the person is) and, where there is a face, mesh [468, 3],
        its points with depth.
    """
    person = Tracker(networks).person(picture)
    points, confidence = keypoints_of(person)
    for side in range(2):
        if not confidence[HAND_SLICES[side].start]:
            _search_hand(networks, picture, points, confidence, side)
    mesh = {} if person is None or person.face is None else {"mesh": person.face.astype(np.float32)}
    return {
        **mesh,
        "points": points[None],
        "confidence": confidence[None],
        "people": np.array([count_people(detections(networks, FACES_FAR, picture))]),
        "fps": np.array(0.0),
        "size": np.array(picture.shape[1::-1]),
        "mask": np.round(person_mask_of(networks, picture) * 255).astype(np.uint8),
    }


def film_arrays(
    networks: Networks, frames: Iterable[np.ndarray], fps: float, report: Callable[[int], None]
) -> dict[str, np.ndarray]:
    """Keypoints in a film, tracked and smoothed.

    Args:
        frames: [H, W, 3] uint8 sRGB, at least one.
        fps: frames a second.
        report: called with the number of frames done, every ``EVERY`` frames.
    Returns:
        As ``picture_arrays``, with a row for each frame and without mask and mesh.
    Raises:
        ValueError: no frames.
    """
    tracker = Tracker(networks, fps)
    rows, people, poses, size = [], [], [], (0, 0)
    for frame in frames:
        person = tracker.person(frame)
        rows.append(keypoints_of(person))
        poses.append(np.zeros((2, 2)) if person is None else person.pose[list(_POSE_WRISTS)])
        people.append(count_people(detections(networks, FACES_FAR, frame)))
        size = frame.shape[1::-1]
        if len(rows) % EVERY == 0:
            report(len(rows))
    if not rows:
        raise ValueError("it holds no pictures")
    points, confidence = (np.stack(arrays) for arrays in zip(*rows, strict=True))
    for side in range(2):
        steady_wrists(points, confidence, side, np.stack(poses)[:, side])
    return {
        "points": points,
        "confidence": confidence,
        "people": np.array(people),
        "fps": np.array(fps),
        "size": np.array(size),
    }


def steady_wrists(points: np.ndarray, confidence: np.ndarray, side: int, poses: np.ndarray) -> None:
    """Where a hand is lost, the pose's wrist with the offset that the hand had before and after: no jumps.

    Args:
        points, confidence: [T, 116, 2] and [T, 116], changed in place.
        poses: [T, 2], the wrist of the pose.
    """
    wrist = WRISTS[side]
    seen, there = confidence[:, HAND_SLICES[side].start] > 0, confidence[:, wrist] > 0
    if seen.any():
        frames, known = np.arange(len(points)), np.flatnonzero(seen)
        off = points[:, wrist] - poses
        moved = np.stack([np.interp(frames, known, off[known, axis]) for axis in range(2)], axis=-1)
        points[there, wrist] = (poses + moved)[there]


def keypoints_of(person: Person | None) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints [116, 2] in pixels and confidence [116]; 0 for what was not detected."""
    points, confidence = np.zeros((len(POINTS), 2), np.float32), np.zeros(len(POINTS), np.float32)
    if person is None:
        return points, confidence
    points[: len(ARMS)], confidence[: len(ARMS)] = person.pose[list(ARMS)], person.visibility[list(ARMS)]
    reach = np.linalg.norm(points[0] - points[3])
    for side, hand in enumerate(person.hands):
        if hand is not None and np.linalg.norm(hand[0] - person.pose[_POSE_WRISTS[side]]) < ASTRAY * reach:
            _put(hand, points, confidence, side)
    if person.face is not None:
        points[FACE_SLICE], confidence[FACE_SLICE] = person.face[list(MESH), :2], 1.0
    return points, confidence


def count_people(faces: Sequence[Detection]) -> int:
    """Number of faces at least ``LARGE`` times as wide as the widest."""
    widths = [float(face.box[1, 0] - face.box[0, 0]) for face in faces]
    return sum(width >= LARGE * max(widths) for width in widths)


def _search_hand(
    networks: Networks, picture: np.ndarray, points: np.ndarray, confidence: np.ndarray, side: int
) -> None:
    """Search for a hand around its wrist."""
    height, width = picture.shape[:2]
    reach = float(np.linalg.norm(points[0] - points[3]))
    at = points[WRISTS[side]]
    inside = 0 <= at[0] < width and 0 <= at[1] < height
    if confidence[WRISTS[side]] < SURE_WRIST or not inside or reach < LEAST_SHOULDERS:
        return
    wide = 2 * AROUND * reach
    taken = points[HAND_SLICES[1 - side].start]
    best, near = None, ASTRAY * reach
    for hand in hands_in(networks, picture, Region(float(at[0]), float(at[1]), wide, wide)):
        away = float(np.linalg.norm(hand[0] - at))
        if away < near and np.linalg.norm(hand[0] - taken) > TAKEN * reach:
            best, near = hand, away
    if best is not None:
        _put(best, points, confidence, side)


def _put(hand: np.ndarray, points: np.ndarray, confidence: np.ndarray, side: int) -> None:
    """Store a detected hand, and its root as wrist."""
    points[HAND_SLICES[side]], confidence[HAND_SLICES[side]] = hand, 1.0
    points[WRISTS[side]], confidence[WRISTS[side]] = hand[0], 1.0
