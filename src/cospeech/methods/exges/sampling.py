"""Speech features and a constraint in, latents of motion out: the sampling of ExGes, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ...core.progress import counted
from ...sampling.diffusion import DiffusionSampling, alpha_sigma, sample_diffusion
from ...sampling.longform import windows
from ...sampling.rhythm import RhythmSettings
from ..conditioning import Condition
from .pose_mask import Constraint, owner


class Networks(Protocol):
    """What sampling needs; torch modules and ONNX sessions provide it alike."""

    downsample: int  # frames a step
    latent: int  # D

    def speech(self, features: np.ndarray) -> np.ndarray:
        """[T, F] -> [T / downsample, W]."""
        ...

    def denoise(
        self,
        x: np.ndarray,
        alpha: np.ndarray,
        sigma: np.ndarray,
        pose: np.ndarray,
        mask: np.ndarray,
        speech: np.ndarray,
        condition: Condition,
    ) -> np.ndarray:
        """Scaled x_t [B, N, D], alpha and sigma [B], pose [B, T, C], mask [B, T, J] -> x_0 [B, N, D]."""
        ...

    def encode(self, motion: np.ndarray) -> np.ndarray:
        """Coded motion [T, C] -> scaled latents [T / downsample, D]."""
        ...

    def decode(self, latent: np.ndarray) -> np.ndarray:
        """Scaled latents [N, D] -> coded motion [T, C]."""
        ...


@dataclass(frozen=True)
class ExGesSampling(RhythmSettings):
    """Settings of ``sample_latents``."""

    # Few steps near the end and calmer noise: what a denoiser of an hour of motion adds in the last steps is
    # trembling, which real hands at rest do not have (docs/experiments.md).
    diffusion: DiffusionSampling = field(default_factory=lambda: DiffusionSampling(steps=5, temperature=0.75, bend=0.5))
    # Where no gesture was retrieved, nothing keeps the network awake but its own noise.
    alone: DiffusionSampling = field(default_factory=lambda: DiffusionSampling(steps=10, temperature=1.0, bend=0.5))
    guidance: float = 1.0  # of the speech; 1: none. Costs twice the time
    window: int = 56  # steps
    overlap: int = 8  # steps handed over
    faithfulness: float = 1.0  # share of a retrieved gesture that is kept
    rule: str = "best"  # how references are chosen: "best", "random" or "none"


def sample_latents(
    networks: Networks,
    features: np.ndarray,
    condition: Condition,
    constraint: Constraint,
    rng: np.random.Generator,
    settings: ExGesSampling,
    *,
    known: np.ndarray | None = None,
) -> np.ndarray:
    """Scaled latents [N, D] for features [N * downsample, F].

    Args:
        constraint: of N * downsample frames; what is hard is put into every estimate of x_0.
        known: [N, D] latents that are given, NaN where they are not (what lies outside an edit).
    """
    step = networks.downsample
    length = len(features) // step
    latent = np.full((length, networks.latent), np.nan, dtype=np.float32)
    if known is not None:
        latent[:] = known
    for window in counted(windows(length, settings.window, settings.overlap)):
        part = slice(window.start, window.end)
        frames = slice(window.start * step, window.end * step)
        own = Constraint(constraint.pose[frames].copy(), constraint.mask[frames].copy(), constraint.hard[frames])
        given = ~np.isnan(latent[part, 0])
        if given.any():
            _show(networks, own, latent[part], given)
        latent[part] = _window(networks, features[frames], condition, own, latent[part].copy(), given, rng, settings)
    return latent


def _show(networks: Networks, constraint: Constraint, latent: np.ndarray, given: np.ndarray) -> None:
    """Show the network, as poses, the latents that are given."""
    step, known = networks.downsample, np.flatnonzero(given)
    # Where nothing is given the nearest given step goes on, since a step is decoded with its neighbours.
    nearest = known[np.abs(np.arange(len(given))[:, None] - known).argmin(1)]
    decoded = networks.decode(latent[nearest])
    rows = np.repeat(given, step)
    constraint.pose[rows] = decoded[rows]
    constraint.mask[rows] = 1.0


def _window(
    networks: Networks,
    features: np.ndarray,
    condition: Condition,
    constraint: Constraint,
    latent: np.ndarray,
    given: np.ndarray,
    rng: np.random.Generator,
    settings: ExGesSampling,
) -> np.ndarray:
    speech = networks.speech(features)[None]
    guided = settings.guidance != 1.0
    batch = 2 if guided else 1
    inputs = np.concatenate([speech, np.zeros_like(speech)]) if guided else speech
    conditions = condition.twice() if guided else condition
    pose, mask = (np.repeat(v[None], batch, 0) for v in (constraint.pose, constraint.mask))
    hard = constraint.hard[:, owner()]
    any_hard = bool(hard.any())

    def denoise(x: np.ndarray, time: float) -> np.ndarray:
        alpha, sigma = (np.full(batch, v, dtype=np.float32) for v in alpha_sigma(time))
        generated = networks.denoise(np.repeat(x[None], batch, 0), alpha, sigma, pose, mask, inputs, conditions)
        return generated[1] + settings.guidance * (generated[0] - generated[1]) if guided else generated[0]

    def keep(clean: np.ndarray, last: bool) -> np.ndarray:
        # x_0 <- x_0 (1 - m) + c m, in the channels of the motion. The last estimate stays as the network has
        # it: an edge in some joints would shake the others, which share the latent; joints are pinned later.
        if any_hard and not last:
            decoded = networks.decode(clean)
            clean = networks.encode(np.where(hard, constraint.pose, decoded).astype(np.float32))
        return np.where(given[:, None], latent, clean)

    return sample_diffusion(denoise, latent.shape, rng, settings.diffusion, keep=keep)
