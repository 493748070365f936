"""The exported network that refines a warped portrait, frame by frame (Contextual Gesture, section 3.3).

It works at the film's own size, in crops round arms, hands and face; elsewhere the warped picture stays as it is, to
the bit. Networks of earlier model folders work on a square of 256 pixels; for larger pictures their change is enlarged
and added to the warped picture [D].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...methods.model_folder import ModelFolder, evaluator_folder
from ...motion.points import ELBOWS, FACE_SLICE, HAND_SLICES, SHOULDERS, WRISTS
from .edge_maps import edge_maps
from .layer_warp import Drawn
from .layers import Layers
from .matte import box
from .mixture import spline_flows
from .resampling import MAP_SIDE, enlarge, halved, network_flow, planes, to_square

METHOD = "portrait"
NONE = "none"
REACH = 7  # of 128: how far from the person the network may change the picture [D]
LEAST_NEAR = 1e-3  # share of person round a place from which anything is: running sums leave 1e-6 of nothing
NEAR_GAIN = 8.0  # of the share of person round a place, to what of the change is let through
MOTION_SIDE = 64  # of the picture in which dense motion is weighed
CELL = 8  # pixels that sides of crops are multiples of
SKELETON = 0.5  # of a heatmap, from which a place is on a line
ARM_MARGIN, FACE_MARGIN = 0.25, 0.12  # shoulder widths of a crop round an arm and round the face [D]
SOFT = 1 / 32  # of the side, over which a change begins at a crop's border
JOINED = 1.2  # of the areas of two crops, up to which one crop is round both


def near_person(person: np.ndarray) -> np.ndarray:
    """[H, W] float32 in 0 .. 1: on and round a person 1, falling to 0 with the distance; of a mask [H, W] in 0 .. 1."""
    spread = box(person.astype(np.float32), max(1, round(REACH * max(person.shape) / MAP_SIDE)))
    result: np.ndarray = np.clip((spread - LEAST_NEAR) * NEAR_GAIN, 0, 1).astype(np.float32)
    return result


class Refiner(ABC):
    """A network that refines a film's frames."""

    @abstractmethod
    def encode(self, layers: Layers, picture: np.ndarray) -> None:
        """Compute the features of the portrait [H, W, 3] uint8, once for a video."""

    @abstractmethod
    def __call__(self, drawn: Drawn, points: np.ndarray) -> np.ndarray:
        """Refine a warped portrait; ``encode`` comes first.

        Args:
            drawn: the portrait warped to ``points``.
            points: [116, 2] pixels.

        Returns:
            [H, W, 3] float32 in 0 .. 1.
        """


