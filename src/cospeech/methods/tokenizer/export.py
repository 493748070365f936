"""The tokenizer's part of a model folder, whatever the method."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ...nn.latents import ScaledLatents
from ...nn.quantizer import Codebook
from ...training.onnx_export import round_weights
from ..model_writer import GraphSpec
from .network import Tokenizer

_STEPS = 8  # of an example


class LatentEncoder(nn.Module):
    """Encoded motion [B, T, C] -> latents [B, N, D], scaled as a network scales them, if one is named."""

    def __init__(self, tokenizer: Tokenizer, network: ScaledLatents | None = None) -> None:
        super().__init__()
        self.tokenizer, self.network = tokenizer, network

    def forward(self, motion: Tensor) -> Tensor:
        latent = self.tokenizer.encode_latent(motion)
        return latent if self.network is None else self.network.scaled(latent)


class LatentDecoder(nn.Module):
    """The way back."""

    def __init__(self, tokenizer: Tokenizer, network: ScaledLatents | None = None) -> None:
        super().__init__()
        self.tokenizer, self.network = tokenizer, network

    def forward(self, latent: Tensor) -> Tensor:
        if self.network is not None:
            latent = self.network.unscaled(latent)
        return self.tokenizer.smoothed(self.tokenizer.decode_latent(latent))


def tokenizer_graphs(tokenizer: Tokenizer, network: ScaledLatents | None = None) -> dict[str, GraphSpec]:
    """The graphs ``encoder`` and ``decoder``, to latents and back."""
    config = tokenizer.config
    motion = torch.zeros(1, _STEPS * config.downsample, config.channels)
    latent = torch.zeros(1, _STEPS, config.latent)
    return {
        "encoder": GraphSpec(
            LatentEncoder(tokenizer, network),
            {"motion": motion},
            ["latent"],
            {"motion": {1: "frames"}},
            {"frames": config.downsample},
        ),
        "decoder": GraphSpec(
            LatentDecoder(tokenizer, network), {"latent": latent}, ["motion"], {"latent": {1: "steps"}}
        ),
    }


def round_tokenizer(tokenizer: Tokenizer, weight_format: str = "int8") -> None:
    """Round the weights in place as a model folder keeps them; linear maps and codebooks as float16 in any case."""
    round_weights(tokenizer.encoder, weight_format)
    round_weights(tokenizer.decoder, weight_format)
    round_weights(tokenizer.synthesis, "float16")
    with torch.no_grad():
        tokenizer.analysis.copy_(tokenizer.analysis.half().float())
        for codebook in tokenizer.quantizer.codebooks:
            assert isinstance(codebook, Codebook)
            codebook.vectors.copy_(codebook.vectors.half().float())


def codebooks(tokenizer: Tokenizer) -> np.ndarray:
    """[K, S, D] float32."""
    return np.stack([codebook.vectors.numpy() for codebook in tokenizer.quantizer.codebooks])  # type: ignore[operator]
