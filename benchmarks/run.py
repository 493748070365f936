"""Run a benchmark and compare its figures with what it must reach; status 1 if one falls short.

    python benchmarks/run.py speed
    python benchmarks/run.py tokenizer --ebmdb EBMDB
    python benchmarks/run.py motion --measured motion.json

What follows the name goes to ``bench_NAME.py``, beside the arguments that expected.json has for it. ``--measured
FILE`` compares figures that were measured before. In expected.json each figure is named by its place in the
benchmark's JSON object, as in ``pooled.difference.speed_mean``, and has the bound that it must keep, ``at_most``,
``at_least`` or ``equal``, and the ``tolerance`` by which it may miss it, in its own unit. Seconds hold for a quiet
machine with two cores; ratios hold anywhere.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
EXPECTED = FOLDER / "expected.json"
BOUNDS = ("at_most", "at_least", "equal")


@dataclass(frozen=True)
class Comparison:
    """One figure beside what it must reach."""

    name: str
    measured: float | bool | str | None  # None if the benchmark did not give it
    bound: str
    wanted: float | bool | str
    tolerance: float

    @property
    def holds(self) -> bool:
        if self.measured is None:
            return False
        if isinstance(self.measured, bool | str) or isinstance(self.wanted, bool | str):
            return self.measured == self.wanted
        above, below = self.measured - self.wanted > self.tolerance, self.wanted - self.measured > self.tolerance
        return not {"at_most": above, "at_least": below, "equal": above or below}[self.bound]

    def __str__(self) -> str:
        wanted = f"{self.bound.replace('_', ' ')} {self.wanted}"
        tolerance = f", tolerance {self.tolerance}" if self.tolerance else ""
        return f"{'ok  ' if self.holds else 'MISS'} {self.name}: {self.measured} ({wanted}{tolerance})"


def at(result: Any, place: str) -> Any:
    """What stands at a dotted place of a JSON object, numbers for places in lists; None if nothing does."""
    for key in place.split("."):
        if isinstance(result, list) and key.isdigit() and int(key) < len(result):
            result = result[int(key)]
        elif isinstance(result, dict) and key in result:
            result = result[key]
        else:
            return None
    return result


def compared(result: Mapping[str, Any], figures: Mapping[str, Mapping[str, Any]]) -> list[Comparison]:
    """Every figure that a benchmark must reach.

    Raises:
        ValueError: a figure has no bound or several.
    """
    found = []
    for place, rule in figures.items():
        bounds = [name for name in BOUNDS if name in rule]
        if len(bounds) != 1 or set(rule) - {*BOUNDS, "tolerance"}:
            raise ValueError(f"{place} needs one of {', '.join(BOUNDS)} and may have a tolerance; got {dict(rule)}")
        found.append(Comparison(place, at(result, place), bounds[0], rule[bounds[0]], rule.get("tolerance", 0.0)))
    return found


def measure(name: str, arguments: Sequence[str]) -> dict[str, Any]:
    """The JSON object that a benchmark prints."""
    script = FOLDER / f"bench_{name}.py"
    done = subprocess.run([sys.executable, str(script), *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


def main(words: Sequence[str]) -> int:
    expected = json.loads(EXPECTED.read_text(encoding="utf-8"))
    if not words or words[0] not in expected:
        print(f"usage: python benchmarks/run.py NAME [ARGUMENTS]; NAME is one of {', '.join(expected)}")
        return 2
    name, rest = words[0], list(words[1:])
    entry = expected[name]
    if rest[:1] == ["--measured"]:
        result = json.loads(Path(rest[1]).read_text(encoding="utf-8"))
    else:
        result = measure(name, [*entry.get("arguments", []), *rest])
    comparisons = compared(result, entry["figures"])
    print(*comparisons, sep="\n")
    return 0 if all(comparison.holds for comparison in comparisons) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
