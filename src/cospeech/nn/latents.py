"""The motion tokenizer's continuous latents, scaled as networks generate them."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ScaledLatents(nn.Module):
    """A network that makes latents; ``mean`` and ``scale`` [D] lead there and back.

    ``scale`` is deviation ** power [D]: at 0 small directions drown, at 1 all directions count alike, though
    most of them are a millimetre. It is set so that scaled latents have variance one over all directions.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, latent: int, power: float, latents: tuple[Tensor, Tensor] | None = None) -> None:
        """latents: mean and deviation [D] of the tokenizer's latents; zeros and ones if None."""
        super().__init__()
        mean, deviation = latents or (torch.zeros(latent), torch.ones(latent))
        scale = deviation**power
        scale = scale * (deviation / scale).square().mean().sqrt()
        self.register_buffer("mean", mean.float())
        self.register_buffer("scale", scale.float())

    def scaled(self, latent: Tensor) -> Tensor:
        """The tokenizer's latents [..., D] as networks generate them."""
        return (latent - self.mean) / self.scale

    def unscaled(self, x: Tensor) -> Tensor:
        """The way back."""
        return x * self.scale + self.mean
