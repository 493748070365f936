"""The spatial-temporal prompter: from known poses to a sketch of those to come.

EmotionGesture, section 3.3. Everything is per sample: the official code multiplies the temporal scores
over the batch, so that samples leak into each other, which is not copied.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Prompter(nn.Module):
    """Known poses P [B, L, C] -> prompted poses F'' [B, N, C] and the decoder's queries [B, L + N, W]."""

    def __init__(
        self, prompt: int, new: int, channels: int, width: int, *, spatial: bool = True, temporal: bool = True
    ) -> None:
        """Make a prompter.

        Args:
            prompt, new: L and N, steps.
            spatial: interpolate between the known poses and those to come over the first L steps.
            temporal: strengthen them by how the known poses moved. With both off nothing is prompted
                and zeros stand for what is to come, as earlier methods pad.
        """
        super().__init__()
        self.given, self.new = prompt, new
        self.spatial, self.temporal = spatial, temporal
        if spatial or temporal:  # along time: frames are the channels of the convolutions [R]
            self.future = nn.Sequential(
                nn.Conv1d(prompt, new, 3, padding=1), nn.GELU(), nn.Conv1d(new, new, 3, padding=1)
            )
        if spatial:
            self.ensemble = _mlp(prompt * channels, width, channels)  # m
        if temporal:
            self.history = _mlp(prompt * channels, width, channels)  # u
            self.motion = _mlp(prompt * channels, width, prompt)  # v
        self.out = _mlp(channels, width, width)
        self.place = nn.Parameter(torch.randn(prompt + new, width) * 0.02)

    def forward(self, poses: Tensor) -> tuple[Tensor, Tensor]:
        size, channels = len(poses), poses.shape[-1]
        if not (self.spatial or self.temporal):
            future = poses.new_zeros(size, self.new, channels)
            return future, self.out(torch.cat([poses, future], 1)) + self.place
        future, flat, count = self.future(poses), poses.flatten(1), min(self.given, self.new)
        head, tail = future[:, :count], future[:, count:]
        if self.spatial:
            m = self.ensemble(flat)[:, None]
            score = torch.sigmoid((m * head).sum(-1, keepdim=True) * channels**-0.5)  # scaled, as attention
            head = score * head + (1 - score) * m
        if self.temporal:
            strength = self.history(flat).square().mean(-1, keepdim=True)  # ||u||^2, by channel [D]
            filled = torch.cat([head, head[:, -1:].expand(-1, self.given - count, -1)], 1)
            share = torch.softmax(strength * self.motion(filled.flatten(1)), -1)
            head = head * (1 + share[:, :count, None])
        future = torch.cat([head, tail], 1)
        return future, self.out(torch.cat([poses, future], 1)) + self.place


def _mlp(size: int, width: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(size, width), nn.GELU(), nn.Linear(width, out))
