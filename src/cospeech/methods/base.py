"""What every method offers: a model that turns speech into motion.

``GestureModel`` is what the rest of the package knows. ``BodyModel`` has the steps of generating and of editing
once; a method fills in three hooks: ``condition``, ``sample`` and ``resample``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, Unpack, cast

import numpy as np

from ..core.emotions import EMOTIONS
from ..core.errors import UserError
from ..core.series import minimum_jerk
from ..core.timing import FPS
from ..motion.codec import Codec
from ..motion.formats.keypoints import Keypoints
from ..motion.gestures.gesture import Gesture
from ..motion.gestures.lookup import GestureDictionary
from ..motion.gestures.perform import Performance, perform, tell_left_out, with_gestures
from ..motion.motion import Motion
from ..motion.procedural.contact import movable_arms, separated
from ..motion.procedural.face import face_from_speech
from ..motion.procedural.standing import hanging, lowered, upright
from ..motion.representation import Representation, representation
from ..sampling.edit import Span as TimeSpan
from ..sampling.edit import blend, joint_indices, span_frames, span_weights, time_spans
from ..sampling.rhythm import RhythmSettings
from ..speech.cues.cue import GestureCue
from ..speech.encoders.inputs import SpeechInputs
from ..speech.layout import LAYOUT
from ..speech.speech import Speech
from .conditioning import (
    CONVERSATION,
    Condition,
    check_length,
    emotion_weights,
    generator,
    read_pose,
    seed_for,
    shown_emotion,
    style_weights,
)
from .editing import Span, StepWindow, facing_front, in_place, onto, padded, without_origin
from .flow.latents import PARTS, STACK
from .flow.model import MotionFlow, has_flow
from .gesturing import cues_of, explanation
from .model_folder import ModelFolder, read_rest
from .motion_constraint import MotionConstraint, checked_constraint, constrained, read_constraint
from .options import BodyOptions, EditKeywords, GenerateKeywords, GenerateOptions, read_options
from .postprocessing import embodied, on_the_beat

LEAST_SPEECH = 0.02  # share of frames with speech below which nobody speaks
AROUND = 24  # latents of the flow that are read on either side of an edit
LIVELY = 1.2  # octaves of activity for one of intensity above 1: lively parts do not follow in full
CALM = 0.6  # the same below 1: who moves a little slower also rests more
CALM_HEAD = -0.7  # octaves: who acts amusement or joy moves the head more than who converses
LIVELIEST_FACE = 1.5  # intensity above which a face moves no more
SOON = 0.2  # share of new gestures from which hands are taken out of the body in full

C = TypeVar("C")  # the condition of a method's networks
G = TypeVar("G", bound=GenerateOptions)
O = TypeVar("O", bound=BodyOptions)  # noqa: E741 - the method's options


@dataclass(frozen=True)
class Capabilities:
    """What a model can do beside generating. Whoever needs one looks here, not at the model's methods."""

    editable: bool = True  # ``edit`` gives a part of a motion other gestures
    explains: bool = False  # ``motion.extra["explain"]`` says where the gestures come from
    detects_emotion: bool = False  # ``detect_emotion`` says what a voice sounds like
    takes_library: bool = False  # ``with_library`` changes the gesture library
    history_frames: int = 0  # frames before a start pose that it continues


