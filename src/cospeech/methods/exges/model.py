"""The ExGes method in use: speech in, real gestures out, joined and completed by diffusion."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from ...core.timing import FPS, seconds_to_frame
from ...motion.codec import Codec
from ...motion.gestures.gesture import Gesture
from ...sampling.edit import joint_indices
from ...speech.cues.cue import GestureCue
from ...speech.features import FEATURE_DIM
from ...speech.speech import Speech
from ..base import BodyModel, Capabilities, EditedSpan, SampledMotion
from ..conditioning import Condition, emotion_weights, strongest
from ..editing import Span, StepWindow, encoded_pose, in_place, padded
from ..model_folder import ModelFolder, check_gesturing, read_settings
from ..motion_constraint import MotionConstraint, joined
from ..options import GenerateOptions
from .graphs import OnnxNetworks
from .options import ExGesOptions
from .pose_mask import Constraint, columns_of, propose
from .references import Library, Reference
from .sampling import ExGesSampling, sample_latents

KEYS = ("base",)  # of config.json, beside those of all methods
AROUND = 24  # steps that are read on either side of an edit
HELD = 6  # steps for which a pose is held while it is encoded


@dataclass(frozen=True)
class Wanted:
    """What a motion is made of."""

    features: np.ndarray  # [T, F] of the speech
    condition: Condition
    options: ExGesOptions
    words: Sequence[Any]  # that are said
    share: float  # of the retrieved gestures, that is kept
    constraints: Sequence[MotionConstraint]  # that are met exactly


class ExGesModel(BodyModel[ExGesOptions, Condition]):
    """Gestures out of a library, joined by diffusion; without a library by diffusion alone.

    ``motion.extra["explain"]`` says which gesture of the library is used where, and why.
    """

    options: ClassVar[type[GenerateOptions]] = ExGesOptions
    capabilities = Capabilities(explains=True, takes_library=True)
    networks: OnnxNetworks
    sampling: ExGesSampling

    def __init__(self, folder: ModelFolder) -> None:
        """Raises UserError if config.json lacks what this method needs."""
        check_gesturing(folder, KEYS, ("latent", "downsample"))
        super().__init__(folder)
        self.sampling = read_settings(folder, ExGesSampling())
        self.networks = OnnxNetworks(folder)
        self.library: Library | None = None

    def with_library(self, library: Library | None) -> Self:
        """The same model with another library, or with none."""
        other = copy(self)
        other.library = library
        return other

    def answered(self, cues: Sequence[GestureCue], speech: Speech) -> tuple[Sequence[GestureCue], Sequence[Gesture]]:
        """Recorded segments of the library compete with the dictionary's gestures."""
        if self.library is None or not cues:
            return cues, ()
        return self.library.answered(cues, speech.words, speech.features)

    @property
    def own_gestures(self) -> Path | None:
        """The folder of the library, which may have named gestures."""
        return None if self.library is None else self.library.folder

    def sample(
        self,
        features: np.ndarray,
        condition: Condition,
        options: ExGesOptions,
        rng: np.random.Generator,
        words: Sequence[Any],
    ) -> SampledMotion:
        """Motion round retrieved gestures, constraints and the poses at both ends."""
        share = self.sampling.faithfulness if options.faithfulness is None else options.faithfulness
        constraints = self.resolve_constraints(options, len(features) / FPS)
        wanted = Wanted(features, condition, options, words, share, constraints)
        encoded, spans, used = self.completed(wanted, rng)
        return SampledMotion(encoded, joined(spans), self._explanation(wanted, used))

    def completed(
        self, wanted: Wanted, rng: np.random.Generator
    ) -> tuple[np.ndarray, list[Span], list[dict[str, Any]]]:
        """Encoded motion by diffusion, the frames of its constraints, and the references as they were used."""
        settings, step, frames = self.sampling, self.networks.downsample, len(wanted.features)
        inputs = padded(wanted.features, step)
        constraint = Constraint.none(len(inputs))
        spans = [_insist(constraint, requested, frames) for requested in wanted.constraints]
        references = self.references(wanted)
        placed = propose(constraint, references, faithfulness=wanted.share, step=step, rng=rng)
        if not placed:
            settings = replace(settings, diffusion=settings.alone)
        known = self._ends(len(inputs) // step, wanted.options, constraint)
        latent = sample_latents(self.networks, inputs, wanted.condition, constraint, rng, settings, known=known)
        used = [reference.as_dict(rate, span) for reference, span, rate in placed]
        return self.networks.decode(latent)[:frames], spans, used

    def _explanation(self, wanted: Wanted, used: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "faithfulness": wanted.share,
            "base": None if self.library is None else self.library.name,
            "used": used,
            "pins": [requested.as_dict() for requested in wanted.constraints],
        }

    def resample(self, part: EditedSpan, options: Any, rng: np.random.Generator) -> np.ndarray:
        """What lies outside the span is known to the diffusion."""
        step, networks = self.networks.downsample, self.networks
        window = StepWindow.around(part.span, len(part.encoded), step, AROUND)
        read = window.frames(step)
        known = networks.encode(part.encoded[read])
        known[window.inside] = np.nan
        condition = self.global_condition(options)
        latent = sample_latents(
            networks,
            part.features[read],
            condition,
            Constraint.none(len(part.features[read])),
            rng,
            replace(self.sampling, diffusion=self.sampling.alone),
            known=known,
        )
        return networks.decode(latent)[window.of_span(part.span, step)]

    def references(self, wanted: Wanted) -> list[Reference]:
        """Gestures of the library that go with the speech."""
        if self.library is None or self.sampling.rule == "none" or not wanted.share:
            return []
        options = wanted.options
        return self.library.references(
            wanted.features[:, :FEATURE_DIM],
            tuple(wanted.words),
            speaker=self.speaker(options.speaker),
            emotion=strongest(emotion_weights(options.emotion, known=self.emotions)),
            liveliness=options.intensity,
            seed=options.seed,
            rule=self.sampling.rule,
        )

    def _ends(self, count: int, options: ExGesOptions, constraint: Constraint) -> np.ndarray:
        """[N, D] latents that are known: the poses at both ends, NaN between."""
        known = np.full((count, self.networks.latent), np.nan, dtype=np.float32)
        for pose, place in ((options.start_pose, 0), (options.end_pose, count - 1)):
            if count < 3 and place:
                continue
            held = self.rest(options.speaker) if pose is None else encoded_pose(pose)[0]
            if constraint.hard[place * self.networks.downsample].any():
                continue  # a user's own pose is there
            latents = self.networks.encode(np.repeat(held[None], HELD * self.networks.downsample, 0))
            known[place] = latents[HELD // 2]
        return known


def constraint_frames(requested: MotionConstraint, frames: int) -> tuple[np.ndarray, Span, list[int]]:
    """Encoded motion [L, C] of a checked motion constraint, its frames of so many, and its columns of a mask."""
    first = seconds_to_frame(requested.start)
    last = min(frames, first + len(requested.motion))
    encoded = Codec().encode(in_place(requested.motion))[: last - first]
    return encoded, (first, last), columns_of(joint_indices(requested.joints))


def _insist(constraint: Constraint, requested: MotionConstraint, frames: int) -> Span:
    """Write a checked motion constraint into the constraint of the networks; its frames."""
    encoded, span, columns = constraint_frames(requested, frames)
    constraint.insist(encoded, span[0], columns)
    return span
