"""From a dataset to a run folder with all that EmotionGesture needs, and from there to a model folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...core.errors import UserError
from ...data.dataset import GestureDataset
from ...training.loop import TrainConfig
from ..contextual.export import load_run
from ..contextual.train import STAGES as GROUND
from ..contextual.train import train as train_contextual
from ..presets import preset as find_preset
from ..tokenizer.network import Tokenizer
from .export import export_emotion
from .train_generator import fit_generator, load_generator_run
from .train_mining import fit_mining, load_mining_run
from .train_prior import fit_prior

STAGES = (*GROUND[:2], "mining", "emotion", "prior")


def train(
    dataset: str | Path,
    out: str | Path,
    *,
    preset: str = "default",
    stage: str = "all",
    steps: int | None = None,
    seed: int = 0,
    splits: tuple[str, ...] = ("train",),
) -> Path:
    """Train the alignment and the tokenizer of the contextual method, then mining, generator and prior.

    A run found in ``out`` is continued; one of the contextual method or of ExGes lends its first two stages.

    Args:
        dataset: folder made by ``prepare``.
        out: run folder; the stages have folders of their own in it.
        stage: alignment, tokenizer, mining, emotion (the generator), prior or all.
        steps: of each stage, instead of the preset's.
        splits: what to train on; the test split stays out unless you name it.
    Raises:
        UserError: unknown stage or preset, a stage before this one that has not been trained, or too
            little data for it.
    """
    if stage not in (*STAGES, "all"):
        raise UserError(f"unknown stage {stage!r}; known: {', '.join(STAGES)}, all")
    chosen, opened, out = find_preset(preset), GestureDataset(dataset), Path(out)
    if opened.header.get("encoders"):
        raise UserError(
            f"{dataset} has columns of encoders, which emotion does not read; prepare a dataset without encoders"
        )

    def schedule(config: TrainConfig) -> TrainConfig:
        return replace(config, seed=seed, steps=config.steps if steps is None else steps)

    for name in GROUND[:2]:
        if stage in (name, "all"):
            train_contextual(dataset, out, preset=preset, stage=name, steps=steps, seed=seed, splits=splits)
    if stage in ("mining", "all"):
        fit_mining(
            opened, out / "mining", config=chosen.mining, training=schedule(chosen.mining_training), splits=splits
        )
    if stage in ("emotion", "all"):
        tokenizer, _ = load_run(out / "tokenizer")
        assert isinstance(tokenizer, Tokenizer)
        fit_generator(
            opened,
            tokenizer,
            load_mining_run(out / "mining")[0],
            out / "emotion",
            config=chosen.emotion,
            training=schedule(chosen.emotion_training),
            splits=splits,
        )
    if stage in ("prior", "all"):
        tokenizer, _ = load_run(out / "tokenizer")
        assert isinstance(tokenizer, Tokenizer)
        generator, described = load_generator_run(out / "emotion")
        if generator.config.vae:
            fit_prior(
                opened,
                tokenizer,
                load_mining_run(out / "mining")[0],
                generator,
                tuple(described["styles"]),
                out / "prior",
                config=chosen.prior,
                training=schedule(chosen.prior_training),
                splits=splits,
            )
    return out


def export(run: str | Path, dataset: str | Path, out: str | Path, *, name: str | None = None) -> Path:
    """Write the model folder of a finished run."""
    run, out = Path(run), Path(out)
    return export_emotion(
        run / "tokenizer",
        run / "mining",
        run / "emotion",
        run / "prior" if (run / "prior").is_dir() else None,
        GestureDataset(dataset),
        out,
        name=name or out.name,
    )
