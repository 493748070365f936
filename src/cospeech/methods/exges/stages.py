"""The stages of ExGes, their presets, and the way from a finished run to a model folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...training.loop import TrainConfig
from ...training.presets import TINY
from ...training.stages import Settings
from ..alignment.stages import ALIGNMENT
from ..alignment.train import load_alignment_run
from ..flow.export import add_flow
from ..tokenizer.stages import TOKENIZER
from ..tokenizer.train import load_tokenizer_run
from ..training import Export, GestureStage, GestureStageRun, Training
from .export import export_exges
from .export_retrieval import export_retrieval
from .network import Denoiser, DenoiserConfig
from .retrieval_network import Retrieval, RetrievalConfig
from .train import fit_denoiser
from .train_retrieval import fit_retrieval


def _fit_retrieval(run: GestureStageRun) -> Retrieval:
    return fit_retrieval(
        run.dataset, run.folder, alignment=load_alignment_run(run.runs / "alignment")[0], **run.options
    )


# It starts from an alignment, so it is short.
_RETRIEVAL = TrainConfig(
    steps=700, batch_size=64, learning_rate=3e-4, warmup=50, bf16=True, validate_every=100, save_every=100
)
_LARGE_RETRIEVAL = RetrievalConfig(queue=4096, ramp=1000)
RETRIEVAL = GestureStage(
    "retrieval",
    _fit_retrieval,
    {
        "tiny": Settings(RetrievalConfig(fine=8, queue=32, ramp=5), TINY),
        "default": Settings(RetrievalConfig(), _RETRIEVAL),
        "large": Settings(_LARGE_RETRIEVAL, replace(_RETRIEVAL, steps=10_000, batch_size=128, warmup=500)),
        "paper": Settings(_LARGE_RETRIEVAL, replace(_RETRIEVAL, steps=20_000, batch_size=128, warmup=500)),
    },
    needs={"alignment": None},
    derived=("encoders",),
)


def _fit_denoiser(run: GestureStageRun) -> Denoiser:
    return fit_denoiser(
        run.dataset,
        load_tokenizer_run(run.runs / "tokenizer")[0],
        run.folder,
        alignment=load_alignment_run(run.runs / "alignment")[0] if run.config.aligned else None,
        **run.options,
    )


_DENOISER = TrainConfig(
    steps=3000, batch_size=48, learning_rate=6e-4, warmup=100, bf16=True, validate_every=500, save_every=250
)
DENOISER = GestureStage(
    "denoiser",
    _fit_denoiser,
    {
        "tiny": Settings(
            DenoiserConfig(
                width=32, heads=2, hidden=64, depth=1, window=24, speech_width=32, speech_hidden=64, speech_heads=2
            ),
            TINY,
        ),
        "default": Settings(DenoiserConfig(), _DENOISER),
        "large": Settings(
            DenoiserConfig(width=384, heads=6, depth=8, speech_width=384, speech_heads=6),
            replace(_DENOISER, steps=100_000, batch_size=128, learning_rate=2e-4, warmup=1000),
        ),
        # ExGes on DiffuseStyleGesture [R]: 8 layers, feed-forward 1024, windows of 150 frames of which the
        # first 30 are known, AdamW at 3e-5, 200,000 steps [P]. It diffuses the tokenizer's latent, as ours
        # does [D].
        "paper": Settings(
            DenoiserConfig(
                width=384,
                heads=8,
                hidden=1024,
                depth=8,
                window=150,
                speech_width=384,
                speech_heads=6,
                prefix=1.0,
                suffix=0.0,
            ),
            replace(_DENOISER, steps=200_000, batch_size=128, learning_rate=3e-5, warmup=1000),
        ),
    },
    needs={"alignment": "aligned", "tokenizer": None},
    derived=("features", "words", "channels", "joints", "latent", "downsample", "styles", "emotions"),
)


def _export(export: Export) -> Path:
    """The model folder, with the embedding for retrieval in its folder of that name.

    A run that has a flow needs no denoiser to generate, so it is left out.
    """
    run, name, checkpoint = export.run, export.name, export.checkpoint
    export_exges(
        run / "tokenizer",
        run / "denoiser",
        export.dataset,
        export.out,
        name=name,
        checkpoint=checkpoint,
        diffusion=not (run / "flow").is_dir(),
    )
    export_retrieval(run / "retrieval", export.out / "retrieval", name=f"{name}-retrieval", checkpoint=checkpoint)
    return add_flow(run, export.out)


TRAINING = Training((ALIGNMENT, TOKENIZER, RETRIEVAL, DENOISER), _export, mark="denoiser", encoders=False)
