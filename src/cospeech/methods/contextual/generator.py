"""The masked generator of the first token layer and the residual generator of the others.

Contextual Gesture, section 3.2 (sizes in the paper: 384/1024, 8 and 6 layers), after MoMask. Here the
speech joins frame by frame in every block; the pre-aligned encoder and cross-attention of the paper
take the place of ``SpeechEncoder`` and of ``ConditionedBlock.speech``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...nn.transformer import ConditionedBlock


@dataclass(frozen=True)
class GeneratorConfig:
    """Sizes of both generators and the ways of training them."""

    features: int = 48  # F of the speech features
    codes: int = 512  # S of the tokenizer
    layers: int = 16  # K of the tokenizer
    downsample: int = 4  # frames a token
    styles: int = 5  # speakers whose manner is learned
    emotions: int = 10
    width: int = 256
    heads: int = 4
    depth: int = 6  # blocks of the masked generator
    residual_depth: int = 4  # blocks of the residual generator
    dropout: float = 0.1
    drop_speech: float = 0.1  # chance that a sample trains without speech, for guidance
    drop_condition: float = 0.1  # chance without emotion, style or intensity, each by itself
    mask_low: float = 0.5  # [P] mask ratio U(0.5, 1)
    prefix: float = 0.6  # chance that the window's beginning is given
    suffix: float = 0.15  # chance that its end is given
    label_smoothing: float = 0.0


class SpeechEncoder(nn.Module):
    """Speech features [B, T, F] -> [B, T / downsample, D], half a second of context around a token."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        d, w = config.downsample, config.width
        self.layers = nn.Sequential(
            nn.Conv1d(config.features, w, 5, padding=2),
            nn.GELU(),
            nn.Conv1d(w, w, 2 * d, stride=d, padding=d // 2) if d > 1 else nn.Identity(),
            nn.GELU(),
            nn.Conv1d(w, w, 3, padding=1),
            nn.GELU(),
            nn.Conv1d(w, w, 3, padding=2, dilation=2),
        )
        self.norm = nn.LayerNorm(w)

    def forward(self, features: Tensor) -> Tensor:
        y: Tensor = self.norm(self.layers(features.transpose(1, 2)).transpose(1, 2))
        return y


class Conditioner(nn.Module):
    """Emotion and style weights and intensity -> one vector [B, D]; all zeros means unknown.

    emotion [B, 10] and style [B, S] are weights (one-hot or a mixture), intensity is [B, 2]: the log of
    the hands' mean speed relative to the speaker's own in this emotion, and 1 if it is known.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.emotion = nn.Linear(config.emotions, config.width, bias=False)
        self.style = nn.Linear(config.styles, config.width, bias=False)
        self.intensity = nn.Linear(2, config.width, bias=False)
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(config.width, config.width))

    def forward(self, emotion: Tensor, style: Tensor, intensity: Tensor) -> Tensor:
        joined = self.emotion(emotion) + self.style(style) + self.intensity(intensity)
        y: Tensor = joined + self.mix(joined)
        return y


class MaskedGenerator(nn.Module):
    """Logits of the first-layer codes of a window, some of them given and some masked."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.tokens = nn.Embedding(config.codes + 1, config.width)  # the last one is the mask
        self.condition = Conditioner(config)
        self.blocks = nn.ModuleList(
            ConditionedBlock(config.width, config.heads, dropout=config.dropout) for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.codes)

    def forward(
        self, codes: Tensor, speech: Tensor, emotion: Tensor, style: Tensor, intensity: Tensor
    ) -> Tensor:
        """codes [B, N] with S for masked, speech [B, N, D] -> logits [B, N, S]."""
        x = self.tokens(codes)
        condition = self.condition(emotion, style, intensity)
        for block in self.blocks:
            x = block(x, speech, condition)
        y: Tensor = self.head(self.norm(x))
        return y


class ResidualGenerator(nn.Module):
    """Logits of layer v given the layers before it."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.codes = config.codes
        self.tokens = nn.Embedding(config.layers * config.codes, config.width)
        self.layer = nn.Embedding(config.layers, config.width)
        self.condition = Conditioner(config)
        self.blocks = nn.ModuleList(
            ConditionedBlock(config.width, config.heads, dropout=config.dropout)
            for _ in range(config.residual_depth)
        )
        self.norm = nn.LayerNorm(config.width)
        self.heads = nn.Parameter(torch.randn(config.layers, config.width, config.codes) * config.width**-0.5)

    def forward(
        self, codes: Tensor, layer: Tensor, speech: Tensor, emotion: Tensor, style: Tensor, intensity: Tensor
    ) -> Tensor:
        """codes [B, N, K], layer [B] the one asked for (those from it on are not read) -> [B, N, S]."""
        numbers = torch.arange(codes.shape[-1], device=codes.device)
        known = (numbers < layer[:, None])[:, None, :, None].to(speech.dtype)
        x = (self.tokens(codes + numbers * self.codes) * known).sum(-2) + self.layer(layer)[:, None]
        condition = self.condition(emotion, style, intensity)
        for block in self.blocks:
            x = block(x, speech, condition)
        y: Tensor = self.norm(x) @ self.heads[layer]
        return y


class Generator(nn.Module):
    """Both generators over one speech encoder."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.speech = SpeechEncoder(config)
        self.masked = MaskedGenerator(config)
        self.residual = ResidualGenerator(config)

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Named losses of a batch (see ``generator_loss``)."""
        c = self.config
        codes, features = batch["codes"], batch["features"]
        emotion, style, intensity = batch["emotion"], batch["style"], batch["intensity"]
        size, device = len(codes), codes.device
        if self.training:
            emotion, style, intensity = (
                value * (torch.rand(size, 1, device=device) >= c.drop_condition)
                for value in (emotion, style, intensity)
            )
        speech = self.speech(features)
        if self.training:
            speech = speech * (torch.rand(size, 1, 1, device=device) >= c.drop_speech)
        masked, asked = mask_tokens(codes[..., 0], batch["valid"], c)
        logits = self.masked(masked, speech, emotion, style, intensity).float()
        target = codes[..., 0].masked_fill(~asked, -100)
        terms = {
            "masked": F.cross_entropy(
                logits.flatten(0, 1), target.flatten(), label_smoothing=c.label_smoothing
            )
        }
        with torch.no_grad():
            right = (logits.argmax(-1) == codes[..., 0]) & asked
            terms["accuracy"] = right.sum() / asked.sum().clamp_min(1)
        if c.layers > 1:
            # Early layers shape the motion, late ones polish it: square the dice towards the early.
            layer = 1 + ((c.layers - 1) * torch.rand(size, device=device).square()).long()
            logits = self.residual(codes, layer, speech, emotion, style, intensity).float()
            target = codes.gather(-1, layer[:, None, None].expand(-1, codes.shape[1], 1))[..., 0]
            target = target.masked_fill(~batch["valid"], -100)
            terms["residual"] = F.cross_entropy(logits.flatten(0, 1), target.flatten())
        return terms


def mask_tokens(codes: Tensor, valid: Tensor, config: GeneratorConfig) -> tuple[Tensor, Tensor]:
    """Choose what is asked for and hide it.

    Args:
        codes: [B, N]; valid: [B, N] bool, false where a window is padded.
    Returns:
        codes with hidden ones (80 % mask, 10 % random, 10 % as they are), and where they are asked for.
    """
    size, length = codes.shape
    device = codes.device
    place = torch.arange(length, device=device)[None]
    open_ = valid.clone()
    given = torch.randint(1, max(2, length // 3), (size, 1), device=device)
    use = torch.rand(size, 1, device=device) < config.prefix
    open_ &= ~(use & (place < given))
    given = torch.randint(1, max(2, length // 8), (size, 1), device=device)
    use = torch.rand(size, 1, device=device) < config.suffix
    open_ &= ~(use & (place >= length - given))
    ratio = config.mask_low + (1 - config.mask_low) * torch.rand(size, 1, device=device)
    score = torch.rand(size, length, device=device).masked_fill(~open_, 2.0)
    count = (ratio * open_.sum(-1, keepdim=True)).ceil()
    asked = open_ & (score.argsort(-1).argsort(-1) < count)
    dice = torch.rand(size, length, device=device)
    hidden = torch.where(
        dice < 0.8,
        torch.full_like(codes, config.codes),
        torch.where(dice < 0.9, torch.randint(config.codes, codes.shape, device=device), codes),
    )
    return torch.where(asked, hidden, codes), asked


def generator_loss(model: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """L_mask + L_res (equation 10).

    batch: codes [B, N, K], features [B, T, F], emotion [B, 10], style [B, S], intensity [B, 2],
    valid [B, N] bool.
    """
    terms = model(batch)
    loss = terms["masked"] + terms.get("residual", torch.zeros(()))
    return loss, terms
