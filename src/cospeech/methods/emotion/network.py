"""The generator of EmotionGesture: emotion, beat and prompt in, motion out; with its discriminator.

A three-layer encoder over the fused audio, a three-layer decoder over the pose prompts [R]. Ours are these
[D]: the output is the motion tokenizer's continuous latent, four frames a step, as in the other methods;
the condition (emotion, style, liveliness) enters every layer, step by step, so that an emotion can change on
the way; the prompter's sketch is added to what the decoder makes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ...core.errors import UserError
from ...nn.condition import Conditioner
from ...nn.latents import ScaledLatents
from ...nn.renamed import accept_old_names
from ...nn.transformer import Block, ConditionedBlock, check_heads
from .prompter import Prompter
from .vae import EmotionVae, check_chunk


@dataclass(frozen=True)
class EmotionConfig:
    """Sizes of the generator and the weights of its losses."""

    channels: int = 267  # C of the codec
    latent: int = 128  # D of the tokenizer
    downsample: int = 4  # frames a step
    given: int = 10  # L: steps of the prompt [P], in the method's own rate
    window: int = 48  # steps that are generated at once, a multiple of chunk
    embedding: int = 128  # E of the mining
    styles: int = 5
    emotions: int = 10
    width: int = 256  # [R] has 512
    heads: int = 4  # [R] has 8
    hidden: int = 1024  # [R] has 2048
    depth: int = 3  # [R]
    dropout: float = 0.1
    spatial: bool = True  # the two halves of the prompter
    temporal: bool = True
    vae: bool = True
    size: int = 32  # Z [R]
    chunk: int = 4  # steps of a latent, even
    discriminator: bool = True
    scale_power: float = 0.5  # as of the denoiser of ExGes
    drop_condition: float = 0.05
    prompt_noise: float = 0.05  # of a scaled latent's deviation, so that own mistakes do not add up
    # Weights of the losses. [R] has 100 for the regression and does not tell the others. [D]
    regression: float = 1.0
    velocity: float = 1.0  # of the latents
    kl: float = 5e-4
    smooth: float = 1.0
    temperature: float = 10.0  # G of the motion-smooth loss [P]
    squared: bool = True  # times G^2, so that a temperature does not change the loss's weight
    adversarial: float = 0.2  # of the slope of regression and velocity together

    def check(self) -> None:
        """Raises UserError for heads that do not divide the width, or a window that is no multiple of the chunk."""
        check_heads(self.width, self.heads)
        if self.vae:
            check_chunk(self.chunk)
            if self.window % self.chunk:
                raise UserError(
                    f"a window of {self.window} steps has no whole chunks of {self.chunk}; set window to a multiple of "
                    "chunk"
                )


class Generator(ScaledLatents):
    """Latents of the next ``window`` steps, from those of the prompt, the audio, and the VAE's draws."""

    def __init__(self, config: EmotionConfig, *, latents: tuple[Tensor, Tensor] | None = None) -> None:
        """latents: mean and deviation [D] of the tokenizer's latents.

        Raises UserError as ``EmotionConfig.check``.
        """
        super().__init__(config.latent, config.scale_power, latents)
        config.check()
        self.config = config
        d, w = config.latent, config.width
        self.condition = Conditioner(config.emotions, config.styles, w)
        self.rhythm = nn.Linear(config.embedding, w)
        self.prompter = Prompter(config.given, config.window, d, w, spatial=config.spatial, temporal=config.temporal)
        if config.vae:
            self.vae = EmotionVae(
                latent=d,
                voice=config.embedding,
                emotions=config.emotions,
                width=w,
                heads=config.heads,
                size=config.size,
                chunk=config.chunk,
                dropout=config.dropout,
            )
        else:
            self.voice_projection = nn.Linear(config.embedding, w)
            accept_old_names(self, {"heard": "voice_projection"})
        self.fuse = nn.Sequential(nn.Linear(2 * w, w), nn.GELU(), nn.Linear(w, w))
        self.encoder = nn.ModuleList(
            Block(w, config.heads, hidden=config.hidden, dropout=config.dropout) for _ in range(config.depth)
        )
        self.decoder = nn.ModuleList(
            ConditionedBlock(w, config.heads, hidden=config.hidden, dropout=config.dropout, fusion="both")
            for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(w)
        self.head = nn.Linear(w, d)
        self.straight = nn.Linear(w, d)  # a draw takes effect here at once, and in the layers later

    def forward(
        self, prompt: Tensor, beat: Tensor, voice: Tensor, emotion: Tensor, style: Tensor, intensity: Tensor
    ) -> Tensor:
        """Scaled latents [B, N, D].

        Args:
            given: [B, L, D] scaled latents of the prompt.
            beat: [B, L + N, E].
            voice: [B, K, Z] the VAE's latents; without one the audio's emotion features [B, L + N, E].
            emotion: [B, L + N, 10] weights.
            style, intensity: [B, S] and [B, 2], see ``nn.condition.Conditioner``.
        """
        condition = self.condition(emotion, style[:, None], intensity[:, None])
        if self.config.vae:
            features = self.vae.decode(voice, emotion[:, self.config.given :])
            before = features.new_zeros(len(features), self.config.given, features.shape[-1])
            features = torch.cat([before, features], 1)
        else:
            features = self.voice_projection(voice)
        memory = self.fuse(torch.cat([features, self.rhythm(beat)], -1)) + condition
        for layer in self.encoder:
            memory = layer(memory)
        sketch, y = self.prompter(prompt)
        for block in self.decoder:
            y = block(y, memory, condition)
        generated: Tensor = sketch + self.head(self.norm(y[:, self.config.given :]))
        return generated + self.straight(features[:, self.config.given :])


class Discriminator(nn.Module):
    """Is this how people move? Of differences from step to step [B, N, D], one logit [B].

    A two-layer transformer encoder, 64 numbers a step, and an MLP [R]; it knows the requested emotion and
    style (Miyato and Koyama 2018) [D].
    """

    def __init__(self, latent: int, conditions: int, width: int = 64) -> None:
        super().__init__()
        # Bounded maps (Miyato et al. 2018): without them its slopes explode.
        self.seen = spectral_norm(nn.Linear(latent, width))
        self.blocks = nn.ModuleList(Block(width, 4, hidden=4 * width) for _ in range(2))
        self.norm = nn.LayerNorm(width)
        self.classifier = nn.Sequential(
            spectral_norm(nn.Linear(2 * width, width)), nn.GELU(), spectral_norm(nn.Linear(width, 1))
        )
        self.condition_projection = spectral_norm(nn.Linear(conditions, 2 * width, bias=False))
        accept_old_names(self, {"judge": "classifier", "asked": "condition_projection"})

    def forward(self, change: Tensor, condition: Tensor) -> Tensor:
        """change: [B, N, D]; condition: [B, 10 + S] weights of emotions and styles."""
        y = self.seen(change)
        for block in self.blocks:
            y = block(y)
        y = self.norm(y)
        pooled = torch.cat([y.mean(1), y.amax(1)], -1)
        logit: Tensor = self.classifier(pooled)[:, 0]
        return logit + (self.condition_projection(condition) * pooled).mean(-1)
