"""Hands through hands or the trunk, with and without ``motion.procedural.contact``, and what it costs: one JSON object.

    python benchmarks/bench_contact.py --speech SPEECH [--recordings FOLDER] [--model NAME] [--voices 12]

Voices that no training saw are given gestures in one mood after the other, standing and seated, and seconds 2 to 6 of
the standing ones are edited. ``--recordings`` has files of motion on any known rig (*.bvh, *.npz ...), which are
retargeted. Times are of ``separated`` alone, processor time for 10 s of motion, the fastest of five.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from unittest import mock

import cospeech
from bench_presence import held_out
from cospeech.core.emotions import EMOTIONS
from cospeech.core.progress import track
from cospeech.metrics.contact import through_share
from cospeech.motion.motion import Motion, load_motion
from cospeech.motion.procedural.contact import separated
from cospeech.motion.retarget import on_canonical

EDIT = "2:6"
RUNS = 5
USES = ("methods.postprocessing", "methods.base", "motion.retarget")


def as_it_was(motion: Motion, **_: Any) -> Motion:
    return motion


def both(make: Callable[[], list[Motion]]) -> dict[str, float]:
    """The share without and with ``separated``."""
    without = [mock.patch(f"cospeech.{module}.separated", as_it_was) for module in USES]
    for patch in without:
        patch.start()
    before = make()
    for patch in without:
        patch.stop()
    return {"before": round(through_share(before), 4), "after": round(through_share(make()), 4)}


def milliseconds(motions: Iterable[Motion]) -> float:
    """For 10 s of motion, the mean over motions."""
    times = []
    for motion in motions:
        best = float("inf")
        for _ in range(RUNS):
            began = time.process_time()
            separated(motion)
            best = min(best, time.process_time() - began)
        times.append(1000 * best * 10 / motion.seconds)
    return round(sum(times) / len(times), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--recordings", type=Path)
    parser.add_argument("--model", default="contextual")
    parser.add_argument("--voices", type=int, default=12)
    options = parser.parse_args()
    model = cospeech.load(options.model)
    speeches = held_out(options.speech, options.voices)

    def standing(**keywords: Any) -> list[Motion]:
        return [
            model.generate(speech, seed=seed, emotion=EMOTIONS[seed % len(EMOTIONS)], face=False, **keywords)
            for seed, speech in enumerate(track(speeches, "generating"))
        ]

    whole = standing()

    def edited() -> list[Motion]:
        return [model.edit(motion, speech, span=EDIT) for motion, speech in zip(whole, speeches, strict=True)]

    with mock.patch("cospeech.methods.postprocessing.separated", as_it_was):
        loose = standing()
    result: dict[str, Any] = {
        "benchmark": "contact",
        "voices": len(speeches),
        "generating": {"before": round(through_share(loose), 4), "after": round(through_share(whole), 4)},
        "generating_seated": both(lambda: standing(seated=True)),
        "editing": both(edited),
        "milliseconds_for_10_s": milliseconds(loose),
    }
    if options.recordings:
        files = [load_motion(path) for path in sorted(options.recordings.glob("*.*"))]
        result["retargeting"] = both(lambda: [on_canonical(motion) for motion in files])
        result["recordings"] = len(files)
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
