"""The contextual method with keypoints in a picture: speech in, arms, hands and face as pixels out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Unpack

import numpy as np

from ...core.errors import UserError
from ...core.timing import FPS
from ...motion.formats.keypoints import Keypoints
from ...motion.points import BODY_POINTS, PointCodec, ShoulderFrame, parents
from ...sampling.edit import Span as TimeSpan
from ...sampling.edit import span_frames, span_weights, time_spans
from ...speech.speech import Speech
from ..conditioning import check_length, generator
from ..model_folder import ModelFolder
from ..options import EditKeywords, GenerateKeywords, GenerateOptions
from .graphs import encoded_motion
from .options import KeypointOptions
from .token_model import TokenModel


class ContextualKeypoints(TokenModel):
    """A model that was trained on keypoints. People are where they were in the picture in training.

    There is no third dimension, so nobody sits, nothing is edited joint by joint and no pose can be given;
    strokes are not moved onto accents either, as the paper has it.
    """

    options: ClassVar[type[GenerateOptions]] = KeypointOptions

    def __init__(self, folder: ModelFolder) -> None:
        """Raises UserError if config.json lacks where its speakers are in the picture."""
        super().__init__(folder)
        places = folder.config.get("places", {})
        lacking = [name for name in self.speakers if np.shape(places.get(name)) != (3,)]
        if lacking:
            raise UserError(
                f"config.json of {self.name} lacks the place of {', '.join(lacking)} (places); export the model again"
            )
        self._places = {name: ShoulderFrame(*map(float, places[name])) for name in self.speakers}

    @property
    def described(self) -> str:
        """What this is, as the subject of a message."""
        return f"the model {self.name}, which generates keypoints in a picture and no body,"

    def generate(self, speech: Speech, **options: Unpack[GenerateKeywords]) -> Keypoints:
        """Keypoints for a speech, exactly as long as it; see ``GestureModel.generate``."""
        resolved = self.resolve(self.requested("generate", options), speech)
        return self._keypoints(self.inputs(speech, speech.frames), resolved)

    def from_features(
        self, features: np.ndarray, *, words: Sequence[Any] = (), **options: Unpack[GenerateKeywords]
    ) -> Keypoints:
        """Keypoints [T, 48 or 116, 2] for speech features [T, F], pixels, y down; see ``generate``."""
        return self._keypoints(features, self.resolve(self.requested("generate", options), None))

    def _keypoints(self, features: np.ndarray, options: GenerateOptions) -> Keypoints:
        condition, rest = self.global_condition(options), self.rest_token(options.speaker)
        codec = PointCodec("body")
        rng = generator(options.seed)
        encoded = encoded_motion(self.networks, features, condition, rng, self.sampling, (rest, rest))
        points, names = codec.decode(encoded), codec.names
        if options.face and self.face_networks is not None:
            codec = PointCodec("face")
            face = codec.decode(self.learned_face(features, condition, options))
            points, names = np.concatenate([points, face], axis=1), names + codec.names
        shoulder_frame = self._places[self.speaker(options.speaker)]
        camera = {"centre": [shoulder_frame.x, shoulder_frame.y], "shoulder_width": shoulder_frame.width}
        return Keypoints(names, parents(names), float(FPS), shoulder_frame.pixels(points), camera)

    def edit(  # type: ignore[override] # keypoints are edited as bodies are, and are no bodies
        self,
        motion: Keypoints,
        speech: Speech,
        *,
        span: TimeSpan | Sequence[TimeSpan] = (),
        joints: str | Sequence[str] = (),
        **options: Unpack[EditKeywords],
    ) -> Keypoints:
        """Keypoints with other gestures in the spans; frames outside keep their bits, and so does a face.

        Args:
            motion: the 48 or 116 keypoints in pixels, 30 frames a second, as long as the speech within 0.1 s.
            span: "START:END" or (START, END) in seconds; all of it if none.
            joints: none: a model of keypoints generates all 48 together.
            options: of the new gestures, as in ``generate``.
        Raises:
            UserError: other keypoints, another rate or length, single joints, or an option that cannot be used.
        """
        if joints:
            raise UserError(f"{self.described} edits all joints together; leave out the joints")
        missing = [name for name in BODY_POINTS if name not in motion.names]
        if missing or motion.points.shape[-1] != 2 or abs(motion.fps - FPS) > 1e-6:
            raise UserError(
                f"points to edit are the {len(BODY_POINTS)} of the body in pixels at {FPS} frames a second, "
                f"got {len(motion.names)} of {motion.points.shape[-1]} numbers at {motion.fps:g}"
            )
        check_length(motion, speech)
        frames = span_frames(time_spans(span, motion.seconds), len(motion), FPS)
        resolved = self.resolve(self.requested("edit", options), speech)
        chosen = [motion.names.index(name) for name in BODY_POINTS]
        codec, shoulder_frame = PointCodec("body"), ShoulderFrame.of(motion.points[:, chosen])
        encoded = codec.encode(shoulder_frame.normalised(motion.points[:, chosen]))
        features = self.inputs(speech, len(motion))
        encoded = self.resampled(encoded, features, frames, resolved, rhythm=False)  # a warp is of a body's joints
        share = span_weights(frames, len(motion), FPS)[:, None, None]
        points, new = motion.points.copy(), shoulder_frame.pixels(codec.decode(encoded))
        old = points[:, chosen]
        points[:, chosen] = np.where(share > 0, (1 - share) * old + share * new, old)
        return replace(motion, points=points, confidence=None)
