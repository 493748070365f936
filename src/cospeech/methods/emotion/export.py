"""A trained mining, generator and tokenizer -> a model folder that needs no torch."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...core.emotions import EMOTIONS
from ...core.errors import UserError
from ...core.files import atomic_path
from ...data.dataset import GestureDataset
from ...data.windows import PAIRS
from ...motion.codec import Codec
from ...nn.latents import ScaledLatents
from ...speech.acoustics import DIM
from ...training.onnx_export import export_graph, round_weights
from ..contextual.export import rest_poses
from ..exges.export import LatentDecoder, LatentEncoder
from ..tokenizer.network import Tokenizer
from ..tokenizer.train import load_tokenizer_run
from .mining import Mining
from .network import Generator
from .prior import Prior
from .train_generator import load_generator_run, mined_features
from .train_mining import load_mining_run
from .train_prior import load_prior_run


class _Beats(nn.Module):
    def __init__(self, mining: Mining) -> None:
        super().__init__()
        self.mining = mining

    def forward(self, features: Tensor) -> Tensor:
        return self.mining.beats(features)


class _Moods(nn.Module):
    def __init__(self, mining: Mining) -> None:
        super().__init__()
        self.mining = mining

    def forward(self, acoustics: Tensor) -> Tensor:
        return self.mining.emotions(acoustics)[1]


class _Made(nn.Module):
    """The generator, fed with latents of the VAE as they were diffused."""

    mean: Tensor
    std: Tensor

    def __init__(self, generator: Generator, prior: Prior) -> None:
        super().__init__()
        self.generator = generator
        self.register_buffer("mean", prior.mean)
        self.register_buffer("std", prior.std)

    def forward(
        self, given: Tensor, beat: Tensor, mood: Tensor, emotion: Tensor, style: Tensor, intensity: Tensor
    ) -> Tensor:
        y: Tensor = self.generator(given, beat, mood * self.std + self.mean, emotion, style, intensity)
        return y


class _Still(nn.Module):
    """A generator without a VAE: the wanted emotion's mean feature stands for the voice's own."""

    table: Tensor

    def __init__(self, generator: Generator, table: Tensor) -> None:
        super().__init__()
        self.generator = generator
        self.register_buffer("table", table.float())

    def forward(self, given: Tensor, beat: Tensor, emotion: Tensor, style: Tensor, intensity: Tensor) -> Tensor:
        y: Tensor = self.generator(given, beat, emotion @ self.table, emotion, style, intensity)
        return y


def export_emotion(
    tokenizer_run: str | Path,
    mining_run: str | Path,
    generator_run: str | Path,
    prior_run: str | Path | None,
    dataset: GestureDataset,
    out: str | Path,
    *,
    name: str = "emotion",
    credits: list[str] | None = None,
    default_speaker: str | None = None,
    sampling: dict[str, Any] | None = None,
    calibration: dict[str, Any] | None = None,
    results: dict[str, Any] | None = None,
    beside: tuple[str, ScaledLatents] | None = None,
    checkpoint: str = "last",
) -> Path:
    """Write a model folder from finished runs; the dataset gives every style's rest pose.

    Args:
        prior_run: of the VAE; None if the generator has none.
        beside: a model folder that will lie beside this one and has graphs of the same tokenizer, with its
            network; then none are written here (see ``methods.emotion.graphs``).

    Raises:
        UserError: a folder is no such run, or they do not belong together.
    """
    from safetensors.numpy import save_file

    from ... import __version__

    tokenizer, _ = load_tokenizer_run(tokenizer_run)
    mining, _ = load_mining_run(mining_run)
    generator, described = load_generator_run(generator_run, checkpoint="last" if prior_run else checkpoint)
    config, out = generator.config, Path(out)
    if (tokenizer.config.latent, tokenizer.config.downsample) != (config.latent, config.downsample):
        raise UserError(f"{generator_run} was trained on another tokenizer than {tokenizer_run}; give that one")
    if mining.config.embedding != config.embedding:
        raise UserError(f"{generator_run} was trained on another mining than {mining_run}; give that one")
    out.mkdir(parents=True, exist_ok=True)
    prior = None if prior_run is None else load_prior_run(prior_run, checkpoint=checkpoint)[0]
    if config.vae and prior is None:
        raise UserError(f"{generator_run} has a VAE; train its prior, or name the run of one")
    for part in (mining, generator, prior, tokenizer.encoder, tokenizer.decoder):
        if part is not None:
            round_weights(part, "int8")
    round_weights(tokenizer.synthesis, "float16")
    with torch.no_grad():
        tokenizer.analysis.copy_(tokenizer.analysis.half().float())
    step, steps = config.downsample, config.given + config.window
    features = int(dataset.header["feature_dim"])
    frames: dict[str, dict[int, str]] = {"features": {1: "frames"}, "acoustics": {1: "frames"}}
    for graph, network, columns, label in (
        ("beats", _Beats(mining), features, "features"),
        ("moods", _Moods(mining), DIM, "acoustics"),
    ):
        export_graph(
            network,
            (torch.zeros(1, 16 * step, columns),),
            [label],
            [graph],
            {label: frames[label]},
            out / f"{graph}.onnx",
            weight_format="int8",
        )
    inputs = {
        "given": torch.zeros(1, config.given, config.latent),
        "beat": torch.zeros(1, steps, config.embedding),
        "mood": torch.zeros(1, config.window // config.chunk, config.size),
        "emotion": torch.zeros(1, steps, config.emotions),
        "style": torch.zeros(1, config.styles),
        "intensity": torch.zeros(1, 2),
    }
    if config.vae:
        assert prior is not None
        made: nn.Module = _Made(generator, prior)
        export_graph(
            made, list(inputs.values()), list(inputs), ["latent"], {}, out / "generator.onnx", weight_format="int8"
        )
        _export_prior(prior, inputs, out)
    else:
        made = _Still(generator, mean_moods(mining, dataset))
        own = {label: value for label, value in inputs.items() if label != "mood"}
        export_graph(made, list(own.values()), list(own), ["latent"], {}, out / "generator.onnx", weight_format="int8")
    if beside is not None:
        theirs, factor = beside[1], beside[1].scale / generator.scale
        offset = (theirs.mean - generator.mean) / generator.scale
        with atomic_path(out / "latents.safetensors") as path:
            save_file({"factor": factor.numpy(), "offset": offset.numpy()}, path)
    else:
        _export_tokenizer(tokenizer, generator, out)
    styles = described["styles"]
    with atomic_path(out / "rest.safetensors") as path:
        save_file(rest_poses(dataset, styles), path)
    sizes = {key: asdict(config)[key] for key in ("latent", "downsample", "given", "window", "chunk")}
    synthetic_pairs = dataset.synthetic_pairs
    text = {
        "format": 1,
        "method": "emotion",
        "name": name,
        "package_version": __version__,
        "config": {**sizes, "size": config.size if config.vae else 0, "features": features},
        "styles": styles,
        "default_speaker": default_speaker or styles[0],
        "emotions": described["emotions"],
        **({"latents_of": beside[0]} if beside else {}),
        "codec": {"body": list(Codec().body), "hands": list(Codec().hands)},
        "fps": 30,
        "trained_on": described["splits"],
        "made_pairs": synthetic_pairs,
        "made_voices": synthetic_pairs,
        "credits": credits or [],
        "sampling": sampling or {},
        "calibration": calibration or {},
        "results": results or {},
    }
    with atomic_path(out / "config.json") as path:
        path.write_text(json.dumps(text, indent=1))
    return out


def _export_prior(prior: Prior, inputs: dict[str, Tensor], out: Path) -> None:
    """The prior, for one sample."""
    rest = {label: value for label, value in inputs.items() if label != "mood"}
    own = {"z": inputs["mood"], "alpha": torch.full((1,), 0.6), "sigma": torch.full((1,), 0.8), **rest}
    export_graph(prior, list(own.values()), list(own), ["clean"], {}, out / "prior.onnx", weight_format="int8")


def _export_tokenizer(tokenizer: Tokenizer, generator: Generator, out: Path) -> None:
    """The graphs to the generator's latents and back."""
    config, step = generator.config, generator.config.downsample
    export_graph(
        LatentEncoder(tokenizer, generator),
        (torch.zeros(1, 16 * step, config.channels),),
        ["motion"],
        ["latent"],
        {"motion": {1: "frames"}},
        out / "encoder.onnx",
        weight_format="int8",
    )
    export_graph(
        LatentDecoder(tokenizer, generator),
        (torch.zeros(1, 16, config.latent),),
        ["latent"],
        ["motion"],
        {"latent": {1: "steps"}},
        out / "decoder.onnx",
        weight_format="int8",
    )


@torch.no_grad()
def mean_moods(mining: Mining, dataset: GestureDataset, *, most: int = 40) -> Tensor:
    """[10, E] mean emotion feature of the voices of each emotion in a dataset; zeros for those not in it."""

    table = torch.zeros(len(EMOTIONS), mining.config.embedding)
    for row, emotion in enumerate(EMOTIONS):
        own = [s for s in dataset.select(split="train", kind=PAIRS) if s.emotion == emotion][:most]
        if own:
            table[row] = torch.stack(
                [torch.from_numpy(mined_features(mining, dataset, sample)[0]).float().mean(0) for sample in own]
            ).mean(0)
    return table
