"""The rows that every table starts with: systems that know nothing, or little, of the speech.

What a number is worth is its distance from theirs. All are decisions of ours [D].
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ..core.errors import UserError
from ..core.rotation import axis_angle_to_matrix, matrix_from_6d, matrix_to_6d
from ..core.timing import FPS
from ..data.dataset import GestureDataset, Sample
from ..motion.codec import Codec
from ..motion.motion import Motion
from ..motion.procedural.posture import stand
from ..speech.features import accents
from .clips import EvaluationClip
from .systems import System

BLEND = 12  # frames over which stretches of motion are joined
MOST = 600  # recordings that are read at most
MOST_OF_MEAN = 300  # recordings that the mean pose is taken over


class BaselineMaterial:
    """What baselines need of a dataset's training split, read once."""

    def __init__(self, dataset: GestureDataset, *, seed: int = 0, most: int = MOST) -> None:
        """Raises UserError if the dataset has no recorded motion to train on."""
        self.dataset, self.seed, self.codec = dataset, seed, Codec()
        rng = np.random.default_rng(seed)
        recorded = dataset.select(split="train", kind=("motion", "pair"))
        if not recorded:
            raise UserError("the dataset has no recorded motion in its training split; baselines need some")
        self.recorded = [recorded[k] for k in rng.permutation(len(recorded))[:most]]
        pairs = dataset.select(split="train", kind="pair") or dataset.select(split="train", kind="synthetic_pair")
        self.pairs = [pairs[k] for k in rng.permutation(len(pairs))[:most]]  # motion with speech

    def systems(self) -> list[System]:
        """Mean pose, rules, random clips, and the nearest neighbour by sound where there are pairs."""
        systems: list[System] = [MeanPose(self), Rules(self), RandomClips(self)]
        return [*systems, NearestSound(self)] if self.pairs else systems

    def mean_pose(self) -> np.ndarray:
        """[C] the mean encoded pose."""
        mean: np.ndarray = np.mean(
            [self.dataset.motion(sample).mean(0) for sample in self.recorded[:MOST_OF_MEAN]], axis=0
        )
        return mean

    def body(self, encoded: np.ndarray) -> Motion:
        """Encoded motion [T, C] on a standing person, rotations made orthonormal."""
        return stand(self.codec.decode(self.codec.orthonormal(encoded)))


class MeanPose:
    """Nobody moves: the mean pose of the training split."""

    name = "mean pose"
    kind: Final = "baseline"
    copies: Final = False

    def __init__(self, material: BaselineMaterial) -> None:
        self.material, self.pose = material, material.mean_pose()

    def motion(self, clip: EvaluationClip) -> Motion:
        return self.material.body(np.repeat(self.pose[None], len(clip.features), 0))


class RandomClips:
    """Recorded motion of the training split, drawn blindly and joined until the speech is over."""

    name = "random real clips"
    kind: Final = "baseline"
    copies: Final = True

    def __init__(self, material: BaselineMaterial) -> None:
        self.material = material

    def motion(self, clip: EvaluationClip) -> Motion:
        dataset, recorded = self.material.dataset, self.material.recorded
        rng = np.random.default_rng([self.material.seed, clip.number])
        frames, stretches, length = len(clip.features), [], 0
        while length < frames + BLEND:
            stretch = dataset.motion(recorded[int(rng.integers(len(recorded)))])
            if len(stretch) > 3 * BLEND:
                stretches.append(stretch)
                length += len(stretch) - BLEND
        return self.material.body(join(stretches)[:frames])


