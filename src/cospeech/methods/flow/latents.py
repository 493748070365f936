"""Motion <-> continuous latents of body parts, linear, four frames at a time.

Quantising a whole body with one code removes what makes motion look alive: holds shrink, one hand moves with the other
(docs/experiments.md). Here each part (left arm, right arm, trunk with head) has principal components of its own over
stacks of ``STACK`` frames, without a quantiser; the arms share one basis, as mirror images. Fingers belong to their arm
where the corpus has any; else they are left out (``motion.procedural.hand_shapes`` moves them). The representation is a
decision of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...motion.codec import Codec

STACK = 4  # frames of a latent
PARTS = ("left_arm", "right_arm", "trunk")
ARM = ("collar", "shoulder", "elbow", "wrist")
TRUNK = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")
RANK = 24  # latent numbers of a part
FINGERS_RANK = 12  # and so many more of an arm with fingers
SMOOTHING = 0.6  # frames: deviation of the Gaussian that decoded motion is smoothed with
STILL_FINGERS = 1e-4  # variance of a 6D channel below which a corpus has no fingers
_BASES = ("arm", "trunk")
_MIRROR = np.array([1, -1, -1, -1, 1, 1], dtype=np.float32)  # of a rotation's 6D form, left to right
_REST = np.array([1, 0, 0, 0, 1, 0], dtype=np.float32)
_RIDGE = 1e-3
_REACH = 2  # frames of the smoothing, either way


def basis_of(part: str) -> str:
    """The basis that a part is encoded in: arm or trunk."""
    return "trunk" if part == "trunk" else "arm"


def part_channels(codec: Codec, *, fingers: bool = False) -> dict[str, np.ndarray]:
    """Columns of encoded motion that are of each part."""
    names = (*codec.body, *codec.hands)
    columns = {name: np.arange(6 * index, 6 * index + 6) for index, name in enumerate(names)}
    channels = {}
    for side in ("left", "right"):
        joints = [f"{side}_{joint}" for joint in ARM]
        if fingers:
            joints += [name for name in codec.hands if name.startswith(side)]
        channels[f"{side}_arm"] = np.concatenate([columns[joint] for joint in joints])
    return {**channels, "trunk": np.concatenate([columns[joint] for joint in TRUNK])}


@dataclass(frozen=True)
class PartLatents:
    """The bases of the parts; fitted by ``fit``, kept in a model folder as arrays.

    ``*_mean`` [STACK x channels] and ``*_basis`` [STACK x channels, R] encode; latents have unit variance.
    ``*_decoder`` [3 R + 1, STACK x channels] decodes a latent with its neighbours on either side (and 1), by least
    squares, so that stacks join.
    """

    arrays: Mapping[str, np.ndarray]
    codec: Codec

    @cached_property
    def channels(self) -> dict[str, np.ndarray]:
        """Columns of encoded motion that are of each part."""
        return part_channels(self.codec, fingers=len(self.arrays["arm_mean"]) > 6 * STACK * len(ARM))

    @property
    def size(self) -> int:
        """Numbers of one latent of all parts."""
        return sum(self.widths)

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns of each part in a latent, in the order of ``PARTS``."""
        return tuple(int(self.arrays[f"{basis_of(part)}_basis"].shape[1]) for part in PARTS)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Part -> columns of a latent."""
        stops = np.cumsum(self.widths).tolist()
        return {part: slice(stop - width, stop) for part, stop, width in zip(PARTS, stops, self.widths, strict=True)}

    def encode(self, motion: np.ndarray) -> np.ndarray:
        """Encoded motion [T, C] -> [ceil(T / STACK), size] float32; the last frame is repeated."""
        stacks = _stacked(motion, self.channels)
        columns = []
        for part in PARTS:
            name = basis_of(part)
            columns.append((stacks[part] - self.arrays[f"{name}_mean"]) @ self._inverse[name])
        return np.concatenate(columns, axis=-1).astype(np.float32)

    def decode(self, latents: np.ndarray, *, smooth: bool = True) -> np.ndarray:
        """Latents [N, size] -> encoded motion [N x STACK, C]; what is in no part is at rest."""
        frames = len(latents) * STACK
        motion = np.tile(rest_channels(self.codec), (frames, 1))
        for part, columns in self.channels.items():
            values = with_neighbours(latents[:, self.slices[part]]) @ self.arrays[f"{basis_of(part)}_decoder"]
            values = values.reshape(frames, -1)
            motion[:, columns] = values * np.tile(_MIRROR, len(columns) // 6) if part == "right_arm" else values
        return self.codec.orthonormal(smoothed(motion) if smooth else motion)

    def mirrored(self, latents: np.ndarray) -> np.ndarray:
        """Latents [N, size] of the mirror image: the arms change places, the trunk is turned over."""
        left, right, trunk = (latents[:, self.slices[part]] for part in PARTS)
        basis = self.arrays["trunk_basis"]
        signs = np.tile(_MIRROR, len(basis) // 6)[:, None]
        turned = trunk @ ((basis * signs).T @ self._inverse["trunk"])
        return np.concatenate([right, left, turned], axis=-1).astype(np.float32)

    def still(self, pose: np.ndarray) -> np.ndarray:
        """[size] of an encoded pose [C] that is held."""
        row: np.ndarray = self.encode(np.repeat(pose[None], STACK, axis=0))[0]
        return row

    def held(self, latent: np.ndarray, part: str) -> np.ndarray:
        """Columns of a part that stays as it is in the last frame of a latent [size]."""
        name = basis_of(part)
        stack = latent[self.slices[part]] @ self.arrays[f"{name}_basis"].T + self.arrays[f"{name}_mean"]
        still = np.tile(stack.reshape(STACK, -1)[-1], STACK)
        row: np.ndarray = ((still - self.arrays[f"{name}_mean"]) @ self._inverse[name]).astype(np.float32)
        return row

    @property
    def scale(self) -> np.ndarray:
        """[size] size in pose space of one unit of each latent number."""
        return np.concatenate([np.sqrt((self.arrays[f"{basis_of(part)}_basis"] ** 2).sum(0)) for part in PARTS])

    @cached_property
    def _inverse(self) -> dict[str, np.ndarray]:
        return {name: basis / (basis**2).sum(0) for name in _BASES for basis in [self.arrays[f"{name}_basis"]]}

    @classmethod
    def fit(
        cls, motions: Iterable[np.ndarray], codec: Codec, *, rank: int = RANK, fingers_rank: int = FINGERS_RANK
    ) -> PartLatents:
        """Principal components of encoded motions [T, C] and their mirror images.

        Args:
            motions: iterated over several times; a sequence, or something that can be iterated over anew.
            rank: numbers of a part; never more than its channels.
            fingers_rank: and so many more of an arm with fingers.
        """
        hands = codec.slices["hands"]
        variance = np.concatenate([motion[:, hands] for motion in motions]).var(0)
        fingers = bool(len(variance) and variance.max() > STILL_FINGERS)
        channels = part_channels(codec, fingers=fingers)
        arrays: dict[str, np.ndarray] = {}
        for name in _BASES:
            rows = np.concatenate([part for motion in motions for part in _images(motion, codec, name, channels)])
            mean = rows.mean(0)
            values, vectors = np.linalg.eigh(np.cov((rows - mean).T))
            order = np.argsort(-values)[: rank + (fingers_rank if fingers and name == "arm" else 0)]
            arrays[f"{name}_mean"] = mean.astype(np.float32)
            arrays[f"{name}_basis"] = (vectors[:, order] * np.sqrt(np.maximum(values[order], 1e-12))).astype(np.float32)
        bases = cls(arrays, codec)
        for name in _BASES:
            size = 3 * arrays[f"{name}_basis"].shape[1] + 1
            inner, outer = _RIDGE * np.eye(size), np.zeros((size, len(arrays[f"{name}_mean"])))
            for motion in motions:
                whole = motion[: len(motion) // STACK * STACK]
                for part in _images(whole, codec, name, channels) if len(whole) else ():
                    latents = (part - arrays[f"{name}_mean"]) @ bases._inverse[name]
                    x = with_neighbours(latents).astype(np.float64)
                    inner += x.T @ x
                    outer += x.T @ part
            arrays[f"{name}_decoder"] = np.linalg.solve(inner, outer).astype(np.float32)
        return cls(arrays, codec)


def latent_rows(track: np.ndarray) -> np.ndarray:
    """[T] of frames -> [ceil(T / STACK), STACK] of latents; the last frame is repeated."""
    return np.pad(track, (0, -len(track) % STACK), mode="edge").reshape(-1, STACK)


def with_neighbours(latents: np.ndarray) -> np.ndarray:
    """[N, D] -> [N, 3 D + 1]: each with the one before it and the one after it, and 1."""
    padded = np.pad(latents, ((1, 1), (0, 0)), mode="edge")
    return np.concatenate([padded[:-2], padded[1:-1], padded[2:], np.ones((len(latents), 1), latents.dtype)], axis=1)


def smoothed(motion: np.ndarray) -> np.ndarray:
    """[T, C] after a Gaussian low-pass (``SMOOTHING``), ends held."""
    kernel = np.exp(-0.5 * (np.arange(-_REACH, _REACH + 1) / SMOOTHING) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    padded = np.pad(motion, ((_REACH, _REACH), (0, 0)), mode="edge")
    result = np.zeros_like(motion)
    for k, weight in enumerate(kernel):
        result += weight * padded[k : k + len(motion)]
    return result


def rest_channels(codec: Codec) -> np.ndarray:
    """[C] encoded rest pose."""
    rest = np.zeros(codec.channels, dtype=np.float32)
    for group in ("body", "hands"):
        part = codec.slices[group]
        rest[part] = np.tile(_REST, (part.stop - part.start) // 6)
    return rest


def _images(motion: np.ndarray, codec: Codec, name: str, channels: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Stacks of one basis, of a motion and its mirror image."""
    part = "trunk" if name == "trunk" else "left_arm"
    return [_stacked(image, channels)[part] for image in (motion, codec.mirror(motion))]


def _stacked(motion: np.ndarray, channels: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """[T, C] -> part -> [N, STACK x channels], the right arm as if it were a left one."""
    motion = np.pad(motion, ((0, -len(motion) % STACK), (0, 0)), mode="edge")
    result = {}
    for part, columns in channels.items():
        values = motion[:, columns]
        if part == "right_arm":
            values = values * np.tile(_MIRROR, len(columns) // 6)
        result[part] = values.reshape(len(motion) // STACK, -1)
    return result
