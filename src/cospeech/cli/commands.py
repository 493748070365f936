"""The commands, each thin over a function of the package."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import Annotated, Any

from tyro.conf import Positional, arg

from ..core.errors import UserError
from ..core.progress import note
from ..evaluation.groups import GROUPS
from .annotations import (
    Corpora,
    Count,
    DatasetFolder,
    Layer,
    MaybeCount,
    MaybeEncoder,
    MaybeFolder,
    MaybeName,
    Metrics,
    OutFolder,
    RunFolder,
    Systems,
)
from .base import LIBRARY_COMMANDS
from .formats import convert, render
from .gesture import edit, generate
from .verify import VERIFY_COMMANDS
from .video import VIDEO_COMMANDS


def prepare(
    corpora: Positional[Corpora],
    /,
    *,
    out: OutFolder,
    representation: MaybeName = None,
    rounds: Count = 6,
    seed: Count = 0,
    limit: MaybeCount = None,
    speech_encoder: MaybeEncoder = None,
    speech_layer: Layer = "last",
    word_encoder: MaybeEncoder = None,
    word_layer: Layer = "last",
    precision: str = "float32",
) -> None:
    """Read corpora into a dataset for training; goes on where it was interrupted.

    Args:
        corpora: readers are folder (BVH with sound), speech (sound alone), keypoints (points in a picture
            with sound), beat, beat2, ebmdb, pats, ted, twh and zeggs.
        out: folder of the dataset.
        representation: body, smplx (with the face of beat2) or points; what fits the corpora unless given.
        rounds: how often each speech gets a partner where pairs have to be made.
        seed: of the matching.
        limit: read only so many clips a corpus and speaker, for trials.
        speech_encoder: WavLM, HuBERT or the like beside the features: a name of Hugging Face, as in
            microsoft/wavlm-large, or a folder (needs the extra [train]).
        speech_layer: of it: last, a number from 0, or mean:K for the mean of the last K.
        word_encoder: RoBERTa or the like for the words of the transcripts, likewise.
        word_layer: of it, likewise.
        precision: of both encoders: float32, or bfloat16, which is faster where it is supported.
    """
    from ..data.prepare import prepare as run

    if not corpora:
        raise UserError("no corpus is named; name one or more, as in folder=recordings")
    pairs = []
    for corpus in corpora:
        name, sign, folder = corpus.partition("=")
        if not sign:
            raise UserError(f"expected READER=FOLDER, as in folder=recordings; got {corpus!r}")
        pairs.append((name, folder))
    run(
        pairs,
        out,
        representation=representation,
        rounds=rounds,
        seed=seed,
        limit=limit,
        speech_encoder=speech_encoder,
        speech_layer=speech_layer,
        word_encoder=word_encoder,
        word_layer=word_layer,
        precision=precision,
    )
    note(f"wrote {out}; next: cospeech train {out} -o run")


def train(
    dataset: Positional[DatasetFolder],
    /,
    *,
    out: OutFolder,
    method: str = "contextual",
    preset: str = "default",
    stage: str = "all",
    steps: MaybeCount = None,
    seed: Count = 0,
    splits: tuple[str, ...] = ("train",),
    part: str = "all",
) -> None:
    """Train on a dataset, alone or under torchrun; a run is continued (needs the extra [train]).

    Args:
        dataset: folder made by prepare.
        out: run folder.
        method: contextual, exges or emotion (speech to motion), alignment (which speech goes with which
            gesture), or what measures motion: extractor, emotion-classifier.
        preset: tiny, default, large or paper.
        stage: all, or one of contextual: alignment, tokenizer, generator; of exges: alignment, tokenizer,
            retrieval, denoiser; of emotion: alignment, tokenizer, mining, emotion, prior.
        steps: of each stage, instead of the preset's.
        seed: of weights and batches.
        splits: what to train on.
        part: of a dataset with faces: body, face or all.
    """
    need_torch()
    from ..methods.training_runs import train as run

    run(dataset, out, method=method, preset=preset, stage=stage, steps=steps, seed=seed, splits=splits, part=part)
    if os.environ.get("RANK", "0") == "0":  # of several processes the first one speaks
        note(f"trained {out}; next: cospeech export {out} --store {dataset} -o model")


def export(
    run: Positional[RunFolder], /, *, out: OutFolder, dataset: MaybeFolder = None, name: MaybeName = None
) -> None:
    """Make a model folder, which needs no torch, from a finished run (needs the extra [train]).

    Args:
        run: run folder.
        out: model folder to write.
        dataset: the dataset it was trained on; what gestures takes its rest poses from it.
        name: the model's name; that of the folder unless given.
    """
    need_torch()
    from ..methods.training_runs import export as write

    write(run, out, dataset=dataset, name=name)
    note(f"wrote {out}; next: cospeech generate speech.wav --model {out}, if it is one that gestures")


def evaluate(
    systems: Positional[Systems],
    /,
    *,
    data: DatasetFolder,
    out: OutFolder,
    metrics: Metrics = GROUPS,
    split: str = "test",
    clips: Count = 120,
    extractor: Annotated[str, arg(metavar="NAME|FOLDER")] = "extractor",
    classifier: Annotated[str, arg(metavar="NAME|FOLDER")] = "emotion-classifier",
    seed: Count = 0,
) -> None:
    """Measure models or folders of motion beside real motion and baselines.

    Args:
        systems: a shipped model, a model folder, or a folder of motion files (.bvh .npz ...) named
            after the clips, from any program; with several, they are compared on the same clips.
        data: store made by prepare.
        out: folder for report.html, report.json and clips.csv.
        metrics: groups of figures; all unless named. Of fgd, names in _asked are distances to the people
            whose manner a model was asked for, where it does not know those of the split.
        split: of the dataset: test, val or train.
        clips: speeches at most.
        extractor: features for distances, a shipped model or a folder.
        classifier: of emotions, a shipped model or a folder.
        seed: of the choice of clips and of generation.
    """
    began = time.monotonic()
    from .. import api
    from ..evaluation.report import table

    if not systems:
        raise UserError("nothing to evaluate is named; name a model, a model folder or a folder of motion")
    report = api.evaluate(
        [str(system) for system in systems],
        data,
        out=out,
        metrics=metrics,
        split=split,
        clips=clips,
        extractor=extractor,
        classifier=classifier,
        seed=seed,
    )
    sys.stdout.write(table(report, shutil.get_terminal_size((120, 40)).columns).rstrip("\n") + "\n")
    note(f"wrote {out} in {time.monotonic() - began:.0f} s; next: open {out / 'report.html'} in a browser")


def compare(
    systems: Positional[Systems],
    /,
    *,
    data: DatasetFolder,
    out: OutFolder,
    metrics: Metrics = GROUPS,
    split: str = "test",
    clips: Count = 120,
    extractor: Annotated[str, arg(metavar="NAME|FOLDER")] = "extractor",
    classifier: Annotated[str, arg(metavar="NAME|FOLDER")] = "emotion-classifier",
    seed: Count = 0,
) -> None:
    """Measure several systems on the same clips, with the intervals of their differences.

    Args:
        systems: two or more: shipped models, model folders, folders of motion files named after clips.
        data: store made by prepare.
        out: folder for report.html, report.json and clips.csv.
        metrics: groups of figures; all unless named. Of fgd, names in _asked are distances to the people
            whose manner a model was asked for, where it does not know those of the split.
        split: of the dataset: test, val or train.
        clips: speeches at most.
        extractor: features for distances, a shipped model or a folder.
        classifier: of emotions, a shipped model or a folder.
        seed: of the choice of clips and of generation.
    """
    if len(systems) < 2:
        raise UserError(f"two systems or more are compared; got {len(systems)}, use evaluate for one")
    evaluate(
        systems,
        data=data,
        out=out,
        metrics=metrics,
        split=split,
        clips=clips,
        extractor=extractor,
        classifier=classifier,
        seed=seed,
    )


COMMANDS: dict[str, Any] = {
    "generate": generate,
    "edit": edit,
    "convert": convert,
    "render": render,
    "prepare": prepare,
    "train": train,
    "export": export,
    "evaluate": evaluate,
    "compare": compare,
    **LIBRARY_COMMANDS,
    **VIDEO_COMMANDS,
    **VERIFY_COMMANDS,
}


def need_torch() -> None:
    """Raises UserError where torch is not installed."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise UserError("training needs torch, which is not installed; pip install 'cospeech[train]'")
