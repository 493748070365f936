"""What methods share whose bodies the flow moves: plans between poses, and spans that are opened for an edit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .base import AROUND, EditedSpan
from .editing import StepWindow, encoded_pose
from .flow.latents import PARTS, STACK
from .flow.model import MotionFlow, Plan
from .options import BodyOptions


@dataclass(frozen=True)
class OpenedSpan:
    """A span of an edit with what is around it."""

    read: slice  # frames of the motion that the flow sees
    own: slice  # of these, the span
    plan: Plan  # all but the span is given


class FlowBody:
    """Part of a ``BodyModel`` whose motion is sampled by its flow."""

    flow: MotionFlow | None
    rest: Callable[[str | None], np.ndarray]

    @property
    def parts(self) -> MotionFlow:
        """The flow, which such a model has."""
        assert self.flow is not None
        return self.flow

    def plan_between_poses(self, frames: int, options: BodyOptions) -> Plan:
        """Nothing decided but the first and the last latent: the poses that are requested, else the speaker's rest."""
        count = -(-frames // STACK)
        plan = Plan.free(count, self.parts.latents.size)
        for pose, place in ((options.start_pose, 0), (options.end_pose, count - 1)):
            if count > 2 or not place:
                held = self.rest(options.speaker) if pose is None else encoded_pose(pose)[0]
                plan.known[place] = self.parts.latents.still(held)
                plan.given[place] = 1.0
        return plan

    def opened(self, part: EditedSpan) -> OpenedSpan:
        """A plan in which all is given but the span."""
        window = StepWindow.around(part.span, len(part.encoded), STACK, AROUND)
        read = window.frames(STACK)
        known = self.parts.latents.encode(part.encoded[read])
        given = np.ones((len(known), len(PARTS)))
        given[window.inside] = 0.0
        plan = Plan(np.full(given.shape, -1), known, given)
        return OpenedSpan(read, window.of_span(part.span, STACK), plan)
