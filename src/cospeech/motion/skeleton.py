"""The skeleton: joint names, parents and rest offsets; and the canonical one of this package."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..core.errors import UserError

FINGERS = ("index", "middle", "pinky", "ring", "thumb")


@dataclass(frozen=True, eq=False)
class Skeleton:
    """A tree of joints in rest pose. Rest rotations are identity: every local frame is world-aligned."""

    names: tuple[str, ...]
    parents: tuple[int, ...]  # -1 for the root; a parent stands before its children
    offsets: np.ndarray  # [J, 3] metres, y up: from the parent's origin in rest pose
    ends: tuple[tuple[int, tuple[float, float, float]], ...] = ()  # (joint, offset of its tip), metres

    def __post_init__(self) -> None:
        offsets = np.asarray(self.offsets, dtype=np.float64)
        object.__setattr__(self, "offsets", offsets)
        if not len(self.names) == len(self.parents) == len(offsets):
            raise UserError(
                f"a skeleton needs one name, parent and offset a joint; got {len(self.names)} names, "
                f"{len(self.parents)} parents, {len(offsets)} offsets"
            )
        if len(set(self.names)) != len(self.names):
            twice = sorted({name for name in self.names if self.names.count(name) > 1})
            raise UserError(f"joint names must be unique; these occur twice: {', '.join(twice)}")
        if any(parent >= joint for joint, parent in enumerate(self.parents)) or self.parents[0] != -1:
            raise UserError("joints must be ordered from the root outwards, the root first")

    def __len__(self) -> int:
        return len(self.names)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Skeleton):
            return NotImplemented
        return (
            self.names == other.names
            and self.parents == other.parents
            and np.allclose(self.offsets, other.offsets, atol=1e-6)
        )

    def __hash__(self) -> int:
        return hash((self.names, self.parents))

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    def index(self, name: str) -> int:
        """Index of a joint. Raises UserError with the known names."""
        try:
            return self._index[name]
        except KeyError:
            raise UserError(f"no joint {name!r}; the skeleton has {', '.join(self.names)}") from None

    def indices(self, names: tuple[str, ...] | list[str]) -> list[int]:
        """Indices of several joints."""
        return [self.index(name) for name in names]

    @cached_property
    def rest_positions(self) -> np.ndarray:
        """[J, 3] metres: world positions in rest pose, the root at its own offset."""
        positions = np.zeros_like(self.offsets)
        for joint, parent in enumerate(self.parents):
            positions[joint] = self.offsets[joint] + (positions[parent] if parent >= 0 else 0.0)
        return positions

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """For every joint the indices of its children."""
        return tuple(tuple(j for j, parent in enumerate(self.parents) if parent == joint) for joint in range(len(self)))


# The 55 joints of SMPL-X, in its order.
_BODY = (
    ("pelvis", -1),
    ("left_hip", 0),
    ("right_hip", 0),
    ("spine1", 0),
    ("left_knee", 1),
    ("right_knee", 2),
    ("spine2", 3),
    ("left_ankle", 4),
    ("right_ankle", 5),
    ("spine3", 6),
    ("left_foot", 7),
    ("right_foot", 8),
    ("neck", 9),
    ("left_collar", 9),
    ("right_collar", 9),
    ("head", 12),
    ("left_shoulder", 13),
    ("right_shoulder", 14),
    ("left_elbow", 16),
    ("right_elbow", 17),
    ("left_wrist", 18),
    ("right_wrist", 19),
    ("jaw", 15),
    ("left_eye", 15),
    ("right_eye", 15),
)


def _canonical_tree() -> tuple[tuple[str, ...], tuple[int, ...]]:
    names = [name for name, _ in _BODY]
    parents = [parent for _, parent in _BODY]
    for side, wrist in (("left", 20), ("right", 21)):
        for finger in FINGERS:
            for k in (1, 2, 3):
                parents.append(wrist if k == 1 else len(names) - 1)
                names.append(f"{side}_{finger}{k}")
    return tuple(names), tuple(parents)


CANONICAL_NAMES, CANONICAL_PARENTS = _canonical_tree()

LEFT_HAND = tuple(range(25, 40))
RIGHT_HAND = tuple(range(40, 55))
UPPER_BODY = (3, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21)  # spine to wrists, with neck and head
LOWER_BODY = (1, 2, 4, 5, 7, 8, 10, 11)


def mirror_name(name: str) -> str:
    """The joint on the other side: left_* <-> right_*; the middle ones stay.

    >>> mirror_name("left_wrist"), mirror_name("neck")
    ('right_wrist', 'neck')
    """
    if name.startswith("left_"):
        return "right_" + name[5:]
    if name.startswith("right_"):
        return "left_" + name[6:]
    return name


MIRROR = tuple(CANONICAL_NAMES.index(mirror_name(name)) for name in CANONICAL_NAMES)


def _canonical_offsets() -> np.ndarray:
    from .canonical_offsets import OFFSETS

    return np.array([OFFSETS[name] for name in CANONICAL_NAMES], dtype=np.float64)


_CANONICAL: Skeleton | None = None


def canonical_skeleton() -> Skeleton:
    """The package's own skeleton: SMPL-X joint names and tree, offsets of the default avatar.

    T-pose, arms along +-x, palms down, facing +z, soles at y = 0, so that the pelvis offset is its
    height above the floor.
    """
    global _CANONICAL
    if _CANONICAL is None:
        _CANONICAL = Skeleton(CANONICAL_NAMES, CANONICAL_PARENTS, _canonical_offsets())
    return _CANONICAL
