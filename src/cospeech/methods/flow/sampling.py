"""From speech to latents of body parts: the rectified flow, sampled in windows after a known prefix, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import numpy as np

from ...core.progress import counted
from ..conditioning import Condition
from .activity import PartNoise, renewals


class FlowNetwork(Protocol):
    """What sampling needs; a torch module and an ONNX session provide it alike."""

    def __call__(self, noisy: np.ndarray, time: float, known: int, inputs: FlowInputs) -> np.ndarray:
        """Noisy latents [N, D] at a time from 0 (noise) to 1, the first ``known`` final -> clean latents [N, D]."""
        ...


@dataclass(frozen=True)
class FlowSampling:
    """How the flow is sampled."""

    steps: int = 5  # Euler steps; ten are no better (docs/experiments.md)
    window: int = 64  # latents that are seen at once
    prefix: int = 10  # of which so many are known from the window before
    temperature: float = 1.0  # of the noise
    # One word of a plan in so many is shown; 0: none. Words that were drawn in parallel, or that another network
    # planned, cohere less than what the flow does by itself between a few of them (docs/experiments.md).
    words_every: int = 1


@dataclass(frozen=True)
class FlowInputs:
    """What the flow is told about N latents; a slice of it tells about some of them.

    Args:
        speech: [N, STACK x F + 1] stacked features, and 1 where they are known.
        levels: [N, P] activity (``activity``).
        plan: [N, D + P] mean poses of the parts' words, and 1 for each part that has one.
        given: [N, P] 1 where a part is given.
        condition: emotion, style and intensity of all of them; or emotion [N, E], one for each.
    """

    speech: np.ndarray
    levels: np.ndarray
    plan: np.ndarray
    given: np.ndarray
    condition: Condition

    def __getitem__(self, part: slice) -> FlowInputs:
        condition = self.condition
        if len(condition.emotion) > 1:
            condition = replace(condition, emotion=condition.emotion[part].mean(0, keepdims=True))
        return FlowInputs(self.speech[part], self.levels[part], self.plan[part], self.given[part], condition)

    def followed_by(self, other: FlowInputs) -> FlowInputs:
        """These latents and then others, under the condition of those."""
        names = ("speech", "levels", "plan", "given")
        joined = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in names}
        return FlowInputs(**joined, condition=other.condition)


def clocked_noise(levels: np.ndarray, widths: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """[N, sum of widths] noise of unit variance that changes as fast as the parts' activity [N, P] lets it."""
    rates = renewals(levels)
    parts = [PartNoise(width, rng).push(rates[:, part]) for part, width in enumerate(widths)]
    return np.concatenate(parts, axis=-1)


def sample_flow(
    network: FlowNetwork,
    inputs: FlowInputs,
    known: np.ndarray,
    widths: tuple[int, ...],
    rng: np.random.Generator,
    settings: FlowSampling,
) -> np.ndarray:
    """Latents [N, D] that keep the given parts of ``known`` [N, D] and fill in the rest.

    Args:
        widths: columns of each part, in order.
    """
    count = len(known)
    kept = np.repeat(inputs.given.astype(bool), widths, axis=1)
    noise = clocked_noise(inputs.levels, widths, rng) * np.float32(settings.temperature)
    x = np.where(kept, known, noise).astype(np.float32)
    edges = window_edges(count, settings)
    for first, last in counted(list(pairwise(edges))):
        before = min(settings.prefix, first)
        part = slice(first - before, last)
        x[part] = _window(network, inputs[part], x[part], kept[part], before, settings.steps)
    return x


def window_edges(count: int, settings: FlowSampling) -> list[int]:
    """Where windows that are sampled one after the other begin, of so many latents, and the end."""
    windows = max(1, -(-(count - settings.prefix) // (settings.window - settings.prefix)))
    edges: list[int] = np.linspace(0, count, windows + 1).round().astype(int).tolist()
    return edges


def _window(
    network: FlowNetwork, inputs: FlowInputs, x: np.ndarray, kept: np.ndarray, known: int, steps: int
) -> np.ndarray:
    given = inputs.given.copy()
    given[:known] = 1.0
    kept = kept.copy()
    kept[:known] = True
    told = FlowInputs(inputs.speech, inputs.levels, inputs.plan, given, inputs.condition)
    final = x
    for step in range(steps):
        now, then = step / steps, (step + 1) / steps
        clean = network(x, now, known, told)
        x = np.where(kept, final, euler(x, clean, now, then)).astype(np.float32)
    return x


def euler(x: np.ndarray, clean: np.ndarray, now: float, then: float) -> np.ndarray:
    """Latents at a later time, on the straight way from ``x`` to where the network sees the clean ones."""
    moved: np.ndarray = x + (clean - x) * ((then - now) / (1 - now))
    return moved
