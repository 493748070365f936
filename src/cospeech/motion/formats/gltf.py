"""The glTF binary container: JSON and one buffer, accessors in and out (glTF 2.0 specification).

Small on purpose: what motion needs, nothing of materials beyond colour, no external files.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from ...core.errors import UserError
from ...core.files import atomic_path
from ...core.json_files import plain_json
from ...core.limits import check_size, check_unpacked

MAGIC, JSON_CHUNK, BIN_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942
_COMPONENTS = {5120: np.int8, 5121: np.uint8, 5122: np.int16, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
_CODES = {np.dtype(kind): code for code, kind in _COMPONENTS.items()}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_MOST = 1 << 28  # values an accessor may hold: a damaged count must not fill the memory
VERTICES, INDICES = 34962, 34963  # bufferView targets


class GltfWriter:
    """Collects accessors into one buffer; ``document`` is the JSON and free to be added to."""

    def __init__(self) -> None:
        from ... import __name__ as package

        self.document: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": package},
            "scene": 0,
            "scenes": [{"nodes": []}],
            "nodes": [],
            "accessors": [],
            "bufferViews": [],
        }
        self._parts: list[bytes] = []
        self._length = 0

    def node(self, **properties: Any) -> int:
        """Add a node; its index."""
        self.document["nodes"].append(properties)
        return len(self.document["nodes"]) - 1

    def accessor(
        self,
        values: np.ndarray,
        kind: str,
        *,
        target: int | None = None,
        normalized: bool = False,
        bounds: bool = False,
    ) -> int:
        """Add an array [N] or [N, width] of a component type glTF has; the accessor's index."""
        values = np.ascontiguousarray(values)
        entry: dict[str, Any] = {
            "bufferView": self._view(values, target),
            "componentType": _CODES[values.dtype],
            "count": len(values),
            "type": kind,
        }
        if normalized:
            entry["normalized"] = True
        if bounds:
            entry.update(_bounds(values.reshape(len(values), -1)))
        self.document["accessors"].append(entry)
        return len(self.document["accessors"]) - 1

    def sparse(self, count: int, indices: np.ndarray, values: np.ndarray) -> int:
        """Add a VEC3 float accessor that is zero but at ``indices`` [K]; the accessor's index."""
        order = np.argsort(indices)
        indices, values = indices[order], np.asarray(values, np.float32)[order]
        entry: dict[str, Any] = {"componentType": 5126, "count": count, "type": "VEC3"}
        everything = values if len(values) == count else np.concatenate([values, np.zeros((1, 3), np.float32)])
        entry.update(_bounds(everything))
        if len(indices):
            small = np.uint16 if count <= 65535 else np.uint32
            entry["sparse"] = {
                "count": len(indices),
                "indices": {
                    "bufferView": self._view(indices.astype(small), None),
                    "componentType": _CODES[np.dtype(small)],
                },
                "values": {"bufferView": self._view(values, None)},
            }
        else:  # a shape that moves nothing still needs its accessor
            entry["bufferView"] = self._view(np.zeros((count, 3), np.float32), None)
        self.document["accessors"].append(entry)
        return len(self.document["accessors"]) - 1

    def contents(self) -> tuple[dict[str, Any], bytes]:
        """The JSON and the binary chunk."""
        document = {key: value for key, value in self.document.items() if value != []}
        if self._length:
            document["buffers"] = [{"byteLength": self._length}]
        return document, b"".join(self._parts)

    def save(self, path: Path) -> Path:
        """Write the .glb; it appears whole or not at all."""
        document, binary = self.contents()
        text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
        text += b" " * (-len(text) % 4)
        total = 12 + 8 + len(text) + (8 + len(binary) if binary else 0)
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            file.write(struct.pack("<IIIII", MAGIC, 2, total, len(text), JSON_CHUNK) + text)
            if binary:
                file.write(struct.pack("<II", len(binary), BIN_CHUNK) + binary)
        return path

    def _view(self, values: np.ndarray, target: int | None) -> int:
        return self.bytes_view(values.tobytes(), target)

    def bytes_view(self, data: bytes, target: int | None = None) -> int:
        """Append bytes; the buffer view's index."""
        entry = {"buffer": 0, "byteOffset": self._length, "byteLength": len(data)}
        if target is not None:
            entry["target"] = target
        self.document["bufferViews"].append(entry)
        data += b"\0" * (-len(data) % 4)
        self._parts.append(data)
        self._length += len(data)
        return len(self.document["bufferViews"]) - 1


