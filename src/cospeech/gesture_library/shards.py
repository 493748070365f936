"""Shard files: immutable, named after what is in them, and checked before they are believed."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import UserError
from ..core.files import atomic_path
from .latents import PARTS, LatentMotion, unpacked_keys

MOTION = "motion"  # role: coded motion of all segments end to end, tensor "motion" [F, C], or latents of it
KEYS = ("gesture", "speech")  # roles: keys of the segments, tensor "keys" [n, E], zeros where there is none
# Role: keys of the segments' frames end to end, tensor "keys" [F', E'] float16 or int8, and how many a segment has,
# tensor "counts" [n] int64. A library of an embedder without them lacks this file.
FRAMES = "frames"
SCALE = 32767.0  # motion is int16 over [-1, 1], as in a dataset, so that nothing is lost from there to here
NO_SHARD = -1  # the shard of a file that belongs to all of them
_NAME = re.compile(r"^\.?([a-z_]+)-[0-9a-f]{16}\b.*\.safetensors$")  # also what a killed writing left
_FINISHED = re.compile(r"[a-z_]+-[0-9a-f]{16}\.safetensors")


class Damaged(UserError):
    """A shard file is missing or is not what was written."""


@dataclass(frozen=True)
class ShardFile:
    """A file of a shard, as the catalogue knows it."""

    shard: int
    role: str
    name: str
    bytes: int
    sha256: str


def packed(coded: np.ndarray) -> np.ndarray:
    """Coded motion [T, C] -> int16."""
    return np.clip(np.round(coded * SCALE), -SCALE, SCALE).astype(np.int16)


def unpacked(rows: np.ndarray) -> np.ndarray:
    """int16 [T, C] -> coded motion, float32."""
    return rows.astype(np.float32) / np.float32(SCALE)


def write_shard_file(
    folder: Path, shard: int, role: str, array: np.ndarray, *, counts: np.ndarray | None = None
) -> ShardFile:
    """Write the tensors of a role under a name made of their checksum, whole or not at all.

    A file of that name holds the same bytes; it is written again all the same, which mends it.
    """
    tensors = {_tensor(role): array} if counts is None else {_tensor(role): array, "counts": counts}
    return _write_tensors(folder, shard, role, tensors)


def write_bases(folder: Path, bases: LatentMotion) -> ShardFile:
    """Write the bases of a library's latents, as ``write_shard_file`` writes a shard's."""
    return _write_tensors(folder, NO_SHARD, PARTS, bases.tensors())


def _write_tensors(folder: Path, shard: int, role: str, tensors: Mapping[str, np.ndarray]) -> ShardFile:
    from safetensors.numpy import save

    data = save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()})
    digest = hashlib.sha256(data).hexdigest()
    name = f"{role}-{digest[:16]}.safetensors"
    with atomic_path(folder / name) as path:
        path.write_bytes(data)
    return ShardFile(shard, role, name, len(data), digest)


def checked_file(row: tuple[Any, ...]) -> ShardFile:
    """A shard file as a row of the catalogue describes it: its name is one in the library's folder. Raises Damaged."""
    shard, role, name, size, digest = row
    if not all(type(number) is int and number >= least for number, least in ((shard, NO_SHARD), (size, 0))):
        raise Damaged(f"the catalogue is damaged: shard {str(shard)[:20]!r} of {str(size)[:20]!r} bytes")
    if type(role) is not str or type(name) is not str or type(digest) is not str or not _FINISHED.fullmatch(name):
        raise Damaged(f"the catalogue is damaged: {str(name)[:60]!r} is no name of a shard file")
    return ShardFile(shard, role, name, size, digest)


def read_bytes(folder: Path, file: ShardFile) -> bytes:
    """A shard file, checked.

    Raises:
        Damaged: missing, of another size, or of another checksum.
    """
    path = folder / file.name
    if path.exists() and not path.is_file():
        raise Damaged(f"{path} is no file")
    try:
        if path.stat().st_size != file.bytes:
            raise Damaged(f"{path} has {path.stat().st_size} bytes instead of {file.bytes}")
        data = path.read_bytes()
    except OSError as error:
        raise Damaged(f"{path} cannot be read ({error.strerror})") from None
    if len(data) != file.bytes:
        raise Damaged(f"{path} has {len(data)} bytes instead of {file.bytes}")
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise Damaged(f"{path} is damaged: its checksum is not that of the catalogue")
    return data


def read_array(folder: Path, file: ShardFile) -> np.ndarray:
    """The tensor of a shard file, checked: keys [n, E] float32, or packed motion, [F, C] int16 or latents int8.

    Raises:
        Damaged: see ``read_bytes``.
    """
    array = _tensors(folder, file, (_tensor(file.role),))[0]
    return unpacked_keys(array) if file.role != MOTION and array.dtype == np.int8 else array


def read_frame_keys(folder: Path, file: ShardFile) -> tuple[np.ndarray, np.ndarray]:
    """Keys of frames [F', E'] and how many each segment has [n], checked; raises as ``read_array``."""
    keys, counts = _tensors(folder, file, (_tensor(file.role), "counts"))
    if counts.ndim != 1 or keys.ndim != 2 or counts.sum() != len(keys):
        raise Damaged(f"{folder / file.name} has {len(keys)} keys of frames and counts {counts.sum()}")
    return (unpacked_keys(keys) if keys.dtype == np.int8 else keys), counts


def read_bases(folder: Path, file: ShardFile) -> LatentMotion:
    """The bases of a library's latents, checked; raises as ``read_array``."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    data = read_bytes(folder, file)
    try:
        return LatentMotion.of(load(data))
    except (SafetensorError, KeyError, ValueError, IndexError) as error:
        raise Damaged(f"{folder / file.name} holds no bases of latents ({error})") from None


def _tensors(folder: Path, file: ShardFile, names: tuple[str, ...]) -> list[np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    data = read_bytes(folder, file)
    try:
        tensors = load(data)
        return [tensors[name] for name in names]
    except (SafetensorError, KeyError) as error:
        raise Damaged(f"{folder / file.name} holds no {file.role} ({error})") from None


def read_frames(folder: Path, file: ShardFile, first: int, frames: int) -> np.ndarray:
    """Packed motion [frames, C], int16 or rows of latents, from row ``first`` on; the rest is not read (or checked).

    Raises:
        Damaged: the rows are not there.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / file.name
    try:
        with safe_open(path, framework="np") as opened:
            rows: np.ndarray = opened.get_slice(_tensor(file.role))[first : first + frames]
    except (OSError, SafetensorError) as error:
        raise Damaged(f"{path} cannot be read ({error})") from None
    if len(rows) < frames:
        raise Damaged(f"{path} ends before row {first + frames}")
    return rows


def remove_leftovers(folder: Path, known: set[str]) -> int:
    """Remove shard files that no catalogue names; how many there were. Others' files stay."""
    count = 0
    for path in leftovers(folder, known):
        path.unlink(missing_ok=True)
        count += 1
    return count


def leftovers(folder: Path, known: set[str]) -> list[Path]:
    """Shard files, whole or begun, that are not among the known ones."""
    return [path for path in sorted(folder.iterdir()) if is_shard(path) and path.name not in known]


def is_shard(path: Path) -> bool:
    """Is it called as a shard file is, finished or begun?"""
    return _NAME.match(path.name) is not None


def sync_folder(folder: Path) -> None:
    """Wait until the names of new files are on the disk (where the system knows how)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _tensor(role: str) -> str:
    return MOTION if role == MOTION else "keys"
