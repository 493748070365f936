"""What is evaluated: models, folders of somebody's motion, and the rows that every table starts with.

A system gives motion for a test clip. The baselines know nothing, or little, of the speech; what a
number is worth is its distance from theirs. All baselines are decisions of ours [D] except where a
paper is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, Protocol

import numpy as np

from ..core.errors import UserError
from ..core.rotation import axis_angle_to_matrix, matrix_from_6d, matrix_to_6d
from ..core.timing import FPS
from ..data.dataset import GestureDataset, Sample, rounded
from ..data.readers.paired_files import as_stored
from ..methods.base import GestureModel
from ..motion.codec import Codec
from ..motion.formats import FORMATS, known_suffixes
from ..motion.motion import Motion, load_motion
from ..motion.procedural.posture import stand
from ..motion.skeleton import canonical_skeleton
from ..speech.encoders.settings import EncoderSettings, read_encoders
from ..speech.features import accents

BLEND = 12  # frames over which stretches of motion are joined


@dataclass(frozen=True)
class TestClip:
    """One speech of the test set, and what is wanted for it."""

    __test__ = False  # no test of pytest

    id: str
    speaker: str
    emotion: str | None
    features: np.ndarray  # [T, 48]; what baselines and figures read
    motion: Motion | None  # the recorded motion of this very speech, if there is one
    number: int  # place in the test set
    # Settings of encoders by kind -> features and their columns, [T, F]; None: there are features alone.
    inputs: Callable[[Mapping[str, EncoderSettings]], np.ndarray] | None = None

    def heard(self, encoders: Mapping[str, EncoderSettings]) -> np.ndarray:
        """What a model with these encoders reads, [T, F]: 48 features, then the encoders' columns.

        Raises:
            UserError: the clip has no such columns.
        """
        if not encoders:
            return self.features
        if self.inputs is None:
            raise UserError(
                f"clip {self.id!r} has speech features alone, wanted are columns of {', '.join(encoders)} as "
                "well; take clips of a dataset that was prepared with an encoder"
            )
        return self.inputs(encoders)


class System(Protocol):
    """Gives motion for speech."""

    name: str

    @property
    def kind(self) -> Literal["baseline", "model", "folder"]:
        """What sort of row it is."""

    def motion(self, clip: TestClip) -> Motion | None:
        """Motion as long as the clip; None if the system has none for it."""


class ModelSystem:
    """A loaded model. It gestures in the manner of the clip's speaker if it knows it, else in turn."""

    kind: Final = "model"

    def __init__(self, model: GestureModel, *, name: str | None = None, seed: int = 0) -> None:
        self.model, self.name, self.seed = model, name or model.name, seed
        path = Path(self.name) / "config.json"
        self.encoders = read_encoders(model.config.get("encoders"), path)  # whose columns it reads

    def speaker(self, clip: TestClip) -> str:
        """Whose manner is asked for."""
        known = self.model.speakers
        return clip.speaker if clip.speaker in known else known[clip.number % len(known)]

    def motion(self, clip: TestClip) -> Motion:
        motion = self.model.from_features(
            clip.heard(self.encoders), emotion=clip.emotion, speaker=self.speaker(clip), seed=self.seed + clip.number
        )
        if not isinstance(motion, Motion):
            raise UserError(f"{self.name} makes points in a picture; only models of bodies are evaluated")
        return motion


