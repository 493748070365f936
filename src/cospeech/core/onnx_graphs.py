"""What an ONNX file does, seen before it runs: operators, and whether it reads other files.

A file is a message of Protocol Buffers (https://protobuf.dev/programming-guides/encoding): fields with a number, which
are integers of variable length, of 4 or 8 bytes, or blocks with their length. The numbers are those of onnx.proto3.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .errors import UserError

_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})  # whose operators ONNX Runtime has itself
_ENDLESS = frozenset({"Loop", "Scan", "SequenceMap"})
_DEEPEST = 8  # graphs within graphs
_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODES, _GRAPH_TENSORS = 1, 5
_NODE_ATTRIBUTES, _NODE_OPERATOR, _NODE_DOMAIN = 5, 4, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS = 5, 6, 11
_TENSOR_EXTERNAL, _TENSOR_PLACE = 13, 14


def check_graph(path: Path) -> None:
    """Refuse an ONNX file that may run for ever, needs operators of others, or reads other files.

    Raises:
        UserError: it does, or it is no ONNX file.
    """
    try:
        model = memoryview(path.read_bytes())
        for number, value in _fields(model):
            if number == _MODEL_FUNCTIONS:
                raise UserError(f"{path} holds functions of its own, which are not run; export the model again")
            if number == _MODEL_GRAPH and isinstance(value, memoryview):
                _check(value, path, 0)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check its permissions") from None
    except (IndexError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is damaged ({error}); export the model again") from None


def _check(graph: memoryview, path: Path, depth: int) -> None:
    if depth > _DEEPEST:
        raise UserError(f"{path} nests graphs deeper than {_DEEPEST}; export the model again")
    for number, value in _fields(graph):
        if not isinstance(value, memoryview):
            continue
        if number == _GRAPH_TENSORS:
            _check_tensor(value, path)
        elif number == _GRAPH_NODES:
            _check_node(value, path, depth)


def _check_node(node: memoryview, path: Path, depth: int) -> None:
    fields = [(number, value) for number, value in _fields(node) if isinstance(value, memoryview)]
    texts = {number: bytes(value).decode("utf-8", errors="replace") for number, value in fields if number in (4, 7)}
    operator, domain = texts.get(_NODE_OPERATOR, ""), texts.get(_NODE_DOMAIN, "")
    if operator in _ENDLESS:
        raise UserError(f"{path} holds {operator}, which may run for ever; export the model without loops")
    if domain not in _DOMAINS:
        raise UserError(f"{path} needs the operator {operator[:40]!r} of {domain[:40]!r}, which is not run")
    for number, attribute in fields:
        if number == _NODE_ATTRIBUTES:
            for kind, value in _fields(attribute):
                if kind in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS) and isinstance(value, memoryview):
                    _check(value, path, depth + 1)
                elif kind == _ATTRIBUTE_TENSOR and isinstance(value, memoryview):
                    _check_tensor(value, path)


def _check_tensor(tensor: memoryview, path: Path) -> None:
    for number, value in _fields(tensor):
        if number == _TENSOR_EXTERNAL or (number == _TENSOR_PLACE and value == 1):
            raise UserError(f"{path} keeps weights in another file, which is not read; export the model again")


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Numbers and values of a message's fields. Raises IndexError or ValueError where it is none."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind not in (1, 2, 5):
            raise ValueError("no ONNX file")
        size, at = _varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
        if at + size > len(data):
            raise ValueError("cut off")
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("no ONNX file")
