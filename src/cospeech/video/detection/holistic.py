"""Pose, hands and face of one person in a picture or in the frames of a film.

MediaPipe Holistic (Grishchenko and Bazarevsky 2020) in NumPy, after the graphs in
``mediapipe/modules/holistic_landmark``: a person is detected, a network places 33 points of the pose in the region
around them, and others those of hands and face in regions that follow from the pose. In a film, regions follow from
the points of the frame before, as long as nothing moves far, and the pose is smoothed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .boxes import FACES_NEAR, PALMS, PEOPLE, detections
from .face_mesh import LEFT_EYE_CORNER, MESH_SIZE, REGIONS, RIGHT_EYE_CORNER
from .networks import Networks
from .regions import Region, cropped, turn_between

UP, DOWN, RIGHT = np.pi / 2, -np.pi / 2, 0.0
POSE_POINTS = 33
ARMS = (11, 13, 15, 12, 14, 16)  # of the pose: shoulder, elbow, wrist, left and right
HAND_OF_POSE = ((15, 17, 19), (16, 18, 20))  # wrist, little finger, index finger
FACE_OF_POSE = 11  # points, from the first on
RIGHT_EYE_OF_POSE, LEFT_EYE_OF_POSE = 5, 2  # as the network numbers them: in the picture, left and right
PRESENT = 0.5  # probability from which a pose, hand or face is there
SURE_WRIST = 0.1  # visibility of a wrist from which its hand is looked for
KNUCKLES = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)  # points of a hand that its region follows from
_KERNEL, _SURE_HEAT = 7, 0.5  # cells of a heatmap that count, and how hot one of them must be
_VISIBILITY_SHARE = 0.1  # of a new frame in a film's visibilities
_POSE_FILTER, _REGION_FILTER = (0.05, 80.0), (0.01, 10.0)  # least cutoff in Hz, and its growth with speed
_SPEED_CUTOFF = 1.0  # Hz


@dataclass(frozen=True, eq=False)
class Person:
    """Points of a person in pixels, None for what was not detected."""

    pose: np.ndarray  # [33, 2]
    visibility: np.ndarray  # [33], 0 to 1
    hands: tuple[np.ndarray | None, np.ndarray | None]  # [21, 2], left and right
    face: np.ndarray | None  # [468, 3], the last one depth towards the viewer, from anywhere


@dataclass(frozen=True)
class Steady:
    """How far a region of a film may move from one frame to the next, to be kept."""

    degrees: float
    share: float  # of its width and height
    growth: float
    margin: float  # of the new region, within which the points must lie


HAND_STEADY, FACE_STEADY = Steady(40.0, 0.2, 0.4, 0.1), Steady(15.0, 0.1, 0.3, 0.2)


class Tracker:
    """Finds the same person in one frame after another; a new one for each picture."""

    def __init__(self, networks: Networks, fps: float | None = None) -> None:
        """Args:
        fps: frames a second of the film; None for single pictures.
        """
        self.networks = networks
        self.body: Region | None = None
        self.before: list[np.ndarray | None] = [None, None, None]  # hands and face of the last frame
        self.smoothing = None if fps is None else (_Smoothing(fps, *_POSE_FILTER), _Smoothing(fps, *_REGION_FILTER))
        self.visibility: np.ndarray | None = None

    def person(self, picture: np.ndarray) -> Person | None:
        """The most prominent person of a picture [H, W, 3] uint8; None if there is nobody."""
        if self.body is None:
            self.body = _body_region(self.networks, picture)
        found = None if self.body is None else _pose(self.networks, picture, self.body)
        if found is None:
            self._forget()
            return None
        points, visibility = found
        body = _around(points[POSE_POINTS:])
        if self.smoothing is not None:
            pose, region = self.smoothing
            points = np.concatenate([pose(points[:POSE_POINTS], body.width), region(points[POSE_POINTS:], body.width)])
            if self.visibility is not None:
                visibility = self.visibility + _VISIBILITY_SHARE * (visibility - self.visibility)
            self.visibility = visibility
            self.body = _around(points[POSE_POINTS:]).squared(1.25)
        pose_points = points[:POSE_POINTS]
        hands = [self._hand(picture, pose_points, visibility, side) for side in range(2)]
        face = self._face(picture, pose_points)
        self.before = [*hands, face]
        return Person(pose_points, visibility, (hands[0], hands[1]), face)

    def _forget(self) -> None:
        self.body, self.before, self.visibility = None, [None, None, None], None
        for filter_ in self.smoothing or ():
            filter_.forget()

    def _hand(self, picture: np.ndarray, pose: np.ndarray, visibility: np.ndarray, side: int) -> np.ndarray | None:
        wrist, little, index = HAND_OF_POSE[side]
        if visibility[wrist] <= SURE_WRIST:
            return None
        middle = (2 * pose[index] + pose[little]) / 3
        turn = turn_between(pose[wrist], middle, UP)
        rough = Region.of_circle(middle, pose[wrist], turn).squared(2.7, down=-0.1)
        (spots,) = self.networks.run("hand_recrop", cropped(picture, rough, 256) / 255)
        centre, edge = rough.to_picture(spots.reshape(2, 2).astype(float) / 256)
        region = Region.of_circle(centre, edge, turn_between(centre, edge, DOWN)).squared(1.0, down=-0.1)
        before = self.before[side]
        if before is not None:
            region = _kept(before, _around_hand(before), region, HAND_STEADY)
        return hand_in(self.networks, picture, region)

    def _face(self, picture: np.ndarray, pose: np.ndarray) -> np.ndarray | None:
        turn = turn_between(pose[RIGHT_EYE_OF_POSE], pose[LEFT_EYE_OF_POSE], RIGHT)
        rough = Region.of_points(pose[:FACE_OF_POSE], turn).squared(3.0)
        found = detections(self.networks, FACES_NEAR, picture, rough)
        if not found:
            return None
        eyes = found[0].points
        region = Region.of_points(eyes, turn_between(eyes[0], eyes[1], RIGHT)).squared(2.0, down=-0.1)
        before = self.before[2]
        if before is not None:
            flat = before[:, :2]
            level = turn_between(flat[RIGHT_EYE_CORNER], flat[LEFT_EYE_CORNER], RIGHT)
            region = _kept(flat, Region.of_points(flat, level).squared(1.5), region, FACE_STEADY)
        return face_in(self.networks, picture, region)


def hand_in(networks: Networks, picture: np.ndarray, region: Region) -> np.ndarray | None:
    """The 21 points of a hand in a region, wrist below and fingers above; None if there is no hand."""
    points, presence, *_ = networks.run("hand_landmark_full", cropped(picture, region, 224) / 255)
    if presence.item() <= PRESENT:
        return None
    return region.to_picture(points.reshape(21, 3)[:, :2].astype(float) / 224)


def hands_in(networks: Networks, picture: np.ndarray, region: Region) -> list[np.ndarray]:
    """Points [21, 2] of up to two hands whose palms are detected in a region."""
    hands = []
    for palm in detections(networks, PALMS, picture, region)[:2]:
        turn = turn_between(palm.points[0], palm.points[2], UP)
        around = Region.of_points(palm.box, turn).squared(2.6, down=-0.5)
        hands.append(hand_in(networks, picture, around))
    return [hand for hand in hands if hand is not None]


def face_in(networks: Networks, picture: np.ndarray, region: Region) -> np.ndarray | None:
    """The 468 points of a face in a region, lips and eyes refined, and their depth, [468, 3]; None if there is none."""
    mesh, *refined, flag = networks.run("face_landmark_with_attention", cropped(picture, region, 192) / 255)
    if 1 / (1 + np.exp(-flag.item())) <= PRESENT:
        return None
    raw = mesh.reshape(MESH_SIZE, 3).astype(float) / 192
    points = raw[:, :2].copy()
    for places, spots in zip(REGIONS, refined, strict=False):  # irises follow, which are no points of ours
        points[list(places)] = spots.reshape(-1, 2) / 192
    return np.concatenate([region.to_picture(points), -raw[:, 2:] * region.width], -1)


def person_mask_of(networks: Networks, picture: np.ndarray) -> np.ndarray:
    """[H, W] float32, 0 to 1: where the person is."""
    from PIL import Image

    (mask,) = networks.run("selfie_segmentation", cropped(picture, Region.of_picture(picture), 256) / 255)
    large = Image.fromarray(mask[0, :, :, 0]).resize(picture.shape[1::-1], Image.Resampling.BILINEAR)
    return np.clip(np.asarray(large), 0.0, 1.0)


def _body_region(networks: Networks, picture: np.ndarray) -> Region | None:
    """Around the surest person, from the hips on, upright as they stand."""
    found = detections(networks, PEOPLE, picture)
    return _around(found[0].points).squared(1.25) if found else None


def _around(points: np.ndarray) -> Region:
    """Around a body: points are the middle of the hips, and one above it on the circle around the body."""
    return Region.of_circle(points[0], points[1], turn_between(points[0], points[1], UP))


def _pose(networks: Networks, picture: np.ndarray, region: Region) -> tuple[np.ndarray, np.ndarray] | None:
    """Points [35, 2] of the pose, the last two of its region, and visibilities [33]."""
    raw, presence, _, heat, _ = networks.run("pose_landmark_full", cropped(picture, region, 256) / 255)
    if presence.item() <= PRESENT:
        return None
    values = raw.reshape(-1, 5).astype(float)
    shares = _refined(values[:, :2] / 256, heat[0])
    visibility = 1 / (1 + np.exp(-values[:POSE_POINTS, 3]))
    return region.to_picture(shares[: POSE_POINTS + 2]), visibility


def _refined(shares: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Points [N, 2] moved to the mean of their heatmap [h, w, N] nearby, where it is sure."""
    rows, columns, _ = heat.shape
    result = shares.copy()
    reach = _KERNEL // 2
    for point, (x, y) in enumerate(shares):
        column, row = int(x * columns), int(y * rows)
        if not (0 <= column < columns and 0 <= row < rows):
            continue
        top, left = max(row - reach, 0), max(column - reach, 0)
        hot = 1 / (1 + np.exp(-heat[top : row + reach + 1, left : column + reach + 1, point].astype(float)))
        if hot.max() >= _SURE_HEAT:
            across = (hot.sum(0) * np.arange(left, left + hot.shape[1])).sum() / hot.sum()
            down = (hot.sum(1) * np.arange(top, top + hot.shape[0])).sum() / hot.sum()
            result[point] = across / columns, down / rows
    return result


