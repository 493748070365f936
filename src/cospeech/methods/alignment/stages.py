"""The stage of training that fits the alignment, its presets, and its training by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...training.loop import TrainConfig
from ...training.presets import TINY
from ...training.stages import Settings
from ..training import Export, GestureStage, GestureStageRun, Training
from .export import export_alignment
from .network import AlignConfig, Alignment
from .train import fit_alignment


def _fit_stage(run: GestureStageRun) -> Alignment:
    return fit_alignment(run.dataset, run.folder, **run.options, modality=run.modality)


def _export(export: Export) -> Path:
    return export_alignment(export.run, export.out, name=export.name, checkpoint=export.checkpoint)


# Contrast needs many others to choose from.
_DEFAULT = TrainConfig(
    steps=1500, batch_size=64, learning_rate=5e-4, warmup=100, bf16=True, validate_every=100, save_every=100
)
_LARGE = AlignConfig(width=384, heads=6, embedding=384)
ALIGNMENT = GestureStage(
    "alignment",
    _fit_stage,
    {
        "tiny": Settings(AlignConfig(width=32, hidden=64, heads=2, embedding=16), TINY),
        "default": Settings(AlignConfig(), _DEFAULT),
        "large": Settings(_LARGE, replace(_DEFAULT, steps=10_000, batch_size=128, warmup=500)),
        "paper": Settings(replace(_LARGE, downsample=1), replace(_DEFAULT, steps=20_000, batch_size=128, warmup=500)),
    },
    derived=("features", "words", "channels", "seen"),
)
TRAINING = Training((ALIGNMENT,), _export, mark="alignment", faces=True)
