"""How fast a gesture library is, how large, and how often faiss finds what an exact search finds. JSON.

    python benchmarks/bench_library.py [--sizes 1000 100000 1000000] [--keys clustered gaussian]
    python benchmarks/bench_library.py --dataset DATASET [--split test]

One JSON object for each size. Keys are made up: 128 numbers, "clustered" (as many clusters as the root of
their number, as real ones lie together) or "gaussian" (evenly spread, the worst there is for faiss). Each
of the made-up segments has one frame of motion, so that a million fit on a disk; there are as many shards
as there would be with motion. Without faiss its figures are left out.

Of a dataset: time of building, size, where the cuts are (beside cuts every two seconds), what rounding does
to motion, and whether a segment's own gesture is found among 32 by its speech. Synthetic pairs are counted.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from cospeech.data.dataset import GestureDataset
from cospeech.gesture_library import index, writer
from cospeech.gesture_library.build import build_library
from cospeech.gesture_library.catalogue import FILE, Header, writing
from cospeech.gesture_library.check import check_library, library_info
from cospeech.gesture_library.embedder import Embedding
from cospeech.gesture_library.expressiveness import Expressiveness, Hands
from cospeech.gesture_library.library import GestureLibrary
from cospeech.gesture_library.sample import Filters
from cospeech.gesture_library.segments import segments, speech_breaks, valleys
from cospeech.gesture_library.shards import packed, unpacked
from cospeech.gesture_library.writer import Recording, Segment, Shards
from cospeech.metrics.retrieval import ranks
from cospeech.motion.codec import Codec
from cospeech.motion.phases import strokes
from cospeech.speech.layout import LAYOUT

E = 128
PER_RECORDING = 5
PER_SHARD = 570  # segments in 22 minutes
SPEAKERS = ("a", "b", "c", "d")


def made_up(count: int, kind: str, seed: int = 0) -> np.ndarray:
    """Keys [count, E] of length one."""
    rng = np.random.default_rng(seed)
    keys = rng.standard_normal((count, E), dtype=np.float32)
    if kind == "clustered":
        centres = np.random.default_rng(1).standard_normal((max(1, round(count**0.5)), E), dtype=np.float32)
        keys = centres[rng.integers(0, len(centres), count)] + 0.5 * keys
    keys /= np.linalg.norm(keys, axis=1, keepdims=True)
    return keys


def write_base(folder: Path, keys: np.ndarray) -> float:
    """A library of these keys; seconds that writing took."""
    codec = Codec()
    header = Header(Embedding("made up", "0", E), 30.0, codec.body, codec.hands, LAYOUT.dim)
    rng = np.random.default_rng(2)
    speeds = rng.gamma(2.0, 0.1, len(keys))
    writer.SHARD_FRAMES = PER_SHARD
    motion = np.zeros((PER_RECORDING, codec.channels), np.int16)
    began = time.perf_counter()
    with writing(folder, create=True) as change:
        change.start_anew(header)
        shards = Shards(change, E)
        for first in range(0, len(keys), PER_RECORDING):
            own = range(first, min(first + PER_RECORDING, len(keys)))
            parts = tuple(
                Segment(k, k + 1, None, keys[row], None, Expressiveness(speeds[row], 1.0, 0.3, 2))
                for k, row in enumerate(own)
            )
            name = f"recording-{first // PER_RECORDING:07d}"
            speaker = SPEAKERS[first // PER_RECORDING % len(SPEAKERS)]
            shards.add(Recording(name, "motion", "train", speaker, "joy", (name,), name, motion[: len(own)], parts))
        shards.finish()
    return time.perf_counter() - began


def memory() -> float:
    """Megabytes that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def latency(ask: Callable[[np.ndarray], object], questions: np.ndarray) -> dict[str, float]:
    """Milliseconds of single questions; "cpu" is the processor's time, which other programs do not add to."""
    ask(questions[0])
    times = []
    for question in questions:
        began, busy = time.perf_counter(), time.process_time()
        ask(question)
        times.append((1000 * (time.perf_counter() - began), 1000 * (time.process_time() - busy)))
    wall, cpu = np.array(times).T
    return {
        **{f"p{share}_ms": round(float(np.percentile(wall, share)), 3) for share in (50, 95)},
        **{f"p{share}_cpu_ms": round(float(np.percentile(cpu, share)), 3) for share in (50, 95)},
    }


