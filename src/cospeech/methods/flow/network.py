"""A rectified flow over latents of body parts, and a sampler of their activity."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.emotions import EMOTIONS
from ...nn.condition import Conditioner, waves
from ...nn.transformer import rotary_angles, rotate
from ...speech.layout import FEATURE_DIM
from .activity import LEVELS
from .latents import STACK

QUARTER = torch.pi / 2


@dataclass(frozen=True)
class FlowConfig:
    """Sizes of the flow."""

    widths: tuple[int, ...] = (24, 24, 24)  # latent numbers of each part
    width: int = 256
    heads: int = 4
    depth: int = 4
    features: int = STACK * FEATURE_DIM  # speech features of one latent
    styles: int = 4
    emotions: int = len(EMOTIONS)
    window: int = 64  # latents, the prefix among them
    prefix: int = 40  # latents that are known, at most
    drop_speech: float = 0.15
    drop_condition: float = 0.15
    drop_plan: float = 0.4  # share of windows without a plan
    mirror: float = 0.1  # share of windows in the mirror; people have a better hand, so half would be seen

    @property
    def parts(self) -> int:
        """P."""
        return len(self.widths)

    @property
    def latent(self) -> int:
        """D."""
        return sum(self.widths)


class CausalBlock(nn.Module):
    """Self-attention and MLP of [B, N, D], both modulated step by step by a condition [B, N, D] (adaLN-zero).

    ``known`` of the positions come first; they see only what came before them, so their keys can be kept. The others
    see everything.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width, elementwise_affine=False)
        self.norm2 = nn.LayerNorm(width, elementwise_affine=False)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.waist = nn.Linear(width, 64)
        self.modulation = nn.Linear(64, 6 * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, x: Tensor, condition: Tensor, mask: Tensor, past: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """[B, N, D] of the positions, and their keys and values [B, 2, H, N, D / H] before rotation.

        Args:
            mask: [B, 1, N, M + N] who sees whom.
            past: [B, 2, H, M, D / H] of positions before them.
        """
        s1, t1, g1, s2, t2, g2 = self.modulation(F.silu(self.waist(condition))).chunk(6, -1)
        batch, length, width = x.shape
        inner = self.norm1(x) * (1 + s1) + t1
        q, k, v = self.qkv(inner).reshape(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        own = torch.stack([k, v], 1)
        seen = own if past is None else torch.cat([past, own], 3)
        angles = rotary_angles(seen.shape[3], width // self.heads, x.device)
        mixed = F.scaled_dot_product_attention(
            rotate(q, angles[-length:]), rotate(seen[:, 0], angles), seen[:, 1], attn_mask=mask
        )
        x = x + g1 * self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        y: Tensor = x + g2 * self.mlp(self.norm2(x) * (1 + s2) + t2)
        return y, own


def prefix_mask(known: Tensor, length: int) -> Tensor:
    """[B, 1, N, N] bool: who sees whom; the first ``known`` [B] positions are causal, the others see all."""
    place = torch.arange(length, device=known.device)
    causal = place[:, None] >= place[None]
    open_ = place[None, :] >= known[:, None]
    return torch.logical_or(causal[None], open_[:, :, None])[:, None]


class Flow(nn.Module):
    """Predicts clean latents from noisy ones, after a known prefix."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.latent = nn.Linear(config.latent, width)
        self.speech = nn.Sequential(nn.Linear(config.features + 1, width), nn.GELU(), nn.Linear(width, width))
        self.activity = nn.Linear(config.parts * 4, width)
        self.plan = nn.Linear(config.latent + config.parts, width)
        self.given = nn.Linear(config.parts, width)
        self.condition = Conditioner(config.emotions, config.styles, width)
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(CausalBlock(width, config.heads) for _ in range(config.depth))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, config.latent)
        for parameter in self.out.parameters():
            nn.init.zeros_(parameter)

    def forward(
        self,
        noisy: Tensor,
        time: Tensor,
        known: Tensor,
        given: Tensor,
        plan: Tensor,
        speech: Tensor,
        levels: Tensor,
        emotion: Tensor,
        style: Tensor,
        intensity: Tensor,
        past: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Clean latents [B, N, D], and the keys and values [L, B, 2, H, N, W / H] of their positions.

        Args:
            noisy: [B, N, D]; parts that are ``given`` are clean.
            time: [B] from 0 (noise) to 1 (clean).
            known: [B] int64, length of the prefix that was generated before and sees nothing of what comes after.
            given: [B, N, P] 1 where a part is given, the prefix among them.
            plan: [B, N, D + P] mean poses of the parts' words, and 1 for each part that has one.
            speech: [B, N, F + 1] stacked features and 1 where they are known.
            levels: [B, N, P] activity, 0 to LEVELS - 1.
            past: [L, B, 2, H, M, W / H] keys and values of known positions before these. Those see nothing of what
                follows, so they are computed once.
        """
        length = noisy.shape[1]
        own = torch.maximum(time[:, None], given.amin(-1))
        when = waves((1 - own) * QUARTER, self.config.width)
        share = levels / (LEVELS - 1)
        shape = torch.cat([share, share**2, torch.sin(torch.pi * share), (levels < 0.5).to(share.dtype)], -1)
        local = self.activity(shape) + self.given(given)
        x = self.latent(noisy) + self.speech(speech) + self.plan(plan) + local
        condition = self.time(when) + self.condition(emotion, style, intensity)[:, None] + local
        mask = prefix_mask(known, length)
        if past is not None:
            mask = F.pad(mask, (past.shape[4], 0), value=True)
        kept = []
        for index, block in enumerate(self.blocks):
            x, own = block(x, condition, mask, None if past is None else past[index])
            kept.append(own)
        y: Tensor = self.out(self.norm(x))
        return y, torch.stack(kept)


@dataclass(frozen=True)
class ActivityConfig:
    """Sizes of the sampler of activity."""

    latent: int = 72
    width: int = 256
    features: int = STACK * FEATURE_DIM
    ahead: int = 4  # latents of speech that are seen ahead, where they are there
    styles: int = 4
    emotions: int = len(EMOTIONS)
    parts: int = 3
    window: int = 128  # latents
    drop_plan: float = 0.5  # share of windows without a plan
    mirror: float = 0.1  # share of windows in the mirror
    drop_condition: float = 0.15


class ActivityNetwork(nn.Module):
    """Levels of activity one latent after the other: left arm, right arm given it, trunk given both."""

    def __init__(self, config: ActivityConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.speech = nn.Sequential(
            nn.Linear((config.features + 1) * (config.ahead + 1), width), nn.SiLU(), nn.Linear(width, width)
        )
        self.plan = nn.Linear(config.latent + config.parts, width)
        self.levels = nn.ModuleList(nn.Embedding(LEVELS + 1, width) for _ in range(config.parts))
        self.condition = Conditioner(config.emotions, config.styles, width)
        self.recurrent = nn.GRU(width, width, batch_first=True)
        self.inner = nn.ModuleList(nn.Linear(width, width) for _ in range(config.parts))
        self.heads = nn.ModuleList(nn.Linear(width, LEVELS) for _ in range(config.parts))

    def forward(
        self, levels: Tensor, plan: Tensor, speech: Tensor, emotion: Tensor, style: Tensor, intensity: Tensor
    ) -> list[Tensor]:
        """Logits [B, N, LEVELS] of each part.

        Args:
            levels: [B, N, P] int64, what is to be predicted (a position sees those before it).
            plan: [B, N, D + P] mean poses of the parts' words, and 1 for each part that has one.
            speech: [B, N, (ahead + 1) x (F + 1)].
        """
        before = F.pad(levels, (0, 0, 1, 0), value=LEVELS)[:, :-1]
        x = self.speech(speech) + self.plan(plan) + self.condition(emotion, style, intensity)[:, None]
        for part, embedding in enumerate(self.levels):
            x = x + embedding(before[..., part])
        state, _ = self.recurrent(x)
        logits = []
        for part in range(self.config.parts):
            known = state
            for other in range(part):
                known = known + self.levels[other](levels[..., other])
            logits.append(self.heads[part](F.silu(self.inner[part](known)) + state))
        return logits
