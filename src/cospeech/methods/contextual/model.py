"""The contextual method in use: speech in, motion out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ...motion.expressions import ExpressionCodec
from ...motion.motion import Motion
from ...motion.representation import read_representation
from ..base import BodyModel, SampledMotion
from ..conditioning import Condition
from ..flow.model import has_flow
from ..model_folder import ModelFolder
from ..options import BodyOptions, GenerateOptions
from .graphs import encoded_motion
from .keypoint_model import ContextualKeypoints
from .options import ContextualOptions
from .part_model import PartModel
from .token_model import TokenModel, pose_token


def open_model(folder: ModelFolder) -> PartModel | ContextualModel | ContextualKeypoints:
    """The model of a folder: of body parts, of whole bodies, or of keypoints in a picture.

    Raises:
        UserError: config.json lacks what is needed.
    """
    if has_flow(folder):
        return PartModel(folder)
    kind = read_representation(folder.config.get("space"), folder.folder / "config.json")
    return ContextualKeypoints(folder) if kind.name == "points" else ContextualModel(folder)


class ContextualModel(TokenModel, BodyModel[BodyOptions, Condition]):
    """Masked motion tokens, of bodies.

    A model that learned a face beside the body (the representation ``smplx``) turns the jaw, and gives FLAME
    expressions in ``motion.extra``, which npz files hold.
    """

    options: ClassVar[type[GenerateOptions]] = ContextualOptions
    samples_by_words = False

    def sample(
        self,
        features: np.ndarray,
        condition: Condition,
        options: BodyOptions,
        rng: np.random.Generator,
        words: Sequence[Any],
    ) -> SampledMotion:
        """Tokens between those of the poses at both ends, or of rest."""
        rest = self.rest_token(options.speaker)
        first, last = (
            rest if pose is None else pose_token(self.networks, pose) for pose in (options.start_pose, options.end_pose)
        )
        return SampledMotion(encoded_motion(self.networks, features, condition, rng, self.sampling, (first, last)))

    def postprocess(self, motion: Motion, features: np.ndarray, condition: Condition, options: BodyOptions) -> Motion:
        """Adds the learned face, if the model has one."""
        if self.face_networks is None or not options.face:
            return motion
        return ExpressionCodec().decode(self.learned_face(features, condition, options), motion)
