"""A camera that moves is noticed before walls of any kind; a person who moves before a still one is not."""

from __future__ import annotations

import numpy as np
import pytest

from cospeech.video.films.background import open_backdrop
from cospeech.video.films.camera import person_shaken
from video_data import drawn, swinging

SIDE, FRAMES, EDGE = 240, 9, 16
EVERY = range(FRAMES)


def wall(kind: str, side: int) -> np.ndarray:
    """[side, side] grey levels."""
    y, x = np.mgrid[0:side, 0:side] / side
    if kind == "plain":
        return np.full((side, side), 120.0)
    pools = [np.exp(-((x - at) ** 2 + (y - 0.25) ** 2) / 0.01) for at in (0.12, 0.85)]
    shaded = 70 + 60 * x + 50 * pools[0] + 40 * pools[1]  # lit from one side, and by two lamps
    if kind == "shaded":
        return shaded
    spots = np.random.default_rng(1).normal(0, 1, (side // 6 + 1, side // 6 + 1)).repeat(6, 0).repeat(6, 1)
    return shaded + 4 * spots[:side, :side]


def film(kind: str, shift: float, *, drift: bool = False) -> tuple[list[np.ndarray], np.ndarray]:
    """Pictures of somebody who swings both arms, with noise, and the keypoints; all is shifted in turn."""
    rng, large = np.random.default_rng(0), SIDE + 2 * EDGE
    points = swinging(8 * FRAMES, SIDE)[::8] + EDGE
    behind = wall(kind, large)
    pictures, moved = [], []
    for k, places in enumerate(points):
        person = drawn(places, large).astype(float)
        free = (person == drawn(places + 9000.0, large)).all(-1)
        picture = np.where(free[..., None], behind[..., None], person)
        angle = 2.4 * k
        way = np.array([k / (FRAMES - 1), 0.0]) if drift else np.array([np.cos(angle), np.sin(angle)])
        x, y = np.round(shift * way).astype(int)
        shown = picture[EDGE + y : EDGE + y + SIDE, EDGE + x : EDGE + x + SIDE] + rng.normal(0, 2, (SIDE, SIDE, 3))
        pictures.append(np.clip(shown, 0, 255).astype(np.uint8))
        moved.append(places - EDGE - [x, y])
    return pictures, np.array(moved)


@pytest.mark.parametrize("kind", ["shaded", "textured"])
@pytest.mark.parametrize(("shift", "drift"), [(2, False), (9, False), (9, True)])
def test_a_camera_that_moves_is_noticed(kind, shift, drift):
    backdrop = open_backdrop(*film(kind, shift, drift=drift))
    assert backdrop.camera(EVERY).moves


@pytest.mark.parametrize("kind", ["plain", "shaded", "textured"])
def test_a_still_camera_is_not_refused(kind):
    backdrop = open_backdrop(*film(kind, 0))
    assert not backdrop.camera(EVERY).moves


def test_nothing_is_told_of_a_plain_wall():
    backdrop = open_backdrop(*film("plain", 9))
    camera = backdrop.camera(EVERY)
    assert camera.unknown
    assert not camera.moves
    assert not open_backdrop(*film("shaded", 9)).camera(EVERY).unknown


def test_the_person_tells_of_a_strong_shake():
    time = np.arange(90) / 30
    points = swinging(90, SIDE)
    shake = np.stack([np.sin(2 * np.pi * 2.1 * time), np.cos(2 * np.pi * 2.7 * time)], -1)
    assert person_shaken(points + 9 * shake[:, None], SIDE, 30.0)
    assert not person_shaken(points, SIDE, 30.0)
    assert not person_shaken(points + 40 * time[:, None, None], SIDE, 30.0)  # walks
    nodding = points.copy()
    nodding[:, 48:] += 9 * shake[:, None]
    assert not person_shaken(nodding, SIDE, 30.0)
