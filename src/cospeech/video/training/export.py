"""Export of finished training runs of portrait video as model folders that need no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...core.errors import UserError
from ...core.files import atomic_path
from ...methods.model_folder import ModelFolder
from ...training.onnx_export import export_graph, round_weights
from ..evaluation import METHOD as ENCODER_METHOD
from ..warping.edge_maps import GROUPS
from ..warping.mixture import FLOW_SIDE, SPLINES
from ..warping.refine import METHOD as PORTRAIT_METHOD
from ..warping.refine import MOTION_SIDE
from ..warping.resampling import SIDE
from .perceptual_network import PerceptualEncoder, PerceptualEncoderConfig
from .portrait_network import CONTEXT, PARTS, PortraitConfig, PortraitGenerator
from .refiner import load_perceptual_encoder, load_video_run

FEATURES = ("f2", "f4", "f8")  # of the source, at a half, a quarter and an eighth of its side
EXAMPLE_ROWS, EXAMPLE_COLUMNS = 6, 5  # cells of 8 pixels of the pictures that graphs are traced with
MOST_CELLS = 512  # of a side


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
    _export_graphs(generator, out)
    weights = {key: _smallest(value) for key, value in generator.state_dict().items()}
    with atomic_path(out / "weights.safetensors") as path:
        save_file(weights, path)
    config = described["config"] | {"edges": generator.edges.sigma.exp().tolist()}
    return _described(out, PORTRAIT_METHOD, name, config, credits, results, trained_on)


def _export_graphs(generator: PortraitGenerator, out: Path) -> None:
    """Write encoder, dense motion and refiner; the first and the last take pictures of any size."""
    whole, part = (_Sides(f"{name}_rows", f"{name}_columns") for name in ("source", "crop"))
    known = [whole.planes("source", 3, 8), whole.planes("masks", PARTS, 4)]
    _export(generator.encoder, known, list(FEATURES), out / "encoder.onnx")
    if generator.motion is not None:
        sizes = {
            "source": (3, MOTION_SIDE, MOTION_SIDE),
            "warped": (3, MOTION_SIDE, MOTION_SIDE),
            "seen": (PARTS, MOTION_SIDE, MOTION_SIDE),
            "flow": (MOTION_SIDE, MOTION_SIDE, 2),
            "splines": (SPLINES, FLOW_SIDE, FLOW_SIDE, 2),
            "heat": (len(GROUPS), MOTION_SIDE, MOTION_SIDE),
        }
        small = [_Input(name, torch.zeros(1, *size), {}) for name, size in sizes.items()]
        _export(generator.motion, small, ["motion"], out / "motion.onnx")
    levels = zip(FEATURES, generator.config.channels, (4, 2, 1), strict=True)
    given = [whole.planes(name, count, cells) for name, count, cells in levels]
    given += [part.planes("warped", 3, 8), part.planes("seen", PARTS, 4), part.planes("near", 1, 4)]
    given += [part.places("flow", 4), part.planes("heat", len(GROUPS), 4)]
    given += [part.planes("context", CONTEXT, 4)] if generator.motion is not None else []
    _export(generator.refiner, given, ["picture"], out / "refiner.onnx")


@dataclass(frozen=True)
class _Input:
    """An input of a graph: an example, and which of its sides may be of another size."""

    name: str
    example: Tensor
    sides: dict[int, Any]


class _Sides:
    """Sides of pictures and maps that belong together, in cells of 8 x 8 pixels."""

    def __init__(self, rows: str, columns: str) -> None:
        self.rows, self.columns = (torch.export.Dim(name, min=2, max=MOST_CELLS) for name in (rows, columns))

    def planes(self, name: str, count: int, cells: int) -> _Input:
        """[1, count, H, W] with so many pixels of a cell's side."""
        example = torch.zeros(1, count, EXAMPLE_ROWS * cells, EXAMPLE_COLUMNS * cells)
        return _Input(name, example, {2: cells * self.rows, 3: cells * self.columns})

    def places(self, name: str, cells: int) -> _Input:
        """[1, H, W, 2]."""
        example = torch.zeros(1, EXAMPLE_ROWS * cells, EXAMPLE_COLUMNS * cells, 2)
        return _Input(name, example, {1: cells * self.rows, 2: cells * self.columns})


def _export(network: nn.Module, given: list[_Input], outputs: list[str], path: Path) -> None:
    dynamic = {one.name: one.sides for one in given}
    export_graph(network, [one.example for one in given], [one.name for one in given], outputs, dynamic, path)


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
    """The network of an exported model folder, to train on.

    One that was exported before there was dense motion begins the network of today.

    Raises:
        UserError: its weights are missing, or of other sizes.
    """
    sizes = {key: value for key, value in folder.config["config"].items() if key not in ("reach", "edges")}
    for key in ("channels", "weighing"):
        if key in sizes:
            sizes[key] = tuple(sizes[key])
    network = PortraitGenerator(PortraitConfig(**sizes))
    arrays = {
        key.replace("refiner.edges", "edges"): torch.from_numpy(value).float()
        for key, value in folder.arrays("weights").items()
    }
    new = set() if "motion" in sizes else {key for key in network.state_dict() if _of_motion(key)}
    arrays |= {key: value for key, value in network.state_dict().items() if key in new}
    try:
        network.load_state_dict(arrays)
    except RuntimeError as error:
        first = str(error).strip().splitlines()[0]
        raise UserError(f"{folder.folder} is of another version of cospeech ({first})") from None
    return network


def _of_motion(key: str) -> bool:
    return key.startswith(("motion.", "refiner.hear."))


def encoder_of(folder: ModelFolder) -> PerceptualEncoder:
    """The frozen perceptual encoder of a model folder, for a loss. Raises UserError if it lacks a weight."""
    import onnx

    sizes = folder.config["config"]["channels"]
    network = PerceptualEncoder(PerceptualEncoderConfig(tuple(sizes)))
    stored = onnx.load(folder.folder / f"{ENCODER_METHOD}.onnx").graph.initializer
    arrays = {}
    for tensor in stored:
        name = "levels." + tensor.name.partition("levels.")[2].removesuffix("_stored")
        arrays[name] = torch.from_numpy(onnx.numpy_helper.to_array(tensor).astype(np.float32))
    own = {name for name in network.state_dict() if name.startswith("levels.")}
    if not own <= set(arrays):
        raise UserError(f"{folder.folder} lacks weights of the perceptual encoder ({min(own - set(arrays))})")
    network.load_state_dict(arrays, strict=False)
    return network.requires_grad_(False)
