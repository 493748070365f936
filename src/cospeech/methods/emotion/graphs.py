"""The exported graphs of the EmotionGesture method, as sampling wants them.

Models that come with the package may share the motion tokenizer of a folder beside them (``latents_of`` in
config.json): then its graphs are used, and ``latents.safetensors`` says how its latents become one's own,
own = factor * theirs + offset.
"""

from __future__ import annotations

import numpy as np

from ..model_folder import ModelFolder, read_config


class OnnxNetworks:
    """Graphs of a model folder; each is opened when first used."""

    def __init__(self, folder: ModelFolder) -> None:
        self._folder = folder
        sizes = folder.config["config"]
        self.latent: int = sizes["latent"]
        self.downsample: int = sizes["downsample"]
        self.given: int = sizes["given"]
        self.window: int = sizes["window"]
        self.chunk: int = sizes["chunk"]
        self.size: int = sizes.get("size", 0)
        self._sound: int = sizes.get("features", 48)
        self._own = folder.graphs()
        self._factor: np.ndarray | float = 1.0
        self._offset: np.ndarray | float = 0.0
        self._tokenizer = self._own
        beside = folder.config.get("latents_of")
        if beside is not None:
            place = folder.folder.parent / str(beside)
            self._tokenizer = ModelFolder(place, read_config(place)).graphs()
            turn = folder.arrays("latents")
            self._factor, self._offset = turn["factor"], turn["offset"]

    def beats(self, features: np.ndarray) -> np.ndarray:
        """[T, F] -> [T / downsample, E]."""
        return self._own("beats")(np.ascontiguousarray(features[None, :, : self._sound]))[0]

    def emotion_logits(self, sound: np.ndarray) -> np.ndarray:
        """Acoustics [T, 42] -> logits [10] of the emotions; the last frame fills the last step."""
        fill = -len(sound) % self.downsample
        padded = np.pad(sound, ((0, fill), (0, 0)), mode="edge")[None].astype(np.float32)
        return self._own("moods")(padded)[0]

    def denoise(
        self,
        z: np.ndarray,
        alpha: np.ndarray,
        sigma: np.ndarray,
        given: np.ndarray,
        beat: np.ndarray,
        emotion: np.ndarray,
        style: np.ndarray,
        intensity: np.ndarray,
    ) -> np.ndarray:
        """See ``sample.Networks``; the graph is of one sample, so samples go one by one."""
        inputs = (z, alpha, sigma, given, beat, emotion, style, intensity)
        graph = self._own("prior")
        return np.concatenate([graph(*(v[k : k + 1] for v in inputs)) for k in range(len(z))])

    def make(
        self,
        given: np.ndarray,
        beat: np.ndarray,
        mood: np.ndarray,
        emotion: np.ndarray,
        style: np.ndarray,
        intensity: np.ndarray,
    ) -> np.ndarray:
        """See ``sample.Networks``."""
        inputs = (given, beat, mood, emotion, style, intensity)
        return self._own("generator")(*(inputs if self.size else (*inputs[:2], *inputs[3:])))

    def encode(self, motion: np.ndarray) -> np.ndarray:
        """Enencoded motion [T, C] -> scaled latents."""
        latent = self._tokenizer("encoder")(np.ascontiguousarray(motion[None]))[0]
        return latent * self._factor + self._offset

    def decode(self, latent: np.ndarray) -> np.ndarray:
        """Scaled latents -> encoded motion [T, C]."""
        own = ((latent - self._offset) / self._factor).astype(np.float32)
        return self._tokenizer("decoder")(np.ascontiguousarray(own[None]))[0]
