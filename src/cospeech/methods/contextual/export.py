"""Trained networks -> a model folder that needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...core.errors import UserError
from ...data.dataset import GestureDataset
from ...motion.representation import representation
from ...sampling.beam import encode_residual
from ...training.onnx_export import round_weights
from ..alignment.export import speech_graph
from ..conditioning import Condition
from ..flow.export import export_flow
from ..flow.fit_parts import load_parts_run
from ..flow.train_activity import load_activity_run
from ..flow.train_flow import load_flow_run
from ..modalities import rest_poses
from ..model_writer import GraphSpec, codec_keys, write_arrays, write_config, write_graphs
from ..tokenizer.export import codebooks, round_tokenizer, tokenizer_graphs
from ..tokenizer.network import Tokenizer
from ..tokenizer.train import load_tokenizer_run
from .network import Generator
from .train import load_generator_run

WEIGHTS = ("int8", "float16", "float32")


class TorchNetworks:
    """The torch networks, as ``sample_tokens`` wants them: for evaluation while training."""

    def __init__(self, tokenizer: Tokenizer, generator: Generator) -> None:
        self.tokenizer, self.generator = tokenizer.eval(), generator.eval()
        self.codes, self.layers = tokenizer.config.codes, tokenizer.config.layers
        self.downsample = tokenizer.config.downsample
        self.quantised = generator.config.quantised
        self.kind = _kind(generator)

    @torch.no_grad()
    def speech(self, features: np.ndarray) -> np.ndarray:
        sizes = self.generator.config
        values = torch.from_numpy(features[None]).float()
        words = values[..., sizes.features :] if sizes.words else None
        return self.generator.speech(values[..., : sizes.features], words)[0].numpy()

    @torch.no_grad()
    def masked(self, codes: np.ndarray, speech: np.ndarray, condition: Condition) -> np.ndarray:
        assert self.generator.masked is not None
        return self.generator.masked(torch.from_numpy(codes), *_tensors(speech, condition)).numpy()

    @torch.no_grad()
    def residual(self, codes: np.ndarray, layer: int, speech: np.ndarray, condition: Condition) -> np.ndarray:
        assert self.generator.residual is not None
        number = torch.full((len(codes),), layer)
        return self.generator.residual(torch.from_numpy(codes), number, *_tensors(speech, condition)).numpy()

    @torch.no_grad()
    def rest(
        self, codes: np.ndarray, known: np.ndarray, given: np.ndarray, speech: np.ndarray, condition: Condition
    ) -> np.ndarray:
        assert self.generator.latent is not None
        inputs = (torch.from_numpy(codes), torch.from_numpy(known), torch.from_numpy(given))
        return self.generator.latent(*inputs, *_tensors(speech, condition)).numpy()

    @property
    def codebooks(self) -> np.ndarray:
        return codebooks(self.tokenizer)

    @torch.no_grad()
    def decode(self, latent: np.ndarray) -> np.ndarray:
        smoothed = self.tokenizer.smoothed(self.tokenizer.decode_latent(torch.from_numpy(latent[None])))
        return smoothed[0].numpy()

    @torch.no_grad()
    def encode(self, motion: np.ndarray) -> np.ndarray:
        latent = self.tokenizer.encode_latent(torch.from_numpy(motion[None]))[0]
        return encode_residual(latent.numpy(), self.codebooks)


def _kind(generator: Generator) -> str:
    """What the residual generator is: "codes", "latent" or "none"."""
    if generator.latent is not None:
        return "latent"
    return "none" if generator.residual is None else "codes"


def _tensors(speech: np.ndarray, condition: Condition) -> tuple[Tensor, ...]:
    values = (speech, condition.emotion, condition.style, condition.intensity)
    return tuple(torch.from_numpy(np.ascontiguousarray(value)).float() for value in values)


def export_contextual(
    tokenizer_run: str | Path,
    generator_run: str | Path,
    dataset: GestureDataset,
    out: str | Path,
    *,
    name: str = "contextual",
    credits: list[str] | None = None,
    default_speaker: str | None = None,
    sampling: dict[str, Any] | None = None,
    results: dict[str, Any] | None = None,
    weights: str = "int8",
    face: tuple[str | Path, str | Path] | None = None,
    checkpoint: str = "last",
) -> Path:
    """Write a model folder from two finished runs.

    The dataset gives every style's rest pose.

    Args:
        weights: how they are kept: "int8" (those of the fitted linear maps and the codebooks as float16),
            "float16", or "float32" as they were learned, to compare with.
        face: the runs of the face's tokenizer and generator; its graphs go into the folder ``face``.
    Raises:
        UserError: ``weights`` is none of these, a run is not finished or of another part or space than the
            dataset's, or the dataset lacks a style's motion.
    """
    if weights not in WEIGHTS:
        raise UserError(f"weights are kept as {', '.join(WEIGHTS)}; got {weights!r}")
    out = Path(out)
    tokenizer, generator, described = _part(tokenizer_run, generator_run, dataset, "body", weights, checkpoint)
    sizes = _write_part(tokenizer, generator, dataset, described["styles"], out, weights)
    styles: list[str] = described["styles"]
    more: dict[str, Any] = {}
    if face is not None:
        own, other, learned = _part(*face, dataset, "face", weights, checkpoint)
        if learned["styles"] != styles:
            raise UserError("body and face were trained on other speakers; train both on the same splits")
        more["face"] = {"config": _write_part(own, other, dataset, styles, out / "face", weights, modality="face")}
    if dataset.representation.name != "body":
        parts = dataset.representation.names if face is not None else ("body",)
        name_of = "body" if dataset.representation.name == "smplx" and face is None else dataset.representation.name
        more["space"] = representation(name_of, parts).describe()
    if dataset.representation.name == "points":
        more["places"] = {style: _place(dataset, style) for style in styles}
    else:
        more |= codec_keys()
    return write_config(
        out,
        "contextual",
        sizes,
        name=name,
        styles=styles,
        default_speaker=default_speaker or styles[0],
        **more,
        trained_on=described["splits"],
        made_pairs=dataset.synthetic_pairs,
        encoders=described.get("encoders", {}),
        sampling={"window": generator.config.window, **(sampling or {})},
        credits=credits,
        results=results,
    )


def export_parts(run: Path, dataset: GestureDataset, out: Path, *, name: str, checkpoint: str = "last") -> Path:
    """Write the model folder of a run with words of body parts and a flow; see ``export_contextual``.

    Raises:
        UserError: a stage is not finished, or the dataset lacks a style's motion.
    """
    generator, described = load_generator_run(run / "generator", checkpoint=checkpoint)
    codes, (flow, learned) = load_parts_run(run / "parts"), load_flow_run(run / "flow")
    activity, _ = load_activity_run(run / "activity", checkpoint=checkpoint)
    styles: list[str] = described["styles"]
    if learned["styles"] != styles:
        raise UserError("generator and flow were trained on other speakers; train both on the same splits")
    round_weights(generator, "int8")
    write_graphs(out, _graphs(generator, None), weight_format="int8")
    write_arrays(out, "rest", rest_poses(dataset, styles))
    config = generator.config
    keys = ("codes", "layers", "downsample", "features", "words", "parts", "width")
    return write_config(
        out,
        "contextual",
        {key: getattr(config, key) for key in keys},
        name=name,
        styles=styles,
        default_speaker=styles[0],
        flow=export_flow(flow, activity, codes, out),
        **codec_keys(),
        trained_on=described["splits"],
        made_pairs=dataset.synthetic_pairs,
        encoders=described.get("encoders", {}),
        sampling={"window": config.window},
    )


def _part(
    tokenizer_run: str | Path,
    generator_run: str | Path,
    dataset: GestureDataset,
    modality: str,
    weights: str,
    checkpoint: str,
) -> tuple[Tokenizer, Generator, dict[str, Any]]:
    """Networks of a modality, rounded, and the generator's description."""
    tokenizer, _ = load_tokenizer_run(tokenizer_run)
    generator, described = load_generator_run(generator_run, checkpoint=checkpoint)
    channels = dataset.representation.modality(modality).channels
    if tokenizer.config.channels != channels:
        raise UserError(
            f"{tokenizer_run} is of {tokenizer.config.channels} channels and the dataset has {channels}; "
            "name the dataset that it was trained on"
        )
    round_for_export(tokenizer, generator, weights)
    return tokenizer, generator, described