class GestureModel(ABC):
    """A loaded model. ``load`` returns one; every method has its own class."""

    name: str
    config: dict[str, Any]  # config.json of its folder
    representation: Representation  # what it generates: bodies, or keypoints in a picture
    speakers: tuple[str, ...]  # whose style it has learned
    emotions: tuple[str, ...] = EMOTIONS  # that it has learned
    options: ClassVar[type[GenerateOptions]] = GenerateOptions
    capabilities: Capabilities = Capabilities()

    @property
    def reads_words(self) -> bool:
        """Whether gestures may depend on the words of a speech; a method that reads none says so."""
        return True

    @property
    def described(self) -> str:
        """What this is, as the subject of a message."""
        return f"the method {self.config['method']}" if self.config.get("method") else f"the model {self.name}"

    @abstractmethod
    def generate(self, speech: Speech, **options: Unpack[GenerateKeywords]) -> Motion | Keypoints:
        """Gestures for a speech, exactly as long as it; the same input and seed give the same motion.

        Args:
            options: what the method takes (``options.describe(model.options)`` lists it).
        Raises:
            UserError: an option that the method does not take, or a value that cannot be used.
        """

    @abstractmethod
    def from_features(
        self, features: np.ndarray, *, words: Sequence[Any] = (), **options: Unpack[GenerateKeywords]
    ) -> Motion | Keypoints:
        """The same for speech features [T, F], T frames long; without a face made by rules.

        Args:
            words: of the speech, with times, for methods that read them.
        """

    def edit(
        self,
        motion: Motion,
        speech: Speech,
        *,
        span: TimeSpan | Sequence[TimeSpan] = (),
        joints: str | Sequence[str] = (),
        **options: Unpack[EditKeywords],
    ) -> Motion:
        """The motion with other gestures in the spans and joints that are named.

        Raises:
            UserError: the model edits nothing (``capabilities.editable``), or see ``BodyModel.edit``.
        """
        raise UserError(f"{self.described} edits no motion; choose another model")

    def detect_emotion(self, speech: Speech) -> dict[str, float]:
        """How likely a voice is in each emotion, by name; they sum to one (``capabilities.detects_emotion``)."""
        raise UserError(f"{self.described} does not detect emotions; choose another model")

    def requested(self, action: str, keywords: Mapping[str, Any]) -> GenerateOptions:
        """Keyword arguments of ``generate`` or ``edit``, checked.

        Raises:
            UserError: an option that the method does not take, or a value that is not allowed.
        """
        return read_options(self.options, keywords, action=action, taker=self.described)

    def configured(self, options: GenerateOptions) -> Self:
        """The model with the options of loading that its method declares; itself where there are none."""
        return self

    def with_library(self, library: Any) -> Self:
        """The same model with another gesture library, or with none (``capabilities.takes_library``)."""
        raise UserError(f"{self.described} takes no gesture library; choose another model")


class Networks(Protocol):
    """What the template needs of networks that work in steps of several frames."""

    downsample: int  # frames a step


@dataclass(frozen=True, eq=False)
class EditedSpan:
    """A span of frames to sample anew, in the motion that it is a part of."""

    encoded: np.ndarray  # [T, C], T a multiple of ``networks.downsample``
    features: np.ndarray  # [T, F] of the speech
    span: Span
    at_end: bool  # the span reaches the motion's own end


