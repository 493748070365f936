"""Whole clips through a trained tokenizer."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .network import Tokenizer


@torch.no_grad()
def encode_codes(tokenizer: Tokenizer, motion: np.ndarray) -> np.ndarray:
    """Codes [N, K] int16 of a whole encoded motion [T, C]."""
    codes: np.ndarray = tokenizer.encode(_whole_steps(tokenizer, motion))[0].numpy().astype(np.int16)
    return codes


@torch.no_grad()
def encode_latents(tokenizer: Tokenizer, motion: np.ndarray) -> np.ndarray:
    """Latents [N, D] float16 of a whole encoded motion [T, C], before quantisation."""
    latents: np.ndarray = tokenizer.encode_latent(_whole_steps(tokenizer, motion))[0].numpy().astype(np.float16)
    return latents


def _whole_steps(tokenizer: Tokenizer, motion: np.ndarray) -> Tensor:
    """The motion as a batch of one, cut to whole steps."""
    frames = len(motion) // tokenizer.config.downsample * tokenizer.config.downsample
    return torch.from_numpy(np.ascontiguousarray(motion[None, :frames]))
