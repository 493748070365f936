"""How fast: speech to motion warm, the whole command to BVH, ten minutes of speech. One JSON object.

    python benchmarks/bench_speed.py [--runs 9]

Speech is noise bursts of syllable length, so that no recording is needed; the work does not depend on
what is said.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def babble(seconds: float) -> np.ndarray:
    """Syllable-like bursts of a buzzing tone, [N] float32 at 16 kHz."""
    rng = np.random.default_rng(0)
    t = np.arange(int(16_000 * seconds)) / 16_000
    envelope = np.clip(np.sin(2 * np.pi * 3.1 * t), 0, 1) * (np.sin(2 * np.pi * 0.23 * t) > -0.8)
    tone = sum(np.sin(2 * np.pi * 120 * k * t) / k for k in range(1, 12))
    return (0.1 * envelope * (tone + 0.1 * rng.standard_normal(len(t)))).astype(np.float32)


def warm(seconds: float, runs: int) -> list[float]:
    from cospeech import Speech, load

    model = load()
    speech = Speech(babble(seconds))
    model.generate(speech)
    times = []
    for seed in range(runs):
        began = time.perf_counter()
        model.generate(speech, seed=seed)
        times.append(time.perf_counter() - began)
    return sorted(times)


def command(runs: int) -> list[float]:
    from cospeech.speech.audio import write_wav

    times = []
    with tempfile.TemporaryDirectory() as folder:
        wav, out = Path(folder) / "talk.wav", Path(folder) / "talk.bvh"
        write_wav(wav, babble(10.0))
        for _ in range(runs):
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "cospeech", "generate", str(wav), "-o", str(out)],
                check=True,
                capture_output=True,
            )
            times.append(time.perf_counter() - began)
    return sorted(times)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    ten = warm(10.0, runs)
    minute = warm(60.0, 2)
    long = warm(600.0, 1)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    whole = command(runs)
    print(
        json.dumps(
            {
                "benchmark": "speed",
                "machine": platform.processor() or platform.machine(),
                "cores": len(os.sched_getaffinity(0)),
                "ten_seconds_median_s": round(ten[len(ten) // 2], 4),
                "ten_seconds_min_s": round(ten[0], 4),
                "one_minute_s": round(minute[0], 3),
                "ten_minutes_s": round(long[0], 3),
                "ten_minutes_over_ten_times_one": round(long[0] / (10 * minute[0]), 3),
                "peak_memory_mib": round(memory),
                "command_to_bvh_median_s": round(whole[len(whole) // 2], 3),
                "command_to_bvh_min_s": round(whole[0], 3),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
