"""A library is the old one or the new one, whoever is killed, fails or reads meanwhile."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.gesture_library import build as building
from cospeech.gesture_library.build import add_to_library, build_library
from cospeech.gesture_library.catalogue import FILE, writing
from cospeech.gesture_library.check import check_library
from cospeech.gesture_library.library import open_library
from cospeech.gesture_library.merge import merge_libraries
from library_data import FakeEmbedder, built_library, library_dataset, more_datasets

__all__ = ["built_library", "library_dataset", "more_datasets"]  # fixtures

HERE = Path(__file__).parent
FAKE = FakeEmbedder()
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent / "src"), str(HERE)]), "OMP_NUM_THREADS": "1"}


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_every_step_the_base_is_the_old_one_or_the_new_one(library_dataset, more_datasets, tmp_path):
    done = subprocess.run(
        [sys.executable, HERE / "library_kill.py", library_dataset, more_datasets[0], tmp_path],
        capture_output=True,
        text=True,
        env=ENV,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    counts = [int(line.rpartition(" at ")[2].split()[0]) for line in done.stdout.splitlines()]
    assert len(counts) == 5
    assert min(counts) >= 8, done.stdout


def test_searches_go_on_while_another_process_adds(built_library, more_datasets, tmp_path):
    place = shutil.copytree(built_library, tmp_path / "base")
    code = (
        "import sys\n"
        "from library_data import FakeEmbedder\n"
        "from cospeech.gesture_library.build import add_to_library\n"
        "sys.stdin.readline()\n"
        "for store in sys.argv[2:]: add_to_library(sys.argv[1], store, model=FakeEmbedder(), quiet=True)\n"
    )
    old = open_library(place)
    query = old.keys("gesture").values[3]
    before = old.nearest(query, role="gesture", k=1000)
    adding = subprocess.Popen(
        [sys.executable, "-c", code, place, *more_datasets], stdin=subprocess.PIPE, env=ENV, text=True
    )
    sizes, late = [len(old)], open_library(place)
    adding.stdin.write("go\n")
    adding.stdin.flush()
    ended = False
    while not ended:
        ended = adding.poll() is not None
        opened = open_library(place)
        hits = opened.nearest(query, role="gesture", k=1000)
        assert len(hits) == len(opened)
        assert hits[0].sample == before[0].sample
        opened.encoded(hits[-1].sample)
        sizes.append(len(opened))
    assert adding.returncode == 0
    assert sizes == sorted(sizes)
    recordings = {entry.recording for entry in open_library(place).samples()}
    assert recordings >= {f"more{n}" for n in range(5)}
    assert not check_library(place).problems
    # What was opened before sees what it saw, also the parts that it reads only now.
    assert old.nearest(query, role="gesture", k=1000) == before
    assert late.nearest(query, role="gesture", k=1000) == before
    assert len(late) == sizes[0] < sizes[-1]
    for hit in before:
        np.testing.assert_array_equal(late.encoded(hit.sample), old.encoded(hit.sample))


def test_a_reader_of_a_base_that_was_replaced_is_told(built_library, more_datasets, tmp_path):
    place = shutil.copytree(built_library, tmp_path / "base")
    opened = open_library(place)
    query = opened.keys("gesture").values[0]
    before = opened.nearest(query, role="gesture", k=9)
    build_library(more_datasets[0], place, model=FAKE, quiet=True)
    assert opened.nearest(query, role="gesture", k=9) == before
    with pytest.raises(UserError, match="or the library was built anew since it was opened"):
        opened.encoded(before[0].sample)


def test_one_process_writes_at_a_time(built_library, more_datasets, tmp_path, monkeypatch):
    monkeypatch.setattr("cospeech.gesture_library.catalogue._WAIT_TO_WRITE", 0.05)
    place = shutil.copytree(built_library, tmp_path / "base")
    with writing(place):
        before = files(place)
        for call, args in ((add_to_library, (place, more_datasets[0])), (build_library, (more_datasets[0], place))):
            with pytest.raises(UserError, match=r"another process is writing to .*; wait until it has ended"):
                call(*args, model=FAKE, quiet=True)
        assert len(open_library(place)) == len(open_library(built_library))  # readers may
        assert files(place) == before
    assert add_to_library(place, more_datasets[0], model=FAKE, quiet=True).recordings == 2


def test_a_commit_waits_for_readers(built_library, more_datasets, tmp_path):
    place = shutil.copytree(built_library, tmp_path / "base")
    reader = sqlite3.connect(place / FILE, isolation_level=None, check_same_thread=False)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM entry").fetchone()
    letting_go = threading.Timer(0.4, lambda: reader.execute("COMMIT"))
    letting_go.start()
    add_to_library(place, more_datasets[0], model=FAKE, quiet=True)
    letting_go.join()
    reader.close()
    assert len(open_library(place)) > len(open_library(built_library))


class Failing(FakeEmbedder):
    """Fails after some segments."""

    def __init__(self, error: BaseException, after: int) -> None:
        self.error, self.left = error, after

    def gesture(self, coded: np.ndarray) -> np.ndarray:
        self.left -= 1
        if self.left < 0:
            raise self.error
        return super().gesture(coded)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), UserError("no"), OSError(28, "full")])
def test_what_fails_leaves_everything_as_it_was(
    built_library, library_dataset, more_datasets, tmp_path, monkeypatch, error
):
    monkeypatch.setattr("cospeech.gesture_library.writer.SHARD_FRAMES", 100)  # so some shards are written
    place = shutil.copytree(built_library, tmp_path / "base")
    before = files(place)
    with pytest.raises(type(error)):
        add_to_library(place, more_datasets[0], model=Failing(error, 3), quiet=True)
    with pytest.raises(type(error)):
        build_library(library_dataset, place, model=Failing(error, 5), quiet=True)
    assert files(place) == before
    with pytest.raises(type(error)):
        build_library(library_dataset, tmp_path / "new", model=Failing(error, 5), quiet=True)
    assert not (tmp_path / "new").exists()


def test_a_full_disk(built_library, more_datasets, tmp_path, monkeypatch):
    place = shutil.copytree(built_library, tmp_path / "base")
    before = files(place)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(UserError, match=r"cannot write .*No space left on device; nothing was written"):
            add_to_library(place, more_datasets[0], model=FAKE, quiet=True)
    assert files(place) == before


def test_what_a_killed_process_left_is_removed_by_the_next(built_library, more_datasets, tmp_path):
    place = shutil.copytree(built_library, tmp_path / "base")
    (place / "motion-0123456789abcdef.safetensors").write_bytes(b"whole, but in no catalogue")
    (place / ".gesture-0123456789abcdef-x1y2z3.safetensors").write_bytes(b"begun")
    (place / "my notes.txt").write_text("not ours")
    assert check_library(place).leftovers == 2
    assert "2 files belong to a writing that goes on or was killed" in "\n".join(check_library(place).lines())
    assert not check_library(place).problems
    add_to_library(place, more_datasets[0], model=FAKE, quiet=True)
    assert check_library(place).leftovers == 0
    assert (place / "my notes.txt").is_file()
    merge_libraries([place], place, quiet=True)
    assert (place / "my notes.txt").is_file()


def test_a_base_that_may_not_be_written_to_can_be_read(built_library, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    place = shutil.copytree(built_library, tmp_path / "base")
    for path in (*place.iterdir(), place):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert len(open_library(place)) == len(open_library(built_library))
        with pytest.raises(UserError, match="cannot write"):
            add_to_library(place, place, model=FAKE)
    finally:
        place.chmod(0o755)


def test_building_reads_the_store_before_it_touches_the_base(built_library, tmp_path, monkeypatch):
    place = shutil.copytree(built_library, tmp_path / "base")
    before = files(place)
    monkeypatch.setattr(building, "writing", None)  # nothing below may come as far as this
    for dataset in (tmp_path / "none", place):
        with pytest.raises(UserError, match="is no dataset"):
            build_library(dataset, place, model=FAKE)
    assert files(place) == before
