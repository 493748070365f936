"""A trained denoiser and its tokenizer -> a model folder that needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...core.deprecation import renamed_keywords
from ...core.errors import UserError
from ...data.dataset import GestureDataset
from ...training.onnx_export import round_weights
from ..alignment.export import speech_graph
from ..conditioning import Condition
from ..modalities import rest_poses
from ..model_writer import GraphSpec, codec_keys, write_arrays, write_config, write_graphs
from ..tokenizer.export import LatentDecoder, LatentEncoder, round_tokenizer, tokenizer_graphs
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
        values = torch.from_numpy(features[None]).float()
        words = values[..., sizes.features :] if sizes.words else None
        return self.denoiser.speech(values[..., : sizes.features], words)[0].numpy()

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
        conditions = (np.repeat(v[:1], size, 0) for v in (condition.emotion, condition.style, condition.intensity))
        inputs = (x, alpha, sigma, pose, mask, speech, *conditions)
        return self.denoiser(*(torch.from_numpy(np.ascontiguousarray(v)).float() for v in inputs)).numpy()

    @torch.no_grad()
    def encode(self, motion: np.ndarray) -> np.ndarray:
        """Coded motion -> scaled latents."""
        return LatentEncoder(self.tokenizer, self.denoiser)(torch.from_numpy(motion[None]).float())[0].numpy()

    @torch.no_grad()
    def decode(self, latent: np.ndarray) -> np.ndarray:
        """Scaled latents -> coded motion."""
        return LatentDecoder(self.tokenizer, self.denoiser)(torch.from_numpy(latent[None]).float())[0].numpy()


@renamed_keywords({"base": "library"})
def export_exges(
    tokenizer_run: str | Path,
    denoiser_run: str | Path,
    dataset: GestureDataset,
    out: str | Path,
    *,
    name: str = "exges",
    library: str | None = None,
    credits: list[str] | None = None,
    default_speaker: str | None = None,
    sampling: dict[str, Any] | None = None,
    results: dict[str, Any] | None = None,
    checkpoint: str = "last",
    diffusion: bool = True,
) -> Path:
    """Write a model folder from two finished runs; the dataset gives every style's rest pose.

    Args:
        diffusion: False leaves the denoiser out, where a flow is added that does its work; other models may use the
            tokenizer's graphs.
        library: the gesture library that belongs to it, a folder beside config.json, if any.
    Raises:
        UserError: a folder is no such run, or the two are not of one tokenizer.
    """
    tokenizer, _ = load_tokenizer_run(tokenizer_run)
    denoiser, described = load_denoiser_run(denoiser_run, checkpoint=checkpoint)
    config, out, styles = denoiser.config, Path(out), described["styles"]
    if (tokenizer.config.latent, tokenizer.config.downsample) != (config.latent, config.downsample):
        raise UserError(f"{denoiser_run} was trained on another tokenizer than {tokenizer_run}; name that one")
    round_weights(denoiser, "int8")
    round_tokenizer(tokenizer)
    graphs = tokenizer_graphs(tokenizer, denoiser)
    if diffusion:
        graphs["speech"] = speech_graph(denoiser.speech, config.features, config.words, config.downsample)
        graphs["denoiser"] = _denoiser_graph(denoiser)
    write_graphs(out, graphs)
    write_arrays(out, "rest", rest_poses(dataset, styles))
    return write_config(
        out,
        "exges",
        {key: getattr(config, key) for key in ("latent", "downsample", "features", "words", "width")},
        name=name,
        styles=styles,
        default_speaker=default_speaker or styles[0],
        **codec_keys(),
        trained_on=described["splits"],
        made_pairs=dataset.synthetic_pairs,
        encoders=described.get("encoders", {}),
        sampling={"window": config.window, **(sampling or {})},
        credits=credits,
        results=results,
        **({"base": library} if library else {}),
    )


def _denoiser_graph(denoiser: Denoiser) -> GraphSpec:
    config, steps = denoiser.config, 8
    frames = steps * config.downsample
    inputs = {
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
    return GraphSpec(denoiser, inputs, ["clean"], dynamic)
