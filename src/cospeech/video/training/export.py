"""Export of finished training runs of portrait video as model folders that need no torch."""

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
from ...motion.points import POINTS
from ...training.onnx_export import export_graph, round_weights
from ..evaluation import METHOD as ENCODER_METHOD
from ..warping.refine import METHOD as PORTRAIT_METHOD
from ..warping.resampling import SIDE
from .perceptual_network import PerceptualEncoder
from .portrait_network import HEAT, PARTS, PortraitConfig, PortraitGenerator
from .refiner import load_perceptual_encoder, load_video_run


class _Activations(nn.Module):
    """Activations of all levels of the perceptual encoder, the graph that is exported."""

    def __init__(self, encoder: PerceptualEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, picture: Tensor) -> tuple[Tensor, ...]:
        levels: list[Tensor] = self.encoder(picture)
        return tuple(levels)


def export_portrait(
    run: str | Path,
    out: str | Path,
    *,
    name: str = PORTRAIT_METHOD,
    credits: Sequence[str] = (),
    results: Mapping[str, Any] | None = None,
    trained_on: Sequence[str] = (),
) -> Path:
    """Write the model folder of a run of ``fit_video``, with its weights beside the graphs for further training.

    Raises:
        UserError: the folder holds no such run, or one without refinement.
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
    rest = (source, masks, torch.zeros(1, HEAT, HEAT, 2), torch.rand(1, len(POINTS), 2))
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
    return _described(out, PORTRAIT_METHOD, name, described["config"], credits, results, trained_on)


def _smallest(values: Tensor) -> Tensor:
    """In half precision if that is exact, as the graphs store them."""
    half = values.half()
    return (half if torch.equal(half.float(), values) else values).contiguous()


def export_perceptual_encoder(
    run: str | Path,
    out: str | Path,
    *,
    name: str = ENCODER_METHOD,
    credits: Sequence[str] = (),
    results: Mapping[str, Any] | None = None,
    trained_on: Sequence[str] = (),
) -> Path:
    """Write the model folder of a run of ``fit_perceptual_encoder``. Raises UserError if it is none."""
    encoder = load_perceptual_encoder(run)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    round_weights(encoder, "float16")
    levels = [f"level{k}" for k in range(len(encoder.config.channels))]
    export_graph(
        _Activations(encoder),
        (torch.zeros(2, 3, SIDE, SIDE),),
        ["picture"],
        levels,
        {"picture": {0: "pictures"}},
        out / f"{ENCODER_METHOD}.onnx",
    )
    return _described(out, ENCODER_METHOD, name, asdict(encoder.config), credits, results, trained_on)


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
