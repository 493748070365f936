"""Kill -9 at every file operation of a build, an add and a merge, one after the other; run as a script.

    python library_kill.py STORE OTHER FOLDER

After every kill the library opens, is whole, and is the old one or the new one. A process that is split off
does the work and kills itself at the n-th call that changes the disk, for n = 1, 2, ... until it comes
through. SQLite's own writing is killed at random moments (benchmarks/bench_library_kill.py does so for long).
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cospeech.core.errors import UserError
from cospeech.gesture_library import writer
from cospeech.gesture_library.build import add_to_library, build_library
from cospeech.gesture_library.check import check_library
from cospeech.gesture_library.library import open_library
from cospeech.gesture_library.merge import merge_libraries
from library_data import FakeEmbedder

FAKE = FakeEmbedder()
CALLS = ("fsync", "replace", "unlink", "rmdir")


def entries(folder: Path) -> frozenset[str] | None:
    """Ids of what a library holds, after a look at all of it; None if there is none."""
    try:
        opened = open_library(folder)
    except UserError as error:
        if "is no gesture library" in str(error):
            return None
        raise
    problems = check_library(folder).problems
    assert not problems, problems
    for entry in opened.samples():
        opened.encoded(entry)
    return frozenset(entry.id for entry in opened.samples())


def split_off(work: Callable[[], object], *, at: int = 0, after: float | None = None) -> bool:
    """Do the work in another process that is killed at a call or after some seconds; did it come through?"""
    child = os.fork()
    if child == 0:
        count = 0

        def counted(function: Callable) -> Callable:
            def call(*args: object, **options: object) -> object:
                nonlocal count
                count += 1
                if count == at:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*args, **options)

            return call

        for name in CALLS:
            setattr(os, name, counted(getattr(os, name)))
        Path.unlink = counted(Path.unlink)  # type: ignore[method-assign]
        try:
            work()
        except BaseException:
            os._exit(3)
        os._exit(0)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0, "the work failed"
    return os.WIFEXITED(status)


def main(dataset: Path, other: Path, folder: Path) -> None:
    """All of it; raises AssertionError where something is lost."""
    writer.SHARD_FRAMES = 900
    base, spare, kept = folder / "base", folder / "spare", folder / "kept"
    build_library(other, spare, model=FAKE, quiet=True)
    works: dict[str, Callable[[], object]] = {
        "build": lambda: build_library(other, base, model=FAKE, quiet=True),
        "build over": lambda: build_library(dataset, base, model=FAKE, quiet=True),
        "add": lambda: add_to_library(base, other, model=FAKE, quiet=True),
        "merge": lambda: merge_libraries([spare], base, quiet=True),
    }
    after: dict[str, frozenset[str] | None] = {}
    for name, work in works.items():
        before, seen, at, through = entries(base), set(), 0, False
        if base.exists():
            shutil.copytree(base, kept)
        while not through:
            at += 1
            through = split_off(work, at=at)
            after[name] = entries(base)
            seen.add(after[name])
            if not through:  # once more from where it began
                shutil.rmtree(base, ignore_errors=True)
                if kept.exists():
                    shutil.copytree(kept, base)
        shutil.rmtree(kept, ignore_errors=True)
        assert seen == {before, after[name]}, name
        assert not list(base.glob(".*")), name
        assert not check_library(base).leftovers, name
        sys.stdout.write(f"{name}: killed at {at - 1} calls\n")
    new, old, grown = after["build"], after["build over"], after["add"]
    assert new is not None
    assert old is not None
    assert after["merge"] == new == entries(spare)
    assert grown == old | new
    # At any moment, on whatever the last kill has left; nobody but the next work tidies up.
    chance = random.Random(0)
    for _ in range(10):
        name, before = chance.choice(["build over", "add"]), entries(base)
        split_off(works[name], after=chance.uniform(0.0, 0.25))
        assert before is not None
        assert entries(base) in ((before, old) if name == "build over" else (before, before | new)), name
    sys.stdout.write("any: killed at 10 moments\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
