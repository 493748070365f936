"""ExGes with a flow: retrieved gestures as they are, and the flow between them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..base import EditedSpan, octaves_of
from ..editing import Span
from ..flow.model import Plan, has_flow
from ..flow_body import FlowBody
from ..model_folder import ModelFolder
from ..motion_constraint import MotionConstraint
from .model import ExGesModel, Wanted, constraint_frames
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

    def completed(
        self, wanted: Wanted, rng: np.random.Generator
    ) -> tuple[np.ndarray, list[Span], list[dict[str, Any]]]:
        """Encoded motion by the flow, the frames of its constraints, and the references as they were used."""
        features, options = wanted.features, wanted.options
        plan = self.plan_between_poses(len(features), options)
        spans = [self._insist(plan, requested, len(features)) for requested in wanted.constraints]
        plan = replace(plan, livelier=octaves_of(options))
        levels = self.parts.levels(features, wanted.condition, plan, rng)
        references = self.references(wanted)
        plan, placed = place_references(
            replace(plan, levels=levels), references, self.parts.latents, features, faithfulness=wanted.share, rng=rng
        )
        used = [{**place.reference.as_dict(place.rate, place.frames), "size": round(place.size, 3)} for place in placed]
        return self.parts.sample(features, wanted.condition, plan, rng), spans, used

    def resample(self, part: EditedSpan, options: Any, rng: np.random.Generator) -> np.ndarray:
        """What lies outside the span is given; the flow samples the span."""
        opened = self.opened(part)
        plan = replace(opened.plan, livelier=octaves_of(options))
        condition = self.global_condition(options)
        return self.parts.sample(part.features[opened.read], condition, plan, rng)[opened.own]

    def _insist(self, plan: Plan, requested: MotionConstraint, frames: int) -> Span:
        """Give the latents of a checked motion constraint, of the parts all of whose joints it has; its frames."""
        encoded, span, columns = constraint_frames(requested, frames)
        self.parts.give(plan, encoded, span[0], columns)
        return span
