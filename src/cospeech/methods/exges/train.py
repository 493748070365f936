"""From a dataset to a run folder with everything that ExGes needs, and from there to a model folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...core.errors import UserError
from ...data.dataset import GestureDataset
from ...training.loop import TrainConfig
from ..alignment.train import load_alignment_run
from ..contextual.export import load_run
from ..contextual.train import STAGES as GROUND
from ..contextual.train import train as train_contextual
from ..presets import preset as find_preset
from ..tokenizer.network import Tokenizer
from .export import export_exges
from .train_denoiser import fit_denoiser
from .train_retrieval import export_retrieval, fit_retrieval

STAGES = (*GROUND[:2], "retrieval", "denoiser")
EMBEDDER = "retrieval"  # folder of the embedding in a run and in a model


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
    """Train the alignment and the tokenizer of the contextual method, then the embedding and the denoiser.

    A run found in ``out`` is continued; one of the contextual method lends its first two stages.

    Args:
        dataset: folder made by ``prepare``.
        out: run folder; the stages have folders of their own in it.
        stage: alignment, tokenizer, retrieval, denoiser or all.
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
            f"{dataset} has columns of encoders, which exges does not read, since a gesture library has "
            f"the 48 "
            "features alone; prepare a dataset without encoders"
        )

    def schedule(config: TrainConfig) -> TrainConfig:
        return replace(config, seed=seed, steps=config.steps if steps is None else steps)

    for name in GROUND[:2]:
        if stage in (name, "all"):
            train_contextual(dataset, out, preset=preset, stage=name, steps=steps, seed=seed, splits=splits)
    if stage in ("retrieval", "all"):
        fit_retrieval(
            opened,
            out / EMBEDDER,
            alignment=load_alignment_run(out / "alignment")[0],
            config=chosen.retrieval,
            training=schedule(chosen.retrieval_training),
            splits=splits,
        )
    if stage in ("denoiser", "all"):
        tokenizer, _ = load_run(out / "tokenizer")
        assert isinstance(tokenizer, Tokenizer)
        begun = load_alignment_run(out / "alignment")[0] if chosen.denoiser.aligned else None
        fit_denoiser(
            opened,
            tokenizer,
            out / "denoiser",
            config=chosen.denoiser,
            alignment=begun,
            training=schedule(chosen.denoiser_training),
            splits=splits,
        )
    return out


def export(run: str | Path, dataset: str | Path, out: str | Path, *, name: str | None = None) -> Path:
    """Write the model folder of a finished run; the embedding goes into its folder ``retrieval``."""
    run, out = Path(run), Path(out)
    export_exges(run / "tokenizer", run / "denoiser", GestureDataset(dataset), out, name=name or out.name)
    export_retrieval(run / EMBEDDER, out / EMBEDDER, name=f"{name or out.name}-retrieval")
    return out
