"""Archives of arrays (npz), of which only what is needed is read, and no more than their size justifies."""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from pathlib import Path

import numpy as np

from .errors import UserError
from .limits import FREE, check_size, check_unpacked
from .progress import note_once


def read_npz(path: Path, needed: Collection[str]) -> dict[str, np.ndarray]:
    """Arrays of an npz by their names, in the order of the file; pickled objects are refused.

    Args:
        needed: arrays that are read at any rate. Others are kept as long as they are small together (64 MiB); a note
            says which are left out.
    Raises:
        UserError: a single array, too large, or far larger unpacked than it is.
        Exception: of numpy, zipfile and zlib, which raise a dozen types for a file that is damaged.
    """
    check_size(path, "file")
    archive = np.load(path, allow_pickle=False)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise UserError(f"{path}: a single array, not an npz")
    with archive, zipfile.ZipFile(path) as entries:
        sizes = {entry.filename.removesuffix(".npy"): entry.file_size for entry in entries.infolist()}
        wanted = {key for key in archive.files if key in needed}
        check_unpacked(sum(sizes[key] for key in wanted), path.stat().st_size, path)
        free = FREE
        for key in sorted(set(archive.files) - wanted, key=lambda name: sizes.get(name, 0)):
            free -= sizes.get(key, 0)
            if free >= 0:
                wanted.add(key)
            else:
                note_once(f"{path}: the array {key!r} has {sizes.get(key, 0) / 2**20:.0f} MiB and is left out")
        return {key: archive[key] for key in archive.files if key in wanted}
