"""What the contextual models of bodies and of keypoints have in common: tokens sampled between given ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.errors import UserError
from ...motion.motion import Motion
from ...motion.representation import read_representation
from ..base import EditedSpan, FolderModel
from ..conditioning import Condition
from ..editing import StepWindow, encoded_pose
from ..model_folder import ModelFolder, check_gesturing, check_sizes, read_rest, read_settings
from ..options import GenerateOptions
from .graphs import REST_END, REST_START, OnnxNetworks, encoded_motion
from .sampling import ContextualSampling, sample_tokens

KEYS = ("space", "face", "places")  # of config.json, beside those of all methods
SIZES = ("codes", "layers", "downsample")  # whole numbers of its entry config
CONTEXT = 24  # tokens that are read on either side of a span, where the window has room for them
LEAST = 8  # tokens that are read in any case
POSE = 6  # tokens for which a pose is held while it is encoded


class TokenModel(FolderModel):
    """Masked motion tokens with emotion, intensity and speaker style."""

    networks: OnnxNetworks
    sampling: ContextualSampling

    def __init__(self, folder: ModelFolder) -> None:
        """Raises UserError if config.json lacks what this method needs."""
        check_gesturing(folder, KEYS, SIZES)
        super().__init__(folder)
        self.sampling = read_settings(folder, ContextualSampling())
        self.representation = read_representation(folder.config.get("space"), folder.folder / "config.json")
        self.networks = OnnxNetworks(folder)
        self.face_networks = _face(folder) if "face" in self.representation.names else None

    def rest_token(self, speaker: str | None) -> np.ndarray:
        """[K] the token of a speaker's rest pose."""
        return self.rest(speaker).astype(np.int64)[1]

    def learned_face(self, features: np.ndarray, condition: Condition, options: GenerateOptions) -> np.ndarray:
        """Encoded face [T, C]. Its random generator is its own, so the body is that of a model without a face.

        It is not warped in time as hands are (``sampling.rhythm``): lips keep to the sound.
        """
        assert self.face_networks is not None
        folder, networks = self.face_networks
        rest = read_rest(folder, self.speakers)[self.speaker(options.speaker)].astype(np.int64)[1]
        rng = np.random.default_rng([options.seed, 1])
        return encoded_motion(networks, features, condition, rng, self.sampling, (rest, rest))

    def resample(self, part: EditedSpan, options: Any, rng: np.random.Generator) -> np.ndarray:
        """Paper, "Video Gesture Editing": tokens of the span are opened and sampled between the kept ones."""
        networks, settings, rest = self.networks, self.sampling, self.rest_token(options.speaker)
        first, end = part.span
        step, length = networks.downsample, -(-end // networks.downsample) - first // networks.downsample
        context = int(np.clip((settings.window - length) // 2, LEAST, CONTEXT))
        window = StepWindow.around(part.span, len(part.encoded), step, context)
        read = window.frames(step)
        tokens = networks.encode(part.encoded[read])
        tokens[window.inside] = -1
        if first == 0:
            tokens[: min(REST_START, window.high)] = rest
        if part.at_end:
            tokens[max(window.inside.start, len(tokens) - REST_END) :] = rest
        condition = self.global_condition(options)
        sampled = sample_tokens(networks, part.features[read], condition, rng, settings, known=tokens)
        return networks.decode(sampled.latent)[window.of_span(part.span, step)]


def pose_token(networks: OnnxNetworks, pose: Motion) -> np.ndarray:
    """[K] the token of a pose, a canonical motion of one frame, that is held."""
    held = np.repeat(encoded_pose(pose), POSE * networks.downsample, axis=0)
    return networks.encode(held)[POSE // 2]


def _face(folder: ModelFolder) -> tuple[ModelFolder, OnnxNetworks]:
    """Folder and networks of a learned face."""
    described = folder.config.get("face")
    path = folder.folder / "config.json"
    if not isinstance(described, dict):
        raise UserError(f"{path} names a face and lacks its sizes (face); export the model again")
    check_sizes(described.get("config"), path, "face.config", SIZES)
    own = ModelFolder(folder.folder / "face", described)
    return own, OnnxNetworks(own)
