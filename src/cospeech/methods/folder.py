"""A model folder on disk: its config, its ONNX graphs, its arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError


class ModelFolder:
    """A model folder: its config, its graphs as sessions, its arrays."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        self.folder, self.config = folder, config

    def graph(self, name: str) -> Graph:
        """Open a graph by name (the file NAME.onnx)."""
        return Graph(self.folder / f"{name}.onnx")

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """Read NAME.safetensors."""
        from safetensors.numpy import load_file

        path = self.folder / f"{name}.safetensors"
        try:
            return dict(load_file(path))
        except FileNotFoundError:
            raise UserError(f"model folder {self.folder} lacks {path.name}; export the model again") from None
        except Exception as error:
            raise UserError(f"{path} is damaged ({_one_line(error)}); export the model again") from None


class Graph:
    """One ONNX graph; call it with arrays in the order of its inputs, get the first output."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        if not path.is_file():
            raise UserError(f"model folder {path.parent} lacks {path.name}; export the model again")
        options = onnxruntime.SessionOptions()
        # One thread: the networks are small, and a second one that waits in a loop slows NumPy's own.
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self.session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime has a class of its own for each failure
            raise UserError(f"{path} is damaged ({_one_line(error)}); export the model again") from None
        self.inputs = [entry.name for entry in self.session.get_inputs()]

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        feeds = dict(zip(self.inputs, arrays, strict=True))
        result: np.ndarray = self.session.run(None, feeds)[0]
        return result


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
