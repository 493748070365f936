"""From a store to a run folder with both stages trained, and from there to a model folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...data.store import Store
from ...errors import UserError
from ...methods.contextual.tokenizer import Tokenizer
from ..loop import TrainConfig
from ..presets import preset as find_preset
from .export import export_contextual, load_run
from .generator import fit_generator
from .tokenizer import fit_tokenizer

STAGES = ("tokenizer", "generator")


def train(
    store: str | Path,
    out: str | Path,
    *,
    preset: str = "default",
    stage: str = "all",
    steps: int | None = None,
    seed: int = 0,
    splits: tuple[str, ...] = ("train",),
) -> Path:
    """Train the tokenizer, then the generators; a run found in ``out`` is continued.

    Args:
        store: folder made by ``prepare``.
        out: run folder; ``out/tokenizer`` and ``out/generator`` hold the stages.
        stage: tokenizer, generator or all.
        steps: of each stage, instead of the preset's.
        splits: what to train on; the test split stays out unless you name it.
    """
    if stage not in (*STAGES, "all"):
        raise UserError(f"unknown stage {stage!r}; known: {', '.join(STAGES)}, all")
    chosen, opened, out = find_preset(preset), Store(store), Path(out)

    def schedule(config: TrainConfig) -> TrainConfig:
        return replace(config, seed=seed, steps=config.steps if steps is None else steps)

    if stage in ("tokenizer", "all"):
        fit_tokenizer(
            opened, out / "tokenizer", config=chosen.tokenizer,
            training=schedule(chosen.tokenizer_training), splits=splits,
        )  # fmt: skip
    if stage in ("generator", "all"):
        tokenizer, _ = load_run(out / "tokenizer")
        assert isinstance(tokenizer, Tokenizer)
        fit_generator(
            opened, tokenizer, out / "generator", config=chosen.generator,
            training=schedule(chosen.generator_training), splits=splits,
        )  # fmt: skip
    return out


def export(run: str | Path, store: str | Path, out: str | Path, *, name: str | None = None) -> Path:
    """Write the model folder of a finished run."""
    run, out = Path(run), Path(out)
    return export_contextual(run / "tokenizer", run / "generator", Store(store), out, name=name or out.name)
