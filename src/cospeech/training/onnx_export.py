"""Networks -> ONNX graphs, with weights stored small and computed in float32.

A graph's large weights are kept as float16, or as int8 with one scale an output channel, and turned to
float32 when a session is made (ONNX Runtime folds that away). The exported network is by definition
the one with the rounded weights; ``round_weights`` gives torch the same.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core.files import atomic_path

if TYPE_CHECKING:
    import onnx

OPSET = 18
_LARGE = 4096  # numbers from which a weight is stored small
_ALONE = Lock()  # torch is changed while it exports


def export_graph(
    network: nn.Module,
    example: Sequence[Tensor],
    names: Sequence[str],
    outputs: Sequence[str],
    dynamic: Mapping[str, Mapping[int, Any]],
    path: str | Path,
    *,
    least: Mapping[str, int] | None = None,
    weight_format: str = "float16",
) -> None:
    """Write one network as ONNX.

    Args:
        network: in eval mode; its weights should have been through ``round_weights(weight_format=...)``.
        example: inputs to trace with; names, outputs: of the graph's inputs and outputs.
        dynamic: input name -> {axis: name of the dimension, or a torch.export.Dim or a multiple of one}.
        least: name of a dimension -> its smallest size, where the network needs more than 1; torch finds that out
            by itself, but then traces a second time.
        weight_format: "float32", "float16" or "int8" (then weights that were rounded to float16 stay so).
    """
    import onnx

    network.eval()
    smallest = least or {}
    shapes = tuple(
        {
            axis: torch.export.Dim(label, min=smallest.get(label, 1), max=4096) if isinstance(label, str) else label
            for axis, label in dynamic.get(name, {}).items()
        }
        or None
        for name in names
    )

    def export() -> torch.onnx.ONNXProgram | None:
        return torch.onnx.export(
            network,
            tuple(example),
            input_names=list(names),
            output_names=list(outputs),
            dynamic_shapes=shapes,
            dynamo=True,
            opset_version=OPSET,
            custom_translation_table=_translations(),
            verbose=False,
        )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # about torch's own innards
        try:
            with _decomposed_where_needed():
                program = export()
        except torch.onnx.OnnxExporterError:  # ONNX lacks an operator
            program = export()
    assert program is not None
    model = program.model_proto
    _shrink(model, weight_format)
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    del model.metadata_props[:]
    with atomic_path(path) as temporary:
        onnx.save(model, os.fspath(temporary))


@contextmanager
def _decomposed_where_needed() -> Iterator[None]:
    """Leaves a program as it is where ``run_decompositions``, with torch's table of what ONNX lacks, changes nothing.

    torch traces the network two more times for that, which takes most of the time of an export.
    """
    program = torch.export.ExportedProgram
    with _ALONE:
        decompose = program.run_decompositions

        def where_needed(self: torch.export.ExportedProgram, table: Any = None) -> torch.export.ExportedProgram:
            nodes = [node for part in self.graph_module.modules() for node in part.graph.nodes]
            targets = {node.target for node in nodes if node.op == "call_function"}
            if table is None or any(target in table or _writes(target) for target in targets):
                decomposed: torch.export.ExportedProgram = decompose(self, table)
                return decomposed
            return self

        program.run_decompositions = where_needed  # type: ignore[method-assign]
        try:
            yield
        finally:
            program.run_decompositions = decompose  # type: ignore[method-assign]


def _writes(target: Any) -> bool:
    """Whether an operator changes one of its arguments."""
    schema = getattr(target, "_schema", None)
    return schema is not None and schema.is_mutable


@cache
def _translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Operators for which torch has no ONNX of its own, only decompositions."""
    from onnxscript import opset18

    op: Any = opset18

    def to(self: Any, dtype: int, non_blocking: bool = False, copy: bool = False) -> Any:
        return op.Cast(self, to=dtype)

    def rsub(self: Any, other: float, alpha: float = 1.0) -> Any:
        return op.Sub(op.CastLike(other, self), op.Mul(self, op.CastLike(alpha, self)))

    def conv_transpose1d(
        input: Any,
        weight: Any,
        bias: Any = None,
        stride: Sequence[int] = (1,),
        padding: Sequence[int] = (0,),
        output_padding: Sequence[int] = (0,),
        groups: int = 1,
        dilation: Sequence[int] = (1,),
    ) -> Any:
        return op.ConvTranspose(
            input,
            weight,
            bias,
            strides=list(stride),
            pads=[*padding, *padding],
            output_padding=list(output_padding),
            group=groups,
            dilations=list(dilation),
        )

    def square(self: Any) -> Any:
        return op.Mul(self, self)

    def feature_dropout(self: Any, p: float, train: bool) -> Any:
        return op.Identity(self)  # networks are exported in eval mode

    aten = torch.ops.aten
    return {
        aten.to.dtype: to,
        aten.rsub.Scalar: rsub,
        aten.square.default: square,
        aten.feature_dropout.default: feature_dropout,
        aten.conv_transpose1d.default: conv_transpose1d,
    }


def _shrink(model: onnx.ModelProto, weight_format: str) -> None:
    """Replace large float32 weights by stored ones and a cast."""
    from onnx import TensorProto, helper, numpy_helper

    if weight_format == "float32":
        return
    head, kept = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _LARGE:
            kept.append(tensor)
            continue
        name = tensor.name
        scale = _scale(values) if weight_format == "int8" else None
        if scale is None:
            half = values.astype(np.float16)
            if (half != values).any():
                raise ValueError(f"{name} was not rounded for storage; call round_weights first")
            kept.append(numpy_helper.from_array(half, name + "_stored"))
            head.append(helper.make_node("Cast", [name + "_stored"], [name], to=TensorProto.FLOAT))
            continue
        whole = np.round(values / scale).astype(np.int8)
        kept.append(numpy_helper.from_array(whole, name + "_stored"))
        kept.append(numpy_helper.from_array(scale.astype(np.float32), name + "_scale"))
        head.append(helper.make_node("Cast", [name + "_stored"], [name + "_whole"], to=TensorProto.FLOAT))
        head.append(helper.make_node("Mul", [name + "_whole", name + "_scale"], [name]))
    nodes = list(model.graph.node)
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend([*head, *nodes])


def _scale(values: np.ndarray) -> np.ndarray | None:
    """The scales that ``round_weights`` used for int8, one an output channel; None if it did not.

    Matrices may have been transposed by the exporter, so the axis is found by the rounding itself.
    """
    for axis in range(values.ndim):
        others = tuple(a for a in range(values.ndim) if a != axis)
        scale: np.ndarray = np.maximum(np.abs(values).max(axis=others, keepdims=True), 1e-12) / 127
        whole = values / scale
        if np.abs(whole - np.round(whole)).max() < 2e-3:
            return scale
    return None


@torch.no_grad()
def round_weights(network: nn.Module, weight_format: str) -> None:
    """Round the large weights of a network as ``weight_format`` keeps them, in place."""
    for weight in [*network.parameters(), *network.buffers()]:
        if weight.dtype != torch.float32 or weight.numel() < _LARGE:
            continue
        if weight_format == "float16":
            weight.copy_(weight.half().float())
        elif weight_format == "int8":
            others = tuple(range(1, weight.ndim))
            scale = weight.abs().amax(others, keepdim=True).clamp_min(1e-12) / 127
            weight.copy_((weight / scale).round() * scale)
