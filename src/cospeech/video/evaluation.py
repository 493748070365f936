"""How near made pictures of people come to true ones: whole, on the hands and on the face.

LPIPS and Frechet distances of films need a network. The usual ones (VGG, I3D) are not carried here, so an
own encoder of pictures of people judges (``video.training.perceptual_network``), and its id stands beside
each value: such values compare with each other alone, not with those of papers.
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
from ..motion.points import POINTS
from .warping.refine import small

METHOD = "looks"
PARTS = {"left_hand": slice(6, 27), "right_hand": slice(27, 48), "face": slice(48, 116)}  # of POINTS
REGIONS: dict[str, tuple[str, ...]] = {"picture": (), "hands": ("left_hand", "right_hand"), "face": ("face",)}
MARGIN = 1.3  # side of a crop over the extent of its points
SMALLEST = 24  # pixels of a crop's side; SSIM's window has 11
INSIDE = 0.75  # share of a part's points that must be in the picture
WINDOW = 16  # frames of a film that make a row, as for FVD
MOTION = 4.0  # weight of differences in time: both halves of a row then spread alike within a film
_BATCH = 8


class LooksExtractor:
    """The own encoder of pictures as LPIPS wants it: a ``PerceptualExtractor``.

    Channels of a layer count alike and sum to 1 (a decision of ours: there are no judgements of people to
    learn weights from).
    """

    def __init__(self, folder: str | Path) -> None:
        """Raises UserError unless it is a model folder of ``export_looks`` (or the name of a shipped one)."""
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

        Pictures are brought to a square of 256 pixels, their border going on.
        """
        layers: list[list[np.ndarray]] = [[] for _ in self.channels]
        for first in range(0, len(frames), _BATCH):
            block = np.stack([small(np.asarray(one, np.float32)) for one in frames[first : first + _BATCH]])
            if block.shape[-1] == 1:
                block = block.repeat(3, -1)
            made = self._graph.all(np.ascontiguousarray(block.transpose(0, 3, 1, 2) * 2 - 1))
            for layer, values in zip(layers, made, strict=True):
                layer.append(values.transpose(0, 2, 3, 1))
        return [np.concatenate(layer) for layer in layers]


class LooksFilm:
    """The same encoder as a ``VideoExtractor``: a row for each window of 16 frames, at every frame.

    Of the two deepest layers, each channel: its mean over places and frames, and the mean of its absolute
    difference from frame to frame at one place, times 4. The first tells what is seen, the second how it
    moves (a decision of ours in place of I3D).
    """

    def __init__(self, looks: LooksExtractor) -> None:
        self.looks = looks
        self.dim = 2 * sum(looks.channels[-2:])

    @property
    def id(self) -> str:
        """Network and window."""
        return f"{self.looks.id}-film{WINDOW}"

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Frames [T, H, W, C] in 0 .. 1 -> rows [T - 15, D]; none of a shorter film."""
        count = len(frames) - WINDOW + 1
        if count < 1:
            return np.zeros((0, self.dim))
        rows = []
        for layer in self.looks(frames)[-2:]:
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
    """Where a hand or the face is in every frame of a clip; squares, all equally large.

    Args:
        points: [T, 116, 2] pixels.
        part: left_hand, right_hand or face.
        size: (width, height) of the pictures.

    Returns:
        Top left corners [T, 2] (x, y) whole pixels, the side in pixels, and [T] whether three quarters of the
        part's points are in the picture.

    Raises:
        UserError: other points or another part.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 3 or points.shape[1:] != (len(POINTS), 2):
        raise UserError(f"points must be [frames, {len(POINTS)}, 2] pixels; got {list(points.shape)}")
    if part not in PARTS:
        raise UserError(f"unknown part {part!r}; known: {', '.join(PARTS)}")
    own = points[:, PARTS[part]]
    seen = ((own >= 0) & (own < size)).all(-1).mean(-1) >= INSIDE
    low, high = own.min(1), own.max(1)
    extent = float((high - low)[seen].max()) if seen.any() else 0.0
    side = int(np.clip(np.ceil(MARGIN * extent), SMALLEST, min(size)))
    corners = np.round((low + high) / 2 - side / 2)
    return np.clip(corners, 0, np.array(size) - side).astype(int), side, seen


def crops(frames: np.ndarray, points: np.ndarray, part: str) -> np.ndarray:
    """Squares round a hand or the face, of the frames that show it.

    Args:
        frames: [T, H, W, C] of any type.
        points: [T, 116, 2] pixels; those of the true pictures, for made ones too.
        part: left_hand, right_hand or face.

    Returns:
        [K, S, S, C], K frames of T.

    Raises:
        UserError: other points, another number of them than of frames, or another part.
    """
    if len(frames) != len(points):
        raise UserError(f"{len(frames)} frames and {len(points)} sets of points; give one set a frame")
    corners, side, seen = boxes(points, part, (frames.shape[2], frames.shape[1]))
    cut = [frames[t, y : y + side, x : x + side] for t, (x, y) in enumerate(corners) if seen[t]]
    return np.stack(cut) if cut else np.zeros((0, side, side, frames.shape[3]), frames.dtype)


@dataclass(frozen=True, eq=False)
class Scores:
    """Figures of single pictures, or of crops of them."""

    frames: np.ndarray  # [K] which picture of the clip
    values: Mapping[str, np.ndarray]  # metric -> [K]


def score(
    made: np.ndarray,
    real: np.ndarray,
    points: np.ndarray,
    *,
    clip: str,
    looks: LooksExtractor | None = None,
    known: Sequence[np.ndarray] | None = None,
) -> dict[str, Scores]:
    """PSNR, SSIM and, with an encoder, LPIPS of made pictures: on the whole, on the hands, on the face.

    Crops are those of the true points; a hand or face that is mostly out of the picture does not count.
    LPIPS of a crop is the mean of the whole picture's differences in it (a decision of ours): a hand made as
    large as a picture is nothing that the encoder knows.

    Args:
        made, real: [T, H, W, 3], uint8 or in 0 .. 1.
        points: [T, 116, 2] pixels of the true pictures.
        known: activations of the true pictures, where they are at hand.

    Returns:
        Region (picture, hands, face) -> scores; both hands of a picture count, one after the other.

    Raises:
        UserError: shapes that do not fit, or pictures smaller than a crop.
    """
    a, b = frames_of(made, clip=clip), frames_of(real, clip=clip)
    check_pair(a, b, clip=clip)
    gaps = None if looks is None else _gaps(looks, a, b, known)
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
    """Means over the pictures of many clips of what ``score`` tells, with intervals over clips."""

    def __init__(self, looks: LooksExtractor | None = None, *, bootstrap: Bootstrap = DEFAULT) -> None:
        self._metrics: dict[str, dict[str, MeanMetric]] = {}
        for region in REGIONS:
            self._metrics[region] = {"psnr": PSNR(bootstrap=bootstrap), "ssim": SSIM(bootstrap=bootstrap)}
            if looks is not None:
                self._metrics[region]["lpips"] = LPIPS(looks, bootstrap=bootstrap)

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
    looks: LooksExtractor, made: np.ndarray, real: np.ndarray, known: Sequence[np.ndarray] | None
) -> list[np.ndarray]:
    """[T, h, w] weighted squared differences of every layer (Zhang et al. 2018, equation 1)."""
    sides = looks(made), looks(real) if known is None else known
    return [
        ((_unit(a) - _unit(b)) ** 2 @ weight.astype(np.float32)).astype(np.float64)
        for a, b, weight in zip(*sides, looks.weights, strict=True)
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
