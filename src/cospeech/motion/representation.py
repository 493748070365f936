"""Representations: what networks see of a motion, by modality.

The paper has separate encoders and tokenizers for body (with hands) and face (sections 3.1 and 3.2). A
representation says which modalities there are and which channels each has, and every modality is learned by
networks of its own:

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


class ModalityCodec(Protocol):
    """The channels of one modality of a representation, by named groups."""

    @property
    def modality(self) -> str:
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
    def value_range(self) -> dict[str, float]:
        """Group -> the largest value that a dataset keeps, in the channels' unit."""
        ...

    def mirror(self, channels: np.ndarray) -> np.ndarray:
        """Left-right mirror image of encoded motion [..., C], as far as it is known."""
        ...


@dataclass(frozen=True)
class Representation:
    """A representation and its modalities, in the order of their columns."""

    name: str
    modalities: tuple[ModalityCodec, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the modalities."""
        return tuple(codec.modality for codec in self.modalities)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Modality -> its columns among all."""
        result, start = {}, 0
        for codec in self.modalities:
            result[codec.modality] = slice(start, start + codec.channels)
            start += codec.channels
        return result

    @property
    def channels(self) -> int:
        """Columns of all modalities together."""
        return sum(codec.channels for codec in self.modalities)

    @cached_property
    def value_range(self) -> np.ndarray:
        """[C] float32: the largest value of every column that a dataset keeps."""
        values = np.empty(self.channels, dtype=np.float32)
        for codec in self.modalities:
            own = values[self.slices[codec.modality]]
            for group, columns in codec.slices.items():
                own[columns] = codec.value_range[group]
        return values

    def modality(self, name: str) -> ModalityCodec:
        """A modality by name. Raises UserError with those that there are."""
        for codec in self.modalities:
            if codec.modality == name:
                return codec
        raise UserError(
            f"there is no modality {name!r} in the representation {self.name!r}; it has {', '.join(self.names)}"
        )

    def describe(self) -> dict[str, Any]:
        """As a dataset's header and a model's config keep it: the name, and the columns of every modality."""
        columns = {name: [own.start, own.stop] for name, own in self.slices.items()}
        return {"name": self.name, "parts": columns}


def representation(name: str, modalities: Sequence[str] | None = None) -> Representation:
    """A representation by name.

    Args:
        modalities: those that are needed, the body first; all unless given.
    Raises:
        UserError: an unknown representation, or modalities that it cannot have.
    """
    if name not in REPRESENTATIONS:
        raise UserError(f"unknown representation {name!r}; known: {', '.join(REPRESENTATIONS)}")
    known: dict[str, ModalityCodec] = {"body": PointCodec("body") if name == "points" else Codec()}
    if name != "body":
        known["face"] = PointCodec("face") if name == "points" else ExpressionCodec()
    chosen = tuple(known) if modalities is None else tuple(modalities)
    if chosen not in (("body",), tuple(known)) or (name == "smplx" and len(chosen) == 1):
        raise UserError(
            f"the representation {name!r} has the modalities {', '.join(known)}; got {', '.join(chosen) or 'none'}"
        )
    return Representation(name, tuple(known[modality] for modality in chosen))


def read_representation(described: Mapping[str, Any] | None, where: object) -> Representation:
    """The representation of a dataset's header or a model's config; the canonical body where it says nothing.

    Args:
        where: the file, for the message.
    Raises:
        UserError: an unknown representation, or columns that are not those of this version.
    """
    if described is None:
        return representation("body")
    try:
        found = representation(str(described["name"]), tuple(described["parts"]))
        same = found.describe() == {"name": found.name, "parts": dict(described["parts"])}
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{where} names no representation that can be read ({error}); make it again") from None
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    if not same:
        raise UserError(
            f"{where} has other columns in the representation {found.name!r} than this version; make it again"
        )
    return found
