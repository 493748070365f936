"""Diffusion in NumPy: schedule and samplers, checked on data whose best denoiser is known."""

from __future__ import annotations

import numpy as np
import pytest

from cospeech.sampling.diffusion import DiffusionSampling, alpha_sigma, sample_diffusion, times

SPREAD = np.linspace(0.3, 2.5, 64, dtype=np.float32)
MEAN = np.linspace(-1, 1, 64, dtype=np.float32)


def best(x: np.ndarray, time: float) -> np.ndarray:
    """The exact mean of x_0 given x_t where x_0 is normal with MEAN and SPREAD."""
    alpha, sigma = alpha_sigma(time)
    share = alpha * SPREAD**2 / (alpha**2 * SPREAD**2 + sigma**2)
    return (MEAN + share * (x - alpha * MEAN)).astype(np.float32)


def drawn(sampler: str, steps: int, seed: int = 0) -> np.ndarray:
    return sample_diffusion(best, (4000, 64), np.random.default_rng(seed), DiffusionSampling(sampler, steps))


def test_the_schedule_keeps_the_variance_and_falls():
    alpha, sigma = alpha_sigma(np.linspace(0, 1, 1001))
    np.testing.assert_allclose(alpha**2 + sigma**2, 1, atol=1e-12)
    assert (np.diff(alpha) <= 0).all()
    assert alpha[0] > 0.999
    assert 0 < alpha[-1] < 2e-3  # never nothing: samplers take its logarithm


@pytest.mark.parametrize("sampler", ["dpm", "ddim", "ddpm"])
def test_samplers_draw_the_distribution(sampler):
    x = drawn(sampler, 200)
    np.testing.assert_allclose(x.mean(0), MEAN, atol=0.15)
    np.testing.assert_allclose(x.std(0) / SPREAD, 1, atol=0.07)


def test_the_second_order_is_nearer_in_few_steps():
    error = {sampler: np.abs(drawn(sampler, 10).std(0) / SPREAD - 1).mean() for sampler in ("dpm", "ddim", "ddpm")}
    assert error["dpm"] < 0.6 * error["ddim"]
    assert error["dpm"] < 0.6 * error["ddpm"]


def test_ddim_steps_are_those_of_the_paper():
    """One step by hand: the noise that was found is kept (Song et al. 2021, equation 12)."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((3, 64)).astype(np.float32)
    grid = times(2)
    (a, b, _), (s, t, _) = alpha_sigma(grid)
    clean = best(x, 1.0)
    middle = b * clean + t * (x - a * clean) / s
    expected = best(middle.astype(np.float32), 0.5)
    got = sample_diffusion(best, (3, 64), np.random.default_rng(1), DiffusionSampling("ddim", 2))
    np.testing.assert_allclose(got, expected, atol=1e-4)


@pytest.mark.parametrize("sampler", ["dpm", "ddim", "ddpm"])
def test_the_same_seed_gives_the_same_draw(sampler):
    assert drawn(sampler, 5).tobytes() == drawn(sampler, 5).tobytes()
    assert drawn(sampler, 5).tobytes() != drawn(sampler, 5, seed=1).tobytes()


def test_what_is_kept_comes_out_exactly():
    wanted = np.linspace(-3, 3, 64, dtype=np.float32)

    def keep(clean: np.ndarray, last: bool) -> np.ndarray:
        return np.where(np.arange(len(clean))[:, None] < 2, wanted, clean)

    got = sample_diffusion(best, (5, 64), np.random.default_rng(0), DiffusionSampling(steps=7), keep=keep)
    assert (got[:2] == wanted).all()
    assert np.abs(got[2:] - wanted).max() > 0.1


@pytest.mark.parametrize(("settings", "message"), [({"sampler": "euler"}, "dpm, ddim, ddpm"), ({"steps": 0}, "1000")])
def test_impossible_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        DiffusionSampling(**settings)
