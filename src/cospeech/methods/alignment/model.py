"""The alignment in use: how near are a speech and a gesture? NumPy and ONNX Runtime, no torch."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ..model_folder import Graph, ModelFolder, evaluator_folder

METHOD = "alignment"
RETRIEVAL = "retrieval"  # ExGes: the same graphs, trained otherwise (methods/exges/retrieval_network.py)
KEYS = ("features", "words", "channels", "embedding", "width", "downsample")  # of config.config that are read


class Aligned:
    """Embeddings and frame features of speech and of coded motion, from a model folder.

    Embeddings are [E] float32 of length one, so their dot product is the cosine of equation 1. Frame
    features are [T // downsample, D] float32, before pooling.
    """

    def __init__(self, folder: ModelFolder) -> None:
        """Raises UserError if config.json lacks what is needed."""
        self.folder = folder
        config, path = folder.config["config"], folder.folder / "config.json"
        for key in KEYS:
            least = 0 if key == "words" else 1
            if not isinstance(config, dict) or not isinstance(config.get(key), int) or config[key] < least:
                raise UserError(f"{path} lacks the whole number config.{key}; export the model again")
        self.features, self.words, self.channels = config["features"], config["words"], config["channels"]
        self.embedding, self.width, self.downsample = (config["embedding"], config["width"], config["downsample"])
        # E' of a retrieval model, whose frames are keys of length one; 0 of an alignment.
        self.fine: int = config.get("fine", 0) if folder.config["method"] == RETRIEVAL else 0
        self.name: str = folder.config.get("name", folder.folder.name)

    def speech(self, features: np.ndarray, words: np.ndarray | None = None) -> np.ndarray:
        """Features [T, F], and words [T, W] if the model reads any, -> [E].

        Raises:
            UserError: another number of columns, or fewer frames than a step has.
        """
        return _unit(self._speech(features, words)[1])

    def speech_frames(self, features: np.ndarray, words: np.ndarray | None = None) -> np.ndarray:
        """Features [T, F] -> [T // downsample, D]; raises as ``speech``."""
        return self._speech(features, words)[0]

    def gesture(self, coded: np.ndarray) -> np.ndarray:
        """Coded motion [T, C] -> [E]; raises as ``speech``."""
        return _unit(self._gesture(coded)[1])

    def gesture_frames(self, coded: np.ndarray) -> np.ndarray:
        """Coded motion [T, C] -> [T // downsample, D]; raises as ``speech``."""
        return self._gesture(coded)[0]

    @cached_property
    def _speech_graph(self) -> Graph:
        return self.folder.graph("speech")

    @cached_property
    def _gesture_graph(self) -> Graph:
        return self.folder.graph("gesture")

    def _speech(self, features: np.ndarray, words: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        inputs = [self._checked(features, self.features, "speech features")]
        if self.words:
            known = np.zeros((len(features), self.words), np.float32) if words is None else words
            inputs.append(self._checked(known, self.words, "words"))
            if len(known) != len(features):
                raise UserError(f"words have {len(known)} frames, speech has {len(features)}; cut one")
        elif words is not None:
            raise UserError(f"the model {self.name!r} reads no words; leave them out")
        frames, embedding = self._speech_graph.all(*inputs)
        return frames[0], embedding[0]

    def _gesture(self, coded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        frames, embedding = self._gesture_graph.all(self._checked(coded, self.channels, "coded motion"))
        return frames[0], embedding[0]

    def _checked(self, rows: np.ndarray, columns: int, what: str) -> np.ndarray:
        """[T, columns] -> [1, T, columns] float32."""
        rows = np.asarray(rows)
        if rows.ndim != 2 or rows.shape[1] != columns:
            raise UserError(f"{what} must be [T, {columns}]; got shape {list(rows.shape)}")
        if len(rows) < self.downsample:
            raise UserError(f"{what} must have {self.downsample} frames at least; got {len(rows)}")
        return np.ascontiguousarray(rows[None], dtype=np.float32)


def _unit(row: np.ndarray) -> np.ndarray:
    unit: np.ndarray = row / max(float(np.linalg.norm(row)), 1e-12)
    return unit


def load_aligned(name: str | Path = METHOD) -> Aligned:
    """Load an alignment: a shipped one by name, or a model folder.

    Raises:
        UserError: there is none, it is broken, or it is a model of something else.
    """
    return Aligned(evaluator_folder(name, METHOD, RETRIEVAL))
