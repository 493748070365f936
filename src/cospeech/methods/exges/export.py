"""A trained denoiser and its tokenizer -> a model folder that needs no torch."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...core.errors import UserError
from ...core.files import atomic_path
from ...data.dataset import GestureDataset
from ...motion.codec import Codec
from ...nn.latents import ScaledLatents
from ...training.onnx_export import export_graph, round_weights
from ..conditioning import Condition
from ..contextual.export import rest_poses
from ..tokenizer.network import Tokenizer
from ..tokenizer.train import load_tokenizer_run
from .network import Denoiser
from .train import load_denoiser_run


class TorchNetworks:
    """The torch networks, as ``sample_latents`` wants them: for evaluation while training."""

    def __init__(self, tokenizer: Tokenizer, denoiser: Denoiser) -> None:
        self.tokenizer, self.denoiser = tokenizer.eval(), denoiser.eval()
        self.latent, self.downsample = denoiser.config.latent, denoiser.config.downsample

    @torch.no_grad()
    def speech(self, features: np.ndarray) -> np.ndarray:
        """[T, F] -> [T / downsample, W]."""
        sizes = self.denoiser.config
        heard = torch.from_numpy(features[None]).float()
        words = heard[..., sizes.features :] if sizes.words else None
        return self.denoiser.speech(heard[..., : sizes.features], words)[0].numpy()  # type: ignore[no-any-return]

    @torch.no_grad()
    def denoise(
        self,
        x: np.ndarray,
        alpha: np.ndarray,
        sigma: np.ndarray,
        pose: np.ndarray,
        mask: np.ndarray,
        speech: np.ndarray,
        condition: Condition,
    ) -> np.ndarray:
        """One estimate of x_0."""
        size = len(x)
        wishes = (np.repeat(v[:1], size, 0) for v in (condition.emotion, condition.style, condition.intensity))
        inputs = (x, alpha, sigma, pose, mask, speech, *wishes)
        return self.denoiser(*(torch.from_numpy(np.ascontiguousarray(v)).float() for v in inputs)).numpy()  # type: ignore[no-any-return]

    @torch.no_grad()
    def encode(self, motion: np.ndarray) -> np.ndarray:
        """Coded motion -> scaled latents."""
        return LatentEncoder(self.tokenizer, self.denoiser)(torch.from_numpy(motion[None]).float())[0].numpy()  # type: ignore[no-any-return]

    @torch.no_grad()
    def decode(self, latent: np.ndarray) -> np.ndarray:
        """Scaled latents -> coded motion."""
        return LatentDecoder(self.tokenizer, self.denoiser)(torch.from_numpy(latent[None]).float())[0].numpy()  # type: ignore[no-any-return]


class LatentEncoder(nn.Module):
    """Coded motion [B, T, C] -> the latents [B, N, D] of a network that scales them (``scaled``)."""

    def __init__(self, tokenizer: Tokenizer, network: ScaledLatents) -> None:
        super().__init__()
        self.tokenizer, self.network = tokenizer, network

    def forward(self, motion: Tensor) -> Tensor:
        return self.network.scaled(self.tokenizer.encode_latent(motion))


class LatentDecoder(nn.Module):
    """The way back."""

    def __init__(self, tokenizer: Tokenizer, network: ScaledLatents) -> None:
        super().__init__()
        self.tokenizer, self.network = tokenizer, network

    def forward(self, latent: Tensor) -> Tensor:
        return self.tokenizer.smoothed(self.tokenizer.decode_latent(self.network.unscaled(latent)))


def export_exges(
    tokenizer_run: str | Path,
    denoiser_run: str | Path,
    dataset: GestureDataset,
    out: str | Path,
    *,
    name: str = "exges",
    base: str | None = None,
    credits: list[str] | None = None,
    default_speaker: str | None = None,
    sampling: dict[str, Any] | None = None,
    results: dict[str, Any] | None = None,
    checkpoint: str = "last",
) -> Path:
    """Write a model folder from two finished runs; the dataset gives every style's rest pose.

    Args:
        base: the gesture library that belongs to it, a folder beside config.json, if any.
    Raises:
        UserError: a folder is no such run, or the two are not of one tokenizer.
    """
    from safetensors.numpy import save_file

    from ... import __version__

    tokenizer, _ = load_tokenizer_run(tokenizer_run)
    denoiser, described = load_denoiser_run(denoiser_run, checkpoint=checkpoint)
    config, out = denoiser.config, Path(out)
    if (tokenizer.config.latent, tokenizer.config.downsample) != (config.latent, config.downsample):
        raise UserError(f"{denoiser_run} was trained on another tokenizer than {tokenizer_run}; give that one")
    out.mkdir(parents=True, exist_ok=True)
    for part in (denoiser, tokenizer.encoder, tokenizer.decoder):
        round_weights(part, "int8")
    round_weights(tokenizer.synthesis, "float16")
    with torch.no_grad():
        tokenizer.analysis.copy_(tokenizer.analysis.half().float())
    steps, frames = 8, 8 * config.downsample
    heard = {"features": config.features} | ({"words": config.words} if config.words else {})
    export_graph(
        denoiser.speech,
        [torch.zeros(1, frames, columns) for columns in heard.values()],
        list(heard),
        ["speech"],
        {label: {1: "frames"} for label in heard},
        out / "speech.onnx",
        weight_format="int8",
    )
    inputs = {  # each a tensor of its own: the exporter takes one object for one input
        "x": torch.zeros(2, steps, config.latent),
        "alpha": torch.full((2,), 0.6),
        "sigma": torch.full((2,), 0.8),
        "pose": torch.zeros(2, frames, config.channels),
        "mask": torch.zeros(2, frames, config.joints),
        "speech": torch.zeros(2, steps, config.width),
        "emotion": torch.zeros(2, config.emotions),
        "style": torch.zeros(2, config.styles),
        "intensity": torch.zeros(2, 2),
    }
    dynamic: dict[str, dict[int, str]] = {label: {0: "batch"} for label in inputs}
    for label, axis in (("x", "steps"), ("speech", "steps"), ("pose", "frames"), ("mask", "frames")):
        dynamic[label][1] = axis
    export_graph(
        denoiser, list(inputs.values()), list(inputs), ["clean"], dynamic, out / "denoiser.onnx", weight_format="int8"
    )
    export_graph(
        LatentEncoder(tokenizer, denoiser),
        (torch.zeros(1, frames, config.channels),),
        ["motion"],
        ["latent"],
        {"motion": {1: "frames"}},
        out / "encoder.onnx",
        weight_format="int8",
    )
    export_graph(
        LatentDecoder(tokenizer, denoiser),
        (torch.zeros(1, steps, config.latent),),
        ["latent"],
        ["motion"],
        {"latent": {1: "steps"}},
        out / "decoder.onnx",
        weight_format="int8",
    )
    styles = described["styles"]
    with atomic_path(out / "rest.safetensors") as path:
        save_file(rest_poses(dataset, styles), path)
    text = {
        "format": 1,
        "method": "exges",
        "name": name,
        "package_version": __version__,
        "config": {key: asdict(config)[key] for key in ("latent", "downsample", "features", "words", "width")},
        "styles": styles,
        "default_speaker": default_speaker or styles[0],
        "codec": {"body": list(Codec().body), "hands": list(Codec().hands)},
        "fps": 30,
        "trained_on": described["splits"],
        "made_pairs": dataset.synthetic_pairs,
        "encoders": described.get("encoders", {}),
        "credits": credits or [],
        "sampling": {"window": config.window, **(sampling or {})},
        "results": results or {},
        **({"base": base} if base else {}),
    }
    with atomic_path(out / "config.json") as path:
        path.write_text(json.dumps(text, indent=1))
    return out
