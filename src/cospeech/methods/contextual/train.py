"""Training the masked and residual generators on a dataset and a finished tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...data.dataset import GestureDataset
from ...data.windows import WindowSampler, place_window
from ...training.checkpoints import BestFigure
from ...training.loop import Batch, ProcessInfo, TrainConfig, fit, saved_run
from ..alignment.network import Alignment
from ..batches import (
    can_validate,
    conditions,
    input_sizes,
    mean_speeds,
    pairs_of,
    speakers_of,
    split_words,
    validation,
    vary_voice,
)
from ..flow.codes import PartCodes
from ..flow.latents import PARTS, STACK
from ..tokenizer.encoding import encode_codes
from ..tokenizer.network import Tokenizer
from ..training import description
from .network import Generator, GeneratorConfig, generator_loss

METHOD = "contextual generator"  # as config.json of a run has it


class TokenWindows:
    """Random windows of tokens with their speech and conditions."""

    def __init__(
        self,
        dataset: GestureDataset,
        encode: Callable[[np.ndarray], np.ndarray],
        styles: tuple[str, ...],
        *,
        downsample: int,
        splits: tuple[str, ...] = ("train",),
        window: int = 56,
        batch_size: int = 48,
        seed: int = 0,
        vary: bool = False,
        modality: str = "body",
    ) -> None:
        """Encode all motion once.

        Args:
            encode: motion [T, C] -> codes [T / downsample, K].
            modality: of the dataset, that the codes are of.
            vary: change the voice of every window (``vary_voice``).
        """
        self.vary = vary
        self.dataset, self.window, self.styles = dataset, window, styles
        self.downsample = downsample
        self.samples = pairs_of(dataset, splits)
        self.speeds = mean_speeds(self.samples)
        self.codes = [encode(dataset.motion(sample, modality=modality)) for sample in self.samples]
        self.sizes = input_sizes(dataset)
        self.sampler = WindowSampler(
            dataset, self.samples, batch_size=batch_size, seed=seed, weights=map(len, self.codes)
        )

    def __call__(self, step: int, process: ProcessInfo) -> Batch:
        rng, window = self.sampler.rng(step, rank=process.rank), self.window
        chosen = self.sampler.choose(rng, world_size=process.world_size)
        size = len(chosen)
        codes = np.zeros((size, window, self.codes[0].shape[1]), dtype=np.int64)
        features = np.zeros((size, window * self.downsample, sum(self.sizes)), dtype=np.float32)
        valid = np.zeros((size, window), dtype=bool)
        for row, (index, sample) in enumerate(chosen):
            start, count = place_window(rng, len(self.codes[index]), window)
            codes[row, :count] = self.codes[index][start : start + count]
            speech = self.dataset.inputs(sample, start * self.downsample, (start + count) * self.downsample)
            features[row, : len(speech)] = vary_voice(speech, rng) if self.vary else speech
            valid[row, :count] = True
        arrays = {"codes": codes, "features": features, "valid": valid}
        arrays |= conditions([sample for _, sample in chosen], self.styles, self.speeds)
        return split_words({name: torch.from_numpy(value) for name, value in arrays.items()}, self.sizes)


def _initialised(config: GeneratorConfig, vectors: Sequence[Tensor], alignment: Alignment | None) -> Generator:
    """A generator with the code vectors [S, D] of each stream and the speech encoder of the alignment."""
    model = Generator(config)
    for part in (model.masked, model.latent):
        if part is not None:
            part.initialise_from(*vectors)
    if config.aligned:
        model.speech.initialise_from(alignment)
    return model


@dataclass(frozen=True)
class _Coded:
    """How motion becomes codes: sizes for the config, the function, and the vectors of each stream."""

    sizes: dict[str, Any]
    encode: Callable[[np.ndarray], np.ndarray]
    vectors: list[Tensor]


def _coded(tokenizer: Tokenizer | PartCodes) -> _Coded:
    if isinstance(tokenizer, PartCodes):
        vectors = [torch.from_numpy(tokenizer.vectors(part)) for part in PARTS]
        sizes = {"codes": len(vectors[0]), "layers": 1, "latent": vectors[0].shape[1], "downsample": STACK}
        more = {"parts": len(PARTS), "residual": "none", "decoded": 0}
        return _Coded(sizes | more, tokenizer.encode_motion, vectors)
    tokenizer.eval().requires_grad_(False)
    first = tokenizer.quantizer.codebooks[0].vectors
    assert isinstance(first, Tensor)
    sizes = {name: getattr(tokenizer.config, name) for name in ("codes", "layers", "latent", "downsample")}
    return _Coded(sizes, partial(encode_codes, tokenizer), [first])


def fit_generator(
    dataset: GestureDataset,
    tokenizer: Tokenizer | PartCodes,
    folder: str | Path,
    *,
    config: GeneratorConfig | None = None,
    training: TrainConfig | None = None,
    styles: tuple[str, ...] | None = None,
    splits: tuple[str, ...] = ("train",),
    alignment: Alignment | None = None,
    vary: bool = True,
    modality: str = "body",
) -> Generator:
    """Train both generators; continues a run found in ``folder``.

    Args:
        tokenizer: whose codes are learned, or the words of body parts, which have no residual.
        modality: of the dataset, body or face; the tokenizer and the alignment must be of it.
        styles: speakers whose style is learned; all of the chosen splits unless given.
        alignment: initialises the speech encoder; with ``config.aligned`` there must be one.
        vary: change the voices of the training windows (``vary_voice``).

    Raises:
        UserError: no speech with motion, or an alignment that is missing or has other sizes.
    """
    training = training or TrainConfig()
    styles = speakers_of(dataset, splits) if styles is None else styles
    sound, words = input_sizes(dataset)
    coded = _coded(tokenizer)
    config = replace(config or GeneratorConfig(), **coded.sizes, features=sound, words=words, styles=len(styles))
    build = partial(
        TokenWindows,
        dataset,
        coded.encode,
        styles,
        window=config.window,
        modality=modality,
        downsample=config.downsample,
    )
    windows = build(splits=splits, batch_size=training.batch_size, seed=training.seed, vary=vary)
    torch.manual_seed(training.seed)
    model = _initialised(config, coded.vectors, alignment)
    held_out = build(splits=("val",), batch_size=32, seed=1) if can_validate(dataset, splits) else None

    def loss(network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        own = tokenizer.to(batch["codes"].device) if isinstance(tokenizer, Tokenizer) else None
        return generator_loss(network, batch, tokenizer=own)

    described = {
        **description(METHOD, dataset, config, splits, modality=modality),
        "styles": list(styles),
        "vary": vary,
        "encoders": dataset.header.get("encoders", {}),
    }
    validate, best = validation(loss, held_out), BestFigure("loss")
    fit(model, loss, windows, folder, training, validate=validate, best=best, describe=described)
    return model


def load_generator_run(folder: str | Path, *, checkpoint: str = "last") -> tuple[Generator, dict[str, Any]]:
    """The network of a run folder with its description. Raises UserError if it is none."""
    networks = {METHOD: lambda sizes: Generator(GeneratorConfig(**sizes))}
    network, described = saved_run(folder, networks, checkpoint=checkpoint)
    assert isinstance(network, Generator)
    return network, described
