"""What turns speech and motion into keys that can be compared; the alignment model is the first one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ..methods.alignment.model import METHOD, RETRIEVAL, Aligned, load_aligned
from ..methods.model_folder import read_config, shipped_folders


class Embedder(Protocol):
    """Embeddings of segments, in one space for speech and motion.

    A library belongs to one embedder: keys of two cannot be compared. What embeds frame by frame as well
    (``fine`` is not 0) has keys of frames stored too, and a search can look at them.
    """

    @property
    def name(self) -> str:
        """What it is called in messages."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same input would get another embedding."""
        ...

    @property
    def embedding(self) -> int:
        """E."""
        ...

    @property
    def shortest(self) -> int:
        """Frames that a segment must have."""
        ...

    @property
    def fine(self) -> int:
        """E' of the keys of frames; 0 if there are none, and the two last methods must not be called."""
        ...

    def speech(self, features: np.ndarray) -> np.ndarray:
        """Speech features [T, F] -> [E] of length one."""
        ...

    def gesture(self, coded: np.ndarray) -> np.ndarray:
        """Coded motion [T, C] -> [E] of length one."""
        ...

    def speech_frames(self, features: np.ndarray) -> np.ndarray:
        """Speech features [T, F] -> [N, E'], each of length one."""
        ...

    def gesture_frames(self, coded: np.ndarray) -> np.ndarray:
        """Coded motion [T, C] -> [N, E'], each of length one."""
        ...


@dataclass(frozen=True)
class Embedding:
    """Which embedder a library was made with."""

    name: str
    fingerprint: str
    size: int  # E

    @classmethod
    def of(cls, embedder: Embedder) -> Embedding:
        """Its description."""
        return cls(embedder.name, embedder.fingerprint, embedder.embedding)

    def __str__(self) -> str:
        return f"{self.name} ({self.fingerprint}, {self.size} numbers)"


class AlignedEmbedder:
    """An alignment of speech and gesture (Contextual Gesture) or a retrieval model (ExGes) as an embedder."""

    def __init__(self, model: Aligned) -> None:
        self._model = model
        self.name, self.embedding, self.shortest = model.name, model.embedding, model.downsample
        self.fine = model.fine
        digest = hashlib.sha256()
        for graph in ("speech", "gesture"):
            path = model.folder.folder / f"{graph}.onnx"
            digest.update(path.read_bytes() if path.is_file() else b"")  # one that lacks is told when used
        self.fingerprint = digest.hexdigest()[:12]

    def speech(self, features: np.ndarray) -> np.ndarray:
        """Speech features [T, F] -> [E]."""
        return self._model.speech(features)

    def gesture(self, coded: np.ndarray) -> np.ndarray:
        """Coded motion [T, C] -> [E]."""
        return self._model.gesture(coded)

    def speech_frames(self, features: np.ndarray) -> np.ndarray:
        """Speech features [T, F] -> [N, E']."""
        return self._model.speech_frames(features)

    def gesture_frames(self, coded: np.ndarray) -> np.ndarray:
        """Coded motion [T, C] -> [N, E']."""
        return self._model.gesture_frames(coded)


def load_embedder(model: str | Path | Embedder = METHOD) -> Embedder:
    """An embedder by the name of a shipped model, from a model folder, or as it is.

    Raises:
        UserError: there is no such model, it is broken, or it embeds nothing.
    """
    if isinstance(model, str | Path):
        return AlignedEmbedder(load_aligned(model))
    return model


def shipped_embedder(embedding: Embedding) -> Embedder | None:
    """The shipped model that makes the keys of a library, if there is one."""
    for folder in shipped_folders():
        if read_config(folder)["method"] in (METHOD, RETRIEVAL):
            embedder = load_embedder(folder)
            if Embedding.of(embedder) == embedding:
                return embedder
    return None