class FolderModel(GestureModel):
    """A model out of a model folder: its config, its speakers, what it reads of a speech."""

    networks: Networks
    sampling: RhythmSettings

    def __init__(self, folder: ModelFolder) -> None:
        self._folder = folder
        self.folder = folder.folder
        self.config = folder.config
        self.name = folder.config.get("name", folder.folder.name)
        self.speakers = tuple(folder.config["styles"])
        self.emotions = tuple(folder.config.get("emotions", EMOTIONS))
        self.inputs = SpeechInputs.of_model(folder.config, folder.folder)
        self.representation = representation("body")
        # What is added to a speaker's log intensity so that the motion is as lively as that person.
        self._levels: dict[str, float] = folder.config.get("calibration", {}).get("intensity", {})
        self._rest: dict[str, np.ndarray] = {}
        self.flow = MotionFlow(folder) if has_flow(folder) else None

    def with_sampling(self, **changes: Any) -> Self:
        """The same model with other settings of the sampler."""
        other = copy(self)
        other.sampling = replace(self.sampling, **changes)
        return other

    def speaker(self, speaker: str | None) -> str:
        """Whose style it will be. Raises UserError if the model does not know that speaker."""
        if speaker is None:
            return str(self.config.get("default_speaker", self.speakers[0]))
        style_weights(speaker, self.speakers)
        return speaker

    def rest(self, speaker: str | None) -> np.ndarray:
        """A speaker's rest pose, as ``rest.safetensors`` has it."""
        if not self._rest:
            self._rest = read_rest(self._folder, self.speakers)
        return self._rest[self.speaker(speaker)]

    def level(self, options: GenerateOptions) -> float:
        """Log intensity for the networks."""
        return float(np.log(options.intensity)) + self._levels.get(self.speaker(options.speaker), 0.0)

    def global_condition(self, options: GenerateOptions) -> Condition:
        """Emotion, style and intensity of the whole motion, as a batch of one."""
        return Condition(
            emotion_weights(options.emotion, known=self.emotions)[None],
            style_weights(self.speaker(options.speaker), self.speakers)[None],
            np.array([[self.level(options), 1.0]], dtype=np.float32),
        )

    def resolve(self, options: G, speech: Speech | None) -> G:
        """Options with everything that they leave open: what is not requested is the speech's own, where known."""
        emotion, speaker = options.emotion, options.speaker
        if speech is not None:
            emotion = speech.emotion if emotion is None else emotion
            speaker = speech.speaker if speaker is None and speech.speaker in self.speakers else speaker
        return replace(options, emotion=emotion, speaker=self.speaker(speaker))

    def resampled(
        self,
        encoded: np.ndarray,
        features: np.ndarray,
        spans: Sequence[Span],
        options: GenerateOptions,
        *,
        rhythm: bool,
    ) -> np.ndarray:
        """Encoded motion [T, C] whose spans are sampled anew, one after the other; frames outside as they were."""
        step, frames, rng = self.networks.downsample, len(encoded), generator(options.seed)
        features, result = padded(features, step), padded(encoded, step)
        for first, end in spans:
            new = self.resample(EditedSpan(result, features, (first, end), end == frames), options, rng)
            result[first:end] = on_the_beat(new, features[first:end]) if rhythm else new
        return result[:frames]

    @abstractmethod
    def resample(self, part: EditedSpan, options: Any, rng: np.random.Generator) -> np.ndarray:
        """Encoded motion [end - first, C] for a span of frames, given what is around it."""


@dataclass(frozen=True, eq=False)
class SampledMotion:
    """What a method samples."""

    encoded: np.ndarray  # [T, C] (``motion.codec``)
    fixed: Sequence[Span] = ()  # frames in which time must not be warped
    explanation: dict[str, Any] | None = None  # where the gestures come from, for JSON


