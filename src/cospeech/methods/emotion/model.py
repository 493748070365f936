"""The EmotionGesture method in use: speech, emotions and a pose in; one of many motions out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ...core.emotions import EMOTIONS
from ...core.errors import UserError
from ...core.timing import FPS
from ...motion.motion import Motion
from ...motion.procedural.face import face_from_speech
from ...speech.acoustics import DECIBELS, MEL, acoustics
from ...speech.speech import Speech
from ..base import LIVELIEST_FACE, BodyModel, Capabilities, EditedSpan, G, SampledMotion
from ..conditioning import CONVERSATION, Condition, emotion_weights, style_weights
from ..editing import encoded_pose, padded
from ..flow.latents import STACK
from ..model_folder import ModelFolder, check_gesturing, read_settings
from ..options import GenerateOptions
from .emotion_track import track_weights
from .graphs import OnnxNetworks
from .options import EmotionOptions
from .sampling import EmotionCondition, EmotionSampling, sample_latents

FAINT = 0.05  # weight below which an emotion does not show in the face
GAIN = -5.0  # dB by which the voices of training were softer on the mean (``data.prosody.other_voice``)
CALM = 0.5  # log odds for neutral: people are mostly calm, synthetic voices are not [D]
LISTEN = 60.0  # seconds of a voice that are listened to at once
SETTLING = 4  # steps before the first one, since a step is decoded with its neighbours

# What config.json may hold beside the keys of all methods.
KEYS = ("emotions", "latents_of", "made_voices")
SIZES = ("latent", "downsample", "given", "window", "chunk")


class EmotionModel(BodyModel[EmotionOptions, EmotionCondition]):
    """Gestures in an emotion, a mixture of emotions, or one that changes; each seed another take."""

    options: ClassVar[type[GenerateOptions]] = EmotionOptions
    samples_by_words = False
    networks: OnnxNetworks
    sampling: EmotionSampling

    def __init__(self, folder: ModelFolder) -> None:
        """Raises UserError if config.json lacks what this method needs."""
        check_gesturing(folder, KEYS, SIZES)
        _check_emotions(folder)
        super().__init__(folder)
        self.sampling = read_settings(folder, EmotionSampling())
        self.networks = OnnxNetworks(folder)
        self.capabilities = Capabilities(
            explains=True, detects_emotion=True, history_frames=self.networks.given * self.networks.downsample
        )

    def detect_emotion(self, speech: Speech) -> dict[str, float]:
        """How likely a voice is in each emotion, by name; they sum to one.

        It learned from synthetic voices (``data.prosody``): what it gives is a guess, and users see it.
        """
        return self.emotion_probabilities(acoustics(speech.resampled().samples))

    def emotion_probabilities(self, sound: np.ndarray) -> dict[str, float]:
        """The same of acoustics [T, 42] (``speech.acoustics``)."""
        sound = sound.copy()
        sound[:, MEL] += GAIN / DECIBELS
        size = int(LISTEN * FPS)
        parts = [sound[start : start + size] for start in range(0, len(sound), size)]
        logits = np.stack([self.networks.emotion_logits(part) for part in parts])
        share = np.array([len(part) for part in parts], dtype=np.float64)[:, None] / len(sound)
        mean = (logits * share).sum(0)
        mean[0] += CALM
        odds = np.exp(mean - mean.max())
        return dict(zip(EMOTIONS, (odds / odds.sum()).tolist(), strict=True))

    def resolve(self, options: G, speech: Speech | None) -> G:
        """Also: moods that change count, on the mean, as the mood of what is not step by step."""
        resolved = super().resolve(options, speech)
        assert isinstance(resolved, EmotionOptions)
        if not resolved.emotion_track:
            return resolved
        mean = track_weights(resolved.emotion_track, 1 if speech is None else speech.frames).mean(0)
        return replace(resolved, emotion={name: float(w) for name, w in zip(EMOTIONS, mean, strict=True) if w > 0})

    def condition(self, options: EmotionOptions, frames: int) -> EmotionCondition:
        """Emotion step by step, style and intensity.

        Raises:
            UserError: an emotion that was not in what the model learned from.
        """
        emotion = self._emotion_over_time(options, frames, every=self.networks.downsample)
        seen = np.array([name in self.emotions for name in EMOTIONS])
        strange = [EMOTIONS[k] for k in np.flatnonzero(emotion.any(0) & ~seen) if k]
        if strange:
            raise UserError(
                f"the model {self.name} has not learned {', '.join(strange)}; it knows "
                f"{', '.join(self.emotions) or 'no emotions, since its corpus names none'}"
            )
        learned = np.where(seen, emotion, 0.0)  # where nobody was called neutral, all zeros stand for it
        return EmotionCondition(
            learned.astype(np.float32),
            style_weights(self.speaker(options.speaker), self.speakers),
            np.array([self.level(options), 1.0], dtype=np.float32),
        )

    def sample(
        self,
        features: np.ndarray,
        condition: EmotionCondition,
        options: EmotionOptions,
        rng: np.random.Generator,
        words: Sequence[Any],
    ) -> SampledMotion:
        """Latents that continue those of the start pose, or of rest."""
        step, settings = self.networks.downsample, self._settings(options)
        prompt = self._prompt(options)
        latent = sample_latents(self.networks, padded(features, step), condition, prompt, rng, settings)
        explanation = {"method": "emotion", "model": self.name, "variety": settings.variety}
        encoded = self._decode(prompt, latent)[: len(features)]
        encoded = self.enlivened(encoded, features, self._of_flow(condition, options), options, rng)
        return SampledMotion(encoded, explanation=explanation)

    def face_weights(self, speech: Speech, options: EmotionOptions, body: Motion) -> np.ndarray:
        """ARKit weights [T, 52] of a face that speaks, in the emotions of every frame, for a finished body."""
        talks = options.emotion == CONVERSATION and not options.emotion_track
        moods = {CONVERSATION: 1.0} if talks else self.moods(options, len(body))
        intensity = min(LIVELIEST_FACE, options.intensity)
        return face_from_speech(speech, seed=options.seed, emotion=moods, intensity=intensity, body=body)

    def moods(self, options: EmotionOptions, frames: int) -> Mapping[str, float | np.ndarray]:
        """Weights of emotions by name, [T] of each frame."""
        weights = self._emotion_over_time(options, frames)
        present = np.flatnonzero(weights.max(0) >= FAINT)
        share = weights[:, present] / weights[:, present].sum(1, keepdims=True)
        return {EMOTIONS[k]: share[:, column] for column, k in enumerate(present.tolist())}

    def resample(self, part: EditedSpan, options: Any, rng: np.random.Generator) -> np.ndarray:
        """The span is prompted with what is before it."""
        first, last = part.span
        step, steps = self.networks.downsample, self.networks.given
        count = -(-(last - first) // step)
        frames = np.arange(first, first + count * step).clip(max=len(part.encoded) - 1)
        before = np.arange(first - steps * step, first).clip(0, len(part.encoded) - 1)
        prompt = self.networks.encode(part.encoded[before])
        condition = self.condition(options, 1)
        condition = replace(condition, emotion=np.repeat(condition.emotion, count, 0))
        latent = sample_latents(self.networks, part.features[frames], condition, prompt, rng, self._settings(options))
        new = self._decode(prompt, latent)[: last - first]
        flow = self._of_flow(replace(condition, emotion=condition.emotion[:1]), options)
        return self.enlivened_span(new, part, flow, options, rng)

    def _of_flow(self, condition: EmotionCondition, options: EmotionOptions) -> Condition:
        """The condition as the flow takes it, with an emotion for every latent; its intensity needs no calibration."""
        steps, step = len(condition.emotion), self.networks.downsample
        place = np.arange(-(-steps * step // STACK)) * STACK // step
        intensity = np.array([[np.log(options.intensity), 1.0]], dtype=np.float32)
        return Condition(condition.emotion[place.clip(max=steps - 1)], condition.style[None], intensity)

    def _decode(self, prompt: np.ndarray, latent: np.ndarray) -> np.ndarray:
        """Encoded motion of latents [N, D] that follow a prompt."""
        around = np.concatenate([prompt[-SETTLING:], latent])
        return self.networks.decode(around)[SETTLING * self.networks.downsample :]

    def _emotion_over_time(self, options: EmotionOptions, frames: int, *, every: int = 1) -> np.ndarray:
        """[ceil(frames / every), 10] weights of the emotions."""
        if options.emotion_track:
            return track_weights(options.emotion_track, frames, every=every)
        return np.repeat(emotion_weights(options.emotion, known=self.emotions)[None], -(-frames // every), 0)

    def _settings(self, options: EmotionOptions) -> EmotionSampling:
        return self.sampling if options.variety is None else replace(self.sampling, variety=options.variety)

    def _prompt(self, options: EmotionOptions) -> np.ndarray:
        """[L, D] latents to continue: the last poses of a motion, or rest."""
        step, steps, start = self.networks.downsample, self.networks.given, options.start_pose
        if start is None:
            encoded = self.rest(options.speaker)[None]
        else:
            encoded = encoded_pose(start.resample(FPS) if len(start) > 1 else start)[-steps * step :]
        lead = (steps + SETTLING) * step - len(encoded)  # what is not known before is held; the first steps settle
        return self.networks.encode(np.pad(encoded, ((lead, 0), (0, 0)), mode="edge"))[SETTLING:]


def _check_emotions(folder: ModelFolder) -> None:
    """Raises UserError unless ``emotions`` of config.json are known ones."""
    emotions = folder.config.get("emotions", EMOTIONS)
    if not isinstance(emotions, list | tuple) or any(name not in EMOTIONS for name in emotions):
        path = folder.folder / "config.json"
        raise UserError(f"{path}: emotions must be of {', '.join(EMOTIONS)}; got {emotions}")
