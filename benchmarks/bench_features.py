"""How long the speech side takes: features, face and word times. Prints one JSON object.

Run: PYTHONPATH=src python benchmarks/bench_features.py [--long]
Times are the best of several runs, in milliseconds of processor time on one core.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from cospeech.motion.procedural.face import face_from_speech
from cospeech.speech import Speech, load_speech
from cospeech.speech.features import LOOK_AHEAD, FeatureExtractor, speech_features
from cospeech.speech.forced_alignment import align

EXAMPLES = Path(__file__).parents[1] / "examples"


def best(call: Callable[[], object], *, runs: int) -> float:
    """Least processor time of a call in milliseconds."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return round(1000.0 * min(times), 2)


def stream(samples: np.ndarray, *, chunk: int) -> None:
    extractor = FeatureExtractor()
    for start in range(0, len(samples), chunk):
        extractor.push(samples[start : start + chunk])
    extractor.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="time an hour of speech too")
    arguments = parser.parse_args()
    hello = load_speech(EXAMPLES / "hello.wav")
    text = (EXAMPLES / "hello.txt").read_text()
    ten = hello.cut(end=10.0)
    minutes = np.tile(hello.samples, 39)[: 600 * 16000]
    speech_features(ten.samples)  # tables are made at the first call
    result: dict[str, object] = {
        "features_10s_ms": best(lambda: speech_features(ten.samples), runs=9),
        "features_10s_in_chunks_of_20ms_ms": best(lambda: stream(ten.samples, chunk=320), runs=3),
        "features_10min_ms": best(lambda: speech_features(minutes), runs=2),
        "face_10s_ms": best(lambda: face_from_speech(ten), runs=9),
        "face_10min_ms": best(lambda: face_from_speech(Speech(minutes)), runs=1),
        "align_hello_ms": best(lambda: align(hello, text=text), runs=3),
        "hello_seconds": round(hello.seconds, 2),
        "look_ahead_ms": round(1000.0 * LOOK_AHEAD, 1),
    }
    if arguments.long:
        hour = np.tile(minutes, 6)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        result["features_1h_ms"] = best(lambda: speech_features(hour), runs=1)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        result["features_1h_extra_memory_mb"] = round((after - before) / 1024.0, 1)
    result["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, numpy {np.__version__}"
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
