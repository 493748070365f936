"""Memory and time of ``prepare``, and what a process holds that draws training windows. One JSON object.

    python benchmarks/bench_prepare.py [--minutes 20 60] [--kind recorded|synthetic] [--workers N] [--work FOLDER]

Corpora are made up and of one-minute recordings: ``recorded`` is speech with motion (reader folder), ``synthetic``
is motion without speech and a tenth as much speech without motion, which are matched into pairs (ebmdb and speech).
Memory is the sum of the resident memory of ``prepare`` and all its child processes, sampled every 50 ms; pages that
processes share count in each. ``window_mb`` is what drawing windows from the whole dataset adds to the memory of one
process: ``anonymous`` is its own, ``mapped`` are pages of files, which the system takes back when it needs them.

Fails (exit status 1) if a peak is over ``--most`` MB or the peaks differ by more than ``--flat``.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # made-up recordings are those of the tests

SECONDS = 60.0  # of a recording
DISTINCT = 4  # recordings; the others are copies of them
SPEECH_SHARE = 10  # minutes of motion for a minute of speech that is to be paired
TAKE = 2  # recordings of a session of ebmdb, which are read together
EVERY = 0.05  # seconds between two looks at the memory
MEGABYTE = 2**20

PREPARE = """
import sys
from cospeech.data.prepare import prepare
corpora = [tuple(one.split("=")) for one in sys.argv[3:]]
prepare(corpora, sys.argv[1], rounds=1, workers=int(sys.argv[2]) or None, quiet=True)
"""
WINDOWS = """
import sys
from cospeech.data.dataset import GestureDataset
from cospeech.data.windows import WindowSampler
def memory():
    text = open("/proc/self/status").read()
    found = dict(line.split(":", 1) for line in text.splitlines())
    return [int(found.get(name, found["VmRSS"]).split()[0]) / 1024 for name in ("RssAnon", "RssFile")]
dataset = GestureDataset(sys.argv[1])
sampler = WindowSampler(dataset, dataset.items, window=144, batch_size=64)
before = memory()
for step in range(100):
    sampler(step)
print(*(after - start for after, start in zip(memory(), before)))
"""


def recorded(folder: Path, minutes: int) -> list[str]:
    """A folder of BVH and sound."""
    from corpus_data import gesturing, voice
    from cospeech.motion.formats.bvh import save_bvh
    from cospeech.speech.audio import write_wav

    folder.mkdir(parents=True)
    for k in range(minutes):
        motion, sound = folder / f"talk{k:04d}.bvh", folder / f"talk{k:04d}.wav"
        if k < DISTINCT:
            save_bvh(gesturing(SECONDS, seed=k), motion)
            write_wav(sound, voice(SECONDS, seed=k)[0])
        else:
            for path in (motion, sound):
                shutil.copy(folder / f"talk{k % DISTINCT:04d}{path.suffix}", path)
    return [f"folder={folder}"]


def synthetic(folder: Path, minutes: int) -> list[str]:
    """Motion without speech in the layout of ebmdb, and speech without motion."""
    from corpus_data import ACTORS, write_ebmdb, write_speech

    each = max(1, minutes // len(ACTORS))
    write_ebmdb(folder / "ebmdb", clips=min(each, DISTINCT), seconds=SECONDS)
    with open(folder / "ebmdb" / "clips.csv", newline="") as table:
        head, *rows = csv.reader(table)
    more = []
    for actor in ACTORS:
        own = [row for row in rows if row[1] == actor]
        for k in range(each):
            row = list(own[k % len(own)])
            if k >= len(own):
                row[0] = f"{actor}/copy_{row[2]}_{k:04d}.bvh"
                shutil.copy(folder / "ebmdb" / own[k % len(own)][0], folder / "ebmdb" / row[0])
            row[4] = f"{actor}{k // TAKE}"
            more.append(row)
    with open(folder / "ebmdb" / "clips.csv", "w", newline="") as table:
        csv.writer(table).writerows([head, *more])
    write_speech(folder / "speech", train=max(1, minutes // SPEECH_SHARE - 2), others=1, seconds=SECONDS)
    return [f"ebmdb={folder / 'ebmdb'}", f"speech={folder / 'speech'}"]


def family(root: int) -> list[int]:
    """Process ids of a process and of all that it started."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
    found = [root]
    for process in found:
        found += [child for child, parent in parents.items() if parent == process and child not in found]
    return found


def resident(process: int) -> float:
    """Resident memory in MB; 0 of a process that has ended."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * 4096 / MEGABYTE


def watched(command: list[str]) -> tuple[float, float]:
    """Peak memory in MB of a command with its children, and its seconds."""
    began, peak = time.perf_counter(), 0.0
    process = subprocess.Popen(command)
    while process.poll() is None:
        peak = max(peak, sum(map(resident, family(process.pid))))
        time.sleep(EVERY)
    if process.returncode:
        raise SystemExit(f"prepare failed with {process.returncode}")
    return peak, time.perf_counter() - began


def measure(kind: str, minutes: int, work: Path, workers: int) -> dict[str, Any]:
    """Figures of one size."""
    make = {"recorded": recorded, "synthetic": synthetic}[kind]
    corpora = make(work / f"{kind}{minutes}", minutes)
    out = work / f"dataset-{kind}{minutes}"
    command = [sys.executable, "-c", PREPARE, str(out), str(workers), *corpora]
    peak, seconds = watched(command)
    _, again = watched(command)
    windows = subprocess.run([sys.executable, "-c", WINDOWS, str(out)], capture_output=True, text=True, check=True)
    anonymous, mapped = map(float, windows.stdout.split())
    size = sum(path.stat().st_size for path in out.glob("shard-*.safetensors"))
    return {
        "minutes": minutes,
        "peak_mb": round(peak),
        "seconds": round(seconds, 1),
        "again_seconds": round(again, 1),
        "dataset_mb": round(size / MEGABYTE),
        "window_mb": {"anonymous": round(anonymous), "mapped": round(mapped)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, nargs="+", default=[20, 60])
    parser.add_argument("--kind", choices=("recorded", "synthetic"), default="recorded")
    parser.add_argument("--workers", type=int, default=0, help="0: as many as there are processors")
    parser.add_argument("--work", type=Path, help="folder for the corpora; a temporary one unless given")
    parser.add_argument("--most", type=float, default=1000.0, help="MB that a peak may have")
    parser.add_argument("--flat", type=float, default=0.2, help="share by which the largest may be over the smallest")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        rows = [measure(options.kind, minutes, work, options.workers) for minutes in options.minutes]
    peaks = [row["peak_mb"] for row in rows]
    growth = max(peaks) / min(peaks) - 1
    good = max(peaks) <= options.most and growth <= options.flat
    result = {"benchmark": "prepare", "kind": options.kind, "rows": rows, "growth": round(growth, 3), "good": good}
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    sys.exit(not good)


if __name__ == "__main__":
    main()
