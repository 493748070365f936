"""The emotion-conditioned VAE: many ways to be joyful (EmotionGesture, section 3.4).

The paper's VAE learns the audio encoder's emotion features, with the emotion's one-hot code beside the
latent, and a sample takes their place in use [R]. Ours are these [D]: it is trained with the generator and
sees the motion, so that what it draws is a way of moving; a latent stands for half a second, so that a
long speech has more to draw from than 32 numbers; and draws are made by a network of their own (``prior``),
since neighbouring latents belong together, which independent draws ignore.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.errors import UserError
from ...nn.transformer import Block


def check_chunk(chunk: int) -> None:
    """Raises UserError for an odd chunk, whose convolutions would not give a latent for each."""
    if chunk < 2 or chunk % 2:
        raise UserError(f"a chunk must be an even number of steps; got {chunk}; set chunk to 2, 4, 6 and so on")


class EmotionVae(nn.Module):
    """Posterior and decoder over chunks of ``chunk`` steps; latents are [B, K, Z]."""

    def __init__(
        self, *, latent: int, voice: int, emotions: int, width: int, heads: int, size: int, chunk: int, dropout: float
    ) -> None:
        """latent: D of motion; voice: E of the audio's emotion features; size: Z.

        Raises UserError as ``check_chunk``.
        """
        super().__init__()
        check_chunk(chunk)
        self.size, self.chunk, self.width = size, chunk, width
        self.code = nn.Sequential(  # one-hot 8 -> 16 -> 32 [R]
            nn.Linear(emotions, 8), nn.GELU(), nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 32)
        )
        self.seen = nn.Linear(2 * latent + voice + 32, width)
        self.look = Block(width, heads, hidden=2 * width, dropout=dropout)
        self.gather = nn.Conv1d(width, width, 2 * chunk, stride=chunk, padding=chunk // 2)
        self.guess = nn.Linear(width, 2 * size)
        self.scatter = nn.ConvTranspose1d(size, width, 2 * chunk, stride=chunk, padding=chunk // 2)
        self.features = nn.Sequential(nn.Linear(width + 32, width), nn.GELU(), nn.Linear(width, width))
        # A draw that says little at first is soon ignored, so the posterior starts with a small deviation.
        with torch.no_grad():
            self.guess.bias[size:] = -2.0

    def posterior(self, motion: Tensor, voice: Tensor, emotion: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log deviation [B, K, Z].

        Args:
            motion: [B, N, D] scaled latents, N a multiple of chunk.
            voice: [B, N, E] emotion features of the audio.
            emotion: [B, N, 10] weights.
        """
        change = torch.diff(motion, dim=1, prepend=motion[:, :1])
        y = self.look(self.seen(torch.cat([motion, change, voice, self.code(emotion)], -1)))
        mean, log = self.guess(self.gather(y.transpose(1, 2)).transpose(1, 2)).chunk(2, -1)
        return mean, log.clamp(-6.0, 2.0)

    def decode(self, z: Tensor, emotion: Tensor) -> Tensor:
        """Emotion features [B, N, W] of latents [B, K, Z] and weights [B, N, 10]."""
        y = self.scatter(z.transpose(1, 2)).transpose(1, 2)
        features: Tensor = self.features(torch.cat([y, self.code(emotion)], -1))
        return features


def divergence(mean: Tensor, log: Tensor) -> Tensor:
    """KL of a Gaussian, by mean and log deviation, to the standard one, summed over the last axis."""
    return 0.5 * (mean.square() + (2 * log).exp() - 1 - 2 * log).sum(-1)
