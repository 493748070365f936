"""Speech features and a prompt in, latents of motion out: the sampling of EmotionGesture, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from ...sampling.diffusion import WILDEST, DiffusionSampling, alpha_sigma, sample_diffusion
from ...sampling.rhythm import RhythmSettings


class Networks(Protocol):
    """What sampling needs; torch modules and ONNX sessions provide it alike."""

    downsample: int  # frames a step
    given: int  # L, steps of a prompt
    window: int  # N, steps that are made at once
    chunk: int  # steps of one latent of the VAE
    size: int  # Z of the VAE's latents; 0: there is none
    latent: int  # D

    def beats(self, features: np.ndarray) -> np.ndarray:
        """[T, F] -> [T / downsample, E]."""
        ...

    def denoise(
        self,
        z: np.ndarray,
        alpha: np.ndarray,
        sigma: np.ndarray,
        given: np.ndarray,
        beat: np.ndarray,
        emotion: np.ndarray,
        style: np.ndarray,
        intensity: np.ndarray,
    ) -> np.ndarray:
        """Noisy latents of the VAE [B, K, Z], prompt [B, L, D], beat [B, L + N, E], condition -> x_0."""
        ...

    def make(
        self,
        given: np.ndarray,
        beat: np.ndarray,
        mood: np.ndarray,
        emotion: np.ndarray,
        style: np.ndarray,
        intensity: np.ndarray,
    ) -> np.ndarray:
        """Scaled latents [B, N, D]; mood [B, K, Z] as it was diffused (of no account without a VAE)."""
        ...

    def encode(self, motion: np.ndarray) -> np.ndarray:
        """Coded motion [T, C] -> scaled latents [T / downsample, D]."""
        ...

    def decode(self, latent: np.ndarray) -> np.ndarray:
        """Scaled latents [N, D] -> coded motion [T, C]."""
        ...


@dataclass(frozen=True)
class EmotionSampling(RhythmSettings):
    """Settings of ``sample_latents`` and of what follows it."""

    diffusion: DiffusionSampling = field(default_factory=lambda: DiffusionSampling(steps=10))
    guidance: float = 1.0  # of emotion, style and intensity; 1: none. Above 1 they show more
    variety: float = 1.0  # of the VAE's draws: 0 the most usual motion, above 1 further afield


@dataclass(frozen=True)
class EmotionCondition:
    """The condition, step by step."""

    emotion: np.ndarray  # [N, 10] float32 weights
    style: np.ndarray  # [styles] float32 weights
    intensity: np.ndarray  # [2] float32: log of the relative hand speed, 1 where known


def sample_latents(
    networks: Networks,
    features: np.ndarray,
    condition: EmotionCondition,
    given: np.ndarray,
    rng: np.random.Generator,
    settings: EmotionSampling,
) -> np.ndarray:
    """Scaled latents [N, D] for features [N * downsample, F], window by window.

    Each window is prompted with the last steps of the one before, the first with ``given`` [L, D].
    """
    beat = networks.beats(features)
    length, before, size = len(beat), networks.given, networks.window
    count = -(-length // size)
    fill = count * size - length
    beat = np.pad(beat, ((before, fill), (0, 0)), mode="edge")
    emotion = np.pad(condition.emotion, ((before, fill), (0, 0)), mode="edge")
    style, intensity = condition.style[None], condition.intensity[None]
    done = np.concatenate([given, np.zeros((count * size, networks.latent), np.float32)])
    for start in range(0, count * size, size):
        part = slice(start, start + before + size)
        prompt = done[start : start + before][None]
        own = (emotion[part][None], style, intensity)
        mood = draw(networks, prompt, beat[part][None], own, rng, settings)
        done[start + before : start + before + size] = networks.make(prompt, beat[part][None], mood, *own)[0]
    return done[before : before + length]


def draw(
    networks: Networks,
    given: np.ndarray,
    beat: np.ndarray,
    condition: tuple[np.ndarray, np.ndarray, np.ndarray],
    rng: np.random.Generator,
    settings: EmotionSampling,
) -> np.ndarray:
    """Latents [1, K, Z] of the VAE for a window, out of noise."""
    shape = (networks.window // networks.chunk, networks.size)
    if not networks.size:
        return np.zeros((1, *shape), dtype=np.float32)
    guided = settings.guidance != 1.0
    batch = 2 if guided else 1
    own = [np.concatenate([v, np.zeros_like(v)]) if guided else v for v in condition]
    given, beat = np.repeat(given, batch, 0), np.repeat(beat, batch, 0)

    def denoise(x: np.ndarray, time: float) -> np.ndarray:
        alpha, sigma = (np.full(batch, v, dtype=np.float32) for v in alpha_sigma(time))
        generated = networks.denoise(np.repeat(x[None], batch, 0), alpha, sigma, given, beat, *own)
        return generated[1] + np.float32(settings.guidance) * (generated[0] - generated[1]) if guided else generated[0]

    noise = min(WILDEST, settings.diffusion.temperature * settings.variety)
    return sample_diffusion(denoise, shape, rng, replace(settings.diffusion, temperature=noise))[None]
