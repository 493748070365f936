"""Named gestures as data: where hands go, how they are turned and shaped, what head, shoulders and face do.

A gesture is a few moments (``HandKey``) of one hand, or of both, about the moment at which its stroke is fastest, time
0 (Kendon, Gesture, 2004, has the phases: preparation, stroke, hold, retraction). Preparation and retraction are not
part of it: they lead from and to whatever the body does (``perform``).

Places are in the frame of the chest (the joint spine3) in metres, as (outwards, up, ahead), where outwards is to the
side of the hand that they are of, so that a gesture of the right hand is that of the left hand mirrored. The numbers
are decisions of ours, by looking.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from ...core.errors import UserError, did_you_mean
from ..face_shapes import ARKIT_INDEX, ARKIT_NAMES
from ..procedural.hand_shapes import HandShape
from .recorded import Recording
from .shapes import SHAPES

Vector = tuple[float, float, float]
KINDS = ("emblem", "deictic", "iconic", "metaphoric", "discourse", "head")
SIDES = ("free", "left", "right")
LONGEST = 30.0  # seconds from the stroke that a key may be
FARTHEST = 0.8  # metres from the chest joint that a wrist is asked to go
MOST_TURN = 60.0  # degrees that a key may turn head or trunk
_DIRECTIONS: Mapping[str, Vector] = {
    "out": (1, 0, 0),
    "in": (-1, 0, 0),
    "up": (0, 1, 0),
    "down": (0, -1, 0),
    "ahead": (0, 0, 1),
    "back": (0, 0, -1),
}


def direction(text: str | Sequence[float]) -> Vector:
    """A unit vector (outwards, up, ahead) from words, each with a factor if one is wanted, or from three numbers.

    >>> direction("up"), direction("ahead .5down"), direction((0, 3, 0))
    ((0.0, 1.0, 0.0), (0.0, -0.447, 0.894), (0.0, 1.0, 0.0))

    Raises:
        UserError: a word that is no direction, or none at all.
    """
    total = _summed(text) if isinstance(text, str) else np.array(text, dtype=np.float64)
    length = float(np.linalg.norm(total)) if total.shape == (3,) else 0.0
    if not 1e-6 < length < np.inf:
        raise UserError(f"the direction {text!r} points nowhere; give one as in 'ahead .5down', or three numbers")
    x, y, z = (total / length).round(3).tolist()
    return (x, y, z)


def _summed(text: str) -> np.ndarray:
    total = np.zeros(3)
    for word in text.split():
        name = word.lstrip("0123456789.")
        factor = word[: len(word) - len(name)]
        if name not in _DIRECTIONS:
            raise UserError(f"unknown direction {word!r}; known: {', '.join(_DIRECTIONS)}, as in 'ahead .5down'")
        total += float(factor or 1) * np.array(_DIRECTIONS[name])
    return total


@dataclass(frozen=True)
class HandKey:
    """Where a hand is at a moment."""

    time: float  # seconds from the fastest moment of the stroke, at the usual speed
    at: Vector  # the wrist: metres outwards, up and ahead of the chest joint
    fingers: str | Vector  # where the fingers point, as ``direction`` reads it
    palm: str | Vector  # where the palm looks
    shape: str = "palm"  # of the hand, a name of SHAPES
    lift: float = 0.0  # degrees by which the elbow is lifted beyond where it is at ease

    def __post_init__(self) -> None:
        _check_range("time of a key", self.time, -LONGEST, LONGEST, " s")
        _check_range("lift of a key", self.lift, -30, 90, " degrees")
        if not np.linalg.norm(self.at) <= FARTHEST:
            raise UserError(f"at is {list(self.at)}; give a place at most {FARTHEST:g} metres from the chest")
        across = np.cross(direction(self.fingers), direction(self.palm))
        if np.linalg.norm(across) < 0.2:
            raise UserError(f"fingers {self.fingers!r} and palm {self.palm!r} must be square to each other")
        if self.shape not in SHAPES:
            raise UserError(f"unknown hand shape {self.shape!r}; known: {', '.join(SHAPES)}")

    @property
    def hand_shape(self) -> HandShape:
        """How the fingers are."""
        return SHAPES[self.shape]


@dataclass(frozen=True)
class TurnKey:
    """How far a part is turned away from where it would be, at a moment."""

    time: float  # seconds, as in HandKey
    pitch: float = 0.0  # degrees down to the front
    yaw: float = 0.0  # degrees to the side of the hand that leads, or that would lead
    roll: float = 0.0  # degrees tilted to that side

    def __post_init__(self) -> None:
        _check_range("time of a key", self.time, -LONGEST, LONGEST, " s")
        for name in ("pitch", "yaw", "roll"):
            _check_range(name, getattr(self, name), -MOST_TURN, MOST_TURN, " degrees")


@dataclass(frozen=True)
class Gesture:
    """A gesture that has a name."""

    name: str
    means: str  # what it says, in a few words
    kind: str = "iconic"  # one of KINDS
    hand: tuple[HandKey, ...] = ()  # of the hand that leads
    other: tuple[HandKey, ...] = ()  # of the other one, if it does something else
    mirrored: bool = False  # the other hand does the same
    side: str = "free"  # of the hand that leads, one of SIDES: what points to the left is no matter of chance
    cycle: tuple[int, int] | None = None  # first and last of the keys that are repeated
    repeats: int = 1  # how often they come, usually
    hold: float = 0.4  # seconds for which its end is held, usually
    head: tuple[TurnKey, ...] = ()
    trunk: tuple[TurnKey, ...] = ()
    shoulders: float = 0.0  # degrees by which they are raised
    face: Mapping[str, float] = field(default_factory=dict)  # weights of ARKit shapes, both sides where none is named
    aims: bool = False  # takes a direction to point in
    exact: bool = False  # touches something or counts: its size and place hardly vary
    aliases: tuple[str, ...] = ()
    recording: Recording | None = None  # a motion instead of keys of hands

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UserError(f"{self.name}: unknown kind {self.kind!r}; known: {', '.join(KINDS)}")
        if self.side not in SIDES:
            raise UserError(f"{self.name}: unknown side {self.side!r}; known: {', '.join(SIDES)}")
        if not (self.hand or self.head or self.trunk or self.shoulders or self.recording):
            raise UserError(f"{self.name} moves nothing; give keys of a hand or of the head")
        _check_range(f"{self.name}: hold", self.hold, 0, 10, " s")
        _check_range(f"{self.name}: repeats", self.repeats, 1, 20)
        _check_range(f"{self.name}: shoulders", self.shoulders, 0, 40, " degrees")
        self._check_face()
        self._check_keys()
        object.__setattr__(self, "face", MappingProxyType(dict(self.face)))

    def _check_face(self) -> None:
        for shape, weight in self.face.items():
            if shape not in ARKIT_INDEX and f"{shape}Left" not in ARKIT_INDEX:
                known = {re.sub("(Left|Right)$", "", name): None for name in ARKIT_NAMES}
                raise UserError(f"{self.name}: unknown face shape {shape!r}; {did_you_mean(shape, known)}")
            _check_range(f"{self.name}: {shape}", weight, 0, 1)

    def _check_keys(self) -> None:
        for keys in (self.hand, self.other, self.head, self.trunk):
            times = [key.time for key in keys]
            if any(b - a < 0.05 for a, b in pairwise(times)):
                raise UserError(f"{self.name}: times of keys must rise by 0.05 s at least; got {times}")
        if self.cycle is not None and not 0 < self.cycle[0] <= self.cycle[1] < self._keys:
            raise UserError(
                f"{self.name}: cycle {list(self.cycle)} must be first and last of the keys 1 to {self._keys - 1}"
            )

    @property
    def _keys(self) -> int:
        return len(self.hand or self.head)

    @property
    def hands(self) -> str:
        """How many hands take part: "one", "both" or "none"."""
        if self.recording is not None:
            return "both" if len(self.recording.sides) == 2 else "one"
        return "none" if not self.hand else "both" if self.mirrored or self.other else "one"

    def repeated(self, count: int) -> Gesture:
        """The gesture with its cycle ``count`` times; as it is if nothing is repeated in it."""
        if self.cycle is None or count == 1:
            return self
        hand, other, head = (_cycled(keys, self.cycle, count) for keys in (self.hand, self.other, self.head))
        return replace(self, hand=hand, other=other, head=head, cycle=None)


def _check_range(name: str, value: float, least: float, most: float, unit: str = "") -> None:
    if not least <= value <= most:
        raise UserError(f"{name} is {value:g}; give {least:g} to {most:g}{unit}")


def _cycled(keys: Sequence[Any], cycle: tuple[int, int], count: int) -> tuple[Any, ...]:
    first, last = cycle
    if len(keys) <= last:
        return tuple(keys)
    period = keys[last].time - keys[first - 1].time
    result = list(keys[: last + 1])
    for k in range(1, count):
        result += [replace(key, time=key.time + k * period) for key in keys[first : last + 1]]
    later = (count - 1) * period
    return (*result, *(replace(key, time=key.time + later) for key in keys[last + 1 :]))
