"""Training the masked and residual generators on a dataset and a finished tokenizer."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ...core.emotions import EMOTIONS
from ...core.errors import UserError
from ...data.dataset import GestureDataset, Sample
from ...speech.layout import LAYOUT, SILENCE
from ...training.loop import Batch, Place, TrainConfig, fit
from ..alignment.network import Alignment
from ..alignment.train import input_sizes
from ..modalities import described_part
from ..tokenizer.network import Tokenizer
from .network import Generator, GeneratorConfig, generator_loss


class TokenWindows:
    """Random windows of tokens with their speech and conditions."""

    def __init__(
        self,
        dataset: GestureDataset,
        tokenizer: Tokenizer,
        styles: tuple[str, ...],
        *,
        splits: tuple[str, ...] = ("train",),
        window: int = 56,
        batch_size: int = 48,
        seed: int = 0,
        vary: bool = False,
        part: str = "body",
    ) -> None:
        """Encode all motion once.

        Args:
            part: of the dataset's space that the tokenizer is of.
            vary: change the voice of every window (``vary_voice``).
        """
        self.vary = vary
        self.window, self.batch_size, self.seed, self.styles = window, batch_size, seed, styles
        self.downsample = tokenizer.config.downsample
        self.items = dataset.select(split=splits, kind=("pair", "synthetic_pair"))
        if not self.items:
            raise UserError(
                f"the dataset has no speech with motion in {', '.join(splits)}; prepare more, or name other splits"
            )
        self.speeds = mean_speeds(self.items)
        self.codes = [encode_item(tokenizer, dataset.motion(item, part=part)) for item in self.items]
        self.sound, self.words = input_sizes(dataset)
        self.features = [dataset.inputs(item).astype(np.float16) for item in self.items]
        lengths = np.array([len(codes) for codes in self.codes], dtype=np.float64)
        self._chance = lengths / lengths.sum()

    def __call__(self, step: int, place: Place) -> Batch:
        rng = np.random.default_rng([self.seed, step, place.rank])
        size, window = self.batch_size // place.world, self.window
        layers, dim = self.codes[0].shape[1], self.sound + self.words
        codes = np.zeros((size, window, layers), dtype=np.int64)
        features = np.zeros((size, window * self.downsample, dim), dtype=np.float32)
        valid = np.zeros((size, window), dtype=bool)
        emotion = np.zeros((size, len(EMOTIONS)), dtype=np.float32)
        style = np.zeros((size, len(self.styles)), dtype=np.float32)
        intensity = np.zeros((size, 2), dtype=np.float32)
        for row, choice in enumerate(rng.choice(len(self.items), size=size, p=self._chance)):
            item, length = self.items[choice], len(self.codes[choice])
            count = min(window, length)
            start = int(rng.integers(length - count + 1))
            codes[row, :count] = self.codes[choice][start : start + count]
            frames = slice(start * self.downsample, (start + count) * self.downsample)
            part = self.features[choice][frames]
            features[row, : len(part)] = vary_voice(part.astype(np.float32), rng) if self.vary else part
            valid[row, :count] = True
            if item.emotion in EMOTIONS:
                emotion[row, EMOTIONS.index(item.emotion)] = 1.0
            if item.speaker in self.styles:
                style[row, self.styles.index(item.speaker)] = 1.0
            usual = max(self.speeds[item.speaker, item.emotion], 1e-3)  # a speaker may never move
            intensity[row] = np.log(item.info["speed"] / usual + 1e-3), 1.0
        arrays = {
            "codes": codes,
            "features": features,
            "valid": valid,
            "emotion": emotion,
            "style": style,
            "intensity": intensity,
        }
        batch = {name: torch.from_numpy(value) for name, value in arrays.items()}
        if self.words:
            batch["features"], batch["words"] = batch["features"].split((self.sound, self.words), -1)
        return batch


def vary_voice(features: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Features [T, F] as of another voice in another room: when and how much is kept, not the colour. [D]

    Recordings are few and are heard with many gestures; a network that can tell them by their sound
    learns them by heart. Mel bands are shifted, tilted and stretched, a block of them is hidden and at
    times all; energy and pitch are stretched a little. Rhythm, accents and pauses stay as they are,
    and so does what a pretrained encoder added behind the named columns.
    """
    out = features.copy()
    mel = out[:, LAYOUT["mel"]]
    bands = np.arange(mel.shape[1], dtype=np.float32)
    heard = mel > SILENCE + 1e-3
    if rng.random() < 0.25:
        out[:, LAYOUT["mel"]] = mel.mean(1, keepdims=True)
    else:
        place = bands * rng.uniform(0.9, 1.1) + rng.uniform(-2, 2)
        low = np.clip(np.floor(place), 0, len(bands) - 2).astype(int)
        part = np.clip(place - low, 0, 1).astype(np.float32)
        mel = mel[:, low] * (1 - part) + mel[:, low + 1] * part
        knots = np.interp(bands, np.linspace(0, len(bands) - 1, 4), rng.normal(0, 0.35, 4))
        mel = mel * rng.uniform(0.85, 1.15) + np.where(heard, knots, 0)
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


