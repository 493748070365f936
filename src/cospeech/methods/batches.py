"""What batches of speech with motion have in common, whatever the method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ..core.emotions import EMOTIONS
from ..data.dataset import GestureDataset, Sample
from ..data.windows import PAIRS, select_samples
from ..speech.encoders.settings import WORDS
from ..speech.layout import LAYOUT, SILENCE
from ..training.loop import Batch, LossFunction, ProcessInfo, Validation

_LEAST_SPEED = 1e-3  # metres a second; a speaker may never move


def pairs_of(dataset: GestureDataset, splits: Sequence[str]) -> list[Sample]:
    """Samples of speech with motion. Raises UserError if there are none."""
    return select_samples(dataset, splits=splits, kinds=PAIRS, what="speech with motion")


def can_validate(dataset: GestureDataset, splits: Sequence[str]) -> bool:
    """Whether the validation split has speech with motion and is not trained on."""
    return "val" not in splits and bool(dataset.select(split="val", kind=PAIRS))


def speakers_of(dataset: GestureDataset, splits: Sequence[str]) -> tuple[str, ...]:
    """Speakers of some splits, in order: the styles of a network."""
    return tuple(sorted({sample.speaker for sample in dataset.select(split=tuple(splits))}))


def input_sizes(dataset: GestureDataset) -> tuple[int, int]:
    """Columns of sound (features, and a speech encoder's) and of words in a dataset's speech."""
    columns = {name: part.stop - part.start for name, part in dataset.slices.items()}
    words = columns.pop(WORDS, 0)
    return sum(columns.values()), words


def split_words(batch: Batch, sizes: tuple[int, int]) -> Batch:
    """A batch whose features [B, T, F + W] are split into ``features`` and ``words``, if there are any."""
    if not sizes[1]:
        return batch
    features, words = batch["features"].split(sizes, -1)  # type: ignore[no-untyped-call]
    return {**batch, "features": features, "words": words}


def mean_speeds(samples: Sequence[Sample]) -> dict[tuple[str, str | None], float]:
    """Mean hand speed (metres a second) of every speaker and emotion: the baseline of intensity."""
    sums: dict[tuple[str, str | None], list[float]] = {}
    for sample in samples:
        total = sums.setdefault((sample.speaker, sample.emotion), [0.0, 0.0])
        total[0] += sample.info["speed"] * sample.frames
        total[1] += sample.frames
    return {key: distance / frames for key, (distance, frames) in sums.items()}


def conditions(
    samples: Sequence[Sample], styles: Sequence[str], speeds: Mapping[tuple[str, str | None], float]
) -> dict[str, np.ndarray]:
    """Conditions of the samples of a batch, as ``nn.condition.Conditioner`` reads them.

    Args:
        styles: speakers whose style is learned.
        speeds: of ``mean_speeds``.
    Returns:
        emotion [B, 10] and style [B, S] one-hot, zeros where unknown; intensity [B, 2], the log of the speed
        relative to the speaker's mean in this emotion, and 1.
    """
    emotion = np.zeros((len(samples), len(EMOTIONS)), dtype=np.float32)
    style = np.zeros((len(samples), len(styles)), dtype=np.float32)
    intensity = np.ones((len(samples), 2), dtype=np.float32)
    for row, sample in enumerate(samples):
        if sample.emotion in EMOTIONS:
            emotion[row, EMOTIONS.index(sample.emotion)] = 1.0
        if sample.speaker in styles:
            style[row, styles.index(sample.speaker)] = 1.0
        usual = max(speeds[sample.speaker, sample.emotion], _LEAST_SPEED)
        intensity[row, 0] = np.log(sample.info["speed"] / usual + _LEAST_SPEED)
    return {"emotion": emotion, "style": style, "intensity": intensity}


def latent_statistics(latents: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Mean and deviation [D] of latents [N, D] of many clips."""
    z = np.concatenate(latents).astype(np.float64)
    return torch.from_numpy(z.mean(0)), torch.from_numpy(z.std(0).clip(1e-4))


def validation(
    loss: LossFunction, windows: Callable[[int, ProcessInfo], Batch] | None, *, batches: int = 4
) -> Validation | None:
    """Means of the loss and its terms over the first batches of held-out windows; None where there are none."""
    if windows is None:
        return None

    def validate(network: nn.Module) -> dict[str, float]:
        torch.manual_seed(0)  # the same masks and noise every time
        device = next(network.parameters()).device
        sums: dict[str, float] = {}
        for step in range(batches):
            value, terms = loss(network, {name: v.to(device) for name, v in windows(step, ProcessInfo()).items()})
            for name, term in {"loss": value, **terms}.items():
                sums[name] = sums.get(name, 0.0) + float(term) / batches
        return sums

    return validate


def vary_voice(features: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Features [T, F] as of another voice in another room: timing and loudness stay, timbre changes. [D]

    Recordings are few and each occurs with many gestures; a network that recognises them by their sound
    learns them by heart. Mel bands are shifted, tilted and stretched, a block of them is hidden and at
    times all; energy and pitch are stretched a little. Rhythm, accents and pauses stay as they are,
    and so do the columns of a pretrained encoder behind the named ones.
    """
    out = features.copy()
    mel = out[:, LAYOUT["mel"]]
    bands = np.arange(mel.shape[1], dtype=np.float32)
    audible = mel > SILENCE + 1e-3
    if rng.random() < 0.25:
        out[:, LAYOUT["mel"]] = mel.mean(1, keepdims=True)
    else:
        place = bands * rng.uniform(0.9, 1.1) + rng.uniform(-2, 2)
        low = np.clip(np.floor(place), 0, len(bands) - 2).astype(int)
        part = np.clip(place - low, 0, 1).astype(np.float32)
        mel = mel[:, low] * (1 - part) + mel[:, low + 1] * part
        knots = np.interp(bands, np.linspace(0, len(bands) - 1, 4), rng.normal(0, 0.35, 4))
        mel = mel * rng.uniform(0.85, 1.15) + np.where(audible, knots, 0)
        width = int(rng.integers(0, 9))
        first = int(rng.integers(0, len(bands) - width + 1))
        mel[:, first : first + width] = mel.mean(1, keepdims=True)
        out[:, LAYOUT["mel"]] = np.maximum(mel, SILENCE)
    energy = out[:, LAYOUT["energy"]]
    moved = energy * rng.uniform(0.9, 1.1) + rng.normal(0, 0.1)
    out[:, LAYOUT["energy"]] = np.where(energy > SILENCE + 1e-3, np.maximum(moved, SILENCE), energy)
    stretch = rng.uniform(0.8, 1.2)
    out[:, LAYOUT["pitch"]] *= stretch
    out[:, LAYOUT["pitch_delta"]] *= stretch
    return out
