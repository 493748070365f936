"""The network that hears phones: two causal convolutions, a GRU, and a head for each look-ahead.

It sees mel levels every 10 ms (``speech.phones.mel``) and gives probabilities of phones every 20 ms. Nothing in
it looks ahead; a head with a look-ahead of 80 ms says which phone was spoken 80 ms before the last sound that it
has heard. Sizes and heads are decisions of ours. [D]
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from ...speech.phones.inventory import PHONES
from ...speech.phones.mel import BANDS
from ...speech.phones.recording import LOOK_AHEADS, STRIDE


@dataclass(frozen=True)
class PhoneNetworkConfig:
    """Sizes."""

    bands: int = BANDS
    hidden: int = 128  # channels of the first convolution
    width: int = 192  # of the second one and of the GRU
    depth: int = 2  # layers of the GRU
    dropout: float = 0.15
    phones: int = len(PHONES)


class PhoneNetwork(nn.Module):
    """Mel levels to phones."""

    FIRST, SECOND = 5, 4  # frames that the convolutions see

    def __init__(self, config: PhoneNetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.first = nn.Conv1d(config.bands, config.hidden, self.FIRST)
        self.second = nn.Conv1d(config.hidden, config.width, self.SECOND, stride=STRIDE)
        self.gru = nn.GRU(config.width, config.width, config.depth, batch_first=True, dropout=config.dropout)
        self.drop = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.width, len(LOOK_AHEADS) * config.phones)

    def forward(self, levels: Tensor) -> Tensor:
        """Levels [B, T, 64] from the start of a recording -> logits [B, T // 2, look-aheads, phones]."""
        padded = F.pad(levels, (0, 0, self.FIRST - 1, 0))
        x = F.gelu(self.first(padded.transpose(1, 2)))
        x = F.gelu(self.second(F.pad(x, (self.SECOND - STRIDE, 0))))
        x, _ = self.gru(self.drop(x.transpose(1, 2)))
        return self._heads(x)

    def _heads(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.drop(x)).unflatten(-1, (len(LOOK_AHEADS), self.config.phones))
        return logits
