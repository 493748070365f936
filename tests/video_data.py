"""A synthetic person, pictures, and a stand-in for MediaPipe, for tests of portrait video."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from cospeech.avatar.film import write_video
from cospeech.core.errors import UserError
from cospeech.motion.formats.keypoints import Keypoints
from cospeech.motion.points import POINTS, parents
from cospeech.speech.speech import Speech

SIZE = (512, 512)
COLUMNS = (5, 7, 9, 6, 8, 10, *range(91, 112), *range(112, 133), *range(23, 91))  # of COCO-WholeBody


def person() -> np.ndarray:
    """[116, 2] pixels: shoulders 200 wide at height 220, bent arms, open hands, a face of two circles."""
    points = np.zeros((116, 2))
    points[:6] = [(356, 220), (380, 380), (330, 440), (156, 220), (132, 380), (182, 440)]
    fingers = np.array([(0, 0), *((12 + 14 * k, 16 * f - 32) for f in range(5) for k in range(4))], float)
    points[6:27] = points[2] + fingers * [-1, 1]
    points[27:48] = points[5] + fingers
    angle = np.linspace(np.pi, 0, 17)
    points[48:65] = np.stack([256 + 45 * np.cos(angle), 130 + 55 * np.sin(angle)], axis=-1)
    around = np.linspace(0, 2 * np.pi, 51, endpoint=False)
    points[65:] = np.stack([256 + 30 * np.cos(around), 130 + 25 * np.sin(around)], axis=-1)
    points[48 + 27] = (256, 105)
    return points


def whole_body(points: np.ndarray, scores: np.ndarray) -> tuple[list, list]:
    """The 133 points and scores of COCO-WholeBody."""
    all_points, all_scores = np.zeros((133, 2)), np.zeros(133)
    all_points[list(COLUMNS)], all_scores[list(COLUMNS)] = points, scores
    return all_points.tolist(), all_scores.tolist()


def openpose(points: np.ndarray, scores: np.ndarray) -> dict:
    """A person as OpenPose writes it (COCO order of 18 points)."""
    rows = np.concatenate([points, scores[:, None]], axis=1)
    pose = np.zeros((18, 3))
    pose[[5, 6, 7, 2, 3, 4]] = rows[:6]
    parts = {
        "pose_keypoints_2d": pose,
        "face_keypoints_2d": rows[48:],
        "hand_left_keypoints_2d": rows[6:27],
        "hand_right_keypoints_2d": rows[27:48],
    }
    return {name: part.ravel().tolist() for name, part in parts.items()}


def write_picture(path: Path, size: tuple[int, int] = SIZE) -> Path:
    """A picture that differs at every corner: red grows to the right, green downwards."""
    width, height = size
    red, green = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    Image.fromarray(np.stack([red, green, np.full_like(red, 40)], axis=-1).astype(np.uint8)).save(path)
    return path


class StandIn:
    """Answers for MediaPipe's networks, as ``mode`` says, and notes what it is asked."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.mode = "works"

    def __call__(self) -> list[str]:
        return self.calls

    def picture(self, networks: object, picture: np.ndarray) -> dict[str, np.ndarray]:
        """In place of ``extraction.picture_arrays``."""
        self.calls.append("picture")
        assert (picture.dtype, picture.ndim) == (np.uint8, 3)
        size = np.array(picture.shape[1::-1])
        return {**self._found(1), "size": size, "mask": np.full(picture.shape[:2], 255, np.uint8)}

    def film(
        self, networks: object, frames: Iterable[np.ndarray], fps: float, report: Callable[[int], None]
    ) -> dict[str, np.ndarray]:
        """In place of ``extraction.film_arrays``."""
        sizes = [frame.shape[1::-1] for frame in frames]
        self.calls.append("film")
        report(10)
        people = np.array([2, 2] + [1] * (len(sizes) - 2))
        return {**self._found(len(sizes)), "people": people, "fps": np.array(fps), "size": np.array(sizes[0])}

    def _found(self, frames: int) -> dict[str, np.ndarray]:
        if self.mode == "fails":
            raise UserError("a network is damaged; run `cospeech video setup`")
        nobody = self.mode == "nobody"
        points, confidence = np.stack([person()] * frames), np.ones((frames, len(POINTS)))
        people = {"two": 2, "nobody": 0, "faceless": 0}.get(self.mode, 1)
        return {
            "points": points * (not nobody),
            "confidence": confidence * (not nobody),
            "people": np.full(frames, people),
            "fps": np.array(0.0),
        }


