"""A person who leans to the side: a method, a corpus reader, a motion format, a rig and a metric of another package."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cospeech import GestureClip, Motion, canonical_skeleton, load_motion, load_speech
from cospeech.core.errors import UserError
from cospeech.core.files import atomic_path
from cospeech.core.rotation import axis_rotation
from cospeech.core.timing import FPS
from cospeech.data.clips import Dropped
from cospeech.methods.base import GestureModel
from cospeech.methods.model_folder import ModelFolder
from cospeech.methods.options import BodyOptions, option
from cospeech.methods.registry import Method
from cospeech.metrics.base import Label, MeanMetric
from cospeech.motion.formats import Format
from cospeech.motion.representation import representation
from cospeech.motion.rigs import RigTable
from cospeech.motion.skeleton import CANONICAL_NAMES
from cospeech.speech.features import LAYOUT, speech_features


def leaning(degrees: np.ndarray, fps: float) -> Motion:
    """A person whose trunk leans by [T] degrees to the left."""
    skeleton = canonical_skeleton()
    rotations = np.tile(np.eye(3), (len(degrees), len(skeleton), 1, 1))
    rotations[:, skeleton.index("spine1")] = axis_rotation("Z", -np.radians(degrees))
    return Motion(skeleton, fps, rotations, np.tile(skeleton.offsets[0], (len(degrees), 1)))


def lean_of(motion: Motion) -> np.ndarray:
    """[T] degrees by which the neck stands to the left of the pelvis."""
    up = motion.positions[:, motion.skeleton.index("neck")] - motion.positions[:, 0]
    return np.degrees(np.arctan2(up[:, 0], up[:, 1]))


@dataclass(frozen=True, kw_only=True)
class LeanOptions(BodyOptions):
    """What the method takes."""

    lean: float = option(10.0, help="how far the loudest sound makes the person lean, degrees", minimum=0, maximum=45)


class LeanModel(GestureModel):
    """Leans by the loudness of the speech."""

    options = LeanOptions

    def __init__(self, folder: ModelFolder) -> None:
        self.config = folder.config
        self.name = folder.folder.name
        self.speakers = tuple(folder.config["styles"])
        self.representation = representation("body")

    def generate(self, speech, **options):
        return self.from_features(speech_features(speech.resampled().samples)[: speech.frames], **options)

    def from_features(self, features, *, words=(), **options):
        requested = self.requested("generate", options)
        loudness = np.maximum(LAYOUT.get(features, "energy"), 0)
        return leaning(requested.lean * loudness / max(loudness.max(), 1e-6), FPS)


METHOD = Method(
    name="lean", title="leans with the voice", open="cospeech_lean:LeanModel", options="cospeech_lean:LeanOptions"
)


def load_lean(path: Path, *, fps: float = FPS) -> Motion:
    """Read degrees, one a line."""
    try:
        return leaning(np.array([float(line) for line in path.read_text().split()]), fps)
    except ValueError as error:
        raise UserError(f"{path} must hold one number a line ({error})") from None


def save_lean(motion: Motion, path: Path, *, digits: int = 3) -> Path:
    """Write degrees, one a line."""
    with atomic_path(path) as temporary:
        temporary.write_text("".join(f"{degrees:.{digits}f}\n" for degrees in lean_of(motion)))
    return path


FORMAT = Format(".lean", "lean of the trunk, degrees", load_lean, save_lean)


def read(folder: str | Path, *, limit: int | None = None, quiet: bool = False) -> Iterator[GestureClip | Dropped]:
    """Recordings NAME.wav beside NAME.lean; the speaker is what stands before the first hyphen."""
    for sound in sorted(Path(folder).glob("*.wav"))[:limit]:
        motion = sound.with_suffix(".lean")
        if not motion.is_file():
            yield Dropped(sound.stem, f"there is no {motion.name}")
            continue
        speech = load_speech(sound)
        yield GestureClip(
            sound.stem, sound.stem.split("-")[0], "train", speech=speech, motion=load_motion(motion)[: speech.frames]
        )


RIG = RigTable(
    "leanrig",
    "the canonical joints with names of their own",
    {name: f"lean_{name}" for name in CANONICAL_NAMES if not name.startswith("spine")},
    ("lean_low", "lean_middle", "lean_high"),
    ("lean_pelvis", "lean_high"),
)


class Lean(MeanMetric):
    """Mean lean of the trunk, whichever side, degrees."""

    def __init__(self, real: object) -> None:
        super().__init__(Label("lean", "degrees", "frames", "mean lean of the trunk, either side", "real"))

    def update(self, motion: Motion, clip) -> None:
        lean = np.abs(lean_of(motion))
        self.add(lean.sum(), len(lean), clip=clip.id)
