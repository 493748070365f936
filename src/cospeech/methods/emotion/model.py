"""The EmotionGesture method in use: speech, a mood and a pose in; one of many gesturings out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...core.emotions import EMOTIONS
from ...core.errors import UserError
from ...core.timing import FPS
from ...motion.codec import Codec
from ...motion.motion import Motion
from ...motion.procedural.face import face_from_speech
from ...motion.procedural.posture import stand
from ...motion.representation import representation
from ...sampling.edit import blend, joint_indices, span_frames, span_weights, time_spans
from ...speech.acoustics import DECIBELS, MEL, acoustics
from ...speech.encoders.inputs import SpeechInputs
from ...speech.speech import Speech
from ..conditioning import check_intensity, check_length, emotion_weights, generator, style_weights, wished
from ..editing import facing_front, in_place, onto, without_origin
from ..model_folder import ModelFolder, check_gesturing
from ..postprocessing import embodied, on_the_beat
from .emotion_track import Mood, checked, track_weights
from .graphs import OnnxNetworks
from .sampling import EmotionSampling, Wishes, sample_latents

MOST = 2.0  # of variety
FAINT = 0.05  # weight below which an emotion does not show in the face
GAIN = -5.0  # dB by which the voices of training were softer on the mean (``data.prosody.other_voice``)
CALM = 0.5  # log odds for neutral: people are mostly calm, synthetic voices are not [D]
LISTEN = 60.0  # seconds of a voice that are listened to at once

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
    "emotions",
    "latents_of",
    "trained_on",
    "made_pairs",
    "made_voices",
    "credits",
    "sampling",
    "calibration",
    "results",
    "encoders",
}


class EmotionModel:
    """Gestures in a mood, a mixture of moods, or one that changes; each seed another one."""

    def __init__(self, folder: ModelFolder) -> None:
        """Raises UserError if config.json lacks what this method needs."""
        self.sampling = _checked(folder)
        self.config = folder.config
        self.folder = folder.folder
        self.name: str = folder.config.get("name", folder.folder.name)
        self.speakers: tuple[str, ...] = tuple(folder.config["styles"])  # whose manner the model has learned
        self.emotions: tuple[str, ...] = tuple(folder.config.get("emotions", EMOTIONS))  # that it has seen
        self.networks = OnnxNetworks(folder)
        self.inputs = SpeechInputs.of_model(folder.config, folder.folder)
        self.representation = representation("body")
        self._folder = folder
        self._levels: dict[str, float] = folder.config.get("calibration", {}).get("intensity", {})
        self.history = self.networks.given * self.networks.downsample  # frames that a start pose brings along
        self._rests: dict[str, np.ndarray] | None = None

    def with_sampling(self, **changes: Any) -> EmotionModel:
        """The same model with other settings of the sampler (see ``EmotionSampling``)."""
        other = EmotionModel(self._folder)
        other.networks, other.inputs = self.networks, self.inputs
        other.sampling = replace(self.sampling, **changes)
        return other

    def hear(self, speech: Speech) -> dict[str, float]:
        """How likely a voice is in each emotion, by name; they sum to one.

        It learned from synthetic voices (``data.prosody``): what it gives is a guess, and users see it.
        """
        return self.moods(acoustics(speech.resampled().samples))

    def moods(self, sound: np.ndarray) -> dict[str, float]:
        """The same of acoustics [T, 42] (``speech.acoustics``)."""
        sound = sound.copy()
        sound[:, MEL] += GAIN / DECIBELS
        size = int(LISTEN * FPS)
        parts = [sound[start : start + size] for start in range(0, len(sound), size)]
        logits = np.stack([self.networks.moods(part) for part in parts])
        share = np.array([len(part) for part in parts], dtype=np.float64)[:, None] / len(sound)
        mean = (logits * share).sum(0)
        mean[0] += CALM
        odds = np.exp(mean - mean.max())
        return dict(zip(EMOTIONS, (odds / odds.sum()).tolist(), strict=True))

    def generate(
        self,
        speech: Speech,
        *,
        emotion: str | Mapping[str, float] | None = None,
        emotion_track: Sequence[Mood] = (),
        intensity: float = 1.0,
        speaker: str | None = None,
        seated: bool = False,
        seed: int = 0,
        face: bool = True,
        start_pose: Motion | None = None,
        end_pose: Motion | None = None,
        variety: float | None = None,
    ) -> Motion:
        """Gestures for a speech, exactly as long as it; the same input and seed give the same motion.

        Args:
            emotion: a name, or weights by name; what they lack to one is neutral. The speech's own or neutral
                if None. The voice may say something else: what is asked for wins.
            emotion_track: moods over time in the place of ``emotion``.
            intensity: how lively, 1.0 is the speaker's own mean in this emotion; 0.25 to 2.5.
            speaker: whose manner (see ``speakers``); the model's default if None.
            seated: sit instead of stand.
            face: lips, blinks and expression too.
            start_pose: canonical motion to go on from, its last frames count; rest if None.
            end_pose: canonical motion whose last frame is the pose to end in; rest if None.
            variety: 0 gives the most usual motion, 1 as people differ, up to 2; the model's own if None.
        Raises:
            UserError: an emotion, track, speaker, intensity, seed or variety that cannot be, an emotion that
                was not in what the model learned from, or a pose on another skeleton.
        """
        emotion, speaker = wished(speech, emotion, speaker, self.speakers)
        motion = self.from_features(
            self.inputs(speech, speech.frames),
            emotion=emotion,
            emotion_track=emotion_track,
            intensity=intensity,
            speaker=speaker,
            seated=seated,
            seed=seed,
            start_pose=start_pose,
            end_pose=end_pose,
            variety=variety,
        )
        if not face:
            return motion
        weights = _course(emotion, emotion_track, len(motion))
        return motion.with_face(_face(speech, weights, seed=seed, intensity=min(1.5, intensity)))

    def from_features(
        self,
        features: np.ndarray,
        *,
        emotion: str | Mapping[str, float] | None = None,
        emotion_track: Sequence[Mood] = (),
        intensity: float = 1.0,
        speaker: str | None = None,
        seated: bool = False,
        seed: int = 0,
        start_pose: Motion | None = None,
        end_pose: Motion | None = None,
        variety: float | None = None,
        words: Sequence[Any] = (),
    ) -> Motion:
        """Gestures without a face for speech features [T, F], T frames long; see ``generate``."""
        rng, settings = generator(seed), self._settings(variety)
        speaker = self._speaker(speaker)
        step, frames = self.networks.downsample, len(features)
        count = -(-frames // step)
        padded = np.pad(features, ((0, count * step - frames), (0, 0)), mode="edge")
        wishes = self._wishes(_course(emotion, emotion_track, frames, every=step), intensity, speaker)
        start = None if start_pose is None else facing_front(start_pose)
        end = None if end_pose is None else facing_front(end_pose[-1:])
        given = self._prompt(start, speaker)
        latent = sample_latents(self.networks, padded, wishes, given, rng, settings)
        around = np.concatenate([given[-4:], latent])  # a step is decoded with its neighbours
        coded = self.networks.decode(around)[4 * step :][:frames]
        if settings.rhythm:
            coded = on_the_beat(coded, features)
        motion = embodied(
            coded, features, seed=seed, seated=seated, start=None if start is None else start[-1:], end=end
        )
        told = {"method": "emotion", "model": self.name, "variety": settings.variety}
        return replace(motion, extra={**motion.extra, "explain": told})

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
        variety: float | None = None,
    ) -> Motion:
        """The motion with other gestures in the spans and joints that are named; all else keeps its bits.

        As the contextual method's; the new part is prompted with what comes before its span and fades into
        what comes after it.
        """
        spans, indices = time_spans(span, motion.seconds), joint_indices(joints)
        check_length(motion, speech)
        emotion, speaker = wished(speech, emotion, speaker, self.speakers)
        speaker, rng, settings = self._speaker(speaker), generator(seed), self._settings(variety)
        coded = Codec().encode(in_place(motion))
        features = self.inputs(speech, len(coded))
        wishes = self._wishes(_course(emotion, (), 1), intensity, speaker)
        for first, last in span_frames(spans, len(coded), FPS):
            coded[first:last] = self._anew(coded, features, (first, last), wishes, rng, settings)
        new = onto(embodied(coded, features, seed=seed, seated=False, start=None, end=None), motion)
        weights = span_weights(span_frames(spans, len(motion), motion.fps), len(motion), motion.fps)
        mixed = blend(motion.rotations, new, weights, indices)
        return replace(motion, rotations=mixed, extra=without_origin(motion.extra))

    def _anew(
        self,
        coded: np.ndarray,
        features: np.ndarray,
        span: tuple[int, int],
        wishes: Wishes,
        rng: np.random.Generator,
        settings: EmotionSampling,
    ) -> np.ndarray:
        """Coded motion [last - first, C] for a span of frames, prompted with what is before it."""
        first, last = span
        step, given = self.networks.downsample, self.networks.given
        count = -(-(last - first) // step)
        places = np.arange(first, first + count * step).clip(max=len(coded) - 1)
        before = np.arange(first - given * step, first).clip(0, len(coded) - 1)
        prompt = self.networks.encode(coded[before])
        emotion = np.repeat(wishes.emotion[:1], count, 0)
        latent = sample_latents(
            self.networks, features[places], replace(wishes, emotion=emotion), prompt, rng, settings
        )
        made = self.networks.decode(np.concatenate([prompt[-4:], latent]))[4 * step :][: last - first]
        return on_the_beat(made, features[first:last]) if settings.rhythm else made

    def _settings(self, variety: float | None) -> EmotionSampling:
        if variety is None:
            return self.sampling
        if not 0.0 <= variety <= MOST:
            raise UserError(f"variety must be from 0 to {MOST:g}; got {variety:g}")
        return replace(self.sampling, variety=variety)

    def _speaker(self, speaker: str | None) -> str:
        if speaker is None:
            return str(self.config.get("default_speaker", self.speakers[0]))
        style_weights(speaker, self.speakers)
        return speaker

    def _wishes(self, emotion: np.ndarray, intensity: float, speaker: str) -> Wishes:
        level = np.log(check_intensity(intensity)) + self._levels.get(speaker, 0.0)
        seen = np.array([name in self.emotions for name in EMOTIONS])
        strange = [EMOTIONS[k] for k in np.flatnonzero(emotion.any(0) & ~seen) if k]
        if strange:
            raise UserError(
                f"the model {self.name} has not learned {', '.join(strange)}; it knows "
                f"{', '.join(self.emotions) or 'no emotions, since its corpus names none'}"
            )
        asked = np.where(seen, emotion, 0.0)  # where nobody was called neutral, all zeros stand for it
        return Wishes(
            asked.astype(np.float32), style_weights(speaker, self.speakers), np.array([level, 1.0], dtype=np.float32)
        )

    def _prompt(self, start: Motion | None, speaker: str) -> np.ndarray:
        """[L, D] latents to go on from: the last poses of a motion, or rest."""
        step, steps = self.networks.downsample, self.networks.given
        if start is None:
            coded = self._rest(speaker)[None]
        else:
            own = start.resample(FPS) if len(start) > 1 else replace(start, fps=FPS)
            coded = Codec().encode(stand(replace(own, face=None, extra={})))[-steps * step :]
        lead = (steps + 4) * step - len(coded)  # what is not known before is held; the first steps settle
        return self.networks.encode(np.pad(coded, ((lead, 0), (0, 0)), mode="edge"))[4:]

    def _rest(self, speaker: str) -> np.ndarray:
        """Coded rest pose [C] of a speaker."""
        if self._rests is None:
            self._rests = self._folder.arrays("rest")
        if speaker not in self._rests:
            raise UserError(f"model folder {self.folder} lacks the rest pose of {speaker}; export the model again")
        return self._rests[speaker]


def _course(
    emotion: str | Mapping[str, float] | None, track: Sequence[Mood], frames: int, *, every: int = 1
) -> np.ndarray:
    """[ceil(frames / every), 10] weights of the emotions over time."""
    if track:
        return track_weights(checked(track), frames, every=every)
    return np.repeat(emotion_weights(emotion)[None], -(-frames // every), 0)


def _face(speech: Speech, weights: np.ndarray, *, seed: int, intensity: float) -> np.ndarray:
    """A face that speaks, [T, 52], in the moods of every moment by their weights [T, 10]."""
    present = np.flatnonzero(weights.max(0) >= FAINT)
    faces = [face_from_speech(speech, seed=seed, emotion=EMOTIONS[k], intensity=intensity) for k in present]
    if len(faces) == 1:
        return faces[0]
    share = weights[:, present] / weights[:, present].sum(1, keepdims=True)
    mixed: np.ndarray = np.einsum("tk,ktc->tc", share, np.stack(faces)[:, : len(share)]).astype(np.float32)
    return mixed


def _checked(folder: ModelFolder) -> EmotionSampling:
    """The sampler's settings of a model folder, after a look at the rest of its config.

    Raises:
        UserError: something is missing or of the wrong kind; the message names it.
    """
    config, path = folder.config, folder.folder / "config.json"
    check_gesturing(folder, KEYS, ("latent", "downsample", "given", "window", "chunk"))
    emotions = config.get("emotions", EMOTIONS)
    if not isinstance(emotions, list | tuple) or any(name not in EMOTIONS for name in emotions):
        raise UserError(f"{path}: emotions must be of {', '.join(EMOTIONS)}; got {emotions}")
    try:
        settings = dict(config.get("sampling", {}))
        diffusion = replace(EmotionSampling().diffusion, **settings.pop("diffusion", {}))
        return EmotionSampling(diffusion=diffusion, **settings)
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} has sampling settings that are not known ({error}); correct them") from None
