"""A drawn person with known keypoints, in flat colours, at any pose, for tests of portrait video."""

from __future__ import annotations

from functools import cache

import numpy as np

from cospeech.video.films.portrait import Portrait

SIDE = 256
# Flat colours [3], uint8.
WALL, SHIRT, SLEEVE, SKIN, FACE = (40, 70, 130), (40, 120, 60), (200, 180, 40), (230, 60, 50), (225, 170, 140)
HANDS = {"left": slice(6, 27), "right": slice(27, 48)}
ARMS = {"left": (0, 1, 2), "right": (3, 4, 5)}
HAND_RADIUS = 13.0  # of a picture 256 wide
# Elbow and wrist of the person's left arm, and where its hand points.
POSES = {
    "down": ((194, 165), (188, 208), (-0.2, 1.0)),
    "front": ((196, 172), (152, 182), (-1.0, 0.1)),
    "up": ((205, 160), (214, 112), (0.2, -1.0)),
    "foreshortened": ((196, 165), (198, 168), (0.0, 1.0)),
}


def figure_points(pose: str = "down", *, scale: float = 1.0) -> np.ndarray:
    """[116, 2] pixels of a person who faces the camera, in a picture of 256 ``scale`` wide."""
    points = np.zeros((116, 2))
    elbow, wrist, way = (np.array(value, float) for value in POSES[pose])
    left = np.stack([np.array([170.0, 112.0]), elbow, wrist])
    flip = np.array([-1.0, 1.0])
    points[0:3], points[3:6] = left, left * flip + [SIDE, 0]
    points[HANDS["left"]] = hand_points(wrist, way)
    points[HANDS["right"]] = hand_points(points[5], way * flip)
    points[48:] = face_points((128.0, 62.0))
    return points * scale


def hand_points(wrist: np.ndarray, way: np.ndarray) -> np.ndarray:
    """An open hand [21, 2] that points along a way."""
    along = np.asarray(way, float) / np.linalg.norm(way)
    across = np.array([-along[1], along[0]])
    result = [np.asarray(wrist, float)]
    for finger in range(5):
        for k in range(1, 5):
            result.append(wrist + along * (5 + 4 * k) + across * (finger - 2) * (3 + 0.6 * k))
    return np.array(result)


def face_points(middle: tuple[float, float], opened: float = 0.0) -> np.ndarray:
    """[68, 2] in the order of iBUG 300-W; the lips' gap is ``opened`` pixels."""
    x, y = middle
    face = np.zeros((68, 2))
    angle = np.linspace(np.pi, 0, 17)
    face[:17] = np.stack([x + 23 * np.cos(angle), y + 28 * np.sin(angle)], -1)
    for first, side in ((17, -1), (22, 1)):
        face[first : first + 5] = np.stack([x + side * 12 + np.linspace(-7, 7, 5), np.full(5, y - 16)], -1)
    face[27:31] = np.stack([np.full(4, x), np.linspace(y - 9, y + 3, 4)], -1)
    face[31:36] = np.stack([x + np.linspace(-5, 5, 5), np.full(5, y + 6)], -1)
    for first, side in ((36, -1), (42, 1)):
        around = np.pi + np.arange(6) * np.pi / 3
        face[first : first + 6] = np.stack([x + side * 11 + 5 * np.cos(around), y - 8 + 2 * np.sin(around)], -1)
    around = np.pi + np.arange(12) * np.pi / 6
    face[48:60] = np.stack([x + 10 * np.cos(around), y + 15 + 4 * np.sin(around)], -1)
    around = np.pi + np.arange(8) * np.pi / 4
    face[60:68] = np.stack([x + 7 * np.cos(around), y + 15 + np.sin(around) * opened / 2], -1)
    return face


def grid(width: int, height: int) -> np.ndarray:
    """[H, W, 2] middles of pixels."""
    return np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), -1)


def capsule(at: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float) -> np.ndarray:
    """[H, W] bool."""
    way = end - start
    share = np.clip(((at - start) @ way) / max(float(way @ way), 1e-9), 0, 1)
    return np.linalg.norm(at - start - share[..., None] * way, axis=-1) < radius


def shapes(points: np.ndarray, width: int, height: int) -> dict[str, np.ndarray]:
    """Where the parts of a person are, [H, W] bool each, those in front last."""
    scale = np.linalg.norm(points[0] - points[3]) / 84
    at = grid(width, height)
    middle = (points[0] + points[3]) / 2
    face = points[48:]
    centre = (face.min(0) + face.max(0)) / 2 - [0, 6 * scale]
    half = np.array([24.0, 36.0]) * scale
    trunk = (np.abs(at[..., 0] - middle[0]) < 42 * scale) & (at[..., 1] > middle[1] - 6 * scale)
    result = {
        "trunk": trunk,
        "neck": (np.abs(at[..., 0] - middle[0]) < 10 * scale)
        & (at[..., 1] > centre[1])
        & (at[..., 1] <= middle[1] - 6 * scale),
        "face": (((at - centre) / half) ** 2).sum(-1) < 1,
    }
    for side, (shoulder, elbow, wrist) in ARMS.items():
        upper = capsule(at, points[shoulder], points[elbow], 12 * scale)
        result[f"{side}_arm"] = upper | capsule(at, points[elbow], points[wrist], 8 * scale)
    for side, span in HANDS.items():
        result[f"{side}_hand"] = np.linalg.norm(at - points[span].mean(0), axis=-1) < HAND_RADIUS * scale
    return result


def draw_figure(points: np.ndarray, width: int = SIDE, height: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """Picture [H, W, 3] uint8 and where the person is, [H, W] float32 0 or 1."""
    at = grid(width, height)
    wall = np.array(WALL) + np.stack([at[..., 0] / width, at[..., 1] / height, 0 * at[..., 0]], -1) * 30
    picture, person = wall, np.zeros((height, width), np.float32)
    colours = {"trunk": SHIRT, "neck": FACE, "face": FACE, "arm": SLEEVE, "hand": SKIN}
    for name, inside in shapes(points, width, height).items():
        picture = np.where(inside[..., None], colours[name.rpartition("_")[2]], picture)
        person[inside] = 1
    return np.round(picture).astype(np.uint8), person


@cache
def drawn_portrait(pose: str = "down", *, size: tuple[int, int] = (SIDE, SIDE)) -> Portrait:
    """A portrait whose width and height are ``size``, the person at its top left."""
    points = figure_points(pose)
    picture, person = draw_figure(points, *size)
    return Portrait(picture, points, np.ones(116), person)


def doubled(portrait: Portrait) -> Portrait:
    """The same in twice the size, every pixel four times."""
    picture, person = (value.repeat(2, 0).repeat(2, 1) for value in (portrait.picture, portrait.person))
    return Portrait(picture, portrait.points * 2, portrait.confidence, person)


def like(picture: np.ndarray, colour: tuple[int, int, int], most: float = 60.0) -> np.ndarray:
    """[H, W] bool: where a picture, uint8 or 0 .. 1, has nearly a colour."""
    values = picture if picture.dtype == np.uint8 else picture * 255
    return np.linalg.norm(values.astype(float) - colour, axis=-1) < most


def centroid(inside: np.ndarray) -> np.ndarray:
    """x and y of the middle of pixels."""
    y, x = np.nonzero(inside)
    return np.array([x.mean() + 0.5, y.mean() + 0.5])


def moved_arm(points: np.ndarray, side: str, shift: tuple[float, float]) -> np.ndarray:
    """The same with a wrist and its hand moved."""
    result = points.copy()
    result[ARMS[side][2]] += shift
    result[HANDS[side]] += shift
    return result
