"""Perceptual encoder of pictures of people, in place of VGG, for perceptual losses and distances.

It learns to segment the parts of a person and the edges between their keypoints, at five scales, so its layers
respond to fingers, faces, sleeves and outlines. Decision of ours [D]. Distances by it carry its id and compare with
each other only, not with LPIPS in papers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..warping.edge_maps import GROUPS
from .portrait_network import PARTS, SLOPE, EdgeMaps


@dataclass(frozen=True)
class PerceptualEncoderConfig:
    """Channels of the levels: 128, 64, 32, 16 and 8 pixels wide for a picture of 256."""

    channels: tuple[int, ...] = (16, 32, 48, 64, 96)


class PerceptualEncoder(nn.Module):
    """Encoder, with a decoder that only its training needs."""

    def __init__(self, config: PerceptualEncoderConfig) -> None:
        super().__init__()
        self.config = config
        widths = (3, *config.channels)
        self.levels = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(a, b, 3, stride=2, padding=1),
                nn.LeakyReLU(SLOPE),
                nn.Conv2d(b, b, 3, padding=1),
                nn.LeakyReLU(SLOPE),
            )
            for a, b in pairwise(widths)
        )
        self.rise = nn.ModuleList(
            nn.Conv2d(a + b, b, 3, padding=1)
            for a, b in zip(config.channels[:0:-1], config.channels[-2::-1], strict=True)
        )
        self.tell = nn.Conv2d(config.channels[0], PARTS + 1 + len(GROUPS), 3, padding=1)
        self.edges = EdgeMaps(learned=False)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """[B, 3, S, S] in -1 .. 1 -> activations of all levels, the finest first."""
        result = []
        for level in self.levels:
            picture = level(picture)
            result.append(picture)
        return result

    def segment(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of background and parts [B, 8, S/2, S/2], and of edges [B, 3, S/2, S/2]."""
        *levels, value = self(picture)
        for rise, level in zip(self.rise, levels[::-1], strict=True):
            value = functional.interpolate(value, scale_factor=2.0, mode="bilinear", align_corners=False)
            value = functional.leaky_relu(rise(torch.cat([value, level], 1)), SLOPE)
        parts, edges = self.tell(value).split([PARTS + 1, len(GROUPS)], 1)
        return parts, edges


def perceptual_encoder_loss(network: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Cross-entropy of parts and edges of pictures [B, 3, S, S] with masks [B, 7, S/2, S/2] and points."""
    model: PerceptualEncoder = network.module if isinstance(network, nn.parallel.DistributedDataParallel) else network  # type: ignore[assignment]
    parts, edges = model.segment(batch["source"])
    masks = batch["masks"].float()
    back = (1 - masks.sum(1, keepdim=True)).clamp_min(0)
    shares = torch.cat([back, masks], 1)
    shares = shares / shares.sum(1, keepdim=True).clamp_min(1e-3)
    terms = {
        "parts": functional.cross_entropy(parts.float(), shares),
        "edges": functional.binary_cross_entropy_with_logits(edges.float(), model.edges(batch["from"]).detach()),
    }
    return terms["parts"] + terms["edges"], terms
