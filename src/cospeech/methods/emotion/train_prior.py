"""Training the prior of the VAE on a dataset and a finished generator."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...data.dataset import GestureDataset
from ...sampling.diffusion import alpha_sigma
from ...training.checkpoints import BestFigure
from ...training.loop import Batch, ProcessInfo, TrainConfig, fit, has_bfloat16, saved_run
from ..batches import can_validate, validation
from ..tokenizer.network import Tokenizer
from ..training import description
from .mining import Mining
from .network import EmotionConfig, Generator
from .prior import Prior, PriorConfig, TrainedPrior, prior_loss
from .train_generator import PromptedWindows

METHOD = "emotion prior"
_STATISTICS_STEP = 10**9  # batches of which mean and deviation are taken; no run gets there


class LatentSamples:
    """Windows of latents that the posterior of the VAE draws, with the noise of diffusion."""

    def __init__(self, windows: PromptedWindows, generator: Generator, *, seed: int = 0, bf16: bool = False) -> None:
        """bf16: whether the posterior is computed in bfloat16."""
        self.windows, self.generator, self.seed, self.bf16 = windows, generator, seed, bf16

    @torch.no_grad()
    def __call__(self, step: int, process: ProcessInfo) -> Batch:
        """A batch for ``prior_loss``, its z not yet scaled."""
        c, net = self.generator.config, self.generator
        batch = self.windows(step, process)
        x = net.scaled(batch["latent"])
        voice = batch["voice"][:, c.given :]
        emotion = batch["emotion"][:, None].expand(-1, c.window, -1)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bf16 and has_bfloat16(x.device)):
            mean, log = net.vae.posterior(x[:, c.given :], voice, emotion)
        mean, log, size = mean.float(), log.float(), len(x)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(hash((self.seed, step, process.rank)) % 2**31)
            time = (torch.arange(size) + torch.rand(size)) / size  # evenly spread over the batch
            z = mean + log.exp() * torch.randn_like(mean)
            noise = torch.randn_like(z)
        alpha, sigma = (torch.from_numpy(v).float() for v in alpha_sigma(time.numpy()))
        kept = {name: batch[name] for name in ("beat", "emotion", "style", "intensity")}
        return {"z": z, "noise": noise, "alpha": alpha, "sigma": sigma, "prompt": x[:, : c.given], **kept}


def fit_prior(
    dataset: GestureDataset,
    tokenizer: Tokenizer,
    mining: Mining,
    generator: Generator,
    styles: tuple[str, ...],
    folder: str | Path,
    *,
    config: PriorConfig | None = None,
    training: TrainConfig | None = None,
    splits: tuple[str, ...] = ("train",),
    windows: PromptedWindows | None = None,
) -> Prior:
    """Train a prior; continues a run found in ``folder``.

    Args:
        styles: of the generator, in its order.
        windows: encoded already, for many runs on the same data; then nothing is validated.
    Raises:
        UserError: no speech with motion.
    """
    training, config = training or TrainConfig(), config or PriorConfig()
    for network in (tokenizer, mining, generator):
        network.eval().requires_grad_(False)
    build = partial(PromptedWindows, dataset, tokenizer, mining, styles, generator.config, poses=False)
    held_out = None
    if windows is None:
        windows = build(splits=splits, batch_size=training.batch_size, seed=training.seed)
        if can_validate(dataset, splits):
            held_out = LatentSamples(build(splits=("val",), batch_size=64, seed=1), generator, seed=1)
    windows.config = generator.config
    drawn = LatentSamples(windows, generator, seed=training.seed, bf16=training.bf16)
    z = torch.cat([drawn(_STATISTICS_STEP + k, ProcessInfo())["z"] for k in range(8)]).flatten(0, 1)
    torch.manual_seed(training.seed)
    model = TrainedPrior(Prior(config, generator.config, (z.mean(0), z.std(0).clamp_min(1e-3))))

    def loss(network: nn.Module, batch: Batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        return prior_loss(network, {**batch, "z": model.prior.scaled(batch["z"])})

    sizes = {"prior": asdict(config), "sizes": asdict(generator.config)}
    described = {**description(METHOD, dataset, config, splits), "config": sizes}
    validate, best = validation(loss, held_out), BestFigure("loss")
    fit(model, loss, drawn, folder, training, validate=validate, best=best, describe=described)
    return model.prior


def load_prior_run(folder: str | Path, *, checkpoint: str = "last") -> tuple[Prior, dict[str, Any]]:
    """The network of a run folder with its description. Raises UserError if it is none."""

    def built(sizes: dict[str, Any]) -> nn.Module:
        return TrainedPrior(Prior(PriorConfig(**sizes["prior"]), EmotionConfig(**sizes["sizes"])))

    network, described = saved_run(folder, {METHOD: built}, checkpoint=checkpoint)
    assert isinstance(network, TrainedPrior)
    return network.prior, described
