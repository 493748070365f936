"""Whether a portrait's lips follow the phones that are spoken, up to the points of the picture: one JSON object.

For every recording with a TextGrid of phones a motion is generated and brought to the points of a portrait; the
distance of the inner lips' middles over time, from the closest they come, is scored as ``bench_lips`` scores a mouth:
``r`` is its correlation with a curve made of the true phones, ``pbm`` how many p, b and m have lips apart by less than
a tenth of what is usual within 60 ms, of how many. ``lag`` is the shift in frames (30 a second) at which the
correlation is greatest, positive where lips come after the phones. With ``--words`` the words of the TextGrid are
given; else the sound alone is heard. With ``--film`` the film is drawn and the points are detected in it again
(MediaPipe, ``cospeech video setup``), so that what is scored is what is seen.

    python benchmarks/bench_portrait_lips.py PORTRAIT --beat2 FOLDER [--words] [--points POINTS.json] [--model NAME]
        [--film] [--seconds SECONDS]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import cospeech
from bench_lips import SHUT, Recording, beat2, closures, interval, r, true_opening
from cospeech.core.timing import FPS
from cospeech.methods.base import GestureModel
from cospeech.motion.points import POINTS
from cospeech.video.detection.detector import detect
from cospeech.video.films.animate import animate_portrait, portrait_keypoints
from cospeech.video.films.portrait import Portrait, open_portrait

LIPS = POINTS.index("face_62"), POINTS.index("face_66")  # middles of the inner lips
FURTHEST = 10  # frames


def opened(portrait: Portrait, model: GestureModel, recording: Recording, *, words: bool, film: bool) -> np.ndarray:
    """Distance of the inner lips [T] in pixels, from the closest they come; of the points, or as a film shows them."""
    speech = recording.speech if words else replace(recording.speech, words=())
    motion = model.generate(speech, seed=0)
    if film:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{recording.name}.mp4"
            animate_portrait(portrait, motion, path, speech=speech, mark=False, quiet=True)
            points = detect(path, name=path.name, cache=False)["points"]
    else:
        points = portrait_keypoints(portrait, motion, speech)
    apart: np.ndarray = np.linalg.norm(points[:, LIPS[0]] - points[:, LIPS[1]], axis=-1)[: speech.frames]
    return apart - apart.min()


def beginning(recording: Recording, seconds: float) -> Recording:
    """The first seconds of a recording, to the end of a phone."""
    phones = tuple(phone for phone in recording.phones if phone.end <= seconds)
    end = min(seconds, recording.speech.seconds)
    jaw = None  # which is not scored here
    return Recording(recording.name, recording.speech.cut(end=end), phones, jaw)


def measure(recording: Recording, apart: np.ndarray) -> dict[str, Any]:
    """The figures of one recording."""
    truth = true_opening(recording, len(apart))

    def r_at(lag: int) -> float:
        end = len(apart) - abs(lag)
        return r(apart[lag:], truth[:end]) if lag >= 0 else r(apart[:end], truth[-lag:])

    spoken = np.zeros(len(apart), bool)
    for phone in recording.phones:
        spoken[round(phone.start * FPS) : round(phone.end * FPS) + 1] = True
    shut = closures(recording, apart / float(np.percentile(apart[spoken], 95)), SHUT)
    return {
        "name": recording.name,
        "seconds": round(recording.speech.seconds, 2),
        "r": round(r_at(0), 3),
        "lag": max(range(-FURTHEST, FURTHEST + 1), key=r_at),
        "pbm": [shut.found, shut.wanted],
        "pbm_interval": [round(edge, 2) for edge in interval(shut.found, shut.wanted)],
        "false_per_minute": round(shut.per_minute, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("portrait", type=Path)
    parser.add_argument("--beat2", type=Path, required=True)
    parser.add_argument("--words", action="store_true")
    parser.add_argument("--points", type=Path)
    parser.add_argument("--model", default="contextual")
    parser.add_argument("--film", action="store_true")
    parser.add_argument("--seconds", type=float, default=np.inf, help="of each recording, its beginning")
    options = parser.parse_args()
    portrait = open_portrait(options.portrait, points=options.points)
    model = cospeech.load(options.model)
    recordings = [beginning(one, options.seconds) for one in beat2(options.beat2)]
    rows = [measure(one, opened(portrait, model, one, words=options.words, film=options.film)) for one in recordings]
    result = {
        "benchmark": "portrait_lips",
        "model": options.model,
        "words": options.words,
        "film": options.film,
        "recordings": len(rows),
        "r_mean": round(float(np.mean([row["r"] for row in rows])), 3),
        "r_least": min(row["r"] for row in rows),
        "latest": max((abs(row["lag"]) for row in rows), default=0),
        "pbm_share": round(sum(row["pbm"][0] for row in rows) / max(1, sum(row["pbm"][1] for row in rows)), 3),
        "each": rows,
    }
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
