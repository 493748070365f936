"""Points in a picture <-> the numbers that networks see.

Contextual Gesture, appendix C: 116 of the 133 points of COCO-WholeBody, 68 of the face (136 channels), and
48 of the body (96): shoulder, elbow and wrist of either arm and 21 of either hand. They are brought to
the person [D]: the origin is the middle between the shoulders and the unit the width of the shoulders,
both the median over the clip, so that leaning and swaying stay; x to the right of the picture, where the
person's left is, y up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..core.errors import UserError

FINGERS = ("thumb", "index", "middle", "ring", "pinky")
SIDES = ("left", "right")
ARMS = tuple(f"{side}_{joint}" for side in SIDES for joint in ("shoulder", "elbow", "wrist"))
HANDS = tuple(
    f"{side}_{part}"
    for side in SIDES
    for part in ("hand", *(f"{finger}{k}" for finger in FINGERS for k in (1, 2, 3, 4)))
)
BODY_POINTS = (*ARMS, *HANDS)  # 48
FACE_SIZE = 68
FACE_POINTS = tuple(f"face_{k}" for k in range(FACE_SIZE))  # in the order of iBUG 300-W
POINTS = (*BODY_POINTS, *FACE_POINTS)  # 116
WRISTS = (BODY_POINTS.index("left_wrist"), BODY_POINTS.index("right_wrist"))
SHOULDERS = (BODY_POINTS.index("left_shoulder"), BODY_POINTS.index("right_shoulder"))
ELBOWS = (BODY_POINTS.index("left_elbow"), BODY_POINTS.index("right_elbow"))
# Where the groups stand in POINTS, the hands left and right.
BODY_SLICE, FACE_SLICE = slice(0, len(BODY_POINTS)), slice(len(BODY_POINTS), len(POINTS))
ARM_SIZE = len(ARMS) // len(SIDES)  # 3 points of an arm: shoulder, elbow, wrist
HAND_SIZE = len(HANDS) // len(SIDES)  # 21 points of a hand: its root, then four of each finger
ARM_SLICES = (slice(0, ARM_SIZE), slice(ARM_SIZE, len(ARMS)))
HAND_SLICES = tuple(slice(first, first + HAND_SIZE) for first in (len(ARMS), len(ARMS) + HAND_SIZE))
MIDDLE_KNUCKLE = 9  # of a hand's points: the first of the middle finger
# Numbers within the face, of iBUG 300-W.
JAW_LINE, LIPS, INNER_LIPS = slice(0, 17), slice(48, 68), range(60, 68)
EYES = (range(36, 42), range(42, 48))  # right, left: corner, two of the upper lid, corner, two of the lower lid
BROWS = (slice(17, 22), slice(22, 27))  # right, left
CHIN, NOSE_BRIDGE = 8, 27
MOUTH_CORNERS = (48, 54)
POINT_RANGE = 16.0  # shoulder widths that a dataset keeps, in steps of 0.0005

# Runs of face points: chin, brows, bridge, nostrils, eyes, lips outside and inside.
_RUNS = ((0, 17), (17, 22), (22, 27), (27, 31), (31, 36), (36, 42), (42, 48), (48, 60), (60, 68))
# The point that each becomes in a mirror.
FACE_MIRROR = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46),
    *(39, 38, 37, 36, 41, 40),
    *range(54, 47, -1),
    *range(59, 54, -1),
    *range(64, 59, -1),
    *range(67, 64, -1),
)


def parents(names: tuple[str, ...]) -> tuple[int, ...]:
    """For every point the index of the one that a line comes from, -1 for none.

    >>> parents(("left_shoulder", "left_elbow", "right_shoulder", "face_0", "face_1"))
    (-1, 0, 0, -1, 3)
    """
    place = {name: index for index, name in enumerate(names)}
    starts = {first for first, _ in _RUNS}
    result = []
    for name in names:
        side, _, rest = name.partition("_")
        if side == "face":
            before = None if int(rest) in starts else f"face_{int(rest) - 1}"
        elif rest[-1] in "234":
            before = f"{side}_{rest[:-1]}{int(rest[-1]) - 1}"
        else:
            before = {
                "shoulder": "left_shoulder" if side == "right" else None,
                "elbow": f"{side}_shoulder",
                "wrist": f"{side}_elbow",
                "hand": f"{side}_wrist",
            }.get(rest, f"{side}_hand")
        result.append(-1 if before is None else place.get(before, -1))
    return tuple(result)


@dataclass(frozen=True)
class ShoulderFrame:
    """Origin and unit of a person's points: pixels of a picture <-> shoulder widths."""

    x: float  # pixels from the left: the middle between the shoulders
    y: float  # pixels from the top
    width: float  # pixels from shoulder to shoulder

    @classmethod
    def of(cls, body: np.ndarray) -> ShoulderFrame:
        """The frame of body points [T, 48, 2] in pixels, the median over the clip.

        Raises:
            UserError: the shoulders lie on one another.
        """
        left, right = body[:, SHOULDERS[0]], body[:, SHOULDERS[1]]
        x, y = np.median((left + right) / 2, axis=0)
        width = float(np.median(np.linalg.norm(left - right, axis=-1)))
        if not width > 1e-3:
            raise UserError("both shoulders are at one point, so there is no measure of size")
        return cls(float(x), float(y), width)

    def normalised(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels [..., 2], y down, -> shoulder widths [..., 2], y up, float32."""
        moved = (np.asarray(pixels, dtype=np.float64) - [self.x, self.y]) / self.width
        return (moved * [1.0, -1.0]).astype(np.float32)

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Shoulder widths [..., 2], y up, -> pixels [..., 2], y down, float64."""
        return np.asarray(points, dtype=np.float64) * [self.width, -self.width] + [self.x, self.y]


@dataclass(frozen=True)
class PointCodec:
    """A modality of the representation ``points``: x and y of each point in turn, in shoulder widths.

    Slices: ``arms`` and ``hands`` of the body; of the face ``frame`` (chin, brows, nose, eyes) and
    ``mouth``.
    """

    modality: str = "body"  # or face

    @property
    def names(self) -> tuple[str, ...]:
        """Of the P points."""
        return BODY_POINTS if self.modality == "body" else FACE_POINTS

    @property
    def slices(self) -> dict[str, slice]:
        """Group -> channels."""
        first, second, split = (
            ("arms", "hands", len(ARMS)) if self.modality == "body" else ("frame", "mouth", LIPS.start)
        )
        return {first: slice(0, 2 * split), second: slice(2 * split, self.channels)}

    @property
    def channels(self) -> int:
        """C: 96 of the body, 136 of the face."""
        return 2 * len(self.names)

    @property
    def seen(self) -> int:
        """All of them."""
        return self.channels

    @property
    def value_range(self) -> dict[str, float]:
        """See ``POINT_RANGE``."""
        return dict.fromkeys(self.slices, POINT_RANGE)

    def encode(self, points: np.ndarray) -> np.ndarray:
        """Normalised points [T, P, 2] -> [T, C] float32.

        Raises:
            UserError: another number of points.
        """
        if points.ndim != 3 or points.shape[1:] != (len(self.names), 2):
            raise UserError(f"expected points [T, {len(self.names)}, 2]; got {list(points.shape)}")
        return points.reshape(len(points), -1).astype(np.float32)

    def decode(self, channels: np.ndarray) -> np.ndarray:
        """[..., C] -> normalised points [..., P, 2]."""
        return channels.reshape(*channels.shape[:-1], len(self.names), 2)

    @cached_property
    def _partner(self) -> np.ndarray:
        if self.modality == "face":
            return np.array(FACE_MIRROR)
        swap = {"left": "right", "right": "left"}
        others = (name.partition("_") for name in self.names)
        return np.array([self.names.index(f"{swap[side]}_{rest}") for side, _, rest in others])

    def mirror(self, channels: np.ndarray) -> np.ndarray:
        """Left-right mirror image of encoded points [..., C]."""
        turned = self.decode(channels)[..., self._partner, :] * np.array([-1, 1], dtype=np.float32)
        return turned.reshape(channels.shape).astype(np.float32)
