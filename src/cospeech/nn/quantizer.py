"""Residual vector quantisation with exponential-moving-average codebooks.

van den Oord et al. 2017 (VQ), Zeghidour et al. 2021 (residual, quantiser dropout), MoMask (codebook
reset, EMA 0.99). Everything that training changes is a buffer, so a checkpoint holds the EMA sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from .renamed import accept_old_names


@dataclass
class Quantized:
    """What a quantiser returns."""

    latent: Tensor  # [B, T, D] sum of the chosen code vectors, with a straight-through gradient
    codes: Tensor  # [B, T, K] int64, -1 where a layer was dropped
    commitment: Tensor  # [] mean over layers of |r - sg(b)|^2
    perplexity: Tensor  # [] mean over layers of exp(entropy of code use)


class Codebook(nn.Module):
    """One codebook of ``size`` vectors, learned by EMA; codes that die are replaced by fresh residuals."""

    def __init__(self, size: int, dim: int, *, decay: float = 0.99, reset_below: float = 0.5) -> None:
        super().__init__()
        self.decay, self.reset_below = decay, reset_below
        self.vectors: Tensor
        self.count: Tensor
        self.total: Tensor
        self.ready: Tensor
        self.register_buffer("vectors", torch.randn(size, dim) * 0.02)  # [S, D]
        self.register_buffer("count", torch.ones(size))  # [S] EMA of uses a batch
        self.register_buffer("total", torch.zeros(size, dim))  # [S, D] EMA of the sums of members
        self.register_buffer("ready", torch.zeros((), dtype=torch.bool))

    def nearest(self, x: Tensor) -> Tensor:
        """Index of the nearest vector, [N] for [N, D]."""
        distance = self.vectors.square().sum(-1) - 2 * x @ self.vectors.T
        return distance.argmin(-1)

    @torch.no_grad()
    def update(self, x: Tensor, codes: Tensor) -> None:
        """One EMA step with the members [N, D] of codes [N], summed over all processes."""
        size = len(self.vectors)
        count = torch.zeros(size, device=x.device).index_add_(0, codes, torch.ones_like(codes, dtype=x.dtype))
        total = torch.zeros_like(self.total).index_add_(0, codes, x)
        several = dist.is_available() and dist.is_initialized()
        if several:
            dist.all_reduce(count)
            dist.all_reduce(total)
        self.count.mul_(self.decay).add_(count, alpha=1 - self.decay)
        self.total.mul_(self.decay).add_(total, alpha=1 - self.decay)
        share = self.count / self.count.sum().clamp_min(1e-9)
        smooth = (share + 1e-5) / (1 + size * 1e-5) * self.count.sum()
        self.vectors.copy_(self.total / smooth[:, None].clamp_min(1e-9))
        dead = self.count < self.reset_below
        if dead.any():
            fresh = x[torch.randint(len(x), (size,), device=x.device)]
            if several:
                dist.broadcast(fresh, 0)
            self.vectors[dead] = fresh[dead]
            self.total[dead] = fresh[dead]
            self.count[dead] = 1.0

    @torch.no_grad()
    def start(self, x: Tensor) -> None:
        """Take the first batch's members as vectors."""
        fresh = x[torch.randint(len(x), (len(self.vectors),), device=x.device)]
        fresh = fresh + 1e-3 * torch.randn_like(fresh)
        if dist.is_available() and dist.is_initialized():
            dist.broadcast(fresh, 0)
        self.vectors.copy_(fresh)
        self.total.copy_(fresh)
        self.count.fill_(1.0)
        self.ready.fill_(True)


class ResidualQuantizer(nn.Module):
    """K codebooks, each quantising what the ones before left over."""

    def __init__(self, layers: int, size: int, dim: int, *, dropout: float = 0.2) -> None:
        super().__init__()
        self.dropout = dropout
        self.codebooks = nn.ModuleList(Codebook(size, dim) for _ in range(layers))
        accept_old_names(self, {"books": "codebooks"})

    def forward(self, z: Tensor) -> Quantized:
        """z: [B, T, D]. In training, with probability ``dropout`` only the first few layers are used."""
        with torch.autocast(z.device.type, enabled=False):  # near codes must not be mistaken for each other
            return self._quantize(z.float())

    def _quantize(self, z: Tensor) -> Quantized:
        shape = z.shape
        residual = z.reshape(-1, shape[-1])
        used = self._layers_used(z.device)
        total = torch.zeros_like(residual)
        codes, losses, perplexities = [], [], []
        for number, codebook in enumerate(self.codebooks):
            assert isinstance(codebook, Codebook)
            if number >= used:
                codes.append(torch.full((len(residual),), -1, device=z.device))
                continue
            detached = residual.detach()
            if self.training and not codebook.ready:
                codebook.start(detached)
            chosen = codebook.nearest(detached)
            vectors = codebook.vectors[chosen]
            losses.append((residual - vectors).square().mean())
            if self.training:
                codebook.update(detached, chosen)
            share = torch.bincount(chosen, minlength=len(codebook.vectors)).float() / len(chosen)
            perplexities.append((-(share * (share + 1e-9).log()).sum()).exp())
            total = total + vectors
            residual = residual - vectors
            codes.append(chosen)
        flat = z.reshape(-1, shape[-1])
        latent = flat + (total - flat).detach()
        return Quantized(
            latent.reshape(shape),
            torch.stack(codes, -1).reshape(*shape[:-1], -1),
            torch.stack(losses).mean(),
            torch.stack(perplexities).mean(),
        )

    def _layers_used(self, device: torch.device) -> int:
        """How many layers this step trains; all processes the same, or their sums would not meet."""
        used = len(self.codebooks)
        if not self.training or self.dropout <= 0:
            return used
        if torch.rand(()) < self.dropout:
            used = int(torch.randint(1, used + 1, ()))
        if dist.is_available() and dist.is_initialized():
            shared = torch.tensor(used, device=device)
            dist.broadcast(shared, 0)
            used = int(shared)
        return used

    def encode(self, z: Tensor) -> Tensor:
        """[B, T, D] -> codes [B, T, K]."""
        residual = z.reshape(-1, z.shape[-1])
        codes = []
        for codebook in self.codebooks:
            assert isinstance(codebook, Codebook)
            chosen = codebook.nearest(residual)
            residual = residual - codebook.vectors[chosen]
            codes.append(chosen)
        return torch.stack(codes, -1).reshape(*z.shape[:-1], -1)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes [B, T, k], k <= K -> [B, T, D], the sum of the first k layers; -1 adds nothing."""
        total: Tensor | float = 0.0
        for number in range(codes.shape[-1]):
            vectors = self.codebooks[number].vectors
            assert isinstance(vectors, Tensor)
            index = codes[..., number]
            total = total + vectors[index.clamp_min(0)] * (index >= 0)[..., None]
        assert isinstance(total, Tensor)
        return total
