"""Kill -9 at random moments of `cospeech library build` and `cospeech library add`: what is lost? One JSON object.

    python benchmarks/bench_library_kill.py DATASET [--kills 50] [--recordings 8] [--seed 0]

Two datasets are taken from the training split of one, so many recordings each. Builds are of the one over the
other, or where nothing is; adds bring the other to the one. The command runs in a process that is split off,
with small shards, so that there are many. A third of the kills come at any moment of it, a third while shards
are written, a third around the commit. After each, the library must open, `library check` must find nothing, and it
must hold what it held before or all that it was to become. Each kill meets what the one before it left.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path

from cospeech.cli import main as main_command
from cospeech.core.errors import UserError
from cospeech.data.dataset import GestureDataset, SampleData, write_manifest, write_shard
from cospeech.gesture_library import writer
from cospeech.gesture_library.check import check_library
from cospeech.gesture_library.library import open_library

MOMENTS = ("any", "shards", "commit")
Held = frozenset[str] | None


def two_stores(dataset: GestureDataset, folder: Path, recordings: int) -> tuple[Path, Path]:
    """Datasets of the first recordings and of the next ones, motion and pairs in turn."""
    kinds = [dataset.select(split="train", kind=kind) for kind in ("motion", ("pair", "synthetic_pair"))]
    chosen = [item for both in zip(*kinds, strict=False) for item in both] or dataset.select(split="train")
    places = []
    for number in range(2):
        place = folder / f"store{number}"
        place.mkdir()
        entries = [
            SampleData(
                i.id,
                i.kind,
                i.split,
                i.speaker,
                i.emotion,
                dataset.motion(i),
                None if i.kind == "motion" else dataset.features(i),
                i.info,
            )
            for i in chosen[number * recordings : (number + 1) * recordings]
        ]
        write_shard(place, 0, entries, int(dataset.header["feature_dim"]))
        header = {name: value for name, value in dataset.header.items() if name != "encoders"}
        write_manifest(place, header, [0])
        places.append(place)
    return places[0], places[1]


def held(base: Path) -> tuple[Held, tuple[str, ...]]:
    """Entries of a library (None: there is none), and what is wrong with it."""
    try:
        opened = open_library(base)
    except UserError as error:
        return None, () if "is no gesture library" in str(error) else (str(error),)
    return frozenset(entry.id for entry in opened.samples()), check_library(base).problems


class Run:
    """One command in a process of its own, watched through the files that it begins."""

    def __init__(self, base: Path, *words: object) -> None:
        self.base, self.words, self.began = base, words, time.monotonic()
        self.shards: set[str] = set()  # begun, by the last file of each
        self.first: float | None = None  # seconds until the first file
        self.last = 0.0  # seconds until the last file
        self.lasted = 0.0  # seconds, once it has ended
        self._child = os.fork()
        if self._child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            try:
                main_command(["base", *map(str, words)])
            except BaseException:
                os._exit(3)
            os._exit(0)

    def goes_on(self) -> bool:
        """Look once; whether it still runs."""
        ended, status = os.waitpid(self._child, os.WNOHANG)
        if ended and os.waitstatus_to_exitcode(status):
            raise SystemExit(f"the command failed: {self.words}")
        now = time.monotonic() - self.began
        begun = [name for name in os.listdir(self.base) if name[0] == "."] if self.base.is_dir() else []
        if begun:
            self.first = now if self.first is None else self.first
        for name in begun:
            if name.startswith(".speech-") and name not in self.shards:
                self.shards.add(name)
                self.last = now
        time.sleep(0.0005)
        return not ended

    def through(self) -> Run:
        """Let it come to its end."""
        while self.goes_on():
            pass
        self.lasted = time.monotonic() - self.began
        return self

    def kill(self) -> None:
        """Kill -9."""
        os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)


def killed(run: Run, full: Run, moment: str, chance: random.Random) -> bool:
    """Kill a run at a moment of chance; False if it had come through before.

    Args:
        full: one that was let through, which says how long things last.
    """
    assert full.first is not None
    if moment == "any":
        start, wait = 0.0, chance.uniform(0, full.lasted)
    elif moment == "shards":
        start, wait = None, chance.uniform(0, full.last - full.first)
    else:
        start, wait = None, chance.uniform(0, 1.2 * (full.lasted - full.last))
    while run.goes_on():
        now = time.monotonic() - run.began
        if start is None and moment == "shards" and run.first is not None:
            start = run.first
        if start is None and moment == "commit" and len(run.shards) >= len(full.shards):
            start = run.last
        if start is not None and now - start >= wait:
            run.kill()
            return True
    run.lasted = time.monotonic() - run.began
    return False


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--recordings", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    writer.SHARD_FRAMES = 600
    chance = random.Random(options.seed)
    result: dict[str, object] = {"benchmark": "library kill", "kills_each": options.kills}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        one, other = two_stores(GestureDataset(options.dataset), folder, options.recordings)
        base, kept = folder / "base", folder / "kept"
        full = {"build": Run(base, "build", one, "-o", base).through()}
        old = held(base)[0]
        shutil.copytree(base, kept)
        full["add"] = Run(base, "add", base, other).through()
        grown = held(base)[0]
        assert old is not None
        assert grown is not None
        assert old < grown
        for what in ("build", "add"):
            seen: Counter[str] = Counter()
            faults: list[str] = []
            while seen["killed"] < options.kills:
                before = held(base)[0]
                if what == "build" and chance.random() < 0.2:
                    shutil.rmtree(base)
                    before = None
                if what == "add" and before != old:
                    shutil.rmtree(base)
                    shutil.copytree(kept, base)
                    before = old
                # A build brings what is not there; from time to time it replaces a grown library.
                source = other if what == "add" or before == old else one
                new = grown if what == "add" else old if source == one else grown - old
                words = ("add", base, source) if what == "add" else ("build", source, "-o", base)
                moment = MOMENTS[seen["killed"] % 3]
                run = Run(base, *words)
                if not killed(run, full[what], moment, chance):
                    full[what] = run  # the machine has become faster
                    seen["came through before the kill"] += 1
                    continue
                seen["killed"] += 1
                begun = base.is_dir() and any(path.name[0] == "." for path in base.iterdir())
                seen["while a file was written"] += begun
                found, problems = held(base)
                if found is not None:
                    seen["with files left behind"] += check_library(base).leftovers > 0
                faults += [f"{what} {seen['killed']}: {problem}" for problem in problems]
                if found not in (before, new):
                    faults.append(f"{what} {seen['killed']}: neither the old library nor the new one")
                seen["then the new one" if found == new else "then the old one" if found else "then none"] += 1
            result[what] = {
                "lasts_s": round(full[what].lasted, 2),
                "shards": len(full[what].shards),
                **seen,
                "faults": faults,
            }
        Run(base, "build", one, "-o", base).through()
        found, problems = held(base)
        result["at last"] = {
            "whole": not problems,
            "as built": found == old,
            "leftovers": check_library(base).leftovers,
        }
        result["segments"] = {"old": len(old), "grown": len(grown)}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