def _made(config: GeneratorConfig, tokenizer: Tokenizer, alignment: Alignment | None) -> Generator:
    model = Generator(config)
    vectors = tokenizer.quantizer.books[0].vectors
    assert isinstance(vectors, Tensor)
    for part in (model.masked, model.latent):
        if part is not None:
            part.begin_with(vectors)
    if not config.aligned:
        return model
    if alignment is None:
        raise UserError("the speech encoder begins with an alignment and none was given; train one first")
    try:
        model.speech.begin_with(alignment)
    except ValueError as error:
        raise UserError(f"{error}; train the alignment with the same preset") from None
    return model


def mean_speeds(items: list[Sample]) -> dict[tuple[str, str | None], float]:
    """Mean hand speed (metres a second) of every speaker and emotion: what intensity is measured against."""
    sums: dict[tuple[str, str | None], list[float]] = {}
    for item in items:
        entry = sums.setdefault((item.speaker, item.emotion), [0.0, 0.0])
        entry[0] += item.info["speed"] * item.frames
        entry[1] += item.frames
    return {key: total / frames for key, (total, frames) in sums.items()}


@torch.no_grad()
def encode_item(tokenizer: Tokenizer, motion: np.ndarray) -> np.ndarray:
    """Codes [N, K] int16 of a whole coded motion [T, C]."""
    frames = len(motion) // tokenizer.config.downsample * tokenizer.config.downsample
    codes = tokenizer.encode(torch.from_numpy(np.ascontiguousarray(motion[None, :frames])))[0]
    return codes.numpy().astype(np.int16)


def fit_generator(
    dataset: GestureDataset,
    tokenizer: Tokenizer,
    folder: str | Path,
    *,
    config: GeneratorConfig | None = None,
    training: TrainConfig | None = None,
    styles: tuple[str, ...] | None = None,
    splits: tuple[str, ...] = ("train",),
    alignment: Alignment | None = None,
    vary: bool = True,
    part: str = "body",
) -> Generator:
    """Train both generators; continues a run found in ``folder``.

    Args:
        part: of the dataset's space, body or face; the tokenizer and the alignment must be of it.
        styles: speakers whose manner is learned; all of the chosen splits unless given.
        alignment: whose speech encoder begins the generator's; with ``config.aligned`` there must be one.
        vary: change the voices of the training windows (``vary_voice``).

    Raises:
        UserError: no speech with motion, or an alignment that is missing or has other sizes.
    """
    training = training or TrainConfig()
    tokenizer.eval().requires_grad_(False)
    if styles is None:
        styles = tuple(sorted({item.speaker for item in dataset.select(split=splits)}))
    sound, words = input_sizes(dataset)
    config = replace(
        config or GeneratorConfig(),
        codes=tokenizer.config.codes,
        layers=tokenizer.config.layers,
        downsample=tokenizer.config.downsample,
        latent=tokenizer.config.latent,
        features=sound,
        words=words,
        styles=len(styles),
    )
    windows = TokenWindows(
        dataset,
        tokenizer,
        styles,
        splits=splits,
        window=config.window,
        batch_size=training.batch_size,
        seed=training.seed,
        vary=vary,
        part=part,
    )
    torch.manual_seed(training.seed)
    model = _made(config, tokenizer, alignment)
    held_out = None
    if "val" not in splits and dataset.select(split="val", kind=("pair", "synthetic_pair")):
        held_out = TokenWindows(
            dataset, tokenizer, styles, splits=("val",), window=config.window, batch_size=32, seed=1, part=part
        )

    def validate(network: nn.Module) -> dict[str, float]:
        assert held_out is not None
        torch.manual_seed(0)
        sums: dict[str, float] = {}
        for step in range(4):
            batch = {name: value.to(tokenizer.mean.device) for name, value in held_out(step, Place()).items()}
            _, terms = generator_loss(network, batch, tokenizer=tokenizer)
            for name, value in terms.items():
                sums[name] = sums.get(name, 0.0) + float(value) / 4
        return sums

    def loss(network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        return generator_loss(network, batch, tokenizer=tokenizer.to(batch["codes"].device))

    fit(
        model,
        loss,
        windows,
        folder,
        training,
        validate=validate if held_out else None,
        describe={
            "method": "contextual generator",
            "config": asdict(config),
            "styles": list(styles),
            "vary": vary,
            "splits": list(splits),
            "store": dataset.fingerprint,
            "encoders": dataset.header.get("encoders", {}),
            **described_part(dataset, part),
        },
    )
    return model
