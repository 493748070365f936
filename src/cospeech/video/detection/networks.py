"""MediaPipe's networks, as `cospeech video setup` fetches them (the MediaPipe authors, Apache License 2.0)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...core.errors import UserError
from .conversion import INPUT, onnx_file
from .tflite import read_network

if TYPE_CHECKING:
    import onnxruntime

RELEASE = "mediapipe==0.10.21"
# SHA-256 of each network, by its path below "mediapipe/modules" of that release.
NETWORKS = {
    "face_detection/face_detection_full_range_sparse.tflite": (
        "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1"
    ),
    "face_detection/face_detection_short_range.tflite": (
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8"
    ),
    "face_landmark/face_landmark_with_attention.tflite": (
        "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4"
    ),
    "hand_landmark/hand_landmark_full.tflite": "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
    "holistic_landmark/hand_recrop.tflite": "67d996ce96f9d36fe17d2693022c6da93168026ab2f028f9e2365398d8ac7d5d",
    "palm_detection/palm_detection_full.tflite": "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
    "pose_detection/pose_detection.tflite": "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    "pose_landmark/pose_landmark_full.tflite": "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    "selfie_segmentation/selfie_segmentation.tflite": (
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c"
    ),
}


class Networks:
    """The networks of a folder like MediaPipe's "modules", loaded when they are first run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sessions: dict[str, onnxruntime.InferenceSession] = {}

    def run(self, name: str, picture: np.ndarray) -> list[np.ndarray]:
        """The outputs of a network, pictures as [1, H, W, C].

        Args:
            name: of the network's file, without folder and ending.
            picture: [H, W, 3] in the range of the network's input.
        Raises:
            UserError: it is missing or damaged.
        """
        if name not in self._sessions:
            self._sessions[name] = _session(network_bytes(self.folder, name), name)
        pictures = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32)
        found: list[np.ndarray] = self._sessions[name].run(None, {INPUT: pictures})
        return found


def network_bytes(folder: Path, name: str) -> bytes:
    """A network's file, checked.

    Raises:
        UserError: it is missing, or another than that of ``RELEASE``.
    """
    (place,) = (place for place in NETWORKS if Path(place).stem == name)
    try:
        data = (folder / place).read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {folder / place} ({error.strerror}); run `cospeech video setup`") from None
    check_network(place, data, f"{folder / place}")
    return data


def check_network(place: str, data: bytes, name: str) -> None:
    """Check a network's SHA-256.

    Raises:
        UserError: it is damaged, or of another release.
    """
    if hashlib.sha256(data).hexdigest() != NETWORKS[place]:
        raise UserError(f"{name} is damaged or not that of {RELEASE}; delete it and run `cospeech video setup`")


def is_complete(folder: Path) -> bool:
    """Whether a folder has all networks; their content is checked when they are loaded."""
    return all((folder / place).is_file() for place in NETWORKS)


def _session(data: bytes, name: str) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the networks are small, and threads that wait in a loop slow the others down
    options.log_severity_level = 3
    model = onnx_file(read_network(data, name), name)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
