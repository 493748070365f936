"""Whether named gestures make motion easier to tell from recordings: one JSON object.

    python benchmarks/bench_gestures_told.py DATASET --speech SPEECH [--speeches 40] [--model contextual]

Voices that no training saw, with what they say, are given gestures without and with the dictionary, finished as users
get them. Each is held against recordings that went through the same layers (``bench_movement``), by a classifier on
features of movement; 50 % is indistinguishable. Asked is that the dictionary costs 5 points at most. Read speech calls
for few gestures, so ``--every`` puts one every so many seconds as well, whatever is said: the densest case.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import cospeech
from bench_movement import Bodies, told
from bench_presence import held_out
from cospeech.core.progress import track
from cospeech.data.dataset import GestureDataset
from cospeech.evaluation.clips import Recordings
from cospeech.evaluation.finished import finished_recordings
from cospeech.motion.gestures.lookup import GestureDictionary
from cospeech.motion.motion import Motion
from cospeech.speech.speech import Speech

DENSITIES = ("off", "normal", "rich")


def often(speech: Speech, seconds: float, number: int) -> list[dict[str, Any]]:
    """A gesture every so many seconds, each another one."""
    names = list(GestureDictionary())
    times = np.arange(1.0, speech.seconds - 0.8, seconds)
    drawn = np.random.default_rng(number).choice(len(names), len(times))
    return [{"time": float(time), "gesture": names[k]} for time, k in zip(times, drawn, strict=True)]


def main() -> None:
    """Parse arguments, measure, print the JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="prepared with the recordings of the training actors")
    parser.add_argument("--speech", type=Path, required=True, help="folder of voices with transcripts")
    parser.add_argument("--speeches", type=int, default=40)
    parser.add_argument("--model", default="contextual")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between gestures of the densest case")
    options = parser.parse_args()
    speeches = held_out(options.speech, options.speeches)
    dataset = GestureDataset(options.dataset)
    recordings = Recordings(dataset)
    recorded = dataset.select(split="train", kind=("motion", "pair"))
    clips = (recordings.clip(one, 0, speech=one.kind == "pair") for one in track(recorded, "finishing recordings"))
    real = Bodies()
    for passage, motion in finished_recordings(clips, [speech.features for speech in speeches]):
        real.take(passage, motion)
    model = cospeech.load(options.model)
    result: dict[str, Any] = {"speeches": len(speeches)}
    for kind in (*DENSITIES, "dense"):
        bodies, count = Bodies(), 0
        for number, speech in enumerate(track(speeches, kind)):
            given = {"gestures": often(speech, options.every, number)} if kind == "dense" else {}
            density = "off" if kind == "dense" else kind
            motion = cospeech.generate(speech, model=model, seed=number, face=False, gesture_density=density, **given)
            assert isinstance(motion, Motion)
            count += len(motion.extra["explain"]["gestures"])
            bodies.take(f"speech {number}", motion)
        minutes = sum(speech.seconds for speech in speeches) / 60
        result[kind] = {**told(kind, bodies.windows, real.windows), "gestures_a_minute": round(count / minutes, 1)}
    off = result["off"]["without_texture"][0]
    result["worse"] = {kind: round(result[kind]["without_texture"][0] - off, 1) for kind in ("normal", "rich", "dense")}
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
