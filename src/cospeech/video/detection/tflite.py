"""Networks in TensorFlow Lite's format, read without TensorFlow: tensors, weights and operators.

A file is a FlatBuffer (https://flatbuffers.dev/internals) after the schema of TensorFlow Lite, version 3: tables
whose fields are found by number through a table of offsets. Only what MediaPipe's networks use is read: the numbers
of fields, operators and types below are those of the schema.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from ...core.errors import UserError

IDENTIFIER = b"TFL3"  # at byte 4 of a file
CUSTOM = 32  # number of the operators that are named instead
OPERATORS = {
    0: "ADD",
    1: "AVERAGE_POOL_2D",
    2: "CONCATENATION",
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    5: "DEPTH_TO_SPACE",
    6: "DEQUANTIZE",
    9: "FULLY_CONNECTED",
    14: "LOGISTIC",
    17: "MAX_POOL_2D",
    18: "MUL",
    19: "RELU",
    22: "RESHAPE",
    23: "RESIZE_BILINEAR",
    34: "PAD",
    40: "MEAN",
    45: "STRIDED_SLICE",
    54: "PRELU",
    117: "HARD_SWISH",
    124: "DENSIFY",
}
TYPES: dict[int, np.dtype] = {0: np.dtype("<f4"), 1: np.dtype("<f2"), 2: np.dtype("<i4")}
_INDEX_WIDTHS = {1: "<i4", 2: "<u2", 3: "u1"}  # of the vectors in which sparse tensors keep indices


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of a network; ``values`` is None unless it is constant."""

    shape: tuple[int, ...]
    values: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Operator:
    """An operator: what it does, the numbers of its tensors (-1 for none) and its options."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None

    def option(self, field: int, default: int = 0, code: str = "i") -> int:
        """An option by the number of its field; ``code`` as in ``struct``, "i" for int and "b" for an enumeration."""
        return default if self.options is None else int(self.options.number(field, code, default))


@dataclass(frozen=True, eq=False)
class Network:
    """A network: tensors, operators in order, and the numbers of the tensors that go in and come out."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Table:
    """A table of a FlatBuffer, at ``place`` of ``data``."""

    data: bytes
    place: int

    def _field(self, field: int) -> int | None:
        """Where a field is; None if it is left out."""
        offsets = self.place - self._read("i", self.place)
        if 4 + 2 * field >= self._read("H", offsets):
            return None
        offset = self._read("H", offsets + 4 + 2 * field)
        return self.place + offset if offset else None

    def _read(self, code: str, place: int) -> int:
        return int(struct.unpack_from("<" + code, self.data, place)[0])

    def _target(self, place: int) -> int:
        return place + self._read("I", place)

    def number(self, field: int, code: str = "i", default: int = 0) -> int:
        """A number."""
        place = self._field(field)
        return default if place is None else self._read(code, place)

    def table(self, field: int) -> Table | None:
        """A table within this one."""
        place = self._field(field)
        return None if place is None else Table(self.data, self._target(place))

    def vector(self, field: int, kind: str | np.dtype) -> np.ndarray:
        """A vector of numbers, empty if it is left out."""
        place = self._field(field)
        if place is None:
            return np.zeros(0, kind)
        start = self._target(place)
        return np.frombuffer(self.data, kind, self._read("I", start), start + 4)

    def tables(self, field: int) -> list[Table]:
        """A vector of tables."""
        place = self._field(field)
        if place is None:
            return []
        start = self._target(place)
        places = (start + 4 + 4 * k for k in range(self._read("I", start)))
        return [Table(self.data, self._target(place)) for place in places]

    def text(self, field: int) -> str:
        """A string."""
        return self.vector(field, "u1").tobytes().decode("utf-8", "replace")


