"""The contextual method in use: speech in, motion out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from ...emotions import EMOTIONS, canonical_emotion
from ...encoders.inputs import SpeechInputs
from ...errors import UserError
from ...motion.codec import Codec
from ...motion.face import face_from_speech
from ...motion.idle import add_idle
from ...motion.motion import Motion
from ...motion.phases import strokes
from ...motion.posture import plant, seat, stand
from ...sampling.beam import encode_residual
from ...sampling.edit import blend, joint_indices, meet_pose, span_frames, span_weights, time_spans
from ...sampling.masked import MaskedSampling
from ...sampling.rhythm import sample_frames, warp_times
from ...speech.features import accents
from ...speech.speech import Speech
from ...timing import FPS
from ..folder import ModelFolder
from .edit import facing_front, in_place, onto, pose_tokens, resample_spans
from .sample import Condition, ContextualSampling, sample_tokens

REST_START = 1  # tokens of rest given at the start
REST_END = 2  # tokens of rest given at the end
LENGTH_SLACK = 0.1  # seconds by which a motion to edit and its speech may differ


# What config.json of a model folder may hold.
KEYS = {
    "format", "method", "name", "package_version", "config", "styles", "default_speaker", "codec", "fps",
    "trained_on", "made_pairs", "credits", "sampling", "calibration", "results", "encoders",
}  # fmt: skip


class OnnxNetworks:
    """The exported graphs, as ``sample_tokens`` wants them; each is opened when first used."""

    def __init__(self, folder: ModelFolder) -> None:
        self._folder = folder
        config = folder.config["config"]
        self.codes: int = config["codes"]
        self.layers: int = config["layers"]
        self.downsample: int = config["downsample"]
        self.quantised: bool = config.get("quantised", True)
        self.kind: str = config.get("residual", "codes")
        self.sound: int = config.get("features", 48)
        self.words: int = config.get("words", 0)

    @cached_property
    def _speech(self):  # type: ignore[no-untyped-def]
        return self._folder.graph("speech")

    @cached_property
    def _masked(self):  # type: ignore[no-untyped-def]
        return self._folder.graph("masked")

    @cached_property
    def _residual(self):  # type: ignore[no-untyped-def]
        return self._folder.graph("residual")

    @cached_property
    def _decoder(self):  # type: ignore[no-untyped-def]
        return self._folder.graph("decoder")

    @cached_property
    def _encoder(self):  # type: ignore[no-untyped-def]
        return self._folder.graph("encoder")

    def speech(self, features: np.ndarray) -> np.ndarray:
        parts = [features[:, : self.sound]]
        if self.words:
            parts.append(features[:, self.sound : self.sound + self.words])
        return self._speech(*(np.ascontiguousarray(part[None]) for part in parts))[0]  # type: ignore[no-any-return]

    def masked(self, codes: np.ndarray, speech: np.ndarray, condition: Condition) -> np.ndarray:
        return self._masked(codes, speech, condition.emotion, condition.style, condition.intensity)  # type: ignore[no-any-return]

    def residual(self, codes: np.ndarray, layer: int, speech: np.ndarray, condition: Condition) -> np.ndarray:
        number = np.full(len(codes), layer, dtype=np.int64)
        return self._residual(codes, number, speech, condition.emotion, condition.style, condition.intensity)  # type: ignore[no-any-return]

    def rest(
        self, codes: np.ndarray, known: np.ndarray, given: np.ndarray, speech: np.ndarray,
        condition: Condition,
    ) -> np.ndarray:  # fmt: skip
        return self._residual(  # type: ignore[no-any-return]
            codes, known, given, speech, condition.emotion, condition.style, condition.intensity
        )

    @cached_property
    def books(self) -> np.ndarray:
        """[K, S, D] float32 vectors of the residual quantiser."""
        arrays = self._folder.arrays("codebooks")
        shape = arrays["vectors"].shape if "vectors" in arrays else None
        if shape is None or shape[:2] != (self.layers, self.codes):
            raise UserError(
                f"codebooks.safetensors of {self._folder.folder} is not of this model; export the model again"
            )
        return arrays["vectors"].astype(np.float32)

    def vectors(self, tokens: np.ndarray) -> np.ndarray:
        """Tokens [N, K] -> summed code vectors [N, D]."""
        summed: np.ndarray = self.books[np.arange(tokens.shape[1]), tokens].sum(axis=1)
        return summed

    def decode(self, latent: np.ndarray) -> np.ndarray:
        return self._decoder(latent[None])[0]  # type: ignore[no-any-return]

    def encode(self, motion: np.ndarray) -> np.ndarray:
        """Coded motion [T, C], T a multiple of ``downsample``, -> tokens [N, K]."""
        return encode_residual(self._encoder(np.ascontiguousarray(motion[None]))[0], self.books)


class ContextualModel:
    """Masked motion tokens with emotion, intensity and speaker style."""

    def __init__(self, folder: ModelFolder) -> None:
        """Raises UserError if config.json lacks what this method needs."""
        self.sampling = _checked(folder)
        self.config = folder.config
        self.name: str = folder.config.get("name", folder.folder.name)
        self.speakers: tuple[str, ...] = tuple(folder.config["styles"])  # whose manner the model has learned
        self.networks = OnnxNetworks(folder)
        self.inputs = SpeechInputs.of_model(folder.config, folder.folder)
        self._folder = folder
        # What has to be asked of a style so that it comes out as lively as its speaker: log intensity.
        self._levels: dict[str, float] = folder.config.get("calibration", {}).get("intensity", {})

    @cached_property
    def _rest_tokens(self) -> dict[str, np.ndarray]:
        """Tokens [4, K] of every speaker's rest pose."""
        rest = self._folder.arrays("rest")
        missing = [name for name in self.speakers if name not in rest]
        if missing:
            raise UserError(
                f"model folder {self._folder.folder} lacks the rest pose of {', '.join(missing)}; "
                "export the model again"
            )
        return rest

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
            face: lips, blinks and expression too.
            start_pose: canonical motion whose first frame is the pose to begin in; rest if None.
            end_pose: canonical motion whose last frame is the pose to end in; rest if None.
        Raises:
            UserError: an emotion, speaker, intensity or seed that the model does not know, or a pose on
                another skeleton.
        """
        emotion = emotion if emotion is not None else speech.emotion
        if speaker is None and speech.speaker in self.speakers:
            speaker = speech.speaker
        motion = self.from_features(
            self.inputs(speech, speech.frames), emotion=emotion, intensity=intensity, speaker=speaker,
            seated=seated, seed=seed, start_pose=start_pose, end_pose=end_pose, sampling=sampling,
        )  # fmt: skip
        if not face:
            return motion
        weights = self._emotion(emotion)
        strongest = EMOTIONS[int(weights.argmax())] if weights.any() else None
        return motion.with_face(
            face_from_speech(speech, seed=seed, emotion=strongest, intensity=min(1.5, intensity))
        )

    def from_features(
        self,
        features: np.ndarray,
        *,
        emotion: str | Mapping[str, float] | None = None,
        intensity: float = 1.0,
        speaker: str | None = None,
        seated: bool = False,
        seed: int = 0,
        start_pose: Motion | None = None,
        end_pose: Motion | None = None,
        sampling: ContextualSampling | None = None,
    ) -> Motion:
        """Gestures without a face for speech features [T, F], T frames long; see ``generate``.

        For speech whose sound is not at hand, such as that of a store.
        """
        condition, rest = self._condition(emotion, intensity, speaker)
        settings = sampling or self.sampling
        start = None if start_pose is None else facing_front(start_pose[:1])
        end = None if end_pose is None else facing_front(end_pose[-1:])
        first = rest if start is None else pose_tokens(self.networks, start)
        last = rest if end is None else pose_tokens(self.networks, end)
        coded = self._coded(features, condition, _generator(seed), settings, (first, last))
        motion = Codec().decode(coded)
        if settings.rhythm:
            found = np.array([stroke.time for stroke in strokes(motion)])
            times = warp_times(found, accents(features)[0], len(motion), motion.fps)
            motion = Codec().decode(sample_frames(coded, times * motion.fps))
        motion = add_idle(motion, features, seed=seed)
        motion = seat(motion) if seated else stand(motion)
        if start is None and end is None:
            return motion
        rotations, joints = motion.rotations, Codec().joints
        longest = len(motion) if start is None or end is None else len(motion) // 2
        for pose in (start, end):
            if pose is not None:
                rotations = meet_pose(
                    rotations, pose.rotations[0], joints, motion.fps, last=pose is end, longest=longest
                )
        return plant(replace(motion, rotations=rotations), seated=seated)

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
        if abs(motion.seconds - speech.seconds) > LENGTH_SLACK:
            raise UserError(
                f"the motion lasts {motion.seconds:.2f} s and the speech {speech.seconds:.2f} s; they must "
                f"agree within {LENGTH_SLACK:g} s, so give the speech of this motion, or cut the longer one"
            )
        emotion = emotion if emotion is not None else speech.emotion
        if speaker is None and speech.speaker in self.speakers:
            speaker = speech.speaker
        condition, rest = self._condition(emotion, intensity, speaker)
        coded = Codec().encode(in_place(motion))
        features = self.inputs(speech, len(coded))
        coded = resample_spans(
            self.networks, coded, features, span_frames(spans, len(coded), FPS), condition, _generator(seed),
            sampling or self.sampling, rest, ends=(REST_START, REST_END),
        )  # fmt: skip
        new = onto(stand(add_idle(Codec().decode(coded), features, seed=seed)), motion)
        weights = span_weights(span_frames(spans, len(motion), motion.fps), len(motion), motion.fps)
        return replace(motion, rotations=blend(motion.rotations, new, weights, indices))

    def _coded(
        self, features: np.ndarray, condition: Condition, rng: np.random.Generator,
        settings: ContextualSampling, ends: tuple[np.ndarray, np.ndarray],
    ) -> np.ndarray:  # fmt: skip
        """Coded motion [T, C] as long as the features [T, F], between two given tokens [K]."""
        step = self.networks.downsample
        frames = len(features)
        tokens = -(-frames // step)
        padded = np.pad(features, ((0, tokens * step - frames), (0, 0)), mode="edge")
        given = np.full((tokens, self.networks.layers), -1, dtype=np.int64)
        first, last = min(REST_START, tokens), min(REST_END, max(0, tokens - REST_START))
        given[:first] = ends[0]
        if last:
            given[-last:] = ends[1]
        sampled = sample_tokens(self.networks, padded, condition, rng, settings, given=given)
        return self.networks.decode(sampled.latent)[:frames]

    def _condition(
        self, emotion: str | Mapping[str, float] | None, intensity: float, speaker: str | None
    ) -> tuple[Condition, np.ndarray]:
        """What is asked for, as the networks take it, and the speaker's token of rest [K]."""
        weights, style = self._emotion(emotion), self._style(speaker)
        if not 0.25 <= intensity <= 2.5:
            raise UserError(f"intensity must be from 0.25 to 2.5; got {intensity:g}")
        one_hot = np.zeros((1, len(self.speakers)), dtype=np.float32)
        one_hot[0, style] = 1.0
        level = np.log(intensity) + self._levels.get(self.speakers[style], 0.0)
        rest = self._rest_tokens[self.speakers[style]].astype(np.int64)[1]
        return Condition(weights[None], one_hot, np.array([[level, 1.0]], dtype=np.float32)), rest

    def _emotion(self, emotion: str | Mapping[str, float] | None) -> np.ndarray:
        """[10] weights that sum to one."""
        weights = np.zeros(len(EMOTIONS), dtype=np.float32)
        if emotion is None:
            emotion = "neutral"
        mixture = {emotion: 1.0} if isinstance(emotion, str) else emotion
        for name, weight in mixture.items():
            if weight < 0:
                raise UserError(f"the weight of emotion {name!r} must not be negative; got {weight:g}")
            weights[EMOTIONS.index(canonical_emotion(name))] += weight
        if not weights.any():
            raise UserError("the weights of the emotions are all zero; give at least one above zero")
        return weights / weights.sum()

    def _style(self, speaker: str | None) -> int:
        if speaker is None:
            speaker = self.config.get("default_speaker", self.speakers[0])
        if speaker not in self.speakers:
            raise UserError(f"unknown speaker {speaker!r}; this model knows {', '.join(self.speakers)}")
        return self.speakers.index(speaker)

    def with_sampling(self, **changes: Any) -> ContextualModel:
        """The same model with other settings of the sampler (see ``ContextualSampling``)."""
        other = ContextualModel(self._folder)
        other.networks, other.inputs = self.networks, self.inputs
        other.sampling = replace(self.sampling, **changes)
        return other


