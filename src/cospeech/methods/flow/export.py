"""A trained flow -> the folder ``flow`` of a model folder, which needs no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...core.errors import UserError
from ...core.files import atomic_path
from ...training.onnx_export import round_weights
from ..model_writer import GraphSpec, write_arrays, write_graphs
from .codes import PartCodes
from .fit_parts import load_parts_run, parts_arrays
from .model import FOLDER
from .network import ActivityNetwork, Flow
from .train_activity import load_activity_run
from .train_flow import load_flow_run

WORDS_EVERY = 32  # one latent of a plan in so many has words that are shown to the flow (docs/experiments.md)


def export_flow(
    flow: Flow, activity: ActivityNetwork, codes: PartCodes, out: Path, *, weights: str = "int8"
) -> dict[str, Any]:
    """Write the folder ``flow`` of the model folder ``out``; returns its entry of config.json.

    Args:
        weights: "int8" (one scale a channel), "float16" or "float32"; of the sampler of activity float16 or float32.
    """
    round_weights(flow, weights)
    folder = out / FOLDER
    config, count = flow.config, 8
    inputs = {
        "noisy": torch.zeros(1, count, config.latent),
        "time": torch.zeros(1),
        "known": torch.zeros(1, dtype=torch.long),
        "given": torch.zeros(1, count, config.parts),
        "plan": torch.zeros(1, count, config.latent + config.parts),
        "speech": torch.zeros(1, count, config.features + 1),
        "levels": torch.zeros(1, count, config.parts),
        "emotion": torch.zeros(1, config.emotions),
        "style": torch.zeros(1, config.styles),
        "intensity": torch.zeros(1, 2),
        "past": torch.zeros(config.depth, 1, 2, config.heads, count - 3, config.width // config.heads),
    }
    dynamic = {name: {1: "latents"} for name in ("noisy", "given", "plan", "speech", "levels")} | {"past": {4: "past"}}
    graph = GraphSpec(flow, inputs, ["clean", "present"], dynamic)
    write_graphs(folder, {"flow": graph}, weight_format=weights)
    kept = np.float32 if weights == "float32" else np.float16
    arrays = {name: value.detach().numpy().astype(kept) for name, value in activity.state_dict().items()}
    write_arrays(folder, "activity", arrays)
    write_arrays(folder, "parts", parts_arrays(codes))
    return {"ahead": activity.config.ahead, "window": config.window, "sampling": {"words_every": WORDS_EVERY}}


def add_flow(run: Path, out: Path) -> Path:
    """Add the flow of a run, if it has one, to the model folder ``out`` of a method that plans with its own networks.

    Raises:
        UserError: the flow was trained on other speakers.
    """
    if not (run / "flow").is_dir():
        return out
    path = out / "config.json"
    config = json.loads(path.read_text())
    flow, described = load_flow_run(run / "flow")
    if described["styles"] != config["styles"]:
        raise UserError(
            f"{run / 'flow'} was trained on {', '.join(described['styles'])} and the model on "
            f"{', '.join(config['styles'])}; train both on the same splits"
        )
    activity, _ = load_activity_run(run / "activity")
    config[FOLDER] = export_flow(flow, activity, load_parts_run(run / "parts"), out)
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(config, indent=1))
    return out
