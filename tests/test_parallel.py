"""Tasks for several processes: results in order, errors as they are, nothing of the current folder."""

from __future__ import annotations

import math
import os

import pytest

from cospeech.core.parallel import map_together


def test_results_come_in_the_order_of_the_tasks(tmp_path, monkeypatch):
    (tmp_path / "pickle.py").write_text("raise SystemExit('a module of the current folder was run')")
    monkeypatch.chdir(tmp_path)
    assert list(map_together(math.factorial, list(range(12)), 2)) == [math.factorial(n) for n in range(12)]


def test_what_a_task_raises_is_raised_here():
    done = map_together(math.sqrt, [4.0, -1.0, 9.0], 2)
    assert next(done) == 2.0
    with pytest.raises(ValueError, match=r"math domain|nonnegative"):
        next(done)


def test_a_worker_that_dies_is_reported():
    with pytest.raises(RuntimeError, match="a worker ended early"):
        list(map_together(os._exit, [3, 3], 2))
