"""How fast: speech to motion warm, the whole command to BVH, ten minutes of speech. One JSON object.

    python benchmarks/bench_speed.py [--runs 9]
    python benchmarks/bench_speed.py --formats --dataset DATASET --tokenizer RUN --generator RUN [--runs 9]

The second one compares how the same networks are kept and run: ``int8`` is the model as it is shipped
(``--model``), ``float32`` the ONNX graphs of the runs it came from with their weights as they were learned,
``torch`` the modules themselves on the processor, ``float16`` may be named as well. For each: the time of
ten seconds of speech to motion, loaded, front end included, in turns; megabytes of weights on disk; and how
far joints turn away from ``float32``, in degrees, over all joints that models make and all frames. "Same
tokens" has the first layer drawn from the logits of ``float32``, so that only what the format does to the
numbers is left; "free" draws from its own, where one token that falls otherwise changes all that follows.

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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

FORMATS = ("int8", "float16", "float32", "torch")


def babble(seconds: float) -> np.ndarray:
    """Syllable-like bursts of a buzzing tone, [N] float32 at 16 kHz."""
    rng = np.random.default_rng(0)
    t = np.arange(int(16_000 * seconds)) / 16_000
    envelope = np.clip(np.sin(2 * np.pi * 3.1 * t), 0, 1) * (np.sin(2 * np.pi * 0.23 * t) > -0.8)
    tone = sum(np.sin(2 * np.pi * 120 * k * t) / k for k in range(1, 12))
    return (0.1 * envelope * (tone + 0.1 * rng.standard_normal(len(t)))).astype(np.float32)


def warm(seconds: float, runs: int, name: str) -> list[float]:
    from cospeech import Speech, load

    model = load(name)
    speech = Speech(babble(seconds))
    model.generate(speech)
    times = []
    for seed in range(runs):
        began = time.perf_counter()
        model.generate(speech, seed=seed)
        times.append(time.perf_counter() - began)
    return sorted(times)


def command(runs: int, name: str) -> list[float]:
    from cospeech.speech.audio import write_wav

    times = []
    with tempfile.TemporaryDirectory() as folder:
        wav, out = Path(folder) / "talk.wav", Path(folder) / "talk.bvh"
        write_wav(wav, babble(10.0))
        for _ in range(runs):
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "cospeech", "generate", str(wav), "-o", str(out), "--model", name],
                check=True,
                capture_output=True,
            )
            times.append(time.perf_counter() - began)
    return sorted(times)


def whole(runs: int, name: str) -> dict[str, float]:
    """The model as it is installed."""
    ten = warm(10.0, runs, name)
    minute = warm(60.0, 2, name)
    long = warm(600.0, 1, name)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    bvh = command(runs, name)
    return {
        "ten_seconds_median_s": round(ten[len(ten) // 2], 4),
        "ten_seconds_min_s": round(ten[0], 4),
        "one_minute_s": round(minute[0], 3),
        "ten_minutes_s": round(long[0], 3),
        "ten_minutes_over_ten_times_one": round(long[0] / (10 * minute[0]), 3),
        "peak_memory_mib": round(memory),
        "command_to_bvh_median_s": round(bvh[len(bvh) // 2], 3),
        "command_to_bvh_min_s": round(bvh[0], 3),
    }


def size(files: Sequence[Path]) -> float:
    """Megabytes."""
    return round(sum(path.stat().st_size for path in files) / 1e6, 2)


class Replayed:
    """Networks whose first layer is drawn from recorded logits, in the order of the calls."""

    def __init__(self, networks: Any, logits: list[np.ndarray], *, record: bool = False) -> None:
        self._networks, self._logits, self._record, self._next = networks, logits, record, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._networks, name)

    def masked(self, *given: Any) -> np.ndarray:
        """The logits of this call."""
        if self._record:
            self._logits.append(self._networks.masked(*given))
        self._next += 1
        return self._logits[self._next - 1]


def opened(name: str, model: Any, runs: tuple[Path, Path], dataset: Path, scratch: Path) -> tuple[Any, float]:
    """Networks of a format and their size on disk."""
    from cospeech.data.dataset import GestureDataset
    from cospeech.methods.contextual.export import TorchNetworks, export_contextual
    from cospeech.methods.contextual.graphs import OnnxNetworks
    from cospeech.methods.contextual.train import load_generator_run
    from cospeech.methods.model_folder import ModelFolder
    from cospeech.methods.tokenizer.train import load_tokenizer_run

    if name == "torch":
        tokenizer, generator = load_tokenizer_run(runs[0])[0], load_generator_run(runs[1])[0]
        return TorchNetworks(tokenizer, generator), size([run / "model.safetensors" for run in runs])
    folder = model._folder.folder
    if name != "int8":
        folder = export_contextual(*runs, GestureDataset(dataset), scratch / name, weights=name)
    config = json.loads((folder / "config.json").read_text())
    for key in ("config", "styles"):
        if config[key] != model.config[key]:
            sys.exit(f"{key} of the runs is {config[key]}, of the model {model.config[key]}; name the model's runs")
    return OnnxNetworks(ModelFolder(folder, config)), size([*folder.glob("*.onnx"), *folder.glob("*.safetensors")])


def angles(made: Any, wanted: Any) -> dict[str, float]:
    """Degrees between the joints of two motions."""
    from cospeech.core.rotation import matrix_to_axis_angle
    from cospeech.evaluation.real_motion import coded_joints

    joints = coded_joints()
    one, two = (motion.rotations[:, joints].astype(np.float64) for motion in (made, wanted))
    away = np.rad2deg(np.linalg.norm(matrix_to_axis_angle(one.swapaxes(-1, -2) @ two), axis=-1))
    return {"mean": round(float(away.mean()), 4), "greatest": round(float(away.max()), 4)}


def formats(names: Sequence[str], options: argparse.Namespace) -> dict[str, Any]:
    """A row for each format."""
    import torch

    from cospeech import Speech, load

    torch.set_num_threads(1)  # as ONNX Runtime is told
    model, speech = load(options.model), Speech(babble(10.0))
    runs = (options.tokenizer, options.generator)
    with tempfile.TemporaryDirectory() as scratch:
        found = {
            name: opened(name, model, runs, options.dataset, Path(scratch))
            for name in dict.fromkeys([*names, "float32"])
        }
        models, times = {}, {name: [] for name in names}
        for name, (networks, _) in found.items():
            models[name] = model.with_sampling()
            models[name].networks = networks
            models[name].generate(speech)
        for seed in range(options.runs):
            for name in names:
                began = time.perf_counter()
                models[name].generate(speech, seed=seed)
                times[name].append(time.perf_counter() - began)

        def motion(networks: Any, seed: int) -> Any:
            steered = model.with_sampling(rhythm=False)
            steered.networks = networks
            return steered.generate(speech, seed=seed, face=False)

        away: dict[str, dict[str, list]] = {name: {"same": [], "free": []} for name in names}
        for seed in range(3):
            logits: list[np.ndarray] = []
            wanted = motion(Replayed(found["float32"][0], logits, record=True), seed)
            for name in names:
                away[name]["same"].append(angles(motion(Replayed(found[name][0], logits), seed), wanted))
                away[name]["free"].append(angles(motion(found[name][0], seed), wanted))
    return {
        name: {
            "ten_seconds_median_s": round(float(np.median(times[name])), 4),
            "ten_seconds_min_s": round(min(times[name]), 4),
            "weights_mb": found[name][1],
            "same_tokens_mean_degrees": np.mean([one["mean"] for one in away[name]["same"]]).round(4),
            "same_tokens_greatest_degrees": max(one["greatest"] for one in away[name]["same"]),
            "free_greatest_degrees": max(one["greatest"] for one in away[name]["free"]),
            "free_mean_degrees": np.mean([one["mean"] for one in away[name]["free"]]).round(4),
        }
        for name in names
    }


def machine() -> dict[str, Any]:
    """What was measured on."""
    return {"machine": platform.processor() or platform.machine(), "cores": len(os.sched_getaffinity(0))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--formats", nargs="*", choices=FORMATS, help="int8 float32 torch unless named")
    parser.add_argument("--model", default="contextual", help="as it is shipped")
    parser.add_argument("--dataset", "--store", type=Path, help="that the runs were trained on")
    parser.add_argument("--tokenizer", type=Path, help="run folder")
    parser.add_argument("--generator", type=Path, help="run folder")
    options = parser.parse_args()
    if options.formats is None:
        print(
            json.dumps(
                {"benchmark": "speed", **machine(), **whole(options.runs, options.model), "model": options.model},
                indent=1,
            )
        )
        return
    if not (options.dataset and options.tokenizer and options.generator):
        parser.error("--formats needs --dataset, --tokenizer and --generator")
    rows = formats(options.formats or ("int8", "float32", "torch"), options)
    text = {"benchmark": "speed of formats", **machine(), "runs": options.runs, "threads": 1, "formats": rows}
    print(json.dumps(text, indent=1))


if __name__ == "__main__":
    main()
