"""What is evaluated: models, and folders of somebody's motion. A system gives motion for a test clip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final, Literal, Protocol

import numpy as np

from ..core.errors import UserError
from ..core.timing import FPS
from ..data.dataset import rounded
from ..data.readers.paired_files import Taken, as_stored
from ..methods.base import BodyModel, GestureModel
from ..methods.options import GenerateKeywords
from ..motion.codec import Codec
from ..motion.formats import FORMATS, known_suffixes
from ..motion.motion import Motion, load_motion
from ..motion.procedural.posture import stand
from ..motion.skeleton import canonical_skeleton
from ..speech.encoders.settings import read_encoders
from .clips import EvaluationClip, file_name

SHORTEST = FPS // 2  # frames that a file may lack at its end


class System(Protocol):
    """Gives motion for speech."""

    name: str

    @property
    def kind(self) -> Literal["baseline", "model", "folder"]:
        """What sort of row it is."""

    @property
    def copies(self) -> bool:
        """Whether it plays recordings of the training split back."""

    def motion(self, clip: EvaluationClip) -> Motion | None:
        """Motion as long as the clip; None if the system has none for it."""


class ModelSystem:
    """A loaded model. It gestures in the style of the clip's speaker if it knows them, else of each in turn.

    It is given what a user's run gives it: the speech's features and encoder columns, and its words where the
    dataset has them.
    """

    kind: Final = "model"
    copies: Final = False

    def __init__(self, model: GestureModel, *, name: str | None = None, seed: int = 0) -> None:
        self.model, self.name, self.seed = model, name or model.name, seed
        path = Path(self.name) / "config.json"
        self.encoders = read_encoders(model.config.get("encoders"), path)  # whose columns it reads

    def speaker(self, clip: EvaluationClip) -> str:
        """The speaker whose style is requested."""
        known = self.model.speakers
        return clip.speaker if clip.speaker in known else known[clip.number % len(known)]

    def motion(self, clip: EvaluationClip) -> Motion:
        """The upper body as the networks give it: the recorded one was not made to stand at ease either."""
        return self._motion(clip, {"relaxed": False} if isinstance(self.model, BodyModel) else {})

    def finished(self, clip: EvaluationClip) -> Motion:
        """The whole person whom users see, from the same output of the networks."""
        return self._motion(clip, {})

    def _motion(self, clip: EvaluationClip, options: GenerateKeywords) -> Motion:
        options["emotion"], options["speaker"] = clip.emotion, self.speaker(clip)
        options["seed"] = self.seed + clip.number
        motion = self.model.from_features(clip.inputs(self.encoders), words=clip.words, **options)
        if not isinstance(motion, Motion):
            raise UserError(f"{self.name} generates keypoints in a picture; only models of bodies are evaluated")
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
    copies: Final = False

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

    def motion(self, clip: EvaluationClip) -> Motion | None:
        path = self._path(clip)
        if path is None:
            return None
        taken = _taken(path, clip)
        motion = _without_face(taken.motion)
        frames = len(clip.features)
        if len(motion) < frames - SHORTEST:
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

    def _path(self, clip: EvaluationClip) -> Path | None:
        name = file_name(clip.id)
        names = [clip.id, name, f"res_{name}"]
        if Path(name).suffix.lower() in FORMATS:  # the id of a recording may end in its file's suffix
            names.append(Path(name).stem)
        return next((self.files[n] for n in names if n in self.files), None)


def _taken(path: Path, clip: EvaluationClip) -> Taken:
    own = True if path.suffix.lower() == ".npz" else None  # SMPL-X has fingers; others are looked at
    return as_stored(load_motion(path), identity=clip.id, emotion=clip.emotion, fingers=own)


def _without_face(motion: Motion) -> Motion:
    """The motion with jaw and eyes at rest, as a dataset keeps none of them."""
    rotations = motion.rotations.copy()
    rotations[:, canonical_skeleton().indices(["jaw", "left_eye", "right_eye"])] = np.eye(3)
    return replace(motion, rotations=rotations, face=None)
