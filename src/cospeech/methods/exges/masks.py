"""Which keypoints of a constraint a sample is shown in training.

ExGes, section "Precision control": 70 % of the samples see a masked and noised constraint; of these 40 % by
random keypoints, 30 % by frames, 30 % by keypoint sequences (a joint over all frames) [P]. That 40, 30 and
30 are shares of the 70, how much is kept, and the noise are decisions of ours [D].
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class MaskConfig:
    """Chances of the masks."""

    constrained: float = 0.7  # [P] share of samples that see a constraint
    keypoints: float = 0.4  # [P] of them: single joints in single frames
    frames: float = 0.3  # [P] whole frames; the rest are sequences of a joint
    keep_low: float = 0.1  # share that is kept ~ U(low, high)
    keep_high: float = 0.9
    spans: float = 0.5  # chance that frames come in one stretch, as a retrieved or a user's clip does
    noise: float = 0.05  # deviation of the noise on normalised channels


def constraint_masks(size: int, frames: int, joints: int, config: MaskConfig) -> Tensor:
    """Masks [B, T, J], 1 where a joint is shown."""
    kept = config.keep_low + (config.keep_high - config.keep_low) * torch.rand(size, 1, 1)
    by_joint = torch.rand(size, 1, joints) < kept
    loose = torch.rand(size, frames, 1) < kept
    length = (kept * frames).round().clamp_min(1)
    start = (torch.rand(size, 1, 1) * (frames - length + 1)).floor()
    place = torch.arange(frames)[None, :, None]
    stretch = (place >= start) & (place < start + length)
    by_frame = torch.where(torch.rand(size, 1, 1) < config.spans, stretch, loose)
    uniform = torch.rand(size, 1, 1)
    mask = torch.where(
        uniform < config.keypoints,
        torch.rand(size, frames, joints) < kept,
        torch.where(uniform < config.keypoints + config.frames, by_frame, by_joint),
    )
    shown = torch.rand(size, 1, 1) < config.constrained
    return (mask & shown).float()
