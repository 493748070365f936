"""Training the denoiser on a dataset and a finished motion tokenizer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...data.dataset import GestureDataset
from ...data.windows import WindowSampler, place_window
from ...motion.codec import Codec
from ...sampling.diffusion import alpha_sigma
from ...training.checkpoints import BestFigure
from ...training.loop import Batch, ProcessInfo, TrainConfig, fit, saved_run
from ..alignment.network import Alignment
from ..batches import (
    can_validate,
    conditions,
    input_sizes,
    latent_statistics,
    mean_speeds,
    pairs_of,
    speakers_of,
    split_words,
    validation,
    vary_voice,
)
from ..tokenizer.encoding import encode_latents
from ..tokenizer.network import Tokenizer
from ..training import description
from .masks import MaskConfig, constraint_masks
from .network import Denoiser, DenoiserConfig, TrainedDenoiser, denoiser_loss
from .pose_mask import owner

METHOD = "exges denoiser"


class LatentWindows:
    """Random windows of latents, poses and speech, with noise, masks and conditions."""

    def __init__(
        self,
        dataset: GestureDataset,
        tokenizer: Tokenizer,
        styles: tuple[str, ...],
        config: DenoiserConfig,
        *,
        splits: tuple[str, ...] = ("train",),
        batch_size: int = 48,
        seed: int = 0,
        vary: bool = False,
    ) -> None:
        """Encode all motion once.

        Raises:
            UserError: the dataset has no speech with motion there.
        """
        self.dataset, self.styles, self.config = dataset, styles, config
        self.vary = vary
        self.samples = pairs_of(dataset, splits)
        self.speeds = mean_speeds(self.samples)
        self.latents = [encode_latents(tokenizer, dataset.motion(sample)) for sample in self.samples]
        self.sizes = input_sizes(dataset)
        self.sampler = WindowSampler(
            dataset, self.samples, batch_size=batch_size, seed=seed, weights=map(len, self.latents)
        )

    def __call__(self, step: int, process: ProcessInfo) -> Batch:
        c = self.config
        rng = self.sampler.rng(step, rank=process.rank)
        chosen = self.sampler.choose(rng, world_size=process.world_size)
        size, frames = len(chosen), c.window * c.downsample
        latent = np.zeros((size, c.window, c.latent), dtype=np.float32)
        pose = np.zeros((size, frames, c.channels), dtype=np.float32)
        features = np.zeros((size, frames, sum(self.sizes)), dtype=np.float32)
        valid = np.zeros((size, c.window), dtype=bool)
        for row, (index, sample) in enumerate(chosen):
            start, count = place_window(rng, len(self.latents[index]), c.window)
            latent[row, :count] = self.latents[index][start : start + count]
            span = (start * c.downsample, (start + count) * c.downsample)
            pose[row, : count * c.downsample] = self.dataset.motion(sample, *span)
            speech = self.dataset.inputs(sample, *span)
            features[row, : len(speech)] = vary_voice(speech, rng) if self.vary else speech
            valid[row, :count] = True
        arrays = {"latent": latent, "pose": pose, "features": features, "valid": valid}
        arrays |= conditions([sample for _, sample in chosen], self.styles, self.speeds)
        batch = split_words({name: torch.from_numpy(value) for name, value in arrays.items()}, self.sizes)
        return {**batch, **self._noised(batch, rng)}

    def _noised(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """Times, noise and the masked constraint of a batch, drawn from this step's own seed."""
        c = self.config
        size, frames = batch["pose"].shape[:2]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**31)))
            time = (torch.arange(size) + torch.rand(size)) / size  # evenly spread over the batch
            alpha, sigma = (torch.from_numpy(v).float() for v in alpha_sigma(time.numpy()))
            noise = torch.randn(size, c.window, c.latent)
            mask = constraint_masks(size, frames, c.joints, c.masks)
            blur = c.masks.noise * torch.randn_like(batch["pose"])
            mask, clean = _with_ends(mask, batch["valid"], c)
        return {"alpha": alpha, "sigma": sigma, "noise": noise, "mask": mask, "blur": blur * (1 - clean)[..., None]}


