"""The exported networks of one modality, body or face, and encoded motion from them. NumPy and ONNX Runtime."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ...core.errors import UserError
from ...sampling.beam import encode_residual
from ..conditioning import Condition
from ..editing import padded
from ..model_folder import ModelFolder
from .sampling import ContextualSampling, sample_tokens

REST_START = 1  # tokens of rest at the start
REST_END = 2  # tokens of rest at the end


class OnnxNetworks:
    """The exported graphs, as ``sample_tokens`` wants them; opened in the background."""

    def __init__(self, folder: ModelFolder) -> None:
        self._folder = folder
        config = folder.config["config"]
        self.codes: int = config["codes"]
        self.layers: int = config["layers"]
        self.downsample: int = config["downsample"]
        self.quantised: bool = config.get("quantised", True)
        self.kind: str = config.get("residual", "codes")
        self.sound: int = config.get("features", 48)
        self.words: int = config.get("words", 0)
        self._graph = folder.graphs()
        folder.open_ahead(
            *(("speech", "masked") if config.get("parts") else ("speech", "masked", "residual", "decoder"))
        )

    def speech(self, features: np.ndarray) -> np.ndarray:
        parts = [features[:, : self.sound]]
        if self.words:
            parts.append(features[:, self.sound : self.sound + self.words])
        return self._graph("speech")(*(np.ascontiguousarray(part[None]) for part in parts))[0]

    def masked(self, codes: np.ndarray, speech: np.ndarray, condition: Condition) -> np.ndarray:
        return self._graph("masked")(codes, speech, condition.emotion, condition.style, condition.intensity)

    def residual(self, codes: np.ndarray, layer: int, speech: np.ndarray, condition: Condition) -> np.ndarray:
        number = np.full(len(codes), layer, dtype=np.int64)
        return self._graph("residual")(codes, number, speech, condition.emotion, condition.style, condition.intensity)

    def rest(
        self, codes: np.ndarray, known: np.ndarray, given: np.ndarray, speech: np.ndarray, condition: Condition
    ) -> np.ndarray:
        return self._graph("residual")(
            codes, known, given, speech, condition.emotion, condition.style, condition.intensity
        )

    @cached_property
    def codebooks(self) -> np.ndarray:
        """[K, S, D] float32 vectors of the residual quantiser."""
        arrays = self._folder.arrays("codebooks")
        shape = arrays["vectors"].shape if "vectors" in arrays else None
        if shape is None or shape[:2] != (self.layers, self.codes):
            raise UserError(
                f"codebooks.safetensors of {self._folder.folder} is not of this model; export the model again"
            )
        return arrays["vectors"].astype(np.float32)

    def vectors(self, tokens: np.ndarray) -> np.ndarray:
        """Tokens [N, K] -> summed code vectors [N, D]."""
        summed: np.ndarray = self.codebooks[np.arange(tokens.shape[1]), tokens].sum(axis=1)
        return summed

    def decode(self, latent: np.ndarray) -> np.ndarray:
        return self._graph("decoder")(latent[None])[0]

    def encode(self, motion: np.ndarray) -> np.ndarray:
        """Encoded motion [T, C], T a multiple of ``downsample``, -> tokens [N, K]."""
        return encode_residual(self._graph("encoder")(np.ascontiguousarray(motion[None]))[0], self.codebooks)


def encoded_motion(
    networks: OnnxNetworks,
    features: np.ndarray,
    condition: Condition,
    rng: np.random.Generator,
    settings: ContextualSampling,
    ends: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Encoded motion [T, C] as long as the features [T, F], between two known tokens [K]."""
    step = networks.downsample
    frames = len(features)
    tokens = -(-frames // step)
    known = np.full((tokens, networks.layers), -1, dtype=np.int64)
    first, last = min(REST_START, tokens), min(REST_END, max(0, tokens - REST_START))
    known[:first] = ends[0]
    if last:
        known[-last:] = ends[1]
    sampled = sample_tokens(networks, padded(features, step), condition, rng, settings, known=known)
    return networks.decode(sampled.latent)[:frames]
