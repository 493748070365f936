"""Shapes of a person's limbs in a picture, from the 116 keypoints: bones, hands, and distances to them.

Coordinates are pixels, x right and y down, from the top left corner; pixels have their middles at halves. Sizes
are in shoulder widths (``body_scale``), so that they hold for pictures of any size. It knows no colours.
"""

from __future__ import annotations

import numpy as np

from ...core.series import smoothstep
from ...data.point_normalization import SEEN
from ...motion.points import FACE_SLICE, FINGERS, HAND_SIZE, MIDDLE_KNUCKLE, POINTS, SHOULDERS

SIDES = ("left", "right")
PARTS = ("body", *(f"{side}_{part}" for part in ("upper", "lower", "hand") for side in SIDES))  # back to front
INDEX = {name: k for k, name in enumerate(POINTS)}
FACE_HEIGHTS = 1.4  # of a face from brows to chin, that count as a shoulder width of who stands sideways [D]
FINGER_HALF_WIDTH, PALM_HALF_WIDTH = 0.038, 0.05  # shoulder widths, set by eye on portraits [D]
# Lines between a hand's points that fill its palm: across the knuckles, and between thumb and knuckles.
PALM_LINES = ((5, 9), (9, 13), (13, 17), (2, 5), (1, 17), (2, 9))
TOUCHING = 0.1  # shoulder widths between points of the two hands below which they are folded [D]
HAND_END, HAND_FALL = 1.3, 0.3  # half widths of fingers at which a hand ends, and over which it does [D]
FOREARM_HALF_WIDTHS = (0.12, 0.075)  # shoulder widths at elbow and wrist [D]
NEARER = 0.6  # half widths by which a place is nearer to the hand than to the forearm, until it is all hand [D]
WRIST_SHIFT = 0.4  # of the way to the middle knuckle, that a wrist is moved by at most [D]
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


