"""Build the gesture library that is shipped: motion of our own models, since recordings may not be shipped.

    python scripts/build_library.py DATASET OUT --model contextual --model exges --minutes 20

Speeches of the training split are gestured by each model in every manner and emotion, calmly and lively. Of
what comes out, takes that are implausible or say little are left out, and of each manner and emotion the same
amount is kept. The dataset holds them as ``generated``; ``cospeech library build`` makes the library of it.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cospeech.core.emotions import EMOTIONS
from cospeech.core.progress import note, track
from cospeech.data.dataset import GestureDataset, Sample, SampleData, write_manifest, write_shard
from cospeech.loading import load
from cospeech.methods.base import GestureModel
from cospeech.motion.codec import Codec
from cospeech.motion.motion import Motion
from cospeech.motion.phases import hand_speed, strokes
from cospeech.speech.layout import LAYOUT

LEAST_STROKES = 25.0  # a minute
FASTEST = 3.0  # metres a second, of a wrist
LEVELS = (0.8, 1.0, 1.3)  # of intensity
SPOKEN = 0.4  # share of a speech that is speech


@dataclass(frozen=True)
class Take:
    """One generated motion with its speech."""

    id: str
    speaker: str
    emotion: str
    coded: np.ndarray  # [T, C]
    features: np.ndarray  # [T, 48]
    worth: float  # the more the better


def worth(motion: Motion) -> float | None:
    """How much a motion says, strokes a minute; None if it is implausible or says too little."""
    speed = hand_speed(motion)
    often = 60 * len(strokes(motion)) / motion.seconds
    if speed.max() > FASTEST or often < LEAST_STROKES:
        return None
    return often


def takes(dataset: GestureDataset, models: list[GestureModel], seconds: float, seed: int) -> list[Take]:
    """Takes of every speech, each in a manner and an emotion in turn."""
    rng = np.random.default_rng(seed)
    found: dict[str, Sample] = {}
    for item in dataset.select(split="train", kind=("pair", "synthetic_pair")):
        found.setdefault(item.id.rsplit("#", 1)[0], item)
    conditions = [(s, e) for e in EMOTIONS for s in models[0].speakers]
    result: list[Take] = []
    order = rng.permutation(sorted(found))
    total = 0.0
    for k, name in enumerate(track(list(order), "generating", total=len(order))):
        features = dataset.features(found[name])
        if LAYOUT.get(features, "speech").mean() < SPOKEN or not 5 <= len(features) / 30 <= 25:
            continue
        speaker, emotion = conditions[k % len(conditions)]
        number = k // len(conditions) % len(models)
        motion = models[number].from_features(
            features, speaker=speaker, emotion=emotion, seed=k, intensity=LEVELS[k % len(LEVELS)]
        )
        own = worth(motion)
        if own is not None:
            coded = Codec().encode(replace(motion, extra={}))
            result.append(Take(f"made/{name}", speaker, emotion, coded, features, own))
            total += motion.seconds
        if total > seconds:
            break
    return result


def chosen(found: list[Take], seconds: float) -> list[Take]:
    """As much of every manner and emotion, the worthiest first."""
    groups: dict[tuple[str, str], list[Take]] = defaultdict(list)
    for take in sorted(found, key=lambda take: -take.worth):
        groups[take.speaker, take.emotion].append(take)
    kept: list[Take] = []
    for own in groups.values():
        left = seconds / len(groups)
        for take in own:
            if left <= 0:
                break
            kept.append(take)
            left -= len(take.coded) / 30
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("out")
    parser.add_argument("--model", action="append", required=True)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--spare", type=float, default=2.0, help="times as much is made as is kept")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    dataset, out = GestureDataset(args.dataset), Path(args.out)
    models = [load(name) for name in args.model]
    found = takes(dataset, models, 60 * args.minutes * args.spare, args.seed)
    kept = chosen(found, 60 * args.minutes)
    out.mkdir(parents=True, exist_ok=True)
    entries = [
        SampleData(
            take.id,
            "generated",
            "train",
            take.speaker,
            take.emotion,
            take.coded,
            take.features,
            {"speed": float(hand_speed(Codec().decode(take.coded)).mean())},
        )
        for take in kept
    ]
    write_shard(out, 0, entries, LAYOUT.dim)
    codec = Codec()
    header = {
        "codec": {"body": list(codec.body), "hands": list(codec.hands)},
        "feature_dim": LAYOUT.dim,
        "made_pairs": True,
    }
    write_manifest(out, header, range(1))
    minutes = sum(len(take.coded) for take in kept) / 1800
    note(f"kept {len(kept)} of {len(found)} takes, {minutes:.1f} min: {json.dumps(args.model)}")


if __name__ == "__main__":
    main()
