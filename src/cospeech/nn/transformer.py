"""Transformer blocks: rotary self-attention, adaptive layer norm on a global condition."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.errors import UserError

FUSIONS = ("cross", "concat", "both")


def check_heads(width: int, heads: int, *, of: str = "") -> None:
    """Check that attention of this width can be split into heads; ``of`` stands before the names of both settings.

    Raises:
        UserError: a head would have no whole or an odd number of channels, which rotary positions turn in pairs.
    """
    if width < 1 or heads < 1 or width % (2 * heads):
        allowed = [str(count) for count in range(1, width // 2 + 1) if width % (2 * count) == 0]
        raise UserError(
            f"{of}heads {heads} does not split {of}width {width} into heads of an even size; allowed for this width: "
            f"{', '.join(allowed) or 'none'}; set {of}heads to one of them, or {of}width to a multiple of 2 * {of}heads"
        )


def check_fusion(fusion: str) -> None:
    """Raises UserError unless the fusion is one of ``FUSIONS``."""
    if fusion not in FUSIONS:
        raise UserError(f"unknown fusion {fusion!r}; set fusion to one of {', '.join(FUSIONS)}")


def rotary_angles(length: int, dim: int, device: torch.device) -> Tensor:
    """[length, dim / 2] angles of rotary position embedding (Su et al. 2021)."""
    rate = 10_000 ** (-torch.arange(0, dim, 2, device=device, dtype=torch.float32) / dim)
    return torch.arange(length, device=device, dtype=torch.float32)[:, None] * rate


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Turn the pairs of [..., N, dim] by their position's angles."""
    a, b = x.chunk(2, -1)
    cos, sin = angles.cos(), angles.sin()
    if cos.dtype != x.dtype:
        cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


class SelfAttention(nn.Module):
    """Multi-head attention over the time axis of [B, N, D]; positions are relative."""

    def __init__(self, width: int, heads: int) -> None:
        """Raises UserError if the width cannot be split into so many heads."""
        super().__init__()
        check_heads(width, heads)
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        size = width // self.heads
        qkv = self.qkv(x).reshape(batch, length, 3, self.heads, size).permute(2, 0, 3, 1, 4)
        q, k = rotate(qkv[:2], rotary_angles(length, size, x.device))
        mixed = F.scaled_dot_product_attention(q, k, qkv[2])
        y: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return y


class CrossAttention(nn.Module):
    """Multi-head attention from [B, N, D] to a second sequence [B, M, D] on the same clock.

    Positions are relative, so a step can attend to the speech of its own time, or a little before it.
    """

    def __init__(self, width: int, heads: int) -> None:
        """Raises UserError if the width cannot be split into so many heads."""
        super().__init__()
        check_heads(width, heads)
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        batch, length, width = x.shape
        size = width // self.heads
        q = self.q(x).reshape(batch, length, self.heads, size).transpose(1, 2)
        k, v = self.kv(other).reshape(batch, other.shape[1], 2, self.heads, size).permute(2, 0, 3, 1, 4)
        angles = rotary_angles(other.shape[1], size, x.device)
        mixed = F.scaled_dot_product_attention(rotate(q, angles[:length]), rotate(k, angles), v)
        y: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return y


class ConditionedBlock(nn.Module):
    """Self-attention, speech, MLP; the first and the last are modulated by a global condition.

    The modulation starts at zero (Peebles and Xie 2023, adaLN-zero), so a fresh block only adds the
    speech. ``fusion`` says how speech joins: "cross" by cross-attention (Contextual Gesture, section
    3.2), "concat" step by step (a linear map of both side by side is the sum of two maps), or "both".
    """

    def __init__(
        self, width: int, heads: int, *, hidden: int | None = None, dropout: float = 0.0, fusion: str = "concat"
    ) -> None:
        """Raises UserError if the fusion is unknown or the width cannot be split into so many heads."""
        super().__init__()
        check_fusion(fusion)
        hidden = hidden or 4 * width
        self.norm1 = nn.LayerNorm(width, elementwise_affine=False)
        self.norm2 = nn.LayerNorm(width, elementwise_affine=False)
        self.attention = SelfAttention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        # Few numbers tell what the condition is; a narrow waist keeps the block's size in its layers.
        self.waist = nn.Linear(width, 64)
        self.modulation = nn.Linear(64, 6 * width)
        self.speech = None if fusion == "cross" else nn.Linear(width, width)
        self.cross = None if fusion == "concat" else CrossAttention(width, heads)
        self.norm_cross = None if fusion == "concat" else nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, x: Tensor, speech: Tensor, condition: Tensor) -> Tensor:
        """x, speech: [B, N, D]; condition: [B, D], or [B, N, D] where it changes on the way."""
        if condition.ndim == 2:
            condition = condition[:, None]
        s1, t1, g1, s2, t2, g2 = self.modulation(F.silu(self.waist(condition))).chunk(6, -1)
        if self.speech is not None:
            x = x + self.speech(speech)
        x = x + g1 * self.dropout(self.attention(self.norm1(x) * (1 + s1) + t1))
        if self.cross is not None and self.norm_cross is not None:
            x = x + self.dropout(self.cross(self.norm_cross(x), speech))
        result: Tensor = x + g2 * self.dropout(self.mlp(self.norm2(x) * (1 + s2) + t2))
        return result


class Block(nn.Module):
    """The standard block: self-attention and MLP, each behind a layer norm, over [B, N, D]."""

    def __init__(self, width: int, heads: int, *, hidden: int | None = None, dropout: float = 0.0) -> None:
        super().__init__()
        hidden = hidden or 4 * width
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[B, N, D] -> [B, N, D]."""
        x = x + self.dropout(self.attention(self.norm1(x)))
        y: Tensor = x + self.dropout(self.mlp(self.norm2(x)))
        return y
