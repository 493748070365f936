"""Retrieval by the trained alignment on people whom no training saw: one JSON object.

    python benchmarks/bench_alignment.py DATASET --run RUN [--run RUN ...] [--split test] [--rounds 10]

R@k both ways over all windows and in batches of 32 (Contextual Gesture, appendix F and table 4), chance
beside each, and order accuracy: true speech against the same speech shuffled (chance 50 %). One window
of 4.8 s from the middle of every item; in the batches two windows may be of one voice or share motion,
as they may in the paper. Give two runs to compare, with and without chronological negatives; the second
one is trained by

    fit_alignment(GestureDataset(DATASET), RUN, config=AlignConfig(chronological=False), training=...)

All pairs of our datasets are synthetic: how near they are says what the pairing put into them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from cospeech.data.dataset import GestureDataset
from cospeech.methods.alignment.train import WINDOW, AlignmentWindows, alignment_quality, load_alignment_run, voice_of
from cospeech.methods.batches import input_sizes
from cospeech.metrics.retrieval import retrieval_scores
from cospeech.training.loop import ProcessInfo


@torch.no_grad()
def measured(run: str, dataset: GestureDataset, split: str, rounds: int) -> dict[str, object]:
    network, described = load_alignment_run(run)
    items = AlignmentWindows(dataset, splits=(split,)).samples
    sides: dict[str, list[np.ndarray]] = {"speech": [], "motion": []}
    for item in items:
        start = (item.frames - WINDOW) // 2
        columns = torch.from_numpy(dataset.inputs(item, start, start + WINDOW))
        features, words = columns.split(input_sizes(dataset), -1)
        motion = torch.from_numpy(dataset.motion(item, start, start + WINDOW))
        sides["speech"].append(network.speech(features[None], words[None])[1][0].numpy())
        sides["motion"].append(network.gesture(motion[None])[1][0].numpy())
    speech, gesture = np.stack(sides["speech"]), np.stack(sides["motion"])
    values: dict[str, dict[str, float]] = {}
    for batch in (None, 32):
        found = retrieval_scores(
            speech,
            gesture,
            extractor=Path(run).name,
            clips=[voice_of(item) for item in items],
            batch=batch,
            rounds=rounds,
        )
        for value in found:
            values[value.name] = {"value": round(value.value, 3), "chance": round(float(value.chance or 0), 3)}
    plain = AlignmentWindows(dataset, splits=(split,), batch_size=32, seed=2)
    cut = AlignmentWindows(dataset, splits=(split,), batch_size=32, seed=2, cut=1.0)
    figures = alignment_quality(
        network,
        [plain(step, ProcessInfo()) for step in range(2 * rounds)],
        [cut(step, ProcessInfo()) for step in range(2 * rounds)],
    )
    order = {name: round(figure, 2) for name, figure in figures.items() if "order" in name}
    return {
        "run": run,
        "chronological": described["config"]["chronological"],
        "windows": len(items),
        "retrieval": values,
        "order_percent": order,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset")
    parser.add_argument("--run", action="append", required=True)
    parser.add_argument("--split", default="test")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    dataset = GestureDataset(options.dataset)
    runs = [measured(run, dataset, options.split, options.rounds) for run in options.run]
    result = {
        "benchmark": "alignment",
        "store": dataset.fingerprint,
        "made_pairs": dataset.synthetic_pairs,
        "split": options.split,
        "runs": runs,
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