def _bounds(values: np.ndarray) -> dict[str, list[float]]:
    return {"min": values.min(0).tolist(), "max": values.max(0).tolist()}


class GltfFile:
    """A parsed .glb, or a .gltf with what lies beside it.

    Args:
        path: the file; what is wrong with it is said under this name.
        document, binary: the JSON and the binary chunk of a file that is read already, or was never one.
    """

    def __init__(self, path: str | Path, document: dict[str, Any] | None = None, binary: bytes = b"") -> None:
        self.path = Path(path)
        self.document, self.binary = (document, binary) if document is not None else _read_container(self.path)
        self._buffers: dict[int, bytes] = {}
        self._lists: dict[str, list[dict[str, Any]]] = {}
        self._decoded = 0  # bytes of all accessors that were read

    def items(self, key: str) -> list[dict[str, Any]]:
        """A top-level list such as "nodes", empty if absent."""
        if key in self._lists:
            return self._lists[key]
        value = self.document.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise UserError(f"{self.path}: {key} must be a list of objects; damaged")
        self._lists[key] = value
        return value

    def item(self, key: str, index: Any) -> dict[str, Any]:
        """One entry of a top-level list."""
        entries = self.items(key)
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(entries):
            raise UserError(f"{self.path}: refers to {key}[{index}], there are {len(entries)}; damaged")
        return entries[index]

    def values(self, index: Any) -> np.ndarray:
        """An accessor as [N] or [N, width] float64, normalised integers as numbers."""
        entry = self.item("accessors", index)
        count, width = entry["count"], _WIDTHS[entry["type"]]
        kind = np.dtype(_COMPONENTS[entry["componentType"]])
        if not isinstance(count, int) or not 0 <= count * width <= _MOST:
            raise UserError(f"{self.path}: accessor {index} claims {count} entries; damaged")
        self._decoded += 8 * count * width
        check_unpacked(self._decoded, len(self.binary) + sum(map(len, self._buffers.values())), self.path)
        values = np.zeros((count, width), kind)
        if "bufferView" in entry:
            values = self._view(entry["bufferView"], entry.get("byteOffset", 0), kind, count, width)
        if "sparse" in entry:
            values = values.copy()
            sparse = entry["sparse"]
            where, what = sparse["indices"], sparse["values"]
            number = sparse["count"]
            indices = self._view(
                where["bufferView"],
                where.get("byteOffset", 0),
                np.dtype(_COMPONENTS[where["componentType"]]),
                number,
                1,
            )
            values[indices[:, 0]] = self._view(what["bufferView"], what.get("byteOffset", 0), kind, number, width)
        result = values.astype(np.float64)
        if entry.get("normalized") and kind.kind in "iu":
            result = np.maximum(result / np.iinfo(str(kind)).max, -1.0)
        if not np.isfinite(result).all():
            raise UserError(f"{self.path}: accessor {index} holds numbers that are not finite; damaged")
        return result[:, 0] if width == 1 else result

    def _view(self, index: Any, offset: int, kind: np.dtype, count: int, width: int) -> np.ndarray:
        view = self.item("bufferViews", index)
        data = self.buffer(view["buffer"])
        size = width * kind.itemsize
        stride = view.get("byteStride", size)
        start = view.get("byteOffset", 0) + offset
        end = start + (count - 1) * stride + size if count else start
        limit = view.get("byteOffset", 0) + view["byteLength"]
        if min(offset, start, count) < 0 or stride < size or end > min(limit, len(data)):
            raise UserError(f"{self.path}: data runs past the end of the file; cut off")
        if count == 0:
            return np.zeros((0, width), kind)
        flat = np.frombuffer(data, np.uint8, count=end - start, offset=start)
        rows = np.lib.stride_tricks.as_strided(flat, (count, size), (stride, 1))
        return np.ascontiguousarray(rows).view(kind.newbyteorder("<")).reshape(count, width)

    def view(self, index: Any) -> bytes:
        """The bytes of a buffer view, such as a picture."""
        view = self.item("bufferViews", index)
        start = view.get("byteOffset", 0)
        data = self.buffer(view["buffer"])[start : start + view["byteLength"]]
        if len(data) < view["byteLength"]:
            raise UserError(f"{self.path}: data runs past the end of the file; cut off")
        return data

    def buffer(self, index: Any) -> bytes:
        """The bytes of a buffer: the binary chunk, embedded, or a file beside this one."""
        entry = self.item("buffers", index)
        if entry.get("uri") is None:
            return self.binary
        if index not in self._buffers:
            self._buffers[index] = self.resource(entry["uri"])
        return self._buffers[index]

    def resource(self, uri: Any) -> bytes:
        """What a URI stands for: embedded data, or a file in the folder of this one or below."""
        head, _, body = str(uri).partition(",")
        if head.startswith("data:"):
            if not head.endswith(";base64"):
                raise UserError(f"{self.path}: holds data in another encoding than base64; give a .glb")
            try:
                return base64.b64decode(body)
            except binascii.Error as error:
                raise UserError(f"{self.path}: an embedded buffer is no base64; damaged") from error
        name = Path(unquote(str(uri)))
        if "://" in str(uri) or name.is_absolute() or ".." in name.parts:
            raise UserError(f"{self.path}: needs the file {str(uri)[:60]!r}; give a .glb with all inside")
        beside = self.path.parent / name
        if beside.exists() and not beside.is_file():
            raise UserError(f"{self.path}: needs the file {str(uri)[:60]!r}, which is none; give a .glb")
        check_size(beside, "file")
        try:
            return beside.read_bytes()
        except OSError as error:
            reason = f"{error.strerror}; put it beside, or give a .glb with all inside"
            raise UserError(f"{self.path}: needs the file {str(uri)[:60]!r}: {reason}") from error


