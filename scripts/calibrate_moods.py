"""Measure how much faster or slower the arms of recordings are in each mood than a model makes them, and write it down.

    python scripts/calibrate_moods.py MODEL_FOLDER DATASET --speech SPEECH

DATASET was prepared with the recordings that the model was trained on; SPEECH has recordings of voices (those of the
validation split are used). Octaves by emotion go into the entry ``flow`` of config.json, from which the model shifts
the activity of the arms; two rounds, each on top of the one before.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

import cospeech
from cospeech.core.emotions import EMOTIONS
from cospeech.core.files import atomic_path
from cospeech.data.dataset import GestureDataset
from cospeech.data.readers.voices import manifest, split_of
from cospeech.metrics.response import mean_wrist_speed
from cospeech.motion.codec import Codec
from cospeech.speech.loading import load_speech
from cospeech.speech.speech import Speech

ROUNDS = 2
SHARE = 1.0  # of what is missing that a round adds
MOST = 1.5  # octaves
SHORTEST, LONGEST = 6.0, 16.0  # seconds of a recording that is taken, and that are taken of it


def recorded(dataset: GestureDataset) -> dict[str, float]:
    """Mean wrist speed of the recordings of each emotion, metres a second."""
    speeds = {}
    for emotion in EMOTIONS:
        samples = [s for s in dataset.select(split="train", kind="motion") if s.emotion == emotion]
        speeds[emotion] = mean_wrist_speed([Codec().decode(dataset.motion(sample)) for sample in samples])
    return speeds


def voices(folder: Path, count: int) -> list[Speech]:
    """Recordings of so many validation voices."""
    rows = [row for row in manifest(folder).values() if split_of(row["speaker"]) == "val"]
    first = {row["speaker"]: row["file"] for row in reversed(rows) if float(row["seconds"]) >= SHORTEST}
    return [load_speech(folder / name).cut(end=LONGEST) for _, name in sorted(first.items())[:count]]


def generated(folder: Path, speeches: list[Speech]) -> dict[str, float]:
    """Mean wrist speed of what a model makes in each emotion, before the layers of standing, over all its speakers."""
    model = cospeech.load(folder)
    speeds = {}
    for emotion in EMOTIONS:
        motions = [
            cospeech.generate(
                speech,
                model=model,
                seed=seed,
                emotion=emotion,
                speaker=model.speakers[seed % len(model.speakers)],
                face=False,
                relaxed=False,
            )
            for seed, speech in enumerate(speeches)
        ]
        speeds[emotion] = mean_wrist_speed(motions)
    return speeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a model folder with a flow")
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--voices", type=int, default=16)
    options = parser.parse_args()
    real, speeches = recorded(GestureDataset(options.dataset)), voices(options.speech, options.voices)
    path = options.model / "config.json"
    for _ in range(ROUNDS):
        made = generated(options.model, speeches)
        config = json.loads(path.read_text())
        moods = config["flow"].get("moods", {})
        for emotion in EMOTIONS:
            missing = np.log2(real[emotion] / made[emotion])
            moods[emotion] = round(float(np.clip(moods.get(emotion, 0.0) + SHARE * missing, -MOST, MOST)), 2)
        config["flow"]["moods"] = moods
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(config, indent=1))
    made = generated(options.model, speeches)
    for emotion in EMOTIONS:
        print(
            f"{emotion}: {moods[emotion]:+.2f} octaves, generated {made[emotion]:.3f}, recorded {real[emotion]:.3f} m/s"
        )


if __name__ == "__main__":
    main()
