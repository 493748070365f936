"""Add to a glTF file that is there: its bytes and its JSON stay, what is new comes after them.

The binary chunk keeps every byte and grows at its end; the document keeps its keys, those unknown here included.
A .gltf becomes a .glb: its first buffer becomes the binary chunk, further ones and pictures beside it are embedded.
"""

from __future__ import annotations

import base64
import copy
import json
import mimetypes
import struct
from pathlib import Path
from typing import Any

from ...core.errors import UserError
from ...core.files import atomic_path
from .gltf import BIN_CHUNK, JSON_CHUNK, MAGIC, GltfFile, GltfWriter


class GltfAppender(GltfWriter):
    """A writer that begins with the content of a file."""

    def __init__(self, file: GltfFile) -> None:
        super().__init__()
        self.document: dict[str, Any] = copy.deepcopy(file.document)
        self._own = [key for key in ("nodes", "accessors", "bufferViews") if key not in self.document]
        for key in (*self._own, "buffers"):
            self.document.setdefault(key, [])
        buffers = self.document["buffers"]
        first = file.buffer(0) if buffers else b""
        for index, entry in enumerate(buffers):
            if index == 0:
                entry.pop("uri", None)
            elif str(entry.get("uri", "data:"))[:5] != "data:":
                entry["uri"] = "data:application/octet-stream;base64," + base64.b64encode(file.buffer(index)).decode()
        if not buffers:
            buffers.append({})
        self._old = first + b"\0" * (-len(first) % 4)
        self._length = len(self._old)
        self._embed_pictures(file)

    def _embed_pictures(self, file: GltfFile) -> None:
        for picture in self.document.get("images", []):
            uri = str(picture.get("uri", "data:"))
            if uri[:5] != "data:":
                kind = picture.get("mimeType") or mimetypes.guess_type(uri)[0]
                if kind is None:
                    raise UserError(f"{file.path}: the kind of picture of {uri[:60]!r} is not known; give a .glb")
                picture.pop("uri")
                picture.update(bufferView=self.bytes_view(file.resource(uri)), mimeType=kind)

    def save(self, path: Path) -> Path:
        """Write the .glb; it appears whole or not at all. UserError if its JSON holds numbers that JSON has not."""
        self.document["buffers"][0]["byteLength"] = self._length
        document = {key: value for key, value in self.document.items() if value or key not in self._own}
        try:
            text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
        except ValueError as error:
            raise UserError("the character's JSON holds numbers that are not finite; damaged") from error
        text += b" " * (-len(text) % 4)
        total = 12 + 8 + len(text) + 8 + self._length
        with atomic_path(path) as temporary, open(temporary, "wb") as written:
            written.write(struct.pack("<IIIII", MAGIC, 2, total, len(text), JSON_CHUNK) + text)
            written.write(struct.pack("<II", self._length, BIN_CHUNK))
            written.write(self._old)
            written.writelines(self._parts)
        return path
