"""Whether the camera of a film moves, also before walls that are nearly plain.

Each frame is registered to the first one where nobody is (Lucas and Kanade 1981, coarse to fine): shift, zoom, turn,
and a change of exposure. Structure that is hardly seen in a pixel counts together over the wall, so a gradient of
light is enough. How sure a motion is follows from how much blocks of the picture agree, and from the noise that an
encoder lets stand still on a wall, which would say that nothing moves. Where no wall tells anything, the person does
if head and shoulders are shaken together more than people move. Decisions of ours [D].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...motion.points import FACE_SLICE, SHOULDERS
from ..warping.matte import box
from ..warping.resampling import bilinear, halved

WIDTH = 256  # pixels of the longer side of the copies that are compared
LEVELS = 3  # copies of half the size each, from which it starts
_ROUNDS = 5  # of the solution at a level
_LIKELY = 0.03  # of the longer side, standard deviation that is expected of a motion
_BLOCK = 16  # pixels of a block
_SLOW, _SHAKEN, _TOGETHER = 0.8, 0.025, 0.95  # seconds; share of the longer side; correlation
_LUMA = np.array([0.299, 0.587, 0.114])
_OUTLIER = 4.0  # median deviations from which a pixel counts less
_FROZEN = 4.0  # grey levels times pixels: noise that an encoder lets stand still, by the root of its area
_STRUCTURE = 0.6  # share of slopes that both pictures show, below which it is noise
_NOISE = 0.3  # grey levels that pixels deviate at least
_ENOUGH = 0.03  # of the picture that has to be compared


MOST_MOVED, SURE = 0.0025, 2.5  # of the longer side, and standard errors, from which a camera moves
MOST_ERROR = 0.0015  # of the longer side: a larger standard error tells nothing


@dataclass(frozen=True)
class Registration:
    """Motion of a picture against another one, in shares of the longer side."""

    moved: float  # root mean square over the pixels that were compared
    error: float  # standard error of that; infinite if nothing can be told

    @property
    def moves(self) -> bool:
        """Whether the camera has surely moved."""
        return self.moved > max(MOST_MOVED, SURE * self.error)

    @property
    def unknown(self) -> bool:
        """Whether nothing can be told, since there is too little to be seen."""
        return self.error > MOST_ERROR


def camera_motion(pictures: Sequence[np.ndarray], free: Sequence[np.ndarray]) -> Registration:
    """How far a camera moves in K pictures: the medians of the registrations to the first one.

    Args:
        pictures: [H, W, 3] uint8 each.
        free: [h, w] bool each, where nobody is, small.
    """
    from PIL import Image

    grey = [_grey(picture) for picture in pictures]
    size = grey[0].shape[::-1]
    room = [np.asarray(Image.fromarray(one).resize(size, Image.Resampling.NEAREST)) for one in free]
    found = [register(grey[0], grey[k], room[0] & room[k]) for k in range(1, len(grey))]
    if not found:
        return Registration(0.0, 0.0)
    return Registration(float(np.median([one.moved for one in found])), float(np.median([one.error for one in found])))


def person_shaken(points: np.ndarray, side: int, fps: float) -> bool:
    """Whether head and shoulders go to and fro together, quickly, and further than people do.

    Lively speakers of BEAT2 reach 1.8 % of a picture in which their shoulders take a third.

    Args:
        points: [T, 116, 2] pixels.
        side: of the picture, the longer one.
        fps: frames a second.
    """
    parts = [points[:, list(SHOULDERS)].mean(1), points[:, FACE_SLICE].mean(1)]
    width = min(len(points), round(_SLOW * fps)) | 1
    shares = np.hanning(width + 2)[1:-1]
    quick = []
    for part in parts:
        ends = np.pad(part, ((width // 2, width // 2), (0, 0)), mode="reflect")
        slow = [np.convolve(ends[:, axis], shares / shares.sum(), "valid") for axis in (0, 1)]
        quick.append((part - np.stack(slow, -1)) / side)
    shoulders, head = (float((one**2).sum()) for one in quick)
    together = float((quick[0] * quick[1]).sum()) / max(np.sqrt(shoulders * head), 1e-12)
    return bool(np.sqrt(shoulders / len(points)) > _SHAKEN and together > _TOGETHER)


def _grey(picture: np.ndarray) -> np.ndarray:
    """[h, w] grey levels of a small copy."""
    from PIL import Image

    scale = WIDTH / max(picture.shape[:2])
    size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
    small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX), np.float64)
    result: np.ndarray = small @ _LUMA
    return result


def register(first: np.ndarray, other: np.ndarray, where: np.ndarray) -> Registration:
    """How the second picture has moved against the first.

    Args:
        first, other: [h, w] float grey levels.
        where: [h, w] bool: what is compared.
    """
    if where.mean() < _ENOUGH:
        return Registration(0.0, float("inf"))
    pairs = [(first, other, where.astype(np.float64))]
    for _ in range(LEVELS - 1):
        one, two, share = pairs[-1]
        pairs.append((halved(one), halved(two), halved(share)))
    motion, found = np.zeros(4), None
    for one, two, share in reversed(pairs):
        solved = _solve(box(one, 1), box(two, 1), share > 0.99, motion)
        if solved is None:
            break
        found, motion = solved, solved[0]
    if found is None:
        return Registration(0.0, float("inf"))
    motion, covariance, places = found
    basis = _basis(places)
    flow = np.einsum("nij,j->ni", basis, motion)
    spread = np.einsum("nij,jk,nik->n", basis, covariance, basis)
    return Registration(float(np.sqrt((flow**2).sum(-1).mean())), float(np.sqrt(spread.mean())))


def _basis(places: np.ndarray) -> np.ndarray:
    """[N, 2, 4]: shift, zoom and turn of places [N, 2] about the middle, in shares of the longer side."""
    x, y = places.T
    one, none = np.ones_like(x), np.zeros_like(x)
    return np.stack([np.stack([one, none, x, -y], -1), np.stack([none, one, y, x], -1)], 1)


def _solve(
    one: np.ndarray, two: np.ndarray, where: np.ndarray, motion: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Gauss-Newton on a level: motion [4], its covariance [4, 4] and the places [N, 2] that were compared.

    None where most of what is seen is noise.
    """
    height, width = one.shape
    side = max(height, width)
    rows, columns = np.nonzero(where)
    pixels = np.stack([columns + 0.5, rows + 0.5], -1)
    places = (pixels - [width / 2, height / 2]) / side
    basis = _basis(places)
    slopes = [np.stack(np.gradient(picture)[::-1], -1) for picture in (one, two)]
    stacked = np.concatenate([two[..., None], slopes[1]], -1).astype(np.float32)
    own = side * np.einsum("ni,nij->nj", slopes[0][rows, columns], basis)
    target = one[rows, columns]
    block = (rows // _BLOCK) * (width // _BLOCK + 1) + columns // _BLOCK
    prior = np.diag([*([_LIKELY**-2] * 4), 0.0, 0.0])
    covariance = np.full((4, 4), np.inf)
    for _ in range(_ROUNDS):
        seen = bilinear(stacked, (pixels + side * np.einsum("nij,j->ni", basis, motion)).astype(np.float32))
        lit = np.stack([-target, -np.ones_like(target)], -1)
        other = side * np.einsum("ni,nij->nj", seen[:, 1:], basis)
        first, second = (np.concatenate([one_of, lit], -1) for one_of in (own, other))
        jacobian = (first + second) / 2
        # Unknown: a step of the motion, and gain and offset of the exposure.
        size = np.abs(seen[:, 0] - target - np.median(seen[:, 0] - target))
        usual = 1.5 * np.median(size) + _NOISE
        weight = 1 / (1 + (size / (_OUTLIER * usual)) ** 2) ** 2
        normal = (jacobian * (weight / usual**2)[:, None]).T @ jacobian
        pull = np.concatenate([motion, [0, 0]])
        right = (jacobian * (weight / usual**2)[:, None]).T @ seen[:, 0] + prior @ pull
        inverse = np.linalg.inv(normal + prior + 1e-9 * np.eye(6))
        step = -inverse @ right
        left = seen[:, 0] + jacobian @ step
        scores = np.zeros((block.max() + 1, 6))
        np.add.at(scores, block, jacobian * (weight * left / usual**2)[:, None])
        frozen = (_FROZEN / usual) ** 2 * normal
        covariance = (inverse @ (scores.T @ scores + frozen + prior) @ inverse)[:4, :4]
        motion = motion + step[:4]
    # Noise differs between the pictures, so the product of their slopes holds only what both show.
    both = float((weight[:, None] * own * other).sum() / np.maximum((weight[:, None] * other**2).sum(), 1e-9))
    return None if both < _STRUCTURE else (motion, covariance, places)
