"""The global condition of every generator - emotion, style, liveliness - and the time of diffusion."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Conditioner(nn.Module):
    """Emotion and style weights and intensity -> one vector [B, D]; all zeros means unknown.

    emotion [B, 10] and style [B, S] are weights (one-hot or a mixture), intensity is [B, 2]: the log of
    the hands' mean speed relative to the speaker's own in this emotion, and 1 if it is known.
    """

    def __init__(self, emotions: int, styles: int, width: int) -> None:
        super().__init__()
        self.emotion = nn.Linear(emotions, width, bias=False)
        self.style = nn.Linear(styles, width, bias=False)
        self.intensity = nn.Linear(2, width, bias=False)
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(width, width))

    def forward(self, emotion: Tensor, style: Tensor, intensity: Tensor) -> Tensor:
        joined = self.emotion(emotion) + self.style(style) + self.intensity(intensity)
        y: Tensor = joined + self.mix(joined)
        return y


def waves(angle: Tensor, width: int) -> Tensor:
    """Sines and cosines [..., width] of angles [...] from 0 (clean) to pi / 2 (noise)."""
    rate = torch.exp(torch.linspace(0.0, math.log(200.0), width // 2, device=angle.device))
    phase = angle[..., None] * rate
    return torch.cat([phase.sin(), phase.cos()], -1)
