"""Pictures and films: PSNR and SSIM, and the seams for LPIPS, FVD and video scores.

LPIPS, FVD and DOVER need networks whose weights this package does not carry: a user brings a callable
with an id. Frames are [T, H, W] or [T, H, W, C], uint8 in 0 .. 255 or float in 0 .. 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..core.errors import UserError
from .base import DEFAULT, FEW, Bootstrap, Label, MeanMetric, Value
from .frechet import FrechetDistance, Reference
from .inputs import check_pair, finite

SAME = 100.0  # dB that a frame without any error counts
WINDOW, SIGMA, K1, K2 = 11, 1.5, 0.01, 0.03  # Wang et al. 2004


def frames_of(film: Any, *, clip: str) -> np.ndarray:
    """[T, H, W, C] float64 in 0 .. 1. Raises UserError for another shape, type or range."""
    array = np.asarray(film)
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or not array.size or array.shape[-1] not in (1, 3):
        raise UserError(f"clip {clip!r}: frames must be [T, H, W] or [T, H, W, 3], got {list(np.shape(film))}")
    if array.dtype == np.uint8:
        return array / 255.0
    if array.dtype.kind != "f":
        raise UserError(f"clip {clip!r}: frames must be uint8 or float in 0 .. 1, got {array.dtype}")
    array = finite(array, clip=clip, what="frames")
    if array.min() < 0 or array.max() > 1:
        raise UserError(f"clip {clip!r}: float frames must lie in 0 .. 1, got {array.min():g} .. {array.max():g}")
    return array


def _pair(generated: Any, real: Any, clip: str) -> tuple[np.ndarray, np.ndarray]:
    a, b = frames_of(generated, clip=clip), frames_of(real, clip=clip)
    check_pair(a, b, clip=clip)
    return a, b


class PSNR(MeanMetric):
    """Peak signal to noise ratio, dB: 10 log10(1 / mean squared error) of every frame, then the mean.

    A frame without any error has no ratio and counts 100 dB.
    """

    def __init__(self, *, bootstrap: Bootstrap = DEFAULT) -> None:
        super().__init__(Label("psnr", "dB", "frames", "mean over frames, at most 100 dB", "higher"), bootstrap)

    def update(self, generated: Any, real: Any, *, clip: str) -> None:
        """Take a clip of both sides."""
        ratio = psnr(*_pair(generated, real, clip))
        self.add(float(ratio.sum()), len(ratio), clip=clip)


def psnr(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[T] dB of frames [T, H, W, C] in 0 .. 1, 100 at most."""
    error = ((a - b) ** 2).mean(axis=(1, 2, 3))
    ratio: np.ndarray = np.minimum(-10 * np.log10(np.maximum(error, 1e-30)), SAME)
    return ratio


def ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[T] structural similarity of frames [T, H, W, C] in 0 .. 1 (Wang et al. 2004).

    Gaussian window of 11 x 11, sigma 1.5, K1 0.01, K2 0.03, whole windows only, every channel by
    itself and then their mean: as scikit-image does with gaussian_weights=True,
    use_sample_covariance=False, data_range=1.
    """
    if min(a.shape[1:3]) < WINDOW:
        raise UserError(f"frames of {a.shape[1]} x {a.shape[2]} are smaller than the window of {WINDOW} x {WINDOW}")
    mean_a, mean_b = _blur(a), _blur(b)
    variance_a = _blur(a * a) - mean_a**2
    variance_b = _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    c1, c2 = K1**2, K2**2
    map_ = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    map_ /= (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    result: np.ndarray = map_.mean(axis=(1, 2, 3))
    return result


def _blur(frames: np.ndarray) -> np.ndarray:
    """Whole windows of [T, H, W, C], the Gaussian applied along one axis and then the other."""
    kernel = np.exp(-0.5 * ((np.arange(WINDOW) - WINDOW // 2) / SIGMA) ** 2)
    kernel /= kernel.sum()
    for axis in (1, 2):
        frames = sliding_window_view(frames, WINDOW, axis=axis) @ kernel
    return frames


class SSIM(MeanMetric):
    """Structural similarity of frames, mean (see ``ssim``)."""

    def __init__(self, *, bootstrap: Bootstrap = DEFAULT) -> None:
        how = "Gaussian 11 x 11, sigma 1.5, K1 0.01, K2 0.03, channels apart"
        super().__init__(Label("ssim", "1", "frames", how, "higher"), bootstrap)

    def update(self, generated: Any, real: Any, *, clip: str) -> None:
        """Take a clip of both sides."""
        scores = [float(ssim(a[None], b[None])[0]) for a, b in zip(*_pair(generated, real, clip), strict=True)]
        self.add(float(np.sum(scores)), len(scores), clip=clip)


class PerceptualExtractor(Protocol):
    """Layers of an image network, as LPIPS needs them."""

    @property
    def id(self) -> str:
        """Network and version, as in lpips-alex-0.1."""

    @property
    def weights(self) -> Sequence[np.ndarray]:
        """[C] of every layer, not below 0."""

    def __call__(self, frames: np.ndarray) -> Sequence[np.ndarray]:
        """Frames [T, H, W, C] float64 in 0 .. 1 -> activations [T, H', W', C'] of every layer."""


class LPIPS(MeanMetric):
    """Learned perceptual distance (Zhang et al. 2018) with a user's network.

    Activations are divided by their length over channels; squared differences are weighted by channel,
    averaged over places and summed over layers.
    """

    def __init__(self, extractor: PerceptualExtractor, *, bootstrap: Bootstrap = DEFAULT) -> None:
        self.network = extractor
        how = "unit activations, weighted squared difference, sum over layers"
        super().__init__(Label("lpips", "1", "frames", how, "lower", extractor.id), bootstrap)

    def update(self, generated: Any, real: Any, *, clip: str) -> None:
        """Take a clip of both sides."""
        a, b = _pair(generated, real, clip)
        total = np.zeros(len(a))
        for x, y, weight in zip(self.network(a), self.network(b), self.network.weights, strict=True):
            gap = (_direction(x) - _direction(y)) ** 2 @ np.asarray(weight, dtype=np.float64)
            total += gap.mean(axis=(1, 2))
        self.add(float(total.sum()), len(total), clip=clip)


def _direction(values: np.ndarray) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    unit: np.ndarray = array / (np.linalg.norm(array, axis=-1, keepdims=True) + 1e-10)
    return unit


class VideoExtractor(Protocol):
    """Features of films, as FVD needs them (I3D in papers)."""

    @property
    def id(self) -> str:
        """Network and version."""

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Frames [T, H, W, C] float64 in 0 .. 1 -> rows [N, D], one for each window."""


def video_reference(films: Iterable[tuple[str, Any]], extractor: VideoExtractor) -> Reference:
    """Statistics of real films, (clip id, frames) each, for ``FVD``."""
    features = ((clip, extractor(frames_of(film, clip=clip))) for clip, film in films)
    return Reference.of(features, extractor=extractor.id)


class FVD:
    """Frechet video distance (Unterthiner et al. 2018) with a user's network."""

    def __init__(self, reference: Reference, extractor: VideoExtractor, *, bootstrap: Bootstrap = FEW) -> None:
        self.network = extractor
        self.distance = FrechetDistance(reference, name="fvd", bootstrap=bootstrap)

    def update(self, film: Any, *, clip: str) -> None:
        """Take a made film. Raises UserError if the network is not that of the reference."""
        self.distance.update(self.network(frames_of(film, clip=clip)), clip=clip, extractor=self.network.id)

    def compute(self) -> Value:
        """The distance over all films so far."""
        return self.distance.compute()


class VideoScorer(Protocol):
    """A judge of films without a truth, such as DOVER."""

    @property
    def id(self) -> str:
        """Network and version."""

    def __call__(self, frames: np.ndarray) -> float:
        """Frames [T, H, W, C] float64 in 0 .. 1 -> a score, higher is better."""


class VideoScore(MeanMetric):
    """Mean score of a user's judge over films."""

    def __init__(self, scorer: VideoScorer, *, name: str = "video_score", bootstrap: Bootstrap = DEFAULT) -> None:
        self.scorer = scorer
        super().__init__(Label(name, "1", "clips", "mean over clips", "higher", scorer.id), bootstrap)

    def update(self, film: Any, *, clip: str) -> None:
        """Take a film."""
        self.add(float(self.scorer(frames_of(film, clip=clip))), 1, clip=clip)
