"""The paper's ablations on our corpus, in a size that two cores can train: one JSON object.

    python benchmarks/bench_ablation.py DATASET RUNS [--only NAME ...] [--split test] [--clips 120]

RUNS is a folder that keeps every run and, in RUNS/rows, every row as soon as it is measured; what is found
there is continued or used, so a benchmark that was interrupted goes on when it is called again. A row is
measured anew if its model, the dataset or what is asked changed. Alignments and
tokenizers have the sizes of the preset ``default``, generators are smaller and train for 300 steps, so
the figures compare with each other and with no other table. Rows (Contextual Gesture, tables 2 and 3):

- no RVQ, RVQ, + distillation, + chronological negatives (the full model);
- no residual generator, the paper's residual codes, no alignment, concatenation, and both at once;
- mask ratio U(0, 1), U(0.3, 1), U(0.7, 1) instead of U(0.5, 1);
- 5, 10, 15, 20 steps of sampling with the full model (``--only steps``; elsewhere as exported);
- voices as they were recorded (``vary_voice`` off), which is a question of ours.

Measured by ``evaluate`` on people and voices whom no training saw; all pairs are made ones.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from common import Rows, System, finished, mark, measure
from cospeech.data.dataset import GestureDataset
from cospeech.evaluation.systems import ModelSystem
from cospeech.loading import load
from cospeech.methods.alignment.network import AlignConfig
from cospeech.methods.alignment.stages import ALIGNMENT
from cospeech.methods.alignment.train import fit_alignment, load_alignment_run
from cospeech.methods.contextual.export import export_contextual
from cospeech.methods.contextual.network import GeneratorConfig
from cospeech.methods.contextual.stages import GENERATOR
from cospeech.methods.contextual.train import fit_generator
from cospeech.methods.model_folder import evaluator_folder
from cospeech.methods.tokenizer.stages import TOKENIZER
from cospeech.methods.tokenizer.train import fit_tokenizer, load_tokenizer_run

SMALL = GeneratorConfig(width=160, depth=4, residual_depth=2, hidden=640, decoded=4)
TRAINING = replace(
    GENERATOR.presets["default"].training,
    steps=300,
    batch_size=32,
    learning_rate=7e-4,
    validate_every=300,
    save_every=200,
)
METRICS = ("fgd", "liveliness", "diversity", "smoothness", "beats")


@dataclass(frozen=True)
class Variant:
    """One row: which alignment and which teacher, and what is other than in the full model."""

    alignment: str = "chronological"
    teacher: str | None = "chronological"
    changes: dict[str, Any] = field(default_factory=dict)
    vary: bool = True


VARIANTS = {
    "no-rvq": Variant("plain", None, {"quantised": False}),
    "rvq": Variant("plain", None),
    "distilled": Variant("plain", "plain"),
    "full": Variant(),
    "no-residual": Variant(changes={"residual": "none"}),
    "residual-codes": Variant(changes={"residual": "codes"}),
    "no-alignment": Variant(changes={"aligned": False}),
    "concat": Variant(changes={"fusion": "concat"}),
    "cross-and-concat": Variant(changes={"fusion": "both"}),
    "mask-0": Variant(changes={"mask_low": 0.0}),
    "mask-0.3": Variant(changes={"mask_low": 0.3}),
    "mask-0.7": Variant(changes={"mask_low": 0.7}),
    "plain-voices": Variant(vary=False),
}
STEPS = (5, 10, 15, 20)


def train(dataset: GestureDataset, runs: Path, name: str) -> Path:
    """Train what a variant needs, as far as it is not there; returns its model folder."""
    variant, tokenizing = VARIANTS[name], TOKENIZER.presets["default"]
    aligning = ALIGNMENT.presets["default"].training
    alignments = {kind: runs / f"alignment-{kind}" for kind in {variant.alignment, variant.teacher} - {None}}
    for kind, run in alignments.items():
        if not finished(run, aligning.steps):
            config = AlignConfig(chronological=kind == "chronological")
            fit_alignment(dataset, run, config=config, training=aligning)
    tokens = runs / f"tokenizer-{variant.teacher or 'plain-rvq'}"
    if not finished(tokens, tokenizing.training.steps):
        teacher = alignments.get(variant.teacher)
        fit_tokenizer(
            dataset,
            tokens,
            config=tokenizing.config,
            training=tokenizing.training,
            teacher=None if teacher is None else load_alignment_run(teacher)[0].gesture,
        )
    if not finished(runs / name, TRAINING.steps):
        tokenizer, _ = load_tokenizer_run(tokens)
        fit_generator(
            dataset,
            tokenizer,
            runs / name,
            config=replace(SMALL, **variant.changes),
            training=TRAINING,
            alignment=load_alignment_run(alignments[variant.alignment])[0],
            vary=variant.vary,
        )
    out = runs / f"{name}-model"
    if not (out / "config.json").is_file():
        export_contextual(tokens, runs / name, dataset, out, name=name)
    return out


def systems(names: list[str]) -> Iterator[tuple[str, str, int | None]]:
    """Rows that are wanted: name, variant, steps of sampling (None: as exported)."""
    for name in names:
        if name == "steps":
            yield from ((f"full, {steps} steps", "full", steps) for steps in STEPS)
        else:
            yield name, name, None


def opened(folder: Path, name: str, steps: int | None) -> ModelSystem:
    """A model as a system."""
    model = load(folder)
    if steps is not None:
        model = model.with_sampling(masked=replace(model.sampling.masked, steps=steps))
    return ModelSystem(model, name=name)


def variants(dataset: GestureDataset, runs: Path, names: list[str]) -> Iterator[System]:
    """The systems of rows, each trained when its turn comes."""
    for name, variant, steps in systems(names):
        folder = train(dataset, runs, variant)
        yield name, folder, partial(opened, folder, name, steps)


def main() -> None:
    names = [*VARIANTS, "steps"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("runs", type=Path)
    parser.add_argument("--only", nargs="+", default=names, choices=names)
    parser.add_argument("--split", default="test")
    parser.add_argument("--clips", type=int, default=120)
    parser.add_argument("--train-only", action="store_true")
    options = parser.parse_args()
    dataset = GestureDataset(options.dataset)
    if options.train_only:
        for name in dict.fromkeys(variant for _, variant, _ in systems(options.only)):
            train(dataset, options.runs, name)
        return
    settings = {
        "store": dataset.fingerprint,
        "split": options.split,
        "clips": options.clips,
        "metrics": list(METRICS),
        "steps": TRAINING.steps,
        "extractor": mark(evaluator_folder("extractor", "extractor").folder),
    }
    rows = Rows(options.runs / "rows" / f"{options.split}-{options.clips}", settings)
    text = measure(dataset, rows, METRICS, variants(dataset, options.runs, options.only))
    sys.stdout.write(json.dumps({**settings, **text}) + "\n")


if __name__ == "__main__":
    main()