def _place(dataset: GestureDataset, style: str) -> list[float]:
    """Where a speaker usually is in the picture: x, y and width of the shoulders in pixels."""
    places = [item.info["place"] for item in dataset if item.speaker == style]
    return [round(float(value), 2) for value in np.median(places, axis=0)]


def _write_part(
    tokenizer: Tokenizer,
    generator: Generator,
    dataset: GestureDataset,
    styles: list[str],
    out: Path,
    weights: str,
    *,
    modality: str = "body",
) -> dict[str, Any]:
    """Write graphs, codebooks and rest poses of a modality; returns what config.json says of its sizes."""
    config = generator.config
    write_graphs(out, _graphs(generator, tokenizer), weight_format=weights)
    kept = np.float32 if weights == "float32" else np.float16
    write_arrays(out, "codebooks", {"vectors": codebooks(tokenizer).astype(kept)})
    write_arrays(out, "rest", rest_tokens(tokenizer, dataset, styles, modality=modality))
    return {
        **{key: getattr(config, key) for key in ("codes", "layers", "downsample", "features", "words")},
        "width": config.width,
        "quantised": config.quantised,
        "residual": _kind(generator),
    }


def _graphs(generator: Generator, tokenizer: Tokenizer | None) -> dict[str, GraphSpec]:
    """All graphs by name. The masked generator runs with and without condition, so in batches of two."""
    config, tokens = generator.config, 8
    conditions = {
        "speech": torch.zeros(2, tokens, config.width),
        "emotion": torch.zeros(2, config.emotions),
        "style": torch.zeros(2, config.styles),
        "intensity": torch.zeros(2, 2),
    }
    single = {name: value[:1] for name, value in conditions.items()}
    graphs = {"speech": speech_graph(generator.speech, config.features, config.words, config.downsample)}
    if generator.masked is not None:
        sequence = {0: "batch", 1: "tokens"}
        graphs["masked"] = GraphSpec(
            generator.masked,
            {"codes": torch.zeros(2, tokens, *[config.parts][: config.parts], dtype=torch.long), **conditions},
            ["logits"],
            {"codes": sequence, **{name: {0: "batch"} for name in conditions}, "speech": sequence},
        )
    if generator.residual is not None:
        codes = torch.zeros(1, tokens, config.layers, dtype=torch.long)
        inputs = {"codes": codes, "layer": torch.ones(1, dtype=torch.long), **single}
        dynamic = {name: {1: "tokens"} for name in ("codes", "speech")}
        graphs["residual"] = GraphSpec(generator.residual, inputs, ["logits"], dynamic)
    elif generator.latent is not None:
        inputs = {
            "codes": torch.zeros(1, tokens, dtype=torch.long),
            "known": torch.zeros(1, tokens, config.latent),
            "given": torch.zeros(1, tokens),
            **single,
        }
        dynamic = {name: {1: "tokens"} for name in ("codes", "known", "given", "speech")}
        graphs["residual"] = GraphSpec(generator.latent, inputs, ["latent"], dynamic)
    return graphs if tokenizer is None else graphs | tokenizer_graphs(tokenizer)


def round_for_export(tokenizer: Tokenizer, generator: Generator, weights: str = "int8") -> None:
    """Round all weights in place as the model folder keeps them (``export_contextual``)."""
    if weights == "float32":
        return
    round_weights(generator, weights)
    round_tokenizer(tokenizer, weights)


def rest_tokens(
    tokenizer: Tokenizer, dataset: GestureDataset, styles: list[str], *, modality: str = "body"
) -> dict[str, np.ndarray]:
    """Every style's rest pose as tokens [4, K]."""
    rest = {}
    for style, pose in rest_poses(dataset, styles, modality=modality).items():
        still = np.repeat(pose[None], 24, 0)
        with torch.no_grad():
            codes = tokenizer.encode(torch.from_numpy(still[None]))[0].numpy()
        middle = len(codes) // 2
        rest[style] = codes[middle - 2 : middle + 2].astype(np.int64)
    return rest