def read_network(data: bytes, name: str) -> Network:
    """Read a network.

    Args:
        data: a file's bytes.
        name: of the file, for messages.
    Raises:
        UserError: no TensorFlow Lite, damaged, or with operators or types other than MediaPipe's networks have.
    """
    try:
        if data[4:8] != IDENTIFIER:
            raise ValueError("it is not in TensorFlow Lite's format")
        model = Table(data, struct.unpack_from("<I", data)[0])
        kinds = [_operator_kind(code) for code in model.tables(1)]
        buffers = model.tables(4)
        graph = model.tables(2)[0]
        tensors = tuple(_tensor(tensor, buffers) for tensor in graph.tables(0))
        operators = tuple(_operator(operator, kinds) for operator in graph.tables(3))
        return Network(tensors, operators, _numbers(graph, 1), _numbers(graph, 2))
    except (struct.error, ValueError, IndexError, KeyError) as error:
        raise UserError(f"{name} is no network that can be read ({error}); run `cospeech video setup`") from None


def _operator_kind(code: Table) -> str:
    number = max(code.number(0, "b"), code.number(3))  # an older and a newer field
    return code.text(1) if number == CUSTOM else OPERATORS[number]


def _operator(operator: Table, kinds: list[str]) -> Operator:
    return Operator(kinds[operator.number(0, "I")], _numbers(operator, 1), _numbers(operator, 2), operator.table(4))


def _numbers(table: Table, field: int) -> tuple[int, ...]:
    return tuple(table.vector(field, "<i4").tolist())


def _tensor(tensor: Table, buffers: list[Table]) -> Tensor:
    shape, kind = _numbers(tensor, 0), TYPES[tensor.number(1, "b")]
    held = buffers[tensor.number(2, "I")].vector(0, "u1")
    if not len(held):
        return Tensor(shape, None)
    values: np.ndarray = held.view(kind)
    sparsity = tensor.table(6)
    dense = values.reshape(shape) if sparsity is None else _dense(values, shape, sparsity)
    return Tensor(shape, dense if kind.kind == "i" else dense.astype(np.float32))


def _dense(values: np.ndarray, shape: tuple[int, ...], sparsity: Table) -> np.ndarray:
    """A sparse tensor as a dense one.

    Its levels follow one another in the order of ``traversal``: a dense level repeats what is above it, a sparse one
    has a range of indices for each place above it (compressed rows). Levels beyond the tensor's own are places
    within the blocks of a dimension.
    """
    traversal, blocks, levels = sparsity.vector(0, "<i4"), sparsity.vector(1, "<i4"), sparsity.tables(2)
    places = np.zeros(1, int)
    spots = np.zeros((1, 0), int)
    sizes: dict[int, int] = {}
    for dimension, level in zip(traversal.tolist(), levels, strict=True):
        if level.number(0, "b") == 0:
            size = sizes[dimension] = level.number(1)
            above, step = np.repeat(np.arange(len(places)), size), np.tile(np.arange(size), len(places))
            places = places[above] * size + step
        else:
            segments, indices = _indices(level, 2), _indices(level, 4)
            counts = segments[places + 1] - segments[places]
            above = np.repeat(np.arange(len(places)), counts)
            places = np.concatenate([np.arange(segments[place], segments[place + 1]) for place in places])
            step = indices[places]
        spots = np.concatenate([spots[above], step[:, None]], axis=1)
    at = {dimension: spots[:, column] for column, dimension in enumerate(traversal.tolist())}
    for number, dimension in enumerate(blocks.tolist()):
        inner = len(shape) + number
        at[dimension] = at[dimension] * sizes[inner] + at[inner]
    result = np.zeros(shape, values.dtype)
    result[tuple(at[dimension] for dimension in range(len(shape)))] = values[places]
    return result


def _indices(level: Table, field: int) -> np.ndarray:
    """The vector of a sparse level whose width is given by ``field`` and which is in the field after it."""
    held = level.table(field + 1)
    if held is None:
        raise ValueError("a sparse tensor has no indices")
    return held.vector(0, _INDEX_WIDTHS[level.number(field, "b")]).astype(int)
