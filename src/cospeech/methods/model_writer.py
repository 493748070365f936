"""Writing a model folder: graphs, arrays and config.json, in the form that ``model_folder`` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from ..core import files
from ..core.files import atomic_path
from ..core.timing import FPS
from ..motion.codec import Codec
from ..training.onnx_export import export_graph
from .model_folder import FORMAT


@dataclass(frozen=True)
class GraphSpec:
    """A network that becomes one ONNX graph.

    Args:
        network: its weights rounded as they will be stored (``training.onnx_export.round_weights``).
        inputs: examples by name, in the order of ``forward``, each a tensor of its own.
        outputs: names.
        dynamic: input name -> {axis: name of the dimension}.
        least: name of a dimension -> its smallest size, where that is more than 1.
    """

    network: nn.Module
    inputs: Mapping[str, Tensor]
    outputs: Sequence[str]
    dynamic: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    least: Mapping[str, int] = field(default_factory=dict)


def write_graphs(out: Path, graphs: Mapping[str, GraphSpec], *, weight_format: str = "int8") -> None:
    """Write NAME.onnx for every graph into a folder, which is created if need be."""
    out.mkdir(parents=True, exist_ok=True)
    for name, graph in graphs.items():
        export_graph(
            graph.network,
            list(graph.inputs.values()),
            list(graph.inputs),
            graph.outputs,
            {label: dict(axes) for label, axes in graph.dynamic.items()},
            out / f"{name}.onnx",
            least=graph.least,
            weight_format=weight_format,
        )


def write_arrays(out: Path, name: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Write NAME.safetensors."""
    files.write_arrays(out / f"{name}.safetensors", arrays)


def write_config(
    out: Path,
    method: str,
    config: Mapping[str, Any],
    *,
    name: str,
    credits: Sequence[str] | None = None,
    results: Mapping[str, Any] | None = None,
    **more: Any,
) -> Path:
    """Write config.json, the last file of a model folder, and return the folder.

    Args:
        config: sizes of the networks.
        name: of the model.
        credits: of the recordings that it was trained on.
        results: measured, for the model card.
        more: further keys of the method.
    """
    from .. import __version__

    text = {
        "format": FORMAT,
        "method": method,
        "name": name,
        "package_version": __version__,
        "config": dict(config),
        **more,
        "fps": FPS,
        "credits": list(credits or ()),
        "results": dict(results or {}),
    }
    with atomic_path(out / "config.json") as path:
        path.write_text(json.dumps(text, indent=1))
    return out


def codec_keys() -> dict[str, Any]:
    """What config.json says of the joints that bodies are encoded with."""
    codec = Codec()
    return {"codec": {"body": list(codec.body), "hands": list(codec.hands)}}
