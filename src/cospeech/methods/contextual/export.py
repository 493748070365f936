"""Trained networks -> a model folder that needs no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...core.errors import UserError
from ...core.files import atomic_path
from ...data.dataset import GestureDataset
from ...motion.codec import Codec
from ...motion.representation import representation
from ...nn.quantizer import Codebook
from ...sampling.beam import encode_residual
from ...training.onnx_export import export_graph, round_weights
from ..modalities import restlessness
from ..tokenizer.network import Tokenizer
from ..tokenizer.train import load_tokenizer_run
from .network import Generator
from .sampling import Condition
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
        heard = torch.from_numpy(features[None]).float()
        words = heard[..., sizes.features :] if sizes.words else None
        return self.generator.speech(heard[..., : sizes.features], words)[0].numpy()  # type: ignore[no-any-return]

    @torch.no_grad()
    def masked(self, codes: np.ndarray, speech: np.ndarray, condition: Condition) -> np.ndarray:
        assert self.generator.masked is not None
        return self.generator.masked(torch.from_numpy(codes), *_tensors(speech, condition)).numpy()  # type: ignore[no-any-return]

    @torch.no_grad()
    def residual(self, codes: np.ndarray, layer: int, speech: np.ndarray, condition: Condition) -> np.ndarray:
        assert self.generator.residual is not None
        number = torch.full((len(codes),), layer)
        return self.generator.residual(torch.from_numpy(codes), number, *_tensors(speech, condition)).numpy()  # type: ignore[no-any-return]

    @torch.no_grad()
    def rest(
        self, codes: np.ndarray, known: np.ndarray, given: np.ndarray, speech: np.ndarray, condition: Condition
    ) -> np.ndarray:
        assert self.generator.latent is not None
        inputs = (torch.from_numpy(codes), torch.from_numpy(known), torch.from_numpy(given))
        return self.generator.latent(*inputs, *_tensors(speech, condition)).numpy()  # type: ignore[no-any-return]

    @property
    def books(self) -> np.ndarray:
        return _codebooks(self.tokenizer)

    @torch.no_grad()
    def decode(self, latent: np.ndarray) -> np.ndarray:
        smoothed = self.tokenizer.smoothed(self.tokenizer.decode_latent(torch.from_numpy(latent[None])))
        return smoothed[0].numpy()  # type: ignore[no-any-return]

    @torch.no_grad()
    def encode(self, motion: np.ndarray) -> np.ndarray:
        latent = self.tokenizer.encode_latent(torch.from_numpy(motion[None]))[0]
        return encode_residual(latent.numpy(), self.books)


def _kind(generator: Generator) -> str:
    """What the residual generator is: "codes", "latent" or "none"."""
    if generator.latent is not None:
        return "latent"
    return "none" if generator.residual is None else "codes"


def _tensors(speech: np.ndarray, condition: Condition) -> tuple[Tensor, ...]:
    values = (speech, condition.emotion, condition.style, condition.intensity)
    return tuple(torch.from_numpy(np.ascontiguousarray(value)).float() for value in values)


class _Encoder(nn.Module):
    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer

    def forward(self, motion: Tensor) -> Tensor:
        return self.tokenizer.encode_latent(motion)


class _Decoder(nn.Module):
    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer

    def forward(self, latent: Tensor) -> Tensor:
        return self.tokenizer.smoothed(self.tokenizer.decode_latent(latent))


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
    from ... import __version__

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
        more["face"] = {"config": _write_part(own, other, dataset, styles, out / "face", weights, part="face")}
    if dataset.representation.name != "body":
        parts = dataset.representation.names if face is not None else ("body",)
        name_of = "body" if dataset.representation.name == "smplx" and face is None else dataset.representation.name
        more["space"] = representation(name_of, parts).describe()
    if dataset.representation.name == "points":
        more["places"] = {style: _place(dataset, style) for style in styles}
    else:
        more["codec"] = {"body": list(Codec().body), "hands": list(Codec().hands)}
    text = {
        "format": 1,
        "method": "contextual",
        "name": name,
        "package_version": __version__,
        "config": sizes,
        "styles": styles,
        "default_speaker": default_speaker or styles[0],
        **more,
        "fps": 30,
        "trained_on": described["splits"],
        "made_pairs": dataset.synthetic_pairs,
        "encoders": described.get("encoders", {}),
        "credits": credits or [],
        "sampling": {"window": generator.config.window, **(sampling or {})},
        "results": results or {},
    }
    with atomic_path(out / "config.json") as path:
        path.write_text(json.dumps(text, indent=1))
    return out


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
    part: str = "body",
) -> dict[str, Any]:
    """Write graphs, code books and rest poses of a part; returns what config.json says of its sizes."""
    out.mkdir(parents=True, exist_ok=True)
    config, width = generator.config, generator.config.width
    frames, tokens = 8 * config.downsample, 8
    codes = torch.zeros(1, tokens, config.layers, dtype=torch.long)
    speech = torch.zeros(2, tokens, width)
    condition = (torch.zeros(2, config.emotions), torch.zeros(2, config.styles), torch.zeros(2, 2))
    one = tuple(value[:1] for value in condition)
    sequence = {0: "batch", 1: "tokens"}
    pair = {name: {0: "batch"} for name in ("emotion", "style", "intensity")}
    heard = {"features": config.features} | ({"words": config.words} if config.words else {})
    export_graph(
        generator.speech,
        [torch.zeros(1, frames, columns) for columns in heard.values()],
        list(heard),
        ["speech"],
        {label: {1: "frames"} for label in heard},
        out / "speech.onnx",
        weight_format=weights,
    )
    conditions = ["speech", "emotion", "style", "intensity"]
    if generator.masked is not None:
        export_graph(
            generator.masked,
            (torch.zeros(2, tokens, dtype=torch.long), speech, *condition),
            ["codes", *conditions],
            ["logits"],
            {"codes": sequence, "speech": sequence, **pair},
            out / "masked.onnx",
            weight_format=weights,
        )
    inside = {name: {1: "tokens"} for name in ("codes", "known", "given", "speech")}
    if generator.residual is not None:
        del inside["known"], inside["given"]
        export_graph(
            generator.residual,
            (codes, torch.ones(1, dtype=torch.long), speech[:1], *one),
            ["codes", "layer", *conditions],
            ["logits"],
            inside,
            out / "residual.onnx",
            weight_format=weights,
        )
    elif generator.latent is not None:
        known = torch.zeros(1, tokens, tokenizer.config.latent)
        export_graph(
            generator.latent,
            (codes[..., 0], known, torch.zeros(1, tokens), speech[:1], *one),
            ["codes", "known", "given", *conditions],
            ["latent"],
            inside,
            out / "residual.onnx",
            weight_format=weights,
        )
    latent = torch.zeros(1, tokens, tokenizer.config.latent)
    export_graph(
        _Decoder(tokenizer),
        (latent,),
        ["latent"],
        ["motion"],
        {"latent": {1: "tokens"}},
        out / "decoder.onnx",
        weight_format=weights,
    )
    motion = torch.zeros(1, frames, tokenizer.config.channels)
    export_graph(
        _Encoder(tokenizer),
        (motion,),
        ["motion"],
        ["latent"],
        {"motion": {1: "frames"}},
        out / "encoder.onnx",
        weight_format=weights,
    )
    _write_codebooks(tokenizer, out, np.float32 if weights == "float32" else np.float16)
    _write_rest(tokenizer, dataset, styles, out, part=part)
    return {
        **{key: getattr(config, key) for key in ("codes", "layers", "downsample", "features", "words")},
        "width": config.width,
        "quantised": config.quantised,
        "residual": _kind(generator),
    }


def _write_codebooks(tokenizer: Tokenizer, out: Path, kept: type[np.floating[Any]]) -> None:
    """codebooks.safetensors: ``vectors`` [K, S, D], read by encoder and decoder alike."""
    from safetensors.numpy import save_file

    with atomic_path(out / "codebooks.safetensors") as path:
        save_file({"vectors": _codebooks(tokenizer).astype(kept)}, path)


def _codebooks(tokenizer: Tokenizer) -> np.ndarray:
    """[K, S, D] float32."""
    return np.stack([book.vectors.numpy() for book in tokenizer.quantizer.books])  # type: ignore[union-attr, operator]


def round_for_export(tokenizer: Tokenizer, generator: Generator, weights: str = "int8") -> None:
    """Round all weights in place as the model folder keeps them (``export_contextual``)."""
    if weights == "float32":
        return
    round_weights(generator, weights)
    round_weights(tokenizer.encoder, weights)
    round_weights(tokenizer.decoder, weights)
    round_weights(tokenizer.synthesis, "float16")
    with torch.no_grad():
        tokenizer.analysis.copy_(tokenizer.analysis.half().float())
        for book in tokenizer.quantizer.books:
            assert isinstance(book, Codebook)
            book.vectors.copy_(book.vectors.half().float())


def _write_rest(
    tokenizer: Tokenizer, dataset: GestureDataset, styles: list[str], out: Path, *, part: str = "body"
) -> None:
    """Every style's rest pose as tokens."""
    from safetensors.numpy import save_file

    rest = {}
    for style, pose in rest_poses(dataset, styles, part=part).items():
        still = np.repeat(pose[None], 24, 0)
        with torch.no_grad():
            codes = tokenizer.encode(torch.from_numpy(still[None]))[0].numpy()
        middle = len(codes) // 2
        rest[style] = codes[middle - 2 : middle + 2].astype(np.int64)
    with atomic_path(out / "rest.safetensors") as path:
        save_file(rest, path)


def rest_poses(dataset: GestureDataset, styles: list[str], *, part: str = "body") -> dict[str, np.ndarray]:
    """Coded pose [C] of every style's rest: the calmest one (``parts.restlessness``) of a part.

    Raises:
        UserError: the dataset has no motion of a style.
    """
    codec, rest, length, stride = dataset.representation.modality(part), {}, 20, 10
    for style in styles:
        best: tuple[float, np.ndarray] | None = None
        for item in dataset.select(kind=("motion", "pair")):
            if item.speaker != style or item.frames < 30:
                continue
            coded = dataset.motion(item, part=part)
            scores = restlessness(codec, coded, length=length, stride=stride)
            if best is None or scores.min() < best[0]:
                best = (float(scores.min()), coded[stride * int(scores.argmin()) + length // 2])
        if best is None:
            raise UserError(f"the dataset has no motion of {style!r}, so its rest pose cannot be taken")
        rest[style] = np.ascontiguousarray(best[1], dtype=np.float32)
    return rest
