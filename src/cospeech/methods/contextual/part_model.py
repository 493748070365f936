"""The contextual method of bodies: words of body parts, masked and drawn, and the motion sampled between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ..base import BodyModel, EditedSpan, SampledMotion, octaves_of
from ..conditioning import Condition
from ..editing import padded
from ..flow.model import Plan
from ..flow_body import FlowBody
from ..model_folder import ModelFolder, check_gesturing, read_settings
from ..options import BodyOptions, GenerateOptions
from .graphs import OnnxNetworks
from .options import ContextualOptions
from .sampling import ContextualSampling, sample_words

KEYS = ("space",)  # of config.json, beside those of all methods
SIZES = ("codes", "layers", "downsample", "parts")  # whole numbers of its entry config


class PartModel(FlowBody, BodyModel[BodyOptions, Condition]):
    """Masked words of body parts, distilled from the alignment, and what they leave open sampled by the flow."""

    options: ClassVar[type[GenerateOptions]] = ContextualOptions
    samples_by_words = False
    networks: OnnxNetworks
    sampling: ContextualSampling

    def __init__(self, folder: ModelFolder) -> None:
        """Raises UserError if config.json lacks what this method needs."""
        check_gesturing(folder, KEYS, SIZES)
        super().__init__(folder)
        self.sampling = read_settings(folder, ContextualSampling())
        self.networks = OnnxNetworks(folder)

    def sample(
        self,
        features: np.ndarray,
        condition: Condition,
        options: BodyOptions,
        rng: np.random.Generator,
        words: Sequence[Any],
    ) -> SampledMotion:
        """From one pose to another, or from rest to rest."""
        plan = self.plan_between_poses(len(features), options)
        return SampledMotion(self._filled(features, condition, options, plan, rng))

    def resample(self, part: EditedSpan, options: Any, rng: np.random.Generator) -> np.ndarray:
        """Paper, "Video Gesture Editing": words of the span are opened and sampled between the kept ones."""
        opened = self.opened(part)
        condition = self.global_condition(options)
        return self._filled(part.features[opened.read], condition, options, opened.plan, rng)[opened.own]

    def _filled(
        self, features: np.ndarray, condition: Condition, options: BodyOptions, plan: Plan, rng: np.random.Generator
    ) -> np.ndarray:
        """Encoded motion [T, C] of a plan whose words are drawn where its parts are not given."""
        codes = np.where(plan.given > 0, self.parts.codes.encode(plan.known), -1)
        inputs = padded(features, self.networks.downsample)
        codes = sample_words(self.networks, inputs, condition, rng, self.sampling, known=codes)
        return self.parts.sample(features, condition, replace(plan, codes=codes, livelier=octaves_of(options)), rng)
