"""Does each metric order what it should? One JSON object, and a Markdown table on standard error.

Rows: real motion (the other half of the test clips), a model, the model's motion with noise on its
joints, the same with its frames shuffled, and the mean pose, all against the reference half; each is the
one before made worse. A metric that claims that lower or higher is better, or that real motion is the
mark, should rank them in this order.

    python benchmarks/bench_metrics.py DATASET [--model contextual] [--split test] [--clips 60]
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np

import cospeech
from cospeech.core.rotation import axis_angle_to_matrix
from cospeech.data.dataset import GestureDataset
from cospeech.evaluation.baselines import BaselineMaterial, MeanPose
from cospeech.evaluation.clips import Recordings
from cospeech.evaluation.groups import GROUPS
from cospeech.evaluation.material import FLOOR, SYNTHETIC, choose, real_motion, speech_of
from cospeech.evaluation.measures import Measures
from cospeech.evaluation.real_motion import coded_joints
from cospeech.evaluation.report import Report, Row
from cospeech.evaluation.systems import ModelSystem
from cospeech.motion.motion import Motion

NOISE = 3.0  # degrees, a frame and joint
ORDER = ("real", "model", "noise", "shuffled", "mean pose")


def noisy(motion: Motion, rng: np.random.Generator) -> Motion:
    """The motion with every coded joint turned by a little, anew in every frame."""
    joints = coded_joints()
    turn = axis_angle_to_matrix(np.deg2rad(NOISE) * rng.normal(size=(len(motion), len(joints), 3)))
    rotations = motion.rotations.copy()
    rotations[:, joints] = rotations[:, joints] @ turn
    return replace(motion, rotations=rotations.astype(np.float32))


def shuffled(motion: Motion, rng: np.random.Generator) -> Motion:
    """The same frames in another order."""
    order = rng.permutation(len(motion))
    return replace(motion, rotations=motion.rotations[order], translation=motion.translation[order])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset")
    parser.add_argument("--model", default="contextual")
    parser.add_argument("--split", default="test")
    parser.add_argument("--clips", type=int, default=60)
    options = parser.parse_args()
    dataset, rng = GestureDataset(options.dataset), np.random.default_rng(0)
    material = choose(dataset, options.split, clips=options.clips, seed=0)
    body = Recordings(dataset)
    reference = real_motion(material, body)
    speech = speech_of(material, body)
    recorded = not material.synthetic_pairs
    real = [body.clip(item, k, speech=recorded) for k, item in enumerate(material.measured)]
    if material.synthetic_pairs:  # what ties motion to voice is shown on synthetic pairs
        voiced = [(clip, body.motion(item)) for clip, item in zip(speech, material.speech, strict=True)]
    else:
        voiced = real
    model, pose = ModelSystem(cospeech.load(options.model)), MeanPose(BaselineMaterial(dataset))

    def row(name: str, parts: list, groups: tuple[str, ...]) -> Row:
        measures = Measures(reference, groups)
        for clip, motion in parts:
            measures.update(clip, motion)
        return measures.row(name, "real" if name == "real" else "model")

    made = [(clip, model.motion(clip)) for clip in speech]
    still = [(clip, pose.motion(clip)) for clip in speech]
    tied = ("beats", "accuracy")
    rest = tuple(group for group in GROUPS if group not in tied)
    rows = []
    worse = {
        name: [(clip, change(motion, rng)) for clip, motion in made]
        for name, change in (("noise", noisy), ("shuffled", shuffled))
    }
    for name, source in zip(ORDER, (None, made, *worse.values(), still), strict=True):
        values = ()
        for parts, groups in ((real, rest), (voiced, tied)):
            values += row(name, source or parts, groups).values
        rows.append(Row(name, "real" if name == "real" else "model", values))
    report = Report("sanity", {}, rows=tuple(rows))
    table = {}
    for column in report.columns:
        values = {name: column.values[name].value for name in ORDER if name in column.values}
        target = report.target(column)
        sign = {"lower": 1, "higher": -1}.get(column.better)
        away = [abs(v - target) if sign is None else sign * v for v in values.values()]
        order = all(a <= b for a, b in pairwise(away))
        first = all(away[0] <= other for other in away[1:])
        table[column.name] = {
            "direction": column.better,
            **{k: float(f"{v:.4g}") for k, v in values.items()},
            "whole_order": order,
            "real_is_best": first,
        }
    lines = ["| metric | better | " + " | ".join(ORDER) + " | order kept |", "|---" * (len(ORDER) + 3) + "|"]
    for name, entry in table.items():
        kept = "yes" if entry["whole_order"] else "real is best" if entry["real_is_best"] else "**no**"
        cells = " | ".join(str(entry.get(key, "-")) for key in ORDER)
        lines.append(f"| {name} | {entry['direction']} | {cells} | {kept} |")
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stdout.write(
        json.dumps(
            {
                "benchmark": "metrics",
                "model": options.model,
                "split": options.split,
                "made_pairs": not recorded,
                "reference": FLOOR,
                "voiced": SYNTHETIC if not recorded else FLOOR,
                "noise_degrees": NOISE,
                "metrics": table,
            },
            indent=1,
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