class BodyModel(FolderModel, Generic[O, C]):
    """A model of bodies: the steps of generating and of editing, the same for all methods.

    1. ``resolve``: what the options leave open, poses and the like from files;
    2. ``condition`` and ``sample``: encoded motion from speech features, by the method's networks;
    3. strokes are brought to accents (``sampling.rhythm``);
    4. a person who breathes, stands or sits, and meets given poses (``postprocessing``);
    5. ``postprocess``: what a method adds;
    6. named gestures that are asked for or that words call for (``gesturing``), then constraints, exactly;
    7. ``face_weights``: the face, by rules.
    """

    options: ClassVar[type[GenerateOptions]] = BodyOptions
    capabilities: Capabilities = Capabilities(explains=True)
    samples_by_words: ClassVar[bool] = True  # whether ``sample`` looks at the words that it is given

    @property
    def reads_words(self) -> bool:
        """Whether ``sample`` or an encoder of its speech does; named gestures go with words in any case."""
        return self.samples_by_words or "words" in self.inputs.settings

    @property
    def own_gestures(self) -> Path | None:
        """The gesture library whose named gestures it has, beside the user's; none by default."""
        return None

    def answered(self, cues: Sequence[GestureCue], speech: Speech) -> tuple[Sequence[GestureCue], Sequence[Gesture]]:
        """Cues of which some name gestures that a method has for them; and those gestures. None by default."""
        return cues, ()

    def condition(self, options: O, frames: int) -> C:
        """What is requested, as the networks take it, for so many frames; unless overridden one for all of them."""
        return cast(C, self.global_condition(options))

    @abstractmethod
    def sample(
        self, features: np.ndarray, condition: C, options: O, rng: np.random.Generator, words: Sequence[Any]
    ) -> SampledMotion:
        """Encoded motion as long as the features [T, F]."""

    def postprocess(self, motion: Motion, features: np.ndarray, condition: C, options: O) -> Motion:
        """What a method adds to the finished body; nothing by default."""
        return motion

    def moods(self, options: O, frames: int) -> Mapping[str, float | np.ndarray]:
        """Weights of emotions by name, of all frames or [T] of each, for what is not sampled: shapes of hands."""
        return dict(zip(EMOTIONS, emotion_weights(options.emotion, known=self.emotions).tolist(), strict=True))

    def face_weights(self, speech: Speech, options: O, body: Motion) -> np.ndarray:
        """ARKit weights [T, 52] of a face that speaks, in the strongest emotion, for a finished body."""
        return face_from_speech(
            speech,
            seed=options.seed,
            emotion=shown_emotion(options.emotion, known=self.emotions),
            intensity=min(LIVELIEST_FACE, options.intensity),
            body=body,
        )

    def generate(self, speech: Speech, **options: Unpack[GenerateKeywords]) -> Motion:
        """See ``GestureModel.generate``."""
        resolved = self.resolve(self._requested("generate", options), speech)
        dictionary = GestureDictionary.of_user(self.own_gestures)
        cues, recorded = self.answered(cues_of(speech, resolved, dictionary), speech)
        dictionary = dictionary.joined(recorded)
        done = self._gestures(self.inputs(speech, speech.frames), resolved, speech.words, cues=cues, find=dictionary)
        tell_left_out(done.left_out)
        if not resolved.face:
            return done.motion
        face = self.face_weights(speech, resolved, done.motion)
        return done.motion.with_face(with_gestures(face, done.face))

    def from_features(
        self, features: np.ndarray, *, words: Sequence[Any] = (), **options: Unpack[GenerateKeywords]
    ) -> Motion:
        """See ``GestureModel.from_features``."""
        return self._gestures(features, self.resolve(self._requested("generate", options), None), words).motion

    def edit(
        self,
        motion: Motion,
        speech: Speech,
        *,
        span: TimeSpan | Sequence[TimeSpan] = (),
        joints: str | Sequence[str] = (),
        **options: Unpack[EditKeywords],
    ) -> Motion:
        """The motion with other gestures in the spans and joints that are named; all else keeps its bits.

        Args:
            motion: canonical, at any frame rate, as long as the speech within 0.1 s.
            span: "START:END" or (START, END) in seconds; the whole motion if none.
            joints: groups and joints by name (``sampling.edit.GROUPS``, ``JOINTS``); all of them if none.
                Pelvis, legs, place and face are always kept. New gestures of a whole arm pass through neither the body
                nor the other hand (``motion.procedural.contact``).
            options: of the new gestures, as in ``generate``.
        Raises:
            UserError: a span, joint or option that cannot be used, another skeleton, or lengths that differ.
        """
        spans, indices = time_spans(span, motion.seconds), joint_indices(joints)
        check_length(motion, speech)
        resolved = self.resolve(self._requested("edit", options), speech)
        encoded = Codec().encode(in_place(lowered(motion)))
        features = self.inputs(speech, len(encoded))
        bounds = span_frames(spans, len(encoded), FPS)
        encoded = self.resampled(encoded, features, bounds, resolved, rhythm=self.sampling.rhythm)
        body = embodied(encoded, features, seed=resolved.seed, seated=False, start=None, end=None, relaxed=False)
        new = onto(hanging(upright(body)), motion)
        weights = span_weights(span_frames(spans, len(motion), motion.fps), len(motion), motion.fps)
        mixed = blend(motion.rotations, new, weights, indices)
        edited = replace(motion, rotations=mixed, extra=without_origin(motion.extra))
        return separated(edited, weights=minimum_jerk(weights / SOON), sides=movable_arms(indices))

    def resolve(self, options: G, speech: Speech | None) -> G:
        """Also reads the poses: canonical, facing the front; of the start pose with the frames that led to it."""
        resolved = super().resolve(options, speech)
        assert isinstance(resolved, BodyOptions)
        start = read_pose(resolved.start_pose, history=self.capabilities.history_frames, map=resolved.pose_map)
        end = read_pose(resolved.end_pose, last=True, map=resolved.pose_map)
        return replace(
            resolved,
            emotion=_usual_mood(speech) if resolved.emotion is None else resolved.emotion,
            start_pose=None if start is None else facing_front(start),
            end_pose=None if end is None else facing_front(end),
        )

    def enlivened(
        self,
        encoded: np.ndarray,
        features: np.ndarray,
        condition: Condition,
        options: O,
        rng: np.random.Generator,
        *,
        fixed: Sequence[Span] = (),
    ) -> np.ndarray:
        """Encoded motion [T, C] sampled by the flow, with another one as its plan; as it is without a flow.

        Args:
            fixed: frames that are kept.
        """
        if self.flow is None:
            return encoded
        octaves = octaves_of(options)
        return self.flow.resampled(encoded, features, condition, rng, fixed=fixed, octaves=octaves)

    def enlivened_span(
        self, new: np.ndarray, part: EditedSpan, condition: Condition, options: O, rng: np.random.Generator
    ) -> np.ndarray:
        """The same for the frames [end - first, C] of a span, between those around it."""
        window = StepWindow.around(part.span, len(part.encoded), STACK, AROUND)
        read, own = window.frames(STACK), window.of_span(part.span, STACK)
        encoded = part.encoded.copy()
        encoded[slice(*part.span)] = new
        fixed = [(0, own.start), (own.stop, len(encoded[read]))]
        whole = self.enlivened(encoded[read], part.features[read], condition, options, rng, fixed=fixed)
        return whole[own]

    def _requested(self, action: str, keywords: Mapping[str, Any]) -> O:
        return cast(O, self.requested(action, keywords))

    def _gestures(
        self,
        features: np.ndarray,
        options: O,
        words: Sequence[Any],
        *,
        cues: Sequence[GestureCue] = (),
        find: GestureDictionary | None = None,
    ) -> Performance:
        """The body, with resolved options, the named gestures of the cues in it."""
        condition, seed = self.condition(options, len(features)), seed_for(options.seed, len(features))
        sampled = self.sample(features, condition, options, generator(seed), words)
        encoded, start = sampled.encoded, options.start_pose
        if self.sampling.rhythm:
            encoded = on_the_beat(encoded, features, fixed=sampled.fixed)
        motion = embodied(
            encoded,
            features,
            seed=seed,
            seated=options.seated,
            relaxed=options.relaxed,
            shape_hands=self.config.get("space") != "smplx",  # whose corpus has fingers
            mood=self.moods(options, len(features)),
            start=None if start is None else start[-1:],
            end=options.end_pose,
        )
        motion = self.postprocess(motion, features, condition, options)
        posed = start is not None, options.end_pose is not None
        done = perform(motion, cues, (find or GestureDictionary()).__getitem__, seed=seed, posed=posed)
        motion = done.motion
        if options.constraint:
            constraints = self.resolve_constraints(options, motion.seconds)
            motion = constrained(motion, constraints, keep_first=posed[0], keep_last=posed[1])
        about = {"method": self.config.get("method"), "model": self.name}
        explained = explanation(words, features, replace(done, motion=motion), sampled.explanation, about)
        return replace(done, motion=replace(motion, extra={**motion.extra, "explain": explained}))

    def resolve_constraints(self, options: O, seconds: float) -> list[MotionConstraint]:
        """The requested constraints for a speech of so many seconds, checked."""
        given = [read_constraint(constraint, seconds, map=options.pose_map) for constraint in options.constraint]
        return [checked_constraint(constraint, seconds) for constraint in given]


def octaves_of(options: GenerateOptions) -> np.ndarray:
    """[P] octaves by which the requested intensity makes each part faster; in conversation the head is calmer. [D]"""
    asked = np.log2(options.intensity)
    octaves = np.full(len(PARTS), asked * (LIVELY if asked > 0 else CALM))
    if options.emotion == CONVERSATION:
        octaves[PARTS.index("trunk")] += CALM_HEAD
    return octaves


def _usual_mood(speech: Speech | None) -> str:
    """What holds unless a mood is named: conversation, or neutral where nobody speaks. [D]"""
    if speech is None:
        return CONVERSATION
    spoken = LAYOUT.get(speech.features, "speech")
    return CONVERSATION if spoken.mean() > LEAST_SPEECH else "neutral"
