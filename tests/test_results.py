"""Benchmarks can fail, and the tables of docs/results.md are those of the stored figures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RUN = ROOT / "benchmarks" / "run.py"

sys.path.insert(0, str(ROOT / "scripts"))
import make_results  # noqa: E402


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, RUN, *map(str, words)], capture_output=True, text=True)


@pytest.fixture
def measured(tmp_path):
    """Writes figures of the tokenizer benchmark as if they had been measured."""

    def write(**changed: float) -> Path:
        reached = {"joint_angle_deg": 2.28, "wrist_cm": 2.01, "hand_speed_ratio": 1.097, "jerk_ratio": 1.04}
        path = tmp_path / "measured.json"
        path.write_text(json.dumps({**reached, **changed}))
        return path

    return write


def test_the_page_has_the_stored_tables():
    page = make_results.PAGE.read_text(encoding="utf-8")
    assert make_results.filled(page, make_results.stored()) == page, "run python scripts/make_results.py"


def test_a_changed_figure_is_noticed():
    page = make_results.PAGE.read_text(encoding="utf-8")
    changed = page.replace("2.28 degrees |", "2.27 degrees |")
    assert changed != page
    assert make_results.filled(changed, make_results.stored()) == page


def test_a_table_without_markers_is_refused():
    table = make_results.Table("python benchmarks/bench_lips.py", "2026-11-21", ("what",), (("lips",),))
    with pytest.raises(ValueError, match="lips"):
        make_results.filled("a page", {"lips": table})


def test_figures_that_hold_pass(measured):
    done = run("tokenizer", "--measured", measured())
    assert (done.returncode, done.stdout.count("ok")) == (0, 4)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"joint_angle_deg": 2.5}, "MISS joint_angle_deg: 2.5 (at most 2.28, tolerance 0.05)"),
        ({"jerk_ratio": 0.9}, "MISS jerk_ratio: 0.9 (equal 1.04, tolerance 0.03)"),
        ({"wrist_cm": None}, "MISS wrist_cm: None (at most 2.01, tolerance 0.05)"),
    ],
)
def test_a_figure_that_falls_short_fails(measured, changed, line):
    done = run("tokenizer", "--measured", measured(**changed))
    assert done.returncode == 1
    assert line in done.stdout.splitlines()


def test_an_unknown_benchmark_lists_the_known_ones():
    done = run("nonsense")
    assert done.returncode == 2
    assert "tokenizer" in done.stdout


def test_every_expected_benchmark_is_there():
    for name in json.loads((RUN.parent / "expected.json").read_text()):
        assert (RUN.parent / f"bench_{name}.py").is_file()


def test_every_benchmark_imports_what_is_there():
    """A renamed function is noticed here, and not when somebody measures again."""
    pytest.importorskip("torch")
    names = sorted(path.stem for path in RUN.parent.glob("*.py"))
    code = f"import sys; sys.path.insert(0, {str(RUN.parent)!r}); import {', '.join(names)}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
