"""Speech features and a prompt in, latents of motion out: the sampling of EmotionGesture, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


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

    def context(
        self, given: np.ndarray, beat: np.ndarray, emotion: np.ndarray, style: np.ndarray,
        intensity: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Prompt [B, L, D], beat [B, L + N, E] and wishes -> chunks [B, K, W] and a state."""
        ...

    def prior(
        self, before: np.ndarray, context: np.ndarray, state: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of one chunk: [B, 1, Z], [B, 1, W], [1, B, W] -> mean and log deviation [B, 1, Z], state."""
        ...

    def make(
        self, given: np.ndarray, beat: np.ndarray, mood: np.ndarray, emotion: np.ndarray, style: np.ndarray,
        intensity: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """Scaled latents [B, N, D]; mood [B, K, Z] (of no account without a VAE)."""
        ...

    def encode(self, motion: np.ndarray) -> np.ndarray:
        """Coded motion [T, C] -> scaled latents [T / downsample, D]."""
        ...

    def decode(self, latent: np.ndarray) -> np.ndarray:
        """Scaled latents [N, D] -> coded motion [T, C]."""
        ...


@dataclass(frozen=True)
class EmotionSampling:
    """Settings of ``sample_latents`` and of what follows it."""

    variety: float = 1.0  # of the VAE's draws: 0 the most usual motion, above 1 further afield
    rhythm: bool = True  # bring strokes to accents (see ``sampling.rhythm``)
    sharpen: float = 1.0  # how far the wanted emotion is from neutral, 1: as it was learned


@dataclass(frozen=True)
class Wishes:
    """What is asked for, step by step."""

    emotion: np.ndarray  # [N, 10] float32 weights
    style: np.ndarray  # [styles] float32 weights
    intensity: np.ndarray  # [2] float32: log of the relative hand speed, 1 where known


def sample_latents(
    networks: Networks, features: np.ndarray, wishes: Wishes, given: np.ndarray, rng: np.random.Generator,
    settings: EmotionSampling,
) -> np.ndarray:  # fmt: skip
    """Scaled latents [N, D] for features [N * downsample, F], window by window.

    Each window is prompted with the last steps of the one before, the first with ``given`` [L, D].
    """
    beat = networks.beats(features)
    length, before, size = len(beat), networks.given, networks.window
    count = -(-length // size)
    fill = count * size - length
    beat = np.pad(beat, ((before, fill), (0, 0)), mode="edge")
    emotion = np.pad(wishes.emotion, ((before, fill), (0, 0)), mode="edge")
    style, intensity = wishes.style[None], wishes.intensity[None]
    done = np.concatenate([given, np.zeros((count * size, networks.latent), np.float32)])
    for start in range(0, count * size, size):
        part = slice(start, start + before + size)
        prompt = done[start : start + before][None]
        own = (emotion[part][None], style, intensity)
        mood = draw(networks, prompt, beat[part][None], own, rng, settings.variety)
        done[start + before : start + before + size] = networks.make(prompt, beat[part][None], mood, *own)[0]
    return done[before : before + length]


def draw(
    networks: Networks, given: np.ndarray, beat: np.ndarray,
    wishes: tuple[np.ndarray, np.ndarray, np.ndarray], rng: np.random.Generator, variety: float,
) -> np.ndarray:  # fmt: skip
    """Latents [1, K, Z] of the VAE for a window, one after the other out of its prior."""
    count = networks.window // networks.chunk
    drawn = np.zeros((1, count, networks.size), dtype=np.float32)
    if not networks.size:
        return drawn
    context, state = networks.context(given, beat, *wishes)
    noise = rng.standard_normal(drawn.shape).astype(np.float32) * np.float32(variety)
    before = drawn[:, :1] * 0
    for k in range(count):
        mean, log, state = networks.prior(before, context[:, k : k + 1], state)
        before = mean + np.exp(log) * noise[:, k : k + 1]
        drawn[:, k] = before[:, 0]
    return drawn
