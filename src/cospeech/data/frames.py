"""Arrays [T, ...] that are read from a file frame by frame when they are needed."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import overload

import numpy as np

from ..core.errors import UserError
from ..core.json_files import plain_json

_TYPES = {"F16": np.float16, "F32": np.float32, "F64": np.float64, "I16": np.int16}


class Frames:
    """Frames that ``read(start, end)`` gives. A slice or an index is read anew every time and is an array."""

    def __init__(self, read: Callable[[int, int], np.ndarray], length: int) -> None:
        self._read, self._length = read, length

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, frames: slice) -> np.ndarray: ...
    @overload
    def __getitem__(self, frames: int) -> np.ndarray: ...
    def __getitem__(self, frames: slice | int) -> np.ndarray:
        if isinstance(frames, slice):
            start, end, step = frames.indices(self._length)
            return self._read(start, max(start, end))[::step]
        if not 0 <= frames < self._length:
            raise IndexError(f"frame {frames} of {self._length}")
        row: np.ndarray = self._read(frames, frames + 1)[0]
        return row

    def cut(self, start: int, end: int) -> Frames:
        """Frames start to end, not read yet."""
        end = min(end, self._length)
        return Frames(lambda first, last: self._read(start + first, start + last), max(0, end - start))

    def map(self, function: Callable[[np.ndarray], np.ndarray]) -> Frames:
        """The same frames after a function that treats each of them alike."""
        return Frames(lambda first, last: function(self._read(first, last)), self._length)


def open_frames(path: Path) -> dict[str, Frames]:
    """Arrays of a safetensors file by name; nothing but its header is read.

    Raises:
        UserError: it cannot be read, or its header does not fit it.
    """
    try:
        total = path.stat().st_size
        with open(path, "rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > total - 8:
                raise ValueError("its header is longer than it")
            header = plain_json(file.read(size), path)
        header.pop("__metadata__", None)
        return {name: _stored(path, 8 + size, tensor, total) for name, tensor in header.items()}
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check its permissions") from None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no safetensors file that can be read ({' '.join(str(error).split())})") from None


def _stored(path: Path, data: int, tensor: dict[str, list[int]], total: int) -> Frames:
    """Frames of a tensor. Raises ValueError, LookupError or TypeError if its description does not fit the file."""
    kind, shape = np.dtype(_TYPES[str(tensor["dtype"])]), tensor["shape"]
    first, last = tensor["data_offsets"]
    if not shape or any(type(number) is not int or number < 0 for number in (*shape, first, last)):
        raise ValueError("a tensor of unknown shape")
    width, begin = prod(shape[1:]), data + first
    if last - first != prod(shape) * kind.itemsize or data + last > total:
        raise ValueError("a tensor runs past the end of the file")

    def read(start: int, end: int) -> np.ndarray:
        offset = begin + start * width * kind.itemsize
        return np.fromfile(path, kind, (end - start) * width, offset=offset).reshape(end - start, *shape[1:])

    return Frames(read, shape[0])
