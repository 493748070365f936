"""What the flow and the sampler of activity are trained on: latents, words, activity and speech of a dataset."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch

from ...data.dataset import GestureDataset, Sample
from ...data.windows import PAIRS, SampleArrays, WindowSampler
from ...speech.layout import FEATURE_DIM
from ...training.loop import Batch, ProcessInfo, TrainConfig
from ..batches import conditions, mean_speeds, speakers_of, vary_voice
from ..training import description
from .activity import part_speeds, to_levels
from .codes import PartCodes
from .latents import STACK

SPEECH = STACK * FEATURE_DIM + 1  # columns of the stacked speech of a latent
MOVED = 0.15  # share of words that are moved by one latent
PART_DROPPED = 0.1  # chance that a part has no words
SPAN_DROPPED = 0.3  # chance that a span has none


@dataclass(frozen=True)
class PartTraining:
    """What a network of body parts is trained on, and how.

    Args:
        codes: words and latents of the parts.
        folder: run folder; a run found in it is continued.
    """

    dataset: GestureDataset
    codes: PartCodes
    folder: Path
    schedule: TrainConfig = field(default_factory=TrainConfig)
    splits: tuple[str, ...] = ("train",)

    @property
    def styles(self) -> tuple[str, ...]:
        """Speakers whose style is learned."""
        return speakers_of(self.dataset, self.splits)

    def material(self, samples: Sequence[Sample], name: str = "material") -> PartMaterial:
        """Arrays of some samples, kept in the run folder."""
        return PartMaterial(self.dataset, samples, self.codes, self.folder / name)

    def described(self, method: str, config: Any) -> dict[str, Any]:
        """What config.json of the run says."""
        return {**description(method, self.dataset, config, self.splits), "styles": list(self.styles)}


class PartMaterial:
    """Arrays of the samples of a dataset, a row for each latent; computed once and mapped into memory."""

    def __init__(self, dataset: GestureDataset, samples: Sequence[Sample], codes: PartCodes, folder: Path) -> None:
        """``folder``: where the arrays are kept; made if need be."""
        self.dataset, self.samples, self.latents, self.words = dataset, list(samples), codes.latents, codes
        folder.mkdir(parents=True, exist_ok=True)
        key = f"{dataset.fingerprint}-{sum(float(np.abs(array).sum()) for array in codes.arrays.values()):.6f}"
        self.encoded = SampleArrays(folder / "latents", self.samples, self._encode, key=key)
        self.levels = SampleArrays(folder / "levels", self.samples, self._levels, key=key)

    def _encode(self, sample: Sample) -> np.ndarray:
        return self.latents.encode(self.dataset.motion(sample)).astype(np.float16)

    def _levels(self, sample: Sample) -> np.ndarray:
        return to_levels(part_speeds(self.dataset.motion(sample), self.latents.codec)).astype(np.float16)

    def cut(self, index: int, start: int, count: int, *, mirror: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Latents [N, D], levels [N, P] and words [N, P] of a window, or of its mirror image."""
        window = slice(start, start + count)
        latents = self.encoded[index][window].astype(np.float32)
        levels = self.levels[index][window].astype(np.float32)
        if mirror:
            latents, levels = self.latents.mirrored(latents), levels[:, [1, 0, 2]]
        return latents, levels, self.words.encode(latents)

    def speech(self, index: int, start: int, count: int, *, vary: np.random.Generator | None = None) -> np.ndarray:
        """[N, SPEECH] of a window; zeros where the sample has no speech.

        Args:
            vary: changes the voice (``vary_voice``).
        """
        sample, out = self.samples[index], np.zeros((count, SPEECH), dtype=np.float32)
        if sample.kind in PAIRS:
            frames = self.dataset.features(sample, start * STACK, min((start + count) * STACK, sample.frames))
            frames = np.pad(frames, ((0, count * STACK - len(frames)), (0, 0)), mode="edge")
            out[:, :-1] = (frames if vary is None else vary_voice(frames, vary)).reshape(count, -1)
            out[:, -1] = 1.0
        return out


class WindowConfig(Protocol):
    """What windows need of the config of a network."""

    @property
    def drop_condition(self) -> float:
        """Chance that a window is without emotion, style or intensity, each by itself."""
        ...


K = TypeVar("K", bound=WindowConfig)


class PartWindows(ABC, Generic[K]):
    """Windows of part material in batches, each with what it is conditioned on."""

    def __init__(
        self,
        material: PartMaterial,
        styles: tuple[str, ...],
        config: K,
        *,
        batch_size: int,
        seed: int,
        augment: bool = True,
    ) -> None:
        """Prepare to draw.

        Args:
            augment: vary what is drawn; otherwise windows are as they were made.
        """
        self.material, self.styles, self.config, self.augment = material, styles, config, augment
        self.speeds = mean_speeds(material.samples)
        weights = self.weights()
        self.sampler = WindowSampler(
            material.dataset, material.samples, batch_size=batch_size, seed=seed, weights=weights
        )

    def weights(self) -> Sequence[float] | None:
        """Chance of each sample up to a factor; its number of frames if None."""
        return None

    def __call__(self, step: int, process: ProcessInfo) -> Batch:
        rng = self.sampler.rng(step, rank=process.rank)
        chosen = self.sampler.choose(rng, world_size=process.world_size)
        rows = [self.row(index, sample, rng) for index, sample in chosen]
        arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        given = conditions([sample for _, sample in chosen], self.styles, self.speeds)
        if self.augment:
            for values in given.values():
                values[rng.random(len(chosen)) < self.config.drop_condition] = 0.0
        arrays |= given
        return {name: torch.from_numpy(value) for name, value in arrays.items()}

    @abstractmethod
    def row(self, index: int, sample: Sample, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """The arrays of one window of a sample."""


def drawn_plan(codes: np.ndarray, rng: np.random.Generator, drop: float) -> np.ndarray:
    """Words [N, P] as a sampler might draw them: missing (-1) for parts and spans, some too early or too late.

    Args:
        drop: chance that there are none at all.
    """
    count, parts = codes.shape
    late = np.arange(count) + rng.integers(-1, 2, count) * (rng.random(count) < MOVED)
    codes = codes[np.clip(late, 0, count - 1)]
    codes[:, rng.random(parts) < PART_DROPPED] = -1
    if rng.random() < drop:
        codes[:] = -1
    elif rng.random() < SPAN_DROPPED:
        first = int(rng.integers(count))
        codes[first : first + int(rng.integers(1, count + 1))] = -1
    return codes