def along(bone: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where places lie beside a bone.

    Args:
        bone: [2, 2] pixels, start and end.
        places: [..., 2] pixels.

    Returns:
        Share of the way along the bone [...] (below 0 before its start, above 1 beyond its end) and distance to the
        bone in pixels [...].
    """
    start, way = bone[0], bone[1] - bone[0]
    x, y = places[..., 0] - start[0], places[..., 1] - start[1]
    share = (x * way[0] + y * way[1]) / max(float(way @ way), TINY)
    near = np.clip(share, 0.0, 1.0)
    distance = np.sqrt((x - near * way[0]) ** 2 + (y - near * way[1]) ** 2)
    return share, distance


def tapered_distance(
    bone: np.ndarray, places: np.ndarray, scale: float, half_widths: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Share of the way along a bone, as ``along``, and distance to it in its half widths [...], 1 at its border.

    Args:
        bone: [2, 2] pixels.
        places: [..., 2] pixels.
        scale: pixels of a shoulder width.
        half_widths: at the two ends, shoulder widths.
    """
    share, distance = along(bone, places)
    first, last = half_widths
    return share, distance / (scale * (first + (last - first) * np.clip(share, 0, 1)))


def hand_distance(shape: np.ndarray, places: np.ndarray, scale: float) -> np.ndarray:
    """[...] distance of places [..., 2] to a hand [21, 2], 1 at its border: fingers as lines, the palm as a fan."""
    return _nearest(_hand_lines(), shape, places, scale)


def _hand_lines() -> list[tuple[int, int, float]]:
    """Numbers of the ends of the lines of a hand, and their half widths in shoulder widths."""
    lines = []
    for finger in range(len(FINGERS)):
        chain = finger_chain(finger)
        lines += [(chain[k], chain[k + 1], PALM_HALF_WIDTH if k == 0 else FINGER_HALF_WIDTH) for k in range(4)]
    return lines + [(a, b, PALM_HALF_WIDTH) for a, b in PALM_LINES]


def _nearest(lines: list[tuple[int, int, float]], shape: np.ndarray, places: np.ndarray, scale: float) -> np.ndarray:
    best = np.full(places.shape[:-1], np.inf)
    for a, b, half_width in lines:
        best = np.minimum(best, along(np.stack([shape[a], shape[b]]), places)[1] / (half_width * scale))
    return best


def hand_of_arm(
    points: np.ndarray, side: str, size: tuple[int, int], *, shift: float = 0.0, fall: float = HAND_FALL
) -> np.ndarray:
    """[H, W] float32 in 0 .. 1: what of a forearm with its hand is hand.

    Args:
        points: [116, 2] pixels.
        side: "left" or "right".
        size: (width, height).
        shift: shoulder widths beyond the wrist, where the hand begins.
        fall: half widths of the palm over which it begins.
    """
    places, scale = pixel_places(size), body_scale(points)
    shape = hand(points, side).copy()
    way = shape[MIDDLE_KNUCKLE] - shape[0]
    shape[0] += way * min(WRIST_SHIFT, shift * scale / max(float(np.linalg.norm(way)), TINY))
    lines = _hand_lines()
    palm = _nearest([line for line in lines if line[0] == 0], shape, places, scale)
    fingers = _nearest([line for line in lines if line[0] != 0], shape, places, scale)
    forearm = tapered_distance(bones(points, side)["lower"], places, scale, FOREARM_HALF_WIDTHS)[1]
    nearer = (forearm - np.minimum(palm, fingers)) / NEARER
    shares = (HAND_END - fingers) / HAND_FALL, (HAND_END - palm) / fall, smoothstep(0.5 + nearer)
    result: np.ndarray = np.clip(np.maximum.reduce(shares), 0, 1).astype(np.float32)
    return result


def pixel_grid(size: tuple[int, int]) -> np.ndarray:
    """[2, H, W]: x and y of the middle of every pixel of a picture of (width, height)."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]] + 0.5
    return np.stack([x, y])


def pixel_places(size: tuple[int, int]) -> np.ndarray:
    """[H, W, 2]: the middle of every pixel, as ``pixel_grid``."""
    return np.moveaxis(pixel_grid(size), 0, -1)


def face_oval(points: np.ndarray, least: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Middle [2] and half axes [2], at least ``least`` pixels, of the box round the face of keypoints [116, 2]."""
    face = points[FACE_SLICE]
    low, high = face.min(0), face.max(0)
    return (low + high) / 2, np.maximum((high - low) / 2, least)


def found_hands(confidence: np.ndarray | None) -> tuple[str, ...]:
    """Sides of whose hand most points were found, by the confidence [116] of all points; both without it."""
    if confidence is None:
        return SIDES
    return tuple(side for side in SIDES if float(np.median(hand(confidence[:, None], side))) >= SEEN)


def folded_hands(points: np.ndarray) -> bool:
    """Whether the hands of keypoints [116, 2] touch."""
    left, right = (hand(points, side) for side in SIDES)
    apart = float(np.linalg.norm(left[:, None] - right, axis=-1).min())
    return apart < TOUCHING * body_scale(points)


def free_arms(points: np.ndarray, confidence: np.ndarray | None, size: tuple[int, int]) -> tuple[str, ...]:
    """Sides whose forearm and hand can move by themselves: found, whole, and not folded with the other hand.

    Args:
        points: [116, 2] pixels, complete.
        confidence: [116] 0 to 1, or None if all points were found.
        size: (width, height) of the picture.
    """
    if folded_hands(points):
        return ()
    joints = {side: [INDEX[f"{side}_{name}"] for name in ("elbow", "wrist")] for side in SIDES}
    return tuple(
        side
        for side in found_hands(confidence)
        if (confidence is None or confidence[joints[side]].min() >= SEEN) and _within(hand(points, side), size)
    )


def _within(places: np.ndarray, size: tuple[int, int]) -> bool:
    """Whether places [N, 2] are all inside a picture."""
    return bool((places > 0).all() and (places < size).all())