def _generator(seed: int) -> np.random.Generator:
    if seed < 0:
        raise UserError(f"the seed must be a whole number from 0 on; got {seed}")
    return np.random.default_rng(seed)


def _checked(folder: ModelFolder) -> ContextualSampling:
    """The sampler's settings of a model folder, after a look at the rest of its config.

    Raises:
        UserError: something is missing or of the wrong kind; the message names it.
    """
    config, path = folder.config, folder.folder / "config.json"
    strange = sorted(set(config) - KEYS)
    if strange:
        raise UserError(f"{path} has the unknown key {strange[0]!r}; known: {', '.join(sorted(KEYS))}")
    sizes = config["config"]
    for key in ("codes", "layers", "downsample"):
        if not isinstance(sizes, dict) or not isinstance(sizes.get(key), int) or sizes[key] < 1:
            raise UserError(f"{path} lacks the whole number config.{key}; export the model again")
    styles = config.get("styles")
    if not isinstance(styles, list) or not styles or not all(isinstance(name, str) for name in styles):
        raise UserError(f"{path} lacks styles, the list of speakers; export the model again")
    if config.get("default_speaker", styles[0]) not in styles:
        raise UserError(
            f"{path} has the default speaker {config['default_speaker']!r}; known: {', '.join(styles)}"
        )
    levels = config.get("calibration", {}).get("intensity", {})
    if set(levels) - set(styles) or not all(isinstance(level, float) for level in levels.values()):
        raise UserError(
            f"{path}: calibration.intensity must give numbers to speakers of styles; got {levels}"
        )
    settings = config.get("sampling", {})
    try:
        masked = MaskedSampling(**settings.get("masked", {}))
        return ContextualSampling(
            masked=masked, **{key: value for key, value in settings.items() if key != "masked"}
        )
    except (TypeError, AttributeError) as error:
        raise UserError(f"{path} has sampling settings that are not known ({error}); correct them") from None
