"""The stages of EmotionGesture, their presets, and the way from a finished run to a model folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...training.loop import TrainConfig
from ...training.presets import TINY
from ...training.stages import Settings
from ..alignment.stages import ALIGNMENT
from ..flow.export import add_flow
from ..tokenizer.stages import TOKENIZER
from ..tokenizer.train import load_tokenizer_run
from ..training import Export, GestureStage, GestureStageRun, Training
from .export import export_emotion
from .mining import Mining, MiningConfig
from .network import EmotionConfig, Generator
from .prior import Prior, PriorConfig
from .train_generator import fit_generator, load_generator_run
from .train_mining import fit_mining, load_mining_run
from .train_prior import fit_prior


def _fit_mining(run: GestureStageRun) -> Mining:
    return fit_mining(run.dataset, run.folder, **run.options)


_MINING = TrainConfig(
    steps=1500,
    batch_size=32,
    learning_rate=1e-3,
    warmup=50,
    weight_decay=0.05,
    bf16=True,
    validate_every=250,
    save_every=100,
)
_LARGE_MINING = MiningConfig(filters=(32, 64, 128), blocks=(3, 4, 6), embedding=512)  # [R]
MINING = GestureStage(
    "mining",
    _fit_mining,
    {
        "tiny": Settings(MiningConfig(filters=(8, 8, 8), blocks=(1, 1, 1), width=32, embedding=16), TINY),
        "default": Settings(MiningConfig(), _MINING),
        "large": Settings(_LARGE_MINING, replace(_MINING, steps=20_000, batch_size=128, warmup=500)),
        "paper": Settings(
            replace(_LARGE_MINING, downsample=1),
            replace(_MINING, steps=30_000, batch_size=128, warmup=500, learning_rate=2e-4),
        ),
    },
    derived=("emotions",),
)


def _fit_generator(run: GestureStageRun) -> Generator:
    return fit_generator(
        run.dataset,
        load_tokenizer_run(run.runs / "tokenizer")[0],
        load_mining_run(run.runs / "mining")[0],
        run.folder,
        **run.options,
    )


_GENERATOR = TrainConfig(
    steps=1400, batch_size=40, learning_rate=8e-4, warmup=80, bf16=True, validate_every=250, save_every=100
)
GENERATOR = GestureStage(
    "emotion",
    _fit_generator,
    {
        "tiny": Settings(EmotionConfig(width=32, heads=2, hidden=64, depth=1, window=24, size=8), TINY),
        "default": Settings(EmotionConfig(smooth=20.0), _GENERATOR),
        "large": Settings(
            EmotionConfig(width=384, heads=6, depth=4, smooth=20.0),
            replace(_GENERATOR, steps=60_000, batch_size=128, learning_rate=3e-4, warmup=1000),
        ),
        # EmotionGesture [R]: width 512, 8 heads, feed-forward 2048, 60 frames at 15 a second of which 10 are
        # known, one latent of 32 for a window, batches of 128 at 2e-4, 100 epochs. Adam's first beta (0.5)
        # and the stepped decay are not taken over. [D]
        "paper": Settings(
            EmotionConfig(width=512, heads=8, hidden=2048, window=50, chunk=50, squared=False),
            replace(_GENERATOR, steps=100_000, batch_size=128, learning_rate=2e-4, warmup=1000),
        ),
    },
    needs={"tokenizer": None, "mining": None},
    derived=("channels", "latent", "downsample", "embedding", "styles", "emotions"),
)


def _fit_prior(run: GestureStageRun) -> Prior | None:
    """Nothing to train where the generator has no VAE."""
    generator, described = load_generator_run(run.runs / "emotion")
    if not generator.config.vae:
        return None
    return fit_prior(
        run.dataset,
        load_tokenizer_run(run.runs / "tokenizer")[0],
        load_mining_run(run.runs / "mining")[0],
        generator,
        tuple(described["styles"]),
        run.folder,
        **run.options,
    )


_PRIOR = TrainConfig(
    steps=3000, batch_size=96, learning_rate=1e-3, warmup=100, bf16=True, validate_every=500, save_every=250
)
_LARGE_PRIOR = Settings(
    PriorConfig(width=384, heads=6, hidden=1536, depth=6),
    replace(_PRIOR, steps=100_000, batch_size=256, learning_rate=3e-4, warmup=1000),
)
PRIOR = GestureStage(
    "prior",
    _fit_prior,
    {
        "tiny": Settings(PriorConfig(width=32, heads=2, hidden=64, depth=1), TINY),
        "default": Settings(PriorConfig(), _PRIOR),
        "large": _LARGE_PRIOR,
        "paper": _LARGE_PRIOR,
    },
    needs={"tokenizer": None, "mining": None, "emotion": None},
)


def _export(export: Export) -> Path:
    run, prior = export.run, export.run / "prior"
    export_emotion(
        run / "tokenizer",
        run / "mining",
        run / "emotion",
        prior if prior.is_dir() else None,
        export.dataset,
        export.out,
        name=export.name,
        checkpoint=export.checkpoint,
    )
    return add_flow(run, export.out)


TRAINING = Training((ALIGNMENT, TOKENIZER, MINING, GENERATOR, PRIOR), _export, mark="emotion", encoders=False)
