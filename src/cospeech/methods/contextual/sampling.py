"""Speech features in, motion tokens out: the sampling of the contextual method, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ...sampling.longform import windows
from ...sampling.masked import MaskedSampling, draw, sample_masked, softmax
from ...sampling.rhythm import RhythmSettings
from ..conditioning import Condition


class Networks(Protocol):
    """What sampling needs; torch modules and ONNX sessions provide it alike."""

    codes: int  # S
    layers: int  # K
    downsample: int  # frames a token
    quantised: bool  # False: there is no first layer, ``rest`` gives all of the latent
    kind: str  # of the residual generator: "codes", "latent" or "none"

    def speech(self, features: np.ndarray) -> np.ndarray:
        """[T, F] -> [T / downsample, D]."""
        ...

    def masked(self, codes: np.ndarray, speech: np.ndarray, condition: Condition) -> np.ndarray:
        """codes [B, N], speech [B, N, D] -> logits [B, N, S]."""
        ...

    def residual(self, codes: np.ndarray, layer: int, speech: np.ndarray, condition: Condition) -> np.ndarray:
        """codes [B, N, K] -> logits [B, N, S] of ``layer``; of the kind "codes"."""
        ...

    def rest(
        self, codes: np.ndarray, known: np.ndarray, given: np.ndarray, speech: np.ndarray, condition: Condition
    ) -> np.ndarray:
        """First codes [B, N], known [B, N, D] where given [B, N] -> [B, N, D]; of the kind "latent"."""
        ...

    @property
    def codebooks(self) -> np.ndarray:
        """[K, S, D] float32 vectors of the residual quantiser."""
        ...

    def decode(self, latent: np.ndarray) -> np.ndarray:
        """Summed code vectors [N, D] -> motion [T, C]."""
        ...


@dataclass(frozen=True)
class ContextualSampling(RhythmSettings):
    """Settings of ``sample_tokens``."""

    masked: MaskedSampling = field(default_factory=MaskedSampling)
    guidance: float = 1.0  # 1: none. Of the speech, on the first layer; costs twice the time of it
    window: int = 56  # tokens
    overlap: int = 8  # tokens handed over
    # The next three are for a residual generator of the kind "codes" alone.
    # The residual layers are drawn at this temperature, but what goes to the decoder is the mean of the
    # codes' vectors at ``residual_sharpness``: where a layer is sure it adds its detail, where it is not it
    # adds little, so that unsure layers do not make the hands tremble. [D]
    residual_temperature: float = 0.0
    residual_sharpness: float = 1.0
    # Layers that are sampled; those after it are so unsure that their means add next to nothing.
    residual_layers: int = 4


@dataclass(frozen=True)
class Sampled:
    """What sampling gives."""

    codes: np.ndarray  # [N] int64 of the first layer
    latent: np.ndarray  # [N, D] float32, for the decoder


def sample_tokens(
    networks: Networks,
    features: np.ndarray,
    condition: Condition,
    rng: np.random.Generator,
    settings: ContextualSampling,
    *,
    known: np.ndarray | None = None,
) -> Sampled:
    """Tokens for features [N * downsample, F].

    Args:
        known: [N, K] int64, -1 where a token is open; the others are kept in full (rest poses at the
            ends, a start pose, everything outside an edit).
    """
    length = len(features) // networks.downsample
    tokens = np.full((length, networks.layers), -1, dtype=np.int64) if known is None else known.copy()
    latent = np.zeros((length, networks.codebooks.shape[-1]), dtype=np.float32)
    kept = tokens[:, 0] >= 0
    latent[kept] = networks.codebooks[np.arange(networks.layers), tokens[kept]].sum(1)
    for window in windows(length, settings.window, settings.overlap):
        part = slice(window.start, window.end)
        frames = slice(window.start * networks.downsample, window.end * networks.downsample)
        speech = networks.speech(features[frames])[None]
        _fill(networks, tokens[part], latent[part], speech, condition, rng, settings)
    return Sampled(tokens[:, 0], latent)


def sample_words(
    networks: Networks,
    features: np.ndarray,
    condition: Condition,
    rng: np.random.Generator,
    settings: ContextualSampling,
    *,
    known: np.ndarray,
) -> np.ndarray:
    """Words of body parts [N, P] for features [N * downsample, F].

    Args:
        known: [N, P] int64, -1 where a word is open; the others are kept.
    """
    codes = known.copy()
    for window in windows(len(codes), settings.window, settings.overlap):
        part = slice(window.start, window.end)
        speech = networks.speech(features[part.start * networks.downsample : part.stop * networks.downsample])[None]
        codes[part] = _first_layer(networks, codes[part], speech, condition, rng, settings)
    return codes


def _fill(
    networks: Networks,
    tokens: np.ndarray,
    latent: np.ndarray,
    speech: np.ndarray,
    condition: Condition,
    rng: np.random.Generator,
    settings: ContextualSampling,
) -> None:
    """Fill the open tokens [N, K] of a window and their latents [N, D], in place."""
    open_ = tokens[:, 0] < 0
    if networks.quantised:
        tokens[:, 0] = _first_layer(networks, tokens[:, 0], speech, condition, rng, settings)
        base = networks.codebooks[0][tokens[:, 0]]
    else:
        tokens[open_] = 0
        base = np.zeros_like(latent)
    if networks.kind == "latent":
        shown = tokens[:, 0] if networks.quantised else np.full(len(tokens), networks.codes)
        rest = networks.rest(shown[None], (latent - base)[None], (~open_)[None].astype(np.float32), speech, condition)[
            0
        ]
        latent[open_] = (base + rest)[open_]
    elif networks.kind == "none":
        latent[open_] = base[open_]
    else:
        latent[open_] = _layer_by_layer(networks, tokens, open_, speech, condition, rng, settings)[open_]


def _first_layer(
    networks: Networks,
    codes: np.ndarray,
    speech: np.ndarray,
    condition: Condition,
    rng: np.random.Generator,
    settings: ContextualSampling,
) -> np.ndarray:
    """First codes [N], or words of parts [N, P], with the open ones (-1) drawn."""
    guided = settings.guidance != 1.0
    inputs = np.concatenate([speech, np.zeros_like(speech)]) if guided else speech
    conditions = condition.twice() if guided else condition

    def logits(flat: np.ndarray) -> np.ndarray:
        shaped = flat.reshape(codes.shape)
        batch = np.ascontiguousarray(np.broadcast_to(shaped, (len(inputs), *shaped.shape)))
        result = networks.masked(batch, inputs, conditions).reshape(len(inputs), len(flat), -1)
        if not guided:
            return result[0]
        return result[1] + settings.guidance * (result[0] - result[1])

    masked = np.where(codes < 0, networks.codes, codes)
    return sample_masked(logits, masked.ravel(), networks.codes, rng, settings.masked).reshape(codes.shape)


def _layer_by_layer(
    networks: Networks,
    tokens: np.ndarray,
    open_: np.ndarray,
    speech: np.ndarray,
    condition: Condition,
    rng: np.random.Generator,
    settings: ContextualSampling,
) -> np.ndarray:
    """Latents [N, D] of tokens [N, K] whose further layers are drawn in turn, in place."""
    latent = networks.codebooks[0][tokens[:, 0]]
    for layer in range(1, min(networks.layers, settings.residual_layers)):
        logit = networks.residual(np.maximum(tokens, 0)[None], layer, speech, condition)[0]
        drawn, _ = draw(logit, rng, settings.residual_temperature)
        tokens[:, layer] = np.where(open_, drawn, tokens[:, layer])
        mean = softmax(logit * settings.residual_sharpness) @ networks.codebooks[layer]
        latent = latent + np.where(open_[:, None], mean, networks.codebooks[layer][tokens[:, layer]])
    tokens[open_, settings.residual_layers :] = 0
    return latent
