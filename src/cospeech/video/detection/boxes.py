"""Boxes and points of detectors in one pass (SSD, Liu et al. 2016): BlazeFace, BlazePose and palms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .networks import Networks
from .regions import Region, cropped

OVERLAP = 0.3  # intersection over union from which two boxes are one
_CLIPPED = 100.0  # logits beyond count as this


@dataclass(frozen=True)
class Detector:
    """A detector's network and how its output is laid out."""

    network: str
    size: int  # pixels of the sides of its input
    cells: tuple[tuple[int, int], ...]  # of each grid: cells to a side, boxes to a cell
    score: float  # least of a detection
    low: float  # value of black; white is 1


FACES_NEAR = Detector("face_detection_short_range", 128, ((16, 2), (8, 6)), 0.5, -1.0)
FACES_FAR = Detector("face_detection_full_range_sparse", 192, ((48, 1),), 0.6, -1.0)
PEOPLE = Detector("pose_detection", 224, ((28, 2), (14, 2), (7, 6)), 0.5, -1.0)
PALMS = Detector("palm_detection_full", 192, ((24, 2), (12, 6)), 0.4, 0.0)


@dataclass(frozen=True, eq=False)
class Detection:
    """Something detected, in pixels of the picture."""

    score: float
    box: np.ndarray  # [2, 2]: upper left and lower right corner, of an upright region
    points: np.ndarray  # [K, 2]


def detections(
    networks: Networks, detector: Detector, picture: np.ndarray, region: Region | None = None
) -> list[Detection]:
    """What a detector finds, the surest first.

    Args:
        picture: [H, W, 3] uint8.
        region: where to look; all of the picture unless given.
    """
    seen = (region or Region.of_picture(picture)).widened(1.0)
    shown = cropped(picture, seen, detector.size, black_outside=True) * ((1 - detector.low) / 255) + detector.low
    raw, logits = networks.run(detector.network, shown)
    score = 1 / (1 + np.exp(-np.clip(logits[0, :, 0].astype(float), -_CLIPPED, _CLIPPED)))
    kept = np.flatnonzero(score >= detector.score)
    kept = kept[np.argsort(-score[kept], kind="stable")]
    values = raw[0, kept].reshape(len(kept), raw.shape[-1] // 2, 2).astype(float) / detector.size
    anchor = _anchors(detector)[kept][:, None]
    middle, half = values[:, :1] + anchor, values[:, 1:2] / 2
    spots = np.concatenate([middle - half, middle + half, values[:, 2:] + anchor], axis=1)
    found = [(weight, seen.to_picture(places)) for weight, places in _merged(spots, score[kept])]
    return [Detection(weight, places[:2], places[2:]) for weight, places in found]


def _anchors(detector: Detector) -> np.ndarray:
    """[N, 2]: middles of the boxes' cells, in shares of the input."""
    grids = []
    for side, count in detector.cells:
        steps = (np.arange(side) + 0.5) / side
        grids.append(np.repeat(np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2), count, axis=0))
    return np.concatenate(grids)


def _merged(spots: np.ndarray, score: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """Boxes that overlap as their mean, weighted by score (Bazarevsky et al. 2019, BlazeFace, section 3.4).

    Args:
        spots: [N, 2 + K, 2]: the corners of each box and its points, by falling score.
    """
    found = []
    rest = np.arange(len(spots))
    while len(rest):
        same = _overlaps(spots[rest, :2], spots[rest[0], :2]) > OVERLAP
        same[0] = True
        weights = score[rest[same]]
        found.append((float(score[rest[0]]), np.tensordot(weights / weights.sum(), spots[rest[same]], axes=1)))
        rest = rest[~same]
    return found


def _overlaps(boxes: np.ndarray, one: np.ndarray) -> np.ndarray:
    """[N]: intersection over union of boxes [N, 2, 2] with one [2, 2]."""
    shared = np.clip(np.minimum(boxes[:, 1], one[1]) - np.maximum(boxes[:, 0], one[0]), 0, None).prod(-1)
    areas = np.clip(boxes[:, 1] - boxes[:, 0], 0, None).prod(-1) + np.clip(one[1] - one[0], 0, None).prod()
    return np.where(areas > shared, shared / np.maximum(areas - shared, 1e-12), 0.0)
