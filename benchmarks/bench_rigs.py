"""How surely other people's rigs are read: made rigs of every convention that move as is known (``tests/rig_data.py``).

``python benchmarks/bench_rigs.py [--seeds N] [--mutants N]`` prints a table: conventions recognised by names, rigs
recognised by geometry with names that say nothing, how many of those were wrong with a confidence above 0.8, the worst
error of a limb's direction after reading files in all rest poses, units, up axes and facings, and what was silently
wrong, there and among mutated rigs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from cospeech.core.errors import UserError
from cospeech.motion.rig_recognition import RELIABLE, recognise
from rig_check import Outcome, limb_error, mutated, outcome, wrong_joints
from rig_data import CONVENTIONS, RESTS, UNITS, make_rig

FACINGS = (0.0, 90.0, 180.0, -37.0)


def by_names() -> tuple[list[str], list[str]]:
    """Conventions whose names are read rightly and surely, and the others."""
    good, bad = [], []
    for name in CONVENTIONS:
        made = make_rig(name)
        found = recognise(made.motion)
        sure = found.by == "names" and found.confidence > RELIABLE
        (good if sure and not wrong_joints(made, found) else bad).append(name)
    return good, bad


def by_geometry(seeds: int) -> tuple[int, int, int, float]:
    """Rigs without names: right ones, all, wrong ones that are sure, the highest confidence of a wrong one."""
    right, total, sure, highest = 0, 0, 0, 0.0
    for name in CONVENTIONS:
        for seed in range(seeds):
            for rest in RESTS[:3]:
                made = make_rig(name, shuffled=True, seed=seed, rest=rest, facing=FACINGS[seed % 4])
                total += 1
                try:
                    found = recognise(made.motion)
                except UserError:
                    continue
                if not wrong_joints(made, found):
                    right += 1
                else:
                    sure += found.confidence > RELIABLE
                    highest = max(highest, found.confidence)
    return right, total, sure, highest


def files(seeds: int, folder: Path) -> Iterator[tuple[str, float | None]]:
    """Name and error in degrees (None: refused) of files of every convention, rest pose, unit, axis and facing."""
    count = 0
    for name in CONVENTIONS:
        for seed in range(seeds):
            for k, rest in enumerate(RESTS):
                count += 1
                suffix = ".glb" if rest == "rolled" or (count + seed) % 3 == 0 else ".bvh"
                made = make_rig(
                    name,
                    rest=rest,
                    unit="m" if suffix == ".glb" else list(UNITS)[(count + seed) % 4],
                    up="z" if (count // 2 + seed) % 2 else "y",
                    facing=FACINGS[(k + seed) % 4],
                    seed=seed,
                    t_pose=rest == "along x" and seed % 2 == 0,
                )
                what = f"{name}, {rest}, {suffix}, seed {seed}"
                yield what, limb_error(made, made.save(folder / f"made{suffix}"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--mutants", type=int, default=1000)
    options = parser.parse_args()
    good, bad = by_names()
    right, total, sure, highest = by_geometry(options.seeds)
    with tempfile.TemporaryDirectory() as name:
        errors = dict(files(options.seeds, Path(name)))
        ends = Counter()
        for seed in range(options.mutants):
            found = outcome(*mutated(seed), Path(name))
            ends[found.kind] += 1
            if found.kind == "silently wrong":
                sys.stdout.write(f"mutant {seed}: {found.what}\n")
    read = {what: error for what, error in errors.items() if error is not None}
    worst = max(read, key=lambda what: read[what])
    rows = [
        (
            "conventions recognised by names",
            f"{len(good)} of {len(good) + len(bad)}{': not ' if bad else ''}{bad or ''}",
        ),
        ("recognised by geometry, names scrambled", f"{right} of {total} ({100 * right / total:.1f} %)"),
        (f"wrong with confidence above {RELIABLE}", f"{sure} (highest of a wrong one: {highest:.2f})"),
        ("files read / refused", f"{len(read)} / {len(errors) - len(read)}"),
        ("worst error of a limb's direction", f"{read[worst]:.3f} degrees ({worst})"),
        ("files silently wrong (over 1 degree)", str(int(np.sum(np.array(list(read.values())) > 1.0)))),
        (f"{options.mutants} mutated rigs", ", ".join(f"{kind} {ends[kind]}" for kind in Outcome.KINDS)),
    ]
    for what, value in rows:
        sys.stdout.write(f"{what:42}{value}\n")


if __name__ == "__main__":
    main()
