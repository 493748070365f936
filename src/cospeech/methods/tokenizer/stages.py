"""The stage of training that fits the motion tokenizer, and its presets."""

from __future__ import annotations

from ...training.loop import TrainConfig
from ...training.presets import TINY
from ...training.stages import Settings
from ..alignment.train import load_alignment_run
from ..training import GestureStage, GestureStageRun
from .network import Tokenizer, TokenizerConfig
from .train import fit_tokenizer


def _fit_stage(run: GestureStageRun) -> Tokenizer:
    teacher = load_alignment_run(run.runs / "alignment")[0].gesture if run.config.distill else None
    return fit_tokenizer(run.dataset, run.folder, **run.options, teacher=teacher, modality=run.modality)


# The paper gives latent, blocks, layers and codes (appendices D and E) [P]. Ours are width, steps, batch and
# rate, and the linear start. [D]
_PAPER = Settings(
    TokenizerConfig(width=512, latent=128, blocks=2, downsample=1, layers=6, codes=1024, smooth=0.0),
    TrainConfig(steps=50_000, batch_size=256, learning_rate=2e-4, warmup=500, bf16=True),
)
TOKENIZER = GestureStage(
    "tokenizer",
    _fit_stage,
    {
        "tiny": Settings(TokenizerConfig(width=32, latent=16, blocks=1, layers=2, codes=32), TINY),
        "default": Settings(
            TokenizerConfig(),
            TrainConfig(steps=700, batch_size=96, learning_rate=1e-4, warmup=100, bf16=True, validate_every=100),
        ),
        "large": Settings(
            TokenizerConfig(width=512, codes=1024),
            TrainConfig(steps=20_000, batch_size=256, learning_rate=2e-4, warmup=500, bf16=True),
        ),
        "paper": _PAPER,
    },
    needs={"alignment": "distill"},
    derived=("channels", "teacher"),
)
