"""Networks that judge motion: auto-encoders whose latents are compared, and a classifier of emotion.

All are small convolutions over time at 30 frames a second; they see ``motion.upper_body``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.rotation import matrix_from_6d


@dataclass(frozen=True)
class ExtractorConfig:
    """Sizes of both auto-encoders and the weights of their losses."""

    channels: int = 78  # of ``upper_body``
    rotations: int = 66  # of them, the first ones are rotations in 6D
    width: int = 128
    latent: int = 64  # of a time step; the public one has 240, which needs larger test sets [D]
    window_latent: int = 32  # of a window [P, Yoon et al. 2020]
    window: int = 64  # frames [P]
    downsample: int = 4  # frames a time step
    velocity: float = 0.3
    acceleration: float = 0.1
    geodesic: float = 0.5


class Residual(nn.Module):
    """Residual block of two convolutions over time, normalised per frame."""

    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.first = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x.transpose(1, 2)).transpose(1, 2)
        return x + self.second(F.gelu(self.first(F.gelu(h))))


class FrameEncoder(nn.Module):
    """[B, T, 2 C], poses and their changes, -> [B, T / 4, D]."""

    def __init__(self, config: ExtractorConfig, out: int) -> None:
        super().__init__()
        w = config.width
        self.layers = nn.Sequential(
            nn.Conv1d(2 * config.channels, w, 5, padding=2),
            Residual(w),
            nn.Conv1d(w, w, 4, stride=2, padding=1),
            Residual(w),
            nn.Conv1d(w, w, 4, stride=2, padding=1),
            Residual(w),
            nn.Conv1d(w, out, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x.transpose(1, 2)).transpose(1, 2)
        return y


class FrameDecoder(nn.Module):
    """[B, T / 4, D] -> [B, T, C]."""

    def __init__(self, config: ExtractorConfig, size: int) -> None:
        super().__init__()
        w = config.width
        self.layers = nn.Sequential(
            nn.Conv1d(size, w, 3, padding=1),
            Residual(w),
            nn.ConvTranspose1d(w, w, 4, stride=2, padding=1),
            Residual(w),
            nn.ConvTranspose1d(w, w, 4, stride=2, padding=1),
            Residual(w),
            nn.Conv1d(w, config.channels, 5, padding=2),
        )

    def forward(self, z: Tensor) -> Tensor:
        y: Tensor = self.layers(z.transpose(1, 2)).transpose(1, 2)
        return y


class MotionAutoencoders(nn.Module):
    """One latent a time step (BEAT2 practice) and one latent a window (Yoon et al. 2020), side by side.

    Normalisation is inside: raw features go in, raw features come out. The encoders see poses and their
    changes from frame to frame, each at its own scale: an auto-encoder of poses alone is blind to
    trembling and to frames in the wrong order (measured in docs/experiments.md). [D]
    """

    mean: Tensor
    std: Tensor
    pace: Tensor

    def __init__(
        self, config: ExtractorConfig, mean: Tensor | None = None, std: Tensor | None = None, pace: Tensor | None = None
    ) -> None:
        super().__init__()
        self.config = config
        c, steps = config.channels, config.window // config.downsample
        self.register_buffer("mean", torch.zeros(c) if mean is None else mean.float())  # [C]
        self.register_buffer("std", torch.ones(c) if std is None else std.float())  # [C]
        # [] size of a normalised pose's usual change from one frame to the next
        self.register_buffer("pace", torch.ones(()) if pace is None else pace.float())
        self.frame_encoder = FrameEncoder(config, config.latent)
        self.frame_decoder = FrameDecoder(config, config.latent)
        self.window_encoder = FrameEncoder(config, config.width // 2)
        self.squeeze = nn.Linear(steps * (config.width // 2), config.window_latent)
        self.spread = nn.Linear(config.window_latent, steps * (config.width // 2))
        self.window_decoder = FrameDecoder(config, config.width // 2)

    def seen(self, x: Tensor) -> Tensor:
        """Raw features [B, T, C] -> what the encoders see, [B, T, 2 C]."""
        y = (x - self.mean) / self.std
        change = F.pad(y[:, 1:] - y[:, :-1], (0, 0, 1, 0)) / self.pace
        return torch.cat([y, change], -1)

    def frames(self, x: Tensor) -> Tensor:
        """[B, T, C], T a multiple of 4, -> [B, T / 4, latent]."""
        z: Tensor = self.frame_encoder(self.seen(x))
        return z

    def windows(self, x: Tensor) -> Tensor:
        """[B, window, C] -> [B, window_latent]."""
        z: Tensor = self.squeeze(self.window_encoder(self.seen(x)).flatten(1))
        return z

    def rebuild(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """A window [B, window, C] through each of the two."""
        one = self.frame_decoder(self.frames(x))
        two = self.window_decoder(self.spread(self.windows(x)).reshape(len(x), -1, self.config.width // 2))
        return one * self.std + self.mean, two * self.std + self.mean

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Named losses of both: channels, velocity, acceleration, and the rotations' angle (radians)."""
        c, x = self.config, batch["x"]
        terms: dict[str, Tensor] = {}
        for name, y in zip(("frame", "window"), self.rebuild(x), strict=True):
            with torch.autocast(x.device.type, enabled=False):
                a, b = x / self.std, y.float() / self.std
                terms[name] = F.smooth_l1_loss(b, a, beta=0.1)
                u, v = a.diff(dim=1) / self.pace, b.diff(dim=1) / self.pace
                terms[f"{name}_velocity"] = F.smooth_l1_loss(v, u, beta=0.1)
                terms[f"{name}_acceleration"] = F.smooth_l1_loss(v.diff(dim=1), u.diff(dim=1), beta=0.1)
                terms[f"{name}_geodesic"] = angle(y.float()[..., : c.rotations], x[..., : c.rotations]).mean()
        return terms


