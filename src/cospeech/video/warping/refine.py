"""The exported network that refines a warped portrait, frame by frame (Contextual Gesture, section 3.3).

It works on a square of 256 pixels. For larger pictures its change is enlarged and added to the warped picture,
which keeps the portrait's own sharpness [D].
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...methods.model_folder import ModelFolder, evaluator_folder
from .layer_warp import Drawn
from .layers import Layers
from .resampling import MAP_SIDE, enlarge, network_flow, planes, to_square

METHOD = "portrait"
NONE = "none"


class Refiner:
    """A model folder with the graphs ``encoder`` and ``refiner``."""

    def __init__(self, folder: ModelFolder) -> None:
        """Raises UserError if the folder lacks a graph."""
        self._encoder, self._refiner = folder.graph("encoder"), folder.graph("refiner")
        self._features: list[np.ndarray] | None = None

    def encode(self, layers: Layers, picture: np.ndarray) -> None:
        """Compute the features of the portrait [H, W, 3] uint8, once for a video."""
        source = to_square(picture.astype(np.float32) / 127.5 - 1)
        masks = to_square(layers.parts.transpose(1, 2, 0), MAP_SIDE)
        self._features = self._encoder.all(planes(source), planes(masks))

    def __call__(self, drawn: Drawn, points: np.ndarray) -> np.ndarray:
        """Refine a warped portrait.

        Args:
            drawn: the portrait warped to ``points``.
            points: [116, 2] pixels.

        Returns:
            [H, W, 3] float32 in 0 .. 1.
        """
        assert self._features is not None, "encode() comes first"
        height, width = drawn.picture.shape[:2]
        side = max(width, height)
        warped = to_square(drawn.picture * 2 - 1)
        seen = to_square(drawn.seen.transpose(1, 2, 0), MAP_SIDE)
        flow = network_flow(drawn.source)
        place = (points / (side / 2) - 1).astype(np.float32)[None]
        refined = self._refiner(*self._features, planes(warped), planes(seen), flow[None], place)
        change = (refined[0].transpose(1, 2, 0) - warped) / 2
        result: np.ndarray = np.clip(drawn.picture + enlarge(change, side)[:height, :width], 0, 1)
        return result


def open_refiner(model: str | Path = NONE) -> Refiner | None:
    """The network of a model folder, or none for "none".

    Raises:
        UserError: no such folder, or one of another kind.
    """
    return None if str(model) == NONE else Refiner(evaluator_folder(model, METHOD))
