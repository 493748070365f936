"""Finished runs of portrait video -> model folders that need no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import UserError
from ...core.files import atomic_path
from ...methods.model_folder import ModelFolder
from ...training.onnx_export import export_graph, round_weights
from .perceptual_network import Looks
from .portrait_network import HEAT, PARTS, PortraitConfig, PortraitGenerator
from .refiner import load_looks, load_video_run

SIDE = 2 * HEAT


class _Activations(nn.Module):
    """All levels of the encoder of pictures, and how sure it is of background and parts."""

    def __init__(self, looks: Looks) -> None:
        super().__init__()
        self.looks = looks

    def forward(self, picture: Tensor) -> tuple[Tensor, ...]:
        levels: list[Tensor] = self.looks(picture)
        return tuple(levels)


def export_portrait(
    run: str | Path,
    out: str | Path,
    *,
    name: str = "portrait",
    credits: Sequence[str] = (),
    results: Mapping[str, Any] | None = None,
    trained_on: Sequence[str] = (),
) -> Path:
    """Write the model folder of a run of ``fit_video``; its weights lie beside the graphs, to go on from.

    Raises:
        UserError: the folder is no such run, or one that refines nothing.
    """
    from safetensors.torch import save_file

    generator, described = load_video_run(run)
    if generator.config.refine == "none":
        raise UserError(f"{run} refines nothing, so there is nothing to export")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    round_weights(generator, "float16")
    source, masks = torch.zeros(1, 3, SIDE, SIDE), torch.zeros(1, PARTS, HEAT, HEAT)
    features = generator.encoder(source, masks)
    names = ["f128", "f64", "f32"]
    export_graph(generator.encoder, (source, masks), ["source", "masks"], names, {}, out / "encoder.onnx")
    rest = (source, masks, torch.zeros(1, HEAT, HEAT, 2), torch.rand(1, 116, 2))
    export_graph(
        generator.refiner,
        (*features, *rest),
        [*names, "warped", "seen", "flow", "points"],
        ["picture"],
        {},
        out / "refiner.onnx",
    )
    weights = {key: _smallest(value) for key, value in generator.state_dict().items()}
    with atomic_path(out / "weights.safetensors") as path:
        save_file(weights, path)
    return _described(out, "portrait", name, described["config"], credits, results, trained_on)


def _smallest(values: Tensor) -> Tensor:
    """In half precision where that loses nothing: what the graphs have, to the bit."""
    half = values.half()
    return (half if torch.equal(half.float(), values) else values).contiguous()


def export_looks(
    run: str | Path,
    out: str | Path,
    *,
    name: str = "looks",
    credits: Sequence[str] = (),
    results: Mapping[str, Any] | None = None,
    trained_on: Sequence[str] = (),
) -> Path:
    """Write the model folder of a run of ``fit_looks``. Raises UserError if it is none."""
    looks = load_looks(run)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    round_weights(looks, "float16")
    levels = [f"level{k}" for k in range(len(looks.config.channels))]
    export_graph(
        _Activations(looks),
        (torch.zeros(2, 3, SIDE, SIDE),),
        ["picture"],
        levels,
        {"picture": {0: "pictures"}},
        out / "looks.onnx",
    )
    return _described(out, "looks", name, asdict(looks.config), credits, results, trained_on)


def _described(
    out: Path,
    method: str,
    name: str,
    config: dict[str, Any],
    credits: Sequence[str],
    results: Mapping[str, Any] | None,
    trained_on: Sequence[str],
) -> Path:
    from ... import __version__

    text = {
        "format": 1,
        "method": method,
        "name": name,
        "package_version": __version__,
        "config": config,
        "credits": list(credits),
        "results": dict(results or {}),
        "trained_on": list(trained_on),
    }
    with atomic_path(out / "config.json") as path:
        path.write_text(json.dumps(text, indent=1))
    return out


def generator_of(folder: ModelFolder) -> PortraitGenerator:
    """The network of an exported model folder, to train on. Raises UserError if its weights are missing."""
    sizes = folder.config["config"]
    network = PortraitGenerator(PortraitConfig(**{**sizes, "channels": tuple(sizes["channels"])}))
    arrays = {key: torch.from_numpy(value).float() for key, value in folder.arrays("weights").items()}
    try:
        network.load_state_dict(arrays)
    except RuntimeError as error:
        first = str(error).strip().splitlines()[0]
        raise UserError(f"{folder.folder} is of another version of cospeech ({first})") from None
    return network
