"""The contextual method with points in a picture: speech in, arms, hands and face as pixels out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ...core.errors import UserError
from ...core.timing import FPS
from ...motion.formats.keypoints import Keypoints
from ...motion.points import BODY_POINTS, Place, PointCodec, parents
from ...sampling.edit import span_frames, span_weights, time_spans
from ...speech.speech import Speech
from ..conditioning import check_length, generator, wished
from ..editing import resample_spans
from .graphs import REST_END, REST_START, coded_motion
from .sampling import ContextualSampling

if TYPE_CHECKING:
    from .model import ContextualModel


class ContextualPoints:
    """A model that was trained on points. Where its people are in the picture is as in the training films.

    There is no third dimension, so nobody sits, nothing is edited joint by joint and no pose can be given;
    strokes are not moved onto accents either, as the paper has it.
    """

    def __init__(self, model: ContextualModel) -> None:
        """Raises UserError if config.json lacks where its speakers are in the picture."""
        self._model = model
        self.name, self.config, self.speakers = model.name, model.config, model.speakers
        self.representation = model.representation
        places = model.config.get("places", {})
        lacking = [name for name in self.speakers if np.shape(places.get(name)) != (3,)]
        if lacking:
            raise UserError(
                f"config.json of {self.name} lacks the place of {', '.join(lacking)} (places); export the model again"
            )
        self._places = {name: Place(*map(float, places[name])) for name in self.speakers}

    def generate(
        self,
        speech: Speech,
        *,
        emotion: str | Mapping[str, float] | None = None,
        intensity: float = 1.0,
        speaker: str | None = None,
        seed: int = 0,
        face: bool = True,
        sampling: ContextualSampling | None = None,
        **wishes: Any,
    ) -> Keypoints:
        """Points for a speech, exactly as long as it; the same input and seed give the same points.

        Args:
            emotion, intensity, speaker, seed: as of a model of bodies.
            face: with the points of the face, if the model has any.
            wishes: what a model of bodies takes beside; only what asks for nothing is taken.
        Raises:
            UserError: something that the model does not know, or a wish that needs a body.
        """
        for wish, value in wishes.items():
            if value is not None and value is not False:
                _no_body(f"the wish {wish.replace('_', ' ')}")
        emotion = emotion if emotion is not None else speech.emotion
        if speaker is None and speech.speaker in self.speakers:
            speaker = speech.speaker
        return self.from_features(
            self._model.inputs(speech, speech.frames),
            emotion=emotion,
            intensity=intensity,
            speaker=speaker,
            seed=seed,
            face=face,
            sampling=sampling,
        )

    def from_features(
        self,
        features: np.ndarray,
        *,
        emotion: str | Mapping[str, float] | None = None,
        intensity: float = 1.0,
        speaker: str | None = None,
        seed: int = 0,
        face: bool = True,
        sampling: ContextualSampling | None = None,
        words: Sequence[Any] = (),
    ) -> Keypoints:
        """Points [T, 48 or 116, 2] for speech features [T, F], pixels, y down; see ``generate``."""
        model, settings = self._model, sampling or self._model.sampling
        condition, rest = model.condition(emotion, intensity, speaker)
        codec = PointCodec("body")
        coded = coded_motion(model.networks, features, condition, generator(seed), settings, (rest, rest))
        points, names = codec.decode(coded), codec.names
        if face and model.face is not None:
            codec = PointCodec("face")
            coded = model.learned_face(features, condition, speaker, seed, settings)
            points, names = np.concatenate([points, codec.decode(coded)], axis=1), names + codec.names
        place = self._places[model.speaker(speaker)]
        camera = {"centre": [place.x, place.y], "shoulder_width": place.width}
        return Keypoints(names, parents(names), float(FPS), place.pixels(points), camera)

    def edit(
        self,
        motion: Keypoints,
        speech: Speech,
        *,
        span: Sequence[str | tuple[float, float]] = (),
        joints: Sequence[str] = (),
        emotion: str | Mapping[str, float] | None = None,
        intensity: float = 1.0,
        speaker: str | None = None,
        seed: int = 0,
        sampling: ContextualSampling | None = None,
    ) -> Keypoints:
        """Points with other gestures in the spans; frames outside keep their bits, and so does a face.

        Their tokens are opened in the spans and sampled again between the others (paper, "Video Gesture
        Editing"); ``sampling.edit`` joins both.

        Args:
            motion: the 48 or 116 points in pixels, 30 frames a second, as long as the speech within 0.1 s.
            span: "START:END" or (START, END) in seconds; all of it if none.
            joints: none: a model of points makes all 48 together.
            emotion, intensity, speaker, seed: of the new gestures, as in ``generate``.
        Raises:
            UserError: other points, another rate or length, single joints, or a wish that cannot be.
        """
        if joints:
            _no_body("editing joint by joint")
        missing = [name for name in BODY_POINTS if name not in motion.names]
        if missing or motion.points.shape[-1] != 2 or abs(motion.fps - FPS) > 1e-6:
            raise UserError(
                f"points to edit are the {len(BODY_POINTS)} of the body in pixels at {FPS} frames a second, "
                f"got {len(motion.names)} of {motion.points.shape[-1]} numbers at {motion.fps:g}"
            )
        check_length(motion, speech)
        frames = span_frames(time_spans(span, motion.seconds), len(motion), FPS)
        emotion, speaker = wished(speech, emotion, speaker, self.speakers)
        model = self._model
        condition, rest = model.condition(emotion, intensity, speaker)
        chosen = [motion.names.index(name) for name in BODY_POINTS]
        settings = replace(sampling or model.sampling, rhythm=False)  # a warp of a body's joints
        codec, place = PointCodec("body"), Place.of(motion.points[:, chosen])
        coded = resample_spans(
            model.networks,
            codec.encode(place.normalised(motion.points[:, chosen])),
            model.inputs(speech, len(motion)),
            frames,
            condition,
            generator(seed),
            settings,
            rest,
            ends=(REST_START, REST_END),
        )
        share = span_weights(frames, len(motion), FPS)[:, None, None]
        points, new = motion.points.copy(), place.pixels(codec.decode(coded))
        old = points[:, chosen]
        points[:, chosen] = np.where(share > 0, (1 - share) * old + share * new, old)
        return replace(motion, points=points, confidence=None)


def _no_body(what: str) -> NoReturn:
    raise UserError(f"this model makes points in a picture, and {what} needs a body; leave it out, or use another")
