"""Evaluation of generated pictures of people against real ones: whole, on elbows, forearms, hands and the face.

LPIPS and Frechet distances of videos need a network. The usual ones (VGG, I3D) are not included, so a perceptual
encoder of our own is used (``video.training.perceptual_network``), and its id is reported with each value: values
compare with each other only, not with those of papers [D].
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.errors import UserError
from ..methods.model_folder import evaluator_folder
from ..metrics.base import DEFAULT, Bootstrap, MeanMetric, Value
from ..metrics.images import LPIPS, PSNR, SSIM, frames_of, psnr, ssim
from ..metrics.inputs import check_pair
from ..motion.points import ELBOWS, FACE_SLICE, HAND_SLICES, POINTS, SHOULDERS, WRISTS
from .warping.resampling import to_square

METHOD = "looks"  # name of the perceptual encoder's model folders on disk
_ALL = range(len(POINTS))
PARTS: dict[str, tuple[int, ...]] = {  # keypoints of POINTS
    "left_hand": tuple(_ALL[HAND_SLICES[0]]),
    "right_hand": tuple(_ALL[HAND_SLICES[1]]),
    "left_elbow": (ELBOWS[0],),
    "right_elbow": (ELBOWS[1],),
    "left_forearm": (ELBOWS[0], WRISTS[0]),
    "right_forearm": (ELBOWS[1], WRISTS[1]),
    "face": tuple(_ALL[FACE_SLICE]),
}
BESIDE = {  # shoulder widths that belong to a part on all sides of its keypoints
    **dict.fromkeys(("left_elbow", "right_elbow"), 0.2),
    **dict.fromkeys(("left_forearm", "right_forearm"), 0.12),
}
_ELBOWS, _FOREARMS = ("left_elbow", "right_elbow"), ("left_forearm", "right_forearm")
_HANDS = ("left_hand", "right_hand")
REGIONS: dict[str, tuple[str, ...]] = {
    "picture": (),
    "elbows": _ELBOWS,
    "forearms": _FOREARMS,
    "hands": _HANDS,
    "arms": (*_ELBOWS, *_FOREARMS, *_HANDS),
    "face": ("face",),
}
MARGIN = 1.3  # side of a crop relative to the extent of its keypoints
SMALLEST = 24  # pixels of a crop's side; SSIM's window has 11
INSIDE = 0.75  # share of a part's keypoints that must be in the picture
WINDOW = 16  # frames of a video for each row of features, as for FVD
MOTION = 4.0  # weight of differences in time, so that both halves of a row vary equally within a video [D]
_BATCH = 8


class PerceptualFeatureExtractor:
    """The perceptual encoder as LPIPS needs it: a ``PerceptualExtractor``.

    Channels of a layer have equal weights that sum to 1, as there are no human judgements to learn weights
    from [D].
    """

    def __init__(self, folder: str | Path) -> None:
        """Raises UserError unless it is a model folder of the perceptual encoder or the name of a shipped one."""
        found = evaluator_folder(folder, METHOD)
        self._graph = found.graph(METHOD)
        digest = hashlib.blake2b((found.folder / f"{METHOD}.onnx").read_bytes(), digest_size=4)
        self._id = f"cospeech-looks-{digest.hexdigest()}"
        sizes = found.config["config"].get("channels") if isinstance(found.config["config"], dict) else None
        if not isinstance(sizes, list) or len(sizes) < 2:
            raise UserError(
                f"{found.folder}/config.json must list two or more config.channels; got {sizes}, export the model again"
            )
        self.channels = tuple(int(size) for size in sizes)

    @property
    def id(self) -> str:
        """The network, named by a digest of its graph."""
        return self._id

    @property
    def weights(self) -> Sequence[np.ndarray]:
        """[C] of every layer."""
        return [np.full(size, 1 / size) for size in self.channels]

    def __call__(self, frames: np.ndarray) -> Sequence[np.ndarray]:
        """Frames [T, H, W, C] in 0 .. 1 -> float32 activations [T, H', W', C'] of all layers, finest first.

        Pictures are resampled to a square of 256 pixels, their border repeated.
        """
        layers: list[list[np.ndarray]] = [[] for _ in self.channels]
        for first in range(0, len(frames), _BATCH):
            block = np.stack([to_square(np.asarray(one, np.float32)) for one in frames[first : first + _BATCH]])
            if block.shape[-1] == 1:
                block = block.repeat(3, -1)
            activations = self._graph.all(np.ascontiguousarray(block.transpose(0, 3, 1, 2) * 2 - 1))
            for layer, values in zip(layers, activations, strict=True):
                layer.append(values.transpose(0, 2, 3, 1))
        return [np.concatenate(layer) for layer in layers]


class VideoFeatureExtractor:
    """The same encoder as a ``VideoExtractor``: a row of features for each window of 16 frames, at every frame.

    For each channel of the two deepest layers: its mean over pixels and frames, and the mean of its absolute
    difference between frames, times 4. The first describes content, the second motion; both replace I3D [D].
    """

    def __init__(self, encoder: PerceptualFeatureExtractor) -> None:
        self.encoder = encoder
        self.dim = 2 * sum(encoder.channels[-2:])

    @property
    def id(self) -> str:
        """Network and window."""
        return f"{self.encoder.id}-film{WINDOW}"

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Frames [T, H, W, C] in 0 .. 1 -> rows [T - 15, D]; none of a shorter film."""
        count = len(frames) - WINDOW + 1
        if count < 1:
            return np.zeros((0, self.dim))
        rows = []
        for layer in self.encoder(frames)[-2:]:
            values = layer.astype(np.float64)
            moves = MOTION * np.abs(np.diff(values, axis=0)).mean((1, 2))
            rows += [_running(values.mean((1, 2)), WINDOW), _running(moves, WINDOW - 1)]
        return np.concatenate(rows, axis=1)


def _running(values: np.ndarray, window: int) -> np.ndarray:
    """Means [T - window + 1, C] over every ``window`` rows of [T, C]."""
    views = np.lib.stride_tricks.sliding_window_view(values, window, axis=0)
    result: np.ndarray = views.mean(-1)
    return result


def boxes(points: np.ndarray, part: str, size: tuple[int, int]) -> tuple[np.ndarray, int, np.ndarray]:
    """Squares round a part of the body in every frame of a clip, all of the same size.

    Args:
        points: [T, 116, 2] pixels.
        part: one of PARTS.
        size: (width, height) of the pictures.

    Returns:
        Top left corners [T, 2] (x, y) in whole pixels, the side in pixels, and [T] whether three quarters of the
        part's keypoints are in the picture.

    Raises:
        UserError: other keypoints or another part.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 3 or points.shape[1:] != (len(POINTS), 2):
        raise UserError(f"keypoints must be [frames, {len(POINTS)}, 2] pixels; got {list(points.shape)}")
    if part not in PARTS:
        raise UserError(f"unknown part {part!r}; known: {', '.join(PARTS)}")
    own = points[:, list(PARTS[part])]
    seen = ((own >= 0) & (own < size)).all(-1).mean(-1) >= INSIDE
    low, high = own.min(1), own.max(1)
    extent = float((high - low)[seen].max()) if seen.any() else 0.0
    if part in BESIDE and seen.any():
        shoulders = np.linalg.norm(points[seen, SHOULDERS[0]] - points[seen, SHOULDERS[1]], axis=-1)
        wanted = extent + 2 * BESIDE[part] * float(np.median(shoulders))
    else:
        wanted = MARGIN * extent
    side = int(np.clip(np.ceil(wanted), SMALLEST, min(size)))
    corners = np.round((low + high) / 2 - side / 2)
    return np.clip(corners, 0, np.array(size) - side).astype(int), side, seen


def crops(frames: np.ndarray, points: np.ndarray, part: str) -> np.ndarray:
    """Crops of a part of the body, from the frames that show it.

    Args:
        frames: [T, H, W, C] of any type.
        points: [T, 116, 2] pixels of the real pictures, for generated ones too.
        part: one of PARTS.

    Returns:
        [K, S, S, C], K frames of T.

    Raises:
        UserError: other keypoints, another number of them than of frames, or another part.
    """
    if len(frames) != len(points):
        raise UserError(f"{len(frames)} frames and {len(points)} sets of keypoints; give one set for each frame")
    corners, side, seen = boxes(points, part, (frames.shape[2], frames.shape[1]))
    cut = [frames[t, y : y + side, x : x + side] for t, (x, y) in enumerate(corners) if seen[t]]
    return np.stack(cut) if cut else np.zeros((0, side, side, frames.shape[3]), frames.dtype)


@dataclass(frozen=True, eq=False)
class Scores:
    """Metrics of single pictures, or of crops of them."""

    frames: np.ndarray  # [K] which picture of the clip
    values: Mapping[str, np.ndarray]  # metric -> [K]


def score(
    generated: np.ndarray,
    real: np.ndarray,
    points: np.ndarray,
    *,
    clip: str,
    encoder: PerceptualFeatureExtractor | None = None,
    known: Sequence[np.ndarray] | None = None,
) -> dict[str, Scores]:
    """PSNR, SSIM and, with an encoder, LPIPS of generated pictures: whole, and on each of REGIONS.

    Crops follow the real pictures' keypoints; a part that is mostly outside the picture does not count.
    LPIPS of a crop is the mean of the whole picture's differences in it, as the encoder has not learned hands
    enlarged to a whole picture [D].

    Args:
        generated, real: [T, H, W, 3], uint8 or in 0 .. 1.
        points: [T, 116, 2] pixels of the real pictures.
        clip: name of the clip, for messages.
        encoder: for LPIPS.
        known: activations of the real pictures, if they are at hand.

    Returns:
        Region -> scores; both hands of a picture count, one after the other, and likewise elbows and forearms.

    Raises:
        UserError: shapes that do not fit, or pictures smaller than a crop.
    """
    a, b = frames_of(generated, clip=clip), frames_of(real, clip=clip)
    check_pair(a, b, clip=clip)
    gaps = None if encoder is None else _gaps(encoder, a, b, known)
    result = {}
    for region, parts in REGIONS.items():
        rows: list[tuple[np.ndarray, dict[str, np.ndarray]]] = []
        for part in parts:
            corners, side, seen = boxes(points, part, (b.shape[2], b.shape[1]))
            shown = np.flatnonzero(seen)
            if len(shown):
                near = gaps and [_cells(gap, corners, side, max(b.shape[1:3])) for gap in gaps]
                rows.append((shown, _figures(crops(a, points, part), crops(b, points, part), near, shown)))
        if not parts:
            whole = gaps and [gap.mean((1, 2)) for gap in gaps]
            rows = [(np.arange(len(b)), _figures(a, b, whole, np.arange(len(b))))]
        if rows:
            joined = {name: np.concatenate([values[name] for _, values in rows]) for name in rows[0][1]}
            result[region] = Scores(np.concatenate([frames for frames, _ in rows]), joined)
    return result


def _figures(a: np.ndarray, b: np.ndarray, gaps: list[np.ndarray] | None, shown: np.ndarray) -> dict[str, np.ndarray]:
    """Metric -> [K] of pictures [K, H, W, C]; gaps [T] of every layer."""
    near = np.array([float(ssim(x[None], y[None])[0]) for x, y in zip(a, b, strict=True)])
    result = {"psnr": psnr(a, b), "ssim": near}
    if gaps is not None:
        result["lpips"] = np.sum(gaps, axis=0)[shown]
    return result


class PictureScores:
    """Means of the values of ``score`` over the pictures of many clips, with intervals over clips."""

    def __init__(self, encoder: PerceptualFeatureExtractor | None = None, *, bootstrap: Bootstrap = DEFAULT) -> None:
        self._metrics: dict[str, dict[str, MeanMetric]] = {}
        for region in REGIONS:
            self._metrics[region] = {"psnr": PSNR(bootstrap=bootstrap), "ssim": SSIM(bootstrap=bootstrap)}
            if encoder is not None:
                self._metrics[region]["lpips"] = LPIPS(encoder, bootstrap=bootstrap)

    def add(self, scores: Mapping[str, Scores], *, clip: str, only: np.ndarray | None = None) -> None:
        """Take the scores of a clip, or of those of its pictures where ``only`` [T] is true."""
        for region, found in scores.items():
            keep = np.ones(len(found.frames), bool) if only is None else only[found.frames]
            if keep.any():
                for name, metric in self._metrics[region].items():
                    metric.add(float(found.values[name][keep].sum()), int(keep.sum()), clip=clip)

    def compute(self) -> dict[str, dict[str, Value]]:
        """Region -> metric -> value; regions that no picture showed are left out."""
        return {
            region: {name: metric.compute() for name, metric in metrics.items()}
            for region, metrics in self._metrics.items()
            if metrics["psnr"].count
        }


def _gaps(
    encoder: PerceptualFeatureExtractor, generated: np.ndarray, real: np.ndarray, known: Sequence[np.ndarray] | None
) -> list[np.ndarray]:
    """[T, h, w] weighted squared differences of every layer (Zhang et al. 2018, equation 1)."""
    sides = encoder(generated), encoder(real) if known is None else known
    return [
        ((_unit(a) - _unit(b)) ** 2 @ weight.astype(np.float32)).astype(np.float64)
        for a, b, weight in zip(*sides, encoder.weights, strict=True)
    ]


def _unit(values: np.ndarray) -> np.ndarray:
    unit: np.ndarray = values / (np.linalg.norm(values, axis=-1, keepdims=True) + 1e-10)
    return unit


def _cells(gap: np.ndarray, corners: np.ndarray, side: int, whole: int) -> np.ndarray:
    """[T] means over what boxes of pixels touch in a layer [T, h, w] of a square of ``whole`` pixels."""
    scale = gap.shape[1] / whole
    low = np.floor(corners * scale).astype(int)
    high = np.ceil((corners + side) * scale).astype(int)
    return np.array([one[y:v, x:u].mean() for one, (x, y), (u, v) in zip(gap, low, high, strict=True)], np.float64)
