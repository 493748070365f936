"""The exported graphs of ExGes, as sampling wants them. NumPy and ONNX Runtime."""

from __future__ import annotations

import numpy as np

from ..conditioning import Condition
from ..model_folder import ModelFolder


class OnnxNetworks:
    """The exported graphs, as ``sample_latents`` wants them; each is opened when first used."""

    def __init__(self, folder: ModelFolder) -> None:
        sizes = folder.config["config"]
        self.latent: int = sizes["latent"]
        self.downsample: int = sizes["downsample"]
        self.audio_columns: int = sizes.get("features", 48)
        self.word_columns: int = sizes.get("words", 0)
        self._graph = folder.graphs()

    def speech(self, features: np.ndarray) -> np.ndarray:
        """[T, F] -> [T / downsample, W]."""
        parts = [features[:, : self.audio_columns]]
        if self.word_columns:
            parts.append(features[:, self.audio_columns : self.audio_columns + self.word_columns])
        return self._graph("speech")(*(np.ascontiguousarray(part[None]) for part in parts))[0]

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
        """One estimate of x_0, see ``sampling.Networks``."""
        size = len(x)
        weights = (np.repeat(v[:1], size, 0) for v in (condition.emotion, condition.style, condition.intensity))
        return self._graph("denoiser")(x, alpha, sigma, pose, mask, speech, *weights)

    def encode(self, motion: np.ndarray) -> np.ndarray:
        """Encoded motion [T, C] -> scaled latents."""
        return self._graph("encoder")(np.ascontiguousarray(motion[None]))[0]

    def decode(self, latent: np.ndarray) -> np.ndarray:
        """Scaled latents -> encoded motion [T, C]."""
        return self._graph("decoder")(np.ascontiguousarray(latent[None]))[0]
