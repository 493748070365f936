"""ExGes on a dataset: retrieval, control, quality against steps. One JSON object.

    python benchmarks/bench_exges.py DATASET MODEL --library LIBRARY [--run RUN --run RUN] [--split test]

- ``retrieval``: R@k of every training run of the embedding that is named, by keys of segments, of frames and
  of both, in batches of 32 and over all.
- ``control``: hard constraints (error of the pinned joints, speed and jerk of the free ones with and
  without), and the dial: mean angle to the retrieved pose at faithfulness 0 to 1.
- ``steps``: distance to the recorded motion of the speakers asked for, jerk and time by number of steps and
  sampler. Speech of synthetic pairs, of voices that no training heard.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from common import speeches
from cospeech.core.rotation import geodesic, matrix_from_6d
from cospeech.data.dataset import GestureDataset, Sample
from cospeech.loading import load
from cospeech.methods.evaluators.model import load_extractors
from cospeech.methods.exges.model import ExGesModel
from cospeech.methods.exges.pose_mask import Constraint, propose
from cospeech.methods.motion_constraint import MotionConstraint
from cospeech.metrics.frechet import FrechetDistance, Reference
from cospeech.motion.codec import Codec
from cospeech.motion.motion import Motion
from cospeech.motion.phases import hand_speed
from cospeech.motion.procedural.posture import stand
from cospeech.sampling.edit import joint_indices

SECONDS = 10


def jerk(motion: Motion) -> float:
    """Mean jerk of the wrists, metres a second cubed."""
    wrists = motion.positions[:, [20, 21]]
    return float(np.linalg.norm(np.diff(wrists, n=3, axis=0), axis=-1).mean() * 30**3)


def retrieval(dataset: GestureDataset, runs: list[str], split: str) -> dict[str, Any]:
    from cospeech.methods.exges.train_retrieval import SegmentWindows, load_retrieval_run, retrieval_quality
    from cospeech.training.loop import ProcessInfo

    result = {}
    for run in runs:
        network, described = load_retrieval_run(run)
        rows = {}
        for size in (32, 256):
            windows = SegmentWindows(dataset, splits=(split,), batch_size=size, seed=1, length=64)
            batches = [windows(step, ProcessInfo()) for step in range(640 // size)]
            own = retrieval_quality(network.encoders, batches)
            rows[f"of {len(batches[0]['motion'])}"] = {k: round(v, 1) for k, v in own.items()}
        result[run.rstrip("/").rsplit("/", 1)[-1]] = {"distill": described["config"]["distill"], **rows}
    return result


def control(model: ExGesModel, dataset: GestureDataset, items: list[Sample]) -> dict[str, Any]:
    codec, joints = Codec(), joint_indices(["left-arm"])
    free = 21  # the right wrist
    clips = [i for i in dataset.select(split="train", kind="motion") if i.frames >= 60]
    errors, speeds, jerks, edges = [], [], [], []
    dial: dict[float, list[float]] = {f: [] for f in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)}
    for k, item in enumerate(items):
        features = dataset.features(item)[: 30 * SECONDS]
        conditions: dict[str, Any] = {"emotion": item.emotion, "seed": k}
        wanted = stand(codec.decode(dataset.motion(clips[(7 * k) % len(clips)])[:60]))
        plain = model.from_features(features, **conditions)
        held = model.from_features(
            features, constraint=[MotionConstraint(wanted, 4.0, 6.0, ("left-arm",))], **conditions
        )
        part = slice(120, 180)
        errors.append(float(np.rad2deg(geodesic(held.rotations[part][:, joints], wanted.rotations[:, joints])).max()))
        speeds.append([float(hand_speed(m)[part, 1].mean()) for m in (plain, held)])
        jerks.append(
            [
                float(np.linalg.norm(np.diff(m.positions[part, free], n=3, axis=0), axis=-1).mean() * 30**3)
                for m in (plain, held)
            ]
        )
        change = np.rad2deg(geodesic(held.rotations[1:, joints], held.rotations[:-1, joints])).max(1)
        edges.append(float(change[[118, 119, 179, 180]].max() / np.percentile(change, 95)))
        for f in dial:
            dial[f].append(_away(model, features, f, conditions))
    return {
        "clips": len(items),
        "pinned_error_degrees_max": max(errors),
        "free_wrist_speed_without_with": np.mean(speeds, 0).round(4).tolist(),
        "free_wrist_jerk_without_with": np.mean(jerks, 0).round(2).tolist(),
        "largest_turn_at_an_edge_over_p95": {"median": float(np.median(edges)), "max": max(edges)},
        "dial_degrees": {f: round(float(np.mean(v)), 3) for f, v in dial.items()},
    }


def _away(model: ExGesModel, features: np.ndarray, faithfulness: float, conditions: dict[str, Any]) -> float:
    """Mean angle of body joints to the retrieved poses, degrees, where there are any."""
    quiet = model.with_sampling(rhythm=False, faithfulness=faithfulness)
    assert model.library is not None
    speaker = model.config.get("default_speaker", model.speakers[0])
    references = model.library.references(
        features,
        (),
        speaker=speaker,
        emotion=conditions["emotion"],
        liveliness=1.0,
        seed=conditions["seed"],
        rule="best",
    )
    whole = Constraint.none(-(-len(features) // 4) * 4)
    propose(whole, references, faithfulness=1.0, step=4, rng=np.random.default_rng(0))
    captured: dict[str, np.ndarray] = {}
    networks = quiet.networks
    decode = networks.decode

    def keep(latent: np.ndarray) -> np.ndarray:
        captured["coded"] = decode(latent)
        return captured["coded"]

    networks.decode = keep  # type: ignore[method-assign]
    quiet.from_features(features, **conditions)
    networks.decode = decode  # type: ignore[method-assign]
    body = 6 * len(Codec().body)
    rows = whole.mask.any(1)[: len(captured["coded"])]
    made, wanted = (
        matrix_from_6d(v[: len(rows)][rows, :body].reshape(int(rows.sum()), -1, 6))
        for v in (captured["coded"], whole.pose)
    )
    return float(np.rad2deg(geodesic(made, wanted)).mean())


def plot(dial: dict[float, float]) -> str:
    """The dial as an SVG picture: faithfulness to the right, mean angle to the retrieved pose upward."""
    top = 1.1 * max(dial.values())
    points = [(60 + 400 * f, 260 - 220 * v / top, v) for f, v in dial.items()]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#2a6fdb"/>'
        f'<text x="{x:.1f}" y="{y - 10:.1f}" text-anchor="middle">{v:.1f}°</text>'
        for x, y, v in points
    )
    ticks = "".join(f'<text x="{60 + 400 * f:.1f}" y="280" text-anchor="middle">{f:g}</text>' for f in dial)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 500 310" '
        'font-family="sans-serif" font-size="12">'
        '<rect width="500" height="310" fill="white"/><path d="M60 30V260H470" fill="none" stroke="#888"/>'
        f'<polyline points="{line}" fill="none" stroke="#2a6fdb" stroke-width="2"/>{dots}{ticks}'
        '<text x="265" y="302" text-anchor="middle">faithfulness</text>'
        '<text x="18" y="150" text-anchor="middle" transform="rotate(-90 18 150)">'
        "mean angle to the retrieved pose</text></svg>\n"
    )


def steps(model: ExGesModel, dataset: GestureDataset, items: list[Sample], longest: int) -> dict[str, Any]:
    codec, extractors = Codec(), load_extractors("extractor")
    real = [i for i in dataset.select(split="train", kind="motion") if i.speaker in model.speakers][::2]
    references = {}
    for k, e in extractors.items():
        clips = ((i.id, e.features(codec.decode(dataset.motion(i)), clip=i.id)) for i in real)
        references[k] = Reference.of(clips, extractor=e.id)
    rows = {}
    settings = [("dpm", n) for n in (5, 10, 20, 50)] + [("ddim", n) for n in (5, 10, 20, 50)]
    settings += [("ddpm", 50), ("ddpm", longest)]
    for sampler, count in settings:
        changed = model.with_sampling(diffusion=replace(model.sampling.diffusion, sampler=sampler, steps=count))
        distances = {k: FrechetDistance(references[k], rows=k) for k in references}
        began, jerks = time.perf_counter(), []
        for k, item in enumerate(items):
            speaker = model.speakers[k % len(model.speakers)]
            made = changed.from_features(
                dataset.features(item)[: 30 * SECONDS], emotion=item.emotion, speaker=speaker, seed=k
            )
            jerks.append(jerk(made))
            for name, extractor in extractors.items():
                distances[name].update(extractor.features(made, clip=item.id), clip=item.id, extractor=extractor.id)
        seconds = (time.perf_counter() - began) / len(items)
        rows[f"{sampler} {count}"] = {
            **{f"fgd_{k}_asked": round(d.compute().value, 3) for k, d in distances.items()},
            "jerk": round(float(np.mean(jerks)), 1),
            "seconds_a_clip": round(seconds, 3),
        }
        print(sampler, count, rows[f"{sampler} {count}"], file=sys.stderr, flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("model")
    parser.add_argument("--library", "--base")
    parser.add_argument("--library-model", "--base-model")
    parser.add_argument("--run", action="append", default=[], help="training run of the embedding")
    parser.add_argument("--split", default="test")
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--longest", type=int, default=1000, help="steps of the slowest sampler")
    parser.add_argument("--plot", type=Path, help="SVG file for the dial")
    parser.add_argument("--only", nargs="+", default=["retrieval", "control", "steps"])
    args = parser.parse_args()
    dataset = GestureDataset(args.dataset)
    result: dict[str, Any] = {"split": args.split, "made_pairs": dataset.synthetic_pairs}
    if "retrieval" in args.only:
        result["retrieval"] = retrieval(dataset, args.run, args.split)
    model = load(args.model, library=args.library, library_model=args.library_model)
    assert isinstance(model, ExGesModel)
    items = speeches(dataset, args.split, args.clips, seconds=SECONDS)
    if "control" in args.only:
        result["control"] = control(model, dataset, items[:20])
        if args.plot:
            args.plot.write_text(plot(result["control"]["dial_degrees"]), encoding="utf-8")
    if "steps" in args.only:
        result["steps"] = steps(model, dataset, items, args.longest)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