class FolderSystem:
    """A folder of motion files named after the clips, by any program: ID.bvh, ID.npz, res_ID.npz ...

    A file becomes a motion as a recording becomes part of a dataset
    (``data.readers.paired_files.as_stored``): the recorded files themselves have the figures of the recorded
    motion, whatever their rig, heading and posture are. SMPL-X files keep their fingers; of other files,
    fingers that are missing or never move are made by the rules of the dataset, from the clip's id and
    emotion. Jaw and eyes are not measured.

    Characters of an id that no file name should hold may be written as ``_``. Longer files are cut at
    the clip's end, shorter ones by up to half a second keep their last pose, and a file that is shorter
    still is an error that names both lengths.
    """

    kind: Final = "folder"

    def __init__(self, folder: str | Path, *, name: str | None = None) -> None:
        """Raises UserError if there is no such folder or no motion file in it."""
        self.folder = Path(folder)
        self.name = name or self.folder.name
        readable = known_suffixes("read")
        if not self.folder.is_dir():
            raise UserError(f"no such folder: {folder}; give a model or a folder of motion files")
        self.files = {p.stem: p for p in sorted(self.folder.iterdir()) if p.suffix.lower() in readable}
        if not self.files:
            raise UserError(f"{folder} holds no model (config.json) and no motion files ({', '.join(readable)})")

    def motion(self, clip: TestClip) -> Motion | None:
        name = file_name(clip.id)
        names = [clip.id, name, f"res_{name}"]
        if Path(name).suffix.lower() in FORMATS:  # the id of a recording may end in its file's suffix
            names.append(Path(name).stem)
        path = next((self.files[n] for n in names if n in self.files), None)
        if path is None:
            return None
        own = True if path.suffix.lower() == ".npz" else None  # SMPL-X has fingers; others are looked at
        taken = as_stored(load_motion(path), identity=clip.id, emotion=clip.emotion, fingers=own)
        motion = _without_face(taken.motion)
        frames = len(clip.features)
        if len(motion) < frames - FPS // 2:
            raise UserError(
                f"{path} has {len(motion) / FPS:.2f} s of motion, clip {clip.id!r} {frames / FPS:.2f} s; "
                "give motion as long as the speech"
            )
        if len(motion) < frames:  # a last window that was not filled: the last pose stays
            return motion.warp(np.minimum(np.arange(frames), len(motion) - 1) / FPS)
        if taken.posed:
            return motion if len(motion) == frames else stand(motion[:frames])
        # A dataset's rounding, too: beat constancy sees it where somebody stands still.
        codec = Codec()
        return stand(codec.decode(rounded(codec.encode(motion[:frames]))))


def _without_face(motion: Motion) -> Motion:
    """The motion with jaw and eyes at rest, as a dataset keeps none of them."""
    rotations = motion.rotations.copy()
    rotations[:, canonical_skeleton().indices(["jaw", "left_eye", "right_eye"])] = np.eye(3)
    return replace(motion, rotations=rotations, face=None)


