"""Do hands pass through the other hand or through the trunk: the share of frames, and how deep.

On the solids of ``motion.procedural.body_solids``, which follow the default avatar's mesh. Unlike ``collisions``, which
asks whether middle lines of a limb are inside, this asks whether surfaces pass through each other, so it also finds
fingers in a belly. Real recordings on a body that is not theirs have much of it; put their share beside. [D]
"""

from __future__ import annotations

from collections.abc import Sequence

from ..motion.motion import Motion
from ..motion.procedural.contact import TOLERANCE, penetration
from .base import DEFAULT, Bootstrap, Label, MeanMetric
from .inputs import check_canonical


def through_share(motions: Sequence[Motion]) -> float:
    """Share of all frames of canonical motions with a hand through the other hand or the trunk; 0 without frames."""
    frames = sum(len(motion) for motion in motions)
    found = sum(int((penetration(motion).hand > TOLERANCE).sum()) for motion in motions)
    return found / max(frames, 1)


class HandThrough(MeanMetric):
    """Share of frames in which a hand is deeper than ``TOLERANCE`` in the other hand or in the trunk.

    The trunk is pelvis, belly, chest and thighs. Depth is that of the deepest pair of solids, metres:
    radius a + radius b - distance of their cores.
    """

    def __init__(self, *, bootstrap: Bootstrap = DEFAULT) -> None:
        convention = f"share of frames: a hand more than {TOLERANCE:g} m in the other one or in trunk or thighs"
        super().__init__(Label("hand_through", "1", "frames", convention, "lower"), bootstrap)

    def update(self, motion: Motion, *, clip: str) -> None:
        """Take a clip on the canonical skeleton; one without frames is left out."""
        check_canonical(motion, clip=clip)
        if not len(motion):
            self.left_out += 1
            return
        self.add(float((penetration(motion).hand > TOLERANCE).sum()), len(motion), clip=clip)
