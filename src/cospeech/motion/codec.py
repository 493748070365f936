"""Motion <-> the numbers that networks see, [T, C], by named slices.

The body is written as continuous 6D rotations (Zhou et al. 2019) of the joints that gesture, the root
as its displacement from the rest place. What the codec leaves out (legs, jaw, eyes) is rest pose after
decoding; ``posture`` stands or seats the person, ``face`` moves the face. The choice of channels is a
decision of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..core.errors import UserError
from ..core.rotation import matrix_from_6d, matrix_to_6d
from ..core.timing import FPS
from .motion import Motion
from .skeleton import CANONICAL_NAMES, LEFT_HAND, MIRROR, RIGHT_HAND, UPPER_BODY, canonical_skeleton

BODY_JOINTS = tuple(CANONICAL_NAMES[joint] for joint in (0, *UPPER_BODY))
HAND_JOINTS = tuple(CANONICAL_NAMES[joint] for joint in (*LEFT_HAND, *RIGHT_HAND))


@dataclass(frozen=True)
class Codec:
    """Which joints become channels. Slices: ``body``, ``hands`` (6D each), ``root`` (3, metres).

    It is the modality ``body`` of the representations of bodies (``representation.py``).
    """

    body: tuple[str, ...] = BODY_JOINTS
    hands: tuple[str, ...] = HAND_JOINTS

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Name -> channels, in order: body, hands, root."""
        body, hands = 6 * len(self.body), 6 * len(self.hands)
        return {
            "body": slice(0, body),
            "hands": slice(body, body + hands),
            "root": slice(body + hands, body + hands + 3),
        }

    @property
    def channels(self) -> int:
        """C."""
        channels: int = self.slices["root"].stop
        return channels

    @property
    def modality(self) -> str:
        """Its name in a representation."""
        return "body"

    @property
    def seen(self) -> int:
        """Body and hands; where the root is says nothing of a gesture."""
        seen: int = self.slices["hands"].stop
        return seen

    @property
    def value_range(self) -> dict[str, float]:
        """A dataset keeps all groups within [-1, 1]."""
        return dict.fromkeys(self.slices, 1.0)

    @cached_property
    def joints(self) -> list[int]:
        """Canonical indices of the encoded joints, body first."""
        return canonical_skeleton().indices((*self.body, *self.hands))

    def encode(self, motion: Motion) -> np.ndarray:
        """Canonical motion at 30 fps -> [T, C] float32.

        Raises:
            UserError: the motion is on another skeleton or at another rate.
        """
        skeleton = canonical_skeleton()
        if motion.skeleton.names != skeleton.names:
            raise UserError(
                f"expected the canonical {len(skeleton)}-joint skeleton, got one of {len(motion.skeleton)} "
                f"joints; retarget the motion first"
            )
        if abs(motion.fps - FPS) > 1e-3:
            raise UserError(f"expected {FPS} frames a second, got {motion.fps:g}; resample the motion first")
        sixd = matrix_to_6d(motion.rotations[:, self.joints]).reshape(len(motion), -1)
        root = motion.translation - skeleton.offsets[0].astype(np.float32)
        return np.concatenate([sixd, root], axis=-1).astype(np.float32)

    def decode(self, channels: np.ndarray) -> Motion:
        """[T, C] -> canonical motion at 30 fps; joints outside the codec are in rest pose."""
        skeleton = canonical_skeleton()
        frames = len(channels)
        sixd = channels[:, : self.slices["hands"].stop].reshape(frames, -1, 6)
        rotations = np.tile(np.eye(3, dtype=np.float32), (frames, len(skeleton), 1, 1))
        rotations[:, self.joints] = matrix_from_6d(sixd.astype(np.float32))
        translation = channels[:, self.slices["root"]] + skeleton.offsets[0]
        return Motion(skeleton, FPS, rotations, translation.astype(np.float32))

    def orthonormal(self, channels: np.ndarray) -> np.ndarray:
        """Encoded motion [T, C] whose 6D parts are rotations again after blending or averaging."""
        stop = self.slices["hands"].stop
        sixd = channels[:, :stop].reshape(len(channels), -1, 6)
        fixed = matrix_to_6d(matrix_from_6d(sixd)).reshape(len(channels), -1)
        return np.concatenate([fixed, channels[:, stop:]], axis=1).astype(np.float32)

    @cached_property
    def mirror_map(self) -> tuple[np.ndarray, np.ndarray]:
        """(order [C], sign [C]) with ``mirrored = channels[:, order] * sign``."""
        coded = self.joints
        place = {joint: i for i, joint in enumerate(coded)}
        # Mirroring x conjugates R with diag(-1, 1, 1): entries that mix x with y or z change sign.
        # 6D = (m00, m10, m20, m01, m11, m21).
        sign6 = np.array([1, -1, -1, -1, 1, 1], dtype=np.float32)
        order: list[int] = []
        sign: list[float] = []
        for joint in coded:
            other = place[MIRROR[joint]]
            order.extend(range(6 * other, 6 * other + 6))
            sign.extend(sign6)
        base = 6 * len(coded)
        return np.array([*order, base, base + 1, base + 2]), np.array([*sign, -1, 1, 1], dtype=np.float32)

    def mirror(self, channels: np.ndarray) -> np.ndarray:
        """Left-right mirror image of encoded motion [..., C]."""
        order, sign = self.mirror_map
        mirrored: np.ndarray = channels[..., order] * sign
        return mirrored