@pytest.fixture
def detector_calls(tmp_path, monkeypatch):
    """A stand-in for MediaPipe's networks; returns the calls so far. Its ``mode`` says how it behaves."""
    stand_in = StandIn()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("cospeech.video.detection.detector.networks_folder", lambda: tmp_path)
    monkeypatch.setattr("cospeech.video.detection.detector.picture_arrays", stand_in.picture)
    monkeypatch.setattr("cospeech.video.detection.detector.film_arrays", stand_in.film)
    return stand_in


def swinging(frames: int = 60, side: int = 160) -> np.ndarray:
    """[T, 116, 2] pixels: the person, who swings both forearms once in 40 frames and nods a little."""
    points = np.repeat(person()[None] * side / 512, frames, 0)
    swing = np.sin(np.arange(frames) * 2 * np.pi / 40)
    for elbow, hand, way in ((1, [2, *range(6, 27)], -1), (4, [5, *range(27, 48)], 1)):
        turn = np.exp(0.35j * way * swing)[:, None]
        reach = (points[:, hand] - points[:, elbow, None]) @ np.array([1, 1j]) * turn
        points[:, hand] = points[:, elbow, None] + np.stack([reach.real, reach.imag], -1)
    points[:, 48:, 1] += 0.6 * swing[:, None]
    return points


def drawn(points: np.ndarray, side: int = 160, pan: float = 0.0) -> np.ndarray:
    """[side, side, 3] uint8: a figure with these points before a chequered wall, ``pan`` pixels aside."""
    y, x = np.mgrid[0:side, 0:side]
    wall = 90 + 50 * (((x + round(pan)) // 16 + y // 16) % 2)
    image = Image.fromarray(np.stack([wall, wall, wall + 30], -1).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    wide = side / 512

    def line(chain: list[int], width: float, colour: tuple[int, int, int]) -> None:
        spots = [tuple(points[k]) for k in chain]
        draw.line(spots, fill=colour, width=max(1, round(width * wide)), joint="curve")
        for a, b in spots:
            r = width * wide / 2
            draw.ellipse([a - r, b - r, a + r, b + r], fill=colour)

    left, right = points[0], points[3]
    draw.polygon([*map(tuple, (left, right)), (right[0], side), (left[0], side)], fill=(40, 80, 160))
    low, high = points[48:].min(0), points[48:].max(0)
    draw.rectangle([low[0] + 15 * wide, high[1] - 5, high[0] - 15 * wide, left[1] + 2], fill=(205, 160, 135))
    draw.ellipse([low[0] - 5 * wide, low[1] - 40 * wide, *high], fill=(215, 170, 145))
    line([*range(108, 116)], 4, (150, 60, 60))
    for first, hand in ((0, 6), (3, 27)):
        line([first, first + 1], 52, (30, 60, 130))
        line([first + 1, first + 2], 34, (205, 160, 135))
        for finger in range(5):
            line([hand, *range(hand + 1 + 4 * finger, hand + 5 + 4 * finger)], 12, (215, 170, 145))
    return np.asarray(image)


def write_film(
    path: Path,
    points: np.ndarray,
    *,
    side: int = 160,
    fps: float = 30.0,
    pan: float = 0.0,
    sound: np.ndarray | None = None,
) -> Path:
    """A film of the drawn figure with a sound [N] of 16 kHz, and its points beside it as .json."""
    frames = (drawn(places, side, pan * k) for k, places in enumerate(points))
    speech = None if sound is None else Speech(sound)
    write_video(path, frames, len(points), fps, (side, side), speech=speech, quality=10)
    seen = np.ones(points.shape[:2], np.float32)
    Keypoints(POINTS, parents(POINTS), fps, points, {"size": [side, side]}, seen).save(path.with_suffix(".json"))
    return path
