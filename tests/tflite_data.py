"""Small files in TensorFlow Lite's format, for tests of what reads them.

Offsets point ahead, so children follow their parents.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CODES = {
    "ADD": 0,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 4,
    "DEPTH_TO_SPACE": 5,
    "DEQUANTIZE": 6,
    "FULLY_CONNECTED": 9,
    "LOGISTIC": 14,
    "MAX_POOL_2D": 17,
    "RESHAPE": 22,
    "RESIZE_BILINEAR": 23,
    "PAD": 34,
    "PRELU": 54,
    "DENSIFY": 124,
    "RESIZE_NEAREST_NEIGHBOR": 97,
}
Fields = dict[int, object]  # numbers as (code of struct, value), arrays, texts, tables and lists of tables


@dataclass
class Step:
    """An operator: its kind, the numbers of its tensors, and its options as fields."""

    kind: str
    inputs: Sequence[int]
    output: int
    options: Fields


def write_network(tensors: Sequence[tuple], steps: Sequence[Step], source: int, targets: Sequence[int]) -> bytes:
    """The bytes of a network with tensors (shape, values or None, fields of sparsity if any), an input and outputs."""
    kinds = sorted({step.kind for step in steps})
    codes = [{0: ("b", min(CODES[kind], 127)), 3: ("i", CODES[kind])} for kind in kinds]
    held = [np.zeros(0, np.uint8)] + [np.zeros(0, np.uint8) if v is None else v for _, v, *_ in tensors]
    types = {"f4": 0, "f2": 1, "i4": 2}
    made = [
        {0: np.array(shape, np.int32), 1: ("b", 0 if v is None else types[v.dtype.str[1:]]), 2: ("I", k + 1)}
        | ({6: sparse[0]} if sparse else {})
        for k, (shape, v, *sparse) in enumerate(tensors)
    ]
    operators = [
        {
            0: ("I", kinds.index(step.kind)),
            1: np.array(step.inputs, np.int32),
            2: np.array([step.output], np.int32),
            4: step.options,
        }
        for step in steps
    ]
    graph = {0: made, 1: np.array([source], np.int32), 2: np.array(targets, np.int32), 3: operators}
    return _buffer({1: codes, 2: [graph], 4: [{0: np.frombuffer(v.tobytes(), np.uint8)} for v in held]})


def _buffer(root: Fields) -> bytes:
    data = bytearray(b"\0\0\0\0TFL3")
    struct.pack_into("<I", data, 0, _table(data, root))
    return bytes(data)


def _table(data: bytearray, fields: Fields) -> int:
    """Append a table and what it points to; returns where it is."""
    count = max(fields, default=-1) + 1
    data += b"\0" * (-len(data) % 4)
    offsets = len(data)
    data += struct.pack("<HH", 4 + 2 * count, 4 + 4 * count) + b"\0" * (2 * count)
    data += b"\0" * (-len(data) % 4)
    place = len(data)
    data += struct.pack("<i", place - offsets) + b"\0" * (4 * count)
    for field, value in fields.items():
        at = place + 4 + 4 * field
        struct.pack_into("<H", data, offsets + 4 + 2 * field, 4 + 4 * field)
        if isinstance(value, tuple):
            struct.pack_into("<" + value[0], data, at, value[1])
        else:
            struct.pack_into("<I", data, at, _child(data, value) - at)
    return place


def _child(data: bytearray, value: object) -> int:
    if isinstance(value, dict):
        return _table(data, value)
    data += b"\0" * (-len(data) % 4)
    place = len(data)
    if isinstance(value, np.ndarray):
        data += struct.pack("<I", len(value)) + value.tobytes()
        return place
    assert isinstance(value, list)
    data += struct.pack("<I", len(value)) + b"\0" * (4 * len(value))
    for number, table in enumerate(value):
        at = place + 4 + 4 * number
        struct.pack_into("<I", data, at, _table(data, table) - at)
    return place
