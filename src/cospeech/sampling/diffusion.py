"""Denoising diffusion in NumPy: the noise schedule and samplers of few steps, over any x0 denoiser.

x_t = alpha_t x_0 + sigma_t e with alpha_t^2 + sigma_t^2 = 1 (Ho et al. 2020), by the cosine schedule of
Nichol and Dhariwal 2021 with T = 1000. The denoiser gives x_0, as in MDM and DiffuseStyleGesture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

STEPS = 1000  # T of training
SAMPLERS = ("dpm", "ddim", "ddpm")
WILDEST = 2.0  # temperature

Denoise = Callable[[np.ndarray, float], np.ndarray]  # (x_t [N, D], t of 0..1) -> x_0 [N, D]
Keep = Callable[[np.ndarray, bool], np.ndarray]  # x_0 [N, D], is it the last -> x_0 with what must be as it is


@dataclass(frozen=True)
class DiffusionSampling:
    """Settings of ``sample_diffusion``."""

    sampler: str = "dpm"  # second-order multistep (DPM-Solver++ 2M), "ddim" or ancestral "ddpm"
    steps: int = 10
    temperature: float = 1.0  # of the noise that sampling begins with; below 1 it is calmer [D]
    bend: float = 1.0  # above 1 more of the steps are near the end, where fine motion is settled [D]

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise ValueError(f"unknown sampler {self.sampler!r}; known: {', '.join(SAMPLERS)}")
        if not 1 <= self.steps <= STEPS:
            raise ValueError(f"steps must be from 1 to {STEPS}; got {self.steps}")
        if not 0 < self.bend <= 5 or not 0 <= self.temperature <= WILDEST:
            raise ValueError(
                f"bend must be up to 5, temperature up to {WILDEST:g}; got {self.bend}, {self.temperature}"
            )


def alpha_sigma(time: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """alpha and sigma at a share t of T (0: clean, 1: noise), by the cosine schedule with s = 0.008.

    >>> a, s = alpha_sigma(np.array([0.0, 1.0]))
    >>> bool(a[0] > 0.999), bool(s[1] > 0.999)
    (True, True)
    """
    time = np.asarray(time, dtype=np.float64)
    angle = (time + 0.008) / 1.008 * np.pi / 2
    alpha = np.cos(np.clip(angle, 0, np.pi / 2 * 0.9995)) / np.cos(0.008 / 1.008 * np.pi / 2)
    alpha = np.clip(alpha, 0, 1 - 1e-6)
    return alpha, np.sqrt(1 - alpha**2)


def times(steps: int, bend: float = 1.0) -> np.ndarray:
    """[steps + 1] shares of T from 1 down to 0: evenly spread, or denser towards 0.

    >>> times(2), times(2, bend=2.0)
    (array([1. , 0.5, 0. ]), array([1.  , 0.25, 0.  ]))
    """
    return np.linspace(1.0, 0.0, steps + 1) ** bend


def sample_diffusion(
    denoise: Denoise,
    shape: tuple[int, ...],
    rng: np.random.Generator,
    settings: DiffusionSampling,
    *,
    keep: Keep | None = None,
) -> np.ndarray:
    """Noise to x_0, float32.

    Args:
        denoise: what says x_0 of a noisy x_t.
        shape: of x_0.
        keep: puts what must be exact into every estimate of x_0 (hard in-painting).
    """
    keep = keep or (lambda clean, last: clean)
    x = (settings.temperature * rng.standard_normal(shape)).astype(np.float32)
    grid = times(settings.steps, settings.bend)
    alpha, sigma = alpha_sigma(grid)
    before: np.ndarray | None = None
    for k in range(settings.steps):
        clean = keep(denoise(x, float(grid[k])), k == settings.steps - 1)
        if k == settings.steps - 1:
            return np.asarray(clean, dtype=np.float32)
        if settings.sampler == "ddpm":
            x = _ancestral(x, clean, (alpha[k], sigma[k]), (alpha[k + 1], sigma[k + 1]), rng)
        else:
            ahead = clean
            if settings.sampler == "dpm" and before is not None:
                ahead = _second_order(clean, before, alpha[k - 1 : k + 2], sigma[k - 1 : k + 2])
            x = _toward(x, ahead, (alpha[k], sigma[k]), (alpha[k + 1], sigma[k + 1]))
        before = clean
    raise AssertionError("there is at least one step")


def _toward(x: np.ndarray, clean: np.ndarray, here: tuple[float, float], there: tuple[float, float]) -> np.ndarray:
    """DDIM with eta = 0 (Song et al. 2021, equation 12): the noise that was found is kept."""
    noise = (x - here[0] * clean) / here[1]
    return (there[0] * clean + there[1] * noise).astype(np.float32)


def _second_order(clean: np.ndarray, before: np.ndarray, alpha: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """x_0 drawn on by its last change: D of DPM-Solver++(2M), Lu et al. 2022, algorithm 2.

    alpha, sigma: [3] of the last step, this one and the next.
    """
    level = np.log(alpha) - np.log(sigma)  # half the log signal-to-noise ratio
    ratio = (level[1] - level[0]) / (level[2] - level[1])
    weight = 1 / (2 * ratio)
    result: np.ndarray = ((1 + weight) * clean - weight * before).astype(np.float32)
    return result


def _ancestral(
    x: np.ndarray, clean: np.ndarray, here: tuple[float, float], there: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """A draw of q(x_s | x_t, x_0) with the posterior's own (small) variance (Ho et al. 2020, equation 7)."""
    ratio = here[0] / there[0]
    own = here[1] ** 2 - ratio**2 * there[1] ** 2  # variance that x_t has over x_s
    mean = (ratio * there[1] ** 2 * x + there[0] * own * clean) / here[1] ** 2
    deviation = there[1] * np.sqrt(max(own, 0.0)) / here[1]
    drawn: np.ndarray = (mean + deviation * rng.standard_normal(x.shape)).astype(np.float32)
    return drawn