class NearestSound:
    """For every two seconds the training motion whose speech sounds most alike."""

    name = "nearest by sound"
    kind: Final = "baseline"
    copies: Final = True
    span = 60  # frames

    def __init__(self, material: BaselineMaterial) -> None:
        self.material = material
        self.places: list[tuple[Sample, int]] = []
        keys = []
        for sample in material.pairs:
            features = material.dataset.features(sample)
            for start in range(0, sample.frames - self.span - BLEND, self.span // 2):
                self.places.append((sample, start))
                keys.append(self._key(features[start : start + self.span]))
        table = np.array(keys)
        self.mean, self.spread = table.mean(0), table.std(0) + 1e-6
        self.table = (table - self.mean) / self.spread

    @staticmethod
    def _key(features: np.ndarray) -> np.ndarray:
        """Means of both halves of a stretch and its spread."""
        halves = np.array_split(features, 2)
        return np.concatenate([half.mean(0) for half in halves] + [features.std(0)])

    def motion(self, clip: EvaluationClip) -> Motion:
        stretches = []
        for start in range(0, len(clip.features), self.span):
            sound = clip.features[start : start + self.span]
            if len(sound) < self.span // 2:  # too short to compare: the sound before it counts as well
                sound = clip.features[-(self.span // 2) :]
            key = (self._key(sound) - self.mean) / self.spread
            sample, at = self.places[int(((self.table - key) ** 2).sum(-1).argmin())]
            stretches.append(self.material.dataset.motion(sample, at, at + self.span + BLEND))
        return self.material.body(join(stretches)[: len(clip.features)])


class Rules:
    """Gestures by rule: from the mean pose, one arm beats at accents of the voice; the arms change at random."""

    name = "rules"
    kind: Final = "baseline"
    copies: Final = False
    pause = 1.4  # seconds between beats at least
    same_arm = 0.4  # probability that an arm beats again
    rise, width = 0.25, 0.15  # seconds: the arm is up so long before the accent, and its Gaussian's width
    elbow, elbow_more = 18, 22  # degrees: bend of the elbow, and as much more at the strongest accent
    shoulder = 0.3  # of the elbow's bend
    nod = 3  # degrees

    def __init__(self, material: BaselineMaterial) -> None:
        self.material, self.pose = material, material.mean_pose()

    def motion(self, clip: EvaluationClip) -> Motion:
        codec, frames = self.material.codec, len(clip.features)
        rng = np.random.default_rng([self.material.seed, clip.number])
        time = np.arange(frames) / FPS
        angle = np.zeros((frames, len(codec.body), 3))
        last, side = -1.0, int(rng.integers(2))
        for accent, strength in zip(*accents(clip.features), strict=True):
            if accent - last < self.pause:
                continue
            side = side if rng.random() < self.same_arm else 1 - side
            last = accent
            up = np.exp(-0.5 * ((time - accent + self.rise) / self.width) ** 2)
            name, sign = (("left", 1.0), ("right", -1.0))[side]
            bend = np.deg2rad(self.elbow + self.elbow_more * strength) * up
            angle[:, codec.body.index(f"{name}_elbow"), 1] -= sign * bend
            angle[:, codec.body.index(f"{name}_shoulder"), 2] += sign * self.shoulder * bend
            angle[:, codec.body.index("head"), 0] += np.deg2rad(self.nod) * up
        body = codec.slices["body"]
        pose = matrix_from_6d(np.repeat(self.pose[None, body], frames, 0).reshape(frames, -1, 6))
        encoded = np.repeat(self.pose[None], frames, 0)
        encoded[:, body] = matrix_to_6d(pose @ axis_angle_to_matrix(angle)).reshape(frames, -1)
        return self.material.body(encoded)


def join(stretches: list[np.ndarray]) -> np.ndarray:
    """Encoded stretches [T, C] one after another, each blended into the next over ``BLEND`` frames."""
    out = stretches[0].copy()
    ramp = (np.arange(1, BLEND + 1) / (BLEND + 1))[:, None]
    ease = ramp * ramp * (3 - 2 * ramp)
    for stretch in stretches[1:]:
        both = min(BLEND, len(stretch), len(out))
        weight = ease[:both]
        out[-both:] = out[-both:] * (1 - weight) + stretch[:both] * weight
        out = np.concatenate([out, stretch[both:]])
    return out
