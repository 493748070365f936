"""Speech features in, motion tokens out: the sampling of the contextual method, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ...sampling.longform import windows
from ...sampling.masked import MaskedSampling, draw, sample_masked, softmax


class Networks(Protocol):
    """What sampling needs; torch modules and ONNX sessions provide it alike."""

    codes: int  # S
    layers: int  # K
    downsample: int  # frames a token

    def speech(self, features: np.ndarray) -> np.ndarray:
        """[T, F] -> [T / downsample, D]."""
        ...

    def masked(self, codes: np.ndarray, speech: np.ndarray, condition: Condition) -> np.ndarray:
        """codes [B, N], speech [B, N, D] -> logits [B, N, S]."""
        ...

    def residual(self, codes: np.ndarray, layer: int, speech: np.ndarray, condition: Condition) -> np.ndarray:
        """codes [B, N, K] -> logits [B, N, S] of ``layer``."""
        ...

    @property
    def books(self) -> np.ndarray:
        """[K, S, D] float32 vectors of the residual quantiser."""
        ...

    def decode(self, latent: np.ndarray) -> np.ndarray:
        """Summed code vectors [N, D] -> motion [T, C]."""
        ...


@dataclass(frozen=True)
class Condition:
    """The global condition, with a batch axis."""

    emotion: np.ndarray  # [B, 10] float32 weights
    style: np.ndarray  # [B, styles] float32 weights
    intensity: np.ndarray  # [B, 2] float32: log of the relative hand speed, 1 where known

    def unknown(self) -> Condition:
        """The condition of which nothing is known, for guidance."""
        return Condition(*(np.zeros_like(value) for value in (self.emotion, self.style, self.intensity)))

    def both(self) -> Condition:
        """This condition and the unknown one as a batch of two."""
        none = self.unknown()
        return Condition(
            np.concatenate([self.emotion, none.emotion]),
            np.concatenate([self.style, none.style]),
            np.concatenate([self.intensity, none.intensity]),
        )


@dataclass(frozen=True)
class ContextualSampling:
    """Settings of ``sample_tokens``."""

    masked: MaskedSampling = field(default_factory=MaskedSampling)
    guidance: float = 1.0  # 1: none. Applied to the first layer; costs twice the time of it
    window: int = 56  # tokens
    overlap: int = 8  # tokens handed over
    # The residual layers are drawn at this temperature, but what goes to the decoder is the mean of the
    # codes' vectors at ``residual_sharpness``: where a layer is sure it adds its detail, where it is not it
    # adds little, so that unsure layers do not make the hands tremble. [D]
    residual_temperature: float = 0.0
    residual_sharpness: float = 1.0
    # Layers that are sampled; those after it are so unsure that their means add next to nothing.
    residual_layers: int = 4
    rhythm: bool = True  # bring strokes to accents (see ``sampling.rhythm``)


@dataclass(frozen=True)
class Sampled:
    """What sampling gives."""

    tokens: np.ndarray  # [N, K] int64
    latent: np.ndarray  # [N, D] float32, for the decoder


def sample_tokens(
    networks: Networks,
    features: np.ndarray,
    condition: Condition,
    rng: np.random.Generator,
    settings: ContextualSampling,
    *,
    given: np.ndarray | None = None,
) -> Sampled:
    """Tokens for features [N * downsample, F].

    Args:
        given: [N, K] int64, -1 where a token is open; the others are kept (rest poses at the ends, a
            start pose, everything outside an edit).
    """
    length = len(features) // networks.downsample
    tokens = np.full((length, networks.layers), -1, dtype=np.int64) if given is None else given.copy()
    latent = np.zeros((length, networks.books.shape[-1]), dtype=np.float32)
    for window in windows(length, settings.window, settings.overlap):
        part = slice(window.start, window.end)
        frames = slice(window.start * networks.downsample, window.end * networks.downsample)
        speech = networks.speech(features[frames])[None]
        tokens[part], drawn = _window(networks, tokens[part], speech, condition, rng, settings)
        latent[window.fresh : window.end] = drawn[window.fresh - window.start :]
    return Sampled(tokens, latent)


def _window(
    networks: Networks, tokens: np.ndarray, speech: np.ndarray, condition: Condition,
    rng: np.random.Generator, settings: ContextualSampling,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Fill the open tokens [N, K] of a window; returns them and the latents [N, D]."""
    guided = settings.guidance != 1.0
    inputs = np.concatenate([speech, np.zeros_like(speech)]) if guided else speech
    conditions = condition.both() if guided else condition

    def logits(codes: np.ndarray) -> np.ndarray:
        batch = np.broadcast_to(codes, (len(inputs), len(codes)))
        result = networks.masked(np.ascontiguousarray(batch), inputs, conditions)
        if not guided:
            return result[0]
        return result[1] + settings.guidance * (result[0] - result[1])

    open_ = tokens < 0
    first = np.where(open_[:, 0], networks.codes, tokens[:, 0])
    out = tokens.copy()
    out[:, 0] = sample_masked(logits, first, networks.codes, rng, settings.masked)
    latent = networks.books[0][out[:, 0]]
    for layer in range(1, min(networks.layers, settings.residual_layers)):
        known = np.where(out < 0, 0, out)
        logit = networks.residual(known[None], layer, speech, condition)[0]
        drawn, _ = draw(logit, rng, settings.residual_temperature)
        out[:, layer] = np.where(open_[:, layer], drawn, tokens[:, layer])
        mean = softmax(logit * settings.residual_sharpness) @ networks.books[layer]
        latent = latent + np.where(open_[:, layer, None], mean, networks.books[layer][out[:, layer]])
    for layer in range(settings.residual_layers, networks.layers):  # given ones count in full
        kept = open_[:, layer]
        out[kept, layer] = 0
        latent = latent + np.where(kept[:, None], 0, networks.books[layer][out[:, layer]])
    return out, latent
