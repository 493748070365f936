"""A trained mining, generator and tokenizer -> a model folder that needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...core.emotions import EMOTIONS
from ...core.errors import UserError
from ...data.dataset import GestureDataset
from ...data.windows import PAIRS
from ...nn.latents import ScaledLatents
from ...speech.acoustics import DIM
from ...training.onnx_export import round_weights
from ..modalities import rest_poses
from ..model_writer import GraphSpec, codec_keys, write_arrays, write_config, write_graphs
from ..tokenizer.export import round_tokenizer, tokenizer_graphs
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


class _WithVae(nn.Module):
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


class _WithoutVae(nn.Module):
    """A generator without a VAE: the mean feature of the requested emotion replaces the one of the voice."""

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
    tokenizer, _ = load_tokenizer_run(tokenizer_run)
    mining, _ = load_mining_run(mining_run)
    generator, described = load_generator_run(generator_run, checkpoint="last" if prior_run else checkpoint)
    config, out, styles = generator.config, Path(out), described["styles"]
    if (tokenizer.config.latent, tokenizer.config.downsample) != (config.latent, config.downsample):
        raise UserError(f"{generator_run} was trained on another tokenizer than {tokenizer_run}; name that one")
    if mining.config.embedding != config.embedding:
        raise UserError(f"{generator_run} was trained on another mining than {mining_run}; name that one")
    prior = None if prior_run is None else load_prior_run(prior_run, checkpoint=checkpoint)[0]
    if config.vae and prior is None:
        raise UserError(f"{generator_run} has a VAE; train its prior, or name the run of one")
    graphs = _rounded_graphs(tokenizer, mining, generator, prior, dataset)
    if beside is None:
        graphs |= tokenizer_graphs(tokenizer, generator)
    write_graphs(out, graphs)
    if beside is not None:
        theirs, factor = beside[1], beside[1].scale / generator.scale
        offset = (theirs.mean - generator.mean) / generator.scale
        write_arrays(out, "latents", {"factor": factor.numpy(), "offset": offset.numpy()})
    write_arrays(out, "rest", rest_poses(dataset, styles))
    sizes = {key: getattr(config, key) for key in ("latent", "downsample", "given", "window", "chunk")}
    return write_config(
        out,
        "emotion",
        {**sizes, "size": config.size if config.vae else 0, "features": int(dataset.header["feature_dim"])},
        name=name,
        styles=styles,
        default_speaker=default_speaker or styles[0],
        emotions=described["emotions"],
        **({"latents_of": beside[0]} if beside else {}),
        **codec_keys(),
        trained_on=described["splits"],
        made_pairs=dataset.synthetic_pairs,
        made_voices=dataset.synthetic_pairs,
        sampling=sampling or {},
        calibration=calibration or {},
        credits=credits,
        results=results,
    )


def _rounded_graphs(
    tokenizer: Tokenizer, mining: Mining, generator: Generator, prior: Prior | None, dataset: GestureDataset
) -> dict[str, GraphSpec]:
    """The method's own graphs; all weights are rounded in place as they will be stored."""
    for part in (mining, generator, prior):
        if part is not None:
            round_weights(part, "int8")
    round_tokenizer(tokenizer)
    features = int(dataset.header["feature_dim"])
    return _mining_graphs(mining, features) | _generator_graphs(generator, prior, mining, dataset)


def _mining_graphs(mining: Mining, features: int) -> dict[str, GraphSpec]:
    """The graphs ``beats`` and ``moods``: what the voice says about rhythm and emotion."""
    frames = 16 * mining.config.downsample
    return {
        name: GraphSpec(
            network,
            {label: torch.zeros(1, frames, columns)},
            [name],
            {label: {1: "frames"}},
            {"frames": mining.config.downsample},
        )
        for name, network, label, columns in (
            ("beats", _Beats(mining), "features", features),
            ("moods", _Moods(mining), "acoustics", DIM),
        )
    }


def _generator_graphs(
    generator: Generator, prior: Prior | None, mining: Mining, dataset: GestureDataset
) -> dict[str, GraphSpec]:
    """The graph ``generator``, and ``prior`` where there is a VAE, for one sample each."""
    config, steps = generator.config, generator.config.given + generator.config.window
    inputs = {
        "given": torch.zeros(1, config.given, config.latent),
        "beat": torch.zeros(1, steps, config.embedding),
        "mood": torch.zeros(1, config.window // config.chunk, config.size),
        "emotion": torch.zeros(1, steps, config.emotions),
        "style": torch.zeros(1, config.styles),
        "intensity": torch.zeros(1, 2),
    }
    rest = {label: value for label, value in inputs.items() if label != "mood"}
    if not config.vae:
        return {"generator": GraphSpec(_WithoutVae(generator, mean_moods(mining, dataset)), rest, ["latent"])}
    assert prior is not None
    noisy = {"z": inputs["mood"].clone(), "alpha": torch.full((1,), 0.6), "sigma": torch.full((1,), 0.8)}
    return {
        "generator": GraphSpec(_WithVae(generator, prior), inputs, ["latent"]),
        "prior": GraphSpec(prior, {**noisy, **rest}, ["clean"]),
    }


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
