"""The denoiser: x_0 of a noisy motion, given speech, emotion, manner and a partial constraint.

ExGes, section "Diffusion backbone", built on DiffuseStyleGesture: x_0 prediction, SmoothL1, T = 1000, cosine
schedule, a transformer encoder with feed-forward 1024, dropped conditions [R]. Ours are these [D]: what is
diffused is the motion tokenizer's continuous latent, four frames a step, which is a quarter of the steps
and smooth by its decoder; the constraint is given in the channels of the motion itself, so that joints and
frames can be named; speech joins through the pre-aligned encoder of the contextual method; and the network
adds to the best estimate that looks at each number alone (``preconditioned``), which is where it begins.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...nn.condition import Conditioner, waves
from ...nn.latents import ScaledLatents
from ...nn.transformer import ConditionedBlock, check_fusion, check_heads
from ..alignment.network import SpeechEncoder, speech_sizes
from .masks import MaskConfig


@dataclass(frozen=True)
class DenoiserConfig:
    """Sizes of the denoiser and the ways of training it."""

    features: int = 48  # F of the speech features
    words: int = 0  # W of a word embedding; 0: none
    channels: int = 267  # C of the codec
    joints: int = 45  # J: what a constraint names, the coded joints and the root
    latent: int = 128  # D of the tokenizer
    downsample: int = 4  # frames a step
    window: int = 56  # steps that are seen at once, 7.5 s
    styles: int = 5
    emotions: int = 10
    width: int = 256
    heads: int = 4
    hidden: int = 1024  # [R]
    depth: int = 6  # [R] has 8
    speech_width: int = 256
    speech_depth: int = 2
    speech_heads: int = 4
    speech_hidden: int = 1024
    fusion: str = "both"
    aligned: bool = True  # the speech encoder begins with the weights of an alignment
    dropout: float = 0.1
    drop_speech: float = 0.1  # [R] for guidance
    drop_condition: float = 0.1
    scale_power: float = 0.5  # latents are divided by their deviation to this power, see ``ScaledLatents``
    prefix: float = 0.5  # chance that the window's first steps are given, as the window before hands them
    suffix: float = 0.15  # chance that its last ones are
    masks: MaskConfig = field(default_factory=MaskConfig)

    def check(self) -> None:
        """Raises UserError for an unknown fusion, or heads that do not divide their width."""
        check_fusion(self.fusion)
        check_heads(self.width, self.heads)
        check_heads(self.speech_width, self.speech_heads, of="speech_")


class Denoiser(ScaledLatents):
    """x_t [B, N, D] and its conditions -> x_0, in scaled latents."""

    spread: Tensor
    pose_mean: Tensor
    pose_std: Tensor
    owner: Tensor

    def __init__(
        self,
        config: DenoiserConfig,
        *,
        latents: tuple[Tensor, Tensor] | None = None,
        poses: tuple[Tensor, Tensor] | None = None,
        owner: Tensor | None = None,
    ) -> None:
        """Make a network.

        Args:
            latents: mean and deviation [D] of the tokenizer's latents.
            poses: mean and deviation [C] of coded motion.
            owner: [C] which of the J joints a channel belongs to.
        """
        super().__init__(config.latent, config.scale_power, latents)
        self.config = config
        c, d, w = config.channels, config.latent, config.width
        deviation = torch.ones(d) if latents is None else latents[1]
        self.register_buffer("spread", (deviation / self.scale).float())  # [D] of a scaled latent
        pose_mean, pose_std = poses or (torch.zeros(c), torch.ones(c))
        self.register_buffer("pose_mean", pose_mean.float())
        self.register_buffer("pose_std", pose_std.float())
        self.register_buffer("owner", torch.zeros(c, dtype=torch.long) if owner is None else owner)
        self.speech = SpeechEncoder(speech_sizes(config), w)
        self.input = nn.Linear(d, w)
        self.constraint = nn.Linear(config.downsample * (c + config.joints), w)
        self.time = nn.Sequential(nn.Linear(w, w), nn.SiLU(), nn.Linear(w, w))
        self.condition = Conditioner(config.emotions, config.styles, w)
        self.blocks = nn.ModuleList(
            ConditionedBlock(w, config.heads, hidden=config.hidden, dropout=config.dropout, fusion=config.fusion)
            for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(w)
        self.head = nn.Linear(w, d)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(
        self,
        x: Tensor,
        alpha: Tensor,
        sigma: Tensor,
        pose: Tensor,
        mask: Tensor,
        speech: Tensor,
        emotion: Tensor,
        style: Tensor,
        intensity: Tensor,
    ) -> Tensor:
        """x_0 [B, N, D].

        Args:
            x: [B, N, D] scaled latents with noise.
            alpha, sigma: [B] of the noise (``sampling.diffusion.alpha_sigma``).
            pose: [B, N * downsample, C] coded motion of the constraint; read where the mask is 1 alone.
            mask: [B, N * downsample, J].
            speech: [B, N, W] of the speech encoder, zeros for none.
            emotion, style, intensity: see ``nn.condition.Conditioner``.
        """
        given = (pose - self.pose_mean) / self.pose_std * mask[..., self.owner]
        seen = torch.cat([given, mask], -1).reshape(x.shape[0], x.shape[1], self.constraint.in_features)
        y = self.input(x) + self.constraint(seen)
        angle = torch.atan2(sigma, alpha)
        condition = self.condition(emotion, style, intensity) + self.time(waves(angle, y.shape[-1]))
        for block in self.blocks:
            y = block(y, speech, condition)
        return self.preconditioned(x, self.head(self.norm(y)), alpha, sigma)

    def preconditioned(self, x: Tensor, generated: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """What the network made, added to the linear estimate of each number by itself.

        Karras et al. 2022, section 5, for a process that keeps the variance, and direction by direction:
        with s the deviation of a direction, x_0 is alpha s^2 / v x_t at best, v = alpha^2 s^2 + sigma^2,
        and errs by sigma s / sqrt(v), which is the size of what the network adds.
        """
        a, n = alpha[:, None, None], sigma[:, None, None]
        variance = a**2 * self.spread**2 + n**2
        y: Tensor = a * self.spread**2 / variance * x + n * self.spread * variance.rsqrt() * generated
        return y


def denoiser_loss(model: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """SmoothL1 on x_0 [R], over all steps of the windows, given ones too.

    Args:
        model: a Denoiser or its distributed wrapper.
        batch: x [B, N, D] scaled latents, noise likewise, alpha and sigma [B], pose [B, T, C], mask
            [B, T, J], speech features [B, T, F], emotion, style, intensity, valid [B, N] bool; words if any.
    Returns:
        the loss, and terms: ``noisy`` and ``clear``, the mean square error relative to the variance in the
        noisier and the clearer half of the samples.
    """
    generated = model(batch)
    gap = generated.float() - batch["x"]
    weight = batch["valid"][..., None].float()
    total = weight.sum().clamp_min(1) * gap.shape[-1]
    loss = (F.smooth_l1_loss(generated.float(), batch["x"], reduction="none", beta=0.5) * weight).sum() / total
    with torch.no_grad():
        square = (gap.square() * weight).sum((1, 2)) / (weight.sum((1, 2)).clamp_min(1) * gap.shape[-1])
        noisy = batch["sigma"] > batch["alpha"]
        terms = {
            name: (square * which).sum() / which.sum().clamp_min(1)
            for name, which in (("noisy", noisy), ("clear", ~noisy))
        }
    return loss, terms


class TrainedDenoiser(nn.Module):
    """A denoiser as the training loop sees it: a batch in, x_0 out, conditions dropped by chance."""

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser = denoiser

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """x_0 [B, N, D] of a batch as ``denoiser_loss`` takes it."""
        net, c = self.denoiser, self.denoiser.config
        x, size = batch["x"], len(batch["x"])
        condition = [batch["emotion"], batch["style"], batch["intensity"]]
        speech = net.speech(batch["features"], batch.get("words"))
        if self.training:
            condition = [v * (torch.rand(size, 1, device=x.device) >= c.drop_condition) for v in condition]
            speech = speech * (torch.rand(size, 1, 1, device=x.device) >= c.drop_speech)
        alpha, sigma = batch["alpha"], batch["sigma"]
        noisy = alpha[:, None, None] * x + sigma[:, None, None] * batch["noise"]
        y: Tensor = net(noisy, alpha, sigma, batch["pose"], batch["mask"], speech, *condition)
        return y
