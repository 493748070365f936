"""Whether a portrait's lips are in step with the voice: one JSON object.

For every recording a motion is generated and brought to the points of a portrait; the distance of the inner
lips' middles over time is compared with the loudness of the voice (dB of each frame, no less than 40 under
the loudest). ``r`` is their correlation, ``lag`` the shift in frames (30 a second) at which it is greatest,
positive where lips come after the voice.

    python benchmarks/bench_portrait_lips.py PORTRAIT SOUND [SOUND ...] [--points POINTS.json] [--model contextual]
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path

import numpy as np

import cospeech
from cospeech.core.timing import FPS
from cospeech.motion.points import POINTS
from cospeech.speech.speech import Speech
from cospeech.video.films.animate import portrait_keypoints
from cospeech.video.films.portrait import open_portrait

LIPS = POINTS.index("face_62"), POINTS.index("face_66")  # middles of the inner lips
QUIETEST = 40.0  # dB
FURTHEST = 10  # frames


def loudness(speech: Speech) -> np.ndarray:
    """[T] dB of each frame."""
    edges = (np.arange(speech.frames + 1) * speech.sample_rate) // FPS
    power = [float(np.mean(speech.samples[a:b] ** 2)) if b > a else 0.0 for a, b in pairwise(edges)]
    level = 10 * np.log10(np.maximum(power, 1e-12))
    return np.maximum(level, level.max() - QUIETEST)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("portrait", type=Path)
    parser.add_argument("sounds", type=Path, nargs="+")
    parser.add_argument("--points", type=Path)
    parser.add_argument("--model", default="contextual")
    options = parser.parse_args()
    portrait = open_portrait(options.portrait, points=options.points)
    model = cospeech.load(options.model)
    rows = []
    for path in options.sounds:
        speech = cospeech.load_speech(path)
        points = portrait_keypoints(portrait, model.generate(speech, seed=0), speech)[: speech.frames]
        opened = np.linalg.norm(points[:, LIPS[0]] - points[:, LIPS[1]], axis=-1)
        loud = loudness(speech)[: len(opened)]

        def r(lag: int, opened: np.ndarray = opened, loud: np.ndarray = loud) -> float:
            ends = len(loud) - abs(lag)
            lips, voice = (opened[lag:], loud[:ends]) if lag >= 0 else (opened[:ends], loud[-lag:])
            return float(np.corrcoef(lips, voice)[0, 1])

        found = {lag: r(lag) for lag in range(-FURTHEST, FURTHEST + 1)}
        rows.append({"seconds": round(speech.seconds, 2), "r": round(found[0], 3), "lag": max(found, key=found.get)})  # type: ignore[arg-type]
    result = {
        "benchmark": "lips",
        "model": options.model,
        "recordings": len(rows),
        "r_mean": round(float(np.mean([row["r"] for row in rows])), 3),
        "r_least": min(row["r"] for row in rows),
        "lag_zero": sum(row["lag"] == 0 for row in rows),
        "each": rows,
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
