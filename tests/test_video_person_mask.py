"""The mask of a person from keypoints and colours."""

from __future__ import annotations

import numpy as np
import pytest

from cospeech.video.detection.person_mask import BINS, colour_codes, colour_density, person_mask
from cospeech.video.films.portrait import check_size, portrait_of
from portrait_data import POSES, draw_figure, figure_points


def overlap(mask: np.ndarray, person: np.ndarray) -> float:
    """Intersection over union."""
    one, other = mask > 0.5, person > 0.5
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("pose", POSES)
def test_a_drawn_figure_is_found(pose):
    points = figure_points(pose)
    picture, person = draw_figure(points)
    mask = person_mask(picture, points)
    assert mask.shape == picture.shape[:2]
    assert mask.dtype == np.float32
    assert 0 <= mask.min() <= mask.max() <= 1
    assert overlap(mask, person) > 0.85


def test_noise_and_another_place_do_not_matter():
    points = figure_points("up")
    picture, person = draw_figure(points)
    noisy = picture + np.random.default_rng(0).normal(0, 12, picture.shape)
    noisy = np.pad(np.clip(noisy, 0, 255).astype(np.uint8), ((20, 0), (0, 30), (0, 0)), mode="edge")
    mask = person_mask(noisy, points + [0, 20])
    assert overlap(mask[20:, :256], person) > 0.8


def test_colours_tell_where_points_are_coarse():
    """The mask is of this picture: without colours that differ it is another one, and worse."""
    points = figure_points()
    picture, person = draw_figure(points)
    blind = person_mask(np.full_like(picture, 128), points)
    assert overlap(person_mask(picture, points), person) > overlap(blind, person) + 0.03


def test_a_face_without_a_size_gives_a_mask():
    points = figure_points()
    picture, _ = draw_figure(points)
    points[48:] = points[48:].mean(0)
    with np.errstate(all="raise"):
        mask = person_mask(picture, points)
    assert np.isfinite(mask).all()


def test_a_colour_spreads_to_its_neighbours_alone():
    for colour in ((3, 7, 15), (15, 0, 0), (8, 15, 15), (8, 8, 8)):
        counts = np.zeros((BINS, BINS, BINS))
        counts[colour] = 1
        spread = colour_density(counts.ravel()) > 1e-4
        apart = np.abs(np.argwhere(spread) - colour).max(1)
        assert apart.max() == 1
        assert len(apart) == np.prod([2 if value in (0, 15) else 3 for value in colour])
    assert colour_codes(np.array([[[3.5, 7.5, 15.5]]]) / BINS)[0, 0] == (3 * BINS + 7) * BINS + 15


def test_a_portrait_of_another_size():
    points = figure_points()
    picture, person = draw_figure(points, 256, 200)
    mask = (person * 255).astype(np.uint8)
    portrait = portrait_of(picture, points, np.ones(116), mask, 384)
    assert portrait.size == (384, 300)
    np.testing.assert_allclose(portrait.points, points * 1.5)
    assert portrait.person.max() <= 1
    assert overlap(portrait.person[1::3, 1::3], person[::2, ::2]) > 0.95
    found = portrait_of(picture, points, np.ones(116), None, 384)
    assert overlap(found.person, portrait.person) > 0.85


def test_sides_are_even():
    points = figure_points()
    picture, _ = draw_figure(points, 251, 199)
    for size in (129, 130, 255):
        width, height = portrait_of(picture, points, np.ones(116), None, size).size
        assert width % 2 == height % 2 == 0
        assert abs(width - size) <= 1


@pytest.mark.parametrize("size", [0, 127, 1025, -5, True, 300.5])
def test_sizes_of_films(size):
    from cospeech.core.errors import UserError

    with pytest.raises(UserError, match="128 to 1024"):
        check_size(size)
    check_size(128)
    check_size(1024)
