"""The paper's ablations on our corpus, in a size that two cores can train: one JSON object.

    python benchmarks/bench_ablation.py STORE RUNS [--only NAME ...] [--split test] [--train-only]

RUNS is a folder that keeps every run; what is found there is continued or used. Alignments and
tokenizers have the sizes of the preset ``default``, generators are smaller and train for 300 steps, so
the figures compare with each other and with no other table. Rows (Contextual Gesture, tables 2 and 3):

- no RVQ, RVQ, + distillation, + chronological negatives (the full model);
- no residual generator, the paper's residual codes, no alignment, concatenation, and both at once;
- mask ratio U(0, 1), U(0.3, 1), U(0.7, 1) instead of U(0.5, 1);
- 5, 10, 15, 20 steps of sampling with the full model (7 elsewhere);
- voices as they were recorded (``vary_voice`` off), which is a question of ours.

Measured by ``evaluate`` on people and voices whom no training saw; all pairs are made ones.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cospeech.data.store import Store
from cospeech.methods.contextual.align import AlignConfig
from cospeech.methods.contextual.generator import GeneratorConfig
from cospeech.methods.contextual.tokenizer import Tokenizer
from cospeech.metrics.evaluate import evaluate
from cospeech.metrics.systems import ModelSystem
from cospeech.runtime import load
from cospeech.training.contextual.align import fit_alignment, load_alignment_run
from cospeech.training.contextual.export import export_contextual, load_run
from cospeech.training.contextual.generator import fit_generator
from cospeech.training.contextual.tokenizer import fit_tokenizer
from cospeech.training.presets import PRESETS

SMALL = GeneratorConfig(width=160, depth=4, residual_depth=2, hidden=640, decoded=4)
TRAINING = replace(
    PRESETS["default"].generator_training, steps=300, batch_size=32, learning_rate=7e-4, validate_every=300,
    save_every=200,
)  # fmt: skip
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


def finished(run: Path, steps: int) -> bool:
    """Has a run been trained to its end?"""
    log = run / "log.jsonl"
    return log.is_file() and any(json.loads(line)["step"] >= steps for line in log.read_text().splitlines())


def train(store: Store, runs: Path, name: str) -> Path:
    """Train what a variant needs, as far as it is not there; returns its model folder."""
    variant, default = VARIANTS[name], PRESETS["default"]
    alignments = {kind: runs / f"alignment-{kind}" for kind in {variant.alignment, variant.teacher} - {None}}
    for kind, run in alignments.items():
        if not finished(run, default.alignment_training.steps):
            config = AlignConfig(chronological=kind == "chronological")
            fit_alignment(store, run, config=config, training=default.alignment_training)
    tokens = runs / f"tokenizer-{variant.teacher or 'plain-rvq'}"
    if not finished(tokens, default.tokenizer_training.steps):
        teacher = alignments.get(variant.teacher)
        fit_tokenizer(
            store, tokens, config=default.tokenizer, training=default.tokenizer_training,
            teacher=None if teacher is None else load_alignment_run(teacher)[0].gesture,
        )  # fmt: skip
    if not finished(runs / name, TRAINING.steps):
        tokenizer, _ = load_run(tokens)
        assert isinstance(tokenizer, Tokenizer)
        fit_generator(
            store, tokenizer, runs / name, config=replace(SMALL, **variant.changes), training=TRAINING,
            alignment=load_alignment_run(alignments[variant.alignment])[0], vary=variant.vary,
        )  # fmt: skip
    out = runs / f"{name}-model"
    if not (out / "config.json").is_file():
        export_contextual(tokens, runs / name, store, out, name=name)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("runs", type=Path)
    parser.add_argument("--only", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--split", default="test")
    parser.add_argument("--clips", type=int, default=120)
    parser.add_argument("--train-only", action="store_true")
    options = parser.parse_args()
    store = Store(options.store)
    folders = {name: train(store, options.runs, name) for name in options.only}
    if options.train_only:
        return
    systems = [ModelSystem(load(folder), name=name) for name, folder in folders.items()]
    if "full" in folders:
        full = load(folders["full"])
        for steps in STEPS:
            masked = replace(full.sampling.masked, steps=steps)
            systems.append(ModelSystem(full.with_sampling(masked=masked), name=f"full, {steps} steps"))
    report = evaluate(
        systems, store, metrics=METRICS, split=options.split, clips=options.clips, baselines=False
    )
    rows = {
        row.name: {value.name: {"value": value.value, "interval": value.interval} for value in row.values}
        for row in report.rows
    }
    text = {
        "made_pairs": report.data["made_pairs"],
        "store": store.fingerprint,
        "clips": report.data["clips"],
        "steps": TRAINING.steps,
        "rows": rows,
    }
    print(json.dumps(text))


if __name__ == "__main__":
    main()
