"""The exported networks of one part, body or face, and coded motion from them. NumPy and ONNX Runtime."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ...core.errors import UserError
from ...sampling.beam import encode_residual
from ..model_folder import ModelFolder
from .sampling import Condition, ContextualSampling, sample_tokens

REST_START = 1  # tokens of rest given at the start
REST_END = 2  # tokens of rest given at the end


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
        folder.open_ahead("speech", "masked", "residual", "decoder")

    @cached_property
    def _speech(self):  # type: ignore[no-untyped-def]
        return self._folder.graph("speech")

    @cached_property
    def _masked(self):  # type: ignore[no-untyped-def]
        return self._folder.graph("masked")

    @cached_property
    def _residual(self):  # type: ignore[no-untyped-def]
        return self._folder.graph("residual")

    @cached_property
    def _decoder(self):  # type: ignore[no-untyped-def]
        return self._folder.graph("decoder")

    @cached_property
    def _encoder(self):  # type: ignore[no-untyped-def]
        return self._folder.graph("encoder")

    def speech(self, features: np.ndarray) -> np.ndarray:
        parts = [features[:, : self.sound]]
        if self.words:
            parts.append(features[:, self.sound : self.sound + self.words])
        return self._speech(*(np.ascontiguousarray(part[None]) for part in parts))[0]  # type: ignore[no-any-return]

    def masked(self, codes: np.ndarray, speech: np.ndarray, condition: Condition) -> np.ndarray:
        return self._masked(codes, speech, condition.emotion, condition.style, condition.intensity)  # type: ignore[no-any-return]

    def residual(self, codes: np.ndarray, layer: int, speech: np.ndarray, condition: Condition) -> np.ndarray:
        number = np.full(len(codes), layer, dtype=np.int64)
        return self._residual(codes, number, speech, condition.emotion, condition.style, condition.intensity)  # type: ignore[no-any-return]

    def rest(
        self, codes: np.ndarray, known: np.ndarray, given: np.ndarray, speech: np.ndarray, condition: Condition
    ) -> np.ndarray:
        return self._residual(  # type: ignore[no-any-return]
            codes, known, given, speech, condition.emotion, condition.style, condition.intensity
        )

    @cached_property
    def books(self) -> np.ndarray:
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
        summed: np.ndarray = self.books[np.arange(tokens.shape[1]), tokens].sum(axis=1)
        return summed

    def decode(self, latent: np.ndarray) -> np.ndarray:
        return self._decoder(latent[None])[0]  # type: ignore[no-any-return]

    def encode(self, motion: np.ndarray) -> np.ndarray:
        """Coded motion [T, C], T a multiple of ``downsample``, -> tokens [N, K]."""
        return encode_residual(self._encoder(np.ascontiguousarray(motion[None]))[0], self.books)


def rest_tokens(folder: ModelFolder, speakers: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Tokens [4, K] of every speaker's rest pose. Raises UserError if one is missing."""
    rest = folder.arrays("rest")
    missing = [name for name in speakers if name not in rest]
    if missing:
        raise UserError(
            f"model folder {folder.folder} lacks the rest pose of {', '.join(missing)}; export the model again"
        )
    return rest


def coded_motion(
    networks: OnnxNetworks,
    features: np.ndarray,
    condition: Condition,
    rng: np.random.Generator,
    settings: ContextualSampling,
    ends: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Coded motion [T, C] as long as the features [T, F], between two given tokens [K]."""
    step = networks.downsample
    frames = len(features)
    tokens = -(-frames // step)
    padded = np.pad(features, ((0, tokens * step - frames), (0, 0)), mode="edge")
    given = np.full((tokens, networks.layers), -1, dtype=np.int64)
    first, last = min(REST_START, tokens), min(REST_END, max(0, tokens - REST_START))
    given[:first] = ends[0]
    if last:
        given[-last:] = ends[1]
    sampled = sample_tokens(networks, padded, condition, rng, settings, given=given)
    return networks.decode(sampled.latent)[:frames]
