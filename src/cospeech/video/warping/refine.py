"""The exported network that refines a warped portrait, as a film wants it.

It works on a square of 256 pixels. For larger pictures what it changes is made larger and added to the warped
picture, which keeps the portrait's own sharpness (a decision of ours).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...methods.model_folder import ModelFolder, evaluator_folder
from .layer_warp import Drawn
from .layers import Layers

SIDE = 256
METHOD = "portrait"
NONE = "none"


class Refiner:
    """A model folder with the graphs ``encoder`` and ``refiner``."""

    def __init__(self, folder: ModelFolder) -> None:
        """Raises UserError if the folder lacks a graph."""
        self._encoder, self._refiner = folder.graph("encoder"), folder.graph("refiner")
        self._features: list[np.ndarray] | None = None

    def see(self, layers: Layers, picture: np.ndarray) -> None:
        """Look at the portrait [H, W, 3] uint8, once for a film."""
        source = small(picture.astype(np.float32) / 127.5 - 1)
        masks = small(layers.masks.transpose(1, 2, 0), SIDE // 2)
        self._features = self._encoder.all(planes(source), planes(masks))

    def __call__(self, drawn: Drawn, points: np.ndarray) -> np.ndarray:
        """The refined picture [H, W, 3] float32 in 0 .. 1; points [116, 2] pixels are those wanted."""
        assert self._features is not None, "see() comes first"
        height, width = drawn.picture.shape[:2]
        side = max(width, height)
        warped = small(drawn.picture * 2 - 1)
        seen = small(drawn.seen.transpose(1, 2, 0), SIDE // 2)
        flow = flow_of(drawn.source)
        place = (points / (side / 2) - 1).astype(np.float32)[None]
        made = self._refiner(*self._features, planes(warped), planes(seen), flow[None], place)
        change = (made[0].transpose(1, 2, 0) - warped) / 2
        result: np.ndarray = np.clip(drawn.picture + enlarged(change, side)[:height, :width], 0, 1)
        return result


def planes(values: np.ndarray) -> np.ndarray:
    """[H, W, C] -> [1, C, H, W] float32."""
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None], dtype=np.float32)


def flow_of(source: np.ndarray) -> np.ndarray:
    """Places [H, W, 2] pixels where pixels came from, as the network sees them: [128, 128, 2], -1 .. 1.

    What lies beyond the picture, in the square that it is laid in, moves as its border does.
    """
    height, width = source.shape[:2]
    side = max(height, width)
    middles = (np.arange(SIDE // 2) + 0.5) * side / (SIDE // 2)
    rows, columns = (np.minimum(middles.astype(int), size - 1) for size in (height, width))
    # One pixel is taken of those that become one, and its place moved to the middle of them all.
    beside = np.stack(np.meshgrid(middles - columns - 0.5, middles - rows - 0.5), -1)
    result: np.ndarray = ((source[rows][:, columns] + beside) / (side / 2) - 1).astype(np.float32)
    return result


def small(values: np.ndarray, side: int = SIDE) -> np.ndarray:
    """[H, W, C] laid at the top left of a square and made ``side`` pixels large, [side, side, C] float32."""
    height, width, channels = values.shape
    whole = max(height, width)
    if height != width:
        values = np.pad(values, ((0, whole - height), (0, whole - width), (0, 0)), mode="edge")
    if whole == side:
        return values.astype(np.float32)
    if whole % side == 0:
        step = whole // side
        cut = values.reshape(side, step, side, step, channels)
        return cut.mean((1, 3), dtype=np.float32)
    return enlarged(_blurred(values, whole / side), side)


def _blurred(values: np.ndarray, step: float) -> np.ndarray:
    """Averaged over about ``step`` pixels, before every step-th one is taken."""
    from .matte import box

    radius = int(step // 2)
    return box(values.astype(np.float32), radius) if radius else values


def enlarged(values: np.ndarray, side: int) -> np.ndarray:
    """[S, S, C] -> [side, side, C], bilinear."""
    size = len(values)
    if size == side:
        return values
    place = np.clip((np.arange(side) + 0.5) * size / side - 0.5, 0, size - 1)
    low = np.minimum(place.astype(int), size - 2)
    share = (place - low).astype(np.float32)
    values = values[low] * (1 - share)[:, None, None] + values[low + 1] * share[:, None, None]
    result: np.ndarray = values[:, low] * (1 - share)[:, None] + values[:, low + 1] * share[:, None]
    return result


def open_refiner(model: str | Path = NONE) -> Refiner | None:
    """The network of a model folder, or none for "none".

    Raises:
        UserError: no such folder, or one of another kind.
    """
    return None if str(model) == NONE else Refiner(evaluator_folder(model, METHOD))
