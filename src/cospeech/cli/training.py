"""The commands that train: prepare, train and export."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, UseAppendAction, arg

from ..core.errors import UserError
from ..core.progress import note
from .annotations import (
    Corpora,
    Count,
    DatasetFolder,
    Layer,
    MaybeCount,
    MaybeEncoder,
    MaybeFile,
    MaybeName,
    OutFolder,
    RunFolder,
)

Assignments = UseAppendAction[Annotated[tuple[str, ...], arg(metavar="NAME=VALUE", help_behavior_hint="")]]
SpeechFolders = Annotated[tuple[Path, ...], arg(metavar="FOLDER ...", help_behavior_hint="")]
MaybeDataset = Annotated[Path | None, arg(metavar="DATASET", aliases=["--store"], help_behavior_hint="")]
Modality = Annotated[str, arg(metavar="body|face|all", aliases=["--part"])]


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
    workers: MaybeCount = None,
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
        workers: processes that read recordings, 1 or more; as many as there are processors unless given.
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
        workers=workers,
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
    seed: MaybeCount = None,
    splits: tuple[str, ...] = ("train",),
    modality: Modality = "all",
    config: MaybeFile = None,
    set: Assignments = (),
) -> None:
    """Train on a dataset, alone or under torchrun; a run is continued (needs the extra [train]).

    Args:
        dataset: folder written by prepare.
        out: run folder.
        method: contextual, exges or emotion (speech to motion), alignment (which speech goes with which
            gesture), or what measures motion: extractor, emotion-classifier.
        preset: tiny, default, large or paper.
        stage: all, or one of contextual: alignment, tokenizer, generator; of exges: alignment, tokenizer,
            retrieval, denoiser; of emotion: alignment, tokenizer, mining, emotion, prior.
        steps: of each stage, instead of the preset's.
        seed: of weights and batches; 0 unless given.
        splits: what to train on.
        modality: of a dataset with faces: body, face or all.
        config: TOML file of settings that differ from the preset, with tables by stage, as in
            [generator.training] steps = 2000.
        set: a setting that differs from the preset, as in lr=1e-4, batch=64 or generator.width=128; may be
            given several times, and goes before the file.
    """
    need_torch()
    from ..methods.training_runs import train as run

    run(
        dataset,
        out,
        method=method,
        preset=preset,
        stage=stage,
        steps=steps,
        seed=seed,
        splits=splits,
        modality=modality,
        config=config,
        set=set,
    )
    if os.environ.get("RANK", "0") == "0":  # of several processes the first one speaks
        note(f"trained {out}; next: cospeech export {out} --dataset {dataset} -o model")


def export(
    run: Positional[RunFolder],
    /,
    *,
    out: OutFolder,
    dataset: MaybeDataset = None,
    name: MaybeName = None,
    checkpoint: str = "last",
) -> None:
    """Make a model folder, which needs no torch, from a finished run (needs the extra [train]).

    Args:
        run: run folder.
        out: model folder to write.
        dataset: the dataset it was trained on; what gestures takes its rest poses from it.
        name: the model's name; that of the folder unless given.
        checkpoint: last, or best by the validation figure, of the networks that no later stage builds on.
    """
    need_torch()
    from ..methods.training_runs import export as write

    write(run, out, dataset=dataset, name=name, checkpoint=checkpoint)
    note(f"wrote {out}; next: cospeech generate speech.wav --model {out}, if it is one that gestures")


def train_phones(
    speech: Positional[SpeechFolders],
    /,
    *,
    out: OutFolder,
    preset: str = "default",
    steps: MaybeCount = None,
    seed: Count = 0,
) -> None:
    """Train the network that hears phones, for lips, on recordings with transcripts (needs the extra [train]).

    Args:
        speech: folders of sound files, with transcripts beside them or in manifest.csv; those without are labelled by
            hama, if the extra [phones] is installed.
        out: run folder, continued if there is one; the model folder is OUT/model.
        preset: tiny, default or large.
        steps: instead of the preset's.
        seed: of weights and batches.
    """
    need_torch()
    from ..methods.phones.run import train_phones as run

    model = run(speech, out, preset=preset, steps=steps, seed=seed)
    note(f"wrote {model}; speech.phones.network.PhoneNetwork opens it, and models/phones is the shipped one")


def need_torch() -> None:
    """Raises UserError where torch is not installed."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise UserError("training needs torch, which is not installed; pip install 'cospeech[train]'")


TRAINING_COMMANDS: dict[str, Any] = {"prepare": prepare, "train": train, "train phones": train_phones, "export": export}
