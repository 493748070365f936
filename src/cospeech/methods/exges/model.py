"""The ExGes method in use: speech in, real gestures out, joined and completed by diffusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from ...core.errors import UserError
from ...core.timing import FPS, seconds_to_frame
from ...motion.codec import Codec
from ...motion.motion import Motion
from ...motion.procedural.face import face_from_speech
from ...motion.procedural.posture import stand
from ...motion.representation import representation
from ...sampling.edit import blend, joint_indices, span_frames, span_weights, time_spans
from ...speech.encoders.inputs import SpeechInputs
from ...speech.speech import Speech
from ..conditioning import check_intensity, check_length, emotion_weights, generator, strongest, style_weights, wished
from ..contextual.sampling import Condition
from ..editing import facing_front, in_place, onto, without_origin
from ..model_folder import ModelFolder, check_gesturing
from ..postprocessing import embodied, on_the_beat
from .motion_constraint import Pin, checked, joined, pinned
from .pose_mask import Constraint, columns_of, propose
from .references import Library
from .sampling import ExGesSampling, sample_latents

AROUND = 24  # steps that are read on either side of an edit

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
    "base",
}


class OnnxNetworks:
    """The exported graphs, as ``sample_latents`` wants them; each is opened when first used."""

    def __init__(self, folder: ModelFolder) -> None:
        self._folder = folder
        sizes = folder.config["config"]
        self.latent: int = sizes["latent"]
        self.downsample: int = sizes["downsample"]
        self.sound: int = sizes.get("features", 48)
        self.words: int = sizes.get("words", 0)

    @cached_property
    def _graphs(self) -> dict[str, Any]:
        return {}

    def _graph(self, name: str) -> Any:
        if name not in self._graphs:
            self._graphs[name] = self._folder.graph(name)
        return self._graphs[name]

    def speech(self, features: np.ndarray) -> np.ndarray:
        """[T, F] -> [T / downsample, W]."""
        parts = [features[:, : self.sound]]
        if self.words:
            parts.append(features[:, self.sound : self.sound + self.words])
        made: np.ndarray = self._graph("speech")(*(np.ascontiguousarray(part[None]) for part in parts))[0]
        return made

    def denoise(
        self,
        x: np.ndarray,
        alpha: np.ndarray,
        sigma: np.ndarray,
        pose: np.ndarray,
        mask: np.ndarray,
        speech: np.ndarray,
        condition: Condition,
    ) -> np.ndarray:
        """One estimate of x_0, see ``sample.Networks``."""
        size = len(x)
        wishes = (np.repeat(v[:1], size, 0) for v in (condition.emotion, condition.style, condition.intensity))
        made: np.ndarray = self._graph("denoiser")(x, alpha, sigma, pose, mask, speech, *wishes)
        return made

    def encode(self, motion: np.ndarray) -> np.ndarray:
        """Coded motion [T, C] -> scaled latents."""
        made: np.ndarray = self._graph("encoder")(np.ascontiguousarray(motion[None]))[0]
        return made

    def decode(self, latent: np.ndarray) -> np.ndarray:
        """Scaled latents -> coded motion [T, C]."""
        made: np.ndarray = self._graph("decoder")(np.ascontiguousarray(latent[None]))[0]
        return made


class ExGesModel:
    """Gestures out of a library, joined by diffusion; without a library by diffusion alone."""

    def __init__(self, folder: ModelFolder) -> None:
        """Raises UserError if config.json lacks what this method needs."""
        self.sampling = _checked(folder)
        self.config = folder.config
        self.folder = folder.folder
        self.name: str = folder.config.get("name", folder.folder.name)
        self.speakers: tuple[str, ...] = tuple(folder.config["styles"])  # whose manner the model has learned
        self.networks = OnnxNetworks(folder)
        self.inputs = SpeechInputs.of_model(folder.config, folder.folder)
        self.representation = representation("body")
        self.library: Library | None = None
        self._folder = folder
        self._levels: dict[str, float] = folder.config.get("calibration", {}).get("intensity", {})

    @cached_property
    def _rest(self) -> dict[str, np.ndarray]:
        """Coded rest pose [C] of every speaker."""
        rest = self._folder.arrays("rest")
        missing = [name for name in self.speakers if name not in rest]
        if missing:
            raise UserError(
                f"model folder {self.folder} lacks the rest pose of {', '.join(missing)}; export the model again"
            )
        return rest

    def with_library(self, library: Library | None) -> ExGesModel:
        """The same model with another library, or with none."""
        other = self.with_sampling()
        other.library = library
        return other

    def with_sampling(self, **changes: Any) -> ExGesModel:
        """The same model with other settings of the sampler (see ``ExGesSampling``)."""
        other = ExGesModel(self._folder)
        other.networks, other.inputs, other.library = self.networks, self.inputs, self.library
        other.sampling = replace(self.sampling, **changes)
        return other

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
        faithfulness: float | None = None,
        pins: Sequence[Pin] = (),
    ) -> Motion:
        """Gestures for a speech, exactly as long as it; the same input and seed give the same motion.

        ``motion.extra["explain"]`` tells which gesture of the library stands where, and why.

        Args:
            emotion: a name, or weights by name; the speech's own or neutral if None.
            intensity: how lively, 1.0 is the speaker's own mean in this emotion; 0.25 to 2.5.
            speaker: whose manner (see ``speakers``); the model's default if None.
            seated: sit instead of stand.
            face: lips, blinks and expression too.
            start_pose: canonical motion whose first frame is the pose to begin in; rest if None.
            end_pose: canonical motion whose last frame is the pose to end in; rest if None.
            faithfulness: how much of the retrieved gestures is kept, 0 (nothing) to 1 (all); the model's
                own setting if None.
            pins: motions that must be met exactly.
        Raises:
            UserError: an emotion, speaker, intensity, seed or faithfulness that cannot be, or a pose on
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
            start_pose=start_pose,
            end_pose=end_pose,
            faithfulness=faithfulness,
            pins=pins,
            words=speech.words,
        )
        if not face:
            return motion
        return motion.with_face(
            face_from_speech(
                speech, seed=seed, emotion=strongest(emotion_weights(emotion)), intensity=min(1.5, intensity)
            )
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
        faithfulness: float | None = None,
        pins: Sequence[Pin] = (),
        words: Sequence[Any] = (),
    ) -> Motion:
        """Gestures without a face for speech features [T, F], T frames long; see ``generate``."""
        rng, settings = generator(seed), self.sampling
        speaker = self._speaker(speaker)
        condition = self._condition(emotion, intensity, speaker)
        share = settings.faithfulness if faithfulness is None else faithfulness
        if not 0.0 <= share <= 1.0:
            raise UserError(f"faithfulness must be from 0 to 1; got {share:g}")
        step, frames = self.networks.downsample, len(features)
        count = -(-frames // step)
        padded = np.pad(features, ((0, count * step - frames), (0, 0)), mode="edge")
        constraint = Constraint.none(count * step)
        start = None if start_pose is None else facing_front(start_pose[:1])
        end = None if end_pose is None else facing_front(end_pose[-1:])
        pins = [checked(pin, frames / FPS) for pin in pins]
        spans = [self._insist(constraint, pin, frames) for pin in pins]
        references = []
        if self.library is not None and settings.rule != "none" and share > 0:
            references = self.library.references(
                features[:, :48],
                tuple(words),
                speaker=speaker,
                emotion=strongest(emotion_weights(emotion)),
                liveliness=intensity,
                seed=seed,
                rule=settings.rule,
            )
        placed = propose(constraint, references, faithfulness=share, step=step, rng=rng)
        if not placed:
            settings = replace(settings, diffusion=settings.alone)
        known = self._ends(count, speaker, start, end, constraint)
        latent = sample_latents(self.networks, padded, condition, constraint, rng, settings, known=known)
        coded = self.networks.decode(latent)[:frames]
        if settings.rhythm:
            coded = on_the_beat(coded, features, fixed=joined(spans))
        motion = embodied(coded, features, seed=seed, seated=seated, start=start, end=end)
        if pins:
            motion = pinned(motion, pins, begun=start is not None, ended=end is not None)
        told = [reference.as_dict(rate, span) for reference, span, rate in placed]
        explain = {
            "method": "exges",
            "model": self.name,
            "faithfulness": share,
            "base": None if self.library is None else self.library.name,
            "used": told,
            "pins": [
                {
                    "start": round(p.start, 3),
                    "end": round(p.end, 3),
                    "joints": list(p.joints) or "all",
                    "source": p.source,
                }
                for p in pins
            ],
        }
        return replace(motion, extra={**motion.extra, "explain": explain})

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
    ) -> Motion:
        """The motion with other gestures in the spans and joints that are named; all else keeps its bits.

        As the contextual method's; what lies outside the spans is given to the diffusion.
        """
        spans, indices = time_spans(span, motion.seconds), joint_indices(joints)
        check_length(motion, speech)
        emotion, speaker = wished(speech, emotion, speaker, self.speakers)
        speaker, rng = self._speaker(speaker), generator(seed)
        condition = self._condition(emotion, intensity, speaker)
        coded = Codec().encode(in_place(motion))
        features = self.inputs(speech, len(coded))
        made = self._resampled(coded, features, span_frames(spans, len(coded), FPS), condition, rng)
        new = onto(embodied(made, features, seed=seed, seated=False, start=None, end=None), motion)
        weights = span_weights(span_frames(spans, len(motion), motion.fps), len(motion), motion.fps)
        mixed = blend(motion.rotations, new, weights, indices)
        return replace(motion, rotations=mixed, extra=without_origin(motion.extra))

    def _resampled(
        self,
        coded: np.ndarray,
        features: np.ndarray,
        spans: Sequence[tuple[int, int]],
        condition: Condition,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Coded motion [T, C] whose spans are made anew."""
        step, frames = self.networks.downsample, len(coded)
        count = -(-frames // step)
        fill = ((0, count * step - frames), (0, 0))
        features, result = np.pad(features, fill, mode="edge"), np.pad(coded, fill, mode="edge")
        for first, last in spans:
            low, high = first // step, -(-last // step)
            start, stop = max(0, low - AROUND), min(count, high + AROUND)
            part = slice(start * step, stop * step)
            known = self.networks.encode(result[part])
            known[low - start : high - start] = np.nan
            latent = sample_latents(
                self.networks,
                features[part],
                condition,
                Constraint.none((stop - start) * step),
                rng,
                replace(self.sampling, diffusion=self.sampling.alone),
                known=known,
            )
            new = self.networks.decode(latent)[first - start * step : last - start * step]
            result[first:last] = on_the_beat(new, features[first:last]) if self.sampling.rhythm else new
        return result[:frames]

    def _speaker(self, speaker: str | None) -> str:
        if speaker is None:
            return str(self.config.get("default_speaker", self.speakers[0]))
        style_weights(speaker, self.speakers)
        return speaker

    def _condition(self, emotion: str | Mapping[str, float] | None, intensity: float, speaker: str) -> Condition:
        level = np.log(check_intensity(intensity)) + self._levels.get(speaker, 0.0)
        return Condition(
            emotion_weights(emotion)[None],
            style_weights(speaker, self.speakers)[None],
            np.array([[level, 1.0]], dtype=np.float32),
        )

    def _ends(
        self, count: int, speaker: str, start: Motion | None, end: Motion | None, constraint: Constraint
    ) -> np.ndarray:
        """[N, D] latents that are given: the poses at both ends, NaN between."""
        known = np.full((count, self.networks.latent), np.nan, dtype=np.float32)
        for pose, place in ((start, 0), (end, count - 1)):
            if count < 3 and place:
                continue
            held = self._rest[speaker] if pose is None else _coded_pose(pose)
            if constraint.hard[place * self.networks.downsample].any():
                continue  # a user's own pose is there
            latents = self.networks.encode(np.repeat(held[None], 6 * self.networks.downsample, 0))
            known[place] = latents[3]
        return known

    def _insist(self, constraint: Constraint, pin: Pin, frames: int) -> tuple[int, int]:
        """Write a checked pin into the constraint; its frames."""
        first = seconds_to_frame(pin.start)
        last = min(frames, first + len(pin.motion))
        coded = Codec().encode(in_place(pin.motion))[: last - first]
        constraint.insist(coded, first, columns_of(joint_indices(pin.joints)))
        return first, last


def _coded_pose(pose: Motion) -> np.ndarray:
    """[C] of a canonical motion of one frame."""
    coded: np.ndarray = Codec().encode(stand(replace(pose, fps=FPS, face=None, extra={})))[0]
    return coded


def _checked(folder: ModelFolder) -> ExGesSampling:
    """The sampler's settings of a model folder, after a look at the rest of its config.

    Raises:
        UserError: something is missing or of the wrong kind; the message names it.
    """
    config, path = folder.config, folder.folder / "config.json"
    check_gesturing(folder, KEYS, ("latent", "downsample"))
    settings = dict(config.get("sampling", {}))
    try:
        given, alone = settings.pop("diffusion", {}), settings.pop("alone", {})
        sampling = ExGesSampling(**settings)
        return replace(sampling, diffusion=replace(sampling.diffusion, **given), alone=replace(sampling.alone, **alone))
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} has sampling settings that are not known ({error}); correct them") from None
