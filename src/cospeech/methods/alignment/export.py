"""A trained alignment -> a model folder that needs no torch."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...motion.codec import Codec
from ...training.onnx_export import round_weights
from ..model_writer import GraphSpec, codec_keys, write_config, write_graphs
from .network import AlignConfig, SpeechEncoder
from .train import METHOD, load_alignment_run

_STEPS = 8  # of an example


def speech_inputs(features: int, words: int, downsample: int) -> dict[str, torch.Tensor]:
    """Examples of features [1, T, F], and of words [1, T, W] if there are any."""
    columns = {"features": features} | ({"words": words} if words else {})
    return {name: torch.zeros(1, _STEPS * downsample, size) for name, size in columns.items()}


def speech_graph(encoder: SpeechEncoder, features: int, words: int, downsample: int) -> GraphSpec:
    """The speech encoder of a generator as a graph."""
    inputs = speech_inputs(features, words, downsample)
    return GraphSpec(encoder, inputs, ["speech"], {name: {1: "frames"} for name in inputs}, {"frames": downsample})


def side_graphs(speech: nn.Module, gesture: nn.Module, sizes: AlignConfig) -> dict[str, GraphSpec]:
    """The graphs ``speech`` and ``gesture``, each with the outputs frames and embedding.

    Args:
        speech: takes features [B, T, F], and words [B, T, W] if ``sizes`` has any.
        gesture: takes encoded motion [B, T, C].
    """
    spoken = speech_inputs(sizes.features, sizes.words, sizes.downsample)
    moved = {"motion": torch.zeros(1, _STEPS * sizes.downsample, sizes.channels)}
    return {
        name: GraphSpec(
            side,
            inputs,
            ["frames", "embedding"],
            {label: {1: "frames"} for label in inputs},
            {"frames": sizes.downsample},
        )
        for name, side, inputs in (("speech", speech, spoken), ("gesture", gesture, moved))
    }


def export_alignment(
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
    network, described = load_alignment_run(run, checkpoint=checkpoint)
    config, modality = network.config, described.get("part", "body")
    bodies = modality == "body" and config.channels == Codec().channels
    more = codec_keys() if bodies else {"space": described["space"]}
    round_weights(network, "int8")
    graphs = side_graphs(network.speech, network.gesture, config)
    return write_sides(
        Path(out),
        METHOD,
        asdict(config),
        graphs,
        described,
        name=name,
        part=modality,
        **more,
        credits=credits,
        results=results,
    )


def write_sides(
    out: Path,
    method: str,
    config: dict[str, Any],
    graphs: dict[str, GraphSpec],
    described: dict[str, Any],
    *,
    name: str | None,
    **more: Any,
) -> Path:
    """Write the model folder of an embedding of speech and gesture.

    Args:
        described: config.json of its run.
        name: of the model; that of the folder if None.
        more: further keys of ``write_config``.
    """
    write_graphs(out, graphs)
    known = {"made_pairs": described["made_pairs"], "encoders": described.get("encoders", {})}
    source = {"trained_on": described["splits"], "store": described["store"], **known}
    return write_config(out, method, config, name=name or out.name, **source, **more)
