"""EmotionGesture on a dataset: emotions read and heard, variety. One JSON object.

    python benchmarks/bench_emotion.py DATASET [--model NAME|FOLDER] [--split test] [--takes 8] [--part ...]

- ``accuracy``: confusion matrices of the frozen classifier, side by side: real motion of people it knows
  (clips that it did not learn from), real motion of people it does not know, and motion that the model made
  in every emotion and in the manner of everyone it knows, for speeches of the split.
- ``heard``: what the model hears in synthetic voices of the split (``data.prosody``), and in the calm ones.
- ``variety``: mean distance between windows of several takes of one speech, in the features of windows,
  beside that between real takes of one emotion by one person; by ``--variety``, with the emotion accuracy.

Speech is that of synthetic pairs, of voices that no training heard.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from typing import Any

import numpy as np

from common import speeches
from cospeech.core.emotions import EMOTIONS
from cospeech.data.dataset import GestureDataset, Sample, held_out
from cospeech.data.prosody import synthetic_voice, with_rate
from cospeech.evaluation.clips import Recordings
from cospeech.loading import load
from cospeech.methods.emotion.model import EmotionModel
from cospeech.methods.evaluators.model import load_classifier, load_extractors
from cospeech.metrics.emotion import EmotionAccuracy
from cospeech.motion.motion import Motion

RARE = ("disgust", "shame", "amusement")
SECONDS = 8  # of a made motion


def made(
    model: Any, dataset: GestureDataset, item: Sample, emotion: str, speaker: str, seed: int, **more: Any
) -> Motion:
    """Motion of the first seconds of a speech."""
    features = dataset.features(item, 0, 30 * SECONDS)
    motion = model.from_features(features, emotion=emotion, speaker=speaker, seed=seed, **more)
    assert isinstance(motion, Motion)
    return motion


def table(scores: EmotionAccuracy) -> dict[str, Any]:
    """Figures and confusion matrix, rows: asked for or acted, columns: read."""
    values = {value.name: {"value": value.value, "interval": value.interval} for value in scores.compute()}
    counts = scores.confusion
    rare = [EMOTIONS.index(name) for name in RARE]
    share = counts[rare, rare].sum() / max(1, counts[rare].sum())
    return {"figures": values, "rare": 100 * float(share), "confusion": counts.tolist()}


def accuracy(dataset: GestureDataset, model: Any, split: str, count: int) -> dict[str, Any]:
    body, classifier = Recordings(dataset), load_classifier()
    known, strange, own = (EmotionAccuracy(classifier) for _ in range(3))
    for item in dataset.select(kind=("motion", "pair")):
        if item.emotion not in EMOTIONS or item.frames < 64:
            continue
        if item.split == "train" and held_out(item):
            known.update(body.motion(item), item.emotion, clip=item.id)
        elif item.split == split:
            strange.update(body.motion(item), item.emotion, clip=item.id)
    spoken = speeches(dataset, split, count, seconds=SECONDS)
    for number, (item, emotion) in enumerate(itertools.product(spoken, EMOTIONS)):
        for speaker in model.speakers:
            motion = made(model, dataset, item, emotion, speaker, number)
            own.update(motion, emotion, clip=f"{item.id} {speaker} {emotion}")
    return {
        "emotions": EMOTIONS,
        "real, people it knows": table(known),
        f"real, people of {split}": table(strange),
        model.name: table(own),
    }


def detected(dataset: GestureDataset, model: EmotionModel, split: str) -> dict[str, Any]:
    counts, calm = np.zeros((len(EMOTIONS), len(EMOTIONS)), dtype=int), np.zeros(len(EMOTIONS), dtype=int)
    for number, item in enumerate(speeches(dataset, split, 40, seconds=SECONDS)):
        sound = dataset.acoustics(item)
        calm[EMOTIONS.index(strongest(model.moods(sound)))] += 1
        for row, emotion in enumerate(EMOTIONS):
            changed, rate = synthetic_voice(sound, emotion, np.random.default_rng([number, row]))
            counts[row, EMOTIONS.index(strongest(model.moods(with_rate(changed, rate))))] += 1
    right = counts.diagonal().sum() / counts.sum()
    return {
        "made_voices": True,
        "accuracy": 100 * float(right),
        "confusion": counts.tolist(),
        "calm voices are heard as": dict(zip(EMOTIONS, calm.tolist(), strict=True)),
    }


def strongest(detected: dict[str, float]) -> str:
    """The likeliest emotion."""
    return max(detected, key=lambda name: detected[name])


def spread(takes: np.ndarray) -> float:
    """Mean distance between all pairs of rows [K, D]."""
    gaps = np.linalg.norm(takes[:, None] - takes[None], axis=-1)
    return float(gaps[np.triu_indices(len(takes), 1)].mean())


def variety(
    dataset: GestureDataset, model: Any, split: str, count: int, takes: int, levels: list[float]
) -> dict[str, Any]:
    body, window, classifier = Recordings(dataset), load_extractors()["window"], load_classifier()
    real: dict[tuple[str, str], list[np.ndarray]] = {}
    for item in dataset.select(split="train", kind=("motion", "pair")):
        if item.emotion in EMOTIONS and item.frames >= 64:
            rows = window.features(body.motion(item), clip=item.id)
            real.setdefault((item.speaker, item.emotion), []).append(rows[len(rows) // 2])
    found = [spread(np.stack(rows)) for rows in real.values() if len(rows) >= 4]
    result: dict[str, Any] = {"takes": takes, "real": float(np.mean(found)), "made": {}}
    spoken = speeches(dataset, split, count, seconds=SECONDS)
    for level in levels:
        more = {"variety": level} if hasattr(model, "hear") else {}
        scores, gaps = EmotionAccuracy(classifier), []
        for number, item in enumerate(spoken):
            emotion = EMOTIONS[number % len(EMOTIONS)]
            speaker = model.speakers[number % len(model.speakers)]
            rows = []
            for take in range(takes):
                motion = made(model, dataset, item, emotion, speaker, 100 * number + take, **more)
                scores.update(motion, emotion, clip=f"{item.id} {take}")
                rows.append(window.features(motion, clip=item.id))
            size = min(len(row) for row in rows)
            gaps += [spread(np.stack([row[k] for row in rows])) for k in range(size)]
        result["made"][f"variety {level:g}"] = {
            "distance": float(np.mean(gaps)),
            "emotion_accuracy": scores.compute()[0].value,
        }
        if not more:
            break
    return result


def main() -> None:
    parts = ("accuracy", "heard", "variety")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--model", default="emotion")
    parser.add_argument("--split", default="test")
    parser.add_argument("--speeches", type=int, default=10)
    parser.add_argument("--takes", type=int, default=8)
    parser.add_argument("--levels", nargs="+", type=float, default=[0.0, 0.5, 1.0, 1.5])
    parser.add_argument("--part", nargs="+", default=parts, choices=parts)
    options = parser.parse_args()
    dataset, model = GestureDataset(options.dataset), load(options.model)
    text: dict[str, Any] = {"model": model.name, "store": dataset.fingerprint, "split": options.split}
    if "accuracy" in options.part:
        text["accuracy"] = accuracy(dataset, model, options.split, options.speeches)
    if "heard" in options.part and isinstance(model, EmotionModel):
        text["heard"] = detected(dataset, model, options.split)
    if "variety" in options.part:
        text["variety"] = variety(dataset, model, options.split, 2 * options.speeches, options.takes, options.levels)
    sys.stdout.write(json.dumps(text) + "\n")


if __name__ == "__main__":
    main()
