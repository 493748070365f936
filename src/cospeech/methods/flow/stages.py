"""The stages that train the flow, shared by all methods that generate bodies, and their presets."""

from __future__ import annotations

from ...training.loop import TrainConfig
from ...training.presets import TINY
from ...training.stages import Settings
from ..alignment.train import load_alignment_run
from ..training import GestureStage, GestureStageRun
from .codes import PartCodes
from .fit_parts import PartsConfig, fit_parts, load_parts_run
from .material import PartTraining
from .network import ActivityConfig, ActivityNetwork, Flow, FlowConfig
from .train_activity import fit_activity
from .train_flow import fit_flow


def has_parts(run: GestureStageRun) -> bool:
    """Whether bodies without a face of their own are trained: keypoints have no parts, SMPL-X keeps its tokens."""
    return run.modality == "body" and run.dataset.representation.name == "body"


def _fit_parts(run: GestureStageRun) -> PartCodes:
    alignment = load_alignment_run(run.runs / "alignment")[0] if run.config.distill else None
    return fit_parts(
        run.dataset, run.folder, config=run.config, seed=run.training.seed, splits=run.splits, alignment=alignment
    )


def _fit_activity(run: GestureStageRun) -> ActivityNetwork:
    return fit_activity(_training(run), run.config)


def _fit_flow(run: GestureStageRun) -> Flow:
    return fit_flow(_training(run), run.config)


def _training(run: GestureStageRun) -> PartTraining:
    return PartTraining(run.dataset, load_parts_run(run.runs / "parts"), run.folder, run.training, run.splits)


_TINY_PARTS = Settings(PartsConfig(rank=12, codes=32), TINY)
PARTS_STAGE = GestureStage(
    "parts",
    _fit_parts,
    {"tiny": _TINY_PARTS, **{name: Settings(PartsConfig()) for name in ("default", "large", "paper")}},
    needs={"alignment": "distill"},
    applies=has_parts,
)
_LARGE_ACTIVITY = Settings(
    ActivityConfig(width=384), TrainConfig(steps=10_000, batch_size=64, learning_rate=5e-4, warmup=500, bf16=True)
)
ACTIVITY_STAGE = GestureStage(
    "activity",
    _fit_activity,
    {
        "tiny": Settings(ActivityConfig(width=32, window=32), TINY),
        "default": Settings(
            ActivityConfig(), TrainConfig(steps=900, batch_size=32, learning_rate=1e-3, warmup=100, validate_every=200)
        ),
        "large": _LARGE_ACTIVITY,
        "paper": _LARGE_ACTIVITY,
    },
    needs={"parts": None},
    derived=("latent", "styles", "emotions", "features"),
    applies=has_parts,
)
_LARGE_FLOW = Settings(
    FlowConfig(width=512, heads=8, depth=8),
    TrainConfig(steps=60_000, batch_size=128, learning_rate=3e-4, warmup=1000, bf16=True),
)
FLOW_STAGE = GestureStage(
    "flow",
    _fit_flow,
    {
        "tiny": Settings(FlowConfig(width=32, heads=2, depth=2, window=32, prefix=12), TINY),
        # An hour on one core: what is shipped.
        "default": Settings(
            FlowConfig(), TrainConfig(steps=2500, batch_size=28, learning_rate=6e-4, warmup=100, save_every=200)
        ),
        "large": _LARGE_FLOW,
        "paper": _LARGE_FLOW,
    },
    needs={"parts": None},
    derived=("widths", "styles", "emotions", "features"),
    applies=has_parts,
)
