"""A trained embedding for retrieval -> a model folder that needs no torch."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ...training.onnx_export import round_weights
from ..alignment.export import side_graphs, write_sides
from ..model_writer import codec_keys
from .retrieval_network import Encoders
from .train_retrieval import METHOD, load_retrieval_run


class _Speech(nn.Module):
    """The speech side as a graph: keys of frames, and of the segment."""

    def __init__(self, encoders: Encoders) -> None:
        super().__init__()
        self.encoders = encoders

    def forward(self, features: Tensor, words: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.encoders.of_speech(features, words)


class _Gesture(nn.Module):
    """The gesture side as a graph: keys of frames, and of the segment."""

    def __init__(self, encoders: Encoders) -> None:
        super().__init__()
        self.encoders = encoders

    def forward(self, motion: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoders.of_gesture(motion)


def export_retrieval(
    run: str | Path,
    out: str | Path,
    *,
    name: str | None = None,
    credits: list[str] | None = None,
    results: dict[str, Any] | None = None,
    checkpoint: str = "last",
) -> Path:
    """Write the model folder of a run (speech.onnx, gesture.onnx), weights as int8.

    Raises:
        UserError: the folder is no such run, or nothing has been saved yet.
    """
    network, described = load_retrieval_run(run, checkpoint=checkpoint)
    encoders, sizes = network.encoders, network.config.encoders
    round_weights(encoders, "int8")
    graphs = side_graphs(_Speech(encoders), _Gesture(encoders), sizes)
    config = {**asdict(sizes), "fine": network.config.fine}
    return write_sides(
        Path(out),
        METHOD,
        config,
        graphs,
        described,
        name=name,
        part="body",
        **codec_keys(),
        credits=credits,
        results=results,
    )