def file_name(clip: str) -> str:
    """A clip's id as a file name."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in clip)


class Baselines:
    """The baselines of a dataset: what they need of the training split, read once."""

    def __init__(self, dataset: GestureDataset, *, seed: int = 0, most: int = 600) -> None:
        """Raises UserError if the dataset has no recorded motion to train on."""
        self.dataset, self.seed, self.codec = dataset, seed, Codec()
        rng = np.random.default_rng(seed)
        recorded = dataset.select(split="train", kind=("motion", "pair"))
        if not recorded:
            raise UserError("the dataset has no recorded motion in its training split; baselines need some")
        self.recorded = [recorded[k] for k in rng.permutation(len(recorded))[:most]]
        heard = dataset.select(split="train", kind="pair") or dataset.select(split="train", kind="synthetic_pair")
        self.heard = [heard[k] for k in rng.permutation(len(heard))[:most]]

    def all(self) -> list[System]:
        """Mean pose, rules, random clips, and the nearest neighbour by sound where there are pairs."""
        systems: list[System] = [MeanPose(self), Rules(self), RandomClips(self)]
        return [*systems, NearestSound(self)] if self.heard else systems

    def mean(self) -> np.ndarray:
        """[C] the mean coded pose."""
        return np.mean([self.dataset.motion(item).mean(0) for item in self.recorded[:300]], axis=0)

    def body(self, coded: np.ndarray) -> Motion:
        """Coded motion [T, C] on a standing person, rotations made orthonormal."""
        return stand(self.codec.decode(self.codec.orthonormal(coded)))


class MeanPose:
    """Nobody moves: the mean pose of the training split."""

    name = "mean pose"
    kind: Final = "baseline"

    def __init__(self, ground: Baselines) -> None:
        self.ground, self.pose = ground, ground.mean()

    def motion(self, clip: TestClip) -> Motion:
        return self.ground.body(np.repeat(self.pose[None], len(clip.features), 0))


class RandomClips:
    """Recorded motion of the training split, drawn blindly and joined until the speech is over."""

    name = "random real clips"
    kind: Final = "baseline"
    copies: Final = True  # plays recordings of the training split

    def __init__(self, ground: Baselines) -> None:
        self.ground = ground

    def motion(self, clip: TestClip) -> Motion:
        ground = self.ground
        rng = np.random.default_rng([ground.seed, clip.number])
        frames, parts, length = len(clip.features), [], 0
        while length < frames + BLEND:
            part = ground.dataset.motion(ground.recorded[int(rng.integers(len(ground.recorded)))])
            if len(part) > 3 * BLEND:
                parts.append(part)
                length += len(part) - BLEND
        return ground.body(join(parts)[:frames])


class NearestSound:
    """For every two seconds the training motion whose speech sounds most alike."""

    name = "nearest by sound"
    kind: Final = "baseline"
    copies: Final = True  # plays recordings of the training split
    span = 60  # frames

    def __init__(self, ground: Baselines) -> None:
        self.ground = ground
        self.places: list[tuple[Sample, int]] = []
        keys = []
        for item in ground.heard:
            features = ground.dataset.features(item)
            for start in range(0, item.frames - self.span - BLEND, self.span // 2):
                self.places.append((item, start))
                keys.append(self._key(features[start : start + self.span]))
        table = np.array(keys)
        self.mean, self.spread = table.mean(0), table.std(0) + 1e-6
        self.table = (table - self.mean) / self.spread

    @staticmethod
    def _key(features: np.ndarray) -> np.ndarray:
        halves = np.array_split(features, 2)
        return np.concatenate([part.mean(0) for part in halves] + [features.std(0)])

    def motion(self, clip: TestClip) -> Motion:
        parts = []
        for start in range(0, len(clip.features), self.span):
            heard = clip.features[start : start + self.span]
            if len(heard) < self.span // 2:  # too short to be like anything: listen back as well
                heard = clip.features[-(self.span // 2) :]
            key = (self._key(heard) - self.mean) / self.spread
            item, at = self.places[int(((self.table - key) ** 2).sum(-1).argmin())]
            parts.append(self.ground.dataset.motion(item, at, at + self.span + BLEND))
        return self.ground.body(join(parts)[: len(clip.features)])


class Rules:
    """A small gesturer by rule: from the mean pose, one arm after the other beats at accents."""

    name = "rules"
    kind: Final = "baseline"

    def __init__(self, ground: Baselines) -> None:
        self.ground, self.pose = ground, ground.mean()

    def motion(self, clip: TestClip) -> Motion:
        codec, frames = self.ground.codec, len(clip.features)
        rng = np.random.default_rng([self.ground.seed, clip.number])
        time = np.arange(frames) / FPS
        times, strengths = accents(clip.features)
        angle = np.zeros((frames, len(codec.body), 3))
        last, side = -1.0, int(rng.integers(2))
        for moment, strength in zip(times, strengths, strict=True):
            if moment - last < 1.4:
                continue
            side = side if rng.random() < 0.4 else 1 - side
            last = moment
            # Up in 0.4 s, down on the accent in 0.15 s.
            up = np.exp(-0.5 * ((time - moment + 0.25) / 0.15) ** 2)
            name, sign = (("left", 1.0), ("right", -1.0))[side]
            bend = np.deg2rad(18 + 22 * strength) * up
            angle[:, codec.body.index(f"{name}_elbow"), 1] -= sign * bend
            angle[:, codec.body.index(f"{name}_shoulder"), 2] += sign * 0.3 * bend
            angle[:, codec.body.index("head"), 0] += np.deg2rad(3) * up
        part = codec.slices["body"]
        pose = matrix_from_6d(np.repeat(self.pose[None, part], frames, 0).reshape(frames, -1, 6))
        coded = np.repeat(self.pose[None], frames, 0)
        coded[:, part] = matrix_to_6d(pose @ axis_angle_to_matrix(angle)).reshape(frames, -1)
        return self.ground.body(coded)


def join(parts: list[np.ndarray]) -> np.ndarray:
    """Coded stretches [T, C] one after another, each blended into the next over ``BLEND`` frames."""
    out = parts[0].copy()
    ramp = (np.arange(1, BLEND + 1) / (BLEND + 1))[:, None]
    ease = ramp * ramp * (3 - 2 * ramp)
    for part in parts[1:]:
        both = min(BLEND, len(part), len(out))
        weight = ease[:both]
        out[-both:] = out[-both:] * (1 - weight) + part[:both] * weight
        out = np.concatenate([out, part[both:]])
    return out
