"""Whether a picture looks painted or drawn: statistics of gradients and tones, weighed by a logistic model.

Brushes, pencils and flat colours leave less fine detail between edges than a lens, fewer tones in a small place, and
lines. The model was fitted on generated portraits as they are and made painterly by filters
(``benchmarks/bench_paintings.py``), not on paintings, so a real one may well be missed [D].
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np

from ..warping.matte import box

SIDES = (512, 256)  # pixels of the longer side in which statistics are taken; smaller pictures are not enlarged
QUANTILES = (10, 50, 90, 99)
LEAST = 0.3  # of 255, added to contrasts before their logarithm
FLAT = 1.5  # of 255: contrast of a place with nothing to see
BLOCK, STEP = 8, 6  # pixels of squares in which tones are counted, and of 255 in which they are told apart
BANDS = 4  # octaves of detail
COHERENT = 2  # pixels, radius in which gradients are compared
LUMA = np.array([0.299, 0.587, 0.114])
BRIGHT = 235.0  # of 255: paper
WEIGHTS = Path(__file__).parent.parent / "assets" / "painting.json"


def looks_painted(picture: np.ndarray) -> bool:
    """Whether a picture [H, W, 3] uint8 sRGB looks like a painting or drawing rather than a photograph."""
    return is_painting(painting_features(picture))


def is_painting(features: np.ndarray) -> bool:
    """The same by the features [D] of a picture."""
    model = _model()
    logit = (features - model["mean"]) / model["deviation"] @ model["weights"] + model["bias"][0]
    return bool(logit > model["threshold"][0])


@cache
def _model() -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in json.loads(WEIGHTS.read_text()).items()}


def painting_features(picture: np.ndarray) -> np.ndarray:
    """Statistics [D] of a picture [H, W, 3] uint8 by which paintings differ."""
    from PIL import Image

    image = Image.fromarray(picture)
    result: list[float] = []
    for side in SIDES:
        small = image.copy()
        small.thumbnail((side, side), Image.Resampling.BOX)
        result += _statistics(np.asarray(small, np.float64))
    return np.array(result)


def _statistics(image: np.ndarray) -> list[float]:
    """Of a picture [h, w, 3] in 0 .. 255."""
    grey = image @ LUMA
    mean = box(grey, 1)
    contrast = np.sqrt(np.maximum(box(grey * grey, 1) - mean * mean, 0))
    levels = np.log(np.percentile(contrast, QUANTILES) + LEAST)
    result = [*levels, levels[3] - levels[1], float((contrast < FLAT).mean())]
    # Detail by octaves: a lens blurs all of them alike, a brush takes the finest and leaves edges.
    bands, rest = [], grey
    for _ in range(BANDS):
        smooth = box(rest, 1)
        band = rest - smooth
        bands.append((np.log(np.abs(band).mean() + LEAST), _tail(band), _lean(band)))
        rest = smooth[: len(smooth) // 2 * 2, : smooth.shape[1] // 2 * 2]
        rest = (rest[::2, ::2] + rest[1::2, ::2] + rest[::2, 1::2] + rest[1::2, 1::2]) / 4
    result += [bands[k][0] - bands[k + 1][0] for k in range(BANDS - 1)]
    result += [value for band in bands[:2] for value in band[1:]]
    result += [_coherence(grey, contrast), *_tones(grey)]
    return [*result, float((grey > BRIGHT).mean())]


def _tail(band: np.ndarray) -> float:
    """How far the strongest detail is above the usual one."""
    size = np.abs(band)
    return float(np.log((np.percentile(size, 98) + LEAST) / (np.median(size) + LEAST)))


def _lean(band: np.ndarray) -> float:
    """Skewness: negative for dark lines on light ground."""
    deviation = max(float(band.std()), LEAST)
    return float(np.clip(np.mean((band / deviation) ** 3), -3, 3))


def _coherence(grey: np.ndarray, contrast: np.ndarray) -> float:
    """Mean share of gradients near a place that have its direction, where there is something to see."""
    y, x = np.gradient(grey)
    xx, yy, xy = (box(product, COHERENT) for product in (x * x, y * y, x * y))
    along = np.hypot(xx - yy, 2 * xy) / np.maximum(xx + yy, LEAST)
    return float(along[contrast >= np.median(contrast)].mean())


def _tones(grey: np.ndarray) -> tuple[float, float]:
    """Mean logarithm of the number of tones in small squares, and share of squares of one tone.

    Tones and no colours, of which black and white photographs have few, too.
    """
    height, width = (size // BLOCK * BLOCK for size in grey.shape)
    bins = (grey[:height, :width] / STEP).astype(np.int64)
    squares = bins.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).transpose(0, 2, 1, 3).reshape(-1, BLOCK**2)
    squares.sort(axis=1)
    count = 1 + (np.diff(squares, axis=1) != 0).sum(1)
    return float(np.log(count).mean()), float((count == 1).mean())
