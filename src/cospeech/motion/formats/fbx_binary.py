"""The FBX binary container, version 7.4: a tree of records with typed properties, written only.

Layout after the description of the Blender Foundation ("FBX binary file format specification", 2013): a record is its
end offset, number and length of its properties, its name, the properties, and its children closed by an empty record.
Autodesk's SDK checks the footer against the file's identity and time of creation; both are fixed ones that belong
together, so that the same scene gives the same bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...core.files import atomic_path

VERSION = 7400
CREATED = "1970-01-01 10:00:00:000"
FILE_ID = bytes.fromhex("28b32aebb624ccc2bfc8b02aa92bfcf1")  # that of a file created at that time
_FOOTER_ID = bytes.fromhex("fabcab09d0c8d466b176fb831cf7267e")
_FOOTER_END = bytes.fromhex("f85a8c6adef5d97eece90ce3758f290b")
_MAGIC = b"Kaydara FBX Binary  \x00\x1a\x00"
_META = 13  # bytes of a record before its name
_END = b"\0" * _META  # closes a list of children
_ALWAYS_CLOSED = ("AnimationStack", "AnimationLayer")  # readers expect a list of children, be it empty
_ARRAYS = {"f4": b"f", "f8": b"d", "i4": b"i", "i8": b"l"}
_SMALL = 128  # bytes of an array that is not worth compressing

Value = bool | int | float | str | bytes | np.ndarray


@dataclass(frozen=True)
class Int64:
    """A whole number that is written in 64 bits, as identities and times are."""

    value: int


@dataclass
class Record:
    """One record: a name, properties in order, records inside.

    A ``bool`` is written in one byte, ``int`` in four, ``float`` in eight, an array with its own type.
    """

    name: str
    properties: tuple[Value | Int64, ...] = ()
    children: list[Record] = field(default_factory=list)

    def add(self, name: str, *properties: Value | Int64) -> Record:
        """Append a record; that record."""
        child = Record(name, properties)
        self.children.append(child)
        return child


def save_records(records: list[Record], path: Path) -> Path:
    """Write a file of these top-level records; it appears whole or not at all."""
    head = _MAGIC + struct.pack("<I", VERSION)
    body = b"".join(_encoded(records, len(head)))
    length = len(head) + len(body) + len(_FOOTER_ID) + 4
    padding = 16 - length % 16  # a whole block where it is aligned already
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(head + body + _FOOTER_ID + b"\0" * (4 + padding))
        file.write(struct.pack("<I", VERSION) + b"\0" * 120 + _FOOTER_END)
    return path


def _encoded(records: list[Record], start: int) -> Iterator[bytes]:
    """Sibling records from a byte offset on, and the empty one that closes them."""
    for record in records:
        data = _record(record, start, last=record is records[-1])
        start += len(data)
        yield data
    yield _END


def _record(record: Record, start: int, *, last: bool) -> bytes:
    name = record.name.encode()
    properties = b"".join(map(_property, record.properties))
    inside = start + _META + len(name) + len(properties)
    children = b""
    if record.children:
        children = b"".join(_encoded(record.children, inside))
    elif (not record.properties and not last) or record.name in _ALWAYS_CLOSED:
        children = _END
    end = inside + len(children)
    meta = struct.pack("<III", end, len(record.properties), len(properties)) + bytes([len(name)])
    return meta + name + properties + children


def _property(value: Value | Int64) -> bytes:
    if isinstance(value, bool):
        return b"C" + bytes([value])
    if isinstance(value, int):
        return b"I" + struct.pack("<i", value)
    if isinstance(value, Int64):
        return b"L" + struct.pack("<q", value.value)
    if isinstance(value, float):
        return b"D" + struct.pack("<d", value)
    if isinstance(value, np.ndarray):
        return _array(value)
    kind, data = (b"S", value.encode()) if isinstance(value, str) else (b"R", value)
    return kind + struct.pack("<I", len(data)) + data


def _array(values: np.ndarray) -> bytes:
    kind = _ARRAYS[values.dtype.str[1:]]
    data = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    packed = zlib.compress(data, 1) if len(data) > _SMALL else data
    coded = len(data) > _SMALL
    return kind + struct.pack("<III", values.size, coded, len(packed)) + packed
