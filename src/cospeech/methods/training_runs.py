"""Training and export of any method by name: what the commands ``train`` and ``export`` call."""

from __future__ import annotations

import json
from pathlib import Path

from ..core.errors import UserError
from .presets import preset as find_preset

EVALUATORS = ("extractor", "emotion-classifier")
LAST = ("generator", "denoiser", "emotion")  # the last stage of each method that gestures
METHODS = ("contextual", "exges", "emotion", *EVALUATORS, "alignment")


def train(
    dataset: str | Path,
    out: str | Path,
    *,
    method: str = "contextual",
    preset: str = "default",
    stage: str = "all",
    steps: int | None = None,
    seed: int = 0,
    splits: tuple[str, ...] = ("train",),
    part: str = "all",
) -> Path:
    """Train a method on a dataset; a run found in ``out`` is continued.

    Args:
        dataset: folder made by ``prepare``.
        out: run folder; stages have folders of their own in it.
        method: contextual, exges or emotion (speech to motion), alignment (of speech and gesture), or what
            measures motion: extractor, emotion-classifier.
        preset: tiny, default, large or paper; sizes and schedules.
        stage: all, or one of contextual: alignment, tokenizer, generator; of exges: alignment, tokenizer,
            retrieval, denoiser; of emotion: alignment, tokenizer, mining, emotion, prior.
        steps: of each stage, instead of the preset's.
        seed: of weights and batches.
        splits: what to train on; the test split stays out unless you name it.
        part: of contextual and alignment, where the dataset has a face: body, face or all; an alignment is of
            one part, the body unless named.
    Raises:
        UserError: unknown method, preset or stage, no dataset, or nothing in it to train on.
    """
    if method not in METHODS:
        raise UserError(f"unknown method {method!r}; known: {', '.join(METHODS)}")
    if method == "contextual":
        from .contextual.train import train as run

        return run(dataset, out, preset=preset, stage=stage, steps=steps, seed=seed, splits=splits, part=part)
    from ..data.dataset import GestureDataset

    if method != "alignment" and part != "all":
        raise UserError(f"{method} sees bodies only; leave out the part {part!r}")
    if method == "exges":
        from .exges.train import train as run_exges

        GestureDataset(dataset).need_bodies(method)
        return run_exges(dataset, out, preset=preset, stage=stage, steps=steps, seed=seed, splits=splits)
    if method == "emotion":
        from .emotion.train import train as run_emotion

        GestureDataset(dataset).need_bodies(method)
        return run_emotion(dataset, out, preset=preset, stage=stage, steps=steps, seed=seed, splits=splits)
    from .evaluators.train import fit_classifier, fit_extractor, quick

    if stage != "all":
        raise UserError(f"{method} has one stage only; leave out the stage {stage!r}")
    chosen, opened = find_preset(preset), GestureDataset(dataset)
    if method != "alignment":
        opened.need_bodies(method)
    if method == "extractor":
        training = quick(chosen.extractor_training, steps, seed)
        fit_extractor(opened, out, config=chosen.extractor, training=training, splits=splits)
    elif method == "alignment":
        from .alignment.train import fit_alignment

        training = quick(chosen.alignment_training, steps, seed)
        fit_alignment(
            opened,
            out,
            config=chosen.alignment,
            training=training,
            splits=splits,
            part="body" if part == "all" else part,
        )
    else:
        training = quick(chosen.classifier_training, steps, seed)
        fit_classifier(opened, out, config=chosen.classifier, training=training, splits=splits)
    return Path(out)


def export(run: str | Path, out: str | Path, *, dataset: str | Path | None = None, name: str | None = None) -> Path:
    """Write the model folder of a finished run; what the run trained is found in it.

    Args:
        run: run folder.
        out: model folder to write.
        dataset: the dataset it was trained on; needed for what gestures, whose rest poses come from it.
        name: the model's name; that of the folder unless given.
    """
    described = Path(run) / "config.json"
    trained = json.loads(described.read_text()).get("method") if described.is_file() else None
    if trained == "alignment":
        from .alignment.train import export_alignment

        return export_alignment(run, out, name=name)
    if trained in EVALUATORS:
        from .evaluators.train import export_evaluator

        return export_evaluator(run, out, name=name)
    if dataset is None:
        raise UserError("the rest poses come from the dataset; name it with --store")
    found = [stage for stage in LAST if (Path(run) / stage).is_dir()]
    if len(found) > 1:
        raise UserError(
            f"{run} holds runs of several methods ({', '.join(found)}); move all but one of these to other "
            "folders, with copies of alignment and tokenizer"
        )
    if found == ["denoiser"]:
        from .exges.train import export as write_exges

        return write_exges(run, dataset, out, name=name)
    if found == ["emotion"]:
        from .emotion.train import export as write_emotion

        return write_emotion(run, dataset, out, name=name)
    from .contextual.train import export as write

    return write(run, dataset, out, name=name)