def angle(a: Tensor, b: Tensor) -> Tensor:
    """Radians between rotations in 6D, [..., 6 R] each -> [..., R]."""
    p, q = (matrix_from_6d(v.reshape(*v.shape[:-1], -1, 6)) for v in (a, b))
    # From the distance of the matrices: unlike the arc cosine of the trace its slope is finite at zero.
    chord = (p - q).square().sum((-1, -2)).clamp_min(1e-10).sqrt() / (2 * 2**0.5)
    return 2 * torch.asin(chord.clamp(max=1 - 1e-6))


@dataclass(frozen=True)
class EmotionNetConfig:
    """Sizes of the classifier."""

    channels: int = 78
    width: int = 96
    emotions: int = 10
    dropout: float = 0.4
    window: int = 96  # frames
    label_smoothing: float = 0.1


class EmotionNet(nn.Module):
    """[B, T, C] -> logits [B, 10]: convolutions, then mean and spread over time."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: EmotionNetConfig, mean: Tensor | None = None, std: Tensor | None = None) -> None:
        super().__init__()
        self.config = config
        c, w = config.channels, config.width
        self.register_buffer("mean", torch.zeros(c) if mean is None else mean.float())
        self.register_buffer("std", torch.ones(c) if std is None else std.float())
        self.layers = nn.Sequential(
            nn.Conv1d(2 * c, w, 5, padding=2),
            Residual(w),
            nn.Conv1d(w, w, 4, stride=2, padding=1),
            nn.Dropout1d(config.dropout / 2),
            Residual(w, 2),
            nn.Conv1d(w, w, 4, stride=2, padding=1),
            nn.Dropout1d(config.dropout / 2),
            Residual(w, 2),
            Residual(w, 4),
        )
        self.head = nn.Sequential(nn.LayerNorm(3 * w), nn.Dropout(config.dropout), nn.Linear(3 * w, config.emotions))

    def forward(self, x: Tensor) -> Tensor:
        y = (x - self.mean) / self.std
        velocity = F.pad(y[:, 1:] - y[:, :-1], (0, 0, 1, 0)) * 5
        h = self.layers(torch.cat([y, velocity], -1).transpose(1, 2))
        mean = h.mean(-1)
        spread = (h - mean[..., None]).square().mean(-1).add(1e-6).sqrt()
        logits: Tensor = self.head(torch.cat([mean, spread, h.amax(-1)], -1))
        return logits
