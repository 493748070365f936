"""The contextual method in use: speech in, motion out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import UserError
from ...core.timing import FPS
from ...motion.codec import Codec
from ...motion.expressions import ExpressionCodec
from ...motion.motion import Motion
from ...motion.procedural.face import face_from_speech
from ...motion.procedural.idle import add_idle
from ...motion.procedural.posture import stand
from ...motion.representation import read_representation
from ...sampling.edit import blend, joint_indices, span_frames, span_weights, time_spans
from ...sampling.masked import MaskedSampling
from ...speech.encoders.inputs import SpeechInputs
from ...speech.speech import Speech
from ..conditioning import check_intensity, check_length, emotion_weights, generator, strongest, style_weights, wished
from ..editing import facing_front, in_place, onto, pose_tokens, resample_spans, without_origin
from ..model_folder import ModelFolder, check_gesturing, check_sizes
from ..postprocessing import embodied, on_the_beat
from .graphs import REST_END, REST_START, OnnxNetworks, coded_motion, rest_tokens
from .sampling import Condition, ContextualSampling

if TYPE_CHECKING:
    from .keypoint_model import ContextualPoints


# What config.json of a model folder may hold.
KEYS = {
    "format",
    "method",
    "name",
    "package_version",
    "config",
    "styles",
    "default_speaker",
    "codec",
    "fps",
    "trained_on",
    "made_pairs",
    "credits",
    "sampling",
    "calibration",
    "results",
    "encoders",
    "space",
    "face",
    "places",
}
SIZES = ("codes", "layers", "downsample")  # whole numbers of its entry config


def open_model(folder: ModelFolder) -> ContextualModel | ContextualPoints:
    """The model of a folder: of bodies, or of points in a picture (``points.py``).

    Raises:
        UserError: config.json lacks what is needed.
    """
    model = ContextualModel(folder)
    if model.representation.name != "points":
        return model
    from .keypoint_model import ContextualPoints

    return ContextualPoints(model)


class ContextualModel:
    """Masked motion tokens with emotion, intensity and speaker style.

    A model that learned a face beside the body (the space ``smplx``) turns the jaw, and gives FLAME
    expressions in ``motion.extra``, which npz files hold.
    """

    def __init__(self, folder: ModelFolder) -> None:
        """Raises UserError if config.json lacks what this method needs."""
        self.sampling = _checked(folder)
        self.config = folder.config
        self.name: str = folder.config.get("name", folder.folder.name)
        self.speakers: tuple[str, ...] = tuple(folder.config["styles"])  # whose manner the model has learned
        self.representation = read_representation(folder.config.get("space"), folder.folder / "config.json")
        self.networks = OnnxNetworks(folder)
        self.face = _face(folder) if "face" in self.representation.names else None
        self.inputs = SpeechInputs.of_model(folder.config, folder.folder)
        self._folder = folder
        # What has to be asked of a style so that it comes out as lively as its speaker: log intensity.
        self._levels: dict[str, float] = folder.config.get("calibration", {}).get("intensity", {})

    @cached_property
    def _rest_tokens(self) -> dict[str, np.ndarray]:
        return rest_tokens(self._folder, self.speakers)

    def generate(
        self,
        speech: Speech,
        *,
        emotion: str | Mapping[str, float] | None = None,
        intensity: float = 1.0,
        speaker: str | None = None,
        seated: bool = False,
        seed: int = 0,
        face: bool = True,
        start_pose: Motion | None = None,
        end_pose: Motion | None = None,
        sampling: ContextualSampling | None = None,
    ) -> Motion:
        """Gestures for a speech, exactly as long as it; the same input and seed give the same motion.

        Args:
            emotion: a name, or weights by name; the speech's own or neutral if None.
            intensity: how lively, 1.0 is the speaker's own mean in this emotion; 0.25 to 2.5.
            speaker: whose manner (see ``speakers``); the model's default if None.
            seated: sit instead of stand.
            face: lips, blinks and expression too: ARKit weights by rules, and what the model learned.
            start_pose: canonical motion whose first frame is the pose to begin in; rest if None.
            end_pose: canonical motion whose last frame is the pose to end in; rest if None.
        Raises:
            UserError: an emotion, speaker, intensity or seed that the model does not know, or a pose on
                another skeleton.
        """
        emotion, speaker = wished(speech, emotion, speaker, self.speakers)
        motion = self.from_features(
            self.inputs(speech, speech.frames),
            emotion=emotion,
            intensity=intensity,
            speaker=speaker,
            seated=seated,
            seed=seed,
            face=face,
            start_pose=start_pose,
            end_pose=end_pose,
            sampling=sampling,
        )
        if not face:
            return motion
        felt = strongest(emotion_weights(emotion))
        return motion.with_face(face_from_speech(speech, seed=seed, emotion=felt, intensity=min(1.5, intensity)))

    def from_features(
        self,
        features: np.ndarray,
        *,
        emotion: str | Mapping[str, float] | None = None,
        intensity: float = 1.0,
        speaker: str | None = None,
        seated: bool = False,
        seed: int = 0,
        face: bool = True,
        start_pose: Motion | None = None,
        end_pose: Motion | None = None,
        sampling: ContextualSampling | None = None,
        words: Sequence[Any] = (),
    ) -> Motion:
        """Gestures for speech features [T, F], T frames long, without a face made by rules; see ``generate``.

        For speech whose sound is not at hand, such as that of a dataset.

        Args:
            face: with the face that the model learned, if it did.
        """
        motion = self._gestures(
            features,
            emotion,
            intensity,
            speaker,
            seated=seated,
            seed=seed,
            poses=(start_pose, end_pose),
            settings=sampling or self.sampling,
        )
        if self.face is None or not face:
            return motion
        condition, _ = self.condition(emotion, intensity, speaker)
        coded = self.learned_face(features, condition, speaker, seed, sampling or self.sampling)
        return ExpressionCodec().decode(coded, motion)

    def learned_face(
        self, features: np.ndarray, condition: Condition, speaker: str | None, seed: int, settings: ContextualSampling
    ) -> np.ndarray:
        """Coded face [T, C]. Its dice are its own, so the body is that of the same model without a face.

        It is not warped in time as hands are (``sampling.rhythm``): lips keep to the sound.
        """
        assert self.face is not None
        folder, networks = self.face
        rest = rest_tokens(folder, self.speakers)[self.speaker(speaker)].astype(np.int64)[1]
        return coded_motion(networks, features, condition, np.random.default_rng([seed, 1]), settings, (rest, rest))

    def _gestures(
        self,
        features: np.ndarray,
        emotion: str | Mapping[str, float] | None,
        intensity: float,
        speaker: str | None,
        *,
        seated: bool,
        seed: int,
        poses: tuple[Motion | None, Motion | None],
        settings: ContextualSampling,
    ) -> Motion:
        """The body of ``from_features``."""
        start_pose, end_pose = poses
        condition, rest = self.condition(emotion, intensity, speaker)
        start = None if start_pose is None else facing_front(start_pose[:1])
        end = None if end_pose is None else facing_front(end_pose[-1:])
        first = rest if start is None else pose_tokens(self.networks, start)
        last = rest if end is None else pose_tokens(self.networks, end)
        coded = coded_motion(self.networks, features, condition, generator(seed), settings, (first, last))
        if settings.rhythm:
            coded = on_the_beat(coded, features)
        return embodied(coded, features, seed=seed, seated=seated, start=start, end=end)

    def edit(
        self,
        motion: Motion,
        speech: Speech,
        *,
        span: Sequence[str | tuple[float, float]] = (),
        joints: Sequence[str] = (),
        emotion: str | Mapping[str, float] | None = None,
        intensity: float = 1.0,
        speaker: str | None = None,
        seed: int = 0,
        sampling: ContextualSampling | None = None,
    ) -> Motion:
        """The motion with other gestures in the spans and joints that are named; all else keeps its bits.

        Args:
            motion: canonical, at any frame rate, as long as the speech within 0.1 s.
            span: "START:END" or (START, END) in seconds; the whole motion if none.
            joints: groups and joints by name (``sampling.edit.GROUPS``, ``JOINTS``); all of them if none.
                Pelvis, legs, place and face are always kept.
            emotion, intensity, speaker, seed: of the new gestures, as in ``generate``.
        Raises:
            UserError: a span, joint or wish that cannot be, another skeleton, or lengths that differ.
        """
        spans, indices = time_spans(span, motion.seconds), joint_indices(joints)
        check_length(motion, speech)
        emotion, speaker = wished(speech, emotion, speaker, self.speakers)
        condition, rest = self.condition(emotion, intensity, speaker)
        coded = Codec().encode(in_place(motion))
        features = self.inputs(speech, len(coded))
        coded = resample_spans(
            self.networks,
            coded,
            features,
            span_frames(spans, len(coded), FPS),
            condition,
            generator(seed),
            sampling or self.sampling,
            rest,
            ends=(REST_START, REST_END),
        )
        new = onto(stand(add_idle(Codec().decode(coded), features, seed=seed)), motion)
        weights = span_weights(span_frames(spans, len(motion), motion.fps), len(motion), motion.fps)
        mixed = blend(motion.rotations, new, weights, indices)
        return replace(motion, rotations=mixed, extra=without_origin(motion.extra))

    def condition(
        self, emotion: str | Mapping[str, float] | None, intensity: float, speaker: str | None
    ) -> tuple[Condition, np.ndarray]:
        """What is asked for, as the networks take it, and the speaker's token of rest [K]."""
        own = self.speaker(speaker)
        level = np.log(check_intensity(intensity)) + self._levels.get(own, 0.0)
        wishes = Condition(
            emotion_weights(emotion)[None],
            style_weights(own, self.speakers)[None],
            np.array([[level, 1.0]], dtype=np.float32),
        )
        return wishes, self._rest_tokens[own].astype(np.int64)[1]

    def speaker(self, speaker: str | None) -> str:
        """Whose manner it will be. Raises UserError if the model does not know that speaker."""
        if speaker is None:
            speaker = str(self.config.get("default_speaker", self.speakers[0]))
        style_weights(speaker, self.speakers)
        return speaker

    def with_sampling(self, **changes: Any) -> ContextualModel:
        """The same model with other settings of the sampler (see ``ContextualSampling``)."""
        other = ContextualModel(self._folder)
        other.networks, other.face, other.inputs = self.networks, self.face, self.inputs
        other.sampling = replace(self.sampling, **changes)
        return other


def _face(folder: ModelFolder) -> tuple[ModelFolder, OnnxNetworks]:
    """Folder and networks of a learned face."""
    described = folder.config.get("face")
    path = folder.folder / "config.json"
    if not isinstance(described, dict):
        raise UserError(f"{path} names a face and lacks its sizes (face); export the model again")
    check_sizes(described.get("config"), path, "face.config", SIZES)
    own = ModelFolder(folder.folder / "face", described)
    return own, OnnxNetworks(own)


def _checked(folder: ModelFolder) -> ContextualSampling:
    """The sampler's settings of a model folder, after a look at the rest of its config.

    Raises:
        UserError: something is missing or of the wrong kind; the message names it.
    """
    config, path = folder.config, folder.folder / "config.json"
    check_gesturing(folder, KEYS, SIZES)
    settings = config.get("sampling", {})
    try:
        masked = MaskedSampling(**settings.get("masked", {}))
        return ContextualSampling(masked=masked, **{key: value for key, value in settings.items() if key != "masked"})
    except (TypeError, AttributeError) as error:
        raise UserError(f"{path} has sampling settings that are not known ({error}); correct them") from None
