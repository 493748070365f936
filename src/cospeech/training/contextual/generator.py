"""Training the masked and residual generators on a store and a finished tokenizer."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ...data.store import Item, Store
from ...emotions import EMOTIONS
from ...errors import UserError
from ...methods.contextual.generator import Generator, GeneratorConfig, generator_loss
from ...methods.contextual.tokenizer import Tokenizer
from ..loop import Batch, Place, TrainConfig, fit

WINDOW = 56  # tokens


class TokenWindows:
    """Random windows of tokens with their speech and conditions."""

    def __init__(
        self, store: Store, tokenizer: Tokenizer, styles: tuple[str, ...], *,
        splits: tuple[str, ...] = ("train",), window: int = WINDOW, batch_size: int = 48, seed: int = 0,
    ) -> None:  # fmt: skip
        self.window, self.batch_size, self.seed, self.styles = window, batch_size, seed, styles
        self.downsample = tokenizer.config.downsample
        self.items = store.select(split=splits, kind=("pair", "made_pair"))
        if not self.items:
            raise UserError(
                f"the store has no speech with motion in {', '.join(splits)}; "
                "prepare more, or name other splits"
            )
        self.speeds = mean_speeds(self.items)
        self.codes = [encode_item(tokenizer, store.motion(item)) for item in self.items]
        self.features = [store.features(item).astype(np.float16) for item in self.items]
        lengths = np.array([len(codes) for codes in self.codes], dtype=np.float64)
        self._chance = lengths / lengths.sum()

    def __call__(self, step: int, place: Place) -> Batch:
        rng = np.random.default_rng([self.seed, step, place.rank])
        size, window = self.batch_size // place.world, self.window
        layers, dim = self.codes[0].shape[1], self.features[0].shape[1]
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
            features[row, : len(part)] = part
            valid[row, :count] = True
            if item.emotion in EMOTIONS:
                emotion[row, EMOTIONS.index(item.emotion)] = 1.0
            if item.speaker in self.styles:
                style[row, self.styles.index(item.speaker)] = 1.0
            usual = max(self.speeds[item.speaker, item.emotion], 1e-3)  # a speaker may never move
            intensity[row] = np.log(item.info["speed"] / usual + 1e-3), 1.0
        arrays = {"codes": codes, "features": features, "valid": valid, "emotion": emotion, "style": style,
                  "intensity": intensity}  # fmt: skip
        return {name: torch.from_numpy(value) for name, value in arrays.items()}


def mean_speeds(items: list[Item]) -> dict[tuple[str, str | None], float]:
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
    store: Store,
    tokenizer: Tokenizer,
    folder: str | Path,
    *,
    config: GeneratorConfig | None = None,
    training: TrainConfig | None = None,
    styles: tuple[str, ...] | None = None,
    splits: tuple[str, ...] = ("train",),
) -> Generator:
    """Train both generators; continues a run found in ``folder``.

    Args:
        styles: speakers whose manner is learned; all of the chosen splits unless given.
    """
    training = training or TrainConfig()
    tokenizer.eval()
    if styles is None:
        styles = tuple(sorted({item.speaker for item in store.select(split=splits)}))
    config = replace(
        config or GeneratorConfig(),
        codes=tokenizer.config.codes,
        layers=tokenizer.config.layers,
        downsample=tokenizer.config.downsample,
        features=store.header["feature_dim"],
        styles=len(styles),
    )
    windows = TokenWindows(
        store, tokenizer, styles, splits=splits, batch_size=training.batch_size, seed=training.seed
    )
    torch.manual_seed(training.seed)
    model = Generator(config)
    held_out = None
    if "val" not in splits and store.select(split="val", kind=("pair", "made_pair")):
        held_out = TokenWindows(store, tokenizer, styles, splits=("val",), batch_size=32, seed=1)

    def validate(network: nn.Module) -> dict[str, float]:
        assert held_out is not None
        torch.manual_seed(0)
        sums: dict[str, float] = {}
        for step in range(4):
            _, terms = generator_loss(network, held_out(step, Place()))
            for name, value in terms.items():
                sums[name] = sums.get(name, 0.0) + float(value) / 4
        return sums

    def loss(network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        return generator_loss(network, batch)

    fit(
        model, loss, windows, folder, training,
        validate=validate if held_out else None,
        describe={"method": "contextual generator", "config": asdict(config), "styles": list(styles),
                  "splits": list(splits), "store": store.fingerprint},
    )  # fmt: skip
    return model