def _with_ends(mask: Tensor, valid: Tensor, c: DenoiserConfig) -> tuple[Tensor, Tensor]:
    """Masks [B, T, J] in which, by chance, beginnings and ends are known, and where [B, T] these are."""
    size, steps = valid.shape
    place = torch.arange(steps)[None]
    length = valid.sum(1, keepdim=True)
    count = torch.randint(1, max(2, steps // 4), (size, 1))
    ends = (torch.rand(size, 1) < c.prefix) & (place < count)
    count = torch.randint(1, max(2, steps // 8), (size, 1))
    ends = ends | ((torch.rand(size, 1) < c.suffix) & (place >= length - count))
    whole = (ends & valid).repeat_interleave(c.downsample, 1).float()
    there = valid.repeat_interleave(c.downsample, 1).float()
    return torch.maximum(mask, whole[..., None]) * there[..., None], whole


def fit_denoiser(
    dataset: GestureDataset,
    tokenizer: Tokenizer,
    folder: str | Path,
    *,
    config: DenoiserConfig | None = None,
    training: TrainConfig | None = None,
    splits: tuple[str, ...] = ("train",),
    alignment: Alignment | None = None,
    vary: bool = True,
) -> Denoiser:
    """Train a denoiser; continues a run found in ``folder``.

    Args:
        alignment: initialises the speech encoder; with ``config.aligned`` there must be one.
        vary: change the voices of the training windows (``vary_voice``).

    Raises:
        UserError: no speech with motion, or an alignment that is missing or has other sizes.
    """
    training, codec = training or TrainConfig(), Codec()
    tokenizer.eval().requires_grad_(False)
    styles = speakers_of(dataset, splits)
    sound, words = input_sizes(dataset)
    config = replace(
        config or DenoiserConfig(),
        features=sound,
        words=words,
        channels=codec.channels,
        joints=len(codec.joints) + 1,
        latent=tokenizer.config.latent,
        downsample=tokenizer.config.downsample,
        styles=len(styles),
    )
    build = partial(LatentWindows, dataset, tokenizer, styles, config)
    windows = build(splits=splits, batch_size=training.batch_size, seed=training.seed, vary=vary)
    torch.manual_seed(training.seed)
    model = Denoiser(
        config,
        latents=latent_statistics(windows.latents),
        poses=(tokenizer.mean, tokenizer.std),
        owner=torch.from_numpy(owner()),
    )
    if config.aligned:
        model.speech.initialise_from(alignment)
    held_out = build(splits=("val",), batch_size=48, seed=1) if can_validate(dataset, splits) else None

    def loss(network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        batch = {**batch, "x": model.scaled(batch["latent"]), "pose": batch["pose"] + batch["blur"] * model.pose_std}
        return denoiser_loss(network, batch)

    described = {
        **description(METHOD, dataset, config, splits),
        "styles": list(styles),
        "vary": vary,
        "encoders": dataset.header.get("encoders", {}),
    }
    validate, best = validation(loss, held_out), BestFigure("loss")
    fit(TrainedDenoiser(model), loss, windows, folder, training, validate=validate, best=best, describe=described)
    return model


def load_denoiser_run(folder: str | Path, *, checkpoint: str = "last") -> tuple[Denoiser, dict[str, Any]]:
    """The network of a run folder with its description. Raises UserError if it is none."""

    def built(sizes: dict[str, Any]) -> nn.Module:
        masks = MaskConfig(**sizes.pop("masks", {}))
        return TrainedDenoiser(Denoiser(DenoiserConfig(**sizes, masks=masks)))

    network, described = saved_run(folder, {METHOD: built}, checkpoint=checkpoint)
    assert isinstance(network, TrainedDenoiser)
    return network.denoiser, described
