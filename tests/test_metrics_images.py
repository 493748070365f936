"""PSNR, SSIM and the seams for networks that users bring."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage

from cospeech.core.errors import UserError
from cospeech.metrics import FVD, LPIPS, PSNR, SSIM, VideoScore, frechet_distance, video_reference
from cospeech.metrics.images import ssim


def film(seed: int, *, frames: int = 3, size: tuple[int, int] = (24, 20)) -> np.ndarray:
    """[T, H, W, 3] float in 0 .. 1, smooth."""
    noise = np.random.default_rng(seed).normal(size=(frames, *size, 3))
    smooth = scipy.ndimage.gaussian_filter(noise, (0, 2, 2, 0))
    return (smooth - smooth.min()) / np.ptp(smooth)


def once(metric, *sides):
    metric.update(*sides, clip="a")
    return metric.compute()


def test_psnr_by_hand():
    real = np.zeros((2, 4, 4))
    made = np.stack([np.full((4, 4), 0.1), np.full((4, 4), 0.01)])
    assert once(PSNR(), made, real).value == pytest.approx((20 + 40) / 2)
    assert once(PSNR(), real, real).value == 100
    bytes_made = np.full((1, 4, 4, 3), 25, np.uint8)
    expected = 20 * np.log10(255 / 25)
    assert once(PSNR(), bytes_made, np.zeros_like(bytes_made)).value == pytest.approx(expected)


def ssim_written_out(a: np.ndarray, b: np.ndarray) -> float:
    """Window by window, one channel."""
    x = np.arange(11) - 5
    window = np.exp(-(x[:, None] ** 2 + x**2) / (2 * 1.5**2))
    window /= window.sum()
    values = []
    for i in range(a.shape[0] - 10):
        for j in range(a.shape[1] - 10):
            p, q = a[i : i + 11, j : j + 11], b[i : i + 11, j : j + 11]
            mp, mq = (window * p).sum(), (window * q).sum()
            vp, vq = (window * (p - mp) ** 2).sum(), (window * (q - mq) ** 2).sum()
            cov = (window * (p - mp) * (q - mq)).sum()
            values.append((2 * mp * mq + 1e-4) * (2 * cov + 9e-4) / ((mp**2 + mq**2 + 1e-4) * (vp + vq + 9e-4)))
    return float(np.mean(values))


def test_ssim_written_out():
    a, b = film(0), np.clip(film(0) + 0.1 * film(1) - 0.05, 0, 1)
    expected = [np.mean([ssim_written_out(x[..., c], y[..., c]) for c in range(3)]) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(ssim(a, b), expected, atol=1e-10)
    value = once(SSIM(), a, b)
    assert value.value == pytest.approx(np.mean(expected))
    assert value.count == 3
    assert 0.2 < value.value < 0.999


def test_ssim_is_one_for_equals_and_the_same_for_bytes():
    a = (film(0) * 255).astype(np.uint8)
    b = (film(1) * 255).astype(np.uint8)
    assert once(SSIM(), a, a).value == pytest.approx(1)
    assert once(SSIM(), a, b).value == pytest.approx(once(SSIM(), a / 255, b / 255).value)
    assert once(SSIM(), a, b).value == pytest.approx(once(SSIM(), b, a).value)
    with pytest.raises(UserError, match="smaller than the window"):
        once(SSIM(), np.zeros((1, 8, 20)), np.zeros((1, 8, 20)))


def test_frames_are_checked():
    good = film(0)
    for bad, message in (
        (good[..., :2], r"\[T, H, W, 3\]"),
        (good[0, 0], r"\[T, H, W, 3\]"),
        ((good * 255).astype(int), "uint8 or float"),
        (good * 255, r"lie in 0 .. 1"),
        (np.where(good > 0.9, np.nan, good), "not finite"),
    ):
        with pytest.raises(UserError, match=message):
            PSNR().update(bad, bad, clip="a")
    with pytest.raises(UserError, match="shape"):
        PSNR().update(good, good[:2], clip="a")


class Layers:
    """Two layers: colours, and colours of every second place."""

    id = "layers-1"
    weights = (np.array([1.0, 2.0, 0.0]), np.array([0.0, 0.0, 4.0]))

    def __call__(self, frames):
        return [frames, frames[:, ::2, ::2]]


def test_lpips_written_out():
    a, b = film(0) + 0.1, film(1) + 0.1
    a, b = a / a.max(), b / b.max()
    total = 0.0
    for step, weights in ((1, Layers.weights[0]), (2, Layers.weights[1])):
        x, y = a[:, ::step, ::step], b[:, ::step, ::step]
        x, y = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (x, y))
        total += ((x - y) ** 2 * weights).sum(-1).mean()
    value = once(LPIPS(Layers()), a, b)
    assert value.value == pytest.approx(total)
    assert value.extractor == "layers-1"
    assert once(LPIPS(Layers()), a, a).value == 0
    assert once(LPIPS(Layers()), a, a * 0.5).value == pytest.approx(0, abs=1e-12)  # brightness alone


class Means:
    """Mean colour of every frame."""

    id = "means-1"

    def __call__(self, frames):
        return frames.mean(axis=(1, 2))


def test_fvd_is_frechet_over_a_users_features():
    real = [(f"r{k}", film(k)) for k in range(6)]
    made = [(f"m{k}", film(20 + k) ** 2) for k in range(6)]
    reference = video_reference(real, Means())
    metric = FVD(reference, Means())
    for clip, frames in made:
        metric.update(frames, clip=clip)
    a, b = (np.concatenate([Means()(frames) for _, frames in side]) for side in (made, real))
    expected = frechet_distance(a.mean(0), np.cov(a, rowvar=False), b.mean(0), np.cov(b, rowvar=False))
    value = metric.compute()
    assert value.value == pytest.approx(expected)
    assert (value.name, value.extractor, value.count) == ("fvd_window", "means-1", 18)

    class Other(Means):
        id = "means-2"

    with pytest.raises(UserError, match="'means-2' cannot be compared"):
        FVD(reference, Other()).update(film(0), clip="a")


def test_a_judge_of_films():
    class Scorer:
        id = "judge-1"

        def __call__(self, frames):
            return float(frames.mean())

    metric = VideoScore(Scorer(), name="dover")
    metric.update(np.full((2, 3, 3), 0.25), clip="a")
    metric.update(np.full((9, 3, 3), 0.75), clip="b")
    assert metric.compute().value == pytest.approx(0.5)
    assert (metric.compute().name, metric.compute().extractor) == ("dover", "judge-1")
