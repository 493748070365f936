"""ONNX files written without the package onnx, which users need not install.

A file is a message of Protocol Buffers (https://protobuf.dev/programming-guides/encoding): fields with a number,
which are integers of variable length or blocks with their length. The numbers are those of onnx.proto3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

IR_VERSION, OPERATOR_SET = 8, 17
_ELEMENTS = {"float32": 1, "int64": 7}
_FLOAT, _INT, _STRING, _INTS = 1, 2, 3, 7  # types of attributes
Attribute = int | float | str | Sequence[int]


@dataclass
class Graph:
    """A graph under construction; every value has a name."""

    nodes: list[bytes] = field(default_factory=list)
    constants: list[bytes] = field(default_factory=list)
    names: int = 0

    def add(self, kind: str, inputs: Sequence[str], **attributes: Attribute) -> str:
        """Add a node with one output; returns the output's name."""
        name = self._fresh()
        body = b"".join(_block(1, source.encode()) for source in inputs) + _block(2, name.encode())
        body += _block(4, kind.encode())
        body += b"".join(_block(5, _attribute(key, value)) for key, value in attributes.items())
        self.nodes.append(body)
        return name

    def constant(self, values: np.ndarray | Sequence[int] | Sequence[float]) -> str:
        """Add a constant of float32 or int64; returns its name."""
        array = np.asarray(values)
        array = np.ascontiguousarray(array, np.int64 if array.dtype.kind in "iu" else np.float32)
        name = self._fresh()
        sizes = b"".join(_number(1, size) for size in array.shape)
        body = sizes + _number(2, _ELEMENTS[array.dtype.name]) + _block(8, name.encode()) + _block(9, array.tobytes())
        self.constants.append(body)
        return name

    def file(self, inputs: Mapping[str, Sequence[int]], outputs: Mapping[str, Sequence[int]]) -> bytes:
        """The bytes of an ONNX file with these named inputs and outputs, of float32 and of these shapes."""
        graph = b"".join(_block(1, node) for node in self.nodes) + _block(2, b"network")
        graph += b"".join(_block(5, constant) for constant in self.constants)
        graph += b"".join(_block(11, _value(name, shape)) for name, shape in inputs.items())
        graph += b"".join(_block(12, _value(name, shape)) for name, shape in outputs.items())
        return _number(1, IR_VERSION) + _block(7, graph) + _block(8, _block(1, b"") + _number(2, OPERATOR_SET))

    def _fresh(self) -> str:
        self.names += 1
        return f"value{self.names}"


def _varint(value: int) -> bytes:
    rest, digits = value & (1 << 64) - 1, bytearray()
    while rest > 127:
        digits.append(rest & 127 | 128)
        rest >>= 7
    digits.append(rest)
    return bytes(digits)


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _block(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _attribute(name: str, value: Attribute) -> bytes:
    start = _block(1, name.encode())
    if isinstance(value, str):
        return start + _block(4, value.encode()) + _number(20, _STRING)
    if isinstance(value, int):
        return start + _number(3, value) + _number(20, _INT)
    if isinstance(value, float):
        return start + _varint(2 << 3 | 5) + np.float32(value).tobytes() + _number(20, _FLOAT)
    return start + b"".join(_number(8, one) for one in value) + _number(20, _INTS)


def _value(name: str, shape: Sequence[int]) -> bytes:
    sizes = b"".join(_block(1, _number(1, size)) for size in shape)
    return _block(1, name.encode()) + _block(2, _block(1, _number(1, _ELEMENTS["float32"]) + _block(2, sizes)))
