"""Tasks for several processes: results in order, errors as they are, nothing of the current folder."""

from __future__ import annotations

import math
import os
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest

from cospeech.core.parallel import draw_together, map_together
from parallel_data import Flags


@pytest.fixture(autouse=True)
def _workers_find_the_job(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)


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


def test_pictures_come_in_order_and_nothing_stays_in_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    flags = Flags(np.random.default_rng(0).integers(0, 99, (7, 5, 4, 3)).astype(np.uint8))
    for workers in (1, 3):
        drawn = list(draw_together(flags, workers))
        np.testing.assert_array_equal(np.stack(drawn), flags.pictures + 1)  # workers write to their arrays
    started = draw_together(flags, 2)
    next(started)
    assert list(tmp_path.iterdir())
    started.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="reads Linux's /proc")
def test_workers_share_the_memory_of_arrays():
    flags = Flags(np.ones((40, 1000, 1000, 3), np.uint8), told=True)
    told = b"".join(picture.tobytes() for picture in draw_together(flags, 2))
    private = [int(found) for found in re.findall(rb"private (\d+)", told)]
    assert len(private) == 40
    assert max(private) < 60_000_000 < flags.pictures.nbytes


def test_an_error_of_a_worker_is_reported_with_its_message():
    with pytest.raises(RuntimeError, match=r"a drawing process ended early: .*this cannot be drawn"):
        list(draw_together(Flags(np.ones((4, 2, 2, 3), np.uint8), broken=True), 2))