def asking(base: GestureLibrary, filters: Callable[[], Filters]) -> Callable[[np.ndarray], object]:
    """Ask for ten."""
    return lambda question: base.nearest(question, role="gesture", k=10, filters=filters())


def measured(size: int, kind: str, queries: int, folder: Path) -> dict[str, object]:
    """All figures of one size."""
    keys = made_up(size, kind)
    written = write_base(folder, keys)
    rng = np.random.default_rng(3)
    questions = keys[rng.integers(0, size, queries)] + 0.05 * rng.standard_normal((queries, E), dtype=np.float32)
    questions = (questions / np.linalg.norm(questions, axis=1, keepdims=True)).astype(np.float32)
    before = memory()
    began = time.perf_counter()
    base = GestureLibrary(folder)
    opened = time.perf_counter() - began
    catalogue = memory() - before
    began = time.perf_counter()
    loaded = base.keys("gesture")
    read = time.perf_counter() - began
    names = [f"recording-{n:07d}" for n in rng.integers(0, max(1, size // PER_RECORDING), queries)]
    every = iter(names * 3)
    result: dict[str, object] = {
        "benchmark": "base",
        "keys": kind,
        "segments": size,
        "numbers": E,
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "shards": len(base.files) // 2,
        "write_s": round(written, 2),
        "open_s": round(opened, 3),
        "keys_read_and_checked_s": round(read, 3),
        "catalogue_memory_mb": round(catalogue, 1),
        "keys_memory_mb": round(loaded.values.nbytes / 1e6, 1),
        "catalogue_disk_mb": round((folder / FILE).stat().st_size / 1e6, 2),
        "keys_disk_mb": round(sum(f.bytes for f in base.files if f.role == "gesture") / 1e6, 2),
        "exact": latency(asking(base, Filters), questions),
        "exact_one_speaker": latency(asking(base, lambda: Filters(speaker="b", min_speed=0.2)), questions),
        "exact_another_left_out_each_time": latency(asking(base, lambda: Filters(exclude=(next(every),))), questions),
    }
    if find_spec("faiss") and size >= index.FEW:
        began = time.perf_counter()
        fast = index.FaissIndex(loaded.values, loaded.present)
        made = time.perf_counter() - began
        found, best = 0.0, 0
        for question in questions:
            right = index.nearest(loaded.values, question, k=10)[0]
            rows = fast.nearest(question, k=10)[0]
            found += len(set(right) & set(rows)) / 10
            best += int(right[0] == rows[0])
        result["faiss"] = {
            "index_s": round(made, 1),
            **latency(lambda q: fast.nearest(q, k=10), questions),
            "recall@10": round(found / queries, 4),
            "recall@1": round(best / queries, 4),
        }
    result["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return result


def cuts(dataset: GestureDataset, split: str) -> dict[str, float]:
    """Where recordings are cut, beside cuts every two seconds."""
    codec = Codec()
    count, good = 0, 0
    speeds: dict[str, list[float]] = {"cut": [], "even": []}
    near: dict[str, list[bool]] = {"cut": [], "even": []}
    for item in dataset.select(split=split):
        if item.frames < 60:
            continue
        motion = codec.decode(dataset.motion(item))
        activity = Hands(motion).activity
        breaks = None if item.kind == "motion" else speech_breaks(dataset.features(item))
        found = [start for start, _ in segments(activity, breaks)[1:]]
        count, good = count + len(found), good + int(valleys(activity)[found].sum())
        peaks = np.array([30 * stroke.time for stroke in strokes(motion)] or [np.inf])
        for name, places in (("cut", found), ("even", list(range(60, item.frames - 30, 60)))):
            speeds[name] += activity[places].tolist()
            near[name] += [bool(np.abs(peaks - place).min() <= 3) for place in places]
    return {
        "cuts": count,
        "in_valleys": good,
        "hand_speed_at_cuts": round(float(np.mean(speeds["cut"])), 3),
        "at_even_cuts": round(float(np.mean(speeds["even"])), 3),
        "within_0.1_s_of_a_stroke": round(float(np.mean(near["cut"])), 3),
        "even_cuts_within": round(float(np.mean(near["even"])), 3),
    }


def rounding(dataset: GestureDataset, split: str) -> dict[str, dict[str, float]]:
    """What storing does to motion: joints in mm, wrists' acceleration in m/s², the greatest of 100 items."""
    codec = Codec()
    items = dataset.select(split=split)
    result = {}
    for name, stored in (
        ("int16", lambda coded: unpacked(packed(coded))),
        ("float16", lambda coded: coded.astype(np.float16).astype(np.float32)),
    ):
        places, forces = [], []
        for item in items[:: max(1, len(items) // 100)]:
            coded = dataset.motion(item)
            a, b = (codec.decode(rows).positions.astype(np.float64) for rows in (coded, stored(coded)))
            wrists = [20, 21]
            places.append(1000 * np.linalg.norm(a - b, axis=-1).max())
            forces.append(900 * np.linalg.norm(np.diff((a - b)[:, wrists], 2, axis=0), axis=-1).max(initial=0))
        result[name] = {"mm": round(float(max(places)), 4), "m/s2": round(float(max(forces)), 3)}
    return result


def own_gesture_found(base: GestureLibrary, *, alike: bool, rounds: int = 20) -> dict[str, float]:
    """R@k in per cent: a segment's own gesture is among the k nearest of 32 to its speech.

    Args:
        alike: the 32 are of like length, which is a hint otherwise.
    """
    speech, gesture = base.keys("speech"), base.keys("gesture")
    rows = np.flatnonzero(speech.present)
    length = np.array([entry.last - entry.first for entry in base.samples()])
    rng, found = np.random.default_rng(0), []
    for _ in range(rounds):
        order = rng.permutation(rows)
        order = order[np.argsort(length[order], kind="stable")] if alike else order
        for first in range(0, len(order) - 31, 32):
            own = order[first : first + 32]
            found.append(ranks(speech.values[own] @ gesture.values[own].T))
    if not found:
        return {}
    every = np.concatenate(found)
    return {f"r@{k}": round(100 * float((every <= k).mean()), 1) for k in (1, 5, 10)}


def built(dataset: str, split: str, folder: Path) -> dict[str, object]:
    """Building from a dataset."""
    began, busy = time.perf_counter(), time.process_time()
    added = build_library(dataset, folder, split=(split,), quiet=True)
    seconds, cpu = time.perf_counter() - began, time.process_time() - busy
    info = library_info(folder)
    began = time.perf_counter()
    checked = check_library(folder)
    hours = added.seconds / 3600
    return {
        "benchmark": "library build",
        "split": split,
        "made_pairs": added.synthetic_pairs,
        "recordings": added.recordings,
        "segments": added.segments,
        "hours": round(hours, 2),
        "mean_segment_s": round(added.seconds / added.segments, 2),
        "build_s": round(seconds, 1),
        "build_s_an_hour": round(seconds / hours, 1),
        "build_cpu_s_an_hour": round(cpu / hours, 1),
        "disk_mb": round(info.bytes / 1e6, 1),
        "disk_mb_an_hour": round(info.bytes / 1e6 / hours, 1),
        "catalogue_mb": round((folder / FILE).stat().st_size / 1e6, 2),
        "check_s": round(time.perf_counter() - began, 2),
        "problems": len(checked.problems),
        "cuts": cuts(GestureDataset(dataset), split),
        "rounding": rounding(GestureDataset(dataset), split),
        "own_gesture_among_32": own_gesture_found(GestureLibrary(folder), alike=False),
        "own_gesture_among_32_of_like_length": own_gesture_found(GestureLibrary(folder), alike=True),
        "chance": {f"r@{k}": round(100 * k / 32, 1) for k in (1, 5, 10)},
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--keys", nargs="*", default=["clustered"])
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--dataset", "--store")
    parser.add_argument("--split", default="train")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        if options.dataset:
            print(json.dumps(built(options.dataset, options.split, Path(place) / "base"), indent=1))
            return
        for kind in options.keys:
            for size in options.sizes:
                folder = Path(place) / f"{kind}-{size}"
                print(json.dumps(measured(size, kind, options.questions, folder), indent=1), flush=True)


if __name__ == "__main__":
    main()
