"""Inpainting: textures continue, and visible pixels stay."""

import numpy as np
import pytest

from cospeech.video.warping.inpaint import inpainted
from cospeech.video.warping.matte import filled


def stripes(height: int = 96, width: int = 128) -> np.ndarray:
    """A board of upright stripes above, a plain floor below."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    board = np.where((x // 4 % 2)[..., None] == 0, [0.9, 0.8, 0.2], [0.1, 0.3, 0.6])
    return np.where((y < 60)[..., None], board, [0.4, 0.35, 0.3]).astype(np.float32)


def hole(shape: tuple[int, int]) -> np.ndarray:
    known = np.ones(shape, bool)
    known[20:80, 50:78] = False
    return known


def test_textures_go_on():
    picture = stripes()
    known = hole(picture.shape[:2])
    broken = np.where(known[..., None], picture, 0.5)
    made = inpainted(broken, known)
    np.testing.assert_array_equal(made[known], picture[known])
    # Its own colours, not a mean of them, and the floor where the floor is.
    inside = made[24:52, 54:74].reshape(-1, 3)
    colours = np.stack([picture[5, 0], picture[5, 4]])
    apart = np.abs(inside[:, None] - colours).max(-1)
    assert (apart.min(1) < 0.1).mean() > 0.8
    assert 0.3 < (apart.argmin(1) == 0).mean() < 0.7
    assert np.abs(made[66:78, 54:74] - picture[90, 0]).mean() < 0.05
    smooth = filled(broken, known.astype(float))
    assert np.abs(made - picture).mean() < 0.7 * np.abs(smooth - picture).mean()


def test_results_repeat_and_have_the_size_of_the_input():
    picture = stripes(70, 301)
    known = np.ones((70, 301), bool)
    known[10:40, 100:200] = False
    first, again = (inpainted(picture, known) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == picture.shape
    assert first.dtype == np.float32


@pytest.mark.parametrize("share", ["all", "none", "little"])
def test_whatever_is_known(share):
    picture = stripes(64, 64)
    known = np.full((64, 64), share == "all")
    if share == "little":
        known[0, :9] = True
    made = inpainted(picture, known)
    assert np.isfinite(made).all()
    np.testing.assert_array_equal(made[known], picture[known])
    assert made.min() >= 0
    assert made.max() <= 1


def test_only_what_is_wanted_is_put_together():
    picture = stripes()
    known = hole(picture.shape[:2])
    known[:, 100:] = False
    wanted = ~known
    wanted[:, 100:] = False
    broken = np.where(known[..., None], picture, 0.5)
    made = inpainted(broken, known, wanted)
    np.testing.assert_array_equal(made[known], picture[known])
    np.testing.assert_allclose(made[:, 100:], filled(broken, known.astype(float))[:, 100:], atol=1e-6)
    apart = np.abs(made[24:52, 54:74].reshape(-1, 1, 3) - np.stack([picture[5, 0], picture[5, 4]])).max(-1)
    assert (apart.min(1) < 0.1).mean() > 0.8


def test_small_pictures_are_filled_smoothly():
    picture = stripes(20, 24)
    known = np.ones((20, 24), bool)
    known[5:9, 5:9] = False
    assert np.isfinite(inpainted(picture, known)).all()
