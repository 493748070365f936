"""A trained flow -> the folder ``flow`` of a model folder, which needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...data.dataset import GestureDataset
from ...training.onnx_export import round_weights
from ..modalities import rest_poses
from ..model_writer import GraphSpec, write_arrays, write_graphs
from .codes import PartCodes
from .fit_parts import parts_arrays
from .model import FOLDER
from .network import ActivityNetwork, Flow


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
    }
    dynamic = {name: {1: "latents"} for name in ("noisy", "given", "plan", "speech", "levels")}
    write_graphs(folder, {"flow": GraphSpec(flow, inputs, ["clean"], dynamic)}, weight_format=weights)
    kept = np.float32 if weights == "float32" else np.float16
    arrays = {name: value.detach().numpy().astype(kept) for name, value in activity.state_dict().items()}
    write_arrays(folder, "activity", arrays)
    write_arrays(folder, "parts", parts_arrays(codes))
    return {"ahead": activity.config.ahead, "window": config.window}


def rest_of(dataset: GestureDataset, styles: list[str]) -> dict[str, np.ndarray]:
    """Every style's rest pose, encoded [C]."""
    return {style: pose.astype(np.float32) for style, pose in rest_poses(dataset, styles).items()}
