"""The face as SMPL-X has it <-> the numbers that networks see: FLAME expressions and the jaw.

BEAT2 gives 100 expression coefficients a frame, which the reader of npz files keeps in
``motion.extra["per_frame"]["smplx/expressions"]``; the jaw is a joint of the canonical skeleton. Together
they are "SMPL-X with expressions", on which the paper's table 5 rests. The channels are a decision of
ours [D]; eyes are left out, since BEAT2's hardly move.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..core.errors import UserError
from ..core.rotation import matrix_from_6d, matrix_to_6d
from .motion import Motion

EXPRESSIONS = 100  # FLAME coefficients
KEY = "smplx/expressions"  # in motion.extra["per_frame"], [T, 100]


@dataclass(frozen=True)
class ExpressionCodec:
    """The modality ``face`` of the representation ``smplx``. Slices: ``expressions`` (no unit), ``jaw`` (6D)."""

    @property
    def modality(self) -> str:
        """Its name in a representation."""
        return "face"

    @property
    def slices(self) -> dict[str, slice]:
        """Group -> channels."""
        return {"expressions": slice(0, EXPRESSIONS), "jaw": slice(EXPRESSIONS, EXPRESSIONS + 6)}

    @property
    def channels(self) -> int:
        """C = 106."""
        return EXPRESSIONS + 6

    @property
    def seen(self) -> int:
        """All of them."""
        return self.channels

    @property
    def value_range(self) -> dict[str, float]:
        """BEAT2's coefficients reach 6; a dataset keeps 16, in steps of 0.0005."""
        return {"expressions": 16.0, "jaw": 1.0}

    def encode(self, motion: Motion) -> np.ndarray:
        """Canonical motion with expressions -> [T, 106] float32.

        Raises:
            UserError: the motion has no expressions, or not 100 of them.
        """
        values = motion.extra.get("per_frame", {}).get(KEY)
        if values is None or values.shape != (len(motion), EXPRESSIONS):
            got = "none" if values is None else list(values.shape)
            raise UserError(f"a face needs expressions [{len(motion)}, {EXPRESSIONS}], as BEAT2 has; got {got}")
        jaw = matrix_to_6d(motion.rotations[:, motion.skeleton.index("jaw")])
        return np.concatenate([values, jaw.reshape(len(motion), 6)], axis=1).astype(np.float32)

    def decode(self, channels: np.ndarray, body: Motion) -> Motion:
        """A canonical body [T] with the face of [T, 106]: jaw turned, expressions in ``extra``."""
        rotations = body.rotations.copy()
        rotations[:, body.skeleton.index("jaw")] = matrix_from_6d(channels[:, self.slices["jaw"]])
        values = np.ascontiguousarray(channels[:, self.slices["expressions"]], dtype=np.float32)
        per_frame = {**body.extra.get("per_frame", {}), KEY: values}
        return replace(body, rotations=rotations, extra={**body.extra, "per_frame": per_frame})

    def mirror(self, channels: np.ndarray) -> np.ndarray:
        """The same face: which coefficients a mirror changes, only the licensed model could tell. [D]"""
        return channels


def one_jaw(motion: Motion) -> Motion:
    """A motion whose jaw is moved once, for what draws joints and ARKit weights together.

    A model with a learned face turns the jaw, and beside it there are ARKit weights made by rules for the
    formats that know no other face. Where both are there the joint is at rest.
    """
    learned = KEY in motion.extra.get("per_frame", {}) and "jaw" in motion.skeleton.names
    if motion.face is None or not learned:
        return motion
    rotations = motion.rotations.copy()
    rotations[:, motion.skeleton.index("jaw")] = np.eye(3, dtype=np.float32)
    return replace(motion, rotations=rotations)