@contextmanager
def foreign(path: str | Path) -> Iterator[None]:
    """What a wrongly built JSON tree makes Python raise becomes a UserError."""
    try:
        with np.errstate(all="ignore"):  # nonsense in, not finite out, which Motion refuses
            yield
    except UserError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, MemoryError) as error:
        raise UserError(f"{path}: not a well-formed glTF file ({type(error).__name__}: {error})") from error


def _read_container(path: Path) -> tuple[dict[str, Any], bytes]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    binary = b""
    text = data
    if len(data) >= 12 and struct.unpack_from("<I", data)[0] == MAGIC:
        _, version, length = struct.unpack_from("<III", data)
        if version != 2:
            raise UserError(f"{path}: glTF version {version}; only version 2 is read")
        if length > len(data):
            raise UserError(f"{path}: cut off; {len(data)} of {length} bytes are there")
        chunks: dict[int, bytes] = {}
        at = 12
        while at + 8 <= length:
            size, kind = struct.unpack_from("<II", data, at)
            if at + 8 + size > length:
                raise UserError(f"{path}: a chunk runs past the end of the file; damaged")
            chunks.setdefault(kind, data[at + 8 : at + 8 + size])
            at += 8 + size
        if JSON_CHUNK not in chunks:
            raise UserError(f"{path}: no JSON chunk; damaged")
        text, binary = chunks[JSON_CHUNK], chunks.get(BIN_CHUNK, b"")
    document = plain_json(text, path, advice="it is no glTF file, or damaged")
    if not isinstance(document, dict) or not isinstance(document.get("asset"), dict):
        raise UserError(f"{path}: no glTF asset; not a glTF file")
    return document, binary
