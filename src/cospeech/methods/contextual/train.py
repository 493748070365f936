"""From a dataset to a run folder with both stages trained, and from there to a model folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...core.errors import UserError
from ...data.dataset import GestureDataset
from ...training.loop import TrainConfig
from ..alignment.train import fit_alignment, load_alignment_run
from ..presets import preset as find_preset
from ..tokenizer.network import Tokenizer
from ..tokenizer.train import fit_tokenizer
from .export import export_contextual, load_run
from .train_generator import fit_generator

STAGES = ("alignment", "tokenizer", "generator")


def train(
    dataset: str | Path,
    out: str | Path,
    *,
    preset: str = "default",
    stage: str = "all",
    steps: int | None = None,
    seed: int = 0,
    splits: tuple[str, ...] = ("train",),
    part: str = "all",
) -> Path:
    """Train the alignment, the tokenizer that learns from it, and the generators that begin with it.

    A run found in ``out`` is continued. Body and face have networks of their own, which learn nothing of
    each other (sections 3.1 and 3.2 of the paper).

    Args:
        dataset: folder made by ``prepare``.
        out: run folder; ``out/alignment``, ``out/tokenizer`` and ``out/generator`` hold the stages of the
            body, ``out/face`` has the same for a face.
        stage: alignment, tokenizer, generator or all.
        steps: of each stage, instead of the preset's.
        splits: what to train on; the test split stays out unless you name it.
        part: body, face, or all that the dataset has.

    Raises:
        UserError: unknown stage, preset or part, a stage before this one that has not been trained, or too
            little data for it.
    """
    if stage not in (*STAGES, "all"):
        raise UserError(f"unknown stage {stage!r}; known: {', '.join(STAGES)}, all")
    chosen, opened, out = find_preset(preset), GestureDataset(dataset), Path(out)

    def schedule(config: TrainConfig) -> TrainConfig:
        return replace(config, seed=seed, steps=config.steps if steps is None else steps)

    for name in opened.representation.names if part == "all" else (opened.representation.part(part).part,):
        folder = folder_of(out, name)
        if stage in ("alignment", "all"):
            fit_alignment(
                opened,
                folder / "alignment",
                config=chosen.alignment,
                training=schedule(chosen.alignment_training),
                splits=splits,
                part=name,
            )
        if stage in ("tokenizer", "all"):
            taught = load_alignment_run(folder / "alignment")[0].gesture if chosen.tokenizer.distill else None
            fit_tokenizer(
                opened,
                folder / "tokenizer",
                config=chosen.tokenizer,
                teacher=taught,
                training=schedule(chosen.tokenizer_training),
                splits=splits,
                part=name,
            )
        if stage in ("generator", "all"):
            tokenizer, _ = load_run(folder / "tokenizer")
            assert isinstance(tokenizer, Tokenizer)
            begun = load_alignment_run(folder / "alignment")[0] if chosen.generator.aligned else None
            fit_generator(
                opened,
                tokenizer,
                folder / "generator",
                config=chosen.generator,
                alignment=begun,
                training=schedule(chosen.generator_training),
                splits=splits,
                part=name,
            )
    return out


def folder_of(out: Path, part: str) -> Path:
    """Where a run, or a model, keeps a part: the body in the folder itself, a face in ``face``."""
    return out if part == "body" else out / part


def export(run: str | Path, dataset: str | Path, out: str | Path, *, name: str | None = None) -> Path:
    """Write the model folder of a finished run, with a face if one was trained."""
    run, out, opened = Path(run), Path(out), GestureDataset(dataset)
    face = folder_of(run, "face")
    faces = (face / "tokenizer", face / "generator") if face.is_dir() else None
    return export_contextual(run / "tokenizer", run / "generator", opened, out, name=name or out.name, face=faces)
