"""The stages of Contextual Gesture, their presets, and the way from a finished run to a model folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...training.loop import TrainConfig
from ...training.presets import TINY
from ...training.stages import Settings
from ..alignment.stages import ALIGNMENT
from ..alignment.train import load_alignment_run
from ..flow.fit_parts import load_parts_run
from ..flow.stages import ACTIVITY_STAGE, FLOW_STAGE, PARTS_STAGE, has_parts
from ..tokenizer.stages import TOKENIZER
from ..tokenizer.train import load_tokenizer_run
from ..training import Export, GestureStage, GestureStageRun, Training, modality_folder
from .export import export_contextual, export_parts
from .network import Generator, GeneratorConfig
from .train import fit_generator


def by_parts(run: GestureStageRun) -> bool:
    """Whether words of body parts are drawn, and a flow samples the rest; else tokens of a tokenizer."""
    return has_parts(run) and run.configs["generator"].tokens == "parts"


def _whole(run: GestureStageRun) -> bool:
    return not by_parts(run)


def _fit_stage(run: GestureStageRun) -> Generator:
    return fit_generator(
        run.dataset,
        load_parts_run(run.runs / "parts") if by_parts(run) else load_tokenizer_run(run.runs / "tokenizer")[0],
        run.folder,
        alignment=load_alignment_run(run.runs / "alignment")[0] if run.config.aligned else None,
        **run.options,
        modality=run.modality,
    )


def _export(export: Export) -> Path:
    if (export.run / "flow").is_dir():
        return export_parts(export.run, export.dataset, export.out, name=export.name, checkpoint=export.checkpoint)
    face = modality_folder(export.run, "face")
    return export_contextual(
        export.run / "tokenizer",
        export.run / "generator",
        export.dataset,
        export.out,
        name=export.name,
        face=(face / "tokenizer", face / "generator") if face.is_dir() else None,
        checkpoint=export.checkpoint,
    )


# Contextual Gesture as its paper has it (appendices D and E), frame by frame and with a residual generator of
# codes. Its text gives 384 / 1024, the depths, the window, the mask ratio and 50 for the reconstruction [P].
# Ours are the weights of velocity and acceleration, steps (the paper has 250 and 500 epochs), batches and
# rates. [D]
_PAPER = Settings(
    GeneratorConfig(
        width=384,
        heads=6,
        hidden=1024,
        depth=8,
        residual_depth=6,
        speech_width=384,
        speech_heads=6,
        speech_hidden=1024,
        speech_depth=2,
        window=80,
        tokens="body",
        fusion="cross",
        residual="codes",
        mask_low=0.5,
        decoded=32,
        reconstruction=50.0,
        velocity=50.0,
        acceleration=50.0,
    ),
    TrainConfig(steps=100_000, batch_size=128, learning_rate=2e-4, warmup=1000, bf16=True),
)
GENERATOR = GestureStage(
    "generator",
    _fit_stage,
    {
        "tiny": Settings(
            GeneratorConfig(
                width=32,
                heads=2,
                hidden=64,
                depth=2,
                residual_depth=1,
                speech_width=32,
                speech_hidden=64,
                speech_heads=2,
            ),
            TINY,
        ),
        # An hour on one core: what is shipped.
        "default": Settings(
            GeneratorConfig(fusion="concat", depth=4, decoded=6),
            TrainConfig(steps=900, batch_size=32, learning_rate=6e-4, warmup=100, bf16=True, validate_every=300),
        ),
        # For a GPU: the design of "default" in the sizes of the paper.
        "large": Settings(
            GeneratorConfig(
                width=384, heads=6, depth=8, residual_depth=6, speech_width=384, speech_heads=6, decoded=32
            ),
            TrainConfig(steps=40_000, batch_size=128, learning_rate=3e-4, warmup=1000, bf16=True),
        ),
        "paper": _PAPER,
    },
    needs={"alignment": "aligned", "tokenizer": None, "parts": None},
    derived=("features", "words", "codes", "layers", "latent", "downsample", "styles", "emotions", "parts"),
)
TRAINING = Training(
    (
        ALIGNMENT,
        replace(TOKENIZER, applies=_whole),
        replace(PARTS_STAGE, applies=by_parts),
        GENERATOR,
        replace(ACTIVITY_STAGE, applies=by_parts),
        replace(FLOW_STAGE, applies=by_parts),
    ),
    _export,
    mark="generator",
    faces=True,
)
