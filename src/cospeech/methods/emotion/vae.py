"""The emotion-conditioned VAE: many ways to be joyful (EmotionGesture, section 3.4).

The paper's VAE learns the audio encoder's emotion features, with the emotion's one-hot code beside the
latent, and a sample takes their place in use [R]. Ours are these [D]: it is trained with the generator and
sees the motion, so that what it draws is a way of moving; a latent stands for half a second, so that a
long speech has more to draw from than 32 numbers; and the prior is learned, Gaussian given the emotion, the
manner, the rhythm of the voice and what was drawn before. Without that, draws of neighbouring moments
would not go together.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...nn.transformer import Block


class EmotionVae(nn.Module):
    """Posterior, prior and decoder over chunks of ``chunk`` steps; latents are [B, K, Z]."""

    def __init__(
        self, *, latent: int, heard: int, emotions: int, width: int, heads: int, size: int, chunk: int,
        dropout: float,
    ) -> None:  # fmt: skip
        """latent: D of motion; heard: E of the audio's emotion features; size: Z.

        Raises ValueError for an odd chunk, whose convolutions would not give a latent for each.
        """
        super().__init__()
        if chunk % 2:
            raise ValueError(f"a chunk must be an even number of steps; got {chunk}")
        self.size, self.chunk, self.width = size, chunk, width
        self.code = nn.Sequential(  # one-hot 8 -> 16 -> 32 [R]
            nn.Linear(emotions, 8), nn.GELU(), nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 32)
        )
        self.seen = nn.Linear(2 * latent + heard + 32, width)
        self.look = Block(width, heads, hidden=2 * width, dropout=dropout)
        self.gather = nn.Conv1d(width, width, 2 * chunk, stride=chunk, padding=chunk // 2)
        self.guess = nn.Linear(width, 2 * size)
        self.begin = nn.Linear(latent, width)
        self.cell = nn.GRU(size + width, width, batch_first=True)
        self.expect = nn.Linear(2 * width, 2 * size)
        self.scatter = nn.ConvTranspose1d(size, width, 2 * chunk, stride=chunk, padding=chunk // 2)
        self.features = nn.Sequential(nn.Linear(width + 32, width), nn.GELU(), nn.Linear(width, width))
        # A draw that says little at first is soon not listened to: the posterior begins sure of itself.
        with torch.no_grad():
            self.guess.bias[size:] = -2.0
        nn.init.zeros_(self.expect.weight)
        nn.init.zeros_(self.expect.bias)

    def posterior(self, motion: Tensor, heard: Tensor, emotion: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log deviation [B, K, Z].

        Args:
            motion: [B, N, D] scaled latents, N a multiple of chunk.
            heard: [B, N, E] emotion features of the audio.
            emotion: [B, N, 10] weights.
        """
        change = torch.diff(motion, dim=1, prepend=motion[:, :1])
        y = self.look(self.seen(torch.cat([motion, change, heard, self.code(emotion)], -1)))
        mean, log = self.guess(self.gather(y.transpose(1, 2)).transpose(1, 2)).chunk(2, -1)
        return mean, log.clamp(-6.0, 2.0)

    def start(self, pose: Tensor) -> Tensor:
        """State [1, B, W] of the prior after a pose [B, D], the last that is given."""
        return torch.tanh(self.begin(pose))[None]

    def prior(self, before: Tensor, context: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, log deviation [B, K, Z] and the new state, from the latents before [B, K, Z].

        Args:
            before: latents one chunk earlier, zeros for the first.
            context: [B, K, W] emotion, manner and rhythm of the chunk itself.
        """
        y, state = self.cell(torch.cat([before, context], -1), state)
        mean, log = self.expect(torch.cat([y, context], -1)).chunk(2, -1)
        return mean, log.clamp(-6.0, 2.0), state

    def decode(self, z: Tensor, emotion: Tensor) -> Tensor:
        """Emotion features [B, N, W] of latents [B, K, Z] and weights [B, N, 10]."""
        y = self.scatter(z.transpose(1, 2)).transpose(1, 2)
        made: Tensor = self.features(torch.cat([y, self.code(emotion)], -1))
        return made


def divergence(mean: Tensor, log: Tensor, mean_p: Tensor, log_p: Tensor) -> Tensor:
    """KL of one Gaussian to another, both by mean and log deviation, summed over the last axis."""
    ratio = (2 * (log - log_p)).exp()
    away = (mean - mean_p).square() * (-2 * log_p).exp()
    return 0.5 * (ratio + away - 1 - 2 * (log - log_p)).sum(-1)
