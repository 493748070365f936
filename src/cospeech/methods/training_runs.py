"""Training and export of any method by name: what the commands ``train`` and ``export`` call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core.arguments import several
from ..core.deprecation import renamed_keywords
from ..core.errors import UserError
from ..core.files import whole_folder
from ..data.dataset import GestureDataset
from ..training.checkpoints import CHECKPOINTS
from ..training.settings import read_overrides, settings
from ..training.stages import StageRun, check_needs, chosen_stages
from .registry import METHODS, resolve, trainable
from .training import Export, Training, modality_folder


@renamed_keywords({"part": "modality"})
def train(
    dataset: str | Path,
    out: str | Path,
    *,
    method: str = "contextual",
    preset: str = "default",
    stage: str = "all",
    steps: int | None = None,
    seed: int | None = None,
    splits: str | Sequence[str] = ("train",),
    modality: str = "all",
    config: Mapping[str, Any] | str | Path | None = None,
    set: Sequence[str] = (),
) -> Path:
    """Train a method on a dataset; a run found in ``out`` is continued.

    Args:
        dataset: folder written by ``prepare``.
        out: run folder; stages have folders of their own in it.
        method: a method with training stages: contextual, exges or emotion (speech to motion), alignment (of
            speech and gesture), or what measures motion: extractor, emotion-classifier.
        preset: tiny, default, large or paper; sizes and schedules.
        stage: one of the method's stages, or all.
        steps: of each stage, instead of the preset's.
        seed: of weights and batches; 0 unless given.
        splits: what to train on, one name or several; the test split is left out unless named.
        modality: body, face, or all that the dataset has and the method trains; an alignment is of one
            modality, the body unless named.
        config: settings that differ from the preset, as a mapping or a TOML file: fields of a stage's config or
            schedule, as in {"lr": 1e-4, "generator": {"width": 128}} (``training.settings``).
        set: the same as assignments, as in ("lr=1e-4", "generator.width=128"); they go first.
    Raises:
        UserError: unknown method, preset, stage or setting, a stage before this one that has not been
            trained, no dataset, nothing in it to train on, or a run with other settings in ``out``.
    """
    training = _training(method)
    if len(training.stages) == 1 and stage not in ("all", training.stages[0].name):
        raise UserError(f"{method} has one stage only; leave out the stage {stage!r}")
    chosen = chosen_stages(training.stages, stage)
    overrides = read_overrides(config, set)
    found = settings(training.stages, preset, overrides, chosen=[one.name for one in chosen])
    opened, out, splits = GestureDataset(dataset), Path(out), several(splits)
    configs = {name: own.config for name, own in found.items()}
    for name in _modalities(method, training, opened, modality):
        runs = modality_folder(out, name) if len(training.stages) > 1 else out
        for one in chosen:
            own = found[one.name]
            schedule = replace(
                own.training,
                steps=own.training.steps if steps is None else steps,
                seed=own.training.seed if seed is None else seed,
            )
            folder = runs / one.name if len(training.stages) > 1 else out
            run = StageRun(opened, folder, runs, own.config, schedule, splits, name, configs)
            if one.applies(run):
                check_needs(one, run, training.stages)
                one.fit(run)
            elif stage != "all":
                raise UserError(f"with these settings and data {method} has no use for the stage {stage}; leave it out")
    return out


MODEL_FILES = (".onnx", ".safetensors", ".json", ".md")  # of a model folder, which belong together


def export(
    run: str | Path,
    out: str | Path,
    *,
    dataset: str | Path | None = None,
    name: str | None = None,
    checkpoint: str = "last",
) -> Path:
    """Write the model folder of a finished run; what the run trained is found in it.

    Args:
        run: run folder.
        out: model folder to write.
        dataset: the dataset it was trained on; needed for what generates gestures, whose rest poses come from it.
        name: the model's name; that of the folder unless given.
        checkpoint: "last", or "best" by the validation figure, of the networks that no later stage builds on.
    Raises:
        UserError: no finished run, one of several methods, an unknown checkpoint, or a dataset that is missing
            or is not that of the run.
    """
    if checkpoint not in CHECKPOINTS:
        raise UserError(f"unknown checkpoint {checkpoint!r}; known: {', '.join(CHECKPOINTS)}")
    run, out = Path(run), Path(out)
    opened = None if dataset is None else GestureDataset(dataset)
    training = _training(_method_of(run))
    with whole_folder(out, kinds=MODEL_FILES) as folder:
        training.export(Export(run, folder, name or out.name, opened, checkpoint))
    return out


def _training(method: str) -> Training:
    """How a method is trained. Raises UserError for an unknown one, or one that is not trained by itself."""
    if method not in trainable():
        raise UserError(f"unknown method {method!r}; known: {', '.join(trainable())}")
    reference = METHODS.get(method).training
    assert reference is not None
    found: Training = resolve(reference)
    return found


def _modalities(method: str, training: Training, dataset: GestureDataset, modality: str) -> tuple[str, ...]:
    """What is trained, one after the other. Raises UserError for what the dataset lacks or the method does not do."""
    if not training.faces:
        if modality not in ("all", "body"):
            raise UserError(f"{method} sees bodies only; leave out the modality {modality!r}")
        dataset.need_bodies(method)
    if not training.encoders and dataset.header.get("encoders"):
        raise UserError(
            f"the dataset has columns of encoders, which {method} does not read; prepare a dataset without encoders"
        )
    if modality != "all":
        return (dataset.representation.modality(modality).modality,)
    return dataset.representation.names if len(training.stages) > 1 and training.faces else ("body",)


def _method_of(run: Path) -> str:
    """The method that a run folder is of.

    A stage writes what it is into its config.json; a run of several stages is told by the one that marks it.
    """
    described = run / "config.json"
    trained = json.loads(described.read_text()).get("method") if described.is_file() else None
    if trained in trainable():
        return str(trained)
    several = {name: _training(name) for name in trainable() if len(_training(name).stages) > 1}
    found = {name: training.mark for name, training in several.items() if (run / training.mark).is_dir()}
    if len(found) > 1:
        raise UserError(
            f"{run} holds runs of several methods ({', '.join(found.values())}); move all but one of these to "
            "other folders, with copies of alignment and tokenizer"
        )
    return next(iter(found), next(iter(several)))
