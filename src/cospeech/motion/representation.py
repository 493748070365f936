"""Spaces: what networks see of a motion, by named parts.

The paper has separate encoders and tokenizers for body (with hands) and face (sections 3.1 and 3.2). A
space says which parts there are and which channels each has, and every part is learned by networks of
its own:

- ``body``: the canonical body (``codec.Codec``). The face is made by rules.
- ``smplx``: that body, and the face as SMPL-X has it (``expressions.ExpressionCodec``), for BEAT2.
- ``points``: points in a picture (``points.PointCodec``), arms and hands, and the face where a corpus
  has it, for PATS and for recordings of one's own.

The body comes first in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from ..core.errors import UserError
from .codec import Codec
from .expressions import ExpressionCodec
from .points import PointCodec

REPRESENTATIONS = ("body", "smplx", "points")


class PartCodec(Protocol):
    """The channels of one part of a space, by named groups."""

    @property
    def part(self) -> str:
        """Its name: body or face."""
        ...

    @property
    def slices(self) -> dict[str, slice]:
        """Group -> channels, in order."""
        ...

    @property
    def channels(self) -> int:
        """C."""
        ...

    @property
    def seen(self) -> int:
        """So many channels, the first ones, are what the alignment sees."""
        ...

    @property
    def reach(self) -> dict[str, float]:
        """Group -> the largest value that a dataset keeps, in the channels' unit."""
        ...

    def mirror(self, channels: np.ndarray) -> np.ndarray:
        """Left-right mirror image of coded motion [..., C], as far as it is known."""
        ...


@dataclass(frozen=True)
class Representation:
    """A space and its parts, in the order of their columns."""

    name: str
    parts: tuple[PartCodec, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parts."""
        return tuple(part.part for part in self.parts)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Part -> its columns among all."""
        result, start = {}, 0
        for part in self.parts:
            result[part.part] = slice(start, start + part.channels)
            start += part.channels
        return result

    @property
    def channels(self) -> int:
        """Columns of all parts together."""
        return sum(part.channels for part in self.parts)

    @cached_property
    def reach(self) -> np.ndarray:
        """[C] float32: the largest value of every column that a dataset keeps."""
        values = np.empty(self.channels, dtype=np.float32)
        for part in self.parts:
            own = values[self.slices[part.part]]
            for group, columns in part.slices.items():
                own[columns] = part.reach[group]
        return values

    def part(self, name: str) -> PartCodec:
        """A part by name. Raises UserError with those that there are."""
        for part in self.parts:
            if part.part == name:
                return part
        raise UserError(f"there is no part {name!r} in the space {self.name!r}; it has {', '.join(self.names)}")

    def describe(self) -> dict[str, Any]:
        """As a dataset's header and a model's config keep it: the name, and every part's columns."""
        columns = {name: [own.start, own.stop] for name, own in self.slices.items()}
        return {"name": self.name, "parts": columns}


def representation(name: str, parts: Sequence[str] | None = None) -> Representation:
    """A space by name.

    Args:
        parts: those that are wanted, the body first; all unless given.
    Raises:
        UserError: an unknown space, or parts that it cannot have.
    """
    if name not in REPRESENTATIONS:
        raise UserError(f"unknown space {name!r}; known: {', '.join(REPRESENTATIONS)}")
    known: dict[str, PartCodec] = {"body": PointCodec("body") if name == "points" else Codec()}
    if name != "body":
        known["face"] = PointCodec("face") if name == "points" else ExpressionCodec()
    chosen = tuple(known) if parts is None else tuple(parts)
    if chosen not in (("body",), tuple(known)) or (name == "smplx" and len(chosen) == 1):
        raise UserError(f"the space {name!r} has the parts {', '.join(known)}; got {', '.join(chosen) or 'none'}")
    return Representation(name, tuple(known[part] for part in chosen))


def read_representation(described: Mapping[str, Any] | None, where: object) -> Representation:
    """The space of a dataset's header or a model's config; the canonical body where it says nothing.

    Args:
        where: the file, for the message.
    Raises:
        UserError: an unknown space, or columns that are not those of this version.
    """
    if described is None:
        return representation("body")
    try:
        found = representation(str(described["name"]), tuple(described["parts"]))
        same = found.describe() == {"name": found.name, "parts": dict(described["parts"])}
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{where} names no space that can be read ({error}); make it again") from None
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    if not same:
        raise UserError(f"{where} has other columns in the space {found.name!r} than this version; make it again")
    return found
