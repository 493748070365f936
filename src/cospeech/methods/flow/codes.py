"""Words of body parts: what a part does in four frames, as one token, distilled from the alignment with speech.

A word is the nearest of ``SIZE`` by pose and by what a linear probe of the part hears in it: the gesture features of
the alignment (Contextual Gesture, section 3.2 and equation 2: tokens are distilled from the aligned encoder). The paper
distils one token of the whole body with a network; one for each part, clustered in closed form, is a decision of ours
(docs/experiments.md). Both arms have the same words, as mirror images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from .latents import PARTS, STACK, PartLatents, basis_of, with_neighbours

SIZE = 512  # words of a part
HEARD = 16  # principal components of the alignment's gesture features that are distilled
HEARD_SHARE = 0.5  # variance of what is heard beside that of the pose
_RIDGE = 10.0
_ROUNDS = 25  # of k-means
_PIECES = 64  # so that distances of a corpus fit into memory

Teacher = Callable[[np.ndarray], np.ndarray]  # encoded motion [T, C] -> gesture features [T / STACK, D]


@dataclass(frozen=True)
class PartCodes:
    """Words of the parts, kept in a model folder as arrays.

    ``*_words`` [S, R + HEARD]: pose in latents weighted by their size in pose space, then what is heard.
    ``*_probe`` [3 R + 1, HEARD]: from a latent with its neighbours to what is heard.
    """

    arrays: Mapping[str, np.ndarray]
    latents: PartLatents

    def encode(self, latents: np.ndarray) -> np.ndarray:
        """Latents [N, D] -> words [N, P] int64."""
        codes = []
        for part, columns in self.latents.slices.items():
            words = self.vectors(part)
            points = self._points(basis_of(part), latents[:, columns], self.arrays[f"{basis_of(part)}_probe"])
            codes.append(_nearest(points, words))
        return np.stack(codes, axis=-1)

    def encode_motion(self, motion: np.ndarray) -> np.ndarray:
        """Encoded motion [T, C] -> words [T // STACK, P] of its whole latents."""
        return self.encode(self.latents.encode(motion[: len(motion) // STACK * STACK]))

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Words [N, P] -> latents [N, D], the mean pose of each word; zeros where a word is below 0."""
        columns = []
        for index, (part, width) in enumerate(zip(PARTS, self.latents.widths, strict=True)):
            poses = self.vectors(part)[:, :width] / self._sizes(basis_of(part))
            own = poses[np.maximum(codes[:, index], 0)]
            columns.append(np.where(codes[:, index, None] >= 0, own, 0.0))
        return np.concatenate(columns, axis=-1).astype(np.float32)

    def shown(self, codes: np.ndarray) -> np.ndarray:
        """Words [N, P] as networks see them, [N, D + P]: their mean poses, and 1 where there is one."""
        return np.concatenate([self.decode(codes), codes >= 0], axis=-1).astype(np.float32)

    def vectors(self, part: str) -> np.ndarray:
        """[S, R + HEARD] the words of a part."""
        return self.arrays[f"{basis_of(part)}_words"]

    def _sizes(self, name: str) -> np.ndarray:
        size: np.ndarray = np.sqrt((self.latents.arrays[f"{name}_basis"] ** 2).sum(0))
        return size

    def _points(self, name: str, latents: np.ndarray, probe: np.ndarray) -> np.ndarray:
        return np.concatenate([latents * self._sizes(name), with_neighbours(latents) @ probe], axis=-1)

    @classmethod
    def fit(
        cls,
        motions: Iterable[np.ndarray],
        latents: PartLatents,
        teacher: Teacher | None,
        *,
        size: int = SIZE,
        seed: int = 0,
    ) -> PartCodes:
        """Words of encoded motions [T, C] and their mirror images.

        Args:
            motions: each at least ``STACK`` frames long.
            teacher: gesture features that are distilled; None: words by pose alone.
        """
        codec, rng = latents.codec, np.random.default_rng(seed)
        rows: dict[str, list[np.ndarray]] = {"arm": [], "trunk": []}
        features: list[np.ndarray] = []
        for motion in motions:
            for image in (motion, codec.mirror(motion)):
                z = latents.encode(image)
                known = np.zeros((len(z), 1), np.float32) if teacher is None else teacher(image)
                features.append(np.pad(known, ((0, len(z) - len(known)), (0, 0)), mode="edge"))
                rows["arm"].append(z[:, latents.slices["left_arm"]])
                rows["trunk"].append(z[:, latents.slices["trunk"]])
        heard = _principal(np.concatenate(features).astype(np.float64))
        arrays: dict[str, np.ndarray] = {}
        bases = cls(arrays, latents)
        for name, parts in rows.items():
            x = np.concatenate([with_neighbours(part) for part in parts]).astype(np.float64)
            probe = np.linalg.solve(x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ heard)
            pose = np.concatenate(parts) * bases._sizes(name)
            told = max(float((x @ probe).var(0).sum()), 1e-12)
            probe = (probe * np.sqrt(HEARD_SHARE * pose.var(0).sum() / told)).astype(np.float32)
            points = np.concatenate([bases._points(name, part, probe) for part in parts]).astype(np.float32)
            arrays[f"{name}_probe"] = probe
            arrays[f"{name}_words"] = _clustered(points, size, rng)
        return bases


def _principal(features: np.ndarray) -> np.ndarray:
    """The first principal components [N, at most HEARD] of features [N, D]."""
    centred = features - features.mean(0)
    _, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    projected: np.ndarray = centred @ vectors[:, ::-1][:, :HEARD]
    return projected


def _nearest(points: np.ndarray, words: np.ndarray) -> np.ndarray:
    """[N] int64 the nearest of words [S, D] to each of points [N, D]."""
    nearest: np.ndarray = ((words**2).sum(1) - 2 * points @ words.T).argmin(1)
    return nearest


def _clustered(points: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Means [size, D] of clusters of points [N, D] (k-means), from points at random; empty ones begin anew."""
    means = points[rng.choice(len(points), size, replace=len(points) < size)].copy()
    for _ in range(_ROUNDS):
        nearest = np.concatenate([_nearest(piece, means) for piece in np.array_split(points, _PIECES) if len(piece)])
        count = np.bincount(nearest, minlength=size)
        total = np.zeros_like(means)
        np.add.at(total, nearest, points)
        means = total / np.maximum(count, 1)[:, None]
        empty = np.flatnonzero(count == 0)
        means[empty] = points[rng.choice(len(points), len(empty))]
    return means.astype(np.float32)
