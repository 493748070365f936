"""Outputs appear whole or not at all."""

from __future__ import annotations

import errno
import os
import stat

import numpy as np
import pytest
from safetensors.numpy import load_file

from cospeech.core.errors import UserError
from cospeech.core.files import atomic_path, write_arrays


def fail(target, error):
    with atomic_path(target) as path:
        path.write_text("half")
        raise error


def test_the_file_appears_when_the_block_ends_and_not_before(tmp_path):
    target = tmp_path / "out.bvh"
    with atomic_path(target) as path:
        path.write_text("whole")
        assert not target.exists()
        assert path.parent == tmp_path  # so that the rename stays on one file system
        assert path.suffix == ".bvh"  # writers choose by it
    assert target.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [RuntimeError("bug"), KeyboardInterrupt(), UserError("no")])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, error):
    target = tmp_path / "out.json"
    target.write_text("old")
    with pytest.raises(type(error)):
        fail(target, error)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_told_in_one_line(tmp_path):
    target = tmp_path / "out.npz"
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(UserError, match=r"out\.npz: No space left on device; nothing was written") as caught:
        fail(target, full)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_an_error_of_another_kind_keeps_its_traceback(tmp_path):
    with pytest.raises(OSError, match="a codec's own") as caught, atomic_path(tmp_path / "a.mp4"):
        raise OSError("a codec's own")
    assert not isinstance(caught.value, UserError)


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "folder.bvh").mkdir()
    for name, message in (
        ("no/a.bvh", "does not exist; create it first"),
        ("folder.bvh", "it is a folder"),
        ("x" * 400 + ".bvh", "choose another place"),
    ):
        with pytest.raises(UserError, match=message), atomic_path(tmp_path / name):
            pass


def test_the_longest_name_that_the_system_allows(tmp_path):
    target = tmp_path / ("x" * 251 + ".bvh")
    with atomic_path(target) as path:
        path.write_text("whole")
    assert target.read_text() == "whole"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_locked_folder(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(UserError, match="choose another place"), atomic_path(tmp_path / "a.bvh"):
            pass
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_permissions_are_those_of_any_new_file(tmp_path):
    """Temporary files are for their owner alone; what comes out must be as readable as any other file."""
    before = os.umask(0o027)
    try:
        with atomic_path(tmp_path / "a.txt") as path:
            path.write_text("x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


def test_arrays_come_back_however_they_lie_in_memory(tmp_path):
    """Transposed, reversed and strided arrays; the format would keep the memory of each, not its values."""
    plain = np.arange(12.0).reshape(3, 4)
    arrays = {"plain": plain, "turned": plain.T, "back": plain[::-1], "some": plain[:, ::2]}
    write_arrays(tmp_path / "a.safetensors", arrays)
    found = load_file(tmp_path / "a.safetensors")
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
    with pytest.raises(UserError, match="does not exist"):
        write_arrays(tmp_path / "nowhere" / "a.safetensors", arrays)
