"""ExGes with a flow: retrieved gestures as they are, and the flow between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...core.timing import FPS
from ..base import EditedSpan, SampledMotion, octaves_of
from ..conditioning import Condition
from ..flow.model import Plan, has_flow
from ..flow_body import FlowBody
from ..model_folder import ModelFolder
from .model import ExGesModel, constraint_frames
from .motion_constraint import MotionConstraint, joined
from .options import ExGesOptions
from .placement import place_references


def open_model(folder: ModelFolder) -> ExGesModel:
    """The model of a folder, with a flow or without.

    Raises:
        UserError: config.json lacks what is needed.
    """
    return FlowExGesModel(folder) if has_flow(folder) else ExGesModel(folder)


class FlowExGesModel(FlowBody, ExGesModel):
    """Retrieved gestures are given to the flow (``placement``), which samples what they leave open.

    Without a library, or where no gesture goes with the voice, the flow gestures alone. Neither denoiser nor tokenizer
    is used.
    """

    def __init__(self, folder: ModelFolder) -> None:
        """Raises UserError if config.json lacks what this method needs."""
        super().__init__(folder)
        assert self.flow is not None  # ``open_model`` looked
        self.parts = self.flow

    def sample(
        self,
        features: np.ndarray,
        condition: Condition,
        options: ExGesOptions,
        rng: np.random.Generator,
        words: Sequence[Any],
    ) -> SampledMotion:
        """Latents sampled round retrieved gestures, constraints and the poses at both ends."""
        share = self.sampling.faithfulness if options.faithfulness is None else options.faithfulness
        constraints = self.resolve_constraints(options, len(features) / FPS)
        plan, spans = self.plan_between_poses(len(features), options), []
        for requested in constraints:
            spans.append(self._insist(plan, requested, len(features)))
        plan = replace(plan, livelier=octaves_of(options))
        plan = replace(plan, levels=self.parts.levels(features, condition, plan, rng))
        references = self._references(features, words, options) if share > 0 else []
        plan, placed = place_references(plan, references, self.parts.latents, features, faithfulness=share, rng=rng)
        used = [{**p.reference.as_dict(p.rate, p.frames), "size": round(p.size, 3)} for p in placed]
        explanation = self.explanation(share, used, constraints)
        return SampledMotion(self.parts.sample(features, condition, plan, rng), joined(spans), explanation)

    def resample(self, part: EditedSpan, options: Any, rng: np.random.Generator) -> np.ndarray:
        """What lies outside the span is given; the flow samples the span."""
        opened = self.opened(part)
        plan = replace(opened.plan, livelier=octaves_of(options))
        condition = self.global_condition(options)
        return self.parts.sample(part.features[opened.read], condition, plan, rng)[opened.own]

    def _insist(self, plan: Plan, requested: MotionConstraint, frames: int) -> tuple[int, int]:
        """Give the latents of a checked motion constraint, of the parts all of whose joints it has; its frames."""
        encoded, span, columns = constraint_frames(requested, frames)
        self.parts.give(plan, encoded, span[0], columns)
        return span
