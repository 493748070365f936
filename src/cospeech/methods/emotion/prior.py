"""The prior of the VAE: latents of a window, drawn by diffusion.

A decision of ours [D], after latent diffusion (Rombach et al. 2022; Chen et al. 2023 for motion). The
latents of a window are one short sequence; a small transformer denoises it, conditioned on the emotion, the style,
the rhythm of the voice and the poses before. A learned Gaussian prior that drew one latent after the other
drifted (docs/experiments.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...nn.condition import Conditioner, waves
from ...nn.transformer import ConditionedBlock, check_heads
from .network import EmotionConfig


@dataclass(frozen=True)
class PriorConfig:
    """Sizes of the prior."""

    width: int = 192
    heads: int = 4
    hidden: int = 768
    depth: int = 4
    dropout: float = 0.1
    drop_condition: float = 0.1  # each of emotion, style and liveliness, for guidance
    prompt_noise: float = 0.1  # of a scaled latent's deviation

    def check(self) -> None:
        """Raises UserError for heads that do not divide the width."""
        check_heads(self.width, self.heads)


class Prior(nn.Module):
    """Noisy latents [B, K, Z] and what is known -> clean latents."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: PriorConfig, sizes: EmotionConfig, latents: tuple[Tensor, Tensor] | None = None) -> None:
        """latents: mean and deviation [Z] of the VAE's latents."""
        super().__init__()
        self.config, self.chunk = config, sizes.chunk
        w = config.width
        mean, std = latents or (torch.zeros(sizes.size), torch.ones(sizes.size))
        self.register_buffer("mean", mean.float())
        self.register_buffer("std", std.float())
        self.condition = Conditioner(sizes.emotions, sizes.styles, w)
        self.rhythm = nn.Linear(sizes.embedding, w)
        self.pose, self.draw = nn.Linear(sizes.latent, w), nn.Linear(sizes.size, w)
        self.time = nn.Sequential(nn.Linear(w, w), nn.SiLU(), nn.Linear(w, w))
        self.blocks = nn.ModuleList(
            ConditionedBlock(w, config.heads, hidden=config.hidden, dropout=config.dropout) for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(w)
        self.head = nn.Linear(w, sizes.size)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def scaled(self, z: Tensor) -> Tensor:
        """Latents of the VAE as they are diffused."""
        return (z - self.mean) / self.std

    def forward(
        self,
        x: Tensor,
        alpha: Tensor,
        sigma: Tensor,
        prompt: Tensor,
        beat: Tensor,
        emotion: Tensor,
        style: Tensor,
        intensity: Tensor,
    ) -> Tensor:
        """x_0 [B, K, Z].

        Args:
            x: scaled latents with noise.
            alpha, sigma: [B] of the noise (``sampling.diffusion.alpha_sigma``).
            prompt: [B, L, D] scaled motion latents of the prompt.
            beat, emotion: [B, L + N, E] of the mining, [B, L + N, 10] weights.
            style, intensity: see ``nn.condition.Conditioner``.
        """
        start = prompt.shape[1]
        speech = _by_chunk(self.rhythm(beat), start, self.chunk)
        weights = _by_chunk(emotion, start, self.chunk)
        angle = waves(torch.atan2(sigma, alpha), self.config.width)
        condition = self.condition(weights, style[:, None], intensity[:, None]) + self.time(angle)[:, None]
        y = torch.cat([self.pose(prompt), self.draw(x)], 1)
        for block in self.blocks:
            y = block(y, speech, condition)
        generated: Tensor = self.head(self.norm(y[:, start:]))
        return alpha[:, None, None] * x + sigma[:, None, None] * generated


def _by_chunk(x: Tensor, start: int, chunk: int) -> Tensor:
    """[B, L + N, W] -> the first L as they are, then means over chunks: [B, L + K, W]."""
    tail = x[:, start:]
    return torch.cat([x[:, :start], tail.reshape(len(x), -1, chunk, x.shape[-1]).mean(2)], 1)


class TrainedPrior(nn.Module):
    """A prior as the training loop sees it."""

    def __init__(self, prior: Prior) -> None:
        super().__init__()
        self.prior = prior

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """x_0 [B, K, Z] of a batch, see ``prior_loss``; conditions are dropped by chance in training."""
        net, x, size = self.prior, batch["z"], len(batch["z"])
        conditions = [batch["emotion"], batch["style"], batch["intensity"]]
        prompt = batch["prompt"]
        if self.training:
            kept = net.config.drop_condition
            conditions = [v * (torch.rand(size, 1, device=x.device) >= kept) for v in conditions]
            prompt = prompt + net.config.prompt_noise * torch.randn_like(prompt)
        alpha, sigma = batch["alpha"], batch["sigma"]
        noisy = alpha[:, None, None] * x + sigma[:, None, None] * batch["noise"]
        emotion = conditions[0][:, None].expand(-1, batch["beat"].shape[1], -1)
        y: Tensor = net(noisy, alpha, sigma, prompt, batch["beat"], emotion, conditions[1], conditions[2])
        return y


def prior_loss(model: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Error of x_0, beside that of the noise alone.

    Args:
        model: a TrainedPrior or its distributed wrapper.
        batch: z [B, K, Z] scaled latents, noise likewise, alpha and sigma [B], prompt [B, L, D], beat
            [B, L + N, E], emotion [B, 10], style, intensity.
    """
    gap = model(batch).float() - batch["z"]
    loss = F.smooth_l1_loss(gap, torch.zeros_like(gap), beta=0.5)
    with torch.no_grad():
        noisy = (batch["sigma"] > batch["alpha"]).float()
        square = gap.square().mean((1, 2))
        terms = {
            "noisy": (square * noisy).sum() / noisy.sum().clamp_min(1),
            "clear": (square * (1 - noisy)).sum() / (1 - noisy).sum().clamp_min(1),
        }
    return loss, terms