def _around_hand(hand: np.ndarray) -> Region:
    """The region of a hand in the next frame, from its points [21, 2]."""
    knuckles = (hand[5] + hand[13]) / 4 + hand[9] / 2
    turn = turn_between(hand[0], knuckles, UP)
    return Region.of_turned_points(hand[list(KNUCKLES)], turn).squared(2.0, down=-0.1)


def _kept(points: np.ndarray, old: Region, new: Region, steady: Steady) -> Region:
    """The old region of points, unless it differs much from the new one or the points leave that."""
    turn = np.degrees((old.turn - new.turn + np.pi) % (2 * np.pi) - np.pi)
    moved = np.abs(new.to_shares(np.array([old.x, old.y])) - 0.5)
    grown = [abs(old.width - new.width) / new.width, abs(old.height - new.height) / new.height]
    inside = np.abs(new.to_shares(points) - 0.5) < (1 - steady.margin) / 2
    stays = abs(turn) <= steady.degrees and (moved <= steady.share).all() and max(grown) <= steady.growth
    return old if stays and inside.all() else new


@dataclass
class _Smoothing:
    """The 1-euro filter (Casiez, Roussel and Vogel 2012): the faster a point, the less it is smoothed."""

    fps: float
    least: float  # cutoff at rest, Hz
    growth: float  # of the cutoff with speed, in sizes a second
    value: np.ndarray | None = field(default=None, init=False)
    latest: np.ndarray | None = field(default=None, init=False)
    speed: np.ndarray | float = field(default=0.0, init=False)

    def __call__(self, points: np.ndarray, size: float) -> np.ndarray:
        """Points smoothed; ``size`` is that of the body, in the same unit."""
        if self.value is None or self.latest is None or size <= 0:
            self.value, self.latest = points, points
            return points
        speed = (points - self.latest) * self.fps / size
        self.speed = self.speed + self._share(_SPEED_CUTOFF) * (speed - self.speed)
        self.latest = points
        self.value = self.value + self._share(self.least + self.growth * np.abs(self.speed)) * (points - self.value)
        return self.value

    def forget(self) -> None:
        self.value, self.latest, self.speed = None, None, 0.0

    def _share(self, cutoff: np.ndarray | float) -> np.ndarray | float:
        """Of a new value."""
        return 1 / (1 + self.fps / (2 * np.pi * cutoff))
