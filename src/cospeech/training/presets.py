"""What presets of several methods share."""

from __future__ import annotations

from .loop import TrainConfig

# Seconds on one core: for tests and for trying a corpus out.
TINY = TrainConfig(steps=20, batch_size=8, warmup=5, log_every=5, validate_every=20, save_every=10)
