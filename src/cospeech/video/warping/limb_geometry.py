"""Shapes of a person's limbs in a picture, from the 116 keypoints: bones, hands, and distances to them.

Coordinates are pixels, x right and y down, from the top left corner; pixels have their middles at halves. Sizes
are in shoulder widths (``body_scale``), so that they hold for pictures of any size. It knows no colours.
"""

from __future__ import annotations

import numpy as np

from ...motion.points import FACE_SLICE, FINGERS, HAND_SIZE, POINTS, SHOULDERS

SIDES = ("left", "right")
PARTS = ("body", *(f"{side}_{part}" for part in ("upper", "lower", "hand") for side in SIDES))  # back to front
INDEX = {name: k for k, name in enumerate(POINTS)}
FACE_HEIGHTS = 1.4  # of a face from brows to chin, that count as a shoulder width of who stands sideways [D]
FINGER_HALF_WIDTH, PALM_HALF_WIDTH = 0.038, 0.05  # shoulder widths, set by eye on portraits [D]
# Lines between a hand's points that fill its palm: across the knuckles, and between thumb and knuckles.
PALM_LINES = ((5, 9), (9, 13), (13, 17), (2, 5), (1, 17), (2, 9))
TINY = 1e-6  # pixels: lengths and their squares below count as none


def body_scale(points: np.ndarray) -> float:
    """Shoulder width in pixels of keypoints [116, 2].

    It is at least 1.4 face heights, for a person who stands sideways, and at least one pixel.
    """
    left, right = points[SHOULDERS[0]], points[SHOULDERS[1]]
    height = float(np.ptp(points[FACE_SLICE][:, 1]))
    return max(float(np.linalg.norm(left - right)), FACE_HEIGHTS * height, 1.0)


def bones(points: np.ndarray, side: str) -> dict[str, np.ndarray]:
    """Upper and lower arm, [2, 2] pixels: from shoulder to elbow, and from elbow to wrist."""
    shoulder, elbow, wrist = (points[INDEX[f"{side}_{name}"]] for name in ("shoulder", "elbow", "wrist"))
    return {"upper": np.stack([shoulder, elbow]), "lower": np.stack([elbow, wrist])}


def hand(points: np.ndarray, side: str) -> np.ndarray:
    """The 21 keypoints of a hand [..., 21, 2]."""
    first = INDEX[f"{side}_hand"]
    return points[..., first : first + HAND_SIZE, :]


def finger_chain(finger: int) -> list[int]:
    """Numbers within a hand of its root and the four joints of a finger, 0 (thumb) to 4."""
    return [0, *range(1 + 4 * finger, 5 + 4 * finger)]


def along(bone: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Where every pixel lies beside a bone.

    Args:
        bone: [2, 2] pixels, start and end.
        size: (width, height) of the picture.

    Returns:
        Share of the way along the bone [H, W] (below 0 before its start, above 1 beyond its end) and distance
        to the bone in pixels [H, W].
    """
    width, height = size
    y, x = np.mgrid[0:height, 0:width] + 0.5
    start, way = bone[0], bone[1] - bone[0]
    share = ((x - start[0]) * way[0] + (y - start[1]) * way[1]) / max(float(way @ way), TINY)
    near = np.clip(share, 0.0, 1.0)
    distance = np.hypot(x - start[0] - near * way[0], y - start[1] - near * way[1])
    return share, distance


def tapered_distance(
    bone: np.ndarray, size: tuple[int, int], scale: float, half_widths: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Share of the way along a bone, as ``along``, and distance to it in its half widths [H, W], 1 at its border.

    Args:
        bone: [2, 2] pixels.
        size: (width, height) of the picture.
        scale: pixels of a shoulder width.
        half_widths: at the two ends, shoulder widths.
    """
    share, distance = along(bone, size)
    first, last = half_widths
    return share, distance / (scale * (first + (last - first) * np.clip(share, 0, 1)))


def hand_distance(shape: np.ndarray, size: tuple[int, int], scale: float) -> np.ndarray:
    """[H, W] distance to a hand [21, 2], 1 at its border: fingers as lines, the palm as a fan of lines."""
    lines = []
    for finger in range(len(FINGERS)):
        chain = finger_chain(finger)
        lines += [(chain[k], chain[k + 1], PALM_HALF_WIDTH if k == 0 else FINGER_HALF_WIDTH) for k in range(4)]
    lines += [(a, b, PALM_HALF_WIDTH) for a, b in PALM_LINES]
    best = np.full((size[1], size[0]), np.inf)
    for a, b, half_width in lines:
        best = np.minimum(best, along(np.stack([shape[a], shape[b]]), size)[1] / (half_width * scale))
    return best


def pixel_grid(size: tuple[int, int]) -> np.ndarray:
    """[2, H, W]: x and y of the middle of every pixel of a picture of (width, height)."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]] + 0.5
    return np.stack([x, y])


def face_oval(points: np.ndarray, least: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Middle [2] and half axes [2], at least ``least`` pixels, of the box round the face of keypoints [116, 2]."""
    face = points[FACE_SLICE]
    low, high = face.min(0), face.max(0)
    return (low + high) / 2, np.maximum((high - low) / 2, least)
