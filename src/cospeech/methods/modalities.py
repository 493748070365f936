"""What training asks of a part of a space: its scale, how it is varied, how well it is rebuilt, its rest.

All rules are decisions of ours [D]. Bodies are judged by angles and by where wrists are, points by how far
they lie off in shoulder widths, expressions by their error beside how much they vary.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..core.errors import UserError
from ..core.rotation import axis_angle_to_matrix, geodesic, matrix_from_6d, matrix_to_6d
from ..core.timing import FPS
from ..data.dataset import GestureDataset
from ..data.windows import RECORDED
from ..motion.codec import Codec
from ..motion.expressions import ExpressionCodec
from ..motion.phases import hand_speed, wrists_in_chest
from ..motion.points import SHOULDERS, WRISTS, PointCodec
from ..motion.representation import ModalityCodec
from ..motion.skeleton import canonical_skeleton
from .tokenizer.network import Tokenizer

# How much a group counts in the tokenizer. Of a body fingers count for less (their rules are simple), the
# root for more (it is metres, and moves little); of a face the mouth counts for more than what is around it.
_WEIGHTS = {"body": 1.0, "hands": 0.4, "root": 2.0, "mouth": 2.0}
_LEAST = 1e-4  # deviation of a group that hardly moves


def scale(codec: ModalityCodec, variance: np.ndarray) -> np.ndarray:
    """[C] by which the tokenizer divides motion, from the variance [C] of its channels.

    One scale for all rotations, so that a degree counts alike in every joint of the body, and one for all
    points, so that a pixel does; expressions and jaw have no unit in common, so each has its own.
    """
    first = next(iter(codec.slices.values()))
    whole = float(np.sqrt(variance[first].mean()))
    result = np.empty(codec.channels, dtype=np.float32)
    for name, columns in codec.slices.items():
        if isinstance(codec, Codec):
            result[columns] = whole / _WEIGHTS[name]
            continue
        if isinstance(codec, ExpressionCodec):
            whole = float(np.sqrt(variance[columns].mean()))
        weight = _WEIGHTS.get(name, 1.0) if codec.modality == "face" else 1.0
        result[columns] = max(whole, _LEAST) / weight
    return result


def reposed(codec: ModalityCodec, x: Tensor, rng: np.random.Generator, degrees: float) -> Tensor:
    """Windows [B, T, C] of somebody else who makes the same gestures: a constant change a window.

    A body's joints are turned by so many degrees (standard deviation); points are turned in the picture by
    a part of that, scaled and moved; a face has other expressions at rest, by a fifth of how they vary.
    """
    if isinstance(codec, Codec):
        return _turned(codec, x, rng, degrees)
    some = (rng.random((len(x), 1, 1)) < 0.6).astype(np.float32)
    if isinstance(codec, PointCodec):
        return _moved(codec, x, rng, degrees, some)
    spread = x.std(dim=(0, 1), keepdim=True).numpy()
    offset = rng.normal(0, 0.2, (len(x), 1, x.shape[-1])) * spread * some
    offset[..., codec.slices["jaw"]] = 0.0  # six numbers that must stay a rotation
    return x + torch.from_numpy(offset.astype(np.float32))


def _turned(codec: Codec, x: Tensor, rng: np.random.Generator, degrees: float) -> Tensor:
    joints = len(codec.body)
    angle = rng.normal(0, np.deg2rad(degrees), (len(x), 1, joints, 3)) * (rng.random((len(x), 1, 1, 1)) < 0.6)
    angle[:, :, 0] *= 0.3  # the pelvis less
    turn = torch.from_numpy(axis_angle_to_matrix(angle).astype(np.float32))
    body = x[..., : 6 * joints].reshape(len(x), x.shape[1], joints, 6)
    turned = matrix_to_6d(matrix_from_6d(body) @ turn)
    return torch.cat([turned.reshape(len(x), x.shape[1], -1), x[..., 6 * joints :]], -1)


def _moved(codec: PointCodec, x: Tensor, rng: np.random.Generator, degrees: float, some: np.ndarray) -> Tensor:
    points = x.numpy().reshape(len(x), x.shape[1], -1, 2)
    some = some[..., None]
    angle = rng.normal(0, np.deg2rad(degrees) / 4, (len(x), 1, 1, 1)) * some
    size = 1 + rng.normal(0, 0.05, (len(x), 1, 1, 1)) * some
    shift = rng.normal(0, 0.05, (len(x), 1, 1, 2)) * some
    across, up = points[..., :1], points[..., 1:]
    turned = np.concatenate(
        [across * np.cos(angle) - up * np.sin(angle), across * np.sin(angle) + up * np.cos(angle)], -1
    )
    return torch.from_numpy((turned * size + shift).reshape(x.shape).astype(np.float32))


def reconstruction_figure(codec: ModalityCodec) -> str:
    """The figure of ``tokenizer_quality`` by which tokenizers are compared; the smaller the better."""
    if isinstance(codec, Codec):
        return "angle"
    return "distance" if isinstance(codec, PointCodec) else "expression_error"


@torch.no_grad()
def tokenizer_quality(model: Tokenizer, motions: list[np.ndarray], codec: ModalityCodec) -> dict[str, float]:
    """Reconstruction of whole clips [T, C], by frames.

    Of a body: joint angle (degrees), wrist (cm). Of points: mean distance, and that of the wrists
    (or of the mouth), in shoulder widths. Of expressions: root mean square error over deviation, of
    expressions and of the jaw's angle (degrees). All: speed and jerk (ratios of made to real).
    """
    rows, speeds, jerks, weights = [], [], [], []
    for motion in motions:
        frames = len(motion) // model.config.downsample * model.config.downsample
        x = torch.from_numpy(np.ascontiguousarray(motion[None, :frames]))
        y = model.decode(model.encode(x))[0].float().numpy()
        figures, speed, jerk = _compared(codec, motion[:frames], y)
        rows.append(figures)
        speeds.append(np.array(speed) * frames)
        jerks.append(np.array(jerk) * frames)
        weights.append(frames)
    speed, jerk = np.sum(speeds, 0), np.sum(jerks, 0)
    mean = {name: float(np.average([row[name] for row in rows], weights=weights)) for name in rows[0]}
    return {**mean, "speed_ratio": float(speed[1] / speed[0]), "jerk_ratio": float(jerk[1] / jerk[0])}


def _compared(
    codec: ModalityCodec, real: np.ndarray, generated: np.ndarray
) -> tuple[dict[str, float], tuple[float, float], tuple[float, float]]:
    """Figures of a clip [T, C] and what was made of it; speed and jerk, real and made."""
    if isinstance(codec, Codec):
        return _bodies(codec, real, generated)
    if isinstance(codec, PointCodec):
        a, b = codec.decode(real), codec.decode(generated)
        far = np.linalg.norm(a - b, axis=-1)
        some = list(WRISTS) if codec.modality == "body" else list(range(48, 68))
        figures = {
            "distance": float(far.mean()),
            "wrist" if codec.modality == "body" else "mouth": float(far[:, some].mean()),
        }
        return figures, (_speed(a[:, some]), _speed(b[:, some])), (_jerk(a[:, some]), _jerk(b[:, some]))
    part = codec.slices["expressions"]
    a, b = real[:, part], generated[:, part]
    error = float(np.sqrt(((a - b) ** 2).mean()) / max(float(np.sqrt(a.var(0).mean())), _LEAST))
    jaws = [matrix_from_6d(values[:, codec.slices["jaw"]]) for values in (real, generated)]
    figures = {"expression_error": error, "jaw": float(np.rad2deg(geodesic(*jaws)).mean())}
    return figures, (_speed(a), _speed(b)), (_jerk(a), _jerk(b))


def _bodies(
    codec: Codec, real: np.ndarray, generated: np.ndarray
) -> tuple[dict[str, float], tuple[float, float], tuple[float, float]]:
    names, body = canonical_skeleton().indices(["left_wrist", "right_wrist"]), codec.slices["body"]
    a, b = (matrix_from_6d(values[:, body].reshape(len(values), -1, 6)) for values in (real, generated))
    one, other = codec.decode(real), codec.decode(generated)
    far = np.linalg.norm(one.positions[:, names] - other.positions[:, names], axis=-1)
    figures = {"angle": float(np.rad2deg(geodesic(a, b)).mean()), "wrist_cm": float(far.mean() * 100)}
    speed = (float(hand_speed(one, smooth=1).mean()), float(hand_speed(other, smooth=1).mean()))
    return figures, speed, (_jerk(one.positions[:, names]), _jerk(other.positions[:, names]))


def _speed(values: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(values, axis=0), axis=-1).mean() * FPS)


def _jerk(values: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(values, n=3, axis=0), axis=-1).mean() * FPS**3)


def restlessness(codec: ModalityCodec, coded: np.ndarray, *, length: int, stride: int) -> np.ndarray:
    """How little stretches of a clip [T, C] are a rest: [stretches], the smallest is the best one.

    Hands that are still, low and even on both sides; a face that is still, with a closed mouth or, of
    expressions, near to the neutral one.
    """
    starts = range(0, len(coded) - length, stride)
    if isinstance(codec, ExpressionCodec):
        values = coded[:, codec.slices["expressions"]]
        moving, high = 0.05 * _rates(values), np.sqrt((values**2).mean(1))
        return np.array([moving[s : s + length].max() + high[s : s + length].mean() for s in starts])
    if codec.modality == "face":
        assert isinstance(codec, PointCodec)
        points = codec.decode(coded)
        moving = _rates(points.reshape(len(points), -1)) / np.sqrt(len(codec.names))
        mouth = np.linalg.norm(points[:, 62] - points[:, 66], axis=-1)  # lips, inside, in the middle
        return np.array([moving[s : s + length].max() + 5 * mouth[s : s + length].mean() for s in starts])
    if isinstance(codec, PointCodec):
        points = codec.decode(coded)
        wrists = points[:, list(WRISTS)] - points[:, list(SHOULDERS)].mean(1, keepdims=True)
        speed = np.linalg.norm(np.diff(wrists, axis=0, prepend=wrists[:1]), axis=-1).max(1) * FPS
        lopsided = np.linalg.norm(wrists[:, 0] * [-1, 1] - wrists[:, 1], axis=-1)
    else:
        assert isinstance(codec, Codec)
        motion = codec.decode(coded)
        speed, wrists = hand_speed(motion).max(1), wrists_in_chest(motion)
        lopsided = np.linalg.norm(wrists[:, 0] * [-1, 1, 1] - wrists[:, 1], axis=-1)
    height, parts = wrists[..., 1].mean(1), [slice(s, s + length) for s in starts]
    return np.array(
        [float(speed[p].max() + lopsided[p].mean() + 0.5 * height[p].mean()) for p in parts], dtype=np.float64
    )


def _rates(values: np.ndarray) -> np.ndarray:
    """[T] length of the change of [T, C] a second."""
    rates: np.ndarray = np.linalg.norm(np.diff(values, axis=0, prepend=values[:1]), axis=-1) * FPS
    return rates


def rest_poses(dataset: GestureDataset, styles: list[str], *, modality: str = "body") -> dict[str, np.ndarray]:
    """Coded pose [C] of every style's rest: the calmest one (``restlessness``).

    Raises:
        UserError: the dataset has no motion of a style.
    """
    codec, rest, length, stride = dataset.representation.modality(modality), {}, 20, 10
    for style in styles:
        best: tuple[float, np.ndarray] | None = None
        for sample in dataset.select(kind=RECORDED):
            if sample.speaker != style or sample.frames < FPS:
                continue
            coded = dataset.motion(sample, modality=modality)
            scores = restlessness(codec, coded, length=length, stride=stride)
            if best is None or scores.min() < best[0]:
                best = (float(scores.min()), coded[stride * int(scores.argmin()) + length // 2])
        if best is None:
            raise UserError(f"the dataset has no motion of {style!r}, so its rest pose cannot be taken")
        rest[style] = np.ascontiguousarray(best[1], dtype=np.float32)
    return rest
