"""Trained judges of motion from model folders: the FGD extractors and the emotion classifier.

They see the upper body only, as ``motion.upper_body`` describes it: fingers are made by rules in our corpora,
and legs and pelvis follow rules of ours, so neither could tell real from made.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np

from ...core.emotions import EMOTIONS
from ...core.errors import UserError
from ...metrics.inputs import check_canonical, check_rate
from ...motion.motion import Motion
from ...motion.upper_body import upper_body
from ..model_folder import Graph, ModelFolder, evaluator_folder


def all_joints(motion: Motion) -> np.ndarray:
    """[T, 330] float32: local rotations of the 55 SMPL-X joints in 6D, the first two *rows* of each matrix.

    This is what the published extractor of BEAT2 takes (its code uses PyTorch3D's convention).
    """
    return motion.rotations[:, :, :2].reshape(len(motion), -1).astype(np.float32)


# What a folder's config.json may name as "input".
INPUTS: dict[str, Callable[[Motion], np.ndarray]] = {"upper-body": upper_body, "smplx-6d": all_joints}


class TrainedExtractor:
    """Latents of a trained auto-encoder: one row a time step, or one a window. An ``Extractor``."""

    fps = 30.0
    skeleton = "canonical-55"

    def __init__(self, folder: ModelFolder, rows: str) -> None:
        """``rows``: "frame" (a row for every 4 frames) or "window" (windows of 64, 32 apart)."""
        self._folder, self.rows = folder, rows
        config = folder.config["config"]
        seen = folder.config.get("input", "upper-body")
        if seen not in INPUTS:
            raise UserError(f"{folder.folder / 'config.json'} has the input {seen!r}; known: {', '.join(INPUTS)}")
        self._see = INPUTS[seen]
        self.dim: int = config["latent" if rows == "frame" else "window_latent"]
        self.window: int = 0 if rows == "frame" else config["window"]
        self.step: int = config["downsample"] if rows == "frame" else config["window"] // 2
        self._size: int = config["window"]
        self.id = f"{folder.config['name']}-{rows}-{fingerprint(folder, rows)}"

    @cached_property
    def _graph(self) -> Graph:
        return self._folder.graph(self.rows)

    def features(self, motion: Motion, *, clip: str = "") -> np.ndarray:
        """[rows, D] float64; none for a motion shorter than a window (frame rows: than 4 frames)."""
        check_canonical(motion, clip=clip)
        check_rate(motion, self.fps, clip=clip)
        x = self._see(motion)
        if self.rows == "frame":
            # In windows as in training, so that a row does not depend on how long its clip is.
            count = len(x) // self.step * self.step
            parts = [
                self._graph(x[None, start : min(count, start + self._size)])[0] for start in range(0, count, self._size)
            ]
        else:
            starts = range(0, len(x) - self.window + 1, self.step)
            parts = [self._graph(np.stack([x[s : s + self.window] for s in starts]))] if starts else []
        return np.concatenate([np.zeros((0, self.dim)), *parts]).astype(np.float64)


class TrainedClassifier:
    """Probabilities of the ten emotions; an ``EmotionClassifier``. Long motions are read in windows."""

    def __init__(self, folder: ModelFolder) -> None:
        self._folder = folder
        self.window: int = folder.config["config"]["window"]
        self.id = f"{folder.config['name']}-{fingerprint(folder, 'emotion')}"

    @cached_property
    def _graph(self) -> Graph:
        return self._folder.graph("emotion")

    def __call__(self, motion: Motion) -> np.ndarray:
        """[10] in the order of EMOTIONS: the mean over windows that overlap by half.

        Motions shorter than a window are repeated there and back.
        """
        x = upper_body(motion)
        if not len(x):
            raise UserError("the motion has no frames; give at least one")
        if len(x) < self.window:
            walk = np.arange(self.window) % max(1, 2 * (len(x) - 1))
            x = x[np.where(walk < len(x), walk, 2 * (len(x) - 1) - walk)]
        last = len(x) - self.window
        count = max(1, round(last / (self.window / 2)) + 1)
        starts = np.linspace(0, last, count).astype(int)
        logits = self._graph(np.stack([x[s : s + self.window] for s in starts])).astype(np.float64)
        odds = np.exp(logits - logits.max(-1, keepdims=True))
        chance: np.ndarray = (odds / odds.sum(-1, keepdims=True)).mean(0)
        assert len(chance) == len(EMOTIONS)
        return chance


def fingerprint(folder: ModelFolder, graph: str) -> str:
    """Eight hex digits of a graph's file: other weights can never have the same id."""
    path = folder.folder / f"{graph}.onnx"
    if not path.is_file():
        raise UserError(f"model folder {folder.folder} lacks {path.name}; export the model again")
    return f"{zlib.crc32(path.read_bytes()):08x}"


def load_extractors(name: str | Path = "extractor") -> dict[str, TrainedExtractor]:
    """The extractors of a shipped or a given folder, by what a row is: "frame", "window" or both.

    Raises:
        UserError: no such folder, it holds neither graph, or its input is unknown.
    """
    folder = evaluator_folder(name, "extractor")
    there = [rows for rows in ("frame", "window") if (folder.folder / f"{rows}.onnx").is_file()]
    if not there:
        raise UserError(f"model folder {folder.folder} lacks frame.onnx and window.onnx; export the model again")
    return {rows: TrainedExtractor(folder, rows) for rows in there}


def load_classifier(name: str | Path = "emotion-classifier") -> TrainedClassifier:
    """The emotion classifier of a shipped or a given folder."""
    return TrainedClassifier(evaluator_folder(name, "emotion-classifier"))