class CropRefiner(Refiner):
    """A model folder with the graphs ``encoder``, ``refiner`` and, unless it has no dense motion, ``motion``."""

    def __init__(self, folder: ModelFolder) -> None:
        """Raises UserError if the folder lacks a graph."""
        config = folder.config["config"]
        self._encoder, self._refiner = folder.graph("encoder"), folder.graph("refiner")
        self._motion = folder.graph("motion") if config["motion"] else None
        self._thickness, self._lines = config["edges"], config["refine"] == "skeleton"
        self._half: Layers | None = None

    def encode(self, layers: Layers, picture: np.ndarray) -> None:
        """As ``Refiner.encode``."""
        self._half = replace(layers, parts=halved(layers.parts, 1))
        self.begin(picture, self._half.parts, layers.points)

    def begin(self, picture: np.ndarray, parts: np.ndarray, points: np.ndarray) -> None:
        """``encode`` by parts [7, H/2, W/2] in 0 .. 1 and points [116, 2] pixels of the portrait."""
        self._side = -(-max(picture.shape[:2]) // CELL) * CELL
        source = _square(picture.astype(np.float32) / 127.5 - 1, self._side)
        self._small = planes(to_square(source, MOTION_SIDE))
        self._from = self._places(points)
        masks = _square(parts.transpose(1, 2, 0), self._side // 2)
        self._features = self._encoder.all(planes(source), planes(masks))
        self._axis = ((np.arange(self._side // 2) + 0.5) / (self._side / 4) - 1).astype(np.float32)

    def __call__(self, drawn: Drawn, points: np.ndarray) -> np.ndarray:
        """As ``Refiner``."""
        assert self._half is not None, "encode() comes first"
        small = replace(
            drawn, shares=drawn.shares[:, 1::2, 1::2], came=drawn.came[:, 1::2, 1::2] / 2, layers=self._half
        )
        return self.paint(drawn.picture, small.seen, drawn.source[1::2, 1::2] - 0.5, points)

    def paint(self, warped: np.ndarray, seen: np.ndarray, flow: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Refine a warped picture; ``begin`` comes first.

        Args:
            warped: [H, W, 3] float32 in 0 .. 1.
            seen: [7, H/2, W/2] in 0 .. 1, parts of it.
            flow: [H/2, W/2, 2] pixels of the portrait that its pixels came from.
            points: [116, 2] pixels.
        """
        side, place = self._side, self._places(points)
        picture = _square(warped * 2 - 1, side)
        near = near_person(seen.sum(0))
        seen, near = (_square(each, side // 2) for each in (seen.transpose(1, 2, 0), near[..., None]))
        moves = _square(flow / np.float32(side / 2) - 1, side // 2).astype(np.float32)
        told = None if self._motion is None else self._dense_motion(picture, seen, moves, place)
        change = np.zeros(picture.shape, np.float32)
        weight = np.zeros((side, side, 1), np.float32)
        for rows, columns, share in crops(points, side):
            half = slice(rows.start // 2, rows.stop // 2), slice(columns.start // 2, columns.stop // 2)
            given = [planes(picture[rows, columns]), planes(seen[half]), planes(near[half])]
            own, context = moves[half], []
            if told is not None:
                lifted = _between(told, *half, side // 2)
                own, context = own + lifted[..., :2], [planes(lifted[..., 2:])]
            heat = self._heat(place, *half)
            refined = self._refiner(*self._features, *given, own[None], heat, *context)
            change[rows, columns] += share * (refined[0].transpose(1, 2, 0) - picture[rows, columns]) / 2
            weight[rows, columns] += share
        result = warped.copy()
        height, width = warped.shape[:2]
        at = np.nonzero((weight[:height, :width, 0] > 0) & (change[:height, :width] != 0).any(-1))
        result[at] = np.clip(warped[at] + change[at] / np.maximum(weight[at], 1), 0, 1)
        return result

    def _dense_motion(self, picture: np.ndarray, seen: np.ndarray, flow: np.ndarray, place: np.ndarray) -> np.ndarray:
        """[64, 64, C]: what is added to the flow, and context."""
        assert self._motion is not None
        at = ((np.arange(MOTION_SIDE) + 0.5) / (MOTION_SIDE / 2) - 1).astype(np.float32)
        maps = edge_maps(place, at, at, self._thickness)
        heat = (maps > SKELETON).astype(np.float32) if self._lines else maps
        step = len(flow) / MOTION_SIDE
        middle = np.minimum(((np.arange(MOTION_SIDE) + 0.5) * step).astype(int), len(flow) - 1)
        told = self._motion(
            self._small,
            planes(to_square(picture, MOTION_SIDE)),
            planes(to_square(seen, MOTION_SIDE)),
            flow[middle][:, middle][None],
            spline_flows(self._from, place)[None],
            heat[None],
        )
        result: np.ndarray = told[0].transpose(1, 2, 0)
        return result

    def _heat(self, place: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
        """[1, 3, h, w] of a crop at half the film's size."""
        maps = edge_maps(place, self._axis[rows], self._axis[columns], self._thickness)
        return ((maps > SKELETON).astype(np.float32) if self._lines else maps)[None]

    def _places(self, points: np.ndarray) -> np.ndarray:
        """Pixels -> -1 .. 1."""
        return np.asarray(points, np.float64) / (self._side / 2) - 1


def crops(points: np.ndarray, side: int) -> list[tuple[slice, slice, np.ndarray]]:
    """Crops round forearms with hands and round the face, in a square of ``side`` pixels.

    Their corners are multiples of 8. Crops that overlap so far that one round both is hardly larger become one.

    Returns:
        Rows and columns of each, and [h, w, 1] in 0 .. 1, how much of a change there counts: less at its border.
    """
    scale = float(np.linalg.norm(points[SHOULDERS[0]] - points[SHOULDERS[1]]))
    arms = [
        np.concatenate([points[[elbow, wrist]], points[span]])
        for elbow, wrist, span in zip(ELBOWS, WRISTS, HAND_SLICES, strict=True)
    ]
    found = [(own, ARM_MARGIN * scale) for own in arms] + [(points[FACE_SLICE], FACE_MARGIN * scale)]
    boxes: list[np.ndarray] = []
    for own, margin in found:
        low, high = np.floor((own.min(0) - margin) / CELL) * CELL, np.ceil((own.max(0) + margin) / CELL) * CELL
        one = np.clip(np.stack([low, high]), 0, side).astype(int)
        if (one[1] - one[0] < 2 * CELL).any():
            continue  # beyond the picture
        for k, other in enumerate(boxes):
            both = np.stack([np.minimum(one[0], other[0]), np.maximum(one[1], other[1])])
            if np.prod(both[1] - both[0]) <= JOINED * (np.prod(one[1] - one[0]) + np.prod(other[1] - other[0])):
                boxes[k] = both
                break
        else:
            boxes.append(one)
    result = []
    for low, high in boxes:
        rows, columns = slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
        result.append((rows, columns, _soft(rows, side)[:, None, None] * _soft(columns, side)[:, None]))
    return result


def _soft(span: slice, side: int) -> np.ndarray:
    """[n] float32: 1 within a crop, falling to 0 at its border, unless that is the picture's."""
    count, ramp = span.stop - span.start, max(1.0, SOFT * side)
    at = np.arange(count) + 0.5
    first = np.ones(count) if span.start == 0 else at / ramp
    last = np.ones(count) if span.stop == side else (count - at) / ramp
    result: np.ndarray = np.clip(np.minimum(first, last), 0, 1).astype(np.float32)
    return result


def _square(values: np.ndarray, side: int) -> np.ndarray:
    """[H, W, C] at the top left of a square, its border repeated."""
    height, width = values.shape[:2]
    if height == width == side:
        return values
    return np.pad(values, ((0, side - height), (0, side - width), (0, 0)), mode="edge")


def _between(maps: np.ndarray, rows: slice, columns: slice, side: int) -> np.ndarray:
    """[h, w, C]: a part of square maps [S, S, C] that are enlarged to ``side``, bilinear."""
    for axis, span in enumerate((rows, columns)):
        size = maps.shape[axis]
        place = np.clip((np.arange(span.start, span.stop) + 0.5) * size / side - 0.5, 0, size - 1)
        low = np.minimum(place.astype(int), size - 2)
        share = (place - low).astype(np.float32).reshape([-1 if k == axis else 1 for k in range(3)])
        maps = maps.take(low, axis) * (1 - share) + maps.take(low + 1, axis) * share
    return maps


class SquareRefiner(Refiner):
    """A model folder of the earlier kind, with the graphs ``encoder`` and ``refiner``, for a square of 256 pixels."""

    def __init__(self, folder: ModelFolder) -> None:
        """Raises UserError if the folder lacks a graph."""
        self._encoder, self._refiner = folder.graph("encoder"), folder.graph("refiner")
        self._features: list[np.ndarray] | None = None

    def encode(self, layers: Layers, picture: np.ndarray) -> None:
        """As ``Refiner.encode``."""
        source = to_square(picture.astype(np.float32) / 127.5 - 1)
        masks = to_square(layers.parts.transpose(1, 2, 0), MAP_SIDE)
        self._features = self._encoder.all(planes(source), planes(masks))

    def __call__(self, drawn: Drawn, points: np.ndarray) -> np.ndarray:
        """As ``Refiner``."""
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


def refiner_of(folder: ModelFolder) -> Refiner:
    """The network of a model folder, of whichever kind it is. Raises UserError if it lacks a graph."""
    return CropRefiner(folder) if "motion" in folder.config["config"] else SquareRefiner(folder)


def open_refiner(model: str | Path = NONE) -> Refiner | None:
    """The network of a model folder, or none for "none".

    Raises:
        UserError: no such folder, or one of another kind.
    """
    return None if str(model) == NONE else refiner_of(evaluator_folder(model, METHOD))
