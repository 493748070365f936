"""Which encoders a dataset or a model was made with, what an encoder offers, how its columns are called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from ...core.errors import UserError
from ..speech import Speech

# Arrays beside the 48 features, in the order in which they follow them.
SPEECH, WORDS = "speech_encoding", "words"
KINDS = (SPEECH, WORDS)
PRECISIONS = ("float32", "bfloat16")
_LAYER = re.compile(r"last|\d+|mean:[1-9]\d*")


@dataclass(frozen=True)
class EncoderSettings:
    """An encoder, so exactly that its columns can be made again.

    Raises:
        UserError: a layer or precision that there is not.
    """

    name: str  # of Hugging Face, or a folder
    layer: str = "last"  # "last", a number (0: what enters the first block), or "mean:K" of the last K
    precision: str = "float32"  # of the matrix products; or bfloat16
    width: int = 0  # W, columns; known once it is opened
    weights: str = ""  # eight hex digits of the weights; known once it is opened

    def __post_init__(self) -> None:
        if not _LAYER.fullmatch(self.layer):
            raise UserError(f"no layer is called {self.layer!r}; give last, a number from 0, or mean:K for the last K")
        if self.precision not in PRECISIONS:
            raise UserError(f"no precision is called {self.precision!r}; give {' or '.join(PRECISIONS)}")


class Encoder(Protocol):
    """Columns for every frame of a speech. ``open_encoder`` makes one; so may you."""

    settings: EncoderSettings

    def states(self, speech: Speech) -> np.ndarray:
        """What the network makes of a speech, [S, W] float32: a row a step of its own, or a word."""
        ...

    def frames(self, states: np.ndarray, speech: Speech, *, count: int, start: float = 0.0) -> np.ndarray:
        """[count, W] float32: the states at frames, 30 a second, of which the first is at ``start`` s."""
        ...

    def encode(self, speech: Speech) -> np.ndarray:
        """[T, W] float32 for the T frames of a speech, frame i at i / 30 s."""
        ...


def describe(encoders: Mapping[str, Encoder]) -> dict[str, dict[str, Any]]:
    """Encoders by kind, as the header of a dataset and config.json of a model say them."""
    return {kind: asdict(encoders[kind].settings) for kind in KINDS if kind in encoders}


def read_encoders(text: Any, where: object) -> dict[str, EncoderSettings]:
    """The settings of what ``describe`` wrote.

    Args:
        text: as read from JSON; None, or nothing in it, means no encoders.
        where: the file, for messages.
    Raises:
        UserError: an unknown kind or key, or a value that cannot be.
    """
    known = {field.name: str(field.type) for field in fields(EncoderSettings)}
    kinds = {"str": str, "int": int}
    if text is None:
        return {}
    if not isinstance(text, dict) or set(text) - set(KINDS):
        raise UserError(f"{where}: encoders must give settings for {' and '.join(KINDS)}; got {text!r:.80}")
    result = {}
    for kind in KINDS:
        if kind not in text:
            continue
        own = text[kind]
        if not isinstance(own, dict) or set(own) != set(known):
            raise UserError(f"{where}: encoders.{kind} must give {', '.join(known)}; got {own!r:.80}")
        for key, value in own.items():
            if type(value) is not kinds[known[key]]:
                raise UserError(f"{where}: encoders.{kind}.{key} must be {known[key]}; got {value!r:.80}")
        if own["width"] < 1:
            raise UserError(f"{where}: encoders.{kind}.width must be 1 or more; got {own['width']}")
        result[kind] = EncoderSettings(**own)
    return result


def input_slices(features: int, encoders: Mapping[str, EncoderSettings]) -> Mapping[str, slice]:
    """Named columns of what a network reads of speech: the features, then each encoder's.

    >>> input_slices(48, {"words": EncoderSettings("roberta-base", width=768)})["words"]
    slice(48, 816, None)
    """
    slices, start = {"features": slice(0, features)}, features
    for kind in KINDS:
        if kind in encoders:
            slices[kind] = slice(start, start + encoders[kind].width)
            start += encoders[kind].width
    return MappingProxyType(slices)
