"""What streaming costs, and what it does to the motion: one JSON object.

    python benchmarks/bench_stream.py --speech SPEECH [--model contextual] [--voices 8] [--seeds 2] [--split val]

Voices that no training saw gesture as whole files (no words planned, no warp of time) and as streams, with no
look-ahead, half a second and all of it. Of streams: milliseconds of the processor for four frames, once they are warm;
mean jerk of the wrists within two frames of a border of steps, and elsewhere (a latent's own borders are rougher than
its middle, so whole files are measured alike, as if they were steps).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench_alive import held_out
from bench_seams import jerks
from bench_speed import machine
from cospeech.core.progress import track
from cospeech.loading import load
from cospeech.methods.base import BodyModel, octaves_of
from cospeech.methods.flow.latents import STACK
from cospeech.methods.flow.model import Plan
from cospeech.methods.flow.stream import FlowStream
from cospeech.metrics.presence import presence
from cospeech.motion.codec import Codec

LOOK_AHEADS = (0.0, 0.5, None)
NEAR = 2  # frames from a border of steps
WARM = 5  # steps that are not timed
FIGURES = ("wrist_speed", "still_share", "strokes_per_minute", "one_handed_share", "head_speed")


@dataclass(frozen=True)
class Streamed:
    """One stream."""

    encoded: np.ndarray  # [T, C]
    step_ms: np.ndarray  # of the processor, each step
    advance: int  # latents of a step


def streamed(model: BodyModel[Any, Any], features: np.ndarray, look_ahead: float | None, seed: int) -> Streamed:
    """A speech as a stream, from rest, in conversation."""
    options = model.resolve(model.requested("generate", {}), None)
    assert model.flow is not None
    stream = FlowStream(
        model.flow,
        model.global_condition(options),
        seed=seed,
        look_ahead=look_ahead,
        history=model.rest(None)[None],
        octaves=octaves_of(options),
    )
    stream.push(features)
    found, spent = [], []
    while stream.ready:
        start = time.process_time()
        found.append(stream.step())
        spent.append(1000 * (time.process_time() - start))
    stream.finish()
    while stream.ready:
        found.append(stream.step())
    return Streamed(np.concatenate(found), np.array(spent), len(found[0]) // STACK)


def whole(model: BodyModel[Any, Any], features: np.ndarray, seed: int) -> np.ndarray:
    """Encoded motion [T, C] of the same speech as a whole file, from rest, without words."""
    options = model.resolve(model.requested("generate", {}), None)
    assert model.flow is not None
    plan = Plan.free(-(-len(features) // STACK), model.flow.latents.size)
    plan.known[0] = model.flow.latents.still(model.rest(None))
    plan.given[0] = 1.0
    plan = replace(plan, livelier=octaves_of(options))
    return model.flow.sample(features, model.global_condition(options), plan, np.random.default_rng(seed))


def borders(encoded: Sequence[np.ndarray], advance: int) -> dict[str, float]:
    """Jerk near borders of steps and, where steps are long enough, elsewhere, m/s3."""
    near, other = [], []
    for motion in map(Codec().decode, encoded):
        jerk = jerks(motion)
        at = np.arange(len(jerk)) + 1.5  # a third difference speaks of the middle of its four frames
        period = STACK * advance
        apart = np.abs((at + 0.5 + period / 2) % period - period / 2)  # a border lies between two frames
        near.append(jerk[apart <= NEAR])
        other.append(jerk[apart > NEAR])
    found = {"jerk_at_borders": float(np.concatenate(near).mean())}
    elsewhere = np.concatenate(other)
    return {**found, "jerk_elsewhere": float(elsewhere.mean())} if len(elsewhere) else found


def looks(encoded: Sequence[np.ndarray]) -> dict[str, float]:
    """Figures of ``presence``, and the mean jerk."""
    motions = [Codec().decode(each) for each in encoded]
    found = presence(motions).as_dict()
    return {**{name: found[name] for name in FIGURES}, "jerk": float(np.concatenate([*map(jerks, motions)]).mean())}


def cost(streams: Sequence[Streamed]) -> dict[str, float]:
    """Milliseconds of the processor for four frames."""
    spent = np.concatenate([stream.step_ms[WARM:] for stream in streams]) / streams[0].advance
    return {
        "ms_median": float(np.median(spent)),
        "ms_p95": float(np.percentile(spent, 95)),
        "ms_max": float(spent.max()),
        "step_ms_p95": float(np.percentile(spent, 95)) * streams[0].advance,
    }


def rounded(values: dict[str, float]) -> dict[str, float]:
    """The same with three digits behind the point."""
    return {name: round(value, 3) for name, value in values.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--model", default="contextual")
    parser.add_argument("--voices", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--split", choices=("val", "test"), default="val")
    options = parser.parse_args()
    model = load(options.model)
    assert isinstance(model, BodyModel)
    assert model.flow is not None
    model.flow.sampling = replace(model.flow.sampling, words_every=0)
    speeches = held_out(options.speech, options.split)[: options.voices]
    features = [model.inputs(speech, speech.frames) for speech in speeches]
    takes = [(rows, seed * len(features) + k) for seed in range(options.seeds) for k, rows in enumerate(features)]
    files = [whole(model, rows, seed) for rows, seed in track(takes, "whole files")]
    result: dict[str, Any] = {
        "benchmark": "stream",
        **machine(),
        "model": options.model,
        "split": options.split,
        "takes": len(takes),
        "whole": rounded(looks(files)),
    }
    for look_ahead in LOOK_AHEADS:
        name = "all" if look_ahead is None else f"{look_ahead:g}".replace(".", "_")
        streams = [streamed(model, rows, look_ahead, seed) for rows, seed in track(takes, f"look-ahead {name}")]
        advance, encoded = streams[0].advance, [stream.encoded for stream in streams]
        as_if = {f"whole_{key}": value for key, value in borders(files, advance).items()}
        figures = rounded({**cost(streams), **looks(encoded), **borders(encoded, advance), **as_if})
        result[f"look_ahead_{name}"] = {"frames_of_a_step": STACK * advance, **figures}
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
